// Batch normalization (Ioffe & Szegedy 2015; He & Chua 2017, section 3.2.2, equation 12), for each column:
//     y = scale * (x - mean) / sqrt(variance + epsilon) + shift
// Training uses the mean and the biased variance of the batch. Prediction uses running averages of the two.

import type { NormTensors } from "../kernels/kernels.ts";
import type { Layer, LayerPass, LayerShape } from "./layer.ts";

/** Number added to variances before the square root. */
export const EPSILON = 1e-3;
/** Weight of the newest batch in the running averages: running = running + MOMENTUM * (batch - running). */
const MOMENTUM = 0.1;

/**
 * A layer that normalizes every column, then multiplies it by a learned scale and adds a learned shift.
 *
 * @example
 * new NFM({ layers: [new BatchNorm(), new Dense(64), new BatchNorm(), new Activation("relu")] });
 */
export class BatchNorm implements Layer {
  /** Name of the kind of layer in the model file. */
  readonly type: string = "batch-norm";

  /**
   * Declares the learned scale and shift (`weight`, `bias`) and the running statistics.
   *
   * @param inputDim Width of the input, at least 1.
   * @returns The tensors that the layer needs.
   */
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

  /** Computes the normalized output, and in training the statistics of the batch. */
  forward(pass: LayerPass): void {
    const { kernels, x, y, rows, training } = pass;
    const norm = normTensors(pass);
    if (training) kernels.batchStatistics(x, norm, rows, EPSILON, MOMENTUM, 0, x.cols);
    else kernels.runningStatistics(norm, EPSILON, 0, x.cols);
    kernels.normalize(y, x, norm, 0, rows);
  }

  /** Computes dX and the gradients of scale and shift. */
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

  /**
   * Lists the options for the model file.
   *
   * @returns The options of the constructor.
   */
  toJSON(): Record<string, unknown> {
    return {};
  }
}

/** Collects the tensors of the layer by the names that the kernels use. */
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
