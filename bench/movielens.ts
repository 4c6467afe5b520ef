// Rating prediction on MovieLens 100k. Usage: npm run bench -- movielens FOLDER [options] FOLDER holds
// RecBole's ml-100k.inter, .user and .item. A random tenth of the ratings (by --seed) is for the report.
// Defaults, epochs included, come from 36 runs with --tune, which carves a tenth from the other ratings (seed
// 1, whose report is the clean one; a single run used seed 2). The last epoch is the result, the best a
// remark. RMSE is of ratings clamped to 1..5, as for the baseline: global mean + regularized biases of users
// and items.

import { parseArgs } from "node:util";
import { randomKey, randomPermutation, Stream } from "../src/core/random.ts";
import { Adagrad, type FeatureMap, NFM } from "../src/index.ts";
import { band, isML100k, readTable } from "./ml-100k.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seed: { type: "string", default: "1" },
    epochs: { type: "string", default: "25" },
    k: { type: "string", default: "64" },
    hidden: { type: "string", default: "64" },
    lr: { type: "string", default: "0.02" },
    batch: { type: "string", default: "256" },
    dropout: { type: "string", default: "0.7,0.3" },
    "l2-linear": { type: "string", default: "0" },
    "l2-embedding": { type: "string", default: "0.003" },
    "batch-norm": { type: "boolean", default: false },
    fm: { type: "boolean", default: false },
    tune: { type: "boolean", default: false },
    fields: { type: "string", default: "user,item,age,gender,occupation,year,genres" },
  },
});
const [folder] = positionals;
if (positionals.length !== 1 || !isML100k(folder)) {
  console.error(
    "usage: npm run bench -- movielens FOLDER [--seed 1] [--epochs 25] [--k 64] [--hidden 64] [--lr 0.02] [--batch 256]",
  );
  console.error(
    "       [--dropout 0.7,0.3] [--l2-linear 0] [--l2-embedding 0.003] [--batch-norm] [--fm] [--tune] [--fields user,item,...]",
  );
  console.error("FOLDER must hold RecBole's ml-100k.inter, ml-100k.user and ml-100k.item");
  process.exit(2);
}

interface Rating {
  readonly user: string;
  readonly item: string;
  readonly rating: number;
}

const users = new Map(readTable(folder, "ml-100k.user").map((row) => [row.user_id, row]));
const items = new Map(readTable(folder, "ml-100k.item").map((row) => [row.item_id, row]));
const fields = new Set(values.fields.split(","));

function toMap({ user, item }: Rating): FeatureMap {
  const [person, film] = [users.get(user), items.get(item)];
  const map: FeatureMap = {
    user,
    item,
    age: band(person?.age ?? "", 5),
    gender: person?.gender,
    occupation: person?.occupation,
    year: band(film?.release_year ?? "", 5),
    genres: (film?.class ?? "").split(" ").filter((genre) => genre !== ""),
  };
  return Object.fromEntries(Object.entries(map).filter(([field]) => fields.has(field)));
}

/** Biases of items, then of users, each a mean residual shrunk towards 0. */
function biasBaseline(train: readonly Rating[]): (row: Rating) => number {
  const mean = train.reduce((sum, { rating }) => sum + rating, 0) / train.length;
  const fit = (
    key: "user" | "item",
    shrink: number,
    predicted: (row: Rating) => number,
  ): Map<string, number> => {
    const sums = new Map<string, [sum: number, count: number]>();
    for (const row of train) {
      const [sum, count] = sums.get(row[key]) ?? [0, 0];
      sums.set(row[key], [sum + row.rating - predicted(row), count + 1]);
    }
    return new Map(Array.from(sums, ([id, [sum, count]]) => [id, sum / (count + shrink)]));
  };
  let [ofUsers, ofItems] = [new Map<string, number>(), new Map<string, number>()];
  const bias = (of: Map<string, number>, id: string): number => of.get(id) ?? 0;
  for (let round = 0; round < 10; round++) {
    ofItems = fit("item", 4, ({ user }) => mean + bias(ofUsers, user));
    ofUsers = fit("user", 4, ({ item }) => mean + bias(ofItems, item));
  }
  return ({ user, item }) => mean + bias(ofUsers, user) + bias(ofItems, item);
}

const seed = Number(values.seed);
const ratings = readTable(folder, "ml-100k.inter").map(
  ({ user_id, item_id, rating }): Rating => ({ user: user_id, item: item_id, rating: Number(rating) }),
);
const order = randomPermutation(randomKey(seed, Stream.split), ratings.length);
const tenth = Math.round(ratings.length / 10);
const take = (from: number, to: number): Rating[] => Array.from(order.subarray(from, to), (i) => ratings[i]);
const start = values.tune ? tenth : 0; // tuning leaves the first tenth alone
const [heldOut, train] = [take(start, start + tenth), take(start + tenth, ratings.length)];

const baseline = biasBaseline(train);
const clamp = (rating: number): number => Math.min(5, Math.max(1, rating));
const errors = heldOut.map((row) => clamp(baseline(row)) - row.rating);
const baselineRMSE = Math.sqrt(errors.reduce((sum, e) => sum + e * e, 0) / errors.length);
const baselineMAE = errors.reduce((sum, e) => sum + Math.abs(e), 0) / errors.length;

const [biInteraction, hidden] = values.dropout.split(",").map(Number);
const model = new NFM({
  embeddingDim: Number(values.k),
  hiddenUnits: values.fm ? [] : values.hidden.split(",").map(Number),
  batchNorm: values["batch-norm"],
  dropout: { biInteraction, hidden },
  l2: { linear: Number(values["l2-linear"]), embedding: Number(values["l2-embedding"]) },
  labels: "raw",
  initStd: 0.01,
  optimizer: new Adagrad({ learningRate: Number(values.lr) }),
  seed,
});
const mean = train.reduce((sum, { rating }) => sum + rating, 0) / train.length;
const labels = (rows: readonly Rating[]): Float32Array =>
  Float32Array.from(rows, ({ rating }) => rating - mean); // w0 starts at 0
console.log(
  `${train.length} ratings to train on, ${heldOut.length} ${values.tune ? "to tune with" : "for the report"}, seed ${seed}\n`,
);
console.log("epoch  train loss     RMSE      MAE  seconds");
const history = await model.fit(train.map(toMap), labels(train), {
  epochs: Number(values.epochs),
  batchSize: Number(values.batch),
  validation: { x: heldOut.map(toMap), y: labels(heldOut) },
  metrics: ["rmse-clamped", "mae"],
  restoreBest: false,
  onEpoch({ epoch, loss, validation, seconds }) {
    const [rmse, mae] = [validation!["rmse-clamped"], validation!.mae].map((value) =>
      value.toFixed(4).padStart(7),
    );
    console.log(
      `${String(epoch).padStart(5)}  ${loss.toFixed(4).padStart(10)}  ${rmse}  ${mae}  ${seconds.toFixed(2).padStart(7)}`,
    );
  },
});
const best = history.epochs.find(({ epoch }) => epoch === history.bestEpoch)!;
const last = history.epochs[history.epochs.length - 1];
const line = (name: string, rmse: number, mae: number): void => {
  console.log(`${name.padEnd(24)} RMSE ${rmse.toFixed(4)}  MAE ${mae.toFixed(4)}`);
};
console.log();
line("biases alone", baselineRMSE, baselineMAE);
line(
  `${values.fm ? "FM" : "NFM"}, after ${last.epoch} epochs`,
  last.validation!["rmse-clamped"],
  last.validation!.mae,
);
line(`best epoch (${best.epoch})`, best.validation!["rmse-clamped"], best.validation!.mae);
