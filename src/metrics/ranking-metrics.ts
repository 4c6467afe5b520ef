// How well scores rank the rows of each group, such as the candidates shown to one user. Sums are float64,
// logarithms and sorting are our own: these values choose the best epoch, which must be the same on every
// engine.

import { wrongValue } from "../core/errors.ts";
import { exp, log } from "../core/math.ts";
import { countGroups, rowsByGroup } from "../data/ids.ts";

/**
 * Metrics of rows in groups, each the plain mean over groups. Within a group rows are ranked by score,
 * highest first; ties count against the model: of equal scores the lower labels come first. A row is relevant
 * if its label is above 0; a group without a relevant row is left out (for "group-auc" one without two
 * different labels). k, an integer of at least 1, is how many of the first rows count; "ndcg", "mrr" and
 * "map" without it take the whole list.
 *
 * - "precision@k": relevant rows among the first k, divided by k (also where the group is shorter).
 * - "recall@k": relevant rows among the first k, divided by those of the group.
 * - "hr@k": hit rate, 1 if any of the first k is relevant, else 0.
 * - "ndcg@k": the sum over the first k of gain / log2(rank + 1), divided by the largest sum any order can
 *   give; the gain is 2^label - 1 for labels above 0, else 0.
 * - "mrr@k": 1 / rank of the first relevant row, 0 if that is beyond k.
 * - "map@k": the sum of precision@r over the ranks r <= k that hold a relevant row, divided by the smaller of
 *   k and the number of relevant rows in the group.
 * - "group-auc": of the pairs of rows with different labels, the share in which the higher label has the
 *   higher score.
 */
export type RankingMetric =
  | "ndcg"
  | "mrr"
  | "map"
  | "group-auc"
  | `${"precision" | "recall" | "hr" | "ndcg" | "mrr" | "map"}@${number}`;

/** What users may write, for messages. */
export const RANKING_FORMS: string =
  '"group-auc", "ndcg", "mrr", "map", or "precision@k", "recall@k", "hr@k", "ndcg@k", "mrr@k", "map@k" with k an integer of at least 1';

const PATTERN = /^(group-auc|ndcg|mrr|map|(precision|recall|hr|ndcg|mrr|map)@[1-9][0-9]*)$/;

/** Whether this names a ranking metric. */
export function isRankingMetric(name: string): name is RankingMetric {
  return PATTERN.test(name);
}

/** Rows with the groups they are ranked in. */
export interface GroupedRows {
  /** Raw scores (rows). */
  readonly scores: Float32Array;
  /** Targets (rows). */
  readonly targets: Float32Array;
  /** Number of each row's group, 0 to G - 1, (rows); the rows of a group may stand anywhere. */
  readonly groups?: Uint32Array | null;
}

const MAX_GRADE = 64;

/**
 * Why these rows cannot give a metric; null if they can. `place` is what errors start with, such as "fit:
 * validation.".
 */
export function rankingObstacle(
  metric: RankingMetric,
  { targets, groups }: Omit<GroupedRows, "scores">,
  place: string,
): Error | null {
  const [caller, prefix] = place.split(": ");
  if (!groups)
    return new TypeError(
      `${caller}: "${metric}" needs to know which rows are ranked together; pass ${prefix}groups as well`,
    );
  if (metric.startsWith("ndcg")) {
    const i = targets.findIndex((target) => target > MAX_GRADE);
    if (i >= 0)
      return wrongValue(
        `${place}y[${i}]`,
        `at most ${MAX_GRADE} for "${metric}", whose gains are 2^label - 1`,
        targets[i],
      );
  }
  const possible =
    metric === "group-auc" ? hasUnequalPair(targets, groups) : targets.some((target) => target > 0);
  const needed = metric === "group-auc" ? "two different labels" : "a label above 0";
  return possible
    ? null
    : new RangeError(
        `${caller}: "${metric}" needs a group with ${needed} in ${prefix}y, got none in ${countGroups(groups)} groups`,
      );
}

function hasUnequalPair(targets: Float32Array, groups: Uint32Array): boolean {
  const first = new Float32Array(countGroups(groups)).fill(NaN);
  return targets.some((target, i) => {
    const group = groups[i];
    if (Number.isNaN(first[group])) first[group] = target;
    return target !== first[group];
  });
}

/**
 * The value of a metric that `rankingObstacle` has let pass; NaN without rows.
 *
 * @param lists What `rankRows` made of the rows.
 */
export function measureRanking(metric: RankingMetric, { starts, ranked, ideal }: RankedLists): number {
  const { kind, k } = parse(metric);
  const measureGroup = VALUES[kind];
  let [sum, count] = [0, 0];
  for (let group = 0; group + 1 < starts.length; group++) {
    const best = ideal.subarray(starts[group], starts[group + 1]);
    if (kind === "group-auc" ? best[0] > best[best.length - 1] : best[0] > 0) {
      sum += measureGroup(ranked.subarray(starts[group], starts[group + 1]), best, k);
      count++;
    }
  }
  return sum / count;
}

/**
 * The value of a metric on one list with exactly one relevant row, of label 1: what `measureRanking` gives
 * for it, without the list. "group-auc" of a list of one is 1.
 *
 * @param rank Of the relevant row, from 1 to `candidates`.
 * @param candidates Length of the list, at least 1.
 */
export function measureRank(metric: RankingMetric, rank: number, candidates: number): number {
  const { kind, k } = parse(metric);
  if (kind === "group-auc") return candidates === 1 ? 1 : (candidates - rank) / (candidates - 1);
  if (rank > k) return 0;
  if (kind === "precision") return 1 / k;
  if (kind === "ndcg") return discount(rank);
  return kind === "mrr" || kind === "map" ? 1 / rank : 1;
}

type Kind = "precision" | "recall" | "hr" | "ndcg" | "mrr" | "map" | "group-auc";

function parse(metric: RankingMetric): { kind: Kind; k: number } {
  const [kind, k = Infinity] = metric.split("@");
  return { kind: kind as Kind, k: Number(k) };
}

/** What remains of scored rows once they are ranked: lists of targets, group after group. */
export interface RankedLists {
  /** Where each group begins, and the end; (G + 1). */
  readonly starts: Uint32Array;
  /** Targets, each group in the order of its scores; (rows). */
  readonly ranked: Float32Array;
  /** Targets, each group in descending order; (rows). */
  readonly ideal: Float32Array;
}

/** Ranks the rows of each group, once for all metrics. No score may be NaN. */
export function rankRows({ scores, targets, groups }: GroupedRows): RankedLists {
  const [starts, order] = rowsByGroup(groups!);
  // A difference of equal infinities is NaN, which falls through to the targets like 0.
  const compare = (a: number, b: number): number => scores[b] - scores[a] || targets[a] - targets[b];
  for (let group = 0; group + 1 < starts.length; group++)
    order.subarray(starts[group], starts[group + 1]).sort(compare);
  const ranked = Float32Array.from(order, (row) => targets[row]);
  const ideal = ranked.slice();
  for (let group = 0; group + 1 < starts.length; group++)
    ideal
      .subarray(starts[group], starts[group + 1])
      .sort()
      .reverse();
  return { starts, ranked, ideal };
}

/**
 * The value of one group from its targets as ranked and in descending order; the first of these is above 0.
 */
const VALUES: Readonly<Record<Kind, (ranked: Float32Array, ideal: Float32Array, k: number) => number>> = {
  precision: (ranked, _, k) => countRelevant(ranked, k) / k,
  recall: (ranked, _, k) => countRelevant(ranked, k) / countRelevant(ranked, Infinity),
  hr: (ranked, _, k) => (rankOfFirst(ranked) <= k ? 1 : 0),
  ndcg: (ranked, ideal, k) => discountedGain(ranked, k) / discountedGain(ideal, k),
  mrr: (ranked, _, k) => (rankOfFirst(ranked) <= k ? 1 / rankOfFirst(ranked) : 0),
  map: (ranked, _, k) => sumOfPrecisions(ranked, k) / Math.min(k, countRelevant(ranked, Infinity)),
  "group-auc": (ranked, ideal) => countDescents(ranked) / countUnequalPairs(ideal),
};

function countRelevant(list: Float32Array, k: number): number {
  let count = 0;
  for (let i = 0; i < list.length && i < k; i++) if (list[i] > 0) count++;
  return count;
}

function rankOfFirst(list: Float32Array): number {
  let rank = 1;
  while (!(list[rank - 1] > 0)) rank++;
  return rank;
}

function sumOfPrecisions(list: Float32Array, k: number): number {
  let [sum, relevant] = [0, 0];
  for (let i = 0; i < list.length && i < k; i++) if (list[i] > 0) sum += ++relevant / (i + 1);
  return sum;
}

function discountedGain(list: Float32Array, k: number): number {
  let sum = 0;
  for (let i = 0; i < list.length && i < k; i++) if (list[i] > 0) sum += gain(list[i]) * discount(i + 1);
  return sum;
}

const LN2 = /* @__PURE__ */ log(2);

/** 1 / log2(rank + 1). */
function discount(rank: number): number {
  return LN2 / log(rank + 1);
}

/** 2^target - 1 for a target above 0: exact for integers, and above 0 for the smallest fraction. */
function gain(target: number): number {
  let power = 1;
  for (let n = Math.floor(target); n > 0; n--) power *= 2;
  const x = (target - Math.floor(target)) * LN2;
  const e = exp(x);
  const fraction = e === 1 ? x : (e - 1) * (x / log(e)); // e^x - 1, with Kahan's correction of the rounding in e
  return power * fraction + (power - 1);
}

/**
 * Pairs in which the earlier is the larger, by merge sort: the pairs that a ranked list has right. Rows of
 * equal score never make one, since they stand in ascending order.
 */
function countDescents(list: Float32Array): number {
  const n = list.length;
  let [from, to, count] = [list.slice(), new Float32Array(n), 0];
  for (let width = 1; width < n; width *= 2) {
    for (let start = 0; start < n; start += 2 * width) {
      const middle = Math.min(start + width, n);
      const end = Math.min(middle + width, n);
      let [left, right] = [start, middle];
      for (let i = start; i < end; i++) {
        if (right === end || (left < middle && from[left] <= from[right])) {
          to[i] = from[left++];
        } else {
          to[i] = from[right++];
          count += middle - left;
        }
      }
    }
    [from, to] = [to, from];
  }
  return count;
}

/** Pairs of different targets in a sorted list. */
function countUnequalPairs(list: Float32Array): number {
  let [count, before] = [0, 0]; // `before`: how many stand before the current run of equals
  for (let i = 1; i < list.length; i++) {
    if (list[i] !== list[i - 1]) before = i;
    count += before;
  }
  return count;
}
