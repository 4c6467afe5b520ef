// The matrix product. Tiles of ROWS x (4 VECTORS) sums stay in registers while p runs over the depth; each sum takes
// its terms in ascending order from 0, as the plain version does. One emitter serves the three products of a dense
// layer: element (i, p) of a lies at a + i * aRow + p * aCol, so a transposed matrix is one with its steps exchanged.

import { load, op, shuffle, type FunctionBuilder, type ModuleBuilder, type Variable } from "./assembler.ts";
import { add, at, mul, range, splat } from "./vectors.ts";

/** out = x^T: blocks of 4 x 4 by shuffles, what remains float by float. Strides in bytes. */
export function emitTranspose(m: ModuleBuilder): void {
  m.function("transpose", ["i32", "i32", "i32", "i32", "i32", "i32"], (f, out, outRow, x, xRow, rows, cols) => {
    const wholeRows = f.local("i32", op("i32.and", rows, -4));
    const wholeCols = f.local("i32", op("i32.and", cols, -4));
    const copy = (i: Variable, j: Variable): void => {
      const value = load("f32.load", op("i32.add", at(x, i, xRow), op("i32.shl", j, 2)));
      f.store("f32.store", op("i32.add", at(out, j, outRow), op("i32.shl", i, 2)), value);
    };
    f.for(0, wholeRows, 4, (i) => {
      f.for(0, wholeCols, 4, (j) => {
        const from = f.local("i32", op("i32.add", at(x, i, xRow), op("i32.shl", j, 2)));
        const to = f.local("i32", op("i32.add", at(out, j, outRow), op("i32.shl", i, 2)));
        const [a, b, c, d] = range(4).map(() => {
          const row = f.local("v128", load("v128.load", from));
          f.increase(from, xRow);
          return row;
        });
        const [ab, cd] = [[a, b], [c, d]].map(([upper, lower]) => [f.local("v128", shuffle(upper, lower, 0, 4, 1, 5)), f.local("v128", shuffle(upper, lower, 2, 6, 3, 7))]);
        range(4).forEach((k) => {
          const half = k >> 1;
          f.store("v128.store", to, k % 2 === 0 ? shuffle(ab[half], cd[half], 0, 1, 4, 5) : shuffle(ab[half], cd[half], 2, 3, 6, 7));
          f.increase(to, outRow);
        });
      });
    });
    f.for(wholeRows, rows, 1, (i) => f.for(0, cols, 1, (j) => copy(i, j)));
    f.for(0, wholeRows, 1, (i) => f.for(wholeCols, cols, 1, (j) => copy(i, j)));
  });
}

/**
 * The shapes of tiles, the last one vector wide to take what remains of the columns. Measured at 64, 128 and 256 columns:
 * 4 x 8 runs at 38 GFLOP/s on Node 20 and 58 on Node 24; 3 x 16 at 37 and 34 (its sums no longer fit the registers).
 */
const TILES: readonly (readonly [rows: number, vectors: number])[] = [[4, 2], [4, 1]];

/** Steps of p per turn of the innermost loop. */
const UNROLL = 4;

export function emitMatmul(m: ModuleBuilder): void {
  const params = Array.from({ length: 12 }, () => "i32" as const);
  // Rows 0 .. end - 1 of c, all columns; strides and `width` in bytes; bias 0: none; `more`: sums go on from what c holds.
  m.function("matmul", params, (f, c, cRow, a, aRow, aCol, depth, b, bRow, bias, more, end, width) => {
    const start = f.local("i32");
    const j = f.local("i32");
    const operands = { c, cRow, a, aRow, aCol, depth, b, bRow, bias, more, start, j };
    for (const [rows, vectors] of TILES) {
      const bytes = 16 * vectors;
      const last = f.local("i32", vectors === 1 ? width : op("i32.sub", width, op("i32.and", op("i32.sub", width, j), bytes - 1)));
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

type Operands = Record<"c" | "cRow" | "a" | "aRow" | "aCol" | "depth" | "b" | "bRow" | "bias" | "more" | "start" | "j", Variable>;

/** rows x (4 vectors) elements of c from row `start` and byte column `j` on. */
function tile(f: FunctionBuilder, rows: number, vectors: number, { c, cRow, a, aRow, aCol, depth, b, bRow, bias, more, start, j }: Operands): void {
  const out = range(rows).map((i) => f.local("i32", op("i32.add", op("i32.add", c, j), op("i32.mul", op("i32.add", start, i), cRow))));
  const sums = range(rows).map(() => range(vectors).map(() => f.local("v128", splat(0))));
  const eachSum = (body: (sum: Variable, i: number, v: number) => void): void => sums.forEach((row, i) => row.forEach((sum, v) => body(sum, i, v)));
  f.if(more, () => eachSum((sum, i, v) => f.set(sum, load("v128.load", out[i], 16 * v))));
  const left = range(rows).map((i) => f.local("i32", op("i32.add", a, op("i32.mul", op("i32.add", start, i), aRow))));
  const right = f.local("i32", op("i32.add", b, j));
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
    const shift = range(vectors).map((v) => f.local("v128", load("v128.load", op("i32.add", bias, j), 16 * v)));
    eachSum((sum, _, v) => f.set(sum, add(sum, shift[v])));
  });
  eachSum((sum, i, v) => f.store("v128.store", out[i], sum, 16 * v));
}
