// Validation data: a share that is held out from the training data, or data that the user passes. They are
// measured after every epoch.

import { type Pacer, runPaced } from "../core/event-loop.ts";
import type { FeatureSpace } from "../data/rows.ts";
import type { Loss } from "../losses.ts";
import { chooseMetrics, type Metric, type MetricInput, measureAll } from "../metrics/metrics.ts";
import type { Predictor } from "../predictor.ts";
import type { LabelRange, MeasurableSource } from "./dataset.ts";
import type { FitSettings } from "./fit-options.ts";

/** Measures a model. The result has the values by name: "loss" and the metrics. */
export type Measure = (predictor: Predictor, pacer: Pacer) => Promise<Record<string, number>>;

/** Checked validation data. They are encoded when the features of the model are known. */
export interface Validation {
  /** The metric that decides which epoch is best. */
  readonly monitor: Metric | "loss";
  /** Encodes the rows, yielding now and then. Returns the function that measures a model. */
  read(space: FeatureSpace): Generator<void, Measure>;
}

/**
 * Divides data into training data and validation data, as the option `validation` says.
 *
 * @param place What errors start with, such as "fit: ".
 * @param source The data of `fit`.
 * @param settings The checked options of `fit`.
 * @param loss The loss of the model.
 * @param seed Seed of the random division, an integer from 0 to 2^53 - 1.
 * @param knownRange Smallest and largest label of earlier training; null if there are none.
 * @returns The data to train on, and the validation data or null.
 * @throws TypeError, RangeError or Error if the validation data cannot give a metric that the user names.
 */
export function holdOut(
  place: string,
  source: MeasurableSource,
  settings: FitSettings,
  loss: Loss,
  seed: number,
  knownRange: LabelRange,
): { kept: MeasurableSource; validation: Validation | null } {
  const { validation } = settings;
  if (validation === undefined) return { kept: source, validation: null };
  const inside = `${place}validation.`;
  let [kept, heldOut] = [source, source];
  if (typeof validation === "number") {
    // Metrics are checked before the division, because errors name positions in the rows that the user
    // passed.
    planMetrics(place, source, settings, loss, unionOf(knownRange, source.labelRange));
    [kept, heldOut] = source.split(place, validation, seed);
  } else {
    heldOut = source.heldOut(inside, validation);
    if (heldOut.size === 0) throw new RangeError(`${place}validation needs at least one row, got 0`);
  }
  const labelRange = unionOf(knownRange, kept.labelRange);
  const { metrics, monitor } = planMetrics(inside, heldOut, settings, loss, labelRange);
  const { targets, groups } = heldOut;
  return {
    kept,
    validation: {
      monitor,
      *read(space) {
        const rows = yield* heldOut.readHeldOut(inside, space);
        return async (predictor, pacer) => {
          const scores = new Float32Array(targets.length);
          let at = 0;
          for (const part of rows.parts) {
            scores.set(await runPaced(predictor.scoreSparse(part), pacer), at);
            at += part.rows;
          }
          const measured = measureAll(metrics, { scores, targets, groups, loss, labelRange });
          return { loss: rows.loss(scores), ...measured };
        };
      },
    },
  };
}

/**
 * Joins two ranges.
 *
 * @param a A range; null: empty.
 * @param b A range; null: empty.
 * @returns The smallest range that contains both; null if both are empty.
 */
export function unionOf(a: LabelRange, b: LabelRange): LabelRange {
  if (a === null || b === null) return a ?? b;
  return [Math.min(a[0], b[0]), Math.max(a[1], b[1])];
}

/**
 * Decides what to measure on validation data. Throws if the data cannot give a metric that the user names.
 * `place` is what errors start with.
 */
function planMetrics(
  place: string,
  { targets, groups }: MeasurableSource,
  { metrics, monitor }: FitSettings,
  loss: Loss,
  labelRange: LabelRange,
): { metrics: readonly Metric[]; monitor: Metric | "loss" } {
  const input: Omit<MetricInput, "scores"> = { targets, groups, loss, labelRange };
  const chosen = chooseMetrics(metrics, input, place);
  const watched = monitor ?? metrics?.[0] ?? "loss";
  if (watched === "loss" || chosen.includes(watched)) return { metrics: chosen, monitor: watched };
  return { metrics: [...chosen, ...chooseMetrics([watched], input, place)], monitor: watched };
}
