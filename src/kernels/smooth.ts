// The set of kernels for tanh and sigmoid. `memory.addKernels(smoothKernels)` adds it, and from then on
// `activationForward` runs with SIMD and on several threads for all activations.

import { activationForward } from "./js/activations.ts";
import type { KernelSet } from "./kernel-set.ts";
import type { SmoothKernels } from "./kernels.ts";
import { bind, emit } from "./wasm/smooth.ts";

/** The kernel for activations. */
export const smoothKernels: KernelSet<SmoothKernels> = {
  create: () => ({ activationForward }),
  emit,
  bind,
  split: (k, recorder) => ({
    activationForward(name, y, x, start, end) {
      recorder.add("rows", start, end, (from, to) => k.activationForward(name, y, x, from, to));
    },
  }),
};
