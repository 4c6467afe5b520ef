// Makes the strings of one column from bytes. Equal cells become the same string: a hash table over the bytes
// finds it without making a new one, which saves time and memory. Columns of ids that never repeat do without.

import type { Lines } from "./byte-lines.ts";

/** Entries of a new table. */
const FIRST_CAPACITY = 256;

/** Most entries of a table. A full table of this size starts anew. */
const MAX_CAPACITY = 2 ** 17;

/** From this capacity on, a full table whose column hardly repeats is given up. */
const JUDGED_CAPACITY = 2 ** 14;

/** Share of new strings above which a column hardly repeats. */
const MOSTLY_NEW = 0.97;

/** Longer cells, in bytes, are not looked up. */
const LONGEST_CELL = 256;

/** Strings of fewer characters than this are copies when they are cut out of a text; longer ones keep it alive. */
const SHORT_STRING = 13;

/** Most bytes of a cell that a slot of the table holds itself. */
const SHORT_CELL = 12;

/**
 * Numbers per slot, together in one line of the cache. Three numbers tell the cell: its bytes if it is short, otherwise
 * hash, length and position of its bytes. The fourth is 0 if the slot is free, otherwise 16 * (entry + 1) + length, with
 * the length LONG for a cell that is not short.
 */
const SLOT = 4;
const LONG = 15;

/** The bits of the first, second and third number that a short cell of n bytes uses; (13) each. */
const MASKS = /* @__PURE__ */ [0, 4, 8].map((skipped) =>
  Int32Array.from({ length: SHORT_CELL + 1 }, (_, n) =>
    n >= skipped + 4 ? -1 : n <= skipped ? 0 : 2 ** (8 * (n - skipped)) - 1,
  ),
);
const [MASK0, MASK1, MASK2] = MASKS;

/** Node's Buffer makes short strings from bytes three times as fast as a TextDecoder. */
interface NodeBuffer {
  latin1Slice(start: number, end: number): string;
  utf8Slice(start: number, end: number): string;
}
const { Buffer: NodeBuffer } = globalThis as unknown as {
  readonly Buffer?: { from(bytes: ArrayBufferLike, start: number, length: number): NodeBuffer };
};

/** Lines as bytes and as text. It cuts out the strings of cells. */
export class CellText {
  readonly #decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  #bytes: Uint8Array = new Uint8Array(0);
  #buffer: NodeBuffer | null = null;
  #text = "";
  /** Position in the bytes minus position in the text. */
  #shift = 0;
  /** `#shift` at the start of the last cell that was passed. */
  #shiftBefore = 0;

  /** Starts with new lines. */
  reset({ bytes, start, text }: Lines): void {
    if (this.#bytes !== bytes) {
      this.#bytes = bytes;
      this.#buffer = NodeBuffer?.from(bytes.buffer, bytes.byteOffset, bytes.length) ?? null;
    }
    this.#text = text;
    this.#shift = start;
  }

  /**
   * Passes by a cell and returns whether it is wide: not ASCII. If the lines are not ASCII, every cell must be passed,
   * in order.
   */
  pass(start: number, end: number): boolean {
    const bytes = this.#bytes;
    let shift = this.#shift;
    let isWide = false;
    for (let p = start; p < end; p++) {
      if (bytes[p] < 0x80) continue;
      isWide = true;
      if (bytes[p] < 0xc0) shift++;
      else if (bytes[p] >= 0xf0) shift--; // four bytes become two characters
    }
    this.#shiftBefore = this.#shift;
    this.#shift = shift;
    return isWide;
  }

  /** Makes the string of a cell. Long strings are made from the bytes, because a cut would keep the text alive. */
  cut(start: number, end: number, isWide: boolean): string {
    const from = start - (isWide ? this.#shiftBefore : this.#shift);
    const to = end - this.#shift;
    if (to - from < SHORT_STRING) return this.#text.slice(from, to);
    if (this.#buffer === null) return this.#decoder.decode(this.#bytes.subarray(start, end));
    return isWide ? this.#buffer.utf8Slice(start, end) : this.#buffer.latin1Slice(start, end);
  }
}

/** Mixes three numbers, so that equal cells get equal slots and others hardly do. */
function mix(a: number, b: number, c: number): number {
  let hash = Math.imul(a, 0x9e3779b1);
  hash = Math.imul(hash ^ (hash >>> 15) ^ b, 0x85ebca77);
  hash = Math.imul(hash ^ (hash >>> 13) ^ c, 0xc2b2ae3d);
  return hash ^ (hash >>> 16);
}

/** The strings of one column. */
export class CellStrings {
  readonly #text: CellText;
  #capacity = FIRST_CAPACITY;
  /** The hash table. At most half of the slots are used. */
  #slots = new Int32Array(2 * SLOT * FIRST_CAPACITY);
  #strings: string[] = [];
  /** The bytes of the cells that are not short, one behind the other. */
  #bytes = new Uint8Array(0);
  #used = 0;
  /** Cells since the table was last empty. */
  #cells = 0;
  #isOff = false;

  /** @param text Cuts out the strings. */
  constructor(text: CellText) {
    this.#text = text;
  }

  /**
   * Returns the string of a cell.
   *
   * @param lines The lines that hold the cell.
   * @param start Position of its first byte.
   * @param end Position behind its last byte.
   * @param isWide Whether it is not ASCII.
   */
  get(lines: Lines, start: number, end: number, isWide: boolean): string {
    const size = end - start;
    if (this.#isOff || size > LONGEST_CELL) return this.#text.cut(start, end, isWide);
    this.#cells++;
    if (size > SHORT_CELL) return this.#getLong(lines, start, end, isWide);
    const { view } = lines;
    const a = view.getInt32(start, true) & MASK0[size];
    const b = size <= 4 ? 0 : view.getInt32(start + 4, true) & MASK1[size];
    const c = size <= 8 ? 0 : view.getInt32(start + 8, true) & MASK2[size];
    const slots = this.#slots;
    const mask = slots.length - 1;
    let slot = (SLOT * mix(a, b, c)) & mask;
    for (;;) {
      const used = slots[slot + 3];
      if (used === 0) break;
      if (slots[slot] === a && slots[slot + 1] === b && slots[slot + 2] === c && (used & 15) === size)
        return this.#strings[(used >> 4) - 1];
      slot = (slot + SLOT) & mask;
    }
    const string = this.#text.cut(start, end, isWide);
    this.#add(slot, a, b, c, size, string);
    return string;
  }

  #getLong({ bytes, view }: Lines, start: number, end: number, isWide: boolean): string {
    const size = end - start;
    let hash = size;
    for (let p = start; p <= end - 4; p += 4)
      hash = Math.imul(hash ^ (hash >>> 15) ^ view.getInt32(p, true), 0x9e3779b1);
    hash = Math.imul(hash ^ (hash >>> 15) ^ view.getInt32(end - 4, true), 0x85ebca77);
    const slots = this.#slots;
    const mask = slots.length - 1;
    let slot = (SLOT * mix(hash, size, 0)) & mask;
    for (;;) {
      const used = slots[slot + 3];
      if (used === 0) break;
      if (slots[slot] === hash && slots[slot + 1] === size && (used & 15) === LONG) {
        const known = this.#bytes;
        let k = slots[slot + 2];
        let p = start;
        while (p < end && known[k] === bytes[p]) {
          p++;
          k++;
        }
        if (p === end) return this.#strings[(used >> 4) - 1];
      }
      slot = (slot + SLOT) & mask;
    }
    const string = this.#text.cut(start, end, isWide);
    if (this.#used + size > this.#bytes.length) {
      const larger = new Uint8Array(2 * (this.#used + size));
      larger.set(this.#bytes);
      this.#bytes = larger;
    }
    const position = this.#used;
    for (let p = start; p < end; p++) this.#bytes[this.#used++] = bytes[p];
    this.#add(slot, hash, size, position, LONG, string);
    return string;
  }

  #add(slot: number, a: number, b: number, c: number, length: number, string: string): void {
    const count = this.#strings.length;
    if (count === this.#capacity) {
      this.#isOff = count >= JUDGED_CAPACITY && count > MOSTLY_NEW * this.#cells;
      if (this.#isOff || count === MAX_CAPACITY) this.#startAnew();
      else {
        this.#grow();
        this.#add(this.#freeSlot(a, b, length === LONG ? 0 : c), a, b, c, length, string);
      }
      return;
    }
    this.#strings.push(string);
    const slots = this.#slots;
    slots[slot] = a;
    slots[slot + 1] = b;
    slots[slot + 2] = c;
    slots[slot + 3] = 16 * (count + 1) + length;
  }

  #freeSlot(a: number, b: number, c: number): number {
    const mask = this.#slots.length - 1;
    let slot = (SLOT * mix(a, b, c)) & mask;
    while (this.#slots[slot + 3] !== 0) slot = (slot + SLOT) & mask;
    return slot;
  }

  #grow(): void {
    this.#capacity *= 2;
    const before = this.#slots;
    this.#slots = new Int32Array(2 * SLOT * this.#capacity);
    for (let k = 0; k < before.length; k += SLOT) {
      if (before[k + 3] === 0) continue;
      const isLong = (before[k + 3] & 15) === LONG;
      const slot = this.#freeSlot(before[k], before[k + 1], isLong ? 0 : before[k + 2]);
      for (let i = 0; i < SLOT; i++) this.#slots[slot + i] = before[k + i];
    }
  }

  /** Empties the table. */
  #startAnew(): void {
    this.#capacity = FIRST_CAPACITY;
    this.#slots = new Int32Array(2 * SLOT * FIRST_CAPACITY);
    this.#bytes = new Uint8Array(0);
    this.#strings = [];
    this.#used = 0;
    this.#cells = 0;
  }
}
