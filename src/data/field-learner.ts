// Learns one field from the training rows: which kind it is, its levels or numbers, and how often it has no
// value. The rules for kinds are in the method `kind`.

import {
  flagOf,
  isList,
  isWeighted,
  levelOf,
  numberOf,
  numberOfText,
  refuse,
  walkList,
  walkWeights,
} from "./field-values.ts";
import type { FieldKind } from "./fields.ts";
import { NumberSample } from "./number-sample.ts";
import { isFloat32 } from "./sparse-row.ts";

/** What is kept of the values while the kind is not known. */
type Storage = "levels" | "numbers" | "flags";

/** What a field has turned out to be. */
export interface LearnedKind {
  readonly kind: FieldKind;
  /** Whether text was read as numbers without being told so. */
  readonly isNumericText: boolean;
  /** Whether some text of a number field was no number. It counts as missing. */
  readonly isLenient: boolean;
}

/**
 * A text field is a number field if its numbers are not all integers and it has more levels than this. With
 * fewer levels each of them has enough rows as a category.
 */
const MANY_LEVELS = 20;

/**
 * A text field of integers is a number field if it has fewer rows per level than this. Ids have many rows per
 * level, measurements have few.
 */
const ROWS_PER_LEVEL = 8;

/** Largest share of texts in a number field that are no numbers. */
const MAX_OTHER_TEXT = 0.01;

/** Names of fields whose integers are names of things: `id`, `userId`, `item_id`, `zip`, `postcode`. */
const ID_NAME =
  /(?:^|[^a-z])(?:ids?|user|item|zip|zipcode|postcode|code|sku|isbn|key)$|[a-z](?:Ids?|ID|Code|Key)$/;

/** What the values of a declared kind are kept as. */
const DECLARED: Readonly<Record<FieldKind, Storage>> = {
  category: "levels",
  number: "numbers",
  flag: "flags",
  list: "levels",
  "weighted list": "levels",
  ignore: "levels",
};

/** Text such as "007", which is a code and no measurement. */
const LEADING_ZERO = /^-?0\d/;

/** Says whether the name of a field says that its values are names of things. */
export function isIdName(name: string): boolean {
  return ID_NAME.test(name) || ID_NAME.test(name.toLowerCase());
}

/** Learns one field. */
export class FieldLearner {
  readonly name: string;
  /** Rows with a value in the present part of the rows. */
  present = 0;
  /** Rows with a value in the parts before. */
  count = 0;
  /** Rows of the parts in which the field occurs. */
  rows = 0;
  /** Levels in first-seen order, and the number of each. */
  readonly levels: Map<string, number> = new Map();
  /** Rows in which each level occurs, each counted as `times` rows. */
  readonly counts: number[] = [];
  /** Rows with a value and rows without one, each counted as `times` rows, as `minCount` needs them. */
  weight = 0;
  missingWeight = 0;
  /** What the values are kept as; null before the first one. */
  storage: Storage | null;
  /** Whether a value came that does not fit the storage. All rows must then be read again. */
  mustRestart = false;
  readonly #declared: FieldKind | null;
  /** Receives this field at its first number or flag, and at each new level. */
  readonly #sequence: FieldLearner[];
  /** The numbers of values that came as numbers. */
  readonly #numbers = new NumberSample();
  /** The number that each level is as text; NaN: none; null: it stands for a missing value. */
  readonly #parsed: (number | null)[] = [];
  /** The last row in which each level occurred. */
  readonly #lastRows: number[] = [];
  /** Rows in which each level occurs. */
  readonly #rowsOf: number[] = [];
  #hasLists = false;
  #hasWeights = false;
  #hasNumbers = false;
  /** Rows whose text is a number. */
  #numericRows = 0;
  /** Rows whose text stands for a missing value. */
  #missingRows = 0;

  /**
   * Starts without values.
   *
   * @param name Name of the field.
   * @param declared Its kind, if the user gave it; null: it is inferred.
   * @param storage What the values are kept as, if an earlier pass found out; null: the first value decides.
   * @param sequence Receives this field at its first number or flag, and at each new level.
   */
  constructor(name: string, declared: FieldKind | null, storage: Storage | null, sequence: FieldLearner[]) {
    this.name = name;
    this.#declared = declared;
    this.#sequence = sequence;
    this.storage = declared === null ? storage : DECLARED[declared];
  }

  /**
   * Learns from one value.
   *
   * @param value The value, neither null nor undefined.
   * @param row Number of the row. A level that occurs twice in a row counts once.
   * @param times As how many rows `minCount` counts it.
   * @param place What errors call the row.
   * @throws TypeError or RangeError that names the field.
   */
  add(value: unknown, row: number, times: number, place: string): void {
    if (this.#declared === "ignore") return;
    this.storage ??= this.#storageFor(value);
    const before = this.present;
    if (this.storage === "numbers") this.#addNumber(value, place);
    else if (this.storage === "flags") this.#addFlag(value, place);
    else this.#addLevels(value, row, times, place);
    if (this.present > before) this.weight += times;
  }

  /**
   * Ends a part of the rows. A field that does not occur in a part is not missing there.
   *
   * @param rows Rows of the part.
   * @param times As how many rows `minCount` counts each.
   */
  endPart(rows: number, times: number): void {
    if (this.present > 0) this.rows += rows;
    if (this.present > 0 && rows > this.present) this.missingWeight += (rows - this.present) * times;
    this.count += this.present;
    this.present = 0;
  }

  /** Chooses the storage by the first value. */
  #storageFor(value: unknown): Storage {
    if (typeof value === "boolean") return "flags";
    if (value instanceof Date) return "numbers";
    const isId = Number.isInteger(value) && isIdName(this.name);
    return typeof value === "number" && !isId ? "numbers" : "levels";
  }

  #restart(storage: Storage): void {
    this.storage = storage;
    this.mustRestart = true;
  }

  #addNumber(value: unknown, place: string): void {
    const isNumber = typeof value === "number" || typeof value === "boolean" || value instanceof Date;
    if (!isNumber && this.#declared === null) {
      this.#restart("levels");
      return;
    }
    const number = numberOf(value);
    if (number === null) return;
    if (!isFloat32(number)) refuse({ name: this.name, kind: "number" }, value, place);
    if (this.#numbers.count === 0) this.#sequence.push(this);
    this.#numbers.add(number);
    this.present++;
  }

  #addFlag(value: unknown, place: string): void {
    if (typeof value !== "boolean" && this.#declared === null) {
      this.#restart(typeof value === "number" ? "numbers" : "levels");
      return;
    }
    const flag = flagOf(value);
    if (flag === undefined) refuse({ name: this.name, kind: "flag" }, value, place);
    if (flag === null) return;
    if (this.count + this.present === 0) this.#sequence.push(this);
    this.present++;
  }

  #addLevels(value: unknown, row: number, times: number, place: string): void {
    const level = levelOf(value);
    if (level !== undefined) {
      const id = this.#addLevel(level, row, times);
      if (typeof value === "number") this.#hasNumbers = true;
      const number = this.#parsed[id];
      if (number === null) this.#missingRows++;
      else if (!Number.isNaN(number)) this.#numericRows++;
    } else if (isList(value) && this.#declared !== "category") {
      this.#hasLists = true;
      walkList(value, place, this.name, (item) => this.#addLevel(item, row, times));
    } else if (isWeighted(value) && this.#declared !== "category") {
      this.#hasWeights = true;
      walkWeights(value, place, this.name, (item, weight) => {
        if (weight !== 0) this.#addLevel(item, row, times);
      });
    } else {
      refuse({ name: this.name, kind: this.#declared ?? "any" }, value, place);
    }
    this.present++;
  }

  /** Adds a level of a row. Returns its number. */
  #addLevel(level: string, row: number, times: number): number {
    const known = this.levels.get(level);
    const id = known ?? this.levels.size;
    if (known === undefined) {
      this.levels.set(level, id);
      this.counts.push(times);
      this.#rowsOf.push(1);
      this.#lastRows.push(row);
      this.#parsed.push(this.#declared === null ? numberOfText(level) : NaN);
      this.#sequence.push(this);
    } else if (this.#lastRows[id] !== row) {
      this.counts[id] += times;
      this.#rowsOf[id]++;
      this.#lastRows[id] = row;
    }
    return id;
  }

  /** Says what the field has turned out to be. */
  kind(): LearnedKind {
    const plain = (kind: FieldKind): LearnedKind => ({ kind, isNumericText: false, isLenient: false });
    if (this.#declared !== null) return plain(this.#declared);
    if (this.storage === "numbers") return plain("number");
    if (this.storage === "flags") return plain("flag");
    if (this.#hasWeights) return plain("weighted list");
    if (this.#hasLists) return plain("list");
    const texts = this.count - this.#missingRows;
    if (texts === 0 || this.#numericRows < (1 - MAX_OTHER_TEXT) * texts) return plain("category");
    if (!this.#areMeasurements()) return plain("category");
    const isLenient = this.#numericRows < texts;
    return { kind: "number", isNumericText: !this.#hasNumbers, isLenient };
  }

  /** Says whether levels that are numbers measure something. Else they are names of things. */
  #areMeasurements(): boolean {
    let areIntegers = true;
    for (const number of this.#parsed) {
      if (number !== null && !Number.isNaN(number) && !Number.isInteger(number)) areIntegers = false;
    }
    if (areIntegers && isIdName(this.name)) return false;
    if (this.#hasNumbers) return true;
    for (const level of this.levels.keys()) if (LEADING_ZERO.test(level)) return false;
    if (this.levels.size <= MANY_LEVELS) return false;
    return !areIntegers || this.#numericRows < ROWS_PER_LEVEL * this.levels.size;
  }

  /** `missingWeight` of a number field: rows whose text is no number count too. */
  weightWithoutNumber(): number {
    let weight = this.missingWeight;
    this.#parsed.forEach((number, id) => {
      if (number === null || !isFloat32(number)) weight += this.counts[id];
    });
    return weight;
  }

  /** The numbers of the field, whose kind is "number". Text that is no number is left out. */
  numbers(): NumberSample {
    if (this.storage === "numbers") return this.#numbers;
    const numbers = new NumberSample();
    this.#parsed.forEach((number, id) => {
      if (number === null || !isFloat32(number)) return;
      for (let i = 0; i < this.#rowsOf[id]; i++) numbers.add(number);
    });
    return numbers;
  }
}
