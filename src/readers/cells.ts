// Where the cells of some rows are: in the bytes of the file, and in the text that was decoded from them. The
// CSV parser notes the cells, then cell-strings.ts makes their strings, column by column.

import type { Lines } from "./byte-lines.ts";

/** Kinds of cells: without quotes, in quotes, in quotes and with doubled quotes within. */
export const PLAIN = 0;
export const QUOTED = 1;
export const DOUBLED = 2;

/**
 * Strings of fewer characters than this are copies when they are cut out of a text; longer ones keep it
 * alive.
 */
const SHORT_STRING = 13;

/** Node's Buffer makes short strings from bytes three times as fast as a TextDecoder. */
interface NodeBuffer {
  latin1Slice(start: number, end: number): string;
  utf8Slice(start: number, end: number): string;
}
const { Buffer: NodeBuffer } = globalThis as unknown as {
  readonly Buffer?: { from(bytes: ArrayBufferLike, start: number, length: number): NodeBuffer };
};

/** The cells of some rows. */
export class Cells {
  /** Start and end of each cell in the bytes, without quotes; (2 * rows * width) and more. */
  bounds: Int32Array = new Int32Array(2048);
  /** Kind of each cell; (rows * width) and more. */
  kinds: Uint8Array = new Uint8Array(1024);
  /** Cells per row. */
  width = 0;
  /** Number of rows. */
  rows = 0;
  /** Start and end of each cell in the text, laid out as `bounds`; null if all is ASCII: see `#offset`. */
  #chars: Int32Array | null = null;
  /** Position in the bytes minus position in the text, as long as all is ASCII. */
  #offset = 0;
  #bytes: Uint8Array = new Uint8Array(0);
  #buffer: NodeBuffer | null = null;
  #text = "";
  readonly #decoder = new TextDecoder("utf-8", { ignoreBOM: true });

  /** Makes room for more rows. */
  grow(): void {
    const needed = (this.rows + 1) * this.width;
    const bounds = new Int32Array(4 * needed);
    bounds.set(this.bounds);
    this.bounds = bounds;
    const kinds = new Uint8Array(2 * needed);
    kinds.set(this.kinds);
    this.kinds = kinds;
  }

  /** Finds the cells in the text of the lines. Strings can be made from now on. */
  locate({ bytes, start, end, text }: Lines): void {
    if (this.#bytes !== bytes) {
      this.#bytes = bytes;
      this.#buffer = NodeBuffer?.from(bytes.buffer, bytes.byteOffset, bytes.length) ?? null;
    }
    this.#text = text;
    this.#offset = start;
    this.#chars = text.length === end - start ? null : this.#charBounds(start);
  }

  #charBounds(start: number): Int32Array {
    const bytes = this.#bytes;
    const chars = new Int32Array(2 * this.rows * this.width);
    let p = start;
    let char = 0;
    for (let k = 0; k < chars.length; k++) {
      for (const stop = this.bounds[k]; p < stop; p++) {
        const byte = bytes[p];
        if (byte < 0x80 || byte >= 0xc0) char += byte < 0xf0 ? 1 : 2; // four bytes are two characters
      }
      chars[k] = char;
    }
    return chars;
  }

  /**
   * Makes the string of a cell, with doubled quotes as they are. A long string is made from the bytes,
   * because a cut would keep the whole text alive.
   *
   * @param k Number of the cell: row * width + column.
   */
  cut(k: number): string {
    const start = this.bounds[2 * k];
    const end = this.bounds[2 * k + 1];
    const from = this.#chars === null ? start - this.#offset : this.#chars[2 * k];
    const to = this.#chars === null ? end - this.#offset : this.#chars[2 * k + 1];
    if (to - from < SHORT_STRING) return this.#text.slice(from, to);
    if (this.#buffer === null) return this.#decoder.decode(this.#bytes.subarray(start, end));
    const isASCII = to - from === end - start;
    return isASCII ? this.#buffer.latin1Slice(start, end) : this.#buffer.utf8Slice(start, end);
  }
}
