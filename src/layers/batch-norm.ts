// Batch normalization (Ioffe & Szegedy 2015; He & Chua 2017, section 3.3.2). Training uses the mean and the
// biased variance of the batch, prediction uses running averages of the two.

import type { NormTensors } from "../kernels/kernels.ts";
import type { Layer, LayerPass, LayerShape } from "./layer.ts";

/** Added to variances before the square root. */
export const EPSILON = 1e-3;
/** running = running + MOMENTUM * (batch - running). */
const MOMENTUM = 0.1;

/**
 * Normalizes every column, then scales and shifts it by learned factors.
 *
 * @example
 * new NFM({ layers: [new BatchNorm(), new Dense(64), new BatchNorm(), new Activation("relu")] });
 */
export class BatchNorm implements Layer {
  readonly type: string = "batch-norm";

  shape(inputDim: number): LayerShape {
    const shape = [inputDim];
    return {
      outputDim: inputDim,
      parameters: {
        weight: { shape, init: 1 },
        bias: { shape, init: 0 },
        running_mean: { shape, init: 0, trainable: false },
        running_var: { shape, init: 1, trainable: false },
      },
      cache: { mean: [1, inputDim], inverseStd: [1, inputDim] },
    };
  }

  forward(pass: LayerPass): void {
    const { kernels, x, y, rows, training } = pass;
    const norm = normTensors(pass);
    if (training) kernels.batchStatistics(x, norm, rows, EPSILON, MOMENTUM, 0, x.cols);
    else kernels.runningStatistics(norm, EPSILON, 0, x.cols);
    kernels.normalize(y, x, norm, rows, 0, x.cols);
  }

  backward(pass: LayerPass): void {
    const { kernels, x, dX, dY, rows, gradients } = pass;
    kernels.batchNormBackward(
      dX,
      gradients.weight,
      gradients.bias,
      x,
      dY,
      normTensors(pass),
      rows,
      0,
      x.cols,
    );
  }

  toJSON(): Record<string, unknown> {
    return {};
  }
}

function normTensors({ parameters, cache }: LayerPass): NormTensors {
  return {
    scale: parameters.weight,
    shift: parameters.bias,
    runningMean: parameters.running_mean,
    runningVariance: parameters.running_var,
    mean: cache.mean,
    inverseStd: cache.inverseStd,
  };
}
