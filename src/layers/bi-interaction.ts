// Bi-Interaction pooling (He & Chua 2017, section 3.1, equations 3 and 4): one vector with the interactions
// of all pairs of features of a row. The second form, from Rendle 2010, takes time linear in the number of
// features.
//     BI(Vx) = sum_{i<j} x_i v_i (*) x_j v_j = 1/2 [ (sum_i x_i v_i)^2 - sum_i (x_i v_i)^2 ]

import type { Tensor } from "../core/tensor.ts";
import type { ForwardKernels, Kernels, SparseBatch } from "../kernels/kernels.ts";

/**
 * Computes BI(Vx) of every row of a batch.
 *
 * @param kernels The kernels of the model's memory.
 * @param batch The rows, B of them.
 * @param v V, (N, K).
 * @param sums Receives sum_i x_i v_i for the backward pass, (B, K).
 * @param pooled Receives BI(Vx), (B, K).
 * @param squares Receives sum_i (x_i v_i)^2, (B, K); null: these sums are not stored.
 */
export function biInteractionForward(
  kernels: ForwardKernels,
  batch: SparseBatch,
  v: Tensor,
  sums: Tensor,
  pooled: Tensor,
  squares: Tensor | null,
): void {
  kernels.biInteractionForward(batch, v, sums, pooled, squares, 0, batch.rows);
}

/**
 * Computes the gradient of V from the gradient of the pooled vectors: d BI / d v_i = (sums - x_i v_i) x_i
 * (He & Chua 2017, section 3.2, equation 11).
 *
 * @param kernels The kernels of the model's memory.
 * @param batch The rows, B of them, with T distinct features.
 * @param v V, (N, K).
 * @param sums sum_i x_i v_i from the forward pass, (B, K).
 * @param dPooled Gradient of the loss by BI(Vx), (B, K).
 * @param dV Receives the gradient of each row of V that the batch touches, (T, K).
 */
export function biInteractionBackward(
  kernels: Kernels,
  batch: SparseBatch,
  v: Tensor,
  sums: Tensor,
  dPooled: Tensor,
  dV: Tensor,
): void {
  kernels.biInteractionBackward(batch, v, sums, dPooled, dV, 0, batch.touchedCount);
}
