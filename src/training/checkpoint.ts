// Copies of a model in training: its state after the last good epoch, and its state at the best check.

import type { SavedState } from "./resumption.ts";
import { FLOATS_PER_PAUSE, type Trainer } from "./trainer.ts";

/** One copy of the parameters, the optimizer's state and the counters. */
class Checkpoint {
  #tensors: readonly Float32Array[] = [];
  #counters = { steps: 0, epochs: 0 };

  /** Copies the state. Yields now and then. The model must not change meanwhile; its memory may move. */
  *capture(trainer: Trainer, epochs: number): Generator<void, void> {
    const { tensors } = trainer;
    if (this.#tensors.length === 0) this.#tensors = tensors.map(({ data }) => new Float32Array(data.length));
    this.#counters = { steps: trainer.record.steps, epochs };
    for (const [i, tensor] of tensors.entries()) {
      const copy = this.#tensors[i];
      for (let start = 0; start < copy.length; start += FLOATS_PER_PAUSE) {
        copy.set(tensor.data.subarray(start, start + FLOATS_PER_PAUSE), start);
        yield;
      }
    }
  }

  get state(): SavedState {
    return { tensors: this.#tensors, ...this.#counters };
  }

  set state({ tensors, steps, epochs }: SavedState) {
    this.#tensors = tensors;
    this.#counters = { steps, epochs };
  }

  restore(trainer: Trainer): void {
    trainer.tensors.forEach(({ data }, i) => data.set(this.#tensors[i]));
    Object.assign(trainer.record, this.#counters);
    trainer.predictor.network.parameters.markChanged();
  }
}

/**
 * Keeps the last good epoch and the best state. Both share one copy while they are the same, so there are
 * never more than two copies. A generator that has begun to copy must be run to its end.
 */
export class Checkpoints {
  #last: Checkpoint | null = null;
  #best: Checkpoint | null = null;
  /** A copy that is no longer needed. The next capture overwrites it. */
  #spare: Checkpoint | null = null;

  /**
   * Copies the state of the epoch that just ended. Yields now and then.
   *
   * @param trainer The model in training.
   * @param isBest Whether this state is also kept as the best one.
   */
  *capture(trainer: Trainer, isBest: boolean): Generator<void, void> {
    const target = this.#last !== null && this.#last !== this.#best ? this.#last : this.#free();
    yield* target.capture(trainer, trainer.record.epochs);
    this.#last = target;
    if (!isBest) return;
    this.#spare = this.#best;
    this.#best = target;
  }

  /**
   * Copies a state within an epoch as the best one. The epoch counts as begun. Yields now and then.
   *
   * @param trainer The model in training.
   * @param epochs Number of epochs that the state counts as having behind it.
   */
  *captureBest(trainer: Trainer, epochs: number): Generator<void, void> {
    const target = this.#best !== null && this.#best !== this.#last ? this.#best : this.#free();
    yield* target.capture(trainer, epochs);
    this.#best = target;
  }

  /** The best state; null without one. It is valid until the next capture. */
  get best(): SavedState | null {
    return this.#best && this.#best.state;
  }

  set best(state: SavedState | null) {
    this.#best = state && new Checkpoint();
    if (state !== null) this.#best!.state = state;
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
   * Puts the model back to the best state. Without a copy nothing happens.
   *
   * @param trainer The model in training.
   */
  restoreBest(trainer: Trainer): void {
    this.#best?.restore(trainer);
  }

  #free(): Checkpoint {
    const free = this.#spare ?? new Checkpoint();
    this.#spare = null;
    return free;
  }
}
