// The squared loss on standardized labels: training is that of a raw model on labels standardized by hand, to
// the last bit, and whatever leaves the model is in the label's own unit.

import { describe, expect, it } from "vitest";
import {
  CSRMatrix,
  type FitOptions,
  NFM,
  type NFMOptions,
  type Notice,
  Recommender,
  SGD,
} from "../../src/index.ts";
import { readSafetensors, writeSafetensors } from "../../src/model/safetensors.ts";
import { Predictor } from "../../src/predict.ts";
import { byValue } from "../helpers/by-value.ts";
import { PAPER, PAPER_FM } from "../helpers/paper.ts";
import { numbers } from "../reference.ts";

const QUIET = { notices: false } as const;
const SMALL: NFMOptions = { embeddingDim: 5, hiddenUnits: [4], seed: 3, ...QUIET };
const RUN: FitOptions = { epochs: 3, batchSize: 16 };

const next = numbers(11);
const MAPS: { user: string; item: string; hour: number }[] = Array.from({ length: 90 }, () => ({
  user: `u${Math.floor(next(0, 6))}`,
  item: `i${Math.floor(next(0, 8))}`,
  hour: Math.fround(next()),
}));
const effect = (row: { user: string; item: string }): number => Number(row.user[1]) - Number(row.item[1]) / 2;
/** Prices of some thousands. */
const PRICES = MAPS.map((row) => 4000 + 1500 * effect(row) + next(-300, 300));

const metadata = (model: NFM): ReadonlyMap<string, string> => readSafetensors(model.save()).metadata;
const unitOf = (model: NFM): { mean: number; scale: number } => JSON.parse(metadata(model).get("labels")!);
const tensors = (model: NFM): Record<string, number[]> =>
  Object.fromEntries(
    Array.from(readSafetensors(model.save({ optimizer: true })).tensors, ([name, { data }]) => [
      name,
      Array.from(data),
    ]),
  );

async function fitted(y: readonly number[], options: NFMOptions = {}, run: FitOptions = RUN): Promise<NFM> {
  const model = new NFM({ ...SMALL, ...options });
  await model.fit(MAPS, y, run);
  return model;
}

/**
 * A raw model that was trained on labels standardized with the unit of `model`. Its w0 starts where a row
 * without features has the score 0. `options` must give all settings that depend on the number of rows.
 */
async function byHand(model: NFM, y: readonly number[], options: NFMOptions, run = RUN): Promise<NFM> {
  const { mean, scale } = unitOf(model);
  const start = new NFM({ ...SMALL, ...options, labels: "raw", encoder: model.encoder! });
  const { metadata: entries, tensors: initial } = readSafetensors(start.save());
  initial.get("bias")!.data[0] = -start.predict({ user: "stranger" });
  const plain = NFM.load(writeSafetensors({ metadata: entries, tensors: initial }), {
    ...QUIET,
    backend: options.backend,
  });
  const standardized = y.map((label) => (label - mean) / scale);
  await plain.fit(MAPS, standardized, { ...run, resume: true });
  return plain;
}

function meanAndDeviation(y: readonly number[], weights = y.map(() => 1)): { mean: number; scale: number } {
  const total = weights.reduce((a, b) => a + b);
  const mean = y.reduce((sum, label, i) => sum + weights[i] * label, 0) / total;
  const squares = y.reduce((sum, label, i) => sum + weights[i] * (label - mean) ** 2, 0);
  return { mean, scale: Math.sqrt(squares / total) };
}

function expectUnit(model: NFM, { mean, scale }: { mean: number; scale: number }): void {
  const unit = unitOf(model);
  expect(unit.mean / mean).toBeCloseTo(1, 12);
  expect(unit.scale / scale).toBeCloseTo(1, 12);
}

describe("training on standardized labels", () => {
  it("takes mean and population deviation of the training labels", async () => {
    expectUnit(await fitted(PRICES), meanAndDeviation(PRICES));
  });

  it("weighs labels by sampleWeight, so rows of weight 0 count for nothing", async () => {
    const sampleWeight = MAPS.map((_, i) => (i % 3) / 4);
    const y = PRICES.map((price, i) => (i % 3 === 0 ? 1e30 : price));
    expectUnit(await fitted(y, {}, { ...RUN, sampleWeight }), meanAndDeviation(y, sampleWeight));
  });

  it("does not look at held-out labels", async () => {
    const model = await fitted([...PRICES.slice(0, 45), ...PRICES.slice(0, 45)], {}, RUN);
    const other = new NFM(SMALL);
    const held = { x: MAPS.slice(45), y: PRICES.slice(45).map((price) => price * 100) };
    await other.fit(MAPS.slice(0, 45), PRICES.slice(0, 45), { ...RUN, validation: held });
    expectUnit(other, meanAndDeviation(PRICES.slice(0, 45)));
    expectUnit(model, meanAndDeviation(PRICES.slice(0, 45)));
    const seen: number[] = [];
    const y = PRICES.map((_, i) => i + 1);
    for (let seed = 0; seed < 3; seed++) {
      const split = await fitted(y, { seed }, { ...RUN, validation: 0.5 });
      seen.push(unitOf(split).mean);
      expect(unitOf(split).mean).not.toBeCloseTo(45.5, 6); // the mean of all labels
    }
    expect(new Set(seen).size).toBe(3);
  });

  it.each([
    ["the layers of the paper", PAPER],
    ["layers without batch normalization", { ...PAPER, batchNorm: false, hiddenUnits: [7, 5] }],
    ["a factorization machine with L2", { ...PAPER_FM, l2: { embedding: 0.01, linear: 0.02 } }],
    ["plain kernels", { ...PAPER, backend: "js" }],
  ] as [
    string,
    NFMOptions,
  ][])("gives the parameters of labels standardized by hand: %s", async (_, options) => {
    const model = await fitted(PRICES, options);
    const plain = await byHand(model, PRICES, options);
    expect(tensors(model)).toEqual(tensors(plain));
    const { mean, scale } = unitOf(model);
    const inUnit = (output: number): number => Math.fround(mean + scale * output);
    expect(model.predict(MAPS)).toEqual(plain.predict(MAPS).map(inUnit));
    for (const row of MAPS.slice(0, 9)) {
      expect(model.predict(row)).toBe(inUnit(plain.predict(row)));
      expect(model.predict(row, { raw: true })).toBe(model.predict(row));
    }
    plain.history!.epochs.forEach(({ loss }, i) => {
      expect(model.history!.epochs[i].loss / (loss * scale * scale)).toBeCloseTo(1, 12);
    });
  });

  it("starts with the mean as the prediction of every row", async () => {
    const still = { optimizer: new SGD({ learningRate: 0 }), initStd: 0 };
    const { mean } = meanAndDeviation(PRICES);
    for (const hiddenUnits of [[], [4], [16, 16]]) {
      const model = await fitted(PRICES, { ...still, hiddenUnits });
      expect(model.predict({ user: "stranger" })).toBe(Math.fround(mean));
      for (const price of model.predict(MAPS)) expect(price).toBe(Math.fround(mean));
    }
  });

  it("learns prices as well as labels scaled by hand, where raw labels fail", async () => {
    const run = { epochs: 60, batchSize: 16 };
    const options = { ...PAPER, dropout: { biInteraction: 0, hidden: 0 } };
    const errors: Record<string, number> = {};
    for (const labels of ["auto", "raw"] as const) {
      const model = await fitted(PRICES, { ...options, labels }, run);
      errors[labels] = model.evaluate(MAPS, PRICES).rmse;
    }
    const { scale } = meanAndDeviation(PRICES);
    expect(errors.auto).toBeLessThan(0.15 * scale);
    expect(errors.raw).toBeGreaterThan(0.5 * scale);
  });

  it("keeps the digits of large labels with small differences", async () => {
    const small = MAPS.map((row) => effect(row) + next(-0.1, 0.1));
    const large = small.map((label) => 1e9 + Math.round(label * 1024) / 1024); // exact in float64
    const model = await fitted(large, {}, { ...RUN, epochs: 40 });
    const { scale } = unitOf(model);
    expect(scale).toBeCloseTo(meanAndDeviation(small).scale, 2);
    const { rmse } = model.evaluate(MAPS, large);
    expect(rmse).toBeGreaterThan(0);
    expect(rmse).toBeLessThan(0.6 * scale); // a float32 near 1e9 is a multiple of 64
  });
});

describe("what leaves a model of standardized labels is in their unit", () => {
  it("losses of batches, epochs and validation, and metrics", async () => {
    const [train, held] = [MAPS.slice(0, 60), MAPS.slice(60)];
    const batches: number[] = [];
    const model = new NFM({ ...SMALL, hiddenUnits: [], dropout: { biInteraction: 0 }, initStd: 0.01 });
    const metrics = ["rmse", "mae", "rmse-clamped"] as const;
    const { epochs } = await model.fit(train, PRICES.slice(0, 60), {
      ...{ epochs: 4, batchSize: 60, validation: { x: held, y: PRICES.slice(60) }, metrics },
      onBatch: ({ loss }) => batches.push(loss),
    });
    epochs.forEach(({ loss }, i) => {
      expect(loss / batches[i]).toBeCloseTo(1, 12);
    });
    const { mean } = meanAndDeviation(PRICES.slice(0, 60));
    const around = PRICES.slice(0, 60).reduce((sum, price) => sum + (price - mean) ** 2, 0) / 60;
    expect(batches[0] / around).toBeCloseTo(1, 2); // training starts at the mean
    const validation = epochs[3].validation!;
    expect(model.history!.bestEpoch).toBe(4);
    const errors = Array.from(model.predict(held), (price, i) => price - PRICES[60 + i]);
    const squares = errors.reduce((sum, error) => sum + error * error, 0) / 30;
    expect(validation.loss / squares).toBeCloseTo(1, 5);
    expect(validation.rmse / Math.sqrt(squares)).toBeCloseTo(1, 5);
    expect(validation.mae / (errors.reduce((sum, error) => sum + Math.abs(error), 0) / 30)).toBeCloseTo(1, 5);
    const [low, high] = [Math.min(...PRICES.slice(0, 60)), Math.max(...PRICES.slice(0, 60))];
    const clamped = Array.from(model.predict(held), (price) => Math.min(high, Math.max(low, price)));
    const wrong = clamped.reduce((sum, price, i) => sum + (price - PRICES[60 + i]) ** 2, 0) / 30;
    expect(validation["rmse-clamped"] / Math.sqrt(wrong)).toBeCloseTo(1, 5);
    const { rmse, mae } = model.evaluate(held, PRICES.slice(60));
    expect([rmse, mae]).toEqual([validation.rmse, validation.mae]);
  });

  it.each([
    [[4]],
    [[]],
  ])("explanations, whose parts sum to the score; hidden units %j", async (hiddenUnits) => {
    const model = await fitted(PRICES, { hiddenUnits });
    for (const row of MAPS.slice(0, 10)) {
      const { bias, linear, pairs } = model.explain(row);
      const sum = [...linear, ...pairs].reduce((total, part) => total + part.contribution, bias);
      expect(sum).toBeCloseTo(model.predict(row), 1);
    }
    const nobody = model.explain({ user: "stranger" });
    expect(nobody.bias).toBeCloseTo(model.predict({ user: "stranger" }), 2);
  });

  it.each([[[4]], [[]]])("rankings, with and without a catalog; hidden units %j", async (hiddenUnits) => {
    // Read by value, so that one row can hold an item twice.
    const model = await fitted(PRICES, { hiddenUnits, encoder: byValue(MAPS) });
    const items = Array.from({ length: 8 }, (_, i) => ({ item: `i${i}` }));
    for (const candidates of [items, model.prepare(items)]) {
      for (const { index, score } of model.rank({ user: "u3", hour: 0.5 }, candidates)) {
        const row = { user: "u3", hour: 0.5, item: `i${index}` };
        expect(score / model.predict(row)).toBeCloseTo(1, 5);
      }
    }
    // Features that context and candidate share take another way.
    for (const { index, score } of model.rank({ user: "u3", item: "i0" }, items)) {
      const twice = index === 0 ? { user: "u3", item: { i0: 2 } } : { user: "u3", item: ["i0", `i${index}`] };
      expect(score / model.predict(twice)).toBeCloseTo(1, 5);
    }
  });

  it("loaded models, by NFM and by Predictor, to the last bit", async () => {
    const model = await fitted(PRICES);
    for (const loaded of [NFM.load(model.save(), QUIET), Predictor.load(model.save())]) {
      expect(loaded.predict(MAPS)).toEqual(model.predict(MAPS));
      expect(loaded.predict(MAPS[4])).toBe(model.predict(MAPS[4]));
      expect(loaded.explain(MAPS[4])).toEqual(model.explain(MAPS[4]));
    }
    expect(NFM.load(model.save(), QUIET).save()).toEqual(model.save());
    expect(NFM.load(model.save(), QUIET).evaluate(MAPS, PRICES)).toEqual(model.evaluate(MAPS, PRICES));
  });
});

describe("more training", () => {
  it("with resume keeps the unit, and is that of one go", async () => {
    const atOnce = await fitted(PRICES, {}, { ...RUN, epochs: 5 });
    const first = await fitted(PRICES, {}, { ...RUN, epochs: 2 });
    const resumed = NFM.load(first.save({ optimizer: true }), QUIET);
    await resumed.fit(MAPS, PRICES, { ...RUN, epochs: 3, resume: true });
    expect(resumed.save({ optimizer: true })).toEqual(atOnce.save({ optimizer: true }));
    const other = PRICES.map((price) => price * 3);
    await resumed.fit(MAPS, other, { ...RUN, resume: true });
    expect(unitOf(resumed)).toEqual(unitOf(first));
  });

  it("with partialFit keeps the unit, and returns the loss in it", async () => {
    const model = await fitted(PRICES, { dropout: { biInteraction: 0, hidden: 0 }, batchNorm: false });
    const before = unitOf(model);
    const squares = PRICES.slice(0, 8).map((price, i) => (model.predict(MAPS[i]) - price) ** 2);
    const loss = model.partialFit(MAPS.slice(0, 8), PRICES.slice(0, 8));
    expect(loss / (squares.reduce((a, b) => a + b) / 8)).toBeCloseTo(1, 5);
    expect(unitOf(model)).toEqual(before);
  });

  it("without resume chooses a new unit", async () => {
    const model = await fitted(PRICES);
    const cents = PRICES.map((price) => price * 100);
    await model.fit(MAPS, cents, RUN);
    expectUnit(model, meanAndDeviation(cents));
    const fresh = await fitted(cents);
    expect(model.save({ optimizer: true })).toEqual(fresh.save({ optimizer: true }));
  });

  it("by partialFit alone stays raw", () => {
    const model = new NFM(SMALL);
    model.partialFit(MAPS, PRICES);
    expect(metadata(model).has("labels")).toBe(false);
  });

  it("with resume of a model that nothing has trained chooses a unit", async () => {
    const x = CSRMatrix.fromRows(
      MAPS.map((_, i) => ({ indices: [i % 6, 6 + (i % 5)] })),
      11,
    );
    const models = [true, false].map((resume) => ({ resume, model: new NFM({ ...SMALL, numFeatures: 11 }) }));
    for (const { resume, model } of models) await model.fit(x, PRICES, { ...RUN, resume });
    expectUnit(models[0].model, meanAndDeviation(PRICES));
    expect(models[0].model.save()).toEqual(models[1].model.save());
  });

  it("with another loss is refused, and changes nothing", async () => {
    const model = NFM.load((await fitted(PRICES)).save(), { loss: "log", ...QUIET });
    const before = model.save();
    const reason = "this model has learned standardized labels with the squared loss, not with log";
    expect(() =>
      model.partialFit(
        MAPS,
        MAPS.map((_, i) => i % 2),
      ),
    ).toThrow(`partialFit: ${reason}`);
    const clicks = MAPS.map((_, i) => i % 2);
    await expect(model.fit(MAPS, clicks, { resume: true })).rejects.toThrow(`fit: ${reason}`);
    expect(model.save()).toEqual(before);
    await model.fit(MAPS, clicks, RUN);
    expect(metadata(model).has("labels")).toBe(false);
  });
});

describe("a factorization machine as the start", () => {
  const FM: NFMOptions = { embeddingDim: 5, hiddenUnits: [], seed: 5, ...QUIET };
  const cents = PRICES.map((price) => price * 100 + 7);

  it("keeps its scores before training and in training", async () => {
    const fm = await fitted(PRICES, FM);
    const twin = new NFM({ ...FM, seed: 8 }).initFrom(fm);
    expect(twin.predict(MAPS)).toEqual(fm.predict(MAPS));
    const raw = new NFM({ ...FM, labels: "raw" }).initFrom(fm);
    raw.predict(MAPS).forEach((price, i) => {
      expect(price / fm.predict(MAPS[i])).toBeCloseTo(1, 5);
    });
  });

  it("keeps its scores in a model whose labels have another unit", async () => {
    for (const [from, to] of [
      ["auto", "auto"],
      ["raw", "auto"],
      ["auto", "raw"],
    ] as const) {
      const fm = await fitted(PRICES, { ...FM, labels: from }, { ...RUN, epochs: 20 });
      const scores = fm.predict(MAPS);
      const options = { ...FM, labels: to, dropout: { biInteraction: 0, hidden: 0 } };
      const model = new NFM(options).initFrom(fm);
      let first = NaN;
      await model.fit(MAPS, cents, { epochs: 1, batchSize: 90, onBatch: ({ loss }) => (first = loss) });
      if (to === "auto") expectUnit(model, meanAndDeviation(cents));
      // The loss before the first step is that of the machine's scores, which are in its own unit.
      const squares = cents.reduce((sum, label, i) => sum + (scores[i] - label) ** 2, 0) / 90;
      expect(first / squares, `${from} to ${to}`).toBeCloseTo(1, 4);
    }
  });
});

describe("notices about labels", () => {
  const told = async (y: readonly number[], options: NFMOptions = {}): Promise<Notice[]> => {
    const notices: Notice[] = [];
    const model = new NFM({
      ...SMALL,
      notices: true,
      onNotice: (notice) => notices.push(notice),
      ...options,
    });
    await model.fit(MAPS, y, { ...RUN, epochs: 1 });
    return notices.filter(({ kind }) => kind !== "held-out");
  };

  it("say that labels far from mean 0 and deviation 1 were standardized", async () => {
    const y = MAPS.map((_, i) => (i % 2 === 0 ? 1000 : 3000.6));
    expect(await told(y)).toEqual([
      {
        kind: "scaled-labels",
        message:
          "fit: labels were standardized for training (mean 2000.3, standard deviation 1000.3); " +
          'predictions, losses and metrics are in the label\'s own unit. labels: "raw" turns this off.',
      },
    ]);
    expect((await told(y.map((label) => label / 1e6)))[0].kind).toBe("scaled-labels");
    expect((await told(y.map((label) => 100 + label / 1000)))[0].kind).toBe("scaled-labels");
  });

  it("say nothing about ratings, and nothing with raw labels", async () => {
    expect(await told(MAPS.map((_, i) => 1 + (i % 5)))).toEqual([]);
    expect(await told(PRICES, { labels: "raw" })).toEqual([]);
  });

  it("say that all labels are equal; the model then predicts that label", async () => {
    const y = MAPS.map(() => 12.5);
    expect((await told(y)).map(({ kind }) => kind)).toEqual(["constant-labels"]);
    expect((await told(y, { labels: "raw" }))[0].message).toBe(
      "fit: all training rows have the same label (12.5); the model can only learn to predict this number.",
    );
    const model = await fitted(y, {}, { ...RUN, epochs: 30 });
    expect(unitOf(model)).toEqual({ mean: 12.5, scale: 1 });
    for (const prediction of model.predict(MAPS)) expect(Math.abs(prediction - 12.5)).toBeLessThan(0.2);
  });
});

describe("a recommender with the squared loss", () => {
  it("learns the labels 1 and 0 standardized, and predicts in their unit", async () => {
    const items = Array.from({ length: 8 }, (_, i) => ({ item: `i${i}` }));
    const recommender = new Recommender(new NFM({ ...SMALL, notices: true, onNotice: fail }), items);
    const contexts = MAPS.map(({ user }) => ({ user }));
    await recommender.fit(
      contexts,
      MAPS.map(({ item }) => item),
      { negatives: 3, epochs: 2 },
    );
    const { mean, scale } = unitOf(recommender.model);
    expect(mean).toBe(0.25);
    expect(scale).toBeCloseTo(Math.sqrt(0.25 * 0.75), 15);
    for (const { id, score } of recommender.recommend({ user: "u1" }))
      expect(score).toBe(recommender.model.predict({ user: "u1", item: id }));
  });

  function fail(notice: Notice): never {
    throw new Error(notice.message);
  }
});

describe("the entry of the model file", () => {
  const withEntry = async (entry: unknown, options: NFMOptions = {}): Promise<Uint8Array> => {
    const bytes = (await fitted(PRICES, options)).save();
    const length = Number(new DataView(bytes.buffer).getBigUint64(0, true));
    const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + length)));
    if (entry === undefined) delete header.__metadata__.labels;
    else header.__metadata__.labels = typeof entry === "string" ? entry : JSON.stringify(entry);
    const text = new TextEncoder().encode(JSON.stringify(header).padEnd(length + 96, " "));
    const file = new Uint8Array(8 + text.length + bytes.length - 8 - length);
    new DataView(file.buffer).setBigUint64(0, BigInt(text.length), true);
    file.set(text, 8);
    file.set(bytes.subarray(8 + length), 8 + text.length);
    return file;
  };

  it("may be absent: then scores are the network's outputs, as in files of earlier versions", async () => {
    const model = await fitted(PRICES, PAPER);
    const plain = await byHand(model, PRICES, PAPER);
    const file = await withEntry(undefined, PAPER);
    expect(NFM.load(file, QUIET).predict(MAPS)).toEqual(plain.predict(MAPS));
    expect(Predictor.load(file).predict(MAPS)).toEqual(plain.predict(MAPS));
  });

  it.each([
    ["{", "load: __metadata__.labels is not JSON"],
    [[1, 2], "load: __metadata__.labels must be an object { mean, scale, classes }, got array of 2"],
    [{ mean: 1, sd: 2 }, 'load: __metadata__.labels has no option "sd"'],
    [{ mean: 1 }, "load: __metadata__.labels.scale must be a finite number above 0, got undefined"],
    [{ scale: 1 }, "load: __metadata__.labels.mean must be a finite number, got undefined"],
    [{ mean: "1", scale: 1 }, 'load: __metadata__.labels.mean must be a finite number, got "1"'],
    ['{"mean": 1e999, "scale": 1}', "load: __metadata__.labels.mean must be a finite number, got Infinity"],
    [{ mean: 0, scale: 0 }, "load: __metadata__.labels.scale must be a finite number above 0, got 0"],
    [{ mean: 0, scale: -1 }, "load: __metadata__.labels.scale must be a finite number above 0, got -1"],
    [
      { classes: ["a"] },
      'load: __metadata__.labels.classes must be two strings in ascending order, got ["a"]',
    ],
    [{ classes: ["b", "a"] }, "must be two strings in ascending order"],
    [{ classes: [0, 1] }, "must be two strings in ascending order"],
  ])("is checked: %j", async (entry, message) => {
    const file = await withEntry(entry);
    expect(() => NFM.load(file, QUIET)).toThrow(message);
    expect(() => Predictor.load(file)).toThrow(message);
  });

  it("is small", async () => {
    expect(metadata(await fitted(PRICES)).get("labels")!.length).toBeLessThan(70);
  });
});
