// The options of `Recommender` and its methods, and what they return.

import type { Id, IdsOption } from "./data/ids.ts";
import type { TimesOption } from "./data/times.ts";
import type { RankingMetric } from "./metrics/ranking-metrics.ts";
import type { HistoryOptions } from "./ranking/history.ts";
import type { HeldOutEvents } from "./recommending/held-out.ts";
import type { FitOptions } from "./training/fit-options.ts";

/** Options of `new Recommender`. */
export interface RecommenderOptions<ItemId = Id> {
  /**
   * The field of the items' feature maps that holds the id, or an id per item. In a field, 7 and "7" are the
   * same id; in an array they are two. Default: "item"; for sparse rows their numbers.
   */
  ids?: string | ArrayLike<ItemId & (Id | bigint)> | undefined;
  /**
   * Name of the context field that holds the id of the user. What each user takes is remembered. Every context
   * must then have this field; null stands for an anonymous user. Default: users are not known.
   */
  users?: string | undefined;
  /**
   * What a user took before becomes features of the context, see `HistoryOptions`; `{}` for the defaults.
   * Default: it does not.
   */
  history?: HistoryOptions | undefined;
  /** How many items are remembered of each user, at least 1: the last ones. Default: all. */
  remember?: number | undefined;
}

/** Options of `Recommender.fit`: those of `NFM.fit`, with what implicit feedback needs. */
export interface RecommenderFitOptions<ItemId = Id>
  extends Omit<
    FitOptions,
    | "epochs"
    | "validation"
    | "time"
    | "refit"
    | "metrics"
    | "monitor"
    | "patience"
    | "sampleWeight"
    | "groups"
    | "pairsPerRow"
  > {
  /** Number of passes over the events, at least 1. Default: 20. */
  epochs?: number | undefined;
  /**
   * Items to compare with: per event and epoch, at least 1; with a listwise loss per batch, at least 0,
   * besides the items of the batch's own events, or "all" for the whole catalog. Default: 1 for a pairwise
   * loss, 4 for a pointwise one, 64 for a listwise one.
   */
  negatives?: number | "all" | undefined;
  /**
   * Draw negatives in proportion to (number of events)^popularity, at least 0. Default: 0, all items alike.
   */
  popularity?: number | undefined;
  /**
   * User of each event: the name of the context field that holds the user id, or an array with one id per
   * event, such as its session. No item that a user has among these events is a negative for that user. After
   * a fit with a field name, every context must have this field; null stands for an anonymous user. Of an
   * array nothing is remembered. Default: the field of the constructor; without it only the event's own item
   * is no negative.
   */
  users?: IdsOption | undefined;
  /**
   * Time of each event: the name of the field that holds it, which is then no part of the contexts, or an
   * array with one time per event. Events of equal time keep their order. Default: the events are in the
   * order of time.
   */
  time?: TimesOption | undefined;
  /** Training stops after this many epochs without improvement, at least 1. Default: never. */
  patience?: number | undefined;
  /**
   * Held-out events, ranked among the whole catalog after every epoch. No events are held out by themselves.
   * Default: none.
   */
  validation?: HeldOutEvents<ItemId> | undefined;
  /** What to measure on them. Default: "hr@10", "ndcg@10", "mrr". */
  metrics?: readonly RankingMetric[] | undefined;
  /**
   * Which of the metrics decides which epoch is best. Default: the first of `metrics` if they are given, else
   * "ndcg@10".
   */
  monitor?: RankingMetric | undefined;
}

/** Options of `Recommender.update`: those of `fit` that have a meaning for a short training. */
export interface RecommenderUpdateOptions
  extends Pick<FitOptions, "batchSize" | "shuffle" | "onEpoch" | "onBatch" | "progress" | "signal"> {
  /** Number of passes over the events, at least 1. Default: 1. */
  epochs?: number | undefined;
  /** Number of remembered events to train on as well, per new event, from 0 to 100. Default: 1. */
  replay?: number | undefined;
  /** As in `fit`. Default: as in `fit`. */
  negatives?: number | "all" | undefined;
  /** As in `fit`. Default: 0. */
  popularity?: number | undefined;
  /** Time of each event, as in `fit`. Default: the events are in the order of time. */
  time?: TimesOption | undefined;
}

/** Options of `Recommender.evaluate`. */
export interface RecommenderEvaluateOptions<ItemId = Id, M extends RankingMetric = RankingMetric> {
  /** What to measure. Default: "hr@10", "ndcg@10", "mrr". */
  metrics?: readonly M[] | undefined;
  /**
   * Per event the ids to leave out of its list, besides those that the user is known to have; the event's own
   * item always stays in. Ids that are not in the catalog have no effect. Default: none.
   */
  exclude?: readonly Iterable<ItemId>[] | undefined;
  /** Whether items that the user is known to have taken stay in the list. Default: false. */
  repeat?: boolean | undefined;
  /** User of each event, as in `fit`. Default: the recommender's field of users. */
  users?: IdsOption | undefined;
  /** Time of each event, as in `fit`. Default: the events are in the order of time. */
  time?: TimesOption | undefined;
}

/** Options of `Recommender.report`: those of `evaluate`, and how the report is made. */
export interface RecommenderReportOptions<ItemId = Id, M extends RankingMetric = RankingMetric>
  extends RecommenderEvaluateOptions<ItemId, M> {
  /** Length of the lists whose coverage and novelty are measured, at least 1. Default: 10. */
  top?: number | undefined;
  /**
   * Further parts of the events by name: for each event whether it belongs to the part, such as
   * `{ mobile: [true, false] }`. Default: none.
   */
  slices?: Readonly<Record<string, ArrayLike<boolean | 0 | 1>>> | undefined;
  /** Number of resamples of the bootstrap, at least 2; 0: no standard errors. Default: 200. */
  resamples?: number | undefined;
  /** Seed of the resamples, an integer from 0 to 2^53 - 1. Default: 0. */
  seed?: number | undefined;
}
