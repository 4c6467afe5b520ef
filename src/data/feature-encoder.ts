// FeatureEncoder: from feature maps to sparse rows. It either learns a vocabulary of named features from training data,
// in first-seen order, or hashes the names into 2^hashBits columns; number fields can be standardised.

import { checkChoice, checkInteger, checkKeys, checkNumber, wrongType, wrongValue } from "../core/errors.ts";
import { badValue, isFloat32, type SparseVector } from "../core/sparse-row.ts";
import { CSRBuilder, type CSRMatrix } from "../core/sparse.ts";
import { fieldPlace, isPlainObject, walkFeatures, type FeatureMap } from "./feature-map.ts";

export type { FeatureMap, FeatureRow, FeatureValue } from "./feature-map.ts";

/** Options of a FeatureEncoder. */
export interface FeatureEncoderOptions {
  /** Hash feature names into 2^hashBits columns instead of learning a vocabulary; 1 to 30. Default: learn a vocabulary. */
  hashBits?: number;
  /** Drop features that occur in fewer training maps than this; at least 1, not with `hashBits`. Default 1. */
  minCount?: number;
  /** "standard": number fields become (value - mean) / standard deviation, as learned by `fit`. Default "none". */
  scale?: "none" | "standard";
}

/** An encoder as plain JSON data; `names` and `scales` are what `fit` learned. */
export interface FeatureEncoderJSON extends FeatureEncoderOptions {
  version: 1;
  /** Feature names by index. */
  names?: string[];
  /** Field name, mean and standard deviation of each number field. */
  scales?: [string, number, number][];
}

interface Scale {
  readonly mean: number;
  readonly std: number;
}

interface Learned {
  readonly names: readonly string[];
  readonly columns: ReadonlyMap<string, number>;
  readonly scales: ReadonlyMap<string, Scale>;
}

const SCALES = ["none", "standard"] as const;
const NOTHING: Learned = { names: [], columns: new Map(), scales: new Map() };

/**
 * Encodes feature maps as sparse rows. A string is a one-hot feature named "field=value"; a number is the value of the
 * feature "field", a boolean its 1 or 0; an array of strings is multi-hot; an object of numbers is multi-hot with those
 * weights; `null` and `undefined` are absent, and so is every value of 0. Field names must not contain "=".
 *
 * @example
 * const encoder = new FeatureEncoder();
 * const x = encoder.fitTransform([{ user: "ana", hour: 18 }, { user: "bo", tags: ["cold", "white"] }]);
 * encoder.numFeatures; // 5
 * encoder.name(4); // "tags=white"
 * encoder.encode({ user: "bo", hour: 7, tags: ["new"] }); // { indices: [2, 1], values: [1, 7] }
 */
export class FeatureEncoder {
  /** The options in effect, defaults included. */
  readonly options: Readonly<FeatureEncoderOptions>;
  #learned: Learned | null = null;
  #frozen = false;
  readonly #scratch = new CSRBuilder();

  /** @throws TypeError or RangeError for a bad or unknown option, or `minCount` together with `hashBits`. */
  constructor(options: FeatureEncoderOptions = {}) {
    checkKeys("FeatureEncoder: options", options, ["hashBits", "minCount", "scale"]);
    const { hashBits, minCount } = options;
    const scale = checkChoice("FeatureEncoder: scale", options.scale ?? "none", SCALES);
    if (hashBits === undefined) {
      this.options = { minCount: checkInteger("FeatureEncoder: minCount", minCount ?? 1, 1), scale };
    } else {
      if (minCount !== undefined) throw new TypeError("FeatureEncoder: minCount needs a vocabulary to prune, and with hashBits there is none; give one of the two");
      this.options = { hashBits: checkInteger("FeatureEncoder: hashBits", hashBits, 1, 30), scale };
      if (scale === "none") this.#learned = NOTHING;
    }
  }

  /** Whether `transform` and `encode` can be used. With `hashBits` and without scaling always true. */
  get fitted(): boolean {
    return this.#learned !== null;
  }

  /** Number of columns. @throws Error before `fit`, unless hashing. */
  get numFeatures(): number {
    return this.options.hashBits === undefined ? this.#state("FeatureEncoder.numFeatures").names.length : 2 ** this.options.hashBits;
  }

  /**
   * Learns the vocabulary (features in first-seen order) and the scales from these maps alone, forgetting what was
   * learned before.
   *
   * @returns This encoder.
   * @throws TypeError or RangeError that names map and field; the encoder then stays as it was.
   * @example
   * new FeatureEncoder({ minCount: 2 }).fit(trainingMaps).transform(otherMaps);
   */
  fit(maps: Iterable<FeatureMap>): this {
    return this.#fit("FeatureEncoder.fit", maps);
  }

  #fit(place: string, maps: Iterable<FeatureMap>): this {
    const fit = this.beginFit();
    let i = 0;
    for (const map of checkIterable(place, maps)) fit.add(map, `${place}: maps[${i++}]`);
    fit.finish();
    return this;
  }

  /** @internal A copy that cannot be fitted again: what a model keeps, so that its features never change their meaning. */
  frozen(): this {
    const copy = new (this.constructor as new (options: FeatureEncoderOptions) => this)({ ...this.options });
    copy.#learned = this.#learned;
    copy.#frozen = true;
    return copy;
  }

  /** @internal Learning map by map: nothing changes before `finish`. */
  beginFit(): EncoderFit {
    if (this.#frozen) throw new Error("FeatureEncoder.fit: this encoder belongs to a model and cannot learn again; make a new one");
    return new EncoderFit(this.options, (learned) => (this.#learned = learned));
  }

  /**
   * Encodes maps as the rows of a matrix with `numFeatures` columns. Features not in the vocabulary are skipped.
   *
   * @throws TypeError or RangeError that names map and field; Error before `fit`.
   * @example
   * const x = new FeatureEncoder({ hashBits: 18 }).transform([{ user: "ana" }, { user: "bo" }]); // needs no fit
   */
  transform(maps: Iterable<FeatureMap>): CSRMatrix {
    return this.#transform("FeatureEncoder.transform", maps);
  }

  #transform(place: string, maps: Iterable<FeatureMap>): CSRMatrix {
    this.#state(place);
    const builder = new CSRBuilder();
    for (const map of checkIterable(place, maps)) this.append(builder, map, `${place}: maps[${builder.rows}]`);
    return builder.build(this.numFeatures, place);
  }

  /** `fit` and `transform` of the same maps. @example const x = new FeatureEncoder().fitTransform(maps); */
  fitTransform(maps: Iterable<FeatureMap>): CSRMatrix {
    const place = "FeatureEncoder.fitTransform";
    const kept = Array.isArray(maps) ? (maps as readonly FeatureMap[]) : [...checkIterable(place, maps)]; // an iterator can be walked once only
    return this.#fit(place, kept).#transform(place, kept);
  }

  /**
   * Encodes one map. Features not in the vocabulary are skipped.
   *
   * @returns A sparse vector of its own; without `values` when all of them are ones.
   * @throws TypeError or RangeError that names the field; Error before `fit`.
   * @example
   * encoder.encode({ user: "ana", item: "milk" }); // { indices: Uint32Array [ 0, 17 ] }
   */
  encode(map: FeatureMap): SparseVector {
    this.#state("FeatureEncoder.encode");
    this.#scratch.clear();
    this.append(this.#scratch, map, "FeatureEncoder.encode: map");
    return this.#scratch.lastRow();
  }

  /** @internal Encodes one map as the next row of `builder`. A map that is refused leaves that row unfinished. */
  append(builder: CSRBuilder, map: FeatureMap, place: string): void {
    const learned = this.#state("FeatureEncoder.append");
    const { hashBits, scale } = this.options;
    walkFeatures(map, place, (name, value, scalable) => {
      const column = hashBits === undefined ? learned.columns.get(name) : hashName(name, hashBits);
      if (column === undefined) return;
      if (scalable && scale === "standard") {
        value = standardised(value, learned.scales.get(name));
        if (!isFloat32(value)) throw badValue(`${fieldPlace(place, name)}, scaled,`, value);
      }
      builder.push(column, Math.fround(value));
    });
    builder.endRow(place);
  }

  /**
   * The names of the features of a map that contribute nothing because `fit` never saw them (or `minCount` dropped
   * them), each once. With `hashBits` every feature has a column, so only number fields without a learned scale remain.
   *
   * @example
   * encoder.unseen({ user: "nobody", hour: 7 }); // ["user=nobody"]
   */
  unseen(map: FeatureMap): string[] {
    const place = "FeatureEncoder.unseen";
    const learned = this.#state(place);
    const { hashBits, scale } = this.options;
    const names = new Set<string>();
    walkFeatures(map, `${place}: map`, (name, value, scalable) => {
      const scaled = scalable && scale === "standard";
      if (!scaled && Math.fround(value) === 0) return;
      if ((hashBits === undefined && !learned.columns.has(name)) || (scaled && !learned.scales.has(name))) names.add(name);
    });
    return [...names];
  }

  /** The name of a column; with `hashBits`, where names cannot be recovered, "#" and the column. @throws RangeError beyond `numFeatures`. */
  name(index: number): string {
    const { numFeatures } = this;
    checkInteger("FeatureEncoder.name: index", index, 0);
    if (index >= numFeatures) throw wrongValue("FeatureEncoder.name: index", `below numFeatures (${numFeatures})`, index);
    return this.options.hashBits === undefined ? this.#learned!.names[index] : `#${index}`;
  }

  /** The column of a feature name such as "user=ana" or "hour"; `undefined` if the vocabulary does not hold it. */
  index(name: string): number | undefined {
    if (typeof name !== "string") throw wrongType("FeatureEncoder.index: name", "a string", name);
    const { hashBits } = this.options;
    return hashBits === undefined ? this.#state("FeatureEncoder.index").columns.get(name) : hashName(name, hashBits);
  }

  /** Plain data that `JSON.stringify` keeps exactly and `fromJSON` reads. */
  toJSON(): FeatureEncoderJSON {
    const json: FeatureEncoderJSON = { version: 1, ...this.options };
    if (this.#learned !== null && json.hashBits === undefined) json.names = [...this.#learned.names];
    if (this.#learned !== null && json.scale === "standard") {
      json.scales = Array.from(this.#learned.scales, ([field, { mean, std }]) => [field, mean, std]);
    }
    return json;
  }

  /**
   * Rebuilds an encoder from the data of `toJSON`, checking every part.
   *
   * @throws TypeError or RangeError that names the part.
   * @example
   * const copy = FeatureEncoder.fromJSON(JSON.parse(JSON.stringify(encoder)));
   */
  static fromJSON(json: unknown): FeatureEncoder {
    const place = "FeatureEncoder.fromJSON: json";
    if (!isPlainObject(json)) throw wrongType(place, "an object", json);
    const { version, names, scales, ...options } = json;
    if (version !== 1) throw wrongValue(`${place}.version`, "1", version);
    const encoder = new this(options as FeatureEncoderOptions);
    const { hashBits, scale } = encoder.options;
    if (names !== undefined && hashBits !== undefined) throw new TypeError(`${place}.names must be absent with hashBits`);
    if (scales !== undefined && scale === "none") throw new TypeError(`${place}.scales must be absent with scale "none"`);
    if (names === undefined && scales === undefined) return encoder; // hashing without scales, or not fitted
    if (hashBits === undefined && !Array.isArray(names)) throw wrongType(`${place}.names`, "an array of feature names", names);
    if (scale === "standard" && !Array.isArray(scales)) throw wrongType(`${place}.scales`, "an array of [field, mean, std]", scales);
    encoder.#learned = {
      ...readNames(`${place}.names`, (names ?? []) as unknown[]),
      scales: readScales(`${place}.scales`, (scales ?? []) as unknown[]),
    };
    return encoder;
  }

  #state(place: string): Learned {
    if (this.#learned !== null) return this.#learned;
    const remedy = this.options.hashBits === undefined ? "has no vocabulary yet; call fit first, or set hashBits" : "has no scales yet; call fit first";
    throw new Error(`${place}: the encoder ${remedy}`);
  }
}

/** @internal A fit in progress. `add` every map, then `finish`; after an error, or without `finish`, nothing has changed. */
export class EncoderFit {
  readonly #options: Readonly<FeatureEncoderOptions>;
  readonly #install: (learned: Learned) => void;
  readonly #ids = new Map<string, number>();
  readonly #counts: number[] = []; // maps in which the feature occurs, by id
  readonly #lastMap: number[] = []; // the last of them, so that an item given twice counts once
  readonly #moments = new Map<string, { n: number; mean: number; squares: number }>();
  #maps = 0;

  constructor(options: Readonly<FeatureEncoderOptions>, install: (learned: Learned) => void) {
    this.#options = options;
    this.#install = install;
  }

  /** Learns from one map. `place` names it in errors; `minCount` counts it as `times` maps. */
  add(map: FeatureMap, place: string, times: number = 1): void {
    const number = this.#maps++;
    const { hashBits, scale } = this.#options;
    walkFeatures(map, place, (name, value, scalable) => {
      if (scalable && scale === "standard") this.#addNumber(name, value);
      else if (Math.fround(value) === 0) return;
      if (hashBits !== undefined) return;
      const id = this.#ids.get(name);
      if (id === undefined) {
        this.#ids.set(name, this.#ids.size);
        this.#counts.push(times);
        this.#lastMap.push(number);
      } else if (this.#lastMap[id] !== number) {
        this.#counts[id] += times;
        this.#lastMap[id] = number;
      }
    });
  }

  /** Welford's running mean and sum of squared deviations: no cancellation, however far the mean is from 0. */
  #addNumber(field: string, value: number): void {
    let m = this.#moments.get(field);
    if (m === undefined) this.#moments.set(field, (m = { n: 0, mean: 0, squares: 0 }));
    const delta = value - m.mean;
    m.mean += delta / ++m.n;
    m.squares += delta * (value - m.mean);
  }

  /** Gives the encoder what was learned. */
  finish(): void {
    const minCount = this.#options.minCount ?? 1;
    const names = [...this.#ids.keys()].filter((_, id) => this.#counts[id] >= minCount);
    const columns = new Map(names.map((name, column) => [name, column]));
    const scales = new Map<string, Scale>();
    for (const [field, { n, mean, squares }] of this.#moments) {
      if (this.#options.hashBits !== undefined || columns.has(field)) scales.set(field, { mean, std: Math.sqrt(squares / n) });
    }
    this.#install({ names, columns, scales });
  }
}

/** A number field that fit saw as a constant, or never as a number, contributes nothing. */
function standardised(value: number, scale: Scale | undefined): number {
  return scale === undefined || scale.std === 0 ? 0 : (value - scale.mean) / scale.std;
}

/** FNV-1a over UTF-16 code units, its bits then mixed (MurmurHash3's finaliser); the top `bits` bits. */
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
    if (columns.has(name)) throw wrongValue(`${place}[${i}]`, `different from names[${columns.get(name)}]`, name);
    columns.set(name, i);
  });
  return { names: [...columns.keys()], columns };
}

function readScales(place: string, entries: readonly unknown[]): Map<string, Scale> {
  const scales = new Map<string, Scale>();
  [...entries].forEach((entry, i) => {
    if (!Array.isArray(entry) || entry.length !== 3) throw wrongType(`${place}[${i}]`, "[field, mean, std]", entry);
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

function checkIterable(place: string, maps: Iterable<FeatureMap>): Iterable<FeatureMap> {
  if (typeof (maps as Iterable<FeatureMap> | undefined)?.[Symbol.iterator] === "function" && typeof maps !== "string") return maps;
  throw wrongType(`${place}: maps`, "an array or iterable of feature maps", maps);
}
