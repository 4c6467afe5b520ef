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
/** Bundles a file with what it imports. */
function bundle(path, options) {
  const entryPoints = [fileURLToPath(new URL(path, import.meta.url))];
  return buildSync({ entryPoints, bundle: true, logLevel: "error", ...options });
}

// The program of the training thread, as the build makes it in training-program.ts.
const { outputFiles } = bundle("../src/worker/main.ts", {
  minify: true,
  format: "iife",
  platform: "neutral",
  write: false,
});
const outfile = join(mkdtempSync(join(tmpdir(), "neural-fm-bench-")), `${name}.mjs`);
bundle(`./${name}.ts`, {
  platform: "node",
  format: "esm",
  outfile,
  define: { NEURAL_FM_TRAINING_PROGRAM: JSON.stringify(outputFiles[0].text) },
});
process.exit(spawnSync(process.execPath, [outfile, ...rest], { stdio: "inherit" }).status ?? 1);
