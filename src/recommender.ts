// Recommending from implicit feedback: a catalogue of items and a model of what is taken in which context. Events train
// it, with negatives drawn from the catalogue (training/events.ts); every list ranks the whole catalogue (ranking/).

import { runAtOnce, runPaced } from "./core/cooperate.ts";
import { checkInteger, checkKeys, checkNumber, describe, isArrayLike, wrongType, wrongValue } from "./core/errors.ts";
import type { SparseVector } from "./core/sparse-row.ts";
import { CSRBuilder, type CSRMatrix } from "./core/sparse.ts";
import type { RowView } from "./data/batches.ts";
import type { FeatureMap, FeatureRow, FeatureValue } from "./data/feature-map.ts";
import { checkId, numbered, readIds, type Id } from "./data/ids.ts";
import { checkInput, copyRows, countRows, fieldsOf, needsEncoder, readInput, readRow, type Input, type Reader } from "./data/input.ts";
import type { Explanation } from "./explain.ts";
import { readerOf, type Learner } from "./learner.ts";
import { linkOf } from "./losses.ts";
import { NFM } from "./nfm.ts";
import { Catalogue } from "./ranking/catalogue.ts";
import { selectTop } from "./ranking/top.ts";
import type { EventExamples } from "./training/events.ts";
import { snapshot } from "./training/examples.ts";
import { readTrainingOptions, type FitOptions } from "./training/fit-options.ts";
import type { History } from "./training/fit.ts";
import { isRankingMetric, measureRank, RANKING_FORMS, type RankingMetric } from "./training/ranking-metrics.ts";
import type { Trainer } from "./training/trainer.ts";
import type { HeldOut } from "./training/validation.ts";

/** Options of `new Recommender`. */
export interface RecommenderOptions {
  /** The field of the items' feature maps that holds the id, or an id per item. Default: "item"; for sparse rows their numbers. */
  ids?: string | ArrayLike<Id> | undefined;
}

/** Held-out events, and per event the ids that are left out of its list beside the event's own item. */
export interface HeldOutEvents {
  readonly contexts: Input | readonly object[];
  readonly items: ArrayLike<Id>;
  readonly exclude?: readonly Iterable<Id>[] | undefined;
}

/** Options of `Recommender.fit`: those of `NFM.fit`, with what implicit feedback needs. */
export interface RecommenderFitOptions extends Omit<FitOptions, "validation" | "metrics" | "monitor" | "sampleWeight" | "groups" | "pairsPerRow"> {
  /** Negatives per event and epoch, at least 1. Default: 1 for a pairwise loss, 4 for a pointwise one. */
  negatives?: number | undefined;
  /** Draw negatives in proportion to (number of events)^popularity, at least 0. Default: 0, all items alike. */
  popularity?: number | undefined;
  /**
   * Whose events they are: the field of the contexts that holds the user's id, or an id per event. No item that a user has
   * among these events is a negative for that user. Default: only the event's own item is none.
   */
  users?: string | ArrayLike<Id> | undefined;
  /** Held-out events, ranked among the whole catalogue after every epoch. */
  validation?: HeldOutEvents | undefined;
  /** What to measure on them. Default: "hr@10", "ndcg@10", "mrr". */
  metrics?: readonly RankingMetric[] | undefined;
  /** Which of the metrics decides which epoch is best. Default: the first of `metrics` if they are given, else "ndcg@10". */
  monitor?: RankingMetric | undefined;
}

/** An item of a list. */
export interface Recommendation {
  readonly id: Id;
  /** What `predict` gives for context and item together. */
  readonly score: number;
}

const METRICS: readonly RankingMetric[] = ["hr@10", "ndcg@10", "mrr"];

/**
 * A catalogue of items with a model that ranks it.
 *
 * @example
 * const items = [{ item: "tea", hot: true }, { item: "milk" }, { item: "juice" }];
 * const recommender = new Recommender(new NFM({ loss: "bpr" }), items);
 * await recommender.fit([{ user: "ana" }, { user: "bo" }], ["tea", "milk"], { users: "user" });
 * recommender.recommend({ user: "ana" }, { top: 2, exclude: ["tea"] }); // [{ id, score }, { id, score }]
 */
export class Recommender<Item extends FeatureRow<Item> = Record<string, FeatureValue>> {
  /** The model, for `save` and everything else; the catalogue is no part of its file. */
  readonly model: NFM;
  /** The items' ids, in the order of the catalogue. */
  readonly ids: readonly Id[];
  readonly #learner: Learner;
  readonly #catalogue: Catalogue;
  readonly #numberOf: ReadonlyMap<Id, number>;
  /** Fields of the items, if they are feature maps. */
  readonly #fields: ReadonlySet<string>;
  readonly #row = new CSRBuilder();

  /**
   * @param model To be trained by `fit`, or trained already.
   * @param items Features of each item, its id among them: feature maps or sparse rows; at least one.
   * @throws TypeError or RangeError that names the item: ids must be there, and differ.
   */
  constructor(model: NFM, items: Input | readonly Item[], options: RecommenderOptions = {}) {
    if (!(model instanceof NFM)) throw wrongType("Recommender: model", "an NFM", model);
    checkKeys("Recommender", options, ["ids"]);
    const input = copyRows(checkInput(items, "Recommender: items"));
    this.#catalogue = new Catalogue(input, "Recommender: items");
    this.model = model;
    this.#learner = NFM.learnerOf(model);
    this.ids = Object.freeze(readItemIds(input, options.ids));
    const numberOf = new Map<Id, number>();
    this.ids.forEach((id, i) => {
      const other = numberOf.get(id);
      if (other !== undefined) throw new RangeError(`Recommender: items[${i}] must have an id of its own, got ${describe(id)}, as items[${other}] has`);
      numberOf.set(id, i);
    });
    this.#numberOf = numberOf;
    this.#fields = new Set(fieldsOf(input));
  }

  /**
   * Trains the model on events from a fresh start (or goes on, with `resume`): in context i, item i was taken. With a
   * pairwise loss every event is a pair with each of its negatives; with a pointwise loss it is a row of label 1, and each
   * negative one of label 0. Negatives are drawn anew in every epoch.
   *
   * @param contexts Features of user and situation, (events). Never those of the item, which would show the model what it is
   *   to find out: fields of items are refused, indices in sparse rows are not.
   * @param items Ids of the items taken; (events).
   * @throws TypeError, RangeError or Error naming the place; the model is then as it was, or as after the last good epoch.
   */
  async fit<T extends FeatureRow<T>>(contexts: Input | readonly T[], items: ArrayLike<Id>, options: RecommenderFitOptions = {}): Promise<History> {
    const caller = "Recommender.fit";
    if (typeof options !== "object" || options === null) throw wrongType(`${caller}: options`, "an object", options);
    const { loss } = this.#learner.settings;
    const { validation, metrics, monitor, users } = options;
    const measured = checkRankingMetrics(caller, metrics);
    if (monitor !== undefined) checkRankingMetrics(caller, [monitor], "monitor");
    const settings = readTrainingOptions(caller, options, ["negatives", "popularity", "users"]);
    const negatives = checkInteger(`${caller}: negatives`, options.negatives ?? (loss.kind === "pairwise" ? 1 : 4), 1, 2 ** 16);
    const popularity = checkNumber(`${caller}: popularity`, options.popularity ?? 0, "a number of at least 0", (alpha) => alpha >= 0);
    const input = snapshot(checkInput(contexts, `${caller}: contexts`));
    const itemOf = this.#readItems(items, countRows(input), `${caller}: items`);
    const watched = monitor ?? metrics?.[0] ?? "ndcg@10";
    const heldOut = validation === undefined ? null : this.#heldOut(`${caller}: validation`, validation, [...new Set([...measured, watched])], watched);
    const events: EventExamples = {
      kind: "events", contexts: input, checkContext: this.#checkContext.bind(this), items: this.#catalogue, itemOf,
      users: users === undefined ? null : readUsers(users, input, `${caller}: users`), negatives, popularity,
    };
    return this.#learner.fit(caller, events, settings, heldOut);
  }

  /**
   * The best items in a context. Features of the context that training has not seen contribute nothing, so a new user gets a
   * list too, from what else is known.
   *
   * @param context Features of user and situation.
   * @param options.top How many at most, at least 1. Default: 10.
   * @param options.exclude Ids to leave out, such as what the user has already.
   * @returns Best first; of equal scores the earlier item of the catalogue first.
   */
  recommend<C extends object & FeatureRow<C>>(
    context: FeatureMap | SparseVector | C, options: { top?: number | undefined; exclude?: Iterable<Id> | undefined } = {},
  ): Recommendation[] {
    checkKeys("Recommender.recommend", options, ["top", "exclude"]);
    const top = checkInteger("Recommender.recommend: top", options.top ?? 10, 1);
    const excluded = options.exclude === undefined ? null : this.#readExcluded(options.exclude, "Recommender.recommend: exclude");
    const model = this.#learner.ready("Recommender.recommend");
    const { trainer } = model;
    const row = this.#readContext(context as FeatureMap, readerOf(model), "Recommender.recommend: context");
    const scores = this.#catalogue.score(trainer, readerOf(model), row.view);
    const link = linkOf(trainer.loss);
    return Array.from(selectTop(scores, top, excluded), (i) => ({ id: this.ids[i], score: link ? Math.fround(link(scores[i])) : scores[i] }));
  }

  /** The reasons for an item's score in a context: `NFM.explain` of the two together. */
  explain<C extends object & FeatureRow<C>>(context: FeatureMap | SparseVector | C, id: Id): Explanation {
    const item = this.#itemNumber(id, "Recommender.explain: id");
    const reader = readerOf(this.#learner.ready("Recommender.explain"));
    const row = this.#readContext(context as FeatureMap, reader, "Recommender.explain: context");
    const [first, second] = [row.lastRow(), runAtOnce(this.#catalogue.read(reader)).row(item)];
    const valuesOf = ({ indices, values }: SparseVector): number[] => Array.from(values ?? new Float32Array(indices.length).fill(1));
    return this.model.explain({ indices: [...Array.from(first.indices), ...Array.from(second.indices)], values: [...valuesOf(first), ...valuesOf(second)] });
  }

  /**
   * Leave-one-out evaluation: for each held-out event the whole catalogue is ranked in its context, and what counts is the
   * place of the event's item. An item that scores the same as another counts as the lower of the two.
   *
   * @param contexts Features of user and situation; (events).
   * @param items Ids of the items taken; (events).
   * @param options.metrics Default: "hr@10", "ndcg@10", "mrr".
   * @param options.exclude Per event the ids to leave out of its list, such as what the user had in training; the event's own
   *   item always stays in.
   * @returns The mean of each metric over the events.
   */
  evaluate<T extends FeatureRow<T>>(
    contexts: Input | readonly T[], items: ArrayLike<Id>,
    options: { metrics?: readonly RankingMetric[] | undefined; exclude?: readonly Iterable<Id>[] | undefined } = {},
  ): Record<string, number> {
    checkKeys("Recommender.evaluate", options, ["metrics", "exclude"]);
    const metrics = checkRankingMetrics("Recommender.evaluate", options.metrics);
    const model = this.#learner.ready("Recommender.evaluate");
    const place = "Recommender.evaluate: ";
    const questions = this.#readQuestions(place, contexts as Input, items, options.exclude);
    const reader = readerOf(model);
    const rows = runAtOnce(readInput(questions.contexts, reader, `${place}contexts`));
    return runAtOnce(this.#measure(questions, rows, metrics, model.trainer, reader));
  }

  /** Reads one context, in memory that the next overwrites. */
  #readContext(context: FeatureMap | SparseVector, reader: Reader, place: string): CSRBuilder {
    this.#checkContext(context, place);
    this.#row.clear();
    readRow(this.#row, context, reader, place);
    return this.#row;
  }

  /** A context with an item's field would show the model in training what it is to find out. */
  #checkContext(context: FeatureMap | SparseVector, place: string): void {
    for (const field of fieldsOf(context)) {
      if (this.#fields.has(field)) throw new RangeError(`${place} has the field ${describe(field)}, which is one of the items'; a context holds what all items share: leave it out, or give it another name`);
    }
  }

  /** Held-out events for the trainer. `place` is what errors call them. */
  #heldOut(place: string, validation: HeldOutEvents, metrics: readonly RankingMetric[], monitor: RankingMetric): HeldOut {
    if (typeof validation !== "object" || validation === null || isArrayLike(validation)) throw wrongType(place, "{ contexts, items, exclude? }", validation);
    checkKeys(place, validation, ["contexts", "items", "exclude"]);
    const questions = this.#readQuestions(`${place}.`, validation.contexts, validation.items, validation.exclude);
    const measure = this.#measure.bind(this);
    return {
      monitor,
      *read(reader) {
        const rows = yield* readInput(questions.contexts, reader, `${place}.contexts`);
        return (trainer, pacer) => runPaced(measure(questions, rows, metrics, trainer, reader), pacer);
      },
    };
  }

  /** Checks events to be ranked. */
  #readQuestions(place: string, contexts: unknown, items: unknown, exclude: unknown): Questions {
    const input = snapshot(checkInput(contexts, `${place}contexts`));
    const events = countRows(input);
    if (events === 0) throw new RangeError(`${place}contexts must hold at least one row, got none`);
    if (Array.isArray(input)) input.forEach((context: FeatureMap, i) => this.#checkContext(context, `${place}contexts[${i}]`));
    const itemOf = this.#readItems(items, events, `${place}items`);
    if (exclude === undefined) return { contexts: input, itemOf, excluded: null };
    if (!isArrayLike(exclude)) throw wrongType(`${place}exclude`, "an array with the ids to leave out for each row", exclude);
    if (exclude.length !== events) throw wrongValue(`${place}exclude.length`, `the number of rows of contexts (${events})`, exclude.length);
    return { contexts: input, itemOf, excluded: Array.from(exclude, (ids, i) => this.#readExcluded(ids, `${place}exclude[${i}]`)) };
  }

  /** Ranks every event's item and takes the mean of the metrics; yields after each event. */
  *#measure(
    { itemOf, excluded }: Questions, contexts: CSRMatrix, metrics: readonly RankingMetric[], trainer: Trainer, reader: Reader,
  ): Generator<void, Record<string, number>> {
    const sums = new Float64Array(metrics.length);
    for (let event = 0; event < itemOf.length; event++) {
      const { indices, values } = contexts;
      const context: RowView = { indptr: contexts.indptr.subarray(event, event + 2), indices, values };
      const scores = this.#catalogue.score(trainer, reader, context);
      const { rank, candidates } = placeOf(itemOf[event], scores, excluded && excluded[event]);
      metrics.forEach((metric, m) => (sums[m] += measureRank(metric, rank, candidates)));
      yield;
    }
    return Object.fromEntries(metrics.map((metric, m) => [metric, sums[m] / itemOf.length]));
  }

  /** The numbers of the items with these ids, one per event. */
  #readItems(items: unknown, events: number, place: string): Uint32Array {
    if (!isArrayLike(items)) throw wrongType(place, "an array of item ids", items);
    if (items.length !== events) throw wrongValue(`${place}.length`, `the number of rows of contexts (${events})`, items.length);
    return Uint32Array.from({ length: events }, (_, i) => this.#itemNumber(items[i], `${place}[${i}]`));
  }

  #readExcluded(ids: unknown, place: string): ReadonlySet<number> {
    const iterate = (ids as Iterable<unknown> | null | undefined)?.[Symbol.iterator] as unknown;
    if (typeof ids === "string" || typeof iterate !== "function") throw wrongType(place, "an array or set of item ids", ids);
    const numbers = new Set<number>();
    let i = 0;
    for (const id of ids as Iterable<unknown>) numbers.add(this.#itemNumber(id, `${place}[${i++}]`));
    return numbers;
  }

  #itemNumber(id: unknown, place: string): number {
    const number = this.#numberOf.get(checkId(id, place));
    if (number === undefined) throw wrongValue(place, `the id of an item of the catalogue (${this.ids.length} items, such as ${describe(this.ids[0])})`, id);
    return number;
  }
}

/** Held-out events, checked. */
interface Questions {
  readonly contexts: Input;
  readonly itemOf: Uint32Array;
  readonly excluded: readonly ReadonlySet<number>[] | null;
}

/** The place of an item in a ranked list, from 1, with ties against it, and how many items are ranked. */
function placeOf(item: number, scores: Float32Array, excluded: ReadonlySet<number> | null): { rank: number; candidates: number } {
  const own = scores[item];
  let ahead = -1; // not counting itself
  for (let i = 0; i < scores.length; i++) if (!(scores[i] < own)) ahead++;
  let left = 0;
  for (const i of excluded ?? []) {
    if (i === item) continue;
    left++;
    if (!(scores[i] < own)) ahead--;
  }
  return { rank: ahead + 1, candidates: scores.length - left };
}

function readItemIds(items: Input, ids: string | ArrayLike<Id> | undefined): readonly Id[] {
  const named = needsEncoder(items);
  if (typeof ids === "string" || (ids === undefined && named)) return readField(items, ids ?? "item", "Recommender: items", "ids");
  const rows = countRows(items);
  if (ids === undefined) return Array.from({ length: rows }, (_, i) => i);
  if (!isArrayLike(ids)) throw wrongType("Recommender: ids", "the name of a field, or an array of ids", ids);
  if (ids.length !== rows) throw wrongValue("Recommender: ids.length", `the number of items (${rows})`, ids.length);
  return Array.from(ids, (id, i) => checkId(id, `Recommender: ids[${i}]`));
}

/** The id that each row has in a field, which `option` names. */
function readField(rows: Input, field: string, place: string, option: string): Id[] {
  if (!Array.isArray(rows)) throw wrongType(place, `feature maps with a field ${describe(field)}`, rows);
  return Array.from(rows as readonly unknown[], (row, i) => {
    const id: unknown = row instanceof Map ? row.get(field) : (row as Record<string, unknown> | null)?.[field];
    if (typeof id === "string") return id;
    throw wrongType(`${place}[${i}].${field}`, typeof id === "number" ? "a string: write String(id), for a number is a value and names no feature of its own" : `an id, a string (the option ${option} names another field, or lists ids)`, id);
  });
}

function readUsers(users: string | ArrayLike<Id>, contexts: Input, place: string): Uint32Array {
  const rows = countRows(contexts);
  if (typeof users === "string") return numbered(readField(contexts, users, place.replace(/users$/, "contexts"), "users"));
  return readIds(users, rows, place, "the number of rows of contexts");
}

function checkRankingMetrics(caller: string, metrics: readonly RankingMetric[] | undefined, option: string = "metrics"): readonly RankingMetric[] {
  if (metrics === undefined) return METRICS;
  if (!Array.isArray(metrics)) throw wrongType(`${caller}: ${option}`, "an array of ranking metrics", metrics);
  return Array.from(metrics as readonly RankingMetric[], (metric, i) => {
    const place = option === "metrics" ? `${caller}: metrics[${i}]` : `${caller}: ${option}`;
    if (typeof metric !== "string") throw wrongType(place, `a ranking metric, ${RANKING_FORMS}`, metric);
    if (!isRankingMetric(metric)) throw wrongValue(place, `a ranking metric, ${RANKING_FORMS}`, metric);
    return metric;
  });
}
