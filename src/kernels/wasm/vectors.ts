// Short functions that the emitters share: operations on vectors of four floats, and loops over blocks of
// columns.

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

/** a + b, for vectors of floats. */
export const add = (a: Operand, b: Operand): Expression => op("f32x4.add", a, b);
/** a - b, for vectors of floats. */
export const sub = (a: Operand, b: Operand): Expression => op("f32x4.sub", a, b);
/** a * b, for vectors of floats. */
export const mul = (a: Operand, b: Operand): Expression => op("f32x4.mul", a, b);
/** a / b, for vectors of floats. */
export const div = (a: Operand, b: Operand): Expression => op("f32x4.div", a, b);
/** The square root of each float of a vector. */
export const sqrt = (a: Operand): Expression => op("f32x4.sqrt", a);
/** A vector with four times the same float. The float is a constant or an f32 expression. */
export const splat = (value: Expression | number): Expression =>
  op("f32x4.splat", typeof value === "number" ? f32(value) : value);
/** The vector at a byte address. */
export const vector = (address: Operand, offset: number = 0): Expression =>
  load("v128.load", address, offset);

/** Reads some vectors that lie side by side into variables. */
export const vectorsAt = (f: FunctionBuilder, address: Operand, vectors: number): Variable[] => {
  const from = f.local("i32", address);
  return range(vectors).map((c) => f.local("v128", vector(from, 16 * c)));
};

/** The address base + offset. */
export const plus = (base: Operand, offset: Operand): Expression => op("i32.add", base, offset);

/** The address base + index * size. */
export const at = (base: Operand, index: Operand, size: Operand): Expression =>
  op("i32.add", base, op("i32.mul", index, size));

/** The integers from 0 to n - 1. */
export const range = (n: number): number[] => Array.from({ length: n }, (_, i) => i);

/** The types of n integer parameters. */
export const integers = (n: number): ValueType[] => range(n).map(() => "i32");

/** The smaller one of two integers, as a new variable. */
export function least(f: FunctionBuilder, a: Operand, b: Operand): Variable {
  const result = f.local("i32", a);
  f.if(op("i32.lt_u", b, result), () => f.set(result, b));
  return result;
}

/**
 * Writes a loop over columns: first blocks of `widest` vectors, then single vectors for the remaining
 * columns.
 *
 * @param f The function.
 * @param start First column, in bytes, a multiple of 16.
 * @param end The column behind the last one, in bytes, a multiple of 16.
 * @param widest Number of vectors of a large block, at least 1.
 * @param body Writes the body. It gets the byte position and the number of vectors of the block.
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
