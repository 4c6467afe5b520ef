// Rows whose kind has been checked: how they are counted, copied and looked at before they are encoded.

import { isArrayLike, isRecord } from "../core/errors.ts";
import { Columns } from "./columns.ts";
import { fieldsOfRecord } from "./feature-map.ts";
import type { SparseRows, SparseVector } from "./sparse-row.ts";

/** Rows whose kind has been checked. The elements of an array are checked later, when they are read. */
export type CheckedRows = SparseRows | readonly unknown[] | Columns;

/**
 * Says whether a value looks like rows in compressed-sparse-row form.
 *
 * @param x Any value.
 * @returns True for objects with `indptr` and `indices`.
 */
export function isCSR(x: unknown): x is SparseRows {
  return typeof x === "object" && x !== null && "indptr" in x && "indices" in x;
}

/**
 * Says whether rows are in compressed-sparse-row form.
 *
 * @param x Rows.
 * @returns False for an array and for columns.
 */
export function isSparseRows(x: CheckedRows): x is SparseRows {
  return !Array.isArray(x) && !(x instanceof Columns);
}

/**
 * Counts rows.
 *
 * @param x Rows.
 * @returns The number of rows.
 */
export function countRows(x: CheckedRows): number {
  return Array.isArray(x) ? x.length : (x as SparseRows | Columns).rows;
}

/**
 * Copies an array of rows, or the arrays of columns, so that later changes of the arrays have no effect.
 * `fit` needs it, because it gives way to the event loop before it has read all rows.
 *
 * @param x Rows.
 * @returns The copy. Its elements are the same objects.
 */
export function snapshot(x: CheckedRows): CheckedRows {
  if (x instanceof Columns) return x.copy();
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
  if (x instanceof Columns) return x.copy();
  if (isSparseRows(x)) return x;
  return Array.from(x, (row) => {
    if (row instanceof Map) return new Map(row);
    if (!isRecord(row)) return row;
    return Object.fromEntries(fieldsOfRecord(row).map((field) => [field, row[field]]));
  });
}

/**
 * Leaves fields out of feature maps.
 *
 * @param x Rows. Sparse rows have no fields.
 * @param names The fields to leave out.
 * @returns The rows without these fields. The values are not copied.
 */
export function withoutFields(x: CheckedRows, names: ReadonlySet<string>): CheckedRows {
  if (x instanceof Columns) return x.without(names);
  if (isSparseRows(x)) return x;
  return Array.from(x, (row) => {
    if (row instanceof Map) return new Map([...row].filter(([name]) => !names.has(name as string)));
    if (!isRecord(row) || isSparseRow(row)) return row;
    const kept = fieldsOfRecord(row).filter((name) => !names.has(name));
    return Object.fromEntries(kept.map((name) => [name, row[name]]));
  });
}

/**
 * Lists the fields that have a value in feature maps. Sparse rows and maps from feature indices have none.
 *
 * @param x One row or rows of any form.
 * @returns The field names, some of them several times.
 */
export function* fieldsOf(x: unknown): Generator<string, void> {
  if (x instanceof Columns) {
    yield* x.names.filter((name, c) => !/^\d+$/.test(name) && x.data[c].some((value) => value != null));
    return;
  }
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
 * @returns True for columns, and if the first row is a feature map.
 */
export function needsEncoder(x: CheckedRows): boolean {
  if (x instanceof Columns) return x.rows > 0;
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

/**
 * Says whether a row is a sparse vector.
 *
 * @param row Any value.
 * @returns True for `{ indices, values? }`.
 */
export function isSparseVector(row: unknown): row is SparseVector {
  const indices = (row as SparseVector | null | undefined)?.indices as unknown;
  if (!isArrayLike(indices)) return false;
  if (indices.length > 0) return typeof indices[0] === "number";
  return Object.keys(row as object).every((key) => key === "indices" || key === "values");
}
