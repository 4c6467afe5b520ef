// Inverted dropout (section 3.3.1): in training each element is zeroed with probability `rate`, and the
// survivors are scaled by 1 / (1 - rate); in prediction nothing happens. The mask is a function of seed,
// step, layer and element.

import { checkNumber } from "../core/errors.ts";
import { copyInto } from "../core/tensor.ts";
import type { Layer, LayerPass, LayerShape } from "./layer.ts";

/**
 * Drops elements at random in training.
 *
 * @example
 * new NFM({ layers: [new Dropout(0.5), new Dense(64), new Activation("relu"), new Dropout(0.2)] });
 */
export class Dropout implements Layer {
  readonly type: string = "dropout";
  /** Probability that an element is dropped. */
  readonly rate: number;

  /** @param rate Probability of dropping an element, at least 0 and below 1. */
  constructor(rate: number) {
    this.rate = checkNumber(
      "Dropout: rate",
      rate,
      "a rate of at least 0 and below 1",
      (r) => r >= 0 && r < 1,
    );
  }

  shape(inputDim: number): LayerShape {
    return { outputDim: inputDim, cache: { mask: ["batch", inputDim] } };
  }

  forward({ kernels, x, y, rows, key, training, cache }: LayerPass): void {
    if (training) kernels.dropoutForward(y, cache.mask, x, key, this.rate, 0, rows);
    else copyInto(y, { ...x, rows });
  }

  backward({ kernels, dX, dY, rows, cache }: LayerPass): void {
    kernels.multiply(dX, dY, cache.mask, 0, rows);
  }

  toJSON(): Record<string, unknown> {
    return { rate: this.rate };
  }
}
