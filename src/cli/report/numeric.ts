// How numbers are distributed, and how predictions of numbers differ from them.

import { linearScale } from "./scale.ts";

/** Counts of values in bins of equal width. */
export interface Histogram {
  /** Ends of the bins, in ascending order, (bins + 1). */
  readonly edges: readonly number[];
  /** Values per bin, (bins). A value on an edge belongs to the bin above, the last edge to the last bin. */
  readonly counts: readonly number[];
  /** Number of values below the first bin. */
  readonly below: number;
  /** Number of values above the last bin. */
  readonly above: number;
}

/** Rows whose predictions are neighbors. */
export interface ResidualBin {
  /** Number of rows. */
  readonly rows: number;
  /** Mean prediction. */
  readonly predicted: number;
  /** The residuals that 10 %, 50 % and 90 % of the rows do not exceed. */
  readonly quantiles: readonly [low: number, median: number, high: number];
}

/** What is left of the labels when the predictions are subtracted. */
export interface Residuals {
  /** Mean of label - prediction. */
  readonly mean: number;
  /** The residuals that 5 %, 50 % and 95 % of the rows do not exceed. */
  readonly quantiles: readonly [low: number, median: number, high: number];
  /** Distribution of the residuals. */
  readonly histogram: Histogram;
  /** Rows by their predictions, in bins of about equally many. */
  readonly bins: readonly ResidualBin[];
  /** Prediction and label of some rows, evenly spaced among all. */
  readonly points: readonly (readonly [prediction: number, label: number])[];
}

/**
 * Counts values in bins of equal, round width.
 *
 * @param values The values, finite.
 * @param bins About how many bins, at least 1. Default: 32.
 * @param range Where the bins are. Values outside are counted apart. Default: where the values are.
 * @returns The counts. One empty bin for no values.
 */
export function histogram(
  values: ArrayLike<number>,
  bins: number = 32,
  range: readonly [number, number] = rangeOf(values),
): Histogram {
  const { ticks: edges } = linearScale(range[0], range[1], bins);
  const counts = new Array<number>(edges.length - 1).fill(0);
  const [low, high] = [edges[0], edges[edges.length - 1]];
  let [below, above] = [0, 0];
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    if (value < low) below++;
    else if (value > high) above++;
    else counts[binOf(value, edges)]++;
  }
  return { edges, counts, below, above };
}

/** The bin of a value. Edges are rounded decimals, so the quotient alone can miss by one. */
function binOf(value: number, edges: readonly number[]): number {
  const last = edges.length - 2;
  const width = (edges[edges.length - 1] - edges[0]) / (edges.length - 1);
  let bin = Math.min(last, Math.max(0, Math.floor((value - edges[0]) / width)));
  if (bin < last && value >= edges[bin + 1]) bin++;
  else if (bin > 0 && value < edges[bin]) bin--;
  return bin;
}

/** Smallest and largest value; [0, 1] if there is none. */
function rangeOf(values: ArrayLike<number>): [low: number, high: number] {
  if (values.length === 0) return [0, 1];
  let [low, high] = [Infinity, -Infinity];
  for (let i = 0; i < values.length; i++) {
    low = Math.min(low, values[i]);
    high = Math.max(high, values[i]);
  }
  return [low, high];
}

/**
 * Finds the value that a share of the values does not exceed, between two values by linear interpolation.
 *
 * @param sorted The values in ascending order, at least one.
 * @param share The share, from 0 to 1.
 * @returns The quantile.
 */
export function quantile(sorted: ArrayLike<number>, share: number): number {
  const position = share * (sorted.length - 1);
  const below = Math.floor(position);
  const above = Math.min(below + 1, sorted.length - 1);
  return sorted[below] + (position - below) * (sorted[above] - sorted[below]);
}

/**
 * Finds the range that charts show: all values, or the central 99 % if a few values lie far outside.
 *
 * @param values The values, finite.
 * @returns Both ends; [0, 1] if there are no values.
 */
export function shownRange(values: ArrayLike<number>): [low: number, high: number] {
  if (values.length === 0) return [0, 1];
  const sorted = Float64Array.from(values).sort();
  const [least, most] = [sorted[0], sorted[sorted.length - 1]];
  const [low, high] = [quantile(sorted, 0.005), quantile(sorted, 0.995)];
  const room = (high - low) * 0.5;
  return [least < low - room ? low : least, most > high + room ? high : most];
}

/**
 * Compares predictions of numbers with labels. A residual is label - prediction.
 *
 * @param predictions Predictions, (rows), finite.
 * @param labels Labels, (rows), finite.
 * @param bins About how many bins by prediction, at least 1. Default: 12.
 * @param most Largest number of points, at least 1. Default: 900.
 * @returns The comparison. For no rows the means and quantiles are NaN.
 */
export function residuals(
  predictions: ArrayLike<number>,
  labels: ArrayLike<number>,
  bins: number = 12,
  most: number = 900,
): Residuals {
  const rows = predictions.length;
  const differences = Float64Array.from(predictions, (prediction, i) => labels[i] - prediction);
  const sorted = differences.slice().sort();
  const mean = differences.reduce((sum, difference) => sum + difference, 0) / rows;
  return {
    mean,
    quantiles: rows === 0 ? [NaN, NaN, NaN] : quantilesOf(sorted, [0.05, 0.5, 0.95]),
    histogram: histogram(differences, 32, shownRange(differences)),
    bins: residualBins(predictions, differences, bins),
    points: sampleOf(rows, most).map((i) => [predictions[i], labels[i]] as const),
  };
}

function quantilesOf(
  sorted: Float64Array,
  [low, middle, high]: readonly [number, number, number],
): [number, number, number] {
  return [quantile(sorted, low), quantile(sorted, middle), quantile(sorted, high)];
}

function residualBins(
  predictions: ArrayLike<number>,
  differences: Float64Array,
  bins: number,
): ResidualBin[] {
  const order = Uint32Array.from(differences, (_, i) => i).sort((a, b) => predictions[a] - predictions[b]);
  const found: ResidualBin[] = [];
  for (let bin = 0, start = 0; bin < bins; bin++) {
    const end = Math.round((order.length * (bin + 1)) / bins);
    if (end === start) continue;
    const members = order.subarray(start, end);
    const within = Float64Array.from(members, (i) => differences[i]).sort();
    const predicted = members.reduce((sum, i) => sum + predictions[i], 0) / members.length;
    found.push({ rows: members.length, predicted, quantiles: quantilesOf(within, [0.1, 0.5, 0.9]) });
    start = end;
  }
  return found;
}

/**
 * Chooses rows that are evenly spaced among all.
 *
 * @param rows Number of rows.
 * @param most Largest number of rows to choose, at least 1.
 * @returns Their positions, in ascending order. All rows if there are no more than `most`.
 */
export function sampleOf(rows: number, most: number): number[] {
  const count = Math.min(rows, most);
  return Array.from({ length: count }, (_, i) => Math.floor((i * rows) / count));
}
