// What users took, read from the bytes of a file and never changed: for serving, where all of `user-memory.ts`
// would be too much code. A user is a record of bytes, as user-record.ts and byte-writer.ts describe it.

import { hashName } from "../data/encoder.ts";
import { END_OF_TEXT } from "./byte-writer.ts";
import type { TakenItems } from "./taken-items.ts";

/** The users of a file. The number of a user is the position of the user's bytes. */
export class SavedUsers implements TakenItems {
  readonly #bytes: Uint8Array;
  /** At the place of each id: the number of the user plus 1. 0: free. Its length is a power of 2. */
  readonly #slots: Uint32Array;

  /**
   * Finds the users, and checks their items.
   *
   * @param bytes The bytes that `UserMemory.toBytes` wrote.
   * @param numItems Number of items. Every item number is below it.
   * @throws Error that says where the bytes are damaged.
   */
  constructor(bytes: Uint8Array, numItems: number) {
    this.#bytes = bytes;
    const starts: number[] = [];
    for (let at = 0; at < bytes.length; ) {
      const { start, endOfId, items, end } = this.#partsOf(at);
      const isWhole = endOfId >= start && items <= end && end <= bytes.length;
      if (!isWhole || this.itemsOf(at).some((item) => item >= numItems))
        throw new Error(`load: recommender.users is damaged at byte ${at}`);
      starts.push(at);
      at = end;
    }
    let size = 64;
    while (size * 2 < starts.length * 3) size *= 2;
    this.#slots = new Uint32Array(size);
    for (const start of starts) this.#slots[this.#find(this.#idOf(start))] = start + 1;
  }

  numberOf(id: string): number {
    return this.#slots[this.#find(id)] - 1;
  }

  itemsOf(number: number): Uint32Array {
    const bytes = this.#bytes;
    const { items: at, end } = this.#partsOf(number);
    const width = Math.max(8, bytes[at]);
    const items = new Uint32Array(Math.max(0, Math.floor(((end - at - 1) * 8) / width)));
    for (let i = 0, bit = (at + 1) * 8; i < items.length; i++) {
      for (let got = 0; got < width; ) {
        const taken = Math.min(8 - (bit % 8), width - got);
        items[i] |= ((bytes[bit >>> 3] >>> (bit % 8)) & (255 >>> (8 - taken))) << got;
        got += taken;
        bit += taken;
      }
    }
    return items;
  }

  /**
   * Finds the parts of a record. In a damaged record, `endOfId` is before `start` or `items` behind `end`. It
   * never looks further than one number behind the record, so that damaged files take no longer than others.
   */
  #partsOf(number: number): { start: number; endOfId: number; items: number; end: number } {
    const [length, start] = this.#number(number);
    const end = start + length;
    const endOfId = start + this.#bytes.subarray(start, end).indexOf(END_OF_TEXT);
    let [head, items] = this.#number(endOfId + 1);
    // Behind an odd head stand its indices, behind an even one values as well. 0: there is no context.
    const hasValues = head > 0 && head % 2 === 0;
    let left = head === 0 ? 0 : ((head - 1) >>> 1) * (hasValues ? 2 : 1);
    for (; left > 0 && items < end; left--) [head, items] = this.#number(items);
    return { start, endOfId, items: left > 0 ? end + 1 : items, end };
  }

  /** Decodes an id, halves of surrogate pairs included, which `TextDecoder` would replace. */
  #idOf(number: number): string {
    const bytes = this.#bytes;
    const { start, endOfId } = this.#partsOf(number);
    let text = "";
    for (let at = start; at < endOfId; ) {
      const byte = bytes[at++];
      const more = byte < 0xc0 ? 0 : byte < 0xe0 ? 1 : byte < 0xf0 ? 2 : 3;
      let code = more > 0 ? byte & (63 >> more) : byte;
      for (let i = 0; i < more; i++) code = (code << 6) | (bytes[at++] & 63);
      text += String.fromCodePoint(Math.min(code, 0x10ffff));
    }
    return text;
  }

  /** Reads a number, and returns it and the position behind it. */
  #number(at: number): [value: number, end: number] {
    let value = 0;
    let byte = 128;
    for (let shift = 0; byte > 127; shift += 7) {
      byte = this.#bytes[at++] ?? 0;
      value |= (byte & 127) << shift;
    }
    return [value >>> 0, at];
  }

  /** Returns the slot of a user, or the free slot where a user of this id belongs. */
  #find(id: string): number {
    const mask = this.#slots.length - 1;
    let slot = hashName(id, 32) & mask;
    while (this.#slots[slot] > 0 && this.#idOf(this.#slots[slot] - 1) !== id) slot = (slot + 1) & mask;
    return slot;
  }
}
