// The options of all ways to fit, and what they default to.

import { checkBoolean, checkInteger, checkKeys, checkNumber, wrongType } from "../core/errors.ts";
import type { IdsOption } from "../data/ids.ts";
import { isRows, type Rows } from "../data/rows.ts";
import { checkMetric, type Metric } from "../metrics/metrics.ts";
import type { EpochRecord } from "./progress.ts";

/** After an epoch. */
export interface EpochEvent extends EpochRecord {
  /** Epochs planned. */
  readonly epochs: number;
  /** Whether it is the best so far by the monitored metric. */
  readonly best: boolean;
}

/** After a batch. */
export interface BatchEvent {
  readonly epoch: number;
  /** From 1. */
  readonly batch: number;
  readonly batches: number;
  /** Mean loss of the batch before its step. */
  readonly loss: number;
}

/** Held-out labeled rows. */
export interface HeldOutLabels {
  readonly x: Rows | readonly object[];
  readonly y: ArrayLike<number>;
  /** A field name, or an id per row. Default: no groups. */
  readonly groups?: IdsOption | undefined;
}

/** Held-out pairs: row i of `positives` should score above row i of `negatives`. */
export interface HeldOutPairs {
  readonly positives: Rows | readonly object[];
  readonly negatives: Rows | readonly object[];
}

/** Options of `fit`. */
export interface FitOptions {
  /** Passes over the data, at least 1. Default: 20. */
  epochs?: number | undefined;
  /** Rows (or pairs) per step, at least 1. Default: 128. */
  batchSize?: number | undefined;
  /** Visit the rows of each epoch in a new random order. Default: true. */
  shuffle?: boolean | undefined;
  /**
   * Held-out data, measured after every epoch. A number above 0 and below 1 holds out that share of the rows
   * at random, or of the groups if there are any. Default: none.
   */
  validation?: number | HeldOutLabels | HeldOutPairs | undefined;
  /** What to measure on it, beside the loss. Default: by the loss. */
  metrics?: readonly Metric[] | undefined;
  /** What decides which epoch is best. Default: the first of `metrics` if they are given, else "loss". */
  monitor?: Metric | "loss" | undefined;
  /** Stop after this many epochs without improvement, at least 1. Default: never. */
  patience?: number | undefined;
  /** End with the parameters of the best epoch. Default: true with validation. */
  restoreBest?: boolean | undefined;
  /**
   * Weight of each row, finite, at least 0; (rows). The loss of a batch is the weighted mean over its rows.
   * Default: all rows alike.
   */
  sampleWeight?: ArrayLike<number> | undefined;
  /**
   * Group of each row, such as its query, user or session: the name of a field that holds an id, or one id
   * per row. A pairwise loss needs groups: it compares rows of different labels within a group, in pairs that
   * are drawn anew for each epoch. Ranking metrics rank within groups. Default: none.
   */
  groups?: IdsOption | undefined;
  /** With a pairwise loss: most pairs per epoch in which a row is the better one, at least 1. Default: 4. */
  pairsPerRow?: number | undefined;
  /**
   * Go on from where the model stands instead of starting afresh; epochs are counted on. The vocabulary stays
   * as it is. A model loaded from a file without the optimizer's state starts that afresh. Default: false.
   */
  resume?: boolean | undefined;
  /** Called after every epoch; false (or a promise of it) stops training. Default: none. */
  onEpoch?: ((event: EpochEvent) => void | false | Promise<void | false>) | undefined;
  /** Called after every batch. Default: none. */
  onBatch?: ((event: BatchEvent) => void) | undefined;
  /** Report progress: a bar on a terminal, a line per epoch elsewhere. Default: false. */
  progress?: boolean | undefined;
  /**
   * Aborts training: `fit` rejects with the signal's reason, the model is as after the last complete epoch.
   * Default: none.
   */
  signal?: AbortSignal | undefined;
}

/** Options of `fitPairs`. */
export type FitPairsOptions = Omit<FitOptions, "sampleWeight" | "groups" | "pairsPerRow">;

/** Checked options with defaults filled in. */
export interface FitSettings extends FitOptions {
  readonly epochs: number;
  readonly batchSize: number;
  readonly shuffle: boolean;
  readonly patience: number;
  readonly restoreBest: boolean;
  readonly resume: boolean;
  readonly progress: boolean;
  readonly pairsPerRow: number;
}

/** The options of every way to fit. */
const KEYS = [
  "epochs",
  "batchSize",
  "shuffle",
  "validation",
  "metrics",
  "monitor",
  "patience",
  "restoreBest",
  "resume",
  "onEpoch",
  "onBatch",
  "progress",
  "signal",
];

/** Checks the options of `fit` or `fitPairs` (`caller`), all of them before anything is done. */
export function readFitOptions(caller: "fit" | "fitPairs", options: FitOptions): FitSettings {
  const settings = readTrainingOptions(
    caller,
    options,
    caller === "fit" ? ["sampleWeight", "groups", "pairsPerRow"] : [],
  );
  if (options.validation !== undefined) checkValidation(caller, options.validation);
  return settings;
}

/** Checks the options that every way to fit has; `own` are the keys of those that only this one has. */
export function readTrainingOptions(
  caller: string,
  options: Omit<FitOptions, "validation"> & { validation?: unknown },
  own: readonly string[],
): FitSettings {
  checkKeys(caller, options, [...KEYS, ...own]);
  const { validation, metrics, monitor, patience, restoreBest, onEpoch, onBatch, signal } = options;
  if (metrics !== undefined) checkMetricNames(caller, metrics);
  if (monitor !== undefined) checkMetric(`${caller}: monitor`, monitor, ["loss"]);
  for (const [name, callback] of Object.entries({ onEpoch, onBatch })) {
    if (callback !== undefined && typeof callback !== "function")
      throw wrongType(`${caller}: ${name}`, "a function", callback);
  }
  if (signal !== undefined && typeof signal?.throwIfAborted !== "function")
    throw wrongType(`${caller}: signal`, "an AbortSignal", signal);
  for (const [name, given] of Object.entries({
    metrics,
    monitor,
    patience,
    restoreBest: restoreBest || undefined,
  })) {
    if (given !== undefined && validation === undefined)
      throw new TypeError(`${caller}: ${name} needs validation data; pass validation as well`);
  }
  return {
    ...(options as FitOptions),
    epochs: checkInteger(`${caller}: epochs`, options.epochs ?? 20, 1),
    batchSize: checkInteger(`${caller}: batchSize`, options.batchSize ?? 128, 1, 2 ** 24),
    shuffle: checkBoolean(`${caller}: shuffle`, options.shuffle ?? true),
    patience: patience === undefined ? Infinity : checkInteger(`${caller}: patience`, patience, 1),
    restoreBest: checkBoolean(`${caller}: restoreBest`, restoreBest ?? true),
    resume: checkBoolean(`${caller}: resume`, options.resume ?? false),
    progress: checkBoolean(`${caller}: progress`, options.progress ?? false),
    pairsPerRow: checkInteger(`${caller}: pairsPerRow`, options.pairsPerRow ?? 4, 1, 2 ** 16),
  };
}

/** Checks a list of metrics. */
export function checkMetricNames(caller: string, metrics: readonly Metric[]): readonly Metric[] {
  if (!Array.isArray(metrics)) throw wrongType(`${caller}: metrics`, "an array of metric names", metrics);
  return Array.from(metrics as readonly Metric[], (metric, i) =>
    checkMetric(`${caller}: metrics[${i}]`, metric),
  );
}

function checkValidation(
  caller: "fit" | "fitPairs",
  validation: NonNullable<FitOptions["validation"]>,
): void {
  const place = `${caller}: validation`;
  if (typeof validation === "number") {
    checkNumber(place, validation, "a share above 0 and below 1", (share) => share > 0 && share < 1);
    return;
  }
  const keys = caller === "fit" ? ["x", "y"] : ["positives", "negatives"];
  checkKeys(place, validation, caller === "fit" ? [...keys, "groups"] : keys);
  const given = validation as object as Record<string, unknown>;
  for (const key of keys) {
    if (key !== "y" && !isRows(given[key]))
      throw wrongType(`${place}.${key}`, "a CSRMatrix or an array of rows", given[key]);
  }
}
