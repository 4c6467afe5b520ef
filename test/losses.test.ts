// Losses as scalar functions: gradients are slopes, values the textbook's, at any score.

import { describe, expect, it } from "vitest";
import { bpr, hinge, log, maxMargin, squared } from "../src/losses.ts";

describe("losses by themselves", () => {
  // Central differences in float64 of values of size |s| carry an error of about 1e-16 |s| / step; squared is
  // a parabola, without another.
  const SCORES = [-1000, -100, -30, -3, -0.7, -1e-3, 0, 1e-3, 0.4, 2.5, 30, 100, 1000];
  const slope = (value: (s: number) => number, s: number): number =>
    (value(s + 1e-4) - value(s - 1e-4)) / 2e-4;

  const pointwise = [
    [squared, [-2, 0.25, 5]],
    [log, [0, 1]],
    [hinge, [-1, 1]],
  ] as const;
  for (const [loss, targets] of pointwise) {
    it(`the gradient of ${loss.name} is the slope of its value, at any score`, () => {
      for (const s of SCORES) {
        for (const y of targets) {
          expect(Number.isFinite(loss.value(s, y))).toBe(true);
          const expected = slope((score) => loss.value(score, y), s);
          expect(Math.abs(loss.gradient(s, y) - expected)).toBeLessThan(
            1e-6 * Math.max(1, Math.abs(expected)),
          );
        }
      }
    });
  }
  for (const loss of [bpr, maxMargin(), maxMargin(2)]) {
    it(`the gradient of ${loss.name} is the slope of its value, at any difference`, () => {
      for (const d of SCORES) {
        expect(Number.isFinite(loss.value(d))).toBe(true);
        expect(Math.abs(loss.gradient(d) - slope((x) => loss.value(x), d))).toBeLessThan(1e-6);
      }
    });
  }

  it("values are the textbook ones", () => {
    expect(squared.value(3, 5)).toBe(4);
    expect(squared.gradient(3, 5)).toBe(-4);
    expect([hinge.value(0.25, 1), hinge.value(0.25, -1), hinge.value(2, 1)]).toEqual([0.75, 1.25, 0]);
    expect([maxMargin().value(0.25), maxMargin(2).value(-1), maxMargin().value(1)]).toEqual([0.75, 3, 0]);
    for (const s of [-30, -3, -0.5, 0, 0.5, 3, 30]) {
      // math.ts is accurate to about 1e-14 relative.
      const softplus = (x: number): number => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
      for (const [got, expected] of [
        [log.value(s, 1), softplus(-s)],
        [log.value(s, 0), softplus(s)],
        [bpr.value(s), softplus(-s)],
      ]) {
        expect(Math.abs(got - expected) / expected).toBeLessThan(1e-12);
      }
    }
  });

  it("log and BPR keep their full slope where a naive formula loses it", () => {
    for (const s of [-30, -100, -1000]) {
      // sigmoid(30) differs from 1 by 9.4e-14.
      expect(Math.abs(bpr.gradient(s) + 1)).toBeLessThan(1e-13);
      expect(Math.abs(log.gradient(s, 1) + 1)).toBeLessThan(1e-13);
      expect(Math.abs(log.gradient(-s, 0) - 1)).toBeLessThan(1e-13);
      expect(Math.abs(bpr.value(s) + s)).toBeLessThan(1e-12);
      expect(Math.abs(log.value(s, 1) + s)).toBeLessThan(1e-12);
    }
    expect(bpr.value(30) / Math.exp(-30)).toBeCloseTo(1, 10);
    expect(log.gradient(30, 1) / -Math.exp(-30)).toBeCloseTo(1, 10);
    expect(
      [bpr.value(1000), log.value(1000, 1), bpr.gradient(1000), log.gradient(1000, 1)].every(
        (value) => value === 0,
      ),
    ).toBe(true);
  });

  it("labels come in either convention, and nothing else", () => {
    expect([0, -1, 1].map((label) => log.target!(label))).toEqual([0, 0, 1]);
    expect([0, -1, 1].map((label) => hinge.target!(label))).toEqual([-1, -1, 1]);
    for (const label of [2, 0.5, -2]) expect([log.target!(label), hinge.target!(label)]).toEqual([NaN, NaN]);
  });

  it("a loss of NaN stays NaN", () => {
    for (const { value } of [squared, log, hinge]) expect(value(NaN, 1)).toBeNaN();
    for (const { value } of [bpr, maxMargin()]) expect(value(NaN)).toBeNaN();
  });
});
