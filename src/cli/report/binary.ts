// How predictions of two classes lie: calibration, the ROC curve and the precision-recall curve.

/** Rows whose predictions are neighbors, for a reliability diagram. */
export interface CalibrationBin {
  /** Number of rows. */
  readonly rows: number;
  /** Smallest and largest prediction. */
  readonly range: readonly [low: number, high: number];
  /** Mean prediction. */
  readonly predicted: number;
  /** Share of positive rows. */
  readonly observed: number;
  /** The 95 % interval of the share of positives (Wilson 1927). */
  readonly interval: readonly [low: number, high: number];
}

/** A point of a curve, both coordinates from 0 to 1. */
export type CurveXY = readonly [x: number, y: number];

/** The two curves that follow a threshold from the highest score to the lowest. */
export interface ThresholdCurves {
  /** Share of the negatives (x) and of the positives (y) at or above the threshold, from (0, 0) to (1, 1). */
  readonly roc: readonly CurveXY[];
  /** Recall (x) and precision (y) of the rows at or above the threshold. */
  readonly precisionRecall: readonly CurveXY[];
}

/** The quantile of the normal distribution that leaves 2.5 % above it. */
const Z = 1.959964;

/**
 * Divides rows by their predictions into bins of about equally many rows and compares the mean prediction of
 * each with its share of positives. Rows with equal predictions stay together, so there may be fewer bins.
 *
 * @param predictions Probabilities, (rows), finite.
 * @param labels Labels, above 0 for positives, (rows).
 * @param bins Number of bins, at least 1. Default: 10.
 * @returns The bins, the lowest predictions first. None for no rows.
 */
export function calibration(
  predictions: ArrayLike<number>,
  labels: ArrayLike<number>,
  bins: number = 10,
): CalibrationBin[] {
  const order = orderBy(predictions);
  const found: CalibrationBin[] = [];
  let start = 0;
  for (let bin = 1; bin <= bins; bin++) {
    let end = Math.round((order.length * bin) / bins);
    if (end <= start) continue;
    while (end < order.length && predictions[order[end]] === predictions[order[end - 1]]) end++;
    found.push(binOf(order.subarray(start, end), predictions, labels));
    start = end;
  }
  return found;
}

function binOf(
  members: Uint32Array,
  predictions: ArrayLike<number>,
  labels: ArrayLike<number>,
): CalibrationBin {
  let [sum, positives] = [0, 0];
  for (const i of members) {
    sum += predictions[i];
    if (labels[i] > 0) positives++;
  }
  const rows = members.length;
  return {
    rows,
    range: [predictions[members[0]], predictions[members[rows - 1]]],
    predicted: sum / rows,
    observed: positives / rows,
    interval: wilson(positives, rows),
  };
}

/**
 * Computes the 95 % interval of a share (Wilson 1927). Unlike the normal approximation, it has a width where
 * all or none of the rows are positive.
 *
 * @param positives Number of positives.
 * @param rows Number of rows, at least 1.
 * @returns Its ends, within [0, 1].
 */
export function wilson(positives: number, rows: number): [low: number, high: number] {
  const share = positives / rows;
  const factor = 1 / (1 + (Z * Z) / rows);
  const center = (share + (Z * Z) / (2 * rows)) * factor;
  const width = Z * Math.sqrt((share * (1 - share)) / rows + (Z * Z) / (4 * rows * rows)) * factor;
  return [Math.max(0, center - width), Math.min(1, center + width)];
}

/**
 * Computes the mean distance between prediction and share of positives, each bin weighted by its rows (the
 * expected calibration error, Guo et al. 2017).
 *
 * @param bins The bins of `calibration`.
 * @returns The error, from 0 to 1; NaN without bins.
 */
export function calibrationError(bins: readonly CalibrationBin[]): number {
  let [sum, rows] = [0, 0];
  for (const bin of bins) {
    sum += bin.rows * Math.abs(bin.predicted - bin.observed);
    rows += bin.rows;
  }
  return sum / rows;
}

/**
 * Follows a threshold down the scores. Rows of equal scores pass it together.
 *
 * @param scores Scores or probabilities, (rows), finite.
 * @param labels Labels, above 0 for positives, (rows).
 * @param most Largest number of points per curve, at least 2. Default: 120.
 * @returns The curves; null if one of the classes has no rows.
 */
export function thresholdCurves(
  scores: ArrayLike<number>,
  labels: ArrayLike<number>,
  most: number = 120,
): ThresholdCurves | null {
  const order = orderBy(scores).reverse();
  const positives = order.filter((i) => labels[i] > 0).length;
  const negatives = order.length - positives;
  if (positives === 0 || negatives === 0) return null;
  const roc: CurveXY[] = [[0, 0]];
  const precisionRecall: CurveXY[] = [];
  let found = 0;
  for (let i = 0; i < order.length; i++) {
    if (labels[order[i]] > 0) found++;
    if (i + 1 < order.length && scores[order[i + 1]] === scores[order[i]]) continue;
    roc.push([(i + 1 - found) / negatives, found / positives]);
    precisionRecall.push([found / positives, found / (i + 1)]);
  }
  return { roc: thin(roc, most), precisionRecall: thin(precisionRecall, most) };
}

/** Keeps the first and the last point, and evenly spaced ones between them. */
function thin(points: readonly CurveXY[], most: number): CurveXY[] {
  if (points.length <= most) return [...points];
  const kept: CurveXY[] = [points[0]];
  const stride = (points.length - 1) / (most - 1);
  for (let i = 1; i < most; i++) kept.push(points[Math.round(i * stride)]);
  return kept;
}

/** The positions of some finite numbers in ascending order of the numbers; equal ones keep their order. */
function orderBy(values: ArrayLike<number>): Uint32Array {
  return Uint32Array.from(values, (_, i) => i).sort((a, b) => values[a] - values[b] || a - b);
}
