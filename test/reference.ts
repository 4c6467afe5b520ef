// The model once more, in float64 on plain arrays and as literally as the formulas stand in the paper: what
// tests compare with. Nothing here comes from src. Tensors have the names and shapes of the model file,
// flattened row by row.

/** Named tensors in PyTorch's layout: hidden.i.weight is (out, in), embedding.weight (N, K). */
export type Tensors = Map<string, Float64Array>;

export interface Row {
  readonly indices: readonly number[];
  readonly values: readonly number[];
}

export type Activation = "relu" | "tanh" | "sigmoid";

/**
 * One step between Bi-Interaction and the score. A dropout mask is given, (B, width): 0 or 1 / (1 - rate).
 */
export type Step =
  | { readonly kind: "dense"; readonly name: string }
  | { readonly kind: "norm"; readonly name: string }
  | { readonly kind: "activation"; readonly activation: Activation }
  | { readonly kind: "dropout"; readonly mask: readonly (readonly number[])[] };

export type LossName = "squared" | "log" | "hinge" | "bpr" | "max-margin";

/** Uniform numbers in [low, high) from a generator of its own. */
export function numbers(seed: number): (low?: number, high?: number) => number {
  let state = Math.imul(seed + 1, 0x9e3779b1) >>> 0;
  const next = (): number => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) >>> 5; // the low bits are poor
  return (low = 0, high = 1) => low + ((high - low) * (next() * 2 ** 27 + next())) / 2 ** 54;
}

/** The Bi-Interaction vector as the double sum over pairs i < j of x_i v_i (*) x_j v_j. v (N, K). */
export function biInteraction(row: Row, v: ArrayLike<number>, k: number): number[] {
  return Array.from({ length: k }, (_, f) => {
    let sum = 0;
    for (let i = 0; i < row.indices.length; i++) {
      for (let j = i + 1; j < row.indices.length; j++) {
        sum += row.values[i] * v[row.indices[i] * k + f] * row.values[j] * v[row.indices[j] * k + f];
      }
    }
    return sum;
  });
}

/** w0 + sum_i w_i x_i. */
export function linearTerm(row: Row, bias: number, w: ArrayLike<number>): number {
  return row.indices.reduce((sum, index, i) => sum + w[index] * row.values[i], bias);
}

function dense(x: readonly number[], weight: Float64Array, bias: Float64Array): number[] {
  return Array.from(bias, (b, out) =>
    x.reduce((sum, value, i) => sum + value * weight[out * x.length + i], b),
  );
}

/** Mean and biased variance of every column. */
export function statistics(x: readonly (readonly number[])[]): { mean: number[]; variance: number[] } {
  const mean = x[0].map((_, j) => x.reduce((sum, row) => sum + row[j], 0) / x.length);
  const variance = x[0].map((_, j) => x.reduce((sum, row) => sum + (row[j] - mean[j]) ** 2, 0) / x.length);
  return { mean, variance };
}

function norm(
  x: readonly (readonly number[])[],
  name: string,
  tensors: Tensors,
  training: boolean,
): number[][] {
  const get = (part: string): Float64Array => tensors.get(`${name}.${part}`)!;
  const { mean, variance } = training
    ? statistics(x)
    : { mean: get("running_mean"), variance: get("running_var") };
  const [scale, shift] = [get("weight"), get("bias")];
  return x.map((row) =>
    row.map((value, j) => ((value - mean[j]) / Math.sqrt(variance[j] + 1e-3)) * scale[j] + shift[j]),
  );
}

const activations: Record<Activation, (x: number) => number> = {
  relu: (x) => (x > 0 ? x : 0),
  tanh: Math.tanh,
  sigmoid: (x) => 1 / (1 + Math.exp(-x)),
};

/**
 * Scores of a batch. Without output.weight h is ones. In training batch norm uses the batch's statistics and
 * dropout its masks.
 */
export function scores(
  tensors: Tensors,
  k: number,
  steps: readonly Step[],
  rows: readonly Row[],
  training: boolean,
): number[] {
  let x = rows.map((row) => biInteraction(row, tensors.get("embedding.weight")!, k));
  for (const step of steps) {
    if (step.kind === "dense")
      x = x.map((row) => dense(row, tensors.get(`${step.name}.weight`)!, tensors.get(`${step.name}.bias`)!));
    else if (step.kind === "norm") x = norm(x, step.name, tensors, training);
    else if (step.kind === "activation") x = x.map((row) => row.map(activations[step.activation]));
    else if (training) x = x.map((row, i) => row.map((value, j) => value * step.mask[i][j]));
  }
  const h = tensors.get("output.weight");
  return rows.map((row, i) => {
    const deep = x[i].reduce((sum, value, j) => sum + value * (h ? h[j] : 1), 0);
    return linearTerm(row, tensors.get("bias")![0], tensors.get("linear.weight")!) + deep;
  });
}

/**
 * The loss of one score by its naive formula; y is 0 or 1 for "log", -1 or 1 for "hinge". For moderate
 * scores.
 */
export function pointLoss(name: "squared" | "log" | "hinge", score: number, y: number): number {
  if (name === "squared") return (score - y) ** 2;
  if (name === "log") return Math.log(1 + Math.exp(-(2 * y - 1) * score));
  return Math.max(0, 1 - y * score);
}

/** The loss of a difference s+ - s- by its naive formula. For moderate differences. */
export function pairLoss(name: "bpr" | "max-margin", difference: number, margin: number = 1): number {
  return name === "bpr" ? -Math.log(1 / (1 + Math.exp(-difference))) : Math.max(0, margin - difference);
}

/**
 * Mean over the batch, weighted if there are weights; in pairwise losses the batch is all positives, then all
 * negatives.
 */
export function batchLoss(
  name: LossName,
  s: readonly number[],
  y: readonly number[],
  weights: readonly number[] | null,
): number {
  if (name === "bpr" || name === "max-margin") {
    const pairs = s.length / 2;
    let sum = 0;
    for (let i = 0; i < pairs; i++) sum += pairLoss(name, s[i] - s[pairs + i]);
    return sum / pairs;
  }
  const total = weights === null ? s.length : weights.reduce((sum, weight) => sum + weight, 0);
  return (
    s.reduce((sum, score, i) => sum + (weights === null ? 1 : weights[i]) * pointLoss(name, score, y[i]), 0) /
    total
  );
}

/** The gradient of `loss` by every element of `x`, by central differences. */
export function differences(x: Float64Array, loss: () => number, step: number = 1e-5): Float64Array {
  return x.map((value, i) => {
    x[i] = value + step;
    const above = loss();
    x[i] = value - step;
    const below = loss();
    x[i] = value;
    return (above - below) / (2 * step);
  });
}
