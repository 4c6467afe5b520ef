// What fit learns from the numbers of a field in one pass: mean and standard deviation, range, and a sample
// for quantiles. The sample holds every value at first. Each time it is full, it keeps every second value and
// from then on takes half as many, so it depends on the order of the rows alone.

import { Moments } from "../core/moments.ts";
import type { NumbersOption } from "./encoder-options.ts";
import type { NumberCode } from "./number-codes.ts";

/** Most values that are kept for quantiles. */
const SAMPLE = 2 ** 16;

/** Knots of a field have so many quantiles at most, and at least so many. */
const MOST_KNOTS = 32;
const LEAST_KNOTS = 8;

/** Numbers of a field. */
export class NumberSample {
  /** Smallest value. */
  min: number = Infinity;
  /** Largest value. */
  max: number = -Infinity;
  /** Number of values. */
  count = 0;
  /** Whether all values are integers. */
  areIntegers = true;
  readonly #moments = new Moments();
  #sample = new Float64Array(64);
  #size = 0;
  /** Every how many-th value is kept. */
  #step = 1;

  /**
   * Adds a value.
   *
   * @param value A finite number.
   */
  add(value: number): void {
    if (value < this.min) this.min = value;
    if (value > this.max) this.max = value;
    if (!Number.isInteger(value)) this.areIntegers = false;
    if (this.count % this.#step === 0) this.#keep(value);
    this.count++;
    this.#moments.add(value);
  }

  #keep(value: number): void {
    if (this.#size === SAMPLE) {
      for (let i = 0; i < SAMPLE / 2; i++) this.#sample[i] = this.#sample[2 * i];
      this.#size = SAMPLE / 2;
      this.#step *= 2;
      if (this.count % this.#step !== 0) return;
    }
    if (this.#size === this.#sample.length) {
      const larger = new Float64Array(this.#size * 2);
      larger.set(this.#sample);
      this.#sample = larger;
    }
    this.#sample[this.#size++] = value;
  }

  /** Mean of the values; 0 without values. */
  get mean(): number {
    return this.#moments.mean;
  }

  /** Standard deviation of the values; 0 without values. */
  get std(): number {
    return this.#moments.deviation;
  }

  /**
   * Computes how numbers become entries.
   *
   * @param numbers How numbers become entries.
   * @returns The code. A constant field gets a standard code with deviation 0, which contributes nothing.
   */
  code(numbers: NumbersOption): NumberCode {
    if (numbers === "raw") return { type: numbers };
    const { min, max, mean, std } = this;
    if (numbers === "standard" || !(max > min)) return { type: "standard", mean, std };
    const sorted = this.#sample.slice(0, this.#size).sort();
    const maxKnots = Math.min(Math.max(Math.round(Math.sqrt(this.count) / 4), LEAST_KNOTS), MOST_KNOTS);
    const knots = knotsOf(sorted, min, max, maxKnots);
    return { type: "knots", knots, line: numbers === "auto" && std > 0 ? { mean, std } : null };
  }
}

/**
 * Places knots at quantiles, one per distinct value if there are few.
 *
 * @param sorted Values in ascending order, at least one.
 * @param min Smallest value of all rows: the first knot.
 * @param max Largest value of all rows, above `min`: the last knot.
 * @param maxKnots Largest number of knots, at least 2.
 * @returns The knots in ascending order, at least two.
 */
export function knotsOf(sorted: Float64Array, min: number, max: number, maxKnots: number): number[] {
  const knots = [min];
  const push = (value: number): void => {
    if (value > knots[knots.length - 1] && value < max) knots.push(value);
  };
  const distinct = new Set(sorted);
  if (distinct.size <= maxKnots) for (const value of distinct) push(value);
  else
    for (let i = 1; i < maxKnots - 1; i++)
      push(sorted[Math.round((i * (sorted.length - 1)) / (maxKnots - 1))]);
  knots.push(max);
  return knots;
}
