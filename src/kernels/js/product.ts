// The matrix product in plain JavaScript. Every sum has the order that kernels.ts states. Eight columns of a
// row are summed at the same time, so that the sums stay in registers.

import { bitsOf, type Tensor } from "../../core/tensor.ts";

const f = Math.fround;

/** Buffers for copies of operands. They grow with the largest operands so far. */
export interface Workspace {
  /** b in float64, (depth * n) or longer. It saves one conversion per multiplication. */
  wideB: Float64Array;
  /** The elements of one row of a that are used, (depth) or longer. */
  factors: Float64Array;
  /** For each of these elements: the start of its row of b in `wideB`, (depth) or longer. */
  starts: Int32Array;
}

/**
 * Makes an empty workspace.
 *
 * @returns The workspace.
 */
export function createWorkspace(): Workspace {
  return { wideB: new Float64Array(0), factors: new Float64Array(0), starts: new Int32Array(0) };
}

/**
 * Computes c[i, j] = sum of a(i, p) * b[p, j] over p < depth, plus bias[0, j]. Here a(i, p) is a.data[i *
 * aRow + p * aCol], so a may be transposed. Zeros of a are skipped, because about half of a is zero after
 * dropout or relu. If b is finite, this changes no bit: the sum starts at +0, and adding a zero leaves it as
 * it is. So the function first checks that b is finite.
 *
 * @param workspace Buffers, which are overwritten.
 * @param c Output, (m, n).
 * @param a Left factor, (m, depth), or transposed (depth, m).
 * @param aRow Floats from one row of a to the next.
 * @param aCol Floats from one column of a to the next.
 * @param depth Number of terms of each sum.
 * @param b Right factor, (depth, n).
 * @param bias Number to add to each column, (1, n); null: none.
 * @param start First row of c to write.
 * @param end Row of c behind the last one to write.
 */
export function product(
  workspace: Workspace,
  c: Tensor,
  a: Tensor,
  aRow: number,
  aCol: number,
  depth: number,
  b: Tensor,
  bias: Tensor | null,
  start: number,
  end: number,
): void {
  const n = b.cols;
  if (workspace.wideB.length < depth * n) workspace.wideB = new Float64Array(depth * n);
  if (workspace.factors.length < depth) {
    workspace.factors = new Float64Array(depth);
    workspace.starts = new Int32Array(depth);
  }
  const { wideB, factors, starts } = workspace;
  const skipZeros = widen(wideB, b, depth);
  const aBits = bitsOf(a);
  for (let i = start; i < end; i++) {
    const count = collect(a.data, aBits, i * aRow, aCol, depth, n, skipZeros, factors, starts);
    const out = i * c.stride;
    combineRows(c.data, out, n, wideB, factors, starts, count);
    if (bias !== null) for (let j = 0; j < n; j++) c.data[out + j] += bias.data[j];
  }
}

/** Copies the first `depth` rows of b without padding. Returns whether all elements are finite. */
function widen(wide: Float64Array, b: Tensor, depth: number): boolean {
  const { data, cols, stride } = b;
  let check = 0;
  for (let p = 0; p < depth; p++) {
    for (let j = 0; j < cols; j++) {
      const value = data[p * stride + j];
      wide[p * cols + j] = value;
      check += value * 0; // NaN as soon as one value is not finite
    }
  }
  return check === 0;
}

/**
 * Lists the elements of one row of a that are used: all of them, or those that are not zero. Returns their
 * number. Each element is written, and integer arithmetic decides whether the next one overwrites it. A
 * branch on random zeros would often be predicted wrongly.
 */
function collect(
  a: Float32Array,
  aBits: Int32Array,
  at: number,
  step: number,
  depth: number,
  n: number,
  skipZeros: boolean,
  factor: Float64Array,
  start: Int32Array,
): number {
  let count = 0;
  for (let p = 0; p < depth; p++) {
    const from = at + p * step;
    const magnitude = skipZeros ? aBits[from] << 1 : 1; // 0 only for +0 and -0
    factor[count] = a[from];
    start[count] = p * n;
    count += (magnitude | -magnitude) >>> 31;
  }
  return count;
}

/** out[at + j] = sum of factor[q] * wide[start[q] + j] over q < count, for j < n. */
function combineRows(
  out: Float32Array,
  at: number,
  n: number,
  wide: Float64Array,
  factor: Float64Array,
  start: Int32Array,
  count: number,
): void {
  const whole = n - (n % 8);
  for (let j = 0; j < whole; j += 8) {
    let s0 = 0,
      s1 = 0,
      s2 = 0,
      s3 = 0,
      s4 = 0,
      s5 = 0,
      s6 = 0,
      s7 = 0;
    for (let q = 0; q < count; q++) {
      const x = factor[q];
      const from = start[q] + j;
      s0 = f(s0 + f(x * wide[from]));
      s1 = f(s1 + f(x * wide[from + 1]));
      s2 = f(s2 + f(x * wide[from + 2]));
      s3 = f(s3 + f(x * wide[from + 3]));
      s4 = f(s4 + f(x * wide[from + 4]));
      s5 = f(s5 + f(x * wide[from + 5]));
      s6 = f(s6 + f(x * wide[from + 6]));
      s7 = f(s7 + f(x * wide[from + 7]));
    }
    out[at + j] = s0;
    out[at + j + 1] = s1;
    out[at + j + 2] = s2;
    out[at + j + 3] = s3;
    out[at + j + 4] = s4;
    out[at + j + 5] = s5;
    out[at + j + 6] = s6;
    out[at + j + 7] = s7;
  }
  for (let j = whole; j < n; j++) {
    let s = 0;
    for (let q = 0; q < count; q++) s = f(s + f(factor[q] * wide[start[q] + j]));
    out[at + j] = s;
  }
}
