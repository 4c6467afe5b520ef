// Chooses a list that is not all alike from the best items: by maximal marginal relevance (Carbonell &
// Goldstein 1998, "The Use of MMR, Diversity-Based Reranking for Reordering Documents"), and by limits per
// value of a field.

/** What decides about a list besides the scores. */
export interface Variety {
  /** Weight of the likeness to the items chosen before, from 0 to 1; 0: only the scores count. */
  readonly diversity: number;
  /** Cosine similarity of two items, from -1 to 1. */
  readonly similarity: (a: number, b: number) => number;
  /** Most items per value of a field: the values of each item, and the limit. */
  readonly limits: readonly {
    readonly valuesOf: (item: number) => readonly string[];
    readonly most: number;
  }[];
}

/**
 * Chooses items one after the other. Each time it takes the item with the largest (1 - d) r - d s, where d is
 * the diversity, r the score on a scale on which the scores of the pool reach from 0 to 1, and s the largest
 * similarity to an item that was chosen before. Items that would pass a limit are left out.
 *
 * @param pool Item numbers, best first.
 * @param scores Score of each item, by its number.
 * @param top Largest number of items to choose.
 * @param variety What else decides.
 * @returns The chosen items, in the order of choice.
 */
export function chooseVaried(
  pool: Uint32Array,
  scores: Float32Array,
  top: number,
  { diversity, similarity, limits }: Variety,
): number[] {
  const [best, worst] = [scores[pool[0]], scores[pool[pool.length - 1]]];
  const spread = best > worst ? best - worst : 1;
  const used = limits.map(() => new Map<string, number>());
  const closest = new Float64Array(pool.length).fill(-1);
  const isOut = new Uint8Array(pool.length);
  const chosen: number[] = [];
  while (chosen.length < top) {
    let [next, nextValue] = [-1, -Infinity];
    for (let i = 0; i < pool.length; i++) {
      if (isOut[i] === 1) continue;
      const likeness = chosen.length === 0 ? 0 : closest[i];
      const value = ((1 - diversity) * (scores[pool[i]] - worst)) / spread - diversity * likeness;
      if (value > nextValue) [next, nextValue] = [i, value];
    }
    if (next < 0) break;
    isOut[next] = 1;
    const item = pool[next];
    const values = limits.map(({ valuesOf }) => [...new Set(valuesOf(item))]);
    const isFull = limits.some(({ most }, l) => values[l].some((value) => (used[l].get(value) ?? 0) >= most));
    if (isFull) continue;
    values.forEach((own, l) => {
      for (const value of own) used[l].set(value, (used[l].get(value) ?? 0) + 1);
    });
    chosen.push(item);
    if (diversity === 0) continue;
    for (let i = 0; i < pool.length; i++)
      if (isOut[i] === 0) closest[i] = Math.max(closest[i], similarity(item, pool[i]));
  }
  return chosen;
}
