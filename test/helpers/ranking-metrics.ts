// Scored rows in groups, and the ranking metrics.

import { squared } from "../../src/losses.ts";
import type { MetricInput } from "../../src/metrics/metrics.ts";
import type { RankingMetric } from "../../src/metrics/ranking-metrics.ts";

export const KINDS = ["precision", "recall", "hr", "ndcg", "mrr", "map"] as const;

export const WHOLE = ["ndcg", "mrr", "map"] as const;

export const METRICS: readonly RankingMetric[] = [
  "group-auc",
  ...WHOLE,
  ...KINDS.flatMap((kind) => [1, 2, 3, 5, 10, 1000].map((k) => `${kind}@${k}` as const)),
];

export function scoredOf(
  scores: readonly number[],
  targets: readonly number[],
  groups: readonly number[] | null = scores.map(() => 0),
): MetricInput {
  return {
    scores: Float32Array.from(scores),
    targets: Float32Array.from(targets),
    groups: groups && Uint32Array.from(groups),
    loss: squared,
    labelRange: null,
  };
}
