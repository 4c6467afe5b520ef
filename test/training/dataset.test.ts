// Kinds of training data that the library does not have, made here: each is a source and a dataset, and
// nothing else has to know of it. Votes have a reference that gives the same bits; triplets one in float64,
// and a planted order.

import { describe, expect, it } from "vitest";
import { sigmoid, softplus } from "../../src/core/math.ts";
import { randomBelow, randomKey, Stream } from "../../src/core/random.ts";
import { type CheckedRows, countRows } from "../../src/data/checked-rows.ts";
import { checkRows, type FeatureSpace, readRows } from "../../src/data/rows.ts";
import type { SparseRows } from "../../src/data/sparse-row.ts";
import {
  CSRMatrix,
  type FeatureMap,
  NFM,
  type NFMOptions,
  type PointwiseLoss,
  SGD,
} from "../../src/index.ts";
import type { Batch } from "../../src/model/batch.ts";
import type { BatchRange, Dataset, DatasetSource, VocabularyRows } from "../../src/training/dataset.ts";
import { readTrainingOptions } from "../../src/training/fit-options.ts";
import { Learner } from "../../src/training/learner.ts";
import { readOptions } from "../../src/training/options.ts";
import type { BatchSize, Pass } from "../../src/training/pass.ts";
import type { Validation } from "../../src/training/validation.ts";
import { datasetOf, drawTensors, gradientsOf, makeTrainer, watch } from "../helpers/trainers.ts";
import { differences, numbers, type Row, scores as referenceScores } from "../reference.ts";

const N = 12;

const learnerOf = (options: NFMOptions): Learner => new Learner(readOptions(options, "test"));
const runOptions = (options: object): ReturnType<typeof readTrainingOptions> =>
  readTrainingOptions("test", options, []);

/** Entries of the rows of a range of examples. */
function entriesOf({ indptr }: SparseRows, { order, start, end }: BatchRange): number {
  let entries = 0;
  for (let i = start; i < end; i++) {
    const row = order === null ? i : order[i];
    entries += indptr[row + 1] - indptr[row];
  }
  return entries;
}

// Votes: `yes` and `no` say how many people answered how. The loss of a row is the negative log likelihood
// per vote.
class Votes implements DatasetSource {
  readonly size: number;
  readonly labelRange = null;
  readonly vocabulary: readonly VocabularyRows[];
  readonly #rows: CheckedRows;
  readonly #yes: readonly number[];
  readonly #no: readonly number[];

  constructor(rows: unknown, yes: readonly number[], no: readonly number[]) {
    this.#rows = checkRows(rows, "votes: rows");
    this.#yes = yes;
    this.#no = no;
    this.size = countRows(this.#rows);
    this.vocabulary = [{ rows: this.#rows, place: "votes: rows" }];
  }

  *read(space: FeatureSpace): Generator<void, Dataset> {
    const x = yield* readRows(this.#rows, space, "votes: rows");
    const [yes, no] = [this.#yes, this.#no];
    const votesOf = ({ order, start, end }: BatchRange): number => {
      let votes = 0;
      for (let i = start; i < end; i++)
        votes += yes[order === null ? i : order[i]] + no[order === null ? i : order[i]];
      return votes;
    };
    return {
      size: x.rows,
      numFeatures: x.cols,
      movesBias: true,
      skipped: 0,
      usualSize: (count) => ({ rows: count, entries: count * 4 }),
      choose: (range) => ({ rows: range.end - range.start, entries: entriesOf(x, range) }),
      fill: (batch, { order, start, end }) => batch.append(x, order, start, end),
      loss({ scores: { data: scores }, dScores: { data: dScores } }, range) {
        const votes = votesOf(range);
        let total = 0;
        for (let i = range.start; i < range.end; i++) {
          const row = range.order === null ? i : range.order[i];
          const share = Math.fround(yes[row] / (yes[row] + no[row]));
          const score = scores[i - range.start];
          total += (yes[row] + no[row]) * (softplus(score) - share * score);
          dScores[i - range.start] = ((yes[row] + no[row]) * (sigmoid(score) - share)) / votes;
        }
        return total / votes;
      },
      weight: votesOf,
    };
  }
}

describe("rows with votes, a kind of data that the library does not know", () => {
  const next = numbers(4);
  const maps: FeatureMap[] = Array.from({ length: 90 }, (_, i) => ({
    film: `f${i % 7}`,
    city: `c${i % 5}`,
    hour: Math.fround(next()),
  }));
  const yes = maps.map(() => Math.floor(next(0, 9)));
  const no = maps.map((_, i) => Math.floor(next(0, 9)) + (yes[i] === 0 ? 1 : 0));
  /** The same as a loss of one's own on real labels, with sample weights. */
  const soft: PointwiseLoss = {
    kind: "pointwise",
    name: "soft",
    value: (score, share) => softplus(score) - share * score,
    gradient: (score, share) => sigmoid(score) - share,
    link: sigmoid,
  };
  const y = maps.map((_, i) => yes[i] / (yes[i] + no[i]));
  const sampleWeight = maps.map((_, i) => yes[i] + no[i]);
  const options: NFMOptions = { embeddingDim: 5, hiddenUnits: [4], loss: soft, seed: 3 };
  const files = (learner: Learner): Uint8Array => learner.save(true);

  it.each([
    "js",
    "wasm",
  ] as const)("trains like the same loss on labels and weights, to the last bit: %s", async (backend) => {
    const learner = learnerOf({ ...options, backend });
    const history = await learner.fit(
      "votes",
      new Votes(maps, yes, no),
      runOptions({ epochs: 4, batchSize: 16 }),
      null,
    );
    const model = new NFM({ ...options, backend });
    const expected = await model.fit(maps, y, { epochs: 4, batchSize: 16, sampleWeight });
    expect(history.epochs.map(({ loss }) => loss)).toEqual(expected.epochs.map(({ loss }) => loss));
    expect(learner.predictor!.predict(maps)).toEqual(model.predict(maps));
    for (const { name } of learner.predictor!.network.parameters.all) {
      expect(learner.predictor!.tensor(name), name).toEqual(model.tensor(name));
    }
    expect(history.epochs[3].loss).toBeLessThan(history.epochs[0].loss);
  });

  it("goes on, takes single steps, and fails like any other", async () => {
    const [whole, parts] = [learnerOf(options), learnerOf(options)];
    const source = (): Votes => new Votes(maps, yes, no);
    await whole.fit("votes", source(), runOptions({ epochs: 5, batchSize: 16 }), null);
    await parts.fit("votes", source(), runOptions({ epochs: 3, batchSize: 16 }), null);
    await parts.fit("votes", source(), runOptions({ epochs: 2, batchSize: 16, resume: true }), null);
    expect(files(parts)).toEqual(files(whole));
    const model = new NFM(options);
    await model.fit(maps, y, { epochs: 5, batchSize: 16, sampleWeight });
    expect(parts.partialFit("votes", source())).toBe(model.partialFit(maps, y, { sampleWeight }));
    expect(parts.predictor!.predict(maps)).toEqual(model.predict(maps));

    const saved = files(whole);
    const broken = new Votes(
      maps,
      yes,
      maps.map((_, i) => (i === 60 ? NaN : no[i])),
    );
    await expect(whole.fit("votes", broken, runOptions({ epochs: 1, resume: true }), null)).rejects.toThrow(
      "votes: the loss became NaN in epoch 6, batch 1 of 1",
    );
    expect(() => whole.partialFit("votes", broken)).toThrow("votes: the loss of these rows is NaN");
    await expect(whole.fit("votes", new Votes([], [], []), runOptions({}), null)).rejects.toThrow(
      "votes: needs at least one row, got 0",
    );
    await expect(
      whole.fit("votes", new Votes([{ hour: "x", film: () => 1 }], [1], [1]), runOptions({}), null),
    ).rejects.toThrow("votes: rows[0].film must be a number, string");
    expect(files(whole)).toEqual(saved);
  });
});

// Triplets: three rows that should score in this order, the first the highest. In every epoch each first row
// meets another of the later ones.
class Triplets implements DatasetSource {
  readonly size: number;
  readonly labelRange = null;
  readonly vocabulary: readonly VocabularyRows[];
  readonly #parts: readonly [CheckedRows, CheckedRows, CheckedRows];
  readonly #seed: number | null;

  /** @param seed Draws partners anew in every epoch; null: triplets are the rows as they stand. */
  constructor(first: unknown, second: unknown, third: unknown, seed: number | null = null) {
    this.#parts = [
      checkRows(first, "triplets: first"),
      checkRows(second, "triplets: second"),
      checkRows(third, "triplets: third"),
    ];
    this.#seed = seed;
    this.size = countRows(this.#parts[0]);
    this.vocabulary = this.#parts.map((rows, i) => ({ rows, place: `triplets: part ${i}` }));
  }

  *read(space: FeatureSpace): Generator<void, Dataset> {
    const parts: SparseRows[] = [];
    for (const rows of this.#parts) parts.push(yield* readRows(rows, space, "triplets"));
    return new TripletDataset(parts, this.#seed);
  }
}

class TripletDataset implements Dataset {
  readonly size: number;
  readonly numFeatures: number;
  readonly movesBias = false;
  readonly skipped = 0;
  readonly #parts: readonly SparseRows[];
  readonly #seed: number | null;
  #rows: Uint32Array[] = [];

  constructor(parts: readonly SparseRows[], seed: number | null) {
    this.#parts = parts;
    this.#seed = seed;
    this.size = parts[0].rows;
    this.numFeatures = Math.max(...parts.map(({ cols }) => cols));
  }

  usualSize(count: number): BatchSize {
    return { rows: 3 * count, entries: 3 * count }; // too few entries, so that buffers have to grow
  }

  choose({ epoch, order, start, end }: BatchRange): BatchSize {
    const key = this.#seed === null ? null : randomKey(this.#seed, Stream.demo, epoch);
    this.#rows = this.#parts.map(({ rows }, part) =>
      Uint32Array.from({ length: end - start }, (_, i) => {
        const example = order === null ? start + i : order[start + i];
        return part === 0 || key === null ? example : randomBelow(key, 2 * example + part, rows);
      }),
    );
    const entries = this.#parts.reduce((sum, { indptr }, part) => {
      return this.#rows[part].reduce((entries, row) => entries + indptr[row + 1] - indptr[row], sum);
    }, 0);
    return { rows: this.#parts.length * (end - start), entries };
  }

  fill(batch: Batch, { start, end }: BatchRange): void {
    this.#parts.forEach((part, i) => batch.append(part, this.#rows[i], 0, end - start));
  }

  /** softplus(b - a) + softplus(c - b). */
  loss({ scores: { data: scores }, dScores: { data: dScores } }: Pass, { start, end }: BatchRange): number {
    const count = end - start;
    let total = 0;
    for (let i = 0; i < count; i++) {
      const [a, b, c] = [scores[i], scores[count + i], scores[2 * count + i]];
      total += softplus(b - a) + softplus(c - b);
      dScores[i] = -sigmoid(b - a) / count;
      dScores[count + i] = (sigmoid(b - a) - sigmoid(c - b)) / count;
      dScores[2 * count + i] = sigmoid(c - b) / count;
    }
    return total / count;
  }

  weight({ start, end }: BatchRange): number {
    return end - start;
  }
}

describe("triplets, three rows per example", () => {
  it("have the gradients of their loss: central differences of the float64 reference", () => {
    const next = numbers(9);
    const rowsOf = (count: number): Row[] =>
      Array.from({ length: count }, (_, i) => {
        const indices = [i % 5, 5 + ((i * 3) % 7)].slice(0, 1 + (i % 2));
        return { indices, values: indices.map(() => Math.fround(next(0.5, 1.5))) };
      });
    const parts = [rowsOf(4), rowsOf(4), rowsOf(4)];
    const source = new Triplets(
      ...(parts.map((rows) => CSRMatrix.fromRows(rows, N)) as [CSRMatrix, CSRMatrix, CSRMatrix]),
    );
    const { trainer, parameters } = makeTrainer({
      ...{
        numFeatures: N,
        embeddingDim: 3,
        hiddenUnits: [4],
        activation: "tanh",
        batchNorm: false,
        dropout: { biInteraction: 0, hidden: 0 },
      },
      optimizer: new SGD({ learningRate: 0 }),
    });
    const tensors = drawTensors(parameters, next, (name) =>
      name === "embedding.weight" ? [-1, 1] : [-0.7, 0.7],
    );
    const watched = watch(datasetOf(source, N));
    const order = Uint32Array.of(2, 0, 3, 1);
    const got = trainer.step(watched.dataset, order, 0, 3);
    const rows = parts.flatMap((part) => [part[2], part[0], part[3]]);
    const literal = (): number => {
      const steps = [
        { kind: "dense", name: "hidden.0" },
        { kind: "activation", activation: "tanh" },
      ] as const;
      const s = referenceScores(tensors, 3, steps, rows, true);
      const plus = (x: number): number => Math.log(1 + Math.exp(x));
      return [0, 1, 2].reduce((sum, i) => sum + plus(s[3 + i] - s[i]) + plus(s[6 + i] - s[3 + i]), 0) / 3;
    };
    expect(Math.abs(got - literal())).toBeLessThan(1e-6);
    for (const [name, gradient] of gradientsOf(trainer, watched.batch())) {
      // float32 against float64, without batch norm.
      differences(tensors.get(name)!, literal).forEach((slope, i) => {
        expect(Math.abs(gradient[i] - slope), `${name}[${i}]`).toBeLessThan(1e-4 * Math.abs(slope) + 1e-6);
      });
    }
  });

  /**
   * A row's true score is a planted function of its two fields, whose order a factorization machine can
   * learn.
   */
  const truth = (a: number, b: number): number => ((a * 5 + b * 3) % 11) + (a === b ? 6 : 0);
  const all = Array.from({ length: 64 }, (_, i) => ({ a: `a${i >> 3}`, b: `b${i & 7}` }));
  const score = ({ a, b }: { a: string; b: string }): number => truth(Number(a.slice(1)), Number(b.slice(1)));
  const high = all.filter((row) => score(row) >= 10);
  const middle = all.filter((row) => score(row) >= 5 && score(row) < 10);
  const low = all.filter((row) => score(row) < 5);
  const options: NFMOptions = {
    embeddingDim: 8,
    hiddenUnits: [],
    dropout: { biInteraction: 0 },
    loss: "bpr",
    seed: 2,
    learningRate: 0.1,
  };

  /** The share of triplets of rows, one of each kind, that stand in the right order. */
  function inOrder(learner: Learner): number {
    const [a, b, c] = [high, middle, low].map((rows) =>
      learner.predictor!.predict(rows as FeatureMap[], { raw: true }),
    );
    let right = 0;
    for (const x of a) for (const y of b) for (const z of c) if (x > y && y > z) right++;
    return right / (a.length * b.length * c.length);
  }

  it("learn a planted order, with partners drawn anew in every epoch, and never move w0", async () => {
    expect(Math.min(high.length, middle.length, low.length)).toBeGreaterThan(8);
    const learner = learnerOf(options);
    const history = await learner.fit(
      "triplets",
      new Triplets(high, middle, low, 5),
      runOptions({ epochs: 150, batchSize: 8 }),
      null,
    );
    expect(inOrder(learner)).toBeGreaterThan(0.99);
    expect(learner.predictor!.tensor("bias").data[0]).toBe(0);
    expect(history.stopped).toBe("epochs");
    const again = learnerOf({ ...options, backend: "js" });
    await again.fit(
      "triplets",
      new Triplets(high, middle, low, 5),
      runOptions({ epochs: 150, batchSize: 8 }),
      null,
    );
    expect(again.save(true)).toEqual(learner.save(true));
    const untrained = learnerOf(options);
    await untrained.fit(
      "triplets",
      new Triplets(high, middle, low, 5),
      runOptions({ epochs: 1, batchSize: 8 }),
      null,
    );
    expect(inOrder(untrained)).toBeLessThan(0.5);
  });

  it("stop early by a measure of their own", async () => {
    const learner = learnerOf(options);
    const script = [5, 4, 3, 3.5, 4, 2];
    const shares: number[] = [];
    const validation: Validation = {
      monitor: "loss",
      *read(space) {
        expect(space.numFeatures).toBe(16);
        yield;
        return async (predictor) => {
          shares.push(predictor.predict(high[0] as FeatureMap, { raw: true }));
          return { loss: script[shares.length - 1], own: shares.length };
        };
      },
    };
    const settings = { ...runOptions({ epochs: 6, batchSize: 8 }), patience: 2 };
    const history = await learner.fit("triplets", new Triplets(high, middle, low, 5), settings, validation);
    expect([history.bestEpoch, history.stopped, history.epochs.length]).toEqual([3, "patience", 5]);
    expect(history.epochs[1].validation).toEqual({ loss: 4, own: 2 });
    expect(learner.predictor!.predict(high[0] as FeatureMap, { raw: true })).toBe(shares[2]);
  });
});
