// The paper's Frappe benchmark. Usage: npm run bench -- frappe FOLDER [options] FOLDER holds train.libfm and
// valid.libfm. Settings are the paper's: Adagrad 0.05, batch 128, batch norm, dropout 0.5 (pooled) and 0.2
// (hidden), relu. Prints train loss, validation metrics and seconds per epoch. --recipe rmse (k = 128, the
// best RMSE) and --recipe auc (log loss, the best AUC) are the best settings that we found; other options
// change them. --pretrain E first trains a factorization machine for E epochs, whose embeddings the NFM
// starts from, as in the paper.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { Adagrad, type Metric, NFM, parseLibSVM } from "../src/index.ts";

const { values, positionals, tokens } = parseArgs({
  allowPositionals: true,
  tokens: true,
  options: {
    k: { type: "string", default: "64" },
    hidden: { type: "string", default: "64" },
    loss: { type: "string", default: "squared" },
    fm: { type: "boolean", default: false },
    epochs: { type: "string", default: "60" },
    lr: { type: "string", default: "0.05" },
    batch: { type: "string", default: "128" },
    dropout: { type: "string" },
    accumulator: { type: "string", default: "1e-8" },
    l2: { type: "string", default: "0" },
    decay: { type: "string", default: "1" },
    "decay-from": { type: "string", default: "1" },
    pretrain: { type: "string", default: "0" },
    labels: { type: "string", default: "raw" },
    monitor: { type: "string" },
    seed: { type: "string", default: "1" },
    recipe: { type: "string" },
  },
});
/** The best settings that we found on validation data; docs/performance.md has the runs. */
const RECIPES: Readonly<Record<string, Partial<typeof values>>> = {
  rmse: {
    ...{ k: "128", hidden: "128", dropout: "0.6,0.2", epochs: "420" },
    ...{ decay: "0.93", "decay-from": "370" },
  },
  auc: { loss: "log", k: "256", hidden: "128,128", dropout: "0.8,0.3", epochs: "150", monitor: "auc" },
};
const recipe = values.recipe === undefined ? {} : RECIPES[values.recipe];
const given: readonly string[] = tokens.flatMap((token) => (token.kind === "option" ? token.name : []));
if (recipe !== undefined) {
  for (const [name, value] of Object.entries(recipe))
    if (!given.includes(name)) Object.assign(values, { [name]: value });
}
if (recipe === undefined || positionals.length !== 1) {
  console.error(
    "usage: npm run bench -- frappe FOLDER [--k 64] [--hidden 64] [--loss squared|log] [--fm] [--epochs 60] [--lr 0.05] [--batch 128] [--dropout 0.5,0.2] [--accumulator 1e-8] [--l2 0] [--decay 1] [--decay-from 1] [--pretrain 0] [--labels raw|auto] [--monitor METRIC] [--seed 1] [--recipe rmse|auc]",
  );
  process.exit(2);
}

const [folder] = positionals;
const read = (name: string): ReturnType<typeof parseLibSVM> =>
  parseLibSVM(readFileSync(join(folder, name)), { cols: 5500 });
const started = performance.now();
const train = read("train.libfm");
const valid = read("valid.libfm");
console.log(
  `read ${train.x.rows} + ${valid.x.rows} rows in ${((performance.now() - started) / 1000).toFixed(2)} s`,
);

const memoryBefore = process.memoryUsage().rss;
const loss = values.loss as "squared" | "log";
// The paper's rates; with the log loss, which overfits sooner, 0.7 was better on validation data (of 0.5,
// 0.6, 0.7).
const [biInteraction, hidden] = (values.dropout ?? (loss === "log" ? "0.7,0.2" : "0.5,0.2"))
  .split(",")
  .map(Number);
const labels = values.labels as "auto" | "raw"; // the paper learns labels as they are
const optimizer = new Adagrad({
  learningRate: Number(values.lr),
  initialAccumulator: Number(values.accumulator),
});
const model = new NFM({
  embeddingDim: Number(values.k),
  hiddenUnits: values.fm ? [] : values.hidden.split(",").map(Number),
  batchNorm: true,
  dropout: { biInteraction, hidden },
  loss,
  labels,
  optimizer,
  l2: { embedding: Number(values.l2) },
  initStd: 0.01,
  seed: Number(values.seed),
});
if (Number(values.pretrain) > 0) {
  const fm = new NFM({
    embeddingDim: Number(values.k),
    hiddenUnits: [],
    dropout: { biInteraction: 0.3 },
    initStd: 0.01,
    optimizer: new Adagrad(),
    l2: {},
    loss,
    labels,
    seed: Number(values.seed),
  });
  const { epochs } = await fm.fit(train.x, train.y, {
    epochs: Number(values.pretrain),
    batchSize: Number(values.batch),
    validation: false,
  });
  console.log(
    `factorization machine after ${values.pretrain} epochs: train loss ${epochs[epochs.length - 1].loss.toFixed(6)}, ${JSON.stringify(fm.evaluate(valid.x, valid.y, { metrics: loss === "log" ? ["logloss", "auc"] : ["rmse-clamped"] }))}`,
  );
  model.initFrom(fm);
}
const metrics: Metric[] = loss === "log" ? ["logloss", "auc"] : ["rmse-clamped"];
console.log(
  `${values.fm ? "FM" : "NFM"}-${values.k}, ${model.backend} kernels\n\nepoch  train loss  ${metrics.map((m) => m.padStart(12)).join("  ")}  seconds`,
);
const history = await model.fit(train.x, train.y, {
  epochs: Number(values.epochs),
  batchSize: Number(values.batch),
  validation: valid,
  metrics,
  ...(values.monitor === undefined ? {} : { monitor: values.monitor as Metric }),
  onEpoch({ epoch, loss, validation, seconds }) {
    if (epoch >= Number(values["decay-from"])) optimizer.learningRate *= Number(values.decay);
    console.log(
      `${String(epoch).padStart(5)}  ${loss.toFixed(6).padStart(10)}  ${metrics.map((m) => validation![m].toFixed(5).padStart(12)).join("  ")}  ${seconds.toFixed(2).padStart(7)}`,
    );
  },
});
const best = history.epochs.find(({ epoch }) => epoch === history.bestEpoch)!;
const seconds = history.epochs.map((record) => record.seconds).sort((a, b) => a - b);
console.log(
  `\nbest epoch ${best.epoch}: ${metrics.map((m) => `${m} ${best.validation![m].toFixed(5)}`).join(", ")}`,
);
console.log(
  `median ${seconds[seconds.length >> 1].toFixed(2)} s per epoch, validation included; ${((process.memoryUsage().rss - memoryBefore) / 2 ** 20).toFixed(0)} MiB more than before training`,
);
