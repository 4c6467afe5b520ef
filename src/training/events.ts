// Implicit feedback: events say that in some context an item was taken, and nothing says what was not. What a model
// learns from instead are other items of the catalogue, drawn anew in every epoch: as the worse rows of pairs, or as
// rows of label 0.

import type { SparseVector } from "../core/sparse-row.ts";
import type { CSRMatrix } from "../core/sparse.ts";
import type { FeatureMap } from "../data/feature-map.ts";
import { readInput, type Input, type Reader } from "../data/input.ts";
import { NegativeSampler } from "../data/negatives.ts";
import { featuresOf, JoinedRows, shareFeatures, type Choose } from "../data/rows.ts";
import type { Loss } from "../losses.ts";
import type { TrainingData } from "./trainer.ts";

/** The rows of the items of a catalogue, read once. */
export interface ItemRows {
  readonly input: Input;
  /** What errors call them. */
  readonly place: string;
  read(reader: Reader): Generator<void, CSRMatrix>;
}

/** Events: in context i, item `itemOf[i]` was taken. */
export interface EventExamples {
  readonly kind: "events";
  readonly contexts: Input;
  /** Refuses a context that says something of the item. */
  checkContext(context: FeatureMap | SparseVector, place: string): void;
  readonly items: ItemRows;
  /** Number of each event's item; (events). */
  readonly itemOf: Uint32Array;
  /** Number of each event's user, whose other items are no negatives; (events). Null: only the item itself is none. */
  readonly users: Uint32Array | null;
  /** Drawn per event and epoch, at least 1. */
  readonly negatives: number;
  /** An item is drawn in proportion to (number of its events)^popularity; 0: uniformly. */
  readonly popularity: number;
}

/** Rows to train on: of each event with every negative a pair, or the event with label 1 and its negatives with label 0. */
export function* readEvents(place: string, examples: EventExamples, reader: Reader, { loss, seed }: { loss: Loss; seed: number }): Generator<void, TrainingData> {
  const { itemOf, users, negatives, popularity } = examples;
  if (Array.isArray(examples.contexts)) {
    for (const [i, context] of (examples.contexts as readonly FeatureMap[]).entries()) {
      examples.checkContext(context, `${place}contexts[${i}]`);
      if (i % 64 === 0) yield;
    }
  }
  const contexts = yield* readInput(examples.contexts, reader, `${place}contexts`);
  const items = yield* examples.items.read(reader);
  yield;
  if (items.nnz === 0) throw new RangeError(`${place}items have no feature that the model's encoder knows: they would all score the same`);
  const perEvent = loss.kind === "pairwise" ? negatives : negatives + 1;
  if (itemOf.length * perEvent > 0xffffffff) throw new RangeError(`${place}negatives must leave fewer than 2^32 examples per epoch, got ${negatives} for ${itemOf.length} events`);
  const sampler = new NegativeSampler(items.rows, itemOf, users, popularity, seed);
  yield;
  let count = 0;
  const kept = new Uint32Array(itemOf.length);
  for (let event = 0; event < itemOf.length; event++) if (sampler.has(event)) kept[count++] = event;
  const events = kept.subarray(0, count);
  const skipped = itemOf.length - events.length;
  if (events.length === 0) throw new RangeError(`${place}items leave no negative to draw for any of ${itemOf.length} events: every user has taken every item of the catalogue that could be drawn`);
  if (loss.kind === "pairwise") {
    const eventOf = (pair: number): number => events[Math.floor(pair / negatives)];
    const mayShare = shareFeatures(contexts, featuresOf(items));
    const join = (itemOfPair: Choose): JoinedRows => new JoinedRows(events.length * negatives, contexts, eventOf, items, itemOfPair, mayShare);
    const positives = join((pair) => itemOf[eventOf(pair)]);
    return { kind: "pairwise", positives, negatives: join((pair, epoch) => sampler.sample(eventOf(pair), epoch, pair)), skipped };
  }
  const eventOf = (row: number): number => events[Math.floor(row / perEvent)];
  const itemOfRow = (row: number, epoch: number): number => (row % perEvent === 0 ? itemOf[eventOf(row)] : sampler.sample(eventOf(row), epoch, row));
  const [one, zero] = [1, 0].map((label) => loss.target?.(label) ?? label);
  if (Number.isNaN(one + zero)) throw new TypeError(`${place}the ${loss.name} loss must accept the labels 1 (taken) and 0 (not taken)`);
  const targets = new Float32Array(events.length * perEvent).fill(zero);
  for (let row = 0; row < targets.length; row += perEvent) targets[row] = one;
  return { kind: "pointwise", x: new JoinedRows(targets.length, contexts, eventOf, items, itemOfRow), targets, weights: null, skipped };
}
