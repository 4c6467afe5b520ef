// The parts of the page about the result: the key figures, the metrics, the charts of predictions and the
// course of the training.

import { curveFigures, passes } from "./curve-charts.ts";
import { diagnosticFigures } from "./diagnostic-charts.ts";
import { formatCount, formatNumber, formatSeconds, formatShare } from "./format.ts";
import { type Column, escapeHTML, longTable, named, table } from "./html.ts";
import { gainOver, metricInText, metricMeaning, metricName } from "./metric-names.ts";
import type { Curve, Report } from "./report.ts";

/** One value of the model beside that of the constant prediction. */
interface Headline {
  readonly metric: string;
  readonly value: number;
  readonly constant: number | null;
  readonly isHeldOut: boolean;
}

/** The metric of the page's first line; null if none was measured. */
function headlineOf({ metrics }: Report): Headline | null {
  const values = metrics.heldOut ?? metrics.training;
  const [first] = Object.keys(values ?? {});
  if (values === null || first === undefined) return null;
  const constant = metrics.constant?.[first] ?? null;
  return { metric: first, value: values[first], constant, isHeldOut: metrics.heldOut !== null };
}

/** The key figures: the first metric, the constant prediction, rows, time. */
export function keyFigures(report: Report): string {
  const { rows, seconds, features, parameters } = report;
  const headline = headlineOf(report);
  const entries: string[] = [];
  if (headline !== null) {
    const { metric, value, constant, isHeldOut } = headline;
    const style = isHeldOut ? "first" : "first of-training";
    const where = isHeldOut ? "on held-out rows" : "on the training rows";
    entries.push(entry(escapeHTML(metricName(metric)), formatNumber(value), where, style));
    if (constant !== null)
      entries.push(entry("Constant prediction", formatNumber(constant), verdict(metric, value, constant)));
  }
  entries.push(
    entry(
      "Training rows",
      formatCount(rows.trained),
      rows.heldOut === 0 ? "none held out" : `and ${formatCount(rows.heldOut)} held out`,
    ),
    entry("Features", formatCount(features), `${formatCount(parameters)} parameters`),
    entry("Time", formatSeconds(seconds), ""),
  );
  return `<dl class="figures">${entries.join("")}</dl>`;
}

function entry(term: string, value: string, remark: string, style: string = ""): string {
  const small = remark === "" ? "" : `<small>${remark}</small>`;
  const attribute = style === "" ? "" : ` class="${style}"`;
  return `<div><dt>${term}</dt><dd${attribute}>${value}${small}</dd></div>`;
}

/** Says whether the model beats the constant prediction. */
function verdict(metric: string, value: number, constant: number): string {
  const gain = gainOver(metric, value, constant);
  if (gain === null) return "";
  if (Math.abs(gain) < 0.0005) return "the model is no better";
  return gain > 0 ? `the model is ${formatShare(gain)} better` : `the model is ${formatShare(-gain)} worse`;
}

/** The table of metrics, and the charts of predictions. */
export function resultSection(report: Report): string {
  const { metrics, diagnostics, diagnosticsOf, classes } = report;
  const parts: string[] = [];
  const names = [...new Set([...Object.keys(metrics.heldOut ?? {}), ...Object.keys(metrics.training ?? {})])];
  parts.push(names.length === 0 ? "<p>No metric was measured.</p>" : metricTable(report, names));
  if (diagnostics !== null) {
    const which = diagnosticsOf === "held-out" ? "held-out rows" : "training rows";
    const split = diagnostics.kind === "number" ? "" : positivesOf(diagnostics);
    const [negative, positive] = classes ?? ["0", "1"];
    const values = diagnosticsOf === "held-out" ? metrics.heldOut : metrics.training;
    const figures = diagnosticFigures(diagnostics, {
      negative: `negative: ${named(negative)}`,
      positive: `positive: ${named(positive)}`,
      auc: values?.["auc"] ?? null,
    });
    parts.push(
      `<h3>Predictions</h3><p>On ${formatCount(diagnostics.rows)} ${which}${split}.</p>`,
      `<div class="charts">${figures.join("\n")}</div>`,
    );
  }
  return parts.join("\n");
}

function positivesOf({ positives, rows }: { readonly positives: number; readonly rows: number }): string {
  return `, of which ${formatCount(positives)} (${formatShare(positives / rows)}) are positive`;
}

function metricTable(report: Report, names: readonly string[]): string {
  const { heldOut, training, constant } = report.metrics;
  const lists = [
    ["held out", heldOut],
    ["training", training],
    ["constant", constant],
  ] as const;
  const shown = lists.filter(([, values]) => values !== null);
  const reference = heldOut ?? training;
  const columns: Column[] = [
    { head: "metric" },
    ...shown.map(([head]) => ({ head, isNumber: true })),
    ...(constant === null ? [] : [{ head: "gain", isNumber: true }]),
  ];
  const cell = (value: number | undefined): string => (value === undefined ? "–" : formatNumber(value));
  const rows = names.map((name) => {
    const cells = shown.map(([head, values]) => {
      const text = cell(values![name]);
      return head === "held out" ? `<strong>${text}</strong>` : text;
    });
    const [value, base] = [reference?.[name], constant?.[name]];
    const gain = value === undefined || base === undefined ? null : gainOver(name, value, base);
    const gainCell = gain === null ? "–" : formatShare(gain);
    return [escapeHTML(metricName(name)), ...cells, ...(constant === null ? [] : [gainCell])];
  });
  return table("Metrics", columns, rows) + metricNotes(report, names);
}

/** What the columns and the rows of the table of metrics mean. */
function metricNotes({ metrics, curve }: Report, names: readonly string[]): string {
  const meanings = names
    .filter((name) => metricMeaning(name) !== "")
    .map((name) => `${metricName(name)}: ${metricMeaning(name)}.`);
  const sentences = [
    ...meanings,
    ...(metrics.constant === null
      ? []
      : [
          "Constant: the best prediction that looks at no field.",
          "Gain: the share of its error that the model removes.",
        ]),
    ...(metrics.heldOut !== null && curve.best !== null
      ? ["The held-out rows also chose the state of the model, so their metrics are a little too good."]
      : []),
  ];
  return `<p class="note">${escapeHTML(sentences.join(" "))}</p>`;
}

/** How the training went. */
export function trainingSection({ heldOut, stopped, curve, loss, rows }: Report): string {
  const trained = `Trained on ${formatCount(rows.trained)} rows with the ${loss} loss.`;
  const isMeasured = curve.points.some(({ validation }) => validation !== null);
  const sentences = [
    heldOut ?? "No rows were held out, so these curves do not tell how well the model predicts new rows.",
    isMeasured
      ? "The loss of the training rows is measured while they train the model, before each step and with " +
        "dropout. So it can lie above that of the held-out rows."
      : "",
  ];
  const numbers = `<details><summary>All numbers of the curves</summary>${curveTable(curve)}</details>`;
  return [
    `<p>${escapeHTML([trained, stopped, bestState(curve)].join(" ").trim())}</p>`,
    `<p>${escapeHTML(sentences.join(" ").trim())}</p>`,
    `<div class="charts">${curveFigures(curve).join("\n")}</div>`,
    curve.points.length === 0 ? "" : numbers,
  ].join("\n");
}

/** Which state was the best, and whether the model has it. */
function bestState({ points, best, monitor, isKept }: Curve): string {
  if (best === null) return "";
  const when = `${metricInText(monitor)} of the held-out rows was best after ${passes(points[best].epoch)}`;
  return isKept ? `The model has the state in which the ${when}.` : `The ${when}.`;
}

/** Rows of the table of the curves that the page holds. */
const MOST_POINTS = 1000;

function curveTable({ points, best }: Curve): string {
  const names = [...new Set(points.flatMap(({ validation }) => Object.keys(validation ?? {})))];
  const columns: Column[] = [
    { head: "passes" },
    { head: "training loss", isNumber: true },
    ...names.map((name) => ({
      head: `held-out ${escapeHTML(metricInText(name))}`,
      isNumber: true,
    })),
  ];
  const rows = points.map(({ epoch, loss, validation }, i) => [
    `${formatNumber(epoch, 4)}${i === best ? " <strong>best</strong>" : ""}`,
    formatNumber(loss),
    ...names.map((name) => (validation?.[name] === undefined ? "–" : formatNumber(validation[name]))),
  ]);
  return longTable("Course of the training", columns, rows, MOST_POINTS, MOST_POINTS);
}
