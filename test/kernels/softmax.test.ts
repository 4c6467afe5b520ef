// The softmax of rows against float64, and both versions against each other to the last bit.

import { describe, expect, it } from "vitest";
import type { Tensor } from "../../src/core/tensor.ts";
import type { ListKernels } from "../../src/kernels/kernels.ts";
import { listKernels } from "../../src/kernels/lists.ts";
import { Memory } from "../../src/kernels/memory.ts";
import { numbers } from "../reference.ts";

interface Rows {
  readonly kernels: ListKernels;
  readonly x: Tensor;
  readonly y: Tensor;
  readonly most: Tensor;
  readonly sums: Tensor;
}

/** Rows of scores with their padding, and results that hold other numbers before. */
function rowsOf(backend: "js" | "wasm", scores: readonly (readonly number[])[]): Rows {
  const memory = new Memory(backend);
  const kernels = memory.addKernels(listKernels);
  const [rows, cols] = [scores.length, scores[0].length];
  const [x, y] = [0, 1].map(() => memory.allocate(rows, cols));
  const [most, sums] = [0, 1].map(() => memory.allocate(rows, 1, { stride: 1 }));
  memory.commit();
  x.data.fill(-Infinity);
  for (const tensor of [y, most, sums]) tensor.data.fill(777);
  scores.forEach((row, i) => x.data.set(row, i * x.stride));
  return { kernels, x, y, most, sums };
}

function run(backend: "js" | "wasm", scores: readonly (readonly number[])[], scale: number = 1): Rows {
  const rows = rowsOf(backend, scores);
  rows.kernels.softmaxRows(rows.y, rows.x, rows.most, rows.sums, scale, 0, scores.length);
  return rows;
}

const bits = ({ data }: Tensor): number[] => [...new Uint32Array(data.slice().buffer)];

const draw = (seed: number, rows: number, cols: number, spread: number): number[][] => {
  const next = numbers(seed);
  return Array.from({ length: rows }, () =>
    Array.from({ length: cols }, () => Math.fround(next(-spread, spread))),
  );
};

const WIDTHS = [1, 2, 3, 4, 5, 8, 15, 16, 17, 20, 31, 33, 64, 100, 257];

describe.each(["js", "wasm"] as const)("softmaxRows on %s", (backend) => {
  it.each(WIDTHS)("is the softmax of each row, %i columns", (cols) => {
    for (const spread of [0.1, 3, 30]) {
      const scores = draw(cols, 5, cols, spread);
      const { y, most, sums } = run(backend, scores, 0.25);
      scores.forEach((row, i) => {
        const largest = Math.max(...row);
        const powers = row.map((score) => Math.exp(score - largest));
        const sum = powers.reduce((a, b) => a + b, 0);
        expect(most.data[i]).toBe(largest);
        expect(Math.abs(sums.data[i] / sum - 1)).toBeLessThan(1e-6);
        powers.forEach((power, j) => {
          const expected = (0.25 * power) / sum;
          // The difference of two scores is rounded to float32.
          const tolerance = 1e-6 + 2 ** -23 * (largest - row[j]);
          expect(Math.abs(y.data[i * y.stride + j] - expected)).toBeLessThan(tolerance * expected + 1e-37);
        });
        for (let j = cols; j < y.stride; j++) expect(y.data[i * y.stride + j]).toBe(0);
      });
    }
  });

  it("has an exponential function with a relative error of at most 3e-7, which ends at -87", () => {
    const differences = Array.from({ length: 4000 }, (_, i) => Math.fround(-i * 0.022));
    const { y } = run(backend, [differences]);
    const factor = Math.fround(y.data[0]); // 1 / sum
    differences.forEach((x, j) => {
      if (x <= -87) expect(y.data[j]).toBe(0);
      else if (x > -80) expect(Math.abs(y.data[j] / factor / Math.exp(x) - 1)).toBeLessThan(3e-7);
    });
    const edge = run(backend, [[0, -86.9, -87, -87.1, -1e30]]).y.data;
    expect(edge[1]).toBeGreaterThan(0);
    expect([...edge.subarray(2, 5)]).toEqual([0, 0, 0]);
  });

  it("leaves out what has the score -Infinity", () => {
    const [{ y: all }, { y: some }] = [
      run(backend, [[1, 2, 3]]),
      run(backend, [[1, -Infinity, 2, -Infinity, 3]]),
    ];
    expect([0, 2, 4].map((j) => some.data[j]).map((p) => p.toFixed(6))).toEqual(
      [0, 1, 2].map((j) => all.data[j].toFixed(6)),
    );
    expect([some.data[1], some.data[3]]).toEqual([0, 0]);
  });

  it.each([
    ["NaN", NaN],
    ["Infinity", Infinity],
  ])("gives no number for a row with %s, and leaves the other rows alone", (_, bad) => {
    const { y, most, sums } = run(backend, [
      [1, bad, 2],
      [1, 2, 3],
    ]);
    expect(Math.log(sums.data[0]) + most.data[0]).toBeNaN();
    expect(y.data.subarray(0, 3).some((p) => Number.isFinite(p) && p !== 0)).toBe(false);
    expect(y.data[4] + y.data[5] + y.data[6]).toBeCloseTo(1, 6);
  });

  it("computes the rows of a range alone", () => {
    const scores = draw(7, 6, 9, 2);
    const whole = run(backend, scores);
    const part = rowsOf(backend, scores);
    part.kernels.softmaxRows(part.y, part.x, part.most, part.sums, 1, 2, 4);
    for (let i = 0; i < 6; i++) {
      const row = (x: Tensor): number[] => [...x.data.subarray(i * x.stride, (i + 1) * x.stride)];
      const isChanged = i >= 2 && i < 4;
      expect(row(part.y)).toEqual(isChanged ? row(whole.y) : row(part.y).map(() => 777));
      expect(part.sums.data[i]).toBe(isChanged ? whole.sums.data[i] : 777);
      expect(part.most.data[i]).toBe(isChanged ? whole.most.data[i] : 777);
    }
    part.kernels.softmaxRows(part.y, part.x, part.most, part.sums, 1, 0, 2);
    part.kernels.softmaxRows(part.y, part.x, part.most, part.sums, 1, 4, 6);
    expect(bits(part.y)).toEqual(bits(whole.y));
  });

  it("does not change the scores", () => {
    const scores = draw(3, 2, 10, 5);
    const { x } = run(backend, scores);
    scores.forEach((row, i) => expect([...x.data.subarray(i * x.stride, i * x.stride + 10)]).toEqual(row));
  });
});

describe("softmaxRows", () => {
  it.each(WIDTHS)("has the same bits on both backends, %i columns", (cols) => {
    for (const spread of [1e-3, 1, 40, 100]) {
      const scores = draw(cols + 50, 4, cols, spread);
      if (cols > 2) scores[0][1] = -Infinity;
      const [js, wasm] = (["js", "wasm"] as const).map((backend) => run(backend, scores, 1 / 3));
      for (const name of ["y", "most", "sums"] as const) expect(bits(js[name])).toEqual(bits(wasm[name]));
    }
  });
});
