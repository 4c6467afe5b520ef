// Seconds per training epoch, everything in turn in one run: first the straightforward version, plain kernels
// and SIMD on the Frappe setting (k = 64, hidden [64], batch 128), then SIMD beside plain kernels over k,
// hidden and batch. With --threads 2: one thread beside two, over k and batch, and two trainings at the same
// time. Usage: npm run bench -- train [FOLDER with train.libfm; else generated rows of the same shape]
// [--turns 3] [--grid] [--threads 2] [--rows 202027]

import { parseArgs } from "node:util";
import { type CSRMatrix, NFM } from "../src/index.ts";
import { frappeRows } from "./frappe-rows.ts";
import { PAPER } from "./paper.ts";
import { straightforward } from "./straightforward.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    turns: { type: "string", default: "3" },
    grid: { type: "boolean", default: false },
    threads: { type: "string" },
    rows: { type: "string", default: "202027" },
  },
});

/** An epoch of the library, by turn: the first warms up. */
function library(
  backend: "js" | "wasm",
  k: number,
  hidden: number,
  batchSize: number,
  rows: CSRMatrix,
  labels: Float32Array,
  threads: number = 1,
): (turn: number) => Promise<unknown> {
  const model = new NFM({ ...PAPER, embeddingDim: k, hiddenUnits: [hidden], backend, threads });
  return (turn) => model.fit(rows, labels, { epochs: 1, batchSize, validation: false, resume: turn > 0 });
}

/** Seconds of each contestant, in turn; the first turn is not counted. */
async function race(contestants: readonly ((turn: number) => unknown)[], turns: number): Promise<number[][]> {
  const times: number[][] = contestants.map(() => []);
  for (let turn = 0; turn <= turns; turn++) {
    for (const [i, run] of contestants.entries()) {
      const start = performance.now();
      await run(turn);
      if (turn > 0) times[i].push((performance.now() - start) / 1000);
    }
  }
  return times;
}

const median = (list: readonly number[]): number => [...list].sort((a, b) => a - b)[list.length >> 1];
const { x, y } = frappeRows(positionals[0]);
const turns = Number(values.turns);
console.log(
  `${x.rows} rows of ${(x.nnz / x.rows).toFixed(0)} features, batch norm, dropout 0.5 / 0.2, Adagrad, ` +
    `Node ${process.version}\n`,
);

if (values.threads !== undefined) {
  await raceThreads(Number(values.threads));
  process.exit();
}

/** One thread beside several, and the same with two trainings that take turns of the event loop. */
async function raceThreads(threads: number): Promise<void> {
  const count = Math.min(Number(values.rows), x.rows);
  const [part, labels] = [x.slice(0, count), y.subarray(0, count)];
  console.log(`${count} rows; seconds per epoch, minimum and median of ${turns}`);
  console.log(`   k  batch      1 thread     ${String(threads).padStart(2)} threads    ratio of medians`);
  for (const k of [64, 256]) {
    for (const batch of [128, 1024, 4096]) {
      const both = [1, threads].map((n) => library("wasm", k, k, batch, part, labels, n));
      const times = await race(both, turns);
      const cells = times.map((list) => `${Math.min(...list).toFixed(3)} ${median(list).toFixed(3)}`);
      const ratio = (median(times[0]) / median(times[1])).toFixed(2);
      console.log(`${String(k).padStart(4)} ${String(batch).padStart(6)}   ${cells.join("   ")}   ${ratio}x`);
    }
  }
}

console.log("k = 64, hidden [64], batch 128     min s  median s   ratio");
const plain = straightforward(x, y, 64, 64, 128, [0.5, 0.2], 0.05);
const race1 = await race(
  [plain, library("js", 64, 64, 128, x, y), library("wasm", 64, 64, 128, x, y)],
  turns,
);
["straightforward JavaScript", "plain kernels", "SIMD kernels"].forEach((name, i) => {
  const ratio = median(race1[0]) / median(race1[i]);
  console.log(
    `${name.padEnd(32)} ${Math.min(...race1[i])
      .toFixed(3)
      .padStart(7)} ${median(race1[i]).toFixed(3).padStart(9)} ${ratio.toFixed(2).padStart(7)}x`,
  );
});

if (values.grid) {
  const part = x.slice(0, 32768);
  const labels = y.subarray(0, 32768);
  console.log(
    `\nmicroseconds per row (medians over ${part.rows} rows)\n   k  hidden  batch       js    SIMD   ratio`,
  );
  for (const k of [8, 16, 64, 128, 256]) {
    for (const batch of [128, 1024, 4096]) {
      const [js, wasm] = await race(
        [library("js", k, k, batch, part, labels), library("wasm", k, k, batch, part, labels)],
        turns,
      );
      const perRow = [js, wasm].map((list) => (median(list) * 1e6) / part.rows);
      console.log(
        `${String(k).padStart(4)} ${`[${k}]`.padStart(7)} ${String(batch).padStart(6)} ` +
          `${perRow[0].toFixed(2).padStart(8)} ${perRow[1].toFixed(3).padStart(7)} ` +
          `${(perRow[0] / perRow[1]).toFixed(1).padStart(6)}x`,
      );
    }
  }
}
