import { describe, expect, it } from "vitest";
import {
  type RandomKey,
  randomBelow,
  randomBits,
  randomKey,
  randomNormal,
  randomPermutation,
  randomUniform,
  Stream,
} from "../../src/core/random.ts";

const sequence = (key: RandomKey, n: number) => Array.from({ length: n }, (_, i) => randomBits(key, i));

/**
 * A key whose element 0 has exactly these bits: with i + k0 = 0 the first round yields 0, so k1 alone enters
 * the second.
 */
function keyFor(bits: number): RandomKey {
  let inverse = 1; // of the multiplier 0x735a2d97 modulo 2^32, by Newton's iteration
  for (let n = 0; n < 5; n++) inverse = Math.imul(inverse, 2 - Math.imul(0x735a2d97, inverse));
  let x = bits | 0;
  x = x ^ (x >>> 15) ^ (x >>> 30);
  x = Math.imul(x, inverse);
  x ^= x >>> 16;
  return { k0: 0, k1: x };
}

/** Pearson's statistic for equal expected counts. */
function chiSquare(counts: readonly number[]): number {
  const expected = counts.reduce((a, b) => a + b, 0) / counts.length;
  return counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
}

describe("randomBits", () => {
  it("is a function of key and position alone", () => {
    const key = randomKey(42, Stream.dropout, 3, 1);
    const forward = sequence(key, 100);
    for (let i = 99; i >= 0; i--) expect(randomBits(randomKey(42, Stream.dropout, 3, 1), i)).toBe(forward[i]);
  });

  it("keeps its values from release to release", () => {
    expect(sequence(randomKey(0, Stream.embedding), 3)).toEqual([2836675973, 3072494144, 206016579]);
    expect(sequence(randomKey(2 ** 40 + 7, Stream.shuffle, 5, 2), 3)).toEqual([
      2614658477, 1688545228, 2078126137,
    ]);
  });

  it("differs by seed, stream and both coordinates; seeds count beyond 32 bits", () => {
    const keys = [
      randomKey(1, 1),
      randomKey(2, 1),
      randomKey(1 + 2 ** 32, 1),
      randomKey(1 + 2 ** 52, 1),
      randomKey(1, 2),
      randomKey(2, 2),
      randomKey(1, 1, 1),
      randomKey(1, 1, 0, 1),
      randomKey(1, 1, 1, 1),
      randomKey(1, 1, 2, 0),
      randomKey(1, 1, 4294967294),
      randomKey(Number.MAX_SAFE_INTEGER, 1),
      randomKey(0, 1),
    ];
    const firsts = keys.map((key) => sequence(key, 4).join());
    expect(new Set(firsts).size).toBe(keys.length);
  });

  it("shows no correlation between neighbouring seeds, coordinates and positions", () => {
    const n = 20_000;
    const at = (a: number, b: number, i: number) => randomUniform(randomKey(a, Stream.parameter, b), i) - 0.5;
    const shifted: ((i: number) => [number, number])[] = [
      (i) => [at(7, 0, i), at(8, 0, i)],
      (i) => [at(7, 0, i), at(7, 1, i)],
      (i) => [at(7, 0, i), at(7, 0, i + 1)],
      (i) => [at(7, i, 0), at(7, i + 1, 0)],
      (i) => [at(i, 0, 0), at(i + 1, 0, 0)],
    ];
    for (const pair of shifted) {
      let sum = 0;
      for (let i = 0; i < n; i++) {
        const [x, y] = pair(i);
        sum += x * y;
      }
      expect(Math.abs((12 * sum) / n)).toBeLessThan(4.5 / Math.sqrt(n)); // 4.5 standard errors of a correlation of 0
    }
  });

  it("sets every bit half of the time", () => {
    const key = randomKey(11, Stream.split);
    const ones = new Array<number>(32).fill(0);
    const n = 20_000;
    for (let i = 0; i < n; i++)
      for (let bit = 0, x = randomBits(key, i); bit < 32; bit++) ones[bit] += (x >>> bit) & 1;
    for (const count of ones) expect(Math.abs(count - n / 2)).toBeLessThan(4.5 * Math.sqrt(n / 4));
  });
});

describe("randomUniform and randomBelow", () => {
  // Statistic of 255 degrees of freedom: mean 255, standard deviation 22.6; both bounds lie 5 deviations out.
  it.each([
    ["positions", (i: number) => randomUniform(randomKey(5, 1), i)],
    ["features", (i: number) => randomUniform(randomKey(5, 1, i), 0)],
  ])("are uniform over %s", (_, draw) => {
    const counts = new Array<number>(256).fill(0);
    for (let i = 0; i < 100_000; i++) counts[Math.floor(draw(i) * 256)]++;
    expect(chiSquare(counts)).toBeGreaterThan(142);
    expect(chiSquare(counts)).toBeLessThan(368);
  });

  it("stay inside the open interval at both extremes", () => {
    expect(randomUniform(keyFor(0), 0)).toBe(2 ** -33);
    expect(randomUniform(keyFor(0xffffffff), 0)).toBe(1 - 2 ** -33);
  });

  it("randomBelow covers 0 to n - 1 and never n", () => {
    const key = randomKey(9, Stream.split);
    const counts = new Array<number>(7).fill(0);
    for (let i = 0; i < 70_000; i++) counts[randomBelow(key, i, 7)]++;
    expect(counts.length).toBe(7);
    expect(chiSquare(counts)).toBeLessThan(30); // 6 degrees of freedom: p < 1e-4
    expect(randomBelow(keyFor(0xffffffff), 0, 2 ** 32)).toBe(2 ** 32 - 1);
    expect(randomBelow(keyFor(0xffffffff), 0, 1)).toBe(0);
  });
});

describe("randomNormal", () => {
  // Quantiles of (bits + 0.5) / 2^32 by AS 241's 16-digit algorithm; ours is its 7-digit one.
  const quantiles: [number, number][] = [
    [0, -6.337957754553789],
    [1, -6.166429517819749],
    [1000, -5.039851125968711],
    [1048576, -3.4871039765916896],
    [268435456, -1.5341205434059566],
    [322122547, -1.4395314704450153],
    [322122548, -1.4395314688002132],
    [1073741824, -0.6744897498297384],
    [2147483647, -2.9180993729166234e-10],
    [2147483648, 2.9180993729166234e-10],
    [3221225472, 0.6744897505624251],
    [4026531840, 1.5341205452991358],
    [4294967295, 6.337957754553789],
  ];
  it.each(quantiles)("maps bits %i to the quantile %f", (bits, expected) => {
    expect(randomBits(keyFor(bits), 0)).toBe(bits);
    expect(Math.abs(randomNormal(keyFor(bits), 0) - expected)).toBeLessThan(
      2e-7 * Math.max(Math.abs(expected), 1e-2),
    );
  });

  it("has the moments of a standard normal", () => {
    const key = randomKey(123, Stream.embedding);
    const n = 200_000;
    const sums = [0, 0, 0, 0];
    for (let i = 0; i < n; i++)
      for (let k = 0, x = randomNormal(key, i), power = x; k < 4; k++, power *= x) sums[k] += power;
    const [m1, m2, m3, m4] = sums.map((sum) => sum / n);
    const error = 4.5 / Math.sqrt(n); // variances of x, x^2, x^3, x^4: 1, 2, 15, 96
    expect(Math.abs(m1)).toBeLessThan(error);
    expect(Math.abs(m2 - 1)).toBeLessThan(error * Math.sqrt(2));
    expect(Math.abs(m3)).toBeLessThan(error * Math.sqrt(15));
    expect(Math.abs(m4 - 3)).toBeLessThan(error * Math.sqrt(96));
  });
});

describe("randomPermutation", () => {
  it.each([0, 1, 2, 17, 1000])("of %i rows visits each exactly once", (n) => {
    const order = randomPermutation(randomKey(3, Stream.shuffle), n);
    expect(Array.from(order).sort((a, b) => a - b)).toEqual(Array.from({ length: n }, (_, i) => i));
  });

  it("gives another order in another epoch and the same one in the same epoch", () => {
    const epoch = (e: number) => Array.from(randomPermutation(randomKey(3, Stream.shuffle, e), 100)).join();
    expect(epoch(1)).toBe(epoch(1));
    expect(epoch(1)).not.toBe(epoch(2));
  });

  it("makes all orders of four equally likely", () => {
    const counts = new Map<string, number>();
    for (let e = 0; e < 24_000; e++) {
      const order = randomPermutation(randomKey(8, Stream.shuffle, e), 4).join();
      counts.set(order, (counts.get(order) ?? 0) + 1);
    }
    expect(counts.size).toBe(24);
    expect(chiSquare([...counts.values()])).toBeLessThan(57); // 23 degrees of freedom: p < 1e-4
  });
});
