// Ranking within groups: fit(x, y, { groups }) against the same steps taken one by one, which pairs it draws as a loss of
// one's own sees them, what it learns where the best order is known, and its errors.

import { describe, expect, it } from "vitest";
import { randomKey, randomPermutation, Stream } from "../src/core/random.ts";
import { toPacked } from "../src/core/tensor.ts";
import { PairSampler } from "../src/training/datasets/pair-sampler.ts";
import {
  Activation, Adagrad, BatchNorm, CSRMatrix, Dense, NFM, SGD,
  type FeatureMap, type FitOptions, type Rows, type Metric, type NFMOptions, type PairwiseLoss, type PointwiseLoss,
} from "../src/index.ts";
import { bpr, lossByName, maxMargin } from "../src/losses.ts";
import { Catalog } from "../src/ranking/catalog.ts";
import { readSafetensors } from "../src/model/safetensors.ts";
import type { Dataset } from "../src/training/dataset.ts";
import { Events } from "../src/training/datasets/events.ts";
import { GroupedRows } from "../src/training/datasets/groups.ts";
import { datasetOf, gradientsOf, makeTrainer, watch } from "./helpers/trainers.ts";
import { batchLoss, differences, numbers, scores as referenceScores, type Row, type Step, type Tensors } from "./reference.ts";

const PAIRWISE = ["bpr", "max-margin"] as const;
const SMALL: NFMOptions = { embeddingDim: 5, hiddenUnits: [4], seed: 7 };

interface Table {
  readonly maps: FeatureMap[];
  readonly y: number[];
  /** A name per row; groups lie scattered over the rows. */
  readonly groups: string[];
}

/** Graded labels 0 to 4 that depend on the features, noisily. */
function table(rows: number, groupCount: number, seed: number): Table {
  const next = numbers(seed);
  const below = (n: number): number => Math.floor(next(0, n));
  const lists = Array.from({ length: rows }, () => ({ group: below(groupCount), item: below(12), kind: below(4), price: Math.fround(next()) }));
  return {
    maps: lists.map(({ group, item, kind, price }) => ({ query: `q${group % 5}`, item: `i${item}`, kind: `k${kind}`, price })),
    y: lists.map(({ item, kind, price }) => Math.min(4, Math.max(0, Math.floor(item / 4 + kind / 2 + 2 * price + next(-1, 1))))),
    groups: lists.map(({ group }) => `g${group}`),
  };
}

const groupNumbers = (groups: readonly string[]): Uint32Array => {
  const seen: string[] = [];
  return Uint32Array.from(groups, (group) => (seen.includes(group) ? seen.indexOf(group) : seen.push(group) - 1));
};

/** Parameters and optimizer state by name; without the vocabulary and counters of the file. */
const tensors = (model: NFM): Record<string, readonly number[]> =>
  Object.fromEntries(Array.from(readSafetensors(model.save({ optimizer: true })).tensors, ([name, { data }]) => [name, Array.from(data)]));
const bytes = (model: NFM): Uint8Array => model.save({ optimizer: true });
const values = (model: NFM, name: string): number[] => Array.from(model.tensor(name).data);

/** A matrix and labels for the table, with group numbers. */
function matrixOf({ maps, y, groups }: Table): { x: CSRMatrix; y: number[]; groups: Uint32Array } {
  const model = new NFM({ embeddingDim: 1, hiddenUnits: [] });
  model.partialFit(maps, y);
  return { x: model.encoder!.transform(maps), y, groups: groupNumbers(groups) };
}

const DATA = table(90, 11, 1);
const MATRIX = matrixOf(DATA);

describe.each(PAIRWISE)("fit with groups, %s loss", (loss) => {
  it("is the same model from feature maps and from a matrix, whatever the groups are called", async () => {
    const run: FitOptions = { epochs: 2, batchSize: 16 };
    const byMaps = new NFM({ ...SMALL, loss });
    const history = await byMaps.fit(DATA.maps, DATA.y, { ...run, groups: DATA.groups });
    expect(history.epochs).toHaveLength(2);
    const number = groupNumbers(DATA.groups);
    const names: ArrayLike<string | number>[] = [
      number, Array.from(number, (g) => 7.5 - 3 * g), Float64Array.from(number, (g) => 2 ** 40 + g), Array.from(number, (g) => (g % 2 ? String(g) : g)),
    ];
    for (const groups of names) {
      const byMatrix = new NFM({ ...SMALL, loss });
      await byMatrix.fit(MATRIX.x, DATA.y, { ...run, groups });
      expect(tensors(byMatrix)).toEqual(tensors(byMaps));
    }
    const apart = new NFM({ ...SMALL, loss });
    await apart.fit(MATRIX.x, DATA.y, { ...run, groups: Array.from(number, (g, i) => (g === 3 ? 100 + (i % 2) : g)) });
    expect(tensors(apart)).not.toEqual(tensors(byMaps));
  });

  it("takes the steps of its pairs, drawn for each epoch and shuffled, to the last bit", async () => {
    for (const pairsPerRow of [1, 4]) {
      const model = new NFM({ ...SMALL, loss });
      const history = await model.fit(MATRIX.x, DATA.y, { groups: MATRIX.groups, epochs: 3, batchSize: 16, pairsPerRow });

      const literal = new NFM({ ...SMALL, loss, numFeatures: MATRIX.x.cols });
      const pairs = new PairSampler(Float32Array.from(DATA.y), MATRIX.groups, pairsPerRow, 7);
      const all = Array.from({ length: pairs.count }, (_, p) => p);
      expect(pairs.count % 16).not.toBe(0); // a short last batch
      for (let epoch = 1; epoch <= 3; epoch++) {
        const [positives, negatives] = [all.map((p) => pairs.better(p)), all.map((p) => pairs.worse(p, epoch))].map((rows) => MATRIX.x.take(rows));
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
    const [whole, first, plain] = [new NFM({ ...SMALL, loss }), new NFM({ ...SMALL, loss }), new NFM({ ...SMALL, loss, backend: "js" })];
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
        ...SMALL, numFeatures: MATRIX.x.cols, batchNorm: true, dropout: { biInteraction: 0.5, hidden: 0.5 }, l2: { embedding: 0.1, linear: 0.1, hidden: 0.1 }, optimizer,
      });
      start.partialFit(MATRIX.x, DATA.y);
      const model = NFM.load(start.save(), { loss });
      await model.fit(MATRIX.x, DATA.y, { groups: MATRIX.groups, epochs: 4, batchSize: 8, resume: true });
      expect(values(start, "bias")[0]).not.toBe(0);
      expect(values(model, "bias")).toEqual(values(start, "bias"));
      for (const name of ["linear.weight", "norms.0.weight", "hidden.0.bias"]) expect(values(model, name), name).not.toEqual(values(start, name));
    }
  });
});

/** A model whose score is 1 plus the value of feature 0, exactly, and which no step moves: what its loss sees tells which rows are compared. */
function meter(loss: PairwiseLoss | PointwiseLoss, seed: number = 0): NFM {
  const make: PointwiseLoss = { kind: "pointwise", name: "make", value: () => 0, gradient: () => -1 };
  const made = new NFM({ embeddingDim: 1, hiddenUnits: [], dropout: { biInteraction: 0 }, initStd: 0, numFeatures: 1, loss: make, optimizer: new SGD({ learningRate: 1 }) });
  made.partialFit([{ indices: [0] }], [0]);
  return new NFM({ embeddingDim: 1, hiddenUnits: [], dropout: { biInteraction: 0 }, loss, seed, optimizer: new SGD() }).initFrom(made);
}

describe("the pairs of an epoch", () => {
  const rows = 20;
  const x = CSRMatrix.fromRows(Array.from({ length: rows }, (_, i) => [[0, 2 ** i] as const]), 1);
  // Group "a": every third row, labels 0 to 2 twice and more. "b": seven different labels. Two without a pair, one with a single one.
  const groups = ["a", "b", "a", "b", "c", "a", "b", "a", "b", "d", "a", "b", "a", "b", "c", "a", "b", "e", "a", "e"];
  const y = [2, 0.5, 0, -1, 3, 1, 7, 0, 1e6, 5, 1, -3, 2, 4, 3, 0, 2.5, 1, 2, 0];
  const pairOf = new Map(Array.from({ length: rows * rows }, (_, p) => [2 ** Math.floor(p / rows) - 2 ** (p % rows), [Math.floor(p / rows), p % rows]] as const));

  /** The pairs [better, worse] of each epoch in the order of training, and what fit reports as skipped. */
  async function watch(options: FitOptions = {}, seed: number = 0): Promise<{ epochs: (readonly number[])[][]; skipped: number }> {
    const seen: (readonly number[])[] = [];
    const counts: number[] = [];
    const spy: PairwiseLoss = { kind: "pairwise", name: "spy", gradient: () => 0, value: (difference) => {
      seen.push(pairOf.get(difference)!);
      return 0;
    } };
    const { skipped } = await meter(spy, seed).fit(x, y, { groups, epochs: 30, batchSize: 7, pairsPerRow: 2, onEpoch: () => void counts.push(seen.length), ...options });
    return { epochs: counts.map((end, e) => seen.slice(e === 0 ? 0 : counts[e - 1], end)), skipped };
  }

  const lower = (row: number): number[] => y.flatMap((label, other) => (groups[other] === groups[row] && label < y[row] ? [other] : []));

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
      const met = new Set(epochs.flat().filter(([better]) => better === row).map((pair) => pair[1]));
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
    expect(shuffled.epochs.map((pairs) => pairs.map(String).sort())).toEqual(inOrder.epochs.map((pairs) => pairs.map(String).sort()));
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
    await expect(model.fit(x, y.map((_, i) => groups[i].charCodeAt(0)), { groups })).rejects.toThrow(
      new RangeError("fit: groups must have two rows of different labels in some group, got none in 5 groups"),
    );
    await expect(model.fit(x, y, { groups: y.map((_, i) => i) })).rejects.toThrow("got none in 20 groups");
  });
});

/** Group metrics from their definitions, ranks by counting; ties count against the model. */
function literalMetrics(scores: ArrayLike<number>, y: readonly number[], groups: readonly (string | number)[]): Record<"ndcg@10" | "group-auc" | "mrr", number> {
  const means = { "ndcg@10": [] as number[], "group-auc": [] as number[], mrr: [] as number[] };
  for (const group of new Set(groups)) {
    const rows = y.map((_, i) => i).filter((i) => groups[i] === group);
    const rank = (i: number): number => 1 + rows.filter((j) => j !== i && (scores[j] > scores[i] || (scores[j] === scores[i] && (y[j] < y[i] || (y[j] === y[i] && j < i))))).length;
    const gain = (i: number): number => (y[i] > 0 ? 2 ** y[i] - 1 : 0);
    const ideal = rows.map(gain).sort((a, b) => b - a).slice(0, 10);
    if (ideal[0] > 0) {
      const sum = rows.reduce((total, i) => total + (rank(i) <= 10 ? gain(i) / Math.log2(rank(i) + 1) : 0), 0);
      means["ndcg@10"].push(sum / ideal.reduce((total, g, r) => total + g / Math.log2(r + 2), 0));
      means.mrr.push(1 / Math.min(...rows.filter((i) => y[i] > 0).map(rank)));
    }
    const unequal = rows.flatMap((i) => rows.filter((j) => y[i] > y[j]).map((j) => [i, j]));
    if (unequal.length > 0) means["group-auc"].push(unequal.filter(([i, j]) => scores[i] > scores[j]).length / unequal.length);
  }
  const mean = (list: readonly number[]): number => list.reduce((a, b) => a + b, 0) / list.length;
  return { "ndcg@10": mean(means["ndcg@10"]), "group-auc": mean(means["group-auc"]), mrr: mean(means.mrr) };
}

const RANKING: readonly Metric[] = ["ndcg@10", "group-auc", "mrr"];

describe("evaluate with groups", () => {
  it.each(["bpr", "squared"] as const)("is what the definitions make of the predictions, %s loss", async (loss) => {
    const model = new NFM({ ...SMALL, loss });
    await model.fit(DATA.maps, DATA.y, { groups: DATA.groups, epochs: 2 });
    const fresh = table(200, 13, 2);
    const maps = [...fresh.maps, ...fresh.maps.slice(0, 40)]; // ties, in the same groups
    const y = [...fresh.y, ...fresh.y.slice(10, 50)].map((label) => label - 3); // most of them not relevant
    const groups = [...fresh.groups, ...fresh.groups.slice(0, 40)];
    const got = model.evaluate(maps, y, { metrics: RANKING, groups });
    const expected = literalMetrics(model.predict(maps), y, groups);
    expect(Object.keys(got)).toEqual(RANKING);
    for (const [metric, value] of Object.entries(expected)) expect(got[metric], metric).toBeCloseTo(value, 10);
    expect(new Set(Object.values(expected).concat(1)).size).toBe(4);
    expect(model.evaluate(maps, y, { metrics: RANKING, groups: groupNumbers(groups) })).toEqual(got);
  });

  it("has ranking metrics among the defaults, and needs groups for them", async () => {
    const model = new NFM({ ...SMALL, loss: "bpr" });
    await model.fit(DATA.maps, DATA.y, { groups: DATA.groups, epochs: 1 });
    expect(Object.keys(model.evaluate(DATA.maps, DATA.y, { groups: DATA.groups }))).toEqual(["ndcg@10", "group-auc"]);
    expect(() => model.evaluate(DATA.maps, DATA.y, { metrics: ["mrr"] })).toThrow(new TypeError('evaluate: "mrr" needs to know which rows are ranked together; pass groups as well'));
    expect(() => model.evaluate(DATA.maps, DATA.y, { metrics: ["mrr"], groups: [1] })).toThrow(new RangeError("evaluate: groups.length must be the number of rows of x (90), got 1"));
    expect(() => model.evaluate(DATA.maps, DATA.y, { metrics: ["mrr"], group: DATA.groups } as object)).toThrow('evaluate has no option "group"; it has metrics, groups');
    expect(() => model.evaluate(DATA.maps, DATA.y.map(() => 0), { metrics: ["mrr"], groups: DATA.groups })).toThrow('evaluate: "mrr" needs a group with a label above 0 in y, got none in 11 groups');
  });
});

describe("validation of groups", () => {
  it("as a share holds out whole groups, the same under the same seed", async () => {
    const rows = DATA.maps.map((map, i) => ({ ...map, row: `r${i}` }));
    for (const loss of ["bpr", "squared"] as const) {
      const keptBy = async (seed: number): Promise<string[]> => {
        const model = new NFM({ ...SMALL, loss, seed });
        const { epochs } = await model.fit(rows, DATA.y, { groups: DATA.groups, epochs: 1, validation: 0.3, metrics: RANKING });
        const kept = rows.flatMap((_, i) => (model.encoder!.index(`row=r${i}`) === undefined ? [] : [DATA.groups[i]]));
        const heldOut = rows.map((_, i) => i).filter((i) => model.encoder!.index(`row=r${i}`) === undefined);
        expect(heldOut.filter((i) => kept.includes(DATA.groups[i]))).toEqual([]);
        expect(new Set(kept).size).toBe(8); // 3 of 11 groups are held out
        const apart = model.evaluate(heldOut.map((i) => rows[i]), heldOut.map((i) => DATA.y[i]), { metrics: RANKING, groups: heldOut.map((i) => DATA.groups[i]) });
        expect(epochs[0].validation).toMatchObject(apart);
        return [...new Set(kept)];
      };
      expect(await keptBy(1)).toEqual(await keptBy(1));
      expect(await keptBy(1)).not.toEqual(await keptBy(2));
    }
  });

  it("trains on what is kept as if the rest were not there", async () => {
    const split = new NFM({ ...SMALL, loss: "bpr" });
    await split.fit(MATRIX.x, DATA.y, { groups: DATA.groups, epochs: 2, batchSize: 8, validation: 0.3, restoreBest: false });
    const order = randomPermutation(randomKey(7, Stream.split), 11);
    const kept = DATA.y.flatMap((_, i) => (order.subarray(0, 3).includes(MATRIX.groups[i]) ? [] : [i]));
    const alone = new NFM({ ...SMALL, loss: "bpr", numFeatures: MATRIX.x.cols });
    await alone.fit(MATRIX.x.take(kept), kept.map((i) => DATA.y[i]), { groups: kept.map((i) => DATA.groups[i]), epochs: 2, batchSize: 8 });
    expect(tensors(split)).toEqual(tensors(alone));
  });

  it("measures what evaluate does, watches the monitor, runs out of patience and returns to the best epoch", async () => {
    const held = table(60, 6, 5);
    for (const monitor of [undefined, "mrr", "loss"] as const) {
      const model = new NFM({ ...SMALL, loss: "bpr", optimizer: new Adagrad({ learningRate: 0.3 }) });
      const files: Uint8Array[] = [];
      const measured: Record<string, number>[] = [];
      const history = await model.fit(DATA.maps, DATA.y, {
        groups: DATA.groups, epochs: 60, batchSize: 16, patience: 3, metrics: ["ndcg@10", "group-auc"], ...(monitor && { monitor }),
        validation: { x: held.maps, y: held.y, groups: held.groups },
        onEpoch: () => {
          files.push(bytes(model));
          measured.push(model.evaluate(held.maps, held.y, { metrics: monitor === "mrr" ? RANKING : RANKING.slice(0, 2), groups: held.groups }));
        },
      });
      history.epochs.forEach(({ validation }, e) => expect(validation).toEqual({ loss: validation!.loss, ...measured[e] }));
      const course = history.epochs.map(({ validation }) => validation![monitor ?? "ndcg@10"]);
      const best = monitor === "loss" ? Math.min(...course) : Math.max(...course);
      expect(history.bestEpoch).toBe(course.indexOf(best) + 1);
      expect([history.stopped, history.epochs.length]).toEqual(["patience", history.bestEpoch! + 3]);
      expect(bytes(model)).toEqual(files[history.bestEpoch! - 1]);
    }
  });

  it("has a loss over the same pairs after every epoch: those of an epoch 1 of the held-out rows", async () => {
    const held = table(60, 6, 5);
    const pairs = new PairSampler(Float32Array.from(held.y), groupNumbers(held.groups), 2, 7);
    for (const loss of PAIRWISE) {
      const model = new NFM({ ...SMALL, loss });
      await model.fit(DATA.maps, DATA.y, {
        groups: DATA.groups, epochs: 3, batchSize: 16, pairsPerRow: 2, validation: { x: held.maps, y: held.y, groups: held.groups },
        onEpoch: ({ validation }) => {
          const s = model.predict(held.maps);
          let sum = 0;
          for (let p = 0; p < pairs.count; p++) sum += lossByName(loss).value(s[pairs.better(p)] - s[pairs.worse(p, 1)], 0);
          expect(validation!.loss).toBeCloseTo(sum / pairs.count, 12);
        },
      });
    }
  });

  it("goes with pointwise losses too, which train as if there were no groups", async () => {
    const clicks = DATA.y.map((label) => (label > 2 ? 1 : 0));
    for (const [loss, y] of [["squared", DATA.y], ["log", clicks]] as const) {
      const [grouped, plain] = [new NFM({ ...SMALL, loss }), new NFM({ ...SMALL, loss })];
      const validation = { x: DATA.maps.slice(0, 30), y: y.slice(0, 30), groups: DATA.groups.slice(0, 30) };
      const history = await grouped.fit(DATA.maps, y, { groups: DATA.groups, epochs: 2, validation, restoreBest: false });
      await plain.fit(DATA.maps, y, { epochs: 2 });
      expect(bytes(grouped)).toEqual(bytes(plain));
      expect(history.skipped).toBe(0);
      const names = loss === "log" ? ["logloss", "auc", "accuracy"] : ["rmse", "mae"];
      expect(Object.keys(history.epochs[1].validation!)).toEqual(["loss", ...names, "ndcg@10", "group-auc"]);
      expect(history.epochs[1].validation).toMatchObject(literalOf(grouped, validation));
    }
    function literalOf(model: NFM, { x, y, groups }: { x: FeatureMap[]; y: readonly number[]; groups: string[] }): Record<string, unknown> {
      const { "ndcg@10": ndcg, "group-auc": auc } = literalMetrics(model.predict(x, { raw: true }), y, groups);
      return { "ndcg@10": expect.closeTo(ndcg, 10) as number, "group-auc": expect.closeTo(auc, 10) as number };
    }
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
    const lists = groups.map((group) => [[group % 4, 1], ...Array.from({ length: 8 }, (_, j) => [4 + j, Math.fround(next(-1, 1))])] as [number, number][]);
    const truth = lists.map((row, i) => {
      let score = 10 * (groups[i] % 3) + row.reduce((sum, [j, value]) => sum + w[j] * value, 0); // groups differ in level, which tells nothing
      for (const [a, p] of row) for (const [b, q] of row) if (interactions && a < b) score += p * q * (v[a][0] * v[b][0] + v[a][1] * v[b][1]);
      return score;
    });
    return { x: CSRMatrix.fromRows(lists, 12), truth, groups };
  }

  /** Grades 0 to 4 by the fifths of a group's level and spread. */
  const grade = (score: number, group: number): number => Math.min(4, Math.max(0, Math.floor((score - 10 * (group % 3)) / 0.9 + 2.5)));

  const cases = PAIRWISE.flatMap((loss) => [[loss, "linear model", false], [loss, "factorization machine", true]] as const);

  it.each(cases)("%s finds the order of a %s in labels without noise", async (loss, _, interactions) => {
    const [train, fresh] = [world(3000, 1, interactions), world(1000, 2, interactions)];
    const label = ({ truth, groups }: World): number[] => truth.map((score, i) => grade(score, groups[i]));
    expect(new Set(label(train))).toEqual(new Set([0, 1, 2, 3, 4]));
    const best = literalMetrics(fresh.truth, label(fresh), fresh.groups)["group-auc"];
    expect(best).toBe(1);
    const model = new NFM({ embeddingDim: 4, hiddenUnits: [], dropout: { biInteraction: 0 }, initStd: interactions ? 0.1 : 0, loss, seed: 3 });
    await model.fit(train.x, label(train), { groups: train.groups, epochs: 15 });
    expect(model.evaluate(fresh.x, label(fresh), { metrics: ["group-auc"], groups: fresh.groups })["group-auc"]).toBeGreaterThan(best - 0.01);
  });

  it.each(PAIRWISE)("%s comes within 0.01 of the best possible where labels are noisy", async (loss) => {
    const [train, fresh] = [world(12000, 3, false), world(3000, 4, false)];
    const noise = numbers(5);
    const label = ({ truth, groups }: World): number[] => truth.map((score, i) => grade(score + noise(-2, 2), groups[i]));
    const [known, unknown] = [label(train), label(fresh)];
    const best = literalMetrics(fresh.truth, unknown, fresh.groups)["group-auc"];
    expect(best).toBeLessThan(0.9);
    const model = new NFM({ embeddingDim: 2, hiddenUnits: [], initStd: 0, loss, seed: 3, optimizer: new Adagrad({ learningRate: 0.02 }) });
    await model.fit(train.x, known, { groups: train.groups, epochs: 8 });
    const reached = model.evaluate(fresh.x, unknown, { metrics: ["group-auc"], groups: fresh.groups })["group-auc"];
    expect(reached).toBeGreaterThan(best - 0.01);
    expect(reached).toBeLessThan(best + 0.01);
  });
});

describe("pairwise gradients", () => {
  const N = 9;
  const K = 5;
  const LAYERS = [new BatchNorm(), new Dense(4), new BatchNorm(), new Activation("tanh")];
  const STEPS: readonly Step[] = [
    { kind: "norm", name: "norms.0" }, { kind: "dense", name: "hidden.0" }, { kind: "norm", name: "norms.1" }, { kind: "activation", activation: "tanh" },
  ];
  const list = (row: Row): [number, number][] => row.indices.map((index, p) => [index, row.values[p]]);
  const matrix = (rows: readonly Row[]): CSRMatrix => CSRMatrix.fromRows(rows.map(list), N);
  /** Both rows in one, values of the same feature added. */
  const join = (a: Row, b: Row): Row => {
    const sums = new Map<number, number>();
    for (const [index, value] of [...list(a), ...list(b)]) sums.set(index, (sums.get(index) ?? 0) + value);
    return { indices: [...sums.keys()], values: [...sums.values()] };
  };
  const ROWS: readonly Row[] = [
    { indices: [0, 3, 5], values: [1, 0.5, -1.25] }, { indices: [1, 4], values: [1, 1] }, { indices: [2, 3, 6], values: [0.75, 1, 1] }, { indices: [5, 7], values: [1.5, -1] },
  ];
  /** The kinds of data that draw pairs, with the rows of the better and of the worse sides in epoch 2. */
  interface Drawn {
    readonly dataset: Dataset;
    readonly better: readonly Row[];
    readonly worse: readonly Row[];
  }

  function grouped(loss: PairwiseLoss): Drawn {
    const [targets, groups] = [Float32Array.of(2, 1, 3, 0), new Uint32Array(4)];
    const source = new GroupedRows("test: ", { loss, seed: 5, pairsPerRow: 1 }, { x: matrix(ROWS), targets, groups, weights: null });
    const pairs = new PairSampler(targets, groups, 1, 5);
    expect(pairs.count).toBe(3);
    const all = [0, 1, 2];
    return { dataset: datasetOf(source, N), better: all.map((p) => ROWS[pairs.better(p)]), worse: all.map((p) => ROWS[pairs.worse(p, 2)]) };
  }

  function events(loss: PairwiseLoss): Drawn {
    const contexts = [ROWS[0], ROWS[1], ROWS[0]];
    const items = ROWS.slice(2); // they share features 3 and 5 with the contexts
    const itemOf = Uint32Array.of(0, 0, 1);
    const given = { contexts: matrix(contexts), itemOf, users: null };
    const source = new Events("test: ", loss, given, new Catalog(matrix(items), "items"), { negatives: 1, popularity: 0, seed: 5 }, () => undefined);
    return {
      dataset: datasetOf(source, N),
      better: contexts.map((context, event) => join(context, items[itemOf[event]])),
      worse: contexts.map((context, event) => join(context, items[1 - itemOf[event]])), // of two items the negative is the other
    };
  }

  for (const [name, make] of [["grouped rows", grouped], ["events", events]] as const) {
    for (const loss of PAIRWISE) {
      it(`of ${name}, with batch norm over both sides, are central differences of the float64 reference: ${loss}`, () => {
        const options = { numFeatures: N, embeddingDim: K, layers: LAYERS, loss, initStd: 0.5, seed: 5 };
        const { trainer, parameters } = makeTrainer({ ...options, optimizer: new SGD({ learningRate: 0 }) });
        const next = numbers(12);
        const reference: Tensors = new Map();
        for (const { name: tensor, value, transposed } of parameters.all) {
          const [low, high] = /running|norms.*weight/.test(tensor) ? [0.5, 1.5] : [-1, 1];
          for (let i = 0; i < value.rows; i++) for (let j = 0; j < value.cols; j++) value.data[i * value.stride + j] = next(low, high);
          reference.set(tensor, Float64Array.from(toPacked(value, transposed)));
        }
        const { dataset, better, worse } = make(lossByName(loss) as PairwiseLoss);
        const watched = watch(dataset);
        trainer.record.epochs = 1; // this is epoch 2
        // Two of the three pairs, in another order.
        const got = trainer.step(watched.dataset, Uint32Array.of(2, 0, 1), 0, 2);
        const rows = [better[2], better[0], worse[2], worse[0]];
        const literal = (): number => batchLoss(loss, referenceScores(reference, K, STEPS, rows, true), [], null);
        expect(Math.abs(got - literal())).toBeLessThan(1e-5);
        expect(got).toBeGreaterThan(0.01);
        const { touched, touchedCount } = watched.batch();
        expect(new Set(touched.subarray(0, touchedCount))).toEqual(new Set(rows.flatMap(({ indices }) => indices)));
        for (const [tensor, gradient] of gradientsOf(trainer, watched.batch())) {
          const expected = differences(reference.get(tensor)!, literal);
          const largest = Math.max(...expected.map(Math.abs));
          expect(gradient.length).toBe(expected.length);
          expected.forEach((slope, i) => {
            // As in gradients.test.ts: float32 against float64 through batch norm, and terms of order 1 that cancel.
            expect(Math.abs(gradient[i] - slope), `${tensor}[${i}]: ${gradient[i]}, not ${slope}`).toBeLessThanOrEqual(1e-3 * Math.abs(slope) + 1e-5 * largest + 2e-6);
          });
          if (tensor === "hidden.0.weight" || tensor === "embedding.weight") expect(largest).toBeGreaterThan(1e-3);
        }
      });
    }
  }

  it("of a difference of +-100 are the loss's own, however close to 0 or 1", () => {
    const tail = 3.720075976020836e-44; // e^-100
    const margin = maxMargin();
    expect([bpr.gradient(-100), margin.gradient(-100), margin.gradient(100)]).toEqual([-1, -1, 0]);
    expect(bpr.gradient(100) / -tail).toBeCloseTo(1, 12);
    expect([bpr.value(-100), margin.value(-100), margin.value(100)]).toEqual([100, 101, 0]);
    expect(bpr.value(100) / tail).toBeCloseTo(1, 12);
  });

  it("of a difference of +-100 reach the parameters of a real step", async () => {
    // Feature 0 has weight 100. Features 1 and 2 have weight 0 and stand in the better and the worse row: their weights
    // after a step of rate 1 are the gradient itself, in 32 bits, where e^-100 is a subnormal number.
    const make: PointwiseLoss = { kind: "pointwise", name: "make", value: () => 0, gradient: () => -100 };
    const heavy = new NFM({ embeddingDim: 1, hiddenUnits: [], initStd: 0, numFeatures: 3, loss: make, optimizer: new SGD({ learningRate: 1 }) });
    heavy.partialFit([{ indices: [0] }], [0]);
    expect(values(heavy, "linear.weight")).toEqual([100, 0, 0]);
    const x: Rows = [{ indices: [0, 1] }, { indices: [2] }];
    const tail = Math.fround(3.720075976020836e-44);
    expect(tail).toBeGreaterThan(0);
    for (const backend of ["js", "wasm"] as const) {
      const fitted = async (loss: "bpr" | "max-margin", y: readonly number[]): Promise<number[]> => {
        const model = new NFM({ embeddingDim: 1, hiddenUnits: [], initStd: 0, loss, backend, optimizer: new SGD({ learningRate: 1 }) }).initFrom(heavy);
        await model.fit(x, y, { groups: ["one", "one"], epochs: 1 });
        return values(model, "linear.weight");
      };
      expect(await fitted("bpr", [0, 1])).toEqual([99, -1, 1]);
      expect(await fitted("max-margin", [0, 1])).toEqual([99, -1, 1]);
      expect(await fitted("bpr", [1, 0])).toEqual([100, tail, -tail]);
      expect(await fitted("max-margin", [1, 0])).toEqual([100, 0, 0]);
    }
  });
});

describe("errors", () => {
  const { maps, y, groups } = DATA;
  const held = { x: maps.slice(0, 20), y: y.slice(0, 20), groups: groups.slice(0, 20) };
  const cases: [what: string, y: ArrayLike<number>, options: object, error: Error][] = [
    ["groups of another length", y, { groups: groups.slice(1) }, new RangeError("fit: groups.length must be the number of rows of x (90), got 89")],
    ["NaN among groups", y, { groups: groups.map((_, i) => (i === 4 ? NaN : 1)) }, new RangeError("fit: groups[4] must be an id: a string or a finite number, got NaN")],
    ["a field that rows do not have", y, { groups: "quarry" }, new TypeError("fit: x[0].quarry must be an id, a string (the option groups names another field, or lists ids), got undefined")],
    ["a field of numbers", y, { groups: "price" }, new TypeError("fit: x[0].price must be a string: write String(id), for a number is a value and names no feature of its own, got 0.")],
    ["null for groups", y, { groups: null }, new TypeError("fit: groups must be the name of a field, or an array of ids, got null")],
    ["no array of groups", y, { groups: 5 }, new TypeError("fit: groups must be the name of a field, or an array of ids, got 5")],
    ["an object among groups", y, { groups: groups.map(() => ({})) }, new TypeError("fit: groups[0] must be an id: a string or a number, got object with keys (none)")],
    ["no groups", y, {}, new Error("fit: the bpr loss is pairwise; pass groups, or use fitPairs, or another loss")],
    ["a label of NaN", y.map((label, i) => (i === 7 ? NaN : label)), { groups }, new RangeError("fit: y[7] must be finite (in 32 bits), got NaN")],
    ["an infinite label", y.map((label, i) => (i === 7 ? -Infinity : label)), { groups }, new RangeError("fit: y[7] must be finite (in 32 bits), got -Infinity")],
    ["sample weights", y, { groups, sampleWeight: y.map(() => 1) }, new TypeError("fit: sampleWeight weighs rows, and the bpr loss compares pairs; leave it out")],
    ["no pair for a row", y, { groups, pairsPerRow: 0 }, new RangeError("fit: pairsPerRow must be an integer from 1 to 65536, got 0")],
    ["a pair and a half", y, { groups, pairsPerRow: 1.5 }, new RangeError("fit: pairsPerRow must be an integer from 1 to 65536, got 1.5")],
    ["pairs in words", y, { groups, pairsPerRow: "4" }, new TypeError('fit: pairsPerRow must be an integer, got "4"')],
    ["a misspelt option", y, { group: groups }, new TypeError('fit has no option "group"; it has epochs')],
    ["validation without groups", y, { groups, validation: { x: held.x, y: held.y } }, new TypeError("fit: validation.groups is needed: the bpr loss compares rows within a group; pass groups, or use fitPairs")],
    ["the same with metrics", y, { groups, validation: { x: held.x, y: held.y }, metrics: ["mrr"] }, new TypeError('fit: "mrr" needs to know which rows are ranked together; pass validation.groups as well')],
    ["validation groups of another length", y, { groups, validation: { ...held, groups: [1] } }, new RangeError("fit: validation.groups.length must be the number of rows of x (20), got 1")],
    ["validation without a pair", y, { groups, validation: { ...held, y: held.y.map(() => 3) } }, new RangeError("fit: validation.groups must have two rows of different labels in some group, got none in")],
    ["a misspelt option of validation", y, { groups, validation: { ...held, group: [1] } }, new TypeError('fit: validation has no option "group"; it has x, y, groups')],
    ["a share that is every group", y, { groups: y.map(() => "one"), validation: 0.5 }, new RangeError("fit: validation must be a share that leaves groups to train on (of 1), got 0.5")],
    ["no two labels that differ", y.map(() => 2), { groups }, new RangeError("fit: groups must have two rows of different labels in some group, got none in 11 groups")],
    ["a metric that the labels cannot give", y, { groups, validation: 0.3, metrics: ["auc"] }, new RangeError("fit: y[")],
  ];

  it.each(cases.map(([what, labels, options, error]) => ({ what, labels, options, error })))("$what", async ({ labels, options, error }) => {
    const model = new NFM({ ...SMALL, loss: "bpr" });
    await model.fit(maps, y, { groups, epochs: 1 });
    const [before, history] = [bytes(model), model.history];
    const thrown: unknown = await model.fit(maps, labels, options).then(() => expect.fail("it did not reject"), (reason: unknown) => reason);
    expect(thrown).toBeInstanceOf(error.constructor);
    expect((thrown as Error).message).toContain(error.message);
    expect(bytes(model)).toEqual(before);
    expect(model.history).toBe(history);
    await model.fit(maps, y, { groups, epochs: 1, resume: true });
    const unbothered = NFM.load(before);
    await unbothered.fit(maps, y, { groups, epochs: 1, resume: true });
    expect(bytes(model)).toEqual(bytes(unbothered));
  });

  it("of fitPairs, which has no groups, change nothing", async () => {
    const model = new NFM({ ...SMALL, loss: "bpr" });
    await model.fitPairs(maps.slice(0, 45), maps.slice(45), { epochs: 1 });
    const before = bytes(model);
    for (const [key, value] of Object.entries({ groups: groups.slice(45), pairsPerRow: 2 })) {
      await expect(model.fitPairs(maps.slice(0, 45), maps.slice(45), { [key]: value })).rejects.toThrow(new RegExp(`^fitPairs has no option "${key}"; it has epochs`));
    }
    await expect(model.fitPairs(maps.slice(0, 45), maps.slice(45), { validation: held })).rejects.toThrow('fitPairs: validation has no option "x"; it has positives, negatives');
    expect(bytes(model)).toEqual(before);
    await model.fitPairs(maps.slice(0, 45), maps.slice(45), { epochs: 1, resume: true });
    expect(bytes(model)).not.toEqual(before);
  });

  it("in a step leave the model as after the last good epoch", async () => {
    let calls = 0;
    const bad: PairwiseLoss = { ...bpr, name: "bad", value: (difference) => (++calls > 400 ? NaN : bpr.value(difference)) };
    const model = new NFM({ ...SMALL, loss: bad });
    const files: Uint8Array[] = [];
    await expect(model.fit(maps, y, { groups, epochs: 9, batchSize: 16, onEpoch: () => void files.push(bytes(model)) })).rejects.toThrow(/^fit: the loss became NaN in epoch \d, batch/);
    expect(files.length).toBeGreaterThan(0);
    expect(bytes(model)).toEqual(files[files.length - 1]);
  });
});

describe("evaluate without groups", () => {
  it("refuses a pairwise loss whose labels can give nothing else", () => {
    const model = new NFM({ numFeatures: 3, loss: "bpr" });
    const rows = [0, 1, 2].map((i) => ({ indices: [i] }));
    expect(() => model.evaluate(rows, [0, 1, 2])).toThrow("evaluate: the bpr loss ranks rows within groups; pass groups, or metrics that these labels can give");
    expect(Object.keys(model.evaluate(rows, [0, 1, 1]))).toEqual(["auc"]);
    expect(Object.keys(model.evaluate(rows, [0, 1, 2], { groups: ["q", "q", "q"] }))).toEqual(["ndcg@10", "group-auc"]);
  });
});

describe("what a review found", () => {
  const rows = Array.from({ length: 201 }, (_, i) => ({ indices: i === 200 ? Array.from({ length: 500 }, (_, f) => 300 + f) : [i, 201 + (i % 7)] }));
  const x = CSRMatrix.fromRows(rows, 800);

  it("a long row may be drawn for every pair of a batch: memory grows by need, and no bit moves", async () => {
    const options = { embeddingDim: 3, hiddenUnits: [4], loss: "bpr", seed: 4, numFeatures: 800 } as const;
    const labels = rows.map((_, i) => (i === 200 ? 0 : 1));
    const drawn = new NFM(options);
    await drawn.fit(x, labels, { groups: rows.map(() => "q"), pairsPerRow: 1, epochs: 2 });
    const literal = new NFM(options);
    await literal.fitPairs(x.slice(0, 200), x.take(new Array(200).fill(200)), { epochs: 2 });
    for (const name of ["embedding.weight", "hidden.0.weight", "norms.0.running_var"]) expect(drawn.tensor(name)).toEqual(literal.tensor(name));
  });

  it("pairsPerRow is refused for a loss of single rows, and holes in lists of metrics are named", async () => {
    const y = rows.map((_, i) => i % 2);
    await expect(new NFM().fit(x, y, { pairsPerRow: 3 })).rejects.toThrow("fit: pairsPerRow draws pairs, and the squared loss takes rows one by one; leave it out");
    const model = new NFM({ numFeatures: 800 });
    const holes = new Array<"auc">(1);
    expect(() => model.evaluate(x, y, { metrics: holes })).toThrow(/^evaluate: metrics\[0\] must be one of .*, got undefined$/);
  });
});
