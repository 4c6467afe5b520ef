// What several kinds of training data need to choose rows: for a batch, and for a validation share.

import { wrongValue } from "../../core/errors.ts";
import { randomKey, randomPermutation, Stream } from "../../core/random.ts";
import { matrixOf } from "../../data/csr-matrix.ts";
import { countGroups } from "../../data/ids.ts";
import { type CheckedRows, isSparseRows } from "../../data/rows.ts";
import type { SparseRows } from "../../data/sparse-row.ts";
import type { BatchRange } from "../dataset.ts";

/** The rows with the given numbers, in that order. */
export function takeRows(x: CheckedRows, numbers: Uint32Array): CheckedRows {
  if (isSparseRows(x)) return matrixOf(x).take(numbers);
  return Array.from(numbers, (row) => x[row]);
}

/**
 * Divides rows at random, the same way under the same seed. Groups stay whole.
 *
 * @param rows Number of rows.
 * @param groups Group number of each row, (rows); null: rows stand alone.
 * @param share Of the rows or groups to hold out, above 0 and below 1.
 * @param place What errors start with.
 * @returns Row numbers, ascending.
 * @throws RangeError if nothing would be left.
 */
export function splitRows(
  rows: number,
  groups: Uint32Array | null,
  share: number,
  seed: number,
  place: string,
): [kept: Uint32Array, heldOut: Uint32Array] {
  const count = groups === null ? rows : countGroups(groups);
  const size = Math.max(1, Math.round(count * share));
  if (size >= count) {
    const what = groups === null ? "rows" : "groups";
    throw wrongValue(`${place}validation`, `a share that leaves ${what} to train on (of ${count})`, share);
  }
  const order = randomPermutation(randomKey(seed, Stream.split), count);
  const isHeldOut = new Uint8Array(count);
  for (let i = 0; i < size; i++) isHeldOut[order[i]] = 1;
  const all = Uint32Array.from({ length: rows }, (_, row) => row);
  const take = (flag: number): Uint32Array => {
    return all.filter((row) => isHeldOut[groups === null ? row : groups[row]] === flag);
  };
  return [take(0), take(1)];
}

/** The most entries that any `count` rows can have together: the sum over the longest rows. */
export function maxEntries({ rows, indptr }: SparseRows, count: number): number {
  const rowsOfLength = new Map<number, number>();
  for (let i = 0; i < rows; i++) {
    const length = indptr[i + 1] - indptr[i];
    rowsOfLength.set(length, (rowsOfLength.get(length) ?? 0) + 1);
  }
  let total = 0;
  let left = count;
  for (const length of [...rowsOfLength.keys()].sort((a, b) => b - a)) {
    const taken = Math.min(left, rowsOfLength.get(length)!);
    total += taken * length;
    left -= taken;
  }
  return total;
}

/** Entries of the rows of a batch whose examples are rows. */
export function entriesOf({ indptr }: SparseRows, { order, start, end }: BatchRange): number {
  if (order === null) return indptr[end] - indptr[start];
  let entries = 0;
  for (let i = start; i < end; i++) entries += indptr[order[i] + 1] - indptr[order[i]];
  return entries;
}

/** Rows chosen for the examples of a batch, in memory that is used again. */
export class ChosenRows {
  readonly from: SparseRows;
  /** Row numbers; (examples of the batch), or longer. */
  numbers: Uint32Array = new Uint32Array(0);
  readonly #rowOf: (example: number, epoch: number) => number;

  /** @param rowOf Gives the row of an example in an epoch. */
  constructor(from: SparseRows, rowOf: (example: number, epoch: number) => number) {
    this.from = from;
    this.#rowOf = rowOf;
  }

  /** Chooses the rows of a batch. Returns the number of their entries. */
  choose({ epoch, order, start, end }: BatchRange): number {
    const { indptr } = this.from;
    if (this.numbers.length < end - start) this.numbers = new Uint32Array(end - start);
    let entries = 0;
    for (let i = start; i < end; i++) {
      const row = this.#rowOf(order === null ? i : order[i], epoch);
      this.numbers[i - start] = row;
      entries += indptr[row + 1] - indptr[row];
    }
    return entries;
  }
}
