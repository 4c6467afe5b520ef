// Options of new NFM: each is checked, and the error names it; undefined stands for the default of every
// option.

import { describe, expect, it } from "vitest";
import {
  Adagrad,
  CSRMatrix,
  Dense,
  Dropout,
  FeatureEncoder,
  type FitOptions,
  type LoadOverrides,
  maxMargin,
  NFM,
  type NFMOptions,
  type ParseLibSVMOptions,
  parseLibSVM,
  Recommender,
  type RecommenderFitOptions,
  type RecommenderOptions,
  SGD,
} from "../../src/index.ts";
import { labels, maps } from "../helpers/maps.ts";

describe("errors of the constructor", () => {
  const cases: [options: unknown, message: string][] = [
    [{ hiddenUnit: [3] }, 'NFM has no option "hiddenUnit"; it has embeddingDim'],
    [5, "NFM: options must be an object, got 5"],
    [{ embeddingDim: 0 }, "NFM: embeddingDim must be an integer from 1 to 65536, got 0"],
    [{ embeddingDim: "8" }, 'NFM: embeddingDim must be an integer, got "8"'],
    [{ hiddenUnits: 8 }, "NFM: hiddenUnits must be an array of widths, such as [64], got 8"],
    [{ dropout: 0.5 }, "NFM: dropout must be an object { biInteraction, hidden }, got 0.5"],
    [{ l2: 0.01 }, "NFM: l2 must be an object { embedding, linear, hidden }, got 0.01"],
    [{ hiddenUnits: [8, 1.5] }, "NFM: hiddenUnits[1] must be an integer from 1 to 65536, got 1.5"],
    [
      { activation: "gelu" },
      'NFM: activation must be one of "relu", "tanh", "sigmoid", "identity", got "gelu"',
    ],
    [{ batchNorm: 1 }, "NFM: batchNorm must be a boolean, got 1"],
    [{ dropout: { hidden: 1 } }, "NFM: dropout.hidden must be a rate of at least 0 and below 1, got 1"],
    [{ dropout: { pooling: 0.1 } }, 'NFM: dropout has no option "pooling"; it has biInteraction, hidden'],
    [
      { layers: [new Dense(3)], hiddenUnits: [3] },
      "NFM: layers takes the place of hiddenUnits; give one or the other",
    ],
    [{ layers: [{ type: "x" }] }, "NFM: layers[0] must be a Layer (type, shape, forward, backward)"],
    [{ layers: new Dense(3) }, "NFM: layers must be an array of layers, got Dense"],
    [
      { loss: "logistic" },
      'NFM: loss must be one of "squared", "log", "hinge", "bpr", "max-margin", "softmax", got "logistic"',
    ],
    [{ loss: {} }, "NFM: loss must be the name of a loss, { kind, name, value, gradient }"],
    [{ optimizer: "adam" }, 'NFM: optimizer must be one of "adagrad", "sgd", got "adam"'],
    [
      { optimizer: {} },
      'NFM: optimizer must be "adagrad", "sgd", an Adagrad, an SGD or an Optimizer of your own (name, initialState, update, toJSON), got object with keys (none)',
    ],
    [
      { optimizer: 3 },
      'NFM: optimizer must be "adagrad", "sgd", an Adagrad, an SGD or an Optimizer of your own (name, initialState, update, toJSON), got 3',
    ],
    [
      { optimizer: { name: "own", initialState: NaN, update: () => undefined, toJSON: () => ({}) } },
      'NFM: optimizer must be "adagrad", "sgd", an Adagrad, an SGD or an Optimizer of your own',
    ],
    [{ learningRate: -1 }, "NFM: learningRate must be a number of at least 0, got -1"],
    [{ learningRate: NaN }, "NFM: learningRate must be a number of at least 0, got NaN"],
    [{ learningRate: "0.1" }, 'NFM: learningRate must be a number of at least 0, got "0.1"'],
    [{ optimizer: "sgd", learningRate: 1e39 }, "NFM: learningRate must be a number of at least 0, got 1e+39"],
    [
      { optimizer: new SGD(), learningRate: 0.1 },
      "NFM: learningRate is for an optimizer given by name; set it on the optimizer instead",
    ],
    [{ l2: { embedding: -1 } }, "NFM: l2.embedding must be a number of at least 0, got -1"],
    [{ l2: { w: 1 } }, 'NFM: l2 has no option "w"'],
    [{ initStd: NaN }, "NFM: initStd must be a number of at least 0, got NaN"],
    [{ numFeatures: 0 }, "NFM: numFeatures must be an integer from 1 to 4294967295, got 0"],
    [
      { numFeatures: 1, encoder: new FeatureEncoder().fit([{ a: 1, b: 1 }]) },
      "NFM: numFeatures must be at least that of the encoder (2), got 1",
    ],
    [{ encoder: {} }, "NFM: encoder must be a FeatureEncoder, got object with keys (none)"],
    [{ seed: -1 }, "NFM: seed must be an integer of at least 0, got -1"],
    [{ seed: 0.5 }, "NFM: seed must be an integer of at least 0, got 0.5"],
    [{ backend: "gpu" }, 'NFM: backend must be one of "auto", "wasm", "js", got "gpu"'],
  ];

  it.each(cases)("%j", (options, message) => {
    expect(() => new NFM(options as NFMOptions)).toThrow(message);
  });

  it("name the part that refuses", () => {
    expect(() => new Dense(0)).toThrow("Dense: units must be an integer of at least 1, got 0");
    expect(() => new Dropout(1)).toThrow("Dropout: rate must be a rate of at least 0 and below 1, got 1");
    expect(() => new Adagrad({ initialAccumulator: 0 })).toThrow(
      "Adagrad: initialAccumulator must be a number from 1e-37 to 1e37, got 0",
    );
    expect(() => new Adagrad({ lr: 1 } as object)).toThrow(
      'Adagrad has no option "lr"; it has learningRate, initialAccumulator',
    );
    expect(() => new SGD({ momentum: 1 })).toThrow(
      "SGD: momentum must be a number of at least 0 and below 1, got 1",
    );
    expect(() => maxMargin(0)).toThrow("maxMargin: margin must be a number above 0, got 0");
  });
});

describe("learningRate", () => {
  const options: NFMOptions = { embeddingDim: 3, hiddenUnits: [2], seed: 4 };
  const file = (given: NFMOptions): Uint8Array => {
    const model = new NFM({ ...options, ...given });
    for (let step = 0; step < 3; step++) {
      model.partialFit(
        maps.slice(0, 20),
        labels.slice(0, 20).map((label) => label * 3),
      );
    }
    return model.save({ optimizer: true });
  };

  it("is the step size of an optimizer given by name, as if it had been made by hand", () => {
    expect(file({ learningRate: 0.2 })).toEqual(file({ optimizer: new Adagrad({ learningRate: 0.2 }) }));
    expect(file({ optimizer: "adagrad", learningRate: 0.2 })).toEqual(file({ learningRate: 0.2 }));
    expect(file({ optimizer: "sgd", learningRate: 0.2 })).toEqual(
      file({ optimizer: new SGD({ learningRate: 0.2 }) }),
    );
    expect(file({ learningRate: 0.2 })).not.toEqual(file({ learningRate: 0.1 }));
  });

  it("has each optimizer's own default", () => {
    expect(file({})).toEqual(file({ optimizer: new Adagrad({ learningRate: 0.05 }) }));
    expect(file({ optimizer: "adagrad" })).toEqual(file({}));
    expect(file({ optimizer: "sgd" })).toEqual(file({ optimizer: new SGD({ learningRate: 0.01 }) }));
  });

  it("may be 0, and undefined with an optimizer", () => {
    const still = new NFM({ ...options, learningRate: 0 });
    still.partialFit(maps, labels);
    const before = still.tensor("embedding.weight");
    still.partialFit(maps, labels);
    expect(still.tensor("embedding.weight")).toEqual(before);
    const sgd = new SGD({ learningRate: 0.2 });
    expect(file({ optimizer: sgd, learningRate: undefined })).toEqual(file({ optimizer: sgd }));
  });

  it("of a model is its own: two models of one name do not share an optimizer", async () => {
    const [one, other] = [
      new NFM({ ...options, optimizer: "adagrad" }),
      new NFM({ ...options, optimizer: "adagrad" }),
    ];
    const adagrad = NFM.learnerOf(one).settings.optimizer as Adagrad;
    expect(NFM.learnerOf(other).settings.optimizer).not.toBe(adagrad);
    adagrad.learningRate = 0;
    other.partialFit(maps, labels);
    expect((NFM.learnerOf(other).settings.optimizer as Adagrad).learningRate).toBe(0.05);
  });
});

describe("undefined", () => {
  /** Every option of an interface, undefined. */
  const nothing = <T extends object>(keys: Record<keyof Required<T>, true>): T =>
    Object.fromEntries(Object.keys(keys).map((key) => [key, undefined])) as T;
  const model: NFMOptions = nothing<NFMOptions>({
    embeddingDim: true,
    hiddenUnits: true,
    activation: true,
    batchNorm: true,
    dropout: true,
    layers: true,
    loss: true,
    labels: true,
    optimizer: true,
    learningRate: true,
    l2: true,
    initStd: true,
    numFeatures: true,
    grow: true,
    maxFeatures: true,
    numbers: true,
    fields: true,
    encoder: true,
    seed: true,
    backend: true,
    threads: true,
    workerUrl: true,
    onNotice: true,
    notices: true,
  });
  const fit: FitOptions = nothing<FitOptions>({
    epochs: true,
    batchSize: true,
    shuffle: true,
    validation: true,
    time: true,
    refit: true,
    metrics: true,
    monitor: true,
    patience: true,
    restoreBest: true,
    sampleWeight: true,
    groups: true,
    pairsPerRow: true,
    resume: true,
    onEpoch: true,
    onBatch: true,
    progress: true,
    signal: true,
  });

  it("stands for the default of every option of NFM and its methods", async () => {
    const [given, left] = [new NFM(model), new NFM()];
    await given.fit(maps, labels, fit);
    await left.fit(maps, labels);
    expect(given.save({ optimizer: undefined })).toEqual(left.save());
    const again = NFM.load(
      left.save(),
      nothing<LoadOverrides>({
        optimizer: true,
        backend: true,
        threads: true,
        workerUrl: true,
        loss: true,
        layers: true,
        onNotice: true,
        notices: true,
      }),
    );
    expect(again.save()).toEqual(left.save());
    expect(given.predict(maps, { raw: undefined })).toEqual(left.predict(maps));
    expect(given.evaluate(maps, labels, { metrics: undefined, groups: undefined })).toEqual(
      left.evaluate(maps, labels),
    );
    expect(given.rank(maps[0], maps, { top: undefined })).toEqual(left.rank(maps[0], maps));
    expect(given.partialFit(maps, labels, { sampleWeight: undefined })).toBe(left.partialFit(maps, labels));
    const parts = {
      dropout: { biInteraction: undefined, hidden: undefined },
      l2: { embedding: undefined, linear: undefined, hidden: undefined },
    };
    expect(new NFM({ ...parts, numFeatures: 3 }).save()).toEqual(new NFM({ numFeatures: 3 }).save());
  });

  it("and of the recommender, the encoder, the optimizers, matrices and readers", async () => {
    const items = [{ item: "tea" }, { item: "milk" }, { item: "juice" }];
    const contexts = maps.slice(0, 30).map((_, i) => ({ user: `u${i % 4}` }));
    const taken = contexts.map((_, i) => items[i % 3].item);
    const fitted = async (
      ids: RecommenderOptions,
      options: RecommenderFitOptions,
    ): Promise<Recommender<{ item: string }>> => {
      const recommender = new Recommender(new NFM({ loss: "bpr", embeddingDim: 4 }), items, ids);
      await recommender.fit(contexts, taken, options);
      return recommender;
    };
    const given = await fitted(
      { ids: undefined },
      nothing<RecommenderFitOptions>({
        epochs: true,
        batchSize: true,
        shuffle: true,
        validation: true,
        metrics: true,
        monitor: true,
        patience: true,
        restoreBest: true,
        resume: true,
        onEpoch: true,
        onBatch: true,
        progress: true,
        signal: true,
        negatives: true,
        popularity: true,
        users: true,
        time: true,
      }),
    );
    const left = await fitted({}, {});
    expect(given.model.save()).toEqual(left.model.save());
    expect(given.recommend({ user: "u1" }, { top: undefined, exclude: undefined })).toEqual(
      left.recommend({ user: "u1" }),
    );
    expect(given.evaluate(contexts, taken, { metrics: undefined, exclude: undefined })).toEqual(
      left.evaluate(contexts, taken),
    );
    expect(
      new FeatureEncoder({ hashBits: undefined, minCount: undefined, numbers: undefined, fields: undefined })
        .options,
    ).toEqual(new FeatureEncoder().options);
    expect(new Adagrad({ learningRate: undefined, initialAccumulator: undefined }).toJSON()).toEqual(
      new Adagrad().toJSON(),
    );
    expect(new SGD({ learningRate: undefined, momentum: undefined }).toJSON()).toEqual(new SGD().toJSON());
    expect(
      new CSRMatrix({ rows: undefined, cols: 2, indptr: [0, 1], indices: [1], values: undefined }),
    ).toEqual(new CSRMatrix({ cols: 2, indptr: [0, 1], indices: [1] }));
    expect(parseLibSVM("1 1:1 2:3", nothing<ParseLibSVMOptions>({ cols: true, zeroBased: true }))).toEqual(
      parseLibSVM("1 1:1 2:3"),
    );
  });

  it("is not taken for a value where one is needed", () => {
    expect(() => new CSRMatrix({ cols: undefined as unknown as number, indptr: [0], indices: [] })).toThrow(
      "CSRMatrix: cols must be an integer, got undefined",
    );
    expect(() => new NFM({ hiddenUnits: [undefined as unknown as number] })).toThrow(
      "NFM: hiddenUnits[0] must be an integer, got undefined",
    );
    expect(() => new NFM({ hiddenUnit: undefined } as object)).toThrow('NFM has no option "hiddenUnit"'); // misspelt all the same
  });
});
