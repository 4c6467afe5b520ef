// Test losses: the log loss for labels of 0 and 1, the root of the mean squared error for all others.

/**
 * Measures predictions.
 *
 * @param predictions Probabilities for the log loss, which are kept 1e-7 away from 0 and 1; (rows).
 */
export function lossOf(
  loss: "log" | "squared",
  predictions: ArrayLike<number>,
  labels: ArrayLike<number>,
): number {
  let sum = 0;
  for (let i = 0; i < labels.length; i++) {
    if (loss === "squared") {
      sum += (predictions[i] - labels[i]) ** 2;
      continue;
    }
    const probability = Math.min(1 - 1e-7, Math.max(1e-7, predictions[i]));
    sum -= Math.log(labels[i] === 1 ? probability : 1 - probability);
  }
  return loss === "squared" ? Math.sqrt(sum / labels.length) : sum / labels.length;
}
