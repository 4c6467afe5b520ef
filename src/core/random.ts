// Counter-based randomness: every number is a pure function of (seed, stream, counter), so no generator
// carries state, work can be split or resumed, and tables can grow without moving a number. A key of 64 bits
// names a sequence; two multiply-xorshift rounds turn its i-th position into 32 bits.

import { log } from "./math.ts";

/** What a sequence is used for; part of its key, so that uses never share numbers. */
export const Stream = {
  embedding: 1,
  parameter: 2,
  dropout: 3,
  shuffle: 4,
  split: 5,
  demo: 6,
  negatives: 7,
  pairs: 8,
} as const;

/** Names one sequence of random numbers. */
export interface RandomKey {
  readonly k0: number;
  readonly k1: number;
}

function mix(x: number): number {
  x ^= x >>> 16;
  x = Math.imul(x, 0x21f0aaad);
  x ^= x >>> 15;
  x = Math.imul(x, 0x735a2d97);
  return x ^ (x >>> 15);
}

/**
 * The key of one sequence.
 *
 * @param seed Integer from 0 to 2^53 - 1.
 * @param stream What the numbers are for (`Stream`).
 * @param a First coordinate within the stream, for example an epoch or a feature index; a 32-bit integer.
 * @param b Second coordinate, for example a layer.
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

/** 32 random bits: element `i` of the sequence, an integer from 0 to 2^32 - 1. */
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

/** A uniform number in the open interval (0, 1). */
export function randomUniform(key: RandomKey, i: number): number {
  return (randomBits(key, i) + 0.5) / 4294967296;
}

/** A uniform integer from 0 to `n` - 1, for n up to 2^32. */
export function randomBelow(key: RandomKey, i: number, n: number): number {
  return Math.floor((randomBits(key, i) / 4294967296) * n);
}

/**
 * A standard normal number: the inverse of the normal distribution function (Wichura 1988, AS 241, PPND7) at
 * a uniform one.
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
  const r = tail - 1.6; // AS 241 has a third branch, for tail > 5; p >= 2^-33 keeps tail below 4.8
  const x =
    (((0.17023821103 * r + 1.3067284816) * r + 2.75681539) * r + 1.4234372777) /
    ((0.12021132975 * r + 0.7370016425) * r + 1);
  return q < 0 ? -x : x;
}

/** The order in which one epoch visits `n` rows: a Fisher-Yates shuffle of 0 .. n - 1. */
export function randomPermutation(key: RandomKey, n: number): Uint32Array {
  const order = new Uint32Array(n);
  for (let i = 0; i < n; i++) {
    const j = randomBelow(key, i, i + 1);
    order[i] = order[j];
    order[j] = i;
  }
  return order;
}
