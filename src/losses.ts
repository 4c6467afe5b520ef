// Losses as scalar functions in score space (section 3.2). A pointwise loss compares a score with a target, a
// pairwise one looks at the difference between the scores of a positive and a negative row. All are stable at
// any score.

import { checkChoice, checkNumber, wrongType } from "./core/errors.ts";
import { sigmoid, softplus } from "./core/math.ts";
import { LINKS, LOSS_NAMES, type LossName } from "./links.ts";

/** A loss of one score against one target; your own may be passed to `NFM`. */
export interface PointwiseLoss {
  readonly kind: "pointwise";
  /** Stands in the model file; a loss of your own is passed to `NFM.load` again. */
  readonly name: string;
  /** The loss, in float64. */
  value(score: number, target: number): number;
  /** Its derivative by the score. */
  gradient(score: number, target: number): number;
  /** From score to prediction. Default: the score itself. */
  link?(score: number): number;
  /** From a label as users write it to a target; NaN refuses the label. Default: the label itself. */
  target?(label: number): number;
  /** What `target` accepts, in words, for the error message. */
  readonly labels?: string;
}

/** A loss of the difference score(positive) - score(negative). */
export interface PairwiseLoss {
  readonly kind: "pairwise";
  readonly name: string;
  /** The loss, in float64. */
  value(difference: number): number;
  /** Its derivative by the difference. */
  gradient(difference: number): number;
}

export type Loss = PointwiseLoss | PairwiseLoss;

const BINARY = "0 or 1, or -1 or 1";

/** (s - y)^2, for ratings and other real targets. */
export const squared: PointwiseLoss = {
  kind: "pointwise",
  name: "squared",
  value: (score, target) => (score - target) * (score - target),
  gradient: (score, target) => 2 * (score - target),
};

/** softplus(-(2y - 1) s), for clicks; the prediction is a probability. */
export const log: PointwiseLoss = {
  kind: "pointwise",
  name: "log",
  value: (score, target) => softplus(target > 0.5 ? -score : score),
  gradient: (score, target) => (target > 0.5 ? -sigmoid(-score) : sigmoid(score)),
  link: LINKS.log!,
  target: (label) => (label === 1 ? 1 : label === 0 || label === -1 ? 0 : NaN),
  labels: BINARY,
};

/** max(0, 1 - y s), y = -1 or 1. */
export const hinge: PointwiseLoss = {
  kind: "pointwise",
  name: "hinge",
  value: (score, target) => Math.max(0, 1 - target * score),
  gradient: (score, target) => (target * score < 1 ? -target : 0),
  target: (label) => (label === 1 ? 1 : label === 0 || label === -1 ? -1 : NaN),
  labels: BINARY,
};

/** Bayesian personalized ranking (Rendle et al. 2009), softplus(-(s+ - s-)). */
export const bpr: PairwiseLoss = {
  kind: "pairwise",
  name: "bpr",
  value: (difference) => softplus(-difference),
  gradient: (difference) => -sigmoid(-difference),
};

/**
 * max(0, margin - (s+ - s-)).
 *
 * @param margin How far a positive must stay ahead, above 0. Default: 1.
 */
export function maxMargin(margin: number = 1): PairwiseLoss {
  checkNumber("maxMargin: margin", margin, "a number above 0", (m) => m > 0);
  return {
    kind: "pairwise",
    name: "max-margin",
    value: (difference) => Math.max(0, margin - difference),
    gradient: (difference) => (difference < margin ? -1 : 0),
  };
}

const BY_NAME: Record<LossName, Loss> = {
  squared,
  log,
  hinge,
  bpr,
  "max-margin": /* @__PURE__ */ maxMargin(),
};

/** The built-in loss of that name. */
export function lossByName(name: LossName): Loss {
  return BY_NAME[name];
}

/**
 * Checks a loss, which may be the user's own.
 *
 * @param place What errors call it.
 * @throws TypeError or RangeError.
 */
export function readLoss(loss: LossName | Loss, place: string): Loss {
  if (typeof loss === "string") return lossByName(checkChoice(place, loss, LOSS_NAMES));
  const { kind, name, value, gradient } = (loss ?? {}) as Partial<Loss>;
  const isWhole = typeof name === "string" && typeof value === "function" && typeof gradient === "function";
  if (isWhole && (kind === "pointwise" || kind === "pairwise")) return loss;
  throw wrongType(place, "the name of a loss, or { kind, name, value, gradient }", loss);
}
