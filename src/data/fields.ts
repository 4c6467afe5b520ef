// Fields of feature maps and their kinds. A field turns a value into entries of a sparse row: the column of
// its level, or the columns of its number code. What is stored of a field is a `FieldRecord`; `makeFields`
// makes the fields from the records and from the names of all columns.

import { checkChoice, checkInteger, checkNumber, isRecord, wrongType, wrongValue } from "../core/errors.ts";
import type { Column } from "./columns.ts";
import { type NumberCode, RAW, readNumberCode } from "./number-codes.ts";

/**
 * What the values of a field are:
 * - "category": one level per row, such as a user or a city. 7 and "7" are the same level.
 * - "number": a number, or a `Date` as milliseconds since 1970.
 * - "flag": true or false.
 * - "list": any number of levels per row, all with weight 1.
 * - "weighted list": levels with a weight each.
 * - "ignore": the field is not used.
 */
export type FieldKind = "category" | "number" | "flag" | "list" | "weighted list" | "ignore";

/** The kinds, in the order of error messages. */
export const KINDS: readonly FieldKind[] = ["category", "number", "flag", "list", "weighted list", "ignore"];

/** What a model knows about a field. */
export interface FieldInfo {
  /** Name of the field. */
  readonly name: string;
  /** What its values are. "any": every value is read by its own type, as hashing encoders do. */
  readonly kind: FieldKind | "any";
  /** Number of levels that have a column; null for numbers, flags, ignored fields and with `hashBits`. */
  readonly levels: number | null;
  /** Smallest and largest training value of a number field; null for other kinds. */
  readonly range: readonly [min: number, max: number] | null;
  /** How a number field is encoded, as the option `numbers` calls it; null for other kinds. */
  readonly numbers: "auto" | "knots" | "standard" | "raw" | null;
  /** Share of the training rows in which the field had no value, from 0 to 1. */
  readonly missing: number;
}

/** A field as plain JSON data. */
export interface FieldRecord {
  /** Name of the field. */
  readonly name: string;
  /** What its values are. */
  readonly kind: FieldKind | "any";
  /** Share of the training rows without a value. Default: 0. */
  readonly missing?: number;
  /** First column of a flag or a number. The columns of a number follow each other. */
  readonly column?: number;
  /**
   * Column that says that the value is missing; with `hashBits` any number, because the column follows from
   * the name. Absent if no value was missing in training.
   */
  readonly missingColumn?: number;
  /** Smallest and largest training value of a number. */
  readonly range?: readonly [min: number, max: number];
  /** How a number becomes entries; absent for other kinds. */
  readonly code?: NumberCode;
  /** Whether text that is no number counts as missing in a number field, because training had such text. */
  readonly lenient?: boolean;
}

/** A field that encodes values. */
export interface Field {
  readonly record: FieldRecord;
  readonly name: string;
  readonly kind: FieldKind | "any";
  /** Column of each level. */
  readonly levels: Map<string, number>;
  /** Computes the column of a name; null: levels have the columns of `levels`. */
  readonly hash: Hash | null;
  /** Columns of a flag (one) or of a number (one per knot). Empty: it contributes nothing. */
  readonly columns: readonly number[];
  /** How a number becomes entries. Not used by other kinds. */
  readonly code: NumberCode;
  /** Column that says that the value is missing; -1: none. */
  readonly missing: number;
  /** Stamp of the last row in which the field had a key. */
  seen: number;
  /** How often levels have come or gone since the field was made. */
  changes: number;
}

/** Rows as columns of equal length. */
export interface ColumnData {
  /** Names of the fields. */
  readonly names: readonly string[];
  /** Values of each field, (rows). */
  readonly data: readonly Column[];
}

/** Maps the name of a feature to its column. */
export type Hash = (name: string) => number;

/**
 * Makes fields that can encode.
 *
 * @param records The fields.
 * @param names Names of all columns; null: the column has lost its name. Names of levels are "field=level".
 * @param hash Computes columns from names; null: columns are positions in `names`.
 * @returns The fields by name.
 */
export function makeFields(
  records: readonly FieldRecord[],
  names: readonly (string | null)[],
  hash: Hash | null,
): Map<string, Field> {
  const fields = new Map<string, Field>();
  for (const record of records) fields.set(record.name, makeField(record, hash));
  for (let column = 0; column < names.length; column++) {
    const name = names[column] ?? "";
    const end = name.indexOf("=");
    const field = end < 0 ? undefined : fields.get(name.slice(0, end));
    field?.levels.set(name.slice(end + 1), column);
  }
  return fields;
}

/**
 * Makes one field that has no levels yet.
 *
 * @param record The field.
 * @param hash Computes columns from names; null: the record says them.
 * @returns The field.
 */
export function makeField(record: FieldRecord, hash: Hash | null): Field {
  const { name, kind, column, missingColumn = -1, code = RAW } = record;
  const names = columnNames(record);
  const columns = hash ? names.map(hash) : column === undefined ? [] : names.map((_, i) => column + i);
  const missing = hash && missingColumn >= 0 ? hash(missingName(name)) : missingColumn;
  return { record, name, kind, levels: new Map(), hash, columns, code, missing, seen: -1, changes: 0 };
}

/**
 * Lists the names of the columns of a flag or a number.
 *
 * @param field The field.
 * @returns "price" for a flag or one number; "price@9.5" for each knot, then "price". Empty for levels.
 */
export function columnNames({ name, kind, code }: Pick<FieldRecord, "name" | "kind" | "code">): string[] {
  if (kind === "flag" || kind === "any") return [name];
  if (kind !== "number" || code === undefined) return [];
  if (code.type !== "knots") return [name];
  const short = code.knots.map((knot) => String(Number(knot.toPrecision(6))));
  const areDistinct = new Set(short).size === short.length;
  const knots = code.knots.map((knot, i) => `${name}@${areDistinct ? short[i] : knot}`);
  return code.line === null ? knots : [...knots, name];
}

/** Returns the name of the column that says that a field has no value. */
export function missingName(field: string): string {
  return `${field} is missing`;
}

/** Describes a field for users. */
export function infoOf({ record, levels }: Field, isHashed: boolean): FieldInfo {
  const { name, kind, range = null, missing = 0, code } = record;
  const hasLevels = kind !== "number" && kind !== "flag" && kind !== "ignore";
  const numbers = code?.type === "knots" && code.line !== null ? "auto" : (code?.type ?? "raw");
  return {
    ...{ name, kind, range, missing },
    levels: hasLevels && !isHashed ? levels.size : null,
    numbers: kind === "number" ? numbers : null,
  };
}

/**
 * Checks the fields of an encoder's JSON data.
 *
 * @param place What errors call the data.
 * @param json Any value.
 * @param numColumns Number of columns.
 * @returns The fields.
 * @throws TypeError or RangeError that names the part.
 */
export function readFieldRecords(place: string, json: unknown, numColumns: number): FieldRecord[] {
  if (!Array.isArray(json)) throw wrongType(place, "an array of fields", json);
  const names = new Set<string>();
  return Array.from(json as unknown[], (entry, i) => {
    const at = `${place}[${i}]`;
    if (!isRecord(entry)) throw wrongType(at, "an object", entry);
    const { name, kind, missing, column, missingColumn, range, code, lenient } = entry;
    if (typeof name !== "string") throw wrongType(`${at}.name`, "a field name", name);
    if (names.has(name)) throw wrongValue(`${at}.name`, "different from the fields before", name);
    names.add(name);
    checkChoice(`${at}.kind`, kind, [...KINDS, "any"]);
    const record = {
      ...{ name, kind: kind as FieldKind },
      ...(code === undefined ? {} : { code: readNumberCode(`${at}.code`, code) }),
    };
    const width = columnNames(record).length;
    if (missing !== undefined) checkNumber(`${at}.missing`, missing, "a share from 0 to 1", isShare);
    if (column !== undefined) checkInteger(`${at}.column`, column, 0, numColumns - width);
    if (missingColumn !== undefined) checkInteger(`${at}.missingColumn`, missingColumn, 0, numColumns - 1);
    if (range !== undefined && !isRange(range)) throw wrongType(`${at}.range`, "[min, max]", range);
    return recordToJSON({
      ...record,
      missing: missing as number,
      column: column as number,
      missingColumn: missingColumn as number,
      range: range as [number, number],
      lenient: lenient === true,
    });
  });
}

/** Returns a copy of a record whose keys have one order, without those that have no value. */
export function recordToJSON(record: FieldRecord): FieldRecord {
  const { name, kind, missing, column, missingColumn, range, code, lenient } = record;
  return {
    ...{ name, kind },
    ...(missing ? { missing } : {}),
    ...(column === undefined ? {} : { column }),
    ...(missingColumn === undefined ? {} : { missingColumn }),
    ...(range === undefined ? {} : { range }),
    ...(code === undefined ? {} : { code }),
    ...(lenient ? { lenient } : {}),
  };
}

const isShare = (value: number): boolean => value >= 0 && value <= 1;

function isRange(range: unknown): range is [number, number] {
  return Array.isArray(range) && range.length === 2 && range.every((end) => Number.isFinite(end));
}
