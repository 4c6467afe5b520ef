// The oracle computes mean and deviation in two passes over integers of many digits.

import { describe, expect, it } from "vitest";
import { Moments } from "../../src/core/moments.ts";
import { numbers } from "../reference.ts";

function momentsOf(values: readonly number[], weights?: readonly number[]): Moments {
  const moments = new Moments();
  values.forEach((value, i) => void moments.add(value, weights?.[i]));
  return moments;
}

describe("Moments", () => {
  it("are those of two passes, weighted or not, also far from 0", () => {
    const next = numbers(9);
    for (const shift of [0, 1e9, -1e6]) {
      const offsets = Array.from({ length: 500 }, () => next(-2, 2));
      const weights = offsets.map((_, i) => (i % 7 === 0 ? 0 : next(0, 3)));
      const values = offsets.map((offset) => offset + shift);
      for (const own of [undefined, weights]) {
        const weightOf = (i: number): number => own?.[i] ?? 1;
        const total = values.reduce((sum, _, i) => sum + weightOf(i), 0);
        // The differences from the shift are exact enough for a sum.
        const mean = values.reduce((sum, value, i) => sum + weightOf(i) * (value - shift), 0) / total;
        const squares = values.reduce((sum, value, i) => sum + weightOf(i) * (value - shift - mean) ** 2, 0);
        const moments = momentsOf(values, own);
        expect(moments.mean - shift).toBeCloseTo(mean, 6);
        expect(moments.deviation).toBeCloseTo(Math.sqrt(squares / total), 6);
      }
    }
  });

  it("have a deviation of exactly 0 for equal numbers, and for none", () => {
    expect(momentsOf([0.1, 0.1, 0.1]).deviation).toBe(0);
    expect(momentsOf([0.1, 0.1, 0.1], [0.3, 0.7, 0.9])).toMatchObject({ mean: 0.1, deviation: 0 });
    expect(momentsOf([])).toMatchObject({ mean: 0, deviation: 0 });
    expect(momentsOf([5, 7], [0, 0.5])).toMatchObject({ mean: 7, deviation: 0 });
  });
});
