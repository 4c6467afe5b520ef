// Link functions map a score to a prediction. Prediction needs only the link of a loss, so it imports this
// file and not losses.ts.

import { checkChoice, wrongType } from "./core/errors.ts";
import { sigmoid } from "./core/math.ts";

/** Maps a score to a prediction; null if the score is the prediction. */
export type Link = ((score: number) => number) | null;

/** The names of the built-in losses. */
export type LossName = "squared" | "log" | "hinge" | "bpr" | "max-margin" | "softmax";

/** The link of each built-in loss. Only the log loss has one, which gives a probability. */
export const LINKS: Readonly<Record<LossName, Link>> = {
  squared: null,
  log: sigmoid,
  hinge: null,
  bpr: null,
  "max-margin": null,
  softmax: null,
};

/** The names of the built-in losses, in the order of error messages. */
export const LOSS_NAMES: readonly LossName[] = /* @__PURE__ */ Object.keys(LINKS) as LossName[];

/**
 * Returns the link of a loss.
 *
 * @param loss The name of a built-in loss, or a loss of the user's own.
 * @returns The link; null if it has none.
 */
export function linkOf(loss: LossName | object): Link {
  if (typeof loss === "string") return LINKS[loss];
  return (loss as { link?(score: number): number }).link?.bind(loss) ?? null;
}

/**
 * Returns the loss of a model file, or the loss that replaces it.
 *
 * @param config The configuration in the file.
 * @param given A loss that replaces the saved one; undefined: none.
 * @param place What errors start with.
 * @returns The name of a built-in loss, or `given`.
 * @throws Error if the saved loss is the user's own and none is given; TypeError or RangeError for a value
 *   that is not a loss.
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
  if (typeof chosen === "object" && "kind" in chosen) return chosen as L;
  throw wrongType(`${place}: loss`, "the name of a loss, or { kind, name, value, gradient }", chosen);
}
