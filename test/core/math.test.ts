import { describe, expect, it } from "vitest";
import { exp, expBelowZero, log, log1p, sigmoid, softplus, tanh } from "../../src/core/math.ts";

const bits = new DataView(new ArrayBuffer(4));

function float32(pattern: number): number {
  bits.setUint32(0, pattern);
  return bits.getFloat32(0);
}

/** Position of a float32 among all float32s, so that differences count units in the last place. */
function ordinal(x: number): number {
  bits.setFloat32(0, x);
  const pattern = bits.getInt32(0);
  return pattern < 0 ? -(pattern & 0x7fffffff) : pattern;
}

/** About 130,000 finite float32s of every exponent and both signs, denormals and zeros included. */
function* allMagnitudes(): Generator<number> {
  for (let pattern = 0; pattern < 0x7f800000; pattern += 32749) {
    yield float32(pattern);
    yield -float32(pattern);
  }
  yield float32(0x7f7fffff);
  yield -float32(0x7f7fffff);
}

function* linspace(from: number, to: number, count: number): Generator<number> {
  for (let i = 0; i <= count; i++) yield Math.fround(from + ((to - from) * i) / count);
}

function expectWithin(
  ulps: number,
  own: (x: number) => number,
  reference: (x: number) => number,
  points: Iterable<number>,
): void {
  let worst = { ulps: -1, x: 0, got: 0, expected: 0 };
  for (const x of points) {
    const [got, expected] = [Math.fround(own(x)), Math.fround(reference(x))];
    const distance =
      Object.is(got, expected) || (got !== got && expected !== expected)
        ? 0
        : Math.abs(ordinal(got) - ordinal(expected));
    if (!(distance <= worst.ulps)) worst = { ulps: distance, x, got, expected };
  }
  expect(worst.ulps, JSON.stringify(worst)).toBeLessThanOrEqual(ulps);
}

const referenceSoftplus = (x: number) => (x > 0 ? x + Math.log1p(Math.exp(-x)) : Math.log1p(Math.exp(x)));
const referenceSigmoid = (x: number) => (x >= 0 ? 1 / (1 + Math.exp(-x)) : Math.exp(x) / (1 + Math.exp(x)));

// Both sides are rounded to float32; an error of 1e-14 in float64 can move a result across a rounding
// boundary, no further.
describe("portable elementary functions are within one float32 ulp of the engine's, over the whole range", () => {
  const signed: [string, (x: number) => number, (x: number) => number][] = [
    ["exp", exp, Math.exp],
    ["softplus", softplus, referenceSoftplus],
    ["sigmoid", sigmoid, referenceSigmoid],
    ["tanh", tanh, Math.tanh],
  ];
  it.each(signed)("%s, at every magnitude", (_, own, reference) =>
    expectWithin(1, own, reference, allMagnitudes()));
  it.each(signed)("%s, densely in [-110, 110]", (_, own, reference) =>
    expectWithin(1, own, reference, linspace(-110, 110, 200_000)));
  it.each(signed)("%s, densely in [-1, 1]", (_, own, reference) =>
    expectWithin(1, own, reference, linspace(-1, 1, 100_000)));
  it("log, at every magnitude, 0 and negative numbers included", () =>
    expectWithin(1, log, Math.log, allMagnitudes()));
  it("log, densely around 1", () => expectWithin(1, log, Math.log, linspace(0.5, 2, 200_000)));
  it("log1p, at every magnitude, -1 and below included", () =>
    expectWithin(1, log1p, Math.log1p, allMagnitudes()));
  it("log1p, densely in [-1, 1]", () => expectWithin(1, log1p, Math.log1p, linspace(-1, 1, 200_000)));
});

describe("portable elementary functions in float64", () => {
  const cases: [string, (x: number) => number, (x: number) => number, number, number][] = [
    ["exp", exp, Math.exp, -88, 88],
    ["log", log, Math.log, 1e-30, 50],
    ["log1p", log1p, Math.log1p, -0.9, 50],
    ["softplus", softplus, referenceSoftplus, -80, 80],
    ["sigmoid", sigmoid, referenceSigmoid, -80, 80],
    ["tanh", tanh, Math.tanh, -12, 12],
  ];
  it.each(cases)("%s has a relative error below 1e-14", (_, own, reference, from, to) => {
    let worst = 0;
    for (let i = 0; i <= 50_000; i++) {
      const x = from + ((to - from) * i) / 50_000;
      const expected = reference(x);
      if (expected !== 0) worst = Math.max(worst, Math.abs(own(x) / expected - 1));
    }
    expect(worst).toBeLessThan(1e-14);
  });

  it.each([
    ["exp", exp, -104, 89],
    ["softplus", softplus, -104, 200],
    ["sigmoid", sigmoid, -104, 50],
    ["tanh", tanh, -12, 12],
  ] as const)("%s never decreases, seen in 32 bits", (_, own, from, to) => {
    let last = -Infinity;
    const decreases: number[] = [];
    for (const x of linspace(from, to, 100_000)) {
      const y = Math.fround(own(x));
      if (!(y >= last)) decreases.push(x);
      last = y;
    }
    expect(decreases).toEqual([]);
  });
});

describe("portable elementary functions at special points", () => {
  it("follow the engine at 0, -0, infinities and NaN", () => {
    const pairs: [(x: number) => number, (x: number) => number][] = [
      [exp, Math.exp],
      [log, Math.log],
      [log1p, Math.log1p],
      [tanh, Math.tanh],
      [softplus, referenceSoftplus],
      [sigmoid, referenceSigmoid],
    ];
    for (const [own, reference] of pairs) {
      for (const x of [0, -0, 1, -1, Infinity, -Infinity]) {
        if (Number.isFinite(reference(x))) expect(own(x)).toBeCloseTo(reference(x), 14);
        else expect(own(x)).toBe(reference(x));
      }
      expect(own(NaN)).toBe(NaN);
    }
    expect(tanh(-0)).toBe(-0);
    expect(log1p(-0)).toBe(-0);
    expect(log(1)).toBe(0);
    expect(exp(0)).toBe(1);
  });

  it("exp reaches the denormal float32s, then 0; the largest float32, then Infinity", () => {
    expect(Math.fround(exp(-103.9))).toBe(2 ** -149);
    expect(Math.fround(exp(-100))).toBe(Math.fround(Math.exp(-100)));
    expect(Math.fround(exp(-103.98))).toBe(0);
    expect(exp(-1000)).toBe(0);
    expect(Math.fround(exp(88.72))).toBe(Math.fround(Math.exp(88.72)));
    expect(Math.fround(exp(88.73))).toBe(Infinity);
    expect(exp(1000)).toBe(Infinity);
  });

  it("softplus, sigmoid and tanh stay finite at any score", () => {
    for (const x of [1e3, 1e10, 3.4e38]) {
      expect(softplus(x)).toBe(x);
      expect(softplus(-x)).toBe(0);
      expect(sigmoid(x)).toBe(1);
      expect(sigmoid(-x)).toBe(0);
      expect(tanh(x)).toBe(1);
      expect(tanh(-x)).toBe(-1);
    }
  });

  it("log1p does not overflow at the largest float64s", () =>
    expect(log1p(1e308)).toBeCloseTo(Math.log(1e308), 10));
});

describe("expBelowZero", () => {
  it("is e^x to a relative error of 1e-8, down to where a float32 becomes 0", () => {
    for (const x of linspace(-103.9, 0, 100_000)) {
      const error = Math.abs(expBelowZero(x) / Math.exp(x) - 1);
      if (!(error <= 1e-8)) expect.fail(`e^${x} has the relative error ${error}`);
    }
    expect([expBelowZero(0), expBelowZero(-104), expBelowZero(-Infinity)]).toEqual([1, 0, 0]);
    expect(expBelowZero(NaN)).toBeNaN();
  });
});
