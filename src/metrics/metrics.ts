// Measures the scores of labeled rows. A prediction is a score after the link of the loss (a probability for
// the log loss). A target is a label as the loss maps it. Sums are float64.

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
 * Metrics of rows that need no groups.
 *
 * - "rmse": the root of the mean squared error of the predictions.
 * - "rmse-clamped": rmse with predictions clamped to the range of the training labels, as in the
 *   experiments of He & Chua 2017, section 4.1.2.
 * - "mae": the mean absolute error of the predictions.
 * - "logloss": the mean negative log likelihood.
 * - "auc": the probability that a positive row scores above a negative row; a tie counts half.
 * - "accuracy": the share of rows whose score is on the right side of the decision boundary.
 */
export type RowMetric = "rmse" | "rmse-clamped" | "mae" | "logloss" | "auc" | "accuracy";

/** A metric of single rows, or a metric of how the rows of each group are ranked. */
export type Metric = RowMetric | RankingMetric;

/** The metrics that need no groups. */
export const METRICS: readonly RowMetric[] = ["rmse", "rmse-clamped", "mae", "logloss", "auc", "accuracy"];

/**
 * Checks the name of a metric.
 *
 * @param place What errors call the value, such as "fit: metrics[0]".
 * @param value The value to check.
 * @param others Names that are allowed besides metrics, such as "loss". Default: none.
 * @returns `value`.
 * @throws TypeError if `value` is not a string; RangeError if it is another string.
 */
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

/**
 * Says whether a larger value of a metric is better.
 *
 * @param metric A metric, or "loss".
 * @returns False for errors and losses, true for all other metrics.
 */
export function isHigherBetter(metric: Metric | "loss"): boolean {
  return metric === "auc" || metric === "accuracy" || isRankingMetric(metric);
}

/**
 * Lists the metrics that are measured when the user names none.
 *
 * @param loss The loss of the model.
 * @param hasGroups Whether the rows are in groups.
 * @returns The metrics, of which some may need labels that the data do not have.
 */
export function defaultMetrics(loss: Loss, hasGroups: boolean): readonly Metric[] {
  const ranking: readonly Metric[] = hasGroups ? ["ndcg@10", "group-auc"] : [];
  if (loss.kind !== "pointwise") return hasGroups ? ranking : ["auc"];
  if (loss === log) return ["logloss", "auc", "accuracy", ...ranking];
  if (loss === hinge) return ["auc", "accuracy", ...ranking];
  return ["rmse", "mae", ...ranking];
}

/** Scored rows with their targets. `measureAll` reads the arrays and does not change them. */
export interface MetricInput {
  /** Raw scores, (rows). */
  readonly scores: Float32Array | Float64Array;
  /** Targets, (rows). For pairs: 1 for each positive, then 0 for each negative. */
  readonly targets: Float32Array | Float64Array;
  /** The loss of the model. Its link turns scores into predictions. */
  readonly loss: Loss;
  /** Smallest and largest training target; null if they are not known. */
  readonly labelRange: readonly [number, number] | null;
  /**
   * Group number of each row, from 0 to G - 1, (rows). The rows of a group need not be adjacent. Null or
   * absent: ranking metrics cannot be measured.
   */
  readonly groups?: Uint32Array | null;
}

/**
 * Finds the reason why these targets or this loss cannot give a metric.
 *
 * @param place What errors start with, such as "fit: " or "fit: validation.".
 * @returns An error that states the reason; null if the metric can be measured.
 */
function obstacle(metric: Metric, scored: Omit<MetricInput, "scores">, place: string): Error | null {
  if (isRankingMetric(metric)) return rankingObstacle(metric, scored, place);
  const { targets, loss, labelRange } = scored;
  const [caller, prefix] = place.split(": ");
  if (metric === "rmse-clamped" && labelRange === null) {
    return new Error(
      `${caller}: "rmse-clamped" needs the range of the training labels, which this model does not know; ` +
        `use "rmse", or train it here`,
    );
  }
  if (metric === "logloss" && (loss.kind !== "pointwise" || loss.link === undefined)) {
    return new Error(
      `${caller}: "logloss" needs probabilities, and the ${loss.name} loss has none; train with loss: "log"`,
    );
  }
  if (metric !== "auc" && metric !== "accuracy" && metric !== "logloss") return null;
  let positives = 0;
  let lower: number | null = null; // the label of negatives in these targets, -1 or 0
  for (let i = 0; i < targets.length; i++) {
    if (targets[i] === 1) positives++;
    else if ((targets[i] === 0 || targets[i] === -1) && (lower ?? targets[i]) === targets[i])
      lower = targets[i];
    else
      return wrongValue(`${place}y[${i}]`, `a binary label (0 or 1, or -1 or 1) for "${metric}"`, targets[i]);
  }
  if (metric === "auc" && (positives === 0 || positives === targets.length)) {
    return new RangeError(
      `${caller}: "auc" needs both classes in ${prefix}y, ` +
        `got ${positives} positives among ${targets.length} rows`,
    );
  }
  return null;
}

/**
 * Decides which metrics are measured: those that the user names, or those default metrics of the loss that
 * these targets can give.
 *
 * @param asked The metrics that the user names; undefined: none are named.
 * @param scored The rows without their scores.
 * @param place What errors start with, such as "fit: " or "fit: validation.".
 * @returns The metrics.
 * @throws TypeError, RangeError or Error that says what a named metric needs.
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
 * @param metrics The result of `chooseMetrics`.
 * @param input The scored rows.
 * @returns The value of each metric by its name. All are NaN if there are no rows or if a score is NaN.
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
      // The decision boundary is 0 for a loss with a link (log loss), which maps 0 to probability 0.5.
      // Without a link the boundary lies half way between the two labels.
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
 * The area under the ROC curve by ranks, as in the Mann-Whitney U statistic (Hanley & McNeil 1982). Two
 * sorted lists are merged. Each positive counts the negatives below it, and half of the negatives of equal
 * score.
 */
function auc(scores: Float32Array | Float64Array, targets: Float32Array | Float64Array): number {
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
