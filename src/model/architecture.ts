// The options that describe the layers between Bi-Interaction and the score: how they are checked, which
// layers they stand for, and how they are written into a model file.

import {
  checkBoolean,
  checkChoice,
  checkInteger,
  checkKeys,
  checkNumber,
  wrongType,
} from "../core/errors.ts";
import { isFloat32 } from "../data/sparse-row.ts";
import { ACTIVATION_NAMES, Activation } from "../layers/activation.ts";
import { BatchNorm } from "../layers/batch-norm.ts";
import { Dense } from "../layers/dense.ts";
import { Dropout } from "../layers/dropout.ts";
import { isExactly, type Layer, type LayerShape, type ParameterSpec } from "../layers/layer.ts";

/** The options of `new NFM` that describe the layers. */
export interface ArchitectureOptions {
  /** Length k of a feature's embedding, from 1 to 65536. Default: 64. */
  embeddingDim?: number | undefined;
  /** Widths of the hidden layers, each from 1 to 65536; `[]` is a factorization machine. Default: [64]. */
  hiddenUnits?: readonly number[] | undefined;
  /** Non-linearity of every hidden layer. Default: "relu". */
  activation?: "relu" | "tanh" | "sigmoid" | "identity" | undefined;
  /**
   * Batch normalization of the pooled vector and of every hidden layer. Default: true; false for
   * `hiddenUnits: []`.
   */
  batchNorm?: boolean | undefined;
  /** Dropout rates, at least 0 and below 1. Default: 0.5 and 0.2. */
  dropout?: DropoutOptions | undefined;
  /**
   * Any layers between Bi-Interaction and the score, in place of the four options above. Default:
   * none.
   */
  layers?: readonly Layer[] | undefined;
}

/** Dropout rates, each the probability that an element is dropped. */
export interface DropoutOptions {
  /** Of the pooled vector. Default: 0.5. */
  biInteraction?: number | undefined;
  /** Of every hidden layer. Default: 0.2. */
  hidden?: number | undefined;
}

/** The checked options of the standard layers. */
export interface Stack {
  readonly hiddenUnits: readonly number[];
  readonly activation: "relu" | "tanh" | "sigmoid" | "identity";
  readonly batchNorm: boolean;
  readonly dropout: { readonly biInteraction: number; readonly hidden: number };
}

/** Checked options of the layers. */
export interface ArchitectureSettings {
  readonly embeddingDim: number;
  readonly layers: readonly Layer[];
  /** The options behind `layers`, for the model file; null if the layers were given themselves. */
  readonly stack: Stack | null;
}

/** The options that `layers` takes the place of. */
export const STACK_KEYS = ["hiddenUnits", "activation", "batchNorm", "dropout"] as const;

const MAX_WIDTH = 65536;

/**
 * Checks the options of the layers and fills in defaults.
 *
 * @param place What errors start with.
 * @throws TypeError or RangeError that names the option.
 */
export function readArchitecture(options: ArchitectureOptions, place: string): ArchitectureSettings {
  const embeddingDim = checkInteger(`${place}: embeddingDim`, options.embeddingDim ?? 64, 1, MAX_WIDTH);
  const { layers } = options;
  if (layers === undefined) {
    const stack = readStack(options, place);
    return { embeddingDim, layers: standardLayers(stack), stack };
  }
  const other = STACK_KEYS.find((key) => options[key] !== undefined);
  if (other !== undefined)
    throw new TypeError(`${place}: layers takes the place of ${other}; give one or the other`);
  checkLayers(layers, embeddingDim, place);
  return { embeddingDim, layers: [...layers], stack: null };
}

function checkLayers(layers: readonly Layer[], embeddingDim: number, place: string): void {
  if (!Array.isArray(layers)) throw wrongType(`${place}: layers`, "an array of layers", layers);
  layers.forEach((layer: Partial<Layer> | null | undefined, i) => {
    const methods = [layer?.shape, layer?.forward, layer?.backward];
    if (typeof layer?.type === "string" && methods.every((method) => typeof method === "function")) return;
    throw wrongType(`${place}: layers[${i}]`, "a Layer (type, shape, forward, backward)", layer);
  });
  let width = embeddingDim;
  layers.forEach((layer: Layer, i) => {
    width = checkShape(layer.shape(width), `${place}: layers[${i}].shape(${width})`);
  });
}

/** Checks what a layer asks for. Returns its output width. */
function checkShape(shape: LayerShape, place: string): number {
  if (typeof shape !== "object" || shape === null)
    throw wrongType(place, "{ outputDim, parameters?, cache? }", shape);
  for (const [name, parameter] of Object.entries(shape.parameters ?? {})) {
    const at = `${place}.parameters.${name}`;
    const { shape: sizes, init } = (parameter ?? {}) as Partial<ParameterSpec>;
    if (!Array.isArray(sizes) || sizes.length < 1 || sizes.length > 2) {
      throw wrongType(`${at}.shape`, "[n] or [rows, cols]", sizes);
    }
    sizes.forEach((size, i) => checkInteger(`${at}.shape[${i}]`, size, 1));
    if (!isFloat32(typeof init === "object" ? init?.std : init)) {
      throw wrongType(`${at}.init`, "a finite number or { std }", init);
    }
  }
  for (const [name, size] of Object.entries(shape.cache ?? {})) {
    const at = `${place}.cache.${name}`;
    if (!Array.isArray(size) || size.length !== 2) throw wrongType(at, '[rows or "batch", cols]', size);
    if (size[0] !== "batch") checkInteger(`${at}[0]`, size[0], 1);
    checkInteger(`${at}[1]`, size[1], 1);
  }
  return checkInteger(`${place}.outputDim`, shape.outputDim, 1, MAX_WIDTH);
}

function readStack(options: ArchitectureOptions, place: string): Stack {
  const hiddenUnits = options.hiddenUnits ?? [64];
  if (!Array.isArray(hiddenUnits))
    throw wrongType(`${place}: hiddenUnits`, "an array of widths", hiddenUnits);
  const dropout = options.dropout ?? {};
  checkKeys(`${place}: dropout`, dropout, ["biInteraction", "hidden"]);
  const rate = (name: "biInteraction" | "hidden", otherwise: number): number => {
    const isRate = (r: number): boolean => r >= 0 && r < 1;
    return checkNumber(
      `${place}: dropout.${name}`,
      dropout[name] ?? otherwise,
      "a rate of at least 0 and below 1",
      isRate,
    );
  };
  return {
    hiddenUnits: hiddenUnits.map((units, i) =>
      checkInteger(`${place}: hiddenUnits[${i}]`, units, 1, MAX_WIDTH),
    ),
    activation: checkChoice(`${place}: activation`, options.activation ?? "relu", [
      ...ACTIVATION_NAMES,
      "identity",
    ]),
    batchNorm: checkBoolean(`${place}: batchNorm`, options.batchNorm ?? hiddenUnits.length > 0),
    dropout: { biInteraction: rate("biInteraction", 0.5), hidden: rate("hidden", 0.2) },
  };
}

/**
 * The paper's layers: norm and dropout of the pooled vector, then dense, norm, activation and dropout per
 * hidden layer.
 */
function standardLayers({ hiddenUnits, activation, batchNorm, dropout }: Stack): Layer[] {
  const norm = batchNorm ? [new BatchNorm()] : [];
  const drop = (rate: number): Layer[] => (rate > 0 ? [new Dropout(rate)] : []);
  const nonLinear = activation === "identity" ? [] : [new Activation(activation)];
  const hidden = hiddenUnits.flatMap((units): Layer[] => {
    return [new Dense(units), ...norm, ...nonLinear, ...drop(dropout.hidden)];
  });
  return [...norm, ...drop(dropout.biInteraction), ...hidden];
}

/** Whether a layer is one of the library's own, and not a subclass. */
export function isBuiltIn(layer: Layer): boolean {
  return [Dense, BatchNorm, Activation, Dropout].some((kind) => isExactly(layer, kind));
}

/** The options of the layers as JSON. A layer of the user's own is written by its type alone. */
export function architectureToJSON({ stack, layers }: ArchitectureSettings): Record<string, unknown> {
  if (stack !== null) return { ...stack };
  return { layers: layers.map((layer) => ({ type: layer.type, ...layer.toJSON?.() })) };
}

/**
 * Reads the options of the layers from a model file.
 *
 * @param config The configuration in the file.
 * @param given Layers that take the place of the saved ones.
 * @param place What errors start with.
 * @throws Error, TypeError or RangeError that names the layer.
 */
export function architectureFromJSON(
  config: Readonly<Record<string, unknown>>,
  given: readonly Layer[] | undefined,
  place: string,
): ArchitectureOptions {
  const { embeddingDim, layers } = config as ArchitectureOptions;
  if (given !== undefined) {
    checkOrder(layers, given);
    return { embeddingDim, layers: given };
  }
  const stack = Object.fromEntries(STACK_KEYS.map((key) => [key, config[key]]));
  if (layers === undefined) return { embeddingDim, ...stack };
  if (!Array.isArray(layers)) throw wrongType(`${place}: layers`, "an array", layers);
  const restored = layers.map((layer: unknown, i) => layerFromJSON(layer, `${place}: layers[${i}]`));
  return { embeddingDim, ...stack, layers: restored };
}

/** The layers given to `load` must be of the saved types, in the saved order. */
function checkOrder(saved: unknown, given: readonly Layer[]): void {
  if (!Array.isArray(saved)) return;
  const typesOf = (layers: readonly unknown[]): string => {
    return layers.map((layer) => String((layer as { type?: unknown } | null)?.type)).join(", ");
  };
  const [was, is] = [typesOf(saved), typesOf([...given])];
  if (was !== is) throw new RangeError(`load: layers must be of the saved types (${was}), got ${is}`);
}

function layerFromJSON(json: unknown, place: string): Layer {
  if (typeof json !== "object" || json === null) throw wrongType(place, "an object", json);
  const { type, units, activation, rate } = json as {
    type?: unknown;
    units: number;
    activation: "relu";
    rate: number;
  };
  if (type === "dense") return new Dense(units);
  if (type === "batch-norm") return new BatchNorm();
  if (type === "activation") return new Activation(activation);
  if (type === "dropout") return new Dropout(rate);
  const name = JSON.stringify(type);
  throw new Error(
    `${place}: the model has a layer of its own (${name}); pass all layers as load(bytes, { layers })`,
  );
}
