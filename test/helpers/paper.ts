// The settings of the paper (section 4.1 of He & Chua 2017), given in full. Tests whose numbers must not move
// with the defaults use them.

import { Adagrad, type NFMOptions } from "../../src/index.ts";

export const PAPER: NFMOptions = {
  batchNorm: true,
  dropout: { biInteraction: 0.5, hidden: 0.2 },
  l2: {},
  initStd: 0.01,
  optimizer: new Adagrad(),
};

/** The same without hidden layers, which have no batch normalization by themselves. */
export const PAPER_FM: NFMOptions = { ...PAPER, hiddenUnits: [], batchNorm: false };
