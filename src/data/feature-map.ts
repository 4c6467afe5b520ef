// Feature maps: which values a field may hold, and which named features they stand for. Learning a
// vocabulary, encoding and listing unseen features all use `walkFeatures`, so each kind of value is handled
// in one place.

import { describe, wrongType } from "../core/errors.ts";
import { badValue, isFloat32 } from "./sparse-row.ts";

/** A value of a field of a feature map. `null` and `undefined` mean that the field is absent. */
export type FeatureValue =
  | number
  | string
  | boolean
  | null
  | undefined
  | readonly string[]
  | Readonly<Record<string, number>>;

/**
 * One row, as field names and their values. For a model of sparse rows the keys are feature indices and the
 * values are numbers.
 *
 * @example
 * const map: FeatureMap = {
 *   user: "ana", item: "milk", hour: 18, member: true, tags: ["cold", "white"], mix: { fat: 0.3 },
 * };
 */
export type FeatureMap =
  | Readonly<Record<string, FeatureValue>>
  | ReadonlyMap<string, FeatureValue>
  | ReadonlyMap<number, number>;

/**
 * The condition that makes a user's own type a row: every field holds a feature value. Methods accept `T
 * extends FeatureRow<T>` besides `FeatureMap`, because TypeScript does not take an `interface` for a
 * `Record`.
 */
export type FeatureRow<T> = { readonly [Field in keyof T]: FeatureValue };

/**
 * Receives one feature. `name` is "field=value", or "field" for numbers and booleans. `scalable` says whether
 * the feature is a number field, to which scaling applies. A value that is 0 after scaling means absent.
 */
export type FeatureVisitor = (name: string, value: number, scalable: boolean) => void;

/**
 * Visits the features of a map in the order of its fields.
 *
 * @param map The map.
 * @param place What errors call the map, such as `fit: x[3]`.
 * @param visit Called once per feature.
 * @throws TypeError or RangeError that names the field.
 */
export function walkFeatures(map: FeatureMap, place: string, visit: FeatureVisitor): void {
  if (map instanceof Map) {
    for (const [field, value] of map as ReadonlyMap<unknown, FeatureValue>) {
      if (typeof field !== "string")
        throw new TypeError(`${place}: keys must be field names, got ${describe(field)}`);
      walkField(field, value, place, visit);
    }
  } else if (isRecord(map)) {
    for (const field of fieldsOfRecord(map)) walkField(field, map[field] as FeatureValue, place, visit);
  } else {
    throw wrongType(place, "an object or a Map from field names to values", map);
  }
}

function walkField(field: string, value: FeatureValue, place: string, visit: FeatureVisitor): void {
  if (field.includes("="))
    throw new RangeError(`${place}: a field name must not contain "=", got ${describe(field)}`);
  if (typeof value === "string") {
    visit(`${field}=${value}`, 1, false);
  } else if (typeof value === "number") {
    if (!isFloat32(value)) throw badValue(fieldPlace(place, field), value);
    visit(field, value, true);
  } else if (typeof value === "boolean") {
    visit(field, value ? 1 : 0, false);
  } else if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) {
      const item: unknown = value[i];
      if (typeof item !== "string") throw wrongType(`${fieldPlace(place, field)}[${i}]`, "a string", item);
      visit(`${field}=${item}`, 1, false);
    }
  } else if (isRecord(value)) {
    for (const item of Object.keys(value)) {
      const weight = value[item];
      if (!isFloat32(weight)) throw badValue(fieldPlace(fieldPlace(place, field), item), weight);
      visit(`${field}=${item}`, weight, false);
    }
  } else if (value != null) {
    throw wrongType(
      fieldPlace(place, field),
      "a number, string, boolean, array of strings, object of numbers or null",
      value,
    );
  }
}

/**
 * Names a field in an error.
 *
 * @param place What errors call the map.
 * @param field Name of the field.
 * @returns "place.field", or `place["some field"]` if the name is not an identifier.
 */
export function fieldPlace(place: string, field: string): string {
  return /^[\p{L}_$][\p{L}\p{N}_$]*$/u.test(field) ? `${place}.${field}` : `${place}[${describe(field)}]`;
}

/**
 * Says whether a value is an object with fields.
 *
 * @param value Any value.
 * @returns True for object literals and instances of the user's classes; false for arrays, Maps, Dates and
 *   other built-in objects.
 */
export function isRecord(value: unknown): value is Record<string, unknown> {
  if (typeof value !== "object" || value === null) return false;
  // Object literals, which most rows are, take the short way.
  if (Object.getPrototypeOf(value) === Object.prototype) return true;
  return Object.prototype.toString.call(value) === "[object Object]";
}

/**
 * Lists the field names of an object.
 *
 * @param row An object for which `isRecord` returns true.
 * @returns Its own enumerable fields and, for an instance of a class, the getters of the class.
 */
export function fieldsOfRecord(row: object): string[] {
  const fields = Object.keys(row);
  let prototype = Object.getPrototypeOf(row) as object | null;
  while (prototype !== null && Object.getPrototypeOf(prototype) !== null) {
    for (const [name, { get }] of Object.entries(Object.getOwnPropertyDescriptors(prototype))) {
      if (get !== undefined && !fields.includes(name)) fields.push(name);
    }
    prototype = Object.getPrototypeOf(prototype) as object | null;
  }
  return fields;
}
