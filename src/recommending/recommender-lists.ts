// The lists of a recommender that need more code than serving wants: varied lists, reasons, similar items,
// and the users who may want an item.

import { checkInteger, checkKeys, checkNumber, isRecord, wrongType, wrongValue } from "../core/errors.ts";
import { runAtOnce } from "../core/event-loop.ts";
import { CSRBuilder } from "../data/csr-builder.ts";
import type { FeatureMap, FeatureRow, FeatureValue } from "../data/feature-map.ts";
import { isList, isWeighted, levelOf } from "../data/field-values.ts";
import type { Id } from "../data/ids.ts";
import { pushVector, rowOf, type SparseVector } from "../data/sparse-row.ts";
import type { Explanation } from "../explain/explain.ts";
import { scoreRows } from "../model/scoring.ts";
import { Directions } from "../ranking/directions.ts";
import { historyName, pushRow } from "../ranking/history.ts";
import { selectTop } from "../ranking/top.ts";
import type { UserMemory } from "../ranking/user-memory.ts";
import type { Knowledge } from "./knowledge.ts";
import type {
  Reason,
  Recommendation,
  RecommendedUser,
  RecommendManyOptions,
  RecommendOptions,
  SimilarItem,
} from "./list-options.ts";
import { reasonsFor } from "./reasons.ts";
import { type LeftOut, type ReadContext, RecommenderPredictor } from "./recommender-predictor.ts";
import { chooseVaried, type Variety } from "./rerank.ts";

/** Options of `recommend` that `RecommenderPredictor` does not have, and all of them. */
const LIST_OPTIONS = [
  ...["top", "exclude", "unknownIds", "history", "repeat", "filter", "diversity", "atMost", "because"],
];

/** Smallest number of items from which a varied list is chosen, and how many per item of the list. */
const POOL = { least: 100, perItem: 10 };

/** Contexts of users that are scored at a time. */
const USERS_PER_BATCH = 4096;

/** A recommender that makes every kind of list, and does not learn. */
export class RecommenderLists<
  Item extends FeatureRow<Item> = Record<string, FeatureValue>,
  ItemId = Id,
> extends RecommenderPredictor<Item, ItemId> {
  /** @internal */
  protected declare knowledge: Knowledge<UserMemory>;
  readonly #directions = new Directions();

  /** As in `RecommenderPredictor`, and with varied lists and reasons. */
  override recommend<C extends object & FeatureRow<C>>(
    contexts: readonly (FeatureMap | SparseVector | C)[],
    options?: RecommendManyOptions<ItemId, Item>,
  ): Recommendation<ItemId>[][];
  override recommend<C extends object & FeatureRow<C>>(
    context: FeatureMap | SparseVector | C,
    options?: RecommendOptions<ItemId, Item>,
  ): Recommendation<ItemId>[];
  override recommend(
    context: unknown,
    options: RecommendOptions<ItemId, Item> | RecommendManyOptions<ItemId, Item> = {},
  ): Recommendation<ItemId>[] | Recommendation<ItemId>[][] {
    const caller = "Recommender.recommend";
    checkKeys(caller, options, LIST_OPTIONS);
    const { diversity, atMost, because = 0, ...plain } = options;
    checkInteger(`${caller}: because`, because, 0);
    const variety = this.#readVariety(caller, { diversity, atMost });
    const maker = {
      choose: (scores: Float32Array, top: number, leftOut: LeftOut) =>
        variety === null ? selectTop(scores, top, leftOut) : this.#varied(scores, top, leftOut, variety),
      reasonsFor:
        because === 0 ? null : (context: ReadContext, item: number) => this.#reasons(context, item, because),
    };
    return this.recommendBy(maker, context, plain);
  }

  /** Checks the options of varied lists; null: only the scores decide. */
  #readVariety(caller: string, options: RecommendOptions<ItemId, Item>): Variety | null {
    const { diversity = 0, atMost = {} } = options;
    checkNumber(`${caller}: diversity`, diversity, "a number from 0 to 1", (d) => d >= 0 && d <= 1);
    if (!isRecord(atMost)) throw wrongType(`${caller}: atMost`, "an object of fields and limits", atMost);
    const { items } = this.knowledge;
    const limits = Object.entries(atMost).map(([field, most]) => {
      checkInteger(`${caller}: atMost.${field}`, most, 1);
      if (!items.fields.has(field)) {
        const known = [...items.fields].join(", ");
        throw wrongValue(`${caller}: atMost`, `an object with fields of the items (${known})`, field);
      }
      return { most, valuesOf: (item: number) => levelsIn(items.rowOf(item), field) };
    });
    if (diversity === 0 && limits.length === 0) return null;
    const similarity = (a: number, b: number): number => this.#directions.similarity(a, b);
    return { diversity, limits, similarity };
  }

  /** Chooses a varied list. If limits leave too few items of the best ones, it chooses from more. */
  #varied(scores: Float32Array, top: number, leftOut: LeftOut, variety: Variety): number[] {
    this.#updateDirections();
    for (let size = Math.max(POOL.least, POOL.perItem * top); ; size *= 4) {
      const pool = selectTop(scores, size, leftOut);
      const chosen = chooseVaried(pool, scores, top, variety);
      if (chosen.length === top || pool.length < size) return chosen;
    }
  }

  /** @internal Returns what is remembered of users. @throws TypeError if no users are remembered. */
  protected memoryFor(caller: string): UserMemory {
    const { memory } = this.knowledge;
    if (memory !== null) return memory;
    const remedy = "new Recommender(model, items, { users: FIELD }), then fit";
    throw new TypeError(`${caller}: the recommender remembers no users; ${remedy}`);
  }

  #updateDirections(): void {
    const predictor = this.ready("Recommender");
    const rows = runAtOnce(this.knowledge.items.catalog.encode(predictor));
    this.#directions.update(rows, predictor.network.parameters);
  }

  /** Gives the reasons for an item. */
  #reasons(read: ReadContext, item: number, most: number): Reason<ItemId>[] {
    const predictor = this.ready("Recommender.recommend");
    const { items } = this.knowledge;
    const features = new Map(
      Array.from(read.history, (taken) => [
        predictor.encoder!.index(historyName(items.ids.ids[taken])),
        taken,
      ]),
    );
    const itemOf = (feature: number): number | null => features.get(feature) ?? null;
    const catalog = runAtOnce(items.catalog.encode(predictor));
    const parts = reasonsFor(predictor, rowOf(read.row, 0), rowOf(catalog, item), itemOf, most);
    return parts.map(({ item: taken, ...rest }) =>
      taken === null ? rest : { id: this.idOf(taken), ...rest },
    );
  }

  /**
   * Finds the items that are most like an item, by the cosine similarity of their embeddings. The embedding
   * of an item is the sum of those of its features.
   *
   * @param id Id of the item.
   * @param options.top How many items at most, at least 1. Default: 10.
   * @returns The other items, the most similar first.
   * @throws TypeError or RangeError for an unknown id; Error if the model has no parameters yet.
   */
  similar(id: ItemId, options: { top?: number | undefined } = {}): SimilarItem<ItemId>[] {
    const caller = "Recommender.similar";
    checkKeys(caller, options, ["top"]);
    const { items } = this.knowledge;
    const item = items.ids.numberOf(id, `${caller}: id`);
    const top = checkInteger(`${caller}: top`, options.top ?? 10, 1);
    this.ready(caller);
    this.#updateDirections();
    const likeness = Float32Array.from({ length: items.size }, (_, i) =>
      this.#directions.similarity(item, i),
    );
    const leftOut = { has: (other: number) => other === item || items.isListed[other] === 0 };
    return Array.from(selectTop(likeness, top, leftOut), (other) => {
      return { id: this.idOf(other), similarity: likeness[other] };
    });
  }

  /**
   * Finds the remembered users for whom an item scores highest. Users who are known to have taken it are left
   * out. It scores every remembered user, in the last context that was learned of the user.
   *
   * @param id Id of the item.
   * @param options.top How many users at most, at least 1. Default: 10.
   * @returns The users, best first.
   * @throws TypeError or RangeError for an unknown id; TypeError if no users are remembered; Error if the
   *   model has no parameters yet.
   */
  recommendUsers(id: ItemId, options: { top?: number | undefined } = {}): RecommendedUser[] {
    const caller = "Recommender.recommendUsers";
    checkKeys(caller, options, ["top"]);
    const { items } = this.knowledge;
    const item = items.ids.numberOf(id, `${caller}: id`);
    const top = checkInteger(`${caller}: top`, options.top ?? 10, 1);
    const predictor = this.ready(caller);
    const memory = this.memoryFor(caller);
    const candidate = new CSRBuilder();
    pushRow(candidate, runAtOnce(items.catalog.encode(predictor)), item);
    candidate.endRow(caller);
    const encoded = items.history && runAtOnce(items.history.encode(predictor));
    const scores = new Float32Array(memory.users);
    const hasTaken = new Uint8Array(memory.users);
    for (let start = 0; start < memory.users; start += USERS_PER_BATCH) {
      const contexts = new CSRBuilder();
      const end = Math.min(start + USERS_PER_BATCH, memory.users);
      for (let user = start; user < end; user++) {
        const taken = memory.itemsOf(user);
        if (taken.includes(item)) hasTaken[user] = 1;
        const context = memory.contextOf(user);
        if (context !== null) pushVector(contexts, context, caller);
        if (encoded !== null) items.history!.push(contexts, encoded, taken);
        contexts.endRow(caller);
      }
      const rows = contexts.build(predictor.numFeatures, caller);
      runAtOnce(scoreRows(predictor.network, rows, scores.subarray(start, end), candidate));
    }
    return Array.from(selectTop(scores, top, { has: (user) => hasTaken[user] === 1 }), (user) => {
      return { user: memory.idOf(user), score: predictor.predictionOf(scores[user]) };
    });
  }

  /**
   * Explains the score of an item in a context, by `NFM.explain` for the features of both.
   *
   * @param context Features of user and situation.
   * @param id Id of the item.
   * @param options.history Ids of the items that were taken before, the oldest first. Default: what is
   *   remembered of the user.
   * @returns The parts, the largest by magnitude first.
   * @throws TypeError or RangeError that names field or id; Error if the model has no parameters yet.
   */
  explain<C extends object & FeatureRow<C>>(
    context: FeatureMap | SparseVector | C,
    id: ItemId,
    options: { history?: ArrayLike<ItemId> | undefined } = {},
  ): Explanation {
    const caller = "Recommender.explain";
    checkKeys(caller, options, ["history"]);
    const { items } = this.knowledge;
    const item = items.ids.numberOf(id, `${caller}: id`);
    const predictor = this.ready(caller);
    const { history } = options;
    const given = history === undefined ? null : this.readHistory(history, `${caller}: history`, "ignore");
    const { row } = this.readContext(context, `${caller}: context`, given, predictor);
    const builder = new CSRBuilder();
    pushRow(builder, row, 0);
    pushRow(builder, runAtOnce(items.catalog.encode(predictor)), item);
    builder.endRow(caller);
    return predictor.explain(builder.lastRow());
  }
}

/** Lists the values of a field of an item as text; none if it has no value. */
function levelsIn(row: unknown, field: string): string[] {
  const value = row instanceof Map ? row.get(field) : (row as Record<string, unknown>)[field];
  if (value == null) return [];
  if (isList(value)) return Array.from(value, String);
  if (isWeighted(value)) return value instanceof Map ? [...value.keys()].map(String) : Object.keys(value);
  return [levelOf(value) ?? String(value)];
}
