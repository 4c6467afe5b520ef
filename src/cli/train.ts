// neural-fm train: trains on a libSVM / libFM file and writes a model file.

import { type EpochEvent, type LibSVMData, type Metric, NFM, type NFMOptions } from "../index.ts";
import { checkMetric } from "../metrics/metrics.ts";
import { isRankingMetric } from "../metrics/ranking-metrics.ts";
import {
  type Command,
  checkName,
  checkNumber,
  flag,
  readInteger,
  readText,
  type Streams,
  text,
  UsageError,
  type Values,
  write,
} from "./arguments.ts";
import { messageOf, readData } from "./files.ts";
import { checkWritable, writeWhole } from "./output-file.ts";

/** Losses that compare the rows of a group. */
const PAIRWISE = ["bpr", "max-margin"] as const;

/** The command `train`. */
export const trainCommand: Command = {
  positionals: ["TRAIN"],
  options: {
    validation: text,
    out: text,
    loss: text,
    k: text,
    hidden: text,
    activation: text,
    epochs: text,
    batch: text,
    "learning-rate": text,
    dropout: text,
    "no-batch-norm": flag,
    patience: text,
    metrics: text,
    seed: text,
    features: text,
    "one-based": flag,
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
  --no-batch-norm       leave out batch normalization
  --patience N          stop after N epochs without a better one
  --metrics NAME,...    rmse, rmse-clamped, mae, logloss, auc, accuracy; with
                        qid:N also ndcg@10, mrr, group-auc and the like; the
                        first decides which epoch is best      the loss decides
  --seed N              everything random follows from it      0
  --features N          number of features                     as in the files
  --one-based           indices count from 1: subtract 1 (harmless to leave out,
                        but then leave it out for predict as well)
`,
};

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
  checkQueries(
    [
      [path, data],
      [validationPath, validation ?? data],
    ],
    options.loss,
    metrics,
  );
  const numFeatures = features ?? Math.max(1, data.x.cols, validation?.x.cols ?? 0);
  const model = new NFM({ ...options, numFeatures });
  const report = ({ epoch, epochs, loss, validation, seconds }: EpochEvent): void => {
    const measured = validation ? `, validation ${listValues(validation)}` : "";
    stderr.write(
      `epoch ${epoch}/${epochs}: loss ${loss.toPrecision(4)}${measured} (${seconds.toFixed(2)} s)\n`,
    );
  };
  const history = await model.fit(data.x, data.y, {
    epochs,
    batchSize,
    ...(data.groups && { groups: data.groups }),
    validation: validation ?? false,
    ...(metrics && { metrics }),
    ...(patience !== undefined && { patience }),
    ...(stderr.isTTY ? { progress: true } : { onEpoch: report }),
  });
  const bytes = model.save();
  await writeWhole(out, [bytes]);
  const best = history.epochs.find(({ epoch }) => epoch === history.bestEpoch);
  const last = history.epochs[history.epochs.length - 1];
  const summary = best
    ? `best epoch ${best.epoch} of ${last.epoch}: ${listValues(best.validation!)}`
    : `epoch ${last.epoch}: training loss ${last.loss.toPrecision(5)}`;
  await write(
    stdout,
    `${summary}\nwrote ${out} (${model.numParameters} parameters, ${Math.ceil(bytes.length / 1024)} KiB)\n`,
  );
}

/** Checks that every file has query ids (qid), if the loss or a metric needs them. */
function checkQueries(
  files: readonly (readonly [path: string | undefined, data: LibSVMData])[],
  loss: NFMOptions["loss"],
  metrics: readonly Metric[] | undefined,
): void {
  for (const [file, { groups }] of files) {
    if (PAIRWISE.some((name) => name === loss) && !groups)
      throw new Error(
        `${file}: --loss ${loss as string} compares the lines of a query, ` +
          `and there is no qid: write "label qid:N index:value ..."`,
      );
    const ranking = metrics?.find(isRankingMetric);
    if (ranking && !groups)
      throw new Error(
        `${file}: --metrics ${ranking} ranks the lines of a query, ` +
          `and there is no qid: write "label qid:N index:value ..."`,
      );
  }
}

/** Checks a name of `--metrics`. */
function checkMetricName(name: string): void {
  try {
    checkMetric("--metrics", name);
  } catch (error) {
    throw new UsageError(messageOf(error));
  }
}

/**
 * Reads the options of the model. Options that were not given are left out, so that the defaults of `NFM`
 * apply.
 */
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
  const k = readInteger(values, "k", 1);
  const seed = readInteger(values, "seed", 0);
  const learningRate = readText(values, "learning-rate");
  const widths =
    hidden === "none" ? [] : hidden?.split(",").map((part) => checkNumber("hidden", part, 1, true));
  return {
    loss: checkName("loss", readText(values, "loss") ?? "squared", ["squared", "log", "hinge", ...PAIRWISE]),
    activation: checkName("activation", readText(values, "activation") ?? "relu", [
      "relu",
      "tanh",
      "sigmoid",
      "identity",
    ]),
    ...(k !== undefined && { embeddingDim: k }),
    ...(widths && { hiddenUnits: widths }),
    ...(rates && { dropout: { biInteraction: rates[0], ...(rates.length > 1 && { hidden: rates[1] }) } }),
    ...(values["no-batch-norm"] === true && { batchNorm: false }),
    ...(seed !== undefined && { seed }),
    ...(learningRate !== undefined && { learningRate: checkNumber("learning-rate", learningRate, 0, false) }),
  };
}

/** Lists names and values for a line of output. */
function listValues(values: Readonly<Record<string, number>>): string {
  return Object.entries(values)
    .map(([name, value]) => `${name} ${value.toPrecision(5)}`)
    .join(", ");
}
