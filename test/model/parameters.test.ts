// Where parameters lie: tables stay in place while buffers grow, and grow in place when features come. The
// optimizer's state goes with them. Both backends.

import { describe, expect, it } from "vitest";
import { toPacked } from "../../src/core/tensor.ts";
import { Adagrad, CSRMatrix, NFM, type NFMOptions, type Optimizer, SGD } from "../../src/index.ts";
import { Memory } from "../../src/kernels/memory.ts";
import { squared } from "../../src/losses.ts";
import { FILE_RATES, readArchitecture } from "../../src/model/architecture.ts";
import { listParameters, Parameters } from "../../src/model/parameters.ts";
import type { Dataset } from "../../src/training/dataset.ts";
import { LabeledRows } from "../../src/training/datasets/labeled-rows.ts";
import type { Trainer } from "../../src/training/trainer.ts";
import { datasetOf, type Made, makeTrainer } from "../helpers/trainers.ts";
import { numbers } from "../reference.ts";

const BACKENDS = ["js", "wasm"] as const;
/** k is no multiple of 4, so that rows in memory are longer than in files. */
const OPTIONS: NFMOptions = { embeddingDim: 5, hiddenUnits: [4], batchNorm: true, initStd: 0.1, seed: 6 };

const parametersOf = (model: NFM): Parameters => NFM.learnerOf(model).ready("test").network.parameters;

/**
 * Where the tensors of a model lie: the very array for plain kernels, the address for WebAssembly, whose
 * memory is replaced when it grows.
 */
function placesOf({ all, memory }: Parameters): readonly unknown[] {
  return all.map(({ value }) => (memory.backend === "js" ? value.data : value.data.byteOffset));
}

function expectPlaces(got: readonly unknown[], expected: readonly unknown[], what: string): void {
  expect(got.length).toBe(expected.length);
  got.forEach((place, i) => {
    if (place !== expected[i]) expect.fail(`${what}: parameter ${i} has moved`);
  });
}

const row = (length: number, from: number = 0): { indices: number[] } => ({
  indices: Array.from({ length }, (_, p) => from + p),
});

describe.each(BACKENDS)("tables stay in place while buffers grow: %s", (backend) => {
  it("through longer rows, more rows, training, ranking and explaining", async () => {
    const model = new NFM({ ...OPTIONS, numFeatures: 500, backend });
    expect(model.predict(row(1))).toBeTypeOf("number");
    const parameters = parametersOf(model);
    const before = placesOf(parameters);
    const labels = (count: number): number[] => Array.from({ length: count }, (_, i) => i % 3);
    const steps: Record<string, () => unknown> = {
      "a longer row": () => model.predict(row(40)),
      "a row of hundreds": () => model.predict(row(500)),
      "many rows": () => model.predict(Array.from({ length: 3000 }, (_, i) => row(3, i % 400))),
      "many long rows": () => model.predict(Array.from({ length: 600 }, () => row(300))),
      "a first step": () => model.partialFit([row(2)], [1]),
      "a step on a longer row": () => model.partialFit([row(450)], [1]),
      "a step on many rows": () =>
        model.partialFit(
          Array.from({ length: 900 }, (_, i) => row(9, i % 400)),
          labels(900),
        ),
      "a fit with a larger batch": () =>
        model.fit(
          Array.from({ length: 5000 }, (_, i) => row(12, i % 400)),
          labels(5000),
          { epochs: 1, batchSize: 5000, resume: true },
        ),
      "a ranking": () =>
        model.rank(
          row(200),
          Array.from({ length: 2000 }, (_, i) => row(1, 200 + (i % 300))),
        ),
      "a prepared ranking": () => model.rank(row(490), model.prepare([row(3, 495)])),
      "an explanation": () => model.explain(row(60)),
    };
    for (const [what, step] of Object.entries(steps)) {
      await step();
      expect(parametersOf(model), what).toBe(parameters);
      expectPlaces(placesOf(parameters), before, what);
    }
    expect(model.backend).toBe(backend);
  });

  it("and how often they grow does not change what is computed", () => {
    const [growing, roomy] = [0, 1].map(() => makeTrainer({ ...OPTIONS, numFeatures: 325, backend }));
    roomy.trainer.reserve(300, 90_000);
    roomy.predictor.predict(Array.from({ length: 300 }, () => row(300)));
    for (let size = 1; size < 300; size += 37) {
      const rows = Array.from({ length: size }, (_, i) => row(1 + (i % size), i % 25));
      const targets = Float32Array.from(rows, (_, i) => i % 2);
      const given = { x: CSRMatrix.fromRows(rows, 325), targets, weights: null, groups: null };
      const dataset = datasetOf(new LabeledRows("test: ", squared, given), 325);
      expect(growing.predictor.predict(rows)).toEqual(roomy.predictor.predict(rows));
      expect(growing.trainer.step(dataset, null, 0, size)).toBe(roomy.trainer.step(dataset, null, 0, size));
    }
    expect(tensorsOf(growing.trainer)).toEqual(tensorsOf(roomy.trainer));
  });
});

/** Rows of two to four of the features from `low` up to `high`, and labels. */
function dataOf(low: number, high: number, seed: number): Dataset {
  const next = numbers(seed);
  const rows = Array.from({ length: 20 }, () => {
    const start = Math.floor(next(low, high));
    return Array.from(
      { length: 2 + Math.floor(next(0, 3)) },
      (_, p) => [low + ((start - low + p) % (high - low)), Math.fround(next(0.5, 1.5))] as const,
    );
  });
  const targets = Float32Array.from(rows, () => next(-1, 1));
  return datasetOf(
    new LabeledRows("test: ", squared, {
      x: CSRMatrix.fromRows(rows, high),
      targets,
      weights: null,
      groups: null,
    }),
    high,
  );
}

/** Parameters and state by name, as the file has them. */
function tensorsOf({ trained, predictor }: Trainer): Map<string, Float32Array> {
  const tensors = new Map(
    predictor.network.parameters.all.map(({ name, value, transposed }) => [
      name,
      toPacked(value, transposed),
    ]),
  );
  for (const { parameter, state } of trained)
    if (state) tensors.set(`optimizer.${parameter.name}`, toPacked(state, parameter.transposed));
  return tensors;
}

function train(trainer: Trainer, dataset: Dataset, steps: number): number[] {
  return Array.from({ length: steps }, (_, i) =>
    trainer.step(dataset, null, i % 2 === 0 ? 0 : 10, i % 2 === 0 ? 10 : 20),
  );
}

describe.each(BACKENDS)("a trainer that grows: %s", (backend) => {
  const optimizers: Record<string, () => Optimizer> = {
    Adagrad: () => new Adagrad({ initialAccumulator: 0.25 }),
    "SGD with momentum": () => new SGD({ learningRate: 0.05, momentum: 0.9 }),
    "plain SGD": () => new SGD({ learningRate: 0.05 }),
  };
  const make = (numFeatures: number, optimizer: Optimizer = new Adagrad()): Made =>
    makeTrainer({ ...OPTIONS, numFeatures, backend, optimizer });

  it.each(Object.keys(optimizers))("is one that had all features from the start, bit for bit: %s", (name) => {
    const [small, large] = [make(10, optimizers[name]()), make(23, optimizers[name]())];
    expect(train(small.trainer, dataOf(0, 10, 1), 6)).toEqual(train(large.trainer, dataOf(0, 10, 1), 6));
    for (const numFeatures of [11, 11, 17, 23]) {
      const before = tensorsOf(small.trainer);
      const old = small.predictor.numFeatures;
      small.trainer.grow(numFeatures);
      expect(small.predictor.numFeatures).toBe(numFeatures);
      const after = tensorsOf(small.trainer);
      expect([...after.keys()]).toEqual([...before.keys()]);
      for (const [tensor, data] of after) {
        const isTable = /(embedding|linear)\.weight$/.test(tensor);
        expect(data.length, tensor).toBe(
          isTable ? (before.get(tensor)!.length / old) * numFeatures : before.get(tensor)!.length,
        );
        expect(data.subarray(0, before.get(tensor)!.length), tensor).toEqual(before.get(tensor));
      }
      // Training goes on as if the rest were not there, and as in the large model.
      expect(train(small.trainer, dataOf(0, 10, numFeatures), 4)).toEqual(
        train(large.trainer, dataOf(0, 10, numFeatures), 4),
      );
    }
    expect(tensorsOf(small.trainer)).toEqual(tensorsOf(large.trainer));
    expect(train(small.trainer, dataOf(5, 23, 3), 6)).toEqual(train(large.trainer, dataOf(5, 23, 3), 6));
    expect(tensorsOf(small.trainer)).toEqual(tensorsOf(large.trainer));
    expect(small.predictor.predict([row(12, 9), row(2)])).toEqual(
      large.predictor.predict([row(12, 9), row(2)]),
    );
    expect(small.trainer.record).toEqual(large.trainer.record);
  });

  it("may grow before its first step, and between batches of any size", () => {
    const [small, large] = [make(3), make(40)];
    small.trainer.grow(40);
    expect(tensorsOf(small.trainer).get("embedding.weight")).toEqual(
      tensorsOf(large.trainer).get("embedding.weight"),
    );
    for (const { trainer } of [small, large]) train(trainer, dataOf(0, 40, 2), 3);
    small.trainer.reserve(500, 5000);
    expect(train(small.trainer, dataOf(20, 40, 2), 3)).toEqual(train(large.trainer, dataOf(20, 40, 2), 3));
    expect(tensorsOf(small.trainer)).toEqual(tensorsOf(large.trainer));
  });

  it("makes room for twice the rows when it must, and moves nothing while there is room", () => {
    const { trainer, parameters } = make(10);
    train(trainer, dataOf(0, 10, 1), 2);
    const tables = trainer.trained
      .filter(({ parameter }) => parameter.isTable)
      .flatMap(({ parameter, state }) => [parameter.value, state!]);
    expect(tables).toHaveLength(4);
    const buffers = (): unknown[] =>
      tables.map(({ data }) => (backend === "js" ? data.buffer : data.byteOffset));
    const capacities = (): number[] => tables.map(({ data, stride }) => data.buffer.byteLength / 4 / stride);
    trainer.grow(11);
    const atTwenty = buffers();
    if (backend === "js") expect(capacities()).toEqual([20, 20, 20, 20]);
    for (const numFeatures of [12, 19, 20]) {
      trainer.grow(numFeatures);
      expect(parameters.numFeatures).toBe(numFeatures);
      expectPlaces(buffers(), atTwenty, `${numFeatures} features`);
    }
    trainer.grow(21);
    if (backend === "js") expect(capacities()).toEqual([40, 40, 40, 40]);
    const atForty = buffers();
    trainer.grow(40);
    expectPlaces(buffers(), atForty, "40 features");
    trainer.grow(1000); // more than twice
    if (backend === "js") expect(capacities()).toEqual([1000, 1000, 1000, 1000]);
  });

  it("that cannot have the memory stays as it was, and goes on", () => {
    const [small, other] = [make(10), make(10)];
    for (const { trainer } of [small, other]) train(trainer, dataOf(0, 10, 1), 4);
    const before = tensorsOf(small.trainer);
    expect(() => small.trainer.grow(2 ** 32 - 1)).toThrow(
      /^cannot allocate \d+ MiB for the model \(.*\); use fewer features/,
    );
    expect(small.predictor.numFeatures).toBe(10);
    expect(tensorsOf(small.trainer)).toEqual(before);
    expect(train(small.trainer, dataOf(0, 10, 2), 4)).toEqual(train(other.trainer, dataOf(0, 10, 2), 4));
    small.trainer.grow(12);
    other.trainer.grow(12);
    expect(train(small.trainer, dataOf(0, 12, 2), 4)).toEqual(train(other.trainer, dataOf(0, 12, 2), 4));
    expect(tensorsOf(small.trainer)).toEqual(tensorsOf(other.trainer));
  });
});

describe("the list of parameters", () => {
  const stacks: Record<string, NFMOptions> = {
    "a factorization machine": { hiddenUnits: [] },
    "with batch norm alone": { hiddenUnits: [], batchNorm: true },
    "two hidden layers": { hiddenUnits: [6, 3] },
    "batch norm": { hiddenUnits: [6], batchNorm: true },
  };

  it.each(Object.entries(stacks))("is known without memory, and that of the parameters: %s", (_, options) => {
    const { embeddingDim, layers } = readArchitecture({ embeddingDim: 5, ...options }, "test", FILE_RATES);
    const architecture = { numFeatures: 9, embeddingDim, layers };
    const parameters = new Parameters(architecture, new Memory("js"));
    const listed = listParameters(architecture);
    expect(parameters.all.map(({ value, ...info }) => info)).toEqual(listed);
    expect(listed.slice(0, 3).map(({ name, shape, isTable }) => [name, shape, isTable])).toEqual([
      ["bias", [1], false],
      ["linear.weight", [9, 1], true],
      ["embedding.weight", [9, 5], true],
    ]);
    expect(parameters.output === null).toBe(options.hiddenUnits!.length === 0);
    for (const parameter of parameters.all) {
      expect(parameters.shapeOf(parameter), parameter.name).toEqual(parameter.shape);
      const size = parameter.shape.reduce((product, n) => product * n, 1);
      expect(parameter.value.rows * parameter.value.cols, parameter.name).toBe(size);
    }
  });

  it("has another version after every change, and only then", () => {
    const model = new NFM({ ...OPTIONS, numFeatures: 9 });
    model.predict(row(2));
    const parameters = parametersOf(model);
    const { version } = parameters;
    model.predict([row(3), row(9)]);
    model.explain(row(3));
    model.tensor("bias");
    model.save();
    expect(parameters.version).toBe(version);
    model.partialFit([row(2)], [1]);
    expect(parameters.version).not.toBe(version);
  });
});
