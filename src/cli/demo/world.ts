// Generated data: offers are shown to people, and the probability of each click is known. It has linear
// effects, pairwise effects, and effects of higher order, which no sum over pairs of features can express. So
// the best possible log loss is known too. Each random number depends only on the seed, its purpose and the
// row.

import { log, sigmoid } from "../../core/math.ts";
import { randomBelow, randomKey, randomNormal, randomUniform, Stream } from "../../core/random.ts";
import type { FeatureMap } from "../../data/feature-map.ts";

/** Events: the offers that were shown, the probabilities of clicks, and the clicks. */
export interface Events {
  /** Feature maps, (rows). */
  readonly maps: readonly FeatureMap[];
  /** True click probabilities, (rows), each inside (0, 1). */
  readonly probabilities: Float64Array;
  /** Clicks drawn with these probabilities, 0 or 1, (rows). */
  readonly clicks: Float32Array;
}

/** The size of a world. */
export interface WorldSize {
  /** Number of users. */
  readonly users: number;
  /** Number of items. */
  readonly items: number;
  /** Number of cities. */
  readonly cities: number;
}

/** Number of hidden traits of every user, item, city, weekday and hour. */
const TASTES = 2;
/** Number of different hours: every second hour of a day. */
const HOURS = 12;
const WEEKDAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
const TAGS = [
  "cold",
  "fresh",
  "hot",
  "local",
  "new",
  "organic",
  "salty",
  "sale",
  "small",
  "sour",
  "spicy",
  "sweet",
  "vegan",
  "white",
];
const TAGS_PER_ITEM = 3;

// Sizes of the effects, in units of the score (log odds). `fields` are user, item, city, weekday and hour.
const BIAS = -1.6;
const LINEAR = { fields: [0.5, 0.5, 0.3, 0.2, 0.3], tag: 0.3, price: -0.4 } as const;
const PAIRWISE = { match: 0.5, cityTag: 0.3 } as const;
const HIGHER = { strength: 2.5, center: 0.7 } as const;

/** The purposes of random numbers. Each has its own sequence. */
const Use = {
  effect: 1,
  taste: 2,
  cityTag: 3,
  itemTag: 4,
  itemPrice: 5,
  event: 6,
  price: 7,
  click: 8,
} as const;

/** Generates events from a seed. */
export class World {
  readonly #seed: number;
  readonly #size: WorldSize;

  /**
   * Keeps the parameters.
   *
   * @param seed Integer from 0 to 2^53 - 1.
   * @param size Number of users, items and cities. Default: 200, 120 and 12.
   */
  constructor(seed: number, size: WorldSize = { users: 200, items: 120, cities: 12 }) {
    this.#seed = seed;
    this.#size = size;
  }

  /**
   * Draws some events of this world. An event with the same number is the same in every call.
   *
   * @param start Number of the first event.
   * @param end Number behind the last event.
   * @returns The events.
   */
  events(start: number, end: number): Events {
    const { users, items, cities } = this.#size;
    const maps: FeatureMap[] = [];
    const probabilities = new Float64Array(end - start);
    const clicks = new Float32Array(end - start);
    for (let i = start; i < end; i++) {
      const ids = [users, items, cities, WEEKDAYS.length, HOURS].map((count, field) =>
        randomBelow(this.#key(Use.event, field), i, count),
      );
      const [user, item, city, weekday, hour] = ids;
      const tags = this.#tagsOf(item);
      const price = 5 + 0.8 * this.#normal(Use.itemPrice, 0, item) + 0.6 * this.#normal(Use.price, 0, i);
      maps.push({
        user: `u${user}`,
        item: `i${item}`,
        city: `c${city}`,
        weekday: WEEKDAYS[weekday],
        hour: `${2 * hour}`,
        tags: tags.map((tag) => TAGS[tag]),
        price: Math.round(100 * price) / 100,
      });
      probabilities[i - start] = sigmoid(this.#score(ids, tags, price));
      clicks[i - start] = randomUniform(this.#key(Use.click), i) < probabilities[i - start] ? 1 : 0;
    }
    return { maps, probabilities, clicks };
  }

  /** The true score of an event. `ids` are the numbers of user, item, city, weekday and hour. */
  #score(ids: readonly number[], tags: readonly number[], price: number): number {
    let linear = LINEAR.price * (price - 5);
    ids.forEach((id, field) => (linear += LINEAR.fields[field] * this.#normal(Use.effect, field, id)));
    for (const tag of tags) linear += LINEAR.tag * this.#normal(Use.effect, ids.length, tag);

    const match = this.#match(ids);
    let pairwise = PAIRWISE.match * match;
    for (const tag of tags) pairwise += PAIRWISE.cityTag * this.#normal(Use.cityTag, ids[2], tag);

    // A strong mismatch attracts clicks as a strong match does. No sum over pairs of features can express
    // this, because of the absolute value.
    const higher = HIGHER.strength * (Math.abs(match) - HIGHER.center);
    return BIAS + linear + pairwise + higher;
  }

  /** How well user, item, city, weekday and hour match: a sum over their pairs, with variance 1. */
  #match(ids: readonly number[]): number {
    const pairs = (ids.length * (ids.length - 1)) / 2;
    let match = 0;
    for (let t = 0; t < TASTES; t++) {
      let [sum, squares] = [0, 0];
      ids.forEach((id, field) => {
        const taste = this.#normal(Use.taste, TASTES * field + t, id);
        sum += taste;
        squares += taste * taste;
      });
      match += (sum * sum - squares) / 2;
    }
    return match / Math.sqrt(TASTES * pairs);
  }

  #tagsOf(item: number): number[] {
    const tags = new Set<number>();
    for (let i = 0; tags.size < TAGS_PER_ITEM; i++)
      tags.add(randomBelow(this.#key(Use.itemTag, item), i, TAGS.length));
    return [...tags].sort((a, b) => a - b);
  }

  #normal(use: number, field: number, i: number): number {
    return randomNormal(this.#key(use, field), i);
  }

  #key(use: number, field: number = 0): ReturnType<typeof randomKey> {
    return randomKey(this.#seed, Stream.demo, use, field);
  }
}

/**
 * Computes the log loss of the true probabilities. No model is better, except by chance.
 *
 * @param events The events.
 * @returns The mean log loss.
 */
export function optimum({ probabilities, clicks }: Events): number {
  let sum = 0;
  for (let i = 0; i < clicks.length; i++)
    sum -= log(clicks[i] === 1 ? probabilities[i] : 1 - probabilities[i]);
  return sum / clicks.length;
}
