// Training examples on their way from what users pass to what the trainer reads: checked, split, encoded.

import { wrongValue } from "../core/errors.ts";
import { randomKey, randomPermutation, Stream } from "../core/random.ts";
import { FeatureEncoder } from "../data/feature-encoder.ts";
import { GroupPairs } from "../data/group-pairs.ts";
import { countGroups, numbered, readIds } from "../data/ids.ts";
import { checkInput, countRows, learnEncoder, needsEncoder, readInput, readLabels, readWeights, takeRows, type Input, type Lesson, type Reader } from "../data/input.ts";
import { PickedRows } from "../data/rows.ts";
import type { Loss } from "../losses.ts";
import { readEvents, type EventExamples } from "./events.ts";
import { partsOf, type TrainingData } from "./trainer.ts";

/** Rows with labels already mapped to targets. A pairwise loss draws pairs within the groups. */
export interface LabelledExamples {
  readonly kind: "labelled";
  readonly x: Input;
  readonly targets: Float32Array;
  readonly weights: Float32Array | null;
  /** Group number of each row, from 0 in the order of appearance. */
  readonly groups: Uint32Array | null;
}

/** Row i of `positives` should score above row i of `negatives`. */
export interface PairedExamples {
  readonly kind: "pairs";
  readonly positives: Input;
  readonly negatives: Input;
}

/** Examples as users pass them, checked. */
export type Examples = LabelledExamples | PairedExamples | EventExamples;

/** What decides which pairs and negatives are drawn. */
export interface Drawing {
  readonly loss: Loss;
  readonly seed: number;
  /** Most pairs per better row and epoch. */
  readonly pairsPerRow: number;
}

/** Checks labelled rows. `place` is what errors start with, such as "fit: ". */
export function labelledExamples(place: string, loss: Loss, x: unknown, y: unknown, sampleWeight?: unknown, groups?: unknown, pairsPerRow?: unknown): LabelledExamples {
  const input = snapshot(checkInput(x, `${place}x`));
  const rows = countRows(input);
  const targets = readTargets(`${place}y`, loss, y, rows);
  if (loss.kind === "pairwise" && sampleWeight !== undefined) throw new TypeError(`${place}sampleWeight weighs rows, and the ${loss.name} loss compares pairs; leave it out`);
  if (loss.kind === "pointwise" && pairsPerRow !== undefined) throw new TypeError(`${place}pairsPerRow draws pairs, and the ${loss.name} loss takes rows one by one; leave it out`);
  const weights = sampleWeight === undefined ? null : readWeights(sampleWeight, rows, `${place}sampleWeight`);
  return { kind: "labelled", x: input, targets, weights, groups: groups === undefined ? null : readIds(groups, rows, `${place}groups`, "the number of rows of x") };
}

/** The rows as they are now: `fit` gives way to the event loop before it has read all of them. */
export function snapshot(x: Input): Input {
  return Array.isArray(x) ? x.slice() : x;
}

/** Checks pairs of rows. */
export function pairedExamples(place: string, positives: unknown, negatives: unknown): PairedExamples {
  const pairs = {
    positives: snapshot(checkInput(positives, `${place}positives`)), negatives: snapshot(checkInput(negatives, `${place}negatives`)),
  };
  const [count, other] = [countRows(pairs.positives), countRows(pairs.negatives)];
  if (other !== count) throw wrongValue(`${place}negatives`, `as many rows as positives (${count})`, other);
  return { kind: "pairs", ...pairs };
}

/** Checks labels and maps them as the loss wants. */
export function readTargets(place: string, loss: Loss, y: unknown, rows: number): Float32Array {
  if (loss.kind === "pairwise" || !loss.target) return readLabels(y, rows, place, (label) => label, undefined);
  return readLabels(y, rows, place, loss.target.bind(loss), loss.labels);
}

/** Number of examples: rows, pairs or events. */
export function exampleCount(examples: Examples): number {
  return countRows(examples.kind === "labelled" ? examples.x : examples.kind === "pairs" ? examples.positives : examples.contexts);
}

/** Holds out a random share of the examples, or of their groups, the same under the same seed. */
export function splitExamples<E extends LabelledExamples | PairedExamples>(place: string, examples: E, share: number, seed: number): [kept: E, heldOut: E] {
  const groups = examples.kind === "labelled" ? examples.groups : null;
  const rows = exampleCount(examples);
  const count = groups === null ? rows : countGroups(groups);
  const size = Math.max(1, Math.round(count * share));
  if (size >= count) throw wrongValue(`${place}validation`, `a share that leaves ${groups ? "groups" : "rows"} to train on (of ${count})`, share);
  const order = randomPermutation(randomKey(seed, Stream.split), count);
  const isHeldOut = new Uint8Array(count);
  for (let i = 0; i < size; i++) isHeldOut[order[i]] = 1;
  const take = (flag: number): E => takeExamples(examples, Uint32Array.from({ length: rows }, (_, row) => row).filter((row) => isHeldOut[groups === null ? row : groups[row]] === flag));
  return [take(0), take(1)];
}

function takeExamples<E extends LabelledExamples | PairedExamples>(examples: E, rows: Uint32Array): E {
  if (examples.kind === "pairs") return { ...examples, positives: takeRows(examples.positives, rows), negatives: takeRows(examples.negatives, rows) };
  const { x, targets, weights, groups } = examples;
  const take = (column: Float32Array): Float32Array => Float32Array.from(rows, (row) => column[row]);
  return { ...examples, x: takeRows(x, rows), targets: take(targets), weights: weights && take(weights), groups: groups && numbered(rows.map((row) => groups[row])) };
}

/** What an encoder learns the vocabulary from. Features of a catalogue are known, however few events they have. */
function lessonsOf(place: string, examples: Examples): Lesson[] {
  switch (examples.kind) {
    case "labelled":
      return [[examples.x, `${place}x`]];
    case "pairs":
      return [[examples.positives, `${place}positives`], [examples.negatives, `${place}negatives`]];
    case "events":
      return [[examples.contexts, `${place}contexts`], [examples.items.input, examples.items.place, Infinity]];
  }
}

/**
 * Decides how rows are read. A fitted encoder is used as it is; from an unfitted one its options are taken. Without
 * either, feature maps get a fresh encoder - unless `numFeatures` is given: then their keys are feature indices.
 */
export function* makeReader(
  place: string, examples: Examples, given: FeatureEncoder | null, numFeatures: number | null,
): Generator<void, Reader> {
  if (given?.fitted) return { encoder: given.frozen(), numFeatures: numFeatures ?? given.numFeatures };
  const lessons = lessonsOf(place, examples);
  if (given === null && (numFeatures !== null || !lessons.some(([x]) => needsEncoder(x)))) return { encoder: null, numFeatures };
  const encoder = new FeatureEncoder(given?.options);
  yield* learnEncoder(encoder, lessons);
  if (numFeatures !== null && encoder.numFeatures > numFeatures) {
    throw wrongValue("NFM: numFeatures", `at least the number of features in the data (${encoder.numFeatures})`, numFeatures);
  }
  return { encoder: encoder.frozen(), numFeatures: numFeatures ?? encoder.numFeatures };
}

/** Turns examples into what the trainer reads. */
export function* readExamples(place: string, examples: Examples, reader: Reader, drawing: Drawing): Generator<void, TrainingData> {
  if (examples.kind === "events") return yield* readEvents(place, examples, reader, drawing);
  if (examples.kind === "pairs") {
    const positives = yield* readInput(examples.positives, reader, `${place}positives`);
    const negatives = yield* readInput(examples.negatives, reader, `${place}negatives`);
    return { kind: "pairwise", positives, negatives };
  }
  const { targets, weights, groups } = examples;
  const x = yield* readInput(examples.x, reader, `${place}x`);
  if (drawing.loss.kind === "pointwise") return { kind: "pointwise", x, targets, weights };
  const pairs = drawPairs(place, targets, groups, drawing);
  return {
    kind: "pairwise",
    positives: new PickedRows(x, pairs.count, (pair) => pairs.better(pair)),
    negatives: new PickedRows(x, pairs.count, (pair, epoch) => pairs.worse(pair, epoch)),
    skipped: pairs.skippedGroups,
  };
}

/** The pairs of a pairwise loss within groups, of which there must be one. */
export function drawPairs(place: string, targets: Float32Array, groups: Uint32Array | null, { loss, pairsPerRow, seed }: Drawing): GroupPairs {
  if (groups === null) throw new TypeError(`${place}groups is needed: the ${loss.name} loss compares rows within a group; pass groups, or use fitPairs`);
  const pairs = new GroupPairs(targets, groups, pairsPerRow, seed, `${place}pairsPerRow`);
  if (pairs.count === 0) throw new RangeError(`${place}groups must have two rows of different labels in some group, got none in ${pairs.skippedGroups} groups`);
  return pairs;
}

/** The number of features that training data imply. */
export function widthOf(data: TrainingData): number {
  return Math.max(...partsOf(data).map((x) => x.cols));
}

/** The range of the labels seen so far. */
export function widenRange(range: readonly [number, number] | null, examples: Examples): readonly [number, number] | null {
  if (examples.kind !== "labelled") return range;
  let [low, high] = range ?? [Infinity, -Infinity];
  for (const target of examples.targets) {
    if (target < low) low = target;
    if (target > high) high = target;
  }
  return [low, high];
}
