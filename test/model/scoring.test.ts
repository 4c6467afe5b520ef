// Scores of candidates in a context are those of whole rows, bit for bit; for factorization machines within a
// tolerance that is stated at `expectNear`.

import { describe, expect, it } from "vitest";
import {
  Activation,
  BatchNorm,
  CSRMatrix,
  Dense,
  type FeatureEncoder,
  type FeatureMap,
  type Layer,
  NFM,
  type NFMOptions,
  type PointwiseLoss,
  type Ranked,
  type Rows,
} from "../../src/index.ts";
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
        { hiddenUnits: [7], batchNorm: true, activation: "tanh" },
        [
          { kind: "norm", name: "norms.0" },
          { kind: "dense", name: "hidden.0" },
          { kind: "norm", name: "norms.1" },
          { kind: "activation", activation: "tanh" },
        ],
      ],
    ];
    for (const [options, steps] of cases) {
      const model = await trained({ ...options, embeddingDim: 5, labels: "raw" });
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
        const model = new NFM({
          ...{ embeddingDim: 4, hiddenUnits, loss, initStd: 0.3 },
          encoder: byValue(training),
        });
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
