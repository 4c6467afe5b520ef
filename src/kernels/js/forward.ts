// All kernels of prediction in plain JavaScript. They define the bits that every other version must compute.
// They run where WebAssembly SIMD is not available.

import type { Tensor } from "../../core/tensor.ts";
import type { ForwardKernels } from "../kernels.ts";
import { activationForward } from "./activations.ts";
import { normalize, runningStatistics } from "./batch-norm.ts";
import { biInteractionForward, linearForward } from "./bi-interaction.ts";
import { createWorkspace, product } from "./product.ts";

const f = Math.fround;

/**
 * Makes the plain kernels of prediction.
 *
 * @returns The kernels, with their own workspace.
 */
export function createForwardKernels(): ForwardKernels {
  const workspace = createWorkspace();
  return {
    name: "js",
    linearForward,
    biInteractionForward,
    matmul: (c, a, b, bias, start, end) => product(workspace, c, a, a.stride, 1, a.cols, b, bias, start, end),
    activationForward,
    runningStatistics,
    normalize,
    scoreForward,
  };
}

/** `scoreForward` of kernels.ts. */
function scoreForward(
  scores: Tensor,
  bias: Tensor,
  linear: Tensor,
  y: Tensor,
  h: Tensor,
  start: number,
  end: number,
): void {
  const w = h.data;
  for (let i = start; i < end; i++) {
    const row = i * y.stride;
    const x = y.data;
    let s0 = 0,
      s1 = 0,
      s2 = 0,
      s3 = 0;
    for (let j = 0; j < y.cols; j += 4) {
      s0 = f(s0 + f(x[row + j] * w[j]));
      if (j + 1 < y.cols) s1 = f(s1 + f(x[row + j + 1] * w[j + 1]));
      if (j + 2 < y.cols) s2 = f(s2 + f(x[row + j + 2] * w[j + 2]));
      if (j + 3 < y.cols) s3 = f(s3 + f(x[row + j + 3] * w[j + 3]));
    }
    scores.data[i * scores.stride] =
      f(bias.data[0] + linear.data[i * linear.stride]) + f(f(s0 + s2) + f(s1 + s3));
  }
}
