// Reads libSVM / libFM text: lines "label [qid:q] index:value ... # comment". One parser over bytes reads
// both whole texts and streams. Numbers are exactly Math.fround(Number(text)). Decimals of at most 2^53 and
// with a power of ten up to 10^22 need one correctly rounded multiplication or division (the fast path of
// Clinger 1990); all others are parsed by Number.

import { checkBoolean, checkInteger, checkKeys, describe, wrongType, wrongValue } from "../core/errors.ts";
import { CSRBuilder, grown } from "./csr-builder.ts";
import { type CSRMatrix, matrixOf } from "./csr-matrix.ts";
import { isFloat32, MAX_INDEX } from "./sparse-row.ts";

/** Rows read from libSVM text. */
export interface LibSVMData {
  /** The features, (rows, cols). */
  x: CSRMatrix;
  /** The labels, (rows). */
  y: Float32Array;
  /** The query id of each row, (rows). It is present when the rows have query ids. */
  groups?: Uint32Array | undefined;
}

/** Options of `parseLibSVM`. */
export interface ParseLibSVMOptions {
  /** Number of columns, 1 to 2^32 - 1. Default: the largest index + 1. */
  cols?: number | undefined;
  /**
   * With `true`, indices are columns as they are. This also works for files that count from 1: column 0 then
   * stays empty. With `false`, 1 is subtracted from each index. Default: true.
   */
  zeroBased?: boolean | undefined;
}

/** Options of `readLibSVM`. */
export interface ReadLibSVMOptions {
  /**
   * Number of columns, 1 to 2^32 - 1. It is required, because the width of a stream is not known in advance.
   */
  cols: number;
  /** As for `parseLibSVM`. Default: true. */
  zeroBased?: boolean | undefined;
  /** Rows per block, at least 1. The last block may have fewer. Default: 4096. */
  batchSize?: number | undefined;
}

/**
 * Parses libSVM / libFM text: one row per line, "label [qid:q] index:value ... # comment", with LF or CRLF at
 * line ends. Blank lines and comments are skipped. Values of an index that occurs twice in a line are summed.
 * Zeros are dropped.
 *
 * @param text The text, or its UTF-8 bytes.
 * @param options.cols Number of columns, 1 to 2^32 - 1. Default: the largest index + 1.
 * @param options.zeroBased With `true`, indices are columns as they are. With `false`, 1 is subtracted from
 *   each index. Default `true`.
 * @returns The rows, their labels and, if present, their query ids.
 * @throws RangeError that names the line, what was expected and what was found; TypeError for a bad option.
 * @example
 * const { x, y } = parseLibSVM("1 0:1 3:0.5\n-1 2:1\n"); // x: 2 rows, 4 columns; y: [1, -1]
 */
export function parseLibSVM(text: string | Uint8Array, options: ParseLibSVMOptions = {}): LibSVMData {
  const place = "parseLibSVM";
  checkKeys(`${place}: options`, options, ["cols", "zeroBased"]);
  const { cols, zeroBased } = options;
  if (cols !== undefined) checkInteger(`${place}: cols`, cols, 1, MAX_INDEX + 1);
  const parser = new Parser(place, cols, checkBoolean(`${place}: zeroBased`, zeroBased ?? true));
  const bytes = toBytes(`${place}: text`, text);
  parser.parse(bytes, 0, bytes.length, Infinity);
  return parser.take();
}

/**
 * Reads libSVM / libFM text from a stream in blocks of rows, in constant memory. A chunk of the stream may
 * end anywhere, even within a number.
 *
 * @param source Chunks of text or of UTF-8 bytes, for example `fs.createReadStream(path)` or `response.body`.
 *   A function that opens them lets the text be read several times, as `fit` needs it.
 * @param options.cols Number of columns, 1 to 2^32 - 1; required, because the width of a stream is not known
 *   in advance.
 * @param options.zeroBased As for `parseLibSVM`. Default `true`.
 * @param options.batchSize Rows per block, at least 1. The last block may have fewer. Default 4096.
 * @returns The blocks, one after the other, in a loop `for await`.
 * @throws As `parseLibSVM`. Lines are counted from the start of the stream.
 * @example
 * for await (const { x, y } of readLibSVM(createReadStream("train.libfm"), { cols: 5382 })) {
 *   model.partialFit(x, y);
 * }
 */
export function readLibSVM(source: LibSVMSource, options: ReadLibSVMOptions): LibSVMReader {
  const place = "readLibSVM";
  checkKeys(`${place}: options`, options, ["cols", "zeroBased", "batchSize"]);
  const cols = checkInteger(`${place}: cols`, options.cols, 1, MAX_INDEX + 1);
  const batchSize = checkInteger(`${place}: batchSize`, options.batchSize ?? 4096, 1);
  const zeroBased = checkBoolean(`${place}: zeroBased`, options.zeroBased ?? true);
  const repeatable = typeof source === "function";
  if (!repeatable) checkChunks(`${place}: source`, source);
  let wasRead = false;
  return {
    repeatable,
    async *[Symbol.asyncIterator]() {
      if (wasRead && !repeatable) {
        const remedy = "pass a function that opens it, such as () => createReadStream(path)";
        throw new Error(`${place}: the source is a stream and has been read; ${remedy}`);
      }
      wasRead = true;
      const chunks = repeatable ? checkChunks(`${place}: the result of source()`, await source()) : source;
      yield* readBlocks(place, chunks, new Parser(place, cols, zeroBased), batchSize);
    },
  };
}

/** Chunks of text or of UTF-8 bytes, or a function that opens them each time they are read. */
export type LibSVMSource =
  | AsyncIterable<Uint8Array | string>
  | (() => AsyncIterable<Uint8Array | string> | Promise<AsyncIterable<Uint8Array | string>>);

type Chunks = AsyncIterable<Uint8Array | string>;

/** Reads libSVM text. Each loop over it reads the text from the start. */
export interface LibSVMReader extends AsyncIterable<LibSVMData> {
  /** Whether the text can be read more than once. */
  readonly repeatable: boolean;
  /** Reads block by block, in constant memory. */
  [Symbol.asyncIterator](): AsyncGenerator<LibSVMData, void, undefined>;
}

function checkChunks(place: string, source: unknown): Chunks {
  const { [Symbol.asyncIterator]: iterator } = (source ?? {}) as Partial<Chunks>;
  if (typeof iterator === "function") return source as Chunks;
  throw wrongType(
    place,
    "an async iterable of text or bytes, such as a readable stream, or a function that opens one",
    source,
  );
}

async function* readBlocks(
  place: string,
  source: Chunks,
  parser: Parser,
  batchSize: number,
): AsyncGenerator<LibSVMData, void, undefined> {
  let rest: Uint8Array[] = []; // pieces of the last line, whose end has not been read yet
  for await (const chunk of source) {
    const piece = toBytes(`${place}: a chunk of source`, chunk);
    if (!piece.includes(LF)) {
      rest.push(piece.slice()); // a copy, because the source may overwrite its buffer
      continue;
    }
    const bytes = joined([...rest, piece]);
    const end = bytes.lastIndexOf(LF) + 1;
    for (let position = 0; position < end; ) {
      position = parser.parse(bytes, position, end, batchSize);
      if (parser.rows === batchSize) yield parser.take();
    }
    rest = [bytes.slice(end)];
  }
  const last = joined(rest);
  parser.parse(last, 0, last.length, batchSize);
  if (parser.rows > 0) yield parser.take();
}

const TAB = 9;
const LF = 10;
const CR = 13;
const SPACE = 32;
const HASH = 35;
const PLUS = 43;
const MINUS = 45;
const DOT = 46;
const ZERO = 48;
const ONE = 49;
const COLON = 58;

/** 10^0 .. 10^22: the powers of ten that a float64 holds exactly. */
const POWERS_OF_TEN = /* @__PURE__ */ Array.from({ length: 23 }, (_, n) => Number(`1e${n}`));

const encoder = /* @__PURE__ */ new TextEncoder();
const decoder = /* @__PURE__ */ new TextDecoder();

/** Collects rows line by line. */
class Parser {
  readonly #place: string;
  readonly #cols: number | undefined;
  /** Every index must be below this number, as it is written in the text. */
  readonly #limit: number;
  /** The index that stands for column 0: 0 or 1. */
  readonly #base: number;
  readonly #builder = new CSRBuilder();
  #labels = new Float32Array(256);
  #groups = new Uint32Array(256);
  /** Whether rows have a query id; null before the first row. */
  #grouped: boolean | null = null;
  /** Number of the present line, from 1. */
  #line = 0;
  #bytes: Uint8Array = new Uint8Array(0);
  /** The position behind the last number that was read. */
  #position = 0;

  constructor(place: string, cols: number | undefined, zeroBased: boolean) {
    this.#place = place;
    this.#cols = cols;
    this.#base = zeroBased ? 0 : 1;
    this.#limit = (cols ?? MAX_INDEX + 1) + this.#base;
  }

  /** Number of rows since the last `take`. */
  get rows(): number {
    return this.#builder.rows;
  }

  /**
   * Parses the lines of `bytes` from `start` to `end`, until `maxRows` rows are collected. Returns the
   * position behind the last parsed line.
   */
  parse(bytes: Uint8Array, start: number, end: number, maxRows: number): number {
    this.#bytes = bytes;
    let position = start;
    while (position < end && this.#builder.rows < maxRows) {
      const newline = bytes.indexOf(LF, position);
      const lineEnd = newline < 0 || newline > end ? end : newline;
      // A byte order mark at the start of the text is skipped.
      const marked =
        ++this.#line === 1 &&
        bytes[position] === 0xef &&
        bytes[position + 1] === 0xbb &&
        bytes[position + 2] === 0xbf;
      this.#parseLine(marked ? position + 3 : position, lineEnd);
      position = lineEnd + 1;
    }
    return Math.min(position, end);
  }

  /** Returns the rows collected so far and starts a new block. */
  take(): LibSVMData {
    const rows = this.#builder.rows;
    const data: LibSVMData = {
      x: matrixOf(this.#builder.build(this.#cols, this.#place)),
      y: this.#labels.slice(0, rows),
    };
    if (this.#grouped === true) data.groups = this.#groups.slice(0, rows);
    this.#builder.clear();
    return data;
  }

  #parseLine(start: number, end: number): void {
    const bytes = this.#bytes;
    let p = skipSpaces(bytes, start, end);
    if (p === end || bytes[p] === HASH) return;
    const row = this.#builder.rows;
    if (row === this.#labels.length) {
      this.#labels = grown(this.#labels);
      this.#groups = grown(this.#groups);
    }
    const label = this.#number(p, end);
    if (!isFloat32(label) || !isTokenEnd(bytes, this.#position, end))
      throw this.#refused("label must be a finite number (in 32 bits)", p, end);
    this.#labels[row] = label;

    p = skipSpaces(bytes, this.#position, end);
    const grouped =
      bytes[p] === 0x71 &&
      bytes[p + 1] === 0x69 &&
      bytes[p + 2] === 0x64 &&
      bytes[p + 3] === COLON &&
      p + 3 < end; // "qid:"
    if (grouped) {
      const id = this.#integer(p + 4, end);
      if (!(id <= 4294967295) || !isTokenEnd(bytes, this.#position, end))
        throw this.#refused("qid must be an integer from 0 to 4294967295", p + 4, end);
      this.#groups[row] = id;
      p = skipSpaces(bytes, this.#position, end);
    }
    this.#grouped ??= grouped;
    if (grouped !== this.#grouped) {
      throw new RangeError(
        `${this.#at()}either every row has a qid or none; this one ` +
          `${grouped ? "has one, those" : "has none, those"} before ${grouped ? "have none" : "have one"}`,
      );
    }
    while (p < end && bytes[p] !== HASH) p = skipSpaces(bytes, this.#parseEntry(p, end), end);
    this.#builder.endRow(`${this.#place}: line ${this.#line}`);
  }

  /** Reads "index:value" at `start`. Returns the position behind it. */
  #parseEntry(start: number, end: number): number {
    const bytes = this.#bytes;
    // The short way for the value 1, which most entries of most files have.
    let short = 0;
    let p = start;
    for (; p < end; p++) {
      const digit = bytes[p] - ZERO;
      if (digit < 0 || digit > 9) break;
      short = short * 10 + digit;
    }
    const isOne = bytes[p] === COLON && bytes[p + 1] === ONE && p > start && p + 2 <= end;
    if (isOne && short >= this.#base && short < this.#limit && isTokenEnd(bytes, p + 2, end)) {
      this.#builder.push(short - this.#base, 1);
      return p + 2;
    }
    const index = this.#integer(start, end);
    const colon = this.#position;
    if (colon === end || bytes[colon] !== COLON || colon === start) throw this.#misread(start, end);
    if (index >= this.#limit) throw this.#tooLarge(start, colon);
    if (index < this.#base) throw wrongValue(`${this.#at()}index`, "at least 1 with zeroBased: false", index);
    const value = this.#number(colon + 1, end);
    if (!isTokenEnd(bytes, this.#position, end) || !isFloat32(value)) {
      if (isTokenEnd(bytes, colon + 1, end)) throw this.#misread(start, end);
      throw this.#refused(`the value of index ${index} must be a finite number (in 32 bits)`, colon + 1, end);
    }
    this.#builder.push(index - this.#base, Math.fround(value));
    return this.#position;
  }

  /**
   * Reads digits at `start` and sets `#position` behind them. Returns NaN if there are none. Numbers above
   * 2^53 are not exact.
   */
  #integer(start: number, end: number): number {
    const bytes = this.#bytes;
    let p = start;
    let n = 0;
    for (; p < end; p++) {
      const digit = bytes[p] - ZERO;
      if (digit < 0 || digit > 9) break;
      n = n * 10 + digit;
    }
    this.#position = p;
    return p > start ? n : NaN;
  }

  /** Reads a decimal number at `start` and sets `#position` behind it. Returns NaN if there is none. */
  #number(start: number, end: number): number {
    const bytes = this.#bytes;
    const negative = bytes[start] === MINUS;
    const first = start < end && (negative || bytes[start] === PLUS) ? start + 1 : start;
    let mantissa = this.#integer(first, end);
    let p = this.#position;
    let exponent = 0;
    if (p < end && bytes[p] === DOT) {
      const point = p++;
      if (mantissa !== mantissa) mantissa = 0;
      for (; p < end; p++) {
        const digit = bytes[p] - ZERO;
        if (digit < 0 || digit > 9) break;
        mantissa = mantissa * 10 + digit;
      }
      exponent = point + 1 - p;
      if (p - first === 1) mantissa = NaN; // a point without digits
    }
    if (p < end && (bytes[p] | 0x20) === 0x65 && mantissa === mantissa) {
      // e or E
      const signed = bytes[p + 1] === MINUS || bytes[p + 1] === PLUS;
      const power = this.#integer(signed ? p + 2 : p + 1, end);
      if (power === power) {
        exponent += bytes[p + 1] === MINUS ? -power : power;
        p = this.#position;
      }
    }
    this.#position = p;
    if (mantissa !== mantissa) return NaN;
    if (mantissa >= 9007199254740992 || exponent > 22 || exponent < -22)
      return Number(decoder.decode(bytes.subarray(start, p)));
    const size = exponent < 0 ? mantissa / POWERS_OF_TEN[-exponent] : mantissa * POWERS_OF_TEN[exponent];
    return negative ? -size : size;
  }

  #at(): string {
    return `${this.#place}: line ${this.#line}: `;
  }

  #token(start: number, end: number): string {
    let stop = start;
    while (!isTokenEnd(this.#bytes, stop, end)) stop++;
    return decoder.decode(this.#bytes.subarray(start, stop));
  }

  #refused(expected: string, start: number, end: number): RangeError {
    return new RangeError(`${this.#at()}${expected}, got ${describe(this.#token(start, end))}`);
  }

  #misread(start: number, end: number): RangeError {
    return this.#refused('expected "index:value"', start, end);
  }

  #tooLarge(start: number, end: number): RangeError {
    let expected = `at most ${MAX_INDEX + this.#base}`;
    if (this.#cols !== undefined) expected = `${this.#base === 0 ? "below" : "at most"} cols (${this.#cols})`;
    // The message shows the text itself, because `#integer` rounds numbers above 2^53.
    const digits = decoder.decode(this.#bytes.subarray(start, end));
    return new RangeError(`${this.#at()}index must be ${expected}, got ${digits}`);
  }
}

function skipSpaces(bytes: Uint8Array, start: number, end: number): number {
  let p = start;
  while (p < end && isSpace(bytes[p])) p++;
  return p;
}

/**
 * Says whether a byte is a space. A carriage return counts as one, so CRLF at line ends needs no other code.
 */
function isSpace(byte: number): boolean {
  return byte === SPACE || byte === TAB || byte === CR;
}

function isTokenEnd(bytes: Uint8Array, p: number, end: number): boolean {
  return p >= end || isSpace(bytes[p]) || bytes[p] === HASH;
}

function toBytes(place: string, text: unknown): Uint8Array {
  if (typeof text === "string") return encoder.encode(text);
  if (text instanceof Uint8Array) return text;
  throw wrongType(place, "a string or a Uint8Array", text);
}

function joined(pieces: readonly Uint8Array[]): Uint8Array {
  if (pieces.length === 1) return pieces[0];
  const whole = new Uint8Array(pieces.reduce((length, piece) => length + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}
