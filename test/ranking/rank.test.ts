// rank and prepare change nothing, and work while the model is being fitted.

import { describe, expect, it } from "vitest";
import {
  Activation,
  BatchNorm,
  CSRMatrix,
  Dense,
  type Layer,
  type LayerPass,
  NFM,
  type NFMOptions,
  type PointwiseLoss,
  Recommender,
  SGD,
} from "../../src/index.ts";
import {
  contexts,
  expectNear,
  expectSame,
  expectSameBytes,
  f,
  labels,
  ones,
  rankedBy,
  rowOf,
  trained,
  training,
  valued,
} from "../helpers/ranking.ts";
import { numbers } from "../reference.ts";

describe("ranking changes nothing", () => {
  it("of the model: the same file, the same predictions, the same next step", async () => {
    const [busy, calm] = [
      await trained({ embeddingDim: 4, hiddenUnits: [3] }),
      await trained({ embeddingDim: 4, hiddenUnits: [3] }),
    ];
    const long = Object.fromEntries(Array.from({ length: 6000 }, (_, i) => [`f${i}`, 1]));
    for (let turn = 0; turn < 3; turn++) {
      const catalog = busy.prepare(ones);
      for (const context of contexts)
        [
          busy.rank(context, valued),
          busy.rank(context, catalog, { top: 2 }),
          busy.rank(context, [{ user: "u1", mood: long }]),
        ];
      expectSameBytes(busy.save({ optimizer: true }), calm.save({ optimizer: true }), "files");
      expect(busy.partialFit(training, labels)).toBe(calm.partialFit(training, labels));
      expectSameBytes(busy.predict(training), calm.predict(training), "predictions");
      expect(busy.predict(training[3])).toBe(calm.predict(training[3]));
    }
    await busy.fit(training, labels, { epochs: 1, resume: true });
    await calm.fit(training, labels, { epochs: 1, resume: true });
    expectSameBytes(busy.save({ optimizer: true }), calm.save({ optimizer: true }), "files");
  });

  it("of the rows it is given", () => {
    const model = new NFM({ numFeatures: 20, embeddingDim: 4, hiddenUnits: [], initStd: 0.3 });
    const [context, matrix] = [
      { indices: Uint32Array.of(3, 1, 3), values: Float32Array.of(1, 2, -1) },
      CSRMatrix.fromRows([{ indices: [3, 1] }, { indices: [2], values: [0.5] }], 20),
    ];
    const before = JSON.stringify([context, matrix]);
    model.rank(context, matrix);
    model.rank(context, model.prepare(matrix));
    expect(JSON.stringify([context, matrix])).toBe(before);
  });
});

describe("ranking while the model is being fitted", () => {
  const next = numbers(31);
  const N = 2500;
  const sparse = (count: number) =>
    Array.from({ length: count }, () => ({
      indices: [0, 1, 2, 3].map((p) => 10 * p + Math.floor(next(0, 10))),
      values: Array.from({ length: 4 }, () => f(next(-1, 1))),
    }));
  const [x, held, first] = [sparse(300), sparse(1500), sparse(60)]; // held: six batches of validation, 18 ms
  const y = (rows: readonly unknown[]): number[] => rows.map((_, i) => i % 3);
  const context = { indices: [4, 11, 5] };
  const longContext = { indices: Array.from({ length: 1500 }, (_, i) => 1000 + i) }; // outgrows the buffers of the training
  const candidates = sparse(40).map(({ indices, values }) => ({
    indices: [...indices.slice(2), 50],
    values: [...values.slice(2), 1],
  }));
  const sharing = [...candidates.slice(0, 5), { indices: [5, 30], values: [2, 1] }];

  /** Work that takes `ms` while someone watches, so that the fit has to give way. */
  const slow = { ms: 0, phase: "" };
  const pause = (): void => {
    for (const end = performance.now() + slow.ms; performance.now() < end; );
  };
  const slowLayer: Layer = {
    type: "slow",
    shape: (outputDim) => ({ outputDim }),
    forward: ({ x, y, rows, training }) => {
      for (let i = 0; i < rows * x.stride; i++) y.data[i] = x.data[i];
      slow.phase = training ? "training" : "validation";
      pause();
    },
    backward: ({ dX, dY, rows }) => {
      for (let i = 0; i < rows * dX.stride; i++) dX.data[i] = dY.data[i];
    },
  };
  let calls = 0;
  const slowLoss: PointwiseLoss = {
    kind: "pointwise",
    name: "slow",
    gradient: (s, t) => 2 * (s - t),
    value: (s, t) => {
      slow.phase = "training";
      if (++calls % 50 === 0) pause();
      return (s - t) ** 2;
    },
  };

  const cases: [name: string, options: NFMOptions, phases: string[]][] = [
    [
      "hidden layers",
      { layers: [new BatchNorm(), new Dense(5), slowLayer, new Activation("relu")] },
      ["training", "validation"],
    ],
    ["a factorization machine", { hiddenUnits: [], loss: slowLoss }, ["training"]],
  ];
  it.each(
    cases,
  )("gives what predict gives at that moment and does not disturb it: %s", async (_, options, phases) => {
    const build = async (): Promise<NFM> => {
      const model = new NFM({
        ...options,
        numFeatures: N,
        embeddingDim: 4,
        initStd: 0.3,
        optimizer: new SGD({ learningRate: 0.01, momentum: 0.5 }),
      });
      await model.fit(first, y(first), { epochs: 1, batchSize: 20 });
      return model;
    };
    const settings = {
      epochs: 2,
      batchSize: 50,
      validation: { x: held, y: y(held) },
      metrics: ["rmse"] as const,
    };
    const [calm, watched] = [await build(), await build()];
    await calm.fit(x, y(x), settings);

    const catalog = watched.prepare(candidates);
    const isFM = options.hiddenUnits !== undefined;
    const seen = { timer: new Set<string>(), onEpoch: 0, onBatch: 0, scores: new Set<number>() };
    const failures: unknown[] = [];
    let turns = 0;
    const rankNow = (): void => {
      const { ms, phase } = slow;
      slow.ms = 0;
      try {
        const given = ++turns % 5 === 0 ? longContext : context;
        const list = turns % 2 === 0 ? candidates : sharing;
        const rows = (own: typeof candidates) =>
          CSRMatrix.fromRows(
            own.map((row) => [...rowOf(given), ...rowOf(row)]),
            N,
          );
        expectSame(watched.rank(given, list), rankedBy(watched, rows(list)), "candidates");
        const got = watched.rank(given, catalog);
        if (!isFM) expectSame(got, rankedBy(watched, rows(candidates)), "catalog");
        else if (given === context) expectNear(watched, got, rows(candidates), "catalog");
        seen.scores.add(got[0].score);
      } catch (error) {
        failures.push(error);
      }
      Object.assign(slow, { ms, phase });
    };
    const timer = setInterval(() => {
      seen.timer.add(slow.phase);
      rankNow();
    }, 0);
    try {
      Object.assign(slow, { ms: 3, phase: "before" });
      await watched.fit(x, y(x), {
        ...settings,
        onBatch: ({ batch }) => {
          if (batch % 2 === 0) {
            seen.onBatch++;
            rankNow();
          }
        },
        onEpoch: async () => {
          seen.onEpoch++;
          rankNow();
          await Promise.resolve();
          rankNow();
        },
      });
    } finally {
      clearInterval(timer);
      slow.ms = 0;
    }
    if (failures.length > 0) throw failures[0];
    expect([...seen.timer]).toEqual(expect.arrayContaining(phases));
    expect([seen.onEpoch, seen.onBatch]).toEqual([2, 6]);
    expect(seen.scores.size).toBeGreaterThan(8); // the model moved between rankings
    expectSameBytes(watched.save({ optimizer: true }), calm.save({ optimizer: true }), "files");
    expect(watched.history!.epochs.map(({ loss, validation }) => ({ loss, validation }))).toEqual(
      calm.history!.epochs.map(({ loss, validation }) => ({ loss, validation })),
    );
    expectSame(watched.rank(context, catalog), calm.rank(context, calm.prepare(candidates)), "afterwards");
  });
});

describe("what a review found", () => {
  class Twice extends Dense {
    override forward(pass: LayerPass): void {
      super.forward(pass);
      for (let i = 0; i < pass.rows * pass.y.stride; i++) pass.y.data[i] *= 2;
    }
  }
  class Halved extends BatchNorm {
    override forward(pass: LayerPass): void {
      super.forward(pass);
      for (let i = 0; i < pass.rows * pass.y.stride; i++) pass.y.data[i] /= 2;
    }
  }
  const candidates = [{ indices: [3] }, { indices: [4, 5] }];

  it("a layer that extends a built-in one computes what it says, in every way of scoring; explain refuses it", () => {
    for (const layers of [
      [new Halved()],
      [new Halved(), new Twice(3)],
      [new Dense(3), new Halved(), new Activation("relu")],
    ]) {
      const model = new NFM({ numFeatures: 9, embeddingDim: 4, initStd: 1, layers });
      model.partialFit(candidates, [1, 2]);
      const plain = new NFM({
        numFeatures: 9,
        embeddingDim: 4,
        initStd: 1,
        layers: layers.map((layer) =>
          layer instanceof Twice ? new Dense(3) : layer instanceof Halved ? new BatchNorm() : layer,
        ),
      });
      plain.partialFit(candidates, [1, 2]);
      const context = { indices: [0, 1] };
      const whole = candidates.map(({ indices }) => model.predict({ indices: [0, 1, ...indices] }));
      expect(whole).not.toEqual(
        candidates.map(({ indices }) => plain.predict({ indices: [0, 1, ...indices] })),
      );
      for (const given of [candidates, model.prepare(candidates)])
        for (const { index, score } of model.rank(context, given)) expect(score).toBe(whole[index]);
      expect(() => model.explain(context)).toThrow(/^explain: layer "(dense|batch-norm)" is one of your own/);
    }
  });

  it("a prepared catalog holds the rows as they were, and does not widen a later model", async () => {
    const rows: Record<string, string>[] = [{ a: "1" }, { a: "2" }];
    const maps = [
      { a: "1", u: "x" },
      { a: "2", u: "y" },
      { a: "3", u: "x" },
    ];
    const model = new NFM({ embeddingDim: 3, initStd: 1 });
    await model.fit(maps, [1, 2, 3], { epochs: 1 });
    const catalog = model.prepare(rows);
    rows[0].a = "3";
    await model.fit([...maps].reverse(), [1, 2, 3], { epochs: 1 });
    expect(model.rank({ u: "x" }, catalog)).toEqual(model.rank({ u: "x" }, [{ a: "1" }, { a: "2" }]));

    const wide = new NFM({ loss: "bpr", embeddingDim: 2 });
    const recommender = new Recommender(wide, [{ indices: [0] }, { indices: [1] }]);
    await wide.fitPairs([{ indices: [999] }], [{ indices: [1] }], { epochs: 1 });
    recommender.recommend({ indices: [5] });
    await recommender.fit([{ indices: [5] }, { indices: [6] }], [0, 1], { epochs: 1 });
    expect(wide.numFeatures).toBe(7);
  });

  it("reading parameters leaves the sums of a catalog alone", () => {
    const model = new NFM({ numFeatures: 9, embeddingDim: 4, hiddenUnits: [], initStd: 1 });
    const { parameters } = NFM.learnerOf(model).ready("test").network;
    const before = parameters.version;
    expect([model.numParameters, model.tensor("bias").data.length, model.save().length > 0]).toEqual([
      46,
      1,
      true,
    ]);
    expect(parameters.version).toBe(before);
    model.partialFit(candidates, [1, 2]);
    expect(NFM.learnerOf(model).ready("test").network.parameters.version).not.toBe(before);
  });

  it("explain says how many features are too many", () => {
    const model = new NFM({ numFeatures: 3000, embeddingDim: 1, hiddenUnits: [] });
    expect(() => model.explain({ indices: Array.from({ length: 2001 }, (_, i) => i) })).toThrow(
      "explain: x must have at most 2000 features, whose pairs are listed, got 2001",
    );
  });
});
