// Bytes that are allocated on the heap per candidate of a ranking, per row of a prediction, and per row of a
// training epoch: growth of the heap, and what collections gave back meanwhile. A number boxed per row would
// be 12 bytes or more; what should be left are a few objects per call and per batch. Usage: npm run bench --
// allocation

import v8 from "node:v8";
import { CSRMatrix, NFM } from "../src/index.ts";

const [ROWS, TURNS, ATTEMPTS] = [20_000, 5, 20];
const rows = CSRMatrix.fromRows(
  Array.from({ length: ROWS }, (_, i) => ({ indices: [10 + (i % 90), 100 + ((i * 7) % 80)] })),
  200,
);
const labels = Float32Array.from({ length: ROWS }, (_, i) => i % 7);

/**
 * Bytes on the heap per row and call. Code that is optimized late boxes numbers: the least of some attempts.
 */
async function allocated(call: () => unknown): Promise<number> {
  let least = Infinity;
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    for (let i = 0; i < 2 * TURNS; i++) await call();
    const profiler = new v8.GCProfiler();
    profiler.start();
    const before = v8.getHeapStatistics().used_heap_size;
    for (let i = 0; i < TURNS; i++) await call();
    const after = v8.getHeapStatistics().used_heap_size;
    const freed = profiler
      .stop()
      .statistics.reduce(
        (sum, { beforeGC, afterGC }) =>
          sum + beforeGC.heapStatistics.usedHeapSize - afterGC.heapStatistics.usedHeapSize,
        0,
      );
    least = Math.min(least, (after - before + freed) / TURNS / ROWS);
  }
  return least;
}

console.log(`bytes per row, ${ROWS} rows, least of ${ATTEMPTS} attempts, Node ${process.version}\n`);
console.log("hidden   what                        bytes");
for (const hiddenUnits of [[], [4]]) {
  const model = new NFM({ numFeatures: 200, embeddingDim: 4, hiddenUnits });
  model.partialFit(rows.slice(0, 100), labels.subarray(0, 100));
  const catalog = model.prepare(rows);
  const calls: [name: string, call: () => unknown][] = [
    ["rank, prepared, top 10", () => model.rank({ indices: [1, 2, 3] }, catalog, { top: 10 })],
    ["rank, raw rows, top 10", () => model.rank({ indices: [1, 2, 3] }, rows, { top: 10 })],
    ["predict", () => model.predict(rows)],
    [
      "an epoch",
      () => model.fit(rows, labels, { epochs: 1, validation: false, shuffle: false, resume: true }),
    ],
  ];
  for (const [name, call] of calls) {
    console.log(
      `${`[${hiddenUnits.join()}]`.padEnd(9)}${name.padEnd(25)}${(await allocated(call)).toFixed(2).padStart(8)}`,
    );
  }
}
