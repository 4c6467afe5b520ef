// The SIMD kernel of random rows: the function of its module, and its call. It computes `randomNormal` of
// core/random.ts operation by operation, in float64, for four numbers at a time. Only the tails of the
// distribution need a logarithm. It is `log` of core/math.ts for numbers from 2^-33 to 1/2.

import { LN2_HIGH, LN2_LOW } from "../../core/math.ts";
import type { RandomKey } from "../../core/random.ts";
import type { Exports, RowAddress } from "../kernel-set.ts";
import type { RandomKernels } from "../kernels.ts";
import {
  type Expression,
  type FunctionBuilder,
  i32x4,
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
import { randomBits } from "./random-bits.ts";
import { columns, integers, plus } from "./vectors.ts";

/**
 * Adds `normalRow` of kernels.ts.
 *
 * @param m The module.
 */
export function emit(m: ModuleBuilder): void {
  m.function("normalRow", [...integers(4), "f64"] as const, (f, row, cols, k0, k1, std) => {
    const first = f.local("v128", op("i32x4.splat", k0));
    const second = f.local("v128", op("i32x4.splat", k1));
    const scale = f.local("v128", double("f64x2.splat", std));
    const position = f.local("v128", i32x4(0, 1, 2, 3));
    const bits = f.local("v128");
    /** Writes four numbers; those with a lane of 0 in `mask` become 0. Null: no lane is 0. */
    const write = (address: Operand, mask: Expression | null): void => {
      f.set(bits, position);
      randomBits(f, bits, first, second);
      const halves = [bits, shuffle(bits, bits, 2, 3, 2, 3)].map((two) =>
        double("f32x4.demote_f64x2_zero", mul(scale, normal(f, two))),
      );
      const numbers = shuffle(halves[0], halves[1], 0, 1, 4, 5);
      f.store("v128.store", address, mask === null ? numbers : op("v128.and", numbers, mask));
      f.set(position, op("i32x4.add", position, op("i32x4.splat", 4)));
    };
    const whole = f.local("i32", op("i32.shl", op("i32.and", cols, -4), 2));
    columns(f, 0, whole, 1, (j) => write(plus(row, j), null));
    const rest = f.local("i32", op("i32.and", cols, 3));
    f.if(rest, () => write(plus(row, whole), op("i32x4.lt_s", i32x4(0, 1, 2, 3), op("i32x4.splat", rest))));
  });
}

/** Writes the normal random numbers of the two random integers in the lower half of a vector. */
function normal(f: FunctionBuilder, bits: Operand): Variable {
  const p = f.local("v128", mul(add(double("f64x2.convert_low_i32x4_u", bits), f64x2(0.5)), f64x2(2 ** -32)));
  const q = f.local("v128", sub(p, f64x2(0.5)));
  const r = f.local("v128", sub(f64x2(0.180625), mul(q, q)));
  const top = polynomial([59.10937472, 159.29113202, 50.434271938, 3.3871327179], r);
  const bottom = polynomial([67.1875636, 78.757757664, 17.895169469, 1], r);
  const result = f.local("v128", div(mul(q, top), bottom));
  const isTail = f.local("v128", double("f64x2.gt", double("f64x2.abs", q), f64x2(0.425)));
  f.if(double("v128.any_true", isTail), () => {
    const isLow = f.local("v128", double("f64x2.lt", q, f64x2(0)));
    const outer = double("v128.bitselect", p, sub(f64x2(1), p), isLow);
    const distance = sub(double("f64x2.sqrt", double("f64x2.neg", logarithm(f, outer))), f64x2(1.6));
    f.set(r, distance);
    const x = div(
      polynomial([0.17023821103, 1.3067284816, 2.75681539, 1.4234372777], r),
      polynomial([0.12021132975, 0.7370016425, 1], r),
    );
    const tail = f.local("v128", x);
    f.set(tail, double("v128.bitselect", double("f64x2.neg", tail), tail, isLow));
    f.set(result, double("v128.bitselect", tail, result, isTail));
  });
  return result;
}

/** Writes the natural logarithm of two normal numbers above 0. */
function logarithm(f: FunctionBuilder, value: Expression): Expression {
  const bits = f.local("v128", value);
  const biased = double("i64x2.shr_u", bits, 52);
  const exponent = f.local(
    "v128",
    sub(double("f64x2.convert_low_i32x4_s", shuffle(biased, biased, 0, 2, 0, 2)), f64x2(1023)),
  );
  const fraction = op("v128.and", bits, i32x4(-1, 0x000fffff, -1, 0x000fffff));
  const m = f.local("v128", double("v128.or", fraction, i32x4(0, 0x3ff00000, 0, 0x3ff00000)));
  const isLarge = f.local("v128", double("f64x2.gt", m, f64x2(1.4142135623730951)));
  f.set(m, double("v128.bitselect", mul(m, f64x2(0.5)), m, isLarge));
  f.set(exponent, add(exponent, op("v128.and", f64x2(1), isLarge)));
  const s = f.local("v128", div(sub(m, f64x2(1)), add(m, f64x2(1))));
  const z = f.local("v128", mul(s, s));
  const odd = [19, 17, 15, 13, 11, 9, 7, 5, 3].map((n) => 1 / n);
  const twice = f.local("v128", mul(f64x2(2), s));
  const series = mul(mul(twice, z), polynomial(odd, z));
  const low = add(twice, add(series, mul(exponent, f64x2(LN2_LOW))));
  return add(mul(exponent, f64x2(LN2_HIGH)), low);
}

/**
 * Makes the kernel from the function that `emit` added.
 *
 * @param wasm The functions.
 * @param row Returns the address of a row.
 * @returns The kernel.
 */
export function bind(wasm: Exports, row: RowAddress): RandomKernels {
  return {
    normalRow(x, i, { k0, k1 }: RandomKey, std) {
      wasm.normalRow(row(x, i), x.cols, k0, k1, std);
    },
  };
}
