// Losses as functions of scores (He & Chua 2017, section 3.2). A pointwise loss compares a score with a
// target. A pairwise loss takes the difference between the scores of a positive and a negative row. A
// listwise loss takes the scores of a whole list. All are numerically stable at any score.

import { checkChoice, checkNumber, wrongType } from "./core/errors.ts";
import { expBelowZero, log as ln, sigmoid, softplus } from "./core/math.ts";
import { LINKS, LOSS_NAMES, type LossName } from "./links.ts";

/** A loss of one score and one target. You can pass your own to `NFM`. */
export interface PointwiseLoss {
  /** Says that the loss takes rows one by one. */
  readonly kind: "pointwise";
  /** Name of the loss in the model file. A loss of your own is passed to `NFM.load` again. */
  readonly name: string;
  /** The loss, in float64. */
  value(score: number, target: number): number;
  /** The derivative of the loss by the score. */
  gradient(score: number, target: number): number;
  /** Maps a score to a prediction. Default: the score itself. */
  link?(score: number): number;
  /** Maps a label of the user to a target. NaN refuses the label. Default: the label itself. */
  target?(label: number): number;
  /** The labels that `target` accepts, in words, for error messages. */
  readonly labels?: string;
}

/** A loss of the difference score(positive) - score(negative). You can pass your own to `NFM`. */
export interface PairwiseLoss {
  /** Says that the loss compares two rows. */
  readonly kind: "pairwise";
  /** Name of the loss in the model file. A loss of your own is passed to `NFM.load` again. */
  readonly name: string;
  /** The loss, in float64. */
  value(difference: number): number;
  /** The derivative of the loss by the difference. */
  gradient(difference: number): number;
}

/**
 * A loss of the scores of one list. You can pass your own to `NFM`. It must depend only on the differences
 * between scores, because w0 and whatever else all rows of a list share are not trained.
 */
export interface ListwiseLoss {
  /** Says that the loss compares all rows of a list. */
  readonly kind: "listwise";
  /** Name of the loss in the model file. A loss of your own is passed to `NFM.load` again. */
  readonly name: string;
  /**
   * Computes the loss of one list and its gradient. It keeps none of the arrays.
   *
   * @param scores The scores of the list, (n).
   * @param shares What the list should look like: the share of each row, at least 0, with the sum 1, (n).
   * @param gradient Receives the derivative of the loss by each score, (n).
   * @returns The loss, in float64.
   */
  evaluate(scores: Float64Array, shares: Float64Array, gradient: Float64Array): number;
}

/** A loss of any kind. */
export type Loss = PointwiseLoss | PairwiseLoss | ListwiseLoss;

const KINDS: readonly Loss["kind"][] = ["pointwise", "pairwise", "listwise"];

const BINARY = "0 or 1, or -1 or 1";

/** Squared loss (s - y)^2 (He & Chua 2017, equation 9), for ratings and other real targets. */
export const squared: PointwiseLoss = {
  kind: "pointwise",
  name: "squared",
  value: (score, target) => (score - target) * (score - target),
  gradient: (score, target) => 2 * (score - target),
};

/** Log loss softplus(-(2y - 1) s) with y = 0 or 1, for clicks. The prediction is a probability. */
export const log: PointwiseLoss = {
  kind: "pointwise",
  name: "log",
  value: (score, target) => softplus(target > 0.5 ? -score : score),
  gradient: (score, target) => (target > 0.5 ? -sigmoid(-score) : sigmoid(score)),
  link: LINKS.log!,
  target: (label) => (label === 1 ? 1 : label === 0 || label === -1 ? 0 : NaN),
  labels: BINARY,
};

/** Hinge loss max(0, 1 - y s) with y = -1 or 1. */
export const hinge: PointwiseLoss = {
  kind: "pointwise",
  name: "hinge",
  value: (score, target) => Math.max(0, 1 - target * score),
  gradient: (score, target) => (target * score < 1 ? -target : 0),
  target: (label) => (label === 1 ? 1 : label === 0 || label === -1 ? -1 : NaN),
  labels: BINARY,
};

/** Bayesian personalized ranking (Rendle et al. 2009): softplus(-(s+ - s-)). */
export const bpr: PairwiseLoss = {
  kind: "pairwise",
  name: "bpr",
  value: (difference) => softplus(-difference),
  gradient: (difference) => -sigmoid(-difference),
};

/**
 * Makes a max-margin loss: max(0, margin - (s+ - s-)).
 *
 * @param margin Difference of the scores from which on the loss is 0, above 0. Default: 1.
 * @returns The loss.
 * @throws TypeError or RangeError for a bad margin.
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

/**
 * Softmax loss of a list: the cross entropy between the shares and the softmax of the scores (Cao et al.
 * 2007, "Learning to Rank: From Pairwise Approach to Listwise Approach", section 4.2). If one row has the
 * share 1, it is -log of the probability that the softmax gives this row.
 */
export const softmax: ListwiseLoss = {
  kind: "listwise",
  name: "softmax",
  evaluate(scores, shares, gradient) {
    let most = -Infinity;
    for (let i = 0; i < scores.length; i++) if (scores[i] > most) most = scores[i];
    let sum = 0;
    for (let i = 0; i < scores.length; i++) {
      gradient[i] = expBelowZero(scores[i] - most);
      sum += gradient[i];
    }
    const logSum = most + ln(sum);
    const factor = 1 / sum;
    let value = 0;
    for (let i = 0; i < scores.length; i++) {
      const share = shares[i];
      gradient[i] = gradient[i] * factor - share;
      if (share !== 0) value += share * (logSum - scores[i]);
    }
    return value;
  },
};

const BY_NAME: Record<LossName, Loss> = {
  squared,
  log,
  hinge,
  bpr,
  "max-margin": /* @__PURE__ */ maxMargin(),
  softmax,
};

/**
 * Returns a built-in loss.
 *
 * @param name Its name.
 * @returns The loss.
 */
export function lossByName(name: LossName): Loss {
  return BY_NAME[name];
}

/**
 * Checks a loss.
 *
 * @param loss The name of a built-in loss, or a loss of the user's own.
 * @param place What errors call the loss.
 * @returns The loss.
 * @throws TypeError or RangeError if it is neither.
 */
export function readLoss(loss: LossName | Loss, place: string): Loss {
  if (typeof loss === "string") return lossByName(checkChoice(place, loss, LOSS_NAMES));
  const { kind, name, value, gradient, evaluate } = (loss ?? {}) as Partial<PairwiseLoss & ListwiseLoss>;
  const isScalar = typeof value === "function" && typeof gradient === "function";
  const isWhole = (kind as string) === "listwise" ? typeof evaluate === "function" : isScalar;
  if (isWhole && typeof name === "string" && KINDS.includes(kind!)) return loss;
  const list = 'or { kind: "listwise", name, evaluate }';
  throw wrongType(place, `the name of a loss, { kind, name, value, gradient }, ${list}`, loss);
}
