// The activations in plain JavaScript. relu works on the bits of the floats. A branch on random signs would
// be predicted wrongly half of the time.

import { sigmoid, tanh } from "../../core/math.ts";
import { bitsOf, type Tensor } from "../../core/tensor.ts";
import type { ActivationName } from "../kernels.ts";

/**
 * The bits of -Infinity. As signed integers, negative numbers have bits up to it, and negative NaNs larger
 * ones.
 */
const MINUS_INFINITY = -0x800000;

/** `activationForward` of kernels.ts. */
export function activationForward(
  name: ActivationName,
  y: Tensor,
  x: Tensor,
  start: number,
  end: number,
): void {
  if (name === "relu") relu(y, x, start, end);
  else if (name === "tanh") tanhOf(y, x, start, end);
  else sigmoidOf(y, x, start, end);
}

/** relu(x) = x > 0 ? x : 0, and NaN for NaN. */
function relu(y: Tensor, x: Tensor, start: number, end: number): void {
  const [from, to] = [bitsOf(x), bitsOf(y)];
  for (let i = start; i < end; i++) {
    for (let at = i * x.stride, last = at + x.cols; at < last; at++) {
      const bits = from[at];
      const isNegative = (bits >> 31) & ~((MINUS_INFINITY - bits) >> 31); // -1 or 0
      to[at] = bits & ~isNegative;
    }
  }
}

function tanhOf(y: Tensor, x: Tensor, start: number, end: number): void {
  for (let i = start; i < end; i++) {
    for (let at = i * x.stride, last = at + x.cols; at < last; at++) y.data[at] = tanh(x.data[at]);
  }
}

function sigmoidOf(y: Tensor, x: Tensor, start: number, end: number): void {
  for (let i = start; i < end; i++) {
    for (let at = i * x.stride, last = at + x.cols; at < last; at++) y.data[at] = sigmoid(x.data[at]);
  }
}
