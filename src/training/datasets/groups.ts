// Labeled rows in groups for a pairwise loss, such as the items that one user rated. Of two rows of a group,
// the row with the higher label should get the higher score. Each epoch draws new pairs.

import { type FeatureSpace, readRows } from "../../data/rows.ts";
import type { SparseRows } from "../../data/sparse-row.ts";
import type { PairwiseLoss } from "../../losses.ts";
import type { Batch } from "../../model/batch.ts";
import type {
  BatchRange,
  Dataset,
  HeldOutRows,
  LabelRange,
  MeasurableSource,
  VocabularyRows,
} from "../dataset.ts";
import { type CheckedLabels, checkLabeledRows, rangeOf, takeLabels } from "./labeled-rows.ts";
import { pairwiseLoss } from "./mean-loss.ts";
import { PairSampler } from "./pair-sampler.ts";
import { ChosenRows, maxEntries, splitRows } from "./row-choice.ts";

/** Options of drawing pairs. */
export interface PairOptions {
  /** The loss of a pair. */
  readonly loss: PairwiseLoss;
  /** Largest number of pairs per epoch in which a row is the better one, at least 1. */
  readonly pairsPerRow: number;
  /** Seed of the draws, an integer from 0 to 2^53 - 1. */
  readonly seed: number;
}

/** Labeled rows in groups as the user passed them, checked and not yet encoded. */
export class GroupedRows implements MeasurableSource {
  /** Number of rows. */
  readonly size: number;
  /** Target of each row, (rows). */
  readonly targets: Float32Array;
  /** Group number of each row, (rows); null: no groups. */
  readonly groups: Uint32Array | null;
  /** Smallest and largest target; null without labels. */
  readonly labelRange: LabelRange;
  /** The rows from which an encoder learns its vocabulary. */
  readonly vocabulary: readonly VocabularyRows[];
  readonly #place: string;
  readonly #options: PairOptions;
  readonly #rows: CheckedLabels;

  /**
   * Keeps the parts of the data.
   *
   * @param place What errors start with, such as "fit: ".
   * @param options How pairs are drawn.
   * @param rows The rows.
   */
  constructor(place: string, options: PairOptions, rows: CheckedLabels) {
    this.#place = place;
    this.#options = options;
    this.#rows = rows;
    this.size = rows.targets.length;
    this.targets = rows.targets;
    this.groups = rows.groups;
    this.labelRange = rangeOf(rows.targets);
    this.vocabulary = [{ rows: rows.x, place: `${place}x` }];
  }

  /**
   * Encodes the rows. Yields now and then.
   *
   * @param space The features of the model.
   * @returns The dataset.
   * @throws TypeError or RangeError that names the row; RangeError if no group has a pair.
   */
  *read(space: FeatureSpace): Generator<void, Dataset> {
    const x = yield* readRows(this.#rows.x, space, `${this.#place}x`);
    return new GroupedDataset(this.#options.loss, x, this.#pairs(this.#place));
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
    const needed = "groups must have two rows of different labels in some group";
    throw new RangeError(`${place}${needed}, got none in ${pairs.skippedGroups} groups`);
  }

  /**
   * Divides the examples at random.
   *
   * @param place What errors start with.
   * @param share Share to hold out, above 0 and below 1.
   * @param seed Integer from 0 to 2^53 - 1.
   * @returns The two parts.
   * @throws RangeError if nothing would be left to train on.
   */
  split(place: string, share: number, seed: number): [GroupedRows, GroupedRows] {
    const [kept, heldOut] = splitRows(this.size, this.groups, share, seed, place);
    const take = (rows: Uint32Array): GroupedRows => {
      return new GroupedRows(this.#place, this.#options, takeLabels(this.#rows, rows));
    };
    return [take(kept), take(heldOut)];
  }

  /**
   * Checks data of the same kind from the option `validation`.
   *
   * @param place What errors start with.
   * @param validation The value of the option.
   * @returns The data as a source.
   * @throws TypeError or RangeError that names the place.
   */
  heldOut(place: string, { x, y, groups }: { x?: unknown; y?: unknown; groups?: unknown }): GroupedRows {
    return new GroupedRows(
      place,
      this.#options,
      checkLabeledRows(place, this.#options.loss, x, y, { groups }),
    );
  }

  /**
   * Encodes the rows to be scored after every epoch. Yields now and then.
   *
   * @param place What errors start with.
   * @param space The features of the model.
   * @returns The encoded rows.
   * @throws TypeError or RangeError that names the row.
   */
  *readHeldOut(place: string, space: FeatureSpace): Generator<void, HeldOutRows> {
    const { loss } = this.#options;
    const pairs = this.#pairs(place);
    const x = yield* readRows(this.#rows.x, space, `${place}x`);
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
}

/** Pairs of encoded rows within groups. An example is a pair. */
class GroupedDataset implements Dataset {
  readonly size: number;
  readonly numFeatures: number;
  readonly rowsPerExample = 2;
  readonly movesBias = false;
  readonly skipped: number;
  readonly #loss: PairwiseLoss;
  readonly #x: SparseRows;
  readonly #better: ChosenRows;
  readonly #worse: ChosenRows;

  constructor(loss: PairwiseLoss, x: SparseRows, pairs: PairSampler) {
    this.size = pairs.count;
    this.numFeatures = x.cols;
    this.skipped = pairs.skippedGroups;
    this.#loss = loss;
    this.#x = x;
    this.#better = new ChosenRows(x, (pair) => pairs.better(pair));
    this.#worse = new ChosenRows(x, (pair, epoch) => pairs.worse(pair, epoch));
  }

  usualEntries(count: number): number {
    return 2 * maxEntries(this.#x, count);
  }

  choose(range: BatchRange): number {
    return this.#better.choose(range) + this.#worse.choose(range);
  }

  fill(batch: Batch, { start, end }: BatchRange): void {
    batch.append(this.#x, this.#better.numbers, 0, end - start);
    batch.append(this.#x, this.#worse.numbers, 0, end - start);
  }

  loss(scores: Float32Array, dScores: Float32Array, { start, end }: BatchRange): number {
    return pairwiseLoss(this.#loss, scores, dScores, end - start);
  }

  weight({ start, end }: BatchRange): number {
    return end - start;
  }
}
