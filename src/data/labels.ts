// Reads the labels of rows: numbers, booleans, bigints, or the two strings that name the classes of a loss of
// two classes. Reads sample weights too.

import { describe, isArrayLike, wrongType, wrongValue } from "../core/errors.ts";
import { badValue, isFloat32 } from "./sparse-row.ts";

/** One label. A boolean counts as 1 or 0. A string is the name of a class. */
export type Label = number | boolean | bigint | string;

/**
 * One label per row, (rows): an array, a typed array, or anything that can be iterated in the order of the
 * rows. The losses "log" and "hinge" also take two different strings, in any order.
 */
export type Labels = object & (ArrayLike<Label> | Iterable<Label>);

/** The two strings that the labels are. The second in the order of code units is the positive class. */
export type Classes = readonly [negative: string, positive: string];

/** What labels may be. */
export interface LabelRules {
  /** Maps a label to what the loss compares with; NaN refuses the label. */
  target(label: number): number;
  /** What `target` accepts, in words. */
  readonly accepted: string;
  /** Whether labels may be two strings. They may as well if `known` are strings. */
  readonly takesClasses: boolean;
  /** The loss, as errors call it. */
  readonly loss: string;
  /** The strings that the model knows; null: it knows numbers; undefined: it knows nothing yet. */
  readonly known: Classes | null | undefined;
}

/** Labels that have been read. */
export interface ReadLabels {
  /** Labels as the loss maps them, in float64; (rows). */
  readonly targets: Float64Array;
  /** The two strings that the labels were; null: numbers. */
  readonly classes: Classes | null;
}

/** How to go on without a label. */
const LEAVE_OUT = "leave out the rows that have no label";

/**
 * Reads labels: as many as rows, each finite in float32.
 *
 * @param y Labels; (rows).
 * @param rows Number of rows.
 * @param place What errors call y.
 * @param rules What labels may be.
 * @returns The labels.
 * @throws TypeError or RangeError that names the label.
 */
export function readLabels(y: unknown, rows: number, place: string, rules: LabelRules): ReadLabels {
  const labels = listOf(y, place, "an array of numbers");
  checkLength(labels, rows, place);
  if (labels[0] instanceof Date)
    throw wrongType(`${place}[0]`, "a number, such as date.getTime()", labels[0]);
  if (typeof labels[0] === "string" && labels[0] !== "") return readTexts(labels, place, rules);
  const targets = new Float64Array(rows);
  for (let i = 0; i < rows; i++) {
    const label = typeof labels[i] === "number" ? labels[i] : numberOf(labels[i], `${place}[${i}]`);
    if (!isFloat32(label)) throw missing(`${place}[${i}]`, label);
    if (rules.known) throw notKnown(`${place}[${i}]`, rules.known, labels[i]);
    targets[i] = rules.target(label);
    if (Number.isNaN(targets[i])) throw wrongValue(`${place}[${i}]`, rules.accepted, labels[i]);
  }
  return { targets, classes: null };
}

/**
 * Reads sample weights: one per row, finite, at least 0, not all 0.
 *
 * @param weights Weights; (rows).
 * @param rows Number of rows.
 * @param place What errors call them.
 * @returns The weights; (rows).
 * @throws TypeError or RangeError that names the weight.
 */
export function readWeights(weights: unknown, rows: number, place: string): Float32Array {
  if (!isArrayLike(weights)) throw wrongType(place, "an array of numbers", weights);
  checkLength(weights, rows, place);
  const read = new Float32Array(rows);
  for (let i = 0; i < rows; i++) {
    const weight = weights[i];
    if (!isFloat32(weight)) throw badValue(`${place}[${i}]`, weight);
    if (!(weight >= 0)) throw wrongValue(`${place}[${i}]`, "at least 0", weight);
    read[i] = weight;
  }
  if (rows > 0 && read.every((weight) => weight === 0))
    throw wrongValue(place, "above 0 somewhere", "only zeros");
  return read;
}

/** Returns values that can be read by index. What can only be iterated is copied. */
function listOf(values: unknown, place: string, expected: string): ArrayLike<unknown> {
  if (isArrayLike(values)) return values;
  if (values instanceof Set || values instanceof Map) {
    const reason = "it keeps equal labels once, and every row needs a label of its own";
    const error = wrongType(place, expected, values);
    error.message += `: ${reason}`;
    throw error;
  }
  if (typeof values === "object" && values !== null) {
    const { length, [Symbol.iterator]: iterator } = values as Partial<ArrayLike<unknown> & Iterable<unknown>>;
    if (typeof iterator === "function") return Array.from(values as Iterable<unknown>);
    if (Number.isInteger(length)) return values as ArrayLike<unknown>;
  }
  throw wrongType(place, expected, values);
}

function checkLength(values: ArrayLike<unknown>, rows: number, place: string): void {
  if (values.length === rows) return;
  throw wrongValue(`${place}.length`, `the number of rows of x (${rows})`, values.length);
}

/** Returns the number that a boolean or a bigint stands for. Throws for everything else. */
function numberOf(label: unknown, place: string): number {
  if (typeof label === "boolean") return label ? 1 : 0;
  if (typeof label === "bigint") {
    const number = Number(label);
    if (Number.isSafeInteger(number)) return number;
    throw wrongValue(place, "an integer that a number can hold (up to 2^53 - 1)", label);
  }
  if (typeof label === "string" && label !== "") {
    throw new TypeError(`${place} must be a number, as the labels before it, got ${describe(label)}`);
  }
  throw missing(place, label);
}

/** Makes the error for what is no label. */
function missing(place: string, label: unknown): Error {
  const error = badValue(place, label);
  const isAbsent = label === null || label === undefined || label === "" || Number.isNaN(label);
  if (isAbsent) error.message += `; ${LEAVE_OUT}`;
  return error;
}

/** Reads labels whose first one is a string. */
function readTexts(labels: ArrayLike<unknown>, place: string, rules: LabelRules): ReadLabels {
  const found = new Set<string>();
  addTexts(found, labels, place, rules);
  const classes = rules.known ?? classesOf(found, place, rules);
  const [low, high] = [rules.target(0), rules.target(1)];
  const targets = new Float64Array(labels.length);
  for (let i = 0; i < targets.length; i++) targets[i] = labels[i] === classes[1] ? high : low;
  return { targets, classes: [...classes] };
}

/**
 * Collects the different strings among labels.
 *
 * @param found Receives them.
 * @param labels Labels, (rows).
 * @param place What errors call them.
 * @param rules What labels may be.
 * @throws TypeError or RangeError that names the label, if it is no string that may be a label.
 */
export function addTexts(
  found: Set<string>,
  labels: ArrayLike<unknown>,
  place: string,
  rules: LabelRules,
): void {
  const { takesClasses, known } = rules;
  if (known === null || !(known || takesClasses)) throw textError(labels, place, rules);
  for (let i = 0; i < labels.length; i++) {
    const label = labels[i];
    if (typeof label !== "string") {
      const error = wrongType(`${place}[${i}]`, "a string, as the labels before it", label);
      if (label === null || label === undefined) error.message += `; ${LEAVE_OUT}`;
      throw error;
    }
    if (label === "") throw missing(`${place}[${i}]`, label);
    if (known && !known.includes(label)) throw notKnown(`${place}[${i}]`, known, label);
    found.add(label);
  }
}

/**
 * Makes two strings the classes of a loss.
 *
 * @param found The different labels.
 * @param place What errors call the labels.
 * @param rules.loss The loss, as errors call it.
 * @returns The classes.
 * @throws RangeError if there are not two.
 */
export function classesOf(found: ReadonlySet<string>, place: string, { loss }: LabelRules): Classes {
  const sorted = [...found].sort();
  if (sorted.length !== 2) throw countError(sorted, place, loss);
  return [sorted[0], sorted[1]];
}

/** Makes the error for a label that is none of the strings that the model knows. */
function notKnown(place: string, [negative, positive]: Classes, label: unknown): Error {
  const expected = `${describe(negative)} or ${describe(positive)}, the classes of this model`;
  return typeof label === "string" ? wrongValue(place, expected, label) : wrongType(place, expected, label);
}

/** Makes the error for strings where numbers belong. */
function textError(labels: ArrayLike<unknown>, place: string, { takesClasses, loss }: LabelRules): TypeError {
  const error = `${place}[0] must be a number, got ${describe(labels[0])}`;
  const areNumbers = Array.from(labels).every(
    (label) => typeof label === "string" && label.trim() !== "" && Number.isFinite(Number(label)),
  );
  if (takesClasses)
    return new TypeError(`${error}: this model was trained with numbers as labels, not with strings`);
  if (areNumbers)
    return new TypeError(
      `${error}: all labels are texts of numbers; convert them with Array.from(y, Number)`,
    );
  return new TypeError(
    `${error}: the ${loss} loss takes no strings; if they name two classes, use loss: "log"`,
  );
}

/** Makes the error for a number of different strings other than two. */
function countError(found: readonly string[], place: string, loss: string): RangeError {
  const has = `${place} must have two different strings, the classes of the ${loss} loss`;
  if (found.length === 1) {
    const remedy = "if the other class is known, pass 1 and 0 in place of strings";
    return new RangeError(`${has}, got only ${describe(found[0])}; ${remedy}`);
  }
  const shown = found.slice(0, 4).map(describe).join(", ") + (found.length > 4 ? ", ..." : "");
  const one = describe(found[0]);
  const remedy = `learn one class against the rest, Array.from(y, (label) => label === ${one}), with a model for each`;
  return new RangeError(`${has}, got ${found.length} (${shown}); ${remedy}`);
}
