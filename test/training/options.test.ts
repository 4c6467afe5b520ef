// Options of new NFM: each is checked, and the error names it.

import { describe, expect, it } from "vitest";
import {
  Adagrad,
  Dense,
  Dropout,
  FeatureEncoder,
  maxMargin,
  NFM,
  type NFMOptions,
  SGD,
} from "../../src/index.ts";

describe("errors of the constructor", () => {
  const cases: [options: unknown, message: string][] = [
    [{ hiddenUnit: [3] }, 'NFM has no option "hiddenUnit"; it has embeddingDim'],
    [5, "NFM: options must be an object, got 5"],
    [{ embeddingDim: 0 }, "NFM: embeddingDim must be an integer from 1 to 65536, got 0"],
    [{ embeddingDim: "8" }, 'NFM: embeddingDim must be an integer, got "8"'],
    [{ hiddenUnits: 64 }, "NFM: hiddenUnits must be an array of widths, got 64"],
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
      'NFM: loss must be one of "squared", "log", "hinge", "bpr", "max-margin", got "logistic"',
    ],
    [{ loss: {} }, "NFM: loss must be the name of a loss, or { kind, name, value, gradient }"],
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
