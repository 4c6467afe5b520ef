// The rows of one mini-batch, gathered from sparse rows into buffers that the kernels read. The buffers
// belong to the model's memory and grow when a batch is larger than all before.

import type { Tensor } from "../core/tensor.ts";
import { dropZeros, type SparseRows } from "../data/sparse-row.ts";
import type { Context, SparseBatch } from "../kernels/kernels.ts";
import type { Integers, Memory } from "../kernels/memory.ts";

/**
 * Gathers rows for the kernels: `clear`, then `append` once or more, then `indexFeatures` before a backward
 * pass. Whoever appends has made sure of the room with `reserve` and a commit of the memory.
 */
export class Batch implements SparseBatch {
  rows = 0;
  touchedCount = 0;
  context: Context | null = null;
  /** Most rows and entries it can hold. */
  rowCapacity = 0;
  entryCapacity = 0;
  /** Never read. Writing it keeps the engine from removing the cache-warming reads in `append`. */
  warmed = 0;
  readonly #memory: Memory;
  readonly #indptr: Integers;
  readonly #indices: Integers;
  readonly #values: Tensor;
  readonly #slots: Integers;
  readonly #touched: Integers;
  readonly #slotOf: Integers;
  #isBinary = true;

  constructor(memory: Memory) {
    this.#memory = memory;
    this.#indptr = memory.allocateIntegers(1);
    this.#indices = memory.allocateIntegers(0);
    this.#values = memory.allocate(0, 1, { stride: 1 });
    this.#slots = memory.allocateIntegers(0);
    this.#touched = memory.allocateIntegers(0);
    this.#slotOf = memory.allocateIntegers(0);
  }

  /**
   * Asks for room, from the next commit of the memory on.
   *
   * @param rows Rows it must hold.
   * @param entries Entries it must hold.
   * @param numFeatures N, for batches that go backward as well; else 0.
   */
  reserve(rows: number, entries: number, numFeatures: number): void {
    this.#memory.resize(this.#indptr, rows + 1);
    this.#memory.resize(this.#indices, entries);
    this.#memory.resize(this.#values, entries);
    this.#memory.resize(this.#slots, numFeatures > 0 ? entries : 0);
    this.#memory.resize(this.#touched, Math.min(entries, numFeatures));
    this.#memory.resize(this.#slotOf, numFeatures);
    this.rowCapacity = rows;
    this.entryCapacity = entries;
  }

  get indptr(): Uint32Array {
    return this.#indptr.data;
  }

  get indices(): Uint32Array {
    return this.#indices.data;
  }

  /** Value of each entry; null: all ones. */
  get values(): Float32Array | null {
    return this.#isBinary ? null : this.#values.data;
  }

  get slots(): Uint32Array {
    return this.#slots.data;
  }

  get touched(): Uint32Array {
    return this.#touched.data;
  }

  /** Empties the batch. `context`: the sums that its rows share. */
  clear(context: Context | null = null): void {
    this.rows = 0;
    this.context = context;
    this.#isBinary = true;
  }

  /**
   * Appends rows.
   *
   * @param x Where the rows come from.
   * @param order Row numbers; null: the rows `start` to `end - 1` themselves.
   * @param start First position in `order`.
   * @param end The position behind the last.
   */
  append(x: SparseRows, order: Uint32Array | null, start: number, end: number): void {
    const { indptr, indices } = this;
    const { indptr: fromIndptr, indices: fromIndices, values: fromValues } = x;
    const values = this.#values.data;
    let filled = indptr[this.rows];
    if (fromValues !== null && this.#isBinary) {
      values.fill(1, 0, filled);
      this.#isBinary = false;
    }
    const isBinary = this.#isBinary;
    const firstRow = this.rows;
    // Rows lie anywhere in memory. Reading one entry of each first, in a loop short enough that the processor
    // has many such reads under way at once, brings them into the cache three times faster than copying row
    // by row would.
    let warm = 0;
    for (let i = start; i < end; i++) {
      const row = order === null ? i : order[i];
      const first = fromIndptr[row];
      warm ^= fromIndices[first];
      filled += fromIndptr[row + 1] - first;
      indptr[++this.rows] = filled;
    }
    this.warmed = warm;
    for (let i = start; i < end; i++) {
      const to = indptr[firstRow + i - start];
      const count = indptr[firstRow + i - start + 1] - to;
      const from = fromIndptr[order === null ? i : order[i]];
      for (let p = 0; p < count; p++) indices[to + p] = fromIndices[from + p];
      if (isBinary) continue;
      for (let p = 0; p < count; p++) values[to + p] = fromValues === null ? 1 : fromValues[from + p];
    }
  }

  /**
   * Appends rows that are joined from two: row `firsts[i]` of one and behind it row `seconds[i]` of another.
   *
   * @param count Number of rows.
   * @param mayShare Whether a feature may stand in both rows. Its values are summed then, as in a row built
   *   from both.
   */
  appendJoined(
    first: SparseRows,
    firsts: Uint32Array,
    second: SparseRows,
    seconds: Uint32Array,
    count: number,
    mayShare: boolean,
  ): void {
    const { indptr, indices } = this;
    const values = this.#values.data;
    if (this.#isBinary && (first.values !== null || second.values !== null || mayShare)) {
      values.fill(1, 0, indptr[this.rows]);
      this.#isBinary = false;
    }
    for (let i = 0; i < count; i++) {
      const start = indptr[this.rows];
      const middle = this.#copyRow(first, firsts[i], start, start);
      const end = this.#copyRow(second, seconds[i], middle, mayShare ? start : middle);
      // Values that cancelled are zeros, which mean absent.
      indptr[++this.rows] = mayShare ? dropZeros(indices, values, start, end) : end;
    }
  }

  /**
   * Copies a row to position `at`; entries from `known` to `at - 1` take in the values of their features.
   * Returns the end.
   */
  #copyRow({ indptr, indices, values }: SparseRows, row: number, at: number, known: number): number {
    const [toIndices, toValues] = [this.indices, this.#values.data];
    let end = at;
    for (let p = indptr[row]; p < indptr[row + 1]; p++) {
      const x = values === null ? 1 : values[p];
      let same = known;
      while (same < at && toIndices[same] !== indices[p]) same++;
      if (same < at) {
        toValues[same] += x;
        continue;
      }
      toIndices[end] = indices[p];
      if (!this.#isBinary) toValues[end] = x;
      end++;
    }
    return end;
  }

  /**
   * Finds the distinct features: fills `touched` and `slots`. A sparse set, which needs no clearing between
   * batches.
   */
  indexFeatures(): void {
    const { indices, slots, touched } = this;
    const slotOf = this.#slotOf.data;
    const end = this.indptr[this.rows];
    let count = 0;
    for (let p = 0; p < end; p++) {
      const feature = indices[p];
      let slot = slotOf[feature];
      if (slot >= count || touched[slot] !== feature) {
        slot = count++;
        touched[slot] = feature;
        slotOf[feature] = slot;
      }
      slots[p] = slot;
    }
    this.touchedCount = count;
  }
}
