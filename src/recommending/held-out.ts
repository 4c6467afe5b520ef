// Held-out events: how they are checked, and where a model ranks the item of each event among the catalog.

import { checkBoolean, isArrayLike, wrongType, wrongValue } from "../core/errors.ts";
import { countRows, snapshot } from "../data/checked-rows.ts";
import { checkUserField, type Id, type IdsOption } from "../data/ids.ts";
import { checkRows, type FeatureSpace, type RowsOf, readRows } from "../data/rows.ts";
import type { SparseRows } from "../data/sparse-row.ts";
import type { TimesOption } from "../data/times.ts";
import type { RankedEvents } from "../metrics/list-report.ts";
import type { Predictor } from "../predictor.ts";
import { type Histories, historiesOf, withHistories } from "../ranking/history.ts";
import type { TakenItems } from "../ranking/taken-items.ts";
import type { Items } from "./items.ts";
import { type ReadEvents, readEvents } from "./read-events.ts";

/** Held-out events. */
export interface HeldOutEvents<ItemId = Id> {
  /** Features of user and situation; (events). */
  readonly contexts: RowsOf<object>;
  /** Ids of the items taken, (events), or the name of the field that holds them. */
  readonly items: ArrayLike<ItemId> | string;
  /**
   * Per event the ids that are left out of its list, besides those that the user is known to have; the event's
   * own item always stays in. Ids that are not in the catalog have no effect. Default: none.
   */
  readonly exclude?: readonly Iterable<ItemId>[] | undefined;
  /** Whether items that the user is known to have taken stay in the list. Default: false. */
  readonly repeat?: boolean | undefined;
  /** User of each event, as in `fit`. Default: the recommender's field of users. */
  readonly users?: IdsOption | undefined;
  /** Time of each event, as in `fit`. Default: the events are in the order of time. */
  readonly time?: TimesOption | undefined;
}

/** What each user took before some events, the oldest first. Users have the numbers of these events. */
export type TakenBefore = (user: number) => ArrayLike<number>;

/** Checked held-out events. */
export interface CheckedHeldOut extends ReadEvents {
  /** What each user took before all of the events. */
  readonly before: TakenBefore;
  /** For each event, the numbers of the items to leave out of its list, (events); null: none. */
  readonly excluded: readonly (readonly number[])[] | null;
  /** Whether what a user took stays in the list. */
  readonly repeat: boolean;
}

/** What is known where events are held out. */
export interface HeldOutPlace {
  readonly items: Items;
  /** The field that every context must have; null: none. */
  readonly userField: string | null;
  /** Says what the users of the events took before all of them. */
  readonly takenBefore: (events: ReadEvents) => TakenBefore;
}

/**
 * Checks held-out events.
 *
 * @param place What errors start with, such as "Recommender.evaluate: ".
 * @param given The events as the user passed them.
 * @param known What is known where they are held out.
 * @returns The events.
 * @throws TypeError or RangeError that names event and option.
 */
export function readHeldOut(
  place: string,
  { contexts, items: taken, exclude, repeat = false, users, time }: HeldOutEvents<unknown>,
  { items, userField, takenBefore }: HeldOutPlace,
): CheckedHeldOut {
  const checked = snapshot(checkRows(contexts, `${place}contexts`));
  if (countRows(checked) === 0) throw new RangeError(`${place}contexts must hold at least one row, got none`);
  if (userField !== null && users === undefined)
    eachPart(checked, `${place}contexts`, (row, at) => checkUserField(row, userField, at));
  const anonymous = users === undefined; // an array has an id for every event
  const given = { items: taken, users: users ?? userField ?? undefined, time, anonymous };
  const events = readEvents(place, checked, given, items.ids);
  eachPart(events.contexts, `${place}contexts`, (row, at) => items.checkContext(row, at));
  checkBoolean(`${place}repeat`, repeat);
  const before = takenBefore(events);
  if (exclude === undefined) return { ...events, before, excluded: null, repeat };
  if (!isArrayLike(exclude))
    throw wrongType(`${place}exclude`, "an array with the ids to leave out for each row", exclude);
  const { length } = events.itemOf;
  if (exclude.length !== length)
    throw wrongValue(`${place}exclude.length`, `the number of rows of contexts (${length})`, exclude.length);
  const excluded = Array.from(exclude, (list, i) =>
    items.ids.readSome(list, `${place}exclude[${i}]`, "ignore"),
  );
  return { ...events, before, excluded, repeat };
}

/** Calls `check` with each feature map, or with the whole of columns or sparse rows. */
function eachPart(rows: unknown, place: string, check: (row: unknown, place: string) => void): void {
  if (Array.isArray(rows)) rows.forEach((row, i) => check(row, `${place}[${i}]`));
  else check(rows, place);
}

/**
 * Finds the history of each event.
 *
 * @param place What errors start with.
 * @param events The events.
 * @param items The items.
 * @param before What each user took before all of the events.
 * @returns The histories; null if contexts have none.
 * @throws TypeError if histories are asked for and users are not known.
 */
export function historiesOfEvents(
  place: string,
  { order, users, itemOf }: ReadEvents,
  { history }: Items,
  before: TakenBefore,
): Histories | null {
  if (history === null) return null;
  if (users === null) {
    const remedy = "pass users here or to the constructor; sessions can be users as well";
    throw new TypeError(`${place}history needs to know which events are of one user: ${remedy}`);
  }
  return historiesOf(order, users, itemOf, history.settings.last, before);
}

/**
 * Encodes held-out contexts with their histories. Yields now and then.
 *
 * @param place What errors start with.
 * @param events The events.
 * @param items The items.
 * @param space The features of the model.
 * @returns The contexts, (events).
 * @throws TypeError or RangeError that names event and field.
 */
export function* readHeldOutContexts(
  place: string,
  events: CheckedHeldOut,
  items: Items,
  space: FeatureSpace,
): Generator<void, SparseRows> {
  const contexts = yield* readRows(events.contexts, items.catalog.contextSpace(space), `${place}contexts`);
  const histories = events.users && historiesOfEvents(place, events, items, events.before);
  return histories === null ? contexts : yield* withHistories(contexts, histories, items.history!, space);
}

/** Hears of each event: the raw score of every item, and the items that are not in the list. */
export type OnRanked = (event: number, scores: Float32Array, leftOut: ReadonlySet<number>) => void;

/**
 * Ranks the item of every event among the catalog, in the order of the events' times. Yields after each event.
 *
 * @param events The events.
 * @param contexts Their contexts, (events).
 * @param items The items.
 * @param predictor The model.
 * @param onRanked Hears of each event. Default: nobody does.
 * @returns The rank of each event's item, and how many items were ranked, (events).
 */
export function* rankEvents(
  { itemOf, users, order, before, excluded, repeat }: CheckedHeldOut,
  contexts: SparseRows,
  { catalog, isListed }: Items,
  predictor: Predictor,
  onRanked: OnRanked | null = null,
): Generator<void, RankedEvents> {
  const unlisted = Array.from(isListed.keys()).filter((item) => isListed[item] === 0);
  const taken = new Map<number, Set<number>>();
  const ranks = new Uint32Array(itemOf.length);
  const candidates = new Uint32Array(itemOf.length);
  for (const event of order) {
    const context = { ...contexts, rows: 1, indptr: contexts.indptr.subarray(event, event + 2) };
    const scores = catalog.score(predictor.network, predictor, context);
    const leftOut = new Set(excluded?.[event]);
    for (const item of unlisted) leftOut.add(item);
    if (users !== null && !repeat) {
      const own = taken.get(users[event]) ?? new Set(Array.from(before(users[event])));
      for (const item of own) leftOut.add(item);
      taken.set(users[event], own.add(itemOf[event]));
    }
    leftOut.delete(itemOf[event]);
    [ranks[event], candidates[event]] = placeOf(itemOf[event], scores, leftOut);
    onRanked?.(event, scores, leftOut);
    yield;
  }
  return { ranks, candidates };
}

/**
 * Finds the rank of an item. Of items with equal scores, it has the lowest rank.
 *
 * @param item Number of the item.
 * @param scores Score of every item, (items).
 * @param leftOut Items that are not ranked; not the item itself.
 * @returns The rank from 1, and the number of ranked items.
 */
export function placeOf(
  item: number,
  scores: ArrayLike<number>,
  leftOut: ReadonlySet<number>,
): [rank: number, candidates: number] {
  const own = scores[item];
  let rank = 0;
  for (let i = 0; i < scores.length; i++) if (!(scores[i] < own)) rank++; // counts the item itself as well
  for (const i of leftOut) if (!(scores[i] < own)) rank--;
  return [rank, scores.length - leftOut.size];
}

/** Says what is remembered of the users of events. */
export function rememberedOf(
  memory: TakenItems | null,
): (events: Pick<ReadEvents, "userIds">) => TakenBefore {
  return ({ userIds }) =>
    (user) => {
      const id = userIds?.[user] ?? null;
      const number = id === null || memory === null ? -1 : memory.numberOf(id);
      return number < 0 ? [] : memory!.itemsOf(number);
    };
}

/**
 * Says what the users of held-out events took up to the end of earlier ones.
 *
 * @param earlier The earlier events.
 * @param before What their users took before all of them.
 * @returns What users took before held-out events.
 */
export function takenUpTo(
  { userIds, users, itemOf, order }: ReadEvents,
  before: TakenBefore,
): (events: ReadEvents) => TakenBefore {
  const taken = new Map<string | null, Set<number>>();
  for (const event of userIds === null ? [] : order) {
    const [user, item] = [users![event], itemOf[event]];
    const own = taken.get(userIds![user]) ?? new Set(Array.from(before(user)));
    own.delete(item); // the latest event counts
    taken.set(userIds![user], own.add(item));
  }
  return (events) => (user) => Array.from(taken.get(events.userIds?.[user] ?? null) ?? []);
}
