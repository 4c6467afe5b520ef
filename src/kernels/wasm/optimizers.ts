// The step of Adagrad. Each row of a parameter is processed in vectors of four floats, and the remaining
// columns float by float. So neither padding nor the neighboring rows of an unpadded column (w) are changed.
// Addresses and strides are in bytes.

import {
  type Expression,
  type FunctionBuilder,
  f32,
  load,
  type ModuleBuilder,
  type Operand,
  op,
  type Variable,
} from "./assembler.ts";
import { at, integers, splat } from "./vectors.ts";

/** The width of the operations: four floats, or one. */
interface Width {
  readonly type: "v128" | "f32";
  readonly bytes: 16 | 4;
  readonly kind: "f32x4" | "f32";
  /** A float as an operand of this width. */
  readonly spread: (value: Expression) => Expression;
}

const FOUR: Width = { type: "v128", bytes: 16, kind: "f32x4", spread: splat };
const ONE: Width = { type: "f32", bytes: 4, kind: "f32", spread: (value) => value };

/**
 * Adds `adagrad` of kernels.ts.
 *
 * @param m The module.
 */
export function emitOptimizers(m: ModuleBuilder): void {
  const params = [...integers(8), "f32", "f32"] as const;
  // g += l2 * theta; G += g * g; theta -= (rate * g) / sqrt(G). rows = 0: the rows are 0 to count - 1.
  m.function(
    "adagrad",
    params,
    (f, theta, state, gradient, rows, count, cols, stride, gradientStride, rate, l2) => {
      const withL2 = f.local("i32", op("f32.ne", l2, f32(0)));
      f.for(0, count, 1, (t) => {
        const row = f.local("i32", t);
        f.if(rows, () => f.set(row, load("i32.load", at(rows, t, 4))));
        const from = f.local("i32", at(gradient, t, gradientStride));
        const to = f.local("i32", at(theta, row, stride));
        const toState = f.local("i32", at(state, row, stride));
        const end = f.local("i32", at(from, cols, 4));
        const whole = f.local("i32", at(from, op("i32.and", cols, -4), 4));
        const walk = (decay: boolean): void => {
          for (const width of [FOUR, ONE]) {
            f.while(from, width === FOUR ? whole : end, width.bytes, () => {
              step(f, width, { from, to, toState, rate, l2: decay ? l2 : null });
              f.increase(to, width.bytes);
              f.increase(toState, width.bytes);
            });
          }
        };
        f.if(
          withL2,
          () => walk(true),
          () => walk(false),
        );
      });
    },
  );
}

/** Writes the step for one element or four elements of theta and of the state. */
function step(
  f: FunctionBuilder,
  { type, kind, spread }: Width,
  a: Record<"from" | "to" | "toState" | "rate", Variable> & { l2: Variable | null },
): void {
  const calculate = (name: string, ...operands: Operand[]): Expression => op(`${kind}.${name}`, ...operands);
  const read = (address: Operand): Expression => load(`${type}.load`, address);
  const g = f.local(type, read(a.from));
  if (a.l2) f.set(g, calculate("add", g, calculate("mul", spread(a.l2), read(a.to))));
  const total = f.local(type, calculate("add", read(a.toState), calculate("mul", g, g)));
  f.store(`${type}.store`, a.toState, total);
  const change = calculate("div", calculate("mul", spread(a.rate), g), calculate("sqrt", total));
  f.store(`${type}.store`, a.to, calculate("sub", read(a.to), change));
}
