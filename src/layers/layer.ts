// The one interface of everything between Bi-Interaction and the score: a layer says what it needs and
// computes a forward and a backward pass on buffers it is given. A layer object holds no state, so one may
// serve many models; parameters, gradients and whatever must survive from forward to backward live in the
// network's tensors.

import type { RandomKey } from "../core/random.ts";
import type { Tensor } from "../core/tensor.ts";
import type { Kernels } from "../kernels/kernels.ts";

/** A parameter a layer asks for. */
export interface ParameterSpec {
  /** Shape in the model file: `[n]` becomes a (1, n) tensor, `[rows, cols]` a matrix. */
  readonly shape: readonly number[];
  /** Initial value: a constant, or normal with mean 0 and this standard deviation. */
  readonly init: number | { readonly std: number };
  /**
   * Whether the optimizer updates it. Default: true. Otherwise it is saved but not trained, like running
   * statistics.
   */
  readonly trainable?: boolean;
  /** Whether `l2.hidden` applies. Default: false. */
  readonly decay?: boolean;
  /** Whether the tensor in memory is the transpose of the matrix in the model file. Default: false. */
  readonly transposed?: boolean;
}

/** What a layer needs, given the width of its input. */
export interface LayerShape {
  /** Columns of the output. */
  readonly outputDim: number;
  /** By name; default none. */
  readonly parameters?: Readonly<Record<string, ParameterSpec>>;
  /**
   * Tensors kept from forward to backward, by name: [rows, cols], "batch" for one row per row of the batch.
   * Default none.
   */
  readonly cache?: Readonly<Record<string, readonly [rows: number | "batch", cols: number]>>;
}

/**
 * What a layer works on in one pass. Only the first `rows` rows of x, y, dX and dY count, and of each row the
 * first `cols` floats; rows are `stride` floats apart. The kernels take these tensors only, none of your own.
 */
export interface LayerPass {
  readonly kernels: Kernels;
  /** Rows of this batch, B. */
  readonly rows: number;
  /** False in prediction: batch norm uses running statistics, dropout does nothing. */
  readonly training: boolean;
  /** Names this step's and this layer's sequence of random numbers. */
  readonly key: RandomKey;
  /** Input, (B, in). */
  readonly x: Tensor;
  /** Output, (B, out); forward writes it. */
  readonly y: Tensor;
  /** Gradient of the loss by the output, (B, out). */
  readonly dY: Tensor;
  /** Gradient of the loss by the input, (B, in); backward writes it. */
  readonly dX: Tensor;
  /** The layer's parameters by name. */
  readonly parameters: Readonly<Record<string, Tensor>>;
  /** Their gradients, by the same names; backward overwrites those of trainable parameters. */
  readonly gradients: Readonly<Record<string, Tensor>>;
  /** The tensors asked for as `cache`. */
  readonly cache: Readonly<Record<string, Tensor>>;
}

/**
 * A layer of the network, built in (`Dense`, `BatchNorm`, `Activation`, `Dropout`) or your own.
 *
 * @example
 * const double: Layer = {
 *   type: "double",
 *   shape: (inputDim) => ({ outputDim: inputDim }),
 *   forward: ({ x, y, rows }) => { for (let i = 0; i < rows * x.stride; i++) y.data[i] = 2 * x.data[i]; },
 *   backward: ({ dX, dY, rows }) => { for (let i = 0; i < rows * dX.stride; i++) dX.data[i] = 2 * dY.data[i]; },
 * };
 */
export interface Layer {
  /** Names the kind of layer in the model file and in errors. */
  readonly type: string;
  /** Declares the output width, the parameters and the cache for a given input width. */
  shape(inputDim: number): LayerShape;
  /** Writes `y` from `x`. */
  forward(pass: LayerPass): void;
  /** Writes `dX` and the gradients of the parameters from `dY`. */
  backward(pass: LayerPass): void;
  /**
   * The constructor's options, for the model file. A layer without it is passed to `NFM.load` again by the
   * user.
   */
  toJSON?(): Record<string, unknown>;
}

/** Whether a layer is of this class itself: one of the user's own that extends it may compute anything. */
export function isExactly<L extends Layer>(
  layer: Layer | undefined,
  kind: { readonly prototype: L },
): layer is L {
  return layer !== undefined && Object.getPrototypeOf(layer) === kind.prototype;
}
