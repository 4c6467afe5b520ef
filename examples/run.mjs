// Runs an example: `npm run example ratings`, or `npm run example edge/train`. The script in package.json
// builds the library first. esbuild then joins the example and the library to one JavaScript file, which Node
// runs.

import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { buildSync } from "esbuild";

const { outputFiles } = buildSync({
  entryPoints: [fileURLToPath(new URL(`${process.argv[2]}.ts`, import.meta.url))],
  loader: { ".safetensors": "binary" }, // a model file becomes a Uint8Array
  bundle: true,
  platform: "node",
  format: "esm",
  target: "es2022",
  write: false,
});
const { status } = spawnSync(process.execPath, ["--input-type=module"], {
  input: outputFiles[0].contents,
  stdio: ["pipe", "inherit", "inherit"],
});
process.exitCode = status ?? 1;
