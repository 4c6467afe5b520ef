// `validation: "auto"`: which rows are held out, when the model is measured, which state is kept and when
// training stops. The oracle trains by single steps with partialFit, measures by hand and keeps the best.

import { describe, expect, it } from "vitest";
import { randomKey, randomPermutation, Stream } from "../../src/core/random.ts";
import {
  Adagrad,
  type BatchEvent,
  CSRMatrix,
  type EpochEvent,
  type FitOptions,
  NFM,
  type NFMOptions,
  type Notice,
  SGD,
} from "../../src/index.ts";
import {
  autoShare,
  checksPerEpoch,
  LEAST_GROUPS,
  LEAST_ROWS,
  MOST_EPOCHS,
  MOST_HELD_OUT,
  PATIENCE,
} from "../../src/training/auto.ts";
import { split } from "../helpers/model-files.ts";
import { PAPER } from "../helpers/paper.ts";
import { all } from "../helpers/training.ts";
import { numbers } from "../reference.ts";

const WIDTHS = [20, 15, 6];
const N = 41;

/** Rows of three categories, and labels 1 or -1 that depend on pairs of them, noisily. */
function table(rows: number, seed: number = 1): { x: CSRMatrix; y: number[] } {
  const next = numbers(seed);
  const lists = Array.from({ length: rows }, () => WIDTHS.map((width) => Math.floor(next(0, width))));
  const starts = [0, 20, 35];
  return {
    x: CSRMatrix.fromRows(
      lists.map((row) => ({ indices: row.map((value, f) => starts[f] + value) })),
      N,
    ),
    y: lists.map(([a, b, c]) => (((a % 3 === b % 3) !== c > 3) !== next() < 0.2 ? 1 : -1)),
  };
}

/**
 * A hinge loss has no scale of labels and no base rate, so that fit and partialFit start alike. All settings
 * that depend on the number of rows are given.
 */
const OPTIONS: NFMOptions = {
  ...PAPER,
  loss: "hinge",
  embeddingDim: 4,
  hiddenUnits: [4],
  numFeatures: N,
  optimizer: new Adagrad({ learningRate: 0.3 }),
  seed: 5,
  notices: false,
};

/** The tensors of a file, optimizer included, without the counters. */
const tensors = (model: NFM): Uint8Array => split(model.save({ optimizer: true })).data;

/** The held-out rows and the others, ascending: those that `validation: share` holds out. */
function divide(rows: number, share: number, seed: number): { kept: number[]; held: number[] } {
  const order = randomPermutation(randomKey(seed, Stream.split), rows);
  const isHeld = new Set(order.subarray(0, Math.round(rows * share)));
  const ids = Array.from({ length: rows }, (_, i) => i);
  return { kept: ids.filter((i) => !isHeld.has(i)), held: ids.filter((i) => isHeld.has(i)) };
}

const pick = (
  { x, y }: { x: CSRMatrix; y: number[] },
  rows: readonly number[],
): ReturnType<typeof table> => ({
  x: x.take(Uint32Array.from(rows)),
  y: rows.map((row) => y[row]),
});

interface Check {
  epoch: number;
  step: number;
  rows: number;
  loss: number;
}

/** Trains by single steps. Before the first one and after some others it measures the held-out rows. */
function byHand(
  options: NFMOptions,
  data: ReturnType<typeof table>,
  run: { batchSize: number; epochs: number; patience: number; checks: number },
): { checks: Check[]; best: Check; tensors: Uint8Array; stopped: string; last: Uint8Array } {
  const seed = options.seed!;
  const { kept, held } = divide(data.x.rows, 0.1, seed);
  const measured = pick(data, held);
  const model = new NFM(options);
  const checks: Check[] = [];
  const bests: { check: Check; tensors: Uint8Array }[] = [];
  let step = 0;
  let seen = 0;
  let stopped = "epochs";
  const measure = (epoch: number): void => {
    const scores = model.predict(measured.x);
    let loss = 0;
    scores.forEach((score, i) => {
      loss += Math.max(0, 1 - measured.y[i] * score);
    });
    const check = { epoch, step, rows: seen, loss: loss / scores.length };
    checks.push(check);
    if (bests.length === 0 || check.loss < bests[bests.length - 1].check.loss)
      bests.push({ check, tensors: tensors(model) });
  };
  measure(0);
  const batches = Math.ceil(kept.length / run.batchSize);
  const at = Array.from({ length: run.checks }, (_, c) => Math.ceil(((c + 1) * batches) / run.checks));
  for (let epoch = 1; epoch <= run.epochs && stopped === "epochs"; epoch++) {
    const order = randomPermutation(randomKey(seed, Stream.shuffle, epoch), kept.length);
    for (let batch = 1; batch <= batches; batch++) {
      const ids = Array.from(
        order.subarray((batch - 1) * run.batchSize, batch * run.batchSize),
        (i) => kept[i],
      );
      const rows = pick(data, ids);
      model.partialFit(rows.x, rows.y);
      step++;
      seen += ids.length;
      if (!at.includes(batch)) continue;
      measure(epoch);
      if (checks.length - 1 - checks.indexOf(bests[bests.length - 1].check) >= run.patience) {
        stopped = "patience";
        break;
      }
    }
  }
  const best = bests[bests.length - 1];
  return { checks, best: best.check, tensors: best.tensors, stopped, last: tensors(model) };
}

describe("fit without options", () => {
  const many = table(50_000);

  it.each([
    "js",
    "wasm",
  ] as const)("checks within epochs, stops, and keeps the best state: %s", async (backend) => {
    const checks = checksPerEpoch(45_000);
    expect(checks).toBeGreaterThan(1);
    const batchSize = 512;
    for (const [learningRate, patience] of [
      [1.5, 3],
      [0.3, 2],
    ]) {
      const options = { ...OPTIONS, optimizer: new Adagrad({ learningRate }), backend };
      const expected = byHand(options, many, { batchSize, epochs: 6, patience, checks });
      const model = new NFM(options);
      const events: EpochEvent[] = [];
      const within: BatchEvent[] = [];
      const history = await model.fit(many.x, many.y, {
        batchSize,
        epochs: 6,
        patience,
        onEpoch: (event) => void events.push(event),
        onBatch: (event) => void within.push(event),
      });
      const seen = history.checks.map(({ epoch, step, rows, validation }) => {
        return { epoch, step, rows, loss: validation.loss };
      });
      expect(seen).toEqual(expected.checks);
      expect(history.checks.indexOf(history.best!)).toBe(expected.checks.indexOf(expected.best));
      expect([history.stopped, history.steps]).toEqual([expected.stopped, expected.best.step]);
      expect(history.bestEpoch).toBe(expected.best.epoch);
      expect(tensors(model)).toEqual(expected.tensors);
      expect(tensors(model)).not.toEqual(expected.last);
      // The check before the first step belongs to no epoch.
      expect(events.flatMap((event) => event.checks)).toEqual(history.checks.slice(1));
      expect(Number.isNaN(history.checks[0].loss)).toBe(true);
      expect(within.flatMap(({ check }) => check ?? [])).toEqual(
        history.checks.filter(({ step }) => step % Math.ceil(45_000 / batchSize) !== 0),
      );
      expect(history.epochs.length).toBe(expected.checks.at(-1)!.epoch);
    }
  });

  it("has checks whose training losses are means since the check before", async () => {
    const losses: number[] = [];
    const history = await new NFM(OPTIONS).fit(many.x, many.y, {
      batchSize: 500,
      epochs: 1,
      onBatch: ({ loss }) => void losses.push(loss),
    });
    const [start, ...others] = history.checks;
    expect([start.epoch, start.step, start.rows, start.loss]).toEqual([0, 0, 0, NaN]);
    expect(others.length).toBe(checksPerEpoch(45_000));
    let from = 0;
    for (const { step, loss } of others) {
      const part = losses.slice(from, step);
      expect(loss).toBeCloseTo(part.reduce((sum, value) => sum + value, 0) / part.length, 10);
      from = step;
    }
    expect(from).toBe(90);
  });

  it("ends with the last state with restoreBest: false, also within an epoch", async () => {
    const options = { ...OPTIONS, optimizer: new Adagrad({ learningRate: 1.5 }) };
    const run = { batchSize: 512, epochs: 6, patience: 2 };
    const expected = byHand(options, many, { ...run, checks: checksPerEpoch(45_000) });
    expect(expected.stopped).toBe("patience");
    const model = new NFM(options);
    const history = await model.fit(many.x, many.y, { ...run, restoreBest: false });
    expect(tensors(model)).toEqual(expected.last);
    expect(history.steps).toBe(expected.checks.at(-1)!.step);
  });

  it("holds out the rows of validation: 0.1 and has patience, if an epoch has one check", async () => {
    const few = table(1200);
    const [auto, share] = [new NFM(OPTIONS), new NFM(OPTIONS)];
    let planned = 0;
    const history = await auto.fit(few.x, few.y, { onEpoch: ({ epochs }) => void (planned = epochs) });
    const expected = await share.fit(few.x, few.y, {
      epochs: MOST_EPOCHS,
      validation: 0.1,
      patience: PATIENCE,
    });
    expect(all(auto)).toBe(all(share));
    // "auto" measures the model before the first step too, and a share does not.
    const [start, ...others] = history.checks;
    expect(start).toMatchObject({ epoch: 0, step: 0, rows: 0, loss: NaN, best: true });
    expect(start.validation.loss).toBeGreaterThan(others[0].validation.loss);
    expect(others).toEqual(expected.checks);
    expect(planned).toBe(MOST_EPOCHS);
    expect(history.stopped).toBe("patience");
    expect(history.epochs.length).toBe(history.bestEpoch! + PATIENCE);
  });

  it("holds out nothing of fewer rows, and trains for 20 epochs", async () => {
    for (const [rows, holdsOut] of [
      [LEAST_ROWS - 1, false],
      [LEAST_ROWS, true],
    ] as const) {
      const { x, y } = table(rows);
      const notices: Notice[] = [];
      const model = new NFM({ ...OPTIONS, notices: true, onNotice: (notice) => void notices.push(notice) });
      const history = await model.fit(x, y);
      expect(history.checks.length > 0).toBe(holdsOut);
      expect(notices.filter(({ kind }) => kind === "held-out").length).toBe(holdsOut ? 1 : 0);
      if (holdsOut) continue;
      const plain = new NFM(OPTIONS);
      await plain.fit(x, y, { validation: false, epochs: 20 });
      expect(all(model)).toBe(all(plain));
      expect([history.best, history.bestEpoch, history.steps]).toEqual([null, null, 20 * 8]);
    }
  });

  it("gives the same bits on both backends and under any slicing of time", async () => {
    const [js, wasm] = await Promise.all(
      (["js", "wasm"] as const).map(async (backend) => {
        const model = new NFM({ ...OPTIONS, backend });
        await model.fit(many.x, many.y, {
          batchSize: 256,
          epochs: 2,
          onEpoch: () => new Promise<void>((resolve) => setTimeout(resolve, backend === "js" ? 20 : 0)),
        });
        return model;
      }),
    );
    expect(all(js)).toBe(all(wasm));
  });

  it("measures an unweighted loss on held-out rows without weights, and a weighted one with them", async () => {
    const { x, y } = table(1500);
    const next = numbers(8);
    const { held } = divide(1500, 0.1, 5);
    const some = y.map(() => Math.floor(next(0, 4)) / 2);
    const none = y.map((_, row) => (held.includes(row) ? 0 : 1));
    for (const [sampleWeight, weightOf] of [
      [some, (row: number) => some[row]],
      [none, () => 1],
    ] as const) {
      const model = new NFM(OPTIONS);
      const history = await model.fit(x, y, { epochs: 1, sampleWeight });
      const scores = model.predict(x);
      let [sum, total] = [0, 0];
      for (const row of held) {
        sum += weightOf(row) * Math.max(0, 1 - y[row] * scores[row]);
        total += weightOf(row);
      }
      expect(history.checks.map(({ step }) => step)).toEqual([0, 11]);
      expect(history.best).toBe(history.checks[1]); // predict uses this state
      expect(history.best!.validation.loss).toBeCloseTo(sum / total, 6);
    }
  });

  it("copes with held-out rows of one class, and with rows that share no feature", async () => {
    const rows = Array.from({ length: 1500 }, (_, i) => ({ id: `only ${i}` }));
    const model = new NFM({ loss: "log", embeddingDim: 4, hiddenUnits: [4], notices: false });
    const labels = rows.map((_, i) => (i === 3 ? 1 : 0));
    const { held } = divide(1500, 0.1, 0);
    expect(held).not.toContain(3);
    const history = await model.fit(rows, labels, { epochs: 3 });
    expect(Object.keys(history.checks[0].validation)).toEqual(["loss", "logloss", "accuracy"]);
  });

  it("works on pairs", async () => {
    // The better row of a pair has label 1, the worse one -1: there is something to learn.
    const many = table(4000, 2);
    const [better, worse] = [1, -1].map((label) => {
      const rows = many.y.flatMap((other, row) => (other === label ? row : []));
      return many.x.take(rows.slice(0, 1300));
    });
    expect([better.rows, worse.rows]).toEqual([1300, 1300]);
    const options: NFMOptions = { ...OPTIONS, loss: "bpr" };
    const [auto, share] = [new NFM(options), new NFM(options)];
    const history = await auto.fitPairs(better, worse, { epochs: 5 });
    await share.fitPairs(better, worse, { epochs: 5, validation: 0.1, patience: PATIENCE });
    expect(all(auto)).toBe(all(share));
    expect(history.checks.map(({ rows }) => rows)).toEqual([0, 1, 2, 3, 4, 5].map((epoch) => 1170 * epoch));
    expect(history.best!.step).toBeGreaterThan(0);
  });
});

describe("groups", () => {
  const { x, y } = table(1500);

  /** Fits with a spy: the targets seen in training, which are row numbers, and the number of checks. */
  async function trainedRows(options: FitOptions): Promise<{ seen: Set<number>; checks: number }> {
    const seen = new Set<number>();
    const loss = {
      kind: "pointwise",
      name: "spy",
      value: (score: number) => score * score,
      gradient: (score: number, target: number) => {
        seen.add(target);
        return 1e-3 * score;
      },
    } as const;
    const model = new NFM({ ...OPTIONS, loss });
    const ids = y.map((_, i) => i);
    const history = await model.fit(x, ids, { epochs: 1, ...options });
    return { seen, checks: history.checks.length };
  }

  it("are held out as a whole: a tenth of them, if there are enough", async () => {
    const groups = y.map((_, i) => `g${i % 50}`);
    const { seen } = await trainedRows({ groups });
    const kept = new Set(Array.from(seen, (row) => row % 50));
    expect(kept.size).toBe(45);
    expect(seen.size).toBe(45 * 30);
    const few = await trainedRows({ groups: y.map((_, i) => i % (LEAST_GROUPS - 1)) });
    expect([few.seen.size, few.checks]).toEqual([1500, 0]);
    expect((await trainedRows({ groups: y.map((_, i) => i % LEAST_GROUPS) })).seen.size).toBe(1350);
  });

  it("that hold no pair are not held out for a pairwise loss", async () => {
    const groups = y.map((_, i) => i % 30);
    const model = new NFM({ ...OPTIONS, loss: "bpr" });
    const grades = y.map((_, i) => (i === 7 ? 1 : 0)); // one group has pairs
    const history = await model.fit(x, grades, { groups, epochs: 2 });
    expect([history.checks.length, history.skipped]).toEqual([0, 29]);
    const usual = await model.fit(x, y, { groups, epochs: 2 });
    expect(usual.checks.map(({ epoch }) => epoch)).toEqual([0, 1, 2]);
  });
});

describe("a fit with checks within its epochs that does not end well", () => {
  const { x, y } = table(50_000);
  const batches = Math.ceil(45_000 / 512);
  const run: FitOptions = { batchSize: 512, epochs: 4 };

  async function failure(fitted: Promise<unknown>): Promise<unknown> {
    return fitted.then(
      () => expect.fail("it did not reject"),
      (error: unknown) => error,
    );
  }

  it("is as before the fit if it is aborted in its first epoch, after a check", async () => {
    for (const resume of [false, true]) {
      const model = new NFM(OPTIONS);
      await model.fit(x.take(Uint32Array.from({ length: 600 }, (_, i) => i)), y.slice(0, 600), { epochs: 2 });
      const before = all(model);
      const stop = new AbortController();
      let checked = false;
      const onBatch = ({ batch, check }: BatchEvent): void => {
        checked ||= check !== null;
        if (batch === batches - 1) stop.abort("enough");
      };
      expect(await failure(model.fit(x, y, { ...run, resume, onBatch, signal: stop.signal }))).toBe("enough");
      expect(checked).toBe(true);
      expect(all(model)).toBe(before);
    }
  });

  it("is as after the last complete epoch if it fails in a later one, and can go on", async () => {
    const model = new NFM(OPTIONS);
    const files: Uint8Array[] = [];
    const onBatch = ({ epoch, batch }: BatchEvent): void => {
      if (epoch === 3 && batch === batches - 2) throw new Error("oops");
    };
    const onEpoch = (): void => void files.push(model.save({ optimizer: true }));
    expect(String(await failure(model.fit(x, y, { ...run, onBatch, onEpoch })))).toBe("Error: oops");
    expect(files.length).toBe(2);
    expect(model.save({ optimizer: true })).toEqual(files[1]);
    const history = await model.fit(x, y, { ...run, epochs: 2, resume: true, restoreBest: false });
    expect(history.epochs.map(({ epoch }) => epoch)).toEqual([3, 4]);
    const whole = new NFM(OPTIONS);
    await whole.fit(x, y, { ...run, restoreBest: false });
    expect(all(model)).toBe(all(whole));
  });

  it("throws if a parameter is infinite, though the check before saw none", async () => {
    const model = new NFM({ ...OPTIONS, optimizer: new SGD({ learningRate: 1e38 }) });
    expect(String(await failure(model.fit(x, y, run)))).toMatch(/^Error: fit: .*(infinite|NaN)/);
  });
});

describe("notices", () => {
  async function noticesOf(
    rows: number,
    options: FitOptions,
    model: NFMOptions = {},
  ): Promise<Record<string, string>> {
    const { x, y } = table(rows);
    const told: Notice[] = [];
    const nfm = new NFM({
      ...OPTIONS,
      ...model,
      notices: true,
      onNotice: (notice) => void told.push(notice),
    });
    await nfm.fit(x, y, { epochs: 2, ...options });
    return Object.fromEntries(told.map(({ kind, message }) => [kind, message]));
  }

  it("say what was held out", async () => {
    const rows = 3000;
    expect((await noticesOf(rows, {}))["held-out"]).toBe(
      "fit: 300 of 3,000 rows were held out to decide when to stop; refit: true then trains on them too; " +
        "validation: false trains on all rows for a fixed number of epochs",
    );
    const time = Array.from({ length: rows }, (_, i) => i);
    expect((await noticesOf(rows, { time, refit: true }))["held-out"]).toBe(
      "fit: the last 300 of 3,000 rows were held out to decide when to stop; " +
        "validation: false trains on all rows for a fixed number of epochs",
    );
    const groups = time.map((i) => i % 20);
    expect((await noticesOf(rows, { groups }))["held-out"]).toContain(
      "300 of 3,000 rows (2 of 20 groups) were",
    );
    expect(await noticesOf(rows, { validation: 0.1 })).toEqual({});
    expect(await noticesOf(rows, { validation: false })).toEqual({});
  });

  it("say that the model was best at its first check, if some checks came after it", async () => {
    // No step changes anything: the first of equal checks is the best one.
    const still: NFMOptions = { batchNorm: false, optimizer: new SGD({ learningRate: 1e-30 }) };
    const kind = "best-at-first-check";
    expect((await noticesOf(2000, { epochs: 6 }, still))[kind]).toMatch(
      /^fit: the model was best before its first step, and training made it worse\. /,
    );
    expect(await noticesOf(2000, { epochs: 3 }, still)).not.toHaveProperty(kind);
    const share = { validation: 0.2 };
    expect((await noticesOf(2000, { ...share, epochs: 6 }, still))[kind]).toMatch(
      /^fit: the model was best at its first check, after 1,600 rows,/,
    );
    expect(await noticesOf(2000, { ...share, epochs: 3 }, still)).not.toHaveProperty(kind);
  });

  it("say so too if the best check is the first one after the start, but not a later one", async () => {
    for (const [epochs, isTold] of [
      [1, true],
      [2, false],
    ] as const) {
      const optimizer = new Adagrad({ learningRate: 0.05 });
      const onEpoch = ({ epoch }: EpochEvent): void => {
        if (epoch === epochs) optimizer.learningRate = 0; // from here on all checks are equal
      };
      const told = await noticesOf(2000, { epochs: 6, onEpoch }, { batchNorm: false, optimizer });
      const message = told["best-at-first-check"];
      if (isTold) expect(message).toContain("best at its first check, after 1,800 rows,");
      else expect(message).toBe(undefined);
    }
  });
});

describe("the numbers", () => {
  it("hold out a tenth, at most 100,000 rows, and check at most four times in an epoch", () => {
    expect([999, 1000, 50_000, 1e6, 1e7].map(autoShare)).toEqual([null, 0.1, 0.1, 0.1, 0.01]);
    expect(1e7 * autoShare(1e7)!).toBe(MOST_HELD_OUT);
    expect([1, 900, 39_999, 40_000, 72_000, 80_000, 1e7].map(checksPerEpoch)).toEqual([1, 1, 1, 2, 3, 4, 4]);
  });
});
