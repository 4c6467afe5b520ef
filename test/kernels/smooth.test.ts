// tanh and sigmoid with SIMD have the bits of the plain loops, for numbers of every size.

import { describe, expect, it } from "vitest";
import { Memory } from "../../src/kernels/memory.ts";
import { smoothKernels } from "../../src/kernels/smooth.ts";
import { trainingKernels } from "../../src/kernels/training.ts";
import { numbers } from "../reference.ts";

/** Numbers where the formulas change, their neighbors, and random ones of every magnitude. */
function samples(count: number): Float32Array {
  const next = numbers(3);
  const edges = [
    0,
    0.25,
    0.5,
    44.4,
    44.5,
    44.49,
    51.99,
    88.8,
    88.9,
    89,
    103.98,
    103.97,
    103.99,
    104,
    1e30,
    Infinity,
  ];
  const values = edges.flatMap((edge) =>
    [-1, 1].flatMap((sign) => [sign * edge, sign * edge * 1.0000001, sign * edge * 0.9999999]),
  );
  values.push(NaN, 1e-45, -1e-45, 1e-38);
  while (values.length < count) {
    const magnitude = 2 ** next(-30, 8);
    values.push(next(-1, 1) * magnitude, next(-9, 9));
  }
  return Float32Array.from(values.slice(0, count));
}

/** Computes an activation and its gradient for a matrix of samples. */
function computed(backend: "js" | "wasm", name: "tanh" | "sigmoid" | "relu", cols: number): Float32Array[] {
  const memory = new Memory(backend);
  memory.addKernels(trainingKernels);
  const rows = 600;
  const [x, y, dY, dX] = [0, 1, 2, 3].map(() => memory.allocate(rows, cols, { lasting: true }));
  memory.commit();
  const values = samples(rows * cols);
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < cols; j++) {
      x.data[i * x.stride + j] = values[i * cols + j];
      dY.data[i * dY.stride + j] = values[(7 * i + 3 * j + 11) % values.length];
    }
  }
  const kernels = memory.addKernels(smoothKernels);
  kernels.activationForward(name, y, x, 1, rows - 1);
  (memory.kernels as { activationBackward: (...args: unknown[]) => void }).activationBackward(
    name,
    dX,
    y,
    dY,
    1,
    rows - 1,
  );
  return [y.data, dX.data];
}

const bitsOf = (data: Float32Array): number[] =>
  Array.from(data, (value, i) =>
    Number.isNaN(value) ? -1 : new Uint32Array(data.buffer, data.byteOffset)[i],
  );

describe.each(["tanh", "sigmoid", "relu"] as const)("%s", (name) => {
  it.each([1, 3, 4, 7, 64])("has the same bits with and without SIMD, %i columns wide", (cols) => {
    const [plain, simd] = [computed("js", name, cols), computed("wasm", name, cols)];
    for (const i of [0, 1]) expect(bitsOf(simd[i])).toEqual(bitsOf(plain[i]));
  });
});
