// Rows of training examples that stand in no matrix as they are: picked from one in an order drawn anew for each epoch,
// or joined from two, a context's features and behind them an item's. Only the rows of a batch are ever put together.

import { CSRMatrix } from "../core/sparse.ts";
import { maxEntries, type Batch } from "./batches.ts";

/** Rows made for a batch when it comes. */
export interface DrawnRows {
  /** Number of examples. */
  readonly rows: number;
  /** Indices are below it. */
  readonly cols: number;
  /** Entries of the longest row. */
  readonly longest: number;
  /** Appends the rows of the examples `order[start]` up to `order[end - 1]` (order null: `start` to `end - 1`) in this epoch. */
  append(batch: Batch, epoch: number, order: Uint32Array | null, start: number, end: number): void;
}

/** Row i of a matrix is example i; or rows are drawn. */
export type Rows = CSRMatrix | DrawnRows;

/** Gives the row number for an example in an epoch (from 1). */
export type Choose = (example: number, epoch: number) => number;

/** Appends the rows of some examples to a batch. */
export function appendRows(batch: Batch, x: Rows, epoch: number, order: Uint32Array | null, start: number, end: number): void {
  if (x instanceof CSRMatrix) batch.append(x, order, start, end);
  else x.append(batch, epoch, order, start, end);
}

/** The most entries that any `count` of the examples can have together in one batch. */
export function mostEntries(x: Rows, count: number): number {
  return x instanceof CSRMatrix ? maxEntries(x, count) : x.longest * count; // a row may be drawn more than once
}

/** Rows of one matrix, chosen per example and epoch. */
export class PickedRows implements DrawnRows {
  readonly rows: number;
  readonly cols: number;
  readonly longest: number;
  readonly #x: CSRMatrix;
  readonly #choose: Choose;
  #chosen: Uint32Array = new Uint32Array(0);

  constructor(x: CSRMatrix, examples: number, choose: Choose) {
    this.rows = examples;
    this.cols = x.cols;
    this.longest = maxEntries(x, 1);
    this.#x = x;
    this.#choose = choose;
  }

  append(batch: Batch, epoch: number, order: Uint32Array | null, start: number, end: number): void {
    this.#chosen = chooseRows(this.#chosen, this.#choose, epoch, order, start, end);
    batch.append(this.#x, this.#chosen, 0, end - start);
  }
}

/** Rows of one matrix with rows of another behind them, both chosen per example and epoch. */
export class JoinedRows implements DrawnRows {
  readonly rows: number;
  readonly cols: number;
  readonly longest: number;
  readonly #parts: readonly [CSRMatrix, CSRMatrix];
  readonly #choose: readonly [Choose, Choose];
  readonly #mayShare: boolean;
  #chosen: [Uint32Array, Uint32Array] = [new Uint32Array(0), new Uint32Array(0)];

  constructor(examples: number, contexts: CSRMatrix, contextOf: Choose, items: CSRMatrix, itemOf: Choose) {
    this.rows = examples;
    this.cols = Math.max(contexts.cols, items.cols);
    this.longest = maxEntries(contexts, 1) + maxEntries(items, 1);
    this.#parts = [contexts, items];
    this.#choose = [contextOf, itemOf];
    this.#mayShare = shareFeatures(contexts, featuresOf(items));
  }

  append(batch: Batch, epoch: number, order: Uint32Array | null, start: number, end: number): void {
    const [contexts, items] = this.#parts;
    this.#chosen = [
      chooseRows(this.#chosen[0], this.#choose[0], epoch, order, start, end), chooseRows(this.#chosen[1], this.#choose[1], epoch, order, start, end),
    ];
    batch.appendJoined(contexts, this.#chosen[0], items, this.#chosen[1], end - start, this.#mayShare);
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

/** The row numbers of some examples, in `scratch` if it is long enough. */
function chooseRows(scratch: Uint32Array, choose: Choose, epoch: number, order: Uint32Array | null, start: number, end: number): Uint32Array {
  const chosen = scratch.length >= end - start ? scratch : new Uint32Array(end - start);
  for (let i = start; i < end; i++) chosen[i - start] = choose(order === null ? i : order[i], epoch);
  return chosen;
}
