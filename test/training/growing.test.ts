// Vocabularies that grow: a model that meets levels later is, bit for bit, one that knew them from the start.

import { describe, expect, it } from "vitest";
import {
  CSRMatrix,
  FeatureEncoder,
  type FeatureMap,
  NFM,
  type NFMOptions,
  type Notice,
  SGD,
} from "../../src/index.ts";
import { Predictor } from "../../src/predict.ts";
import { split } from "../helpers/model-files.ts";
import { contentOf, encoderOf, joined, KINDS, STREAM, stream, wholeModel } from "../helpers/streams.ts";

const BLOCKS = stream(4);
const [FIRST] = BLOCKS;
const OPTIMIZERS: Record<string, NFMOptions> = {
  Adagrad: {},
  "SGD with momentum": { optimizer: new SGD({ learningRate: 0.05, momentum: 0.9 }), learningRate: undefined },
};

/** A row of a table with two fields. */
interface Row {
  readonly user: string;
  readonly item: number;
}

/** A model that knows the first block, and learns the others when it meets them. */
const growing = (options: NFMOptions): NFM => new NFM({ ...options, encoder: encoderOf([FIRST]) });

describe.each(["js", "wasm"] as const)("partialFit with new levels: %s", (backend) => {
  it.each(Object.entries(OPTIMIZERS))("is that of a model that knew them from the start: %s", (_, more) => {
    const options = { ...STREAM, ...more, backend };
    const [small, whole] = [growing(options), wholeModel(options, BLOCKS)];
    for (let round = 0; round < 2; round++) {
      for (const { x, y } of BLOCKS) expect(small.partialFit(x, y)).toBe(whole.partialFit(x, y));
    }
    expect(small.numFeatures).toBe(whole.numFeatures);
    expect(small.numFeatures).toBeGreaterThan(encoderOf([FIRST]).numFeatures + 20);
    expect(small.numParameters).toBe(whole.numParameters);
    expect(contentOf(small)).toEqual(contentOf(whole));
    const { x } = joined(BLOCKS);
    expect(small.predict(x)).toEqual(whole.predict(x));
  });

  it("leaves the rows of known features and the layers as they would be without the new ones", () => {
    const options = { ...STREAM, backend };
    const [small, whole] = [growing(options), wholeModel(options, BLOCKS)];
    for (const { x, y } of BLOCKS.slice(0, 2)) {
      small.partialFit(x, y);
      whole.partialFit(x, y);
    }
    // The whole model has more rows, whose values nothing has touched yet.
    for (const name of ["linear.weight", "embedding.weight"]) {
      const part = small.tensor(name).data;
      expect(part.length).toBeLessThan(whole.tensor(name).data.length);
      expect(part, name).toEqual(whole.tensor(name).data.subarray(0, part.length));
    }
    for (const name of ["bias", "hidden.0.weight", "output.weight", "norms.0.running_var"])
      expect(small.tensor(name), name).toEqual(whole.tensor(name));
  });

  it("takes columns, Maps and pairs as it takes maps", () => {
    const options = { ...STREAM, backend };
    const [maps, others] = [growing(options), growing(options)];
    for (const { x, y } of BLOCKS) {
      const names = Object.keys(KINDS);
      const columns = Object.fromEntries(names.map((name) => [name, x.map((map) => (map as never)[name])]));
      expect(others.partialFit(columns as never, y)).toBe(maps.partialFit(x, y));
      expect(others.partialFit(x.map((map) => new Map(Object.entries(map))) as never, y)).toBe(
        maps.partialFit(x, y),
      );
    }
    expect(others.save()).toEqual(maps.save());
    const flat = BLOCKS.map(({ x }) =>
      x.map((map) => {
        const { user, item } = map as unknown as Row;
        return { user, item };
      }),
    );
    const plain = (): NFM => new NFM({ ...options, fields: { user: "category", item: "category" } });
    const [rows, table] = [plain(), plain()];
    for (const [b, x] of flat.entries()) {
      const columns = { user: x.map(({ user }) => user), item: x.map(({ item }) => item) };
      expect(table.partialFit(columns, BLOCKS[b].y)).toBe(rows.partialFit(x, BLOCKS[b].y));
    }
    expect(table.save()).toEqual(rows.save());
  });

  it("partialFitPairs: positives come first", () => {
    const options: NFMOptions = { ...STREAM, loss: "bpr", backend };
    const halves = BLOCKS.flatMap(({ x, y }) => [
      { x: x.slice(0, 10), y: y.slice(0, 10) },
      { x: x.slice(10), y: y.slice(10) },
    ]);
    const small = new NFM({ ...options, encoder: encoderOf(halves.slice(0, 2)) });
    const whole = wholeModel(options, halves);
    for (let i = 0; i < halves.length; i += 2) {
      const [{ x: better }, { x: worse }] = [halves[i], halves[i + 1]];
      expect(small.partialFitPairs(better, worse)).toBe(whole.partialFitPairs(better, worse));
    }
    expect(contentOf(small)).toEqual(contentOf(whole));
  });

  it("goes on from a file as if nothing had happened, with the optimizer's state or without", () => {
    const options = { ...STREAM, backend };
    const [model, whole] = [growing(options), wholeModel(options, BLOCKS)];
    for (const { x, y } of BLOCKS.slice(0, 3)) {
      model.partialFit(x, y);
      whole.partialFit(x, y);
    }
    const { x, y } = BLOCKS[3];
    const stateless = NFM.load(model.save(), { backend, notices: false });
    const loaded = NFM.load(model.save({ optimizer: true }), { backend, notices: false });
    expect(loaded.save({ optimizer: true })).toEqual(model.save({ optimizer: true }));
    for (const each of [model, loaded, whole]) each.partialFit(x, y);
    expect(contentOf(loaded)).toEqual(contentOf(whole));
    expect(loaded.save({ optimizer: true })).toEqual(model.save({ optimizer: true }));
    const other = NFM.load(wholeModel(options, BLOCKS).save(), { backend, notices: false });
    expect(stateless.partialFit(x, y)).not.toBe(other.partialFit(x, y)); // other parameters
    expect(stateless.encoder!.toJSON().names).toEqual(whole.encoder!.toJSON().names);
    expect(stateless.numFeatures).toBe(whole.numFeatures);
  });

  it("fit with resume: is that of a model that knew them from the start; validation rows add none", async () => {
    const options = { ...STREAM, backend };
    const validation = { x: [{ user: "only here", item: "i-new" }, ...BLOCKS[1].x], y: [1, ...BLOCKS[1].y] };
    const run = { epochs: 2, batchSize: 7 };
    const [small, whole] = [growing(options), wholeModel(options, BLOCKS)];
    for (const model of [small, whole]) await model.fit(FIRST.x, FIRST.y, run);
    const { x, y } = joined(BLOCKS);
    const [one, other] = [small, whole].map((model) =>
      model.fit(x, y, { ...run, validation, patience: 9, resume: true }),
    );
    const withoutSeconds = ({ epochs, checks }: Awaited<typeof one>): unknown => [
      epochs.map(({ seconds, ...record }) => record),
      checks,
    ];
    expect(withoutSeconds(await one)).toEqual(withoutSeconds(await other));
    expect(contentOf(small)).toEqual(contentOf(whole));
    expect(small.encoder!.unseen(validation.x[0])).toEqual(["user=only here", "item=i-new"]);
  });

  it("held-out rows of a share add no levels either", async () => {
    const model = growing({ ...STREAM, backend });
    await model.fit(FIRST.x, FIRST.y, { epochs: 1, validation: false });
    const x = Array.from({ length: 40 }, (_, i) => ({ user: `new${i}`, item: 1 }));
    const before = model.numFeatures;
    await model.fit(
      x,
      x.map((_, i) => i % 3),
      { epochs: 1, validation: 0.25, resume: true },
    );
    expect(model.numFeatures).toBe(before + 30);
  });

  it("fills the rows that numFeatures reserves, and then the tables grow", () => {
    const known = encoderOf([FIRST]).numFeatures;
    const options = { ...STREAM, backend };
    const reserved = growing({ ...options, numFeatures: known + 6 });
    const [plain, whole] = [growing(options), wholeModel(options, BLOCKS)];
    const sizes: number[] = [];
    for (const { x, y } of BLOCKS) {
      expect(reserved.partialFit(x, y)).toBe(whole.partialFit(x, y));
      plain.partialFit(x, y);
      sizes.push(reserved.numFeatures);
    }
    expect(sizes[0]).toBe(known + 6);
    expect(sizes[3]).toBe(whole.numFeatures);
    expect(contentOf(reserved)).toEqual(contentOf(plain));
    const wide = growing({ ...options, numFeatures: 500 });
    for (const { x, y } of BLOCKS) wide.partialFit(x, y);
    expect(wide.numFeatures).toBe(500);
    expect(wide.encoder!.toJSON().names).toEqual(whole.encoder!.toJSON().names);
    const { length } = whole.tensor("embedding.weight").data;
    expect(wide.tensor("embedding.weight").data.subarray(0, length)).toEqual(
      whole.tensor("embedding.weight").data,
    );
  });
});

describe("what becomes a new feature", () => {
  const rows: FeatureMap[] = Array.from({ length: 24 }, (_, i) => ({
    user: `u${i % 3}`,
    price: i / 7,
    member: i % 2 === 0,
    tags: i % 5 === 0 ? null : [`t${i % 2}`],
    mix: { fat: 1 + i },
    secret: `s${i}`,
  }));
  const fields = { secret: "ignore" } as const;
  const fresh = async (options: NFMOptions = {}): Promise<NFM> => {
    const model = new NFM({ ...STREAM, fields, ...options });
    await model.fit(
      rows,
      rows.map((_, i) => i % 2),
      { epochs: 1 },
    );
    return model;
  };
  const row = {
    user: "new",
    price: 99,
    member: false,
    tags: ["t0", "new", "new"],
    mix: { salt: 2, nothing: 0 },
    secret: "new",
    place: "new",
  };

  it("levels of categories and lists, and nothing else", async () => {
    const model = await fresh();
    const [before, kinds] = [model.encoder!.toJSON(), model.fields];
    model.partialFit([row, { user: null, tags: null }], [1, 0]);
    const added = ["user=new", "tags=new", "mix=salt"];
    expect(model.encoder!.toJSON()).toEqual({ ...before, names: [...before.names!, ...added] });
    expect(model.fields).toEqual(
      kinds.map((field) =>
        ["user", "tags", "mix"].includes(field.name) ? { ...field, levels: field.levels! + 1 } : field,
      ),
    );
    expect(model.numFeatures).toBe(before.names!.length + 3);
    expect(model.encoder!.unseen(row)).toEqual(["place"]);
  });

  it("a field without any level so far, and levels of files of version 1", () => {
    const empty = new NFM({ ...STREAM, fields: { user: "category", tags: "list" } });
    empty.partialFit([{ user: "ana", tags: [] }], [1]);
    empty.partialFit([{ user: "bo", tags: ["cold"] }], [0]);
    expect(empty.encoder!.toJSON().names).toEqual(["user=ana", "user=bo", "tags=cold"]);
    const encoder = FeatureEncoder.fromJSON({ version: 1, minCount: 1, names: ["user=ana", "hour", "on"] });
    const old = new NFM({ ...STREAM, encoder });
    old.partialFit(
      [
        { user: "bo", hour: 3, on: true, tags: ["a"] },
        { user: ["cy", "di"], hour: "x" },
      ],
      [1, 0],
    );
    const names = ["user=ana", "hour", "on", "user=bo", "user=cy", "user=di", "hour=x"];
    expect(old.encoder!.toJSON().names).toEqual(names);
    expect(encoder.numFeatures).toBe(3);
  });

  it("nothing of an encoder that hashes, and no index of sparse rows", () => {
    for (const encoder of [
      new FeatureEncoder({ hashBits: 6 }),
      new FeatureEncoder({ hashBits: 6, numbers: "knots" }).fit(rows),
    ]) {
      const model = new NFM({ ...STREAM, encoder });
      model.partialFit(
        rows,
        rows.map((_, i) => i % 2),
      );
      const json = JSON.stringify(model.encoder);
      model.partialFit([row], [1]);
      expect(model.numFeatures).toBe(64);
      expect(JSON.stringify(model.encoder)).toBe(json);
    }
    const sparse = new NFM({ ...STREAM });
    sparse.partialFit(CSRMatrix.fromRows([{ indices: [0, 3] }], 4), [1]);
    expect(() => sparse.partialFit([{ indices: [4] }], [1])).toThrow(
      "partialFit: x[0].indices[0] must be below numFeatures (4), got 4",
    );
    const named = new NFM({ ...STREAM });
    named.partialFit(
      rows,
      rows.map((_, i) => i % 2),
    );
    const { numFeatures } = named;
    named.partialFit([{ indices: [2] }, { user: "new" }] as never, [1, 0]);
    expect(named.numFeatures).toBe(numFeatures + 1);
    expect(() => named.partialFit([{ indices: [numFeatures + 1] }], [1])).toThrow(
      `must be below numFeatures (${numFeatures + 1})`,
    );
  });

  it("nothing with grow: false: the step is that of the known features", async () => {
    const [fixed, reference] = [await fresh({ grow: false }), await fresh({ grow: false })];
    const { place, secret, ...known } = row;
    expect(fixed.partialFit([row], [1])).toBe(
      reference.partialFit([{ ...known, user: null, tags: ["t0"], mix: {} }], [1]),
    );
    expect(fixed.save({ optimizer: true })).toEqual(reference.save({ optimizer: true }));
    await fixed.fit([...rows, row], [...rows.map((_, i) => i % 2), 1], { epochs: 1, resume: true });
    expect(fixed.encoder!.toJSON()).toEqual((await fresh()).encoder!.toJSON());
  });

  it("nothing in a fit that starts afresh with a fitted encoder", async () => {
    const encoder = encoderOf([FIRST]);
    const model = new NFM({ ...STREAM, encoder });
    const { x, y } = joined(BLOCKS);
    await model.fit(x, y, { epochs: 1 });
    expect(model.numFeatures).toBe(encoder.numFeatures);
    model.partialFit(x, y);
    expect(model.numFeatures).toBe(encoderOf(BLOCKS).numFeatures);
    await model.fit(x, y, { epochs: 1 });
    expect(model.numFeatures).toBe(encoder.numFeatures);
  });

  it("with strings as labels, levels in the first step of a new model with a fitted encoder", () => {
    const encoder = encoderOf([FIRST]);
    const options: NFMOptions = { ...STREAM, loss: "log" };
    const [small, whole] = [new NFM({ ...options, encoder }), wholeModel(options, BLOCKS.slice(0, 2))];
    const { x } = joined(BLOCKS.slice(0, 2));
    const y = x.map((_, i) => (i % 3 === 0 ? "no" : "yes"));
    expect(small.partialFit(x, y)).toBe(whole.partialFit(x, y));
    expect(contentOf(small)).toEqual(contentOf(whole));
    expect(encoder.numFeatures).toBe(encoderOf([FIRST]).numFeatures);
  });

  it("at once in partialFit, and in as many rows of a resumed fit as minCount says", async () => {
    const encoder = (): FeatureEncoder => new FeatureEncoder({ minCount: 2, fields: { tags: "list" } });
    const x = [{ user: "ana" }, { user: "ana" }, { user: "bo", tags: ["a"] }, { user: "ana", tags: ["a"] }];
    const y = [1, 0, 1, 0];
    const model = new NFM({ ...STREAM, encoder: encoder() });
    await model.fit(x, y, { epochs: 1 });
    const names = ["user=ana", "tags=a", "tags is missing"];
    expect(model.encoder!.toJSON().names).toEqual(names);
    // The same rows again do not add what minCount has left out.
    await model.fit(x, y, { epochs: 1, resume: true });
    expect(model.encoder!.toJSON().names).toEqual(names);
    const later = [{ user: "cy", tags: ["b", "b"] }, { user: "cy" }, { user: "di" }];
    await model.fit(later, [1, 0, 1], { epochs: 1, resume: true });
    expect(model.encoder!.toJSON().names).toEqual([...names, "user=cy"]);
    model.partialFit(later, [1, 0, 1]);
    expect(model.encoder!.toJSON().names).toEqual([...names, "user=cy", "tags=b", "user=di"]);
    const first = new NFM({ ...STREAM, encoder: encoder() });
    first.partialFit(x, y);
    expect(first.encoder!.toJSON().names).toEqual(names);
  });
});

describe("maxFeatures", () => {
  it("lets the first new levels in until the model is full, and says so once", () => {
    const notices: Notice[] = [];
    const known = encoderOf([FIRST]).numFeatures;
    const options: NFMOptions = { ...STREAM, maxFeatures: known + 3, notices: true };
    const model = growing({ ...options, onNotice: (notice) => notices.push(notice) });
    const x = ["a", "b", "a", "c", "d", "e"].map((user) => ({ user, item: 1 }));
    model.partialFit(x, [1, 0, 1, 0, 1, 0]);
    expect(model.numFeatures).toBe(known + 3);
    expect(model.encoder!.unseen({ user: "c" })).toEqual([]);
    expect(model.encoder!.unseen({ user: "d" })).toEqual(["user=d"]);
    const message = `partialFit: the vocabulary is full, because maxFeatures is ${known + 3}; `;
    const news = (): Notice[] => notices.filter(({ kind }) => kind === "vocabulary-full");
    expect(news()).toEqual([
      { kind: "vocabulary-full", message: `${message}2 new levels, such as "user=d", have no effect` },
    ]);
    model.partialFit(x, [1, 0, 1, 0, 1, 0]);
    expect(model.numFeatures).toBe(known + 3);
    expect(news()).toHaveLength(1);
  });

  it("speaks of a single level, and again in the next fit", async () => {
    const notices: Notice[] = [];
    const model = new NFM({ ...STREAM, maxFeatures: 2, notices: true, onNotice: (n) => notices.push(n) });
    const x = ["a", "b", "c"].map((user) => ({ user }));
    for (const resume of [false, true]) {
      await model.fit(x, [1, 0, 1], { epochs: 1, resume });
      expect(model.encoder!.toJSON().names).toEqual(["user=a", "user=b"]);
    }
    const message =
      'fit: the vocabulary is full, because maxFeatures is 2; the new level "user=c" has no effect';
    expect(notices.filter(({ kind }) => kind === "vocabulary-full")).toEqual([
      { kind: "vocabulary-full", message },
      { kind: "vocabulary-full", message },
    ]);
  });

  it("leaves room for numbers, flags and missing values in the first fit", async () => {
    const x: FeatureMap[] = [
      { user: "a", price: 1, on: true },
      { user: "b", price: 2, on: false },
      { user: "c", price: null, on: true },
    ];
    const options: NFMOptions = { ...STREAM, numbers: "raw" };
    const model = new NFM({ ...options, maxFeatures: 5 });
    await model.fit(x, [1, 0, 1], { epochs: 1 });
    expect(model.encoder!.toJSON().names).toEqual(["user=a", "price", "on", "user=b", "price is missing"]);
    await expect(new NFM({ ...options, maxFeatures: 2 }).fit(x, [1, 0, 1])).rejects.toThrow(
      "NFM: maxFeatures must be at least the number of columns of numbers, flags and missing values (3), got 2",
    );
  });

  it("is an error with more features from the start", async () => {
    expect(() => new NFM({ maxFeatures: 0 })).toThrow(
      "NFM: maxFeatures must be an integer from 1 to 4294967295, got 0",
    );
    expect(() => new NFM({ maxFeatures: 9, numFeatures: 10 })).toThrow(
      "NFM: maxFeatures must be at least numFeatures (10), got 9",
    );
    const encoder = encoderOf([FIRST]);
    expect(() => new NFM({ maxFeatures: 3, encoder })).toThrow(
      `NFM: maxFeatures must be at least that of the encoder (${encoder.numFeatures}), got 3`,
    );
    expect(() => new NFM({ maxFeatures: 63, encoder: new FeatureEncoder({ hashBits: 6 }) })).toThrow(
      "at least that of the encoder (64), got 63",
    );
    expect(() => new NFM({ grow: 1 as never })).toThrow("NFM: grow must be a boolean, got 1");
    const sparse = new NFM({ ...STREAM, maxFeatures: 3 });
    const message = "x must have at most maxFeatures (3) features, got 5";
    await expect(sparse.fit([{ indices: [4] }], [1])).rejects.toThrow(`fit: ${message}`);
    expect(() => sparse.partialFit([{ indices: [4] }], [1])).toThrow(`partialFit: ${message}`);
    expect(sparse.numFeatures).toBe(0);
  });

  it("and grow are in the file only where they are no defaults", () => {
    const configOf = (model: NFM): Record<string, unknown> => {
      model.partialFit(FIRST.x, FIRST.y);
      return JSON.parse(split(model.save()).header.__metadata__.config) as Record<string, unknown>;
    };
    expect(Object.keys(configOf(growing(STREAM)))).not.toContain("grow");
    expect(Object.keys(configOf(growing(STREAM)))).not.toContain("maxFeatures");
    expect(configOf(growing({ ...STREAM, grow: true, maxFeatures: 900 }))).toMatchObject({
      maxFeatures: 900,
    });
    expect(configOf(growing({ ...STREAM, grow: false }))).toMatchObject({ grow: false });
  });

  it("and grow hold for a loaded model too", () => {
    const { x, y } = joined(BLOCKS);
    const known = encoderOf([FIRST]).numFeatures;
    for (const [options, expected] of [
      [{}, encoderOf(BLOCKS).numFeatures],
      [{ grow: false }, known],
      [{ maxFeatures: known + 2 }, known + 2],
    ] as const) {
      const model = growing({ ...STREAM, ...options });
      model.partialFit(FIRST.x, FIRST.y);
      const loaded = NFM.load(model.save(), { notices: false });
      loaded.partialFit(x, y);
      expect(loaded.numFeatures).toBe(expected);
      expect(Predictor.load(loaded.save(), { notices: false }).predict(x)).toEqual(loaded.predict(x));
      expect(loaded.toJSON().options).toMatchObject(options);
    }
  });
});
