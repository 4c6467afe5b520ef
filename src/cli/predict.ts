// neural-fm predict: writes one prediction per line of a libSVM / libFM file.

import { once } from "node:events";
import { createReadStream, createWriteStream, readFileSync, renameSync, rmSync } from "node:fs";
import { readLibSVM } from "../index.ts";
import { Predictor } from "../predict.ts";
import { type Command, flag, readText, type Streams, text, type Values, write } from "./arguments.ts";
import { checkWritable, inFile, named, plainFile, temporaryName } from "./files.ts";

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
  const target = out === undefined ? null : plainFile(out);
  const temporary = target === null ? null : temporaryName(target);
  const file = out === undefined ? null : createWriteStream(temporary ?? out);
  try {
    // `once` rejects if the file cannot be opened. Without it, the "error" event would have no listener.
    if (file) await once(file, "open");
    const raw = values.raw === true;
    const source = createReadStream(path);
    try {
      for await (const { x } of readLibSVM(source, {
        cols: model.numFeatures,
        zeroBased: values["one-based"] !== true,
      })) {
        // Nine digits identify every float32.
        const lines = Array.from(model.predict(x, { raw }), (value) => `${Number(value.toPrecision(9))}\n`);
        await write(file ?? stdout, lines.join(""));
      }
    } catch (error) {
      throw new Error(inFile(path, error));
    }
    if (file) {
      file.end();
      await once(file, "close");
      if (temporary !== null) renameSync(temporary, target!);
    }
  } catch (error) {
    file?.destroy();
    if (temporary !== null) rmSync(temporary, { force: true });
    throw error;
  }
}
