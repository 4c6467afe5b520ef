// Latency of a single prediction (p50, p99) and rows per second in batches, for k = 64, hidden [64] and 10
// features a row, on both backends. Usage: npm run bench -- predict

import { CSRMatrix, type FeatureMap, NFM } from "../src/index.ts";
import { PAPER } from "./paper.ts";

const [N, NX, ROWS] = [5000, 10, 4096];
let state = 1;
const random = (n: number): number =>
  Math.floor((n * (state = (Math.imul(state, 1664525) + 1013904223) >>> 0)) / 4294967296);
const vectors = Array.from({ length: ROWS }, () => ({
  indices: Uint32Array.from({ length: NX }, (_, p) => p * 500 + random(500)),
}));
const maps: FeatureMap[] = Array.from({ length: ROWS }, () =>
  Object.fromEntries(Array.from({ length: NX }, (_, p) => [`field${p}`, `value${random(50)}`])),
);
const labels = maps.map(() => random(5));
const x = CSRMatrix.fromRows(vectors, N);

/** Microseconds per call, p50 and p99, over calls timed in groups of ten. */
function latency(call: (i: number) => unknown): [p50: number, p99: number] {
  for (let i = 0; i < 50_000; i++) call(i % ROWS);
  const times: number[] = [];
  for (let group = 0; group < 5000; group++) {
    const start = performance.now();
    for (let i = 0; i < 10; i++) call((group * 10 + i) % ROWS);
    times.push((performance.now() - start) * 100);
  }
  times.sort((a, b) => a - b);
  return [times[2500], times[4950]];
}

function throughput(model: NFM, rows: number): number {
  const part = x.slice(0, rows);
  let best = Infinity;
  for (let turn = 0; turn < 30; turn++) {
    const calls = Math.max(1, Math.round(ROWS / rows));
    const start = performance.now();
    for (let i = 0; i < calls; i++) model.predict(part);
    best = Math.min(best, (performance.now() - start) / calls);
  }
  return rows / best / 1000;
}

console.log(`k = 64, hidden [64], ${NX} features per row, Node ${process.version}\n`);
console.log(
  "backend   one sparse vector, us    one feature map, us      million rows per second in batches of",
);
console.log("              p50       p99           p50       p99          1       128      4096");
for (const backend of ["js", "wasm"] as const) {
  const model = new NFM({ ...PAPER, numFeatures: N, loss: "log", backend });
  model.partialFit(
    vectors,
    labels.map((label) => (label > 2 ? 1 : 0)),
  );
  const named = new NFM({ ...PAPER, loss: "log", backend });
  named.partialFit(
    maps,
    labels.map((label) => (label > 2 ? 1 : 0)),
  );
  const cells = [...latency((i) => model.predict(vectors[i])), ...latency((i) => named.predict(maps[i]))].map(
    (us) => us.toFixed(2).padStart(10),
  );
  const rates = [1, 128, 4096].map((rows) => throughput(model, rows).toFixed(2).padStart(10));
  console.log(
    `${backend.padEnd(7)}${cells.slice(0, 2).join("")}    ${cells.slice(2).join("")}  ${rates.join("")}`,
  );
}
