// Ids as users write them - of groups, users, items - numbered from 0 in the order in which they first come.

import { isArrayLike, wrongType, wrongValue } from "../core/errors.ts";

/** What names a group, a user or an item. */
export type Id = string | number;

/** Throws unless the value is a string or a finite number. */
export function checkId(id: unknown, place: string): Id {
  if (typeof id === "number" && !Number.isFinite(id)) throw wrongValue(place, "an id: a string or a finite number", id);
  if (typeof id !== "string" && typeof id !== "number") throw wrongType(place, "an id: a string or a number", id);
  return id;
}

/** Checks an array of ids, as long as `rows` (`expected` in words), and numbers them; (rows). */
export function readIds(ids: unknown, rows: number, place: string, expected: string): Uint32Array {
  if (!isArrayLike(ids)) throw wrongType(place, "an array of ids", ids);
  if (ids.length !== rows) throw wrongValue(`${place}.length`, `${expected} (${rows})`, ids.length);
  for (let i = 0; i < rows; i++) checkId(ids[i], `${place}[${i}]`);
  return numbered(ids as ArrayLike<Id>);
}

/** The number of each id. */
export function numbered(ids: ArrayLike<Id>): Uint32Array {
  const numbers = new Map<Id, number>();
  const result = new Uint32Array(ids.length);
  for (let i = 0; i < ids.length; i++) {
    const known = numbers.get(ids[i]);
    if (known === undefined) numbers.set(ids[i], numbers.size);
    result[i] = known ?? numbers.size - 1;
  }
  return result;
}

/** Number of groups that are numbered from 0. */
export function countGroups(groups: Uint32Array): number {
  let count = 0;
  for (let row = 0; row < groups.length; row++) if (groups[row] >= count) count = groups[row] + 1;
  return count;
}

/** The rows of each group, one group after the other, and where each starts; (groups + 1), (rows). */
export function rowsByGroup(groups: Uint32Array): [starts: Uint32Array, order: Uint32Array] {
  const numGroups = countGroups(groups);
  const starts = new Uint32Array(numGroups + 1);
  for (let row = 0; row < groups.length; row++) starts[groups[row] + 1]++;
  for (let group = 0; group < numGroups; group++) starts[group + 1] += starts[group];
  const order = new Uint32Array(groups.length);
  const filled = starts.slice();
  for (let row = 0; row < groups.length; row++) order[filled[groups[row]]++] = row;
  return [starts, order];
}
