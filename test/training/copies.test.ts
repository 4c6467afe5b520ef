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
    const checkpoints = new Checkpoints(false);
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
    const checkpoints = new Checkpoints(false);
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

describe("the copy of a large model", () => {
  it("is one, of the parameters alone; the optimizer's state starts anew after a failure", () => {
    const made = make("js");
    const { trainer } = made;
    const { length } = trainer.parameters;
    const stateOf = (): number => trainer.tensors[length].data[0];
    const first = stateOf();
    const checkpoints = new Checkpoints(true);
    expect(checkpoints.restoreLast(trainer)).toBe(false);
    change(made, 1);
    runAtOnce(checkpoints.capture(trainer, false));
    expect([checkpoints.restoreLast(trainer), checkpoints.best]).toEqual([false, null]);
    runAtOnce(checkpoints.capture(trainer, true));
    const { tensors } = checkpoints.best!;
    expect(tensors).toHaveLength(length);
    change(made, 2);
    checkpoints.restoreBest(trainer);
    expect([trainer.parameters[1].data[0], stateOf(), trainer.record.epochs]).toEqual([1, 2, 1]);
    change(made, 3);
    runAtOnce(checkpoints.captureBest(trainer, 5));
    expect(checkpoints.best!.tensors[1]).toBe(tensors[1]); // the same memory
    change(made, 4);
    expect(checkpoints.restoreLast(trainer)).toBe(true);
    expect([trainer.parameters[1].data[0], stateOf(), trainer.record.epochs]).toEqual([3, first, 5]);
  });

  it("before the first step of further training is the one that best states overwrite", () => {
    const made = make("js");
    const { trainer } = made;
    change(made, 1);
    const checkpoints = new Checkpoints(true);
    runAtOnce(checkpoints.captureStart(trainer));
    change(made, 2);
    checkpoints.restoreBest(trainer);
    expect(trainer.parameters[1].data[0]).toBe(2);
    expect(checkpoints.restoreLast(trainer)).toBe(true);
    expect([trainer.parameters[1].data[0], trainer.record.epochs]).toEqual([1, 1]);
    change(made, 3);
    runAtOnce(checkpoints.capture(trainer, true));
    change(made, 4);
    checkpoints.restoreLast(trainer);
    expect(trainer.parameters[1].data[0]).toBe(3);
    // What an earlier process saved is both, and no further copy is made.
    const other = new Checkpoints(true);
    other.best = checkpoints.best;
    change(made, 5);
    runAtOnce(other.captureStart(trainer));
    change(made, 6);
    other.restoreLast(trainer);
    expect(trainer.parameters[1].data[0]).toBe(3);
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
      const checkpoints = new Checkpoints(false);
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
