// All further kernels of training in plain JavaScript.

import { type RandomKey, randomBits } from "../../core/random.ts";
import type { Tensor } from "../../core/tensor.ts";
import type { TrainingKernels } from "../kernels.ts";
import { activationBackward } from "./activations-backward.ts";
import { batchNormBackward, batchStatistics, columnSums } from "./batch-norm-backward.ts";
import { biInteractionBackward, linearBackward, partsBackward } from "./bi-interaction-backward.ts";
import { adagrad, sgd } from "./optimizers.ts";
import { createWorkspace, product } from "./product.ts";

/**
 * Makes the plain kernels of training.
 *
 * @returns The kernels, with their own workspace.
 */
export function createTrainingKernels(): TrainingKernels {
  const workspace = createWorkspace();
  return {
    linearBackward,
    biInteractionBackward,
    partsBackward,
    matmulTransposed: (c, a, b, depth, start, end) =>
      product(workspace, c, a, 1, a.stride, depth, b, null, start, end),
    transpose,
    columnSums,
    activationBackward,
    batchStatistics,
    batchNormBackward,
    dropoutForward,
    multiply,
    scoreBackward,
    adagrad,
    sgd,
  };
}

function transpose(out: Tensor, x: Tensor): void {
  const { data, rows, cols, stride } = x;
  const { data: outData, stride: outStride } = out;
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < cols; j++) outData[j * outStride + i] = data[i * stride + j];
  }
}

function dropoutForward(
  y: Tensor,
  mask: Tensor,
  x: Tensor,
  key: RandomKey,
  rate: number,
  start: number,
  end: number,
): void {
  const [xData, yData, maskData] = [x.data, y.data, mask.data];
  const threshold = Math.round(rate * 2147483647) | 0;
  const factors = Float32Array.of(0, 1 / (1 - rate));
  for (let i = start; i < end; i++) {
    const row = i * x.stride;
    for (let j = 0; j < x.cols; j++) {
      // The sign of (bits - threshold) selects the factor. A branch on random bits would be predicted
      // wrongly.
      const m = factors[(((randomBits(key, i * x.cols + j) >>> 1) - threshold) >> 31) + 1];
      maskData[row + j] = m;
      yData[row + j] = xData[row + j] * m;
    }
  }
}

function multiply(out: Tensor, a: Tensor, b: Tensor, start: number, end: number): void {
  const [outData, aData, bData] = [out.data, a.data, b.data];
  for (let i = start; i < end; i++) {
    const row = i * a.stride;
    for (let j = 0; j < a.cols; j++) outData[row + j] = aData[row + j] * bData[row + j];
  }
}

function scoreBackward(dY: Tensor, dScores: Tensor, h: Tensor, start: number, end: number): void {
  const [out, w] = [dY.data, h.data];
  for (let i = start; i < end; i++) {
    const row = i * dY.stride;
    const dScore = dScores.data[i * dScores.stride];
    for (let j = 0; j < dY.cols; j++) out[row + j] = dScore * w[j];
  }
}
