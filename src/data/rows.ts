// Rows of training examples that stand in no matrix as they are: picked from one in an order drawn anew for each epoch,
// or joined from two, a context's features and behind them an item's. Only the rows of a batch are ever put together.

import { CSRMatrix } from "../core/sparse.ts";
import { maxEntries, type Batch } from "./batches.ts";

/** Rows made for a batch when it comes: `choose`, then `append`. */
export interface DrawnRows {
  /** Number of examples. */
  readonly rows: number;
  /** Indices are below it. */
  readonly cols: number;
  /** The most entries that `count` different rows can have together; more come only where long ones are drawn repeatedly. */
  usualEntries(count: number): number;
  /** Chooses the rows of the examples `order[start]` up to `order[end - 1]` (order null: `start` to `end - 1`); returns their entries. */
  choose(epoch: number, order: Uint32Array | null, start: number, end: number): number;
  /** Appends the rows chosen last. */
  append(batch: Batch): void;
}

/** Row i of a matrix is example i; or rows are drawn. */
export type Rows = CSRMatrix | DrawnRows;

/** Gives the row number for an example in an epoch (from 1). */
export type Choose = (example: number, epoch: number) => number;

/** Row numbers chosen for the examples of a batch, in memory that is used again. */
class Choice {
  readonly x: CSRMatrix;
  /** (count), or longer. */
  rows: Uint32Array = new Uint32Array(0);
  count = 0;
  readonly #choose: Choose;

  constructor(x: CSRMatrix, choose: Choose) {
    this.x = x;
    this.#choose = choose;
  }

  /** Returns the number of entries. */
  make(epoch: number, order: Uint32Array | null, start: number, end: number): number {
    const { indptr } = this.x;
    this.count = end - start;
    if (this.rows.length < this.count) this.rows = new Uint32Array(this.count);
    let entries = 0;
    for (let i = start; i < end; i++) {
      const row = this.#choose(order === null ? i : order[i], epoch);
      this.rows[i - start] = row;
      entries += indptr[row + 1] - indptr[row];
    }
    return entries;
  }
}

/** Rows of one matrix, chosen per example and epoch. */
export class PickedRows implements DrawnRows {
  readonly rows: number;
  readonly cols: number;
  readonly #choice: Choice;

  constructor(x: CSRMatrix, examples: number, choose: Choose) {
    this.rows = examples;
    this.cols = x.cols;
    this.#choice = new Choice(x, choose);
  }

  usualEntries(count: number): number {
    return maxEntries(this.#choice.x, count);
  }

  choose(epoch: number, order: Uint32Array | null, start: number, end: number): number {
    return this.#choice.make(epoch, order, start, end);
  }

  append(batch: Batch): void {
    const { x, rows, count } = this.#choice;
    batch.append(x, rows, 0, count);
  }
}

/** Rows of one matrix with rows of another behind them, both chosen per example and epoch. */
export class JoinedRows implements DrawnRows {
  readonly rows: number;
  readonly cols: number;
  readonly #contexts: Choice;
  readonly #items: Choice;
  readonly #mayShare: boolean;

  /** @param mayShare Whether a feature may stand in both matrices; found out by looking at every entry if it is not known. */
  constructor(examples: number, contexts: CSRMatrix, contextOf: Choose, items: CSRMatrix, itemOf: Choose, mayShare: boolean = shareFeatures(contexts, featuresOf(items))) {
    this.rows = examples;
    this.cols = Math.max(contexts.cols, items.cols);
    this.#contexts = new Choice(contexts, contextOf);
    this.#items = new Choice(items, itemOf);
    this.#mayShare = mayShare;
  }

  usualEntries(count: number): number {
    return maxEntries(this.#contexts.x, count) + maxEntries(this.#items.x, count);
  }

  choose(epoch: number, order: Uint32Array | null, start: number, end: number): number {
    return this.#contexts.make(epoch, order, start, end) + this.#items.make(epoch, order, start, end);
  }

  append(batch: Batch): void {
    const [contexts, items] = [this.#contexts, this.#items];
    batch.appendJoined(contexts.x, contexts.rows, items.x, items.rows, contexts.count, this.#mayShare);
  }
}

/** Which features a matrix has entries of: a flag per feature up to the largest, (largest + 1). */
export function featuresOf({ indices }: Pick<CSRMatrix, "indices">): Uint8Array {
  const flags = new Uint8Array(indices.reduce((largest, index) => Math.max(largest, index), -1) + 1);
  for (const index of indices) flags[index] = 1;
  return flags;
}

/** Whether any entry is of a flagged feature. */
export function shareFeatures({ indices }: Pick<CSRMatrix, "indices">, flags: Uint8Array): boolean {
  return indices.some((index) => flags[index] === 1);
}
