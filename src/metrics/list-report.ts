// Makes a report from the ranks of held-out events: the mean of each metric with its standard error, the same
// for a baseline and for parts of the events, and what the lists are like. Reports must be equal in every
// engine, so sums are float64 in a fixed order, and logarithms are those of core/math.ts.

import { log } from "../core/math.ts";
import { randomBelow, randomKey, Stream } from "../core/random.ts";
import { countGroups, renumbered, rowsByGroup } from "../data/ids.ts";
import { measureRank, type RankingMetric } from "./ranking-metrics.ts";

/** Means over events, and how far they would move with other events. */
export interface MetricSummary<M extends RankingMetric = RankingMetric> {
  /** Number of events. */
  readonly events: number;
  /** The mean of each metric over the events; NaN without events. */
  readonly metrics: Record<M, number>;
  /**
   * The standard error of each mean, by the bootstrap; NaN if the events come from fewer than two units.
   * Null if no resamples were asked for.
   */
  readonly errors: Record<M, number> | null;
}

/** What the top of the lists is like. */
export interface ListSummary {
  /** Share of the catalog that is in at least one list, from 0 to 1. More lists can only make it larger. */
  readonly coverage: number;
  /**
   * How rare the listed items are, in bits: the mean of -log2(share of the training events that are of this
   * item), over each list and then over the lists (Vargas & Castells 2011). A list of items that each make up
   * 1 % of the events has 6.6. An item without a training event counts as if it had one. NaN if all lists
   * are empty.
   */
  readonly novelty: number;
}

/** The report of an evaluation. */
export interface ListReport<M extends RankingMetric = RankingMetric> extends MetricSummary<M> {
  /** The same for the ranks that the baseline gives to the same items; null without a baseline. */
  readonly baseline: MetricSummary<M> | null;
  /** What the lists are like; null without lists. */
  readonly lists: ListSummary | null;
  /** The same for parts of the events, by name. An event may be in several parts, or in none. */
  readonly slices: Readonly<Record<string, SliceSummary<M>>>;
}

/** The report of a part of the events. */
export interface SliceSummary<M extends RankingMetric = RankingMetric> extends MetricSummary<M> {
  /** The same for the baseline; null without a baseline. */
  readonly baseline: MetricSummary<M> | null;
}

/** The place of an item in a list, for each event. */
export interface RankedEvents {
  /** Rank of the event's item, from 1 to the number of candidates, (events). */
  readonly ranks: ArrayLike<number>;
  /** Number of ranked items, (events). */
  readonly candidates: ArrayLike<number>;
}

/** The top of the lists, and what makes an item rare. */
export interface TopLists {
  /** Item numbers of each list, (lists). */
  readonly top: readonly ArrayLike<number>[];
  /** Number of training events of each item, those that have left the catalog included, (items). */
  readonly itemEvents: ArrayLike<number>;
  /** Number of items in the catalog. Default: all items. */
  readonly catalogSize?: number | undefined;
}

/** What a report is made of. Everything has been checked. */
export interface ReportInput<M extends RankingMetric> extends RankedEvents {
  /** What to measure. */
  readonly metrics: readonly M[];
  /** The ranks that a list without a model gives, such as by popularity; null: none. */
  readonly baseline: RankedEvents | null;
  /** The lists; null: coverage and novelty are not measured. */
  readonly lists: TopLists | null;
  /** Parts of the events by name: 1 for an event of the part, else 0; each (events). */
  readonly slices: ReadonlyMap<string, Uint8Array>;
  /**
   * User number of each event, (events): events of a user depend on each other, so users are resampled as a
   * whole. Null: events are resampled one by one.
   */
  readonly users: Uint32Array | null;
  /** Number of resamples of the bootstrap, at least 2; 0: no standard errors. */
  readonly resamples: number;
  /** Integer from 0 to 2^53 - 1. The same seed draws the same resamples. */
  readonly seed: number;
}

/**
 * Makes a report.
 *
 * The bootstrap (Efron 1979) draws as many units as there are, with replacement, and takes the mean of each
 * metric over their events; the standard error is the standard deviation of these means. Units are users if
 * there are user numbers, else events. A part of the events is resampled by itself. A model and its baseline
 * are measured on the same resamples.
 *
 * @param input What the report is made of.
 * @returns The report.
 */
export function reportLists<M extends RankingMetric>(input: ReportInput<M>): ListReport<M> {
  const { ranks, candidates, metrics, baseline, lists, slices, users, resamples, seed } = input;
  const own = valuesOf({ ranks, candidates }, metrics);
  const other = baseline === null ? null : valuesOf(baseline, metrics);
  const summaryOf = (events: Uint32Array): SliceSummary<M> => {
    const units = users === null ? null : renumbered(Uint32Array.from(events, (event) => users[event]));
    const draw = { events, units, resamples, seed };
    const summary = summarize(own, metrics, draw);
    return { ...summary, baseline: other === null ? null : summarize(other, metrics, draw) };
  };
  const all = Uint32Array.from({ length: ranks.length }, (_, event) => event);
  // The names come from the user: a name such as "__proto__" must become a key as any other does.
  const parts = Object.fromEntries(
    Array.from(slices, ([name, isIn]) => [name, summaryOf(all.filter((event) => isIn[event] === 1))]),
  );
  return { ...summaryOf(all), lists: lists === null ? null : summarizeLists(lists), slices: parts };
}

/**
 * Computes the mean of each metric over events.
 *
 * @param ranked The place of an item in a list, for each event.
 * @param metrics What to measure.
 * @returns The mean of each metric; NaN without events.
 */
export function meansOfRanks<M extends RankingMetric>(
  ranked: RankedEvents,
  metrics: readonly M[],
): Record<M, number> {
  const events = Uint32Array.from({ length: ranked.ranks.length }, (_, event) => event);
  return summarize(valuesOf(ranked, metrics), metrics, { events, units: null, resamples: 0, seed: 0 })
    .metrics;
}

/** Which events are averaged, and how they are drawn. */
interface Draw {
  /** Numbers of the events, (n). */
  readonly events: Uint32Array;
  /** Unit number of each of them, from 0 on, (n); null: each is a unit. */
  readonly units: Uint32Array | null;
  readonly resamples: number;
  readonly seed: number;
}

/** Computes each metric for each event, (metrics) of (events). */
function valuesOf({ ranks, candidates }: RankedEvents, metrics: readonly RankingMetric[]): Float64Array[] {
  return metrics.map((metric) => {
    const values = new Float64Array(ranks.length);
    for (let event = 0; event < values.length; event++)
      values[event] = measureRank(metric, ranks[event], candidates[event]);
    return values;
  });
}

/** The mean of each metric over some events, and its standard error. */
function summarize<M extends RankingMetric>(
  values: readonly Float64Array[],
  metrics: readonly M[],
  draw: Draw,
): MetricSummary<M> {
  const { events, resamples } = draw;
  const means = values.map((ofEvent) => {
    let sum = 0;
    for (const event of events) sum += ofEvent[event];
    return sum / events.length;
  });
  const named = (numbers: ArrayLike<number>): Record<M, number> =>
    Object.fromEntries(metrics.map((metric, m) => [metric, numbers[m]])) as Record<M, number>;
  const errors = resamples === 0 ? null : named(standardErrors(values, draw));
  return { events: events.length, metrics: named(means), errors };
}

/** The standard error of each metric's mean, (metrics). */
function standardErrors(values: readonly Float64Array[], { events, units, resamples, seed }: Draw): number[] {
  const unitOf = units ?? Uint32Array.from({ length: events.length }, (_, i) => i);
  const numUnits = countGroups(unitOf);
  if (numUnits < 2) return values.map(() => NaN);
  const [starts, order] = rowsByGroup(unitOf);
  const unitSums = values.map((ofEvent) => {
    const sums = new Float64Array(numUnits);
    for (let unit = 0; unit < numUnits; unit++)
      for (let p = starts[unit]; p < starts[unit + 1]; p++) sums[unit] += ofEvent[events[order[p]]];
    return sums;
  });
  const means = values.map(() => new Float64Array(resamples));
  const drawn = new Uint32Array(numUnits);
  for (let resample = 0; resample < resamples; resample++) {
    const key = randomKey(seed, Stream.bootstrap, resample);
    let count = 0;
    for (let i = 0; i < numUnits; i++) {
      drawn[i] = randomBelow(key, i, numUnits);
      count += starts[drawn[i] + 1] - starts[drawn[i]];
    }
    for (let m = 0; m < means.length; m++) {
      let sum = 0;
      for (let i = 0; i < numUnits; i++) sum += unitSums[m][drawn[i]];
      means[m][resample] = sum / count;
    }
  }
  return means.map(standardDeviation);
}

/** The standard deviation of a sample, with the divisor n - 1. */
function standardDeviation(sample: Float64Array): number {
  const n = sample.length;
  let sum = 0;
  for (let i = 0; i < n; i++) sum += sample[i];
  let squares = 0;
  for (let i = 0; i < n; i++) squares += (sample[i] - sum / n) * (sample[i] - sum / n);
  return Math.sqrt(squares / (n - 1));
}

/** Coverage and novelty of lists. */
function summarizeLists({ top, itemEvents, catalogSize = itemEvents.length }: TopLists): ListSummary {
  const isListed = new Uint8Array(itemEvents.length);
  let total = 0;
  for (let item = 0; item < itemEvents.length; item++) total += Math.max(1, itemEvents[item]);
  let [listed, sum, lists] = [0, 0, 0];
  for (const items of top) {
    if (items.length === 0) continue;
    let bits = 0;
    for (let i = 0; i < items.length; i++) {
      listed += 1 - isListed[items[i]];
      isListed[items[i]] = 1;
      bits += log(total / Math.max(1, itemEvents[items[i]])) / LN2;
    }
    sum += bits / items.length;
    lists++;
  }
  return { coverage: listed / catalogSize, novelty: sum / lists };
}

const LN2 = /* @__PURE__ */ log(2);
