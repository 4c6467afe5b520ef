// Without hidden layers the model is a factorization machine: its scores are the closed form of FM, the
// double sum over pairs of the model's own tensors, at every width of the embeddings.

import { describe, expect, it } from "vitest";
import { CSRMatrix, NFM, type NFMOptions, SGD, type SparseVector } from "../../src/index.ts";
import {
  biInteraction,
  linearTerm,
  numbers,
  type Row,
  type Step,
  scores,
  type Tensors,
} from "../reference.ts";

const N = 10;
const WIDTHS = Array.from({ length: 33 }, (_, i) => i + 1);

/** Empty, one feature, many; negative, tiny, large values; what rows say in the reference's terms. */
const ROWS: readonly Row[] = [
  { indices: [], values: [] },
  { indices: [4], values: [1] },
  { indices: [7], values: [-2.5] },
  { indices: [0, 1], values: [1, 1] },
  { indices: [9, 3, 5], values: [0.5, -1, 3] },
  { indices: [9, 8, 7, 6, 5, 4, 3, 2, 1, 0], values: [1, 2, -3, 0.25, 1e-3, -1e-3, 7, -0.5, 1, 0.75] },
  { indices: [2, 6, 1], values: [4000, -900, 250] },
  { indices: [1, 2], values: [1e4, 1e4] },
];

/** A model with w0, w and V all away from zero: one large step on a few rows. */
function model(options: NFMOptions): NFM {
  const optimizer = new SGD({ learningRate: 0.1 });
  const made = new NFM({
    numFeatures: N,
    initStd: 0.5,
    dropout: { biInteraction: 0, hidden: 0 },
    optimizer,
    seed: 3,
    ...options,
  });
  const count = Array.from({ length: N }, (_, i) => i);
  made.partialFit(
    CSRMatrix.fromDense(count.map((i) => count.map((j) => ((i * 7 + j * 3) % 4 === 0 ? 0.5 : 0)))),
    count.map((i) => i - 4),
  );
  return made;
}

const tensorOf = (from: NFM, name: string): Float64Array => Float64Array.from(from.tensor(name).data);

function closedForm(from: NFM, k: number, row: Row, size: (x: number) => number = (x) => x): number {
  const apply = (values: ArrayLike<number>): Float64Array => Float64Array.from(values, size);
  const [w0] = apply(from.tensor("bias").data);
  const sized = { indices: row.indices, values: Array.from(apply(row.values)) };
  const pairs = biInteraction(sized, apply(from.tensor("embedding.weight").data), k);
  return pairs.reduce(
    (sum, value) => sum + value,
    linearTerm(sized, w0, apply(from.tensor("linear.weight").data)),
  );
}

/**
 * Rounding of (sum)^2 - sum of squares: the square of the sum of magnitudes, a few dozen roundings of 2^-24.
 */
function tolerance(from: NFM, k: number, row: Row): number {
  const v = from.tensor("embedding.weight").data;
  let squares = 0;
  for (let f = 0; f < k; f++)
    squares +=
      row.indices.reduce((sum, index, i) => sum + Math.abs(v[index * k + f] * row.values[i]), 0) ** 2;
  return (closedForm(from, k, row, Math.abs) + squares) * 32 * 2 ** -24;
}

describe("hiddenUnits: []", () => {
  it.each(WIDTHS)("scores are the closed form, k = %i", (k) => {
    const fm = model({ embeddingDim: k, hiddenUnits: [] });
    expect(tensorOf(fm, "bias")[0]).not.toBe(0);
    const batch = fm.predict(CSRMatrix.fromRows(ROWS, N));
    ROWS.forEach((row, i) => {
      const expected = closedForm(fm, k, row);
      expect(Math.abs(batch[i] - expected), `row ${i}: ${batch[i]} against ${expected}`).toBeLessThanOrEqual(
        tolerance(fm, k, row),
      );
      expect(fm.predict(row)).toBe(batch[i]);
    });
  });

  it("an empty row scores w0, a single feature w0 + w x, to the last bit", () => {
    for (const k of [1, 8, 13]) {
      const fm = model({ embeddingDim: k, hiddenUnits: [] });
      const [w0] = fm.tensor("bias").data;
      const w = fm.tensor("linear.weight").data;
      expect(fm.predict({ indices: [] })).toBe(w0);
      expect(fm.predict({ indices: [4] })).toBe(Math.fround(w0 + w[4]));
      expect(fm.predict({ indices: [7], values: [-2.5] })).toBe(Math.fround(w0 + Math.fround(w[7] * -2.5)));
    }
  });

  it("duplicates are summed before they interact, zeros are absent, order of features hardly matters", () => {
    const fm = model({ embeddingDim: 6, hiddenUnits: [] });
    const same: readonly SparseVector[] = [
      { indices: [3, 5], values: [1.5, 2] },
      { indices: [3, 5, 3], values: [1, 2, 0.5] },
      { indices: [3, 8, 5], values: [1.5, 0, 2] },
      { indices: [8, 3, 8, 5], values: [4, 1.5, -4, 2] },
    ];
    const expected = closedForm(fm, 6, { indices: [3, 5], values: [1.5, 2] });
    const predicted = fm.predict(same);
    for (const score of predicted) expect(score).toBe(predicted[0]);
    expect(Math.abs(predicted[0] - expected)).toBeLessThan(1e-5);
    expect(Math.abs(fm.predict({ indices: [5, 3], values: [2, 1.5] }) - expected)).toBeLessThan(1e-5); // another order of sums
  });

  it("has no batch norm unless asked for, and no output.weight", () => {
    const fm = model({ embeddingDim: 4, hiddenUnits: [] });
    expect(() => fm.tensor("norms.0.weight")).toThrow(RangeError);
    expect(() => fm.tensor("output.weight")).toThrow("one of bias, linear.weight, embedding.weight, got");
    expect(fm.numParameters).toBe(1 + N + 4 * N);
    const normed = model({ embeddingDim: 4, hiddenUnits: [], batchNorm: true });
    expect(normed.tensor("norms.0.running_var").shape).toEqual([4]);
    expect(() => normed.tensor("output.weight")).toThrow(RangeError);
    expect(normed.numParameters).toBe(1 + N + 4 * N + 8);
  });
});

describe("predictions of other stacks", () => {
  const cases: Record<string, readonly [NFMOptions, readonly Step[]]> = {
    "FM with batch norm": [{ hiddenUnits: [], batchNorm: true }, [{ kind: "norm", name: "norms.0" }]],
    "the default stack, narrow": [
      { hiddenUnits: [7] },
      [
        { kind: "dense", name: "hidden.0" },
        { kind: "activation", activation: "relu" },
      ],
    ],
    "the stack of the paper, narrow": [
      { hiddenUnits: [7], batchNorm: true },
      [
        { kind: "norm", name: "norms.0" },
        { kind: "dense", name: "hidden.0" },
        { kind: "norm", name: "norms.1" },
        { kind: "activation", activation: "relu" },
      ],
    ],
    "two layers of tanh without batch norm": [
      { hiddenUnits: [6, 3], activation: "tanh", batchNorm: false },
      [
        { kind: "dense", name: "hidden.0" },
        { kind: "activation", activation: "tanh" },
        { kind: "dense", name: "hidden.1" },
        { kind: "activation", activation: "tanh" },
      ],
    ],
    "an identity layer": [
      { hiddenUnits: [4], activation: "identity", batchNorm: false },
      [{ kind: "dense", name: "hidden.0" }],
    ],
  };

  function namesOf(options: NFMOptions, steps: readonly Step[]): string[] {
    const names = ["bias", "linear.weight", "embedding.weight"];
    if (options.hiddenUnits!.length > 0) names.push("output.weight");
    for (const step of steps) {
      if (step.kind === "dense") names.push(`${step.name}.weight`, `${step.name}.bias`);
      if (step.kind === "norm")
        names.push(
          ...["weight", "bias", "running_mean", "running_var"].map((part) => `${step.name}.${part}`),
        );
    }
    return names;
  }

  it.each(
    Object.entries(cases),
  )("%s: the reference's scores with the model's tensors; an empty row gives w0 + f(0)", (_, [
    options,
    steps,
  ]) => {
    for (const dropout of [
      { biInteraction: 0, hidden: 0 },
      { biInteraction: 0.5, hidden: 0.2 },
    ]) {
      const nfm = model({ embeddingDim: 5, dropout, ...options });
      const tensors: Tensors = new Map(namesOf(options, steps).map((name) => [name, tensorOf(nfm, name)]));
      const rows = ROWS.slice(0, 6);
      const expected = scores(tensors, 5, steps, rows, false);
      const predicted = nfm.predict(CSRMatrix.fromRows(rows, N));
      // Scores of order 1 to 100 in float32, through a division by deviations of about 0.3.
      rows.forEach((_, i) =>
        expect(Math.abs(predicted[i] - expected[i])).toBeLessThan(2e-5 * Math.max(1, Math.abs(expected[i]))),
      );
      expect(predicted[0]).not.toBe(tensors.get("bias")![0]); // f(0) is not 0 here
    }
  });

  it("thousands of rows in many batches score as each row alone", () => {
    const nfm = model({ embeddingDim: 9, hiddenUnits: [8] });
    const next = numbers(8);
    const rows = Array.from({ length: 1500 }, () => {
      const [first, length] = [Math.floor(next(0, N)), Math.floor(next(0, 7))];
      const indices = Array.from({ length }, (_, i) => (first + 3 * i) % N);
      return { indices, values: indices.map(() => next(-2, 2)) };
    });
    const all = nfm.predict(rows);
    rows.forEach((row, i) => expect(nfm.predict(row)).toBe(all[i]));
  });
});
