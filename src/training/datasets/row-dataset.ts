// Examples that are rows with a target, under a pointwise loss (He & Chua 2017, section 3.2).

import type { PointwiseLoss } from "../../losses.ts";
import type { Batch } from "../../model/batch.ts";
import type { BatchRange, Dataset } from "../dataset.ts";
import type { BatchSize, Pass } from "../pass.ts";
import type { ExampleRows } from "./example-rows.ts";

/** Encoded rows with targets. An example is a row. */
export class RowDataset implements Dataset {
  readonly size: number;
  readonly movesBias = true;
  readonly skipped: number;
  readonly #loss: PointwiseLoss;
  readonly #rows: ExampleRows;
  readonly #targets: Float32Array;
  readonly #weights: Float32Array | null;
  /** What the loss is multiplied with to have the unit of the labels. */
  readonly #lossFactor: number;

  /**
   * Keeps the parts of the data.
   *
   * @param loss The loss.
   * @param rows The row of each example.
   * @param targets Target of each example as the network sees it, (examples).
   * @param weights Weight of each example, (examples). Null: all ones.
   * @param skipped What gave nothing to learn from.
   * @param scale What a difference of 1 in the targets means in the unit of the labels, for a loss that is
   *   quadratic in it. Default: 1.
   */
  constructor(
    loss: PointwiseLoss,
    rows: ExampleRows,
    targets: Float32Array,
    weights: Float32Array | null = null,
    skipped: number = 0,
    scale: number = 1,
  ) {
    this.size = targets.length;
    this.skipped = skipped;
    this.#loss = loss;
    this.#rows = rows;
    this.#targets = targets;
    this.#weights = weights;
    this.#lossFactor = scale * scale;
  }

  get numFeatures(): number {
    return this.#rows.numFeatures;
  }

  usualSize(count: number): BatchSize {
    return { rows: count, entries: this.#rows.usualEntries(count) };
  }

  choose(range: BatchRange): BatchSize {
    return { rows: range.end - range.start, entries: this.#rows.choose(range) };
  }

  fill(batch: Batch, range: BatchRange): void {
    this.#rows.fill(batch, range);
  }

  /** The weighted mean over the rows of the batch, whose weights must not all be 0. */
  loss({ scores: { data: scores }, dScores: { data: dScores } }: Pass, range: BatchRange): number {
    const { order, start, end } = range;
    const [loss, targets, weights] = [this.#loss, this.#targets, this.#weights];
    const totalWeight = this.weight(range);
    let total = 0;
    for (let i = start; i < end; i++) {
      const example = order === null ? i : order[i];
      const weight = weights === null ? 1 : weights[example];
      const score = scores[i - start];
      const target = targets[example];
      total += weight === 0 ? 0 : weight * loss.value(score, target);
      dScores[i - start] = weight === 0 ? 0 : (weight * loss.gradient(score, target)) / totalWeight;
      total += dScores[i - start] * 0; // NaN as soon as one gradient is not finite
    }
    return (total / totalWeight) * this.#lossFactor;
  }

  weight({ order, start, end }: BatchRange): number {
    const weights = this.#weights;
    if (weights === null) return end - start;
    let total = 0;
    for (let i = start; i < end; i++) total += weights[order === null ? i : order[i]];
    return total;
  }
}
