// Pairs of rows under a pairwise loss: row i of `positives` should score above row i of `negatives`.

import { wrongValue } from "../../core/errors.ts";
import {
  type CheckedRows,
  checkRows,
  countRows,
  type FeatureSpace,
  readRows,
  snapshot,
} from "../../data/rows.ts";
import type { SparseRows } from "../../data/sparse-row.ts";
import type { PairwiseLoss } from "../../losses.ts";
import type { Batch } from "../../model/batch.ts";
import type { BatchRange, Dataset, HeldOutRows, MeasurableSource, VocabularyRows } from "../dataset.ts";
import { pairwiseLoss } from "./mean-loss.ts";
import { entriesOf, maxEntries, splitRows, takeRows } from "./row-choice.ts";

/** Pairs of rows as the user passed them, checked. */
export class Pairs implements MeasurableSource {
  readonly size: number;
  readonly labelRange = null;
  readonly groups = null;
  readonly vocabulary: readonly VocabularyRows[];
  readonly #place: string;
  readonly #loss: PairwiseLoss;
  readonly #positives: CheckedRows;
  readonly #negatives: CheckedRows;

  /**
   * @param place What errors start with, such as "fitPairs: ".
   * @param positives Rows; (pairs).
   * @param negatives Rows; (pairs).
   * @throws TypeError or RangeError if their numbers differ.
   */
  constructor(place: string, loss: PairwiseLoss, positives: unknown, negatives: unknown) {
    this.#place = place;
    this.#loss = loss;
    this.#positives = snapshot(checkRows(positives, `${place}positives`));
    this.#negatives = snapshot(checkRows(negatives, `${place}negatives`));
    this.size = countRows(this.#positives);
    const other = countRows(this.#negatives);
    if (other !== this.size)
      throw wrongValue(`${place}negatives`, `as many rows as positives (${this.size})`, other);
    this.vocabulary = [
      { rows: this.#positives, place: `${place}positives` },
      { rows: this.#negatives, place: `${place}negatives` },
    ];
  }

  /** 1 for each positive, then 0 for each negative. */
  get targets(): Float32Array {
    return new Float32Array(2 * this.size).fill(1, 0, this.size);
  }

  *read(space: FeatureSpace): Generator<void, Dataset> {
    const positives = yield* readRows(this.#positives, space, `${this.#place}positives`);
    const negatives = yield* readRows(this.#negatives, space, `${this.#place}negatives`);
    return new PairsDataset(this.#loss, positives, negatives);
  }

  split(place: string, share: number, seed: number): [Pairs, Pairs] {
    const [kept, heldOut] = splitRows(this.size, null, share, seed, place);
    const take = (rows: Uint32Array): Pairs => {
      return new Pairs(
        this.#place,
        this.#loss,
        takeRows(this.#positives, rows),
        takeRows(this.#negatives, rows),
      );
    };
    return [take(kept), take(heldOut)];
  }

  heldOut(place: string, { positives, negatives }: { positives?: unknown; negatives?: unknown }): Pairs {
    return new Pairs(place, this.#loss, positives, negatives);
  }

  *readHeldOut(place: string, space: FeatureSpace): Generator<void, HeldOutRows> {
    const positives = yield* readRows(this.#positives, space, `${place}positives`);
    const negatives = yield* readRows(this.#negatives, space, `${place}negatives`);
    const { size } = this;
    const loss = this.#loss;
    return {
      parts: [positives, negatives],
      loss(scores) {
        let sum = 0;
        for (let pair = 0; pair < size; pair++) sum += loss.value(scores[pair] - scores[size + pair]);
        return sum / size;
      },
    };
  }
}

/** Pairs of rows, encoded. */
class PairsDataset implements Dataset {
  readonly size: number;
  readonly numFeatures: number;
  readonly rowsPerExample = 2;
  readonly movesBias = false;
  readonly skipped = 0;
  readonly #loss: PairwiseLoss;
  readonly #positives: SparseRows;
  readonly #negatives: SparseRows;

  constructor(loss: PairwiseLoss, positives: SparseRows, negatives: SparseRows) {
    this.size = positives.rows;
    this.numFeatures = Math.max(positives.cols, negatives.cols);
    this.#loss = loss;
    this.#positives = positives;
    this.#negatives = negatives;
  }

  usualEntries(count: number): number {
    return maxEntries(this.#positives, count) + maxEntries(this.#negatives, count);
  }

  choose(range: BatchRange): number {
    return entriesOf(this.#positives, range) + entriesOf(this.#negatives, range);
  }

  fill(batch: Batch, { order, start, end }: BatchRange): void {
    batch.append(this.#positives, order, start, end);
    batch.append(this.#negatives, order, start, end);
  }

  loss(scores: Float32Array, dScores: Float32Array, { start, end }: BatchRange): number {
    return pairwiseLoss(this.#loss, scores, dScores, end - start);
  }

  weight({ start, end }: BatchRange): number {
    return end - start;
  }
}
