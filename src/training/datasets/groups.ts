// Labeled rows in groups for a pairwise loss, such as the items that one user rated. Of two rows of a group,
// the row with the higher label should get the higher score. Each epoch draws new pairs.

import { type FeatureSpace, readRows } from "../../data/rows.ts";
import type { PairwiseLoss } from "../../losses.ts";
import { hasUnequalPair } from "../../metrics/ranking-metrics.ts";
import type { Dataset, HeldOutRows } from "../dataset.ts";
import { ChosenRows } from "./example-rows.ts";
import { allLabelsEqual, type CheckedLabels, LabelSource } from "./labeled-rows.ts";
import { PairDataset } from "./pair-dataset.ts";
import { PairSampler } from "./pair-sampler.ts";

/** Options of drawing pairs. */
export interface PairOptions {
  /** The loss of a pair. */
  readonly loss: PairwiseLoss;
  /** Largest number of pairs per epoch in which a row is the better one, at least 1. */
  readonly pairsPerRow: number;
  /** Seed of the draws, an integer from 0 to 2^53 - 1. */
  readonly seed: number;
}

/** Labeled rows in groups, under a pairwise loss. */
export class GroupedRows extends LabelSource<PairwiseLoss> {
  readonly #options: PairOptions;

  /**
   * Keeps the parts of the data.
   *
   * @param place What errors start with, such as "fit: ".
   * @param options What decides which pairs are drawn.
   * @param rows The rows.
   */
  constructor(place: string, options: PairOptions, rows: CheckedLabels) {
    super(place, options.loss, rows);
    this.#options = options;
  }

  /**
   * Encodes the rows. Yields now and then.
   *
   * @param space The features of the model.
   * @returns The dataset.
   * @throws TypeError or RangeError that names the row; RangeError if no group has a pair.
   */
  *read(space: FeatureSpace): Generator<void, Dataset> {
    const x = yield* readRows(this.rows.x, space, `${this.place}x`);
    const pairs = this.#pairs(this.place);
    const better = new ChosenRows(x, (pair) => pairs.better(pair));
    const worse = new ChosenRows(x, (pair, epoch) => pairs.worse(pair, epoch));
    return new PairDataset(this.lossFunction, pairs.count, better, worse, pairs.skippedGroups);
  }

  /** Whether some group has two rows of different labels, which make a pair. */
  override get hasExamples(): boolean {
    return this.groups !== null && hasUnequalPair(this.targets, this.groups);
  }

  /** Returns the sampler of pairs. Throws if there are no groups, or if no group has a pair. */
  #pairs(place: string): PairSampler {
    const { loss, pairsPerRow, seed } = this.#options;
    if (this.groups === null) {
      const reason = `the ${loss.name} loss compares rows within a group; pass groups, or use fitPairs`;
      throw new TypeError(`${place}groups is needed: ${reason}`);
    }
    const pairs = new PairSampler(this.targets, this.groups, pairsPerRow, seed, `${place}pairsPerRow`);
    if (pairs.count > 0) return pairs;
    throw allLabelsEqual(place, pairs.skippedGroups);
  }

  *readHeldOut(place: string, space: FeatureSpace): Generator<void, HeldOutRows> {
    const { loss } = this.#options;
    const pairs = this.#pairs(place);
    const x = yield* readRows(this.rows.x, space, `${place}x`);
    return {
      parts: [x],
      loss(scores) {
        // Always the pairs of epoch 1, so that the validation losses of different epochs can be compared.
        let sum = 0;
        for (let pair = 0; pair < pairs.count; pair++) {
          sum += loss.value(scores[pairs.better(pair)] - scores[pairs.worse(pair, 1)]);
        }
        return sum / pairs.count;
      },
    };
  }

  protected withRows(place: string, rows: CheckedLabels): GroupedRows {
    return new GroupedRows(place, this.#options, rows);
  }
}
