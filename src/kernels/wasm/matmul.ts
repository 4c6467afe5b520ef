// The matrix product. The sums of one tile of c stay in registers while p runs over the depth. Each sum adds
// its terms in ascending order from 0, as the plain version does. The same function computes all three
// products of a dense layer: element (i, p) of a is at a + i * aRow + p * aCol, so a matrix is transposed by
// exchanging aRow and aCol.

import { type FunctionBuilder, load, type ModuleBuilder, op, type Variable } from "./assembler.ts";
import { add, integers, mul, plus, range, splat } from "./vectors.ts";

/**
 * The shapes of tiles. The last one is a single vector wide, for the remaining columns. Measured at 64, 128
 * and 256 columns: tiles of 4 x 8 floats reach 38 GFLOP/s on Node 20 and 58 on Node 24. Tiles of 3 x 16
 * floats reach 37 and 34, because their sums do not fit into the registers.
 */
const TILES: readonly (readonly [rows: number, vectors: number])[] = [
  [4, 2],
  [4, 1],
];

/** Number of steps of p per iteration of the innermost loop. */
const UNROLL = 4;

/**
 * Adds `matmul`, which computes `matmul` and `matmulTransposed` of kernels.ts.
 *
 * @param m The module.
 */
export function emitMatmul(m: ModuleBuilder): void {
  // Computes the rows 0 to end - 1 of c, all columns. Strides and `width` are in bytes. bias = 0: there is no
  // bias. more = 1: the sums start from the present values of c.
  m.function("matmul", integers(12), (f, c, cRow, a, aRow, aCol, depth, b, bRow, bias, more, end, width) => {
    const start = f.local("i32");
    const j = f.local("i32");
    const operands = { c, cRow, a, aRow, aCol, depth, b, bRow, bias, more, start, j };
    for (const [rows, vectors] of TILES) {
      const bytes = 16 * vectors;
      const last = f.local(
        "i32",
        vectors === 1 ? width : op("i32.sub", width, op("i32.and", op("i32.sub", width, j), bytes - 1)),
      );
      f.while(j, last, bytes, () => {
        f.set(start, 0);
        const whole = f.local("i32", op("i32.sub", end, rows - 1));
        f.if(op("i32.lt_u", rows - 1, end), () => {
          f.while(start, whole, rows, () => tile(f, rows, vectors, operands));
        });
        f.while(start, end, 1, () => tile(f, 1, vectors, operands));
      });
    }
  });
}

type Operands = Record<
  "c" | "cRow" | "a" | "aRow" | "aCol" | "depth" | "b" | "bRow" | "bias" | "more" | "start" | "j",
  Variable
>;

/**
 * Writes the code for one tile of c: `rows` rows from row `start` on, 4 * `vectors` columns from byte `j` on.
 */
function tile(
  f: FunctionBuilder,
  rows: number,
  vectors: number,
  { c, cRow, a, aRow, aCol, depth, b, bRow, bias, more, start, j }: Operands,
): void {
  const out = range(rows).map((i) => f.local("i32", plus(plus(c, j), op("i32.mul", plus(start, i), cRow))));
  const sums = range(rows).map(() => range(vectors).map(() => f.local("v128", splat(0))));
  const eachSum = (body: (sum: Variable, i: number, v: number) => void): void =>
    sums.forEach((row, i) => row.forEach((sum, v) => body(sum, i, v)));
  f.if(more, () => eachSum((sum, i, v) => f.set(sum, load("v128.load", out[i], 16 * v))));
  const left = range(rows).map((i) => f.local("i32", plus(a, op("i32.mul", plus(start, i), aRow))));
  const right = f.local("i32", plus(b, j));
  const values = range(vectors).map(() => f.local("v128"));
  const step = (): void => {
    values.forEach((value, v) => f.set(value, load("v128.load", right, 16 * v)));
    range(rows).forEach((i) => {
      const factor = f.local("v128", load("v128.load32_splat", left[i]));
      values.forEach((value, v) => f.set(sums[i][v], add(sums[i][v], mul(factor, value))));
      f.increase(left[i], aCol);
    });
    f.increase(right, bRow);
  };
  const p = f.local("i32", 0);
  f.while(p, op("i32.and", depth, -UNROLL), UNROLL, () => range(UNROLL).forEach(step));
  f.while(p, depth, 1, step);
  f.if(bias, () => {
    const shift = range(vectors).map((v) => f.local("v128", load("v128.load", plus(bias, j), 16 * v)));
    eachSum((sum, _, v) => f.set(sum, add(sum, shift[v])));
  });
  eachSum((sum, i, v) => f.store("v128.store", out[i], sum, 16 * v));
}
