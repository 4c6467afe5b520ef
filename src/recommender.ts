// Recommendations from implicit feedback: a catalog of items, and a model that learns which items are taken
// in which context. The model is trained on events, whose items are compared with other items of the catalog
// (training/datasets/events.ts). recommending/ holds what a recommender does without learning.

import { checkBoolean, checkInteger, checkKeys, checkNumber, isArrayLike, wrongType } from "./core/errors.ts";
import { runAtOnce, runPaced } from "./core/event-loop.ts";
import { randomKey, Stream } from "./core/random.ts";
import type { FeatureRow, FeatureValue } from "./data/feature-map.ts";
import { checkId, type Id, type IdsOption } from "./data/ids.ts";
import type { RowsOf } from "./data/rows.ts";
import type { SparseRows } from "./data/sparse-row.ts";
import { readSlices } from "./metrics/event-slices.ts";
import { type ListReport, meansOfRanks } from "./metrics/list-report.ts";
import { checkRankingMetric, checkRankingMetrics, type RankingMetric } from "./metrics/ranking-metrics.ts";
import type { ModelBytes } from "./model/bytes.ts";
import type { ModelStream } from "./model/model-stream.ts";
import { NFM } from "./nfm.ts";
import { type Histories, readHistory } from "./ranking/history.ts";
import { UserMemory } from "./ranking/user-memory.ts";
import type {
  RecommenderEvaluateOptions,
  RecommenderFitOptions,
  RecommenderOptions,
  RecommenderReportOptions,
  RecommenderUpdateOptions,
} from "./recommender-options.ts";
import { withItems, withoutItems } from "./recommending/change-items.ts";
import {
  type CheckedHeldOut,
  type HeldOutEvents,
  type HeldOutPlace,
  historiesOfEvents,
  rankEvents,
  readHeldOut,
  readHeldOutContexts,
  rememberedOf,
  takenUpTo,
} from "./recommending/held-out.ts";
import { Items } from "./recommending/items.ts";
import { Knowledge, readKnowledge, recommenderParts } from "./recommending/knowledge.ts";
import { type ReadEvents, readEvents } from "./recommending/read-events.ts";
import { RecommenderLists } from "./recommending/recommender-lists.ts";
import { drawReplay, remember, withReplay } from "./recommending/replay.ts";
import { makeReport } from "./recommending/report.ts";
import { knowledgeToFile } from "./recommending/save-knowledge.ts";
import { type CheckedEvents, Events, type NegativeOptions } from "./training/datasets/events.ts";
import type { History } from "./training/epochs.ts";
import { type FitOptions, readTrainingOptions, requireValidation } from "./training/fit-options.ts";
import type { Learner } from "./training/learner.ts";
import type { LoadOverrides } from "./training/options.ts";
import type { Validation } from "./training/validation.ts";

/** What is measured when nobody says. */
const DEFAULT_METRICS: readonly RankingMetric[] = ["hr@10", "ndcg@10", "mrr"];

/**
 * A catalog of items and a model that ranks it.
 *
 * @example
 * const items = [{ item: "tea", hot: true }, { item: "milk" }, { item: "juice" }];
 * const recommender = new Recommender(new NFM({ loss: "softmax" }), items, { users: "user", history: {} });
 * await recommender.fit([{ user: "ana" }, { user: "bo" }], ["tea", "milk"]);
 * recommender.recommend({ user: "ana" }, { top: 2 }); // [{ id, score }, { id, score }]
 */
export class Recommender<
  Item extends FeatureRow<Item> = Record<string, FeatureValue>,
  ItemId = Id,
> extends RecommenderLists<Item, ItemId> {
  /** The model. Its own `save` writes it without the catalog. */
  readonly model: NFM;
  readonly #learner: Learner;
  /** The option `users` of the constructor. */
  readonly #users: string | undefined;

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
    checkKeys("Recommender", options, ["ids", "users", "history", "remember"]);
    const { ids, users, history, remember } = options;
    if (users !== undefined && typeof users !== "string")
      throw wrongType("Recommender: users", "the name of a field", users);
    const settings = history === undefined ? null : readHistory(history, "Recommender: history");
    const cap = remember === undefined ? Infinity : checkInteger("Recommender: remember", remember, 1);
    const learner = NFM.learnerOf(model);
    const known = items instanceof Knowledge ? items : null; // from `load`
    super(
      known ?? newKnowledge(Items.read(items, ids as IdsOption, settings), users ?? null, cap),
      (caller) => learner.ready(caller),
    );
    this.model = model;
    this.#learner = learner;
    this.#users = known === null ? users : (known.userField ?? undefined);
  }

  /**
   * Adds items to the catalog, or changes those with the same id. The features of a new item that the model
   * knows count at once; the others get a place in the model by the next `update`.
   *
   * @param items Feature maps with their ids, at least one.
   * @throws TypeError or RangeError that names the item. Nothing has changed then.
   */
  putItems(items: RowsOf<Item>): void {
    const { knowledge } = this;
    const next = withItems(knowledge.items, items, "Recommender.putItems: items", this.#learner.predictor);
    const counts = new Float64Array(next.size);
    counts.set(knowledge.counts);
    this.knowledge = knowledge.with({ items: next, counts });
  }

  /**
   * Takes items out of the catalog. They are no longer listed and never compared with. What users took of
   * them stays remembered, because it says something about the users.
   *
   * @param ids Ids of items of the catalog.
   * @throws TypeError or RangeError that names the id. Nothing has changed then.
   */
  removeItems(ids: Iterable<ItemId>): void {
    const { knowledge } = this;
    const numbers = knowledge.items.ids.readSome(ids, "Recommender.removeItems: ids", "error");
    this.knowledge = knowledge.with({ items: withoutItems(knowledge.items, numbers) });
  }

  /**
   * Writes model, catalog, memory and popularity as one safetensors file. `NFM.load` reads the model alone.
   *
   * @param options.optimizer Whether the file has the optimizer's state, so that `update` goes on exactly.
   *   Default: true.
   * @returns The bytes of the file.
   * @throws Error if the model has no parameters yet.
   */
  save(options: { optimizer?: boolean | undefined } = {}): Uint8Array {
    checkKeys("Recommender.save", options, ["optimizer"]);
    const { optimizer = true } = options;
    checkBoolean("Recommender.save: optimizer", optimizer);
    return this.#learner.save(optimizer, knowledgeToFile(this.knowledge));
  }

  /**
   * Writes the recommender as `save` does, piece by piece, as `NFM.saveStream`.
   *
   * @param options As for `save`.
   * @returns The bytes of the file.
   * @throws Error if the model has no parameters yet.
   */
  saveStream(options: { optimizer?: boolean | undefined } = {}): ReadableStream<Uint8Array> {
    checkKeys("Recommender.saveStream", options, ["optimizer"]);
    const { optimizer = true } = options;
    checkBoolean("Recommender.saveStream: optimizer", optimizer);
    return this.#learner.saveStream(optimizer, knowledgeToFile(this.knowledge));
  }

  /** Number of threads that compute long work, as in `NFM`. */
  override get threads(): number {
    return this.#learner.threads;
  }

  /** Ends the worker threads, as `NFM.close` does. */
  override close(): void {
    this.#learner.predictor?.close();
  }

  /**
   * Reads a file of `save`.
   *
   * @param bytes The file: a Uint8Array (or `Buffer`), an ArrayBuffer, a SharedArrayBuffer or a DataView.
   * @param overrides As in `NFM.load`.
   * @returns The recommender.
   * @throws Error, TypeError or RangeError that says what is wrong with the file.
   */
  static override load<ItemId = Id>(
    bytes: ModelBytes,
    overrides: LoadOverrides = {},
  ): Recommender<Record<string, FeatureValue>, ItemId> {
    const model = NFM.load(bytes, overrides);
    const predictor = NFM.learnerOf(model).ready("load");
    const knowledge = readKnowledge(recommenderParts(bytes), predictor, UserMemory.fromBytes);
    return new this(model, knowledge as never) as never;
  }

  /**
   * Reads a file of `save` piece by piece, as `NFM.loadStream`.
   *
   * @param stream The file: a web stream, a Node stream, a Blob, or any iterable of Uint8Arrays.
   * @param overrides As in `NFM.load`.
   * @returns The recommender.
   * @throws Error, TypeError or RangeError that says what is wrong with the file; what reading throws.
   */
  static override async loadStream<ItemId = Id>(
    stream: ModelStream,
    overrides: LoadOverrides = {},
  ): Promise<Recommender<Record<string, FeatureValue>, ItemId>> {
    const { model, ...parts } = await NFM.streamed(stream, overrides);
    const predictor = NFM.learnerOf(model).ready("loadStream");
    const knowledge = readKnowledge(parts, predictor, UserMemory.fromBytes);
    return new this(model, knowledge as never) as never;
  }

  /**
   * Trains the model on events: item i was taken in context i. Training starts with new parameters, or
   * continues with `resume`. With a listwise loss the item of an event is compared with many items at once,
   * which the events of a batch share. With a pairwise loss it makes a pair with each of its negative items,
   * which are drawn anew for each epoch. With a pointwise loss the item of an event is a row of label 1, and
   * each negative item is a row of label 0.
   *
   * @param contexts Features of user and situation, (events). They must not describe the item, because the
   *   model would then learn to recognize the taken item by them. Field names of items are refused. Indices
   *   in sparse rows are not checked for this.
   * @param taken Ids of the items that were taken, (events), or the name of the field of the contexts that
   *   holds them. This field is then no part of the contexts.
   * @param options See `RecommenderFitOptions`.
   * @returns The history of the training.
   * @throws TypeError, RangeError or Error that names the place. The recommender is then as before the call,
   *   or as after the last good epoch.
   */
  async fit<T extends object & FeatureRow<T>>(
    contexts: RowsOf<T>,
    taken: ArrayLike<ItemId> | string,
    options: RecommenderFitOptions<ItemId> = {},
  ): Promise<History> {
    const caller = "Recommender.fit";
    if (typeof options !== "object" || options === null)
      throw wrongType(`${caller}: options`, "an object", options);
    const { validation, metrics, monitor, users = this.#users, time } = options;
    const measured = checkRankingMetrics(`${caller}: metrics`, metrics ?? DEFAULT_METRICS);
    if (monitor !== undefined) checkRankingMetric(`${caller}: monitor`, monitor);
    const settings = readTrainingOptions(caller, options, ["negatives", "popularity", "users", "time"]);
    if (validation === undefined) requireValidation(caller, settings, "; pass validation as well");
    const drawn = this.#readNegatives(caller, options);
    const place = `${caller}: `;
    const { items, memory } = this.knowledge;
    const events = readEvents(place, contexts, { items: taken, users, time, anonymous: false }, items.ids);
    const userField = typeof users === "string" ? users : null;
    const before = rememberedOf(settings.resume ? memory : null)(events);
    const watched = monitor ?? metrics?.[0] ?? "ndcg@10";
    const names = [...new Set([...measured, watched])];
    const known = { items, userField, takenBefore: takenUpTo(events, before) };
    const heldOut =
      validation === undefined
        ? null
        : readValidation(`${caller}: validation`, validation, known, names, watched);
    const histories = historiesOfEvents(place, events, items, before);
    const source = this.#sourceOf(place, { ...events, histories }, userField, drawn);
    const { onEpoch } = settings;
    const remembering = this.#remembering(events, source, userField, settings.resume);
    const start = { ...settings, onEpoch: remembering(onEpoch) };
    return this.#learner.fit(caller, source, start, heldOut);
  }

  /**
   * Learns from new events, without forgetting the ones before: training goes on with the new events and with
   * a sample of remembered ones. New users and the features of new items get a place in the model. Items that
   * a user is known to have taken are never negatives. It needs a recommender with a field of users.
   *
   * @param contexts Features of user and situation, (events), as in `fit`.
   * @param taken Ids of the items that were taken, (events), or the name of the field that holds them.
   * @param options See `RecommenderUpdateOptions`.
   * @returns The history of the training.
   * @throws TypeError, RangeError or Error that names the place. The recommender is then as before the call,
   *   or as after the last good epoch.
   */
  async update<T extends object & FeatureRow<T>>(
    contexts: RowsOf<T>,
    taken: ArrayLike<ItemId> | string,
    options: RecommenderUpdateOptions = {},
  ): Promise<History> {
    const caller = "Recommender.update";
    const settings = readTrainingOptions(caller, options, ["negatives", "popularity", "time", "replay"]);
    checkKeys(caller, options, UPDATE_OPTIONS);
    const { time, epochs = 1 } = options;
    const replay = checkNumber(
      `${caller}: replay`,
      options.replay ?? 1,
      "a number from 0 to 100",
      (ratio) => ratio >= 0 && ratio <= 100,
    );
    const drawn = this.#readNegatives(caller, options);
    this.#learner.ready(caller);
    const memory = this.memoryFor(caller);
    const { items } = this.knowledge;
    const userField = this.knowledge.userField!; // users are remembered by this field
    const place = `${caller}: `;
    const given = { items: taken, users: userField, time, anonymous: false };
    const events = readEvents(place, contexts, given, items.ids);
    const size = Math.round(replay * events.itemOf.length);
    const key = randomKey(drawn.seed, Stream.replay, this.#learner.steps);
    const all = withReplay(place, events, drawReplay(memory, size, key, place), memory, items);
    const source = this.#sourceOf(place, all, userField, drawn);
    const remembering = this.#remembering(events, source, userField, true);
    const { onEpoch } = settings;
    const start = { ...settings, epochs, resume: true, onEpoch: remembering(onEpoch) };
    return this.#learner.fit(caller, source, start, null);
  }

  /**
   * Measures how high the items of held-out events are ranked. For each event the whole catalog is ranked in
   * the context of the event, and the rank of the event's item counts. Of items with equal scores, the
   * event's item gets the lowest rank. What the user took before is left out of the list: items that are
   * remembered, and items of the user's earlier events among the held-out ones.
   *
   * @param contexts Features of user and situation, (events).
   * @param taken Ids of the items that were taken, (events), or the name of the field that holds them.
   * @param options See `RecommenderEvaluateOptions`.
   * @returns The mean of each metric over the events.
   * @throws TypeError or RangeError that names event and field; Error if the model has no parameters yet.
   */
  evaluate<T extends object & FeatureRow<T>, const M extends RankingMetric = "hr@10" | "ndcg@10" | "mrr">(
    contexts: RowsOf<T>,
    taken: ArrayLike<ItemId> | string,
    options: RecommenderEvaluateOptions<ItemId, M> = {},
  ): Record<M, number> {
    const caller = "Recommender.evaluate";
    checkKeys(caller, options, ["metrics", ...HELD_OUT_OPTIONS]);
    const metrics = checkRankingMetrics(
      `${caller}: metrics`,
      options.metrics ?? (DEFAULT_METRICS as readonly M[]),
    );
    const predictor = this.#learner.ready(caller);
    const known = this.#heldOutPlace();
    const events = readHeldOut(`${caller}: `, { ...options, contexts, items: taken }, known);
    const rows = runAtOnce(readHeldOutContexts(`${caller}: `, events, known.items, predictor));
    return meansOfRanks(runAtOnce(rankEvents(events, rows, known.items, predictor)), metrics);
  }

  /**
   * Measures as `evaluate` does, and says how far to trust the result: standard errors, the same metrics for
   * a list of the most popular items, for new users, new items and users with few or many events, and what the
   * lists are like.
   *
   * @param contexts Features of user and situation, (events).
   * @param taken Ids of the items that were taken, (events), or the name of the field that holds them.
   * @param options See `RecommenderReportOptions`.
   * @returns The report.
   * @throws TypeError or RangeError that names event and field; Error if the model has no parameters yet.
   */
  report<T extends object & FeatureRow<T>, const M extends RankingMetric = "hr@10" | "ndcg@10" | "mrr">(
    contexts: RowsOf<T>,
    taken: ArrayLike<ItemId> | string,
    options: RecommenderReportOptions<ItemId, M> = {},
  ): ListReport<M> {
    const caller = "Recommender.report";
    checkKeys(caller, options, ["metrics", ...HELD_OUT_OPTIONS, "top", "slices", "resamples", "seed"]);
    const metrics = checkRankingMetrics(
      `${caller}: metrics`,
      options.metrics ?? (DEFAULT_METRICS as readonly M[]),
    );
    const top = checkInteger(`${caller}: top`, options.top ?? 10, 1);
    const seed = checkInteger(`${caller}: seed`, options.seed ?? 0, 0);
    const isCount = (n: number): boolean => n === 0 || (Number.isSafeInteger(n) && n >= 2);
    const { resamples = 200 } = options;
    checkNumber(`${caller}: resamples`, resamples, "0 or an integer of at least 2", isCount);
    const predictor = this.#learner.ready(caller);
    const known = this.#heldOutPlace();
    const events = readHeldOut(`${caller}: `, { ...options, contexts, items: taken }, known);
    const slices =
      options.slices === undefined
        ? new Map<string, Uint8Array>()
        : readSlices(options.slices, events.itemOf.length, `${caller}: slices`);
    const rows = runAtOnce(readHeldOutContexts(`${caller}: `, events, known.items, predictor));
    const settings = { metrics, top, slices, resamples, seed };
    return makeReport(events, rows, this.knowledge, predictor, settings);
  }

  /**
   * Forgets a user: what is remembered of the user, the name of the user among the features, and the numbers
   * that training has given to this feature and to the optimizer's state of it. A file that is saved
   * afterwards holds none of them. How often items were taken stays as it is, and so does what the other
   * parameters have learned from the events of all users together.
   *
   * @param user Id of the user.
   * @returns Whether anything was known of the user.
   * @throws TypeError if the recommender has no field of users, or if it is no id; Error while the model is
   *   being fitted. Nothing has changed then.
   */
  forget(user: Id | bigint): boolean {
    const caller = "Recommender.forget";
    const { userField, memory } = this.knowledge;
    const id = String(checkId(user, `${caller}: user`));
    if (userField === null) {
      throw new TypeError(
        `${caller}: the recommender has no field of users; new Recommender(model, items, { users: FIELD }), then fit`,
      );
    }
    const isFeature = this.#learner.forgetLevel(caller, userField, id);
    const isRemembered = memory?.forget(id) ?? false;
    return isFeature || isRemembered;
  }

  #heldOutPlace(): HeldOutPlace {
    const { items, userField, memory } = this.knowledge;
    return { items, userField, takenBefore: rememberedOf(memory) };
  }

  /** Checks the options of drawing negative items. */
  #readNegatives(
    caller: string,
    { negatives, popularity = 0 }: Pick<RecommenderFitOptions<ItemId>, "negatives" | "popularity">,
  ): NegativeOptions {
    const { loss, seed } = this.#learner.settings;
    const { usual, least } = NEGATIVES[loss.kind];
    const place = `${caller}: popularity`;
    return {
      negatives:
        loss.kind === "listwise" && negatives === "all"
          ? "all"
          : checkInteger(`${caller}: negatives`, negatives ?? usual, least, 2 ** 16),
      popularity: checkNumber(place, popularity, "a number of at least 0", (alpha) => alpha >= 0),
      seed,
    };
  }

  /** Makes training data from events. */
  #sourceOf(
    place: string,
    { contexts, itemOf, users, userIds, histories, past, replayed }: TrainingEvents,
    userField: string | null,
    drawn: NegativeOptions,
  ): Events {
    const { items } = this.knowledge;
    const events = {
      ...{ contexts, itemOf, users, past, replayed, isListed: items.isListed },
      user: userField === null ? null : { field: userField, ids: userIds as readonly string[] },
      histories: histories && { of: histories, items: items.history! },
    };
    const check = items.checkContext.bind(items);
    return new Events(place, this.#learner.settings.loss, events, items.catalog, drawn, check);
  }

  /**
   * Returns what puts the events into the memory of users in front of `onEpoch`: after the first epoch,
   * because only then the model is one of these events. `adds` is false if earlier events no longer count.
   */
  #remembering(
    events: ReadEvents,
    source: Events,
    userField: string | null,
    adds: boolean,
  ): (onEpoch: FitOptions["onEpoch"]) => FitOptions["onEpoch"] {
    let isDone = false;
    return (onEpoch) => (event) => {
      if (!isDone) this.knowledge = this.#learned(events, source.encoded!, userField, adds);
      isDone = true;
      return onEpoch?.(event);
    };
  }

  /** What is known after training on events. `contexts` are encoded. */
  #learned(
    events: ReadEvents,
    contexts: SparseRows,
    userField: string | null,
    adds: boolean,
  ): Knowledge<UserMemory> {
    const { items, counts: before, memory: old, cap } = this.knowledge;
    const counts = adds ? before.slice() : new Float64Array(items.size);
    for (const item of events.itemOf) counts[item]++;
    const memory = userField === null ? null : ((adds ? old : null) ?? new UserMemory({ cap }));
    if (memory !== null) remember(memory, events, contexts);
    return this.knowledge.with({ userField, memory, counts });
  }
}

/** How many negatives there are if nobody says, and how few there may be. */
const NEGATIVES = {
  pairwise: { usual: 1, least: 1 },
  pointwise: { usual: 4, least: 1 },
  listwise: { usual: 64, least: 0 },
};

/** The names of `RecommenderUpdateOptions`. */
const UPDATE_OPTIONS = [
  ...["epochs", "replay", "negatives", "popularity", "time"],
  ...["batchSize", "shuffle", "onEpoch", "onBatch", "progress", "signal"],
];

/** Options that say how events are held out. */
const HELD_OUT_OPTIONS = ["exclude", "repeat", "users", "time"];

/** What training data are made from. */
type TrainingEvents = Omit<CheckedEvents, "isListed" | "histories" | "user"> & {
  readonly userIds: ReadEvents["userIds"];
  readonly histories: Histories | null;
};

function newKnowledge(items: Items, userField: string | null, cap: number): Knowledge<UserMemory> {
  const counts = new Float64Array(items.size);
  return new Knowledge<UserMemory>({ items, userField, memory: null, cap, counts });
}

/** Checks the validation events of `fit`. `place` is what errors call them. */
function readValidation(
  place: string,
  validation: HeldOutEvents<unknown>,
  known: HeldOutPlace,
  metrics: readonly RankingMetric[],
  monitor: RankingMetric,
): Validation {
  if (typeof validation !== "object" || validation === null || isArrayLike(validation)) {
    throw wrongType(place, "{ contexts, items, exclude? }", validation);
  }
  checkKeys(place, validation, ["contexts", "items", ...HELD_OUT_OPTIONS]);
  const events: CheckedHeldOut = readHeldOut(`${place}.`, validation, known);
  return {
    monitor,
    *read(space) {
      const rows = yield* readHeldOutContexts(`${place}.`, events, known.items, space);
      return async (predictor, pacer) => {
        return meansOfRanks(await runPaced(rankEvents(events, rows, known.items, predictor), pacer), metrics);
      };
    },
  };
}
