import { describe, expect, it } from "vitest";
import { linearScale, logScale, roundStep, scaleFor } from "../../../src/cli/report/scale.ts";

describe("steps between ticks", () => {
  it.each([
    [1, 1],
    [1.01, 2],
    [2, 2],
    [3, 5],
    [7, 10],
    [0.03, 0.05],
    [0.1, 0.1],
    [600, 1000],
    [1e-7, 1e-7],
  ])("%d becomes %d", (step, round) => expect(roundStep(step)).toBe(round));
});

describe("linear scales", () => {
  it("end at ticks beside the values, and their ticks are exact decimals", () => {
    const scale = linearScale(0.13, 0.58, 5);
    expect(scale.ticks).toEqual([0.1, 0.2, 0.3, 0.4, 0.5, 0.6]);
    expect(scale.labels).toEqual(["0.1", "0.2", "0.3", "0.4", "0.5", "0.6"]);
    expect([scale.low, scale.high]).toEqual([0.1, 0.6]);
    expect([0.1, 0.35, 0.6].map(scale.at)).toEqual([0, expect.closeTo(0.5, 12), 1]);
  });

  it("may end at the values themselves, with ticks inside", () => {
    const scale = linearScale(1, 11, 5, true);
    expect(scale.ticks).toEqual([2, 4, 6, 8, 10]);
    expect([scale.low, scale.high]).toEqual([1, 11]);
    expect(scale.at(6)).toBe(0.5);
  });

  it("have room around a single value", () => {
    for (const value of [0, 5, -0.2, 1e9]) {
      const { low, high, ticks } = linearScale(value, value);
      expect(low).toBeLessThan(value);
      expect(high).toBeGreaterThan(value);
      expect(ticks.length).toBeGreaterThan(1);
    }
  });

  it("shorten large numbers and write a true minus", () => {
    expect(linearScale(-1e6, 1.4e6, 5).labels).toEqual(["−1M", "−500k", "0", "500k", "1M", "1.5M"]);
    expect(linearScale(0, 20000, 4).labels).toEqual(["0", "5k", "10k", "15k", "20k"]);
  });

  it("write small ticks with powers of ten", () => {
    expect(linearScale(0, 4e-7, 4).labels).toEqual(["0", "1e−7", "2e−7", "3e−7", "4e−7"]);
    expect(linearScale(0, 0.0008, 4).labels).toEqual(["0.0000", "0.0002", "0.0004", "0.0006", "0.0008"]);
  });

  it("put values outside at the ends", () => {
    const { at } = linearScale(0, 1);
    expect([-5, 5].map(at)).toEqual([0, 1]);
  });
});

describe("logarithmic scales", () => {
  it("have equal distances for equal ratios", () => {
    const { at, labels } = logScale(0.1, 1000);
    expect(at(10)).toBeCloseTo(0.5, 12);
    expect(labels).toEqual(["0.1", "1", "10", "100", "1,000"]);
  });

  it("are chosen for positive values whose ratio is above 50", () => {
    expect(scaleFor([1, 51])!.at(Math.sqrt(51))).toBeCloseTo(0.5, 12);
    expect(scaleFor([0, 51])!.at(0)).toBe(0);
    expect(scaleFor([1, 49])!.low).toBe(0);
  });

  it("ignore what is not finite, and do not exist without a finite value", () => {
    expect(scaleFor([NaN, 2, Infinity, 4])!.ticks).toEqual([2, 2.5, 3, 3.5, 4]);
    expect(scaleFor([NaN, -Infinity])).toBeNull();
    expect(scaleFor([])).toBeNull();
  });
});
