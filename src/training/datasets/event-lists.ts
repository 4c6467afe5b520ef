// Events under a listwise loss: the item of an event is compared with many items at once. All events of a
// batch share their candidates: the items of these events, and items that are drawn for the batch. A
// candidate that is likely to be among them gets no more weight by that: the logarithm of the probability is
// subtracted from its score (Bengio & Senecal 2008; Yi et al. 2019, section 3). Items that a user is known to
// have taken are left out of the lists of this user's events.

import { exp, log, log1p } from "../../core/math.ts";
import { randomKey, Stream } from "../../core/random.ts";
import type { Tensor } from "../../core/tensor.ts";
import type { SparseRows } from "../../data/sparse-row.ts";
import { type ListwiseLoss, softmax } from "../../losses.ts";
import type { Batch } from "../../model/batch.ts";
import type { BatchRange, Dataset } from "../dataset.ts";
import type { BatchSize, MakePass, Pass } from "../pass.ts";
import { makeListPass } from "../passes/list-pass.ts";
import { maxEntries } from "./example-rows.ts";
import type { NegativeSampler } from "./negative-sampler.ts";

/** What the lists are made from. */
export interface EventListParts {
  /** Contexts, (contexts). */
  readonly contexts: SparseRows;
  /** Returns the number of the context of an event in an epoch. */
  readonly contextOf: (event: number, epoch: number) => number;
  /** The catalog, (items). */
  readonly items: SparseRows;
  /** Item number of each event, (events). */
  readonly itemOf: Uint32Array;
  /** Numbers of the events to train on, (examples). */
  readonly events: Uint32Array;
  /** Knows the items of each user, and draws items. */
  readonly sampler: NegativeSampler;
  /** Number of items to draw for a batch; null: every item of the catalog is a candidate. */
  readonly negatives: number | null;
}

/** Encoded events. An example is an event. */
export class EventLists implements Dataset {
  readonly makePass: MakePass = makeListPass;
  readonly movesBias = false;
  readonly size: number;
  readonly numFeatures: number;
  readonly skipped: number;
  readonly #loss: ListwiseLoss;
  readonly #parts: EventListParts;
  /** The candidates of the batch: item numbers, of which the first `#count` are in use, (items). */
  readonly #candidates: Uint32Array;
  #count = 0;
  /** How many of the candidates are the same in every batch. */
  readonly #fixed: number;
  /** Position of each item among the candidates, if it is one, (items). */
  readonly #position: Uint32Array;
  /** What is subtracted from the score of each candidate, (candidates). */
  readonly #corrections: Float32Array;
  /** log(1 - p) of each item, with p its share of the events, (items). Null: all items are candidates. */
  readonly #logAbsent: Float64Array | null;
  /** 1 for an item that cannot be drawn, because it has left the catalog, else 0, (items). */
  readonly #hasLeft: Uint8Array;
  /** Positions among the candidates of items that have left. Only the lists of their own events hold them. */
  readonly #departed: number[] = [];
  /** Numbers of the events of the batch, and of their contexts. */
  #chosen: Uint32Array = new Uint32Array(0);
  #contexts: Uint32Array = new Uint32Array(0);

  /**
   * Keeps the parts of the data.
   *
   * @param loss The loss of a list.
   * @param parts What the lists are made from.
   */
  constructor(loss: ListwiseLoss, parts: EventListParts) {
    const { contexts, items, itemOf, events, negatives, sampler } = parts;
    this.#loss = loss;
    this.#parts = parts;
    this.size = events.length;
    this.skipped = itemOf.length - events.length;
    this.numFeatures = Math.max(contexts.cols, items.cols);
    const most = items.rows;
    this.#candidates = new Uint32Array(most);
    this.#position = new Uint32Array(most);
    this.#corrections = new Float32Array(most);
    this.#hasLeft = Uint8Array.from({ length: most }, (_, item) => (sampler.logMissed(item) < 0 ? 0 : 1));
    this.#logAbsent = negatives === null ? null : logAbsent(itemOf, items.rows);
    for (let item = 0; item < most && negatives === null; item++)
      if (this.#hasLeft[item] === 0) this.#addCandidate(item);
    this.#fixed = this.#count;
  }

  usualSize(count: number): BatchSize {
    const { contexts, items, negatives } = this.#parts;
    const most = Math.min(items.rows, negatives === null ? Infinity : count + negatives);
    const entries = maxEntries(contexts, count) + maxEntries(items, most);
    return { rows: count + most, entries, contexts: count };
  }

  choose({ epoch, order, start, end }: BatchRange): BatchSize {
    const { contexts, contextOf, items, itemOf, events, negatives, sampler } = this.#parts;
    const count = end - start;
    if (this.#chosen.length < count)
      [this.#chosen, this.#contexts] = [new Uint32Array(count), new Uint32Array(count)];
    let entries = 0;
    for (let i = 0; i < count; i++) {
      const event = events[order === null ? start + i : order[start + i]];
      const context = contextOf(event, epoch);
      this.#chosen[i] = event;
      this.#contexts[i] = context;
      entries += contexts.indptr[context + 1] - contexts.indptr[context];
    }
    this.#count = this.#fixed;
    for (let i = 0; i < count; i++) this.#addCandidate(itemOf[this.#chosen[i]]);
    if (negatives !== null) {
      const key = randomKey(sampler.seed, Stream.lists, epoch, start);
      for (let draw = 0; draw < negatives; draw++) this.#addCandidate(sampler.sampleAny(key, draw));
      for (let c = 0; c < this.#count; c++) {
        this.#corrections[c] = this.#logOfPresence(this.#candidates[c], count, negatives);
      }
    }
    this.#departed.length = 0;
    for (let c = 0; c < this.#count; c++) {
      const item = this.#candidates[c];
      if (this.#hasLeft[item] === 1) this.#departed.push(c);
      entries += items.indptr[item + 1] - items.indptr[item];
    }
    return { rows: count + this.#count, entries, contexts: count };
  }

  fill(batch: Batch, { start, end }: BatchRange): void {
    const { contexts, items } = this.#parts;
    batch.append(contexts, this.#contexts, 0, end - start);
    batch.append(items, this.#candidates, 0, this.#count);
  }

  loss(pass: Pass, { start, end }: BatchRange): number {
    const events = end - start;
    this.#makeLists(pass.scores, events);
    const total = this.#loss === softmax ? this.#softmaxLoss(pass, events) : this.#lossOf(pass, events);
    return total / events;
  }

  /** Corrects the scores, and puts -Infinity in the place of candidates that are not in the list. */
  #makeLists({ data, stride }: Tensor, events: number): void {
    const { sampler } = this.#parts;
    const [count, corrections] = [this.#count, this.#corrections];
    const [candidates, position] = [this.#candidates, this.#position];
    const isCorrected = this.#logAbsent !== null;
    for (let i = 0; i < events; i++) {
      const row = i * stride;
      if (isCorrected) for (let c = 0; c < count; c++) data[row + c] -= corrections[c];
      const own = row + this.#ownOf(i);
      const score = data[own];
      const known = sampler.knownTo(this.#chosen[i]);
      for (let p = 0; p < known.length; p++) {
        const c = position[known[p]];
        if (c < count && candidates[c] === known[p]) data[row + c] = -Infinity;
      }
      for (const c of this.#departed) data[row + c] = -Infinity;
      data[own] = score;
    }
  }

  /** The loss "softmax" of all lists, by the kernel of the pass. Returns the sum. */
  #softmaxLoss(pass: Pass, events: number): number {
    const { most, sums } = pass.softmax!(1 / events);
    const [{ data: scores, stride }, { data: dScores }] = [pass.scores, pass.dScores];
    let total = 0;
    for (let i = 0; i < events; i++) {
      const own = i * stride + this.#ownOf(i);
      dScores[own] -= 1 / events;
      total += log(sums[i]) + most[i] - scores[own];
    }
    return total;
  }

  /** Any other loss of all lists, one by one. Returns the sum. */
  #lossOf({ scores: { data, stride }, dScores: { data: dScores } }: Pass, events: number): number {
    const count = this.#count;
    const [scores, shares, gradient] = [0, 1, 2].map(() => new Float64Array(count));
    const at = new Uint32Array(count);
    let total = 0;
    dScores.fill(0);
    for (let i = 0; i < events; i++) {
      const row = i * stride;
      const own = row + this.#ownOf(i);
      let length = 0;
      for (let c = row; c < row + count; c++) {
        if (data[c] === -Infinity && c !== own) continue;
        shares[length] = c === own ? 1 : 0;
        scores[length] = data[c];
        at[length++] = c;
      }
      const [listed, shareOf, slopes] = [scores, shares, gradient].map((x) => x.subarray(0, length));
      total += this.#loss.evaluate(listed, shareOf, slopes);
      for (let c = 0; c < length; c++) {
        dScores[at[c]] = slopes[c] / events;
        total += slopes[c] * 0; // NaN as soon as one gradient is not finite
      }
    }
    return total;
  }

  weight({ start, end }: BatchRange): number {
    return end - start;
  }

  /** The position among the candidates of the item of an event of the batch. */
  #ownOf(i: number): number {
    return this.#position[this.#parts.itemOf[this.#chosen[i]]];
  }

  /** Adds an item to the candidates, if it is not among them. */
  #addCandidate(item: number): void {
    const known = this.#position[item];
    if (known < this.#count && this.#candidates[known] === item) return;
    this.#position[item] = this.#count;
    this.#candidates[this.#count++] = item;
  }

  /** The logarithm of the probability that an item is a candidate of a batch of so many events and draws. */
  #logOfPresence(item: number, events: number, draws: number): number {
    const logAbsent = events * this.#logAbsent![item] + draws * this.#parts.sampler.logMissed(item);
    return log1p(-exp(logAbsent));
  }
}

/** log(1 - p) of each item, with p its share of the events, (items). */
function logAbsent(itemOf: Uint32Array, items: number): Float64Array {
  const counts = new Float64Array(items);
  for (let event = 0; event < itemOf.length; event++) counts[itemOf[event]]++;
  return counts.map((count) => log(Math.max(1 - count / itemOf.length, Number.EPSILON)));
}
