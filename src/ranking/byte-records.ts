// Many records of bytes that change their length. A record is a chain of segments of 32 bytes: the number of
// the next segment, then 28 bytes. Segments come from chunks of memory, which stay where they are, and free
// segments are used again. So memory grows in small steps, without copies and without holes.

import { type ByteWriter, END_OF_TEXT } from "./byte-writer.ts";

/** Bytes of a segment. */
const SEGMENT = 32;
/** Bytes of a segment that hold data, behind the link. */
const DATA = 28;
/** Bytes of a chunk. */
const CHUNK = 2 ** 16;
/** Segments of a chunk. */
const PER_CHUNK = CHUNK / SEGMENT;
/** Records of an array of the index, and what it holds of each of them. */
const PER_INDEX = CHUNK / 8;
const HEAD = 0;
const LENGTH = 1;

/** Records, numbered from 0. One of them is open to be read. All unused bytes are 0. */
export class ByteRecords {
  /** Number of records. */
  count = 0;
  /** Unread bytes of the open record; below 0 after reading past its end, which gives zeros. */
  left = 0;
  /** The chunks. Links are read and written as 32-bit words, everything else as bytes. */
  readonly #chunks: Uint8Array[] = [];
  readonly #links: Uint32Array[] = [];
  /** First segment and length of each record, in arrays of 64 kB. */
  readonly #index: Uint32Array[] = [];
  /** First segment of the chain of free ones. 0: none. */
  #free = 0;
  #numFree = 0;
  /** The chunk of the open record, and the position of the next byte in it. */
  #bytes: Uint8Array = new Uint8Array(0);
  #words: Uint32Array = new Uint32Array(0);
  #at = 0;

  /** Bytes of all arrays. */
  get bytes(): number {
    return (this.#chunks.length + this.#index.length) * CHUNK;
  }

  /** Opens a record. Any change makes what is open useless. */
  open(record: number): void {
    this.#enter(this.#entry(record, HEAD));
    this.left = this.#entry(record, LENGTH);
  }

  /** Reads a byte. */
  byte(): number {
    if (this.#at % SEGMENT === 0) this.#enter(this.#words[(this.#at - SEGMENT) >> 2]);
    this.left--;
    return this.#bytes[this.#at++];
  }

  /** Reads a number. */
  number(): number {
    let byte = this.byte();
    let value = byte & 127;
    for (let shift = 7; byte > 127; shift += 7) {
      byte = this.byte();
      value |= (byte & 127) << shift;
    }
    return value >>> 0;
  }

  /** Reads a text. Bytes that are no text become another text, whose bytes differ. */
  text(): string {
    let text = "";
    for (let byte = this.byte(); byte !== END_OF_TEXT && this.left >= 0; byte = this.byte()) {
      let more = byte < 0xc0 ? 0 : byte < 0xe0 ? 1 : byte < 0xf0 ? 2 : 3;
      let code = more > 0 ? byte & (63 >> more) : byte;
      while (more-- > 0) code = (code << 6) | (this.byte() & 63);
      text += String.fromCodePoint(Math.min(code, 0x10ffff));
    }
    return text;
  }

  /** Reads the items, which are the rest of the record. */
  items(): number[] {
    if (this.left <= 0) return [];
    const width = Math.max(8, this.byte());
    const items = new Array<number>(Math.floor((this.left * 8) / width));
    let rest = 0;
    let bits = 0;
    let at = this.#at;
    let bytes = this.#bytes;
    for (let i = 0; i < items.length; i++) {
      let item = rest;
      let byte = 0;
      for (; bits < width; bits += 8) {
        if (at % SEGMENT === 0) {
          this.#enter(this.#words[(at - SEGMENT) >> 2]);
          at = this.#at;
          bytes = this.#bytes;
        }
        byte = bytes[at++];
        item |= byte << bits;
      }
      items[i] = (item << (32 - width)) >>> (32 - width);
      bits -= width;
      rest = byte >>> (8 - bits);
    }
    return items;
  }

  /** Length of a record in bytes. */
  lengthOf(record: number): number {
    return this.#entry(record, LENGTH);
  }

  /** Makes sure that records of `segments` segments can be added. Throws a RangeError if memory runs out. */
  reserve(segments: number): void {
    while (this.#numFree < segments) {
      const bytes = new Uint8Array(CHUNK);
      const first = this.#chunks.length * PER_CHUNK;
      this.#links.push(new Uint32Array(bytes.buffer));
      this.#chunks.push(bytes);
      // Segment 0 stays empty, because 0 means none.
      for (let i = PER_CHUNK - 1; i >= 0; i--) if (first + i > 0) this.#release(first + i);
    }
  }

  /** Replaces a record by what a writer holds. If memory runs out, an error is thrown before any change. */
  set(record: number, { bytes, length }: ByteWriter): void {
    this.reserve(segmentsOf(length));
    this.#clear(record);
    let next = 0;
    for (let start = segmentsOf(length) * DATA, end = length; start > 0; end = start) {
      start -= DATA;
      const segment = this.#free;
      this.#enter(segment);
      this.#free = this.#words[(this.#at >> 2) - 1];
      this.#numFree--;
      this.#words[(this.#at >> 2) - 1] = next;
      for (let i = start; i < end; i++) this.#bytes[this.#at++] = bytes[i];
      next = segment;
    }
    this.#setEntry(record, next, length);
  }

  /** Adds a record, which gets the number `count`. If memory runs out, nothing has changed. */
  push(writer: ByteWriter): void {
    if (this.count === this.#index.length * PER_INDEX) this.#index.push(new Uint32Array(CHUNK / 4));
    this.set(this.count, writer);
    this.count++;
  }

  /** Removes a record and overwrites it with 0. The last record gets its number. */
  remove(record: number): void {
    this.#clear(record);
    const last = --this.count;
    this.#setEntry(record, this.#entry(last, HEAD), this.#entry(last, LENGTH));
    this.#setEntry(last, 0, 0);
  }

  #entry(record: number, which: number): number {
    return this.#index[Math.floor(record / PER_INDEX)][2 * (record % PER_INDEX) + which];
  }

  #setEntry(record: number, head: number, length: number): void {
    const index = this.#index[Math.floor(record / PER_INDEX)];
    index[2 * (record % PER_INDEX)] = head;
    index[2 * (record % PER_INDEX) + 1] = length;
  }

  /** Moves to the start of a segment. */
  #enter(segment: number): void {
    const chunk = (segment / PER_CHUNK) >>> 0;
    this.#bytes = this.#chunks[chunk];
    this.#words = this.#links[chunk];
    this.#at = (segment % PER_CHUNK) * SEGMENT + SEGMENT - DATA;
  }

  /** Frees the segments of a record. */
  #clear(record: number): void {
    for (let segment = this.#entry(record, HEAD); segment > 0; ) {
      this.#enter(segment);
      const next = this.#words[(this.#at >> 2) - 1];
      this.#bytes.fill(0, this.#at, this.#at + DATA);
      this.#release(segment);
      segment = next;
    }
  }

  /** Adds a segment to the free ones. */
  #release(segment: number): void {
    this.#enter(segment);
    this.#words[(this.#at >> 2) - 1] = this.#free;
    this.#free = segment;
    this.#numFree++;
  }
}

/** Number of segments of a record of `length` bytes. */
export function segmentsOf(length: number): number {
  return Math.ceil(length / DATA);
}
