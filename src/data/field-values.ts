// Reads the values of fields: levels, numbers, flags and lists. Learning and encoding read them alike.

import { describe, isArrayLike, isRecord, wrongType } from "../core/errors.ts";
import { type FeatureMap, fieldPlace, fieldsOfRecord } from "./feature-map.ts";
import { badValue, isFloat32 } from "./sparse-row.ts";

/** Text that stands for a missing value in a number field. */
const MISSING_TEXT = new Set(["", "?", "-", "NA", "N/A", "n/a", "NaN", "nan", "null", "NULL", "None"]);

/** A decimal number as programs write it: no spaces inside, no leading "+", no thousands separators. */
const NUMBER_TEXT = /^-?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?$/;

/**
 * Reads text as a number.
 *
 * @param text The text. Spaces around it do not matter.
 * @returns The number; null if the text stands for a missing value; NaN if it is no number, or too large.
 */
export function numberOfText(text: string): number | null {
  const trimmed = text.trim();
  if (NUMBER_TEXT.test(trimmed)) return isFloat32(Number(trimmed)) ? Number(trimmed) : NaN;
  return MISSING_TEXT.has(trimmed) ? null : NaN;
}

/**
 * Reads one level.
 *
 * @param value Text, a number, a bigint, a boolean or a `Date`.
 * @returns The level; undefined for other values.
 */
export function levelOf(value: unknown): string | undefined {
  if (typeof value === "string") return value;
  if (typeof value === "number") return value - value === 0 ? String(value) : undefined;
  if (typeof value === "bigint" || typeof value === "boolean") return String(value);
  return value instanceof Date && Number.isFinite(value.getTime()) ? value.toISOString() : undefined;
}

/**
 * Reads a flag.
 *
 * @param value true or false, 1 or 0, or one of them as text.
 * @returns The flag; null if the text stands for a missing value; undefined for other values.
 */
export function flagOf(value: unknown): boolean | null | undefined {
  if (typeof value === "boolean") return value;
  if (typeof value !== "string" && typeof value !== "number" && typeof value !== "bigint") return undefined;
  const trimmed = String(value).trim();
  const text = trimmed.toLowerCase();
  if (text === "1" || text === "true") return true;
  if (text === "0" || text === "false") return false;
  return MISSING_TEXT.has(trimmed) || MISSING_TEXT.has(text) ? null : undefined;
}

/** Says whether a value lists levels: an array, a Set, or a typed array of integers. */
export function isList(value: unknown): value is Iterable<unknown> {
  return value instanceof Set || (isArrayLike(value) && !isVector(value));
}

/** Says whether a value gives weights to levels: an object or a Map of numbers, or a vector. */
export function isWeighted(value: unknown): boolean {
  return value instanceof Map || isVector(value) || isRecord(value);
}

/** Says whether a value is a typed array of floating-point numbers. Its positions are levels. */
function isVector(value: unknown): value is Float32Array | Float64Array {
  return value instanceof Float32Array || value instanceof Float64Array;
}

/**
 * Visits the levels of a list.
 *
 * @param list A value for which `isList` returns true.
 * @param place What errors call the row.
 * @param field Name of the field.
 * @param visit Called with each level.
 * @throws TypeError or RangeError that names the entry.
 */
export function walkList(
  list: Iterable<unknown>,
  place: string,
  field: string,
  visit: (level: string) => void,
): void {
  let i = 0;
  for (const item of list) {
    const level = levelOf(item);
    if (level === undefined) {
      throw badLevel(`${fieldPlace(place, field)}[${i}]`, item, "leave it out of the list");
    }
    visit(level);
    i++;
  }
}

/**
 * Visits the levels of a weighted list.
 *
 * @param weights A value for which `isWeighted` returns true.
 * @param place What errors call the row.
 * @param field Name of the field.
 * @param visit Called with each level and its weight, a float32.
 * @throws TypeError or RangeError that names the entry.
 */
export function walkWeights(
  weights: unknown,
  place: string,
  field: string,
  visit: (level: string, weight: number) => void,
): void {
  const push = (key: unknown, weight: unknown): void => {
    const level = levelOf(key);
    if (level === undefined) throw badLevel(`${fieldPlace(place, field)}: a key`, key, "keys are levels");
    if (!isFloat32(weight)) throw badValue(fieldPlace(fieldPlace(place, field), level), weight);
    visit(level, Math.fround(weight));
  };
  if (weights instanceof Map) for (const [key, weight] of weights as Map<unknown, unknown>) push(key, weight);
  else if (isVector(weights)) weights.forEach((weight, position) => push(position, weight));
  else for (const key of Object.keys(weights as object)) push(key, (weights as Record<string, unknown>)[key]);
}

/** The error for a value that is no level. */
function badLevel(place: string, value: unknown, remedy: string): Error {
  if (typeof value === "number") return badValue(place, value);
  return wrongType(place, `a string, number, bigint, boolean or Date (${remedy})`, value);
}

/**
 * Visits the fields of a row in their order, those without a value included.
 *
 * @param row An object, or a Map from field names to values.
 * @param place What errors call the row.
 * @param visit Called with each field and its value.
 * @throws TypeError that names the row, or a key that is no field name.
 */
export function walkFields(
  row: FeatureMap,
  place: string,
  visit: (field: string, value: unknown) => void,
): void {
  if (row instanceof Map) {
    for (const [field, value] of row as ReadonlyMap<unknown, unknown>) {
      if (typeof field !== "string")
        throw new TypeError(`${place}: keys must be field names, got ${describe(field)}`);
      visit(field, value);
    }
  } else if (isRecord(row)) {
    // Object literals, which most rows are, take the short way.
    if (Object.getPrototypeOf(row) === Object.prototype) for (const field in row) visit(field, row[field]);
    else for (const field of fieldsOfRecord(row)) visit(field, row[field]);
  } else {
    throw wrongType(place, "an object or a Map from field names to values", row);
  }
}

/**
 * Reads the number of a number field.
 *
 * @param value A number, a bigint, a boolean (1 or 0), a `Date` (milliseconds) or text.
 * @returns The number; null if the text stands for a missing value; NaN or undefined if it is no number.
 */
export function numberOf(value: unknown): number | null | undefined {
  if (typeof value === "number") return value;
  if (typeof value === "string") return numberOfText(value);
  if (typeof value === "boolean" || typeof value === "bigint") return Number(value);
  return value instanceof Date ? value.getTime() : undefined;
}

/** What a value must be, by the kind of its field. */
const EXPECTED: Readonly<Record<string, string>> = {
  category: "one string, number, bigint, boolean or Date",
  number: "a number, a numeric string or a Date",
  flag: "true or false",
  list: "an array or Set of strings or numbers",
  "weighted list": "an object or Map of numbers",
  any: "a number, string, boolean, array of strings, object of numbers or null",
};

/**
 * Refuses a value that the kind of its field cannot take.
 *
 * @param field The field.
 * @param value The value.
 * @param place What errors call the row.
 * @throws TypeError or RangeError that names the field and the way out.
 */
export function refuse(
  { name, kind }: { readonly name: string; readonly kind: string },
  value: unknown,
  place: string,
): never {
  const at = fieldPlace(place, name);
  if (typeof value === "number" && !isFloat32(value)) {
    throw new RangeError(`${badValue(at, value).message}; write null for a missing value`);
  }
  if (kind === "any") throw wrongType(at, EXPECTED.any, value);
  const reason = `this is a ${kind} field; another kind is given by fields: { ${JSON.stringify(name)}: … }`;
  throw new TypeError(`${at} must be ${EXPECTED[kind]} or null, got ${describe(value)} (${reason})`);
}
