// How long `fit` keeps the event loop waiting, and how often it gives way: the gaps between turns of a timer
// that runs beside a training, beside the same timer in an idle process. With --worker: the same while a
// million rows are sent to another thread and trained on there. Usage: npm run bench -- event-loop [--worker]

import { CSRMatrix, NFM } from "../src/index.ts";
import { fitInWorker } from "../src/worker.ts";

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

/** A name, and what prepares the work that is measured. */
type Contestant = readonly [name: string, prepare: () => Promise<() => Promise<unknown>>];

/**
 * Number of turns of the event loop by their length in hundredths of a millisecond. The last number counts
 * those of a second and more.
 */
type Gaps = Uint32Array;

/** Counts the turns of the event loop while `work` runs. It allocates nothing, so that it causes no pause. */
async function gapsDuring(work: () => Promise<unknown>): Promise<Gaps> {
  const gaps = new Uint32Array(100_001);
  let [running, last] = [true, performance.now()];
  const tick = (): void => {
    const now = performance.now();
    gaps[Math.min(Math.round((now - last) * 100), 100_000)]++;
    last = now;
    if (running) setImmediate(tick);
  };
  setImmediate(tick);
  await work();
  running = false;
  return gaps;
}

const turnsOf = (gaps: Gaps): number => gaps.reduce((sum, count) => sum + count, 0);

/** Milliseconds that a share of the turns does not exceed. */
function quantile(gaps: Gaps, share: number): number {
  let left = share * turnsOf(gaps);
  return gaps.findIndex((count) => (left -= count) <= 0) / 100;
}

/** Trains on a million rows of four fields, or as many of a matrix, on another thread. */
function inWorker(name: string, make: () => { x: object; y: ArrayLike<number> }): Contestant {
  return [
    name,
    async () => {
      const { x, y } = make();
      return () => fitInWorker({ loss: "log", notices: false }, x as never, y as never, { epochs: 2 });
    },
  ];
}

const MILLION = 1_000_000;
const list = <T>(make: (i: number) => T): T[] => Array.from({ length: MILLION }, (_, i) => make(i));
const click = (): number => (random(3) === 0 ? 1 : 0);
const user = (): string => `user ${random(20_000)}`;
const item = (): string => `item ${random(2_000)}`;
const WORKER: readonly Contestant[] = [
  inWorker("worker, maps", () => ({
    x: list(() => ({ user: user(), item: item(), hour: random(24), price: random(1000) / 10 })),
    y: list(click),
  })),
  inWorker("worker, columns", () => ({
    x: { user: list(user), item: list(item), price: Float64Array.from(list(() => random(1000) / 10)) },
    y: Uint8Array.from(list(click)),
  })),
  inWorker("worker, a matrix", () => ({
    x: CSRMatrix.fromRows(list(() => ({ indices: [random(20_000), 20_000 + random(2_000)] }))),
    y: Uint8Array.from(list(click)),
  })),
];

console.log(
  `${ROWS} rows of ${FEATURES} features, ${EPOCHS} epochs, k = 32, hidden [32], Node ${process.version}\n`,
);
console.log("                       turns   median ms   p99 ms   longest ms   seconds");
const HERE: readonly Contestant[] = [
  ["idle for a second", async () => () => new Promise((resolve) => setTimeout(resolve, 1000))],
  ...(["js", "wasm"] as const).flatMap((backend) =>
    [32, 4096].map((batchSize): Contestant => {
      const model = new NFM({ embeddingDim: 32, hiddenUnits: [32], backend });
      const options = { epochs: EPOCHS, batchSize, validation: false } as const;
      return [`${backend}, batch ${batchSize}`, async () => () => model.fit(x, y, options)];
    }),
  ),
];
for (const [name, prepare] of process.argv.includes("--worker") ? [HERE[0], ...WORKER] : HERE) {
  const work = await prepare();
  const start = performance.now();
  const gaps = await gapsDuring(work);
  const seconds = (performance.now() - start) / 1000;
  const cells = [0.5, 0.99, 1].map((share) => quantile(gaps, share));
  const row = [turnsOf(gaps).toFixed(0), ...cells.map((ms) => ms.toFixed(2)), seconds.toFixed(2)];
  console.log(`${name.padEnd(20)} ${row.map((cell, i) => cell.padStart([7, 11, 8, 12, 9][i])).join(" ")}`);
}
