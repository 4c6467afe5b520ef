// Labeled rows in groups under a pairwise loss, such as the items that one user rated: within a group the row
// of the higher label should score above the other. Pairs are drawn anew for each epoch.

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

/** What decides which pairs are drawn. */
export interface PairOptions {
  readonly loss: PairwiseLoss;
  /** Most pairs per epoch in which a row is the better one. */
  readonly pairsPerRow: number;
  readonly seed: number;
}

/** Labeled rows in groups as the user passed them, checked. */
export class GroupedRows implements MeasurableSource {
  readonly size: number;
  readonly targets: Float32Array;
  readonly groups: Uint32Array | null;
  readonly labelRange: LabelRange;
  readonly vocabulary: readonly VocabularyRows[];
  readonly #place: string;
  readonly #options: PairOptions;
  readonly #rows: CheckedLabels;

  /** @param place What errors start with, such as "fit: ". */
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

  *read(space: FeatureSpace): Generator<void, Dataset> {
    const x = yield* readRows(this.#rows.x, space, `${this.#place}x`);
    return new GroupedDataset(this.#options.loss, x, this.#pairs(this.#place));
  }

  /** The pairs, of which there must be one. */
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

  split(place: string, share: number, seed: number): [GroupedRows, GroupedRows] {
    const [kept, heldOut] = splitRows(this.size, this.groups, share, seed, place);
    const take = (rows: Uint32Array): GroupedRows => {
      return new GroupedRows(this.#place, this.#options, takeLabels(this.#rows, rows));
    };
    return [take(kept), take(heldOut)];
  }

  heldOut(place: string, { x, y, groups }: { x?: unknown; y?: unknown; groups?: unknown }): GroupedRows {
    return new GroupedRows(
      place,
      this.#options,
      checkLabeledRows(place, this.#options.loss, x, y, { groups }),
    );
  }

  *readHeldOut(place: string, space: FeatureSpace): Generator<void, HeldOutRows> {
    const { loss } = this.#options;
    const pairs = this.#pairs(place);
    const x = yield* readRows(this.#rows.x, space, `${place}x`);
    return {
      parts: [x],
      loss(scores) {
        // The pairs of the first epoch, so that they are the same after every epoch.
        let sum = 0;
        for (let pair = 0; pair < pairs.count; pair++) {
          sum += loss.value(scores[pairs.better(pair)] - scores[pairs.worse(pair, 1)]);
        }
        return sum / pairs.count;
      },
    };
  }
}

/** Pairs within groups, drawn from encoded rows. */
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
