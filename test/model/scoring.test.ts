// Scores of candidates in a context are those of whole rows, bit for bit; for factorization machines within a tolerance that is
// stated at `expectNear`.

import { describe, expect, it } from "vitest";
import {
  Activation,
  BatchNorm,
  CSRMatrix,
  Dense,
  FeatureEncoder,
  type FeatureMap,
  type Layer,
  NFM,
  type NFMOptions,
  type PointwiseLoss,
  type Ranked,
  type Rows,
} from "../../src/index.ts";
import {
  contexts,
  expectNear,
  expectSame,
  expectSameBytes,
  f,
  labels,
  ones,
  rankedBy,
  rowOf,
  sorted,
  trained,
  training,
  valued,
} from "../helpers/ranking.ts";
import { numbers, type Row, scores as referenceScores, type Step } from "../reference.ts";

const BACKENDS = ["js", "wasm"] as const;

const catalogs: readonly (readonly FeatureMap[])[] = [ones, [...valued, { item: "never seen" }]];

const merged = (context: FeatureMap, candidates: readonly FeatureMap[]): FeatureMap[] =>
  candidates.map((map) => ({ ...(context as object), ...(map as object) }));

const KINDS: readonly [name: string, read: (encoder: FeatureEncoder, maps: readonly FeatureMap[]) => Rows][] =
  [
    ["feature maps", (_, maps) => maps],
    ["a matrix", (encoder, maps) => encoder.transform(maps)],
    ["sparse vectors", (encoder, maps) => maps.map((map) => encoder.encode(map))],
    ["maps of indices", (encoder, maps) => maps.map((map) => new Map(rowOf(encoder.encode(map))))],
  ];

describe("the score of a candidate", () => {
  const shapes: NFMOptions[] = ([[], [7], [16, 8]] as const).flatMap((hiddenUnits) =>
    [true, false].map((batchNorm) => ({ hiddenUnits, batchNorm })),
  );

  describe.each([1, 3, 4, 5, 33, 64])("with %i factors", (embeddingDim) => {
    it.each(shapes)("is that of the context's row and the candidate's in one: %j", async (shape) => {
      const activations =
        shape.hiddenUnits!.length === 0
          ? (["relu"] as const)
          : (["relu", "tanh", "sigmoid", "identity"] as const);
      for (const activation of activations) {
        const kinds = activation === "relu" ? KINDS : KINDS.slice(0, 2);
        const results: Ranked[][] = [];
        for (const backend of BACKENDS) {
          const model = await trained({ ...shape, embeddingDim, activation, backend });
          expect(model.backend).toBe(backend);
          const encoder = model.encoder!;
          const [w0, w] = [model.tensor("bias").data[0], model.tensor("linear.weight").data];
          const ofBackend: Ranked[] = [];
          const deep = new Set<string>();
          for (const maps of catalogs) {
            const inputs = kinds.map(([kind, read]) => [kind, read(encoder, maps)] as const);
            const prepared = inputs.map(([kind, input]) => [kind, model.prepare(input)] as const);
            for (const [c, context] of contexts.entries()) {
              const rows = encoder.transform(merged(context, maps));
              const wanted = rankedBy(model, rows);
              const contextRows = [
                context,
                encoder.encode(context),
                encoder.encode(context),
                new Map(rowOf(encoder.encode(context))),
              ];
              const what = `${activation}, ${backend}, context ${c}`;
              inputs.forEach(([kind, input], i) => {
                const row = contextRows[i];
                expectSame(model.rank(row, input), wanted, `${what}, ${kind}`);
                const got = model.rank(row, prepared[i][1]);
                if (shape.hiddenUnits!.length > 0) expectSame(got, wanted, `${what}, prepared ${kind}`);
                else expectNear(model, got, rows, `${what}, prepared ${kind}`);
                ofBackend.push(...got, ...model.rank(row, input));
              });
              for (const { index, score } of wanted)
                deep.add(
                  (
                    score - rowOf(rows.row(index)).reduce((sum, [feature, x]) => sum + w[feature] * x, w0)
                  ).toFixed(4),
                );
            }
          }
          expect(deep.size).toBeGreaterThan(12); // neither the linear term nor one constant is all there was to compare
          results.push(ofBackend);
        }
        expectSame(results[1], results[0], `${activation}, wasm and js`);
      }
    });
  });

  it("is that of the formula in float64", async () => {
    const cases: [NFMOptions, Step[]][] = [
      [{ hiddenUnits: [], batchNorm: true }, [{ kind: "norm", name: "norms.0" }]],
      [
        { hiddenUnits: [7], activation: "tanh" },
        [
          { kind: "norm", name: "norms.0" },
          { kind: "dense", name: "hidden.0" },
          { kind: "norm", name: "norms.1" },
          { kind: "activation", activation: "tanh" },
        ],
      ],
    ];
    for (const [options, steps] of cases) {
      const model = await trained({ ...options, embeddingDim: 5 });
      const names = steps.flatMap(({ kind, name }: Step & { name?: string }) =>
        kind === "norm"
          ? ["weight", "bias", "running_mean", "running_var"].map((part) => `${name}.${part}`)
          : kind === "dense"
            ? [`${name}.weight`, `${name}.bias`]
            : [],
      );
      if (options.hiddenUnits!.length > 0) names.push("output.weight");
      const tensors = new Map(
        ["bias", "linear.weight", "embedding.weight", ...names].map((name) => [
          name,
          Float64Array.from(model.tensor(name).data),
        ]),
      );
      const rows = merged(contexts[2], valued).map((map): Row => {
        const entries = rowOf(model.encoder!.encode(map));
        return { indices: entries.map(([index]) => index), values: entries.map(([, x]) => x) };
      });
      const exact = referenceScores(tensors, 5, steps, rows, false);
      for (const candidates of [valued, model.prepare(valued)]) {
        const ranked = model.rank(contexts[2], candidates);
        expect(ranked).toHaveLength(26);
        // Scores of order 10 from terms of order 100, some hundred roundings of 2^-24: 1e-4 at the very most.
        for (const { index, score } of ranked) expect(Math.abs(score - exact[index])).toBeLessThan(1e-4);
      }
    }
  });

  it("is that of indices and numbers where the model has no encoder", async () => {
    for (const options of [{ hiddenUnits: [6] }, { hiddenUnits: [] }]) {
      const model = new NFM({ ...options, numFeatures: 30, embeddingDim: 6, initStd: 0.3 });
      await model.fit(
        Array.from({ length: 60 }, (_, i) => ({ [i % 10]: 1, [10 + (i % 7)]: i / 30, [20 + (i % 9)]: -1 })),
        Array.from({ length: 60 }, (_, i) => i % 4),
        { epochs: 2 },
      );
      const candidates = Array.from({ length: 20 }, (_, i) => ({
        [15 + (i % 5)]: 0.5 + i,
        [20 + (i % 10)]: 1,
      }));
      const wanted = rankedBy(
        model,
        candidates.map((candidate) => ({ 3: 1, 11: -0.25, ...candidate })),
      );
      for (const context of [
        { 3: 1, 11: -0.25 },
        new Map([
          [3, 1],
          [11, -0.25],
        ]),
        { indices: [3, 11], values: [1, -0.25] },
      ]) {
        expectSame(model.rank(context, candidates), wanted, "records");
        expectSame(
          model.rank(
            context,
            candidates.map(
              (candidate) => new Map(Object.entries(candidate).map(([index, x]) => [Number(index), x])),
            ),
          ),
          wanted,
          "maps",
        );
      }
    }
  });

  it("leaves features never seen in training out, of context and candidate", async () => {
    const model = await trained({ embeddingDim: 4, hiddenUnits: [3] });
    const known = model.rank(contexts[1], ones);
    expectSame(
      model.rank(
        { ...(contexts[1] as object), planet: "mars" },
        ones.map((map) => ({ ...(map as object), colour: "red" })),
      ),
      known,
      "unseen features",
    );
  });

  it("is what predict gives for every loss: a probability for the log loss, one's own link, the raw score of a pairwise loss", async () => {
    const own: PointwiseLoss = {
      kind: "pointwise",
      name: "own",
      value: (s, y) => (s - y) ** 2,
      gradient: (s, y) => 2 * (s - y),
      link: (score) => 10 + 3 * score,
    };
    for (const loss of ["squared", "log", "hinge", "bpr", "max-margin", own] as const) {
      for (const hiddenUnits of [[5], []]) {
        const model = new NFM({ embeddingDim: 4, hiddenUnits, loss, initStd: 0.3 });
        if (loss === "bpr" || loss === "max-margin")
          await model.fitPairs(training, [...training].reverse(), { epochs: 2 });
        else
          await model.fit(
            training,
            labels.map((label) => (label > 0 ? 1 : 0)),
            { epochs: 2 },
          );
        const rows = merged(contexts[2], valued);
        const ranked = model.rank(contexts[2], valued);
        expectSame(ranked, rankedBy(model, rows), typeof loss === "string" ? loss : loss.name);
        const raw = model.predict(rows, { raw: true });
        const link =
          loss === "log"
            ? (score: number) => 1 / (1 + Math.exp(-score))
            : loss === own
              ? (score: number) => 10 + 3 * score
              : (score: number) => score;
        const prepared = model.rank(contexts[2], model.prepare(valued));
        for (const { index, score } of [...ranked, ...prepared])
          expect(score).toBeCloseTo(link(raw[index]), 4);
        expect(ranked.map(({ index }) => index)).toEqual(sorted(raw));
      }
    }
  });

  it("goes through layers of one's own as predict does", async () => {
    const doubled: Layer = {
      type: "doubled",
      shape: (outputDim) => ({ outputDim }),
      forward: ({ x, y, rows }) => {
        for (let i = 0; i < rows * x.stride; i++) y.data[i] = 2 * x.data[i];
      },
      backward: ({ dX, dY, rows }) => {
        for (let i = 0; i < rows * dX.stride; i++) dX.data[i] = 2 * dY.data[i];
      },
    };
    for (const layers of [
      [doubled],
      [new BatchNorm(), doubled],
      [doubled, new BatchNorm()],
      [new Activation("tanh")],
      [new Dense(3)],
    ]) {
      const model = await trained({ embeddingDim: 4, layers });
      const wanted = rankedBy(model, merged(contexts[2], valued));
      for (const candidates of [valued, model.prepare(valued)])
        expectSame(model.rank(contexts[2], candidates), wanted, layers.map(({ type }) => type).join(", "));
    }
    const twice = await trained({ embeddingDim: 4, layers: [new BatchNorm(), new BatchNorm()] });
    const [rows, candidates] = [merged(contexts[2], valued), twice.prepare(valued)];
    expectSame(twice.rank(contexts[2], valued), rankedBy(twice, rows), "two batch norms");
    const wanted = twice.predict(rows);
    // Some hundred roundings of terms that two batch norms have brought to order 10.
    for (const { index, score } of twice.rank(contexts[2], candidates))
      expect(Math.abs(score - wanted[index])).toBeLessThan(1e-4);
  });

  it("is the same in one batch and in many, and around rows longer than any batch before", async () => {
    for (const hiddenUnits of [[4], []]) {
      const model = new NFM({
        numFeatures: 9000,
        embeddingDim: 5,
        hiddenUnits,
        batchNorm: true,
        initStd: 0.1,
      });
      model.partialFit(
        [{ indices: [1, 4500] }, { indices: [2, 6000, 7] }, { indices: [3, 8999] }],
        [1, 2, 3],
      );
      const next = numbers(5);
      const long = (from: number, length: number) => ({
        indices: Array.from({ length }, (_, p) => from + p),
        values: Array.from({ length }, () => f(next(-1, 1))),
      });
      for (const [context, count] of [
        [long(0, 4400), 20],
        [long(0, 3), 400],
      ] as const) {
        const candidates = Array.from({ length: count }, (_, i) =>
          i === 13 || i === 300
            ? long(4500, 4500)
            : i % 100 === 14
              ? { indices: [] }
              : long(4500 + i * 6, i % 10),
        );
        const rows = CSRMatrix.fromRows(
          candidates.map((candidate) => [...rowOf(context), ...rowOf(candidate)]),
          9000,
        );
        expectSame(
          model.rank(context, candidates),
          rankedBy(model, rows),
          `hidden ${hiddenUnits.length}, context of ${context.indices.length}`,
        );
        const got = model.rank(context, model.prepare(candidates));
        if (hiddenUnits.length > 0) expectSame(got, rankedBy(model, rows), "prepared");
        else expectNear(model, got, rows, "prepared");
      }
    }
  });
});

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

  // expectNear's magnitudes are those of a factorization machine; with hidden layers every score must be equal anyway.
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
