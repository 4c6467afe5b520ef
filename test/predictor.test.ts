// A predictor is the model that was saved: every method gives the same bits as NFM, on every stack and both
// backends, and refuses the same things in the same words.

import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import {
  Activation,
  BatchNorm,
  CSRMatrix,
  Dense,
  Dropout,
  FeatureEncoder,
  type FeatureMap,
  type Layer,
  NFM,
  type NFMOptions,
  type PairwiseLoss,
  type PointwiseLoss,
} from "../src/index.ts";
import { Predictor, type PredictorOptions } from "../src/predict.ts";
import { numbers } from "./reference.ts";

const next = numbers(8);
const MAPS: FeatureMap[] = Array.from({ length: 60 }, (_, i) => ({
  user: `u${i % 7}`,
  item: `i${(i * 5) % 11}`,
  hour: Math.fround(next(0, 24)),
  member: i % 3 === 0,
  tags: [`t${i % 4}`, `t${(i + 1) % 5}`],
  mix: { sweet: Math.fround(next(-1, 1)), cold: 0.5 },
}));
const ITEMS: FeatureMap[] = Array.from({ length: 20 }, (_, i) => ({
  item: `i${i % 11}`,
  tags: [`t${i % 4}`, `t${(i + 1) % 5}`],
}));
const LABELS = MAPS.map((_, i) => (i % 3 === 0 ? 1 : 0));
/** Features that training has not seen, an empty row, a Map, a class instance. */
class Visit {
  user = "u3";
  get item(): string {
    return "i5";
  }
}
const STRANGE = [
  { user: "nobody", item: "i1" },
  {},
  new Map<string, string | number>([
    ["user", "u1"],
    ["hour", 3],
  ]),
  new Visit(),
] as readonly FeatureMap[];

const double: Layer = {
  type: "double",
  shape: (inputDim) => ({ outputDim: inputDim }),
  forward: ({ x, y, rows }) => {
    for (let i = 0; i < rows * x.stride; i++) y.data[i] = 2 * x.data[i];
  },
  backward: ({ dX, dY, rows }) => {
    for (let i = 0; i < rows * dX.stride; i++) dX.data[i] = 2 * dY.data[i];
  },
};
const tenth: PointwiseLoss = {
  kind: "pointwise",
  name: "tenth",
  value: (score, target) => (score - target) ** 2,
  gradient: (score, target) => 2 * (score - target),
  link(score) {
    return score / 10 + (this === tenth ? 0 : NaN); // called as a method of its loss
  },
};
const steep: PairwiseLoss = {
  kind: "pairwise",
  name: "steep",
  value: (difference) => Math.max(0, 2 - difference),
  gradient: (difference) => (difference < 2 ? -1 : 0),
};

interface Case {
  readonly options: NFMOptions;
  /** What the file cannot hold. */
  readonly load?: PredictorOptions;
  readonly explains?: boolean;
}

const CASES: Record<string, Case> = {
  "the default": { options: {} },
  "a factorization machine": { options: { hiddenUnits: [] } },
  "a factorization machine with batch norm": { options: { hiddenUnits: [], batchNorm: true, loss: "log" } },
  "log loss, three layers, tanh": { options: { hiddenUnits: [6, 5, 4], activation: "tanh", loss: "log" } },
  "sigmoid without batch norm": {
    options: { hiddenUnits: [9], activation: "sigmoid", batchNorm: false, loss: "hinge" },
  },
  "no activation": { options: { hiddenUnits: [4, 4], activation: "identity" } },
  "wide and odd": { options: { embeddingDim: 33, hiddenUnits: [17] } },
  "a pairwise loss": { options: { loss: "bpr" } },
  "max-margin": { options: { loss: "max-margin", hiddenUnits: [] } },
  "layers in another order": {
    options: {
      layers: [
        new Activation("relu"),
        new Dense(4),
        new BatchNorm(),
        new BatchNorm(),
        new Dropout(0.2),
        new Dense(3),
        new Activation("tanh"),
      ],
    },
  },
  "a layer of one's own": {
    options: { layers: [new BatchNorm(), double, new Dense(4)] },
    load: { layers: [new BatchNorm(), double, new Dense(4)] },
    explains: false,
  },
  "a loss of one's own": { options: { loss: tenth }, load: { loss: tenth } },
  "a pairwise loss of one's own": { options: { loss: steep }, load: { loss: steep } },
  "hashed names": { options: { encoder: new FeatureEncoder({ hashBits: 6 }) } },
  "scaled numbers": { options: { encoder: new FeatureEncoder({ numbers: "standard", minCount: 2 }) } },
};

async function trained({ options }: Case): Promise<NFM> {
  const model = new NFM({
    embeddingDim: 6,
    hiddenUnits: options.layers ? undefined : [5],
    initStd: 0.3,
    seed: 4,
    ...options,
  });
  const groups = MAPS.map((_, i) => i % 5);
  const isPairwise = options.loss === "bpr" || options.loss === "max-margin" || options.loss === steep;
  await model.fit(MAPS, LABELS, { epochs: 2, batchSize: 16, ...(isPairwise && { groups }) });
  return model;
}

describe.each(Object.entries(CASES))("a predictor of %s", (_, one) => {
  it.each(["js", "wasm"] as const)("gives the bits of the model in every method: %s", async (backend) => {
    const model = await trained(one);
    for (const file of [model.save(), model.save({ optimizer: true })]) {
      const predictor = Predictor.load(file, { ...one.load, backend });
      expect([predictor.backend, predictor.numFeatures]).toEqual([backend, model.numFeatures]);

      const rows = [...MAPS, ...STRANGE];
      for (const raw of [undefined, false, true]) {
        const whole = model.predict(rows, { raw });
        expect(predictor.predict(rows, { raw })).toEqual(whole);
        rows.forEach((row, i) => expect(predictor.predict(row, { raw })).toBe(whole[i]));
      }
      const x = model.encoder!.transform(MAPS);
      expect(predictor.predict(x)).toEqual(model.predict(x));
      expect(predictor.predict([x.row(3), x.row(9)])).toEqual(model.predict([x.row(3), x.row(9)]));
      expect(predictor.predict(x.row(7), { raw: true })).toBe(model.predict(x.row(7), { raw: true }));
      expect(predictor.predict([])).toEqual(new Float32Array(0));

      const candidates: FeatureMap[] = [...ITEMS, {}];
      const catalogs = [model.prepare(candidates), predictor.prepare(candidates)];
      const shared = { ...MAPS[1], tags: ["t0", "t3"] } as FeatureMap; // candidates have these tags as well
      for (const context of [{ user: "u2" }, { user: "u2", hour: 7 }, shared, {}]) {
        for (const options of [{}, { top: 3 }, { top: 1000 }]) {
          expect(predictor.rank(context, candidates, options)).toEqual(
            model.rank(context, candidates, options),
          );
          for (const catalog of catalogs)
            expect(predictor.rank(context, catalog, options)).toEqual(model.rank(context, catalog, options));
        }
      }

      for (const row of rows) {
        if (one.explains === false)
          expect(() => predictor.explain(row)).toThrow(/^explain: layer "double" is one of your own/);
        else expect(predictor.explain(row)).toEqual(model.explain(row));
      }
      for (const { name } of NFM.learnerOf(model).ready("test").network.parameters.all) {
        expect(predictor.tensor(name), name).toEqual(model.tensor(name));
      }
      const encoder = predictor.encoder!;
      for (const row of rows) {
        expect(encoder.encode(row)).toEqual(model.encoder!.encode(row));
        expect(encoder.unseen(row)).toEqual(model.encoder!.unseen(row));
      }
      for (let i = 0; i < encoder.numFeatures; i++) {
        expect(encoder.name(i)).toBe(model.encoder!.name(i));
        expect(encoder.index(encoder.name(i))).toBe(model.encoder!.index(encoder.name(i)));
      }
      expect(JSON.stringify(encoder)).toBe(JSON.stringify(model.encoder));
      expect("fit" in encoder).toBe(false);
    }
  });
});

describe("a predictor without an encoder", () => {
  const rows = CSRMatrix.fromRows(
    Array.from(
      { length: 40 },
      (_, i) =>
        [
          [i % 9, 1],
          [9 + (i % 4), i / 10],
        ] as [number, number][],
    ),
    13,
  );

  it("takes sparse rows of every kind, and names features by their numbers", async () => {
    const model = new NFM({ embeddingDim: 3, hiddenUnits: [4], numFeatures: 13, loss: "log" });
    await model.fit(rows, LABELS.slice(0, 40), { epochs: 2 });
    const predictor = Predictor.load(model.save());
    expect(predictor.encoder).toBeNull();
    expect(predictor.predict(rows)).toEqual(model.predict(rows));
    expect(predictor.predict({ 3: 1, 11: 0.5 })).toBe(model.predict({ 3: 1, 11: 0.5 }));
    expect(predictor.predict(new Map([[3, 1]]))).toBe(model.predict(new Map([[3, 1]])));
    expect(predictor.explain({ indices: [12, 1] }).pairs[0].features).toEqual(["#12", "#1"]);
    expect(() => predictor.predict({ user: "ana" })).toThrow(
      "predict: x: keys must be feature indices (this model has no encoder for names",
    );
    expect(() => predictor.predict({ indices: [13] })).toThrow(
      "predict: x.indices[0] must be below numFeatures (13), got 13",
    );
  });

  it("reads a file that PyTorch wrote", () => {
    const bytes = readFileSync(new URL("./fixtures/03-log-k7-9x4-bn.init.safetensors", import.meta.url));
    const [model, predictor] = [NFM.load(bytes), Predictor.load(bytes)];
    const x = Array.from({ length: model.numFeatures - 1 }, (_, i) => ({
      indices: [i, i + 1],
      values: [1, 0.5],
    }));
    expect(predictor.predict(x)).toEqual(model.predict(x));
    expect(predictor.explain(x[2])).toEqual(model.explain(x[2]));
  });
});

describe("what a predictor refuses", () => {
  const messageOf = (call: () => unknown): string => {
    try {
      call();
    } catch (error) {
      return `${(error as Error).name}: ${(error as Error).message}`;
    }
    return "nothing";
  };

  it("is what the model refuses, in the same words", async () => {
    const model = await trained(CASES["the default"]);
    const predictor = Predictor.load(model.save());
    const calls: ((on: NFM | Predictor) => unknown)[] = [
      (on) => on.predict("x" as never),
      (on) => on.predict(null as never),
      (on) => on.predict([MAPS[0], 7 as never]),
      (on) => on.predict({ hour: NaN }),
      (on) => on.predict(MAPS, { prob: true } as never),
      (on) => on.predict(MAPS, { raw: 1 } as never),
      (on) => on.predict({ indices: [1e6] }),
      (on) => on.rank({ user: "u1" }, "x" as never),
      (on) => on.rank({ user: "u1" }, MAPS, { top: 0 }),
      (on) => on.rank({ user: "u1" }, MAPS, { best: 3 } as never),
      (on) => on.rank([{ user: "u1" }] as never, MAPS),
      (on) => on.prepare([]),
      (on) => on.prepare([{ hour: Infinity }]),
      (on) => on.explain({ hour: "a".repeat(3), when: new Date(0) as never }),
      (on) => on.explain({ indices: Array.from({ length: 2001 }, (_, i) => i % 3) }),
      (on) => on.tensor("V"),
    ];
    for (const call of calls) {
      const message = messageOf(() => call(model));
      expect(
        messageOf(() => call(predictor)),
        call.toString(),
      ).toBe(message);
      expect(message === "nothing", call.toString()).toBe(call.toString().includes("i % 3"));
    }
    expect(predictor.predict(MAPS)).toEqual(model.predict(MAPS));
  });

  it("of the options of load: unknown ones, and an optimizer, which belongs to training", async () => {
    const file = (await trained(CASES["the default"])).save();
    expect(() => Predictor.load(file, { optimizer: "sgd" } as never)).toThrow(
      'load has no option "optimizer"; it has backend, threads, workerUrl, loss, layers',
    );
    const refused: PredictorOptions[] = [
      { backend: "gpu" as never },
      { loss: "logistic" as never },
      { loss: 5 as never },
      { layers: 3 as never },
      { layers: [{ type: "x" } as never] },
      { layers: [new Dense(1e9)] },
    ];
    for (const options of refused) {
      const message = messageOf(() => NFM.load(file, options));
      expect(
        messageOf(() => Predictor.load(file, options)),
        message,
      ).toBe(message.replace("load: config: backend", "load: backend"));
      expect(message).not.toBe("nothing");
    }
    const given = Predictor.load(file, { backend: undefined, loss: undefined, layers: undefined });
    expect(given.predict(MAPS)).toEqual(Predictor.load(file).predict(MAPS));
  });

  it("asks for what the file cannot hold", async () => {
    for (const name of ["a layer of one's own", "a loss of one's own", "a pairwise loss of one's own"]) {
      const file = (await trained(CASES[name])).save();
      const message = messageOf(() => Predictor.load(file));
      expect(message).toMatch(/^Error: load: config: .* of its own \("(double|tenth|steep)"\); pass/);
      expect(messageOf(() => NFM.load(file))).toBe(message);
    }
    const file = (await trained(CASES["a layer of one's own"])).save();
    const wrong = { layers: [double, new BatchNorm(), new Dense(4)] };
    expect(messageOf(() => Predictor.load(file, wrong))).toBe(
      "RangeError: load: layers must be of the saved types (batch-norm, double, dense), got double, batch-norm, dense",
    );
  });

  it("takes another loss in place of the saved one, for its predictions alone", async () => {
    const model = await trained(CASES["the default"]);
    const asLog = Predictor.load(model.save(), { loss: "log" });
    expect(asLog.predict(MAPS, { raw: true })).toEqual(model.predict(MAPS));
    expect(asLog.predict(MAPS)).toEqual(NFM.load(model.save(), { loss: "log" }).predict(MAPS));
    expect(Predictor.load(model.save(), { loss: tenth }).predict(MAPS[0])).toBe(
      Math.fround(model.predict(MAPS[0]) / 10),
    );
  });
});

it("a predictor is made by load alone", async () => {
  const file = (await trained(CASES["the default"])).save();
  const make = Predictor as unknown as new (bytes: Uint8Array) => Predictor;
  expect(() => new make(file)).toThrow(new TypeError("Predictor: use Predictor.load(bytes)"));
});

it("a predictor is a class of its own name, and one may extend it", async () => {
  expect(Predictor.name).toBe("Predictor");
  class Shop extends Predictor {
    best(user: string): number {
      return this.rank({ user }, [{ item: "i1" }, { item: "i2" }])[0].index;
    }
  }
  const shop = Shop.load((await trained(CASES["the default"])).save()) as Shop;
  expect(shop).toBeInstanceOf(Shop);
  expect([0, 1]).toContain(shop.best("u1"));
});

it("refuses an object that is no loss", () => {
  const model = new NFM({ numFeatures: 3, embeddingDim: 2, hiddenUnits: [2] });
  model.partialFit([{ indices: [1] }], [1]);
  expect(() => Predictor.load(model.save(), { loss: {} as never })).toThrow(
    new TypeError(
      "load: config: loss must be the name of a loss, or { kind, name, value, gradient }, got object with keys (none)",
    ),
  );
});
