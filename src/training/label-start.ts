// What the training labels decide before the first step. For the squared loss the labels are standardized, so
// that one learning rate fits prices and ratings. For the log loss w0 starts where every prediction is the
// share of positives.

import { describe } from "../core/errors.ts";
import { log as ln } from "../core/math.ts";
import { Moments } from "../core/moments.ts";
import type { Notices } from "../core/notices.ts";
import type { Classes } from "../data/labels.ts";
import { hinge, type Loss, log, squared } from "../losses.ts";
import type { LabelUnit } from "../model/label-unit.ts";
import type { LabelStatistics } from "./dataset.ts";

/** Where training starts. */
export interface LabelStart {
  /** The unit in which labels are trained on; null: as they are. */
  readonly unit: LabelUnit | null;
  /** The first score of an empty row, unless `initFrom` gives w0; null: w0 starts at 0. */
  readonly bias: number | null;
}

/** The start of a model that takes labels as they are. */
const RAW_START: LabelStart = { unit: null, bias: null };

/**
 * Computes mean and deviation of targets.
 *
 * @param targets Targets, (rows), at least one.
 * @param weights Weight of each row, (rows), not all 0; null: all ones.
 * @returns The statistics, in float64. The deviation is exactly 0 if all targets with a weight are equal.
 */
export function statisticsOf(
  targets: Float32Array | Float64Array,
  weights: Float32Array | null,
): LabelStatistics {
  const moments = new Moments();
  for (let i = 0; i < targets.length; i++) moments.add(targets[i], weights === null ? 1 : weights[i]);
  return { count: targets.length, mean: moments.mean, deviation: moments.deviation };
}

/**
 * Decides where training starts.
 *
 * @param loss The loss of the model.
 * @param labels The option `labels`: "raw" takes labels as they are.
 * @param statistics Statistics of the training labels; null: there are none.
 * @returns The start.
 */
export function startOf(loss: Loss, labels: "auto" | "raw", statistics: LabelStatistics | null): LabelStart {
  if (labels === "raw" || statistics === null) return RAW_START;
  const { count, mean, deviation } = statistics;
  if (loss === squared) return { unit: { mean, scale: deviation || 1 }, bias: 0 };
  // Half a row more in each class keeps w0 finite if one class is absent.
  if (loss === log) return { unit: null, bias: ln((mean * count + 0.5) / ((1 - mean) * count + 0.5)) };
  return RAW_START;
}

/**
 * Tells what the labels of a `fit` look like, if it matters.
 *
 * @param notices Where notices go.
 * @param caller Name of the method, such as "fit".
 * @param loss The loss of the model.
 * @param statistics Statistics of the training labels.
 * @param unit The unit that this `fit` has chosen; null: none.
 * @param classes The two strings that the labels were; null: numbers.
 */
export function tellLabels(
  notices: Notices,
  caller: string,
  loss: Loss,
  { mean, deviation }: LabelStatistics,
  unit: LabelUnit | null,
  classes: Classes | null,
): void {
  const isConstant = deviation === 0;
  if (isConstant && (loss === log || loss === hinge)) {
    const label = classes === null ? short(mean) : describe(classes[mean > 0 ? 1 : 0]);
    const all = `all training rows are of one class (${label})`;
    notices.tell("single-class", `${caller}: ${all}; the model can only learn to predict this class.`);
  } else if (isConstant && loss === squared) {
    const all = `all training rows have the same label (${short(mean)})`;
    notices.tell("constant-labels", `${caller}: ${all}; the model can only learn to predict this number.`);
  } else if (unit !== null && isFarFromStandard(unit)) {
    const how = `mean ${short(unit.mean)}, standard deviation ${short(unit.scale)}`;
    notices.tell(
      "scaled-labels",
      `${caller}: labels were standardized for training (${how}); predictions, losses and metrics are in the ` +
        `label's own unit. labels: "raw" turns this off.`,
    );
  }
}

/** Says whether training without a unit would have gone differently by far. */
function isFarFromStandard({ mean, scale }: LabelUnit): boolean {
  return Math.abs(mean) > 10 * scale || scale < 0.1 || scale > 10;
}

function short(value: number): string {
  return String(Number(value.toPrecision(5)));
}
