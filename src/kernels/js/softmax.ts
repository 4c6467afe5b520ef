// The softmax of lists in plain JavaScript. Its exponential function is `expBelowZero` of core/math.ts
// (x = n ln 2 + r, and a Taylor polynomial of degree 7 for e^r), with every operation rounded to float32.

import type { Tensor } from "../../core/tensor.ts";
import type { ListKernels } from "../kernels.ts";

const f = Math.fround;

/** From here down e^x counts as 0. Above it, 2^n is a normal float32. */
export const LEAST = -87;
/** 1 / ln 2. */
export const INV_LN2: number = f(1.4426950408889634);
/** ln 2 = LN2_HIGH + LN2_LOW, and n * LN2_HIGH is exact for |n| < 2^15. */
export const LN2_HIGH = 0.693359375;
export const LN2_LOW: number = f(-2.1219444005469057e-4);
/**
 * 1.5 * 2^23 + 127. Adding it rounds a number to the next integer n, and leaves n + 127, the exponent of 2^n,
 * in the last bits of the sum.
 */
export const ROUNDER = 12583039;
/** 1 / i! for i = 0 to 7. */
export const TAYLOR: readonly number[] = [1, 1, 2, 6, 24, 120, 720, 5040].map((factorial) =>
  f(1 / factorial),
);

/**
 * Makes the plain kernel of lists.
 *
 * @returns The kernel, with its own workspace.
 */
export function createListKernels(): ListKernels {
  const partial = new Float32Array(4);
  const float = new Float32Array(1);
  const bits = new Int32Array(float.buffer);

  /** e^x for x of at most 0. */
  const expBelowZero = (x: number): number => {
    if (!(x > LEAST)) return 0;
    float[0] = f(x * INV_LN2) + ROUNDER;
    const n = f(float[0] - ROUNDER);
    const r = f(f(x - f(n * LN2_HIGH)) - f(n * LN2_LOW));
    const square = f(r * r);
    const low = f(f(TAYLOR[0] + r) + f(square * f(TAYLOR[2] + f(r * TAYLOR[3]))));
    const high = f(f(TAYLOR[4] + f(r * TAYLOR[5])) + f(square * f(TAYLOR[6] + f(r * TAYLOR[7]))));
    bits[0] <<= 23;
    return f(f(low + f(f(square * square) * high)) * float[0]);
  };

  return {
    softmaxRows(y: Tensor, x: Tensor, most: Tensor, sums: Tensor, scale: number, start: number, end: number) {
      const { data, stride } = x;
      const out = y.data;
      for (let i = start; i < end; i++) {
        const row = i * stride;
        let largest = -Infinity;
        for (let j = row; j < row + stride; j++) largest = Math.max(largest, data[j]);
        partial.fill(0);
        for (let j = 0; j < stride; j++) {
          const e = expBelowZero(f(data[row + j] - largest));
          out[row + j] = e;
          partial[j & 3] += e;
        }
        const sum = f(f(partial[0] + partial[2]) + f(partial[1] + partial[3]));
        const factor = f(f(scale) / sum);
        for (let j = row; j < row + stride; j++) out[j] *= factor;
        most.data[i] = largest;
        sums.data[i] = sum;
      }
    },
  };
}
