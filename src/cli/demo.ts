// neural-fm demo: compares three models on generated data.

import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Command, readInteger, readText, type Streams, text, type Values } from "./arguments.ts";
import { demo } from "./demo/demo.ts";
import { checkWritable, writeWhole } from "./output-file.ts";

/** The command `demo`. */
export const demoCommand: Command = {
  positionals: [],
  options: { seed: text, rows: text, out: text },
  run: runDemo,
  help: `usage: neural-fm demo [options]

Trains a linear model, a factorization machine and a neural factorization machine
on a generated world of clicks, beside the best that can be reached.

  --seed N     of the world and the models                     1
  --rows N     rows to train on                                80000
  --out FILE   where the model goes                            in the folder for temporary files
`,
};

async function runDemo(_: readonly string[], values: Values, { stdout }: Streams): Promise<void> {
  const out = readText(values, "out") ?? join(tmpdir(), "neural-fm-demo.safetensors");
  const options = {
    seed: readInteger(values, "seed", 0) ?? 1,
    rows: readInteger(values, "rows", 1000) ?? 80000,
  };
  checkWritable(out);
  const save = (path: string, bytes: Uint8Array): Promise<void> => writeWhole(path, [bytes]);
  await demo(options, out, save, (line) => void stdout.write(`${line}\n`));
}
