// The two tables a feature indexes: its embedding v_i (a row of V) and its linear weight w_i. Only the rows that a
// batch names are ever read, and their gradients are collected per touched feature: row `slot` of dV and dw.

import { randomKey, randomNormal, Stream } from "../core/random.ts";
import type { Tensor } from "../core/tensor.ts";
import type { Kernels, SparseBatch } from "../kernels/kernels.ts";

/**
 * Draws V ~ N(0, std^2). Row i depends on the seed and i alone, so a table can grow without
 * moving a number. Yields now and then. V (N, K).
 */
export function* initialiseEmbedding(v: Tensor, seed: number, std: number): Generator<void, void> {
  for (let i = 0; i < v.rows; i++) {
    if (i % 64 === 0) yield;
    const key = randomKey(seed, Stream.embedding, i);
    for (let j = 0; j < v.cols; j++) v.data[i * v.stride + j] = std * randomNormal(key, j);
  }
}

/** The linear term sum_i w_i x_i of every row. w (N, 1), linear (B, 1). */
export function linearForward(kernels: Kernels, batch: SparseBatch, w: Tensor, linear: Tensor): void {
  kernels.linearForward(batch, w, linear, 0, batch.rows);
}

/** dw (T, 1) from dScores (B, 1). */
export function linearBackward(kernels: Kernels, batch: SparseBatch, dScores: Tensor, dw: Tensor): void {
  kernels.linearBackward(batch, dScores, dw);
}
