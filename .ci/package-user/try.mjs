// Packs the package, installs it into a project of its own, and uses it there as its users do: from an ES module, from
// CommonJS, from TypeScript under both conditions, and from the command line.

import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { buildSync } from "esbuild";

const root = fileURLToPath(new URL("../..", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "neural-fm-package-"));
const run = (command, args, options = {}) => execFileSync(command, args, { cwd: folder, encoding: "utf8", ...options });
let bad = 0;
const check = (name, ok, detail = "") => {
  console.log(`${ok ? "ok  " : "FAIL"} ${name} ${detail}`);
  if (!ok) bad++;
};

run("npm", ["pack", "--silent", "--pack-destination", folder], { cwd: root, stdio: ["ignore", "ignore", "inherit"] });
const tarball = readdirSync(folder).find((name) => name.endsWith(".tgz"));
writeFileSync(join(folder, "package.json"), '{ "name": "user", "private": true }');
run("npm", ["install", "--silent", "--no-audit", "--no-fund", `./${tarball}`], { stdio: "inherit" });

const installed = join(folder, "node_modules/neural-fm");
const manifest = JSON.parse(readFileSync(join(installed, "package.json"), "utf8"));
check("no runtime dependency", manifest.dependencies === undefined && readdirSync(join(folder, "node_modules")).filter((name) => !name.startsWith(".")).length === 1);
const files = readdirSync(installed, { recursive: true }).filter((name) => !name.endsWith("/")).sort();
check("holds what users need and nothing else", files.every((name) => /^(dist|README\.md|LICENSE|CHANGELOG\.md|package\.json)/.test(name)), `(${files.length} files)`);
for (const name of ["README.md", "LICENSE", "CHANGELOG.md", "dist/index.js", "dist/index.cjs", "dist/index.d.ts", "dist/index.d.cts", "dist/cli.js", "dist/index.js.map"]) {
  check(`has ${name}`, files.includes(name));
}
const declarations = readFileSync(join(installed, "dist/index.d.ts"), "utf8").replace(/\/\*[\s\S]*?\*\//g, "");
check("public types have no any", !/\bany\b/.test(declarations));

const program = `
const model = new NFM({ embeddingDim: 4, hiddenUnits: [4], loss: "log", seed: 1 });
await model.fit([{ user: "ana" }, { user: "bo" }], [1, 0], { epochs: 3 });
const loaded = NFM.load(model.save());
const shop = new Recommender(new NFM({ loss: "bpr", embeddingDim: 4, hiddenUnits: [4] }), [{ item: "tea" }, { item: "milk" }, { item: "juice" }]);
await shop.fit([{ user: "ana" }, { user: "bo" }], ["tea", "milk"], { users: "user", epochs: 3 });
const list = shop.recommend({ user: "ana" }, { exclude: ["tea"] });
console.log(model.predict({ user: "ana" }) === loaded.predict({ user: "ana" }), CSRMatrix.fromRows([{ indices: [3] }]).cols, list.length, model.predict({ user: "ana" }), list);`;
writeFileSync(join(folder, "esm.mjs"), `import { CSRMatrix, NFM, Recommender } from "neural-fm";${program}`);
writeFileSync(join(folder, "cjs.cjs"), `const { CSRMatrix, NFM, Recommender } = require("neural-fm");\n(async () => {${program}\n})();`);
const [fromESM, fromCJS] = [run("node", ["esm.mjs"]), run("node", ["cjs.cjs"])];
check("works from an ES module", fromESM.startsWith("true 4 2 0."), fromESM.trim());
check("works from CommonJS, with the same result", fromCJS === fromESM, fromCJS.trim());

const typed = `import { NFM, Recommender, type History, type Layer } from "neural-fm";
interface Film { item: string }
export const id: string | number = new Recommender(new NFM(), [] as Film[]).recommend({ user: "ana" })[0].id;
const model: NFM = new NFM({ hiddenUnits: [8] });
export const one: number = model.predict({ user: "ana" });
export const many: Float32Array = model.predict([{ user: "ana" }]);
export const done: Promise<History> = model.fit([{ user: "ana" }], [1]);
export type Own = Layer;
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
    run("node", [tsc, "--noEmit", "--strict", "--target", "es2022", "--module", module, "--moduleResolution", resolution, ...sources]);
    check(`types resolve (${resolution})`, true);
  } catch (error) {
    check(`types resolve (${resolution})`, false, error.stdout);
  }
}

writeFileSync(join(folder, "data.libsvm"), Array.from({ length: 100 }, (_, i) => `${i % 2 ? 1 : -1} ${i % 2}:1 ${2 + (i % 5)}:1`).join("\n"));
run("npx", ["--no-install", "neural-fm", "train", "data.libsvm", "--epochs", "2", "--k", "4", "--hidden", "4", "--out", "m.safetensors"], { stdio: "ignore" });
const predictions = run("npx", ["--no-install", "neural-fm", "predict", "m.safetensors", "data.libsvm"]).trim().split("\n");
check("trains and predicts from the command line", predictions.length === 100 && predictions.every((line) => Number.isFinite(Number(line))));

const { outputFiles } = buildSync({ entryPoints: [join(installed, "dist/index.js")], minify: true, format: "esm", write: false, logLevel: "error" });
const size = gzipSync(outputFiles[0].contents, { level: 9 }).length;
check("is at most 46,000 bytes minified and gzipped", size <= 46_000, `(${size})`); // raised only by a commit that says why

for (const name of ["index.js", "index.cjs"]) {
  const path = join(installed, "dist", name);
  console.log(`     dist/${name}: ${readFileSync(path).length} bytes`);
}
rmSync(folder, { recursive: true });
process.exit(bad === 0 ? 0 : 1);
