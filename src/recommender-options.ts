// The options of `Recommender` and its methods, and what they return.

import type { Id, IdsOption } from "./data/ids.ts";
import type { RowsOf } from "./data/rows.ts";
import type { RankingMetric } from "./metrics/ranking-metrics.ts";
import type { FitOptions } from "./training/fit-options.ts";

/** Options of `new Recommender`. */
export interface RecommenderOptions<ItemId = Id> {
  /**
   * The field of the items' feature maps that holds the id, or an id per item. In a field, 7 and "7" are the
   * same id; in an array they are two. Default: "item"; for sparse rows their numbers.
   */
  ids?: string | ArrayLike<ItemId & (Id | bigint)> | undefined;
}

/** Held-out events. */
export interface HeldOutEvents<ItemId = Id> {
  /** Features of user and situation; (events). */
  readonly contexts: RowsOf<object>;
  /** Ids of the items taken; (events). */
  readonly items: ArrayLike<ItemId>;
  /**
   * Per event the ids that are left out of its list; the event's own item always stays in. Ids that are not
   * in the catalog have no effect. Default: none.
   */
  readonly exclude?: readonly Iterable<ItemId>[] | undefined;
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
   * loss, 4 for a pointwise one, 256 for a listwise one.
   */
  negatives?: number | "all" | undefined;
  /**
   * Draw negatives in proportion to (number of events)^popularity, at least 0. Default: 0, all items alike.
   */
  popularity?: number | undefined;
  /**
   * User of each event: the name of the context field that holds the user id, or an array with one id per
   * event. No item that a user has among these events is a negative for that user. After a fit with a field
   * name, every context must have this field; null stands for an anonymous user. Default: only the event's
   * own item is none.
   */
  users?: IdsOption | undefined;
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

/** Options of `Recommender.recommend`. */
export interface RecommendOptions<ItemId = Id> {
  /** How many items at most, at least 1. Default: 10. */
  top?: number | undefined;
  /** Ids to leave out, such as what the user has already. Default: none. */
  exclude?: Iterable<ItemId> | undefined;
  /**
   * What happens with an id in `exclude` that is not in the catalog: "ignore" takes it for an item that has
   * left the catalog, "error" throws. An id that the catalog has as a number instead of a string, or the
   * reverse, is always an error. Default: "ignore".
   */
  unknownIds?: "ignore" | "error" | undefined;
}

/** Options of `Recommender.evaluate`. */
export interface RecommenderEvaluateOptions<ItemId = Id, M extends RankingMetric = RankingMetric> {
  /** What to measure. Default: "hr@10", "ndcg@10", "mrr". */
  metrics?: readonly M[] | undefined;
  /**
   * Per event the ids to leave out of its list; the event's own item always stays in. Ids that are not in the
   * catalog have no effect. Default: none.
   */
  exclude?: readonly Iterable<ItemId>[] | undefined;
}

/** An item of a list. */
export interface Recommendation<ItemId = Id> {
  /** The id as it was given. */
  readonly id: ItemId;
  /** What `predict` gives for context and item together. */
  readonly score: number;
}
