// The options of lists of recommendations, and what the lists hold.

import type { Id } from "../data/ids.ts";

/** Says whether an item may be listed. `item` is its row in the catalog. */
export type ItemFilter<ItemId = Id, Item = unknown> = {
  keep(id: ItemId, item: Item): boolean;
}["keep"];

/** Options of a list of the best items. */
export interface ListOptions<ItemId = Id, Item = unknown> {
  /** How many items at most, at least 1. Default: 10. */
  top?: number | undefined;
  /** Ids to leave out, besides those that the user is known to have taken. Default: none. */
  exclude?: Iterable<ItemId> | undefined;
  /**
   * What happens with an id in `exclude` or `history` that is not in the catalog: "ignore" takes it for an
   * item that has left the catalog, "error" throws. An id that the catalog has as a number instead of a
   * string, or the reverse, is always an error. Default: "ignore".
   */
  unknownIds?: "ignore" | "error" | undefined;
  /**
   * Ids of the items that were taken before, the oldest first, in place of what is remembered of the user.
   * They are left out of the list. Default: what is remembered.
   */
  history?: ArrayLike<ItemId> | undefined;
  /** Whether items that the user is known to have taken may be listed again. Default: false. */
  repeat?: boolean | undefined;
  /** Keeps the items for which it returns true. Default: all. */
  filter?: ItemFilter<ItemId, Item> | undefined;
}

/** Options of `Recommender.recommend`. */
export interface RecommendOptions<ItemId = Id, Item = unknown> extends ListOptions<ItemId, Item> {
  /**
   * How much items that are like each other are kept out of one list, from 0 to 1: the weight of the likeness
   * in maximal marginal relevance (Carbonell & Goldstein 1998). Default: 0.
   */
  diversity?: number | undefined;
  /** Most items in the list per value of a field of the items, such as `{ genre: 2 }`. Default: no limits. */
  atMost?: Readonly<Record<string, number>> | undefined;
  /** How many reasons to give for each item. Default: 0. */
  because?: number | undefined;
}

/** `ListOptions` for several contexts. */
export interface ManyListOptions<ItemId = Id, Item = unknown>
  extends Omit<ListOptions<ItemId, Item>, "exclude" | "history"> {
  /** For each context the ids to leave out, (contexts). Default: none. */
  exclude?: readonly Iterable<ItemId>[] | undefined;
  /** For each context the ids of the items taken before, the oldest first, (contexts). */
  history?: readonly ArrayLike<ItemId>[] | undefined;
}

/** `RecommendOptions` for several contexts. */
export interface RecommendManyOptions<ItemId = Id, Item = unknown>
  extends ManyListOptions<ItemId, Item>,
    Pick<RecommendOptions<ItemId, Item>, "diversity" | "atMost" | "because"> {}

/** An item of a list. */
export interface Recommendation<ItemId = Id> {
  /** The id as it was given. */
  readonly id: ItemId;
  /** What `predict` gives for context and item together; for `popular` items their share of all events. */
  readonly score: number;
  /**
   * True in a list of the most popular items, which is given if nothing of the context is known. Absent in
   * other lists.
   */
  readonly popular?: true;
  /**
   * What carries the recommendation: the parts of the context that add most to the score, by their
   * interactions with the item, the largest first. Present with the option `because`, but not in a list of popular items.
   */
  readonly because?: readonly Reason<ItemId>[];
}

/** A part of the context that speaks for an item. */
export interface Reason<ItemId = Id> {
  /** The id of an item of the history; absent for other features. */
  readonly id?: ItemId;
  /** The name of the feature, such as "country=fr". */
  readonly feature: string;
  /** What it adds to the raw score, above 0. */
  readonly contribution: number;
}

/** An item that is like another one. */
export interface SimilarItem<ItemId = Id> {
  readonly id: ItemId;
  /** Cosine similarity of the embeddings, from -1 to 1. */
  readonly similarity: number;
}

/** A user who may want an item. */
export interface RecommendedUser {
  /** The id of the user, as text. */
  readonly user: string;
  /** What `predict` gives for the user's last context, with the history, and the item together. */
  readonly score: number;
}
