// When worker threads start and end, and what happens if one dies or cannot start.

import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { buildSync } from "esbuild";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { NFM } from "../../../src/index.ts";
import type { WorkerHandle } from "../../../src/kernels/threads/start-worker.ts";
import { Predictor } from "../../../src/predict.ts";
import { dataset, digest } from "../../helpers/training.ts";

const workers = vi.hoisted(() => ({ started: [] as WorkerHandle[], fails: false, ends: 0 }));

vi.mock("../../../src/kernels/threads/start-worker.ts", async (original) => {
  const actual = await original<typeof import("../../../src/kernels/threads/start-worker.ts")>();
  return {
    ...actual,
    startWorker: (...args: Parameters<typeof actual.startWorker>) => {
      if (workers.fails) throw new Error("workers are forbidden");
      const handle = actual.startWorker(...args);
      const counted = {
        end: () => {
          workers.ends++;
          handle.end();
        },
      };
      workers.started.push(counted);
      return counted;
    },
  };
});

vi.mock("../../../src/kernels/threads/thread-options.ts", () => ({
  readThreads: ({ threads = 1 }: { threads?: number }) => ({ threads, workerUrl: undefined, isEager: true }),
}));

beforeEach(() => {
  Object.assign(workers, { started: [], fails: false, ends: 0 });
});

const { x, y } = dataset(300);
const FIT = { epochs: 3, batchSize: 64, validation: false } as const;

/** Waits until something is true, at most five seconds. */
async function until(isTrue: () => boolean): Promise<void> {
  for (let i = 0; i < 500 && !isTrue(); i++) await new Promise((resolve) => setTimeout(resolve, 10));
  expect(isTrue()).toBe(true);
}

/** Collects garbage. */
function collect(): void {
  setFlagsFromString("--expose-gc");
  (runInNewContext("gc") as () => void)();
}

describe("workers", () => {
  it("start with the first work, and end with close; later work starts others", async () => {
    const model = new NFM({ threads: 3 });
    expect([model.threads, workers.started.length]).toEqual([3, 0]);
    await model.fit(x, y, FIT);
    expect([model.threads, workers.started.length]).toEqual([3, 2]);
    model.close();
    expect(workers.ends).toBe(2);
    model.close();
    expect(workers.ends).toBe(2);
    model.predict(x);
    expect(workers.started.length).toBe(4);
    model[Symbol.dispose]();
    expect(workers.ends).toBe(4);
  });

  it("of a model that a new fit replaces end; so do those of a fit that fails", async () => {
    const model = new NFM({ threads: 2 });
    await model.fit(x, y, FIT);
    await model.fit(x, y, FIT);
    expect([workers.started.length, workers.ends]).toEqual([2, 1]);
    await expect(
      model.fit(x, y, {
        ...FIT,
        onBatch: () => {
          throw new Error("stop");
        },
      }),
    ).rejects.toThrow("stop");
    expect([workers.started.length, workers.ends]).toEqual([3, 2]);
    model.close();
  });

  it("work for a loaded predictor", async () => {
    const model = new NFM({ threads: 1 });
    await model.fit(x, y, FIT);
    const predictor = Predictor.load(model.save(), { threads: 2 });
    expect(predictor.predict(x)).toEqual(model.predict(x));
    expect([predictor.threads, workers.started.length]).toEqual([2, 1]);
    predictor.close();
    expect(workers.ends).toBe(1);
  });

  it("end when their models are garbage-collected", async () => {
    await (async () => {
      for (let i = 0; i < 10; i++) await new NFM({ threads: 2 }).fit(x, y, { ...FIT, epochs: 1 });
    })();
    expect(workers.started.length).toBe(10);
    await until(() => {
      collect();
      return workers.ends === 10;
    });
  });
});

describe("a worker that dies", () => {
  it("gives an error, and leaves the model as after the last good epoch", async () => {
    const expected = new NFM({ threads: 1, seed: 1 });
    await expected.fit(x, y, { ...FIT, epochs: 2 });
    const model = new NFM({ threads: 2, seed: 1 });
    const fit = model.fit(x, y, {
      ...FIT,
      epochs: 9,
      onEpoch: async ({ epoch }) => {
        if (epoch < 2) return;
        workers.started[0].end();
        await new Promise((resolve) => setTimeout(resolve, 200));
      },
    });
    await expect(fit).rejects.toThrow("a worker thread has ended");
    expect(digest(model.save({ optimizer: true }))).toBe(digest(expected.save({ optimizer: true })));
    await model.fit(x, y, { ...FIT, epochs: 1, resume: true });
    await expected.fit(x, y, { ...FIT, epochs: 1, resume: true });
    expect(digest(model.save())).toBe(digest(expected.save()));
    model.close();
  });
});

describe("without threads", () => {
  afterEach(() => vi.unstubAllGlobals());

  it("a model that can start no worker goes on alone, and says so", async () => {
    workers.fails = true;
    const [model, expected] = [new NFM({ threads: 4, seed: 2 }), new NFM({ threads: 1, seed: 2 })];
    for (const each of [model, expected]) await each.fit(x, y, FIT);
    expect(model.threads).toBe(1);
    expect(digest(model.save())).toBe(digest(expected.save()));
  });

  it("a page that is not isolated, and plain JavaScript, have one thread", () => {
    expect(new NFM({ threads: 4, backend: "js" }).threads).toBe(1);
    vi.stubGlobal("SharedArrayBuffer", undefined);
    expect(new NFM({ threads: 4 }).threads).toBe(1);
  });
});

describe("a process", () => {
  const folder = mkdtempSync(join(tmpdir(), "neural-fm-threads-"));
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it("exits with a forgotten model, and 100 dropped models leave no thread", () => {
    const bundle = join(folder, "program.mjs");
    const index = fileURLToPath(new URL("../../../src/index.ts", import.meta.url));
    const contents = `
      import { CSRMatrix, NFM } from ${JSON.stringify(index)};
      const rows = Array.from({ length: 256 }, (_, i) => ({ indices: [i % 50, 50 + (i % 7)] }));
      const x = CSRMatrix.fromRows(rows, 60);
      const y = rows.map((_, i) => i % 3);
      const threads = process.getBuiltinModule("node:worker_threads");
      const { Worker } = threads;
      let alive = 0;
      threads.Worker = class extends Worker {
        constructor(...args) {
          super(...args);
          alive++;
          this.on("exit", () => alive--);
        }
      };
      const train = async (model) => {
        await model.fit(x, y, { epochs: 70, batchSize: 256, validation: false });
        return model;
      };
      const options = { threads: 2, embeddingDim: 64, hiddenUnits: [128], optimizer: "adagrad" };
      const forgotten = new NFM(options);
      for (let i = 0; i < 500 && alive === 0; i++) await train(forgotten);
      for (let i = 0; i < 100; i++) await train(new NFM(options));
      const most = alive;
      for (let i = 0; i < 200 && alive > 1; i++) {
        gc();
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      console.log(JSON.stringify([most > 1, alive, forgotten.threads]));
    `;
    const stdin = { contents, resolveDir: folder, loader: "js" } as const;
    buildSync({ stdin, bundle: true, platform: "node", format: "esm", outfile: bundle, logLevel: "error" });
    expect(readdirSync(folder)).toEqual(["program.mjs"]);
    const run = spawnSync(process.execPath, ["--expose-gc", bundle], { encoding: "utf8", timeout: 60_000 });
    expect(run.stderr).toBe("");
    expect(JSON.parse(run.stdout)).toEqual([true, 1, 2]);
  });
});
