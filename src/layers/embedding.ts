// The two tables with one row per feature: embeddings v_i (the rows of V) and linear weights w_i (He & Chua
// 2017, section 3.1). A pass reads only the rows of features in the batch. Gradients are summed per feature
// of the batch: the feature number t among the T touched features has row t of dV and of dw.

import { randomKey, Stream } from "../core/random.ts";
import type { Tensor } from "../core/tensor.ts";
import type { ForwardKernels, Kernels, RandomKernels, SparseBatch } from "../kernels/kernels.ts";

/**
 * Draws rows of V ~ N(0, std^2). Row i depends only on the seed and on i, so that a table can grow without
 * changing a number. Yields now and then.
 *
 * @param kernels The kernel of random rows, of the model's memory.
 * @param v V, (N, K).
 * @param seed Integer from 0 to 2^53 - 1.
 * @param std Standard deviation, at least 0.
 * @param from First row to draw, from 0 to N. The rows before it keep their values.
 */
export function* initializeEmbedding(
  kernels: RandomKernels,
  v: Tensor,
  seed: number,
  std: number,
  from: number,
): Generator<void, void> {
  for (let i = from; i < v.rows; i++) {
    if (i % 64 === 0) yield;
    kernels.normalRow(v, i, randomKey(seed, Stream.embedding, i), std);
  }
}

/**
 * Computes the linear term sum_i w_i x_i of every row of a batch.
 *
 * @param kernels The kernels of the model's memory.
 * @param batch The rows, B of them.
 * @param w Linear weights, (N, 1).
 * @param linear Receives the sums, (B, 1).
 */
export function linearForward(kernels: ForwardKernels, batch: SparseBatch, w: Tensor, linear: Tensor): void {
  kernels.linearForward(batch, w, linear, 0, batch.rows);
}

/**
 * Computes the gradient of w from the gradient of the scores.
 *
 * @param kernels The kernels of the model's memory.
 * @param batch The rows, B of them, with T distinct features.
 * @param dScores Gradient of the loss by the scores, (B, 1).
 * @param dw Receives the gradient of each weight that the batch touches, (T, 1).
 */
export function linearBackward(kernels: Kernels, batch: SparseBatch, dScores: Tensor, dw: Tensor): void {
  kernels.linearBackward(batch, dScores, dw, 0, batch.touchedCount);
}
