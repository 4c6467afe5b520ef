// Parameters, a predictor and a trainer without an NFM around them, for tests that look at gradients, tensors
// and memory.

import { runAtOnce } from "../../src/core/event-loop.ts";
import { Notices } from "../../src/core/notices.ts";
import { fromPacked, toPacked } from "../../src/core/tensor.ts";
import type { NFMOptions } from "../../src/index.ts";
import { Memory } from "../../src/kernels/memory.ts";
import { linkOf } from "../../src/links.ts";
import type { Batch } from "../../src/model/batch.ts";
import { initializeParameters } from "../../src/model/initialize.ts";
import { PLAIN_LABELS } from "../../src/model/label-unit.ts";
import { Parameters } from "../../src/model/parameters.ts";
import { Predictor } from "../../src/predictor.ts";
import type { Dataset, DatasetSource } from "../../src/training/dataset.ts";
import { readOptions } from "../../src/training/options.ts";
import { Trainer } from "../../src/training/trainer.ts";
import type { Tensors } from "../reference.ts";

/** What `makeTrainer` makes. */
export interface Made {
  readonly parameters: Parameters;
  readonly predictor: Predictor;
  readonly trainer: Trainer;
}

/**
 * A trainer with its options; the parameters are the initial values of their seed. Kernels: "js" unless
 * `backend` says more.
 */
export function makeTrainer(options: NFMOptions & { readonly numFeatures: number }): Made {
  const settings = readOptions({ backend: "js", ...options }, "test");
  const predictor = makePredictor(options);
  const trainer = new Trainer(predictor, { steps: 0, epochs: 0, labelRange: null }, settings);
  return { parameters: predictor.network.parameters, predictor, trainer };
}

/** A predictor of the options, with initial values of their seed. */
export function makePredictor(options: NFMOptions & { readonly numFeatures: number }): Predictor {
  const { embeddingDim, layers, loss, backend, seed, initStd } = readOptions(
    { backend: "js", ...options },
    "test",
  );
  const parameters = new Parameters(
    { numFeatures: options.numFeatures, embeddingDim, layers },
    new Memory(backend),
  );
  const predictor = new Predictor(parameters, null, linkOf(loss), new Notices(null), PLAIN_LABELS);
  predictor.allocate();
  runAtOnce(initializeParameters(parameters, seed, initStd));
  return predictor;
}

/**
 * Draws every tensor from `next`, in the range of its name; returns the same numbers as the reference holds
 * them.
 */
export function drawTensors(
  parameters: Parameters,
  next: (low: number, high: number) => number,
  rangeOf: (name: string) => readonly [low: number, high: number],
): Tensors {
  const tensors: Tensors = new Map();
  for (const { name, value, transposed } of parameters.all) {
    const [low, high] = rangeOf(name);
    const packed = Float32Array.from({ length: value.rows * value.cols }, () => next(low, high));
    fromPacked(value, packed, transposed);
    tensors.set(name, Float64Array.from(packed));
  }
  parameters.markChanged();
  return tensors;
}

/** The data of a source whose rows are sparse already. */
export function datasetOf(source: DatasetSource, numFeatures: number): Dataset {
  return runAtOnce(source.read({ encoder: null, numFeatures }, null));
}

/** The same data, and the batch that the trainer filled last. */
export function watch(dataset: Dataset): { readonly dataset: Dataset; batch(): Batch } {
  let last: Batch | null = null;
  const { size, numFeatures, makePass, movesBias, skipped } = dataset;
  return {
    batch: () => last!,
    dataset: {
      ...{ size, numFeatures, movesBias, skipped },
      ...(makePass === undefined ? {} : { makePass }),
      usualSize: (count) => dataset.usualSize(count),
      choose: (range) => dataset.choose(range),
      fill(batch, range) {
        last = batch;
        dataset.fill(batch, range);
      },
      loss: (pass, range) => dataset.loss(pass, range),
      weight: (range) => dataset.weight(range),
    },
  };
}

/**
 * The gradients of the last step by tensor name in the file's layout, those of tables spread over all rows.
 */
export function gradientsOf(
  { trained }: Trainer,
  { touched, touchedCount }: Batch,
): Map<string, Float64Array> {
  return new Map(
    trained.map(({ parameter: { name, value, isTable, transposed }, gradient }) => {
      const packed = toPacked(gradient, transposed);
      if (!isTable) return [name, Float64Array.from(packed)];
      const { rows, cols } = value;
      const spread = new Float64Array(rows * cols);
      for (let t = 0; t < touchedCount; t++)
        spread.set(packed.subarray(t * cols, (t + 1) * cols), touched[t] * cols);
      return [name, spread];
    }),
  );
}
