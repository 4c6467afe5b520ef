// The SIMD kernel of lists: the function of its module, and the call of this function. js/softmax.ts
// describes the exponential function. Addresses and strides are in bytes.

import { INV_LN2, LEAST, LN2_HIGH, LN2_LOW, ROUNDER, TAYLOR } from "../js/softmax.ts";
import type { Exports, RowAddress } from "../kernel-set.ts";
import type { ListKernels } from "../kernels.ts";
import {
  type Expression,
  type FunctionBuilder,
  lane,
  type ModuleBuilder,
  type Operand,
  op,
  shuffle,
  type Variable,
} from "./assembler.ts";
import { rowBytes } from "./forward.ts";
import { add, at, columns, div, integers, mul, plus, range, splat, sub, vector } from "./vectors.ts";

/** Number of vectors that a step of a loop processes. */
const UNROLL = 4;

/**
 * Adds `softmaxRows` of kernels.ts.
 *
 * @param m The module.
 */
export function emit(m: ModuleBuilder): void {
  m.function(
    "softmaxRows",
    [...integers(7), "f32"] as const,
    (f, y, x, most, sums, width, start, end, scale) => {
      f.for(start, end, 1, (i) => {
        const [from, to] = [x, y].map((matrix) => f.local("i32", at(matrix, i, width)));
        const largest = f.local("v128", splat(-Infinity));
        columns(f, 0, width, UNROLL, (j, vectors) => {
          range(vectors).forEach((c) =>
            f.set(largest, op("f32x4.max", largest, vector(plus(from, j), 16 * c))),
          );
        });
        for (const [a, b] of [
          [2, 3],
          [1, 0],
        ]) {
          f.set(largest, op("f32x4.max", largest, shuffle(largest, largest, a, b, a, b)));
        }
        f.set(largest, splat(lane(largest, 0)));
        const sum = f.local("v128", splat(0));
        columns(f, 0, width, UNROLL, (j, vectors) => {
          const powers = range(vectors).map((c) =>
            expBelowZero(f, sub(vector(plus(from, j), 16 * c), largest)),
          );
          powers.forEach((power, c) => {
            f.store("v128.store", plus(to, j), power, 16 * c);
            f.set(sum, add(sum, power));
          });
        });
        f.set(sum, add(sum, shuffle(sum, sum, 2, 3, 2, 3))); // s0 + s2, s1 + s3
        f.set(sum, splat(op("f32.add", lane(sum, 0), lane(sum, 1))));
        const factor = f.local("v128", div(splat(scale), sum));
        columns(f, 0, width, UNROLL, (j, vectors) => {
          range(vectors).forEach((c) =>
            f.store("v128.store", plus(to, j), mul(vector(plus(to, j), 16 * c), factor), 16 * c),
          );
        });
        f.store("f32.store", at(most, i, 4), lane(largest, 0));
        f.store("f32.store", at(sums, i, 4), lane(sum, 0));
      });
    },
  );
}

/** Writes e^x for a vector of numbers of at most 0. Returns the result. */
function expBelowZero(f: FunctionBuilder, value: Expression): Variable {
  const x = f.local("v128", value);
  const t = TAYLOR.map(splat);
  const rounded = f.local("v128", add(mul(x, splat(INV_LN2)), splat(ROUNDER)));
  const n = f.local("v128", sub(rounded, splat(ROUNDER)));
  const r = f.local("v128", sub(sub(x, mul(n, splat(LN2_HIGH))), mul(n, splat(LN2_LOW))));
  const square = f.local("v128", mul(r, r));
  const line = (a: Operand, b: Operand): Expression => add(a, mul(r, b));
  const low = f.local("v128", add(add(t[0], r), mul(square, line(t[2], t[3]))));
  const high = add(line(t[4], t[5]), mul(square, line(t[6], t[7])));
  const power = mul(add(low, mul(mul(square, square), high)), op("i32x4.shl", rounded, 23));
  return f.local("v128", op("v128.and", power, op("f32x4.gt", x, splat(LEAST))));
}

/**
 * Makes the kernel of lists from the function that `emit` added.
 *
 * @param wasm The functions.
 * @param row Returns the address of a row.
 * @returns The kernel.
 */
export function bind(wasm: Exports, row: RowAddress): ListKernels {
  return {
    softmaxRows(y, x, most, sums, scale, start, end) {
      const [out, columnOfMost, columnOfSums] = [y, most, sums].map((tensor) => row(tensor, 0));
      wasm.softmaxRows(out, row(x, 0), columnOfMost, columnOfSums, rowBytes(x), start, end, scale);
    },
  };
}
