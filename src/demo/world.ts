// A small world of offers shown to people, generated from a seed, whose click probabilities are known: planted linear
// effects, pairwise effects, and effects of higher order that no sum over pairs of features can write down. So the
// best log loss anyone can reach is known too. Each random number is a function of (seed, what it is for, row).

import { log, sigmoid } from "../core/math.ts";
import { randomBelow, randomKey, randomNormal, randomUniform, Stream } from "../core/random.ts";
import type { FeatureMap } from "../data/feature-map.ts";

/** Events of the world: what was shown, how likely a click was, and whether it came. */
export interface Events {
  /** Feature maps, (rows). */
  readonly maps: readonly FeatureMap[];
  /** True click probabilities, (rows), each inside (0, 1). */
  readonly probabilities: Float64Array;
  /** Clicks drawn from them, 0 or 1, (rows). */
  readonly clicks: Float32Array;
}

/** How many users, items and cities a world has. */
export interface WorldSize {
  readonly users: number;
  readonly items: number;
  readonly cities: number;
}

const TASTES = 2; // hidden traits of a user, an item and an hour
const HOURS = 12; // every second one
const WEEKDAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
const TAGS = ["cold", "fresh", "hot", "local", "new", "organic", "salty", "sale", "small", "sour", "spicy", "sweet", "vegan", "white"];
const TAGS_PER_ITEM = 3;
const BIAS = -1.6;
const LINEAR = { user: 0.5, item: 0.5, city: 0.3, weekday: 0.2, hour: 0.3, tag: 0.3, price: -0.4 } as const;
const PAIRWISE = { taste: 0.9, cityTag: 0.3 } as const;
const HIGHER = 2;

/** Separate sequences of random numbers, by what they decide. */
const Use = { effect: 1, taste: 2, cityTag: 3, itemTag: 4, itemPrice: 5, event: 6, price: 7, click: 8 } as const;

/** A world: the effects behind the clicks, and the events they lead to. */
export class World {
  readonly #seed: number;
  readonly #size: WorldSize;

  constructor(seed: number, size: WorldSize = { users: 300, items: 200, cities: 12 }) {
    this.#seed = seed;
    this.#size = size;
  }

  /** Draws the events number `start` to `end` - 1 of this world; any two calls agree on the events they share. */
  events(start: number, end: number): Events {
    const maps: FeatureMap[] = [];
    const probabilities = new Float64Array(end - start);
    const clicks = new Float32Array(end - start);
    for (let i = start; i < end; i++) {
      const draw = (field: number, below: number): number => randomBelow(this.#key(Use.event, field), i, below);
      const { users, items, cities } = this.#size;
      const [user, item, city, weekday, hour] = [draw(0, users), draw(1, items), draw(2, cities), draw(3, WEEKDAYS.length), draw(4, HOURS)];
      const tags = this.#tagsOf(item);
      const priceLevel = 0.8 * this.#normal(Use.itemPrice, 0, item) + 0.6 * this.#normal(Use.price, 0, i); // standard normal
      maps.push({
        user: `u${user}`,
        item: `i${item}`,
        city: `c${city}`,
        weekday: WEEKDAYS[weekday],
        hour: `${2 * hour}`,
        tags: tags.map((tag) => TAGS[tag]),
        price: Math.round(100 * (5 + priceLevel)) / 100,
      });
      probabilities[i - start] = sigmoid(this.#score(user, item, city, weekday, hour, tags, priceLevel));
      clicks[i - start] = randomUniform(this.#key(Use.click), i) < probabilities[i - start] ? 1 : 0;
    }
    return { maps, probabilities, clicks };
  }

  #score(user: number, item: number, city: number, weekday: number, hour: number, tags: readonly number[], price: number): number {
    const effect = (field: number, value: number): number => this.#normal(Use.effect, field, value);
    let linear = LINEAR.user * effect(0, user) + LINEAR.item * effect(1, item) + LINEAR.city * effect(2, city);
    linear += LINEAR.weekday * effect(3, weekday) + LINEAR.hour * effect(4, hour) + LINEAR.price * price;
    for (const tag of tags) linear += LINEAR.tag * effect(5, tag);

    const match = this.#match(user, item, hour);
    let pairwise = PAIRWISE.taste * match;
    for (const tag of tags) pairwise += PAIRWISE.cityTag * this.#normal(Use.cityTag, city, tag);

    const higher = HIGHER * curve(match);
    return BIAS + linear + pairwise + higher;
  }

  /** How well a user, an item and an hour suit one another: a sum over their three pairs, of variance 1. */
  #match(user: number, item: number, hour: number): number {
    let sum = 0;
    for (let t = 0; t < TASTES; t++) {
      const [u, i, h] = [user, item, hour].map((value, field) => this.#normal(Use.taste, 10 * field + t, value));
      sum += u * i + u * h + i * h;
    }
    return sum / Math.sqrt(3 * TASTES);
  }

  #tagsOf(item: number): number[] {
    const tags = new Set<number>();
    for (let i = 0; tags.size < TAGS_PER_ITEM; i++) tags.add(randomBelow(this.#key(Use.itemTag, item), i, TAGS.length));
    return [...tags].sort((a, b) => a - b);
  }

  #normal(use: number, field: number, i: number): number {
    return randomNormal(this.#key(use, field), i);
  }

  #key(use: number, field: number = 0): ReturnType<typeof randomKey> {
    return randomKey(this.#seed, Stream.demo, use, field);
  }
}

/** What makes the effect of a match one of higher order: a misfit repels, but a strong misfit attracts. */
function curve(match: number): number {
  return Math.abs(match) - 0.7;
}

/** Log loss of the true probabilities: what no model can beat but by luck. */
export function optimum({ probabilities, clicks }: Events): number {
  let sum = 0;
  for (let i = 0; i < clicks.length; i++) sum -= log(clicks[i] === 1 ? probabilities[i] : 1 - probabilities[i]);
  return sum / clicks.length;
}
