// The cases computed by float64 PyTorch autograd: eval scores, losses, and every tensor after one SGD step
// and after three Adagrad steps. Tolerance 1e-4 relative, as float32 against float64 over three steps allows.

import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { Adagrad, CSRMatrix, NFM, type Optimizer, SGD } from "../src/index.ts";

const folder = new URL("./fixtures/", import.meta.url);
const cases = readdirSync(folder).filter((name) => name.endsWith(".json"));

interface Rows {
  rows: number;
  cols: number;
  indptr: number[];
  indices: number[];
  values: number[];
}
interface Case {
  config: { loss: string };
  x: Rows;
  y: number[] | null;
  negatives: Rows | null;
  evalScores: number[];
  sgd: { learningRate: number; steps: number; losses: number[]; after: string };
  adagrad: {
    learningRate: number;
    initialAccumulator: number;
    steps: number;
    losses: number[];
    after: string;
  };
}

const readBytes = (name: string): Uint8Array => new Uint8Array(readFileSync(new URL(name, folder)));

/** 1e-4 relative, with a floor for values near zero. */
function expectClose(actual: ArrayLike<number>, expected: ArrayLike<number>, what: string): void {
  expect(actual.length, what).toBe(expected.length);
  for (let i = 0; i < expected.length; i++) {
    const error = Math.abs(actual[i] - expected[i]) / Math.max(Math.abs(expected[i]), 1e-2);
    expect(error, `${what}[${i}]: ${actual[i]} against ${expected[i]}`).toBeLessThan(1e-4);
  }
}

function tensorNames(bytes: Uint8Array): string[] {
  const length = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + length))) as Record<
    string,
    unknown
  >;
  return Object.keys(header).filter((name) => name !== "__metadata__");
}

it("there are six golden cases", () => expect(cases.length).toBe(6));

describe.each(cases)("golden case %s", (name) => {
  const golden = JSON.parse(readFileSync(new URL(name, folder), "utf8")) as Case;
  const initial = readBytes(name.replace(".json", ".init.safetensors"));
  const x = new CSRMatrix(golden.x);
  const negatives = golden.negatives && new CSRMatrix(golden.negatives);

  it("gives PyTorch's eval scores", () => {
    expectClose(NFM.load(initial).predict(x, { raw: true }), golden.evalScores, "score");
  });

  function replay(optimizer: Optimizer, run: { steps: number; losses: number[]; after: string }): void {
    const model = NFM.load(initial, { optimizer });
    for (let step = 0; step < run.steps; step++) {
      const loss = negatives ? model.partialFitPairs(x, negatives) : model.partialFit(x, golden.y!);
      expectClose([loss], [run.losses[step]], `loss of step ${step}`);
    }
    const after = NFM.load(readBytes(run.after));
    for (const tensor of tensorNames(initial))
      expectClose(model.tensor(tensor).data, after.tensor(tensor).data, tensor);
  }

  it("moves every tensor as PyTorch's SGD does in one step", () => {
    replay(new SGD({ learningRate: golden.sgd.learningRate }), golden.sgd);
  });

  it("moves every tensor as PyTorch's Adagrad does in three steps", () => {
    const { learningRate, initialAccumulator } = golden.adagrad;
    replay(new Adagrad({ learningRate, initialAccumulator }), golden.adagrad);
  });
});
