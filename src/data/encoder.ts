// From feature maps to sparse rows, with a vocabulary that has been learned (or with hashed names). This is
// the part of an encoder that prediction needs; feature-encoder.ts adds learning.

import { checkChoice, checkInteger, checkKeys, checkNumber, wrongType, wrongValue } from "../core/errors.ts";
import { CSRBuilder } from "./csr-builder.ts";
import { type FeatureMap, fieldPlace, isRecord, walkFeatures } from "./feature-map.ts";
import { badValue, isFloat32, type SparseVector } from "./sparse-row.ts";

/** Options of a FeatureEncoder. */
export interface FeatureEncoderOptions {
  /**
   * Hash feature names into 2^hashBits columns instead of learning a vocabulary; 1 to 30. Default: learn a
   * vocabulary.
   */
  hashBits?: number | undefined;
  /**
   * Drop features that occur in fewer training maps than this; at least 1, not with `hashBits`. Default: 1.
   */
  minCount?: number | undefined;
  /**
   * "standard": number fields become (value - mean) / standard deviation, as learned by `fit`. Default:
   * "none".
   */
  scale?: "none" | "standard" | undefined;
}

/** An encoder as plain JSON data; `names` and `scales` are what `fit` learned. */
export interface FeatureEncoderJSON extends FeatureEncoderOptions {
  version: 1;
  /** Feature names by index. */
  names?: string[] | undefined;
  /** Field name, mean and standard deviation of each number field. */
  scales?: [string, number, number][] | undefined;
}

/** Mean and standard deviation of a number field in the training maps. */
export interface Scale {
  readonly mean: number;
  readonly std: number;
}

/** What an encoder has learned. */
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
 * Encodes feature maps as sparse rows. What it has learned never changes; `FeatureEncoder` is the one that
 * learns.
 */
export class Encoder {
  /** The options in effect, defaults included. */
  readonly options: Readonly<FeatureEncoderOptions>;
  /** @internal Null before `fit`. */
  protected learned: Learned | null = null;
  readonly #scratch = new CSRBuilder();

  /** @throws TypeError or RangeError for a bad or unknown option, or `minCount` together with `hashBits`. */
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

  /** Number of columns. @throws Error before `fit`, unless hashing. */
  get numFeatures(): number {
    const { hashBits } = this.options;
    return hashBits === undefined ? this.ready("FeatureEncoder.numFeatures").names.length : 2 ** hashBits;
  }

  /**
   * Encodes one map. Features not in the vocabulary are skipped.
   *
   * @param map Field names and their values.
   * @returns A sparse vector of its own; without `values` when all of them are ones.
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
   * @internal Encodes one map as the next row of `builder`. A map that is refused leaves that row unfinished.
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
   * Lists the features of a map that contribute nothing, because `fit` never saw them or `minCount` dropped
   * them, each once. With `hashBits` every feature has a column, so only number fields without a learned
   * scale remain.
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
   * The name of a column.
   *
   * @param index Column, from 0, below `numFeatures`.
   * @returns A name such as "user=ana" or "hour"; with `hashBits`, where names cannot be recovered, "#" and
   *   the column.
   * @throws TypeError or RangeError for anything else.
   */
  name(index: number): string {
    const { numFeatures } = this;
    checkInteger("FeatureEncoder.name: index", index, 0);
    if (index >= numFeatures)
      throw wrongValue("FeatureEncoder.name: index", `below numFeatures (${numFeatures})`, index);
    return this.options.hashBits === undefined ? this.learned!.names[index] : `#${index}`;
  }

  /**
   * The column of a feature name.
   *
   * @param name A name such as "user=ana" or "hour".
   * @returns The column; `undefined` if the vocabulary does not hold the name.
   * @throws TypeError if the name is no string; Error before `fit`.
   */
  index(name: string): number | undefined {
    if (typeof name !== "string") throw wrongType("FeatureEncoder.index: name", "a string", name);
    const { hashBits } = this.options;
    if (hashBits !== undefined) return hashName(name, hashBits);
    return this.ready("FeatureEncoder.index").columns.get(name);
  }

  /**
   * Rebuilds an encoder from the data of `toJSON`, checking every part.
   *
   * @param json What `toJSON` gave, for example after `JSON.parse`.
   * @returns The encoder, fitted as the one before.
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
    if (names === undefined && scales === undefined) return encoder; // hashing without scales, or not fitted
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

  /** @internal What has been learned. @throws Error before `fit`. */
  protected ready(place: string): Learned {
    if (this.learned !== null) return this.learned;
    const missing =
      this.options.hashBits === undefined
        ? "has no vocabulary yet; call fit first, or set hashBits"
        : "has no scales yet; call fit first";
    throw new Error(`${place}: the encoder ${missing}`);
  }
}

/** A number field that `fit` saw as a constant, or never as a number, contributes nothing. */
function standardized(value: number, scale: Scale | undefined): number {
  return scale === undefined || scale.std === 0 ? 0 : (value - scale.mean) / scale.std;
}

/**
 * Hashes a name to the given number of bits: FNV-1a over UTF-16 code units (Fowler, Noll and Vo,
 * http://www.isthe.com/chongo/tech/comp/fnv/), then the finalizer of MurmurHash3 (Appleby 2011), then the top
 * bits.
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
