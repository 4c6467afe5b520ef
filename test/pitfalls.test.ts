// The traps that other public implementations of NFM and FM fell into, each with a test of ours.

import { describe, expect, it } from "vitest";
import { Adagrad, CSRMatrix, FeatureEncoder, type Metric, NFM, parseLibSVM, SGD } from "../src/index.ts";
import { bpr } from "../src/losses.ts";
import { isHigherBetter } from "../src/metrics/metrics.ts";

const plain = { batchNorm: false, dropout: { biInteraction: 0, hidden: 0 } } as const;
const rows = Array.from({ length: 50 }, (_, i) => ({ indices: [i % 5, 5 + (i % 3), 8 + (i % 2)] }));
const y = rows.map((_, i) => (i % 4) - 1);

describe("traps", () => {
  it("values are multiplied in: they scale the embedding and the linear weight", () => {
    const model = new NFM({ numFeatures: 3, embeddingDim: 4, hiddenUnits: [], initStd: 0.5 });
    const w = model.tensor("linear.weight").data;
    const v = model.tensor("embedding.weight").data;
    const dot = v.slice(0, 4).reduce((sum, value, j) => sum + value * v[4 + j], 0);
    expect(w).toEqual(new Float32Array(3));
    expect(model.predict({ indices: [0, 1], values: [2, -3] })).toBeCloseTo(-6 * dot, 5);
    model.partialFit([{ indices: [2], values: [4] }], [1]);
    expect(model.predict({ indices: [2], values: [2] })).toBeCloseTo(
      model.tensor("bias").data[0] + 2 * model.tensor("linear.weight").data[2],
      6,
    );
  });

  it("the vocabulary comes from training data alone", async () => {
    const model = new NFM({ embeddingDim: 2, hiddenUnits: [] });
    await model.fit([{ a: "x" }, { a: "y" }], [1, 2], { epochs: 1, validation: { x: [{ a: "z" }], y: [1] } });
    model.evaluate([{ a: "w" }], [1]);
    expect(model.numFeatures).toBe(2);
  });

  it("CRLF files lose no value", () => {
    const { x, y: labels } = parseLibSVM("1 0:1 5:2.5\r\n-1 3:0.5\r\n");
    expect([x.cols, ...x.values!, ...labels]).toEqual([6, 1, 2.5, 0.5, 1, -1]);
  });

  it("an epoch visits every row once, the short last batch included", async () => {
    const seen: number[] = [];
    const model = new NFM({
      ...plain,
      embeddingDim: 2,
      hiddenUnits: [],
      numFeatures: 10,
      loss: {
        kind: "pointwise",
        name: "spy",
        value: (_, target) => {
          seen.push(target);
          return 0;
        },
        gradient: () => 0,
      },
    });
    await model.fit(
      rows,
      rows.map((_, i) => i),
      { epochs: 2, batchSize: 8 },
    );
    for (const epoch of [seen.slice(0, 50), seen.slice(50)])
      expect([...epoch].sort((a, b) => a - b)).toEqual(rows.map((_, i) => i));
    expect(seen.slice(0, 50)).not.toEqual(seen.slice(50));
  });

  it("each metric knows its direction", () => {
    const metrics: Metric[] = ["rmse", "rmse-clamped", "mae", "logloss", "auc", "accuracy"];
    expect(metrics.filter(isHigherBetter)).toEqual(["auc", "accuracy"]);
    expect(isHigherBetter("loss")).toBe(false);
  });

  it("early stopping watches the log loss in the right direction, on validation data", async () => {
    const labels = rows.map((_, i) => i % 2);
    const model = new NFM({
      embeddingDim: 4,
      hiddenUnits: [8],
      loss: "log",
      optimizer: new Adagrad({ learningRate: 0.5 }),
    });
    const history = await model.fit(rows, labels, {
      epochs: 30,
      patience: 3,
      monitor: "logloss",
      validation: { x: rows, y: labels.map((label) => 1 - label) },
    });
    const values = history.epochs.map(({ validation }) => validation!.logloss);
    expect(values[history.bestEpoch! - 1]).toBe(Math.min(...values));
    expect(history.stopped).toBe("patience");
    expect(history.epochs.length).toBe(history.bestEpoch! + 3);
  });

  it("rmse-clamped uses the range of the training labels, not that of the evaluated ones; rmse is plain", () => {
    const model = new NFM({
      numFeatures: 2,
      embeddingDim: 1,
      hiddenUnits: [],
      optimizer: new SGD({ learningRate: 0.5 }),
    });
    model.partialFit([{ indices: [0] }, { indices: [1] }], [-1, 3]);
    const score = model.predict({ indices: [1], values: [10] });
    expect(score).toBeGreaterThan(3);
    expect(
      model.evaluate([{ indices: [1], values: [10] }], [100], { metrics: ["rmse-clamped"] })["rmse-clamped"],
    ).toBe(97);
    expect(model.evaluate([{ indices: [1], values: [10] }], [100], { metrics: ["rmse"] }).rmse).toBeCloseTo(
      100 - score,
      5,
    );
  });

  it("dropout has named rates: one that drops nothing changes nothing, and only in training", () => {
    const make = (dropout: { biInteraction?: number; hidden?: number }): NFM =>
      new NFM({ numFeatures: 10, embeddingDim: 4, hiddenUnits: [4], batchNorm: false, initStd: 1, dropout });
    const [none, pooled, hidden] = [
      make({ biInteraction: 0, hidden: 0 }),
      make({ biInteraction: 0.9, hidden: 0 }),
      make({ biInteraction: 0, hidden: 0.9 }),
    ];
    expect(pooled.predict(rows)).toEqual(none.predict(rows));
    expect(hidden.predict(rows)).toEqual(none.predict(rows));
    const losses = [none, pooled, hidden].map((model) => model.partialFit(rows, y));
    expect(new Set(losses).size).toBe(3);
  });

  it("the BPR gradient does not vanish at a difference of -30", () => {
    expect(bpr.gradient(-30)).toBeCloseTo(-1, 12);
    expect(bpr.gradient(-800)).toBe(-1);
    expect(bpr.value(-800)).toBe(800);
  });

  it("the loss is a mean: a batch repeated twice over moves the model as the batch does", () => {
    const make = (): NFM =>
      new NFM({
        ...plain,
        numFeatures: 10,
        embeddingDim: 3,
        hiddenUnits: [3],
        optimizer: new SGD({ learningRate: 0.1 }),
        l2: { embedding: 0.1, hidden: 0.1 },
      });
    const [once, twice] = [make(), make()];
    const lossOnce = once.partialFit(rows, y);
    expect(twice.partialFit([...rows, ...rows], [...y, ...y])).toBeCloseTo(lossOnce, 6);
    const expected = once.tensor("embedding.weight").data;
    twice.tensor("embedding.weight").data.forEach((value, i) => expect(value).toBeCloseTo(expected[i], 6));
  });

  it("L2 and the optimizer leave alone what a batch does not touch", () => {
    for (const optimizer of [new Adagrad(), new SGD({ momentum: 0.9 })]) {
      const model = new NFM({
        numFeatures: 10,
        embeddingDim: 3,
        hiddenUnits: [3],
        optimizer,
        l2: { embedding: 1, linear: 1 },
      });
      model.partialFit(rows, y);
      const before = model.tensor("embedding.weight").data;
      model.partialFit([{ indices: [0, 9] }], [1]);
      const after = model.tensor("embedding.weight").data;
      for (let feature = 0; feature < 10; feature++) {
        const moved =
          before.slice(feature * 3, feature * 3 + 3).join() !==
          after.slice(feature * 3, feature * 3 + 3).join();
        expect(moved, `feature ${feature}`).toBe(feature === 0 || feature === 9);
      }
    }
  });

  it("ids above 2^24 stay what they are", () => {
    expect(CSRMatrix.fromRows([{ indices: [16777217] }]).indices[0]).toBe(16777217);
    expect(parseLibSVM("1 16777217:1").x.indices[0]).toBe(16777217);
  });

  it("an empty row scores w0 + f(0), in training as well", () => {
    const model = new NFM({ numFeatures: 4, embeddingDim: 3, hiddenUnits: [] });
    expect(Number.isFinite(model.partialFit([{ indices: [] }, { indices: [1] }], [2, 1]))).toBe(true);
    expect(model.predict({ indices: [] })).toBe(model.tensor("bias").data[0]);
    const deep = new NFM({ numFeatures: 4, embeddingDim: 3, hiddenUnits: [2] });
    expect(Number.isFinite(deep.partialFit([{ indices: [] }], [2]))).toBe(true);
  });

  it("the scale of initial embeddings does not depend on the size of the vocabulary", () => {
    const spread = (numFeatures: number): number => {
      const { data } = new NFM({ numFeatures, embeddingDim: 16 }).tensor("embedding.weight");
      return Math.sqrt(data.reduce((sum, value) => sum + value * value, 0) / data.length);
    };
    for (const numFeatures of [100, 20000]) expect(spread(numFeatures)).toBeCloseTo(0.01, 3);
  });

  it("an empty list of hidden layers is a factorization machine", () => {
    const model = new NFM({ numFeatures: 4, hiddenUnits: [] });
    expect(() => model.tensor("output.weight")).toThrow(
      "tensor: name must be one of bias, linear.weight, embedding.weight, got",
    );
  });

  it("Adagrad updates once per feature and batch, by the sum of its gradients", () => {
    const model = new NFM({
      numFeatures: 2,
      embeddingDim: 1,
      hiddenUnits: [],
      initStd: 0,
      optimizer: new Adagrad({ learningRate: 0.1, initialAccumulator: 1 }),
    });
    model.partialFit([{ indices: [0] }, { indices: [0] }, { indices: [0] }, { indices: [1] }], [1, 2, 3, 0]);
    const g = (-2 * (1 + 2 + 3)) / 4;
    expect(model.tensor("linear.weight").data[0]).toBeCloseTo((-0.1 * g) / Math.sqrt(1 + g * g), 6);
  });

  it("w0 cancels in a pairwise loss and does not drift", async () => {
    for (const loss of ["bpr", "max-margin"] as const) {
      const model = new NFM({ numFeatures: 10, embeddingDim: 3, hiddenUnits: [3], loss });
      await model.fitPairs(rows, [...rows].reverse(), { epochs: 5, batchSize: 7 });
      expect(model.tensor("bias").data[0]).toBe(0);
    }
  });

  it("MRR looks at the first positive alone, and ties count against us", () => {
    const model = new NFM({ numFeatures: 4, hiddenUnits: [], initStd: 0 }); // every score is 0
    const rows = [0, 1, 2, 3].map((i) => ({ indices: [i] }));
    expect(
      model.evaluate(rows, [1, 1, 0, 0], { metrics: ["mrr", "hr@2", "group-auc"], groups: [7, 7, 7, 7] }),
    ).toEqual({ mrr: 1 / 3, "hr@2": 0, "group-auc": 0 });
    model.partialFit([rows[0], rows[1], rows[2]], [2, 1, 0]);
    expect(
      model.evaluate(rows, [1, 1, 0, 0], { metrics: ["mrr", "hr@2", "group-auc"], groups: [7, 7, 7, 7] }),
    ).toEqual({ mrr: 1, "hr@2": 1, "group-auc": 1 });
  });

  it("batch norm takes a batch of one row", () => {
    const model = new NFM({ numFeatures: 10, embeddingDim: 3, hiddenUnits: [3], batchNorm: true });
    expect(Number.isFinite(model.partialFit([rows[0]], [1]))).toBe(true);
    expect(model.tensor("norms.0.running_var").data).toEqual(
      new Float32Array(3).fill(1).map((one) => one + Math.fround(0.1) * (0 - one)),
    );
  });

  it("one seed gives one result within a process, hidden layers included", () => {
    const make = (): Uint8Array =>
      new NFM({ numFeatures: 10, embeddingDim: 3, hiddenUnits: [3], seed: 5 }).save();
    const first = make();
    Math.random();
    new NFM({ numFeatures: 100 }).partialFit(rows, y);
    expect(make()).toEqual(first);
  });

  it("a multi-hot field is its entries with the weights as given, so pairs inside the field interact", () => {
    const encoder = new FeatureEncoder().fit([{ tags: { a: 1, b: 1 } }]);
    expect(encoder.encode({ tags: { a: 0.5, b: 3 } })).toEqual({
      indices: Uint32Array.of(0, 1),
      values: Float32Array.of(0.5, 3),
    });
    const model = new NFM({ encoder, embeddingDim: 2, hiddenUnits: [], initStd: 1 });
    const [a, b] = [
      model.tensor("embedding.weight").data.slice(0, 2),
      model.tensor("embedding.weight").data.slice(2),
    ];
    expect(model.predict({ tags: { a: 0.5, b: 3 } })).toBeCloseTo(1.5 * (a[0] * b[0] + a[1] * b[1]), 5);
  });
});
