// NFM.explain on trained models: parts sum to the raw score, and a planted pair is the strongest.

import { describe, expect, it } from "vitest";
import { randomBelow, randomKey, Stream } from "../../src/core/random.ts";
import type { Explanation } from "../../src/explain/explain.ts";
import { NFM } from "../../src/index.ts";

describe("NFM.explain on trained models", () => {
  const value = (i: number, field: number): number => randomBelow(randomKey(field, Stream.demo), i, 5);
  const maps = Array.from({ length: 1500 }, (_, i) => ({
    a: `${value(i, 0)}`,
    b: `${value(i, 1)}`,
    c: `${value(i, 2)}`,
    d: `${value(i, 3)}`,
    weight: 1 + (i % 4) / 2,
  }));
  /** Only a and b interact: where they are the same, the label is 2 more. */
  const labels = maps.map(({ a, b, c }) => (a === b ? 2 : 0) + Number(c) / 10 - 0.5);
  const sumOf = ({ bias, linear, pairs }: Explanation): number =>
    [...linear, ...pairs].reduce((sum, { contribution }) => sum + contribution, bias);

  for (const activation of ["relu", "tanh", "sigmoid", "identity"] as const) {
    for (const hiddenUnits of [[], [12], [12, 8]]) {
      it(`the parts sum to the raw score, and the planted pair is the strongest: ${activation}, [${hiddenUnits.join(", ")}]`, async () => {
        const model = new NFM({
          embeddingDim: 8,
          numbers: "raw",
          hiddenUnits,
          activation,
          dropout: { biInteraction: 0, hidden: 0 },
          batchNorm: hiddenUnits.length > 0,
          seed: 3,
        });
        await model.fit(maps, labels, { epochs: 25, batchSize: 50, validation: false });
        const planted = maps.filter(({ a, b }) => a === b).slice(0, 40);
        let onTop = 0;
        for (const map of planted) {
          const explanation = model.explain(map);
          const score = model.predict(map, { raw: true });
          expect(Math.abs(sumOf(explanation) - score)).toBeLessThan(1e-4 * Math.abs(score)); // of float32; the sum itself is exact
          expect(explanation.linear.map(({ feature }) => feature).sort()).toEqual(
            [`a=${map.a}`, `b=${map.b}`, `c=${map.c}`, `d=${map.d}`, "weight"].sort(),
          );
          expect(explanation.pairs).toHaveLength(10);
          const sizes = explanation.pairs.map(({ contribution }) => Math.abs(contribution));
          expect(sizes).toEqual([...sizes].sort((x, y) => y - x));
          if (explanation.pairs[0].features.join() === `a=${map.a},b=${map.b}`) onTop++;
        }
        expect(onTop).toBe(planted.length);
      });
    }
  }

  it("names features of a model without an encoder by their numbers, and refuses bad rows without changing anything", () => {
    const model = new NFM({ numFeatures: 5, embeddingDim: 2, hiddenUnits: [3] });
    expect(model.explain({ indices: [4, 1] }).pairs).toEqual([
      { features: ["#4", "#1"], contribution: expect.any(Number) as number },
    ]);
    const before = model.save();
    expect(() => model.explain({ indices: [5] })).toThrow(
      "explain: x.indices[0] must be below numFeatures (5), got 5",
    );
    expect(() => model.explain("x" as never)).toThrow(/^explain: x must be /);
    expect(() => new NFM().explain({ indices: [1] })).toThrow("explain: the model has no parameters yet");
    expect(model.save()).toEqual(before);
    const { bias, ...parts } = model.explain({ indices: [] });
    expect(bias).toBeCloseTo(model.predict({ indices: [] }), 7);
    expect(parts).toEqual({ linear: [], pairs: [] });
  });
});
