// `refit: true`: after the stop, training starts again on all rows for as many steps. The oracle takes these
// steps one by one with partialFit.

import { describe, expect, it } from "vitest";
import { randomKey, randomPermutation, Stream } from "../../src/core/random.ts";
import {
  Adagrad,
  CSRMatrix,
  type EpochEvent,
  type FeatureMap,
  NFM,
  type NFMOptions,
} from "../../src/index.ts";
import { split } from "../helpers/model-files.ts";
import { PAPER } from "../helpers/paper.ts";
import { all } from "../helpers/training.ts";
import { numbers } from "../reference.ts";

const N = 30;
const ROWS = 1500;
const next = numbers(3);
const lists = Array.from({ length: ROWS }, () => [Math.floor(next(0, 18)), 18 + Math.floor(next(0, 12))]);
const x = CSRMatrix.fromRows(
  lists.map((indices) => ({ indices })),
  N,
);
const y = lists.map(([a, b]) => ((a % 2 === b % 2) !== next() < 0.2 ? 1 : -1));

/**
 * A hinge loss has no scale of labels and no base rate, so that fit and partialFit start alike. All settings
 * that depend on the number of rows are given.
 */
const OPTIONS: NFMOptions = {
  ...PAPER,
  loss: "hinge",
  embeddingDim: 4,
  hiddenUnits: [3],
  numFeatures: N,
  optimizer: new Adagrad({ learningRate: 0.2 }),
  seed: 9,
  notices: false,
};

const tensors = (model: NFM): Uint8Array => split(model.save({ optimizer: true })).data;

/** Takes steps on all rows, in the order of epochs 1, 2 and so on. */
function steps(count: number, batchSize: number, backend: "js" | "wasm"): NFM {
  const model = new NFM({ ...OPTIONS, backend });
  const batches = Math.ceil(ROWS / batchSize);
  for (let step = 0; step < count; step++) {
    const order = randomPermutation(randomKey(9, Stream.shuffle, 1 + Math.floor(step / batches)), ROWS);
    const start = (step % batches) * batchSize;
    const rows = order.slice(start, start + batchSize);
    model.partialFit(
      x.take(rows),
      Array.from(rows, (row) => y[row]),
    );
  }
  return model;
}

describe("refit", () => {
  it.each([
    "js",
    "wasm",
  ] as const)("takes as many steps on all rows as led to the best check: %s", async (backend) => {
    for (const [batchSize, validation] of [
      [64, "auto"],
      [100, 0.3],
    ] as const) {
      const [first, model] = [new NFM({ ...OPTIONS, backend }), new NFM({ ...OPTIONS, backend })];
      const events: EpochEvent[] = [];
      const options = { batchSize, epochs: 12, validation };
      const expected = await first.fit(x, y, options);
      const history = await model.fit(x, y, {
        ...options,
        refit: true,
        onEpoch: (event) => void events.push(event),
      });
      expect(history.checks).toEqual(expected.checks);
      const perEpoch = Math.ceil(Math.round(ROWS * (validation === "auto" ? 0.9 : 0.7)) / batchSize);
      expect(history.steps).toBe(history.bestEpoch! * perEpoch);
      expect(history.refit!.steps).toBe(history.steps);
      expect(tensors(model)).toEqual(tensors(steps(history.steps, batchSize, backend)));
      const again = events.filter(({ refit }) => refit);
      expect(again.map(({ epoch, loss }) => [epoch, loss])).toEqual(
        history.refit!.epochs.map(({ epoch, loss }) => [epoch, loss]),
      );
      expect(again.length).toBe(Math.ceil(history.steps / Math.ceil(ROWS / batchSize)));
      expect(events.length).toBe(again.length + history.epochs.length);
    }
  });

  it("learns the vocabulary from all rows", async () => {
    const maps: FeatureMap[] = Array.from({ length: ROWS }, (_, i) => ({ id: `id ${i}`, kind: `k${i % 3}` }));
    const ratings = maps.map((_, i) => i);
    const [part, whole] = [1, 2].map(() => new NFM({ embeddingDim: 2, hiddenUnits: [], notices: false }));
    await part.fit(maps, ratings, { epochs: 2 });
    await whole.fit(maps, ratings, { epochs: 2, refit: true });
    expect([part.numFeatures, whole.numFeatures]).toEqual([1350 + 3, 1500 + 3]);
  });

  it("keeps the model of the first training until it has ended, also if it fails or is aborted", async () => {
    const first = new NFM(OPTIONS);
    await first.fit(x, y, { epochs: 5 });
    const expected = all(first);
    for (const how of ["throw", "abort"]) {
      const model = new NFM(OPTIONS);
      const stop = new AbortController();
      let before = "";
      const fitted = model.fit(x, y, {
        epochs: 5,
        refit: true,
        signal: stop.signal,
        onEpoch: ({ refit }) => {
          if (!refit) return;
          before = all(model);
          if (how === "throw") throw new Error("oops");
          stop.abort(new Error("oops"));
        },
      });
      await expect(fitted).rejects.toThrow("oops");
      expect(before).toBe(expected);
      expect(all(model)).toBe(expected);
      expect(model.history).toBe(null);
      await model.fit(x, y, { epochs: 1, resume: true });
    }
  });

  it("stops early if a callback returns false, and keeps what is trained", async () => {
    const model = new NFM(OPTIONS);
    const history = await model.fit(x, y, {
      batchSize: 50,
      epochs: 6,
      restoreBest: false,
      refit: true,
      onEpoch: ({ refit, epoch }) => !refit || epoch < 2,
    });
    expect([history.stopped, history.steps, history.refit!.steps]).toEqual(["epochs", 6 * 27, 60]);
    expect(tensors(model)).toEqual(tensors(steps(60, 50, model.backend)));
  });

  it("has nothing to do if nothing was held out, and goes on like any other fit", async () => {
    const few = x.take(Uint32Array.from({ length: 200 }, (_, i) => i));
    const [plain, model] = [new NFM(OPTIONS), new NFM(OPTIONS)];
    await plain.fit(few, y.slice(0, 200), { epochs: 3 });
    const history = await model.fit(few, y.slice(0, 200), { epochs: 3, refit: true });
    expect(history.refit).toBe(null);
    expect(all(model)).toBe(all(plain));

    const whole = new NFM(OPTIONS);
    await whole.fit(x, y, { epochs: 3, refit: true, restoreBest: false });
    const steps = whole.history!.refit!.steps;
    const loaded = NFM.load(whole.save({ optimizer: true }), { notices: false });
    for (const each of [whole, loaded]) await each.fit(x, y, { epochs: 1, resume: true, validation: false });
    expect(all(loaded)).toBe(all(whole));
    expect(steps).toBe(3 * 11);
  });
});
