// The set of kernels for lists of scores. `memory.addKernels(listKernels)` adds it.

import { createListKernels } from "./js/softmax.ts";
import type { KernelSet } from "./kernel-set.ts";
import type { ListKernels } from "./kernels.ts";
import { split } from "./threads/split-lists.ts";
import { bind, emit } from "./wasm/softmax.ts";

/** The kernel for the softmax of rows. */
export const listKernels: KernelSet<ListKernels> = { create: createListKernels, emit, bind, split };
