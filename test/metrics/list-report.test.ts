// Reports of ranked lists against literal means, the textbook's standard error of a mean, and cases by hand.

import { describe, expect, it } from "vitest";
import { type ReportInput, reportLists } from "../../src/metrics/list-report.ts";
import type { RankingMetric } from "../../src/metrics/ranking-metrics.ts";

const METRICS = ["hr@10", "ndcg@10", "mrr"] as const;
type Name = (typeof METRICS)[number];

/** The metrics of one event by their definitions. */
const literal = (rank: number): Record<Name, number> => {
  return {
    "hr@10": rank <= 10 ? 1 : 0,
    "ndcg@10": rank <= 10 ? 1 / Math.log2(rank + 1) : 0,
    mrr: 1 / rank,
  };
};
const meanOf = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;
const deviationOf = (values: readonly number[]): number => {
  const mean = meanOf(values);
  return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1));
};

/** Ranks from 1 to 50, of which small ones are frequent. */
const ranks = Array.from({ length: 400 }, (_, i) => 1 + (((i * 7919) % 401) % 50) * (i % 3 === 0 ? 1 : 0));

function inputOf<M extends RankingMetric = Name>(rest: Partial<ReportInput<M>> = {}): ReportInput<M> {
  return {
    ranks,
    candidates: (rest.ranks ?? ranks).length === 0 ? [] : Array.from(rest.ranks ?? ranks, () => 50),
    metrics: METRICS as readonly RankingMetric[] as readonly M[],
    baseline: null,
    lists: null,
    slices: new Map(),
    users: null,
    resamples: 0,
    seed: 1,
    ...rest,
  };
}

describe("the means of a report", () => {
  it("are those of the metrics over the events", () => {
    const { events, metrics, errors, baseline, lists, slices } = reportLists(inputOf());
    expect(events).toBe(400);
    for (const name of METRICS)
      expect(metrics[name]).toBeCloseTo(meanOf(ranks.map((rank) => literal(rank)[name])), 12);
    expect({ errors, baseline, lists, slices }).toEqual({
      errors: null,
      baseline: null,
      lists: null,
      slices: {},
    });
  });

  it("take the number of candidates into account", () => {
    const metrics = ["group-auc"] as const;
    const report = reportLists(inputOf({ metrics, ranks: [1, 3], candidates: [2, 5] }));
    expect(report.metrics["group-auc"]).toBe((1 + 0.5) / 2);
  });

  it("are made of the baseline's ranks as well, and of each part of the events", () => {
    const baselineRanks = ranks.map((rank) => 51 - rank);
    const isOdd = Uint8Array.from(ranks, (_, i) => i % 2);
    const report = reportLists(
      inputOf({
        baseline: { ranks: baselineRanks, candidates: ranks.map(() => 50) },
        slices: new Map([["odd ones", isOdd]]),
      }),
    );
    const odd = (_: unknown, i: number): boolean => i % 2 === 1;
    const part = report.slices["odd ones"];
    expect(part.events).toBe(200);
    for (const name of METRICS) {
      const measuredBy = (rank: number): number => literal(rank)[name];
      expect(report.baseline!.metrics[name]).toBeCloseTo(meanOf(baselineRanks.map(measuredBy)), 12);
      expect(part.metrics[name]).toBeCloseTo(meanOf(ranks.filter(odd).map(measuredBy)), 12);
      expect(part.baseline!.metrics[name]).toBeCloseTo(meanOf(baselineRanks.filter(odd).map(measuredBy)), 12);
    }
  });

  it("are NaN for a part without events", () => {
    const none = new Map([["nobody", new Uint8Array(400)]]);
    const { events, metrics, errors } = reportLists(inputOf({ slices: none, resamples: 20 })).slices.nobody;
    expect(events).toBe(0);
    expect(Object.values(metrics)).toEqual([NaN, NaN, NaN]);
    expect(Object.values(errors!)).toEqual([NaN, NaN, NaN]);
  });

  it("have a key for a part with any name", () => {
    const slices = new Map([["__proto__", new Uint8Array(400).fill(1)]]);
    expect(Object.keys(reportLists(inputOf({ slices })).slices)).toEqual(["__proto__"]);
  });
});

describe("the standard errors of a report", () => {
  // 2,000 resamples know a standard deviation to 1 / sqrt(4000) = 1.6 %; allowed are about four times that.
  const resamples = 2000;
  const expectNear = (actual: number, expected: number): void => {
    expect(actual).toBeGreaterThan(expected * 0.93);
    expect(actual).toBeLessThan(expected * 1.07);
  };

  it("are the textbook's for independent events: the standard deviation by the square root of n", () => {
    const report = reportLists(
      inputOf({ resamples, baseline: { ranks: ranks.map((r) => 1 + r / 2), candidates: ranks } }),
    );
    for (const name of METRICS) {
      const values = ranks.map((rank) => literal(rank)[name]);
      expectNear(report.errors![name], deviationOf(values) / Math.sqrt(400));
    }
    const values = ranks.map((rank) => literal(1 + rank / 2).mrr);
    expectNear(report.baseline!.errors!.mrr, deviationOf(values) / Math.sqrt(400));
  });

  it("take users as a whole: four equal events of each of 100 users are worth 100 events", () => {
    const perUser = ranks.slice(0, 100);
    const users = Uint32Array.from({ length: 400 }, (_, i) => i % 100);
    const repeated = Array.from(users, (user) => perUser[user]);
    const { errors, metrics } = reportLists(inputOf({ ranks: repeated, users, resamples }));
    const values = perUser.map((rank) => literal(rank).mrr);
    expect(metrics.mrr).toBeCloseTo(meanOf(values), 12);
    expectNear(errors!.mrr, deviationOf(values) / Math.sqrt(100));
  });

  it("know users of different size: the mean of a resample is over its events", () => {
    // One user has the rank 1 in 30 events, the other the rank 2 in one. A resample holds both, or one of them
    // twice: the means are 1 and 1/2 with probability 1/4 each, and 30.5/31 with 1/2.
    const users = Uint32Array.from({ length: 31 }, (_, i) => (i === 30 ? 7 : 3));
    const given = Array.from(users, (user) => (user === 7 ? 2 : 1));
    const { errors } = reportLists(inputOf({ ranks: given, users, resamples: 4000 }));
    const means = [1, 0.5, 30.5 / 31, 30.5 / 31];
    const mean = meanOf(means);
    expectNear(errors!.mrr, Math.sqrt(meanOf(means.map((one) => (one - mean) ** 2))));
  });

  it("of a part depend on the events of this part alone", () => {
    const isFirst = Uint8Array.from(ranks, (_, i) => (i < 50 ? 1 : 0));
    const { slices } = reportLists(inputOf({ slices: new Map([["first", isFirst]]), resamples: 50 }));
    const alone = reportLists(inputOf({ ranks: ranks.slice(0, 50), resamples: 50 }));
    expect(slices.first.errors).toEqual(alone.errors);
  });

  it("are equal for equal seeds and differ for others", () => {
    const errorOf = (seed: number): number => reportLists(inputOf({ resamples: 30, seed })).errors!.mrr;
    expect(errorOf(5)).toBe(errorOf(5));
    expect(errorOf(6)).not.toBe(errorOf(5));
  });

  it("are NaN for a single user, who says nothing about others", () => {
    const { errors } = reportLists(inputOf({ users: new Uint32Array(400), resamples: 10 }));
    expect(Object.values(errors!)).toEqual([NaN, NaN, NaN]);
  });
});

describe("coverage and novelty", () => {
  it("are the share of the catalog in some list, and the mean of -log2(share of the events)", () => {
    const itemEvents = [50, 25, 20, 4, 1];
    const top = [[0, 1], [1, 3], []];
    const bits = (item: number): number => -Math.log2(itemEvents[item] / 100);
    const { coverage, novelty } = reportLists(inputOf({ lists: { top, itemEvents } })).lists!;
    expect(coverage).toBe(3 / 5);
    expect(novelty).toBeCloseTo(((bits(0) + bits(1)) / 2 + (bits(1) + bits(3)) / 2) / 2, 12);
  });

  it("count an item without events as if it had one", () => {
    const lists = { top: [[1]], itemEvents: [7, 0] };
    expect(reportLists(inputOf({ lists })).lists!.novelty).toBeCloseTo(3, 12);
  });

  it("of empty lists are 0 and NaN", () => {
    const lists = { top: [[], []], itemEvents: [1, 1] };
    expect(reportLists(inputOf({ lists })).lists).toEqual({ coverage: 0, novelty: NaN });
  });
});
