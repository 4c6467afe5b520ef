// The numbers behind `validation: "auto"`: when rows are held out, how many, how often the model is measured,
// and when training stops. They were chosen by measurement. A row is an example: a labeled row or a pair.

import { type Loss, squared } from "../losses.ts";

/** The least number of rows at which some are held out. */
export const LEAST_ROWS = 1000;

/**
 * The least number of groups at which some are held out, if there are groups. Whole groups are held out: a
 * tenth of fewer groups is less than one.
 */
export const LEAST_GROUPS = 10;

/** The share of the rows that is held out. */
export const SHARE = 0.1;

/** The largest number of rows that is held out. */
export const MOST_HELD_OUT = 100_000;

/** The largest number of passes over the rows. */
export const MOST_EPOCHS = 100;

/** The number of passes over fewer rows than `LEAST_ROWS`, with the squared loss and with other losses. */
const FEW_EPOCHS = { squared: 40, other: 20 };

/** The number of checks in a row without improvement after which training stops. */
export const PATIENCE = 8;

/** The largest number of checks in an epoch. */
const MOST_CHECKS = 4;

/** The least number of rows between two checks, if an epoch has several. */
const ROWS_PER_CHECK = 20_000;

/**
 * Says which share of the rows is held out.
 *
 * @param rows Number of rows.
 * @returns The share, above 0 and below 1; null: nothing is held out.
 */
export function autoShare(rows: number): number | null {
  return rows < LEAST_ROWS ? null : Math.min(SHARE, MOST_HELD_OUT / rows);
}

/**
 * Says how often the rows are visited if nothing is held out.
 *
 * @param loss The loss.
 * @param rows Number of rows.
 * @returns The number of passes; null: the default of `epochs`.
 */
export function fewEpochs(loss: Loss, rows: number): number | null {
  if (rows >= LEAST_ROWS) return null;
  return loss === squared ? FEW_EPOCHS.squared : FEW_EPOCHS.other;
}

/**
 * Says how often the model is measured.
 *
 * @param rows Number of rows of an epoch.
 * @returns The number of checks in an epoch, at least 1. They lie at equal distances, the last one at the
 *   end.
 */
export function checksPerEpoch(rows: number): number {
  return Math.max(1, Math.min(MOST_CHECKS, Math.floor(rows / ROWS_PER_CHECK)));
}
