// Copies of a model in training: they are made in pieces, so that the event loop has its turns, and they are
// whole even if the model's memory moves or the signal is aborted meanwhile.

import { describe, expect, it, vi } from "vitest";
import { Pacer, runAtOnce, runWhole } from "../../src/core/event-loop.ts";
import { CSRMatrix } from "../../src/index.ts";
import { Checkpoints } from "../../src/training/checkpoint.ts";
import { FLOATS_PER_PAUSE, type Trainer } from "../../src/training/trainer.ts";
import { makeTrainer } from "../helpers/trainers.ts";
import { digest } from "../helpers/training.ts";

const ROWS = FLOATS_PER_PAUSE; // embeddings of 4 floats: four pieces

function make(backend: "js" | "wasm"): ReturnType<typeof makeTrainer> {
  const made = makeTrainer({ numFeatures: ROWS, embeddingDim: 4, hiddenUnits: [], backend });
  made.trainer.reserve(1, 1);
  return made;
}

/** The numbers of a model as digests: comparing millions of numbers one by one takes too long. */
const contents = ({ tensors }: Trainer): string[] => {
  return tensors.map(({ data }) => digest(new Uint8Array(data.buffer, data.byteOffset, data.byteLength)));
};

/** Changes all numbers of a model and its counters. */
function change({ trainer }: { trainer: Trainer }, value: number): void {
  for (const { data } of trainer.tensors) data.fill(value);
  trainer.record.steps += 10;
  trainer.record.epochs++;
}

describe.each(["js", "wasm"] as const)("a copy of a model: %s", (backend) => {
  it("is made in pieces, and is whole though the memory moves between them", () => {
    const made = make(backend);
    const { trainer, predictor } = made;
    change(made, 1.5);
    const [expected, { steps }] = [contents(trainer), { ...trainer.record }];
    const checkpoints = new Checkpoints();
    const copying = checkpoints.capture(trainer, true);
    let pieces = 0;
    while (!copying.next().done) {
      // Many rows make the buffers of prediction grow.
      if (++pieces === 3) {
        const wide = CSRMatrix.fromRows(
          Array.from({ length: 5000 }, (_, i) => ({ indices: [i, i + 1] })),
          ROWS,
        );
        runAtOnce(predictor.scoreSparse(wide));
      }
    }
    expect(pieces).toBeGreaterThanOrEqual(2 * (4 + 1)); // V and w, each with the optimizer's state
    change(made, -2);
    checkpoints.restoreBest(trainer);
    expect(contents(trainer)).toEqual(expected);
    expect(trainer.record).toMatchObject({ steps, epochs: 1 });
  });

  it("within an epoch is the best one, and the epoch counts as begun", () => {
    const made = make(backend);
    const { trainer } = made;
    const checkpoints = new Checkpoints();
    change(made, 1);
    runAtOnce(checkpoints.capture(trainer, true));
    for (const value of [2, 3]) {
      change(made, value);
      trainer.record.epochs = 1;
      runAtOnce(checkpoints.captureBest(trainer, 2));
    }
    change(made, 4);
    checkpoints.restoreLast(trainer);
    expect([trainer.tensors[1].data[0], trainer.record.epochs, trainer.record.steps]).toEqual([1, 1, 10]);
    checkpoints.restoreBest(trainer);
    expect([trainer.tensors[1].data[0], trainer.record.epochs, trainer.record.steps]).toEqual([3, 2, 30]);
    change(made, 5);
    runAtOnce(checkpoints.capture(trainer, false));
    checkpoints.restoreBest(trainer);
    expect(trainer.tensors[1].data[0]).toBe(3);
    checkpoints.restoreLast(trainer);
    expect(trainer.tensors[1].data[0]).toBe(5);
  });
});

describe("runWhole", () => {
  it("gives way as runPaced does, and ends its work though the signal is aborted", async () => {
    const clock = { now: 0 };
    vi.spyOn(performance, "now").mockImplementation(() => clock.now);
    try {
      const stop = new AbortController();
      const pacer = new Pacer(stop.signal);
      const made = make("js");
      const checkpoints = new Checkpoints();
      function* slowly(): Generator<void, void> {
        for (const _ of checkpoints.capture(made.trainer, false)) {
          clock.now += 9;
          yield;
        }
      }
      setImmediate(() => stop.abort(new Error("enough"))); // the first turn of the event loop
      await runWhole(slowly(), pacer);
      expect(stop.signal.aborted).toBe(true);
      await expect(pacer.rest()).rejects.toThrow("enough");
      change(made, 7);
      checkpoints.restoreLast(made.trainer);
      expect(made.trainer.record).toMatchObject({ steps: 0, epochs: 0 });
    } finally {
      vi.restoreAllMocks();
    }
  });
});
