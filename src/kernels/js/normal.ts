// Random rows in plain JavaScript.

import { type RandomKey, randomNormal } from "../../core/random.ts";
import type { Tensor } from "../../core/tensor.ts";
import type { RandomKernels } from "../kernels.ts";

/**
 * Makes the plain kernel of random rows.
 *
 * @returns The kernel.
 */
export function createRandomKernels(): RandomKernels {
  return {
    normalRow({ data, cols, stride }: Tensor, i: number, key: RandomKey, std: number) {
      const row = i * stride;
      for (let j = 0; j < cols; j++) data[row + j] = std * randomNormal(key, j);
    },
  };
}
