// Labeled rows in groups for a listwise loss, such as the documents of a query. A group is one example. Its
// labels become shares by a softmax, as in ListNet (Cao et al. 2007, "Learning to Rank: From Pairwise
// Approach to Listwise Approach", section 4.2).

import { exp } from "../../core/math.ts";
import { rowsByGroup } from "../../data/ids.ts";
import { type FeatureSpace, readRows } from "../../data/rows.ts";
import type { SparseRows } from "../../data/sparse-row.ts";
import type { ListwiseLoss } from "../../losses.ts";
import { hasUnequalPair } from "../../metrics/ranking-metrics.ts";
import type { Batch } from "../../model/batch.ts";
import type { BatchRange, Dataset, HeldOutRows } from "../dataset.ts";
import type { BatchSize, Pass } from "../pass.ts";
import { maxEntries } from "./example-rows.ts";
import { allLabelsEqual, type CheckedLabels, LabelSource } from "./labeled-rows.ts";

/** Labeled rows in groups, under a listwise loss. */
export class LabeledLists extends LabelSource<ListwiseLoss> {
  /**
   * Encodes the rows. Yields now and then.
   *
   * @param space The features of the model.
   * @returns The dataset.
   * @throws TypeError or RangeError that names the row; RangeError if no group has two different labels.
   */
  *read(space: FeatureSpace): Generator<void, Dataset> {
    const x = yield* readRows(this.rows.x, space, `${this.place}x`);
    return new ListDataset(this.lossFunction, x, this.#lists(this.place));
  }

  /** Whether some group has two rows of different labels. */
  override get hasExamples(): boolean {
    return this.groups !== null && hasUnequalPair(this.targets, this.groups);
  }

  *readHeldOut(place: string, space: FeatureSpace): Generator<void, HeldOutRows> {
    const { lossFunction } = this;
    const { starts, order, which, shares } = this.#lists(place);
    const x = yield* readRows(this.rows.x, space, `${place}x`);
    return {
      parts: [x],
      loss(scores) {
        let sum = 0;
        for (const group of which) {
          const [start, end] = [starts[group], starts[group + 1]];
          const listed = Float64Array.from(order.subarray(start, end), (row) => scores[row]);
          sum += lossFunction.evaluate(listed, shares.subarray(start, end), new Float64Array(end - start));
        }
        return sum / which.length;
      },
    };
  }

  /** Returns the lists. Throws if there are no groups, or if no group has two different labels. */
  #lists(place: string): Lists {
    if (this.groups === null) {
      const reason = `the ${this.lossFunction.name} loss compares the rows of a group; pass groups`;
      throw new TypeError(`${place}groups is needed: ${reason}`);
    }
    const lists = listsOf(this.targets, this.groups);
    if (lists.which.length > 0) return lists;
    throw allLabelsEqual(place, lists.starts.length - 1);
  }

  protected withRows(place: string, rows: CheckedLabels): LabeledLists {
    return new LabeledLists(place, this.lossFunction, rows);
  }
}

/** Rows by group. */
interface Lists {
  /** Position in `order` where each group starts, (groups + 1). */
  readonly starts: Uint32Array;
  /** Row numbers, one group behind the other, (rows). */
  readonly order: Uint32Array;
  /** The groups with two different labels, (examples). */
  readonly which: Uint32Array;
  /** Share of each row of `order` in its group, (rows). */
  readonly shares: Float64Array;
}

function listsOf(targets: Float32Array | Float64Array, groups: Uint32Array): Lists {
  const [starts, order] = rowsByGroup(groups);
  const labels = Float64Array.from(order, (row) => targets[row]);
  const shares = new Float64Array(labels.length);
  const which = Uint32Array.from({ length: starts.length - 1 }, (_, group) => group).filter((group) => {
    const own = labels.subarray(starts[group], starts[group + 1]);
    shares.set(sharesOf(own), starts[group]);
    return own.some((label) => label !== own[0]);
  });
  return { starts, order, which, shares };
}

/** The softmax of the labels of a group, (rows of the group). */
function sharesOf(labels: Float64Array): Float64Array {
  const most = labels.reduce((a, b) => Math.max(a, b), -Infinity);
  const weights = labels.map((label) => exp(label - most));
  const sum = weights.reduce((a, b) => a + b, 0);
  return weights.map((weight) => weight / sum);
}

/** Encoded lists. An example is a group. */
class ListDataset implements Dataset {
  readonly size: number;
  readonly movesBias = false;
  readonly skipped: number;
  readonly numFeatures: number;
  readonly #loss: ListwiseLoss;
  readonly #x: SparseRows;
  readonly #lists: Lists;
  /** Rows of the longest list. */
  readonly #longest: number;

  constructor(loss: ListwiseLoss, x: SparseRows, lists: Lists) {
    const { starts, which } = lists;
    this.#loss = loss;
    this.#x = x;
    this.#lists = lists;
    this.size = which.length;
    this.skipped = starts.length - 1 - which.length;
    this.numFeatures = x.cols;
    this.#longest = which.reduce((most, group) => Math.max(most, starts[group + 1] - starts[group]), 0);
  }

  usualSize(count: number): BatchSize {
    const rows = Math.min(count * this.#longest, this.#x.rows);
    return { rows, entries: maxEntries(this.#x, rows) };
  }

  choose({ order, start, end }: BatchRange): BatchSize {
    const { starts, order: rowOf, which } = this.#lists;
    const { indptr } = this.#x;
    let rows = 0;
    let entries = 0;
    for (let i = start; i < end; i++) {
      const group = which[order === null ? i : order[i]];
      rows += starts[group + 1] - starts[group];
      for (let p = starts[group]; p < starts[group + 1]; p++)
        entries += indptr[rowOf[p] + 1] - indptr[rowOf[p]];
    }
    return { rows, entries };
  }

  fill(batch: Batch, { order, start, end }: BatchRange): void {
    const { starts, order: rowOf, which } = this.#lists;
    for (let i = start; i < end; i++) {
      const group = which[order === null ? i : order[i]];
      batch.append(this.#x, rowOf, starts[group], starts[group + 1]);
    }
  }

  loss(
    { scores: { data: scores }, dScores: { data: dScores } }: Pass,
    { order, start, end }: BatchRange,
  ): number {
    const { starts, which, shares } = this.#lists;
    const lists = end - start;
    let total = 0;
    let row = 0;
    for (let i = start; i < end; i++) {
      const group = which[order === null ? i : order[i]];
      const own = shares.subarray(starts[group], starts[group + 1]);
      const listed = Float64Array.from(scores.subarray(row, row + own.length));
      const gradient = new Float64Array(own.length);
      total += this.#loss.evaluate(listed, own, gradient);
      for (const slope of gradient) {
        dScores[row++] = slope / lists;
        total += slope * 0; // NaN as soon as one gradient is not finite
      }
    }
    return total / lists;
  }

  weight({ start, end }: BatchRange): number {
    return end - start;
  }
}
