// Names of ranking metrics, and which of them rows can give.

import { describe, expect, it } from "vitest";
import { bpr, hinge, log, maxMargin, squared } from "../../src/losses.ts";
import {
  checkMetric,
  chooseMetrics,
  defaultMetrics,
  isHigherBetter,
  type Metric,
} from "../../src/metrics/metrics.ts";
import { isRankingMetric } from "../../src/metrics/ranking-metrics.ts";
import { checkMetricNames, readFitOptions } from "../../src/training/fit-options.ts";
import { METRICS, scoredOf } from "../helpers/ranking-metrics.ts";

describe("names", () => {
  it("are accepted with any k of at least 1, and without where the whole list makes sense", () => {
    for (const name of [...METRICS, "ndcg@123456789012", "rmse", "auc"])
      expect(checkMetric("here", name)).toBe(name);
    expect(checkMetric("here", "loss", ["loss"])).toBe("loss");
    expect(METRICS.every((metric) => isRankingMetric(metric) && isHigherBetter(metric))).toBe(true);
    expect(["rmse", "auc", "loss"].some(isRankingMetric)).toBe(false);
  });

  it.each([
    "precision",
    "recall",
    "hr",
    "hit",
    "ndcg@",
    "ndcg@0",
    "ndcg@-1",
    "ndcg@01",
    "ndcg@1.5",
    "ndcg@1e3",
    "ndcg@+5",
    "ndcg@ 5",
    "ndcg@5 ",
    "ndcg@5\n",
    "ndcg@٣",
    "ndcg@k",
    "ndcg@5@5",
    "NDCG@5",
    "group-auc@5",
    "auc@5",
    "@5",
    "loss",
    "",
    "toString",
  ])("%j is refused with what there is", (name) => {
    expect(() => checkMetric("fit: metrics[0]", name)).toThrow(
      new RangeError(
        'fit: metrics[0] must be one of "rmse", "rmse-clamped", "mae", "logloss", "auc", "accuracy", "group-auc", "ndcg", "mrr", "map", ' +
          'or "precision@k", "recall@k", "hr@k", "ndcg@k", "mrr@k", "map@k" with k an integer of at least 1, got ' +
          JSON.stringify(name),
      ),
    );
  });

  it("are strings", () => {
    for (const value of [10, null, undefined, ["ndcg"], { toString: () => "ndcg" }]) {
      expect(() => checkMetric("evaluate: metrics[1]", value)).toThrow(TypeError);
      expect(() => checkMetric("evaluate: metrics[1]", value)).toThrow(
        /^evaluate: metrics\[1\] must be one of "rmse", .*, got /,
      );
    }
  });

  it("are checked in lists and for what decides the best epoch", () => {
    expect(checkMetricNames("evaluate", ["ndcg@7", "rmse"])).toEqual(["ndcg@7", "rmse"]);
    expect(() => checkMetricNames("evaluate", ["rmse", "ndcg@0"])).toThrow(
      /^evaluate: metrics\[1\] must be .*, got "ndcg@0"$/,
    );
    const monitored = (monitor: string) =>
      readFitOptions("fit", { validation: 0.5, monitor: monitor as Metric }).monitor;
    expect(["loss", "map@3", "auc"].map(monitored)).toEqual(["loss", "map@3", "auc"]);
    expect(() => monitored("map@")).toThrow(/^fit: monitor must be one of "loss", "rmse", .*, got "map@"$/);
  });
});

describe("what these rows can give", () => {
  const choose =
    (metric: Metric, targets: readonly number[], groups: readonly number[] | null, place = "evaluate: ") =>
    () =>
      chooseMetrics([metric], scoredOf(targets, targets, groups), place);

  it("a ranking needs groups", () => {
    for (const metric of METRICS) expect(choose(metric, [1, 0], null)).toThrow(TypeError);
    expect(choose("ndcg@10", [1, 0], null)).toThrow(
      'evaluate: "ndcg@10" needs to know which rows are ranked together; pass groups as well',
    );
    expect(choose("map", [1, 0], null, "fit: validation.")).toThrow(
      'fit: "map" needs to know which rows are ranked together; pass validation.groups as well',
    );
    const { groups, ...without } = scoredOf([1, 0], [1, 0]);
    expect(() => chooseMetrics(["mrr"], without, "fit: ")).toThrow(TypeError);
  });

  it("at least one group has a relevant row, or two labels", () => {
    for (const metric of METRICS.filter((name) => name !== "group-auc")) {
      expect(choose(metric, [0, -1, 0], [0, 0, 1]), metric).toThrow(RangeError);
      expect(choose(metric, [0, -1, 1], [0, 0, 1])(), metric).toEqual([metric]);
      expect(choose(metric, [], []), metric).toThrow(RangeError);
    }
    expect(choose("hr@5", [0, 0, 0], [2, 0, 1], "fit: validation.")).toThrow(
      'fit: "hr@5" needs a group with a label above 0 in validation.y, got none in 3 groups',
    );
    expect(choose("group-auc", [1, 2, 1, 2], [0, 1, 0, 1])).toThrow(
      new RangeError(
        'evaluate: "group-auc" needs a group with two different labels in y, got none in 2 groups',
      ),
    );
    expect(choose("group-auc", [], [])).toThrow(RangeError);
    expect(choose("group-auc", [-1, 5, -2], [0, 1, 0])()).toEqual(["group-auc"]);
  });

  it("labels beyond 64 have no gain", () => {
    for (const metric of ["ndcg", "ndcg@3"] as const) {
      expect(choose(metric, [1, 64, 64.5, 99], [0, 0, 0, 0], "fit: validation.")).toThrow(
        new RangeError(
          `fit: validation.y[2] must be at most 64 for "${metric}", whose gains are 2^label - 1, got 64.5`,
        ),
      );
      expect(choose(metric, [1, 64, -100], [0, 0, 0])()).toEqual([metric]);
    }
    for (const metric of ["map", "mrr@2", "group-auc", "precision@1"] as const)
      expect(choose(metric, [1, 99], [0, 0])()).toEqual([metric]);
  });

  it("with groups each loss adds a ranking to its metrics, pairwise losses measure nothing else", () => {
    for (const loss of [squared, log, hinge]) {
      expect(defaultMetrics(loss, true)).toEqual([...defaultMetrics(loss, false), "ndcg@10", "group-auc"]);
      expect(defaultMetrics(loss, false).some(isRankingMetric)).toBe(false);
    }
    for (const loss of [bpr, maxMargin()])
      expect(defaultMetrics(loss, true)).toEqual(["ndcg@10", "group-auc"]);
  });

  it("defaults that these rows cannot give are left out", () => {
    const chosen = (targets: readonly number[], groups: readonly number[] | null) =>
      chooseMetrics(undefined, scoredOf(targets, targets, groups), "fit: ");
    expect(chosen([1, 0, 2], [0, 0, 1])).toEqual(["rmse", "mae", "ndcg@10", "group-auc"]);
    expect(chosen([1, 0, 2], [0, 1, 2])).toEqual(["rmse", "mae", "ndcg@10"]);
    expect(chosen([1, 0, 70], [0, 0, 1])).toEqual(["rmse", "mae", "group-auc"]);
    expect(chosen([0, 0], [0, 0])).toEqual(["rmse", "mae"]);
    expect(chosen([1, 0], null)).toEqual(["rmse", "mae"]);
  });
});
