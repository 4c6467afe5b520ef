// One prediction (p50, p99) and batches (rows per second) in this library and in ONNX Runtime, in turn in one run, of a
// model trained here: k = 64, hidden [64], batch norm, relu, ten of 5,382 features a row. Inputs are ready beforehand:
// sparse vectors and a CSRMatrix here, int64 tensors there. First, the scores of all rows must agree to 1e-4.
// Usage: node predict.mjs [--threads 1] (of ONNX Runtime; this library has one)

import { parseArgs } from "node:util";
import ort from "onnxruntime-node";
import { CSRMatrix, NFM } from "../../dist/index.js";
import { toONNX } from "./onnx.mjs";

const { values } = parseArgs({ options: { threads: { type: "string", default: "1" } } });
const [ROWS, TURNS, CALLS] = [4096, 20, 1000];
const WIDTHS = [957, 4082, 7, 7, 2, 3, 9, 4, 80, 231]; // distinct values of each of the ten fields, as in Frappe
const [FIELDS, FEATURES] = [WIDTHS.length, WIDTHS.reduce((sum, width) => sum + width)];

let state = 1;
const random = (n) => Math.floor((n * (state = (Math.imul(state, 1664525) + 1013904223) >>> 0)) / 4294967296);
const offsets = WIDTHS.map((_, field) => WIDTHS.slice(0, field).reduce((sum, width) => sum + width, 0));
const randomRow = () => Uint32Array.from(WIDTHS, (width, field) => offsets[field] + random(width));
const vectors = Array.from({ length: ROWS }, () => ({ indices: randomRow() }));
const labels = vectors.map(({ indices }) => (((indices[0] % 3) + (indices[1] % 3)) % 3 === 0 ? 1 : -1));
const matrix = CSRMatrix.fromRows(vectors, FEATURES);

const trained = new NFM({ numFeatures: FEATURES, batchNorm: true, backend: "js" });
await trained.fit(matrix, labels, { epochs: 5, validation: false });
const file = toONNX(trained, FIELDS);
const threads = Number(values.threads);
const session = await ort.InferenceSession.create(file.bytes, {
  intraOpNumThreads: threads,
  interOpNumThreads: 1,
});

function tensorOf(rows) {
  const indices = BigInt64Array.from(rows.flatMap((row) => [...row.indices].map(BigInt)));
  return { [file.input]: new ort.Tensor("int64", indices, [rows.length, FIELDS]) };
}

/** Ways to score row i, and to score a batch made ready by `batch`. */
function library(name, backend) {
  const model = NFM.load(trained.save(), { backend });
  return {
    name,
    one: (i) => model.predict(vectors[i]),
    batch: (rows) => matrix.slice(0, rows),
    many: (rows) => model.predict(rows),
  };
}
function onnxRuntime(name) {
  const singles = vectors.map((vector) => tensorOf([vector]));
  const batch = (rows) => tensorOf(vectors.slice(0, rows));
  return { name, one: (i) => session.run(singles[i]), batch, many: (tensors) => session.run(tensors) };
}
const contestants = [
  library("neural-fm, plain kernels", "js"),
  library("neural-fm, SIMD kernels", "wasm"),
  onnxRuntime(`ONNX Runtime ${ort.env.versions.node}, ${threads} thread${threads > 1 ? "s" : ""}`),
];

const scores = trained.predict(matrix);
const theirs = (await session.run(tensorOf(vectors)))[file.output].data;
const worst = scores.reduce((most, score, i) => Math.max(most, Math.abs(score - theirs[i])), 0);
if (!(worst <= 1e-4)) throw new Error(`scores must agree to 1e-4, but differ by up to ${worst}`);
const [lowest, highest] = [Math.min(...scores), Math.max(...scores)].map((score) => score.toFixed(2));
console.log(`${ROWS} scores from ${lowest} to ${highest} agree to ${worst.toExponential(0)}`);

const quantile = (list, q) => Float64Array.from(list).sort()[Math.floor(q * list.length)];

/** Microseconds of every call but those of the first turns; a turn is CALLS calls of each contestant. */
async function latencies() {
  const times = contestants.map(() => []);
  for (let turn = -5; turn < TURNS; turn++) {
    for (const [c, { one }] of contestants.entries()) {
      for (let i = 0; i < CALLS; i++) {
        const start = performance.now();
        const pending = one(i);
        if (pending instanceof Promise) await pending;
        if (turn >= 0) times[c].push((performance.now() - start) * 1000);
      }
    }
  }
  return times;
}

/** Rows per second of every turn but the first ones; a turn is at least 16384 rows for each contestant. */
async function rates(rows) {
  const batches = contestants.map(({ batch }) => batch(rows));
  const calls = Math.ceil(16384 / rows);
  const found = contestants.map(() => []);
  for (let turn = -3; turn < TURNS; turn++) {
    for (const [c, { many }] of contestants.entries()) {
      const start = performance.now();
      for (let i = 0; i < calls; i++) {
        const pending = many(batches[c]);
        if (pending instanceof Promise) await pending;
      }
      if (turn >= 0) found[c].push((calls * rows * 1000) / (performance.now() - start));
    }
  }
  return found;
}

const single = await latencies();
const batched = [await rates(128), await rates(4096)];
console.log(`\nmedians of ${TURNS} turns, Node ${process.version}\n`);
console.log("                            one row, microseconds    million rows per second in batches of");
console.log("                                   p50       p99               128      4096");
for (const [c, { name }] of contestants.entries()) {
  const [p50, p99] = [0.5, 0.99].map((q) => quantile(single[c], q).toFixed(2).padStart(10));
  const [small, large] = batched.map((found) => (quantile(found[c], 0.5) / 1e6).toFixed(2).padStart(10));
  console.log(`${name.padEnd(28)}${p50}${p99}        ${small}${large}`);
}
