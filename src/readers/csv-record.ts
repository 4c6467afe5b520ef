// Reads single CSV records by RFC 4180, cell by cell: the names in the first line, and the first lines to
// find out the delimiter. The parser of all rows (csv-parser.ts) follows the same rules and is faster.

const LF = 10;
const CR = 13;
const QUOTE = 34;

/** Bytes that are looked at to find the delimiter. */
const HEAD = 65536;

/** Records that are looked at to find the delimiter. */
const HEAD_RECORDS = 10;

/** The delimiters that are detected, the likeliest first. */
const DELIMITERS: readonly string[] = [",", ";", "\t", "|"];

/** Where a record ends, and what it holds. */
export interface CSVRecord {
  /** Position behind the line break; of the first wrong byte if text follows a closing quote. */
  readonly next: number;
  /** Whether text follows a closing quote. */
  readonly isMalformed: boolean;
  /** Start and end of each cell, without quotes: (2 * cells). */
  readonly bounds: readonly number[];
}

/**
 * Finds the end of a quoted cell.
 *
 * @param bytes Bytes of whole lines.
 * @param start Position behind the opening quote.
 * @param end End of the lines.
 * @returns Position of the closing quote; -1 if there is none.
 */
function closingQuote(bytes: Uint8Array, start: number, end: number): number {
  for (let p = start; p < end; p++) {
    if (bytes[p] !== QUOTE) continue;
    if (bytes[p + 1] !== QUOTE || p + 1 === end) return p;
    p++;
  }
  return -1;
}

/**
 * Reads one record.
 *
 * @param bytes Bytes of whole lines.
 * @param start Start of a line.
 * @param end End of the lines.
 * @param delimiter The byte between cells.
 * @returns The record; null if it does not end here.
 */
export function readRecord(
  bytes: Uint8Array,
  start: number,
  end: number,
  delimiter: number,
): CSVRecord | null {
  const bounds: number[] = [];
  for (let p = start; ; p++) {
    const isQuoted = bytes[p] === QUOTE;
    const from = isQuoted ? p + 1 : p;
    if (isQuoted) p = closingQuote(bytes, from, end);
    else while (p < end && bytes[p] !== delimiter && bytes[p] !== LF && bytes[p] !== CR) p++;
    if (p < 0) return null;
    bounds.push(from, p);
    if (isQuoted) p++;
    if (p >= end) return null;
    if (bytes[p] === delimiter) continue;
    if (bytes[p] === CR && bytes[p + 1] === LF && p + 1 < end) p++;
    const isMalformed = bytes[p] !== LF && bytes[p] !== CR;
    return { bounds, isMalformed, next: isMalformed ? p : p + 1 };
  }
}

/**
 * Finds the delimiter from the first records: the one that cuts the most records into as many cells as the
 * first, and of several such the one that gives the most cells.
 *
 * @param bytes Bytes of whole lines.
 * @param start Start of the first line.
 * @param end End of the lines.
 * @param cells Number of cells that are expected; null: as many as the first record has.
 * @param ended Whether no more lines follow.
 * @returns The delimiter as a byte; null if more lines are needed.
 */
export function detectDelimiter(
  bytes: Uint8Array,
  start: number,
  end: number,
  cells: number | null,
  ended: boolean,
): number | null {
  const isWhole = ended || end - start >= HEAD;
  const stop = Math.min(end, start + HEAD);
  let best = DELIMITERS[0].charCodeAt(0);
  let bestAgreeing = 0;
  let bestCells = 1;
  for (const delimiter of DELIMITERS.map((character) => character.charCodeAt(0))) {
    const counts = countCells(bytes, start, stop, delimiter);
    if (counts.length < HEAD_RECORDS && !isWhole) return null;
    const expected = cells ?? counts[0] ?? 1;
    const agreeing = expected > 1 ? counts.filter((count) => count === expected).length : 0;
    if (agreeing < bestAgreeing || (agreeing === bestAgreeing && expected <= bestCells)) continue;
    best = delimiter;
    bestAgreeing = agreeing;
    bestCells = expected;
  }
  return best;
}

/** Numbers of cells of the first records, without blank lines. */
function countCells(bytes: Uint8Array, start: number, end: number, delimiter: number): number[] {
  const counts: number[] = [];
  for (let p = start; p < end && counts.length < HEAD_RECORDS; ) {
    const record = readRecord(bytes, p, end, delimiter);
    if (record === null || record.isMalformed) break;
    if (bytes[p] !== LF && bytes[p] !== CR) counts.push(record.bounds.length / 2);
    p = record.next;
  }
  return counts;
}
