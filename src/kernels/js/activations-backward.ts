// The gradients of the activations in plain JavaScript, computed from y = activation(x).

import { bitsOf, type Tensor } from "../../core/tensor.ts";
import type { ActivationName } from "../kernels.ts";

const f = Math.fround;

/** The bits of Infinity. Positive numbers have bits up to it, and positive NaNs larger ones. */
const INFINITY = 0x7f800000;

/** `activationBackward` of kernels.ts. */
export function activationBackward(
  name: ActivationName,
  dX: Tensor,
  y: Tensor,
  dY: Tensor,
  start: number,
  end: number,
): void {
  if (name === "relu") reluBackward(dX, y, dY, start, end);
  else if (name === "tanh") tanhBackward(dX, y, dY, start, end);
  else sigmoidBackward(dX, y, dY, start, end);
}

/** Works on bits, because a branch on random signs would be predicted wrongly half of the time. */
function reluBackward(dX: Tensor, y: Tensor, dY: Tensor, start: number, end: number): void {
  const [out, gradient, from] = [bitsOf(dX), bitsOf(dY), bitsOf(y)];
  for (let i = start; i < end; i++) {
    for (let at = i * y.stride, last = at + y.cols; at < last; at++) {
      const bits = from[at];
      const isPositive = (-bits >> 31) & ~(bits >> 31) & ~((INFINITY - bits) >> 31); // -1 or 0
      out[at] = gradient[at] & isPositive;
    }
  }
}

function tanhBackward(dX: Tensor, y: Tensor, dY: Tensor, start: number, end: number): void {
  for (let i = start; i < end; i++) {
    for (let at = i * y.stride, last = at + y.cols; at < last; at++) {
      const value = y.data[at];
      dX.data[at] = dY.data[at] * f(1 - f(value * value));
    }
  }
}

function sigmoidBackward(dX: Tensor, y: Tensor, dY: Tensor, start: number, end: number): void {
  for (let i = start; i < end; i++) {
    for (let at = i * y.stride, last = at + y.cols; at < last; at++) {
      const value = y.data[at];
      dX.data[at] = dY.data[at] * f(value * f(1 - value));
    }
  }
}
