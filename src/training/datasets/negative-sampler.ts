// Draws negative items for implicit feedback (Rendle et al. 2009): items that the user has no event with,
// uniformly or by popularity. A draw is a position in the summed weights of these items alone, so no draw is
// ever repeated. Two binary searches find the item at this position. Weights are integers whose sum stays
// below 2^53. So all sums and differences are exact, and no draw can hit a known item or an item of weight 0.

import { exp, log, log1p } from "../../core/math.ts";
import { lastStart, type RandomKey, randomBits, randomKey, Stream } from "../../core/random.ts";
import { rowsByGroup } from "../../data/ids.ts";

/**
 * Draws negative items. Every draw depends only on the seed, the epoch, the number of the draw and the event.
 *
 * @example
 * const sampler = new NegativeSampler(1000, items, users, 0.75, 42);
 * if (sampler.has(17)) sampler.sample(17, 1, 17); // an item that the user of event 17 does not know
 */
export class NegativeSampler {
  /** Seed of the draws. */
  readonly seed: number;
  /** User number of each event, (events). */
  readonly #users: Uint32Array;
  /** Sum of the weights of all items before each item, and at last of all items, (n + 1). */
  readonly #cumulative: Float64Array;
  /** Position in `known` where the items of each user start, (users + 1). */
  readonly #offsets: Uint32Array;
  /** The distinct items of each user, ascending, one user behind the other, (known). */
  readonly #known: Uint32Array;
  /** For each entry of `known`: the weight of all smaller items that the user does not know, (known). */
  readonly #unknownBefore: Float64Array;
  // The epoch of the last draw and its keys. They are kept, because making a key takes longer than a draw.
  #epoch = 0;
  #high: RandomKey;
  #low: RandomKey;

  /**
   * Prepares the sums of weights.
   *
   * @param isListed 1 for an item that may be drawn, 0 for one that may not, (n), n at most 2^31.
   * @param items Item number of each event, below n, (events).
   * @param users User number of each event, numbered from 0, (events). The array is kept and not copied.
   *   `null`: events have no users, and a draw excludes only the event's own item.
   * @param alpha With 0 all items are equally likely. Above 0 an item is drawn with a probability in
   *   proportion to (number of its events)^alpha, and an item without events is never drawn.
   * @param seed Integer from 0 to 2^53 - 1.
   */
  constructor(
    isListed: Uint8Array,
    items: Uint32Array,
    users: Uint32Array | null,
    alpha: number,
    seed: number,
  ) {
    this.seed = seed;
    this.#users = users ?? items; // without users, events of the same item count as one user
    this.#cumulative = cumulativeWeights(isListed, items, alpha);
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

  /**
   * Says whether there is an item to draw.
   *
   * @param event Number of the event.
   * @returns Whether an item exists that may be drawn for this event.
   */
  has(event: number): boolean {
    return this.#unknownWeight(this.#users[event]) > 0;
  }

  /**
   * Draws an item that the user of an event does not know.
   *
   * @param event Number of an event for which `has` returns true.
   * @param epoch Number of the epoch, from 1.
   * @param draw Number of the draw within the epoch, from 0 to 2^32 - 1. Two draws of the same number use the
   *   same random number.
   * @returns The number of the item.
   */
  sample(event: number, epoch: number, draw: number): number {
    const cumulative = this.#cumulative;
    const known = this.#known;
    const unknownBefore = this.#unknownBefore;
    const user = this.#users[event];
    const first = this.#offsets[user];
    const end = this.#offsets[user + 1];
    // The position is below the weight, because (1 - 2^-53) x never rounds up to x.
    const at = Math.floor(this.#uniform(epoch, draw) * this.#unknownWeight(user));

    let next = first; // becomes the position of the first known item behind the result
    for (let high = end; next < high; ) {
      const middle = (next + high) >>> 1;
      if (unknownBefore[middle] <= at) next = middle + 1;
      else high = middle;
    }
    // The result lies between two known items. It is the last item there whose weight starts at or before
    // `target`.
    const item = next > first ? known[next - 1] + 1 : 0;
    const target = next > first ? cumulative[item] + (at - unknownBefore[next - 1]) : at;
    return lastStart(cumulative, target, item, (next < end ? known[next] : cumulative.length - 1) - 1);
  }

  /**
   * Lists the items that the user of an event has events with.
   *
   * @param event Number of the event.
   * @returns The item numbers, ascending.
   */
  knownTo(event: number): Uint32Array {
    const user = this.#users[event];
    return this.#known.subarray(this.#offsets[user], this.#offsets[user + 1]);
  }

  /**
   * Draws any item.
   *
   * @param key The key of the random numbers.
   * @param draw Number of the draw, from 0 to 2^31 - 1.
   * @returns The number of the item.
   */
  sampleAny(key: RandomKey, draw: number): number {
    const cumulative = this.#cumulative;
    const random = fractionOf(randomBits(key, 2 * draw), randomBits(key, 2 * draw + 1));
    const at = Math.floor(random * cumulative[cumulative.length - 1]);
    return lastStart(cumulative, at, 0, cumulative.length - 2);
  }

  /**
   * Returns the logarithm of the probability that `sampleAny` draws another item.
   *
   * @param item Number of the item.
   * @returns log(1 - probability of the item).
   */
  logMissed(item: number): number {
    const cumulative = this.#cumulative;
    const weight = cumulative[item + 1] - cumulative[item];
    return log1p(-weight / cumulative[cumulative.length - 1]);
  }

  /** Weight of all items that the user does not know. */
  #unknownWeight(user: number): number {
    const cumulative = this.#cumulative;
    const last = this.#offsets[user + 1] - 1; // exists, because every user knows the item of an event
    return cumulative[cumulative.length - 1] - cumulative[this.#known[last] + 1] + this.#unknownBefore[last];
  }

  /** The random number of a draw, see `fractionOf`. */
  #uniform(epoch: number, draw: number): number {
    if (epoch !== this.#epoch) {
      this.#epoch = epoch;
      this.#high = randomKey(this.seed, Stream.negatives, epoch, 0);
      this.#low = randomKey(this.seed, Stream.negatives, epoch, 1);
    }
    return fractionOf(randomBits(this.#high, draw), randomBits(this.#low, draw));
  }
}

/**
 * Makes a random multiple of 2^-53 in [0, 1) from two random integers of 32 bits. With 32 bits alone, the
 * probabilities of the items of a catalog of millions would differ visibly.
 */
function fractionOf(high: number, low: number): number {
  return (high * 2097152 + (low >>> 11)) / 9007199254740992;
}

/**
 * Sums of integer weights before each item, and at last of all items, (n + 1); unlisted
 * items have the weight 0. Rounding weights to integers changes no item's probability by more than n / 2^52.
 */
function cumulativeWeights(isListed: Uint8Array, items: Uint32Array, alpha: number): Float64Array {
  const numItems = isListed.length;
  const sums = new Float64Array(numItems + 1);
  if (alpha === 0) {
    for (let i = 0; i < numItems; i++) sums[i + 1] = sums[i] + isListed[i];
    return sums;
  }
  const weights = new Float64Array(numItems);
  for (let event = 0; event < items.length; event++) weights[items[event]] += isListed[items[event]];
  let most = 1;
  for (let i = 0; i < numItems; i++) if (weights[i] > most) most = weights[i];
  let total = 0;
  for (let i = 0; i < numItems; i++) {
    // The lower bound keeps weights above 0 even if alpha is so large that the power underflows.
    if (weights[i] > 0) weights[i] = Math.max(exp(alpha * log(weights[i] / most)), Number.EPSILON);
    total += weights[i];
  }
  for (let i = 0; i < numItems; i++)
    sums[i + 1] = sums[i] + Math.ceil((weights[i] / total) * 4503599627370496);
  return sums;
}

/**
 * Lists the distinct items of each user, ascending, one user behind the other: the position where each user's
 * items start, (users + 1), and the items, (known).
 */
function knownItems(items: Uint32Array, users: Uint32Array): [offsets: Uint32Array, known: Uint32Array] {
  const [offsets, known] = rowsByGroup(users);
  for (let p = 0; p < known.length; p++) known[p] = items[known[p]];
  let size = 0;
  for (let user = 0; user + 1 < offsets.length; user++) {
    const own = known.subarray(offsets[user], offsets[user + 1]).sort();
    offsets[user] = size;
    // Duplicates are removed in place. `size` never passes the position that is read.
    for (let p = 0; p < own.length; p++) if (p === 0 || own[p] !== known[size - 1]) known[size++] = own[p];
  }
  offsets[offsets.length - 1] = size;
  return [offsets, known.slice(0, size)];
}
