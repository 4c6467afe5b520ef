// Mean and standard deviation of numbers in one pass, by Welford's method (1962), with weights as West (1979)
// has them (https://doi.org/10.1145/359146.359153). Unlike a sum of squares, it keeps the digits of numbers
// such as 1e9 + 0.5.

/** The moments of the numbers so far. */
export class Moments {
  #mean = 0;
  /** Sum of the weights. */
  #total = 0;
  /** Weighted sum of squared deviations from the mean. */
  #squares = 0;

  /**
   * Adds a number.
   *
   * @param value A finite number.
   * @param weight How much it counts, finite, at least 0. Default: 1.
   */
  add(value: number, weight: number = 1): void {
    if (weight === 0) return;
    this.#total += weight;
    const delta = value - this.#mean;
    this.#mean += (weight * delta) / this.#total;
    this.#squares += weight * delta * (value - this.#mean);
  }

  /** The weighted mean; 0 without numbers. */
  get mean(): number {
    return this.#mean;
  }

  /** The weighted standard deviation: exactly 0 if all numbers are equal, or without numbers. */
  get deviation(): number {
    return this.#total === 0 ? 0 : Math.sqrt(this.#squares / this.#total);
  }
}
