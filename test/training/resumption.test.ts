// A fit that is broken off after an epoch and continued in another model gives the bits of a fit without a break.

import { describe, expect, it } from "vitest";
import { CSRMatrix, type FitOptions, NFM, type NFMOptions } from "../../src/index.ts";
import type { FitState } from "../../src/training/resumption.ts";

/** Rows of two features of 30 each; the label depends on both. */
function rowsOf(count: number): { x: CSRMatrix; y: Float64Array } {
  const indptr = Uint32Array.from({ length: count + 1 }, (_, i) => 2 * i);
  const indices = new Uint32Array(2 * count);
  const y = new Float64Array(count);
  let state = 9;
  const random = (n: number): number => (state = (state * 48271) % 2147483647) % n;
  for (let i = 0; i < count; i++) {
    const [a, b] = [random(30), random(30)];
    indices.set([a, 30 + b], 2 * i);
    y[i] = ((a * b) % 7) + a / 10 + random(3);
  }
  return { x: new CSRMatrix({ indptr, indices, cols: 60 }), y };
}

/** A copy of a state and of the model at that moment, as a file would hold them. */
interface Kept {
  readonly state: FitState;
  readonly bytes: Uint8Array;
}

/** Fits a model, and keeps the state after each epoch. Optionally it goes on from an earlier one. */
async function fit(
  options: NFMOptions,
  data: ReturnType<typeof rowsOf>,
  fitOptions: FitOptions,
  from: Kept | null = null,
): Promise<{ model: NFM; kept: Kept[] }> {
  const model = new NFM({ ...options, notices: false });
  const learner = NFM.learnerOf(model);
  const kept: Kept[] = [];
  if (from !== null) learner.restore(from.bytes);
  learner.resumption = {
    from: from && structuredClone(from.state),
    save: (state) =>
      void kept.push({ state: structuredClone(state), bytes: model.save({ optimizer: true }) }),
  };
  await model.fit(data.x, data.y, fitOptions);
  return { model, kept };
}

const small: NFMOptions = { embeddingDim: 3, hiddenUnits: [4], seed: 5 };

describe("a fit that goes on in another model", () => {
  it.each([
    ["without validation", small, 300, { epochs: 5, validation: false }],
    ["with patience", small, 600, { epochs: 30, validation: 0.2, patience: 3, batchSize: 32 }],
    ["with checks within epochs", { ...small, learningRate: 0.5 }, 45_000, { patience: 5, batchSize: 512 }],
    ["with sgd", { ...small, optimizer: "sgd" as const }, 300, { epochs: 4, validation: 0.3 }],
    ["with a refit", small, 600, { epochs: 6, validation: 0.2, refit: true, batchSize: 64 }],
  ] satisfies [
    string,
    NFMOptions,
    number,
    FitOptions,
  ][])("%s gives the same bits and history", async (_, options, count, fitOptions) => {
    const data = rowsOf(count);
    const whole = await fit(options, data, fitOptions);
    const expected = whole.model.save({ optimizer: true });
    const { history } = whole.model;
    expect(whole.kept.length).toBeGreaterThan(2);
    for (const kept of [whole.kept[0], whole.kept[1], whole.kept[whole.kept.length - 1]]) {
      const { model } = await fit(options, data, fitOptions, kept);
      expect(Buffer.from(model.save({ optimizer: true })).equals(expected)).toBe(true);
      const { checks, best, stopped, steps } = model.history!;
      expect({ checks, best, stopped, steps }).toEqual({
        checks: history!.checks,
        best: history!.best,
        stopped: history!.stopped,
        steps: history!.steps,
      });
    }
  });

  it("had its best state within an epoch in one of these cases", async () => {
    const { model } = await fit({ ...small, learningRate: 0.5 }, rowsOf(45_000), {
      patience: 5,
      batchSize: 512,
    });
    const perEpoch = Math.ceil(40_500 / 512);
    expect(model.history!.best!.step % perEpoch).not.toBe(0);
  });
});
