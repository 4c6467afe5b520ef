// From a matrix to mini-batches: the order in which an epoch visits rows, and the buffers into which the rows of one
// batch are gathered. The buffers are allocated once, for the largest batch that can come.

import { randomKey, randomPermutation, Stream } from "../core/random.ts";
import type { CSRMatrix } from "../core/sparse.ts";
import type { SparseBatch } from "../kernels/kernels.ts";

/** Gathers rows for the kernels. Fill it with `clear`, then `append` once or more, then `indexFeatures` before a backward pass. */
export class Batch implements SparseBatch {
  rows = 0;
  touchedCount = 0;
  readonly indptr: Uint32Array;
  readonly indices: Uint32Array;
  readonly slots: Uint32Array;
  readonly touched: Uint32Array;
  readonly #values: Float32Array;
  readonly #slotOf: Uint32Array;
  #binary = true;

  /**
   * @param rowCapacity Rows it can hold.
   * @param entryCapacity Entries it can hold.
   * @param numFeatures N; 0 for batches that only go forward.
   */
  constructor(rowCapacity: number, entryCapacity: number, numFeatures: number) {
    this.indptr = new Uint32Array(rowCapacity + 1);
    this.indices = new Uint32Array(entryCapacity);
    this.#values = new Float32Array(entryCapacity);
    this.slots = new Uint32Array(numFeatures > 0 ? entryCapacity : 0);
    this.touched = new Uint32Array(Math.min(entryCapacity, numFeatures));
    this.#slotOf = new Uint32Array(numFeatures);
  }

  get values(): Float32Array | null {
    return this.#binary ? null : this.#values;
  }

  /** Empties the batch. */
  clear(): void {
    this.rows = 0;
    this.#binary = true;
  }

  /** Appends the rows `order[start]` up to `order[end - 1]` of a matrix; `order` null: the rows `start` to `end - 1` themselves. */
  append(x: Pick<CSRMatrix, "indptr" | "indices" | "values">, order: Uint32Array | null, start: number, end: number): void {
    const { indptr, indices } = this;
    if (x.values !== null && this.#binary) {
      this.#values.fill(1, 0, indptr[this.rows]);
      this.#binary = false;
    }
    let at = indptr[this.rows];
    for (let i = start; i < end; i++) {
      const row = order === null ? i : order[i];
      const last = x.indptr[row + 1];
      let to = at;
      for (let p = x.indptr[row]; p < last; p++) indices[to++] = x.indices[p];
      if (!this.#binary) {
        if (x.values === null) this.#values.fill(1, at, to);
        else for (let p = x.indptr[row]; at < to; p++) this.#values[at++] = x.values[p];
      }
      at = to;
      indptr[++this.rows] = at;
    }
  }

  /** Finds the distinct features: fills `touched` and `slots`. A sparse set, so nothing needs clearing between batches. */
  indexFeatures(): void {
    const { indices, slots, touched } = this;
    const slotOf = this.#slotOf;
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

/** The order in which epoch `epoch` (from 0) visits `n` rows, each once; `null` without shuffling: as they stand. */
export function epochOrder(n: number, seed: number, epoch: number, shuffle: boolean): Uint32Array | null {
  return shuffle ? randomPermutation(randomKey(seed, Stream.shuffle, epoch), n) : null;
}

/** The most entries that any `batchSize` rows can have together: the sum over the longest rows. */
export function maxEntries(matrices: readonly CSRMatrix[], batchSize: number): number {
  let total = 0;
  for (const { rows, indptr } of matrices) {
    const lengths = new Uint32Array(rows);
    for (let i = 0; i < rows; i++) lengths[i] = indptr[i + 1] - indptr[i];
    lengths.sort();
    for (let i = Math.max(0, rows - batchSize); i < rows; i++) total += lengths[i];
  }
  return total;
}
