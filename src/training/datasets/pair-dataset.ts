// Examples that are pairs of rows, under a pairwise loss (He & Chua 2017, section 3.2; BPR: Rendle et al.
// 2009).

import type { PairwiseLoss } from "../../losses.ts";
import type { Batch } from "../../model/batch.ts";
import type { BatchRange, Dataset } from "../dataset.ts";
import type { BatchSize, Pass } from "../pass.ts";
import type { ExampleRows } from "./example-rows.ts";

/** Encoded pairs of rows. An example is a pair. A batch holds all its positives, then all its negatives. */
export class PairDataset implements Dataset {
  readonly size: number;
  readonly movesBias = false;
  readonly skipped: number;
  readonly #loss: PairwiseLoss;
  readonly #positives: ExampleRows;
  readonly #negatives: ExampleRows;

  /**
   * Keeps the parts of the data.
   *
   * @param loss The loss.
   * @param size Number of pairs.
   * @param positives The row of each pair that should score higher.
   * @param negatives The other row of each pair.
   * @param skipped What gave nothing to learn from.
   */
  constructor(
    loss: PairwiseLoss,
    size: number,
    positives: ExampleRows,
    negatives: ExampleRows,
    skipped: number = 0,
  ) {
    this.size = size;
    this.skipped = skipped;
    this.#loss = loss;
    this.#positives = positives;
    this.#negatives = negatives;
  }

  get numFeatures(): number {
    return Math.max(this.#positives.numFeatures, this.#negatives.numFeatures);
  }

  usualSize(count: number): BatchSize {
    const [positives, negatives] = [this.#positives, this.#negatives];
    return { rows: 2 * count, entries: positives.usualEntries(count) + negatives.usualEntries(count) };
  }

  choose(range: BatchRange): BatchSize {
    const entries = this.#positives.choose(range) + this.#negatives.choose(range);
    return { rows: 2 * (range.end - range.start), entries };
  }

  fill(batch: Batch, range: BatchRange): void {
    this.#positives.fill(batch, range);
    this.#negatives.fill(batch, range);
  }

  loss({ scores: { data: scores }, dScores: { data: dScores } }: Pass, { start, end }: BatchRange): number {
    const loss = this.#loss;
    const pairs = end - start;
    let total = 0;
    for (let i = 0; i < pairs; i++) {
      const difference = scores[i] - scores[pairs + i];
      total += loss.value(difference);
      dScores[i] = loss.gradient(difference) / pairs;
      dScores[pairs + i] = -dScores[i];
      total += dScores[i] * 0; // NaN as soon as one gradient is not finite
    }
    return total / pairs;
  }

  weight({ start, end }: BatchRange): number {
    return end - start;
  }
}
