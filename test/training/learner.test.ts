// The same seed gives the same bits: from fit to fit, on either backend, in another process, and after a file
// in between.

import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { buildSync } from "esbuild";
import { describe, expect, it } from "vitest";
import * as library from "../../src/index.ts";
import { Adagrad, NFM, SGD } from "../../src/index.ts";
import { all, BLANK, dataset, digest, fit, N, SMALL, spyLoss, values } from "../helpers/training.ts";

/** Runs a model through everything random; self-contained, because another process runs its source text. */
async function recipe({ NFM, CSRMatrix }: Pick<typeof library, "NFM" | "CSRMatrix">): Promise<Uint8Array> {
  const row = (i: number): [number, number][] => [
    [i % 11, 1],
    [11 + ((i * 5) % 13), 0.1 * ((i % 7) + 1)],
    [24 + (i % 3), 1],
  ];
  const lists = Array.from({ length: 70 }, (_, i) => row(i));
  const x = CSRMatrix.fromRows(lists, 27);
  const model = new NFM({
    embeddingDim: 9,
    hiddenUnits: [8, 5],
    activation: "tanh",
    loss: "log",
    seed: 12345678901,
  });
  await model.fit(
    x,
    lists.map((_, i) => (i * i) % 2),
    { epochs: 4, batchSize: 16, validation: 0.2 },
  );
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
    const fits = Promise.all([
      one.fit(x, y, { ...run, onBatch: () => void one.predict(x.row(0)) }),
      other.fit(x, y, run),
    ]);
    void fits.finally(() => {
      done = true;
    });
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
        const options = {
          embeddingDim: 7,
          hiddenUnits: [9, 5],
          activation,
          optimizer,
          l2: { embedding: 1e-3, hidden: 1e-3 },
          seed: 4,
        };
        const [plain, simd] = [
          await fit({ ...options, backend: "js" }),
          await fit({ ...options, backend: "wasm" }),
        ];
        expect([plain.backend, simd.backend]).toEqual(["js", "wasm"]);
        expect(simd.save({ optimizer: true })).toEqual(plain.save({ optimizer: true }));
      }
    }
  });

  it("in another process", async () => {
    const folder = mkdtempSync(join(tmpdir(), "neural-fm-"));
    try {
      const script = join(folder, "recipe.mjs");
      const entry = fileURLToPath(new URL("../../src/index.ts", import.meta.url));
      buildSync({
        entryPoints: [entry],
        bundle: true,
        format: "esm",
        platform: "node",
        target: "es2022",
        outfile: join(folder, "index.mjs"),
      });
      writeFileSync(
        script,
        `
        import { createHash } from "node:crypto";
        import * as library from "./index.mjs";
        ${recipe.toString()}
        process.stdout.write(createHash("sha256").update(await recipe(library)).digest("hex"));
      `,
      );
      const theirs = execFileSync(process.execPath, [script], { encoding: "utf8" });
      expect(theirs).toBe(digest(await recipe(library)));
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it("another seed differs: in initial values, order and masks", async () => {
    const initial = (seed: number): number[] =>
      values(new NFM({ ...SMALL, numFeatures: N, seed }), "embedding.weight");
    expect(initial(1)).not.toEqual(initial(2));
    expect(initial(1)).not.toEqual(initial(1 + 2 ** 32));
    const orders = await Promise.all(
      [1, 2].map(async (seed) => {
        const seen: number[] = [];
        await fit({ ...BLANK, numFeatures: N, seed, loss: spyLoss(seen) }, { epochs: 1 });
        return seen;
      }),
    );
    expect(orders[0]).not.toEqual(orders[1]);
    const { x, y } = dataset(20);
    const masked = [1, 2].map((seed) => {
      const model = NFM.load(
        new NFM({ ...SMALL, hiddenUnits: [], numFeatures: N, initStd: 1, batchNorm: false, seed: 1 }).save(),
      );
      const reseeded = NFM.load(withSeed(model.save(), seed));
      reseeded.partialFit(x, y);
      return values(reseeded, "embedding.weight");
    });
    expect(masked[0]).not.toEqual(masked[1]);
  });

  /** The same file with another one-digit seed in its config. */
  function withSeed(bytes: Uint8Array, seed: number): Uint8Array {
    const text = Buffer.from(bytes)
      .toString("latin1")
      .replace(/(\\"seed\\":)\d/, `$1${seed}`);
    return new Uint8Array(Buffer.from(text, "latin1"));
  }
});

describe("resuming", () => {
  const optimizers = {
    Adagrad: new Adagrad(),
    "SGD with momentum": new SGD({ learningRate: 0.02, momentum: 0.9 }),
    "plain SGD": new SGD({ learningRate: 0.02 }),
  };
  const { x, y } = dataset(50);

  it.each(
    Object.entries(optimizers),
  )("3 epochs, a file and 2 epochs are 5 epochs, bit for bit: %s", async (_, optimizer) => {
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

it("a model that there is no memory for is refused each time, with the same message", () => {
  const model = new NFM({ numFeatures: 2 ** 32 - 1, embeddingDim: 65536, hiddenUnits: [] });
  for (let turn = 0; turn < 2; turn++) {
    expect(() => model.predict({ indices: [1] })).toThrow(
      /^cannot allocate 1073758209 MiB for the model \(.*\); use fewer features/,
    );
  }
  expect(model.numFeatures).toBe(2 ** 32 - 1);
});
