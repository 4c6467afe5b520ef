// The transpose of a matrix.

import { load, type ModuleBuilder, op, shuffle, type Variable } from "./assembler.ts";
import { at, integers, plus, range } from "./vectors.ts";

/**
 * Adds `transpose` of kernels.ts: out = x^T. Blocks of 4 x 4 floats are transposed by shuffles, and the
 * remaining rows and columns are copied float by float. Strides are in bytes.
 *
 * @param m The module.
 */
export function emitTranspose(m: ModuleBuilder): void {
  m.function("transpose", integers(6), (f, out, outRow, x, xRow, rows, cols) => {
    const wholeRows = f.local("i32", op("i32.and", rows, -4));
    const wholeCols = f.local("i32", op("i32.and", cols, -4));
    const copy = (i: Variable, j: Variable): void => {
      const value = load("f32.load", plus(at(x, i, xRow), op("i32.shl", j, 2)));
      f.store("f32.store", plus(at(out, j, outRow), op("i32.shl", i, 2)), value);
    };
    f.for(0, wholeRows, 4, (i) => {
      f.for(0, wholeCols, 4, (j) => {
        const from = f.local("i32", plus(at(x, i, xRow), op("i32.shl", j, 2)));
        const to = f.local("i32", plus(at(out, j, outRow), op("i32.shl", i, 2)));
        const [a, b, c, d] = range(4).map(() => {
          const row = f.local("v128", load("v128.load", from));
          f.increase(from, xRow);
          return row;
        });
        const [ab, cd] = [
          [a, b],
          [c, d],
        ].map(([upper, lower]) => [
          f.local("v128", shuffle(upper, lower, 0, 4, 1, 5)),
          f.local("v128", shuffle(upper, lower, 2, 6, 3, 7)),
        ]);
        range(4).forEach((k) => {
          const half = k >> 1;
          f.store(
            "v128.store",
            to,
            k % 2 === 0 ? shuffle(ab[half], cd[half], 0, 1, 4, 5) : shuffle(ab[half], cd[half], 2, 3, 6, 7),
          );
          f.increase(to, outRow);
        });
      });
    });
    f.for(wholeRows, rows, 1, (i) => f.for(0, cols, 1, (j) => copy(i, j)));
    f.for(0, wholeRows, 1, (i) => f.for(wholeCols, cols, 1, (j) => copy(i, j)));
  });
}
