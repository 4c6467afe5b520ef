// The defaults of the options that should depend on the training data: few rows need more regularization than
// many. They were chosen by measurement (`npm run bench -- defaults`); docs/performance.md has the table.

import { type Loss, squared } from "../losses.ts";
import { LEAST_ROWS } from "./auto.ts";

/** Defaults of `new NFM` that depend on the data. */
export interface Defaults {
  /** Dropout rates. */
  readonly dropout: { readonly biInteraction: number; readonly hidden: number };
  /** L2 coefficient of embeddings and linear weights. */
  readonly l2: number;
  /** Standard deviation of the initial embeddings. */
  readonly initStd: number;
  /** Options of Adagrad. */
  readonly adagrad: { readonly learningRate: number; readonly initialAccumulator: number };
}

/** Fewer rows than this are counted as so many: a try with five rows should show an effect. */
const COUNTED_ROWS = 500;

/**
 * Chooses the defaults for a `fit`.
 *
 * @param loss The loss.
 * @param rows Number of rows or pairs, those that are held out and the negatives of events included; null:
 *   not known, as in a stream of `partialFit`.
 * @returns The defaults.
 */
export function defaultsFor(loss: Loss, rows: number | null): Defaults {
  const many = loss === squared ? { biInteraction: 0.1, hidden: 0 } : { biInteraction: 0.5, hidden: 0.2 };
  if (rows === null) {
    const adagrad = { learningRate: 0.05, initialAccumulator: 1e-8 };
    return { dropout: many, l2: 0, initStd: 0.01, adagrad };
  }
  const counted = Math.max(rows, COUNTED_ROWS);
  const isFew = rows < LEAST_ROWS; // nothing is held out of so few
  return {
    // A pairwise loss learns from every row in several pairs.
    dropout: isFew && loss.kind === "pointwise" ? { biInteraction: 0.8, hidden: 0.3 } : many,
    l2: 5 / counted,
    // Few steps must be enough to leave the region where interactions are so small that they have no
    // gradient.
    initStd: isFew ? 0.2 : Math.max(2 / Math.sqrt(rows), 0.01),
    adagrad: { learningRate: 0.1, initialAccumulator: 0.5 / counted },
  };
}
