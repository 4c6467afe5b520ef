// Explains one score as a sum of parts: a bias, a part of each feature and a part of each pair of features,
//     score(x) = (w0 + f(0)) + sum_i w_i x_i + sum_{i<j} x_i x_j sum_d v_id v_jd G_d,    f(p) = h . layers(p),
// G = mean of grad f along the ray from 0 to BI(Vx): integrated gradients (Sundararajan et al. 2017) on the
// Bi-Interaction vector. In a factorization machine G is ones, and the parts are the terms of its own formula.

import { sigmoid, tanh } from "./core/math.ts";
import type { Tensor } from "./core/tensor.ts";
import type { Stage } from "./inference.ts";
import type { ActivationName } from "./kernels/kernels.ts";
import { Activation } from "./layers/activation.ts";
import { BatchNorm, EPSILON } from "./layers/batch-norm.ts";
import { Dense } from "./layers/dense.ts";
import { Dropout } from "./layers/dropout.ts";
import type { LayerPass } from "./layers/layer.ts";
import type { Scorer } from "./network.ts";

/** The parts of one score of a row of n entries; together they are the score. */
export interface Attribution {
  /** w0 + f(0), the score of an empty row. */
  readonly bias: number;
  /** w_i x_i of each entry, (n). */
  readonly linear: Float64Array;
  /** The part of each pair a < b of entries, in the order (0, 1), (0, 2), .., (1, 2), .., (n(n-1)/2). */
  readonly pairs: Float64Array;
}

/** A layer of prediction in float64. */
interface Step {
  /** Null for an affine map. */
  readonly activation: ActivationName | null;
  forward(x: Float64Array): Float64Array;
  /** The gradient by the input from that by the output; activations take secants from xa to xb (outputs ya, yb) for their slopes. */
  backward(dY: Float64Array, xa: Float64Array, xb: Float64Array, ya: Float64Array, yb: Float64Array): Float64Array;
}

/** One point of the ray: the input of every step, and last the vector that h is multiplied with. */
type Trace = readonly Float64Array[];

/** A stretch of the ray with its middle, the secant gradients of its halves, and what they say of the mean gradient. */
interface Panel {
  readonly a: Trace;
  readonly middle: Trace;
  readonly b: Trace;
  readonly left: Float64Array;
  readonly right: Float64Array;
  readonly estimate: Float64Array;
}

/** What two estimates of G may differ by in all pairs together, relative to the score's terms; what remains is about a tenth. */
const TOLERANCE = 1e-8;
/** How far the input of tanh or sigmoid may move within a panel while the output moves as well. */
const MAX_STEP = 2;
/** Width of panels that are not divided any further. */
const MIN_WIDTH = 2 ** -40;
/** A kink this near to an end of a panel, as a fraction of it, is rounding. */
const AT_THE_END = 1e-12;

/**
 * Explains the score of one row. Computes in float64 from the tensors of prediction.
 *
 * @param indices Features of the row, (n), each below N.
 * @param values Their values, (n); null: all ones.
 * @throws Error if one of the layers is the user's own.
 */
export function attribute(scorer: Scorer, indices: ArrayLike<number>, values: ArrayLike<number> | null): Attribution {
  const { embedding, output } = scorer;
  const [n, k] = [indices.length, embedding.cols];
  const steps = scorer.stages.filter(({ layer }) => !(layer instanceof Dropout)).map(stepOf);
  const h = Float64Array.from(output.data.subarray(0, output.cols));

  const linear = new Float64Array(n);
  const rows: Float64Array[] = []; // x_i v_i
  const before = new Float64Array(k); // the sum of those so far, which makes the double sum over pairs a single one
  const magnitudesBefore = new Float64Array(k);
  const pooled = new Float64Array(k);
  const magnitudes = new Float64Array(k); // sum_{i<j} |x_i x_j v_id v_jd|: how far G_d reaches into the pairs
  for (let i = 0; i < n; i++) {
    const x = values === null ? 1 : values[i];
    linear[i] = scorer.linear.data[indices[i] * scorer.linear.stride] * x;
    rows[i] = Float64Array.from({ length: k }, (_, d) => embedding.data[indices[i] * embedding.stride + d] * x);
    rows[i].forEach((v, d) => {
      pooled[d] += before[d] * v;
      before[d] += v;
      magnitudes[d] += magnitudesBefore[d] * Math.abs(v);
      magnitudesBefore[d] += Math.abs(v);
    });
  }

  const [start, end] = [new Float64Array(k), pooled].map((p) => traceFrom(steps, [p]));
  const w0 = scorer.bias.data[0];
  const scale = linear.reduce((sum, part) => sum + Math.abs(part), Math.abs(w0)) + dot(h.map(Math.abs), end.at(-1)!.map(Math.abs));
  const gradient = meanGradient(steps, h, start, end, magnitudes, scale);

  const pairs = new Float64Array((n * (n - 1)) / 2);
  for (let a = 0, at = 0; a < n; a++) {
    const weighted = rows[a].map((v, d) => v * gradient[d]);
    for (let b = a + 1; b < n; b++) pairs[at++] = dot(weighted, rows[b]);
  }
  return { bias: w0 + dot(h, start.at(-1)!), linear, pairs };
}

/**
 * The mean of grad f on the ray from `start` to `end`, (K). Secants in place of the slopes of activations give it exactly
 * for a panel of the ray where all activations but the last are linear: there z moves evenly, so the mean of sigma'(z) is
 * the secant of sigma. One hidden layer takes one panel, a deeper stack of relu one panel between any two kinks of the
 * earlier layers. Where an earlier layer is curved, panels are halved until that changes nothing. Completeness holds for
 * the secants of any panel, so the sum of the parts says nothing about the error of G.
 *
 * @param magnitudes What an error of 1 in G_d amounts to, summed over all pairs, (K).
 * @param scale Size of the score's terms.
 */
function meanGradient(steps: readonly Step[], h: Float64Array, start: Trace, end: Trace, magnitudes: Float64Array, scale: number): Float64Array {
  const activations = [...steps.keys()].filter((i) => steps[i].activation !== null);
  const earlier = activations.slice(0, -1);
  const curved = earlier.filter((i) => steps[i].activation !== "relu");
  const kinked = earlier.filter((i) => !(i >= curved[0]));
  const kinkedBehind = activations.filter((i) => i > curved[0] && steps[i].activation === "relu");
  const total = new Float64Array(magnitudes.length);
  const add = (width: number, gradient: Float64Array): void => gradient.forEach((g, d) => (total[d] += width * g));

  /** Cuts at kinks, those of the first layers first: the inputs of the next layers are linear only between them. */
  function walk(a: Trace, b: Trace, width: number): void {
    for (const i of kinked) {
      const fraction = kinkBetween(a[i], b[i]);
      if (fraction === null) continue;
      const kink = between(steps, a, b, fraction, i);
      walk(a, kink, width * fraction);
      walk(kink, b, width * (1 - fraction));
      return;
    }
    const gradient = secantGradient(steps, h, a, b);
    if (curved.length === 0) add(width, gradient);
    else refine(halve(a, b, gradient), width);
  }

  /** The error of secants is even in the width: the whole and its halves cancel the square of it (Richardson). */
  function halve(a: Trace, b: Trace, whole: Float64Array): Panel {
    const middle = between(steps, a, b, 0.5, 0);
    const [left, right] = [secantGradient(steps, h, a, middle), secantGradient(steps, h, middle, b)];
    return { a, middle, b, left, right, estimate: whole.map((g, d) => (2 * (left[d] + right[d]) - g) / 3) };
  }

  function refine({ a, middle, b, left, right, estimate }: Panel, width: number): void {
    const [first, second] = [halve(a, middle, left), halve(middle, b, right)];
    const finer = first.estimate.map((g, d) => (g + second.estimate[d]) / 2);
    const change = width * dot(magnitudes, finer.map((g, d) => Math.abs(g - estimate[d])));
    const size = width * dot(magnitudes, finer.map(Math.abs));
    const differ = change > TOLERANCE * (scale + size); // false of NaN, so that it ends here
    if (width > MIN_WIDTH && (differ || curved.some((i) => outruns(i, a, b)) || kinkedBehind.some((i) => dips(i, a, middle, b)))) {
      refine(first, width / 2);
      refine(second, width / 2);
    } else add(width, finer.map((g, d) => g + (g - estimate[d]) / 15)); // cancels the fourth power too
  }

  walk(start, end, 1);
  return total;
}

/** Whether step i, a curve, changes within too long a panel: where two layers do so at one place, all panels around it agree. */
function outruns(i: number, a: Trace, b: Trace): boolean {
  return a[i].some((x, j) => Math.abs(b[i][j] - x) > MAX_STEP && Math.abs(b[i + 1][j] - a[i + 1][j]) > TOLERANCE);
}

/** Whether an input of step i, a relu, may change its sign twice between the points of a panel: it is nearer to 0 than to a line. */
function dips(i: number, a: Trace, middle: Trace, b: Trace): boolean {
  return a[i].some((x, j) => {
    const [y, z] = [middle[i][j], b[i][j]];
    const bow = Math.abs(x - 2 * y + z);
    return bow > TOLERANCE && x > 0 === y > 0 && y > 0 === z > 0 && Math.min(Math.abs(x), Math.abs(y), Math.abs(z)) < bow;
  });
}

/** Where between xa and xb, as a fraction, an element changes its sign: of all such places the one next to the middle. */
function kinkBetween(xa: Float64Array, xb: Float64Array): number | null {
  let nearest: number | null = null;
  for (let j = 0; j < xa.length; j++) {
    if (xa[j] > 0 === xb[j] > 0) continue;
    const fraction = xa[j] / (xa[j] - xb[j]);
    if (!(fraction > AT_THE_END && fraction < 1 - AT_THE_END)) continue;
    if (nearest === null || Math.abs(fraction - 0.5) < Math.abs(nearest - 0.5)) nearest = fraction;
  }
  return nearest;
}

/** The point at a fraction of the way from a to b, where the inputs of steps 0 to `linearUpTo` are linear. */
function between(steps: readonly Step[], a: Trace, b: Trace, fraction: number, linearUpTo: number): Trace {
  return traceFrom(steps, a.slice(0, linearUpTo + 1).map((x, i) => x.map((from, j) => from + fraction * (b[i][j] - from))));
}

/** Completes a trace from the inputs of its first steps. */
function traceFrom(steps: readonly Step[], inputs: readonly Float64Array[]): Trace {
  const trace = [...inputs];
  for (let i = trace.length - 1; i < steps.length; i++) trace.push(steps[i].forward(trace[i]));
  return trace;
}

/** The gradient of f with the secants from a to b for slopes: times BI(b) - BI(a) it is f(b) - f(a). (K). */
function secantGradient(steps: readonly Step[], h: Float64Array, a: Trace, b: Trace): Float64Array {
  return steps.reduceRight((gradient, step, i) => step.backward(gradient, a[i], b[i], a[i + 1], b[i + 1]), h);
}

function stepOf({ layer, pass: { parameters } }: Stage): Step {
  if (layer instanceof Dense) return dense(parameters.weight, parameters.bias);
  if (layer instanceof BatchNorm) return norm(parameters);
  if (layer instanceof Activation) return activation(layer.activation);
  throw new Error(`explain: layer "${layer.type}" is one of your own; only Dense, BatchNorm, Activation and Dropout can be explained`);
}

/** y = x W + b; W (in, out). */
function dense(weight: Tensor, bias: Tensor): Step {
  const { data, rows, cols, stride } = weight;
  return {
    activation: null,
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

/** Batch norm by running statistics. */
function norm({ weight, bias, running_mean: mean, running_var: variance }: LayerPass["parameters"]): Step {
  const factor = Float64Array.from({ length: weight.cols }, (_, j) => weight.data[j] / Math.sqrt(variance.data[j] + EPSILON));
  return {
    activation: null,
    forward: (x) => x.map((value, j) => (value - mean.data[j]) * factor[j] + bias.data[j]),
    backward: (dY) => dY.map((g, j) => g * factor[j]),
  };
}

function activation(name: ActivationName): Step {
  const { value, secant } = ACTIVATIONS[name];
  return {
    activation: name,
    forward: (x) => x.map(value),
    backward: (dY, xa, xb, ya, yb) => dY.map((g, j) => g * secant(xa[j], xb[j], ya[j], yb[j])),
  };
}

interface Curve {
  value(x: number): number;
  /** (yb - ya) / (xb - xa), or the slope where the two meet, written so that nothing cancels. */
  secant(xa: number, xb: number, ya: number, yb: number): number;
}

const ACTIVATIONS: Readonly<Record<ActivationName, Curve>> = {
  relu: {
    value: (x) => (x < 0 ? 0 : x), // NaN stays NaN
    secant: (xa, xb) => (xa > 0 && xb > 0 ? 1 : xa <= 0 && xb <= 0 ? 0 : Math.max(xa, xb) / Math.abs(xa - xb)),
  },
  tanh: {
    value: tanh,
    secant: (xa, xb, ya, yb) => tanhRatio(xb - xa) * (1 - ya * yb), // tanh b - tanh a = tanh(b - a) (1 - tanh a tanh b)
  },
  sigmoid: {
    value: sigmoid,
    secant: (xa, xb, ya, yb) => 0.5 * tanhRatio((xb - xa) / 2) * (ya * (1 - yb) + yb * (1 - ya)), // by sigmoid x = (1 + tanh(x/2)) / 2
  },
};

/** tanh(x) / x. */
function tanhRatio(x: number): number {
  return x === 0 ? 1 : tanh(x) / x;
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}
