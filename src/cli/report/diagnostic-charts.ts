// The charts of predictions: reliability, distributions, thresholds and residuals.

import { type CalibrationBin, type CurveXY, calibrationError } from "./binary.ts";
import { draw, figure, type LegendEntry, noChart, Pen, type Point } from "./chart.ts";
import type { ClassDistributions, Diagnostics, NumberDiagnostics } from "./diagnostics.ts";
import { formatCount, formatNumber, formatShare } from "./format.ts";
import { type Histogram, type Residuals, shownRange } from "./numeric.ts";
import { linearScale, type Scale } from "./scale.ts";

/** What the captions need besides the numbers. */
export interface Naming {
  /** The negative class as HTML. */
  readonly negative: string;
  /** The positive class as HTML. */
  readonly positive: string;
  /** The area under the ROC curve; null if it was not measured. */
  readonly auc: number | null;
}

/**
 * Draws the charts of predictions.
 *
 * @param diagnostics What they show.
 * @param naming Names of the classes, and the AUC.
 * @returns Figures.
 */
export function diagnosticFigures(diagnostics: Diagnostics, naming: Naming): string[] {
  if (diagnostics.kind === "number") return numberFigures(diagnostics);
  const { curves, distributions, rows, positives } = diagnostics;
  const isProbability = diagnostics.kind === "probability";
  const spread = distributionFigure(distributions, isProbability, naming);
  const oneClass = "These rows are all of one class, so there is no threshold to choose.";
  const thresholds =
    curves === null
      ? [figure("ROC and precision-recall curve", noChart(oneClass))]
      : [rocFigure(curves.roc, naming.auc), recallFigure(curves.precisionRecall, positives / rows)];
  return [...(isProbability ? [calibrationFigure(diagnostics.calibration)] : []), spread, ...thresholds];
}

const THRESHOLD_LEGEND: readonly LegendEntry[] = [
  { style: "line valid", text: "model" },
  { style: "line guide", text: "guessing" },
];

function calibrationFigure(bins: readonly CalibrationBin[]): string {
  const largest = Math.max(...bins.flatMap(({ predicted, interval }) => [predicted, interval[1]]));
  const scale = linearScale(0, Math.min(1, largest), 5);
  const pen = new Pen(scale, scale);
  const points = bins.map(({ predicted, observed }): Point => [predicted, observed]);
  const tips = bins.map(({ rows, predicted, observed }) => {
    const both = `predicted ${formatNumber(predicted, 3)}, observed ${formatNumber(observed, 3)}`;
    return `${formatCount(rows)} rows: ${both}`;
  });
  const error = formatNumber(calibrationError(bins), 2);
  const svg = draw({
    id: "calibration",
    title: "Calibration: predicted probability and share of positives",
    description: `${bins.length} groups of rows. The mean distance from the diagonal is ${error}.`,
    x: { scale, title: "mean prediction" },
    y: { scale, title: "share of positives" },
    marks: [
      pen.line(
        [
          [scale.low, scale.low],
          [scale.high, scale.high],
        ],
        "guide",
      ),
      ...bins.map(({ predicted, interval: [low, high] }) =>
        pen.line(
          [
            [predicted, low],
            [predicted, high],
          ],
          "whisker",
        ),
      ),
      pen.line(points, "line valid"),
      pen.dots(points, "valid", 3.6, tips),
    ],
  });
  return figure(
    "Calibration",
    svg,
    [
      { style: "line valid", text: "groups of rows, with 95\u00a0% interval" },
      { style: "line guide", text: "perfect" },
    ],
    `On the diagonal a prediction of 0.3 comes true for 30\u00a0% of the rows. Mean distance: ${error}.`,
  );
}

function distributionFigure(
  { negative, positive }: ClassDistributions,
  isProbability: boolean,
  naming: Naming,
): string {
  const { edges } = negative;
  const what = isProbability ? "prediction" : "score";
  const shares = [sharesOf(negative), sharesOf(positive)];
  const x = linearScale(edges[0], edges[edges.length - 1], 5, true);
  const y = linearScale(0, Math.max(...shares.flat(), 0.01), 4);
  const pen = new Pen(x, y);
  const svg = draw({
    id: "distribution",
    title: `Distribution of the ${what}s of each class`,
    description: `Positive rows: ${most(positive)}. Negative rows: ${most(negative)}.`,
    x: { scale: x, title: what },
    y: { scale: percent(y), title: "share of the class" },
    marks: [
      outline(pen, edges, shares[0], "fill other"),
      outline(pen, edges, shares[0], "line other"),
      outline(pen, edges, shares[1], "fill train"),
      outline(pen, edges, shares[1], "line train solid"),
    ],
  });
  const outside = negative.below + negative.above + positive.below + positive.above;
  return figure(
    isProbability ? "Predictions of each class" : "Scores of each class",
    svg,
    [
      { style: "box train", text: naming.positive },
      { style: "box other", text: naming.negative },
    ],
    `The less they overlap, the better the classes are told apart.${left(outside)}`,
  );
}

/** The counts of a histogram as shares of all its values. */
function sharesOf({ counts, below, above }: Histogram): number[] {
  const total = counts.reduce((sum, count) => sum + count, below + above);
  return counts.map((count) => (total === 0 ? 0 : count / total));
}

/** Says where a histogram is highest. */
function most({ counts, edges }: Histogram): string {
  const top = counts.indexOf(Math.max(...counts));
  if (counts.every((count) => count === 0)) return "none";
  return `most between ${formatNumber(edges[top], 3)} and ${formatNumber(edges[top + 1], 3)}`;
}

/** The outline of bars, from the ground and back to it. */
function outline(pen: Pen, edges: readonly number[], heights: readonly number[], style: string): string {
  const steps = heights.flatMap((height, i): Point[] => [
    [edges[i], height],
    [edges[i + 1], height],
  ]);
  return pen.line([[edges[0], 0], ...steps, [edges[edges.length - 1], 0]], style);
}

/** The same scale with labels in percent. */
function percent(scale: Scale): Scale {
  return { ...scale, labels: scale.ticks.map((tick) => `${formatNumber(tick * 100, 3)}\u00a0%`) };
}

function left(outside: number): string {
  if (outside === 0) return "";
  return outside === 1
    ? " 1 row lies outside the chart."
    : ` ${formatCount(outside)} rows lie outside the chart.`;
}

function rocFigure(points: readonly CurveXY[], auc: number | null): string {
  const scale = linearScale(0, 1, 5);
  const pen = new Pen(scale, scale);
  const area = auc === null || !Number.isFinite(auc) ? "" : `Area under the curve: ${formatNumber(auc)}.`;
  const svg = draw({
    id: "roc",
    title: "ROC curve",
    description: `Share of the positives found, by the share of the negatives taken for positives. ${area}`,
    x: { scale, title: "false positive rate" },
    y: { scale, title: "true positive rate" },
    marks: [
      pen.line(
        [
          [0, 0],
          [1, 1],
        ],
        "guide",
      ),
      pen.line(points, "line valid"),
    ],
  });
  return figure("ROC curve", svg, THRESHOLD_LEGEND, area);
}

function recallFigure(points: readonly CurveXY[], share: number): string {
  const x = linearScale(0, 1, 5);
  const y = linearScale(0, Math.max(...points.map(([, precision]) => precision)), 5);
  const pen = new Pen(x, y);
  const note = `Guessing has a precision of ${formatShare(share)}, the share of positives.`;
  const svg = draw({
    id: "precision-recall",
    title: "Precision-recall curve",
    description: `True positives among rows taken for positives, by the share of positives found. ${note}`,
    x: { scale: x, title: "recall" },
    y: { scale: y, title: "precision" },
    marks: [
      pen.line(
        [
          [0, share],
          [1, share],
        ],
        "guide",
      ),
      pen.line(points, "line valid"),
    ],
  });
  return figure("Precision and recall", svg, THRESHOLD_LEGEND, note);
}

function numberFigures({ rows, residuals }: NumberDiagnostics): string[] {
  const { length } = residuals.points;
  const sample = length < rows ? `${formatCount(length)} of the ${formatCount(rows)} rows. ` : "";
  return [actualFigure(residuals, sample), residualFigure(residuals, sample), histogramFigure(residuals)];
}

function actualFigure({ points }: Residuals, sample: string): string {
  const range = shownRange(points.flat());
  const scale = linearScale(range[0], range[1], 5);
  const pen = new Pen(scale, scale);
  const shown = points.filter((point) => pen.shows(point));
  const svg = draw({
    id: "actual",
    title: "Predicted and actual values",
    description: `${shown.length} rows. On the diagonal prediction and label are equal.`,
    x: { scale, title: "predicted" },
    y: { scale, title: "actual" },
    marks: [
      pen.cloud(shown, "cloud"),
      pen.line(
        [
          [scale.low, scale.low],
          [scale.high, scale.high],
        ],
        "guide strong",
      ),
    ],
  });
  return figure(
    "Predicted and actual",
    svg,
    [
      { style: "dot valid", text: "row" },
      { style: "line guide", text: "equal" },
    ],
    `${sample}${left(points.length - shown.length).trim()}`.trim(),
  );
}

function residualFigure({ points, bins }: Residuals, sample: string): string {
  const pairs = points.map(([prediction, label]): Point => [prediction, label - prediction]);
  const [x, y] = [0, 1].map((axis) => {
    const [low, high] = shownRange(pairs.map((pair) => pair[axis]));
    return linearScale(axis === 0 ? low : Math.min(low, 0), axis === 0 ? high : Math.max(high, 0), 5);
  });
  const pen = new Pen(x, y);
  const shown = pairs.filter((point) => pen.shows(point));
  const of = (which: number): Point[] =>
    bins.map(({ predicted, quantiles }) => [predicted, quantiles[which]]);
  const svg = draw({
    id: "residuals",
    title: "Residuals by prediction",
    description: `${shown.length} rows, and the median and the middle 80 % of ${bins.length} groups of rows.`,
    x: { scale: x, title: "predicted" },
    y: { scale: y, title: "actual − predicted" },
    marks: [
      pen.cloud(shown, "cloud"),
      pen.band(of(0), of(2), "fill train edge"),
      pen.line(
        [
          [x.low, 0],
          [x.high, 0],
        ],
        "guide strong",
      ),
      pen.line(of(1), "line train solid"),
    ],
  });
  return figure(
    "Residuals by prediction",
    svg,
    [
      { style: "dot valid", text: "row" },
      { style: "line train solid", text: "median" },
      { style: "box train", text: "middle 80\u00a0%" },
    ],
    `${sample}A median far from 0 is a bias of the model there.${left(pairs.length - shown.length)}`,
  );
}

function histogramFigure({ histogram, mean, quantiles: [low, median, high] }: Residuals): string {
  const { edges, counts, below, above } = histogram;
  const x = linearScale(edges[0], edges[edges.length - 1], 5, true);
  const y = linearScale(0, Math.max(1, ...counts), 4);
  const pen = new Pen(x, y);
  const numbers =
    `Mean ${formatNumber(mean, 3)}, median ${formatNumber(median, 3)}; ` +
    `90\u00a0% of the rows from ${formatNumber(low, 3)} to ${formatNumber(high, 3)}.`;
  const svg = draw({
    id: "histogram",
    title: "Distribution of the residuals",
    description: numbers,
    x: { scale: x, title: "actual − predicted" },
    y: { scale: y, title: "rows" },
    marks: [
      ...counts.map((count, i) => {
        const ends = `${formatNumber(edges[i])} to ${formatNumber(edges[i + 1])}`;
        return pen.bar(edges[i], edges[i + 1], count, "bar", `${ends}: ${formatCount(count)} rows`);
      }),
      edges[0] < 0 && edges[edges.length - 1] > 0
        ? pen.line(
            [
              [0, 0],
              [0, y.high],
            ],
            "guide strong",
          )
        : "",
    ],
  });
  return figure("Distribution of residuals", svg, [], `${numbers}${left(below + above)}`);
}
