// Training examples on their way from what users pass to what the trainer reads: checked, split, encoded.

import { wrongValue } from "../core/errors.ts";
import { randomKey, randomPermutation, Stream } from "../core/random.ts";
import { FeatureEncoder } from "../data/feature-encoder.ts";
import { checkInput, countRows, learnEncoder, needsEncoder, readInput, readLabels, readWeights, takeRows, type Input, type Reader } from "../data/input.ts";
import type { Loss } from "../losses.ts";
import type { ValidationPlan } from "./fit.ts";
import type { FitSettings } from "./fit-options.ts";
import { chooseMetrics } from "./metrics.ts";
import { matricesOf, type TrainingData } from "./trainer.ts";

/** Examples as users pass them, with labels already mapped to targets. */
export type Examples =
  | { readonly kind: "pointwise"; readonly x: Input; readonly targets: Float32Array; readonly weights: Float32Array | null }
  | { readonly kind: "pairwise"; readonly positives: Input; readonly negatives: Input };

/** Checks labelled rows. `place` is what errors start with, such as "fit: ". */
export function labelledExamples(place: string, loss: Loss, x: unknown, y: unknown, sampleWeight?: unknown): Examples {
  const input = snapshot(checkInput(x, `${place}x`));
  const rows = countRows(input);
  const targets = readTargets(`${place}y`, loss, y, rows);
  return { kind: "pointwise", x: input, targets, weights: sampleWeight === undefined ? null : readWeights(sampleWeight, rows, `${place}sampleWeight`) };
}

/** The rows as they are now: `fit` gives way to the event loop before it has read all of them. */
function snapshot(x: Input): Input {
  return Array.isArray(x) ? x.slice() : x;
}

/** Checks pairs of rows. */
export function pairedExamples(place: string, positives: unknown, negatives: unknown): Examples {
  const pairs = {
    positives: snapshot(checkInput(positives, `${place}positives`)), negatives: snapshot(checkInput(negatives, `${place}negatives`)),
  };
  const [count, other] = [countRows(pairs.positives), countRows(pairs.negatives)];
  if (other !== count) throw wrongValue(`${place}negatives`, `as many rows as positives (${count})`, other);
  return { kind: "pairwise", ...pairs };
}

/** Checks labels and maps them as the loss wants. */
export function readTargets(place: string, loss: Loss, y: unknown, rows: number): Float32Array {
  if (loss.kind === "pairwise" || !loss.target) return readLabels(y, rows, place, (label) => label, undefined);
  return readLabels(y, rows, place, loss.target.bind(loss), loss.labels);
}

/** Number of examples: rows, or pairs. */
export function exampleCount(examples: Examples): number {
  return countRows(examples.kind === "pointwise" ? examples.x : examples.positives);
}

/** Holds out a random share of the examples, the same under the same seed. */
export function splitExamples(place: string, examples: Examples, share: number, seed: number): [kept: Examples, heldOut: Examples] {
  const count = exampleCount(examples);
  const size = Math.max(1, Math.round(count * share));
  if (size >= count) throw wrongValue(`${place}validation`, `a share that leaves rows to train on (of ${count})`, share);
  const order = randomPermutation(randomKey(seed, Stream.split), count);
  return [takeExamples(examples, order.slice(size).sort()), takeExamples(examples, order.slice(0, size).sort())];
}

function takeExamples(examples: Examples, rows: Uint32Array): Examples {
  if (examples.kind === "pairwise") {
    return { kind: "pairwise", positives: takeRows(examples.positives, rows), negatives: takeRows(examples.negatives, rows) };
  }
  const take = (column: Float32Array): Float32Array => Float32Array.from(rows, (row) => column[row]);
  return { kind: "pointwise", x: takeRows(examples.x, rows), targets: take(examples.targets), weights: examples.weights && take(examples.weights) };
}

/**
 * Decides how rows are read. A fitted encoder is used as it is; from an unfitted one its options are taken. Without
 * either, feature maps get a fresh encoder - unless `numFeatures` is given: then their keys are feature indices.
 */
export function* makeReader(
  place: string, examples: Examples, given: FeatureEncoder | null, numFeatures: number | null,
): Generator<void, Reader> {
  if (given?.fitted) return { encoder: given.frozen(), numFeatures: numFeatures ?? given.numFeatures };
  const parts: [Input, string][] = examples.kind === "pointwise"
    ? [[examples.x, `${place}x`]]
    : [[examples.positives, `${place}positives`], [examples.negatives, `${place}negatives`]];
  if (given === null && (numFeatures !== null || !needsEncoder(parts[0][0]))) return { encoder: null, numFeatures };
  const encoder = new FeatureEncoder(given?.options);
  yield* learnEncoder(encoder, parts);
  if (numFeatures !== null && encoder.numFeatures > numFeatures) {
    throw wrongValue("NFM: numFeatures", `at least the number of features in the data (${encoder.numFeatures})`, numFeatures);
  }
  return { encoder: encoder.frozen(), numFeatures: numFeatures ?? encoder.numFeatures };
}

/** Turns examples into matrices. */
export function* readExamples(place: string, examples: Examples, reader: Reader): Generator<void, TrainingData> {
  if (examples.kind === "pointwise") return { ...examples, x: yield* readInput(examples.x, reader, `${place}x`) };
  const positives = yield* readInput(examples.positives, reader, `${place}positives`);
  const negatives = yield* readInput(examples.negatives, reader, `${place}negatives`);
  return { kind: "pairwise", positives, negatives };
}

/** The number of features that training data imply. */
export function widthOf(data: TrainingData): number {
  return Math.max(...matricesOf(data).map((x) => x.cols));
}

/** The range of the labels seen so far. */
export function widenRange(range: readonly [number, number] | null, data: Examples | TrainingData): readonly [number, number] | null {
  if (data.kind === "pairwise") return range;
  let [low, high] = range ?? [Infinity, -Infinity];
  for (const target of data.targets) {
    if (target < low) low = target;
    if (target > high) high = target;
  }
  return [low, high];
}

/** Checks the validation data that `fit` was given. */
export function validationExamples(place: string, loss: Loss, validation: Exclude<FitSettings["validation"], number | undefined>): Examples {
  const examples = "x" in validation
    ? labelledExamples(`${place}validation.`, loss, validation.x, validation.y)
    : pairedExamples(`${place}validation.`, validation.positives, validation.negatives);
  if (exampleCount(examples) === 0) throw new RangeError(`${place}validation needs at least one row, got 0`);
  return examples;
}

/** What to measure on these examples, which must be able to give it. `place` is what errors start with, such as "fit: ". */
export function planMetrics(
  place: string, examples: Examples, { metrics, monitor }: FitSettings, loss: Loss, labelRange: readonly [number, number] | null,
): Pick<ValidationPlan, "metrics" | "monitor"> {
  const count = exampleCount(examples);
  const targets = examples.kind === "pointwise" ? examples.targets : new Float32Array(2 * count).fill(1, 0, count);
  const measured = chooseMetrics(metrics, { targets, loss, labelRange }, place);
  const watched = monitor ?? metrics?.[0] ?? "loss";
  if (watched === "loss" || measured.includes(watched)) return { metrics: measured, monitor: watched };
  return { metrics: [...measured, ...chooseMetrics([watched], { targets, loss, labelRange }, place)], monitor: watched };
}
