// Logistic and ridge regression on sparse rows, solved to the optimum by coordinate descent with Newton steps
// (Yuan et al. 2010, "A Comparison of Optimization Methods for L1-regularized Linear Classification"). The
// strength of the L2 penalty is chosen on validation rows. It shares nothing with the library but CSRMatrix.

import type { CSRMatrix } from "../../src/index.ts";

/** A linear model. */
export interface Linear {
  readonly bias: number;
  readonly weights: Float64Array;
}

/** The entries of a matrix by column. */
interface Columns {
  readonly start: Uint32Array;
  readonly rows: Uint32Array;
  readonly values: Float64Array;
}

function toColumns({ rows, cols, indptr, indices, values }: CSRMatrix): Columns {
  const start = new Uint32Array(cols + 1);
  for (const index of indices) start[index + 1]++;
  for (let j = 0; j < cols; j++) start[j + 1] += start[j];
  const next = start.slice();
  const result = { start, rows: new Uint32Array(indices.length), values: new Float64Array(indices.length) };
  for (let i = 0; i < rows; i++) {
    for (let p = indptr[i]; p < indptr[i + 1]; p++) {
      const to = next[indices[p]]++;
      result.rows[to] = i;
      result.values[to] = values === null ? 1 : values[p];
    }
  }
  return result;
}

/** The scores of rows, (rows). */
export function linearScores({ rows, indptr, indices, values }: CSRMatrix, model: Linear): Float64Array {
  const scores = new Float64Array(rows).fill(model.bias);
  for (let i = 0; i < rows; i++) {
    for (let p = indptr[i]; p < indptr[i + 1]; p++) {
      scores[i] += model.weights[indices[p]] * (values === null ? 1 : values[p]);
    }
  }
  return scores;
}

/** The penalties that are tried, from the strongest to the weakest. */
const PENALTIES = [300, 100, 30, 10, 3, 1, 0.3];

/**
 * Fits a linear model for each penalty, the strongest first; each starts from the one before.
 *
 * @param until The smallest penalty to go to. Default: the smallest of all.
 * @returns The penalties with their models.
 */
export function* fitPath(
  loss: "log" | "squared",
  x: CSRMatrix,
  y: Float64Array,
  until: number = 0,
): Generator<{ penalty: number; model: Linear }, void> {
  const columns = toColumns(x);
  const weights = new Float64Array(x.cols);
  const scores = new Float64Array(x.rows);
  let bias = 0;
  for (const penalty of PENALTIES) {
    if (penalty < until) return;
    for (let sweep = 0; sweep < 30; sweep++) {
      let moved = sweepOnce(loss, columns, y, penalty, weights, scores);
      const step = newtonStep(loss, null, 0, x.rows, columns, y, scores);
      bias += step;
      for (let i = 0; i < x.rows; i++) scores[i] += step;
      moved = Math.max(moved, Math.abs(step));
      if (moved < 0.01 * scaleOf(loss, y)) break;
    }
    yield { penalty, model: { bias, weights: weights.slice() } };
  }
}

/** What weights are measured by when it is decided that they stand still. */
function scaleOf(loss: "log" | "squared", y: Float64Array): number {
  if (loss === "log") return 1;
  const mean = y.reduce((sum, value) => sum + value, 0) / y.length;
  return Math.sqrt(y.reduce((sum, value) => sum + (value - mean) ** 2, 0) / y.length);
}

function sweepOnce(
  loss: "log" | "squared",
  columns: Columns,
  y: Float64Array,
  penalty: number,
  weights: Float64Array,
  scores: Float64Array,
): number {
  let moved = 0;
  for (let j = 0; j < weights.length; j++) {
    const [start, end] = [columns.start[j], columns.start[j + 1]];
    if (start === end) continue;
    const step = newtonStep(loss, { penalty, weight: weights[j] }, start, end, columns, y, scores);
    weights[j] += step;
    for (let p = start; p < end; p++) scores[columns.rows[p]] += step * columns.values[p];
    moved = Math.max(moved, Math.abs(step));
  }
  return moved;
}

/** The Newton step of one weight, or of the bias if `weight` is null; then start..end are rows. */
function newtonStep(
  loss: "log" | "squared",
  weight: { penalty: number; weight: number } | null,
  start: number,
  end: number,
  columns: Columns,
  y: Float64Array,
  scores: Float64Array,
): number {
  let slope = weight === null ? 0 : weight.penalty * weight.weight;
  let curvature = weight === null ? 1e-9 : weight.penalty;
  for (let p = start; p < end; p++) {
    const i = weight === null ? p : columns.rows[p];
    const value = weight === null ? 1 : columns.values[p];
    if (loss === "squared") {
      slope += value * (scores[i] - y[i]);
      curvature += value * value;
    } else {
      const probability = 1 / (1 + Math.exp(-scores[i]));
      slope += value * (probability - y[i]);
      curvature += value * value * Math.max(0.002, probability * (1 - probability));
    }
  }
  const step = -slope / curvature;
  return loss === "log" ? Math.min(1, Math.max(-1, step)) : step;
}
