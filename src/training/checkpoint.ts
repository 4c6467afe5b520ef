// Copies of a model in training, to which it goes back. Most models have two: the state after the last good
// epoch, and the state at the best check, each with the optimizer's state. A large model has one copy, of the
// parameters alone: at the best check, or before its first step.

import type { SavedState } from "./resumption.ts";
import { FLOATS_PER_PAUSE, type Trainer } from "./trainer.ts";

/** From so many bytes on, of parameters and the optimizer's state, a model is large. */
export const LARGE_MODEL: number = 2 ** 28;

/** One copy of the parameters, the optimizer's state unless the model is large, and the counters. */
class Checkpoint {
  #tensors: readonly Float32Array[] = [];
  #counters = { steps: 0, epochs: 0 };

  /** Copies the state. Yields now and then. The model must not change meanwhile; its memory may move. */
  *capture(trainer: Trainer, epochs: number, isLarge: boolean): Generator<void, void> {
    const tensors = isLarge ? trainer.parameters : trainer.tensors;
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
    const { tensors } = trainer;
    this.#tensors.forEach((copy, i) => tensors[i].data.set(copy));
    Object.assign(trainer.record, this.#counters);
    trainer.predictor.network.parameters.markChanged();
  }
}

/**
 * Keeps the states to which training can go back. The last good epoch and the best state share one copy while
 * they are the same, so there are never more than two copies. A generator that has begun to copy must be run
 * to its end.
 */
export class Checkpoints {
  readonly #isLarge: boolean;
  #last: Checkpoint | null = null;
  #best: Checkpoint | null = null;
  /** A copy that is no longer needed. The next capture overwrites it. */
  #spare: Checkpoint | null = null;

  /** @param isLarge Whether there is room for one copy of the parameters alone. */
  constructor(isLarge: boolean) {
    this.#isLarge = isLarge;
  }

  /**
   * Copies the state of the epoch that just ended, or of the model before the first one. Of a large model it
   * is copied only if it is the best one. Yields now and then.
   *
   * @param trainer The model in training.
   * @param isBest Whether this state is also kept as the best one.
   */
  *capture(trainer: Trainer, isBest: boolean): Generator<void, void> {
    const { epochs } = trainer.record;
    if (this.#isLarge) {
      if (isBest) yield* this.captureBest(trainer, epochs);
      return;
    }
    const target = this.#last !== null && this.#last !== this.#best ? this.#last : this.#free();
    yield* target.capture(trainer, epochs, false);
    this.#last = target;
    if (!isBest) return;
    this.#spare = this.#best;
    this.#best = target;
  }

  /**
   * Copies the state of a model that is trained further, before its first step, so that the training can be
   * undone. Yields now and then.
   */
  *captureStart(trainer: Trainer): Generator<void, void> {
    if (this.#last !== null) return; // a large model goes back to the best state of an earlier process
    this.#last = new Checkpoint();
    yield* this.#last.capture(trainer, trainer.record.epochs, this.#isLarge);
  }

  /**
   * Copies a state within an epoch as the best one. The epoch counts as begun. Yields now and then.
   *
   * @param trainer The model in training.
   * @param epochs Number of epochs that the state counts as having behind it.
   */
  *captureBest(trainer: Trainer, epochs: number): Generator<void, void> {
    // A large model has one copy for both.
    const target = this.#isLarge
      ? (this.#last ?? new Checkpoint())
      : this.#best !== null && this.#best !== this.#last
        ? this.#best
        : this.#free();
    yield* target.capture(trainer, epochs, this.#isLarge);
    this.#best = target;
    if (this.#isLarge) this.#last = target;
  }

  /** The best state; null without one. It is valid until the next capture. */
  get best(): SavedState | null {
    return this.#best && this.#best.state;
  }

  set best(state: SavedState | null) {
    this.#best = state && new Checkpoint();
    if (state !== null) this.#best!.state = state;
    if (this.#isLarge) this.#last = this.#best;
  }

  /**
   * Puts the model back to the last good epoch; a large one to the best check, or to the start if it is
   * trained further. The optimizer's state of a large model starts anew.
   *
   * @param trainer The model in training.
   * @returns False if there is no copy; the model is then in no good state.
   */
  restoreLast(trainer: Trainer): boolean {
    if (this.#last === null) return false;
    this.#last.restore(trainer);
    if (this.#isLarge) trainer.clearState();
    return true;
  }

  /**
   * Puts the model back to the best state. Without a copy nothing happens. The optimizer's state of a large
   * model stays as it is.
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
