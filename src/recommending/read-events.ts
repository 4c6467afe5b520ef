// Reads events as users pass them: contexts, the items that were taken in them, their users and their times.

import { isArrayLike, wrongType, wrongValue } from "../core/errors.ts";
import { type CheckedRows, countRows, snapshot, withoutFields } from "../data/checked-rows.ts";
import { Columns, columnRows } from "../data/columns.ts";
import { type IdsOption, numbered, readField, readIds, userOf } from "../data/ids.ts";
import { checkRows } from "../data/rows.ts";
import { readTimes, type TimesOption } from "../data/times.ts";
import { orderOf } from "../ranking/event-splits.ts";
import type { ItemIds } from "../ranking/item-ids.ts";

/** Checked events. */
export interface ReadEvents {
  /** Context of each event, without the fields of item and time, (events). */
  readonly contexts: CheckedRows;
  /** Item number of each event, (events). */
  readonly itemOf: Uint32Array;
  /** User number of each event, from 0 in the order of first appearance, (events); null: not known. */
  readonly users: Uint32Array | null;
  /**
   * Id of each user as text, null for an anonymous one, (users). Null if users do not come from a field.
   */
  readonly userIds: readonly (string | null)[] | null;
  /** The events in the order in which they happened, (events). Equal times keep their order. */
  readonly order: Uint32Array;
}

/** What says of which item, user and time an event is. */
export interface EventOptions {
  /** Ids of the items, (events), or the name of the field of the contexts that holds them. */
  readonly items: unknown;
  /** Field name, or one id per event; undefined: users are not known. */
  readonly users: IdsOption | undefined;
  /** Field name, or one time per event; undefined: the events are in the order of time. */
  readonly time: TimesOption | undefined;
  /** Whether the field of the user may hold null: a user of whom this event alone is known. */
  readonly anonymous: boolean;
}

/**
 * Reads events.
 *
 * @param place What errors start with, such as "Recommender.fit: ".
 * @param contexts Rows, (events).
 * @param options What says of which item, user and time an event is.
 * @param ids The ids of the catalog.
 * @returns Copies of everything that the user could change during training.
 * @throws TypeError or RangeError that names event and option.
 */
export function readEvents(
  place: string,
  contexts: unknown,
  options: EventOptions,
  ids: ItemIds,
): ReadEvents {
  const { items, users, time, anonymous } = options;
  const given = snapshot(checkRows(contexts, `${place}contexts`));
  const events = countRows(given);
  const taken = typeof items === "string" ? readField(given, items, `${place}contexts`, "items") : items;
  const itemOf = readItems(
    ids,
    taken,
    events,
    typeof items === "string" ? `${place}contexts` : `${place}items`,
  );
  const times = time === undefined ? null : readTimes(time, given, place, "contexts");
  const order = orderOf(events, times);
  const named = [items, time].filter((option) => typeof option === "string");
  const rows = named.length === 0 ? given : withoutFields(given, new Set(named as string[]));
  if (users === undefined) return { contexts: rows, itemOf, users: null, userIds: null, order };
  if (typeof users !== "string") {
    const numbers = readIds(users, given, `${place}users`, "contexts");
    return { contexts: rows, itemOf, users: numbers, userIds: null, order };
  }
  if (!anonymous) {
    const own = readField(given, users, `${place}contexts`, "users").map(String);
    return { contexts: rows, itemOf, users: numbered(own), userIds: [...new Set(own)], order };
  }
  const parts = Array.isArray(given) ? given : given instanceof Columns ? columnRows(given) : [];
  const own = Array.from({ length: events }, (_, i) =>
    i < parts.length ? userOf(parts[i], users, `${place}contexts[${i}]`) : null,
  );
  // Each anonymous user gets a number as an id of its own, which no text is equal to.
  const keys = own.map((id, i) => id ?? i);
  const userIds = [...new Set(keys)].map((key) => (typeof key === "string" ? key : null));
  return { contexts: rows, itemOf, users: numbered(keys), userIds, order };
}

/** Reads the item of each event. `place` is what errors call the ids. Returns numbers, (events). */
function readItems(ids: ItemIds, items: unknown, events: number, place: string): Uint32Array {
  if (!isArrayLike(items)) throw wrongType(place, "an array of item ids", items);
  if (items.length !== events)
    throw wrongValue(`${place}.length`, `the number of rows of contexts (${events})`, items.length);
  return Uint32Array.from({ length: events }, (_, i) => ids.numberOf(items[i], `${place}[${i}]`));
}
