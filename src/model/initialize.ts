// Initial values: V ~ N(0, initStd^2), w = 0, w0 = 0; W, b, h ~ N(0, 2 / (fan_in + fan_out)) (Glorot & Bengio
// 2010). Every value is a function of the seed and its position, so a table can grow without moving a number.

import { type RandomKey, randomKey, randomNormal, Stream } from "../core/random.ts";
import { fill, type Tensor } from "../core/tensor.ts";
import { initializeEmbedding } from "../layers/embedding.ts";
import type { Parameters } from "./parameters.ts";

/**
 * Draws the initial values of all parameters; yields now and then.
 *
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
    if (value === parameters.embedding.value) yield* initializeEmbedding(value, seed, initStd, 0);
    else if (typeof init === "number") fill(value, init);
    else fillNormal(value, transposed, randomKey(seed, Stream.parameter, position), init.std);
  }
}

/**
 * Draws the rows of the tables from row `from` on: new features get the values that they would have had from
 * the start.
 *
 * @param from First new row.
 */
export function* initializeRows(
  { embedding, linear }: Parameters,
  seed: number,
  initStd: number,
  from: number,
): Generator<void, void> {
  linear.value.data.fill(0, from);
  yield* initializeEmbedding(embedding.value, seed, initStd, from);
}

/** Draws N(0, std^2) in the order of the model file's matrix, whichever way it lies in memory. */
function fillNormal(x: Tensor, transposed: boolean, key: RandomKey, std: number): void {
  for (let i = 0; i < x.rows; i++) {
    for (let j = 0; j < x.cols; j++) {
      x.data[i * x.stride + j] = std * randomNormal(key, transposed ? j * x.rows + i : i * x.cols + j);
    }
  }
}
