import { rmSync, writeFileSync } from "node:fs";
import { defineConfig, type Options } from "tsup";
import { WORKER_SOURCE } from "./src/kernels/threads/worker-source.ts";
import { definition, trainingProgram } from "./training-program.ts";

const library = {
  index: "src/index.ts",
  predict: "src/predict.ts",
  readers: "src/readers.ts",
  worker: "src/worker.ts",
};

const program = trainingProgram();

// What entries share becomes one chunk per format, so that a class is the same class whichever entry it came from.
const shared: Options = {
  target: "es2022",
  platform: "node",
  splitting: true,
  removeNodeProtocol: false,
  define: definition(program),
};

// No source maps: the code is built as it is written, with its names and doc comments, and maps would double the package.
const config: Options[] = [
  {
    ...shared,
    entry: { ...library, cli: "src/cli/cli.ts" },
    format: ["esm"],
    // The programs of worker threads, for pages whose policy forbids workers from text.
    onSuccess: async () => {
      writeFileSync("dist/thread.js", WORKER_SOURCE);
      writeFileSync("dist/training-thread.js", program);
    },
  },
  // esbuild splits ES modules only. With `treeshake` Rollup turns the chunks into CommonJS; without it Sucrase does, which
  // rewrites `??` and `?.` as calls of closures, far too slow for a loop.
  { ...shared, entry: library, format: ["cjs"], treeshake: true },
  {
    entry: library,
    format: ["esm", "cjs"],
    dts: { only: true, banner: '/// <reference lib="esnext.disposable" />' },
  },
];

rmSync("dist", { recursive: true, force: true }); // here, before any of the three begins: `clean` of one would race with the others

export default defineConfig(config) as Options[];
