// Optimizers: how a gradient moves a parameter. One update serves dense tensors and tables alike; of a table
// it visits the touched rows only, each once per batch. An optimizer keeps at most one state tensor per
// parameter.

import { checkKeys, checkNumber } from "./core/errors.ts";
import type { Kernels, Update } from "./kernels/kernels.ts";

/** Moves parameters along their gradients; `Adagrad`, `SGD` or your own. */
export interface Optimizer {
  /** Stands in the model file. */
  readonly name: string;
  /** What the state of every parameter starts at; `null`: no state is kept. */
  readonly initialState: number | null;
  /** Applies one step to the rows of one parameter. */
  update(kernels: Kernels, update: Update): void;
  /** The constructor's options, for the model file. */
  toJSON(): Record<string, number>;
}

/** Options of Adagrad. */
export interface AdagradOptions {
  /** Step size, at least 0. Default: 0.05. */
  learningRate?: number | undefined;
  /** Start of the sum of squared gradients, from 1e-37 to 1e37. Default: 1e-8. */
  initialAccumulator?: number | undefined;
}

/** Options of SGD. */
export interface SGDOptions {
  /** Step size, at least 0. Default: 0.01. */
  learningRate?: number | undefined;
  /** Share of the velocity that is kept from step to step, at least 0, below 1. Default: 0. */
  momentum?: number | undefined;
}

/**
 * Mini-batch Adagrad (Duchi et al. 2011), the authors' choice: G += g^2, theta -= learningRate * g / sqrt(G),
 * one update per touched feature and batch. A coordinate whose gradient is 0 does not move.
 *
 * @example
 * new NFM({ optimizer: new Adagrad({ learningRate: 0.02 }) });
 */
export class Adagrad implements Optimizer {
  readonly name: string = "adagrad";
  #learningRate: number;
  /** What the sum of squared gradients starts at. */
  readonly initialState: number;

  /**
   * @param options.learningRate At least 0. Default: 0.05.
   * @param options.initialAccumulator Start of the sum of squares, above 0. Default: 1e-8.
   */
  constructor(options: AdagradOptions = {}) {
    checkKeys("Adagrad", options, ["learningRate", "initialAccumulator"]);
    this.#learningRate = checkRate("Adagrad", options.learningRate ?? 0.05);
    // Above 0 even in float32: with a sum of 0, a tiny gradient would be divided by 0.
    this.initialState = checkNumber(
      "Adagrad: initialAccumulator",
      options.initialAccumulator ?? 1e-8,
      "a number from 1e-37 to 1e37",
      (a) => a >= 1e-37 && a <= 1e37,
    );
  }

  /** Step size; may be changed between steps, for example by a schedule in `onEpoch`. */
  get learningRate(): number {
    return this.#learningRate;
  }

  set learningRate(rate: number) {
    this.#learningRate = checkRate("Adagrad", rate);
  }

  update(kernels: Kernels, update: Update): void {
    kernels.adagrad(update, this.#learningRate);
  }

  toJSON(): Record<string, number> {
    return { learningRate: this.learningRate, initialAccumulator: this.initialState };
  }
}

/**
 * Stochastic gradient descent, with momentum if asked for: v = momentum * v + g, theta -= learningRate * v.
 * The velocity of a feature rests while no batch touches the feature.
 *
 * @example
 * new NFM({ optimizer: new SGD({ learningRate: 0.1, momentum: 0.9 }) });
 */
export class SGD implements Optimizer {
  readonly name: string = "sgd";
  #learningRate: number;
  /** Share of the velocity that is kept from step to step. */
  readonly momentum: number;

  /**
   * @param options.learningRate At least 0. Default: 0.01.
   * @param options.momentum At least 0, below 1. Default: 0.
   */
  constructor(options: SGDOptions = {}) {
    checkKeys("SGD", options, ["learningRate", "momentum"]);
    this.#learningRate = checkRate("SGD", options.learningRate ?? 0.01);
    this.momentum = checkNumber(
      "SGD: momentum",
      options.momentum ?? 0,
      "a number of at least 0 and below 1",
      (m) => m >= 0 && m < 1,
    );
  }

  /** Step size; may be changed between steps, for example by a schedule in `onEpoch`. */
  get learningRate(): number {
    return this.#learningRate;
  }

  set learningRate(rate: number) {
    this.#learningRate = checkRate("SGD", rate);
  }

  get initialState(): number | null {
    return this.momentum > 0 ? 0 : null;
  }

  update(kernels: Kernels, update: Update): void {
    kernels.sgd(update, this.#learningRate, this.momentum);
  }

  toJSON(): Record<string, number> {
    return { learningRate: this.learningRate, momentum: this.momentum };
  }
}

function checkRate(owner: string, rate: unknown): number {
  return checkNumber(`${owner}: learningRate`, rate, "a number of at least 0", (r) => r >= 0);
}
