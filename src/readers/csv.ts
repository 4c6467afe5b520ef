// `readCSV`: tables in CSV files by RFC 4180 (https://www.rfc-editor.org/rfc/rfc4180).

import { checkKeys, wrongType, wrongValue } from "../core/errors.ts";
import type { LabelColumn } from "./columns-builder.ts";
import type { CSVValue } from "./csv-block.ts";
import { CSVParser, type CSVSettings } from "./csv-parser.ts";
import { type ReaderOptions, readLabel, readNames } from "./reader-options.ts";
import { readSource, type TableSource } from "./source.ts";
import { ParsingReader, type TableReader } from "./table-reader.ts";

/** Options of `readCSV`. */
export interface CSVOptions extends ReaderOptions {
  /** The character between cells, in ASCII. Default: detected. */
  delimiter?: string | undefined;
  /** `true`: the first line holds the names of the columns. An array: these are the names. Default: true. */
  header?: true | readonly string[] | undefined;
}

/**
 * Makes a reader of a CSV table. Cells are strings, unchanged; an empty cell without quotes is missing: null.
 *
 * @param source The text of the table, its UTF-8 bytes, a Blob or File, a web stream, a Node stream, any
 *   iterable of text or bytes, or a function that opens one of them. Use `createReadStream(path)` for a file,
 *   and `() => createReadStream(path)` to read it several times.
 * @param options.delimiter The character between cells, in ASCII. Default: detected.
 * @param options.header `true`: the first line holds the names of the columns. An array: these are the names.
 *   Default: true.
 * @param options.select Names of the columns to keep, in the order of the result. Default: all.
 * @param options.label Name of the column with the labels, which become `y`. Default: none.
 * @returns The reader. Nothing is read yet.
 * @throws TypeError or RangeError for a wrong source or option.
 * @example
 * const { x, y } = await readCSV(createReadStream("ratings.csv"), { label: "rating" }).rows();
 */
export function readCSV(
  source: TableSource,
  options: CSVOptions & { label: string },
): TableReader<CSVValue, LabelColumn>;
export function readCSV(source: TableSource, options?: CSVOptions): TableReader<CSVValue>;
export function readCSV(source: TableSource, options: CSVOptions = {}): TableReader<CSVValue> {
  const place = "readCSV";
  checkKeys(`${place}: options`, options, ["delimiter", "header", "select", "label"]);
  const { delimiter, header, select, label } = options;
  const settings: CSVSettings = {
    place,
    delimiter: delimiter === undefined ? null : readDelimiter(`${place}: delimiter`, delimiter),
    header: header === undefined || header === true ? null : readHeader(`${place}: header`, header),
    select: select === undefined ? null : readNames(`${place}: select`, select),
    label: label === undefined ? null : readLabel(`${place}: label`, label),
  };
  return new ParsingReader(place, readSource(place, source), () => new CSVParser(settings));
}

function readDelimiter(place: string, delimiter: unknown): number {
  const expected = "one ASCII character, neither a quote nor a line break";
  if (typeof delimiter !== "string") throw wrongType(place, expected, delimiter);
  if (!/^[\0-\x7f]$/.test(delimiter) || /["\r\n]/.test(delimiter))
    throw wrongValue(place, expected, delimiter);
  return delimiter.charCodeAt(0);
}

function readHeader(place: string, header: unknown): string[] {
  if (Array.isArray(header)) return readNames(place, header);
  throw wrongType(place, "true, or an array with the names of the columns", header);
}
