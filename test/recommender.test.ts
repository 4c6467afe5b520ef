// Recommender: its catalog, its lists and explanations, which are those of the model on rows put together by
// hand.

import { describe, expect, it } from "vitest";
import {
  CSRMatrix,
  FeatureEncoder,
  type FeatureMap,
  type Id,
  NFM,
  type NFMOptions,
  Recommender,
  type Rows,
} from "../src/index.ts";
import { PAPER } from "./helpers/paper.ts";
import { bytes, type Fields, fitted, LOSSES, literalList, SHOP, SMALL } from "./helpers/shop.ts";
import { numbers } from "./reference.ts";

describe("the catalog", () => {
  it('has its ids in the field "item", in another one, or in an array; sparse rows are numbered', () => {
    const maps = [
      { item: "tea", sku: "s1" },
      { item: "milk", sku: "7" },
    ];
    const rows = [{ indices: [0] }, { indices: [1] }, { indices: [0, 1] }];
    expect(new Recommender(new NFM(), maps).ids).toEqual(["tea", "milk"]);
    expect(new Recommender(new NFM(), maps, { ids: "sku" }).ids).toEqual(["s1", "7"]);
    expect(
      new Recommender(
        new NFM(),
        maps.map((map) => new Map(Object.entries(map))),
      ).ids,
    ).toEqual(["tea", "milk"]);
    expect(new Recommender(new NFM(), maps, { ids: ["a", "b"] }).ids).toEqual(["a", "b"]);
    expect(new Recommender(new NFM(), rows).ids).toEqual([0, 1, 2]);
    expect(new Recommender(new NFM(), [new Map([[3, 1]])]).ids).toEqual([0]);
    expect(new Recommender(new NFM(), CSRMatrix.fromRows(rows)).ids).toEqual([0, 1, 2]);
    expect(new Recommender(new NFM(), rows, { ids: Float64Array.of(3, 1, 2) }).ids).toEqual([3, 1, 2]);
    expect(new Recommender(new NFM(), [{ item: "7" }, { item: "8" }], { ids: [7, "7"] }).ids).toEqual([
      7,
      "7",
    ]); // a number is not its name
  });

  const bad: [what: string, make: () => unknown, error: Error][] = [
    [
      "no model",
      () => new Recommender({} as NFM, [{ item: "a" }]),
      new TypeError("Recommender: model must be an NFM, got object with keys (none)"),
    ],
    [
      "no items",
      () => new Recommender(new NFM(), []),
      new RangeError("Recommender: items must hold at least one row, got none"),
    ],
    [
      "a matrix without rows",
      () => new Recommender(new NFM(), CSRMatrix.fromRows([], 4)),
      new RangeError("Recommender: items must hold at least one row, got none"),
    ],
    [
      "something else",
      () => new Recommender(new NFM(), "tea" as unknown as Rows),
      new TypeError(
        'Recommender: items must be an array or iterable of feature maps or sparse vectors, columns such as { user: [...], price: [...] }, a table, or a CSRMatrix, got "tea"',
      ),
    ],
    [
      "an id twice",
      () => new Recommender(new NFM(), [{ item: "a" }, { item: "b" }, { item: "a" }]),
      new RangeError('Recommender: items[2] must have an id of its own, got "a", as items[0] has'),
    ],
    [
      "an id twice in an array",
      () => new Recommender(new NFM(), [{ indices: [0] }, { indices: [1] }], { ids: [5, 5] }),
      new RangeError("Recommender: items[1] must have an id of its own, got 5, as items[0] has"),
    ],
    [
      "an item without id",
      () => new Recommender(new NFM(), [{ item: "a" }, { name: "b" }]),
      new TypeError(
        "Recommender: items[1].item must be an id, a string or a number (the option ids names another field, or lists ids), got undefined; the row has the fields name",
      ),
    ],
    [
      "no such field",
      () => new Recommender(new NFM(), [{ item: "a" }], { ids: "sku" }),
      new TypeError(
        "Recommender: items[0].sku must be an id, a string or a number (the option ids names another field, or lists ids), got undefined; the row has the fields item",
      ),
    ],
    [
      "an id that is a list",
      () => new Recommender(new NFM(), [{ item: ["a"] }]),
      new TypeError(
        "Recommender: items[0].item must be an id, a string or a number (the option ids names another field, or lists ids), got array of 1",
      ),
    ],
    [
      "the same id as a number and as text in a field",
      () => new Recommender(new NFM(), [{ item: "2" }, { item: 2 }]),
      new RangeError("Recommender: items[1] must have an id of its own, got 2, as items[0] has"),
    ],
    [
      "an id of NaN",
      () => new Recommender(new NFM(), [{ item: "a" }], { ids: [NaN] }),
      new RangeError("Recommender: ids[0] must be an id: a string or a finite number, got NaN"),
    ],
    [
      "an array of too few ids",
      () => new Recommender(new NFM(), [{ item: "a" }, { item: "b" }], { ids: ["a"] }),
      new RangeError("Recommender: ids.length must be the number of items (2), got 1"),
    ],
    [
      "ids that are neither",
      () => new Recommender(new NFM(), [{ item: "a" }], { ids: 3 as unknown as string }),
      new TypeError("Recommender: ids must be the name of a field, or an array of ids, got 3"),
    ],
    [
      "a field of sparse rows",
      () => new Recommender(new NFM(), CSRMatrix.fromRows([{ indices: [0] }]), { ids: "sku" }),
      new TypeError('Recommender: items must be feature maps with a field "sku", got CSRMatrix'),
    ],
    [
      "a misspelt option",
      () => new Recommender(new NFM(), [{ item: "a" }], { id: "sku" } as object),
      new TypeError('Recommender has no option "id"; it has ids, users, history, remember'),
    ],
  ];
  it.each(bad.map(([what, make, error]) => ({ what, make, error })))("refuses $what", ({ make, error }) => {
    expect(make).toThrow(error);
  });

  it("is that of the moment: what is added later to the array is no item", async () => {
    const items = SHOP.items.slice();
    const recommender = new Recommender(new NFM({ ...SMALL, loss: "bpr" }), items);
    items.length = 2;
    await recommender.fit(SHOP.contexts, SHOP.taken, { epochs: 2, batchSize: 16, users: "user" });
    expect(bytes(recommender)).toEqual(bytes(await fitted()));
  });
});

describe("recommend", () => {
  const context = { user: "u2", hour: 0.25, evening: true };
  const rowsOf = (given: Fields = context): FeatureMap[] => SHOP.items.map((item) => ({ ...given, ...item }));

  it.each(LOSSES)("is the order of the predictions, with their scores, %s loss", async (loss) => {
    const recommender = await fitted({ ...SMALL, loss });
    const list = literalList(recommender, rowsOf());
    expect(new Set(list.map(({ score }) => score)).size).toBe(13);
    expect(recommender.recommend(context)).toEqual(list.slice(0, 10));
    expect(recommender.recommend(context, { top: 3 })).toEqual(list.slice(0, 3));
    expect(recommender.recommend(context, { top: 1000 })).toEqual(list);
    const ranked = recommender.model.rank(context, SHOP.items);
    expect(ranked.map(({ index, score }) => ({ id: recommender.ids[index], score }))).toEqual(list);
    expect(recommender.recommend(new Map(Object.entries(context)))).toEqual(list.slice(0, 10));
    if (loss === "log") expect(list.every(({ score }) => score > 0 && score < 1)).toBe(true);
  });

  it("is the same for a factorization machine, scores to the rounding of another order of sums", async () => {
    for (const loss of ["bpr", "log"] as const) {
      const recommender = await fitted({ ...SMALL, loss, hiddenUnits: [], initStd: 0.3 });
      for (const user of ["u0", "u1", "nobody"]) {
        const list = literalList(recommender, rowsOf({ ...context, user }));
        const got = recommender.recommend({ ...context, user }, { top: 13 });
        expect(got.map(({ id }) => id)).toEqual(list.map(({ id }) => id));
        got.forEach(({ score }, i) => expect(Math.abs(score - list[i].score)).toBeLessThan(1e-5)); // terms of order 1
      }
    }
  });

  it("leaves out what is excluded, given as array, as Set or as any iterable", async () => {
    const recommender = await fitted();
    const list = literalList(recommender, rowsOf());
    const excluded = [list[0].id, list[3].id, list[12].id, list[3].id];
    const rest = list.filter(({ id }) => !excluded.includes(id));
    for (const exclude of [excluded, new Set(excluded), new Map(excluded.map((id) => [id, 1])).keys()])
      expect(recommender.recommend(context, { exclude, top: 13 })).toEqual(rest);
    expect(recommender.recommend(context, { exclude: excluded })).toEqual(rest);
    expect(recommender.recommend(context, { exclude: excluded, top: 2 })).toEqual(rest.slice(0, 2));
    expect(recommender.recommend(context, { exclude: [] })).toEqual(list.slice(0, 10));
    expect(recommender.recommend(context, { exclude: recommender.ids })).toEqual([]);
    expect(recommender.recommend(context, { exclude: recommender.ids.filter((id) => id !== "i5") })).toEqual(
      list.filter(({ id }) => id === "i5"),
    );
  });

  it("gives a user never seen a list by what else is known", async () => {
    const recommender = await fitted({ ...SMALL, loss: "bpr", initStd: 0.3 }, { epochs: 5 });
    const unknown = { user: "nobody", hour: 0.25, evening: true };
    const list = recommender.recommend(unknown, { top: 13 });
    expect(list).toEqual(literalList(recommender, rowsOf(unknown)));
    for (const user of [null, undefined]) {
      expect(recommender.recommend({ user, hour: 0.25, evening: true }, { top: 13 })).toEqual(list);
    }
    expect(list).not.toEqual(
      recommender.recommend({ user: "nobody", hour: 0.95, evening: false }, { top: 13 }),
    );
    expect(list).not.toEqual(recommender.recommend(context, { top: 13 }));
    expect(recommender.recommend({ user: null })).toHaveLength(10);
  });

  it("ignores excluded ids that are not in the catalog, unless unknownIds says otherwise", async () => {
    const recommender = await fitted();
    const list = literalList(recommender, rowsOf());
    const exclude = ["sold out", list[0].id, "1e999", "", 7];
    const rest = recommender.recommend(context, { exclude: [list[0].id], top: 13 });
    expect(rest).toEqual(list.slice(1));
    for (const unknownIds of [undefined, "ignore"] as const) {
      expect(recommender.recommend(context, { exclude, unknownIds, top: 13 })).toEqual(rest);
    }
    expect(() => recommender.recommend(context, { exclude, unknownIds: "error" })).toThrow(
      new RangeError(
        'Recommender.recommend: exclude[0] must be the id of an item of the catalog (13 items, such as "i0"), got "sold out"',
      ),
    );
    const known = { exclude: [list[0].id], unknownIds: "error", top: 13 } as const;
    expect(recommender.recommend(context, known)).toEqual(rest);
  });

  it("is the same from a loaded model, which can be evaluated and trained on", async () => {
    for (const [options, optimizer] of [
      [SMALL, true],
      [{ ...SMALL, hiddenUnits: [] }, false],
    ] as const) {
      const recommender = await fitted({ ...options, loss: "bpr" });
      const loaded = new Recommender(NFM.load(recommender.model.save({ optimizer })), SHOP.items);
      expect(loaded.recommend(context, { top: 13 })).toEqual(recommender.recommend(context, { top: 13 }));
      expect(loaded.evaluate(SHOP.contexts, SHOP.taken)).toEqual(
        recommender.evaluate(SHOP.contexts, SHOP.taken),
      );
      const other = new Recommender(loaded.model, SHOP.items.slice(4).reverse()); // another catalog of the same features
      expect(other.recommend(context, { top: 13 }).map(({ id }) => id)).toEqual(
        literalList(other, rowsOf().slice(4).reverse()).map(({ id }) => id),
      );
      await loaded.fit(SHOP.contexts, SHOP.taken, { epochs: 1, resume: true });
      expect(loaded.recommend(context).map(({ score }) => score)).not.toEqual(
        recommender.recommend(context).map(({ score }) => score),
      );
    }
  });

  it("follows the model, whoever trains it, with whatever vocabulary", async () => {
    for (const hiddenUnits of [[], [4]]) {
      const recommender = await fitted({ ...SMALL, hiddenUnits, loss: "log", initStd: 0.3 });
      const expectCurrent = (): void => {
        const list = literalList(recommender, rowsOf());
        const got = recommender.recommend(context, { top: 13 });
        expect(got.map(({ id }) => id)).toEqual(list.map(({ id }) => id));
        got.forEach(({ score }, i) => expect(Math.abs(score - list[i].score)).toBeLessThan(1e-5));
      };
      expectCurrent();
      recommender.model.partialFit(
        rowsOf(),
        SHOP.items.map((_, i) => i % 2),
      );
      expectCurrent();
      const clicks = SHOP.contexts.map((_, e) => e % 2);
      await recommender.model.fit(
        SHOP.contexts.map((map, e) => ({ zebra: e / 70, ...SHOP.items[e % 13], ...map })),
        clicks,
        { epochs: 1, onEpoch: expectCurrent },
      );
      expectCurrent();
      await recommender.fit(SHOP.contexts, SHOP.taken, { epochs: 2, onEpoch: expectCurrent });
      expectCurrent();
      await expect(
        recommender.fit(
          [...SHOP.contexts.slice(0, 3).map((map) => ({ first: 1, ...map })), { hour: NaN }],
          ["i1", "i1", "i1", "i1"],
        ),
      ).rejects.toThrow("contexts[3].hour must be finite");
      expectCurrent();
    }
  });
});

describe("explain", () => {
  it("gives the reasons for the row of context and item together", async () => {
    for (const encoder of [undefined, new FeatureEncoder({ hashBits: 4 })]) {
      const recommender = await fitted({ ...SMALL, loss: "bpr", encoder });
      for (const [context, id] of [
        [{ user: "u2", hour: 0.25 }, "i7"],
        [{ user: "nobody" }, "i0"],
        [{ user: null }, "i12"],
      ] as const) {
        const row = { ...context, ...SHOP.items[Number(id.slice(1))] };
        expect(recommender.explain(context, id)).toEqual(recommender.model.explain(row));
      }
    }
    const items = [{ indices: [2, 3], values: [1, 0.5] }, { indices: [1, 4] }];
    const model = new NFM({ ...SMALL, numFeatures: 6, initStd: 0.5 });
    model.partialFit([{ indices: [0, 1, 2] }, { indices: [3, 4, 5] }], [1, -1]);
    const given = new Recommender(model, items).explain({ indices: [0, 1] }, 1); // feature 1 is in both
    expect(given).toEqual(model.explain({ indices: [0, 1, 4], values: [1, 2, 1] }));
  });

  it("names what it cannot read", async () => {
    const recommender = await fitted();
    const before = bytes(recommender);
    expect(() => recommender.explain({ user: "u1" }, "tea")).toThrow(
      new RangeError(
        'Recommender.explain: id must be the id of an item of the catalog (13 items, such as "i0"), got "tea"',
      ),
    );
    expect(() => recommender.explain({ user: "u1" }, 1)).toThrow(RangeError);
    expect(() => recommender.explain({ user: "u1", hour: NaN }, "i1")).toThrow(
      new RangeError(
        "Recommender.explain: context.hour must be finite (in 32 bits), got NaN; write null for a missing value",
      ),
    );
    expect(() => new Recommender(new NFM(), SHOP.items).explain({}, "i1")).toThrow(
      "explain: the model has no parameters yet",
    );
    expect(bytes(recommender)).toEqual(before);
  });
});

describe("a context without the field of the user", () => {
  const refused = (call: () => unknown, where: string, got: string): void => {
    const expected = `${where} must have the field "user", which fit got as the option users`;
    expect(call).toThrow(new TypeError(`${expected} (null: an anonymous user), got ${got}`));
  };
  const [misspelled, got] = [{ usr: "u1", hour: 0.25 }, "the fields usr, hour"] as const;

  it("is an error that lists its fields, in every method and every kind of map", async () => {
    const recommender = await fitted(undefined, { users: "user" });
    const before = bytes(recommender);
    class Visit {
      usr = "u1";
      get hour(): number {
        return 0.25;
      }
    }
    for (const context of [misspelled, new Map(Object.entries(misspelled)), new Visit()] as FeatureMap[]) {
      refused(() => recommender.recommend(context), "Recommender.recommend: context", got);
      refused(() => recommender.explain(context, "i1"), "Recommender.explain: context", got);
      const contexts = [{ user: "u1" }, context];
      refused(() => recommender.evaluate(contexts, ["i1", "i2"]), "Recommender.evaluate: contexts[1]", got);
    }
    refused(() => recommender.recommend({}), "Recommender.recommend: context", "no fields");
    const inherited = Object.create({ user: "u1" }) as FeatureMap; // its fields are not read either
    refused(() => recommender.recommend(inherited), "Recommender.recommend: context", "no fields");
    const validation = { contexts: [misspelled], items: ["i1"] };
    const where = "Recommender.fit: validation.contexts[0]";
    await expect(recommender.fit(SHOP.contexts, SHOP.taken, { users: "user", validation })).rejects.toThrow(
      `${where} must have the field "user"`,
    );
    expect(bytes(recommender)).toEqual(before);
  });

  it("is fine for a user by a getter, in sparse rows, and after a fit that got no field", async () => {
    class Visit {
      get user(): string {
        return "u2";
      }
    }
    const recommender = await fitted(undefined, { users: "user" });
    expect(recommender.recommend(new Visit())).toEqual(recommender.recommend({ user: "u2" }));
    expect(recommender.recommend({ indices: [0] })).toHaveLength(10);
    for (const users of [undefined, SHOP.users]) {
      const free = await fitted(undefined, { users });
      expect(free.recommend(misspelled)).toEqual(free.recommend({ hour: 0.25 }));
    }
    const loaded = new Recommender(NFM.load(bytes(recommender)), SHOP.items); // the file does not hold the field
    expect(loaded.recommend(misspelled)).toEqual(recommender.recommend({ user: null, hour: 0.25 }));
  });

  it("is judged by the fit that the model comes from", async () => {
    const recommender = await fitted(undefined, { users: "user" });
    await expect(
      recommender.fit(SHOP.contexts, SHOP.taken, { resume: true, signal: AbortSignal.abort() }),
    ).rejects.toThrow();
    refused(() => recommender.recommend(misspelled), "Recommender.recommend: context", got);
    const stop = new AbortController();
    const aborted = recommender.fit(SHOP.contexts, SHOP.taken, {
      epochs: 3,
      signal: stop.signal,
      onEpoch: () => stop.abort("enough"),
    });
    await expect(aborted).rejects.toBe("enough");
    expect(recommender.recommend(misspelled)).toHaveLength(10); // the model has one epoch of this fit
    const stopped = await recommender.fit(SHOP.contexts, SHOP.taken, { users: "user", onEpoch: () => false });
    expect(stopped.epochs).toHaveLength(1);
    refused(() => recommender.recommend(misspelled), "Recommender.recommend: context", got);
  });
});

describe("the same seed gives the same bytes", () => {
  it.each([
    "bpr",
    "log",
  ] as const)("from fit to fit, on either backend, and in 2 epochs after 3 as in 5: %s", async (loss) => {
    const whole = await fitted({ ...SMALL, loss }, { epochs: 5 });
    expect(bytes(await fitted({ ...SMALL, loss, backend: "js" }, { epochs: 5 }))).toEqual(bytes(whole));
    const first = await fitted({ ...SMALL, loss }, { epochs: 3 });
    const run = { epochs: 2, batchSize: 16, users: "user", resume: true };
    const second = new Recommender(NFM.load(bytes(first)), SHOP.items);
    for (const recommender of [second, first]) {
      const history = await recommender.fit(SHOP.contexts, SHOP.taken, run);
      expect(history.epochs.map(({ epoch }) => epoch)).toEqual([4, 5]);
      expect(bytes(recommender)).toEqual(bytes(whole));
    }
    await first.fit(SHOP.contexts, SHOP.taken, { ...run, epochs: 5, resume: false });
    expect(bytes(first)).toEqual(bytes(whole));
    const other = await fitted({ ...SMALL, loss, seed: 8 }, { epochs: 5 });
    expect(other.model.tensor("linear.weight")).not.toEqual(whole.model.tensor("linear.weight")); // these start at 0 under every seed
  });

  it("and lists and ranks are the same on either backend", async () => {
    const [plain, simd] = [
      await fitted({ ...SMALL, loss: "bpr", backend: "js" }),
      await fitted({ ...SMALL, loss: "bpr", backend: "wasm" }),
    ];
    expect([plain.model.backend, simd.model.backend]).toEqual(["js", "wasm"]);
    for (const context of SHOP.contexts) expect(plain.recommend(context)).toEqual(simd.recommend(context));
    expect(plain.evaluate(SHOP.contexts, SHOP.taken)).toEqual(simd.evaluate(SHOP.contexts, SHOP.taken));
  });
});

describe("a planted taste", () => {
  const [USERS, ITEMS, PER_USER] = [80, 60, 14];
  const next = numbers(4);
  const below = (n: number): number => Math.floor(next(0, n));
  const items = Array.from({ length: ITEMS }, (_, i) => ({ item: `i${i}`, hot: i % 2 === 0 }));
  const tastes = Array.from({ length: USERS }, () => below(4));
  // Of the 15 items of the user's taste the 7 or 8 that are hot in the evening, the others at noon; one event
  // in ten is anything.
  const events = tastes.flatMap((taste, user) =>
    Array.from({ length: PER_USER }, () => {
      const evening = next() < 0.5;
      const fitting = items
        .map((_, i) => i)
        .filter((i) => Math.floor(i / 2) % 4 === taste && items[i].hot === evening);
      return {
        user: `u${user}`,
        evening,
        item: next() < 0.1 ? below(ITEMS) : fitting[Math.floor(fitting.length * next() ** 1.5)],
      };
    }),
  );
  const isHeldOut = (e: number): boolean => e % PER_USER === PER_USER - 1;
  const train = events.filter((_, e) => !isHeldOut(e));
  const held = events.filter((_, e) => isHeldOut(e));
  const contextOf = ({ user, evening }: (typeof events)[number]): Fields => ({ user, evening });
  const idOf = ({ item }: (typeof events)[number]): string => `i${item}`;

  // A narrow hidden layer needs batch normalization: else half of its units are 0 for every row at first.
  const narrow: NFMOptions = {
    ...PAPER,
    ...{ embeddingDim: 8, hiddenUnits: [8], dropout: { biInteraction: 0.2, hidden: 0 } },
  };

  it.each([
    ["bpr", "a narrow network", narrow],
    ["log", "a narrow network", narrow],
    ["bpr", "the default options", {}],
  ] as [
    "bpr" | "log",
    string,
    NFMOptions,
  ][])("is found: more held-out events in the first ten than by popularity, %s loss, %s", async (loss, _, options) => {
    const counts = items.map((_, item) => train.filter((event) => event.item === item).length);
    const hits = held.filter(
      ({ item }) => counts.filter((count, other) => other !== item && count >= counts[item]).length < 10,
    ).length;
    const byPopularity = hits / held.length;
    const recommender = new Recommender(new NFM({ ...options, loss, seed: 3 }), items);
    await recommender.fit(train.map(contextOf), train.map(idOf), {
      users: "user",
      epochs: 25,
      batchSize: 32,
    });
    const { "hr@10": reached } = recommender.evaluate(held.map(contextOf), held.map(idOf), {
      metrics: ["hr@10"],
      repeat: true, // users take an item of their taste several times
    });
    expect(byPopularity).toBeLessThan(0.4);
    expect(reached).toBeGreaterThan(byPopularity + 0.3);
    // The side feature decides for a user never seen.
    for (const evening of [true, false]) {
      const list = recommender.recommend({ user: "nobody", evening });
      expect(
        list.filter(({ id }) => items[Number(String(id).slice(1))].hot === evening).length,
      ).toBeGreaterThan(7);
    }
  });
});

describe("ids", () => {
  const rows = Array.from({ length: 5 }, (_, i) => ({ indices: [i] }));
  const contexts = Array.from({ length: 12 }, (_, i) => ({ indices: [5 + (i % 3)] }));
  const KINDS: [string, ArrayLike<Id> | undefined, readonly Id[]][] = [
    ["numbers", [10, -3, 2.5, 2 ** 40, 0], [10, -3, 2.5, 2 ** 40, 0]],
    ["typed arrays of integers", Uint32Array.of(7, 8, 9, 10, 4294967295), [7, 8, 9, 10, 4294967295]],
    ["typed arrays of floats", Float64Array.of(0.1, 0.2, 0.3, 1e300, -0.5), [0.1, 0.2, 0.3, 1e300, -0.5]],
    ["strings", ["a", "", "ä", "10", "__proto__"], ["a", "", "ä", "10", "__proto__"]],
    ["both", [10, "10", "a", 2, "2"], [10, "10", "a", 2, "2"]],
    ["positions", undefined, [0, 1, 2, 3, 4]],
  ];

  it.each(KINDS)("come back as they were given: %s", async (_, ids, expected) => {
    const recommender = new Recommender(new NFM({ ...SMALL, loss: "bpr" }), rows, { ids });
    expect(recommender.ids).toEqual(expected);
    expect(Object.isFrozen(recommender.ids)).toBe(true);
    const taken = contexts.map((_, i) => expected[i % 5]);
    await recommender.fit(contexts, taken, {
      epochs: 1,
      validation: { contexts, items: taken, exclude: contexts.map(() => [expected[0]]) },
    });
    const list = recommender.recommend(contexts[0]);
    expect(new Set(list.map(({ id }) => id))).toEqual(new Set(expected));
    for (const { id } of list) expect(expected.some((given) => Object.is(given, id))).toBe(true);
    for (const id of expected) {
      const rest = recommender.recommend(contexts[0], { exclude: [id] }).map((one) => one.id);
      expect(rest).toEqual(list.map((one) => one.id).filter((other) => other !== id));
      expect(recommender.explain(contexts[0], id).linear).toHaveLength(2);
    }
    expect(recommender.evaluate(contexts, taken, { metrics: ["mrr"] }).mrr).toBeGreaterThan(0);
  });

  it("of one kind are not those of the other", async () => {
    const recommender = new Recommender(new NFM({ ...SMALL, numFeatures: 8 }), rows, {
      ids: [1, 2, 3, 4, 5],
    });
    const other = recommender as unknown as Recommender;
    expect(() => other.recommend(contexts[0], { exclude: ["1"] })).toThrow(
      'Recommender.recommend: exclude[0] must be a number, as it is in the catalog, got "1"',
    );
    expect(() => other.explain(contexts[0], "1")).toThrow(
      'Recommender.explain: id must be the id of an item of the catalog (5 items, such as 1), got "1"',
    );
    await expect(
      other.fit(
        contexts,
        contexts.map(() => "1"),
      ),
    ).rejects.toThrow(
      'Recommender.fit: items[0] must be the id of an item of the catalog (5 items, such as 1), got "1"',
    );
  });

  it("are copied: what is done to the array later does not matter", () => {
    const ids = [1, 2, 3, 4, 5];
    const recommender = new Recommender(new NFM({ ...SMALL, numFeatures: 8 }), rows, { ids });
    ids[0] = 99;
    expect(recommender.ids).toEqual([1, 2, 3, 4, 5]);
    expect(() => (recommender.ids as number[]).push(6)).toThrow(TypeError);
  });
});
