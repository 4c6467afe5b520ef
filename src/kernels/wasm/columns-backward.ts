// The kernels of training that sum over rows: column sums and batch norm. A block of columns keeps its sums
// in registers while the loop visits the rows of a block. Addresses and strides are in bytes. `start` and
// `end` are columns in bytes.

import type { Expression, FunctionBuilder, ModuleBuilder, Operand, Variable } from "./assembler.ts";
import { downRows, inRowBlocks, inverseRoot } from "./columns.ts";
import { add, columns, div, integers, mul, plus, range, splat, sub, vector, vectorsAt } from "./vectors.ts";

/**
 * Adds `columnSums`, `batchStatistics` and `batchNormBackward` of kernels.ts.
 *
 * @param m The module.
 */
export function emitColumnsBackward(m: ModuleBuilder): void {
  emitColumnSums(m);
  emitBatchStatistics(m);
  emitBatchNormBackward(m);
}

/**
 * Writes: out = the sum over the rows of some terms, in ascending order.
 *
 * @param f The function.
 * @param out Addresses of the sums, one for each term.
 * @param matrices Addresses of the matrices that the terms are made of.
 * @param rowBytes Bytes from one row of a matrix to the next.
 * @param rows Number of rows.
 * @param columns First and last column, see above.
 * @param widest Number of vectors of a block of columns.
 * @param termsAt Reads what a block of columns needs. It returns a function that makes the terms of vector c.
 */
function sumDownRows(
  f: FunctionBuilder,
  out: readonly Variable[],
  matrices: readonly Variable[],
  rowBytes: Variable,
  rows: Variable,
  [start, end]: readonly [Variable, Variable],
  widest: number,
  termsAt: (j: Variable, vectors: number) => (addresses: readonly Variable[], c: number) => Expression[],
): void {
  columns(f, start, end, 1, (j) => out.forEach((base) => f.store("v128.store", plus(base, j), splat(0))));
  inRowBlocks(f, matrices, rowBytes, 0, rows, (block, count) => {
    columns(f, start, end, widest, (j, vectors) => {
      const terms = termsAt(j, vectors);
      const sums = out.map((base) => vectorsAt(f, plus(base, j), vectors));
      downRows(f, block, rowBytes, count, j, (addresses) =>
        range(vectors).forEach((c) =>
          terms(addresses, c).forEach((term, t) => f.set(sums[t][c], add(sums[t][c], term))),
        ),
      );
      out.forEach((base, t) =>
        sums[t].forEach((sum, c) => f.store("v128.store", plus(base, j), sum, 16 * c)),
      );
    });
  });
}

/** Adds `columnSums`. */
function emitColumnSums(m: ModuleBuilder): void {
  m.function("columnSums", integers(6), (f, out, x, rowBytes, rows, start, end) => {
    sumDownRows(f, [out], [x], rowBytes, rows, [start, end], 8, () => ([from], c) => [vector(from, 16 * c)]);
  });
}

/** Adds `batchStatistics`. */
function emitBatchStatistics(m: ModuleBuilder): void {
  // mean and inverseStd of the batch, and the running averages
  const statistics = [...integers(9), "f32", "f32", "f32"] as const;
  m.function(
    "batchStatistics",
    statistics,
    (
      f,
      x,
      rowBytes,
      rows,
      mean,
      inverseStd,
      runningMean,
      runningVariance,
      start,
      end,
      count,
      epsilon,
      momentum,
    ) => {
      const each = [start, end] as const;
      sumDownRows(f, [mean], [x], rowBytes, rows, each, 4, () => ([from], c) => [vector(from, 16 * c)]);
      columns(f, start, end, 1, (j) =>
        f.store("v128.store", plus(mean, j), div(vector(plus(mean, j)), splat(count))),
      );
      sumDownRows(f, [inverseStd], [x], rowBytes, rows, each, 4, (j, vectors) => {
        const means = vectorsAt(f, plus(mean, j), vectors);
        return ([from], c) => {
          const d = f.local("v128", sub(vector(from, 16 * c), means[c]));
          return [mul(d, d)];
        };
      });
      columns(f, start, end, 1, (j) => {
        const variance = f.local("v128", div(vector(plus(inverseStd, j)), splat(count)));
        const follow = (running: Variable, batch: Operand): void => {
          const old = f.local("v128", vector(plus(running, j)));
          f.store("v128.store", plus(running, j), add(old, mul(splat(momentum), sub(batch, old))));
        };
        follow(runningMean, vector(plus(mean, j)));
        follow(runningVariance, variance);
        f.store("v128.store", plus(inverseStd, j), inverseRoot(variance, epsilon));
      });
    },
  );
}

/** Adds `batchNormBackward`. */
function emitBatchNormBackward(m: ModuleBuilder): void {
  // n = (x - mean) * inverseStd; dShift = sum dY; dScale = sum dY * n
  // dX = factor * ((dY - dShift / B) - n * (dScale / B))
  const backward = [...integers(12), "f32"] as const;
  m.function(
    "batchNormBackward",
    backward,
    (f, dX, dScale, dShift, x, dY, rowBytes, rows, mean, inverseStd, scale, start, end, count) => {
      /** Makes the expression n for the vectors of a block of columns. */
      const normalizedAt = (j: Variable, vectors: number): ((from: Variable, c: number) => Expression) => {
        const [means, inverses] = [mean, inverseStd].map((base) => vectorsAt(f, plus(base, j), vectors));
        return (from, c) => mul(sub(vector(from, 16 * c), means[c]), inverses[c]);
      };
      sumDownRows(f, [dShift, dScale], [x, dY], rowBytes, rows, [start, end], 2, (j, vectors) => {
        const normalized = normalizedAt(j, vectors);
        return ([fromX, fromD], c) => {
          const d = f.local("v128", vector(fromD, 16 * c));
          return [d, mul(d, normalized(fromX, c))];
        };
      });
      inRowBlocks(f, [x, dY, dX], rowBytes, 0, rows, (block, rowsOfBlock) => {
        columns(f, start, end, 2, (j, vectors) => {
          const normalized = normalizedAt(j, vectors);
          const factors = range(vectors).map((c) =>
            f.local("v128", mul(vector(plus(scale, j), 16 * c), vector(plus(inverseStd, j), 16 * c))),
          );
          const [shifts, scales] = [dShift, dScale].map((sums) =>
            range(vectors).map((c) => f.local("v128", div(vector(plus(sums, j), 16 * c), splat(count)))),
          );
          downRows(f, block, rowBytes, rowsOfBlock, j, ([fromX, fromD, to]) => {
            range(vectors).forEach((c) => {
              const d = sub(vector(fromD, 16 * c), shifts[c]);
              f.store(
                "v128.store",
                to,
                mul(factors[c], sub(d, mul(normalized(fromX, c), scales[c]))),
                16 * c,
              );
            });
          });
        });
      });
    },
  );
}
