// Checks the numbers that come with rows: labels and sample weights.

import { isArrayLike, wrongType, wrongValue } from "../core/errors.ts";
import { badValue, isFloat32 } from "./sparse-row.ts";

/**
 * Checks labels: as many as rows, each finite in float32.
 *
 * @param y Labels; (rows).
 * @param place What errors call y.
 * @param target Maps each label to what the loss compares with; NaN refuses the label.
 * @param accepted What `target` accepts, in words.
 * @returns Targets; (rows).
 * @throws TypeError or RangeError that names the label.
 */
export function readLabels(
  y: unknown,
  rows: number,
  place: string,
  target: (label: number) => number,
  accepted: string = "a label that the loss accepts",
): Float32Array {
  if (!isArrayLike(y)) throw wrongType(place, "an array of numbers", y);
  if (y.length !== rows) throw wrongValue(`${place}.length`, `the number of rows of x (${rows})`, y.length);
  const targets = new Float32Array(rows);
  for (let i = 0; i < rows; i++) {
    const label = y[i];
    if (!isFloat32(label)) throw badValue(`${place}[${i}]`, label);
    targets[i] = target(label);
    if (Number.isNaN(targets[i])) throw wrongValue(`${place}[${i}]`, accepted, label);
  }
  return targets;
}

/**
 * Checks sample weights: one per row, finite, at least 0, not all 0.
 *
 * @param weights Weights; (rows).
 * @param place What errors call them.
 * @returns The weights; (rows).
 * @throws TypeError or RangeError that names the weight.
 */
export function readWeights(weights: unknown, rows: number, place: string): Float32Array {
  const read = readLabels(weights, rows, place, (weight) => (weight >= 0 ? weight : NaN), "at least 0");
  if (rows > 0 && read.every((weight) => weight === 0))
    throw wrongValue(place, "above 0 somewhere", "only zeros");
  return read;
}
