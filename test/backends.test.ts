// WebAssembly SIMD computes the same bits as the plain kernels: whole trainings, and files.
// kernels/backends.test.ts compares kernel by kernel.

import { afterEach, describe, expect, it, vi } from "vitest";
import type { Tensor } from "../src/core/tensor.ts";
import { Adagrad, CSRMatrix, NFM, type NFMOptions, SGD } from "../src/index.ts";
import { ENGINES } from "./helpers/engines.ts";

describe("a whole training", () => {
  const x = CSRMatrix.fromRows(
    Array.from({ length: 700 }, (_, i) => ({
      indices: Array.from({ length: 1 + (i % 9) }, (_, p) => 30 * p + ((i * (7 + 3 * p)) % 29)),
      values: i % 4 === 0 ? Array.from({ length: 1 + (i % 9) }, (_, p) => (p - 3.5) / 2) : undefined,
    })),
    300,
  );
  const y = Array.from({ length: 700 }, (_, i) => ((i * 31) % 17) / 8 - 1);

  const cases: NFMOptions[] = [
    { embeddingDim: 64, hiddenUnits: [64] },
    {
      embeddingDim: 5,
      hiddenUnits: [7, 3],
      activation: "tanh",
      l2: { embedding: 1e-3, linear: 1e-3, hidden: 1e-3 },
    },
    {
      embeddingDim: 10,
      hiddenUnits: [6],
      activation: "sigmoid",
      optimizer: new SGD({ learningRate: 0.01, momentum: 0.9 }),
    },
    { embeddingDim: 33, hiddenUnits: [], optimizer: new Adagrad({ learningRate: 0.2 }) },
    { embeddingDim: 3, hiddenUnits: [17], batchNorm: false, dropout: { biInteraction: 0, hidden: 0.5 } },
  ];
  it.each(cases)("gives byte-identical files and predictions: %j", async (options) => {
    const [js, wasm] = (["js", "wasm"] as const).map((backend) => new NFM({ ...options, backend, seed: 9 }));
    for (const model of [js, wasm]) await model.fit(x, y, { epochs: 3, batchSize: 50, validation: 0.2 });
    expect([js.backend, wasm.backend]).toEqual(["js", "wasm"]);
    expect(wasm.save({ optimizer: true })).toEqual(js.save({ optimizer: true }));
    expect(wasm.predict(x)).toEqual(js.predict(x));
    expect(wasm.predict(x.row(5))).toBe(js.predict(x.row(5)));
    const crossed = NFM.load(js.save({ optimizer: true }), { backend: "wasm" });
    crossed.partialFit(x, y);
    js.partialFit(x, y);
    expect(crossed.save({ optimizer: true })).toEqual(js.save({ optimizer: true }));
  });
});

describe("infinities", () => {
  it("in the padding of a product never reach a score", () => {
    const scores = (["js", "wasm"] as const).map((backend) => {
      const model = new NFM({
        numFeatures: 2,
        embeddingDim: 3,
        hiddenUnits: [3],
        batchNorm: false,
        dropout: { hidden: 0 },
        initStd: 1,
        backend,
      });
      const huge = model.predict({ indices: [0, 1], values: [1e19, 1e19] });
      expect(() => model.partialFit([{ indices: [0, 1], values: [1e19, 1e19] }], [1])).toThrow(
        "nothing has changed",
      );
      return [
        huge,
        model.predict({ indices: [0] }),
        ...model.predict([{ indices: [0, 1] }, { indices: [1] }]),
      ];
    });
    expect(scores[1]).toEqual(scores[0]);
    expect(scores[1].slice(1).every(Number.isFinite)).toBe(true);
  });

  it("and tensors of one's own are refused by the SIMD kernels rather than read from the wrong place", () => {
    const own: Tensor = { data: new Float32Array(32), rows: 8, cols: 4, stride: 4 };
    const model = new NFM({
      numFeatures: 4,
      embeddingDim: 4,
      backend: "wasm",
      layers: [
        {
          type: "own",
          shape: (outputDim) => ({ outputDim }),
          backward: () => undefined,
          forward: ({ kernels, x, rows }) => kernels.multiply(own, x, x, 0, rows),
        },
      ],
    });
    const before = model.save();
    expect(() => model.predict([{ indices: [0, 1] }])).toThrow(
      "kernels take the tensors of the pass or update alone",
    );
    expect(model.save()).toEqual(before);
  });
});

describe("choosing a backend", () => {
  /** Imports a fresh copy of the library under another WebAssembly. */
  async function under(webAssembly: unknown): Promise<typeof import("../src/index.ts")> {
    vi.resetModules();
    vi.stubGlobal("WebAssembly", webAssembly);
    return import("../src/index.ts");
  }
  afterEach(() => vi.unstubAllGlobals());

  it.each(
    ENGINES,
  )("falls back in silence %s, and says why when WebAssembly was asked for", async (_, webAssembly, message) => {
    const library = await under(webAssembly);
    const model = new library.NFM({ numFeatures: 5 });
    expect(model.backend).toBe("js");
    model.partialFit([{ indices: [1, 2] }], [1]);
    expect(() => new library.NFM({ backend: "wasm" })).toThrow(
      `backend: "wasm" cannot run here (${message}); use "auto" or "js"`,
    );
  });

  it("takes the plain kernels for a model that WebAssembly has no memory for, unless it was asked for", async () => {
    class NoMemory {
      constructor() {
        throw new RangeError("could not allocate memory");
      }
    }
    const library = await under({
      ...Object.fromEntries(
        Object.getOwnPropertyNames(WebAssembly).map((name) => [name, WebAssembly[name as "Module"]]),
      ),
      Memory: NoMemory,
    });
    const model = new library.NFM({ numFeatures: 5 });
    model.partialFit([{ indices: [1, 2] }], [1]);
    expect(model.backend).toBe("js");
    const asked = new library.NFM({ numFeatures: 5, backend: "wasm" });
    expect(() => asked.partialFit([{ indices: [1, 2] }], [1])).toThrow(
      /^cannot allocate \d+ MiB for the model \(could not allocate memory\); use fewer features/,
    );
  });

  it("says how much memory was needed when WebAssembly cannot address it", () => {
    expect(() => new NFM({ numFeatures: 40e6, embeddingDim: 64, backend: "wasm" }).predict({ 1: 1 })).toThrow(
      /cannot allocate \d+ MiB for the model \(WebAssembly can address 4096 MiB/,
    );
  });
});
