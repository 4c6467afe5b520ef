// What one sparse row may be, and which indices and values it may hold.

import { wrongType, wrongValue } from "./errors.ts";

/** One sparse row. `values` absent: all ones. */
export interface SparseVector {
  /** Feature indices, integers of at least 0, in any order; what comes twice is summed. */
  readonly indices: ArrayLike<number>;
  /** The value of each index; finite. Default: all ones. */
  readonly values?: ArrayLike<number>;
}

/** What `CSRMatrix.fromRows` takes as one row: a sparse vector, a map or pairs from index to value. */
export type RowLike = SparseVector | ReadonlyMap<number, number> | readonly (readonly [number, number])[];

/** The largest index a row can hold. */
export const MAX_INDEX = 4294967294; // so that the number of columns is a Uint32 too

/** Whether `value` is a number that float32 can hold: neither NaN nor infinite after rounding. */
export function isFloat32(value: unknown): value is number {
  if (typeof value !== "number") return false;
  const rounded = Math.fround(value);
  return rounded - rounded === 0;
}

/** The error for a value that `isFloat32` refuses. */
export function badValue(place: string, value: unknown): Error {
  return typeof value === "number" ? wrongValue(place, "finite (in 32 bits)", value) : wrongType(place, "a number", value);
}

/** Whether `index` can be a feature index. */
export function isIndex(index: unknown): index is number {
  return Number.isInteger(index) && (index as number) >= 0 && (index as number) <= MAX_INDEX;
}

/** The error for an index that `isIndex` refuses. */
export function badIndex(place: string, index: unknown): Error {
  return typeof index === "number" ? wrongValue(place, `an integer from 0 to ${MAX_INDEX}`, index) : wrongType(place, "a feature index", index);
}
