// A recommender that lives: MovieLens 100k in the order of time. Usage: npm run bench -- nightly FOLDER
// [--seeds 1] [--nights 20] [--set '{"replay": 1, "epochs": 1}']
// FOLDER holds RecBole's ml-100k.inter, .user and .item; a rating of 4 or 5 is an event. The first fit has
// 60 % of the events, the others come in equal parts, one per night. Each night three recommenders are
// measured on the events of the coming day: the one of the first fit, which never learns more (stale), the
// one that `update` trains every night, and a fresh fit on all events so far. A user is old if there was an
// event of this user before the night. The last part measures users whom training never saw.

import { parseArgs } from "node:util";
import { Adagrad, NFM, Recommender, type RecommenderUpdateOptions } from "../src/index.ts";
import { isML100k } from "./ml-100k.ts";
import { type Event, eventsOf, type Film, readFilms, readUsers } from "./ranking/events.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seeds: { type: "string", default: "1" },
    nights: { type: "string", default: "20" },
    set: { type: "string", default: "{}" },
  },
});
const [folder] = positionals;
if (positionals.length !== 1 || !isML100k(folder)) {
  console.error("usage: npm run bench -- nightly FOLDER [--seeds 1] [--nights 20] [--set JSON]");
  console.error("FOLDER must hold RecBole's ml-100k.inter, ml-100k.user and ml-100k.item");
  process.exit(2);
}
const NIGHTS = 20;
const nights = Number(values.nights);
const updateOptions = JSON.parse(values.set) as RecommenderUpdateOptions;
const seeds = values.seeds.split(",").map(Number);

const films = readFilms(folder);
const users = readUsers(folder, false);
const events = [...eventsOf(users, "train"), ...eventsOf(users, "heldOut")].sort((a, b) => a.time - b.time);
const cut = Math.round(events.length * 0.6);
const edgeOf = (night: number): number => cut + Math.round(((events.length - cut) * night) / NIGHTS);

function newRecommender(seed: number): Recommender<Film> {
  const model = new NFM({
    ...{ loss: "softmax", embeddingDim: 64, hiddenUnits: [], labels: "raw", initStd: 0.01, l2: {} },
    ...{ dropout: { biInteraction: 0.5 }, optimizer: new Adagrad({ learningRate: 0.05 }), seed },
    notices: false,
  });
  return new Recommender(model, films, { users: "user", history: {} });
}

async function fitted(seed: number, past: readonly Event[]): Promise<[Recommender<Film>, seconds: number]> {
  const recommender = newRecommender(seed);
  const start = performance.now();
  await recommender.fit(past, "film", { epochs: 14, time: "time" });
  return [recommender, (performance.now() - start) / 1000];
}

/** The sum of hits, and the number of events, by the name of the measurement. */
const hits = new Map<string, [sum: number, count: number]>();
function count(name: string, hitRate: number, of: number): void {
  const [sum, total] = hits.get(name) ?? [0, 0];
  hits.set(name, [sum + hitRate * of, total + of]);
}
function measure(
  name: string,
  recommender: Recommender<Film>,
  day: readonly Event[],
  old: Set<string>,
): void {
  for (const kind of ["all", "old", "new"]) {
    const rows = day.filter(({ user }) => kind === "all" || old.has(user) === (kind === "old"));
    if (rows.length === 0) continue;
    const measured = recommender.evaluate(rows, "film", { metrics: ["hr@10"], time: "time" });
    count(`${name} ${kind}`, measured["hr@10"], rows.length);
  }
}

let [updating, fitting] = [0, 0];
for (const seed of seeds) {
  const [live] = await fitted(seed, events.slice(0, cut));
  const [stale] = await fitted(seed, events.slice(0, cut));
  for (let night = 0; night < nights; night++) {
    const past = events.slice(0, edgeOf(night));
    const day = events.slice(edgeOf(night), edgeOf(night + 1));
    const old = new Set(past.map(({ user }) => user));
    const [fresh, seconds] = await fitted(seed, past);
    fitting += seconds;
    measure("stale", stale, day, old);
    measure("update", live, day, old);
    measure("fresh fit", fresh, day, old);
    const start = performance.now();
    await live.update(day, "film", { ...updateOptions, time: "time" });
    updating += (performance.now() - start) / 1000;
  }
}
const rate = (name: string): string => {
  const [sum, total] = hits.get(name) ?? [NaN, 1];
  return (sum / total).toFixed(4).padStart(11);
};
console.log(`${events.length} events, ${cut} for the first fit, ${nights} nights, seeds ${seeds.join(", ")}`);
console.log(`\nhr@10           all users  old users  new users  seconds`);
for (const [name, seconds] of [
  ["stale", 0],
  ["update", updating],
  ["fresh fit", fitting],
] as const) {
  const rates = ["all", "old", "new"].map((kind) => rate(`${name} ${kind}`)).join("");
  console.log(`${name.padEnd(14)}${rates}${seconds.toFixed(1).padStart(9)}`);
}
const shareOf = (kind: string): string => {
  const share = Number(rate(`update ${kind}`)) / Number(rate(`fresh fit ${kind}`));
  return `${(100 * share).toFixed(1)} %`;
};
const shares = `${shareOf("all")} (old users ${shareOf("old")}, new users ${shareOf("new")})`;
const time = ((100 * updating) / fitting).toFixed(1);
console.log(`hr@10 of update relative to the fresh fit: ${shares}, in ${time} % of its time`);

// Users whom training never saw. A user has five films: the last five before the latest one, which is asked
// for. In each of five rounds a fifth of the users is not trained at all, or trained with these five films.
const USERS = users.filter(({ train }) => train.length >= 5);
const ROUNDS = 5;
hits.clear();
for (const seed of seeds) {
  for (let round = 0; round < ROUNDS; round++) {
    const asked = USERS.filter((_, i) => i % ROUNDS === round);
    const short = asked.map((user) => ({ ...user, train: user.train.slice(-5) }));
    const names = new Set(asked.map(({ user }) => user));
    const others = users.filter(({ user }) => !names.has(user));
    const [without] = await fitted(seed, eventsOf(others, "train"));
    const [trained] = await fitted(seed, eventsOf([...others, ...short], "train"));
    for (const { user, features, train, heldOut } of short) {
      const history = train.map(({ item }) => item);
      const context = { user, ...features };
      const ask = (name: string, recommender: Recommender<Film>, given: readonly string[]): void => {
        const list = recommender.recommend(context, { history: given });
        count(name, list.some(({ id }) => id === heldOut[0].item) ? 1 : 0, 1);
      };
      ask("trained with five films", trained, history);
      ask("not trained, five films as history", without, history);
      ask("not trained, without a history", without, []);
    }
  }
}
console.log(`\nhr@10 of ${USERS.length} users with five films`);
for (const name of hits.keys()) console.log(`${name.padEnd(40)}${rate(name)}`);
const ratio = Number(rate("not trained, five films as history")) / Number(rate("trained with five films"));
console.log(`without training ${(100 * ratio).toFixed(1)} %`);
