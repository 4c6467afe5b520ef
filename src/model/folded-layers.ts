// The layers of prediction. Dropout is left out, because it does nothing in prediction. Batch norm is folded
// into the dense layer before or behind it. Let x' = a x + c be the batch norm before the dense layer y = x'
// W + b, and y' = A y + C the batch norm behind it. The folded layer has W' = diag(a) W diag(A) and b' = (b +
// c W) A + C. They are computed in float64 and rounded once, so that every backend has the same bits.

import { BatchNorm, EPSILON } from "../layers/batch-norm.ts";
import { Dense } from "../layers/dense.ts";
import { Dropout } from "../layers/dropout.ts";
import { isExactly, type LayerPass } from "../layers/layer.ts";
import type { LabelUnit } from "./label-unit.ts";
import { Network, type NetworkLayer, type Stage } from "./network.ts";
import type { BoundLayer, Parameters } from "./parameters.ts";

type Tensors = LayerPass["parameters"];

/**
 * Makes the network of prediction. Its folded layers are computed again whenever a parameter has changed.
 *
 * @param parameters The parameters of the model.
 * @param unit The unit of the scores; null: that of the network's output.
 * @returns The network. Its memory is allocated by the next commit.
 */
export function predictionNetwork(parameters: Parameters, unit: LabelUnit | null): Network {
  const active = parameters.layers.filter(({ layer }) => !isExactly(layer, Dropout)).map(tensorsOf);
  const layers: NetworkLayer[] = [];
  const folds: (() => void)[] = [];
  let before: Tensors | null = null; // tensors of a batch norm that is folded into the next dense layer
  for (let i = 0; i < active.length; i++) {
    const { layer, parameters: own } = active[i];
    const next = active[i + 1];
    if (isExactly(layer, BatchNorm) && isExactly(next?.layer, Dense)) {
      before = own;
      continue;
    }
    const after = isExactly(layer, Dense) && isExactly(next?.layer, BatchNorm) ? next.parameters : null;
    if (before === null && after === null) {
      layers.push(active[i]);
      continue;
    }
    const { memory } = parameters;
    const folded = {
      weight: memory.allocate(own.weight.rows, own.weight.cols, { lasting: true }),
      bias: memory.allocate(1, own.weight.cols, { lasting: true }),
    };
    const input = before;
    folds.push(() => foldInto(folded, own, input, after));
    layers.push({ layer, parameters: folded });
    before = null;
    if (after !== null) i++;
  }
  let foldedVersion = -1;
  const update = (): void => {
    if (foldedVersion === parameters.version) return;
    for (const fold of folds) fold();
    foldedVersion = parameters.version;
  };
  return new Network(parameters, layers, update, unit);
}

/**
 * Replaces the parameters of a layer by their tensors.
 *
 * @param bound A layer and its parameters.
 * @returns The layer and the tensors, by the same names.
 */
export function tensorsOf({ layer, parameters }: BoundLayer): NetworkLayer {
  const tensors = Object.entries(parameters).map(([name, { value }]) => [name, value] as const);
  return { layer, parameters: Object.fromEntries(tensors) };
}

/** Computes the tensors of a folded layer. */
function foldInto(
  folded: Tensors,
  { weight, bias }: Tensors,
  before: Tensors | null,
  after: Tensors | null,
): void {
  const input = before && affineOfNorm(before);
  const output = after && affineOfNorm(after);
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

/** The map x -> factor * x + offset, column by column. */
export interface Affine {
  /** Factor of each column, (cols). */
  readonly factor: Float64Array;
  /** Offset of each column, (cols). */
  readonly offset: Float64Array;
}

/**
 * Combines the stages of prediction into one affine map. This is possible if there are only batch norms, as
 * in a factorization machine.
 *
 * @param stages The stages of a network of prediction.
 * @param cols Width of the pooled vector, K.
 * @returns The map; null if there is a layer that is not a batch norm.
 */
export function affineOf(stages: readonly Stage[], cols: number): Affine | null {
  const [factor, offset] = [new Float64Array(cols).fill(1), new Float64Array(cols)];
  for (const { layer, pass } of stages) {
    if (!isExactly(layer, BatchNorm)) return null;
    const norm = affineOfNorm(pass.parameters);
    for (let j = 0; j < cols; j++) {
      factor[j] *= norm.factor[j];
      offset[j] = offset[j] * norm.factor[j] + norm.offset[j];
    }
  }
  return { factor, offset };
}

/**
 * Writes batch norm in prediction, which uses running statistics, as an affine map.
 *
 * @param tensors The tensors of the layer by name, each (1, cols).
 * @returns The map, in float64.
 */
export function affineOfNorm({ weight, bias, running_mean: mean, running_var: variance }: Tensors): Affine {
  const factor = Float64Array.from({ length: weight.cols }, (_, j) => {
    return weight.data[j] / Math.sqrt(variance.data[j] + EPSILON);
  });
  return { factor, offset: factor.map((f, j) => bias.data[j] - mean.data[j] * f) };
}
