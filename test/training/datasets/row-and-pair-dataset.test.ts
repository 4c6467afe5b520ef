// Gradients of pairs drawn from groups and events against central differences of the float64 reference, also
// at differences where a naive loss loses them.

import { describe, expect, it } from "vitest";
import { toPacked } from "../../../src/core/tensor.ts";
import {
  Activation,
  BatchNorm,
  CSRMatrix,
  Dense,
  NFM,
  type PairwiseLoss,
  type PointwiseLoss,
  type Rows,
  SGD,
} from "../../../src/index.ts";
import { bpr, lossByName, maxMargin } from "../../../src/losses.ts";
import { Catalog } from "../../../src/ranking/catalog.ts";
import type { Dataset } from "../../../src/training/dataset.ts";
import { Events } from "../../../src/training/datasets/events.ts";
import { GroupedRows } from "../../../src/training/datasets/groups.ts";
import { PairSampler } from "../../../src/training/datasets/pair-sampler.ts";
import { PAIRWISE, values } from "../../helpers/groups.ts";
import { datasetOf, gradientsOf, makeTrainer, watch } from "../../helpers/trainers.ts";
import {
  batchLoss,
  differences,
  numbers,
  type Row,
  scores as referenceScores,
  type Step,
  type Tensors,
} from "../../reference.ts";

describe("pairwise gradients", () => {
  const N = 9;
  const K = 5;
  const LAYERS = [new BatchNorm(), new Dense(4), new BatchNorm(), new Activation("tanh")];
  const STEPS: readonly Step[] = [
    { kind: "norm", name: "norms.0" },
    { kind: "dense", name: "hidden.0" },
    { kind: "norm", name: "norms.1" },
    { kind: "activation", activation: "tanh" },
  ];
  const list = (row: Row): [number, number][] => row.indices.map((index, p) => [index, row.values[p]]);
  const matrix = (rows: readonly Row[]): CSRMatrix => CSRMatrix.fromRows(rows.map(list), N);
  /** Both rows in one, values of the same feature added. */
  const join = (a: Row, b: Row): Row => {
    const sums = new Map<number, number>();
    for (const [index, value] of [...list(a), ...list(b)]) sums.set(index, (sums.get(index) ?? 0) + value);
    return { indices: [...sums.keys()], values: [...sums.values()] };
  };
  const ROWS: readonly Row[] = [
    { indices: [0, 3, 5], values: [1, 0.5, -1.25] },
    { indices: [1, 4], values: [1, 1] },
    { indices: [2, 3, 6], values: [0.75, 1, 1] },
    { indices: [5, 7], values: [1.5, -1] },
  ];
  /** The kinds of data that draw pairs, with the rows of the better and of the worse sides in epoch 2. */
  interface Drawn {
    readonly dataset: Dataset;
    readonly better: readonly Row[];
    readonly worse: readonly Row[];
  }

  function grouped(loss: PairwiseLoss): Drawn {
    const [targets, groups] = [Float32Array.of(2, 1, 3, 0), new Uint32Array(4)];
    const source = new GroupedRows(
      "test: ",
      { loss, seed: 5, pairsPerRow: 1 },
      { x: matrix(ROWS), targets, groups, weights: null },
    );
    const pairs = new PairSampler(targets, groups, 1, 5);
    expect(pairs.count).toBe(3);
    const all = [0, 1, 2];
    return {
      dataset: datasetOf(source, N),
      better: all.map((p) => ROWS[pairs.better(p)]),
      worse: all.map((p) => ROWS[pairs.worse(p, 2)]),
    };
  }

  function events(loss: PairwiseLoss): Drawn {
    const contexts = [ROWS[0], ROWS[1], ROWS[0]];
    const items = ROWS.slice(2); // they share features 3 and 5 with the contexts
    const itemOf = Uint32Array.of(0, 0, 1);
    const given = {
      contexts: matrix(contexts),
      itemOf,
      users: null,
      user: null,
      histories: null,
      isListed: Uint8Array.of(1, 1),
    };
    const source = new Events(
      "test: ",
      loss,
      given,
      new Catalog(matrix(items), "items"),
      { negatives: 1, popularity: 0, seed: 5 },
      () => undefined,
    );
    return {
      dataset: datasetOf(source, N),
      better: contexts.map((context, event) => join(context, items[itemOf[event]])),
      worse: contexts.map((context, event) => join(context, items[1 - itemOf[event]])), // of two items the negative is the other
    };
  }

  for (const [name, make] of [
    ["grouped rows", grouped],
    ["events", events],
  ] as const) {
    for (const loss of PAIRWISE) {
      it(`of ${name}, with batch norm over both sides, are central differences of the float64 reference: ${loss}`, () => {
        const options = { numFeatures: N, embeddingDim: K, layers: LAYERS, loss, initStd: 0.5, seed: 5 };
        const { trainer, parameters } = makeTrainer({ ...options, optimizer: new SGD({ learningRate: 0 }) });
        const next = numbers(12);
        const reference: Tensors = new Map();
        for (const { name: tensor, value, transposed } of parameters.all) {
          const [low, high] = /running|norms.*weight/.test(tensor) ? [0.5, 1.5] : [-1, 1];
          for (let i = 0; i < value.rows; i++)
            for (let j = 0; j < value.cols; j++) value.data[i * value.stride + j] = next(low, high);
          reference.set(tensor, Float64Array.from(toPacked(value, transposed)));
        }
        const { dataset, better, worse } = make(lossByName(loss) as PairwiseLoss);
        const watched = watch(dataset);
        trainer.record.epochs = 1; // this is epoch 2
        // Two of the three pairs, in another order.
        const got = trainer.step(watched.dataset, Uint32Array.of(2, 0, 1), 0, 2);
        const rows = [better[2], better[0], worse[2], worse[0]];
        const literal = (): number =>
          batchLoss(loss, referenceScores(reference, K, STEPS, rows, true), [], null);
        expect(Math.abs(got - literal())).toBeLessThan(1e-5);
        expect(got).toBeGreaterThan(0.01);
        const { touched, touchedCount } = watched.batch();
        expect(new Set(touched.subarray(0, touchedCount))).toEqual(
          new Set(rows.flatMap(({ indices }) => indices)),
        );
        for (const [tensor, gradient] of gradientsOf(trainer, watched.batch())) {
          const expected = differences(reference.get(tensor)!, literal);
          const largest = Math.max(...expected.map(Math.abs));
          expect(gradient.length).toBe(expected.length);
          expected.forEach((slope, i) => {
            // As in gradients.test.ts: float32 against float64 through batch norm, and terms of order 1 that
            // cancel.
            expect(
              Math.abs(gradient[i] - slope),
              `${tensor}[${i}]: ${gradient[i]}, not ${slope}`,
            ).toBeLessThanOrEqual(1e-3 * Math.abs(slope) + 1e-5 * largest + 2e-6);
          });
          if (tensor === "hidden.0.weight" || tensor === "embedding.weight")
            expect(largest).toBeGreaterThan(1e-3);
        }
      });
    }
  }

  it("of a difference of +-100 are the loss's own, however close to 0 or 1", () => {
    const tail = 3.720075976020836e-44; // e^-100
    const margin = maxMargin();
    expect([bpr.gradient(-100), margin.gradient(-100), margin.gradient(100)]).toEqual([-1, -1, 0]);
    expect(bpr.gradient(100) / -tail).toBeCloseTo(1, 12);
    expect([bpr.value(-100), margin.value(-100), margin.value(100)]).toEqual([100, 101, 0]);
    expect(bpr.value(100) / tail).toBeCloseTo(1, 12);
  });

  it("of a difference of +-100 reach the parameters of a real step", async () => {
    // Feature 0 has weight 100. Features 1 and 2 have weight 0 and stand in the better and the worse row:
    // their weights after a step of rate 1 are the gradient itself, in 32 bits, where e^-100 is a subnormal
    // number.
    const make: PointwiseLoss = { kind: "pointwise", name: "make", value: () => 0, gradient: () => -100 };
    const heavy = new NFM({
      embeddingDim: 1,
      hiddenUnits: [],
      initStd: 0,
      numFeatures: 3,
      loss: make,
      optimizer: new SGD({ learningRate: 1 }),
    });
    heavy.partialFit([{ indices: [0] }], [0]);
    expect(values(heavy, "linear.weight")).toEqual([100, 0, 0]);
    const x: Rows = [{ indices: [0, 1] }, { indices: [2] }];
    const tail = Math.fround(3.720075976020836e-44);
    expect(tail).toBeGreaterThan(0);
    for (const backend of ["js", "wasm"] as const) {
      const fitted = async (loss: "bpr" | "max-margin", y: readonly number[]): Promise<number[]> => {
        const model = new NFM({
          embeddingDim: 1,
          hiddenUnits: [],
          initStd: 0,
          l2: {},
          loss,
          backend,
          optimizer: new SGD({ learningRate: 1 }),
        }).initFrom(heavy);
        await model.fit(x, y, { groups: ["one", "one"], epochs: 1 });
        return values(model, "linear.weight");
      };
      expect(await fitted("bpr", [0, 1])).toEqual([99, -1, 1]);
      expect(await fitted("max-margin", [0, 1])).toEqual([99, -1, 1]);
      expect(await fitted("bpr", [1, 0])).toEqual([100, tail, -tail]);
      expect(await fitted("max-margin", [1, 0])).toEqual([100, 0, 0]);
    }
  });
});
