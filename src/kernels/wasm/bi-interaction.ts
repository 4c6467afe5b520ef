// The linear term and Bi-Interaction, which read the two tables. `values` is 0 if all values of the batch are
// 1. Each loop over entries is written twice, with and without the multiplication by values. The addresses of
// the context's sums are 0 if there is no context. Addresses and strides are in bytes.

import { type FunctionBuilder, f32, load, type ModuleBuilder, op, type Variable } from "./assembler.ts";
import { add, at, columns, integers, mul, plus, range, splat, sub, vector } from "./vectors.ts";

/**
 * Writes a loop over the entries of a row.
 *
 * @param f The function.
 * @param indptr Address of indptr.
 * @param b Number of the row.
 * @param body Writes the body. It gets the byte position of the entry in indices, values and slots.
 */
export function entries(
  f: FunctionBuilder,
  indptr: Variable,
  b: Variable,
  body: (position: Variable) => void,
): void {
  const row = f.local("i32", at(indptr, b, 4));
  const end = f.local("i32", op("i32.shl", load("i32.load", row, 4), 2));
  f.for(op("i32.shl", load("i32.load", row), 2), end, 4, body);
}

/**
 * Writes a body twice: for batches with values, and for batches whose values are all 1.
 *
 * @param f The function.
 * @param values Address of the values; 0 if all are 1.
 * @param body Writes the body.
 */
export function withAndWithout(
  f: FunctionBuilder,
  values: Variable,
  body: (hasValues: boolean) => void,
): void {
  f.if(
    values,
    () => body(true),
    () => body(false),
  );
}

/**
 * Adds `linearForward` and `biInteractionForward` of kernels.ts.
 *
 * @param m The module.
 */
export function emitBiInteraction(m: ModuleBuilder): void {
  emitLinearForward(m);
  emitBiInteractionForward(m);
}

/** Adds `linearForward`. */
function emitLinearForward(m: ModuleBuilder): void {
  // out[b] = sum of w[i] * x_i
  m.function("linearForward", integers(8), (f, indptr, indices, values, context, w, out, start, end) => {
    const first = f.local("f32", f32(0));
    f.if(context, () => f.set(first, load("f32.load", context)));
    withAndWithout(f, values, (hasValues) => {
      f.for(start, end, 1, (b) => {
        const sum = f.local("f32", first);
        entries(f, indptr, b, (p) => {
          const weight = load("f32.load", at(w, load("i32.load", plus(indices, p)), 4));
          f.set(
            sum,
            op("f32.add", sum, hasValues ? op("f32.mul", weight, load("f32.load", plus(values, p))) : weight),
          );
        });
        f.store("f32.store", at(out, b, 4), sum);
      });
    });
  });
}

/** Adds `biInteractionForward`. */
function emitBiInteractionForward(m: ModuleBuilder): void {
  // sums = sum of t, squares = sum of t * t, pooled = 0.5 * (sums * sums - squares); t = x_i * v_i
  m.function(
    "biInteractionForward",
    integers(12),
    (
      f,
      indptr,
      indices,
      values,
      contextSums,
      contextSquares,
      v,
      sums,
      pooled,
      squares,
      rowBytes,
      start,
      end,
    ) => {
      withAndWithout(f, values, (hasValues) => {
        f.for(start, end, 1, (b) => {
          const out = f.local("i32", op("i32.mul", b, rowBytes));
          columns(f, 0, rowBytes, 4, (j, vectors) => {
            const sum = range(vectors).map(() => f.local("v128", splat(0)));
            const square = range(vectors).map(() => f.local("v128", splat(0)));
            f.if(contextSums, () => {
              range(vectors).forEach((c) => {
                f.set(sum[c], vector(plus(contextSums, j), 16 * c));
                f.set(square[c], vector(plus(contextSquares, j), 16 * c));
              });
            });
            entries(f, indptr, b, (p) => {
              const from = f.local("i32", plus(at(v, load("i32.load", plus(indices, p)), rowBytes), j));
              const x = hasValues ? f.local("v128", load("v128.load32_splat", plus(values, p))) : null;
              range(vectors).forEach((c) => {
                const t = f.local("v128", x ? mul(x, vector(from, 16 * c)) : vector(from, 16 * c));
                f.set(sum[c], add(sum[c], t));
                f.set(square[c], add(square[c], mul(t, t)));
              });
            });
            f.if(squares, () => {
              const toSquares = f.local("i32", plus(plus(squares, out), j));
              range(vectors).forEach((c) => f.store("v128.store", toSquares, square[c], 16 * c));
            });
            const [toSums, toPooled] = [sums, pooled].map((base) => f.local("i32", plus(plus(base, out), j)));
            range(vectors).forEach((c) => {
              f.store("v128.store", toSums, sum[c], 16 * c);
              f.store("v128.store", toPooled, mul(splat(0.5), sub(mul(sum[c], sum[c]), square[c])), 16 * c);
            });
          });
        });
      });
    },
  );
}
