// Rows in every form give the same bits as an array of feature maps, in every method that takes rows.

import { describe, expect, it } from "vitest";
import {
  type ColumnsObject,
  CSRMatrix,
  FeatureEncoder,
  type FeatureMap,
  NFM,
  type NFMOptions,
  Recommender,
  type Rows,
} from "../../src/index.ts";
import { Predictor } from "../../src/predict.ts";
import {
  BOOL,
  DECIMAL,
  DICTIONARY,
  FakeArquero,
  FakeArrow,
  FakeDuckDBReader,
  FakeDuckDBResult,
  FakeVector,
  FLOAT16,
  FLOAT64,
  LIST,
  STRUCT,
} from "../helpers/tables.ts";

const COUNT = 60;

/** Rows with every kind of value. Absent values are null, because a column has an element for each row. */
const rows = Array.from({ length: COUNT }, (_, i) => ({
  user: `u${i % 5}`,
  item: i % 7 === 3 ? null : `i${i % 7}`,
  price: (i * 37) % 11 === 5 ? null : ((i * 37) % 11) / 4,
  size: (i * 5) % 24,
  member: i % 3 === 0,
  tags: i % 4 === 0 ? null : [`t${i % 3}`, "all"],
  mix: { sweet: (i % 6) / 2 - 1, cold: 0.25 },
}));
const labels = rows.map((_, i) => ((i * 7) % 4) - 2);
const fields = Object.keys(rows[0]) as (keyof (typeof rows)[number])[];
const types = {
  user: DICTIONARY,
  item: DICTIONARY,
  price: FLOAT64,
  size: FLOAT64,
  member: BOOL,
  tags: LIST,
  mix: STRUCT,
};

/** What Arrow's vectors give for lists and structs. */
function arrowValue(value: unknown): unknown {
  if (Array.isArray(value)) return new FakeVector(value, DICTIONARY);
  if (typeof value !== "object" || value === null) return value;
  return new (class StructRow {
    toJSON(): unknown {
      return { ...(value as object) };
    }
  })();
}

/** Makes the same rows in another form. Each call makes a new value, because a generator is read only once. */
type Form = (some: typeof rows) => Rows;
const column = (some: typeof rows, field: (typeof fields)[number]): unknown[] =>
  some.map((row) => row[field]);
const columnsOf = (some: typeof rows): ColumnsObject =>
  Object.fromEntries(fields.map((field) => [field, column(some, field)])) as ColumnsObject;

/** An arquero table whose order, after a filter, gives the rows. In the table they stand in reverse, twice. */
function arquero(some: typeof rows, columnOf: (all: unknown[]) => unknown): FakeArquero {
  const stored = [...some, ...some].reverse();
  const data = Object.fromEntries(fields.map((field) => [field, columnOf(column(stored, field))]));
  return new FakeArquero(
    data,
    stored.length,
    some.map((_, i) => stored.length - 1 - i),
  );
}

const FORMS: readonly [string, Form][] = [
  [
    "a generator",
    (some) =>
      (function* () {
        yield* some;
      })(),
  ],
  ["a Set", (some) => new Set(some)],
  ["an iterator of a Map", (some) => new Map(some.entries()).values() as unknown as Rows],
  ["columns", columnsOf],
  [
    "columns with typed arrays",
    (some) => ({ ...columnsOf(some), size: Float64Array.from(some, ({ size }) => size) }),
  ],
  ["columns of a class", (some) => Object.assign(new (class Frame {})(), columnsOf(some)) as unknown as Rows],
  [
    "an Arrow table",
    (some) =>
      new FakeArrow(
        Object.fromEntries(
          fields.map((field) => [field, new FakeVector(column(some, field).map(arrowValue), types[field])]),
        ),
      ),
  ],
  ["an Arquero table with a filter and an order", (some) => arquero(some, (all) => all)],
  [
    "an Arquero table of columns with at()",
    (some) => arquero(some, (all) => ({ length: all.length, at: (row: number) => all[row] })),
  ],
  ["an Arquero table as it was made", (some) => new FakeArquero(columnsOf(some), some.length)],
  ["a DuckDB reader", (some) => new FakeDuckDBReader(columnsOf(some) as Record<string, unknown[]>)],
];

const options: NFMOptions = { embeddingDim: 4, hiddenUnits: [3], seed: 3 };
const bytes = (model: NFM): Uint8Array => model.save({ optimizer: true });
const asMaps = rows as readonly FeatureMap[];

describe.each(FORMS)("%s", (_, form) => {
  it("is the same model as an array of maps: fit with validation, predict, evaluate, partialFit", async () => {
    const [model, expected] = [new NFM(options), new NFM(options)];
    const [train, held] = [rows.slice(0, 45), rows.slice(45)];
    const run = { epochs: 3, batchSize: 16, metrics: ["rmse", "ndcg@5"] } as const;
    const history = await model.fit(form(train), labels.slice(0, 45), {
      ...run,
      validation: { x: form(held), y: labels.slice(45), groups: "user" },
    });
    const wanted = await expected.fit(train as FeatureMap[], labels.slice(0, 45), {
      ...run,
      validation: { x: held as FeatureMap[], y: labels.slice(45), groups: held.map(({ user }) => user) },
    });
    expect(history.epochs.map(({ loss, validation }) => [loss, validation])).toEqual(
      wanted.epochs.map(({ loss, validation }) => [loss, validation]),
    );
    expect(bytes(model)).toEqual(bytes(expected));
    expect(model.predict(form(rows))).toEqual(expected.predict(asMaps));
    expect(Predictor.load(model.save()).predict(form(rows))).toEqual(expected.predict(asMaps));
    const metrics = ["rmse", "ndcg@5"] as const;
    expect(model.evaluate(form(rows), labels, { metrics, groups: "user" })).toEqual(
      expected.evaluate(asMaps, labels, { metrics, groups: rows.map(({ user }) => user) }),
    );
    expect(model.partialFit(form(rows), labels)).toBe(expected.partialFit(asMaps, labels));
    expect(bytes(model)).toEqual(bytes(expected));
  });

  it("and with a share that is held out, rows or groups", async () => {
    for (const groups of [undefined, "user"]) {
      const [model, expected] = [new NFM(options), new NFM(options)];
      const run = { epochs: 2, validation: 0.3, groups };
      const history = await model.fit(form(rows), labels, run);
      const wanted = await expected.fit(asMaps, labels, run);
      expect(history.epochs.map(({ validation }) => validation)).toEqual(
        wanted.epochs.map(({ validation }) => validation),
      );
      expect(bytes(model)).toEqual(bytes(expected));
    }
  });

  it("and in pairs, in groups and in rankings", async () => {
    const [model, expected] = [new NFM({ ...options, loss: "bpr" }), new NFM({ ...options, loss: "bpr" })];
    const [better, worse] = [rows.slice(0, 20), rows.slice(20, 40)];
    const run = { epochs: 2, validation: 0.2 };
    await model.fitPairs(form(better), form(worse), run);
    await expected.fitPairs(better as FeatureMap[], worse as FeatureMap[], run);
    expect(bytes(model)).toEqual(bytes(expected));
    model.partialFitPairs(form(better), form(worse));
    expected.partialFitPairs(better as FeatureMap[], worse as FeatureMap[]);
    await model.fit(form(rows), labels, { groups: "user", epochs: 2, resume: true });
    await expected.fit(asMaps, labels, { groups: "user", epochs: 2, resume: true });
    expect(bytes(model)).toEqual(bytes(expected));
    const context = { place: "nowhere" };
    expect(model.rank(context, form(rows))).toEqual(expected.rank(context, asMaps));
    expect(model.rank(context, model.prepare(form(rows)))).toEqual(
      expected.rank(context, expected.prepare(asMaps)),
    );
  });

  it("and of an encoder", () => {
    const [encoder, expected] = [new FeatureEncoder(), new FeatureEncoder()];
    expect(encoder.fitTransform(form(rows))).toEqual(expected.fitTransform(asMaps));
    expect(JSON.stringify(encoder)).toBe(JSON.stringify(expected));
    expect(encoder.transform(form(rows))).toEqual(expected.transform(asMaps));
    expect(JSON.stringify(new FeatureEncoder().fit(form(rows)))).toBe(JSON.stringify(expected));
  });

  it("and of a recommender: items, contexts, validation", async () => {
    const items = rows.slice(0, 12).map((row, i) => ({ ...row, item: `x${i}` }));
    const contextFields = (some: typeof rows): { who: string; hour: number }[] =>
      some.map(({ user }, i) => ({ who: user, hour: i % 4 }));
    const taken = rows.map((_, i) => `x${(i % 6) * 2}`);
    const contexts = contextFields(rows);
    const forms = (): ColumnsObject => ({
      who: contexts.map(({ who }) => who),
      hour: Float64Array.from(contexts, ({ hour }) => hour),
    });
    const made = async (theirItems: Rows, theirContexts: Rows, held: Rows): Promise<unknown[]> => {
      const recommender = new Recommender(new NFM({ ...options, loss: "bpr" }), theirItems);
      const history = await recommender.fit(theirContexts, taken, {
        epochs: 2,
        users: "who",
        validation: { contexts: held, items: taken },
      });
      return [
        bytes(recommender.model),
        history.epochs.map(({ validation }) => validation),
        recommender.ids,
        recommender.recommend({ who: "u1" }),
        recommender.evaluate(contexts, taken),
      ];
    };
    const wanted = await made(items as FeatureMap[], contexts, contexts);
    expect(await made(form(items), contexts, contexts)).toEqual(wanted);
    expect(await made(form(items), forms(), forms())).toEqual(wanted);
  });
});

describe("values of tables", () => {
  const one = (vector: FakeVector): unknown => {
    const seen: unknown[] = [];
    const encoder = new FeatureEncoder();
    const add = encoder.beginFit.bind(encoder);
    encoder.beginFit = () => {
      const fit = add();
      fit.addColumns = ({ data }) => {
        seen.push(...data[0]);
      };
      return fit;
    };
    encoder.fit(new FakeArrow({ value: vector }));
    return seen;
  };

  it("dates are Dates, decimals and half floats are numbers, lists are arrays, structs are objects", () => {
    expect(one(new FakeVector([0, null, 1e12], { typeId: 8 }))).toEqual([new Date(0), null, new Date(1e12)]);
    expect(one(new FakeVector([1.5, null], { typeId: 10 }))).toEqual([new Date(1.5), null]);
    const words = Uint32Array.of(125, 0, 0, 0);
    const negative = Uint32Array.of(0xffffff83, 0xffffffff, 0xffffffff, 0xffffffff);
    expect(one(new FakeVector([words, null, negative], DECIMAL))).toEqual([1.25, null, -1.25]);
    expect(one(new FakeVector([1.5, 2], FLOAT16))).toEqual([1.5, 2]);
    expect(one(new FakeVector([arrowValue(["a", "b"]), null], LIST))).toEqual([["a", "b"], null]);
    expect(one(new FakeVector([arrowValue({ x: 1 }), null], STRUCT))).toEqual([{ x: 1 }, null]);
    expect(one(new FakeVector([1n, 2n], { typeId: 2 }))).toEqual([1n, 2n]);
    expect(one(new FakeVector([1n, null], { typeId: 2 }))).toEqual([1n, null]);
  });
});

describe("predict: one row or columns", () => {
  const encoder = new FeatureEncoder().fit([
    { user: "ana", price: 1, tags: ["a", "b"] },
    { user: "bo", price: 2, tags: ["a"] },
  ]);
  const model = new NFM({ ...options, encoder, initStd: 1 });
  const each = (some: FeatureMap[]): Float32Array => model.predict(some);

  it("an object of arrays is columns if some field cannot be a list", () => {
    expect(model.predict({ user: ["ana", "bo"], price: [1, 2] })).toEqual(
      each([
        { user: "ana", price: 1 },
        { user: "bo", price: 2 },
      ]),
    );
    expect(model.predict({ price: Float64Array.of(2, 1) })).toEqual(each([{ price: 2 }, { price: 1 }]));
    expect(model.predict({ price: [] })).toEqual(new Float32Array(0));
  });

  it("an object of arrays is columns if an array holds what is no entry of a list", () => {
    expect(model.predict({ tags: [["a", "b"], ["b"]] })).toEqual(
      each([{ tags: ["a", "b"] }, { tags: ["b"] }]),
    );
    expect(model.predict({ tags: [["a"], null] })).toEqual(each([{ tags: ["a"] }, {}]));
  });

  it("it is one row if every field may be a list, and columns after transform", () => {
    expect(model.predict({ tags: ["a", "b"] })).toBe(each([{ tags: ["a", "b"] }])[0]);
    expect(model.predict([{ tags: ["a", "b"] }])).toHaveLength(1);
    expect(model.predict(encoder.transform({ tags: ["a", "b"] }))).toEqual(
      each([{ tags: ["a"] }, { tags: ["b"] }]),
    );
    expect(model.predict({})).toBe(each([{}])[0]);
  });

  it("is columns for a model of sparse rows, whose values are numbers", () => {
    const sparse = new NFM({ ...options, numFeatures: 9, initStd: 1 });
    expect(sparse.predict({ 3: [1, 0], 7: Float32Array.of(0.5, 2) })).toEqual(
      sparse.predict([{ 3: 1, 7: 0.5 }, { 7: 2 }]),
    );
    expect(typeof sparse.predict({ indices: [1, 2], values: [1, 1] })).toBe("number");
    expect(typeof sparse.predict({ indices: [1, 2] })).toBe("number");
  });
});

describe("ids in a field", () => {
  const items = [
    { item: 7, price: 1 },
    { item: "8", price: 2 },
    { item: 9, price: 3 },
  ];

  it('7 and "7" are the same id, and ids come back as the field has them', async () => {
    const recommender = new Recommender(new NFM({ ...options, loss: "bpr" }), items);
    expect(recommender.ids).toEqual([7, "8", 9]);
    await recommender.fit([{ who: "a" }, { who: "b" }, { who: "a" }], ["7", 8, 9], { epochs: 2 });
    const first = recommender.recommend({ who: "a" }, { exclude: ["7"] });
    expect(first.map(({ id }) => id).sort()).toEqual(["8", 9]);
    expect(recommender.recommend({ who: "a" }, { exclude: [7] })).toEqual(first);
  });

  it("bigints are ids: text from a field, themselves from an array", async () => {
    const ids = BigInt64Array.of(7n, 8n, 9n);
    const prices = { price: [1, 2, 3] };
    const fromField = new Recommender(new NFM({ ...options, loss: "bpr" }), { item: ids, ...prices });
    expect(fromField.ids).toEqual(["7", "8", "9"]);
    const fromArray = new Recommender(new NFM({ ...options, loss: "bpr" }), prices, { ids });
    expect(fromArray.ids).toEqual([7n, 8n, 9n]);
    await fromArray.fit([{ who: "a" }, { who: "b" }], [7n, 9n], { epochs: 1 });
    expect(fromArray.recommend({ who: "a" }, { exclude: [7n] })).toHaveLength(2);
    expect(() => fromArray.recommend({ who: "a" }, { exclude: [7 as unknown as bigint] })).toThrow(
      "Recommender.recommend: exclude[0] must be a bigint, as it is in the catalog, got 7",
    );
  });

  it("groups of numbers in a field are those of the same text", async () => {
    const numbers = rows.map(({ user, price }, i) => ({
      user,
      price,
      query: i % 2 === 0 ? i % 6 : `${i % 6}`,
    }));
    const [model, expected] = [new NFM({ ...options, loss: "bpr" }), new NFM({ ...options, loss: "bpr" })];
    const x = numbers.map(({ user, price }) => ({ user, price }));
    await model.fit(x, labels, { groups: numbers.map(({ query }) => String(query)), epochs: 1 });
    const encoder = model.encoder!;
    await expected.fit(
      { ...columnsOf(rows), query: Float64Array.from(numbers, ({ query }) => Number(query)) },
      labels,
      {
        groups: "query",
        epochs: 1,
      },
    );
    const other = new NFM({ ...options, loss: "bpr", encoder });
    await other.fit(numbers, labels, { groups: "query", epochs: 1 });
    expect(bytes(other)).toEqual(bytes(model));
    expect(expected.history!.epochs[0].loss).toBeGreaterThan(0);
  });
});

describe("a change after the call", () => {
  it("of an array, of a column or of the source of a generator has no effect on fit", async () => {
    const expected = new NFM(options);
    await expected.fit(asMaps, labels, { epochs: 2 });
    const columns = columnsOf(rows) as Record<string, unknown[]>;
    const list = rows.map((row) => row);
    const forms: [Rows, () => void][] = [
      [columns as ColumnsObject, () => columns.user.fill("mallory")],
      [columns as ColumnsObject, () => delete columns.price],
      [list as FeatureMap[], () => list.fill(list[0])],
      [
        (function* () {
          yield* list;
        })() as Rows,
        () => list.fill(list[0]),
      ],
      [new FakeArquero(columnsOf(rows), COUNT), () => undefined],
    ];
    for (const [x, change] of forms) {
      columns.user = rows.map(({ user }) => user);
      columns.price = rows.map(({ price }) => price) as unknown[];
      list.splice(0, COUNT, ...rows);
      const model = new NFM(options);
      const given = x === (columns as unknown) ? { ...columns } : x;
      const done = model.fit(given as Rows, labels, { epochs: 2 });
      change();
      await done;
      expect(model.predict(asMaps)).toEqual(expected.predict(asMaps));
    }
  });

  it("of a column has no effect on a catalog", () => {
    const encoder = new FeatureEncoder().fit([{ user: "ana", price: 1 }, { user: "bo" }]);
    const model = new NFM({ ...options, encoder, initStd: 1 });
    const columns = { user: ["ana", "bo"], price: [1, 2] };
    const [catalog, wanted] = [model.prepare(columns), model.rank({}, columns)];
    columns.user.reverse();
    expect(model.rank({}, catalog)).toEqual(wanted);
  });
});

describe("what is no rows", () => {
  const forms =
    "must be an array or iterable of feature maps or sparse vectors, columns such as " +
    "{ user: [...], price: [...] }, a table, or a CSRMatrix";
  const refused: [string, unknown, string][] = [
    ["a string", "ana", `x ${forms}, got "ana"`],
    ["a number", 3, `x ${forms}, got 3`],
    ["null", null, `x ${forms}, got null`],
    ["a typed array", new Float32Array(2), `x ${forms}, got Float32Array of 2`],
    [
      "one row",
      { user: "ana" },
      `x ${forms} (for a single row, pass an array of it), got object with keys user`,
    ],
    ["no field", {}, `x ${forms} (for a single row, pass an array of it), got object with keys (none)`],
    [
      "one Map",
      new Map([["user", "ana"]]),
      `x ${forms} (for a single row, pass an array of it), got a Map of 1`,
    ],
    ["one sparse vector", { indices: [1] }, `x ${forms} (for a single row, pass an array of it), got object`],
    ["a promise", Promise.resolve([]), `x ${forms}, got a Promise (await it)`],
    [
      "an async generator",
      (async function* () {})(),
      `x ${forms} (collect it first: for await (const row of source) rows.push(row)), got an async generator`,
    ],
    [
      "columns of different lengths",
      { user: ["ana", "bo"], price: [1, 2, 3] },
      'x.price: the column must be as long as the column "user" (2), got 3',
    ],
    [
      "a column that is no array",
      { user: ["ana", "bo"], "unit price": 3 },
      'x["unit price"] must be an array or a typed array (the columns of a table have one value per row; ' +
        "put a single row into an array), got 3",
    ],
    [
      "a DuckDB result that nobody has read",
      new FakeDuckDBResult(),
      "x: the rows of this DuckDB result have not been read; await result.getColumnsObjectJS(), or use " +
        "connection.runAndReadAll",
    ],
    [
      "a DuckDB reader that is not at its end",
      new FakeDuckDBReader({ user: ["ana"] }, false),
      "x: only 1 rows of this DuckDB result have been read; await reader.readAll() first",
    ],
    [
      "a table with two columns of a name",
      new (class extends FakeArrow {
        override readonly schema = { fields: [{ name: "a" }, { name: "a" }] };
      })({}),
      'x: names of columns must be different from each other, got "a"',
    ],
  ];

  it.each(refused)("%s", async (_, x, message) => {
    const y = new Float32Array(2);
    const model = new NFM({ ...options, loss: "squared" });
    await expect(model.fit(x as Rows, y)).rejects.toThrow(`fit: ${message}`);
    await expect(
      model.fit(rows.slice(0, 2) as FeatureMap[], y, { validation: { x: x as Rows, y } }),
    ).rejects.toThrow(`fit: validation.${message}`);
    expect(() => model.partialFit(x as Rows, y)).toThrow(`partialFit: ${message}`);
    expect(() => new FeatureEncoder().fit(x as Rows)).toThrow(
      `FeatureEncoder.fit: ${message.replace(/^x/, "maps")}`,
    );
    const trained = new NFM({ ...options, encoder: new FeatureEncoder().fit([{ user: "ana", price: 1 }]) });
    expect(() => trained.evaluate(x as Rows, y)).toThrow(`evaluate: ${message}`);
    expect(() => trained.prepare(x as Rows)).toThrow(`prepare: candidates${message.slice(1)}`);
  });

  it("columns whose lengths differ, in predict", () => {
    const model = new NFM({ ...options, encoder: new FeatureEncoder().fit([{ user: "ana", price: 1 }]) });
    expect(() => model.predict({ user: ["ana", "bo"], price: [1] })).toThrow(
      'predict: x.price: the column must be as long as the column "user" (2), got 1',
    );
  });

  it("a value in a column is named like that of a row", async () => {
    await expect(new NFM(options).fit({ user: ["ana", "bo"], price: [1, NaN] }, [1, 2])).rejects.toThrow(
      "fit: x[1].price must be finite (in 32 bits), got NaN",
    );
    await expect(new NFM(options).fit({ user: ["ana"], price: [1] }, [1, 2])).rejects.toThrow(
      "fit: y.length must be the number of rows of x (1), got 2",
    );
    await expect(
      new NFM({ ...options, loss: "bpr" }).fit({ user: ["ana"], price: [1] }, [1], { groups: "quarry" }),
    ).rejects.toThrow(
      'fit: groups must be the name of a column of fit: x (user, price), or an array of ids, got "quarry"',
    );
    const items = { item: ["a", "b"], price: [1, 2] };
    await expect(
      new Recommender(new NFM({ ...options, loss: "bpr" }), items).fit({ who: ["a"], price: [1] }, ["a"]),
    ).rejects.toThrow('Recommender.fit: contexts has the field "price", which is one of the items\'');
  });

  it("a matrix for an encoder", () => {
    const matrix = new CSRMatrix({ cols: 2, indptr: [0, 1], indices: [1] });
    expect(() => new FeatureEncoder().fit(matrix)).toThrow(
      "FeatureEncoder.fit: maps must be feature maps or columns, which have names to learn from, got CSRMatrix",
    );
  });
});
