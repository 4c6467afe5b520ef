// Histories: a recommender that makes them is, bit for bit, one that was given them in its contexts, written
// by hand.

import { describe, expect, it } from "vitest";
import {
  type HistoryOptions,
  type LossName,
  NFM,
  type NFMOptions,
  Recommender,
  type RecommenderFitOptions,
} from "../src/index.ts";
import { readSafetensors } from "../src/model/safetensors.ts";
import {
  byTime,
  contextsByHand,
  distinct,
  type Fields,
  GOODS,
  historyFields,
  sameVocabulary,
  TINY,
  type Visit,
  visits,
  withoutSomeUsers,
} from "./helpers/shop-days.ts";
import { biInteraction, linearTerm } from "./reference.ts";

const VISITS = visits(80, 3);
const SOFTMAX: NFMOptions = { ...TINY, loss: "softmax" };
const SHORT: RecommenderFitOptions = { epochs: 3, batchSize: 16 };

const takenIn = (events: readonly Visit[]): string[] => events.map(({ took }) => took);
const tensorsOf = ({ model }: Recommender): Record<string, unknown> =>
  Object.fromEntries(readSafetensors(model.save({ optimizer: true })).tensors);

async function withHistory(
  history: HistoryOptions,
  model: NFMOptions = SOFTMAX,
  options: RecommenderFitOptions = {},
  events: readonly Visit[] = VISITS,
): Promise<Recommender> {
  const recommender = new Recommender(new NFM(model), GOODS, { users: "user", history });
  await recommender.fit(events, "took", { ...SHORT, time: "time", ...options });
  return recommender;
}

/** The same training, with histories that somebody wrote into the contexts, and without the ids left out. */
async function byHand(
  like: Recommender,
  contexts: readonly Fields[],
  model: NFMOptions = SOFTMAX,
  options: RecommenderFitOptions = {},
  events: readonly Visit[] = VISITS,
): Promise<Recommender> {
  const recommender = new Recommender(sameVocabulary(like.model, model), GOODS);
  await fitByHand(recommender, contexts, { ...SHORT, ...options }, events, 1);
  return recommender;
}

/** Trains epoch by epoch, each with the contexts of this epoch. */
async function fitByHand(
  recommender: Recommender,
  contexts: readonly Fields[],
  options: RecommenderFitOptions,
  events: readonly Visit[],
  firstEpoch: number,
): Promise<void> {
  const users = events.map(({ user }) => user);
  for (let epoch = firstEpoch; epoch < firstEpoch + SHORT.epochs!; epoch++) {
    const trained = withoutSomeUsers(contexts, TINY.seed!, epoch);
    await recommender.fit(trained, takenIn(events), { ...options, users, epochs: 1, resume: epoch > 1 });
  }
}

/** What a user took in the events, the oldest first. */
const pastOf = (user: string, events: readonly Visit[] = VISITS): string[] =>
  distinct(takenIn(byTime(events).filter((event) => event.user === user)));

describe("training with histories is training with contexts that hold them", () => {
  it.each([
    ["defaults", {}],
    ["the last item alone", { last: 1 }],
    ["the last two", { last: 2 }],
    ["every item alike", { decay: 1 }],
    ["a steep decay", { decay: 0.5, last: 4 }],
  ] satisfies [string, HistoryOptions][])("with %s", async (_, history) => {
    const made = await withHistory(history);
    const written = await byHand(made, contextsByHand(VISITS, history));
    expect(tensorsOf(made)).toEqual(tensorsOf(written));
    // The comparison can fail: other weights give other parameters.
    const other = await byHand(made, contextsByHand(VISITS, { ...history, last: 3, decay: 0.25 }));
    expect(tensorsOf(made)).not.toEqual(tensorsOf(other));
  });

  it.each([
    ["softmax", []],
    ["bpr", [3]],
    ["log", []],
    ["squared", [3]],
  ] as [LossName, number[]][])("with the loss %s and hidden layers %j", async (loss, hiddenUnits) => {
    const model: NFMOptions = { ...TINY, loss, hiddenUnits, batchNorm: hiddenUnits.length > 0 };
    const options = { negatives: 2 };
    const made = await withHistory({}, model, options);
    const written = await byHand(made, contextsByHand(VISITS), model, options);
    expect(tensorsOf(made)).toEqual(tensorsOf(written));
  });

  it.each([
    ["the genre as well", { fields: ["genre"] }],
    ["fields with one level and with lists", { fields: ["tags", "genre"], last: 5 }],
  ])("but for the order of sums with %s", async (_, history) => {
    const made = await withHistory(history);
    const difference = async (options: HistoryOptions): Promise<number> => {
      const written = await byHand(made, contextsByHand(VISITS, options));
      const [own, other] = [made, written].map(({ model }) => model.tensor("embedding.weight").data);
      expect(own).toHaveLength(other.length);
      return Math.max(...own.map((value, i) => Math.abs(value - other[i])));
    };
    expect(await difference(history)).toBeLessThan(1e-5);
    expect(await difference({ ...history, decay: 0.5 })).toBeGreaterThan(1e-2);
  });

  it("and their own place in the list of events does not matter where times are different", async () => {
    const distinctTimes = VISITS.map((event, i) => ({ ...event, time: (i * 37) % 80 }));
    const sorted = byTime(distinctTimes);
    const contexts = contextsByHand(sorted);
    const bySort = await withHistory(
      {},
      SOFTMAX,
      { time: undefined },
      sorted.map(({ time, ...rest }) => rest) as never,
    );
    expect(tensorsOf(bySort)).toEqual(tensorsOf(await byHand(bySort, contexts, SOFTMAX, {}, sorted)));
    const unsorted = await withHistory({}, SOFTMAX, {}, distinctTimes);
    const written = await byHand(unsorted, contextsByHand(distinctTimes), SOFTMAX, {}, distinctTimes);
    expect(tensorsOf(unsorted)).toEqual(tensorsOf(written));
    const times = distinctTimes.map(({ time }) => time);
    const inArray = await withHistory(
      {},
      SOFTMAX,
      { time: times },
      distinctTimes.map(({ time, ...rest }) => rest) as never,
    );
    expect(tensorsOf(inArray)).toEqual(tensorsOf(unsorted));
  });

  it("and without times the order of the events counts", async () => {
    const events = VISITS.map((event, i) => ({ ...event, time: i }));
    const made = await withHistory(
      {},
      SOFTMAX,
      { time: undefined },
      events.map(({ time, ...rest }) => rest) as never,
    );
    expect(tensorsOf(made)).toEqual(
      tensorsOf(await byHand(made, contextsByHand(events), SOFTMAX, {}, events)),
    );
    const sorted = await withHistory({});
    expect(tensorsOf(made)).not.toEqual(tensorsOf(sorted));
  });

  it("and events of equal time count in the order in which they were passed", async () => {
    const visit = (took: string, time: number): Visit => ({ user: "u0", evening: true, took, time });
    const events = [visit("i3", 2), visit("i1", 1), visit("i2", 2), visit("i0", 1), visit("i3", 3)];
    const made = await withHistory({}, SOFTMAX, {}, events);
    const contexts = [
      { user: "u0", evening: true, history: { i0: 1, i1: 0.75 } },
      { user: "u0", evening: true, history: {} },
      { user: "u0", evening: true, history: { i3: 1, i0: 0.75, i1: 0.5625 } },
      { user: "u0", evening: true, history: { i1: 1 } },
      { user: "u0", evening: true, history: { i2: 1, i3: 0.75, i0: 0.5625, i1: 0.421875 } },
    ];
    expect(tensorsOf(made)).toEqual(tensorsOf(await byHand(made, contexts, SOFTMAX, {}, events)));
  });

  it("and an item that was taken again counts once, at its latest time", async () => {
    const events = ["i1", "i2", "i1", "i1", "i5"].map((took, time) => ({
      user: "a",
      evening: false,
      took,
      time,
    }));
    const made = await withHistory({ decay: 0.5 }, SOFTMAX, {}, events);
    const histories = [{}, { i1: 1 }, { i2: 1, i1: 0.5 }, { i1: 1, i2: 0.5 }, { i1: 1, i2: 0.5 }];
    const contexts = histories.map((history) => ({ user: "a", evening: false, history }));
    expect(tensorsOf(made)).toEqual(tensorsOf(await byHand(made, contexts, SOFTMAX, {}, events)));
  });

  it("and a resumed fit begins with what the first one remembers", async () => {
    const later = visits(30, 8).map((event) => ({ ...event, time: event.time + 100 }));
    const made = await withHistory({});
    const written = await byHand(made, contextsByHand(VISITS));
    await made.fit(later, "took", { ...SHORT, time: "time", resume: true });
    const contexts = contextsByHand([...VISITS, ...later]).slice(VISITS.length);
    await fitByHand(written, contexts, SHORT, later, 4);
    expect(tensorsOf(made)).toEqual(tensorsOf(written));
  });

  it("and nine of ten events have no user, so that users whom nobody has seen are like others", async () => {
    const events = Array.from({ length: 400 }, (_, i) => ({ user: `u${i}`, took: `i${i % 9}`, time: i }));
    const options = { ...SHORT, epochs: 1, time: "time" };
    const moved = async (history: HistoryOptions | undefined): Promise<number> => {
      const recommender = new Recommender(new NFM(SOFTMAX), GOODS, { users: "user", history });
      await recommender.fit(events, "took", options);
      const { model } = recommender;
      const untrained = new NFM({ ...SOFTMAX, encoder: model.encoder! });
      untrained.predict([{ user: "u0" }]);
      const [own, before] = [model, untrained].map((nfm) => nfm.tensor("embedding.weight").data);
      const rows = events.map(({ user }) => model.encoder!.index(`user=${user}`)!);
      return rows.filter((row) => own[row * 4] !== before[row * 4]).length;
    };
    expect(await moved(undefined)).toBe(400);
    expect(Math.abs((await moved({})) - 40)).toBeLessThan(24); // four standard deviations
  });

  it("and the ids of users are categories, also if they are numbers", async () => {
    const events = VISITS.map(({ user, ...rest }) => ({ customer: Number(user.slice(1)) * 1.5, ...rest }));
    const recommender = new Recommender(new NFM(SOFTMAX), GOODS, { users: "customer", history: {} });
    await recommender.fit(events, "took", { ...SHORT, time: "time" });
    const { fields, encoder } = recommender.model;
    expect(fields.find(({ name }) => name === "customer")?.kind).toBe("category");
    expect(encoder!.index("customer=1.5")).toBeDefined();
    await recommender.update([{ customer: 77, evening: true }], ["i1"]);
    expect(encoder!.index("customer=77")).toBeDefined();
  });

  it("and the vocabulary has the items of histories, behind contexts and catalog", async () => {
    const { model } = await withHistory({ fields: ["genre"] });
    const names = model.encoder!.toJSON().names!.filter((name) => name!.startsWith("history"));
    const inHistories = new Set(
      contextsByHand(VISITS).flatMap(({ history }) => Object.keys(history as object)),
    );
    const genres = ["g0", "g1", "g2"].map((genre) => `history genre=${genre}`);
    expect([...names].sort()).toEqual([...genres, ...[...inHistories].map((id) => `history=${id}`)].sort());
    expect(model.encoder!.index(names[0]!)).toBeGreaterThan(model.encoder!.index("item=i8")!);
  });
});

describe("a list with a history", () => {
  const context = { user: "u1", evening: true };

  /** Every item with the prediction for its row with the context and a history, best first. */
  function expected(
    { model }: Recommender,
    given: Fields,
    ids: readonly string[],
    options: HistoryOptions = {},
  ) {
    const left = GOODS.filter(({ item }) => !ids.includes(item as string));
    const rows = left.map((item) => ({ ...given, ...historyFields(ids, options), ...item }));
    const scores = model.predict(rows);
    return left.map(({ item }, i) => ({ id: item, score: scores[i] })).sort((a, b) => b.score - a.score);
  }

  it("is that of the model on rows that hold what is remembered of the user", async () => {
    for (const history of [{}, { last: 2, decay: 0.5, fields: ["tags"] }]) {
      const recommender = await withHistory(history);
      for (const user of ["u0", "u1", "u5"]) {
        const own = pastOf(user);
        expect(own.length).toBeGreaterThan(2);
        const list = recommender.recommend({ user, evening: false });
        expect(list).toEqual(expected(recommender, { user, evening: false }, own, history));
        const all = recommender.recommend({ user, evening: false }, { repeat: true });
        expect(all).toHaveLength(GOODS.length);
      }
    }
  });

  it("is that of the formula of a factorization machine", async () => {
    const recommender = await withHistory({ decay: 0.5 }, { ...SOFTMAX, hiddenUnits: [], batchNorm: false });
    const { encoder } = recommender.model;
    const [bias, w, v] = ["bias", "linear.weight", "embedding.weight"].map(
      (name) => recommender.model.tensor(name).data,
    );
    const list = recommender.recommend({ user: "u2", evening: true }, { repeat: true });
    const past = pastOf("u2").reverse();
    for (const { id, score } of list) {
      const number = Number((id as string).slice(1));
      const tags = number % 4 === 0 ? [] : [`tags=t${number % 2}`, "tags=all"];
      const features = ["user=u2", "evening", `item=${id}`, `genre=g${number % 3}`, ...tags];
      const entries = features.map((name) => [encoder!.index(name)!, 1]);
      past
        .slice(0, 10)
        .forEach((taken, age) => entries.push([encoder!.index(`history=${taken}`)!, 0.5 ** age]));
      const row = { indices: entries.map(([index]) => index), values: entries.map(([, value]) => value) };
      const pairs = biInteraction(row, v, 4).reduce((sum, part) => sum + part, 0);
      expect(score, String(id)).toBeCloseTo(linearTerm(row, bias[0], w) + pairs, 4);
    }
  });

  it("takes a history in the place of what is remembered, and leaves out both", async () => {
    const recommender = await withHistory({});
    const own = pastOf("u1");
    const list = recommender.recommend(context, { history: ["i6", "i3", "i6"] });
    const rows = expected(recommender, context, ["i3", "i6"]).filter(({ id }) => !own.includes(id as string));
    expect(list).toEqual(rows);
    expect(recommender.recommend(context, { history: ["i3", "i6"] })).toEqual(list);
    expect(recommender.recommend(context, { history: ["i6", "i3"], repeat: true })).not.toEqual(
      recommender.recommend(context, { history: ["i3", "i6"], repeat: true }),
    );
  });

  it("takes an empty history as none", async () => {
    const recommender = await withHistory({});
    const own = pastOf("u1");
    const list = recommender.recommend(context, { history: [] });
    expect(list).toEqual(expected(recommender, context, []).filter(({ id }) => !own.includes(id as string)));
    expect(recommender.recommend({ user: null, evening: true }, { history: [] })).toEqual(
      recommender.recommend({ user: null, evening: true }),
    );
  });

  it("ignores ids that are not in the catalog, or refuses them", async () => {
    const recommender = await withHistory({});
    const list = recommender.recommend(context, { history: ["gone", "i3", "i99"] });
    expect(list).toEqual(recommender.recommend(context, { history: ["i3"] }));
    expect(() => recommender.recommend(context, { history: ["i3", "i99"], unknownIds: "error" })).toThrow(
      new RangeError(
        'Recommender.recommend: history[1] must be the id of an item of the catalog (9 items, such as "i0"), got "i99"',
      ),
    );
  });

  it("is personal for somebody whom no training has seen", async () => {
    const recommender = await withHistory({});
    const visitor = { user: "nobody knows" };
    expect(recommender.recommend(visitor)[0].popular).toBe(true);
    const lists = ["i1", "i2"].map((id) => recommender.recommend(visitor, { history: [id], repeat: true }));
    for (const [i, list] of lists.entries()) {
      expect(list.some(({ popular }) => popular)).toBe(false);
      const rows = GOODS.map((item) => ({ history: { [`i${i + 1}`]: 1 }, ...item }));
      expect(list[0].score).toBe(Math.max(...recommender.model.predict(rows)));
    }
    expect(lists[0]).not.toEqual(lists[1]);
  });

  it("has a history per context where there are several", async () => {
    const recommender = await withHistory({});
    const contexts = [context, { user: null, evening: false }];
    const lists = recommender.recommend(contexts, { history: [["i2"], ["i4", "i5"]], top: 3 });
    expect(lists).toEqual([
      recommender.recommend(contexts[0], { history: ["i2"], top: 3 }),
      recommender.recommend(contexts[1], { history: ["i4", "i5"], top: 3 }),
    ]);
    expect(() => recommender.recommend(contexts, { history: [["i2"]] })).toThrow(
      "Recommender.recommend: history must be an array with one list of ids per context (2), got",
    );
  });

  it("has sessions for users where nobody is known by name", async () => {
    const sessions = VISITS.map(({ user }) => user);
    const contexts = VISITS.map(({ evening }) => ({ evening }));
    const times = VISITS.map(({ time }) => time);
    const recommender = new Recommender(new NFM(SOFTMAX), GOODS, { history: {} });
    await recommender.fit(contexts, takenIn(VISITS), { ...SHORT, users: sessions, time: times });
    const written = new Recommender(sameVocabulary(recommender.model, SOFTMAX), GOODS);
    const withHistories = contextsByHand(VISITS).map(({ user, ...rest }) => rest);
    await written.fit(withHistories, takenIn(VISITS), { ...SHORT, users: sessions });
    expect(tensorsOf(recommender)).toEqual(tensorsOf(written));
    // Of sessions nothing is remembered.
    expect(recommender.recommend({ evening: true })).toEqual(expected(recommender, { evening: true }, []));
    expect(recommender.recommend({ evening: true }, { history: ["i2", "i7"] })).toEqual(
      expected(recommender, { evening: true }, ["i2", "i7"]),
    );
  });
});

describe("a history", () => {
  it("may hold items without the field that counts as well, which then adds nothing", async () => {
    const items = [...GOODS, { item: "i9" }, { item: "i10", genre: null }];
    const recommender = new Recommender(new NFM(SOFTMAX), items, {
      users: "user",
      history: { fields: ["genre"] },
    });
    await recommender.fit(VISITS as never, "took", { ...SHORT, time: "time" });
    const names = recommender.model.encoder!.toJSON().names!;
    expect(names.filter((name) => name!.startsWith("history genre")).sort()).toEqual(
      ["g0", "g1", "g2"].map((genre) => `history genre=${genre}`),
    );
    recommender.putItems([{ item: "i11", tags: [] }]);
    const context = { user: null, evening: true };
    const list = (history: string[]): unknown => recommender.recommend(context, { history, repeat: true });
    expect(list(["i9", "i10", "i11"])).toEqual(list([]));
    await recommender.update([{ user: "u1", evening: true }], ["i11"]);
    expect(recommender.recommend({ user: "u1", evening: true })).toBeDefined();
  });
});
