// What each user has taken, in the order of the events, and the last context of each user. A user is one
// record of bytes: the id, the context, the items. A hash table with open addressing finds the record of an
// id. Records and table hold no JavaScript objects per user, so a million users fit into 250 MB.

import { hashName } from "../data/encoder.ts";
import type { SparseVector } from "../data/sparse-row.ts";
import { ByteRecords, segmentsOf } from "./byte-records.ts";
import { ByteWriter } from "./byte-writer.ts";
import type { TakenItems } from "./taken-items.ts";
import { findFault, readUser, type UserLimits, writeUser } from "./user-record.ts";

/** What errors call the bytes. */
const PART = "recommender.users";

/**
 * The items and the context of each user.
 *
 * Users are numbered from 0 to `users` - 1, so a loop over these numbers visits all of them. A number stays
 * valid until the next `forget`, which gives the number of the forgotten user to the last user. Numbers that
 * are passed in must be valid. The same calls give the same numbers, and the same bytes, on every engine.
 */
export class UserMemory implements TakenItems {
  readonly #cap: number;
  readonly #records = new ByteRecords();
  /** At the place of each id: the number of the user plus 1. 0: free. Its length is a power of 2. */
  #slots: Uint32Array = new Uint32Array(64);
  readonly #writer = new ByteWriter();

  /**
   * Makes a memory without users.
   *
   * @param options `cap`: the most items kept per user, an integer of at least 0 or Infinity. When a user has
   *   more, the oldest leave.
   */
  constructor({ cap }: { readonly cap: number }) {
    this.#cap = cap;
  }

  /** Number of users. */
  get users(): number {
    return this.#records.count;
  }

  /** Bytes of all arrays, unused room included. */
  get bytes(): number {
    return this.#records.bytes + this.#slots.byteLength + this.#writer.bytes.length;
  }

  /**
   * Finds a user.
   *
   * @param id Any string.
   * @returns The number of the user; -1 if the memory does not know the id.
   */
  numberOf(id: string): number {
    return this.#slots[this.#find(id)] - 1;
  }

  /** Returns the id of a user. */
  idOf(number: number): string {
    this.#records.open(number);
    return this.#records.text();
  }

  /**
   * Adds events of a user, who may be new. Each item is kept once, at the place of its latest event: an item
   * that is taken again moves to the end. The cost grows with the number of items of this user, but not with
   * the number of users.
   *
   * @param id Any string.
   * @param items Item numbers, integers from 0 to 2^31 - 1, in the order of the events. May be empty.
   * @throws RangeError if memory runs out. The memory is then as before.
   */
  add(id: string, items: ArrayLike<number>): void {
    this.#makeSlot();
    const slot = this.#find(id);
    const number = this.#slots[slot] - 1;
    const user = number < 0 ? { id, context: null, items: [] } : readUser(this.#records, number);
    const added = new Set<number>();
    for (let i = 0; i < items.length; i++) {
      added.delete(items[i]); // the latest event counts
      added.add(items[i]);
    }
    user.items = user.items.filter((item) => !added.has(item));
    for (const item of added) user.items.push(item);
    if (user.items.length > this.#cap) user.items.splice(0, user.items.length - this.#cap);
    writeUser(this.#writer, user);
    if (number < 0) {
      this.#records.push(this.#writer);
      this.#slots[slot] = this.users;
    } else this.#records.set(number, this.#writer);
  }

  /**
   * Returns the items of a user.
   *
   * @param number The user.
   * @returns Distinct item numbers in the order of their latest events, oldest first, (items).
   */
  itemsOf(number: number): Uint32Array {
    return new Uint32Array(readUser(this.#records, number).items);
  }

  /**
   * Sets the last context of a user.
   *
   * @param number The user.
   * @param row The context: distinct feature indices below 2^32 and their values, finite and not 0, which are
   *   stored as float32.
   * @throws RangeError if memory runs out. The memory is then as before.
   */
  setContext(number: number, row: SparseVector): void {
    const user = readUser(this.#records, number);
    user.context = row;
    writeUser(this.#writer, user);
    this.#records.set(number, this.#writer);
  }

  /**
   * Returns the last context of a user.
   *
   * @param number The user.
   * @returns The row, without `values` if `setContext` got none; null if there is no context.
   */
  contextOf(number: number): SparseVector | null {
    return readUser(this.#records, number).context;
  }

  /**
   * Forgets a user: overwrites id, items and context. The last user gets the number of this one.
   *
   * @param id Any string.
   * @returns Whether the memory knew the user.
   */
  forget(id: string): boolean {
    const slots = this.#slots;
    const mask = slots.length - 1;
    let slot = this.#find(id);
    const known = slots[slot];
    this.#writer.wipe();
    if (known === 0) return false;
    slots[this.#find(this.idOf(this.users - 1))] = known;
    this.#records.remove(known - 1);
    // Entries behind the free slot move up, unless they would then stand before their own place.
    for (let next = (slot + 1) & mask; slots[next] > 0; next = (next + 1) & mask) {
      const home = this.#homeOf(slots[next] - 1, mask);
      if (((next - home) & mask) < ((next - slot) & mask)) continue;
      slots[slot] = slots[next];
      slot = next;
    }
    slots[slot] = 0;
    return true;
  }

  /**
   * Gives the items other numbers, because the catalog has lost items or has another order.
   *
   * @param map New number of each old item; -1: the item is gone. Distinct items stay distinct. Items beyond
   *   the map are gone too.
   * @throws RangeError if memory runs out. The memory is then as before.
   */
  renumber(map: Int32Array): void {
    const records = this.#records;
    // The first round makes room, so that nothing can fail in the second.
    for (const isSecond of [false, true]) {
      let growth = 0;
      let largest = 0;
      for (let number = 0; number < records.count; number++) {
        const user = readUser(this.#records, number);
        user.items = user.items.map((item) => map[item]).filter((item) => item >= 0);
        writeUser(this.#writer, user);
        const segments = segmentsOf(this.#writer.length);
        growth += Math.max(0, segments - segmentsOf(records.lengthOf(number)));
        largest = Math.max(largest, segments);
        if (isSecond) records.set(number, this.#writer);
      }
      if (!isSecond) records.reserve(growth + largest);
    }
  }

  /**
   * Writes the memory for a file: for each user the length of the record and the record (`user-record.ts`).
   *
   * @returns The bytes.
   */
  toBytes(): Uint8Array {
    const records = this.#records;
    const writer = new ByteWriter();
    let size = 0;
    for (let number = 0; number < records.count; number++) {
      writer.length = 0;
      writer.number(records.lengthOf(number));
      size += writer.length + records.lengthOf(number);
    }
    writer.bytes = new Uint8Array(size);
    writer.length = 0;
    for (let number = 0; number < records.count; number++) {
      writer.number(records.lengthOf(number));
      records.open(number);
      while (records.left > 0) writer.bytes[writer.length++] = records.byte();
    }
    return writer.bytes;
  }

  /**
   * Reads what `toBytes` wrote, and checks every byte.
   *
   * @param bytes The bytes.
   * @param limits What the users may refer to.
   * @returns A memory with the same users and numbers.
   * @throws Error that names the user and what is wrong.
   */
  static fromBytes(bytes: Uint8Array, limits: UserLimits): UserMemory {
    const memory = new UserMemory(limits);
    for (let at = 0; at < bytes.length; ) at = memory.#load(bytes, at, limits);
    return memory;
  }

  /**
   * Adds the user whose record stands at position `start` of a file.
   *
   * @returns The position behind the record.
   */
  #load(file: Uint8Array, start: number, limits: UserLimits): number {
    const [records, writer, number] = [this.#records, this.#writer, this.users];
    const fail = (problem: string): never => {
      throw new Error(`load: ${PART}: user ${number} ${problem}`);
    };
    let at = start;
    let length = 0;
    let byte = 128;
    for (let scale = 1; byte > 127; scale *= 128) {
      byte = file[at++];
      length += (byte & 127) * scale;
    }
    const left = Math.max(0, file.length - at);
    if (length < 1 || length > left) fail(`has a record of ${length} bytes, and ${left} bytes follow`);
    this.#makeSlot();
    writer.length = 0;
    writer.reserve(length);
    for (let i = 0; i < length; i++) writer.bytes[i] = file[at + i];
    writer.length = length;
    records.push(writer);
    const user = readUser(records, number);
    const fault = findFault(user, limits);
    if (fault !== null) fail(fault);
    // A record has one correct form. Bytes in any other form, or cut off, differ from what is written now.
    writeUser(this.#writer, user);
    let isSame = writer.length === length && (byte > 0 || at === start + 1);
    for (let i = 0; i < length && isSame; i++) isSame = writer.bytes[i] === file[at + i];
    if (!isSame) fail(`is damaged: the bytes from ${start} to ${at + length} are no record`);
    const slot = this.#find(user.id);
    if (this.#slots[slot] > 0) fail(`has the id of user ${this.#slots[slot] - 1}`);
    this.#slots[slot] = number + 1;
    return at + length;
  }

  /** Makes sure that a slot is left for one user more, and that at least a third of the slots is free. */
  #makeSlot(): void {
    const { length } = this.#slots;
    if ((this.users + 1) * 3 <= length * 2) return;
    const slots = new Uint32Array(2 * length);
    const mask = slots.length - 1;
    for (let number = 0; number < this.users; number++) {
      let slot = this.#homeOf(number, mask);
      while (slots[slot] > 0) slot = (slot + 1) & mask;
      slots[slot] = number + 1;
    }
    this.#slots = slots;
  }

  /** Where the search for a user starts. */
  #homeOf(number: number, mask: number): number {
    return hashName(this.idOf(number), 32) & mask;
  }

  /** Returns the slot of a user, or the free slot where a user of this id belongs. */
  #find(id: string): number {
    const mask = this.#slots.length - 1;
    let slot = hashName(id, 32) & mask;
    while (this.#slots[slot] > 0 && this.idOf(this.#slots[slot] - 1) !== id) slot = (slot + 1) & mask;
    return slot;
  }
}
