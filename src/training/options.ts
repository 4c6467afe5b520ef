// The options of `new NFM`: what they are, how they are checked, and how they are read from a model file.

import {
  checkBoolean,
  checkChoice,
  checkInteger,
  checkKeys,
  checkNumber,
  wrongType,
  wrongValue,
} from "../core/errors.ts";
import { type NoticeOptions, type Notices, readNotices } from "../core/notices.ts";
import { checkFieldKinds, checkNumbers, type NumbersOption } from "../data/encoder-options.ts";
import { FeatureEncoder } from "../data/feature-encoder.ts";
import type { FieldKind } from "../data/fields.ts";
import { isFloat32 } from "../data/sparse-row.ts";
import { readThreads, type ThreadOptions } from "../kernels/threads/thread-options.ts";
import type { ThreadSettings } from "../kernels/threads/threads.ts";
import { type LossName, savedLoss } from "../links.ts";
import { type Loss, readLoss, squared } from "../losses.ts";
import {
  type ArchitectureOptions,
  type ArchitectureSettings,
  architectureFromJSON,
  FILE_RATES,
  readArchitecture,
} from "../model/architecture.ts";
import { CONFIG_PLACE } from "../model/model-file.ts";
import { Adagrad, type Optimizer, SGD } from "../optimizers.ts";
import type { BackendName, PredictorOptions } from "../predictor.ts";
import { type Defaults, defaultsFor } from "./defaults.ts";
import { MODEL_KEYS } from "./model-keys.ts";

/** Options of `new NFM`. */
export interface NFMOptions extends ArchitectureOptions, NoticeOptions, ThreadOptions {
  /** What training minimizes: a name, or a loss of your own. Default: "squared". */
  loss?: LossName | Loss | undefined;
  /**
   * How `fit` treats labels. "auto": the loss "squared" learns standardized labels, and w0 of the loss "log"
   * starts at the share of positives; predictions, losses and metrics are in the label's own unit all the
   * same. "raw": labels are learned as they are. Default: "auto".
   */
  labels?: "auto" | "raw" | undefined;
  /** How a gradient moves a parameter: a name, or an optimizer. Default: "adagrad". */
  optimizer?: "adagrad" | "sgd" | Optimizer | undefined;
  /** Step size of an optimizer given by name, at least 0. Default: 0.1 for "adagrad", 0.01 for "sgd". */
  learningRate?: number | undefined;
  /**
   * L2 coefficients, at least 0, of what a batch touches; 0 where the object does not say. Default: 5 / rows
   * for embeddings and linear weights, 0 for hidden layers.
   */
  l2?: L2Options | undefined;
  /**
   * Standard deviation of the initial embeddings, at least 0. Default: 0.2; from 1,000 rows on 2 /
   * sqrt(rows), at least 0.01.
   */
  initStd?: number | undefined;
  /** Number of features, at least 1. Default: taken from the first data. */
  numFeatures?: number | undefined;
  /**
   * Whether `partialFit`, `partialFitPairs` and `fit` with `resume` add levels that the vocabulary does not
   * hold yet. false: they contribute nothing. Default: true.
   */
  grow?: boolean | undefined;
  /**
   * Most features that the model may have, at least 1. When it has them, no further level is added; new ones
   * contribute nothing, and a notice says so. Default: no limit.
   */
  maxFeatures?: number | undefined;
  /**
   * How numbers in feature maps become entries. "knots": two neighboring entries of a piecewise-linear basis
   * on quantiles of the training values. "standard": (value - mean) / standard deviation. "raw": the value
   * itself. "auto": the entries of "knots" and of "standard". Default: "auto".
   */
  numbers?: NumbersOption | undefined;
  /** Kinds of the fields of feature maps, by their names. Default: inferred from the training rows. */
  fields?: Readonly<Record<string, FieldKind>> | undefined;
  /**
   * Turns feature maps into sparse rows: a fitted one is used as it is, an unfitted one says how to learn.
   * Default: learned by the first `fit`.
   */
  encoder?: FeatureEncoder | undefined;
  /** Everything random is a function of it; an integer from 0 to 2^53 - 1. Default: 0. */
  seed?: number | undefined;
  /** Which kernels to use. Every backend computes the same bits. Default: "auto". */
  backend?: BackendName | undefined;
}

/** Coefficients of L2 regularization, each at least 0. */
export interface L2Options {
  /** Of the embeddings that a batch touches. Default: 0. */
  embedding?: number | undefined;
  /** Of the linear weights that a batch touches. Default: 0. */
  linear?: number | undefined;
  /** Of weight matrices and h. Default: 0. */
  hidden?: number | undefined;
}

/** Options of `NFM.load`: what a model file cannot hold, or what takes the place of what it holds. */
export interface LoadOverrides extends PredictorOptions {
  /** Takes the place of the saved optimizer; needed if that is your own. Default: the saved one. */
  optimizer?: Optimizer | undefined;
}

/** Checked coefficients of L2 regularization. */
export interface L2 {
  readonly embedding: number;
  readonly linear: number;
  readonly hidden: number;
}

/** Checked options, with defaults filled in. */
export interface Settings extends ArchitectureSettings {
  readonly loss: Loss;
  readonly labels: "auto" | "raw";
  readonly optimizer: Optimizer;
  readonly l2: L2;
  readonly initStd: number;
  readonly numFeatures: number | null;
  readonly grow: boolean;
  readonly maxFeatures: number | null;
  readonly encoder: FeatureEncoder | null;
  readonly seed: number;
  readonly backend: BackendName;
  readonly threads: ThreadSettings;
  /** Where notices go. */
  readonly notices: Notices;
  /** The options as the user passed them, from which `settingsFor` starts. */
  readonly given: NFMOptions;
}

const isAtLeastZero = (value: number): boolean => value >= 0;

/**
 * Checks options and fills in defaults.
 *
 * @param options The options as the user passed them.
 * @param place What errors start with.
 * @param defaults The defaults that depend on the data. Default: those for data that are not known yet.
 * @returns The checked options.
 * @throws TypeError or RangeError that names the option.
 */
export function readOptions(
  options: NFMOptions,
  place: string,
  defaults: Defaults = defaultsFor(lossOf(options, place), null),
): Settings {
  checkKeys(place, options, MODEL_KEYS);
  const { numFeatures } = options;
  const encoder = readEncoder(options, place);
  const architecture = readArchitecture(options, place, defaults.dropout);
  if (numFeatures !== undefined) checkInteger(`${place}: numFeatures`, numFeatures, 1, 2 ** 32 - 1);
  if (numFeatures !== undefined && encoder?.fitted && encoder.numFeatures > numFeatures) {
    const least = `${place}: numFeatures must be at least that of the encoder (${encoder.numFeatures})`;
    throw new RangeError(`${least}, got ${numFeatures}`);
  }
  const maxFeatures = readMaxFeatures(options, encoder, place);
  return {
    ...architecture,
    loss: lossOf(options, place),
    labels: checkChoice(`${place}: labels`, options.labels ?? "auto", ["auto", "raw"]),
    optimizer: readOptimizer(options, defaults, place),
    l2: readL2(options.l2, defaults.l2, place),
    initStd: checkNumber(
      `${place}: initStd`,
      options.initStd ?? defaults.initStd,
      "a number of at least 0",
      isAtLeastZero,
    ),
    numFeatures: numFeatures ?? null,
    grow: checkBoolean(`${place}: grow`, options.grow ?? true),
    maxFeatures,
    encoder: encoder?.fitted ? encoder.frozen() : (encoder ?? null),
    seed: checkInteger(`${place}: seed`, options.seed ?? 0, 0),
    backend: checkChoice(`${place}: backend`, options.backend ?? "auto", ["auto", "wasm", "js"]),
    threads: readThreads(options, place),
    notices: readNotices(options, place),
    given: copyOf(options),
  };
}

/** Copies checked options, so that what a user changes in them later has no effect. */
function copyOf(options: NFMOptions): NFMOptions {
  const { dropout, l2, hiddenUnits } = options;
  return {
    ...options,
    dropout: dropout && { ...dropout },
    l2: l2 && { ...l2 },
    hiddenUnits: hiddenUnits && [...hiddenUnits],
  };
}

/** Checks the encoder, or makes one from the options about fields. */
function readEncoder({ encoder, numbers, fields }: NFMOptions, place: string): FeatureEncoder | undefined {
  if (encoder !== undefined && !(encoder instanceof FeatureEncoder)) {
    throw wrongType(`${place}: encoder`, "a FeatureEncoder", encoder);
  }
  for (const [name, given] of Object.entries({ numbers, fields })) {
    if (given !== undefined && encoder !== undefined)
      throw new TypeError(`${place}: give ${name} to the encoder: new FeatureEncoder({ ${name} })`);
  }
  if (numbers === undefined && fields === undefined) return encoder;
  if (numbers !== undefined) checkNumbers(`${place}: numbers`, numbers);
  if (fields !== undefined) checkFieldKinds(`${place}: fields`, fields);
  return new FeatureEncoder({ numbers, fields });
}

/** Checks that the model can have all features that the other options ask for. */
function readMaxFeatures(
  { maxFeatures, numFeatures }: NFMOptions,
  encoder: FeatureEncoder | undefined,
  place: string,
): number | null {
  if (maxFeatures === undefined) return null;
  checkInteger(`${place}: maxFeatures`, maxFeatures, 1, 2 ** 32 - 1);
  const { hashBits } = encoder?.options ?? {};
  const ofEncoder = encoder?.fitted || hashBits !== undefined ? encoder!.numFeatures : 0;
  const needed = Math.max(numFeatures ?? 0, ofEncoder);
  if (needed <= maxFeatures) return maxFeatures;
  const source = ofEncoder === needed ? "that of the encoder" : "numFeatures";
  throw wrongValue(`${place}: maxFeatures`, `at least ${source} (${needed})`, maxFeatures);
}

function lossOf({ loss }: NFMOptions, place: string): Loss {
  return readLoss(loss ?? "squared", `${place}: loss`);
}

/**
 * Fills in the defaults that depend on the training data.
 *
 * @param settings The checked options of a model.
 * @param rows Number of rows or pairs, as `defaultsFor` counts them.
 * @returns The settings for a `fit` of these data.
 */
export function settingsFor(settings: Settings, rows: number): Settings {
  const { given, loss } = settings;
  // The encoder may have been frozen, and an optimizer that was given is the user's own: both stay.
  const { encoder, numbers, fields, ...own } = given;
  const { layers, stack, l2, initStd, optimizer } = readOptions(
    { ...own, loss },
    "NFM",
    defaultsFor(loss, rows),
  );
  return { ...settings, layers, stack, l2, initStd, optimizer };
}

/** Checks L2 coefficients. `otherwise` is the one of embeddings and linear weights if the user gave none. */
function readL2(l2: L2Options | undefined, otherwise: number, place: string): L2 {
  if (l2 === undefined) return { embedding: otherwise, linear: otherwise, hidden: 0 };
  checkKeys(`${place}: l2`, l2, ["embedding", "linear", "hidden"]);
  const coefficient = (name: keyof L2): number => {
    return checkNumber(`${place}: l2.${name}`, l2[name] ?? 0, "a number of at least 0", isAtLeastZero);
  };
  return {
    embedding: coefficient("embedding"),
    linear: coefficient("linear"),
    hidden: coefficient("hidden"),
  };
}

/** Makes the optimizer of a name, or checks one, which may be the user's own. */
function readOptimizer(
  { optimizer = "adagrad", learningRate }: NFMOptions,
  { adagrad }: Defaults,
  place: string,
): Optimizer {
  if (typeof optimizer === "string") {
    const name = checkChoice(`${place}: optimizer`, optimizer, ["adagrad", "sgd"]);
    if (learningRate !== undefined) {
      checkNumber(`${place}: learningRate`, learningRate, "a number of at least 0", isAtLeastZero);
    }
    if (name === "sgd") return new SGD({ learningRate });
    return new Adagrad({ ...adagrad, ...(learningRate === undefined ? {} : { learningRate }) });
  }
  const { name, initialState, update, toJSON } = (optimizer ?? {}) as Partial<Optimizer>;
  const isWhole = typeof name === "string" && typeof update === "function" && typeof toJSON === "function";
  if (!isWhole || !(initialState === null || isFloat32(initialState))) {
    const own = "an Optimizer of your own (name, initialState, update, toJSON)";
    throw wrongType(`${place}: optimizer`, `"adagrad", "sgd", an Adagrad, an SGD or ${own}`, optimizer);
  }
  if (learningRate !== undefined) {
    throw new TypeError(
      `${place}: learningRate is for an optimizer given by name; set it on the optimizer instead`,
    );
  }
  return optimizer;
}

/** What a model file of version 1 meant where it says nothing. */
const FILE_DEFAULTS: Defaults = { ...defaultsFor(squared, null), dropout: FILE_RATES };

/**
 * The inverse of `optionsToJSON` in `save.ts`. It trusts nothing: everything is checked as if a user had
 * written it.
 *
 * @param config The configuration in the file.
 * @param overrides What takes the place of what is saved.
 * @param encoder The encoder in the file.
 * @throws Error, TypeError or RangeError that names the option.
 */
export function settingsFromFile(
  config: Readonly<Record<string, unknown>>,
  overrides: LoadOverrides,
  encoder: FeatureEncoder | null,
): Settings {
  const { labels, optimizer, customOptimizer, l2, initStd, numFeatures, seed } = config as NFMOptions &
    Record<string, unknown>;
  const { grow, maxFeatures } = config as NFMOptions;
  const options: NFMOptions = {
    ...architectureFromJSON(config, overrides.layers, CONFIG_PLACE),
    ...{ l2: l2 ?? {}, initStd, numFeatures, seed, grow, maxFeatures },
    labels: labels ?? "raw",
    loss: savedLoss(config, overrides.loss, CONFIG_PLACE),
    backend: overrides.backend,
    threads: overrides.threads,
    workerUrl: overrides.workerUrl,
    onNotice: overrides.onNotice,
    notices: overrides.notices,
    encoder: encoder ?? undefined,
    optimizer: overrides.optimizer ?? savedOptimizer(optimizer, customOptimizer === true),
  };
  return readOptions(options, CONFIG_PLACE, FILE_DEFAULTS);
}

function savedOptimizer(json: unknown, isCustom: boolean): Optimizer {
  if (json === undefined) return new Adagrad();
  const place = `${CONFIG_PLACE}: optimizer`;
  if (typeof json !== "object" || json === null) throw wrongType(place, "an object", json);
  const { name, ...options } = json as { name?: unknown };
  if (name === "adagrad" && !isCustom) return new Adagrad(options);
  if (name === "sgd" && !isCustom) return new SGD(options);
  const remedy = "pass one as load(bytes, { optimizer })";
  throw new Error(
    `${place}: the model was trained with an optimizer of its own (${JSON.stringify(name)}); ${remedy}`,
  );
}
