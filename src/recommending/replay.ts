// What an update trains on besides the new events: a sample of the events that are remembered of users.

import { lastStart, type RandomKey, randomBelow } from "../core/random.ts";
import type { CheckedRows } from "../data/checked-rows.ts";
import { CSRBuilder } from "../data/csr-builder.ts";
import { pushVector, type SparseRows } from "../data/sparse-row.ts";
import { type Histories, withMore } from "../ranking/history.ts";
import type { UserMemory } from "../ranking/user-memory.ts";
import { historiesOfEvents, rememberedOf } from "./held-out.ts";
import type { Items } from "./items.ts";
import type { ReadEvents } from "./read-events.ts";

/** Remembered events. */
export interface Replay {
  /** Context of each event: the last one that is remembered of its user, encoded, (n). */
  readonly contexts: SparseRows;
  readonly itemOf: Uint32Array;
  /** Id of the user of each event, (n). */
  readonly users: readonly string[];
  /** What the user took before each event, the oldest first, (n). */
  readonly itemsBefore: readonly Uint32Array[];
}

/**
 * Draws remembered events, each with the same probability, some of them perhaps several times.
 *
 * @param memory What is remembered.
 * @param size How many events to draw.
 * @param key Key of the random numbers.
 * @param place What errors start with.
 * @returns The events; none if nothing is remembered.
 */
export function drawReplay(memory: UserMemory, size: number, key: RandomKey, place: string): Replay {
  const starts = new Float64Array(memory.users + 1);
  for (let user = 0; user < memory.users; user++)
    starts[user + 1] = starts[user] + memory.itemsOf(user).length;
  const total = starts[memory.users];
  const count = total > 0 ? size : 0;
  const builder = new CSRBuilder();
  const itemOf = new Uint32Array(count);
  const [users, itemsBefore]: [string[], Uint32Array[]] = [[], []];
  for (let draw = 0; draw < count; draw++) {
    const at = randomBelow(key, draw, total);
    const user = lastStart(starts, at, 0, memory.users - 1);
    const taken = memory.itemsOf(user);
    const context = memory.contextOf(user);
    if (context !== null) pushVector(builder, context, `${place}memory`);
    builder.endRow(`${place}memory`);
    itemOf[draw] = taken[at - starts[user]];
    users.push(memory.idOf(user));
    itemsBefore.push(taken.subarray(0, at - starts[user]));
  }
  return { contexts: builder.build(undefined, `${place}memory`), itemOf, users, itemsBefore };
}

/** Events to train on: new ones, and behind them remembered ones. */
export interface ReplayedEvents {
  /** Context of each new event. */
  readonly contexts: CheckedRows;
  /** Encoded context of each remembered event. */
  readonly replayed: SparseRows;
  /** Item number of each event, (events). */
  readonly itemOf: Uint32Array;
  /** User number of each event, (events). */
  readonly users: Uint32Array;
  /** Id of each user, (users). */
  readonly userIds: readonly string[];
  /** History of each event, (events); null: contexts have none. */
  readonly histories: Histories | null;
  /** What the users of all events are known to have taken before the new ones. */
  readonly past: { readonly itemOf: Uint32Array; readonly users: Uint32Array };
}

/**
 * Puts remembered events behind new ones.
 *
 * @param place What errors start with.
 * @param events The new events. Their users come from a field, and none is anonymous.
 * @param replay The remembered events.
 * @param memory What is remembered of all users.
 * @param items The items.
 * @returns All events. Their users have common numbers.
 */
export function withReplay(
  place: string,
  events: ReadEvents,
  replay: Replay,
  memory: UserMemory,
  items: Items,
): ReplayedEvents {
  const ids = [...(events.userIds as string[])];
  const numbers = new Map(ids.map((id, user) => [id, user]));
  const users = replay.users.map((id) => {
    const known = numbers.get(id);
    if (known !== undefined) return known;
    numbers.set(id, ids.length);
    return ids.push(id) - 1;
  });
  const before = rememberedOf(memory)({ userIds: ids });
  const remembered = ids.map((_, user) => before(user));
  const own = historiesOfEvents(place, events, items, (user) => remembered[user]);
  const last = items.history?.settings.last ?? 0;
  const lastBefore = replay.itemsBefore.map((taken) => taken.subarray(Math.max(0, taken.length - last)));
  return {
    contexts: events.contexts,
    replayed: replay.contexts,
    itemOf: Uint32Array.from([...events.itemOf, ...replay.itemOf]),
    users: Uint32Array.from([...events.users!, ...users]),
    userIds: ids,
    histories: own && withMore(own, lastBefore),
    past: {
      itemOf: Uint32Array.from(remembered.flatMap((taken) => Array.from(taken))),
      users: Uint32Array.from(remembered.flatMap((taken, user) => Array.from(taken, () => user))),
    },
  };
}

/**
 * Adds events to a memory, with the last context of each user.
 *
 * @param memory The memory.
 * @param events The events. Their users come from a field, and none is anonymous.
 * @param contexts Their encoded contexts, (events).
 */
export function remember(
  memory: UserMemory,
  { userIds, users, itemOf, order }: ReadEvents,
  { indptr, indices, values }: SparseRows,
): void {
  const taken = userIds!.map((): number[] => []);
  const last = new Uint32Array(userIds!.length);
  for (const event of order) {
    taken[users![event]].push(itemOf[event]);
    last[users![event]] = event;
  }
  userIds!.forEach((id, user) => {
    memory.add(id!, taken[user]);
    const [start, end] = [indptr[last[user]], indptr[last[user] + 1]];
    const context = { indices: indices.subarray(start, end), values: values?.subarray(start, end) };
    memory.setContext(memory.numberOf(id!), context);
  });
}
