// Recommendations from implicit feedback: a catalog of items, and a model that learns which items are taken
// in which context. The model is trained on events, with negative items drawn from the catalog
// (training/datasets/events.ts). Every recommendation ranks the whole catalog (ranking/).

import {
  checkChoice,
  checkInteger,
  checkKeys,
  checkNumber,
  describe,
  isArrayLike,
  wrongType,
  wrongValue,
} from "./core/errors.ts";
import { runAtOnce, runPaced } from "./core/event-loop.ts";
import { type CheckedRows, copyRows, countRows, fieldsOf, snapshot } from "./data/checked-rows.ts";
import { CSRBuilder } from "./data/csr-builder.ts";
import type { FeatureMap, FeatureRow, FeatureValue } from "./data/feature-map.ts";
import { checkUserField, type Id, readIds } from "./data/ids.ts";
import { checkRows, type RowsOf, readRow, readRows } from "./data/rows.ts";
import type { SparseRows, SparseVector } from "./data/sparse-row.ts";
import type { Explanation } from "./explain/explain.ts";
import type { Loss } from "./losses.ts";
import {
  isRankingMetric,
  measureRank,
  RANKING_FORMS,
  type RankingMetric,
} from "./metrics/ranking-metrics.ts";
import { NFM } from "./nfm.ts";
import type { Predictor } from "./predictor.ts";
import { Catalog } from "./ranking/catalog.ts";
import { ItemIds } from "./ranking/item-ids.ts";
import { selectTop } from "./ranking/top.ts";
import type {
  HeldOutEvents,
  Recommendation,
  RecommenderEvaluateOptions,
  RecommenderFitOptions,
  RecommenderOptions,
  RecommendOptions,
} from "./recommender-options.ts";
import { Events } from "./training/datasets/events.ts";
import type { History } from "./training/epochs.ts";
import { type FitOptions, readTrainingOptions, requireValidation } from "./training/fit-options.ts";
import type { Learner } from "./training/learner.ts";
import type { Validation } from "./training/validation.ts";

/** What is measured when nobody says. */
const DEFAULT_METRICS: readonly RankingMetric[] = ["hr@10", "ndcg@10", "mrr"];

/**
 * A catalog of items and a model that ranks it.
 *
 * @example
 * const items = [{ item: "tea", hot: true }, { item: "milk" }, { item: "juice" }];
 * const recommender = new Recommender(new NFM({ loss: "bpr" }), items);
 * await recommender.fit([{ user: "ana" }, { user: "bo" }], ["tea", "milk"], { users: "user" });
 * recommender.recommend({ user: "ana" }, { top: 2, exclude: ["tea"] }); // [{ id, score }, { id, score }]
 */
export class Recommender<Item extends FeatureRow<Item> = Record<string, FeatureValue>, ItemId = Id> {
  /** The model, for `save` and everything else; the catalog is no part of its file. */
  readonly model: NFM;
  /** The ids of the items, in the order of the catalog, (items). */
  readonly ids: readonly ItemId[];
  readonly #learner: Learner;
  readonly #catalog: Catalog;
  readonly #items: ItemIds;
  /** The field names of the items; none for sparse rows. */
  readonly #fields: ReadonlySet<string>;
  readonly #row = new CSRBuilder();
  /** The context field of the user, as the last fit got it in `users`; null if it got none. */
  #userField: string | null = null;

  /**
   * Reads the catalog.
   *
   * @param model A model, trained or not.
   * @param items Features of each item, with its id: feature maps or sparse rows, at least one, (items).
   * @param options See `RecommenderOptions`.
   * @throws TypeError or RangeError that names an item without an id, or with the id of another item.
   */
  constructor(model: NFM, items: RowsOf<Item>, options: RecommenderOptions<ItemId> = {}) {
    if (!(model instanceof NFM)) throw wrongType("Recommender: model", "an NFM", model);
    checkKeys("Recommender", options, ["ids"]);
    const rows = copyRows(checkRows(items, "Recommender: items"));
    this.#catalog = new Catalog(rows, "Recommender: items");
    this.model = model;
    this.#learner = NFM.learnerOf(model);
    this.#items = new ItemIds(rows, options.ids);
    this.ids = this.#items.ids as readonly Id[] as readonly ItemId[];
    this.#fields = new Set(fieldsOf(rows));
  }

  /**
   * Trains the model on events: item i was taken in context i. Training starts with new parameters, or
   * continues with `resume`. Each epoch draws new negative items. With a pairwise loss the item of an event
   * makes a pair with each of its negative items. With a pointwise loss the item of an event is a row of
   * label 1, and each negative item is a row of label 0.
   *
   * @param contexts Features of user and situation, (events). They must not describe the item, because the
   *   model would then learn to recognize the taken item by them. Field names of items are refused. Indices
   *   in sparse rows are not checked for this.
   * @param items Ids of the items that were taken, (events).
   * @param options See `RecommenderFitOptions`.
   * @returns The history of the training.
   * @throws TypeError, RangeError or Error that names the place. The model is then as before the call, or as
   *   after the last good epoch.
   */
  async fit<T extends object & FeatureRow<T>>(
    contexts: RowsOf<T>,
    items: ArrayLike<ItemId>,
    options: RecommenderFitOptions<ItemId> = {},
  ): Promise<History> {
    const caller = "Recommender.fit";
    if (typeof options !== "object" || options === null)
      throw wrongType(`${caller}: options`, "an object", options);
    const { loss, seed } = this.#learner.settings;
    const { validation, metrics, monitor, users } = options;
    const measured = checkRankingMetrics(caller, metrics);
    if (monitor !== undefined) checkRankingMetrics(caller, [monitor], "monitor");
    const settings = readTrainingOptions(caller, options, ["negatives", "popularity", "users"]);
    if (validation === undefined) requireValidation(caller, settings, "; pass validation as well");
    const negatives = readNegatives(`${caller}: negatives`, options.negatives, loss.kind);
    const place = `${caller}: popularity`;
    const popularity = checkNumber(
      place,
      options.popularity ?? 0,
      "a number of at least 0",
      (alpha) => alpha >= 0,
    );
    const rows = snapshot(checkRows(contexts, `${caller}: contexts`));
    const itemOf = this.#items.readAll(items, countRows(rows), `${caller}: items`);
    const watched = monitor ?? metrics?.[0] ?? "ndcg@10";
    const userField = typeof users === "string" ? users : null;
    const heldOut =
      validation === undefined
        ? null
        : this.#validation(
            `${caller}: validation`,
            validation,
            userField,
            [...new Set([...measured, watched])],
            watched,
          );
    const events = {
      contexts: rows,
      itemOf,
      users: users === undefined ? null : readIds(users, rows, `${caller}: users`, "contexts"),
    };
    const checkContext = this.#checkContext.bind(this);
    const drawn = { negatives, popularity, seed };
    const source = new Events(`${caller}: `, loss, events, this.#catalog, drawn, checkContext);
    const onEpoch: FitOptions["onEpoch"] = (event) => {
      this.#userField = userField; // only now the model is one of this fit
      return settings.onEpoch?.(event);
    };
    return this.#learner.fit(caller, source, { ...settings, onEpoch }, heldOut);
  }

  /**
   * Finds the best items for a context. Features that were not in the training data contribute nothing. So a
   * new user gets recommendations too, based on the other features of the context.
   *
   * @param context Features of user and situation. If the last `fit` of this recommender got the name of a
   *   field as `users`, the context must have that field. For an anonymous user its value is null.
   * @param options See `RecommendOptions`.
   * @returns The items, best first. Items with equal scores have the order of the catalog.
   * @throws TypeError or RangeError that names field or id; Error if the model has no parameters yet.
   */
  recommend<C extends object & FeatureRow<C>>(
    context: FeatureMap | SparseVector | C,
    options: RecommendOptions<ItemId> = {},
  ): Recommendation<ItemId>[] {
    const caller = "Recommender.recommend";
    checkKeys(caller, options, ["top", "exclude", "unknownIds"]);
    const top = checkInteger(`${caller}: top`, options.top ?? 10, 1);
    const { exclude, unknownIds = "ignore" } = options;
    checkChoice(`${caller}: unknownIds`, unknownIds, ["ignore", "error"]);
    const excluded =
      exclude === undefined ? null : this.#items.readExcluded(exclude, `${caller}: exclude`, unknownIds);
    const predictor = this.#learner.ready(caller);
    const row = this.#readContext(context, predictor, `${caller}: context`);
    const scores = this.#catalog.score(predictor.network, predictor, row);
    return Array.from(selectTop(scores, top, excluded), (i) => {
      return { id: this.ids[i], score: predictor.predictionOf(scores[i]) };
    });
  }

  /**
   * Explains the score of an item in a context, by `NFM.explain` for the features of both.
   *
   * @param context Features of user and situation.
   * @param id Id of the item.
   * @returns The parts, the largest by magnitude first.
   * @throws TypeError or RangeError that names field or id; Error if the model has no parameters yet.
   */
  explain<C extends object & FeatureRow<C>>(context: FeatureMap | SparseVector | C, id: ItemId): Explanation {
    const caller = "Recommender.explain";
    const item = this.#items.numberOf(id, `${caller}: id`);
    const predictor = this.#learner.ready(caller);
    const first = this.#readContext(context, predictor, `${caller}: context`);
    const second = runAtOnce(this.#catalog.encode(predictor));
    const [indices, values]: [number[], number[]] = [[], []];
    for (const [rows, row] of [
      [first, 0],
      [second, item],
    ] as const) {
      for (let p = rows.indptr[row]; p < rows.indptr[row + 1]; p++) {
        indices.push(rows.indices[p]);
        values.push(rows.values === null ? 1 : rows.values[p]);
      }
    }
    return predictor.explain({ indices, values });
  }

  /**
   * Measures how high the items of held-out events are ranked. For each event the whole catalog is ranked in
   * the context of the event, and the rank of the event's item counts. Of items with equal scores, the
   * event's item gets the lowest rank.
   *
   * @param contexts Features of user and situation, (events).
   * @param items Ids of the items that were taken, (events).
   * @param options See `RecommenderEvaluateOptions`.
   * @returns The mean of each metric over the events.
   * @throws TypeError or RangeError that names event and field; Error if the model has no parameters yet.
   */
  evaluate<T extends object & FeatureRow<T>, const M extends RankingMetric = "hr@10" | "ndcg@10" | "mrr">(
    contexts: RowsOf<T>,
    items: ArrayLike<ItemId>,
    options: RecommenderEvaluateOptions<ItemId, M> = {},
  ): Record<M, number> {
    const caller = "Recommender.evaluate";
    checkKeys(caller, options, ["metrics", "exclude"]);
    const metrics = checkRankingMetrics(caller, options.metrics) as readonly M[];
    const predictor = this.#learner.ready(caller);
    const events = this.#readHeldOut(`${caller}: `, contexts, items, options.exclude, this.#userField);
    const space = this.#catalog.contextSpace(predictor);
    const rows = runAtOnce(readRows(events.contexts, space, `${caller}: contexts`));
    return runAtOnce(this.#measure(events, rows, metrics, predictor));
  }

  /** Reads one context. The next call overwrites the result. */
  #readContext(context: unknown, predictor: Predictor, place: string): SparseRows {
    this.#checkContext(context, place);
    if (this.#userField !== null) checkUserField(context, this.#userField, place);
    this.#row.clear();
    readRow(this.#row, context, this.#catalog.contextSpace(predictor), place);
    return this.#row;
  }

  /** Refuses a context with a field of the items: the model would learn to recognize the taken item by it. */
  #checkContext(context: unknown, place: string): void {
    for (const field of fieldsOf(context)) {
      if (!this.#fields.has(field)) continue;
      const remedy = "a context holds what all items share: leave it out, or give it another name";
      throw new RangeError(
        `${place} has the field ${describe(field)}, which is one of the items'; ${remedy}`,
      );
    }
  }

  /** Checks the validation events of `fit`. `place` is what errors call them. */
  #validation(
    place: string,
    validation: HeldOutEvents<ItemId>,
    userField: string | null,
    metrics: readonly RankingMetric[],
    monitor: RankingMetric,
  ): Validation {
    if (typeof validation !== "object" || validation === null || isArrayLike(validation)) {
      throw wrongType(place, "{ contexts, items, exclude? }", validation);
    }
    checkKeys(place, validation, ["contexts", "items", "exclude"]);
    const { contexts, items, exclude } = validation;
    const events = this.#readHeldOut(`${place}.`, contexts, items, exclude, userField);
    const measure = this.#measure.bind(this);
    const catalog = this.#catalog;
    return {
      monitor,
      *read(space) {
        const rows = yield* readRows(events.contexts, catalog.contextSpace(space), `${place}.contexts`);
        return (predictor, pacer) => runPaced(measure(events, rows, metrics, predictor), pacer);
      },
    };
  }

  /** Checks held-out events. `userField` is the field that every context must have; null: none. */
  #readHeldOut(
    place: string,
    contexts: unknown,
    items: unknown,
    exclude: unknown,
    userField: string | null,
  ): CheckedHeldOut {
    const rows = snapshot(checkRows(contexts, `${place}contexts`));
    const events = countRows(rows);
    if (events === 0) throw new RangeError(`${place}contexts must hold at least one row, got none`);
    const parts = Array.isArray(rows) ? rows.map((row, i) => [row, `[${i}]`]) : [[rows, ""]];
    for (const [part, at] of parts) {
      this.#checkContext(part, `${place}contexts${at}`);
      if (userField !== null) checkUserField(part, userField, `${place}contexts${at}`);
    }
    const itemOf = this.#items.readAll(items, events, `${place}items`);
    if (exclude === undefined) return { contexts: rows, itemOf, excluded: null };
    if (!isArrayLike(exclude))
      throw wrongType(`${place}exclude`, "an array with the ids to leave out for each row", exclude);
    if (exclude.length !== events) {
      throw wrongValue(
        `${place}exclude.length`,
        `the number of rows of contexts (${events})`,
        exclude.length,
      );
    }
    const excluded = Array.from(exclude, (ids, i) =>
      this.#items.readExcluded(ids, `${place}exclude[${i}]`, "ignore"),
    );
    return { contexts: rows, itemOf, excluded };
  }

  /** Ranks the item of every event and computes the mean of each metric. Yields after each event. */
  *#measure<M extends RankingMetric>(
    { itemOf, excluded }: CheckedHeldOut,
    contexts: SparseRows,
    metrics: readonly M[],
    predictor: Predictor,
  ): Generator<void, Record<M, number>> {
    const sums = new Float64Array(metrics.length);
    for (let event = 0; event < itemOf.length; event++) {
      const context = { ...contexts, rows: 1, indptr: contexts.indptr.subarray(event, event + 2) };
      const scores = this.#catalog.score(predictor.network, predictor, context);
      const { rank, candidates } = placeOf(itemOf[event], scores, excluded && excluded[event]);
      metrics.forEach((metric, m) => {
        sums[m] += measureRank(metric, rank, candidates);
      });
      yield;
    }
    const means = metrics.map((metric, m) => [metric, sums[m] / itemOf.length] as const);
    return Object.fromEntries(means) as Record<M, number>;
  }
}

/** How many negatives there are if nobody says, and how few there may be. */
const NEGATIVES = {
  pairwise: { usual: 1, least: 1 },
  pointwise: { usual: 4, least: 1 },
  listwise: { usual: 256, least: 0 },
};

/** Checks the option `negatives` of `fit`. `place` is what errors call it. */
function readNegatives(place: string, negatives: unknown, kind: Loss["kind"]): number | "all" {
  if (negatives === "all" && kind === "listwise") return negatives;
  const { usual, least } = NEGATIVES[kind];
  return checkInteger(place, negatives ?? usual, least, 2 ** 16);
}

/** Checked held-out events. */
interface CheckedHeldOut {
  /** Context of each event, (events). */
  readonly contexts: CheckedRows;
  /** Item number of each event, (events). */
  readonly itemOf: Uint32Array;
  /** For each event, the numbers of the items to leave out of its list, (events); null: none. */
  readonly excluded: readonly ReadonlySet<number>[] | null;
}

/** Finds the rank of an item, from 1, and the number of ranked items. Ties count against the item. */
function placeOf(
  item: number,
  scores: Float32Array,
  excluded: ReadonlySet<number> | null,
): { rank: number; candidates: number } {
  const own = scores[item];
  let ahead = -1; // starts at -1, because the loop counts the item itself
  for (let i = 0; i < scores.length; i++) if (!(scores[i] < own)) ahead++;
  let left = 0;
  for (const i of excluded ?? []) {
    if (i === item) continue;
    left++;
    if (!(scores[i] < own)) ahead--;
  }
  return { rank: ahead + 1, candidates: scores.length - left };
}

/** Checks that an option names ranking metrics. Returns them, or the default. */
function checkRankingMetrics(
  caller: string,
  metrics: readonly RankingMetric[] | undefined,
  option: "metrics" | "monitor" = "metrics",
): readonly RankingMetric[] {
  if (metrics === undefined) return DEFAULT_METRICS;
  if (!Array.isArray(metrics))
    throw wrongType(`${caller}: ${option}`, "an array of ranking metrics", metrics);
  return Array.from(metrics as readonly RankingMetric[], (metric, i) => {
    const place = option === "metrics" ? `${caller}: metrics[${i}]` : `${caller}: ${option}`;
    if (typeof metric !== "string") throw wrongType(place, `a ranking metric, ${RANKING_FORMS}`, metric);
    if (!isRankingMetric(metric)) throw wrongValue(place, `a ranking metric, ${RANKING_FORMS}`, metric);
    return metric;
  });
}
