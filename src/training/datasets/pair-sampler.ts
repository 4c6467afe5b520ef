// Draws pairs of rows for ranking within groups, such as the items that one user rated. The better row of a
// pair should get the higher score. The better rows are the same in every epoch. Each epoch draws new worse
// rows for them by stratified sampling: the pairs of one row spread over all rows of lower target, and no
// pair repeats.

import { wrongValue } from "../../core/errors.ts";
import { type RandomKey, randomBelow, randomKey, Stream } from "../../core/random.ts";
import { rowsByGroup } from "../../data/ids.ts";

/**
 * Draws pairs of rows (i, j) of a group with target_i > target_j. Let m be the number of rows of the group
 * whose target is below that of row i. Then row i is the better row of min(perRow, m) pairs per epoch, whose
 * worse rows are all different. The pairs of a row are numbered one behind the other.
 *
 * If m is at most perRow, these are all pairs of the row, the same in each epoch. Otherwise the m lower rows
 * are sorted by target and form a ring. The ring is cut at a random place and divided into perRow strata,
 * whose sizes differ by at most one. Each pair draws one row of its own stratum. So the worse row of each
 * single pair is uniform over all m rows, and each of them is drawn with probability perRow / m in an epoch.
 * This is exact up to the resolution 2^-32 of the random numbers.
 *
 * @example
 * const pairs = new PairSampler(Float32Array.of(5, 1, 3), Uint32Array.of(0, 0, 0), 1, 42);
 * pairs.count; // 2: row 0 with row 1 or 2, row 2 with row 1
 */
export class PairSampler {
  /** Number of pairs per epoch. */
  readonly count: number;
  /** Number of groups without a pair. All rows of such a group have the same target. */
  readonly skippedGroups: number;
  readonly #perRow: number;
  readonly #seed: number;
  /** Group number of each row, (rows). */
  readonly #groups: Uint32Array;
  /** Position in `order` where each group starts, (groups + 1). */
  readonly #starts: Uint32Array;
  /** Row numbers, sorted by group, then by target, (rows). */
  readonly #order: Uint32Array;
  /** For each row: the number m of rows of lower target in its group, which come first in `order`, (rows). */
  readonly #lower: Uint32Array;
  /** Number of the first pair of each row, (rows). */
  readonly #firstPair: Uint32Array;
  /** Better row of each pair, (count). */
  readonly #better: Uint32Array;
  // The epoch of the last draw and its keys. They are kept, because making a key takes longer than a draw.
  #epoch = 0;
  #drawKey: RandomKey;
  #cutKey: RandomKey;

  /**
   * Sorts the rows of each group and counts the pairs.
   *
   * @param targets Target of each row, finite, (rows).
   * @param groups Group number of each row, from 0 without gaps, (rows). The array is kept and not copied.
   * @param perRow Largest number of pairs per epoch in which a row is the better one, at least 1.
   * @param seed Integer from 0 to 2^53 - 1.
   * @param place What errors call `perRow`. Default: "perRow".
   * @throws RangeError if an epoch has 2^32 pairs or more.
   */
  constructor(
    targets: Float32Array | Float64Array,
    groups: Uint32Array,
    perRow: number,
    seed: number,
    place: string = "perRow",
  ) {
    const rows = targets.length;
    const [starts, order] = rowsByGroup(groups);
    const lower = new Uint32Array(rows);
    let skippedGroups = 0;
    for (let group = 0; group + 1 < starts.length; group++) {
      const sorted = order
        .subarray(starts[group], starts[group + 1])
        .sort((a, b) => targets[a] - targets[b] || a - b);
      let below = 0; // number of rows whose target is below that of row p
      for (let p = 1; p < sorted.length; p++) {
        if (targets[sorted[p]] > targets[sorted[p - 1]]) below = p;
        lower[sorted[p]] = below;
      }
      if (below === 0) skippedGroups++;
    }

    let count = 0;
    const firstPair = new Uint32Array(rows);
    for (let row = 0; row < rows; row++) {
      firstPair[row] = count;
      count += Math.min(perRow, lower[row]);
    }
    if (count > 0xffffffff)
      throw wrongValue(place, "small enough for fewer than 2^32 pairs per epoch", perRow);
    const better = new Uint32Array(count);
    for (let row = 0; row < rows; row++)
      better.fill(row, firstPair[row], firstPair[row] + Math.min(perRow, lower[row]));

    this.count = count;
    this.skippedGroups = skippedGroups;
    this.#perRow = perRow;
    this.#seed = seed;
    this.#groups = groups;
    this.#starts = starts;
    this.#order = order;
    this.#lower = lower;
    this.#firstPair = firstPair;
    this.#better = better;
    this.#drawKey = randomKey(seed, Stream.pairs, 0, 0);
    this.#cutKey = randomKey(seed, Stream.pairs, 0, 1);
  }

  /**
   * Returns the better row of a pair, which is the same in every epoch.
   *
   * @param pair Number of the pair, from 0 to count - 1.
   * @returns The row number.
   */
  better(pair: number): number {
    return this.#better[pair];
  }

  /**
   * Draws the worse row of a pair.
   *
   * @param pair Number of the pair, from 0 to count - 1.
   * @param epoch Number of the epoch, from 1.
   * @returns The row number.
   */
  worse(pair: number, epoch: number): number {
    const row = this.#better[pair];
    const m = this.#lower[row];
    const start = this.#starts[this.#groups[row]];
    const t = pair - this.#firstPair[row];
    if (m <= this.#perRow) return this.#order[start + t];
    if (epoch !== this.#epoch) {
      this.#epoch = epoch;
      this.#drawKey = randomKey(this.#seed, Stream.pairs, epoch, 0);
      this.#cutKey = randomKey(this.#seed, Stream.pairs, epoch, 1);
    }
    const from = Math.floor((t * m) / this.#perRow);
    const size = Math.floor(((t + 1) * m) / this.#perRow) - from;
    // All pairs of a row share one cut, so that their strata do not overlap.
    const position = randomBelow(this.#cutKey, row, m) + from + randomBelow(this.#drawKey, pair, size);
    return this.#order[start + (position < m ? position : position - m)];
  }
}
