// What a network is made of: named parameters in the order of the model file, and the buffers of a batch, all laid out in
// one piece of memory. Letters: B rows of a batch, N features, K embedding dimension, H width of the last layer, T features
// a batch touches.

import { randomKey, Stream } from "./core/random.ts";
import type { Allocate, Tensor } from "./core/tensor.ts";
import { Batch } from "./data/batches.ts";
import { planInference, type Inference, type Stage } from "./inference.ts";
import type { Context, Kernels } from "./kernels/kernels.ts";
import type { Layer, ParameterSpec } from "./layers/layer.ts";

/** What defines the network's function and initial values. */
export interface NetworkSpec {
  /** N. */
  readonly numFeatures: number;
  /** K. */
  readonly embeddingDim: number;
  readonly layers: readonly Layer[];
  /** Standard deviation of the initial embeddings. */
  readonly initStd: number;
  readonly seed: number;
}

/** How large a batch may be, and whether buffers for the way back are needed. */
export interface Capacity {
  /** Most rows of a batch. */
  readonly rows: number;
  /** Most entries of a batch. */
  readonly entries: number;
  /** Null: prediction only. Otherwise what the optimizer's state starts at (null: it keeps none). */
  readonly training: { readonly initialState: number | null } | null;
}

/** One named tensor of the model, by PyTorch's name and shape. */
export interface Parameter {
  readonly name: string;
  /** Shape in the model file. */
  readonly shape: readonly number[];
  readonly value: Tensor;
  /** Whether the value is the transpose of what the file has. */
  readonly transposed: boolean;
  /** False for running statistics. */
  readonly trainable: boolean;
  /** Whether the batch's touched features name the rows that move. */
  readonly table: boolean;
  /** Which L2 coefficient applies. */
  readonly decay: "embedding" | "linear" | "hidden" | null;
  /** (T, cols) for a table, else of the value's shape; null when it is not being trained. */
  readonly gradient: Tensor | null;
  /** The optimizer's state, of the value's shape; null without. */
  readonly state: Tensor | null;
  readonly init: ParameterSpec["init"];
}

/** The buffers of a network, in one piece of memory. */
export interface Buffers {
  readonly batch: Batch;
  readonly parameters: readonly Parameter[];
  readonly stages: readonly Stage[];
  /** What prediction runs instead of them. */
  readonly inference: Inference;
  readonly bias: Parameter;
  readonly linearWeight: Parameter;
  readonly embedding: Parameter;
  /** h; fixed to ones in a factorization machine, where it is no parameter. */
  readonly output: Pick<Parameter, "value" | "gradient">;
  /** sum_i w_i x_i, (B, 1). */
  readonly linear: Tensor;
  /** sum_i x_i v_i, (B, K). */
  readonly sums: Tensor;
  /** BI(Vx), (B, K), and its gradient. */
  readonly pooled: Tensor;
  readonly dPooled: Tensor;
  /** What h is multiplied with, (B, H), and its gradient. */
  readonly last: Tensor;
  readonly dLast: Tensor;
  readonly scores: Tensor;
  readonly dScores: Tensor;
  /** Sums over what the rows of a batch share. */
  readonly context: Context;
}

/** The parameters that a specification asks for, without memory behind them. */
export function describeParameters(spec: NetworkSpec): readonly Parameter[] {
  const noMemory: Allocate = (rows, cols, stride = cols) => ({ data: new Float32Array(0), rows, cols, stride });
  return layOut(spec, { rows: 0, entries: 0, training: null }, null, noMemory).parameters;
}

/** `kernels` is null while the memory is only being measured. */
export function layOut(spec: NetworkSpec, capacity: Capacity, kernels: Kernels | null, allocate: Allocate): Buffers {
  const { numFeatures, embeddingDim } = spec;
  const { rows, training } = capacity;
  const maxTouched = Math.min(capacity.entries, numFeatures);
  const parameters: Parameter[] = [];

  const add = (name: string, parameter: ParameterSpec, kind: Pick<Parameter, "table" | "decay">): Parameter => {
    const [outer, inner] = parameter.shape.length === 1 ? [1, parameter.shape[0]] : parameter.shape;
    const [height, width] = parameter.transposed ? [inner, outer] : [outer, inner];
    const trainable = parameter.trainable ?? true;
    const stride = kind.decay === "linear" ? 1 : undefined; // w is a column; padding would make it four
    const added: Parameter = {
      name,
      shape: parameter.shape,
      value: allocate(height, width, stride),
      transposed: parameter.transposed ?? false,
      trainable,
      ...kind,
      gradient: training && trainable ? allocate(kind.table ? maxTouched : height, width, stride) : null,
      state: training && trainable && training.initialState !== null ? allocate(height, width, stride) : null,
      init: parameter.init,
    };
    parameters.push(added);
    return added;
  };
  const column = (): Tensor => allocate(rows, 1, 1);
  // On the way back only two gradients are alive at a time, so two buffers per width serve all layers in turn.
  const buffers = new Map<number, Tensor[]>();
  const gradientLike = (x: Tensor, taken: Tensor | null): Tensor => {
    if (!training) return x;
    const sameWidth = buffers.get(x.cols) ?? [];
    const free = sameWidth.find((buffer) => buffer !== taken) ?? allocate(x.rows, x.cols);
    if (!sameWidth.includes(free)) buffers.set(x.cols, [...sameWidth, free]);
    return free;
  };

  const bias = add("bias", { shape: [1], init: 0 }, { table: false, decay: null });
  const linearWeight = add("linear.weight", { shape: [numFeatures, 1], init: 0 }, { table: true, decay: "linear" });
  const embedding = add("embedding.weight", { shape: [numFeatures, embeddingDim], init: { std: spec.initStd } }, { table: true, decay: "embedding" });

  const pooled = allocate(rows, embeddingDim);
  const dPooled = gradientLike(pooled, null);
  let [last, dLast] = [pooled, dPooled];
  const names = parameterPrefixes(spec.layers);
  const stages = spec.layers.map((layer, position): Stage => {
    const shape = layer.shape(last.cols);
    const own: Record<string, Parameter> = {};
    for (const [name, parameter] of Object.entries(shape.parameters ?? {})) {
      own[name] = add(`${names[position]}.${name}`, parameter, { table: false, decay: parameter.decay ? "hidden" : null });
    }
    const cache: Record<string, Tensor> = {};
    for (const [name, [height, width]] of Object.entries(shape.cache ?? {})) {
      cache[name] = allocate(height === "batch" ? rows : height, width);
    }
    const [x, dX] = [last, dLast];
    last = allocate(rows, shape.outputDim);
    dLast = gradientLike(last, dX);
    return {
      layer,
      pass: {
        kernels: kernels!, rows: 0, training: false, key: randomKey(spec.seed, Stream.dropout), x, y: last, dY: dLast, dX,
        parameters: pick(own, "value"),
        gradients: pick(own, "gradient"),
        cache,
      },
    };
  });

  // With batch norm and dropout alone the model is a factorization machine, whose h is fixed to ones.
  const isFM = spec.layers.every((layer) => layer.type === "batch-norm" || layer.type === "dropout");
  const output = isFM
    ? { value: allocate(1, last.cols), gradient: null }
    : add("output.weight", { shape: [1, last.cols], init: { std: Math.sqrt(2 / (last.cols + 1)) } }, { table: false, decay: "hidden" });
  return {
    batch: new Batch(rows, capacity.entries, training ? numFeatures : 0, allocate),
    parameters, stages, inference: planInference(stages, pooled, allocate), bias, linearWeight, embedding, output,
    linear: column(), sums: allocate(rows, embeddingDim), pooled, dPooled, last, dLast, scores: column(), dScores: column(),
    context: { linear: allocate(1, 1), sums: allocate(1, embeddingDim), squares: allocate(1, embeddingDim) },
  };
}

/**
 * The layers' names in the model file: `hidden.i` for the i-th dense layer, `norms.i` for batch norm after i dense
 * layers; `layers.position` for any other layer, and where a name is taken.
 */
function parameterPrefixes(layers: readonly Layer[]): string[] {
  const taken = new Set<string>();
  let dense = 0;
  return layers.map((layer, position) => {
    let name = layer.type === "dense" ? `hidden.${dense++}` : layer.type === "batch-norm" ? `norms.${dense}` : `layers.${position}`;
    if (taken.has(name)) name = `layers.${position}`;
    taken.add(name);
    return name;
  });
}

/** One tensor of each parameter that has it, by the layer's own names. */
function pick(own: Readonly<Record<string, Parameter>>, field: "value" | "gradient"): Record<string, Tensor> {
  const picked: Record<string, Tensor> = {};
  for (const [name, parameter] of Object.entries(own)) if (parameter[field]) picked[name] = parameter[field];
  return picked;
}
