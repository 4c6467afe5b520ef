// The set of kernels that checks numbers. `memory.addKernels(checkKernels)` adds it.

import { createCheckKernels } from "./js/check.ts";
import type { KernelSet } from "./kernel-set.ts";
import type { CheckKernels } from "./kernels.ts";
import { bind, emit } from "./wasm/check.ts";

/** The kernel that finds numbers that are not finite. */
export const checkKernels: KernelSet<CheckKernels> = { create: createCheckKernels, emit, bind };
