// CSRMatrix: sparse rows in compressed-sparse-row form, on typed arrays.

import { describe, isArrayLike, wrongType, wrongValue } from "../core/errors.ts";
import { CSRBuilder } from "./csr-builder.ts";
import { type CSRInit, checkCSR } from "./csr-check.ts";
import {
  areOnes,
  badIndex,
  badValue,
  CHECKED,
  isFloat32,
  isIndex,
  pushVector,
  type RowLike,
  type SparseRows,
  type SparseVector,
} from "./sparse-row.ts";

/**
 * A sparse matrix in compressed-sparse-row form. Within a row no index occurs twice, and no stored value is
 * zero, NaN or infinite. A matrix whose values are all ones carries no array of values.
 *
 * @example
 * const x = new CSRMatrix({ cols: 5, indptr: [0, 2, 3], indices: [0, 3, 4], values: [1, 0.5, 2] });
 * x.rows; // 2
 */
export class CSRMatrix implements SparseRows {
  /** Number of rows. */
  readonly rows: number;
  /** Number of columns. Every index is below it. */
  readonly cols: number;
  /** Number of stored entries. */
  readonly nnz: number;
  /** Row i holds the entries `indptr[i]` up to `indptr[i + 1]`; (rows + 1). */
  readonly indptr: Uint32Array;
  /** Column of each entry, in any order within a row, no duplicates; (nnz). */
  readonly indices: Uint32Array;
  /** Value of each entry, none of them zero; (nnz). `null`: all ones. */
  readonly values: Float32Array | null;

  /**
   * Checks everything. Typed arrays of the right kind are kept and not copied: do not change them afterwards.
   * Explicit zeros mean absent and are dropped.
   *
   * @param init.rows Number of rows. Default: `indptr.length - 1`.
   * @param init.cols Number of columns, at least 0.
   * @param init.indptr Where each row starts, (rows + 1), from 0 to the number of entries, never decreasing.
   * @param init.indices Column of each entry, (nnz), each an integer from 0 to cols - 1, no index twice in a
   *   row.
   * @param init.values Value of each entry, (nnz), finite in float32. Default: all ones.
   * @throws TypeError or RangeError that names the element.
   */
  constructor(init: CSRInit) {
    const { rows, cols, indptr, indices, values } = checkCSR(init);
    this.rows = rows;
    this.cols = cols;
    this.nnz = indices.length;
    this.indptr = indptr;
    this.indices = indices;
    this.values = values;
  }

  /** @internal */
  get [CHECKED](): true {
    return true;
  }

  /**
   * Builds a matrix from rows. The values of indices that come twice in a row are summed; zeros are dropped.
   *
   * @param rows Sparse vectors, or maps or pairs from index to value.
   * @param cols Number of columns. Default: the largest index + 1.
   * @returns The matrix, (number of rows, cols).
   * @throws TypeError or RangeError that names the entry.
   */
  static fromRows(rows: Iterable<RowLike>, cols?: number): CSRMatrix {
    if (typeof (rows as Iterable<RowLike> | undefined)?.[Symbol.iterator] !== "function") {
      throw wrongType("CSRMatrix.fromRows: rows", "an iterable of rows", rows);
    }
    const builder = new CSRBuilder();
    let i = 0;
    for (const row of rows) appendRow(builder, row, `CSRMatrix.fromRows: rows[${i++}]`);
    return matrixOf(builder.build(cols, "CSRMatrix.fromRows"));
  }

  /**
   * Builds a matrix from dense rows of equal length; zeros are dropped.
   *
   * @param rows Arrays of finite numbers, each of the length of the first.
   * @returns The matrix, (number of rows, length of a row).
   * @throws TypeError or RangeError that names the element.
   */
  static fromDense(rows: readonly ArrayLike<number>[]): CSRMatrix {
    if (!Array.isArray(rows)) throw wrongType("CSRMatrix.fromDense: rows", "an array of rows", rows);
    const builder = new CSRBuilder();
    const cols = (rows[0] as ArrayLike<number> | undefined)?.length ?? 0;
    for (let i = 0; i < rows.length; i++) {
      const place = `CSRMatrix.fromDense: rows[${i}]`;
      if (!isArrayLike(rows[i])) throw wrongType(place, "an array of numbers", rows[i]);
      if (rows[i].length !== cols)
        throw wrongValue(`${place}.length`, `that of rows[0] (${cols})`, rows[i].length);
      for (let j = 0; j < cols; j++) {
        if (!isFloat32(rows[i][j])) throw badValue(`${place}[${j}]`, rows[i][j]);
        builder.push(j, Math.fround(rows[i][j]));
      }
      builder.endRow(place);
    }
    return matrixOf(builder.build(cols, "CSRMatrix.fromDense"));
  }

  /**
   * One row, as views on the arrays of this matrix.
   *
   * @param i Number of the row, from 0.
   * @returns A sparse vector; without `values` if the matrix has none.
   * @throws RangeError if there is no such row.
   */
  row(i: number): SparseVector {
    if (!Number.isInteger(i) || i < 0 || i >= this.rows) {
      throw wrongValue("CSRMatrix.row: i", `an integer from 0 to ${this.rows - 1}`, i);
    }
    const [start, end] = [this.indptr[i], this.indptr[i + 1]];
    const indices = this.indices.subarray(start, end);
    return this.values === null ? { indices } : { indices, values: this.values.subarray(start, end) };
  }

  /**
   * Consecutive rows as a matrix, whose entries are views on this one. Negative positions count from the end.
   *
   * @param start First row. Default: 0.
   * @param end The row behind the last. Default: all rows.
   * @returns The matrix, (end - start, cols).
   * @throws RangeError if a position is no integer.
   */
  slice(start: number = 0, end: number = this.rows): CSRMatrix {
    for (const position of [start, end]) {
      if (Number.isInteger(position) || position === Infinity) continue;
      throw wrongValue("CSRMatrix.slice: start and end", "integers", position);
    }
    const from = Math.max(0, Math.min(this.rows, start < 0 ? this.rows + start : start));
    const to = Math.max(from, Math.min(this.rows, end < 0 ? this.rows + end : end));
    const [first, last] = [this.indptr[from], this.indptr[to]];
    return matrixOf({
      rows: to - from,
      cols: this.cols,
      indptr: this.indptr.slice(from, to + 1).map((p) => p - first),
      indices: this.indices.subarray(first, last),
      values: this.values && this.values.subarray(first, last),
    });
  }

  /**
   * Copies the rows at the given positions, in that order.
   *
   * @param rows Row numbers; one may come more than once.
   * @returns The matrix, (rows.length, cols).
   * @throws TypeError or RangeError that names the position.
   */
  take(rows: ArrayLike<number>): CSRMatrix {
    if (!isArrayLike(rows)) throw wrongType("CSRMatrix.take: rows", "an array of row numbers", rows);
    const indptr = new Uint32Array(rows.length + 1);
    for (let i = 0; i < rows.length; i++) {
      const row = rows[i];
      if (!Number.isInteger(row) || row < 0 || row >= this.rows) {
        throw wrongValue(`CSRMatrix.take: rows[${i}]`, `an integer from 0 to ${this.rows - 1}`, row);
      }
      indptr[i + 1] = indptr[i] + this.indptr[row + 1] - this.indptr[row];
    }
    const indices = new Uint32Array(indptr[rows.length]);
    const values = this.values && new Float32Array(indices.length);
    for (let i = 0; i < rows.length; i++) {
      const [start, end] = [this.indptr[rows[i]], this.indptr[rows[i] + 1]];
      indices.set(this.indices.subarray(start, end), indptr[i]);
      values?.set(this.values!.subarray(start, end), indptr[i]);
    }
    return matrixOf({ rows: rows.length, cols: this.cols, indptr, indices, values });
  }

  /**
   * Stacks matrices of the same number of columns vertically.
   *
   * @param parts Matrices, the first on top.
   * @returns The matrix, (sum of their rows, cols).
   * @throws TypeError or RangeError that names the part.
   */
  static concat(parts: readonly CSRMatrix[]): CSRMatrix {
    if (!Array.isArray(parts)) throw wrongType("CSRMatrix.concat: parts", "an array of matrices", parts);
    const cols = (parts[0] as CSRMatrix | undefined)?.cols ?? 0;
    parts.forEach((part, i) => {
      if (!isCSRMatrix(part)) throw wrongType(`CSRMatrix.concat: parts[${i}]`, "a CSRMatrix", part);
      if (part.cols === cols) return;
      throw wrongValue(`CSRMatrix.concat: parts[${i}].cols`, `that of parts[0] (${cols})`, part.cols);
    });
    const sum = (count: (part: CSRMatrix) => number): number =>
      parts.reduce((total, part) => total + count(part), 0);
    const rows = sum((part) => part.rows);
    const indptr = new Uint32Array(rows + 1);
    const indices = new Uint32Array(sum((part) => part.nnz));
    const isBinary = parts.every((part) => part.values === null);
    const values = isBinary ? null : new Float32Array(indices.length).fill(1);
    let [row, entry] = [0, 0];
    for (const part of parts) {
      for (let i = 1; i <= part.rows; i++) indptr[row + i] = entry + part.indptr[i];
      indices.set(part.indices, entry);
      if (part.values !== null) values!.set(part.values, entry);
      row += part.rows;
      entry += part.nnz;
    }
    return matrixOf({ rows, cols, indptr, indices, values });
  }
}

/** Checks one row of any form and appends it. `place` names the row in errors. */
function appendRow(builder: CSRBuilder, row: RowLike, place: string): void {
  if (row instanceof Map) {
    for (const [index, value] of row as ReadonlyMap<number, number>) {
      if (!isIndex(index)) throw badIndex(`${place}: key ${describe(index)}`, index);
      if (!isFloat32(value)) throw badValue(`${place}.get(${index})`, value);
      builder.push(index, Math.fround(value));
    }
  } else if (isArrayLike((row as SparseVector | undefined)?.indices)) {
    pushVector(builder, row as SparseVector, place);
  } else if (Array.isArray(row)) {
    pushPairs(builder, row, place);
  } else {
    const expected =
      "a sparse vector { indices, values? }, a Map from index to value, or [index, value] pairs";
    throw wrongType(place, expected, row);
  }
  builder.endRow(place);
}

function pushPairs(builder: CSRBuilder, pairs: readonly unknown[], place: string): void {
  for (let p = 0; p < pairs.length; p++) {
    const pair = pairs[p];
    if (!isArrayLike(pair) || pair.length !== 2)
      throw wrongType(`${place}[${p}]`, "an [index, value] pair", pair);
    const [index, value] = [pair[0], pair[1]];
    if (!isIndex(index)) throw badIndex(`${place}[${p}][0]`, index);
    if (!isFloat32(value)) throw badValue(`${place}[${p}][1]`, value);
    builder.push(index, Math.fround(value));
  }
}

/** Outside the class: a bundler renames a class that mentions itself, and `CSRMatrix.name` would change. */
function isCSRMatrix(value: unknown): value is CSRMatrix {
  return value instanceof CSRMatrix;
}

/** @internal Makes a matrix of rows that have been checked, without checking them again. */
export function matrixOf({ rows, cols, indptr, indices, values }: SparseRows): CSRMatrix {
  const kept = values !== null && areOnes(values, 0, values.length) ? null : values;
  const fields = { rows, cols, nnz: indices.length, indptr, indices, values: kept };
  return Object.assign(Object.create(CSRMatrix.prototype) as object, fields) as CSRMatrix;
}
