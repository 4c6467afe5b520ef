// Parses CSV by RFC 4180, in blocks of columns. One loop looks at every byte once: it finds the end of the cell
// and computes the hash by which equal cells become one string (cell-strings.ts).

import { describe } from "../core/errors.ts";
import type { Lines } from "./byte-lines.ts";
import { CellStrings, CellText } from "./cell-strings.ts";
import { checkHeader, missingColumn } from "./column-names.ts";
import { CR, type CSVRecord, detectDelimiter, LF, QUOTE, readRecord, SPACE } from "./csv-record.ts";
import type { TableBlock, TableParser } from "./table-block.ts";

/** A cell of a CSV file: its text, or null if it is missing. */
export type CSVValue = string | null;

/** The checked options of `readCSV`. */
export interface CSVSettings {
  /** What errors start with. */
  readonly place: string;
  /** The delimiter as a byte; null: it is detected. */
  readonly delimiter: number | null;
  /** Names of the columns; null: the first line has them. */
  readonly header: readonly string[] | null;
  readonly select: readonly string[] | null;
  readonly label: string | null;
}

/** A column that is kept. */
interface Column {
  readonly name: string;
  readonly strings: CellStrings;
  /** The cells of the present block. */
  values: CSVValue[];
}

/** Parses the lines of one CSV source. */
export class CSVParser implements TableParser<CSVValue> {
  readonly loneCR = true;
  readonly #settings: CSVSettings;
  readonly #text = new CellText();
  #delimiter = 0;
  /** All names in the order of the file; null before they are known. */
  #names: readonly string[] | null = null;
  /** The columns by their position in the file; null for those that are not kept. */
  #columns: (Column | null)[] = [];
  /** The columns of the result, in its order. */
  #features: Column[] = [];
  #label: Column | null = null;
  #line = 1;
  /** Rows of the present block, and rows before it. */
  #size = 0;
  #rowsBefore = 0;

  /** @param settings The checked options. */
  constructor(settings: CSVSettings) {
    this.#settings = settings;
  }

  get line(): number {
    return this.#line;
  }

  parse(lines: Lines, ended: boolean): number {
    const start = this.#names === null ? this.#begin(lines, ended) : lines.start;
    if (start < 0) return lines.start;
    this.#text.reset(lines);
    this.#text.pass(lines.start, start);
    return this.#parseRows(lines, start, ended);
  }

  take(): TableBlock<CSVValue> {
    const taken = (column: Column): CSVValue[] => {
      const values = column.values;
      values.length = this.#size; // without the cells of an unfinished row
      column.values = [];
      return values;
    };
    const names = this.#features.map(({ name }) => name);
    const columns = this.#features.map(taken);
    const block = new CSVBlock(
      this.#size,
      names,
      columns,
      this.#label && this.#label.name,
      this.#label && taken(this.#label),
    );
    this.#rowsBefore += this.#size;
    this.#size = 0;
    return block;
  }

  finish(): void {
    if (this.#names === null) this.#setNames(this.#settings.header ?? []);
  }

  /**
   * Finds out the delimiter and the names. Returns the position of the first row; -1 if more lines are needed.
   */
  #begin({ bytes, start, end }: Lines, ended: boolean): number {
    const { delimiter, header } = this.#settings;
    let p = start;
    let line = this.#line;
    for (; p < end && (bytes[p] === LF || bytes[p] === CR); p++)
      if (bytes[p] === LF || bytes[p + 1] !== LF) line++;
    if (p === end) return -1;
    const found = delimiter ?? detectDelimiter(bytes, p, end, header && header.length, ended);
    if (found === null) return -1;
    this.#delimiter = found;
    const record = header === null ? readRecord(bytes, p, end, found) : null;
    if (header === null) {
      if (record === null && !ended) return -1;
      if (record === null || record.isMalformed) throw this.#badHeader(record, bytes, p, line);
    }
    this.#line = line;
    this.#setNames(header ?? namesOf(record!, bytes));
    if (record === null) return p;
    this.#line += countBreaks(bytes, p, record.next);
    return record.next;
  }

  #setNames(names: readonly string[]): void {
    const { place, select, label } = this.#settings;
    checkHeader(`${place}: line ${this.#line}`, names, select, label);
    const wanted = select ?? names;
    for (const name of label === null ? wanted : [...wanted, label])
      if (!names.includes(name)) throw missingColumn(place, name === label ? "label" : "select", name, names);
    this.#names = names;
    const kept = new Map(
      names
        .filter((name) => name === label || wanted.includes(name))
        .map((name) => [name, { name, strings: new CellStrings(this.#text), values: [] }]),
    );
    this.#columns = names.map((name) => kept.get(name) ?? null);
    this.#features = wanted.filter((name) => name !== label).map((name) => kept.get(name)!);
    this.#label = label === null ? null : kept.get(label)!;
  }

  /**
   * Parses rows. Each line of `bytes` ends with a line break, so the end of an unquoted cell needs no check.
   * Returns where the next row starts.
   */
  #parseRows(lines: Lines, start: number, ended: boolean): number {
    const { bytes, end } = lines;
    const isASCII = lines.text.length === end - lines.start;
    const columns = this.#columns;
    const label = this.#label;
    const text = this.#text;
    const width = columns.length;
    const delimiter = this.#delimiter;
    const highest = Math.max(delimiter, CR); // no larger byte ends a cell
    let p = start;
    while (p < end) {
      const rowStart = p;
      let line = this.#line;
      let byte = bytes[p];
      const isBlank = byte === LF || byte === CR;
      for (let cell = 0; !isBlank; cell++, byte = bytes[++p]) {
        let from = p;
        let isDoubled = false; // whether the cell has doubled quotes
        const isQuoted = byte === QUOTE;
        const cellLine = line;
        if (isQuoted) {
          from = ++p;
          for (; p < end; p++) {
            byte = bytes[p];
            if (byte === QUOTE) {
              if (bytes[p + 1] !== QUOTE) break;
              isDoubled = true;
              p++;
            } else if (byte === LF || (byte === CR && bytes[p + 1] !== LF)) line++;
          }
          if (p === end && !ended) return rowStart;
          if (p === end) throw this.#wrong(cellLine, cell, NOT_CLOSED);
        } else {
          while (byte > highest || (byte !== delimiter && byte !== LF && byte !== CR)) byte = bytes[++p];
          if (bytes[from] === SPACE) this.#checkSpaces(bytes, from, p, line, cell);
        }
        const isWide = !isASCII && text.pass(from, p);
        const column = cell < width ? columns[cell] : null;
        if (column !== null) {
          let value: CSVValue = isQuoted ? "" : null;
          if (isDoubled) value = text.cut(from, p, isWide).replaceAll('""', '"');
          else if (from < p) value = column.strings.get(lines, from, p, isWide);
          if (column === label && !value) throw this.#wrong(cellLine, cell, "the label is missing");
          column.values.push(value);
        }
        if (isQuoted) byte = bytes[++p];
        if (byte === delimiter) continue;
        if (byte !== LF && byte !== CR) throw this.#wrong(line, cell, TEXT_BEHIND_QUOTE);
        if (cell + 1 === width) break;
        throw this.#wrong(line, Math.min(cell + 1, width), this.#wrongCount(cell + 1));
      }
      p += byte === CR && bytes[p + 1] === LF ? 2 : 1;
      this.#line = line + 1;
      if (!isBlank) this.#size++;
    }
    return p;
  }

  /** Refuses an opening quote behind spaces: the cell would be cut at the delimiters within the quotes. */
  #checkSpaces(bytes: Uint8Array, start: number, end: number, line: number, cell: number): void {
    let p = start;
    while (p < end && bytes[p] === SPACE) p++;
    if (p < end && bytes[p] === QUOTE) throw this.#wrong(line, cell, SPACE_BEFORE_QUOTE);
  }

  #wrongCount(cells: number): string {
    const width = this.#columns.length;
    const delimiter = describe(String.fromCharCode(this.#delimiter));
    return `expected ${width} ${width === 1 ? "cell" : "cells"}, got ${cells} (the delimiter is ${delimiter})`;
  }

  #wrong(line: number, cell: number, what: string): RangeError {
    const name = this.#names![cell];
    const column = name === undefined ? `column ${cell + 1}` : `column ${cell + 1} (${describe(name)})`;
    const row = this.#rowsBefore + this.#size + 1;
    return new RangeError(`${this.#settings.place}: line ${line}, ${column}, row ${row}: ${what}`);
  }

  #badHeader(record: CSVRecord | null, bytes: Uint8Array, start: number, line: number): RangeError {
    const cells = record === null ? 0 : record.bounds.length / 2 - 1;
    const at = record === null ? line : line + countBreaks(bytes, start, record.next);
    const column = record === null ? "" : `, column ${cells + 1}`;
    const what = record === null ? "a quoted name has no closing quote" : TEXT_BEHIND_QUOTE;
    return new RangeError(`${this.#settings.place}: line ${at}${column}: ${what}`);
  }
}

const NOT_CLOSED = "the quoted cell that starts here has no closing quote";
const TEXT_BEHIND_QUOTE =
  "expected a delimiter or the end of the line behind the closing quote; write a quote within a quoted cell twice";
const SPACE_BEFORE_QUOTE = "an opening quote must follow the delimiter directly, without spaces";

/** The names in the first record. */
function namesOf({ bounds }: CSVRecord, bytes: Uint8Array): string[] {
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  const names: string[] = [];
  for (let k = 0; k < bounds.length; k += 2) {
    const name = decoder.decode(bytes.subarray(bounds[k], bounds[k + 1]));
    names.push(bytes[bounds[k] - 1] === QUOTE ? name.replaceAll('""', '"') : name);
  }
  return names;
}

/** Counts the line breaks in bytes: LF, CRLF or a lone CR. */
function countBreaks(bytes: Uint8Array, start: number, end: number): number {
  let count = 0;
  for (let p = start; p < end; p++) if (bytes[p] === LF || (bytes[p] === CR && bytes[p + 1] !== LF)) count++;
  return count;
}

/** Rows of a CSV file, kept as columns. */
class CSVBlock implements TableBlock<CSVValue> {
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
