// The program of the training thread, run on the thread of the test: every message is cloned as between
// threads.

import { expect, it, vi } from "vitest";
import { NFM } from "../../src/index.ts";
import type { ProgramOptions } from "../../src/kernels/threads/start-worker.ts";
import { TrainingThread } from "../../src/worker/program.ts";
import { fitInWorker } from "../../src/worker.ts";
import { CASES, labels, maps, small } from "./cases.ts";

vi.mock("../../src/kernels/threads/start-worker.ts", async (original) => ({
  ...(await original<object>()),
  startProgram: ({ onMessage }: ProgramOptions) => {
    const thread = new TrainingThread({
      post: (message, transfer = []) => {
        const copy = structuredClone(message, { transfer: [...transfer] });
        setImmediate(() => onMessage(copy));
      },
    });
    return { post: (message: never) => thread.receive(structuredClone(message)), end: () => {} };
  },
}));

it.each(CASES)("gives the bytes of fit: %s", async (_, options, data, fitOptions) => {
  const { x, y } = data() as { x: never; y: never };
  const here = new NFM(options());
  await here.fit(x, y, fitOptions());
  const { file } = await fitInWorker(options(), x, y, fitOptions());
  expect(Buffer.compare(here.save(), file)).toBe(0);
});

it("reads streams and closes those that it leaves", async () => {
  const source = (count: number): AsyncIterable<{ x: typeof maps; y: number[] }> => ({
    async *[Symbol.asyncIterator]() {
      for (let n = 0; n < count; n++) yield { x: maps, y: n < 2 ? labels : labels.map(() => NaN) };
    },
  });
  const onEpoch = vi.fn();
  const [onBatch, onNotice] = [vi.fn(), vi.fn()];
  const options = { ...small, notices: true, onNotice };
  const { history } = await fitInWorker(options, source(2), { epochs: 2, onEpoch, onBatch });
  expect([history.epochs.length, onEpoch.mock.calls.length]).toEqual([2, 2]);
  expect(onBatch.mock.lastCall![0]).toMatchObject({ epoch: 2, batch: 22, batches: 22 });
  expect(onNotice.mock.calls[0][0].kind).toBe("held-out");
  await expect(fitInWorker(small, source(3))).rejects.toThrow(/^fit: block 3/);
});
