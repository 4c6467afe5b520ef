// Encodes feature maps as sparse rows, by a learned vocabulary or by hashed names (Weinberger et al. 2009,
// "Feature Hashing for Large Scale Multitask Learning"). Prediction needs only this class. feature-encoder.ts
// adds the learning of kinds and vocabulary.

import { checkInteger, wrongType, wrongValue } from "../core/errors.ts";
import type { Notices } from "../core/notices.ts";
import { appendBlocks } from "./column-block.ts";
import { CSRBuilder } from "./csr-builder.ts";
import { readEncoderJSON } from "./encoder-json.ts";
import {
  checkFieldName,
  type FeatureEncoderOptions,
  learnsNothing,
  readEncoderOptions,
} from "./encoder-options.ts";
import type { FeatureMap } from "./feature-map.ts";
import { walkFields } from "./field-values.ts";
import {
  type ColumnData,
  type Field,
  type FieldInfo,
  type FieldRecord,
  type Hash,
  infoOf,
  makeField,
  makeFields,
  recordToJSON,
} from "./fields.ts";
import { type NumberCode, RAW } from "./number-codes.ts";
import { pushField } from "./push-field.ts";
import type { EntrySink, SparseVector } from "./sparse-row.ts";

/** An encoder as plain JSON data. */
export interface FeatureEncoderJSON extends FeatureEncoderOptions {
  /** Version of this format. */
  version: 2;
  /** The learned feature names, by column; absent with `hashBits`. null: the feature was removed. */
  names?: (string | null)[] | undefined;
  /** The learned fields. */
  learned?: FieldRecord[] | undefined;
  /** How numbers of other fields become entries, if every value is read by its own type. Default: "raw". */
  unlisted?: NumberCode | undefined;
}

/** What an encoder has learned. */
export interface Learned {
  /** Feature names by column; empty with `hashBits`. null: the column has lost its name. */
  readonly names: (string | null)[];
  /** The fields by name. */
  readonly fields: ReadonlyMap<string, Field>;
  /** The fields with a column for missing values. */
  readonly indicators: readonly Field[];
  /** How numbers of fields become entries that are not in `fields`; null: only `fields` count. */
  readonly unlisted: NumberCode | null;
  /** Number of the row that is being encoded. */
  stamp: number;
  /** The field at each position of the row before. */
  readonly order: Field[];
  /** Whether several encoders have this object. Then none of them may change names or levels. */
  isShared: boolean;
}

/** How rows are read that are only a part of a row, and who hears about unknown fields. */
export interface RowScope {
  /** Says whether a field belongs to these rows and is missing where they do not have it. Default: all do. */
  readonly isExpected?: ((field: string) => boolean) | undefined;
  /** Hears about unknown fields and rows. Default: nobody. */
  readonly notices?: Notices | undefined;
  /** Hears how many values of a feature map training has seen. Default: nobody. */
  readonly onKnown?: ((values: number) => void) | undefined;
}

const WHOLE: RowScope = {};

/** Positions of a row whose fields are remembered. */
const MAX_ORDER = 256;

/**
 * Encodes feature maps as sparse rows. Its vocabulary never changes. The subclass `FeatureEncoder` learns a
 * vocabulary, and lets it grow.
 */
export class Encoder {
  /** The options in effect, defaults included. */
  readonly options: Readonly<FeatureEncoderOptions>;
  /** @internal Null before `fit`. */
  protected learned: Learned | null = null;
  readonly #scratch = new CSRBuilder();

  /**
   * Checks the options.
   *
   * @param options See `FeatureEncoderOptions`.
   * @throws TypeError or RangeError for a bad or unknown option, or for `minCount` together with `hashBits`.
   */
  constructor(options: FeatureEncoderOptions = {}) {
    this.options = readEncoderOptions(options);
    if (learnsNothing(this.options)) this.learned = learnedOf([], [], this.options, RAW);
  }

  /** Whether the encoder can encode. With `hashBits` alone it always can. */
  get fitted(): boolean {
    return this.learned !== null;
  }

  /**
   * What is known about each field, in the order in which training met them. Empty if nothing is learned.
   *
   * @throws Error before `fit`.
   */
  get fields(): readonly FieldInfo[] {
    const { fields } = this.ready("FeatureEncoder.fields");
    const isHashed = this.options.hashBits !== undefined;
    return Array.from(fields.values(), (field) => infoOf(field, isHashed));
  }

  /**
   * Number of columns.
   *
   * @throws Error before `fit`, except with `hashBits`.
   */
  get numFeatures(): number {
    const { hashBits } = this.options;
    return hashBits === undefined ? this.ready("FeatureEncoder.numFeatures").names.length : 2 ** hashBits;
  }

  /**
   * Encodes one map. Features that are not in the vocabulary are skipped.
   *
   * @param map Field names and their values.
   * @returns A new sparse vector. It has no `values` if all of them are 1.
   * @throws TypeError or RangeError that names the field; Error before `fit`.
   * @example
   * encoder.encode({ user: "ana", item: "milk" }); // { indices: Uint32Array [ 0, 17 ] }
   */
  encode(map: FeatureMap): SparseVector {
    this.ready("FeatureEncoder.encode");
    this.#scratch.clear();
    this.append(this.#scratch, map, "FeatureEncoder.encode: map");
    return this.#scratch.lastRow();
  }

  /**
   * @internal Encodes one map as the next row of a builder. If it throws, that row of the builder is
   *   unfinished.
   *
   * @param builder The builder.
   * @param map Field names and their values.
   * @param place What errors call the map.
   * @param scope How the row is read. Default: it is a whole row.
   * @throws TypeError or RangeError that names the field; Error before `fit`.
   */
  append(builder: CSRBuilder, map: FeatureMap, place: string, scope: RowScope = WHOLE): void {
    const learned = this.ready("FeatureEncoder.append");
    const stamp = ++learned.stamp;
    const { order } = learned;
    let position = 0;
    let values = 0;
    let known = 0;
    walkFields(map, place, (name, value) => {
      // Rows of a table list their fields in one order. So the field is looked up only when it is another one
      // than in the row before.
      let field: Field | null = order[position] ?? null;
      if (field === null || field.name !== name) {
        field = this.#fieldOf(learned, name, place);
        if (field !== null && position < MAX_ORDER) order[position] = field;
      }
      position++;
      if (value != null) values++;
      if (field === null) {
        if (value != null) tellUnknownField(scope, name, place, learned);
        return;
      }
      field.seen = stamp;
      if (value == null && isOutside(scope, field)) return;
      if (pushField(builder, field, value, place)) known++;
    });
    for (const field of learned.indicators) {
      if (field.seen === stamp || isOutside(scope, field)) continue;
      builder.push(field.missing, 1);
    }
    if (known === 0 && values > 0) tellUnknownRow(scope, place);
    scope.onKnown?.(known);
    builder.endRow(place);
  }

  /**
   * @internal Encodes rows of columns as the next rows of a builder.
   *
   * @param builder The builder.
   * @param columns The columns.
   * @param start First row.
   * @param end The row behind the last one.
   * @param place What errors call the columns.
   * @param scope How the rows are read. Default: they are whole rows.
   * @throws TypeError or RangeError that names row and field; Error before `fit`.
   */
  appendColumns(
    builder: CSRBuilder,
    columns: ColumnData,
    start: number,
    end: number,
    place: string,
    scope: RowScope = WHOLE,
  ): void {
    const learned = this.ready("FeatureEncoder.append");
    const stamp = ++learned.stamp;
    const { names, data } = columns;
    const fields = names.map((name) => {
      const field = this.#fieldOf(learned, name, place);
      if (field === null) tellUnknownField(scope, name, place, learned);
      else field.seen = stamp;
      return field !== null && isOutside(scope, field) ? { ...field, missing: -1 } : field;
    });
    const absent = learned.indicators
      .filter((field) => field.seen !== stamp && !isOutside(scope, field))
      .map(({ missing }) => missing);
    const hearUnknown = (row: number): void => tellUnknownRow(scope, `${place}[${row}]`);
    if (appendBlocks(builder, columns, fields, absent, start, end, place, hearUnknown)) return;
    for (let row = start; row < end; row++) {
      const at = `${place}[${row}]`;
      let known = 0;
      for (let c = 0; c < fields.length; c++) {
        const field = fields[c];
        if (field !== null && pushField(builder, field, data[c][row], at)) known++;
      }
      for (let i = 0; i < absent.length; i++) builder.push(absent[i], 1);
      if (known === 0 && fields.length > 0) hearUnknown(row);
      builder.endRow(at);
    }
  }

  /** Returns the field of a name; null if only learned fields count. `place` stands in errors. */
  #fieldOf({ fields, unlisted }: Learned, name: string, place: string): Field | null {
    const field = fields.get(name);
    if (field !== undefined) return field;
    if (unlisted === null) return null;
    checkFieldName(name, place);
    return makeField({ name, kind: "any", code: unlisted }, hashOf(this.options));
  }

  /**
   * Lists the features of a map that contribute nothing, because `fit` never saw them or because `minCount`
   * left them out. Each is listed once.
   *
   * @param map Field names and their values.
   * @returns Feature names such as "user=nobody"; the name of the field for a field that is unknown.
   * @throws TypeError or RangeError that names the field; Error before `fit`.
   * @example
   * encoder.unseen({ user: "nobody", hour: 7 }); // ["user=nobody"]
   */
  unseen(map: FeatureMap): string[] {
    const learned = this.ready("FeatureEncoder.unseen");
    const place = "FeatureEncoder.unseen: map";
    const missed = new Set<string>();
    walkFields(map, place, (name, value) => {
      const field = this.#fieldOf(learned, name, place);
      if (field !== null) pushField(NOWHERE, field, value, place, missed);
      else if (value != null) missed.add(name);
    });
    return [...missed];
  }

  /**
   * Returns the name of a column.
   *
   * @param index Column, from 0 to `numFeatures` - 1.
   * @returns A name such as "user=ana", "member", "price@9.5" (a knot of a number) or "price is missing". A
   *   feature that was removed has "#" followed by the column. So has every feature with `hashBits`, because
   *   names cannot be recovered then.
   * @throws TypeError or RangeError if it is not a column; Error before `fit`.
   */
  name(index: number): string {
    const { numFeatures } = this;
    checkInteger("FeatureEncoder.name: index", index, 0);
    if (index >= numFeatures)
      throw wrongValue("FeatureEncoder.name: index", `below numFeatures (${numFeatures})`, index);
    return this.learned?.names[index] ?? `#${index}`;
  }

  /**
   * Returns the column of a feature name.
   *
   * @param name A name such as "user=ana".
   * @returns The column; `undefined` if the name is not in the vocabulary.
   * @throws TypeError if the name is not a string; Error before `fit`.
   */
  index(name: string): number | undefined {
    if (typeof name !== "string") throw wrongType("FeatureEncoder.index: name", "a string", name);
    const { hashBits } = this.options;
    if (hashBits !== undefined) return hashName(name, hashBits);
    const { names, fields } = this.ready("FeatureEncoder.index");
    const end = name.indexOf("=");
    if (end >= 0) return fields.get(name.slice(0, end))?.levels.get(name.slice(end + 1));
    const column = names.indexOf(name);
    return column < 0 ? undefined : column;
  }

  /** @internal Whether a field of this name may hold several levels in a row. */
  takesLists(name: string): boolean {
    const kind = this.learned?.fields.get(name)?.kind;
    return kind === undefined || kind === "list" || kind === "weighted list" || kind === "any";
  }

  /** @internal Whether absent fields have columns, so that it matters which fields a row should have. */
  get hasIndicators(): boolean {
    return this.learned !== null && this.learned.indicators.length > 0;
  }

  /**
   * @internal Counts how often levels of some fields have come or gone. Rows that have no other fields must
   *   be encoded again when the number has changed.
   *
   * @param isMeant Says whether a field counts.
   */
  changesOf(isMeant: (field: string) => boolean): number {
    let changes = 0;
    for (const field of this.learned?.fields.values() ?? []) {
      if (field.changes > 0 && isMeant(field.name)) changes += field.changes;
    }
    return changes;
  }

  /** Plain data that `JSON.stringify` keeps exactly and `fromJSON` reads. */
  toJSON(): FeatureEncoderJSON {
    const json: FeatureEncoderJSON = { version: 2, ...this.options };
    if (this.learned === null) return json;
    const { names, fields, unlisted } = this.learned;
    if (json.hashBits === undefined) json.names = [...names];
    if (json.hashBits === undefined || fields.size > 0) {
      json.learned = Array.from(fields.values(), ({ record }) => recordToJSON(record));
    }
    if (unlisted !== null && unlisted.type !== "raw") json.unlisted = unlisted;
    return json;
  }

  /**
   * Rebuilds an encoder from the data of `toJSON`. Every part of the data is checked.
   *
   * @param json The result of `toJSON`, for example after `JSON.parse`. Data of version 1 are accepted.
   * @returns An encoder with the same options, vocabulary and fields.
   * @throws TypeError or RangeError that names the part.
   * @example
   * const copy = FeatureEncoder.fromJSON(JSON.parse(JSON.stringify(encoder)));
   */
  static fromJSON<E extends Encoder>(this: new (options: FeatureEncoderOptions) => E, json: unknown): E {
    const { options, names, records, unlisted } = readEncoderJSON(json);
    const encoder = new this(options);
    const code = unlisted ?? encoder.learned?.unlisted ?? null;
    if (records !== null) encoder.learned = learnedOf(records, names, encoder.options, code);
    return encoder;
  }

  /**
   * @internal Returns what was learned.
   *
   * @param place What errors start with.
   * @returns The vocabulary and the fields.
   * @throws Error before `fit`.
   */
  protected ready(place: string): Learned {
    if (this.learned !== null) return this.learned;
    throw new Error(`${place}: the encoder has learned nothing yet; call fit first`);
  }
}

/** Takes entries that nobody needs. */
const NOWHERE: EntrySink = { push() {} };

/**
 * Makes what an encoder knows.
 *
 * @param records The fields.
 * @param names Names of all columns, which the result keeps.
 * @param options The options of the encoder.
 * @param unlisted How numbers of other fields become entries; null: only `records` count. Default: null.
 * @returns The fields, ready to encode.
 */
export function learnedOf(
  records: readonly FieldRecord[],
  names: (string | null)[],
  options: FeatureEncoderOptions,
  unlisted: NumberCode | null = null,
): Learned {
  const fields = makeFields(records, names, hashOf(options));
  const indicators = [...fields.values()].filter(({ missing }) => missing >= 0);
  return { names, fields, indicators, unlisted, stamp: 0, order: [], isShared: false };
}

/** Returns the function that hashes names; null if there is a vocabulary. */
function hashOf({ hashBits }: FeatureEncoderOptions): Hash | null {
  return hashBits === undefined ? null : (name) => hashName(name, hashBits);
}

/**
 * Hashes a name: FNV-1a over UTF-16 code units (Fowler, Noll and Vo,
 * http://www.isthe.com/chongo/tech/comp/fnv/), then the finalizer of MurmurHash3 (Appleby 2011,
 * https://github.com/aappleby/smhasher), which spreads the entropy to the top bits. They are the result.
 *
 * @param name Any string.
 * @param bits Number of bits of the result, from 1 to 32.
 * @returns An integer from 0 to 2^bits - 1.
 */
export function hashName(name: string, bits: number): number {
  let h = 0x811c9dc5;
  for (let i = 0; i < name.length; i++) h = Math.imul(h ^ name.charCodeAt(i), 0x01000193);
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> (32 - bits);
}

/**
 * Says whether a field with an indicator belongs to other parts of rows, so that it is not missing in these.
 */
function isOutside({ isExpected }: RowScope, { name, missing }: Field): boolean {
  return missing >= 0 && isExpected?.(name) === false;
}

function tellUnknownField({ notices }: RowScope, name: string, place: string, { fields }: Learned): void {
  if (!notices?.wants("unknown-field")) return;
  const known = [...fields.keys()].slice(0, 20).join(", ");
  const remedy = `is it misspelled? It has no effect. Training had ${known}`;
  notices.tell(
    "unknown-field",
    `${place} has a field ${JSON.stringify(name)} that training did not have; ${remedy}`,
  );
}

function tellUnknownRow({ notices }: RowScope, place: string): void {
  const effect = "so they have no effect on the prediction";
  notices?.tell("unknown-row", `${place}: none of its values occurred in training, ${effect}`);
}
