// The service as its users see it. Every test has a service of its own, with a copy of the same trained shop.

import assert from "node:assert/strict";
import { appendFile, readdir, readFile, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { Recommender } from "neural-fm";
import { makeCatalog, makeEvents } from "../shop.mjs";
import { makeFolder, removeFolder, Service } from "./service.mjs";

const catalog = makeCatalog(400);
let trained;
const folders = [];
const services = [];

before(async () => {
  trained = await makeFolder();
  const service = new Service(trained);
  services.push(service);
  await service.ready();
  assert.deepEqual(await service.stop(), { code: 0, signal: null });
});

after(async () => {
  for (const service of services) service.process.kill("SIGKILL");
  for (const folder of [trained, ...folders]) await removeFolder(folder);
});

async function copyOfShop() {
  const folder = await makeFolder(trained);
  folders.push(folder);
  return folder;
}

async function serve(env, folder) {
  const service = new Service(folder ?? (await copyOfShop()), env);
  services.push(service);
  await service.ready();
  return service;
}

/** The events of the shop behind the 20,000 with which the service starts, from position `from` on. */
function laterEvents(count, from = 0) {
  const all = makeEvents(catalog, { customers: 1000, count: 20_000 + from + count, seed: 1, start: 0 });
  return all.slice(20_000 + from).map(({ time, ...event }) => event);
}

async function post(service, events) {
  for (let i = 0; i < events.length; i += 1000) {
    const { status } = await service.post("/events", { events: events.slice(i, i + 1000) });
    assert.equal(status, 202);
  }
}

test("answers are those of the library", async () => {
  const folder = await copyOfShop();
  const service = await serve({}, folder);
  const { file } = JSON.parse(await readFile(join(folder, "current.json"), "utf8"));
  const library = Recommender.load(await readFile(join(folder, file)), { notices: false });
  const history = ["tea 0", "cups 4"];
  for (const user of ["customer 3", "a new user", null, "__proto__"]) {
    const context = { user, country: "fr" };
    const lists = await service.post("/recommend", { context, history, top: 5 });
    assert.deepEqual(lists.content.items, library.recommend(context, { history, top: 5 }));
    const reasons = await service.post("/recommend", { context, history, top: 5, because: 2 });
    assert.deepEqual(reasons.content.items, library.recommend(context, { history, top: 5, because: 2 }));
    const rows = [{ ...context, item: "tea 0", kind: "tea", brand: "brand 0", price: 2 }, { user }];
    const predicted = await service.post("/predict", { rows });
    assert.deepEqual(predicted.content.predictions, Array.from(library.model.predict(rows)));
  }
  const unknown = await service.post("/recommend", { context: { user: "nobody knows" } });
  assert.equal(unknown.content.items[0].popular, true);
  await service.stop();
});

test("an event counts for the next list of its user, without a training", async () => {
  const service = await serve();
  await post(service, [{ user: "somebody new", product: "tea 0" }]);
  const { content } = await service.post("/recommend", { context: { user: "somebody new" }, because: 1 });
  assert.match(content.items[0].because[0].feature, /^history/);
  assert.ok(content.items.every(({ id }) => id !== "tea 0"));
  await service.stop();
});

test("bad requests get a 4xx answer that names the field", async () => {
  const service = await serve({ BODY_LIMIT: "2000", TRAIN_TOKEN: "secret" });
  const rows = [{ user: "a" }];
  const cases = [
    ["/predict", {}, 400, "rows is missing"],
    ["/predict", { rows: [] }, 400, "rows must NOT have fewer than 1 items"],
    ["/predict", { rows, extra: 1 }, 400, "extra is not a field that the service knows"],
    ["/predict", { rows: [...rows, { usr: "a" }] }, 400, "rows[1].usr is not a field that the service knows"],
    ["/predict", { rows: [{ price: "7" }] }, 400, "rows[0].price must be of type number or null"],
    ["/recommend", { context: { country: "de" } }, 400, "context.user is missing"],
    ["/recommend", { context: { user: 7 } }, 400, "context.user must be of type string or null"],
    ["/recommend", { context: { user: "a" }, top: 1000 }, 400, "top must be <= 100"],
    ["/recommend", { context: { user: "a" }, history: [1] }, 400, "history[0] must be of type string"],
    ["/events", { events: [{ user: null, product: "tea 0" }] }, 400, "events[0].user must be of type string"],
    ["/events", { events: [{ user: "a", product: "x" }] }, 400, "events[0].product is not an item of the"],
    ["/predict", "[1", 400, "Body is not valid JSON"],
    ["/predict", { rows: [{ user: "a".repeat(3000) }] }, 413, "body is too large"],
    ["/nothing", {}, 404, "there is no such route"],
    ["/train", undefined, 403, "only who knows the token"],
  ];
  for (const [path, body, status, error] of cases) {
    const answer = await service.post(path, body);
    assert.equal(answer.status, status, error);
    assert.ok(answer.content.error.includes(error), `${answer.content.error} has ${error}`);
  }
  const plain = await service.post("/predict", { rows }, { headers: { "content-type": "text/plain" } });
  assert.equal(plain.status, 415);
  assert.equal(await service.metric('http_requests_total{route="/predict",method="POST",status="413"}'), 1);
  const authorization = "Bearer secret";
  assert.equal((await service.post("/train", undefined, { headers: { authorization } })).status, 202);
  await service.stop();
});

test("a proxy or a page in a browser cannot start a training without the token", async () => {
  const service = await serve();
  for (const headers of [{ "x-forwarded-for": "203.0.113.1" }, { origin: "https://example.org" }])
    assert.equal((await service.post("/train", undefined, { headers })).status, 403);
  await service.stop();
});

test("new models are exchanged under load, and no request is lost", async () => {
  const service = await serve();
  const body = { context: { user: "customer 3", country: "de" }, history: ["tea 0"], top: 3 };
  const load = service.load(8, () => body);
  assert.equal(await service.train("fit"), "accepted");
  await post(service, laterEvents(1000));
  assert.equal(await service.train("update"), "accepted");
  await load.stop();
  assert.deepEqual(load.errors, []);
  assert.deepEqual(new Set(load.answers.map(({ status }) => status)), new Set([200]));
  const lists = new Map();
  for (const { content } of load.answers) {
    // All answers of a version are the same list: none was made of two models.
    const { version, items } = content;
    assert.deepEqual(items, lists.get(version) ?? items);
    lists.set(version, items);
  }
  assert.deepEqual([...lists.keys()].sort(), [1, 2, 3]);
  await service.stop();
});

test("a model that is worse on held-out events is rejected, also after a restart", async () => {
  const folder = await copyOfShop();
  const service = await serve({ HELD_OUT: "300" }, folder);
  const body = { context: { user: "customer 3", country: "de" }, history: ["tea 0"] };
  const before = (await service.post("/recommend", body)).content;
  // Robots take kinds in the opposite order of what customers do.
  const robots = Array.from({ length: 12_000 }, (_, n) => {
    const [robot, step] = [n % 60, Math.floor(n / 60)];
    const item = ((robot - step) & 7) + 8 * ((step * 7 + robot) % 50);
    return { user: `robot ${robot}`, country: "de", product: catalog[item].item };
  });
  await post(service, robots);
  await post(service, laterEvents(300));
  assert.equal(await service.train("update"), "rejected");
  assert.equal(await service.metric("neural_fm_rollbacks_total"), 1);
  assert.match(service.output, /rollback: ndcg@10 fell by more than 0.03; events from byte \d+ to \d+/);
  const { content } = await service.post("/recommend", body);
  assert.equal(content.version, 1);
  assert.deepEqual(content.items, before.items);
  await service.stop();
  const again = await serve({ HELD_OUT: "300" }, folder);
  assert.equal((await again.health()).model.version, 1);
  // The rejected events are not tried again, and good ones are learned.
  await post(again, laterEvents(1500, 300));
  assert.equal(await again.train("update"), "accepted");
  await again.stop();
});

test("a training that is killed leaves the service as it was", async () => {
  const folder = await copyOfShop();
  const service = await serve({}, folder);
  assert.equal((await service.post("/train?mode=fit")).status, 202);
  let pid;
  await service.until(async () => {
    pid = (await service.health()).training?.pid;
    return pid !== undefined;
  });
  assert.equal((await service.post("/train?mode=fit")).status, 409);
  process.kill(pid, "SIGKILL");
  await service.until(async () => (await service.metric("neural_fm_training_running")) === 0);
  assert.equal(await service.metric('neural_fm_trainings_total{result="failed"}'), 1);
  assert.match(service.output, /the process of the training ended with SIGKILL/);
  assert.equal((await service.health()).model.version, 1);
  assert.equal((await service.post("/recommend", { context: { user: "customer 3" } })).status, 200);
  assert.equal(await service.train("fit"), "accepted");
  assert.deepEqual(
    (await readdir(folder)).filter((name) => name.startsWith("candidate")),
    [],
  );
  await service.stop();
});

test("SIGTERM under load and in a training ends with exit code 0, and no request is dropped", async () => {
  const service = await serve();
  await service.post("/train?mode=fit");
  const load = service.load(8, (which, n) => ({ context: { user: `customer ${which * 7 + n}` } }));
  await service.until(() => load.answers.length > 500);
  assert.deepEqual(await service.stop(), { code: 0, signal: null });
  await load.runs;
  assert.deepEqual(load.errors, []);
  assert.deepEqual(new Set(load.answers.map(({ status }) => status)), new Set([200]));
});

test("SIGTERM while the first model is trained ends with exit code 0", async () => {
  const folder = await makeFolder();
  folders.push(folder);
  const service = new Service(folder);
  services.push(service);
  await service.until(async () => (await service.health()).status === "loading");
  const { status, headers } = await service.post("/recommend", { context: { user: null } });
  assert.deepEqual([status, headers["retry-after"]], [503, "1"]);
  assert.deepEqual(await service.stop(), { code: 0, signal: null });
});

test("a damaged model at the start is an error that says which file and what to do", async () => {
  const damages = [
    ["one wrong byte", async (path) => writeFile(path, flipped(await readFile(path))), /SHA-256/],
    ["half a file", (path) => truncate(path, 100_000), /SHA-256/],
    ["no file", (path) => removeFolder(path), /ENOENT/],
  ];
  for (const [name, damage, message] of damages) {
    const folder = await copyOfShop();
    await damage(join(folder, "model-1.safetensors"));
    const service = new Service(folder);
    services.push(service);
    assert.equal((await service.exit).code, 1, name);
    assert.match(service.output, message);
    assert.match(service.output, /cannot load the model .*model-1\.safetensors: .* Copy previous\.json/);
  }
});

test("what a crash left behind is cleaned up: a part of a model and a part of an event", async () => {
  const folder = await copyOfShop();
  await writeFile(join(folder, "candidate-7.safetensors"), "half");
  await appendFile(join(folder, "events.jsonl"), '{"user":"custo');
  const service = await serve({}, folder);
  assert.match(service.output, /"cutOff":14/);
  await post(service, [{ user: "ana", product: "tea 0" }]);
  await service.stop();
  assert.ok(!(await readdir(folder)).includes("candidate-7.safetensors"));
  const lines = (await readFile(join(folder, "events.jsonl"), "utf8")).trimEnd().split("\n");
  assert.equal(JSON.parse(lines.at(-1)).user, "ana");
});

test("trainings come by the clock", async () => {
  const service = await serve({ TRAIN_EVERY: "0.5", TRAIN_MODE: "fit" });
  await service.until(async () => (await service.health()).model.version >= 3);
  await service.stop();
});

/** A copy of a file with one bit changed in the last number. */
function flipped(bytes) {
  const copy = Buffer.from(bytes);
  copy[copy.length - 2] ^= 1;
  return copy;
}
