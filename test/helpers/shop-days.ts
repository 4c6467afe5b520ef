// A shop whose users come back, and what they took before each event, as a list of weights made by hand.

import { randomKey, randomUniform, Stream } from "../../src/core/random.ts";
import {
  FeatureEncoder,
  type FeatureValue,
  type HistoryOptions,
  NFM,
  type NFMOptions,
} from "../../src/index.ts";
import { numbers } from "../reference.ts";
import { PAPER } from "./paper.ts";

/** Labels are raw and vectors large, so that every feature of a history counts. */
export const TINY: NFMOptions = {
  ...PAPER,
  embeddingDim: 4,
  hiddenUnits: [3],
  initStd: 0.3,
  seed: 5,
  labels: "raw",
  notices: false,
};

/** Features by the names of their fields. */
export type Fields = Record<string, FeatureValue>;

/** An event of the shop. Times are not in order, and many are equal. */
export interface Visit {
  readonly user: string;
  readonly evening: boolean;
  readonly took: string;
  readonly time: number;
}

export const GOODS: Fields[] = Array.from({ length: 9 }, (_, i) => ({
  item: `i${i}`,
  genre: `g${i % 3}`,
  tags: i % 4 === 0 ? [] : [`t${i % 2}`, "all"],
}));

/** Visits of 6 users. Times are from 1 to 12. */
export function visits(count: number, seed: number): Visit[] {
  const next = numbers(seed);
  const below = (n: number): number => Math.floor(next(0, n));
  return Array.from({ length: count }, () => ({
    user: `u${below(6)}`,
    evening: next() < 0.5,
    took: `i${Math.floor(GOODS.length * next() ** 1.5)}`,
    time: 1 + below(12),
  }));
}

/** The events in the order of their times. Equal times keep their order. */
export const byTime = <T extends { readonly time: number }>(events: readonly T[]): T[] =>
  events
    .map((event, at) => ({ event, at }))
    .sort((a, b) => a.event.time - b.event.time || a.at - b.at)
    .map(({ event }) => event);

/** The ids that a user took, the oldest first, each once at its latest place. */
export function distinct(ids: readonly string[]): string[] {
  return ids.filter((id, at) => ids.lastIndexOf(id) === at);
}

/** The fields of a history, as somebody would write them into a context by hand. */
export function historyFields(ids: readonly string[], options: HistoryOptions = {}): Fields {
  const { last = 10, decay = 0.75, fields = [] } = options;
  const counted = distinct(ids).slice(-last).reverse();
  const names = ["history", ...fields.map((field) => `history ${field}`)];
  const lists = names.map((): Record<string, number> => ({}));
  counted.forEach((id, age) => {
    const item = GOODS.find((good) => good.item === id)! as Record<string, unknown>;
    [id, ...fields.map((field) => item[field])].forEach((value, f) => {
      for (const level of [value].flat() as string[]) lists[f][level] = (lists[f][level] ?? 0) + decay ** age;
    });
  });
  return Object.fromEntries(names.map((name, f) => [name, lists[f]]));
}

/** The contexts as they are trained in an epoch: by the seed, most of them without the id of the user. */
export function withoutSomeUsers(contexts: readonly Fields[], seed: number, epoch: number): Fields[] {
  const key = randomKey(seed, Stream.anonymous, epoch);
  return contexts.map(({ user, ...rest }, event) =>
    randomUniform(key, event) < 0.9 ? rest : { user, ...rest },
  );
}

/** The contexts of events, without `took` and `time`, and with the histories. All events may be out of order. */
export function contextsByHand(events: readonly Visit[], options: HistoryOptions = {}): Fields[] {
  const sorted = byTime(events);
  return events.map((event) => {
    const earlier = sorted.slice(0, sorted.indexOf(event)).filter(({ user }) => user === event.user);
    const { user, evening } = event;
    return {
      user,
      evening,
      ...historyFields(
        earlier.map(({ took }) => took),
        options,
      ),
    };
  });
}

/** A new model with the vocabulary of another one, in which all fields of histories may have weights. */
export function sameVocabulary(model: NFM, options: NFMOptions): NFM {
  const json = model.encoder!.toJSON();
  const learned = json.learned!.map((field) =>
    field.name.startsWith("history") ? { ...field, kind: "weighted list" as const } : field,
  );
  return new NFM({ ...options, encoder: FeatureEncoder.fromJSON({ ...json, learned }) });
}
