// `randomBits` of core/random.ts for four positions at a time.

import { type FunctionBuilder, op, type Variable } from "./assembler.ts";

/**
 * Writes code that turns four positions of a sequence into random bits.
 *
 * @param f The function.
 * @param bits The positions, a vector of integers. The code puts the random bits in their place.
 * @param first The first half of the key, four times.
 * @param second The second half of the key, four times.
 */
export function randomBits(f: FunctionBuilder, bits: Variable, first: Variable, second: Variable): void {
  const scramble = (distance: number): void =>
    f.set(bits, op("v128.xor", bits, op("i32x4.shr_u", bits, distance)));
  const multiply = (factor: number): void => f.set(bits, op("i32x4.mul", bits, op("i32x4.splat", factor)));
  f.set(bits, op("i32x4.add", bits, first));
  scramble(16);
  multiply(0x21f0aaad);
  scramble(15);
  f.set(bits, op("i32x4.add", bits, second));
  scramble(16);
  multiply(0x735a2d97);
  scramble(15);
}
