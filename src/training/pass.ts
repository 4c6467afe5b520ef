// The interface of a pass: how a batch becomes scores in training, and how the gradients of the parameters
// are computed backward. A dataset names the function that makes its pass; passes/ holds these functions.

import type { Tensor } from "../core/tensor.ts";
import type { Network } from "../model/network.ts";
import type { Parameter } from "../model/parameters.ts";

/** The size of a batch. */
export interface BatchSize {
  /** Number of rows. */
  readonly rows: number;
  /** Number of entries of all rows together, or a larger number. */
  readonly entries: number;
  /**
   * How many of the rows, at the start of the batch, are the contexts of lists. The rows behind them are
   * candidates, and every context is scored with every candidate. Absent: each row is scored by itself.
   */
  readonly contexts?: number;
}

/** What a pass gets from the trainer. */
export interface PassParts {
  /** The network in training, with the batch. */
  readonly network: Network;
  /** Gradient of the loss by the scores of the network, (rows, 1). */
  readonly dScores: Tensor;
  /** Gradient of the loss by the pooled vectors of the network, (rows, K). */
  readonly dPooled: Tensor;
  /** Returns the gradient of a parameter: (T, cols) for a table. The pass writes it. */
  gradientOf(parameter: Parameter): Tensor;
  /** Computes `dPooled` and the gradients of w0, h and the layers from `dScores`, of so many rows. */
  backwardLayers(rows: number): void;
}

/** What a softmax has found in each list, (contexts) or longer. */
export interface SoftmaxSums {
  /** The largest score. */
  readonly most: Float32Array;
  /** The sum of e^(score - most). */
  readonly sums: Float32Array;
}

/** A way to score a batch in training. */
export interface Pass {
  /**
   * The scores of the batch after `forward`: (rows, 1), or (contexts, candidates) with lists. The dataset
   * reads them, and may change them.
   */
  readonly scores: Tensor;
  /** Gradient of the loss by each score, of the same shape. The dataset writes it before `backward`. */
  readonly dScores: Tensor;
  /**
   * Writes the softmax of each list, times `scale`, to `dScores`. Absent: each row is scored by itself.
   *
   * @param scale The factor.
   * @returns What the loss is computed from.
   */
  softmax?(scale: number): SoftmaxSums;
  /** Returns the number of rows for which the network needs buffers. */
  rowsOf(size: BatchSize): number;
  /** Allocates the buffers of the pass for a batch, and keeps its size for the other methods. */
  reserve(size: BatchSize): void;
  /** Returns the number of multiplications and additions of both directions, roughly. */
  work(): number;
  /** Computes `scores`. It may run inside `Memory.together`, and so may `backward`. */
  forward(): void;
  /** Computes the gradients of all trainable parameters from `dScores`. */
  backward(): void;
}

/** Makes a pass. */
export type MakePass = (parts: PassParts) => Pass;
