// Analytic gradients against central differences of the float64 reference, for every tensor of many networks.
// A step of learning rate 0 leaves the gradients where backward wrote them. Tolerance: 1e-3 relative, as
// float32 against float64 through batch norm allows; 1e-5 of the tensor's largest gradient and 2e-6 where
// terms of order 1 cancel.

import { describe, expect, it } from "vitest";
import { randomBits, randomKey, Stream } from "../../src/core/random.ts";
import { CSRMatrix } from "../../src/data/csr-matrix.ts";
import { Activation } from "../../src/layers/activation.ts";
import { BatchNorm } from "../../src/layers/batch-norm.ts";
import { Dense } from "../../src/layers/dense.ts";
import { Dropout } from "../../src/layers/dropout.ts";
import type { Layer } from "../../src/layers/layer.ts";
import { lossByName, type PairwiseLoss, type PointwiseLoss } from "../../src/losses.ts";
import { SGD } from "../../src/optimizers.ts";
import { LabeledRows } from "../../src/training/datasets/labeled-rows.ts";
import { Pairs } from "../../src/training/datasets/pairs.ts";
import { datasetOf, drawTensors, gradientsOf, makeTrainer, watch } from "../helpers/trainers.ts";
import { batchLoss, differences, type LossName, numbers, type Row, type Step, scores } from "../reference.ts";

const N = 9;

const SEED = 5;

interface Case {
  readonly layers: readonly Layer[];
  readonly loss: LossName;
  readonly k?: number;
  readonly rows?: number;
  readonly binary?: boolean;
  readonly weights?: readonly number[];
  /** Steps taken before: names the dropout masks. */
  readonly step?: number;
}

/** Ragged rows of 0 to 4 features; feature N - 1 in none of them. */
function randomRows(count: number, seed: number, binary: boolean): Row[] {
  const next = numbers(seed);
  return Array.from({ length: count }, (_, i) => {
    const length = count === 1 ? 3 : [3, 2, 4, 1, 0, 3, 4][i % 7];
    const start = Math.floor(next(0, N - 1));
    const indices = Array.from({ length }, (_, p) => (start + p * 3) % (N - 1));
    return {
      indices,
      values: indices.map(() => (binary ? 1 : Math.fround(next(0.4, 1.6) * (next() < 0.3 ? -1 : 1)))),
    };
  });
}

const isPairwise = (loss: LossName): boolean => loss === "bpr" || loss === "max-margin";

/**
 * The layers as the reference knows them, names by the model file's rule; dropout masks from their
 * definition.
 */
function referenceSteps(layers: readonly Layer[], k: number, rows: number, step: number): Step[] {
  let [hidden, width] = [0, k];
  return layers.map((layer, position): Step => {
    if (layer instanceof Dense) {
      width = layer.units;
      return { kind: "dense", name: `hidden.${hidden++}` };
    }
    if (layer instanceof BatchNorm) return { kind: "norm", name: `norms.${hidden}` };
    if (layer instanceof Activation) return { kind: "activation", activation: layer.activation };
    const { rate } = layer as Dropout;
    const key = randomKey(SEED, Stream.dropout, step, position);
    const columns = Array.from({ length: width }, (_, j) => j);
    const dropped = (i: number, j: number): boolean =>
      randomBits(key, i * columns.length + j) >>> 1 < Math.round(rate * (2 ** 31 - 1));
    return {
      kind: "dropout",
      mask: Array.from({ length: rows }, (_, i) => columns.map((j) => (dropped(i, j) ? 0 : 1 / (1 - rate)))),
    };
  });
}

function setUp({ layers, loss, k = 5, rows: count = 7, binary = false, weights, step = 0 }: Case) {
  const options = { numFeatures: N, embeddingDim: k, layers, loss, initStd: 0.5, seed: SEED };
  const { trainer, parameters } = makeTrainer({ ...options, optimizer: new SGD({ learningRate: 0 }) });
  const next = numbers(layers.length * 31 + k);
  const tensors = drawTensors(parameters, next, (name) => {
    return /running|(norms|layers).*weight/.test(name)
      ? [0.5, 1.5]
      : name === "embedding.weight"
        ? [-1, 1]
        : [-0.7, 0.7];
  });
  const pairwise = isPairwise(loss);
  const rows = randomRows(pairwise ? 2 * count : count, 3, binary);
  const matrix = (part: readonly Row[]): CSRMatrix => CSRMatrix.fromRows(part, N);
  const y = rows.map((_, i) =>
    loss === "squared" ? Math.fround(next(-1, 1)) : i % 3 === 0 ? 1 : loss === "hinge" ? -1 : 0,
  );
  const given = {
    x: matrix(rows),
    targets: Float32Array.from(y),
    weights: weights ? Float32Array.from(weights) : null,
    groups: null,
  };
  const source = pairwise
    ? new Pairs(
        "test: ",
        lossByName(loss) as PairwiseLoss,
        matrix(rows.slice(0, count)),
        matrix(rows.slice(count)),
      )
    : new LabeledRows("test: ", lossByName(loss) as PointwiseLoss, given);
  trainer.record.steps = step;
  const steps = referenceSteps(layers, k, rows.length, step);
  const reference = (): number => batchLoss(loss, scores(tensors, k, steps, rows, true), y, weights ?? null);
  return { parameters, tensors, rows, trainer, watched: watch(datasetOf(source, N)), count, reference };
}

function expectGradients(given: Case): Map<string, Float64Array> {
  const { tensors, rows, trainer, watched, count, reference } = setUp(given);
  const loss = trainer.step(watched.dataset, null, 0, count);
  expect(Math.abs(loss - reference())).toBeLessThan(1e-5 * Math.max(1, loss));
  const { touched, touchedCount } = watched.batch();
  expect(Array.from(touched.subarray(0, touchedCount)).sort()).toEqual(
    [...new Set(rows.flatMap((row) => row.indices))].sort(),
  );
  const gradients = gradientsOf(trainer, watched.batch());
  for (const [name, got] of gradients) {
    const expected = differences(tensors.get(name)!, reference);
    const largest = Math.max(...expected.map(Math.abs));
    expect(got.length, name).toBe(expected.length);
    got.forEach((value, i) => {
      const error = Math.abs(value - expected[i]);
      const tolerance = 1e-3 * Math.abs(expected[i]) + 1e-5 * largest + 2e-6;
      if (!(error <= tolerance)) expect.fail(`gradient of ${name}[${i}] is ${value}, not ${expected[i]}`);
    });
  }
  return gradients;
}

const LOSSES: readonly LossName[] = ["squared", "log", "hinge", "bpr", "max-margin"];

const dense = (): Dense => new Dense(6);

const relu = (): Activation => new Activation("relu");

describe("each layer alone, and the factorization machine", () => {
  const stacks: Record<string, readonly Layer[]> = {
    "no layer": [],
    "batch norm": [new BatchNorm()],
    dropout: [new Dropout(0.4)],
    dense: [new Dense(3)],
    "a wider dense": [new Dense(17)],
    relu: [relu()],
    tanh: [new Activation("tanh")],
    sigmoid: [new Activation("sigmoid")],
  };
  it.each(Object.entries(stacks))("%s", (_, layers) => {
    for (const k of [1, 4, 5])
      for (const binary of [true, false]) expectGradients({ layers, loss: "squared", k, binary });
  });
});

describe("whole networks", () => {
  const stack = (
    activation: "relu" | "tanh" | "sigmoid" | null,
    norm: boolean,
    dropout: boolean,
  ): Layer[] => {
    const norms = norm ? [new BatchNorm()] : [];
    const act = activation === null ? [] : [new Activation(activation)];
    const drop = (rate: number): Layer[] => (dropout ? [new Dropout(rate)] : []);
    return [
      ...norms,
      ...drop(0.3),
      new Dense(6),
      ...norms,
      ...act,
      ...drop(0.2),
      new Dense(4),
      ...norms,
      ...act,
      ...drop(0.2),
    ];
  };
  for (const activation of ["relu", "tanh", "sigmoid", null] as const) {
    for (const norm of [true, false]) {
      for (const dropout of [true, false]) {
        it(`two hidden layers, activation ${activation}, batch norm ${norm}, dropout ${dropout}: every loss`, () => {
          for (const loss of LOSSES) expectGradients({ layers: stack(activation, norm, dropout), loss });
        });
      }
    }
  }

  it("dropout masks are those of the step", () => {
    const first = expectGradients({ layers: stack("tanh", false, true), loss: "squared", step: 0 });
    const later = expectGradients({ layers: stack("tanh", false, true), loss: "squared", step: 41 });
    expect(first.get("hidden.0.weight")).not.toEqual(later.get("hidden.0.weight"));
  });

  it("pairwise losses take batch-norm statistics over positives and negatives together, and their w0 cancels", () => {
    for (const loss of ["bpr", "max-margin"] as const) {
      const gradients = expectGradients({
        layers: [new BatchNorm(), dense(), new BatchNorm(), relu()],
        loss,
        rows: 5,
      });
      expect(Math.abs(gradients.get("bias")![0])).toBeLessThan(1e-7);
    }
  });

  it("sample weights weigh rows, a weight of 0 leaves a row out", () => {
    for (const loss of ["squared", "log", "hinge"] as const) {
      expectGradients({ layers: stack("relu", true, true), loss, weights: [1, 0.25, 3, 0, 2, 0.5, 1] });
    }
  });

  it("one row with batch norm: the norm's shift takes the gradient, nothing below it moves", () => {
    const gradients = expectGradients({
      layers: [new BatchNorm(), dense(), new BatchNorm(), new Activation("tanh")],
      loss: "squared",
      rows: 1,
    });
    for (const name of [
      "embedding.weight",
      "hidden.0.weight",
      "hidden.0.bias",
      "norms.0.weight",
      "norms.0.bias",
      "norms.1.weight",
    ]) {
      expect(
        gradients.get(name)!.every((value) => value === 0),
        name,
      ).toBe(true);
    }
    expect(gradients.get("norms.1.bias")!.every((value) => value !== 0)).toBe(true);
  });

  it("one pair", () => {
    expectGradients({ layers: stack("sigmoid", true, false), loss: "bpr", rows: 1 });
  });

  it("an odd order of layers, with names by position where a name is taken", () => {
    const { parameters } = setUp({ layers: [new BatchNorm(), relu(), new BatchNorm()], loss: "squared" });
    expect(parameters.all.map(({ name }) => name)).toContain("layers.2.weight");
    expectGradients({
      layers: [relu(), new Dropout(0.1), dense(), new Dropout(0.5), new BatchNorm(), new Dense(2)],
      loss: "log",
    });
  });
});
