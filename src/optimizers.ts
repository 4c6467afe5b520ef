// Optimizers change parameters by their gradients: Adagrad (Duchi et al. 2011), which the paper uses (He &
// Chua 2017, section 3.2), and stochastic gradient descent. The same update works for dense tensors and for
// tables. In a table it changes only the rows of features in the batch, each once per batch. An optimizer
// keeps at most one state tensor per parameter.

import { checkKeys, checkNumber } from "./core/errors.ts";
import type { Kernels, Update } from "./kernels/kernels.ts";

/** Changes parameters by their gradients: `Adagrad`, `SGD` or your own. */
export interface Optimizer {
  /** Name of the optimizer in the model file. */
  readonly name: string;
  /** Initial value of every element of the state; `null`: the optimizer keeps no state. */
  readonly initialState: number | null;
  /**
   * Applies one step to the rows of one parameter.
   *
   * @param kernels The kernels of the model's memory.
   * @param update The parameter, its gradient and the rows to change.
   */
  update(kernels: Kernels, update: Update): void;
  /** Returns the options of the constructor, for the model file. */
  toJSON(): Record<string, number>;
}

/** Options of Adagrad. */
export interface AdagradOptions {
  /** Step size, at least 0. Default: 0.05. */
  learningRate?: number | undefined;
  /** Initial value of the sum of squared gradients, from 1e-37 to 1e37. Default: 1e-8. */
  initialAccumulator?: number | undefined;
}

/** Options of SGD. */
export interface SGDOptions {
  /** Step size, at least 0. Default: 0.01. */
  learningRate?: number | undefined;
  /** Share of the velocity that each step keeps, at least 0 and below 1. Default: 0. */
  momentum?: number | undefined;
}

/**
 * Mini-batch Adagrad (Duchi et al. 2011), the optimizer of the paper: G += g^2, theta -= learningRate * g /
 * sqrt(G). Each feature of a batch gets one update per batch. An element whose gradient is 0 does not change.
 *
 * @example
 * new NFM({ optimizer: new Adagrad({ learningRate: 0.02 }) });
 */
export class Adagrad implements Optimizer {
  /** Name of the optimizer in the model file. */
  readonly name: string = "adagrad";
  #learningRate: number;
  /** Initial value of the sum of squared gradients. */
  readonly initialState: number;

  /**
   * Checks the options.
   *
   * @param options.learningRate Step size, at least 0. Default: 0.05.
   * @param options.initialAccumulator Initial value of the sum of squares, from 1e-37 to 1e37. Default: 1e-8.
   * @throws TypeError or RangeError that names the option.
   */
  constructor(options: AdagradOptions = {}) {
    checkKeys("Adagrad", options, ["learningRate", "initialAccumulator"]);
    this.#learningRate = checkRate("Adagrad", options.learningRate ?? 0.05);
    // The bounds keep the value above 0 and finite in float32. With a sum of 0, a gradient whose square
    // becomes 0 would be divided by 0.
    this.initialState = checkNumber(
      "Adagrad: initialAccumulator",
      options.initialAccumulator ?? 1e-8,
      "a number from 1e-37 to 1e37",
      (a) => a >= 1e-37 && a <= 1e37,
    );
  }

  /** Step size. It may be changed between steps, for example by a schedule in `onEpoch`. */
  get learningRate(): number {
    return this.#learningRate;
  }

  set learningRate(rate: number) {
    this.#learningRate = checkRate("Adagrad", rate);
  }

  /**
   * Applies one step to the rows of one parameter.
   *
   * @param kernels The kernels of the model's memory.
   * @param update The parameter, its gradient and the rows to change.
   */
  update(kernels: Kernels, update: Update): void {
    kernels.adagrad(update, this.#learningRate);
  }

  /**
   * Lists the options for the model file.
   *
   * @returns The options of the constructor, with their present values.
   */
  toJSON(): Record<string, number> {
    return { learningRate: this.learningRate, initialAccumulator: this.initialState };
  }
}

/**
 * Stochastic gradient descent with optional momentum (Polyak 1964): v = momentum * v + g,
 * theta -= learningRate * v. The velocity of a feature does not change while no batch contains the feature.
 *
 * @example
 * new NFM({ optimizer: new SGD({ learningRate: 0.1, momentum: 0.9 }) });
 */
export class SGD implements Optimizer {
  /** Name of the optimizer in the model file. */
  readonly name: string = "sgd";
  #learningRate: number;
  /** Share of the velocity that each step keeps. */
  readonly momentum: number;

  /**
   * Checks the options.
   *
   * @param options.learningRate Step size, at least 0. Default: 0.01.
   * @param options.momentum Share of the velocity that each step keeps, at least 0 and below 1. Default: 0.
   * @throws TypeError or RangeError that names the option.
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

  /** Step size. It may be changed between steps, for example by a schedule in `onEpoch`. */
  get learningRate(): number {
    return this.#learningRate;
  }

  set learningRate(rate: number) {
    this.#learningRate = checkRate("SGD", rate);
  }

  /** Initial velocity: 0 with momentum, null without. */
  get initialState(): number | null {
    return this.momentum > 0 ? 0 : null;
  }

  /**
   * Applies one step to the rows of one parameter.
   *
   * @param kernels The kernels of the model's memory.
   * @param update The parameter, its gradient and the rows to change.
   */
  update(kernels: Kernels, update: Update): void {
    kernels.sgd(update, this.#learningRate, this.momentum);
  }

  /**
   * Lists the options for the model file.
   *
   * @returns The options of the constructor, with their present values.
   */
  toJSON(): Record<string, number> {
    return { learningRate: this.learningRate, momentum: this.momentum };
  }
}

/**
 * Says whether an optimizer computes its steps by the kernels alone.
 *
 * @param optimizer Any optimizer.
 * @returns False for optimizers of the user's own, which include subclasses with an `update` of their own.
 */
export function isBuiltInOptimizer({ update }: Optimizer): boolean {
  return update === Adagrad.prototype.update || update === SGD.prototype.update;
}

function checkRate(owner: string, rate: unknown): number {
  return checkNumber(`${owner}: learningRate`, rate, "a number of at least 0", (r) => r >= 0);
}
