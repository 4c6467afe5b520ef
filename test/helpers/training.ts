// Small data, models and losses for tests of training.

import { createHash } from "node:crypto";
import { expect } from "vitest";
import { CSRMatrix, type FitOptions, NFM, type NFMOptions, type PointwiseLoss } from "../../src/index.ts";
import { readSafetensors } from "../../src/model/safetensors.ts";
import { numbers } from "../reference.ts";
import { PAPER } from "./paper.ts";

export const f: (x: number) => number = Math.fround;

export const N = 12;

/** Ragged rows with real values, and labels that depend on them, noisily. */
export function dataset(rows: number, seed: number = 1, cols: number = N): { x: CSRMatrix; y: number[] } {
  const next = numbers(seed);
  const lists = Array.from({ length: rows }, () => {
    const first = Math.floor(next(0, cols));
    return [0, 1, 2].map((p) => [(first + p * 3) % cols, next() < 0.5 ? 1 : f(next(0.5, 1.5))] as const);
  });
  return {
    x: CSRMatrix.fromRows(lists, cols),
    y: lists.map(([[i], [j]]) => (i % 4) - (j % 3) + next(-0.5, 0.5)),
  };
}

export const digest = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

export const all = (model: NFM): string => digest(model.save({ optimizer: true }));

export const values = (model: NFM, name: string): number[] => Array.from(model.tensor(name).data);

export const tensorNames = (model: NFM): string[] => [...readSafetensors(model.save()).tensors.keys()];

/** Every element finite, read from memory: a file that holds NaN could not be loaded. */
export function expectFinite(model: NFM, names: readonly string[]): void {
  for (const name of names)
    expect(
      model.tensor(name).data.every((value) => Number.isFinite(value)),
      name,
    ).toBe(true);
}

export const SMALL: NFMOptions = { ...PAPER, embeddingDim: 5, hiddenUnits: [4], seed: 7 };

/** A factorization machine without dropout whose parameters all start at zero. */
export const BLANK: NFMOptions = {
  embeddingDim: 2,
  hiddenUnits: [],
  dropout: { biInteraction: 0 },
  initStd: 0,
  numFeatures: 4,
};

export const square = (score: number, target: number): number => (score - target) ** 2;

/** A loss of one's own. */
export function ownLoss(
  value: PointwiseLoss["value"],
  gradient: PointwiseLoss["gradient"] = (score, target) => score - target,
): PointwiseLoss {
  return { kind: "pointwise", name: "own", value, gradient };
}

/** A loss whose gradient is always `gradient`, and whose value is the target. */
export const constant = (gradient: number): PointwiseLoss =>
  ownLoss(
    (_, target) => target,
    () => gradient,
  );

/** Records the targets in the order in which training looks at them. */
export function spyLoss(seen: number[]): PointwiseLoss {
  return ownLoss(
    (score, target) => {
      seen.push(target);
      return square(score, target);
    },
    (score, target) => 1e-3 * (score - target),
  );
}

export async function fit(
  options: NFMOptions = SMALL,
  fitOptions: FitOptions = {},
  { x, y }: { x: CSRMatrix; y: number[] } = dataset(50),
): Promise<NFM> {
  const model = new NFM(options);
  await model.fit(x, y, { epochs: 3, batchSize: 16, ...fitOptions });
  return model;
}
