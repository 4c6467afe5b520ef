// The network of section 3.1 on preallocated buffers: tables -> Bi-Interaction -> layers -> score, and back.
//     score(x) = w0 + sum_i w_i x_i + h . layers(BI(Vx))
// Letters: B rows of a batch, N features, K embedding dimension, H width of the last layer, T features a batch touches.
// Whoever fills `batch` and `dScores` has checked them; nothing here checks again.

import { randomKey, randomNormal, Stream, type RandomKey } from "./core/random.ts";
import { allocateTogether, copyInto, fill, type Tensor } from "./core/tensor.ts";
import type { Batch, RowView } from "./data/batches.ts";
import type { Stage } from "./inference.ts";
import type { Backend, Context, Kernels } from "./kernels/kernels.ts";
import { biInteractionBackward, biInteractionForward } from "./layers/bi-interaction.ts";
import { initialiseEmbedding, linearBackward, linearForward } from "./layers/embedding.ts";
import { layOut, type Buffers, type Capacity, type NetworkSpec, type Parameter } from "./layout.ts";

/** What prediction computes with, as float32 tensors: tables, layers after folding, h. */
export interface Scorer {
  readonly stages: readonly Stage[];
  /** w0, (1, 1). */
  readonly bias: Tensor;
  /** w, (N, 1). */
  readonly linear: Tensor;
  /** V, (N, K). */
  readonly embedding: Tensor;
  /** h, (1, H). */
  readonly output: Tensor;
}

export class Network {
  readonly spec: NetworkSpec;
  readonly capacity: Capacity;
  readonly #backend: Backend;
  readonly #kernels: Kernels;
  readonly #buffers: Buffers;
  #version = 0;
  /** The version whose folded weights prediction has. */
  #foldedVersion = -1;

  /** All parameters are zero until `initialise`, or until they are copied from elsewhere. */
  constructor(spec: NetworkSpec, capacity: Capacity, backend: Backend) {
    this.spec = spec;
    this.capacity = capacity;
    this.#backend = backend;
    let kernels: Kernels | null = null;
    this.#buffers = allocateTogether((allocate) => layOut(spec, capacity, kernels, allocate), (bytes) => {
      const created = backend.create(bytes);
      kernels = created.kernels;
      return created;
    });
    this.#kernels = kernels!;
    fill(this.#buffers.output.value, 1);
    for (const { state } of this.parameters) if (state) fill(state, capacity.training!.initialState!);
  }

  /** The kernels that work on this network's tensors. */
  get kernels(): Kernels {
    return this.#kernels;
  }

  /** The mini-batch to work on; whoever calls `forward` fills it. */
  get batch(): Batch {
    return this.#buffers.batch;
  }

  /** All named tensors, in the order of the model file. Whoever asks for them may change them. */
  get parameters(): readonly Parameter[] {
    this.#version++;
    return this.#buffers.parameters;
  }

  /** The same, for those who only read. */
  readParameters(): readonly Parameter[] {
    return this.#buffers.parameters;
  }

  /** Another number whenever parameters may have changed. */
  get version(): number {
    return this.#version;
  }

  /** What prediction computes with at present. */
  get scorer(): Scorer {
    this.#fold();
    const { bias, linearWeight, embedding, output, inference } = this.#buffers;
    return { stages: inference.stages, bias: bias.value, linear: linearWeight.value, embedding: embedding.value, output: output.value };
  }

  /** Scores of the batch after `forward`, (B, 1). */
  get scores(): Tensor {
    return this.#buffers.scores;
  }

  /** Gradient of the loss by the scores, (B, 1); whoever calls `backward` fills it. */
  get dScores(): Tensor {
    return this.#buffers.dScores;
  }

  /** A network of the same values with other buffers; parameters and optimizer state move over. */
  resized(capacity: Capacity): Network {
    const next = new Network(this.spec, capacity, this.#backend);
    next.parameters.forEach((parameter, i) => {
      const { value, state } = this.#buffers.parameters[i];
      copyInto(parameter.value, value);
      if (parameter.state && state) copyInto(parameter.state, state);
    });
    return next;
  }

  /** Draws the initial values from the seed; yields now and then. */
  *initialise(): Generator<void, void> {
    const { seed, initStd } = this.spec;
    for (const [position, { value, init, transposed }] of this.parameters.entries()) {
      if (value === this.#buffers.embedding.value) yield* initialiseEmbedding(value, seed, initStd);
      else if (typeof init === "number") fill(value, init);
      else fillNormal(value, transposed, randomKey(seed, Stream.parameter, position), init.std);
    }
  }

  /** Whether all parameters, and the optimizer's state, are finite. */
  isFinite(): boolean {
    return this.#buffers.parameters.every(({ value, state }) => allFinite(value.data) && (state === null || allFinite(state.data)));
  }

  /**
   * Copies what a step on the batch can change: the touched rows of tables, everything else whole.
   *
   * @returns `undo` puts it back; `isSound` tells whether all of it is finite now.
   */
  beforeStep(): { undo(): void; isSound(): boolean } {
    const { touched, touchedCount } = this.batch;
    const rows = touched.slice(0, touchedCount);
    const kept = this.parameters.flatMap(({ value, state, table }) =>
      (state ? [value, state] : [value]).map((tensor) => ({ tensor, rows: table ? rows : null, copy: table ? takeRows(tensor, rows) : tensor.data.slice() })),
    );
    return {
      undo: () => {
        for (const { tensor, rows, copy } of kept) {
          if (rows === null) tensor.data.set(copy);
          else rows.forEach((row, t) => tensor.data.set(copy.subarray(t * tensor.cols, (t + 1) * tensor.cols), row * tensor.stride));
        }
      },
      isSound: () => kept.every(({ tensor, rows }) => allFinite(rows === null ? tensor.data : takeRows(tensor, rows))),
    };
  }

  /** The sums over row 0 of a matrix, for batches whose rows share its features. Overwritten by the next call. */
  contextOf({ indptr, indices, values }: RowView): Context {
    const { linearWeight, embedding, context } = this.#buffers;
    const [sums, squares] = [context.sums.data.fill(0), context.squares.data.fill(0)];
    const { data, stride } = embedding.value;
    let linear = 0;
    for (let p = indptr[0]; p < indptr[1]; p++) {
      const x = values === null ? 1 : values[p];
      linear = Math.fround(linear + Math.fround(linearWeight.value.data[indices[p]] * x));
      for (let j = 0; j < stride; j++) {
        const t = Math.fround(x * data[indices[p] * stride + j]);
        sums[j] += t;
        squares[j] += Math.fround(t * t);
      }
    }
    context.linear.data[0] = linear;
    return context;
  }

  #fold(): void {
    if (this.#foldedVersion !== this.#version) this.#buffers.inference.fold();
    this.#foldedVersion = this.#version;
  }

  /** Computes `scores` of the batch. `step` (training only) names this step's dropout masks. */
  forward(training: boolean, step: number = 0): void {
    const { kernels, batch } = this;
    const { bias, linearWeight, embedding, output, linear, sums, pooled, scores, inference } = this.#buffers;
    if (training) this.#version++; // running statistics move
    else this.#fold();
    const { stages, last } = training ? this.#buffers : inference;
    linearForward(kernels, batch, linearWeight.value, linear);
    biInteractionForward(kernels, batch, embedding.value, sums, pooled);
    for (let i = 0; i < stages.length; i++) {
      const { layer, pass } = stages[i];
      pass.rows = batch.rows;
      pass.training = training;
      if (training) pass.key = randomKey(this.spec.seed, Stream.dropout, step, i);
      layer.forward(pass);
    }
    kernels.scoreForward(scores, bias.value, linear, last, output.value, 0, batch.rows);
  }

  /** Computes the gradients of all trainable parameters from `dScores`. Follows `forward(true)` on the same batch. */
  backward(): void {
    const { kernels, batch } = this;
    const { bias, linearWeight, embedding, output, sums, dPooled, last, dLast, dScores, stages } = this.#buffers;
    kernels.columnSums(bias.gradient!, dScores, batch.rows, 0, 1);
    if (output.gradient) kernels.matmulTransposed(output.gradient, dScores, last, batch.rows, 0, 1);
    kernels.scoreBackward(dLast, dScores, output.value, 0, batch.rows);
    for (let i = stages.length - 1; i >= 0; i--) stages[i].layer.backward(stages[i].pass);
    biInteractionBackward(kernels, batch, embedding.value, sums, dPooled, embedding.gradient!);
    linearBackward(kernels, batch, dScores, linearWeight.gradient!);
  }
}

/** A copy of some rows, one behind the other, without padding. */
function takeRows({ data, cols, stride }: Tensor, rows: Uint32Array): Float32Array {
  const copy = new Float32Array(rows.length * cols);
  for (let t = 0, to = 0; t < rows.length; t++) {
    const from = rows[t] * stride;
    for (let j = 0; j < cols; j++) copy[to++] = data[from + j];
  }
  return copy;
}

function allFinite(data: Float32Array): boolean {
  let check = 0;
  for (let i = 0; i < data.length; i++) check += data[i] * 0; // NaN once one is not finite
  return check === 0;
}

/** Draws N(0, std^2) in the order of the model file's matrix, whichever way it lies in memory. */
function fillNormal(x: Tensor, transposed: boolean, key: RandomKey, std: number): void {
  for (let i = 0; i < x.rows; i++) {
    for (let j = 0; j < x.cols; j++) {
      x.data[i * x.stride + j] = std * randomNormal(key, transposed ? j * x.rows + i : i * x.cols + j);
    }
  }
}
