// The file of a recommender: what is loaded makes the same lists and the same file, the model alone can be
// read, any safetensors reader finds all parts, and damaged files are refused by name.

import { describe, expect, it } from "vitest";
import {
  CSRMatrix,
  NFM,
  type NFMOptions,
  type Recommendation,
  Recommender,
  type RecommenderOptions,
  type Rows,
} from "../src/index.ts";
import { RecommenderPredictor } from "../src/predict.ts";
import { type Entry, split } from "./helpers/model-files.ts";

const MODEL: NFMOptions = { loss: "softmax", hiddenUnits: [], embeddingDim: 3, seed: 5, notices: false };

/** Contexts of 6 users in 24 events. */
const CONTEXTS = Array.from({ length: 24 }, (_, e) => ({ user: `u${e % 6}`, hour: e % 5, new: e % 2 === 0 }));

type Any = Recommender<never, unknown>;

/** A recommender that has learned from events in which each user took up to four of the items. */
async function fitted(
  items: unknown,
  options: RecommenderOptions = {},
  model: NFMOptions = {},
): Promise<Any> {
  const recommender = new Recommender(
    new NFM({ ...MODEL, ...model }),
    items as Rows,
    options,
  ) as unknown as Any;
  const isSparse = model.numFeatures !== undefined;
  const contexts = isSparse ? CONTEXTS.map((_, e) => ({ indices: [e % 6] })) : CONTEXTS;
  const { ids } = recommender;
  const taken = CONTEXTS.map((_, e) => ids[((e % 6) + Math.floor(e / 12)) % ids.length]);
  await recommender.fit(contexts as Rows, taken as never, { epochs: 2, batchSize: 8 });
  return recommender;
}

type Lists = Pick<RecommenderPredictor<never, unknown>, "recommend">;

/** The lists of known users, of an unknown one and of a visitor as text, with all digits of the scores. */
function listsOf(recommender: Lists, isSparse = false): string {
  const context = (user: string | null) => ({ user, hour: 3, new: true });
  const contexts = isSparse
    ? [{ indices: [0] }, { indices: [4] }, { indices: [1, 2] }]
    : [context("u0"), context("u5"), context("nobody"), context(null), { user: "u1" }];
  const lists: Recommendation<unknown>[][] = [];
  for (const repeat of [true, false]) {
    for (const one of contexts) lists.push(recommender.recommend(one as object, { repeat, top: 20 }));
  }
  return JSON.stringify(lists, (_, value: unknown) => (typeof value === "bigint" ? `${value}n` : value));
}

const FEATURES: unknown[] = [
  {
    item: "a",
    day: new Date("2024-05-01T12:00:00.123Z"),
    size: 5n,
    tags: ["x", "y"],
    w: { p: 2, q: 0.1 },
    n: 0.1,
  },
  { item: "b", day: null, size: 2n ** 70n, tags: [], w: {}, n: 1 / 3 },
  new Map<string, unknown>([
    ["tags", ["z"]],
    ["day", new Date(0)],
    ["item", "ü😀"],
    ["w", new Map([["p", 1e-7]])],
  ]),
  { item: "7", tags: undefined, n: -1e21, hot: true },
  { item: "__proto__", hot: false, size: -3n },
];

/** Names such as "7" come first in an object, but not in a Map. */
const ORDERED: unknown[] = [
  new Map<unknown, unknown>([
    ["z", 1.5],
    ["item", "a"],
    ["7", 2.5],
    [
      "w",
      new Map([
        ["b", 1.1],
        ["10", 2.3],
        ["2", 3.7],
      ]),
    ],
  ]),
  new Map<unknown, unknown>([
    ["item", "b"],
    [
      "w",
      new Map<unknown, number>([
        [7, 0.3],
        ["7", 2.3],
        [7n, 0.7],
        ["b", 0.9],
      ]),
    ],
    ["7", 0.5],
  ]),
  {
    item: "c",
    z: 0.1,
    w: new Map<unknown, number>([
      [new Date(5), 2],
      ["b", 3],
    ]),
  },
  { item: "d" },
];

const SPARSE = [
  { indices: [7, 9] },
  { indices: [8, 10, 11], values: [0.1, -2, 1 / 3] },
  { indices: [] },
  { indices: [11] },
];
const MAPS = Array.from({ length: 5 }, (_, i) => ({ item: `i${i}`, kind: `k${i % 2}` }));
const EVERYTHING: RecommenderOptions = {
  users: "user",
  history: { fields: ["kind"], last: 3, decay: 0.5 },
  remember: 2,
};

const CASES: [what: string, items: unknown, options?: RecommenderOptions, model?: NFMOptions][] = [
  ["feature maps with values of every kind", FEATURES, { users: "user", history: {} }],
  [
    "feature maps with values of every kind, behind layers",
    FEATURES,
    { users: "user" },
    { hiddenUnits: [4] },
  ],
  ["Maps in an order that no object has", ORDERED, { users: "user" }, { hiddenUnits: [3], embeddingDim: 7 }],
  [
    "columns",
    { item: ["a", "b", "c"], price: Float32Array.of(0.1, 2, 3), day: [new Date(1), null, new Date(3)] },
  ],
  [
    "number ids",
    MAPS.map(({ kind }) => ({ kind })),
    { ids: [5, -1, 0.5, 1e21, 0], users: "user", history: {} },
  ],
  [
    "ids of other kinds",
    MAPS.map(({ kind }) => ({ kind })),
    { ids: ["5", 5, 5n, "", "é"] as never, users: "user" },
  ],
  ["ids in a typed array", MAPS, { ids: Float64Array.of(0.1, 2, 3, 4, 5), users: "user" }],
  ["ids in another field", MAPS.map(({ item, kind }) => ({ sku: item, kind })), { ids: "sku" }],
  ["no users and no history", MAPS],
  ["users without history", MAPS, { users: "user" }],
  ["users, a history with fields, and a limit", MAPS, EVERYTHING],
  ["another loss", MAPS, { users: "user", history: {} }, { loss: "bpr", hiddenUnits: [4], batchNorm: true }],
  ["sparse items", SPARSE, {}, { numFeatures: 12 }],
  [
    "sparse items of a matrix with ids",
    CSRMatrix.fromRows(SPARSE, 12),
    { ids: ["a", "b", "c", "d"] },
    { numFeatures: 12 },
  ],
];

describe("a loaded recommender", () => {
  it.each(CASES)("makes the lists and the file of the saved one: %s", async (_, items, options, model) => {
    const isSparse = model?.numFeatures !== undefined;
    const recommender = await fitted(items, options, model);
    const lists = listsOf(recommender, isSparse);
    for (const optimizer of [true, false]) {
      const file = recommender.save({ optimizer });
      for (const backend of ["js", "wasm"] as const) {
        const loaded = Recommender.load<unknown>(file, { backend, notices: false });
        expect(loaded.ids).toEqual(recommender.ids);
        expect(listsOf(loaded as unknown as Lists, isSparse)).toBe(lists);
        expect(loaded.save({ optimizer })).toEqual(file);
        const served = RecommenderPredictor.load<unknown>(file, { backend, notices: false });
        expect(served.ids).toEqual(recommender.ids);
        expect(listsOf(served as unknown as Lists, isSparse)).toBe(lists);
      }
    }
  });

  it("knows removed and new items, forgotten users and what was learned since", async () => {
    const recommender = (await fitted(MAPS, EVERYTHING)) as unknown as Recommender;
    recommender.removeItems(["i1"]);
    recommender.putItems([{ item: "new", kind: "k1" }]);
    recommender.forget("u2");
    await recommender.update([{ user: "u9", hour: 1, new: true }], ["new"]);
    const file = recommender.save();
    const loaded = Recommender.load(file);
    const served = RecommenderPredictor.load(file);
    for (const one of [loaded, served]) {
      expect(one.ids).toEqual(["i0", "i2", "i3", "i4", "new"]);
      expect(listsOf(one as unknown as Lists)).toBe(listsOf(recommender as unknown as Lists));
      const ids = one.recommend({ user: "u9" }, { top: 20, repeat: true }).map(({ id }) => id);
      expect(ids).toContain("new");
      expect(ids).not.toContain("i1");
    }
    expect(loaded.save()).toEqual(file);
    for (const one of [recommender, loaded])
      await one.update([{ user: "u0", hour: 2, new: false }], ["i4"], { replay: 2, epochs: 2 });
    expect(loaded.save()).toEqual(recommender.save());
  });

  it("may have no users yet, where the model was trained without the recommender", async () => {
    const { model } = await fitted(MAPS, { users: "user", history: {} });
    const recommender = new Recommender(model, MAPS, { users: "user", history: {} });
    const file = recommender.save();
    for (const one of [Recommender.load(file), RecommenderPredictor.load(file)])
      expect(one.recommend({ user: "u1" })).toEqual(recommender.recommend({ user: "u1" }));
    expect(Recommender.load(file).save()).toEqual(file);
  });

  it("is not the file: what happens to one of them changes nothing of the other", async () => {
    const recommender = await fitted(MAPS, EVERYTHING);
    const file = recommender.save();
    const copy = file.slice();
    const [loaded, served] = [Recommender.load(file), RecommenderPredictor.load(file)];
    const lists = listsOf(served as unknown as Lists);
    loaded.forget("u0");
    loaded.removeItems(["i0"]);
    expect(file).toEqual(copy);
    const again = Recommender.load(file);
    file.fill(255);
    expect(listsOf(served as unknown as Lists)).toBe(lists);
    expect(listsOf(again as unknown as Lists)).toBe(lists);
  });
});

describe("the file", () => {
  it("is a model as well", async () => {
    const recommender = await fitted(MAPS, EVERYTHING);
    const row = { user: "u0", hour: 3, item: "i1", kind: "k1", history: { i2: 1 } };
    const model = NFM.load(recommender.save());
    expect(model.predict(row)).toBe(recommender.model.predict(row));
    expect(model.save({ optimizer: true })).toEqual(recommender.model.save({ optimizer: true }));
  });

  it("is read by any reader of safetensors, which finds the bytes where the header says", async () => {
    const { header, data } = split((await fitted(MAPS, EVERYTHING)).save());
    const { __metadata__: metadata, ...entries } = header;
    const size = { F32: 4, U8: 1 } as Record<string, number>;
    let end = 0;
    for (const { dtype, shape, data_offsets: offsets } of Object.values(entries)) {
      expect(offsets[0]).toBe(end);
      expect(offsets[1] - offsets[0]).toBe(size[dtype] * shape.reduce((a, b) => a * b, 1));
      end = offsets[1];
    }
    expect(end).toBe(data.length);
    const bytesOf = (name: string): Uint8Array => data.slice(...(entries[name] as Entry).data_offsets);
    expect(JSON.parse(metadata["recommender"])).toEqual({
      ...{ version: 1, users: "user", remember: 2 },
      history: { fields: ["kind"], last: 3, decay: 0.5 },
    });
    expect(JSON.parse(new TextDecoder().decode(bytesOf("recommender.items")))).toEqual({
      rows: MAPS,
      listed: [1, 1, 1, 1, 1],
      counts: [0, 1, 2, 3, 4].map(
        (i) => CONTEXTS.filter((_, e) => ((e % 6) + Math.floor(e / 12)) % 5 === i).length,
      ),
    });
    // The first user is "u0": 4 bytes of id and its end, the context, and at the end two items of 8 bits.
    const users = bytesOf("recommender.users");
    expect([...users.slice(1, 4)]).toEqual([117, 48, 255]);
    expect([...users.slice(users[0] - 2, users[0] + 1)]).toEqual([8, 0, 1]);
    expect([...users.slice(users[0] + 2, users[0] + 5)]).toEqual([117, 49, 255]);
  });
});
