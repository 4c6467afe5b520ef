// The set of kernels for initial values. `memory.addKernels(randomKernels)` adds it.

import { createRandomKernels } from "./js/normal.ts";
import type { KernelSet } from "./kernel-set.ts";
import type { RandomKernels } from "./kernels.ts";
import { bind, emit } from "./wasm/normal.ts";

/** The kernel for rows of normal random numbers. */
export const randomKernels: KernelSet<RandomKernels> = { create: createRandomKernels, emit, bind };
