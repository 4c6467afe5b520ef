// The kernels of training as a set: `memory.addKernels(trainingKernels)` gives all kernels.

import { createTrainingKernels } from "./js/training.ts";
import type { KernelSet } from "./kernel-set.ts";
import type { TrainingKernels } from "./kernels.ts";
import { bind, emit } from "./wasm/training.ts";

/** Gradients, batch statistics, dropout and optimizer steps. */
export const trainingKernels: KernelSet<TrainingKernels> = { create: createTrainingKernels, emit, bind };
