// The kernels that read the tables: linear term and Bi-Interaction, forward and backward. `values` is 0 for batches of
// ones; each loop over entries is written twice, with and without the multiplication. The addresses of a context's sums
// are 0 without one. Strides are in bytes.

import { f32, load, op, type FunctionBuilder, type ModuleBuilder, type Variable } from "./assembler.ts";
import { add, at, columns, mul, range, splat, sub, vector } from "./vectors.ts";

const ZERO = f32(0);
const I32 = (n: number): "i32"[] => Array.from({ length: n }, () => "i32" as const);

/** Runs `body` for every entry of row `b`; `position` is the byte position of the entry in indices, values and slots. */
function entries(f: FunctionBuilder, indptr: Variable, b: Variable, body: (position: Variable) => void): void {
  const row = f.local("i32", at(indptr, b, 4));
  const end = f.local("i32", op("i32.shl", load("i32.load", row, 4), 2));
  f.for(op("i32.shl", load("i32.load", row), 2), end, 4, body);
}

/** Writes `body` twice: for batches with values, and for batches of ones. */
function withAndWithout(f: FunctionBuilder, values: Variable, body: (hasValues: boolean) => void): void {
  f.if(values, () => body(true), () => body(false));
}

export function emitSparse(m: ModuleBuilder): void {
  // out[b] = sum of w[i] * x_i
  m.function("linearForward", I32(8), (f, indptr, indices, values, context, w, out, start, end) => {
    const first = f.local("f32", ZERO);
    f.if(context, () => f.set(first, load("f32.load", context)));
    withAndWithout(f, values, (hasValues) => {
      f.for(start, end, 1, (b) => {
        const sum = f.local("f32", first);
        entries(f, indptr, b, (p) => {
          const weight = load("f32.load", at(w, load("i32.load", op("i32.add", indices, p)), 4));
          f.set(sum, op("f32.add", sum, hasValues ? op("f32.mul", weight, load("f32.load", op("i32.add", values, p))) : weight));
        });
        f.store("f32.store", at(out, b, 4), sum);
      });
    });
  });

  // dw[slot] += dScores[b] * x_i
  m.function("linearBackward", I32(7), (f, indptr, slots, values, dScores, dw, rows, touched) => {
    f.for(0, touched, 1, (t) => f.store("f32.store", at(dw, t, 4), ZERO));
    withAndWithout(f, values, (hasValues) => {
      f.for(0, rows, 1, (b) => {
        const dScore = f.local("f32", load("f32.load", at(dScores, b, 4)));
        entries(f, indptr, b, (p) => {
          const to = f.local("i32", at(dw, load("i32.load", op("i32.add", slots, p)), 4));
          const term = hasValues ? op("f32.mul", dScore, load("f32.load", op("i32.add", values, p))) : dScore;
          f.store("f32.store", to, op("f32.add", load("f32.load", to), term));
        });
      });
    });
  });

  // sums = sum of t, squares = sum of t * t, pooled = 0.5 * (sums * sums - squares); t = x_i * v_i
  m.function("biInteractionForward", I32(11), (f, indptr, indices, values, contextSums, contextSquares, v, sums, pooled, rowBytes, start, end) => {
    withAndWithout(f, values, (hasValues) => {
      f.for(start, end, 1, (b) => {
        const out = f.local("i32", op("i32.mul", b, rowBytes));
        columns(f, 0, rowBytes, 4, (j, vectors) => {
          const sum = range(vectors).map(() => f.local("v128", splat(0)));
          const squares = range(vectors).map(() => f.local("v128", splat(0)));
          f.if(contextSums, () => {
            range(vectors).forEach((c) => {
              f.set(sum[c], vector(op("i32.add", contextSums, j), 16 * c));
              f.set(squares[c], vector(op("i32.add", contextSquares, j), 16 * c));
            });
          });
          entries(f, indptr, b, (p) => {
            const from = f.local("i32", op("i32.add", at(v, load("i32.load", op("i32.add", indices, p)), rowBytes), j));
            const x = hasValues ? f.local("v128", load("v128.load32_splat", op("i32.add", values, p))) : null;
            range(vectors).forEach((c) => {
              const t = f.local("v128", x ? mul(x, vector(from, 16 * c)) : vector(from, 16 * c));
              f.set(sum[c], add(sum[c], t));
              f.set(squares[c], add(squares[c], mul(t, t)));
            });
          });
          const [toSums, toPooled] = [sums, pooled].map((base) => f.local("i32", op("i32.add", op("i32.add", base, out), j)));
          range(vectors).forEach((c) => {
            f.store("v128.store", toSums, sum[c], 16 * c);
            f.store("v128.store", toPooled, mul(splat(0.5), sub(mul(sum[c], sum[c]), squares[c])), 16 * c);
          });
        });
      });
    });
  });

  // dV[slot] += ((sums - x_i * v_i) * dPooled) * x_i
  m.function("biInteractionBackward", I32(13), (f, indptr, indices, slots, values, v, sums, dPooled, dV, rowBytes, rows, touched, start, end) => {
    f.for(0, touched, 1, (t) => {
      const to = f.local("i32", at(dV, t, rowBytes));
      columns(f, start, end, 4, (j, vectors) => {
        const address = f.local("i32", op("i32.add", to, j));
        range(vectors).forEach((c) => f.store("v128.store", address, splat(0), 16 * c));
      });
    });
    withAndWithout(f, values, (hasValues) => {
      f.for(0, rows, 1, (b) => {
        const row = f.local("i32", op("i32.mul", b, rowBytes));
        columns(f, start, end, 4, (j, vectors) => {
          const [fromSums, fromD] = [sums, dPooled].map((base) => f.local("i32", op("i32.add", op("i32.add", base, row), j)));
          const sum = range(vectors).map((c) => f.local("v128", vector(fromSums, 16 * c)));
          const d = range(vectors).map((c) => f.local("v128", vector(fromD, 16 * c)));
          entries(f, indptr, b, (p) => {
            const from = f.local("i32", op("i32.add", at(v, load("i32.load", op("i32.add", indices, p)), rowBytes), j));
            const to = f.local("i32", op("i32.add", at(dV, load("i32.load", op("i32.add", slots, p)), rowBytes), j));
            const x = hasValues ? f.local("v128", load("v128.load32_splat", op("i32.add", values, p))) : null;
            range(vectors).forEach((c) => {
              const t = x ? mul(x, vector(from, 16 * c)) : vector(from, 16 * c);
              const gradient = mul(sub(sum[c], t), d[c]);
              f.store("v128.store", to, add(vector(to, 16 * c), x ? mul(gradient, x) : gradient), 16 * c);
            });
          });
        });
      });
    });
  });
}
