// What rank and prepare refuse, on its text; nothing has changed then.

import { describe, expect, it } from "vitest";
import { type Catalog, CSRMatrix, type FeatureMap, NFM, type Rows } from "../../src/index.ts";
import { contexts, expectSame, expectSameBytes, ones, trained } from "../helpers/ranking.ts";

describe("errors of rank and prepare", () => {
  const context = { indices: [1, 2] };
  const candidates = [{ indices: [5] }, { indices: [6, 7] }];
  const calls: [
    what: string,
    call: (model: NFM, prepared: Catalog) => unknown,
    kind: ErrorConstructor,
    message: string,
  ][] = [
    [
      "top 0",
      (model) => model.rank(context, candidates, { top: 0 }),
      RangeError,
      "rank: top must be an integer of at least 1, got 0",
    ],
    [
      "top -1",
      (model) => model.rank(context, candidates, { top: -1 }),
      RangeError,
      "rank: top must be an integer of at least 1, got -1",
    ],
    [
      "top 1.5",
      (model) => model.rank(context, candidates, { top: 1.5 }),
      RangeError,
      "rank: top must be an integer of at least 1, got 1.5",
    ],
    [
      "top NaN",
      (model) => model.rank(context, candidates, { top: NaN }),
      RangeError,
      "rank: top must be an integer of at least 1, got NaN",
    ],
    [
      "top infinite",
      (model) => model.rank(context, candidates, { top: Infinity }),
      RangeError,
      "rank: top must be an integer of at least 1, got Infinity",
    ],
    [
      "top a string",
      (model) => model.rank(context, candidates, { top: "3" as unknown as number }),
      TypeError,
      'rank: top must be an integer, got "3"',
    ],
    [
      "top 0 of nothing",
      (model) => model.rank(context, [], { top: 0 }),
      RangeError,
      "rank: top must be an integer of at least 1, got 0",
    ],
    [
      "a misspelt option",
      (model) => model.rank(context, candidates, { topk: 3 } as object),
      TypeError,
      'rank has no option "topk"; it has top',
    ],
    [
      "options that are none",
      (model) => model.rank(context, candidates, 3 as unknown as object),
      TypeError,
      "rank: options must be an object, got 3",
    ],
    [
      "candidates a string",
      (model) => model.rank(context, "abc" as unknown as Rows),
      TypeError,
      'rank: candidates must be an array or iterable of feature maps or sparse vectors, columns such as { user: [...], price: [...] }, a table, or a CSRMatrix, got "abc"',
    ],
    [
      "candidates absent",
      (model) => model.rank(context, undefined as unknown as Rows),
      TypeError,
      "rank: candidates must be an array or iterable of feature maps or sparse vectors, columns such as { user: [...], price: [...] }, a table, or a CSRMatrix, got undefined",
    ],
    [
      "one candidate",
      (model) => model.rank(context, candidates[0] as unknown as Rows),
      TypeError,
      "rank: candidates must be an array or iterable of feature maps or sparse vectors, columns such as { user: [...], price: [...] }, a table, or a CSRMatrix (for a single row, pass an array of it), got object with keys indices",
    ],
    [
      "a candidate that is no row",
      (model) => model.rank(context, [candidates[0], 7] as unknown as Rows),
      TypeError,
      "rank: candidates[1] must be a sparse vector { indices, values? } or a map from feature indices to numbers, got 7",
    ],
    [
      "a candidate with names",
      (model) => model.rank(context, [{ item: "tea" }]),
      TypeError,
      "rank: candidates[0]: keys must be feature indices (this model has no encoder for names",
    ],
    [
      "a candidate's value",
      (model) => model.rank(context, [{ indices: [3], values: [NaN] }]),
      RangeError,
      "rank: candidates[0].values[0] must be finite (in 32 bits), got NaN",
    ],
    [
      "a candidate's index",
      (model) => model.rank(context, [candidates[0], { indices: [3, 20] }]),
      RangeError,
      "rank: candidates[1].indices[1] must be below numFeatures (20), got 20",
    ],
    [
      "a candidate's key",
      (model) => model.rank(context, [{ 3: 1 }, { 20: 1 }]),
      RangeError,
      "rank: candidates[1]: key 20 must be below numFeatures (20), got 20",
    ],
    [
      "a matrix's index",
      (model) => model.rank(context, CSRMatrix.fromRows([{ indices: [4, 31] }])),
      RangeError,
      "rank: candidates.indices[1] must be below numFeatures (20), got 31",
    ],
    [
      "many contexts",
      (model) => model.rank([context] as unknown as FeatureMap, candidates),
      TypeError,
      "rank: context must be a sparse vector { indices, values? } or a map from feature indices to numbers, got array of 1",
    ],
    [
      "context a string",
      (model) => model.rank("ana" as unknown as FeatureMap, candidates),
      TypeError,
      'rank: context must be a sparse vector { indices, values? } or a map from feature indices to numbers, got "ana"',
    ],
    [
      "context absent",
      (model) => model.rank(null as unknown as FeatureMap, candidates),
      TypeError,
      "rank: context must be a sparse vector { indices, values? } or a map from feature indices to numbers, got null",
    ],
    [
      "a context with names",
      (model) => model.rank({ user: "ana" }, candidates),
      TypeError,
      "rank: context: keys must be feature indices (this model has no encoder for names",
    ],
    [
      "the context's value",
      (model, prepared) => model.rank({ 3: Infinity }, prepared),
      RangeError,
      "rank: context.get(3) must be finite (in 32 bits), got Infinity",
    ],
    [
      "the context's index",
      (model, prepared) => model.rank({ indices: [3, 20] }, prepared),
      RangeError,
      "rank: context.indices[1] must be below numFeatures (20), got 20",
    ],
    [
      "the context's key",
      (model) => model.rank({ 20: 1 }, candidates),
      RangeError,
      "rank: context: key 20 must be below numFeatures (20), got 20",
    ],
    [
      "a context, of nothing",
      (model) => model.rank({ 20: 1 }, []),
      RangeError,
      "rank: context: key 20 must be below numFeatures (20), got 20",
    ],
    [
      "an empty catalog",
      (model) => model.prepare([]),
      RangeError,
      "prepare: candidates must hold at least one row, got none",
    ],
    [
      "a catalog of no kind",
      (model) => model.prepare(5 as unknown as Rows),
      TypeError,
      "prepare: candidates must be an array or iterable of feature maps or sparse vectors, columns such as { user: [...], price: [...] }, a table, or a CSRMatrix, got 5",
    ],
    [
      "a catalog's index",
      (model) => model.prepare([{ indices: [3] }, { indices: [44] }]),
      RangeError,
      "prepare: candidates[1].indices[0] must be below numFeatures (20), got 44",
    ],
  ];

  it.each([
    { hiddenUnits: [3] },
    { hiddenUnits: [] },
  ])("name the place and leave model and catalog as they were: %j", (options) => {
    const model = new NFM({ ...options, numFeatures: 20, embeddingDim: 4, initStd: 0.3 });
    model.partialFit([{ indices: [1, 5] }, { indices: [2, 6, 7] }], [1, 0]);
    const prepared = model.prepare(candidates);
    const [file, ranked] = [model.save({ optimizer: true }), model.rank(context, prepared)];
    for (const [what, call, kind, message] of calls) {
      let thrown: unknown = null;
      try {
        call(model, prepared);
      } catch (error) {
        thrown = error;
      }
      expect((thrown as Error | null)?.message, what).toContain(message);
      expect((thrown as Error).constructor, what).toBe(kind);
      expectSameBytes(model.save({ optimizer: true }), file, what);
      expectSame(model.rank(context, prepared), ranked, what);
    }
  });

  it("name fields where the model has an encoder", async () => {
    const model = await trained({ embeddingDim: 4, hiddenUnits: [3] });
    const prepared = model.prepare(ones);
    expect(() => model.rank({ user: () => 1 } as unknown as FeatureMap, prepared)).toThrow(
      "rank: context.user must be a number, string, boolean",
    );
    expect(() => model.rank([{ user: "u1" }] as unknown as FeatureMap, prepared)).toThrow(
      "rank: context must be an object or a Map from field names to values, got array of 1",
    );
    expect(() => model.rank({}, [{}, { price: NaN }])).toThrow(
      "rank: candidates[1].price must be finite (in 32 bits), got NaN",
    );
    expect(() => model.rank({ indices: [1000] }, prepared)).toThrow(
      `rank: context.indices[0] must be below numFeatures (${model.numFeatures}), got 1000`,
    );
    expect(() => model.prepare([{}, { item: () => 1 }] as unknown as FeatureMap[])).toThrow(
      "prepare: candidates[1].item must be a",
    );
  });

  it("say that a model has no parameters yet", () => {
    const model = new NFM();
    expect(() => model.rank({}, [{}])).toThrow(
      "rank: the model has no parameters yet; fit it, load one, or construct it with numFeatures",
    );
    expect(() => model.prepare([{}])).toThrow("prepare: the model has no parameters yet");
    expect(model.numFeatures).toBe(0);
  });

  it("say which candidate a smaller model cannot read, and leave the catalog to those that can", () => {
    const [large, tiny] = [20, 6].map(
      (numFeatures) => new NFM({ numFeatures, embeddingDim: 4, hiddenUnits: [3], initStd: 0.3 }),
    );
    const prepared = large.prepare(candidates);
    const ranked = large.rank(context, prepared);
    expect(() => tiny.rank(context, prepared)).toThrow(
      "candidates[1].indices[0] must be below numFeatures (6), got 6",
    );
    expectSame(large.rank(context, prepared), ranked, "after the error");
  });

  it("do not come where there is nothing to rank: no candidates give an empty list", async () => {
    const model = await trained({ embeddingDim: 4, hiddenUnits: [3] });
    expect(model.rank(contexts[1], [])).toEqual([]);
    expect(model.rank(contexts[1], [], { top: 5 })).toEqual([]);
    expect(model.rank(contexts[1], CSRMatrix.fromRows([], 3))).toEqual([]);
    expectSame(
      model.rank({}, [{}]),
      [{ index: 0, score: model.predict({}) }],
      "an empty row in an empty context",
    );
  });

  it("keep what a row left half read out of the next one", () => {
    const model = new NFM({ numFeatures: 20, embeddingDim: 4, hiddenUnits: [3], initStd: 0.3 });
    const ranked = model.rank(context, candidates);
    expect(() => model.rank({ indices: [8, 9, 10], values: [1, 1, NaN] }, candidates)).toThrow(
      "rank: context.values[2]",
    );
    expectSame(model.rank(context, candidates), ranked, "after the error");
  });
});
