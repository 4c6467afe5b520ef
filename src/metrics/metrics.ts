// What a model's scores are worth on labelled rows. Sums are float64. Predictions are scores after the loss's
// link (probabilities for the log loss), targets are labels as the loss maps them.

import { wrongType, wrongValue } from "../core/errors.ts";
import { log as ln, softplus } from "../core/math.ts";
import { linkOf } from "../links.ts";
import { hinge, type Loss, log } from "../losses.ts";
import {
  isRankingMetric,
  measureRanking,
  RANKING_FORMS,
  type RankingMetric,
  rankingObstacle,
  rankRows,
} from "./ranking-metrics.ts";

/**
 * "rmse", "mae": of predictions. "rmse-clamped": rmse with predictions clamped to the range of the training
 * labels, as in the paper. "logloss": mean negative log likelihood. "auc": probability that a positive scores
 * above a negative, ties counting half. "accuracy": share of labels on the right side of the decision
 * boundary.
 */
export type RowMetric = "rmse" | "rmse-clamped" | "mae" | "logloss" | "auc" | "accuracy";

/**
 * What can be measured: of the rows one by one, or, where they come in groups, of how each group is ranked.
 */
export type Metric = RowMetric | RankingMetric;

/** The metrics that need no groups. */
export const METRICS: readonly RowMetric[] = ["rmse", "rmse-clamped", "mae", "logloss", "auc", "accuracy"];

/** Returns `value` if it names a metric, or is one of `others`; throws otherwise. */
export function checkMetric<T extends string = never>(
  place: string,
  value: unknown,
  others: readonly T[] = [],
): Metric | T {
  const names: readonly (RowMetric | T)[] = [...others, ...METRICS];
  const found = names.find((name) => name === value);
  if (found !== undefined) return found;
  if (typeof value === "string" && isRankingMetric(value)) return value;
  const expected = `one of ${names.map((name) => `"${name}"`).join(", ")}, ${RANKING_FORMS}`;
  throw typeof value === "string" ? wrongValue(place, expected, value) : wrongType(place, expected, value);
}

/** Whether a larger value is better. */
export function isHigherBetter(metric: Metric | "loss"): boolean {
  return metric === "auc" || metric === "accuracy" || isRankingMetric(metric);
}

/** What is measured when nobody says. */
export function defaultMetrics(loss: Loss, hasGroups: boolean): readonly Metric[] {
  const ranking: readonly Metric[] = hasGroups ? ["ndcg@10", "group-auc"] : [];
  if (loss.kind === "pairwise") return hasGroups ? ranking : ["auc"];
  if (loss === log) return ["logloss", "auc", "accuracy", ...ranking];
  if (loss === hinge) return ["auc", "accuracy", ...ranking];
  return ["rmse", "mae", ...ranking];
}

/** Scored rows with their targets, which do not change once they are measured. */
export interface MetricInput {
  /** Raw scores, one per row. */
  readonly scores: Float32Array;
  /** Targets, one per row; for pairs 1 for each positive, then 0 for each negative. */
  readonly targets: Float32Array;
  readonly loss: Loss;
  /** Smallest and largest training target. */
  readonly labelRange: readonly [number, number] | null;
  /**
   * Number of each row's group, 0 to G - 1, (rows); the rows of a group may stand anywhere. Without: no
   * ranking metrics.
   */
  readonly groups?: Uint32Array | null;
}

/**
 * Why these targets or this loss cannot give a metric; null if they can. `place` is what errors start with,
 * such as "fit: " or "fit: validation.".
 */
function obstacle(metric: Metric, scored: Omit<MetricInput, "scores">, place: string): Error | null {
  if (isRankingMetric(metric)) return rankingObstacle(metric, scored, place);
  const { targets, loss, labelRange } = scored;
  const [caller, prefix] = place.split(": ");
  if (metric === "rmse-clamped" && labelRange === null) {
    return new Error(
      `${caller}: "rmse-clamped" needs the range of the training labels, which this model does not know; use "rmse", or train it here`,
    );
  }
  if (metric === "logloss" && (loss.kind === "pairwise" || loss.link === undefined)) {
    return new Error(
      `${caller}: "logloss" needs probabilities, and the ${loss.name} loss has none; train with loss: "log"`,
    );
  }
  if (metric !== "auc" && metric !== "accuracy" && metric !== "logloss") return null;
  let positives = 0;
  let lower: number | null = null; // -1 or 0
  for (let i = 0; i < targets.length; i++) {
    if (targets[i] === 1) positives++;
    else if ((targets[i] === 0 || targets[i] === -1) && (lower ?? targets[i]) === targets[i])
      lower = targets[i];
    else
      return wrongValue(`${place}y[${i}]`, `a binary label (0 or 1, or -1 or 1) for "${metric}"`, targets[i]);
  }
  if (metric === "auc" && (positives === 0 || positives === targets.length)) {
    return new RangeError(
      `${caller}: "auc" needs both classes in ${prefix}y, got ${positives} positives among ${targets.length} rows`,
    );
  }
  return null;
}

/**
 * The metrics asked for, or those of the loss that these targets can give.
 *
 * @throws Error or RangeError that says what a metric that was asked for needs.
 */
export function chooseMetrics(
  asked: readonly Metric[] | undefined,
  scored: Omit<MetricInput, "scores">,
  place: string,
): readonly Metric[] {
  if (asked === undefined) {
    return defaultMetrics(scored.loss, !!scored.groups).filter(
      (metric) => obstacle(metric, scored, place) === null,
    );
  }
  for (const metric of asked) {
    const error = obstacle(metric, scored, place);
    if (error) throw error;
  }
  return asked;
}

/**
 * Measures scored rows.
 *
 * @param metrics What `chooseMetrics` has let pass.
 * @returns The value of each metric by its name; NaN without rows, or if a score is NaN.
 */
export function measureAll<M extends Metric>(metrics: readonly M[], input: MetricInput): Record<M, number> {
  if (input.scores.some(Number.isNaN)) return valuesBy(metrics, () => NaN);
  const lists = metrics.some(isRankingMetric) ? rankRows(input) : null;
  return valuesBy(metrics, (metric) => {
    return isRankingMetric(metric) ? measureRanking(metric, lists!) : measureRows(metric as RowMetric, input);
  });
}

function valuesBy<M extends Metric>(
  metrics: readonly M[],
  measure: (metric: M) => number,
): Record<M, number> {
  return Object.fromEntries(metrics.map((metric) => [metric, measure(metric)])) as Record<M, number>;
}

function measureRows(metric: RowMetric, input: MetricInput): number {
  const { scores, targets, loss, labelRange } = input;
  const link = linkOf(loss) ?? ((score: number) => score);
  switch (metric) {
    case "rmse":
      return Math.sqrt(mean(input, (score, target) => (link(score) - target) ** 2));
    case "rmse-clamped": {
      const [low, high] = labelRange!;
      const clamp = (prediction: number): number => Math.min(high, Math.max(low, prediction));
      return Math.sqrt(mean(input, (score, target) => (clamp(link(score)) - target) ** 2));
    }
    case "mae":
      return mean(input, (score, target) => Math.abs(link(score) - target));
    case "logloss":
      if (loss === log) return mean(input, (score, target) => softplus(target === 1 ? -score : score));
      return mean(
        input,
        (score, target) => -ln(Math.max(1e-15, target === 1 ? link(score) : 1 - link(score))),
      );
    case "auc":
      return auc(scores, targets);
    case "accuracy": {
      // With a link (log loss) the score decides at 0; without one, half way between the training labels.
      const [low] = labelRange ?? [targets.includes(-1) ? -1 : 0];
      const boundary = loss.kind === "pointwise" && !loss.link && low === 0 ? 0.5 : 0;
      return mean(input, (score, target) => (score > boundary === target > 0 ? 1 : 0));
    }
  }
}

function mean({ scores, targets }: MetricInput, term: (score: number, target: number) => number): number {
  let sum = 0;
  for (let i = 0; i < scores.length; i++) sum += term(scores[i], targets[i]);
  return sum / scores.length;
}

/**
 * Counts, for each positive, the negatives below it and half of those level with it, by merging two sorted
 * lists.
 */
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
