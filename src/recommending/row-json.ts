// Rows of items as JSON, for the file of a recommender. What JSON does not have becomes an object with one
// string: { "date": ... }, { "bigint": ... }. A Map that no object could replace becomes an object with one array
// of pairs: { "fields": ... }, { "weights": ... }. A weighted list has only numbers, and no list has lists, so
// that nothing of this can be confused.

import { isRecord, wrongType } from "../core/errors.ts";
import { isSparseVector } from "../data/checked-rows.ts";
import { fieldsOfRecord } from "../data/feature-map.ts";
import { isList, isWeighted } from "../data/field-values.ts";

/**
 * Turns a row into JSON data.
 *
 * @param row A feature map or a sparse vector that was read before.
 * @returns Plain data, which `rowFromJSON` turns into a row with the same features.
 */
export function rowToJSON(row: unknown): unknown {
  if (isSparseVector(row)) {
    const { indices, values } = row;
    return { indices: Array.from(indices), ...(values == null ? {} : { values: Array.from(values) }) };
  }
  const entries =
    row instanceof Map
      ? [...(row as Map<unknown, unknown>)]
      : fieldsOfRecord(row as object).map((field) => [field, (row as Record<string, unknown>)[field]]);
  return pairsToJSON(
    entries.map(([field, value]) => [field, valueToJSON(value)]),
    "fields",
  );
}

/** Makes an object of pairs, or lists them where an object would have others, or in another order. */
function pairsToJSON(pairs: readonly [name: unknown, value: unknown][], list: "fields" | "weights"): unknown {
  const record = Object.fromEntries(pairs.map(([name, value]) => [textOf(name), value]));
  const names = Object.keys(record);
  const isSame = names.length === pairs.length && pairs.every(([name], i) => textOf(name) === names[i]);
  return isSame ? record : { [list]: pairs.map(([name, value]) => [valueToJSON(name), value]) };
}

/** Turns a value of a field, or an id, into JSON data. */
export function valueToJSON(value: unknown): unknown {
  if (value == null) return null;
  if (value instanceof Date) return { date: value.toISOString() };
  if (typeof value === "bigint") return { bigint: String(value) };
  if (isList(value)) return Array.from(value, valueToJSON);
  if (!isWeighted(value)) return value;
  const weights =
    value instanceof Map ? [...(value as Map<unknown, unknown>)] : Object.entries(value as object);
  return pairsToJSON(weights, "weights");
}

/** A level as text, as an encoder reads it. */
function textOf(level: unknown): string {
  return level instanceof Date ? level.toISOString() : String(level);
}

/**
 * Turns JSON data into a row.
 *
 * @param json Data of `rowToJSON`. Nothing is trusted: what is no row is refused here or when it is read.
 * @param place What errors call the data.
 * @returns The row.
 * @throws TypeError if it is no object.
 */
export function rowFromJSON(json: unknown, place: string): unknown {
  if (!isRecord(json)) throw wrongType(place, "an object", json);
  if (isSparseVector(json)) return json;
  const { fields } = json;
  if (isPairs(fields)) return new Map(fields.map(([field, value]) => [field, valueFromJSON(value)]));
  return Object.fromEntries(Object.entries(json).map(([field, value]) => [field, valueFromJSON(value)]));
}

/** The inverse of `valueToJSON`. */
export function valueFromJSON(value: unknown): unknown {
  if (Array.isArray(value)) return Array.from(value as unknown[], scalarFromJSON);
  const { weights } = (value ?? {}) as { weights?: unknown };
  if (isPairs(weights)) return new Map(weights.map(([level, weight]) => [scalarFromJSON(level), weight]));
  return scalarFromJSON(value);
}

/** The value of an entry of a list. Lists in lists stay as they are, and are refused when they are read. */
function scalarFromJSON(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  const { date, bigint } = value as { date?: unknown; bigint?: unknown };
  if (typeof date === "string") return new Date(date);
  return typeof bigint === "string" && /^-?\d+$/.test(bigint) ? BigInt(bigint) : value;
}

/** Whether JSON data are pairs of `pairsToJSON`, and not a list of a row, whose entries are no arrays. */
function isPairs(json: unknown): json is [name: unknown, value: unknown][] {
  return (
    Array.isArray(json) && json.length > 0 && json.every((pair) => Array.isArray(pair) && pair.length === 2)
  );
}
