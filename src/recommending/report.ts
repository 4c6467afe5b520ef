// Makes the report of a recommender on held-out events: ranks the catalog for each of them, and the list of
// the most popular items beside it.

import { runAtOnce } from "../core/event-loop.ts";
import type { SparseRows } from "../data/sparse-row.ts";
import { activitySlices } from "../metrics/event-slices.ts";
import { type ListReport, reportLists } from "../metrics/list-report.ts";
import type { RankingMetric } from "../metrics/ranking-metrics.ts";
import type { Predictor } from "../predictor.ts";
import { selectTop } from "../ranking/top.ts";
import { type CheckedHeldOut, type OnRanked, placeOf, rankEvents } from "./held-out.ts";
import type { KnowledgeParts } from "./knowledge.ts";

/** How a report is made. */
export interface ReportSettings<M extends RankingMetric> {
  readonly metrics: readonly M[];
  /** Length of the lists whose coverage and novelty are measured, at least 1. */
  readonly top: number;
  /** Further parts of the events by name: 1 for an event of the part, else 0; each (events). */
  readonly slices: ReadonlyMap<string, Uint8Array>;
  /** Number of resamples of the bootstrap, at least 2; 0: no standard errors. */
  readonly resamples: number;
  readonly seed: number;
}

/**
 * Makes a report.
 *
 * @param events The held-out events.
 * @param contexts Their encoded contexts, (events).
 * @param knowledge What the recommender knows.
 * @param predictor The model.
 * @param settings How the report is made.
 * @returns The report. Without any training event it has no baseline.
 */
export function makeReport<M extends RankingMetric>(
  events: CheckedHeldOut,
  contexts: SparseRows,
  { items, counts }: KnowledgeParts,
  predictor: Predictor,
  { metrics, top, slices, resamples, seed }: ReportSettings<M>,
): ListReport<M> {
  const { itemOf, users, before } = events;
  const popular = { ranks: new Uint32Array(itemOf.length), candidates: new Uint32Array(itemOf.length) };
  const lists: Uint32Array[] = [];
  const onRanked: OnRanked = (event, scores, leftOut) => {
    [popular.ranks[event], popular.candidates[event]] = placeOf(itemOf[event], counts, leftOut);
    lists.push(selectTop(scores, top, leftOut));
  };
  const ranked = runAtOnce(rankEvents(events, contexts, items, predictor, onRanked));
  const userEvents = users && Array.from(users, (user) => before(user).length);
  const itemEvents = Array.from(itemOf, (item) => counts[item]);
  return reportLists({
    ...ranked,
    ...{ metrics, users, resamples, seed },
    baseline: counts.some((count) => count > 0) ? popular : null,
    lists: { top: lists, itemEvents: counts, catalogSize: items.listed.length },
    slices: new Map([...activitySlices(userEvents, itemEvents), ...slices]),
  });
}
