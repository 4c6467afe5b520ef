// Time per row of Bi-Interaction pooling against the number of non-zero features Nx and the embedding
// dimension k, beside the literal double sum over pairs it stands for (section 3.1, equations 3 and 4):
// linear in both, against quadratic in Nx. Plain kernels; settings in turn, over and over; minimum and median.
// With --train: seconds per epoch against rows, features, k and threads (scaling-train.ts). Usage: npm run
// bench -- scaling [--train]

import { parseArgs } from "node:util";
import { randomBelow, randomKey, randomNormal, Stream } from "../src/core/random.ts";
import { strideOf, type Tensor } from "../src/core/tensor.ts";
import { CSRMatrix } from "../src/data/csr-matrix.ts";
import { createForwardKernels } from "../src/kernels/js/forward.ts";
import type { SparseBatch } from "../src/kernels/kernels.ts";
import { scaleTraining } from "./scaling-train.ts";

const { values } = parseArgs({ options: { train: { type: "boolean", default: false } } });
if (values.train) {
  await scaleTraining();
  process.exit();
}

const FEATURES = 4096;
const ROWS = 128;
const ROUNDS = 21;
const MIN_MS = 4; // of one measurement
const kernels = createForwardKernels();

function tensor(rows: number, cols: number): Tensor {
  return { data: new Float32Array(rows * strideOf(cols)), rows, cols, stride: strideOf(cols) };
}

/** out = sum_{i<j} x_i v_i (*) x_j v_j, pair by pair; x all ones. */
function doubleSum({ rows, indptr, indices }: SparseBatch, v: Tensor, out: Tensor): void {
  for (let b = 0; b < rows; b++) {
    const to = b * out.stride;
    out.data.fill(0, to, to + out.cols);
    for (let p = indptr[b]; p < indptr[b + 1]; p++) {
      const vi = indices[p] * v.stride;
      for (let q = p + 1; q < indptr[b + 1]; q++) {
        const vj = indices[q] * v.stride;
        for (let f = 0; f < out.cols; f++) out.data[to + f] += v.data[vi + f] * v.data[vj + f];
      }
    }
  }
}

interface Case {
  readonly nx: number;
  readonly k: number;
  readonly pooling: { readonly run: () => void; readonly times: number[] };
  readonly double: { readonly run: () => void; readonly times: number[] };
}

/** Rows of `nx` random features, one from each of `nx` equal parts of the columns. */
function makeCase(nx: number, k: number): Case {
  const part = Math.floor(FEATURES / nx);
  const key = randomKey(1, Stream.demo, nx, k);
  const features = (b: number): number[] =>
    Array.from({ length: nx }, (_, p) => p * part + randomBelow(key, b * nx + p, part));
  const { indptr, indices } = CSRMatrix.fromRows(
    Array.from({ length: ROWS }, (_, b) => ({ indices: features(b) })),
    FEATURES,
  );
  const batch = { rows: ROWS, indptr, indices, values: null, context: null } as unknown as SparseBatch;
  const v = tensor(FEATURES, k);
  v.data.forEach((_, i) => (v.data[i] = 0.1 * randomNormal(key, i)));
  const [sums, pooled, expected] = [tensor(ROWS, k), tensor(ROWS, k), tensor(ROWS, k)];
  const pooling = (): void => kernels.biInteractionForward(batch, v, sums, pooled, null, 0, ROWS);
  const double = (): void => doubleSum(batch, v, expected);
  pooling();
  double();
  const error = expected.data.reduce((most, value, i) => Math.max(most, Math.abs(value - pooled.data[i])), 0);
  if (!(error < 1e-3)) throw new Error(`the two differ by ${error} at Nx = ${nx}, k = ${k}`);
  return { nx, k, pooling: { run: pooling, times: [] }, double: { run: double, times: [] } };
}

/** Nanoseconds per row of one measurement. */
function measure(run: () => void): number {
  const start = performance.now();
  let passes = 0;
  let elapsed = 0;
  do {
    run();
    passes++;
    elapsed = performance.now() - start;
  } while (elapsed < MIN_MS);
  return (elapsed * 1e6) / (passes * ROWS);
}

const cases = [
  ...[5, 10, 20, 40, 80, 160].map((nx) => makeCase(nx, 64)),
  ...[8, 16, 32, 64, 128, 256].map((k) => makeCase(10, k)),
];
for (let round = 0; round < ROUNDS; round++) {
  for (const { pooling, double } of cases) {
    for (const { run, times } of [pooling, double]) {
      const time = measure(run);
      if (round > 0) times.push(time); // the first round warms up
    }
  }
}

const minimum = (times: readonly number[]): number => Math.min(...times);
const median = (times: readonly number[]): number => [...times].sort((a, b) => a - b)[times.length >> 1];
const cell = (value: number, digits: number = 0): string => value.toFixed(digits).padStart(9);

function table(title: string, shown: readonly Case[], unit: string, units: (one: Case) => number): void {
  console.log(
    `\n${title}\n     Nx     k |  pooling: min    median  min/${unit.padEnd(4)} | double sum: min    median  min/pair`,
  );
  for (const one of shown) {
    const pairs = (one.nx * (one.nx - 1)) / 2;
    const [a, b] = [minimum(one.pooling.times), minimum(one.double.times)];
    const left = `${cell(a).padStart(14)} ${cell(median(one.pooling.times))} ${cell(a / units(one), 2)}`;
    const right = `${cell(b).padStart(15)} ${cell(median(one.double.times))} ${cell(b / pairs, 1)}`;
    console.log(`${String(one.nx).padStart(7)} ${String(one.k).padStart(5)} | ${left} | ${right}`);
  }
}

console.log(`ns per row, ${ROWS} rows at a time, ${ROUNDS - 1} measurements each, Node ${process.version}`);
table("against Nx, k = 64", cases.slice(0, 6), "Nx", ({ nx }) => nx);
table("against k, Nx = 10", cases.slice(6), "k", ({ k }) => k);
