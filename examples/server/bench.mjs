// Measures the service while nothing else happens, and while trainings run all the time, in turn. Usage:
// npm run bench [-- --rounds 5 --seconds 4 --connections 4 --rate 400]
// Three processes share the machine: the load, the service and the training. "Closed loop" means that each
// connection sends the next request when it has the answer; this gives the throughput. "Fixed rate" sends a
// moderate number of requests per second at equal distances; this gives the latency. Figures are medians.

import { execFile, spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parseArgs, promisify } from "node:util";
import { makeCatalog, makeEvents } from "./shop.mjs";

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "5" },
    seconds: { type: "string", default: "4" },
    connections: { type: "string", default: "4" },
    rate: { type: "string", default: "400" },
  },
});
const [rounds, seconds, connections, rate] = Object.values(values).map(Number);
const programOf = (name) => fileURLToPath(new URL(name, import.meta.url));

// A shop in which a training takes some seconds.
const folder = await mkdtemp(join(tmpdir(), "neural-fm-bench-"));
const catalog = makeCatalog(1000);
const events = makeEvents(catalog, { customers: 5000, count: 60_000, seed: 1, start: 0 });
await writeFile(join(folder, "events.jsonl"), events.map((event) => `${JSON.stringify(event)}\n`).join(""));
await writeFile(join(folder, "catalog.json"), JSON.stringify(catalog));

const env = { ...process.env, PORT: "0", DATA: folder, TRAIN_EVERY: "0", TRAIN_AT: "", TRAIN_TOKEN: "" };
const server = spawn(process.execPath, [programOf("server.mjs")], {
  env,
  stdio: ["ignore", "pipe", "inherit"],
});
let output = "";
server.stdout.setEncoding("utf8").on("data", (text) => {
  output += text;
});
process.once("exit", () => server.kill("SIGKILL"));
const address = await eventually(() => /listening at (http:\S+?)"/.exec(output)?.[1]);
await eventually(async () => (await fetch(`${address}/health`)).status === 200);

// 50 different requests per route: lists of ten for customers, and 20 rows at a time.
const someone = (n) => ({ user: `customer ${(n * 37) % 3000}`, country: ["de", "fr", "it"][n % 3] });
const bodiesOf = {
  "/predict": Array.from({ length: 50 }, (_, n) => {
    return {
      rows: Array.from({ length: 20 }, (_, i) => ({ ...someone(n), ...catalog[(n * 20 + i) % 1000] })),
    };
  }),
  "/recommend": Array.from({ length: 50 }, (_, n) => ({ context: someone(n), top: 10 })),
};

/** Sends requests for some seconds, from another process. */
async function load(route, rate) {
  const settings = { url: address + route, bodies: bodiesOf[route], connections, seconds, rate };
  const { stdout } = await promisify(execFile)(process.execPath, [
    programOf("bench-load.mjs"),
    JSON.stringify(settings),
  ]);
  return JSON.parse(stdout);
}

/** Does something while trainings of all events run, one behind the other. */
async function whileTraining(measure) {
  let isOver = false;
  const trainings = (async () => {
    while (!isOver) {
      await fetch(`${address}/train?mode=fit`, { method: "POST" });
      await sleep(100);
    }
  })();
  await isTraining(true);
  const result = await measure();
  isOver = true;
  await trainings;
  await isTraining(false);
  return result;
}

/** Waits until a training runs, or until none does. */
async function isTraining(expected) {
  const text = `neural_fm_training_running ${expected ? 1 : 0}\n`;
  await eventually(async () => (await (await fetch(`${address}/metrics`)).text()).includes(text));
}

async function eventually(condition) {
  for (let i = 0; i < 2400; i++) {
    const found = await condition();
    if (found) return found;
    await sleep(50);
  }
  throw new Error(`the service did not get there\n${output}`);
}

const results = new Map();
for (const route of Object.keys(bodiesOf)) await load(route, null); // warm-up
for (let round = 0; round < rounds; round++)
  for (const loop of [null, rate])
    for (const route of Object.keys(bodiesOf))
      for (const state of ["idle", "training"]) {
        const measure = () => load(route, loop);
        const result = state === "idle" ? await measure() : await whileTraining(measure);
        const key = `${route} | ${loop === null ? "closed loop" : "fixed rate"} | ${state}`;
        results.set(key, [...(results.get(key) ?? []), result]);
      }
const trained = (output.match(/"msg":"model \d+ serves"/g) ?? []).length - 1;
server.kill("SIGTERM");
await rm(folder, { recursive: true });

const median = (list) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)];
const [{ model }] = cpus();
console.log(`Node ${process.version}, ${cpus().length} cores, ${model}; ${connections} connections;`);
console.log(`fixed rate: ${rate} requests per second; medians of ${rounds} rounds of ${seconds} s;`);
console.log(`${trained} new models were trained and exchanged meanwhile. Times in milliseconds.\n`);
console.log("| route | load | service | requests/s | p50 | p99 | p99.9 | lost |");
console.log("|---|---|---|---|---|---|---|---|");
for (const [key, all] of results) {
  const of = (name) => median(all.map((one) => one[name]));
  const times = ["p50", "p99", "p999"].map((name) => of(name).toFixed(2)).join(" | ");
  const lost = all.reduce((sum, one) => sum + one.lost, 0);
  console.log(`| ${key} | ${Math.round(of("rate"))} | ${times} | ${lost} |`);
}
console.log("\nThroughput and p99 of each round, idle -> training:");
for (const [key, all] of results) {
  if (!key.endsWith("idle")) continue;
  const other = results.get(key.replace("idle", "training"));
  const pairs = all.map((one, i) => {
    const rates = `${Math.round(one.rate)} -> ${Math.round(other[i].rate)}`;
    return `${rates}, ${one.p99.toFixed(2)} -> ${other[i].p99.toFixed(2)}`;
  });
  console.log(`${key.replace(" | idle", "")}: ${pairs.join("; ")}`);
}
