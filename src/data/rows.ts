// What users pass as rows - a matrix, sparse vectors or feature maps - becomes `SparseRows` here, and is
// checked once. Work on many rows is a generator that yields now and then, so that `fit` can give way to the
// event loop.

import { isArrayLike, wrongType, wrongValue } from "../core/errors.ts";
import { CSRBuilder } from "./csr-builder.ts";
import type { CSRMatrix } from "./csr-matrix.ts";
import type { Encoder } from "./encoder.ts";
import { type FeatureMap, fieldsOfRecord, isRecord } from "./feature-map.ts";
import {
  badIndex,
  badValue,
  CHECKED,
  isFloat32,
  isIndex,
  pushVector,
  type SparseRows,
  type SparseVector,
} from "./sparse-row.ts";

/** Many rows, as every method takes them. */
export type Rows = CSRMatrix | readonly SparseVector[] | readonly FeatureMap[];

/** Rows whose kind has been checked; the rows of an array are checked when they are read. */
export type CheckedRows = SparseRows | readonly unknown[];

/** Which features exist, and how feature maps name them. */
export interface FeatureSpace {
  /** Gives field names and values their feature index. Null: the keys of feature maps are feature indices. */
  readonly encoder: Encoder | null;
  /** Every index is below it. Null: not yet known. */
  readonly numFeatures: number | null;
}

/** Rows to read between two moments at which the work may pause. */
export const ROWS_PER_PAUSE = 64;

/** Whether `x` looks like rows in compressed-sparse-row form. */
function isCSR(x: unknown): x is SparseRows {
  return typeof x === "object" && x !== null && "indptr" in x && "indices" in x;
}

/** Whether x is many rows rather than one. */
export function isRows(x: unknown): x is Rows {
  return Array.isArray(x) || isCSR(x);
}

/**
 * Checks the kind of x.
 *
 * @param place What errors call x.
 * @throws TypeError if x is neither rows in compressed-sparse-row form nor an array.
 */
export function checkRows(x: unknown, place: string): CheckedRows {
  if (Array.isArray(x)) return x as readonly unknown[];
  if (isCSR(x)) return CHECKED in x ? x : rebuild(x, place);
  throw wrongType(place, "a CSRMatrix, an array of sparse vectors or an array of feature maps", x);
}

/** Checks arrays in compressed-sparse-row form that are no `CSRMatrix`, by collecting their rows anew. */
function rebuild({ cols, indptr, indices, values }: SparseRows, place: string): SparseRows {
  const builder = new CSRBuilder();
  for (let i = 1; i < indptr.length; i++) {
    const [start, end] = [indptr[i - 1], indptr[i]];
    if (!(start >= 0 && start <= end && end <= indices.length)) {
      throw wrongValue(
        `${place}.indptr[${i}]`,
        `from indptr[${i - 1}] to indices.length (${indices.length})`,
        end,
      );
    }
    const row = `${place}[${i - 1}]`;
    pushVector(builder, { indices: indices.slice(start, end), values: values?.slice(start, end) }, row);
    builder.endRow(row);
  }
  return builder.build(cols, place);
}

/** Whether rows are in compressed-sparse-row form already. */
export function isSparseRows(x: CheckedRows): x is SparseRows {
  return !Array.isArray(x);
}

/** Number of rows. */
export function countRows(x: CheckedRows): number {
  return isSparseRows(x) ? x.rows : x.length;
}

/** Returns the rows as they are now. `fit` gives way to the event loop before it has read all of them. */
export function snapshot(x: CheckedRows): CheckedRows {
  return isSparseRows(x) ? x : x.slice();
}

/**
 * Returns rows that do not change when the user changes the objects. Numbers in typed arrays are not copied.
 */
export function copyRows(x: CheckedRows): CheckedRows {
  if (isSparseRows(x)) return x;
  return Array.from(x, (row) => {
    if (row instanceof Map) return new Map(row);
    if (!isRecord(row)) return row;
    return Object.fromEntries(fieldsOfRecord(row).map((field) => [field, row[field]]));
  });
}

/**
 * Lists the fields that have a value in feature maps; none for sparse rows and for maps from feature indices.
 */
export function* fieldsOf(x: unknown): Generator<string, void> {
  for (const row of Array.isArray(x) ? (x as readonly unknown[]) : isCSR(x) ? [] : [x]) {
    if (typeof row !== "object" || row === null || isSparseRow(row)) continue;
    const fields = row instanceof Map ? [...(row as Map<unknown, unknown>).keys()] : fieldsOfRecord(row);
    for (const field of fields) {
      const value =
        row instanceof Map ? (row.get(field) as unknown) : (row as Record<string, unknown>)[field as string];
      if (typeof field === "string" && value != null && !/^\d+$/.test(field)) yield field;
    }
  }
}

/** Whether the rows are feature maps, which need an encoder. */
export function needsEncoder(x: CheckedRows): boolean {
  return !isSparseRows(x) && x.length > 0 && !isSparseRow(x[0]);
}

/**
 * Whether the features of a row are given by index: `{ indices, values? }`, or a Map whose first key is a
 * number.
 */
export function isSparseRow(row: unknown): boolean {
  return row instanceof Map ? typeof row.keys().next().value === "number" : isSparseVector(row);
}

function isSparseVector(row: unknown): row is SparseVector {
  const indices = (row as SparseVector | null | undefined)?.indices as unknown;
  if (!isArrayLike(indices)) return false;
  if (indices.length > 0) return typeof indices[0] === "number";
  return Object.keys(row as object).every((key) => key === "indices" || key === "values");
}

/**
 * Reads rows of any form; yields now and then.
 *
 * @param space Which features exist.
 * @param place What errors call x.
 * @returns The rows, with indices below `space.numFeatures`. Rows in compressed form come back as they are.
 * @throws TypeError or RangeError that names the row.
 */
export function* readRows(x: CheckedRows, space: FeatureSpace, place: string): Generator<void, SparseRows> {
  const { numFeatures } = space;
  if (isSparseRows(x)) {
    if (numFeatures !== null && x.cols > numFeatures) checkIndices(x.indices, numFeatures, place);
    return x;
  }
  const builder = new CSRBuilder();
  for (let i = 0; i < x.length; i++) {
    readRow(builder, x[i], space, `${place}[${i}]`);
    if (i % ROWS_PER_PAUSE === 0) yield;
  }
  return builder.build(numFeatures ?? undefined, place);
}

/**
 * Appends one row of any form to a builder.
 *
 * @param place What errors call the row.
 * @throws TypeError or RangeError that names the field or index.
 */
export function readRow(builder: CSRBuilder, row: unknown, space: FeatureSpace, place: string): void {
  const { encoder, numFeatures } = space;
  if (isSparseVector(row)) {
    if (isCSR(row)) throw wrongType(place, "one row", row);
    if (numFeatures !== null) checkIndices(row.indices, numFeatures, place);
    pushVector(builder, row, place);
    builder.endRow(place);
  } else if (encoder !== null && !isSparseRow(row)) {
    encoder.append(builder, row as FeatureMap, place);
  } else {
    pushIndexMap(builder, row, numFeatures ?? Infinity, place);
    builder.endRow(place);
  }
}

/** Pushes the entries of `{ 17: 1, 90: 0.5 }`: without an encoder the keys are feature indices. */
function pushIndexMap(builder: CSRBuilder, row: unknown, numFeatures: number, place: string): void {
  if (typeof row !== "object" || row === null || isArrayLike(row)) {
    throw wrongType(
      place,
      "a sparse vector { indices, values? } or a map from feature indices to numbers",
      row,
    );
  }
  for (const [key, value] of row instanceof Map ? (row as Map<unknown, unknown>) : Object.entries(row)) {
    const index = typeof key === "string" && /^\d+$/.test(key) ? Number(key) : key;
    if (typeof index !== "number") {
      const reason =
        "this model has no encoder for names: it was given numFeatures, or learned from sparse rows";
      throw wrongType(`${place}: keys`, `feature indices (${reason}; pass an encoder)`, key);
    }
    if (typeof value !== "number") {
      throw wrongType(`${place}[${index}]`, "a number (this model has no encoder for other values)", value);
    }
    if (index >= numFeatures)
      throw wrongValue(`${place}: key ${index}`, `below numFeatures (${numFeatures})`, index);
    if (!isIndex(index)) throw badIndex(`${place}: key ${index}`, index);
    if (!isFloat32(value)) throw badValue(`${place}.get(${index})`, value);
    builder.push(index, Math.fround(value));
  }
}

function checkIndices(indices: ArrayLike<number>, numFeatures: number, place: string): void {
  for (let p = 0; p < indices.length; p++) {
    // NaN and the like fall through to the builder, which has the better message for them.
    if (indices[p] >= numFeatures) {
      throw wrongValue(`${place}.indices[${p}]`, `below numFeatures (${numFeatures})`, indices[p]);
    }
  }
}
