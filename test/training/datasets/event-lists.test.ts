// The gradients of events under the softmax loss, against central differences of a float64 reference that
// scores every pair of a context and a candidate by itself.

import { describe, expect, it } from "vitest";
import { randomBits, randomKey, Stream } from "../../../src/core/random.ts";
import { CSRMatrix } from "../../../src/data/csr-matrix.ts";
import { Activation } from "../../../src/layers/activation.ts";
import { BatchNorm } from "../../../src/layers/batch-norm.ts";
import { Dense } from "../../../src/layers/dense.ts";
import { Dropout } from "../../../src/layers/dropout.ts";
import type { Layer } from "../../../src/layers/layer.ts";
import { softmax } from "../../../src/losses.ts";
import { SGD } from "../../../src/optimizers.ts";
import type { BatchRange } from "../../../src/training/dataset.ts";
import { EventLists } from "../../../src/training/datasets/event-lists.ts";
import { NegativeSampler } from "../../../src/training/datasets/negative-sampler.ts";
import { drawTensors, gradientsOf, makeTrainer, watch } from "../../helpers/trainers.ts";
import {
  biInteraction,
  differences,
  linearTerm,
  numbers,
  type Row,
  type Step,
  scores,
} from "../../reference.ts";

const CONTEXT_FEATURES = 6;
const N = 15; // feature 14 is in no row
const SEED = 5;

function rowsOf(count: number, first: number, features: number, binary: boolean, seed: number): Row[] {
  const next = numbers(seed);
  return Array.from({ length: count }, (_, i) => {
    const indices = Array.from({ length: 1 + (i % 3) }, (_, p) => first + ((i * 2 + p * 3) % features));
    const distinct = [...new Set(indices)];
    return { indices: distinct, values: distinct.map(() => (binary ? 1 : Math.fround(next(0.5, 1.5)))) };
  });
}

interface Case {
  readonly layers: readonly Layer[];
  readonly k?: number;
  readonly binary?: boolean;
  readonly items?: number;
  readonly negatives?: number | null;
  readonly popularity?: number;
}

/** Each event's context, item and user; no event is in its own list twice. */
const EVENTS = [
  [0, 1, 0],
  [1, 4, 0],
  [2, 0, 1],
  [3, 1, 1],
  [4, 2, 2],
  [0, 3, 2],
  [2, 4, 3],
] as const;

function setUp({ layers, k = 5, binary = false, items: count = 7, negatives = null, popularity = 0 }: Case) {
  const { trainer, parameters } = makeTrainer({
    ...{ numFeatures: N, embeddingDim: k, layers, loss: "softmax", seed: SEED, l2: {} },
    optimizer: new SGD({ learningRate: 0 }),
  });
  const next = numbers(k + layers.length);
  const tensors = drawTensors(parameters, next, (name) =>
    /running|(norms|layers).*weight/.test(name) ? [0.5, 1.5] : [-0.8, 0.8],
  );
  const contexts = rowsOf(5, 0, CONTEXT_FEATURES, binary, 3);
  const items = rowsOf(count, CONTEXT_FEATURES, N - 1 - CONTEXT_FEATURES, binary, 4);
  const itemOf = Uint32Array.from(EVENTS, ([, item]) => item);
  const users = Uint32Array.from(EVENTS, ([, , user]) => user);
  const dataset = new EventLists(softmax, {
    contexts: CSRMatrix.fromRows(
      EVENTS.map(([context]) => contexts[context]),
      N,
    ),
    items: CSRMatrix.fromRows(items, N),
    contextOf: (event) => event,
    ...{ itemOf, negatives },
    events: Uint32Array.from(EVENTS.keys()),
    sampler: new NegativeSampler(new Uint8Array(count).fill(1), itemOf, users, popularity, SEED),
  });
  return { trainer, parameters, tensors, contexts, items, watched: watch(dataset), k, layers, negatives };
}

/** Dropout factors of a step, (rows, width). */
function mask(rate: number, rows: number, width: number, position: number): number[][] {
  const key = randomKey(SEED, Stream.dropout, 0, position);
  return Array.from({ length: rows }, (_, i) =>
    Array.from({ length: width }, (_, j) =>
      randomBits(key, i * width + j) >>> 1 < Math.round(rate * (2 ** 31 - 1)) ? 0 : 1 / (1 - rate),
    ),
  );
}

/**
 * The mean over the events of -log softmax of the own item, among the candidates that the user does not know.
 */
function referenceLoss(
  { tensors, contexts, items, k, layers }: ReturnType<typeof setUp>,
  candidates: readonly number[],
  corrections: readonly number[],
): number {
  const v = tensors.get("embedding.weight")!;
  const w = tensors.get("linear.weight")!;
  let table: number[][];
  const isMachine = layers.length <= 1 && layers.every((layer) => layer instanceof Dropout);
  if (isMachine) {
    const [dropout] = layers as readonly Dropout[];
    const masks = dropout && mask(dropout.rate, EVENTS.length, k, 0);
    const sumsOf = ({ indices, values }: Row): number[] =>
      Array.from({ length: k }, (_, j) =>
        indices.reduce((sum, index, i) => sum + values[i] * v[index * k + j], 0),
      );
    table = EVENTS.map(([context], e) =>
      candidates.map((item) => {
        const [s, t] = [sumsOf(contexts[context]), sumsOf(items[item])];
        const product = s.reduce((sum, x, j) => sum + (masks?.[e][j] ?? 1) * x * t[j], 0);
        const own = biInteraction(items[item], v, k).reduce((a, b) => a + b, 0);
        return product + own + linearTerm(items[item], 0, w);
      }),
    );
  } else {
    const rows = EVENTS.flatMap(([context]) =>
      candidates.map((item) => ({
        indices: [...contexts[context].indices, ...items[item].indices],
        values: [...contexts[context].values, ...items[item].values],
      })),
    );
    let [hidden, width] = [0, k];
    const steps = layers.map((layer, position): Step => {
      if (layer instanceof Dense) {
        width = layer.units;
        return { kind: "dense", name: `hidden.${hidden++}` };
      }
      if (layer instanceof BatchNorm) return { kind: "norm", name: `norms.${hidden}` };
      if (layer instanceof Activation) return { kind: "activation", activation: layer.activation };
      return { kind: "dropout", mask: mask((layer as Dropout).rate, rows.length, width, position) };
    });
    const flat = scores(tensors, k, steps, rows, true);
    table = EVENTS.map((_, e) => flat.slice(e * candidates.length, (e + 1) * candidates.length));
  }
  const losses = EVENTS.map(([, item, user], e) => {
    const known = EVENTS.filter(([, , other]) => other === user).map(([, taken]) => taken as number);
    const kept = candidates.flatMap((other, c) =>
      other === item || !known.includes(other) ? [[other, table[e][c] - corrections[c]] as const] : [],
    );
    const total = kept.reduce((sum, [, score]) => sum + Math.exp(score), 0);
    return Math.log(total) - kept.find(([other]) => other === item)![1];
  });
  return losses.reduce((a, b) => a + b) / losses.length;
}

function expectGradients(given: Case, expected?: { candidates: number[]; corrections: number[] }): void {
  const made = setUp(given);
  const all = made.items.map((_, item) => item);
  const { candidates, corrections } = expected ?? { candidates: all, corrections: all.map(() => 0) };
  const reference = (): number => referenceLoss(made, candidates, corrections);
  const loss = made.trainer.step(made.watched.dataset, null, 0, EVENTS.length);
  expect(Math.abs(loss - reference())).toBeLessThan(1e-5);
  for (const [name, got] of gradientsOf(made.trainer, made.watched.batch())) {
    if (name === "bias") continue; // it cancels, and is not trained
    const slopes = differences(made.tensors.get(name)!, reference);
    const largest = Math.max(...slopes.map(Math.abs));
    got.forEach((value, i) => {
      const tolerance = 1e-3 * Math.abs(slopes[i]) + 1e-5 * largest + 2e-6;
      if (!(Math.abs(value - slopes[i]) <= tolerance))
        expect.fail(`gradient of ${name}[${i}] is ${value}, not ${slopes[i]}`);
    });
  }
}

describe("the whole catalog as candidates", () => {
  const stacks: Record<string, readonly Layer[]> = {
    "a factorization machine": [],
    "a factorization machine with dropout": [new Dropout(0.4)],
    "batch norm": [new BatchNorm()],
    "two dropouts": [new Dropout(0.3), new Dropout(0.2)],
    "a hidden layer": [new Dense(6), new Activation("tanh")],
    everything: [
      ...[new BatchNorm(), new Dropout(0.3), new Dense(6), new BatchNorm(), new Activation("relu")],
      ...[new Dropout(0.2), new Dense(3), new Activation("sigmoid")],
    ],
  };
  it.each(Object.entries(stacks))("%s", (_, layers) => {
    for (const k of [1, 4, 5]) {
      for (const items of [5, 8])
        for (const binary of [true, false]) expectGradients({ layers, k, binary, items });
    }
  });
});

describe("drawn candidates", () => {
  /** What the dataset should choose: the items of the events, then the draws; and the corrections. */
  function drawn(items: number, draws: number, popularity: number) {
    const counts = Array.from({ length: items }, (_, i) => EVENTS.filter(([, item]) => item === i).length);
    const weights = counts.map((count) => (popularity === 0 ? 1 : count ** popularity));
    const total = weights.reduce((a, b) => a + b);
    const candidates: number[] = [];
    for (const [, item] of EVENTS) if (!candidates.includes(item)) candidates.push(item);
    const key = randomKey(SEED, Stream.lists, 1, 0);
    for (let draw = 0; draw < draws; draw++) {
      let at = ((randomBits(key, 2 * draw) + randomBits(key, 2 * draw + 1) / 2 ** 32) / 2 ** 32) * total;
      let item = 0;
      while (at >= weights[item]) at -= weights[item++];
      if (!candidates.includes(item)) candidates.push(item);
    }
    const corrections = candidates.map((item) => {
      const missed =
        (1 - counts[item] / EVENTS.length) ** EVENTS.length * (1 - weights[item] / total) ** draws;
      return Math.log(1 - missed);
    });
    return { candidates, corrections };
  }

  it.each([
    [0, 0],
    [2, 0],
    [3, 0.75],
    [6, 0],
  ])("%d draws, popularity %d: the probability to be a candidate is taken off the scores", (negatives, popularity) => {
    const items = 9;
    const expected = drawn(items, negatives, popularity);
    const layers = [[], [new Dropout(0.3)], [new Dense(4), new Activation("relu" as const)]];
    for (const stack of layers) expectGradients({ layers: stack, items, negatives, popularity }, expected);
  });

  it("every epoch and every batch draws anew, whatever was drawn before", () => {
    const rowsOf = (ranges: readonly BatchRange[]): number[] => {
      const { watched } = setUp({ layers: [], items: 40, negatives: 8 });
      return ranges.map(
        (range) => watched.dataset.choose(range).rows * 1000 + watched.dataset.choose(range).entries,
      );
    };
    const range = (epoch: number, start: number): BatchRange => ({
      epoch,
      order: null,
      start,
      end: start + 2,
    });
    const ranges = [range(1, 0), range(1, 2), range(2, 0), range(3, 4)];
    const alone = ranges.map((one) => rowsOf([one])[0]);
    expect(rowsOf(ranges)).toEqual(alone);
    expect(new Set(alone).size).toBeGreaterThan(1);
  });
});
