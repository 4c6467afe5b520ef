// Splits of events against literal ones: for each user, sort and cut; for times, filter.

import { describe, expect, it } from "vitest";
import { leaveLastOut, splitByTime } from "../../src/index.ts";

interface Event {
  readonly user: string;
  readonly item: number;
  readonly time: number;
}

/** Events of `users` users in no order, with many equal times. Their `item` is their number. */
function shuffled(events: number, users: number, times: number): Event[] {
  let state = 12345;
  const below = (n: number): number => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return Math.floor((state / 2 ** 32) * n);
  };
  return Array.from({ length: events }, (_, item) => {
    return { user: `user${below(users)}`, item, time: below(times) };
  });
}

/** Sorted by time, equal times in the order in which they were passed. Array.sort is stable. */
const byTime = (events: readonly Event[]): Event[] => [...events].sort((a, b) => a.time - b.time);

describe("leaveLastOut", () => {
  it.each([1, 2, 5])("holds out the last %i events of each user that has more", (last) => {
    const events = shuffled(300, 60, 20);
    const expected: Event[] = [];
    for (const user of new Set(events.map((event) => event.user))) {
      const own = byTime(events.filter((event) => event.user === user));
      if (own.length > last) expected.push(...own.slice(-last));
    }
    const { train, heldOut } = leaveLastOut(events, { users: "user", time: "time", last });
    expect(expected.length).toBeGreaterThan(10);
    expect(heldOut.map(({ item }) => item).sort()).toEqual(expected.map(({ item }) => item).sort());
    expect(heldOut).toEqual(byTime(events).filter((event) => expected.includes(event)));
    expect(train).toEqual(byTime(events).filter((event) => !expected.includes(event)));
  });

  it("returns the same objects, and leaves the array that it got as it is", () => {
    const events = shuffled(20, 3, 5);
    const before = [...events];
    const { train, heldOut } = leaveLastOut(events, { users: "user", time: "time" });
    expect(events).toEqual(before);
    expect(new Set([...train, ...heldOut])).toEqual(new Set(events));
    expect(train[0]).toBe(events.find((event) => event === train[0]));
  });

  it("takes the order of the events for that of time, if it gets no time", () => {
    const events = ["a1", "b1", "a2", "a3", "b2", "c1"];
    const users = ["a", "b", "a", "a", "b", "c"];
    const parts = leaveLastOut(events, { users });
    expect(parts).toEqual({ train: ["a1", "b1", "a2", "c1"], heldOut: ["a3", "b2"] });
  });

  it("holds out of equal times those that were passed last", () => {
    const events = [..."xyz"].map((item) => ({ user: 1, item, time: 7 }));
    const { train, heldOut } = leaveLastOut(events, { users: "user", time: "time", last: 2 });
    expect(train).toEqual([events[0]]);
    expect(heldOut).toEqual([events[1], events[2]]);
  });

  it("leaves users with no more events than last to training", () => {
    const events = [{ user: "one" }, { user: "two" }, { user: "two" }];
    expect(leaveLastOut(events, { users: "user" }).train).toEqual([events[0], events[1]]);
  });

  it("reads Maps, Dates, and texts as times", () => {
    const days = ["2024-05-02", "2024-05-01", "2024-05-03"];
    for (const timeOf of [(day: string) => day, (day: string) => new Date(day)]) {
      const events = days.map(
        (day) =>
          new Map<string, unknown>([
            ["user", 1],
            ["when", timeOf(day)],
          ]),
      );
      const { train, heldOut } = leaveLastOut(events, { users: "user", time: "when" });
      expect(train).toEqual([events[1], events[0]]);
      expect(heldOut).toEqual([events[2]]);
    }
  });

  const events = [
    { user: "ana", time: 1 },
    { user: "ana", time: 2 },
  ];
  it.each([
    ["no array", null, {}, TypeError, "leaveLastOut: events must be an array of events, got null"],
    ["no events", [], {}, RangeError, "leaveLastOut: events must hold at least one event, got none"],
    [
      "a user with one event alone",
      [{ user: "ana" }],
      {},
      RangeError,
      "leaveLastOut: events must hold a user with more than 1 event (last is 1), got users with at most 1; " +
        "nothing would be held out",
    ],
    [
      "more to hold out than anybody has",
      events,
      { last: 2 },
      RangeError,
      "leaveLastOut: events must hold a user with more than 2 events (last is 2), got users with at most 2; " +
        "nothing would be held out",
    ],
    [
      "several users, none with more than that",
      [...events, { user: "bo", time: 3 }],
      { last: 3 },
      RangeError,
      "leaveLastOut: events must hold a user with more than 3 events (last is 3), got users with at most 2; " +
        "nothing would be held out",
    ],
    [
      "an event without its user",
      [{ user: "ana" }, { name: "bo" }],
      {},
      TypeError,
      "leaveLastOut: events[1].user must be an id, a string or a number (the option users names another field, " +
        "or lists ids), got undefined; the row has the fields name",
    ],
    [
      "fewer users than events",
      events,
      { users: ["ana"] },
      RangeError,
      "leaveLastOut: users.length must be the number of rows of events (2), got 1",
    ],
    [
      "no users at all",
      events,
      { users: undefined },
      TypeError,
      "leaveLastOut: users must be the name of a field, or an array of ids, got undefined",
    ],
    [
      "a time that is NaN",
      events,
      { time: [1, Number.NaN] },
      RangeError,
      "leaveLastOut: time[1] must be a finite time, got NaN",
    ],
    [
      "an event without its time",
      [...events, { user: "ana" }],
      { time: "time" },
      TypeError,
      "leaveLastOut: events[2].time must be a time: a number, a Date, or a text that sorts by time; " +
        "all rows of one kind, got undefined",
    ],
    [
      "fewer times than events",
      events,
      { time: [1] },
      RangeError,
      "leaveLastOut: time.length must be the number of rows of events (2), got 1",
    ],
    ["last 0", events, { last: 0 }, RangeError, "leaveLastOut: last must be an integer of at least 1, got 0"],
    [
      "a misspelled option",
      events,
      { tiem: "time" },
      TypeError,
      'leaveLastOut has no option "tiem"; it has users, time, last',
    ],
  ] as const)("refuses %s", (_, given, options, kind, message) => {
    const call = (): unknown => leaveLastOut(given as never, { users: "user", ...options } as never);
    expect(call).toThrow(kind);
    expect(call).toThrow(message);
  });
});

describe("splitByTime", () => {
  it("holds out the events from a time on, in the order of time", () => {
    const events = shuffled(200, 10, 30);
    const { train, heldOut } = splitByTime(events, { time: "time", at: 21 });
    expect(heldOut.length).toBeGreaterThan(20);
    expect(train).toEqual(byTime(events.filter(({ time }) => time < 21)));
    expect(heldOut).toEqual(byTime(events.filter(({ time }) => time >= 21)));
  });

  it.each([0.05, 0.1, 0.3, 0.5, 0.99])("divides at the time nearest to a share of %f", (share) => {
    const events = shuffled(500, 10, 40);
    const sizes = [...new Set(events.map(({ time }) => time))]
      .map((at) => events.filter(({ time }) => time >= at).length)
      .filter((size) => size < events.length);
    const distances = sizes.map((size) => Math.abs(size - 500 * share));
    const { train, heldOut } = splitByTime(events, { time: "time", share });
    expect(Math.abs(heldOut.length - 500 * share)).toBe(Math.min(...distances));
    expect(Math.max(...train.map(({ time }) => time))).toBeLessThan(heldOut[0].time);
    expect([...train, ...heldOut]).toEqual(byTime(events));
  });

  it("holds out a tenth, if it gets neither share nor time", () => {
    const events = Array.from({ length: 50 }, (_, time) => ({ time }));
    expect(splitByTime(events, { time: "time" }).heldOut).toEqual(events.slice(45));
  });

  it("compares texts and Dates with a time of their kind", () => {
    const days = ["2024-05-03", "2024-05-01", "2024-05-02"];
    expect(splitByTime(days, { time: days, at: "2024-05-01T12" }).train).toEqual(["2024-05-01"]);
    const dates = days.map((day) => new Date(day));
    expect(splitByTime(days, { time: dates, at: new Date("2024-05-03") }).heldOut).toEqual(["2024-05-03"]);
  });

  const events = [{ time: 1 }, { time: 2 }];
  it.each([
    ["no array", "abc", {}, TypeError, 'splitByTime: events must be an array of events, got "abc"'],
    ["no events", [], {}, RangeError, "splitByTime: events must hold at least one event, got none"],
    [
      "no time",
      events,
      { time: undefined },
      TypeError,
      "splitByTime: time must be the name of the field of the time, or an array of times, got undefined",
    ],
    ["both ways", events, { share: 0.5, at: 2 }, TypeError, "splitByTime: pass share or at, not both"],
    [
      "a time before all events",
      events,
      { at: 1 },
      RangeError,
      "splitByTime: at must be a time between those of the events (no event is before it), got 1",
    ],
    [
      "a time behind all events",
      events,
      { at: 3 },
      RangeError,
      "splitByTime: at must be a time between those of the events (no event is at this time or later), got 3",
    ],
    [
      "a time of another kind",
      events,
      { at: "2024" },
      TypeError,
      "splitByTime: at must be a time: a number, a Date, or a text that sorts by time; all rows of one kind, " +
        'got "2024"',
    ],
    [
      "a time that is NaN",
      events,
      { at: Number.NaN },
      RangeError,
      "splitByTime: at must be a finite time, got NaN",
    ],
    [
      "an event whose time is NaN",
      [{ time: 1 }, { time: Number.NaN }],
      { at: 1 },
      RangeError,
      "splitByTime: events[1].time must be a finite time, got NaN",
    ],
    [
      "a share of 1",
      events,
      { share: 1 },
      RangeError,
      "splitByTime: share must be a number above 0 and below 1, got 1",
    ],
    [
      "events of one time",
      [{ time: 4 }, { time: 4 }],
      {},
      RangeError,
      "splitByTime: time must hold two different times, so that some rows are the last ones",
    ],
    [
      "a misspelled option",
      events,
      { shares: 0.5 },
      TypeError,
      'splitByTime has no option "shares"; it has time, share, at',
    ],
  ] as const)("refuses %s", (_, given, options, kind, message) => {
    const call = (): unknown => splitByTime(given as never, { time: "time", ...options } as never);
    expect(call).toThrow(kind);
    expect(call).toThrow(message);
  });
});
