// Turns the value of a field into entries of a sparse row, by the kind of the field.

import { fieldPlace } from "./feature-map.ts";
import {
  flagOf,
  isList,
  isWeighted,
  levelOf,
  numberOf,
  refuse,
  walkList,
  walkWeights,
} from "./field-values.ts";
import type { Field } from "./fields.ts";
import { pushNumber } from "./number-codes.ts";
import { badValue, type EntrySink, isFloat32 } from "./sparse-row.ts";

/**
 * Pushes the entries of a value.
 *
 * @param sink Receives the entries.
 * @param field The field.
 * @param value Its value; null or undefined: missing.
 * @param place What errors call the row.
 * @param missed Receives the names of features that have no column. Default: nobody does.
 * @returns Whether anything is known about the value.
 * @throws TypeError or RangeError that names the field, for a value that its kind cannot take.
 */
export function pushField(
  sink: EntrySink,
  field: Field,
  value: unknown,
  place: string,
  missed: Set<string> | null = null,
): boolean {
  if (field.kind === "ignore") return false;
  if (value == null) return pushMissing(sink, field);
  switch (field.kind) {
    case "category": {
      const level = levelOf(value);
      return level === undefined ? refuse(field, value, place) : pushLevel(sink, field, level, 1, missed);
    }
    case "number":
      return pushNumeric(sink, field, value, place, missed);
    case "flag": {
      const flag = flagOf(value);
      if (flag === undefined) return refuse(field, value, place);
      return flag === null ? pushMissing(sink, field) : pushFlag(sink, field, flag, missed);
    }
    case "any": // as hashing encoders and files of version 1 read values
      if (typeof value === "boolean") return pushFlag(sink, field, value, missed);
      if (typeof value !== "number" && !(value instanceof Date)) break;
      return pushNumeric(sink, field, value, place, missed);
  }
  return pushLevels(sink, field, value, place, missed);
}

/** Pushes the entry that says that the value is missing. Returns false, because nothing is known. */
function pushMissing(sink: EntrySink, field: Field): boolean {
  if (field.missing >= 0) sink.push(field.missing, 1);
  return false;
}

function pushFlag(sink: EntrySink, field: Field, flag: boolean, missed: Set<string> | null): boolean {
  const isKnown = field.columns.length > 0;
  if (flag && isKnown) sink.push(field.columns[0], 1);
  else if (flag) missed?.add(field.name);
  return isKnown;
}

function pushLevel(
  sink: EntrySink,
  field: Field,
  level: string,
  weight: number,
  missed: Set<string> | null,
): boolean {
  const { hash } = field;
  const column = hash === null ? field.levels.get(level) : hash(`${field.name}=${level}`);
  if (column === undefined) {
    if (weight !== 0) missed?.add(`${field.name}=${level}`);
    return false;
  }
  sink.push(column, weight);
  return true;
}

/** Pushes the levels of a list or of a weighted list. A single level is a list of one. */
function pushLevels(
  sink: EntrySink,
  field: Field,
  value: unknown,
  place: string,
  missed: Set<string> | null,
): boolean {
  const level = levelOf(value);
  if (level !== undefined) return pushLevel(sink, field, level, 1, missed);
  let known = false;
  const push = (name: string, weight: number): void => {
    if (pushLevel(sink, field, name, weight, missed)) known = true;
  };
  if (isList(value)) walkList(value, place, field.name, (item) => push(item, 1));
  else if (isWeighted(value)) walkWeights(value, place, field.name, push);
  else refuse(field, value, place);
  return known;
}

function pushNumeric(
  sink: EntrySink,
  field: Field,
  value: unknown,
  place: string,
  missed: Set<string> | null,
): boolean {
  const number = numberOf(value);
  const isOtherText = typeof value === "string" && Number.isNaN(number);
  if (number === null || (isOtherText && field.record.lenient)) return pushMissing(sink, field);
  if (!isFloat32(number)) return refuse(field, value, place);
  if (field.columns.length === 0) {
    missed?.add(field.name);
    return false;
  }
  if (pushNumber(sink, field.columns, field.code, number)) return true;
  throw badValue(`${fieldPlace(place, field.name)}, scaled,`, number);
}
