// Leave-one-out evaluation of a recommender against literal ranks, and the same during fit.

import { describe, expect, it } from "vitest";
import {
  Adagrad,
  FeatureEncoder,
  type HeldOutEvents,
  type Id,
  NFM,
  type RankingMetric,
  Recommender,
  type RecommenderFitOptions,
} from "../src/index.ts";
import { bytes, type Fields, fitted, SHOP, SMALL, shop } from "./helpers/shop.ts";

const EVERY: readonly RankingMetric[] = [
  "hr@1",
  "hr@3",
  "hr@10",
  "ndcg@3",
  "ndcg",
  "mrr",
  "mrr@2",
  "map",
  "precision@3",
  "recall@3",
  "group-auc",
];

/** Leave-one-out metrics from predictions row by row, the place of an item by counting. */
function literalEvaluation(
  recommender: Recommender,
  contexts: readonly Fields[],
  taken: readonly Id[],
  items: readonly Fields[],
  exclude?: readonly Iterable<Id>[],
): Record<string, number> {
  const sums: Record<string, number> = Object.fromEntries(EVERY.map((metric) => [metric, 0]));
  contexts.forEach((context, event) => {
    const scores = recommender.model.predict(items.map((item) => ({ ...context, ...item })));
    const own = recommender.ids.indexOf(taken[event]);
    const left = new Set(exclude?.[event] ?? []);
    const others = recommender.ids.map((_, i) => i).filter((i) => i !== own && !left.has(recommender.ids[i]));
    const rank = 1 + others.filter((i) => scores[i] >= scores[own]).length;
    const values: Record<string, number> = {
      "hr@1": rank <= 1 ? 1 : 0,
      "hr@3": rank <= 3 ? 1 : 0,
      "hr@10": rank <= 10 ? 1 : 0,
      "ndcg@3": rank <= 3 ? 1 / Math.log2(rank + 1) : 0,
      ndcg: 1 / Math.log2(rank + 1),
      mrr: 1 / rank,
      "mrr@2": rank <= 2 ? 1 / rank : 0,
      map: 1 / rank,
      "precision@3": rank <= 3 ? 1 / 3 : 0,
      "recall@3": rank <= 3 ? 1 : 0,
      "group-auc": others.length === 0 ? 1 : (others.length + 1 - rank) / others.length,
    };
    for (const metric of EVERY) sums[metric] += values[metric] / contexts.length;
  });
  return sums;
}

function expectMetrics(
  got: Readonly<Record<string, number>>,
  expected: Readonly<Record<string, number>>,
): void {
  expect(Object.keys(got)).toEqual(Object.keys(expected));
  for (const [metric, value] of Object.entries(expected)) expect(got[metric], metric).toBeCloseTo(value, 12);
}

describe("evaluate", () => {
  const held = shop(60, 13, 2);
  const [contexts, taken] = [held.contexts.slice(10), held.taken.slice(10)];
  const known = contexts.map(({ user }) => SHOP.taken.filter((_, e) => SHOP.users[e] === user));

  it("is the place of each event's item among all, by the predictions", async () => {
    for (const options of [
      SMALL,
      { ...SMALL, hiddenUnits: [], initStd: 0.3 },
      { ...SMALL, encoder: new FeatureEncoder({ hashBits: 4 }) },
    ]) {
      const recommender = await fitted({ ...options, loss: "bpr" }, { epochs: 4 });
      const expected = literalEvaluation(recommender, contexts, taken, SHOP.items);
      expectMetrics(recommender.evaluate(contexts, taken, { metrics: EVERY }), expected);
      expect(new Set(Object.values(expected)).size).toBeGreaterThan(6);
      expectMetrics(
        recommender.evaluate(contexts, taken),
        Object.fromEntries(
          ["hr@10", "ndcg@10", "mrr"].map((metric) => [
            metric,
            metric === "ndcg@10" ? ndcgAt10(recommender) : expected[metric],
          ]),
        ),
      );
    }
    function ndcgAt10(recommender: Recommender): number {
      const places = contexts.map(
        (context, e) => recommender.recommend(context).findIndex(({ id }) => id === taken[e]) + 1,
      );
      return (
        places.reduce((sum, place) => sum + (place > 0 ? 1 / Math.log2(place + 1) : 0), 0) / places.length
      );
    }
  });

  it("leaves out what is excluded for an event, but never the event's own item", async () => {
    const recommender = await fitted({ ...SMALL, loss: "bpr" }, { epochs: 4 });
    expect(known.some((ids, e) => ids.includes(taken[e]))).toBe(true);
    for (const exclude of [
      known,
      known.map((ids) => new Set(ids)),
      contexts.map((_, e) => recommender.ids.filter((__, i) => (i + e) % 3 === 0)),
      contexts.map(() => recommender.ids),
    ]) {
      const expected = literalEvaluation(recommender, contexts, taken, SHOP.items, exclude);
      expectMetrics(recommender.evaluate(contexts, taken, { metrics: EVERY, exclude }), expected);
    }
    expect(
      recommender.evaluate(contexts, taken, {
        metrics: ["mrr", "group-auc"],
        exclude: contexts.map(() => recommender.ids),
      }),
    ).toEqual({ mrr: 1, "group-auc": 1 });
  });

  it("ignores excluded ids that are not in the catalog", async () => {
    const recommender = await fitted({ ...SMALL, loss: "bpr" }, { epochs: 4 });
    const exclude = known.map((ids) => [...ids, "sold out", 7]);
    const expected = recommender.evaluate(contexts, taken, { exclude: known });
    expect(recommender.evaluate(contexts, taken, { exclude })).toEqual(expected);
    expect(expected).not.toEqual(recommender.evaluate(contexts, taken));
    const validation = { contexts, items: taken, exclude };
    const run = { users: "user", epochs: 1, resume: true, validation } as const;
    const { epochs } = await recommender.fit(SHOP.contexts, SHOP.taken, run);
    expect(epochs[0].validation).toEqual(recommender.evaluate(contexts, taken, { exclude: known }));
  });

  it("counts ties against us: where all items score the same the rank is the last", () => {
    const flat = new NFM({
      embeddingDim: 2,
      hiddenUnits: [],
      initStd: 0,
      encoder: new FeatureEncoder().fit([...contexts, ...SHOP.items]),
    });
    const recommender = new Recommender(flat, SHOP.items);
    expect(new Set(recommender.recommend(contexts[0], { top: 13 }).map(({ score }) => score)).size).toBe(1);
    expect(recommender.recommend(contexts[0], { top: 3 }).map(({ id }) => id)).toEqual(["i0", "i1", "i2"]);
    expectMetrics(recommender.evaluate(contexts, taken, { metrics: ["mrr", "hr@10", "group-auc"] }), {
      mrr: 1 / 13,
      "hr@10": 0,
      "group-auc": 0,
    });
    const exclude = contexts.map((_, e) =>
      recommender.ids
        .filter((id) => id !== taken[e])
        .slice(0, 8)
        .concat(taken[e]),
    );
    expectMetrics(recommender.evaluate(contexts, taken, { metrics: ["mrr", "hr@10"], exclude }), {
      mrr: 1 / 5,
      "hr@10": 1,
    });
    const deep = new NFM({ ...SMALL, encoder: flat.encoder! });
    const twins = new Recommender(
      deep,
      [...SHOP.items, ...SHOP.items.map((item) => ({ ...item, twin: "yes" }))],
      { ids: Array.from({ length: 26 }, (_, i) => i) },
    ); // "twin=yes" is not in the vocabulary
    const ids = taken.map((id) => Number(id.slice(1)));
    for (const shift of [0, 13]) {
      const expected = literalEvaluation(
        twins,
        contexts,
        ids.map((id) => id + shift),
        [...SHOP.items, ...SHOP.items],
      );
      expectMetrics(
        twins.evaluate(
          contexts,
          ids.map((id) => id + shift),
          { metrics: EVERY },
        ),
        expected,
      );
      expect(expected["hr@1"]).toBe(0);
    }
  });
});

describe("validation during fit", () => {
  const held = shop(60, 13, 2);
  const exclude = held.users.map((user) => SHOP.taken.filter((_, e) => SHOP.users[e] === user));
  const validation: HeldOutEvents = { contexts: held.contexts, items: held.taken, exclude };

  it("measures what evaluate does after every epoch", async () => {
    const recommender = new Recommender(new NFM({ ...SMALL, loss: "bpr" }), SHOP.items);
    const measured: Record<string, number>[] = [];
    const asked: readonly RankingMetric[] = ["hr@3", "group-auc"];
    const history = await recommender.fit(SHOP.contexts, SHOP.taken, {
      epochs: 3,
      validation,
      metrics: asked,
      monitor: "mrr",
      onEpoch: () => {
        measured.push(
          recommender.evaluate(held.contexts, held.taken, { metrics: [...asked, "mrr"], exclude }),
        );
      },
    });
    expect(history.epochs.map((epoch) => epoch.validation)).toEqual(measured);
    expect(new Set(measured.map((record) => record.mrr)).size).toBe(3);
    const byDefault = await recommender.fit(SHOP.contexts, SHOP.taken, {
      epochs: 1,
      validation: { contexts: held.contexts, items: held.taken },
    });
    expect(byDefault.epochs[0].validation).toEqual(recommender.evaluate(held.contexts, held.taken));
    expect(Object.keys(byDefault.epochs[0].validation!)).toEqual(["hr@10", "ndcg@10", "mrr"]);
  });

  it.each([
    [{}, "ndcg@10"],
    [{ monitor: "mrr" }, "mrr"],
    [{ metrics: ["hr@3", "mrr"] }, "hr@3"],
    [{ metrics: ["mrr"], monitor: "group-auc" }, "group-auc"],
  ] as [
    RecommenderFitOptions,
    RankingMetric,
  ][])("with %j stops when %s has not risen for a while, and returns to the best epoch", async (options, watched) => {
    for (const restoreBest of [true, false]) {
      const recommender = new Recommender(
        new NFM({ ...SMALL, loss: "bpr", numbers: "raw", optimizer: new Adagrad({ learningRate: 0.2 }) }),
        SHOP.items,
      );
      const files: Uint8Array[] = [];
      const best: boolean[] = [];
      const history = await recommender.fit(SHOP.contexts, SHOP.taken, {
        epochs: 60,
        batchSize: 16,
        users: "user",
        validation,
        patience: 3,
        restoreBest,
        ...options,
        onEpoch: (event) => {
          files.push(bytes(recommender));
          best.push(event.best);
        },
      });
      const course = history.epochs.map((epoch) => epoch.validation![watched]);
      expect(history.bestEpoch).toBe(course.indexOf(Math.max(...course)) + 1);
      expect(history.bestEpoch).toBeGreaterThan(1);
      expect([history.stopped, history.epochs.length]).toEqual(["patience", history.bestEpoch! + 3]);
      expect(best.lastIndexOf(true) + 1).toBe(history.bestEpoch);
      expect(bytes(recommender)).toEqual(files[restoreBest ? history.bestEpoch! - 1 : files.length - 1]);
    }
  });

  it("does not change the training", async () => {
    const [with_, without] = [
      await fitted(undefined, { epochs: 3, validation, restoreBest: false }),
      await fitted(undefined, { epochs: 3 }),
    ];
    expect(bytes(with_)).toEqual(bytes(without));
  });
});
