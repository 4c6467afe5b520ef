// The charts of the training: loss and metrics by the passes over the training rows.

import { draw, figure, type LegendEntry, noChart, Pen, type Point } from "./chart.ts";
import { formatNumber } from "./format.ts";
import { escapeHTML } from "./html.ts";
import { metricInText, metricName } from "./metric-names.ts";
import type { Curve } from "./report.ts";
import { linearScale, type Scale, scaleFor } from "./scale.ts";

const TRAINING: LegendEntry = { style: "line train", text: "training rows" };
const HELD_OUT: LegendEntry = { style: "line valid", text: "held-out rows" };
const BEST: LegendEntry = { style: "best", text: "best state" };

/** Largest number of points up to which each has a dot. */
const MOST_DOTS = 30;

/**
 * Draws the curves of a training.
 *
 * @param curve The course of the training.
 * @returns Figures: the loss, and one for each metric of the held-out rows.
 */
export function curveFigures(curve: Curve): string[] {
  const { points } = curve;
  if (points.length === 0) return [figure("Loss", noChart("No epoch was completed."))];
  const names = new Set(points.flatMap(({ validation }) => Object.keys(validation ?? {})));
  names.delete("loss");
  if (isLossAgain(points)) names.delete("logloss");
  const x = epochScale(points.map(({ epoch }) => epoch));
  const training = points.map(({ epoch, loss }): Point => [epoch, loss]);
  return [
    curveFigure("loss", x, training, valuesOf(curve, "loss"), curve),
    ...Array.from(names, (name) => curveFigure(name, x, [], valuesOf(curve, name), curve)),
  ];
}

/** Whether the log loss of the held-out rows is their loss, as it is for models with the log loss. */
function isLossAgain(points: Curve["points"]): boolean {
  return points.every(({ validation }) => {
    const { loss, logloss } = validation ?? {};
    return Object.is(loss, logloss) || Math.abs(loss - logloss) <= 1e-5 * Math.abs(loss);
  });
}

/** The values of the held-out rows; empty if there are none. */
function valuesOf({ points }: Curve, name: string): Point[] {
  if (points.every(({ validation }) => validation?.[name] === undefined)) return [];
  return points.map(({ epoch, validation }) => [epoch, validation?.[name] ?? NaN]);
}

/** The axis of passes, from 0. It has no ticks between whole passes if all points are at whole passes. */
function epochScale(epochs: readonly number[]): Scale {
  const last = Math.max(...epochs.slice(-1), 1);
  return linearScale(0, last, epochs.every(Number.isInteger) ? Math.min(6, last) : 6, true);
}

function curveFigure(
  name: string,
  x: Scale,
  training: readonly Point[],
  heldOut: readonly Point[],
  { best, monitor, points }: Curve,
): string {
  const caption = escapeHTML(metricName(name));
  const y = scaleFor([...training, ...heldOut].map(([, value]) => value));
  if (y === null) return figure(caption, noChart("No value is a finite number."));
  const pen = new Pen(x, y);
  const mark = best === null ? undefined : heldOut[best];
  const isMarked = mark !== undefined && Number.isFinite(mark[1]);
  const marks = [
    isMarked
      ? pen.line(
          [
            [mark[0], y.low],
            [mark[0], y.high],
          ],
          "guide",
        )
      : "",
    ...series(pen, training, "train", `training ${metricInText(name)}`),
    ...series(pen, heldOut, "valid", `held-out ${metricInText(name)}`),
    isMarked
      ? pen.dots([mark], "best", 6, [`best state, after ${passes(mark[0])}: ${formatNumber(mark[1])}`])
      : "",
  ];
  const legend = [
    ...(training.length > 0 ? [TRAINING] : []),
    ...(heldOut.length > 0 ? [HELD_OUT] : []),
    ...(isMarked ? [BEST] : []),
  ];
  const isLog = y.low > 0 && y.high / y.low > 50;
  const title = `${metricName(name)}${isLog ? " (log scale)" : ""}`;
  const svg = draw({
    id: `curve-${name.replace(/[^a-z0-9]/gi, "-")}`,
    title: `${metricName(name)} by passes over the training rows`,
    description: [
      describe("Training rows", training),
      describe("Held-out rows", heldOut),
      isMarked ? `Best state, after ${passes(points[best!].epoch)}: ${formatNumber(mark[1])}.` : "",
    ]
      .filter((sentence) => sentence !== "")
      .join(" "),
    x: { scale: x, title: "passes over the training rows" },
    y: { scale: y, title },
    marks,
  });
  const decides = name === monitor && isMarked ? "Its best value marks the best state." : "";
  return figure(caption, svg, legend, decides);
}

function series(pen: Pen, points: readonly Point[], style: string, name: string): string[] {
  const isShort = points.length <= MOST_DOTS;
  const tips = points.map(([x, y]) => `${name} after ${passes(x)}: ${formatNumber(y)}`);
  return [pen.line(points, `line ${style}`), isShort ? pen.dots(points, style, 2.6, tips) : ""];
}

function describe(who: string, points: readonly Point[]): string {
  const finite = points.filter(([, value]) => Number.isFinite(value));
  if (finite.length === 0) return "";
  const [first, last] = [finite[0], finite[finite.length - 1]];
  if (first === last) return `${who}: ${formatNumber(first[1])} after ${passes(first[0])}.`;
  return `${who}: from ${formatNumber(first[1])} to ${formatNumber(last[1])}.`;
}

/** Such as "1 pass" or "2.25 passes". */
export function passes(epoch: number): string {
  return `${formatNumber(epoch, 3)} ${epoch === 1 ? "pass" : "passes"}`;
}
