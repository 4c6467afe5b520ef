// Seconds per training epoch on the Frappe setting, the library beside the straightforward version, in turn in one run.
// Usage: npm run bench -- train [FOLDER with train.libfm; else generated rows of the same shape] [--epochs 3]

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { CSRMatrix, NFM, parseLibSVM } from "../src/index.ts";
import { straightforward } from "./straightforward.ts";

const { values, positionals } = parseArgs({ allowPositionals: true, options: { epochs: { type: "string", default: "3" } } });
const [K, H, B] = [64, 64, 128];

function load(): { x: CSRMatrix; y: Float32Array } {
  const path = positionals[0] && join(positionals[0], "train.libfm");
  if (path && existsSync(path)) return parseLibSVM(readFileSync(path));
  let state = 1;
  const next = (n: number): number => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) % n;
  const widths = [957, 4082, 7, 7, 2, 3, 9, 4, 80, 233];
  const offsets = widths.map((_, i) => widths.slice(0, i).reduce((sum, w) => sum + w, 0));
  const rows = Array.from({ length: 202027 }, () => ({ indices: widths.map((width, i) => offsets[i] + next(width)) }));
  return { x: CSRMatrix.fromRows(rows, 5384), y: Float32Array.from(rows, () => (next(3) === 0 ? 1 : -1)) };
}

const { x, y } = load();
const model = new NFM({ embeddingDim: K, hiddenUnits: [H] });
const plainEpoch = straightforward(x, y, K, H, B, [0.5, 0.2], 0.05);
const times: Record<string, number[]> = { straightforward: [], [model.backend]: [] };
for (let epoch = 0; epoch <= Number(values.epochs); epoch++) {
  const start = performance.now();
  plainEpoch();
  const middle = performance.now();
  await model.fit(x, y, { epochs: 1, batchSize: B, resume: epoch > 0 });
  const end = performance.now();
  if (epoch === 0) continue; // warm-up
  times.straightforward.push((middle - start) / 1000);
  times[model.backend].push((end - middle) / 1000);
}
const median = (list: number[]): number => [...list].sort((a, b) => a - b)[list.length >> 1];
const baseline = median(times.straightforward);
console.log(`${x.rows} rows, k = ${K}, hidden [${H}], batch ${B}, Node ${process.version}; epochs in turn\n`);
console.log("                  min s  median s  ratio");
for (const [name, list] of Object.entries(times)) {
  console.log(`${name.padEnd(16)} ${Math.min(...list).toFixed(2).padStart(6)} ${median(list).toFixed(2).padStart(9)}  ${(baseline / median(list)).toFixed(2)}x`);
}
