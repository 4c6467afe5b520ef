// A recommender that ranks its catalog and does not learn: the items, what is remembered of each user, and a
// model. `Recommender` adds the learning.

import { checkBoolean, checkChoice, checkInteger, checkKeys, wrongType } from "../core/errors.ts";
import { runAtOnce } from "../core/event-loop.ts";
import { CSRBuilder } from "../data/csr-builder.ts";
import type { FeatureMap, FeatureRow, FeatureValue } from "../data/feature-map.ts";
import { checkUserField, type Id, userOf } from "../data/ids.ts";
import { type FeatureSpace, readRow } from "../data/rows.ts";
import type { SparseRows, SparseVector } from "../data/sparse-row.ts";
import type { ModelBytes } from "../model/bytes.ts";
import type { ModelStream } from "../model/model-stream.ts";
import { Predictor, type PredictorOptions } from "../predictor.ts";
import { checkHistory, pushRow } from "../ranking/history.ts";
import { SavedUsers } from "../ranking/saved-users.ts";
import { selectTop } from "../ranking/top.ts";
import { Knowledge, readKnowledge, recommenderParts } from "./knowledge.ts";
import type { ItemFilter, ListOptions, ManyListOptions, Reason, Recommendation } from "./list-options.ts";

/** Options of a list. With several contexts, `exclude` and `history` are lists of such options. */
const LIST_OPTIONS = ["top", "exclude", "unknownIds", "history", "repeat", "filter"];

/** A context as the catalog is ranked in it. */
export interface ReadContext {
  /** Sparse rows, whose row 0 is the context with its history. The next reading overwrites it. */
  readonly row: SparseRows;
  /** Numbers of the items that the user is known to have taken. */
  readonly taken: ReadonlySet<number>;
  /** Numbers of the items of the history, the oldest first. */
  readonly history: ArrayLike<number>;
  /** Whether the model knows anything of the context or of its history. */
  readonly isKnown: boolean;
}

/** Says which items are not in a list. */
export interface LeftOut {
  has(item: number): boolean;
}

/** How items are chosen by their scores, and what is said about them. */
export interface ListMaker<ItemId> {
  /** Returns numbers of items, the best first, at most `top`. */
  choose(scores: Float32Array, top: number, leftOut: LeftOut): ArrayLike<number>;
  /** Gives the reasons for an item; null: nobody asked. */
  readonly reasonsFor: ((context: ReadContext, item: number) => Reason<ItemId>[]) | null;
}

const BY_SCORE: ListMaker<never> = { choose: selectTop, reasonsFor: null };

/** A recommender that ranks its catalog. */
export class RecommenderPredictor<Item extends FeatureRow<Item> = Record<string, FeatureValue>, ItemId = Id> {
  /** @internal */
  protected knowledge: Knowledge;
  readonly #row = new CSRBuilder();
  readonly #joined = new CSRBuilder();
  /** @internal Returns the model, or throws if it has no parameters yet. */
  protected readonly ready: (caller: string) => Predictor;

  /** @internal */
  constructor(knowledge: Knowledge, predictor: (caller: string) => Predictor) {
    if (!(knowledge instanceof Knowledge))
      throw new TypeError("RecommenderPredictor: use RecommenderPredictor.load(bytes)");
    this.knowledge = knowledge;
    this.ready = predictor;
  }

  /**
   * Reads a file of `Recommender.save`.
   *
   * @param bytes The file: a Uint8Array (or `Buffer`), an ArrayBuffer, a SharedArrayBuffer or a DataView.
   * @param options See `PredictorOptions`.
   * @returns A recommender that does not learn.
   * @throws Error, TypeError or RangeError that says what is wrong with the file.
   */
  static load<ItemId = Id>(
    bytes: ModelBytes,
    options: PredictorOptions = {},
  ): RecommenderPredictor<Record<string, FeatureValue>, ItemId> {
    const predictor = Predictor.load(bytes, options);
    const knowledge = readKnowledge(recommenderParts(bytes), predictor, readUsers);
    return new this(knowledge, () => predictor);
  }

  /**
   * Reads a file of `Recommender.save` piece by piece, as `Predictor.loadStream` does.
   *
   * @param stream The file: a web stream, a Node stream, a Blob, or any iterable of Uint8Arrays.
   * @param options See `PredictorOptions`.
   * @returns A recommender that does not learn.
   * @throws Error, TypeError or RangeError that says what is wrong with the file; what reading throws.
   */
  static async loadStream<ItemId = Id>(
    stream: ModelStream,
    options: PredictorOptions = {},
  ): Promise<RecommenderPredictor<Record<string, FeatureValue>, ItemId>> {
    const { predictor, metadata, blobs } = await Predictor.streamed(stream, options);
    const knowledge = readKnowledge({ metadata, blobs }, predictor, readUsers);
    return new this(knowledge, () => predictor);
  }

  /** Number of threads that compute long work, as in `Predictor`. */
  get threads(): number {
    return this.ready("threads").threads;
  }

  /** Ends the worker threads, as `Predictor.close` does. */
  close(): void {
    this.ready("close").close();
  }

  /** Does what `close` does, at the end of a block with `using recommender = ...`. */
  [Symbol.dispose](): void {
    this.close();
  }

  /** The ids of the items, in the order of the catalog, (items). */
  get ids(): readonly ItemId[] {
    return this.knowledge.items.listed as readonly Id[] as readonly ItemId[];
  }

  /**
   * Finds the best items for a context. Features that were not in the training data contribute nothing. So a
   * new user gets recommendations too, based on the other features of the context and on what the user took
   * since. Items that the user is known to have taken are left out. If nothing of the context is known, the
   * most popular items are listed.
   *
   * @param context Features of user and situation, or an array of several contexts. If the recommender has a
   *   field of users, the context must have that field. For an anonymous user its value is null.
   * @param options See `ListOptions`. For several contexts, `exclude` and `history` are arrays with one
   *   entry per context.
   * @returns The items, best first. Items with equal scores have the order of the catalog. For several
   *   contexts, one such list per context.
   * @throws TypeError or RangeError that names field or id; Error if the model has no parameters yet.
   */
  recommend<C extends object & FeatureRow<C>>(
    contexts: readonly (FeatureMap | SparseVector | C)[],
    options?: ManyListOptions<ItemId, Item>,
  ): Recommendation<ItemId>[][];
  recommend<C extends object & FeatureRow<C>>(
    context: FeatureMap | SparseVector | C,
    options?: ListOptions<ItemId, Item>,
  ): Recommendation<ItemId>[];
  recommend(
    context: unknown,
    options: ListOptions<ItemId, Item> | ManyListOptions<ItemId, Item> = {},
  ): Recommendation<ItemId>[] | Recommendation<ItemId>[][] {
    checkKeys("Recommender.recommend", options, LIST_OPTIONS);
    return this.recommendBy(BY_SCORE, context, options);
  }

  /**
   * @internal Makes lists.
   *
   * @param maker How items are chosen.
   * @param context A context or an array of contexts.
   * @param options The options, whose names have been checked.
   */
  protected recommendBy(
    maker: ListMaker<ItemId>,
    context: unknown,
    options: ListOptions<ItemId, Item> | ManyListOptions<ItemId, Item>,
  ): Recommendation<ItemId>[] | Recommendation<ItemId>[][] {
    const caller = "Recommender.recommend";
    const predictor = this.ready(caller);
    if (!Array.isArray(context)) {
      return this.#list(maker, context, "", options as ListOptions<ItemId, Item>, predictor);
    }
    const { exclude, history, ...shared } = options as ManyListOptions<ItemId, Item>;
    for (const [name, lists] of Object.entries({ exclude, history })) {
      if (lists === undefined || (Array.isArray(lists) && lists.length === context.length)) continue;
      throw wrongType(
        `${caller}: ${name}`,
        `an array with one list of ids per context (${context.length})`,
        lists,
      );
    }
    return Array.from(context as readonly unknown[], (one, i) => {
      const own = { ...shared, exclude: exclude?.[i], history: history?.[i] };
      return this.#list(maker, one, `[${i}]`, own, predictor);
    });
  }

  /** Makes one list. `at` is the position of the context among several, in errors. */
  #list(
    maker: ListMaker<ItemId>,
    context: unknown,
    at: string,
    options: ListOptions<ItemId, Item>,
    predictor: Predictor,
  ): Recommendation<ItemId>[] {
    const caller = "Recommender.recommend";
    const { exclude, unknownIds = "ignore", history, repeat = false, filter } = options;
    const top = checkInteger(`${caller}: top`, options.top ?? 10, 1);
    checkChoice(`${caller}: unknownIds`, unknownIds, ["ignore", "error"]);
    checkBoolean(`${caller}: repeat`, repeat);
    if (filter !== undefined && typeof filter !== "function")
      throw wrongType(`${caller}: filter`, "a function of an id and an item", filter);
    const { items } = this.knowledge;
    const excluded =
      exclude === undefined
        ? null
        : new Set(items.ids.readSome(exclude, `${caller}: exclude${at}`, unknownIds));
    const given =
      history === undefined ? null : this.readHistory(history, `${caller}: history${at}`, unknownIds);
    const place = `${caller}: context${at}`;
    const read = this.readContext(context, place, given, predictor);
    const { row, taken, isKnown } = read;
    const { isListed } = items;
    const leftOut = {
      has: (item: number): boolean =>
        isListed[item] === 0 ||
        excluded?.has(item) === true ||
        (!repeat && taken.has(item)) ||
        (filter !== undefined && !this.#keeps(filter, item)),
    };
    if (!isKnown) {
      const popular = this.#popular(maker, top, leftOut);
      if (popular !== null) return popular;
    }
    const scores = items.catalog.score(predictor.network, predictor, row);
    const { choose, reasonsFor } = maker;
    return Array.from(choose(scores, top, leftOut), (item) => {
      const listed = { id: this.idOf(item), score: predictor.predictionOf(scores[item]) };
      return reasonsFor === null ? listed : { ...listed, because: reasonsFor(read, item) };
    });
  }

  /** Asks a filter. A promise, which an async function returns, would keep everything, and is refused. */
  #keeps(filter: ItemFilter<ItemId, Item>, item: number): boolean {
    const kept: unknown = filter(this.idOf(item), this.knowledge.items.rowOf(item) as Item);
    if (typeof kept === "boolean") return kept;
    throw wrongType("Recommender.recommend: filter", "a function that returns true or false", kept);
  }

  /** Lists the most popular items; null if no events are known. */
  #popular(maker: ListMaker<ItemId>, top: number, leftOut: LeftOut): Recommendation<ItemId>[] | null {
    const { counts } = this.knowledge;
    const total = counts.reduce((sum, count) => sum + count, 0);
    if (total === 0) return null;
    return Array.from(maker.choose(Float32Array.from(counts), top, leftOut), (item) => {
      return { id: this.idOf(item), score: counts[item] / total, popular: true };
    });
  }

  /** @internal */
  protected idOf(item: number): ItemId {
    return this.knowledge.items.ids.ids[item] as ItemId;
  }

  /** @internal Reads a history that a user passes. Ids that are not in the catalog may be left out. */
  protected readHistory(history: unknown, place: string, unknownIds: "ignore" | "error"): number[] {
    if (this.knowledge.items.history === null) {
      const remedy = "new Recommender(model, items, { history: {} })";
      throw new TypeError(`${place} needs a recommender that was trained with histories: ${remedy}`);
    }
    const ids = Array.from(checkHistory(history, place));
    const taken = this.knowledge.items.ids.readSome(ids, place, unknownIds);
    return taken.filter((item, i) => taken.lastIndexOf(item) === i);
  }

  /**
   * @internal Reads a context and adds its history. The next call overwrites the row.
   *
   * @param context Any value.
   * @param place What errors call it.
   * @param given Numbers of the items taken before, the oldest first; null: what is remembered of the user.
   * @param predictor The model.
   */
  protected readContext(
    context: unknown,
    place: string,
    given: readonly number[] | null,
    predictor: Predictor,
  ): ReadContext {
    const { items, userField, memory } = this.knowledge;
    items.checkContext(context, place);
    if (userField !== null) checkUserField(context, userField, place);
    const user = userField === null || memory === null ? null : userOf(context, userField, place);
    const number = user === null ? -1 : memory!.numberOf(user);
    const remembered = number < 0 ? [] : memory!.itemsOf(number);
    this.#row.clear();
    let known = 0;
    const onKnown = (values: number): void => {
      known = values;
    };
    readRow(this.#row, context, spaceOf(items.catalog.contextSpace(predictor), onKnown), place);
    const taken = new Set(remembered);
    for (const item of given ?? []) taken.add(item);
    const history = given ?? remembered;
    const isKnown = known > 0 || this.#row.indptr[1] > 0;
    if (items.history === null || history.length === 0)
      return { row: this.#row, taken, history: [], isKnown };
    this.#joined.clear();
    pushRow(this.#joined, this.#row, 0);
    items.history.push(this.#joined, runAtOnce(items.history.encode(predictor)), history);
    this.#joined.endRow(place);
    return { row: this.#joined, taken, history, isKnown: isKnown || this.#joined.indptr[1] > 0 };
  }
}

/** The features of contexts, with somebody who hears how much of a context is known. */
function spaceOf(
  { encoder, numFeatures, notices, inspect, isExpected }: FeatureSpace,
  onKnown: (values: number) => void,
): FeatureSpace {
  return { encoder, numFeatures, notices, inspect, isExpected, onKnown };
}

/** Reads the memory of users. The file may change or go. */
function readUsers(users: Uint8Array, { numItems }: { readonly numItems: number }): SavedUsers {
  return new SavedUsers(users.slice(), numItems);
}
