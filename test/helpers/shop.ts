// A shop with events, recommenders fitted to it, and the same training by hand.

import {
  type FeatureMap,
  type LossName,
  NFM,
  type NFMOptions,
  type Recommendation,
  Recommender,
  type RecommenderFitOptions,
} from "../../src/index.ts";
import { numbers } from "../reference.ts";
import { PAPER } from "./paper.ts";

/** Labels are raw, so that steps of `partialFit` are the same training. */
export const SMALL: NFMOptions = { ...PAPER, embeddingDim: 5, hiddenUnits: [4], seed: 7, labels: "raw" };

export const LOSSES: readonly LossName[] = ["bpr", "max-margin", "log", "hinge", "squared"];

export const bytes = ({ model }: Recommender): Uint8Array => model.save({ optimizer: true });

export type Fields = Record<string, string | number | boolean | string[]>;

export interface Shop {
  readonly items: Fields[];
  readonly contexts: Fields[];
  /** Id of the item taken; (events). */
  readonly taken: string[];
  readonly users: string[];
}

/** Items with features of every kind, and events; user u0 has every item but one. */
export function shop(events: number, itemCount: number, seed: number): Shop {
  const next = numbers(seed);
  const below = (n: number): number => Math.floor(next(0, n));
  const items = Array.from({ length: itemCount }, (_, i) => ({
    item: `i${i}`,
    hot: i % 3 === 0,
    price: Math.fround(next(0.5, 1.5)),
    tags: [`t${i % 4}`, `t${4 + (i % 2)}`],
  }));
  const pairs = Array.from({ length: events }, (_, e) =>
    e < itemCount - 1 ? [0, e] : [1 + below(6), Math.floor(itemCount * next() ** 2)],
  );
  return {
    items,
    contexts: pairs.map(([user]) => ({ user: `u${user}`, hour: Math.fround(next()), evening: next() < 0.5 })),
    taken: pairs.map(([, item]) => `i${item}`),
    users: pairs.map(([user]) => `u${user}`),
  };
}

export const SHOP: Shop = shop(70, 13, 1);

/** A recommender and what `fit` is given. */
export async function fitted(
  options: NFMOptions = { ...SMALL, loss: "bpr" },
  fit: RecommenderFitOptions = {},
  data: Shop = SHOP,
): Promise<Recommender> {
  const recommender = new Recommender(new NFM(options), data.items);
  await recommender.fit(data.contexts, data.taken, { epochs: 2, batchSize: 16, users: data.users, ...fit });
  return recommender;
}

/**
 * Every item with what predict gives for its row, best first, the earlier item first where they are equal.
 */
export function literalList(recommender: Recommender, rows: readonly FeatureMap[]): Recommendation[] {
  const scores = recommender.model.predict(rows);
  return recommender.ids
    .map((id, i) => ({ id, score: scores[i] }))
    .sort((a, b) => b.score - a.score || recommender.ids.indexOf(a.id) - recommender.ids.indexOf(b.id));
}
