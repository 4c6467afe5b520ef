// Seconds per epoch on data that are read anew in every epoch, beside the same rows in memory, in turn in one
// run: from a libSVM file and from a CSV file of categories, on the Frappe setting (k = 64, hidden [64],
// batch 128, batch norm) and with k = 256. Also the memory of training on 1, 4 and 16 copies of a CSV file. Usage:
// npm run bench -- stream [FOLDER with train.libfm; else generated rows of the same shape] [--turns 3]

import { createReadStream, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { type History, type LabeledStream, NFM, readLibSVM } from "../src/index.ts";
import { readCSV } from "../src/readers.ts";
import { frappeRows } from "./frappe-rows.ts";
import { PAPER } from "./paper.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { turns: { type: "string", default: "3" } },
});
const { x, y } = frappeRows(positionals[0]);
const folder = mkdtempSync(join(tmpdir(), "neural-fm-stream-"));
const [libsvm, csv] = ["rows.libsvm", "rows.csv"].map((name) => join(folder, name));
const lists = Array.from({ length: x.rows }, (_, i) => Array.from(x.row(i).indices));
writeFileSync(
  libsvm,
  lists.map((row, i) => `${y[i]} ${row.map((index) => `${index}:1`).join(" ")}\n`).join(""),
);
const header = `label,${lists[0].map((_, i) => `field${i}`).join(",")}\n`;
const body = lists.map((row, i) => `${y[i]},${row.map((index) => `v${index}`).join(",")}\n`).join("");
writeFileSync(csv, header + body);

const sources: Record<string, () => LabeledStream> = {
  libSVM: () => readLibSVM(() => createReadStream(libsvm), { cols: x.cols }),
  CSV: () => readCSV(() => createReadStream(csv), { label: "label" }),
};
const turns = Number(values.turns);
const EPOCHS = 3; // of each training
const median = (list: readonly number[]): number => [...list].sort((a, b) => a - b)[list.length >> 1];

console.log(
  `${x.rows} rows of ${lists[0].length} features, Node ${process.version}; ` +
    `seconds per epoch, medians of ${turns * EPOCHS}`,
);
console.log("   k  file     in memory   as a stream   speed");
for (const k of [64, 256]) {
  for (const [name, open] of Object.entries(sources)) {
    const [memory, stream]: number[][] = [[], []];
    const options = { epochs: EPOCHS, validation: false as const };
    for (let turn = 0; turn <= turns; turn++) {
      const make = (): NFM => new NFM({ ...PAPER, embeddingDim: k, hiddenUnits: [k], notices: false });
      const record = (list: number[], { epochs }: History): void => {
        if (turn > 0) list.push(...epochs.map(({ seconds }) => seconds));
      };
      record(memory, await make().fit(x, y, options));
      record(stream, await make().fit(open(), options));
    }
    const [a, b] = [median(memory), median(stream)];
    console.log(
      `${String(k).padStart(4)}  ${name.padEnd(6)} ${a.toFixed(3).padStart(10)} ${b.toFixed(3).padStart(13)} ` +
        `${((100 * a) / b).toFixed(0).padStart(6)} %`,
    );
  }
}

console.log("\ncopies of the CSV file, rows, MB, largest memory of the process while training on them (MB)");
for (const copies of [1, 4, 16]) {
  async function* chunks(): AsyncGenerator<string> {
    yield header;
    for (let i = 0; i < copies; i++) yield body;
  }
  globalThis.gc?.();
  let most = 0;
  const model = new NFM({ ...PAPER, embeddingDim: 64, hiddenUnits: [64], notices: false });
  await model.fit(readCSV(chunks, { label: "label" }), {
    ...{ epochs: 1, validation: false },
    onBatch: () => void (most = Math.max(most, process.memoryUsage.rss())),
  });
  const size = ((copies * body.length) / 1e6).toFixed(0);
  console.log(`${String(copies).padStart(4)} ${copies * x.rows} ${size} ${(most / 2 ** 20).toFixed(0)}`);
}
rmSync(folder, { recursive: true });
