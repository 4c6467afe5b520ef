// Some rows of a CSV file, kept as columns.

import type { TableBlock } from "./table-block.ts";

/** A cell of a CSV file: its text, or null if it is missing. */
export type CSVValue = string | null;

/** Rows of a CSV file, kept as columns. */
export class CSVBlock implements TableBlock<CSVValue> {
  readonly size: number;
  readonly labels: readonly CSVValue[] | null;
  readonly #names: readonly string[];
  readonly #columns: readonly (readonly CSVValue[])[];
  readonly #label: string | null;

  constructor(
    size: number,
    names: readonly string[],
    columns: readonly (readonly CSVValue[])[],
    label: string | null,
    labels: readonly CSVValue[] | null,
  ) {
    this.size = size;
    this.labels = labels;
    this.#names = names;
    this.#columns = columns;
    this.#label = label;
  }

  rows(withLabel: boolean): Record<string, CSVValue>[] {
    const isLabeled = withLabel && this.#label !== null;
    const names = isLabeled ? [...this.#names, this.#label!] : this.#names;
    const columns = isLabeled ? [...this.#columns, this.labels!] : this.#columns;
    // A copy of an object that has all names is fast, and "__proto__" is a field like any other.
    const blank = Object.fromEntries(names.map((name): [string, CSVValue] => [name, null]));
    const rows: Record<string, CSVValue>[] = [];
    for (let row = 0; row < this.size; row++) {
      const fields = { ...blank };
      for (let column = 0; column < names.length; column++) fields[names[column]] = columns[column][row];
      rows.push(fields);
    }
    return rows;
  }

  columns(): ReadonlyMap<string, readonly CSVValue[]> {
    return new Map(this.#names.map((name, column) => [name, this.#columns[column]]));
  }
}
