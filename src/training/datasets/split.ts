// Divides training data into what is trained on and what is held out.

import { wrongValue } from "../../core/errors.ts";
import { randomKey, randomPermutation, Stream } from "../../core/random.ts";
import { type CheckedRows, isSparseRows } from "../../data/checked-rows.ts";
import { Columns } from "../../data/columns.ts";
import { matrixOf } from "../../data/csr-matrix.ts";
import { countGroups } from "../../data/ids.ts";
import { chooseLast } from "../../data/times.ts";

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
  const taken = new Array<unknown>(numbers.length);
  for (let i = 0; i < numbers.length; i++) taken[i] = x[numbers[i]];
  return taken;
}

/** What decides which rows are held out. */
export interface RowSplit {
  /** Number of rows. */
  readonly rows: number;
  /** Group number of each row, (rows); null: no groups. Rows of a group stay together. */
  readonly groups: Uint32Array | null;
  /** Time of each row, (rows); null: rows are held out at random. */
  readonly times: Float64Array | null;
  /** Share of the rows (or of the groups) to hold out, above 0 and below 1. */
  readonly share: number;
  /** Integer from 0 to 2^53 - 1. The same seed gives the same parts. */
  readonly seed: number;
}

/**
 * Divides rows into two parts: at random, or by time. By time, the rows (or groups) with the latest times are
 * held out, as `chooseLast` chooses them: equal times stay together. The time of a group is that of its last
 * row.
 *
 * @param place What errors start with, such as "fit: ".
 * @param split What decides.
 * @returns The row numbers of both parts, ascending.
 * @throws RangeError if nothing would be left to train on, or if all times are equal.
 */
export function splitRows(
  place: string,
  { rows, groups, times, share, seed }: RowSplit,
): [kept: Uint32Array, heldOut: Uint32Array] {
  const count = groups === null ? rows : countGroups(groups);
  const size = Math.max(1, Math.round(count * share));
  if (size >= count) {
    const what = groups === null ? "rows" : "groups";
    throw wrongValue(`${place}validation`, `a share that leaves ${what} to train on (of ${count})`, share);
  }
  const isHeldOut =
    times === null
      ? chooseAtRandom(count, size, seed)
      : chooseLast(timesOf(groups, times, count), size, place);
  const kept = new Uint32Array(rows);
  const heldOut = new Uint32Array(rows);
  let [numKept, numHeldOut] = [0, 0];
  for (let row = 0; row < rows; row++) {
    if (isHeldOut[groups === null ? row : groups[row]] === 1) heldOut[numHeldOut++] = row;
    else kept[numKept++] = row;
  }
  return [kept.slice(0, numKept), heldOut.slice(0, numHeldOut)];
}

/** Marks `size` of `count` rows or groups at random with 1, (count). */
function chooseAtRandom(count: number, size: number, seed: number): Uint8Array {
  const order = randomPermutation(randomKey(seed, Stream.split), count);
  const isHeldOut = new Uint8Array(count);
  for (let i = 0; i < size; i++) isHeldOut[order[i]] = 1;
  return isHeldOut;
}

/** The time of each group's last row, (groups); without groups, the time of each row. */
function timesOf(groups: Uint32Array | null, times: Float64Array, count: number): Float64Array {
  if (groups === null) return times;
  const last = new Float64Array(count).fill(-Infinity);
  groups.forEach((group, row) => {
    last[group] = Math.max(last[group], times[row]);
  });
  return last;
}
