// Measures how well scores rank the rows of each group, such as the candidates shown to one user. NDCG
// follows Jaervelin & Kekaelaeinen 2002. Early stopping uses these values to choose the best epoch, which
// must be the same in every engine. So sums are float64, and logarithms are those of core/math.ts.

import { wrongType, wrongValue } from "../core/errors.ts";
import { exp, log } from "../core/math.ts";
import { countGroups, rowsByGroup } from "../data/ids.ts";

/**
 * Metrics of rows in groups. Each is the plain mean over groups. Within a group, rows are ranked by score,
 * highest first. Ties count against the model: of rows with equal scores, those with lower labels come first.
 * A row is relevant if its label is above 0. A group without a relevant row is left out; "group-auc" leaves
 * out a group whose labels are all equal. k is an integer of at least 1: only the first k rows of a list
 * count. "ndcg", "mrr" and "map" without k take the whole list.
 *
 * - "precision@k": the number of relevant rows among the first k, divided by k even if the group has fewer
 *   rows.
 * - "recall@k": the number of relevant rows among the first k, divided by that of the whole group.
 * - "hr@k": the hit rate, 1 if any of the first k rows is relevant, else 0.
 * - "ndcg@k": normalized discounted cumulative gain (Jaervelin & Kekaelaeinen 2002), the sum over the first k
 *   rows of gain / log2(rank + 1), divided by the largest sum that any order can give. The gain is
 *   2^label - 1 for labels above 0 (Burges et al. 2005), else 0.
 * - "mrr@k": mean reciprocal rank, 1 / rank of the first relevant row, or 0 if that rank is beyond k.
 * - "map@k": mean average precision, the sum of precision@r over the ranks r <= k that hold a relevant row,
 *   divided by the smaller of k and the number of relevant rows in the group.
 * - "group-auc": among the pairs of rows with different labels, the share in which the row of the higher
 *   label has the higher score.
 */
export type RankingMetric =
  | "ndcg"
  | "mrr"
  | "map"
  | "group-auc"
  | `${"precision" | "recall" | "hr" | "ndcg" | "mrr" | "map"}@${number}`;

/** The names of ranking metrics that users may write, for error messages. */
export const RANKING_FORMS: string =
  '"group-auc", "ndcg", "mrr", "map", or "precision@k", "recall@k", "hr@k", ' +
  '"ndcg@k", "mrr@k", "map@k" with k an integer of at least 1';

const PATTERN = /^(group-auc|ndcg|mrr|map|(precision|recall|hr|ndcg|mrr|map)@[1-9][0-9]*)$/;

/**
 * Says whether a name is that of a ranking metric.
 *
 * @param name Any string.
 * @returns True for the forms of `RANKING_FORMS`.
 */
export function isRankingMetric(name: string): name is RankingMetric {
  return PATTERN.test(name);
}

/**
 * Checks that a value is a ranking metric.
 *
 * @param place What errors call it.
 * @param metric Any value.
 * @returns The metric.
 * @throws TypeError or RangeError that lists the metrics.
 */
export function checkRankingMetric(place: string, metric: unknown): RankingMetric {
  if (typeof metric !== "string") throw wrongType(place, `a ranking metric, ${RANKING_FORMS}`, metric);
  if (!isRankingMetric(metric)) throw wrongValue(place, `a ranking metric, ${RANKING_FORMS}`, metric);
  return metric;
}

/**
 * Checks an array of ranking metrics.
 *
 * @param place What errors call it.
 * @param metrics The metrics as the user passed them.
 * @returns The metrics.
 * @throws TypeError or RangeError that names the position.
 */
export function checkRankingMetrics<M extends RankingMetric>(place: string, metrics: readonly M[]): M[] {
  if (!Array.isArray(metrics)) throw wrongType(place, "an array of ranking metrics", metrics);
  return Array.from(metrics, (metric, i) => checkRankingMetric(`${place}[${i}]`, metric) as M);
}

/** Scored rows, and the groups in which they are ranked. */
export interface GroupedRows {
  /** Raw scores, (rows). */
  readonly scores: Float32Array | Float64Array;
  /** Targets, (rows). */
  readonly targets: Float32Array | Float64Array;
  /** Group number of each row, from 0 to G - 1, (rows). The rows of a group need not be adjacent. */
  readonly groups?: Uint32Array | null;
}

/** Largest label of NDCG. Its gain 2^64 - 1 leaves float64 sums over long lists far below overflow. */
const MAX_GRADE = 64;

/**
 * Finds the reason why these rows cannot give a metric.
 *
 * @param metric The metric.
 * @param rows The rows without their scores.
 * @param place What errors start with, such as "fit: validation.".
 * @returns An error that states the reason; null if the metric can be measured.
 */
export function rankingObstacle(
  metric: RankingMetric,
  { targets, groups }: Omit<GroupedRows, "scores">,
  place: string,
): Error | null {
  const [caller, prefix] = place.split(": ");
  if (!groups)
    return new TypeError(
      `${caller}: "${metric}" needs to know which rows are ranked together; ` +
        `pass ${prefix}groups as well`,
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
        `${caller}: "${metric}" needs a group with ${needed} in ${prefix}y, ` +
          `got none in ${countGroups(groups)} groups`,
      );
}

/**
 * Says whether some group holds two rows with different targets.
 *
 * @param targets Target of each row, (rows).
 * @param groups Group number of each row, (rows).
 * @returns True if there is such a pair of rows.
 */
export function hasUnequalPair(targets: Float32Array | Float64Array, groups: Uint32Array): boolean {
  const first = new Float64Array(countGroups(groups)).fill(NaN);
  return targets.some((target, i) => {
    const group = groups[i];
    if (Number.isNaN(first[group])) first[group] = target;
    return target !== first[group];
  });
}

/**
 * Computes one ranking metric.
 *
 * @param metric A metric for which `rankingObstacle` returns null.
 * @param lists The result of `rankRows`.
 * @returns The mean over the groups that count; NaN without rows.
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
 * Computes a ranking metric of one list with exactly one relevant row, whose label is 1. The result is that
 * of `measureRanking` for such a list, and the list need not be built. "group-auc" of a list of one row is 1.
 *
 * @param metric The metric.
 * @param rank Rank of the relevant row, from 1 to `candidates`.
 * @param candidates Length of the list, at least 1.
 * @returns The value of the metric.
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

/** The targets of scored rows after ranking: one list per group, one behind the other. */
export interface RankedLists {
  /** First position of each group, and at last the number of rows; (G + 1). */
  readonly starts: Uint32Array;
  /** Targets, each group in the order of its scores; (rows). */
  readonly ranked: Float64Array;
  /** Targets, each group in descending order; (rows). */
  readonly ideal: Float64Array;
}

/**
 * Ranks the rows of each group. All ranking metrics share the result.
 *
 * @param rows Rows with groups. No score may be NaN.
 * @returns The targets of each group, ranked by score and in the ideal order.
 */
export function rankRows({ scores, targets, groups }: GroupedRows): RankedLists {
  const [starts, order] = rowsByGroup(groups!);
  // The difference of two equal infinities is NaN. `||` then compares targets, as it does for a difference of
  // 0.
  const compare = (a: number, b: number): number => scores[b] - scores[a] || targets[a] - targets[b];
  for (let group = 0; group + 1 < starts.length; group++)
    order.subarray(starts[group], starts[group + 1]).sort(compare);
  const ranked = Float64Array.from(order, (row) => targets[row]);
  const ideal = ranked.slice();
  for (let group = 0; group + 1 < starts.length; group++)
    ideal
      .subarray(starts[group], starts[group + 1])
      .sort()
      .reverse();
  return { starts, ranked, ideal };
}

/**
 * Computes each metric for one group. `ranked` are the targets in the order of the scores. `ideal` are the
 * same targets in descending order, the first of which is above 0.
 */
const VALUES: Readonly<Record<Kind, (ranked: Float64Array, ideal: Float64Array, k: number) => number>> = {
  precision: (ranked, _, k) => countRelevant(ranked, k) / k,
  recall: (ranked, _, k) => countRelevant(ranked, k) / countRelevant(ranked, Infinity),
  hr: (ranked, _, k) => (rankOfFirst(ranked) <= k ? 1 : 0),
  ndcg: (ranked, ideal, k) => discountedGain(ranked, k) / discountedGain(ideal, k),
  mrr: (ranked, _, k) => (rankOfFirst(ranked) <= k ? 1 / rankOfFirst(ranked) : 0),
  map: (ranked, _, k) => sumOfPrecisions(ranked, k) / Math.min(k, countRelevant(ranked, Infinity)),
  "group-auc": (ranked, ideal) => countDescents(ranked) / countUnequalPairs(ideal),
};

function countRelevant(list: Float64Array, k: number): number {
  let count = 0;
  for (let i = 0; i < list.length && i < k; i++) if (list[i] > 0) count++;
  return count;
}

function rankOfFirst(list: Float64Array): number {
  let rank = 1;
  while (!(list[rank - 1] > 0)) rank++;
  return rank;
}

function sumOfPrecisions(list: Float64Array, k: number): number {
  let [sum, relevant] = [0, 0];
  for (let i = 0; i < list.length && i < k; i++) if (list[i] > 0) sum += ++relevant / (i + 1);
  return sum;
}

function discountedGain(list: Float64Array, k: number): number {
  let sum = 0;
  for (let i = 0; i < list.length && i < k; i++) if (list[i] > 0) sum += gain(list[i]) * discount(i + 1);
  return sum;
}

const LN2 = /* @__PURE__ */ log(2);

/** 1 / log2(rank + 1). */
function discount(rank: number): number {
  return LN2 / log(rank + 1);
}

/** 2^target - 1 for a target above 0. It is exact for integers, and above 0 for the smallest fraction. */
function gain(target: number): number {
  let power = 1;
  for (let n = Math.floor(target); n > 0; n--) power *= 2;
  const x = (target - Math.floor(target)) * LN2;
  const e = exp(x);
  // Kahan's correction: e^x - 1 stays accurate although the subtraction e - 1 amplifies the rounding of e.
  const fraction = e === 1 ? x : (e - 1) * (x / log(e));
  return power * fraction + (power - 1);
}

/**
 * Counts by merge sort the pairs of a ranked list in which the earlier target is the larger. These are the
 * pairs that the ranking has right. Two rows of equal score are never counted, because their targets ascend.
 */
function countDescents(list: Float64Array): number {
  const n = list.length;
  let [from, to, count] = [list.slice(), new Float64Array(n), 0];
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

/** Counts the pairs of different targets in a sorted list. */
function countUnequalPairs(list: Float64Array): number {
  let [count, before] = [0, 0]; // `before` is the number of targets before the current run of equal ones
  for (let i = 1; i < list.length; i++) {
    if (list[i] !== list[i - 1]) before = i;
    count += before;
  }
  return count;
}
