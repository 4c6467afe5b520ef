// The settings of the paper, for tests whose numbers must not move with the defaults.

import { PAPER } from "../../bench/paper.ts";
import type { NFMOptions } from "../../src/index.ts";

export { PAPER };

/** The same without hidden layers, which have no batch normalization by themselves. */
export const PAPER_FM: NFMOptions = { ...PAPER, hiddenUnits: [], batchNorm: false };
