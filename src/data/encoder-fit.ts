// Learns an encoder in one pass over the training rows, or in two passes if a field turns out to be of
// another kind than its first values suggested.

import { wrongValue } from "../core/errors.ts";
import { runAtOnce } from "../core/event-loop.ts";
import { type Notices, thousands } from "../core/notices.ts";
import { type Learned, learnedOf } from "./encoder.ts";
import { checkFieldName, type FeatureEncoderOptions } from "./encoder-options.ts";
import type { FeatureMap } from "./feature-map.ts";
import { FieldLearner } from "./field-learner.ts";
import { walkFields } from "./field-values.ts";
import { type ColumnData, columnNames, type FieldKind, type FieldRecord, missingName } from "./fields.ts";

/**
 * @internal A fit in progress. Add every row, then call `finish`. If it returns false, add every row again.
 *   After an error, or without `finish`, nothing has changed.
 */
export class EncoderFit {
  readonly #options: Readonly<FeatureEncoderOptions>;
  readonly #kinds: Readonly<Record<string, FieldKind>>;
  readonly #maxFeatures: number;
  readonly #install: (learned: Learned) => void;
  readonly #fields = new Map<string, FieldLearner>();
  /** The field of each flag, number or level, in first-seen order. */
  readonly #sequence: FieldLearner[] = [];
  /** Rows of the present part, and of all parts. */
  #partRows = 0;
  #rows = 0;
  /** As how many rows `minCount` counts each row of the present part. */
  #times = 1;

  /**
   * Starts without rows.
   *
   * @param options The options of the encoder.
   * @param kinds The kinds of the fields that are known in advance.
   * @param maxFeatures Most columns that it may need; Infinity: no limit.
   * @param install Receives what was learned.
   */
  constructor(
    options: Readonly<FeatureEncoderOptions>,
    kinds: Readonly<Record<string, FieldKind>>,
    maxFeatures: number,
    install: (learned: Learned) => void,
  ) {
    this.#options = options;
    this.#kinds = kinds;
    this.#maxFeatures = maxFeatures;
    this.#install = install;
  }

  /**
   * Learns from one map.
   *
   * @param map Field names and their values.
   * @param place What errors call the map.
   * @param times As how many maps `minCount` counts it, the same for all maps of a part. Default: 1.
   */
  add(map: FeatureMap, place: string, times: number = 1): void {
    this.#partRows++;
    this.#times = times;
    const row = this.#rows++;
    walkFields(map, place, (name, value) => {
      const field = this.#fields.get(name) ?? this.#addField(name, place);
      if (value != null) field.add(value, row, times, place);
    });
  }

  /**
   * Learns from rows of columns.
   *
   * @param columns The columns.
   * @param start First row.
   * @param end The row behind the last one.
   * @param place What errors call the columns.
   * @param times As how many rows `minCount` counts each, the same for all rows of a part. Default: 1.
   */
  addColumns(
    { names, data }: ColumnData,
    start: number,
    end: number,
    place: string,
    times: number = 1,
  ): void {
    const fields = names.map((name) => this.#fields.get(name) ?? this.#addField(name, place));
    this.#times = times;
    for (let i = start; i < end; i++) {
      this.#partRows++;
      const row = this.#rows++;
      const at = `${place}[${i}]`;
      for (let c = 0; c < fields.length; c++) {
        const value = data[c][i];
        if (value != null) fields[c].add(value, row, times, at);
      }
    }
  }

  #addField(name: string, place: string): FieldLearner {
    checkFieldName(name, place);
    const field = new FieldLearner(name, this.#declared(name), null, this.#sequence);
    this.#fields.set(name, field);
    return field;
  }

  /** The kind of a field that is known in advance; null: it is inferred. */
  #declared(name: string): FieldKind | null {
    return Object.hasOwn(this.#kinds, name) ? this.#kinds[name] : null;
  }

  /** Ends a part of the rows: fields that do not occur in a part are not missing there. */
  endPart(): void {
    for (const field of this.#fields.values()) field.endPart(this.#partRows, this.#times);
    this.#partRows = 0;
  }

  /**
   * Gives the encoder what was learned.
   *
   * @param notices Where notices go; null: nowhere.
   * @returns Whether learning is done. If not, all rows must be added again.
   */
  finish(notices: Notices | null): boolean {
    return runAtOnce(this.finishInParts(notices));
  }

  /** As `finish`. Yields now and then. */
  *finishInParts(notices: Notices | null): Generator<void, boolean> {
    this.endPart();
    if ([...this.#fields.values()].some(({ mustRestart }) => mustRestart)) {
      this.#startAgain();
      return false;
    }
    const { hashBits } = this.#options;
    const known: Described[] = [];
    for (const field of this.#fields.values()) {
      known.push(this.#describe(field));
      yield;
    }
    const left: string[] = [];
    const names = hashBits === undefined ? this.#nameColumns(known, left) : [];
    yield;
    const records = known.map(({ record }) => record);
    this.#install(learnedOf(records, names, this.#options));
    tellNumericTexts(known, notices);
    tellFull(notices, "fit", this.#maxFeatures, left);
    return true;
  }

  /** Forgets everything but how values must be kept. */
  #startAgain(): void {
    this.#sequence.length = 0;
    this.#rows = 0;
    for (const { name, storage } of this.#fields.values()) {
      this.#fields.set(name, new FieldLearner(name, this.#declared(name), storage, this.#sequence));
    }
  }

  /** Describes a field, without its columns. */
  #describe(field: FieldLearner): Described {
    const { name, rows } = field;
    const { hashBits, numbers: option = "auto" } = this.#options;
    const { kind, isNumericText, isLenient } = field.kind();
    const numbers = kind === "number" ? field.numbers() : null;
    const count = numbers === null ? field.count : numbers.count;
    const missing = rows === 0 ? 0 : (rows - count) / rows;
    const record: FieldRecord = {
      ...{ name, kind, missing },
      // With hashing the column follows from the name. The record only says that there is one.
      ...(hashBits !== undefined && missing > 0 ? { missingColumn: 0 } : {}),
      ...(numbers === null ? {} : { code: numbers.code(option) }),
      ...(numbers === null || count === 0 ? {} : { range: [numbers.min, numbers.max] as const }),
      ...(isLenient ? { lenient: true } : {}),
    };
    const missingWeight = numbers === null ? field.missingWeight : field.weightWithoutNumber();
    return { field, record, missingWeight, isNumericText };
  }

  /**
   * Gives every feature a column, in first-seen order, and then every indicator of missing values. The levels
   * that the limit leaves without a column go into `left`.
   */
  #nameColumns(known: Described[], left: string[]): string[] {
    const { minCount = 1 } = this.#options;
    const names: string[] = [];
    const numbers = new Map<FieldLearner, Described>();
    for (const described of known) if (hasNoLevels(described)) numbers.set(described.field, described);
    let room = this.#roomForLevels(known, numbers);
    const levels = new Map<FieldLearner, Iterator<[string, number]>>();
    for (const field of this.#sequence) {
      const described = numbers.get(field);
      if (described !== undefined) {
        if (described.record.column !== undefined || field.weight < minCount) continue;
        described.record = { ...described.record, column: names.length };
        names.push(...columnNames(described.record));
        continue;
      }
      if (!levels.has(field)) levels.set(field, field.levels.entries());
      const [level, id] = levels.get(field)!.next().value as [string, number];
      if (field.counts[id] < minCount) continue;
      const name = `${field.name}=${level}`;
      if (room-- > 0) names.push(name);
      else left.push(name);
    }
    for (const described of known) {
      if (!hasIndicator(described, minCount)) continue;
      described.record = { ...described.record, missingColumn: names.length };
      names.push(missingName(described.field.name));
    }
    return names;
  }

  /** Says how many levels may get a column: numbers, flags and indicators need theirs in any case. */
  #roomForLevels(known: readonly Described[], numbers: ReadonlyMap<FieldLearner, Described>): number {
    const { minCount = 1 } = this.#options;
    if (this.#maxFeatures === Infinity) return Infinity;
    let needed = known.filter((described) => hasIndicator(described, minCount)).length;
    for (const field of new Set(this.#sequence)) {
      const described = numbers.get(field);
      if (described !== undefined && field.weight >= minCount) needed += columnNames(described.record).length;
    }
    if (needed <= this.#maxFeatures) return this.#maxFeatures - needed;
    const least = `at least the number of columns of numbers, flags and missing values (${needed})`;
    throw wrongValue("NFM: maxFeatures", least, this.#maxFeatures);
  }
}

/** A field, and what is stored of it. */
interface Described {
  readonly field: FieldLearner;
  record: FieldRecord;
  /** Rows without a value, each counted as `minCount` counts it. */
  readonly missingWeight: number;
  readonly isNumericText: boolean;
}

/** Says whether missing values of a field get a column. */
function hasIndicator({ record: { kind }, missingWeight }: Described, minCount: number): boolean {
  return kind !== "ignore" && missingWeight > 0 && missingWeight >= minCount;
}

function hasNoLevels({ record: { kind } }: Described): boolean {
  return kind === "number" || kind === "flag" || kind === "ignore";
}

function tellNumericTexts(known: readonly Described[], notices: Notices | null): void {
  const fields = known.filter(({ isNumericText }) => isNumericText).map(({ field }) => field);
  if (fields.length === 0) return;
  const list = fields.map(({ name, levels }) => `${name} (${levels.size} different texts)`).join(", ");
  const remedy = `fields: { ${JSON.stringify(fields[0].name)}: "category" } makes it categories`;
  notices?.tell("numeric-text", `fit: texts were read as numbers in ${list}; ${remedy}`);
}

/**
 * Tells the user that levels got no column.
 *
 * @param notices Where notices go; null: nowhere.
 * @param caller The method that met the levels.
 * @param maxFeatures The limit.
 * @param left Names of the features that got no column, such as "user=ana"; empty: nothing is told.
 */
export function tellFull(
  notices: Notices | null,
  caller: string,
  maxFeatures: number,
  left: readonly string[],
): void {
  if (left.length === 0) return;
  const limit = `the vocabulary is full, because maxFeatures is ${thousands(maxFeatures)}`;
  const first = JSON.stringify(left[0]);
  const effect =
    left.length === 1
      ? `the new level ${first} has no effect`
      : `${thousands(left.length)} new levels, such as ${first}, have no effect`;
  notices?.tell("vocabulary-full", `${caller}: ${limit}; ${effect}`);
}
