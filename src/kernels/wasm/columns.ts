// Batch norm for prediction. Addresses and strides are in bytes.

import {
  type Expression,
  type FunctionBuilder,
  type ModuleBuilder,
  type Operand,
  op,
  type Variable,
} from "./assembler.ts";
import {
  add,
  at,
  columns,
  div,
  integers,
  least,
  mul,
  plus,
  range,
  splat,
  sqrt,
  sub,
  vector,
  vectorsAt,
} from "./vectors.ts";

/** Number of rows of a block: its parts of three matrices stay in the first-level cache at any width. */
const ROWS = 8;

/**
 * Writes a loop over blocks of rows. A block comes from slow memory only once: its columns are then read from
 * the first-level cache.
 *
 * @param f The function.
 * @param matrices Addresses of the matrices.
 * @param rowBytes Bytes from one row to the next, the same in all matrices.
 * @param start First row.
 * @param end The row behind the last one.
 * @param body Writes the body. It gets the address of the block in each matrix, and its number of rows.
 */
export function inRowBlocks(
  f: FunctionBuilder,
  matrices: readonly Variable[],
  rowBytes: Variable,
  start: Operand,
  end: Operand,
  body: (block: Variable[], rows: Variable) => void,
): void {
  f.for(start, end, ROWS, (first) => {
    const block = matrices.map((matrix) => f.local("i32", at(matrix, first, rowBytes)));
    body(block, least(f, op("i32.sub", end, first), ROWS));
  });
}

/**
 * Writes a loop over the rows of a block of columns.
 *
 * @param f The function.
 * @param matrices Addresses of the matrices.
 * @param rowBytes Bytes from one row to the next, the same in all matrices.
 * @param rows Number of rows.
 * @param j First column of the block, in bytes.
 * @param body Writes the body. It gets the address of the block's part of the row in each matrix.
 */
export function downRows(
  f: FunctionBuilder,
  matrices: readonly Variable[],
  rowBytes: Variable,
  rows: Variable,
  j: Operand,
  body: (addresses: Variable[]) => void,
): void {
  const addresses = matrices.map((matrix) => f.local("i32", plus(matrix, j)));
  f.for(0, rows, 1, () => {
    body(addresses);
    addresses.forEach((address) => f.increase(address, rowBytes));
  });
}

/**
 * Makes the expression 1 / sqrt(variance + epsilon).
 *
 * @param variance A vector of variances.
 * @param epsilon A float.
 * @returns The expression.
 */
export function inverseRoot(variance: Operand, epsilon: Variable): Expression {
  return div(splat(1), sqrt(add(variance, splat(epsilon))));
}

/**
 * Adds `runningStatistics` and `normalize` of kernels.ts.
 *
 * @param m The module.
 */
export function emitColumns(m: ModuleBuilder): void {
  // mean and inverseStd from the running averages; `start` and `end` are columns in bytes
  m.function(
    "runningStatistics",
    [...integers(6), "f32"],
    (f, mean, inverseStd, runningMean, runningVariance, start, end, epsilon) => {
      columns(f, start, end, 1, (j) => {
        f.store("v128.store", plus(mean, j), vector(plus(runningMean, j)));
        f.store("v128.store", plus(inverseStd, j), inverseRoot(vector(plus(runningVariance, j)), epsilon));
      });
    },
  );

  // y = ((x - mean) * inverseStd) * scale + shift
  m.function("normalize", integers(9), (f, y, x, rowBytes, mean, inverseStd, scale, shift, start, end) => {
    inRowBlocks(f, [x, y], rowBytes, start, end, (block, rows) => {
      columns(f, 0, rowBytes, 2, (j, vectors) => {
        const [means, inverses, scales, shifts] = [mean, inverseStd, scale, shift].map((base) =>
          vectorsAt(f, plus(base, j), vectors),
        );
        downRows(f, block, rowBytes, rows, j, ([from, to]) => {
          range(vectors).forEach((c) =>
            f.store(
              "v128.store",
              to,
              add(mul(mul(sub(vector(from, 16 * c), means[c]), inverses[c]), scales[c]), shifts[c]),
              16 * c,
            ),
          );
        });
      });
    });
  });
}
