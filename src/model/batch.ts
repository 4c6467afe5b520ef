// The rows of one mini-batch, copied from sparse rows into buffers that the kernels read. The buffers are
// part of the model's memory. They grow when a batch is larger than all batches before.

import type { Tensor } from "../core/tensor.ts";
import { dropZeros, type SparseRows } from "../data/sparse-row.ts";
import type { Context, SparseBatch } from "../kernels/kernels.ts";
import type { Integers, Memory } from "../kernels/memory.ts";

/**
 * Collects rows for the kernels. The caller reserves enough capacity and commits the memory. Then it calls
 * `clear`, `append` once or several times, and `indexFeatures` if a backward pass follows. No method checks
 * the capacity.
 */
export class Batch implements SparseBatch {
  /** Number of rows, B. */
  rows = 0;
  /** Number of distinct features, T, after `indexFeatures`. */
  touchedCount = 0;
  /** Sums over the features that all rows share; null: none. */
  context: Context | null = null;
  /** Largest number of rows that fit into the buffers. */
  rowCapacity = 0;
  /** Largest number of entries that fit into the buffers. */
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

  /**
   * Allocates empty buffers.
   *
   * @param memory The model's memory.
   */
  constructor(memory: Memory) {
    this.#memory = memory;
    this.#indptr = memory.allocateIntegers(1);
    this.#indices = memory.allocateIntegers(0);
    this.#values = memory.allocate(0, 1, { stride: 1 });
    this.#slots = memory.allocateIntegers(0);
    this.#touched = memory.allocateIntegers(0);
    // Lasting, so that it grows in proportion to new features.
    this.#slotOf = memory.allocateIntegers(0, true);
  }

  /**
   * Sets the capacity. The next commit of the memory allocates it.
   *
   * @param rows Number of rows.
   * @param entries Number of entries.
   * @param numFeatures N if a backward pass will follow, else 0.
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

  /** Row b has the entries indptr[b] to indptr[b + 1] - 1; (B + 1) or longer. */
  get indptr(): Uint32Array {
    return this.#indptr.data;
  }

  /** Feature of each entry, (entries) or longer. */
  get indices(): Uint32Array {
    return this.#indices.data;
  }

  /** Value of each entry, (entries) or longer; null: all ones. */
  get values(): Float32Array | null {
    return this.#isBinary ? null : this.#values.data;
  }

  /** Position of each entry's feature in `touched`, (entries) or longer. */
  get slots(): Uint32Array {
    return this.#slots.data;
  }

  /** The distinct features in the order of first appearance, (T) or longer. */
  get touched(): Uint32Array {
    return this.#touched.data;
  }

  /**
   * Removes all rows.
   *
   * @param context Sums over the features that the next rows share; null: none. Default: null.
   */
  clear(context: Context | null = null): void {
    this.rows = 0;
    this.context = context;
    this.#isBinary = true;
  }

  /**
   * Appends rows.
   *
   * @param x The rows to copy from.
   * @param order Row numbers; null: the rows `start` to `end - 1` of x.
   * @param start First position in `order`.
   * @param end The position behind the last one.
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
    // The rows of a shuffled batch are scattered over memory. This short loop reads the first and the last
    // entry of each row, so that the processor waits for many of these reads at the same time. The rows are
    // then in the cache three times sooner than if they were copied one by one. For an empty row, the last
    // entry is that of the row before.
    let warm = 0;
    for (let i = start; i < end; i++) {
      const row = order === null ? i : order[i];
      const first = fromIndptr[row];
      const behind = fromIndptr[row + 1];
      warm ^= fromIndices[first] ^ fromIndices[behind - 1];
      filled += behind - first;
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
   * Appends rows that are each joined from two rows: row `firsts[i]` of `first`, and behind it row
   * `seconds[i]` of `second`.
   *
   * @param first The rows that come first.
   * @param firsts Row numbers, (count) or longer.
   * @param second The rows that come behind.
   * @param seconds Row numbers, (count) or longer.
   * @param count Number of joined rows.
   * @param mayShare Whether a feature may be in both rows. Then its values are added.
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
      // Two values may cancel. A zero means that the feature is absent, so it is removed.
      indptr[++this.rows] = mayShare ? dropZeros(indices, values, start, end) : end;
    }
  }

  /**
   * Copies a row to position `at`. If a feature is already among the entries `known` to `at - 1`, its value
   * is added to that entry instead. Returns the position behind the last entry.
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
   * Finds the distinct features of the batch and writes `touched` and `slots`. It uses a sparse set (Briggs &
   * Torczon 1993), which need not be cleared between batches: an old entry of `slotOf` is recognized because
   * `touched` does not confirm it.
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
