// Held-out data: a share of the training data or data given by the user, measured after every epoch.

import { type Pacer, runPaced } from "../core/event-loop.ts";
import type { FeatureSpace } from "../data/rows.ts";
import type { Loss } from "../losses.ts";
import { chooseMetrics, type Metric, type MetricInput, measureAll } from "../metrics/metrics.ts";
import type { Predictor } from "../predictor.ts";
import type { LabelRange, MeasurableSource } from "./dataset.ts";
import type { FitSettings } from "./fit-options.ts";

/** Measures a model: values by name, "loss" among them if there is one. */
export type Measure = (predictor: Predictor, pacer: Pacer) => Promise<Record<string, number>>;

/** Held-out data, checked. They are read once it is known which features the model has. */
export interface Validation {
  /** What decides which epoch is best. */
  readonly monitor: Metric | "loss";
  read(space: FeatureSpace): Generator<void, Measure>;
}

/**
 * Divides training data into what is trained on and what is held out.
 *
 * @param place What errors start with, such as "fit: ".
 * @param knownRange The labels' range in earlier training.
 * @throws TypeError, RangeError or Error if the held-out data cannot be measured as asked for.
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
    // Refuses metrics while positions are still those of the user's rows.
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

/** The smallest range that holds both. */
export function unionOf(a: LabelRange, b: LabelRange): LabelRange {
  if (a === null || b === null) return a ?? b;
  return [Math.min(a[0], b[0]), Math.max(a[1], b[1])];
}

/**
 * Decides what to measure on held-out data, which must be able to give it. `place` is what errors start with.
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
