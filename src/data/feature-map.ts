// Feature maps: which values a field may hold, and how the fields of a row are listed.

import { describe } from "../core/errors.ts";

/** One level of a category, or an entry of a list. */
export type Level = string | number | bigint | boolean | Date;

/**
 * A value of a field of a feature map. `null` and `undefined` mean that the value is missing. A list is an
 * array, a Set or a typed array of integers; a weighted list is an object or a Map of numbers, or a vector,
 * whose positions are its levels.
 */
export type FeatureValue =
  | Level
  | null
  | undefined
  | readonly Level[]
  | ReadonlySet<Level>
  | Readonly<Record<string, number>>
  | ReadonlyMap<Level, number>
  | Int8Array
  | Uint8Array
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | BigInt64Array
  | BigUint64Array
  | Float32Array
  | Float64Array;

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
