// The SIMD kernels of tanh and sigmoid: the functions of their module, and their calls. They compute `tanh` and
// `sigmoid` of core/math.ts operation by operation, in float64, for two numbers at a time.

import { INV_LN2, LN2_HIGH, LN2_LOW } from "../../core/math.ts";
import type { Exports, RowAddress } from "../kernel-set.ts";
import type { SmoothKernels } from "../kernels.ts";
import {
  type Expression,
  type FunctionBuilder,
  i32x4,
  load,
  type ModuleBuilder,
  type Operand,
  op,
  shuffle,
  type Variable,
} from "./assembler.ts";
import {
  addDoubles as add,
  divDoubles as div,
  double,
  f64x2,
  mulDoubles as mul,
  polynomial,
  subDoubles as sub,
} from "./doubles.ts";
import { integers, plus } from "./vectors.ts";

/** The coefficients of the Taylor polynomial of e^r, that of r^12 first. */
const TAYLOR = [479001600, 39916800, 3628800, 362880, 40320, 5040, 720, 120, 24, 6, 2, 1, 1].map(
  (n) => 1 / n,
);

/**
 * Adds `tanhForward` and `sigmoidForward`, which work on whole rows.
 *
 * @param m The module.
 */
export function emit(m: ModuleBuilder): void {
  emitFunction(m, "tanhForward", tanh);
  emitFunction(m, "sigmoidForward", sigmoid);
}

/** Adds a function (y, x, bytes of a row, columns, rows) that computes y = of(x). The padding becomes 0. */
function emitFunction(
  m: ModuleBuilder,
  name: string,
  of: (f: FunctionBuilder, x: Variable) => Variable,
): void {
  m.function(name, integers(5), (f, y, x, row, cols, rows) => {
    const whole = f.local("i32", op("i32.shl", op("i32.and", cols, -4), 2));
    const rest = f.local("i32", op("i32.and", cols, 3));
    const four = (j: Operand): Expression => {
      const numbers = f.local("v128", load("v128.load", plus(x, j)));
      const halves = [numbers, shuffle(numbers, numbers, 2, 3, 2, 3)].map((two) => {
        const value = f.local("v128", double("f64x2.promote_low_f32x4", two));
        return f.local("v128", double("f32x4.demote_f64x2_zero", of(f, value)));
      });
      return shuffle(halves[0], halves[1], 0, 1, 4, 5);
    };
    f.for(0, rows, 1, () => {
      f.for(0, whole, 16, (j) => f.store("v128.store", plus(y, j), four(j)));
      f.if(rest, () => {
        const isColumn = op("i32x4.lt_s", i32x4(0, 1, 2, 3), op("i32x4.splat", rest));
        f.store("v128.store", plus(y, whole), op("v128.and", four(whole), isColumn));
      });
      f.increase(x, row);
      f.increase(y, row);
    });
  });
}

/** Writes e^x for two numbers from -104 to 89, or NaN: x = n ln 2 + r. */
function exp(f: FunctionBuilder, x: Operand): Variable {
  const value = f.local("v128", x);
  const n = f.local("v128", double("f64x2.floor", add(mul(value, f64x2(INV_LN2)), f64x2(0.5))));
  const r = f.local("v128", sub(sub(value, mul(n, f64x2(LN2_HIGH))), mul(n, f64x2(LN2_LOW))));
  // In this sum n + 1023 stands in the lowest bits. As the exponent of a double they mean 2^n.
  const power = double("i64x2.shl", add(n, f64x2(2 ** 52 + 1023)), 52);
  return f.local("v128", mul(polynomial(TAYLOR, r), power));
}

/** e = e^-|x|; then 1 / (1 + e) for x of at least 0, and e / (1 + e) for others. */
function sigmoid(f: FunctionBuilder, x: Variable): Variable {
  const below = f.local("v128", double("f64x2.neg", double("f64x2.abs", x)));
  const power = exp(f, double("f64x2.max", below, f64x2(-104)));
  const isZero = double("f64x2.lt", below, f64x2(-103.98));
  const e = f.local("v128", double("v128.bitselect", f64x2(0), power, isZero));
  const isPositive = double("f64x2.ge", x, f64x2(0));
  const top = double("v128.bitselect", f64x2(1), e, isPositive);
  return f.local("v128", div(top, add(f64x2(1), e)));
}

/** 1 - 2 / (e^2|x| + 1) with the sign of x; near 0 Lambert's continued fraction. */
function tanh(f: FunctionBuilder, x: Variable): Variable {
  const a = f.local("v128", double("f64x2.abs", x));
  const power = exp(f, double("f64x2.min", mul(f64x2(2), a), f64x2(89)));
  const distance = sub(f64x2(1), div(f64x2(2), add(power, f64x2(1))));
  const signs = i32x4(0, -0x80000000, 0, -0x80000000);
  const result = f.local("v128", op("v128.xor", distance, op("v128.and", x, signs)));
  const isSmall = f.local("v128", double("f64x2.lt", a, f64x2(0.25)));
  f.if(double("v128.any_true", isSmall), () => {
    const z = f.local("v128", mul(x, x));
    let fraction = add(f64x2(9), div(z, f64x2(11)));
    for (const n of [7, 5, 3, 1]) fraction = add(f64x2(n), div(z, fraction));
    f.set(result, double("v128.bitselect", div(x, fraction), result, isSmall));
  });
  return result;
}

/**
 * Makes the kernel from the functions that `emit` added, and from that of relu.
 *
 * @param wasm The functions.
 * @param row Returns the address of a row.
 * @returns The kernel.
 */
export function bind(wasm: Exports, row: RowAddress): SmoothKernels {
  return {
    activationForward(name, y, x, start, end) {
      const [to, from, bytes] = [row(y, start), row(x, start), 4 * x.stride];
      if (name === "relu") wasm.reluForward(to, from, (end - start) * bytes);
      else if (name === "tanh") wasm.tanhForward(to, from, bytes, x.cols, end - start);
      else wasm.sigmoidForward(to, from, bytes, x.cols, end - start);
    },
  };
}
