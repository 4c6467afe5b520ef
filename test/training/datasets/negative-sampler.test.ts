import { describe, expect, it, vi } from "vitest";
import { NegativeSampler } from "../../../src/training/datasets/negative-sampler.ts";

// Lets a test choose the random bits; otherwise they are the real ones.
const forced = vi.hoisted(() => ({ bits: [] as number[] }));
vi.mock("../../../src/core/random.ts", async (original) => {
  const real = await original<typeof import("../../../src/core/random.ts")>();
  return {
    ...real,
    randomBits: (...args: Parameters<typeof real.randomBits>) =>
      forced.bits.shift() ?? real.randomBits(...args),
  };
});

interface World {
  readonly numItems: number;
  readonly items: Uint32Array;
  readonly users: Uint32Array | null;
}

const world = (
  numItems: number,
  items: readonly number[],
  users: readonly number[] | null = null,
): World => ({
  numItems,
  items: Uint32Array.from(items),
  users: users && Uint32Array.from(users),
});
const samplerOf = ({ numItems, items, users }: World, alpha: number, seed = 42): NegativeSampler =>
  new NegativeSampler(new Uint8Array(numItems).fill(1), items, users, alpha, seed);

/**
 * Numbers below 1 from a linear congruential generator: worlds for the tests, with nothing of src in them.
 */
function numbers(seed: number): () => number {
  let state = seed;
  return () => (state = (state * 1103515245 + 12345) % 2147483648) / 2147483648;
}

/**
 * A random world in which low items are popular, the top quarter has no events, and user 0 has many events.
 */
function randomWorld(seed: number, numItems: number, numUsers: number, events: number): World {
  const random = numbers(seed);
  const items = Array.from({ length: events }, () => Math.floor(random() ** 3 * numItems * 0.75));
  const users = Array.from({ length: events }, (_, e) =>
    e < numUsers ? e : Math.floor(random() ** 2 * numUsers),
  );
  return world(numItems, items, users);
}

/** The oracle: for each item the probability that it is drawn for an event, straight from the definition. */
function probabilities({ numItems, items, users }: World, alpha: number, event: number): number[] {
  const excluded = new Set([items[event]]);
  items.forEach((item, e) => users !== null && users[e] === users[event] && excluded.add(item));
  const weights = Array.from({ length: numItems }, (_, item) => {
    const count = items.filter((other) => other === item).length;
    return excluded.has(item) ? 0 : alpha === 0 ? 1 : count === 0 ? 0 : count ** alpha;
  });
  const total = weights.reduce((a, b) => a + b, 0);
  return weights.map((weight) => (total === 0 ? 0 : weight / total));
}

/** Pearson's statistic, and its degrees of freedom. */
function chiSquare(
  counts: readonly number[],
  expected: readonly number[],
): [statistic: number, freedom: number] {
  const drawn = expected.filter((count) => count > 0).length;
  return [
    counts.reduce(
      (sum, count, i) => sum + (expected[i] > 0 ? (count - expected[i]) ** 2 / expected[i] : 0),
      0,
    ),
    drawn - 1,
  ];
}

const UNIT = 2 ** 53;

/** The draw whose uniform number is k / 2^53. */
function drawAt(sampler: NegativeSampler, event: number, k: number): number {
  forced.bits = [Math.floor(k / 2 ** 21), (k % 2 ** 21) * 2 ** 11]; // the upper 32 bits come first, then the lower 21
  const item = sampler.sample(event, 1, 0);
  expect(forced.bits.length).toBe(0);
  return item;
}

/**
 * Every item that a draw can give, in order, each with its exact probability: found by bisection for where
 * the item changes.
 */
function measured(sampler: NegativeSampler, event: number): [item: number, probability: number][] {
  const found: [number, number][] = [];
  for (let from = 0; from < UNIT; ) {
    const item = drawAt(sampler, event, from);
    let [low, high] = [from, UNIT]; // item at low, another one (or the end) at high
    while (high - low > 1) {
      const middle = Math.floor(low + (high - low) / 2);
      if (drawAt(sampler, event, middle) === item) low = middle;
      else high = middle;
    }
    found.push([item, (high - from) / UNIT]);
    from = high;
  }
  return found;
}

const worlds: [string, World][] = [
  ["few events", randomWorld(1, 12, 3, 9)],
  ["repeated events", randomWorld(2, 9, 4, 200)],
  ["one user", randomWorld(3, 40, 1, 30)],
  ["many items", randomWorld(4, 60, 5, 150)],
  ["no users", { ...randomWorld(5, 16, 2, 60), users: null }],
  ["two items, no users", world(2, [0, 1, 1])],
  [
    "counts of 1 and of 100,000",
    world(
      5,
      [...new Array<number>(100_000).fill(1), 0, 2, 3],
      [...new Array<number>(100_000).fill(0), 0, 1, 2],
    ),
  ],
];

describe("NegativeSampler", () => {
  it.each(worlds)("gives exactly the allowed items their exact probabilities: %s", (_, w) => {
    for (const alpha of [0, 0.5, 0.75, 1, 3]) {
      const sampler = samplerOf(w, alpha);
      for (const event of new Set([0, 1, 2, 7, w.items.length - 1])) {
        if (event >= w.items.length) continue;
        const expected = probabilities(w, alpha, event);
        const allowed = expected.flatMap((p, item) => (p > 0 ? [item] : []));
        expect(sampler.has(event)).toBe(allowed.length > 0);
        if (allowed.length === 0) continue;
        const found = measured(sampler, event);
        expect(found.map(([item]) => item)).toEqual(allowed); // no known item and none of weight 0, wherever the number falls
        // The unit of weight is 2^-52 of the whole, and a user may know all but a small part of the whole.
        for (const [item, p] of found) expect(Math.abs(p - expected[item])).toBeLessThan(1e-11);
      }
    }
  });

  it.each([
    ["uniformly", 0],
    ["by popularity", 0.75],
  ])("draws %s as often as it should, for each user", (_, alpha) => {
    const w = randomWorld(6, 60, 8, 80);
    const sampler = samplerOf(w, alpha);
    for (let event = 0; event < 4; event++) {
      const counts = new Array<number>(60).fill(0);
      for (let draw = 0; draw < 20_000; draw++) counts[sampler.sample(event, 1 + (draw % 3), draw)]++;
      const expected = probabilities(w, alpha, event).map((p) => 20_000 * p);
      const [statistic, freedom] = chiSquare(counts, expected);
      expect(freedom).toBeGreaterThan(5);
      expect(Math.abs(statistic - freedom)).toBeLessThan(4.5 * Math.sqrt(2 * freedom)); // 4.5 standard deviations
      counts.forEach((count, item) => expected[item] === 0 && expect(count).toBe(0));
    }
  });

  it("never draws an item that any event of the user has, over thousands of draws in a larger world", () => {
    const w = randomWorld(7, 500, 20, 2000);
    const known = Array.from(
      { length: 20 },
      (_, user) => new Set(w.items.filter((_, e) => w.users![e] === user)),
    );
    const popular = new Set(w.items);
    for (const alpha of [0, 0.75, 2]) {
      const sampler = samplerOf(w, alpha);
      for (let event = 0; event < 2000; event++) {
        for (let draw = 0; draw < 5; draw++) {
          const item = sampler.sample(event, 2, 5 * event + draw);
          expect(known[w.users![event]].has(item)).toBe(false);
          expect(alpha === 0 || popular.has(item)).toBe(true);
        }
      }
    }
  });

  it("is a function of event, epoch and draw: the order of calls and the instance play no part", () => {
    const w = randomWorld(8, 1000, 10, 100);
    const calls = Array.from({ length: 900 }, (_, i): [number, number, number] => [
      i % 100,
      1 + (i % 3),
      (i * 7919) % 4000,
    ]);
    const sampler = samplerOf(w, 0);
    const once = calls.map((call) => sampler.sample(...call));
    const fresh = samplerOf(w, 0);
    for (let i = 899; i >= 0; i--) expect(fresh.sample(...calls[i])).toBe(once[i]);
    expect(new Set(once).size).toBeGreaterThan(400);
  });

  it("differs by epoch, draw and seed, up to the last draw number", () => {
    const w = world(2 ** 20, [0]);
    const sampler = samplerOf(w, 0);
    const draws = [1, 2, 3].flatMap((epoch) =>
      [0, 1, 2 ** 31, 2 ** 32 - 1].map((draw) => sampler.sample(0, epoch, draw)),
    );
    expect(
      new Set([...draws, samplerOf(w, 0, 43).sample(0, 1, 0), samplerOf(w, 0, 42 + 2 ** 32).sample(0, 1, 0)])
        .size,
    ).toBe(14);
  });

  it("keeps its values from release to release", () => {
    const w = randomWorld(9, 1000, 10, 100);
    expect([0, 1, 2].map((draw) => samplerOf(w, 0).sample(5, 1, draw))).toEqual([35, 637, 450]);
    expect([0, 1, 2].map((draw) => samplerOf(w, 0.75).sample(5, 1, draw))).toEqual([4, 265, 121]);
  });

  it("gives every item of a large catalog the same share, to the last bit of the random number", () => {
    const n = 3_000_001;
    const sampler = samplerOf(world(n, [n - 1]), 0); // the others are 0 to n - 2
    for (const item of [1, 2, 12_345, 1_048_576, 1_999_999, n - 2]) {
      const from = Number((BigInt(item) * BigInt(UNIT) + BigInt(n - 2)) / BigInt(n - 1)); // rounded up
      expect(drawAt(sampler, 0, from + 1)).toBe(item);
      expect(drawAt(sampler, 0, from - 2)).toBe(item - 1);
    }
    expect(drawAt(sampler, 0, 0)).toBe(0);
    expect(drawAt(sampler, 0, UNIT - 1)).toBe(n - 2);
  });

  it("draws the one item left to a user who knows all others, and has none for one who knows all", () => {
    for (let left = 0; left < 6; left++) {
      const known = [5, 3, 1, 0, 2, 4].filter((item) => item !== left);
      const w = world(
        6,
        [...known, ...known, 0, 1, 2, 3, 4, 5],
        [...known.map(() => 0), ...known.map(() => 0), 1, 1, 1, 1, 1, 1],
      );
      for (const alpha of [0, 0.75]) {
        const sampler = samplerOf(w, alpha);
        expect([sampler.has(0), sampler.has(10)]).toEqual([true, false]);
        expect(measured(sampler, 0)).toEqual([[left, 1]]);
        expect(measured(sampler, 9)).toEqual([[left, 1]]);
      }
    }
  });

  it("by popularity has nothing for a user who knows every item with events, though others exist", () => {
    const w = world(5, [1, 3, 1, 1], [0, 0, 1, 0]);
    expect([samplerOf(w, 0).has(0), samplerOf(w, 0).has(2)]).toEqual([true, true]);
    const sampler = samplerOf(w, 1);
    expect([sampler.has(0), sampler.has(2), sampler.has(3)]).toEqual([false, true, false]);
    expect(measured(sampler, 2)).toEqual([[3, 1]]);
  });

  it("has nothing in a catalog of one item, with users or without", () => {
    for (const alpha of [0, 1]) {
      expect(samplerOf(world(1, [0, 0]), alpha).has(1)).toBe(false);
      expect(samplerOf(world(1, [0, 0], [0, 1]), alpha).has(1)).toBe(false);
    }
    expect(samplerOf(world(2, [0, 0]), 0).has(1)).toBe(true);
    expect(samplerOf(world(2, [0, 0]), 1).has(1)).toBe(false);
    expect(() => samplerOf(world(0, []), 1)).not.toThrow();
  });

  it("without users excludes the event's own item alone", () => {
    const sampler = samplerOf(world(4, [2, 0, 2]), 0);
    expect([0, 1, 2].map((event) => measured(sampler, event).map(([item]) => item))).toEqual([
      [0, 1, 3],
      [1, 2, 3],
      [0, 1, 3],
    ]);
  });

  it("keeps an item with events drawable at an alpha that makes its weight vanish beside the greatest", () => {
    const w = world(3, [...new Array<number>(100).fill(0), 1], [...new Array<number>(100).fill(0), 1]);
    const sampler = samplerOf(w, 200);
    expect(measured(sampler, 0)).toEqual([[1, 1]]);
    expect(measured(sampler, 100)).toEqual([[0, 1]]);
  });
});
