// The SIMD check for finite numbers: the function of its module, and its call.

import type { Exports, RowAddress } from "../kernel-set.ts";
import type { CheckKernels } from "../kernels.ts";
import { load, type ModuleBuilder, op } from "./assembler.ts";
import { add, columns, integers, mul, range, splat, vector } from "./vectors.ts";

/** Vectors of a block, each with a sum of its own, because a sum waits for the one before. */
const SUMS = 4;

/**
 * Adds `zeroTimes` of kernels.ts. Start and end are byte addresses.
 *
 * @param m The module.
 */
export function emit(m: ModuleBuilder): void {
  m.function("zeroTimes", integers(3), (f, out, start, end) => {
    const zero = f.local("v128");
    const sums = range(SUMS).map(() => f.local("v128"));
    const whole = f.local("i32", op("i32.add", start, op("i32.and", op("i32.sub", end, start), -16)));
    columns(f, start, whole, SUMS, (j, vectors) => {
      for (const k of range(vectors)) f.set(sums[k], add(sums[k], mul(vector(j, 16 * k), zero)));
    });
    f.while(whole, end, 4, () => f.set(sums[0], add(sums[0], mul(splat(load("f32.load", whole)), zero))));
    f.store("v128.store", out, add(add(sums[0], sums[1]), add(sums[2], sums[3])));
  });
}

/**
 * Makes the kernel from the function that `emit` added.
 *
 * @param wasm The functions.
 * @param row Returns the address of a row.
 * @returns The kernel.
 */
export function bind(wasm: Exports, row: RowAddress): CheckKernels {
  return {
    zeroTimes(out, x, start, end) {
      const first = row(x, 0);
      wasm.zeroTimes(row(out, 0), first + 4 * start, first + 4 * end);
    },
  };
}
