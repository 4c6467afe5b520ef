// Writes model files, and reads those parts of a file that only training needs: the optimizer's state and the
// record of the training. The format is safetensors (model/safetensors.ts).

import { describe } from "../core/errors.ts";
import { fromPacked, packedView, type Tensor } from "../core/tensor.ts";
import type { LossName } from "../links.ts";
import { lossByName } from "../losses.ts";
import { architectureToJSON } from "../model/architecture.ts";
import { labelsToJSON } from "../model/label-unit.ts";
import { hasOptimizerState, type ModelFile } from "../model/model-file.ts";
import type { CheckNumbers, ModelContents, SavedTensor } from "../model/model-stream.ts";
import type { Parameter } from "../model/parameters.ts";
import { writeSafetensors } from "../model/safetensors.ts";
import { isBuiltInOptimizer } from "../optimizers.ts";
import type { Predictor } from "../predictor.ts";
import type { Settings } from "./options.ts";
import type { TrainedParameter, TrainingRecord } from "./trainer.ts";

/**
 * The options as JSON for a model file. Losses, optimizers and layers of the user's own are written by name
 * only. `labels` is left out if it is "raw": files without it are from before there was a choice. `grow` and
 * `maxFeatures` are left out if they are the defaults.
 */
export function optionsToJSON(settings: Settings, numFeatures: number): Record<string, unknown> {
  const { embeddingDim, loss, labels, optimizer, l2, initStd, seed, grow, maxFeatures } = settings;
  return {
    numFeatures,
    embeddingDim,
    ...architectureToJSON(settings),
    loss: loss.name,
    ...(loss === lossByName(loss.name as LossName) ? {} : { customLoss: true }),
    ...(labels === "raw" ? {} : { labels }),
    optimizer: { name: optimizer.name, ...optimizer.toJSON() },
    ...(isBuiltInOptimizer(optimizer) ? {} : { customOptimizer: true }),
    l2,
    initStd,
    seed,
    ...(grow ? {} : { grow }),
    ...(maxFeatures === null ? {} : { maxFeatures }),
  };
}

/** Further parts of a model file. */
export interface FileParts {
  /** Strings by name. */
  readonly metadata: ReadonlyMap<string, string>;
  /** Bytes by name. */
  readonly blobs: ReadonlyMap<string, Uint8Array>;
}

/**
 * Collects what a model file holds.
 *
 * @param settings The checked options of the model.
 * @param predictor The model.
 * @param record The counters of its training.
 * @param trained The trainable parameters, whose optimizer state is written as well, so that training can
 *   continue exactly; null: the file has no optimizer state.
 * @param more What a recommender adds to the file; null: nothing.
 * @returns The contents, whose tensors are those of the model.
 */
export function modelContents(
  settings: Settings,
  predictor: Predictor,
  record: TrainingRecord,
  trained: readonly TrainedParameter[] | null,
  more: FileParts | null,
): ModelContents {
  const { parameters } = predictor.network;
  const tensors = new Map<string, SavedTensor>();
  const add = (name: string, parameter: Parameter, tensor: Tensor): void => {
    tensors.set(name, { shape: parameters.shapeOf(parameter), tensor, transposed: parameter.transposed });
  };
  for (const parameter of parameters.all) add(parameter.name, parameter, parameter.value);
  for (const { parameter, state } of trained ?? []) {
    if (state !== null) add(`optimizer.${parameter.name}`, parameter, state);
  }
  const { labelRange, steps, epochs } = record;
  const training = trained === null ? { labelRange } : { labelRange, steps, epochs };
  const metadata = new Map([
    ["format", "nfm"],
    ["version", "1"],
    ["config", JSON.stringify(optionsToJSON(settings, predictor.numFeatures))],
    ["training", JSON.stringify(training)],
  ]);
  const labels = labelsToJSON(predictor.labels);
  if (labels !== null) metadata.set("labels", labels);
  if (predictor.encoder !== null) metadata.set("encoder", JSON.stringify(predictor.encoder));
  for (const [key, text] of more?.metadata ?? []) metadata.set(key, text);
  return { metadata, tensors, blobs: more?.blobs ?? new Map() };
}

/**
 * Writes a model.
 *
 * @param contents What the file holds.
 * @returns The bytes of a safetensors file.
 */
export function writeModelFile({ metadata, tensors, blobs }: ModelContents): Uint8Array {
  const packed = Array.from(tensors, ([name, { shape, tensor, transposed }]) => {
    return [name, { shape, data: packedView(tensor, transposed) }] as const;
  });
  return writeSafetensors({ metadata, tensors: new Map(packed), blobs });
}

/** Returns the name of the optimizer whose state a file holds. */
function savedOptimizer({ config }: ModelFile): unknown {
  return ((config.optimizer ?? { name: "adagrad" }) as { name?: unknown }).name;
}

/**
 * Checks the optimizer's state in a file. The state of Adagrad must be above 0, because Adagrad divides by
 * its square root.
 *
 * @param file The file.
 * @throws Error that names the tensor and the position.
 */
export function checkOptimizerState(file: ModelFile): void {
  const check = stateCheck(file);
  for (const [name, { data }] of file.tensors) check(name, data, 0);
}

/** Makes the check of the optimizer's state in a file, see `checkOptimizerState`. */
export function stateCheck(file: ModelFile): CheckNumbers {
  if (savedOptimizer(file) !== "adagrad") return () => {};
  return (name, data, first) => {
    if (!name.startsWith("optimizer.")) return;
    let bad = 0;
    while (bad < data.length && data[bad] > 0) bad++;
    if (bad === data.length) return;
    throw new Error(
      `load: tensor "${name}"[${first + bad}] must be a sum of squares above 0, got ${data[bad]}`,
    );
  };
}

/**
 * Says whether training can continue with the optimizer's state of a file.
 *
 * @param file The file.
 * @param settings The settings of the model, with the optimizer that will train it.
 * @returns True if the file holds a state and it belongs to the same kind of optimizer.
 */
export function canResume(file: ModelFile, { optimizer }: Settings): boolean {
  return (
    hasOptimizerState(file) && optimizer.initialState !== null && optimizer.name === savedOptimizer(file)
  );
}

/**
 * Copies the optimizer's state from a checked file.
 *
 * @param trained The trainable parameters, whose state is overwritten.
 * @param file A file for which `canResume` returned true.
 */
export function loadOptimizerState(trained: readonly TrainedParameter[], { tensors }: ModelFile): void {
  for (const { parameter, state } of trained) {
    if (state !== null)
      fromPacked(state, tensors.get(`optimizer.${parameter.name}`)!.data, parameter.transposed);
  }
}

/**
 * Reads the record of training from a file.
 *
 * @param json The entry of the file; undefined if it has none.
 * @returns The record. Counters that are absent are 0.
 * @throws Error that names the entry.
 */
export function readTrainingRecord(json: unknown): TrainingRecord {
  if (json === undefined) return { labelRange: null, steps: 0, epochs: 0 };
  const { labelRange, steps, epochs } = (json ?? {}) as Partial<Record<keyof TrainingRecord, unknown>>;
  if (labelRange !== null && !isRange(labelRange)) {
    const got = JSON.stringify(labelRange);
    throw new Error(`load: __metadata__.training.labelRange must be [min, max] or null, got ${got}`);
  }
  for (const [name, count] of Object.entries({ steps, epochs })) {
    if (count === undefined || (Number.isSafeInteger(count) && (count as number) >= 0)) continue;
    const expected = `load: __metadata__.training.${name} must be an integer of at least 0`;
    throw new Error(`${expected}, got ${describe(count)}`);
  }
  return { labelRange, steps: steps ?? 0, epochs: epochs ?? 0 } as TrainingRecord;
}

/** Says whether a value is a pair of finite numbers in ascending order. */
function isRange(value: unknown): value is [number, number] {
  const isPair = Array.isArray(value) && value.length === 2 && value.every((v) => Number.isFinite(v));
  return isPair && value[0] <= value[1];
}
