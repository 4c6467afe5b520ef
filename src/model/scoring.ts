// Raw scores of many rows, in batches: rows of their own, or rows that share the features of a context.

import type { SparseRows } from "../data/sparse-row.ts";
import type { Context } from "../kernels/kernels.ts";
import type { Network } from "./network.ts";

/** Most rows to score at a time: what a layer writes is still in the cache when the next one reads it. */
const BATCH_ROWS = 256;
/** Most entries of a batch, unless one row has more. */
const BATCH_ENTRIES = 4096;

/**
 * Scores rows in batches; yields after each batch.
 *
 * @param network A network of prediction.
 * @param x Rows.
 * @param scores Receives the raw score of each row; (rows).
 * @param context A row whose features all rows share (row 0 of it); null: none. The scores are, bit for bit,
 *   those of rows that hold the context's features and behind them their own. The two must not share a
 *   feature, and nothing else may be scored before the end.
 */
export function* scoreRows(
  network: Network,
  x: SparseRows,
  scores: Float32Array,
  context: SparseRows | null = null,
): Generator<void, Float32Array> {
  const { batch } = network;
  const inContext = context === null ? 0 : context.indptr[1] - context.indptr[0];
  const entries = Math.max(longestRow(x), inContext, Math.min(BATCH_ENTRIES, x.indptr[x.rows]));
  network.reserve(Math.min(BATCH_ROWS, x.rows), entries);
  const shared: Context | null = context && network.contextOf(context);
  for (let start = 0; start < x.rows; ) {
    // Another call may have grown or used the buffers since the last batch; what it left does not matter
    // here.
    const end = batchEnd(start, x.rows, batch.entryCapacity, (row) => x.indptr[row + 1] - x.indptr[row]);
    batch.clear(shared);
    batch.append(x, null, start, end);
    network.forward(false);
    scores.set(network.scores.data.subarray(0, end - start), start);
    start = end;
    yield;
  }
  return scores;
}

/**
 * Scores rows behind a context with which they may share features. A feature of both has the sum of its
 * values.
 *
 * @param context The row in front (row 0 of it).
 * @param x Rows.
 * @param which The rows of x to score.
 * @param scores Receives their raw scores at the positions `which`; (rows of x).
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
    network.forward(false);
    for (let i = start; i < end; i++) scores[which[i]] = network.scores.data[i - start];
    start = end;
  }
}

/** The end of the batch that starts at `start`: as many rows as it may have and as there is room for. */
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

function longestRow({ rows, indptr }: SparseRows): number {
  let longest = 0;
  for (let i = 0; i < rows; i++) longest = Math.max(longest, indptr[i + 1] - indptr[i]);
  return longest;
}
