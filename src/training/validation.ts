// Validation data: a share that is held out from the training data, or data that the user passes. Checks
// measure the model on them.

import { type Pacer, runPaced } from "../core/event-loop.ts";
import { thousands } from "../core/notices.ts";
import { countGroups } from "../data/ids.ts";
import type { FeatureSpace } from "../data/rows.ts";
import type { Loss } from "../losses.ts";
import { chooseMetrics, type Metric, type MetricInput, measureAll } from "../metrics/metrics.ts";
import { isRankingMetric } from "../metrics/ranking-metrics.ts";
import { autoShare, fewEpochs, LEAST_GROUPS, LEAST_ROWS } from "./auto.ts";
import type { DatasetSource, LabelRange, MeasurableSource, StreamedSource } from "./dataset.ts";
import type { Measure } from "./early-stopping.ts";
import { type FitSettings, requireValidation } from "./fit-options.ts";

/** Checked validation data. They are encoded when the features of the model are known. */
export interface Validation {
  /** The metric that decides which check is the best. */
  readonly monitor: Metric | "loss";
  /** Encodes the rows, yielding now and then. Returns the function that measures a model. */
  read(space: FeatureSpace): Generator<void, Measure>;
}

/** Training data after some of them may have been held out. */
export interface Division {
  /** Number of rows, pairs or events, those that are held out included. */
  readonly rows: number;
  /** The data to train on. */
  readonly kept: DatasetSource | StreamedSource;
  /** The validation data; null: there are none. */
  readonly validation: Validation | null;
  /** The options of `fit`, with the limits that hold for this division. */
  readonly settings: FitSettings;
  /** Gets all the data, if training on them is to follow; else null. */
  readonly refitOn: ((pacer: Pacer) => Promise<DatasetSource | StreamedSource>) | null;
  /** What was held out, in words, if the user did not ask for it; else null. */
  readonly notice: string | null;
}

/** What a division needs to know of the model. */
export interface DivisionContext {
  /** What errors start with, such as "fit: ". */
  readonly place: string;
  /** The loss of the model. */
  readonly loss: Loss;
  /** Seed of the random division, an integer from 0 to 2^53 - 1. */
  readonly seed: number;
  /** Smallest and largest label of earlier training; null if there are none. */
  readonly knownRange: LabelRange;
}

/**
 * Divides data into training data and validation data, as the option `validation` says. Yields now and then.
 *
 * @param source The data of `fit`.
 * @param settings The checked options of `fit`.
 * @param context What else decides.
 * @returns The parts.
 * @throws TypeError, RangeError or Error if the validation data cannot give a metric that the user names.
 */
export function* holdOut(
  source: MeasurableSource,
  settings: FitSettings,
  context: DivisionContext,
): Generator<void, Division> {
  const { validation } = settings;
  const { place } = context;
  const rows = source.size;
  const whole = { rows, kept: source, validation: null, settings, refitOn: null, notice: null };
  if (validation === undefined || validation === false) return whole;
  if (typeof validation === "object") {
    const heldOut = source.heldOut(`${place}validation.`, validation);
    if (heldOut.size === 0) throw new RangeError(`${place}validation needs at least one row, got 0`);
    return { ...whole, validation: planValidation(source, heldOut, settings, context) };
  }
  if (validation === "auto") {
    const automatic = yield* holdOutAutomatically(source, settings, context);
    return automatic ?? { ...whole, settings: withFewEpochs(settings, context.loss, rows) };
  }
  return yield* holdOutShare(source, validation, settings, context);
}

/** The options of a training for which "auto" holds out no rows. */
export function withFewEpochs(settings: FitSettings, loss: Loss, rows: number): FitSettings {
  const epochs = settings.hasEpochs ? null : fewEpochs(loss, rows);
  return epochs === null ? settings : { ...settings, epochs };
}

/** Holds out a share of the data. */
function* holdOutShare(
  source: MeasurableSource,
  share: number,
  settings: FitSettings,
  context: DivisionContext,
): Generator<void, Division & { kept: MeasurableSource; heldOut: MeasurableSource }> {
  const { place, loss, seed, knownRange } = context;
  // Metrics are checked before the division, because errors name positions in the rows that the user passed.
  planMetrics(place, source, settings, loss, unionOf(knownRange, source.labelRange));
  yield;
  const [kept, heldOut] = source.split(place, share, seed);
  yield;
  const validation = planValidation(kept, heldOut, settings, context);
  const refitOn = settings.refit ? async () => source : null;
  return { rows: source.size, kept, heldOut, validation, settings, refitOn, notice: null };
}

/** Holds out data as "auto" does. Returns null if there are too few of them: then nothing is held out. */
function* holdOutAutomatically(
  source: MeasurableSource,
  settings: FitSettings,
  context: DivisionContext,
): Generator<void, Division | null> {
  const { place } = context;
  const limits = { ...settings, ...settings.automatic };
  const share = autoShare(source.size);
  const numGroups = source.groups === null ? null : countGroups(source.groups);
  const isEnough = share !== null && (numGroups === null || numGroups >= LEAST_GROUPS);
  const division = isEnough ? yield* holdOutShare(source, share, limits, context) : null;
  if (division === null || !division.kept.hasExamples || !division.heldOut.hasExamples) {
    refuseWithoutValidation(place, settings);
    return null;
  }
  return { ...division, notice: describeDivision(source, division.heldOut, settings, place) };
}

/** Refuses options that need validation data, when "auto" holds out none. */
export function refuseWithoutValidation(place: string, settings: FitSettings): void {
  const least = `at least ${thousands(LEAST_ROWS)} rows, and ${LEAST_GROUPS} groups if there are groups`;
  const reason = `, and "auto" holds out none of these rows (it needs ${least})`;
  requireValidation(place.slice(0, -2), settings, `${reason}; pass a share or data as validation`);
}

/** Says in words what was held out, and how to change that. */
export function describeDivision(
  source: Pick<MeasurableSource, "size" | "groups">,
  heldOut: Pick<MeasurableSource, "size" | "groups">,
  { time, refit }: FitSettings,
  place: string,
): string {
  const groups =
    source.groups === null
      ? ""
      : ` (${thousands(countGroups(heldOut.groups!))} of ${thousands(countGroups(source.groups))} groups)`;
  const which = time === undefined ? "" : "the last ";
  const again = refit ? "" : "; refit: true then trains on them too";
  return (
    `${place}${which}${thousands(heldOut.size)} of ${thousands(source.size)} rows${groups} were held out to ` +
    `decide when to stop${again}; validation: false trains on all rows for a fixed number of epochs`
  );
}

/** Decides what is measured on held-out data. */
export function planValidation(
  kept: Pick<MeasurableSource, "labelRange">,
  heldOut: Pick<MeasurableSource, "targets" | "groups" | "readHeldOut">,
  settings: FitSettings,
  { place, loss, knownRange }: DivisionContext,
): Validation {
  const inside = `${place}validation.`;
  const labelRange = unionOf(knownRange, kept.labelRange);
  const { metrics, monitor } = planMetrics(inside, heldOut, settings, loss, labelRange);
  const { targets, groups } = heldOut;
  // Metrics of many rows take some time, so there is a pause between two of them. Ranking metrics share their
  // lists, which are made for all of them at once.
  const parts = [
    ...metrics.filter((metric) => !isRankingMetric(metric)).map((metric) => [metric]),
    metrics.filter(isRankingMetric),
  ];
  return {
    monitor,
    *read(space) {
      const rows = yield* heldOut.readHeldOut(inside, space);
      return async (predictor, pacer) => {
        const scores = new Float64Array(targets.length);
        let at = 0;
        for (const part of rows.parts) {
          scores.set(await runPaced(predictor.scoreExactly(part), pacer), at);
          at += part.rows;
        }
        const measured: Record<string, number> = { loss: rows.loss(scores) };
        for (const some of parts) {
          if (pacer.due) await pacer.rest();
          Object.assign(measured, measureAll(some, { scores, targets, groups, loss, labelRange }));
        }
        return Object.fromEntries(["loss", ...metrics].map((name) => [name, measured[name]]));
      };
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
  { targets, groups }: Pick<MeasurableSource, "targets" | "groups">,
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
