import { describe, expect, it } from "vitest";
import { calibration, calibrationError, thresholdCurves, wilson } from "../../../src/cli/report/binary.ts";

describe("calibration", () => {
  it("compares mean prediction and share of positives in bins of equally many rows", () => {
    const predictions = [0.9, 0.1, 0.3, 0.8, 0.2, 0.6];
    const labels = [1, 0, 0, 1, 1, 0];
    const bins = calibration(predictions, labels, 2);
    expect(bins.map(({ rows, range }) => ({ rows, range }))).toEqual([
      { rows: 3, range: [0.1, 0.3] },
      { rows: 3, range: [0.6, 0.9] },
    ]);
    expect(bins[0].predicted).toBeCloseTo(0.2, 12);
    expect(bins[0].observed).toBeCloseTo(1 / 3, 12);
    expect(bins[1].predicted).toBeCloseTo(2.3 / 3, 12);
    expect(bins[1].observed).toBeCloseTo(2 / 3, 12);
    // (3 |0.2 - 1/3| + 3 |2.3/3 - 2/3|) / 6 = (0.4 + 0.3) / 6
    expect(calibrationError(bins)).toBeCloseTo(0.7 / 6, 12);
  });

  it("keeps equal predictions together, and takes -1 for a negative", () => {
    const bins = calibration([0.5, 0.5, 0.5, 0.5, 0.9], [1, -1, 1, -1, 1], 5);
    expect(bins.map(({ rows, observed }) => [rows, observed])).toEqual([
      [4, 0.5],
      [1, 1],
    ]);
    expect(calibration(new Float32Array(9).fill(0.25), new Float32Array(9), 3)).toHaveLength(1);
  });

  it("has at most one bin per row, and none for no rows", () => {
    expect(calibration([0.2, 0.1], [1, 0]).map(({ predicted }) => predicted)).toEqual([0.1, 0.2]);
    expect(calibration([], [])).toEqual([]);
    expect(calibrationError([])).toBeNaN();
  });

  it("has the interval of Wilson: 5 of 10 and 0 of 10, as in published tables", () => {
    expect(wilson(5, 10).map((end) => end.toFixed(3))).toEqual(["0.237", "0.763"]);
    expect(wilson(0, 10).map((end) => end.toFixed(3))).toEqual(["0.000", "0.278"]);
    expect(wilson(10, 10).map((end) => end.toFixed(3))).toEqual(["0.722", "1.000"]);
  });
});

describe("threshold curves", () => {
  it("go down the scores row by row", () => {
    const { roc, precisionRecall } = thresholdCurves([0.9, 0.7, 0.5, 0.1], [1, 0, 1, 0])!;
    expect(roc).toEqual([
      [0, 0],
      [0, 0.5],
      [0.5, 0.5],
      [0.5, 1],
      [1, 1],
    ]);
    expect(precisionRecall).toEqual([
      [0.5, 1],
      [0.5, 0.5],
      [1, 2 / 3],
      [1, 0.5],
    ]);
  });

  it("pass rows of equal scores together", () => {
    expect(thresholdCurves([2, 2, 2], [1, -1, 1])!.roc).toEqual([
      [0, 0],
      [1, 1],
    ]);
  });

  it("do not exist for a single class", () => {
    expect(thresholdCurves([1, 2], [1, 1])).toBeNull();
    expect(thresholdCurves([1, 2], [0, 0])).toBeNull();
    expect(thresholdCurves([], [])).toBeNull();
  });

  it("keep their ends and their order when points are left out", () => {
    const scores = Array.from({ length: 5000 }, (_, i) => i);
    const { roc } = thresholdCurves(
      scores,
      scores.map((i) => i % 2),
      50,
    )!;
    expect(roc).toHaveLength(50);
    expect([roc[0], roc[49]]).toEqual([
      [0, 0],
      [1, 1],
    ]);
    for (let i = 1; i < 50; i++) expect(roc[i][0] + roc[i][1]).toBeGreaterThan(roc[i - 1][0] + roc[i - 1][1]);
  });
});
