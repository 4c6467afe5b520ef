// What the public types promise, checked by the compiler.

import { describe, expectTypeOf, it } from "vitest";
import {
  Adagrad,
  type CSRMatrix,
  Dense,
  type Explanation,
  type FeatureEncoder,
  type FeatureMap,
  type History,
  type Layer,
  NFM,
  type PointwiseLoss,
  parseLibSVM,
  type Ranked,
  type Recommendation,
  Recommender,
  SGD,
  type SparseVector,
} from "../src/index.ts";

const model = new NFM();
declare const maps: readonly FeatureMap[];
declare const vectors: readonly SparseVector[];
declare const matrix: CSRMatrix;

describe("predict", () => {
  it("gives a number for one row", () => {
    expectTypeOf(
      model.predict({ user: "ana", hour: 18, tags: ["a"], weights: { a: 0.5 }, member: true, city: null }),
    ).toEqualTypeOf<number>();
    expectTypeOf(model.predict({ indices: [1, 2] })).toEqualTypeOf<number>();
    expectTypeOf(
      model.predict({ indices: new Uint32Array(2), values: new Float32Array(2) }),
    ).toEqualTypeOf<number>();
    expectTypeOf(model.predict(new Map([["user", "ana"]]))).toEqualTypeOf<number>();
    expectTypeOf(model.predict(new Map([[17, 1]]))).toEqualTypeOf<number>();
    expectTypeOf(model.predict({ 17: 1, 90: 0.5 }, { raw: true })).toEqualTypeOf<number>();
  });

  it("gives a Float32Array for rows", () => {
    expectTypeOf(model.predict(matrix)).toEqualTypeOf<Float32Array>();
    expectTypeOf(model.predict(maps)).toEqualTypeOf<Float32Array>();
    expectTypeOf(model.predict(vectors)).toEqualTypeOf<Float32Array>();
    expectTypeOf(model.predict([{ user: "ana" }, { user: "bo" }])).toEqualTypeOf<Float32Array>();
    expectTypeOf(model.predict([{ indices: [1] }])).toEqualTypeOf<Float32Array>();
    expectTypeOf(model.predict([{ 17: 1, 90: 0.5 }])).toEqualTypeOf<Float32Array>();
    expectTypeOf(model.predict([])).toEqualTypeOf<Float32Array>();
  });

  it("takes rows declared as an interface", () => {
    interface Event {
      user: string;
      hour?: number;
      tags: readonly string[];
    }
    const event = { user: "ana", tags: ["a"] } as Event;
    expectTypeOf(model.predict(event)).toEqualTypeOf<number>();
    expectTypeOf(model.predict([event])).toEqualTypeOf<Float32Array>();
    expectTypeOf(model.fit([event], [1], { validation: 0.5 })).toEqualTypeOf<Promise<History>>();
    expectTypeOf(model.evaluate([event], [1])).toEqualTypeOf<Record<string, number>>();
    expectTypeOf(model.partialFit([event], [1])).toEqualTypeOf<number>();
    interface Dated {
      user: string;
      when: Date;
    }
    // @ts-expect-error a date is no feature value
    void model.fit([] as Dated[], []);
    // @ts-expect-error a date is no feature value
    model.predict({ user: "ana", when: new Date() } as Dated);
  });

  it("refuses what is no row", () => {
    // @ts-expect-error a string is no row
    model.predict("ana");
    // @ts-expect-error a date is no feature value
    model.predict({ when: new Date() });
    // @ts-expect-error an unknown option
    model.predict(matrix, { probability: true });
  });
});

describe("ranking and recommending", () => {
  interface Film {
    item: string;
    genres: readonly string[];
    year?: number;
  }
  interface Visit {
    user: string;
    hour: number;
  }
  const films: Film[] = [{ item: "a", genres: [] }];
  const visit = { user: "ana", hour: 7 } as Visit;

  it("takes rows of every kind, those declared as an interface too", () => {
    expectTypeOf(model.rank(visit, films, { top: 3 })).toEqualTypeOf<Ranked[]>();
    expectTypeOf(model.rank({ 3: 1 }, matrix)).toEqualTypeOf<Ranked[]>();
    expectTypeOf(model.rank({ indices: [1] }, model.prepare(films))).toEqualTypeOf<Ranked[]>();
    expectTypeOf(model.explain(visit)).toEqualTypeOf<Explanation>();
    expectTypeOf(model.initFrom(new NFM())).toEqualTypeOf<NFM>();
    const recommender = new Recommender(model, films, { ids: "item" });
    expectTypeOf(
      recommender.fit([visit], ["a"], {
        users: "user",
        negatives: 2,
        metrics: ["hr@5"],
        validation: { contexts: maps, items: ["a"], exclude: [new Set(["b"])] },
      }),
    ).toEqualTypeOf<Promise<History>>();
    void recommender.fit([visit], ["a"], { validation: { contexts: [visit], items: ["a"] } });
    void model.fit([visit], [1], { groups: ["q"], validation: { x: [visit], y: [1], groups: ["q"] } });
    expectTypeOf(recommender.recommend(visit, { exclude: new Set(["a"]) })).toEqualTypeOf<Recommendation[]>();
    expectTypeOf(recommender.evaluate([visit], ["a"], { metrics: ["ndcg@10", "mrr"] })).toEqualTypeOf<
      Record<string, number>
    >();
    expectTypeOf(new Recommender(model, matrix, { ids: [1, 2] }).recommend({ indices: [1] })).toEqualTypeOf<
      Recommendation[]
    >();
    expectTypeOf(new Recommender(model, maps).recommend({ user: "ana" })).toEqualTypeOf<Recommendation[]>();
  });

  it("refuses what it cannot use", () => {
    interface Dated {
      item: string;
      when: Date;
    }
    // @ts-expect-error a date is no feature value
    new Recommender(model, [] as Dated[]);
    // @ts-expect-error no ranking metric
    void new Recommender(model, films).fit([visit], ["a"], { metrics: ["auc"] });
    // @ts-expect-error no such metric
    model.evaluate(matrix, [1], { metrics: ["ndcg@ten"], groups: ["a"] });
    // @ts-expect-error an unknown option
    model.rank(visit, films, { k: 3 });
  });
});

describe("the rest of the class", () => {
  it("has the types of its contract", () => {
    expectTypeOf(model.fit(maps, [1, 0])).toEqualTypeOf<Promise<History>>();
    expectTypeOf(model.partialFit(vectors, new Float32Array(2))).toEqualTypeOf<number>();
    expectTypeOf(model.evaluate(matrix, [1, 0], { metrics: ["auc"] })).toEqualTypeOf<
      Record<string, number>
    >();
    expectTypeOf(model.save()).toEqualTypeOf<Uint8Array>();
    expectTypeOf(NFM.load(new Uint8Array())).toEqualTypeOf<NFM>();
    expectTypeOf(model.backend).toEqualTypeOf<"wasm" | "js">();
    expectTypeOf(model.encoder).toEqualTypeOf<FeatureEncoder | null>();
    expectTypeOf(model.history).toEqualTypeOf<History | null>();
    expectTypeOf(model.tensor("bias")).toEqualTypeOf<{ shape: readonly number[]; data: Float32Array }>();
    expectTypeOf(parseLibSVM("1 1:1").y).toEqualTypeOf<Float32Array>();
  });

  it("refuses unknown options and wrong values", () => {
    // @ts-expect-error misspelt
    new NFM({ hiddenUnit: [64] });
    // @ts-expect-error no such loss
    new NFM({ loss: "logistic" });
    // @ts-expect-error no such activation
    new NFM({ activation: "gelu" });
    // @ts-expect-error no such metric
    void model.fit(maps, [1], { validation: 0.1, metrics: ["f1"] });
    // @ts-expect-error the backend cannot be assigned
    model.backend = "js";
  });

  it("takes losses, layers and optimizers of one's own", () => {
    const huber: PointwiseLoss = { kind: "pointwise", name: "huber", value: () => 0, gradient: () => 0 };
    const layer: Layer = {
      type: "own",
      shape: (inputDim) => ({ outputDim: inputDim }),
      forward: () => undefined,
      backward: () => undefined,
    };
    expectTypeOf(
      new NFM({ loss: huber, layers: [new Dense(3), layer], optimizer: new SGD({ momentum: 0.9 }) }),
    ).toEqualTypeOf<NFM>();
    expectTypeOf(
      NFM.load(new Uint8Array(), { loss: huber, layers: [layer], optimizer: new Adagrad() }),
    ).toEqualTypeOf<NFM>();
  });
});
