// Recommending on MovieLens 100k as implicit feedback. Usage: npm run bench -- ranking FOLDER [options]
// FOLDER holds RecBole's ml-100k.inter, .user and .item. A rating of 4 or 5 is an event; the latest of each user is held
// out, and ranked among all films but those the user has in training. --tune holds out the latest but one instead, and
// leaves the latest alone.

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { Adagrad, NFM, Recommender, type FeatureMap } from "../src/index.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seed: { type: "string", default: "1" },
    epochs: { type: "string", default: "30" },
    k: { type: "string", default: "64" },
    hidden: { type: "string", default: "64" },
    lr: { type: "string", default: "0.05" },
    batch: { type: "string", default: "256" },
    dropout: { type: "string", default: "0.5,0.2" },
    "l2-embedding": { type: "string", default: "0" },
    "l2-linear": { type: "string", default: "0" },
    "batch-norm": { type: "boolean", default: false },
    activation: { type: "string", default: "relu" },
    "init-std": { type: "string", default: "0.01" },
    acc: { type: "string", default: "1e-8" },
    negatives: { type: "string" },
    popularity: { type: "string", default: "0" },
    loss: { type: "string", default: "bpr" },
    recent: { type: "string", default: "0" },
    fm: { type: "boolean", default: false },
    side: { type: "string", default: "all" },
    tune: { type: "boolean", default: false },
  },
});
const [folder] = positionals;

function readTable(name: string): Record<string, string>[] {
  const [header, ...lines] = readFileSync(join(folder, name), "utf8").split(/\r?\n/).filter((line) => line !== "");
  const columns = header.split("\t").map((column) => column.split(":")[0]);
  return lines.map((line) => Object.fromEntries(line.split("\t").map((cell, i) => [columns[i], cell])));
}
function band(value: string, width: number): string | null {
  return Number.isFinite(Number(value)) && value !== "" ? `${Math.floor(Number(value) / width) * width}` : null;
}
const side = values.side === "all";
const people = new Map(readTable("ml-100k.user").map((row) => [row.user_id, row]));
const films = readTable("ml-100k.item");
const items: FeatureMap[] = films.map((film) => side ? ({
  item: film.item_id, year: band(film.release_year, 5), genres: film.class.split(" ").filter((g) => g !== ""),
}) : { item: film.item_id });
const byUser = new Map<string, { item: string; time: number }[]>();
for (const { user_id, item_id, rating, timestamp } of readTable("ml-100k.inter")) {
  if (Number(rating) < 4) continue;
  if (!byUser.has(user_id)) byUser.set(user_id, []);
  byUser.get(user_id)!.push({ item: item_id, time: Number(timestamp) });
}
const recent = Number(values.recent);
interface Event { context: FeatureMap; item: string; user: string }
const [train, held]: [Event[], Event[]] = [[], []];
const known = new Map<string, string[]>();
for (const [user, list] of byUser) {
  list.sort((a, b) => a.time - b.time || Number(a.item) - Number(b.item));
  const person = people.get(user)!;
  const event = (t: number): Event => {
    const last = list.slice(Math.max(0, t - recent), t).map(({ item }) => item);
    const w = 1 / Math.sqrt(last.length || 1);
    return {
      user, item: list[t].item,
      context: { user, ...(side ? { age: band(person.age, 5), gender: person.gender, occupation: person.occupation } : {}), ...(recent ? { recent: Object.fromEntries(last.map((i) => [i, w])) } : {}) },
    };
  };
  const end = list.length - (values.tune ? 2 : 1);
  if (end < 1) continue;
  for (let t = 0; t < end; t++) train.push(event(t));
  held.push(event(end));
  known.set(user, list.slice(0, end).map(({ item }) => item));
}
const exclude = held.map(({ user }) => known.get(user)!);
console.log(train.length, held.length);
// popularity
{
  const count = new Map<string, number>();
  for (const { item } of train) count.set(item, (count.get(item) ?? 0) + 1);
  let [hr, ndcg, mrr] = [0, 0, 0];
  held.forEach(({ item }, i) => {
    const out = new Set(exclude[i]);
    const own = count.get(item) ?? 0;
    let rank = 1;
    for (const f of films) if (f.item_id !== item && !out.has(f.item_id) && (count.get(f.item_id) ?? 0) >= own) rank++;
    if (rank <= 10) { hr++; ndcg += 1 / Math.log2(rank + 1); }
    mrr += 1 / rank;
  });
  console.log("popularity", (hr / held.length).toFixed(4), (ndcg / held.length).toFixed(4), (mrr / held.length).toFixed(4));
}
const [biInteraction, hidden] = values.dropout.split(",").map(Number);
const model = new NFM({
  embeddingDim: Number(values.k), hiddenUnits: values.fm ? [] : values.hidden.split(",").map(Number), batchNorm: values["batch-norm"],
  dropout: { biInteraction, hidden }, l2: { linear: Number(values["l2-linear"]), embedding: Number(values["l2-embedding"]) },
  optimizer: new Adagrad({ learningRate: Number(values.lr), initialAccumulator: Number(values.acc) }), seed: Number(values.seed), loss: values.loss as "bpr", initStd: Number(values["init-std"]), activation: values.activation as "relu",
});
const recommender = new Recommender(model, items);
const t0 = performance.now();
await recommender.fit(train.map((e) => e.context), train.map((e) => e.item), {
  users: "user", epochs: Number(values.epochs), batchSize: Number(values.batch), popularity: Number(values.popularity),
  ...(values.negatives ? { negatives: Number(values.negatives) } : {}),
  validation: { contexts: held.map((e) => e.context), items: held.map((e) => e.item), exclude },
  onEpoch({ epoch, loss, validation, seconds, best }) {
    if (epoch % 5 === 0 || epoch === 1) console.log(epoch, loss.toFixed(4), Object.values(validation!).map((v) => v.toFixed(4)).join(" "), seconds.toFixed(2), best ? "*" : "");
  },
});
const { history } = model;
const b = history!.epochs[history!.bestEpoch! - 1];
console.log("BEST", JSON.stringify(values.fm ? "FM" : "NFM"), process.argv.slice(3).join(" "), b.epoch, Object.values(b.validation!).map((v) => v.toFixed(4)).join(" "), ((performance.now() - t0) / 1000).toFixed(0) + "s");
