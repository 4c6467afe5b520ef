// Updates: what is new gets a place, what is known is never a negative, and a file goes on exactly.

import { describe, expect, it } from "vitest";
import {
  type ListwiseLoss,
  NFM,
  type NFMOptions,
  Recommender,
  type RecommenderOptions,
  RecommenderPredictor,
  type RecommenderUpdateOptions,
  SGD,
} from "../src/index.ts";
import { byTime, distinct, type Fields, GOODS, TINY, type Visit, visits } from "./helpers/shop-days.ts";

const SOFTMAX: NFMOptions = { ...TINY, loss: "softmax", hiddenUnits: [], batchNorm: false };
const FIRST = byTime(visits(60, 3));
const LATER = byTime(visits(25, 9));

const contextsOf = (events: readonly Visit[]): Fields[] =>
  events.map(({ user, evening }) => ({ user, evening }));
const takenIn = (events: readonly Visit[]): string[] => events.map(({ took }) => took);

async function fitted(
  model: NFMOptions = SOFTMAX,
  options: RecommenderOptions = { users: "user", history: {} },
): Promise<Recommender> {
  const recommender = new Recommender(new NFM(model), GOODS, options);
  await recommender.fit(contextsOf(FIRST), takenIn(FIRST), { epochs: 2, batchSize: 16 });
  return recommender;
}

const update = (
  recommender: Recommender,
  events: readonly Visit[] = LATER,
  options: RecommenderUpdateOptions = {},
): Promise<unknown> => recommender.update(contextsOf(events), takenIn(events), { batchSize: 16, ...options });

/** The share of the events of each item, from the list for a context of which nothing is known. */
function popularityOf(recommender: Recommender): Record<string, number> {
  const list = recommender.recommend({ user: null }, { top: 100 });
  expect(list.every(({ popular }) => popular)).toBe(true);
  return Object.fromEntries(list.map(({ id, score }) => [id, score]));
}

/** The share of the events of each item, counted. */
function shares(ids: readonly string[], among: readonly string[]): Record<string, number> {
  return Object.fromEntries(ids.map((id) => [id, among.filter((one) => one === id).length / among.length]));
}

const IDS = GOODS.map(({ item }) => item as string);

/** The lists that a loss has seen: for each the number of its items. */
function watching(): { loss: ListwiseLoss; lengths: number[] } {
  const lengths: number[] = [];
  const loss: ListwiseLoss = {
    kind: "listwise",
    name: "watching",
    evaluate(scores, shares, gradient) {
      lengths.push(scores.length);
      const sum = scores.reduce((total, score) => total + Math.exp(score), 0);
      scores.forEach((score, i) => {
        gradient[i] = Math.exp(score) / sum - shares[i];
      });
      return Math.log(sum) - scores[shares.indexOf(1)];
    },
  };
  return { loss, lengths };
}

/** What a user is known to have taken. */
const ownOf = (user: string, events: readonly Visit[]): Set<string> =>
  new Set(takenIn(events.filter((event) => event.user === user)));

describe("an update", () => {
  it("gives new users, items and levels of contexts a place, and leaves the others theirs", async () => {
    const recommender = await fitted();
    const before = recommender.model.encoder!.toJSON().names!;
    expect(before).not.toContain("item=i9");
    recommender.putItems([{ item: "i9", genre: "g7", tags: ["t1"] }]);
    const events = [
      { user: "u1", evening: true },
      { user: "zoe", evening: false },
      { user: "zoe", evening: false },
    ];
    await recommender.update(events, ["i9", "i2", "i3"]);
    const names = recommender.model.encoder!.toJSON().names!;
    expect(names.slice(0, before.length)).toEqual(before);
    for (const name of ["user=zoe", "item=i9", "genre=g7"])
      expect(names.slice(before.length)).toContain(name);
    expect(
      recommender
        .recommend({ user: "zoe", evening: false }, { top: 20 })
        .map(({ id }) => id)
        .sort(),
    ).toEqual(["i0", "i1", "i4", "i5", "i6", "i7", "i8", "i9"]);
    expect(recommender.ids).toEqual([...IDS, "i9"]);
  });

  it("learns what is new: the item that all new events take comes first", async () => {
    const recommender = await fitted({ ...SOFTMAX, optimizer: "adagrad", learningRate: 0.3 });
    recommender.putItems([{ item: "i9", genre: "g0" }]);
    const listed = (): unknown[] => recommender.recommend({ user: null, evening: true }).map(({ id }) => id);
    expect(listed()[0]).not.toBe("i9");
    const contexts = Array.from({ length: 60 }, (_, i) => ({ user: `new ${i}`, evening: true }));
    await recommender.update(
      contexts,
      contexts.map(() => "i9"),
      { epochs: 5 },
    );
    expect(listed()[0]).toBe("i9");
  });

  it.each([
    [0, 25],
    [1, 50],
    [0.5, 25 + Math.round(0.5 * 25)],
    [3, 100],
  ])("with a replay of %d trains on %d events", async (replay, expected) => {
    const { loss, lengths } = watching();
    const recommender = await fitted({ ...SOFTMAX, loss });
    lengths.length = 0;
    await update(recommender, LATER, { replay });
    expect(lengths).toHaveLength(expected);
  });

  it("compares no event with what its user is known to have, also from long ago", async () => {
    const { loss, lengths } = watching();
    const recommender = await fitted({ ...SOFTMAX, loss });
    lengths.length = 0;
    await update(recommender, LATER, { replay: 0, negatives: "all", shuffle: false, epochs: 2 });
    const all = [...FIRST, ...LATER];
    const expected = LATER.map(({ user }) => GOODS.length - ownOf(user, all).size + 1);
    expect(new Set(expected).size).toBeGreaterThan(1);
    expect(lengths).toEqual([...expected, ...expected]);
    // What was only said in the update before is known as well.
    lengths.length = 0;
    await update(recommender, LATER.slice(0, 1), { replay: 0, negatives: "all" });
    expect(lengths).toEqual(expected.slice(0, 1));
  });

  it("has one item left to draw where a user has all the others: pairs move this one alone", async () => {
    const model: NFMOptions = {
      ...SOFTMAX,
      loss: "bpr",
      optimizer: new SGD({ learningRate: 0.5 }),
      learningRate: undefined,
    };
    const all = { user: "collector", evening: true };
    const recommender = new Recommender(new NFM(model), GOODS, { users: "user" });
    const owned = IDS.filter((id) => id !== "i4");
    await recommender.fit(
      owned.map(() => all),
      owned,
      { epochs: 1 },
    );
    const weights = (): Map<string, number> => {
      const { encoder } = recommender.model;
      const w = recommender.model.tensor("linear.weight").data;
      return new Map(IDS.map((id) => [id, w[encoder!.index(`item=${id}`)!]]));
    };
    const before = weights();
    await recommender.update([all], ["i0"], { replay: 0, negatives: 7 });
    const moved = IDS.filter((id) => weights().get(id) !== before.get(id));
    expect(moved).toEqual(["i0", "i4"]);
    recommender.removeItems(["i4"]);
    const bytes = recommender.save();
    await expect(recommender.update([all], ["i0"], { replay: 0 })).rejects.toThrow(
      "Recommender.update: items leave no negative to draw for any of 1 events",
    );
    expect(recommender.save()).toEqual(bytes);
  });

  it.each([0, 1])("goes on from a file as if nothing had been saved, replay %d", async (replay) => {
    const optimizers: NFMOptions[] = [
      {},
      { optimizer: new SGD({ learningRate: 0.05, momentum: 0.9 }), learningRate: undefined },
    ];
    for (const more of optimizers) {
      const model = { ...SOFTMAX, ...more };
      const [stays, travels] = [await fitted(model), Recommender.load((await fitted(model)).save())];
      for (const one of [stays, travels]) one.putItems([{ item: "i9", genre: "new" }]);
      await update(stays, LATER, { replay });
      await update(travels, LATER, { replay });
      const again = Recommender.load(travels.save());
      expect(again.save()).toEqual(stays.save());
      const third = visits(12, 21);
      await update(stays, third, { replay, epochs: 2 });
      await update(again, third, { replay, epochs: 2 });
      expect(again.save()).toEqual(stays.save());
      const context = { user: "u2", evening: true };
      expect(again.recommend(context)).toEqual(stays.recommend(context));
    }
  });

  it("replays an event with what its user took before it, and not with the item itself", async () => {
    const recommender = new Recommender(new NFM(SOFTMAX), GOODS, { users: "user", history: {} });
    const users = ["gone", "gone", "gone", "a", "b", "b"];
    const events = users.map((user) => ({ user, evening: true }));
    await recommender.fit(events, ["i5", "i6", "i7", "i5", "i6", "i8"], { epochs: 1 });
    recommender.forget("gone"); // the vocabulary has these items in histories, and nobody else does
    const rows = (): number[][] => {
      const { data } = recommender.model.tensor("embedding.weight");
      const columns = ["i5", "i6"].map((id) => recommender.model.encoder!.index(`history=${id}`)!);
      return columns.map((column) => Array.from(data.subarray(4 * column, 4 * column + 4)));
    };
    const [first, second] = rows();
    await recommender.update([{ user: "new", evening: true }], ["i1"], { replay: 40 });
    // i5 is the only item of a, and i6 is what b took before i8.
    expect(rows()[0]).toEqual(first);
    expect(rows()[1]).not.toEqual(second);
  });

  it("orders by time", async () => {
    const [sorted, mixed] = [await fitted(), await fitted()];
    const events = LATER.map((event, i) => ({ ...event, time: (i * 7) % 25 }));
    await update(sorted, byTime(events), { shuffle: false });
    await mixed.update(events as never, "took", { batchSize: 16, shuffle: false, time: "time" });
    for (const user of ["u0", "u1", "u2", "u3", "u4", "u5"]) {
      const latest = byTime(events).filter((event) => event.user === user);
      // The same items in the same order are remembered, so the list for the same history is the same.
      const known = distinct(takenIn([...FIRST.filter((event) => event.user === user), ...latest]));
      for (const one of [sorted, mixed]) {
        const context = { user, evening: true };
        const list = one.recommend(context, { repeat: true });
        expect(list).toEqual(one.recommend(context, { repeat: true, history: known }));
        expect(list).not.toEqual(one.recommend(context, { repeat: true, history: [...known].reverse() }));
      }
    }
  });

  it("adds to the popularity, and a fit counts anew", async () => {
    const recommender = await fitted();
    expect(popularityOf(recommender)).toEqual(shares(IDS, takenIn(FIRST)));
    await update(recommender, LATER, { epochs: 3 });
    expect(popularityOf(recommender)).toEqual(shares(IDS, takenIn([...FIRST, ...LATER])));
    await recommender.fit(contextsOf(LATER), takenIn(LATER), { epochs: 1 });
    expect(popularityOf(recommender)).toEqual(shares(IDS, takenIn(LATER)));
    await recommender.fit(contextsOf(FIRST), takenIn(FIRST), { epochs: 1, resume: true });
    expect(popularityOf(recommender)).toEqual(shares(IDS, takenIn([...FIRST, ...LATER])));
  });

  it("leaves what was taken out before as it is: a predictor and bytes", async () => {
    const recommender = await fitted();
    const bytes = recommender.save();
    const copy = bytes.slice();
    const server = RecommenderPredictor.load(bytes);
    const context = { user: "u1", evening: true };
    const list = server.recommend(context);
    expect(list).toEqual(recommender.recommend(context));
    recommender.putItems([{ item: "i9" }]);
    await update(recommender, LATER, { epochs: 3 });
    recommender.removeItems(["i1"]);
    expect(server.recommend(context)).toEqual(list);
    expect(server.ids).toEqual(IDS);
    expect(bytes).toEqual(copy);
    expect(recommender.recommend(context)).not.toEqual(list);
  });

  it("of a capped memory keeps the last items of each user", async () => {
    const recommender = await fitted(SOFTMAX, { users: "user", history: {}, remember: 2 });
    await update(recommender);
    for (const user of ["u0", "u3"]) {
      const own = distinct(takenIn([...FIRST, ...LATER].filter((event) => event.user === user)));
      const list = recommender.recommend({ user, evening: true }, { top: 20 }).map(({ id }) => id);
      expect(IDS.filter((id) => !list.includes(id)).sort()).toEqual(own.slice(-2).sort());
    }
  });

  it("learns from histories where nobody had one in the first training", async () => {
    const recommender = new Recommender(new NFM(SOFTMAX), GOODS, {
      users: "user",
      history: { fields: ["genre"] },
    });
    await recommender.fit([{ user: "a" }, { user: "b" }, { user: "c" }], ["i1", "i2", "i3"], { epochs: 1 });
    const historyNames = (): unknown[] =>
      recommender.model.encoder!.toJSON().names!.filter((name) => name!.startsWith("history"));
    expect(historyNames()).toEqual([]);
    await recommender.update([{ user: "a" }, { user: "a" }], ["i4", "i5"], { replay: 0 });
    expect(historyNames()).toEqual(["history=i1", "history genre=g1", "history=i4"]);
    expect(recommender.recommend({ user: null }, { history: ["i4"] })[0].popular).toBeUndefined();
  });
});
