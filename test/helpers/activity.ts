// A shop with users of every activity, held-out events of theirs, and the report of a recommender on them.

import { NFM, type NFMOptions, Recommender, type RecommenderReportOptions } from "../../src/index.ts";
import { numbers } from "../reference.ts";
import { type Fields, TINY } from "./shop-days.ts";

export const SOFTMAX: NFMOptions = { ...TINY, loss: "softmax" };
export const METRICS: readonly ["hr@3", "ndcg@3", "mrr"] = ["hr@3", "ndcg@3", "mrr"];
export type Name = (typeof METRICS)[number];

/** 30 items, of which nobody takes the last two in training. */
export const ITEMS: Fields[] = Array.from({ length: 30 }, (_, i) => ({ item: `i${i}`, genre: `g${i % 4}` }));
export const IDS: readonly string[] = ITEMS.map(({ item }) => item as string);

/** An event; `user` is null for an anonymous user. */
export interface Event {
  readonly user: string | null;
  readonly evening: boolean;
  readonly took: string;
  readonly time: number;
}

/** Events of users in turn; items with small numbers are frequent. Many times are equal. */
export function eventsOf(
  users: readonly (string | null)[],
  count: number,
  items: number,
  seed: number,
): Event[] {
  const next = numbers(seed);
  return Array.from({ length: count }, (_, i) => ({
    user: users[i % users.length],
    evening: next() < 0.5,
    took: `i${Math.floor(items * next() ** 2)}`,
    time: Math.floor(next(0, 9)),
  }));
}

/** Users with 3, 7, 12 and 22 events; "new" has none. */
export const TRAIN: readonly Event[] = [
  ...eventsOf(["few"], 3, 28, 1),
  ...eventsOf(["some"], 7, 28, 2),
  ...eventsOf(["other"], 12, 28, 3),
  ...Array.from({ length: 22 }, (_, i) => ({
    user: "many",
    evening: i % 2 === 0,
    took: `i${i + 4}`,
    time: 3,
  })),
];
/** Events of the same users later, of a new one, of anonymous ones, and of an item that nobody took before. */
export const HELD: readonly Event[] = [
  ...eventsOf(["few", "some", "many", "other", "new"], 40, 28, 5),
  { user: null, evening: true, took: "i2", time: 4 },
  { user: null, evening: true, took: "i2", time: 5 },
  { user: "some", evening: false, took: "i29", time: 6 },
];

/** The contexts of events. */
export const bare = (events: readonly Event[]): Fields[] =>
  events.map(({ user, evening }) => ({ user, evening }));
export const takenIn = (events: readonly Event[]): string[] => events.map(({ took }) => took);

/** A recommender that has learned the events of training. */
export async function fitted(model: NFMOptions = SOFTMAX): Promise<Recommender> {
  const recommender = new Recommender(new NFM(model), ITEMS, { users: "user", history: { decay: 0.5 } });
  await recommender.fit(TRAIN as never, "took", { epochs: 8, batchSize: 16, time: "time" });
  return recommender;
}

/** The report on the held-out events, or on others. */
export const report = (
  recommender: Recommender,
  options: RecommenderReportOptions = {},
  events: readonly Event[] = HELD,
): ReturnType<typeof recommender.report<Fields, Name>> => {
  const all = { metrics: METRICS, time: events.map(({ time }) => time), ...options } as never;
  return recommender.report(bare(events), takenIn(events), all);
};
