// Initial values from a trained factorization machine (He & Chua 2017, section 4.3.1). Its numbers are in the
// unit of its labels. A model with another unit gets converted numbers, so that the factorization machine
// keeps its scores: with r = scale / newScale, w' = r w, V' = sqrt(r) V, and w0' = (mean + scale w0 -
// newMean) / newScale.

import { fromPacked, type Tensor, toPacked } from "../core/tensor.ts";
import type { LabelUnit } from "../model/label-unit.ts";
import type { Parameters } from "../model/parameters.ts";

/** V, w and w0 of a trained model. */
export interface Pretrained {
  /** The numbers by the name of their parameter, without padding. */
  readonly values: ReadonlyMap<string, Float32Array>;
  /** The unit of the labels that they were trained on; null: labels as they are. */
  readonly unit: LabelUnit | null;
}

/**
 * Copies the values that another model starts from.
 *
 * @param parameters The parameters of the trained model.
 * @param unit The unit of its labels; null: labels as they are.
 * @returns The values.
 */
export function takePretrained({ bias, linear, embedding }: Parameters, unit: LabelUnit | null): Pretrained {
  const copied = [bias, linear, embedding].map(({ name, value }) => [name, toPacked(value)] as const);
  return { values: new Map(copied), unit };
}

/**
 * Makes the values of a feature 0.
 *
 * @param pretrained The values, which are overwritten.
 * @param feature The feature.
 */
export function clearPretrained({ values }: Pretrained, feature: number): void {
  const [, linear, embedding] = values.values();
  const cols = embedding.length / linear.length;
  linear[feature] = 0;
  embedding.fill(0, feature * cols, (feature + 1) * cols);
}

/**
 * Overwrites V, w and w0 of a new model.
 *
 * @param parameters The parameters of the new model, of the same sizes.
 * @param unit The unit of its labels; null: labels as they are.
 * @param pretrained The values.
 */
export function givePretrained(
  { bias, linear, embedding }: Parameters,
  unit: LabelUnit | null,
  { values, unit: before }: Pretrained,
): void {
  const give = ({ name, value }: { name: string; value: Tensor }, map: (x: number) => number): void => {
    fromPacked(value, values.get(name)!.map(map));
  };
  const [from, to] = [before ?? { mean: 0, scale: 1 }, unit ?? { mean: 0, scale: 1 }];
  const isSame = from.mean === to.mean && from.scale === to.scale;
  const ratio = from.scale / to.scale;
  const root = Math.sqrt(ratio);
  give(bias, (w0) => (isSame ? w0 : (from.mean - to.mean + from.scale * w0) / to.scale));
  give(linear, (w) => ratio * w);
  give(embedding, (v) => root * v);
}
