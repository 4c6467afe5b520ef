// The kernels as plain loops: the definition of every number the library computes, and the fallback where nothing
// faster runs. `f` rounds to float32 after each operation; stores into a Float32Array round as well. A product or sum
// of two float32 numbers, computed in float64 and rounded once, is exactly the float32 operation.

import { randomBits } from "../core/random.ts";
import type { Tensor } from "../core/tensor.ts";
import { ACTIVATIONS } from "./js/activations.ts";
import { product } from "./js/product.ts";
import type { Backend, Kernels } from "./kernels.ts";

const f = Math.fround;

/** The kernels in plain JavaScript. */
export const jsKernels: Kernels = {
  name: "js",

  linearForward(batch, w, out, start, end) {
    const { indptr, indices, values, context } = batch;
    for (let b = start; b < end; b++) {
      let sum = context === null ? 0 : context.linear.data[0];
      for (let p = indptr[b]; p < indptr[b + 1]; p++) {
        const weight = w.data[indices[p] * w.stride];
        sum = f(sum + (values === null ? weight : f(weight * values[p])));
      }
      out.data[b * out.stride] = sum;
    }
  },

  linearBackward(batch, dScores, dw) {
    const { rows, indptr, slots, values, touchedCount } = batch;
    for (let t = 0; t < touchedCount; t++) dw.data[t * dw.stride] = 0;
    for (let b = 0; b < rows; b++) {
      const dScore = dScores.data[b * dScores.stride];
      for (let p = indptr[b]; p < indptr[b + 1]; p++) {
        dw.data[slots[p] * dw.stride] += values === null ? dScore : f(dScore * values[p]);
      }
    }
  },

  biInteractionForward(batch, v, sums, pooled, start, end) {
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
      }
    }
  },

  biInteractionBackward(batch, v, sums, dPooled, dV, start, end) {
    const { rows, indptr, indices, slots, values, touchedCount } = batch;
    const [vData, out] = [v.data, dV.data];
    for (let t = 0; t < touchedCount; t++) out.fill(0, t * dV.stride + start, t * dV.stride + end);
    for (let b = 0; b < rows; b++) {
      const [first, last] = [indptr[b], indptr[b + 1]];
      for (let j = start; j < end; j += 4) {
        const at = b * sums.stride + j;
        const s0 = sums.data[at],
          s1 = sums.data[at + 1],
          s2 = sums.data[at + 2],
          s3 = sums.data[at + 3];
        const d0 = dPooled.data[at],
          d1 = dPooled.data[at + 1],
          d2 = dPooled.data[at + 2],
          d3 = dPooled.data[at + 3];
        for (let p = first; p < last; p++) {
          const from = indices[p] * v.stride + j;
          const to = slots[p] * dV.stride + j;
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
  },

  matmul(c, a, b, bias, start, end) {
    product(c, a, a.stride, 1, a.cols, b, bias, start, end);
  },

  matmulTransposed(c, a, b, depth, start, end) {
    product(c, a, 1, a.stride, depth, b, null, start, end);
  },

  transpose(out, x) {
    for (let i = 0; i < x.rows; i++) {
      for (let j = 0; j < x.cols; j++) out.data[j * out.stride + i] = x.data[i * x.stride + j];
    }
  },

  columnSums(out, x, rows, start, end) {
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
  },

  activationForward(name, y, x, start, end) {
    ACTIVATIONS[name].forward(y, x, start, end);
  },

  activationBackward(name, dX, y, dY, start, end) {
    ACTIVATIONS[name].backward(dX, y, dY, start, end);
  },

  batchNormForward(y, x, norm, rows, epsilon, momentum, training, start, end) {
    const [mean, inverseStd, scale, shift] = [
      norm.mean.data,
      norm.inverseStd.data,
      norm.scale.data,
      norm.shift.data,
    ];
    const [runningMean, runningVariance] = [norm.runningMean.data, norm.runningVariance.data];
    const { data, stride } = x;
    const out = y.data;
    if (training) {
      const count = f(rows);
      const rate = f(momentum);
      jsKernels.columnSums(norm.mean, x, rows, start, end);
      for (let j = start; j < end; j++) mean[j] = mean[j] / count;
      squaredDeviations(inverseStd, x, mean, rows, start, end);
      for (let j = start; j < end; j++) {
        const variance = f(inverseStd[j] / count);
        runningMean[j] += f(rate * f(mean[j] - runningMean[j]));
        runningVariance[j] += f(rate * f(variance - runningVariance[j]));
        inverseStd[j] = inverseRoot(variance, epsilon);
      }
    } else {
      for (let j = start; j < end; j++) {
        mean[j] = runningMean[j];
        inverseStd[j] = inverseRoot(runningVariance[j], epsilon);
      }
    }
    for (let i = 0; i < rows; i++) {
      const row = i * stride;
      for (let j = start; j < end; j++)
        out[row + j] = f(f(f(data[row + j] - mean[j]) * inverseStd[j]) * scale[j]) + shift[j];
    }
  },

  batchNormBackward(dX, dScale, dShift, x, dY, norm, rows, start, end) {
    const { data, stride } = x;
    const [gradient, out] = [dY.data, dX.data];
    const count = f(rows);
    jsKernels.columnSums(dShift, dY, rows, start, end);
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
  },

  dropoutForward(y, mask, x, key, rate, start, end) {
    const [xData, yData, maskData] = [x.data, y.data, mask.data];
    const threshold = Math.round(rate * 2147483647) | 0;
    const factors = Float32Array.of(0, 1 / (1 - rate));
    for (let i = start; i < end; i++) {
      const row = i * x.stride;
      for (let j = 0; j < x.cols; j++) {
        // The sign bit of (bits - threshold) picks the factor: a branch on random bits would be mispredicted.
        const m = factors[(((randomBits(key, i * x.cols + j) >>> 1) - threshold) >> 31) + 1];
        maskData[row + j] = m;
        yData[row + j] = xData[row + j] * m;
      }
    }
  },

  multiply(out, a, b, start, end) {
    const [outData, aData, bData] = [out.data, a.data, b.data];
    for (let i = start; i < end; i++) {
      const row = i * a.stride;
      for (let j = 0; j < a.cols; j++) outData[row + j] = aData[row + j] * bData[row + j];
    }
  },

  scoreForward(scores, bias, linear, y, h, start, end) {
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
  },

  scoreBackward(dY, dScores, h, start, end) {
    const [out, w] = [dY.data, h.data];
    for (let i = start; i < end; i++) {
      const row = i * dY.stride;
      const dScore = dScores.data[i * dScores.stride];
      for (let j = 0; j < dY.cols; j++) out[row + j] = dScore * w[j];
    }
  },

  adagrad(update, learningRate) {
    const { rows, count, l2 } = update;
    const { data: theta, cols, stride } = update.theta;
    const { data: gradient, stride: gradientStride } = update.gradient;
    const state = update.state!.data;
    const rate = f(learningRate);
    for (let t = 0; t < count; t++) {
      const from = t * gradientStride;
      const to = (rows === null ? t : rows[t]) * stride;
      for (let j = 0; j < cols; j++) {
        const g = withDecay(gradient[from + j], theta[to + j], l2);
        const total = f(state[to + j] + f(g * g));
        state[to + j] = total;
        theta[to + j] -= f(f(rate * g) / f(Math.sqrt(total)));
      }
    }
  },

  sgd(update, learningRate, momentum) {
    const { rows, count, l2 } = update;
    const { data: theta, cols, stride } = update.theta;
    const { data: gradient, stride: gradientStride } = update.gradient;
    const velocity = update.state && update.state.data;
    const rate = f(learningRate);
    const keep = f(momentum);
    for (let t = 0; t < count; t++) {
      const from = t * gradientStride;
      const to = (rows === null ? t : rows[t]) * stride;
      for (let j = 0; j < cols; j++) {
        let g = withDecay(gradient[from + j], theta[to + j], l2);
        if (velocity !== null) {
          g = f(f(keep * velocity[to + j]) + g);
          velocity[to + j] = g;
        }
        theta[to + j] -= f(rate * g);
      }
    }
  },
};

/** out[j] = sum over rows of (x - mean)^2, ascending. */
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

/** The backend of the plain kernels. */
export const jsBackend: Backend = {
  name: "js",
  create: (bytes) => ({ kernels: jsKernels, memory: new ArrayBuffer(bytes), offset: 0 }),
};

function inverseRoot(variance: number, epsilon: number): number {
  return f(1 / f(Math.sqrt(f(variance + f(epsilon)))));
}

function withDecay(g: number, theta: number, l2: number): number {
  return l2 === 0 ? g : f(g + f(f(l2) * theta));
}
