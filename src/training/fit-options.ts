// The options of `fit` and `fitPairs`, their defaults and their checks. `Recommender.fit` shares most of
// them.

import {
  checkBoolean,
  checkInteger,
  checkKeys,
  checkNumber,
  checkSignal,
  wrongType,
} from "../core/errors.ts";
import type { IdsOption } from "../data/ids.ts";
import type { Labels } from "../data/labels.ts";
import type { RowsOf } from "../data/rows.ts";
import type { TimesOption } from "../data/times.ts";
import { checkMetric, type Metric } from "../metrics/metrics.ts";
import { checksPerEpoch, MOST_EPOCHS, PATIENCE } from "./auto.ts";
import type { CheckRecord } from "./early-stopping.ts";
import { MODEL_KEYS } from "./model-keys.ts";
import type { EpochRecord } from "./progress.ts";

/** What `onEpoch` receives after an epoch. */
export interface EpochEvent extends EpochRecord {
  /** Largest number of epochs of this `fit`. */
  readonly epochs: number;
  /** The checks of this epoch, in their order; none without validation. */
  readonly checks: readonly CheckRecord[];
  /** Whether one of these checks is the best so far by the monitored metric. */
  readonly best: boolean;
  /** Whether this is the training on all rows that the option `refit` asks for. */
  readonly refit: boolean;
}

/** What `onBatch` receives after a batch. */
export interface BatchEvent {
  /** Number of the epoch, from 1. */
  readonly epoch: number;
  /** Number of the batch in its epoch, from 1. */
  readonly batch: number;
  /** Number of batches per epoch. */
  readonly batches: number;
  /** Mean loss of the batch before its step. */
  readonly loss: number;
  /** What was measured after this batch, if it is a check within an epoch; else null. */
  readonly check: CheckRecord | null;
}

/** Labeled rows for validation. */
export interface HeldOutLabels {
  /** The rows, (rows). */
  readonly x: RowsOf<object>;
  /** The labels, such as the loss accepts, (rows). */
  readonly y: Labels;
  /** Group of each row: a field name, or one id per row, (rows). Default: no groups. */
  readonly groups?: IdsOption | undefined;
}

/** Pairs of rows for validation: row i of `positives` should score above row i of `negatives`. */
export interface HeldOutPairs {
  /** The better row of each pair, (pairs). */
  readonly positives: RowsOf<object>;
  /** The worse row of each pair, (pairs). */
  readonly negatives: RowsOf<object>;
}

/** Options of `fit`. */
export interface FitOptions {
  /**
   * Number of passes over the data, at least 1; the largest number if training may stop earlier. Default: 20;
   * 100 if "auto" holds out rows, and 40 with the squared loss if it has fewer than 1,000 rows.
   */
  epochs?: number | undefined;
  /** Rows (or pairs) per step, from 1 to 2^24. Default: 128. */
  batchSize?: number | undefined;
  /** Whether each epoch visits the rows in a new random order. Default: true. */
  shuffle?: boolean | undefined;
  /**
   * Validation data. They are not trained on, and checks measure the model on them. "auto" holds out a tenth
   * of the rows, at most 100,000, if there are at least 1,000 rows. It makes up to four checks in an epoch of
   * many rows, and training stops when `patience` runs out. With fewer rows, or fewer than ten groups, it
   * trains on all rows for `epochs`. `false` does so always. A number above 0 and below 1 holds out that
   * share of the rows, with one check after every epoch; data of your own are checked after every epoch as
   * well. Rows are held out at random, or by `time`; if there are groups, whole groups are. Default: "auto".
   */
  validation?: "auto" | false | number | HeldOutLabels | HeldOutPairs | undefined;
  /**
   * The time of each row: the name of a field, or an array, (rows), of numbers, of Dates, or of texts that
   * sort by time, such as "2024-05-31". The last rows are held out in place of random ones. Rows of equal
   * time stay together: of all cuts between two different times, the one is taken whose part is nearest to
   * the share. If there are groups, the groups with the latest last rows are held out. Default: rows at
   * random.
   */
  time?: TimesOption | undefined;
  /**
   * Whether training starts again after it has stopped, on all rows, for as many steps as led to the best
   * check. The vocabulary is then learned from all rows too. It needs "auto" or a share as `validation`.
   * Until the second training has ended, the model is the one of the first. Default: false.
   */
  refit?: boolean | undefined;
  /** Metrics to measure on the validation data, besides the loss. Default: by the loss. */
  metrics?: readonly Metric[] | undefined;
  /**
   * The metric that decides which check is the best. Default: the first of `metrics` if they are given, else
   * "loss".
   */
  monitor?: Metric | "loss" | undefined;
  /**
   * Training stops after this many checks in a row without improvement, at least 1. Default: never; 8 if
   * "auto" holds out rows.
   */
  patience?: number | undefined;
  /** Whether `fit` ends with the parameters of the best check. Default: true with validation. */
  restoreBest?: boolean | undefined;
  /**
   * Weight of each row, (rows), finite, at least 0. The loss of a batch is the weighted mean over its rows,
   * and so is the loss of held-out rows; metrics are not weighted. Default: all rows alike.
   */
  sampleWeight?: ArrayLike<number> | undefined;
  /**
   * Group of each row, such as its query, user or session: the name of a field that holds an id, or one id
   * per row, (rows). A pairwise loss needs groups: it compares two rows of a group whose labels differ. Each
   * epoch draws new pairs. Ranking metrics rank the rows within each group. Default: none.
   */
  groups?: IdsOption | undefined;
  /**
   * With a pairwise loss: the largest number of pairs per epoch in which a row is the better one, from 1 to
   * 65536. Default: 4.
   */
  pairsPerRow?: number | undefined;
  /**
   * Whether training continues from the present parameters instead of starting with new ones. The numbers of
   * epochs continue as well, and the vocabulary stays as it is. The optimizer's state starts anew if the
   * model was loaded from a file without it. Default: false.
   */
  resume?: boolean | undefined;
  /** Called after every epoch. Training stops if it returns false or a promise of false. Default: none. */
  onEpoch?: ((event: EpochEvent) => void | boolean | Promise<void | boolean>) | undefined;
  /** Called after every batch. Default: none. */
  onBatch?: ((event: BatchEvent) => void) | undefined;
  /** Whether to show progress: a bar on a terminal, a line per epoch elsewhere. Default: false. */
  progress?: boolean | undefined;
  /**
   * Aborts training. `fit` then rejects with the signal's reason, and the model is as after the last complete
   * epoch. Default: none.
   */
  signal?: AbortSignal | undefined;
}

/** Options of `fit` that only a stream has. */
export interface StreamOptions {
  /**
   * Number of rows that are shuffled together, from 1 to 2^24, rounded down to whole batches. Two such
   * windows are in memory: one is trained on while the next one is read. A window of long rows ends earlier,
   * at 2^23 entries. If the rows of the stream are sorted, shuffle them once before. Default: 262144.
   */
  window?: number | undefined;
}

/** Options of `fit` for a stream. */
export type FitStreamOptions = Omit<FitOptions, "sampleWeight" | "groups" | "time" | "pairsPerRow"> &
  StreamOptions;

/** Options of `fitPairs`. */
export type FitPairsOptions = Omit<FitOptions, "sampleWeight" | "groups" | "time" | "pairsPerRow">;

/** Checked options of `fit`, with defaults filled in. The fields are described in `FitOptions`. */
export interface FitSettings extends FitOptions {
  /** Number of passes over the data. */
  readonly epochs: number;
  /** Rows (or pairs) per step. */
  readonly batchSize: number;
  /** Whether each epoch has a new order. */
  readonly shuffle: boolean;
  /** Checks without improvement before training stops; Infinity: never. */
  readonly patience: number;
  /** The limits that hold in place of `epochs` and `patience` if "auto" holds out rows. */
  readonly automatic: Pick<FitSettings, "epochs" | "patience" | "checksPerEpoch" | "checksStart">;
  /** Whether the user said how many passes. */
  readonly hasEpochs: boolean;
  /** Whether the model is measured before the first step as well. */
  readonly checksStart: boolean;
  /** The number of checks in an epoch of so many examples, at least 1. */
  readonly checksPerEpoch: (examples: number) => number;
  /** The first option that the user passed and that has no meaning without validation data; null: none. */
  readonly needy: string | null;
  /** Whether training on all rows follows. */
  readonly refit: boolean;
  /** Whether `fit` ends with the parameters of the best check. */
  readonly restoreBest: boolean;
  /** Whether training continues from the present parameters. */
  readonly resume: boolean;
  /** Whether progress is shown. */
  readonly progress: boolean;
  /** Largest number of pairs per epoch in which a row is the better one. */
  readonly pairsPerRow: number;
  /** Number of rows of a stream that are shuffled together. */
  readonly window: number;
}

/** The options that `fit`, `fitPairs` and `Recommender.fit` share. */
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

/**
 * Checks all options of `fit` or `fitPairs`.
 *
 * @param caller Name of the method that errors start with.
 * @param options The options as the user passed them.
 * @param isStream Whether the data are a stream. Default: false.
 * @returns The options with defaults filled in.
 * @throws TypeError or RangeError that names the option.
 */
export function readFitOptions(
  caller: "fit" | "fitPairs",
  options: FitOptions & StreamOptions,
  isStream: boolean = false,
): FitSettings {
  const ofRows = caller === "fit" ? ["sampleWeight", "groups", "pairsPerRow", "time"] : [];
  const own = isStream ? ["window"] : ofRows;
  const settings = readTrainingOptions(caller, options, ["refit", ...own]);
  const validation = settings.validation ?? "auto";
  checkValidation(caller, validation);
  if (validation === false) requireValidation(caller, settings, "; pass a share or data as validation");
  const holdsOut = validation === "auto" || typeof validation === "number";
  if (options.time !== undefined && !holdsOut) {
    throw new TypeError(
      `${caller}: time says which rows are held out, and validation holds out none of these rows; leave one out`,
    );
  }
  const refit = checkBoolean(`${caller}: refit`, options.refit ?? false);
  if (refit && !holdsOut) {
    throw new TypeError(
      `${caller}: refit trains on held-out rows too, and validation holds out none of these rows; leave one out`,
    );
  }
  if (refit && settings.resume) {
    throw new TypeError(
      `${caller}: refit starts with new parameters, and resume goes on from the present ones; leave one out`,
    );
  }
  return { ...settings, validation, refit };
}

/**
 * Refuses an option that has no meaning without validation data.
 *
 * @param caller Name of the method that errors start with.
 * @param settings The checked options.
 * @param remedy What the user can do.
 * @throws TypeError that names the option, if the user passed one.
 */
export function requireValidation(caller: string, { needy }: FitSettings, remedy: string): void {
  if (needy !== null) throw new TypeError(`${caller}: ${needy} needs validation data${remedy}`);
}

/**
 * Checks the options that all methods for training share.
 *
 * @param caller Name of the method that errors start with.
 * @param options The options as the user passed them.
 * @param own Names of further options that this method allows. The method checks them itself.
 * @returns The options with defaults filled in.
 * @throws TypeError or RangeError that names the option.
 */
export function readTrainingOptions(
  caller: string,
  options: Omit<FitOptions, "validation"> & { validation?: unknown; window?: unknown },
  own: readonly string[],
): FitSettings {
  checkKeys(caller, options, [...KEYS, ...own], (key) => {
    return MODEL_KEYS.includes(key) ? `it belongs into the constructor: new NFM({ ${key} })` : null;
  });
  const { metrics, monitor, patience, restoreBest, onEpoch, onBatch, signal } = options;
  if (metrics !== undefined) checkMetricNames(caller, metrics);
  if (monitor !== undefined) checkMetric(`${caller}: monitor`, monitor, ["loss"]);
  for (const [name, callback] of Object.entries({ onEpoch, onBatch })) {
    if (callback !== undefined && typeof callback !== "function")
      throw wrongType(`${caller}: ${name}`, "a function", callback);
  }
  checkSignal(`${caller}: signal`, signal);
  const needy = Object.entries({ metrics, monitor, patience, restoreBest: restoreBest || undefined });
  const epochs = checkInteger(`${caller}: epochs`, options.epochs ?? 20, 1);
  if (patience !== undefined) checkInteger(`${caller}: patience`, patience, 1);
  return {
    ...(options as FitOptions),
    epochs,
    patience: patience ?? Infinity,
    checksPerEpoch: () => 1,
    ...{ hasEpochs: options.epochs !== undefined, checksStart: false },
    automatic: {
      epochs: options.epochs ?? MOST_EPOCHS,
      patience: patience ?? PATIENCE,
      ...{ checksPerEpoch, checksStart: true },
    },
    needy: needy.find(([, given]) => given !== undefined)?.[0] ?? null,
    refit: false,
    batchSize: checkInteger(`${caller}: batchSize`, options.batchSize ?? 128, 1, 2 ** 24),
    shuffle: checkBoolean(`${caller}: shuffle`, options.shuffle ?? true),
    restoreBest: checkBoolean(`${caller}: restoreBest`, restoreBest ?? true),
    resume: checkBoolean(`${caller}: resume`, options.resume ?? false),
    progress: checkBoolean(`${caller}: progress`, options.progress ?? false),
    pairsPerRow: checkInteger(`${caller}: pairsPerRow`, options.pairsPerRow ?? 4, 1, 2 ** 16),
    window: checkInteger(`${caller}: window`, options.window ?? 2 ** 18, 1, 2 ** 24),
  };
}

/**
 * Checks a list of metrics.
 *
 * @param caller Name of the method that errors start with.
 * @param metrics The list as the user passed it.
 * @returns A copy of the list.
 * @throws TypeError or RangeError that names the entry.
 */
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
  if (validation === "auto" || validation === false) return;
  if (typeof validation === "string" || typeof validation === "boolean") {
    const data = caller === "fit" ? "{ x, y, groups? }" : "{ positives, negatives }";
    throw wrongType(place, `"auto", false, a share above 0 and below 1, or ${data}`, validation);
  }
  if (typeof validation === "number") {
    checkNumber(place, validation, "a share above 0 and below 1", (share) => share > 0 && share < 1);
    return;
  }
  const keys = caller === "fit" ? ["x", "y"] : ["positives", "negatives"];
  checkKeys(place, validation, caller === "fit" ? [...keys, "groups"] : keys);
}
