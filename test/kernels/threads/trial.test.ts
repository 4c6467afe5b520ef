// The measured choice between one thread and several.

import { describe, expect, it } from "vitest";
import { Trial } from "../../../src/kernels/threads/trial.ts";

/** Runs calls whose time is that of the way that was chosen. Returns how many of the last calls were together. */
function run(trial: Trial, calls: number, timeOf: (together: boolean, call: number) => number): number {
  let together = 0;
  for (let call = 0; call < calls; call++) {
    const { next } = trial;
    if (next) together++;
    trial.add(timeOf(next, call));
  }
  return together;
}

describe("a trial", () => {
  it("tries both ways in blocks, and keeps to the faster one", () => {
    const trial = new Trial();
    expect(run(trial, 24, (together) => (together ? 1 : 2))).toBe(12);
    expect(run(trial, 776, (together) => (together ? 1 : 2))).toBe(776);
    expect(run(trial, 24, (together) => (together ? 1.2 : 1))).toBe(12);
    expect(run(trial, 1576, (together) => (together ? 1.2 : 1))).toBe(0);
    expect(run(trial, 24, (together) => (together ? 1 : 2))).toBe(12);
    expect(run(trial, 776, (together) => (together ? 1 : 2))).toBe(776);
  });

  it("gives several threads up after two blocks if they take far longer, and tries them less and less", () => {
    const trial = new Trial();
    const slower = (together: boolean): number => (together ? 10 : 1);
    for (const interval of [1600, 3200, 6400, 12_800, 25_600, 25_600])
      expect(run(trial, interval, slower)).toBe(6);
  });

  it("takes several threads only for a benefit", () => {
    const trial = new Trial();
    run(trial, 24, (together) => (together ? 0.98 : 1));
    expect(run(trial, 100, () => 1)).toBe(0);
  });

  it("is not misled by a few calls that were interrupted, nor by the first calls of a block", () => {
    const trial = new Trial();
    run(trial, 24, (together, call) => {
      if (together) return call % 6 < 2 || call === 9 ? 50 : 1;
      return 2;
    });
    expect(run(trial, 100, () => 1)).toBe(100);
  });
});
