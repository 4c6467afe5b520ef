// An encoder that reads every value by its own type, as files of version 1 do: no kinds, no knots, no entries for
// missing values. Tests of ranking use it, because there a row is exactly the entries of its two parts.

import { FeatureEncoder, type FeatureMap } from "../../src/index.ts";

/** How an encoder of version 1 learns. */
export interface ByValueOptions {
  /** Features that occur in fewer maps have no column. Default: 1. */
  readonly minCount?: number;
  /** Whether numbers are standardized. Default: false. */
  readonly scaled?: boolean;
}

/** Lists the features of a map, as version 1 named them. Only a number that is scaled names one with value 0. */
function namesOf(map: FeatureMap, scaled: boolean): string[] {
  return Object.entries(map).flatMap(([field, value]: [string, unknown]) => {
    if (typeof value === "string") return [`${field}=${value}`];
    if (typeof value === "number") return Math.fround(value) === 0 && !scaled ? [] : [field];
    if (typeof value === "boolean") return value ? [field] : [];
    if (Array.isArray(value)) return value.map((item) => `${field}=${item}`);
    const weights = Object.entries((value ?? {}) as Record<string, number>);
    return weights.filter(([, weight]) => Math.fround(weight) !== 0).map(([item]) => `${field}=${item}`);
  });
}

/** Mean and standard deviation of each field of numbers, by Welford's method. */
function scalesOf(maps: readonly FeatureMap[]): [field: string, mean: number, std: number][] {
  const moments = new Map<string, { n: number; mean: number; squares: number }>();
  for (const [field, value] of maps.flatMap((map) => Object.entries(map) as [string, unknown][])) {
    if (typeof value !== "number") continue;
    const known = moments.get(field) ?? { n: 0, mean: 0, squares: 0 };
    moments.set(field, known);
    known.n++;
    const delta = value - known.mean;
    known.mean += delta / known.n;
    known.squares += delta * (value - known.mean);
  }
  return Array.from(moments, ([field, { n, mean, squares }]) => [field, mean, Math.sqrt(squares / n)]);
}

/** Makes an encoder of version 1 with the features of the maps, in first-seen order. */
export function byValue(
  maps: readonly FeatureMap[],
  { minCount = 1, scaled = false }: ByValueOptions = {},
): FeatureEncoder {
  const counts = new Map<string, number>();
  for (const map of maps) {
    for (const name of new Set(namesOf(map, scaled))) counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  const names = [...counts.keys()].filter((name) => counts.get(name)! >= minCount);
  const learned = scaled ? { scale: "standard", scales: scalesOf(maps) } : { scale: "none" };
  return FeatureEncoder.fromJSON({ version: 1, minCount, ...learned, names });
}
