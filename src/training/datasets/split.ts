// Divides training data into what is trained on and what is held out.

import { wrongValue } from "../../core/errors.ts";
import { randomKey, randomPermutation, Stream } from "../../core/random.ts";
import { type CheckedRows, isSparseRows } from "../../data/checked-rows.ts";
import { Columns } from "../../data/columns.ts";
import { matrixOf } from "../../data/csr-matrix.ts";
import { countGroups } from "../../data/ids.ts";

/**
 * Takes some rows.
 *
 * @param x Rows, (rows).
 * @param numbers Numbers of the rows to take, (n).
 * @returns The rows in the order of `numbers`, (n).
 */
export function takeRows(x: CheckedRows, numbers: Uint32Array): CheckedRows {
  if (x instanceof Columns) return x.take(numbers);
  if (isSparseRows(x)) return matrixOf(x).take(numbers);
  return Array.from(numbers, (row) => x[row]);
}

/**
 * Divides rows at random into two parts. The same seed gives the same parts. Rows of a group stay together.
 *
 * @param rows Number of rows.
 * @param groups Group number of each row, (rows); null: no groups.
 * @param share Share of the rows (or of the groups) to hold out, above 0 and below 1.
 * @param seed Integer from 0 to 2^53 - 1.
 * @param place What errors start with.
 * @returns The row numbers of both parts, ascending.
 * @throws RangeError if nothing would be left to train on.
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
