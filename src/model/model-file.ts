// The model file. It is a safetensors file (safetensors.ts): parameters have PyTorch's names and shapes, and
// the configuration and the vocabulary are JSON strings in __metadata__. Loading checks names, shapes and
// configuration before it allocates memory for the model.

import { checkKeys, describe, wrongType } from "../core/errors.ts";
import { fromPacked } from "../core/tensor.ts";
import type { Encoder } from "../data/encoder.ts";
import { STACK_KEYS } from "./architecture.ts";
import { type ModelBytes, readBytes } from "./bytes.ts";
import type { ParameterInfo, Parameters } from "./parameters.ts";
import {
  COUNTER,
  checkFinite,
  type FileTensor,
  type ReadSafetensors,
  readSafetensors,
} from "./safetensors.ts";

/** The keys that `config` of a model file may have. */
const CONFIG_KEYS = [
  ...["numFeatures", "embeddingDim", ...STACK_KEYS, "layers", "loss", "optimizer", "l2", "initStd", "seed"],
  ...["labels", "customLoss", "customOptimizer", "grow", "maxFeatures"],
];

/** What errors call the configuration of a model file. */
export const CONFIG_PLACE = "load: config";

/** The parts of a model file whose form has been checked. */
export interface ModelFile {
  /** The options of the constructor, as they are in the file. */
  readonly config: Readonly<Record<string, unknown>>;
  /** The encoder as JSON data; undefined if there is none. */
  readonly encoder: unknown;
  /** What the model knows about its labels as JSON data; undefined if there is nothing. */
  readonly labels: unknown;
  /** The record of the training as JSON data; undefined if there is none. */
  readonly training: unknown;
  /** The strings of __metadata__ by name. */
  readonly metadata: ReadonlyMap<string, string>;
  /** The tensors by name. */
  readonly tensors: ReadonlyMap<string, FileTensor>;
  /** The names of the tensors `num_batches_tracked` that PyTorch writes. */
  readonly counters: ReadonlySet<string>;
}

/**
 * Reads a model file and checks its form.
 *
 * @param file The file.
 * @returns Its parts.
 * @throws Error, TypeError or RangeError that says what is wrong with the file.
 */
export function readModelFile(file: ModelBytes): ModelFile {
  return checkModelFile(readSafetensors(readBytes(file), false));
}

/**
 * Checks the form of a model file.
 *
 * @param file What a safetensors file holds.
 * @returns Its parts.
 * @throws Error, TypeError or RangeError that says what is wrong with the file.
 */
export function checkModelFile({ metadata, tensors, counters }: ReadSafetensors): ModelFile {
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
  const [labels, training] = [parseJSON(metadata, "labels"), parseJSON(metadata, "training")];
  return { config: checked, encoder, labels, training, metadata, tensors, counters };
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

/**
 * Checks that the encoder of a file is fitted.
 *
 * @param encoder The encoder.
 * @throws Error if it is not.
 */
export function checkFitted(encoder: Encoder): void {
  if (encoder.fitted) return;
  throw new Error("load: __metadata__.encoder must be fitted: its names or scales are missing");
}

/**
 * Says whether a file holds the state of an optimizer.
 *
 * @param file The file.
 * @returns True if it does.
 */
export function hasOptimizerState({ tensors }: ModelFile): boolean {
  return [...tensors.keys()].some((name) => name.startsWith("optimizer."));
}

/**
 * Checks that a file has exactly the tensors that its configuration describes. The optimizer's state must be
 * there for all trainable parameters or for none. PyTorch's counters of batch norms may be there and are
 * ignored: in prediction nothing depends on them, and training here averages with a fixed weight.
 *
 * @param file The file.
 * @param expected The parameters that the configuration describes.
 * @throws Error that names the tensor.
 */
export function checkTensors(file: ModelFile, expected: readonly ParameterInfo[]): void {
  const { tensors, counters } = file;
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
    if (name.endsWith(".running_var")) checkVariances(name, tensors.get(name)!.data, 0);
  }
  for (const name of [...tensors.keys(), ...counters]) {
    if (names.has(counters.has(name) ? name.replace(COUNTER, ".running_var") : name)) continue;
    const known = [...names].join(", ");
    throw new Error(
      `load: tensor "${name}" does not belong to the model that its config describes (${known})`,
    );
  }
}

/**
 * Checks variances.
 *
 * @param name The tensor.
 * @param data Numbers of it.
 * @param first Position of the first one in the tensor.
 * @throws Error that names tensor and position.
 */
export function checkVariances(name: string, data: Float32Array, first: number): void {
  const negative = data.findIndex((variance) => variance < 0);
  if (negative < 0) return;
  throw new Error(
    `load: tensor "${name}"[${first + negative}] must be a variance of at least 0, got ${data[negative]}`,
  );
}

/**
 * Copies the tensors of a file into the parameters, and checks all numbers of the file. It checks them in the
 * memory of the model, where SIMD does it.
 *
 * @param parameters The parameters, which are overwritten.
 * @param file A file that `checkTensors` has checked.
 * @throws Error that names tensor and position, if a number is not finite.
 */
export function loadParameters(parameters: Parameters, { tensors }: ModelFile): void {
  const loaded = new Set<string>();
  for (const { name, value, transposed } of parameters.all) {
    const { data } = tensors.get(name)!;
    fromPacked(value, data, transposed);
    if (!parameters.areFinite(value)) checkFinite(name, data, 0);
    loaded.add(name);
  }
  for (const [name, { data }] of tensors) if (!loaded.has(name)) checkFinite(name, data, 0);
  parameters.markChanged();
}
