// How training goes: the same seed gives the same bits, every row once per epoch, optimizers by hand-computed steps,
// resuming, early stopping, and what a model is left as when a fit stops, is aborted or fails.

import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { buildSync } from "esbuild";
import { describe, expect, it, vi } from "vitest";
import * as library from "../src/index.ts";
import {
  Adagrad, CSRMatrix, NFM, SGD, type BatchEvent, type FitOptions, type Layer, type Metric, type NFMOptions, type PointwiseLoss,
} from "../src/index.ts";
import { readSafetensors } from "../src/model/safetensors.ts";
import { numbers } from "./reference.ts";

const f = Math.fround;
const N = 12;

/** Ragged rows with real values, and labels that depend on them, noisily. */
function dataset(rows: number, seed: number = 1, cols: number = N): { x: CSRMatrix; y: number[] } {
  const next = numbers(seed);
  const lists = Array.from({ length: rows }, () => {
    const first = Math.floor(next(0, cols));
    return [0, 1, 2].map((p) => [(first + p * 3) % cols, next() < 0.5 ? 1 : f(next(0.5, 1.5))] as const);
  });
  return { x: CSRMatrix.fromRows(lists, cols), y: lists.map(([[i], [j]]) => (i % 4) - (j % 3) + next(-0.5, 0.5)) };
}

const digest = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");
const all = (model: NFM): string => digest(model.save({ optimizer: true }));
const values = (model: NFM, name: string): number[] => Array.from(model.tensor(name).data);
const tensorNames = (model: NFM): string[] => [...readSafetensors(model.save()).tensors.keys()];

/** The optimizer's state of a tensor. */
function state(model: NFM, name: string): number[] {
  return Array.from(readSafetensors(model.save({ optimizer: true })).tensors.get(`optimizer.${name}`)!.data);
}

/** Every element finite, read from memory: a file that holds NaN could not be loaded. */
function expectFinite(model: NFM, names: readonly string[]): void {
  for (const name of names) expect(model.tensor(name).data.every((value) => Number.isFinite(value)), name).toBe(true);
}

const SMALL: NFMOptions = { embeddingDim: 5, hiddenUnits: [4], seed: 7 };
/** A factorization machine without dropout whose parameters all start at zero. */
const BLANK: NFMOptions = { embeddingDim: 2, hiddenUnits: [], dropout: { biInteraction: 0 }, initStd: 0, numFeatures: 4 };

const square = (score: number, target: number): number => (score - target) ** 2;

/** A loss of one's own. */
function ownLoss(value: PointwiseLoss["value"], gradient: PointwiseLoss["gradient"] = (score, target) => score - target): PointwiseLoss {
  return { kind: "pointwise", name: "own", value, gradient };
}

/** A loss whose gradient is always `gradient`, and whose value is the target. */
const constant = (gradient: number): PointwiseLoss => ownLoss((_, target) => target, () => gradient);

/** Records the targets in the order in which training looks at them. */
function spyLoss(seen: number[]): PointwiseLoss {
  return ownLoss((score, target) => {
    seen.push(target);
    return square(score, target);
  }, (score, target) => 1e-3 * (score - target));
}

async function fit(options: NFMOptions = SMALL, fitOptions: FitOptions = {}, { x, y } = dataset(50)): Promise<NFM> {
  const model = new NFM(options);
  await model.fit(x, y, { epochs: 3, batchSize: 16, ...fitOptions });
  return model;
}

/** Runs a model through everything random; self-contained, because another process runs its source text. */
async function recipe({ NFM, CSRMatrix }: Pick<typeof library, "NFM" | "CSRMatrix">): Promise<Uint8Array> {
  const row = (i: number): [number, number][] => [[i % 11, 1], [11 + (i * 5) % 13, 0.1 * ((i % 7) + 1)], [24 + (i % 3), 1]];
  const lists = Array.from({ length: 70 }, (_, i) => row(i));
  const x = CSRMatrix.fromRows(lists, 27);
  const model = new NFM({ embeddingDim: 9, hiddenUnits: [8, 5], activation: "tanh", loss: "log", seed: 12345678901 });
  await model.fit(x, lists.map((_, i) => (i * i) % 2), { epochs: 4, batchSize: 16, validation: 0.2 });
  return model.save({ optimizer: true });
}

describe("the same seed gives the same bits", () => {
  it("from fit to fit, on one model or another, whatever happened in between", async () => {
    const first = all(await fit());
    Math.random();
    await fit({ ...SMALL, seed: 99, hiddenUnits: [9, 9] }, {}, dataset(90, 4));
    for (let i = 0; i < 10; i++) Math.random();
    const again = await fit();
    expect(all(again)).toBe(first);
    const { x, y } = dataset(50);
    await again.fit(x, y, { epochs: 3, batchSize: 16 });
    expect(all(again)).toBe(first);
    again.partialFit(x, y);
    expect(all(again)).not.toBe(first);
    await again.fit(x, y, { epochs: 3, batchSize: 16 });
    expect(all(again)).toBe(first);
  });

  it("of two fits that run at the same time, and beside predictions", async () => {
    const alone = all(await fit(SMALL, {}, dataset(3000)));
    const { x, y } = dataset(3000);
    const [one, other] = [new NFM(SMALL), new NFM({ ...SMALL, seed: 8 })];
    let done = false;
    let predictions = 0;
    const run = { epochs: 3, batchSize: 16 };
    const fits = Promise.all([one.fit(x, y, { ...run, onBatch: () => void one.predict(x.row(0)) }), other.fit(x, y, run)]);
    void fits.finally(() => { done = true; });
    while (!done) {
      await new Promise((resolve) => setImmediate(resolve));
      if (other.numFeatures === 0) continue; // not yet laid out
      other.predict(x.slice(0, 5));
      predictions++;
    }
    await fits;
    expect(predictions).toBeGreaterThan(0);
    expect(all(one)).toBe(alone);
    expect(all(other)).not.toBe(alone);
  });

  it("on either backend", async () => {
    for (const activation of ["relu", "tanh", "sigmoid"] as const) {
      for (const optimizer of [new Adagrad(), new SGD({ learningRate: 0.05, momentum: 0.9 })]) {
        const options = { embeddingDim: 7, hiddenUnits: [9, 5], activation, optimizer, l2: { embedding: 1e-3, hidden: 1e-3 }, seed: 4 };
        const [plain, simd] = [await fit({ ...options, backend: "js" }), await fit({ ...options, backend: "wasm" })];
        expect([plain.backend, simd.backend]).toEqual(["js", "wasm"]);
        expect(simd.save({ optimizer: true })).toEqual(plain.save({ optimizer: true }));
      }
    }
  });

  it("in another process", async () => {
    const folder = mkdtempSync(join(tmpdir(), "neural-fm-"));
    try {
      const script = join(folder, "recipe.mjs");
      const entry = fileURLToPath(new URL("../src/index.ts", import.meta.url));
      buildSync({ entryPoints: [entry], bundle: true, format: "esm", platform: "node", target: "es2022", outfile: join(folder, "index.mjs") });
      writeFileSync(script, `
        import { createHash } from "node:crypto";
        import * as library from "./index.mjs";
        ${recipe.toString()}
        process.stdout.write(createHash("sha256").update(await recipe(library)).digest("hex"));
      `);
      const theirs = execFileSync(process.execPath, [script], { encoding: "utf8" });
      expect(theirs).toBe(digest(await recipe(library)));
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it("another seed differs: in initial values, order and masks", async () => {
    const initial = (seed: number): number[] => values(new NFM({ ...SMALL, numFeatures: N, seed }), "embedding.weight");
    expect(initial(1)).not.toEqual(initial(2));
    expect(initial(1)).not.toEqual(initial(1 + 2 ** 32));
    const orders = await Promise.all([1, 2].map(async (seed) => {
      const seen: number[] = [];
      await fit({ ...BLANK, numFeatures: N, seed, loss: spyLoss(seen) }, { epochs: 1 });
      return seen;
    }));
    expect(orders[0]).not.toEqual(orders[1]);
    const { x, y } = dataset(20);
    const masked = [1, 2].map((seed) => {
      const model = NFM.load(new NFM({ ...SMALL, hiddenUnits: [], numFeatures: N, initStd: 1, batchNorm: false, seed: 1 }).save());
      const reseeded = NFM.load(withSeed(model.save(), seed));
      reseeded.partialFit(x, y);
      return values(reseeded, "embedding.weight");
    });
    expect(masked[0]).not.toEqual(masked[1]);
  });

  /** The same file with another one-digit seed in its config. */
  function withSeed(bytes: Uint8Array, seed: number): Uint8Array {
    const text = Buffer.from(bytes).toString("latin1").replace(/(\\"seed\\":)\d/, `$1${seed}`);
    return new Uint8Array(Buffer.from(text, "latin1"));
  }
});

describe("initial values", () => {
  const weights = (options: NFMOptions): Float32Array => new NFM({ embeddingDim: 6, seed: 3, ...options }).tensor("embedding.weight").data;

  it("of a feature depend on seed and index alone: not on the number of features, nor on other layers", () => {
    const few = weights({ numFeatures: 10 });
    expect(weights({ numFeatures: 1000 }).slice(0, 60)).toEqual(few);
    expect(weights({ numFeatures: 10, hiddenUnits: [], loss: "log" })).toEqual(few);
    expect(new Set(few).size).toBe(60);
  });

  it("of embeddings are N(0, initStd), of layers N(0, 2 / (in + out)); w0 and w are 0, norms 1 and 0", () => {
    const model = new NFM({ embeddingDim: 40, hiddenUnits: [2000], numFeatures: 2000, initStd: 0.03, seed: 11 });
    const expectNormal = (name: string, std: number): void => {
      const { data } = model.tensor(name);
      const moment = (p: number): number => data.reduce((sum, value) => sum + (value / std) ** p, 0) / data.length;
      // Four standard errors of the moments of a normal sample: 1, 2, 15 and 96 are the variances of x^1 .. x^4.
      [[1, 0, 1], [2, 1, 2], [3, 0, 15], [4, 3, 96]].forEach(([p, mean, variance]) => {
        expect(Math.abs(moment(p) - mean), `${name}, moment ${p}`).toBeLessThan(4 * Math.sqrt(variance / data.length));
      });
    };
    expectNormal("embedding.weight", 0.03);
    expectNormal("hidden.0.weight", Math.sqrt(2 / 2040));
    expectNormal("hidden.0.bias", Math.sqrt(2 / 2040));
    expectNormal("output.weight", Math.sqrt(2 / 2001));
    for (const name of ["bias", "linear.weight", "norms.0.bias", "norms.1.running_mean"]) expect(new Set(values(model, name))).toEqual(new Set([0]));
    for (const name of ["norms.0.weight", "norms.1.running_var"]) expect(new Set(values(model, name))).toEqual(new Set([1]));
  });
});

describe("an epoch", () => {
  const rows = 23;
  const { x } = dataset(rows, 2);
  const ids = Array.from({ length: rows }, (_, i) => i);

  async function watch(options: FitOptions): Promise<{ epochs: number[][]; batches: BatchEvent[] }> {
    const seen: number[] = [];
    const batches: BatchEvent[] = [];
    const model = new NFM({ ...BLANK, numFeatures: N, loss: spyLoss(seen) });
    await model.fit(x, ids, { epochs: 3, batchSize: 5, onBatch: (event) => void batches.push(event), ...options });
    return { epochs: Array.from({ length: seen.length / rows }, (_, e) => seen.slice(e * rows, (e + 1) * rows)), batches };
  }

  it("visits every row once, the short last batch included, in a new order each time", async () => {
    const { epochs } = await watch({});
    expect(epochs.length).toBe(3);
    for (const order of epochs) expect([...order].sort((a, b) => a - b)).toEqual(ids);
    expect(new Set(epochs.map(String)).size).toBe(3);
    for (const order of epochs) expect(order).not.toEqual(ids);
  });

  it("visits rows as they stand without shuffle", async () => {
    expect((await watch({ shuffle: false })).epochs).toEqual([ids, ids, ids]);
  });

  it("reports every batch with its loss to onBatch", async () => {
    const { epochs, batches } = await watch({});
    const expected = [1, 2, 3].flatMap((epoch) => [1, 2, 3, 4, 5].map((batch) => [epoch, batch, 5]));
    expect(batches.map(({ epoch, batch, batches: of }) => [epoch, batch, of])).toEqual(expected);
    const first = epochs[0].slice(0, 5); // all scores are 0 before the first step
    expect(batches[0].loss).toBeCloseTo(first.reduce((sum, id) => sum + id * id, 0) / 5, 10);
  });

  it("takes one batch where batchSize exceeds the rows, and batches of one", async () => {
    expect((await watch({ batchSize: 1000 })).batches.map(({ batches }) => batches)).toEqual([1, 1, 1]);
    expect((await watch({ batchSize: 1, epochs: 1 })).batches.length).toBe(rows);
  });

  it("has the mean loss over its rows, each counted once", async () => {
    const model = new NFM({ ...BLANK, numFeatures: N, loss: constant(0) });
    const { epochs } = await model.fit(x, ids, { epochs: 2, batchSize: 5 });
    for (const { loss } of epochs) expect(loss).toBeCloseTo(11, 10);
  });

  it("gives each layer the rows of its batch", async () => {
    const sizes: number[] = [];
    const spy: Layer = {
      type: "spy",
      shape: (inputDim) => ({ outputDim: inputDim }),
      forward: ({ x: from, y: to, rows: count }) => { sizes.push(count); to.data.set(from.data.subarray(0, count * from.stride)); },
      backward: ({ dX, dY, rows: count }) => dX.data.set(dY.data.subarray(0, count * dY.stride)),
    };
    await new NFM({ embeddingDim: 3, layers: [spy] }).fit(x, ids, { epochs: 1, batchSize: 9 });
    expect(sizes).toEqual([9, 9, 5]);
  });

  it("of pairs visits every pair once, positives with their own negatives", async () => {
    const seen: number[] = [];
    const own: library.PairwiseLoss = { kind: "pairwise", name: "own", value: (d) => { seen.push(d); return d; }, gradient: () => 0 };
    const one = (i: number): readonly [number, number][] => [[0, i + 1]];
    const model = NFM.load(linear([1, 0]).save(), { loss: own });
    const [positives, negatives] = [ids.map((i) => one(100 * i)), ids.map((i) => one(99 * i))].map((lists) => CSRMatrix.fromRows(lists, 2));
    await model.fitPairs(positives, negatives, { epochs: 1, batchSize: 5, resume: true });
    expect([...seen].sort((a, b) => a - b)).toEqual(ids);
    expect(seen).not.toEqual(ids);
  });
});

/** A factorization machine with these linear weights: one SGD step of rate 1 on one row per feature under a loss made for it. */
function linear(w: readonly number[]): NFM {
  const make: PointwiseLoss = { kind: "pointwise", name: "make", value: () => 0, gradient: (_, target) => -target * w.length };
  const model = new NFM({ ...BLANK, numFeatures: w.length, loss: make, optimizer: new SGD({ learningRate: 1 }) });
  model.partialFit(CSRMatrix.fromDense(w.map((_, i) => w.map((__, j) => (i === j ? 1 : 0)))), w);
  return model;
}

it("dropout masks change from step to step, and come back with the seed", () => {
  const { x, y } = dataset(20);
  const losses = [1, 2].map(() => {
    const model = new NFM({ ...SMALL, hiddenUnits: [], initStd: 1, optimizer: new SGD({ learningRate: 0 }) });
    return [1, 2, 3].map(() => model.partialFit(x, y));
  });
  expect(new Set(losses[0]).size).toBe(3);
  expect(losses[1]).toEqual(losses[0]);
});

describe("optimizers", () => {
  const rows = (...lists: (readonly (readonly [number, number])[])[]): CSRMatrix => CSRMatrix.fromRows(lists, 4);

  it("Adagrad takes one update per touched feature and batch, with the gradients of its rows summed", () => {
    // Scores are 0 and labels -1, so dScore = 2 (0 + 1) / 2 = 1 per row. Feature 0: g = 1 + 1 = 2, G = 12 + 4, step 2 / 4.
    // Feature 1, value 2 in one row: the same. Feature 2, value 4: g = 4, G = 12 + 16, step 4 / sqrt(28).
    const model = new NFM({ ...BLANK, optimizer: new Adagrad({ learningRate: 1, initialAccumulator: 12 }) });
    expect(model.partialFit(rows([[0, 1], [1, 2]], [[0, 1], [2, 4]]), [-1, -1])).toBe(1);
    expect(values(model, "linear.weight")).toEqual([-0.5, -0.5, -f(4 / f(Math.sqrt(28))), 0]);
    expect(state(model, "linear.weight")).toEqual([16, 16, 28, 12]);
    expect(values(model, "bias")).toEqual([-0.5]);
    // Second step, feature 3 alone: score = w0 = -0.5; g = 2 (-0.5 - 5.5) = -12, G = 12 + 144, w3 += 12 / sqrt(156).
    model.partialFit(rows([[3, 1]]), [5.5]);
    expect(values(model, "linear.weight").slice(0, 3)).toEqual([-0.5, -0.5, -f(4 / f(Math.sqrt(28)))]);
    expect(values(model, "linear.weight")[3]).toBe(f(12 / f(Math.sqrt(156))));
    expect(state(model, "linear.weight")).toEqual([16, 16, 28, 156]);
    expect(values(model, "bias")[0]).toBe(f(-0.5 + f(12 / f(Math.sqrt(160)))));
  });

  it("fit takes the same steps, batch after batch", async () => {
    const model = new NFM({ ...BLANK, loss: constant(1), optimizer: new Adagrad({ learningRate: 1, initialAccumulator: 3 }) });
    await model.fit(rows([[0, 1]], [[0, 1]], [[0, 1], [1, 1]]), [0, 0, 0], { epochs: 2, batchSize: 2, shuffle: false });
    // Batches {0, 0} and {0, 1} in each epoch: feature 0 has g = 1 in all four (1/2 + 1/2, then 1 / 1), feature 1 in two.
    const steps = (n: number): number => Array.from({ length: n }, (_, i) => 4 + i).reduce((w, g) => f(w - f(1 / f(Math.sqrt(g)))), 0);
    expect(values(model, "linear.weight")).toEqual([steps(4), steps(2), 0, 0]);
    expect(state(model, "linear.weight")).toEqual([7, 5, 3, 3]);
  });

  it("a coordinate with zero gradient does not move, though its feature is touched", () => {
    for (const optimizer of [new Adagrad({ initialAccumulator: 1e-8 }), new SGD({ learningRate: 0.5, momentum: 0.9 })]) {
      const model = new NFM({ ...BLANK, initStd: 1, optimizer });
      const before = values(model, "embedding.weight");
      for (let i = 0; i < 5; i++) model.partialFit(rows([[0, 1]], [[1, -2]], [[3, 1.5]]), [1, 2, 3]); // one feature has no pairs
      expect(values(model, "embedding.weight")).toEqual(before);
      expect(values(model, "linear.weight").map((w) => w !== 0)).toEqual([true, true, false, true]);
    }
  });

  it("rows that no batch touches never move, not even with L2 and momentum", async () => {
    const { x, y } = dataset(40, 3, 6);
    const touching = { ...SMALL, numFeatures: N, l2: { embedding: 0.1, linear: 0.1, hidden: 0.1 } };
    for (const optimizer of [new Adagrad(), new SGD({ learningRate: 0.01, momentum: 0.9 })]) {
      const initial = new NFM(touching);
      const model = new NFM({ ...touching, optimizer });
      await model.fit(x, y, { epochs: 3, batchSize: 8 });
      for (const [name, width] of [["embedding.weight", 5], ["linear.weight", 1]] as const) {
        expect(values(model, name).slice(6 * width)).toEqual(values(initial, name).slice(6 * width));
        expect(values(model, name).slice(0, 6 * width)).not.toEqual(values(initial, name).slice(0, 6 * width));
        expect(new Set(state(model, name).slice(6 * width)).size).toBe(1);
      }
    }
  });

  it("L2 adds lambda theta to the gradient of touched rows and weight matrices, and of nothing else", () => {
    const model = new NFM({
      embeddingDim: 3, hiddenUnits: [4], numFeatures: 4, initStd: 1, loss: constant(0), optimizer: new SGD({ learningRate: 0.5 }),
      l2: { embedding: 0.25, linear: 0.5, hidden: 0.125 },
    });
    const start = NFM.load(model.save(), { loss: "squared", optimizer: new SGD({ learningRate: 0.1 }) });
    start.partialFit(rows([[0, 1], [1, 1], [2, 3], [3, 1]]), [5]); // so that no linear weight is 0
    const loaded = NFM.load(start.save(), { loss: constant(0), optimizer: new SGD({ learningRate: 0.5 }) });
    loaded.partialFit(rows([[0, 1], [2, 1]], [[2, 3]]), [0, 0]);
    const decayed = (name: string, lambda: number, touched: (i: number) => boolean): void => {
      const [before, after] = [values(start, name), values(loaded, name)];
      expect(before.every((v) => v !== 0), name).toBe(true);
      expect(after, name).toEqual(before.map((theta, i) => (touched(i) ? f(theta - f(0.5 * f(lambda * theta))) : theta)));
    };
    const isTouched = (feature: number): boolean => feature === 0 || feature === 2;
    decayed("embedding.weight", 0.25, (i) => isTouched(Math.floor(i / 3)));
    decayed("linear.weight", 0.5, isTouched);
    decayed("hidden.0.weight", 0.125, () => true);
    decayed("output.weight", 0.125, () => true);
    decayed("hidden.0.bias", 0, () => false);
    for (const name of ["bias", "norms.0.weight", "norms.0.bias", "norms.1.weight"]) expect(values(loaded, name)).toEqual(values(start, name));
  });

  it("L2 enters Adagrad's sum of squares: it is part of the gradient, before the update", () => {
    const model = new NFM({ ...BLANK, l2: { linear: 0.5 }, loss: constant(2), optimizer: new Adagrad({ learningRate: 2, initialAccumulator: 12 }) });
    model.partialFit(rows([[0, 1]]), [0]); // g = 2, G = 12 + 4, w = -2 * 2 / 4
    expect([values(model, "linear.weight")[0], state(model, "linear.weight")[0]]).toEqual([-1, 16]);
    model.partialFit(rows([[0, 1]]), [0]); // g = 2 - 0.5, G = 16 + 2.25, w = -1 - 2 * 1.5 / sqrt(18.25)
    expect([values(model, "linear.weight")[0], state(model, "linear.weight")[0]]).toEqual([f(-1 - f(3 / f(Math.sqrt(18.25)))), 18.25]);
  });

  it("SGD with momentum keeps v = momentum v + g per feature, resting while the feature is not touched", () => {
    const model = new NFM({ ...BLANK, loss: constant(1), optimizer: new SGD({ learningRate: 0.5, momentum: 0.5 }) });
    model.partialFit(rows([[0, 1], [1, 1]]), [0]); // v = 1
    model.partialFit(rows([[0, 1]]), [0]); // v0 = 1.5
    model.partialFit(rows([[0, 1], [1, 1]]), [0]); // v0 = 1.75, v1 = 1.5
    expect(values(model, "bias")).toEqual([-0.5 - 0.75 - 0.875]);
    expect(values(model, "linear.weight")).toEqual([-2.125, -1.25, 0, 0]);
    expect(state(model, "linear.weight")).toEqual([1.75, 1.5, 0, 0]);
  });

  it("plain SGD keeps no state", () => {
    const model = new NFM({ ...BLANK, loss: constant(1), optimizer: new SGD({ learningRate: 0.25 }) });
    model.partialFit(rows([[0, 1], [1, -3]]), [0]);
    model.partialFit(rows([[0, 2]]), [0]);
    expect(values(model, "linear.weight")).toEqual([-0.75, 0.75, 0, 0]);
    expect([...readSafetensors(model.save({ optimizer: true })).tensors.keys()].some((name) => name.startsWith("optimizer."))).toBe(false);
  });

  it("w0 does not move in pairwise training, to the last bit", async () => {
    const { x, y } = dataset(60, 5);
    const start = new NFM({ ...SMALL, numFeatures: N, optimizer: new SGD({ learningRate: 0.1 }) });
    start.partialFit(x, y);
    const bias = values(start, "bias");
    expect(bias[0]).not.toBe(0);
    for (const loss of ["bpr", "max-margin"] as const) {
      for (const optimizer of [new Adagrad(), new SGD({ learningRate: 0.05, momentum: 0.9 })]) {
        const model = NFM.load(start.save(), { loss, optimizer });
        for (let i = 0; i < 100; i++) model.partialFitPairs(x.slice(i % 30, 30), x.slice(30 + (i % 30)));
        await model.fitPairs(x.slice(0, 30), x.slice(30), { epochs: 5, batchSize: 4, resume: true });
        expect(values(model, "bias")).toEqual(bias);
        expect(values(model, "linear.weight")).not.toEqual(values(start, "linear.weight"));
      }
    }
  });
});

describe("sample weights", () => {
  const PLAIN: NFMOptions = {
    embeddingDim: 4, hiddenUnits: [3], batchNorm: false, dropout: { biInteraction: 0, hidden: 0 }, initStd: 0.5, seed: 2,
    optimizer: new SGD({ learningRate: 0.1 }),
  };
  const { x, y } = dataset(4, 6);

  it("weight 2 is the row twice, weight 0 is no row", () => {
    const [weighted, repeated] = [new NFM(PLAIN), new NFM(PLAIN)];
    const loss = weighted.partialFit(x, y, { sampleWeight: [2, 1, 0, 1] });
    const twice = repeated.partialFit(x.take([0, 0, 1, 3]), [y[0], y[0], y[1], y[3]]);
    // The same sums in another order and with other roundings.
    expect(loss).toBeCloseTo(twice, 6);
    for (const name of tensorNames(weighted)) {
      const expected = values(repeated, name);
      values(weighted, name).forEach((value, i) => expect(value).toBeCloseTo(expected[i], 6));
    }
  });

  it("only their ratios count, and the loss is their weighted mean", () => {
    const [once, tenfold] = [new NFM(PLAIN), new NFM(PLAIN)];
    once.partialFit(x, y, { sampleWeight: [0.5, 1, 0.25, 2] });
    tenfold.partialFit(x, y, { sampleWeight: [4, 8, 2, 16] });
    for (const name of tensorNames(once)) expect(values(tenfold, name)).toEqual(values(once, name));
    const model = new NFM({ ...PLAIN, loss: constant(0) });
    expect(model.partialFit(x, [1, 2, 4, 8], { sampleWeight: [1, 2, 1, 4] })).toBe((1 + 4 + 4 + 32) / 8);
  });

  it("the loss of an epoch weighs rows alike in every batch, and a batch of weight 0 moves nothing", async () => {
    const model = new NFM({ ...PLAIN, loss: constant(0) });
    const { epochs } = await model.fit(x, [1, 2, 4, 8], { epochs: 2, batchSize: 2, sampleWeight: [0, 0, 3, 1], shuffle: false });
    expect(epochs.map(({ loss }) => loss)).toEqual([5, 5]);
    const resting = new NFM({ ...PLAIN, numFeatures: N });
    const before = tensorNames(resting).map((name) => values(resting, name));
    await resting.fit(x, y, { epochs: 1, batchSize: 1, shuffle: false, sampleWeight: [0, 0, 0, 1e-30], onBatch: ({ batch }) => {
      if (batch < 4) expect(tensorNames(resting).map((name) => values(resting, name))).toEqual(before);
    } });
    expect(tensorNames(resting).map((name) => values(resting, name))).not.toEqual(before);
  });
});

describe("batch norm", () => {
  const still: NFMOptions = {
    embeddingDim: 3, hiddenUnits: [], batchNorm: true, dropout: { biInteraction: 0 }, numFeatures: 4, initStd: 1,
    optimizer: new SGD({ learningRate: 0 }),
  };
  const x = CSRMatrix.fromDense([[1, 2, 0, 0], [0, 1, 1, 1], [3, 0, 0, 1]]);

  it("moves its running averages by a tenth towards the batch's mean and biased variance", () => {
    const model = new NFM(still);
    const v = values(model, "embedding.weight");
    const at = (i: number, j: number): number => v[3 * i + j];
    const columns = [0, 1, 2].map((j) => [
      2 * at(0, j) * at(1, j),
      at(1, j) * at(2, j) + at(1, j) * at(3, j) + at(2, j) * at(3, j),
      3 * at(0, j) * at(3, j),
    ]);
    let [mean, variance] = [[0, 0, 0], [1, 1, 1]];
    for (let step = 0; step < 3; step++) {
      model.partialFit(x, [1, 2, 3]);
      const means = columns.map((column) => column.reduce((a, b) => a + b) / 3);
      mean = mean.map((m, j) => 0.9 * m + 0.1 * means[j]);
      variance = variance.map((s, j) => 0.9 * s + 0.1 * (columns[j].reduce((sum, value) => sum + (value - means[j]) ** 2, 0) / 3));
      values(model, "norms.0.running_mean").forEach((m, j) => expect(m).toBeCloseTo(mean[j], 5));
      values(model, "norms.0.running_var").forEach((s, j) => expect(s).toBeCloseTo(variance[j], 5));
    }
  });

  it("of one row is finite: mean the row, variance 0", async () => {
    const model = new NFM({ ...still, hiddenUnits: [4], optimizer: new Adagrad() });
    for (let i = 0; i < 30; i++) expect(Number.isFinite(model.partialFit(x.slice(i % 3, (i % 3) + 1), [1]))).toBe(true);
    expectFinite(model, tensorNames(model));
    const one = new NFM(still);
    one.partialFit(x.slice(0, 1), [1]);
    values(one, "norms.0.running_var").forEach((s) => expect(s).toBeCloseTo(0.9, 6));
    const v = values(one, "embedding.weight");
    values(one, "norms.0.running_mean").forEach((m, j) => expect(m).toBeCloseTo(0.1 * 2 * v[j] * v[3 + j], 6));
    await model.fit(x, [1, 2, 3], { epochs: 5, batchSize: 2 }); // the last batch has one row
    expectFinite(model, tensorNames(model));
  });

  it("predicts by the running averages and leaves them alone", async () => {
    const model = await fit();
    const before = model.save();
    const { x: rows } = dataset(50);
    const together = model.predict(rows);
    expect(Array.from(together)).toEqual(Array.from({ length: 50 }, (_, i) => model.predict(rows.row(i))));
    expect(model.save()).toEqual(before);
  });
});

describe("resuming", () => {
  const optimizers = {
    Adagrad: new Adagrad(), "SGD with momentum": new SGD({ learningRate: 0.02, momentum: 0.9 }), "plain SGD": new SGD({ learningRate: 0.02 }),
  };
  const { x, y } = dataset(50);

  it.each(Object.entries(optimizers))("3 epochs, a file and 2 epochs are 5 epochs, bit for bit: %s", async (_, optimizer) => {
    const whole = await fit({ ...SMALL, optimizer }, { epochs: 5 });
    const first = await fit({ ...SMALL, optimizer });
    const second = NFM.load(first.save({ optimizer: true }));
    const history = await second.fit(x, y, { epochs: 2, batchSize: 16, resume: true });
    expect(second.save({ optimizer: true })).toEqual(whole.save({ optimizer: true }));
    expect(history.epochs.map(({ epoch }) => epoch)).toEqual([4, 5]);
    await first.fit(x, y, { epochs: 2, batchSize: 16, resume: true }); // without the file
    expect(first.save({ optimizer: true })).toEqual(whole.save({ optimizer: true }));
  });

  it.each(Object.entries(optimizers))("so do loops of partialFit: %s", (_, optimizer) => {
    const step = (model: NFM, i: number): number => {
      const start = (i * 7) % 40;
      return model.partialFit(x.slice(start, start + 10), y.slice(start, start + 10));
    };
    const whole = new NFM({ ...SMALL, numFeatures: N, optimizer });
    const first = new NFM({ ...SMALL, numFeatures: N, optimizer });
    for (let i = 0; i < 25; i++) step(whole, i);
    for (let i = 0; i < 15; i++) step(first, i);
    const second = NFM.load(first.save({ optimizer: true }));
    for (let i = 15; i < 25; i++) step(second, i);
    expect(second.save({ optimizer: true })).toEqual(whole.save({ optimizer: true }));
  });

  it("so do pairs", async () => {
    const [positives, negatives] = [x.slice(0, 25), x.slice(25)];
    const whole = new NFM({ ...SMALL, loss: "bpr" });
    const first = new NFM({ ...SMALL, loss: "bpr" });
    await whole.fitPairs(positives, negatives, { epochs: 4, batchSize: 8 });
    await first.fitPairs(positives, negatives, { epochs: 2, batchSize: 8 });
    const second = NFM.load(first.save({ optimizer: true }));
    await second.fitPairs(positives, negatives, { epochs: 2, batchSize: 8, resume: true });
    expect(second.save({ optimizer: true })).toEqual(whole.save({ optimizer: true }));
  });

  it("without the optimizer's state it is another course", async () => {
    const whole = await fit(SMALL, { epochs: 5 });
    const second = NFM.load((await fit()).save());
    await second.fit(x, y, { epochs: 2, batchSize: 16, resume: true });
    expect(second.save()).not.toEqual(whole.save());
  });
});

describe("early stopping", () => {
  /** A loss that says what it is told to in each epoch, while the model moves on. */
  function scripted(script: readonly number[]): { loss: PointwiseLoss; next: () => void } {
    let epoch = 0;
    return { loss: ownLoss(() => script[epoch], () => 1), next: () => void epoch++ };
  }
  const { x, y } = dataset(30);
  const validation = { x: x.slice(0, 10), y: y.slice(0, 10) };

  it("stops after `patience` epochs without improvement and returns to the best epoch, optimizer and counters included", async () => {
    const { loss, next } = scripted([5, 3, 2.5, 2.5, 9, 0, 0]);
    const model = new NFM({ ...SMALL, loss });
    const files: Uint8Array[] = [];
    const best: boolean[] = [];
    const history = await model.fit(x, y, { epochs: 7, batchSize: 8, validation, patience: 2, onEpoch: (event) => {
      files.push(model.save({ optimizer: true }));
      best.push(event.best);
      next();
    } });
    expect(best).toEqual([true, true, true, false, false]);
    expect([history.bestEpoch, history.stopped, history.epochs.length]).toEqual([3, "patience", 5]);
    expect(history.epochs.map((epoch) => epoch.validation!.loss)).toEqual([5, 3, 2.5, 2.5, 9]);
    expect(model.save({ optimizer: true })).toEqual(files[2]);
    expect(new Set(files.map(digest)).size).toBe(5);
    expect(model.history).toBe(history);
  });

  it("restores the best epoch wherever it comes, without patience too", async () => {
    for (const script of [[1, 2, 3, 4], [4, 1, 3, 2], [4, 3, 1, 2], [4, 3, 2, 1], [2, 3, 1, 4], [3, 2, 5, 1, 6, 7], [3, 4, 5, 2, 1, 6]]) {
      const { loss, next } = scripted(script);
      const model = new NFM({ ...SMALL, loss });
      const files: Uint8Array[] = [];
      const history = await model.fit(x, y, { epochs: script.length, batchSize: 8, validation, onEpoch: () => {
        files.push(model.save({ optimizer: true }));
        next();
      } });
      const best = script.indexOf(Math.min(...script));
      expect([history.bestEpoch, history.stopped]).toEqual([best + 1, "epochs"]);
      expect(model.save({ optimizer: true }), String(script)).toEqual(files[best]);
    }
  });

  it("keeps the last epoch with restoreBest: false", async () => {
    const { loss, next } = scripted([1, 2, 3, 4]);
    const model = new NFM({ ...SMALL, loss });
    const files: Uint8Array[] = [];
    const history = await model.fit(x, y, { epochs: 4, batchSize: 8, validation, restoreBest: false, onEpoch: () => {
      files.push(model.save({ optimizer: true }));
      next();
    } });
    expect(history.bestEpoch).toBe(1);
    expect(model.save({ optimizer: true })).toEqual(files[3]);
  });

  it("a NaN of the validation loss is never best", async () => {
    const model = new NFM({ ...SMALL, loss: ownLoss((score, target) => (target === 77 ? NaN : square(score, target))) });
    const history = await model.fit(x, y, { epochs: 3, batchSize: 8, validation: { x: validation.x, y: validation.y.map(() => 77) } });
    expect([history.bestEpoch, history.epochs.length]).toEqual([null, 3]);
  });

  it.each(["auc", "accuracy", "rmse", "logloss"] as const)("knows which way %s is better", async (metric: Metric) => {
    const binary = metric !== "rmse";
    const noise = numbers(4);
    const labels = y.map((value) => (binary ? (value + noise(-3, 3) > 0 ? 1 : 0) : value));
    const model = new NFM({ ...SMALL, loss: binary ? "log" : "squared", optimizer: new Adagrad({ learningRate: 0.5 }), seed: 3 });
    const files: Uint8Array[] = [];
    const held = { x: x.slice(0, 12), y: labels.slice(0, 12) };
    const history = await model.fit(x.slice(12), labels.slice(12), {
      epochs: 40, batchSize: 4, validation: held, monitor: metric, patience: 4, onEpoch: () => void files.push(model.save()),
    });
    const course = history.epochs.map((epoch) => epoch.validation![metric]);
    const wanted = metric === "auc" || metric === "accuracy" ? Math.max(...course) : Math.min(...course);
    const other = metric === "auc" || metric === "accuracy" ? Math.min(...course) : Math.max(...course);
    expect(course.indexOf(wanted)).not.toBe(course.indexOf(other));
    expect(history.bestEpoch).toBe(course.indexOf(wanted) + 1);
    expect([history.stopped, history.epochs.length]).toEqual(["patience", history.bestEpoch! + 4]);
    expect(model.save()).toEqual(files[history.bestEpoch! - 1]);
    expect(model.evaluate(held.x, held.y, { metrics: [metric] })[metric]).toBe(wanted);
  });

  it("works on pairs", async () => {
    const model = new NFM({ ...SMALL, loss: "bpr", optimizer: new Adagrad({ learningRate: 0.5 }) });
    const files: Uint8Array[] = [];
    const history = await model.fitPairs(x.slice(0, 10), x.slice(10, 20), {
      epochs: 10, batchSize: 4, validation: { positives: x.slice(20, 25), negatives: x.slice(25) }, metrics: ["auc"],
      onEpoch: () => void files.push(model.save()),
    });
    const course = history.epochs.map((epoch) => epoch.validation!.auc);
    expect(history.bestEpoch).toBe(course.indexOf(Math.max(...course)) + 1);
    expect(model.save()).toEqual(files[history.bestEpoch! - 1]);
  });

  it("a held-out share is not trained on, and is the same under the same seed", async () => {
    const seen: number[] = [];
    const held: number[][] = [];
    for (let run = 0; run < 2; run++) {
      seen.length = 0;
      const model = new NFM({ ...BLANK, numFeatures: N, loss: spyLoss(seen) });
      await model.fit(x, y.map((_, i) => i), { epochs: 1, batchSize: 4, validation: 0.2 });
      expect([...seen].sort((a, b) => a - b)).toEqual(y.map((_, i) => i)); // each once: 24 in training, then 6 in validation
      held.push(seen.slice(24));
    }
    expect(held[0]).toEqual(held[1]);
    expect(held[0]).not.toEqual([24, 25, 26, 27, 28, 29]);
  });
});

describe("callbacks", () => {
  const { x, y } = dataset(30);

  it("false from onEpoch, or a promise of it, stops after that epoch", async () => {
    for (const answer of [false, Promise.resolve(false as const)] as const) {
      const model = new NFM(SMALL);
      const history = await model.fit(x, y, { epochs: 9, batchSize: 8, onEpoch: ({ epoch }) => (epoch === 2 ? answer : undefined) });
      expect([history.stopped, history.epochs.length]).toEqual(["callback", 2]);
      expect(all(model)).toBe(all(await fit(SMALL, { epochs: 2, batchSize: 8 }, { x, y })));
    }
  });

  it("onEpoch is awaited and told the epoch's record", async () => {
    const events: unknown[] = [];
    let busy = false;
    const history = await new NFM(SMALL).fit(x, y, { epochs: 3, batchSize: 8, onEpoch: async ({ epoch, epochs, loss, validation, best }) => {
      busy = true;
      await new Promise((resolve) => setTimeout(resolve, 3));
      events.push([epoch, epochs, loss, validation, best]);
      busy = false;
    }, onBatch: () => expect(busy).toBe(false) });
    expect(events).toEqual(history.epochs.map(({ epoch, loss }) => [epoch, 3, loss, null, false]));
  });

  it("progress writes a line per epoch where there is no terminal", async () => {
    const lines: string[] = [];
    const spy = vi.spyOn(process.stderr, "write").mockImplementation((line) => lines.push(String(line)) > 0);
    const terminal = process.stderr.isTTY;
    process.stderr.isTTY = false;
    try {
      await fit(SMALL, { epochs: 2, progress: true });
    } finally {
      spy.mockRestore();
      process.stderr.isTTY = terminal;
    }
    expect(lines.length).toBe(2);
    expect(lines[1]).toMatch(/^epoch 2\/2 {2}loss .*\n$/);
  });
});

describe("a fit that does not end well", () => {
  const { x, y } = dataset(40);
  const options = { epochs: 5, batchSize: 8 };

  async function failure(fitted: Promise<unknown>): Promise<unknown> {
    return fitted.then(() => expect.fail("it did not reject"), (error: unknown) => error);
  }

  /** Fits until it fails; the model's file after each complete epoch, and the error. */
  async function tracked(model: NFM, run: FitOptions): Promise<{ files: Uint8Array[]; error: unknown }> {
    const files: Uint8Array[] = [];
    const { onEpoch } = run;
    const error = await failure(model.fit(x, y, { ...options, ...run, onEpoch: (event) => {
      files.push(model.save({ optimizer: true }));
      return onEpoch?.(event);
    } }));
    return { files, error };
  }

  it("aborted before it starts: rejects with the reason, and nothing has changed", async () => {
    const reason = new Error("no time");
    for (const resume of [false, true]) {
      const model = await fit();
      const [before, history] = [all(model), model.history];
      expect(await failure(model.fit(x, y.map((v) => 10 * v), { ...options, resume, signal: AbortSignal.abort(reason) }))).toBe(reason);
      expect(all(model)).toBe(before);
      expect(model.history).toBe(history);
    }
    const fresh = new NFM(SMALL);
    expect(await failure(fresh.fit(x, y, { signal: AbortSignal.abort() }))).toBeInstanceOf(DOMException);
    expect(() => fresh.save()).toThrow("no parameters yet");
    expect(fresh.numFeatures).toBe(0);
  });

  it("aborted within an epoch: the model is as after the last complete epoch", async () => {
    const stop = new AbortController();
    const model = new NFM(SMALL);
    const onBatch = ({ epoch, batch }: BatchEvent): void => { if (epoch === 3 && batch === 2) stop.abort("enough"); };
    const { files, error } = await tracked(model, { signal: stop.signal, onBatch });
    expect(error).toBe("enough");
    expect(files.length).toBe(2);
    expect(model.save({ optimizer: true })).toEqual(files[1]);
    await model.fit(x, y, { ...options, epochs: 3, resume: true });
    expect(all(model)).toBe(all(await fit(SMALL, options, { x, y })));
  });

  it("aborted within the first epoch: the model is as before the fit", async () => {
    for (const resume of [false, true]) {
      const stop = new AbortController();
      const model = await fit();
      const before = all(model);
      const wider = y.map((v) => 10 * v);
      const onBatch = ({ batch }: BatchEvent): void => { if (batch === 3) stop.abort(); };
      await failure(model.fit(x, wider, { ...options, resume, signal: stop.signal, onBatch }));
      expect(all(model)).toBe(before);
    }
  });

  it("aborted between epochs, or by a timer while it works", async () => {
    const stop = new AbortController();
    const model = new NFM(SMALL);
    let batches = 0;
    const onEpoch = ({ epoch }: { epoch: number }): void => { if (epoch === 2) stop.abort(); };
    const { files, error } = await tracked(model, { signal: stop.signal, onEpoch, onBatch: () => void batches++ });
    expect(batches).toBe(10); // none of the third epoch
    expect((error as DOMException).name).toBe("AbortError");
    expect(files.length).toBe(2);
    expect(model.save({ optimizer: true })).toEqual(files[1]);
    const busy = new NFM(SMALL);
    const timed = await tracked(busy, { epochs: 3000, signal: AbortSignal.timeout(100), batchSize: 1 });
    expect((timed.error as DOMException).name).toBe("TimeoutError");
    expect(busy.save({ optimizer: true })).toEqual(timed.files[timed.files.length - 1]);
  });

  it("a loss that turns NaN stops it with an error that names epoch and batch; the last good epoch is restored", async () => {
    for (const bad of [NaN, Infinity, -Infinity]) {
      let calls = 0;
      const loss = ownLoss((score, target) => (++calls === 40 * 2 + 8 * 2 + 3 ? bad : square(score, target)));
      const model = new NFM({ ...SMALL, loss });
      const { files, error } = await tracked(model, {});
      expect(String(error)).toContain(`fit: the loss became ${bad} in epoch 3, batch 3 of 5`);
      expect(files.length).toBe(2);
      expect(model.save({ optimizer: true })).toEqual(files[1]);
      expectFinite(model, tensorNames(model));
    }
  });

  it("a learning rate far too large leaves no infinity or NaN behind, whichever step it shows in", async () => {
    for (const learningRate of [1e10, 1e20, 1e38]) {
      for (const batchSize of [8, 40]) {
        for (const hiddenUnits of [[], [4]]) {
          const names = tensorNames(new NFM({ ...SMALL, hiddenUnits, numFeatures: N }));
          const model = new NFM({ ...SMALL, hiddenUnits, numFeatures: N, optimizer: new SGD({ learningRate }) });
          const error = await failure(model.fit(x, y, { epochs: 30, batchSize }));
          expect(String(error)).toMatch(/^Error: fit: .* epoch \d+.* a lower learningRate/);
          expectFinite(model, names);
        }
      }
    }
  });

  it("nor does a fit that ends before anybody looks at the loss again", async () => {
    const model = new NFM({ ...SMALL, numFeatures: N, optimizer: new SGD({ learningRate: 1e38 }) });
    const names = tensorNames(model);
    await model.fit(x, y.map((v) => 100 * v), { epochs: 1, batchSize: 40 }).catch(() => {});
    expectFinite(model, names);
  });

  it("a gradient that is not finite is refused like a loss that is not", async () => {
    const model = new NFM({ ...SMALL, numFeatures: N, loss: ownLoss(() => 1, () => NaN) });
    const names = tensorNames(model);
    expect(() => model.partialFit(x, y)).toThrow();
    expectFinite(model, names);
    await expect(model.fit(x, y, options)).rejects.toThrow();
    expectFinite(model, names);
  });

  it("partialFit with a loss that is not finite changes nothing", () => {
    const model = new NFM({ ...SMALL, loss: ownLoss((score, target) => (target === 5 ? NaN : square(score, target))) });
    model.partialFit(x, y.map(() => 1));
    const before = all(model);
    expect(() => model.partialFit(x, y.map(() => 5))).toThrow("partialFit: the loss of these rows is NaN, or would be after this step; nothing has changed");
    expect(all(model)).toBe(before);
  });

  it("partialFit changes nothing when a loss of one's own throws", () => {
    const oops = new Error("oops");
    const model = new NFM({ ...SMALL, loss: ownLoss((score, target) => {
      if (target === 5) throw oops;
      return square(score, target);
    }) });
    model.partialFit(x, y.map(() => 1));
    const before = all(model);
    expect(() => model.partialFit(x, y.map(() => 5))).toThrow(oops);
    expect(all(model)).toBe(before);
  });

  it("an exception in a callback or a loss of one's own comes through, and the last complete epoch stays", async () => {
    const oops = new Error("oops");
    let calls = 0;
    const throwing = ownLoss((score, target) => {
      if (++calls === 40 * 2 + 20) throw oops;
      return square(score, target);
    });
    const cases: [NFMOptions, FitOptions][] = [
      [SMALL, { onBatch: ({ epoch, batch }) => { if (epoch === 3 && batch === 4) throw oops; } }],
      [SMALL, { onEpoch: ({ epoch }) => { if (epoch === 2) throw oops; } }],
      [SMALL, { onEpoch: async ({ epoch }) => { if (epoch === 2) throw oops; } }],
      [{ ...SMALL, loss: throwing }, {}],
    ];
    for (const [modelOptions, run] of cases) {
      const model = new NFM(modelOptions);
      const { files, error } = await tracked(model, run);
      expect(error).toBe(oops);
      expect(files.length).toBe(2);
      expect(model.save({ optimizer: true })).toEqual(files[1]);
      await model.fit(x, y, { ...options, epochs: 1 }); // and it can be fitted again
    }
  });

  it("an exception in the first epoch leaves the model as it was", async () => {
    for (const resume of [false, true]) {
      const model = await fit();
      const before = all(model);
      const onBatch = ({ batch }: BatchEvent): void => { if (batch === 2) throw new Error("oops"); };
      await failure(model.fit(x, y.map((v) => v * 10), { ...options, resume, onBatch }));
      expect(all(model)).toBe(before);
    }
  });

  it("bad input or options leave the model's file as it was, to the byte", async () => {
    const model = await fit();
    const [before, history] = [model.save({ optimizer: true }), model.history];
    const wide = CSRMatrix.fromRows([{ indices: [N + 5] }]);
    const nan = [...y.slice(1), NaN];
    const attempts: (() => Promise<unknown> | number)[] = [
      () => model.fit(x, nan), () => model.fit(x, y.slice(1)), () => model.fit(x, y, { epochs: 0 }), () => model.fit(x, y, { batchSize: 1.5 }),
      () => model.fit(x, y, { sampleWeight: y.map(() => -1) }), () => model.fit(wide, [1], { resume: true }), () => model.fit(x, y, { validation: 1 }),
      () => model.fit(x, y, { validation: { x, y: nan } }), () => model.fit(x, y, { validation: { x: wide, y: [1] } }),
      () => model.fit(x, y, { validation: 0.5, metrics: ["auc"] }), () => model.fit([], []),
      () => model.fit(CSRMatrix.fromRows([[]], 0), [1]), () => model.fitPairs(x, x), () => model.fit([{ indices: [-1] }], [1]),
      () => model.fit([{ indices: [0], values: [Infinity] }], [1]),
      () => model.partialFit(wide, [1]), () => model.partialFit(x, nan), () => model.partialFitPairs(x, x), () => model.partialFit([], []),
    ];
    for (const attempt of attempts) {
      await expect((async () => attempt())(), attempt.toString()).rejects.toThrow(/^(fit|fitPairs|partialFit|partialFitPairs): /);
      expect(model.save({ optimizer: true }), attempt.toString()).toEqual(before);
      expect(model.history).toBe(history);
    }
  });

  it("a second fit or partialFit meanwhile is refused, and the first goes on as if alone", async () => {
    const model = new NFM(SMALL);
    const first = model.fit(x, y, { epochs: 3, batchSize: 16, onEpoch: () => {
      expect(() => model.partialFit(x, y)).toThrow("partialFit: this model is being fitted; await that first");
    } });
    await expect(model.fit(x, y)).rejects.toThrow("fit: this model is being fitted; await that first");
    await first;
    expect(all(model)).toBe(all(await fit(SMALL, {}, { x, y })));
    await model.fit(x, y, { epochs: 1 });
  });
});

describe("a batch without any weight", () => {
  it("moves nothing: no parameter by L2, no running statistic", async () => {
    const { x, y } = dataset(16);
    const make = (): NFM => new NFM({ ...SMALL, l2: { embedding: 0.1, linear: 0.1, hidden: 0.1 } });
    const [some, all] = [make(), make()];
    const weights = y.map((_, i) => (i < 8 ? 1 : 0));
    await all.fit(x, y, { epochs: 1, batchSize: 8, shuffle: false, sampleWeight: weights });
    await some.fit(x.slice(0, 8), y.slice(0, 8), { epochs: 1, batchSize: 8, shuffle: false });
    expect(all.predict(x)).toEqual(some.predict(x)); // by running statistics, where there is batch norm
  });
});

describe("fit is a good neighbour", () => {
  it("gives way to the event loop within epochs that take long", async () => {
    const { x, y } = dataset(40_000, 9, 400);
    const model = new NFM({ embeddingDim: 32, hiddenUnits: [32], backend: "js" });
    const gaps: number[] = [];
    let [running, last] = [true, performance.now()];
    const tick = (): void => {
      gaps.push(performance.now() - last);
      last = performance.now();
      if (running) setTimeout(tick, 0);
    };
    setTimeout(tick, 0);
    const { epochs } = await model.fit(x, y, { epochs: 3, batchSize: 32 });
    running = false;
    // A slice is 8 ms. The bounds leave room for a loaded machine; an epoch at a stretch exceeds them.
    gaps.sort((a, b) => a - b);
    const shortest = 1000 * Math.min(...epochs.map(({ seconds }) => seconds));
    expect(gaps.length).toBeGreaterThan(3 * shortest / 50);
    expect(gaps[Math.floor(gaps.length / 2)]).toBeLessThan(50);
    expect(gaps[gaps.length - 1]).toBeLessThan(Math.max(100, shortest / 2));
  });

  it("needs no more memory in later epochs than in the second", async () => {
    const { x, y } = dataset(2000, 9, 20_000);
    const model = new NFM({ embeddingDim: 16, hiddenUnits: [16] }); // 1.4 MB of parameters, as much of state
    const used: number[] = [];
    await model.fit(x, y, { epochs: 8, batchSize: 64, validation: 0.1, onEpoch: () => {
      const { heapUsed, arrayBuffers } = process.memoryUsage();
      used.push(heapUsed + arrayBuffers);
    } });
    // Garbage comes and goes; a copy of the model kept per epoch would be 17 MB by then.
    expect(Math.min(...used.slice(5)) - used[1]).toBeLessThan(12e6);
  });
});
