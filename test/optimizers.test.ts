// Steps of Adagrad and SGD against hand-computed ones: which parameters move, how far, and which rest.

import { describe, expect, it } from "vitest";
import { Adagrad, CSRMatrix, NFM, SGD } from "../src/index.ts";
import { readSafetensors } from "../src/model/safetensors.ts";
import { BLANK, constant, dataset, f, N, SMALL, values } from "./helpers/training.ts";

/** The optimizer's state of a tensor. */
function state(model: NFM, name: string): number[] {
  return Array.from(readSafetensors(model.save({ optimizer: true })).tensors.get(`optimizer.${name}`)!.data);
}

describe("optimizers", () => {
  const rows = (...lists: (readonly (readonly [number, number])[])[]): CSRMatrix =>
    CSRMatrix.fromRows(lists, 4);

  it("Adagrad takes one update per touched feature and batch, with the gradients of its rows summed", () => {
    // Scores are 0 and labels -1, so dScore = 2 (0 + 1) / 2 = 1 per row. Feature 0: g = 1 + 1 = 2, G = 12 +
    // 4, step 2 / 4. Feature 1, value 2 in one row: the same. Feature 2, value 4: g = 4, G = 12 + 16, step 4
    // / sqrt(28).
    const model = new NFM({ ...BLANK, optimizer: new Adagrad({ learningRate: 1, initialAccumulator: 12 }) });
    expect(
      model.partialFit(
        rows(
          [
            [0, 1],
            [1, 2],
          ],
          [
            [0, 1],
            [2, 4],
          ],
        ),
        [-1, -1],
      ),
    ).toBe(1);
    expect(values(model, "linear.weight")).toEqual([-0.5, -0.5, -f(4 / f(Math.sqrt(28))), 0]);
    expect(state(model, "linear.weight")).toEqual([16, 16, 28, 12]);
    expect(values(model, "bias")).toEqual([-0.5]);
    // Second step, feature 3 alone: score = w0 = -0.5; g = 2 (-0.5 - 5.5) = -12, G = 12 + 144, w3 += 12 /
    // sqrt(156).
    model.partialFit(rows([[3, 1]]), [5.5]);
    expect(values(model, "linear.weight").slice(0, 3)).toEqual([-0.5, -0.5, -f(4 / f(Math.sqrt(28)))]);
    expect(values(model, "linear.weight")[3]).toBe(f(12 / f(Math.sqrt(156))));
    expect(state(model, "linear.weight")).toEqual([16, 16, 28, 156]);
    expect(values(model, "bias")[0]).toBe(f(-0.5 + f(12 / f(Math.sqrt(160)))));
  });

  it("fit takes the same steps, batch after batch", async () => {
    const model = new NFM({
      ...BLANK,
      l2: {},
      loss: constant(1),
      optimizer: new Adagrad({ learningRate: 1, initialAccumulator: 3 }),
    });
    await model.fit(
      rows(
        [[0, 1]],
        [[0, 1]],
        [
          [0, 1],
          [1, 1],
        ],
      ),
      [0, 0, 0],
      { epochs: 2, batchSize: 2, shuffle: false },
    );
    // Batches {0, 0} and {0, 1} in each epoch: feature 0 has g = 1 in all four (1/2 + 1/2, then 1 / 1),
    // feature 1 in two.
    const steps = (n: number): number =>
      Array.from({ length: n }, (_, i) => 4 + i).reduce((w, g) => f(w - f(1 / f(Math.sqrt(g)))), 0);
    expect(values(model, "linear.weight")).toEqual([steps(4), steps(2), 0, 0]);
    expect(state(model, "linear.weight")).toEqual([7, 5, 3, 3]);
  });

  it("a coordinate with zero gradient does not move, though its feature is touched", () => {
    for (const optimizer of [
      new Adagrad({ initialAccumulator: 1e-8 }),
      new SGD({ learningRate: 0.5, momentum: 0.9 }),
    ]) {
      const model = new NFM({ ...BLANK, initStd: 1, optimizer });
      const before = values(model, "embedding.weight");
      for (let i = 0; i < 5; i++) model.partialFit(rows([[0, 1]], [[1, -2]], [[3, 1.5]]), [1, 2, 3]); // one feature has no pairs
      expect(values(model, "embedding.weight")).toEqual(before);
      expect(values(model, "linear.weight").map((w) => w !== 0)).toEqual([true, true, false, true]);
    }
  });

  it("rows that no batch touches never move, not even with L2 and momentum", async () => {
    const { x, y } = dataset(40, 3, 6);
    const touching = { ...SMALL, numFeatures: N, l2: { embedding: 0.1, linear: 0.1, hidden: 0.1 } };
    for (const optimizer of [new Adagrad(), new SGD({ learningRate: 0.01, momentum: 0.9 })]) {
      const initial = new NFM(touching);
      const model = new NFM({ ...touching, optimizer });
      await model.fit(x, y, { epochs: 3, batchSize: 8 });
      for (const [name, width] of [
        ["embedding.weight", 5],
        ["linear.weight", 1],
      ] as const) {
        expect(values(model, name).slice(6 * width)).toEqual(values(initial, name).slice(6 * width));
        expect(values(model, name).slice(0, 6 * width)).not.toEqual(
          values(initial, name).slice(0, 6 * width),
        );
        expect(new Set(state(model, name).slice(6 * width)).size).toBe(1);
      }
    }
  });

  it("L2 adds lambda theta to the gradient of touched rows and weight matrices, and of nothing else", () => {
    const model = new NFM({
      embeddingDim: 3,
      ...{ hiddenUnits: [4], batchNorm: true },
      numFeatures: 4,
      initStd: 1,
      loss: constant(0),
      optimizer: new SGD({ learningRate: 0.5 }),
      l2: { embedding: 0.25, linear: 0.5, hidden: 0.125 },
    });
    const start = NFM.load(model.save(), { loss: "squared", optimizer: new SGD({ learningRate: 0.1 }) });
    start.partialFit(
      rows([
        [0, 1],
        [1, 1],
        [2, 3],
        [3, 1],
      ]),
      [5],
    ); // so that no linear weight is 0
    const loaded = NFM.load(start.save(), { loss: constant(0), optimizer: new SGD({ learningRate: 0.5 }) });
    loaded.partialFit(
      rows(
        [
          [0, 1],
          [2, 1],
        ],
        [[2, 3]],
      ),
      [0, 0],
    );
    const decayed = (name: string, lambda: number, touched: (i: number) => boolean): void => {
      const [before, after] = [values(start, name), values(loaded, name)];
      expect(
        before.every((v) => v !== 0),
        name,
      ).toBe(true);
      expect(after, name).toEqual(
        before.map((theta, i) => (touched(i) ? f(theta - f(0.5 * f(lambda * theta))) : theta)),
      );
    };
    const isTouched = (feature: number): boolean => feature === 0 || feature === 2;
    decayed("embedding.weight", 0.25, (i) => isTouched(Math.floor(i / 3)));
    decayed("linear.weight", 0.5, isTouched);
    decayed("hidden.0.weight", 0.125, () => true);
    decayed("output.weight", 0.125, () => true);
    decayed("hidden.0.bias", 0, () => false);
    for (const name of ["bias", "norms.0.weight", "norms.0.bias", "norms.1.weight"])
      expect(values(loaded, name)).toEqual(values(start, name));
  });

  it("L2 enters Adagrad's sum of squares: it is part of the gradient, before the update", () => {
    const model = new NFM({
      ...BLANK,
      l2: { linear: 0.5 },
      loss: constant(2),
      optimizer: new Adagrad({ learningRate: 2, initialAccumulator: 12 }),
    });
    model.partialFit(rows([[0, 1]]), [0]); // g = 2, G = 12 + 4, w = -2 * 2 / 4
    expect([values(model, "linear.weight")[0], state(model, "linear.weight")[0]]).toEqual([-1, 16]);
    model.partialFit(rows([[0, 1]]), [0]); // g = 2 - 0.5, G = 16 + 2.25, w = -1 - 2 * 1.5 / sqrt(18.25)
    expect([values(model, "linear.weight")[0], state(model, "linear.weight")[0]]).toEqual([
      f(-1 - f(3 / f(Math.sqrt(18.25)))),
      18.25,
    ]);
  });

  it("SGD with momentum keeps v = momentum v + g per feature, resting while the feature is not touched", () => {
    const model = new NFM({
      ...BLANK,
      loss: constant(1),
      optimizer: new SGD({ learningRate: 0.5, momentum: 0.5 }),
    });
    model.partialFit(
      rows([
        [0, 1],
        [1, 1],
      ]),
      [0],
    ); // v = 1
    model.partialFit(rows([[0, 1]]), [0]); // v0 = 1.5
    model.partialFit(
      rows([
        [0, 1],
        [1, 1],
      ]),
      [0],
    ); // v0 = 1.75, v1 = 1.5
    expect(values(model, "bias")).toEqual([-0.5 - 0.75 - 0.875]);
    expect(values(model, "linear.weight")).toEqual([-2.125, -1.25, 0, 0]);
    expect(state(model, "linear.weight")).toEqual([1.75, 1.5, 0, 0]);
  });

  it("plain SGD keeps no state", () => {
    const model = new NFM({ ...BLANK, loss: constant(1), optimizer: new SGD({ learningRate: 0.25 }) });
    model.partialFit(
      rows([
        [0, 1],
        [1, -3],
      ]),
      [0],
    );
    model.partialFit(rows([[0, 2]]), [0]);
    expect(values(model, "linear.weight")).toEqual([-0.75, 0.75, 0, 0]);
    expect(
      [...readSafetensors(model.save({ optimizer: true })).tensors.keys()].some((name) =>
        name.startsWith("optimizer."),
      ),
    ).toBe(false);
  });

  it("w0 does not move in pairwise training, to the last bit", async () => {
    const { x, y } = dataset(60, 5);
    const start = new NFM({ ...SMALL, numFeatures: N, optimizer: new SGD({ learningRate: 0.1 }) });
    start.partialFit(x, y);
    const bias = values(start, "bias");
    expect(bias[0]).not.toBe(0);
    for (const loss of ["bpr", "max-margin"] as const) {
      for (const optimizer of [new Adagrad(), new SGD({ learningRate: 0.05, momentum: 0.9 })]) {
        const model = NFM.load(start.save(), { loss, optimizer });
        for (let i = 0; i < 100; i++) model.partialFitPairs(x.slice(i % 30, 30), x.slice(30 + (i % 30)));
        await model.fitPairs(x.slice(0, 30), x.slice(30), { epochs: 5, batchSize: 4, resume: true });
        expect(values(model, "bias")).toEqual(bias);
        expect(values(model, "linear.weight")).not.toEqual(values(start, "linear.weight"));
      }
    }
  });
});
