// Trains a model by one mini-batch at a time (He & Chua 2017, section 3.2). The dataset fills the batch, and
// the network scores it. The dataset computes the loss and its gradient by each score. The backward pass
// computes the gradients of the parameters, and the optimizer changes every parameter once. Letters: B rows
// of a batch, N features, K embedding dimension, H width of the last layer, T distinct features of a batch.

import { randomKey, Stream } from "../core/random.ts";
import { allFinite, fill, type Tensor } from "../core/tensor.ts";
import { checkKernels } from "../kernels/check.ts";
import type { Kernels } from "../kernels/kernels.ts";
import { trainingKernels } from "../kernels/training.ts";
import { tensorsOf } from "../model/folded-layers.ts";
import { initializeRows } from "../model/initialize.ts";
import { Network } from "../model/network.ts";
import type { Parameter, Parameters } from "../model/parameters.ts";
import { isBuiltInOptimizer, type Optimizer } from "../optimizers.ts";
import type { Predictor } from "../predictor.ts";
import type { BatchRange, Dataset, LabelRange } from "./dataset.ts";
import type { Settings } from "./options.ts";
import type { MakePass, Pass } from "./pass.ts";
import { makeRowPass } from "./passes/row-pass.ts";

/** A trainable parameter, its gradient and the optimizer's state for it. */
export interface TrainedParameter {
  /** The parameter itself. */
  readonly parameter: Parameter;
  /** Gradient of the loss: (T, cols) for a table, else of the parameter's shape. */
  readonly gradient: Tensor;
  /** The optimizer's state, of the parameter's shape; null if the optimizer keeps none. */
  readonly state: Tensor | null;
}

/** The counters of a model's training, which continue when training resumes. */
export interface TrainingRecord {
  /** Number of steps so far. The dropout masks of a step depend on it. */
  steps: number;
  /**
   * Number of epochs so far. An epoch of which only the beginning has changed the parameters counts as well.
   * The order of the examples of an epoch depends on it.
   */
  epochs: number;
  /** Smallest and largest training label, for "rmse-clamped"; null if there are none. */
  labelRange: LabelRange;
}

/** Generators that walk through whole tables yield once per so many numbers. */
export const FLOATS_PER_PAUSE: number = 2 ** 18;

/** Puts the parameters back to their values before a step. */
interface Undo {
  undo(): void;
  /** Whether everything that the step could change is finite. */
  isSound(): boolean;
}

/** Trains the parameters of a predictor. */
export class Trainer {
  /** The model that is trained. Its parameters change in place. */
  readonly predictor: Predictor;
  /** The trainable parameters, in the order of the model file. */
  readonly trained: readonly TrainedParameter[];
  /** The counters of the training. */
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
  /** The buffers that the gradients of all layers share: two for each width. */
  readonly #dBuffers: readonly Tensor[];
  /** The passes by the functions that made them. */
  readonly #passes = new Map<MakePass, Pass>();
  /** Whether the optimizer's state has no values yet. */
  #isNew = true;

  /**
   * Registers the tensors of training with the model's memory. `reserve` then allocates them.
   *
   * @param predictor The model to train.
   * @param record The counters of earlier training.
   * @param settings The checked options of the model.
   */
  constructor(predictor: Predictor, record: TrainingRecord, settings: Settings) {
    this.predictor = predictor;
    this.record = record;
    this.#settings = settings;
    const { parameters } = predictor.network;
    const { memory } = parameters;
    this.#parameters = parameters;
    memory.addKernels(trainingKernels);
    memory.addKernels(checkKernels); // here, because workers end when kernels are added
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

    // In the backward pass only two gradients between layers are in use at a time. So two buffers per width
    // serve all layers in turn.
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
   * Allocates memory for batches. Memory that is large enough stays as it is.
   *
   * @param rows Number of rows of a batch.
   * @param entries Number of entries of a batch, in all its rows together.
   * @throws RangeError if there is not enough memory. Nothing has changed then.
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
    this.clearState();
  }

  /**
   * Adds rows to the tables and to the optimizer's state, in place. Existing rows keep their values. New rows
   * get the initial values that they would have had in a model with N features from the start. Over many
   * calls it takes time in proportion to the new rows.
   *
   * @param numFeatures The new N, at least the present one.
   * @throws RangeError if there is not enough memory. Nothing has changed then.
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
   * Takes the last rows of the tables and of the optimizer's state away, as if `grow` had not added them. It
   * needs no memory and cannot fail.
   *
   * @param numFeatures The new N, at most the present one.
   */
  shrink(numFeatures: number): void {
    const { memory } = this.#parameters;
    for (const { parameter, state } of this.trained) {
      if (!parameter.isTable) continue;
      memory.resize(parameter.value, numFeatures);
      if (state !== null) memory.resize(state, numFeatures);
    }
    memory.commit();
    this.#parameters.markChanged();
  }

  /**
   * Forgets what training did to a feature: its linear weight and its embedding become 0, and the optimizer's
   * state for them is as at the start.
   *
   * @param feature Its row in the tables.
   */
  forgetRow(feature: number): void {
    this.#parameters.clearRow(feature);
    for (const { parameter, state } of this.trained) {
      if (!parameter.isTable || state === null) continue;
      const start = feature * state.stride;
      state.data.fill(this.#settings.optimizer.initialState!, start, start + state.cols);
    }
  }

  /**
   * Takes one step on the examples of a range.
   *
   * @param dataset The examples.
   * @param order Example numbers of the epoch, (examples); null: the examples in their own order.
   * @param start First position in the order.
   * @param end The position behind the last one.
   * @returns The mean loss before the step. If it is not finite, no trainable parameter has changed. If all
   *   weights of the examples are 0, nothing changes, and the result is 0.
   */
  step(dataset: Dataset, order: Uint32Array | null, start: number, end: number): number {
    const range = { epoch: this.record.epochs + 1, order, start, end };
    if (dataset.weight(range) === 0) return 0;
    const pass = this.#gather(dataset, range);
    return this.#run(dataset, range, pass);
  }

  /**
   * Takes one step on all examples, or leaves the model unchanged: if anything throws or is not finite, the
   * step is undone.
   *
   * @param dataset The examples.
   * @returns The mean loss before the step. It is NaN or infinite if the loss or a changed parameter is not
   *   finite.
   */
  safeStep(dataset: Dataset): number {
    const range = { epoch: this.record.epochs + 1, order: null, start: 0, end: dataset.size };
    const pass = this.#gather(dataset, range);
    const { undo, isSound } = this.#beforeStep();
    const { steps } = this.record;
    let sound = false;
    try {
      const loss = this.#run(dataset, range, pass);
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

  /** The tensors of all parameters, also of those that the optimizer does not change. */
  get parameters(): Tensor[] {
    return this.#parameters.all.map(({ value }) => value);
  }

  /** All tensors that training changes: the parameters, then the optimizer's state. */
  get tensors(): Tensor[] {
    return [...this.parameters, ...this.trained.flatMap(({ state }) => (state === null ? [] : [state]))];
  }

  /** Gives the optimizer's state its first values. */
  clearState(): void {
    const { initialState } = this.#settings.optimizer;
    for (const { state } of this.trained) if (state !== null) fill(state, initialState!);
  }

  /**
   * Checks all numbers of the model. Yields now and then.
   *
   * @returns Whether all parameters and the optimizer's state are finite.
   */
  *isFinite(): Generator<void, boolean> {
    for (const tensor of this.tensors) {
      for (let start = 0; start < tensor.data.length; start += FLOATS_PER_PAUSE) {
        const end = Math.min(start + FLOATS_PER_PAUSE, tensor.data.length);
        if (!this.#parameters.areFinite(tensor, start, end)) return false;
        yield;
      }
    }
    return true;
  }

  /** Fills the batch with the examples of a range. Returns the pass that scores it. */
  #gather(dataset: Dataset, range: BatchRange): Pass {
    const size = dataset.choose(range);
    const pass = this.#passOf(dataset);
    this.reserve(pass.rowsOf(size), size.entries);
    pass.reserve(size);
    const { batch } = this.#network;
    batch.clear();
    dataset.fill(batch, range);
    batch.indexFeatures();
    return pass;
  }

  /** The pass of a dataset, made when it is first needed. */
  #passOf({ makePass = makeRowPass }: Dataset): Pass {
    let pass = this.#passes.get(makePass);
    if (pass === undefined) {
      pass = makePass({
        network: this.#network,
        dScores: this.#dScores,
        dPooled: this.#dPooled,
        gradientOf: this.#gradientOf.bind(this),
        backwardLayers: this.#backwardLayers.bind(this),
      });
      this.#passes.set(makePass, pass);
    }
    return pass;
  }

  /** Takes a step on the rows in the batch. Returns the mean loss before it. */
  #run(dataset: Dataset, range: BatchRange, pass: Pass): number {
    const { memory } = this.#parameters;
    const { optimizer, seed } = this.#settings;
    this.#parameters.markChanged(); // batch norm changes its running statistics in the forward pass
    this.#network.stages.forEach((stage, i) => {
      stage.pass.key = randomKey(seed, Stream.dropout, this.record.steps, i);
    });
    let mean = NaN;
    // Code of the user reads what kernels have written as soon as they return, so it gets one thread.
    const isOwn = !isBuiltInOptimizer(optimizer) || !this.#network.isBuiltIn;
    memory.together(isOwn ? 0 : pass.work(), () => {
      pass.forward();
      memory.settle();
      mean = dataset.loss(pass, range);
      if (!Number.isFinite(mean)) return;
      pass.backward();
      this.#update(optimizer, dataset.movesBias);
    });
    if (!Number.isFinite(mean)) return mean;
    this.#parameters.markChanged();
    this.record.steps++;
    return mean;
  }

  /** Computes `dPooled` and the gradients of w0, h and the layers from `dScores`, of so many rows. */
  #backwardLayers(rows: number): void {
    const { last, output, stages } = this.#network;
    const { memory, bias, output: h } = this.#parameters;
    const kernels = memory.kernels as Kernels;
    kernels.columnSums(this.#gradientOf(bias), this.#dScores, rows, 0, 1);
    if (h !== null) kernels.matmulTransposed(this.#gradientOf(h), this.#dScores, last, rows, 0, 1);
    kernels.scoreBackward(this.#dLast, this.#dScores, output, 0, rows);
    for (let i = stages.length - 1; i >= 0; i--) stages[i].layer.backward(stages[i].pass);
  }

  #gradientOf(parameter: Parameter): Tensor {
    return this.trained.find((trained) => trained.parameter === parameter)!.gradient;
  }

  /** Lets the optimizer change every trainable parameter once. */
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

  /** Copies what a step on the batch can change: the touched rows of the tables, and all other tensors. */
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
 * Copies some rows of a tensor, one behind the other without padding. With `rows` null it copies everything,
 * padding included.
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

/** Writes a copy made by `copyOf` back to its place. */
function putBack({ data, cols, stride }: Tensor, rows: Uint32Array | null, copy: Float32Array): void {
  if (rows === null) data.set(copy);
  else rows.forEach((row, t) => data.set(copy.subarray(t * cols, (t + 1) * cols), row * stride));
}
