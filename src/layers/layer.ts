// The interface of the layers between Bi-Interaction and the score. A layer declares the tensors that it
// needs. It computes a forward and a backward pass on tensors that the network gives it. A layer object has
// no state of its own: parameters, gradients and values kept for the backward pass are tensors of the
// network. So several models can share one layer object.

import type { RandomKey } from "../core/random.ts";
import type { Tensor } from "../core/tensor.ts";
import type { Kernels } from "../kernels/kernels.ts";

/** A parameter that a layer needs. */
export interface ParameterSpec {
  /** Shape in the model file: `[n]` becomes a (1, n) tensor, `[rows, cols]` a matrix. */
  readonly shape: readonly number[];
  /** Initial value: a constant, or normal random numbers with mean 0 and this standard deviation. */
  readonly init: number | { readonly std: number };
  /**
   * Whether the optimizer updates the parameter. Default: true. With false it is saved but not trained, like
   * running statistics.
   */
  readonly trainable?: boolean;
  /** Whether the L2 coefficient `l2.hidden` applies to the parameter. Default: false. */
  readonly decay?: boolean;
  /** Whether the tensor in memory is the transpose of the matrix in the model file. Default: false. */
  readonly transposed?: boolean;
}

/** The tensors that a layer needs for a given width of its input. */
export interface LayerShape {
  /** Width of the output: its number of columns. */
  readonly outputDim: number;
  /** The parameters by name; default none. */
  readonly parameters?: Readonly<Record<string, ParameterSpec>>;
  /**
   * Tensors that keep values from the forward to the backward pass, by name: [rows, cols]. "batch" as number
   * of rows means one row per row of the batch. Default none.
   */
  readonly cache?: Readonly<Record<string, readonly [rows: number | "batch", cols: number]>>;
}

/**
 * The tensors of a layer in one pass. Only the first `rows` rows of x, y, dX and dY are in use. Element (i,
 * j) of a tensor is `data[i * stride + j]`, with j below `cols`. The kernels accept only these tensors, not
 * tensors that you make yourself.
 */
export interface LayerPass {
  /** The kernels of the model's memory. */
  readonly kernels: Kernels;
  /** Rows of this batch, B. */
  readonly rows: number;
  /**
   * Whether this is a training pass. In prediction batch norm uses running statistics, and dropout does
   * nothing.
   */
  readonly training: boolean;
  /** Key of the random numbers for this step and this layer. */
  readonly key: RandomKey;
  /** Input, (B, in). */
  readonly x: Tensor;
  /** Output, (B, out). The forward pass writes it. */
  readonly y: Tensor;
  /** Gradient of the loss by the output, (B, out). */
  readonly dY: Tensor;
  /** Gradient of the loss by the input, (B, in). The backward pass writes it. */
  readonly dX: Tensor;
  /** The layer's parameters by name. */
  readonly parameters: Readonly<Record<string, Tensor>>;
  /** Gradients of the trainable parameters, by the same names. The backward pass overwrites them. */
  readonly gradients: Readonly<Record<string, Tensor>>;
  /** The tensors that the layer declared as `cache`, by name. */
  readonly cache: Readonly<Record<string, Tensor>>;
}

/**
 * A layer of the network, built in (`Dense`, `BatchNorm`, `Activation`, `Dropout`) or your own.
 *
 * @example
 * const double: Layer = {
 *   type: "double",
 *   shape: (inputDim) => ({ outputDim: inputDim }),
 *   forward: ({ x, y, rows }) => {
 *     for (let i = 0; i < rows * x.stride; i++) y.data[i] = 2 * x.data[i];
 *   },
 *   backward: ({ dX, dY, rows }) => {
 *     for (let i = 0; i < rows * dX.stride; i++) dX.data[i] = 2 * dY.data[i];
 *   },
 * };
 */
export interface Layer {
  /** Name of the kind of layer in the model file and in errors. */
  readonly type: string;
  /**
   * Declares the tensors that the layer needs.
   *
   * @param inputDim Width of the input, at least 1.
   * @returns The width of the output, the parameters and the cache.
   */
  shape(inputDim: number): LayerShape;
  /**
   * Computes `y` from `x`.
   *
   * @param pass The tensors of this pass.
   */
  forward(pass: LayerPass): void;
  /**
   * Computes `dX` and the gradients of the parameters from `dY`, after a forward pass on the same batch.
   *
   * @param pass The tensors of this pass.
   */
  backward(pass: LayerPass): void;
  /**
   * Returns the options of the constructor, for the model file. A layer of your own need not have this
   * method. In either case you pass it to `NFM.load` again.
   */
  toJSON?(): Record<string, unknown>;
}

/**
 * Says whether a layer is an instance of a class itself and not of a subclass. A user's subclass may compute
 * anything, so code that knows what a class computes must not take it for one.
 *
 * @param layer The layer; undefined: none.
 * @param kind The class.
 * @returns True if the layer is an instance of exactly this class.
 */
export function isExactly<L extends Layer>(
  layer: Layer | undefined,
  kind: { readonly prototype: L },
): layer is L {
  return layer !== undefined && Object.getPrototypeOf(layer) === kind.prototype;
}
