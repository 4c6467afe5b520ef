// Files that are not sound are refused with a message of their own, by NFM and by Predictor.

import { describe, expect, it } from "vitest";
import { NFM } from "../../src/index.ts";
import { Predictor } from "../../src/predict.ts";
import { type Header, maps, split, trained } from "../helpers/model-files.ts";

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

describe("a file that is not sound is refused, with its own message:", () => {
  const good = trained.save({ optimizer: true });
  const config = (change: (config: Record<string, unknown>) => void) => (header: Header) => {
    const json = JSON.parse(header.__metadata__.config) as Record<string, unknown>;
    change(json);
    header.__metadata__.config = JSON.stringify(json);
  };
  const cases: [name: string, bytes: unknown, message: string][] = [
    [
      "a path",
      "model.safetensors",
      'load: bytes must be a Uint8Array, an ArrayBuffer or a DataView, got "model.safetensors"; if this is a path, read the file first: load(await readFile(path))',
    ],
    [
      "a promise",
      Promise.resolve(good),
      "or a DataView, got a Promise (await it), as in load(await readFile(path))",
    ],
    ["a Blob", new Blob([]), "or a DataView, got Blob; pass await x.arrayBuffer() of it"],
    ["a Response", new Response(), "or a DataView, got Response; pass await x.arrayBuffer() of it"],
    ["nothing", undefined, "or a DataView, got undefined"],
    ["numbers that are no bytes", new Float32Array(9), "or a DataView, got Float32Array of 9"],
    ["an empty buffer", new ArrayBuffer(0), "load: a safetensors file has at least 8 bytes, got 0"],
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
      "a tensor of integers, even 0 of them",
      broken(good, (h) => {
        h.__counter = { dtype: "I64", shape: [0], data_offsets: [0, 0] };
      }),
      'load: tensor "__counter" must have dtype "F32", got "I64"',
    ],
    [
      "a counter of steps that is no scalar",
      broken(good, (h) => {
        h["norms.0.num_batches_tracked"] = { dtype: "I64", shape: [0], data_offsets: [0, 0] };
      }),
      'load: tensor "norms.0.num_batches_tracked" must have dtype "F32", got "I64"',
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
      `load: config: numFeatures must be at least that of the encoder (${trained.numFeatures + 1}), got ${trained.numFeatures}`,
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

  /** What a stream says whose size is not known in advance. */
  const OF_STREAM: Readonly<Record<string, string>> = {
    "too short": "load: the file ends after 5 bytes; it is cut off",
    "a header length beyond the file": "load: the file ends after 100 bytes; it is cut off",
    "a gigantic header length": "bytes, but the format allows 100000000; it is cut off",
    "cut data": "it is cut off",
    "data left over": "bytes, but the file has more",
  };

  it.each(
    cases.filter(([, bytes]) => bytes instanceof Uint8Array),
  )("%s, also in a stream", async (name, bytes, message) => {
    const file = bytes as Uint8Array;
    const read = async (kind: typeof NFM | typeof Predictor): Promise<unknown> =>
      kind.loadStream([file.subarray(0, 3), file.subarray(3, 50), new Uint8Array(0), file.subarray(50)]);
    const expected = OF_STREAM[name] ?? message;
    await expect(read(NFM)).rejects.toThrow(expected);
    if (OF_TRAINING.includes(name))
      expect(((await read(Predictor)) as Predictor).predict(maps)).toBeDefined();
    else await expect(read(Predictor)).rejects.toThrow(expected);
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
