// Ranking metrics against their literal definitions: ranks by counting, pairs by a double loop, ties by
// trying every order; and cases by hand.

import { describe, expect, it, vi } from "vitest";
import { squared } from "../../src/losses.ts";
import type { MetricInput } from "../../src/metrics/metrics.ts";
import { measureRank, type RankingMetric } from "../../src/metrics/ranking-metrics.ts";
import { measure } from "../helpers/metrics.ts";
import { KINDS, METRICS, scoredOf } from "../helpers/ranking-metrics.ts";
import { numbers } from "../reference.ts";

/** The value of one group. */
const valueOfGroup = (metric: RankingMetric, scores: readonly number[], targets: readonly number[]): number =>
  measure(metric, scoredOf(scores, targets));

/** Sums of at most a few thousand float64 terms, through a logarithm of 1e-14. */
const expectClose = (actual: number, expected: number, what: string): void =>
  expect(Math.abs(actual - expected), `${what}: ${actual}, not ${expected}`).toBeLessThan(1e-12);

const sumOf = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0);

const average = (values: readonly number[]): number => sumOf(values) / values.length;

/**
 * A metric of a list of labels, best first, as it is defined; null where it has no value. Not for
 * "group-auc".
 */
function literalOfList(metric: RankingMetric, labels: readonly number[]): number | null {
  const [kind, cut = "1000000"] = metric.split("@");
  const k = Number(cut);
  const relevant = labels.filter((y) => y > 0).length;
  if (relevant === 0) return null;
  const hits = (r: number): number => labels.slice(0, r).filter((y) => y > 0).length;
  const gains = (list: readonly number[]): number =>
    sumOf(list.slice(0, k).map((y, i) => (y > 0 ? 2 ** y - 1 : 0) / Math.log2(i + 2)));
  const first = labels.findIndex((y) => y > 0) + 1;
  switch (kind) {
    case "precision":
      return hits(k) / k;
    case "recall":
      return hits(k) / relevant;
    case "hr":
      return hits(k) > 0 ? 1 : 0;
    case "ndcg":
      return gains(labels) / gains([...labels].sort((a, b) => b - a));
    case "mrr":
      return first <= k ? 1 / first : 0;
    case "map":
      return (
        sumOf(labels.slice(0, k).map((y, i) => (y > 0 ? hits(i + 1) / (i + 1) : 0))) / Math.min(k, relevant)
      );
    default:
      throw new Error(metric);
  }
}

function literalAuc(rows: readonly { s: number; y: number }[]): number | null {
  let [wins, pairs] = [0, 0];
  for (const a of rows) {
    for (const b of rows) {
      if (!(a.y > b.y)) continue;
      pairs++;
      if (a.s > b.s) wins++;
    }
  }
  return pairs === 0 ? null : wins / pairs;
}

/** Where a row stands: behind all of higher score, and of equal score behind those of lower label. */
function literalRanking(rows: readonly { s: number; y: number }[]): number[] {
  const list: number[] = [];
  rows.forEach(({ s, y }, i) => {
    list[
      rows.filter(
        (other, j) => other.s > s || (other.s === s && (other.y < y || (other.y === y && j < i))),
      ).length
    ] = y;
  });
  return list;
}

function literal(metric: RankingMetric, { scores, targets, groups }: MetricInput): number {
  const rows = Array.from(scores, (s, i) => ({ s, y: targets[i], group: groups![i] }));
  const values = [...new Set(groups)].map((group) => {
    const members = rows.filter((row) => row.group === group);
    return metric === "group-auc" ? literalAuc(members) : literalOfList(metric, literalRanking(members));
  });
  return average(values.filter((value) => value !== null));
}

/**
 * Interleaved groups of 0 to about 2n / G rows; scores in steps of 1/4, so that many are level; labels from
 * those given.
 */
function sample(n: number, groups: number, labels: readonly number[], seed: number): MetricInput {
  const next = numbers(seed);
  const targets = Array.from({ length: n }, () => labels[Math.floor(next(0, labels.length))]);
  return scoredOf(
    targets.map((y) => Math.round(next(-4, 4) + y) / 4),
    targets,
    targets.map(() => Math.floor(next(0, groups))),
  );
}

const LABELS = {
  binary: [0, 0, 0, 1],
  signed: [-1, -1, 1],
  graded: [0, 0, 1, 2, 3],
  real: [-2, 0, 0.5, 2.25, 5],
};

describe("definitions", () => {
  it.each(
    Object.entries(LABELS),
  )("every metric is the mean of its literal definition over groups, %s labels", (_, labels) => {
    for (let seed = 0; seed < 8; seed++) {
      const scored = sample(30 + 40 * seed, [1, 5, 40][seed % 3], labels, seed);
      for (const metric of METRICS)
        expectClose(measure(metric, scored), literal(metric, scored), `${metric}, seed ${seed}`);
    }
  });

  it("a group by hand: labels 0 2 0 1 0, best score first", () => {
    const scores = [5, 4, 3, 2, 1];
    const targets = [0, 2, 0, 1, 0];
    const exact: [RankingMetric, number][] = [
      ["precision@1", 0],
      ["precision@2", 1 / 2],
      ["precision@4", 2 / 4],
      ["precision@10", 2 / 10],
      ["recall@1", 0],
      ["recall@2", 1 / 2],
      ["recall@3", 1 / 2],
      ["recall@4", 1],
      ["recall@10", 1],
      ["hr@1", 0],
      ["hr@2", 1],
      ["hr@10", 1],
      ["mrr", 1 / 2],
      ["mrr@1", 0],
      ["mrr@2", 1 / 2],
      ["map", (1 / 2 + 2 / 4) / 2],
      ["map@1", 0],
      ["map@2", 1 / 2 / 2],
      ["map@3", 1 / 2 / 2],
      ["map@10", 1 / 2],
      ["group-auc", 4 / 7], // the 2 is above two of three 0s and the 1, the 1 above one of three 0s
    ];
    for (const [metric, value] of exact) expect(valueOfGroup(metric, scores, targets), metric).toBe(value);
    const ideal = 3 + 1 / Math.log2(3);
    expectClose(valueOfGroup("ndcg", scores, targets), (3 / Math.log2(3) + 1 / Math.log2(5)) / ideal, "ndcg");
    expectClose(valueOfGroup("ndcg@2", scores, targets), 3 / Math.log2(3) / ideal, "ndcg@2");
    expect(valueOfGroup("ndcg@1", scores, targets)).toBe(0);
  });

  it("the first k are compared with the best k, not with the whole group", () => {
    expect(valueOfGroup("ndcg@2", [4, 3, 2, 1], [3, 2, 1, 1])).toBe(1);
    expect(valueOfGroup("map@2", [4, 3, 2, 1], [1, 1, 1, 1])).toBe(1);
    expect(valueOfGroup("recall@2", [4, 3, 2, 1], [1, 1, 1, 1])).toBe(0.5);
  });

  it("a perfect order gives exactly 1, the reverse order no pair", () => {
    const next = numbers(3);
    for (let n = 2; n < 60; n++) {
      const targets = Array.from({ length: n }, () => Math.floor(next(0, 5)));
      targets.splice(0, 2, 0, 1);
      for (const metric of ["ndcg", "ndcg@3", "mrr", "map", "map@4", "hr@1", "group-auc"] as const) {
        expect(valueOfGroup(metric, targets, targets), `${metric} of ${targets}`).toBe(1);
      }
      expect(
        valueOfGroup(
          "group-auc",
          targets.map((y) => -y),
          targets,
        ),
      ).toBe(0);
    }
  });

  it("gains are 2^label - 1 at any label up to 64, however small", () => {
    const second = 1 / Math.log2(3);
    for (const [low, high] of [
      [1, 64],
      [30, 33],
      [1e-30, 2e-30],
      [1e-42, 1],
      [0.1, 0.7],
      [2.5, 3.25],
    ]) {
      const gain = (y: number): number => Math.expm1(Math.fround(y) * Math.LN2);
      const expected = (gain(low) + gain(high) * second) / (gain(high) + gain(low) * second);
      expectClose(valueOfGroup("ndcg", [1, 0], [low, high]), expected, `labels ${low}, ${high}`);
    }
    expect(valueOfGroup("ndcg@1", [1, 0], [1, 2])).toBe(1 / 3);
    expect(valueOfGroup("ndcg@1", [1, 0], [5, 6])).toBe(31 / 63);
    expect(valueOfGroup("ndcg", [1, 0], [-40, 1])).toBe(valueOfGroup("ndcg", [1, 0], [0, 1])); // no negative gains
  });

  it("of one group with binary labels and no ties, group-auc is auc", () => {
    const next = numbers(11);
    const targets = Array.from({ length: 200_000 }, () => (next() < 0.3 ? 1 : 0));
    const scores = targets.map((_, i) => i).sort((a, b) => ((a * 7919) % 200_003) - ((b * 7919) % 200_003));
    const scored = scoredOf(scores, targets); // too many rows for a double loop
    expectClose(measure("group-auc", scored), measure("auc", scored), "auc");
  });
});

describe("ties", () => {
  function* ordersOf(items: readonly number[]): Generator<number[]> {
    if (items.length === 0) yield [];
    for (const item of items)
      for (const rest of ordersOf(items.filter((other) => other !== item))) yield [item, ...rest];
  }

  it("give the least value that any order of the tied rows would give", () => {
    const next = numbers(5);
    for (let round = 0; round < 60; round++) {
      const n = 1 + (round % 5);
      const targets = Array.from({ length: n }, () => Math.floor(next(0, 4)));
      targets[0] = 1;
      const scores = targets.map(() => Math.floor(next(0, 3)));
      const lists = [...ordersOf(targets.map((_, i) => i))]
        .filter((order) => order.every((row, i) => i === 0 || scores[order[i - 1]] >= scores[row]))
        .map((order) => order.map((row) => targets[row]));
      for (const metric of METRICS.filter((name) => name !== "group-auc")) {
        const least = Math.min(...lists.map((list) => literalOfList(metric, list)!));
        expectClose(valueOfGroup(metric, scores, targets), least, `${metric} of ${targets} at ${scores}`);
      }
    }
  });

  it("earn a constant score nothing", () => {
    const targets = [1, 0, 0, 1, 0];
    const constant = (metric: RankingMetric): number =>
      valueOfGroup(
        metric,
        targets.map(() => 0.5),
        targets,
      );
    expect(constant("group-auc")).toBe(0);
    expect(constant("hr@3")).toBe(0);
    expect(constant("mrr")).toBe(1 / 4);
    expect(constant("precision@4")).toBe(1 / 4);
    expect(constant("map")).toBe((1 / 4 + 2 / 5) / 2);
    expect(constant("group-auc")).not.toBe(
      measure(
        "auc",
        scoredOf(
          targets.map(() => 0.5),
          targets,
        ),
      ),
    ); // there they count half
  });

  it("are of equal numbers: 0 and -0, infinities", () => {
    for (const [a, b] of [
      [0, -0],
      [-0, 0],
      [Infinity, Infinity],
      [-Infinity, -Infinity],
    ]) {
      expect(valueOfGroup("mrr", [a, b], [1, 0]), `${a}, ${b}`).toBe(1 / 2);
      expect(valueOfGroup("mrr", [a, b], [0, 1]), `${a}, ${b}`).toBe(1 / 2);
      expect(valueOfGroup("group-auc", [a, b], [1, 0]), `${a}, ${b}`).toBe(0);
    }
    expect(valueOfGroup("mrr", [Infinity, -Infinity, 0, Infinity], [1, 0, 0, 0])).toBe(1 / 2);
    expect(valueOfGroup("mrr", [-Infinity, 3e38, -3e38], [1, 0, 0])).toBe(1 / 3);
    expect(valueOfGroup("mrr", [1, 1 + 2 ** -23], [0, 1])).toBe(1); // neighbours in float32 are no tie
    expect(valueOfGroup("mrr", [0, 1e-45], [0, 1])).toBe(1);
  });
});

describe("groups", () => {
  it("count alike whatever their size, and only with a relevant row", () => {
    const scored = scoredOf(
      [1, 2, 3, 4, 9, 1, 0, 5, 4],
      [1, 0, 0, 0, 0, 1, 0, 0, 0],
      [0, 0, 0, 0, 2, 1, 1, 4, 4], // 2 is a singleton, 3 empty; 2 and 4 have no relevant row
    );
    expect(measure("mrr", scored)).toBe((1 / 4 + 1) / 2);
    expect(measure("hr@1", scored)).toBe(1 / 2);
    expect(measure("precision@2", scored)).toBe((0 + 1 / 2) / 2);
    expect(measure("group-auc", scored)).toBe((0 + 1) / 2);
  });

  it("of one label have a rank but no pairs; of two labels below 0 pairs but no relevant row", () => {
    const scored = scoredOf([1, 2, 5, 6, 7, 8, 3], [1, 1, -2, -1, 0, 1, 3], [0, 0, 1, 1, 2, 2, 3]);
    expect(measure("group-auc", scored)).toBe((1 + 1) / 2); // groups 1 and 2
    expect(measure("hr@1", scored)).toBe((1 + 1 + 1) / 3); // groups 0, 2 and 3
    expect(measure("precision@2", scored)).toBe((1 + 1 / 2 + 1 / 2) / 3);
  });

  it("may be interleaved: the order of rows changes no bit", () => {
    const scored = sample(400, 30, LABELS.graded, 9);
    const next = numbers(10);
    for (let round = 0; round < 5; round++) {
      const order = Array.from(scored.scores, (_, i) => [next(), i])
        .sort(([a], [b]) => a - b)
        .map(([, i]) => i);
      const take = (column: ArrayLike<number>): number[] => order.map((i) => column[i]);
      const shuffled = scoredOf(take(scored.scores), take(scored.targets), take(scored.groups!));
      for (const metric of METRICS) expect(measure(metric, shuffled), metric).toBe(measure(metric, scored));
    }
  });

  it("are ranked for each set of scored rows anew, and inputs stay as they were", () => {
    const { scores, targets, groups: given } = sample(60, 4, LABELS.graded, 1);
    const groups = given!;
    const before = [scores.slice(), targets.slice(), groups.slice()];
    const base = { scores, loss: squared, labelRange: null };
    const other = { ...base, targets: targets.map((y) => 3 - y), groups };
    const regrouped = { ...base, targets, groups: groups.map((group) => group >> 1) };
    for (const metric of METRICS) {
      for (const scored of [{ ...base, targets, groups }, other, regrouped])
        expectClose(measure(metric, scored), literal(metric, scored), metric);
    }
    expect([scores, targets, groups]).toEqual(before);
  });

  it("give NaN where a score is NaN, and without rows", () => {
    for (const metric of METRICS) {
      expect(valueOfGroup(metric, [1, NaN, 2], [1, 0, 0]), metric).toBeNaN();
      expect(valueOfGroup(metric, [], []), metric).toBeNaN();
    }
  });
});

describe("the same value on every engine", () => {
  it("no elementary function of the engine is called", () => {
    const scored = sample(100, 5, LABELS.real, 2);
    const wanted = METRICS.map((metric) => measure(metric, { ...scored }));
    const names = ["log", "log2", "log1p", "exp", "expm1", "pow"] as const;
    const spies = names.map((name) => vi.spyOn(Math, name).mockImplementation(() => NaN));
    try {
      expect(METRICS.map((metric) => measure(metric, { ...scored }))).toEqual(wanted);
      expect(measureRank("ndcg", 2, 5)).toBeCloseTo(0.6309297535714575, 15);
      for (const spy of spies) expect(spy).not.toHaveBeenCalled();
    } finally {
      for (const spy of spies) spy.mockRestore();
    }
  });
});

describe("measureRank", () => {
  it("is what the list with one relevant row at that rank gives, bit for bit", () => {
    const next = numbers(7);
    for (let round = 0; round < 200; round++) {
      const candidates = 2 + Math.floor(next(0, 40));
      const targets: number[] = Array.from({ length: candidates }, () => 0);
      targets[Math.floor(next(0, candidates))] = 1;
      const scores = targets.map(() => Math.floor(next(0, 20)));
      const rows = scores.map((s, i) => ({ s, y: targets[i] }));
      const rank = literalRanking(rows).indexOf(1) + 1;
      for (const metric of METRICS)
        expect(measureRank(metric, rank, candidates), `${metric} at ${rank} of ${candidates}`).toBe(
          valueOfGroup(metric, scores, targets),
        );
    }
  });

  it("by hand: third of five", () => {
    const values = METRICS.filter((metric) => /@[35]$|^[^@]*$/.test(metric)).map((metric) => [
      metric,
      measureRank(metric, 3, 5),
    ]);
    expect(Object.fromEntries(values)).toEqual({
      "group-auc": 1 / 2,
      ndcg: 1 / 2,
      mrr: 1 / 3,
      map: 1 / 3,
      "precision@3": 1 / 3,
      "precision@5": 1 / 5,
      "recall@3": 1,
      "recall@5": 1,
      "hr@3": 1,
      "hr@5": 1,
      "ndcg@3": 1 / 2,
      "ndcg@5": 1 / 2,
      "mrr@3": 1 / 3,
      "mrr@5": 1 / 3,
      "map@3": 1 / 3,
      "map@5": 1 / 3,
    });
    for (const kind of KINDS) expect(measureRank(`${kind}@2`, 3, 5), kind).toBe(0);
  });

  it("a list of one is in order", () => {
    for (const metric of METRICS.filter((name) => !name.startsWith("precision")))
      expect(measureRank(metric, 1, 1), metric).toBe(1);
    expect(measureRank("precision@4", 1, 1)).toBe(1 / 4);
  });
});
