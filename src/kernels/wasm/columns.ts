// Batch norm for prediction, one block of columns after the other. Addresses and strides are in bytes.
// `start` and `end` are columns in bytes.

import type { Expression, FunctionBuilder, ModuleBuilder, Operand, Variable } from "./assembler.ts";
import { add, columns, div, integers, mul, plus, range, splat, sqrt, sub, vector } from "./vectors.ts";

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
  // mean and inverseStd from the running averages
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
  m.function(
    "normalize",
    integers(10),
    (f, y, x, rowBytes, rows, mean, inverseStd, scale, shift, start, end) => {
      columns(f, start, end, 2, (j, vectors) => {
        const [means, inverses, scales, shifts] = [mean, inverseStd, scale, shift].map((base) =>
          range(vectors).map((c) => f.local("v128", vector(plus(base, j), 16 * c))),
        );
        downRows(f, [x, y], rowBytes, rows, j, ([from, to]) => {
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
    },
  );
}
