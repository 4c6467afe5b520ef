// What a recommender knows besides its model, and how it is read from a file. The file is that of the model
// with more in it: the options as JSON in __metadata__.recommender, the items as JSON in the bytes
// "recommender.items", and the memory of users in the bytes "recommender.users".

import { checkKeys, isRecord, wrongType, wrongValue } from "../core/errors.ts";
import type { Id } from "../data/ids.ts";
import { type ModelBytes, readBytes } from "../model/bytes.ts";
import { readBlobs, type SafetensorsFile } from "../model/safetensors.ts";
import type { Predictor } from "../predictor.ts";
import { type HistoryOptions, readHistory } from "../ranking/history.ts";
import type { TakenItems } from "../ranking/taken-items.ts";
import type { UserLimits } from "../ranking/user-record.ts";
import { Items } from "./items.ts";
import { rowFromJSON, valueFromJSON } from "./row-json.ts";

/** The parts of what a recommender knows. */
export interface KnowledgeParts<Memory extends TakenItems = TakenItems> {
  readonly items: Items;
  /** The context field that holds the id of the user; null: none. */
  readonly userField: string | null;
  /** What each user took; null without a field of users. */
  readonly memory: Memory | null;
  /** Most items remembered per user; Infinity: all. */
  readonly cap: number;
  /** How often each item was taken, (items). */
  readonly counts: Float64Array;
}

/** What a recommender knows besides its model. It never changes; changes make a new object. */
export class Knowledge<Memory extends TakenItems = TakenItems> implements KnowledgeParts<Memory> {
  readonly items: Items;
  readonly userField: string | null;
  readonly memory: Memory | null;
  readonly cap: number;
  readonly counts: Float64Array;

  constructor({ items, userField, memory, cap, counts }: KnowledgeParts<Memory>) {
    this.items = items;
    this.userField = userField;
    this.memory = memory;
    this.cap = cap;
    this.counts = counts;
  }

  /** Returns the same with other parts in the place of some. */
  with(parts: Partial<KnowledgeParts<Memory>>): Knowledge<Memory> {
    return new Knowledge({ ...this, ...parts });
  }
}

/** The bytes of a file that hold the items. */
export const ITEMS = "recommender.items";
/** The bytes of a file that hold the users. */
export const USERS = "recommender.users";

/** What __metadata__.recommender holds. */
export interface SavedOptions {
  readonly version: 1;
  readonly users?: string;
  readonly history?: HistoryOptions;
  readonly remember?: number;
}

/** What the bytes of the items hold. */
export interface SavedItems {
  /** The rows, those that have left the catalog included. */
  readonly rows: readonly unknown[];
  /** Name of the field of the ids, or the ids; absent for the default. */
  readonly ids?: string | readonly unknown[];
  /** 1 for an item that is in the catalog, else 0. */
  readonly listed: readonly number[];
  /** How often each item was taken. */
  readonly counts: readonly number[];
}

/** The parts of a file that belong to a recommender. */
export type RecommenderFile = Required<Pick<SafetensorsFile, "metadata" | "blobs">>;

/**
 * Finds the parts of a file that belong to a recommender.
 *
 * @param source The file.
 * @returns The parts. The bytes are views of the file.
 * @throws Error that says what is wrong with the file.
 */
export function recommenderParts(source: ModelBytes): RecommenderFile {
  return readBlobs(readBytes(source));
}

/**
 * Reads what a recommender knows from a file.
 *
 * @param file Strings and bytes of the file of `Recommender.save`.
 * @param predictor The model of the file.
 * @param readUsers Reads the memory of users.
 * @returns What the recommender knows.
 * @throws Error, TypeError or RangeError that says what is wrong with the file.
 */
export function readKnowledge<Memory extends TakenItems>(
  { metadata, blobs }: RecommenderFile,
  predictor: Predictor,
  readUsers: (bytes: Uint8Array, limits: UserLimits) => Memory,
): Knowledge<Memory> {
  const text = metadata.get("recommender");
  if (text === undefined) {
    const remedy = "read it with NFM.load, and pass the model and the items to new Recommender";
    throw new Error(`load: the file holds a model without a recommender; ${remedy}`);
  }
  const place = "load: __metadata__.recommender";
  const options = parse(place, text);
  checkKeys(place, options, ["version", "users", "history", "remember"]);
  const { version, users, history, remember = Infinity } = options;
  if (version !== 1) throw wrongValue(`${place}.version`, "1; a newer release may read it", version);
  if (users !== undefined && typeof users !== "string")
    throw wrongType(`${place}.users`, "the name of a field", users);
  if (remember !== Infinity && !(Number.isSafeInteger(remember) && (remember as number) >= 1))
    throw wrongValue(`${place}.remember`, "an integer of at least 1", remember);
  const settings = history === undefined ? null : readHistory(history as HistoryOptions, `${place}.history`);
  const saved = parse(`load: ${ITEMS}`, blobOf(blobs, ITEMS));
  checkKeys(`load: ${ITEMS}`, saved, ["rows", "ids", "listed", "counts"]);
  const { rows, ids, listed, counts } = saved;
  if (!Array.isArray(rows)) throw wrongType(`load: ${ITEMS}.rows`, "an array of items", rows);
  const read = Array.from(rows as unknown[], (row, i) => rowFromJSON(row, `load: ${ITEMS}.rows[${i}]`));
  const isListed = Uint8Array.from(numbers("listed", listed, read.length, (n) => n === 0 || n === 1));
  const isCount = (n: number): boolean => Number.isSafeInteger(n) && n >= 0;
  const itemCounts = Float64Array.from(numbers("counts", counts, read.length, isCount));
  const given = Array.isArray(ids) ? (Array.from(ids as unknown[], valueFromJSON) as Id[]) : (ids as string);
  const items = itemsOf(() => Items.read(read, given, settings, isListed));
  const cap = remember as number;
  const limits = { cap, numItems: items.size, numFeatures: predictor.numFeatures };
  const memory = users === undefined ? null : readUsers(blobOf(blobs, USERS), limits);
  return new Knowledge({ items, userField: users ?? null, memory, cap, counts: itemCounts });
}

function blobOf(blobs: ReadonlyMap<string, Uint8Array>, name: string): Uint8Array {
  const bytes = blobs.get(name);
  if (bytes === undefined) throw new Error(`load: the bytes "${name}" are missing`);
  return bytes;
}

/** Makes the items. Errors say that it is the file whose items are wrong. */
function itemsOf(read: () => Items): Items {
  try {
    return read();
  } catch (error) {
    throw new Error(`load: ${ITEMS}: ${(error as Error).message}`);
  }
}

/** Parses an object of JSON, given as text or as bytes of UTF-8. */
function parse(place: string, given: string | Uint8Array): Record<string, unknown> {
  let json: unknown;
  try {
    json = JSON.parse(
      typeof given === "string" ? given : new TextDecoder("utf-8", { fatal: true }).decode(given),
    );
  } catch (error) {
    throw new Error(`${place} is not JSON (${(error as Error).message})`);
  }
  if (!isRecord(json)) throw wrongType(place, "an object", json);
  return json;
}

/** Checks an array with a number per item. */
function numbers(name: string, given: unknown, count: number, accepts: (n: number) => boolean): number[] {
  const place = `load: ${ITEMS}.${name}`;
  if (!Array.isArray(given) || given.length !== count)
    throw wrongType(place, `an array with a number per item (${count})`, given);
  return Array.from(given as unknown[], (n, i) => {
    if (typeof n !== "number" || !accepts(n)) throw wrongValue(`${place}[${i}]`, "a number as written", n);
    return n;
  });
}
