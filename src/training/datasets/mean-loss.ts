// The mean loss of a batch and its gradient, for the two kinds of losses.

import type { PairwiseLoss, PointwiseLoss } from "../../losses.ts";
import type { BatchRange } from "../dataset.ts";

/**
 * The mean of a pairwise loss over the pairs of a batch, whose rows are all positives and then all negatives.
 *
 * @param dScores Receives the gradient of the mean by each score.
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
    total += dScores[i] * 0; // NaN once a gradient is not finite
  }
  return total / pairs;
}

/**
 * The mean of a pointwise loss over rows, weighted by `weightOf`.
 *
 * @param weights Weight of each example, (examples); null: all ones.
 * @param dScores Receives the gradient of the mean by each score.
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
    total += dScores[i - start] * 0; // NaN once a gradient is not finite
  }
  return total / totalWeight;
}

/** Sum of the weights of the examples of a batch; their number if there are no weights. */
export function weightOf(weights: Float32Array | null, { order, start, end }: BatchRange): number {
  if (weights === null) return end - start;
  let total = 0;
  for (let i = start; i < end; i++) total += weights[order === null ? i : order[i]];
  return total;
}
