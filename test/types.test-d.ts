// What the public types promise, checked by the compiler.

import { describe, expectTypeOf, it } from "vitest";
import {
  Adagrad,
  type AdagradOptions,
  type ArchitectureOptions,
  type Classes,
  type ColumnsObject,
  type CSRInit,
  type CSRMatrix,
  Dense,
  type DropoutOptions,
  type EvaluateOptions,
  type Explanation,
  FeatureEncoder,
  type FeatureEncoderJSON,
  type FeatureEncoderOptions,
  type FeatureMap,
  type FitOptions,
  type FitPairsOptions,
  type HeldOutEvents,
  type HeldOutLabels,
  type History,
  type Id,
  type L2Options,
  type Label,
  type Labels,
  type Layer,
  type LoadOverrides,
  type Metric,
  NFM,
  type NFMOptions,
  type NFMSummary,
  type ParseLibSVMOptions,
  type PointwiseLoss,
  parseLibSVM,
  type Ranked,
  type RankOptions,
  type ReadLibSVMOptions,
  type Recommendation,
  Recommender,
  type RecommenderEvaluateOptions,
  type RecommenderFitOptions,
  type RecommenderOptions,
  type RecommendOptions,
  type Rows,
  SGD,
  type SGDOptions,
  type SparseVector,
} from "../src/index.ts";
import {
  type PredictOptions,
  Predictor,
  type PredictorOptions,
  type PredictorSummary,
} from "../src/predict.ts";
import {
  type CSVValue,
  type JSONValue,
  type LabelColumn,
  readCSV,
  readJSONL,
  type TableReader,
} from "../src/readers.ts";

const model = new NFM();
declare const maps: readonly FeatureMap[];
declare const vectors: readonly SparseVector[];
declare const matrix: CSRMatrix;

describe("labels", () => {
  it("are numbers, booleans, bigints or strings, in anything that can be iterated", () => {
    for (const y of [[1, 2], [true, 1], ["a", "b"], [1n], new Float64Array(2), new BigInt64Array(2)])
      expectTypeOf(y).toExtend<Labels>();
    expectTypeOf<
      Set<string> | Generator<boolean> | readonly number[] | ArrayLike<number>
    >().toExtend<Labels>();
    expectTypeOf<Label>().toEqualTypeOf<number | boolean | bigint | string>();
    void model.fit(matrix, [true, false] as const, { validation: { x: matrix, y: ["a", "b"] } });
    expectTypeOf(model.partialFit(matrix, ["a", "b"])).toEqualTypeOf<number>();
    model.evaluate(matrix, new Set([1]).values());
    expectTypeOf(model.classes).toEqualTypeOf<Classes | null>();
    expectTypeOf<Classes>().toEqualTypeOf<readonly [negative: string, positive: string]>();
    // @ts-expect-error the name of a field is not a list of labels
    void model.fit(matrix, "rating");
    // @ts-expect-error a missing label is no label
    void model.fit(matrix, [1, null]);
    // @ts-expect-error a date is no label
    model.evaluate(matrix, [new Date()]);
    // @ts-expect-error no such choice
    new NFM({ labels: "scaled" });
  });
});

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
    interface Callable {
      user: string;
      when: () => Date;
    }
    // @ts-expect-error a function is no feature value
    void model.fit([] as Callable[], []);
    // @ts-expect-error a function is no feature value
    model.predict({ user: "ana", when: () => new Date() } as Callable);
  });

  it("refuses what is no row", () => {
    // @ts-expect-error a string is no row
    model.predict("ana");
    // @ts-expect-error a function is no feature value
    model.predict({ when: () => new Date() });
    // @ts-expect-error an unknown option
    model.predict(matrix, { probability: true });
  });
});

describe("rows in other forms", () => {
  interface Visit {
    user: string;
    hour: number;
  }
  function* visits(): Generator<Visit> {
    yield { user: "ana", hour: 7 };
  }
  const columns = { user: ["ana", "bo"], price: new Float64Array(2), city: ["Oslo", null], hour: [7, 8] };
  interface Frame {
    schema: { fields: { name: string; type: unknown }[] };
    numRows: number;
    getChildAt(index: number): { get(row: number): unknown } | null;
  }
  const table = {} as Frame;

  it("are iterables, columns and tables, and predict gives a Float32Array for them", () => {
    expectTypeOf(model.predict(visits())).toEqualTypeOf<Float32Array>();
    expectTypeOf(model.predict(new Set([{ user: "ana" }]))).toEqualTypeOf<Float32Array>();
    expectTypeOf(model.predict(columns)).toEqualTypeOf<Float32Array>();
    expectTypeOf(model.predict({ price: [1, null] })).toEqualTypeOf<Float32Array>();
    expectTypeOf(model.predict(table)).toEqualTypeOf<Float32Array>();
    expectTypeOf(model.predict({} as ColumnsObject)).toEqualTypeOf<Float32Array>();
    expectTypeOf(model.predict({} as Rows)).toEqualTypeOf<Float32Array>();
  });

  it("give a number or a Float32Array where only the model knows: every array may be a list", () => {
    expectTypeOf(model.predict({ tags: ["a", "b"] })).toEqualTypeOf<number | Float32Array>();
    expectTypeOf(model.predict([{ tags: ["a", "b"] }])).toEqualTypeOf<Float32Array>();
    expectTypeOf(model.predict({ user: "ana", tags: ["a", "b"] })).toEqualTypeOf<number>();
    expectTypeOf(model.predict({})).toEqualTypeOf<number>();
  });

  it("are taken by all methods", () => {
    for (const x of [columns, table] as const) {
      void model.fit(x, [1, 0], { validation: { x: visits(), y: [1] }, groups: "user" });
      model.partialFit(x, [1, 0]);
      model.evaluate(x, [1, 0]);
      model.rank({ user: "ana" }, model.prepare(x));
      new FeatureEncoder().fit(x).transform(x);
      void new Recommender(model, x).fit(visits(), ["a"], { validation: { contexts: x, items: ["a"] } });
    }
    void model.fitPairs(visits(), columns, { validation: { positives: table, negatives: new Set(maps) } });
    expectTypeOf(new FeatureEncoder().fitTransform(visits())).toEqualTypeOf<CSRMatrix>();
  });

  it("are refused if their values are no values of fields", () => {
    // @ts-expect-error a symbol is no value of a field
    void model.fit({ user: [Symbol("ana")] }, [1]);
    // @ts-expect-error a row by itself is not many rows
    void model.fit({ user: "ana" }, [1]);
    // @ts-expect-error an iterable of numbers is no rows
    void model.fit(new Set([1, 2]), [1, 2]);
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
    expectTypeOf(recommender.recommend(visit, { exclude: new Set(["a"]) })).toEqualTypeOf<
      Recommendation<string>[]
    >();
    expectTypeOf(recommender.evaluate([visit], ["a"], { metrics: ["ndcg@10", "mrr"] })).toEqualTypeOf<
      Record<"ndcg@10" | "mrr", number>
    >();
    expectTypeOf(new Recommender(model, matrix, { ids: [1, 2] }).recommend({ indices: [1] })).toEqualTypeOf<
      Recommendation<number>[]
    >();
    expectTypeOf(new Recommender(model, maps).recommend({ user: "ana" })).toEqualTypeOf<Recommendation[]>();
  });

  it("refuses what it cannot use", () => {
    interface Callable {
      item: string;
      when: () => Date;
    }
    // @ts-expect-error a function is no feature value
    new Recommender(model, [] as Callable[]);
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
    expectTypeOf(model.evaluate(matrix, [1, 0], { metrics: ["auc"] })).toEqualTypeOf<Record<"auc", number>>();
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

describe("evaluate is typed by its metrics", () => {
  it("has the values that were asked for, and no other", () => {
    const { rmse, "ndcg@10": ndcg } = model.evaluate(matrix, [1], {
      metrics: ["rmse", "ndcg@10"],
      groups: "q",
    });
    expectTypeOf([rmse, ndcg]).toEqualTypeOf<number[]>();
    const metrics = ["mrr", "map@5"] as const;
    expectTypeOf(model.evaluate(matrix, [1], { metrics, groups: ["a"] })).toEqualTypeOf<
      Record<"mrr" | "map@5", number>
    >();
    // @ts-expect-error it was not asked for
    model.evaluate(matrix, [1], { metrics: ["auc"] }).rmse;
    // @ts-expect-error misspelt
    model.evaluate(matrix, [1], { metrics: ["rsme"] });
    // @ts-expect-error one metric is no list
    model.evaluate(matrix, [1], { metrics: "auc" });
    // @ts-expect-error the third argument is options
    model.evaluate(matrix, [1], ["auc"]);
    // @ts-expect-error misspelt
    model.evaluate(matrix, [1], { metric: ["auc"] });
  });

  it("has values by any name where the metrics are not known to the compiler", () => {
    const metrics: readonly Metric[] = ["auc"];
    expectTypeOf(model.evaluate(matrix, [1], { metrics })).toEqualTypeOf<Record<string, number>>();
    expectTypeOf(model.evaluate(matrix, [1])).toEqualTypeOf<Record<string, number>>();
    expectTypeOf(model.evaluate(matrix, [1], {})).toEqualTypeOf<Record<string, number>>();
    expectTypeOf(model.evaluate(matrix, [1], { groups: "query" })).toEqualTypeOf<Record<string, number>>();
    expectTypeOf(model.evaluate(matrix, [1], { metrics: undefined })).toEqualTypeOf<Record<string, number>>();
  });

  it("of a recommender as well, whose defaults are known", () => {
    const recommender = new Recommender(model, maps);
    expectTypeOf(recommender.evaluate(maps, ["a"])).toEqualTypeOf<
      Record<"hr@10" | "ndcg@10" | "mrr", number>
    >();
    expectTypeOf(recommender.evaluate(maps, ["a"], { metrics: ["hr@3"] })["hr@3"]).toEqualTypeOf<number>();
    // @ts-expect-error no ranking metric
    recommender.evaluate(maps, ["a"], { metrics: ["rmse"] });
    // @ts-expect-error it was not asked for
    recommender.evaluate(maps, ["a"], { metrics: ["hr@3"] }).mrr;
  });
});

describe("predict of a union", () => {
  it("gives the union of the results", () => {
    const either = {} as FeatureMap | readonly FeatureMap[];
    expectTypeOf(model.predict(either)).toEqualTypeOf<number | Float32Array>();
    const rows = {} as Rows | SparseVector;
    expectTypeOf(model.predict(rows, { raw: true })).toEqualTypeOf<number | Float32Array>();
    const one = {} as FeatureMap | SparseVector;
    expectTypeOf(model.predict(one)).toEqualTypeOf<number>();
    const many = {} as CSRMatrix | readonly FeatureMap[] | readonly SparseVector[];
    expectTypeOf(model.predict(many)).toEqualTypeOf<Float32Array>();
  });
});

describe("objects of a class", () => {
  class Visit {
    readonly #number: number = 1;
    readonly user: string = "ana";
    get item(): string {
      return `i${this.#number}`;
    }
  }
  class Callable {
    readonly user: string = "ana";
    get when(): () => Date {
      return () => new Date(0);
    }
  }

  it("are rows if their fields and getters are feature values", () => {
    expectTypeOf(model.predict(new Visit())).toEqualTypeOf<number>();
    expectTypeOf(model.predict([new Visit()])).toEqualTypeOf<Float32Array>();
    void model.fit([new Visit()], [1], {
      groups: "user",
      validation: { x: [new Visit()], y: [1], groups: "user" },
    });
    void model.fitPairs([new Visit()], [new Visit()]);
    model.evaluate([new Visit()], [1]);
    model.rank(new Visit(), [new Visit()]);
    const recommender = new Recommender(model, [new Visit()]);
    void recommender.fit([new Visit()], ["i1"], { users: "user" });
    recommender.recommend(new Visit());
    // @ts-expect-error a function is no feature value
    model.predict(new Callable());
    // @ts-expect-error a function is no feature value
    void model.fit([new Callable()], [1]);
    // @ts-expect-error a function is no feature value
    new Recommender(model, [new Callable()]);
  });
});

describe("ids", () => {
  it("come back with the type that they were given with", () => {
    const numbered = new Recommender(model, matrix, { ids: [1, 2] });
    expectTypeOf(numbered.ids).toEqualTypeOf<readonly number[]>();
    expectTypeOf(numbered.recommend({ indices: [1] })[0].id).toEqualTypeOf<number>();
    void numbered.fit(matrix, new Uint32Array(3), {
      validation: { contexts: matrix, items: [7], exclude: [[8]] },
    });
    numbered.recommend({ indices: [1] }, { exclude: [3] });
    numbered.explain({ indices: [1] }, 5);
    numbered.evaluate(matrix, Float64Array.of(1), { exclude: [new Set([1])] });
    const named = new Recommender(model, matrix, { ids: ["a", "b"] });
    expectTypeOf(named.recommend({ indices: [1] })[0].id).toEqualTypeOf<string>();
    const typed = new Recommender(model, matrix, { ids: new Uint32Array(2) });
    expectTypeOf(typed.recommend({ indices: [1] })[0].id).toEqualTypeOf<number>();
    const mixed = new Recommender(model, matrix, { ids: [1, "a"] });
    expectTypeOf(mixed.recommend({ indices: [1] })[0].id).toEqualTypeOf<string | number>();
    const field = new Recommender(model, maps, { ids: "sku" });
    expectTypeOf(field.recommend({})[0].id).toEqualTypeOf<string>();
    expectTypeOf(new Recommender(model, maps).recommend({})[0].id).toEqualTypeOf<Id>();
  });

  it("of another type are refused", () => {
    const numbered = new Recommender(model, matrix, { ids: [1, 2] });
    // @ts-expect-error a string is no id of this catalog
    void numbered.fit(matrix, ["a"]);
    // @ts-expect-error a string is no id of this catalog
    numbered.recommend({ indices: [1] }, { exclude: ["a"] });
    // @ts-expect-error a string is no id of this catalog
    numbered.explain({ indices: [1] }, "a");
    // @ts-expect-error a date is no id
    new Recommender(model, matrix, { ids: [new Date()] });
    // @ts-expect-error a date is no id
    void model.fit(maps, [1], { groups: [new Date()] });
  });
});

describe("optimizers", () => {
  it("are given by name with a rate, or made by hand", () => {
    new NFM({ optimizer: "adagrad", learningRate: 0.1 });
    new NFM({ optimizer: "sgd" });
    new NFM({ optimizer: new SGD({ learningRate: 0.1 }) });
    // @ts-expect-error no such optimizer
    new NFM({ optimizer: "adam" });
    // @ts-expect-error a rate is a number
    new NFM({ learningRate: "0.1" });
    // @ts-expect-error a file is loaded with the optimizer itself
    NFM.load(new Uint8Array(), { optimizer: "sgd" });
  });
});

describe("the small entry", () => {
  const predictor = Predictor.load(new Uint8Array(), { backend: "js", loss: "log" });

  it("predicts with the types of NFM", () => {
    expectTypeOf(predictor).toEqualTypeOf<Predictor>();
    expectTypeOf(predictor.predict({ user: "ana" })).toEqualTypeOf<number>();
    expectTypeOf(predictor.predict(matrix)).toEqualTypeOf<Float32Array>();
    expectTypeOf(predictor.predict({} as FeatureMap | readonly FeatureMap[])).toEqualTypeOf<
      number | Float32Array
    >();
    expectTypeOf(predictor.rank({ user: "ana" }, predictor.prepare(maps), { top: 3 })).toEqualTypeOf<
      Ranked[]
    >();
    expectTypeOf(predictor.explain({ user: "ana" })).toEqualTypeOf<Explanation>();
    expectTypeOf(predictor.backend).toEqualTypeOf<"wasm" | "js">();
    expectTypeOf(predictor.tensor("bias")).toEqualTypeOf<{ shape: readonly number[]; data: Float32Array }>();
    expectTypeOf(model.toJSON()).toEqualTypeOf<NFMSummary>();
    expectTypeOf(predictor.toJSON()).toEqualTypeOf<PredictorSummary>();
    // @ts-expect-error a predictor does not train
    predictor.fit;
    // @ts-expect-error a predictor has no optimizer
    Predictor.load(new Uint8Array(), { optimizer: new SGD() });
  });
});

describe("undefined", () => {
  /** The options with undefined in place of everything that may be left out. */
  type Undefined<T> = { [K in keyof T]: object extends Pick<T, K> ? undefined : T[K] };
  type Accepts<T> = Undefined<T> extends T ? true : false;

  it("may stand for every option, under exactOptionalPropertyTypes too", () => {
    expectTypeOf<Accepts<{ given?: number }>>().toEqualTypeOf<false>(); // the check itself
    type All = [
      Accepts<NFMOptions>,
      Accepts<ArchitectureOptions>,
      Accepts<DropoutOptions>,
      Accepts<L2Options>,
      Accepts<LoadOverrides>,
      Accepts<PredictorOptions>,
      Accepts<PredictOptions>,
      Accepts<RankOptions>,
      Accepts<FitOptions>,
      Accepts<FitPairsOptions>,
      Accepts<HeldOutLabels>,
      Accepts<EvaluateOptions>,
      Accepts<RecommenderOptions>,
      Accepts<RecommenderFitOptions>,
      Accepts<HeldOutEvents>,
      Accepts<RecommendOptions>,
      Accepts<RecommenderEvaluateOptions>,
      Accepts<FeatureEncoderOptions>,
      Accepts<FeatureEncoderJSON>,
      Accepts<AdagradOptions>,
      Accepts<SGDOptions>,
      Accepts<CSRInit>,
      Accepts<SparseVector>,
      Accepts<ParseLibSVMOptions>,
      Accepts<ReadLibSVMOptions>,
      Accepts<NonNullable<Parameters<NFM["save"]>[0]>>,
      Accepts<NonNullable<Parameters<NFM["partialFit"]>[2]>>,
    ];
    expectTypeOf<All[number]>().toEqualTypeOf<true>();
  });
});

describe("readers", () => {
  it("have labels exactly if the option is there", () => {
    expectTypeOf(readCSV("")).toEqualTypeOf<TableReader<CSVValue>>();
    expectTypeOf(readCSV("", { label: "y" })).toEqualTypeOf<TableReader<CSVValue, LabelColumn>>();
    expectTypeOf(readJSONL("", { label: "y", select: ["a"] })).toEqualTypeOf<
      TableReader<JSONValue, LabelColumn>
    >();
    expectTypeOf(readCSV("", {}).rows()).resolves.toHaveProperty("y").toEqualTypeOf<LabelColumn | null>();
    // @ts-expect-error header: false is no option; give the names
    readCSV("", { header: false });
    // @ts-expect-error a misspelled option
    readJSONL("", { lable: "y" });
  });

  it("give rows and columns that models take", () => {
    const fit = async (model: NFM): Promise<void> => {
      const { x } = await readCSV("").rows();
      await model.fit(x, [1]);
      const { x: columns } = await readCSV("").columns();
      await model.fit(columns, [1]);
      const { x: lines } = await readJSONL("").rows();
      await model.fit(lines, [1]);
      for await (const row of readJSONL("")) model.predict(row);
    };
    expectTypeOf(fit).returns.resolves.toBeVoid();
  });

  it("take every source", () => {
    readCSV(new Uint8Array());
    readCSV(new ArrayBuffer(1));
    readCSV(new Blob());
    readCSV(new Response().body!);
    readCSV(process.stdin);
    readCSV(["a", new Uint8Array()]);
    // @ts-expect-error a response is no source, but its body is
    expectTypeOf(readCSV).toBeCallableWith(new Response());
  });
});
