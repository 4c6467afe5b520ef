// The records of a file of rows as they are written, with their line numbers, so that a command can write
// them again with something added. A record is a CSV record with its quotes, or a line of JSON.

import { detectDelimiter, readRecord } from "../readers/csv-record.ts";
import { bytesOf, type DataFile } from "./data-file.ts";

const LF = 10;
const CR = 13;

/** One record. */
export interface RawRecord {
  /** Its text without the line break. */
  readonly text: string;
  /** Its line break: "\n", "\r\n" or "\r". */
  readonly lineBreak: string;
  /** Number of its first line, from 1. */
  readonly line: number;
}

/** Records, and how their cells are divided. */
export interface Records extends AsyncIterable<RawRecord> {
  /** The character between the cells of a CSV file; known from the first record on. */
  readonly delimiter: string;
}

/**
 * Reads the records of a file. Blank lines are left out. The first record of a CSV file is its header.
 *
 * @param file The file.
 * @returns The records in their order.
 * @throws Error that names file and line if the bytes are not UTF-8.
 */
export function recordsOf(file: DataFile): Records {
  const finder = file.format === "csv" ? new RecordFinder(file.delimiter) : new LineFinder();
  return {
    get delimiter() {
      return finder.delimiter;
    },
    [Symbol.asyncIterator]: () => readRecords(file, finder),
  };
}

async function* readRecords(file: DataFile, finder: Finder): AsyncGenerator<RawRecord, void> {
  let bytes: Uint8Array = new Uint8Array(0);
  let isFirst = true;
  let line = 1;
  function* take(ended: boolean): Generator<RawRecord, void> {
    let start = 0;
    while (start < bytes.length) {
      const end = finder.endOf(bytes, start, ended);
      if (end < 0) break;
      const text = decode(bytes.subarray(start, end), file, line);
      const lineBreak = /\r\n$|\n$|\r$/.exec(text)?.[0] ?? "";
      const record = { text: text.slice(0, text.length - lineBreak.length), lineBreak, line };
      line += text.split(/\r\n|\n|\r/).length - 1;
      start = end;
      if (!finder.isBlank(record.text)) yield record;
    }
    bytes = bytes.subarray(start);
  }
  for await (const chunk of bytesOf(file)) {
    const isMarked = isFirst && chunk[0] === 0xef && chunk[1] === 0xbb && chunk[2] === 0xbf;
    isFirst = false;
    bytes = Buffer.concat([bytes, isMarked ? chunk.subarray(3) : chunk]);
    yield* take(false);
  }
  const last = bytes[bytes.length - 1];
  if (bytes.length > 0 && last !== LF && last !== CR) bytes = Buffer.concat([bytes, Buffer.from("\n")]);
  yield* take(true);
}

function decode(bytes: Uint8Array, { name }: DataFile, line: number): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new Error(`${name}:${line}: the bytes are not UTF-8; save the file as UTF-8`);
  }
}

/** Finds where records end. */
interface Finder {
  readonly delimiter: string;
  /** The position behind the line break of the record that starts at `start`; -1 if more bytes are needed. */
  endOf(bytes: Uint8Array, start: number, ended: boolean): number;
  /** Whether a record is a blank line. */
  isBlank(text: string): boolean;
}

/** Finds CSV records. A record that does not end ends with the file: its parser says what is wrong. */
class RecordFinder implements Finder {
  #delimiter: number | null;

  constructor(delimiter: string | undefined) {
    this.#delimiter = delimiter === undefined ? null : delimiter.charCodeAt(0);
  }

  get delimiter(): string {
    return String.fromCharCode(this.#delimiter ?? 0);
  }

  endOf(bytes: Uint8Array, start: number, ended: boolean): number {
    this.#delimiter ??= detectDelimiter(bytes, start, bytes.length, null, ended);
    if (this.#delimiter === null) return -1;
    const record = readRecord(bytes, start, bytes.length, this.#delimiter);
    if (record === null || record.isMalformed) return ended ? bytes.length : -1;
    // A carriage return at the end may be the first half of a line break.
    const isHalf = record.next === bytes.length && bytes[record.next - 1] === CR && !ended;
    return isHalf ? -1 : record.next;
  }

  isBlank(text: string): boolean {
    return text === "";
  }
}

/** Finds lines of JSON. */
class LineFinder implements Finder {
  readonly delimiter = "";

  endOf(bytes: Uint8Array, start: number): number {
    return bytes.indexOf(LF, start) + 1 || -1;
  }

  isBlank(text: string): boolean {
    return !/\S/.test(text);
  }
}
