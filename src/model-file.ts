// The model file: parameters as safetensors by PyTorch's names and shapes, configuration and vocabulary as JSON strings
// in __metadata__. Loading checks names, shapes and configuration before any memory is taken for the model.

import { describe } from "./core/errors.ts";
import { fromPacked, toPacked } from "./core/tensor.ts";
import { FeatureEncoder } from "./data/feature-encoder.ts";
import { chooseBackend } from "./kernels/backend.ts";
import { describeParameters, type Parameter } from "./layout.ts";
import { Network } from "./network.ts";
import { optionsFromJSON, optionsToJSON, readOptions, type LoadOverrides, type Settings } from "./options.ts";
import { readSafetensors, writeSafetensors, type FileTensor } from "./safetensors.ts";
import { Trainer } from "./training/trainer.ts";

/** Batches of a model that only predicts. */
export const PREDICTION_CAPACITY = { rows: 128, entries: 4096, training: null } as const;

/** What training left behind, beside the tensors. */
interface TrainingRecord {
  /** Range of the training labels. */
  labelRange: readonly [number, number] | null;
  /** With the optimizer's state: where to resume. */
  steps?: number;
  epochs?: number;
}

/** Writes a model. `withOptimizer`: everything needed to go on training as if nothing had happened. */
export function writeModel(settings: Settings, trainer: Trainer, encoder: FeatureEncoder | null, withOptimizer: boolean): Uint8Array {
  const { network, labelRange, steps, epochs } = trainer;
  const tensors = new Map<string, FileTensor>();
  for (const { name, shape, value, transposed } of network.readParameters()) tensors.set(name, { shape, data: toPacked(value, transposed) });
  if (withOptimizer) {
    for (const { name, shape, state, transposed } of network.readParameters()) {
      if (state) tensors.set(`optimizer.${name}`, { shape, data: toPacked(state, transposed) });
    }
  }
  const record: TrainingRecord = withOptimizer ? { labelRange, steps, epochs } : { labelRange };
  const metadata = new Map([
    ["format", "nfm"],
    ["version", "1"],
    ["config", JSON.stringify(optionsToJSON(settings, network.spec.numFeatures))],
    ["training", JSON.stringify(record)],
  ]);
  if (encoder !== null) metadata.set("encoder", JSON.stringify(encoder));
  return writeSafetensors({ metadata, tensors });
}

/** Reads a model. @throws Error, TypeError or RangeError that says what is wrong with the file. */
export function readModel(bytes: Uint8Array, overrides: LoadOverrides): { settings: Settings; trainer: Trainer; encoder: FeatureEncoder | null } {
  const { metadata, tensors } = readSafetensors(bytes);
  if (metadata.get("format") !== "nfm") throw new Error(`load: __metadata__.format must be "nfm", got ${describe(metadata.get("format"))}; the file holds no NFM model`);
  if (metadata.get("version") !== "1") throw new Error(`load: __metadata__.version must be "1", got ${describe(metadata.get("version"))}; a newer release of this library may read it`);
  const encoderJSON = parse(metadata, "encoder");
  const encoder = encoderJSON === undefined ? null : FeatureEncoder.fromJSON(encoderJSON);
  if (encoder !== null && !encoder.fitted) throw new Error("load: __metadata__.encoder must be fitted: its names or scales are missing");
  const config = parse(metadata, "config");
  if (config === undefined) throw new Error("load: __metadata__.config is missing");
  const settings = readOptions(optionsFromJSON(config, overrides, encoder, "load: config"), "load: config");
  const record = readRecord(parse(metadata, "training"));

  const { embeddingDim, layers, initStd, seed, loss, optimizer, l2, backend } = settings;
  const spec = { numFeatures: settings.numFeatures!, embeddingDim, layers, initStd, seed };
  const expected = describeParameters(spec);
  const hasState = [...tensors.keys()].some((name) => name.startsWith("optimizer."));
  checkTensors(expected, tensors, hasState);
  if (savedOptimizerOf(config) === "adagrad") checkSumsOfSquares(tensors);

  const keepState = hasState && optimizer.initialState !== null && optimizer.name === savedOptimizerOf(config);
  const capacity = keepState ? { ...PREDICTION_CAPACITY, training: { initialState: optimizer.initialState } } : PREDICTION_CAPACITY;
  const network = new Network(spec, capacity, chooseBackend(backend));
  for (const { name, value, state, transposed } of network.parameters) {
    fromPacked(value, tensors.get(name)!.data, transposed);
    if (state) fromPacked(state, tensors.get(`optimizer.${name}`)!.data, transposed);
  }
  const trainer = new Trainer(network, loss, optimizer, l2);
  Object.assign(trainer, { labelRange: record.labelRange, steps: record.steps ?? 0, epochs: record.epochs ?? 0 });
  return { settings, trainer, encoder: settings.encoder };
}

function savedOptimizerOf(config: unknown): unknown {
  return ((config as { optimizer?: { name?: unknown } | null }).optimizer ?? { name: "adagrad" }).name;
}

/** Adagrad divides by the root of its state. */
function checkSumsOfSquares(tensors: ReadonlyMap<string, FileTensor>): void {
  for (const [name, { data }] of tensors) {
    const bad = name.startsWith("optimizer.") ? data.findIndex((sum) => !(sum > 0)) : -1;
    if (bad >= 0) throw new Error(`load: tensor "${name}"[${bad}] must be a sum of squares above 0, got ${data[bad]}`);
  }
}

function parse(metadata: ReadonlyMap<string, string>, key: string): unknown {
  const text = metadata.get(key);
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Error(`load: __metadata__.${key} is not JSON (${(error as Error).message})`);
  }
}

function readRecord(json: unknown): TrainingRecord {
  if (json === undefined) return { labelRange: null };
  const { labelRange, steps, epochs } = (json ?? {}) as Partial<Record<keyof TrainingRecord, unknown>>;
  const isRange = Array.isArray(labelRange) && labelRange.length === 2 && labelRange.every((v) => Number.isFinite(v)) && labelRange[0] <= labelRange[1];
  if (labelRange !== null && !isRange) throw new Error(`load: __metadata__.training.labelRange must be [min, max] or null, got ${JSON.stringify(labelRange)}`);
  for (const [name, count] of Object.entries({ steps, epochs })) {
    if (count !== undefined && !(Number.isSafeInteger(count) && (count as number) >= 0)) {
      throw new Error(`load: __metadata__.training.${name} must be an integer of at least 0, got ${describe(count)}`);
    }
  }
  return json as TrainingRecord;
}

/** The file must have exactly the tensors of the configuration, and the optimizer's for all trainable ones or for none. */
function checkTensors(expected: readonly Parameter[], tensors: ReadonlyMap<string, FileTensor>, hasState: boolean): void {
  const names = new Set<string>();
  for (const { name, shape, trainable } of expected) {
    for (const wanted of hasState && trainable ? [name, `optimizer.${name}`] : [name]) {
      const tensor = tensors.get(wanted);
      if (!tensor) throw new Error(`load: tensor "${wanted}" is missing; the file has ${[...tensors.keys()].join(", ")}`);
      if (tensor.shape.join() !== shape.join()) {
        throw new Error(`load: tensor "${wanted}" must have shape [${shape.join(", ")}] by its config, got [${tensor.shape.join(", ")}]`);
      }
      names.add(wanted);
    }
    const variance = name.endsWith(".running_var") ? tensors.get(name)!.data : null;
    const negative = variance?.findIndex((v) => v < 0) ?? -1;
    if (negative >= 0) throw new Error(`load: tensor "${name}"[${negative}] must be a variance of at least 0, got ${variance![negative]}`);
  }
  for (const name of tensors.keys()) {
    if (!names.has(name)) throw new Error(`load: tensor "${name}" does not belong to the model that its config describes (${[...names].join(", ")})`);
  }
}
