// What the charts of a report show about predictions: calibration and thresholds for classes, residuals for
// numbers. And the metrics of a constant prediction, which a model has to beat.

import { log as ln } from "../../core/math.ts";
import { type CalibrationBin, calibration, type ThresholdCurves, thresholdCurves } from "./binary.ts";
import { type Histogram, histogram, type Residuals, residuals, shownRange } from "./numeric.ts";

/** How the predictions of each of two classes are distributed. */
export interface ClassDistributions {
  /** Of the negative rows. */
  readonly negative: Histogram;
  /** Of the positive rows, with the same edges. */
  readonly positive: Histogram;
}

/** Diagnostics of probabilities (log loss). */
export interface ProbabilityDiagnostics {
  readonly kind: "probability";
  /** Number of rows. */
  readonly rows: number;
  /** Number of positive rows. */
  readonly positives: number;
  /** The reliability diagram. */
  readonly calibration: readonly CalibrationBin[];
  /** The predictions of both classes. */
  readonly distributions: ClassDistributions;
  /** The ROC and the precision-recall curve; null if a class has no rows. */
  readonly curves: ThresholdCurves | null;
}

/** Diagnostics of scores of two classes (hinge loss). */
export interface ScoreDiagnostics extends Omit<ProbabilityDiagnostics, "kind" | "calibration"> {
  readonly kind: "score";
}

/** Diagnostics of numbers (squared loss). */
export interface NumberDiagnostics {
  readonly kind: "number";
  /** Number of rows. */
  readonly rows: number;
  /** Labels minus predictions. */
  readonly residuals: Residuals;
}

/** Diagnostics of one of the three kinds. */
export type Diagnostics = ProbabilityDiagnostics | ScoreDiagnostics | NumberDiagnostics;

/**
 * Computes what the charts of a report show. Rows whose prediction or label is not finite are left out.
 *
 * @param loss Name of the loss: "log", "hinge" or "squared".
 * @param predictions Predictions as `predict` returns them, (rows).
 * @param labels Labels, (rows). For log and hinge: 1 for positives; 0 or -1 for negatives.
 * @returns The diagnostics; null for other losses and if no row is left.
 */
export function diagnose(
  loss: string,
  predictions: ArrayLike<number>,
  labels: ArrayLike<number>,
): Diagnostics | null {
  const kept: number[] = [];
  for (let i = 0; i < predictions.length; i++)
    if (Number.isFinite(predictions[i]) && Number.isFinite(labels[i])) kept.push(i);
  const rows = kept.length;
  if (rows === 0) return null;
  const p = Float64Array.from(kept, (i) => predictions[i]);
  const y = Float64Array.from(kept, (i) => labels[i]);
  if (loss === "squared") return { kind: "number", rows, residuals: residuals(p, y) };
  if (loss !== "log" && loss !== "hinge") return null;
  const positives = y.filter((label) => label > 0).length;
  const shared = { rows, positives, distributions: distributionsOf(p, y), curves: thresholdCurves(p, y) };
  return loss === "log"
    ? { kind: "probability", ...shared, calibration: calibration(p, y) }
    : { kind: "score", ...shared };
}

function distributionsOf(predictions: Float64Array, labels: Float64Array): ClassDistributions {
  const range = shownRange(predictions);
  const of = (isPositive: boolean): Histogram =>
    histogram(
      predictions.filter((_, i) => labels[i] > 0 === isPositive),
      32,
      range,
    );
  return { negative: of(false), positive: of(true) };
}

/** Smallest distance of a constant probability from 0 and 1. */
const LEAST_SHARE = 1e-15;

/**
 * Measures a constant prediction: the mean label, or for classes the share of positives.
 *
 * @param loss Name of the loss: "log", "hinge" or "squared".
 * @param labels Labels to measure on, (rows). For log and hinge: 1 for positives; 0 or -1 for negatives.
 * @param constant The constant: the mean of the training labels, or their share of positives. Default: that
 *   of `labels`.
 * @returns Metrics by the names of `evaluate`, as far as a constant has them, and "loss"; null for other
 *   losses and for no rows.
 */
export function constantMetrics(
  loss: string,
  labels: ArrayLike<number>,
  constant?: number,
): Record<string, number> | null {
  const rows = labels.length;
  if (rows === 0) return null;
  const mean = (of: (label: number) => number): number => {
    let sum = 0;
    for (let i = 0; i < rows; i++) sum += of(labels[i]);
    return sum / rows;
  };
  if (loss === "squared") {
    const value = constant ?? mean((label) => label);
    const squares = mean((label) => (label - value) ** 2);
    const rmse = Math.sqrt(squares);
    return { loss: squares, rmse, "rmse-clamped": rmse, mae: mean((label) => Math.abs(label - value)) };
  }
  if (loss !== "log" && loss !== "hinge") return null;
  const share = mean((label) => (label > 0 ? 1 : 0));
  const given = constant ?? share;
  const accuracy = given > 0.5 ? share : 1 - share;
  const ranks = share > 0 && share < 1 ? { auc: 0.5 } : {};
  if (loss === "hinge") return { loss: 2 * (1 - accuracy), accuracy, ...ranks };
  const p = Math.min(1 - LEAST_SHARE, Math.max(LEAST_SHARE, given));
  const logloss = -(share * ln(p) + (1 - share) * ln(1 - p));
  return { loss: logloss, logloss, accuracy, ...ranks };
}
