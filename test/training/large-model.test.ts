// A fit of a model from 256 MB on keeps one copy of the parameters, or none. Here is what it goes back to.

import { describe, expect, it } from "vitest";
import { CSRMatrix, type FitOptions, NFM, type NFMOptions } from "../../src/index.ts";
import { LARGE_MODEL } from "../../src/training/checkpoint.ts";

const [N, K] = [520_000, 64];
const OPTIONS: NFMOptions = { numFeatures: N, embeddingDim: K, hiddenUnits: [], seed: 1, notices: false };
const x = CSRMatrix.fromRows(
  Array.from({ length: 200 }, (_, i) => ({ indices: [i % 9, N - 1 - (i % 7)] })),
  N,
);
const y = Array.from({ length: 200 }, (_, i) => (i % 9) - (i % 7));
const validation = { x: x.slice(0, 50), y: y.slice(0, 50) };

/** What prediction depends on, as far as training changes it. */
function touched(model: NFM): number[][] {
  const { data } = model.tensor("embedding.weight");
  const rows = [0, 1, 2, 3, 4, 5, 6, 7, 8, N - 7, N - 6, N - 5, N - 4, N - 3, N - 2, N - 1];
  return [
    Array.from(model.tensor("bias").data),
    ...rows.map((row) => Array.from(data.subarray(row * K, (row + 1) * K))),
  ];
}

async function fitted(options: FitOptions): Promise<NFM> {
  const model = new NFM(OPTIONS);
  await model.fit(x, y, { batchSize: 32, ...options });
  return model;
}

/** Fails in an epoch. */
const failsIn = (last: number): Pick<FitOptions, "onBatch"> => ({
  onBatch: ({ epoch, batch }) => {
    if (epoch === last && batch === 3) throw new Error("enough");
  },
});

describe("a large model", () => {
  it("is large", () => {
    expect(2 * 4 * N * (K + 1)).toBeGreaterThan(LARGE_MODEL);
  });

  it("without validation is as before the call when training fails, in whatever epoch", async () => {
    const model = new NFM({ ...OPTIONS, numFeatures: undefined });
    const fit = model.fit(x, y, { epochs: 4, validation: false, batchSize: 32, ...failsIn(3) });
    await expect(fit).rejects.toThrow("enough");
    expect(() => model.predict(x)).toThrow("no parameters yet");
    const trained = await fitted({ epochs: 2, validation: false });
    const before = touched(trained);
    await expect(
      trained.fit(x, y, { epochs: 3, validation: false, batchSize: 32, ...failsIn(2) }),
    ).rejects.toThrow("enough");
    expect(touched(trained)).toEqual(before);
    await expect(
      trained.fit(x, y, { resume: true, epochs: 3, validation: false, batchSize: 32, ...failsIn(4) }),
    ).rejects.toThrow("enough");
    expect(touched(trained)).toEqual(before);
    await trained.fit(x, y, { resume: true, epochs: 1, validation: false, batchSize: 32 });
    expect(trained.history!.epochs[0].epoch).toBe(3); // it can go on
  });

  it("with validation is as at the best check when training fails", async () => {
    const model = new NFM(OPTIONS);
    const fit = model.fit(x, y, { epochs: 6, validation, batchSize: 32, ...failsIn(5) });
    await expect(fit).rejects.toThrow("enough");
    const complete = await fitted({ epochs: 4, validation });
    expect(complete.history!.bestEpoch).toBeLessThan(4); // so it is not the last good epoch
    expect(touched(model)).toEqual(touched(complete));
  });

  it("ends with the parameters of the best check", async () => {
    let last: number[][] = [];
    const model = new NFM(OPTIONS);
    // The validation labels are others, so that training soon makes the model worse.
    const history = await model.fit(x, y, {
      ...{ epochs: 6, validation: { ...validation, y: validation.y.map((label) => -label) }, batchSize: 32 },
      onEpoch: ({ best }) => {
        if (best) last = touched(model);
      },
    });
    expect(history.bestEpoch).toBeLessThan(6);
    expect(touched(model)).toEqual(last);
  });
});
