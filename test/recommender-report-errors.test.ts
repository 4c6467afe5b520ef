// How far a report can be trusted, by the formula for shares and by events that depend on each other, and what
// reports refuse.

import { describe, expect, it } from "vitest";
import { NFM, Recommender } from "../src/index.ts";
import {
  bare,
  type Event,
  eventsOf,
  fitted,
  HELD,
  IDS,
  ITEMS,
  METRICS,
  report,
  SOFTMAX,
  TRAIN,
  takenIn,
} from "./helpers/activity.ts";
import type { Fields } from "./helpers/shop-days.ts";

const shared = await fitted();

describe("the standard errors of a report", () => {
  /** Users of whom nothing is known, each with some events. */
  const strangers = (users: number, each: number): Event[] =>
    eventsOf(["x"], users, 28, 7).flatMap((event, i) =>
      Array.from({ length: each }, () => ({ ...event, user: `s${i}` })),
    );
  const plain = async (): Promise<Recommender> => {
    const recommender = new Recommender(new NFM(SOFTMAX), ITEMS, { users: "user" });
    await recommender.fit(bare(TRAIN), takenIn(TRAIN), { epochs: 2 });
    return recommender;
  };

  it("are those of a share where users are independent", async () => {
    const { metrics, errors, baseline } = report(await plain(), { resamples: 1000 }, strangers(300, 1));
    for (const summary of [{ metrics, errors }, baseline!]) {
      const p = summary.metrics["hr@3"];
      expect(p).toBeGreaterThan(0.05);
      const ratio = summary.errors!["hr@3"] / Math.sqrt((p * (1 - p)) / 300);
      expect(ratio).toBeGreaterThan(0.9);
      expect(ratio).toBeLessThan(1.1);
    }
  });

  it("do not become smaller by events that say the same of the same user", async () => {
    const recommender = await plain();
    const [once, often] = [1, 4].map((each) => report(recommender, { repeat: true }, strangers(80, each)));
    for (const name of METRICS) {
      expect(often.metrics[name]).toBeCloseTo(once.metrics[name], 12);
      expect(often.errors![name]).toBeCloseTo(once.errors![name], 12);
    }
    const independent = report(
      recommender,
      { users: IDS.concat(IDS).slice(0, 40), repeat: true },
      strangers(40, 1),
    );
    expect(independent.errors!.mrr).not.toBe(
      report(recommender, { repeat: true }, strangers(40, 1)).errors!.mrr,
    );
  });

  it("are the same with the same seed, and means do not depend on it", async () => {
    const recommender = shared;
    const [first, same, other] = [0, 0, 8].map((seed) => report(recommender, { seed }));
    expect(same).toEqual(first);
    expect(report(recommender)).toEqual(first);
    expect(other.metrics).toEqual(first.metrics);
    expect(other.errors).not.toEqual(first.errors);
    expect(report(await fitted())).toEqual(first);
  });

  it("are not there with resamples of 0, and unknown for a single user", async () => {
    const recommender = shared;
    const { errors, baseline, slices } = report(recommender, { resamples: 0 });
    const parts = Object.values(slices).flatMap((part) => [part, part.baseline!]);
    for (const part of [{ errors }, baseline!, ...parts]) expect(part.errors).toBeNull();
    const { errors: ofOne } = report(
      recommender,
      {},
      HELD.filter(({ user }) => user === "few"),
    );
    expect(ofOne).toEqual({ "hr@3": NaN, "ndcg@3": NaN, mrr: NaN });
  });
});

describe("a report refuses", () => {
  it.each([
    ["no events", [], [], {}, new RangeError("contexts must hold at least one row, got none")],
    [
      "too few items",
      bare(HELD),
      ["i1"],
      {},
      new RangeError(`items.length must be the number of rows of contexts (${HELD.length}), got 1`),
    ],
    [
      "an unknown item",
      [{ user: "few" }],
      ["i77"],
      {},
      new RangeError('items[0] must be the id of an item of the catalog (30 items, such as "i0"), got "i77"'),
    ],
    [
      "a context without the user",
      [{ evening: true }],
      ["i1"],
      {},
      new TypeError('contexts[0] must have the field "user"'),
    ],
    [
      "a metric of rows",
      bare(HELD),
      takenIn(HELD),
      { metrics: ["auc"] },
      new RangeError("metrics[0] must be a ranking metric"),
    ],
    [
      "a list of no items",
      bare(HELD),
      takenIn(HELD),
      { top: 0 },
      new RangeError("top must be an integer of at least 1, got 0"),
    ],
    [
      "one resample",
      bare(HELD),
      takenIn(HELD),
      { resamples: 1 },
      new RangeError("resamples must be 0 or an integer of at least 2, got 1"),
    ],
    [
      "half a resample",
      bare(HELD),
      takenIn(HELD),
      { resamples: 2.5 },
      new RangeError("resamples must be 0 or an integer of at least 2, got 2.5"),
    ],
    [
      "a seed below 0",
      bare(HELD),
      takenIn(HELD),
      { seed: -1 },
      new RangeError("seed must be an integer of at least 0, got -1"),
    ],
    [
      "a part that is too short",
      [{ user: "few" }],
      ["i1"],
      { slices: { mobile: [] } },
      new RangeError('slices["mobile"].length must be the number of events (1), got 0'),
    ],
    [
      "a part of numbers",
      [{ user: "few" }],
      ["i1"],
      { slices: { mobile: [2] } },
      new TypeError('slices["mobile"][0] must be true or false (or 1 or 0), got 2'),
    ],
    [
      "parts without names",
      [{ user: "few" }],
      ["i1"],
      { slices: [[true]] },
      new TypeError("slices must be an object that has"),
    ],
    [
      "a time of NaN",
      [{ user: "few" }],
      ["i1"],
      { time: [NaN] },
      new RangeError("time[0] must be a finite time, got NaN"),
    ],
  ] as [string, Fields[], string[], object, Error][])("%s", async (_, contexts, items, options, error) => {
    const recommender = shared;
    const call = (): unknown => recommender.report(contexts, items, options);
    expect(call).toThrow(error.constructor as never);
    expect(call).toThrow(`Recommender.report: ${error.message}`);
  });

  it("options of other methods, and a model without parameters", async () => {
    const recommender = shared;
    expect(() => recommender.report([{ user: "few" }], ["i1"], { epochs: 3 } as never)).toThrow(
      'Recommender.report has no option "epochs"; it has metrics, exclude, repeat, users, time, top, slices, resamples, seed',
    );
    expect(() => recommender.evaluate([{ user: "few" }], ["i1"], { top: 3 } as never)).toThrow(
      'Recommender.evaluate has no option "top"',
    );
    const first = new Recommender(new NFM(SOFTMAX), ITEMS, { users: "user" });
    expect(() => first.report([{ user: "few" }], ["i1"])).toThrow(
      "Recommender.report: the model has no parameters yet",
    );
  });
});
