// The contract of the numeric kernels. Each is defined by its plain-loop version in js.ts: float32 operands, every
// operation rounded to float32, sums in the order stated here. Any other implementation computes the same bits.
//
// Letters: B rows of the batch, N features, K columns, T touched features (the distinct features of a batch).
// Ranges [start, end) select rows or columns of what a kernel writes: work is split over outputs, never over sums.
// Ranges of columns start at multiples of 4. A kernel may compute the padding of rows as well: zeros give zeros.

import type { RandomKey } from "../core/random.ts";
import type { Tensor } from "../core/tensor.ts";

/** Sums over features that all rows of a batch share and that stand before their own; as the kernels would have them. */
export interface Context {
  /** sum of w[i] * x_i, (1, 1). */
  readonly linear: Tensor;
  /** sum of t = x_i * v_i and sum of t * t, (1, K). */
  readonly sums: Tensor;
  readonly squares: Tensor;
}

/** The rows of one mini-batch, gathered from a CSRMatrix. Arrays may be longer than what is in use. */
export interface SparseBatch {
  /** B. */
  readonly rows: number;
  /** Row b holds the entries indptr[b] up to indptr[b + 1]; (B + 1). */
  readonly indptr: Uint32Array;
  /** Feature of each entry; (entries). */
  readonly indices: Uint32Array;
  /** Value of each entry; (entries). `null`: all ones. */
  readonly values: Float32Array | null;
  /** Position of each entry's feature in `touched`; (entries). Only for backward passes. */
  readonly slots: Uint32Array;
  /** The distinct features of the batch in order of first occurrence; (T). Only for backward passes. */
  readonly touched: Uint32Array;
  /** T. */
  readonly touchedCount: number;
  /** Where the sums of forward passes start instead of at 0; `null`: every row is whole. */
  readonly context: Context | null;
}

/** The tensors of one batch normalisation, each (1, K). */
export interface NormTensors {
  readonly scale: Tensor;
  readonly shift: Tensor;
  readonly runningMean: Tensor;
  readonly runningVariance: Tensor;
  /** Mean of the batch in training, the running mean otherwise; written by the forward pass. */
  readonly mean: Tensor;
  /** 1 / sqrt(variance + epsilon), of the batch in training, of the running variance otherwise; written by the forward pass. */
  readonly inverseStd: Tensor;
}

/** The activations that have a kernel. */
export type ActivationName = "relu" | "tanh" | "sigmoid";

/** One optimizer step for the rows of one parameter. */
export interface Update {
  /** The parameter, changed in place; (N, K) for a table, (rows, cols) for a dense tensor. */
  readonly theta: Tensor;
  /** The optimizer's state for it, of the same shape; `null` if it keeps none. */
  readonly state: Tensor | null;
  /** Row t is the gradient of row `rows[t]` of theta, or of row t when `rows` is null. */
  readonly gradient: Tensor;
  /** The rows of theta that the batch touches, each once; `null`: rows 0 .. count - 1. */
  readonly rows: Uint32Array | null;
  /** How many rows to update. */
  readonly count: number;
  /** L2 coefficient: l2 * theta is added to the gradient; 0 adds nothing. */
  readonly l2: number;
}

/** Every kernel the model is made of. Tensors never overlap unless a comment says so. */
export interface Kernels {
  readonly name: "js" | "wasm";

  /** out[b] = sum over the row's entries, in order, of w[i] * x_i, from the context's sum on. out (B, 1), w (N, 1). Rows [start, end). */
  linearForward(batch: SparseBatch, w: Tensor, out: Tensor, start: number, end: number): void;
  /** dw[slot] = sum over the entries of the feature, in batch order, of dScores[b] * x_i. dw (T, 1), dScores (B, 1). */
  linearBackward(batch: SparseBatch, dScores: Tensor, dw: Tensor): void;

  /**
   * Bi-Interaction pooling. With t = x_i * v_ij per entry, in order: sums[b, j] = sum t; squares = sum t * t, both from the
   * context's sums on; pooled[b, j] = 0.5 * (sums^2 - squares). V (N, K), sums and pooled (B, K). Rows [start, end).
   */
  biInteractionForward(batch: SparseBatch, v: Tensor, sums: Tensor, pooled: Tensor, start: number, end: number): void;
  /**
   * dV[slot, j] = sum over the entries of the feature, in batch order, of ((sums[b, j] - x_i * v_ij) * dPooled[b, j]) * x_i.
   * dV (T, K). Columns [start, end).
   */
  biInteractionBackward(batch: SparseBatch, v: Tensor, sums: Tensor, dPooled: Tensor, dV: Tensor, start: number, end: number): void;

  /** c = a b + bias: each element sums a[i, p] * b[p, j] over ascending p from 0, then adds bias[0, j] if there is one. Rows [start, end) of c. */
  matmul(c: Tensor, a: Tensor, b: Tensor, bias: Tensor | null, start: number, end: number): void;
  /** c = a^T b over the first `depth` rows of a and b, in ascending order. Rows [start, end) of c. */
  matmulTransposed(c: Tensor, a: Tensor, b: Tensor, depth: number, start: number, end: number): void;
  /** out = x^T. */
  transpose(out: Tensor, x: Tensor): void;
  /** out[0, j] = sum of x[b, j] over the first `rows` rows, ascending. Columns [start, end). */
  columnSums(out: Tensor, x: Tensor, rows: number, start: number, end: number): void;

  /** y = activation(x); tanh and sigmoid by core/math.ts in float64, rounded once. relu passes NaN on. Rows [start, end). */
  activationForward(name: ActivationName, y: Tensor, x: Tensor, start: number, end: number): void;
  /** From y: relu dX = y > 0 ? dY : 0, tanh dX = dY * (1 - y * y), sigmoid dX = dY * (y * (1 - y)). Rows [start, end). */
  activationBackward(name: ActivationName, dX: Tensor, y: Tensor, dY: Tensor, start: number, end: number): void;

  /**
   * y = ((x - mean) * inverseStd) * scale + shift. In training, mean and biased variance (mean of (x - mean)^2) of the
   * batch, rows ascending, and running = running + momentum * (batch - running). Columns [start, end).
   */
  batchNormForward(y: Tensor, x: Tensor, norm: NormTensors, rows: number, epsilon: number, momentum: number, training: boolean, start: number, end: number): void;
  /**
   * With n = (x - mean) * inverseStd: dShift = sum dY, dScale = sum dY * n,
   * dX = (scale * inverseStd) * ((dY - dShift / B) - n * (dScale / B)). Columns [start, end).
   */
  batchNormBackward(dX: Tensor, dScale: Tensor, dShift: Tensor, x: Tensor, dY: Tensor, norm: NormTensors, rows: number, start: number, end: number): void;

  /** mask = (upper 31 random bits of element i * cols + j) < round(rate * (2^31 - 1)) ? 0 : 1 / (1 - rate); y = x * mask. Rows [start, end). */
  dropoutForward(y: Tensor, mask: Tensor, x: Tensor, key: RandomKey, rate: number, start: number, end: number): void;
  /** out = a * b, element by element. Rows [start, end). */
  multiply(out: Tensor, a: Tensor, b: Tensor, start: number, end: number): void;

  /**
   * scores[b] = (bias + linear[b]) + y[b] . h. The dot product has four partial sums, column j going to sum j mod 4 in
   * ascending order; together (s0 + s2) + (s1 + s3). scores and linear (B, 1), h (1, K). Rows [start, end).
   */
  scoreForward(scores: Tensor, bias: Tensor, linear: Tensor, y: Tensor, h: Tensor, start: number, end: number): void;
  /** dY[b, j] = dScores[b] * h[j]. Rows [start, end). */
  scoreBackward(dY: Tensor, dScores: Tensor, h: Tensor, start: number, end: number): void;

  /** g += l2 * theta; G += g * g; theta -= (learningRate * g) / sqrt(G), with G the state. */
  adagrad(update: Update, learningRate: number): void;
  /** g += l2 * theta; with a state v: v = momentum * v + g and theta -= learningRate * v, else theta -= learningRate * g. */
  sgd(update: Update, learningRate: number, momentum: number): void;
}

/** Makes the memory of a network, and kernels that work on it. */
export interface Backend {
  readonly name: "js" | "wasm";
  /** At least `bytes` bytes of zeros from `offset` on, and the kernels for tensors that lie there. */
  create(bytes: number): { readonly kernels: Kernels; readonly memory: ArrayBuffer; readonly offset: number };
}
