// Training, one mini-batch at a time: a dataset fills the batch, the network scores it, the dataset says how
// each score should move, the gradients go back through the network, and the optimizer moves every parameter
// once. Letters: B rows of a batch, N features, K embedding dimension, T features that a batch touches.

import { randomKey, Stream } from "../core/random.ts";
import { fill, type Tensor } from "../core/tensor.ts";
import type { Kernels } from "../kernels/kernels.ts";
import { trainingKernels } from "../kernels/training.ts";
import { biInteractionBackward } from "../layers/bi-interaction.ts";
import { linearBackward } from "../layers/embedding.ts";
import { tensorsOf } from "../model/folded-layers.ts";
import { initializeRows } from "../model/initialize.ts";
import { Network } from "../model/network.ts";
import type { Parameter, Parameters } from "../model/parameters.ts";
import type { Optimizer } from "../optimizers.ts";
import type { Predictor } from "../predictor.ts";
import type { BatchRange, Dataset, LabelRange } from "./dataset.ts";
import type { Settings } from "./options.ts";

/** A parameter with what training adds to it. */
export interface TrainedParameter {
  readonly parameter: Parameter;
  /** Gradient of the loss: (T, cols) for a table, else of the value's shape. */
  readonly gradient: Tensor;
  /** The optimizer's state, of the value's shape; null if it keeps none. */
  readonly state: Tensor | null;
}

/** How far the training of a model has come. */
export interface TrainingRecord {
  /** Steps taken so far; names the dropout masks. */
  steps: number;
  /** Epochs completed so far; names the order of the examples. */
  epochs: number;
  /** Range of the training labels, for "rmse-clamped". */
  labelRange: LabelRange;
}

/** A way back to the parameters before a step. */
interface Undo {
  undo(): void;
  /** Whether everything that the step could change is finite. */
  isSound(): boolean;
}

/** A predictor with what it takes to train it. */
export class Trainer {
  readonly predictor: Predictor;
  /** The trainable parameters, in the order of the model file. */
  readonly trained: readonly TrainedParameter[];
  /** How far training has come. */
  readonly record: TrainingRecord;
  readonly #parameters: Parameters;
  readonly #settings: Settings;
  readonly #network: Network;
  /** Gradient of the loss by the scores, (B, 1). */
  readonly #dScores: Tensor;
  /** Gradient of the loss by BI(Vx), (B, K). */
  readonly #dPooled: Tensor;
  /** Gradient of the loss by the vector that h is multiplied with, (B, H). */
  readonly #dLast: Tensor;
  /** The buffers behind the gradients of all layers: two for each width. */
  readonly #dBuffers: readonly Tensor[];
  #isNew = true;

  /** Asks for memory; `reserve` gets it. */
  constructor(predictor: Predictor, record: TrainingRecord, settings: Settings) {
    this.predictor = predictor;
    this.record = record;
    this.#settings = settings;
    const { parameters } = predictor.network;
    const { memory } = parameters;
    this.#parameters = parameters;
    memory.addKernels(trainingKernels);
    const hasState = settings.optimizer.initialState !== null;
    this.trained = parameters.all
      .filter(({ trainable }) => trainable)
      .map((parameter) => {
        const { rows, cols, stride } = parameter.value;
        const state = hasState ? memory.allocate(rows, cols, { stride, lasting: true }) : null;
        const gradient = memory.allocate(parameter.isTable ? 0 : rows, cols, { stride });
        return { parameter, gradient, state };
      });
    const network = new Network(parameters, parameters.layers.map(tensorsOf));
    this.#network = network;
    this.#dScores = memory.allocate(0, 1, { stride: 1 });

    // On the way back only two gradients are alive at a time, so two buffers per width serve all layers in
    // turn.
    const buffers: Tensor[] = [];
    const bufferLike = (x: Tensor, taken: Tensor | null): Tensor => {
      const free =
        buffers.find((buffer) => buffer.cols === x.cols && buffer !== taken) ?? memory.allocate(0, x.cols);
      if (!buffers.includes(free)) buffers.push(free);
      return free;
    };
    this.#dPooled = bufferLike(network.pooled, null);
    let dX = this.#dPooled;
    network.stages.forEach(({ pass }, i) => {
      const own = Object.entries(parameters.layers[i].parameters).flatMap(([name, parameter]) => {
        const found = this.trained.find((trained) => trained.parameter === parameter);
        return found ? [[name, found.gradient] as const] : [];
      });
      pass.gradients = Object.fromEntries(own);
      pass.dX = dX;
      pass.dY = bufferLike(pass.y, dX);
      dX = pass.dY;
    });
    this.#dLast = dX;
    this.#dBuffers = buffers;
  }

  /**
   * Makes room for batches.
   *
   * @param rows Rows of a batch.
   * @param entries Entries of a batch.
   * @throws RangeError if there is no memory for them. Nothing has changed then.
   */
  reserve(rows: number, entries: number): void {
    const { memory, numFeatures } = this.#parameters;
    this.#network.reserve(rows, entries, numFeatures, (rowCapacity, entryCapacity) => {
      for (const { parameter, gradient } of this.trained) {
        if (parameter.isTable) memory.resize(gradient, Math.min(entryCapacity, numFeatures));
      }
      for (const buffer of this.#dBuffers) memory.resize(buffer, rowCapacity);
      memory.resize(this.#dScores, rowCapacity);
    });
    if (!this.#isNew) return;
    this.#isNew = false;
    const { initialState } = this.#settings.optimizer;
    for (const { state } of this.trained) if (state !== null) fill(state, initialState!);
  }

  /**
   * Gives the tables and the optimizer's state more rows, in place. Rows that exist keep their values; new
   * ones start as they would have started with the first.
   *
   * @param numFeatures The new N, at least the present one.
   * @throws RangeError if there is no memory for them. Nothing has changed then.
   */
  grow(numFeatures: number): void {
    const { memory, numFeatures: before } = this.#parameters;
    const { seed, initStd, optimizer } = this.#settings;
    const { batch } = this.#network;
    const tables = this.trained.filter(({ parameter }) => parameter.isTable);
    for (const { parameter, state, gradient } of tables) {
      memory.resize(parameter.value, numFeatures);
      if (state !== null) memory.resize(state, numFeatures);
      memory.resize(gradient, Math.min(batch.entryCapacity, numFeatures));
    }
    batch.reserve(batch.rowCapacity, batch.entryCapacity, numFeatures);
    memory.commit();
    for (const _ of initializeRows(this.#parameters, seed, initStd, before));
    for (const { state } of tables) {
      if (state === null) continue;
      const added = {
        ...state,
        data: state.data.subarray(before * state.stride),
        rows: numFeatures - before,
      };
      fill(added, optimizer.initialState!);
    }
    this.#parameters.markChanged();
  }

  /**
   * One step on the examples of a range.
   *
   * @returns The mean loss before the step. If it is not finite, no trainable parameter has moved. Examples
   *   without any weight move nothing, and their loss is 0.
   */
  step(dataset: Dataset, order: Uint32Array | null, start: number, end: number): number {
    const range = { epoch: this.record.epochs + 1, order, start, end };
    if (dataset.weight(range) === 0) return 0;
    this.#gather(dataset, range);
    return this.#run(dataset, range);
  }

  /**
   * One step on all examples that happens wholly or not at all: when anything throws or is not finite,
   * nothing has changed.
   *
   * @returns The mean loss before the step; NaN or infinite if that, or what the step led to, was not finite.
   */
  safeStep(dataset: Dataset): number {
    const range = { epoch: this.record.epochs + 1, order: null, start: 0, end: dataset.size };
    this.#gather(dataset, range);
    const { undo, isSound } = this.#beforeStep();
    const { steps } = this.record;
    let sound = false;
    try {
      const loss = this.#run(dataset, range);
      sound = Number.isFinite(loss) && isSound();
      if (sound || !Number.isFinite(loss)) return loss;
      return Infinity;
    } finally {
      if (!sound) {
        undo();
        this.record.steps = steps;
      }
    }
  }

  /** Whether all parameters, and the optimizer's state, are finite. */
  isFinite(): boolean {
    const areParametersFinite = this.#parameters.all.every(({ value }) => allFinite(value.data));
    return areParametersFinite && this.trained.every(({ state }) => state === null || allFinite(state.data));
  }

  #gather(dataset: Dataset, range: BatchRange): void {
    const entries = dataset.choose(range);
    this.reserve((range.end - range.start) * dataset.rowsPerExample, entries);
    const { batch } = this.#network;
    batch.clear();
    dataset.fill(batch, range);
    batch.indexFeatures();
  }

  #run(dataset: Dataset, range: BatchRange): number {
    const { scores, stages } = this.#network;
    this.#parameters.markChanged(); // running statistics move in the forward pass
    stages.forEach(({ pass }, i) => {
      pass.key = randomKey(this.#settings.seed, Stream.dropout, this.record.steps, i);
    });
    this.#network.forward(true);
    const mean = dataset.loss(scores.data, this.#dScores.data, range);
    if (!Number.isFinite(mean)) return mean;
    this.#backward();
    this.#update(this.#settings.optimizer, dataset.movesBias);
    this.#parameters.markChanged();
    this.record.steps++;
    return mean;
  }

  /**
   * Computes the gradients of all trainable parameters from `dScores`. Follows a forward pass on the same
   * batch.
   */
  #backward(): void {
    const { batch, last, output, sums, stages } = this.#network;
    const { memory, bias, linear, embedding, output: h } = this.#parameters;
    const kernels = memory.kernels as Kernels;
    kernels.columnSums(this.#gradientOf(bias), this.#dScores, batch.rows, 0, 1);
    if (h !== null) kernels.matmulTransposed(this.#gradientOf(h), this.#dScores, last, batch.rows, 0, 1);
    kernels.scoreBackward(this.#dLast, this.#dScores, output, 0, batch.rows);
    for (let i = stages.length - 1; i >= 0; i--) stages[i].layer.backward(stages[i].pass);
    biInteractionBackward(kernels, batch, embedding.value, sums, this.#dPooled, this.#gradientOf(embedding));
    linearBackward(kernels, batch, this.#dScores, this.#gradientOf(linear));
  }

  #gradientOf(parameter: Parameter): Tensor {
    return this.trained.find((trained) => trained.parameter === parameter)!.gradient;
  }

  /** Moves every trainable parameter once. */
  #update(optimizer: Optimizer, movesBias: boolean): void {
    const { batch } = this.#network;
    const { memory, bias } = this.#parameters;
    const kernels = memory.kernels as Kernels;
    for (const { parameter, gradient, state } of this.trained) {
      if (parameter === bias && !movesBias) continue;
      const { value: theta, isTable, decay } = parameter;
      const rows = isTable ? batch.touched : null;
      const count = isTable ? batch.touchedCount : theta.rows;
      const l2 = decay === null ? 0 : this.#settings.l2[decay];
      optimizer.update(kernels, { theta, state, gradient, rows, count, l2 });
    }
  }

  /** Copies what a step on the batch can change: the touched rows of tables, everything else whole. */
  #beforeStep(): Undo {
    const { touched, touchedCount } = this.#network.batch;
    const touchedRows = touched.slice(0, touchedCount);
    const stateOf = new Map(this.trained.map(({ parameter, state }) => [parameter, state]));
    const kept = this.#parameters.all.flatMap((parameter) => {
      const rows = parameter.isTable ? touchedRows : null;
      const tensors = [parameter.value, stateOf.get(parameter) ?? null].filter((tensor) => tensor !== null);
      return tensors.map((tensor) => ({ tensor, rows, copy: copyOf(tensor, rows) }));
    });
    return {
      undo: () => {
        for (const { tensor, rows, copy } of kept) putBack(tensor, rows, copy);
        this.#parameters.markChanged();
      },
      isSound: () => kept.every(({ tensor, rows }) => allFinite(copyOf(tensor, rows))),
    };
  }
}

/**
 * Copies some rows of a tensor, one behind the other without padding; `rows` null: everything, as it lies in
 * memory.
 */
function copyOf({ data, cols, stride }: Tensor, rows: Uint32Array | null): Float32Array {
  if (rows === null) return data.slice();
  const copy = new Float32Array(rows.length * cols);
  let to = 0;
  for (const row of rows) {
    for (let j = 0; j < cols; j++) copy[to++] = data[row * stride + j];
  }
  return copy;
}

/** The inverse of `copyOf`. */
function putBack({ data, cols, stride }: Tensor, rows: Uint32Array | null, copy: Float32Array): void {
  if (rows === null) data.set(copy);
  else rows.forEach((row, t) => data.set(copy.subarray(t * cols, (t + 1) * cols), row * stride));
}

function allFinite(data: Float32Array): boolean {
  let check = 0;
  for (let i = 0; i < data.length; i++) check += data[i] * 0; // NaN once one is not finite
  return check === 0;
}
