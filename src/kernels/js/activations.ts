// The activation kernels in plain JavaScript. relu works on the bits of its floats: a branch on random signs would be
// mispredicted half the time.

import { sigmoid, tanh } from "../../core/math.ts";
import { bitsOf, type Tensor } from "../../core/tensor.ts";
import type { ActivationName } from "../kernels.ts";

const f = Math.fround;

interface Activation {
  forward(y: Tensor, x: Tensor, start: number, end: number): void;
  backward(dX: Tensor, y: Tensor, dY: Tensor, start: number, end: number): void;
}

const MINUS_INFINITY = -0x800000; // as bits; negative numbers have bits up to it, negative NaNs above
const INFINITY = 0x7f800000;

/** relu(x) = x > 0 ? x : 0, and NaN for NaN. */
const relu: Activation = {
  forward(y, x, start, end) {
    const [from, to] = [bitsOf(x), bitsOf(y)];
    for (let i = start; i < end; i++) {
      for (let at = i * x.stride, last = at + x.cols; at < last; at++) {
        const bits = from[at];
        const isNegative = (bits >> 31) & ~((MINUS_INFINITY - bits) >> 31); // -1 or 0
        to[at] = bits & ~isNegative;
      }
    }
  },
  backward(dX, y, dY, start, end) {
    const [out, gradient, from] = [bitsOf(dX), bitsOf(dY), bitsOf(y)];
    for (let i = start; i < end; i++) {
      for (let at = i * y.stride, last = at + y.cols; at < last; at++) {
        const bits = from[at];
        const isPositive = (-bits >> 31) & ~(bits >> 31) & ~((INFINITY - bits) >> 31);
        out[at] = gradient[at] & isPositive;
      }
    }
  },
};

/** An activation by its function and its derivative in terms of y. */
function smooth(apply: (x: number) => number, derivative: (y: number) => number): Activation {
  return {
    forward(y, x, start, end) {
      for (let i = start; i < end; i++) {
        for (let at = i * x.stride, last = at + x.cols; at < last; at++) y.data[at] = apply(x.data[at]);
      }
    },
    backward(dX, y, dY, start, end) {
      for (let i = start; i < end; i++) {
        for (let at = i * y.stride, last = at + y.cols; at < last; at++) dX.data[at] = dY.data[at] * derivative(y.data[at]);
      }
    },
  };
}

export const ACTIVATIONS: Record<ActivationName, Activation> = {
  relu,
  tanh: /* @__PURE__ */ smooth(tanh, (y) => f(1 - f(y * y))),
  sigmoid: /* @__PURE__ */ smooth(sigmoid, (y) => f(y * f(1 - y))),
};
