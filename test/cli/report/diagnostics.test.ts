import { describe, expect, it } from "vitest";
import { constantMetrics, diagnose } from "../../../src/cli/report/diagnostics.ts";
import { gainOver } from "../../../src/cli/report/metric-names.ts";

describe("diagnostics", () => {
  it("of the log loss are about probabilities", () => {
    const found = diagnose("log", [0.2, 0.8, 0.6], [0, 1, 1])!;
    expect(found).toMatchObject({ kind: "probability", rows: 3, positives: 2 });
    if (found.kind !== "probability") throw new Error("not of probabilities");
    expect(found.calibration.map(({ rows }) => rows)).toEqual([1, 1, 1]);
    expect(found.distributions.negative.counts.reduce((sum, count) => sum + count)).toBe(1);
    expect(found.distributions.positive.edges).toEqual(found.distributions.negative.edges);
  });

  it("of the hinge loss are about scores", () => {
    const found = diagnose("hinge", Float32Array.of(-1.5, 2), [-1, 1])!;
    expect(found).toMatchObject({ kind: "score", rows: 2, positives: 1 });
    expect(found).not.toHaveProperty("calibration");
  });

  it("of the squared loss are about residuals", () => {
    expect(diagnose("squared", [1, 2], [1, 4])).toMatchObject({ kind: "number", residuals: { mean: 1 } });
  });

  it("leave out rows that are not finite, and do not exist without rows or for other losses", () => {
    expect(diagnose("squared", [1, NaN, 3], [1, 2, Infinity])).toMatchObject({ rows: 1 });
    expect(diagnose("log", [NaN], [1])).toBeNull();
    expect(diagnose("bpr", [1], [1])).toBeNull();
  });
});

describe("the constant prediction", () => {
  it("of numbers is their mean", () => {
    // mean 3; errors -2, -1, 3
    expect(constantMetrics("squared", [1, 2, 6])).toEqual({
      loss: expect.closeTo(14 / 3, 12),
      rmse: expect.closeTo(Math.sqrt(14 / 3), 12),
      "rmse-clamped": expect.closeTo(Math.sqrt(14 / 3), 12),
      mae: 2,
    });
  });

  it("may come from other rows", () => {
    expect(constantMetrics("squared", [1, 3], 0)).toMatchObject({ loss: 5, mae: 2 });
    const logloss = -(0.25 * Math.log(0.1) + 0.75 * Math.log(0.9));
    expect(constantMetrics("log", [0, 0, 0, 1], 0.1)!.logloss).toBeCloseTo(logloss, 12);
  });

  it("of two classes is the share of positives", () => {
    const entropy = -(0.25 * Math.log(0.25) + 0.75 * Math.log(0.75));
    const expected = { loss: entropy, logloss: entropy, accuracy: 0.75, auc: 0.5 };
    const found = constantMetrics("log", [-1, -1, -1, 1])!;
    expect(Object.keys(found).sort()).toEqual(Object.keys(expected).sort());
    for (const [name, value] of Object.entries(expected)) expect(found[name]).toBeCloseTo(value, 12);
  });

  it("of a single class is certain and has no AUC", () => {
    const found = constantMetrics("log", [1, 1])!;
    expect(found.logloss).toBeCloseTo(0, 12);
    expect(found).not.toHaveProperty("auc");
    expect(constantMetrics("log", [1, 1], 0)!.logloss).toBeCloseTo(-Math.log(1e-15), 6);
  });

  it("of the hinge loss is the larger class", () => {
    expect(constantMetrics("hinge", [-1, -1, -1, 1])).toEqual({ loss: 0.5, accuracy: 0.75, auc: 0.5 });
  });

  it("does not exist without rows or for other losses", () => {
    expect(constantMetrics("log", [])).toBeNull();
    expect(constantMetrics("bpr", [1])).toBeNull();
  });

  it("is beaten by a share of its error, in the direction of the metric", () => {
    expect(gainOver("rmse", 3, 4)).toBe(0.25);
    expect(gainOver("auc", 0.8, 0.5)).toBeCloseTo(0.6, 12);
    expect(gainOver("rmse", 5, 4)).toBe(-0.25);
    expect(gainOver("rmse", 1, 0)).toBeNull();
    expect(gainOver("logloss", NaN, 1)).toBeNull();
  });
});
