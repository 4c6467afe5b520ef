// Copies of a model in training: its state after the last good epoch, and its state after the best epoch.

import type { Trainer } from "./trainer.ts";

/** One copy of the parameters, the optimizer's state and the counters. */
class Checkpoint {
  #tensors: Float32Array[] = [];
  #counters = { steps: 0, epochs: 0 };

  capture(trainer: Trainer): void {
    const now = tensorsOf(trainer);
    if (this.#tensors.length === 0) this.#tensors = now.map((data) => data.slice());
    else now.forEach((data, i) => this.#tensors[i].set(data));
    const { steps, epochs } = trainer.record;
    this.#counters = { steps, epochs };
  }

  restore(trainer: Trainer): void {
    tensorsOf(trainer).forEach((data, i) => data.set(this.#tensors[i]));
    Object.assign(trainer.record, this.#counters);
    trainer.predictor.network.parameters.markChanged();
  }
}

function tensorsOf({ predictor, trained }: Trainer): Float32Array[] {
  const states = trained.flatMap(({ state }) => (state ? [state.data] : []));
  return [...predictor.network.parameters.all.map(({ value }) => value.data), ...states];
}

/**
 * Keeps the last good epoch and the best epoch. Both share one copy while they are the same epoch, so there
 * are never more than two copies.
 */
export class Checkpoints {
  #last: Checkpoint | null = null;
  #best: Checkpoint | null = null;
  /** A copy that is no longer needed. The next capture overwrites it. */
  #spare: Checkpoint | null = null;

  /**
   * Copies the state of the epoch that just ended.
   *
   * @param trainer The model in training.
   * @param isBest Whether this epoch is also kept as the best one.
   */
  capture(trainer: Trainer, isBest: boolean): void {
    const target =
      this.#last !== null && this.#last !== this.#best ? this.#last : (this.#spare ?? new Checkpoint());
    target.capture(trainer);
    this.#last = target;
    if (!isBest) return;
    this.#spare = this.#best;
    this.#best = target;
  }

  /**
   * Puts the model back to the last good epoch. Without a copy nothing happens.
   *
   * @param trainer The model in training.
   */
  restoreLast(trainer: Trainer): void {
    this.#last?.restore(trainer);
  }

  /**
   * Puts the model back to the best epoch. Without a copy nothing happens.
   *
   * @param trainer The model in training.
   */
  restoreBest(trainer: Trainer): void {
    this.#best?.restore(trainer);
  }
}
