// Sparse rows: CSRMatrix (compressed sparse rows) and the builder that every row format goes through. Two invariants
// hold for every matrix, so that nothing later checks again: within a row no index occurs twice, and no stored value
// is zero, NaN or infinite. A matrix whose values are all ones carries no values array.

import { checkInteger, describe, isArrayLike, wrongType, wrongValue } from "./errors.ts";
import { badIndex, badValue, isFloat32, isIndex, MAX_INDEX, type RowLike, type SparseVector } from "./sparse-row.ts";

/**
 * A sparse matrix in compressed-sparse-row form.
 *
 * @example
 * const x = new CSRMatrix({ cols: 5, indptr: [0, 2, 3], indices: [0, 3, 4], values: [1, 0.5, 2] });
 * x.rows; // 2
 */
export class CSRMatrix {
  /** Number of rows. */
  readonly rows: number;
  /** Number of columns; every index is below it. */
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
   * Checks everything. Typed arrays of the right kind are kept, not copied: do not change them afterwards. Explicit
   * zeros mean absent and are dropped.
   *
   * @param init.rows Number of rows. Default: `indptr.length - 1`.
   * @param init.cols Number of columns, at least 0.
   * @param init.indptr (rows + 1), from 0 to the number of entries, never decreasing.
   * @param init.indices (nnz), each an integer from 0 to cols - 1, no index twice in a row.
   * @param init.values (nnz), finite in float32. Default: all ones.
   * @throws TypeError or RangeError that names the element.
   */
  constructor(init: {
    rows?: number;
    cols: number;
    indptr: ArrayLike<number>;
    indices: ArrayLike<number>;
    values?: ArrayLike<number> | null;
  }) {
    const at = "CSRMatrix: ";
    if (typeof init !== "object" || init === null) throw wrongType("CSRMatrix: init", "an object", init);
    const { cols, indptr, indices } = init;
    checkInteger(`${at}cols`, cols, 0, MAX_INDEX + 1);
    if (!isArrayLike(indptr)) throw wrongType(`${at}indptr`, "an array", indptr);
    if (!isArrayLike(indices)) throw wrongType(`${at}indices`, "an array", indices);
    if (init.values != null && !isArrayLike(init.values)) throw wrongType(`${at}values`, "an array", init.values);
    const rows = checkInteger(`${at}rows`, init.rows ?? Math.max(indptr.length - 1, 0), 0);
    if (indptr.length !== rows + 1) throw wrongValue(`${at}indptr.length`, `rows + 1 (${rows + 1})`, indptr.length);
    if (init.values != null && init.values.length !== indices.length) {
      throw wrongValue(`${at}values.length`, `indices.length (${indices.length})`, init.values.length);
    }
    if (indptr[0] !== 0) throw wrongValue(`${at}indptr[0]`, "0", indptr[0]);
    for (let i = 0; i < rows; i++) {
      const end = indptr[i + 1];
      if (!Number.isInteger(end) || end < indptr[i]) throw wrongValue(`${at}indptr[${i + 1}]`, `an integer of at least indptr[${i}] (${indptr[i]})`, end);
    }
    if (indptr[rows] !== indices.length) throw wrongValue(`${at}indptr[${rows}]`, `indices.length (${indices.length})`, indptr[rows]);

    const kept = checkEntries(indptr, indices, init.values ?? null, rows, cols);
    this.rows = rows;
    this.cols = cols;
    this.nnz = kept.indices.length;
    this.indptr = kept.indptr;
    this.indices = kept.indices;
    this.values = kept.values;
  }

  /**
   * Builds a matrix from rows. Indices that come twice in a row are summed; zeros are dropped.
   *
   * @param rows Sparse vectors, maps or pairs from index to value.
   * @param cols Number of columns. Default: the largest index + 1.
   */
  static fromRows(rows: Iterable<RowLike>, cols?: number): CSRMatrix {
    if (typeof (rows as Iterable<RowLike> | undefined)?.[Symbol.iterator] !== "function") throw wrongType("CSRMatrix.fromRows: rows", "an iterable of rows", rows);
    const builder = new CSRBuilder();
    let i = 0;
    for (const row of rows) builder.appendRow(row, `CSRMatrix.fromRows: rows[${i++}]`);
    return builder.build(cols, "CSRMatrix.fromRows");
  }

  /** Builds a matrix from dense rows of equal length; zeros are dropped. */
  static fromDense(rows: readonly ArrayLike<number>[]): CSRMatrix {
    if (!Array.isArray(rows)) throw wrongType("CSRMatrix.fromDense: rows", "an array of rows", rows);
    const builder = new CSRBuilder();
    const cols = (rows[0] as ArrayLike<number> | undefined)?.length ?? 0;
    for (let i = 0; i < rows.length; i++) {
      const place = `CSRMatrix.fromDense: rows[${i}]`;
      if (!isArrayLike(rows[i])) throw wrongType(place, "an array of numbers", rows[i]);
      if (rows[i].length !== cols) throw wrongValue(`${place}.length`, `that of rows[0] (${cols})`, rows[i].length);
      for (let j = 0; j < cols; j++) {
        if (!isFloat32(rows[i][j])) throw badValue(`${place}[${j}]`, rows[i][j]);
        builder.push(j, Math.fround(rows[i][j]));
      }
      builder.endRow(place);
    }
    return builder.build(cols, "CSRMatrix.fromDense");
  }

  /** Row `i` as views on this matrix, not copies. */
  row(i: number): SparseVector {
    if (!Number.isInteger(i) || i < 0 || i >= this.rows) throw wrongValue("CSRMatrix.row: i", `an integer from 0 to ${this.rows - 1}`, i);
    const [start, end] = [this.indptr[i], this.indptr[i + 1]];
    const indices = this.indices.subarray(start, end);
    return this.values === null ? { indices } : { indices, values: this.values.subarray(start, end) };
  }

  /** Rows `start` (inclusive, default 0) to `end` (exclusive, default all) as a matrix; negative positions count from the end. */
  slice(start: number = 0, end: number = this.rows): CSRMatrix {
    for (const position of [start, end]) {
      if (!Number.isInteger(position) && position !== Infinity) throw wrongValue("CSRMatrix.slice: start and end", "integers", position);
    }
    const from = Math.max(0, Math.min(this.rows, start < 0 ? this.rows + start : start));
    const to = Math.max(from, Math.min(this.rows, end < 0 ? this.rows + end : end));
    const [first, last] = [this.indptr[from], this.indptr[to]];
    return trusted({
      cols: this.cols,
      indptr: this.indptr.slice(from, to + 1).map((p) => p - first),
      indices: this.indices.subarray(first, last),
      values: this.values && this.values.subarray(first, last),
    });
  }

  /** The rows at the given positions, in that order; a position may come more than once. */
  take(rows: ArrayLike<number>): CSRMatrix {
    if (!isArrayLike(rows)) throw wrongType("CSRMatrix.take: rows", "an array of row numbers", rows);
    const indptr = new Uint32Array(rows.length + 1);
    for (let i = 0; i < rows.length; i++) {
      const r = rows[i];
      if (!Number.isInteger(r) || r < 0 || r >= this.rows) throw wrongValue(`CSRMatrix.take: rows[${i}]`, `an integer from 0 to ${this.rows - 1}`, r);
      indptr[i + 1] = indptr[i] + this.indptr[r + 1] - this.indptr[r];
    }
    const indices = new Uint32Array(indptr[rows.length]);
    const values = this.values && new Float32Array(indices.length);
    for (let i = 0; i < rows.length; i++) {
      const [start, end] = [this.indptr[rows[i]], this.indptr[rows[i] + 1]];
      indices.set(this.indices.subarray(start, end), indptr[i]);
      values?.set(this.values!.subarray(start, end), indptr[i]);
    }
    return trusted({ cols: this.cols, indptr, indices, values });
  }

  /** Stacks matrices of the same number of columns vertically. */
  static concat(parts: readonly CSRMatrix[]): CSRMatrix {
    if (!Array.isArray(parts)) throw wrongType("CSRMatrix.concat: parts", "an array of matrices", parts);
    const cols = (parts[0] as CSRMatrix | undefined)?.cols ?? 0;
    parts.forEach((part, i) => {
      if (!isCSRMatrix(part)) throw wrongType(`CSRMatrix.concat: parts[${i}]`, "a CSRMatrix", part);
      if (part.cols !== cols) throw wrongValue(`CSRMatrix.concat: parts[${i}].cols`, `that of parts[0] (${cols})`, part.cols);
    });
    const sum = (count: (part: CSRMatrix) => number) => parts.reduce((total, part) => total + count(part), 0);
    const indptr = new Uint32Array(sum((part) => part.rows) + 1);
    const indices = new Uint32Array(sum((part) => part.nnz));
    const values = parts.every((part) => part.values === null) ? null : new Float32Array(indices.length).fill(1);
    let [row, entry] = [0, 0];
    for (const part of parts) {
      for (let i = 1; i <= part.rows; i++) indptr[row + i] = entry + part.indptr[i];
      indices.set(part.indices, entry);
      if (part.values !== null) values!.set(part.values, entry);
      row += part.rows;
      entry += part.nnz;
    }
    return trusted({ cols, indptr, indices, values });
  }
}

function isCSRMatrix(value: unknown): value is CSRMatrix {
  return value instanceof CSRMatrix; // outside the class, which bundlers would rename for a mention of itself inside
}

/** Makes a matrix of parts that are known to be sound, without checking them again; drops values that are all ones. */
function trusted(parts: Pick<CSRMatrix, "cols" | "indptr" | "indices" | "values">): CSRMatrix {
  const values = parts.values !== null && isAllOnes(parts.values, 0, parts.values.length) ? null : parts.values;
  const fields = { ...parts, rows: parts.indptr.length - 1, nnz: parts.indices.length, values };
  return Object.assign(Object.create(CSRMatrix.prototype) as object, fields) as CSRMatrix;
}

/** Refuses bad entries, drops explicit zeros, and drops the values altogether when all of them are ones. */
function checkEntries(
  indptr: ArrayLike<number>, indices: ArrayLike<number>, values: ArrayLike<number> | null, rows: number, cols: number,
): Pick<CSRMatrix, "indptr" | "indices" | "values"> {
  const lastRow = new Map<number, number>(); // only for long rows; short ones are scanned
  let zeroCount = 0;
  let allOnes = true;
  for (let i = 0; i < rows; i++) {
    const [start, end] = [indptr[i], indptr[i + 1]];
    if (end - start > 32) lastRow.clear();
    for (let p = start; p < end; p++) {
      const index = indices[p];
      if (!(index >= 0 && index < cols) || !Number.isInteger(index)) throw wrongValue(`CSRMatrix: indices[${p}]`, `an integer from 0, below cols (${cols})`, index);
      if (values !== null) {
        if (!isFloat32(values[p])) throw badValue(`CSRMatrix: values[${p}]`, values[p]);
        const value = Math.fround(values[p]);
        if (value === 0) zeroCount++;
        if (value !== 1) allOnes = false;
      }
      let seen = -1;
      if (end - start <= 32) {
        for (let q = start; q < p; q++) if (indices[q] === index) seen = q;
      } else {
        seen = lastRow.get(index) ?? -1;
        lastRow.set(index, p);
      }
      if (seen >= start) throw new RangeError(`CSRMatrix: indices[${p}] must differ from indices[${seen}] in the same row (${i}), got ${index} twice; CSRMatrix.fromRows sums duplicates`);
    }
  }
  if (zeroCount === 0) {
    return {
      indptr: indptr instanceof Uint32Array ? indptr : Uint32Array.from(indptr),
      indices: indices instanceof Uint32Array ? indices : Uint32Array.from(indices),
      values: values === null || allOnes ? null : values instanceof Float32Array ? values : Float32Array.from(values),
    };
  }
  const builder = new CSRBuilder();
  for (let i = 0; i < rows; i++) {
    for (let p = indptr[i]; p < indptr[i + 1]; p++) builder.push(indices[p], Math.fround(values![p]));
    builder.endRow("CSRMatrix");
  }
  return builder.build(cols, "CSRMatrix");
}

/** Collects rows into a CSRMatrix: sums duplicates, drops zeros, and stores values only once one differs from 1. */
export class CSRBuilder {
  #indptr = new Uint32Array(256);
  #indices = new Uint32Array(1024);
  #values: Float32Array | null = null;
  #rows = 0;
  #end = 0; // entries so far, those of the unfinished row included
  #width = 0; // largest index + 1
  readonly #positions = new Map<number, number>();

  /** Number of rows ended so far. */
  get rows(): number {
    return this.#rows;
  }

  /** Starts over, keeping the memory; an unfinished row is forgotten too. */
  clear(): void {
    this.#rows = 0;
    this.#end = 0;
    this.#width = 0;
  }

  /** Adds an entry to the row in progress. `index` is a Uint32 of at most 2^32 - 2, `value` a finite float32. */
  push(index: number, value: number): void {
    if (this.#end === this.#indices.length) {
      this.#indices = grown(this.#indices);
      if (this.#values !== null) this.#values = grown(this.#values);
    }
    if (value !== 1 && this.#values === null) this.#values = new Float32Array(this.#indices.length).fill(1, 0, this.#end);
    this.#indices[this.#end] = index;
    if (this.#values !== null) this.#values[this.#end] = value;
    this.#end++;
  }

  /** Ends the row in progress: sums duplicates, drops zeros. `place` names the row in errors. */
  endRow(place: string): void {
    const indices = this.#indices;
    const start = this.#indptr[this.#rows];
    const long = this.#end - start > 32; // short rows are scanned, long ones hashed
    if (long) this.#positions.clear();
    let end = start;
    for (let p = start; p < this.#end; p++) {
      const index = indices[p];
      const value = this.#values === null ? 1 : this.#values[p];
      let seen = -1;
      if (long) seen = this.#positions.get(index) ?? -1;
      else for (let q = start; q < end && seen < 0; q++) if (indices[q] === index) seen = q;
      if (seen >= 0) {
        this.#values ??= new Float32Array(indices.length).fill(1, 0, this.#end);
        this.#values[seen] += value;
        if (!isFloat32(this.#values[seen])) throw badValue(`${place}: the sum of the values of index ${index}`, this.#values[seen]);
      } else {
        if (long) this.#positions.set(index, end);
        indices[end] = index;
        if (this.#values !== null) this.#values[end] = value;
        end++;
      }
    }
    if (this.#values !== null) end = dropZeros(this.#indices, this.#values, start, end);
    for (let p = start; p < end; p++) if (indices[p] >= this.#width) this.#width = indices[p] + 1;
    this.#end = end;
    if (++this.#rows === this.#indptr.length) this.#indptr = grown(this.#indptr);
    this.#indptr[this.#rows] = end;
  }

  /** Checks one row of any format and appends it. `place` names the row in errors. */
  appendRow(row: RowLike, place: string): void {
    if (row instanceof Map) {
      for (const [index, value] of row as ReadonlyMap<number, number>) {
        if (!isIndex(index)) throw badIndex(`${place}: key ${describe(index)}`, index);
        if (!isFloat32(value)) throw badValue(`${place}.get(${index})`, value);
        this.push(index, Math.fround(value));
      }
    } else if (isArrayLike((row as SparseVector | undefined)?.indices)) {
      const { indices, values } = row as SparseVector;
      if (values != null && !isArrayLike(values)) throw wrongType(`${place}.values`, "an array", values);
      if (values != null && values.length !== indices.length) throw wrongValue(`${place}.values.length`, `indices.length (${indices.length})`, values.length);
      for (let p = 0; p < indices.length; p++) {
        if (!isIndex(indices[p])) throw badIndex(`${place}.indices[${p}]`, indices[p]);
        if (values != null && !isFloat32(values[p])) throw badValue(`${place}.values[${p}]`, values[p]);
        this.push(indices[p], values == null ? 1 : Math.fround(values[p]));
      }
    } else if (Array.isArray(row)) {
      for (let p = 0; p < row.length; p++) {
        const pair: unknown = row[p];
        if (!isArrayLike(pair) || pair.length !== 2) throw wrongType(`${place}[${p}]`, "an [index, value] pair", pair);
        if (!isIndex(pair[0])) throw badIndex(`${place}[${p}][0]`, pair[0]);
        if (!isFloat32(pair[1])) throw badValue(`${place}[${p}][1]`, pair[1]);
        this.push(pair[0], Math.fround(pair[1]));
      }
    } else {
      throw wrongType(place, "a sparse vector { indices, values? }, a Map from index to value, or [index, value] pairs", row);
    }
    this.endRow(place);
  }

  /** The rows ended so far, as arrays that may be longer; they change with the builder. */
  get view(): Pick<CSRMatrix, "indptr" | "indices" | "values"> {
    return { indptr: this.#indptr, indices: this.#indices, values: this.#values };
  }

  /** A copy of the row that was ended last. */
  lastRow(): SparseVector {
    const [start, end] = [this.#indptr[this.#rows - 1], this.#indptr[this.#rows]];
    const indices = this.#indices.slice(start, end);
    const values = this.#values;
    return values === null || isAllOnes(values, start, end) ? { indices } : { indices, values: values.slice(start, end) };
  }

  /** The matrix of all rows ended so far. `cols` defaults to the largest index + 1. */
  build(cols: number | undefined, place: string): CSRMatrix {
    if (cols !== undefined) checkInteger(`${place}: cols`, cols, 0, MAX_INDEX + 1);
    if (cols !== undefined && cols < this.#width) throw wrongValue(`${place}: cols`, `above the largest index (${this.#width - 1})`, cols);
    const end = this.#indptr[this.#rows];
    const values = this.#values;
    return trusted({
      cols: cols ?? this.#width,
      indptr: this.#indptr.slice(0, this.#rows + 1),
      indices: this.#indices.slice(0, end),
      values: values && values.slice(0, end),
    });
  }
}

/** Leaves out the entries of value 0 from `start` up to `end`: 0 means absent. Returns the new end. */
export function dropZeros(indices: Uint32Array, values: Float32Array, start: number, end: number): number {
  let kept = start;
  for (let p = start; p < end; p++) {
    indices[kept] = indices[p];
    values[kept] = values[p];
    if (values[p] !== 0) kept++;
  }
  return kept;
}

function isAllOnes(values: Float32Array, start: number, end: number): boolean {
  for (let p = start; p < end; p++) if (values[p] !== 1) return false;
  return true;
}

/** A copy of twice the length. */
export function grown<T extends Uint32Array | Float32Array>(array: T): T {
  const larger = new (array.constructor as new (length: number) => T)(array.length * 2);
  larger.set(array);
  return larger;
}
