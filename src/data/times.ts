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
 * @returns Numbers that have the order of the times, (rows).
 * @throws TypeError or RangeError that names the row.
 */
export function readTimes(times: unknown, x: CheckedRows, place: string): Float64Array {
  const rows = countRows(x);
  if (typeof times === "string") {
    return inOrder(readColumn(x, times, `${place}x`, "time"), (row) => `${place}x[${row}].${times}`);
  }
  if (!isArrayLike(times))
    throw wrongType(`${place}time`, "the name of a field, or an array of times", times);
  if (times.length !== rows)
    throw wrongValue(`${place}time.length`, `the number of rows of x (${rows})`, times.length);
  return inOrder(times, (row) => `${place}time[${row}]`);
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
