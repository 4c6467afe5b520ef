// Candidates, contexts and models for tests of ranking, and what a ranking must be: the order of whole rows.

import { expect } from "vitest";
import {
  type CSRMatrix,
  type FeatureMap,
  NFM,
  type NFMOptions,
  type Ranked,
  type Rows,
} from "../../src/index.ts";
import { byValue } from "./by-value.ts";

export const f: (x: number) => number = Math.fround;

/** Positions by score, highest first and NaN last; equal scores by position. */
export function sorted(scores: ArrayLike<number>): number[] {
  const places = Array.from(scores, (_, i) => i);
  const worst = (i: number): number => (Number.isNaN(scores[i]) ? 1 : 0);
  return places.sort(
    (a, b) => worst(a) - worst(b) || (scores[a] > scores[b] ? -1 : scores[a] < scores[b] ? 1 : a - b),
  );
}

/** What ranking must give for candidates whose whole rows are `rows`. */
export function rankedBy(model: NFM, rows: Rows): Ranked[] {
  const predictions = model.predict(rows);
  return sorted(model.predict(rows, { raw: true })).map((index) => ({ index, score: predictions[index] }));
}

export function expectSame(got: readonly Ranked[], wanted: readonly Ranked[], what: string): void {
  if (got.length !== wanted.length) expect.fail(`${what}: ${got.length} candidates, not ${wanted.length}`);
  wanted.forEach(({ index, score }, place) => {
    if (got[place].index !== index || !Object.is(got[place].score, score)) {
      expect.fail(
        `${what}, place ${place}: candidate ${got[place].index} with ${got[place].score}, not ${index} with ${score}`,
      );
    }
  });
}

/** Like `toEqual`, which takes long over thousands of numbers. */
export function expectSameBytes(
  got: Uint8Array | Float32Array,
  wanted: Uint8Array | Float32Array,
  what: string,
): void {
  const [a, b] = [got, wanted].map(({ buffer, byteOffset, byteLength }) =>
    Buffer.from(buffer, byteOffset, byteLength),
  );
  if (!a.equals(b)) expect.fail(`${what}: ${a.length} bytes differ from ${b.length}`);
}

/**
 * The sum of the magnitudes of what a factorization machine adds up for a row: w0, w x, and of every column
 * the terms of (sum t)^2 and sum t^2, with t = x v, through batch norm where there is one.
 */
export function magnitudes(
  model: NFM,
): (row: { indices: ArrayLike<number>; values?: ArrayLike<number> | undefined }) => number {
  const data = (name: string): Float32Array => model.tensor(name).data;
  const [w0, w, v] = [data("bias")[0], data("linear.weight"), data("embedding.weight")];
  const k = model.tensor("embedding.weight").shape[1];
  let norm: Float32Array[] | null = null;
  try {
    norm = ["weight", "bias", "running_mean", "running_var"].map((part) => data(`norms.0.${part}`));
  } catch {
    // no batch norm
  }
  return ({ indices, values }) => {
    const x = (p: number): number => Math.abs(values ? values[p] : 1);
    let total = Math.abs(w0);
    for (let p = 0; p < indices.length; p++) total += x(p) * Math.abs(w[indices[p]]);
    for (let j = 0; j < k; j++) {
      let [sum, squares] = [0, 0];
      for (let p = 0; p < indices.length; p++) {
        const t = x(p) * Math.abs(v[indices[p] * k + j]);
        sum += t;
        squares += t * t;
      }
      const pooled = (sum * sum + squares) / 2;
      if (norm === null) total += pooled;
      else
        total +=
          (Math.abs(norm[0][j]) * (pooled + Math.abs(norm[2][j]))) / Math.sqrt(norm[3][j] + 1e-3) +
          Math.abs(norm[1][j]);
    }
    return total;
  };
}

/**
 * For a factorization machine with a prepared catalog: every score within 1e-6 of the magnitude of its terms,
 * in an order that is that of the scores themselves. 1e-6 is 16 roundings of 2^-24, which a sum of 64 columns
 * in four parts can add up to; the worst seen for 1 to 256 columns, 1 to 2000 features and values up to 200
 * is 2.2e-7.
 */
export function expectNear(model: NFM, got: readonly Ranked[], rows: CSRMatrix, what: string): void {
  const [wanted, magnitude] = [model.predict(rows), magnitudes(model)];
  if (got.length !== wanted.length || new Set(got.map(({ index }) => index)).size !== wanted.length)
    expect.fail(`${what}: not every candidate comes once`);
  got.forEach(({ index, score }, place) => {
    const allowed = 1e-6 * magnitude(rows.row(index));
    if (!(Math.abs(score - wanted[index]) <= allowed))
      expect.fail(
        `${what}: candidate ${index} with ${score}, not ${wanted[index]}, which is more than ${allowed} away`,
      );
    const next = got[place + 1] as Ranked | undefined;
    if (next && !(score > next.score || (score === next.score && index < next.index)))
      expect.fail(`${what}: candidates ${index} and ${next.index} are out of order`);
  });
}

export const TRAITS: readonly string[] = ["a", "b", "c", "d", "e", "f", "g", "h"];

/** Ragged: candidate i has i mod 10 features. */
export const ones: FeatureMap[] = Array.from({ length: 26 }, (_, i) =>
  i % 10 === 0
    ? {}
    : {
        item: `i${i % 7}`,
        traits: TRAITS.slice(0, (i % 10) - 1).map((trait, t) => (t % 3 === i % 3 ? `${trait}2` : trait)),
      },
);

export const valued: FeatureMap[] = ones.map((map, i) =>
  i % 10 === 0
    ? {}
    : {
        price: f(i / 9 - 1.3),
        traits: Object.fromEntries(
          (map as { traits: string[] }).traits.map((trait, t) => [trait, f(Math.cos(i + 2 * t) * 2)]),
        ),
      },
);

export const contexts: readonly FeatureMap[] = [
  {},
  { user: "u1", mood: ["calm", "late"] },
  { user: "u2", hour: f(0.7), taste: { sweet: f(-1.3), cold: f(0.4) } },
];

export const training: FeatureMap[] = [...ones, ...valued].map((map, i) => ({
  user: `u${i % 4}`,
  hour: i / 30,
  mood: i % 2 ? ["calm"] : ["late"],
  taste: { sweet: Math.sin(i), cold: 1 },
  ...(map as object),
}));

export const labels: number[] = training.map((_, i) => ((i * 7) % 5) - 2);

export const rowOf = ({
  indices,
  values,
}: {
  indices: ArrayLike<number>;
  values?: ArrayLike<number> | undefined;
}): (readonly [number, number])[] =>
  Array.from(indices, (index, p) => [index, values ? values[p] : 1] as const);

export async function trained(options: NFMOptions): Promise<NFM> {
  const model = new NFM({ initStd: 0.3, encoder: byValue(training), ...options });
  await model.fit(training, labels, { epochs: 2, batchSize: 16 });
  return model;
}
