// Element-wise activation functions: sigma_l of He & Chua 2017, section 3.1, equation 5.

import { checkChoice } from "../core/errors.ts";
import type { ActivationName } from "../kernels/kernels.ts";
import type { Layer, LayerPass, LayerShape } from "./layer.ts";

/** The names of the activations. */
export const ACTIVATION_NAMES: readonly ActivationName[] = ["relu", "tanh", "sigmoid"];

/**
 * A layer that applies an activation to every element. The identity needs no layer.
 *
 * @example
 * new NFM({ layers: [new Dense(32), new Activation("tanh")] });
 */
export class Activation implements Layer {
  /** Name of the kind of layer in the model file. */
  readonly type: string = "activation";
  /** The activation. */
  readonly activation: ActivationName;

  /**
   * Checks the name.
   *
   * @param activation "relu", "tanh" or "sigmoid".
   * @throws TypeError or RangeError for anything else.
   */
  constructor(activation: "relu" | "tanh" | "sigmoid") {
    this.activation = checkChoice("Activation: activation", activation, ACTIVATION_NAMES);
  }

  /** Declares the output width; there are no parameters. */
  shape(inputDim: number): LayerShape {
    return { outputDim: inputDim };
  }

  /** Computes y = activation(x). */
  forward({ kernels, x, y, rows }: LayerPass): void {
    kernels.activationForward(this.activation, y, x, 0, rows);
  }

  /** Computes dX from y and dY. */
  backward({ kernels, y, dX, dY, rows }: LayerPass): void {
    kernels.activationBackward(this.activation, dX, y, dY, 0, rows);
  }

  /** Returns the options of the constructor. */
  toJSON(): Record<string, unknown> {
    return { activation: this.activation };
  }
}
