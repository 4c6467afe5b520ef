// Copies of a model in training: the state after the last good epoch, and the state after the best one.

import type { Trainer } from "./trainer.ts";

/** One copy of parameters, optimizer state and counters. */
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

/** The last good and the best epoch, in two copies at most: while they are the same epoch, in one. */
export class Checkpoints {
  #last: Checkpoint | null = null;
  #best: Checkpoint | null = null;
  #spare: Checkpoint | null = null;

  /** Captures the epoch that just ended as the last good one, and as the best if it is. */
  capture(trainer: Trainer, isBest: boolean): void {
    const target =
      this.#last !== null && this.#last !== this.#best ? this.#last : (this.#spare ?? new Checkpoint());
    target.capture(trainer);
    this.#last = target;
    if (!isBest) return;
    this.#spare = this.#best;
    this.#best = target;
  }

  /** Goes back to the last good epoch, if there was one. */
  restoreLast(trainer: Trainer): void {
    this.#last?.restore(trainer);
  }

  /** Goes back to the best epoch, if one was captured as such. */
  restoreBest(trainer: Trainer): void {
    this.#best?.restore(trainer);
  }
}
