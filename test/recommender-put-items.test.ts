// Items that come into a catalog after training: what the model cannot read is refused before anything changes,
// and items without a field of the history count by the rest.

import { describe, expect, it } from "vitest";
import { type FeatureMap, NFM, Recommender, type RecommenderOptions } from "../src/index.ts";

const KINDS: Record<string, readonly unknown[]> = {
  number: [1, null, 3.5, 2],
  category: ["x", null, "y", "x"],
  flag: [true, null, false, true],
  list: [["x"], null, ["y", "x"], []],
  "weighted list": [{ x: 1 }, null, { y: 2 }, { x: 0.5 }],
};

const CONTEXT = { user: "u1", hour: "late" };

const OPTIONS: RecommenderOptions = { users: "user", history: { fields: ["p"] } };

/** A recommender whose user u takes the items u and u + 1 of all items but the last `untaken`. */
async function fitted(
  items: readonly object[],
  options: RecommenderOptions = OPTIONS,
  untaken = 0,
): Promise<Recommender> {
  const model = new NFM({ loss: "softmax", hiddenUnits: [], embeddingDim: 4, seed: 1, notices: false });
  const recommender = new Recommender(model, items as FeatureMap[], options);
  const ids = recommender.ids.slice(0, recommender.ids.length - untaken);
  const contexts = Array.from({ length: 16 }, (_, e) => ({
    user: `u${e % 4}`,
    hour: e % 3 ? "late" : "early",
  }));
  const taken = contexts.map((_, e) => ids[((e % 4) + (e < 8 ? 0 : 1)) % ids.length]);
  await recommender.fit(contexts, taken, { epochs: 2 });
  return recommender;
}

const itemsOf = (values: readonly unknown[]): object[] =>
  values.map((p, i) => (p === null ? { item: `i${i}` } : { item: `i${i}`, p }));

const kindOf = ({ model }: Recommender, field: string): string | undefined =>
  model.encoder!.fields.find((one) => one.name === field)?.kind;

describe("a field of the history that some items do not have", () => {
  it.each(Object.keys(KINDS))("keeps its kind: %s", async (kind) => {
    const recommender = await fitted(itemsOf(KINDS[kind]));
    expect(kindOf(recommender, "history p")).toBe(kind);
    expect(kindOf(recommender, "history p")).toBe(kindOf(recommender, "p"));
    expect(recommender.model.encoder!.fields.find(({ name }) => name === "history p")!.missing ?? 0).toBe(0);
    const features = recommender.explain({ user: "u2", hour: "late" }, "i0").linear;
    expect(features.some(({ feature }) => feature.startsWith("history p"))).toBe(true);
    expect(features.some(({ feature }) => feature === "history p is missing")).toBe(false);
  });

  it.each(
    Object.keys(KINDS),
  )("may be missing in items that nobody took, and in new ones: %s", async (kind) => {
    const values = KINDS[kind].map((value) => value ?? KINDS[kind][0]);
    const recommender = await fitted([...itemsOf(values), { item: "never" }], OPTIONS, 1);
    const before = recommender.recommend(CONTEXT, { repeat: true });
    expect(before).toHaveLength(5);
    recommender.putItems([{ item: "new" }, { item: "null", p: null }]);
    const ids = before.map(({ id }) => id);
    expect(recommender.recommend(CONTEXT, { repeat: true, filter: (id) => ids.includes(id) })).toEqual(
      before,
    );
    await recommender.update([CONTEXT, CONTEXT], ["new", "null"]);
    expect(recommender.recommend(CONTEXT, { repeat: true })).toHaveLength(7);
    const visitor = recommender.recommend(
      { user: null, hour: "late" },
      { history: ["new"], because: 9, repeat: true },
    );
    const reasons = visitor.flatMap(({ because }) => because!.map(({ feature }) => feature));
    expect(reasons).toContain("history=new");
    expect(reasons.filter((feature) => feature.startsWith("history p"))).toEqual([]);
  });
});

describe("putItems", () => {
  const items = [
    { item: "a", price: 1, genre: "x", hot: true },
    { item: "b", price: 2, genre: "y", hot: false },
    { item: "c", price: 3, genre: "x", hot: true },
  ];
  const all = { users: "user", history: { fields: ["genre"] } };

  it.each([
    [{ item: "n", price: NaN }, "items[1].price must be finite (in 32 bits), got NaN"],
    [
      { item: "n", price: "much" },
      'items[1].price must be a number, a numeric string or a Date or null, got "much"',
    ],
    [{ item: "n", hot: "very" }, 'items[1].hot must be true or false or null, got "very"'],
    [
      { item: "n", genre: ["x", "y"] },
      "items[1].genre must be one string, number, bigint, boolean or Date or null, got array of 2",
    ],
    [
      { item: "a", price: new Date(NaN) },
      "items[1].price must be a number, a numeric string or a Date or null, got an invalid Date",
    ],
    [{ name: "n" }, "items[1].item must be an id, a string or a number"],
    [
      { item: "new" },
      'items[1] must have an id of its own, got "new", as Recommender.putItems: items[0] has',
    ],
    [null, "items[1] must be an object or a Map from field names to values, got null"],
  ])("refuses %j by name, and nothing has changed", async (bad, message) => {
    const recommender = await fitted(items, all);
    const [list, file] = [recommender.recommend(CONTEXT, { repeat: true }), recommender.save()];
    const good = { item: "new", price: 5, genre: "z", hot: true };
    expect(() => recommender.putItems([good, bad as typeof good])).toThrow(
      `Recommender.putItems: ${message}`,
    );
    expect(recommender.recommend(CONTEXT, { repeat: true })).toEqual(list);
    expect(recommender.ids).toEqual(["a", "b", "c"]);
    expect(recommender.save()).toEqual(file);
    recommender.putItems([good]);
    expect(recommender.recommend(CONTEXT, { repeat: true })).toHaveLength(4);
  });

  it("changes items with the same id, and counts fields that are new by the next update", async () => {
    const recommender = await fitted(items, all);
    const visitor = { user: null, hour: "late" };
    const before = recommender.recommend(visitor, { repeat: true });
    recommender.putItems([{ item: "b", price: 1, genre: "x", hot: true, color: "red" }]);
    const after = recommender.recommend(visitor, { repeat: true });
    const scores = (list: typeof before): number[] =>
      ["a", "b", "c"].map((id) => list.find((one) => one.id === id)!.score);
    expect(scores(after)[0]).toBe(scores(before)[0]);
    expect(scores(after)[1]).not.toBe(scores(before)[1]);
    expect(scores(after)[2]).toBe(scores(before)[2]);
    const row = { ...visitor, item: "b", price: 1, genre: "x", hot: true };
    const { bias, linear } = recommender.explain(visitor, "b");
    expect(linear.map(({ feature }) => feature)).toContain("genre=x");
    expect(bias).toBe(recommender.model.explain(row).bias);
  });

  it("takes any items before the model has features", () => {
    const recommender = new Recommender(new NFM({ loss: "softmax" }), items as object[] as FeatureMap[], all);
    recommender.putItems([{ item: "n", price: "much", genre: ["x"] }]);
    expect(recommender.ids).toEqual(["a", "b", "c", "n"]);
  });
});
