// The matrix product. The sums of one tile of c stay in registers while p runs over a block of the depth.
// Each sum adds its terms in ascending order from 0, as the plain version does. The same function computes
// all three products of a dense layer: element (i, p) of a is at a + i * aRow + p * aCol, so a matrix is
// transposed by exchanging aRow and aCol. One of the two is always 4 bytes.

import { type FunctionBuilder, load, type ModuleBuilder, op, SCRATCH, type Variable } from "./assembler.ts";
import { add, at, integers, least, mul, plus, range, splat } from "./vectors.ts";

/**
 * The shapes of tiles. The last one is a single vector wide, for the remaining columns. Measured with the
 * innermost loop below at 64 columns: tiles of 4 x 8 floats reach 32 GFLOP/s on Node 20 and 36 on Node 24, 2
 * x 16 reach 33 and 35, 5 x 8 reach 21 and 36, 6 x 8 reach 24 and 25, 3 x 12 reach 18 and 31.
 */
const TILES: readonly (readonly [rows: number, vectors: number])[] = [
  [4, 2],
  [4, 1],
];

/** Rows of c and depth of a block, whose parts of a and of b stay in the second-level cache. */
const [ROWS, DEPTH] = [128, 128];
/**
 * A column of tiles of b is copied to a workspace if its rows are further apart than `PACKED_BYTES` and more
 * than `PACKED_ROWS` rows of c use it: rows that are 1 KiB apart fall into the same places of the first-level
 * cache.
 */
const [PACKED_ROWS, PACKED_BYTES] = [31, 511];
/** Bytes of the workspace of each thread. */
export const SCRATCH_BYTES: number = DEPTH * 32;

/**
 * Adds `matmul`, which computes `matmul` and `matmulTransposed` of kernels.ts.
 *
 * @param m The module.
 */
export function emitMatmul(m: ModuleBuilder): void {
  // Computes the rows 0 to end - 1 of c, all columns. Strides and `width` are in bytes. bias = 0: there is no
  // bias.
  m.function("matmul", integers(11), (f, c, cRow, a, aRow, aCol, depth, b, bRow, bias, end, width) => {
    const [start, j, right, rightRow] = range(4).map(() => f.local("i32"));
    const most = f.local("i32", depth); // a product of depth 0 is the bias
    f.if(op("i32.eqz", depth), () => f.set(most, 1));
    f.for(0, end, ROWS, (firstRow) => {
      const lastRow = least(f, plus(firstRow, ROWS), end);
      const isTall = op("i32.lt_u", PACKED_ROWS, op("i32.sub", lastRow, firstRow));
      const packs = f.local("i32", op("i32.and", isTall, op("i32.lt_u", PACKED_BYTES, bRow)));
      f.for(0, most, DEPTH, (p) => {
        const endP = least(f, plus(p, DEPTH), depth);
        const operands = { c, cRow, a, aRow, aCol, depth, right, rightRow, bias, start, j, p, endP };
        f.set(j, 0);
        for (const [rows, vectors] of TILES) {
          const bytes = 16 * vectors;
          const rest = op("i32.and", op("i32.sub", width, j), bytes - 1);
          f.while(j, f.local("i32", op("i32.sub", width, rest)), bytes, () => {
            f.set(start, firstRow);
            f.set(right, plus(at(b, p, bRow), j));
            f.set(rightRow, bRow);
            f.if(packs, () => {
              const to = f.local("i32", SCRATCH);
              f.for(p, endP, 1, () => {
                range(vectors).forEach((v) =>
                  f.store("v128.store", to, load("v128.load", right, 16 * v), 16 * v),
                );
                f.increase(right, bRow);
                f.increase(to, bytes);
              });
              f.set(right, SCRATCH);
              f.set(rightRow, bytes);
            });
            const restRows = op("i32.and", op("i32.sub", lastRow, start), rows - 1);
            const whole = f.local("i32", op("i32.sub", lastRow, restRows));
            f.if(
              op("i32.sub", aCol, 4),
              () => f.while(start, whole, rows, () => tile(f, rows, vectors, operands, "rows of c")),
              () => f.while(start, whole, rows, () => tile(f, rows, vectors, operands, "depth")),
            );
            f.while(start, lastRow, 1, () => tile(f, 1, vectors, operands, "depth"));
          });
        }
      });
    });
  });
}

type Operands = Record<
  | "c"
  | "cRow"
  | "a"
  | "aRow"
  | "aCol"
  | "depth"
  | "right"
  | "rightRow"
  | "bias"
  | "start"
  | "j"
  | "p"
  | "endP",
  Variable
>;

/**
 * Writes the code for one tile of c: `rows` rows from row `start` on, 4 * `vectors` columns from
 * byte `j` on, the depth from `p` to `endP` - 1. The innermost loop takes one step of p. With more steps per
 * iteration, V8 of Node 20 loads the operands of all steps first and runs out of registers: 23 GFLOP/s.
 *
 * @param contiguous Which elements of a lie side by side. Rows of c are offsets of one pointer; else each row
 *   has a pointer.
 */
function tile(
  f: FunctionBuilder,
  rows: number,
  vectors: number,
  { c, cRow, a, aRow, aCol, depth, right, rightRow, bias, start, j, p, endP }: Operands,
  contiguous: "rows of c" | "depth",
): void {
  const out = range(rows).map((i) => f.local("i32", at(plus(c, j), plus(start, i), cRow)));
  const sums = range(rows).map(() => range(vectors).map(() => f.local("v128", splat(0))));
  const eachSum = (body: (sum: Variable, i: number, v: number) => void): void =>
    sums.forEach((row, i) => row.forEach((sum, v) => body(sum, i, v)));
  f.if(p, () => eachSum((sum, i, v) => f.set(sum, load("v128.load", out[i], 16 * v))));
  const byPointers = contiguous === "depth";
  const first = at(at(a, start, aRow), p, aCol);
  const left = range(byPointers ? rows : 1).map((i) => f.local("i32", at(first, i, aRow)));
  const from = f.local("i32", right);
  const values = range(vectors).map(() => f.local("v128"));
  f.while(from, f.local("i32", at(right, op("i32.sub", endP, p), rightRow)), rightRow, () => {
    values.forEach((value, v) => f.set(value, load("v128.load", from, 16 * v)));
    range(rows).forEach((i) => {
      const element = load("v128.load32_splat", left[byPointers ? i : 0], byPointers ? 0 : 4 * i);
      const factor = f.local("v128", element);
      values.forEach((value, v) => f.set(sums[i][v], add(sums[i][v], mul(factor, value))));
    });
    for (const pointer of left) f.increase(pointer, aCol);
  });
  f.if(bias, () => {
    f.if(op("i32.eqz", op("i32.sub", depth, endP)), () => {
      const shift = range(vectors).map((v) => f.local("v128", load("v128.load", plus(bias, j), 16 * v)));
      eachSum((sum, _, v) => f.set(sum, add(sum, shift[v])));
    });
  });
  eachSum((sum, i, v) => f.store("v128.store", out[i], sum, 16 * v));
}
