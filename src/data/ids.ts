// Reads the ids of groups, users and items, and numbers them from 0 in the order of first appearance.

import { describe, isArrayLike, wrongType, wrongValue } from "../core/errors.ts";
import { fieldsOfRecord, isRecord } from "./feature-map.ts";
import { type CheckedRows, countRows, isSparseRow, isSparseRows } from "./rows.ts";

/** The id of a group, a user or an item. */
export type Id = string | number;

/**
 * Checks an id.
 *
 * @param id Any value.
 * @param place What errors call the value.
 * @returns `id`.
 * @throws TypeError if it is neither a string nor a number; RangeError if it is NaN or infinite.
 */
export function checkId(id: unknown, place: string): Id {
  if (typeof id === "number" && !Number.isFinite(id))
    throw wrongValue(place, "an id: a string or a finite number", id);
  if (typeof id !== "string" && typeof id !== "number")
    throw wrongType(place, "an id: a string or a number", id);
  return id;
}

/** The name of the field of feature maps that holds the id of each row, or one id per row, (rows). */
export type IdsOption = string | ArrayLike<Id>;

/**
 * Reads the id of each row and numbers the ids.
 *
 * @param ids The name of a field of the rows, or one id per row, (rows).
 * @param x The rows.
 * @param option What errors call the option, such as `fit: groups`.
 * @param rowsName What errors call the rows, such as `x`.
 * @returns The number of each row's id, (rows).
 * @throws TypeError or RangeError that names the row.
 */
export function readIds(ids: unknown, x: CheckedRows, option: string, rowsName: string): Uint32Array {
  if (typeof ids === "string") {
    const name = option.replace(/^.*[ .]/, "");
    return numbered(readField(x, ids, `${option.slice(0, -name.length)}${rowsName}`, name));
  }
  const rows = countRows(x);
  if (!isArrayLike(ids)) throw wrongType(option, "the name of a field, or an array of ids", ids);
  if (ids.length !== rows)
    throw wrongValue(`${option}.length`, `the number of rows of ${rowsName} (${rows})`, ids.length);
  for (let i = 0; i < rows; i++) checkId(ids[i], `${option}[${i}]`);
  return numbered(ids as ArrayLike<Id>);
}

/**
 * Reads the id that each row has in a field.
 *
 * @param x The rows.
 * @param field Name of the field.
 * @param place What errors call the rows.
 * @param option Name of the option that named the field.
 * @returns The id of each row, (rows).
 * @throws TypeError that names the first row whose id is not a string. A number is refused, because a number
 *   in a feature map is the value of one feature: different numbers would not be different features.
 */
export function readField(x: CheckedRows, field: string, place: string, option: string): Id[] {
  if (isSparseRows(x)) throw wrongType(place, `feature maps with a field ${describe(field)}`, x);
  return Array.from(x, (row, i) => {
    const id: unknown =
      row instanceof Map ? row.get(field) : (row as Record<string, unknown> | null)?.[field];
    if (typeof id === "string") return id;
    const expected =
      typeof id === "number"
        ? "a string: write String(id), for a number is a value and names no feature of its own"
        : `an id, a string (the option ${option} names another field, or lists ids)`;
    throw wrongType(`${place}[${i}].${field}`, expected, id);
  });
}

/**
 * Checks that a feature map has the field of the user, so that a misspelled field does not make its user
 * anonymous without a word. Null and undefined are values: they say that the user is anonymous.
 *
 * @param row One row of any form. Sparse rows have no field names, and are not checked.
 * @param field Name of the field.
 * @param place What errors call the row.
 * @throws TypeError that lists the fields of the row.
 */
export function checkUserField(row: unknown, field: string, place: string): void {
  if (isSparseRow(row)) return;
  if (!(row instanceof Map) && !isRecord(row)) return; // whoever reads the row says what it should be
  const fields = row instanceof Map ? [...(row as Map<unknown, unknown>).keys()] : fieldsOfRecord(row);
  if (fields.includes(field)) return;
  const expected = `have the field ${describe(field)}, which fit got as the option users`;
  const got = fields.length === 0 ? "no fields" : `the fields ${fields.map(String).join(", ")}`;
  throw new TypeError(`${place} must ${expected} (null: an anonymous user), got ${got}`);
}

/**
 * Numbers ids from 0 in the order of first appearance.
 *
 * @param ids Ids, (n).
 * @returns The number of each id, (n).
 */
export function numbered(ids: ArrayLike<Id>): Uint32Array {
  const numbers = new Map<Id, number>();
  const result = new Uint32Array(ids.length);
  for (let i = 0; i < ids.length; i++) {
    const known = numbers.get(ids[i]);
    if (known === undefined) numbers.set(ids[i], numbers.size);
    result[i] = known ?? numbers.size - 1;
  }
  return result;
}

/**
 * Counts groups.
 *
 * @param groups Group number of each row, (rows).
 * @returns The largest group number + 1; 0 without rows.
 */
export function countGroups(groups: Uint32Array): number {
  let count = 0;
  for (let row = 0; row < groups.length; row++) if (groups[row] >= count) count = groups[row] + 1;
  return count;
}

/**
 * Lists the rows of each group, one group behind the other, by counting sort.
 *
 * @param groups Group number of each row, (rows).
 * @returns The position where each group starts, (groups + 1), and the row numbers, (rows).
 */
export function rowsByGroup(groups: Uint32Array): [starts: Uint32Array, order: Uint32Array] {
  const numGroups = countGroups(groups);
  const starts = new Uint32Array(numGroups + 1);
  for (let row = 0; row < groups.length; row++) starts[groups[row] + 1]++;
  for (let group = 0; group < numGroups; group++) starts[group + 1] += starts[group];
  const order = new Uint32Array(groups.length);
  const filled = starts.slice();
  for (let row = 0; row < groups.length; row++) order[filled[groups[row]]++] = row;
  return [starts, order];
}
