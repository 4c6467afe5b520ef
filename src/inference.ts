// What prediction runs in place of the layers of training: dropout, which does nothing then, is left out, and batch norm
// is folded into a dense layer beside it. With x' = a x + c before W and y' = A y + C behind it, the folded layer has
// W' = diag(a) W diag(A) and b' = (b + c W) A + C, computed in float64 and rounded once, the same on every backend.

import type { Allocate, Tensor } from "./core/tensor.ts";
import { BatchNorm, EPSILON } from "./layers/batch-norm.ts";
import { Dense } from "./layers/dense.ts";
import { Dropout } from "./layers/dropout.ts";
import { isExactly, type Layer, type LayerPass } from "./layers/layer.ts";

/** A layer bound to its tensors: what it is given in every pass. */
export interface Stage {
  readonly layer: Layer;
  readonly pass: { -readonly [Field in keyof LayerPass]: LayerPass[Field] };
}

/** The layers of prediction. */
export interface Inference {
  readonly stages: readonly Stage[];
  /** The output of the last of them, (B, H). */
  readonly last: Tensor;
  /** Computes the folded weights; to be called before the first prediction with changed parameters. */
  fold(): void;
}

type Parameters = LayerPass["parameters"];

/** Plans prediction for the layers of training. `pooled` is the input of the first, (B, K). */
export function planInference(training: readonly Stage[], pooled: Tensor, allocate: Allocate): Inference {
  const active = training.filter(({ layer }) => !isExactly(layer, Dropout));
  const stages: Stage[] = [];
  const folds: (() => void)[] = [];
  let last = pooled;
  let before: Parameters | null = null; // of the batch norm to be folded into the dense layer that comes next
  for (let i = 0; i < active.length; i++) {
    const { layer, pass } = active[i];
    const next = active[i + 1];
    if (isExactly(layer, BatchNorm) && isExactly(next?.layer, Dense)) {
      before = pass.parameters;
      continue;
    }
    let { parameters } = pass;
    const after = isExactly(layer, Dense) && isExactly(next?.layer, BatchNorm) ? next.pass.parameters : null;
    if (isExactly(layer, Dense) && (before || after)) {
      const { weight } = parameters;
      const folded = { weight: allocate(weight.rows, weight.cols), bias: allocate(1, weight.cols) };
      const [plain, input] = [parameters, before];
      folds.push(() => foldInto(folded, plain, input, after));
      parameters = folded;
      before = null;
    }
    stages.push({ layer, pass: { ...pass, x: last, parameters } });
    last = pass.y;
    if (after) i++;
  }
  return { stages, last, fold: () => folds.forEach((fold) => fold()) };
}

function foldInto(folded: Parameters, { weight, bias }: Parameters, before: Parameters | null, after: Parameters | null): void {
  const input = before && affine(before);
  const output = after && affine(after);
  for (let o = 0; o < weight.cols; o++) {
    const factor = output ? output.factor[o] : 1;
    let sum = bias.data[o];
    for (let i = 0; i < weight.rows; i++) {
      const w = weight.data[i * weight.stride + o];
      folded.weight.data[i * weight.stride + o] = w * (input ? input.factor[i] : 1) * factor;
      if (input) sum += input.offset[i] * w;
    }
    folded.bias.data[o] = sum * factor + (output ? output.offset[o] : 0);
  }
}

/** x -> factor * x + offset, column by column; (cols). */
export interface Affine {
  readonly factor: Float64Array;
  readonly offset: Float64Array;
}

/** What the stages of prediction are together, if they are batch norms alone, as in a factorization machine; else null. */
export function affineOf(stages: readonly Stage[], cols: number): Affine | null {
  const [factor, offset] = [new Float64Array(cols).fill(1), new Float64Array(cols)];
  for (const { layer, pass } of stages) {
    if (!isExactly(layer, BatchNorm)) return null;
    const norm = affine(pass.parameters);
    for (let j = 0; j < cols; j++) {
      factor[j] *= norm.factor[j];
      offset[j] = offset[j] * norm.factor[j] + norm.offset[j];
    }
  }
  return { factor, offset };
}

/** Batch norm in prediction. */
export function affine({ weight, bias, running_mean: mean, running_var: variance }: Parameters): Affine {
  const factor = Float64Array.from({ length: weight.cols }, (_, j) => weight.data[j] / Math.sqrt(variance.data[j] + EPSILON));
  return { factor, offset: factor.map((f, j) => bias.data[j] - mean.data[j] * f) };
}
