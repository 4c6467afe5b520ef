// The model file: parameters as safetensors by PyTorch's names and shapes, configuration and vocabulary as
// JSON strings in __metadata__. Loading checks names, shapes and configuration before any memory is taken for
// the model.

import { checkKeys, describe, wrongType } from "../core/errors.ts";
import { fromPacked, toPacked } from "../core/tensor.ts";
import type { Encoder } from "../data/encoder.ts";
import { STACK_KEYS } from "./architecture.ts";
import type { ParameterInfo, Parameters } from "./parameters.ts";
import { type FileTensor, readSafetensors } from "./safetensors.ts";

/** What a model file may hold in `config`. */
const CONFIG_KEYS = [
  ...["numFeatures", "embeddingDim", ...STACK_KEYS, "layers", "loss", "optimizer", "l2", "initStd", "seed"],
  ...["customLoss", "customOptimizer"],
];

/** Where errors say that a bad configuration stands. */
export const CONFIG_PLACE = "load: config";

/** A model file after its form has been checked. */
export interface ModelFile {
  /** The constructor's options, as they stand in the file. */
  readonly config: Readonly<Record<string, unknown>>;
  /** JSON of the encoder; undefined without one. */
  readonly encoder: unknown;
  /** What training left behind; undefined without. */
  readonly training: unknown;
  readonly tensors: ReadonlyMap<string, FileTensor>;
}

/**
 * Reads a model file and checks its form.
 *
 * @throws Error, TypeError or RangeError that says what is wrong with the file.
 */
export function readModelFile(bytes: Uint8Array): ModelFile {
  const { metadata, tensors } = readSafetensors(bytes);
  const [format, version] = [metadata.get("format"), metadata.get("version")];
  if (format !== "nfm") {
    throw new Error(
      `load: __metadata__.format must be "nfm", got ${describe(format)}; the file holds no NFM model`,
    );
  }
  if (version !== "1") {
    const remedy = "a newer release of this library may read it";
    throw new Error(`load: __metadata__.version must be "1", got ${describe(version)}; ${remedy}`);
  }
  const encoder = parseJSON(metadata, "encoder");
  const config = parseJSON(metadata, "config");
  if (config === undefined) throw new Error("load: __metadata__.config is missing");
  checkKeys(CONFIG_PLACE, config, CONFIG_KEYS);
  const checked = config as Record<string, unknown>;
  if (checked.numFeatures === undefined)
    throw wrongType(`${CONFIG_PLACE}: numFeatures`, "an integer", undefined);
  return { config: checked, encoder, training: parseJSON(metadata, "training"), tensors };
}

function parseJSON(metadata: ReadonlyMap<string, string>, key: string): unknown {
  const text = metadata.get(key);
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Error(`load: __metadata__.${key} is not JSON (${(error as Error).message})`);
  }
}

/** Throws unless the encoder of a file is fitted. */
export function checkFitted(encoder: Encoder): void {
  if (encoder.fitted) return;
  throw new Error("load: __metadata__.encoder must be fitted: its names or scales are missing");
}

/** Whether the file holds the optimizer's state. */
export function hasOptimizerState({ tensors }: ModelFile): boolean {
  return [...tensors.keys()].some((name) => name.startsWith("optimizer."));
}

/**
 * Checks that a file has exactly the tensors of its configuration, and the optimizer's for all trainable ones
 * or for none.
 *
 * @param expected The parameters of the configuration.
 * @throws Error that names the tensor.
 */
export function checkTensors(file: ModelFile, expected: readonly ParameterInfo[]): void {
  const { tensors } = file;
  const hasState = hasOptimizerState(file);
  const names = new Set<string>();
  for (const { name, shape, trainable } of expected) {
    for (const wanted of hasState && trainable ? [name, `optimizer.${name}`] : [name]) {
      const tensor = tensors.get(wanted);
      if (!tensor)
        throw new Error(
          `load: tensor "${wanted}" is missing; the file has ${[...tensors.keys()].join(", ")}`,
        );
      if (tensor.shape.join() !== shape.join()) {
        const sizes = `[${shape.join(", ")}] by its config, got [${tensor.shape.join(", ")}]`;
        throw new Error(`load: tensor "${wanted}" must have shape ${sizes}`);
      }
      names.add(wanted);
    }
    if (name.endsWith(".running_var")) checkVariances(name, tensors.get(name)!.data);
  }
  for (const name of tensors.keys()) {
    if (names.has(name)) continue;
    const known = [...names].join(", ");
    throw new Error(
      `load: tensor "${name}" does not belong to the model that its config describes (${known})`,
    );
  }
}

function checkVariances(name: string, data: Float32Array): void {
  const negative = data.findIndex((variance) => variance < 0);
  if (negative < 0) return;
  throw new Error(
    `load: tensor "${name}"[${negative}] must be a variance of at least 0, got ${data[negative]}`,
  );
}

/** Copies checked tensors of a file into the parameters. */
export function loadParameters(parameters: Parameters, { tensors }: ModelFile): void {
  for (const { name, value, transposed } of parameters.all)
    fromPacked(value, tensors.get(name)!.data, transposed);
  parameters.markChanged();
}

/** The parameters as tensors of a file. */
export function parametersToFile(parameters: Parameters): Map<string, FileTensor> {
  const tensors = new Map<string, FileTensor>();
  for (const parameter of parameters.all) {
    const { name, value, transposed } = parameter;
    tensors.set(name, { shape: parameters.shapeOf(parameter), data: toPacked(value, transposed) });
  }
  return tensors;
}
