// Parts of events against a literal table of counts.

import { describe, expect, it } from "vitest";
import { activitySlices, readSlices } from "../../src/metrics/event-slices.ts";

describe("activitySlices", () => {
  it("divides events by the training events of their users and items", () => {
    const users = [0, 1, 4, 5, 19, 20, 99, 100, 5000, 0];
    const items = [3, 0, 0, 1, 1, 1, 1, 1, 1, 0];
    expect(Object.fromEntries(activitySlices(users, items))).toEqual({
      "new users": Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0, 0, 1),
      "users with 1 to 4 events": Uint8Array.of(0, 1, 1, 0, 0, 0, 0, 0, 0, 0),
      "users with 5 to 19 events": Uint8Array.of(0, 0, 0, 1, 1, 0, 0, 0, 0, 0),
      "users with 20 to 99 events": Uint8Array.of(0, 0, 0, 0, 0, 1, 1, 0, 0, 0),
      "users with 100 or more events": Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 1, 1, 0),
      "new items": Uint8Array.of(0, 1, 1, 0, 0, 0, 0, 0, 0, 1),
    });
  });

  it("leaves out parts without events, and all parts of users if these are not known", () => {
    expect([...activitySlices([7, 8], [1, 2]).keys()]).toEqual(["users with 5 to 19 events"]);
    expect([...activitySlices(null, [0, 2]).keys()]).toEqual(["new items"]);
  });
});

describe("readSlices", () => {
  it("reads booleans, and the numbers 0 and 1", () => {
    const slices = { one: [true, false, true], two: Uint8Array.of(0, 1, 1) };
    expect([...readSlices(slices, 3, "evaluate: slices")]).toEqual([
      ["one", Uint8Array.of(1, 0, 1)],
      ["two", Uint8Array.of(0, 1, 1)],
    ]);
  });

  it.each([
    [
      [[true]],
      TypeError,
      "evaluate: slices must be an object that has, for the name of each part of the events, an array of booleans, got array of 1",
    ],
    [
      { a: "yes" },
      TypeError,
      'evaluate: slices["a"] must be an array with a boolean for each event, got "yes"',
    ],
    [{ a: [true] }, RangeError, 'evaluate: slices["a"].length must be the number of events (2), got 1'],
    [{ a: [true, 2] }, TypeError, 'evaluate: slices["a"][1] must be true or false (or 1 or 0), got 2'],
    [{ a: [true, null] }, TypeError, 'evaluate: slices["a"][1] must be true or false (or 1 or 0), got null'],
  ] as const)("refuses %j", (slices, kind, message) => {
    const call = (): unknown => readSlices(slices, 2, "evaluate: slices");
    expect(call).toThrow(kind);
    expect(call).toThrow(message);
  });
});
