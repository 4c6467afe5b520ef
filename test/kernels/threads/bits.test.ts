// Any number of threads computes the same bits: all recorded programs, and training over all sizes. Here the
// workers take part in the smallest work.

import { describe, expect, it, vi } from "vitest";
import {
  Activation,
  Adagrad,
  BatchNorm,
  CSRMatrix,
  Dense,
  Dropout,
  type Layer,
  NFM,
  type NFMOptions,
  SGD,
} from "../../../src/index.ts";
import recorded from "../../bits.json" with { type: "json" };
import { hashes, PROGRAMS } from "../../bits.ts";
import { numbers } from "../../reference.ts";

const shared = vi.hoisted(() => ({ threads: 3 }));

vi.mock("../../../src/kernels/threads/thread-options.ts", () => ({
  readThreads: () => ({ threads: shared.threads, workerUrl: undefined, isEager: true }),
}));

describe.each([2, 7])("%i threads", (threads) => {
  it.each(Object.keys(PROGRAMS))("%s gives the recorded bits", async (name) => {
    shared.threads = threads;
    expect(await hashes(PROGRAMS[name], "wasm")).toEqual((recorded as Record<string, unknown>)[name]);
  });
});

const N = 90;

/** Rows of 0 to 9 features; some features are in most rows. */
function rowsOf(count: number, binary: boolean): CSRMatrix {
  const next = numbers(count + 1);
  return CSRMatrix.fromRows(
    Array.from({ length: count }, (_, i) => {
      const drawn = Array.from({ length: i % 10 }, (_, f) => f * 9 + Math.floor(next(0, f < 3 ? 2 : 9)));
      return { indices: drawn, ...(binary ? {} : { values: drawn.map(() => Math.fround(next(0.5, 2))) }) };
    }),
    N,
  );
}

const STACKS: readonly NFMOptions[] = [
  {
    hiddenUnits: [12],
    batchNorm: true,
    dropout: { biInteraction: 0.5, hidden: 0.2 },
    optimizer: new Adagrad(),
  },
  { hiddenUnits: [5, 64], activation: "tanh", optimizer: new SGD({ learningRate: 0.01, momentum: 0.9 }) },
  {
    hiddenUnits: [64, 3],
    activation: "sigmoid",
    dropout: {},
    optimizer: new SGD({ learningRate: 0.01 }),
    loss: "log",
  },
  { hiddenUnits: [], dropout: { biInteraction: 0.3 }, loss: "hinge", l2: { embedding: 0.01, linear: 0.01 } },
  { hiddenUnits: [], batchNorm: true, loss: "log" },
  { layers: [new Dense(16), new BatchNorm(), new Activation("relu"), new Dropout(0.4), new Dense(1)] },
];

/** The bytes of a model after four steps, and its predictions. */
async function train(
  options: NFMOptions,
  batchSize: number,
): Promise<{ bytes: Uint8Array; scores: Float32Array }> {
  const rows = Math.min(3 * batchSize + 5, 5000);
  const x = rowsOf(rows, options.loss === undefined);
  const next = numbers(9);
  const y = Array.from({ length: rows }, () => (next(0, 1) < 0.5 ? -1 : 1));
  const model = new NFM({ ...options, numFeatures: N, seed: 3, backend: "wasm" });
  await model.fit(x, y, { epochs: 1, batchSize, validation: false });
  const result = { bytes: model.save({ optimizer: true }), scores: model.predict(x) };
  model.close();
  return result;
}

describe.each([1, 13, 64, 256])("embeddings of %i numbers", (embeddingDim) => {
  it.each([1, 7, 128, 4096])("train and predict the same bits in batches of %i", async (batchSize) => {
    for (const [i, stack] of STACKS.entries()) {
      // Large sizes take turns with the stacks; small ones have all of them.
      if (embeddingDim * batchSize > 20_000 && (i + embeddingDim) % 3 !== batchSize % 3) continue;
      shared.threads = 1;
      const expected = await train({ ...stack, embeddingDim }, batchSize);
      for (const threads of [2, 3, 7]) {
        shared.threads = threads;
        const found = await train({ ...stack, embeddingDim }, batchSize);
        expect(Buffer.compare(found.bytes, expected.bytes), `stack ${i}, ${threads} threads`).toBe(0);
        expect(found.scores, `stack ${i}, ${threads} threads`).toEqual(expected.scores);
      }
    }
  });
});

it("leaves one thread to layers of the user's own, which read what kernels write at once", async () => {
  const own: Layer = {
    type: "double",
    shape: (inputDim) => ({ outputDim: inputDim }),
    forward({ kernels, x, y, rows }) {
      kernels.activationForward("relu", y, x, 0, rows);
      for (let i = 0; i < rows * y.stride; i++) y.data[i] *= 2;
    },
    backward({ dX, dY, rows }) {
      for (let i = 0; i < rows * dX.stride; i++) dX.data[i] = 2 * dY.data[i];
    },
  };
  const found = [];
  for (const threads of [1, 3]) {
    shared.threads = threads;
    found.push(await train({ layers: [own, new Dense(8)], embeddingDim: 16 }, 128));
  }
  expect(found[1]).toEqual(found[0]);
});
