// The kernels as plain loops: the definition of every number the library computes, and the fallback where nothing
// faster runs. `f` rounds to float32 after each operation; stores into a Float32Array round as well. A product or sum
// of two float32 numbers, computed in float64 and rounded once, is exactly the float32 operation.

import { sigmoid, tanh } from "../core/math.ts";
import { randomBits } from "../core/random.ts";
import type { Tensor } from "../core/tensor.ts";
import type { ActivationName, Kernels } from "./kernels.ts";

const f = Math.fround;

/** The kernels in plain JavaScript. */
export const jsKernels: Kernels = {
  name: "js",

  linearForward(batch, w, out, start, end) {
    const { indptr, indices, values } = batch;
    for (let b = start; b < end; b++) {
      let sum = 0;
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
    const { indptr, indices, values } = batch;
    const { data, stride, cols } = v;
    const whole = cols - (cols % 4);
    for (let b = start; b < end; b++) {
      const [first, last] = [indptr[b], indptr[b + 1]];
      const row = b * sums.stride;
      for (let j = 0; j < whole; j += 4) {
        let s0 = 0, s1 = 0, s2 = 0, s3 = 0, q0 = 0, q1 = 0, q2 = 0, q3 = 0;
        for (let p = first; p < last; p++) {
          const at = indices[p] * stride + j;
          let t0 = data[at], t1 = data[at + 1], t2 = data[at + 2], t3 = data[at + 3];
          if (values !== null) {
            const x = values[p];
            t0 = f(x * t0); t1 = f(x * t1); t2 = f(x * t2); t3 = f(x * t3);
          }
          s0 = f(s0 + t0); s1 = f(s1 + t1); s2 = f(s2 + t2); s3 = f(s3 + t3);
          q0 = f(q0 + f(t0 * t0)); q1 = f(q1 + f(t1 * t1)); q2 = f(q2 + f(t2 * t2)); q3 = f(q3 + f(t3 * t3));
        }
        const out = row + j;
        sums.data[out] = s0; sums.data[out + 1] = s1; sums.data[out + 2] = s2; sums.data[out + 3] = s3;
        pooled.data[out] = 0.5 * f(f(s0 * s0) - q0); pooled.data[out + 1] = 0.5 * f(f(s1 * s1) - q1);
        pooled.data[out + 2] = 0.5 * f(f(s2 * s2) - q2); pooled.data[out + 3] = 0.5 * f(f(s3 * s3) - q3);
      }
      for (let j = whole; j < cols; j++) {
        let s = 0, q = 0;
        for (let p = first; p < last; p++) {
          const t = values === null ? data[indices[p] * stride + j] : f(values[p] * data[indices[p] * stride + j]);
          s = f(s + t);
          q = f(q + f(t * t));
        }
        sums.data[row + j] = s;
        pooled.data[row + j] = 0.5 * f(f(s * s) - q);
      }
    }
  },

  biInteractionBackward(batch, v, sums, dPooled, dV, start, end) {
    const { rows, indptr, indices, slots, values, touchedCount } = batch;
    for (let t = 0; t < touchedCount; t++) dV.data.fill(0, t * dV.stride + start, t * dV.stride + end);
    for (let b = 0; b < rows; b++) {
      const row = b * sums.stride;
      for (let p = indptr[b]; p < indptr[b + 1]; p++) {
        const from = indices[p] * v.stride;
        const to = slots[p] * dV.stride;
        if (values === null) {
          for (let j = start; j < end; j++) dV.data[to + j] += f(f(sums.data[row + j] - v.data[from + j]) * dPooled.data[row + j]);
        } else {
          const x = values[p];
          for (let j = start; j < end; j++) {
            const rest = f(sums.data[row + j] - f(x * v.data[from + j]));
            dV.data[to + j] += f(f(rest * dPooled.data[row + j]) * x);
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
    out.data.fill(0, start, end);
    for (let i = 0; i < rows; i++) {
      for (let j = start; j < end; j++) out.data[j] += x.data[i * x.stride + j];
    }
  },

  activationForward(name, y, x, start, end) {
    const apply = ACTIVATIONS[name];
    for (let i = start; i < end; i++) apply(y.data, x.data, i * x.stride, i * x.stride + x.cols);
  },

  activationBackward(name, dX, y, dY, start, end) {
    const apply = ACTIVATION_GRADIENTS[name];
    for (let i = start; i < end; i++) apply(dX.data, y.data, dY.data, i * y.stride, i * y.stride + y.cols);
  },

  batchNormForward(y, x, norm, rows, epsilon, momentum, training, start, end) {
    const mean = norm.mean.data;
    const inverseStd = norm.inverseStd.data;
    const scale = norm.scale.data;
    const shift = norm.shift.data;
    if (training) {
      const count = f(rows);
      const rate = f(momentum);
      const variance = inverseStd; // holds the sum of squares until it is inverted below
      jsKernels.columnSums(norm.mean, x, rows, start, end);
      for (let j = start; j < end; j++) mean[j] = mean[j] / count;
      variance.fill(0, start, end);
      for (let i = 0; i < rows; i++) {
        const row = i * x.stride;
        for (let j = start; j < end; j++) {
          const d = f(x.data[row + j] - mean[j]);
          variance[j] += f(d * d);
        }
      }
      for (let j = start; j < end; j++) {
        const v = f(variance[j] / count);
        norm.runningMean.data[j] += f(rate * f(mean[j] - norm.runningMean.data[j]));
        norm.runningVariance.data[j] += f(rate * f(v - norm.runningVariance.data[j]));
        inverseStd[j] = inverseRoot(v, epsilon);
      }
    } else {
      for (let j = start; j < end; j++) {
        mean[j] = norm.runningMean.data[j];
        inverseStd[j] = inverseRoot(norm.runningVariance.data[j], epsilon);
      }
    }
    for (let i = 0; i < rows; i++) {
      const row = i * x.stride;
      for (let j = start; j < end; j++) {
        y.data[row + j] = f(f(f(x.data[row + j] - mean[j]) * inverseStd[j]) * scale[j]) + shift[j];
      }
    }
  },

  batchNormBackward(dX, dScale, dShift, x, dY, norm, rows, start, end) {
    const mean = norm.mean.data;
    const inverseStd = norm.inverseStd.data;
    const count = f(rows);
    jsKernels.columnSums(dShift, dY, rows, start, end);
    dScale.data.fill(0, start, end);
    for (let i = 0; i < rows; i++) {
      const row = i * x.stride;
      for (let j = start; j < end; j++) {
        dScale.data[j] += f(dY.data[row + j] * f(f(x.data[row + j] - mean[j]) * inverseStd[j]));
      }
    }
    for (let i = 0; i < rows; i++) {
      const row = i * x.stride;
      for (let j = start; j < end; j++) {
        const n = f(f(x.data[row + j] - mean[j]) * inverseStd[j]);
        const centred = f(f(dY.data[row + j] - f(dShift.data[j] / count)) - f(n * f(dScale.data[j] / count)));
        dX.data[row + j] = f(norm.scale.data[j] * inverseStd[j]) * centred;
      }
    }
  },

  dropoutForward(y, mask, x, key, rate, start, end) {
    const threshold = Math.round(rate * 4294967296);
    const keep = f(1 / (1 - rate));
    for (let i = start; i < end; i++) {
      const row = i * x.stride;
      for (let j = 0; j < x.cols; j++) {
        const m = randomBits(key, i * x.cols + j) >= threshold ? keep : 0;
        mask.data[row + j] = m;
        y.data[row + j] = x.data[row + j] * m;
      }
    }
  },

  multiply(out, a, b, start, end) {
    for (let i = start; i < end; i++) {
      const row = i * a.stride;
      for (let j = 0; j < a.cols; j++) out.data[row + j] = a.data[row + j] * b.data[row + j];
    }
  },

  scoreForward(scores, bias, linear, y, h, start, end) {
    const w = h.data;
    for (let i = start; i < end; i++) {
      const row = i * y.stride;
      const x = y.data;
      let s0 = 0, s1 = 0, s2 = 0, s3 = 0;
      for (let j = 0; j < y.cols; j += 4) {
        s0 = f(s0 + f(x[row + j] * w[j]));
        if (j + 1 < y.cols) s1 = f(s1 + f(x[row + j + 1] * w[j + 1]));
        if (j + 2 < y.cols) s2 = f(s2 + f(x[row + j + 2] * w[j + 2]));
        if (j + 3 < y.cols) s3 = f(s3 + f(x[row + j + 3] * w[j + 3]));
      }
      scores.data[i * scores.stride] = f(bias.data[0] + linear.data[i * linear.stride]) + f(f(s0 + s2) + f(s1 + s3));
    }
  },

  scoreBackward(dY, dScores, h, start, end) {
    for (let i = start; i < end; i++) {
      const row = i * dY.stride;
      const dScore = dScores.data[i * dScores.stride];
      for (let j = 0; j < dY.cols; j++) dY.data[row + j] = dScore * h.data[j];
    }
  },

  adagrad(update, learningRate) {
    const { theta, gradient, rows, count, l2 } = update;
    const state = update.state!;
    const rate = f(learningRate);
    for (let t = 0; t < count; t++) {
      const from = t * gradient.stride;
      const to = (rows === null ? t : rows[t]) * theta.stride;
      for (let j = 0; j < theta.cols; j++) {
        const g = withDecay(gradient.data[from + j], theta.data[to + j], l2);
        const total = f(state.data[to + j] + f(g * g));
        state.data[to + j] = total;
        theta.data[to + j] -= f(f(rate * g) / f(Math.sqrt(total)));
      }
    }
  },

  sgd(update, learningRate, momentum) {
    const { theta, state, gradient, rows, count, l2 } = update;
    const rate = f(learningRate);
    const keep = f(momentum);
    for (let t = 0; t < count; t++) {
      const from = t * gradient.stride;
      const to = (rows === null ? t : rows[t]) * theta.stride;
      for (let j = 0; j < theta.cols; j++) {
        let g = withDecay(gradient.data[from + j], theta.data[to + j], l2);
        if (state !== null) {
          g = f(f(keep * state.data[to + j]) + g);
          state.data[to + j] = g;
        }
        theta.data[to + j] -= f(rate * g);
      }
    }
  },
};

function inverseRoot(variance: number, epsilon: number): number {
  return f(1 / f(Math.sqrt(f(variance + f(epsilon)))));
}

function withDecay(g: number, theta: number, l2: number): number {
  return l2 === 0 ? g : f(g + f(f(l2) * theta));
}

const ACTIVATIONS: Record<ActivationName, (y: Float32Array, x: Float32Array, start: number, end: number) => void> = {
  relu(y, x, start, end) {
    for (let i = start; i < end; i++) y[i] = x[i] <= 0 ? 0 : x[i];
  },
  tanh(y, x, start, end) {
    for (let i = start; i < end; i++) y[i] = tanh(x[i]);
  },
  sigmoid(y, x, start, end) {
    for (let i = start; i < end; i++) y[i] = sigmoid(x[i]);
  },
};

type ActivationGradient = (dX: Float32Array, y: Float32Array, dY: Float32Array, start: number, end: number) => void;

const ACTIVATION_GRADIENTS: Record<ActivationName, ActivationGradient> = {
  relu(dX, y, dY, start, end) {
    for (let i = start; i < end; i++) dX[i] = y[i] > 0 ? dY[i] : 0;
  },
  tanh(dX, y, dY, start, end) {
    for (let i = start; i < end; i++) dX[i] = dY[i] * f(1 - f(y[i] * y[i]));
  },
  sigmoid(dX, y, dY, start, end) {
    for (let i = start; i < end; i++) dX[i] = dY[i] * f(y[i] * f(1 - y[i]));
  },
};

// Workspace of `product`, grown to the largest operands seen.
let wide = new Float64Array(0); // b in float64: saves a conversion per multiplication
let factors = new Float64Array(0); // the elements of one row of a that take part
let rowStarts = new Uint32Array(0); // where their rows of b start in `wide`

/**
 * c[i, j] = sum over p < depth of a(i, p) * b[p, j], plus bias[0, j]; a(i, p) = a.data[i * aRow + p * aCol].
 * Zeros of a (half of it, after dropout or relu) are left out: from a sum that starts at +0, adding a zero changes no
 * bit - as long as b is finite, which is why that is checked first.
 */
function product(c: Tensor, a: Tensor, aRow: number, aCol: number, depth: number, b: Tensor, bias: Tensor | null, start: number, end: number): void {
  const n = b.cols;
  if (wide.length < depth * n) wide = new Float64Array(depth * n);
  if (factors.length < depth) [factors, rowStarts] = [new Float64Array(depth), new Uint32Array(depth)];
  let check = 0;
  for (let p = 0; p < depth; p++) {
    for (let j = 0; j < n; j++) {
      const value = b.data[p * b.stride + j];
      wide[p * n + j] = value;
      check += value * 0; // NaN once a value is not finite
    }
  }
  const skipZeros = check === 0;
  const whole = n - (n % 4);
  for (let i = start; i < end; i++) {
    let used = 0;
    for (let p = 0; p < depth; p++) {
      const value = a.data[i * aRow + p * aCol];
      factors[used] = value;
      rowStarts[used] = p * n;
      if (value !== 0 || !skipZeros) used++;
    }
    const out = i * c.stride;
    for (let j = 0; j < whole; j += 4) {
      let s0 = 0, s1 = 0, s2 = 0, s3 = 0;
      for (let q = 0; q < used; q++) {
        const x = factors[q];
        const at = rowStarts[q] + j;
        s0 = f(s0 + f(x * wide[at]));
        s1 = f(s1 + f(x * wide[at + 1]));
        s2 = f(s2 + f(x * wide[at + 2]));
        s3 = f(s3 + f(x * wide[at + 3]));
      }
      c.data[out + j] = s0; c.data[out + j + 1] = s1; c.data[out + j + 2] = s2; c.data[out + j + 3] = s3;
    }
    for (let j = whole; j < n; j++) {
      let s = 0;
      for (let q = 0; q < used; q++) s = f(s + f(factors[q] * wide[rowStarts[q] + j]));
      c.data[out + j] = s;
    }
    if (bias !== null) for (let j = 0; j < n; j++) c.data[out + j] += bias.data[j];
  }
}
