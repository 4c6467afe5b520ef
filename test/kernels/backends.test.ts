// WebAssembly SIMD computes the same bits as the plain kernels: every kernel on every size. NaN counts as
// equal to NaN, whatever its payload; everything else, the sign of zero included, must be identical.

import { describe, expect, it } from "vitest";
import { randomKey } from "../../src/core/random.ts";
import { asIntegers, type Tensor } from "../../src/core/tensor.ts";
import { forwardKernels } from "../../src/kernels/forward.ts";
import type { Kernels, SparseBatch } from "../../src/kernels/kernels.ts";
import { Memory } from "../../src/kernels/memory.ts";
import { trainingKernels } from "../../src/kernels/training.ts";
import { ModuleBuilder } from "../../src/kernels/wasm/assembler.ts";

const SIZES = [...Array.from({ length: 33 }, (_, i) => i + 1), 64, 100, 128, 256];
const SPECIAL = [0, -0, 1, -1, 1e-40, -1e-45, 3e38, -3e38, 1e-20, 12345.678, -0.5];

/** Numbers by a linear congruence: mostly moderate, now and then one of the special ones. */
function numbers(seed: number, wild: boolean): () => number {
  let state = seed * 2654435761;
  const next = (): number => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 4294967296;
  return () =>
    next() < (wild ? 0.3 : 0.1)
      ? wild
        ? SPECIAL[Math.floor(next() * SPECIAL.length)]
        : 0
      : (next() - 0.5) * 4;
}

type Tensors = Record<string, Tensor>;

function fill(x: Tensor, next: () => number): Tensor {
  for (let i = 0; i < x.rows; i++) for (let j = 0; j < x.cols; j++) x.data[i * x.stride + j] = next();
  return x;
}

type Allocate = (rows: number, cols: number, stride?: number) => Tensor;

interface Row {
  readonly indices: readonly number[];
  readonly values: readonly number[];
}

type Batch = { -readonly [K in keyof SparseBatch]: SparseBatch[K] };

const MEMORIES = (["js", "wasm"] as const).map((backend) => new Memory(backend));
for (const memory of MEMORIES) memory.addKernels(trainingKernels);

/**
 * Runs the same kernels on both backends, on tensors of the same contents, and compares all of them
 * afterwards.
 */
function compare(
  build: (allocate: Allocate) => Tensors,
  run: (kernels: Kernels, tensors: Tensors, batch: Batch) => void,
  what: string,
  rows: readonly Row[] = [],
  binary: boolean = true,
  wild: boolean = true,
): void {
  const [expected, actual] = MEMORIES.map((origin) => {
    const memory = origin.fork();
    const kernels = memory.addKernels(trainingKernels);
    const tensors = build((rows, cols, stride) => memory.allocate(rows, cols, { stride }));
    const indices = rows.flatMap((row) => row.indices);
    const touched = [...new Set(indices)];
    const indptr0 = rows.reduce(
      (starts, row) => [...starts, starts[starts.length - 1] + row.indices.length],
      [0],
    );
    const contents = [indptr0, indices, touched, indices.map((index) => touched.indexOf(index))];
    const integers = contents.map(({ length }) => memory.allocateIntegers(length));
    const values = memory.allocate(1, indices.length);
    memory.commit();
    const next = numbers(7, wild);
    for (const tensor of Object.values(tensors)) fill(tensor, next);
    contents.forEach((content, i) => integers[i].data.set(content));
    values.data.set(rows.flatMap((row) => row.values));
    const [indptr, index, features, slots] = integers.map(({ data }) => data);
    run(kernels, tensors, {
      rows: rows.length,
      indptr,
      indices: index,
      values: binary ? null : values.data,
      touched: features,
      touchedCount: touched.length,
      slots,
      context: null,
    });
    return tensors;
  });
  for (const [name, tensor] of Object.entries(expected))
    expectSameBits(actual[name], tensor, `${what}: ${name}`);
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

/** Ragged rows: empty, of one feature, long. */
function sparse(cols: number = 40): Row[] {
  const next = numbers(3, false);
  return Array.from({ length: 13 }, (_, i) => {
    const indices = [
      ...new Set(
        Array.from({ length: [0, 1, 5, 10, 23][i % 5] }, () => Math.floor(Math.abs(next()) * cols) % cols),
      ),
    ];
    return { indices, values: indices.map(() => next()) };
  });
}

describe.each(SIZES)("with %i columns", (k) => {
  it("linear term and Bi-Interaction", () => {
    for (const binary of [true, false]) {
      for (const wild of [true, false]) {
        compare(
          (allocate) => ({
            v: allocate(40, k),
            w: allocate(40, 1, 1),
            sums: allocate(13, k),
            pooled: allocate(13, k),
            squares: allocate(13, k),
            linear: allocate(13, 1, 1),
            dScores: allocate(13, 1, 1),
            dw: allocate(40, 1, 1),
            dPooled: allocate(13, k),
            dV: allocate(40, k),
            dParts: allocate(40, k),
          }),
          (kernels, t, batch) => {
            kernels.linearForward(batch, t.w, t.linear, 0, 13);
            const half = batch.touchedCount >> 1;
            kernels.linearBackward(batch, t.dScores, t.dw, 0, half);
            kernels.linearBackward(batch, t.dScores, t.dw, half, batch.touchedCount);
            kernels.biInteractionForward(batch, t.v, t.sums, t.pooled, t.squares, 0, 5);
            kernels.biInteractionForward(batch, t.v, t.sums, t.pooled, null, 5, 13);
            kernels.biInteractionBackward(batch, t.v, t.sums, t.dPooled, t.dV, 0, half);
            kernels.biInteractionBackward(batch, t.v, t.sums, t.dPooled, t.dV, half, batch.touchedCount);
            kernels.partsBackward(batch, t.v, t.sums, t.dPooled, t.dParts, 0, half);
            kernels.partsBackward(batch, t.v, t.sums, t.dPooled, t.dParts, half, batch.touchedCount);
          },
          `binary ${binary}, wild ${wild}`,
          sparse(),
          binary,
          wild,
        );
      }
    }
  });

  it("linear term and Bi-Interaction in a context", () => {
    for (const binary of [true, false]) {
      for (const wild of [true, false]) {
        compare(
          (allocate) => ({
            v: allocate(40, k),
            w: allocate(40, 1, 1),
            contextLinear: allocate(1, 1),
            contextSums: allocate(1, k),
            contextSquares: allocate(1, k),
            linear: allocate(13, 1, 1),
            sums: allocate(13, k),
            pooled: allocate(13, k),
            squares: allocate(13, k),
            linear2: allocate(13, 1, 1),
            sums2: allocate(13, k),
            pooled2: allocate(13, k),
            squares2: allocate(13, k),
          }),
          (kernels, t, batch) => {
            batch.context = { linear: t.contextLinear, sums: t.contextSums, squares: t.contextSquares };
            kernels.linearForward(batch, t.w, t.linear, 0, 4);
            kernels.linearForward(batch, t.w, t.linear, 4, 13);
            kernels.biInteractionForward(batch, t.v, t.sums, t.pooled, t.squares, 0, 5);
            kernels.biInteractionForward(batch, t.v, t.sums, t.pooled, null, 5, 13);
            for (const [context, start] of [
              [t.contextLinear, -0],
              [t.contextSums, Infinity],
              [t.contextSquares, NaN],
            ] as const)
              context.data[0] = start;
            kernels.linearForward(batch, t.w, t.linear2, 0, 13);
            kernels.biInteractionForward(batch, t.v, t.sums2, t.pooled2, t.squares2, 0, 13);
          },
          `binary ${binary}, wild ${wild}`,
          sparse(),
          binary,
          wild,
        );
      }
    }
  });

  it("matrix products", () => {
    for (const [m, depth] of [
      [1, 1],
      [2, 7],
      [3, 64],
      [4, 5],
      [7, 33],
      [13, 16],
      [150, 3],
      [257, 2],
    ]) {
      compare(
        (allocate) => ({
          c: allocate(m, k),
          d: allocate(m, k),
          a: allocate(m, depth),
          b: allocate(depth, k),
          bias: allocate(1, k),
          e: allocate(depth, k),
          g: allocate(m, k),
          t: allocate(k, depth),
        }),
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
            const names = [
              "x",
              "y",
              "z",
              "dX",
              "dY",
              "relu",
              "dRelu",
              "tanh",
              "dTanh",
              "sigmoid",
              "dSigmoid",
              "dropped",
              "mask",
              "product",
              "scored",
            ];
            const vectors = [
              "scale",
              "shift",
              "runningMean",
              "mean",
              "inverseStd",
              "mean2",
              "inverseStd2",
              "dScale",
              "dShift",
              "sums",
              "h",
            ];
            return {
              ...Object.fromEntries(names.map((name) => [name, allocate(rows, k)])),
              ...Object.fromEntries(vectors.map((name) => [name, allocate(1, k)])),
              runningVariance: allocate(1, k),
              scores: allocate(rows, 1, 1),
              linear: allocate(rows, 1, 1),
              bias: allocate(1, 1),
              biasSum: allocate(1, 1),
            };
          },
          (kernels, t) => {
            for (let j = 0; j < k; j++) t.runningVariance.data[j] = Math.abs(t.runningVariance.data[j]);
            const norm = {
              scale: t.scale,
              shift: t.shift,
              runningMean: t.runningMean,
              runningVariance: t.runningVariance,
              mean: t.mean,
              inverseStd: t.inverseStd,
            };
            const half = 4 * Math.floor(k / 8);
            kernels.batchStatistics(t.x, norm, rows, 1e-3, 0.1, 0, half);
            kernels.batchStatistics(t.x, norm, rows, 1e-3, 0.1, half, k);
            kernels.normalize(t.y, t.x, norm, 0, rows >> 1);
            kernels.normalize(t.y, t.x, norm, rows >> 1, rows);
            kernels.batchNormBackward(t.dX, t.dScale, t.dShift, t.x, t.dY, norm, rows, 0, k);
            kernels.runningStatistics({ ...norm, mean: t.mean2, inverseStd: t.inverseStd2 }, 1e-3, 0, k);
            kernels.normalize(t.z, t.x, { ...norm, mean: t.mean2, inverseStd: t.inverseStd2 }, 0, rows);
            kernels.columnSums(t.sums, t.x, rows, 0, k);
            kernels.columnSums(t.biasSum, t.linear, rows, 0, 1);
            for (const [name, out, gradient] of [
              ["relu", t.relu, t.dRelu],
              ["tanh", t.tanh, t.dTanh],
              ["sigmoid", t.sigmoid, t.dSigmoid],
            ] as const) {
              kernels.activationForward(name, out, t.x, 0, rows);
              kernels.activationBackward(name, gradient, out, t.dY, 0, rows);
            }
            kernels.dropoutForward(t.dropped, t.mask, t.x, randomKey(5, 3, rows, k), 0.3, 0, rows >> 1);
            kernels.dropoutForward(t.dropped, t.mask, t.x, randomKey(5, 3, rows, k), 0.3, rows >> 1, rows);
            kernels.multiply(t.product, t.x, t.dY, 0, rows);
            kernels.scoreForward(t.scores, t.bias, t.linear, t.x, t.h, 0, rows);
            kernels.scoreBackward(t.scored, t.scores, t.h, 0, rows);
          },
          `${rows} rows, wild ${wild}`,
          [],
          true,
          wild,
        );
      }
    }
  });

  it("optimizers", () => {
    for (const l2 of [0, 0.1]) {
      compare(
        (allocate) => ({
          theta: allocate(9, k),
          state: allocate(9, k),
          gradient: allocate(5, k),
          w: allocate(9, 1, 1),
          wState: allocate(9, 1, 1),
          dw: allocate(5, 1, 1),
          rows: allocate(1, 5),
        }),
        (kernels, t) => {
          for (const state of [t.state, t.wState])
            for (let i = 0; i < state.data.length; i++) state.data[i] = Math.abs(state.data[i]) + 1e-8;
          const rows = asIntegers(t.rows);
          rows.set([7, 0, 8, 3, 4]);
          const named = { theta: t.theta, state: t.state, gradient: t.gradient, rows, count: 5, l2 };
          kernels.adagrad(named, 0.05, 0, 2);
          kernels.adagrad(named, 0.05, 2, 5);
          kernels.sgd(named, 0.05, 0.9, 0, 3);
          kernels.sgd(named, 0.05, 0.9, 3, 5);
          kernels.adagrad(
            { theta: t.theta, state: t.state, gradient: t.gradient, rows: null, count: 5, l2 },
            0.05,
          );
          kernels.adagrad({ theta: t.w, state: t.wState, gradient: t.dw, rows, count: 5, l2 }, 0.05);
          kernels.sgd(
            { theta: t.theta, state: t.state, gradient: t.gradient, rows, count: 5, l2 },
            0.05,
            0.9,
          );
          kernels.sgd({ theta: t.theta, state: null, gradient: t.gradient, rows, count: 5, l2 }, 0.05, 0);
        },
        `l2 ${l2}`,
      );
    }
  });
});

describe("the emitted modules", () => {
  const emitted = [forwardKernels, trainingKernels].map((set) => {
    const m = new ModuleBuilder();
    set.emit(m);
    return m.toBytes();
  });

  it("have together at most 24 kB", () => {
    expect(emitted[0].length + emitted[1].length).toBeLessThan(24576);
  });

  it("have a function for every kernel that is not computed by plain loops, and no other", () => {
    const names = emitted.flatMap((bytes) =>
      WebAssembly.Module.exports(new WebAssembly.Module(bytes)).map(({ name }) => name),
    );
    expect(new Set(names).size).toBe(names.length);
    const kernels = new Memory("wasm").addKernels(trainingKernels);
    const shared = ["matmulTransposed", "activationForward", "activationBackward", "name"];
    const parts = ["reluForward", "reluBackward", "tanhBackward", "sigmoidBackward", "momentum"];
    expect(names.sort()).toEqual(
      [...Object.keys(kernels).filter((name) => !shared.includes(name)), ...parts].sort(),
    );
  });
});
