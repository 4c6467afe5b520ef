// Encodes feature maps as sparse rows, by a learned vocabulary or by hashed names (Weinberger et al. 2009,
// "Feature Hashing for Large Scale Multitask Learning"). Prediction needs only this class. feature-encoder.ts
// adds the learning of a vocabulary.

import { checkChoice, checkInteger, checkKeys, checkNumber, wrongType, wrongValue } from "../core/errors.ts";
import type { Column } from "./columns.ts";
import { CSRBuilder } from "./csr-builder.ts";
import { type FeatureMap, type FeatureValue, fieldPlace, isRecord, walkFeatures } from "./feature-map.ts";
import { badValue, isFloat32, type SparseVector } from "./sparse-row.ts";

/** Options of a FeatureEncoder. */
export interface FeatureEncoderOptions {
  /**
   * With this option feature names are hashed into 2^hashBits columns, and no vocabulary is learned; 1 to 30.
   * Default: learn a vocabulary.
   */
  hashBits?: number | undefined;
  /**
   * Features that occur in fewer training maps than this get no column; at least 1. It cannot be combined
   * with `hashBits`. Default: 1.
   */
  minCount?: number | undefined;
  /**
   * With "standard", a number field becomes (value - mean) / standard deviation, as learned by `fit`.
   * Default: "none".
   */
  scale?: "none" | "standard" | undefined;
}

/** An encoder as plain JSON data. */
export interface FeatureEncoderJSON extends FeatureEncoderOptions {
  /** Version of this format. */
  version: 1;
  /** The learned feature names, by index; absent with `hashBits`. */
  names?: string[] | undefined;
  /** The learned scales: field name, mean and standard deviation of each number field. */
  scales?: [string, number, number][] | undefined;
}

/** Mean and standard deviation of a number field in the training maps. */
export interface Scale {
  /** Mean of the values. */
  readonly mean: number;
  /** Standard deviation of the values, at least 0. */
  readonly std: number;
}

/** The vocabulary and the scales that an encoder has learned. */
export interface Learned {
  /** Feature names by column. */
  readonly names: readonly string[];
  /** Column of each feature name. */
  readonly columns: ReadonlyMap<string, number>;
  /** Scale of each number field. */
  readonly scales: ReadonlyMap<string, Scale>;
}

const SCALES = ["none", "standard"] as const;
const NOTHING: Learned = { names: [], columns: new Map(), scales: new Map() };

/**
 * Encodes feature maps as sparse rows. Its vocabulary never changes. The subclass `FeatureEncoder` learns a
 * vocabulary.
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
    checkKeys("FeatureEncoder: options", options, ["hashBits", "minCount", "scale"]);
    const { hashBits, minCount } = options;
    const scale = checkChoice("FeatureEncoder: scale", options.scale ?? "none", SCALES);
    if (hashBits === undefined) {
      this.options = { minCount: checkInteger("FeatureEncoder: minCount", minCount ?? 1, 1), scale };
      return;
    }
    if (minCount !== undefined) {
      const reason =
        "minCount needs a vocabulary to prune, and with hashBits there is none; give one of the two";
      throw new TypeError(`FeatureEncoder: ${reason}`);
    }
    this.options = { hashBits: checkInteger("FeatureEncoder: hashBits", hashBits, 1, 30), scale };
    if (scale === "none") this.learned = NOTHING;
  }

  /** Whether the encoder can encode. With `hashBits` and without scaling it always can. */
  get fitted(): boolean {
    return this.learned !== null;
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
   * @throws TypeError or RangeError that names the field; Error before `fit`.
   */
  append(builder: CSRBuilder, map: FeatureMap, place: string): void {
    const learned = this.ready("FeatureEncoder.append");
    const { hashBits, scale } = this.options;
    walkFeatures(map, place, (name, value, scalable) => {
      const column = hashBits === undefined ? learned.columns.get(name) : hashName(name, hashBits);
      if (column === undefined) return;
      if (scalable && scale === "standard") {
        value = standardized(value, learned.scales.get(name));
        if (!isFloat32(value)) throw badValue(`${fieldPlace(place, name)}, scaled,`, value);
      }
      builder.push(column, Math.fround(value));
    });
    builder.endRow(place);
  }

  /**
   * @internal Encodes rows of columns as the next rows of a builder.
   *
   * @param builder The builder.
   * @param columns Names and values of the fields, each (rows).
   * @param start First row.
   * @param end The row behind the last one.
   * @param place What errors call the columns.
   * @throws TypeError or RangeError that names row and field; Error before `fit`.
   */
  appendColumns(
    builder: CSRBuilder,
    { names, data }: { readonly names: readonly string[]; readonly data: readonly Column[] },
    start: number,
    end: number,
    place: string,
  ): void {
    const map = new Map<string, FeatureValue>();
    for (let row = start; row < end; row++) {
      for (let c = 0; c < names.length; c++) map.set(names[c], data[c][row] as FeatureValue);
      this.append(builder, map, `${place}[${row}]`);
    }
  }

  /** @internal Whether a field of this name may hold several levels in a row. */
  takesLists(name: string): boolean {
    return this.learned === null || !this.learned.columns.has(name);
  }

  /**
   * Lists the features of a map that contribute nothing, because `fit` never saw them or because `minCount`
   * left them out. Each is listed once. With `hashBits` every feature has a column. Then the list has only
   * number fields without a learned scale.
   *
   * @param map Field names and their values.
   * @returns Feature names such as "user=nobody".
   * @throws TypeError or RangeError that names the field; Error before `fit`.
   * @example
   * encoder.unseen({ user: "nobody", hour: 7 }); // ["user=nobody"]
   */
  unseen(map: FeatureMap): string[] {
    const place = "FeatureEncoder.unseen";
    const learned = this.ready(place);
    const { hashBits, scale } = this.options;
    const names = new Set<string>();
    walkFeatures(map, `${place}: map`, (name, value, scalable) => {
      const isScaled = scalable && scale === "standard";
      if (!isScaled && Math.fround(value) === 0) return;
      const hasColumn = hashBits !== undefined || learned.columns.has(name);
      if (!hasColumn || (isScaled && !learned.scales.has(name))) names.add(name);
    });
    return [...names];
  }

  /**
   * Returns the name of a column.
   *
   * @param index Column, from 0 to `numFeatures` - 1.
   * @returns A name such as "user=ana" or "hour". With `hashBits` names cannot be recovered, and the result
   *   is "#" followed by the column.
   * @throws TypeError or RangeError if it is not a column; Error before `fit`.
   */
  name(index: number): string {
    const { numFeatures } = this;
    checkInteger("FeatureEncoder.name: index", index, 0);
    if (index >= numFeatures)
      throw wrongValue("FeatureEncoder.name: index", `below numFeatures (${numFeatures})`, index);
    return this.options.hashBits === undefined ? this.learned!.names[index] : `#${index}`;
  }

  /**
   * Returns the column of a feature name.
   *
   * @param name A name such as "user=ana" or "hour".
   * @returns The column; `undefined` if the name is not in the vocabulary.
   * @throws TypeError if the name is not a string; Error before `fit`.
   */
  index(name: string): number | undefined {
    if (typeof name !== "string") throw wrongType("FeatureEncoder.index: name", "a string", name);
    const { hashBits } = this.options;
    if (hashBits !== undefined) return hashName(name, hashBits);
    return this.ready("FeatureEncoder.index").columns.get(name);
  }

  /** Plain data that `JSON.stringify` keeps exactly and `fromJSON` reads. */
  toJSON(): FeatureEncoderJSON {
    const json: FeatureEncoderJSON = { version: 1, ...this.options };
    if (this.learned !== null && json.hashBits === undefined) json.names = [...this.learned.names];
    if (this.learned !== null && json.scale === "standard") {
      json.scales = Array.from(this.learned.scales, ([field, { mean, std }]) => [field, mean, std]);
    }
    return json;
  }

  /**
   * Rebuilds an encoder from the data of `toJSON`. Every part of the data is checked.
   *
   * @param json The result of `toJSON`, for example after `JSON.parse`.
   * @returns An encoder with the same options, vocabulary and scales.
   * @throws TypeError or RangeError that names the part.
   * @example
   * const copy = FeatureEncoder.fromJSON(JSON.parse(JSON.stringify(encoder)));
   */
  static fromJSON<E extends Encoder>(this: new (options: FeatureEncoderOptions) => E, json: unknown): E {
    const place = "FeatureEncoder.fromJSON: json";
    if (!isRecord(json)) throw wrongType(place, "an object", json);
    const { version, names, scales, ...options } = json;
    if (version !== 1) throw wrongValue(`${place}.version`, "1", version);
    const encoder = new this(options as FeatureEncoderOptions);
    const { hashBits, scale } = encoder.options;
    if (names !== undefined && hashBits !== undefined)
      throw new TypeError(`${place}.names must be absent with hashBits`);
    if (scales !== undefined && scale === "none") {
      throw new TypeError(`${place}.scales must be absent with scale "none"`);
    }
    // Nothing was learned: the encoder was not fitted, or it hashes and does not scale.
    if (names === undefined && scales === undefined) return encoder;
    if (hashBits === undefined && !Array.isArray(names)) {
      throw wrongType(`${place}.names`, "an array of feature names", names);
    }
    if (scale === "standard" && !Array.isArray(scales)) {
      throw wrongType(`${place}.scales`, "an array of [field, mean, std]", scales);
    }
    encoder.learned = {
      ...readNames(`${place}.names`, (names ?? []) as unknown[]),
      scales: readScales(`${place}.scales`, (scales ?? []) as unknown[]),
    };
    return encoder;
  }

  /**
   * @internal Returns the vocabulary and the scales.
   *
   * @param place What errors start with.
   * @returns The vocabulary and the scales.
   * @throws Error before `fit`.
   */
  protected ready(place: string): Learned {
    if (this.learned !== null) return this.learned;
    const missing =
      this.options.hashBits === undefined
        ? "has no vocabulary yet; call fit first, or set hashBits"
        : "has no scales yet; call fit first";
    throw new Error(`${place}: the encoder ${missing}`);
  }
}

/**
 * Scales a value. A field that was constant in training, or never a number, becomes 0 and contributes
 * nothing.
 */
function standardized(value: number, scale: Scale | undefined): number {
  return scale === undefined || scale.std === 0 ? 0 : (value - scale.mean) / scale.std;
}

/**
 * Hashes a name to the given number of bits: FNV-1a over UTF-16 code units (Fowler, Noll and Vo,
 * http://www.isthe.com/chongo/tech/comp/fnv/), then the finalizer of MurmurHash3 (Appleby 2011,
 * https://github.com/aappleby/smhasher), which spreads the entropy to the top bits. They are the result.
 */
function hashName(name: string, bits: number): number {
  let h = 0x811c9dc5;
  for (let i = 0; i < name.length; i++) h = Math.imul(h ^ name.charCodeAt(i), 0x01000193);
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> (32 - bits);
}

function readNames(place: string, names: readonly unknown[]): Pick<Learned, "names" | "columns"> {
  const columns = new Map<string, number>();
  [...names].forEach((name, i) => {
    if (typeof name !== "string") throw wrongType(`${place}[${i}]`, "a string", name);
    if (columns.has(name))
      throw wrongValue(`${place}[${i}]`, `different from names[${columns.get(name)}]`, name);
    columns.set(name, i);
  });
  return { names: [...columns.keys()], columns };
}

function readScales(place: string, entries: readonly unknown[]): Map<string, Scale> {
  const scales = new Map<string, Scale>();
  [...entries].forEach((entry, i) => {
    if (!Array.isArray(entry) || entry.length !== 3)
      throw wrongType(`${place}[${i}]`, "[field, mean, std]", entry);
    const [field, mean, std] = entry as unknown[];
    if (typeof field !== "string") throw wrongType(`${place}[${i}][0]`, "a field name", field);
    if (scales.has(field)) throw wrongValue(`${place}[${i}][0]`, "a field not scaled before", field);
    scales.set(field, {
      mean: checkNumber(`${place}[${i}][1]`, mean, "a finite number", () => true),
      std: checkNumber(`${place}[${i}][2]`, std, "a finite number of at least 0", (value) => value >= 0),
    });
  });
  return scales;
}
