// Pairs of rows for a pairwise loss: row i of `positives` should score above row i of `negatives`.

import { wrongValue } from "../../core/errors.ts";
import { type CheckedRows, countRows, snapshot } from "../../data/checked-rows.ts";
import { checkRows, type FeatureSpace, readRows } from "../../data/rows.ts";
import type { PairwiseLoss } from "../../losses.ts";
import type { Dataset, HeldOutRows, MeasurableSource, VocabularyRows } from "../dataset.ts";
import { FixedRows } from "./example-rows.ts";
import { PairDataset } from "./pair-dataset.ts";
import { splitRows, takeRows } from "./split.ts";

/** Pairs of rows as the user passed them, checked and not yet encoded. */
export class Pairs implements MeasurableSource {
  /** Number of pairs. */
  readonly size: number;
  /** Null: pairs have no labels. */
  readonly labelRange = null;
  /** Null: pairs have no groups. */
  readonly groups = null;
  /** The rows from which an encoder learns its vocabulary. */
  readonly vocabulary: readonly VocabularyRows[];
  readonly #place: string;
  readonly #loss: PairwiseLoss;
  readonly #positives: CheckedRows;
  readonly #negatives: CheckedRows;

  /**
   * Checks the rows and copies what the user could change during training.
   *
   * @param place What errors start with, such as "fitPairs: ".
   * @param loss The loss of the model.
   * @param positives The better row of each pair, (pairs).
   * @param negatives The worse row of each pair, (pairs).
   * @throws TypeError if they are not rows; RangeError if their numbers differ.
   */
  constructor(place: string, loss: PairwiseLoss, positives: unknown, negatives: unknown) {
    this.#place = place;
    this.#loss = loss;
    this.#positives = snapshot(checkRows(positives, `${place}positives`));
    this.#negatives = snapshot(checkRows(negatives, `${place}negatives`));
    this.size = countRows(this.#positives);
    const other = countRows(this.#negatives);
    if (other !== this.size)
      throw wrongValue(`${place}negatives`, `as many rows as positives (${this.size})`, other);
    this.vocabulary = [
      { rows: this.#positives, place: `${place}positives` },
      { rows: this.#negatives, place: `${place}negatives` },
    ];
  }

  /** Whether there is anything to train on or to measure. */
  get hasExamples(): boolean {
    return this.size > 0;
  }

  /** Targets for metrics: 1 for each positive, then 0 for each negative, (2 * pairs). */
  get targets(): Float32Array {
    return new Float32Array(2 * this.size).fill(1, 0, this.size);
  }

  /**
   * Encodes the rows. Yields now and then.
   *
   * @param space The features of the model.
   * @returns The dataset.
   * @throws TypeError or RangeError that names the row.
   */
  *read(space: FeatureSpace): Generator<void, Dataset> {
    const positives = yield* readRows(this.#positives, space, `${this.#place}positives`);
    const negatives = yield* readRows(this.#negatives, space, `${this.#place}negatives`);
    return new PairDataset(this.#loss, this.size, new FixedRows(positives), new FixedRows(negatives));
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
  split(place: string, share: number, seed: number): [Pairs, Pairs] {
    const [kept, heldOut] = splitRows(place, {
      rows: this.size,
      groups: null,
      times: null,
      share,
      seed,
    });
    const take = (rows: Uint32Array): Pairs => {
      return new Pairs(
        this.#place,
        this.#loss,
        takeRows(this.#positives, rows),
        takeRows(this.#negatives, rows),
      );
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
  heldOut(place: string, { positives, negatives }: { positives?: unknown; negatives?: unknown }): Pairs {
    return new Pairs(place, this.#loss, positives, negatives);
  }

  /**
   * Encodes the rows to be scored at every check. Yields now and then.
   *
   * @param place What errors start with.
   * @param space The features of the model.
   * @returns The encoded rows.
   * @throws TypeError or RangeError that names the row.
   */
  *readHeldOut(place: string, space: FeatureSpace): Generator<void, HeldOutRows> {
    const positives = yield* readRows(this.#positives, space, `${place}positives`);
    const negatives = yield* readRows(this.#negatives, space, `${place}negatives`);
    const { size } = this;
    const loss = this.#loss;
    return {
      parts: [positives, negatives],
      loss(scores) {
        let sum = 0;
        for (let pair = 0; pair < size; pair++) sum += loss.value(scores[pair] - scores[size + pair]);
        return sum / size;
      },
    };
  }
}
