// A user as one record of bytes: the id as text; then 0, or 1 + twice the number of entries of the context,
// + 1 if they have values; the feature indices; the bits of the values; the items, oldest first.
// `byte-writer.ts` says how texts, numbers and items become bytes.

import type { SparseVector } from "../data/sparse-row.ts";
import type { ByteRecords } from "./byte-records.ts";
import type { ByteWriter } from "./byte-writer.ts";

/** What is known of a user. */
export interface User {
  readonly id: string;
  /** The last context: distinct feature indices, and values other than 0 unless all are 1. */
  context: SparseVector | null;
  /** Distinct item numbers in the order of their latest events, oldest first. */
  items: number[];
}

/** What the users of a file may refer to. */
export interface UserLimits {
  /** Most items of a user: an integer of at least 0, or Infinity. */
  readonly cap: number;
  /** Number of items. Every item number is below it. */
  readonly numItems: number;
  /** Number of features. Every index of a context is below it. */
  readonly numFeatures: number;
}

/**
 * Writes a record.
 *
 * @param writer Is started anew.
 * @param user The user.
 */
export function writeUser(writer: ByteWriter, { id, context, items }: User): void {
  writer.length = 0;
  writer.text(id);
  const indices = context?.indices ?? [];
  const values = context?.values;
  writer.reserve(5 + 10 * indices.length);
  writer.number(context ? 1 + 2 * indices.length + (values ? 1 : 0) : 0);
  for (let i = 0; i < indices.length; i++) writer.number(indices[i]);
  if (values) {
    const view = new DataView(new ArrayBuffer(4));
    for (let i = 0; i < values.length; i++) {
      view.setFloat32(0, values[i]);
      writer.number(view.getUint32(0));
    }
  }
  writer.items(items);
}

/**
 * Reads a record. Damaged bytes give some user, whose lists are not longer than the bytes.
 *
 * @param records The records.
 * @param number Which of them.
 * @returns The user.
 */
export function readUser(records: ByteRecords, number: number): User {
  records.open(number);
  const id = records.text();
  const head = records.number();
  let context: SparseVector | null = null;
  if (head > 0) {
    const indices = new Uint32Array(Math.max(0, Math.min((head - 1) >>> 1, records.left)));
    for (let i = 0; i < indices.length; i++) indices[i] = records.number();
    context = { indices };
    if (head % 2 === 0) {
      const view = new DataView(new ArrayBuffer(4));
      const values = new Float32Array(indices.length);
      for (let i = 0; i < values.length; i++) {
        view.setUint32(0, records.number());
        values[i] = view.getFloat32(0);
      }
      context = { indices, values };
    }
  }
  return { id, context, items: records.items() };
}

/**
 * Checks a user of a file.
 *
 * @param user The user.
 * @param limits What the user may refer to.
 * @returns What is wrong, to be put behind "user 17"; null if nothing is.
 */
export function findFault(
  { context, items }: User,
  { cap, numItems, numFeatures }: UserLimits,
): string | null {
  for (const value of Array.from(context?.values ?? []))
    if (value - value !== 0 || value === 0) return `has the value ${value}, which must be finite and not 0`;
  if (items.length > cap) return `has ${items.length} items, which must be at most ${cap}`;
  return (
    findFaultOfList("feature", context?.indices ?? [], numFeatures) ??
    findFaultOfList("item", items, numItems)
  );
}

function findFaultOfList(what: string, list: ArrayLike<number>, limit: number): string | null {
  const distinct = new Set<number>();
  for (let i = 0; i < list.length; i++) {
    if (list[i] >= limit) return `has ${what} ${list[i]}, which must be below ${limit}`;
    if (distinct.has(list[i])) return `has ${what} ${list[i]} twice`;
    distinct.add(list[i]);
  }
  return null;
}
