// The class as users meet it: inputs of every kind, predictions, evaluation, encoders - and every error on its text.

import { describe, expect, it } from "vitest";
import {
  Adagrad,
  BatchNorm,
  CSRMatrix,
  Dense,
  FeatureEncoder,
  type FeatureMap,
  type FitOptions,
  type LayerShape,
  NFM,
  type NFMOptions,
  type Rows,
  SGD,
} from "../src/index.ts";

const maps: FeatureMap[] = Array.from({ length: 60 }, (_, i) => ({
  user: `u${i % 6}`,
  item: `i${i % 10}`,
  hour: (i % 24) / 24,
  tags: [`t${i % 3}`],
}));

const labels = maps.map((_, i) => ((i * 7) % 5) - 2);

const small = { embeddingDim: 4, hiddenUnits: [3] } as const;

async function fitted(
  options: NFMOptions = small,
  fit: FitOptions = { epochs: 2, batchSize: 16 },
): Promise<NFM> {
  const model = new NFM(options);
  await model.fit(maps, labels, fit);
  return model;
}

describe("inputs", () => {
  it("are the same model as feature maps, as the encoder's matrix, as sparse vectors and as maps of indices", async () => {
    const byMaps = await fitted();
    const x = byMaps.encoder!.transform(maps);
    const vectors = maps.map((map) => byMaps.encoder!.encode(map));
    const records = vectors.map(({ indices, values }) =>
      Object.fromEntries(Array.from(indices, (index, p) => [index, values ? values[p] : 1])),
    );
    const mapsOfIndices = vectors.map(
      ({ indices, values }) =>
        new Map(Array.from(indices, (index, p) => [index, values ? values[p] : 1] as const)),
    );
    for (const rows of [x, vectors, mapsOfIndices] as Rows[]) {
      const model = new NFM({ ...small });
      await model.fit(rows, labels, { epochs: 2, batchSize: 16 });
      expect(model.numFeatures).toBe(byMaps.numFeatures);
      expect(model.predict(rows)).toEqual(byMaps.predict(maps));
      expect(model.predict(records[5])).toBeCloseTo(byMaps.predict(maps[5]), 5);
    }
    // The keys of a record come in ascending order, so its sums may round differently.
    const byNumber = new NFM({ ...small, numFeatures: x.cols });
    await byNumber.fit(records, labels, { epochs: 2, batchSize: 16 });
    const scores = byMaps.predict(maps);
    byNumber.predict(records).forEach((score, i) => expect(score).toBeCloseTo(scores[i], 3));
  });

  it("may be a matrix of another copy of the library", async () => {
    const x = (await fitted()).encoder!.transform(maps);
    const foreign = {
      rows: x.rows,
      cols: x.cols,
      nnz: x.nnz,
      indptr: x.indptr,
      indices: x.indices,
      values: x.values,
    } as unknown as CSRMatrix;
    const [ours, theirs] = [new NFM(small), new NFM(small)];
    await ours.fit(x, labels, { epochs: 1, validation: 0.25 });
    await theirs.fit(foreign, labels, { epochs: 1, validation: 0.25 });
    expect(theirs.save()).toEqual(ours.save());
  });

  it("keep features apart that a field name like 'indices' could confuse", async () => {
    const model = new NFM(small);
    await model.fit([{ indices: ["a", "b"] }, { indices: ["b"] }], [1, 0], { epochs: 1 });
    expect(model.encoder!.numFeatures).toBe(2);
  });

  it("do not pass ids through float32", async () => {
    const model = new NFM({ embeddingDim: 1, hiddenUnits: [], numFeatures: 16777219 });
    model.partialFit([{ indices: [16777217] }], [3]);
    const { data } = model.tensor("linear.weight");
    expect([data[16777216], data[16777217] !== 0, data[16777218]]).toEqual([0, true, 0]);
  });
});

describe("predict", () => {
  it("gives the same number for a row alone and among others, whatever the batch", async () => {
    const model = await fitted({ ...small, loss: "squared" });
    const all = model.predict(maps);
    maps.forEach((map, i) => expect(model.predict(map)).toBe(all[i]));
    expect(model.predict([])).toEqual(new Float32Array(0));
    const many = Array.from({ length: 500 }, (_, i) => maps[i % 60]);
    expect(model.predict(many)).toEqual(Float32Array.from(many, (_, i) => all[i % 60]));
  });

  it("is never behind the parameters: after every change it equals that of a fresh copy", async () => {
    const model = new NFM({ ...small, hiddenUnits: [3, 5], loss: "log" });
    const clicks = labels.map((label) => (label > 0 ? 1 : 0));
    const expectFresh = (): void => {
      const scores = model.predict(maps, { raw: true });
      expect(NFM.load(model.save()).predict(maps, { raw: true })).toEqual(scores);
      expect(model.predict(maps[7], { raw: true })).toBe(scores[7]);
    };
    await model.fit(maps, clicks, { epochs: 2, onEpoch: expectFresh });
    expectFresh();
    model.partialFit(maps, clicks);
    expectFresh();
    expect(() => model.partialFit([{ hour: 3e38, user: "u1" }], [1])).toThrow("nothing has changed");
    expectFresh();
    await model.fit(maps, clicks, { epochs: 2, resume: true, validation: 0.2 });
    expectFresh();
    model.partialFit([...maps, ...maps, ...maps], [...clicks, ...clicks, ...clicks]);
    expectFresh();
  });

  it("copes with a row longer than any before", async () => {
    const model = new NFM({ embeddingDim: 2, hiddenUnits: [], numFeatures: 20000 });
    model.partialFit([{ indices: [1, 2] }], [1]);
    const long = { indices: Uint32Array.from({ length: 10000 }, (_, i) => i * 2) };
    const score = model.predict(long);
    expect(Number.isFinite(score)).toBe(true);
    expect(model.predict([{ indices: [1] }, long, { indices: [2] }])[1]).toBe(score);
  });

  it("gives probabilities for the log loss, and scores when asked or for other losses", async () => {
    const model = new NFM({ ...small, loss: "log" });
    await model.fit(
      maps,
      labels.map((label) => (label > 0 ? 1 : -1)),
      { epochs: 3, batchSize: 8 },
    );
    const [scores, probabilities] = [model.predict(maps, { raw: true }), model.predict(maps)];
    scores.forEach((score, i) => expect(probabilities[i]).toBeCloseTo(1 / (1 + Math.exp(-score)), 6));
    expect(model.predict(maps[0])).toBe(probabilities[0]);
    expect(model.predict(maps[0], { raw: true })).toBe(scores[0]);
    const hinge = new NFM({ ...small, loss: "hinge" });
    await hinge.fit(
      maps,
      labels.map((label) => (label > 0 ? 1 : 0)),
      { epochs: 1 },
    );
    expect(hinge.predict(maps)).toEqual(hinge.predict(maps, { raw: true }));
  });

  it("lets features never seen in training contribute nothing, and the encoder can count them", async () => {
    const model = await fitted();
    expect(model.predict({ ...maps[0], colour: "red", user2: 3, tags: ["t0", "never"] })).toBe(
      model.predict(maps[0]),
    );
    expect(model.encoder!.unseen({ ...maps[0], colour: "red", tags: ["t0", "never"] })).toEqual([
      "tags=never",
      "colour=red",
    ]);
    expect(model.predict({ nothing: "known" })).toBe(model.predict({}));
  });

  it("treats zeros as absent", async () => {
    const model = new NFM({ ...small, numFeatures: 9 });
    model.partialFit([{ indices: [1, 2] }, { indices: [3, 4] }], [1, 0]);
    expect(model.predict({ 1: 1, 2: 1, 5: 0 })).toBe(model.predict({ 1: 1, 2: 1 }));
    expect(model.predict({ indices: [1, 2, 2], values: [1, 0.25, 0.75] })).toBe(
      model.predict({ 1: 1, 2: 1 }),
    );
  });

  it("works during a fit, from its callbacks", async () => {
    const model = new NFM(small);
    const seen: number[] = [];
    await model.fit(maps, labels, { epochs: 3, onEpoch: () => void seen.push(model.predict(maps[0])) });
    expect(new Set(seen).size).toBe(3);
    expect(seen[2]).toBe(model.predict(maps[0]));
  });
});

describe("vocabulary and validation", () => {
  it("learns the vocabulary from training rows alone, also when a share is held out", async () => {
    const rows = maps.map((map, i) => ({ ...map, row: `r${i}` }));
    const model = new NFM(small);
    await model.fit(rows, labels, { epochs: 1, validation: 0.5 });
    const known = rows.filter((_, i) => model.encoder!.index(`row=r${i}`) !== undefined);
    expect(known).toHaveLength(30);
    const other = new NFM(small);
    await other.fit(maps, labels, { epochs: 1, validation: { x: [{ user: "new" }], y: [0] } });
    expect(other.encoder!.index("user=new")).toBeUndefined();
  });

  it("uses a fitted encoder as it is, and an unfitted one as a template that stays unfitted", async () => {
    const given = new FeatureEncoder().fit([{ user: "u0" }, { user: "u1" }]);
    const model = await fitted({ ...small, encoder: given });
    expect(model.encoder!.toJSON()).toEqual(given.toJSON());
    expect(model.numFeatures).toBe(2);
    const before = model.predict({ user: "u1" });
    given.fit(Array.from({ length: 500 }, (_, i) => ({ user: `u${500 - i}` })));
    expect(model.predict({ user: "u1" })).toBe(before);
    expect(() => model.encoder!.fit([{ user: "x" }])).toThrow(
      "FeatureEncoder.fit: this encoder belongs to a model and cannot learn again; make a new one",
    );
    const late = new FeatureEncoder();
    const constructedBefore = new NFM({ ...small, encoder: late });
    late.fit([{ user: "u0" }]);
    for (const whose of [constructedBefore, NFM.load(model.save())]) {
      whose.predict({ user: "u0" });
      expect(() => whose.encoder!.fit([{ user: "x" }])).toThrow(
        "this encoder belongs to a model and cannot learn again",
      );
    }
    const template = new FeatureEncoder({ scale: "standard" });
    const scaled = await fitted({ ...small, encoder: template });
    expect(template.fitted).toBe(false);
    expect(scaled.encoder!.options.scale).toBe("standard");
  });

  it("measures the paper's clamped rmse against the training labels' range, the plain one without", async () => {
    const model = new NFM({ embeddingDim: 1, hiddenUnits: [], optimizer: new Adagrad({ learningRate: 3 }) });
    await model.fit([{ a: 1 }, { a: -1 }], [1, -1], { epochs: 1, batchSize: 1 });
    const score = model.predict({ a: 50 });
    expect(score).toBeGreaterThan(2);
    expect(model.evaluate([{ a: 50 }], [5], { metrics: ["rmse-clamped", "rmse"] })).toEqual({
      "rmse-clamped": 4,
      rmse: Math.abs(score - 5),
    });
  });

  it("leaves out of the default metrics what the labels cannot give, and refuses it only when asked for", async () => {
    const model = new NFM({ ...small, loss: "log" });
    await model.fit(
      maps,
      maps.map((_, i) => (i === 0 ? 1 : 0)),
      { epochs: 1, validation: { x: maps.slice(1, 9), y: Array(8).fill(0) as number[] } },
    );
    expect(Object.keys(model.history!.epochs[0].validation!)).toEqual(["loss", "logloss", "accuracy"]);
    expect(Object.keys(model.evaluate(maps.slice(1, 3), [0, 0]))).toEqual(["logloss", "accuracy"]);
    expect(() => model.evaluate(maps.slice(1, 3), [0, 0], { metrics: ["auc"] })).toThrow(
      'evaluate: "auc" needs both classes in y',
    );
  });

  it("says what is measured by default", async () => {
    const model = await fitted();
    expect(Object.keys(model.evaluate(maps, labels))).toEqual(["rmse", "mae"]);
    const log = new NFM({ ...small, loss: "log" });
    const history = await log.fit(
      maps,
      labels.map((label) => (label > 0 ? 1 : 0)),
      { epochs: 2, validation: 0.3 },
    );
    expect(Object.keys(history.epochs[1].validation!)).toEqual(["loss", "logloss", "auc", "accuracy"]);
    expect(log.history).toBe(history);
    const bpr = new NFM({ ...small, loss: "bpr" });
    const pairs = await bpr.fitPairs(maps.slice(0, 30), maps.slice(30), { epochs: 2, validation: 0.3 });
    expect(Object.keys(pairs.epochs[0].validation!)).toEqual(["loss", "auc"]);
    await bpr.fitPairs(maps.slice(0, 30), maps.slice(30), {
      epochs: 1,
      validation: { positives: maps.slice(0, 5), negatives: maps.slice(5, 10) },
    });
    expect(bpr.partialFitPairs([maps[0]], [maps[1]])).toBeGreaterThan(0);
  });
});

describe("errors of fit", () => {
  const cases: [x: unknown, y: unknown, options: unknown, message: string, model?: NFMOptions][] = [
    [
      "rows",
      [1],
      {},
      'fit: x must be a CSRMatrix, an array of sparse vectors or an array of feature maps, got "rows"',
    ],
    [[], [], {}, "fit: needs at least one row, got 0"],
    [maps, labels.slice(1), {}, "fit: y.length must be the number of rows of x (60), got 59"],
    [maps, "labels", {}, 'fit: y must be an array of numbers, got "labels"'],
    [[{ a: 1 }], ["1"], {}, 'fit: y[0] must be a number, got "1"'],
    [[{ a: 1 }, { a: 2 }], [1, NaN], {}, "fit: y[1] must be finite (in 32 bits), got NaN"],
    [[{ a: 1 }, { a: 2 }], [1, 2], {}, "fit: y[1] must be 0 or 1, or -1 or 1, got 2", { loss: "log" }],
    [
      [{ a: 1 }, { a: 0.5 }],
      [1, 0.5],
      {},
      "fit: y[1] must be 0 or 1, or -1 or 1, got 0.5",
      { loss: "hinge" },
    ],
    [[{ a: Infinity }], [1], {}, "fit: x[0].a must be finite (in 32 bits), got Infinity"],
    [[{ a: 1 }, { b: NaN }], [1, 2], {}, "fit: x[1].b must be finite (in 32 bits), got NaN"],
    [[{ a: 1 }, 7], [1, 2], {}, "fit: x[1] must be an object or a Map from field names to values, got 7"],
    [
      [{ a: 1 }, { indices: [1] }],
      [1, 2],
      {},
      "fit: x[1] must be a feature map with field names, as the first row",
    ],
    [[{}, {}], [1, 2], {}, "fit: x must have at least one feature, got only empty rows"],
    [
      [{ indices: [1000] }],
      [1],
      {},
      "fit: x[0].indices[0] must be below numFeatures (1000), got 1000",
      { numFeatures: 1000 },
    ],
    [
      new CSRMatrix({ cols: 2000, indptr: [0, 2], indices: [5, 1000] }),
      [1],
      {},
      "fit: x.indices[1] must be below numFeatures (1000), got 1000",
      { numFeatures: 1000 },
    ],
    [
      [{ indices: [1, 2], values: [1] }],
      [1],
      {},
      "fit: x[0].values.length must be indices.length (2), got 1",
    ],
    [[{ indices: [1.5] }], [1], {}, "fit: x[0].indices[0] must be an integer from 0 to 4294967294, got 1.5"],
    [[{ indices: [1], values: [NaN] }], [1], {}, "fit: x[0].values[0] must be finite (in 32 bits), got NaN"],
    [
      [{ user: "ana" }],
      [1],
      {},
      'fit: x[0]: keys must be feature indices (this model has no encoder for names: it was given numFeatures, or learned from sparse rows; pass an encoder), got "user"',
      { numFeatures: 10 },
    ],
    [
      [{ 3: "ana" }],
      [1],
      {},
      'fit: x[0][3] must be a number (this model has no encoder for other values), got "ana"',
      { numFeatures: 10 },
    ],
    [[{ 30: 1 }], [1], {}, "fit: x[0]: key 30 must be below numFeatures (10), got 30", { numFeatures: 10 }],
    [maps, labels, { epoch: 3 }, 'fit has no option "epoch"; it has epochs, batchSize'],
    [maps, labels, { epochs: 0 }, "fit: epochs must be an integer of at least 1, got 0"],
    [maps, labels, { batchSize: 0.5 }, "fit: batchSize must be an integer from 1 to 16777216, got 0.5"],
    [maps, labels, { shuffle: 1 }, "fit: shuffle must be a boolean, got 1"],
    [maps, labels, { validation: 1 }, "fit: validation must be a share above 0 and below 1, got 1"],
    [
      maps,
      labels,
      { validation: { x: maps } },
      "fit: validation.y must be an array of numbers, got undefined",
    ],
    [
      maps,
      labels,
      { validation: { x: 3, y: [] } },
      "fit: validation.x must be a CSRMatrix or an array of rows, got 3",
    ],
    [maps, labels, { validation: { x: [], y: [] } }, "fit: validation needs at least one row, got 0"],
    [
      maps,
      labels,
      { validation: { x: maps, y: [1] } },
      "fit: validation.y.length must be the number of rows of x (60), got 1",
    ],
    [
      maps,
      labels,
      { validation: { x: [{ hour: NaN }], y: [1] } },
      "fit: validation.x[0].hour must be finite (in 32 bits), got NaN",
    ],
    [
      maps,
      labels,
      { validation: 0.2, metrics: ["f1"] },
      'fit: metrics[0] must be one of "rmse", "rmse-clamped", "mae", "logloss", "auc", "accuracy", "group-auc", "ndcg", "mrr", "map", or "precision@k", "recall@k", "hr@k", "ndcg@k", "mrr@k", "map@k" with k an integer of at least 1, got "f1"',
    ],
    [
      maps,
      labels,
      { validation: 0.2, metrics: ["auc"] },
      'fit: y[0] must be a binary label (0 or 1, or -1 or 1) for "auc"',
    ],
    [
      maps,
      labels,
      { validation: { x: maps, y: labels }, metrics: ["accuracy"] },
      'fit: validation.y[0] must be a binary label (0 or 1, or -1 or 1) for "accuracy", got -2',
    ],
    [
      maps,
      labels,
      { validation: 0.2, metrics: ["logloss"] },
      'fit: "logloss" needs probabilities, and the squared loss has none; train with loss: "log"',
    ],
    [maps, labels, { validation: 0.2, monitor: "best" }, 'fit: monitor must be one of "loss", "rmse"'],
    [maps, labels, { patience: 3 }, "fit: patience needs validation data; pass validation as well"],
    [maps, labels, { validation: 0.2, patience: 0 }, "fit: patience must be an integer of at least 1, got 0"],
    [
      [{ a: 1 }],
      [1],
      { validation: 0.5 },
      "fit: validation must be a share that leaves rows to train on (of 1), got 0.5",
    ],
    [
      maps,
      labels,
      { sampleWeight: [1] },
      "fit: sampleWeight.length must be the number of rows of x (60), got 1",
    ],
    [
      [{ a: 1 }, { a: 1 }],
      [1, 2],
      { sampleWeight: [1, -1] },
      "fit: sampleWeight[1] must be at least 0, got -1",
    ],
    [
      [{ a: 1 }, { a: 1 }],
      [1, 2],
      { sampleWeight: [0, 0] },
      'fit: sampleWeight must be above 0 somewhere, got "only zeros"',
    ],
    [maps, labels, { onEpoch: 3 }, "fit: onEpoch must be a function, got 3"],
    [maps, labels, { signal: {} }, "fit: signal must be an AbortSignal"],
    [
      maps,
      labels,
      { resume: true },
      "fit: the model has no parameters yet; fit it, load one, or construct it with numFeatures",
    ],
    [
      maps,
      labels,
      {},
      "fit: the bpr loss is pairwise; pass groups, or use fitPairs, or another loss",
      { loss: "bpr" },
    ],
    [
      new CSRMatrix({ cols: 1, indptr: [0, 1], indices: [0] }),
      [1],
      {},
      "fit: x must be an array of feature maps, for the encoder to learn from, got CSRMatrix",
      { encoder: new FeatureEncoder() },
    ],
  ];

  it.each(
    cases.map(([x, y, options, message, model]) => ({ x, y, options, message, model })),
  )("$message", async ({ x, y, options, message, model = {} }) => {
    const untouched = new NFM({ ...small, ...model });
    await expect(untouched.fit(x as Rows, y as number[], options as FitOptions)).rejects.toThrow(message);
    if (model.numFeatures) expect(untouched.save()).toEqual(new NFM({ ...small, ...model }).save());
    else
      expect(() => untouched.save(), "the model must stay as it was").toThrow(
        "save: the model has no parameters yet",
      );
  });

  it("change nothing in a model that was fitted before", async () => {
    const model = await fitted({ ...small, loss: "log" }, {}).catch(() => new NFM({ ...small, loss: "log" }));
    await model.fit(
      maps,
      labels.map((label) => (label > 0 ? 1 : 0)),
      { epochs: 1 },
    );
    const before = model.save({ optimizer: true });
    const bad: [unknown, unknown, unknown][] = [
      [maps, [1], {}],
      [[{ a: NaN }], [1], {}],
      [maps, maps.map(() => 3), {}],
      [maps, maps.map(() => 1), { validation: 2 }],
    ];
    for (const [x, y, options] of bad) {
      await expect(model.fit(x as Rows, y as number[], options as FitOptions)).rejects.toThrow();
      expect(() => model.partialFit(x as Rows, y as number[], options as object)).toThrow();
    }
    expect(model.save({ optimizer: true })).toEqual(before);
  });
});

describe("errors of the other methods", () => {
  it("say that a model without parameters needs some", () => {
    const model = new NFM();
    for (const [name, call] of Object.entries({
      predict: () => model.predict({ a: 1 }),
      evaluate: () => model.evaluate([{ a: 1 }], [1]),
      save: () => model.save(),
      tensor: () => model.tensor("bias"),
    })) {
      expect(call).toThrow(
        `${name}: the model has no parameters yet; fit it, load one, or construct it with numFeatures`,
      );
    }
    expect([model.numFeatures, model.numParameters, model.encoder, model.history]).toEqual([
      0,
      0,
      null,
      null,
    ]);
  });

  it("name what predict and evaluate cannot read", async () => {
    const model = await fitted();
    expect(() => model.predict({ hour: NaN })).toThrow(
      "predict: x.hour must be finite (in 32 bits), got NaN",
    );
    expect(() => model.predict([{ hour: 1 }, { hour: "x", "": Infinity }])).toThrow(
      'predict: x[1][""] must be finite',
    );
    expect(() => model.predict(7 as unknown as FeatureMap)).toThrow(
      "predict: x must be an object or a Map from field names to values, got 7",
    );
    expect(() => model.predict(null as unknown as FeatureMap)).toThrow("predict: x must be");
    expect(() => model.predict(maps, { prob: true } as object)).toThrow(
      'predict has no option "prob"; it has raw',
    );
    expect(() => model.predict({ indices: [model.numFeatures] })).toThrow(
      `predict: x.indices[0] must be below numFeatures (${model.numFeatures}), got ${model.numFeatures}`,
    );
    expect(() => model.evaluate(maps, labels, { metrics: ["auc"] })).toThrow(
      'evaluate: y[0] must be a binary label (0 or 1, or -1 or 1) for "auc", got -2',
    );
    expect(() => model.evaluate([{ a: 1 }], [1], { metrics: ["auc"] })).toThrow(
      'evaluate: "auc" needs both classes in y, got 1 positives among 1 rows',
    );
    expect(() => model.evaluate(maps, [1])).toThrow(
      "evaluate: y.length must be the number of rows of x (60), got 1",
    );
    expect(() => model.tensor("V")).toThrow(
      "tensor: name must be one of bias, linear.weight, embedding.weight",
    );
    expect(() => model.save({ optimiser: true } as object)).toThrow(
      'save has no option "optimiser"; it has optimizer',
    );
    expect(() => NFM.load(model.save(), { seed: 1 } as object)).toThrow(
      'load has no option "seed"; it has optimizer, backend, loss, layers',
    );
  });

  it("tell pairs from labeled rows", async () => {
    const model = new NFM({ ...small, loss: "bpr" });
    expect(() => model.partialFit(maps, labels)).toThrow(
      "partialFit: the bpr loss is pairwise; use partialFitPairs, or another loss",
    );
    expect(() => new NFM().partialFitPairs(maps, maps)).toThrow(
      "partialFitPairs: the squared loss is pointwise; use partialFit, or another loss",
    );
    await expect(new NFM().fitPairs(maps, maps)).rejects.toThrow(
      "fitPairs: the squared loss is pointwise; use fit, or another loss",
    );
    await expect(model.fitPairs(maps, maps.slice(1))).rejects.toThrow(
      "fitPairs: negatives must be as many rows as positives (60), got 59",
    );
    await expect(model.fitPairs(maps, maps, { sampleWeight: [1] } as FitOptions)).rejects.toThrow(
      'fitPairs has no option "sampleWeight"',
    );
    await expect(model.fitPairs([{ a: 1 }], [{ a: NaN }])).rejects.toThrow(
      "fitPairs: negatives[0].a must be finite",
    );
  });

  it("leave a model untouched when the loss of a partialFit is not finite", () => {
    const model = new NFM({
      ...small,
      layers: [new BatchNorm(), new Dense(2)],
      hiddenUnits: undefined,
      numFeatures: 3,
    } as NFMOptions);
    model.partialFit([{ 1: 1, 2: 1 }], [1]);
    const before = model.save({ optimizer: true });
    expect(() => model.partialFit([{ 1: 3e38, 2: 3e38 }], [1])).toThrow(
      "partialFit: the loss of these rows is",
    );
    expect(model.save({ optimizer: true })).toEqual(before);
  });

  it("leave a model untouched when a partialFit would ruin it: an overflowing step, a row of weight 0, an optimizer that throws", () => {
    const both = [{ indices: [0, 1] }];
    const overflow = new NFM({
      numFeatures: 2,
      embeddingDim: 3,
      hiddenUnits: [],
      optimizer: new SGD({ learningRate: 1e30 }),
    });
    const adagrad = new NFM({ numFeatures: 2, embeddingDim: 3, hiddenUnits: [] });
    const weighted = new NFM({
      numFeatures: 4,
      embeddingDim: 2,
      hiddenUnits: [3],
      batchNorm: false,
      dropout: { biInteraction: 0, hidden: 0 },
    });
    let updates = 0;
    const broken = new NFM({
      numFeatures: 2,
      optimizer: {
        name: "own",
        initialState: null,
        toJSON: () => ({}),
        update: ({ name }, { theta }) => {
          theta.data[0] += 1;
          if (++updates === 3) throw new Error(`broke on ${name}`);
        },
      },
    });
    const cases: [NFM, () => unknown, string][] = [
      [
        overflow,
        () => overflow.partialFit(both, [1e9]),
        "partialFit: the loss of these rows is Infinity, or would be after this step; nothing has changed",
      ],
      [adagrad, () => adagrad.partialFit(both, [1e20]), "nothing has changed"],
      [
        weighted,
        () =>
          weighted.partialFit([{ indices: [0, 1], values: [3e38, 3e38] }, { indices: [2, 3] }], [1, 1], {
            sampleWeight: [0, 1],
          }),
        "nothing has changed",
      ],
      [broken, () => broken.partialFit(both, [1]), "broke on wasm"],
    ];
    for (const [model, call, message] of cases) {
      const before = model.save();
      expect(call).toThrow(message);
      expect(model.save()).toEqual(before);
    }
  });

  it("name the layer that asks for something impossible", () => {
    const asking =
      (shape: unknown): (() => NFM) =>
      () =>
        new NFM({
          embeddingDim: 4,
          layers: [
            new Dense(3),
            {
              type: "own",
              shape: () => shape as LayerShape,
              forward: () => undefined,
              backward: () => undefined,
            },
          ],
        });
    expect(asking(undefined)).toThrow(
      "NFM: layers[1].shape(3) must be { outputDim, parameters?, cache? }, got undefined",
    );
    expect(asking({ outputDim: 1.5 })).toThrow(
      "NFM: layers[1].shape(3).outputDim must be an integer from 1 to 65536, got 1.5",
    );
    expect(asking({ outputDim: 3, parameters: { a: {} } })).toThrow(
      "NFM: layers[1].shape(3).parameters.a.shape must be [n] or [rows, cols], got undefined",
    );
    expect(asking({ outputDim: 3, parameters: { a: { shape: [3], init: Infinity } } })).toThrow(
      "parameters.a.init must be a finite number or { std }, got Infinity",
    );
    expect(asking({ outputDim: 3, cache: { a: ["rows", 3] } })).toThrow(
      'cache.a[0] must be an integer, got "rows"',
    );
  });

  it("refuse hyperparameters that 32 bits cannot hold, also when they are set later", () => {
    expect(() => new NFM({ initStd: 1e39 })).toThrow(
      "NFM: initStd must be a number of at least 0, got 1e+39",
    );
    expect(() => new Adagrad({ learningRate: 1e39 })).toThrow(
      "Adagrad: learningRate must be a number of at least 0, got 1e+39",
    );
    expect(() => {
      new SGD().learningRate = NaN;
    }).toThrow("SGD: learningRate must be a number of at least 0, got NaN");
  });

  it("read x as it was when fit was called", async () => {
    const rows = Array.from({ length: 3000 }, (_, i) => ({ user: `u${i % 50}`, item: `i${i % 70}` }));
    const [calm, hectic] = [new NFM(small), new NFM(small)];
    const targets = rows.map((_, i) => i % 3);
    await calm.fit(rows, targets, { epochs: 1 });
    const growing = [...rows];
    const fit = hectic.fit(growing, targets, { epochs: 1 });
    growing.length = 10;
    await fit;
    expect(hectic.save()).toEqual(calm.save());
  });

  it("tell which kernels run", () => {
    expect(new NFM({ backend: "js" }).backend).toBe("js");
    expect(new NFM({ backend: "wasm" }).backend).toBe("wasm");
    expect(new NFM().backend).toBe("wasm");
  });
});
