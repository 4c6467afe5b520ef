// Held-out data: kept back or given, read as the training rows are, and measured after every epoch.

import { runPaced, type Pacer } from "../core/cooperate.ts";
import { readInput, type Reader } from "../data/input.ts";
import type { CSRMatrix } from "../core/sparse.ts";
import type { Loss } from "../losses.ts";
import {
  drawPairs, exampleCount, labelledExamples, pairedExamples, splitExamples, widenRange, type Drawing, type LabelledExamples, type PairedExamples,
} from "./examples.ts";
import type { FitSettings, Validation } from "./fit-options.ts";
import { chooseMetrics, measureAll, type Metric, type Scored } from "./metrics.ts";
import type { Trainer } from "./trainer.ts";

/** Measures a model: values by name, "loss" among them if there is one. */
export type Measure = (trainer: Trainer, pacer: Pacer) => Promise<Record<string, number>>;

/** Held-out data, checked, and read once it is known how. */
export interface HeldOut {
  /** What decides which epoch is best. */
  readonly monitor: Metric | "loss";
  read(reader: Reader): Generator<void, Measure>;
}

type Range = readonly [number, number] | null;

/**
 * What of the examples is trained on and what is held out.
 *
 * @param knownRange The labels' range in earlier training.
 */
export function holdOut<E extends LabelledExamples | PairedExamples>(
  place: string, examples: E, settings: FitSettings, drawing: Drawing, knownRange: Range,
): { kept: E; heldOut: HeldOut | null } {
  const { validation } = settings;
  const { loss, seed } = drawing;
  if (validation === undefined) return { kept: examples, heldOut: null };
  let [kept, apart]: [E, LabelledExamples | PairedExamples] = [examples, examples];
  if (typeof validation === "number") {
    planMetrics(place, examples, settings, loss, widenRange(knownRange, examples)); // refuses while positions are the user's
    [kept, apart] = splitExamples(place, examples, validation, seed);
  } else {
    apart = validationExamples(place, loss, validation);
  }
  const inside = `${place}validation.`;
  const labelRange = widenRange(knownRange, kept);
  const { metrics, monitor } = planMetrics(inside, apart, settings, loss, labelRange);
  const scoredWith = { loss, labelRange };
  return {
    kept,
    heldOut: { monitor, read: (reader) => (apart.kind === "pairs" ? readPairs(inside, apart, reader, metrics, scoredWith) : readLabelled(inside, apart, reader, metrics, scoredWith, drawing)) },
  };
}

function validationExamples(place: string, loss: Loss, validation: Exclude<Validation, number>): LabelledExamples | PairedExamples {
  const examples = "x" in validation
    ? labelledExamples(`${place}validation.`, loss, validation.x, validation.y, undefined, validation.groups)
    : pairedExamples(`${place}validation.`, validation.positives, validation.negatives);
  if (exampleCount(examples) === 0) throw new RangeError(`${place}validation needs at least one row, got 0`);
  return examples;
}

/** What to measure on these examples, which must be able to give it. `place` is what errors start with, such as "fit: ". */
function planMetrics(
  place: string, examples: LabelledExamples | PairedExamples, { metrics, monitor }: FitSettings, loss: Loss, labelRange: Range,
): { metrics: readonly Metric[]; monitor: Metric | "loss" } {
  const labelled = examples.kind === "labelled" ? examples : { targets: targetsOfPairs(exampleCount(examples)), groups: null };
  const scored = { targets: labelled.targets, groups: labelled.groups, loss, labelRange };
  const measured = chooseMetrics(metrics, scored, place);
  const watched = monitor ?? metrics?.[0] ?? "loss";
  if (watched === "loss" || measured.includes(watched)) return { metrics: measured, monitor: watched };
  return { metrics: [...measured, ...chooseMetrics([watched], scored, place)], monitor: watched };
}

/** Pairs as labelled rows: 1 for each positive, then 0 for each negative. */
function targetsOfPairs(pairs: number): Float32Array {
  return new Float32Array(2 * pairs).fill(1, 0, pairs);
}

type ScoredWith = Pick<Scored, "loss" | "labelRange">;

function* readPairs(place: string, examples: PairedExamples, reader: Reader, metrics: readonly Metric[], scoredWith: ScoredWith): Generator<void, Measure> {
  const positives = yield* readInput(examples.positives, reader, `${place}positives`);
  const negatives = yield* readInput(examples.negatives, reader, `${place}negatives`);
  const pairs = positives.rows;
  const targets = targetsOfPairs(pairs);
  return async (trainer, pacer) => {
    const scores = new Float32Array(2 * pairs);
    scores.set(await scoreAll(trainer, positives, pacer));
    scores.set(await scoreAll(trainer, negatives, pacer), pairs);
    const loss = meanPairLoss(scoredWith.loss, pairs, (pair) => scores[pair] - scores[pairs + pair]);
    return { loss, ...measureAll(metrics, { scores, targets, groups: null, ...scoredWith }) };
  };
}

function* readLabelled(
  place: string, examples: LabelledExamples, reader: Reader, metrics: readonly Metric[], scoredWith: ScoredWith, drawing: Drawing,
): Generator<void, Measure> {
  const { targets, groups } = examples;
  const { loss } = scoredWith;
  const pairs = loss.kind === "pairwise" ? drawPairs(place, targets, groups, drawing) : null;
  const x = yield* readInput(examples.x, reader, `${place}x`);
  return async (trainer, pacer) => {
    const scores = await scoreAll(trainer, x, pacer);
    const mean = pairs === null
      ? meanLoss(loss, scores, targets)
      : meanPairLoss(loss, pairs.count, (pair) => scores[pairs.better(pair)] - scores[pairs.worse(pair, 1)]); // the same pairs after every epoch
    return { loss: mean, ...measureAll(metrics, { scores, targets, groups, ...scoredWith }) };
  };
}

function scoreAll(trainer: Trainer, x: CSRMatrix, pacer: Pacer): Promise<Float32Array> {
  return runPaced(trainer.score(x, new Float32Array(x.rows)), pacer);
}

function meanLoss(loss: Loss, scores: Float32Array, targets: Float32Array): number {
  if (loss.kind !== "pointwise") return NaN;
  let sum = 0;
  for (let i = 0; i < scores.length; i++) sum += loss.value(scores[i], targets[i]);
  return sum / scores.length;
}

function meanPairLoss(loss: Loss, pairs: number, difference: (pair: number) => number): number {
  if (loss.kind !== "pairwise") return NaN;
  let sum = 0;
  for (let pair = 0; pair < pairs; pair++) sum += loss.value(difference(pair));
  return sum / pairs;
}
