// Reports of recommenders, against ranks that are counted from predictions of rows written by hand.

import { describe, expect, it } from "vitest";
import { Recommender } from "../src/index.ts";
import {
  bare,
  type Event,
  fitted,
  HELD,
  IDS,
  ITEMS,
  METRICS,
  type Name,
  report,
  TRAIN,
  takenIn,
} from "./helpers/activity.ts";
import { byTime } from "./helpers/shop-days.ts";

/** Reports change nothing, so that most tests can share it. */
const shared = await fitted();

/** What a report must know of one event. */
interface Ranked {
  readonly event: Event;
  readonly rank: number;
  readonly popularRank: number;
  readonly list: string[];
  /** How many items were remembered of the user before all held-out events. */
  readonly remembered: number;
}

const countOf = (id: string): number => TRAIN.filter(({ took }) => took === id).length;

/** Ranks by counting: scores are predictions of joined rows, the popularity is counted in the events. */
function rankedByHand({ model }: Recommender, gone: readonly string[] = []): Ranked[] {
  const past = byTime(TRAIN);
  const seen: Event[] = [];
  return byTime(HELD).map((event) => {
    const { user, evening, took } = event;
    const own = [...past, ...seen].filter((one) => user !== null && one.user === user).map((one) => one.took);
    const distinct = own.filter((id, at) => own.lastIndexOf(id) === at);
    const history = Object.fromEntries(
      distinct
        .slice(-10)
        .reverse()
        .map((id, age) => [id, 0.5 ** age]),
    );
    const candidates = ITEMS.filter(
      ({ item: id }) => id === took || !(own.includes(id as string) || gone.includes(id as string)),
    );
    const scores = model.predict(candidates.map((item) => ({ user, evening, history, ...item })));
    const at = candidates.findIndex(({ item }) => item === took);
    const rank = scores.filter((score) => score >= scores[at]).length;
    const popularRank = candidates.filter(({ item }) => countOf(item as string) >= countOf(took)).length;
    const list = candidates
      .map(({ item }, i) => ({ id: item as string, score: scores[i] }))
      .sort((a, b) => b.score - a.score)
      .map(({ id }) => id);
    seen.push(event);
    const remembered = new Set(
      past.filter((one) => user !== null && one.user === user).map((one) => one.took),
    ).size;
    return { event, rank, popularRank, list, remembered };
  });
}

const meanOf = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;

/** The means of the metrics by their definitions. */
function means(ranks: readonly number[]): Record<Name, number> {
  return {
    "hr@3": meanOf(ranks.map((rank) => (rank <= 3 ? 1 : 0))),
    "ndcg@3": meanOf(ranks.map((rank) => (rank <= 3 ? 1 / Math.log2(rank + 1) : 0))),
    mrr: meanOf(ranks.map((rank) => 1 / rank)),
  };
}

function expectMeans(found: Record<string, number>, ranks: readonly number[]): void {
  const expected = means(ranks);
  expect(Object.keys(found)).toEqual([...METRICS]);
  for (const name of METRICS) expect(found[name], name).toBeCloseTo(expected[name], 12);
}

describe("a report", () => {
  it("has the metrics of evaluate, which are those of ranks counted by hand", async () => {
    const recommender = shared;
    const { events, metrics } = report(recommender);
    const options = { metrics: METRICS, time: HELD.map(({ time }) => time) };
    expect(metrics).toEqual(recommender.evaluate(bare(HELD), takenIn(HELD), options));
    expect(events).toBe(HELD.length);
    const ranked = rankedByHand(recommender);
    expectMeans(
      metrics,
      ranked.map(({ rank }) => rank),
    );
    expect(new Set(ranked.map(({ rank }) => rank)).size).toBeGreaterThan(8);
  });

  it("has a baseline of the most popular items, with the same items left out", async () => {
    const recommender = shared;
    const { baseline } = report(recommender);
    const ranked = rankedByHand(recommender);
    expect(baseline!.events).toBe(HELD.length);
    expectMeans(
      baseline!.metrics,
      ranked.map(({ popularRank }) => popularRank),
    );
    expect(means(ranked.map(({ popularRank }) => popularRank)).mrr).not.toBe(
      means(ranked.map(({ rank }) => rank)).mrr,
    );
  });

  it("leaves out what is excluded, and nothing else with repeat, in both", async () => {
    const recommender = shared;
    const all = HELD.map(() => IDS);
    const alone = report(recommender, { exclude: all });
    for (const { metrics } of [alone, alone.baseline!])
      expectMeans(
        metrics,
        HELD.map(() => 1),
      );
    const repeated = report(recommender, { repeat: true });
    const popular = byTime(HELD).map(({ took }) => IDS.filter((id) => countOf(id) >= countOf(took)).length);
    expectMeans(repeated.baseline!.metrics, popular);
    expect(repeated.metrics.mrr).toBeLessThan(report(recommender).metrics.mrr);
  });

  it("has parts for users by what is remembered of them, and for new items", async () => {
    const recommender = shared;
    const { slices } = report(recommender);
    const ranked = rankedByHand(recommender);
    const within = (least: number, most: number): Ranked[] =>
      ranked.filter(({ remembered }) => remembered >= least && remembered <= most);
    const parts: [name: string, events: Ranked[]][] = [
      ["new users", within(0, 0)],
      ["users with 1 to 4 events", within(1, 4)],
      ["users with 5 to 19 events", within(5, 19)],
      ["users with 20 to 99 events", within(20, 99)],
      ["new items", ranked.filter(({ event }) => countOf(event.took) === 0)],
    ];
    expect(Object.keys(slices)).toEqual(parts.map(([name]) => name));
    for (const [name, events] of parts) {
      expect(events.length, name).toBeGreaterThan(0);
      expect(slices[name].events, name).toBe(events.length);
      expectMeans(
        slices[name].metrics,
        events.map(({ rank }) => rank),
      );
      expectMeans(
        slices[name].baseline!.metrics,
        events.map(({ popularRank }) => popularRank),
      );
    }
  });

  it("has parts of one's own, with any name", async () => {
    const recommender = shared;
    const evenings = HELD.map(({ evening }) => evening);
    const none = HELD.map(() => 0 as const);
    const { slices } = report(recommender, { slices: { evenings, none, ["__proto__"]: evenings } });
    const ranked = rankedByHand(recommender).filter(({ event }) => event.evening);
    for (const name of ["evenings", "__proto__"]) {
      expect(Object.hasOwn(slices, name)).toBe(true);
      expect(slices[name].events).toBe(ranked.length);
      expectMeans(
        slices[name].metrics,
        ranked.map(({ rank }) => rank),
      );
    }
    expect(slices.none).toMatchObject({ events: 0, metrics: { mrr: NaN } });
  });

  it.each([
    1, 4, 100,
  ])("says how much of the catalog the first %d items cover, and how rare they are", async (top) => {
    const recommender = shared;
    const { lists } = report(recommender, { top });
    const tops = rankedByHand(recommender).map(({ list }) => list.slice(0, top));
    expect(lists!.coverage).toBeCloseTo(new Set(tops.flat()).size / ITEMS.length, 12);
    // An item without an event counts as if it had one, in the sum as well.
    const total = IDS.reduce((sum, id) => sum + Math.max(1, countOf(id)), 0);
    const bits = (id: string): number => -Math.log2(Math.max(1, countOf(id)) / total);
    expect(lists!.novelty).toBeCloseTo(meanOf(tops.map((list) => meanOf(list.map(bits)))), 10);
  });

  it("does not count items that have left the catalog", async () => {
    const recommender = await fitted();
    const gone = IDS.filter((id) => id !== "i29" && !takenIn(HELD).includes(id)).slice(0, 5);
    expect(gone).toHaveLength(5);
    recommender.removeItems(gone);
    const { metrics, baseline, lists } = report(recommender, { top: 100 });
    const ranked = rankedByHand(recommender, gone);
    expectMeans(
      metrics,
      ranked.map(({ rank }) => rank),
    );
    expectMeans(
      baseline!.metrics,
      ranked.map(({ popularRank }) => popularRank),
    );
    expect(new Set(ranked.flatMap(({ list }) => list)).size).toBe(25);
    expect(lists!.coverage).toBe(1);
  });

  it("has no baseline where no training event is known", async () => {
    const { model } = await fitted();
    const recommender = new Recommender(model, ITEMS);
    const contexts = HELD.map(({ user, evening }) => ({ user, evening }));
    const { metrics, baseline, slices, errors } = recommender.report(contexts, takenIn(HELD), {
      metrics: METRICS,
    });
    expect(baseline).toBeNull();
    expect(metrics).toEqual(recommender.evaluate(contexts, takenIn(HELD), { metrics: METRICS }));
    expect(Object.keys(slices)).toEqual(["new items"]);
    expect(errors!.mrr).toBeGreaterThan(0);
  });

  it("changes nothing", async () => {
    const recommender = await fitted();
    const before = recommender.save();
    report(recommender);
    expect(recommender.save()).toEqual(before);
  });
});
