// Labeled rows under a pointwise loss: every row is one example, with a target and perhaps a weight.

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

/** Rows with targets, checked. Rows in groups are measured by ranking metrics as well. */
export interface CheckedLabels {
  readonly x: CheckedRows;
  /** Labels as the loss maps them; (rows). */
  readonly targets: Float32Array;
  /** Weight of each row; (rows). Null: all ones. */
  readonly weights: Float32Array | null;
  /** Group number of each row, from 0 in the order of first appearance; (rows). Null: no groups. */
  readonly groups: Uint32Array | null;
}

/**
 * Checks labeled rows.
 *
 * @param place What errors start with, such as "fit: ".
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

/** Checks labels and maps them as the loss wants; (rows). `place` is what errors call them. */
export function readTargets(place: string, loss: Loss, y: unknown, rows: number): Float32Array {
  if (loss.kind === "pairwise" || !loss.target) return readLabels(y, rows, place, (label) => label);
  return readLabels(y, rows, place, loss.target.bind(loss), loss.labels);
}

/** Takes some of the rows; groups are numbered anew. */
export function takeLabels({ x, targets, weights, groups }: CheckedLabels, rows: Uint32Array): CheckedLabels {
  const take = (column: Float32Array): Float32Array => Float32Array.from(rows, (row) => column[row]);
  return {
    x: takeRows(x, rows),
    targets: take(targets),
    weights: weights && take(weights),
    groups: groups && numbered(rows.map((row) => groups[row])),
  };
}

/** Smallest and largest target. */
export function rangeOf(targets: Float32Array): LabelRange {
  let [low, high] = [Infinity, -Infinity];
  for (const target of targets) {
    if (target < low) low = target;
    if (target > high) high = target;
  }
  return [low, high];
}

/** Labeled rows as the user passed them, checked. */
export class LabeledRows implements MeasurableSource {
  readonly size: number;
  readonly targets: Float32Array;
  readonly groups: Uint32Array | null;
  readonly labelRange: LabelRange;
  readonly vocabulary: readonly VocabularyRows[];
  readonly #place: string;
  readonly #loss: PointwiseLoss;
  readonly #rows: CheckedLabels;

  /** @param place What errors start with, such as "fit: ". */
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

  *read(space: FeatureSpace): Generator<void, Dataset> {
    const { x, targets, weights } = this.#rows;
    return new LabeledDataset(this.#loss, yield* readRows(x, space, `${this.#place}x`), targets, weights);
  }

  split(place: string, share: number, seed: number): [LabeledRows, LabeledRows] {
    const [kept, heldOut] = splitRows(this.size, this.groups, share, seed, place);
    const take = (rows: Uint32Array): LabeledRows => {
      return new LabeledRows(this.#place, this.#loss, takeLabels(this.#rows, rows));
    };
    return [take(kept), take(heldOut)];
  }

  heldOut(place: string, { x, y, groups }: { x?: unknown; y?: unknown; groups?: unknown }): LabeledRows {
    return new LabeledRows(place, this.#loss, checkLabeledRows(place, this.#loss, x, y, { groups }));
  }

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

/** Labeled rows, encoded. */
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
