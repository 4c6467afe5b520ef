// Bundles a benchmark with the sources, as users' bundlers would, and runs it: npm run bench -- NAME
// [arguments].

import { spawnSync } from "node:child_process";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { buildSync } from "esbuild";

const [name, ...rest] = process.argv.slice(2);
const names = [
  "frappe",
  "movielens",
  "ranking",
  "nightly",
  "rank",
  "scaling",
  "train",
  "stream",
  "kernels",
  "predict",
  "defaults",
  "event-loop",
  "encode",
  "allocation",
  "startup",
  "user-memory",
  "csv",
];
if (!names.includes(name)) {
  console.error(`usage: npm run bench -- ${names.join("|")} [arguments]`);
  process.exit(2);
}
const outfile = join(mkdtempSync(join(tmpdir(), "neural-fm-bench-")), `${name}.mjs`);
buildSync({
  entryPoints: [fileURLToPath(new URL(`./${name}.ts`, import.meta.url))],
  bundle: true,
  platform: "node",
  format: "esm",
  outfile,
  logLevel: "error",
});
process.exit(spawnSync(process.execPath, [outfile, ...rest], { stdio: "inherit" }).status ?? 1);
