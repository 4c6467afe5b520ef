// Finds the rows that `fit` held out, so that the finished model can be shown on them.

import { readIds } from "../../data/ids.ts";
import { checkRows } from "../../data/rows.ts";
import { readTimes } from "../../data/times.ts";
import { type History, type IdsOption, NFM } from "../../index.ts";
import { autoShare } from "../../training/auto.ts";
import { splitRows } from "../../training/datasets/split.ts";
import type { TrainPlan } from "./options.ts";
import type { FileRows } from "./rows.ts";

/** The numbers of the rows that were trained on, and of those that were held out. */
export interface Parts {
  readonly kept: Uint32Array;
  readonly heldOut: Uint32Array;
}

/**
 * Divides the rows as `fit` did.
 *
 * @param rows The rows of the training file.
 * @param plan The options.
 * @param model The trained model.
 * @param history The history of the training.
 * @returns The parts; null if no rows of this file were held out.
 */
export function partsOf(rows: FileRows, plan: TrainPlan, model: NFM, history: History): Parts | null {
  const { validation, fit } = plan;
  if (history.checks.length === 0 || (validation !== "auto" && typeof validation !== "number")) return null;
  const share = validation === "auto" ? autoShare(rows.size) : validation;
  if (share === null) return null;
  const x = checkRows(rows.x, "x");
  const groups = rows.groups === undefined ? null : readIds(rows.groups as IdsOption, x, "x: groups", "x");
  const times = fit.time === undefined ? null : readTimes(fit.time, x, "");
  const { seed } = NFM.learnerOf(model).settings;
  const [kept, heldOut] = splitRows("", { rows: rows.size, groups, times, share, seed });
  return { kept, heldOut };
}

/** Takes the labels of some rows. */
export function takeLabels(y: ArrayLike<number | string>, numbers: Uint32Array): (number | string)[] {
  return Array.from(numbers, (row) => y[row]);
}
