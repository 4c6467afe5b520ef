// Labeled rows for a pointwise loss. Every row is one example, with a target and optionally a weight.

import { numbered, readIds } from "../../data/ids.ts";
import { readLabels, readWeights } from "../../data/labels.ts";
import {
  type CheckedRows,
  checkRows,
  countRows,
  type FeatureSpace,
  readRows,
  snapshot,
} from "../../data/rows.ts";
import type { SparseRows } from "../../data/sparse-row.ts";
import type { Loss, PointwiseLoss } from "../../losses.ts";
import type { Batch } from "../../model/batch.ts";
import type {
  BatchRange,
  Dataset,
  HeldOutRows,
  LabelRange,
  MeasurableSource,
  VocabularyRows,
} from "../dataset.ts";
import { pointwiseLoss, weightOf } from "./mean-loss.ts";
import { entriesOf, maxEntries, splitRows, takeRows } from "./row-choice.ts";

/** Checked rows with targets. */
export interface CheckedLabels {
  /** The rows, (rows). */
  readonly x: CheckedRows;
  /** Labels as the loss maps them, (rows). */
  readonly targets: Float32Array;
  /** Weight of each row, (rows); null: all ones. */
  readonly weights: Float32Array | null;
  /**
   * Group number of each row, numbered from 0 in the order of first appearance, (rows); null: no groups.
   * Groups are for ranking metrics and for drawing pairs.
   */
  readonly groups: Uint32Array | null;
}

/**
 * Checks labeled rows.
 *
 * @param place What errors start with, such as "fit: ".
 * @param loss The loss, which says what labels it accepts.
 * @param x Rows, (rows).
 * @param y Labels, (rows).
 * @param options.sampleWeight Weight of each row, (rows), finite, at least 0. Default: all ones.
 * @param options.groups A field name, or one id per row, (rows). Default: no groups.
 * @returns Copies of everything that the user could change during training.
 * @throws TypeError or RangeError that names row and option.
 */
export function checkLabeledRows(
  place: string,
  loss: Loss,
  x: unknown,
  y: unknown,
  options: { sampleWeight?: unknown; groups?: unknown } = {},
): CheckedLabels {
  const { sampleWeight, groups } = options;
  const rows = snapshot(checkRows(x, `${place}x`));
  const count = countRows(rows);
  return {
    x: rows,
    targets: readTargets(`${place}y`, loss, y, count),
    weights: sampleWeight === undefined ? null : readWeights(sampleWeight, count, `${place}sampleWeight`),
    groups: groups === undefined ? null : readIds(groups, rows, `${place}groups`, "x"),
  };
}

/**
 * Checks labels and maps them to targets.
 *
 * @param place What errors call the labels, such as "fit: y".
 * @param loss The loss, which says what labels it accepts and how it maps them.
 * @param y Labels, (rows).
 * @param rows Number of rows.
 * @returns The targets, (rows).
 * @throws TypeError or RangeError that names the position.
 */
export function readTargets(place: string, loss: Loss, y: unknown, rows: number): Float32Array {
  if (loss.kind === "pairwise" || !loss.target) return readLabels(y, rows, place, (label) => label);
  return readLabels(y, rows, place, loss.target.bind(loss), loss.labels);
}

/**
 * Takes some of the rows. Their groups are numbered from 0 again.
 *
 * @param labeled Labeled rows.
 * @param rows Numbers of the rows to take, (n).
 * @returns The rows in the order of `rows`, (n).
 */
export function takeLabels({ x, targets, weights, groups }: CheckedLabels, rows: Uint32Array): CheckedLabels {
  const take = (column: Float32Array): Float32Array => Float32Array.from(rows, (row) => column[row]);
  return {
    x: takeRows(x, rows),
    targets: take(targets),
    weights: weights && take(weights),
    groups: groups && numbered(rows.map((row) => groups[row])),
  };
}

/**
 * Finds the smallest and the largest target.
 *
 * @param targets Targets, (rows), at least one.
 * @returns The range.
 */
export function rangeOf(targets: Float32Array): LabelRange {
  let [low, high] = [Infinity, -Infinity];
  for (const target of targets) {
    if (target < low) low = target;
    if (target > high) high = target;
  }
  return [low, high];
}

/** Labeled rows as the user passed them, checked and not yet encoded. */
export class LabeledRows implements MeasurableSource {
  /** Number of rows. */
  readonly size: number;
  /** Target of each row, (rows). */
  readonly targets: Float32Array;
  /** Group number of each row, (rows); null: no groups. */
  readonly groups: Uint32Array | null;
  /** Smallest and largest target; null without labels. */
  readonly labelRange: LabelRange;
  /** The rows from which an encoder learns its vocabulary. */
  readonly vocabulary: readonly VocabularyRows[];
  readonly #place: string;
  readonly #loss: PointwiseLoss;
  readonly #rows: CheckedLabels;

  /**
   * Keeps the parts of the data.
   *
   * @param place What errors start with, such as "fit: ".
   * @param loss The loss of the model.
   * @param rows The rows.
   */
  constructor(place: string, loss: PointwiseLoss, rows: CheckedLabels) {
    this.#place = place;
    this.#loss = loss;
    this.#rows = rows;
    this.size = countRows(rows.x);
    this.targets = rows.targets;
    this.groups = rows.groups;
    this.labelRange = rangeOf(rows.targets);
    this.vocabulary = [{ rows: rows.x, place: `${place}x` }];
  }

  /**
   * Encodes the rows. Yields now and then.
   *
   * @param space The features of the model.
   * @returns The dataset.
   * @throws TypeError or RangeError that names the row.
   */
  *read(space: FeatureSpace): Generator<void, Dataset> {
    const { x, targets, weights } = this.#rows;
    return new LabeledDataset(this.#loss, yield* readRows(x, space, `${this.#place}x`), targets, weights);
  }

  /**
   * Divides the examples at random.
   *
   * @param place What errors start with.
   * @param share Share to hold out, above 0 and below 1.
   * @param seed Integer from 0 to 2^53 - 1.
   * @returns The two parts.
   * @throws RangeError if nothing would be left to train on.
   */
  split(place: string, share: number, seed: number): [LabeledRows, LabeledRows] {
    const [kept, heldOut] = splitRows(this.size, this.groups, share, seed, place);
    const take = (rows: Uint32Array): LabeledRows => {
      return new LabeledRows(this.#place, this.#loss, takeLabels(this.#rows, rows));
    };
    return [take(kept), take(heldOut)];
  }

  /**
   * Checks data of the same kind from the option `validation`.
   *
   * @param place What errors start with.
   * @param validation The value of the option.
   * @returns The data as a source.
   * @throws TypeError or RangeError that names the place.
   */
  heldOut(place: string, { x, y, groups }: { x?: unknown; y?: unknown; groups?: unknown }): LabeledRows {
    return new LabeledRows(place, this.#loss, checkLabeledRows(place, this.#loss, x, y, { groups }));
  }

  /**
   * Encodes the rows to be scored after every epoch. Yields now and then.
   *
   * @param place What errors start with.
   * @param space The features of the model.
   * @returns The encoded rows.
   * @throws TypeError or RangeError that names the row.
   */
  *readHeldOut(place: string, space: FeatureSpace): Generator<void, HeldOutRows> {
    const loss = this.#loss;
    const { targets } = this.#rows;
    const x = yield* readRows(this.#rows.x, space, `${place}x`);
    return {
      parts: [x],
      loss(scores) {
        let sum = 0;
        for (let i = 0; i < scores.length; i++) sum += loss.value(scores[i], targets[i]);
        return sum / scores.length;
      },
    };
  }
}

/** Encoded labeled rows. An example is a row. */
class LabeledDataset implements Dataset {
  readonly size: number;
  readonly numFeatures: number;
  readonly rowsPerExample = 1;
  readonly movesBias = true;
  readonly skipped = 0;
  readonly #loss: PointwiseLoss;
  readonly #x: SparseRows;
  readonly #targets: Float32Array;
  readonly #weights: Float32Array | null;

  constructor(loss: PointwiseLoss, x: SparseRows, targets: Float32Array, weights: Float32Array | null) {
    this.size = x.rows;
    this.numFeatures = x.cols;
    this.#loss = loss;
    this.#x = x;
    this.#targets = targets;
    this.#weights = weights;
  }

  usualEntries(count: number): number {
    return maxEntries(this.#x, count);
  }

  choose(range: BatchRange): number {
    return entriesOf(this.#x, range);
  }

  fill(batch: Batch, { order, start, end }: BatchRange): void {
    batch.append(this.#x, order, start, end);
  }

  loss(scores: Float32Array, dScores: Float32Array, range: BatchRange): number {
    return pointwiseLoss(this.#loss, this.#targets, this.#weights, scores, dScores, range);
  }

  weight(range: BatchRange): number {
    return weightOf(this.#weights, range);
  }
}
