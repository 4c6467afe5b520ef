// Packs the package, installs it into a project of its own, and uses it there as its users do: from an ES
// module, from CommonJS, from TypeScript under both conditions, and from the command line.

import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { buildSync } from "esbuild";

/** Most bytes of the packed package. */
const PACKED = 775_000;

/**
 * Most bytes of each entry, minified and gzipped, with everything that it imports. A ceiling is raised only
 * by a commit that says why.
 */
const CEILINGS = { index: 105_000, predict: 43_000, readers: 9_300, worker: 165_000 };

/** What the entry that only predicts must not hold. */
const TRAINING = ["partialFit", "Adagrad", "pairsPerRow", "fitPairs", "negatives", "biInteractionBackward:"];

const root = fileURLToPath(new URL("../..", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "neural-fm-package-"));
const run = (command, args, options = {}) =>
  execFileSync(command, args, { cwd: folder, encoding: "utf8", ...options });
let bad = 0;
const check = (name, ok, detail = "") => {
  console.log(`${ok ? "ok  " : "FAIL"} ${name} ${detail}`);
  if (!ok) bad++;
};

run("npm", ["pack", "--silent", "--pack-destination", folder], {
  cwd: root,
  stdio: ["ignore", "ignore", "inherit"],
});
const tarball = readdirSync(folder).find((name) => name.endsWith(".tgz"));
writeFileSync(join(folder, "package.json"), '{ "name": "user", "private": true }');
run("npm", ["install", "--silent", "--no-audit", "--no-fund", `./${tarball}`], { stdio: "inherit" });

const packed = statSync(join(folder, tarball)).size;
check(`is packed in at most ${PACKED.toLocaleString("en")} bytes`, packed <= PACKED, `(${packed})`);
const installed = join(folder, "node_modules/neural-fm");
const manifest = JSON.parse(readFileSync(join(installed, "package.json"), "utf8"));
check(
  "no runtime dependency",
  manifest.dependencies === undefined &&
    readdirSync(join(folder, "node_modules")).filter((name) => !name.startsWith(".")).length === 1,
);
const files = readdirSync(installed, { recursive: true })
  .filter((name) => !name.endsWith("/"))
  .sort();
const wanted = /^(dist|README\.md|LICENSE|CHANGELOG\.md|SECURITY\.md|package\.json)/;
check(
  "holds what users need and nothing else",
  files.every((name) => wanted.test(name)),
  `(${files.length} files)`,
);
const entries = ["index", "predict", "readers", "worker"].flatMap((name) =>
  ["js", "cjs", "d.ts", "d.cts"].map((end) => `dist/${name}.${end}`),
);
for (const name of ["README.md", "LICENSE", "CHANGELOG.md", "dist/cli.js", ...entries]) {
  check(`has ${name}`, files.includes(name));
}
const declarations = readFileSync(join(installed, "dist/index.d.ts"), "utf8").replace(
  /\/\*[\s\S]*?\*\//g,
  "",
);
check("public types have no any", !/\bany\b/.test(declarations));

const program = `
const model = new NFM({ embeddingDim: 4, hiddenUnits: [4], loss: "log", seed: 1 });
await model.fit([{ user: "ana" }, { user: "bo" }], [1, 0], { epochs: 3 });
const loaded = NFM.load(model.save());
const shop = new Recommender(new NFM({ loss: "bpr", embeddingDim: 4, hiddenUnits: [4] }), [{ item: "tea" }, { item: "milk" }, { item: "juice" }]);
await shop.fit([{ user: "ana" }, { user: "bo" }], ["tea", "milk"], { users: "user", epochs: 3 });
const list = shop.recommend({ user: "ana" }, { exclude: ["tea"] });
const predictor = Predictor.load(model.save());
const rows = [{ user: "ana" }, { user: "bo" }, { user: "cy" }];
const same = (of) => JSON.stringify(of(model)) === JSON.stringify(of(predictor));
const equal = [
  (m) => Array.from(m.predict(rows)), (m) => m.predict(rows[0], { raw: true }), (m) => m.rank({}, rows, { top: 2 }),
  (m) => m.rank({}, m.prepare(rows)), (m) => m.explain(rows[0]), (m) => Array.from(m.tensor("embedding.weight").data),
  (m) => m.encoder.encode(rows[1]), (m) => [m.numFeatures, m.backend],
].map(same);
const names = [NFM, Predictor, Recommender, CSRMatrix].map(({ name }) => name).join();
if (equal.includes(false) || names !== "NFM,Predictor,Recommender,CSRMatrix") throw new Error(JSON.stringify({ equal, names }));
const measured = model.evaluate(rows.slice(0, 2), [1, 0], { metrics: ["auc"] });
if (Object.keys(measured).join() !== "auc") throw new Error(JSON.stringify(measured));
const table = "user,rating\\nana,1\\nbo,0\\n";
const { x, y } = await readCSV(table, { label: "rating" }).rows();
const lines = await readJSONL(x.map((row) => JSON.stringify(row)).join("\\n")).rows();
if (y.join() !== "1,0" || JSON.stringify(lines.x) !== JSON.stringify(x)) throw new Error(JSON.stringify({ x, y, lines }));
const options = { embeddingDim: 4, hiddenUnits: [], onNotice: ({ message }) => { throw new Error(message); } };
const here = new NFM(options);
await here.fit(x, y, { epochs: 1 });
const there = await fitInWorker(options, x, y, { epochs: 1 });
if (Buffer.compare(here.save(), there.file) !== 0 || !(there.model instanceof Predictor)) throw new Error("fitInWorker");
console.log(model.predict({ user: "ana" }) === loaded.predict({ user: "ana" }), CSRMatrix.fromRows([{ indices: [3] }]).cols, list.length, model.predict({ user: "ana" }), list);`;
writeFileSync(
  join(folder, "esm.mjs"),
  `import { CSRMatrix, NFM, Recommender } from "neural-fm";\nimport { Predictor } from "neural-fm/predict";\nimport { readCSV, readJSONL } from "neural-fm/readers";\nimport { fitInWorker } from "neural-fm/worker";${program}`,
);
writeFileSync(
  join(folder, "cjs.cjs"),
  `const { CSRMatrix, NFM, Recommender } = require("neural-fm");\nconst { Predictor } = require("neural-fm/predict");\nconst { readCSV, readJSONL } = require("neural-fm/readers");\nconst { fitInWorker } = require("neural-fm/worker");\n(async () => {${program}\n})();`,
);
const [fromESM, fromCJS] = [run("node", ["esm.mjs"]), run("node", ["cjs.cjs"])];
check("works from an ES module", fromESM.startsWith("true 4 2 0."), fromESM.trim());
check("works from CommonJS, with the same result", fromCJS === fromESM, fromCJS.trim());
const whole = {
  bundle: true,
  keepNames: true,
  platform: "node",
  format: "esm",
  outfile: join(folder, "whole.mjs"),
};
buildSync({ entryPoints: [join(folder, "esm.mjs")], ...whole });
check("works from a bundle, with the same result", run("node", ["whole.mjs"]) === fromESM);

const typed = `import { NFM, Recommender, type History, type Layer } from "neural-fm";
import { Predictor, type Ranked } from "neural-fm/predict";
import { readCSV, type TableReader } from "neural-fm/readers";
import { fitInWorker, type TrainedInWorker } from "neural-fm/worker";
export const trained: Promise<TrainedInWorker> = fitInWorker({ hiddenUnits: [8] }, [{ user: "ana" }], [1], { epochs: 1 });
const predictor: Predictor = Predictor.load(new Uint8Array(), { backend: undefined });
export const ranked: Ranked[] = predictor.rank({ user: "ana" }, [{ item: "tea" }], { top: 1 });
export const auc: Record<"auc", number> = new NFM().evaluate([{ user: "ana" }], [1], { metrics: ["auc"], groups: undefined });
interface Film { item: string }
export const id: string | number = new Recommender(new NFM(), [] as Film[]).recommend({ user: "ana" })[0].id;
const model: NFM = new NFM({ hiddenUnits: [8] });
export const one: number = model.predict({ user: "ana" });
export const many: Float32Array = model.predict([{ user: "ana" }]);
export const done: Promise<History> = model.fit([{ user: "ana" }], [1]);
export type Own = Layer;
export const reader: TableReader<string | null> = readCSV("user,rating\\nana,1\\n");
export const labels: Promise<ArrayLike<number | string>> = readCSV(new Blob(), { label: "rating" }).columns().then(({ y }) => y);
// @ts-expect-error a misspelt option
new NFM({ hiddenUnit: [8] });
`;
writeFileSync(join(folder, "typed.mts"), typed);
writeFileSync(join(folder, "typed.cts"), typed);
const tsc = join(root, "node_modules/typescript/bin/tsc");
for (const resolution of ["node16", "bundler"]) {
  const module = resolution === "bundler" ? "esnext" : "node16";
  const sources = resolution === "bundler" ? ["typed.mts"] : ["typed.mts", "typed.cts"];
  try {
    run("node", [
      tsc,
      "--noEmit",
      "--strict",
      "--exactOptionalPropertyTypes",
      "--target",
      "es2022",
      "--module",
      module,
      "--moduleResolution",
      resolution,
      ...sources,
    ]);
    check(`types resolve (${resolution})`, true);
  } catch (error) {
    check(`types resolve (${resolution})`, false, error.stdout);
  }
}

writeFileSync(
  join(folder, "data.libsvm"),
  Array.from({ length: 100 }, (_, i) => `${i % 2 ? 1 : -1} ${i % 2}:1 ${2 + (i % 5)}:1`).join("\n"),
);
run(
  "npx",
  [
    "--no-install",
    "neural-fm",
    "train",
    "data.libsvm",
    "--epochs",
    "2",
    "--k",
    "4",
    "--hidden",
    "4",
    "--model",
    "m.safetensors",
  ],
  { stdio: "ignore" },
);
const predictions = run("npx", [
  "--no-install",
  "neural-fm",
  "predict",
  "data.libsvm",
  "--model",
  "m.safetensors",
])
  .trim()
  .split("\n");
check(
  "trains and predicts from the command line",
  predictions.length === 100 && predictions.every((line) => Number.isFinite(Number(line))),
);

for (const [name, ceiling] of Object.entries(CEILINGS)) {
  const entryPoints = [join(installed, `dist/${name}.js`)];
  const options = { bundle: true, minify: true, format: "esm", write: false, logLevel: "error" };
  const { contents, text } = buildSync({ entryPoints, ...options }).outputFiles[0];
  const size = gzipSync(contents, { level: 9 }).length;
  check(
    `${name} is at most ${ceiling.toLocaleString("en")} bytes minified and gzipped`,
    size <= ceiling,
    `(${size})`,
  );
  if (name !== "predict") continue;
  const found = TRAINING.filter((word) => text.includes(word));
  check("predict holds nothing of training", found.length === 0, found.join());
}

const tools = join(root, ".ci/tools/node_modules/.bin");
for (const [tool, ...args] of [
  ["publint", "--strict", installed],
  [
    "attw",
    join(folder, tarball),
    "--profile",
    "node16",
    "--exclude-entrypoints",
    "thread.js",
    "training-thread.js",
  ],
]) {
  try {
    run(join(tools, tool), args, { cwd: root });
    check(`${tool} finds nothing`, true);
  } catch (error) {
    check(`${tool} finds nothing`, false, `${error.stdout}${error.stderr}`);
  }
}

rmSync(folder, { recursive: true });
process.exit(bad === 0 ? 0 : 1);
