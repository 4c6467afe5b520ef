// What a training has led to, for the summary and the report.

import type { History, NFM } from "../../index.ts";
import type { Parts } from "./held-out.ts";
import type { TrainLabels } from "./labels.ts";
import type { TrainPlan } from "./options.ts";
import type { FileRows } from "./rows.ts";

/** What a training has led to. */
export interface Trained {
  readonly plan: TrainPlan;
  readonly rows: FileRows;
  /** The labels as `fit` took them. */
  readonly y: TrainLabels;
  readonly model: NFM;
  readonly history: History;
  /** The rows that were held out of the file; null: none. */
  readonly parts: Parts | null;
  /** The rows of the validation file and their labels; null: there is none. */
  readonly validation: { readonly rows: FileRows; readonly y: TrainLabels } | null;
  /** Notices in words. */
  readonly notices: readonly string[];
  /** Wall-clock seconds of the training. */
  readonly seconds: number;
}

/**
 * Turns labels into numbers: of two classes, the second is 1.
 *
 * @param y Labels, (rows).
 * @param model The model, which knows the classes.
 * @returns Numbers, (rows).
 */
export function numbersOf(y: ArrayLike<number | string>, { classes }: Pick<NFM, "classes">): number[] {
  return Array.from(y, (label) => (classes === null ? Number(label) : label === classes[1] ? 1 : 0));
}
