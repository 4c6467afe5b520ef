// Everything that NFM refuses, on its text; nothing has changed then.

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
  Recommender,
  type Rows,
  SGD,
} from "../src/index.ts";
import { fitted, labels, maps, small } from "./helpers/maps.ts";

describe("errors of fit", () => {
  const cases: [x: unknown, y: unknown, options: unknown, message: string, model?: NFMOptions][] = [
    [
      "rows",
      [1],
      {},
      'fit: x must be an array or iterable of feature maps or sparse vectors, columns such as { user: [...], price: [...] }, a table, or a CSRMatrix, got "rows"',
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
    [
      maps,
      labels,
      { epochs: 3, learningRate: 0.1 },
      'fit has no option "learningRate"; it belongs into the constructor: new NFM({ learningRate })',
    ],
    [
      maps,
      labels,
      { groups: "usr" },
      "fit: x[0].usr must be an id, a string or a number (the option groups names another field, or lists ids), got undefined; the row has the fields ",
    ],
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
      "fit: validation.x must be an array or iterable of feature maps or sparse vectors, columns such as { user: [...], price: [...] }, a table, or a CSRMatrix, got 3",
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
    [
      maps,
      labels,
      { patience: 3 },
      'fit: patience needs validation data, and "auto" holds out none of these rows (it needs at least ' +
        "1,000 rows, and 10 groups if there are groups); pass a share or data as validation",
    ],
    [
      maps,
      labels,
      { metrics: ["rmse"], validation: false },
      "fit: metrics needs validation data; pass a share or data as validation",
    ],
    [
      maps,
      labels,
      { validation: true as false },
      'fit: validation must be "auto", false, a share above 0 and below 1, or { x, y, groups? }, got true',
    ],
    [
      maps,
      labels,
      { validation: "none" as "auto" },
      'fit: validation must be "auto", false, a share above 0 and below 1, or { x, y, groups? }, got "none"',
    ],
    [
      maps,
      labels,
      { refit: true, resume: true },
      "fit: refit starts with new parameters, and resume goes on from the present ones; leave one out",
    ],
    [
      maps,
      labels,
      { refit: true, validation: false },
      "fit: refit trains on held-out rows too, and validation holds out none of these rows; leave one out",
    ],
    [
      maps,
      labels,
      { time: "day", validation: false },
      "fit: time says which rows are held out, and validation holds out none of these rows; leave one out",
    ],
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
      [[{ hour: NaN }], [1], {}],
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

  it("say that nobody awaited fit, whatever is called meanwhile", async () => {
    const rows = [{ user: "ana" }, { user: "bo" }];
    for (const options of [{}, { numFeatures: 3, encoder: new FeatureEncoder().fit(rows) }]) {
      const model = new NFM({ embeddingDim: 2, ...options });
      const running = model.fit(rows, [1, 0], { epochs: 1 });
      const recommender = new Recommender(model, [{ item: "tea" }]);
      for (const [name, call] of Object.entries({
        predict: () => model.predict({ user: "ana" }),
        evaluate: () => model.evaluate(rows, [1, 0]),
        save: () => model.save(),
        rank: () => model.rank({}, rows),
        prepare: () => model.prepare(rows),
        explain: () => model.explain({ user: "ana" }),
        tensor: () => model.tensor("bias"),
        "Recommender.recommend": () => recommender.recommend({}),
      })) {
        expect(call).toThrow(
          new Error(`${name}: fit is still running, and has not made the parameters yet: await it`),
        );
      }
      await running;
      expect(model.predict(rows)).toHaveLength(2);
    }
    expect(() => new NFM().predict({})).toThrow("with numFeatures (fit is asynchronous: await it)");
  });

  it("let a fitted model predict while it is fitted again, from the old parameters until there are new ones", async () => {
    const model = await fitted();
    const before = model.predict(maps);
    const running = model.fit(maps, labels, { epochs: 1 });
    expect(model.predict(maps)).toEqual(before);
    await running;
    expect(model.predict(maps)).not.toEqual(before);
  });

  it("name what predict and evaluate cannot read", async () => {
    const model = await fitted();
    expect(() => model.predict({ hour: NaN })).toThrow(
      "predict: x.hour must be finite (in 32 bits), got NaN",
    );
    expect(() => model.predict([{ hour: 1 }, { user: "x", hour: Infinity }])).toThrow(
      "predict: x[1].hour must be finite (in 32 bits), got Infinity; write null for a missing value",
    );
    expect(() => model.predict([{ hour: "noon" }])).toThrow(
      'predict: x[0].hour must be a number, a numeric string or a Date or null, got "noon"',
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
      'load has no option "seed"; it has optimizer, backend, threads, workerUrl, loss, layers',
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
