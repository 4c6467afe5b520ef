// Recommending on MovieLens 100k as implicit feedback. Usage: npm run bench -- ranking FOLDER [options]
// FOLDER holds RecBole's ml-100k.inter, .user and .item. A rating of 4 or 5 is an event; the latest of each
// user is held out and ranked among all films but those the user has in training, ties counting against it.
// Contexts are the user with age, gender and occupation, with "month" the month of the event as well, and
// with "history" the films liked before. Items are films with year and genres. Settings and epochs were
// chosen with --tune, which holds out the three events before the latest and never sees that one. Prints the
// mean of each metric over the seeds, seconds per epoch, and the time of a list over this catalog and over a
// generated one. --peers PYTHON prints other libraries below, see peers/README.md. --events OUT only writes
// the events, as they read them.

import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { Adagrad, type FeatureMap, NFM, Recommender } from "../src/index.ts";
import { isML100k } from "./ml-100k.ts";
import { type Event, eventsOf, readFilms, readUsers, writeEvents } from "./ranking/events.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seeds: { type: "string", default: "1" },
    only: { type: "string" },
    set: { type: "string" },
    tune: { type: "boolean", default: false },
    events: { type: "string" },
    peers: { type: "string" },
  },
});
const [folder] = positionals;
if (positionals.length !== 1 || !isML100k(folder)) {
  console.error(
    "usage: npm run bench -- ranking FOLDER [--seeds 1,2,3] [--only NAME] [--tune] [--events OUT] " +
      `[--peers PYTHON] [--set '{"epochs": 40, "dropout": [0.3, 0.2]}']`,
  );
  console.error("FOLDER must hold RecBole's ml-100k.inter, ml-100k.user and ml-100k.item");
  process.exit(2);
}
const seeds = values.seeds.split(",").map(Number);

/** What is tried: options of the model and of its training. */
interface Setting {
  readonly hidden: readonly number[];
  readonly loss: "softmax" | "bpr" | "max-margin" | "log";
  readonly epochs: number;
  readonly dropout: readonly [biInteraction: number, hidden: number];
  readonly l2: number;
  readonly negatives: number | "all";
  readonly batchSize: number;
  readonly k: number;
  readonly lr: number;
  /** Whether the month of the event is a feature of its context. */
  readonly month: boolean;
  /** Films of the history, and the weight of each relative to the one after it; null: none. */
  readonly history: { readonly last: number; readonly decay: number } | null;
}

const fm: Omit<Setting, "loss" | "epochs"> = {
  ...{ hidden: [], k: 64, lr: 0.05, negatives: 4, batchSize: 256, dropout: [0.3, 0], l2: 0 },
  ...{ month: false, history: null },
};
const softmax: Omit<Setting, "epochs"> = {
  ...{ ...fm, loss: "softmax", negatives: 64, batchSize: 128, dropout: [0.5, 0] },
};
const wide = { k: 128, batchSize: 64, dropout: [0.7, 0] } as const;
const nfm: Omit<Setting, "loss" | "epochs"> = {
  ...{ ...fm, hidden: [16], k: 128, dropout: [0.5, 0.2], l2: 0.0005 },
};
const history = { last: 10, decay: 0.75 };
const SETTINGS: Readonly<Record<string, Setting>> = {
  "FM, bpr": { ...fm, loss: "bpr", epochs: 50 },
  "FM, max-margin": { ...fm, loss: "max-margin", epochs: 35 },
  "FM, log": { ...fm, loss: "log", epochs: 35 },
  "NFM, bpr": { ...nfm, loss: "bpr", epochs: 45 },
  "NFM, max-margin": { ...nfm, loss: "max-margin", epochs: 35 },
  "NFM, log": { ...nfm, loss: "log", epochs: 60 },
  "FM, softmax": { ...softmax, ...wide, epochs: 24 },
  "FM, softmax, month": { ...softmax, ...wide, epochs: 24, month: true },
  "FM, bpr, history": { ...fm, loss: "bpr", epochs: 40, history },
  "FM, log, history": { ...fm, loss: "log", negatives: 16, epochs: 12, history },
  "FM, softmax, history": { ...softmax, epochs: 16, history },
  "FM, all, history": { ...softmax, negatives: "all", epochs: 16, history },
};
/** A model without options but these, so that the library chooses everything else. */
const DEFAULTS = "defaults, history";

const METRICS = ["hr@10", "ndcg@10", "mrr"] as const;

function modelOf({ hidden, loss, dropout, l2, k, lr }: Setting, seed: number): NFM {
  return new NFM({
    ...{ embeddingDim: k, hiddenUnits: hidden, batchNorm: false, loss, labels: "raw", initStd: 0.01, seed },
    dropout: { biInteraction: dropout[0], hidden: dropout[1] },
    l2: { embedding: l2 },
    optimizer: new Adagrad({ learningRate: lr }),
  });
}

const median = (numbers: readonly number[]): number =>
  [...numbers].sort((a, b) => a - b)[numbers.length >> 1];
const show = (name: string, means: readonly number[], rest: string): void => {
  console.log(`${name.padEnd(22)}${means.map((mean) => mean.toFixed(4).padStart(9)).join("")}  ${rest}`);
};

const users = readUsers(folder, values.tune);
const films = readFilms(folder);
if (values.events !== undefined) {
  writeEvents(values.events, users, films);
  console.log(`${values.events} holds train.csv, heldout.csv, items.csv and users.csv`);
  process.exit();
}
const parts = [eventsOf(users, "train"), eventsOf(users, "heldOut")];
const [train, heldOut] = parts;
/** The same events with the number of their month, counted in parts of 30 days. */
const ofMonths = parts.map((events): Event[] =>
  events.map((event) => ({ ...event, month: `m${Math.floor(event.time / (30 * 86400))}` })),
);
const given = JSON.parse(values.set ?? "{}") as Partial<Setting>;
const purpose = values.tune ? "to tune with" : "for the report";
console.log(`${train.length} events to train on, ${heldOut.length} ${purpose}, ${films.length} films`);
console.log(
  `means of the seeds ${seeds.join(", ")}; in brackets the standard error of hr@10 by the bootstrap\n`,
);
console.log(
  `${"".padEnd(22)}${METRICS.map((metric) => metric.padStart(9)).join("")}  epochs  seconds per epoch`,
);
let isFirst = true;
for (const name of [...Object.keys(SETTINGS), DEFAULTS]) {
  if (values.only !== undefined && values.only !== name) continue;
  const setting = name === DEFAULTS ? null : { ...SETTINGS[name], ...given };
  const [past, coming] = setting?.month === true ? ofMonths : parts;
  const sums = METRICS.map(() => 0);
  const [seconds, best, perSeed]: [number[], number[], string[]] = [[], [], []];
  let error = 0;
  for (const seed of seeds) {
    const model =
      setting === null
        ? new NFM({ loss: "softmax", hiddenUnits: [], seed, notices: false })
        : modelOf(setting, seed);
    const histories = setting === null ? {} : setting.history;
    const options = { users: "user", ...(histories === null ? {} : { history: histories }) };
    const recommender = new Recommender(model, films, options);
    const fit =
      setting === null
        ? {}
        : { epochs: setting.epochs, batchSize: setting.batchSize, negatives: setting.negatives };
    const { epochs, bestEpoch } = await recommender.fit(past, "film", {
      ...{ ...fit, time: "time" },
      ...(values.tune ? { validation: { contexts: coming, items: "film", time: "time" } } : {}),
    });
    const report = recommender.report(coming, "film", { metrics: METRICS, time: "time" });
    if (isFirst)
      show(
        "popularity",
        METRICS.map((metric) => report.baseline!.metrics[metric]),
        "",
      );
    isFirst = false;
    METRICS.forEach((metric, m) => {
      sums[m] += report.metrics[metric] / seeds.length;
    });
    error = report.errors!["hr@10"];
    seconds.push(...epochs.map((epoch) => epoch.seconds));
    best.push(bestEpoch ?? epochs.length);
    perSeed.push(report.metrics["hr@10"].toFixed(4));
  }
  const times = `${String(median(best)).padStart(6)}  ${median(seconds).toFixed(2).padStart(17)}`;
  show(name, sums, `${times}   (${error.toFixed(4)}) ${seeds.length > 1 ? perSeed.join(" ") : ""}`);
}
if (values.peers !== undefined) {
  const events = mkdtempSync(join(tmpdir(), "neural-fm-events-"));
  writeEvents(events, users, films);
  const script = ["bench/peers/recommend.py", events, "--seeds", values.seeds];
  const { status, error } = spawnSync(values.peers, [...script, ...(values.tune ? ["--tune"] : [])], {
    stdio: "inherit",
  });
  rmSync(events, { recursive: true });
  if (error !== undefined) console.error(`--peers ${values.peers}: ${error.message}`);
  if (status !== 0) process.exit(1);
}
if (values.tune || values.only !== undefined) process.exit();

/** Microseconds per call, the median. */
function timeOf(calls: number, call: (i: number) => unknown): string {
  const times: number[] = [];
  for (let i = 0; i < calls; i++) {
    const start = performance.now();
    call(i);
    times.push((performance.now() - start) * 1000);
  }
  return median(times).toFixed(0).padStart(8);
}

console.log("\nmicroseconds per list of 10, median, k = 64    NFM [64]      FM");
const lists = heldOut.map(({ film: _film, time: _time, ...context }): FeatureMap => context);
const known = users.map((user) => user.train.map(({ item }) => item));
/** 100,000 items of one feature, and contexts of 20. */
const many = Array.from({ length: 100_000 }, (_, i): FeatureMap => ({ item: `${i}` }));
const contexts = Array.from(
  { length: 50 },
  (_, c): FeatureMap =>
    Object.fromEntries(Array.from({ length: 20 }, (_, f) => [`field${f}`, `${(c * 7 + f) % 10}`])),
);
const cells: [films: string, many: string][] = [];
for (const hidden of [[64], []]) {
  const setting = { ...SETTINGS["FM, bpr"], hidden };
  const overFilms = new Recommender(modelOf(setting, 1), films);
  await overFilms.fit(train, "film", { epochs: 1, time: "time" });
  const overMany = new Recommender(modelOf(setting, 1), many);
  await overMany.fit(
    contexts,
    contexts.map((_, i) => `${i * 1999}`),
    { epochs: 1 },
  );
  for (let i = 0; i < 5; i++) overMany.recommend(contexts[i]);
  cells.push([
    timeOf(400, (i) => overFilms.recommend(lists[i], { exclude: known[i] })),
    timeOf(40, (i) => overMany.recommend(contexts[i % 50])),
  ]);
}
console.log(
  `${films.length} films, a context of 4 fields             ${cells.map(([time]) => time).join("")}`,
);
console.log(`100,000 items of one feature, a context of 20 ${cells.map(([, time]) => time).join("")}`);

// The softmax over a large catalog: the cost of an epoch by the number of negatives that a batch shares.
const purchases = Array.from({ length: 50_000 }, (_, i) => ({
  user: `u${(i * 7) % 5000}`,
  bought: `${(i * 7919) % 100_000}`,
}));
console.log("\nseconds per epoch of a softmax, FM, k = 64: 100,000 items, 50,000 events, batches of 128");
for (const negatives of [64, 128, 256, 512, 1024]) {
  const model = new NFM({ loss: "softmax", hiddenUnits: [], embeddingDim: 64, seed: 1, notices: false });
  const recommender = new Recommender(model, many, { users: "user" });
  const { epochs } = await recommender.fit(purchases, "bought", { epochs: 3, negatives });
  const seconds = median(epochs.map((epoch) => epoch.seconds));
  const perEvent = ((seconds / purchases.length) * 1e6).toFixed(1);
  console.log(
    `${String(negatives).padStart(6)} negatives ${seconds.toFixed(2).padStart(8)}  ` +
      `(${perEvent} microseconds per event)`,
  );
}
