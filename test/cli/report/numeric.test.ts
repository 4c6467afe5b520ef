import { describe, expect, it } from "vitest";
import { histogram, quantile, residuals, sampleOf, shownRange } from "../../../src/cli/report/numeric.ts";

describe("histogram", () => {
  it("counts in bins of a round width; an edge belongs to the bin above, the last edge to the last bin", () => {
    expect(histogram([0, 0.1, 0.2, 0.35, 0.4, 1], 5)).toEqual({
      edges: [0, 0.2, 0.4, 0.6, 0.8, 1],
      counts: [2, 2, 1, 0, 1],
      below: 0,
      above: 0,
    });
  });

  it("puts every multiple of its width into the bin that starts there, whatever rounding does", () => {
    const values = Array.from({ length: 100 }, (_, i) => i / 100);
    const { edges, counts } = histogram(values, 100, [0, 1]);
    expect(edges).toHaveLength(101);
    expect(counts).toEqual(new Array(100).fill(1));
  });

  it("counts apart what lies outside a given range", () => {
    const { edges, counts, below, above } = histogram([-9, -1, 0.5, 1, 1.5, 7, 8], 2, [-1, 1]);
    expect(edges).toEqual([-1, 0, 1]);
    expect([below, counts, above]).toEqual([1, [1, 2], 3]);
  });

  it("has a bin for one value, and for none", () => {
    expect(histogram([3, 3, 3]).counts.reduce((sum, count) => sum + count)).toBe(3);
    expect(histogram([]).counts.every((count) => count === 0)).toBe(true);
  });
});

describe("quantiles", () => {
  it("lie between two values in proportion", () => {
    expect([0, 0.25, 0.5, 1].map((share) => quantile([10, 20, 40], share))).toEqual([10, 15, 20, 40]);
    expect(quantile([7], 0.3)).toBe(7);
  });

  it("cut the range of a chart where a few values lie far outside, and only there", () => {
    const values = Array.from({ length: 1000 }, (_, i) => i);
    expect(shownRange(values)).toEqual([0, 999]);
    const [low, high] = shownRange([...values, 1e6]);
    expect(low).toBe(0);
    expect(high).toBeGreaterThan(990);
    expect(high).toBeLessThan(1000);
    expect(shownRange([])).toEqual([0, 1]);
  });
});

describe("residuals", () => {
  it("are label minus prediction", () => {
    const found = residuals([1, 2, 3, 4], [2, 2, 2, 8], 2);
    // residuals: 1, 0, -1, 4
    expect(found.mean).toBe(1);
    expect(found.quantiles[1]).toBe(0.5);
    expect(found.bins).toEqual([
      { rows: 2, predicted: 1.5, quantiles: [expect.closeTo(0.1, 12), 0.5, expect.closeTo(0.9, 12)] },
      { rows: 2, predicted: 3.5, quantiles: [expect.closeTo(-0.5, 12), 1.5, expect.closeTo(3.5, 12)] },
    ]);
    expect(found.points).toEqual([
      [1, 2],
      [2, 2],
      [3, 2],
      [4, 8],
    ]);
    expect(found.histogram.counts.reduce((sum, count) => sum + count)).toBe(4);
  });

  it("show evenly spaced rows of many", () => {
    expect(sampleOf(10, 4)).toEqual([0, 2, 5, 7]);
    expect(sampleOf(3, 4)).toEqual([0, 1, 2]);
    expect(sampleOf(0, 4)).toEqual([]);
    const many = Float64Array.from({ length: 5000 }, (_, i) => i);
    expect(residuals(many, many).points).toHaveLength(900);
  });
});
