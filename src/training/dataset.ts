// The one interface of training data. The trainer asks a dataset to fill a batch and to turn the scores of
// the batch into a loss; it knows none of the kinds. A new kind is one file with a source (what the user
// passed, checked) and a dataset (the same, encoded). Letters: B rows of a batch.

import type { CheckedRows, FeatureSpace } from "../data/rows.ts";
import type { SparseRows } from "../data/sparse-row.ts";
import type { Batch } from "../model/batch.ts";

/** The examples of one batch: those at the positions `start` to `end - 1` of an epoch's order. */
export interface BatchRange {
  /** Number of the epoch, from 1. */
  readonly epoch: number;
  /** Example numbers; null: the examples as they stand. */
  readonly order: Uint32Array | null;
  readonly start: number;
  readonly end: number;
}

/** Examples to train on. What is drawn anew in every epoch is a function of the epoch and the example. */
export interface Dataset {
  /** Number of examples in an epoch: rows, pairs, or events with their negatives. */
  readonly size: number;
  /** Every feature index is below it. */
  readonly numFeatures: number;
  /** Rows of a batch per example: 1, or 2 for pairs. */
  readonly rowsPerExample: number;
  /**
   * Whether the loss depends on w0. In the difference of two scores w0 cancels, and rounding must not make it
   * drift.
   */
  readonly movesBias: boolean;
  /** What gave nothing to learn from: groups without a pair, or events without a negative. */
  readonly skipped: number;

  /** Most entries that `count` different examples usually have. A batch may have more; `choose` tells. */
  usualEntries(count: number): number;
  /** Decides on the rows of a batch. Returns how many entries they have together at most. */
  choose(range: BatchRange): number;
  /** Appends the rows that were chosen last. */
  fill(batch: Batch, range: BatchRange): void;
  /**
   * The loss of a batch.
   *
   * @param scores Score of each row, (B), or longer.
   * @param dScores Receives the gradient of the mean loss by each score, (B), or longer.
   * @returns The mean loss, in float64. NaN or infinite if it or a gradient is not finite.
   */
  loss(scores: Float32Array, dScores: Float32Array, range: BatchRange): number;
  /** Sum of the weights of the examples; their number if they have none. */
  weight(range: BatchRange): number;
}

/** Rows from which an encoder learns its vocabulary. */
export interface VocabularyRows {
  readonly rows: CheckedRows;
  /** What errors call them. */
  readonly place: string;
  /** As how many rows `minCount` counts each of them. Default: 1. */
  readonly times?: number;
}

/** Training data as the user passed them, checked and not yet encoded. */
export interface DatasetSource {
  /** Number of rows, pairs or events. */
  readonly size: number;
  /** Smallest and largest label; null without labels. */
  readonly labelRange: LabelRange;
  /** What an encoder may learn from. */
  readonly vocabulary: readonly VocabularyRows[];
  /** Encodes the rows; yields now and then. */
  read(space: FeatureSpace): Generator<void, Dataset>;
}

/** Smallest and largest training label; null if there are none. */
export type LabelRange = readonly [min: number, max: number] | null;

/** A source of which a part can be held out and measured after every epoch. */
export interface MeasurableSource extends DatasetSource {
  /** Label of each row to be scored; (rows). */
  readonly targets: Float32Array;
  /** Group number of each of these rows; (rows). Null: they are not ranked. */
  readonly groups: Uint32Array | null;
  /** Divides the examples. `place` is what errors start with. */
  split(place: string, share: number, seed: number): [kept: MeasurableSource, heldOut: MeasurableSource];
  /** Checks other data of the same kind, from the option `validation`. */
  heldOut(place: string, validation: object): MeasurableSource;
  /** Encodes the rows to be scored; yields now and then. */
  readHeldOut(place: string, space: FeatureSpace): Generator<void, HeldOutRows>;
}

/** Encoded rows to be scored after every epoch. */
export interface HeldOutRows {
  /** One part behind the other they stand in the order of `targets`. */
  readonly parts: readonly SparseRows[];
  /** The mean loss, in float64, from the raw score of each row. */
  loss(scores: Float32Array): number;
}
