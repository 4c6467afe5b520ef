// Fully connected layer, y = W x + b (the paper's W_l and b_l, section 3.1). W is kept in memory as (in,
// out), so that the kernels walk along rows; the model file has PyTorch's (out, in).

import { checkInteger } from "../core/errors.ts";
import type { Layer, LayerPass, LayerShape } from "./layer.ts";

/**
 * A fully connected layer.
 *
 * @example
 * new NFM({ layers: [new Dense(64), new Activation("relu")] });
 */
export class Dense implements Layer {
  readonly type: string = "dense";
  /** Output width. */
  readonly units: number;

  /** @param units Output width, at least 1. */
  constructor(units: number) {
    this.units = checkInteger("Dense: units", units, 1);
  }

  shape(inputDim: number): LayerShape {
    const std = Math.sqrt(2 / (inputDim + this.units));
    return {
      outputDim: this.units,
      parameters: {
        weight: { shape: [this.units, inputDim], init: { std }, decay: true, transposed: true },
        bias: { shape: [this.units], init: { std } },
      },
      cache: { transposed: [this.units, inputDim] },
    };
  }

  forward({ kernels, x, y, rows, parameters }: LayerPass): void {
    kernels.matmul(y, x, parameters.weight, parameters.bias, 0, rows);
  }

  /** dW = x^T dY, db = column sums of dY, dX = dY W^T. */
  backward({ kernels, x, dX, dY, rows, parameters, gradients, cache }: LayerPass): void {
    kernels.matmulTransposed(gradients.weight, x, dY, rows, 0, x.cols);
    kernels.columnSums(gradients.bias, dY, rows, 0, dY.cols);
    kernels.transpose(cache.transposed, parameters.weight);
    kernels.matmul(dX, dY, cache.transposed, null, 0, rows);
  }

  toJSON(): Record<string, unknown> {
    return { units: this.units };
  }
}
