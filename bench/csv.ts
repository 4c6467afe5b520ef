// Reads a generated CSV file of ten columns with readCSV and with papaparse, in turn: as columns, as rows,
// and row by row. Usage: npm run bench -- csv [ROWS] [CONTESTANT]

import { once } from "node:events";
import { createReadStream, createWriteStream, mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import Papa from "papaparse";
import { readCSV } from "../src/readers.ts";

const ROWS = Number(process.argv[2] ?? 1_200_000);
let state = 1;
const random = (n: number): number =>
  Math.floor((n * (state = (Math.imul(state, 1664525) + 1013904223) >>> 0)) / 4294967296);

const days = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
const adjectives = ["red", "small", "old", "bright", "cold", "quiet", "round", "green"];
const nouns = ["lamp", "chair", "kettle", "bicycle", "jacket", "piano", "tent", "camera"];

/** Seven columns of categories and ids, three of numbers; every title that has a comma is quoted. */
function makeRow(): string {
  const title = `${adjectives[random(8)]} ${nouns[random(8)]} ${random(60)}`;
  return [
    `u${random(100_000)}`,
    `item-${random(20_000)}`,
    `C${random(40)}`,
    ["phone", "tablet", "desktop"][random(3)],
    days[random(7)],
    random(4) === 0 ? `"${title}, ${adjectives[random(8)]}"` : title,
    (random(100_000) / 100).toFixed(2),
    (random(2 ** 31) / 2 ** 31).toFixed(8),
    random(10) === 0 ? "" : String(random(1000)),
    1 + random(5),
  ].join();
}

async function writeFile(path: string): Promise<void> {
  const out = createWriteStream(path);
  out.write("user,item,country,device,day,title,price,score,views,rating\n");
  for (let row = 0; row < ROWS; ) {
    let block = "";
    for (const end = Math.min(ROWS, row + 1000); row < end; row++) block += `${makeRow()}\n`;
    if (!out.write(block)) await once(out, "drain");
  }
  out.end();
  await once(out, "finish");
}

const folder = mkdtempSync(join(tmpdir(), "neural-fm-csv-"));
const path = join(folder, "table.csv");
await writeFile(path);
const megabytes = statSync(path).size / 1e6;
console.log(`${ROWS} rows of 10 columns, ${megabytes.toFixed(0)} MB, Node ${process.version}\n`);

const contestants: [name: string, read: () => Promise<unknown>][] = [
  ["columns()", () => readCSV(createReadStream(path)).columns()],
  ["rows()", () => readCSV(createReadStream(path)).rows()],
  [
    "for await",
    async () => {
      let count = 0;
      for await (const row of readCSV(createReadStream(path))) if (row.rating === "5") count++;
      return count;
    },
  ],
  [
    "papaparse, rows",
    () =>
      new Promise((complete, error) => Papa.parse(createReadStream(path), { header: true, complete, error })),
  ],
  [
    "papaparse, arrays",
    () => new Promise((complete, error) => Papa.parse(createReadStream(path), { complete, error })),
  ],
  [
    "papaparse, step",
    () => {
      let count = 0;
      return new Promise((complete, error) =>
        Papa.parse(createReadStream(path), {
          header: true,
          step: ({ data }) => {
            if ((data as { rating: string }).rating === "5") count++;
          },
          complete: () => complete(count),
          error,
        }),
      );
    },
  ],
];
setFlagsFromString("--expose_gc");
const gc = runInNewContext("gc") as () => void;
const chosen = contestants.filter(([name]) => name.includes(process.argv[3] ?? ""));
console.log("                     MB/s   (best)  seconds   MB held");
const seconds = chosen.map((): number[] => []);
const held = chosen.map(() => 0);
for (let round = 0; round < 3; round++) {
  for (const [i, [, read]] of chosen.entries()) {
    gc();
    const before = process.memoryUsage();
    const start = performance.now();
    const result = await read();
    seconds[i].push((performance.now() - start) / 1000);
    gc();
    const after = process.memoryUsage();
    held[i] = (after.heapUsed + after.external - before.heapUsed - before.external) / 1e6;
    if (result === undefined) throw new Error("nothing was read");
  }
}
for (const [i, [name]] of chosen.entries()) {
  const sorted = seconds[i].sort((a, b) => a - b);
  const cells = [megabytes / sorted[1], megabytes / sorted[0], sorted[1], held[i]];
  console.log(
    `${name.padEnd(18)} ${cells.map((cell, k) => cell.toFixed(k === 2 ? 2 : 0).padStart(k === 1 ? 8 : 7)).join(" ")}`,
  );
}
rmSync(folder, { recursive: true });
