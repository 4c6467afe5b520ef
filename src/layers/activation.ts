// Element-wise non-linearities, the paper's sigma_l.

import { checkChoice } from "../core/errors.ts";
import type { ActivationName } from "../kernels/kernels.ts";
import type { Layer, LayerPass, LayerShape } from "./layer.ts";

export const ACTIVATION_NAMES: readonly ActivationName[] = ["relu", "tanh", "sigmoid"];

/**
 * Applies an activation to every element. (The identity is no layer at all.)
 *
 * @example
 * new NFM({ layers: [new Dense(32), new Activation("tanh")] });
 */
export class Activation implements Layer {
  readonly type: string = "activation";
  /** Which function. */
  readonly activation: ActivationName;

  /** @param activation "relu", "tanh" or "sigmoid". */
  constructor(activation: "relu" | "tanh" | "sigmoid") {
    this.activation = checkChoice("Activation: activation", activation, ACTIVATION_NAMES);
  }

  shape(inputDim: number): LayerShape {
    return { outputDim: inputDim };
  }

  forward({ kernels, x, y, rows }: LayerPass): void {
    kernels.activationForward(this.activation, y, x, 0, rows);
  }

  backward({ kernels, y, dX, dY, rows }: LayerPass): void {
    kernels.activationBackward(this.activation, dX, y, dY, 0, rows);
  }

  toJSON(): Record<string, unknown> {
    return { activation: this.activation };
  }
}
