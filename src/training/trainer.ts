// Training, one mini-batch at a time: gather rows, score them, let the loss say how each score should move, carry that
// back through the network, and move every parameter once.

import { CSRMatrix } from "../core/sparse.ts";
import type { RowView } from "../data/batches.ts";
import type { Rows } from "../data/rows.ts";
import type { Context } from "../kernels/kernels.ts";
import type { Capacity } from "../layout.ts";
import type { Loss } from "../losses.ts";
import type { Network } from "../network.ts";
import type { Optimizer } from "../optimizers.ts";

/** Rows with targets, as a pointwise loss reads them. */
export interface PointwiseData {
  readonly kind: "pointwise";
  readonly x: Rows;
  /** One per row, already mapped by the loss. */
  readonly targets: Float32Array;
  /** One per row, at least 0; null: all ones. */
  readonly weights: Float32Array | null;
}

/** Row i of `positives` should score above row i of `negatives`. */
export interface PairwiseData {
  readonly kind: "pairwise";
  readonly positives: Rows;
  readonly negatives: Rows;
}

/** Rows or pairs to train on. `skipped`: what gave none of them, see `History`. */
export type TrainingData = (PointwiseData | PairwiseData) & { readonly skipped?: number };

/** Most rows to score at a time: what a layer writes is still in the cache when the next one reads it. */
const BATCH_ROWS = 256;

/** Coefficients of L2 regularisation, each at least 0. */
export interface L2 {
  readonly embedding: number;
  readonly linear: number;
  readonly hidden: number;
}

/** Number of examples: rows, or pairs. */
export function countExamples(data: TrainingData): number {
  return data.kind === "pointwise" ? data.x.rows : data.positives.rows;
}

/** What the rows of a batch come from, one part behind the other. */
export function partsOf(data: TrainingData): Rows[] {
  return data.kind === "pointwise" ? [data.x] : [data.positives, data.negatives];
}

/** A network with what it takes to train it. */
export class Trainer {
  network: Network;
  readonly loss: Loss;
  readonly optimizer: Optimizer;
  readonly l2: L2;
  /** Steps taken so far; names the dropout masks. */
  steps = 0;
  /** Epochs completed so far; names the order of rows. */
  epochs = 0;
  /** Range of the training labels, for `rmse-clamped`. */
  labelRange: readonly [min: number, max: number] | null = null;

  constructor(network: Network, loss: Loss, optimizer: Optimizer, l2: L2) {
    this.network = network;
    this.loss = loss;
    this.optimizer = optimizer;
    this.l2 = l2;
  }

  /** Makes sure that batches of this size fit, and that the buffers for training are there if asked for. */
  reserve(rows: number, entries: number, training: boolean): void {
    const now = this.network.capacity;
    if (rows <= now.rows && entries <= now.entries && (!training || now.training)) return;
    const grown = (needed: number, has: number): number => (needed <= has ? has : Math.max(needed, 2 * has)); // or every longer row would copy the tables
    const next: Capacity = {
      rows: grown(rows, now.rows),
      entries: grown(entries, now.entries),
      training: training ? { initialState: this.optimizer.initialState } : now.training,
    };
    this.network = this.network.resized(next);
  }

  /**
   * One step on the examples `order[start]` to `order[end - 1]` (order null: the examples themselves).
   *
   * @returns The mean loss before the step. If it is not finite, no trainable parameter has moved. Examples without any
   *   weight move nothing, and their loss is 0.
   */
  step(data: TrainingData, order: Uint32Array | null, start: number, end: number): number {
    if (data.kind === "pointwise" && weightOf(data.weights, order, start, end) === 0) return 0;
    this.#gather(data, order, start, end);
    return this.#run(data, order, start, end);
  }

  /**
   * One step on all examples that happens wholly or not at all: when anything throws or is not finite, nothing has changed.
   *
   * @returns The mean loss before the step; NaN or infinite if that, or what the step led to, was not finite.
   */
  safeStep(data: TrainingData): number {
    const end = countExamples(data);
    this.#gather(data, null, 0, end);
    const { undo, isSound } = this.network.beforeStep();
    const { steps } = this;
    let sound = false;
    try {
      const loss = this.#run(data, null, 0, end);
      sound = Number.isFinite(loss) && isSound();
      return sound ? loss : Number.isFinite(loss) ? Infinity : loss;
    } finally {
      if (!sound) {
        undo();
        this.steps = steps;
      }
    }
  }

  #gather(data: TrainingData, order: Uint32Array | null, start: number, end: number): void {
    const parts = partsOf(data);
    let drawn = 0;
    for (const x of parts) if (!(x instanceof CSRMatrix)) drawn += x.choose(this.epochs + 1, order, start, end);
    if (drawn > this.network.capacity.entries) this.reserve(1, drawn, true);
    const { batch } = this.network;
    batch.clear();
    for (const x of parts) {
      if (x instanceof CSRMatrix) batch.append(x, order, start, end);
      else x.append(batch);
    }
    batch.indexFeatures();
  }

  #run(data: TrainingData, order: Uint32Array | null, start: number, end: number): number {
    this.network.forward(true, this.steps);
    const mean = data.kind === "pointwise" ? this.#pointwiseLoss(data, order, start, end) : this.#pairwiseLoss(end - start);
    if (!Number.isFinite(mean)) return mean;
    this.network.backward();
    this.#update(data.kind === "pairwise");
    this.steps++;
    return mean;
  }

  /** Writes dScores for the weighted mean of the losses; returns that mean. */
  #pointwiseLoss({ targets, weights }: PointwiseData, order: Uint32Array | null, start: number, end: number): number {
    const loss = this.loss as Extract<Loss, { kind: "pointwise" }>;
    const scores = this.network.scores.data;
    const dScores = this.network.dScores.data;
    const totalWeight = weightOf(weights, order, start, end);
    let total = 0;
    for (let i = start; i < end; i++) {
      const example = order === null ? i : order[i];
      const weight = weights === null ? 1 : weights[example];
      const score = scores[i - start];
      const target = targets[example];
      total += weight === 0 ? 0 : weight * loss.value(score, target);
      dScores[i - start] = weight === 0 ? 0 : (weight * loss.gradient(score, target)) / totalWeight;
      total += dScores[i - start] * 0; // NaN once a gradient is not finite
    }
    return total / totalWeight;
  }

  /** The batch holds the positives of `pairs` pairs, then their negatives. */
  #pairwiseLoss(pairs: number): number {
    const loss = this.loss as Extract<Loss, { kind: "pairwise" }>;
    const scores = this.network.scores.data;
    const dScores = this.network.dScores.data;
    let total = 0;
    for (let i = 0; i < pairs; i++) {
      const difference = scores[i] - scores[pairs + i];
      total += loss.value(difference);
      dScores[i] = loss.gradient(difference) / pairs;
      dScores[pairs + i] = -dScores[i];
      total += dScores[i] * 0;
    }
    return total / pairs;
  }

  /** Moves every trainable parameter once. In a pairwise loss w0 cancels: it is left alone, or rounding would make it drift. */
  #update(pairwise: boolean): void {
    const { kernels, parameters, batch } = this.network;
    for (const { name, value: theta, gradient, state, table, decay } of parameters) {
      if (gradient === null || (pairwise && name === "bias")) continue;
      const rows = table ? batch.touched : null;
      const count = table ? batch.touchedCount : theta.rows;
      this.optimizer.update(kernels, { theta, state, gradient, rows, count, l2: decay === null ? 0 : this.l2[decay] });
    }
  }

  /**
   * Raw scores of rows `0 .. x.rows - 1` into `scores`, in batches; yields after each batch. With a `context` every row is
   * that of `context` (its row 0) and its own behind it, bit for bit; the two must not share a feature, and nothing else may
   * be scored before the end.
   */
  *score(x: CSRMatrix, scores: Float32Array, context: RowView | null = null): Generator<void, Float32Array> {
    let shared: Context | null = null;
    let summedBy: Network | null = null;
    for (let start = 0; start < x.rows; ) {
      this.reserve(1, x.indptr[start + 1] - x.indptr[start], false);
      const { network } = this;
      const { rows, entries } = network.capacity;
      let end = start + 1;
      while (end < x.rows && end - start < Math.min(rows, BATCH_ROWS) && x.indptr[end + 1] - x.indptr[start] <= entries) end++;
      if (context !== null && summedBy !== network) shared = network.contextOf(context);
      summedBy = network;
      network.batch.clear(shared);
      network.batch.append(x, null, start, end);
      network.forward(false);
      scores.set(network.scores.data.subarray(0, end - start), start);
      start = end;
      yield;
    }
    return scores;
  }

  /**
   * Raw scores of the rows `which` of x, each behind row 0 of `context`, into `scores` at their positions. A feature in both
   * has the sum of its values, which must be finite; `place` is what errors call x.
   */
  scoreJoined(context: RowView, x: CSRMatrix, which: Uint32Array, scores: Float32Array, place: string): void {
    const contextRow = new Uint32Array(BATCH_ROWS);
    const lengthOf = (row: number): number => context.indptr[1] - context.indptr[0] + x.indptr[row + 1] - x.indptr[row];
    for (let start = 0; start < which.length; ) {
      this.reserve(1, lengthOf(which[start]), false);
      const { batch, capacity } = this.network;
      let entries = 0;
      let end = start;
      while (end < which.length && end - start < Math.min(capacity.rows, BATCH_ROWS)) {
        entries += lengthOf(which[end]);
        if (entries > capacity.entries) break;
        end++;
      }
      batch.clear();
      batch.appendJoined(context, contextRow, x, which.subarray(start, end), end - start, true);
      if (!batch.values!.subarray(0, batch.indptr[batch.rows]).every(Number.isFinite)) {
        throw new RangeError(`${place}: the sum of a value and that of the same feature in the context must be finite, got an infinite one in rows ${which[start]} to ${which[end - 1]}`);
      }
      this.network.forward(false);
      for (let i = start; i < end; i++) scores[which[i]] = this.network.scores.data[i - start];
      start = end;
    }
  }
}

/** Sum of the weights of the examples, or their number. */
export function weightOf(weights: Float32Array | null, order: Uint32Array | null, start: number, end: number): number {
  if (weights === null) return end - start;
  let total = 0;
  for (let i = start; i < end; i++) total += weights[order === null ? i : order[i]];
  return total;
}
