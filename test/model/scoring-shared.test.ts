// A feature that context and candidate share has the sum of its values, as in a row that is built from both.

import { describe, expect, it } from "vitest";
import { CSRMatrix, FeatureEncoder, NFM, type NFMOptions, type Rows } from "../../src/index.ts";
import { expectNear, expectSame, expectSameBytes, f, rankedBy, rowOf, trained } from "../helpers/ranking.ts";
import { numbers } from "../reference.ts";

describe("a feature of both context and candidate", () => {
  interface Vector {
    readonly indices: readonly number[];
    readonly values?: readonly number[];
  }

  /** The row with values summed in float32, first come first, and sums of 0 left out. */
  function summed(context: Vector, candidate: Vector): [number, number][] {
    const total = new Map<number, number>();
    for (const [index, x] of [...rowOf(context), ...rowOf(candidate)])
      total.set(index, f((total.get(index) ?? 0) + f(x)));
    return [...total].filter(([, x]) => x !== 0);
  }

  const N = 400;
  const next = numbers(17);
  const whole = (from: number): number => from + Math.floor(next(0, 100));
  const spread = (count: number, low: number): number[] => [
    ...new Set(Array.from({ length: count }, () => whole(low))),
  ];
  const withValues = (indices: readonly number[]): Vector => ({
    indices,
    values: indices.map(() => f(next(-2, 2))),
  });

  async function sparseModel(options: NFMOptions): Promise<NFM> {
    const model = new NFM({ embeddingDim: 6, initStd: 0.3, numFeatures: N, ...options });
    const rows = Array.from({ length: 120 }, (_, i) =>
      withValues([whole(0), whole(100), whole(200), i % 2 ? 7 : 305]),
    );
    await model.fit(
      rows,
      rows.map((_, i) => i % 4),
      { epochs: 2, batchSize: 32 },
    );
    return model;
  }

  const shapes: NFMOptions[] = [
    { hiddenUnits: [5] },
    { hiddenUnits: [], batchNorm: true },
    { hiddenUnits: [], batchNorm: false },
    { hiddenUnits: [4, 3], activation: "tanh", backend: "js" },
  ];

  /** Ranks raw and prepared; of an FM's prepared candidates those that share nothing are only near. */
  function expectSummed(model: NFM, context: Vector, candidates: readonly Vector[], what: string): void {
    const rows = CSRMatrix.fromRows(
      candidates.map((candidate) => summed(context, candidate)),
      model.numFeatures,
    );
    const concatenated = CSRMatrix.fromRows(
      candidates.map((candidate) => [...rowOf(context), ...rowOf(candidate)]),
      model.numFeatures,
    );
    const wanted = model.predict(rows);
    expectSameBytes(model.predict(concatenated), wanted, what);
    const own = new Set(context.indices);
    const inputs: Rows[] = [candidates, CSRMatrix.fromRows(candidates, model.numFeatures)];
    for (const input of inputs) {
      expectSame(model.rank(context, input), rankedBy(model, rows), what);
      const got = model.rank(context, model.prepare(input));
      expectNear(model, got, rows, `${what}, prepared`);
      const shared = got.filter(({ index }) => candidates[index].indices.some((feature) => own.has(feature)));
      for (const { index, score } of shared)
        if (!Object.is(score, wanted[index]))
          expect.fail(`${what}, prepared: candidate ${index} with ${score}, not ${wanted[index]}`);
      if (shared.length === candidates.length) expectSame(got, rankedBy(model, rows), `${what}, prepared`);
    }
  }

  // expectNear's magnitudes are those of a factorization machine; with hidden layers every score must be
  // equal anyway.
  function expectEqual(model: NFM, context: Vector, candidates: readonly Vector[], what: string): void {
    const rows = CSRMatrix.fromRows(
      candidates.map((candidate) => summed(context, candidate)),
      model.numFeatures,
    );
    for (const input of [candidates, CSRMatrix.fromRows(candidates, model.numFeatures)] as Rows[]) {
      for (const either of [input, model.prepare(input)])
        expectSame(model.rank(context, either), rankedBy(model, rows), what);
    }
  }

  it.each(shapes)("has the sum of its values: %j", async (shape) => {
    const model = await sparseModel(shape);
    const check = shape.hiddenUnits!.length > 0 ? expectEqual : expectSummed;
    const context = { indices: spread(5, 0).concat(7, 305) };
    const valuedContext = withValues(context.indices);
    // Some share, most do not; then all do; and rows without features.
    const some = Array.from(
      { length: 60 },
      (_, i): Vector => ({
        indices:
          i % 9 === 0 ? [] : i % 7 === 0 ? [...spread(4, 100), context.indices[0], 305] : spread(i % 9, 200),
      }),
    );
    const all = Array.from(
      { length: 300 },
      (_, i): Vector => ({ indices: [context.indices[i % 5], ...spread(3, 100 + 100 * (i % 3))] }),
    );
    const few = Array.from(
      { length: 40 },
      (_, i): Vector => withValues(i === 31 ? [7, 200] : spread(3, 100)),
    );
    for (const [c, given] of [context, valuedContext].entries()) {
      for (const [s, candidates] of [
        some,
        all,
        few,
        some.map(({ indices }) => withValues(indices)),
        all.map(({ indices }) => withValues(indices)),
      ].entries()) {
        check(model, given, candidates, `context ${c}, candidates ${s}`);
      }
    }
    check(model, { indices: [] }, some, "an empty context");
  });

  it.each(shapes)("is gone where its values cancel: %j", async (shape) => {
    const model = await sparseModel(shape);
    const check = shape.hiddenUnits!.length > 0 ? expectEqual : expectSummed;
    const context: Vector = { indices: [7, 120, 305], values: [0.5, -2, 1] };
    const candidates: Vector[] = [
      { indices: [7, 260], values: [-0.5, 1] },
      { indices: [305, 120, 7], values: [-1, 2, -0.5] },
      { indices: [7], values: [-0.25] },
      { indices: [261], values: [3] },
      { indices: [305], values: [-1] },
      { indices: [] },
      { indices: [120], values: [2] },
    ];
    check(model, context, candidates, "cancelling");
    const scores = new Map(model.rank(context, candidates).map(({ index, score }) => [index, score]));
    expect(scores.get(1)).toBe(model.predict({ indices: [] }));
    expect(scores.get(4)).toBe(model.predict({ indices: [7, 120], values: [0.5, -2] }));
  });

  it.each(
    shapes,
  )("counts in rows of thousands of entries too, longer than any batch before: %j", async (shape) => {
    const model = new NFM({ embeddingDim: 3, initStd: 0.05, ...shape, numFeatures: 12000 });
    model.partialFit([{ indices: [1, 2] }, { indices: [3, 11999] }], [1, 0]);
    const run = (from: number, length: number): Vector =>
      withValues(Array.from({ length }, (_, p) => from + p));
    const context = run(0, 4200);
    const candidates = [
      run(9000, 2),
      run(4190, 900),
      run(0, 6),
      run(8000, 10),
      run(4199, 1),
      ...Array.from({ length: 4 }, (_, i) => run(4000 + 10 * i, 300)),
    ];
    const ranked = model.rank(context, candidates); // before predict has made room for such rows
    const rows = CSRMatrix.fromRows(
      candidates.map((candidate) => summed(context, candidate)),
      12000,
    );
    const wanted = rankedBy(model, rows);
    expectSame(ranked, wanted, "raw");
    const got = model.rank(context, model.prepare(candidates));
    if (shape.hiddenUnits!.length > 0) expectSame(got, wanted, "prepared");
    else expectNear(model, got, rows, "prepared");
  });

  it("counts twice where both name it, also as colliding names of a hashing encoder", async () => {
    const maps = Array.from({ length: 60 }, (_, i) => ({
      user: `u${i % 12}`,
      item: `i${i % 15}`,
      hour: i / 60,
    }));
    const model = new NFM({
      embeddingDim: 4,
      hiddenUnits: [3],
      encoder: new FeatureEncoder({ hashBits: 4 }),
      initStd: 0.3,
    });
    await model.fit(
      maps,
      maps.map((_, i) => i % 3),
      { epochs: 2 },
    );
    const context = { user: "u3", hour: 0.3 };
    const candidates = Array.from({ length: 15 }, (_, i) => ({ item: `i${i}` }));
    const own = new Set(Array.from(model.encoder!.encode(context).indices));
    const colliding = candidates.filter((map) => own.has(model.encoder!.encode(map).indices[0])).length;
    expect(colliding).toBeGreaterThan(0);
    expect(colliding).toBeLessThan(15);
    const wanted = rankedBy(
      model,
      candidates.map((map) => ({ ...context, ...map })),
    );
    for (const either of [candidates, model.prepare(candidates)])
      expectSame(model.rank(context, either), wanted, "hashed");

    const learned = await trained({ embeddingDim: 4, hiddenUnits: [3] });
    const index = learned.encoder!.index("item=i1")!;
    expect(learned.rank({ item: "i1" }, [{ item: "i1" }])).toEqual([
      { index: 0, score: learned.predict(new Map([[index, 2]])) },
    ]);
  });
});
