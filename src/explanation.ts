// The parts of a score under the names of their features, strongest first.

import type { Attribution } from "./explain.ts";

/** What one feature adds to a score. */
export interface FeaturePart {
  /** Its name, such as "user=ana"; "#17" for feature 17 of a model without an encoder. */
  readonly feature: string;
  readonly contribution: number;
}

/** What two features add together. */
export interface PairPart {
  readonly features: readonly [string, string];
  readonly contribution: number;
}

/** The parts of a raw score, which they sum to; lists are sorted by magnitude, the largest first. */
export interface Explanation {
  /** The score of a row without features: w0, and what the layers make of nothing. */
  readonly bias: number;
  readonly linear: readonly FeaturePart[];
  readonly pairs: readonly PairPart[];
}

/** Names and sorts the parts; equals stay in the order of the row. */
export function nameParts({ bias, linear, pairs }: Attribution, indices: ArrayLike<number>, nameOf: (index: number) => string): Explanation {
  const names = Array.from(indices, nameOf);
  const byMagnitude = (a: { contribution: number }, b: { contribution: number }): number => Math.abs(b.contribution) - Math.abs(a.contribution);
  const together: PairPart[] = [];
  names.forEach((first, a) => {
    for (let b = a + 1; b < names.length; b++) together.push({ features: [first, names[b]], contribution: pairs[together.length] });
  });
  return {
    bias,
    linear: names.map((feature, i) => ({ feature, contribution: linear[i] })).sort(byMagnitude),
    pairs: together.sort(byMagnitude),
  };
}
