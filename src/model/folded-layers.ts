// The layers of prediction. Dropout, which does nothing in prediction, is left out, and batch norm is folded
// into the dense layer beside it. With x' = a x + c before W and y' = A y + C behind it, the folded layer has
// W' = diag(a) W diag(A) and b' = (b + c W) A + C, computed in float64 and rounded once, so that every
// backend gets the same bits.

import { BatchNorm, EPSILON } from "../layers/batch-norm.ts";
import { Dense } from "../layers/dense.ts";
import { Dropout } from "../layers/dropout.ts";
import { isExactly, type LayerPass } from "../layers/layer.ts";
import { Network, type NetworkLayer, type Stage } from "./network.ts";
import type { BoundLayer, Parameters } from "./parameters.ts";

type Tensors = LayerPass["parameters"];

/**
 * The network of prediction. Its folded layers follow the parameters: they are computed anew when a parameter
 * has changed.
 */
export function predictionNetwork(parameters: Parameters): Network {
  const active = parameters.layers.filter(({ layer }) => !isExactly(layer, Dropout)).map(tensorsOf);
  const layers: NetworkLayer[] = [];
  const folds: (() => void)[] = [];
  let before: Tensors | null = null; // of the batch norm to be folded into the dense layer that comes next
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
  return new Network(parameters, layers, () => {
    if (foldedVersion === parameters.version) return;
    for (const fold of folds) fold();
    foldedVersion = parameters.version;
  });
}

/** A layer with its tensors instead of its parameters. */
export function tensorsOf({ layer, parameters }: BoundLayer): NetworkLayer {
  const tensors = Object.entries(parameters).map(([name, { value }]) => [name, value] as const);
  return { layer, parameters: Object.fromEntries(tensors) };
}

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

/** x -> factor * x + offset, column by column; (cols). */
export interface Affine {
  readonly factor: Float64Array;
  readonly offset: Float64Array;
}

/**
 * The stages of prediction as one affine map, if they are batch norms alone, as in a factorization machine;
 * else null.
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

/** Batch norm in prediction, by its running statistics. */
export function affineOfNorm({ weight, bias, running_mean: mean, running_var: variance }: Tensors): Affine {
  const factor = Float64Array.from({ length: weight.cols }, (_, j) => {
    return weight.data[j] / Math.sqrt(variance.data[j] + EPSILON);
  });
  return { factor, offset: factor.map((f, j) => bias.data[j] - mean.data[j] * f) };
}
