// Shorthand that the emitters share: float vectors, and loops over columns in blocks of vectors.

import {
  type Expression,
  type FunctionBuilder,
  f32,
  load,
  type Operand,
  op,
  type ValueType,
  type Variable,
} from "./assembler.ts";

export const add = (a: Operand, b: Operand): Expression => op("f32x4.add", a, b);
export const sub = (a: Operand, b: Operand): Expression => op("f32x4.sub", a, b);
export const mul = (a: Operand, b: Operand): Expression => op("f32x4.mul", a, b);
export const div = (a: Operand, b: Operand): Expression => op("f32x4.div", a, b);
export const sqrt = (a: Operand): Expression => op("f32x4.sqrt", a);
/** Four times the same float: a constant, or an f32 expression. */
export const splat = (value: Expression | number): Expression =>
  op("f32x4.splat", typeof value === "number" ? f32(value) : value);
export const vector = (address: Operand, offset: number = 0): Expression =>
  load("v128.load", address, offset);

/** base + offset on addresses. */
export const plus = (base: Operand, offset: Operand): Expression => op("i32.add", base, offset);

/** a + b * c on addresses. */
export const at = (base: Operand, index: Operand, size: Operand): Expression =>
  op("i32.add", base, op("i32.mul", index, size));

/** 0 .. n - 1 */
export const range = (n: number): number[] => Array.from({ length: n }, (_, i) => i);

/** The types of `n` integers, for parameter lists. */
export const integers = (n: number): ValueType[] => range(n).map(() => "i32");

/**
 * Walks over columns from byte `start` to byte `end`, both multiples of 16, in blocks of `widest` vectors and
 * then one vector at a time. `body` gets the byte position and the number of vectors.
 */
export function columns(
  f: FunctionBuilder,
  start: Operand,
  end: Operand,
  widest: number,
  body: (j: Variable, vectors: number) => void,
): void {
  const j = f.local("i32", start);
  const bytes = 16 * widest;
  const whole = f.local("i32", op("i32.add", j, op("i32.and", op("i32.sub", end, j), -bytes)));
  if (widest > 1) f.while(j, whole, bytes, () => body(j, widest));
  f.while(j, end, 16, () => body(j, 1));
}
