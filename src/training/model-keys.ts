// The names of the options of `new NFM`.

import { STACK_KEYS } from "../model/architecture.ts";

/** The options of the constructor. */
export const MODEL_KEYS: readonly string[] = [
  ...[
    "embeddingDim",
    ...STACK_KEYS,
    "layers",
    "loss",
    "labels",
    "optimizer",
    "learningRate",
    "l2",
    "initStd",
  ],
  ...[
    "numFeatures",
    "maxFeatures",
    "grow",
    "numbers",
    "fields",
    "encoder",
    "seed",
    "backend",
    "threads",
    "workerUrl",
    "onNotice",
    "notices",
  ],
];
