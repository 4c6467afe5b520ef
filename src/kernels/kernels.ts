// The contract of the numeric kernels, as types. js/ defines each kernel by plain loops: float32 operands,
// every operation rounded to float32, sums in the order stated here. Every other version computes the same
// bits. A range [start, end) selects rows or columns of the output, so that work is never split inside a sum.
// Ranges of columns start at multiples of 4. Kernels may compute padding too: zeros stay zeros. Letters: B
// rows of the batch, N features, K columns, T touched (= distinct) features of the batch.

import type { RandomKey } from "../core/random.ts";
import type { Tensor } from "../core/tensor.ts";

/** Sums over the features that all rows of a batch share. The sums of each row start from them. */
export interface Context {
  /** Sum of w[i] * x_i, (1, 1). */
  readonly linear: Tensor;
  /** Sum of t = x_i * v_i, (1, K). */
  readonly sums: Tensor;
  /** Sum of t * t, (1, K). */
  readonly squares: Tensor;
}

/** The rows of one mini-batch. Arrays may be longer than the part in use. */
export interface SparseBatch {
  /** Number of rows, B. */
  readonly rows: number;
  /** Row b has the entries indptr[b] to indptr[b + 1] - 1; (B + 1). */
  readonly indptr: Uint32Array;
  /** Feature of each entry, (entries). */
  readonly indices: Uint32Array;
  /** Value of each entry, (entries). `null`: all ones. */
  readonly values: Float32Array | null;
  /** Position of each entry's feature in `touched`, (entries). Only backward passes read it. */
  readonly slots: Uint32Array;
  /** The distinct features of the batch in order of first occurrence, (T). Only backward passes read it. */
  readonly touched: Uint32Array;
  /** Number of touched features, T. */
  readonly touchedCount: number;
  /** The sums from which forward passes start instead of 0. `null`: rows share no features. */
  readonly context: Context | null;
}

/** The tensors of one batch normalization, each (1, K). */
export interface NormTensors {
  /** The learned scale. */
  readonly scale: Tensor;
  /** The learned shift. */
  readonly shift: Tensor;
  /** Running average of the batch means. */
  readonly runningMean: Tensor;
  /** Running average of the biased batch variances. */
  readonly runningVariance: Tensor;
  /** Mean of the batch in training, the running mean in prediction. The statistics kernels write it. */
  readonly mean: Tensor;
  /**
   * 1 / sqrt(variance + epsilon), with the variance that belongs to `mean`. The statistics kernels write it.
   */
  readonly inverseStd: Tensor;
}

/** The activations that have a kernel. */
export type ActivationName = "relu" | "tanh" | "sigmoid";

/** One optimizer step for some rows of one parameter. */
export interface Update {
  /** The parameter, which is changed in place; (N, K) for a table, (rows, cols) for a dense tensor. */
  readonly theta: Tensor;
  /** The optimizer's state for theta, of the same shape; `null` if the optimizer keeps none. */
  readonly state: Tensor | null;
  /** The gradient, (count, cols). Row t belongs to row `rows[t]` of theta, or to row t if `rows` is null. */
  readonly gradient: Tensor;
  /** The rows of theta to change, each once, (count) or longer; `null`: rows 0 to count - 1. */
  readonly rows: Uint32Array | null;
  /** Number of rows to change. */
  readonly count: number;
  /** L2 coefficient, at least 0: l2 * theta is added to the gradient. */
  readonly l2: number;
}

/** The kernels of prediction. The tensors of one call never overlap. */
export interface ForwardKernels {
  /** The version: plain JavaScript or WebAssembly SIMD. */
  readonly name: "js" | "wasm";

  /**
   * Linear term. out[b] = context's sum + sum of w[i] * x_i over the entries of the row, in order.
   * w (N, 1) and out (B, 1), both with stride 1. Rows [start, end).
   */
  linearForward(batch: SparseBatch, w: Tensor, out: Tensor, start: number, end: number): void;

  /**
   * Bi-Interaction pooling (He & Chua 2017, equation 4). With t = x_i * v_ij for each entry, in order, and
   * with sums that start from those of the context: sums[b, j] = sum of t; squares[b, j] = sum of t * t;
   * pooled[b, j] = 0.5 * (sums^2 - squares). v (N, K); sums, pooled and squares (B, K). `squares` null: not
   * stored. Rows [start, end).
   */
  biInteractionForward(
    batch: SparseBatch,
    v: Tensor,
    sums: Tensor,
    pooled: Tensor,
    squares: Tensor | null,
    start: number,
    end: number,
  ): void;

  /**
   * Matrix product c = a b + bias. Each element sums a[i, p] * b[p, j] over ascending p, starting from 0.
   * Then it adds bias[0, j], unless bias is null. c (m, n), a (m, depth), b (depth, n), bias (1, n). Rows
   * [start, end) of c.
   */
  matmul(c: Tensor, a: Tensor, b: Tensor, bias: Tensor | null, start: number, end: number): void;

  /**
   * y = activation(x). tanh and sigmoid are computed in float64 by core/math.ts and rounded once. relu(NaN)
   * is NaN. y and x (B, K). Rows [start, end).
   */
  activationForward(name: ActivationName, y: Tensor, x: Tensor, start: number, end: number): void;

  /** Writes `mean` and `inverseStd` of batch norm from the running averages. Columns [start, end). */
  runningStatistics(norm: NormTensors, epsilon: number, start: number, end: number): void;

  /**
   * Batch norm: y = ((x - mean) * inverseStd) * scale + shift. x and y (B, K). Rows [start, end).
   */
  normalize(y: Tensor, x: Tensor, norm: NormTensors, start: number, end: number): void;

  /**
   * Score: scores[b] = (bias + linear[b]) + y[b] . h. The dot product has four partial sums. Column j is
   * added to partial sum j mod 4, in ascending order. The dot product is then (s0 + s2) + (s1 + s3). scores
   * and linear (B, 1) with stride 1, bias (1, 1), y (B, H), h (1, H). Rows [start, end).
   */
  scoreForward(
    scores: Tensor,
    bias: Tensor,
    linear: Tensor,
    y: Tensor,
    h: Tensor,
    start: number,
    end: number,
  ): void;
}

/** The further kernels of training. The gradient of a tensor x is named dX. */
export interface TrainingKernels {
  /**
   * Gradient of w: dw[slot] = sum of dScores[b] * x_i over the entries of the feature, in batch order.
   * dScores (B, 1) and dw (T, 1), both with stride 1. Rows [start, end) of dw.
   */
  linearBackward(batch: SparseBatch, dScores: Tensor, dw: Tensor, start: number, end: number): void;

  /**
   * Gradient of V (He & Chua 2017, equation 11): dV[slot, j] = sum over the entries of the feature, in batch
   * order, of ((sums[b, j] - x_i * v_ij) * dPooled[b, j]) * x_i. v (N, K), sums and dPooled (B, K), dV (T,
   * K). Rows [start, end) of dV.
   */
  biInteractionBackward(
    batch: SparseBatch,
    v: Tensor,
    sums: Tensor,
    dPooled: Tensor,
    dV: Tensor,
    start: number,
    end: number,
  ): void;

  /**
   * Gradient of V for rows that are parts of several joined rows: dV[slot, j] = sum over the entries of the
   * feature, in batch order, of (a[b, j] - (x_i * v_ij) * d[b, j]) * x_i. Here a is the gradient by the sum
   * of the part's t = x_i * v_i, and -d / 2 that by the sum of its t * t. v (N, K), a and d (B, K), dV (T,
   * K). Rows [start, end) of dV.
   */
  partsBackward(
    batch: SparseBatch,
    v: Tensor,
    a: Tensor,
    d: Tensor,
    dV: Tensor,
    start: number,
    end: number,
  ): void;

  /**
   * Matrix product c = a^T b. The sums are over the first `depth` rows of a and b, in ascending order.
   * c (m, n), a (depth, m), b (depth, n). Rows [start, end) of c.
   */
  matmulTransposed(c: Tensor, a: Tensor, b: Tensor, depth: number, start: number, end: number): void;

  /** out = x^T; x (rows, cols), out (cols, rows). */
  transpose(out: Tensor, x: Tensor): void;

  /**
   * out[0, j] = sum of x[b, j] over the first `rows` rows, in ascending order.
   * x (B, K), out (1, K). Columns [start, end).
   */
  columnSums(out: Tensor, x: Tensor, rows: number, start: number, end: number): void;

  /**
   * Gradient of an activation from its output y. relu: dX = y > 0 ? dY : 0. tanh: dX = dY * (1 - y * y).
   * sigmoid: dX = dY * (y * (1 - y)). dX, y and dY (B, K). Rows [start, end).
   */
  activationBackward(
    name: ActivationName,
    dX: Tensor,
    y: Tensor,
    dY: Tensor,
    start: number,
    end: number,
  ): void;

  /**
   * Statistics of batch norm (Ioffe & Szegedy 2015). Writes `mean` and `inverseStd` of the first `rows` rows
   * of x, summed in ascending order. The variance is biased: the mean of (x - mean)^2. Updates the running
   * averages: running = running + momentum * (batch - running). x (B, K). Columns [start, end).
   */
  batchStatistics(
    x: Tensor,
    norm: NormTensors,
    rows: number,
    epsilon: number,
    momentum: number,
    start: number,
    end: number,
  ): void;

  /**
   * Gradient of batch norm (Ioffe & Szegedy 2015, section 3). With n = (x - mean) * inverseStd: dShift = sum
   * of dY, dScale = sum of dY * n, dX = (scale * inverseStd) * ((dY - dShift / B) - n * (dScale / B)). dX, x
   * and dY (B, K), dScale and dShift (1, K). Columns [start, end).
   */
  batchNormBackward(
    dX: Tensor,
    dScale: Tensor,
    dShift: Tensor,
    x: Tensor,
    dY: Tensor,
    norm: NormTensors,
    rows: number,
    start: number,
    end: number,
  ): void;

  /**
   * Dropout (Srivastava et al. 2014). mask = r < round(rate * (2^31 - 1)) ? 0 : 1 / (1 - rate), where r are
   * the upper 31 of the random bits number i * cols + j. y = x * mask. `rate` is at least 0 and below 1. y,
   * mask and x (B, K). Rows [start, end).
   */
  dropoutForward(
    y: Tensor,
    mask: Tensor,
    x: Tensor,
    key: RandomKey,
    rate: number,
    start: number,
    end: number,
  ): void;

  /** out = a * b, element by element; all (B, K). Rows [start, end). */
  multiply(out: Tensor, a: Tensor, b: Tensor, start: number, end: number): void;

  /**
   * Gradient of the last layer's output: dY[b, j] = dScores[b] * h[j].
   * dScores (B, 1) with stride 1, dY (B, H), h (1, H). Rows [start, end).
   */
  scoreBackward(dY: Tensor, dScores: Tensor, h: Tensor, start: number, end: number): void;

  /**
   * Step of Adagrad (Duchi et al. 2011): g += l2 * theta; G += g * g; theta -= (learningRate * g) / sqrt(G),
   * where G is the state. Rows [start, end) of the gradient; without them all rows.
   */
  adagrad(update: Update, learningRate: number, start?: number, end?: number): void;

  /**
   * Step of stochastic gradient descent: g += l2 * theta. With a state v: v = momentum * v + g and
   * theta -= learningRate * v. Without a state: theta -= learningRate * g. Rows [start, end) of the gradient;
   * without them all rows.
   */
  sgd(update: Update, learningRate: number, momentum: number, start?: number, end?: number): void;
}

/** The kernel of lists, which only passes over lists need. */
export interface ListKernels {
  /**
   * Softmax of each row, times `scale`: y[i, j] = e(x[i, j] - m) * (scale / s). Here m is the largest number
   * of the row, and s is the sum of e(x[i, j] - m) in four partial sums, as in `scoreForward`. e is the
   * exponential function in float32, with a relative error of at most 3e-7, and 0 from -87 down
   * (js/softmax.ts). Writes m to most[i] and s to sums[i]. If the row holds NaN or Infinity, y and log(s) + m
   * are NaN. The padding of x must be -Infinity, and that of y becomes 0. y and x
   * (B, K), most and sums (B, 1) with stride 1. Rows [start, end).
   */
  softmaxRows(
    y: Tensor,
    x: Tensor,
    most: Tensor,
    sums: Tensor,
    scale: number,
    start: number,
    end: number,
  ): void;
}

/** The kernel of initial values. */
export interface RandomKernels {
  /**
   * Normal random numbers in a row: x[i, j] = std * (number j of the key), in float64 and rounded once
   * (`randomNormal` of core/random.ts). The padding becomes 0. x (N, K) with a padded stride.
   */
  normalRow(x: Tensor, i: number, key: RandomKey, std: number): void;
}

/** The kernel of prediction that has another version for tanh and sigmoid. */
export type SmoothKernels = Pick<ForwardKernels, "activationForward">;

/** The kernel that checks numbers. */
export interface CheckKernels {
  /**
   * Sums 0 * x over the floats `start` to `end - 1` of a tensor, padding included. out (1, 4) becomes zeros
   * if all of them are finite. Otherwise one of its numbers at least is NaN.
   */
  zeroTimes(out: Tensor, x: Tensor, start: number, end: number): void;
}

/** All kernels of prediction and training. */
export interface Kernels extends ForwardKernels, TrainingKernels {}
