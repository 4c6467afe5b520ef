// The kernels of training that work element by element: products, the gradients of activations, dropout, the
// gradient of the score. They compute the padding too. Addresses, strides and widths are in bytes. `size` is the size
// of all rows together.

import { type Expression, i32x4, load, type ModuleBuilder, op, type Variable } from "./assembler.ts";
import { randomBits } from "./random-bits.ts";
import { at, columns, integers, mul, plus, range, splat, sub, vector } from "./vectors.ts";

/**
 * Adds `multiply`, `dropoutForward` and `scoreBackward` of kernels.ts, and `reluBackward`, `tanhBackward` and
 * `sigmoidBackward`, of which `activationBackward` consists.
 *
 * `multiply` is the shortest kernel and shows how one is written and tested. Its function takes addresses and
 * a size in bytes. `columns` writes a loop over blocks of vectors. In a block, each store computes four
 * floats, in the order and with the rounding of the plain loop (`out = a * b` in js/training.ts). training.ts
 * passes the addresses of the tensors. test/kernels/backends.test.ts runs both versions on many sizes and
 * compares all bits.
 *
 * @param m The module.
 */
export function emitRowsBackward(m: ModuleBuilder): void {
  emitMultiply(m);
  emitReluBackward(m);
  emitSmoothBackward(m, "tanhBackward", (y) => sub(splat(1), mul(y, y)));
  emitSmoothBackward(m, "sigmoidBackward", (y) => mul(y, sub(splat(1), y)));
  emitDropoutForward(m);
  emitScoreBackward(m);
}

/** Adds `multiply`. */
function emitMultiply(m: ModuleBuilder): void {
  m.function("multiply", integers(4), (f, out, a, b, size) => {
    columns(f, 0, size, 4, (i, vectors) => {
      range(vectors).forEach((c) =>
        f.store(
          "v128.store",
          plus(out, i),
          mul(vector(plus(a, i), 16 * c), vector(plus(b, i), 16 * c)),
          16 * c,
        ),
      );
    });
  });
}

/** Adds `reluBackward`. */
function emitReluBackward(m: ModuleBuilder): void {
  m.function("reluBackward", integers(4), (f, dX, y, dY, size) => {
    columns(f, 0, size, 4, (i, vectors) => {
      range(vectors).forEach((c) => {
        const isPositive = op("f32x4.gt", vector(plus(y, i), 16 * c), splat(0));
        f.store("v128.store", plus(dX, i), op("v128.and", vector(plus(dY, i), 16 * c), isPositive), 16 * c);
      });
    });
  });
}

/** Adds a function that multiplies the gradient with a derivative, which is a function of y. */
function emitSmoothBackward(m: ModuleBuilder, name: string, derivative: (y: Variable) => Expression): void {
  m.function(name, integers(4), (f, dX, y, dY, size) => {
    const value = f.local("v128");
    columns(f, 0, size, 1, (i) => {
      f.set(value, vector(plus(y, i)));
      f.store("v128.store", plus(dX, i), mul(vector(plus(dY, i)), derivative(value)));
    });
  });
}

/** Adds `dropoutForward`. */
function emitDropoutForward(m: ModuleBuilder): void {
  // randomBits of core/random.ts for four elements at a time. mask = upper 31 bits below threshold ? 0 : keep
  const dropout = [...integers(9), "f32", "i32"] as const;
  m.function(
    "dropoutForward",
    dropout,
    (f, y, mask, x, k0, k1, start, end, cols, rowBytes, keep, threshold) => {
      const [first, second] = [
        f.local("v128", op("i32x4.splat", k0)),
        f.local("v128", op("i32x4.splat", k1)),
      ];
      const limit = f.local("v128", op("i32x4.splat", threshold));
      const factor = f.local("v128", splat(keep));
      const bits = f.local("v128");
      f.for(start, end, 1, (i) => {
        const row = f.local("i32", op("i32.mul", i, rowBytes));
        const element = f.local(
          "v128",
          op("i32x4.add", op("i32x4.splat", op("i32.mul", i, cols)), i32x4(0, 1, 2, 3)),
        );
        columns(f, row, plus(row, rowBytes), 1, (j) => {
          f.set(bits, element);
          randomBits(f, bits, first, second);
          const dropped = op("i32x4.lt_s", op("i32x4.shr_u", bits, 1), limit);
          f.set(bits, op("v128.andnot", factor, dropped));
          f.store("v128.store", plus(mask, j), bits);
          f.store("v128.store", plus(y, j), mul(vector(plus(x, j)), bits));
          f.set(element, op("i32x4.add", element, op("i32x4.splat", 4)));
        });
      });
    },
  );
}

/** Adds `scoreBackward`. */
function emitScoreBackward(m: ModuleBuilder): void {
  m.function("scoreBackward", integers(6), (f, dY, dScores, h, rowBytes, start, end) => {
    f.for(start, end, 1, (b) => {
      const d = f.local("v128", load("v128.load32_splat", at(dScores, b, 4)));
      const row = f.local("i32", at(dY, b, rowBytes));
      columns(f, 0, rowBytes, 4, (j, vectors) => {
        range(vectors).forEach((c) =>
          f.store("v128.store", plus(row, j), mul(d, vector(plus(h, j), 16 * c)), 16 * c),
        );
      });
    });
  });
}
