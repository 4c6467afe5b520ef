// Draws initial values: V ~ N(0, initStd^2), w = 0, w0 = 0; W, b, h ~ N(0, 2 / (fan_in + fan_out)) (Glorot &
// Bengio 2010). Each value depends only on the seed and its position, so that a table can grow without
// changing a number.

import { type RandomKey, randomKey, randomNormal, Stream } from "../core/random.ts";
import { fill, type Tensor } from "../core/tensor.ts";
import { randomKernels } from "../kernels/random.ts";
import { initializeEmbedding } from "../layers/embedding.ts";
import type { Parameters } from "./parameters.ts";

/**
 * Draws the initial values of all parameters. Yields now and then.
 *
 * @param parameters The parameters, which are overwritten.
 * @param seed Integer from 0 to 2^53 - 1.
 * @param initStd Standard deviation of the embeddings, at least 0.
 */
export function* initializeParameters(
  parameters: Parameters,
  seed: number,
  initStd: number,
): Generator<void, void> {
  parameters.markChanged();
  for (const [position, { value, init, transposed }] of parameters.all.entries()) {
    if (value === parameters.embedding.value) yield* initializeRows(parameters, seed, initStd, 0);
    else if (typeof init === "number") fill(value, init);
    else fillNormal(value, transposed, randomKey(seed, Stream.parameter, position), init.std);
  }
}

/**
 * Draws the initial values of new rows of the tables. They are the values that these rows would have had in a
 * model with all N features from the start.
 *
 * @param parameters The parameters.
 * @param seed The seed of the model.
 * @param initStd Standard deviation of the embeddings, at least 0.
 * @param from First new row. The rows before it keep their values.
 */
export function* initializeRows(
  { embedding, linear, memory }: Parameters,
  seed: number,
  initStd: number,
  from: number,
): Generator<void, void> {
  linear.value.data.fill(0, from);
  yield* initializeEmbedding(memory.addKernels(randomKernels), embedding.value, seed, initStd, from);
}

/**
 * Draws N(0, std^2). The numbers follow the order of the matrix in the model file, even if it is transposed.
 */
function fillNormal(x: Tensor, transposed: boolean, key: RandomKey, std: number): void {
  for (let i = 0; i < x.rows; i++) {
    for (let j = 0; j < x.cols; j++) {
      x.data[i * x.stride + j] = std * randomNormal(key, transposed ? j * x.rows + i : i * x.cols + j);
    }
  }
}
