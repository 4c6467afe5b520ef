// The options that describe the layers between Bi-Interaction and the score (He & Chua 2017, section 3). This
// file checks them, makes the layers, and converts the options to and from the JSON of a model file.

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
  /** Length k of the embedding of a feature, from 1 to 65536. Default: 64. */
  embeddingDim?: number | undefined;
  /** Widths of the hidden layers, each from 1 to 65536. `[]` makes a factorization machine. Default: [64]. */
  hiddenUnits?: readonly number[] | undefined;
  /** Activation function of every hidden layer. Default: "relu". */
  activation?: "relu" | "tanh" | "sigmoid" | "identity" | undefined;
  /** Whether the pooled vector and every hidden layer have batch normalization. Default: false. */
  batchNorm?: boolean | undefined;
  /**
   * Dropout rates, at least 0 and below 1. Default: 0.5 and 0.2, with the squared loss 0.1 and 0; below 1,000
   * rows 0.8 and 0.3.
   */
  dropout?: DropoutOptions | undefined;
  /**
   * A list of layers between Bi-Interaction and the score, instead of the four options above.
   * Default: none.
   */
  layers?: readonly Layer[] | undefined;
}

/** Dropout rates. A rate is the probability that an element is dropped. */
export interface DropoutOptions {
  /** Rate for the pooled vector. Default: 0.5, 0.1 or 0.8. */
  biInteraction?: number | undefined;
  /** Rate for the output of every hidden layer. Default: 0.2, 0 or 0.3. */
  hidden?: number | undefined;
}

/** The checked options of the standard layers. */
export interface Stack {
  /** Widths of the hidden layers. */
  readonly hiddenUnits: readonly number[];
  /** Activation function of every hidden layer. */
  readonly activation: "relu" | "tanh" | "sigmoid" | "identity";
  /** Whether there is batch normalization. */
  readonly batchNorm: boolean;
  /** Dropout rates. */
  readonly dropout: { readonly biInteraction: number; readonly hidden: number };
}

/** Checked options of the layers. */
export interface ArchitectureSettings {
  /** Length K of an embedding. */
  readonly embeddingDim: number;
  /** The layers between Bi-Interaction and the score. */
  readonly layers: readonly Layer[];
  /** The options from which `layers` were made, for the model file; null if the user passed the layers. */
  readonly stack: Stack | null;
}

/** The options that `layers` replaces. */
export const STACK_KEYS = ["hiddenUnits", "activation", "batchNorm", "dropout"] as const;

/** Largest width of a layer. */
const MAX_WIDTH = 65536;

/**
 * Checks the options of the layers and fills in defaults.
 *
 * @param options The options as the user passed them.
 * @param place What errors start with, such as "NFM".
 * @param rates Dropout rates that are not given.
 * @returns The checked options and the layers.
 * @throws TypeError or RangeError that names the option.
 */
export function readArchitecture(
  options: ArchitectureOptions,
  place: string,
  rates: Stack["dropout"],
): ArchitectureSettings {
  const embeddingDim = checkInteger(`${place}: embeddingDim`, options.embeddingDim ?? 64, 1, MAX_WIDTH);
  const { layers } = options;
  if (layers === undefined) {
    const stack = readStack(options, place, rates);
    return { embeddingDim, layers: standardLayers(stack), stack };
  }
  const other = STACK_KEYS.find((key) => options[key] !== undefined);
  if (other !== undefined)
    throw new TypeError(`${place}: layers takes the place of ${other}; give one or the other`);
  checkLayers(layers, embeddingDim, place);
  return { embeddingDim, layers: [...layers], stack: null };
}

/** Checks layers that the user passes, one after the other with the width of its input. */
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

/** Checks the tensors that a layer declares. Returns the width of its output. */
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

function readStack(options: ArchitectureOptions, place: string, rates: Stack["dropout"]): Stack {
  const hiddenUnits = options.hiddenUnits ?? [64];
  if (!Array.isArray(hiddenUnits))
    throw wrongType(`${place}: hiddenUnits`, "an array of widths, such as [64]", hiddenUnits);
  const dropout = options.dropout ?? {};
  checkKeys(`${place}: dropout`, dropout, ["biInteraction", "hidden"]);
  const rate = (name: "biInteraction" | "hidden"): number => {
    const isRate = (r: number): boolean => r >= 0 && r < 1;
    return checkNumber(
      `${place}: dropout.${name}`,
      dropout[name] ?? rates[name],
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
    batchNorm: checkBoolean(`${place}: batchNorm`, options.batchNorm ?? false),
    dropout: { biInteraction: rate("biInteraction"), hidden: rate("hidden") },
  };
}

/**
 * Makes the layers of the paper (He & Chua 2017, sections 3.1 and 3.2): batch norm and dropout of the pooled
 * vector, then a dense layer, batch norm, activation and dropout for each hidden layer.
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

/**
 * Says whether a layer belongs to the library.
 *
 * @param layer The layer.
 * @returns False for layers of the user's own, which include subclasses of the library's layers.
 */
export function isBuiltIn(layer: Layer): boolean {
  return [Dense, BatchNorm, Activation, Dropout].some((kind) => isExactly(layer, kind));
}

/**
 * Converts the options of the layers to JSON data for the model file.
 *
 * @param settings The checked options.
 * @returns The options, or the type and the options of each layer.
 */
export function architectureToJSON({ stack, layers }: ArchitectureSettings): Record<string, unknown> {
  if (stack !== null) return { ...stack };
  return { layers: layers.map((layer) => ({ type: layer.type, ...layer.toJSON?.() })) };
}

/** Dropout rates of a model file that does not say them. */
export const FILE_RATES: Stack["dropout"] = { biInteraction: 0.5, hidden: 0.2 };

/**
 * Reads the options of the layers from a model file. What the file does not say has the defaults of version
 * 1.
 *
 * @param config The configuration in the file.
 * @param given Layers that replace the saved ones; undefined: none.
 * @param place What errors start with.
 * @returns The options, not yet checked.
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
  if (layers === undefined) {
    const { hiddenUnits, batchNorm } = config as ArchitectureOptions;
    const isMachine = Array.isArray(hiddenUnits) && hiddenUnits.length === 0;
    return { embeddingDim, ...stack, batchNorm: batchNorm ?? !isMachine };
  }
  if (!Array.isArray(layers)) throw wrongType(`${place}: layers`, "an array", layers);
  const restored = layers.map((layer: unknown, i) => layerFromJSON(layer, `${place}: layers[${i}]`));
  return { embeddingDim, ...stack, layers: restored };
}

/** Checks that the layers passed to `load` have the saved types, in the saved order. */
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
