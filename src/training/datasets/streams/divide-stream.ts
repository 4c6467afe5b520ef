// What `fit` does with a stream before training: a first reading, and the division into rows that are trained
// on and rows that are held out.

import type { Pacer } from "../../../core/event-loop.ts";
import type { FeatureSpace } from "../../../data/rows.ts";
import { readRows } from "../../../data/rows.ts";
import type { PointwiseLoss } from "../../../losses.ts";
import type { HeldOutRows, MeasurableSource, StreamedSource } from "../../dataset.ts";
import type { FitSettings } from "../../fit-options.ts";
import type { StreamContext } from "../../learner.ts";
import {
  type Division,
  describeDivision,
  planValidation,
  refuseWithoutValidation,
  withFewEpochs,
} from "../../validation.ts";
import { checkLabeledRows, LabeledRows, meanLoss } from "../labeled-rows.ts";
import type { OpenBlocks } from "./blocks.ts";
import { type HeldOutBlock, type Survey, surveyStream } from "./survey.ts";
import { StreamedRows } from "./windows.ts";

/**
 * Reads a stream for the first time and divides it as the option `validation` says.
 *
 * @param open Opens the stream.
 * @param settings The checked options of `fit`.
 * @param context What is known of the model.
 * @returns The parts.
 * @throws TypeError, RangeError or Error that names the block, or what the stream throws.
 */
export async function divideStream(
  open: OpenBlocks,
  settings: FitSettings,
  { knownRange, pacer, ...plan }: StreamContext,
): Promise<Division> {
  const place = `${plan.caller}: `;
  const { loss, seed } = plan;
  const { validation } = settings;
  const share = validation === "auto" || typeof validation === "number" ? validation : 0;
  const survey = async (share: number | "auto", pacer: Pacer): Promise<Survey> => {
    return surveyStream(open, { ...plan, share }, pacer);
  };
  const sourceOf = (found: Survey): StreamedSource => sourceFrom(found, place, open, loss, settings.window);
  const found = await survey(share, pacer);
  const { rows } = found;
  const kept = sourceOf(found);
  const whole = { rows, kept, validation: null, settings, refitOn: null, notice: null };
  const context = { place, loss, seed, knownRange };
  if (typeof validation === "object") {
    const inside = `${place}validation.`;
    const { x, y, groups } = validation as { x?: unknown; y?: unknown; groups?: unknown };
    const heldOut = new LabeledRows(
      inside,
      loss,
      checkLabeledRows(inside, loss, x, y, { groups }, found.classes),
    );
    if (heldOut.size === 0) throw new RangeError(`${place}validation needs at least one row, got 0`);
    return { ...whole, validation: planValidation(kept, heldOut, settings, context) };
  }
  if (found.heldOut.length === 0) {
    if (share !== "auto") return whole;
    refuseWithoutValidation(place, settings);
    return { ...whole, settings: withFewEpochs(settings, loss, rows) };
  }
  const heldOut = new HeldOutStream(found.heldOut, loss);
  const limits = share === "auto" ? { ...settings, ...settings.automatic } : settings;
  const all = { size: rows, groups: null };
  return {
    ...{ ...whole, settings: limits },
    validation: planValidation(kept, heldOut, limits, context),
    refitOn: settings.refit ? async (pacer) => sourceOf(await survey(0, pacer)) : null,
    notice: share === "auto" ? describeDivision(all, heldOut, settings, place) : null,
  };
}

/** Makes what is trained on. */
function sourceFrom(
  { rows, isHeldOut, labels, classes, space, levels }: Survey,
  place: string,
  open: OpenBlocks,
  loss: PointwiseLoss,
  window: number,
): StreamedSource {
  const { statistics, range } = labels;
  return {
    ...{ size: statistics.count, labelRange: range, classes, learned: { space, levels } },
    statistics: () => statistics,
    // biome-ignore lint/correctness/useYield: nothing is read before the first epoch
    *read(space, unit) {
      const size = statistics.count;
      return new StreamedRows({ place, open, rows, size, isHeldOut, classes, loss, window, space, unit });
    },
  };
}

/** Rows of a stream that were held out. */
class HeldOutStream implements Pick<MeasurableSource, "size" | "targets" | "groups" | "readHeldOut"> {
  readonly size: number;
  readonly targets: Float64Array;
  readonly groups = null;
  readonly #blocks: readonly HeldOutBlock[];
  readonly #loss: PointwiseLoss;

  constructor(blocks: readonly HeldOutBlock[], loss: PointwiseLoss) {
    this.size = blocks.reduce((size, { targets }) => size + targets.length, 0);
    this.targets = new Float64Array(this.size);
    let at = 0;
    for (const { targets } of blocks) {
      this.targets.set(targets, at);
      at += targets.length;
    }
    this.#blocks = blocks;
    this.#loss = loss;
  }

  *readHeldOut(place: string, space: FeatureSpace): Generator<void, HeldOutRows> {
    const parts = [];
    for (const { x } of this.#blocks) parts.push(yield* readRows(x, space, `${place}x`));
    return { parts, loss: (scores) => meanLoss(this.#loss, scores, this.targets, null) };
  }
}
