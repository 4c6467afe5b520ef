// Graded labels in groups, and what tests of ranking within groups share.

import { type CSRMatrix, type FeatureMap, NFM, type NFMOptions } from "../../src/index.ts";
import { readSafetensors } from "../../src/model/safetensors.ts";
import { numbers } from "../reference.ts";
import { PAPER } from "./paper.ts";

export const PAIRWISE = ["bpr", "max-margin"] as const;

export const SMALL: NFMOptions = { ...PAPER, embeddingDim: 5, hiddenUnits: [4], seed: 7 };

export interface Table {
  readonly maps: FeatureMap[];
  readonly y: number[];
  /** A name per row; groups lie scattered over the rows. */
  readonly groups: string[];
}

/** Graded labels 0 to 4 that depend on the features, noisily. */
export function table(rows: number, groupCount: number, seed: number): Table {
  const next = numbers(seed);
  const below = (n: number): number => Math.floor(next(0, n));
  const lists = Array.from({ length: rows }, () => ({
    group: below(groupCount),
    item: below(12),
    kind: below(4),
    price: Math.fround(next()),
  }));
  return {
    maps: lists.map(({ group, item, kind, price }) => ({
      query: `q${group % 5}`,
      item: `i${item}`,
      kind: `k${kind}`,
      price,
    })),
    y: lists.map(({ item, kind, price }) =>
      Math.min(4, Math.max(0, Math.floor(item / 4 + kind / 2 + 2 * price + next(-1, 1)))),
    ),
    groups: lists.map(({ group }) => `g${group}`),
  };
}

export const groupNumbers = (groups: readonly string[]): Uint32Array => {
  const seen: string[] = [];
  return Uint32Array.from(groups, (group) =>
    seen.includes(group) ? seen.indexOf(group) : seen.push(group) - 1,
  );
};

/** Parameters and optimizer state by name; without the vocabulary and counters of the file. */
export const tensors = (model: NFM): Record<string, readonly number[]> =>
  Object.fromEntries(
    Array.from(readSafetensors(model.save({ optimizer: true })).tensors, ([name, { data }]) => [
      name,
      Array.from(data),
    ]),
  );

export const bytes = (model: NFM): Uint8Array => model.save({ optimizer: true });

export const values = (model: NFM, name: string): number[] => Array.from(model.tensor(name).data);

/** A matrix and labels for the table, with group numbers. */
export function matrixOf({ maps, y, groups }: Table): { x: CSRMatrix; y: number[]; groups: Uint32Array } {
  const model = new NFM({ embeddingDim: 1, hiddenUnits: [] });
  model.partialFit(maps, y);
  return { x: model.encoder!.transform(maps), y, groups: groupNumbers(groups) };
}

export const DATA: Table = table(90, 11, 1);

export const MATRIX: ReturnType<typeof matrixOf> = matrixOf(DATA);

/** Group metrics from their definitions, ranks by counting; ties count against the model. */
export function literalMetrics(
  scores: ArrayLike<number>,
  y: readonly number[],
  groups: readonly (string | number)[],
): Record<"ndcg@10" | "group-auc" | "mrr", number> {
  const means = { "ndcg@10": [] as number[], "group-auc": [] as number[], mrr: [] as number[] };
  for (const group of new Set(groups)) {
    const rows = y.map((_, i) => i).filter((i) => groups[i] === group);
    const rank = (i: number): number =>
      1 +
      rows.filter(
        (j) =>
          j !== i &&
          (scores[j] > scores[i] || (scores[j] === scores[i] && (y[j] < y[i] || (y[j] === y[i] && j < i)))),
      ).length;
    const gain = (i: number): number => (y[i] > 0 ? 2 ** y[i] - 1 : 0);
    const ideal = rows
      .map(gain)
      .sort((a, b) => b - a)
      .slice(0, 10);
    if (ideal[0] > 0) {
      const sum = rows.reduce(
        (total, i) => total + (rank(i) <= 10 ? gain(i) / Math.log2(rank(i) + 1) : 0),
        0,
      );
      means["ndcg@10"].push(sum / ideal.reduce((total, g, r) => total + g / Math.log2(r + 2), 0));
      means.mrr.push(1 / Math.min(...rows.filter((i) => y[i] > 0).map(rank)));
    }
    const unequal = rows.flatMap((i) => rows.filter((j) => y[i] > y[j]).map((j) => [i, j]));
    if (unequal.length > 0)
      means["group-auc"].push(unequal.filter(([i, j]) => scores[i] > scores[j]).length / unequal.length);
  }
  const mean = (list: readonly number[]): number => list.reduce((a, b) => a + b, 0) / list.length;
  return { "ndcg@10": mean(means["ndcg@10"]), "group-auc": mean(means["group-auc"]), mrr: mean(means.mrr) };
}
