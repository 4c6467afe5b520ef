// A fit that fails, is aborted or refused leaves the model as it was, or as after the last good epoch.

import { describe, expect, it } from "vitest";
import { type BatchEvent, CSRMatrix, type FitOptions, NFM, type NFMOptions, SGD } from "../../src/index.ts";
import {
  all,
  dataset,
  expectFinite,
  fit,
  N,
  ownLoss,
  SMALL,
  square,
  tensorNames,
} from "../helpers/training.ts";

describe("a fit that does not end well", () => {
  const { x, y } = dataset(40);
  const options = { epochs: 5, batchSize: 8 };

  async function failure(fitted: Promise<unknown>): Promise<unknown> {
    return fitted.then(
      () => expect.fail("it did not reject"),
      (error: unknown) => error,
    );
  }

  /** Fits until it fails; the model's file after each complete epoch, and the error. */
  async function tracked(model: NFM, run: FitOptions): Promise<{ files: Uint8Array[]; error: unknown }> {
    const files: Uint8Array[] = [];
    const { onEpoch } = run;
    const error = await failure(
      model.fit(x, y, {
        ...options,
        ...run,
        onEpoch: (event) => {
          files.push(model.save({ optimizer: true }));
          return onEpoch?.(event);
        },
      }),
    );
    return { files, error };
  }

  it("aborted before it starts: rejects with the reason, and nothing has changed", async () => {
    const reason = new Error("no time");
    for (const resume of [false, true]) {
      const model = await fit();
      const [before, history] = [all(model), model.history];
      expect(
        await failure(
          model.fit(
            x,
            y.map((v) => 10 * v),
            { ...options, resume, signal: AbortSignal.abort(reason) },
          ),
        ),
      ).toBe(reason);
      expect(all(model)).toBe(before);
      expect(model.history).toBe(history);
    }
    const fresh = new NFM(SMALL);
    expect(await failure(fresh.fit(x, y, { signal: AbortSignal.abort() }))).toBeInstanceOf(DOMException);
    expect(() => fresh.save()).toThrow("no parameters yet");
    expect(fresh.numFeatures).toBe(0);
  });

  it("aborted within an epoch: the model is as after the last complete epoch", async () => {
    const stop = new AbortController();
    const model = new NFM(SMALL);
    const onBatch = ({ epoch, batch }: BatchEvent): void => {
      if (epoch === 3 && batch === 2) stop.abort("enough");
    };
    const { files, error } = await tracked(model, { signal: stop.signal, onBatch });
    expect(error).toBe("enough");
    expect(files.length).toBe(2);
    expect(model.save({ optimizer: true })).toEqual(files[1]);
    await model.fit(x, y, { ...options, epochs: 3, resume: true });
    expect(all(model)).toBe(all(await fit(SMALL, options, { x, y })));
  });

  it("aborted within the first epoch: the model is as before the fit", async () => {
    for (const resume of [false, true]) {
      const stop = new AbortController();
      const model = await fit();
      const before = all(model);
      const wider = y.map((v) => 10 * v);
      const onBatch = ({ batch }: BatchEvent): void => {
        if (batch === 3) stop.abort();
      };
      await failure(model.fit(x, wider, { ...options, resume, signal: stop.signal, onBatch }));
      expect(all(model)).toBe(before);
    }
  });

  it("aborted between epochs, or by a timer while it works", async () => {
    const stop = new AbortController();
    const model = new NFM(SMALL);
    let batches = 0;
    const onEpoch = ({ epoch }: { epoch: number }): void => {
      if (epoch === 2) stop.abort();
    };
    const { files, error } = await tracked(model, {
      signal: stop.signal,
      onEpoch,
      onBatch: () => void batches++,
    });
    expect(batches).toBe(10); // none of the third epoch
    expect((error as DOMException).name).toBe("AbortError");
    expect(files.length).toBe(2);
    expect(model.save({ optimizer: true })).toEqual(files[1]);
    const busy = new NFM(SMALL);
    let epochs = 0;
    const late = new AbortController();
    const timer = setInterval(() => {
      if (epochs > 0) late.abort(new DOMException("late", "TimeoutError"));
    }, 1);
    const timed = await tracked(busy, {
      epochs: 1e6,
      signal: late.signal,
      batchSize: 1,
      onEpoch: () => void epochs++,
    });
    clearInterval(timer);
    expect((timed.error as DOMException).name).toBe("TimeoutError");
    expect(timed.files.length).toBeGreaterThan(0);
    expect(busy.save({ optimizer: true })).toEqual(timed.files[timed.files.length - 1]);
  });

  it("a loss that turns NaN stops it with an error that names epoch and batch; the last good epoch is restored", async () => {
    for (const bad of [NaN, Infinity, -Infinity]) {
      let calls = 0;
      const loss = ownLoss((score, target) => (++calls === 40 * 2 + 8 * 2 + 3 ? bad : square(score, target)));
      const model = new NFM({ ...SMALL, loss });
      const { files, error } = await tracked(model, {});
      expect(String(error)).toContain(`fit: the loss became ${bad} in epoch 3, batch 3 of 5`);
      expect(files.length).toBe(2);
      expect(model.save({ optimizer: true })).toEqual(files[1]);
      expectFinite(model, tensorNames(model));
    }
  });

  it("a learning rate far too large leaves no infinity or NaN behind, whichever step it shows in", async () => {
    for (const learningRate of [1e10, 1e20, 1e38]) {
      for (const batchSize of [8, 40]) {
        for (const hiddenUnits of [[], [4]]) {
          const names = tensorNames(new NFM({ ...SMALL, hiddenUnits, numFeatures: N }));
          const model = new NFM({
            ...SMALL,
            hiddenUnits,
            numFeatures: N,
            optimizer: new SGD({ learningRate }),
          });
          const error = await failure(model.fit(x, y, { epochs: 30, batchSize }));
          expect(String(error)).toMatch(/^Error: fit: .* epoch \d+.* a lower learningRate/);
          expectFinite(model, names);
        }
      }
    }
  });

  it("nor does a fit that ends before anybody looks at the loss again", async () => {
    const model = new NFM({ ...SMALL, numFeatures: N, optimizer: new SGD({ learningRate: 1e38 }) });
    const names = tensorNames(model);
    await model
      .fit(
        x,
        y.map((v) => 100 * v),
        { epochs: 1, batchSize: 40 },
      )
      .catch(() => {});
    expectFinite(model, names);
  });

  it("a gradient that is not finite is refused like a loss that is not", async () => {
    const model = new NFM({
      ...SMALL,
      numFeatures: N,
      loss: ownLoss(
        () => 1,
        () => NaN,
      ),
    });
    const names = tensorNames(model);
    expect(() => model.partialFit(x, y)).toThrow();
    expectFinite(model, names);
    await expect(model.fit(x, y, options)).rejects.toThrow();
    expectFinite(model, names);
  });

  it("partialFit with a loss that is not finite changes nothing", () => {
    const model = new NFM({
      ...SMALL,
      loss: ownLoss((score, target) => (target === 5 ? NaN : square(score, target))),
    });
    model.partialFit(
      x,
      y.map(() => 1),
    );
    const before = all(model);
    expect(() =>
      model.partialFit(
        x,
        y.map(() => 5),
      ),
    ).toThrow("partialFit: the loss of these rows is NaN, or would be after this step; nothing has changed");
    expect(all(model)).toBe(before);
  });

  it("partialFit changes nothing when a loss of one's own throws", () => {
    const oops = new Error("oops");
    const model = new NFM({
      ...SMALL,
      loss: ownLoss((score, target) => {
        if (target === 5) throw oops;
        return square(score, target);
      }),
    });
    model.partialFit(
      x,
      y.map(() => 1),
    );
    const before = all(model);
    expect(() =>
      model.partialFit(
        x,
        y.map(() => 5),
      ),
    ).toThrow(oops);
    expect(all(model)).toBe(before);
  });

  it("an exception in a callback or a loss of one's own comes through, and the last complete epoch stays", async () => {
    const oops = new Error("oops");
    let calls = 0;
    const throwing = ownLoss((score, target) => {
      if (++calls === 40 * 2 + 20) throw oops;
      return square(score, target);
    });
    const cases: [NFMOptions, FitOptions][] = [
      [
        SMALL,
        {
          onBatch: ({ epoch, batch }) => {
            if (epoch === 3 && batch === 4) throw oops;
          },
        },
      ],
      [
        SMALL,
        {
          onEpoch: ({ epoch }) => {
            if (epoch === 2) throw oops;
          },
        },
      ],
      [
        SMALL,
        {
          onEpoch: async ({ epoch }) => {
            if (epoch === 2) throw oops;
          },
        },
      ],
      [{ ...SMALL, loss: throwing }, {}],
    ];
    for (const [modelOptions, run] of cases) {
      const model = new NFM(modelOptions);
      const { files, error } = await tracked(model, run);
      expect(error).toBe(oops);
      expect(files.length).toBe(2);
      expect(model.save({ optimizer: true })).toEqual(files[1]);
      await model.fit(x, y, { ...options, epochs: 1 }); // and it can be fitted again
    }
  });

  it("an exception in the first epoch leaves the model as it was", async () => {
    for (const resume of [false, true]) {
      const model = await fit();
      const before = all(model);
      const onBatch = ({ batch }: BatchEvent): void => {
        if (batch === 2) throw new Error("oops");
      };
      await failure(
        model.fit(
          x,
          y.map((v) => v * 10),
          { ...options, resume, onBatch },
        ),
      );
      expect(all(model)).toBe(before);
    }
  });

  it("bad input or options leave the model's file as it was, to the byte", async () => {
    const model = await fit();
    const [before, history] = [model.save({ optimizer: true }), model.history];
    const wide = CSRMatrix.fromRows([{ indices: [N + 5] }]);
    const nan = [...y.slice(1), NaN];
    const attempts: (() => Promise<unknown> | number)[] = [
      () => model.fit(x, nan),
      () => model.fit(x, y.slice(1)),
      () => model.fit(x, y, { epochs: 0 }),
      () => model.fit(x, y, { batchSize: 1.5 }),
      () => model.fit(x, y, { sampleWeight: y.map(() => -1) }),
      () => model.fit(wide, [1], { resume: true }),
      () => model.fit(x, y, { validation: 1 }),
      () => model.fit(x, y, { validation: { x, y: nan } }),
      () => model.fit(x, y, { validation: { x: wide, y: [1] } }),
      () => model.fit(x, y, { validation: 0.5, metrics: ["auc"] }),
      () => model.fit([], []),
      () => model.fit(CSRMatrix.fromRows([[]], 0), [1]),
      () => model.fitPairs(x, x),
      () => model.fit([{ indices: [-1] }], [1]),
      () => model.fit([{ indices: [0], values: [Infinity] }], [1]),
      () => model.partialFit(wide, [1]),
      () => model.partialFit(x, nan),
      () => model.partialFitPairs(x, x),
      () => model.partialFit([], []),
    ];
    for (const attempt of attempts) {
      await expect((async () => attempt())(), attempt.toString()).rejects.toThrow(
        /^(fit|fitPairs|partialFit|partialFitPairs): /,
      );
      expect(model.save({ optimizer: true }), attempt.toString()).toEqual(before);
      expect(model.history).toBe(history);
    }
  });

  it("a second fit or partialFit meanwhile is refused, and the first goes on as if alone", async () => {
    const model = new NFM(SMALL);
    const first = model.fit(x, y, {
      epochs: 3,
      batchSize: 16,
      onEpoch: () => {
        expect(() => model.partialFit(x, y)).toThrow(
          "partialFit: this model is being fitted; await that first",
        );
      },
    });
    await expect(model.fit(x, y)).rejects.toThrow("fit: this model is being fitted; await that first");
    await first;
    expect(all(model)).toBe(all(await fit(SMALL, {}, { x, y })));
    await model.fit(x, y, { epochs: 1 });
  });

  it("needs no more memory in later epochs than in the second", async () => {
    const { x, y } = dataset(2000, 9, 20_000);
    const model = new NFM({ embeddingDim: 16, hiddenUnits: [16] }); // 1.4 MB of parameters, as much of state
    const used: number[] = [];
    await model.fit(x, y, {
      epochs: 8,
      batchSize: 64,
      validation: 0.1,
      onEpoch: () => {
        const { heapUsed, arrayBuffers } = process.memoryUsage();
        used.push(heapUsed + arrayBuffers);
      },
    });
    // Garbage comes and goes; a copy of the model kept per epoch would be 17 MB by then.
    expect(Math.min(...used.slice(5)) - used[1]).toBeLessThan(12e6);
  });
});
