// Reads the rows that users pass: a matrix, sparse vectors or feature maps. They are checked once and become
// `SparseRows`. Functions that work on many rows are generators that yield now and then, so that `fit` can
// give way to the event loop.

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

/** Rows, as every method accepts them: a matrix, or an array of sparse vectors or of feature maps. */
export type Rows = CSRMatrix | readonly SparseVector[] | readonly FeatureMap[];

/** Rows whose kind has been checked. The elements of an array are checked later, when they are read. */
export type CheckedRows = SparseRows | readonly unknown[];

/** The features of a model, and their names in feature maps. */
export interface FeatureSpace {
  /** Maps field names and values to feature indices. Null: the keys of feature maps are feature indices. */
  readonly encoder: Encoder | null;
  /** Number of features: every index is below it. Null: not yet known. */
  readonly numFeatures: number | null;
}

/** Generators that read rows yield once per so many rows. */
export const ROWS_PER_PAUSE = 64;

/** Says whether `x` looks like rows in compressed-sparse-row form. */
function isCSR(x: unknown): x is SparseRows {
  return typeof x === "object" && x !== null && "indptr" in x && "indices" in x;
}

/**
 * Says whether a value is several rows and not a single one.
 *
 * @param x Any value.
 * @returns True for arrays and for rows in compressed-sparse-row form.
 */
export function isRows(x: unknown): x is Rows {
  return Array.isArray(x) || isCSR(x);
}

/**
 * Checks the kind of rows.
 *
 * @param x Any value.
 * @param place What errors call x.
 * @returns The rows.
 * @throws TypeError if x is neither rows in compressed-sparse-row form nor an array. TypeError or RangeError
 *   that names the position, for arrays in compressed-sparse-row form that are not a valid `CSRMatrix`.
 */
export function checkRows(x: unknown, place: string): CheckedRows {
  if (Array.isArray(x)) return x as readonly unknown[];
  if (isCSR(x)) return CHECKED in x ? x : rebuild(x, place);
  throw wrongType(place, "a CSRMatrix, an array of sparse vectors or an array of feature maps", x);
}

/** Checks an object in compressed-sparse-row form that is not a `CSRMatrix`, by building its rows again. */
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

/**
 * Says whether rows are in compressed-sparse-row form.
 *
 * @param x Rows.
 * @returns False for an array.
 */
export function isSparseRows(x: CheckedRows): x is SparseRows {
  return !Array.isArray(x);
}

/**
 * Counts rows.
 *
 * @param x Rows.
 * @returns The number of rows.
 */
export function countRows(x: CheckedRows): number {
  return isSparseRows(x) ? x.rows : x.length;
}

/**
 * Copies an array of rows, so that later changes of the array have no effect. `fit` needs it, because it
 * gives way to the event loop before it has read all rows.
 *
 * @param x Rows.
 * @returns The copy. Its elements are the same objects.
 */
export function snapshot(x: CheckedRows): CheckedRows {
  return isSparseRows(x) ? x : x.slice();
}

/**
 * Copies rows, so that later changes of the row objects have no effect. Numbers in typed arrays are not
 * copied.
 *
 * @param x Rows.
 * @returns The copy.
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
 * Lists the fields that have a value in feature maps. Sparse rows and maps from feature indices have none.
 *
 * @param x One row or rows of any form.
 * @returns The field names, some of them several times.
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

/**
 * Says whether rows are feature maps, which need an encoder.
 *
 * @param x Rows.
 * @returns True if the first row is a feature map.
 */
export function needsEncoder(x: CheckedRows): boolean {
  return !isSparseRows(x) && x.length > 0 && !isSparseRow(x[0]);
}

/**
 * Says whether a row names its features by index.
 *
 * @param row Any value.
 * @returns True for `{ indices, values? }` and for a Map whose first key is a number.
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
 * Reads rows of any form. Yields now and then.
 *
 * @param x Rows.
 * @param space The features of the model.
 * @param place What errors call x.
 * @returns The rows, with indices below `space.numFeatures`. Rows in compressed-sparse-row form are returned
 *   without a copy.
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
 * @param builder The builder.
 * @param row A sparse vector or a feature map.
 * @param space The features of the model.
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

/** Pushes the entries of a map such as `{ 17: 1, 90: 0.5 }`, whose keys are feature indices. */
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
    // Other bad indices, such as NaN, are left to the builder, whose message says more about them.
    if (indices[p] >= numFeatures) {
      throw wrongValue(`${place}.indices[${p}]`, `below numFeatures (${numFeatures})`, indices[p]);
    }
  }
}
