// Ranking within groups: fit(x, y, { groups }) against the same steps taken one by one, which pairs it draws
// as a loss of one's own sees them, and what it learns where the best order is known.

import { describe, expect, it } from "vitest";
import { randomKey, randomPermutation, Stream } from "../../../src/core/random.ts";
import {
  Adagrad,
  CSRMatrix,
  type FitOptions,
  NFM,
  type NFMOptions,
  type PairwiseLoss,
  type PointwiseLoss,
  SGD,
} from "../../../src/index.ts";
import { bpr } from "../../../src/losses.ts";
import { PairSampler } from "../../../src/training/datasets/pair-sampler.ts";
import {
  bytes,
  DATA,
  groupNumbers,
  literalMetrics,
  MATRIX,
  PAIRWISE,
  SMALL,
  tensors,
  values,
} from "../../helpers/groups.ts";
import { PAPER } from "../../helpers/paper.ts";
import { numbers } from "../../reference.ts";

describe.each(PAIRWISE)("fit with groups, %s loss", (loss) => {
  it("is the same model from feature maps and from a matrix, whatever the groups are called", async () => {
    const run: FitOptions = { epochs: 2, batchSize: 16 };
    const byMaps = new NFM({ ...SMALL, loss });
    const history = await byMaps.fit(DATA.maps, DATA.y, { ...run, groups: DATA.groups });
    expect(history.epochs).toHaveLength(2);
    const number = groupNumbers(DATA.groups);
    const names: ArrayLike<string | number>[] = [
      number,
      Array.from(number, (g) => 7.5 - 3 * g),
      Float64Array.from(number, (g) => 2 ** 40 + g),
      Array.from(number, (g) => (g % 2 ? String(g) : g)),
    ];
    for (const groups of names) {
      const byMatrix = new NFM({ ...SMALL, loss });
      await byMatrix.fit(MATRIX.x, DATA.y, { ...run, groups });
      expect(tensors(byMatrix)).toEqual(tensors(byMaps));
    }
    const apart = new NFM({ ...SMALL, loss });
    await apart.fit(MATRIX.x, DATA.y, {
      ...run,
      groups: Array.from(number, (g, i) => (g === 3 ? 100 + (i % 2) : g)),
    });
    expect(tensors(apart)).not.toEqual(tensors(byMaps));
  });

  it("takes the steps of its pairs, drawn for each epoch and shuffled, to the last bit", async () => {
    for (const pairsPerRow of [1, 4]) {
      const model = new NFM({ ...SMALL, loss });
      const history = await model.fit(MATRIX.x, DATA.y, {
        groups: MATRIX.groups,
        epochs: 3,
        batchSize: 16,
        pairsPerRow,
      });

      const literal = new NFM({ ...SMALL, loss, numFeatures: MATRIX.x.cols });
      const pairs = new PairSampler(Float32Array.from(DATA.y), MATRIX.groups, pairsPerRow, 7);
      const all = Array.from({ length: pairs.count }, (_, p) => p);
      expect(pairs.count % 16).not.toBe(0); // a short last batch
      for (let epoch = 1; epoch <= 3; epoch++) {
        const [positives, negatives] = [
          all.map((p) => pairs.better(p)),
          all.map((p) => pairs.worse(p, epoch)),
        ].map((rows) => MATRIX.x.take(rows));
        const order = randomPermutation(randomKey(7, Stream.shuffle, epoch), pairs.count);
        let total = 0;
        for (let start = 0; start < pairs.count; start += 16) {
          const batch = order.subarray(start, start + 16);
          total += literal.partialFitPairs(positives.take(batch), negatives.take(batch)) * batch.length;
        }
        expect(history.epochs[epoch - 1].loss).toBe(total / pairs.count);
      }
      expect(tensors(model)).toEqual(tensors(literal));
    }
  });

  it("is 5 epochs after 3, a file and 2 more, and the same bytes on both backends", async () => {
    const run = { groups: MATRIX.groups, batchSize: 16 };
    const [whole, first, plain] = [
      new NFM({ ...SMALL, loss }),
      new NFM({ ...SMALL, loss }),
      new NFM({ ...SMALL, loss, backend: "js" }),
    ];
    await whole.fit(MATRIX.x, DATA.y, { ...run, epochs: 5 });
    await plain.fit(MATRIX.x, DATA.y, { ...run, epochs: 5 });
    expect([whole.backend, plain.backend]).toEqual(["wasm", "js"]);
    expect(bytes(plain)).toEqual(bytes(whole));
    await first.fit(MATRIX.x, DATA.y, { ...run, epochs: 3 });
    const second = NFM.load(bytes(first));
    for (const model of [second, first]) {
      const history = await model.fit(MATRIX.x, DATA.y, { ...run, epochs: 2, resume: true });
      expect(history.epochs.map(({ epoch }) => epoch)).toEqual([4, 5]);
      expect(bytes(model)).toEqual(bytes(whole));
    }
    await first.fit(MATRIX.x, DATA.y, { ...run, epochs: 5 });
    expect(bytes(first)).toEqual(bytes(whole));
    const other = new NFM({ ...SMALL, loss, seed: 8 });
    await other.fit(MATRIX.x, DATA.y, { ...run, epochs: 5 });
    expect(values(other, "linear.weight")).not.toEqual(values(whole, "linear.weight")); // these start at 0 under every seed
  });

  it("never moves w0, whatever else there is", async () => {
    for (const optimizer of [new Adagrad(), new SGD({ learningRate: 0.05, momentum: 0.9 })]) {
      const start = new NFM({
        ...SMALL,
        numFeatures: MATRIX.x.cols,
        batchNorm: true,
        dropout: { biInteraction: 0.5, hidden: 0.5 },
        l2: { embedding: 0.1, linear: 0.1, hidden: 0.1 },
        optimizer,
      });
      start.partialFit(MATRIX.x, DATA.y);
      const model = NFM.load(start.save(), { loss });
      await model.fit(MATRIX.x, DATA.y, { groups: MATRIX.groups, epochs: 4, batchSize: 8, resume: true });
      expect(values(start, "bias")[0]).not.toBe(0);
      expect(values(model, "bias")).toEqual(values(start, "bias"));
      // The bias before a batch normalization has the gradient 0, so it is not among these.
      for (const name of ["linear.weight", "norms.0.weight", "hidden.0.weight", "norms.1.bias"])
        expect(values(model, name), name).not.toEqual(values(start, name));
    }
  });
});

/**
 * A model whose score is 1 plus the value of feature 0, exactly, and which no step moves: what its loss sees
 * tells which rows are compared.
 */
function meter(loss: PairwiseLoss | PointwiseLoss, seed: number = 0): NFM {
  const make: PointwiseLoss = { kind: "pointwise", name: "make", value: () => 0, gradient: () => -1 };
  const made = new NFM({
    embeddingDim: 1,
    hiddenUnits: [],
    dropout: { biInteraction: 0 },
    initStd: 0,
    numFeatures: 1,
    loss: make,
    optimizer: new SGD({ learningRate: 1 }),
  });
  made.partialFit([{ indices: [0] }], [0]);
  return new NFM({
    embeddingDim: 1,
    hiddenUnits: [],
    dropout: { biInteraction: 0 },
    l2: {},
    loss,
    seed,
    optimizer: new SGD(),
  }).initFrom(made);
}

describe("the pairs of an epoch", () => {
  const rows = 20;
  const x = CSRMatrix.fromRows(
    Array.from({ length: rows }, (_, i) => [[0, 2 ** i] as const]),
    1,
  );
  // Group "a": every third row, labels 0 to 2 twice and more. "b": seven different labels. Two without a
  // pair, one with a single one.
  const groups = [
    "a",
    "b",
    "a",
    "b",
    "c",
    "a",
    "b",
    "a",
    "b",
    "d",
    "a",
    "b",
    "a",
    "b",
    "c",
    "a",
    "b",
    "e",
    "a",
    "e",
  ];
  const y = [2, 0.5, 0, -1, 3, 1, 7, 0, 1e6, 5, 1, -3, 2, 4, 3, 0, 2.5, 1, 2, 0];
  const pairOf = new Map(
    Array.from(
      { length: rows * rows },
      (_, p) => [2 ** Math.floor(p / rows) - 2 ** (p % rows), [Math.floor(p / rows), p % rows]] as const,
    ),
  );

  /** The pairs [better, worse] of each epoch in the order of training, and what fit reports as skipped. */
  async function watch(
    options: FitOptions = {},
    seed: number = 0,
  ): Promise<{ epochs: (readonly number[])[][]; skipped: number }> {
    const seen: (readonly number[])[] = [];
    const counts: number[] = [];
    const spy: PairwiseLoss = {
      kind: "pairwise",
      name: "spy",
      gradient: () => 0,
      value: (difference) => {
        seen.push(pairOf.get(difference)!);
        return 0;
      },
    };
    const { skipped } = await meter(spy, seed).fit(x, y, {
      groups,
      epochs: 30,
      batchSize: 7,
      pairsPerRow: 2,
      onEpoch: () => void counts.push(seen.length),
      ...options,
    });
    return { epochs: counts.map((end, e) => seen.slice(e === 0 ? 0 : counts[e - 1], end)), skipped };
  }

  const lower = (row: number): number[] =>
    y.flatMap((label, other) => (groups[other] === groups[row] && label < y[row] ? [other] : []));

  it("are rows of one group, the better first: as many for each row as it may have, with different worse rows", async () => {
    const { epochs, skipped } = await watch();
    expect(skipped).toBe(2); // "c", whose labels are equal, and "d", which has one row
    for (const pairs of epochs) {
      for (let row = 0; row < rows; row++) {
        const worse = pairs.filter(([better]) => better === row).map((pair) => pair[1]);
        expect(worse).toHaveLength(Math.min(2, lower(row).length));
        expect(new Set(worse).size).toBe(worse.length);
        for (const other of worse) expect(lower(row)).toContain(other);
      }
    }
    // In 30 epochs each of at most six lower rows comes: to miss one has a chance of (2/3)^30 = 5e-6.
    for (let row = 0; row < rows; row++) {
      const met = new Set(
        epochs
          .flat()
          .filter(([better]) => better === row)
          .map((pair) => pair[1]),
      );
      expect([...met].sort((a, b) => a - b)).toEqual(lower(row));
    }
  });

  it("are others in another epoch and under another seed, in another order; and come back with the seed", async () => {
    const inOrder = await watch({ shuffle: false });
    const better = inOrder.epochs[0].map(([row]) => row);
    expect(better).toEqual([...better].sort((a, b) => a - b));
    for (const pairs of inOrder.epochs) expect(pairs.map(([row]) => row)).toEqual(better);
    expect(new Set(inOrder.epochs.map(String)).size).toBeGreaterThan(25);
    const [shuffled, again, other] = [await watch(), await watch(), await watch({}, 1)];
    expect(again).toEqual(shuffled);
    expect(shuffled.epochs.map((pairs) => pairs.map(String).sort())).toEqual(
      inOrder.epochs.map((pairs) => pairs.map(String).sort()),
    );
    expect(shuffled.epochs[0]).not.toEqual(inOrder.epochs[0]);
    expect(other.epochs[0].map(String).sort()).not.toEqual(shuffled.epochs[0].map(String).sort());
  });

  it("are at most 4 for each row by default, and all of them where pairsPerRow allows", async () => {
    const every = y.flatMap((_, row) => lower(row).map((other) => [row, other]));
    const all = await watch({ pairsPerRow: 1000, epochs: 2 });
    for (const pairs of all.epochs) expect(pairs.map(String).sort()).toEqual(every.map(String).sort());
    const { epochs } = await watch({ pairsPerRow: undefined, epochs: 1 });
    expect(epochs[0]).toHaveLength(y.reduce((sum, _, row) => sum + Math.min(4, lower(row).length), 0));
  });

  it("are none where no group has two different labels: an error", async () => {
    const model = meter(bpr);
    await expect(
      model.fit(
        x,
        y.map((_, i) => groups[i].charCodeAt(0)),
        { groups },
      ),
    ).rejects.toThrow(
      new RangeError(
        "fit: groups must have two rows of different labels in some group, got none in 5 groups",
      ),
    );
    await expect(model.fit(x, y, { groups: y.map((_, i) => i) })).rejects.toThrow("got none in 20 groups");
  });
});

describe("what is learned where the best order is known", () => {
  interface World {
    readonly x: CSRMatrix;
    readonly truth: number[];
    readonly groups: number[];
  }

  /** Features 0 to 3: the kind of query. 4 to 11: what is known of a row. Interactions of rank 2, or none. */
  function world(rows: number, seed: number, interactions: boolean): World {
    const planted = numbers(99);
    const w = Array.from({ length: 12 }, () => planted(-1, 1));
    const v = Array.from({ length: 12 }, () => [planted(-1.2, 1.2), planted(-1.2, 1.2)]);
    const next = numbers(seed);
    const groups = Array.from({ length: rows }, (_, i) => (i * 7) % (rows / 10));
    const lists = groups.map(
      (group) =>
        [[group % 4, 1], ...Array.from({ length: 8 }, (_, j) => [4 + j, Math.fround(next(-1, 1))])] as [
          number,
          number,
        ][],
    );
    const truth = lists.map((row, i) => {
      let score = 10 * (groups[i] % 3) + row.reduce((sum, [j, value]) => sum + w[j] * value, 0); // groups differ in level, which tells nothing
      for (const [a, p] of row)
        for (const [b, q] of row)
          if (interactions && a < b) score += p * q * (v[a][0] * v[b][0] + v[a][1] * v[b][1]);
      return score;
    });
    return { x: CSRMatrix.fromRows(lists, 12), truth, groups };
  }

  /** Grades 0 to 4 by the fifths of a group's level and spread. */
  const grade = (score: number, group: number): number =>
    Math.min(4, Math.max(0, Math.floor((score - 10 * (group % 3)) / 0.9 + 2.5)));

  const cases = PAIRWISE.flatMap(
    (loss) =>
      [
        [loss, "linear model", false],
        [loss, "factorization machine", true],
      ] as const,
  );

  it.each(cases)("%s finds the order of a %s in labels without noise", async (loss, _, interactions) => {
    const [train, fresh] = [world(3000, 1, interactions), world(1000, 2, interactions)];
    const label = ({ truth, groups }: World): number[] => truth.map((score, i) => grade(score, groups[i]));
    expect(new Set(label(train))).toEqual(new Set([0, 1, 2, 3, 4]));
    const best = literalMetrics(fresh.truth, label(fresh), fresh.groups)["group-auc"];
    expect(best).toBe(1);
    const model = new NFM({
      embeddingDim: 4,
      hiddenUnits: [],
      dropout: { biInteraction: 0 },
      initStd: interactions ? 0.1 : 0,
      loss,
      seed: 3,
    });
    await model.fit(train.x, label(train), { groups: train.groups, epochs: 15 });
    expect(
      model.evaluate(fresh.x, label(fresh), { metrics: ["group-auc"], groups: fresh.groups })["group-auc"],
    ).toBeGreaterThan(best - 0.01);
  });

  it.each(PAIRWISE)("%s comes within 0.01 of the best possible where labels are noisy", async (loss) => {
    const [train, fresh] = [world(12000, 3, false), world(3000, 4, false)];
    const noise = numbers(5);
    const label = ({ truth, groups }: World): number[] =>
      truth.map((score, i) => grade(score + noise(-2, 2), groups[i]));
    const [known, unknown] = [label(train), label(fresh)];
    const best = literalMetrics(fresh.truth, unknown, fresh.groups)["group-auc"];
    expect(best).toBeLessThan(0.9);
    const model = new NFM({
      embeddingDim: 2,
      hiddenUnits: [],
      initStd: 0,
      loss,
      seed: 3,
      optimizer: new Adagrad({ learningRate: 0.02 }),
    });
    await model.fit(train.x, known, { groups: train.groups, epochs: 8 });
    const reached = model.evaluate(fresh.x, unknown, { metrics: ["group-auc"], groups: fresh.groups })[
      "group-auc"
    ];
    expect(reached).toBeGreaterThan(best - 0.01);
    expect(reached).toBeLessThan(best + 0.01);
  });
});

describe("what a review found", () => {
  const rows = Array.from({ length: 201 }, (_, i) => ({
    indices: i === 200 ? Array.from({ length: 500 }, (_, f) => 300 + f) : [i, 201 + (i % 7)],
  }));
  const x = CSRMatrix.fromRows(rows, 800);

  it("a long row may be drawn for every pair of a batch: memory grows by need, and no bit moves", async () => {
    const options: NFMOptions = {
      ...PAPER,
      embeddingDim: 3,
      hiddenUnits: [4],
      loss: "bpr",
      seed: 4,
      numFeatures: 800,
    };
    const labels = rows.map((_, i) => (i === 200 ? 0 : 1));
    const drawn = new NFM(options);
    await drawn.fit(x, labels, { groups: rows.map(() => "q"), pairsPerRow: 1, epochs: 2 });
    const literal = new NFM(options);
    await literal.fitPairs(x.slice(0, 200), x.take(new Array(200).fill(200)), { epochs: 2 });
    for (const name of ["embedding.weight", "hidden.0.weight", "norms.0.running_var"])
      expect(drawn.tensor(name)).toEqual(literal.tensor(name));
  });

  it("pairsPerRow is refused for a loss of single rows, and holes in lists of metrics are named", async () => {
    const y = rows.map((_, i) => i % 2);
    await expect(new NFM().fit(x, y, { pairsPerRow: 3 })).rejects.toThrow(
      "fit: pairsPerRow draws pairs, and the squared loss is pointwise; leave it out",
    );
    const model = new NFM({ numFeatures: 800 });
    const holes = new Array<"auc">(1);
    expect(() => model.evaluate(x, y, { metrics: holes })).toThrow(
      /^evaluate: metrics\[0\] must be one of .*, got undefined$/,
    );
  });
});
