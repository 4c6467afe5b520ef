// Computes the mean loss of a batch and its gradient by each score, for pairwise and for pointwise losses
// (He & Chua 2017, section 3.2).

import type { PairwiseLoss, PointwiseLoss } from "../../losses.ts";
import type { BatchRange } from "../dataset.ts";

/**
 * Computes the mean of a pairwise loss over the pairs of a batch. The rows of the batch are first all
 * positives, then all negatives.
 *
 * @param loss The loss.
 * @param scores Raw scores, (2 * pairs) or longer.
 * @param dScores Receives the gradient of the mean by each score, (2 * pairs) or longer.
 * @param pairs Number of pairs.
 * @returns The mean loss in float64. It is NaN or infinite if the loss or a gradient is not finite.
 */
export function pairwiseLoss(
  loss: PairwiseLoss,
  scores: Float32Array,
  dScores: Float32Array,
  pairs: number,
): number {
  let total = 0;
  for (let i = 0; i < pairs; i++) {
    const difference = scores[i] - scores[pairs + i];
    total += loss.value(difference);
    dScores[i] = loss.gradient(difference) / pairs;
    dScores[pairs + i] = -dScores[i];
    total += dScores[i] * 0; // NaN as soon as one gradient is not finite
  }
  return total / pairs;
}

/**
 * Computes the weighted mean of a pointwise loss over the rows of a batch.
 *
 * @param loss The loss.
 * @param targets Target of each example, (examples).
 * @param weights Weight of each example, (examples); null: all ones.
 * @param scores Raw scores, (B) or longer.
 * @param dScores Receives the gradient of the mean by each score, (B) or longer.
 * @param range The examples of the batch. Their weights must not all be 0.
 * @returns The mean loss in float64. It is NaN or infinite if the loss or a gradient is not finite.
 */
export function pointwiseLoss(
  loss: PointwiseLoss,
  targets: Float32Array,
  weights: Float32Array | null,
  scores: Float32Array,
  dScores: Float32Array,
  range: BatchRange,
): number {
  const { order, start, end } = range;
  const totalWeight = weightOf(weights, range);
  let total = 0;
  for (let i = start; i < end; i++) {
    const example = order === null ? i : order[i];
    const weight = weights === null ? 1 : weights[example];
    const score = scores[i - start];
    const target = targets[example];
    total += weight === 0 ? 0 : weight * loss.value(score, target);
    dScores[i - start] = weight === 0 ? 0 : (weight * loss.gradient(score, target)) / totalWeight;
    total += dScores[i - start] * 0; // NaN as soon as one gradient is not finite
  }
  return total / totalWeight;
}

/**
 * Sums the weights of the examples of a batch.
 *
 * @param weights Weight of each example, (examples); null: all ones.
 * @param range The examples of the batch.
 * @returns The sum of the weights.
 */
export function weightOf(weights: Float32Array | null, { order, start, end }: BatchRange): number {
  if (weights === null) return end - start;
  let total = 0;
  for (let i = start; i < end; i++) total += weights[order === null ? i : order[i]];
  return total;
}
