// The kernels of prediction that work row by row: relu and the score. relu computes the padding too.
// Addresses, strides and widths are in bytes. `size` is the size of all rows together.

import {
  type Expression,
  i32x4,
  lane,
  load,
  type ModuleBuilder,
  type Operand,
  op,
  shuffle,
} from "./assembler.ts";
import { add, at, columns, integers, mul, plus, range, splat, vector } from "./vectors.ts";

/**
 * Adds `reluForward` and `scoreForward` of kernels.ts.
 *
 * @param m The module.
 */
export function emitRows(m: ModuleBuilder): void {
  m.function("reluForward", integers(3), (f, y, x, size) => {
    columns(f, 0, size, 4, (i, vectors) => {
      range(vectors).forEach((c) =>
        f.store("v128.store", plus(y, i), op("f32x4.max", vector(plus(x, i), 16 * c), splat(0)), 16 * c),
      );
    });
  });

  // scores[b] = (bias + linear[b]) + ((s0 + s2) + (s1 + s3)), where s0 to s3 are the partial sums of y . h.
  // Padding may be NaN, from infinity * 0 in an earlier product. So its products are replaced by 0.
  m.function("scoreForward", integers(9), (f, scores, bias, linear, y, h, rowBytes, cols, start, end) => {
    const whole = f.local("i32", op("i32.shl", op("i32.and", cols, -4), 2));
    const isColumn = f.local(
      "v128",
      op("i32x4.lt_s", i32x4(0, 1, 2, 3), op("i32x4.splat", op("i32.and", cols, 3))),
    );
    const w0 = f.local("f32", load("f32.load", bias));
    f.for(start, end, 1, (b) => {
      const row = f.local("i32", at(y, b, rowBytes));
      const sums = f.local("v128", splat(0));
      const product = (j: Operand): Expression => mul(vector(plus(row, j)), vector(plus(h, j)));
      columns(f, 0, whole, 1, (j) => f.set(sums, add(sums, product(j))));
      f.if(op("i32.lt_u", whole, rowBytes), () =>
        f.set(sums, add(sums, op("v128.and", product(whole), isColumn))),
      );
      const halves = f.local("v128", add(sums, shuffle(sums, sums, 2, 3, 2, 3))); // s0 + s2, s1 + s3
      const score = op(
        "f32.add",
        op("f32.add", w0, load("f32.load", at(linear, b, 4))),
        op("f32.add", lane(halves, 0), lane(halves, 1)),
      );
      f.store("f32.store", at(scores, b, 4), score);
    });
  });
}
