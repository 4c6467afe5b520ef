// Catalogs that change between trainings, and updates that fail: what is kept, and what is never compared.

import { describe, expect, it } from "vitest";
import { type ListwiseLoss, NFM, type NFMOptions, Recommender, SGD } from "../src/index.ts";
import { byTime, type Fields, GOODS, TINY, type Visit, visits } from "./helpers/shop-days.ts";

const SOFTMAX: NFMOptions = { ...TINY, loss: "softmax", hiddenUnits: [], batchNorm: false };
const FIRST = byTime(visits(60, 3));
const LATER = byTime(visits(25, 9));
const IDS = GOODS.map(({ item }) => item as string);

const contextsOf = (events: readonly Visit[]): Fields[] =>
  events.map(({ user, evening }) => ({ user, evening }));
const takenIn = (events: readonly Visit[]): string[] => events.map(({ took }) => took);

async function fitted(model: NFMOptions = SOFTMAX): Promise<Recommender> {
  const recommender = new Recommender(new NFM(model), GOODS, { users: "user", history: {} });
  await recommender.fit(contextsOf(FIRST), takenIn(FIRST), { epochs: 2, batchSize: 16 });
  return recommender;
}

const listed = (recommender: Recommender, context: object, options: object = {}): string[] =>
  recommender.recommend(context as Fields, { top: 100, ...options }).map(({ id }) => id as string);

describe("items that leave the catalog", () => {
  it("are in no list, and every other item is", async () => {
    const recommender = await fitted();
    recommender.removeItems(["i2", "i5"]);
    const rest = IDS.filter((id) => id !== "i2" && id !== "i5");
    expect(recommender.ids).toEqual(rest);
    expect(listed(recommender, { user: null, evening: true }).sort()).toEqual(rest);
    expect(listed(recommender, { user: null }).sort()).toEqual(rest);
    expect(listed(recommender, { user: "u1", evening: true }, { repeat: true }).sort()).toEqual(rest);
    expect(recommender.similar("i1", { top: 100 }).map(({ id }) => id)).not.toContain("i2");
  });

  it("stay in histories and among the known items of their users", async () => {
    const recommender = await fitted();
    const context = { user: "u1", evening: true };
    const before = recommender.recommend(context, { repeat: true, top: 100 });
    recommender.removeItems(["i0"]);
    expect(recommender.recommend(context, { repeat: true, top: 100 })).toEqual(
      before.filter(({ id }) => id !== "i0"),
    );
    const file = Recommender.load(recommender.save());
    for (const one of [recommender, file]) {
      one.putItems([GOODS[0]]);
      expect(one.recommend(context, { repeat: true, top: 100 })).toEqual(before);
      expect(listed(one, { user: "u0", evening: true })).not.toContain("i0");
    }
  });

  it("are never drawn as negatives", async () => {
    const options: NFMOptions = { ...SOFTMAX, loss: "bpr", optimizer: new SGD({ learningRate: 0.5 }) };
    const recommender = await fitted(options);
    recommender.removeItems(["i2", "i5", "i7"]);
    const weights = (): number[] => {
      const w = recommender.model.tensor("linear.weight").data;
      return IDS.map((id) => w[recommender.model.encoder!.index(`item=${id}`)!]);
    };
    const before = weights();
    const context = { user: "somebody new", evening: true };
    await recommender.update([context], ["i0"], { replay: 0, negatives: 200 });
    const moved = IDS.filter((_, i) => weights()[i] !== before[i]);
    expect(moved).toEqual(["i0", "i1", "i3", "i4", "i6", "i8"]);
  });

  it.each([
    ["all", "all"],
    ["drawn", 300],
  ] as const)("are in no list of another event, replayed events included: %s", async (_, negatives) => {
    const lists: number[][] = [];
    const loss: ListwiseLoss = {
      kind: "listwise",
      name: "seen",
      evaluate(scores, shares, gradient) {
        lists.push([scores.length, shares.indexOf(1)]);
        gradient.fill(0);
        return 1;
      },
    };
    const recommender = new Recommender(new NFM({ ...SOFTMAX, loss }), GOODS, { users: "user" });
    // Nobody of these users takes two items, so every list has one item of the user and all that are listed.
    const contexts = IDS.map((id) => ({ user: `user of ${id}` }));
    await recommender.fit(contexts, IDS, { epochs: 1 });
    recommender.removeItems(["i0", "i1", "i2"]);
    lists.length = 0;
    await recommender.update([{ user: "another" }], ["i8"], { replay: 60, negatives });
    expect(lists).toHaveLength(61);
    // 6 items are in the catalog. An event with one that has left has a list of 7, another one a list of 6.
    const lengths = lists.map(([length]) => length);
    expect(Math.max(...lengths)).toBeLessThanOrEqual(7);
    expect(lengths.filter((length) => length === 6).length).toBeGreaterThan(25);
  });
});

describe("items that change", () => {
  it("keep their place, and count with their new features at once", async () => {
    const recommender = await fitted();
    const context = { user: null, evening: true };
    const scores = (): Map<unknown, number> =>
      new Map(recommender.recommend(context, { top: 100 }).map(({ id, score }) => [id, score]));
    const before = scores();
    recommender.putItems([{ item: "i3", genre: "g1", tags: ["t0"] }]);
    expect(recommender.ids).toEqual(IDS);
    const after = scores();
    for (const id of IDS) if (id !== "i3") expect(after.get(id), id).toBe(before.get(id));
    const row = { evening: true, item: "i3", genre: "g1", tags: ["t0"] };
    expect(after.get("i3")).toBeCloseTo(recommender.model.predict({ user: null, ...row } as Fields), 5);
    expect(after.get("i3")).not.toBe(before.get("i3"));
    expect(listed(recommender, { user: "u1", evening: true })).not.toContain(
      takenIn(FIRST.filter(({ user }) => user === "u1"))[0],
    );
  });

  it("come back when they had left, behind no other item", async () => {
    const recommender = await fitted();
    recommender.removeItems(["i3", "i4"]);
    recommender.putItems([{ item: "i9" }, { item: "i3", genre: "g2" }]);
    expect(recommender.ids).toEqual(["i0", "i1", "i2", "i3", "i5", "i6", "i7", "i8", "i9"]);
    await recommender.update([{ user: "u1", evening: true }], ["i9"]);
    expect(recommender.ids).toHaveLength(9);
    expect(recommender.model.encoder!.index("item=i9")).toBeDefined();
  });

  it("are no events: a new item has no popularity", async () => {
    const recommender = await fitted();
    recommender.putItems([{ item: "i9" }]);
    const list = recommender.recommend({ user: null }, { top: 100 });
    expect(list.at(-1)).toEqual({ id: "i9", score: 0, popular: true });
  });

  it.each([
    ["an id twice", [{ item: "a" }, { item: "a" }], "items[1] must have an id of its own"],
    ["no id", [{ item: "a" }, { genre: "g1" }], "items[1].item must be an id"],
    [
      "a genre that the model cannot read",
      [{ item: "a" }, { item: "b", genre: { g1: 1 } }],
      "items[1].genre must be one string",
    ],
    ["NaN", [{ item: "a", tags: { t1: NaN } }], "items[0].tags.t1 must be finite"],
    ["sparse rows", [{ indices: [0] }], "items must be feature maps"],
    ["a field with the name of a history", [{ item: "a", history: "x" }], 'items have the field "history"'],
    ["nothing", [], "items must hold at least one"],
  ])("are refused with %s, and nothing has changed", async (_, items, message) => {
    const recommender = await fitted();
    const before = recommender.save();
    const list = recommender.recommend({ user: "u1", evening: true });
    expect(() => recommender.putItems(items as never)).toThrow(message);
    expect(recommender.save()).toEqual(before);
    expect(recommender.recommend({ user: "u1", evening: true })).toEqual(list);
  });

  it("and not all may leave, nor unknown ones", async () => {
    const recommender = await fitted();
    const before = recommender.save();
    expect(() => recommender.removeItems(IDS)).toThrow(
      new RangeError("Recommender.removeItems: ids must leave at least one item in the catalog"),
    );
    expect(() => recommender.removeItems(["i1", "i99"])).toThrow(
      'Recommender.removeItems: ids[1] must be the id of an item of the catalog (9 items, such as "i0"), got "i99"',
    );
    expect(() => recommender.removeItems("i1")).toThrow("ids must be an array or set of item ids");
    expect(recommender.save()).toEqual(before);
  });
});

describe("an update that fails changes nothing", () => {
  const contexts = contextsOf(LATER);
  const taken = takenIn(LATER);
  const novelty = { user: "somebody new", evening: true };

  it.each([
    [
      "an item of no catalog",
      [novelty, ...contexts],
      ["i99", ...taken],
      {},
      'items[0] must be the id of an item of the catalog (9 items, such as "i0"), got "i99"',
    ],
    [
      "an event without a user",
      [novelty, { evening: true }],
      ["i1", "i2"],
      {},
      "contexts[1].user must be an id, a string or a number",
    ],
    [
      "an anonymous event",
      [novelty, { user: null, evening: true }],
      ["i1", "i2"],
      {},
      "contexts[1].user must be an id",
    ],
    [
      "a time of NaN",
      [novelty, novelty],
      ["i1", "i2"],
      { time: [1, NaN] },
      "time[1] must be a finite time, got NaN",
    ],
    [
      "an unreadable context",
      [novelty, { user: "u1", evening: "late" }],
      ["i1", "i2"],
      {},
      "contexts[1].evening must be true or false",
    ],
    [
      "a field of the items",
      [novelty, { user: "u1", genre: "g1" }],
      ["i1", "i2"],
      {},
      'contexts[1] has the field "genre", which is one of the items\'',
    ],
    [
      "too few items",
      [novelty, novelty],
      ["i1"],
      {},
      "items.length must be the number of rows of contexts (2), got 1",
    ],
    ["no events", [], [], {}, "needs at least one row, got 0"],
    ["a replay below 0", contexts, taken, { replay: -1 }, "replay must be a number from 0 to 100, got -1"],
    ["a replay of NaN", contexts, taken, { replay: NaN }, "replay must be a number from 0 to 100, got NaN"],
    [
      "an option of fit alone",
      contexts,
      taken,
      { validation: { contexts, items: taken } },
      'no option "validation"',
    ],
    ["users of its own", contexts, taken, { users: "evening" }, 'no option "users"'],
  ] as [
    string,
    Fields[],
    string[],
    object,
    string,
  ][])("by %s", async (_, theirContexts, items, options, message) => {
    const recommender = await fitted();
    const before = recommender.save();
    await expect(recommender.update(theirContexts, items, options)).rejects.toThrow(message);
    expect(recommender.save()).toEqual(before);
    expect(recommender.model.encoder!.index("user=somebody new")).toBeUndefined();
    const untouched = Recommender.load(before);
    for (const one of [recommender, untouched]) await one.update([novelty, ...contexts], ["i1", ...taken]);
    expect(recommender.save()).toEqual(untouched.save());
  });

  it("by a signal in the first epoch, and by one that came before", async () => {
    const recommender = await fitted();
    const before = recommender.save();
    const controller = new AbortController();
    let batches = 0;
    const onBatch = (): void => {
      if (++batches === 2) controller.abort(new Error("enough"));
    };
    const { signal } = controller;
    const first = recommender.update([novelty, ...contexts], ["i1", ...taken], {
      batchSize: 4,
      onBatch,
      signal,
    });
    await expect(first).rejects.toThrow("enough");
    expect(batches).toBeGreaterThan(1);
    expect(recommender.save()).toEqual(before);
    await expect(recommender.update(contexts, taken, { signal })).rejects.toThrow("enough");
    expect(recommender.save()).toEqual(before);
  });

  it("by a callback that throws within the first epoch; after it, the epoch counts as a whole", async () => {
    const recommender = await fitted();
    const before = recommender.save();
    const refuse = (): never => {
      throw new Error("no");
    };
    const events = [
      [novelty, ...contexts],
      ["i1", ...taken],
    ] as const;
    await expect(recommender.update(...events, { onBatch: refuse })).rejects.toThrow("no");
    expect(recommender.save()).toEqual(before);
    const once = Recommender.load(before);
    await once.update(...events);
    await expect(recommender.update(...events, { epochs: 3, onEpoch: refuse })).rejects.toThrow("no");
    expect(recommender.save()).toEqual(once.save());
  });

  it("and the next one with other new levels learns as if the first had not been", async () => {
    // Nobody has i7 and i8 in a history so far.
    const common = FIRST.filter(({ took }) => took !== "i7" && took !== "i8");
    const recommender = new Recommender(new NFM(SOFTMAX), GOODS, { users: "user", history: {} });
    await recommender.fit(contextsOf(common), takenIn(common), { epochs: 2 });
    const before = recommender.save();
    const refuse = (): never => {
      throw new Error("no");
    };
    const strangers = ["x", "x", "x"].map((user) => ({ user, evening: true }));
    const failing = recommender.update(strangers, ["i8", "i0", "i1"], { onBatch: refuse });
    await expect(failing).rejects.toThrow("no");
    expect(recommender.save()).toEqual(before);
    const untouched = Recommender.load(before);
    const known = ["u1", "u1", "u1"].map((user) => ({ user, evening: true }));
    for (const one of [recommender, untouched]) await one.update(known, ["i7", "i8", "i0"], { replay: 0 });
    expect(recommender.model.encoder!.toJSON().names!.slice(-2)).toEqual(["history=i7", "history=i8"]);
    expect(recommender.save()).toEqual(untouched.save());
  });

  it("by a recommender that knows no users, or nothing yet", async () => {
    const remedy =
      "the recommender remembers no users; new Recommender(model, items, { users: FIELD }), then fit";
    const plain = new Recommender(new NFM(SOFTMAX), GOODS);
    await expect(plain.update(contexts, taken)).rejects.toThrow("the model has no parameters yet");
    await plain.fit(contexts, taken, { epochs: 1 });
    const before = plain.save();
    await expect(plain.update(contexts, taken)).rejects.toThrow(
      new TypeError(`Recommender.update: ${remedy}`),
    );
    expect(plain.save()).toEqual(before);
  });

  it("while another one is running", async () => {
    const recommender = await fitted();
    const running = recommender.update(contexts, taken, { epochs: 2 });
    await expect(recommender.update(contexts, taken)).rejects.toThrow(
      "this model is being fitted; await that first",
    );
    await running;
    const alone = await fitted();
    await alone.update(contexts, taken, { epochs: 2 });
    expect(recommender.save()).toEqual(alone.save());
  });
});
