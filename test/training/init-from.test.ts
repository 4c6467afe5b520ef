// Starting from a trained factorization machine (initFrom): which tensors are its own, that training starts
// from them each time it starts afresh, and that the two models have nothing in common afterwards.

import { describe, expect, it } from "vitest";
import {
  type BatchEvent,
  CSRMatrix,
  FeatureEncoder,
  type FeatureMap,
  NFM,
  type NFMOptions,
  Recommender,
  SGD,
} from "../../src/index.ts";
import { readSafetensors } from "../../src/model/safetensors.ts";
import { PAPER, PAPER_FM } from "../helpers/paper.ts";
import { numbers } from "../reference.ts";

const next = numbers(3);
const MAPS: FeatureMap[] = Array.from({ length: 80 }, () => ({
  user: `u${Math.floor(next(0, 7))}`,
  item: `i${Math.floor(next(0, 9))}`,
  hour: Math.fround(next()),
}));
const Y = MAPS.map(() => next(-2, 2));
/** 7 users, 9 items, and of the hours 8 knots and a standardized entry. */
const FEATURES = 25;

/** Its k is no multiple of 4, so that rows in memory are longer than in files. */
const FM: NFMOptions = { ...PAPER_FM, embeddingDim: 5, seed: 5, labels: "raw" };
const DEEP: NFMOptions = { ...PAPER, embeddingDim: 5, hiddenUnits: [4, 3], seed: 9, labels: "raw" };
/** Nothing random in a step, and no statistics of a batch: what it computes is what predict computes. */
const PLAIN: NFMOptions = { ...DEEP, batchNorm: false, dropout: { biInteraction: 0, hidden: 0 } };
const PRETRAINED = ["bias", "linear.weight", "embedding.weight"];

async function machine(options: NFMOptions = FM): Promise<NFM> {
  const fm = new NFM(options);
  await fm.fit(MAPS, Y, { epochs: 4, batchSize: 16 });
  return fm;
}

const values = (model: NFM, name: string): number[] => Array.from(model.tensor(name).data);
const bytes = (model: NFM): Uint8Array => model.save({ optimizer: true });
const tensorNames = (model: NFM): string[] => [...readSafetensors(model.save()).tensors.keys()];

function expectPretrained(model: NFM, fm: NFM): void {
  for (const name of PRETRAINED) {
    expect(model.tensor(name), name).toEqual(fm.tensor(name));
    expect(
      values(model, name).every((value) => value !== 0),
      name,
    ).toBe(true);
  }
}

describe("initFrom", () => {
  it("takes V, w and w0; every other tensor is that of a fresh model of the same seed", async () => {
    const fm = await machine();
    for (const backend of ["js", "wasm"] as const) {
      const model = new NFM({ ...DEEP, backend });
      expect(model.initFrom(fm)).toBe(model);
      expect([model.numFeatures, model.history]).toEqual([FEATURES, null]);
      expectPretrained(model, fm);
      const fresh = new NFM({ ...DEEP, numFeatures: FEATURES });
      expect(model.numParameters).toBe(fresh.numParameters);
      const others = tensorNames(model).filter((name) => !PRETRAINED.includes(name));
      expect(others).toEqual(tensorNames(fresh).slice(3));
      expect(others).toHaveLength(17);
      for (const name of others) expect(model.tensor(name), name).toEqual(fresh.tensor(name));
      expect(values(fresh, "embedding.weight")).not.toEqual(values(fm, "embedding.weight"));
    }
  });

  it("makes a factorization machine the same one", async () => {
    const fm = await machine();
    const twin = new NFM({ ...FM, seed: 1 }).initFrom(fm);
    expect(twin.predict(MAPS)).toEqual(fm.predict(MAPS));
  });

  it("comes before everything: a model that was asked for something, or ranked with, follows", async () => {
    const fm = await machine();
    const model = new NFM({ ...PLAIN, numFeatures: FEATURES, encoder: fm.encoder! });
    const recommender = new Recommender(model, [{ item: "i1" }, { item: "i2" }, { item: "i3" }]);
    const list = recommender.recommend({ user: "u1" });
    const [score, parameters] = [model.predict(MAPS[0]), model.numParameters];
    expect(parameters).toBeGreaterThan(0);
    model.initFrom(fm);
    expectPretrained(model, fm);
    expect(model.predict(MAPS[0])).not.toBe(score);
    expect(recommender.recommend({ user: "u1" })).not.toEqual(list);
    for (const { id, score: given } of recommender.recommend({ user: "u1" }))
      expect(given).toBe(model.predict({ user: "u1", item: id }));
  });

  it("takes them from any model: one with layers, one that was loaded, one trained step by step", async () => {
    const deep = await machine({ ...DEEP, hiddenUnits: [6] });
    expectPretrained(new NFM(DEEP).initFrom(deep), deep);
    const loaded = NFM.load((await machine()).save());
    expectPretrained(new NFM(DEEP).initFrom(loaded), loaded);
    const stepped = new NFM(FM);
    stepped.partialFit(MAPS, Y);
    const model = new NFM(DEEP).initFrom(stepped);
    for (const name of PRETRAINED) expect(values(model, name)).toEqual(values(stepped, name));
  });

  it("takes the last of several before training", async () => {
    const [first, second] = [await machine(), await machine({ ...FM, seed: 6 })];
    const model = new NFM(DEEP).initFrom(first).initFrom(second);
    expectPretrained(model, second);
    expect(values(model, "embedding.weight")).not.toEqual(values(first, "embedding.weight"));
  });
});

describe("training after initFrom", () => {
  it("starts from them, and so does every fresh start", async () => {
    const fm = await machine();
    const model = new NFM(PLAIN).initFrom(fm);
    const scores = model.predict(MAPS);
    const before = (count: number): number =>
      Y.slice(0, count).reduce((sum, y, i) => sum + (scores[i] - Math.fround(y)) ** 2, 0) / count;
    const first: number[] = [];
    const run = {
      epochs: 2,
      batchSize: 16,
      shuffle: false,
      onBatch: ({ batch, loss }: BatchEvent) => {
        if (batch === 1) first.push(loss);
      },
    };
    await model.fit(MAPS, Y, run);
    const once = bytes(model);
    expect(first[0]).toBeCloseTo(before(16), 12);
    expect(first[1]).toBeLessThan(first[0]);
    await model.fit(MAPS.slice(0, 40), Y.slice(0, 40), run);
    expect(first[2]).toBe(first[0]);
    await model.fit(MAPS, Y, run);
    expect(first[4]).toBe(first[0]);
    expect(bytes(model)).toEqual(once);
    await model.fit(MAPS, Y, { ...run, resume: true });
    expect(first[6]).toBeLessThan(first[1]);
    const plain = new NFM(PLAIN);
    await plain.fit(MAPS, Y, run);
    expect(first[8]).not.toBe(first[0]);
  });

  it("by steps, in pairs and of events starts from them too", async () => {
    const fm = await machine();
    const scores = new NFM(PLAIN).initFrom(fm).predict(MAPS);
    expect(new NFM(PLAIN).initFrom(fm).partialFit(MAPS, Y)).toBeCloseTo(
      Y.reduce((sum, y, i) => sum + (scores[i] - Math.fround(y)) ** 2, 0) / 80,
      12,
    );
    const softplus = (d: number): number => Math.log1p(Math.exp(-d));
    const pairs = Array.from({ length: 40 }, (_, i) => softplus(scores[i] - scores[40 + i]));
    const expected = pairs.reduce((a, b) => a + b) / 40;
    expect(
      new NFM({ ...PLAIN, loss: "bpr" }).initFrom(fm).partialFitPairs(MAPS.slice(0, 40), MAPS.slice(40)),
    ).toBeCloseTo(expected, 6);
    const paired = await new NFM({ ...PLAIN, loss: "bpr" })
      .initFrom(fm)
      .fitPairs(MAPS.slice(0, 40), MAPS.slice(40), { epochs: 1, batchSize: 40 });
    expect(paired.epochs[0].loss).toBeCloseTo(expected, 6);
    // One event of a user, and one item that can be its negative: the loss before the only step is known.
    const model = new NFM({ ...PLAIN, loss: "bpr" }).initFrom(fm);
    const [better, worse] = [
      model.predict({ user: "u1", item: "i2" }),
      model.predict({ user: "u1", item: "i3" }),
    ];
    const { epochs } = await new Recommender(model, [{ item: "i2" }, { item: "i3" }]).fit(
      [{ user: "u1" }],
      ["i2"],
      { epochs: 1 },
    );
    expect(epochs[0].loss).toBeCloseTo(softplus(better - worse), 6);
  });

  it("keeps V, w and w0 where the rate is 0, through batch norm and dropout", async () => {
    const fm = await machine();
    const model = new NFM({ ...DEEP, optimizer: new SGD({ learningRate: 0 }) }).initFrom(fm);
    await model.fit(MAPS, Y, { epochs: 2 });
    expectPretrained(model, fm);
  });

  it("is the same on either backend, and of two models that start alike", async () => {
    const fm = await machine();
    const files = await Promise.all(
      (["js", "wasm", "wasm"] as const).map(async (backend) => {
        const model = new NFM({ ...DEEP, backend }).initFrom(fm);
        await model.fit(MAPS, Y, { epochs: 3, batchSize: 16, validation: 0.2 });
        return bytes(model);
      }),
    );
    expect(files[1]).toEqual(files[0]);
    expect(files[2]).toEqual(files[0]);
  });

  it("that fails before a good epoch leaves a model that starts from them still, and may be given others", async () => {
    const fm = await machine();
    const model = new NFM(DEEP).initFrom(fm);
    const before = model.save();
    await expect(
      model.fit(MAPS, Y, {
        onBatch: () => {
          throw new Error("oops");
        },
      }),
    ).rejects.toThrow("oops");
    await expect(model.fit([{ hour: NaN }], [1])).rejects.toThrow("x[0].hour must be finite");
    expect(() => model.partialFit([{ hour: 0.5, user: "u1", item: "i1" }], [3e38])).toThrow(
      "nothing has changed",
    );
    expect(model.save()).toEqual(before);
    const other = await machine({ ...FM, seed: 6 });
    expectPretrained(model.initFrom(other), other);
  });
});

describe("the vocabulary", () => {
  it("is that of the machine, for good: what it never saw contributes nothing", async () => {
    const fm = await machine();
    const model = new NFM(PLAIN).initFrom(fm);
    expect(model.encoder!.toJSON()).toEqual(fm.encoder!.toJSON());
    await model.fit([...MAPS, { user: "new", item: "i1" }], [...Y, 3], { epochs: 1 });
    expect(model.encoder!.toJSON()).toEqual(fm.encoder!.toJSON());
    expect(model.predict({ user: "new", item: "i1" })).toBe(model.predict({ item: "i1" }));
    expect(() => model.encoder!.fit(MAPS)).toThrow("this encoder belongs to a model and cannot learn again");
  });

  it("may be given, if it is the same; another one is refused", async () => {
    const fm = await machine();
    const same = new FeatureEncoder().fit(MAPS);
    expectPretrained(new NFM({ ...DEEP, encoder: same }).initFrom(fm), fm);
    for (const encoder of [
      new FeatureEncoder().fit(MAPS.slice(0, 20)),
      new FeatureEncoder().fit([...MAPS].reverse()),
      new FeatureEncoder({ numbers: "standard" }).fit(MAPS),
      new FeatureEncoder({ hashBits: 6 }),
    ]) {
      const model = new NFM({ ...DEEP, encoder });
      const before = bytes(model);
      expect(() => model.initFrom(fm)).toThrow(
        new Error(
          "initFrom: this model has an encoder of its own, which differs from that of fm; leave it out, and fm's is taken",
        ),
      );
      expect(bytes(model)).toEqual(before);
    }
    const sparse = new NFM({ ...FM, numFeatures: same.numFeatures });
    sparse.partialFit(same.transform(MAPS), Y);
    expect(() => new NFM({ ...DEEP, encoder: same }).initFrom(sparse)).toThrow(
      "which differs from that of fm",
    );
  });

  it("of hashed names and of scaled numbers comes along", async () => {
    for (const encoder of [
      new FeatureEncoder({ hashBits: 5 }),
      new FeatureEncoder({ numbers: "standard" }),
    ]) {
      const fm = await machine({ ...FM, encoder });
      const model = new NFM(FM).initFrom(fm);
      expect(model.encoder!.toJSON()).toEqual(fm.encoder!.toJSON());
      expect(model.predict(MAPS)).toEqual(fm.predict(MAPS));
    }
  });

  it("is none where the machine has none: rows are sparse, their width the machine's", async () => {
    const x = CSRMatrix.fromRows(
      [{ indices: [0, 3] }, { indices: [1, 2] }, { indices: [0, 2], values: [2, 0.5] }],
      6,
    );
    const fm = new NFM(FM);
    await fm.fit(x, [1, -1, 2], { epochs: 3 });
    const model = new NFM(DEEP).initFrom(fm);
    expect([model.encoder, model.numFeatures]).toEqual([null, 6]);
    await model.fit(x, [1, -1, 2], { epochs: 1 });
    await expect(model.fit([{ indices: [6] }], [1])).rejects.toThrow(
      "fit: x[0].indices[0] must be below numFeatures (6), got 6",
    );
    await expect(model.fit([{ user: "u1" }], [1])).rejects.toThrow("keys must be feature indices");
  });
});

describe("the two models afterwards", () => {
  it("share nothing: neither moves when the other is trained", async () => {
    const fm = await machine();
    const before = bytes(fm);
    const model = new NFM(DEEP).initFrom(fm);
    const start = bytes(model);
    await model.fit(MAPS, Y, { epochs: 2 });
    model.partialFit(MAPS, Y);
    expect(bytes(fm)).toEqual(before);
    expect(bytes(await machine())).toEqual(before);
    const other = new NFM(DEEP).initFrom(fm);
    fm.partialFit(
      MAPS,
      Y.map((y) => y + 5),
    );
    expect(bytes(fm)).not.toEqual(before);
    expect(bytes(other)).toEqual(start);
    await fm.fit([{ colour: "red" }, { colour: "blue" }], [1, 2], { epochs: 1 }); // another vocabulary altogether
    expect(bytes(other)).toEqual(start);
    await other.fit(MAPS, Y, { epochs: 2 });
    const fresh = new NFM(DEEP).initFrom(await machine());
    await fresh.fit(MAPS, Y, { epochs: 2 });
    expect(bytes(other)).toEqual(bytes(fresh));
  });

  it("go into files, before training and after", async () => {
    const fm = await machine();
    const model = new NFM(DEEP).initFrom(fm);
    const untrained = NFM.load(bytes(model));
    expectPretrained(untrained, fm);
    expect(untrained.predict(MAPS)).toEqual(model.predict(MAPS));
    await model.fit(MAPS, Y, { epochs: 2, batchSize: 16 });
    await untrained.fit(MAPS, Y, { epochs: 2, batchSize: 16, resume: true });
    expect(bytes(untrained)).toEqual(bytes(model));
    const loaded = NFM.load(bytes(model));
    expect(loaded.predict(MAPS)).toEqual(model.predict(MAPS));
    expect(loaded.encoder!.toJSON()).toEqual(fm.encoder!.toJSON());
    for (const one of [loaded, model]) await one.fit(MAPS, Y, { epochs: 1, batchSize: 16, resume: true });
    expect(bytes(loaded)).toEqual(bytes(model));
  });
});

describe("what cannot be", () => {
  const refuses = async (make: (fm: NFM) => [NFM, unknown], error: Error): Promise<void> => {
    const fm = await machine();
    const [model, source] = make(fm);
    const [before, theirs] = [model.numFeatures === 0 ? null : bytes(model), bytes(fm)];
    const call = (): unknown => model.initFrom(source as NFM);
    expect(call).toThrow(error.constructor as ErrorConstructor);
    expect(call).toThrow(error.message);
    expect(bytes(fm)).toEqual(theirs);
    if (before === null) expect(() => model.save()).toThrow("the model has no parameters yet");
    else expect(bytes(model)).toEqual(before);
  };

  it("another embeddingDim, another number of features", async () => {
    await refuses(
      (fm) => [new NFM({ ...DEEP, embeddingDim: 6 }), fm],
      new RangeError("initFrom: fm must have this model's embeddingDim (6), got 5"),
    );
    await refuses(
      (fm) => [new NFM({ ...DEEP, numFeatures: 26 }), fm],
      new RangeError("initFrom: fm must have this model's numFeatures (26), got 25"),
    );
    const fm = await machine();
    expectPretrained(new NFM({ ...DEEP, numFeatures: FEATURES }).initFrom(fm), fm);
  });

  it("a machine without parameters", async () => {
    await refuses(
      () => [new NFM(DEEP), new NFM(FM)],
      new Error(
        "initFrom: fm: the model has no parameters yet; fit it, load one, or construct it with numFeatures",
      ),
    );
  });

  it("something that is no NFM", async () => {
    for (const [source, what] of [
      [{}, "object with keys (none)"],
      [undefined, "undefined"],
      [null, "null"],
      ["fm", '"fm"'],
      [(await machine()).save(), "Uint8Array of "],
    ] as const) {
      await refuses(() => [new NFM(DEEP), source], new TypeError(`initFrom: fm must be an NFM, got ${what}`));
    }
  });

  it("a model that has been trained, by whatever means, or loaded", async () => {
    const trained = new Error(
      "initFrom: this model has been trained already, and that would be lost; make a new one",
    );
    const fitted = await machine({ ...DEEP, seed: 2 });
    await refuses((fm) => [fitted, fm], trained);
    const stepped = new NFM({ ...DEEP, encoder: new FeatureEncoder().fit(MAPS) });
    stepped.partialFit(MAPS, Y);
    await refuses((fm) => [stepped, fm], trained);
    const paired = new NFM({ ...DEEP, loss: "bpr" });
    paired.partialFitPairs(MAPS.slice(0, 40), MAPS.slice(40));
    await refuses((fm) => [paired, fm], trained);
    await refuses((fm) => [NFM.load(fitted.save()), fm], trained);
    const once = new NFM(DEEP).initFrom(await machine());
    await once.fit(MAPS, Y, { epochs: 1 });
    await refuses((fm) => [once, fm], trained);
    const stopped = new NFM(DEEP);
    await stopped
      .fit(MAPS, Y, {
        onEpoch: ({ epoch }) => {
          if (epoch === 2) throw new Error("oops");
        },
      })
      .catch(() => undefined);
    await refuses((fm) => [stopped, fm], trained); // it is as after its second epoch
  });

  it("a model that is being fitted", async () => {
    const fm = await machine();
    const model = new NFM(DEEP);
    const alone = await machine(DEEP);
    const fit = model.fit(MAPS, Y, {
      epochs: 4,
      batchSize: 16,
      onEpoch: () =>
        expect(() => model.initFrom(fm)).toThrow("initFrom: this model is being fitted; await that first"),
    });
    expect(() => model.initFrom(fm)).toThrow("initFrom: this model is being fitted; await that first");
    await fit;
    expect(bytes(model)).toEqual(bytes(alone));
  });

  it("a second one, of other sizes, takes the place of the first", async () => {
    const [first, second] = [await machine(), new NFM({ ...FM, numFeatures: 3 })];
    second.partialFit([{ indices: [1] }], [1]);
    const model = new NFM(DEEP).initFrom(first).initFrom(second);
    expect([model.numFeatures, model.encoder]).toEqual([3, null]);
    expect(model.tensor("embedding.weight")).toEqual(second.tensor("embedding.weight"));
  });

  it("itself: refused once it is trained or while it has no parameters, nothing changes before", async () => {
    const fm = await machine();
    const before = bytes(fm);
    expect(() => fm.initFrom(fm)).toThrow("initFrom: this model has been trained already");
    expect(bytes(fm)).toEqual(before);
    const empty = new NFM(DEEP);
    expect(() => empty.initFrom(empty)).toThrow("initFrom: fm: the model has no parameters yet");
    const known = new NFM({ ...DEEP, numFeatures: FEATURES });
    const start = bytes(known);
    expect(() => known.initFrom(known)).toThrow("initFrom: fm has not been trained; its values are random");
    expect(() => new NFM(DEEP).initFrom(known)).toThrow(
      "initFrom: fm has not been trained; its values are random",
    );
    expect(bytes(known)).toEqual(start);
  });
});
