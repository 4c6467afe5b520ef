// The forward pass (He & Chua 2017, section 3.1): tables -> Bi-Interaction -> layers -> score, for a batch of
// rows.
//     score(x) = w0 + sum_i w_i x_i + h . layers(BI(Vx))
// Prediction and training run this same pass, with different layers. Letters: B rows of a batch, N features,
// K embedding dimension, H width of the last layer. Nothing here checks: rows were checked when they were
// read.

import { fill, type Tensor } from "../core/tensor.ts";
import type { SparseRows } from "../data/sparse-row.ts";
import type { Context, Kernels } from "../kernels/kernels.ts";
import { biInteractionForward } from "../layers/bi-interaction.ts";
import { linearForward } from "../layers/embedding.ts";
import type { Layer, LayerPass } from "../layers/layer.ts";
import { Batch } from "./batch.ts";
import type { Parameters } from "./parameters.ts";

/** A layer with the tensors that it computes from. */
export interface NetworkLayer {
  readonly layer: Layer;
  /** By the layer's own names. */
  readonly parameters: Readonly<Record<string, Tensor>>;
}

/** A layer with everything that it is given in every pass. */
export interface Stage {
  readonly layer: Layer;
  readonly pass: { -readonly [Field in keyof LayerPass]: LayerPass[Field] };
}

/** Buffers for one batch, and the forward pass through them. */
export class Network {
  readonly parameters: Parameters;
  /** The rows to work on. Whoever calls `forward` has filled it. */
  readonly batch: Batch;
  /** sum_i w_i x_i, (B, 1). */
  readonly linear: Tensor;
  /** sum_i x_i v_i, (B, K). */
  readonly sums: Tensor;
  /** BI(Vx), (B, K). */
  readonly pooled: Tensor;
  readonly stages: readonly Stage[];
  /** The vector that h is multiplied with, (B, H). */
  readonly last: Tensor;
  /** h, (1, H). */
  readonly output: Tensor;
  /** Scores of the batch after `forward`, (B, 1). */
  readonly scores: Tensor;
  /** Sums over the row that `contextOf` read last. */
  readonly #context: Context;
  readonly #update: (() => void) | null;
  #isNew = true;

  /**
   * Allocates buffers for no rows; `reserve` makes room.
   *
   * @param layers The layers of this pass.
   * @param update Called before every pass. Prediction folds its layers there when a parameter has changed.
   */
  constructor(parameters: Parameters, layers: readonly NetworkLayer[], update: (() => void) | null = null) {
    const { memory, embeddingDim } = parameters;
    const buffer = (cols: number): Tensor => memory.allocate(0, cols);
    this.parameters = parameters;
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
      // `forward` gives every pass the kernels; `backward` is for training, which gives it the gradients.
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
    this.output = parameters.output?.value ?? memory.allocate(1, x.cols, { lasting: true });
    this.scores = memory.allocate(0, 1, { stride: 1 });
    this.#context = {
      linear: memory.allocate(1, 1, { stride: 1 }),
      sums: memory.allocate(1, embeddingDim),
      squares: memory.allocate(1, embeddingDim),
    };
  }

  /** Every buffer with a row per row of the batch. */
  get #buffers(): Tensor[] {
    const ofStages = this.stages.flatMap(({ layer, pass }) => {
      const { cache = {} } = layer.shape(pass.x.cols);
      const perRow = Object.keys(cache).filter((name) => cache[name][0] === "batch");
      return [pass.y, ...perRow.map((name) => pass.cache[name])];
    });
    return [this.linear, this.sums, this.pooled, this.scores, ...ofStages];
  }

  /**
   * Makes room for a batch. Buffers grow at least to twice their size, so that longer and longer batches do
   * not move them every time; parameters stay where they are.
   *
   * @param rows Rows of the batch.
   * @param entries Entries of the batch.
   * @param numFeatures N if the batch goes backward as well, else 0.
   * @param also Further requests to the memory, for this capacity of rows and entries, met in the same
   *   commit.
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

  /** Brings what was derived from the parameters up to date. */
  update(): void {
    this.#update?.();
  }

  /**
   * Computes `scores` of the batch.
   *
   * @param training Whether layers behave as in training: batch statistics, dropout.
   */
  forward(training: boolean): void {
    this.update();
    const { batch, parameters, stages } = this;
    const kernels = parameters.memory.kernels as Kernels;
    linearForward(kernels, batch, parameters.linear.value, this.linear);
    biInteractionForward(kernels, batch, parameters.embedding.value, this.sums, this.pooled, null);
    for (let i = 0; i < stages.length; i++) {
      const { layer, pass } = stages[i];
      pass.kernels = kernels;
      pass.rows = batch.rows;
      pass.training = training;
      layer.forward(pass);
    }
    kernels.scoreForward(
      this.scores,
      parameters.bias.value,
      this.linear,
      this.last,
      this.output,
      0,
      batch.rows,
    );
  }

  /** The raw score of one row (row 0 of `row`). */
  scoreRow(row: SparseRows): number {
    this.reserve(1, row.indptr[1]);
    this.batch.clear();
    this.batch.append(row, null, 0, 1);
    this.forward(false);
    return this.scores.data[0];
  }

  /**
   * Sums over the features of row 0 of `row`, for batches whose rows share them. Overwritten by the next
   * call, and lost when `reserve` makes room: reserve before.
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

const NO_KEY = { k0: 0, k1: 0 };
