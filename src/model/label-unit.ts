// The unit of the labels. A model of the squared loss may be trained on standardized labels. Its scores are
//     score = mean + scale * (output of the network),
// computed in float64. Here are the numbers, the map, and their entry in the model file.

import { checkKeys, wrongType } from "../core/errors.ts";
import type { Classes } from "../data/labels.ts";

/** Mean and scale of the labels that the network was trained on. */
export interface LabelUnit {
  /** What the network's output 0 means; finite. */
  readonly mean: number;
  /** What a difference of 1 in the network's output means; finite, above 0. */
  readonly scale: number;
}

/** What a model knows about its labels. */
export interface LabelInfo {
  /** The unit of the labels; null: the network's outputs are the scores. */
  readonly unit: LabelUnit | null;
  /** The two strings that the labels were; null: numbers. */
  readonly classes: Classes | null;
}

/** A model whose labels were numbers and are in the unit of the network. */
export const PLAIN_LABELS: LabelInfo = { unit: null, classes: null };

/**
 * Copies outputs of the network as scores in the unit of the labels.
 *
 * @param unit The unit; null: outputs are scores.
 * @param outputs Outputs of the network, (count) or longer.
 * @param count Number of outputs to copy.
 * @param scores Receives the scores, from position `at`. A Float32Array rounds each score once.
 * @param at First position in `scores`.
 */
export function copyScores(
  unit: LabelUnit | null,
  outputs: Float32Array,
  count: number,
  scores: Float32Array | Float64Array,
  at: number,
): void {
  if (unit === null) {
    scores.set(outputs.subarray(0, count), at);
    return;
  }
  const { mean, scale } = unit;
  for (let i = 0; i < count; i++) scores[at + i] = mean + scale * outputs[i];
}

/**
 * Maps targets to what the network learns: (target - mean) / scale.
 *
 * @param unit The unit; null: targets are learned as they are.
 * @param targets Targets in the unit of the labels, (n).
 * @returns The targets of the network, computed in float64 and rounded once, (n).
 */
export function targetsIn(unit: LabelUnit | null, targets: ArrayLike<number>): Float32Array {
  const inUnit = new Float32Array(targets);
  if (unit === null) return inUnit;
  const { mean, scale } = unit;
  for (let i = 0; i < inUnit.length; i++) inUnit[i] = (targets[i] - mean) / scale;
  return inUnit;
}

/**
 * Writes what a model knows about its labels as JSON for a model file.
 *
 * @param labels What the model knows.
 * @returns The entry; null if there is nothing to write.
 */
export function labelsToJSON({ unit, classes }: LabelInfo): string | null {
  if (unit === null && classes === null) return null;
  return JSON.stringify({ ...unit, ...(classes && { classes }) });
}

/**
 * Reads the entry of a model file.
 *
 * @param json The entry; undefined if the file has none.
 * @returns What the model knows about its labels.
 * @throws TypeError or Error that names the part.
 */
export function labelsFromJSON(json: unknown): LabelInfo {
  if (json === undefined) return PLAIN_LABELS;
  const place = "load: __metadata__.labels";
  checkKeys(place, json, ["mean", "scale", "classes"]);
  const { mean, scale, classes } = json as { mean?: unknown; scale?: unknown; classes?: unknown };
  return {
    unit: mean === undefined && scale === undefined ? null : readUnit(mean, scale, place),
    classes: classes === undefined ? null : readClasses(classes, place),
  };
}

function readUnit(mean: unknown, scale: unknown, place: string): LabelUnit {
  if (typeof mean !== "number" || !Number.isFinite(mean))
    throw wrongType(`${place}.mean`, "a finite number", mean);
  if (typeof scale !== "number" || !Number.isFinite(scale) || scale <= 0)
    throw wrongType(`${place}.scale`, "a finite number above 0", scale);
  return { mean, scale };
}

function readClasses(classes: unknown, place: string): Classes {
  const isPair =
    Array.isArray(classes) && classes.length === 2 && classes.every((c) => typeof c === "string");
  if (!isPair || !(classes[0] < classes[1])) {
    const got = JSON.stringify(classes)?.slice(0, 80);
    throw new Error(`${place}.classes must be two strings in ascending order, got ${got}`);
  }
  return [classes[0], classes[1]];
}
