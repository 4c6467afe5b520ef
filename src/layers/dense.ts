// Fully connected layer: y = W x + b (W_l and b_l of He & Chua 2017, section 3.1, equation 5). In memory W
// has shape (in, out), so that the kernels read whole rows. The model file has PyTorch's shape (out, in).

import { checkInteger } from "../core/errors.ts";
import type { Layer, LayerPass, LayerShape } from "./layer.ts";

/**
 * A fully connected layer.
 *
 * @example
 * new NFM({ layers: [new Dense(64), new Activation("relu")] });
 */
export class Dense implements Layer {
  /** Name of the kind of layer in the model file. */
  readonly type: string = "dense";
  /** Width of the output. */
  readonly units: number;

  /**
   * Checks the width.
   *
   * @param units Width of the output, at least 1.
   * @throws TypeError or RangeError for anything else.
   */
  constructor(units: number) {
    this.units = checkInteger("Dense: units", units, 1);
  }

  /** Declares W (`weight`) and b (`bias`). */
  shape(inputDim: number): LayerShape {
    const std = Math.sqrt(2 / (inputDim + this.units)); // Glorot & Bengio 2010
    return {
      outputDim: this.units,
      parameters: {
        weight: { shape: [this.units, inputDim], init: { std }, decay: true, transposed: true },
        bias: { shape: [this.units], init: { std } },
      },
      cache: { transposed: [this.units, inputDim] },
    };
  }

  /** Computes y = x W + b, with W (in, out). */
  forward({ kernels, x, y, rows, parameters }: LayerPass): void {
    kernels.matmul(y, x, parameters.weight, parameters.bias, 0, rows);
  }

  /** Computes dW = x^T dY, db = the column sums of dY, and dX = dY W^T. */
  backward({ kernels, x, dX, dY, rows, parameters, gradients, cache }: LayerPass): void {
    kernels.matmulTransposed(gradients.weight, x, dY, rows, 0, x.cols);
    kernels.columnSums(gradients.bias, dY, rows, 0, dY.cols);
    kernels.transpose(cache.transposed, parameters.weight);
    kernels.matmul(dX, dY, cache.transposed, null, 0, rows);
  }

  /** Returns the options of the constructor. */
  toJSON(): Record<string, unknown> {
    return { units: this.units };
  }
}
