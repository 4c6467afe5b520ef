// Computes the raw scores of many rows in batches. The rows may stand alone or share the features of a
// context.

import type { SparseRows } from "../data/sparse-row.ts";
import type { Context } from "../kernels/kernels.ts";
import { copyScores } from "./label-unit.ts";
import type { Network } from "./network.ts";

/**
 * Largest number of rows of a batch: so few that the output of a layer stays in the cache for the next one,
 * and so many that several threads rarely wait for each other. 100,000 candidates (k = 64, hidden [64]) take
 * 33.5 ms on one thread and 22 to 34 ms on two with 256 rows, and 33.0 and 20 ms with 1024.
 */
const BATCH_ROWS = 1024;
/** Largest number of entries of a batch, except if one row has more. */
const BATCH_ENTRIES = 16384;

/**
 * Scores rows in batches. Yields after each batch.
 *
 * @param network A network of prediction.
 * @param x The rows, (rows).
 * @param scores Receives the raw score of each row, (rows). A Float64Array gets it unrounded.
 * @param context Sparse rows, whose row 0 holds features that all rows share; null: none. The scores have the
 *   same bits as those of rows with the context's features first and their own features behind them. A row
 *   must not have a feature of the context. With a context nothing else may be scored before the end.
 *   Default: null.
 * @returns `scores`.
 */
export function* scoreRows<S extends Float32Array | Float64Array>(
  network: Network,
  x: SparseRows,
  scores: S,
  context: SparseRows | null = null,
): Generator<void, S> {
  const { batch } = network;
  const inContext = context === null ? 0 : context.indptr[1] - context.indptr[0];
  const entries = Math.max(longestRow(x), inContext, Math.min(BATCH_ENTRIES, x.indptr[x.rows]));
  network.reserve(Math.min(BATCH_ROWS, x.rows), entries);
  const shared: Context | null = context && network.contextOf(context);
  for (let start = 0; start < x.rows; ) {
    // While this generator was suspended, another call may have used or enlarged the buffers. This does no
    // harm, because every batch is filled again.
    const end = batchEnd(start, x.rows, batch.entryCapacity, (row) => x.indptr[row + 1] - x.indptr[row]);
    batch.clear(shared);
    batch.append(x, null, start, end);
    network.predict();
    copyScores(network.unit, network.scores.data, end - start, scores, start);
    start = end;
    yield;
  }
  return scores;
}

/**
 * Scores rows joined with a context, with which they may share features. The values of a shared feature are
 * added.
 *
 * @param network A network of prediction.
 * @param context Sparse rows, whose row 0 is the context.
 * @param x The rows, (rows).
 * @param which Numbers of the rows to score, (n).
 * @param scores Receives the scores of these rows at their positions, (rows).
 * @param place What errors call x.
 * @throws RangeError if a sum of values is infinite.
 */
export function scoreJoined(
  network: Network,
  context: SparseRows,
  x: SparseRows,
  which: Uint32Array,
  scores: Float32Array,
  place: string,
): void {
  const { batch } = network;
  const contextRow = new Uint32Array(BATCH_ROWS);
  const part = new Float32Array(Math.min(BATCH_ROWS, which.length));
  const inContext = context.indptr[1] - context.indptr[0];
  const entriesOf = (i: number): number => inContext + x.indptr[which[i] + 1] - x.indptr[which[i]];
  let longest = 0;
  for (let i = 0; i < which.length; i++) longest = Math.max(longest, entriesOf(i));
  network.reserve(Math.min(BATCH_ROWS, which.length), longest);
  for (let start = 0; start < which.length; ) {
    const end = batchEnd(start, which.length, batch.entryCapacity, entriesOf);
    batch.clear();
    batch.appendJoined(context, contextRow, x, which.subarray(start, end), end - start, true);
    if (!batch.values!.subarray(0, batch.indptr[batch.rows]).every(Number.isFinite)) {
      const expected = "the sum of a value and that of the same feature in the context must be finite";
      throw new RangeError(
        `${place}: ${expected}, got an infinite one in rows ${which[start]} to ${which[end - 1]}`,
      );
    }
    network.predict();
    copyScores(network.unit, network.scores.data, end - start, part, 0);
    for (let i = start; i < end; i++) scores[which[i]] = part[i - start];
    start = end;
  }
}

/** Finds the end of the batch that starts at row `start`, by its largest number of rows and of entries. */
function batchEnd(start: number, rows: number, capacity: number, entriesOf: (row: number) => number): number {
  let entries = 0;
  let end = start;
  while (end < rows && end - start < BATCH_ROWS) {
    entries += entriesOf(end);
    if (entries > capacity) break;
    end++;
  }
  return end;
}

/** Finds the largest number of entries of a row. */
function longestRow({ rows, indptr }: SparseRows): number {
  let longest = 0;
  for (let i = 0; i < rows; i++) longest = Math.max(longest, indptr[i + 1] - indptr[i]);
  return longest;
}
