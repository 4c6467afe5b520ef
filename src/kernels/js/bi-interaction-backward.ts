// The gradients of the two tables, in plain JavaScript. They are summed per touched feature.

import type { Tensor } from "../../core/tensor.ts";
import type { SparseBatch } from "../kernels.ts";

const f = Math.fround;

/** `linearBackward` of kernels.ts. */
export function linearBackward(
  batch: SparseBatch,
  dScores: Tensor,
  dw: Tensor,
  start: number,
  end: number,
): void {
  const { rows, indptr, slots, values } = batch;
  const { data: out, stride } = dw;
  out.fill(0, start * stride, end * stride);
  for (let b = 0; b < rows; b++) {
    const dScore = dScores.data[b * dScores.stride];
    for (let p = indptr[b]; p < indptr[b + 1]; p++) {
      if (slots[p] < start || slots[p] >= end) continue;
      out[slots[p] * stride] += values === null ? dScore : f(dScore * values[p]);
    }
  }
}

/** `biInteractionBackward` of kernels.ts, four columns at a time. */
export function biInteractionBackward(
  batch: SparseBatch,
  v: Tensor,
  sums: Tensor,
  dPooled: Tensor,
  dV: Tensor,
  start: number,
  end: number,
): void {
  const { rows, indptr, indices, slots, values } = batch;
  const [vData, sumsData, gradient, out] = [v.data, sums.data, dPooled.data, dV.data];
  const { stride, cols } = dV;
  out.fill(0, start * stride, end * stride);
  for (let b = 0; b < rows; b++) {
    const [first, last] = [indptr[b], indptr[b + 1]];
    for (let j = 0; j < cols; j += 4) {
      const at = b * stride + j;
      const s0 = sumsData[at],
        s1 = sumsData[at + 1],
        s2 = sumsData[at + 2],
        s3 = sumsData[at + 3];
      const d0 = gradient[at],
        d1 = gradient[at + 1],
        d2 = gradient[at + 2],
        d3 = gradient[at + 3];
      for (let p = first; p < last; p++) {
        if (slots[p] < start || slots[p] >= end) continue;
        const from = indices[p] * stride + j;
        const to = slots[p] * stride + j;
        if (values === null) {
          out[to] += f(f(s0 - vData[from]) * d0);
          out[to + 1] += f(f(s1 - vData[from + 1]) * d1);
          out[to + 2] += f(f(s2 - vData[from + 2]) * d2);
          out[to + 3] += f(f(s3 - vData[from + 3]) * d3);
        } else {
          const x = values[p];
          out[to] += f(f(f(s0 - f(x * vData[from])) * d0) * x);
          out[to + 1] += f(f(f(s1 - f(x * vData[from + 1])) * d1) * x);
          out[to + 2] += f(f(f(s2 - f(x * vData[from + 2])) * d2) * x);
          out[to + 3] += f(f(f(s3 - f(x * vData[from + 3])) * d3) * x);
        }
      }
    }
  }
}

/** `partsBackward` of kernels.ts. */
export function partsBackward(
  batch: SparseBatch,
  v: Tensor,
  a: Tensor,
  d: Tensor,
  dV: Tensor,
  start: number,
  end: number,
): void {
  const { rows, indptr, indices, slots, values } = batch;
  const [vData, aData, dData, out] = [v.data, a.data, d.data, dV.data];
  const { stride, cols } = dV;
  out.fill(0, start * stride, end * stride);
  for (let b = 0; b < rows; b++) {
    const row = b * stride;
    for (let p = indptr[b]; p < indptr[b + 1]; p++) {
      if (slots[p] < start || slots[p] >= end) continue;
      const [from, to] = [indices[p] * stride, slots[p] * stride];
      if (values === null) {
        for (let j = 0; j < cols; j++) out[to + j] += f(aData[row + j] - f(vData[from + j] * dData[row + j]));
      } else {
        const x = values[p];
        for (let j = 0; j < cols; j++)
          out[to + j] += f(f(aData[row + j] - f(f(x * vData[from + j]) * dData[row + j])) * x);
      }
    }
  }
}
