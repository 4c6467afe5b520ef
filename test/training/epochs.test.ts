// Which rows an epoch visits, what it reports, and how callbacks end a training.

import { describe, expect, it, vi } from "vitest";
import type * as library from "../../src/index.ts";
import {
  type BatchEvent,
  CSRMatrix,
  type FitOptions,
  type Layer,
  NFM,
  type PointwiseLoss,
  SGD,
} from "../../src/index.ts";
import { all, BLANK, constant, dataset, fit, N, SMALL, spyLoss } from "../helpers/training.ts";

describe("an epoch", () => {
  const rows = 23;
  const { x } = dataset(rows, 2);
  const ids = Array.from({ length: rows }, (_, i) => i);

  async function watch(options: FitOptions): Promise<{ epochs: number[][]; batches: BatchEvent[] }> {
    const seen: number[] = [];
    const batches: BatchEvent[] = [];
    const model = new NFM({ ...BLANK, numFeatures: N, loss: spyLoss(seen) });
    await model.fit(x, ids, {
      epochs: 3,
      batchSize: 5,
      onBatch: (event) => void batches.push(event),
      ...options,
    });
    return {
      epochs: Array.from({ length: seen.length / rows }, (_, e) => seen.slice(e * rows, (e + 1) * rows)),
      batches,
    };
  }

  it("visits every row once, the short last batch included, in a new order each time", async () => {
    const { epochs } = await watch({});
    expect(epochs.length).toBe(3);
    for (const order of epochs) expect([...order].sort((a, b) => a - b)).toEqual(ids);
    expect(new Set(epochs.map(String)).size).toBe(3);
    for (const order of epochs) expect(order).not.toEqual(ids);
  });

  it("visits rows as they stand without shuffle", async () => {
    expect((await watch({ shuffle: false })).epochs).toEqual([ids, ids, ids]);
  });

  it("reports every batch with its loss to onBatch", async () => {
    const { epochs, batches } = await watch({});
    const expected = [1, 2, 3].flatMap((epoch) => [1, 2, 3, 4, 5].map((batch) => [epoch, batch, 5]));
    expect(batches.map(({ epoch, batch, batches: of }) => [epoch, batch, of])).toEqual(expected);
    const first = epochs[0].slice(0, 5); // all scores are 0 before the first step
    expect(batches[0].loss).toBeCloseTo(first.reduce((sum, id) => sum + id * id, 0) / 5, 10);
  });

  it("takes one batch where batchSize exceeds the rows, and batches of one", async () => {
    expect((await watch({ batchSize: 1000 })).batches.map(({ batches }) => batches)).toEqual([1, 1, 1]);
    expect((await watch({ batchSize: 1, epochs: 1 })).batches.length).toBe(rows);
  });

  it("has the mean loss over its rows, each counted once", async () => {
    const model = new NFM({ ...BLANK, numFeatures: N, loss: constant(0) });
    const { epochs } = await model.fit(x, ids, { epochs: 2, batchSize: 5 });
    for (const { loss } of epochs) expect(loss).toBeCloseTo(11, 10);
  });

  it("gives each layer the rows of its batch, after one empty row from which w0 follows", async () => {
    const sizes: number[] = [];
    const spy: Layer = {
      type: "spy",
      shape: (inputDim) => ({ outputDim: inputDim }),
      forward: ({ x: from, y: to, rows: count }) => {
        sizes.push(count);
        to.data.set(from.data.subarray(0, count * from.stride));
      },
      backward: ({ dX, dY, rows: count }) => dX.data.set(dY.data.subarray(0, count * dY.stride)),
    };
    await new NFM({ embeddingDim: 3, layers: [spy] }).fit(x, ids, { epochs: 1, batchSize: 9 });
    expect(sizes).toEqual([1, 9, 9, 5]);
    sizes.length = 0;
    await new NFM({ embeddingDim: 3, layers: [spy], labels: "raw" }).fit(x, ids, { epochs: 1, batchSize: 9 });
    expect(sizes).toEqual([9, 9, 5]);
  });

  it("of pairs visits every pair once, positives with their own negatives", async () => {
    const seen: number[] = [];
    const own: library.PairwiseLoss = {
      kind: "pairwise",
      name: "own",
      value: (d) => {
        seen.push(d);
        return d;
      },
      gradient: () => 0,
    };
    const one = (i: number): readonly [number, number][] => [[0, i + 1]];
    const model = NFM.load(linear([1, 0]).save(), { loss: own });
    const [positives, negatives] = [ids.map((i) => one(100 * i)), ids.map((i) => one(99 * i))].map((lists) =>
      CSRMatrix.fromRows(lists, 2),
    );
    await model.fitPairs(positives, negatives, { epochs: 1, batchSize: 5, resume: true });
    expect([...seen].sort((a, b) => a - b)).toEqual(ids);
    expect(seen).not.toEqual(ids);
  });
});

/**
 * A factorization machine with these linear weights: one SGD step of rate 1 on one row per feature under a
 * loss made for it.
 */
function linear(w: readonly number[]): NFM {
  const make: PointwiseLoss = {
    kind: "pointwise",
    name: "make",
    value: () => 0,
    gradient: (_, target) => -target * w.length,
  };
  const model = new NFM({
    ...BLANK,
    numFeatures: w.length,
    loss: make,
    optimizer: new SGD({ learningRate: 1 }),
  });
  model.partialFit(CSRMatrix.fromDense(w.map((_, i) => w.map((__, j) => (i === j ? 1 : 0)))), w);
  return model;
}

describe("callbacks", () => {
  const { x, y } = dataset(30);

  it("false from onEpoch, or a promise of it, stops after that epoch", async () => {
    for (const answer of [false, Promise.resolve(false as const)] as const) {
      const model = new NFM(SMALL);
      const history = await model.fit(x, y, {
        epochs: 9,
        batchSize: 8,
        onEpoch: ({ epoch }) => (epoch === 2 ? answer : undefined),
      });
      expect([history.stopped, history.epochs.length]).toEqual(["callback", 2]);
      expect(all(model)).toBe(all(await fit(SMALL, { epochs: 2, batchSize: 8 }, { x, y })));
    }
  });

  it("onEpoch is awaited and told the epoch's record", async () => {
    const events: unknown[] = [];
    let busy = false;
    const history = await new NFM(SMALL).fit(x, y, {
      epochs: 3,
      batchSize: 8,
      onEpoch: async ({ epoch, epochs, loss, validation, best }) => {
        busy = true;
        await new Promise((resolve) => setTimeout(resolve, 3));
        events.push([epoch, epochs, loss, validation, best]);
        busy = false;
      },
      onBatch: () => expect(busy).toBe(false),
    });
    expect(events).toEqual(history.epochs.map(({ epoch, loss }) => [epoch, 3, loss, null, false]));
  });

  it("progress writes a line per epoch where there is no terminal", async () => {
    const lines: string[] = [];
    const spy = vi.spyOn(process.stderr, "write").mockImplementation((line) => lines.push(String(line)) > 0);
    const terminal = process.stderr.isTTY;
    process.stderr.isTTY = false;
    try {
      await fit(SMALL, { epochs: 2, progress: true });
      const options = { epochs: 1, progress: true, validation: 0.2, refit: true };
      await fit(SMALL, options);
    } finally {
      spy.mockRestore();
      process.stderr.isTTY = terminal;
    }
    expect(lines.length).toBe(4);
    expect(lines[1]).toMatch(/^epoch 2\/2 {2}loss .*\n$/);
    expect(lines[2]).toMatch(/^epoch 1\/1 {2}loss .*, validation loss \d.*, rmse .*\n$/);
    expect(lines[3]).toMatch(/^refit epoch 1\/1 {2}loss \d\.\d+ {2}\d.*\n$/);
  });
});
