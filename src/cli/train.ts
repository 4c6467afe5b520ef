// neural-fm train: trains on a CSV file, on JSON lines or on a libSVM / libFM file, and writes a model file.

import {
  type EpochEvent,
  type FitOptions,
  type FitStreamOptions,
  type History,
  type Labels,
  NFM,
} from "../index.ts";
import { isRankingMetric } from "../metrics/ranking-metrics.ts";
import { type Command, flag, type Streams, text, type Values, write } from "./arguments.ts";
import { messageOf, named } from "./files.ts";
import { withNote } from "./model-note.ts";
import { checkWritable, writeWhole } from "./output-file.ts";
import { constantMetrics } from "./report/diagnostics.ts";
import { checkpointing, type Fingerprint, readCheckpoint } from "./train/checkpoint.ts";
import { partsOf, takeLabels } from "./train/held-out.ts";
import { chooseLabels, labelsLike } from "./train/labels.ts";
import { PAIRWISE, readTrainPlan, type TrainPlan } from "./train/options.ts";
import { asRows, type FileRows, readFileRows } from "./train/rows.ts";
import { openStream } from "./train/stream.ts";
import { describeFields, fieldsOf, listValues, metricLines } from "./train/summary.ts";
import { numbersOf, type Trained } from "./train/trained.ts";

/** The command `train`. */
export const trainCommand: Command = {
  positionals: ["DATA"],
  options: {
    ...{ label: text, model: text, fields: text, ignore: text, format: text },
    ...{ loss: text, validation: text, refit: flag, time: text, groups: text, metrics: text },
    ...{
      epochs: text,
      patience: text,
      batch: text,
      seed: text,
      threads: text,
      "learning-rate": text,
      dropout: text,
    },
    ...{ k: text, hidden: text, activation: text, "no-batch-norm": flag },
    ...{ checkpoint: text, resume: flag, report: text, features: text, "one-based": flag, stream: flag },
  },
  run: train,
  help: `usage: neural-fm train DATA --label NAME [options]

DATA is a CSV file (.csv, .tsv), JSON lines (.jsonl, .ndjson), or a libSVM / libFM
file (.libsvm, .svm, .txt: lines "label index:value ..."). Each may have .gz behind
its name. DATA may be - for standard input. Where no default is given here, the
library chooses.

  --label NAME          the column to learn; not for libSVM files
  --model FILE          the model file (safetensors)           model.safetensors
  --fields NAME:KIND,...  kinds of columns: category, number,  from the rows
                        flag, list, weighted list, ignore
  --ignore NAME,...     columns that are not read              none
  --format NAME         csv, jsonl or libsvm                   by the ending
  --loss NAME           auto, squared, log, hinge; with        auto
                        --groups or qid:N also bpr, max-margin.
                        auto: log for two different labels,
                        else squared; squared for libSVM
  --validation WHAT     auto, none, a share such as 0.1, or a  auto
                        file: rows to decide when to stop
  --refit               then train on all rows as long
  --time NAME           column with the time: the last rows are held out
  --groups NAME         column whose groups stay together
  --metrics NAME,...    rmse, rmse-clamped, mae, logloss, auc, accuracy; with
                        groups also ndcg@10, mrr, group-auc and the like; the
                        first decides which state is best      the loss decides
  --epochs N            passes over the data, at most
  --patience N          stop after N checks without a better one
  --batch N             rows per step
  --seed N              everything random follows from it      0
  --threads N           threads that compute; auto: one per     auto
                        core, at most 8; the result is the same
  --learning-rate X     of Adagrad
  --dropout X[,X]       rates: pooled vector, hidden layers
  --k N                 length of a feature's embedding
  --hidden N,N,...      widths of the hidden layers; none: a factorization machine
  --activation NAME     relu, tanh, sigmoid or identity
  --no-batch-norm       leave out batch normalization
  --checkpoint FILE     after every epoch, save the state of the training there
  --resume              go on from the checkpoint, if there is one
  --report FILE         write a page about the training (HTML)
  --stream              read the file anew in every pass, for data larger than memory
  --features N          libSVM: number of features             as in the files
  --one-based           libSVM: indices count from 1: subtract 1 (harmless to leave
                        out, but then leave it out for predict as well)
`,
};

async function train([path]: readonly string[], values: Values, { stdout, stderr }: Streams): Promise<void> {
  const plan = readTrainPlan(path, values);
  for (const out of [plan.out, plan.checkpoint, plan.report]) if (out !== undefined) checkWritable(out);
  const { label, ignored, groups, zeroBased } = plan;
  const columns = label === null ? null : { label, ignored };
  const reading = { columns, groups, zeroBased };
  const rows = plan.stream ? null : await readFileRows(plan.file, reading);
  const streamed = rows === null ? await openStream(plan) : null;
  const chosen = rows && (await chooseLabels(rows, plan.loss, label));
  const { loss } = (chosen ?? streamed)!;
  const other = typeof plan.validation === "object" ? await readFileRows(plan.validation, reading) : null;
  const areTexts = streamed === null ? typeof chosen!.y[0] === "string" : streamed.areTexts;
  const validation = other && { rows: other, y: await labelsLike(other, areTexts, label) };
  checkGroups([...(rows ? [rows] : []), ...(other ? [other] : [])], loss, plan);

  const notices: string[] = [];
  const width = Math.max(streamed?.width ?? 1, ...[rows, other].map(widthOf));
  const model = new NFM({
    ...plan.model,
    loss,
    ...(columns === null ? { numFeatures: plan.numFeatures ?? width } : {}),
    onNotice: ({ message }) => {
      const words = inOptions(message);
      notices.push(words);
      stderr.write(`note: ${words}\n`);
    },
  });
  const fingerprint = fingerprintOf(plan, (rows ?? streamed)!.digest, other);
  resumeFrom(plan, model, fingerprint, (line) => void stderr.write(`${line}\n`));
  const start = performance.now();
  const options = {
    ...plan.fit,
    validation: validation === null ? (plan.validation as "auto" | number | false) : heldOutOf(validation),
    ...(stderr.isTTY
      ? { progress: true }
      : { onEpoch: (event: EpochEvent) => void stderr.write(lineOf(event)) }),
  };
  const ofGroups = rows?.groups === undefined ? {} : { groups: rows.groups };
  const history = await inFileOf(plan, () =>
    streamed !== null
      ? model.fit(streamed.source, options as FitStreamOptions)
      : model.fit(asRows(rows!.x), chosen!.y as Labels, { ...options, ...ofGroups }),
  );
  const seconds = (performance.now() - start) / 1000;
  const common = { plan, model, history, validation, notices, seconds };
  const trained: Trained | null = rows && {
    ...{ ...common, rows, y: chosen!.y },
    parts: partsOf(rows, plan, model, history),
  };

  const bytes = model.save();
  await writeWhole(plan.out, columns === null ? [bytes] : withNote(bytes, columns));
  if (plan.report !== undefined && trained !== null) {
    const { trainingReport } = await import("./train/report.ts");
    await writeWhole(plan.report, [trainingReport(trained)]);
  }
  const size = `${model.numParameters} parameters, ${Math.ceil(bytes.length / 1024)} KiB`;
  const reported = plan.report === undefined ? "" : `wrote ${plan.report}\n`;
  const head = headOf(plan, (rows ?? streamed)!.size, model, history);
  const metrics = trained === null ? measuredLine(history) : shown(trained);
  await write(stdout, `${head}${metrics}wrote ${plan.out} (${size})\n${reported}`);
}

/** The line about an epoch, where there is no terminal. */
function lineOf({ epoch, epochs, loss, validation, seconds, refit }: EpochEvent): string {
  const measured = validation ? `, validation ${listValues(validation)}` : "";
  const name = refit ? "refit epoch" : "epoch";
  return `${name} ${epoch}/${epochs}: loss ${loss.toPrecision(4)}${measured} (${seconds.toFixed(2)} s)\n`;
}

/** Writes a notice of `fit` with the options of the command in place of those of the library. */
function inOptions(message: string): string {
  return message
    .replace(/^fit: /, "")
    .replace("refit: true", "--refit")
    .replace("validation: false", "--validation none")
    .replace(/fields: \{ "([^"]*)": "(\w+)" \}/g, "--fields $1:$2");
}

/** Trains. Errors get the name of the file in front, if they do not have it yet. */
async function inFileOf({ file: { name } }: TrainPlan, fit: () => Promise<History>): Promise<History> {
  try {
    return await fit();
  } catch (error) {
    const message = messageOf(error);
    throw message.startsWith(`${name}:`) ? error : new Error(`${name}: ${message.replace(/^fit: /, "")}`);
  }
}

function heldOutOf({ rows: { x, groups }, y }: NonNullable<Trained["validation"]>): FitOptions["validation"] {
  return {
    x: asRows(x),
    y: y as Labels,
    ...(groups === undefined ? {} : { groups }),
  };
}

/** Number of columns of a libSVM file; 0 for other files. */
function widthOf(rows: FileRows | null): number {
  return (rows?.x as { cols?: number } | undefined)?.cols ?? 0;
}

/** Checks that every libSVM file has query ids (qid), if the loss or a metric needs them. */
function checkGroups(files: readonly FileRows[], loss: string, { fit, file }: TrainPlan): void {
  const ranking = fit.metrics?.find(isRankingMetric);
  const needy = PAIRWISE.some((name) => name === loss)
    ? `--loss ${loss} compares the lines of a query`
    : ranking && `--metrics ${ranking} ranks the lines of a query`;
  const lacking = files.find(({ groups }) => groups === undefined);
  if (needy === undefined || lacking === undefined) return;
  const remedy =
    file.format === "libsvm"
      ? `and there is no qid: write "label qid:N index:value ..."`
      : "so --groups must name the column of the queries";
  throw new Error(`${lacking.file.name}: ${needy}, ${remedy}`);
}

/** What a checkpoint of this training belongs to. */
function fingerprintOf({ given }: TrainPlan, digest: string, validation: FileRows | null): Fingerprint {
  const places = ["model", "checkpoint", "resume", "report", "validation", "format", "threads"];
  const options = Object.entries(given).filter(([name]) => !places.includes(name));
  return {
    ...Object.fromEntries(options.map(([name, value]) => [`--${name}`, value])),
    ...(validation === null ? { "--validation": given.validation ?? "auto" } : {}),
    "the training file": digest,
    "the validation file": validation?.digest ?? "none",
  };
}

/** Prepares checkpoints, and takes the state of an earlier one. */
function resumeFrom(
  { checkpoint: path, resume }: TrainPlan,
  model: NFM,
  fingerprint: Fingerprint,
  say: (line: string) => void,
): void {
  if (path === undefined) return;
  const learner = NFM.learnerOf(model);
  const found = resume ? readCheckpoint(path, fingerprint) : null;
  if (found !== null) {
    named(path, () => learner.restore(found.model));
    say(`resuming after epoch ${found.state.epochs.length} from ${path}`);
  } else if (resume) {
    say(`${path}: there is no checkpoint yet; training starts from the beginning`);
  }
  const save = (): Uint8Array => model.save({ optimizer: true });
  learner.resumption = checkpointing(path, fingerprint, found?.state ?? null, save);
}

/** The lines about rows, fields and epochs. */
function headOf({ file }: TrainPlan, rows: number, model: NFM, { epochs, best }: History): string {
  const fields = fieldsOf(model);
  const of = fields.length === 0 ? `${model.numFeatures} features` : `${fields.length} fields`;
  const named = fields.length === 0 ? "" : `fields: ${describeFields(fields)}\n`;
  const last = epochs[epochs.length - 1];
  const head = `read ${file.name}: ${rows} rows, ${of}\n${named}`;
  if (best === null) return `${head}epoch ${last.epoch}: training loss ${last.loss.toPrecision(5)}\n`;
  return `${head}best epoch ${best.epoch} of ${last.epoch}\n`;
}

/** The metrics of the best check. The rows of a stream are not there any more. */
function measuredLine({ best }: History): string {
  return best === null ? "" : metricLines("held-out rows", best.validation, null);
}

/** The metrics of the finished model beside those of a constant. */
function shown({ rows, y, model, history, parts, validation }: Trained): string {
  const { loss } = NFM.learnerOf(model).settings;
  const numbers = (labels: ArrayLike<number | string>): number[] => numbersOf(labels, model);
  if (history.best !== null) {
    const measured = { ...history.best.validation };
    delete measured.loss;
    const values = Object.keys(measured).length === 0 ? history.best.validation : measured;
    const heldOut = parts === null ? validation!.y : takeLabels(y, parts.heldOut);
    const where =
      parts === null ? `${validation!.rows.file.name}` : `held-out rows (${parts.heldOut.length})`;
    return metricLines(where, values, constantMetrics(loss.name, numbers(heldOut)));
  }
  if (loss.kind === "pairwise") return "";
  return metricLines(
    `training rows (${rows.size}; none were held out)`,
    model.evaluate(asRows(rows.x), y as Labels),
    constantMetrics(loss.name, numbers(y)),
  );
}
