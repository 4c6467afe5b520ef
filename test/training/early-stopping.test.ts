// Early stopping: which epoch is best, when a training stops, and what it ends with.

import { describe, expect, it } from "vitest";
import { Adagrad, type Metric, NFM, type PointwiseLoss } from "../../src/index.ts";
import { METRICS, type RowMetric } from "../../src/metrics/metrics.ts";
import { EarlyStopping } from "../../src/training/early-stopping.ts";
import { BLANK, dataset, digest, N, ownLoss, SMALL, spyLoss, square } from "../helpers/training.ts";
import { numbers } from "../reference.ts";

describe("early stopping", () => {
  /** A loss that says what it is told to in each epoch, while the model moves on. */
  function scripted(script: readonly number[]): { loss: PointwiseLoss; next: () => void } {
    let epoch = 0;
    return {
      loss: ownLoss(
        () => script[epoch],
        () => 1,
      ),
      next: () => void epoch++,
    };
  }
  const { x, y } = dataset(30);
  const validation = { x: x.slice(0, 10), y: y.slice(0, 10) };

  it("stops after `patience` epochs without improvement and returns to the best epoch, optimizer and counters included", async () => {
    const { loss, next } = scripted([5, 3, 2.5, 2.5, 9, 0, 0]);
    const model = new NFM({ ...SMALL, loss });
    const files: Uint8Array[] = [];
    const best: boolean[] = [];
    const history = await model.fit(x, y, {
      epochs: 7,
      batchSize: 8,
      validation,
      patience: 2,
      onEpoch: (event) => {
        files.push(model.save({ optimizer: true }));
        best.push(event.best);
        next();
      },
    });
    expect(best).toEqual([true, true, true, false, false]);
    expect([history.bestEpoch, history.stopped, history.epochs.length]).toEqual([3, "patience", 5]);
    expect(history.epochs.map((epoch) => epoch.validation!.loss)).toEqual([5, 3, 2.5, 2.5, 9]);
    expect(model.save({ optimizer: true })).toEqual(files[2]);
    expect(new Set(files.map(digest)).size).toBe(5);
    expect(model.history).toBe(history);
  });

  it("restores the best epoch wherever it comes, without patience too", async () => {
    for (const script of [
      [1, 2, 3, 4],
      [4, 1, 3, 2],
      [4, 3, 1, 2],
      [4, 3, 2, 1],
      [2, 3, 1, 4],
      [3, 2, 5, 1, 6, 7],
      [3, 4, 5, 2, 1, 6],
    ]) {
      const { loss, next } = scripted(script);
      const model = new NFM({ ...SMALL, loss });
      const files: Uint8Array[] = [];
      const history = await model.fit(x, y, {
        epochs: script.length,
        batchSize: 8,
        validation,
        onEpoch: () => {
          files.push(model.save({ optimizer: true }));
          next();
        },
      });
      const best = script.indexOf(Math.min(...script));
      expect([history.bestEpoch, history.stopped]).toEqual([best + 1, "epochs"]);
      expect(model.save({ optimizer: true }), String(script)).toEqual(files[best]);
    }
  });

  it("keeps the last epoch with restoreBest: false", async () => {
    const { loss, next } = scripted([1, 2, 3, 4]);
    const model = new NFM({ ...SMALL, loss });
    const files: Uint8Array[] = [];
    const history = await model.fit(x, y, {
      epochs: 4,
      batchSize: 8,
      validation,
      restoreBest: false,
      onEpoch: () => {
        files.push(model.save({ optimizer: true }));
        next();
      },
    });
    expect(history.bestEpoch).toBe(1);
    expect(model.save({ optimizer: true })).toEqual(files[3]);
  });

  it("a NaN of the validation loss is never best", async () => {
    const model = new NFM({
      ...SMALL,
      loss: ownLoss((score, target) => (target === 77 ? NaN : square(score, target))),
    });
    const history = await model.fit(x, y, {
      epochs: 3,
      batchSize: 8,
      validation: { x: validation.x, y: validation.y.map(() => 77) },
    });
    expect([history.bestEpoch, history.epochs.length]).toEqual([null, 3]);
  });

  it.each([
    "auc",
    "accuracy",
    "rmse",
    "logloss",
  ] as const)("knows which way %s is better", async (metric: Metric) => {
    const binary = metric !== "rmse";
    const noise = numbers(4);
    const labels = y.map((value) => (binary ? (value + noise(-3, 3) > 0 ? 1 : 0) : value));
    const model = new NFM({
      ...SMALL,
      loss: binary ? "log" : "squared",
      optimizer: new Adagrad({ learningRate: 0.5 }),
      seed: 3,
    });
    const files: Uint8Array[] = [];
    const held = { x: x.slice(0, 12), y: labels.slice(0, 12) };
    const history = await model.fit(x.slice(12), labels.slice(12), {
      epochs: 40,
      batchSize: 4,
      validation: held,
      monitor: metric,
      patience: 4,
      onEpoch: () => void files.push(model.save()),
    });
    const course = history.epochs.map((epoch) => epoch.validation![metric]);
    const wanted = metric === "auc" || metric === "accuracy" ? Math.max(...course) : Math.min(...course);
    const other = metric === "auc" || metric === "accuracy" ? Math.min(...course) : Math.max(...course);
    expect(course.indexOf(wanted)).not.toBe(course.indexOf(other));
    expect(history.bestEpoch).toBe(course.indexOf(wanted) + 1);
    expect([history.stopped, history.epochs.length]).toEqual(["patience", history.bestEpoch! + 4]);
    expect(model.save()).toEqual(files[history.bestEpoch! - 1]);
    expect(model.evaluate(held.x, held.y, { metrics: [metric] })[metric]).toBe(wanted);
  });

  it("works on pairs", async () => {
    const model = new NFM({ ...SMALL, loss: "bpr", optimizer: new Adagrad({ learningRate: 0.5 }) });
    const files: Uint8Array[] = [];
    const history = await model.fitPairs(x.slice(0, 10), x.slice(10, 20), {
      epochs: 10,
      batchSize: 4,
      validation: { positives: x.slice(20, 25), negatives: x.slice(25) },
      metrics: ["auc"],
      onEpoch: () => void files.push(model.save()),
    });
    const course = history.epochs.map((epoch) => epoch.validation!.auc);
    expect(history.bestEpoch).toBe(course.indexOf(Math.max(...course)) + 1);
    expect(model.save()).toEqual(files[history.bestEpoch! - 1]);
  });

  it("a held-out share is not trained on, and is the same under the same seed", async () => {
    const seen: number[] = [];
    const held: number[][] = [];
    for (let run = 0; run < 2; run++) {
      seen.length = 0;
      const model = new NFM({ ...BLANK, numFeatures: N, loss: spyLoss(seen) });
      await model.fit(
        x,
        y.map((_, i) => i),
        { epochs: 1, batchSize: 4, validation: 0.2 },
      );
      expect([...seen].sort((a, b) => a - b)).toEqual(y.map((_, i) => i)); // each once: 24 in training, then 6 in validation
      held.push(seen.slice(24));
    }
    expect(held[0]).toEqual(held[1]);
    expect(held[0]).not.toEqual([24, 25, 26, 27, 28, 29]);
  });
});

describe("direction", () => {
  const HIGHER: Record<RowMetric, boolean> = {
    rmse: false,
    "rmse-clamped": false,
    mae: false,
    logloss: false,
    auc: true,
    accuracy: true,
  };

  it("every metric and the loss know which way is better", () => {
    expect(Object.keys(HIGHER).sort()).toEqual([...METRICS].sort());
    for (const [metric, higher] of [...Object.entries(HIGHER), ["loss", false]] as [
      Metric | "loss",
      boolean,
    ][]) {
      const stopping = new EarlyStopping(metric, 10);
      expect(stopping.observe(1, 0.5)).toBe(true);
      expect(stopping.observe(2, 0.6), metric).toBe(higher);
      expect(stopping.observe(3, 0.4), metric).toBe(!higher);
      expect(stopping.bestEpoch).toBe(higher ? 2 : 3);
    }
  });

  it("the first of equal epochs stays best, NaN never is, patience counts epochs without improvement", () => {
    const stopping = new EarlyStopping("loss", 2);
    const seen = [NaN, 3, 3, 2, NaN, 2].map((value, i) => [
      stopping.observe(i + 1, value),
      stopping.shouldStop,
    ]);
    expect(seen).toEqual([
      [false, false],
      [true, false],
      [false, false],
      [true, false],
      [false, false],
      [false, true],
    ]);
    expect(stopping.bestEpoch).toBe(4);
    const patient = new EarlyStopping("auc", Infinity);
    for (let i = 0; i < 100; i++) patient.observe(i, -i);
    expect(patient.shouldStop).toBe(false);
  });
});
