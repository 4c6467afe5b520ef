// The set of kernels that training needs besides those of prediction. `memory.addKernels(trainingKernels)`
// adds it.

import { createTrainingKernels } from "./js/training.ts";
import type { KernelSet } from "./kernel-set.ts";
import type { TrainingKernels } from "./kernels.ts";
import { split } from "./threads/split-training.ts";
import { bind, emit } from "./wasm/training.ts";

/** The kernels for gradients, batch statistics, dropout and optimizer steps. */
export const trainingKernels: KernelSet<TrainingKernels> = {
  create: createTrainingKernels,
  emit,
  bind,
  split,
};
