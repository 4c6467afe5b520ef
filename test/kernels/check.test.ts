// The check for finite numbers: every position, every kind of number that is not finite, both backends.

import { describe, expect, it } from "vitest";
import { checkKernels } from "../../src/kernels/check.ts";
import { Memory } from "../../src/kernels/memory.ts";

const BACKENDS = ["js", "wasm"] as const;

describe.each(BACKENDS)("zeroTimes: %s", (backend) => {
  const memory = new Memory(backend);
  const x = memory.allocate(1, 203, { stride: 203, lasting: true });
  const out = memory.allocate(1, 4);
  memory.commit();
  const kernels = memory.addKernels(checkKernels);
  const areFinite = (start: number, end: number): boolean => {
    out.data.fill(7);
    kernels.zeroTimes(out, x, start, end);
    return Array.from(out.data).every((sum) => sum === 0);
  };

  it("finds one number at any position of any range, and nothing outside of it", () => {
    for (const bad of [NaN, Infinity, -Infinity]) {
      for (let at = 0; at < 203; at++) {
        x.data.fill(-3.4e38);
        x.data[at] = bad;
        for (const [start, end] of [
          [0, 203],
          [0, at + 1],
          [at, at + 1],
          [at, 203],
        ])
          expect(areFinite(start, end)).toBe(false);
        expect(areFinite(0, at)).toBe(true);
        expect(areFinite(at + 1, 203)).toBe(true);
      }
    }
  });

  it("takes all other numbers for finite", () => {
    const numbers = [0, -0, 1e-45, -1e-40, 3.4028234663852886e38, -1, 5];
    x.data.forEach((_, i) => void (x.data[i] = numbers[i % numbers.length]));
    expect(areFinite(0, 203)).toBe(true);
    expect(areFinite(5, 5)).toBe(true);
  });
});
