// Rows of normal random numbers: both versions give the numbers of core/random.ts, to the last bit.

import { describe, expect, it } from "vitest";
import { randomKey, randomNormal } from "../../src/core/random.ts";
import { Memory } from "../../src/kernels/memory.ts";
import { randomKernels } from "../../src/kernels/random.ts";

describe.each(["js", "wasm"] as const)("normalRow on %s", (backend) => {
  it.each(
    Array.from({ length: 21 }, (_, i) => i + 1),
  )("draws rows of %i numbers, and nothing else", (cols) => {
    const memory = new Memory(backend);
    const kernels = memory.addKernels(randomKernels);
    const x = memory.allocate(3, cols);
    memory.commit();
    const key = randomKey(11, 4, cols);
    kernels.normalRow(x, 1, key, 0.3);
    const { data, stride } = x;
    for (let i = 0; i < data.length; i++) {
      const j = i - stride;
      expect(data[i]).toBe(j >= 0 && j < cols ? Math.fround(0.3 * randomNormal(key, j)) : 0);
    }
  });

  it("has the same bits as core/random.ts in the middle and in both tails", () => {
    const memory = new Memory(backend);
    const kernels = memory.addKernels(randomKernels);
    const x = memory.allocate(1, 400_000);
    memory.commit();
    const key = randomKey(2 ** 40 + 5, 1, 77);
    kernels.normalRow(x, 0, key, 1);
    let [low, high, different] = [0, 0, 0];
    for (let j = 0; j < x.cols; j++) {
      const expected = Math.fround(randomNormal(key, j));
      if (!Object.is(x.data[j], expected)) different++;
      low = Math.min(low, expected);
      high = Math.max(high, expected);
    }
    expect(different).toBe(0);
    expect(low).toBeLessThan(-4.2);
    expect(high).toBeGreaterThan(4.2);
  });
});
