// The rows of examples: rows as they stand, rows that are chosen for each example, or rows that are joined
// from two.

import type { SparseRows } from "../../data/sparse-row.ts";
import type { Batch } from "../../model/batch.ts";
import type { BatchRange } from "../dataset.ts";

/** One row for each example. */
export interface ExampleRows {
  /** Every feature index is below it. */
  readonly numFeatures: number;
  /** Most entries that the rows of `count` different examples usually have. */
  usualEntries(count: number): number;
  /** Decides on the rows of a batch. Returns how many entries they have together at most. */
  choose(range: BatchRange): number;
  /** Appends the rows that were chosen last to a batch. */
  fill(batch: Batch, range: BatchRange): void;
}

/** Row i is the row of example i. */
export class FixedRows implements ExampleRows {
  readonly #rows: SparseRows;
  /** The most entries that `count` different rows have. */
  #bound = { count: 0, entries: 0 };

  /** @param rows Sparse rows, (examples). */
  constructor(rows: SparseRows) {
    this.#rows = rows;
  }

  get numFeatures(): number {
    return this.#rows.cols;
  }

  usualEntries(count: number): number {
    return maxEntries(this.#rows, count);
  }

  /**
   * Different rows never have more entries than the longest ones, so one bound serves all batches of a size.
   */
  choose({ start, end }: BatchRange): number {
    if (end - start > this.#bound.count) {
      this.#bound = { count: end - start, entries: this.usualEntries(end - start) };
    }
    return this.#bound.entries;
  }

  fill(batch: Batch, { order, start, end }: BatchRange): void {
    batch.append(this.#rows, order, start, end);
  }
}

/** One row for each example, chosen anew for every batch. All batches share one array of row numbers. */
export class ChosenRows implements ExampleRows {
  /** The rows to choose from. */
  readonly from: SparseRows;
  /** Row number of each example of the last chosen batch, (examples) or longer. */
  numbers: Uint32Array = new Uint32Array(0);
  readonly #rowOf: (example: number, epoch: number) => number;

  /**
   * Keeps the rule that chooses rows.
   *
   * @param from The rows to choose from.
   * @param rowOf Returns the row number of an example in an epoch.
   */
  constructor(from: SparseRows, rowOf: (example: number, epoch: number) => number) {
    this.from = from;
    this.#rowOf = rowOf;
  }

  get numFeatures(): number {
    return this.from.cols;
  }

  usualEntries(count: number): number {
    return maxEntries(this.from, count);
  }

  choose({ epoch, order, start, end }: BatchRange): number {
    const { indptr } = this.from;
    if (this.numbers.length < end - start) this.numbers = new Uint32Array(end - start);
    let entries = 0;
    for (let i = start; i < end; i++) {
      const row = this.#rowOf(order === null ? i : order[i], epoch);
      this.numbers[i - start] = row;
      entries += indptr[row + 1] - indptr[row];
    }
    return entries;
  }

  fill(batch: Batch, { start, end }: BatchRange): void {
    batch.append(this.from, this.numbers, 0, end - start);
  }
}

/** A context's features and behind them an item's, both chosen for each example. */
export class JoinedRows implements ExampleRows {
  readonly #contexts: ChosenRows;
  readonly #items: ChosenRows;
  readonly #mayShare: boolean;

  /** @param mayShare Whether a feature may stand in a context and in an item. */
  constructor(contexts: ChosenRows, items: ChosenRows, mayShare: boolean) {
    this.#contexts = contexts;
    this.#items = items;
    this.#mayShare = mayShare;
  }

  get numFeatures(): number {
    return Math.max(this.#contexts.numFeatures, this.#items.numFeatures);
  }

  usualEntries(count: number): number {
    return this.#contexts.usualEntries(count) + this.#items.usualEntries(count);
  }

  choose(range: BatchRange): number {
    return this.#contexts.choose(range) + this.#items.choose(range);
  }

  fill(batch: Batch, { start, end }: BatchRange): void {
    const [contexts, items] = [this.#contexts, this.#items];
    batch.appendJoined(
      contexts.from,
      contexts.numbers,
      items.from,
      items.numbers,
      end - start,
      this.#mayShare,
    );
  }
}

/**
 * Sums the lengths of the longest rows.
 *
 * @param x Sparse rows, (rows).
 * @param count Number of rows to choose.
 * @returns The largest number of entries that any `count` different rows have together.
 */
export function maxEntries({ rows, indptr }: SparseRows, count: number): number {
  const rowsOfLength = new Map<number, number>();
  for (let i = 0; i < rows; i++) {
    const length = indptr[i + 1] - indptr[i];
    rowsOfLength.set(length, (rowsOfLength.get(length) ?? 0) + 1);
  }
  let total = 0;
  let left = count;
  for (const length of [...rowsOfLength.keys()].sort((a, b) => b - a)) {
    const taken = Math.min(left, rowsOfLength.get(length)!);
    total += taken * length;
    left -= taken;
  }
  return total;
}
