// Counter-based random numbers (the idea of Salmon et al. 2011): every number depends only on (seed, stream,
// counter). There is no generator with a state. So work can be split, training can stop and resume, and
// tables can grow without changing a number. A key of 64 bits stands for one sequence. Two rounds of xorshift
// and multiply, with the two halves of the key added, turn a position in the sequence into 32 bits.

import { log } from "./math.ts";

/**
 * The purpose of a sequence. It is part of the key, so that different purposes never share random numbers.
 */
export const Stream = {
  embedding: 1,
  parameter: 2,
  dropout: 3,
  shuffle: 4,
  split: 5,
  demo: 6,
  negatives: 7,
  pairs: 8,
  lists: 9,
  bootstrap: 10,
  replay: 11,
  anonymous: 12,
} as const;

/** The key of one sequence of random numbers. */
export interface RandomKey {
  /** First half of the key, a signed 32-bit integer. */
  readonly k0: number;
  /** Second half of the key, a signed 32-bit integer. */
  readonly k1: number;
}

/**
 * Mixes the bits of a 32-bit integer. The form is that of lowbias32 (Chris Wellons, "Prospecting for Hash
 * Functions", https://nullprogram.com/blog/2018/07/31/). The shifts 16, 15, 15 and both factors come from a
 * later search by TheIronBorn: https://github.com/skeeto/hash-prospector/issues/19#issuecomment-1120105785.
 */
function mix(x: number): number {
  x ^= x >>> 16;
  x = Math.imul(x, 0x21f0aaad);
  x ^= x >>> 15;
  x = Math.imul(x, 0x735a2d97);
  return x ^ (x >>> 15);
}

/**
 * Computes the key of one sequence. The added constants are arbitrary odd numbers: 2^32 divided by the golden
 * ratio (0x9e3779b9 and the nearby prime 0x9e3779b1), parts of its 64-bit version (0x7f4a7c15), and a factor
 * of MurmurHash3 (0x85ebca6b).
 *
 * @param seed Integer from 0 to 2^53 - 1.
 * @param stream The purpose of the numbers, one of `Stream`.
 * @param a First coordinate within the stream, such as an epoch or a feature index; a 32-bit integer.
 *   Default: 0.
 * @param b Second coordinate, such as a layer; a 32-bit integer. Default: 0.
 * @returns The key.
 */
export function randomKey(seed: number, stream: number, a: number = 0, b: number = 0): RandomKey {
  let k0 = mix((seed >>> 0) ^ 0x9e3779b9);
  let k1 = mix(Math.floor(seed / 4294967296) ^ k0 ^ 0x85ebca6b);
  for (const word of [stream, a, b]) {
    k0 = mix(k0 ^ Math.imul(word, 0x9e3779b1) ^ k1);
    k1 = mix((k1 + word + 0x7f4a7c15) ^ k0);
  }
  return { k0, k1 };
}

/**
 * Computes 32 random bits. The constants are those of `mix`.
 *
 * @param key The key of the sequence.
 * @param i Position in the sequence, an integer from 0 to 2^32 - 1.
 * @returns An integer from 0 to 2^32 - 1.
 */
export function randomBits(key: RandomKey, i: number): number {
  let x = (i + key.k0) | 0;
  x ^= x >>> 16;
  x = Math.imul(x, 0x21f0aaad);
  x ^= x >>> 15;
  x = (x + key.k1) | 0;
  x ^= x >>> 16;
  x = Math.imul(x, 0x735a2d97);
  return (x ^ (x >>> 15)) >>> 0;
}

/**
 * Computes a uniform random number.
 *
 * @param key The key of the sequence.
 * @param i Position in the sequence, an integer from 0 to 2^32 - 1.
 * @returns A number in the open interval (0, 1), a multiple of 2^-33.
 */
export function randomUniform(key: RandomKey, i: number): number {
  return (randomBits(key, i) + 0.5) / 4294967296;
}

/**
 * Computes a uniform random integer. The probabilities of different integers differ by at most 2^-32.
 *
 * @param key The key of the sequence.
 * @param i Position in the sequence, an integer from 0 to 2^32 - 1.
 * @param n Number of possible integers, from 1 to 2^32.
 * @returns An integer from 0 to n - 1.
 */
export function randomBelow(key: RandomKey, i: number, n: number): number {
  return Math.floor((randomBits(key, i) / 4294967296) * n);
}

/**
 * Computes a standard normal random number: the inverse of the normal distribution function at a uniform
 * random number. Algorithm AS 241, PPND7 (Wichura 1988), which has about seven digits.
 *
 * @param key The key of the sequence.
 * @param i Position in the sequence, an integer from 0 to 2^32 - 1.
 * @returns A number of magnitude below 6.4.
 */
export function randomNormal(key: RandomKey, i: number): number {
  const p = randomUniform(key, i);
  const q = p - 0.5;
  if (q >= -0.425 && q <= 0.425) {
    const r = 0.180625 - q * q;
    const top = ((59.10937472 * r + 159.29113202) * r + 50.434271938) * r + 3.3871327179;
    const bottom = ((67.1875636 * r + 78.757757664) * r + 17.895169469) * r + 1;
    return (q * top) / bottom;
  }
  const tail = Math.sqrt(-log(q < 0 ? p : 1 - p));
  // AS 241 has another branch for tail > 5. It is not needed: p >= 2^-33, so tail is below 4.8.
  const r = tail - 1.6;
  const x =
    (((0.17023821103 * r + 1.3067284816) * r + 2.75681539) * r + 1.4234372777) /
    ((0.12021132975 * r + 0.7370016425) * r + 1);
  return q < 0 ? -x : x;
}

/**
 * Computes a random permutation by the inside-out form of the Fisher-Yates shuffle (Durstenfeld 1964).
 *
 * @param key The key of the sequence.
 * @param n Number of elements, from 0 to 2^32 - 1.
 * @returns The integers from 0 to n - 1 in random order, (n).
 */
export function randomPermutation(key: RandomKey, n: number): Uint32Array {
  const order = new Uint32Array(n);
  for (let i = 0; i < n; i++) {
    const j = randomBelow(key, i, i + 1);
    order[i] = order[j];
    order[j] = i;
  }
  return order;
}

/**
 * Finds where a number falls among ranges that follow each other, such as items drawn by their weights.
 *
 * @param starts Where each range starts, ascending, (ranges).
 * @param target The number.
 * @param first First range to consider. It starts at or before the number.
 * @param last Last range to consider.
 * @returns The last range that starts at or before the number.
 */
export function lastStart(starts: Float64Array, target: number, first: number, last: number): number {
  while (first < last) {
    const middle = (first + last + 1) >>> 1;
    if (starts[middle] <= target) first = middle;
    else last = middle - 1;
  }
  return first;
}
