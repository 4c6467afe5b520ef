// The two tables that a feature indexes: its embedding v_i (a row of V) and its linear weight w_i. A pass
// reads only the rows that its batch names. Gradients are summed per touched feature: row `slot` of dV and
// dw.

import { randomKey, randomNormal, Stream } from "../core/random.ts";
import type { Tensor } from "../core/tensor.ts";
import type { ForwardKernels, Kernels, SparseBatch } from "../kernels/kernels.ts";

/**
 * Draws V ~ N(0, std^2). Row i depends on the seed and i alone, so that a table can grow without moving a
 * number. Yields now and then.
 *
 * @param v V, (N, K).
 * @param seed Integer from 0 to 2^53 - 1.
 * @param std Standard deviation, at least 0.
 * @param from First row to draw.
 */
export function* initializeEmbedding(
  v: Tensor,
  seed: number,
  std: number,
  from: number,
): Generator<void, void> {
  for (let i = from; i < v.rows; i++) {
    if (i % 64 === 0) yield;
    const key = randomKey(seed, Stream.embedding, i);
    for (let j = 0; j < v.cols; j++) v.data[i * v.stride + j] = std * randomNormal(key, j);
  }
}

/**
 * Computes the linear term sum_i w_i x_i of every row of a batch.
 *
 * @param w Linear weights, (N, 1).
 * @param linear Receives the sums, (B, 1).
 */
export function linearForward(kernels: ForwardKernels, batch: SparseBatch, w: Tensor, linear: Tensor): void {
  kernels.linearForward(batch, w, linear, 0, batch.rows);
}

/**
 * Computes the gradient of w from that of the scores.
 *
 * @param dScores Gradient of the loss by the scores, (B, 1).
 * @param dw Receives the gradient of each touched weight, (T, 1).
 */
export function linearBackward(kernels: Kernels, batch: SparseBatch, dScores: Tensor, dw: Tensor): void {
  kernels.linearBackward(batch, dScores, dw);
}
