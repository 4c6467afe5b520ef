// Batch normalization for prediction, and the parts that training shares with it, in plain JavaScript.

import type { Tensor } from "../../core/tensor.ts";
import type { NormTensors } from "../kernels.ts";

const f = Math.fround;

/** `runningStatistics` of kernels.ts. */
export function runningStatistics(norm: NormTensors, epsilon: number, start: number, end: number): void {
  const { mean, inverseStd, runningMean, runningVariance } = norm;
  for (let j = start; j < end; j++) {
    mean.data[j] = runningMean.data[j];
    inverseStd.data[j] = inverseRoot(runningVariance.data[j], epsilon);
  }
}

/** `normalize` of kernels.ts. */
export function normalize(y: Tensor, x: Tensor, norm: NormTensors, start: number, end: number): void {
  const [mean, inverseStd, scale, shift] = [
    norm.mean.data,
    norm.inverseStd.data,
    norm.scale.data,
    norm.shift.data,
  ];
  const { data, cols, stride } = x;
  const out = y.data;
  for (let i = start; i < end; i++) {
    const row = i * stride;
    for (let j = 0; j < cols; j++) {
      out[row + j] = f(f(f(data[row + j] - mean[j]) * inverseStd[j]) * scale[j]) + shift[j];
    }
  }
}

/**
 * Computes 1 / sqrt(variance + epsilon), with each operation rounded to float32.
 *
 * @param variance At least 0.
 * @param epsilon Above 0.
 * @returns The result, a float32.
 */
export function inverseRoot(variance: number, epsilon: number): number {
  return f(1 / f(Math.sqrt(f(variance + f(epsilon)))));
}
