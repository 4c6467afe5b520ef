// The model file: what is written, and that what is read is the same model.

import { readFileSync } from "node:fs";
import { runInNewContext } from "node:vm";
import { describe, expect, it } from "vitest";
import {
  Activation,
  Adagrad,
  Dense,
  FeatureEncoder,
  type Layer,
  type ModelBytes,
  NFM,
  type PointwiseLoss,
  SGD,
} from "../../src/index.ts";
import { Predictor } from "../../src/predict.ts";
import { labels, maps, options, split, trained } from "../helpers/model-files.ts";

describe("save", () => {
  it("writes PyTorch's names and shapes as contiguous float32, and the configuration as JSON", () => {
    const { header, data } = split(trained.save());
    const n = trained.numFeatures;
    const shapes = Object.fromEntries(
      Object.entries(header)
        .filter(([name]) => name !== "__metadata__")
        .map(([name, { shape }]) => [name, shape]),
    );
    expect(shapes).toEqual({
      bias: [1],
      "linear.weight": [n, 1],
      "embedding.weight": [n, 6],
      "norms.0.weight": [6],
      "norms.0.bias": [6],
      "norms.0.running_mean": [6],
      "norms.0.running_var": [6],
      "hidden.0.weight": [5, 6],
      "hidden.0.bias": [5],
      "norms.1.weight": [5],
      "norms.1.bias": [5],
      "norms.1.running_mean": [5],
      "norms.1.running_var": [5],
      "hidden.1.weight": [3, 5],
      "hidden.1.bias": [3],
      "norms.2.weight": [3],
      "norms.2.bias": [3],
      "norms.2.running_mean": [3],
      "norms.2.running_var": [3],
      "output.weight": [1, 3],
    });
    const { __metadata__: metadata, ...tensors } = header;
    let end = 0;
    for (const {
      dtype,
      shape,
      data_offsets: [start, stop],
    } of Object.values(tensors)) {
      expect([dtype, start, stop - start]).toEqual(["F32", end, shape.reduce((a, b) => a * b, 4)]);
      end = stop;
    }
    expect(end).toBe(data.length);
    expect(metadata.format).toBe("nfm");
    expect(metadata.version).toBe("1");
    expect(JSON.parse(metadata.config)).toMatchObject({
      ...options,
      numFeatures: n,
      activation: "relu",
      batchNorm: true,
      dropout: { biInteraction: 0.8, hidden: 0.3 },
    });
    expect((JSON.parse(metadata.encoder) as { names: string[] }).names).toHaveLength(n);
    expect(data.byteOffset % 8).toBe(0);
  });

  it("leaves numParameters countable from the shapes", () => {
    const n = trained.numFeatures;
    expect(trained.numParameters).toBe(1 + n + 6 * n + 12 + 35 + 10 + 18 + 6 + 3);
  });
});

describe("load", () => {
  it("gives back the same bytes, predictions, encoder and labels' range", () => {
    const bytes = trained.save();
    const loaded = NFM.load(bytes);
    expect(loaded.save()).toEqual(bytes);
    expect(loaded.predict(maps)).toEqual(trained.predict(maps));
    expect(loaded.predict(maps[3])).toBe(trained.predict(maps[3]));
    expect(loaded.encoder!.toJSON()).toEqual(trained.encoder!.toJSON());
    expect(loaded.evaluate(maps, labels, { metrics: ["rmse-clamped"] })).toEqual(
      trained.evaluate(maps, labels, { metrics: ["rmse-clamped"] }),
    );
  });

  it("reads bytes at any offset of a larger buffer", () => {
    const bytes = trained.save();
    const shifted = new Uint8Array(bytes.length + 3);
    shifted.set(bytes, 3);
    expect(NFM.load(shifted.subarray(3)).save()).toEqual(bytes);
  });

  it("takes a file without optional parts: defaults fill the configuration", () => {
    const bytes = readFileSync(new URL("../fixtures/02-squared-k8-6.init.safetensors", import.meta.url));
    const loaded = NFM.load(bytes);
    expect(loaded.numFeatures).toBe(40);
    expect(loaded.encoder).toBeNull();
    expect(() => loaded.evaluate([{ 1: 1 }], [1], { metrics: ["rmse-clamped"] })).toThrow(
      'evaluate: "rmse-clamped" needs the range of the training labels',
    );
  });

  it("takes another optimizer or loss", async () => {
    const loaded = NFM.load(trained.save({ optimizer: true }), {
      optimizer: new SGD({ learningRate: 0.01, momentum: 0.9 }),
      loss: "hinge",
    });
    loaded.partialFit(maps, labels);
    const { header } = split(loaded.save({ optimizer: true }));
    expect(JSON.parse(header.__metadata__.config)).toMatchObject({
      loss: "hinge",
      optimizer: { name: "sgd", momentum: 0.9 },
    });
  });

  it("saves and loads stacks of built-in layers, and asks for those of one's own", async () => {
    const negate: Layer = {
      type: "negate",
      shape: (inputDim) => ({ outputDim: inputDim }),
      forward: ({ x, y, rows }) => {
        for (let i = 0; i < rows * x.stride; i++) y.data[i] = -x.data[i];
      },
      backward: ({ dX, dY, rows }) => {
        for (let i = 0; i < rows * dX.stride; i++) dX.data[i] = -dY.data[i];
      },
    };
    const layers = [new Dense(4), new Activation("tanh"), negate];
    const model = new NFM({ embeddingDim: 3, layers, numFeatures: 10 });
    model.partialFit([{ 1: 1, 2: 1 }, { 3: 1 }], [1, 2]);
    expect(() => NFM.load(model.save())).toThrow(
      'load: config: layers[2]: the model has a layer of its own ("negate"); pass all layers as load(bytes, { layers })',
    );
    expect(NFM.load(model.save(), { layers }).save()).toEqual(model.save());
    const builtIn = new NFM({
      embeddingDim: 3,
      layers: [new Dense(4), new Dense(2), new Activation("sigmoid")],
      numFeatures: 10,
    });
    expect(NFM.load(builtIn.save()).save()).toEqual(builtIn.save());
  });

  it("asks for an optimizer of one's own, whatever its name, and for layers in their saved order", () => {
    const optimizer = { name: "sgd", initialState: null, update: () => undefined, toJSON: () => ({}) };
    const model = new NFM({ optimizer, numFeatures: 4, layers: [new Dense(3), new Activation("tanh")] });
    expect(() => NFM.load(model.save())).toThrow(
      'load: config: optimizer: the model was trained with an optimizer of its own ("sgd"); pass one as load(bytes, { optimizer })',
    );
    expect(NFM.load(model.save(), { optimizer }).save()).toEqual(model.save());
    expect(() =>
      NFM.load(model.save(), { optimizer, layers: [new Activation("tanh"), new Dense(3)] }),
    ).toThrow("load: layers must be of the saved types (dense, activation), got activation, dense");
  });

  it("asks for a loss of one's own, whatever its name", () => {
    for (const name of ["huber", "squared"]) {
      const loss: PointwiseLoss = {
        kind: "pointwise",
        name,
        value: (s, y) => Math.abs(s - y),
        gradient: (s, y) => Math.sign(s - y),
      };
      const model = new NFM({ loss, numFeatures: 4 });
      expect(() => NFM.load(model.save())).toThrow(
        `load: config: the model was trained with a loss of its own ("${name}"); pass it as load(bytes, { loss })`,
      );
      expect(NFM.load(model.save(), { loss }).save()).toEqual(model.save());
    }
  });

  it("keeps a hashing or scaling encoder", async () => {
    for (const encoder of [
      new FeatureEncoder({ hashBits: 8 }),
      new FeatureEncoder({ numbers: "standard", minCount: 2 }),
    ]) {
      const model = new NFM({ embeddingDim: 2, hiddenUnits: [], encoder });
      await model.fit(maps, labels, { epochs: 1 });
      expect(NFM.load(model.save()).predict(maps)).toEqual(model.predict(maps));
    }
  });
});

it("the saved optimizer is dropped with an optimizer of another name, and kept with one of the same", () => {
  const same = NFM.load(trained.save({ optimizer: true }), {
    optimizer: new Adagrad({ learningRate: 0.001 }),
  });
  expect(Object.keys(split(same.save({ optimizer: true })).header)).toContain("optimizer.bias");
  expect(split(same.save({ optimizer: true })).data).toEqual(split(trained.save({ optimizer: true })).data);
  const other = NFM.load(trained.save({ optimizer: true }), { optimizer: new SGD() });
  expect(other.save()).not.toEqual(trained.save());
  expect(split(other.save()).data).toEqual(split(trained.save()).data);
});

describe("load", () => {
  const file = trained.save();
  const expected = trained.predict(maps);

  it("takes a file as bytes, as a buffer or as a view, also from another frame and from shared memory", () => {
    const spacious = new Uint8Array(file.length + 24);
    spacious.set(file, 11);
    const shared = new SharedArrayBuffer(file.length);
    new Uint8Array(shared).set(file);
    const foreign = runInNewContext("Uint8Array.from(numbers)", { numbers: [...file] }) as Uint8Array;
    expect(foreign).not.toBeInstanceOf(Uint8Array);
    const forms: ModelBytes[] = [
      file,
      Buffer.from(file),
      spacious.subarray(11, 11 + file.length),
      new DataView(spacious.buffer, 11, file.length),
      spacious.buffer.slice(11, 11 + file.length),
      shared,
      new Uint8Array(shared),
      foreign,
      foreign.buffer,
    ];
    for (const form of forms) {
      for (const kind of [NFM, Predictor]) expect(kind.load(form).predict(maps)).toEqual(expected);
    }
  });

  /** Writes a file as `safetensors.torch.save_file` does: by falling alignment, then by name. */
  function fromTorch(counters: Record<string, bigint>): Uint8Array {
    const { header, data } = split(trained.save({ optimizer: true }));
    const { __metadata__, ...floats } = header;
    const names = Object.keys(counters).sort();
    const start = names.length * 8;
    const entries = [
      ...names.map((name, i) => [name, { dtype: "I64", shape: [], data_offsets: [i * 8, i * 8 + 8] }]),
      ...Object.entries(floats).map(([name, { data_offsets, ...rest }]) => {
        return [name, { ...rest, data_offsets: data_offsets.map((offset) => offset + start) }];
      }),
    ] as [string, unknown][];
    const json = Buffer.from(JSON.stringify({ __metadata__, ...Object.fromEntries(entries) }));
    const [length, integers] = [Buffer.alloc(8), Buffer.alloc(start)];
    length.writeBigUInt64LE(BigInt(json.length));
    names.forEach((name, i) => void integers.writeBigInt64LE(counters[name], i * 8));
    return Buffer.concat([length, json, integers, data]);
  }

  it("ignores the counters of steps in a state_dict of PyTorch, whatever they count", async () => {
    const counters = {
      "norms.0.num_batches_tracked": 0n,
      "norms.1.num_batches_tracked": -1n,
      "norms.2.num_batches_tracked": 2n ** 62n,
    };
    const bytes = fromTorch(counters);
    expect(bytes.length).toBeGreaterThan(trained.save({ optimizer: true }).length + 24);
    expect(Predictor.load(bytes).predict(maps)).toEqual(expected);
    expect((await Predictor.loadStream([bytes])).predict(maps)).toEqual(expected);
    const model = NFM.load(bytes);
    expect(model.save({ optimizer: true })).toEqual(trained.save({ optimizer: true }));
  });

  it("refuses a counter of a batch norm that the model does not have", () => {
    for (const name of [
      "norms.3.num_batches_tracked",
      "hidden.0.num_batches_tracked",
      "num_batches_tracked",
    ]) {
      for (const kind of [NFM, Predictor]) {
        expect(() => kind.load(fromTorch({ [name]: 7n }))).toThrow(`load: tensor "${name}" `);
      }
    }
  });
});
