// Labeled rows with sample weights.

import { describe, expect, it } from "vitest";
import { NFM, type NFMOptions, SGD } from "../../../src/index.ts";
import { constant, dataset, N, SMALL, tensorNames, values } from "../../helpers/training.ts";

describe("sample weights", () => {
  const PLAIN: NFMOptions = {
    embeddingDim: 4,
    hiddenUnits: [3],
    batchNorm: false,
    dropout: { biInteraction: 0, hidden: 0 },
    initStd: 0.5,
    seed: 2,
    optimizer: new SGD({ learningRate: 0.1 }),
  };
  const { x, y } = dataset(4, 6);

  it("weight 2 is the row twice, weight 0 is no row", () => {
    const [weighted, repeated] = [new NFM(PLAIN), new NFM(PLAIN)];
    const loss = weighted.partialFit(x, y, { sampleWeight: [2, 1, 0, 1] });
    const twice = repeated.partialFit(x.take([0, 0, 1, 3]), [y[0], y[0], y[1], y[3]]);
    // The same sums in another order and with other roundings.
    expect(loss).toBeCloseTo(twice, 6);
    for (const name of tensorNames(weighted)) {
      const expected = values(repeated, name);
      values(weighted, name).forEach((value, i) => expect(value).toBeCloseTo(expected[i], 6));
    }
  });

  it("only their ratios count, and the loss is their weighted mean", () => {
    const [once, tenfold] = [new NFM(PLAIN), new NFM(PLAIN)];
    once.partialFit(x, y, { sampleWeight: [0.5, 1, 0.25, 2] });
    tenfold.partialFit(x, y, { sampleWeight: [4, 8, 2, 16] });
    for (const name of tensorNames(once)) expect(values(tenfold, name)).toEqual(values(once, name));
    const model = new NFM({ ...PLAIN, loss: constant(0) });
    expect(model.partialFit(x, [1, 2, 4, 8], { sampleWeight: [1, 2, 1, 4] })).toBe((1 + 4 + 4 + 32) / 8);
  });

  it("the loss of an epoch weighs rows alike in every batch, and a batch of weight 0 moves nothing", async () => {
    const model = new NFM({ ...PLAIN, loss: constant(0) });
    const { epochs } = await model.fit(x, [1, 2, 4, 8], {
      epochs: 2,
      batchSize: 2,
      sampleWeight: [0, 0, 3, 1],
      shuffle: false,
    });
    expect(epochs.map(({ loss }) => loss)).toEqual([5, 5]);
    const resting = new NFM({ ...PLAIN, numFeatures: N, labels: "raw" }); // so that w0 starts at 0
    const before = tensorNames(resting).map((name) => values(resting, name));
    await resting.fit(x, y, {
      epochs: 1,
      batchSize: 1,
      shuffle: false,
      sampleWeight: [0, 0, 0, 1e-30],
      onBatch: ({ batch }) => {
        if (batch < 4) expect(tensorNames(resting).map((name) => values(resting, name))).toEqual(before);
      },
    });
    expect(tensorNames(resting).map((name) => values(resting, name))).not.toEqual(before);
  });
});

describe("a batch without any weight", () => {
  it("moves nothing: no parameter by L2, no running statistic", async () => {
    const { x, y } = dataset(16);
    const make = (): NFM => new NFM({ ...SMALL, l2: { embedding: 0.1, linear: 0.1, hidden: 0.1 } });
    const [some, all] = [make(), make()];
    const weights = y.map((_, i) => (i < 8 ? 1 : 0));
    await all.fit(x, y, { epochs: 1, batchSize: 8, shuffle: false, sampleWeight: weights });
    await some.fit(x.slice(0, 8), y.slice(0, 8), { epochs: 1, batchSize: 8, shuffle: false });
    expect(all.predict(x)).toEqual(some.predict(x)); // by running statistics, where there is batch norm
  });
});
