// A prepared catalog follows its model, serves others in turn, and computes nothing twice.

import { describe, expect, it } from "vitest";
import type { SparseRows } from "../../src/data/sparse-row.ts";
import {
  type Catalog,
  CSRMatrix,
  type FeatureMap,
  NFM,
  type NFMOptions,
  type PointwiseLoss,
} from "../../src/index.ts";
import { countArrays } from "../helpers/arrays.ts";
import { byValue } from "../helpers/by-value.ts";
import {
  contexts,
  expectNear,
  expectSame,
  f,
  labels,
  ones,
  rankedBy,
  rowOf,
  trained,
  training,
  valued,
} from "../helpers/ranking.ts";
import { numbers } from "../reference.ts";

describe("a prepared catalog", () => {
  const cases: NFMOptions[] = [
    { hiddenUnits: [6] },
    { hiddenUnits: [], batchNorm: true },
    { hiddenUnits: [], batchNorm: false },
  ];
  const items = [...ones, ...valued];
  const sharing: FeatureMap = { user: "u1", traits: ["a"] };
  /** Without missing values, for which joined rows would have entries of their own. */
  const complete = training.map(
    (map): FeatureMap => ({ item: "none", traits: [], price: 0, ...(map as object) }),
  );

  /** Ranks in every context and compares with predict; returns the scores as text. */
  function expectUpToDate(model: NFM, candidates: Catalog, what: string): string {
    const [hidden, encoder] = [hasHidden(model), model.encoder!];
    const rowsOf = items.map((item) => rowOf(encoder.encode(item)));
    const scores = [...contexts, sharing].map((context, c) => {
      const rows = CSRMatrix.fromRows(
        rowsOf.map((row) => [...rowOf(encoder.encode(context)), ...row]),
        model.numFeatures,
      );
      const got = model.rank(context, candidates);
      if (hidden) expectSame(got, rankedBy(model, rows), `${what}, context ${c}`);
      else expectNear(model, got, rows, `${what}, context ${c}`);
      return got.map(({ score }) => score).join(" ");
    });
    return scores.join("\n");
  }

  const hasHidden = (model: NFM): boolean => {
    try {
      return model.tensor("output.weight").data.length > 0;
    } catch {
      return false;
    }
  };

  it.each(
    cases,
  )("follows its model through more training, fresh fits and failed ones, and serves other models in turn: %j", async (options) => {
    const model = new NFM({ ...options, embeddingDim: 5, initStd: 0.3, numbers: "raw" });
    await model.fit(complete, labels, { epochs: 2, batchSize: 16 });
    const rows = [...items];
    const catalog = model.prepare(rows);
    expect(catalog.size).toBe(52);
    rows.length = 3; // the catalog keeps its own
    const seen: string[] = [];
    const expectChanged = (what: string): void => {
      const scores = expectUpToDate(model, catalog, what);
      expect(seen).not.toContain(scores);
      seen.push(scores);
      expect(expectUpToDate(model, catalog, `${what}, again`)).toBe(scores);
    };
    expectChanged("prepared");

    model.partialFit(complete, labels);
    expectChanged("after partialFit");
    expect(() => model.partialFit([{ price: 3e38, hour: 3e38 }], [1])).toThrow("nothing has changed");
    expect(expectUpToDate(model, catalog, "after a failed partialFit")).toBe(seen[1]);

    // Another vocabulary: other numbers for the same features, more of them, and some gone.
    const others: FeatureMap[] = complete
      .slice(5)
      .reverse()
      .map((map, i) => ({ region: `r${i % 9}`, ...(map as object) }));
    const before = model.encoder!.index("item=i3");
    const { numFeatures } = model;
    await model.fit(others, labels.slice(5), { epochs: 2, batchSize: 16 });
    expect(model.numFeatures).not.toBe(numFeatures);
    expect(model.encoder!.index("item=i3")).not.toBe(before);
    expectChanged("after a fresh fit");

    await model.fit(others, labels.slice(5), { epochs: 1, batchSize: 16, resume: true });
    expectChanged("after resuming");
    model.partialFit(others.slice(0, 3), [1, 0, 2]); // in the buffers of before
    expectChanged("after a small partialFit");
    await expect(
      model.fit(
        [
          { item: "i1", price: 3e38 },
          { item: "i2", price: -3e38 },
        ],
        [1, 2],
        { epochs: 1 },
      ),
    ).rejects.toThrow(/became/);
    expect(expectUpToDate(model, catalog, "after a failed fit")).toBe(seen[4]);
    await model.fit(
      complete.map((map) => ({ ...(map as object) })),
      labels,
      { epochs: 4, validation: 0.2 },
    );
    expectChanged("after early stopping went back to the best epoch");

    const loaded = NFM.load(model.save());
    expect(expectUpToDate(loaded, loaded.prepare(items), "of a loaded model")).toBe(seen[5]);
    const other = new NFM({ ...options, embeddingDim: 5, seed: 3, initStd: 0.3, numbers: "raw" });
    await other.fit(others, labels.slice(5), { epochs: 2 });
    for (let turn = 0; turn < 2; turn++) {
      for (const whose of [model, other, loaded]) expectUpToDate(whose, catalog, `shared, turn ${turn}`);
    }
  });

  it("serves models of sparse rows in turn, of other sizes and on other backends", async () => {
    const next = numbers(8);
    const rows = Array.from({ length: 80 }, () => ({
      indices: [0, 1, 2, 3].map((p) => 10 * p + Math.floor(next(0, 10))),
      values: Array.from({ length: 4 }, () => f(next(-2, 2))),
    }));
    const [context, candidates] = [
      { indices: [3, 14], values: [1, f(-0.6)] },
      Array.from({ length: 30 }, (_, i) => ({ indices: [20 + (i % 10), 30 + ((3 * i) % 10)] })),
    ];
    const whole = CSRMatrix.fromRows(
      candidates.map((candidate) => [...rowOf(context), ...rowOf(candidate)]),
      40,
    );
    const targets = rows.map((_, i) => i % 3);
    const models: NFM[] = [];
    for (const options of [
      { embeddingDim: 6, hiddenUnits: [4], numFeatures: 40 },
      { embeddingDim: 3, hiddenUnits: [9, 2], numFeatures: 44, backend: "js" },
      { embeddingDim: 6, hiddenUnits: [], batchNorm: true, numFeatures: 40, backend: "js" },
      { embeddingDim: 6, hiddenUnits: [], numFeatures: 52, batchNorm: false, backend: "wasm" },
    ] as NFMOptions[]) {
      const model = new NFM({ initStd: 0.3, ...options });
      await model.fit(rows, targets, { epochs: 2, batchSize: 16 });
      models.push(model);
    }
    for (const input of [candidates, CSRMatrix.fromRows(candidates, 40)]) {
      const catalog = models[1].prepare(input);
      for (const m of [0, 1, 2, 3, 2, 1, 3, 0]) {
        const got = models[m].rank(context, catalog);
        if (m < 2) expectSame(got, rankedBy(models[m], whole), `model ${m}`);
        else expectNear(models[m], got, whole, `model ${m}`);
      }
    }
  });

  it("finds anew what a context shares with it when the numbers of its features change", () => {
    const users = Array.from({ length: 5 }, (_, i) => ({ user: `u${i}` }));
    const own = Array.from({ length: 5 }, (_, i) => ({ item: `i${i}` }));
    const models = [
      [...own, ...users],
      [...users, ...own],
    ].map((maps) => new NFM({ encoder: byValue(maps), embeddingDim: 4, hiddenUnits: [3], initStd: 1 }));
    const catalog = models[0].prepare(own);
    for (const m of [0, 1, 0, 1]) {
      for (const context of [{ item: "i2" }, { user: "u2", item: "i4" }]) {
        const { encoder } = models[m];
        const rows = CSRMatrix.fromRows(
          own.map((map) => [...rowOf(encoder!.encode(context)), ...rowOf(encoder!.encode(map))]),
          10,
        );
        expectSame(models[m].rank(context, catalog), rankedBy(models[m], rows), `model ${m}`);
      }
    }
  });

  it("gives the same bits on plain JavaScript and SIMD, whichever it was prepared with", async () => {
    for (const options of cases) {
      const [js, wasm] = [
        await trained({ ...options, embeddingDim: 7, backend: "js" }),
        await trained({ ...options, embeddingDim: 7, backend: "wasm" }),
      ];
      const catalog = js.prepare(items);
      const wanted = js.rank(contexts[2], catalog);
      expectSame(wasm.rank(contexts[2], wasm.prepare(items)), wanted, "wasm");
      expectSame(wasm.rank(contexts[2], catalog), wanted, "wasm, prepared with js");
    }
  });

  it("makes as many arrays for 20,000 candidates as for 20", () => {
    // bench/allocation.ts measures bytes, boxed numbers among them.
    const rows = CSRMatrix.fromRows(
      Array.from({ length: 20000 }, (_, i) => ({ indices: [10 + (i % 90), 100 + ((i * 7) % 80)] })),
      200,
    );
    for (const backend of ["js", "wasm"] as const) {
      for (const hiddenUnits of [[], [4]]) {
        const model = new NFM({ numFeatures: 200, embeddingDim: 4, hiddenUnits, backend });
        const made = [rows.slice(0, 20), rows].map((candidates) => {
          const catalog = model.prepare(candidates);
          const rank = (): unknown => model.rank({ indices: [1, 2, 3] }, catalog, { top: 10 });
          rank(); // makes sums and buffers
          return countArrays(rank);
        });
        expect(made[1], `${backend}, [${hiddenUnits}]`).toEqual(made[0]);
        expect(made[0].arrays).toBeGreaterThan(0);
        expect(made[0].elements).toBeLessThan(100);
      }
    }
  });
});

describe("bugs that were", () => {
  const machine = (embeddingDim: number): NFM =>
    new NFM({ numFeatures: 30, embeddingDim, hiddenUnits: [], initStd: 1, seed: embeddingDim });

  it("machines of different dimensions may share a catalog", () => {
    const [a, b] = [machine(4), machine(8)];
    const candidates = [{ indices: [10] }, { indices: [11, 12] }];
    const catalog = a.prepare(candidates);
    for (const model of [a, b, a]) {
      const scores = model
        .rank({ indices: [1, 2] }, catalog)
        .map(({ index, score }) => score - model.predict({ indices: [1, 2, ...candidates[index].indices] }));
      for (const difference of scores) expect(Math.abs(difference)).toBeLessThan(1e-5);
    }
  });

  it("a matrix wider than the model keeps its sums from call to call", () => {
    const model = machine(8);
    const catalog = model.prepare(new CSRMatrix({ cols: 99, indptr: [0, 1, 2], indices: [10, 11] }));
    const predictor = NFM.learnerOf(model).ready("test");
    const { network } = predictor;
    const read = (): IteratorResult<void, SparseRows> => catalog.encode(predictor).next();
    expect(read()).toEqual({ done: true, value: read().value });
    // The sums have not been made again if those made up front are still there: here, after V has changed
    // behind their back.
    const context = CSRMatrix.fromRows([{ indices: [1] }]);
    const before = catalog.score(network, predictor, context).slice();
    network.parameters.embedding.value.data.fill(0, 10 * 8, 12 * 8);
    expect(catalog.score(network, predictor, context)).toEqual(before);
  });

  it("many rows are no context", () => {
    const model = machine(4);
    const rows = CSRMatrix.fromRows([{ indices: [1] }, { indices: [2] }], 30);
    expect(() => model.rank(rows as never, [{ indices: [3] }])).toThrow(
      "rank: context must be one row, got CSRMatrix",
    );
    expect(() => model.explain(rows as never)).toThrow("explain: x must be one row, got CSRMatrix");
  });

  it("a sum of shared values that is infinite is refused", () => {
    const huge = { indices: [1], values: [3e38] };
    expect(() => machine(4).rank(huge, [{ indices: [2] }, huge])).toThrow(
      "rank: candidates: the sum of a value and that of the same feature in the context must be finite, got an infinite one in rows 1 to 1",
    );
  });

  it("a link gets the score alone, for many rows as for one", () => {
    const loss = {
      kind: "pointwise",
      name: "own",
      value: () => 0,
      gradient: () => 0,
      link: (score: number, scale: number = 1) => score * scale,
    } as PointwiseLoss;
    const model = new NFM({ numFeatures: 3, hiddenUnits: [], initStd: 1, loss });
    const rows = [{ indices: [0, 1] }, { indices: [1, 2] }, { indices: [0, 2] }];
    expect(Array.from(model.predict(rows))).toEqual(rows.map((row) => model.predict(row)));
  });
});

describe("the work of a ranking", () => {
  const context = Array.from({ length: 300 }, (_, i) => i);
  const candidates = CSRMatrix.fromRows(
    Array.from({ length: 3000 }, (_, i) => ({ indices: [1000 + i] })),
    4000,
  );
  const joined = CSRMatrix.fromRows(
    Array.from({ length: 3000 }, (_, i) => ({ indices: [...context, 1000 + i] })),
    4000,
  );

  /** Entries of rows that the kernels sum over during a call. */
  function entriesSummed(model: NFM, call: () => unknown): number {
    const { kernels } = NFM.learnerOf(model).ready("test").network.parameters.memory;
    const original = kernels.biInteractionForward;
    let entries = 0;
    kernels.biInteractionForward = (batch, v, sums, pooled, squares, start, end) => {
      entries += batch.indptr[end] - batch.indptr[start];
      original(batch, v, sums, pooled, squares, start, end);
    };
    try {
      call();
    } finally {
      kernels.biInteractionForward = original;
    }
    return entries;
  }

  it.each(["js", "wasm"] as const)("sums a context once, however many candidates share it: %s", (backend) => {
    for (const hiddenUnits of [[4], []]) {
      const model = new NFM({ numFeatures: 4000, embeddingDim: 16, hiddenUnits, initStd: 0.1, backend });
      const catalog = model.prepare(candidates);
      expect(entriesSummed(model, () => model.predict(joined))).toBe(3000 * 301);
      expect(entriesSummed(model, () => model.rank({ indices: context }, candidates, { top: 3 }))).toBe(
        300 + 3000,
      );
      // The sums of candidates of a factorization machine are kept; layers need the whole pooled vector.
      const perCandidate = hiddenUnits.length === 0 ? 0 : 1;
      for (let turn = 0; turn < 2; turn++) {
        expect(entriesSummed(model, () => model.rank({ indices: context }, catalog, { top: 3 }))).toBe(
          300 + perCandidate * 3000,
        );
      }
    }
  });
});
