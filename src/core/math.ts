// Elementary functions that use only the four basic operations. Engines differ in the last bits of Math.exp,
// Math.log and Math.tanh; the functions here give the same bits everywhere. They compute in float64 with a
// relative error of about 1e-14, far below the precision of a float32. exp becomes 0 and Infinity where a
// float32 would. The methods are in Muller, "Elementary Functions: Algorithms and Implementation".

// ln 2 = LN2_HIGH + LN2_LOW, and n * LN2_HIGH is exact for |n| < 2^20 (Cody & Waite 1980). Values as in
// FDLIBM.
export const LN2_HIGH = 0.6931471803691238;
export const LN2_LOW = 1.9082149292705877e-10;
/** 1 / ln 2. */
export const INV_LN2 = 1.4426950408889634;
/** Exponent of the first entry of `POWERS`. */
const MIN_EXPONENT = -150;

/** 2^(i - 150) for i = 0 .. 278: every power of two that a float32 result can need. */
const POWERS = /* @__PURE__ */ powersOfTwo(MIN_EXPONENT, 128);

function powersOfTwo(from: number, to: number): Float64Array {
  const powers = new Float64Array(to - from + 1);
  powers[-from] = 1;
  for (let n = 1; n <= to; n++) powers[n - from] = powers[n - 1 - from] * 2;
  for (let n = -1; n >= from; n--) powers[n - from] = powers[n + 1 - from] * 0.5;
  return powers;
}

/**
 * Computes e^x: x = n ln 2 + r, and a Taylor polynomial of degree 12 for e^r.
 *
 * @param x Any number.
 * @returns e^x; 0 for x below -103.98 and Infinity for x above 88.8, as in float32; NaN for NaN.
 */
export function exp(x: number): number {
  if (x > 88.8) return Infinity;
  if (x < -103.98) return 0;
  if (x !== x) return NaN;
  const n = Math.floor(x * INV_LN2 + 0.5);
  const r = x - n * LN2_HIGH - n * LN2_LOW; // |r| <= ln(2) / 2
  let p = 1 / 479001600;
  p = p * r + 1 / 39916800;
  p = p * r + 1 / 3628800;
  p = p * r + 1 / 362880;
  p = p * r + 1 / 40320;
  p = p * r + 1 / 5040;
  p = p * r + 1 / 720;
  p = p * r + 1 / 120;
  p = p * r + 1 / 24;
  p = p * r + 1 / 6;
  p = p * r + 0.5;
  p = p * r + 1;
  p = p * r + 1;
  return p * POWERS[n - MIN_EXPONENT];
}

/**
 * Computes e^x for a number of at most 0, about three times as fast as `exp`, with a relative error of at
 * most 1e-8: x = n ln 2 + r, and a Taylor polynomial of degree 7 whose parts the processor can compute at the
 * same time (Estrin's scheme).
 *
 * @param x A number of at most 0.
 * @returns e^x; 0 for x below -103.98; NaN for NaN.
 */
export function expBelowZero(x: number): number {
  if (x < -103.98) return 0;
  if (x !== x) return NaN;
  const n = Math.floor(x * INV_LN2 + 0.5);
  const r = x - n * LN2_HIGH - n * LN2_LOW; // |r| <= ln(2) / 2
  const square = r * r;
  const low = 1 + r + square * (0.5 + r * (1 / 6));
  const high = 1 / 24 + r * (1 / 120) + square * (1 / 720 + r * (1 / 5040));
  return (low + square * square * high) * POWERS[n - MIN_EXPONENT];
}

const scratch = /* @__PURE__ */ new DataView(/* @__PURE__ */ new ArrayBuffer(8));

/**
 * Computes the natural logarithm.
 *
 * @param x A number that is not subnormal.
 * @returns ln x; -Infinity for 0; NaN for negative numbers and NaN.
 */
export function log(x: number): number {
  if (x === Infinity) return x;
  if (!(x > 0)) return x === 0 ? -Infinity : NaN;
  scratch.setFloat64(0, x);
  const high = scratch.getInt32(0);
  let exponent = (high >>> 20) - 1023;
  scratch.setInt32(0, (high & 0x000fffff) | 0x3ff00000);
  let m = scratch.getFloat64(0); // x = m * 2^exponent, 1 <= m < 2
  if (m > 1.4142135623730951) {
    m *= 0.5;
    exponent++;
  }
  // log m = 2 atanh s = 2 (s + s^3/3 + s^5/5 + ...), |s| <= 0.1716
  const s = (m - 1) / (m + 1);
  const z = s * s;
  let p = 1 / 19;
  p = p * z + 1 / 17;
  p = p * z + 1 / 15;
  p = p * z + 1 / 13;
  p = p * z + 1 / 11;
  p = p * z + 1 / 9;
  p = p * z + 1 / 7;
  p = p * z + 1 / 5;
  p = p * z + 1 / 3;
  return exponent * LN2_HIGH + (2 * s + (2 * s * z * p + exponent * LN2_LOW));
}

/**
 * Computes log(1 + x). Kahan's correction compensates the rounding of 1 + x, so the result is accurate near
 * 0.
 *
 * @param x A number of at least -1.
 * @returns log(1 + x).
 */
export function log1p(x: number): number {
  const u = 1 + x;
  if (u === 1 || u === Infinity) return x;
  return u > 0 ? log(u) * (x / (u - 1)) : log(u);
}

/**
 * Computes log(1 + e^x) without overflow.
 *
 * @param x Any number.
 * @returns log(1 + e^x).
 */
export function softplus(x: number): number {
  return x > 0 ? x + log1p(exp(-x)) : log1p(exp(x));
}

/**
 * Computes the logistic function 1 / (1 + e^-x) without overflow.
 *
 * @param x Any number.
 * @returns A number from 0 to 1.
 */
export function sigmoid(x: number): number {
  if (x >= 0) return 1 / (1 + exp(-x));
  const e = exp(x);
  return e / (1 + e);
}

/**
 * Computes the hyperbolic tangent.
 *
 * @param x Any number.
 * @returns A number from -1 to 1.
 */
export function tanh(x: number): number {
  const a = x < 0 ? -x : x;
  if (a < 0.25) {
    // Near 0 the formula 1 - 2 / (e^2x + 1) loses digits by cancellation. Lambert's continued fraction does
    // not.
    const z = x * x;
    return x / (1 + z / (3 + z / (5 + z / (7 + z / (9 + z / 11)))));
  }
  const t = 1 - 2 / (exp(2 * a) + 1);
  return x < 0 ? -t : t;
}
