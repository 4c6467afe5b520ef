// Negative items for implicit feedback: items that a user has no event with, drawn uniformly or by
// popularity. Nothing is rejected: a draw is an index into the weights that remain once the known items are
// cut out, found by two binary searches. Weights are integers whose sum stays below 2^53, so every sum and
// difference here is exact, and no rounding can turn a draw into a known item or into one of weight 0.

import { exp, log } from "../../core/math.ts";
import { type RandomKey, randomBits, randomKey, Stream } from "../../core/random.ts";
import { rowsByGroup } from "../../data/ids.ts";

/**
 * Draws negative items. Every draw is a pure function of the seed, its epoch, its number and its event.
 *
 * @example
 * const sampler = new NegativeSampler(1000, items, users, 0.75, 42);
 * if (sampler.has(17)) sampler.sample(17, 1, 17); // an item that the user of event 17 does not know
 */
export class NegativeSampler {
  readonly #seed: number;
  /** User of each event; (events). */
  readonly #users: Uint32Array;
  /** Sum of the weights of the items before each item; (n + 1). */
  readonly #cumulative: Float64Array;
  /** Where the items of each user start in `known`; (users + 1). */
  readonly #offsets: Uint32Array;
  /** Distinct items of each user, ascending. */
  readonly #known: Uint32Array;
  /** Sum of the weights of the items that the user does not know, before each item of `known`; as long. */
  readonly #unknownBefore: Float64Array;
  // The keys of the epoch that was last drawn from: remembered, for a key costs more than a draw.
  #epoch = 0;
  #high: RandomKey;
  #low: RandomKey;

  /**
   * @param numItems Number of items n, at most 2^31.
   * @param items Item of each event, below n; (events).
   * @param users User of each event, numbered from 0; (events), kept and not copied. `null`: each
   *   event stands alone, and only its own item is excluded.
   * @param alpha 0: all items are equally likely. Above: in proportion to (number of its events)^alpha, never
   *   without.
   * @param seed Integer from 0 to 2^53 - 1.
   */
  constructor(numItems: number, items: Uint32Array, users: Uint32Array | null, alpha: number, seed: number) {
    this.#seed = seed;
    this.#users = users ?? items; // without users each item is a user of its own, who knows that item
    this.#cumulative = cumulativeWeights(numItems, items, alpha);
    [this.#offsets, this.#known] = knownItems(items, this.#users);
    this.#unknownBefore = new Float64Array(this.#known.length);
    for (let user = 0; user + 1 < this.#offsets.length; user++) {
      let knownWeight = 0;
      for (let p = this.#offsets[user]; p < this.#offsets[user + 1]; p++) {
        const item = this.#known[p];
        this.#unknownBefore[p] = this.#cumulative[item] - knownWeight;
        knownWeight += this.#cumulative[item + 1] - this.#cumulative[item];
      }
    }
    this.#high = randomKey(seed, Stream.negatives, 0, 0);
    this.#low = randomKey(seed, Stream.negatives, 0, 1);
  }

  /** Whether an item exists that may be drawn for this event. */
  has(event: number): boolean {
    return this.#unknownWeight(this.#users[event]) > 0;
  }

  /**
   * One draw: never an item that the event's user knows, and never the event's own. Needs `has(event)`.
   *
   * @param event Number of the event.
   * @param epoch Epoch, from 1.
   * @param draw Number of the draw within the epoch, from 0 to 2^32 - 1. Events that share it share their
   *   random number.
   * @returns The item.
   */
  sample(event: number, epoch: number, draw: number): number {
    const cumulative = this.#cumulative;
    const known = this.#known;
    const unknownBefore = this.#unknownBefore;
    const user = this.#users[event];
    const first = this.#offsets[user];
    const end = this.#offsets[user + 1];
    const at = Math.floor(this.#uniform(epoch, draw) * this.#unknownWeight(user)); // below it: (1 - 2^-53) x never rounds up to x

    let next = first; // the first known item behind the answer
    for (let high = end; next < high; ) {
      const middle = (next + high) >>> 1;
      if (unknownBefore[middle] <= at) next = middle + 1;
      else high = middle;
    }
    // The answer lies between two known items: it is the last item there whose weight starts at `target` or
    // before.
    let item = next > first ? known[next - 1] + 1 : 0;
    const target = next > first ? cumulative[item] + (at - unknownBefore[next - 1]) : at;
    for (let last = (next < end ? known[next] : cumulative.length - 1) - 1; item < last; ) {
      const middle = (item + last + 1) >>> 1;
      if (cumulative[middle] <= target) item = middle;
      else last = middle - 1;
    }
    return item;
  }

  /** Weight of all items that the user does not know. */
  #unknownWeight(user: number): number {
    const cumulative = this.#cumulative;
    const last = this.#offsets[user + 1] - 1; // a user of an event knows its item
    return cumulative[cumulative.length - 1] - cumulative[this.#known[last] + 1] + this.#unknownBefore[last];
  }

  /**
   * A multiple of 2^-53 in [0, 1): 32 bits would leave the items of a catalogue of millions visibly unequal.
   */
  #uniform(epoch: number, draw: number): number {
    if (epoch !== this.#epoch) {
      this.#epoch = epoch;
      this.#high = randomKey(this.#seed, Stream.negatives, epoch, 0);
      this.#low = randomKey(this.#seed, Stream.negatives, epoch, 1);
    }
    return (randomBits(this.#high, draw) * 2097152 + (randomBits(this.#low, draw) >>> 11)) / 9007199254740992;
  }
}

/**
 * Sums of integer weights before each item, and of all; (n + 1). Rounding moves no share of the whole by more
 * than n / 2^52.
 */
function cumulativeWeights(numItems: number, items: Uint32Array, alpha: number): Float64Array {
  const sums = new Float64Array(numItems + 1);
  if (alpha === 0) {
    for (let i = 0; i <= numItems; i++) sums[i] = i;
    return sums;
  }
  const weights = new Float64Array(numItems);
  for (let event = 0; event < items.length; event++) weights[items[event]]++;
  let most = 1;
  for (let i = 0; i < numItems; i++) if (weights[i] > most) most = weights[i];
  let total = 0;
  for (let i = 0; i < numItems; i++) {
    if (weights[i] > 0) weights[i] = Math.max(exp(alpha * log(weights[i] / most)), Number.EPSILON); // in (0, 1], whatever alpha
    total += weights[i];
  }
  for (let i = 0; i < numItems; i++)
    sums[i + 1] = sums[i] + Math.ceil((weights[i] / total) * 4503599627370496);
  return sums;
}

/**
 * The distinct items of each user, ascending, one user after the other, and where each starts; (users + 1),
 * (known).
 */
function knownItems(items: Uint32Array, users: Uint32Array): [offsets: Uint32Array, known: Uint32Array] {
  const [offsets, known] = rowsByGroup(users);
  for (let p = 0; p < known.length; p++) known[p] = items[known[p]];
  let size = 0;
  for (let user = 0; user + 1 < offsets.length; user++) {
    const own = known.subarray(offsets[user], offsets[user + 1]).sort();
    offsets[user] = size;
    // Duplicates go in place: what is written never overtakes what is read.
    for (let p = 0; p < own.length; p++) if (p === 0 || own[p] !== known[size - 1]) known[size++] = own[p];
  }
  offsets[offsets.length - 1] = size;
  return [offsets, known.slice(0, size)];
}
