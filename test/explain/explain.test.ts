// Explanations of scores: their parts sum to the score, and are those of the definition. The oracles are the
// network's own float32 score, test/reference.ts on the tensors of the model file, and a midpoint rule over
// numerical gradients of a float64 forward pass that is written here from the formulas.

import { describe, expect, it } from "vitest";
import { fromPacked, type Tensor, toPacked } from "../../src/core/tensor.ts";
import { CSRMatrix } from "../../src/data/csr-matrix.ts";
import { type Attribution, attribute } from "../../src/explain/explain.ts";
import { Activation } from "../../src/layers/activation.ts";
import { BatchNorm } from "../../src/layers/batch-norm.ts";
import { Dense } from "../../src/layers/dense.ts";
import { Dropout } from "../../src/layers/dropout.ts";
import type { Layer } from "../../src/layers/layer.ts";
import type { Network } from "../../src/model/network.ts";
import { drawTensors, makePredictor } from "../helpers/trainers.ts";
import { numbers, type Row, type Step, scores, type Tensors } from "../reference.ts";

const sum = (parts: ArrayLike<number>): number => Array.from(parts).reduce((total, part) => total + part, 0);

const total = ({ bias, linear, pairs }: Attribution): number => bias + sum(linear) + sum(pairs);

const N = 30;

type Name = "relu" | "tanh" | "sigmoid" | "identity";

interface Size {
  readonly k?: number;
  readonly seed?: number;
  /** Largest element of V. */
  readonly embedding?: number;
}

function networkOf(layers: readonly Layer[], k: number): Network {
  return makePredictor({ numFeatures: N, embeddingDim: k, layers, initStd: 0.5, seed: 1 }).network;
}

/**
 * A network whose tensors are all random, biases and running statistics too. Pre-activations are of order 1
 * to 10.
 */
function randomNetwork(
  layers: readonly Layer[],
  { k = 5, seed = 1, embedding = 1 }: Size = {},
): { network: Network; tensors: Tensors } {
  const network = networkOf(layers, k);
  const tensors = drawTensors(network.parameters, numbers(seed), (name) => {
    return /running_var|(norms|layers).*weight/.test(name)
      ? [0.5, 1.5]
      : name === "embedding.weight"
        ? [-embedding, embedding]
        : [-0.9, 0.9];
  });
  return { network, tensors };
}

/** Sets a tensor from rows as the formulas have them: W is (in, out). */
function set(network: Network, name: string, rows: readonly (readonly number[])[]): void {
  const { parameters } = network;
  fromPacked(
    parameters.all.find((parameter) => parameter.name === name)!.value,
    Float32Array.from(rows.flat()),
  );
  parameters.markChanged();
}

/** Widths of hidden layers, each with the activation, and batch norm everywhere or nowhere. */
function stack(name: Name, widths: readonly number[], norm: boolean): Layer[] {
  const norms = norm ? [new BatchNorm()] : [];
  const activation = name === "identity" ? [] : [new Activation(name)];
  return [
    ...norms,
    ...widths.flatMap((units) => [new Dense(units), ...norms, ...activation, new Dropout(0.3)]),
  ];
}

/** The same as the reference knows it. */
function referenceSteps(layers: readonly Layer[]): Step[] {
  let hidden = 0;
  return layers.map((layer): Step => {
    if (layer instanceof Dense) return { kind: "dense", name: `hidden.${hidden++}` };
    if (layer instanceof BatchNorm) return { kind: "norm", name: `norms.${hidden}` };
    if (layer instanceof Activation) return { kind: "activation", activation: layer.activation };
    return { kind: "dropout", mask: [] };
  });
}

/** Rows of 0, 1, 2 and 20 features, with values and with ones. */
const ROWS: readonly Row[] = [0, 1, 2, 20].flatMap((length) => {
  const next = numbers(length);
  const indices = Array.from({ length }, (_, i) => (i * 7 + length) % N);
  return [
    { indices, values: indices.map(() => 1) },
    { indices, values: indices.map(() => Math.fround(next(0.3, 1.2) * (next() < 0.3 ? -1 : 1))) },
  ];
});

const EMPTY: Row = { indices: [], values: [] };

function explained(network: Network, { indices, values }: Row): Attribution {
  return attribute(network, indices, values.every((value) => value === 1) ? null : values);
}

function scoreOf(network: Network, row: Row): number {
  return network.scoreRow(CSRMatrix.fromRows([row], N));
}

/** The sum of all parts' sizes. */
const size = ({ bias, linear, pairs }: Attribution): number =>
  Math.abs(bias) + sum(linear.map(Math.abs)) + sum(pairs.map(Math.abs));

/** x_i v_i of every entry, from the network's table. */
function vectors({ parameters }: Network, { indices, values }: Row): number[][] {
  const { data, stride, cols } = parameters.embedding.value;
  return indices.map((index, i) =>
    Array.from({ length: cols }, (_, d) => data[index * stride + d] * values[i]),
  );
}

function pooled(network: Network, row: Row): number[] {
  const v = vectors(network, row);
  return Array.from({ length: network.parameters.embeddingDim }, (_, d) =>
    sum(v.flatMap((x, i) => v.slice(i + 1).map((y) => x[d] * y[d]))),
  );
}

/** f(p) = h . layers(p) in float64, by the formulas, on the tensors of prediction. */
function f(network: Network): (p: readonly number[]) => number {
  network.update();
  const { stages, output } = network;
  const curves = {
    relu: (x: number) => Math.max(x, 0),
    tanh: Math.tanh,
    sigmoid: (x: number) => 1 / (1 + Math.exp(-x)),
  };
  const unpacked = (x: Tensor): number[] => Array.from(toPacked(x));
  const maps = stages.map(({ layer, pass: { parameters } }): ((x: readonly number[]) => number[]) => {
    if (layer instanceof Activation) return (x) => x.map(curves[layer.activation]);
    const [weight, bias] = [unpacked(parameters.weight), unpacked(parameters.bias)];
    if (layer instanceof Dense)
      return (x) => bias.map((b, o) => x.reduce((y, value, i) => y + value * weight[i * bias.length + o], b));
    const [mean, variance] = [unpacked(parameters.running_mean), unpacked(parameters.running_var)];
    return (x) =>
      x.map((value, j) => ((value - mean[j]) / Math.sqrt(variance[j] + 1e-3)) * weight[j] + bias[j]);
  });
  const h = unpacked(output);
  return (p) => sum(maps.reduce<readonly number[]>((x, map) => map(x), p).map((value, j) => value * h[j]));
}

/**
 * The pairs by their definition: G by a midpoint rule over central differences of f. The midpoints are those
 * of equal steps in u, with t = u^power: a power above 1 has more of them near 0, where steep activations do
 * all they do.
 */
function pairsByBruteForce(network: Network, row: Row, steps: number, power: number = 1): number[] {
  const [bi, value] = [pooled(network, row), f(network)];
  const gradient = bi.map(() => 0);
  for (let s = 0; s < steps; s++) {
    const u = (s + 0.5) / steps;
    const p = bi.map((x) => u ** power * x);
    const weight = ((s + 1) / steps) ** power - (s / steps) ** power;
    for (let d = 0; d < p.length; d++) {
      const at = p[d];
      p[d] = at + 1e-5;
      const above = value(p);
      p[d] = at - 1e-5;
      gradient[d] += (weight * (above - value(p))) / 2e-5;
      p[d] = at;
    }
  }
  const v = vectors(network, row);
  return v.flatMap((x, i) => v.slice(i + 1).map((y) => sum(gradient.map((g, d) => x[d] * y[d] * g))));
}

function expectPairs(network: Network, row: Row, expected: readonly number[], tolerance: number): void {
  const got = explained(network, row);
  expect(got.pairs.length).toBe(expected.length);
  const difference = sum(expected.map((part, p) => Math.abs(part - got.pairs[p])));
  expect(difference / size(got)).toBeLessThan(tolerance);
}

describe("the parts of a score sum to the score", () => {
  for (const name of ["relu", "tanh", "sigmoid", "identity"] as const) {
    for (const widths of [[], [6], [6, 5], [6, 5, 4]]) {
      for (const norm of [true, false]) {
        it(`hidden layers [${widths.join(", ")}], ${name}, batch norm ${norm}: rows of 0, 1, 2 and 20 features, values and ones`, () => {
          const layers = stack(name, widths, norm);
          const { network, tensors } = randomNetwork(layers, { seed: widths.length + 1 });
          for (const row of ROWS) {
            const parts = explained(network, row);
            const [n, scale] = [row.indices.length, Math.max(size(parts), 1)];
            expect(parts.linear.length).toBe(n);
            expect(parts.pairs.length).toBe(n < 2 ? 0 : (n * (n - 1)) / 2);
            // Prediction is float32: some 10 roundings of 2^-24 in a row, of terms that can be larger than
            // the parts.
            expect(Math.abs(total(parts) - scoreOf(network, row))).toBeLessThan(1e-4 * scale);
            // The reference has float64 weights; those folded with batch norm were rounded to float32 once.
            expect(
              Math.abs(total(parts) - scores(tensors, 5, referenceSteps(layers), [row], false)[0]),
            ).toBeLessThan((norm ? 1e-6 : 1e-12) * scale);
            const { bias, linear } = network.parameters;
            const again =
              bias.value.data[0] +
              sum(row.indices.map((index, i) => linear.value.data[index] * row.values[i])) +
              f(network)(pooled(network, row));
            expect(Math.abs(total(parts) - again)).toBeLessThan(1e-12 * scale);
          }
        });
      }
    }
  }

  it("also where batch norm is not folded, activations meet, or the pooled vector goes straight into one", () => {
    const stacks: readonly (readonly Layer[])[] = [
      [new Dense(4), new Activation("relu"), new BatchNorm()],
      [new BatchNorm(), new Activation("tanh"), new Dense(3), new Activation("sigmoid"), new BatchNorm()],
      [new Activation("relu"), new Activation("tanh"), new BatchNorm(), new Activation("relu")],
      [new BatchNorm(), new BatchNorm()],
      [new Dropout(0.5)],
    ];
    for (const layers of stacks) {
      const { network } = randomNetwork(layers);
      for (const row of ROWS) {
        const parts = explained(network, row);
        expect(Math.abs(total(parts) - scoreOf(network, row))).toBeLessThan(1e-4 * Math.max(size(parts), 1)); // float32, as above
      }
    }
  });
});

describe("each part is what the definition says", () => {
  it("the bias is the score of an empty row, of every row", () => {
    for (const layers of [[], [new BatchNorm()], stack("relu", [6, 4], true), stack("sigmoid", [6], false)]) {
      const { network } = randomNetwork(layers);
      const empty = scoreOf(network, EMPTY);
      if (layers.length > 0) expect(empty).not.toBe(network.parameters.bias.value.data[0]); // f(0) is not 0
      for (const row of ROWS) expect(Math.abs(explained(network, row).bias - empty)).toBeLessThan(1e-5); // float32 of order 1
    }
  });

  it("linear parts are w_i x_i", () => {
    const { network, tensors } = randomNetwork(stack("tanh", [4], true));
    for (const row of ROWS) {
      expect(Array.from(explained(network, row).linear)).toEqual(
        row.indices.map((index, i) => tensors.get("linear.weight")![index] * row.values[i]),
      );
    }
  });

  it("the pairs of a factorization machine are x_i x_j <v_i, v_j>", () => {
    for (const k of [1, 4, 7, 33]) {
      const { network, tensors } = randomNetwork([], { k });
      const v = tensors.get("embedding.weight")!;
      for (const row of ROWS) {
        const { bias, pairs } = explained(network, row);
        expect(bias).toBe(tensors.get("bias")![0]);
        let at = 0;
        row.indices.forEach((a, i) =>
          row.indices.slice(i + 1).forEach((b, offset) => {
            const terms = Array.from(
              { length: k },
              (_, d) => row.values[i] * row.values[i + 1 + offset] * v[a * k + d] * v[b * k + d],
            );
            // Relative to the terms: their sum may cancel.
            expect(Math.abs(pairs[at++] - sum(terms))).toBeLessThanOrEqual(1e-12 * sum(terms.map(Math.abs)));
          }),
        );
        expect(at).toBe(pairs.length);
      }
    }
  });

  it("with batch norm alone they are the same, each dimension scaled by its norm", () => {
    const { network, tensors } = randomNetwork([new BatchNorm()], { k: 3 });
    const get = (name: string): number[] => Array.from(tensors.get(`norms.0.${name}`)!);
    const factors = get("running_var").map((variance, d) => get("weight")[d] / Math.sqrt(variance + 1e-3));
    for (const row of ROWS) {
      const v = vectors(network, row);
      const expected = v.flatMap((x, i) =>
        v.slice(i + 1).map((y) => sum(factors.map((factor, d) => x[d] * y[d] * factor))),
      );
      explained(network, row).pairs.forEach((part, p) =>
        expect(Math.abs(part - expected[p])).toBeLessThan(1e-12),
      );
    }
  });

  // A midpoint rule errs by about 1 / steps^2 where f is smooth, and by half a step for every kink;
  // differences by 1e-10.
  const row: Row = { indices: [3, 11, 19, 4], values: [1.5, -1, 0.75, 1.25] };
  for (const name of ["relu", "tanh", "sigmoid"] as const) {
    for (const widths of [[4], [5, 4], [4, 3, 3]]) {
      it(`pairs are integrated gradients by brute force: ${name}, [${widths.join(", ")}]`, () => {
        for (const norm of [true, false]) {
          for (const seed of [1, 2, 3]) {
            const { network } = randomNetwork(stack(name, widths, norm), { k: 3, seed, embedding: 1.5 });
            const relu = name === "relu";
            expectPairs(
              network,
              row,
              pairsByBruteForce(network, row, relu ? 20_000 : 4000),
              relu ? 1e-4 : 1e-5,
            ); // steps of the brute force; panels of the ray
          }
        }
      });
    }
  }

  it("pairs are integrated gradients by brute force: activations of several kinds in one stack", () => {
    for (const names of [
      ["relu", "tanh"],
      ["tanh", "relu"],
      ["relu", "sigmoid", "tanh"],
      ["sigmoid", "relu", "relu"],
      ["relu", "tanh", "relu"],
    ] as const) {
      for (const seed of [4, 5]) {
        const { network } = randomNetwork(
          names.flatMap((name, i) => [new Dense(5 - i), new Activation(name)]),
          { k: 3, seed, embedding: 1.5 },
        );
        expectPairs(network, row, pairsByBruteForce(network, row, 20_000), 1e-4);
      }
    }
  });

  /** A network of K = 2 and a row of three features with BI = (p, q), whose pairs are p G_0, 0 and q G_1. */
  function byHand(
    layers: readonly Layer[],
    p: number,
    q: number,
  ): { network: Network; parts: () => number[] } {
    const network = networkOf(layers, 2);
    set(network, "embedding.weight", [
      [1, 0],
      [p, q],
      [0, 1],
      ...Array.from({ length: N - 3 }, () => [0, 0]),
    ]);
    return { network, parts: () => Array.from(attribute(network, [0, 1, 2], null).pairs) };
  }

  it("a unit that is active only between two kinks, and seen from neither end of the ray, counts", () => {
    // f(p) = relu(relu(p_0 - 1) - 2 relu(p_1 - 2) - 1/2), p = (tau, tau): active for tau from 1.5 to 2.5, of
    // 0 to 4.
    const { network, parts } = byHand(
      [new Dense(2), new Activation("relu"), new Dense(1), new Activation("relu")],
      4,
      4,
    );
    set(network, "hidden.0.weight", [
      [1, 0],
      [0, 1],
    ]);
    set(network, "hidden.0.bias", [[-1, -2]]);
    set(network, "hidden.1.weight", [[1], [-2]]);
    set(network, "hidden.1.bias", [[-0.5]]);
    set(network, "output.weight", [[1]]);
    // G_0 = 1 * (2.5 - 1.5) / 4, G_1 = -2 * (2.5 - 2) / 4
    const [withFirst, none, withSecond] = parts();
    expect(none).toBe(0);
    expect(withFirst).toBeCloseTo(4 * 0.25, 14);
    expect(withSecond).toBeCloseTo(4 * -0.25, 14);
  });

  it("parts that cancel along the whole ray are found", () => {
    for (const name of ["relu", "tanh", "sigmoid"] as const) {
      // f(p) = sigma(p_0 - 1) - sigma(p_1 - 1) is 0 on all of the ray to (2, 2).
      const { network, parts } = byHand([new Dense(2), new Activation(name)], 2, 2);
      set(network, "hidden.0.weight", [
        [1, 0],
        [0, 1],
      ]);
      set(network, "hidden.0.bias", [[-1, -1]]);
      set(network, "output.weight", [[1, -1]]);
      const change = { relu: 1, tanh: 2 * Math.tanh(1), sigmoid: Math.tanh(0.5) }[name];
      const [withFirst, none, withSecond] = parts();
      expect(none).toBe(0);
      expect(withFirst).toBeCloseTo(change, 13);
      expect(withSecond).toBeCloseTo(-change, 13);
    }
  });

  it("permuting the entries permutes the parts", () => {
    for (const layers of [
      stack("relu", [6, 4], true),
      stack("tanh", [5, 3], true),
      [new Dense(4), new Activation("tanh"), new Dense(4), new Activation("relu")],
    ]) {
      const { network } = randomNetwork(layers);
      const given = ROWS.at(-1)!;
      const n = given.indices.length;
      const order = given.indices.map((_, i) => (i * 3 + 5) % n); // 3 and 20 have no common divisor
      const [before, after] = [
        explained(network, given),
        explained(network, {
          indices: order.map((i) => given.indices[i]),
          values: order.map((i) => given.values[i]),
        }),
      ];
      const at = (a: number, b: number): number => (a < b ? a * n - (a * (a + 1)) / 2 + b - a - 1 : at(b, a));
      const tolerance = 1e-12 * size(before);
      expect(after.bias).toBe(before.bias);
      order.forEach((from, to) => expect(after.linear[to]).toBe(before.linear[from]));
      order.forEach((a, i) =>
        order.slice(i + 1).forEach((b, offset) => {
          expect(Math.abs(after.pairs[at(i, i + 1 + offset)] - before.pairs[at(a, b)])).toBeLessThan(
            tolerance,
          );
        }),
      );
    }
  });

  it("a feature whose v is 0 has no part in any pair", () => {
    const { network } = randomNetwork(stack("relu", [6, 4], true), { k: 5 });
    const { value } = network.parameters.embedding;
    value.data.fill(0, 11 * value.stride, 12 * value.stride);
    network.parameters.markChanged();
    const { linear, pairs } = attribute(network, [3, 11, 8], null);
    expect(linear[1]).not.toBe(0);
    expect(pairs.map(Math.abs)[0]).toBe(0);
    expect(pairs.map(Math.abs)[2]).toBe(0);
    expect(pairs[1]).not.toBe(0);
  });
});

describe("what cannot be explained", () => {
  it("is a layer of the user's own, which the error names", () => {
    const double: Layer = {
      type: "double",
      shape: (inputDim) => ({ outputDim: inputDim }),
      forward: ({ x, y, rows }) => {
        for (let i = 0; i < rows * x.stride; i++) y.data[i] = 2 * x.data[i];
      },
      backward: () => {},
    };
    const { network } = randomNetwork([new BatchNorm(), double, new Dense(3)]);
    expect(() => attribute(network, [1, 2], null)).toThrow(/^explain: layer "double" is one of your own; /);
  });

  it("NaN in a parameter gives NaN, and ends", () => {
    for (const name of ["relu", "tanh"] as const) {
      const { network } = randomNetwork(stack(name, [4, 3], false));
      set(network, "hidden.0.bias", [[1, NaN, 1, 1]]);
      expect(Array.from(attribute(network, [1, 2], null).pairs)).toEqual([NaN]);
    }
  });
});
