// The constructor's options: what they are, how they are checked, and how they are written into a model file.

import { checkBoolean, checkChoice, checkInteger, checkKeys, checkNumber, wrongType } from "./core/errors.ts";
import { isFloat32 } from "./core/sparse-row.ts";
import { FeatureEncoder } from "./data/feature-encoder.ts";
import { Activation, ACTIVATION_NAMES } from "./layers/activation.ts";
import { BatchNorm } from "./layers/batch-norm.ts";
import { Dense } from "./layers/dense.ts";
import { Dropout } from "./layers/dropout.ts";
import type { Layer, LayerShape, ParameterSpec } from "./layers/layer.ts";
import { LOSS_NAMES, lossByName, type Loss, type LossName } from "./losses.ts";
import { Adagrad, SGD, type Optimizer } from "./optimizers.ts";
import type { L2 } from "./training/trainer.ts";

/** Options of `new NFM`. */
export interface NFMOptions {
  /** Length k of a feature's embedding, at least 1. Default: 64. */
  embeddingDim?: number | undefined;
  /** Widths of the hidden layers, each at least 1; `[]` is a factorization machine. Default: [64]. */
  hiddenUnits?: readonly number[] | undefined;
  /** Non-linearity of every hidden layer. Default: "relu". */
  activation?: "relu" | "tanh" | "sigmoid" | "identity" | undefined;
  /** Batch normalisation of the pooled vector and of every hidden layer. Default: true; false for `hiddenUnits: []`. */
  batchNorm?: boolean | undefined;
  /** Dropout rates, at least 0 and below 1, of the pooled vector and of every hidden layer. Defaults: 0.5 and 0.2. */
  dropout?: { biInteraction?: number; hidden?: number } | undefined;
  /** Instead of the four above: any stack of layers between Bi-Interaction and the score. */
  layers?: readonly Layer[] | undefined;
  /** What training minimises: a name, or a loss of your own. Default: "squared". */
  loss?: LossName | Loss | undefined;
  /** Default: new Adagrad({ learningRate: 0.05, initialAccumulator: 1e-8 }). */
  optimizer?: Optimizer | undefined;
  /** L2 coefficients, at least 0, of what a batch touches; `hidden` applies to weight matrices and h. Defaults: 0. */
  l2?: { embedding?: number; linear?: number; hidden?: number } | undefined;
  /** Standard deviation of the initial embeddings, at least 0. Default: 0.01. */
  initStd?: number | undefined;
  /** Number of features, at least 1. Default: taken from the first data. */
  numFeatures?: number | undefined;
  /** Turns feature maps into sparse rows: a fitted encoder is used as it is, an unfitted one tells how to learn one. */
  encoder?: FeatureEncoder | undefined;
  /** Everything random is a function of it; an integer from 0 to 2^53 - 1. Default: 0. */
  seed?: number | undefined;
  /** "auto" takes the fastest that runs here. Every backend computes the same bits. Default: "auto". */
  backend?: "auto" | "wasm" | "js" | undefined;
}

/** Checked options. */
export interface Settings {
  readonly embeddingDim: number;
  readonly layers: readonly Layer[];
  readonly loss: Loss;
  readonly optimizer: Optimizer;
  readonly l2: L2;
  readonly initStd: number;
  readonly numFeatures: number | null;
  readonly encoder: FeatureEncoder | null;
  readonly seed: number;
  readonly backend: "auto" | "wasm" | "js";
  /** The options that describe the stack, for the model file. */
  readonly stack: Pick<NFMOptions, "hiddenUnits" | "activation" | "batchNorm" | "dropout"> | null;
}

const STACK_KEYS = ["hiddenUnits", "activation", "batchNorm", "dropout"] as const;
const KEYS = [
  "embeddingDim", ...STACK_KEYS, "layers", "loss", "optimizer", "l2", "initStd", "numFeatures", "encoder", "seed", "backend",
];

/** Checks options and fills in defaults. `place` stands in errors. */
export function readOptions(options: NFMOptions, place: string): Settings {
  checkKeys(place, options, KEYS);
  checkInteger(`${place}: embeddingDim`, options.embeddingDim ?? 64, 1, 65536);
  const { numFeatures, encoder, l2 } = options;
  if (encoder !== undefined && !(encoder instanceof FeatureEncoder)) throw wrongType(`${place}: encoder`, "a FeatureEncoder", encoder);
  if (numFeatures !== undefined) checkInteger(`${place}: numFeatures`, numFeatures, 1, 2 ** 32 - 1);
  if (numFeatures !== undefined && encoder?.fitted && encoder.numFeatures > numFeatures) {
    throw new RangeError(`${place}: numFeatures must be at least that of the encoder (${encoder.numFeatures}), got ${numFeatures}`);
  }
  if (l2 !== undefined) checkKeys(`${place}: l2`, l2, ["embedding", "linear", "hidden"]);
  const coefficient = (name: keyof L2): number => checkNumber(`${place}: l2.${name}`, l2?.[name] ?? 0, "a number of at least 0", (v) => v >= 0);
  return {
    embeddingDim: options.embeddingDim ?? 64,
    ...readLayers(options, place),
    loss: readLoss(options.loss ?? "squared", place),
    optimizer: readOptimizer(options.optimizer ?? new Adagrad(), place),
    l2: { embedding: coefficient("embedding"), linear: coefficient("linear"), hidden: coefficient("hidden") },
    initStd: checkNumber(`${place}: initStd`, options.initStd ?? 0.01, "a number of at least 0", (v) => v >= 0),
    numFeatures: numFeatures ?? null,
    encoder: encoder?.fitted ? encoder.frozen() : (encoder ?? null),
    seed: checkInteger(`${place}: seed`, options.seed ?? 0, 0),
    backend: checkChoice(`${place}: backend`, options.backend ?? "auto", ["auto", "wasm", "js"]),
  };
}

function readLayers(options: NFMOptions, place: string): Pick<Settings, "layers" | "stack"> {
  const { layers } = options;
  if (layers === undefined) {
    const stack = readStack(options, place);
    return { layers: standardLayers(stack), stack };
  }
  const other = STACK_KEYS.find((key) => options[key] !== undefined);
  if (other !== undefined) throw new TypeError(`${place}: layers takes the place of ${other}; give one or the other`);
  if (!Array.isArray(layers)) throw wrongType(`${place}: layers`, "an array of layers", layers);
  layers.forEach((layer: Partial<Layer> | null | undefined, i) => {
    const whole = typeof layer?.type === "string" && [layer.shape, layer.forward, layer.backward].every((method) => typeof method === "function");
    if (!whole) throw wrongType(`${place}: layers[${i}]`, "a Layer (type, shape, forward, backward)", layer);
  });
  let width = options.embeddingDim ?? 64;
  layers.forEach((layer: Layer, i) => (width = checkShape(layer.shape(width), `${place}: layers[${i}].shape(${width})`)));
  return { layers: [...layers], stack: null };
}

/** Checks what a layer asks for; returns its output width. */
function checkShape(shape: LayerShape, place: string): number {
  if (typeof shape !== "object" || shape === null) throw wrongType(place, "{ outputDim, parameters?, cache? }", shape);
  for (const [name, parameter] of Object.entries(shape.parameters ?? {})) {
    const at = `${place}.parameters.${name}`;
    const { shape: sizes, init } = (parameter ?? {}) as Partial<ParameterSpec>;
    if (!Array.isArray(sizes) || sizes.length < 1 || sizes.length > 2) throw wrongType(`${at}.shape`, "[n] or [rows, cols]", sizes);
    sizes.forEach((size, i) => checkInteger(`${at}.shape[${i}]`, size, 1));
    if (!isFloat32(typeof init === "object" ? init?.std : init)) throw wrongType(`${at}.init`, "a finite number or { std }", init);
  }
  for (const [name, size] of Object.entries(shape.cache ?? {})) {
    const at = `${place}.cache.${name}`;
    if (!Array.isArray(size) || size.length !== 2) throw wrongType(at, '[rows or "batch", cols]', size);
    if (size[0] !== "batch") checkInteger(`${at}[0]`, size[0], 1);
    checkInteger(`${at}[1]`, size[1], 1);
  }
  return checkInteger(`${place}.outputDim`, shape.outputDim, 1, 65536);
}

function readStack(options: NFMOptions, place: string): Required<NonNullable<Settings["stack"]>> {
  const hiddenUnits = options.hiddenUnits ?? [64];
  if (!Array.isArray(hiddenUnits)) throw wrongType(`${place}: hiddenUnits`, "an array of widths", hiddenUnits);
  const dropout = options.dropout ?? {};
  checkKeys(`${place}: dropout`, dropout, ["biInteraction", "hidden"]);
  const rate = (name: "biInteraction" | "hidden", otherwise: number): number =>
    checkNumber(`${place}: dropout.${name}`, dropout[name] ?? otherwise, "a rate of at least 0 and below 1", (r) => r >= 0 && r < 1);
  return {
    hiddenUnits: hiddenUnits.map((units, i) => checkInteger(`${place}: hiddenUnits[${i}]`, units, 1, 65536)),
    activation: checkChoice(`${place}: activation`, options.activation ?? "relu", [...ACTIVATION_NAMES, "identity"]),
    batchNorm: checkBoolean(`${place}: batchNorm`, options.batchNorm ?? hiddenUnits.length > 0),
    dropout: { biInteraction: rate("biInteraction", 0.5), hidden: rate("hidden", 0.2) },
  };
}

/** The paper's stack: norm and dropout of the pooled vector, then dense, norm, activation and dropout per hidden layer. */
function standardLayers({ hiddenUnits, activation, batchNorm, dropout }: Required<NonNullable<Settings["stack"]>>): Layer[] {
  const norm = batchNorm ? [new BatchNorm()] : [];
  const drop = (rate = 0): Layer[] => (rate > 0 ? [new Dropout(rate)] : []);
  const nonLinear = activation === "identity" ? [] : [new Activation(activation)];
  const hidden = hiddenUnits.flatMap((units): Layer[] => [new Dense(units), ...norm, ...nonLinear, ...drop(dropout.hidden)]);
  return [...norm, ...drop(dropout.biInteraction), ...hidden];
}

function readLoss(loss: LossName | Loss, place: string): Loss {
  if (typeof loss === "string") return lossByName(checkChoice(`${place}: loss`, loss, LOSS_NAMES));
  const { kind, name, value, gradient } = (loss ?? {}) as Partial<Loss>;
  const whole = (kind === "pointwise" || kind === "pairwise") && typeof name === "string" && typeof value === "function" && typeof gradient === "function";
  if (!whole) throw wrongType(`${place}: loss`, "the name of a loss, or { kind, name, value, gradient }", loss);
  return loss;
}

/** Checks an optimizer, which may be the user's own. */
function readOptimizer(optimizer: Optimizer, place: string): Optimizer {
  const { name, initialState, update, toJSON } = (optimizer ?? {}) as Partial<Optimizer>;
  const whole = typeof name === "string" && (initialState === null || isFloat32(initialState)) && typeof update === "function" && typeof toJSON === "function";
  if (!whole) throw wrongType(`${place}: optimizer`, "an Adagrad, an SGD or an Optimizer of your own (name, initialState, update, toJSON)", optimizer);
  return optimizer;
}

/** The options as JSON for a model file. Losses, optimizers and layers of one's own are written by name only. */
export function optionsToJSON(settings: Settings, numFeatures: number): Record<string, unknown> {
  const { embeddingDim, stack, layers, loss, optimizer, l2, initStd, seed } = settings;
  return {
    numFeatures,
    embeddingDim,
    ...(stack ?? { layers: layers.map((layer) => ({ type: layer.type, ...layer.toJSON?.() })) }),
    loss: loss.name,
    ...(loss === lossByName(loss.name as LossName) ? {} : { customLoss: true }),
    optimizer: { name: optimizer.name, ...optimizer.toJSON() },
    ...(optimizer instanceof Adagrad || optimizer instanceof SGD ? {} : { customOptimizer: true }),
    l2,
    initStd,
    seed,
  };
}

/** What a model file cannot hold, given again by whoever loads it. */
export interface LoadOverrides {
  /** Takes the place of the saved optimizer. */
  optimizer?: Optimizer | undefined;
  /** Which kernels to use. Default: "auto". */
  backend?: "auto" | "wasm" | "js" | undefined;
  /** Takes the place of the saved loss; needed for a loss of your own. */
  loss?: LossName | Loss | undefined;
  /** Takes the place of the saved stack; needed if it has layers of your own. */
  layers?: readonly Layer[] | undefined;
}

/** The inverse of `optionsToJSON`. Trusts nothing: everything is checked as if a user had written it. */
export function optionsFromJSON(json: unknown, overrides: LoadOverrides, encoder: FeatureEncoder | null, place: string): NFMOptions {
  checkKeys(place, json, [...KEYS.filter((key) => key !== "encoder" && key !== "backend"), "customLoss", "customOptimizer"]);
  const { optimizer, layers, loss, customLoss, customOptimizer, ...rest } = json as Record<string, unknown>;
  if (rest.numFeatures === undefined) throw wrongType(`${place}: numFeatures`, "an integer", undefined);
  const options = { ...rest, ...(overrides.backend ? { backend: overrides.backend } : {}), ...(encoder ? { encoder } : {}) } as NFMOptions;
  if (overrides.layers !== undefined) {
    for (const key of STACK_KEYS) delete options[key];
    options.layers = overrides.layers;
    checkOrder(layers, overrides.layers);
  } else if (layers !== undefined) {
    if (!Array.isArray(layers)) throw wrongType(`${place}: layers`, "an array", layers);
    options.layers = layers.map((layer: unknown, i) => layerFromJSON(layer, `${place}: layers[${i}]`));
  }
  if (overrides.loss === undefined && (customLoss === true || (typeof loss === "string" && !(LOSS_NAMES as readonly string[]).includes(loss)))) {
    throw new Error(`${place}: the model was trained with a loss of its own (${JSON.stringify(loss)}); pass it as load(bytes, { loss })`);
  }
  const givenLoss = overrides.loss ?? (loss as LossName | undefined);
  if (givenLoss !== undefined) options.loss = givenLoss;
  if (overrides.optimizer != null) options.optimizer = overrides.optimizer;
  else if (optimizer !== undefined) options.optimizer = optimizerFromJSON(optimizer, customOptimizer === true, `${place}: optimizer`);
  return options;
}

/** The layers given to `load` must be of the saved types, in the saved order. */
function checkOrder(saved: unknown, given: readonly Layer[]): void {
  if (!Array.isArray(saved)) return;
  const [was, is] = [saved, [...given]].map((layers) => layers.map((layer: { type?: unknown } | null) => String(layer?.type)).join(", "));
  if (was !== is) throw new RangeError(`load: layers must be of the saved types (${was}), got ${is}`);
}

function optimizerFromJSON(json: unknown, custom: boolean, place: string): Optimizer {
  if (typeof json !== "object" || json === null) throw wrongType(place, "an object", json);
  const { name, ...options } = json as { name?: unknown };
  if (name === "adagrad" && !custom) return new Adagrad(options);
  if (name === "sgd" && !custom) return new SGD(options);
  throw new Error(`${place}: the model was trained with an optimizer of its own (${JSON.stringify(name)}); pass one as load(bytes, { optimizer })`);
}

function layerFromJSON(json: unknown, place: string): Layer {
  if (typeof json !== "object" || json === null) throw wrongType(place, "an object", json);
  const { type, units, activation, rate } = json as { type?: unknown; units: number; activation: "relu"; rate: number };
  if (type === "dense") return new Dense(units);
  if (type === "batch-norm") return new BatchNorm();
  if (type === "activation") return new Activation(activation);
  if (type === "dropout") return new Dropout(rate);
  throw new Error(`${place}: the model has a layer of its own (${JSON.stringify(type)}); pass all layers as load(bytes, { layers })`);
}
