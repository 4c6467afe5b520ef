// neural-fm predict: writes one prediction per line of a libSVM / libFM file.

import { createReadStream, readFileSync } from "node:fs";
import { readLibSVM } from "../index.ts";
import { Predictor } from "../predict.ts";
import { type Command, flag, readText, type Streams, text, type Values, write } from "./arguments.ts";
import { checkReadsIndices, inFile, named } from "./files.ts";
import { checkWritable, writeWhole } from "./output-file.ts";

/** The command `predict`. */
export const predictCommand: Command = {
  positionals: ["MODEL", "FILE"],
  options: { raw: flag, out: text, "one-based": flag },
  run: predict,
  help: `usage: neural-fm predict MODEL FILE [options]

Writes one prediction per line of FILE, a libSVM / libFM file, whose labels are ignored.

  --raw        scores; otherwise a model of log loss gives probabilities
  --out FILE   write there                                     standard output
  --one-based  indices count from 1, as in training
`,
};

async function predict(
  [modelPath, path]: readonly string[],
  values: Values,
  { stdout }: Streams,
): Promise<void> {
  const out = readText(values, "out");
  if (out !== undefined) checkWritable(out);
  const model = named(modelPath, () => Predictor.load(readFileSync(modelPath)));
  checkReadsIndices(modelPath, model);
  const zeroBased = values["one-based"] !== true;
  const lines = predictLines(model, path, zeroBased, values.raw === true);
  if (out !== undefined) return writeWhole(out, lines);
  for await (const block of lines) await write(stdout, block);
}

/** Predicts a file block by block. Returns one line per row. */
async function* predictLines(
  model: Predictor,
  path: string,
  zeroBased: boolean,
  raw: boolean,
): AsyncGenerator<string, void> {
  try {
    const source = createReadStream(path);
    for await (const { x } of readLibSVM(source, { cols: model.numFeatures, zeroBased })) {
      // Nine digits identify every float32.
      const lines = Array.from(model.predict(x, { raw }), (value) => `${Number(value.toPrecision(9))}\n`);
      yield lines.join("");
    }
  } catch (error) {
    throw new Error(inFile(path, error));
  }
}
