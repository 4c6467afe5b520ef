// The settings of the paper's experiments (He & Chua 2017, section 4.1), given in full: `fit` has other
// defaults.

import { Adagrad, type NFMOptions } from "../src/index.ts";

export const PAPER: NFMOptions = {
  batchNorm: true,
  dropout: { biInteraction: 0.5, hidden: 0.2 },
  l2: {},
  initStd: 0.01,
  optimizer: new Adagrad(),
};
