// Parses CSV by RFC 4180. One loop looks at every byte once and notes where the cells are. Then their strings
// are made, column by column: the hash table of one column at a time is in use, and the loop over it is
// short, which is fast.

import { describe } from "../core/errors.ts";
import type { Lines } from "./byte-lines.ts";
import { CellStrings } from "./cell-strings.ts";
import { Cells, DOUBLED, PLAIN, QUOTED } from "./cells.ts";
import { checkHeader, missingColumn } from "./column-names.ts";
import { CSVBlock, type CSVValue } from "./csv-block.ts";
import { type CSVRecord, detectDelimiter, readRecord } from "./csv-record.ts";
import type { TableBlock, TableParser } from "./table-block.ts";

const LF = 10;
const CR = 13;
const SPACE = 32;
const QUOTE = 34;

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
  /** Its position in the file, from 0. */
  readonly position: number;
  readonly strings: CellStrings;
  /** The values of the present block; (capacity). */
  values: CSVValue[];
}

/**
 * Most rows of a block, if blocks are large. Its arrays then lie where the garbage collector does not move
 * them.
 */
const LARGE_BLOCK = 65536;

/** Parses the lines of one CSV source. */
export class CSVParser implements TableParser<CSVValue> {
  readonly loneCR = true;
  readonly #settings: CSVSettings;
  readonly #isLarge: boolean;
  readonly #cells = new Cells();
  #delimiter = 0;
  /** All names in the order of the file; null before they are known. */
  #names: readonly string[] | null = null;
  /** The columns of the result, in its order, without the label. */
  #features: Column[] = [];
  #label: Column | null = null;
  #line = 1;
  /** Rows for which the present block has room. */
  #capacity = 0;
  /** Rows of the present block, and before it. */
  #size = 0;
  #rowsBefore = 0;

  /**
   * @param settings The checked options.
   * @param isLarge Whether blocks should be large: better for columns, but rows come later.
   */
  constructor(settings: CSVSettings, isLarge: boolean) {
    this.#settings = settings;
    this.#isLarge = isLarge;
  }

  get line(): number {
    return this.#line;
  }

  parse(lines: Lines, ended: boolean): number {
    const start = this.#names === null ? this.#begin(lines, ended) : lines.start;
    if (start < 0) return lines.start;
    try {
      return this.#findCells(lines, start, ended);
    } finally {
      this.#readCells(lines);
    }
  }

  take(isLast: boolean): TableBlock<CSVValue> | null {
    // A piece as long as the last one would not fit any more.
    const isFull = this.#size + this.#cells.rows > this.#capacity;
    if (!isLast && !isFull) return null;
    const size = this.#size;
    const taken = (column: Column): CSVValue[] => {
      const { values } = column;
      values.length = size;
      column.values = [];
      return values;
    };
    const names = this.#features.map(({ name }) => name);
    const label = this.#label;
    const columns = this.#features.map(taken);
    this.#rowsBefore += size;
    this.#size = 0;
    return new CSVBlock(size, names, columns, label && label.name, label && taken(label));
  }

  /** Makes the values of the cells that were found. */
  #readCells(lines: Lines): void {
    const cells = this.#cells;
    cells.locate(lines);
    if (this.#size === 0) {
      const grown = Math.min(LARGE_BLOCK, 2 * this.#capacity + 1024);
      this.#capacity = this.#isLarge ? Math.max(grown, cells.rows) : cells.rows;
    }
    for (const column of this.#label === null ? this.#features : [...this.#features, this.#label]) {
      if (this.#size === 0) column.values = new Array<CSVValue>(this.#capacity);
      column.strings.read(cells, lines, column.position, column.values, this.#size);
    }
    this.#size += cells.rows;
  }

  finish(): void {
    if (this.#names === null) this.#setNames(this.#settings.header ?? []);
  }

  /**
   * Finds out the delimiter and the names. Returns the position of the first row; -1 if more lines are
   * needed.
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
    this.#cells.width = names.length;
    const column = (name: string): Column => ({
      name,
      position: names.indexOf(name),
      strings: new CellStrings(),
      values: [],
    });
    this.#features = wanted.filter((name) => name !== label).map(column);
    this.#label = label === null ? null : column(label);
  }

  /**
   * Finds the cells of whole rows. Each line of `bytes` ends with a line break, so the end of an unquoted
   * cell needs no check. Returns where the next row starts.
   */
  #findCells({ bytes, end }: Lines, start: number, ended: boolean): number {
    const cells = this.#cells;
    cells.rows = 0;
    const { width } = cells;
    const label = this.#label === null ? -1 : this.#label.position;
    const delimiter = this.#delimiter;
    const highest = Math.max(delimiter, CR); // no larger byte ends a cell
    let p = start;
    while (p < end) {
      const rowStart = p;
      let line = this.#line;
      let byte = bytes[p];
      const isBlank = byte === LF || byte === CR;
      cells.reserve();
      const { bounds, kinds } = cells;
      let k = cells.rows * width;
      for (let cell = 0; !isBlank; cell++, k++, byte = bytes[++p]) {
        let from = p;
        let kind = PLAIN;
        const cellLine = line;
        if (byte === QUOTE) {
          kind = QUOTED;
          from = ++p;
          for (; p < end; p++) {
            byte = bytes[p];
            if (byte === QUOTE) {
              if (bytes[p + 1] !== QUOTE) break;
              kind = DOUBLED;
              p++;
            } else if (byte === LF || (byte === CR && bytes[p + 1] !== LF)) line++;
          }
          if (p === end && !ended) return rowStart;
          if (p === end) throw this.#wrong(cellLine, cell, NOT_CLOSED);
        } else {
          while (byte > highest || (byte !== delimiter && byte !== LF && byte !== CR)) byte = bytes[++p];
          if (bytes[from] === SPACE) this.#checkSpaces(bytes, from, p, line, cell);
        }
        if (cell < width) {
          bounds[2 * k] = from;
          bounds[2 * k + 1] = p;
          kinds[k] = kind;
        }
        if (from === p && cell === label) throw this.#wrong(cellLine, cell, "the label is missing");
        if (kind !== PLAIN) byte = bytes[++p];
        if (byte === delimiter) continue;
        if (byte !== LF && byte !== CR) throw this.#wrong(line, cell, TEXT_BEHIND_QUOTE);
        if (cell + 1 === width) break;
        throw this.#wrong(line, Math.min(cell + 1, width), this.#wrongCount(cell + 1));
      }
      p += byte === CR && bytes[p + 1] === LF ? 2 : 1;
      this.#line = line + 1;
      if (!isBlank) cells.rows++;
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
    const { width } = this.#cells;
    const delimiter = describe(String.fromCharCode(this.#delimiter));
    const expected = width === 1 ? "1 cell" : `${width} cells`;
    return `expected ${expected}, got ${cells} (the delimiter is ${delimiter})`;
  }

  #wrong(line: number, cell: number, what: string): RangeError {
    const name = this.#names![cell];
    const column = name === undefined ? `column ${cell + 1}` : `column ${cell + 1} (${describe(name)})`;
    const row = this.#rowsBefore + this.#size + this.#cells.rows + 1;
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
  "expected a delimiter or the end of the line behind the closing quote; " +
  "write a quote within a quoted cell twice";
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
