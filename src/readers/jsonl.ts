// `readJSONL`: tables of JSON lines (https://jsonlines.org): one JSON object per line.

import { checkKeys, describe } from "../core/errors.ts";
import type { Lines } from "./byte-lines.ts";
import { missingColumn } from "./column-names.ts";
import type { LabelColumn } from "./columns-builder.ts";
import { findFault, type JSONFault, MAY_LOSE_DIGITS, quoteLargeIntegers } from "./json-check.ts";
import { type ReaderOptions, readLabel, readNames } from "./reader-options.ts";
import { readSource, type TableSource } from "./source.ts";
import type { TableBlock, TableParser } from "./table-block.ts";
import { ParsingReader, type TableReader, type TableRow } from "./table-reader.ts";

/**
 * A value in a line of JSON, as far as models take it for a feature. All other JSON comes through as it is,
 * and `fit` refuses it with an error that names row and field.
 */
export type JSONValue =
  | string
  | number
  | boolean
  | null
  | readonly string[]
  | Readonly<Record<string, number>>;

/**
 * Makes a reader of JSON lines: one JSON object per line. Blank lines are skipped. Values stay as they are,
 * but an integer beyond 2^53 becomes a string with all its digits, because as a number it would be another
 * one.
 *
 * @param source The text of the table, its UTF-8 bytes, a Blob or File, a web stream, a Node stream, any
 *   iterable of text or bytes, or a function that opens one of them. Use `createReadStream(path)` for a file,
 *   and `() => createReadStream(path)` to read it several times.
 * @param options.select Names of the columns to keep, in the order of the result. Default: all.
 * @param options.label Name of the column with the labels, which become `y`. Default: none.
 * @returns The reader. Nothing is read yet.
 * @throws TypeError or RangeError for a wrong source or option.
 * @example
 * for await (const row of readJSONL(createReadStream("events.jsonl"))) console.log(row.user);
 */
export function readJSONL(
  source: TableSource,
  options: ReaderOptions & { label: string },
): TableReader<JSONValue, LabelColumn>;
export function readJSONL(source: TableSource, options?: ReaderOptions): TableReader<JSONValue>;
export function readJSONL(source: TableSource, options: ReaderOptions = {}): TableReader<JSONValue> {
  const place = "readJSONL";
  checkKeys(`${place}: options`, options, ["select", "label"]);
  const { select, label } = options;
  const names = select === undefined ? null : readNames(`${place}: select`, select);
  const labelName = label === undefined ? null : readLabel(`${place}: label`, label);
  const makeParser = (): JSONLParser => new JSONLParser(place, names, labelName);
  return new ParsingReader(place, readSource(place, source), makeParser);
}

/** Parses the lines of one source. */
class JSONLParser implements TableParser<JSONValue> {
  readonly loneCR = false;
  readonly #place: string;
  readonly #select: readonly string[] | null;
  readonly #label: string | null;
  /** All names so far, for the error about a selected one that no row has. */
  readonly #names = new Set<string>();
  #rows: TableRow<JSONValue>[] = [];
  #rowsBefore = 0;
  #line = 1;

  constructor(place: string, select: readonly string[] | null, label: string | null) {
    this.#place = place;
    this.#select = select;
    this.#label = label;
  }

  get line(): number {
    return this.#line;
  }

  parse({ text, end }: Lines): number {
    for (let start = 0; start < text.length; this.#line++) {
      const stop = text.indexOf("\n", start);
      const line = text.slice(start, stop);
      if (/\S/.test(line)) this.#rows.push(this.#parseRow(line));
      start = stop + 1;
    }
    return end;
  }

  take(): TableBlock<JSONValue> {
    const rows = this.#rows;
    this.#rowsBefore += rows.length;
    this.#rows = [];
    return new JSONLBlock(rows, this.#select, this.#label);
  }

  finish(): void {
    if (this.#select === null || this.#rowsBefore + this.#rows.length === 0) return;
    for (const name of this.#select)
      if (!this.#names.has(name)) throw missingColumn(this.#place, "select", name, this.#names);
  }

  #parseRow(line: string): TableRow<JSONValue> {
    let value = this.#parseJSON(line);
    if (typeof value !== "object" || value === null || Array.isArray(value)) throw this.#noObject(line);
    if (MAY_LOSE_DIGITS.test(line)) {
      const quoted = quoteLargeIntegers(line);
      if (typeof quoted !== "string") throw this.#wrong(quoted);
      value = JSON.parse(quoted) as JSONValue;
    }
    const row = value as TableRow<JSONValue>;
    if (this.#select !== null) for (const name of Object.keys(row)) this.#names.add(name);
    if (this.#label !== null) this.#checkLabel(row, this.#label);
    return row;
  }

  #parseJSON(line: string): JSONValue {
    try {
      return JSON.parse(line) as JSONValue;
    } catch {
      throw line.trimStart().startsWith("[") ? this.#noObject(line) : this.#wrong(findFault(line));
    }
  }

  #checkLabel(row: TableRow<JSONValue>, name: string): void {
    const label = Object.hasOwn(row, name) ? row[name] : null;
    if (
      typeof label === "number" ||
      typeof label === "boolean" ||
      (typeof label === "string" && label !== "")
    )
      return;
    const isMissing = label === null || label === "";
    const what = isMissing ? "is missing" : `must be a number, a string or a boolean, got ${describe(label)}`;
    throw new RangeError(
      `${this.#place}: line ${this.#line}, row ${this.#row}: the label ${describe(name)} ${what}`,
    );
  }

  #noObject(line: string): RangeError {
    const position = line.search(/\S/);
    const hint = line[position] === "[" ? " (a text that is one array of rows is for JSON.parse)" : "";
    return this.#wrong({ position, expected: `an object on each line${hint}` });
  }

  #wrong({ position, expected }: JSONFault): RangeError {
    return new RangeError(
      `${this.#place}: line ${this.#line}, column ${position + 1}, row ${this.#row}: expected ${expected}`,
    );
  }

  /** Number of the row that is being parsed, from 1. */
  get #row(): number {
    return this.#rowsBefore + this.#rows.length + 1;
  }
}

/** Rows of a file of JSON lines. */
class JSONLBlock implements TableBlock<JSONValue> {
  readonly size: number;
  readonly labels: readonly JSONValue[] | null;
  readonly #rows: TableRow<JSONValue>[];
  readonly #select: readonly string[] | null;
  readonly #label: string | null;

  constructor(rows: TableRow<JSONValue>[], select: readonly string[] | null, label: string | null) {
    this.size = rows.length;
    this.labels = label === null ? null : rows.map((row) => row[label]);
    this.#rows = rows;
    this.#select = select;
    this.#label = label;
  }

  rows(withLabel: boolean): TableRow<JSONValue>[] {
    const label = this.#label;
    if (this.#select === null)
      return withLabel || label === null ? this.#rows : this.#rows.map((row) => without(row, label));
    const features = this.#select.filter((name) => name !== label);
    const names = withLabel && label !== null ? [...features, label] : features;
    return this.#rows.map((row) =>
      Object.fromEntries(names.filter((name) => Object.hasOwn(row, name)).map((name) => [name, row[name]])),
    );
  }

  columns(): ReadonlyMap<string, readonly (JSONValue | null)[]> {
    const columns = new Map<string, (JSONValue | null)[]>();
    for (const name of this.#select ?? []) if (name !== this.#label) columns.set(name, []);
    for (const [i, row] of this.#rows.entries()) {
      for (const name of Object.keys(row)) {
        let values = columns.get(name);
        if (values === undefined) {
          if (this.#select !== null || name === this.#label) continue;
          values = new Array<null>(i).fill(null);
          columns.set(name, values);
        }
        values.push(row[name]);
      }
      for (const values of columns.values()) if (values.length === i) values.push(null);
    }
    return columns;
  }
}

function without(row: TableRow<JSONValue>, label: string): TableRow<JSONValue> {
  const { [label]: _, ...rest } = row;
  return rest;
}
