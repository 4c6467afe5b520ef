// Reads the ids of groups, users and items, and numbers them from 0 in the order of first appearance.

import { describe, isArrayLike, isRecord, wrongType, wrongValue } from "../core/errors.ts";
import { type CheckedRows, countRows, isSparseRow, isSparseRows } from "./checked-rows.ts";
import { Columns } from "./columns.ts";
import { fieldPlace, fieldsOfRecord } from "./feature-map.ts";

/** The id of a group, a user or an item. */
export type Id = string | number;

/**
 * Checks an id.
 *
 * @param id Any value.
 * @param place What errors call the value.
 * @returns `id`.
 * @throws TypeError if it is neither a string nor a number nor a bigint; RangeError if it is NaN or infinite.
 */
export function checkId(id: unknown, place: string): Id | bigint {
  if (typeof id === "string" || typeof id === "bigint") return id;
  if (typeof id !== "number") throw wrongType(place, "an id: a string or a number", id);
  if (!Number.isFinite(id)) throw wrongValue(place, "an id: a string or a finite number", id);
  return id;
}

/**
 * The name of the field that holds the id of each row, or one id per row, (rows). In a field, 7 and "7" are
 * the same id. In an array they are two.
 */
export type IdsOption = string | ArrayLike<Id | bigint>;

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
    return numbered(readField(x, ids, `${option.slice(0, -name.length)}${rowsName}`, name).map(String));
  }
  const rows = countRows(x);
  if (!isArrayLike(ids)) throw wrongType(option, "the name of a field, or an array of ids", ids);
  if (ids.length !== rows)
    throw wrongValue(`${option}.length`, `the number of rows of ${rowsName} (${rows})`, ids.length);
  for (let i = 0; i < rows; i++) checkId(ids[i], `${option}[${i}]`);
  return numbered(ids as ArrayLike<Id | bigint>);
}

/**
 * Reads the id that each row has in a field.
 *
 * @param x The rows.
 * @param field Name of the field.
 * @param place What errors call the rows.
 * @param option Name of the option that named the field.
 * @returns The id of each row, (rows). Bigints become text. The caller must not tell 7 from "7".
 * @throws TypeError or RangeError that names the first row without an id.
 */
export function readField(x: CheckedRows, field: string, place: string, option: string): Id[] {
  return Array.from(readColumn(x, field, place, option), (id, i) => {
    if (typeof id === "string") return id;
    if (typeof id === "bigint") return String(id);
    if (typeof id === "number" && Number.isFinite(id)) return id;
    const expected = `an id, a string or a number (the option ${option} names another field, or lists ids)`;
    const { message } = wrongType(fieldPlace(`${place}[${i}]`, field), expected, id);
    if (id !== undefined || !Array.isArray(x)) throw new TypeError(message);
    throw new TypeError(`${message}; the row has ${listFields(x[i])}`);
  });
}

/**
 * Reads the value that each row has in a field.
 *
 * @param x The rows.
 * @param field Name of the field.
 * @param place What errors call the rows.
 * @param option Name of the option that named the field.
 * @returns The values, (rows); undefined where a feature map does not have the field.
 * @throws TypeError for sparse rows; RangeError if there is no column of this name.
 */
export function readColumn(x: CheckedRows, field: string, place: string, option: string): ArrayLike<unknown> {
  if (isSparseRows(x)) throw wrongType(place, `feature maps with a field ${describe(field)}`, x);
  if (!(x instanceof Columns)) return Array.from(x, (row) => fieldOf(row, field));
  const column = x.column(field);
  if (column !== null) return column;
  const values = option === "time" ? "times" : "ids";
  const expected = `the name of a column of ${place} (${x.names.join(", ")}), or an array of ${values}`;
  throw wrongValue(`${place.replace(/[^ .]*$/, "")}${option}`, expected, field);
}

/** Returns the value of a field of a feature map. */
function fieldOf(row: unknown, field: string): unknown {
  return row instanceof Map ? row.get(field) : (row as Record<string, unknown> | null | undefined)?.[field];
}

/**
 * Checks that a feature map has the field of the user, so that a misspelled field does not make its user
 * anonymous without a word. Null and undefined are values: they say that the user is anonymous.
 *
 * @param row One row of any form, or columns. Sparse rows have no field names, and are not checked.
 * @param field Name of the field.
 * @param place What errors call the row.
 * @throws TypeError that lists the fields of the row.
 */
export function checkUserField(row: unknown, field: string, place: string): void {
  const fields = row instanceof Columns ? row.names : fieldsOfRow(row);
  if (fields === null) return;
  if (fields.includes(field)) return;
  const expected = `have the field ${describe(field)}, which fit got as the option users`;
  throw new TypeError(`${place} must ${expected} (null: an anonymous user), got ${listFields(row)}`);
}

/**
 * Returns the id of the user of a context.
 *
 * @param row One row of any form.
 * @param field Name of the field of the user.
 * @param place What errors call the row.
 * @returns The id as text; null for an anonymous user, and for sparse rows, which have no field names.
 * @throws TypeError if the value is no id.
 */
export function userOf(row: unknown, field: string, place: string): string | null {
  if (typeof row !== "object" || row === null || isSparseRow(row)) return null;
  const id = fieldOf(row, field);
  return id == null ? null : String(checkId(id, fieldPlace(place, field)));
}

/** Lists the fields of a row or of columns, for errors. */
function listFields(row: unknown): string {
  const fields = (row instanceof Columns ? row.names : fieldsOfRow(row)) ?? [];
  return fields.length === 0 ? "no fields" : `the fields ${fields.map(String).join(", ")}`;
}

/** Lists the fields of a feature map; null for sparse rows, and for what is no row: its reader says so. */
function fieldsOfRow(row: unknown): readonly unknown[] | null {
  if (isSparseRow(row)) return null;
  if (row instanceof Map) return [...(row as Map<unknown, unknown>).keys()];
  return isRecord(row) ? fieldsOfRecord(row) : null;
}

/**
 * Numbers ids from 0 in the order of first appearance.
 *
 * @param ids Ids, (n).
 * @returns The number of each id, (n).
 */
export function numbered(ids: ArrayLike<Id | bigint>): Uint32Array {
  const numbers = new Map<Id | bigint, number>();
  const result = new Uint32Array(ids.length);
  for (let i = 0; i < ids.length; i++) {
    const known = numbers.get(ids[i]);
    if (known === undefined) numbers.set(ids[i], numbers.size);
    result[i] = known ?? numbers.size - 1;
  }
  return result;
}

/**
 * Numbers groups anew from 0 in the order of first appearance, as `numbered` does.
 *
 * @param groups Group number of each row, some numbers may be missing, (rows). They are changed in place.
 * @returns `groups`.
 */
export function renumbered(groups: Uint32Array): Uint32Array {
  const numbers = new Uint32Array(countGroups(groups)); // the new number plus 1; 0: none yet
  let count = 0;
  for (let row = 0; row < groups.length; row++) {
    const group = groups[row];
    if (numbers[group] === 0) numbers[group] = ++count;
    groups[row] = numbers[group] - 1;
  }
  return groups;
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
