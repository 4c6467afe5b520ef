// The parameters of a model: named tensors in the order of the model file, in memory that never moves for the
// sake of a batch. The tables (one row per feature) can grow. Letters: N features, K embedding dimension, H
// width of the last layer.

import type { Tensor } from "../core/tensor.ts";
import type { Memory } from "../kernels/memory.ts";
import type { Layer, ParameterSpec } from "../layers/layer.ts";

/** What decides which parameters a model has. */
export interface Architecture {
  /** N, at least 1. */
  readonly numFeatures: number;
  /** K, at least 1. */
  readonly embeddingDim: number;
  readonly layers: readonly Layer[];
}

/** What a parameter is, apart from its numbers. */
export interface ParameterInfo {
  /** Name in the model file. */
  readonly name: string;
  /** Shape in the model file. */
  readonly shape: readonly number[];
  /** Whether the tensor in memory is the transpose of what the file has. */
  readonly transposed: boolean;
  /** False for running statistics. */
  readonly trainable: boolean;
  /** Whether it has a row per feature, of which training moves only those that a batch touches. */
  readonly isTable: boolean;
  /** Which L2 coefficient applies. */
  readonly decay: "embedding" | "linear" | "hidden" | null;
  readonly init: ParameterSpec["init"];
}

/** One named tensor of a model. */
export interface Parameter extends ParameterInfo {
  readonly value: Tensor;
}

/** A layer with the tensors it computes from, by the layer's own names. */
export interface BoundLayer {
  readonly layer: Layer;
  readonly parameters: Readonly<Record<string, Parameter>>;
}

/** All parameters of one model. */
export class Parameters {
  readonly memory: Memory;
  readonly embeddingDim: number;
  /** In the order of the model file. */
  readonly all: readonly Parameter[];
  /** w0, (1, 1). */
  readonly bias: Parameter;
  /** w, (N, 1). */
  readonly linear: Parameter;
  /** V, (N, K). */
  readonly embedding: Parameter;
  readonly layers: readonly BoundLayer[];
  /** h, (1, H); null in a factorization machine, whose h is fixed to ones. */
  readonly output: Parameter | null;
  #version = 0;

  /** Allocates everything, as zeros from the next commit of the memory on. */
  constructor(architecture: Architecture, memory: Memory) {
    this.memory = memory;
    this.embeddingDim = architecture.embeddingDim;
    const { bias, linear, embedding, layers, output } = describeModel(architecture);
    const all: Parameter[] = [];
    const allocate = (info: ParameterInfo): Parameter => {
      const [outer, inner] = info.shape.length === 1 ? [1, info.shape[0]] : info.shape;
      const [rows, cols] = info.transposed ? [inner, outer] : [outer, inner];
      // w is a column; padding would make it four.
      const stride = info.decay === "linear" ? 1 : undefined;
      const parameter = { ...info, value: memory.allocate(rows, cols, { stride, lasting: true }) };
      all.push(parameter);
      return parameter;
    };
    this.bias = allocate(bias);
    this.linear = allocate(linear);
    this.embedding = allocate(embedding);
    this.layers = layers.map(({ layer, parameters }) => ({
      layer,
      parameters: Object.fromEntries(
        Object.entries(parameters).map(([name, info]) => [name, allocate(info)]),
      ),
    }));
    this.output = output && allocate(output);
    this.all = all;
  }

  /** N. */
  get numFeatures(): number {
    return this.embedding.value.rows;
  }

  /**
   * Another number whenever a parameter may have changed: what was computed from the parameters before is out
   * of date.
   */
  get version(): number {
    return this.#version;
  }

  /** Says that a parameter may have changed. Whoever writes to a parameter calls it. */
  markChanged(): void {
    this.#version++;
  }

  /** Shape of a parameter in the model file, at its present size. */
  shapeOf({ value, shape, isTable }: Parameter): readonly number[] {
    return isTable ? [value.rows, value.cols] : shape;
  }
}

/** The parameters of a model without their numbers. */
interface ModelInfo {
  readonly bias: ParameterInfo;
  readonly linear: ParameterInfo;
  readonly embedding: ParameterInfo;
  readonly layers: readonly {
    readonly layer: Layer;
    readonly parameters: Readonly<Record<string, ParameterInfo>>;
  }[];
  readonly output: ParameterInfo | null;
}

/** Lists the parameters of an architecture in the order of the model file; no memory is taken. */
export function listParameters(architecture: Architecture): readonly ParameterInfo[] {
  const { bias, linear, embedding, layers, output } = describeModel(architecture);
  const ofLayers = layers.flatMap(({ parameters }) => Object.values(parameters));
  return [bias, linear, embedding, ...ofLayers, ...(output ? [output] : [])];
}

function describeModel({ numFeatures, embeddingDim, layers }: Architecture): ModelInfo {
  const names = namesOf(layers);
  let width = embeddingDim;
  const described = layers.map((layer, position) => {
    const { outputDim, parameters = {} } = layer.shape(width);
    width = outputDim;
    const infos = Object.entries(parameters).map(([name, spec]) => {
      return [
        name,
        describeParameter(`${names[position]}.${name}`, spec, false, spec.decay ? "hidden" : null),
      ] as const;
    });
    return { layer, parameters: Object.fromEntries(infos) };
  });
  const table = { shape: [numFeatures, embeddingDim], init: 0 };
  const output = { shape: [1, width], init: { std: Math.sqrt(2 / (width + 1)) } };
  return {
    bias: describeParameter("bias", { shape: [1], init: 0 }, false, null),
    linear: describeParameter("linear.weight", { shape: [numFeatures, 1], init: 0 }, true, "linear"),
    embedding: describeParameter("embedding.weight", table, true, "embedding"),
    layers: described,
    output: isFactorizationMachine(layers)
      ? null
      : describeParameter("output.weight", output, false, "hidden"),
  };
}

function describeParameter(
  name: string,
  { shape, init, transposed = false, trainable = true }: ParameterSpec,
  isTable: boolean,
  decay: ParameterInfo["decay"],
): ParameterInfo {
  return { name, shape, transposed, trainable, isTable, decay, init };
}

/**
 * With batch norm and dropout alone the model is a factorization machine (Rendle 2010), whose h is fixed to
 * ones.
 */
function isFactorizationMachine(layers: readonly Layer[]): boolean {
  return layers.every(({ type }) => type === "batch-norm" || type === "dropout");
}

/**
 * The layers' names in the model file: `hidden.i` for the i-th dense layer, `norms.i` for batch norm after i
 * dense layers; `layers.position` for any other layer, and where a name is taken.
 */
function namesOf(layers: readonly Layer[]): string[] {
  const taken = new Set<string>();
  let dense = 0;
  return layers.map(({ type }, position) => {
    let name = `layers.${position}`;
    if (type === "dense") name = `hidden.${dense++}`;
    else if (type === "batch-norm") name = `norms.${dense}`;
    if (taken.has(name)) name = `layers.${position}`;
    taken.add(name);
    return name;
  });
}
