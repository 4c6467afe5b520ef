// The set of kernels for prediction. Every memory has it.

import { createForwardKernels } from "./js/forward.ts";
import type { KernelSet } from "./kernel-set.ts";
import type { ForwardKernels } from "./kernels.ts";
import { split } from "./threads/split-forward.ts";
import { bind, emit } from "./wasm/forward.ts";

/** The kernels for linear term, Bi-Interaction, products, activations, normalization and score. */
export const forwardKernels: KernelSet<ForwardKernels> = { create: createForwardKernels, emit, bind, split };
