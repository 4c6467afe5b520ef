// Makes the strings of one column from bytes. Equal cells become the same string: a hash table over the bytes
// finds it without making a new one, which saves time and memory. Columns of ids that never repeat do
// without.

import type { Lines } from "./byte-lines.ts";
import { type Cells, DOUBLED, PLAIN } from "./cells.ts";
import type { CSVValue } from "./csv-block.ts";

/** Slots of a new table. */
const FIRST_SLOTS = 256;

/** Share of the slots that are used in a full table. */
const FULL = 0.75;

/**
 * Most slots of a table, so that it fits into the cache. A full table of this size is emptied, or given up if
 * most cells were new: making a string takes less time than finding it in slow memory.
 */
const MAX_SLOTS = 2 ** 12;

/** Longer cells, in bytes, are not looked up. */
const LONGEST_CELL = 256;

/** Most bytes of a cell that a slot of the table holds itself. */
const SHORT_CELL = 12;

/**
 * Numbers per slot, together in one line of the cache. Three numbers tell the cell: its bytes if it is short,
 * otherwise hash, length and position of its bytes. The fourth is 0 if the slot is free, otherwise 16 *
 * (entry + 1) + length, with the length LONG for a cell that is not short.
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

/**
 * Hashes three numbers. A product's high bits depend on all bits of its factors, so they are the better ones;
 * they are moved down.
 */
function mix(a: number, b: number, c: number): number {
  const hash = (Math.imul(a, 0x9e3779b1) + Math.imul(b, 0x85ebca77) + Math.imul(c, 0xc2b2ae3d)) | 0;
  return (hash >>> 15) ^ hash;
}

/** Makes the strings of one column. */
export class CellStrings {
  /** The hash table. */
  #slots = new Int32Array(SLOT * FIRST_SLOTS);
  #strings: string[] = [];
  /** The bytes of the cells that are not short, one behind the other. */
  #bytes = new Uint8Array(0);
  #view = new DataView(this.#bytes.buffer);
  #used = 0;
  /** Cells since the table was last empty. */
  #cells = 0;
  #isOff = false;

  /**
   * Makes the values of a column.
   *
   * @param cells The cells of some rows.
   * @param lines The lines that hold them.
   * @param column Position of the column in the rows.
   * @returns The value of each row: a string, or null for an empty cell without quotes.
   */
  read(cells: Cells, lines: Lines, column: number): CSVValue[] {
    const { bounds, kinds, width, rows } = cells;
    const values = new Array<CSVValue>(rows);
    for (let row = 0, k = column; row < rows; row++, k += width) {
      const start = bounds[2 * k];
      const end = bounds[2 * k + 1];
      let value: CSVValue = kinds[k] === PLAIN ? null : "";
      if (kinds[k] === DOUBLED) value = cells.cut(k).replaceAll('""', '"');
      else if (start < end) value = this.#get(cells, lines, k, start, end);
      values[row] = value;
    }
    return values;
  }

  #get(cells: Cells, lines: Lines, k: number, start: number, end: number): string {
    const size = end - start;
    if (this.#isOff || size > LONGEST_CELL) return cells.cut(k);
    this.#cells++;
    if (size > SHORT_CELL) return this.#getLong(cells, lines, k, start, end);
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
    const string = cells.cut(k);
    this.#add(slot, a, b, c, size, string);
    return string;
  }

  #getLong(cells: Cells, { bytes, view }: Lines, k: number, start: number, end: number): string {
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
        const known = this.#view;
        const shift = slots[slot + 2] - start;
        const last = end - 4;
        let p = start;
        while (p < last && known.getInt32(p + shift, true) === view.getInt32(p, true)) p += 4;
        if (p >= last && known.getInt32(last + shift, true) === view.getInt32(last, true))
          return this.#strings[(used >> 4) - 1];
      }
      slot = (slot + SLOT) & mask;
    }
    const string = cells.cut(k);
    if (this.#used + size > this.#bytes.length) {
      const larger = new Uint8Array(2 * (this.#used + size));
      larger.set(this.#bytes);
      this.#bytes = larger;
      this.#view = new DataView(larger.buffer);
    }
    const position = this.#used;
    for (let p = start; p < end; p++) this.#bytes[this.#used++] = bytes[p];
    this.#add(slot, hash, size, position, LONG, string);
    return string;
  }

  #add(slot: number, a: number, b: number, c: number, length: number, string: string): void {
    const count = this.#strings.length;
    const numSlots = this.#slots.length / SLOT;
    if (count >= FULL * numSlots) {
      this.#isOff = numSlots === MAX_SLOTS && 2 * count > this.#cells;
      if (numSlots === MAX_SLOTS) this.#startAnew();
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
    const before = this.#slots;
    this.#slots = new Int32Array(2 * before.length);
    for (let k = 0; k < before.length; k += SLOT) {
      if (before[k + 3] === 0) continue;
      const isLong = (before[k + 3] & 15) === LONG;
      const slot = this.#freeSlot(before[k], before[k + 1], isLong ? 0 : before[k + 2]);
      for (let i = 0; i < SLOT; i++) this.#slots[slot + i] = before[k + i];
    }
  }

  /** Empties the table. */
  #startAnew(): void {
    this.#slots = new Int32Array(SLOT * FIRST_SLOTS);
    this.#bytes = new Uint8Array(0);
    this.#view = new DataView(this.#bytes.buffer);
    this.#strings = [];
    this.#used = 0;
    this.#cells = 0;
  }
}
