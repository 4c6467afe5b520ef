// The state of a `fit` between two epochs, so that a process that was killed can go on in another one.
// Together with a model file that has the optimizer's state, it gives the same bits as a `fit` without a
// break.

import type { CheckRecord } from "./early-stopping.ts";
import type { EpochRecord } from "./progress.ts";

/** A copy of the tensors that training changes, and of the counters. */
export interface SavedState {
  /** The parameters, then the optimizer's state, each as it lies in memory. */
  readonly tensors: readonly Float32Array[];
  readonly steps: number;
  readonly epochs: number;
}

/** How far a `fit` has come at the end of an epoch. */
export interface FitState {
  readonly epochs: readonly EpochRecord[];
  readonly checks: readonly CheckRecord[];
  /** Numbers of steps and of examples since the start of the `fit`. */
  readonly steps: number;
  readonly examples: number;
  /** The best state so far; null if none is kept. */
  readonly best: SavedState | null;
}

/** Lets a `fit` be continued. */
export interface Resumption {
  /** Where to go on; null: at the beginning. */
  readonly from: FitState | null;
  /** Receives the state after each epoch. It shares memory with the training, which waits. */
  save(state: FitState): Promise<void> | void;
}
