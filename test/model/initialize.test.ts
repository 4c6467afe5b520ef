// Initial values: their distributions, and that they depend on the seed and their position alone.

import { describe, expect, it } from "vitest";
import { NFM, type NFMOptions } from "../../src/index.ts";
import { values } from "../helpers/training.ts";

describe("initial values", () => {
  const weights = (options: NFMOptions): Float32Array =>
    new NFM({ embeddingDim: 6, seed: 3, ...options }).tensor("embedding.weight").data;

  it("of a feature depend on seed and index alone: not on the number of features, nor on other layers", () => {
    const few = weights({ numFeatures: 10 });
    expect(weights({ numFeatures: 1000 }).slice(0, 60)).toEqual(few);
    expect(weights({ numFeatures: 10, hiddenUnits: [], loss: "log" })).toEqual(few);
    expect(new Set(few).size).toBe(60);
  });

  it("of embeddings are N(0, initStd), of layers N(0, 2 / (in + out)); w0 and w are 0, norms 1 and 0", () => {
    const model = new NFM({
      embeddingDim: 40,
      ...{ hiddenUnits: [2000], batchNorm: true },
      numFeatures: 2000,
      initStd: 0.03,
      seed: 11,
    });
    const expectNormal = (name: string, std: number): void => {
      const { data } = model.tensor(name);
      const moment = (p: number): number =>
        data.reduce((sum, value) => sum + (value / std) ** p, 0) / data.length;
      // Four standard errors of the moments of a normal sample: 1, 2, 15 and 96 are the variances of x^1 ..
      // x^4.
      [
        [1, 0, 1],
        [2, 1, 2],
        [3, 0, 15],
        [4, 3, 96],
      ].forEach(([p, mean, variance]) => {
        expect(Math.abs(moment(p) - mean), `${name}, moment ${p}`).toBeLessThan(
          4 * Math.sqrt(variance / data.length),
        );
      });
    };
    expectNormal("embedding.weight", 0.03);
    expectNormal("hidden.0.weight", Math.sqrt(2 / 2040));
    expectNormal("hidden.0.bias", Math.sqrt(2 / 2040));
    expectNormal("output.weight", Math.sqrt(2 / 2001));
    for (const name of ["bias", "linear.weight", "norms.0.bias", "norms.1.running_mean"])
      expect(new Set(values(model, name))).toEqual(new Set([0]));
    for (const name of ["norms.0.weight", "norms.1.running_var"])
      expect(new Set(values(model, name))).toEqual(new Set([1]));
  });
});
