// FeatureEncoder: learns from training data which columns feature maps become. It learns a vocabulary of
// named features in first-seen order, or hashes the names into 2^hashBits columns; number fields can be
// standardized.

import { type Column, Columns } from "./columns.ts";
import { CSRBuilder } from "./csr-builder.ts";
import { type CSRMatrix, matrixOf } from "./csr-matrix.ts";
import { Encoder, type FeatureEncoderOptions, type Learned, type Scale } from "./encoder.ts";
import { type FeatureMap, type FeatureRow, type FeatureValue, walkFeatures } from "./feature-map.ts";
import { checkMaps, type RowsOf } from "./rows.ts";

/**
 * Encodes feature maps as sparse rows. A string is a one-hot feature named "field=value"; a number is the
 * value of the feature "field", a boolean its 1 or 0; an array of strings is multi-hot; an object of numbers
 * is multi-hot with those weights; `null` and `undefined` are absent, and so is every value of 0. Field names
 * must not contain "=".
 *
 * @example
 * const encoder = new FeatureEncoder();
 * const x = encoder.fitTransform([{ user: "ana", hour: 18 }, { user: "bo", tags: ["cold", "white"] }]);
 * encoder.numFeatures; // 5
 * encoder.name(4); // "tags=white"
 * encoder.encode({ user: "bo", hour: 7, tags: ["new"] }); // { indices: [2, 1], values: [1, 7] }
 */
export class FeatureEncoder extends Encoder {
  #frozen = false;

  /**
   * Learns the vocabulary (features in first-seen order) and the scales from these maps alone, forgetting
   * what was learned before.
   *
   * @param maps Training rows: feature maps, columns or a table, (rows).
   * @returns This encoder.
   * @throws TypeError or RangeError that names map and field; the encoder then stays as it was.
   * @example
   * new FeatureEncoder({ minCount: 2 }).fit(trainingMaps).transform(otherMaps);
   */
  fit<T extends object & FeatureRow<T>>(maps: RowsOf<T>): this {
    return this.#fit("FeatureEncoder.fit", checkMaps(maps, "FeatureEncoder.fit: maps"));
  }

  #fit(place: string, maps: Iterable<FeatureMap> | Columns): this {
    const fit = this.beginFit();
    if (maps instanceof Columns) {
      fit.addColumns(maps, 0, maps.rows, `${place}: maps`);
    } else {
      let i = 0;
      for (const map of maps) fit.add(map, `${place}: maps[${i++}]`);
    }
    fit.finish();
    return this;
  }

  /**
   * @internal Returns a copy whose vocabulary can no longer change. Models keep it, so that feature indices
   * stay valid.
   */
  frozen(): this {
    const copy = new (this.constructor as new (options: FeatureEncoderOptions) => this)({ ...this.options });
    copy.learned = this.learned;
    copy.#frozen = true;
    return copy;
  }

  /** @internal Starts to learn map by map. Nothing changes before `finish`. */
  beginFit(): EncoderFit {
    if (this.#frozen) {
      throw new Error(
        "FeatureEncoder.fit: this encoder belongs to a model and cannot learn again; make a new one",
      );
    }
    return new EncoderFit(this.options, (learned) => {
      this.learned = learned;
    });
  }

  /**
   * Encodes maps as the rows of a matrix. Features not in the vocabulary are skipped.
   *
   * @param maps Feature maps, columns or a table, (rows).
   * @returns The matrix, (number of maps, numFeatures).
   * @throws TypeError or RangeError that names map and field; Error before `fit`.
   * @example
   * const x = new FeatureEncoder({ hashBits: 18 }).transform([{ user: "ana" }, { user: "bo" }]); // needs no
   * fit
   */
  transform<T extends object & FeatureRow<T>>(maps: RowsOf<T>): CSRMatrix {
    const place = "FeatureEncoder.transform";
    this.ready(place);
    return this.#transform(place, checkMaps(maps, `${place}: maps`));
  }

  #transform(place: string, maps: Iterable<FeatureMap> | Columns): CSRMatrix {
    this.ready(place);
    const builder = new CSRBuilder();
    if (maps instanceof Columns) this.appendColumns(builder, maps, 0, maps.rows, `${place}: maps`);
    else for (const map of maps) this.append(builder, map, `${place}: maps[${builder.rows}]`);
    return matrixOf(builder.build(this.numFeatures, place));
  }

  /**
   * `fit` and `transform` of the same maps.
   *
   * @param maps Training rows: feature maps, columns or a table, (rows).
   * @returns The matrix, (number of maps, numFeatures).
   * @throws TypeError or RangeError that names map and field.
   * @example
   * const x = new FeatureEncoder().fitTransform(maps);
   */
  fitTransform<T extends object & FeatureRow<T>>(maps: RowsOf<T>): CSRMatrix {
    const place = "FeatureEncoder.fitTransform";
    const checked = checkMaps(maps, `${place}: maps`);
    // An iterator can be walked only once, and the maps are needed twice.
    const kept = checked instanceof Columns ? checked : Array.from(checked);
    return this.#fit(place, kept).#transform(place, kept);
  }
}

/** Mean and spread of one field while they are being learned. */
interface Moments {
  n: number;
  mean: number;
  /** Sum of squared deviations from the mean. */
  squares: number;
}

/**
 * @internal A fit in progress. `add` every map, then `finish`; after an error, or without `finish`, nothing
 * has changed.
 */
export class EncoderFit {
  readonly #options: Readonly<FeatureEncoderOptions>;
  readonly #install: (learned: Learned) => void;
  readonly #ids = new Map<string, number>();
  /** Maps in which the feature occurs, by id. */
  readonly #counts: number[] = [];
  /** The last of them, by id, so that an item given twice in one map counts once. */
  readonly #lastMap: number[] = [];
  readonly #moments = new Map<string, Moments>();
  #maps = 0;

  constructor(options: Readonly<FeatureEncoderOptions>, install: (learned: Learned) => void) {
    this.#options = options;
    this.#install = install;
  }

  /**
   * Learns from one map.
   *
   * @param map Field names and their values.
   * @param place Names the map in errors.
   * @param times As how many maps `minCount` counts it. Default: 1.
   */
  add(map: FeatureMap, place: string, times: number = 1): void {
    const number = this.#maps++;
    const { hashBits, scale } = this.#options;
    walkFeatures(map, place, (name, value, scalable) => {
      if (scalable && scale === "standard") this.#addNumber(name, value);
      else if (Math.fround(value) === 0) return;
      if (hashBits === undefined) this.#addName(name, number, times);
    });
  }

  /**
   * Learns from rows of columns.
   *
   * @param columns Names and values of the fields, each (rows).
   * @param start First row.
   * @param end The row behind the last one.
   * @param place What errors call the columns.
   * @param times As how many rows `minCount` counts each. Default: 1.
   */
  addColumns(
    { names, data }: { readonly names: readonly string[]; readonly data: readonly Column[] },
    start: number,
    end: number,
    place: string,
    times: number = 1,
  ): void {
    const map = new Map<string, FeatureValue>();
    for (let row = start; row < end; row++) {
      for (let c = 0; c < names.length; c++) map.set(names[c], data[c][row] as FeatureValue);
      this.add(map, `${place}[${row}]`, times);
    }
  }

  #addName(name: string, map: number, times: number): void {
    const id = this.#ids.get(name);
    if (id === undefined) {
      this.#ids.set(name, this.#ids.size);
      this.#counts.push(times);
      this.#lastMap.push(map);
    } else if (this.#lastMap[id] !== map) {
      this.#counts[id] += times;
      this.#lastMap[id] = map;
    }
  }

  /**
   * Welford's method (1962): the sum of squared deviations does not cancel, however far the mean is from 0.
   */
  #addNumber(field: string, value: number): void {
    let moments = this.#moments.get(field);
    if (moments === undefined) {
      moments = { n: 0, mean: 0, squares: 0 };
      this.#moments.set(field, moments);
    }
    moments.n++;
    const delta = value - moments.mean;
    moments.mean += delta / moments.n;
    moments.squares += delta * (value - moments.mean);
  }

  /** Gives the encoder what was learned. */
  finish(): void {
    const minCount = this.#options.minCount ?? 1;
    const names = [...this.#ids.keys()].filter((_, id) => this.#counts[id] >= minCount);
    const columns = new Map(names.map((name, column) => [name, column]));
    const scales = new Map<string, Scale>();
    for (const [field, { n, mean, squares }] of this.#moments) {
      if (this.#options.hashBits === undefined && !columns.has(field)) continue;
      scales.set(field, { mean, std: Math.sqrt(squares / n) });
    }
    this.#install({ names, columns, scales });
  }
}
