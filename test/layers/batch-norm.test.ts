// Batch norm in training and prediction.

import { describe, expect, it } from "vitest";
import { Adagrad, CSRMatrix, NFM, type NFMOptions, SGD } from "../../src/index.ts";
import { dataset, expectFinite, fit, tensorNames, values } from "../helpers/training.ts";

describe("batch norm", () => {
  const still: NFMOptions = {
    embeddingDim: 3,
    hiddenUnits: [],
    batchNorm: true,
    dropout: { biInteraction: 0 },
    numFeatures: 4,
    initStd: 1,
    optimizer: new SGD({ learningRate: 0 }),
  };
  const x = CSRMatrix.fromDense([
    [1, 2, 0, 0],
    [0, 1, 1, 1],
    [3, 0, 0, 1],
  ]);

  it("moves its running averages by a tenth towards the batch's mean and biased variance", () => {
    const model = new NFM(still);
    const v = values(model, "embedding.weight");
    const at = (i: number, j: number): number => v[3 * i + j];
    const columns = [0, 1, 2].map((j) => [
      2 * at(0, j) * at(1, j),
      at(1, j) * at(2, j) + at(1, j) * at(3, j) + at(2, j) * at(3, j),
      3 * at(0, j) * at(3, j),
    ]);
    let [mean, variance] = [
      [0, 0, 0],
      [1, 1, 1],
    ];
    for (let step = 0; step < 3; step++) {
      model.partialFit(x, [1, 2, 3]);
      const means = columns.map((column) => column.reduce((a, b) => a + b) / 3);
      mean = mean.map((m, j) => 0.9 * m + 0.1 * means[j]);
      variance = variance.map(
        (s, j) => 0.9 * s + 0.1 * (columns[j].reduce((sum, value) => sum + (value - means[j]) ** 2, 0) / 3),
      );
      values(model, "norms.0.running_mean").forEach((m, j) => expect(m).toBeCloseTo(mean[j], 5));
      values(model, "norms.0.running_var").forEach((s, j) => expect(s).toBeCloseTo(variance[j], 5));
    }
  });

  it("of one row is finite: mean the row, variance 0", async () => {
    const model = new NFM({ ...still, hiddenUnits: [4], optimizer: new Adagrad() });
    for (let i = 0; i < 30; i++)
      expect(Number.isFinite(model.partialFit(x.slice(i % 3, (i % 3) + 1), [1]))).toBe(true);
    expectFinite(model, tensorNames(model));
    const one = new NFM(still);
    one.partialFit(x.slice(0, 1), [1]);
    values(one, "norms.0.running_var").forEach((s) => expect(s).toBeCloseTo(0.9, 6));
    const v = values(one, "embedding.weight");
    values(one, "norms.0.running_mean").forEach((m, j) =>
      expect(m).toBeCloseTo(0.1 * 2 * v[j] * v[3 + j], 6),
    );
    await model.fit(x, [1, 2, 3], { epochs: 5, batchSize: 2 }); // the last batch has one row
    expectFinite(model, tensorNames(model));
  });

  it("predicts by the running averages and leaves them alone", async () => {
    const model = await fit();
    const before = model.save();
    const { x: rows } = dataset(50);
    const together = model.predict(rows);
    expect(Array.from(together)).toEqual(Array.from({ length: 50 }, (_, i) => model.predict(rows.row(i))));
    expect(model.save()).toEqual(before);
  });
});
