// The contract of the numeric kernels, types only. Each kernel is defined by its plain-loop version in js/:
// float32 operands, every operation rounded to float32, sums in the order stated here. Any other version
// computes the same bits.
//
// Letters: B rows of the batch, N features, K columns, T touched features (the distinct features of a batch).
// Ranges [start, end) select rows or columns of what a kernel writes: work is split over outputs, never over
// sums. Ranges of columns start at multiples of 4. A kernel may compute the padding of rows as well: zeros
// give zeros.

import type { RandomKey } from "../core/random.ts";
import type { Tensor } from "../core/tensor.ts";

/** Sums over the features that all rows of a batch share. Every row's own sums start from them. */
export interface Context {
  /** Sum of w[i] * x_i, (1, 1). */
  readonly linear: Tensor;
  /** Sum of t = x_i * v_i, (1, K). */
  readonly sums: Tensor;
  /** Sum of t * t, (1, K). */
  readonly squares: Tensor;
}

/** The rows of one mini-batch. Arrays may be longer than what is in use. */
export interface SparseBatch {
  /** B. */
  readonly rows: number;
  /** Row b holds the entries indptr[b] up to indptr[b + 1]; (B + 1). */
  readonly indptr: Uint32Array;
  /** Feature of each entry, (entries). */
  readonly indices: Uint32Array;
  /** Value of each entry, (entries). `null`: all ones. */
  readonly values: Float32Array | null;
  /** Position of each entry's feature in `touched`, (entries). Only backward passes read it. */
  readonly slots: Uint32Array;
  /** The distinct features of the batch in order of first occurrence, (T). Only backward passes read it. */
  readonly touched: Uint32Array;
  /** T. */
  readonly touchedCount: number;
  /** Where the sums of forward passes start instead of at 0. `null`: every row is whole. */
  readonly context: Context | null;
}

/** The tensors of one batch normalization, each (1, K). */
export interface NormTensors {
  readonly scale: Tensor;
  readonly shift: Tensor;
  readonly runningMean: Tensor;
  readonly runningVariance: Tensor;
  /** Mean of the batch in training, the running mean in prediction; written by the statistics kernels. */
  readonly mean: Tensor;
  /** 1 / sqrt(variance + epsilon), of the same rows as `mean`; written by the statistics kernels. */
  readonly inverseStd: Tensor;
}

/** The activations that have a kernel. */
export type ActivationName = "relu" | "tanh" | "sigmoid";

/** One optimizer step for some rows of one parameter. */
export interface Update {
  /** The parameter, changed in place; (N, K) for a table, (rows, cols) for a dense tensor. */
  readonly theta: Tensor;
  /** The optimizer's state for it, of the same shape; `null` if it keeps none. */
  readonly state: Tensor | null;
  /** Row t is the gradient of row `rows[t]` of theta, or of row t when `rows` is null. */
  readonly gradient: Tensor;
  /** The rows of theta to move, each once; `null`: rows 0 to count - 1. */
  readonly rows: Uint32Array | null;
  /** How many rows to move. */
  readonly count: number;
  /** L2 coefficient: l2 * theta is added to the gradient; 0 adds nothing. */
  readonly l2: number;
}

/** What prediction needs. Tensors never overlap unless a comment says so. */
export interface ForwardKernels {
  readonly name: "js" | "wasm";

  /**
   * Linear term. out[b] = sum over the row's entries, in order, of w[i] * x_i, from the context's sum on.
   * w (N, 1) and out (B, 1), both with stride 1. Rows [start, end).
   */
  linearForward(batch: SparseBatch, w: Tensor, out: Tensor, start: number, end: number): void;

  /**
   * Bi-Interaction pooling. With t = x_i * v_ij per entry, in order, and from the context's sums on:
   * sums[b, j] = sum of t; squares[b, j] = sum of t * t; pooled[b, j] = 0.5 * (sums^2 - squares).
   * v (N, K); sums, pooled and squares (B, K). `squares` null: not stored. Rows [start, end).
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
   * c = a b + bias. Each element sums a[i, p] * b[p, j] over ascending p from 0, then adds bias[0, j] if
   * there is one.
   * c (m, n), a (m, depth), b (depth, n), bias (1, n). Rows [start, end) of c.
   */
  matmul(c: Tensor, a: Tensor, b: Tensor, bias: Tensor | null, start: number, end: number): void;

  /**
   * y = activation(x); tanh and sigmoid by core/math.ts in float64, rounded once. relu passes NaN on.
   * Rows [start, end).
   */
  activationForward(name: ActivationName, y: Tensor, x: Tensor, start: number, end: number): void;

  /** Writes `mean` and `inverseStd` from the running averages. Columns [start, end). */
  runningStatistics(norm: NormTensors, epsilon: number, start: number, end: number): void;

  /**
   * y = ((x - mean) * inverseStd) * scale + shift, over the first `rows` rows.
   * x and y (B, K). Columns [start, end).
   */
  normalize(y: Tensor, x: Tensor, norm: NormTensors, rows: number, start: number, end: number): void;

  /**
   * scores[b] = (bias + linear[b]) + y[b] . h. The dot product has four partial sums: column j goes to sum
   * j mod 4, in ascending order. Together they are (s0 + s2) + (s1 + s3).
   * scores and linear (B, 1) with stride 1, bias (1, 1), y (B, H), h (1, H). Rows [start, end).
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

/** What training needs besides. Gradients are named d and what they belong to. */
export interface TrainingKernels {
  /**
   * dw[slot] = sum over the entries of the feature, in batch order, of dScores[b] * x_i.
   * dScores (B, 1) and dw (T, 1), both with stride 1.
   */
  linearBackward(batch: SparseBatch, dScores: Tensor, dw: Tensor): void;

  /**
   * dV[slot, j] = sum over the entries of the feature, in batch order, of
   * ((sums[b, j] - x_i * v_ij) * dPooled[b, j]) * x_i.
   * v (N, K), sums and dPooled (B, K), dV (T, K). Columns [start, end).
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
   * c = a^T b over the first `depth` rows of a and b, in ascending order.
   * c (m, n), a (depth, m), b (depth, n). Rows [start, end) of c.
   */
  matmulTransposed(c: Tensor, a: Tensor, b: Tensor, depth: number, start: number, end: number): void;

  /** out = x^T. */
  transpose(out: Tensor, x: Tensor): void;

  /**
   * out[0, j] = sum of x[b, j] over the first `rows` rows, ascending.
   * x (B, K), out (1, K). Columns [start, end).
   */
  columnSums(out: Tensor, x: Tensor, rows: number, start: number, end: number): void;

  /**
   * The gradient from y = activation(x): relu dX = y > 0 ? dY : 0, tanh dX = dY * (1 - y * y),
   * sigmoid dX = dY * (y * (1 - y)). Rows [start, end).
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
   * Writes `mean` and `inverseStd` from the first `rows` rows of x, rows ascending, with the biased variance,
   * the mean of (x - mean)^2. Moves the running averages: running = running + momentum * (batch - running).
   * x (B, K). Columns [start, end).
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
   * With n = (x - mean) * inverseStd: dShift = sum of dY, dScale = sum of dY * n,
   * dX = (scale * inverseStd) * ((dY - dShift / B) - n * (dScale / B)). Columns [start, end).
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
   * mask = (upper 31 random bits of element i * cols + j) < round(rate * (2^31 - 1)) ? 0 : 1 / (1 - rate);
   * y = x * mask. `rate` from 0 to below 1. Rows [start, end).
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

  /** out = a * b, element by element. Rows [start, end). */
  multiply(out: Tensor, a: Tensor, b: Tensor, start: number, end: number): void;

  /** dY[b, j] = dScores[b] * h[j]. dScores (B, 1) with stride 1, dY (B, H), h (1, H). Rows [start, end). */
  scoreBackward(dY: Tensor, dScores: Tensor, h: Tensor, start: number, end: number): void;

  /** g += l2 * theta; G += g * g; theta -= (learningRate * g) / sqrt(G), with G the state. */
  adagrad(update: Update, learningRate: number): void;

  /**
   * g += l2 * theta. With a state v: v = momentum * v + g and theta -= learningRate * v; without one:
   * theta -= learningRate * g.
   */
  sgd(update: Update, learningRate: number, momentum: number): void;
}

/** Every kernel. */
export interface Kernels extends ForwardKernels, TrainingKernels {}
