// Batch normalization in training, in plain JavaScript: the statistics of the batch, the gradient, and the
// column sums that both need.

import type { Tensor } from "../../core/tensor.ts";
import type { NormTensors } from "../kernels.ts";
import { inverseRoot } from "./batch-norm.ts";

const f = Math.fround;

/** `columnSums` of kernels.ts, four columns at a time. */
export function columnSums(out: Tensor, x: Tensor, rows: number, start: number, end: number): void {
  const { data, stride } = x;
  let j = start;
  for (; j + 4 <= end; j += 4) {
    let s0 = 0,
      s1 = 0,
      s2 = 0,
      s3 = 0;
    for (let i = 0, at = j; i < rows; i++, at += stride) {
      s0 = f(s0 + data[at]);
      s1 = f(s1 + data[at + 1]);
      s2 = f(s2 + data[at + 2]);
      s3 = f(s3 + data[at + 3]);
    }
    out.data[j] = s0;
    out.data[j + 1] = s1;
    out.data[j + 2] = s2;
    out.data[j + 3] = s3;
  }
  for (; j < end; j++) {
    let s = 0;
    for (let i = 0; i < rows; i++) s = f(s + data[i * stride + j]);
    out.data[j] = s;
  }
}

/** `batchStatistics` of kernels.ts. */
export function batchStatistics(
  x: Tensor,
  norm: NormTensors,
  rows: number,
  epsilon: number,
  momentum: number,
  start: number,
  end: number,
): void {
  const [mean, inverseStd] = [norm.mean.data, norm.inverseStd.data];
  const [runningMean, runningVariance] = [norm.runningMean.data, norm.runningVariance.data];
  const count = f(rows);
  const rate = f(momentum);
  columnSums(norm.mean, x, rows, start, end);
  for (let j = start; j < end; j++) mean[j] = mean[j] / count;
  squaredDeviations(inverseStd, x, mean, rows, start, end);
  for (let j = start; j < end; j++) {
    const variance = f(inverseStd[j] / count);
    runningMean[j] += f(rate * f(mean[j] - runningMean[j]));
    runningVariance[j] += f(rate * f(variance - runningVariance[j]));
    inverseStd[j] = inverseRoot(variance, epsilon);
  }
}

/** out[j] = sum of (x[b, j] - mean[j])^2 over the rows b, in ascending order. */
function squaredDeviations(
  out: Float32Array,
  x: Tensor,
  mean: Float32Array,
  rows: number,
  start: number,
  end: number,
): void {
  const { data, stride } = x;
  for (let j = start; j < end; j += 4) {
    const m0 = mean[j],
      m1 = mean[j + 1],
      m2 = mean[j + 2],
      m3 = mean[j + 3];
    let s0 = 0,
      s1 = 0,
      s2 = 0,
      s3 = 0;
    for (let i = 0, at = j; i < rows; i++, at += stride) {
      const d0 = f(data[at] - m0),
        d1 = f(data[at + 1] - m1),
        d2 = f(data[at + 2] - m2),
        d3 = f(data[at + 3] - m3);
      s0 = f(s0 + f(d0 * d0));
      s1 = f(s1 + f(d1 * d1));
      s2 = f(s2 + f(d2 * d2));
      s3 = f(s3 + f(d3 * d3));
    }
    out[j] = s0;
    out[j + 1] = s1;
    out[j + 2] = s2;
    out[j + 3] = s3;
  }
}

/** `batchNormBackward` of kernels.ts. */
export function batchNormBackward(
  dX: Tensor,
  dScale: Tensor,
  dShift: Tensor,
  x: Tensor,
  dY: Tensor,
  norm: NormTensors,
  rows: number,
  start: number,
  end: number,
): void {
  const { data, stride } = x;
  const [gradient, out] = [dY.data, dX.data];
  const count = f(rows);
  columnSums(dShift, dY, rows, start, end);
  for (let j = start; j < end; j++) {
    const mean = norm.mean.data[j];
    const inverseStd = norm.inverseStd.data[j];
    let sum = 0;
    for (let i = 0, at = j; i < rows; i++, at += stride) {
      const n = f(f(data[at] - mean) * inverseStd);
      out[at] = n;
      sum = f(sum + f(gradient[at] * n));
    }
    dScale.data[j] = sum;
    const factor = f(norm.scale.data[j] * inverseStd);
    const meanShift = f(dShift.data[j] / count);
    const meanScale = f(sum / count);
    for (let i = 0, at = j; i < rows; i++, at += stride) {
      out[at] = factor * f(f(gradient[at] - meanShift) - f(out[at] * meanScale));
    }
  }
}
