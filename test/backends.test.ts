// WebAssembly SIMD computes the same bits as the plain kernels: every kernel on every size, whole trainings, and files.
// NaN counts as equal to NaN, whatever its payload; everything else, the sign of zero included, must be identical.

import { afterEach, describe, expect, it, vi } from "vitest";
import { Adagrad, CSRMatrix, NFM, SGD, type NFMOptions } from "../src/index.ts";
import { randomKey } from "../src/core/random.ts";
import { allocateTogether, asIntegers, type Allocate, type Tensor } from "../src/core/tensor.ts";
import { Batch } from "../src/data/batches.ts";
import { chooseBackend } from "../src/kernels/backend.ts";
import { jsBackend } from "../src/kernels/js.ts";
import type { Kernels } from "../src/kernels/kernels.ts";
import { emitModule, wasmBackend } from "../src/kernels/wasm.ts";

const SIZES = [...Array.from({ length: 33 }, (_, i) => i + 1), 64, 100, 128, 256];
const SPECIAL = [0, -0, 1, -1, 1e-40, -1e-45, 3e38, -3e38, 1e-20, 12345.678, -0.5];

/** Numbers by a linear congruence: mostly moderate, now and then one of the special ones. */
function numbers(seed: number, wild: boolean): () => number {
  let state = seed * 2654435761;
  const next = (): number => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 4294967296;
  return () => (next() < (wild ? 0.3 : 0.1) ? (wild ? SPECIAL[Math.floor(next() * SPECIAL.length)] : 0) : (next() - 0.5) * 4);
}

type Tensors = Record<string, Tensor>;

function fill(x: Tensor, next: () => number): Tensor {
  for (let i = 0; i < x.rows; i++) for (let j = 0; j < x.cols; j++) x.data[i * x.stride + j] = next();
  return x;
}

/** Runs the same kernels on both backends, on tensors of the same contents, and compares all of them afterwards. */
function compare(build: (allocate: Allocate) => Tensors, run: (kernels: Kernels, tensors: Tensors, batch: Batch) => void, what: string, x?: CSRMatrix, wild: boolean = true): void {
  const [expected, actual] = [jsBackend, wasmBackend].map((backend) => {
    let kernels!: Kernels;
    const { tensors, batch } = allocateTogether(
      (allocate) => ({ tensors: build(allocate), batch: new Batch(x?.rows ?? 1, x?.nnz ?? 1, x?.cols ?? 1, allocate) }),
      (bytes) => {
        const created = backend.create(bytes);
        kernels = created.kernels;
        return created;
      },
    );
    const next = numbers(7, wild);
    for (const tensor of Object.values(tensors)) fill(tensor, next);
    if (x) {
      batch.append(x, null, 0, x.rows);
      batch.indexFeatures();
    }
    run(kernels, tensors, batch);
    return tensors;
  });
  for (const [name, tensor] of Object.entries(expected)) expectSameBits(actual[name], tensor, `${what}: ${name}`);
}

function expectSameBits(actual: Tensor, expected: Tensor, what: string): void {
  const [a, b] = [asIntegers(actual), asIntegers(expected)];
  for (let i = 0; i < expected.rows; i++) {
    for (let j = 0; j < expected.cols; j++) {
      const at = i * expected.stride + j;
      if (a[at] !== b[at] && !(Number.isNaN(actual.data[at]) && Number.isNaN(expected.data[at]))) {
        throw new Error(`${what}[${i}, ${j}]: ${actual.data[at]} instead of ${expected.data[at]}`);
      }
    }
  }
}

/** Ragged rows: empty, of one feature, long; with values and without. */
function sparse(binary: boolean, cols: number = 40): CSRMatrix {
  const next = numbers(3, false);
  const rows = Array.from({ length: 13 }, (_, i) => {
    const indices = [...new Set(Array.from({ length: [0, 1, 5, 10, 23][i % 5] }, () => Math.floor(Math.abs(next()) * cols) % cols))];
    return { indices, values: indices.map(() => (binary ? 1 : next())) };
  });
  return CSRMatrix.fromRows(rows, cols);
}

describe.each(SIZES)("with %i columns", (k) => {
  it("linear term and Bi-Interaction", () => {
    for (const binary of [true, false]) {
      for (const wild of [true, false]) {
        const x = sparse(binary);
        compare(
          (allocate) => ({
            v: allocate(40, k), w: allocate(40, 1, 1), sums: allocate(13, k), pooled: allocate(13, k), linear: allocate(13, 1, 1),
            dScores: allocate(13, 1, 1), dw: allocate(40, 1, 1), dPooled: allocate(13, k), dV: allocate(40, k),
          }),
          (kernels, t, batch) => {
            kernels.linearForward(batch, t.w, t.linear, 0, 13);
            kernels.linearBackward(batch, t.dScores, t.dw);
            kernels.biInteractionForward(batch, t.v, t.sums, t.pooled, 0, 5);
            kernels.biInteractionForward(batch, t.v, t.sums, t.pooled, 5, 13);
            const half = 4 * Math.floor(k / 8);
            kernels.biInteractionBackward(batch, t.v, t.sums, t.dPooled, t.dV, 0, half);
            kernels.biInteractionBackward(batch, t.v, t.sums, t.dPooled, t.dV, half, k);
          },
          `binary ${binary}`, x, wild,
        );
      }
    }
  });

  it("linear term and Bi-Interaction in a context", () => {
    for (const binary of [true, false]) {
      for (const wild of [true, false]) {
        compare(
          (allocate) => ({
            v: allocate(40, k), w: allocate(40, 1, 1), contextLinear: allocate(1, 1), contextSums: allocate(1, k), contextSquares: allocate(1, k),
            linear: allocate(13, 1, 1), sums: allocate(13, k), pooled: allocate(13, k), linear2: allocate(13, 1, 1), sums2: allocate(13, k), pooled2: allocate(13, k),
          }),
          (kernels, t, batch) => {
            batch.context = { linear: t.contextLinear, sums: t.contextSums, squares: t.contextSquares };
            kernels.linearForward(batch, t.w, t.linear, 0, 4);
            kernels.linearForward(batch, t.w, t.linear, 4, 13);
            kernels.biInteractionForward(batch, t.v, t.sums, t.pooled, 0, 5);
            kernels.biInteractionForward(batch, t.v, t.sums, t.pooled, 5, 13);
            for (const [context, start] of [[t.contextLinear, -0], [t.contextSums, Infinity], [t.contextSquares, NaN]] as const) context.data[0] = start;
            kernels.linearForward(batch, t.w, t.linear2, 0, 13);
            kernels.biInteractionForward(batch, t.v, t.sums2, t.pooled2, 0, 13);
          },
          `binary ${binary}, wild ${wild}`, sparse(binary), wild,
        );
      }
    }
  });

  it("matrix products", () => {
    for (const [m, depth] of [[1, 1], [2, 7], [3, 64], [4, 5], [7, 33], [13, 16], [150, 3], [257, 2]]) {
      compare(
        (allocate) => ({ c: allocate(m, k), d: allocate(m, k), a: allocate(m, depth), b: allocate(depth, k), bias: allocate(1, k), e: allocate(depth, k), g: allocate(m, k), t: allocate(k, depth) }),
        (kernels, t) => {
          kernels.matmul(t.c, t.a, t.b, t.bias, 0, m);
          kernels.matmul(t.d, t.a, t.b, null, 0, m >> 1);
          kernels.matmul(t.d, t.a, t.b, null, m >> 1, m);
          kernels.matmulTransposed(t.e, t.a, t.g, m, 0, depth >> 1);
          kernels.matmulTransposed(t.e, t.a, t.g, m, depth >> 1, depth);
          kernels.transpose(t.t, t.b);
        },
        `${m} x ${depth} x ${k}`,
      );
    }
  });

  it("batch norm, column sums, activations, dropout, score", () => {
    for (const rows of [1, 2, 9]) {
      for (const wild of [true, false]) {
        compare(
          (allocate) => {
            const names = ["x", "y", "z", "dX", "dY", "relu", "dRelu", "tanh", "dTanh", "sigmoid", "dSigmoid", "dropped", "mask", "product", "scored"];
            const vectors = ["scale", "shift", "runningMean", "mean", "inverseStd", "mean2", "inverseStd2", "dScale", "dShift", "sums", "h"];
            return {
              ...Object.fromEntries(names.map((name) => [name, allocate(rows, k)])), ...Object.fromEntries(vectors.map((name) => [name, allocate(1, k)])),
              runningVariance: allocate(1, k), scores: allocate(rows, 1, 1), linear: allocate(rows, 1, 1), bias: allocate(1, 1), biasSum: allocate(1, 1),
            };
          },
          (kernels, t) => {
            for (let j = 0; j < k; j++) t.runningVariance.data[j] = Math.abs(t.runningVariance.data[j]);
            const norm = { scale: t.scale, shift: t.shift, runningMean: t.runningMean, runningVariance: t.runningVariance, mean: t.mean, inverseStd: t.inverseStd };
            kernels.batchNormForward(t.y, t.x, norm, rows, 1e-3, 0.1, true, 0, k);
            kernels.batchNormBackward(t.dX, t.dScale, t.dShift, t.x, t.dY, norm, rows, 0, k);
            kernels.batchNormForward(t.z, t.x, { ...norm, mean: t.mean2, inverseStd: t.inverseStd2 }, rows, 1e-3, 0.1, false, 0, k);
            kernels.columnSums(t.sums, t.x, rows, 0, k);
            kernels.columnSums(t.biasSum, t.linear, rows, 0, 1);
            for (const [name, out, gradient] of [["relu", t.relu, t.dRelu], ["tanh", t.tanh, t.dTanh], ["sigmoid", t.sigmoid, t.dSigmoid]] as const) {
              kernels.activationForward(name, out, t.x, 0, rows);
              kernels.activationBackward(name, gradient, out, t.dY, 0, rows);
            }
            kernels.dropoutForward(t.dropped, t.mask, t.x, randomKey(5, 3, rows, k), 0.3, 0, rows >> 1);
            kernels.dropoutForward(t.dropped, t.mask, t.x, randomKey(5, 3, rows, k), 0.3, rows >> 1, rows);
            kernels.multiply(t.product, t.x, t.dY, 0, rows);
            kernels.scoreForward(t.scores, t.bias, t.linear, t.x, t.h, 0, rows);
            kernels.scoreBackward(t.scored, t.scores, t.h, 0, rows);
          },
          `${rows} rows`, undefined, wild,
        );
      }
    }
  });

  it("optimizers", () => {
    for (const l2 of [0, 0.1]) {
      compare(
        (allocate) => ({ theta: allocate(9, k), state: allocate(9, k), gradient: allocate(5, k), w: allocate(9, 1, 1), wState: allocate(9, 1, 1), dw: allocate(5, 1, 1), rows: allocate(1, 5) }),
        (kernels, t) => {
          for (const state of [t.state, t.wState]) for (let i = 0; i < state.data.length; i++) state.data[i] = Math.abs(state.data[i]) + 1e-8;
          const rows = asIntegers(t.rows);
          rows.set([7, 0, 8, 3, 4]);
          kernels.adagrad({ theta: t.theta, state: t.state, gradient: t.gradient, rows, count: 5, l2 }, 0.05);
          kernels.adagrad({ theta: t.theta, state: t.state, gradient: t.gradient, rows: null, count: 5, l2 }, 0.05);
          kernels.adagrad({ theta: t.w, state: t.wState, gradient: t.dw, rows, count: 5, l2 }, 0.05);
          kernels.sgd({ theta: t.theta, state: t.state, gradient: t.gradient, rows, count: 5, l2 }, 0.05, 0.9);
          kernels.sgd({ theta: t.theta, state: null, gradient: t.gradient, rows, count: 5, l2 }, 0.05, 0);
        },
        `l2 ${l2}`,
      );
    }
  });
});

describe("a whole training", () => {
  const x = CSRMatrix.fromRows(Array.from({ length: 700 }, (_, i) => ({
    indices: Array.from({ length: 1 + (i % 9) }, (_, p) => 30 * p + ((i * (7 + 3 * p)) % 29)), values: i % 4 === 0 ? Array.from({ length: 1 + (i % 9) }, (_, p) => (p - 3.5) / 2) : undefined,
  })), 300);
  const y = Array.from({ length: 700 }, (_, i) => ((i * 31) % 17) / 8 - 1);

  const cases: NFMOptions[] = [
    { embeddingDim: 64, hiddenUnits: [64] },
    { embeddingDim: 5, hiddenUnits: [7, 3], activation: "tanh", l2: { embedding: 1e-3, linear: 1e-3, hidden: 1e-3 } },
    { embeddingDim: 10, hiddenUnits: [6], activation: "sigmoid", optimizer: new SGD({ learningRate: 0.01, momentum: 0.9 }) },
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
      const model = new NFM({ numFeatures: 2, embeddingDim: 3, hiddenUnits: [3], batchNorm: false, dropout: { hidden: 0 }, initStd: 1, backend });
      const huge = model.predict({ indices: [0, 1], values: [1e19, 1e19] });
      expect(() => model.partialFit([{ indices: [0, 1], values: [1e19, 1e19] }], [1])).toThrow("nothing has changed");
      return [huge, model.predict({ indices: [0] }), ...model.predict([{ indices: [0, 1] }, { indices: [1] }])];
    });
    expect(scores[1]).toEqual(scores[0]);
    expect(scores[1].slice(1).every(Number.isFinite)).toBe(true);
  });

  it("and tensors of one's own are refused by the SIMD kernels rather than read from the wrong place", () => {
    const own: Tensor = { data: new Float32Array(32), rows: 8, cols: 4, stride: 4 };
    const model = new NFM({
      numFeatures: 4, embeddingDim: 4, backend: "wasm",
      layers: [{ type: "own", shape: (outputDim) => ({ outputDim }), backward: () => undefined, forward: ({ kernels, x, rows }) => kernels.multiply(own, x, x, 0, rows) }],
    });
    const before = model.save();
    expect(() => model.predict([{ indices: [0, 1] }])).toThrow("kernels take the tensors of the pass or update alone");
    expect(model.save()).toEqual(before);
  });
});

describe("choosing a backend", () => {
  it("takes WebAssembly where it runs", () => {
    expect(chooseBackend("auto").name).toBe("wasm");
    expect(chooseBackend("wasm")).toBe(wasmBackend);
    expect(chooseBackend("js")).toBe(jsBackend);
  });

  /** Imports a fresh copy of the library under another WebAssembly. */
  async function under(webAssembly: unknown): Promise<typeof import("../src/index.ts")> {
    vi.resetModules();
    vi.stubGlobal("WebAssembly", webAssembly);
    return import("../src/index.ts");
  }
  afterEach(() => vi.unstubAllGlobals());

  const engines: [what: string, webAssembly: unknown, message: string][] = [
    ["without WebAssembly", undefined, "this engine has no WebAssembly"],
    ["without SIMD", { Module: class { constructor() { throw new Error("invalid value type 'simd128'"); } } }, "invalid value type 'simd128'"],
    ["under a policy that forbids it", { Module: class { constructor() { throw new EvalError("violates the Content Security Policy"); } } }, "violates the Content Security Policy"],
  ];
  it.each(engines)("falls back in silence %s, and says why when WebAssembly was asked for", async (_, webAssembly, message) => {
    const library = await under(webAssembly);
    const model = new library.NFM({ numFeatures: 5 });
    expect(model.backend).toBe("js");
    model.partialFit([{ indices: [1, 2] }], [1]);
    expect(() => new library.NFM({ backend: "wasm" })).toThrow(`backend: "wasm" cannot run here (${message}); use "auto" or "js"`);
  });

  it("takes the plain kernels for a model that WebAssembly has no memory for, unless it was asked for", async () => {
    class NoMemory { constructor() { throw new RangeError("could not allocate memory"); } }
    const library = await under({ ...Object.fromEntries(Object.getOwnPropertyNames(WebAssembly).map((name) => [name, WebAssembly[name as "Module"]])), Memory: NoMemory });
    const model = new library.NFM({ numFeatures: 5 });
    model.partialFit([{ indices: [1, 2] }], [1]);
    expect(model.backend).toBe("js");
    const asked = new library.NFM({ numFeatures: 5, backend: "wasm" });
    expect(() => asked.partialFit([{ indices: [1, 2] }], [1])).toThrow(/^cannot allocate \d+ MiB for the model \(could not allocate memory\); use fewer features/);
  });

  it("says how much memory was needed when WebAssembly cannot address it", () => {
    expect(() => new NFM({ numFeatures: 40e6, embeddingDim: 64, backend: "wasm" }).predict({ 1: 1 })).toThrow(/cannot allocate \d+ MiB for the model \(WebAssembly can address 4096 MiB/);
  });

  it("adds a module of at most 24 kB, compiled in a few milliseconds", () => {
    expect(emitModule().length).toBeLessThan(24576);
    const start = performance.now();
    new WebAssembly.Module(emitModule());
    expect(performance.now() - start).toBeLessThan(200);
  });
});
