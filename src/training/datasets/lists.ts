// Labeled rows in groups for a listwise loss, such as the documents of a query. A group is one example. Its
// labels become shares by a softmax, as in ListNet (Cao et al. 2007, "Learning to Rank: From Pairwise Approach
// to Listwise Approach", section 4.2).

import { exp } from "../../core/math.ts";
import { rowsByGroup } from "../../data/ids.ts";
import { type FeatureSpace, readRows } from "../../data/rows.ts";
import type { SparseRows } from "../../data/sparse-row.ts";
import type { ListwiseLoss } from "../../losses.ts";
import type { Batch } from "../../model/batch.ts";
import type { BatchRange, Dataset, HeldOutRows } from "../dataset.ts";
import type { BatchSize } from "../pass.ts";
import { maxEntries } from "./example-rows.ts";
import { type CheckedLabels, LabelSource } from "./labeled-rows.ts";

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
    return this.groups !== null && listsOf(this.targets, this.groups).which.length > 0;
  }

  *readHeldOut(place: string, space: FeatureSpace): Generator<void, HeldOutRows> {
    const { lossFunction } = this;
    const lists = this.#lists(place);
    const x = yield* readRows(this.rows.x, space, `${place}x`);
    return {
      parts: [x],
      loss(scores) {
        let sum = 0;
        for (const group of lists.which) {
          const own = lists.order.subarray(lists.starts[group], lists.starts[group + 1]);
          const [listed, gradient] = [
            Float64Array.from(own, (row) => scores[row]),
            new Float64Array(own.length),
          ];
          sum += lossFunction.evaluate(listed, sharesOf(lists, group), gradient);
        }
        return sum / lists.which.length;
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
    const needed = "groups must have two rows of different labels in some group";
    throw new RangeError(`${place}${needed}, got none in ${lists.starts.length - 1} groups`);
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
  /** Label of each row, (rows). */
  readonly targets: Float32Array | Float64Array;
}

function listsOf(targets: Float32Array | Float64Array, groups: Uint32Array): Lists {
  const [starts, order] = rowsByGroup(groups);
  const isUnequal = (group: number): boolean => {
    for (let p = starts[group] + 1; p < starts[group + 1]; p++)
      if (targets[order[p]] !== targets[order[p - 1]]) return true;
    return false;
  };
  const which = Uint32Array.from({ length: starts.length - 1 }, (_, group) => group).filter(isUnequal);
  return { starts, order, which, targets };
}

/** The softmax of the labels of a group, (rows of the group). */
function sharesOf({ starts, order, targets }: Lists, group: number): Float64Array {
  const labels = Float64Array.from(order.subarray(starts[group], starts[group + 1]), (row) => targets[row]);
  const most = labels.reduce((a, b) => Math.max(a, b));
  const weights = labels.map((label) => exp(label - most));
  const sum = weights.reduce((a, b) => a + b);
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
  /** The shares of each example, behind one another, and where each starts, (examples + 1). */
  readonly #shares: Float64Array;
  readonly #shareStarts: Uint32Array;

  constructor(loss: ListwiseLoss, x: SparseRows, lists: Lists) {
    const { starts, which } = lists;
    this.#loss = loss;
    this.#x = x;
    this.#lists = lists;
    this.size = which.length;
    this.skipped = starts.length - 1 - which.length;
    this.numFeatures = x.cols;
    const ends = new Uint32Array(which.length + 1);
    which.forEach((group, i) => {
      ends[i + 1] = ends[i] + starts[group + 1] - starts[group];
    });
    this.#shareStarts = ends;
    this.#shares = new Float64Array(ends[which.length]);
    which.forEach((group, i) => this.#shares.set(sharesOf(lists, group), ends[i]));
    this.#longest = which.reduce((most, _, i) => Math.max(most, ends[i + 1] - ends[i]), 0);
  }

  usualSize(count: number): BatchSize {
    const rows = Math.min(count * this.#longest, this.#shares.length);
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

  loss(scores: Float32Array, dScores: Float32Array, { order, start, end }: BatchRange): number {
    const lists = end - start;
    let total = 0;
    let row = 0;
    for (let i = start; i < end; i++) {
      const example = order === null ? i : order[i];
      const shares = this.#shares.subarray(this.#shareStarts[example], this.#shareStarts[example + 1]);
      const listed = Float64Array.from(scores.subarray(row, row + shares.length));
      const gradient = new Float64Array(shares.length);
      total += this.#loss.evaluate(listed, shares, gradient);
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
