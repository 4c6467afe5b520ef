// The options of `train`, checked before anything is read. What was not given is left out, so that the
// defaults of the library apply.

import type { FitOptions, NFMOptions } from "../../index.ts";
import {
  checkName,
  checkNumber,
  readInteger,
  readList,
  readMetrics,
  readText,
  readThreadCount,
  UsageError,
  type Values,
} from "../arguments.ts";
import { type DataFile, dataFile } from "../data-file.ts";

/** A loss that compares the rows of a group. */
type PairwiseName = "bpr" | "max-margin";

/** Losses that compare the rows of a group. */
export const PAIRWISE: readonly PairwiseName[] = ["bpr", "max-margin"];

const LOSSES: readonly LossChoice[] = ["auto", "squared", "log", "hinge", ...PAIRWISE];

/** The kinds that `--fields` can give to a column. */
const KINDS = ["category", "number", "flag", "list", "weighted list", "ignore"] as const;

/** A loss, or "auto": the labels decide. */
export type LossChoice = "auto" | "squared" | "log" | "hinge" | PairwiseName;

/** What `train` shall do. */
export interface TrainPlan {
  readonly file: DataFile;
  /** Name of the label column; null for a libSVM file. */
  readonly label: string | null;
  /** Names of the columns that are not read. */
  readonly ignored: readonly string[];
  readonly loss: LossChoice;
  /** The options of the model without the loss. */
  readonly model: NFMOptions;
  /** The options of `fit` without data. */
  readonly fit: FitOptions;
  /** What decides when to stop: rows of a file, or what `fit` takes. */
  readonly validation: DataFile | "auto" | number | false;
  /** Name of the column with the groups. */
  readonly groups: string | undefined;
  /** Whether the rows are read anew in every epoch. */
  readonly stream: boolean;
  readonly zeroBased: boolean;
  readonly numFeatures: number | undefined;
  readonly out: string;
  readonly checkpoint: string | undefined;
  readonly resume: boolean;
  readonly report: string | undefined;
  /** All options that were given, as texts. */
  readonly given: Readonly<Record<string, string>>;
}

/**
 * Reads the command line of `train`.
 *
 * @param path Path of the data.
 * @param values The options.
 * @returns What to do.
 * @throws UsageError that names the option.
 */
export function readTrainPlan(path: string, values: Values): TrainPlan {
  const file = dataFile(path, readText(values, "format"));
  const given = Object.entries(values).filter(([, value]) => value !== undefined);
  const plan: TrainPlan = {
    file,
    label: readText(values, "label") ?? null,
    ignored: readList(values, "ignore"),
    loss: checkName("loss", readText(values, "loss") ?? "auto", LOSSES),
    model: readModelOptions(values),
    fit: readFitOptions(values),
    validation: readValidation(readText(values, "validation") ?? "auto", readText(values, "format")),
    groups: readText(values, "groups"),
    stream: values.stream === true,
    zeroBased: values["one-based"] !== true,
    numFeatures: readInteger(values, "features", 1),
    out: readText(values, "model") ?? "model.safetensors",
    checkpoint: readText(values, "checkpoint"),
    resume: values.resume === true,
    report: readText(values, "report"),
    given: Object.fromEntries(given.map(([name, value]) => [name, String(value)])),
  };
  checkForm(plan, values);
  checkValidation(plan, values);
  if (plan.stream) checkStream(plan, values);
  if (plan.resume && plan.checkpoint === undefined) throw new UsageError("--resume needs --checkpoint FILE");
  return plan;
}

/** Refuses options that are for files of another form. */
function checkForm({ file, label, loss, groups }: TrainPlan, values: Values): void {
  const isTable = file.format !== "libsvm";
  const wrong = isTable ? ["features", "one-based"] : ["label", "fields", "ignore", "groups", "time"];
  for (const name of wrong) {
    if (values[name] === undefined) continue;
    const which = isTable ? "libSVM files" : "files whose columns have names, such as CSV";
    throw new UsageError(`--${name} is for ${which}, and ${file.name} is none`);
  }
  if (isTable && label === null)
    throw new UsageError(`--label is missing: it names the column of ${file.name} to learn`);
  if (isTable && PAIRWISE.some((one) => one === loss) && groups === undefined)
    throw new UsageError(
      `--loss ${loss} compares the rows of a group; --groups names the column of the groups`,
    );
}

/** Refuses options that need all rows in memory. */
function checkStream({ file, loss }: TrainPlan, values: Values): void {
  if (file.path === "-") {
    throw new UsageError(
      "--stream reads the data in every epoch, and standard input can be read once: name a file",
    );
  }
  const whole = ["groups", "time", "report"].find((name) => values[name] !== undefined);
  const name = PAIRWISE.some((one) => one === loss) ? `loss ${loss}` : whole;
  if (name !== undefined)
    throw new UsageError(
      `--${name} needs all rows in memory, and --stream keeps a part of them: leave one out`,
    );
}

/** Refuses options that do not go with `--validation`. */
function checkValidation({ file, validation }: TrainPlan, values: Values): void {
  const needy = (names: readonly string[], why: string): void => {
    const found = names.find((name) => values[name] !== undefined);
    if (found !== undefined) throw new UsageError(`--${found} needs ${why}`);
  };
  if (validation === false)
    needy(["patience", "metrics", "refit", "time"], "--validation, and that is none: leave one out");
  if (typeof validation !== "object") return;
  needy(["refit", "time"], "rows that are held out: --validation auto, or a share such as 0.1");
  const isAlike = (validation.format === "libsvm") === (file.format === "libsvm");
  if (validation.path === "-" || !isAlike)
    throw new UsageError(
      `--validation must be a file of the same form as ${file.name}, got ${validation.name}`,
    );
}

function readValidation(given: string, format: string | undefined): TrainPlan["validation"] {
  if (given === "auto") return "auto";
  if (given === "none") return false;
  if (given.trim() === "" || Number.isNaN(Number(given))) return dataFile(given, format);
  const share = checkNumber("validation", given, 0, false);
  if (share > 0 && share < 1) return share;
  throw new UsageError(
    `--validation must be auto, none, a share above 0 and below 1, or a file, got ${given}`,
  );
}

function readFitOptions(values: Values): FitOptions {
  return {
    ...some("epochs", readInteger(values, "epochs", 1)),
    ...some("batchSize", readInteger(values, "batch", 1)),
    ...some("patience", readInteger(values, "patience", 1)),
    ...some("metrics", readMetrics(values)),
    ...some("time", readText(values, "time")),
    ...(values.refit === true && { refit: true }),
  };
}

function readModelOptions(values: Values): NFMOptions {
  const hidden = readText(values, "hidden");
  const rates = readText(values, "dropout")
    ?.split(",")
    .map((part) => checkNumber("dropout", part, 0, false));
  if (rates?.some((rate) => rate >= 1) || (rates?.length ?? 0) > 2) {
    throw new UsageError(
      `--dropout must be one or two rates of at least 0 and below 1, got ${values.dropout}`,
    );
  }
  const widths =
    hidden === "none" ? [] : hidden?.split(",").map((part) => checkNumber("hidden", part, 1, true));
  const rate = readText(values, "learning-rate");
  const activation = readText(values, "activation");
  const activations = ["relu", "tanh", "sigmoid", "identity"] as const;
  return {
    ...some("embeddingDim", readInteger(values, "k", 1)),
    ...some("hiddenUnits", widths),
    ...some("activation", activation && checkName("activation", activation, activations)),
    ...some("learningRate", rate === undefined ? rate : checkNumber("learning-rate", rate, 0, false)),
    ...(rates && { dropout: { biInteraction: rates[0], ...(rates.length > 1 && { hidden: rates[1] }) } }),
    ...(values["no-batch-norm"] === true && { batchNorm: false }),
    ...some("seed", readInteger(values, "seed", 0)),
    ...some("fields", readFields(values)),
    threads: readThreadCount(values),
  } as NFMOptions;
}

/** Reads "zip:category,price:number". */
function readFields(values: Values): Record<string, (typeof KINDS)[number]> | undefined {
  const entries = readList(values, "fields").map((entry): [string, (typeof KINDS)[number]] => {
    const at = entry.lastIndexOf(":");
    if (at < 1)
      throw new UsageError(`--fields must be like zip:category,price:number, got ${JSON.stringify(entry)}`);
    return [entry.slice(0, at), checkName("fields", entry.slice(at + 1), KINDS)];
  });
  return entries.length === 0 ? undefined : Object.fromEntries(entries);
}

/** An object with one key, or with none if there is no value. */
function some<K extends string, V>(key: K, value: V | undefined): { [name in K]?: V } {
  return value === undefined ? {} : ({ [key]: value } as { [name in K]?: V });
}
