// Inverted dropout (Srivastava et al. 2014; He & Chua 2017, section 3.2.1). In training each element becomes
// 0 with probability `rate`, and the others are multiplied by 1 / (1 - rate). In prediction nothing happens.
// The mask depends only on seed, step, layer and element, so that training can stop and resume.

import { checkNumber } from "../core/errors.ts";
import { copyInto } from "../core/tensor.ts";
import type { Layer, LayerPass, LayerShape } from "./layer.ts";

/**
 * A layer that drops elements at random in training.
 *
 * @example
 * new NFM({ layers: [new Dropout(0.5), new Dense(64), new Activation("relu"), new Dropout(0.2)] });
 */
export class Dropout implements Layer {
  /** Name of the kind of layer in the model file. */
  readonly type: string = "dropout";
  /** Probability that an element is dropped. */
  readonly rate: number;

  /**
   * Checks the rate.
   *
   * @param rate Probability that an element is dropped, at least 0 and below 1.
   * @throws TypeError or RangeError for anything else.
   */
  constructor(rate: number) {
    this.rate = checkNumber(
      "Dropout: rate",
      rate,
      "a rate of at least 0 and below 1",
      (r) => r >= 0 && r < 1,
    );
  }

  /** Declares the output width and the mask. */
  shape(inputDim: number): LayerShape {
    return { outputDim: inputDim, cache: { mask: ["batch", inputDim] } };
  }

  /** Computes y = x * mask in training; copies x in prediction. */
  forward({ kernels, x, y, rows, key, training, cache }: LayerPass): void {
    if (training) kernels.dropoutForward(y, cache.mask, x, key, this.rate, 0, rows);
    else copyInto(y, { ...x, rows });
  }

  /** Computes dX = dY * mask. */
  backward({ kernels, dX, dY, rows, cache }: LayerPass): void {
    kernels.multiply(dX, dY, cache.mask, 0, rows);
  }

  /** Returns the options of the constructor. */
  toJSON(): Record<string, unknown> {
    return { rate: this.rate };
  }
}
