// The service: reads the settings, makes a shop if there is none, listens, loads or trains the model, and
// ends in order. Run it with `npm start`.

import { access, mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { pino } from "pino";
import { makeApp } from "./app.mjs";
import { readConfig } from "./config.mjs";
import { EventLog } from "./events.mjs";
import { writeAtomically } from "./files.mjs";
import { Metrics } from "./metrics.mjs";
import { Models } from "./models.mjs";
import { makeCatalog, makeEvents } from "./shop.mjs";
import { Training } from "./training.mjs";

/** Ends the process with a message for whoever has started it. */
function fail(error) {
  console.error(`neural-fm example server: ${error.message}`);
  process.exit(1);
}

const config = await readSettings();
const logger = pino({ level: config.logLevel, base: null });
const metrics = new Metrics();
const state = { isStopping: false, catalog: new Set() };
const catalogPath = join(config.folder, "catalog.json");
const eventsPath = join(config.folder, "events.jsonl");

await makeDataIfNone().catch(fail);
await reloadCatalog().catch(fail);
const { log: events, ...found } = await EventLog.open(eventsPath).catch(fail);
logger.info(found, "opened the log of events");
const models = new Models(config.folder, { reasons: config.reasons, metrics });
const training = new Training({ config, models, events, metrics, logger, reloadCatalog });
const app = makeApp({ config, models, events, training, metrics, logger, state });

for (const signal of ["SIGTERM", "SIGINT"]) process.once(signal, () => stop(signal));

// It listens first, so that /health can say "loading".
await app.listen({ host: config.host, port: config.port }).catch(fail);
const hasModel = await models.open().catch(fail);
if (hasModel) logger.info(models.current.manifest, "loaded the model");
else training.start("fit");
training.schedule();

/** Stops in order: health says so, requests are answered, the training ends, and the log is complete. */
async function stop(signal) {
  if (state.isStopping) return;
  state.isStopping = true;
  logger.info(`${signal}: stopping`);
  const limit = setTimeout(() => {
    logger.error("requests are still open at the time limit");
    process.exit(1);
  }, config.shutdownLimit);
  await training.stop();
  // Until the socket closes, load balancers see "stopping", and every answer closes its connection. So no
  // client sends a request on a connection that is about to close.
  await sleep(config.drain);
  await app.close();
  await events.close();
  clearTimeout(limit);
  logger.info("stopped");
  process.exit(0);
}

/** Reads the settings; a wrong one is the mistake of whoever has started the service. */
async function readSettings() {
  try {
    return readConfig(process.env);
  } catch (error) {
    return fail(error);
  }
}

/** Reads the ids of the items that are on sale. The file may change while the service runs. */
async function reloadCatalog() {
  const catalog = JSON.parse(await readFile(catalogPath, "utf8"));
  state.catalog = new Set(catalog.map(({ item }) => item));
}

/** Makes a shop if there is no catalog. The catalog is written last: if it is there, everything is. */
async function makeDataIfNone() {
  await mkdir(config.folder, { recursive: true });
  const isThere = await access(catalogPath).then(
    () => true,
    () => false,
  );
  if (isThere) return;
  const catalog = makeCatalog(400);
  const start = Date.now() - 20_000 * 10_000;
  const made = makeEvents(catalog, { customers: 1000, count: 20_000, seed: 1, start });
  await writeAtomically(eventsPath, made.map((event) => `${JSON.stringify(event)}\n`).join(""));
  await writeAtomically(catalogPath, JSON.stringify(catalog));
  logger.info({ folder: config.folder }, "made a shop");
}
