// The kernels of training that sum over rows: column sums and batch norm. A block of columns keeps its sums
// in registers while the loop visits all rows. Blocks of eight vectors are two cache lines of a row.
// Addresses and strides are in bytes. `start` and `end` are columns in bytes.

import type { Expression, ModuleBuilder, Variable } from "./assembler.ts";
import { downRows, inverseRoot } from "./columns.ts";
import { add, columns, div, integers, mul, plus, range, splat, sub, vector } from "./vectors.ts";

/** Number of vectors per block of column sums. */
const BLOCK = 8;

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

/** Adds `columnSums`. */
function emitColumnSums(m: ModuleBuilder): void {
  m.function("columnSums", integers(6), (f, out, x, rowBytes, rows, start, end) => {
    columns(f, start, end, BLOCK, (j, vectors) => {
      const sums = range(vectors).map(() => f.local("v128", splat(0)));
      downRows(f, [x], rowBytes, rows, j, ([from]) =>
        sums.forEach((sum, c) => f.set(sum, add(sum, vector(from, 16 * c)))),
      );
      sums.forEach((sum, c) => f.store("v128.store", plus(out, j), sum, 16 * c));
    });
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
      columns(f, start, end, 4, (j, vectors) => {
        const means = range(vectors).map(() => f.local("v128", splat(0)));
        downRows(f, [x], rowBytes, rows, j, ([from]) =>
          means.forEach((sum, c) => f.set(sum, add(sum, vector(from, 16 * c)))),
        );
        means.forEach((sum) => f.set(sum, div(sum, splat(count))));
        const squares = range(vectors).map(() => f.local("v128", splat(0)));
        downRows(f, [x], rowBytes, rows, j, ([from]) => {
          squares.forEach((sum, c) => {
            const d = f.local("v128", sub(vector(from, 16 * c), means[c]));
            f.set(sum, add(sum, mul(d, d)));
          });
        });
        range(vectors).forEach((c) => {
          const variance = f.local("v128", div(squares[c], splat(count)));
          const follow = (running: Variable, batch: Variable): void => {
            const old = f.local("v128", vector(plus(running, j), 16 * c));
            f.store("v128.store", plus(running, j), add(old, mul(splat(momentum), sub(batch, old))), 16 * c);
          };
          follow(runningMean, means[c]);
          follow(runningVariance, variance);
          f.store("v128.store", plus(mean, j), means[c], 16 * c);
          f.store("v128.store", plus(inverseStd, j), inverseRoot(variance, epsilon), 16 * c);
        });
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
      columns(f, start, end, 2, (j, vectors) => {
        const [means, inverses] = [mean, inverseStd].map((base) =>
          range(vectors).map((c) => f.local("v128", vector(plus(base, j), 16 * c))),
        );
        const scaleSums = range(vectors).map(() => f.local("v128", splat(0)));
        const shiftSums = range(vectors).map(() => f.local("v128", splat(0)));
        const normalized = (from: Variable, c: number): Expression =>
          mul(sub(vector(from, 16 * c), means[c]), inverses[c]);
        downRows(f, [x, dY], rowBytes, rows, j, ([fromX, fromD]) => {
          range(vectors).forEach((c) => {
            const d = f.local("v128", vector(fromD, 16 * c));
            f.set(shiftSums[c], add(shiftSums[c], d));
            f.set(scaleSums[c], add(scaleSums[c], mul(d, normalized(fromX, c))));
          });
        });
        const factors = range(vectors).map((c) =>
          f.local("v128", mul(vector(plus(scale, j), 16 * c), inverses[c])),
        );
        range(vectors).forEach((c) => {
          f.store("v128.store", plus(dShift, j), shiftSums[c], 16 * c);
          f.store("v128.store", plus(dScale, j), scaleSums[c], 16 * c);
          f.set(shiftSums[c], div(shiftSums[c], splat(count)));
          f.set(scaleSums[c], div(scaleSums[c], splat(count)));
        });
        downRows(f, [x, dY, dX], rowBytes, rows, j, ([fromX, fromD, to]) => {
          range(vectors).forEach((c) => {
            f.store(
              "v128.store",
              to,
              mul(
                factors[c],
                sub(sub(vector(fromD, 16 * c), shiftSums[c]), mul(normalized(fromX, c), scaleSums[c])),
              ),
              16 * c,
            );
          });
        });
      });
    },
  );
}
