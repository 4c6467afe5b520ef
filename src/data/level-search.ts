// Finds the levels in rows that a learned vocabulary does not hold, in first-seen order. Only categories and
// lists have levels; fields that were not in the training rows are not looked at. Nothing changes here:
// `FeatureEncoder.addLevels` gives the levels their columns.

import type { FeatureMap } from "./feature-map.ts";
import { isList, isWeighted, levelOf, refuse, walkFields, walkList, walkWeights } from "./field-values.ts";
import type { ColumnData, Field } from "./fields.ts";

/** A level of a field. */
export interface Level {
  /** Name of the field. */
  readonly field: string;
  /** The level. */
  readonly level: string;
}

/** A level that the vocabulary does not hold. */
interface Found extends Level {
  /** Rows that have it, each counted as `minCount` counts it. */
  count: number;
  /** The last row that has it. */
  row: number;
}

/** Collects the unknown levels of rows. */
export class LevelSearch {
  readonly #fields: ReadonlyMap<string, Field>;
  /** The levels in first-seen order. */
  readonly #found: Found[] = [];
  readonly #byField = new Map<Field, Map<string, Found>>();
  #row = 0;

  /** @param fields The fields of the vocabulary by name. It must not change during the search. */
  constructor(fields: ReadonlyMap<string, Field>) {
    this.#fields = fields;
  }

  /**
   * Looks at one map.
   *
   * @param map Field names and their values.
   * @param place What errors call the map.
   * @param times As how many maps `minCount` counts it. Default: 1.
   * @throws TypeError or RangeError that names the field.
   */
  add(map: FeatureMap, place: string, times: number = 1): void {
    this.#row++;
    walkFields(map, place, (name, value) => {
      const field = this.#fields.get(name);
      if (field !== undefined && value != null && hasLevels(field)) this.#look(field, value, times, place);
    });
  }

  /**
   * Looks at rows of columns.
   *
   * @param columns The columns.
   * @param start First row.
   * @param end The row behind the last one.
   * @param place What errors call the columns.
   * @param times As how many rows `minCount` counts each. Default: 1.
   * @throws TypeError or RangeError that names row and field.
   */
  addColumns(
    { names, data }: ColumnData,
    start: number,
    end: number,
    place: string,
    times: number = 1,
  ): void {
    const meant = names.flatMap((name, c) => {
      const field = this.#fields.get(name);
      return field !== undefined && hasLevels(field) ? [{ field, values: data[c] }] : [];
    });
    for (let i = start; i < end; i++) {
      this.#row++;
      for (const { field, values } of meant) {
        const value: unknown = values[i];
        if (value == null || (typeof value === "string" && field.levels.has(value))) continue;
        this.#look(field, value, times, `${place}[${i}]`);
      }
    }
  }

  /**
   * Lists what was found.
   *
   * @param minCount Least number of rows that have a level.
   * @returns The levels in the order in which the rows have them.
   */
  levels(minCount: number): readonly Level[] {
    return minCount <= 1 ? this.#found : this.#found.filter(({ count }) => count >= minCount);
  }

  /** Looks at one value. Values that encoding refuses are refused here, with the same error. */
  #look(field: Field, value: unknown, times: number, place: string): void {
    const { kind, name } = field;
    if (kind === "any" && isNoLevel(value)) return;
    const level = levelOf(value);
    if (level !== undefined) this.#meet(field, level, times);
    else if (kind !== "category" && isList(value)) {
      walkList(value, place, name, (item) => this.#meet(field, item, times));
    } else if (kind !== "category" && isWeighted(value)) {
      walkWeights(value, place, name, (item, weight) => {
        if (weight !== 0) this.#meet(field, item, times);
      });
    } else refuse(field, value, place);
  }

  #meet(field: Field, level: string, times: number): void {
    if (field.levels.has(level)) return;
    let levels = this.#byField.get(field);
    if (levels === undefined) {
      levels = new Map();
      this.#byField.set(field, levels);
    }
    const known = levels.get(level);
    if (known === undefined) {
      const found = { field: field.name, level, count: times, row: this.#row };
      levels.set(level, found);
      this.#found.push(found);
    } else if (known.row !== this.#row) {
      known.count += times;
      known.row = this.#row;
    }
  }
}

/** Says whether a field has levels with columns of their own. */
function hasLevels({ kind, hash }: Field): boolean {
  return hash === null && kind !== "number" && kind !== "flag" && kind !== "ignore";
}

/** Says whether a field of the kind "any" reads a value as a number or as a flag. */
function isNoLevel(value: unknown): boolean {
  return typeof value === "boolean" || typeof value === "number" || value instanceof Date;
}
