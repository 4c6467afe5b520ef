// Divides events into what a recommender learns from and what it is measured on: the last events of each
// user, or all events from a time on.

import { checkInteger, checkKeys, checkNumber, wrongType, wrongValue } from "../core/errors.ts";
import { countGroups, type IdsOption, readIds } from "../data/ids.ts";
import { chooseLast, readTimes, readTimesWith, type Time, type TimesOption } from "../data/times.ts";

/** Two parts of some events. Both are sorted by time; equal times keep the order in which they were passed. */
export interface EventSplit<T> {
  /** The events to learn from. */
  readonly train: T[];
  /** The events to measure with. */
  readonly heldOut: T[];
}

/** Options of `leaveLastOut`. */
export interface LeaveLastOutOptions {
  /** User of each event: the name of the field that holds the user id, or an array with one id per event. */
  users: IdsOption;
  /**
   * Time of each event: the name of the field that holds it, or an array with one time per event. Default:
   * the events are in the order of time.
   */
  time?: TimesOption | undefined;
  /** Number of events to hold out of each user, at least 1. Default: 1. */
  last?: number | undefined;
}

/** Options of `splitByTime`, with either `share` or `at`. */
export interface SplitByTimeOptions {
  /** Time of each event: the name of the field that holds it, or an array with one time per event. */
  time: TimesOption;
  /**
   * Share of the events to hold out, above 0 and below 1. Events of equal time stay together, so the part has
   * the size that is nearest to the share. Default: 0.1.
   */
  share?: number | undefined;
  /** The first time to hold out, of the kind of the events' times. Default: decided by `share`. */
  at?: Time | undefined;
}

/**
 * Holds out the last events of each user. A user with no more than `last` events is not measured: all these
 * events are for training. Events of the same user with equal times keep the order in which they were passed,
 * and the last of them is held out.
 *
 * The training part then holds events of other users that happened later than a held-out one. If this
 * matters, because taste or catalog change quickly, use `splitByTime`.
 *
 * @param events Events of any form, (events).
 * @param options See `LeaveLastOutOptions`.
 * @returns The events of both parts, the same objects.
 * @throws TypeError or RangeError that names the event; RangeError if no user has more than `last` events.
 *
 * @example
 * const events = [{ user: "ana", item: "tea" }, { user: "bo", item: "tea" }, { user: "ana", item: "milk" }];
 * leaveLastOut(events, { users: "user" }).heldOut; // [{ user: "ana", item: "milk" }]
 */
export function leaveLastOut<T>(events: readonly T[], options: LeaveLastOutOptions): EventSplit<T> {
  const caller = "leaveLastOut";
  checkEvents(caller, events);
  checkKeys(caller, options, ["users", "time", "last"]);
  const { users, time } = options;
  const last = checkInteger(`${caller}: last`, options.last ?? 1, 1);
  const userOf = readIds(users, events, `${caller}: users`, "events");
  const times = time === undefined ? null : readTimes(time, events, `${caller}: `, "events");
  const order = orderOf(events.length, times);

  const left = new Uint32Array(countGroups(userOf));
  for (const user of userOf) left[user]++;
  const isMeasured = Uint8Array.from(left, (count) => (count > last ? 1 : 0));
  if (!isMeasured.includes(1)) {
    const expected = `a user with more than ${last} event${last === 1 ? "" : "s"} (last is ${last})`;
    const got = `users with at most ${left.reduce((most, count) => Math.max(most, count))}`;
    throw new RangeError(`${caller}: events must hold ${expected}, got ${got}; nothing would be held out`);
  }
  const isHeldOut = new Uint8Array(events.length);
  for (const event of order) {
    const user = userOf[event];
    if (isMeasured[user] === 1 && left[user] <= last) isHeldOut[event] = 1;
    left[user]--;
  }
  return divide(events, order, isHeldOut);
}

/**
 * Holds out all events from a time on: the given time `at`, or the time that leaves `share` of the events.
 * Events of equal time are never divided.
 *
 * The held-out part may hold users and items that the training part does not have. Items that are not in the
 * catalog of a recommender must be left out before it is measured.
 *
 * @param events Events of any form, (events).
 * @param options See `SplitByTimeOptions`.
 * @returns The events of both parts, the same objects.
 * @throws TypeError or RangeError that names the event; RangeError if one of the parts would be empty.
 */
export function splitByTime<T>(events: readonly T[], options: SplitByTimeOptions): EventSplit<T> {
  const caller = "splitByTime";
  checkEvents(caller, events);
  checkKeys(caller, options, ["time", "share", "at"]);
  const { time, share, at } = options;
  if (time === undefined) {
    throw wrongType(`${caller}: time`, "the name of the field of the time, or an array of times", time);
  }
  if (at !== undefined) {
    if (share !== undefined) throw new TypeError(`${caller}: pass share or at, not both`);
    const [times, first] = readTimesWith(at, time, events, `${caller}: `, "events");
    const isHeldOut = Uint8Array.from(times, (one) => (one >= first ? 1 : 0));
    if (!isHeldOut.includes(0) || !isHeldOut.includes(1)) {
      const place = isHeldOut.includes(1) ? "no event is before it" : "no event is at this time or later";
      throw wrongValue(`${caller}: at`, `a time between those of the events (${place})`, at);
    }
    return divide(events, orderOf(events.length, times), isHeldOut);
  }
  const wanted = checkNumber(
    `${caller}: share`,
    share ?? 0.1,
    "a number above 0 and below 1",
    (value) => value > 0 && value < 1,
  );
  const times = readTimes(time, events, `${caller}: `, "events");
  const size = Math.min(events.length - 1, Math.max(1, Math.round(events.length * wanted)));
  return divide(events, orderOf(events.length, times), chooseLast(times, size, `${caller}: `));
}

/** Checks that events are an array with at least one of them. */
function checkEvents(caller: string, events: unknown): void {
  if (!Array.isArray(events)) throw wrongType(`${caller}: events`, "an array of events", events);
  if (events.length === 0) throw new RangeError(`${caller}: events must hold at least one event, got none`);
}

/**
 * Sorts events by time.
 *
 * @param events Number of events.
 * @param times Time of each event, (events); null: they are in the order of time.
 * @returns The numbers of the events in the order of time, (events). Equal times keep their order.
 */
export function orderOf(events: number, times: Float64Array | null): Uint32Array {
  const order = Uint32Array.from({ length: events }, (_, event) => event);
  return times === null ? order : order.sort((a, b) => times[a] - times[b] || a - b);
}

/** Divides events by a mark, each part in the given order. */
function divide<T>(events: readonly T[], order: Uint32Array, isHeldOut: Uint8Array): EventSplit<T> {
  const [train, heldOut]: [T[], T[]] = [[], []];
  for (const event of order) (isHeldOut[event] === 1 ? heldOut : train).push(events[event]);
  return { train, heldOut };
}
