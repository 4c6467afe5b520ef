// A vocabulary that grows leaves nothing behind when training fails, touches nothing that other models and
// catalogs share with it, and costs as much as the new levels alone.

import { afterEach, describe, expect, it, vi } from "vitest";
import { FeatureEncoder, type FeatureMap, NFM, type NFMOptions, Recommender } from "../../src/index.ts";
import { Predictor } from "../../src/predict.ts";
import { contentOf, encoderOf, joined, STREAM, stream, wholeModel } from "../helpers/streams.ts";
import { all } from "../helpers/training.ts";

const BLOCKS = stream(4);
const [FIRST] = BLOCKS;
const REST = joined(BLOCKS.slice(1));
/** Adds an element to a list of maps. */
const withRow = (x: readonly FeatureMap[], row: unknown): FeatureMap[] => [...x, row as FeatureMap];

afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
});

/** A model that has learned the first block. */
function trained(options: NFMOptions = {}): NFM {
  const model = new NFM({ ...STREAM, encoder: encoderOf([FIRST]), ...options });
  model.partialFit(FIRST.x, FIRST.y);
  return model;
}

/** Everything that a user can see of a model. */
const stateOf = (model: NFM): unknown[] => [
  model.save(),
  model.save({ optimizer: true }),
  model.numFeatures,
  model.numParameters,
  JSON.stringify(model.encoder),
  model.fields,
  model.predict(joined(BLOCKS).x),
];

/** Lets no table get more rows. */
function withoutMemory(backend: "js" | "wasm"): void {
  const refuse = (): never => {
    throw new RangeError("no more memory");
  };
  if (backend === "wasm") vi.spyOn(WebAssembly.Memory.prototype, "grow").mockImplementation(refuse);
  else {
    const construct = (target: typeof Float32Array, args: [number]): object =>
      typeof args[0] === "number" && args[0] > 4000 ? refuse() : Reflect.construct(target, args);
    vi.stubGlobal("Float32Array", new Proxy(Float32Array, { construct }));
  }
}

describe.each(["js", "wasm"] as const)("a step with new levels that fails: %s", (backend) => {
  /** Ways to fail, after the new levels of all other rows have been read. */
  const failures: Record<string, { x?: unknown; y?: number; message: string }> = {
    "a row of another kind": { x: 7, message: "x[60] must be an object or a Map" },
    "a value of another kind": { x: { user: ["a list"] }, message: "x[60].user must be" },
    "a weight that is no number": { x: { mix: { fat: NaN } }, message: "x[60].mix.fat" },
    "an index beyond the features": { x: { indices: [9999] }, message: "must be below numFeatures" },
    "a loss that is not finite": { x: { mix: { fat: 3e38, new: -3e38 } }, message: "nothing has changed" },
  };

  it.each(Object.entries(failures))("%s: everything is as before", (_, { x, message }) => {
    const model = trained({ backend });
    const reference = trained({ backend });
    const before = stateOf(model);
    const rows = withRow(REST.x, x);
    const y = [...REST.y, 1];
    for (let turn = 0; turn < 2; turn++) {
      expect(() => model.partialFit(rows, y)).toThrow(message);
      expect(stateOf(model)).toEqual(before);
    }
    // What comes later is as if the failed calls had never been.
    for (const each of [model, reference]) for (const block of BLOCKS) each.partialFit(block.x, block.y);
    expect(model.save({ optimizer: true })).toEqual(reference.save({ optimizer: true }));
  });

  it("pairs of which one is wrong: everything is as before", () => {
    const model = new NFM({ ...STREAM, loss: "bpr", encoder: encoderOf([FIRST]), backend });
    model.partialFitPairs(FIRST.x, [...FIRST.x].reverse());
    const before = stateOf(model);
    const worse = REST.x.map((row, i) => (i === 50 ? ({ tags: { a: "b" } } as never) : row));
    expect(() => model.partialFitPairs(REST.x, worse)).toThrow("negatives[50].tags");
    expect(stateOf(model)).toEqual(before);
  });

  it("no memory: everything is as before, and the step works when there is memory again", () => {
    const [model, reference] = [trained({ backend }), trained({ backend })];
    const before = stateOf(model);
    const x = Array.from({ length: 20_000 }, (_, i) => ({ user: `many${i}` }));
    const y = x.map((_, i) => i % 2);
    withoutMemory(backend);
    expect(() => model.partialFit(x, y)).toThrow(/^cannot allocate \d+ MiB for the model \(no more memory\)/);
    vi.restoreAllMocks();
    vi.unstubAllGlobals();
    expect(stateOf(model)).toEqual(before);
    expect(model.partialFit(x, y)).toBe(reference.partialFit(x, y));
    expect(all(model)).toBe(all(reference));
    expect(model.numFeatures).toBe(encoderOf([FIRST]).numFeatures + 20_000);
  });

  it("a fit with resume that fails or stops within its first epoch: everything is as before", async () => {
    const model = trained({ backend });
    const before = stateOf(model);
    const stop = new AbortController();
    const onBatch = (): void => stop.abort(new Error("stopped"));
    const run = { epochs: 3, batchSize: 8, resume: true } as const;
    const seen: number[] = [];
    await expect(
      model.fit(REST.x, REST.y, {
        ...run,
        signal: stop.signal,
        onBatch: () => {
          seen.push(model.numFeatures);
          onBatch();
        },
      }),
    ).rejects.toThrow("stopped");
    expect(seen).toEqual([encoderOf(BLOCKS).numFeatures]);
    expect(stateOf(model)).toEqual(before);
    await expect(model.fit(withRow(REST.x, 7), [...REST.y, 1], run)).rejects.toThrow("x[60] must be");
    expect(stateOf(model)).toEqual(before);
    const validation = { x: withRow([], { mix: { fat: "much" } }), y: [1] };
    await expect(model.fit(REST.x, REST.y, { ...run, validation })).rejects.toThrow(
      "validation.x[0].mix.fat",
    );
    expect(stateOf(model)).toEqual(before);
    await expect(
      model.fit(withRow(REST.x, { mix: { fat: 3e38, new: -3e38 } }), [...REST.y, 1], run),
    ).rejects.toThrow(/became/);
    expect(stateOf(model)).toEqual(before);
  });

  it("a fit with resume that stops later: the model is as after the last good epoch, new levels included", async () => {
    const [model, reference] = [trained({ backend }), trained({ backend })];
    const stop = new AbortController();
    const run = { batchSize: 8, resume: true } as const;
    await expect(
      model.fit(REST.x, REST.y, {
        ...{ ...run, epochs: 5, signal: stop.signal },
        onBatch: ({ epoch, batch }) => {
          if (epoch === 3 && batch === 2) stop.abort(new Error("stopped"));
        },
      }),
    ).rejects.toThrow("stopped");
    await reference.fit(REST.x, REST.y, { ...run, epochs: 2 });
    expect(model.save({ optimizer: true })).toEqual(reference.save({ optimizer: true }));
  });

  it("predicts with known and with new levels while it is fitted with resume", async () => {
    const model = trained({ backend });
    const fitting = model.fit(REST.x, REST.y, { epochs: 90, batchSize: 4, resume: true, validation: false });
    let turns = 0;
    let isDone = false;
    void fitting.then(() => {
      isDone = true;
    });
    while (!isDone) {
      expect(Array.from(model.predict(REST.x)).every(Number.isFinite)).toBe(true);
      expect(model.encoder!.numFeatures).toBe(model.numFeatures);
      turns++;
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(turns).toBeGreaterThan(2);
  });
});

describe("what a growing model shares", () => {
  it("does not change with it: the encoder it was given, and a predictor of its earlier file", () => {
    const given = encoderOf([FIRST]);
    const json = JSON.stringify(given);
    const [model, sibling] = [0, 1].map(() => new NFM({ ...STREAM, encoder: given }));
    model.partialFit(FIRST.x, FIRST.y);
    sibling.partialFit(FIRST.x, FIRST.y);
    const predictor = Predictor.load(model.save(), { notices: false });
    const before = predictor.predict(REST.x);
    expect(before).toEqual(sibling.predict(REST.x));
    model.partialFit(REST.x, REST.y);
    expect(model.numFeatures).toBeGreaterThan(given.numFeatures);
    expect(JSON.stringify(given)).toBe(json);
    expect(JSON.stringify(sibling.encoder)).toBe(json);
    expect(sibling.numFeatures).toBe(given.numFeatures);
    expect(predictor.predict(REST.x)).toEqual(before);
    expect(sibling.predict(REST.x)).toEqual(before);
    expect(predictor.encoder!.numFeatures).toBe(given.numFeatures);
    expect(model.predict(REST.x)).not.toEqual(before);
  });

  it("`encoder` shows the present vocabulary, and a model made with it has the one of that moment", () => {
    const model = trained();
    const { encoder } = model;
    const early = new NFM({ ...STREAM, encoder: encoder! });
    early.predict(FIRST.x);
    model.partialFit(BLOCKS[1].x, BLOCKS[1].y);
    expect(model.encoder).toBe(encoder);
    expect(encoder!.numFeatures).toBe(model.numFeatures);
    expect(encoder!.toJSON().names).toEqual(encoderOf(BLOCKS.slice(0, 2)).toJSON().names);
    const late = new NFM({ ...STREAM, encoder: encoder! });
    model.partialFit(BLOCKS[2].x, BLOCKS[2].y);
    expect(early.encoder!.numFeatures).toBe(encoderOf([FIRST]).numFeatures);
    expect(late.encoder!.numFeatures).toBe(encoderOf(BLOCKS.slice(0, 2)).numFeatures);
    for (const each of [early, late]) {
      expect(Array.from(each.predict(REST.x)).every(Number.isFinite)).toBe(true);
      expect(each.numFeatures).toBe(each.encoder!.numFeatures);
    }
    expect(() => encoder!.fit(FIRST.x)).toThrow("this encoder belongs to a model");
  });

  it("a copy taken while a fit goes on keeps its levels when the fit takes them back", async () => {
    const model = trained();
    const copies: NFM[] = [];
    const onBatch = (): never => {
      copies.push(new NFM({ ...STREAM, encoder: model.encoder! }));
      throw new Error("stopped");
    };
    await expect(model.fit(REST.x, REST.y, { epochs: 1, resume: true, onBatch })).rejects.toThrow("stopped");
    expect(model.encoder!.numFeatures).toBe(encoderOf([FIRST]).numFeatures);
    expect(copies[0].encoder!.toJSON()).toEqual(encoderOf(BLOCKS).toJSON());
    expect(copies[0].encoder!.unseen(REST.x[0])).toEqual([]);
    expect(Array.from(copies[0].predict(REST.x)).every(Number.isFinite)).toBe(true);
  });

  it("initFrom: neither model sees what the other learns", async () => {
    const fm = trained({ hiddenUnits: [], batchNorm: false });
    const model = new NFM(STREAM).initFrom(fm);
    const names = encoderOf([FIRST]).toJSON().names!;
    fm.partialFit(BLOCKS[1].x, BLOCKS[1].y); // before the other model has its parameters
    expect(model.encoder!.toJSON().names).toEqual(names);
    expect(model.predict(REST.x).length).toBe(REST.x.length);
    expect(model.numFeatures).toBe(names.length);
    model.partialFit(BLOCKS[2].x, BLOCKS[2].y);
    expect(fm.encoder!.toJSON().names).toEqual(encoderOf(BLOCKS.slice(0, 2)).toJSON().names);
    expect(model.encoder!.toJSON().names).toEqual(encoderOf([FIRST, BLOCKS[2]]).toJSON().names);
    // A fit that starts afresh starts from what initFrom took.
    await model.fit(FIRST.x, FIRST.y, { epochs: 1 });
    expect(model.encoder!.toJSON().names).toEqual(names);
  });

  it("initFrom takes a machine whose vocabulary began with the model's own, and none that is too large", () => {
    const encoder = encoderOf([FIRST]);
    const fm = trained({ hiddenUnits: [], batchNorm: false, encoder });
    fm.partialFit(REST.x, REST.y);
    expect(new NFM({ ...STREAM, encoder }).initFrom(fm).numFeatures).toBe(fm.numFeatures);
    expect(() => new NFM({ ...STREAM, encoder: encoderOf([BLOCKS[1]]) }).initFrom(fm)).toThrow("differs");
    expect(() => new NFM({ ...STREAM, maxFeatures: fm.numFeatures - 1 }).initFrom(fm)).toThrow(
      `initFrom: fm must have at most this model's maxFeatures (${fm.numFeatures - 1}) features, got ${fm.numFeatures}`,
    );
  });

  it("a loaded model that grew starts afresh with the vocabulary of its file", async () => {
    const loaded = NFM.load(trained().save(), { notices: false });
    loaded.partialFit(REST.x, REST.y);
    await loaded.fit(REST.x, REST.y, { epochs: 1 });
    expect(loaded.numFeatures).toBe(encoderOf([FIRST]).numFeatures);
    expect(Array.from(loaded.predict(REST.x)).every(Number.isFinite)).toBe(true);
  });
});

describe.each([{ hiddenUnits: [4] }, { hiddenUnits: [], batchNorm: false }])("catalogs: %o", (options) => {
  const items: FeatureMap[] = Array.from({ length: 12 }, (_, i) => ({
    item: i,
    tags: [`t${i % 7}`],
    7: `k${i % 4}`,
  }));
  const rows = (from: readonly FeatureMap[], user: string): FeatureMap[] =>
    from.map((map) => ({ user, ...(map as object) }));
  const make = (): NFM => {
    const model = new NFM({ ...STREAM, ...options, fields: { item: "category", user: "category" } });
    const known = rows(items.slice(0, 5), "u0");
    model.partialFit(
      known,
      known.map((_, i) => i % 2),
    );
    return model;
  };

  it("score their candidates with the features that they have got since", () => {
    const model = make();
    const catalog = model.prepare(items);
    const scores = (): number[] =>
      model
        .rank({ user: "u0" }, catalog)
        .sort((a, b) => a.index - b.index)
        .map(({ score }) => score);
    const expectSame = (): number[] => {
      const found = scores();
      model.predict(rows(items, "u0")).forEach((score, i) => {
        expect(Math.abs(score - found[i])).toBeLessThan(1e-5 * Math.max(1, Math.abs(score)));
      });
      return found;
    };
    expectSame();
    expect(model.encoder!.unseen(items[9])).toEqual(["item=9"]);
    for (let turn = 0; turn < 5; turn++)
      model.partialFit(
        rows(items, "u0"),
        items.map((_, i) => i),
      );
    expect(new Set(expectSame().slice(5)).size).toBe(7);
    model.partialFit(
      rows(items, "u1"),
      items.map((_, i) => -i),
    ); // only the context's field has a new level
    expectSame();
    expect(() => model.partialFit(withRow(rows([{ item: 99 }, { 7: "k9" }], "u2"), 7), [1, 2, 3])).toThrow();
    expectSame();
    model.partialFit([{ 7: "k9" }, { item: 99 }], [1, 2]);
    expectSame();
  });

  it("are not encoded again because of the levels of other fields", () => {
    const model = make();
    const catalog = model.prepare(items);
    model.rank({ user: "u0" }, catalog);
    const read = vi.spyOn(model.encoder!, "append");
    model.partialFit(rows(items.slice(0, 5), "u5"), [0, 1, 0, 1, 0]);
    const contexts = read.mock.calls.length;
    model.rank({ user: "u5" }, catalog);
    expect(read.mock.calls.length).toBe(contexts + 1);
    model.partialFit([{ item: 11 }], [1]);
    model.rank({ user: "u5" }, catalog);
    expect(read.mock.calls.length).toBe(contexts + 3 + items.length);
  });

  it("of a recommender: a resumed fit learns its new items and users", async () => {
    const model = new NFM({ ...STREAM, ...options, loss: "bpr" });
    const few = new Recommender(model, items.slice(0, 6));
    const events = (n: number): { contexts: FeatureMap[]; taken: number[] } => ({
      contexts: Array.from({ length: 4 * n }, (_, e) => ({ user: `u${e % n}` })),
      taken: Array.from({ length: 4 * n }, (_, e) => e % n),
    });
    const old = events(6);
    await few.fit(old.contexts, old.taken, { epochs: 2, users: "user" });
    const names = model.encoder!.toJSON().names!;
    const all = new Recommender(model, items);
    const now = events(12);
    await all.fit(now.contexts, now.taken, { epochs: 2, users: "user", resume: true });
    const added = model.encoder!.toJSON().names!.slice(names.length);
    const expected = [6, 7, 8, 9, 10, 11];
    expect(added.sort()).toEqual([...expected.flatMap((i) => [`item=${i}`, `user=u${i}`]), "tags=t6"].sort());
    const list = all.recommend({ user: "u11" }, { top: 12, repeat: true });
    for (const { id, score } of list) {
      const row = { user: "u11", ...(items[id as number] as object) };
      expect(Math.abs(score - model.predict(row))).toBeLessThan(1e-5 * Math.max(1, Math.abs(score)));
    }
    expect(new Set(list.map(({ score }) => score)).size).toBe(12);
  });
});

describe("the cost of growing", () => {
  it.each(["js", "wasm"] as const)("does not depend on the size of the vocabulary: %s", (backend) => {
    const model = trained({ backend, embeddingDim: 4 });
    const encoder = model.encoder!;
    let users = 0;
    /** Milliseconds of the fastest of several runs of 50 calls with four new users each. */
    const measure = (): number => {
      const times = Array.from({ length: 8 }, () => {
        const start = performance.now();
        for (let call = 0; call < 50; call++) {
          const x = [0, 1, 2, 3].map(() => ({ user: `new${users++}`, item: users % 6 }));
          model.partialFit(x, [1, 0, 1, 0]);
        }
        return performance.now() - start;
      });
      return Math.min(...times);
    };
    const maps = vi.spyOn(Map.prototype, "set");
    const first = measure();
    const before = model.numFeatures;
    const x = Array.from({ length: 120_000 }, (_, i) => ({ user: `many${i}` }));
    model.partialFit(x, new Float32Array(x.length));
    maps.mockClear();
    const last = measure();
    expect(model.numFeatures).toBeGreaterThan(before + 120_000);
    // A copy of the vocabulary in each call would take 100 ms, and as many entries of maps.
    expect(maps.mock.calls.length).toBeLessThan(1600 * 20);
    expect(last).toBeLessThan(8 * first);
    expect(encoder.numFeatures).toBe(model.numFeatures);
  });

  it("of thousands of steps is that of one with the whole vocabulary, bit for bit", () => {
    const blocks = Array.from({ length: 3000 }, (_, b) => ({
      x: [
        { user: `u${b}`, item: b % 9 },
        { user: `u${b >> 1}`, item: 1 },
      ],
      y: [1, b % 3],
    }));
    const options: NFMOptions = { ...STREAM, embeddingDim: 3 };
    const small = new NFM({ ...options, encoder: encoderOf(blocks.slice(0, 1)) });
    const whole = wholeModel(options, blocks);
    for (const { x, y } of blocks) {
      small.partialFit(x, y);
      whole.partialFit(x, y);
    }
    expect(contentOf(small)).toEqual(contentOf(whole));
  });
});

it("an encoder on its own never grows by encoding", () => {
  const encoder = new FeatureEncoder().fit([{ user: "ana" }]);
  encoder.transform([{ user: "bo" }]);
  expect(encoder.numFeatures).toBe(1);
});
