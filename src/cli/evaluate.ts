// neural-fm evaluate: measures a model on labeled rows.

import { readFileSync } from "node:fs";
import { type Labels, NFM } from "../index.ts";
import {
  type Command,
  flag,
  readMetrics,
  readText,
  requireText,
  type Streams,
  text,
  UsageError,
  type Values,
  write,
} from "./arguments.ts";
import { dataFile } from "./data-file.ts";
import { checkReadsIndices, checkReadsNames, messageOf, named } from "./files.ts";
import { readNote } from "./model-note.ts";
import { constantMetrics } from "./report/diagnostics.ts";
import { labelsLike } from "./train/labels.ts";
import { asRows, readFileRows } from "./train/rows.ts";
import { metricLines } from "./train/summary.ts";
import { numbersOf } from "./train/trained.ts";

/** The command `evaluate`. */
export const evaluateCommand: Command = {
  positionals: ["DATA"],
  options: { model: text, label: text, metrics: text, groups: text, format: text, "one-based": flag },
  run: evaluate,
  help: `usage: neural-fm evaluate DATA --model FILE [options]

DATA is a file as in training, with labels. Prints the metrics of the model, and
those of the best constant prediction beside them.

  --model FILE        the model
  --label NAME        the column with the labels               as in training
  --metrics NAME,...  what to measure                          by the loss
  --groups NAME       column with the groups, for ranking metrics
  --format NAME       csv, jsonl or libsvm                     by the ending
  --one-based         libSVM: indices count from 1, as in training
`,
};

async function evaluate(
  [path]: readonly string[],
  values: Values,
  { stdout, stderr }: Streams,
): Promise<void> {
  const file = dataFile(path, readText(values, "format"));
  const modelPath = requireText(values, "model", "a model file");
  const metrics = readMetrics(values);
  const bytes = named(modelPath, () => readFileSync(modelPath));
  const model = named(modelPath, () => {
    return NFM.load(bytes, { onNotice: ({ message }) => void stderr.write(`note: ${message}\n`) });
  });
  const isTable = file.format !== "libsvm";
  if (isTable) checkReadsNames(modelPath, model);
  else checkReadsIndices(modelPath, model);
  const note = readNote(bytes);
  const label = isTable ? (readText(values, "label") ?? note?.label ?? null) : null;
  if (isTable && label === null) {
    throw new UsageError(`--label is missing: ${modelPath} does not say which column has the labels`);
  }
  const rows = await readFileRows(file, {
    columns: label === null ? null : { label, ignored: note?.ignored ?? [] },
    groups: readText(values, "groups"),
    zeroBased: values["one-based"] !== true,
  });
  const y = await labelsLike(rows, model.classes !== null, label);
  const { groups } = rows;
  try {
    const measured = model.evaluate(asRows(rows.x), y as Labels, {
      ...(metrics === undefined ? {} : { metrics }),
      ...(groups === undefined ? {} : { groups }),
    });
    const constant = constantMetrics(NFM.learnerOf(model).settings.loss.name, numbersOf(y, model));
    await write(stdout, metricLines(`${file.name} (${rows.size} rows)`, measured, constant));
  } catch (error) {
    throw new Error(`${file.name}: ${messageOf(error).replace(/^evaluate: /, "")}`);
  }
}
