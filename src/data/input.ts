// What users pass as x - a matrix, sparse rows or feature maps - becomes one CSRMatrix here, checked once. The work is
// a generator that yields now and then, so that `fit` can keep the event loop alive (core/cooperate.ts).

import { isArrayLike, wrongType, wrongValue } from "../core/errors.ts";
import { badValue, isFloat32, type SparseVector } from "../core/sparse-row.ts";
import { CSRBuilder, CSRMatrix } from "../core/sparse.ts";
import type { FeatureEncoder } from "./feature-encoder.ts";
import { isPlainObject, type FeatureMap } from "./feature-map.ts";

/** Rows as `fit`, `predict` and the others take them. */
export type Input = CSRMatrix | readonly SparseVector[] | readonly FeatureMap[];

/** How rows are read: with an encoder feature maps have field names as keys, without one feature indices. */
export interface Reader {
  readonly encoder: FeatureEncoder | null;
  /** Indices must be below it; `null`: not yet known. */
  readonly numFeatures: number | null;
}

const ROWS_PER_STEP = 64;

/** Whether x is many rows rather than one. */
export function isInput(x: unknown): x is Input {
  return Array.isArray(x) || isMatrix(x);
}

function isMatrix(x: unknown): x is CSRMatrix {
  return typeof x === "object" && x !== null && "indptr" in x && "indices" in x;
}

function isSparseVector(row: unknown): row is SparseVector {
  const indices = (row as SparseVector | null | undefined)?.indices as unknown;
  if (!isArrayLike(indices)) return false;
  return indices.length > 0 ? typeof indices[0] === "number" : Object.keys(row as object).every((key) => key === "indices" || key === "values");
}

/** Whether the row's features are given by index: `{ indices, values? }`, or a Map whose first key is a number. */
function isSparseRow(row: unknown): boolean {
  return row instanceof Map ? typeof row.keys().next().value === "number" : isSparseVector(row);
}

/** Checks the kind of x; a matrix of another copy of this library becomes one of ours. */
export function checkInput(x: unknown, place: string): Input {
  if (isMatrix(x)) return x instanceof CSRMatrix ? x : new CSRMatrix(x);
  if (Array.isArray(x)) return x as Input;
  throw wrongType(place, "a CSRMatrix, an array of sparse vectors or an array of feature maps", x);
}

/** The rows as they are now, whatever becomes of the objects that hold them; numbers in typed arrays are not copied. */
export function copyRows(x: Input): Input {
  const copy = (row: unknown): unknown => (row instanceof Map ? new Map(row) : isPlainObject(row) ? { ...row } : row);
  return x instanceof CSRMatrix ? x : (Array.from(x as readonly unknown[], copy) as FeatureMap[]);
}

/** Number of rows. */
export function countRows(x: Input): number {
  return x instanceof CSRMatrix ? x.rows : x.length;
}

/** The rows at the given positions. */
export function takeRows(x: Input, rows: Uint32Array): Input {
  return x instanceof CSRMatrix ? x.take(rows) : Array.from(rows, (row) => x[row] as FeatureMap);
}

/** The fields that have a value in feature maps; none for sparse rows and maps from feature indices. */
export function* fieldsOf(x: Input | FeatureMap | SparseVector): Generator<string, void> {
  for (const row of isInput(x) ? (x instanceof CSRMatrix ? [] : x) : [x]) {
    if (typeof row !== "object" || row === null || isSparseRow(row)) continue;
    for (const [field, value] of row instanceof Map ? (row as Map<unknown, unknown>) : Object.entries(row)) {
      if (typeof field === "string" && value != null && !/^\d+$/.test(field)) yield field;
    }
  }
}

/** Whether the rows are feature maps that need an encoder. */
export function needsEncoder(x: Input): x is readonly FeatureMap[] {
  return Array.isArray(x) && x.length > 0 && !isSparseRow(x[0]);
}

/** What an encoder learns from, what errors call it, and as how many maps each of its maps counts. */
export type Lesson = readonly [x: Input, place: string, times?: number];

/** Lets a fresh encoder learn from all feature maps of the lessons. */
export function* learnEncoder(encoder: FeatureEncoder, lessons: readonly Lesson[]): Generator<void, void> {
  const fit = encoder.beginFit();
  for (const [x, place, times] of lessons) {
    if (x instanceof CSRMatrix) throw wrongType(place, "an array of feature maps, for the encoder to learn from", x);
    for (let i = 0; i < x.length; i++) {
      if (isSparseRow(x[i])) throw wrongType(`${place}[${i}]`, "a feature map with field names, as the first row", x[i]);
      fit.add(x[i] as FeatureMap, `${place}[${i}]`, times);
      if (i % ROWS_PER_STEP === 0) yield;
    }
  }
  fit.finish();
}

/** Turns any input into a matrix whose indices are below `reader.numFeatures`. */
export function* readInput(x: Input, reader: Reader, place: string): Generator<void, CSRMatrix> {
  if (x instanceof CSRMatrix) {
    if (reader.numFeatures !== null && x.cols > reader.numFeatures) checkIndices(x.indices, reader.numFeatures, place);
    return x;
  }
  const builder = new CSRBuilder();
  for (let i = 0; i < x.length; i++) {
    readRow(builder, x[i], reader, `${place}[${i}]`);
    if (i % ROWS_PER_STEP === 0) yield;
  }
  return builder.build(reader.numFeatures ?? undefined, place);
}

/** Appends one row of any kind. */
export function readRow(builder: CSRBuilder, row: FeatureMap | SparseVector, reader: Reader, place: string): void {
  const { encoder, numFeatures } = reader;
  if (isSparseVector(row)) {
    if (isMatrix(row)) throw wrongType(place, "one row", row);
    if (numFeatures !== null) checkIndices(row.indices, numFeatures, place);
    builder.appendRow(row, place);
  } else if (encoder !== null && !isSparseRow(row)) {
    encoder.append(builder, row, place);
  } else {
    const map = readIndexMap(row, place);
    for (const index of map.keys()) {
      if (numFeatures !== null && index >= numFeatures) throw wrongValue(`${place}: key ${index}`, `below numFeatures (${numFeatures})`, index);
    }
    builder.appendRow(map, place);
  }
}

/** Reads `{ 17: 1, 90: 0.5 }`: without an encoder the keys are feature indices. */
function readIndexMap(row: unknown, place: string): ReadonlyMap<number, number> {
  const isRecord = typeof row === "object" && row !== null && !isArrayLike(row);
  if (!isRecord) throw wrongType(place, "a sparse vector { indices, values? } or a map from feature indices to numbers", row);
  const map = new Map<number, number>();
  for (const [key, value] of row instanceof Map ? (row as Map<unknown, unknown>) : Object.entries(row)) {
    const index = typeof key === "string" && /^\d+$/.test(key) ? Number(key) : key;
    if (typeof index !== "number") {
      throw wrongType(`${place}: keys`, "feature indices (this model has no encoder for names: it was given numFeatures, or learned from sparse rows; pass an encoder)", key);
    }
    if (typeof value !== "number") throw wrongType(`${place}[${index}]`, "a number (this model has no encoder for other values)", value);
    map.set(index, value);
  }
  return map;
}

function checkIndices(indices: ArrayLike<number>, numFeatures: number, place: string): void {
  for (let p = 0; p < indices.length; p++) {
    if (indices[p] >= numFeatures) throw wrongValue(`${place}.indices[${p}]`, `below numFeatures (${numFeatures})`, indices[p]);
  }
}

/** Checks labels: as many as rows, each finite; `target` maps each (NaN refuses it). */
export function readLabels(y: unknown, rows: number, place: string, target: (label: number) => number, labels: string | undefined): Float32Array {
  if (!isArrayLike(y)) throw wrongType(place, "an array of numbers", y);
  if (y.length !== rows) throw wrongValue(`${place}.length`, `the number of rows of x (${rows})`, y.length);
  const targets = new Float32Array(rows);
  for (let i = 0; i < rows; i++) {
    const label = y[i];
    if (!isFloat32(label)) throw badValue(`${place}[${i}]`, label);
    targets[i] = target(label);
    if (Number.isNaN(targets[i])) throw wrongValue(`${place}[${i}]`, labels ?? "a label that the loss accepts", label);
  }
  return targets;
}

/** Checks sample weights: one per row, finite, at least 0, not all 0. */
export function readWeights(weights: unknown, rows: number, place: string): Float32Array {
  const read = readLabels(weights, rows, place, (weight) => (weight >= 0 ? weight : NaN), "at least 0");
  if (rows > 0 && read.every((weight) => weight === 0)) throw wrongValue(place, "above 0 somewhere", "only zeros");
  return read;
}
