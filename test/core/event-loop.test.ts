// Long work gives way to the event loop. The clock is a fake one that moves only when work is done, so what
// is counted are turns of the event loop. bench/event-loop.ts measures milliseconds.

import { afterEach, describe, expect, it, vi } from "vitest";
import { Pacer, runAtOnce, runPaced } from "../../src/core/event-loop.ts";
import { type FeatureMap, NFM, Recommender } from "../../src/index.ts";
import { dataset } from "../helpers/training.ts";

/** Milliseconds of a slice of work. */
const SLICE = 8;

/** Replaces the clock; returns it. `perReading` passes whenever somebody looks at it. */
function fakeClock(perReading: number = 0): { now: number } {
  const clock = { now: 1000 };
  vi.spyOn(performance, "now").mockImplementation(() => (clock.now += perReading));
  return clock;
}

/** How often the event loop had a turn while `work` ran, and the time between turns by the given clock. */
async function turnsDuring(
  work: () => Promise<unknown>,
  clock: { readonly now: number },
): Promise<{ turns: number; gaps: number[] }> {
  const gaps: number[] = [];
  let last = clock.now;
  let running = true;
  const tick = (): void => {
    if (!running) return;
    gaps.push(clock.now - last);
    last = clock.now;
    setImmediate(tick);
  };
  setImmediate(tick);
  await work();
  running = false;
  return { turns: gaps.length, gaps };
}

afterEach(() => vi.restoreAllMocks());

describe("runPaced and runAtOnce", () => {
  function* work(steps: number, onStep: () => void): Generator<void, string> {
    for (let i = 0; i < steps; i++) {
      onStep();
      yield;
    }
    return "done";
  }

  it("run the same work to the end; only the first gives way, once for each slice that is used up", async () => {
    const clock = fakeClock();
    const step = (): void => void (clock.now += 3);
    let result = "";
    const paced = await turnsDuring(
      async () => (result = await runPaced(work(30, step), new Pacer())),
      clock,
    );
    expect(result).toBe("done");
    expect(paced.turns).toBe(10); // 9 ms are more than a slice
    expect(paced.gaps).toEqual(Array.from({ length: 10 }, () => 9));
    let steps = 0;
    const atOnce = await turnsDuring(async () => runAtOnce(work(30, () => void steps++)), clock);
    expect([atOnce.turns, steps]).toEqual([0, 30]);
  });

  it("a slice begins when the event loop has had its turn, and ends after 8 ms, not before", async () => {
    const clock = fakeClock();
    const pacer = new Pacer();
    clock.now += SLICE;
    expect(pacer.due).toBe(false);
    clock.now += 1;
    expect(pacer.due).toBe(true);
    await pacer.rest();
    expect(pacer.due).toBe(false);
  });

  it("stop at a rest once the signal is aborted, with its reason", async () => {
    const clock = fakeClock();
    const controller = new AbortController();
    let steps = 0;
    const running = runPaced(
      work(30, () => {
        clock.now += 3;
        if (++steps === 10) controller.abort(new Error("enough"));
      }),
      new Pacer(controller.signal),
    );
    await expect(running).rejects.toThrow("enough");
    expect(steps).toBe(12);
  });

  it("what the work throws comes through", async () => {
    const failing = (): Generator<void, string> =>
      work(3, () => {
        throw new Error("no");
      });
    expect(() => runAtOnce(failing())).toThrow("no");
    await expect(runPaced(failing(), new Pacer())).rejects.toThrow("no");
  });

  it("give way by a message where there is no setImmediate, as in browsers", async () => {
    vi.resetModules();
    vi.stubGlobal("setImmediate", undefined);
    let messages = 0;
    vi.stubGlobal(
      "MessageChannel",
      class extends MessageChannel {
        constructor() {
          super();
          messages++;
        }
      },
    );
    try {
      const browser = await import("../../src/core/event-loop.ts");
      const clock = fakeClock();
      expect(
        await browser.runPaced(
          work(30, () => void (clock.now += 3)),
          new browser.Pacer(),
        ),
      ).toBe("done");
      expect(messages).toBe(10);
    } finally {
      vi.unstubAllGlobals();
      vi.resetModules();
    }
  });
});

describe("fit is a good neighbor", () => {
  it("gives way to the event loop within an epoch whenever a slice is used up", async () => {
    const { x, y } = dataset(300);
    for (const [cost, turns] of [
      [3, 30],
      [8.5, 90],
      [1, 10],
      [0, 0],
    ] as const) {
      const clock = fakeClock();
      const model = new NFM({ embeddingDim: 2, hiddenUnits: [2] });
      // 90 batches. One more turn comes at the very beginning, before labels and rows are read.
      const seen = await turnsDuring(
        () => model.fit(x, y, { epochs: 3, batchSize: 10, onBatch: () => void (clock.now += cost) }),
        clock,
      );
      expect(seen.turns, `${cost} ms`).toBe(turns + 1);
      for (const gap of seen.gaps) expect(gap).toBeLessThanOrEqual(SLICE + cost);
      vi.restoreAllMocks();
    }
  });

  const maps: FeatureMap[] = Array.from({ length: 6400 }, (_, i) => ({ user: `u${i}` }));
  const labels = maps.map((_, i) => i % 3);

  it("gives way while it reads rows, learns the vocabulary and draws initial values", async () => {
    const clock = fakeClock(1); // every look at the clock takes a millisecond, so that every ninth pause is taken
    const model = new NFM({ embeddingDim: 1, hiddenUnits: [] });
    const { turns } = await turnsDuring(() => model.fit(maps, labels, { epochs: 1, batchSize: 6400 }), clock);
    expect(turns).toBeGreaterThanOrEqual(Math.floor((3 * 6400) / 64 / 9)); // each of the three pauses every 64 rows
  });

  it("gives way while it measures held-out rows, also those of a recommender", async () => {
    const rows = maps.slice(0, 64);
    const model = new NFM({ embeddingDim: 1, hiddenUnits: [] });
    const fit = (heldOut: number) => async (): Promise<unknown> => {
      return model.fit(rows, labels.slice(0, 64), {
        epochs: 1,
        validation: { x: maps.slice(0, heldOut), y: labels.slice(0, heldOut) },
      });
    };
    const without = await turnsDuring(fit(1), fakeClock(1));
    vi.restoreAllMocks();
    const held = await turnsDuring(fit(6400), fakeClock(1));
    expect(held.turns - without.turns).toBeGreaterThanOrEqual(Math.floor((6400 / 64 + 6400 / 1024) / 9)); // pauses of reading and of scoring
    vi.restoreAllMocks();

    const recommender = new Recommender(new NFM({ embeddingDim: 1, hiddenUnits: [], loss: "bpr" }), [
      { item: "a" },
      { item: "b" },
    ]);
    const recommend = (events: number) => async (): Promise<unknown> => {
      const validation = { contexts: maps.slice(0, events), items: maps.slice(0, events).map(() => "a") };
      return recommender.fit(
        maps.slice(0, 8),
        maps.slice(0, 8).map(() => "b"),
        { epochs: 1, validation },
      );
    };
    const few = await turnsDuring(recommend(1), fakeClock(1));
    vi.restoreAllMocks();
    const many = await turnsDuring(recommend(640), fakeClock(1));
    expect(many.turns - few.turns).toBeGreaterThanOrEqual(Math.floor(639 / 9)); // every event is a pause
  });

  it("does not give way in calls that return at once", async () => {
    const clock = fakeClock(1);
    const model = new NFM({ embeddingDim: 1, hiddenUnits: [] });
    const { turns } = await turnsDuring(async () => {
      model.partialFit(maps, labels);
      model.predict(maps);
      model.evaluate(maps, labels);
    }, clock);
    expect(turns).toBe(0);
  });
});
