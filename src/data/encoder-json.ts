// Reads the JSON data of an encoder. Data of version 1, which know no kinds, become fields of kind "any".

import { checkChoice, checkNumber, isRecord, wrongType, wrongValue } from "../core/errors.ts";
import type { FeatureEncoderOptions } from "./encoder-options.ts";
import { type FieldRecord, readFieldRecords } from "./fields.ts";
import { type NumberCode, readNumberCode } from "./number-codes.ts";

/** The parts of an encoder's JSON data. */
export interface EncoderParts {
  /** The options. The constructor checks them. */
  readonly options: FeatureEncoderOptions;
  /** Names of all columns; null: the column has lost its name. */
  readonly names: (string | null)[];
  /** The learned fields; null if nothing was learned. */
  readonly records: readonly FieldRecord[] | null;
  /** How numbers of other fields become entries; null: as the options say. */
  readonly unlisted: NumberCode | null;
}

/**
 * Checks the JSON data of an encoder.
 *
 * @param json Any value.
 * @returns The parts.
 * @throws TypeError or RangeError that names the part.
 */
export function readEncoderJSON(json: unknown): EncoderParts {
  const place = "FeatureEncoder.fromJSON: json";
  if (!isRecord(json)) throw wrongType(place, "an object", json);
  const { version, names, learned, unlisted, ...options } = json;
  if (version === 1) return readVersion1(place, names, options);
  if (version !== 2) throw wrongValue(`${place}.version`, "1 or 2", version);
  if (learned === undefined) return { options, names: [], records: null, unlisted: null };
  const { hashBits } = options as FeatureEncoderOptions;
  const isHashed = hashBits !== undefined;
  const known = isHashed ? [] : readNames(`${place}.names`, names);
  const numColumns = isHashed ? 2 ** 30 : known.length;
  return {
    options,
    names: known,
    records: readFieldRecords(`${place}.learned`, learned, numColumns),
    unlisted: unlisted === undefined ? null : readNumberCode(`${place}.unlisted`, unlisted),
  };
}

/** Checks the names of columns. A column that has lost its name has null. */
function readNames(place: string, names: unknown): (string | null)[] {
  if (!Array.isArray(names)) throw wrongType(place, "an array of feature names", names);
  const known = new Map<string, number>();
  return Array.from(names as unknown[], (name, i) => {
    if (name === null) return null;
    if (typeof name !== "string") throw wrongType(`${place}[${i}]`, "a string", name);
    if (known.has(name)) throw wrongValue(`${place}[${i}]`, `different from names[${known.get(name)}]`, name);
    known.set(name, i);
    return name;
  });
}

/** Reads version 1, in which every value was read by its own type and `scale` standardized all numbers. */
function readVersion1(place: string, names: unknown, given: Record<string, unknown>): EncoderParts {
  const { scale, scales, ...options } = given;
  const isScaled = checkChoice(`${place}.scale`, scale ?? "none", ["none", "standard"]) === "standard";
  const isHashed = options.hashBits !== undefined;
  if (scales !== undefined && !isScaled)
    throw new TypeError(`${place}.scales must be absent with scale "none"`);
  if (names !== undefined && isHashed) throw new TypeError(`${place}.names must be absent with hashBits`);
  if (names === undefined && scales === undefined)
    return { options, names: [], records: null, unlisted: null };
  const known = isHashed ? [] : readNames(`${place}.names`, names);
  const codes = isScaled ? readScales(`${place}.scales`, scales) : new Map<string, [number, number]>();
  const columns = new Map<string, number | undefined>();
  for (const field of codes.keys()) columns.set(field, undefined);
  known.forEach((name, column) => {
    if (name === null) return;
    const end = name.indexOf("=");
    const field = end < 0 ? name : name.slice(0, end);
    if (end < 0 || !columns.has(field)) columns.set(field, end < 0 ? column : undefined);
  });
  const records = Array.from(columns, ([name, column]): FieldRecord => {
    const [mean, std] = codes.get(name) ?? [0, 0];
    return {
      ...{ name, kind: "any" },
      ...(column === undefined ? {} : { column }),
      ...(isScaled ? { code: { type: "standard", mean, std } } : {}),
    };
  });
  const unlisted: NumberCode | null = isScaled && isHashed ? { type: "standard", mean: 0, std: 0 } : null;
  return { options, names: known, records, unlisted };
}

function readScales(place: string, entries: unknown): Map<string, [mean: number, std: number]> {
  if (!Array.isArray(entries)) throw wrongType(place, "an array of [field, mean, std]", entries);
  const scales = new Map<string, [number, number]>();
  Array.from(entries as unknown[], (entry, i) => {
    if (!Array.isArray(entry) || entry.length !== 3)
      throw wrongType(`${place}[${i}]`, "[field, mean, std]", entry);
    const [field, mean, std] = entry as unknown[];
    if (typeof field !== "string") throw wrongType(`${place}[${i}][0]`, "a field name", field);
    if (scales.has(field)) throw wrongValue(`${place}[${i}][0]`, "a field not scaled before", field);
    scales.set(field, [
      checkNumber(`${place}[${i}][1]`, mean, "a finite number", () => true),
      checkNumber(`${place}[${i}][2]`, std, "a finite number of at least 0", (value) => value >= 0),
    ]);
  });
  return scales;
}
