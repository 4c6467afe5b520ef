// Early stopping: finds the best epoch by one validation metric, and says when training should stop because
// no better epoch came for some time. Errors and losses are minimized, all other metrics are maximized.

import { isHigherBetter, type Metric } from "../metrics/metrics.ts";

/** Watches one validation metric over the epochs. */
export class EarlyStopping {
  readonly #sign: number;
  readonly #patience: number;
  #best = Infinity;
  #bestEpoch: number | null = null;
  #waited = 0;

  /**
   * Starts before the first epoch.
   *
   * @param monitor The metric to watch.
   * @param patience Number of epochs without improvement after which training stops, at least 1. Infinity:
   *   training never stops early.
   */
  constructor(monitor: Metric | "loss", patience: number) {
    this.#sign = isHigherBetter(monitor) ? -1 : 1;
    this.#patience = patience;
  }

  /**
   * Records the value of an epoch.
   *
   * @param epoch Number of the epoch.
   * @param value Value of the metric in this epoch. NaN is never the best.
   * @returns Whether this epoch is the best so far. Of equal epochs the first stays the best.
   */
  observe(epoch: number, value: number): boolean {
    const better = this.#sign * value < this.#best;
    this.#waited = better ? 0 : this.#waited + 1;
    if (better) [this.#best, this.#bestEpoch] = [this.#sign * value, epoch];
    return better;
  }

  /** Number of the best epoch so far; null if there is none. */
  get bestEpoch(): number | null {
    return this.#bestEpoch;
  }

  /** Whether `patience` epochs in a row brought no improvement. */
  get shouldStop(): boolean {
    return this.#waited >= this.#patience;
  }
}
