// The interface of training data. The trainer asks a dataset to fill a batch, and later to compute the loss
// from the scores of that batch. It does not know which kind of dataset it has. A new kind of training data
// is one file with two classes: a source (the checked data of the user) and a dataset (the encoded data).
// Letter: B rows of a batch.

import type { Pacer } from "../core/event-loop.ts";
import type { CheckedRows } from "../data/checked-rows.ts";
import type { FeatureEncoder } from "../data/feature-encoder.ts";
import type { Classes } from "../data/labels.ts";
import type { Level } from "../data/level-search.ts";
import type { FeatureSpace } from "../data/rows.ts";
import type { SparseRows } from "../data/sparse-row.ts";
import type { Batch } from "../model/batch.ts";
import type { LabelUnit } from "../model/label-unit.ts";
import type { BatchSize, MakePass, Pass } from "./pass.ts";

/** The examples of one batch: those at the positions `start` to `end - 1` of an epoch's order. */
export interface BatchRange {
  /** Number of the epoch, from 1. */
  readonly epoch: number;
  /** Example numbers of the epoch, (examples); null: the examples in their own order. */
  readonly order: Uint32Array | null;
  /** First position in the order. */
  readonly start: number;
  /** The position behind the last one. */
  readonly end: number;
}

/**
 * Encoded examples to train on. Some kinds draw examples at random in every epoch. Such a draw depends only
 * on the seed, the epoch and the example, so that training can stop and resume.
 */
export interface Dataset {
  /** Number of examples in an epoch. An example is a row, a pair, a list, or an event. */
  readonly size: number;
  /** Every feature index is below this number. */
  readonly numFeatures: number;
  /**
   * Whether the loss depends on w0. It does not for pairs and lists: w0 cancels in differences of scores.
   * Then w0 is not trained, because rounding errors would make it drift.
   */
  readonly movesBias: boolean;
  /** Number of groups without a pair, or of events without a negative. They have no examples. */
  readonly skipped: number;

  /**
   * Makes the pass that scores the batches. All datasets with the same function share one pass of the
   * trainer. Default: `makeRowPass`, which scores each row by itself.
   */
  readonly makePass?: MakePass;
  /**
   * Estimates the memory for a batch.
   *
   * @param count Number of examples.
   * @returns The largest size that a batch of `count` different examples has. A batch that repeats rows may
   *   have more; `choose` returns its size.
   */
  usualSize(count: number): BatchSize;
  /**
   * Chooses the rows of a batch.
   *
   * @param range The examples.
   * @returns The size of the batch.
   */
  choose(range: BatchRange): BatchSize;
  /**
   * Appends the rows of the last `choose` to a batch.
   *
   * @param batch The batch, with enough capacity.
   * @param range The examples of that `choose`.
   */
  fill(batch: Batch, range: BatchRange): void;
  /**
   * Computes the loss of a batch and its gradient.
   *
   * @param pass The pass, which holds the raw scores. Its `dScores` receive the gradient of the mean loss by
   *   each score.
   * @param range The examples of the batch.
   * @returns The mean loss in the unit of the labels, in float64. It is NaN or infinite if the loss or a
   *   gradient is not finite.
   */
  loss(pass: Pass, range: BatchRange): number;
  /**
   * Sums the weights of examples.
   *
   * @param range The examples.
   * @returns The sum of their weights, or their number if the data have no weights.
   */
  weight(range: BatchRange): number;
}

/** Examples that every epoch reads anew, part by part. */
export interface StreamedDataset {
  /** Number of examples in an epoch. */
  readonly size: number;
  /** Every feature index is below this number. */
  readonly numFeatures: number;
  /** As `Dataset.skipped`. */
  readonly skipped: number;
  /** As `Dataset.usualSize`. */
  usualSize(count: number): BatchSize;
  /**
   * Reads the parts of an epoch. Reading runs ahead of training.
   *
   * @param batchSize Number of examples per step. Every part but the last one has a multiple of it.
   * @param pacer Says when to give way to the event loop.
   * @returns The parts. Each is valid until the next one is asked for.
   * @throws What reading throws.
   */
  open(batchSize: number, pacer: Pacer): AsyncGenerator<Dataset, void, undefined>;
}

/** Rows from which an encoder learns its vocabulary. */
export interface VocabularyRows {
  /** The rows, checked. */
  readonly rows: CheckedRows;
  /** What errors call the rows, such as "fit: x". */
  readonly place: string;
  /** How often `minCount` counts each of the rows. Default: 1. */
  readonly times?: number;
}

/** Statistics of the labels that are trained on, as the loss maps them. */
export interface LabelStatistics {
  /** Number of rows. */
  readonly count: number;
  /** The weighted mean. */
  readonly mean: number;
  /** The weighted standard deviation: the root of the mean squared distance from the mean. */
  readonly deviation: number;
}

/** Training data as the user passed them, checked and not yet encoded. */
export interface DatasetSource {
  /** Number of rows, pairs or events. */
  readonly size: number;
  /** Smallest and largest label; null without labels. */
  readonly labelRange: LabelRange;
  /** The rows from which an encoder learns its vocabulary. */
  readonly vocabulary: readonly VocabularyRows[];
  /** Fields whose values are names of things even if they are numbers. Absent: none is known. */
  readonly categories?: readonly string[];
  /** The two strings that the labels were; null or absent: numbers, or no labels. */
  readonly classes?: Classes | null;
  /** Computes the statistics of the labels. Absent, or null: there are no labels. */
  statistics?(): LabelStatistics | null;
  /**
   * Encodes the rows. Yields now and then.
   *
   * @param space The features of the model.
   * @param unit The unit in which the network sees labels; null: as they are.
   * @returns The dataset.
   * @throws TypeError or RangeError that names row and field.
   */
  read(space: FeatureSpace, unit: LabelUnit | null): Generator<void, Dataset>;
}

/** Training data that are read anew in every epoch. A first reading has learned what their rows have. */
export interface StreamedSource extends Omit<DatasetSource, "read" | "vocabulary"> {
  /** What the first reading learned. */
  readonly learned: {
    /** The features of the model. */
    readonly space: LearnedSpace;
    /** Levels that a model which is trained further should learn. */
    readonly levels: readonly Level[];
  };
  /** Prepares the data for training, as `DatasetSource.read`. Nothing is read yet. */
  read(space: FeatureSpace, unit: LabelUnit | null): Generator<void, StreamedDataset>;
}

/** The features of a model, and the encoder that it keeps. */
export interface LearnedSpace {
  /** The fitted encoder; null: the keys of feature maps are feature indices. */
  readonly encoder: FeatureEncoder | null;
  /** Number of features; null: as many as the data have. */
  readonly numFeatures: number | null;
}

/** Smallest and largest training label; null if there are none. */
export type LabelRange = readonly [min: number, max: number] | null;

/** A source of which a part can be held out as validation data. */
export interface MeasurableSource extends DatasetSource {
  /** Target of each row to be scored, in the unit of the labels, (rows). */
  readonly targets: Float32Array | Float64Array;
  /** Group number of each of these rows, (rows); null: the rows are not ranked. */
  readonly groups: Uint32Array | null;
  /** Whether there is anything to train on or to measure. */
  readonly hasExamples: boolean;
  /**
   * Divides the examples at random, or by time if their times are known.
   *
   * @param place What errors start with, such as "fit: ".
   * @param share Share of the examples (or of the groups) to hold out, above 0 and below 1.
   * @param seed Seed of the division, an integer from 0 to 2^53 - 1.
   * @returns The two parts.
   * @throws RangeError if nothing would be left to train on.
   */
  split(place: string, share: number, seed: number): [kept: MeasurableSource, heldOut: MeasurableSource];
  /**
   * Checks data of the same kind that the user passes as the option `validation`.
   *
   * @param place What errors start with, such as "fit: validation.".
   * @param validation The value of the option.
   * @returns The data as a source.
   * @throws TypeError or RangeError that names the place.
   */
  heldOut(place: string, validation: object): MeasurableSource;
  /**
   * Encodes the rows to be scored. Yields now and then.
   *
   * @param place What errors start with.
   * @param space The features of the model.
   * @returns The encoded rows.
   * @throws TypeError or RangeError that names row and field.
   */
  readHeldOut(place: string, space: FeatureSpace): Generator<void, HeldOutRows>;
}

/** Encoded validation rows, which are scored at every check. */
export interface HeldOutRows {
  /** The rows in the order of `targets`, in one part or several parts one behind the other. */
  readonly parts: readonly SparseRows[];
  /**
   * Computes the mean loss.
   *
   * @param scores Raw score of each row, (rows).
   * @returns The mean loss in the unit of the labels, in float64.
   */
  loss(scores: Float64Array): number;
}
