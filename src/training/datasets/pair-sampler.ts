// Pairs of rows for ranking within groups, such as the items one user rated: the better row should score
// above the worse one. Which rows are better never changes; which worse ones they meet is drawn anew each
// epoch, by strata, so that the pairs of one row are spread over all rows below it and none comes twice.

import { wrongValue } from "../../core/errors.ts";
import { type RandomKey, randomBelow, randomKey, Stream } from "../../core/random.ts";
import { rowsByGroup } from "../../data/ids.ts";

/**
 * Pairs of rows (i, j) with target_i > target_j within a group. Every row with m lower rows in its group has
 * min(perRow, m) pairs per epoch, next to each other in the order of rows, with as many different worse rows.
 *
 * If m is at most perRow these are all its pairs, the same in each epoch. Otherwise the m lower rows, sorted
 * by target and closed to a ring, are cut at a random place into perRow strata, whose sizes differ by at most
 * one, and each pair draws one row of its own stratum. So each pair alone is uniform over all m rows, and
 * each row is met with probability perRow / m in an epoch: exact, but for the 2^-32 grid of the random
 * numbers.
 *
 * @example
 * const pairs = new PairSampler(Float32Array.of(5, 1, 3), Uint32Array.of(0, 0, 0), 1, 42);
 * pairs.count; // 2: row 0 with row 1 or 2, row 2 with row 1
 */
export class PairSampler {
  /** Pairs per epoch. */
  readonly count: number;
  /** Groups without a pair: all their rows have the same target. */
  readonly skippedGroups: number;
  readonly #perRow: number;
  readonly #seed: number;
  /** Group of each row; (rows). */
  readonly #groups: Uint32Array;
  /** Where each group starts in `order`; (groups + 1). */
  readonly #starts: Uint32Array;
  /** Row numbers, sorted by group, then target; (rows). */
  readonly #order: Uint32Array;
  /** Number m of lower rows in the group of each row: the first ones in `order`; (rows). */
  readonly #lower: Uint32Array;
  /** First pair of each row; (rows). */
  readonly #firstPair: Uint32Array;
  /** Better row of each pair; (count). */
  readonly #better: Uint32Array;
  // The keys of the epoch that was last drawn from: remembered, for a key costs more than a draw.
  #epoch = 0;
  #drawKey: RandomKey;
  #cutKey: RandomKey;

  /**
   * @param targets Target of each row, finite; (rows).
   * @param groups Group of each row, numbered from 0 without gaps; (rows), kept and not copied.
   * @param perRow At most this many pairs per better row and epoch, at least 1.
   * @param seed Integer from 0 to 2^53 - 1.
   * @param place What errors call `perRow`.
   * @throws RangeError if an epoch has 2^32 pairs or more.
   */
  constructor(
    targets: Float32Array,
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
      let below = 0; // rows of a lower target than row p
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

  /** The better row of a pair; the same in every epoch. */
  better(pair: number): number {
    return this.#better[pair];
  }

  /** The worse row of a pair in an epoch (from 1). */
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
    // The cut depends on the row alone, so that the strata of its pairs do not overlap.
    const position = randomBelow(this.#cutKey, row, m) + from + randomBelow(this.#drawKey, pair, size);
    return this.#order[start + (position < m ? position : position - m)];
  }
}
