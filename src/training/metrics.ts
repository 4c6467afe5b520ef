// What a model's scores are worth on labelled rows. Sums are float64. Predictions are scores after the loss's link
// (probabilities for the log loss), targets are labels as the loss maps them.

import { wrongValue } from "../core/errors.ts";
import { log as ln, softplus } from "../core/math.ts";
import { hinge, log, type Loss } from "../losses.ts";

/**
 * "rmse", "mae": of predictions. "rmse-clamped": rmse with predictions clamped to the range of the training labels, as in
 * the paper. "logloss": mean negative log likelihood. "auc": probability that a positive scores above a negative, ties
 * counting half. "accuracy": share of labels on the right side of the decision boundary.
 */
export type Metric = "rmse" | "rmse-clamped" | "mae" | "logloss" | "auc" | "accuracy";

export const METRICS: readonly Metric[] = ["rmse", "rmse-clamped", "mae", "logloss", "auc", "accuracy"];

/** Whether a larger value is better. */
export function isHigherBetter(metric: Metric | "loss"): boolean {
  return metric === "auc" || metric === "accuracy";
}

/** What is measured when nobody says. */
export function defaultMetrics(loss: Loss): readonly Metric[] {
  if (loss.kind === "pairwise") return ["auc"];
  if (loss === log) return ["logloss", "auc", "accuracy"];
  if (loss === hinge) return ["auc", "accuracy"];
  return ["rmse", "mae"];
}

/** Scored rows with their targets. */
export interface Scored {
  /** Raw scores, one per row. */
  readonly scores: Float32Array;
  /** Targets, one per row; for pairs 1 for each positive, then 0 for each negative. */
  readonly targets: Float32Array;
  readonly loss: Loss;
  /** Smallest and largest training target. */
  readonly labelRange: readonly [number, number] | null;
}

/**
 * Why these targets or this loss cannot give a metric; null if they can. `place` is what errors start with, such as
 * "fit: " or "fit: validation.".
 */
function obstacle(metric: Metric, { targets, loss, labelRange }: Omit<Scored, "scores">, place: string): Error | null {
  const [caller, prefix] = place.split(": ");
  if (metric === "rmse-clamped" && labelRange === null) {
    return new Error(`${caller}: "rmse-clamped" needs the range of the training labels, which this model does not know; use "rmse", or train it here`);
  }
  if (metric === "logloss" && (loss.kind === "pairwise" || loss.link === undefined)) {
    return new Error(`${caller}: "logloss" needs probabilities, and the ${loss.name} loss has none; train with loss: "log"`);
  }
  if (metric !== "auc" && metric !== "accuracy" && metric !== "logloss") return null;
  let positives = 0;
  let lower: number | null = null; // -1 or 0
  for (let i = 0; i < targets.length; i++) {
    if (targets[i] === 1) positives++;
    else if ((targets[i] === 0 || targets[i] === -1) && (lower ?? targets[i]) === targets[i]) lower = targets[i];
    else return wrongValue(`${place}y[${i}]`, `a binary label (0 or 1, or -1 or 1) for "${metric}"`, targets[i]);
  }
  if (metric === "auc" && (positives === 0 || positives === targets.length)) {
    return new RangeError(`${caller}: "auc" needs both classes in ${prefix}y, got ${positives} positives among ${targets.length} rows`);
  }
  return null;
}

/**
 * The metrics asked for, or those of the loss that these targets can give.
 *
 * @throws Error or RangeError that says what a metric that was asked for needs.
 */
export function chooseMetrics(asked: readonly Metric[] | undefined, scored: Omit<Scored, "scores">, place: string): readonly Metric[] {
  if (asked === undefined) return defaultMetrics(scored.loss).filter((metric) => obstacle(metric, scored, place) === null);
  for (const metric of asked) {
    const error = obstacle(metric, scored, place);
    if (error) throw error;
  }
  return asked;
}

/** The value of one metric that `chooseMetrics` has let pass; NaN without rows. */
export function measure(metric: Metric, scored: Scored): number {
  const { scores, targets, loss, labelRange } = scored;
  if (scores.some(Number.isNaN)) return NaN;
  const link = loss.kind === "pointwise" && loss.link ? loss.link.bind(loss) : (score: number) => score;
  switch (metric) {
    case "rmse":
      return Math.sqrt(mean(scored, (score, target) => (link(score) - target) ** 2));
    case "rmse-clamped": {
      const [low, high] = labelRange!;
      return Math.sqrt(mean(scored, (score, target) => (Math.min(high, Math.max(low, link(score))) - target) ** 2));
    }
    case "mae":
      return mean(scored, (score, target) => Math.abs(link(score) - target));
    case "logloss":
      return loss === log
        ? mean(scored, (score, target) => softplus(target === 1 ? -score : score))
        : mean(scored, (score, target) => -ln(Math.max(1e-15, target === 1 ? link(score) : 1 - link(score))));
    case "auc":
      return auc(scores, targets);
    case "accuracy": {
      // With a link (log loss) the score decides at 0; without one, half way between the training labels.
      const [low] = labelRange ?? [targets.includes(-1) ? -1 : 0];
      const boundary = loss.kind === "pointwise" && !loss.link && low === 0 ? 0.5 : 0;
      return mean(scored, (score, target) => (score > boundary === target > 0 ? 1 : 0));
    }
  }
}

function mean({ scores, targets }: Scored, term: (score: number, target: number) => number): number {
  let sum = 0;
  for (let i = 0; i < scores.length; i++) sum += term(scores[i], targets[i]);
  return sum / scores.length;
}

/** Counts, for each positive, the negatives below it and half of those level with it, by merging two sorted lists. */
function auc(scores: Float32Array, targets: Float32Array): number {
  const positives = scores.filter((_, i) => targets[i] > 0).sort();
  const negatives = scores.filter((_, i) => targets[i] <= 0).sort();
  let [below, level, wins] = [0, 0, 0];
  for (const score of positives) {
    while (below < negatives.length && negatives[below] < score) below++;
    level = Math.max(level, below);
    while (level < negatives.length && negatives[level] <= score) level++;
    wins += below + (level - below) / 2;
  }
  return wins / (positives.length * negatives.length);
}
