// FeatureEncoder: learns from training rows of which kind each field is, and which columns its values become.
// It learns a vocabulary of named features in first-seen order, or hashes the names into 2^hashBits columns.

import { Columns } from "./columns.ts";
import { CSRBuilder } from "./csr-builder.ts";
import { type CSRMatrix, matrixOf } from "./csr-matrix.ts";
import { Encoder, type Learned } from "./encoder.ts";
import { EncoderFit } from "./encoder-fit.ts";
import type { FeatureEncoderOptions } from "./encoder-options.ts";
import type { FeatureMap, FeatureRow } from "./feature-map.ts";
import { type Level, LevelSearch } from "./level-search.ts";
import { checkMaps, type RowsOf } from "./rows.ts";

/**
 * Encodes feature maps as sparse rows. Every field has a kind, inferred from the training rows or given by
 * the option `fields`. A category or a list becomes the features "field=level"; a number becomes two
 * neighboring knots "field@knot", or one feature "field" by the option `numbers`; a flag becomes the feature
 * "field". `null` and `undefined` are missing values: they become the feature "field is missing" if training
 * had such rows. Field names must not contain "=".
 *
 * @example
 * const encoder = new FeatureEncoder();
 * const x = encoder.fitTransform([{ user: "ana", hour: 18 }, { user: "bo", hour: 6, tags: ["cold", "white"]
 * }]); encoder.fields.map(({ name, kind }) => `${name}: ${kind}`); // ["user: category", "hour: number",
 * "tags: list"] encoder.name(0); // "user=ana" encoder.encode({ user: "bo", hour: 9, tags: ["new"] }); // {
 * indices: [3, 1, 2], values: [1, 0.75, 0.25] }
 */
export class FeatureEncoder extends Encoder {
  #frozen = false;

  /**
   * Learns kinds, numbers and vocabulary from these maps alone, forgetting what was learned before. With
   * `hashBits` alone it learns nothing and only checks the maps.
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
    // An iterator can be walked only once, and some fields need a second pass.
    const kept = maps instanceof Columns || Array.isArray(maps) ? maps : [...maps];
    do {
      if (kept instanceof Columns) fit.addColumns(kept, 0, kept.rows, `${place}: maps`);
      else for (let i = 0; i < kept.length; i++) fit.add(kept[i] as FeatureMap, `${place}: maps[${i}]`);
    } while (!fit.finish(null));
    return this;
  }

  /**
   * @internal Returns a copy that cannot be fitted again, so that feature indices stay valid. Models keep it.
   * Both share what was learned, until one of them grows: that one takes a copy of its own.
   */
  frozen(): this {
    const copy = new (this.constructor as new (options: FeatureEncoderOptions) => this)({ ...this.options });
    copy.learned = this.learned;
    copy.#frozen = true;
    if (this.learned !== null) this.learned.isShared = true;
    return copy;
  }

  /** @internal Whether new levels can get columns: hashing gives every level one already. */
  get canGrow(): boolean {
    return this.options.hashBits === undefined && this.learned !== null;
  }

  /** @internal Starts to look for levels that the vocabulary does not hold. */
  beginSearch(): LevelSearch {
    return new LevelSearch(this.ready("FeatureEncoder.beginSearch").fields);
  }

  /**
   * @internal Gives levels the next columns, behind all columns. It takes time in proportion to their number.
   *
   * @param levels Levels of known fields, none of them in the vocabulary.
   */
  addLevels(levels: readonly Level[]): void {
    if (levels.length === 0) return;
    const { names, fields } = this.#own();
    for (const { field: name, level } of levels) {
      const field = fields.get(name)!;
      field.levels.set(level, names.length);
      field.changes++;
      names.push(`${name}=${level}`);
    }
  }

  /**
   * @internal Takes back the last `addLevels`.
   *
   * @param numFeatures Number of columns before it.
   */
  removeLevels(numFeatures: number): void {
    if (numFeatures === this.numFeatures) return;
    const { names, fields } = this.#own();
    for (const name of names.splice(numFeatures)) {
      const end = name!.indexOf("=");
      const field = fields.get(name!.slice(0, end))!;
      field.levels.delete(name!.slice(end + 1));
      field.changes++;
    }
  }

  /**
   * @internal Removes the name of a level for ever. Its column stays and has no name. Afterwards the level is
   * unknown.
   *
   * @param field Name of the field.
   * @param level The level.
   * @returns The column that the level had; null if it had none, as always with `hashBits`.
   */
  dropLevel(field: string, level: string): number | null {
    const column = this.learned?.fields.get(field)?.levels.get(level);
    if (column === undefined) return null;
    const { names, fields } = this.#own();
    const own = fields.get(field)!;
    own.levels.delete(level);
    own.changes++;
    names[column] = null;
    return column;
  }

  /** Returns what was learned, to be changed. What other encoders share is copied first. */
  #own(): Learned {
    const learned = this.ready("FeatureEncoder");
    if (!learned.isShared) return learned;
    const fields = new Map(
      Array.from(learned.fields, ([name, field]) => [name, { ...field, levels: new Map(field.levels) }]),
    );
    const indicators = learned.indicators.map(({ name }) => fields.get(name)!);
    const names = learned.names.slice();
    this.learned = { ...learned, names, fields, indicators, order: [], isShared: false };
    return this.learned;
  }

  /**
   * @internal Starts to learn map by map. Nothing changes before `finish`.
   *
   * @param maxFeatures Most columns that it may need. Default: no limit.
   * @param categories Fields whose values are categories, unless the option `fields` says otherwise. Default:
   *   none is known.
   */
  beginFit(maxFeatures: number = Infinity, categories: readonly string[] = []): EncoderFit {
    if (this.#frozen) {
      throw new Error(
        "FeatureEncoder.fit: this encoder belongs to a model and cannot learn again; make a new one",
      );
    }
    const fields = Object.fromEntries(categories.map((name) => [name, "category"] as const));
    const known = { ...fields, ...this.options.fields };
    return new EncoderFit(this.options, known, maxFeatures, (learned) => {
      if (this.learned?.unlisted == null) this.learned = learned;
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
