// Recommending on MovieLens 100k as implicit feedback. Usage: npm run bench -- ranking FOLDER [options]
// FOLDER holds RecBole's ml-100k.inter, .user and .item. A rating of 4 or 5 is an event; the latest of each
// user is held out and ranked among all films but those the user has in training, ties counting against it.
// Contexts are the user with age, gender and occupation, and with --recent N the last N films liked before;
// items are films with year and genres. Settings and epochs were chosen with --tune, which holds out the
// three events before the latest and never sees that one. Prints metrics by model, seconds per epoch, and the
// time of a list over this catalog and over a generated one. --peers PYTHON prints other libraries below, see
// peers/README.md; --events OUT only writes the events, as they read them.

import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import {
  Adagrad,
  type FeatureMap,
  NFM,
  type NFMOptions,
  Recommender,
  type RecommenderFitOptions,
} from "../src/index.ts";
import { isML100k } from "./ml-100k.ts";
import { type Event, readFilms, readUsers, withContexts, writeEvents } from "./ranking/events.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seed: { type: "string", default: "1" },
    recent: { type: "string", default: "0" },
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
    "usage: npm run bench -- ranking FOLDER [--seed 1] [--recent 0] [--only NAME] [--tune] [--events OUT] " +
      `[--peers PYTHON] [--set '{"epochs": 40, "dropout": [0.3, 0.2]}']`,
  );
  console.error("FOLDER must hold RecBole's ml-100k.inter, ml-100k.user and ml-100k.item");
  process.exit(2);
}

/** What is tried: options of the model and of its training. */
interface Setting {
  readonly hidden: readonly number[];
  readonly loss: "bpr" | "max-margin" | "log";
  readonly epochs: number;
  readonly dropout: readonly [biInteraction: number, hidden: number];
  readonly l2: number;
  readonly negatives: number;
  readonly k: number;
  readonly lr: number;
}

const fm = { hidden: [], k: 64, lr: 0.05, negatives: 4, dropout: [0.3, 0], l2: 0 } as const;
const nfm = { hidden: [16], k: 128, lr: 0.05, negatives: 4, dropout: [0.5, 0.2], l2: 0.0005 } as const;
const SETTINGS: Readonly<Record<string, Setting>> = {
  "FM, bpr": { ...fm, loss: "bpr", epochs: 50 },
  "FM, max-margin": { ...fm, loss: "max-margin", epochs: 35 },
  "FM, log": { ...fm, loss: "log", epochs: 35 },
  "FM as NFM, bpr": { ...nfm, hidden: [], loss: "bpr", epochs: 45 },
  "NFM, bpr": { ...nfm, loss: "bpr", epochs: 45 },
  "NFM, max-margin": { ...nfm, loss: "max-margin", epochs: 35 },
  "NFM, log": { ...nfm, loss: "log", epochs: 60 },
};

const METRICS = ["hr@10", "ndcg@10", "mrr"] as const;
type Measured = Readonly<Record<string, number>>;

/** The same list for everybody: films by the number of their events. */
function popularity(
  train: readonly Event[],
  heldOut: readonly Event[],
  films: readonly FeatureMap[],
): Measured {
  const events = new Map<string, number>();
  for (const { item } of train) events.set(item, (events.get(item) ?? 0) + 1);
  const ids = films.map((film) => (film as { item: string }).item);
  const sums: Record<string, number> = { "hr@10": 0, "ndcg@10": 0, mrr: 0 };
  for (const { item, known } of heldOut) {
    const own = events.get(item) ?? 0;
    const left = new Set(known);
    const rank = 1 + ids.filter((id) => id !== item && !left.has(id) && (events.get(id) ?? 0) >= own).length;
    sums["hr@10"] += rank <= 10 ? 1 : 0;
    sums["ndcg@10"] += rank <= 10 ? 1 / Math.log2(rank + 1) : 0;
    sums.mrr += 1 / rank;
  }
  return Object.fromEntries(METRICS.map((metric) => [metric, sums[metric] / heldOut.length]));
}

function modelOf({ hidden, loss, dropout, l2, k, lr }: Setting, seed: number): NFM {
  const options: NFMOptions = {
    embeddingDim: k,
    hiddenUnits: hidden,
    batchNorm: false,
    dropout: { biInteraction: dropout[0], hidden: dropout[1] },
    loss,
    labels: "raw",
    initStd: 0.01,
    l2: { embedding: l2 },
    optimizer: new Adagrad({ learningRate: lr }),
    seed,
  };
  return new NFM(options);
}

const median = (numbers: readonly number[]): number =>
  [...numbers].sort((a, b) => a - b)[numbers.length >> 1];
const show = (name: string, measured: Measured, rest: string): void => {
  console.log(
    `${name.padEnd(16)}${METRICS.map((metric) => measured[metric].toFixed(4).padStart(9)).join("")}  ${rest}`,
  );
};

const users = readUsers(folder, values.tune);
const films = readFilms(folder);
if (values.events !== undefined) {
  writeEvents(values.events, users, films);
  console.log(`${values.events} holds train.csv, heldout.csv, items.csv and users.csv`);
  process.exit();
}
const { train, heldOut } = withContexts(users, Number(values.recent));
const contextsOf = (events: readonly Event[]): FeatureMap[] => events.map(({ context }) => context);
const itemsOf = (events: readonly Event[]): string[] => events.map(({ item }) => item);
const exclude = heldOut.map(({ known }) => known);
const given = JSON.parse(values.set ?? "{}") as Partial<Setting>;
const purpose = values.tune ? "to tune with" : "for the report";
const counts = `${train.length} events to train on, ${heldOut.length} ${purpose}, ${films.length} films`;
console.log(`${counts}, seed ${values.seed}\n`);
console.log(
  `${"".padEnd(16)}${METRICS.map((metric) => metric.padStart(9)).join("")}  epochs  seconds per epoch`,
);
show("popularity", popularity(train, heldOut, films), "");
for (const [name, defaults] of Object.entries(SETTINGS)) {
  if (values.only !== undefined && values.only !== name) continue;
  const setting = { ...defaults, ...given };
  const recommender = new Recommender(modelOf(setting, Number(values.seed)), films);
  const options: RecommenderFitOptions = {
    users: "user",
    epochs: setting.epochs,
    batchSize: 256,
    negatives: setting.negatives,
  };
  const questions = { contexts: contextsOf(heldOut), items: itemsOf(heldOut), exclude };
  const { epochs, bestEpoch } = await recommender.fit(
    contextsOf(train),
    itemsOf(train),
    values.tune ? { ...options, validation: questions } : options,
  );
  const measured = recommender.evaluate(questions.contexts, questions.items, { metrics: METRICS, exclude });
  show(
    name,
    measured,
    `${String(bestEpoch ?? setting.epochs).padStart(6)}  ${median(epochs.map(({ seconds }) => seconds))
      .toFixed(2)
      .padStart(17)}`,
  );
}
if (values.peers !== undefined) {
  const events = mkdtempSync(join(tmpdir(), "neural-fm-events-"));
  writeEvents(events, users, films);
  const script = [
    "bench/peers/recommend.py",
    events,
    "--seed",
    values.seed,
    ...(values.tune ? ["--tune"] : []),
  ];
  const { status, error } = spawnSync(values.peers, script, { stdio: "inherit" });
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
const lists = contextsOf(heldOut);
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
  await overFilms.fit(contextsOf(train), itemsOf(train), { epochs: 1 });
  const overMany = new Recommender(modelOf(setting, 1), many);
  await overMany.fit(
    contexts,
    contexts.map((_, i) => `${i * 1999}`),
    { epochs: 1 },
  );
  for (let i = 0; i < 5; i++) overMany.recommend(contexts[i]);
  cells.push([
    timeOf(400, (i) => overFilms.recommend(lists[i], { exclude: exclude[i] })),
    timeOf(40, (i) => overMany.recommend(contexts[i % 50])),
  ]);
}
console.log(
  `${films.length} films, a context of 4 fields             ${cells.map(([time]) => time).join("")}`,
);
console.log(`100,000 items of one feature, a context of 20 ${cells.map(([, time]) => time).join("")}`);
