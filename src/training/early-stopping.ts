// Which epoch was best, and when to stop waiting for a better one. Each metric knows its direction.

import { isHigherBetter, type Metric } from "../metrics/metrics.ts";

/** Watches one validation metric over the epochs. */
export class EarlyStopping {
  readonly #sign: number;
  readonly #patience: number;
  #best = Infinity;
  #bestEpoch: number | null = null;
  #waited = 0;

  /**
   * @param monitor The metric to watch.
   * @param patience Epochs without improvement to bear; Infinity never stops.
   */
  constructor(monitor: Metric | "loss", patience: number) {
    this.#sign = isHigherBetter(monitor) ? -1 : 1;
    this.#patience = patience;
  }

  /**
   * Takes the epoch's value; returns whether it is the best so far. The first of equals stays best; NaN never
   * is.
   */
  observe(epoch: number, value: number): boolean {
    const better = this.#sign * value < this.#best;
    this.#waited = better ? 0 : this.#waited + 1;
    if (better) [this.#best, this.#bestEpoch] = [this.#sign * value, epoch];
    return better;
  }

  /** The best epoch so far; null before the first. */
  get bestEpoch(): number | null {
    return this.#bestEpoch;
  }

  /** Whether patience has run out. */
  get shouldStop(): boolean {
    return this.#waited >= this.#patience;
  }
}
