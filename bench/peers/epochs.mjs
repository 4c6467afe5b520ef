// Trains one epoch for each line of standard input, and prints its seconds. torch_nfm.py starts it.
// Usage: node epochs.mjs DATA ROWS '{"k":64,"batch":128,"threads":1}'

import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { Adagrad, CSRMatrix, NFM } from "../../dist/index.js";

const [path, count, settings] = process.argv.slice(2);
const { k, batch, threads } = JSON.parse(settings);
const [rows, fields] = [Number(count), 10];
const { buffer } = new Uint8Array(readFileSync(path));
const indices = new Uint32Array(buffer, 0, rows * fields);
const labels = new Float32Array(buffer, rows * fields * 4, rows);
const x = new CSRMatrix({
  cols: indices.reduce((most, index) => Math.max(most, index), 0) + 1,
  indptr: Uint32Array.from({ length: rows + 1 }, (_, row) => row * fields),
  indices,
});
const model = new NFM({
  embeddingDim: k,
  hiddenUnits: [k],
  batchNorm: true,
  dropout: { biInteraction: 0.5, hidden: 0.2 },
  optimizer: new Adagrad({ learningRate: 0.05 }),
  ...{ labels: "raw", l2: {}, initStd: 0.01, threads },
});
let resume = false;
for await (const _ of createInterface({ input: process.stdin })) {
  const start = performance.now();
  await model.fit(x, labels, { epochs: 1, batchSize: batch, validation: false, resume });
  console.log((performance.now() - start) / 1000);
  resume = true;
}
