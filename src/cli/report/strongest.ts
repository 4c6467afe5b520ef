// What moves the predictions of a model most. Explanations of sample rows are added up. The part of a pair is
// shared equally by its two features, as the Shapley value of this sum of parts does (Shapley 1953).

import type { Explanation, FeatureMap, SparseVector } from "../../index.ts";
import { sampleOf } from "./numeric.ts";

/** The methods of a model that are used here. `NFM` and `Predictor` have them. */
export interface ExplainableModel {
  /** Takes a score apart. */
  explain(x: FeatureMap | SparseVector): Explanation;
  /** Copies a parameter. */
  tensor(name: string): { shape: readonly number[]; data: Float32Array };
  /** Finds the number of a feature, and its name; null if the features have no names. */
  readonly encoder: { index(name: string): number | undefined; name(index: number): string } | null;
}

/** One feature, such as "user=ana". */
export interface StrongFeature {
  /** Name of the feature. */
  readonly name: string;
  /** Mean magnitude of its share of the score, over all sample rows; 0 counts for rows without it. */
  readonly effect: number;
  /** Mean share of the score with its sign, over the rows that have the feature. */
  readonly mean: number;
  /** Number of sample rows that have the feature. */
  readonly rows: number;
  /** Its linear weight, in the units of training; null if its number is not known. */
  readonly weight: number | null;
  /** Euclidean length of its embedding; null if its number is not known. */
  readonly norm: number | null;
}

/** A pair of features. */
export interface StrongPair {
  /** Names of both. */
  readonly names: readonly [string, string];
  /** Mean magnitude of its part of the score, over all sample rows; 0 counts for rows without it. */
  readonly effect: number;
  /** Mean part of the score with its sign, over the rows that have the pair. */
  readonly mean: number;
  /** Number of sample rows that have the pair. */
  readonly rows: number;
}

/** One field, or a pair of fields, whose features count together. */
export interface StrongField {
  /** Name of the field, or of both. */
  readonly names: readonly string[];
  /** Mean magnitude of its part of the score, over all sample rows. */
  readonly effect: number;
}

/** What moves the predictions most, each list the strongest first. */
export interface Strongest {
  /** Number of sample rows that were explained. */
  readonly rows: number;
  /** The fields, with their features' linear parts and halves of pairs. */
  readonly fields: readonly StrongField[];
  /** The pairs of fields, and pairs of features of one field. */
  readonly fieldPairs: readonly StrongField[];
  /** The features. */
  readonly features: readonly StrongFeature[];
  /** The pairs of features. */
  readonly pairs: readonly StrongPair[];
}

/** Options of `strongest`. */
export interface StrongestOptions {
  /** Names of the fields, which tell the field of a feature such as "price@9.5". Default: none are known. */
  readonly fields?: readonly string[] | undefined;
  /** Largest number of rows to explain, at least 1. Default: 300. */
  readonly sample?: number | undefined;
  /** Length of each list, at least 1. Default: 60. */
  readonly top?: number | undefined;
}

/** After this many pairs no further row is explained, which bounds time and memory. */
const MOST_PAIRS = 400_000;
/** Stands between two names where one key is needed. */
const SEPARATOR = "\u0000";

/** Sums of parts under one key. */
interface Sums {
  magnitude: number;
  signed: number;
  rows: number;
}

/**
 * Finds what moves the predictions of a model most, by explaining sample rows.
 *
 * @param model A trained model.
 * @param rows Rows to choose the sample from, evenly spaced.
 * @param options See `StrongestOptions`.
 * @returns The lists.
 * @throws As `explain`: Error for layers of the user's own, RangeError for rows of too many features.
 */
export function strongest(
  model: ExplainableModel,
  rows: readonly (FeatureMap | SparseVector)[],
  options: StrongestOptions = {},
): Strongest {
  const { sample = 300, top = 60 } = options;
  const known = new Set(options.fields ?? []);
  const [features, pairs, fields, fieldPairs] = Array.from({ length: 4 }, () => new Map<string, Sums>());
  let [explained, pairsSeen] = [0, 0];
  for (const i of sampleOf(rows.length, sample)) {
    if (pairsSeen > MOST_PAIRS) break;
    const explanation = model.explain(rows[i]);
    const shares = sharesOf(explanation);
    for (const [name, share] of shares) add(features, name, share);
    for (const [name, share] of sumBy(shares, ([name]) => fieldOf(name, known))) add(fields, name, share);
    const parts = explanation.pairs.map(({ features: both, contribution }) => [both, contribution] as const);
    for (const [both, part] of parts) add(pairs, keyOf(both), part);
    const perField = sumBy(parts, ([[a, b]]) => keyOf([fieldOf(a, known), fieldOf(b, known)]));
    for (const [key, part] of perField) add(fieldPairs, key, part);
    explained++;
    pairsSeen += explanation.pairs.length;
  }
  return {
    rows: explained,
    fields: strongestOf(fields, top, explained).map(([name, effect]) => ({ names: [name], effect })),
    fieldPairs: strongestOf(fieldPairs, top, explained).map(([key, effect]) => ({
      names: key.split(SEPARATOR),
      effect,
    })),
    features: withTables(model, strongestOf(features, top, explained)),
    pairs: strongestOf(pairs, top, explained).map(([key, effect, { signed, rows }]) => ({
      names: key.split(SEPARATOR) as [string, string],
      effect,
      mean: signed / rows,
      rows,
    })),
  };
}

/** Each feature's share of the score: its linear part and half of each of its pairs. */
function sharesOf({ linear, pairs }: Explanation): [name: string, share: number][] {
  const shares = new Map<string, number>();
  const give = (name: string, share: number): void => void shares.set(name, (shares.get(name) ?? 0) + share);
  for (const { feature, contribution } of linear) give(feature, contribution);
  for (const { features, contribution } of pairs) for (const name of features) give(name, contribution / 2);
  return [...shares];
}

/** Sums numbers by a key. */
function sumBy<T>(
  entries: readonly (readonly [T, number])[],
  key: (entry: readonly [T, number]) => string,
): Map<string, number> {
  const sums = new Map<string, number>();
  for (const entry of entries) sums.set(key(entry), (sums.get(key(entry)) ?? 0) + entry[1]);
  return sums;
}

function add(to: Map<string, Sums>, key: string, part: number): void {
  const sums = to.get(key) ?? { magnitude: 0, signed: 0, rows: 0 };
  sums.magnitude += Math.abs(part);
  sums.signed += part;
  sums.rows++;
  to.set(key, sums);
}

/** One key for a pair, whatever its order. */
function keyOf([a, b]: readonly [string, string]): string {
  return a <= b ? `${a}${SEPARATOR}${b}` : `${b}${SEPARATOR}${a}`;
}

/**
 * Finds the field of a feature.
 *
 * @param feature Name of the feature, such as "user=ana", "hour", "price@9.5" or "price is missing".
 * @param known Names of the fields, as far as they are known.
 * @returns Name of the field; the feature's own name if it has no field.
 */
export function fieldOf(feature: string, known: ReadonlySet<string>): string {
  const end = feature.indexOf("=");
  if (end >= 0) return feature.slice(0, end);
  if (known.has(feature)) return feature;
  return feature.replace(/ is missing$|@-?[\d.]+(e[+-]?\d+)?$/, "");
}

/** The keys with the largest mean magnitudes. Equal ones are in the order of their names. */
function strongestOf(
  all: ReadonlyMap<string, Sums>,
  top: number,
  rows: number,
): [key: string, effect: number, sums: Sums][] {
  const entries = Array.from(
    all,
    ([key, sums]) => [key, sums.magnitude / rows, sums] as [string, number, Sums],
  );
  return entries.sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1)).slice(0, top);
}

/** Adds what the tables of the model hold about the features. */
function withTables(
  model: ExplainableModel,
  features: readonly (readonly [name: string, effect: number, sums: Sums])[],
): StrongFeature[] {
  const weights = model.tensor("linear.weight");
  const embedding = model.tensor("embedding.weight");
  const [count, k] = embedding.shape;
  return features.map(([name, effect, { signed, rows }]) => {
    const index = indexOf(model, name, count);
    const isKnown = index !== undefined && index < count;
    const vector = isKnown ? embedding.data.subarray(index * k, (index + 1) * k) : null;
    return {
      name,
      effect,
      mean: signed / rows,
      rows,
      weight: isKnown ? weights.data[index] : null,
      norm: vector && Math.sqrt(vector.reduce((sum, v) => sum + v * v, 0)),
    };
  });
}

/** The number of a feature. One without a name is called "#17", and a field may have such a name as well. */
function indexOf({ encoder }: ExplainableModel, name: string, count: number): number | undefined {
  const number = /^#\d+$/.test(name) ? Number(name.slice(1)) : NaN;
  if (number < count && (encoder === null || encoder.name(number) === name)) return number;
  return encoder?.index(name);
}
