// The kernels of prediction as a set, which every memory has.

import { createForwardKernels } from "./js/forward.ts";
import type { KernelSet } from "./kernel-set.ts";
import type { ForwardKernels } from "./kernels.ts";
import { bind, emit } from "./wasm/forward.ts";

/** Linear term, Bi-Interaction, products, activations, normalization and the score. */
export const forwardKernels: KernelSet<ForwardKernels> = { create: createForwardKernels, emit, bind };
