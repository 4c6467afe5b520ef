// The parameters of a model: named tensors in the order of the model file. They keep their place in memory
// when the buffers of batches grow. The tables, which have one row per feature, can get more rows. Letters: N
// features, K embedding dimension, H width of the last layer.

import type { Tensor } from "../core/tensor.ts";
import { checkKernels } from "../kernels/check.ts";
import type { Memory } from "../kernels/memory.ts";
import type { Layer, ParameterSpec } from "../layers/layer.ts";

/** The sizes and layers that determine the parameters of a model. */
export interface Architecture {
  /** Number of features N, at least 1. */
  readonly numFeatures: number;
  /** Embedding dimension K, at least 1. */
  readonly embeddingDim: number;
  /** The layers between Bi-Interaction and the score. */
  readonly layers: readonly Layer[];
}

/** The description of a parameter, without its numbers. */
export interface ParameterInfo {
  /** Name in the model file. */
  readonly name: string;
  /** Shape in the model file. */
  readonly shape: readonly number[];
  /** Whether the tensor in memory is the transpose of the matrix in the file. */
  readonly transposed: boolean;
  /** Whether the optimizer changes it; false for running statistics. */
  readonly trainable: boolean;
  /**
   * Whether it has one row per feature. Then a training step changes only the rows that the batch touches.
   */
  readonly isTable: boolean;
  /** The L2 coefficient that applies to it; null: none. */
  readonly decay: "embedding" | "linear" | "hidden" | null;
  /** Initial value: a constant, or normal random numbers with this standard deviation. */
  readonly init: ParameterSpec["init"];
}

/** One named tensor of a model. */
export interface Parameter extends ParameterInfo {
  /** The numbers. */
  readonly value: Tensor;
}

/** A layer and its parameters. */
export interface BoundLayer {
  /** The layer. */
  readonly layer: Layer;
  /** The parameters by the names that the layer gave them. */
  readonly parameters: Readonly<Record<string, Parameter>>;
}

/** All parameters of one model. */
export class Parameters {
  /** The memory of all tensors of the model. */
  readonly memory: Memory;
  /** Embedding dimension K. */
  readonly embeddingDim: number;
  /** All parameters in the order of the model file. */
  readonly all: readonly Parameter[];
  /** w0, (1, 1). */
  readonly bias: Parameter;
  /** w, (N, 1). */
  readonly linear: Parameter;
  /** V, (N, K). */
  readonly embedding: Parameter;
  /** The layers with their parameters, in order. */
  readonly layers: readonly BoundLayer[];
  /** h, (1, H); null in a factorization machine, whose h is fixed to ones. */
  readonly output: Parameter | null;
  /** Receives the result of a check, (1, 4). */
  readonly #checked: Tensor;
  #version = 0;

  /**
   * Registers all tensors with a memory. The next commit of the memory allocates them, filled with zeros.
   *
   * @param architecture The sizes and layers.
   * @param memory The memory.
   */
  constructor(architecture: Architecture, memory: Memory) {
    this.memory = memory;
    this.embeddingDim = architecture.embeddingDim;
    const { bias, linear, embedding, layers, output } = describeModel(architecture);
    const all: Parameter[] = [];
    const allocate = (info: ParameterInfo): Parameter => {
      const [outer, inner] = info.shape.length === 1 ? [1, info.shape[0]] : info.shape;
      const [rows, cols] = info.transposed ? [inner, outer] : [outer, inner];
      // w is a single column. Padding would make it four times as large.
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
    this.#checked = memory.allocate(1, 4);
  }

  /** Number of features N at present. */
  get numFeatures(): number {
    return this.embedding.value.rows;
  }

  /**
   * A number that increases whenever a parameter may have changed. Results computed from parameters of
   * another version are out of date.
   */
  get version(): number {
    return this.#version;
  }

  /** Increases the version. All code that writes to a parameter must call it. */
  markChanged(): void {
    this.#version++;
  }

  /**
   * Says whether numbers of a tensor in the memory are finite.
   *
   * @param x The tensor.
   * @param start First float. Default: 0.
   * @param end The float behind the last one. Default: all floats, padding included.
   * @returns True if all of them are.
   */
  areFinite(x: Tensor, start: number = 0, end: number = x.data.length): boolean {
    this.memory.addKernels(checkKernels).zeroTimes(this.#checked, x, start, end);
    return this.#checked.data.every((zero) => zero === 0);
  }

  /**
   * Makes the linear weight and the embedding of a feature 0.
   *
   * @param feature The feature, below N.
   */
  clearRow(feature: number): void {
    for (const { data, stride } of [this.linear.value, this.embedding.value])
      data.fill(0, feature * stride, (feature + 1) * stride);
    this.markChanged();
  }

  /**
   * Returns the shape that a parameter has in the model file at its present size.
   *
   * @param parameter One of the parameters.
   * @returns The size of each dimension.
   */
  shapeOf({ value, shape, isTable }: Parameter): readonly number[] {
    return isTable ? [value.rows, value.cols] : shape;
  }
}

/** The descriptions of all parameters of a model. */
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

/**
 * Lists the parameters of an architecture without allocating memory.
 *
 * @param architecture The sizes and layers.
 * @returns The descriptions in the order of the model file.
 */
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
 * Says whether a model is a factorization machine (Rendle 2010): its layers are only batch norm and dropout.
 * Then h is fixed to ones (He & Chua 2017, section 3.1.1).
 */
function isFactorizationMachine(layers: readonly Layer[]): boolean {
  return layers.every(({ type }) => type === "batch-norm" || type === "dropout");
}

/**
 * Names the layers for the model file: `hidden.i` for the i-th dense layer, and `norms.i` for the batch norm
 * after i dense layers. Any other layer is `layers.position`, and so is a layer whose name is already in use.
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
