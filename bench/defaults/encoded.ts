// What an expert prepares by hand for the models that the library's defaults are compared with: categories as
// one feature per level, numbers standardized or as knots, an indicator of missing values. It shares nothing
// with the library's own encoding.

import { CSRMatrix } from "../../src/index.ts";
import type { Row } from "./table.ts";

/** How numbers are encoded: standardized; as two neighbours of a piecewise-linear basis; or both. */
export type Numbers = "standard" | "knots" | "both";

/** How the numbers of one field become entries. */
interface NumberField {
  readonly mean: number;
  readonly deviation: number;
  /** Ascending, at least two; empty: standardized only. */
  readonly knots: readonly number[];
  /** Feature of the standardized number; null: none. */
  readonly standard: number | null;
  /** Feature of the first knot. */
  readonly first: number;
}

/**
 * Learns an encoding from training rows.
 *
 * @param rows The training rows.
 * @param numbers How numbers are encoded.
 * @param count Number of knots, fewer where quantiles are equal.
 * @returns Encodes rows. A level that the training rows do not have gives nothing.
 */
export function learnEncoding(
  rows: readonly Row[],
  numbers: Numbers,
  count: number,
): (rows: readonly Row[]) => CSRMatrix {
  const levels = new Map<string, Map<unknown, number>>();
  const values = new Map<string, number[]>();
  const fields = new Set<string>();
  let features = 0;
  for (const row of rows) for (const field in row) fields.add(field);
  for (const field of fields) levels.set(field, new Map());
  for (const row of rows) {
    for (const field of fields) {
      const value = row[field];
      if (typeof value === "number") {
        const list = values.get(field) ?? [];
        if (list.length === 0) values.set(field, list);
        list.push(value);
        continue;
      }
      const ofField = levels.get(field)!;
      for (const level of Array.isArray(value) ? value : [value]) {
        if (!ofField.has(level)) ofField.set(level, features++);
      }
    }
  }
  const numberFields = new Map<string, NumberField>();
  for (const [field, list] of values) {
    const sorted = Float64Array.from(list).sort();
    const mean = sorted.reduce((sum, value) => sum + value, 0) / sorted.length;
    const deviation = Math.sqrt(sorted.reduce((sum, value) => sum + (value - mean) ** 2, 0) / sorted.length);
    const quantile = (i: number): number => sorted[Math.round((i * (sorted.length - 1)) / (count - 1))];
    const quantiles = Array.from(new Set(Array.from({ length: count }, (_, i) => quantile(i))));
    const knots = numbers === "standard" || quantiles.length < 2 ? [] : quantiles;
    const standard = numbers !== "knots" || knots.length === 0 ? features++ : null;
    numberFields.set(field, { mean, deviation: deviation || 1, knots, standard, first: features });
    features += knots.length;
  }
  const known = Array.from(fields);
  return (given) => {
    const indptr = new Uint32Array(given.length + 1);
    const indices: number[] = [];
    const entries: number[] = [];
    const push = (feature: number | undefined, value: number): void => {
      if (feature === undefined || value === 0) return;
      indices.push(feature);
      entries.push(value);
    };
    given.forEach((row, i) => {
      for (const field of known) {
        const value = row[field];
        if (typeof value === "number") pushNumber(numberFields.get(field)!, value, push);
        else
          for (const level of Array.isArray(value) ? value : [value]) push(levels.get(field)!.get(level), 1);
      }
      indptr[i + 1] = indices.length;
    });
    return new CSRMatrix({
      cols: features,
      indptr,
      indices: Uint32Array.from(indices),
      values: Float32Array.from(entries),
    });
  };
}

function pushNumber(
  { mean, deviation, knots, standard, first }: NumberField,
  value: number,
  push: (feature: number, value: number) => void,
): void {
  if (standard !== null) push(standard, Math.min(4, Math.max(-4, (value - mean) / deviation)));
  if (knots.length === 0) return;
  const inside = Math.min(knots[knots.length - 1], Math.max(knots[0], value));
  let [low, high] = [0, knots.length - 1];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (knots[middle] <= inside) low = middle;
    else high = middle;
  }
  const share = (inside - knots[low]) / (knots[high] - knots[low]);
  push(first + low, 1 - share);
  push(first + high, share);
}
