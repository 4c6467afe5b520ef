// Every kernel, plain JavaScript beside WebAssembly SIMD, in turn in one run: microseconds per call, and
// GFLOP/s for the matrix products, GB/s (of what is read and written) for the rest. Usage: npm run bench --
// kernels [--k 64] [--batch 128]

import { parseArgs } from "node:util";
import type { Tensor } from "../src/core/tensor.ts";
import { forwardKernels } from "../src/kernels/forward.ts";
import type { Kernels, ListKernels, RandomKernels, SparseBatch } from "../src/kernels/kernels.ts";
import { listKernels } from "../src/kernels/lists.ts";
import { Memory } from "../src/kernels/memory.ts";
import { randomKernels } from "../src/kernels/random.ts";
import { trainingKernels } from "../src/kernels/training.ts";
import { compile } from "../src/kernels/wasm/space.ts";
import { Batch } from "../src/model/batch.ts";

const { values } = parseArgs({
  options: { k: { type: "string", default: "64" }, batch: { type: "string", default: "128" } },
});
const [K, B, N, NX] = [Number(values.k), Number(values.batch), 5382, 10];

let state = 1;
const random = (): number => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 4294967296;
/** Features of B rows, one behind the other. */
const indices = Array.from({ length: B * NX }, (_, i) => Math.floor(((i % NX) + random()) * 500));
const touched = [...new Set(indices)];
const nnz = indices.length;

/** The kernels of all sets. */
type AllKernels = Kernels & ListKernels & RandomKernels;

/** Each kernel with its call, and what it moves: floats of arithmetic or floats of memory. */
type Case = readonly [
  name: string,
  run: (kernels: AllKernels, t: Record<string, Tensor>, batch: SparseBatch) => void,
  flops: number,
  floats: number,
];
const products = 2 * B * K * K;
const norm = (t: Record<string, Tensor>) => ({
  scale: t.v1,
  shift: t.v2,
  runningMean: t.v3,
  runningVariance: t.v4,
  mean: t.v5,
  inverseStd: t.v6,
});
const cases: readonly Case[] = [
  ["linear forward", (k, t, b) => k.linearForward(b, t.w, t.linear, 0, B), 0, B * NX * 2],
  ["linear backward", (k, t, b) => k.linearBackward(b, t.linear, t.dw, 0, b.touchedCount), 0, B * NX * 3],
  [
    "Bi-Interaction forward",
    (k, t, b) => k.biInteractionForward(b, t.v, t.a, t.b, null, 0, B),
    0,
    B * NX * K + 2 * B * K,
  ],
  [
    "Bi-Interaction backward",
    (k, t, b) => k.biInteractionBackward(b, t.v, t.a, t.b, t.dV, 0, b.touchedCount),
    0,
    3 * B * NX * K + 2 * B * K,
  ],
  ["matmul, forward", (k, t) => k.matmul(t.c, t.half, t.weight, t.v1, 0, B), products, 0],
  ["matmul, dX", (k, t) => k.matmul(t.c, t.a, t.weight, null, 0, B), products, 0],
  ["matmul, dW", (k, t) => k.matmulTransposed(t.dWeight, t.half, t.a, B, 0, K), products, 0],
  ["transpose", (k, t) => k.transpose(t.dWeight, t.weight), 0, 2 * K * K],
  ["column sums", (k, t) => k.columnSums(t.v1, t.a, B, 0, K), 0, B * K],
  ["relu forward", (k, t) => k.activationForward("relu", t.b, t.a, 0, B), 0, 2 * B * K],
  ["relu backward", (k, t) => k.activationBackward("relu", t.c, t.b, t.a, 0, B), 0, 3 * B * K],
  ["tanh forward", (k, t) => k.activationForward("tanh", t.b, t.a, 0, B), 0, 2 * B * K],
  [
    "batch norm forward",
    (k, t) => {
      k.batchStatistics(t.a, norm(t), B, 1e-3, 0.1, 0, K);
      k.normalize(t.b, t.a, norm(t), 0, B);
    },
    0,
    4 * B * K,
  ],
  [
    "batch norm backward",
    (k, t) => k.batchNormBackward(t.c, t.v7, t.v8, t.a, t.b, norm(t), B, 0, K),
    0,
    5 * B * K,
  ],
  ["dropout forward", (k, t) => k.dropoutForward(t.b, t.c, t.a, { k0: 1, k1: 2 }, 0.5, 0, B), 0, 3 * B * K],
  ["dropout backward", (k, t) => k.multiply(t.b, t.c, t.a, 0, B), 0, 3 * B * K],
  ["score forward", (k, t) => k.scoreForward(t.scores, t.bias, t.linear, t.a, t.v1, 0, B), 0, B * K],
  ["softmax of rows", (k, t) => k.softmaxRows(t.b, t.a, t.scores, t.linear, 1, 0, B), 0, 4 * B * K],
  ["normal random row", (k, t) => k.normalRow(t.a, 0, { k0: 1, k1: 2 }, 0.01), 0, K],
  ["score backward", (k, t) => k.scoreBackward(t.b, t.scores, t.v1, 0, B), 0, B * K],
  [
    "Adagrad, touched rows",
    (k, t, b) =>
      k.adagrad(
        { theta: t.v, state: t.state, gradient: t.dV, rows: b.touched, count: b.touchedCount, l2: 0 },
        1e-9,
      ),
    0,
    5 * touched.length * K,
  ],
  [
    "Adagrad, dense",
    (k, t) =>
      k.adagrad(
        { theta: t.weight, state: t.weightState, gradient: t.dWeight, rows: null, count: K, l2: 0 },
        1e-9,
      ),
    0,
    5 * K * K,
  ],
];

function setUp(backend: "js" | "wasm"): (run: Case[1]) => void {
  const memory = new Memory(backend);
  memory.addKernels(trainingKernels);
  memory.addKernels(listKernels);
  const kernels = memory.addKernels(randomKernels) as AllKernels;
  const shapes: Record<string, readonly [rows: number, cols: number, stride?: number]> = {
    v: [N, K],
    state: [N, K],
    dV: [nnz, K],
    w: [N, 1, 1],
    dw: [nnz, 1, 1],
    linear: [B, 1, 1],
    scores: [B, 1, 1],
    bias: [1, 1],
    weight: [K, K],
    dWeight: [K, K],
    weightState: [K, K],
    a: [B, K],
    b: [B, K],
    c: [B, K],
    half: [B, K],
  };
  for (let i = 1; i <= 8; i++) shapes[`v${i}`] = [1, K];
  const t: Record<string, Tensor> = {};
  for (const [name, [rows, cols, stride]] of Object.entries(shapes))
    t[name] = memory.allocate(rows, cols, { stride });
  const batch = new Batch(memory);
  batch.reserve(B, nnz, N);
  memory.commit();
  for (const [name, tensor] of Object.entries(t)) {
    for (let i = 0; i < tensor.data.length; i++)
      tensor.data[i] =
        name.endsWith("tate") || name === "v4" ? 1 : name === "half" && random() < 0.5 ? 0 : random() - 0.5;
  }
  const indptr = Uint32Array.from({ length: B + 1 }, (_, b) => b * NX);
  batch.append({ rows: B, cols: N, indptr, indices: Uint32Array.from(indices), values: null }, null, 0, B);
  batch.indexFeatures();
  return (run) => run(kernels, t, batch);
}

/** Microseconds per call: the minimum over several turns, the two backends in turn. */
function time(calls: readonly (() => void)[]): number[] {
  const best = calls.map(() => Infinity);
  const counts = calls.map((call) => {
    const start = performance.now();
    for (let i = 0; i < 50; i++) call();
    return Math.max(1, Math.round(5 / ((performance.now() - start) / 50)));
  });
  for (let turn = 0; turn < 15; turn++) {
    calls.forEach((call, i) => {
      const start = performance.now();
      for (let n = 0; n < counts[i]; n++) call();
      best[i] = Math.min(best[i], ((performance.now() - start) * 1000) / counts[i]);
    });
  }
  return best;
}

const SETS = [forwardKernels, trainingKernels, listKernels, randomKernels];

/** Milliseconds to emit and compile the modules, the first time and at best. */
const compilations = Array.from({ length: 30 }, () => {
  const start = performance.now();
  for (const set of SETS) compile(set, false);
  return performance.now() - start;
});
const runners = (["js", "wasm"] as const).map(setUp);
console.log(`k = ${K}, hidden [${K}], batch ${B}, ${NX} features per row, Node ${process.version}`);
const [firstTime, atBest] = [compilations[0], Math.min(...compilations)].map((ms) => ms.toFixed(1));
console.log(`all modules emitted and compiled in ${firstTime} ms the first time, ${atBest} ms at best\n`);
console.log("kernel                      js us   wasm us   ratio     wasm rate");
for (const [name, run, flops, floats] of cases) {
  const [js, wasm] = time(runners.map((runner) => () => runner(run)));
  const rate =
    flops > 0
      ? `${(flops / wasm / 1e3).toFixed(1)} GFLOP/s`
      : `${((floats * 4) / wasm / 1e3).toFixed(1)} GB/s`;
  const times = `${js.toFixed(1).padStart(8)}  ${wasm.toFixed(2).padStart(8)}`;
  const ratio = (js / wasm).toFixed(1).padStart(5);
  console.log(`${name.padEnd(24)} ${times}  ${ratio}x  ${rate.padStart(13)}`);
}
