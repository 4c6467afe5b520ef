// Each metric against its naive definition in float64, and what it refuses.

import { describe, expect, it } from "vitest";
import { CSRMatrix, type Metric, NFM, type PointwiseLoss, SGD } from "../../src/index.ts";
import { bpr, hinge, type Loss, log, squared } from "../../src/losses.ts";
import { defaultMetrics, METRICS } from "../../src/metrics/metrics.ts";
import { measure } from "../helpers/metrics.ts";
import { numbers } from "../reference.ts";

/** Scores in steps of 1/4, so that many are level with one another, and binary targets. */
function sample(n: number, seed: number, negative: 0 | -1): { scores: Float32Array; targets: Float32Array } {
  const next = numbers(seed);
  const targets = Float32Array.from({ length: n }, () => (next() < 0.4 ? 1 : negative));
  targets.set([1, negative]);
  return { scores: Float32Array.from(targets, (y) => Math.round(next(-4, 4) + 2 * y) / 4), targets };
}

/** Sums of a few hundred float64 terms, through elementary functions of 1e-14. */
const expectClose = (actual: number, expected: number): void =>
  expect(Math.abs(actual - expected)).toBeLessThan(1e-11 * Math.max(1, expected));

const mean = (n: number, term: (i: number) => number): number =>
  Array.from({ length: n }, (_, i) => term(i)).reduce((a, b) => a + b, 0) / n;

const probability = (score: number): number => 1 / (1 + Math.exp(-score));

function countPairs({ scores, targets }: { scores: ArrayLike<number>; targets: ArrayLike<number> }): number {
  let [wins, pairs] = [0, 0];
  for (let i = 0; i < scores.length; i++) {
    for (let j = 0; j < scores.length; j++) {
      if (!(targets[i] === 1 && targets[j] !== 1)) continue;
      pairs++;
      wins += scores[i] > scores[j] ? 1 : scores[i] === scores[j] ? 0.5 : 0;
    }
  }
  return wins / pairs;
}

describe("definitions", () => {
  it("rmse and mae are of the scores, or of probabilities for the log loss", () => {
    for (let seed = 0; seed < 5; seed++) {
      const { scores, targets } = sample(101, seed, 0);
      for (const [loss, link] of [
        [squared, (s: number) => s],
        [log, probability],
      ] as const) {
        const scored = { scores, targets, loss, labelRange: null };
        expectClose(
          measure("rmse", scored),
          Math.sqrt(mean(101, (i) => (link(scores[i]) - targets[i]) ** 2)),
        );
        expectClose(
          measure("mae", scored),
          mean(101, (i) => Math.abs(link(scores[i]) - targets[i])),
        );
      }
    }
  });

  it("rmse-clamped clamps predictions to the range it is given", () => {
    const scored = {
      scores: Float32Array.of(-3, 0.5, 7, 2),
      targets: Float32Array.of(-1, 1, 4, 9),
      loss: squared,
      labelRange: [0, 5] as const,
    };
    expectClose(measure("rmse-clamped", scored), Math.sqrt((1 + 0.25 + 1 + 49) / 4));
  });

  it("auc counts all pairs of a positive and a negative, ties half", () => {
    for (let seed = 0; seed < 20; seed++) {
      for (const negative of [0, -1] as const) {
        const given = sample(3 + seed * 7, seed, negative);
        expectClose(measure("auc", { ...given, loss: squared, labelRange: null }), countPairs(given));
      }
    }
    const extremes = (scores: number[], targets: number[]): number =>
      measure("auc", {
        scores: Float32Array.from(scores),
        targets: Float32Array.from(targets),
        loss: log,
        labelRange: null,
      });
    expect(extremes([3, 2, 1, 0], [1, 1, 0, 0])).toBe(1);
    expect(extremes([0, 1, 2, 3], [1, 1, 0, 0])).toBe(0);
    expect(extremes([2, 2, 2], [1, 0, 0])).toBe(0.5);
    expect(extremes([0, -0, -0], [1, 0, 0])).toBe(0.5);
    expect(extremes([10, 9, -1, -2, -10], [1, 0, 1, 0, 1])).toBe(0.5);
  });

  it("auc keeps apart what probabilities would round together", () => {
    const scored = {
      scores: Float32Array.of(60, 50, 55),
      targets: Float32Array.of(1, 0, 0),
      loss: log,
      labelRange: null,
    };
    expect(measure("auc", scored)).toBe(1);
  });

  it("logloss is the mean negative log likelihood, at any score", () => {
    const { scores, targets } = sample(200, 7, 0);
    const scored = { scores, targets, loss: log, labelRange: null };
    expectClose(
      measure("logloss", scored),
      mean(200, (i) => -Math.log(targets[i] === 1 ? probability(scores[i]) : 1 - probability(scores[i]))),
    );
    const extreme = { ...scored, scores: Float32Array.of(-800, 900, 900), targets: Float32Array.of(1, 0, 1) };
    expectClose(measure("logloss", extreme), 1700 / 3);
  });

  it("logloss of a loss with a link of its own goes through that link", () => {
    const own: PointwiseLoss = { ...squared, name: "own", link: (score) => score / 10 };
    const scored = {
      scores: Float32Array.of(2, 9, 5),
      targets: Float32Array.of(0, 1, 1),
      loss: own,
      labelRange: null,
    };
    expectClose(measure("logloss", scored), -(Math.log(1 - 0.2) + Math.log(0.9) + Math.log(0.5)) / 3);
  });

  it("accuracy decides at score 0, at 1/2 for a squared loss on labels 0 and 1", () => {
    const accuracy = (loss: Loss, scores: number[], targets: number[]): number =>
      measure("accuracy", {
        scores: Float32Array.from(scores),
        targets: Float32Array.from(targets),
        loss,
        labelRange: null,
      });
    expect(accuracy(log, [0.1, -0.1, 3, -3, 2], [1, 0, 1, 0, 0])).toBe(0.8);
    expect(accuracy(hinge, [0.1, -0.1, 3, -3], [1, -1, -1, 1])).toBe(0.5);
    expect(accuracy(squared, [0.6, 0.4, 0.1, 0.9], [1, 0, 0, 1])).toBe(1);
    expect(accuracy(squared, [0.4, 0.6], [1, 0])).toBe(0);
    expect(accuracy(squared, [0.4, -0.4], [1, -1])).toBe(1);
  });

  it("each loss has metrics that suit it", () => {
    expect(defaultMetrics(squared, false)).toEqual(["rmse", "mae"]);
    expect(defaultMetrics(log, false)).toContain("logloss");
    expect(defaultMetrics(hinge, false)).toContain("accuracy");
    expect(defaultMetrics(bpr, false)).toEqual(["auc"]);
  });
});

describe("evaluate", () => {
  const x = CSRMatrix.fromDense([
    [1, 0, 2],
    [0, 1, 0],
    [1, 1, 1],
    [0, 0, 3],
  ]);
  const still = new SGD({ learningRate: 0 });

  it("measures what predict returns", () => {
    const model = new NFM({
      embeddingDim: 4,
      hiddenUnits: [3],
      loss: "log",
      numFeatures: 3,
      initStd: 1,
      seed: 2,
    });
    const y = [1, 0, 0, 1];
    const predicted = model.predict(x);
    const raw = model.predict(x, { raw: true });
    const got = model.evaluate(x, y, { metrics: ["rmse", "mae", "logloss", "auc", "accuracy"] });
    // Probabilities come from predict in float32.
    expect(got.rmse).toBeCloseTo(Math.sqrt(mean(4, (i) => (predicted[i] - y[i]) ** 2)), 6);
    expect(got.mae).toBeCloseTo(
      mean(4, (i) => Math.abs(predicted[i] - y[i])),
      6,
    );
    expect(got.logloss).toBeCloseTo(
      mean(4, (i) => -Math.log(y[i] ? predicted[i] : 1 - predicted[i])),
      6,
    );
    expect(got.auc).toBe(countPairs({ scores: raw, targets: y }));
    expect(got.accuracy).toBe(mean(4, (i) => (predicted[i] > 0.5 === (y[i] === 1) ? 1 : 0)));
    expect(model.evaluate(x, [1, -1, -1, 1], { metrics: ["logloss", "auc"] })).toEqual({
      logloss: got.logloss,
      auc: got.auc,
    });
  });

  it("rmse-clamped clamps to the range of the training labels, not of those evaluated", async () => {
    const model = new NFM({
      ...{ embeddingDim: 2, hiddenUnits: [], numFeatures: 3 },
      ...{ optimizer: still, initStd: 0, labels: "raw" }, // scores are 0
    });
    await model.fit(x, [1, 2, 3, 1.5], { epochs: 1 });
    expect(model.evaluate(x, [0, 0, 0, 0], { metrics: ["rmse-clamped", "rmse"] })).toEqual({
      "rmse-clamped": 1,
      rmse: 0,
    });
    expect(model.evaluate(x, [-5, 1, 1, 1], { metrics: ["rmse-clamped"] })["rmse-clamped"]).toBe(3);
    const loaded = NFM.load(model.save());
    expect(loaded.evaluate(x, [0, 0, 0, 0], { metrics: ["rmse-clamped"] })["rmse-clamped"]).toBe(1);
    model.partialFit(x, [4, 0.5, 1, 1]);
    expect(model.evaluate(x, [0, 0, 0, 0], { metrics: ["rmse-clamped"] })["rmse-clamped"]).toBe(0.5);
  });

  it("the held-out share of a fit does not widen the clamp", async () => {
    const y = [1, 2, 3, 100];
    for (let seed = 0; seed < 20; seed++) {
      const model = new NFM({
        embeddingDim: 2,
        hiddenUnits: [],
        numFeatures: 3,
        optimizer: still,
        initStd: 0,
        labels: "raw",
        seed,
      });
      const { epochs } = await model.fit(x, y, {
        epochs: 1,
        validation: 0.25,
        metrics: ["rmse-clamped", "rmse"],
      });
      const heldOut = epochs[0].validation!.rmse; // scores are 0, so this is the held-out label
      const low = Math.min(...y.filter((label) => label !== heldOut));
      expect(epochs[0].validation!["rmse-clamped"]).toBe(Math.abs(low - heldOut));
    }
  });

  it("refuses what cannot be measured, and says why", async () => {
    const model = new NFM({ embeddingDim: 2, hiddenUnits: [], numFeatures: 3 });
    expect(() => model.evaluate(x, [1, 0, 0, 1], { metrics: ["rmse-clamped"] })).toThrow(
      'evaluate: "rmse-clamped" needs the range of the training labels',
    );
    expect(() => model.evaluate(x, [1, 0, 0, 1], { metrics: ["logloss"] })).toThrow(
      '"logloss" needs probabilities, and the squared loss has none',
    );
    expect(() => model.evaluate(x, [1, 1, 1, 1], { metrics: ["auc"] })).toThrow(
      'evaluate: "auc" needs both classes in y, got 4 positives among 4 rows',
    );
    expect(() => model.evaluate(x, [0, 0, 0, 0], { metrics: ["auc"] })).toThrow(
      "got 0 positives among 4 rows",
    );
    expect(() => model.evaluate(x, [1, 0, 2, 1], { metrics: ["auc"] })).toThrow(
      'evaluate: y[2] must be a binary label (0 or 1, or -1 or 1) for "auc", got 2',
    );
    expect(() => model.evaluate(x, [1, 0, -1, 1], { metrics: ["accuracy"] })).toThrow("y[2]");
    expect(() => model.evaluate(x, [1, 0, 1, 0], { metrics: ["mse" as Metric] })).toThrow(
      'evaluate: metrics[0] must be one of "rmse"',
    );
    expect(() => model.evaluate(x, [1, 0, 1, 0], { metrics: "rmse" as unknown as Metric[] })).toThrow(
      'evaluate: metrics must be an array of metric names, got "rmse"',
    );
    expect(() => model.evaluate(x, "1010" as unknown as number[])).toThrow(
      'evaluate: y must be an array of numbers, got "1010"',
    );
    expect(() => model.evaluate(x, ["1", 0, 1, 0] as unknown as number[])).toThrow(
      'evaluate: y[0] must be a number, got "1"',
    );
    expect(() => model.evaluate(x, [1, 0, 1])).toThrow(
      "evaluate: y.length must be the number of rows of x (4), got 3",
    );
    expect(() => model.evaluate(x, [1, NaN, 1, 0])).toThrow("evaluate: y[1]");
    const oneClass = { epochs: 1, validation: { x, y: [1, 1, 1, 1] }, metrics: ["auc"] } as const;
    await expect(model.fit(x, [1, 2, 3, 4], oneClass)).rejects.toThrow(/^fit: "auc" needs both classes/);
  });
});

describe("scores that are not numbers", () => {
  it("give NaN for every metric, never a plausible value", () => {
    const scored = {
      scores: Float32Array.of(0.5, NaN, -0.5),
      targets: Float32Array.of(1, 0, 0),
      loss: log,
      labelRange: [0, 1] as const,
    };
    for (const metric of METRICS) expect(measure(metric, scored), metric).toBeNaN();
  });
});

describe("accuracy of a squared loss", () => {
  it("decides half way between the training labels, whichever rows are evaluated", () => {
    const scored = { scores: Float32Array.of(0.3), targets: Float32Array.of(1), loss: squared };
    expect(measure("accuracy", { ...scored, labelRange: [-1, 1] })).toBe(1);
    expect(measure("accuracy", { ...scored, labelRange: [0, 1] })).toBe(0);
  });
});
