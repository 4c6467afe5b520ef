// The defaults of the options that should depend on the training data: few rows need more regularization than
// many. They were chosen by measurement (`npm run bench -- defaults`); docs/performance.md has the table.

import { type Loss, squared } from "../losses.ts";

/** Defaults of `new NFM` that depend on the data. */
export interface Defaults {
  /** Dropout rates. */
  readonly dropout: { readonly biInteraction: number; readonly hidden: number };
  /** L2 coefficient of embeddings and linear weights. */
  readonly l2: number;
  /** Initial value of Adagrad's sums of squares. */
  readonly initialAccumulator: number;
}

/** Below this number of rows nothing is held out, and the model is regularized most. */
const FEW_ROWS = 1000;

/** L2 and the initial accumulator are these numbers divided by the number of rows. */
const L2_ROWS = 5;
const ACCUMULATOR_ROWS = 0.05;

/**
 * Chooses the defaults for a `fit`.
 *
 * @param loss The loss.
 * @param rows Number of rows, pairs or events to train on; null: not known, as in a stream of `partialFit`.
 * @returns The defaults.
 */
export function defaultsFor(loss: Loss, rows: number | null): Defaults {
  const isSmooth = loss === squared && (rows === null || rows >= FEW_ROWS);
  return {
    dropout: isSmooth ? { biInteraction: 0.1, hidden: 0 } : { biInteraction: 0.3, hidden: 0.2 },
    l2: rows === null ? 0 : L2_ROWS / rows,
    initialAccumulator: rows === null ? 1e-8 : ACCUMULATOR_ROWS / rows,
  };
}
