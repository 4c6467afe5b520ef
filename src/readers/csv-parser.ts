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
}

/** Parses the lines of one CSV source. */
export class CSVParser implements TableParser<CSVValue> {
  readonly loneCR = true;
  readonly #settings: CSVSettings;
  readonly #cells = new Cells();
  #delimiter = 0;
  /** All names in the order of the file; null before they are known. */
  #names: readonly string[] | null = null;
  /** The columns of the result, in its order, without the label. */
  #features: Column[] = [];
  #label: Column | null = null;
  #line = 1;
  /** The lines of the present block. */
  #lines: Lines | null = null;
  /** Rows before the present block. */
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
    this.#lines = lines;
    return this.#findCells(lines, start, ended);
  }

  take(): TableBlock<CSVValue> {
    const cells = this.#cells;
    const lines = this.#lines;
    if (lines !== null) cells.locate(lines);
    const read = ({ strings, position }: Column): CSVValue[] =>
      lines === null ? [] : strings.read(cells, lines, position);
    const names = this.#features.map(({ name }) => name);
    const label = this.#label;
    const columns = this.#features.map(read);
    const block = new CSVBlock(cells.rows, names, columns, label && label.name, label && read(label));
    this.#rowsBefore += cells.rows;
    cells.rows = 0;
    this.#lines = null;
    return block;
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
    });
    this.#features = wanted.filter((name) => name !== label).map(column);
    this.#label = label === null ? null : column(label);
  }

  /**
   * Finds the cells of whole rows. Each line of `bytes` ends with a line break, so the end of an unquoted
   * cell needs no check. Returns where the next row starts.
   */
  #findCells({ bytes, view, end }: Lines, start: number, ended: boolean): number {
    const cells = this.#cells;
    const { width } = cells;
    const label = this.#label === null ? -1 : this.#label.position;
    const delimiter = this.#delimiter;
    const delimiters = fourTimes(delimiter);
    let p = start;
    while (p < end) {
      const rowStart = p;
      let line = this.#line;
      let byte = bytes[p];
      const isBlank = byte === LF || byte === CR;
      let k = cells.rows * width;
      if (k + width > cells.kinds.length) cells.grow();
      const { bounds, kinds } = cells;
      for (let cell = 0; !isBlank; cell++, k++, byte = bytes[++p]) {
        let from = p;
        let kind = PLAIN;
        const cellLine = line;
        if (byte === QUOTE) {
          kind = QUOTED;
          from = ++p;
          for (; p < end; p++) {
            p = nextSpecial(view, p, QUOTES);
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
          for (; ; p++) {
            p = nextSpecial(view, p, delimiters);
            byte = bytes[p];
            if (byte === delimiter || byte === LF || byte === CR) break;
          }
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
    const row = this.#rowsBefore + this.#cells.rows + 1;
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

/** A number of four bytes that are all the same. */
function fourTimes(byte: number): number {
  return Math.imul(byte, 0x01010101);
}

const QUOTES: number = fourTimes(QUOTE);

/**
 * Finds the next byte that is the wanted one or below 14, as line breaks are. It looks at four bytes at once:
 * the lowest of the high bits that are set in `found` belongs to the first such byte.
 *
 * @param view The bytes. There must be such a byte; three more behind it can be read.
 * @param start Where to begin.
 * @param wanted The wanted byte, four times.
 * @returns Its position.
 */
function nextSpecial(view: DataView, start: number, wanted: number): number {
  for (let p = start; ; p += 4) {
    const four = view.getInt32(p, true);
    const different = four ^ wanted; // 0 where the byte is the wanted one
    const found = (((four - 0x0e0e0e0e) & ~four) | ((different - 0x01010101) & ~different)) & 0x80808080;
    if (found !== 0) return p + ((31 - Math.clz32(found & -found)) >> 3);
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
