// Explains one score as a sum of parts: a bias, one part per feature and one part per pair of features.
//     score(x) = (w0 + f(0)) + sum_i w_i x_i + sum_{i<j} x_i x_j sum_d v_id v_jd G_d,  f(p) = h . layers(p)
// G is the mean gradient of f on the line from 0 to BI(Vx): the parts are integrated gradients (Sundararajan
// et al. 2017) of the Bi-Interaction vector. Without layers G is h, which is all ones, and the parts are the
// terms of a factorization machine (Rendle 2010).

import { sigmoid, tanh } from "../core/math.ts";
import type { Tensor } from "../core/tensor.ts";
import { addToSums } from "../kernels/js/bi-interaction.ts";
import type { ActivationName } from "../kernels/kernels.ts";
import { Activation } from "../layers/activation.ts";
import { BatchNorm } from "../layers/batch-norm.ts";
import { Dense } from "../layers/dense.ts";
import { isExactly, type LayerPass } from "../layers/layer.ts";
import { affineOfNorm } from "../model/folded-layers.ts";
import type { Network, Stage } from "../model/network.ts";

/** The contribution of one feature to a score. */
export interface FeaturePart {
  /** Name of the feature, such as "user=ana"; "#17" for feature 17 of a model without an encoder. */
  readonly feature: string;
  /** The number that the feature adds to the raw score. */
  readonly contribution: number;
}

/** The contribution of a pair of features to a score. */
export interface PairPart {
  /** Names of the two features, in the order of the row. */
  readonly features: readonly [string, string];
  /** The number that the pair adds to the raw score. */
  readonly contribution: number;
}

/**
 * The parts of a raw score. Their sum is the score. Both lists are sorted by magnitude, the largest first.
 */
export interface Explanation {
  /** The score of a row without features: w0, and the output of the layers for a zero vector. */
  readonly bias: number;
  /** The linear term of each feature. */
  readonly linear: readonly FeaturePart[];
  /** The contribution of each pair of features. */
  readonly pairs: readonly PairPart[];
}

/**
 * The parts of the score of a row with n entries, without names. Their sum is the score, in the unit of the
 * labels.
 */
export interface Attribution {
  /** w0 + f(0), the score of an empty row. */
  readonly bias: number;
  /** w_i x_i of each entry, (n). */
  readonly linear: Float64Array;
  /** The part of each pair a < b of entries, in the order (0, 1), (0, 2), .., (1, 2), ..; (n (n - 1) / 2). */
  readonly pairs: Float64Array;
}

/** A layer of the network of prediction, computed in float64. */
interface Step {
  /** True for an activation, false for an affine map. */
  readonly curved: boolean;
  forward(x: Float64Array): Float64Array;
  /**
   * Computes the gradient by the input from the gradient by the output. In place of the slope of an
   * activation it takes the slope of the secant between the inputs xa and xb, whose outputs are ya and yb.
   */
  backward(
    dY: Float64Array,
    xa: Float64Array,
    xb: Float64Array,
    ya: Float64Array,
    yb: Float64Array,
  ): Float64Array;
}

/** The values at one point of the line: the input of every step, and at last the vector that h multiplies. */
type Trace = readonly Float64Array[];

/** Number of panels into which the line is divided if there are two or more activations. */
const PANELS = 128;

/**
 * Explains the score of one row. It computes in float64 from the tensors of prediction.
 *
 * @param network The network of prediction.
 * @param indices Features of the row, each below N, (n).
 * @param values Values of these features, (n); null: all ones.
 * @returns The parts of the score.
 * @throws Error if one of the layers is the user's own.
 */
export function attribute(
  network: Network,
  indices: ArrayLike<number>,
  values: ArrayLike<number> | null,
): Attribution {
  network.update();
  const { parameters, output, unit } = network;
  const { mean, scale } = unit ?? { mean: 0, scale: 1 };
  const [embedding, weights] = [parameters.embedding.value, parameters.linear.value];
  const [n, k] = [indices.length, embedding.cols];
  const steps = network.stages.map(stepOf);
  const h = Float64Array.from(output.data.subarray(0, output.cols));

  const linear = new Float64Array(n);
  const rows: Float64Array[] = []; // x_i v_i of each entry, each (k)
  const [sums, squares] = [new Float64Array(k), new Float64Array(k)];
  for (let i = 0; i < n; i++) {
    const x = values === null ? 1 : values[i];
    linear[i] = scale * (weights.data[indices[i] * weights.stride] * x);
    rows[i] = Float64Array.from(
      { length: k },
      (_, d) => embedding.data[indices[i] * embedding.stride + d] * x,
    );
    addToSums(sums, squares, embedding, indices[i], x);
  }
  const pooled = sums.map((s, d) => (s * s - squares[d]) / 2);
  const gradient = meanGradient(steps, h, pooled);
  const nothing = traceFrom(steps, new Float64Array(k));

  const pairs = new Float64Array((n * (n - 1)) / 2);
  for (let a = 0, at = 0; a < n; a++) {
    const weighted = rows[a].map((v, d) => v * gradient[d]);
    for (let b = a + 1; b < n; b++) pairs[at++] = scale * dot(weighted, rows[b]);
  }
  const output0 = parameters.bias.value.data[0] + dot(h, nothing[nothing.length - 1]);
  return { bias: mean + scale * output0, linear, pairs };
}

/**
 * Names the parts of a score and sorts them by magnitude. Equal parts keep the order of the row.
 *
 * @param attribution The parts.
 * @param indices Features of the row, (n).
 * @param nameOf Returns the name of a feature.
 * @returns The named parts.
 */
export function nameParts(
  { bias, linear, pairs }: Attribution,
  indices: ArrayLike<number>,
  nameOf: (index: number) => string,
): Explanation {
  const names = Array.from(indices, nameOf);
  const byMagnitude = (a: { contribution: number }, b: { contribution: number }): number =>
    Math.abs(b.contribution) - Math.abs(a.contribution);
  const together: PairPart[] = [];
  names.forEach((first, a) => {
    for (let b = a + 1; b < names.length; b++)
      together.push({ features: [first, names[b]], contribution: pairs[together.length] });
  });
  return {
    bias,
    linear: names.map((feature, i) => ({ feature, contribution: linear[i] })).sort(byMagnitude),
    pairs: together.sort(byMagnitude),
  };
}

/**
 * Computes the mean gradient of f on the line from 0 to `pooled`, (K). Slopes of activations are replaced by
 * slopes of secants. With a single activation sigma this is exact: its input z moves at constant speed along
 * the line, so the mean of sigma'(z) is the slope of the secant, and one panel is enough. With more
 * activations the line is divided into panels so short that the slopes hardly change within one. The parts
 * sum to the score for panels of any length. So this sum says nothing about the accuracy of G.
 */
function meanGradient(steps: readonly Step[], h: Float64Array, pooled: Float64Array): Float64Array {
  const panels = steps.filter(({ curved }) => curved).length > 1 ? PANELS : 1;
  const total = new Float64Array(pooled.length);
  let a = traceFrom(steps, new Float64Array(pooled.length));
  for (let panel = 1; panel <= panels; panel++) {
    const b = traceFrom(
      steps,
      pooled.map((p) => (p * panel) / panels),
    );
    steps
      .reduceRight((gradient, step, i) => step.backward(gradient, a[i], b[i], a[i + 1], b[i + 1]), h)
      .forEach((g, d) => (total[d] += g / panels));
    a = b;
  }
  return total;
}

/** Runs all steps from the pooled vector `p`. */
function traceFrom(steps: readonly Step[], p: Float64Array): Trace {
  const trace = [p];
  for (const step of steps) trace.push(step.forward(trace[trace.length - 1]));
  return trace;
}

/** Returns the float64 version of a layer. Throws for a layer of the user's own. */
function stepOf({ layer, pass: { parameters } }: Stage): Step {
  if (isExactly(layer, Dense)) return dense(parameters.weight, parameters.bias);
  if (isExactly(layer, BatchNorm)) return norm(parameters);
  if (isExactly(layer, Activation)) return activation(layer.activation);
  throw new Error(
    `explain: layer "${layer.type}" is one of your own; ` +
      `only Dense, BatchNorm, Activation and Dropout can be explained`,
  );
}

/** A dense layer: y = x W + b, with W (in, out). */
function dense(weight: Tensor, bias: Tensor): Step {
  const { data, rows, cols, stride } = weight;
  return {
    curved: false,
    forward(x) {
      const y = Float64Array.from(bias.data.subarray(0, cols));
      for (let i = 0; i < rows; i++) {
        for (let o = 0; o < cols; o++) y[o] += x[i] * data[i * stride + o];
      }
      return y;
    },
    backward(dY) {
      const dX = new Float64Array(rows);
      for (let i = 0; i < rows; i++) {
        let sum = 0;
        for (let o = 0; o < cols; o++) sum += data[i * stride + o] * dY[o];
        dX[i] = sum;
      }
      return dX;
    },
  };
}

/** Batch norm with running statistics: y = x * factor + offset. */
function norm(parameters: LayerPass["parameters"]): Step {
  const { factor, offset } = affineOfNorm(parameters);
  return {
    curved: false,
    forward: (x) => x.map((value, j) => value * factor[j] + offset[j]),
    backward: (dY) => dY.map((g, j) => g * factor[j]),
  };
}

/** An activation, applied to every element. */
function activation(name: ActivationName): Step {
  const { value, secant } = ACTIVATIONS[name];
  return {
    curved: true,
    forward: (x) => x.map(value),
    backward: (dY, xa, xb, ya, yb) => dY.map((g, j) => g * secant(xa[j], xb[j], ya[j], yb[j])),
  };
}

/** An activation and the slopes of its secants. */
interface Curve {
  value(x: number): number;
  /**
   * (yb - ya) / (xb - xa), or the slope at xa if xa = xb. The formula avoids differences of nearly equal
   * numbers.
   */
  secant(xa: number, xb: number, ya: number, yb: number): number;
}

const ACTIVATIONS: Readonly<Record<ActivationName, Curve>> = {
  relu: {
    value: (x) => (x < 0 ? 0 : x), // NaN stays NaN
    secant: (xa, xb) =>
      xa > 0 && xb > 0 ? 1 : xa <= 0 && xb <= 0 ? 0 : Math.max(xa, xb) / Math.abs(xa - xb),
  },
  tanh: {
    value: tanh,
    // tanh b - tanh a = tanh(b - a) (1 - tanh a tanh b)
    secant: (xa, xb, ya, yb) => tanhRatio(xb - xa) * (1 - ya * yb),
  },
  sigmoid: {
    value: sigmoid,
    // From the secant of tanh, because sigmoid x = (1 + tanh(x / 2)) / 2.
    secant: (xa, xb, ya, yb) => 0.5 * tanhRatio((xb - xa) / 2) * (ya * (1 - yb) + yb * (1 - ya)),
  },
};

/** tanh(x) / x, and 1 at x = 0. */
function tanhRatio(x: number): number {
  return x === 0 ? 1 : tanh(x) / x;
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}
