// Implicit feedback: fit is training on rows put together by hand, to the last bit.

import { describe, expect, it } from "vitest";
import { randomKey, randomPermutation, Stream } from "../../../src/core/random.ts";
import {
  CSRMatrix,
  FeatureEncoder,
  type FeatureMap,
  type Id,
  NFM,
  type NFMOptions,
  type PointwiseLoss,
  Recommender,
  type RecommenderFitOptions,
  type Rows,
  SGD,
  type SparseVector,
} from "../../../src/index.ts";
import { readSafetensors } from "../../../src/model/safetensors.ts";
import { NegativeSampler } from "../../../src/training/datasets/negative-sampler.ts";
import { bytes, fitted, LOSSES, literalList, SHOP, SMALL } from "../../helpers/shop.ts";

const isPairwise = (loss: unknown): boolean => loss === "bpr" || loss === "max-margin";

/** Parameters and optimizer state by name; without the vocabulary and counters of the file. */
const tensors = (model: NFM): Record<string, readonly number[]> =>
  Object.fromEntries(
    Array.from(readSafetensors(model.save({ optimizer: true })).tensors, ([name, { data }]) => [
      name,
      Array.from(data),
    ]),
  );

const positionsOf = (ids: readonly Id[], all: readonly Id[]): Uint32Array => {
  const distinct = [...new Set(all)];
  return Uint32Array.from(ids, (id) => distinct.indexOf(id));
};

interface Literal {
  /** The row of an event's context with an item. */
  readonly row: (event: number, item: number) => FeatureMap | SparseVector;
  readonly itemOf: Uint32Array;
  readonly users: Uint32Array | null;
  readonly numItems: number;
  readonly negatives: number;
  readonly popularity: number;
  readonly epochs: number;
}

/**
 * Trains a model on rows put together by hand, in batches of 16 shuffled as fit shuffles; the loss of each
 * epoch.
 */
function trainLiterally(
  model: NFM,
  pairwise: boolean,
  seed: number,
  { row, itemOf, users, numItems, negatives, popularity, epochs }: Literal,
): number[] {
  const sampler = new NegativeSampler(new Uint8Array(numItems).fill(1), itemOf, users, popularity, seed);
  const events = [...itemOf.keys()].filter((event) => sampler.has(event));
  return Array.from({ length: epochs }, (_, e) => {
    const better: (FeatureMap | SparseVector)[] = [];
    const worse: (FeatureMap | SparseVector)[] = [];
    const labels: number[] = [];
    for (const event of events) {
      const positive = row(event, itemOf[event]);
      if (!pairwise) labels.push(better.push(positive) && 1);
      for (let n = 0; n < negatives; n++) {
        const drawn = (draw: number): FeatureMap | SparseVector =>
          row(event, sampler.sample(event, e + 1, draw));
        if (pairwise) worse.push(drawn(better.push(positive) - 1));
        else labels.push(better.push(drawn(better.length)) && 0);
      }
    }
    const order = randomPermutation(randomKey(seed, Stream.shuffle, e + 1), better.length);
    let total = 0;
    for (let start = 0; start < order.length; start += 16) {
      const batch = Array.from(order.subarray(start, start + 16));
      const rows = batch.map((i) => better[i]) as FeatureMap[];
      const loss = pairwise
        ? model.partialFitPairs(rows, batch.map((i) => worse[i]) as FeatureMap[])
        : model.partialFit(
            rows,
            batch.map((i) => labels[i]),
          );
      total += loss * batch.length;
    }
    return total / order.length;
  });
}

/** An encoder that has learned from parts of rows: no field is missing in a part that never has it. */
function learnedFrom(...parts: readonly (readonly FeatureMap[])[]): FeatureEncoder {
  const encoder = new FeatureEncoder();
  const fit = encoder.beginFit();
  do {
    for (const part of parts) {
      for (const map of part) fit.add(map, "test");
      fit.endPart();
    }
  } while (!fit.finish(null));
  return encoder;
}

describe("fit is training on rows put together by hand, to the last bit", () => {
  const oracle = (options: Partial<Literal> = {}): Literal => ({
    row: (event, item) => ({ ...SHOP.contexts[event], ...SHOP.items[item] }),
    itemOf: positionsOf(
      SHOP.taken,
      SHOP.items.map(({ item }) => item as string),
    ),
    users: positionsOf(SHOP.users, SHOP.users),
    numItems: 13,
    negatives: 1,
    popularity: 0,
    epochs: 3,
    ...options,
  });
  const learned = (): FeatureEncoder => learnedFrom(SHOP.contexts, SHOP.items);

  it.each(LOSSES)("with the %s loss, default negatives", async (loss) => {
    const recommender = await fitted({ ...SMALL, loss }, { epochs: 3 });
    const literal = new NFM({ ...SMALL, loss, encoder: learned() });
    const losses = trainLiterally(
      literal,
      isPairwise(loss),
      7,
      oracle({ negatives: isPairwise(loss) ? 1 : 4 }),
    );
    expect(recommender.model.encoder!.toJSON()).toEqual(literal.encoder!.toJSON());
    expect(tensors(recommender.model)).toEqual(tensors(literal));
    expect(recommender.model.history!.epochs.map((epoch) => epoch.loss)).toEqual(losses);
  });

  it("whatever the negatives, the popularity and whose events they are", async () => {
    const cases: [RecommenderFitOptions, Partial<Literal>][] = [
      [
        { negatives: 3, popularity: 0.75 },
        { negatives: 3, popularity: 0.75 },
      ],
      [
        { negatives: 2, users: undefined },
        { negatives: 2, users: null },
      ],
      [
        { negatives: 2, popularity: 1, users: undefined },
        { negatives: 2, popularity: 1, users: null },
      ],
      [
        { negatives: 1, users: SHOP.users.map((user) => (user === "u1" || user === "u2" ? 12 : user)) },
        {
          negatives: 1,
          users: positionsOf(
            SHOP.users.map((user) => (user === "u2" ? "u1" : user)),
            SHOP.users.map((user) => (user === "u2" ? "u1" : user)),
          ),
        },
      ],
    ];
    for (const loss of ["bpr", "log"] as const) {
      const models: string[] = [];
      for (const [fit, literalOptions] of cases) {
        const recommender = await fitted({ ...SMALL, loss, hiddenUnits: [] }, { epochs: 3, ...fit });
        const literal = new NFM({ ...SMALL, loss, hiddenUnits: [], encoder: learned() });
        trainLiterally(literal, loss === "bpr", 7, oracle(literalOptions));
        expect(tensors(recommender.model)).toEqual(tensors(literal));
        models.push(JSON.stringify(tensors(recommender.model)));
      }
      expect(new Set(models).size).toBe(cases.length);
    }
  });

  it("where contexts and items collide in the columns of a hashing encoder", async () => {
    for (const loss of ["bpr", "log"] as const) {
      const options: NFMOptions = {
        ...SMALL,
        loss,
        encoder: new FeatureEncoder({ hashBits: 4 }),
        l2: { embedding: 0.01, linear: 0.01 },
      };
      const literal = new NFM(options);
      trainLiterally(literal, loss === "bpr", 7, oracle({ negatives: 2 }));
      const recommender = await fitted(options, { epochs: 3, negatives: 2 });
      expect(recommender.model.numFeatures).toBe(16);
      expect(tensors(recommender.model)).toEqual(tensors(literal));
    }
  });

  it("on sparse rows of every kind, with features that contexts and items share", async () => {
    const users = [0, 1, 2, 0, 1, 2, 1, 2];
    const contexts: SparseVector[] = users.map((user, e) => ({
      indices: [user, 4, 9],
      values: [1, 0.5 + e / 8, 1],
    }));
    const items: SparseVector[] = [5, 6, 7, 8].map((index, i) => ({
      indices: [4, index, i % 2 ? 9 : 3],
      values: [2, 1, -0.25],
    }));
    const itemOf = Uint32Array.of(0, 1, 2, 2, 3, 0, 0, 3);
    const row = (event: number, item: number): SparseVector => ({
      indices: [...(contexts[event].indices as number[]), ...(items[item].indices as number[])],
      values: [...(contexts[event].values as number[]), ...(items[item].values as number[])],
    });
    for (const loss of ["max-margin", "log"] as const) {
      const options: NFMOptions = { ...SMALL, loss, numFeatures: 10 };
      const literal = new NFM(options);
      trainLiterally(literal, loss === "max-margin", 7, {
        row,
        itemOf,
        users: Uint32Array.from(users),
        numItems: 4,
        negatives: 3,
        popularity: 0,
        epochs: 3,
      });
      const asMaps = (rows: readonly SparseVector[]): Map<number, number>[] =>
        rows.map(({ indices, values }) => new Map(Array.from(indices, (index, p) => [index, values![p]])));
      for (const [theirContexts, theirItems] of [
        [contexts, items],
        [CSRMatrix.fromRows(contexts), CSRMatrix.fromRows(items)],
        [asMaps(contexts), CSRMatrix.fromRows(items)],
      ] as [Rows, Rows][]) {
        const recommender = new Recommender(new NFM({ ...options, numFeatures: undefined }), theirItems);
        await recommender.fit(theirContexts, itemOf, { epochs: 3, batchSize: 16, negatives: 3, users });
        expect(tensors(recommender.model)).toEqual(tensors(literal));
        expect(recommender.recommend(contexts[1]).map(({ id }) => id)).toHaveLength(4);
        for (const { id, score } of recommender.recommend(contexts[1]))
          expect(score).toBe(literal.predict(row(1, id as number)));
      }
    }
  });

  it("without the events of users who have every item, which are counted; with none left it is an error", async () => {
    const items = SHOP.items.slice(0, 3);
    const taken = ["i0", "i1", "i0", "i2", "i1", "i0"];
    const contexts = ["a", "a", "b", "a", "c", "a"].map((user, e) => ({ user, hour: (e + 1) / 6 }));
    for (const loss of ["bpr", "log"] as const) {
      const recommender = new Recommender(new NFM({ ...SMALL, loss }), items);
      const { skipped } = await recommender.fit(contexts, taken, { users: "user", epochs: 3, batchSize: 16 });
      expect(skipped).toBe(4); // a has all three
      const literal = new NFM({ ...SMALL, loss, encoder: learnedFrom(contexts, items) });
      const events = [2, 4];
      // Draws are numbered over the events that are left.
      trainLiterally(literal, loss === "bpr", 7, {
        row: (event, item) => ({ ...contexts[events[event]], ...items[item] }),
        itemOf: Uint32Array.of(0, 1),
        users: Uint32Array.of(0, 1),
        numItems: 3,
        negatives: loss === "bpr" ? 1 : 4,
        popularity: 0,
        epochs: 3,
      });
      expect(tensors(recommender.model)).toEqual(tensors(literal));
      const before = bytes(recommender);
      await expect(
        recommender.fit(contexts.slice(0, 2).concat(contexts.slice(3, 4)), ["i0", "i1", "i2"], {
          users: "user",
        }),
      ).rejects.toThrow(
        new RangeError(
          "Recommender.fit: items leave no negative to draw for any of 3 events: every user has taken every item of the catalog that could be drawn",
        ),
      );
      // By popularity an item without events is none that could be drawn.
      await expect(
        recommender.fit(contexts.slice(0, 2), ["i0", "i1"], { users: "user", popularity: 0.5 }),
      ).rejects.toThrow("items leave no negative to draw for any of 2 events");
      expect(bytes(recommender)).toEqual(before);
    }
    expect((await fitted()).model.history!.skipped).toBe(0);
  });
});

describe("features that contexts and items share", () => {
  it("have the sum of their values, as in predict: hashed names that collide", async () => {
    for (const hiddenUnits of [[], [4]]) {
      const recommender = await fitted({
        ...SMALL,
        hiddenUnits,
        loss: "bpr",
        initStd: 0.3,
        encoder: new FeatureEncoder({ hashBits: 4 }),
      });
      const { encoder } = recommender.model;
      for (const context of SHOP.contexts.slice(20, 30)) {
        const own = new Set(encoder!.encode(context).indices as Uint32Array);
        expect(
          SHOP.items.some((item) =>
            Array.from(encoder!.encode(item).indices).some((index) => own.has(index)),
          ),
        ).toBe(true);
        const list = literalList(
          recommender,
          SHOP.items.map((item) => ({ ...context, ...item })),
        );
        const got = recommender.recommend(context, { top: 13 });
        expect(got.map(({ id }) => id)).toEqual(list.map(({ id }) => id));
        got.forEach(({ score }, i) =>
          expect(Math.abs(score - list[i].score)).toBeLessThan(hiddenUnits.length > 0 ? 1e-30 : 1e-5),
        ); // bit for bit with layers
      }
    }
  });

  it("and so do sparse rows with an index in both", async () => {
    for (const hiddenUnits of [[], [4]]) {
      const model = new NFM({ ...SMALL, hiddenUnits, loss: "squared", numFeatures: 6, initStd: 0.5 });
      model.partialFit([{ indices: [0, 2, 4] }, { indices: [1, 3, 5] }], [1, -1]);
      const recommender = new Recommender(model, [
        { indices: [1, 2], values: [0.5, 1] },
        { indices: [2, 3] },
        { indices: [1], values: [-2] },
        { indices: [4, 5] },
      ]);
      const summed: SparseVector[] = [
        { indices: [0, 1, 2], values: [1, 2.5, 1] },
        { indices: [0, 1, 2, 3], values: [1, 2, 1, 1] },
        { indices: [0], values: [1] },
        { indices: [0, 1, 4, 5], values: [1, 2, 1, 1] },
      ];
      const scores = model.predict(summed);
      for (const { id, score } of recommender.recommend({ indices: [0, 1], values: [1, 2] }))
        expect(score).toBeCloseTo(scores[id as number], 5);
      for (const { id, score } of recommender.recommend({ 0: 1, 1: 2 }))
        expect(score).toBeCloseTo(scores[id as number], 5);
    }
  });

  it("no field of a context, though: it would show the model in training what it is to find out", async () => {
    const recommender = await fitted();
    const before = bytes(recommender);
    const contexts = [{ user: "u1" }, { user: "u2", item: "i1" }];
    const refused = (place: string): string =>
      `${place} has the field "item", which is one of the items'; a context holds what all items share: leave it out, or give it another name`;
    await expect(recommender.fit(contexts, ["i0", "i1"])).rejects.toThrow(
      new RangeError(refused("Recommender.fit: contexts[1]")),
    );
    await expect(
      recommender.fit([{ user: "u1" }], ["i0"], { validation: { contexts, items: ["i0", "i1"] } }),
    ).rejects.toThrow(refused("Recommender.fit: validation.contexts[1]"));
    expect(() => recommender.evaluate(contexts, ["i0", "i1"])).toThrow(
      refused("Recommender.evaluate: contexts[1]"),
    );
    expect(() => recommender.recommend(contexts[1])).toThrow(refused("Recommender.recommend: context"));
    expect(() => recommender.explain(new Map([["item", "i3"]]), "i1")).toThrow(
      refused("Recommender.explain: context"),
    );
    expect(recommender.recommend({ user: "u1", item: undefined })).toEqual(
      recommender.recommend({ user: "u1" }),
    );
    expect(bytes(recommender)).toEqual(before);
  });
});

describe("bugs that were", () => {
  it("a feature whose values cancel in a joined row is absent from it, for L2 too", async () => {
    const options: NFMOptions = {
      embeddingDim: 2,
      hiddenUnits: [],
      dropout: { biInteraction: 0 },
      loss: "log",
      initStd: 1,
      numFeatures: 6,
      optimizer: new SGD({ learningRate: 0.1 }),
      l2: { embedding: 0.5 },
    };
    const literal = new NFM(options);
    literal.partialFit([{ indices: [0, 4] }], [1]);
    const items = [
      { indices: [0, 2], values: [-1, 1] },
      { indices: [0, 3], values: [-1, 1] },
    ];
    const recommender = new Recommender(NFM.load(literal.save({ optimizer: true })), items);
    await recommender.fit([{ indices: [0, 4] }], [0], {
      epochs: 1,
      negatives: 1,
      shuffle: false,
      resume: true,
    });
    literal.partialFit(
      [
        { indices: [0, 4, 0, 2], values: [1, 1, -1, 1] },
        { indices: [0, 4, 0, 3], values: [1, 1, -1, 1] },
      ],
      [1, 0],
    );
    expect(recommender.model.tensor("embedding.weight")).toEqual(literal.tensor("embedding.weight"));
  });

  it("minCount prunes features of contexts, never those of the catalog", async () => {
    const recommender = new Recommender(
      new NFM({ ...SMALL, loss: "bpr", encoder: new FeatureEncoder({ minCount: 2 }) }),
      [{ item: "a", hot: true }, { item: "b" }, { item: "c" }],
    );
    await recommender.fit([{ u: "x" }, { u: "x" }, { u: "y" }], ["a", "a", "b"], { epochs: 1 });
    const { encoder } = recommender.model;
    expect(Array.from({ length: encoder!.numFeatures }, (_, i) => encoder!.name(i))).toEqual([
      "u=x",
      "item=a",
      "hot",
      "item=b",
      "item=c",
      "hot is missing",
    ]);
  });

  it("an infinite sum of shared values, and a loss without labels 1 and 0, are refused", async () => {
    const huge = { indices: [0], values: [3e38] };
    const recommender = new Recommender(new NFM({ numFeatures: 3 }), [huge, { indices: [1] }]);
    expect(() => recommender.recommend(huge)).toThrow(
      "Recommender: items: the sum of a value and that of the same feature in the context must be finite",
    );
    const loss: PointwiseLoss = {
      kind: "pointwise",
      name: "stars",
      value: () => 0,
      gradient: () => 0,
      target: (label) => (label >= 1 ? label : NaN),
    };
    await expect(
      new Recommender(new NFM({ loss }), SHOP.items).fit(SHOP.contexts, SHOP.taken),
    ).rejects.toThrow("Recommender.fit: the stars loss must accept the labels 1 (taken) and 0 (not taken)");
  });
});

describe("what a review found", () => {
  it("holes, items without a known feature and too many negatives are named", async () => {
    const holes = new Array<{ item: string }>(2);
    holes[1] = { item: "a" };
    expect(() => new Recommender(new NFM(), holes)).toThrow(
      "Recommender: items[0].item must be an id, a string or a number (the option ids names another field, or lists ids), got undefined",
    );
    const recommender = await fitted();
    expect(() => recommender.evaluate([{ user: "u1" }], ["i1"], { metrics: new Array<"mrr">(1) })).toThrow(
      /metrics\[0\] must be a ranking metric, .* got undefined/,
    );
    const encoder = new FeatureEncoder().fit([{ user: "u1" }]);
    await expect(
      new Recommender(new NFM({ encoder, loss: "bpr" }), SHOP.items).fit([{ user: "u1" }], ["i1"]),
    ).rejects.toThrow("Recommender.fit: items have no feature that the model's encoder knows");
    const many = Array.from({ length: 65600 }, () => ({ indices: [5] }));
    const wide = new Recommender(new NFM({ numFeatures: 9, loss: "bpr" }), [
      { indices: [0] },
      { indices: [1] },
    ]);
    await expect(
      wide.fit(
        many,
        many.map(() => 0),
        { negatives: 65536 },
      ),
    ).rejects.toThrow(
      "Recommender.fit: negatives must leave fewer than 2^32 examples per epoch, got 65536 for 65600 events",
    );
  });
});
