// How long `fit` keeps the event loop waiting, and how often it gives way: the gaps between turns of a timer
// that runs beside a training, beside the same timer in an idle process. Usage: npm run bench -- event-loop

import { CSRMatrix, NFM } from "../src/index.ts";

const [ROWS, FEATURES, EPOCHS] = [40_000, 9, 3];
let state = 1;
const random = (n: number): number =>
  Math.floor((n * (state = (Math.imul(state, 1664525) + 1013904223) >>> 0)) / 4294967296);
const x = CSRMatrix.fromRows(
  Array.from({ length: ROWS }, () => ({
    indices: Array.from({ length: FEATURES }, (_, f) => f * 400 + random(400)),
  })),
  FEATURES * 400,
);
const y = Array.from({ length: ROWS }, () => random(5));

/** Milliseconds between turns of the event loop while `work` runs, ascending. */
async function gapsDuring(work: () => Promise<unknown>): Promise<number[]> {
  const gaps: number[] = [];
  let [running, last] = [true, performance.now()];
  const tick = (): void => {
    const now = performance.now();
    gaps.push(now - last);
    last = now;
    if (running) setImmediate(tick);
  };
  setImmediate(tick);
  await work();
  running = false;
  return gaps.sort((a, b) => a - b);
}

console.log(
  `${ROWS} rows of ${FEATURES} features, ${EPOCHS} epochs, k = 32, hidden [32], Node ${process.version}\n`,
);
console.log("                       turns   median ms   p99 ms   longest ms   seconds");
const contestants: [name: string, work: () => Promise<unknown>][] = [
  ["idle for a second", () => new Promise((resolve) => setTimeout(resolve, 1000))],
  ...(["js", "wasm"] as const).flatMap((backend) =>
    [32, 4096].map((batchSize): [string, () => Promise<unknown>] => {
      const model = new NFM({ embeddingDim: 32, hiddenUnits: [32], backend });
      return [
        `${backend}, batch ${batchSize}`,
        () => model.fit(x, y, { epochs: EPOCHS, batchSize, validation: false }),
      ];
    }),
  ),
];
for (const [name, work] of contestants) {
  const start = performance.now();
  const gaps = await gapsDuring(work);
  const seconds = (performance.now() - start) / 1000;
  const cells = [gaps[gaps.length >> 1], gaps[Math.floor(gaps.length * 0.99)], gaps[gaps.length - 1]];
  console.log(
    `${name.padEnd(20)} ${String(gaps.length).padStart(7)} ${cells.map((ms, i) => ms.toFixed(2).padStart([11, 8, 12][i])).join(" ")} ${seconds.toFixed(2).padStart(9)}`,
  );
}
