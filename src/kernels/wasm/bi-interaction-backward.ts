// The gradients of the two tables. They are summed per touched feature, for a range of these features. If the
// range has all of them, no entry is compared with it. Addresses and strides are in bytes.

import {
  type FunctionBuilder,
  f32,
  load,
  type ModuleBuilder,
  type Operand,
  op,
  type Variable,
} from "./assembler.ts";
import { entries, withAndWithout } from "./bi-interaction.ts";
import { add, at, columns, integers, mul, plus, range, splat, sub, vector, vectorsAt } from "./vectors.ts";

/**
 * Adds `linearBackward`, `biInteractionBackward` and `partsBackward` of kernels.ts.
 *
 * @param m The module.
 */
export function emitBiInteractionBackward(m: ModuleBuilder): void {
  // dw[slot] += dScores[b] * x_i
  const params = integers(8);
  m.function("linearBackward", params, (f, indptr, slots, values, dScores, dw, rows, start, end) => {
    f.for(start, end, 1, (t) => f.store("f32.store", at(dw, t, 4), f32(0)));
    withAndWithout(f, values, (hasValues) => {
      f.for(0, rows, 1, (b) => {
        const dScore = f.local("f32", load("f32.load", at(dScores, b, 4)));
        entries(f, indptr, b, (p) => {
          const slot = f.local("i32", load("i32.load", plus(slots, p)));
          ifInRange(f, slot, start, end, () => {
            const to = f.local("i32", at(dw, slot, 4));
            const term = hasValues ? op("f32.mul", dScore, load("f32.load", plus(values, p))) : dScore;
            f.store("f32.store", to, op("f32.add", load("f32.load", to), term));
          });
        });
      });
    });
  });

  // dV[slot] += ((sums - x_i * v_i) * dPooled) * x_i
  emitRowGradients(m, "biInteractionBackward", (t, sum, d) => mul(sub(sum, t), d));
  // dV[slot] += (a - (x_i * v_i) * d) * x_i
  emitRowGradients(m, "partsBackward", (t, a, d) => sub(a, mul(t, d)));
}

/** Writes: if (start <= slot < end) body(). */
function ifInRange(
  f: FunctionBuilder,
  slot: Variable,
  start: Variable,
  end: Variable,
  body: () => void,
): void {
  f.if(op("i32.lt_u", op("i32.sub", slot, start), op("i32.sub", end, start)), body);
}

/**
 * Adds a function that sums a gradient of V over the entries of each touched feature.
 *
 * @param m The module.
 * @param name Name of the function.
 * @param slope Returns the gradient by t = x_i * v_i, from t and the two numbers of the row.
 */
function emitRowGradients(
  m: ModuleBuilder,
  name: string,
  slope: (t: Operand, first: Operand, second: Operand) => Operand,
): void {
  m.function(
    name,
    integers(14),
    (f, indptr, indices, slots, values, v, firsts, seconds, dV, rowBytes, rows, touched, start, end) => {
      f.for(start, end, 1, (t) => {
        const to = f.local("i32", at(dV, t, rowBytes));
        columns(f, 0, rowBytes, 4, (j, vectors) => {
          const address = f.local("i32", plus(to, j));
          range(vectors).forEach((c) => f.store("v128.store", address, splat(0), 16 * c));
        });
      });
      /** Writes the loops. `isPart`: the entries are compared with the range. */
      const sum = (hasValues: boolean, isPart: boolean): void => {
        f.for(0, rows, 1, (b) => {
          const row = f.local("i32", op("i32.mul", b, rowBytes));
          columns(f, 0, rowBytes, 4, (j, vectors) => {
            const [first, second] = [firsts, seconds].map((base) =>
              vectorsAt(f, plus(plus(base, row), j), vectors),
            );
            entries(f, indptr, b, (p) => {
              const slot = f.local("i32", load("i32.load", plus(slots, p)));
              const addEntry = (): void => {
                const from = f.local("i32", plus(at(v, load("i32.load", plus(indices, p)), rowBytes), j));
                const to = f.local("i32", plus(at(dV, slot, rowBytes), j));
                const x = hasValues ? f.local("v128", load("v128.load32_splat", plus(values, p))) : null;
                range(vectors).forEach((c) => {
                  const t = x ? mul(x, vector(from, 16 * c)) : vector(from, 16 * c);
                  const gradient = slope(t, first[c], second[c]);
                  f.store("v128.store", to, add(vector(to, 16 * c), x ? mul(gradient, x) : gradient), 16 * c);
                });
              };
              if (isPart) ifInRange(f, slot, start, end, addEntry);
              else addEntry();
            });
          });
        });
      };
      withAndWithout(f, values, (hasValues) => {
        f.if(
          op("i32.lt_u", op("i32.sub", end, start), touched),
          () => sum(hasValues, true),
          () => sum(hasValues, false),
        );
      });
    },
  );
}
