// Reads the time of each row, which decides which rows are the last ones.

import { isArrayLike, wrongType, wrongValue } from "../core/errors.ts";
import { type CheckedRows, countRows } from "./checked-rows.ts";
import { readColumn } from "./ids.ts";

/** A time: a number, a Date, or a text that sorts by time, such as "2024-05-31T12:00:00Z". */
export type Time = number | bigint | string | Date;

/** The name of the field that holds the time of each row, or one time per row, (rows). */
export type TimesOption = string | ArrayLike<Time>;

/**
 * Reads the time of each row.
 *
 * @param times The name of a field of the rows, or one time per row, (rows). All times are of one kind.
 * @param x The rows.
 * @param place What errors start with, such as "fit: ".
 * @param rowsName What errors call the rows. Default: "x".
 * @returns Numbers that have the order of the times, (rows).
 * @throws TypeError or RangeError that names the row.
 */
export function readTimes(
  times: unknown,
  x: CheckedRows,
  place: string,
  rowsName: string = "x",
): Float64Array {
  const [values, placeOf] = valuesOf(times, x, place, rowsName);
  return inOrder(values, placeOf);
}

/**
 * Reads the time of each row, and one more time to compare them with.
 *
 * @param at The other time, of the kind of the rows' times.
 * @param times The name of a field of the rows, or one time per row, (rows). All times are of one kind.
 * @param x The rows.
 * @param place What errors start with, such as "splitByTime: ".
 * @param rowsName What errors call the rows, such as "events".
 * @returns Numbers that have the order of the times, (rows), and the number that stands for `at` among them.
 * @throws TypeError or RangeError that names the row, or `at`.
 */
export function readTimesWith(
  at: unknown,
  times: unknown,
  x: CheckedRows,
  place: string,
  rowsName: string,
): [times: Float64Array, at: number] {
  const [values, placeOf] = valuesOf(times, x, place, rowsName);
  const rows = values.length;
  const numbers = inOrder([...Array.from(values), at], (row) => (row < rows ? placeOf(row) : `${place}at`));
  return [numbers.subarray(0, rows), numbers[rows]];
}

/**
 * Chooses the last of some rows or groups. Equal times stay together. Of all cuts between two different
 * times, the one is taken whose part is nearest to `size`; of two equally near ones, the one with the smaller
 * part.
 *
 * @param times Time of each row or group, (n).
 * @param size Wanted size of the last part, from 1 to n - 1.
 * @param place What errors start with, such as "fit: ".
 * @returns 1 for those of the last part, else 0, (n).
 * @throws RangeError if all times are equal.
 */
export function chooseLast(times: Float64Array, size: number, place: string): Uint8Array {
  const sorted = times.slice().sort();
  const wanted = sorted.length - size;
  const isCut = (at: number): boolean => sorted[at] > sorted[at - 1];
  let [before, after] = [wanted, wanted];
  while (before > 0 && !isCut(before)) before--;
  while (after < sorted.length && !isCut(after)) after++;
  if (before === 0 && after === sorted.length) {
    throw new RangeError(`${place}time must hold two different times, so that some rows are the last ones`);
  }
  const isAfterNearer = after < sorted.length && (before === 0 || after - wanted <= wanted - before);
  const first = sorted[isAfterNearer ? after : before];
  return Uint8Array.from(times, (time) => (time >= first ? 1 : 0));
}

/** The value of each row's time, (rows), and what errors call it. */
function valuesOf(
  times: unknown,
  x: CheckedRows,
  place: string,
  rowsName: string,
): [values: ArrayLike<unknown>, placeOf: (row: number) => string] {
  if (typeof times === "string") {
    const values = readColumn(x, times, `${place}${rowsName}`, "time");
    return [values, (row) => `${place}${rowsName}[${row}].${times}`];
  }
  const rows = countRows(x);
  if (!isArrayLike(times))
    throw wrongType(`${place}time`, "the name of a field, or an array of times", times);
  if (times.length !== rows)
    throw wrongValue(`${place}time.length`, `the number of rows of ${rowsName} (${rows})`, times.length);
  return [times, (row) => `${place}time[${row}]`];
}

/** Turns times into numbers of the same order. Texts are compared by their UTF-16 code units. */
function inOrder(times: ArrayLike<unknown>, placeOf: (row: number) => string): Float64Array {
  const kind = kindOf(times[0]);
  const numbers = new Float64Array(times.length);
  for (let row = 0; row < times.length; row++) {
    const time = times[row];
    if (kindOf(time) === null || kindOf(time) !== kind) {
      const expected = "a time: a number, a Date, or a text that sorts by time; all rows of one kind";
      throw wrongType(placeOf(row), expected, time);
    }
    if (kind === "text") continue;
    numbers[row] = Number(time);
    if (!Number.isFinite(numbers[row])) throw wrongValue(placeOf(row), "a finite time", time);
  }
  if (kind !== "text") return numbers;
  const texts = times as ArrayLike<string>;
  const sorted = [...new Set(Array.from(texts))].sort((a, b) => (a < b ? -1 : 1));
  const rankOf = new Map(sorted.map((text, rank) => [text, rank]));
  return numbers.map((_, row) => rankOf.get(texts[row])!);
}

/** The kind of a time; null for anything else. Times are only compared with times of the same kind. */
function kindOf(time: unknown): "number" | "date" | "text" | null {
  if (typeof time === "number" || typeof time === "bigint") return "number";
  if (typeof time === "string") return "text";
  return time instanceof Date ? "date" : null;
}
