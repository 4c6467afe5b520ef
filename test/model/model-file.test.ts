// The model file: what it holds, that it comes back unchanged, and that every malformation has its own message.

import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import {
  Activation,
  Adagrad,
  Dense,
  FeatureEncoder,
  type FeatureMap,
  type Layer,
  NFM,
  type PointwiseLoss,
  SGD,
} from "../../src/index.ts";
import { Predictor } from "../../src/predict.ts";

interface Entry {
  dtype: string;
  shape: number[];
  data_offsets: number[];
}
type Header = Record<string, Entry> & { __metadata__: Record<string, string> };

/** An independent reader and writer of the format, to look into files and to break them. */
function split(bytes: Uint8Array): { header: Header; data: Uint8Array } {
  const length = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true));
  return {
    header: JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + length))) as Header,
    data: bytes.subarray(8 + length),
  };
}

function join(header: unknown, data: Uint8Array): Uint8Array {
  const json =
    typeof header === "string"
      ? new TextEncoder().encode(header)
      : new TextEncoder().encode(JSON.stringify(header));
  const bytes = new Uint8Array(8 + json.length + data.length);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(json.length), true);
  bytes.set(json, 8);
  bytes.set(data, 8 + json.length);
  return bytes;
}

/** The file after a change to its header or data. */
function broken(bytes: Uint8Array, change: (header: Header, data: Uint8Array) => void): Uint8Array {
  const { header, data } = split(bytes);
  const copy = data.slice();
  change(header, copy);
  return join(header, copy);
}

const maps: FeatureMap[] = Array.from({ length: 40 }, (_, i) => ({
  user: `u${i % 7}`,
  item: `i${i % 5}`,
  tags: [`t${i % 3}`, "all"],
  hour: i % 24,
}));
const labels = maps.map((_, i) => (i % 3 === 0 ? 1 : 0));
const options = { embeddingDim: 6, hiddenUnits: [5, 3], loss: "log", seed: 3 } as const;
const trained = new NFM(options);
await trained.fit(maps, labels, { epochs: 2, batchSize: 8 });

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
      dropout: { biInteraction: 0.5, hidden: 0.2 },
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
      new FeatureEncoder({ scale: "standard", minCount: 2 }),
    ]) {
      const model = new NFM({ embeddingDim: 2, hiddenUnits: [], encoder });
      await model.fit(maps, labels, { epochs: 1 });
      expect(NFM.load(model.save()).predict(maps)).toEqual(model.predict(maps));
    }
  });
});

describe("a file that is not sound is refused, with its own message:", () => {
  const good = trained.save({ optimizer: true });
  const config = (change: (config: Record<string, unknown>) => void) => (header: Header) => {
    const json = JSON.parse(header.__metadata__.config) as Record<string, unknown>;
    change(json);
    header.__metadata__.config = JSON.stringify(json);
  };
  const cases: [name: string, bytes: unknown, message: string][] = [
    ["no bytes", "abc", 'load: bytes must be a Uint8Array, got "abc"'],
    ["too short", good.subarray(0, 5), "load: a safetensors file has at least 8 bytes, got 5"],
    ["a header length beyond the file", good.subarray(0, 100), "load: the header should have"],
    [
      "a gigantic header length",
      Uint8Array.of(255, 255, 255, 255, 255, 255, 255, 255, 0),
      "load: the header should have 18446744073709552000 bytes",
    ],
    ["a header that is no JSON", join("{oops", new Uint8Array()), "load: the header is not JSON in UTF-8"],
    [
      "a header that is no object",
      join("[]", new Uint8Array()),
      "load: the header must be a JSON object, got array of 0",
    ],
    ["cut data", good.subarray(0, good.length - 4), "it is cut off"],
    [
      "data left over",
      join(split(good).header, new Uint8Array([...split(good).data, 0, 0, 0, 0])),
      "load: the tensors end at offset",
    ],
    [
      "another dtype",
      broken(good, (h) => {
        h.bias.dtype = "F64";
      }),
      'load: tensor "bias" must have dtype "F32", got "F64"',
    ],
    [
      "a bad shape",
      broken(good, (h) => {
        h.bias.shape = [-1];
      }),
      'load: the shape of tensor "bias" must be an array of sizes, got [-1]',
    ],
    [
      "a shape that does not fit its bytes",
      broken(good, (h) => {
        h.bias.shape = [2];
      }),
      'load: tensor "bias" of shape [2] must have 8 bytes, got offsets 0 to 4',
    ],
    [
      "bad offsets",
      broken(good, (h) => {
        h.bias.data_offsets = [0];
      }),
      'load: data_offsets of tensor "bias" must be [start, end], got [0]',
    ],
    [
      "overlapping tensors",
      broken(good, (h) => {
        h["linear.weight"].data_offsets = h["linear.weight"].data_offsets.map((o) => o - 4);
      }),
      "must start at offset 4, where the one before it ends, got 0",
    ],
    [
      "metadata that is no text",
      broken(good, (h) => {
        h.__metadata__.format = 7 as unknown as string;
      }),
      "load: __metadata__.format must be a string, got 7",
    ],
    [
      "another format",
      broken(good, (h) => {
        h.__metadata__.format = "pt";
      }),
      'load: __metadata__.format must be "nfm", got "pt"; the file holds no NFM model',
    ],
    [
      "another version",
      broken(good, (h) => {
        h.__metadata__.version = "2";
      }),
      'load: __metadata__.version must be "1", got "2"',
    ],
    [
      "no configuration",
      broken(good, (h) => {
        delete h.__metadata__.config;
      }),
      "load: __metadata__.config is missing",
    ],
    [
      "a configuration that is no JSON",
      broken(good, (h) => {
        h.__metadata__.config = "{";
      }),
      "load: __metadata__.config is not JSON",
    ],
    [
      "an unknown key in it",
      broken(
        good,
        config((c) => {
          c.units = 3;
        }),
      ),
      'load: config has no option "units"',
    ],
    [
      "a bad value in it",
      broken(
        good,
        config((c) => {
          c.embeddingDim = 0;
        }),
      ),
      "load: config: embeddingDim must be an integer from 1 to 65536, got 0",
    ],
    [
      "no number of features in it",
      broken(
        good,
        config((c) => {
          delete c.numFeatures;
        }),
      ),
      "load: config: numFeatures must be an integer, got undefined",
    ],
    [
      "a gigantic number of features",
      broken(
        good,
        config((c) => {
          c.numFeatures = 4e9;
        }),
      ),
      'load: tensor "linear.weight" must have shape [4000000000, 1] by its config',
    ],
    [
      "an unknown optimizer",
      broken(
        good,
        config((c) => {
          c.optimizer = { name: "adam" };
        }),
      ),
      'load: config: optimizer: the model was trained with an optimizer of its own ("adam")',
    ],
    [
      "a bad optimizer",
      broken(
        good,
        config((c) => {
          c.optimizer = { name: "adagrad", learningRate: -1 };
        }),
      ),
      "Adagrad: learningRate must be a number of at least 0, got -1",
    ],
    [
      "an encoder that is no JSON",
      broken(good, (h) => {
        h.__metadata__.encoder = "?";
      }),
      "load: __metadata__.encoder is not JSON",
    ],
    [
      "an encoder larger than the model",
      broken(good, (h) => {
        const encoder = JSON.parse(h.__metadata__.encoder) as { names: string[] };
        encoder.names.push("x=1");
        h.__metadata__.encoder = JSON.stringify(encoder);
      }),
      "load: config: numFeatures must be at least that of the encoder (18), got 17",
    ],
    [
      "a bad record of training",
      broken(good, (h) => {
        h.__metadata__.training = '{"labelRange":[1,0]}';
      }),
      "load: __metadata__.training.labelRange must be [min, max] or null, got [1,0]",
    ],
    [
      "a bad count in it",
      broken(good, (h) => {
        h.__metadata__.training = '{"labelRange":null,"steps":-1}';
      }),
      "load: __metadata__.training.steps must be an integer of at least 0, got -1",
    ],
    [
      "another shape than the configuration says",
      broken(
        good,
        config((c) => {
          c.hiddenUnits = [6, 3];
        }),
      ),
      'load: tensor "hidden.0.weight" must have shape [6, 6] by its config, got [5, 6]',
    ],
    [
      "a missing tensor",
      broken(
        good,
        config((c) => {
          c.hiddenUnits = [5, 3, 2];
        }),
      ),
      'load: tensor "hidden.2.weight" is missing; the file has bias',
    ],
    [
      "a tensor too many",
      broken(
        good,
        config((c) => {
          c.batchNorm = false;
        }),
      ),
      "does not belong to the model that its config describes",
    ],
    [
      "a value that is not finite",
      broken(good, (h, data) => {
        new DataView(data.buffer).setFloat32(h["linear.weight"].data_offsets[0] + 8, NaN, true);
      }),
      'load: tensor "linear.weight"[2] must be finite, got NaN',
    ],
    [
      "a negative variance",
      broken(good, (h, data) => {
        new DataView(data.buffer).setFloat32(h["norms.1.running_var"].data_offsets[0] + 4, -1, true);
      }),
      'load: tensor "norms.1.running_var"[1] must be a variance of at least 0, got -1',
    ],
    [
      "a sum of squares that is not positive",
      broken(good, (h, data) => {
        new DataView(data.buffer).setFloat32(h["optimizer.linear.weight"].data_offsets[0], 0, true);
      }),
      'load: tensor "optimizer.linear.weight"[0] must be a sum of squares above 0, got 0',
    ],
    [
      "an optimizer's tensor missing",
      broken(good, (h) => {
        h["optimizer.bogus"] = h["optimizer.bias"];
        delete (h as Partial<Header>)["optimizer.bias"];
      }),
      'load: tensor "optimizer.bias" is missing',
    ],
  ];

  /** What only training looks at: a predictor reads the file all the same. */
  const OF_TRAINING = [
    "an unknown optimizer",
    "a bad optimizer",
    "a bad record of training",
    "a bad count in it",
    "a sum of squares that is not positive",
  ];

  function errorOf(load: () => unknown): Error {
    try {
      load();
    } catch (error) {
      return error as Error;
    }
    return expect.fail("it was read");
  }

  it.each(cases)("%s", (name, bytes, message) => {
    const thrown = errorOf(() => NFM.load(bytes as Uint8Array));
    expect(thrown.message).toContain(message);
    if (OF_TRAINING.includes(name)) {
      expect(Predictor.load(bytes as Uint8Array).predict(maps)).toEqual(trained.predict(maps));
      return;
    }
    const other = errorOf(() => Predictor.load(bytes as Uint8Array));
    expect([other.constructor, other.message]).toEqual([thrown.constructor, thrown.message]);
  });

  it("and any single corrupted byte of the header is refused or read as a model, never as anything else", () => {
    const { header } = split(good);
    const length = JSON.stringify(header).length;
    for (let at = 0; at < 8 + length; at += 7) {
      const bytes = good.slice();
      bytes[at] ^= 0x15;
      for (const kind of [NFM, Predictor]) {
        try {
          expect(kind.load(bytes)).toBeInstanceOf(kind);
        } catch (error) {
          expect((error as Error).message, `byte ${at}`).toMatch(
            /^(load|Adagrad|SGD|FeatureEncoder|Dropout|Dense)/,
          );
        }
      }
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
