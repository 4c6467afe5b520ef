// Collects rows one entry at a time. Every form of input goes through this builder, which guarantees what
// `SparseRows` promises: duplicates within a row are summed, zeros are dropped, values are stored only once
// one differs from 1.

import { checkInteger, wrongValue } from "../core/errors.ts";
import {
  areOnes,
  badValue,
  dropZeros,
  isFloat32,
  MAX_INDEX,
  type SparseRows,
  type SparseVector,
} from "./sparse-row.ts";

/** Rows up to this length are scanned for duplicates; in longer ones a map finds them. */
export const SCANNED = 32;

/**
 * Collects sparse rows. Its own fields are the rows ended so far, in arrays that change with the next row.
 */
export class CSRBuilder implements SparseRows {
  #indptr = new Uint32Array(256);
  #indices = new Uint32Array(1024);
  #values: Float32Array | null = null;
  #rows = 0;
  /** Entries so far, those of the unfinished row included. */
  #end = 0;
  /** Largest index + 1. */
  #width = 0;
  readonly #positions = new Map<number, number>();

  /** Number of rows ended so far. */
  get rows(): number {
    return this.#rows;
  }

  /** Largest index so far + 1. */
  get cols(): number {
    return this.#width;
  }

  get indptr(): Uint32Array {
    return this.#indptr;
  }

  get indices(): Uint32Array {
    return this.#indices;
  }

  get values(): Float32Array | null {
    return this.#values;
  }

  /** Starts over, keeping the memory. An unfinished row is forgotten too. */
  clear(): void {
    this.#rows = 0;
    this.#end = 0;
    this.#width = 0;
  }

  /**
   * Adds an entry to the row in progress, without checking it.
   *
   * @param index An integer from 0 to `MAX_INDEX`.
   * @param value A finite float32.
   */
  push(index: number, value: number): void {
    if (this.#end === this.#indices.length) {
      this.#indices = grown(this.#indices);
      if (this.#values !== null) this.#values = grown(this.#values);
    }
    if (value !== 1) this.#values ??= new Float32Array(this.#indices.length).fill(1, 0, this.#end);
    this.#indices[this.#end] = index;
    if (this.#values !== null) this.#values[this.#end] = value;
    this.#end++;
  }

  /**
   * Ends the row in progress: sums duplicates and drops zeros.
   *
   * @param place Names the row in errors.
   * @param areDistinct Whether no index can have come twice. Default: false.
   * @throws RangeError if a sum is infinite.
   */
  endRow(place: string, areDistinct: boolean = false): void {
    const start = this.#indptr[this.#rows];
    let end = areDistinct ? this.#end : this.#sumDuplicates(start, place);
    if (this.#values !== null) end = dropZeros(this.#indices, this.#values, start, end);
    const indices = this.#indices;
    for (let p = start; p < end; p++) if (indices[p] >= this.#width) this.#width = indices[p] + 1;
    this.#end = end;
    this.#rows++;
    if (this.#rows === this.#indptr.length) this.#indptr = grown(this.#indptr);
    this.#indptr[this.#rows] = end;
  }

  /** Sums the values of equal indices of the row that begins at `start`. Returns its new end. */
  #sumDuplicates(start: number, place: string): number {
    const indices = this.#indices;
    const isLong = this.#end - start > SCANNED;
    if (isLong) this.#positions.clear();
    let end = start;
    for (let p = start; p < this.#end; p++) {
      const index = indices[p];
      const value = this.#values === null ? 1 : this.#values[p];
      const seen = isLong ? (this.#positions.get(index) ?? -1) : lastPosition(indices, start, end, index);
      if (seen >= 0) {
        this.#addTo(seen, value, place);
        continue;
      }
      if (isLong) this.#positions.set(index, end);
      indices[end] = index;
      if (this.#values !== null) this.#values[end] = value;
      end++;
    }
    return end;
  }

  #addTo(position: number, value: number, place: string): void {
    this.#values ??= new Float32Array(this.#indices.length).fill(1, 0, this.#end);
    this.#values[position] += value;
    if (isFloat32(this.#values[position])) return;
    throw badValue(
      `${place}: the sum of the values of index ${this.#indices[position]}`,
      this.#values[position],
    );
  }

  /** A copy of the row that was ended last; without `values` when all of them are ones. */
  lastRow(): SparseVector {
    const [start, end] = [this.#indptr[this.#rows - 1], this.#indptr[this.#rows]];
    const indices = this.#indices.slice(start, end);
    const values = this.#values;
    if (values === null || areOnes(values, start, end)) return { indices };
    return { indices, values: values.slice(start, end) };
  }

  /**
   * Copies all rows ended so far into arrays of exactly their size.
   *
   * @param cols Number of columns. Default: the largest index + 1.
   * @param place What errors start with.
   * @throws RangeError if an index is beyond `cols`.
   */
  build(cols: number | undefined, place: string): SparseRows {
    if (cols !== undefined) checkInteger(`${place}: cols`, cols, 0, MAX_INDEX + 1);
    if (cols !== undefined && cols < this.#width) {
      throw wrongValue(`${place}: cols`, `above the largest index (${this.#width - 1})`, cols);
    }
    const end = this.#indptr[this.#rows];
    const isBinary = this.#values === null || areOnes(this.#values, 0, end);
    return {
      rows: this.#rows,
      cols: cols ?? this.#width,
      indptr: this.#indptr.slice(0, this.#rows + 1),
      indices: this.#indices.slice(0, end),
      values: isBinary ? null : this.#values!.slice(0, end),
    };
  }
}

/** Where `index` stands from `start` up to `end`; -1 if it does not. */
function lastPosition(indices: Uint32Array, start: number, end: number, index: number): number {
  for (let p = start; p < end; p++) if (indices[p] === index) return p;
  return -1;
}

/** A copy of twice the length. */
export function grown<T extends Uint32Array | Float32Array>(array: T): T {
  const larger = new (array.constructor as new (length: number) => T)(array.length * 2);
  larger.set(array);
  return larger;
}
