// What one sparse row may be, which indices and values it may hold, and what rows look like once they are
// checked.

import { isArrayLike, wrongType, wrongValue } from "../core/errors.ts";

/** One sparse row. */
export interface SparseVector {
  /**
   * Feature indices, integers of at least 0, in any order. The values of an index that comes twice are
   * summed.
   */
  readonly indices: ArrayLike<number>;
  /** The value of each index; finite. Default: all ones. */
  readonly values?: ArrayLike<number> | undefined;
}

/** What `CSRMatrix.fromRows` takes as one row: a sparse vector, or a map or pairs from index to value. */
export type RowLike = SparseVector | ReadonlyMap<number, number> | readonly (readonly [number, number])[];

/**
 * Checked rows in compressed-sparse-row form: within a row no index occurs twice, and no value is zero, NaN
 * or infinite. Arrays may be longer than what is in use.
 */
export interface SparseRows {
  /** Number of rows. */
  readonly rows: number;
  /** Every index is below it. */
  readonly cols: number;
  /** Row i holds the entries `indptr[i]` up to `indptr[i + 1]`; (rows + 1). */
  readonly indptr: Uint32Array;
  /** Feature of each entry; (entries). */
  readonly indices: Uint32Array;
  /** Value of each entry; (entries). `null`: all ones. */
  readonly values: Float32Array | null;
}

/** The largest index a row can hold; the number of columns is then a Uint32 as well. */
export const MAX_INDEX = 4294967294;

/** Whether `value` is a number that float32 can hold: neither NaN nor infinite after rounding. */
export function isFloat32(value: unknown): value is number {
  if (typeof value !== "number") return false;
  const rounded = Math.fround(value);
  return rounded - rounded === 0;
}

/** The error for a value that `isFloat32` refuses. */
export function badValue(place: string, value: unknown): Error {
  if (typeof value === "number") return wrongValue(place, "finite (in 32 bits)", value);
  return wrongType(place, "a number", value);
}

/** Whether `index` can be a feature index. */
export function isIndex(index: unknown): index is number {
  return Number.isInteger(index) && (index as number) >= 0 && (index as number) <= MAX_INDEX;
}

/** The error for an index that `isIndex` refuses. */
export function badIndex(place: string, index: unknown): Error {
  if (typeof index === "number") return wrongValue(place, `an integer from 0 to ${MAX_INDEX}`, index);
  return wrongType(place, "a feature index", index);
}

/** What a checked entry goes to: the row in progress of a builder. */
export interface EntrySink {
  push(index: number, value: number): void;
}

/**
 * Checks the entries of a sparse vector and pushes them.
 *
 * @param place Names the row in errors.
 * @throws TypeError or RangeError that names the entry.
 */
export function pushVector(sink: EntrySink, { indices, values }: SparseVector, place: string): void {
  if (values != null && !isArrayLike(values)) throw wrongType(`${place}.values`, "an array", values);
  if (values != null && values.length !== indices.length) {
    throw wrongValue(`${place}.values.length`, `indices.length (${indices.length})`, values.length);
  }
  for (let p = 0; p < indices.length; p++) {
    if (!isIndex(indices[p])) throw badIndex(`${place}.indices[${p}]`, indices[p]);
    if (values != null && !isFloat32(values[p])) throw badValue(`${place}.values[${p}]`, values[p]);
    sink.push(indices[p], values == null ? 1 : Math.fround(values[p]));
  }
}

/**
 * Marks rows that have been checked already, also by another copy of the library: every `CSRMatrix` has it.
 */
export const CHECKED: unique symbol = Symbol.for("neural-fm.checked-rows");

/**
 * Leaves out the entries of value 0 from `start` up to `end`, because 0 means absent. Returns the new end.
 */
export function dropZeros(indices: Uint32Array, values: Float32Array, start: number, end: number): number {
  let kept = start;
  for (let p = start; p < end; p++) {
    indices[kept] = indices[p];
    values[kept] = values[p];
    if (values[p] !== 0) kept++;
  }
  return kept;
}

/** Whether the values from `start` up to `end` are all 1. */
export function areOnes(values: Float32Array, start: number, end: number): boolean {
  for (let p = start; p < end; p++) if (values[p] !== 1) return false;
  return true;
}

/**
 * Copies a row.
 *
 * @param rows Sparse rows.
 * @param row Number of the row.
 * @returns The row as a vector, without `values` if all rows have only ones.
 */
export function rowOf({ indptr, indices, values }: SparseRows, row: number): SparseVector {
  const [start, end] = [indptr[row], indptr[row + 1]];
  const own = indices.slice(start, end);
  return values === null ? { indices: own } : { indices: own, values: values.slice(start, end) };
}
