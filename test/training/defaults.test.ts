// Defaults that depend on the training data: their values, when `fit` chooses them, and that an option of the
// user's wins. Models say in their file what they were trained with.

import { describe, expect, it } from "vitest";
import { randomKey, randomPermutation, Stream } from "../../src/core/random.ts";
import {
  Adagrad,
  type AdagradOptions,
  CSRMatrix,
  type FitOptions,
  type L2Options,
  type LossName,
  NFM,
  type NFMOptions,
  type PointwiseLoss,
  Recommender,
  SGD,
} from "../../src/index.ts";
import { bpr, hinge, type Loss, log, squared } from "../../src/losses.ts";
import { type Defaults, defaultsFor } from "../../src/training/defaults.ts";
import { split } from "../helpers/model-files.ts";
import { all, ownLoss } from "../helpers/training.ts";
import { numbers } from "../reference.ts";

const WIDTHS = [12, 9, 5];
const N = 26;

/** Rows of three categories, and labels 0 and 1 that depend on two of them, noisily. */
function table(rows: number): { x: CSRMatrix; y: number[] } {
  const next = numbers(4);
  const lists = Array.from({ length: rows }, () => WIDTHS.map((width) => Math.floor(next(0, width))));
  const starts = [0, 12, 21];
  return {
    x: CSRMatrix.fromRows(
      lists.map((row) => ({ indices: row.map((value, f) => starts[f] + value) })),
      N,
    ),
    y: lists.map(([a, b]) => ((a % 3 === b % 3) !== next() < 0.2 ? 1 : 0)),
  };
}

const SMALL: NFMOptions = { embeddingDim: 4, hiddenUnits: [6], numFeatures: N, seed: 2, notices: false };
const ALL_ROWS: FitOptions = { validation: false, epochs: 1 };

/** The part of a configuration that depends on the training data. */
interface Config {
  readonly dropout: { biInteraction: number; hidden: number };
  readonly l2: Required<L2Options>;
  readonly initStd: number;
  readonly optimizer: AdagradOptions & { name: string };
}

/** What the file of a model says. */
function configOf(model: NFM): Config {
  const { dropout, l2, initStd, optimizer } = JSON.parse(split(model.save()).header.__metadata__.config);
  return { dropout, l2, initStd, optimizer };
}

/** What the file of a model with these defaults should say. */
function configFor({ dropout, l2, initStd, adagrad }: Defaults): Config {
  return {
    dropout,
    l2: { embedding: l2, linear: l2, hidden: 0 },
    initStd,
    optimizer: { name: "adagrad", ...adagrad },
  };
}

async function fitted(
  rows: number,
  options: NFMOptions = {},
  fitOptions: FitOptions = ALL_ROWS,
): Promise<NFM> {
  const { x, y } = table(rows);
  const model = new NFM({ ...SMALL, ...options });
  await model.fit(x, y, fitOptions);
  return model;
}

describe("defaultsFor", () => {
  const strong = { biInteraction: 0.8, hidden: 0.3 };
  const usual = { biInteraction: 0.5, hidden: 0.2 };
  const weak = { biInteraction: 0.1, hidden: 0 };
  const own: PointwiseLoss = ownLoss(() => 0);

  it.each([
    // Fewer rows than 500 are counted as 500.
    ["squared", 1, squared, strong, 0.01, 0.2, 0.001],
    ["squared", 500, squared, strong, 0.01, 0.2, 0.001],
    ["squared", 999, squared, strong, 5 / 999, 0.2, 0.5 / 999],
    ["squared", 1000, squared, weak, 0.005, 2 / Math.sqrt(1000), 0.0005],
    ["squared", 10_000, squared, weak, 0.0005, 0.02, 0.00005],
    ["squared", 1_000_000, squared, weak, 5e-6, 0.01, 5e-7],
    ["log", 20, log, strong, 0.01, 0.2, 0.001],
    ["log", 999, log, strong, 5 / 999, 0.2, 0.5 / 999],
    ["log", 1000, log, usual, 0.005, 2 / Math.sqrt(1000), 0.0005],
    ["hinge", 10_000, hinge, usual, 0.0005, 0.02, 0.00005],
    ["own", 20, own, strong, 0.01, 0.2, 0.001],
    ["own", 10_000, own, usual, 0.0005, 0.02, 0.00005],
    // A pairwise loss learns from every row in several pairs: dropout is the same for few rows.
    ["bpr", 20, bpr, usual, 0.01, 0.2, 0.001],
    ["bpr", 999, bpr, usual, 5 / 999, 0.2, 0.5 / 999],
    ["bpr", 1_000_000, bpr, usual, 5e-6, 0.01, 5e-7],
  ] satisfies [
    string,
    number,
    Loss,
    Defaults["dropout"],
    number,
    number,
    number,
  ][])("%s loss, %d rows", (_, rows, loss, dropout, l2, initStd, initialAccumulator) => {
    const defaults = defaultsFor(loss, rows);
    expect(defaults.dropout).toEqual(dropout);
    expect(defaults.l2).toBeCloseTo(l2, 15);
    expect(defaults.initStd).toBeCloseTo(initStd, 15);
    expect(defaults.adagrad.learningRate).toBe(0.1);
    expect(defaults.adagrad.initialAccumulator).toBeCloseTo(initialAccumulator, 15);
  });

  it("for a stream of unknown length has no L2, and the defaults of Adagrad itself", () => {
    const adagrad = { ...new Adagrad().toJSON() };
    expect(adagrad).toEqual({ learningRate: 0.05, initialAccumulator: 1e-8 });
    expect(defaultsFor(squared, null)).toEqual({ dropout: weak, l2: 0, initStd: 0.01, adagrad });
    for (const loss of [log, hinge, bpr, own])
      expect(defaultsFor(loss, null)).toEqual({ dropout: usual, l2: 0, initStd: 0.01, adagrad });
  });
});

describe("a fit without options", () => {
  it("takes them for its rows, its loss, and writes them into the file and the summary", async () => {
    for (const loss of ["squared", "log"] as const) {
      for (const rows of [300, 800, 1600]) {
        const model = await fitted(rows, { loss });
        const expected = configFor(defaultsFor(loss === "squared" ? squared : log, rows));
        expect(configOf(model), `${loss}, ${rows} rows`).toEqual(expected);
        expect(JSON.parse(JSON.stringify(model)).options).toMatchObject(expected);
        const { batchNorm } = JSON.parse(split(model.save()).header.__metadata__.config);
        expect(batchNorm).toBe(false);
      }
    }
  });

  it("is the same as one with these settings as options, to the last bit", async () => {
    for (const loss of ["squared", "log"] as const) {
      for (const rows of [300, 1600]) {
        const run = { epochs: 3, batchSize: 64 };
        const model = await fitted(rows, { loss }, run);
        const { dropout, l2, initStd, optimizer } = configOf(model);
        const { learningRate, initialAccumulator } = optimizer;
        const given = {
          ...{ loss, dropout, l2, initStd, batchNorm: false },
          optimizer: new Adagrad({ learningRate, initialAccumulator }),
        };
        const explicit = await fitted(rows, given, run);
        expect(all(model)).toBe(all(explicit));
        for (const other of [
          { dropout: { ...dropout, biInteraction: 0.55 } },
          { dropout: { ...dropout, hidden: 0.55 } },
          { l2: { ...l2, embedding: 0 } },
          { l2: { ...l2, linear: 0 } },
          { initStd: 0.013 },
          { optimizer: new Adagrad({ learningRate }) },
          { optimizer: new Adagrad({ initialAccumulator }) },
        ]) {
          // A setting that has no effect would make this test pass with any default of it.
          const changed = await fitted(rows, { ...given, ...other }, run);
          expect(changed.tensor("linear.weight"), JSON.stringify(other)).not.toEqual(
            model.tensor("linear.weight"),
          );
        }
      }
    }
  });

  it("counts held-out rows too, so that a refit has the settings of the first training", async () => {
    const expected = configFor(defaultsFor(squared, 1050));
    for (const options of [{}, { validation: 0.5 }, { refit: true }]) {
      expect(configOf(await fitted(1050, {}, { epochs: 1, ...options }))).toEqual(expected);
    }
  });

  it("counts pairs of fitPairs, and events of a recommender with their negatives", async () => {
    const { x } = table(1400);
    const pairs = new NFM({ ...SMALL, loss: "bpr" });
    await pairs.fitPairs(x.slice(0, 700), x.slice(700, 1400), ALL_ROWS);
    expect(configOf(pairs)).toEqual(configFor(defaultsFor(bpr, 700)));
    const model = new NFM({ ...SMALL, numFeatures: undefined, loss: "log" });
    const items = Array.from({ length: 6 }, (_, i) => ({ item: `i${i}` }));
    const contexts = Array.from({ length: 1100 }, (_, e) => ({ user: `u${e % 40}` }));
    const taken = contexts.map((_, e) => `i${(e * e) % 6}`);
    await new Recommender(model, items).fit(contexts, taken, { epochs: 1 });
    expect(configOf(model)).toEqual(configFor(defaultsFor(log, 5500)));
  });

  it("takes those of its own rows the second time, and with resume keeps the first ones", async () => {
    const [few, many] = [table(700), table(1600)];
    const model = await fitted(700);
    const first = configOf(model);
    expect(first).toEqual(configFor(defaultsFor(squared, 700)));
    await model.fit(many.x, many.y, { ...ALL_ROWS, resume: true });
    expect(configOf(model)).toEqual(first);
    await model.fit(many.x, many.y, ALL_ROWS);
    expect(configOf(model)).toEqual(configFor(defaultsFor(squared, 1600)));
    expect(all(model)).toBe(all(await fitted(1600)));
    await model.fit(few.x, few.y, { ...ALL_ROWS, resume: true });
    expect(configOf(model)).toEqual(configFor(defaultsFor(squared, 1600)));
    await model.fit(few.x, few.y, ALL_ROWS);
    expect(configOf(model)).toEqual(first);
    expect(all(model)).toBe(all(await fitted(700)));
  });

  it("that fails keeps the settings of the model that it leaves", async () => {
    const many = table(1600);
    const model = await fitted(700);
    const [before, config] = [all(model), configOf(model)];
    const onBatch = (): void => {
      throw new Error("oops");
    };
    await expect(model.fit(many.x, many.y, { ...ALL_ROWS, onBatch })).rejects.toThrow("oops");
    expect(configOf(model)).toEqual(config);
    expect(all(model)).toBe(before);
  });

  it("of a loaded model keeps the settings of the file", async () => {
    const loaded = NFM.load((await fitted(700)).save(), { notices: false });
    const { x, y } = table(1600);
    for (const resume of [true, false]) {
      await loaded.fit(x, y, { ...ALL_ROWS, resume });
      expect(configOf(loaded)).toEqual(configFor(defaultsFor(squared, 700)));
    }
  });
});

describe("partialFit", () => {
  const [few, many] = [table(50), table(1600)];

  it("has the defaults for data of unknown size, which resume keeps and a new fit replaces", async () => {
    for (const loss of ["squared", "log"] satisfies LossName[]) {
      const model = new NFM({ ...SMALL, loss });
      const unknown = configFor(defaultsFor(loss === "squared" ? squared : log, null));
      expect(configOf(model)).toEqual(unknown);
      model.partialFit(few.x, few.y);
      expect(configOf(model)).toEqual(unknown);
      await model.fit(many.x, many.y, { ...ALL_ROWS, resume: true });
      expect(configOf(model)).toEqual(unknown);
      await model.fit(many.x, many.y, ALL_ROWS);
      const known = configFor(defaultsFor(loss === "squared" ? squared : log, 1600));
      expect(configOf(model)).toEqual(known);
      model.partialFit(few.x, few.y);
      expect(configOf(model)).toEqual(known);
    }
  });
});

describe("options that are given", () => {
  const defaults = configFor(defaultsFor(squared, 700));
  const zero = { embedding: 0, linear: 0, hidden: 0 };

  it.each([
    [{ learningRate: 0.3 }, { optimizer: { ...defaults.optimizer, learningRate: 0.3 } }],
    [{ optimizer: "adagrad" }, {}],
    [{ optimizer: "adagrad", learningRate: 0 }, { optimizer: { ...defaults.optimizer, learningRate: 0 } }],
    [{ optimizer: "sgd" }, { optimizer: { name: "sgd", ...new SGD().toJSON() } }],
    [
      { optimizer: new Adagrad() },
      { optimizer: { name: "adagrad", learningRate: 0.05, initialAccumulator: 1e-8 } },
    ],
    [
      { optimizer: new Adagrad({ learningRate: 0.2 }) },
      { optimizer: { name: "adagrad", learningRate: 0.2, initialAccumulator: 1e-8 } },
    ],
    [{ l2: {} }, { l2: zero }],
    [{ l2: undefined }, {}],
    [{ l2: { hidden: 0.25 } }, { l2: { ...zero, hidden: 0.25 } }],
    [{ l2: { linear: 0.5 } }, { l2: { ...zero, linear: 0.5 } }],
    [{ dropout: {} }, {}],
    [{ dropout: { hidden: 0 } }, { dropout: { ...defaults.dropout, hidden: 0 } }],
    [{ dropout: { biInteraction: 0 } }, { dropout: { ...defaults.dropout, biInteraction: 0 } }],
    [{ initStd: 0 }, { initStd: 0 }],
    [{ initStd: 0.5 }, { initStd: 0.5 }],
  ] satisfies [NFMOptions, Partial<Config>][])("win over the defaults: %j", async (options, changes) => {
    expect(configOf(await fitted(700, options))).toEqual({ ...defaults, ...changes });
  });

  it("count as they were when the model was made", async () => {
    const [l2, dropout] = [{ embedding: 0.125 }, { hidden: 0.25 }];
    const model = new NFM({ ...SMALL, l2, dropout });
    [l2.embedding, dropout.hidden] = [9, 0.9];
    const { x, y } = table(700);
    await model.fit(x, y, ALL_ROWS);
    expect(configOf(model)).toEqual({
      ...defaults,
      l2: { ...zero, embedding: 0.125 },
      dropout: { ...defaults.dropout, hidden: 0.25 },
    });
  });

  it("stay those of an optimizer that the user changes during training", async () => {
    const optimizer = new Adagrad({ learningRate: 0.3 });
    const model = await fitted(
      700,
      { optimizer },
      { ...ALL_ROWS, epochs: 2, onEpoch: () => void (optimizer.learningRate = 0) },
    );
    const one = await fitted(700, { optimizer: new Adagrad({ learningRate: 0.3 }), l2: undefined });
    // The second epoch moved nothing: its rate was 0.
    expect(model.tensor("linear.weight")).toEqual(one.tensor("linear.weight"));
    expect(configOf(model).optimizer.learningRate).toBe(0);
  });
});

describe("labels of pure noise", () => {
  const ROWS = 1500;
  const next = numbers(1);
  const maps = Array.from({ length: ROWS }, () => ({
    a: `a${Math.floor(next(0, 40))}`,
    b: `b${Math.floor(next(0, 30))}`,
    c: `c${Math.floor(next(0, 20))}`,
  }));
  const y = maps.map(() => next(10, 20));
  const meanOf = (list: readonly number[]): number => list.reduce((a, b) => a + b) / list.length;
  const order = randomPermutation(randomKey(0, Stream.split), ROWS);
  const keptMean = meanOf(Array.from(order.subarray(ROWS / 10), (row) => y[row]));

  it("lead to the constant prediction, whatever the row, as no check is better than the start", async () => {
    // Embeddings of 0 make the start the same for every row; else they add a little to it.
    for (const [options, tolerance] of [
      [{ initStd: 0 }, 1e-6],
      [{}, 0.1],
    ] as const) {
      const model = new NFM({ ...options, notices: false });
      const history = await model.fit(maps, y);
      expect(history.epochs.length).toBeGreaterThan(1);
      expect([history.best!.step, history.bestEpoch, history.steps]).toEqual([0, 0, 0]);
      expect(history.best).toBe(history.checks[0]);
      const unknown = model.predict({ a: "unknown" });
      expect(Math.abs(unknown - keptMean)).toBeLessThan(1e-6);
      for (const prediction of model.predict(maps))
        expect(Math.abs(prediction - keptMean)).toBeLessThan(tolerance); // labels go from 10 to 20
    }
  });

  it("leave a model that can be trained on", async () => {
    const model = new NFM({ notices: false });
    await model.fit(maps, y);
    const [before, loaded] = [model.predict(maps), NFM.load(model.save({ optimizer: true }))];
    const variance = meanOf(y.map((label) => (label - keptMean) ** 2));
    for (const each of [model, loaded]) {
      const first = each.partialFit(maps, y);
      expect(first / variance).toBeCloseTo(1, 1); // as of the constant prediction
      let last = first;
      for (let step = 0; step < 30; step++) last = each.partialFit(maps, y);
      expect(last).toBeLessThan(0.95 * first);
    }
    expect(model.predict(maps)).not.toEqual(before);
    expect(loaded.predict(maps)).toEqual(model.predict(maps));
    const history = await model.fit(maps, y, { resume: true, validation: false, epochs: 1 });
    expect(history.epochs.map(({ epoch }) => epoch)).toEqual([1]);
  });

  it("lead to the mean of all rows with refit, which takes no step", async () => {
    const model = new NFM({ notices: false });
    const history = await model.fit(maps, y, { refit: true });
    expect([history.steps, history.refit]).toEqual([0, { epochs: [], steps: 0 }]);
    expect(Math.abs(model.predict({ a: "unknown" }) - meanOf(y))).toBeLessThan(1e-6);
    expect(Math.abs(meanOf(y) - keptMean)).toBeGreaterThan(1e-3);
    expect(NFM.load(model.save({ optimizer: true })).predict(maps)).toEqual(model.predict(maps));
  });

  it("keep the last state with restoreBest: false", async () => {
    const model = new NFM({ notices: false });
    const history = await model.fit(maps, y, { restoreBest: false });
    expect(history.best!.step).toBe(0);
    expect(history.steps).toBe(history.checks.at(-1)!.step);
    expect(Math.max(...model.predict(maps).map((price) => Math.abs(price - keptMean)))).toBeGreaterThan(1);
  });
});
