// The linear term and Bi-Interaction pooling in plain JavaScript. They read the two tables. A product or a
// sum of two float32 numbers, computed in float64 and rounded by `f`, has exactly the bits of the float32
// operation (Figueroa 1995, "When is double rounding innocuous?"). Storing into a Float32Array rounds as
// well.

import type { Tensor } from "../../core/tensor.ts";
import type { SparseBatch } from "../kernels.ts";

const f = Math.fround;

/** `linearForward` of kernels.ts. */
export function linearForward(batch: SparseBatch, w: Tensor, out: Tensor, start: number, end: number): void {
  const { indptr, indices, values, context } = batch;
  for (let b = start; b < end; b++) {
    let sum = context === null ? 0 : context.linear.data[0];
    for (let p = indptr[b]; p < indptr[b + 1]; p++) {
      const weight = w.data[indices[p] * w.stride];
      sum = f(sum + (values === null ? weight : f(weight * values[p])));
    }
    out.data[b * out.stride] = sum;
  }
}

/** `biInteractionForward` of kernels.ts, four columns at a time. */
export function biInteractionForward(
  batch: SparseBatch,
  v: Tensor,
  sums: Tensor,
  pooled: Tensor,
  squares: Tensor | null,
  start: number,
  end: number,
): void {
  const { indptr, indices, values, context } = batch;
  const s = context && context.sums.data;
  const q = context && context.squares.data;
  const { data, stride } = v;
  for (let b = start; b < end; b++) {
    const [first, last] = [indptr[b], indptr[b + 1]];
    for (let j = 0; j < stride; j += 4) {
      let s0 = 0,
        s1 = 0,
        s2 = 0,
        s3 = 0,
        q0 = 0,
        q1 = 0,
        q2 = 0,
        q3 = 0;
      if (s !== null && q !== null) {
        s0 = s[j];
        s1 = s[j + 1];
        s2 = s[j + 2];
        s3 = s[j + 3];
        q0 = q[j];
        q1 = q[j + 1];
        q2 = q[j + 2];
        q3 = q[j + 3];
      }
      for (let p = first; p < last; p++) {
        const at = indices[p] * stride + j;
        let t0 = data[at],
          t1 = data[at + 1],
          t2 = data[at + 2],
          t3 = data[at + 3];
        if (values !== null) {
          const x = values[p];
          t0 = f(x * t0);
          t1 = f(x * t1);
          t2 = f(x * t2);
          t3 = f(x * t3);
        }
        s0 = f(s0 + t0);
        s1 = f(s1 + t1);
        s2 = f(s2 + t2);
        s3 = f(s3 + t3);
        q0 = f(q0 + f(t0 * t0));
        q1 = f(q1 + f(t1 * t1));
        q2 = f(q2 + f(t2 * t2));
        q3 = f(q3 + f(t3 * t3));
      }
      const out = b * sums.stride + j;
      sums.data[out] = s0;
      sums.data[out + 1] = s1;
      sums.data[out + 2] = s2;
      sums.data[out + 3] = s3;
      pooled.data[out] = 0.5 * f(f(s0 * s0) - q0);
      pooled.data[out + 1] = 0.5 * f(f(s1 * s1) - q1);
      pooled.data[out + 2] = 0.5 * f(f(s2 * s2) - q2);
      pooled.data[out + 3] = 0.5 * f(f(s3 * s3) - q3);
      if (squares !== null) {
        squares.data[out] = q0;
        squares.data[out + 1] = q1;
        squares.data[out + 2] = q2;
        squares.data[out + 3] = q3;
      }
    }
  }
}

/**
 * Adds one feature to the sums of Bi-Interaction in float64, for explanations and catalogs. With
 * t = x * v[feature, j]: sums[j] += t and squares[j] += t * t.
 *
 * @param sums Sum of t, (K).
 * @param squares Sum of t * t, (K).
 * @param v V, (N, K).
 * @param feature Row of V, from 0 to N - 1.
 * @param x The feature's value.
 */
export function addToSums(
  sums: Float64Array,
  squares: Float64Array,
  v: Tensor,
  feature: number,
  x: number,
): void {
  const { data, cols, stride } = v;
  const row = feature * stride;
  for (let j = 0; j < cols; j++) {
    const t = x * data[row + j];
    sums[j] += t;
    squares[j] += t * t;
  }
}
