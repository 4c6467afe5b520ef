// neural-fm train | predict | demo: reads the command line, hands the work to the library, and turns whatever goes wrong
// into one line on stderr. Exit code 0: done; 1: failed; 2: wrong usage. Files are written whole or not at all.

import { once } from "node:events";
import {
  accessSync, constants, createReadStream, createWriteStream, readFileSync, realpathSync, renameSync, rmSync, statSync, writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { parseArgs, type ParseArgsConfig } from "node:util";
import { demo } from "./demo/demo.ts";
import { Adagrad, NFM, parseLibSVM, readLibSVM, type EpochEvent, type Metric, type NFMOptions } from "../index.ts";
import { checkMetric } from "../metrics/metrics.ts";
import { isRankingMetric } from "../metrics/ranking-metrics.ts";

/** A text stream to write to. */
export interface Output extends NodeJS.EventEmitter {
  write(text: string): boolean;
  readonly isTTY?: boolean;
}

/** Where the command writes. */
export interface Streams {
  readonly stdout: Output;
  readonly stderr: Output;
}

/** The command line is wrong. */
class UsageError extends Error {}

type Values = Record<string, string | boolean | undefined>;

interface Command {
  readonly help: string;
  readonly positionals: readonly string[];
  readonly options: NonNullable<ParseArgsConfig["options"]>;
  run(positionals: readonly string[], values: Values, streams: Streams): Promise<void>;
}

/** Losses that compare the rows of a group. */
const PAIRWISE = ["bpr", "max-margin"] as const;

const text = { type: "string" } as const;
const flag = { type: "boolean" } as const;

const HELP = `Neural Factorization Machines for sparse features.

usage: neural-fm train TRAIN [options]         train on a libSVM / libFM file, write a model file
       neural-fm predict MODEL FILE [options]  one prediction per line of a libSVM / libFM file
       neural-fm demo [options]                compare three models on a small generated world

  -h, --help     this text, or that of a command: neural-fm train --help
      --version  the version
`;

const COMMANDS: Readonly<Record<string, Command>> = {
  train: {
    positionals: ["TRAIN"],
    options: {
      validation: text, out: text, loss: text, k: text, hidden: text, activation: text, epochs: text, batch: text, "learning-rate": text,
      dropout: text, "no-batch-norm": flag, patience: text, metrics: text, seed: text, features: text, "one-based": flag,
    },
    run: train,
    help: `usage: neural-fm train TRAIN [options]

TRAIN is a libSVM / libFM file: lines "label index:value ...", LF or CRLF.

  --validation FILE     measure after every epoch and keep the best one
  --out FILE            the model file (safetensors)           model.safetensors
  --loss NAME           squared, log, hinge; for lines with    squared
                        qid:N (labels compared within a
                        query) also bpr, max-margin
  --k N                 length of a feature's embedding        64
  --hidden N,N,...      widths of the hidden layers; none: a   64
                        factorization machine
  --activation NAME     relu, tanh, sigmoid or identity        relu
  --epochs N            passes over the data                   20
  --batch N             rows per step                          128
  --learning-rate X     of Adagrad                             0.05
  --dropout X[,X]       rates: pooled vector, hidden layers    0.5,0.2
  --no-batch-norm       leave out batch normalisation
  --patience N          stop after N epochs without a better one
  --metrics NAME,...    rmse, rmse-clamped, mae, logloss, auc, accuracy; with
                        qid:N also ndcg@10, mrr, group-auc and the like; the
                        first decides which epoch is best      the loss decides
  --seed N              everything random follows from it      0
  --features N          number of features                     as in the files
  --one-based           indices count from 1: subtract 1 (harmless to leave out,
                        but then leave it out for predict as well)
`,
  },
  predict: {
    positionals: ["MODEL", "FILE"],
    options: { raw: flag, out: text, "one-based": flag },
    run: predict,
    help: `usage: neural-fm predict MODEL FILE [options]

Writes one prediction per line of FILE, a libSVM / libFM file, whose labels are ignored.

  --raw        scores; otherwise a model of log loss gives probabilities
  --out FILE   write there                                     standard output
  --one-based  indices count from 1, as in training
`,
  },
  demo: {
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
  },
};

/**
 * Runs the command line.
 *
 * @param argv Arguments after the name of the program.
 * @returns The exit code.
 */
export async function main(argv: readonly string[], streams: Streams): Promise<number> {
  try {
    await dispatch(argv, streams);
    return 0;
  } catch (error) {
    const usage = error instanceof UsageError;
    const message = messageOf(error).replace(/\s*\n\s*/g, " ");
    streams.stderr.write(`neural-fm: ${message}${usage ? " (see neural-fm --help)" : ""}\n`);
    return usage ? 2 : 1;
  }
}

async function dispatch(argv: readonly string[], streams: Streams): Promise<void> {
  const [name, ...rest] = argv;
  if (name === "--help" || name === "-h") return write(streams.stdout, HELP);
  if (name === "--version") return write(streams.stdout, `${readVersion()}\n`);
  if (name === undefined) throw new UsageError("no command given");
  if (!Object.hasOwn(COMMANDS, name)) throw new UsageError(`there is no command ${JSON.stringify(name)}`);
  const command = COMMANDS[name];
  const { values, positionals } = parse(rest, command);
  if (values.help) return write(streams.stdout, command.help);
  if (positionals.length !== command.positionals.length) {
    const expected = command.positionals.length === 0 ? "no file" : command.positionals.join(" and ");
    throw new UsageError(`${name} needs ${expected}, got ${positionals.length === 0 ? "nothing" : positionals.join(" ")}`);
  }
  await command.run(positionals, values, streams);
}

/** The package's version; package.json is one folder up from src as from dist. */
function readVersion(): string {
  return (JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as { version: string }).version;
}

function parse(args: string[], { options }: Command): { values: Values; positionals: string[] } {
  try {
    const withHelp = { ...options, help: { type: "boolean", short: "h" } } as const;
    const parsed = parseArgs({ args, options: withHelp, allowPositionals: true, strict: true });
    return { values: parsed.values as Values, positionals: parsed.positionals };
  } catch (error) {
    throw new UsageError(messageOf(error).replace(/\. To specify.*$/s, ""));
  }
}

async function train([path]: readonly string[], values: Values, { stdout, stderr }: Streams): Promise<void> {
  const out = readText(values, "out") ?? "model.safetensors";
  const validationPath = readText(values, "validation");
  const metrics = readText(values, "metrics")?.split(",") as Metric[] | undefined;
  const patience = readInteger(values, "patience", 1);
  const epochs = readInteger(values, "epochs", 1) ?? 20;
  const batchSize = readInteger(values, "batch", 1) ?? 128;
  const features = readInteger(values, "features", 1);
  const options = readModelOptions(values);
  if (validationPath === undefined) {
    for (const [name, given] of Object.entries({ patience, metrics })) {
      if (given !== undefined) throw new UsageError(`--${name} needs --validation`);
    }
  }
  for (const metric of metrics ?? []) checkMetricName(metric);
  checkWritable(out);

  const zeroBased = values["one-based"] !== true;
  const data = readData(path, zeroBased);
  const validation = validationPath === undefined ? undefined : readData(validationPath, zeroBased);
  for (const [file, { groups }] of [[path, data], [validationPath, validation ?? data]] as const) {
    if (PAIRWISE.some((name) => name === options.loss) && !groups) throw new Error(`${file}: --loss ${options.loss as string} compares the lines of a query, and there is no qid: write "label qid:N index:value ..."`);
    const ranking = metrics?.find(isRankingMetric);
    if (ranking && !groups) throw new Error(`${file}: --metrics ${ranking} ranks the lines of a query, and there is no qid: write "label qid:N index:value ..."`);
  }
  const numFeatures = features ?? Math.max(1, data.x.cols, validation?.x.cols ?? 0);
  const model = new NFM({ ...options, numFeatures });
  const report = ({ epoch, epochs, loss, validation, seconds }: EpochEvent): void => {
    const measured = validation ? `, validation ${listValues(validation)}` : "";
    stderr.write(`epoch ${epoch}/${epochs}: loss ${loss.toPrecision(4)}${measured} (${seconds.toFixed(2)} s)\n`);
  };
  const history = await model.fit(data.x, data.y, {
    epochs,
    batchSize,
    ...(data.groups && { groups: data.groups }),
    ...(validation && { validation }),
    ...(metrics && { metrics }),
    ...(patience !== undefined && { patience }),
    ...(stderr.isTTY ? { progress: true } : { onEpoch: report }),
  });
  const bytes = model.save();
  writeWhole(out, bytes);
  const best = history.epochs.find(({ epoch }) => epoch === history.bestEpoch);
  const last = history.epochs[history.epochs.length - 1];
  const summary = best
    ? `best epoch ${best.epoch} of ${last.epoch}: ${listValues(best.validation!)}`
    : `epoch ${last.epoch}: training loss ${last.loss.toPrecision(5)}`;
  await write(stdout, `${summary}\nwrote ${out} (${model.numParameters} parameters, ${Math.ceil(bytes.length / 1024)} KiB)\n`);
}

function checkMetricName(name: string): void {
  try {
    checkMetric("--metrics", name);
  } catch (error) {
    throw new UsageError(messageOf(error));
  }
}

function readModelOptions(values: Values): NFMOptions {
  const hidden = readText(values, "hidden");
  const rates = readText(values, "dropout")?.split(",").map((part) => checkNumber("dropout", part, 0, false));
  if (rates?.some((rate) => rate >= 1) || (rates?.length ?? 0) > 2) {
    throw new UsageError(`--dropout must be one or two rates of at least 0 and below 1, got ${values.dropout}`);
  }
  const k = readInteger(values, "k", 1);
  const seed = readInteger(values, "seed", 0);
  const learningRate = readText(values, "learning-rate");
  const widths = hidden === "none" ? [] : hidden?.split(",").map((part) => checkNumber("hidden", part, 1, true));
  return {
    loss: checkName("loss", readText(values, "loss") ?? "squared", ["squared", "log", "hinge", ...PAIRWISE]),
    activation: checkName("activation", readText(values, "activation") ?? "relu", ["relu", "tanh", "sigmoid", "identity"]),
    ...(k !== undefined && { embeddingDim: k }),
    ...(widths && { hiddenUnits: widths }),
    ...(rates && { dropout: { biInteraction: rates[0], ...(rates.length > 1 && { hidden: rates[1] }) } }),
    ...(values["no-batch-norm"] === true && { batchNorm: false }),
    ...(seed !== undefined && { seed }),
    ...(learningRate !== undefined && { optimizer: new Adagrad({ learningRate: checkNumber("learning-rate", learningRate, 0, false) }) }),
  };
}

async function predict([modelPath, path]: readonly string[], values: Values, { stdout }: Streams): Promise<void> {
  const out = readText(values, "out");
  if (out !== undefined) checkWritable(out);
  const model = named(modelPath, () => NFM.load(readFileSync(modelPath)));
  const target = out === undefined ? null : plainFile(out);
  const temporary = target === null ? null : temporaryName(target);
  const file = out === undefined ? null : createWriteStream(temporary ?? out);
  try {
    // Under `once`, opening a missing folder or a full disk rejects here instead of going unheard.
    if (file) await once(file, "open");
    const raw = values.raw === true;
    const source = createReadStream(path);
    try {
      for await (const { x } of readLibSVM(source, { cols: model.numFeatures, zeroBased: values["one-based"] !== true })) {
        const lines = Array.from(model.predict(x, { raw }), (value) => `${Number(value.toPrecision(9))}\n`); // 9 digits name a float32
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

async function runDemo(_: readonly string[], values: Values, { stdout }: Streams): Promise<void> {
  const out = readText(values, "out") ?? join(tmpdir(), "neural-fm-demo.safetensors");
  const options = { seed: readInteger(values, "seed", 0) ?? 1, rows: readInteger(values, "rows", 1000) ?? 80000 };
  checkWritable(out);
  await demo(options, out, writeWhole, (line) => void stdout.write(`${line}\n`));
}

function readData(path: string, zeroBased: boolean): ReturnType<typeof parseLibSVM> {
  const data = named(path, () => parseLibSVM(readFileSync(path), { zeroBased }));
  if (data.x.rows === 0) throw new Error(`${path}: holds no rows`);
  return data;
}

/** Runs `work` on a file; its errors then name the file. */
function named<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw new Error(inFile(path, error));
  }
}

function inFile(path: string, error: unknown): string {
  return `${path}: ${messageOf(error).replace(/^(parseLibSVM|readLibSVM): /, "")}`;
}

const SYSTEM_ERRORS: Readonly<Record<string, string>> = {
  ENOENT: "no such file or folder", EACCES: "permission denied", EISDIR: "is a folder", ENOTDIR: "not a folder", ENOSPC: "no space left",
};

function messageOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  return (code !== undefined && SYSTEM_ERRORS[code]) || (message ?? String(error));
}

/** Refuses an output path before hours are spent on what goes there. */
function checkWritable(path: string): void {
  if (path === "") throw new UsageError("--out needs a path");
  const folder = dirname(path);
  named(folder, () => accessSync(folder, constants.W_OK));
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) throw new Error(`${path}: is a folder`);
}

function temporaryName(path: string): string {
  return `${path}.${process.pid}.tmp`;
}

/** The file that a path stands for, links followed; null for a device or pipe, which can only be written to. */
function plainFile(path: string): string | null {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat === undefined) return path;
  return stat.isFile() ? realpathSync(path) : null;
}

/** Writes a file under a temporary name beside it, then renames it. */
export function writeWhole(path: string, bytes: Uint8Array): void {
  const target = plainFile(path);
  if (target === null) return named(path, () => writeFileSync(path, bytes));
  const temporary = temporaryName(target);
  try {
    writeFileSync(temporary, bytes);
    renameSync(temporary, target);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw new Error(inFile(path, error));
  }
}

async function write(output: Output, text: string): Promise<void> {
  if (!output.write(text)) await once(output, "drain");
}

function listValues(values: Readonly<Record<string, number>>): string {
  return Object.entries(values).map(([name, value]) => `${name} ${value.toPrecision(5)}`).join(", ");
}

function readText(values: Values, name: string): string | undefined {
  return values[name] as string | undefined;
}

function readInteger(values: Values, name: string, least: number): number | undefined {
  const given = readText(values, name);
  return given === undefined ? undefined : checkNumber(name, given, least, true);
}

function checkNumber(name: string, given: string, least: number, integer: boolean): number {
  const value = given.trim() === "" ? NaN : Number(given);
  if (value >= least && (integer ? Number.isSafeInteger(value) : Number.isFinite(value))) return value;
  throw new UsageError(`--${name} must be ${integer ? "an integer" : "a number"} of at least ${least}, got ${JSON.stringify(given)}`);
}

function checkName<const T extends string>(name: string, given: string, allowed: readonly T[]): T {
  const found = allowed.find((one) => one === given);
  if (found === undefined) throw new UsageError(`--${name} must be one of ${allowed.join(", ")}, got ${JSON.stringify(given)}`);
  return found;
}
