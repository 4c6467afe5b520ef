// How several threads share the kernel of lists.

import type { ListKernels } from "../kernels.ts";
import type { Recorder } from "./recorder.ts";

/**
 * Makes the kernel that writes its calls down. See `KernelSet.split`.
 *
 * @param k The same kernel, whose function is that of the recorder.
 * @param recorder Writes the calls down.
 * @returns The kernel.
 */
export function split(k: ListKernels, recorder: Recorder): ListKernels {
  return {
    softmaxRows(y, x, most, sums, scale, start, end) {
      const call = (from: number, to: number): void => k.softmaxRows(y, x, most, sums, scale, from, to);
      recorder.add("rows", start, end, call);
    },
  };
}
