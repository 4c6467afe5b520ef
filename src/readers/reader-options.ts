// The options that both readers have.

import { describe, wrongType, wrongValue } from "../core/errors.ts";

/** Options of both readers. */
export interface ReaderOptions {
  /** Names of the columns to keep, in the order of the result. Default: all. */
  select?: readonly string[] | undefined;
  /**
   * Name of the column with the labels. It is taken out of `x` and becomes `y`. Every row must have one.
   * Default: none.
   */
  label?: string | undefined;
}

/**
 * Checks the option `select` or `header`.
 *
 * @param place What errors call the option.
 * @param names Any value.
 * @returns A copy of the names.
 * @throws TypeError if it is not an array of strings; RangeError if it is empty or names a column twice.
 */
export function readNames(place: string, names: unknown): string[] {
  if (!Array.isArray(names)) throw wrongType(place, "an array of column names", names);
  if (names.length === 0) throw new RangeError(`${place} must name at least one column`);
  names.forEach((name: unknown, i) => {
    if (typeof name !== "string") throw wrongType(`${place}[${i}]`, "a column name", name);
    if (name === "") throw new RangeError(`${place}[${i}] must not be empty`);
    if (names.indexOf(name) < i) throw new RangeError(`${place} names the column ${describe(name)} twice`);
  });
  return [...(names as string[])];
}

/**
 * Checks the option `label`.
 *
 * @param place What errors call it.
 * @param label Any value.
 * @returns `label`.
 */
export function readLabel(place: string, label: unknown): string {
  if (typeof label !== "string") throw wrongType(place, "the name of a column", label);
  if (label === "") throw wrongValue(place, "the name of a column", label);
  return label;
}
