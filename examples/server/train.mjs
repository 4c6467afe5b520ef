// One training, in a process of its own: it can be slow, run out of memory or be killed, and the service goes
// on. It reads the log of events, writes a candidate file, measures the old and the new model on the same
// held-out events, and reports both. It decides nothing and changes no file of the service.

import { readFile } from "node:fs/promises";
import { setPriority } from "node:os";
import { NFM, Recommender } from "neural-fm";
import { RecommenderPredictor } from "neural-fm/predict";
import { RecentItems, readEvents } from "./events.mjs";
import { hashOf, writeDurably } from "./files.mjs";

process.on("disconnect", () => process.exit(1)); // the service has gone
process.on("SIGINT", () => {}); // Ctrl-C reaches both processes, and the service ends this one

process.once("message", async (job) => {
  try {
    setPriority(job.nice);
    process.send(await train(job));
  } catch (error) {
    process.send({ error: error.stack });
  }
  process.disconnect();
});

/**
 * Trains.
 *
 * @param {object} job
 * @param {"update" | "fit"} job.mode Learn the new events, or start afresh with all of them.
 * @param {string} job.catalog Path of the catalog.
 * @param {string} job.events Path of the log.
 * @param {number} job.end Size of the log.
 * @param {number} job.learned Position in the log from which on nothing was learned.
 * @param {number} job.heldOut How many of the latest events are held out.
 * @param {string | null} job.model Path of the current model.
 * @param {string} job.candidate Path of the file to write.
 * @param {number} job.nice Priority of the process, from 0 to 19 (the lowest).
 */
async function train(job) {
  const start = performance.now();
  const catalog = JSON.parse(await readFile(job.catalog, "utf8"));
  const isListed = new Set(catalog.map(({ item }) => item));
  const read = await readEvents(job.events, job.end);
  const events = read.events.filter(({ product }) => isListed.has(product));

  // The latest events are held out. No model has learned them: what one training holds out, the next learns.
  const fresh = events.filter(({ at }) => at >= job.learned);
  const count = Math.min(job.heldOut, job.model === null ? Math.floor(events.length / 5) : fresh.length);
  const heldOut = count === 0 ? [] : events.slice(-count);
  const past = events.slice(0, events.length - count);
  const measured = firstTimes(past, heldOut);
  const toLearn = job.mode === "fit" ? past : fresh.slice(0, fresh.length - count);
  if (toLearn.length === 0 || measured.size === 0)
    return { skipped: `there are ${fresh.length} new events, and the latest ${job.heldOut} are held out` };

  const recommender =
    job.mode === "fit" ? await fitAll(catalog, toLearn) : await learnMore(job.model, catalog, toLearn);
  await writeDurably(job.candidate, recommender.save());
  return {
    metric: await measure(job.candidate, past, heldOut, measured),
    metricBefore: job.model === null ? null : await measure(job.model, past, heldOut, measured),
    sha256: await hashOf(job.candidate),
    learned: heldOut[0].at,
    events: toLearn.length,
    heldOut: measured.size,
    seconds: (performance.now() - start) / 1000,
  };
}

/** Trains a new model. */
async function fitAll(catalog, events) {
  const model = new NFM({
    ...{ loss: "softmax", hiddenUnits: [], embeddingDim: 32, seed: 1 },
    ...{ threads: 1, notices: false },
  });
  const history = { fields: ["kind", "brand"] };
  const recommender = new Recommender(model, catalog, { users: "user", history });
  await recommender.fit(events.map(toRow), "product", { time: "time", epochs: 10 });
  return recommender;
}

/** Goes on with the current model. The catalog may have changed since. */
async function learnMore(path, catalog, events) {
  const recommender = Recommender.load(await readFile(path), { threads: 1, notices: false });
  const ids = new Set(catalog.map(({ item }) => item));
  recommender.putItems(catalog);
  recommender.removeItems(recommender.ids.filter((id) => !ids.has(id)));
  await recommender.update(events.map(toRow), "product", { time: "time" });
  return recommender;
}

/** An event without its position in the log. The shop has other fields? Then this and schemas.mjs change. */
function toRow({ user, country, product, time }) {
  return { user, country, product, time };
}

/** The held-out events in which a user takes an item for the first time. Lists hold no other items. */
function firstTimes(past, heldOut) {
  const key = ({ user, product }) => JSON.stringify([user, product]);
  const taken = new Set(past.map(key));
  return new Set(heldOut.filter((event) => !taken.has(key(event)) && taken.add(key(event))));
}

/**
 * Measures a model file as the service would use it: one list per held-out event, with what the user took
 * until then as the history.
 *
 * @param {string} path The model file.
 * @param {object[]} past The events before the held-out ones.
 * @param {object[]} heldOut The held-out events.
 * @param {Set<object>} measured Those of them that count.
 * @returns {Promise<number>} ndcg@10: 1 if the item is the first of the list, 1 / log2(rank + 1) up to rank
 *   10, else 0; the mean of the events that count.
 */
async function measure(path, past, heldOut, measured) {
  const model = RecommenderPredictor.load(await readFile(path), { notices: false });
  const recent = new RecentItems();
  for (const event of past) recent.add(event);
  let sum = 0;
  for (const event of heldOut) {
    const { user, country, product } = event;
    if (measured.has(event)) {
      const list = model.recommend({ user, country }, { top: 10, history: recent.of(user) });
      const rank = list.findIndex(({ id }) => id === product) + 1;
      if (rank > 0) sum += 1 / Math.log2(rank + 1);
    }
    recent.add(event);
  }
  return sum / measured.size;
}
