// The check for finite numbers in plain JavaScript.

import { allFinite } from "../../core/tensor.ts";
import type { CheckKernels } from "../kernels.ts";

/**
 * Makes the plain kernel.
 *
 * @returns The kernel.
 */
export function createCheckKernels(): CheckKernels {
  return {
    zeroTimes(out, x, start, end) {
      out.data.fill(allFinite(x.data.subarray(start, end)) ? 0 : NaN);
    },
  };
}
