// Reads the rows that users pass: a matrix, sparse vectors, feature maps, columns or a table of another
// library. They are checked once and become `SparseRows`. Functions that work on many rows are generators
// that yield now and then, so that `fit` can give way to the event loop.

import { isArrayLike, isRecord, wrongType, wrongValue } from "../core/errors.ts";
import { type CheckedRows, isCSR, isSparseRow, isSparseRows, isSparseVector } from "./checked-rows.ts";
import { Columns, type NumberArray } from "./columns.ts";
import { CSRBuilder } from "./csr-builder.ts";
import type { CSRMatrix } from "./csr-matrix.ts";
import type { Encoder, RowScope } from "./encoder.ts";
import { type FeatureMap, type FeatureValue, fieldsOfRecord } from "./feature-map.ts";
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
import { fromColumnsObject, fromTable, type Table } from "./tables.ts";

/**
 * Rows as an object with one array per field, all of the same length. The value of a field in row i is
 * element i of its array.
 *
 * @example
 * const columns: ColumnsObject = { user: ["ana", "bo"], price: Float64Array.of(1.5, 2) };
 */
export type ColumnsObject = Readonly<Record<string, readonly FeatureValue[] | NumberArray>>;

/**
 * What `predict` returns for an object of columns. If all arrays could as well be the lists of one row, the
 * model decides (see `NFM.predict`).
 */
export type PredictedColumns<C> = [0 extends 1 & C ? never : keyof C] extends [never]
  ? number
  : C extends SparseVector
    ? number
    : C extends FeatureMap
      ? number | Float32Array
      : Float32Array;

/** An iterable of rows, such as a generator or a Set. A `Map` is one row, and is not meant. */
export interface RowIterable<T> extends Iterable<T> {
  /** A Map has this method. */
  readonly get?: never;
}

/**
 * Rows, as every method accepts them: a matrix, an array or another iterable of sparse vectors or of feature
 * maps, an object of columns, or a table of Apache Arrow, flechette, Arquero or DuckDB.
 */
export type Rows =
  | CSRMatrix
  | readonly SparseVector[]
  | readonly FeatureMap[]
  | RowIterable<SparseVector>
  | RowIterable<FeatureMap>
  | ColumnsObject
  | Table;

/** `Rows`, or an array or iterable of rows of the user's own type. */
export type RowsOf<T> = Rows | readonly T[] | RowIterable<T>;

/** The features of a model, their names in feature maps, and how rows are read that are parts of rows. */
export interface FeatureSpace extends RowScope {
  /** Maps field names and values to feature indices. Null: the keys of feature maps are feature indices. */
  readonly encoder: Encoder | null;
  /** Number of features: every index is below it. Null: not yet known. */
  readonly numFeatures: number | null;
  /** Looks at rows as soon as they are encoded. Yields now and then. Default: nobody looks. */
  readonly inspect?: ((rows: SparseRows, place: string) => Generator<void, void>) | undefined;
}

/** Generators that read rows yield once per so many rows. */
export const ROWS_PER_PAUSE = 64;

/** The same for columns, whose rows take less time, but which have some work for each step. */
export const COLUMN_ROWS_PER_PAUSE = 512;

/**
 * Says whether a value is several rows and not a single one. An object whose values are arrays is ambiguous:
 * it is one row if every field may be a list, and columns if the model knows otherwise of some field, or if
 * some array holds what is no entry of a list, such as another array.
 *
 * @param x Any value.
 * @param encoder The encoder of the model; null: values of fields are numbers.
 * @param place What errors call x.
 * @returns True for rows in every form of `checkRows`.
 * @throws Error for a table whose rows are not there yet.
 */
export function isRows(x: unknown, encoder: Encoder | null, place: string): boolean {
  if (Array.isArray(x)) return true;
  if (typeof x !== "object" || x === null || x instanceof Map || ArrayBuffer.isView(x)) return false;
  if (isCSR(x)) return true;
  if (isSparseVector(x)) return false;
  if (Object.getPrototypeOf(x) === Object.prototype) {
    for (const name in x) {
      const value = (x as Record<string, unknown>)[name];
      if (typeof value === "function") break; // a method of a table
      if (!isArrayLike(value)) return false; // the short way of most rows
    }
  }
  if (fromTable(x, place) !== null || isIterable(x)) return true;
  const names = isRecord(x) ? fieldsOfRecord(x) : [];
  if (!names.every((name) => isArrayLike((x as Record<string, unknown>)[name]))) return false;
  return names.some((name) => !mayBeList((x as Record<string, unknown>)[name], name, encoder));
}

/** Says whether the value of a field may be the list of one row. */
function mayBeList(value: unknown, name: string, encoder: Encoder | null): boolean {
  if (encoder === null || !encoder.takesLists(name)) return false;
  return !Array.isArray(value) || value.every((entry) => entry != null && typeof entry !== "object");
}

/**
 * Checks the kind of rows. The value is always taken for several rows.
 *
 * @param x Any value.
 * @param place What errors call x.
 * @returns The rows. Iterables other than arrays are collected.
 * @throws TypeError if x has none of the forms of `Rows`. TypeError or RangeError that names the position,
 *   for arrays in compressed-sparse-row form that are not a valid `CSRMatrix`, and for columns of different
 *   lengths.
 */
export function checkRows(x: unknown, place: string): CheckedRows {
  if (Array.isArray(x)) return x as readonly unknown[];
  if (x instanceof Columns) return x;
  if (typeof x !== "object" || x === null || ArrayBuffer.isView(x)) throw wrongRows(place, x);
  if (isCSR(x)) return CHECKED in x ? present(x, place) : rebuild(x, place);
  if (isSparseVector(x) || x instanceof Map)
    throw wrongRows(place, x, "for a single row, pass an array of it");
  const table = fromTable(x, place);
  if (table !== null) return table;
  if (isIterable(x)) return Array.from(x);
  if (Symbol.asyncIterator in x) {
    throw wrongRows(place, x, "collect it first: for await (const row of source) rows.push(row)");
  }
  if (!isRecord(x)) throw wrongRows(place, x);
  if (!Object.values(x).some(isArrayLike)) throw wrongRows(place, x, "for a single row, pass an array of it");
  return fromColumnsObject(x, place);
}

/**
 * Checks rows for an encoder, which takes feature maps and columns.
 *
 * @param x Any value.
 * @param place What errors call x.
 * @returns The rows. Iterables are not collected.
 * @throws TypeError as `checkRows`, and for rows in compressed-sparse-row form.
 */
export function checkMaps(x: unknown, place: string): Iterable<FeatureMap> | Columns {
  const isOwn = typeof x === "object" && x !== null && !(x instanceof Map) && !ArrayBuffer.isView(x);
  if (isOwn && isIterable(x) && fromTable(x, place) === null) return x as Iterable<FeatureMap>;
  const rows = checkRows(x, place);
  if (isSparseRows(rows))
    throw wrongType(place, "feature maps or columns, which have names to learn from", x);
  return rows as readonly FeatureMap[] | Columns;
}

/** Makes the error for what is no rows. `remedy` is the way out, if there is a special one. */
function wrongRows(place: string, x: unknown, remedy?: string): TypeError {
  const forms =
    "an array or iterable of feature maps or sparse vectors, " +
    "columns such as { user: [...], price: [...] }, a table, or a CSRMatrix";
  return wrongType(place, remedy === undefined ? forms : `${forms} (${remedy})`, x);
}

function isIterable(x: object): x is Iterable<unknown> {
  return typeof (x as Partial<Iterable<unknown>>)[Symbol.iterator] === "function";
}

/** Returns a matrix, unless its arrays have been handed over to another thread: they are empty then. */
function present(x: SparseRows, place: string): SparseRows {
  if (x.indptr.length > 0) return x;
  throw new TypeError(
    `${place}: the arrays of this matrix have been handed over to another thread; keep them with ` +
      "fitInWorker(..., { transfer: false })",
  );
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
  const rows = yield* encodeRows(x, space, place);
  if (space.inspect !== undefined) yield* space.inspect(rows, place);
  return rows;
}

function* encodeRows(x: CheckedRows, space: FeatureSpace, place: string): Generator<void, SparseRows> {
  const { numFeatures } = space;
  if (isSparseRows(x)) {
    if (numFeatures !== null && x.cols > numFeatures) checkIndices(x.indices, numFeatures, place);
    return x;
  }
  const builder = new CSRBuilder();
  yield* appendRows(builder, x, space, place);
  return builder.build(numFeatures ?? undefined, place);
}

/**
 * Reads rows as `readRows` does, into memory that is used again.
 *
 * @param builder Holds the rows, unless they are in compressed-sparse-row form already.
 * @param x Rows.
 * @param space The features of the model.
 * @param place What errors call x.
 * @returns The rows. They are valid until the builder is used again.
 * @throws TypeError or RangeError that names the row.
 */
export function* readRowsInto(
  builder: CSRBuilder,
  x: CheckedRows,
  space: FeatureSpace,
  place: string,
): Generator<void, SparseRows> {
  if (isSparseRows(x)) return yield* readRows(x, space, place);
  builder.clear();
  yield* appendRows(builder, x, space, place);
  if (space.inspect !== undefined) yield* space.inspect(builder, place);
  return builder;
}

/** Appends rows that are not yet sparse to a builder. Yields now and then. */
function* appendRows(
  builder: CSRBuilder,
  x: readonly unknown[] | Columns,
  space: FeatureSpace,
  place: string,
): Generator<void, void> {
  if (x instanceof Columns) return yield* readColumns(builder, x, space, place);
  for (let i = 0; i < x.length; i++) {
    readRow(builder, x[i], space, `${place}[${i}]`);
    if (i % ROWS_PER_PAUSE === 0) yield;
  }
}

/** Appends the rows of columns to a builder. Yields now and then. */
function* readColumns(
  builder: CSRBuilder,
  columns: Columns,
  space: FeatureSpace,
  place: string,
): Generator<void, void> {
  const { names, rows } = columns;
  const data = yield* columns.decode();
  if (space.encoder === null) {
    const rowOf = columns.reader();
    for (let i = 0; i < rows; i++) {
      readRow(builder, rowOf(i), space, `${place}[${i}]`);
      if (i % ROWS_PER_PAUSE === 0) yield;
    }
    return;
  }
  for (let start = 0; start < rows; start += COLUMN_ROWS_PER_PAUSE) {
    space.encoder.appendColumns(
      builder,
      { names, data },
      start,
      Math.min(start + COLUMN_ROWS_PER_PAUSE, rows),
      place,
      space,
    );
    yield;
  }
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
    encoder.append(builder, row as FeatureMap, place, space);
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
