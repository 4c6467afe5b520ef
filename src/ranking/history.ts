// What a user took before becomes features of the context: the last items, the latest with the largest
// weight. An item in a history has features of its own, which differ from those of the same item as a
// candidate: "history=tea" besides "item=tea".

import { checkInteger, checkKeys, checkNumber, describe, isArrayLike, wrongType } from "../core/errors.ts";
import { type CheckedRows, countRows, needsEncoder } from "../data/checked-rows.ts";
import { CSRBuilder } from "../data/csr-builder.ts";
import type { FeatureMap, FeatureValue } from "../data/feature-map.ts";
import { isList } from "../data/field-values.ts";
import { readColumn } from "../data/ids.ts";
import { type FeatureSpace, readRows } from "../data/rows.ts";
import type { SparseRows } from "../data/sparse-row.ts";

/** How the history of a user becomes features. */
export interface HistoryOptions {
  /** How many items count, at most, from 1 to 1,000. Default: 10. */
  last?: number | undefined;
  /** Weight of each item relative to the one after it, above 0 and at most 1. Default: 0.75. */
  decay?: number | undefined;
  /** Fields of the items that count as well, such as their genres. Default: none, the ids alone. */
  fields?: readonly string[] | undefined;
}

/** Checked options of histories. */
export interface HistorySettings {
  readonly last: number;
  readonly decay: number;
  readonly fields: readonly string[];
}

/** The field of the ids in a history. Other fields of the items have this name in front of their own. */
const FIELD = "history";

/**
 * Checks the option `history`.
 *
 * @param history The option as the user passed it.
 * @param place What errors call it.
 * @returns The options with defaults filled in.
 * @throws TypeError or RangeError that names the option.
 */
export function readHistory(history: HistoryOptions, place: string): HistorySettings {
  checkKeys(place, history, ["last", "decay", "fields"]);
  const { last = 10, decay = 0.75, fields = [] } = history;
  if (!Array.isArray(fields)) throw wrongType(`${place}.fields`, "an array of field names", fields);
  fields.forEach((field, i) => {
    if (typeof field !== "string") throw wrongType(`${place}.fields[${i}]`, "a field name", field);
  });
  checkInteger(`${place}.last`, last, 1, 1000);
  checkNumber(`${place}.decay`, decay, "a number above 0 and at most 1", (d) => d > 0 && d <= 1);
  return { last, decay, fields: [...fields] };
}

/** The items of a catalog as they appear in histories. */
export class HistoryItems {
  readonly settings: HistorySettings;
  /** The names of the fields of histories. */
  readonly fields: ReadonlySet<string>;
  /** Feature map of each item in a history, (items). */
  readonly maps: readonly Readonly<Record<string, FeatureValue>>[];
  /** Weight of the latest item, the one before, and so on, (last). */
  readonly #weights: Float32Array;
  #encoder: FeatureSpace["encoder"] = null;
  /** How often levels of these fields had come or gone when the items were encoded. */
  #encodedAt = 0;
  #encoded: SparseRows | null = null;

  /**
   * Makes the features of the items.
   *
   * @param items The rows of the catalog, (items).
   * @param ids The id of each item, (items).
   * @param settings The options of histories.
   * @throws TypeError for sparse rows; RangeError for a field that no item has.
   */
  constructor(items: CheckedRows, ids: readonly unknown[], settings: HistorySettings) {
    const place = "Recommender: items";
    if (!needsEncoder(items)) {
      const reason = "history needs the names of features; put a history into sparse contexts yourself";
      throw new TypeError(`${place} must be feature maps (${reason}), got sparse rows`);
    }
    this.settings = settings;
    const columns = settings.fields.map((field) => {
      const values = readColumn(items, field, place, "history.fields");
      for (let i = 0; i < values.length; i++) if (values[i] != null) return values;
      throw new RangeError(`Recommender: history.fields names ${describe(field)}, which no item has`);
    });
    const names = settings.fields.map((field) => `${FIELD} ${field}`);
    this.fields = new Set([FIELD, ...names]);
    this.maps = Array.from({ length: countRows(items) }, (_, i) => {
      const others = columns.map((values, c) => [names[c], values[i] as FeatureValue] as const);
      const present = others.filter(([, value]) => value != null);
      return Object.fromEntries([[FIELD, { [String(ids[i])]: 1 }] as const, ...present]);
    });
    this.#weights = Float32Array.from({ length: settings.last }, () => 1);
    for (let i = 1; i < settings.last; i++) this.#weights[i] = this.#weights[i - 1] * settings.decay;
  }

  /**
   * Encodes the items as they appear in histories, unless they are encoded for this space already. Yields now
   * and then.
   *
   * @param space The features of the model.
   * @returns The items as sparse rows, (items).
   * @throws TypeError if the model has no encoder.
   */
  *encode(space: FeatureSpace): Generator<void, SparseRows> {
    const { encoder, numFeatures } = space;
    if (encoder === null) {
      const reason = "this model was given numFeatures, or learned from sparse rows";
      throw new TypeError(`Recommender: history needs a model with an encoder; ${reason}`);
    }
    // After a training that failed, a vocabulary of the same size may hold other levels.
    const changes = encoder.changesOf((field) => this.fields.has(field));
    if (this.#encoded !== null && this.#encoder === encoder && this.#encodedAt === changes)
      return this.#encoded;
    const isExpected = (field: string): boolean => this.fields.has(field);
    this.#encoded = yield* readRows(this.maps, { encoder, numFeatures, isExpected }, "Recommender: history");
    this.#encoder = encoder;
    this.#encodedAt = changes;
    return this.#encoded;
  }

  /**
   * Adds a history to the row that a builder has in progress.
   *
   * @param builder The builder.
   * @param encoded The result of `encode`.
   * @param taken Item numbers, the oldest first. Only the last ones count.
   */
  push(builder: CSRBuilder, encoded: SparseRows, taken: ArrayLike<number>): void {
    const { indptr, indices, values } = encoded;
    const count = Math.min(taken.length, this.#weights.length);
    for (let age = 0; age < count; age++) {
      const item = taken[taken.length - 1 - age];
      const weight = this.#weights[age];
      for (let p = indptr[item]; p < indptr[item + 1]; p++) {
        builder.push(indices[p], values === null ? weight : Math.fround(weight * values[p]));
      }
    }
  }
}

/**
 * Lists what an encoder should learn of histories.
 *
 * @param items The items as they appear in histories.
 * @param taken The numbers of the items that occur in histories.
 * @returns The feature maps of these items. The maps of a group have the same fields, so that no field of a
 *   history counts as missing. Without items an empty history, from which an encoder learns the fields, so
 *   that later trainings can give them levels.
 */
export function historyVocabulary({ maps, fields }: HistoryItems, taken: Iterable<number>): FeatureMap[][] {
  const groups = new Map<string, FeatureMap[]>();
  for (const item of new Set(taken)) {
    const map = maps[item];
    const names = JSON.stringify(Object.keys(map));
    const group = groups.get(names);
    if (group === undefined) groups.set(names, [map]);
    else group.push(map);
  }
  if (groups.size > 0) return [...groups.values()];
  const isText = (value: FeatureValue): boolean =>
    value == null || typeof value === "string" || isList(value);
  const texts = [...fields].filter((name) => name !== FIELD && maps.every((map) => isText(map[name])));
  return [[Object.fromEntries([[FIELD, {}] as const, ...texts.map((name) => [name, []] as const)])]];
}

/** Returns the name of the feature that the item of an id has in histories. */
export function historyName(id: unknown): string {
  return `${FIELD}=${String(id)}`;
}

/** What each of several users took, one user or event behind the other, the oldest first. */
export interface Histories {
  /** Position where each history starts, (histories + 1). */
  readonly starts: Uint32Array;
  /** Item numbers. */
  readonly items: Uint32Array;
}

/**
 * Collects what the user of each event took before it. An item that was taken twice counts once, at its last
 * time.
 *
 * @param order The events in the order in which they happened, (events).
 * @param users User number of each event, (events).
 * @param itemOf Item number of each event, (events).
 * @param last How many items count.
 * @param remembered Returns what a user took before all events, the oldest first. Default: nothing.
 * @returns The history of each event, (events).
 */
export function historiesOf(
  order: Uint32Array,
  users: Uint32Array,
  itemOf: Uint32Array,
  last: number,
  remembered: (user: number) => ArrayLike<number> = () => [],
): Histories {
  const taken = new Map<number, number[]>();
  const before: number[][] = new Array<number[]>(order.length);
  let size = 0;
  for (const event of order) {
    const [user, item] = [users[event], itemOf[event]];
    const own = taken.get(user) ?? Array.from(remembered(user)).slice(-last);
    before[event] = own;
    size += own.length;
    taken.set(user, [...own.filter((other) => other !== item), item].slice(-last));
  }
  const starts = new Uint32Array(order.length + 1);
  const items = new Uint32Array(size);
  before.forEach((own, event) => {
    items.set(own, starts[event]);
    starts[event + 1] = starts[event] + own.length;
  });
  return { starts, items };
}

/**
 * Puts more histories behind others.
 *
 * @param histories Histories.
 * @param more What each further user took, the oldest first.
 * @returns All histories.
 */
export function withMore({ starts, items }: Histories, more: readonly Uint32Array[]): Histories {
  const all = new Uint32Array(starts.length + more.length);
  all.set(starts);
  more.forEach((own, i) => {
    all[starts.length + i] = all[starts.length + i - 1] + own.length;
  });
  const taken = new Uint32Array(all[all.length - 1]);
  taken.set(items);
  more.forEach((own, i) => taken.set(own, all[starts.length + i - 1]));
  return { starts: all, items: taken };
}

/**
 * Adds histories to contexts. Yields now and then.
 *
 * @param contexts Encoded contexts, (rows).
 * @param histories The history of each context, (rows).
 * @param items The items as they appear in histories.
 * @param space The features of the model.
 * @param hidden A feature of each context, -1: none, (rows). Behind all contexts stand all contexts again
 *   without it. Null: each context stands there once. Default: null.
 * @returns The contexts with the features of their histories behind their own, (rows) or (2 rows).
 */
export function* withHistories(
  contexts: SparseRows,
  histories: Histories,
  items: HistoryItems,
  space: FeatureSpace,
  hidden: Int32Array | null = null,
): Generator<void, SparseRows> {
  const encoded = yield* items.encode(space);
  const builder = new CSRBuilder();
  const { starts, items: taken } = histories;
  for (const leftOut of hidden === null ? [null] : [null, hidden]) {
    for (let row = 0; row < contexts.rows; row++) {
      pushRow(builder, contexts, row, leftOut?.[row]);
      items.push(builder, encoded, taken.subarray(starts[row], starts[row + 1]));
      builder.endRow(`Recommender: contexts[${row}]`);
      if (row % 64 === 0) yield;
    }
  }
  return builder.build(space.numFeatures ?? undefined, "Recommender: contexts");
}

/**
 * Copies the entries of a row to the row that a builder has in progress.
 *
 * @param builder The builder.
 * @param rows Sparse rows.
 * @param row Number of the row.
 * @param leftOut The feature that is not copied. Default: all are.
 */
export function pushRow(
  builder: CSRBuilder,
  { indptr, indices, values }: SparseRows,
  row: number,
  leftOut: number = -1,
): void {
  for (let p = indptr[row]; p < indptr[row + 1]; p++)
    if (indices[p] !== leftOut) builder.push(indices[p], values === null ? 1 : values[p]);
}

/**
 * Reads item ids of a history that a user passes.
 *
 * @param history The ids, the oldest first.
 * @param place What errors call them.
 * @returns The ids as an array.
 * @throws TypeError if they are no list.
 */
export function checkHistory(history: unknown, place: string): ArrayLike<unknown> {
  if (typeof history === "string" || !isArrayLike(history))
    throw wrongType(place, "an array of item ids, the oldest first", history);
  return history;
}
