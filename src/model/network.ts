// The forward pass for a batch of rows: tables, Bi-Interaction, layers, score (He & Chua 2017, section 3.1).
//     score(x) = w0 + sum_i w_i x_i + h . layers(BI(Vx))
// Prediction and training run the same pass with different layers. Rows were checked when they were read, so
// this file checks nothing. Letters: B rows of a batch, N features, K embedding dimension, H width of the
// last layer.

import { fill, type Tensor } from "../core/tensor.ts";
import type { SparseRows } from "../data/sparse-row.ts";
import type { Context, Kernels } from "../kernels/kernels.ts";
import { smoothKernels } from "../kernels/smooth.ts";
import { Activation } from "../layers/activation.ts";
import { biInteractionForward } from "../layers/bi-interaction.ts";
import { linearForward } from "../layers/embedding.ts";
import type { Layer, LayerPass } from "../layers/layer.ts";
import { isBuiltIn } from "./architecture.ts";
import { Batch } from "./batch.ts";
import type { LabelUnit } from "./label-unit.ts";
import type { Parameters } from "./parameters.ts";

/** A layer and the tensors of its parameters. */
export interface NetworkLayer {
  /** The layer. */
  readonly layer: Layer;
  /** The tensors by the names that the layer gave its parameters. */
  readonly parameters: Readonly<Record<string, Tensor>>;
}

/** A layer and the tensors that it gets in every pass. */
export interface Stage {
  /** The layer. */
  readonly layer: Layer;
  /** The argument of its passes. The network and the trainer update it in place. */
  readonly pass: { -readonly [Field in keyof LayerPass]: LayerPass[Field] };
}

/** The buffers for one batch, and the forward pass. */
export class Network {
  /** The parameters of the model. */
  readonly parameters: Parameters;
  /** The unit of the scores that leave this network; null: as they are. */
  readonly unit: LabelUnit | null;
  /** The rows of the batch. The caller of `forward` fills it. */
  readonly batch: Batch;
  /** sum_i w_i x_i, (B, 1). */
  readonly linear: Tensor;
  /** sum_i x_i v_i, (B, K). */
  readonly sums: Tensor;
  /** BI(Vx), (B, K). */
  readonly pooled: Tensor;
  /** The layers in order. */
  readonly stages: readonly Stage[];
  /** The output of the last layer, which h is multiplied with, (B, H). */
  readonly last: Tensor;
  /** h, (1, H). */
  readonly output: Tensor;
  /** Outputs of the batch after `forward`, (B, 1). They are the raw scores if there is no unit. */
  readonly scores: Tensor;
  /** Whether all layers are the library's own. */
  readonly isBuiltIn: boolean;
  /** Multiplications and additions of the layers per row, roughly. */
  readonly #workPerRow: number;
  /** The result of the last `contextOf`. */
  readonly #context: Context;
  readonly #update: (() => void) | null;
  /** Whether nothing has been allocated yet. */
  #isNew = true;

  /**
   * Registers empty buffers with the memory of the parameters. `reserve` allocates them.
   *
   * @param parameters The parameters of the model.
   * @param layers The layers of this network.
   * @param update Called before every pass; null: nothing is called. The network of prediction folds its
   *   layers there when a parameter has changed. Default: null.
   * @param unit The unit of the scores that leave this network; null: as they are. Training computes without
   *   a unit. Default: null.
   */
  constructor(
    parameters: Parameters,
    layers: readonly NetworkLayer[],
    update: (() => void) | null = null,
    unit: LabelUnit | null = null,
  ) {
    const { memory, embeddingDim } = parameters;
    if (layers.some(({ layer }) => isSmooth(layer))) memory.addKernels(smoothKernels);
    const buffer = (cols: number): Tensor => memory.allocate(0, cols);
    this.parameters = parameters;
    this.unit = unit;
    this.#update = update;
    this.batch = new Batch(memory);
    this.linear = memory.allocate(0, 1, { stride: 1 });
    this.sums = buffer(embeddingDim);
    this.pooled = buffer(embeddingDim);
    let x = this.pooled;
    this.stages = layers.map(({ layer, parameters }): Stage => {
      const { outputDim, cache = {} } = layer.shape(x.cols);
      const y = buffer(outputDim);
      const caches = Object.entries(cache).map(([name, [rows, cols]]): [string, Tensor] => {
        return [name, rows === "batch" ? buffer(cols) : memory.allocate(rows, cols)];
      });
      // Kernels, rows and `training` are set in every forward pass. The trainer sets the gradients, dX and
      // dY.
      const pass = {
        kernels: null as unknown as Kernels,
        rows: 0,
        training: false,
        key: NO_KEY,
        x,
        y,
        dY: y,
        dX: x,
      };
      x = y;
      return { layer, pass: { ...pass, parameters, gradients: {}, cache: Object.fromEntries(caches) } };
    });
    this.last = x;
    this.isBuiltIn = layers.every(({ layer }) => isBuiltIn(layer));
    this.#workPerRow = this.stages.reduce((work, { pass }) => {
      const weights = Object.values(pass.parameters).map(({ rows, cols }) => rows * cols);
      return work + pass.y.cols + weights.reduce((sum, size) => sum + size, 0);
    }, x.cols);
    this.output = parameters.output?.value ?? memory.allocate(1, x.cols, { lasting: true });
    this.scores = memory.allocate(0, 1, { stride: 1 });
    this.#context = {
      linear: memory.allocate(1, 1, { stride: 1 }),
      sums: memory.allocate(1, embeddingDim),
      squares: memory.allocate(1, embeddingDim),
    };
  }

  /** All buffers that have one row per row of the batch. */
  get #buffers(): Tensor[] {
    const ofStages = this.stages.flatMap(({ layer, pass }) => {
      const { cache = {} } = layer.shape(pass.x.cols);
      const perRow = Object.keys(cache).filter((name) => cache[name][0] === "batch");
      return [pass.y, ...perRow.map((name) => pass.cache[name])];
    });
    return [this.linear, this.sums, this.pooled, this.scores, ...ofStages];
  }

  /**
   * Allocates buffers for a batch, if the present ones are too small. They grow to at least twice their size,
   * so that slowly growing batches do not move them every time. Parameters keep their place.
   *
   * @param rows Number of rows of the batch.
   * @param entries Number of entries of the batch.
   * @param numFeatures N if a backward pass will follow, else 0. Default: 0.
   * @param also Called with the new capacity of rows and of entries, to request more memory in the same
   *   commit; null: nothing is called. Default: null.
   * @throws RangeError if there is not enough memory. Nothing has changed then.
   */
  reserve(
    rows: number,
    entries: number,
    numFeatures: number = 0,
    also: ((rows: number, entries: number) => void) | null = null,
  ): void {
    const { batch, parameters } = this;
    if (!this.#isNew && rows <= batch.rowCapacity && entries <= batch.entryCapacity) return;
    const capacity = (needed: number, has: number): number =>
      needed <= has ? has : Math.max(needed, 2 * has);
    const [rowCapacity, entryCapacity] = [
      capacity(rows, batch.rowCapacity),
      capacity(entries, batch.entryCapacity),
    ];
    const before = [batch.rowCapacity, batch.entryCapacity];
    batch.reserve(rowCapacity, entryCapacity, numFeatures);
    for (const buffer of this.#buffers) parameters.memory.resize(buffer, rowCapacity);
    also?.(rowCapacity, entryCapacity);
    try {
      parameters.memory.commit();
    } catch (error) {
      [batch.rowCapacity, batch.entryCapacity] = before;
      throw error;
    }
    this.#isNew = false;
    if (parameters.output === null) fill(this.output, 1);
  }

  /**
   * Estimates the work of a forward pass of the batch.
   *
   * @param rows Number of rows that go through the layers.
   * @returns The number of multiplications and additions.
   */
  work(rows: number): number {
    const { batch, parameters } = this;
    return 2 * batch.indptr[batch.rows] * parameters.embeddingDim + rows * this.#workPerRow;
  }

  /** Recomputes the folded layers if a parameter has changed. */
  update(): void {
    this.#update?.();
  }

  /** Computes `scores` of the batch in prediction. Several threads take part if the batch is large enough. */
  predict(): void {
    this.update();
    const work = this.isBuiltIn ? this.work(this.batch.rows) : 0;
    this.parameters.memory.together(work, () => this.forward(false));
  }

  /**
   * Computes `scores` of the batch.
   *
   * @param training Whether this is a training pass, with batch statistics and dropout.
   */
  forward(training: boolean): void {
    this.update();
    const { batch, parameters } = this;
    const { kernels } = parameters.memory;
    linearForward(kernels, batch, parameters.linear.value, this.linear);
    biInteractionForward(kernels, batch, parameters.embedding.value, this.sums, this.pooled, null);
    this.scorePooled(batch.rows, training);
  }

  /**
   * Computes `scores` from `linear` and `pooled`.
   *
   * @param rows Number of rows of both.
   * @param training As in `forward`.
   */
  scorePooled(rows: number, training: boolean): void {
    const { parameters, stages } = this;
    const kernels = parameters.memory.kernels as Kernels;
    for (let i = 0; i < stages.length; i++) {
      const { layer, pass } = stages[i];
      pass.kernels = kernels;
      pass.rows = rows;
      pass.training = training;
      layer.forward(pass);
    }
    kernels.scoreForward(this.scores, parameters.bias.value, this.linear, this.last, this.output, 0, rows);
  }

  /**
   * Scores one row.
   *
   * @param row Sparse rows, of which row 0 is scored.
   * @returns The raw score, a float32.
   */
  scoreRow(row: SparseRows): number {
    this.reserve(1, row.indptr[1]);
    this.batch.clear();
    this.batch.append(row, null, 0, 1);
    this.forward(false);
    const { unit } = this;
    const output = this.scores.data[0];
    return unit === null ? output : Math.fround(unit.mean + unit.scale * output);
  }

  /**
   * Computes the sums over features that the rows of later batches share. The capacity for all these batches
   * must be reserved before, because growing buffers lose their content.
   *
   * @param row Sparse rows, whose row 0 holds the shared features.
   * @returns The sums. The next call overwrites them.
   */
  contextOf(row: SparseRows): Context {
    const { batch, parameters } = this;
    const { linear, sums, squares } = this.#context;
    const { kernels } = parameters.memory;
    batch.clear();
    batch.append(row, null, 0, 1);
    linearForward(kernels, batch, parameters.linear.value, linear);
    biInteractionForward(kernels, batch, parameters.embedding.value, sums, this.pooled, squares);
    return this.#context;
  }
}

/** The key in prediction, which draws no random numbers. The trainer replaces it in every step. */
const NO_KEY = { k0: 0, k1: 0 };

/** Says whether a layer is tanh or sigmoid. */
function isSmooth(layer: Layer): boolean {
  return layer instanceof Activation && layer.activation !== "relu";
}
