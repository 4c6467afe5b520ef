// Catalogs that change: items come, change and go.

import { describe, wrongType } from "../core/errors.ts";
import { runAtOnce } from "../core/event-loop.ts";
import { type CheckedRows, copyRows, needsEncoder } from "../data/checked-rows.ts";
import { Columns, columnRows } from "../data/columns.ts";
import { readField } from "../data/ids.ts";
import { checkRows, type FeatureSpace, readRows } from "../data/rows.ts";
import { Catalog } from "../ranking/catalog.ts";
import { Items } from "./items.ts";

/**
 * Adds items, or puts them in the place of those with the same id. All of them are then in the catalog.
 *
 * @param items The items so far.
 * @param added Feature maps with their ids, at least one.
 * @param place What errors call them.
 * @param space The features of the model, which must be able to read the items; null: not yet known.
 * @returns The new items. Items that were there keep their numbers.
 * @throws TypeError or RangeError that names the item.
 */
export function withItems(items: Items, added: unknown, place: string, space: FeatureSpace | null): Items {
  const { idsOption, history } = items;
  if (!items.ids.isText || !needsEncoder(items.rows)) {
    const remedy = "make a new Recommender with all items";
    throw new TypeError(`${place} needs a catalog of feature maps with ids in a field; ${remedy}`);
  }
  const given = copyRows(checkRows(added, place));
  const count = new Catalog(given, place).size;
  if (!needsEncoder(given)) throw wrongType(place, "feature maps, as the catalog has", given);
  if (space !== null) {
    const { encoder, numFeatures } = space;
    runAtOnce(readRows(given, { encoder, numFeatures }, place)); // otherwise every list would throw
  }
  const [rows, news] = [mapsOf(items.rows), mapsOf(given)];
  const ids = readField(given, (idsOption as string | undefined) ?? "item", place, "ids");
  const firstWith = new Map<string, number>();
  const listed = Array.from(items.isListed);
  for (let i = 0; i < count; i++) {
    const other = firstWith.get(String(ids[i]));
    if (other !== undefined) {
      const expected = `${place}[${i}] must have an id of its own`;
      throw new RangeError(`${expected}, got ${describe(ids[i])}, as ${place}[${other}] has`);
    }
    firstWith.set(String(ids[i]), i);
    const number = items.ids.find(ids[i]) ?? rows.length;
    rows[number] = news[i];
    listed[number] = 1;
  }
  const settings = history && history.settings;
  const next = new Items({ rows, ids: idsOption, history: settings, isListed: Uint8Array.from(listed) });
  if (space !== null && next.history !== null) runAtOnce(next.history.encode(space));
  return next;
}

/**
 * Takes items out of the catalog. What users took of them stays remembered.
 *
 * @param items The items so far.
 * @param numbers Numbers of the items that go.
 * @returns The new items.
 * @throws RangeError if no item is left.
 */
export function withoutItems(items: Items, numbers: Iterable<number>): Items {
  const isListed = items.isListed.slice();
  for (const number of numbers) isListed[number] = 0;
  if (!isListed.includes(1))
    throw new RangeError("Recommender.removeItems: ids must leave at least one item in the catalog");
  const { rows, idsOption, history } = items;
  return new Items({ rows, ids: idsOption, history: history && history.settings, isListed });
}

function mapsOf(rows: CheckedRows): unknown[] {
  return rows instanceof Columns ? columnRows(rows) : (rows as unknown[]).slice();
}
