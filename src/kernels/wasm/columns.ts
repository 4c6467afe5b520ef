// Batch norm for prediction, going down columns. Addresses and strides are in bytes; `start` and `end` are
// byte columns.

import type { Expression, FunctionBuilder, ModuleBuilder, Operand, Variable } from "./assembler.ts";
import { add, columns, div, integers, mul, plus, range, splat, sqrt, sub, vector } from "./vectors.ts";

/** Runs `body` for every row with the addresses of its block in the matrices. */
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

/** 1 / sqrt(variance + epsilon) */
export function inverseRoot(variance: Operand, epsilon: Variable): Expression {
  return div(splat(1), sqrt(add(variance, splat(epsilon))));
}

/** Adds `runningStatistics` and `normalize`. */
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
