// What may stand for a row: plain objects, Maps, objects of a class with fields and getters, objects of an
// interface. All are the same model, wherever rows are taken.

import { describe, expect, it } from "vitest";
import { FeatureEncoder, type FeatureMap, NFM, type NFMOptions, Recommender } from "../../src/index.ts";

interface Plain {
  user: string;
  item: string;
  hour: number;
  member: boolean;
  tags: readonly string[];
  mix: Readonly<Record<string, number>>;
  city: string | null;
}

class Base {
  readonly user: string;
  readonly #item: number;
  static readonly kind: string = "never a field";
  declare readonly hour: number;

  constructor(i: number) {
    this.user = `u${i % 4}`;
    this.#item = i % 6;
    this.city = i % 3 === 0 ? null : `c${i % 3}`;
    // Neither enumerable ones nor symbols are fields.
    Object.defineProperty(this, "hidden", { value: "x", enumerable: false });
    Object.defineProperty(this, Symbol("secret"), { value: "x", enumerable: true });
  }

  city: string | null;

  get item(): string {
    return `i${this.#item}`;
  }

  get member(): boolean {
    return false;
  }

  /** Without a getter it is no field. */
  set price(_: number) {}

  describe(): string {
    return `${this.user} and ${this.item}`;
  }
}

/** Own fields, fields of the base class, getters of both; one overrides that of the base. */
class Visit extends Base {
  override readonly hour: number;
  readonly tags: readonly string[];

  constructor(i: number) {
    super(i);
    this.hour = (i % 24) / 24;
    this.tags = [`t${i % 3}`, "all"];
  }

  override get member(): boolean {
    return this.user !== "u1";
  }

  get mix(): Readonly<Record<string, number>> {
    return { sweet: this.hour - 0.5, cold: 0.25 };
  }
}

const COUNT = 48;
const visits = Array.from({ length: COUNT }, (_, i) => new Visit(i));
const plain: Plain[] = visits.map(({ user, item, hour, member, tags, mix, city }) => ({
  user,
  item,
  hour,
  member,
  tags,
  mix,
  city,
}));
const maps = plain.map((row) => new Map(Object.entries(row)));
const bare = plain.map((row) => Object.assign(Object.create(null) as object, row) as Plain);
const frozen = plain.map((row) => Object.freeze({ ...row }));
class MyMap extends Map<string, Plain[keyof Plain]> {}
const ownMaps = maps.map((map) => new MyMap(map));

const KINDS: readonly [string, readonly object[]][] = [
  ["objects of a class", visits],
  ["Maps", maps],
  ["Maps of a class", ownMaps],
  ["objects without a prototype", bare],
  ["frozen objects", frozen],
];
const labels = plain.map((_, i) => ((i * 7) % 5) - 2);
const options: NFMOptions = { embeddingDim: 4, hiddenUnits: [3], seed: 3 };
const bytes = (model: NFM): Uint8Array => model.save({ optimizer: true });

/**
 * The order of fields decides the order of features, so that all rows of a kind are read as the plain ones of
 * that order.
 */
const inOrderOf = (row: object, like: Plain): FeatureMap => {
  const fields =
    row instanceof Map
      ? [...(row as Map<string, unknown>).keys()]
      : row instanceof Base
        ? ["user", "city", "hour", "tags", "member", "mix", "item"]
        : Object.keys(row);
  return Object.fromEntries(fields.map((field) => [field, like[field as keyof Plain]]));
};

describe.each(KINDS)("%s", (_, given) => {
  const rows = given as readonly FeatureMap[];
  const same = given.map((row, i) => inOrderOf(row, plain[i]));

  it("are the same model as plain objects: fit with validation, predict, evaluate, partialFit", async () => {
    const [model, expected] = [new NFM(options), new NFM(options)];
    const run = { epochs: 3, batchSize: 16 };
    const history = await model.fit(rows, labels, {
      ...run,
      validation: { x: rows.slice(0, 9), y: labels.slice(0, 9) },
    });
    const wanted = await expected.fit(same, labels, {
      ...run,
      validation: { x: same.slice(0, 9), y: labels.slice(0, 9) },
    });
    const course = ({ epochs }: typeof history): unknown =>
      epochs.map(({ loss, validation }) => ({ loss, validation }));
    expect(course(history)).toEqual(course(wanted));
    expect(bytes(model)).toEqual(bytes(expected));
    expect(model.predict(rows)).toEqual(expected.predict(same));
    rows.forEach((row, i) => expect(model.predict(row)).toBe(expected.predict(same[i])));
    expect(model.evaluate(rows, labels)).toEqual(expected.evaluate(same, labels));
    expect(model.partialFit(rows, labels)).toBe(expected.partialFit(same, labels));
    expect(model.explain(rows[3])).toEqual(expected.explain(same[3]));
    expect(bytes(model)).toEqual(bytes(expected));
  });

  it("and in pairs, in groups and in rankings", async () => {
    const [model, expected] = [new NFM({ ...options, loss: "bpr" }), new NFM({ ...options, loss: "bpr" })];
    await model.fitPairs(rows.slice(0, 20), rows.slice(20, 40), { epochs: 2 });
    await expected.fitPairs(same.slice(0, 20), same.slice(20, 40), { epochs: 2 });
    model.partialFitPairs(rows.slice(0, 5), rows.slice(5, 10));
    expected.partialFitPairs(same.slice(0, 5), same.slice(5, 10));
    expect(bytes(model)).toEqual(bytes(expected));
    await model.fit(rows, labels, { groups: "user", epochs: 2 });
    await expected.fit(same, labels, {
      groups: same.map(({ user }: FeatureMap & { user?: unknown }) => user as string),
      epochs: 2,
    });
    expect(bytes(model)).toEqual(bytes(expected));
    const context = { place: "nowhere" };
    expect(model.rank(context, rows)).toEqual(expected.rank(context, same));
    expect(model.rank(rows[2], model.prepare(rows.slice(5)))).toEqual(
      expected.rank(same[2], expected.prepare(same.slice(5))),
    );
  });

  it("and of an encoder", () => {
    const [encoder, expected] = [
      new FeatureEncoder({ numbers: "standard" }),
      new FeatureEncoder({ numbers: "standard" }),
    ];
    expect(encoder.fitTransform(rows)).toEqual(expected.fitTransform(same));
    expect(JSON.stringify(encoder)).toBe(JSON.stringify(expected));
    expect(encoder.encode(rows[5])).toEqual(expected.encode(same[5]));
    expect(encoder.unseen(rows[5])).toEqual([]);
  });
});

describe("a recommender", () => {
  class Item {
    readonly #number: number;
    constructor(number: number) {
      this.#number = number;
    }
    get item(): string {
      return `i${this.#number}`;
    }
    get kind(): string {
      return `k${this.#number % 2}`;
    }
  }
  interface Moment {
    who: string;
    when?: number;
  }

  it("takes items and contexts of every kind", async () => {
    const items = Array.from({ length: 7 }, (_, i) => new Item(i));
    const plainItems = items.map(({ item, kind }) => ({ item, kind }));
    const contexts: Moment[] = Array.from({ length: 30 }, (_, i) => ({ who: `w${i % 5}`, when: i % 2 }));
    const contextMaps = contexts.map((context) => new Map(Object.entries(context)));
    const taken = contexts.map((_, i) => `i${(i * 3) % 7}`);
    const files: Uint8Array[] = [];
    const lists: unknown[] = [];
    for (const theirItems of [items, plainItems, plainItems.map((item) => new Map(Object.entries(item)))]) {
      for (const theirContexts of [contexts, contextMaps]) {
        const recommender = new Recommender(
          new NFM({ ...options, loss: "bpr" }),
          theirItems as readonly FeatureMap[],
        );
        expect(recommender.ids).toEqual(plainItems.map(({ item }) => item));
        await recommender.fit(theirContexts as readonly FeatureMap[], taken, { epochs: 2, users: "who" });
        files.push(bytes(recommender.model));
        lists.push([
          recommender.recommend(theirContexts[3] as FeatureMap),
          recommender.evaluate(theirContexts as readonly FeatureMap[], taken),
          recommender.explain(theirContexts[1] as FeatureMap, "i2"),
        ]);
      }
    }
    for (const file of files) expect(file).toEqual(files[0]);
    for (const list of lists) expect(list).toEqual(lists[0]);
  });

  it("reads getters once, when the catalog is made", () => {
    let price = 1;
    const items = [1, 2].map(
      (i) =>
        Object.create(
          {
            get price() {
              return price;
            },
          },
          { item: { value: `i${i}`, enumerable: true } },
        ) as FeatureMap,
    );
    const model = new NFM({
      ...options,
      encoder: new FeatureEncoder({ numbers: "raw" }).fit([{ item: "i1", price: 1 }, { item: "i2" }]),
      initStd: 1,
    });
    const recommender = new Recommender(model, items);
    const before = recommender.recommend({});
    price = 1000;
    expect(recommender.recommend({})).toEqual(before);
    const prepared = model.prepare(items);
    price = 5;
    expect(model.rank({}, prepared)).not.toEqual(model.rank({}, items));
  });

  it("refuses a context with a field of its items, also one that is a getter", () => {
    const recommender = new Recommender(new NFM({ numFeatures: 3 }), [new Item(1), new Item(2)]);
    expect(() => recommender.recommend(new Item(3) as unknown as FeatureMap)).toThrow(
      'Recommender.recommend: context has the field "item", which is one of the items\'',
    );
  });
});

describe("what is no row", () => {
  class Late {
    get when(): Promise<number> {
      return Promise.resolve(7);
    }
  }
  class Broken {
    get user(): string {
      throw new Error("no user here");
    }
  }
  class Mutable {
    user = "ana";
    rename(): void {}
  }
  const refused: [string, unknown, string][] = [
    ["a date", new Date(0), "x[1] must be an object or a Map from field names to values, got a Date ("],
    ["a Set", new Set(["a"]), "x[1] must be an object or a Map from field names to values, got a Set of 1"],
    [
      "a promise",
      Promise.resolve(1),
      "x[1] must be an object or a Map from field names to values, got a Promise (await it)",
    ],
    ["a function", () => 1, "x[1] must be an object or a Map from field names to values, got function"],
    [
      "an array of pairs",
      [["user", "ana"]],
      "x[1] must be an object or a Map from field names to values, got array of 1",
    ],
    [
      "a typed array",
      new Float32Array(2),
      "x[1] must be an object or a Map from field names to values, got Float32Array of 2",
    ],
    [
      "a getter of a promise",
      new Late(),
      "x[1].when must be a number, string, boolean, array of strings, object of numbers or null, got a Promise (await it)",
    ],
    ["a getter that throws", new Broken(), "no user here"],
    [
      "a method that is an own property",
      Object.assign(new Mutable(), { rename: () => undefined }),
      "x[1].rename must be a number, string, boolean, array of strings, object of numbers or null, got function",
    ],
  ];

  it.each(refused)("%s", async (_, row, message) => {
    const model = new NFM(options);
    const rows = [{ user: "ana" }, row] as FeatureMap[];
    await expect(model.fit(rows, [1, 0])).rejects.toThrow(message);
    expect(() => model.partialFit(rows, [1, 0])).toThrow(message);
    const encoder = new FeatureEncoder({ hashBits: 5 });
    expect(() => new NFM({ ...options, encoder }).predict(rows)).toThrow(message);
    expect(() => new FeatureEncoder().fit(rows)).toThrow(message.replace("x[1]", "maps[1]"));
  });

  it("methods of a class are no fields", () => {
    const encoder = new FeatureEncoder().fit([new Mutable() as unknown as FeatureMap]);
    expect(encoder.toJSON().names).toEqual(["user=ana"]);
  });
});

describe("ids in a field of the rows", () => {
  const rows = plain.map(({ user, item, hour }, i) => ({ user, item, hour, query: `q${i % 7}` }));
  const queries = rows.map(({ query }) => query);

  it("groups: a name is the ids of that field, in fit, validation and evaluate", async () => {
    for (const loss of ["bpr", "squared"] as const) {
      const [named, listed] = [new NFM({ ...options, loss }), new NFM({ ...options, loss })];
      const held = { x: rows.slice(0, 20), y: labels.slice(0, 20) };
      const run = { epochs: 2, metrics: ["ndcg@5", "group-auc"] } as const;
      const history = await named.fit(rows, labels, {
        ...run,
        groups: "query",
        validation: { ...held, groups: "query" },
      });
      const wanted = await listed.fit(rows, labels, {
        ...run,
        groups: queries,
        validation: { ...held, groups: queries.slice(0, 20) },
      });
      expect(history.epochs.map(({ validation }) => validation)).toEqual(
        wanted.epochs.map(({ validation }) => validation),
      );
      expect(bytes(named)).toEqual(bytes(listed));
      const metrics = ["ndcg@5", "mrr"] as const;
      expect(named.evaluate(rows, labels, { metrics, groups: "query" })).toEqual(
        named.evaluate(rows, labels, { metrics, groups: queries }),
      );
      const shared = await new NFM({ ...options, loss }).fit(rows, labels, {
        epochs: 1,
        groups: "query",
        validation: 0.3,
      });
      expect(shared.epochs[0].validation).toHaveProperty("ndcg@10");
    }
  });

  it("users: a name is the ids of that field of the contexts", async () => {
    const items = Array.from({ length: 6 }, (_, i) => ({ item: `i${i}` }));
    const contexts = rows.map(({ user, hour }) => ({ user, hour }));
    const taken = rows.map(({ item }) => item);
    const fitted = async (users: string | string[] | undefined): Promise<Uint8Array> => {
      const recommender = new Recommender(new NFM({ ...options, loss: "bpr" }), items);
      await recommender.fit(contexts, taken, { epochs: 3, users });
      return bytes(recommender.model);
    };
    const byName = await fitted("user");
    expect(byName).toEqual(await fitted(contexts.map(({ user }) => user)));
    expect(byName).not.toEqual(await fitted(undefined));
  });

  const refused: [string, unknown, unknown, string][] = [
    [
      "a field that is missing",
      rows,
      "quarry",
      "x[0].quarry must be an id, a string or a number (the option groups names another field, or lists ids), got undefined",
    ],
    [
      "a field that is missing in one row",
      [...rows.slice(0, 47), { user: "u" }],
      "query",
      "x[47].query must be an id, a string or a number",
    ],
    [
      "a field that holds lists",
      plain,
      "tags",
      "x[0].tags must be an id, a string or a number (the option groups names another field, or lists ids), got array of 2",
    ],
    [
      "a name for rows without fields",
      rows.map((_, i) => ({ indices: [i] })),
      "query",
      "x[0].query must be an id, a string or a number",
    ],
    [
      "a name for a matrix",
      new FeatureEncoder().fitTransform(rows),
      "query",
      'x must be feature maps with a field "query", got CSRMatrix',
    ],
    ["ids of another length", rows, ["a"], "groups.length must be the number of rows of x (48), got 1"],
    [
      "an id that is no id",
      rows,
      rows.map((_, i) => (i === 5 ? null : "a")),
      "groups[5] must be an id: a string or a number, got null",
    ],
    [
      "NaN",
      rows,
      rows.map((_, i) => (i === 5 ? NaN : 1)),
      "groups[5] must be an id: a string or a finite number, got NaN",
    ],
    ["a number", rows, 7, "groups must be the name of a field, or an array of ids, got 7"],
  ];
  it.each(refused)("errors: %s", async (_, x, groups, message) => {
    const given = { groups: groups as string };
    await expect(new NFM({ ...options, loss: "bpr" }).fit(x as FeatureMap[], labels, given)).rejects.toThrow(
      `fit: ${message}`,
    );
    const model = new NFM({ ...options, numFeatures: 60 });
    expect(() => model.evaluate(x as FeatureMap[], labels, given)).toThrow(`evaluate: ${message}`);
    const validation = { x: x as FeatureMap[], y: labels, groups: groups as string };
    await expect(
      new NFM({ ...options, loss: "bpr" }).fit(rows, labels, { groups: "query", validation }),
    ).rejects.toThrow(`fit: validation.${message}`);
  });
});
