// What all tables of the bench have in common: rows with labels, divided into training and test rows, and the
// random numbers that generated tables are made of.

import { exp } from "../../src/core/math.ts";
import {
  type RandomKey,
  randomKey,
  randomNormal,
  randomPermutation,
  randomUniform,
} from "../../src/core/random.ts";

/** A row: text and flags are categories, an array of text is a list, numbers are numbers. */
export type Row = Record<string, string | number | boolean | string[] | null | undefined>;

/** Rows with their labels. */
export interface LabeledTable {
  readonly rows: Row[];
  readonly labels: Float64Array;
}

/** A table of the bench. */
export interface Table {
  readonly name: string;
  readonly loss: "log" | "squared";
  readonly train: LabeledTable;
  readonly test: LabeledTable;
}

/** The streams of the bench's random numbers. The library's own streams are small numbers. */
export const STREAM = { rows: 1000, effects: 1001, split: 1002, validation: 1003 } as const;

/** Random numbers, one after the other. */
export class Draws {
  readonly #key: RandomKey;
  #count = 0;

  /** @param place Makes sequences of the same seed differ; an integer. */
  constructor(seed: number, place: number) {
    this.#key = randomKey(seed, STREAM.rows, place);
  }

  /** A uniform number in (0, 1). */
  uniform(): number {
    return randomUniform(this.#key, this.#count++);
  }

  /** A standard normal number. */
  normal(): number {
    return randomNormal(this.#key, this.#count++);
  }

  /** An integer from 0 to n - 1. */
  below(n: number): number {
    return Math.floor(n * this.uniform());
  }

  /** An integer from 0 to n - 1, the small ones more often. */
  skewed(n: number): number {
    return Math.floor(n * this.uniform() ** 2);
  }

  /** True with the probability whose logit is given. */
  happens(logit: number): number {
    return this.uniform() < 1 / (1 + exp(-logit)) ? 1 : 0;
  }
}

/** Normal numbers that belong to levels, (n), such as the effects of the levels of a field. */
export function effects(seed: number, place: number, n: number, deviation: number): Float64Array {
  const key = randomKey(seed, STREAM.effects, place);
  return Float64Array.from({ length: n }, (_, i) => deviation * randomNormal(key, i));
}

/** Makes rows and labels with a function that makes one of each. */
export function makeRows(count: number, make: () => [row: Row, label: number]): LabeledTable {
  const rows: Row[] = [];
  const labels = new Float64Array(count);
  for (let i = 0; i < count; i++) {
    const [row, label] = make();
    rows.push(row);
    labels[i] = label;
  }
  return { rows, labels };
}

/** The rows at the given positions. */
export function take({ rows, labels }: LabeledTable, positions: ArrayLike<number>): LabeledTable {
  const list = Array.from(positions);
  return { rows: list.map((i) => rows[i]), labels: Float64Array.from(list, (i) => labels[i]) };
}

/** Divides rows at random. `test`: the number of test rows; `train`: the largest number of training rows. */
export function divide(
  all: LabeledTable,
  test: number,
  seed: number,
  train: number = Infinity,
): Pick<Table, "train" | "test"> {
  const order = randomPermutation(randomKey(seed, STREAM.split), all.rows.length);
  return {
    test: take(all, order.subarray(0, test)),
    train: take(all, order.subarray(test, Math.min(order.length, test + train))),
  };
}
