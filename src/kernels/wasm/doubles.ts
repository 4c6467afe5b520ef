// Operations on vectors of two doubles, and those that code with doubles needs besides. They are apart from
// the other operations, so that a program that only predicts does not load them.

import { type Expression, type Operand, type Operations, operation, simd } from "./assembler.ts";

const [I, D, V] = ["i32", "f64", "v128"] as const;

/** The operations by their names in the WebAssembly specification. */
export const DOUBLES: Operations = {
  "v128.or": operation(simd(80), [V, V], V),
  "v128.bitselect": operation(simd(82), [V, V, V], V),
  "v128.any_true": operation(simd(83), [V], I),
  "i64x2.shl": operation(simd(203), [V, I], V),
  "i64x2.shr_u": operation(simd(205), [V, I], V),
  "f64x2.splat": operation(simd(20), [D], V),
  "f64x2.lt": operation(simd(73), [V, V], V),
  "f64x2.gt": operation(simd(74), [V, V], V),
  "f64x2.ge": operation(simd(76), [V, V], V),
  "f64x2.floor": operation(simd(117), [V], V),
  "f64x2.min": operation(simd(244), [V, V], V),
  "f64x2.max": operation(simd(245), [V, V], V),
  "f64x2.promote_low_f32x4": operation(simd(95), [V], V),
  "f64x2.abs": operation(simd(236), [V], V),
  "f64x2.neg": operation(simd(237), [V], V),
  "f64x2.sqrt": operation(simd(239), [V], V),
  "f64x2.add": operation(simd(240), [V, V], V),
  "f64x2.sub": operation(simd(241), [V, V], V),
  "f64x2.mul": operation(simd(242), [V, V], V),
  "f64x2.div": operation(simd(243), [V, V], V),
  "f64x2.convert_low_i32x4_s": operation(simd(254), [V], V),
  "f64x2.convert_low_i32x4_u": operation(simd(255), [V], V),
  "f32x4.demote_f64x2_zero": operation(simd(94), [V], V),
};

/**
 * Makes an expression from an operation of `DOUBLES`.
 *
 * @param name Name of the operation.
 * @param operands The operands.
 * @returns The expression.
 */
export function double(name: string, ...operands: Operand[]): Expression {
  return { emit: (code) => code.operate(name, operands, 0, DOUBLES) };
}

/** Sums, differences, products and quotients of vectors of two doubles. */
export const addDoubles = (a: Operand, b: Operand): Expression => double("f64x2.add", a, b);
export const subDoubles = (a: Operand, b: Operand): Expression => double("f64x2.sub", a, b);
export const mulDoubles = (a: Operand, b: Operand): Expression => double("f64x2.mul", a, b);
export const divDoubles = (a: Operand, b: Operand): Expression => double("f64x2.div", a, b);

/** The value of a polynomial by Horner's rule, the coefficient of the highest power first. */
export function polynomial(coefficients: readonly number[], x: Operand): Expression {
  return coefficients
    .slice(1)
    .reduce((sum: Expression, c) => addDoubles(mulDoubles(sum, x), f64x2(c)), f64x2(coefficients[0]));
}

/**
 * Makes a vector with two times the same f64 constant.
 *
 * @param value The number.
 * @returns The expression.
 */
export function f64x2(value: number): Expression {
  return {
    emit: (code) => {
      code.bytes.push(...simd(12), ...new Uint8Array(Float64Array.of(value, value).buffer));
      code.push("v128");
    },
  };
}
