// neural-fm predict: adds predictions to the rows of a CSV file or of JSON lines, or writes one prediction
// per line of a libSVM / libFM file. It reads and predicts in blocks, so a file may have any size.

import { readFileSync } from "node:fs";
import type { FeatureMap } from "../data/feature-map.ts";
import { readLibSVM } from "../data/libsvm.ts";
import { Predictor } from "../predict.ts";
import { readCSV, readJSONL } from "../readers.ts";
import {
  type Command,
  flag,
  readText,
  readThreadCount,
  requireText,
  type Streams,
  text,
  type Values,
  write,
} from "./arguments.ts";
import { bytesOf, type DataFile, dataFile } from "./data-file.ts";
import { checkReadsIndices, checkReadsNames, inFile, messageOf, named } from "./files.ts";
import { readNote } from "./model-note.ts";
import { checkWritable, writeWhole } from "./output-file.ts";
import { type RawRecord, recordsOf } from "./records.ts";
import { inTable } from "./table.ts";

/** The command `predict`. */
export const predictCommand: Command = {
  positionals: ["DATA"],
  options: {
    model: text,
    out: text,
    column: text,
    raw: flag,
    label: text,
    format: text,
    threads: text,
    "one-based": flag,
  },
  run: predict,
  help: `usage: neural-fm predict DATA --model FILE [options]

DATA is a file as in training: CSV, JSON lines or libSVM, also with .gz behind the
name; - is standard input. A CSV file comes out with one more column, JSON lines
with one more key. For a libSVM file there is one prediction per line. Labels in
DATA are ignored. With two classes of text, a prediction is the probability of the
second one in alphabetical order; neural-fm inspect shows it.

  --model FILE    the model
  --out FILE      write there                                  standard output
  --column NAME   name of the new column or key                prediction
  --raw           scores in place of probabilities
  --label NAME    the column that holds labels                 as in training
  --format NAME   csv, jsonl or libsvm                         by the ending
  --threads N     threads that compute; auto: one per core,    auto
                  at most 8; the result is the same
  --one-based     libSVM: indices count from 1, as in training
`,
};

/** Rows that are predicted together. */
const BLOCK = 2048;

/** What adds predictions to rows. */
interface Plan {
  readonly model: Predictor;
  readonly raw: boolean;
  readonly column: string;
  /** Names of the columns that the model does not read. */
  readonly unread: readonly string[];
}

async function predict([path]: readonly string[], values: Values, { stdout }: Streams): Promise<void> {
  const file = dataFile(path, readText(values, "format"));
  const modelPath = requireText(values, "model", "a model file");
  const out = readText(values, "out");
  if (out !== undefined) checkWritable(out);
  const bytes = named(modelPath, () => readFileSync(modelPath));
  const model = named(modelPath, () => Predictor.load(bytes, { threads: readThreadCount(values) }));
  const raw = values.raw === true;
  const lines = file.format === "libsvm" ? libSVMLines() : tableLines();
  if (out !== undefined) return writeWhole(out, lines);
  for await (const block of lines) await write(stdout, block);

  function libSVMLines(): AsyncGenerator<string, void> {
    checkReadsIndices(modelPath, model);
    return predictLibSVM(model, file, values["one-based"] !== true, raw);
  }

  function tableLines(): AsyncGenerator<string, void> {
    checkReadsNames(modelPath, model);
    const note = readNote(bytes);
    const label = readText(values, "label") ?? note?.label;
    const unread = [...(label === undefined ? [] : [label]), ...(note?.ignored ?? [])];
    return predictTable(file, { model, raw, column: readText(values, "column") ?? "prediction", unread });
  }
}

/** Predicts a libSVM file. Yields one line per row. */
async function* predictLibSVM(
  model: Predictor,
  file: DataFile,
  zeroBased: boolean,
  raw: boolean,
): AsyncGenerator<string, void> {
  try {
    for await (const { x } of readLibSVM(bytesOf(file), { cols: model.numFeatures, zeroBased })) {
      yield Array.from(model.predict(x, { raw }), (value) => `${shown(value)}\n`).join("");
    }
  } catch (error) {
    throw new Error(inFile(file.name, error));
  }
}

/** Predicts the rows of a table. Yields its records, each with a prediction behind it. */
async function* predictTable(file: DataFile, plan: Plan): AsyncGenerator<string, void> {
  const records = recordsOf(file);
  let header: RawRecord | null = null;
  let block: RawRecord[] = [];
  for await (const record of records) {
    if (file.format === "csv" && header === null) {
      header = record;
      yield await predictedHeader(file, header, records.delimiter, plan.column);
      continue;
    }
    block.push(record);
    if (block.length < BLOCK) continue;
    yield await predictBlock(file, plan, header, block, records.delimiter);
    block = [];
  }
  if (block.length > 0) yield await predictBlock(file, plan, header, block, records.delimiter);
}

/** Adds the name of the new column to the header of a CSV file. */
async function predictedHeader(
  file: DataFile,
  header: RawRecord,
  delimiter: string,
  column: string,
): Promise<string> {
  const { x } = await readCSV(`${header.text}\n`, { delimiter })
    .columns()
    .catch((error: unknown) => {
      throw inTable(file, error, (line) => header.line + line - 1);
    });
  if (Object.hasOwn(x, column)) throw new Error(hasAlready(file, column, header.line));
  const cell =
    /["\r\n]/.test(column) || column.includes(delimiter) ? `"${column.replaceAll('"', '""')}"` : column;
  return `${header.text}${delimiter}${cell}${header.lineBreak || "\n"}`;
}

/** Predicts some records, and writes them with their predictions. */
async function predictBlock(
  file: DataFile,
  { model, raw, column, unread }: Plan,
  header: RawRecord | null,
  block: readonly RawRecord[],
  delimiter: string,
): Promise<string> {
  const rows = await parseBlock(file, header, block, delimiter);
  if (file.format === "jsonl") {
    const taken = rows.findIndex((row) => Object.hasOwn(row, column));
    if (taken >= 0) throw new Error(hasAlready(file, column, block[taken].line));
  }
  for (const name of unread) for (const row of rows) delete row[name];
  const predictions = predictRows(file, model, rows, raw, block);
  const parts = block.map(({ text, lineBreak }, i) => {
    const prediction = shown(predictions[i]);
    if (file.format === "csv") return `${text}${delimiter}${prediction}${lineBreak || "\n"}`;
    const open = text.trimEnd().slice(0, -1).trimEnd();
    const comma = open.endsWith("{") ? "" : ",";
    return `${open}${comma}${JSON.stringify(column)}:${prediction}}${lineBreak || "\n"}`;
  });
  return parts.join("");
}

/** Reads the cells or values of some records. */
async function parseBlock(
  file: DataFile,
  header: RawRecord | null,
  block: readonly RawRecord[],
  delimiter: string,
): Promise<Record<string, unknown>[]> {
  const all = header === null ? block : [header, ...block];
  const source = all.map(({ text }) => `${text}\n`).join("");
  try {
    const reader = header === null ? readJSONL(source) : readCSV(source, { delimiter });
    return (await reader.rows()).x;
  } catch (error) {
    throw inTable(file, error, (line) => lineInFile(all, line));
  }
}

/** Turns the number of a line of joined records into that of the file. */
function lineInFile(records: readonly RawRecord[], line: number): number {
  let first = 1;
  for (const record of records) {
    const lines = record.text.split(/\r\n|\n|\r/).length;
    if (line < first + lines) return record.line + line - first;
    first += lines;
  }
  return line;
}

/** Predicts rows. An error names the line of the row. */
function predictRows(
  file: DataFile,
  model: Predictor,
  rows: readonly Record<string, unknown>[],
  raw: boolean,
  block: readonly RawRecord[],
): Float32Array {
  try {
    return model.predict(rows as readonly FeatureMap[], { raw });
  } catch (error) {
    const [, row, rest] = /^predict: x\[(\d+)\]\.?(.*)$/s.exec(messageOf(error)) ?? [];
    if (row === undefined) throw new Error(inFile(file.name, error));
    throw new Error(`${file.name}:${block[Number(row)].line}: ${rest}`);
  }
}

function hasAlready({ name }: DataFile, column: string, line: number): string {
  const remedy = "name the predictions with --column NAME";
  return `${name}:${line}: there is ${JSON.stringify(column)} already; ${remedy}`;
}

/** Nine digits identify every float32. */
function shown(value: number): string {
  return String(Number(value.toPrecision(9)));
}
