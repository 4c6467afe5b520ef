// Bi-Interaction pooling (section 3.1, equations 3 and 4): all pairwise interactions of a row's features in one vector,
// BI(Vx) = sum_{i<j} x_i v_i (*) x_j v_j = 1/2 [ (sum_i x_i v_i)^2 - sum_i (x_i v_i)^2 ], in time linear in the features.

import type { Tensor } from "../core/tensor.ts";
import type { Kernels, SparseBatch } from "../kernels/kernels.ts";

/** pooled = BI(Vx) of every row; `sums` keeps sum_i x_i v_i for the way back. V (N, K), sums and pooled (B, K). */
export function biInteractionForward(kernels: Kernels, batch: SparseBatch, v: Tensor, sums: Tensor, pooled: Tensor): void {
  kernels.biInteractionForward(batch, v, sums, pooled, 0, batch.rows);
}

/** d BI / d v_i = (sums - x_i v_i) x_i. dPooled (B, K), dV (T, K). */
export function biInteractionBackward(
  kernels: Kernels, batch: SparseBatch, v: Tensor, sums: Tensor, dPooled: Tensor, dV: Tensor,
): void {
  kernels.biInteractionBackward(batch, v, sums, dPooled, dV, 0, v.cols);
}
