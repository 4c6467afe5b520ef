// Reads rows of ten fields as maps and as columns: learns a vocabulary, encodes, and does both inside `fit`,
// where it measures the longest time for which the event loop was blocked. The ways are timed in turn.

import { FeatureEncoder, type FeatureMap, NFM } from "../src/index.ts";

const [count = 400_000, rounds = 5] = process.argv.slice(2).map(Number);

/** A random number below 2^32 that depends on its argument alone. */
function hash(i: number): number {
  let h = Math.imul(i ^ (i >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

const LEVELS = { user: 40_000, item: 4_000, city: 300, shop: 100, device: 5, weekday: 7, campaign: 50 };
const columns = {
  ...Object.fromEntries(
    Object.entries(LEVELS).map(([field, levels], f) => {
      const names = Array.from({ length: levels }, (_, level) => `${field}-${level}`);
      return [field, Array.from({ length: count }, (_, i) => names[hash(i * 16 + f) % levels])];
    }),
  ),
  price: Float64Array.from({ length: count }, (_, i) => (hash(i * 16 + 8) % 10_000) / 100),
  age: Float64Array.from({ length: count }, (_, i) => 18 + (hash(i * 16 + 9) % 60)),
  member: Array.from({ length: count }, (_, i) => hash(i * 16 + 10) % 3 === 0),
};
const fields = Object.keys(columns) as (keyof typeof columns)[];
const maps = Array.from({ length: count }, (_, i) =>
  Object.fromEntries(fields.map((field) => [field, columns[field][i]])),
) as FeatureMap[];
const labels = Float32Array.from({ length: count }, (_, i) => hash(i) % 2);

const encoder = new FeatureEncoder().fit(maps);
const time = (work: () => void): number => {
  const start = performance.now();
  work();
  return performance.now() - start;
};
const ways: Record<string, Record<"maps" | "columns", () => void>> = {
  "learn a vocabulary": {
    maps: () => new FeatureEncoder().fit(maps),
    columns: () => new FeatureEncoder().fit(columns),
  },
  encode: { maps: () => encoder.transform(maps), columns: () => encoder.transform(columns) },
};

console.log(
  `${count} rows of ten fields, ${encoder.numFeatures} features; milliseconds, median of ${rounds}`,
);
for (const [name, { maps: ofMaps, columns: ofColumns }] of Object.entries(ways)) {
  const times: [number[], number[]] = [[], []];
  for (let round = 0; round <= rounds; round++) {
    times[0].push(time(ofMaps));
    times[1].push(time(ofColumns));
  }
  const [slow, fast] = times.map((all) => all.slice(1).sort((a, b) => a - b)[rounds >> 1]); // after a warm-up
  const ratio = (slow / fast).toFixed(2);
  console.log(`${name}: maps ${slow.toFixed(0)}, columns ${fast.toFixed(0)}, ${ratio} times as fast`);
}

/** The longest time between two turns of the event loop while `work` runs. */
async function longestBlock(work: () => Promise<unknown>): Promise<number> {
  let [longest, last, isDone] = [0, performance.now(), false];
  const turn = (): void => {
    const now = performance.now();
    longest = Math.max(longest, now - last);
    last = now;
    if (!isDone) setImmediate(turn);
  };
  setImmediate(turn);
  await work();
  isDone = true;
  return longest;
}

for (const [name, x] of [
  ["maps", maps],
  ["columns", columns],
] as const) {
  const model = new NFM({ embeddingDim: 2, hiddenUnits: [], loss: "log" });
  const blocked = await longestBlock(() => model.fit(x, labels, { epochs: 1, batchSize: 1024 }));
  console.log(`fit of ${name}: the event loop is blocked for at most ${blocked.toFixed(0)} ms`);
}
