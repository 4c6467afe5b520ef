// Training on another thread gives the same bytes and history as `fit`, and calls the same callbacks.

import { afterEach, describe, expect, it, vi } from "vitest";
import { CSRMatrix, Dense, type FitOptions, type History, NFM, type NFMOptions } from "../../src/index.ts";
import { fitInWorker, type TrainedInWorker } from "../../src/worker.ts";
import { CASES, each, labels, maps, ROWS, small, sparse } from "./cases.ts";

afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
});

/** What stays of a history: everything but the time. */
const timeless = ({ epochs, refit, ...rest }: History): unknown => {
  const without = (records: History["epochs"]): unknown => records.map(({ seconds: _, ...epoch }) => epoch);
  return { ...rest, epochs: without(epochs), refit: refit && { ...refit, epochs: without(refit.epochs) } };
};

/** Trains on both threads. The data are made twice, because they may be handed over. */
async function expectEqual(
  options: () => NFMOptions,
  data: () => { x: never; y: never },
  fitOptions: () => FitOptions,
): Promise<TrainedInWorker> {
  const here = new NFM(options());
  const { x, y } = data();
  const history = await here.fit(x, y, fitOptions());
  const there = data();
  const trained = await fitInWorker(options(), there.x, there.y, fitOptions());
  expect(Buffer.compare(here.save(), trained.file)).toBe(0);
  expect(timeless(trained.history)).toEqual(timeless(history));
  return trained;
}

describe("the same bytes and the same history as fit", () => {
  it.each(CASES)("%s", async (_, options, data, fitOptions) => {
    const { model, file } = await expectEqual(options, data as never, fitOptions);
    const here = NFM.load(file);
    const rows = (data() as { x: object[] }).x;
    expect(model.predict(rows)).toEqual(here.predict(rows));
  });

  it("streams, which are opened in every epoch and closed", async () => {
    let [opened, closed] = [0, 0];
    const stream = {
      async *[Symbol.asyncIterator]() {
        opened++;
        try {
          for (let start = 0; start < ROWS; start += 200) {
            yield {
              x: maps.slice(start, start + 200),
              y: Float32Array.from(labels.slice(start, start + 200)),
            };
          }
        } finally {
          closed++;
        }
      },
    };
    const here = new NFM(small);
    const options = { epochs: 2, validation: 0.1, window: 500, refit: true } as const;
    const history = await here.fit(stream, options);
    const before = opened;
    const trained = await fitInWorker(small, stream, options);
    expect(Buffer.compare(here.save(), trained.file)).toBe(0);
    expect(timeless(trained.history)).toEqual(timeless(history));
    expect([opened, closed]).toEqual([2 * before, 2 * before]);
  });

  it("calls the callbacks with the same events, and hands notices on", async () => {
    const record = (): [unknown[], NFMOptions, FitOptions] => {
      const seen: unknown[] = [];
      return [
        seen,
        { ...small, notices: true, onNotice: ({ kind }) => seen.push(kind) },
        {
          epochs: 2,
          onEpoch: ({ seconds: _, ...event }) => void seen.push(event),
          onBatch: (event) => seen.push(event),
        },
      ];
    };
    const [here, options, fit] = record();
    await new NFM(options).fit(maps, labels, fit);
    const [there, ...same] = record();
    await fitInWorker(same[0], maps, labels, same[1]);
    expect(there).toEqual(here);
    expect(here).toContain("held-out");
    const warn = vi.spyOn(console, "warn").mockReturnValue(undefined);
    await fitInWorker({ ...small, notices: true }, maps, labels, { epochs: 1 });
    expect(warn.mock.calls.join()).toMatch(/^neural-fm: .*held out/);
  });
});

describe("ends early", () => {
  it("if onEpoch returns false", async () => {
    const onEpoch = async (): Promise<boolean> => false;
    const { history } = await fitInWorker(small, maps, labels, { epochs: 5, onEpoch });
    expect([history.epochs.length, history.stopped]).toEqual([1, "callback"]);
  });

  it.each(["onEpoch", "onBatch"] as const)("if %s throws", async (name) => {
    const thrown = new Error("enough");
    const options = {
      epochs: 50,
      [name]: () => {
        throw thrown;
      },
    };
    await expect(fitInWorker(small, maps, labels, options)).rejects.toBe(thrown);
  });

  it("if onNotice throws", async () => {
    const onNotice = (): never => {
      throw new Error("no notices");
    };
    const promise = fitInWorker({ embeddingDim: 4, onNotice }, maps, labels, { epochs: 50 });
    await expect(promise).rejects.toThrow("no notices");
  });

  it("if the signal is aborted: before, while data are sent, and while training", async () => {
    const reason = new Error("stop");
    const aborted = AbortSignal.abort(reason);
    await expect(fitInWorker(small, maps, labels, { signal: aborted })).rejects.toBe(reason);
    const soon = new AbortController();
    const many = Array.from({ length: 300 }, () => maps).flat();
    const y = many.map(() => 1);
    setTimeout(() => soon.abort(reason), 60);
    await expect(fitInWorker(small, many, y, { signal: soon.signal })).rejects.toBe(reason);
    const later = new AbortController();
    const onEpoch = (): void => later.abort(reason);
    const promise = fitInWorker(small, maps, labels, { epochs: 1000, onEpoch, signal: later.signal });
    await expect(promise).rejects.toBe(reason);
  });

  it("if a stream fails, whose error is passed on", async () => {
    const failure = new Error("the disk is gone");
    const stream = {
      async *[Symbol.asyncIterator]() {
        yield { x: maps, y: labels };
        throw failure;
      },
    };
    await expect(fitInWorker(small, stream)).rejects.toBe(failure);
  });

  it("and closes a stream that it does not read to its end", async () => {
    let closed = 0;
    const stream = {
      async *[Symbol.asyncIterator]() {
        try {
          for (let n = 0; ; n++) yield { x: maps, y: n < 3 ? labels : labels.map(() => NaN) };
        } finally {
          closed++;
        }
      },
    };
    await expect(fitInWorker(small, stream)).rejects.toThrow(/^fit: block 4 .*y\[0\]/);
    expect(closed).toBe(1);
  });
});

describe("typed arrays", () => {
  const make = (): { x: CSRMatrix; y: Float32Array } => ({
    x: CSRMatrix.fromRows(each(sparse)),
    y: Float32Array.from(labels),
  });

  it("are handed over, and the matrix says so later", async () => {
    const { x, y } = make();
    await fitInWorker(small, x, y, { epochs: 1 });
    expect([x.indices.length, y.length]).toEqual([0, 0]);
    const model = new NFM(small);
    await expect(model.fit(x, labels)).rejects.toThrow(
      "fit: x: the arrays of this matrix have been handed over to another thread",
    );
  });

  it("stay with transfer: false, and where they are parts or shared", async () => {
    const { x, y } = make();
    await fitInWorker(small, x, y, { epochs: 1, transfer: false });
    expect([x.indices.length, y.length]).toEqual([2 * ROWS, ROWS]);
    const part = Float32Array.from([0, ...labels]).subarray(1);
    await fitInWorker(small, x.slice(0, ROWS), part, { epochs: 1, transfer: false });
    const shared = new Float32Array(new SharedArrayBuffer(4 * ROWS));
    shared.set(labels);
    await fitInWorker(small, maps, shared, { epochs: 1 });
    expect([part.length, shared.length]).toEqual([ROWS, ROWS]);
  });

  it("stay if an option is wrong", async () => {
    const { x, y } = make();
    await expect(fitInWorker({ ...small, seed: -1 }, x, y)).rejects.toThrow(RangeError);
    await expect(fitInWorker(small, x, y, { epochs: 0 })).rejects.toThrow(/^fit: epochs must be/);
    const wrong = { validation: { x, y, z: 1 } } as FitOptions;
    await expect(fitInWorker(small, x, y, wrong)).rejects.toThrow(/^fit: validation/);
    expect([x.indices.length, y.length]).toEqual([2 * ROWS, ROWS]);
  });
});

describe("refuses", () => {
  const message = (promise: Promise<unknown>): Promise<string> =>
    promise.then(
      () => "nothing was thrown",
      (error: Error) => `${error.name}: ${error.message}`,
    );

  it("what fit refuses, with the same words", async () => {
    const bad: [unknown, unknown, object?][] = [
      [maps, labels.slice(1)],
      [maps, undefined],
      [maps, 7],
      [maps, null],
      [maps, new Set(labels)],
      [maps, labels.map((label, i) => (i === 17 ? NaN : label))],
      [each((i) => (i === 3 ? { user: NaN } : { user: "ana" })), labels],
      [{ user: ["ana"], item: [] }, [1]],
      ["rows", labels],
      [maps, labels, { epoch: 3 }],
      [maps, labels, { onEpoch: 3 }],
      [maps, labels, { signal: 3 }],
      [maps, labels, { groups: 3 }],
      [maps, labels, { sampleWeight: labels.map(() => -1) }],
      [maps, labels, { validation: { x: maps, y: [1] } }],
      [maps, labels, { validation: "all" }],
      [{ blocks: () => [], repeatable: false }, undefined],
    ];
    for (const [x, y, fit] of bad) {
      const args = [x, y, fit] as [never, never, never];
      const expected = await message(new NFM(small).fit(...args));
      expect(expected).not.toBe("nothing was thrown");
      expect(await message(fitInWorker(small, ...args))).toBe(expected);
    }
  });

  it("options that new NFM refuses, with the same words", async () => {
    const bad: object[] = [
      { layers: 3 },
      { optimizer: 3 },
      { optimizer: null },
      { encoder: {} },
      { loss: "logg" },
      { hiddenUnit: [3] },
    ];
    for (const options of bad) {
      const make = async (): Promise<unknown> => new NFM(options);
      const expected = await message(make());
      expect(expected).not.toBe("nothing was thrown");
      expect(await message(fitInWorker(options, maps, labels))).toBe(expected);
    }
  });

  it("code of the user's own, and names the option", async () => {
    const layer = new (class extends Dense {})(3);
    const update = (): void => {};
    const optimizer = { name: "own", initialState: null, update, toJSON: () => ({}) };
    const loss = { kind: "pointwise", name: "own", value: () => 0, gradient: () => 0 } as const;
    for (const [name, options] of [
      ["layers[1]", { layers: [new Dense(2), layer] }],
      ["layers[0]", { layers: [null as never] }],
      ["optimizer", { optimizer }],
      ["loss", { loss }],
    ] as const) {
      await expect(fitInWorker(options, maps, labels)).rejects.toThrow(
        `fitInWorker: ${name} holds code of your own, which cannot be sent to another thread`,
      );
    }
  });

  it("values that cannot be sent, and says where they are", async () => {
    const rows = each((i) => ({ user: "ana", call: i === 700 ? () => {} : "no" }));
    await expect(fitInWorker(small, rows as never, labels)).rejects.toThrow(
      /^fit: x\[700\] cannot be sent to another thread \(.*could not be cloned/,
    );
    await expect(fitInWorker(null as never, maps, labels)).rejects.toThrow(TypeError);
    await expect(fitInWorker(small, maps, labels, { transfer: 1 } as never)).rejects.toThrow(
      /^fitInWorker: transfer must be/,
    );
  });
});

describe("without a worker", () => {
  const notices: string[] = [];
  const options: NFMOptions = { ...small, notices: true, onNotice: ({ message }) => notices.push(message) };
  const expected = async (): Promise<Uint8Array> => {
    const model = new NFM(small);
    await model.fit(maps, labels, { epochs: 1 });
    return model.save();
  };
  afterEach(() => notices.splice(0));

  it("it trains on the calling thread and says so", async () => {
    vi.spyOn(process, "getBuiltinModule").mockReturnValue(undefined as never);
    vi.stubGlobal("Worker", undefined);
    const { file } = await fitInWorker(options, maps, labels, { epochs: 1 });
    expect(Buffer.compare(file, await expected())).toBe(0);
    expect(notices[0]).toBe(
      "fitInWorker: training runs on the calling thread, because this platform has no workers",
    );
  });

  it("also if the sources were bundled without the program", async () => {
    vi.resetModules();
    vi.doMock("../../src/worker/source.ts", () => ({ TRAINING_SOURCE: null }));
    const { fitInWorker: fit } = await import("../../src/worker.ts");
    await fit(options, maps, labels, { epochs: 1 });
    expect(notices[0]).toMatch(
      /because the sources were bundled without the program of the training thread$/,
    );
    vi.doUnmock("../../src/worker/source.ts");
  });

  it("also if the worker does not start, and for streams", async () => {
    const workerUrl = new URL("./missing.js", import.meta.url);
    const stream = {
      async *[Symbol.asyncIterator]() {
        yield { x: maps, y: labels };
      },
    };
    const { file } = await fitInWorker(options, stream, { epochs: 1, workerUrl });
    const model = new NFM(small);
    await model.fit(stream, { epochs: 1 });
    expect(Buffer.compare(file, model.save())).toBe(0);
    expect(notices[0]).toMatch(/because the worker did not start$/);
  });

  it("also if the platform refuses to make one", async () => {
    vi.spyOn(process, "getBuiltinModule").mockReturnValue(undefined as never);
    class Refusing {
      constructor() {
        throw new Error("insecure");
      }
    }
    vi.stubGlobal("Worker", Refusing);
    await fitInWorker(options, maps, labels, { epochs: 1 });
    expect(notices[0]).toMatch(/because the worker did not start \(insecure\)$/);
  });

  it("but if it dies later, that is an error", async () => {
    const code = `import { parentPort } from "node:worker_threads";
      parentPort.on("message", ({ type }) => {
        if (type === "check") parentPort.postMessage({ type: "checked" });
        else process.exit(1);
      });`;
    const workerUrl = new URL(`data:text/javascript,${encodeURIComponent(code)}`);
    await expect(fitInWorker(options, maps, labels, { workerUrl })).rejects.toThrow(
      "fitInWorker: the training thread has ended before it was done",
    );
  });
});
