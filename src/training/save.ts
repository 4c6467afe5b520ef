// Writes a model file, and reads what training left in one.

import { describe } from "../core/errors.ts";
import { fromPacked, toPacked } from "../core/tensor.ts";
import { hasOptimizerState, type ModelFile, parametersToFile } from "../model/model-file.ts";
import { writeSafetensors } from "../model/safetensors.ts";
import type { Predictor } from "../predictor.ts";
import { optionsToJSON, type Settings } from "./options.ts";
import type { TrainedParameter, TrainingRecord } from "./trainer.ts";

/**
 * Writes a model.
 *
 * @param record How far training has come.
 * @param trained With the optimizer's state, to go on training as if nothing had happened; null: without.
 */
export function writeModelFile(
  settings: Settings,
  predictor: Predictor,
  record: TrainingRecord,
  trained: readonly TrainedParameter[] | null,
): Uint8Array {
  const { parameters } = predictor.network;
  const tensors = parametersToFile(parameters);
  for (const { parameter, state } of trained ?? []) {
    if (state === null) continue;
    const shape = parameters.shapeOf(parameter);
    tensors.set(`optimizer.${parameter.name}`, { shape, data: toPacked(state, parameter.transposed) });
  }
  const { labelRange, steps, epochs } = record;
  const training = trained === null ? { labelRange } : { labelRange, steps, epochs };
  const metadata = new Map([
    ["format", "nfm"],
    ["version", "1"],
    ["config", JSON.stringify(optionsToJSON(settings, predictor.numFeatures))],
    ["training", JSON.stringify(training)],
  ]);
  if (predictor.encoder !== null) metadata.set("encoder", JSON.stringify(predictor.encoder));
  return writeSafetensors({ metadata, tensors });
}

/** Name of the optimizer whose state a file holds. */
function savedOptimizer({ config }: ModelFile): unknown {
  return ((config.optimizer ?? { name: "adagrad" }) as { name?: unknown }).name;
}

/**
 * Throws unless the state that a file holds can be that of its optimizer: Adagrad divides by the root of its
 * state.
 */
export function checkOptimizerState(file: ModelFile): void {
  if (savedOptimizer(file) !== "adagrad") return;
  for (const [name, { data }] of file.tensors) {
    const bad = name.startsWith("optimizer.") ? data.findIndex((sum) => !(sum > 0)) : -1;
    if (bad >= 0)
      throw new Error(`load: tensor "${name}"[${bad}] must be a sum of squares above 0, got ${data[bad]}`);
  }
}

/** Whether a file holds a state that this optimizer can go on with. */
export function canResume(file: ModelFile, { optimizer }: Settings): boolean {
  return (
    hasOptimizerState(file) && optimizer.initialState !== null && optimizer.name === savedOptimizer(file)
  );
}

/** Copies the optimizer's state from a checked file. */
export function loadOptimizerState(trained: readonly TrainedParameter[], { tensors }: ModelFile): void {
  for (const { parameter, state } of trained) {
    if (state !== null)
      fromPacked(state, tensors.get(`optimizer.${parameter.name}`)!.data, parameter.transposed);
  }
}

/**
 * Checks the record of training in a file.
 *
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

function isRange(value: unknown): value is [number, number] {
  const isPair = Array.isArray(value) && value.length === 2 && value.every((v) => Number.isFinite(v));
  return isPair && value[0] <= value[1];
}
