// Learns an encoder in one pass over the training rows, or in two passes if a field turns out to be of
// another kind than its first values suggested.

import { runAtOnce } from "../core/event-loop.ts";
import type { Notices } from "../core/notices.ts";
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
   * @param install Receives what was learned.
   */
  constructor(options: Readonly<FeatureEncoderOptions>, install: (learned: Learned) => void) {
    this.#options = options;
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

  /** The kind that the options give to a field; null: none. */
  #declared(name: string): FieldKind | null {
    const { fields } = this.#options;
    return fields !== undefined && Object.hasOwn(fields, name) ? fields[name] : null;
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
    const names = hashBits === undefined ? this.#nameColumns(known) : [];
    yield;
    const records = known.map(({ record }) => record);
    this.#install(learnedOf(records, names, this.#options));
    tellNumericTexts(known, notices);
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

  /** Gives every feature a column, in first-seen order, and then every indicator of missing values. */
  #nameColumns(known: Described[]): string[] {
    const { minCount = 1 } = this.#options;
    const names: string[] = [];
    const numbers = new Map<FieldLearner, Described>();
    for (const described of known) if (hasNoLevels(described)) numbers.set(described.field, described);
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
      if (field.counts[id] >= minCount) names.push(`${field.name}=${level}`);
    }
    for (const described of known) {
      const { record, field, missingWeight } = described;
      if (record.kind === "ignore" || missingWeight === 0 || missingWeight < minCount) continue;
      described.record = { ...record, missingColumn: names.length };
      names.push(missingName(field.name));
    }
    return names;
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
