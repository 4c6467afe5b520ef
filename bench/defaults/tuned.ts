// Training with every setting given, as an expert does who knows the library: rows encoded by hand, labels
// standardized, the start at the base rate, validation rows that say when to stop, then all rows for as long.

import { Adagrad, CSRMatrix, NFM, type NFMOptions } from "../../src/index.ts";
import { lossOf } from "./measure.ts";

/** Settings of one training. */
export interface Settings {
  readonly embeddingDim: number;
  readonly hiddenUnits: readonly number[];
  readonly dropout: { readonly biInteraction: number; readonly hidden: number };
  readonly learningRate: number;
  readonly batchNorm?: boolean;
  readonly batchSize?: number;
  readonly l2?: { readonly embedding?: number; readonly linear?: number; readonly hidden?: number };
  readonly initialAccumulator?: number;
  /** Checks without improvement before training stops. Default: 10. */
  readonly patience?: number;
  /** Checks per epoch. Default: 4. */
  readonly checks?: number;
  /** Default: 60. */
  readonly maxEpochs?: number;
  readonly seed?: number;
}

/** Encoded rows with labels. */
export interface Encoded {
  readonly x: CSRMatrix;
  readonly y: Float64Array;
}

/** What `train` gives. */
export interface Trained {
  /** Validation loss of the best check: log loss, or RMSE in the unit of the labels. */
  readonly loss: number;
  /** Steps up to the best check. */
  readonly steps: number;
  /** Steps of one epoch. */
  readonly stepsPerEpoch: number;
  /** Predictions of rows, in the unit of the labels. */
  predict(x: CSRMatrix): Float64Array;
}

class Enough extends Error {}

/**
 * Trains, and goes back to the best check.
 *
 * @param valid Validation rows; or for how many steps to train, without validation.
 */
export async function train(
  loss: "log" | "squared",
  data: Encoded,
  valid: Encoded | number,
  settings: Settings,
): Promise<Trained> {
  const { patience = 10, checks = 4, maxEpochs = 60, batchSize = 128, seed = 1 } = settings;
  const mean = data.y.reduce((sum, value) => sum + value, 0) / data.y.length;
  const variance = data.y.reduce((sum, value) => sum + (value - mean) ** 2, 0) / data.y.length;
  const scale = loss === "log" ? 1 : Math.sqrt(variance) || 1;
  const labels = loss === "log" ? data.y : data.y.map((value) => (value - mean) / scale);
  const shift = loss === "log" ? 0 : mean;
  const model = startAt(loss === "log" ? Math.log((mean + 1e-6) / (1 - mean + 1e-6)) : 0, {
    ...settings,
    loss,
    seed,
    numFeatures: data.x.cols,
  });
  const predictWith = (trained: NFM, x: CSRMatrix): Float64Array =>
    Float64Array.from(trained.predict(x), (value) => shift + scale * value);

  const stepsPerEpoch = Math.ceil(data.x.rows / batchSize);
  const every = Math.max(1, Math.round(stepsPerEpoch / checks));
  let [steps, bestSteps, best, waited] = [0, 0, Infinity, 0];
  let bytes = model.save();
  if (typeof valid !== "number") best = lossOf(loss, predictWith(model, valid.x), valid.y);
  try {
    if (valid === 0) throw new Enough();
    await model.fit(data.x, labels, {
      epochs: maxEpochs,
      batchSize,
      resume: true,
      validation: false,
      onBatch() {
        steps++;
        if (typeof valid === "number") {
          if (steps < valid) return;
          bytes = model.save();
          throw new Enough();
        }
        if (steps % every !== 0) return;
        const now = lossOf(loss, predictWith(model, valid.x), valid.y);
        waited++;
        if (now < best) {
          [best, bestSteps, waited] = [now, steps, 0];
          bytes = model.save();
        }
        if (waited >= patience) throw new Enough();
      },
    });
    if (typeof valid === "number") bytes = model.save();
  } catch (error) {
    if (!(error instanceof Enough)) throw error;
  }
  const trained = NFM.load(bytes);
  return { loss: best, steps: bestSteps, stepsPerEpoch, predict: (x) => predictWith(trained, x) };
}

/**
 * A model with initial parameters that gives an empty row the score `bias`: layers alone give it some score.
 */
function startAt(bias: number, settings: Settings & { loss: "log" | "squared"; numFeatures: number }): NFM {
  const { learningRate, initialAccumulator = 1e-8, batchNorm = true, l2 = {} } = settings;
  const { embeddingDim, hiddenUnits, dropout, loss, numFeatures, seed = 1 } = settings;
  const optimizer = new Adagrad({ learningRate, initialAccumulator });
  const model = { embeddingDim, hiddenUnits, dropout, loss, numFeatures, seed, batchNorm };
  const options: NFMOptions = { ...model, l2, optimizer, initStd: 0.01, labels: "raw" };
  const initial = new NFM(options);
  const bytes = initial.save();
  const empty = initial.predict(CSRMatrix.fromRows([{ indices: [] }], numFeatures), { raw: true })[0];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const length = Number(view.getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + length)));
  view.setFloat32(8 + length + header.bias.data_offsets[0], bias - empty, true);
  return NFM.load(bytes);
}
