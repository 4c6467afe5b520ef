// Memory and time of what a recommender remembers of its users: built from whole lists of items and from one
// event at a time, each in a process of its own, then read, changed, saved and loaded.
// Usage: npm run bench -- user-memory [USERS] [ITEMS]

import { spawnSync } from "node:child_process";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { UserMemory } from "../src/ranking/user-memory.ts";

const USERS = Number(process.argv[2] ?? 50_000);
const ITEMS = Number(process.argv[3] ?? 50);
const CATALOG = 100_000;
const FEATURES = USERS + CATALOG + 1000;
const SAMPLE = 100_000;
/** Only set in the processes that this program starts: whether they add one event at a time. */
const WAY = process.argv[4];

setFlagsFromString("--expose_gc");
const gc = runInNewContext("gc") as () => void;

/** A random integer below n that depends on its arguments alone. */
function draw(i: number, n: number): number {
  let h = Math.imul(i ^ (i >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return ((((h ^ (h >>> 16)) >>> 0) * n) / 2 ** 32) | 0;
}
const idOf = (user: number): string => `user-${user}`;
const itemOf = (user: number, event: number): number => draw(user * 1000 + event + 1, CATALOG);
const contextOf = (user: number): number[] => [
  user,
  ...[1, 2, 3, 4].map((i) => USERS + CATALOG + i * 200 + draw(user * 7 + i, 200)),
];

/** Megabytes of the process, after a collection of garbage. */
function measure(): Record<string, number> {
  gc();
  gc();
  const { rss, heapUsed, arrayBuffers } = process.memoryUsage();
  return { rss: rss / 1e6, heapUsed: heapUsed / 1e6, arrayBuffers: arrayBuffers / 1e6 };
}

/** Runs `work` and prints its time per operation. */
function time<T>(name: string, count: number, work: () => T): T {
  const start = performance.now();
  const result = work();
  const ms = performance.now() - start;
  const each = ((ms * 1e6) / count).toFixed(0);
  console.log(`  ${name.padEnd(44)} ${(ms / 1000).toFixed(2).padStart(8)} s ${each.padStart(8)} ns each`);
  return result;
}

/** Builds a memory and prints what the process needs for it. */
function build(name: string, count: number, work: (memory: UserMemory) => void): UserMemory {
  const before = measure();
  const memory = new UserMemory({ cap: Infinity });
  console.log(name);
  time("time", count, () => work(memory));
  const peak = process.memoryUsage().rss / 1e6;
  const after = measure();
  const growth = Object.keys(after).map((key) => `${key} +${(after[key] - before[key]).toFixed(1)}`);
  console.log(
    `  MB of the process: ${growth.join(", ")}; rss before collection +${(peak - before.rss).toFixed(1)}`,
  );
  const perUser = (memory.bytes / memory.users).toFixed(1);
  console.log(`  arrays as counted: ${(memory.bytes / 1e6).toFixed(1)} MB, ${perUser} bytes per user\n`);
  return memory;
}

if (WAY === undefined) {
  console.log(`${USERS} users, ${ITEMS} events each, ${CATALOG} items, Node ${process.version}\n`);
  for (const way of ["lists", "events"])
    spawnSync(process.execPath, [process.argv[1], String(USERS), String(ITEMS), way], { stdio: "inherit" });
  process.exit();
}

const memory =
  WAY === "lists"
    ? build("whole lists and contexts", USERS, (empty) => {
        const items = new Uint32Array(ITEMS);
        for (let user = 0; user < USERS; user++) {
          for (let event = 0; event < ITEMS; event++) items[event] = itemOf(user, event);
          empty.add(idOf(user), items);
          empty.setContext(user, { indices: contextOf(user) });
        }
      })
    : build("one event at a time, all users in turn", USERS * ITEMS, (empty) => {
        for (let event = 0; event < ITEMS; event++) {
          for (let user = 0; user < USERS; user++) empty.add(idOf(user), [itemOf(user, event)]);
        }
        for (let user = 0; user < USERS; user++) empty.setContext(user, { indices: contextOf(user) });
      });
if (WAY === "events") process.exit();

const ids = Array.from({ length: SAMPLE }, (_, i) => idOf(draw(i, USERS)));
const strangers = ids.map((id) => `${id}-unknown`);
const numbers = ids.map((id) => memory.numberOf(id));
let sum = 0;
console.log(`${SAMPLE} random users`);
for (const round of ["first", "second"]) {
  time(`numberOf, known (${round})`, SAMPLE, () => {
    for (const id of ids) sum += memory.numberOf(id);
  });
}
time("numberOf, unknown", SAMPLE, () => {
  for (const id of strangers) sum += memory.numberOf(id);
});
time("idOf", SAMPLE, () => {
  for (const number of numbers) sum += memory.idOf(number).length;
});
time("itemsOf", SAMPLE, () => {
  for (const number of numbers) sum += memory.itemsOf(number).length;
});
time("contextOf", SAMPLE, () => {
  for (const number of numbers) sum += memory.contextOf(number)!.indices.length;
});
time("add one event", SAMPLE, () => {
  for (let i = 0; i < SAMPLE; i++) memory.add(ids[i], [draw(i + 5, CATALOG)]);
});
time("add one new user", SAMPLE, () => {
  for (let i = 0; i < SAMPLE; i++) memory.add(strangers[i], [1]);
});
time("forget", SAMPLE, () => {
  for (const id of strangers) if (memory.forget(id)) sum++;
});

console.log("\nall users");
const map = Int32Array.from({ length: CATALOG }, (_, i) => CATALOG - 1 - i);
time("renumber", memory.users, () => memory.renumber(map));
const bytes = time("toBytes", memory.users, () => memory.toBytes());
const limits = { cap: Infinity, numItems: CATALOG, numFeatures: FEATURES };
const loaded = time("fromBytes", memory.users, () => UserMemory.fromBytes(bytes, limits));
console.log(
  `  file ${(bytes.length / 1e6).toFixed(1)} MB, loaded ${(loaded.bytes / 1e6).toFixed(1)} MB in arrays\n`,
);
if (sum < 0 || loaded.users !== memory.users) throw new Error("users are missing");
