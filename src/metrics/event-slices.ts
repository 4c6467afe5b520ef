// Parts of held-out events that a report shows by themselves: those of new users, of new items, and of users
// with few or many training events.

import { isArrayLike, isRecord, wrongType, wrongValue } from "../core/errors.ts";

/**
 * How many training events a user of each part has at most. The limits are fixed, so that reports of
 * different days and of different data speak of the same users.
 */
const BANDS: readonly (readonly [name: string, most: number])[] = [
  ["new users", 0],
  ["users with 1 to 4 events", 4],
  ["users with 5 to 19 events", 19],
  ["users with 20 to 99 events", 99],
  ["users with 100 or more events", Infinity],
];

/**
 * Divides events by what was known when the model was trained: "new users" (no training event), "users with 1
 * to 4 events", "users with 5 to 19 events", "users with 20 to 99 events", "users with 100 or more events",
 * and "new items" (the event's item has no training event). Parts without events are left out.
 *
 * @param userEvents Number of training events of each event's user, (events); null: users are not known, and
 *   the events are divided by their items alone.
 * @param itemEvents Number of training events of each event's item, (events).
 * @returns The parts by name: 1 for an event of the part, else 0; each (events).
 */
export function activitySlices(
  userEvents: ArrayLike<number> | null,
  itemEvents: ArrayLike<number>,
): Map<string, Uint8Array> {
  const slices = new Map<string, Uint8Array>();
  const add = (name: string, counts: ArrayLike<number>, least: number, most: number): void => {
    const isIn = Uint8Array.from(counts, (count) => (count >= least && count <= most ? 1 : 0));
    if (isIn.includes(1)) slices.set(name, isIn);
  };
  BANDS.forEach(([name, most], band) => {
    if (userEvents !== null) add(name, userEvents, band === 0 ? 0 : BANDS[band - 1][1] + 1, most);
  });
  add("new items", itemEvents, 0, 0);
  return slices;
}

/**
 * Reads parts of events as users pass them.
 *
 * @param slices An object that gives, for the name of each part, whether each event belongs to it: booleans,
 *   or the numbers 0 and 1; each (events).
 * @param events Number of events.
 * @param place What errors call the slices.
 * @returns The parts by name: 1 for an event of the part, else 0; each (events).
 * @throws TypeError or RangeError that names the part and the event.
 */
export function readSlices(slices: unknown, events: number, place: string): Map<string, Uint8Array> {
  if (!isRecord(slices)) {
    const expected = "an object that has, for the name of each part of the events, an array of booleans";
    throw wrongType(place, expected, slices);
  }
  const read = new Map<string, Uint8Array>();
  for (const [name, marks] of Object.entries(slices)) {
    const at = `${place}[${JSON.stringify(name)}]`;
    if (!isArrayLike(marks)) throw wrongType(at, "an array with a boolean for each event", marks);
    if (marks.length !== events)
      throw wrongValue(`${at}.length`, `the number of events (${events})`, marks.length);
    const isIn = new Uint8Array(events);
    for (let event = 0; event < events; event++) {
      const mark = marks[event];
      if (typeof mark !== "boolean" && mark !== 0 && mark !== 1)
        throw wrongType(`${at}[${event}]`, "true or false (or 1 or 0)", mark);
      isIn[event] = Number(mark);
    }
    read.set(name, isIn);
  }
  return read;
}
