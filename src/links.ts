// Link functions: from a score to the prediction that it stands for. Prediction knows the built-in losses by
// these alone.

import { checkChoice, wrongType } from "./core/errors.ts";
import { sigmoid } from "./core/math.ts";

/** From a score to a prediction; null if the score is the prediction. */
export type Link = ((score: number) => number) | null;

/** The losses known by name. */
export type LossName = "squared" | "log" | "hinge" | "bpr" | "max-margin";

/** The link of each built-in loss: the log loss predicts a probability. */
export const LINKS: Readonly<Record<LossName, Link>> = {
  squared: null,
  log: sigmoid,
  hinge: null,
  bpr: null,
  "max-margin": null,
};

/** The names of the built-in losses. */
export const LOSS_NAMES: readonly LossName[] = /* @__PURE__ */ Object.keys(LINKS) as LossName[];

/** The link of a loss, built in or the user's own. */
export function linkOf(loss: LossName | object): Link {
  if (typeof loss === "string") return LINKS[loss];
  return (loss as { link?(score: number): number }).link?.bind(loss) ?? null;
}

/**
 * The loss that a model file names, or the one that takes its place.
 *
 * @param config The configuration in the file.
 * @param given A loss that takes the place of the saved one.
 * @param place What errors start with.
 * @throws Error if the saved loss is the user's own and none is given; TypeError or RangeError for what is no
 *   loss.
 */
export function savedLoss<L extends object>(
  { loss, customLoss }: { readonly loss?: unknown; readonly customLoss?: unknown },
  given: LossName | L | undefined,
  place: string,
): LossName | L {
  const isUnknown = typeof loss === "string" && !(LOSS_NAMES as readonly string[]).includes(loss);
  if (given === undefined && (customLoss === true || isUnknown)) {
    const name = JSON.stringify(loss);
    throw new Error(
      `${place}: the model was trained with a loss of its own (${name}); pass it as load(bytes, { loss })`,
    );
  }
  const chosen = given ?? loss ?? "squared";
  if (typeof chosen === "string") return checkChoice(`${place}: loss`, chosen, LOSS_NAMES);
  if (typeof chosen === "object") return chosen as L;
  throw wrongType(`${place}: loss`, "the name of a loss, or { kind, name, value, gradient }", chosen);
}
