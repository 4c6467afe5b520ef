// What carries a recommendation: how much each feature of the context, and each item of the history, adds to
// the score by its interactions with the features of the recommended item (explain/explain.ts).

import type { SparseVector } from "../data/sparse-row.ts";
import { attribute } from "../explain/explain.ts";
import type { Predictor } from "../predictor.ts";

/** A part of a context that speaks for an item. */
export interface Part {
  /** Number of the item of the history; null: a feature of the context. */
  readonly item: number | null;
  /** Name of the feature. */
  readonly feature: string;
  /** What it adds to the score. */
  readonly contribution: number;
}

/**
 * Finds the parts of a context that add most to the score of an item.
 *
 * @param predictor The model.
 * @param context The features of the context and its history.
 * @param item The features of the item.
 * @param itemOf Returns the number of the item whose feature in histories this is; null: another feature.
 * @param most Largest number of parts to return.
 * @returns The parts that add something, the largest first.
 */
export function reasonsFor(
  predictor: Predictor,
  context: SparseVector,
  item: SparseVector,
  itemOf: (feature: number) => number | null,
  most: number,
): Part[] {
  const [first, second] = [Array.from(context.indices), Array.from(item.indices)];
  const valuesOf = ({ indices, values }: SparseVector): number[] =>
    values == null ? Array.from(indices, () => 1) : Array.from(values);
  const entries = [...first, ...second];
  const { pairs } = attribute(predictor.network, entries, [...valuesOf(context), ...valuesOf(item)]);
  const parts = first.map((feature, a): Part => {
    // The pairs of entry a with those behind it: (a, a + 1), (a, a + 2), ...
    const start = (a * (2 * entries.length - a - 1)) / 2 - a - 1;
    let contribution = 0;
    for (let b = first.length; b < entries.length; b++) contribution += pairs[start + b];
    return { item: itemOf(feature), feature: predictor.nameOf(feature), contribution };
  });
  return parts
    .filter(({ contribution }) => contribution > 0)
    .sort((a, b) => b.contribution - a.contribution)
    .slice(0, most);
}
