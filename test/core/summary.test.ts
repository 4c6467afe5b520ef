// What JSON.stringify and console.log show of a model: a short summary, no numbers of parameters.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { inspect } from "node:util";
import { buildSync } from "esbuild";
import { describe, expect, it } from "vitest";
import { Adagrad, BatchNorm, Dense, type Layer, NFM, type PointwiseLoss, SGD } from "../../src/index.ts";
import { Predictor } from "../../src/predict.ts";
import { fitted } from "../helpers/maps.ts";

const loss: PointwiseLoss = { kind: "pointwise", name: "mine", value: () => 0, gradient: () => 0 };
const layer: Layer = {
  type: "own",
  shape: (outputDim) => ({ outputDim }),
  forward: () => undefined,
  backward: () => undefined,
};

describe("JSON.stringify of a model", () => {
  it("is its options, sizes and backend", async () => {
    const model = await fitted({
      embeddingDim: 4,
      hiddenUnits: [3],
      loss: "squared",
      seed: 7,
      backend: "js",
    });
    const { numFeatures } = model;
    expect(JSON.parse(JSON.stringify(model))).toEqual({
      options: {
        numFeatures,
        embeddingDim: 4,
        hiddenUnits: [3],
        activation: "relu",
        batchNorm: false,
        dropout: { biInteraction: 0.8, hidden: 0.3 },
        loss: "squared",
        labels: "auto",
        optimizer: { name: "adagrad", learningRate: 0.1, initialAccumulator: 0.001 },
        l2: { embedding: 0.01, linear: 0.01, hidden: 0 },
        initStd: 0.2,
        seed: 7,
      },
      numFeatures,
      numParameters: 1 + numFeatures + 4 * numFeatures + (4 * 3 + 3) + 3,
      backend: "js",
    });
  });

  it("is of the same length whatever the size of the model, and makes no parameters", () => {
    const huge = new NFM({ numFeatures: 4e9, backend: "js" });
    expect(JSON.stringify(huge).length).toBeLessThan(500);
    expect(huge.toJSON().numFeatures).toBe(4e9);
    expect(NFM.learnerOf(huge).predictor).toBeNull();
    const unknown = new NFM();
    expect(unknown.toJSON()).toMatchObject({ numFeatures: 0, numParameters: 0 });
    expect(inspect(unknown)).toContain("numFeatures: 0");
    expect(NFM.learnerOf(unknown).predictor).toBeNull();
  });

  it("names losses, layers and optimizers of one's own", () => {
    const optimizer = {
      name: "mine too",
      initialState: null,
      update: () => undefined,
      toJSON: () => ({ rate: 3 }),
    };
    const { options } = new NFM({ loss, layers: [new BatchNorm(), layer, new Dense(2)], optimizer }).toJSON();
    expect(options).toMatchObject({
      loss: "mine",
      customLoss: true,
      layers: [{ type: "batch-norm" }, { type: "own" }, { type: "dense", units: 2 }],
      optimizer: { name: "mine too", rate: 3 },
      customOptimizer: true,
    });
    expect(new NFM({ optimizer: new SGD({ momentum: 0.5 }) }).toJSON().options.optimizer).toEqual({
      name: "sgd",
      learningRate: 0.01,
      momentum: 0.5,
    });
    expect(JSON.stringify(new Adagrad())).toBe('{"learningRate":0.05,"initialAccumulator":1e-8}');
  });

  it("of a predictor is its layers, sizes and backend", async () => {
    const model = await fitted();
    const predictor = Predictor.load(model.save(), { backend: "js" });
    expect(JSON.parse(JSON.stringify(predictor))).toEqual({
      embeddingDim: 4,
      layers: ["dropout", "dense", "activation", "dropout"],
      numFeatures: model.numFeatures,
      backend: "js",
    });
  });
});

describe("console.log of a model", () => {
  it("is one summary with the name of its class, at any depth", async () => {
    const model = await fitted();
    const text = inspect(model);
    expect(text).toMatch(/^NFM \{\n {2}numFeatures: \d+,\n {2}embeddingDim: 4,/);
    expect(text).toContain("hiddenUnits: [ 3 ]");
    expect(text).toContain("numParameters: ");
    expect(text).toContain("backend: 'wasm'");
    expect(text.length).toBeLessThan(800);
    expect(inspect({ deep: { model } })).toContain("NFM {");
    expect(inspect(Predictor.load(model.save()))).toMatch(/^Predictor \{/);
  });

  it("works where there is no util.inspect", async () => {
    const model = await fitted();
    const show = (model as unknown as Record<symbol, (depth: number, options: object) => string>)[
      Symbol.for("nodejs.util.inspect.custom")
    ];
    expect(JSON.parse(show.call(model, 0, {}).replace(/^NFM /, ""))).toMatchObject({
      embeddingDim: 4,
      backend: "wasm",
    });
  });
});

it("classes keep their names, also in a bundle", async () => {
  const folder = mkdtempSync(join(tmpdir(), "neural-fm-"));
  try {
    for (const entry of ["index", "predict"]) {
      const built = buildSync({
        entryPoints: [fileURLToPath(new URL(`../../src/${entry}.ts`, import.meta.url))],
        bundle: true,
        format: "esm",
        target: "es2022",
        write: false,
      });
      const path = join(folder, `${entry}.mjs`);
      writeFileSync(path, built.outputFiles[0].contents);
      const bundle = (await import(pathToFileURL(path).href)) as Record<string, unknown>;
      const source = (await import(`../../src/${entry}.ts`)) as Record<string, unknown>;
      expect(Object.keys(bundle).sort()).toEqual(Object.keys(source).sort());
      for (const [name, value] of Object.entries(bundle))
        expect((value as { name: string }).name, entry).toBe(name);
      for (const [name, value] of Object.entries(source))
        expect((value as { name: string }).name, entry).toBe(name);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});
