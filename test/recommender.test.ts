// Recommending: fit against the same steps on rows put together by hand, which negatives it draws as a loss of one's own
// sees them, lists and leave-one-out ranks against predictions row by row, what it learns of a planted taste, and its errors.

import { describe, expect, it } from "vitest";
import { randomKey, randomPermutation, Stream } from "../src/core/random.ts";
import { NegativeSampler } from "../src/training/datasets/negative-sampler.ts";
import {
  Adagrad, CSRMatrix, FeatureEncoder, NFM, Recommender, SGD,
  type FeatureMap, type HeldOutEvents, type Id, type Rows, type LossName, type NFMOptions, type PairwiseLoss, type PointwiseLoss, type Recommendation,
  type RankingMetric, type RecommenderFitOptions, type SparseVector,
} from "../src/index.ts";
import { readSafetensors } from "../src/model/safetensors.ts";
import { numbers } from "./reference.ts";

const SMALL: NFMOptions = { embeddingDim: 5, hiddenUnits: [4], seed: 7 };
const LOSSES: readonly LossName[] = ["bpr", "max-margin", "log", "hinge", "squared"];
const isPairwise = (loss: unknown): boolean => loss === "bpr" || loss === "max-margin";

/** Parameters and optimizer state by name; without the vocabulary and counters of the file. */
const tensors = (model: NFM): Record<string, readonly number[]> =>
  Object.fromEntries(Array.from(readSafetensors(model.save({ optimizer: true })).tensors, ([name, { data }]) => [name, Array.from(data)]));
const bytes = ({ model }: Recommender): Uint8Array => model.save({ optimizer: true });

type Fields = Record<string, string | number | boolean | string[]>;

interface Shop {
  readonly items: Fields[];
  readonly contexts: Fields[];
  /** Id of the item taken; (events). */
  readonly taken: string[];
  readonly users: string[];
}

/** Items with features of every kind, and events; user u0 has every item but one. */
function shop(events: number, itemCount: number, seed: number): Shop {
  const next = numbers(seed);
  const below = (n: number): number => Math.floor(next(0, n));
  const items = Array.from({ length: itemCount }, (_, i) => ({ item: `i${i}`, hot: i % 3 === 0, price: Math.fround(next(0.5, 1.5)), tags: [`t${i % 4}`, `t${4 + (i % 2)}`] }));
  const pairs = Array.from({ length: events }, (_, e) => (e < itemCount - 1 ? [0, e] : [1 + below(6), Math.floor(itemCount * next() ** 2)]));
  return {
    items,
    contexts: pairs.map(([user]) => ({ user: `u${user}`, hour: Math.fround(next()), evening: next() < 0.5 })),
    taken: pairs.map(([, item]) => `i${item}`),
    users: pairs.map(([user]) => `u${user}`),
  };
}

const SHOP = shop(70, 13, 1);

/** A recommender and what `fit` is given. */
async function fitted(options: NFMOptions = { ...SMALL, loss: "bpr" }, fit: RecommenderFitOptions = {}, data: Shop = SHOP): Promise<Recommender> {
  const recommender = new Recommender(new NFM(options), data.items);
  await recommender.fit(data.contexts, data.taken, { epochs: 2, batchSize: 16, users: "user", ...fit });
  return recommender;
}

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

/** Trains a model on rows put together by hand, in batches of 16 shuffled as fit shuffles; the loss of each epoch. */
function trainLiterally(model: NFM, pairwise: boolean, seed: number, { row, itemOf, users, numItems, negatives, popularity, epochs }: Literal): number[] {
  const sampler = new NegativeSampler(numItems, itemOf, users, popularity, seed);
  const events = [...itemOf.keys()].filter((event) => sampler.has(event));
  return Array.from({ length: epochs }, (_, e) => {
    const better: (FeatureMap | SparseVector)[] = [];
    const worse: (FeatureMap | SparseVector)[] = [];
    const labels: number[] = [];
    for (const event of events) {
      const positive = row(event, itemOf[event]);
      if (!pairwise) labels.push(better.push(positive) && 1);
      for (let n = 0; n < negatives; n++) {
        const drawn = (draw: number): FeatureMap | SparseVector => row(event, sampler.sample(event, e + 1, draw));
        if (pairwise) worse.push(drawn(better.push(positive) - 1));
        else labels.push(better.push(drawn(better.length)) && 0);
      }
    }
    const order = randomPermutation(randomKey(seed, Stream.shuffle, e + 1), better.length);
    let total = 0;
    for (let start = 0; start < order.length; start += 16) {
      const batch = Array.from(order.subarray(start, start + 16));
      const rows = batch.map((i) => better[i]) as FeatureMap[];
      const loss = pairwise ? model.partialFitPairs(rows, batch.map((i) => worse[i]) as FeatureMap[]) : model.partialFit(rows, batch.map((i) => labels[i]));
      total += loss * batch.length;
    }
    return total / order.length;
  });
}

describe("the catalog", () => {
  it("has its ids in the field \"item\", in another one, or in an array; sparse rows are numbered", () => {
    const maps = [{ item: "tea", sku: "s1" }, { item: "milk", sku: "7" }];
    const rows = [{ indices: [0] }, { indices: [1] }, { indices: [0, 1] }];
    expect(new Recommender(new NFM(), maps).ids).toEqual(["tea", "milk"]);
    expect(new Recommender(new NFM(), maps, { ids: "sku" }).ids).toEqual(["s1", "7"]);
    expect(new Recommender(new NFM(), maps.map((map) => new Map(Object.entries(map)))).ids).toEqual(["tea", "milk"]);
    expect(new Recommender(new NFM(), maps, { ids: ["a", "b"] }).ids).toEqual(["a", "b"]);
    expect(new Recommender(new NFM(), rows).ids).toEqual([0, 1, 2]);
    expect(new Recommender(new NFM(), [new Map([[3, 1]])]).ids).toEqual([0]);
    expect(new Recommender(new NFM(), CSRMatrix.fromRows(rows)).ids).toEqual([0, 1, 2]);
    expect(new Recommender(new NFM(), rows, { ids: Float64Array.of(3, 1, 2) }).ids).toEqual([3, 1, 2]);
    expect(new Recommender(new NFM(), [{ item: "7" }, { item: "8" }], { ids: [7, "7"] }).ids).toEqual([7, "7"]); // a number is not its name
  });

  const bad: [what: string, make: () => unknown, error: Error][] = [
    ["no model", () => new Recommender({} as NFM, [{ item: "a" }]), new TypeError("Recommender: model must be an NFM, got object with keys (none)")],
    ["no items", () => new Recommender(new NFM(), []), new RangeError("Recommender: items must hold at least one row, got none")],
    ["a matrix without rows", () => new Recommender(new NFM(), CSRMatrix.fromRows([], 4)), new RangeError("Recommender: items must hold at least one row, got none")],
    ["something else", () => new Recommender(new NFM(), "tea" as unknown as Rows), new TypeError('Recommender: items must be a CSRMatrix, an array of sparse vectors or an array of feature maps, got "tea"')],
    ["an id twice", () => new Recommender(new NFM(), [{ item: "a" }, { item: "b" }, { item: "a" }]), new RangeError('Recommender: items[2] must have an id of its own, got "a", as items[0] has')],
    ["an id twice in an array", () => new Recommender(new NFM(), [{ indices: [0] }, { indices: [1] }], { ids: [5, 5] }), new RangeError("Recommender: items[1] must have an id of its own, got 5, as items[0] has")],
    ["an item without id", () => new Recommender(new NFM(), [{ item: "a" }, { name: "b" }]), new TypeError("Recommender: items[1].item must be an id, a string (the option ids names another field, or lists ids), got undefined")],
    ["no such field", () => new Recommender(new NFM(), [{ item: "a" }], { ids: "sku" }), new TypeError("Recommender: items[0].sku must be an id, a string (the option ids names another field, or lists ids), got undefined")],
    ["an id that is a list", () => new Recommender(new NFM(), [{ item: ["a"] }]), new TypeError("Recommender: items[0].item must be an id, a string (the option ids names another field, or lists ids), got array of 1")],
    ["a number in a field", () => new Recommender(new NFM(), [{ item: "a" }, { item: 2 }]), new TypeError("Recommender: items[1].item must be a string: write String(id), for a number is a value and names no feature of its own, got 2")],
    ["an id of NaN", () => new Recommender(new NFM(), [{ item: "a" }], { ids: [NaN] }), new RangeError("Recommender: ids[0] must be an id: a string or a finite number, got NaN")],
    ["an array of too few ids", () => new Recommender(new NFM(), [{ item: "a" }, { item: "b" }], { ids: ["a"] }), new RangeError("Recommender: ids.length must be the number of items (2), got 1")],
    ["ids that are neither", () => new Recommender(new NFM(), [{ item: "a" }], { ids: 3 as unknown as string }), new TypeError("Recommender: ids must be the name of a field, or an array of ids, got 3")],
    ["a field of sparse rows", () => new Recommender(new NFM(), CSRMatrix.fromRows([{ indices: [0] }]), { ids: "sku" }), new TypeError('Recommender: items must be feature maps with a field "sku", got CSRMatrix')],
    ["a misspelt option", () => new Recommender(new NFM(), [{ item: "a" }], { id: "sku" } as object), new TypeError('Recommender has no option "id"; it has ids')],
  ];
  it.each(bad.map(([what, make, error]) => ({ what, make, error })))("refuses $what", ({ make, error }) => {
    expect(make).toThrow(error);
  });

  it("is that of the moment: what is added later to the array is no item", async () => {
    const items = SHOP.items.slice();
    const recommender = new Recommender(new NFM({ ...SMALL, loss: "bpr" }), items);
    items.length = 2;
    await recommender.fit(SHOP.contexts, SHOP.taken, { epochs: 2, batchSize: 16, users: "user" });
    expect(bytes(recommender)).toEqual(bytes(await fitted()));
  });
});

describe("fit is training on rows put together by hand, to the last bit", () => {
  const oracle = (options: Partial<Literal> = {}): Literal => ({
    row: (event, item) => ({ ...SHOP.contexts[event], ...SHOP.items[item] }), itemOf: positionsOf(SHOP.taken, SHOP.items.map(({ item }) => item as string)),
    users: positionsOf(SHOP.users, SHOP.users), numItems: 13, negatives: 1, popularity: 0, epochs: 3, ...options,
  });
  const learned = (): FeatureEncoder => new FeatureEncoder().fit([...SHOP.contexts, ...SHOP.items]);

  it.each(LOSSES)("with the %s loss, default negatives", async (loss) => {
    const recommender = await fitted({ ...SMALL, loss }, { epochs: 3 });
    const literal = new NFM({ ...SMALL, loss, encoder: learned() });
    const losses = trainLiterally(literal, isPairwise(loss), 7, oracle({ negatives: isPairwise(loss) ? 1 : 4 }));
    expect(recommender.model.encoder!.toJSON()).toEqual(literal.encoder!.toJSON());
    expect(tensors(recommender.model)).toEqual(tensors(literal));
    expect(recommender.model.history!.epochs.map((epoch) => epoch.loss)).toEqual(losses);
  });

  it("whatever the negatives, the popularity and whose events they are", async () => {
    const cases: [RecommenderFitOptions, Partial<Literal>][] = [
      [{ negatives: 3, popularity: 0.75 }, { negatives: 3, popularity: 0.75 }],
      [{ negatives: 2, users: undefined }, { negatives: 2, users: null }],
      [{ negatives: 2, popularity: 1, users: undefined }, { negatives: 2, popularity: 1, users: null }],
      [{ negatives: 1, users: SHOP.users.map((user) => (user === "u1" || user === "u2" ? 12 : user)) }, { negatives: 1, users: positionsOf(SHOP.users.map((user) => (user === "u2" ? "u1" : user)), SHOP.users.map((user) => (user === "u2" ? "u1" : user))) }],
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
      const options: NFMOptions = { ...SMALL, loss, encoder: new FeatureEncoder({ hashBits: 4 }), l2: { embedding: 0.01, linear: 0.01 } };
      const literal = new NFM(options);
      trainLiterally(literal, loss === "bpr", 7, oracle({ negatives: 2 }));
      const recommender = await fitted(options, { epochs: 3, negatives: 2 });
      expect(recommender.model.numFeatures).toBe(16);
      expect(tensors(recommender.model)).toEqual(tensors(literal));
    }
  });

  it("on sparse rows of every kind, with features that contexts and items share", async () => {
    const users = [0, 1, 2, 0, 1, 2, 1, 2];
    const contexts: SparseVector[] = users.map((user, e) => ({ indices: [user, 4, 9], values: [1, 0.5 + e / 8, 1] }));
    const items: SparseVector[] = [5, 6, 7, 8].map((index, i) => ({ indices: [4, index, i % 2 ? 9 : 3], values: [2, 1, -0.25] }));
    const itemOf = Uint32Array.of(0, 1, 2, 2, 3, 0, 0, 3);
    const row = (event: number, item: number): SparseVector => ({
      indices: [...contexts[event].indices as number[], ...items[item].indices as number[]], values: [...contexts[event].values as number[], ...items[item].values as number[]],
    });
    for (const loss of ["max-margin", "log"] as const) {
      const options: NFMOptions = { ...SMALL, loss, numFeatures: 10 };
      const literal = new NFM(options);
      trainLiterally(literal, loss === "max-margin", 7, { row, itemOf, users: Uint32Array.from(users), numItems: 4, negatives: 3, popularity: 0, epochs: 3 });
      const asMaps = (rows: readonly SparseVector[]): Map<number, number>[] =>
        rows.map(({ indices, values }) => new Map(Array.from(indices, (index, p) => [index, values![p]])));
      for (const [theirContexts, theirItems] of [[contexts, items], [CSRMatrix.fromRows(contexts), CSRMatrix.fromRows(items)], [asMaps(contexts), CSRMatrix.fromRows(items)]] as [Rows, Rows][]) {
        const recommender = new Recommender(new NFM({ ...options, numFeatures: undefined }), theirItems);
        await recommender.fit(theirContexts, itemOf, { epochs: 3, batchSize: 16, negatives: 3, users });
        expect(tensors(recommender.model)).toEqual(tensors(literal));
        expect(recommender.recommend(contexts[1]).map(({ id }) => id)).toHaveLength(4);
        for (const { id, score } of recommender.recommend(contexts[1])) expect(score).toBe(literal.predict(row(1, id as number)));
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
      const literal = new NFM({ ...SMALL, loss, encoder: new FeatureEncoder().fit([...contexts, ...items]) });
      const events = [2, 4];
      // Draws are numbered over the events that are left.
      trainLiterally(literal, loss === "bpr", 7, {
        row: (event, item) => ({ ...contexts[events[event]], ...items[item] }), itemOf: Uint32Array.of(0, 1), users: Uint32Array.of(0, 1), numItems: 3,
        negatives: loss === "bpr" ? 1 : 4, popularity: 0, epochs: 3,
      });
      expect(tensors(recommender.model)).toEqual(tensors(literal));
      const before = bytes(recommender);
      await expect(recommender.fit(contexts.slice(0, 2).concat(contexts.slice(3, 4)), ["i0", "i1", "i2"], { users: "user" })).rejects.toThrow(
        new RangeError("Recommender.fit: items leave no negative to draw for any of 3 events: every user has taken every item of the catalog that could be drawn"),
      );
      // By popularity an item without events is none that could be drawn.
      await expect(recommender.fit(contexts.slice(0, 2), ["i0", "i1"], { users: "user", popularity: 0.5 })).rejects.toThrow("items leave no negative to draw for any of 2 events");
      expect(bytes(recommender)).toEqual(before);
    }
    expect((await fitted()).model.history!.skipped).toBe(0);
  });
});

/** A model whose score is 1 plus the values of features 0 and 1, exactly, and which no step moves: its loss sees who meets what. */
function meter(loss: PairwiseLoss | PointwiseLoss, seed: number = 0): NFM {
  const make: PointwiseLoss = { kind: "pointwise", name: "make", value: () => 0, gradient: () => -1 };
  const made = new NFM({ embeddingDim: 1, hiddenUnits: [], dropout: { biInteraction: 0 }, initStd: 0, numFeatures: 2, loss: make, optimizer: new SGD({ learningRate: 1 }) });
  made.partialFit([{ indices: [0, 1] }], [0]);
  return new NFM({ embeddingDim: 1, hiddenUnits: [], dropout: { biInteraction: 0 }, loss, seed, optimizer: new SGD() }).initFrom(made);
}

describe("negatives", () => {
  const ITEMS = 12;
  const items: SparseVector[] = Array.from({ length: ITEMS }, (_, i) => ({ indices: [0], values: [2 ** i] }));
  const users = ["a", "b", "a", "c", "a", "b", "a", "c", "d", "a", "b", "c"];
  const taken = [0, 0, 1, 2, 3, 0, 4, 3, 0, 0, 5, 2];
  const contexts: SparseVector[] = users.map((_, e) => ({ indices: [1], values: [2 ** ITEMS * (e + 1)] }));
  const events = users.length;

  interface Seen {
    readonly event: number;
    readonly item: number;
    readonly target: number;
  }

  /** The rows of each epoch, in the order of training, as a pointwise loss sees them. */
  async function watch(options: RecommenderFitOptions, seed: number = 0, target?: (label: number) => number): Promise<Seen[][]> {
    const epochs: Seen[][] = [[]];
    const spy: PointwiseLoss = { kind: "pointwise", name: "spy", ...(target && { target }), gradient: () => 0, value: (score, label) => {
      const event = Math.floor((score - 1) / 2 ** ITEMS) - 1;
      epochs[epochs.length - 1].push({ event, item: Math.log2(score - 1 - 2 ** ITEMS * (event + 1)), target: label });
      return 0;
    } };
    await new Recommender(meter(spy, seed), items).fit(contexts, taken, { users, shuffle: false, epochs: 40, onEpoch: () => void epochs.push([]), ...options });
    return epochs.slice(0, -1);
  }

  it("are items that the user never took, among them the event itself with label 1", async () => {
    const known = users.map((user) => new Set(taken.filter((_, e) => users[e] === user)));
    const met = users.map(() => new Set<number>());
    for (const rows of await watch({ negatives: 3 })) {
      expect(rows.map(({ event }) => event)).toEqual(Array.from({ length: 4 * events }, (_, row) => Math.floor(row / 4)));
      expect(rows.map(({ target }) => target)).toEqual(Array.from({ length: 4 * events }, (_, row) => (row % 4 === 0 ? 1 : 0)));
      for (const { event, item, target } of rows) {
        if (target === 1) expect(item).toBe(taken[event]);
        else expect([...known[event]]).not.toContain(item);
        if (target === 0) met[event].add(item);
      }
    }
    // 120 draws from at most 11 items: to miss one has a chance of 11 e^-11.
    met.forEach((drawn, event) => expect(drawn.size).toBe(ITEMS - known[event].size));
  });

  it("are any item but the event's own where users are not known", async () => {
    const met = users.map(() => new Set<number>());
    for (const rows of await watch({ negatives: 3, users: undefined })) {
      for (const { event, item, target } of rows) {
        if (target === 0) met[event].add(item);
      }
    }
    met.forEach((drawn, event) => expect([...drawn].sort((a, b) => a - b)).toEqual(Array.from({ length: ITEMS }, (_, item) => item).filter((item) => item !== taken[event])));
  });

  it("are drawn anew in every epoch, and come back with the seed", async () => {
    const [once, again, other] = [await watch({}), await watch({}), await watch({}, 1)];
    expect(again).toEqual(once);
    expect(other).not.toEqual(once);
    expect(new Set(once.map((rows) => JSON.stringify(rows))).size).toBe(40);
    const shuffled = await watch({ shuffle: true });
    const sorted = (epochs: Seen[][]): string[][] => epochs.map((rows) => rows.map((row) => JSON.stringify(row)).sort());
    expect(sorted(shuffled)).toEqual(sorted(once));
    expect(shuffled).not.toEqual(once);
  });

  it("have the labels of the loss", async () => {
    const [rows] = await watch({ negatives: 1, epochs: 1 }, 0, (label) => 10 * label - 3);
    expect(new Set(rows.map(({ target }) => target))).toEqual(new Set([7, -3]));
  });

  it("are the worse sides of pairs, each event in as many as there are negatives", async () => {
    const decode = new Map(Array.from({ length: ITEMS ** 2 }, (_, p) => [2 ** Math.floor(p / ITEMS) - 2 ** (p % ITEMS), [Math.floor(p / ITEMS), p % ITEMS]] as const));
    const seen: (readonly number[])[] = [];
    const spy: PairwiseLoss = { kind: "pairwise", name: "spy", gradient: () => 0, value: (difference) => {
      seen.push(decode.get(difference)!);
      return 0;
    } };
    for (const negatives of [undefined, 3]) {
      seen.length = 0;
      await new Recommender(meter(spy), items).fit(contexts, taken, { users, shuffle: false, epochs: 20, ...(negatives && { negatives }) });
      const perEpoch = events * (negatives ?? 1);
      expect(seen).toHaveLength(20 * perEpoch);
      const pointwise = await watch({ negatives: 1 });
      expect(seen.slice(0, perEpoch).map(([, item]) => item)).not.toEqual(pointwise[0].map(({ item }) => item));
      seen.forEach(([better, worse], p) => {
        const event = Math.floor((p % perEpoch) / (negatives ?? 1));
        expect(better).toBe(taken[event]);
        expect(taken.filter((_, e) => users[e] === users[event])).not.toContain(worse);
      });
      expect(new Set(Array.from({ length: 20 }, (_, e) => String(seen.slice(e * perEpoch, (e + 1) * perEpoch)))).size).toBe(20);
    }
  });

  it("come in proportion to (number of events)^popularity, uniformly at 0", async () => {
    const counts = items.map((_, item) => taken.filter((other) => other === item).length);
    expect(counts).toEqual([5, 1, 2, 2, 1, 1, 0, 0, 0, 0, 0, 0]);
    for (const popularity of [0, 0.5, 1, 2]) {
      const drawn = items.map(() => 0);
      const event = 3; // of user c, who took 2 and 3
      const epochs = await watch({ negatives: 50, popularity, epochs: 60 });
      for (const rows of epochs) for (const row of rows) if (row.event === event && row.target === 0) drawn[row.item]++;
      const weights = counts.map((count, item) => (item === 2 || item === 3 ? 0 : popularity === 0 ? 1 : count === 0 ? 0 : count ** popularity));
      const total = weights.reduce((sum, weight) => sum + weight, 0);
      drawn.forEach((count, item) => {
        const p = weights[item] / total;
        expect(Math.abs(count - 3000 * p), `item ${item} at popularity ${popularity}`).toBeLessThanOrEqual(5 * Math.sqrt(3000 * p * (1 - p))); // 5 standard deviations
      });
    }
  });
});

/** Every item with what predict gives for its row, best first, the earlier item first where they are equal. */
function literalList(recommender: Recommender, rows: readonly FeatureMap[]): Recommendation[] {
  const scores = recommender.model.predict(rows);
  return recommender.ids.map((id, i) => ({ id, score: scores[i] })).sort((a, b) => b.score - a.score || recommender.ids.indexOf(a.id) - recommender.ids.indexOf(b.id));
}

describe("recommend", () => {
  const context = { user: "u2", hour: 0.25, evening: true };
  const rowsOf = (given: Fields = context): FeatureMap[] => SHOP.items.map((item) => ({ ...given, ...item }));

  it.each(LOSSES)("is the order of the predictions, with their scores, %s loss", async (loss) => {
    const recommender = await fitted({ ...SMALL, loss });
    const list = literalList(recommender, rowsOf());
    expect(new Set(list.map(({ score }) => score)).size).toBe(13);
    expect(recommender.recommend(context)).toEqual(list.slice(0, 10));
    expect(recommender.recommend(context, { top: 3 })).toEqual(list.slice(0, 3));
    expect(recommender.recommend(context, { top: 1000 })).toEqual(list);
    const ranked = recommender.model.rank(context, SHOP.items);
    expect(ranked.map(({ index, score }) => ({ id: recommender.ids[index], score }))).toEqual(list);
    expect(recommender.recommend(new Map(Object.entries(context)))).toEqual(list.slice(0, 10));
    if (loss === "log") expect(list.every(({ score }) => score > 0 && score < 1)).toBe(true);
  });

  it("is the same for a factorization machine, scores to the rounding of another order of sums", async () => {
    for (const loss of ["bpr", "log"] as const) {
      const recommender = await fitted({ ...SMALL, loss, hiddenUnits: [], initStd: 0.3 });
      for (const user of ["u0", "u1", "nobody"]) {
        const list = literalList(recommender, rowsOf({ ...context, user }));
        const got = recommender.recommend({ ...context, user }, { top: 13 });
        expect(got.map(({ id }) => id)).toEqual(list.map(({ id }) => id));
        got.forEach(({ score }, i) => expect(Math.abs(score - list[i].score)).toBeLessThan(1e-5)); // terms of order 1
      }
    }
  });

  it("leaves out what is excluded, given as array, as Set or as any iterable", async () => {
    const recommender = await fitted();
    const list = literalList(recommender, rowsOf());
    const excluded = [list[0].id, list[3].id, list[12].id, list[3].id];
    const rest = list.filter(({ id }) => !excluded.includes(id));
    for (const exclude of [excluded, new Set(excluded), new Map(excluded.map((id) => [id, 1])).keys()]) expect(recommender.recommend(context, { exclude, top: 13 })).toEqual(rest);
    expect(recommender.recommend(context, { exclude: excluded })).toEqual(rest);
    expect(recommender.recommend(context, { exclude: excluded, top: 2 })).toEqual(rest.slice(0, 2));
    expect(recommender.recommend(context, { exclude: [] })).toEqual(list.slice(0, 10));
    expect(recommender.recommend(context, { exclude: recommender.ids })).toEqual([]);
    expect(recommender.recommend(context, { exclude: recommender.ids.filter((id) => id !== "i5") })).toEqual(list.filter(({ id }) => id === "i5"));
  });

  it("gives a user never seen a list by what else is known", async () => {
    const recommender = await fitted({ ...SMALL, loss: "bpr", initStd: 0.3 }, { epochs: 5 });
    const unknown = { user: "nobody", hour: 0.25, evening: true };
    const list = recommender.recommend(unknown, { top: 13 });
    expect(list).toEqual(literalList(recommender, rowsOf(unknown)));
    expect(list).toEqual(recommender.recommend({ hour: 0.25, evening: true }, { top: 13 }));
    expect(list).not.toEqual(recommender.recommend({ user: "nobody", hour: 0.95, evening: false }, { top: 13 }));
    expect(list).not.toEqual(recommender.recommend(context, { top: 13 }));
    expect(recommender.recommend({})).toHaveLength(10);
  });

  it("is the same from a loaded model, which can be evaluated and trained on", async () => {
    for (const [options, optimizer] of [[SMALL, true], [{ ...SMALL, hiddenUnits: [] }, false]] as const) {
      const recommender = await fitted({ ...options, loss: "bpr" });
      const loaded = new Recommender(NFM.load(recommender.model.save({ optimizer })), SHOP.items);
      expect(loaded.recommend(context, { top: 13 })).toEqual(recommender.recommend(context, { top: 13 }));
      expect(loaded.evaluate(SHOP.contexts, SHOP.taken)).toEqual(recommender.evaluate(SHOP.contexts, SHOP.taken));
      const other = new Recommender(loaded.model, SHOP.items.slice(4).reverse()); // another catalog of the same features
      expect(other.recommend(context, { top: 13 }).map(({ id }) => id)).toEqual(literalList(other, rowsOf().slice(4).reverse()).map(({ id }) => id));
      await loaded.fit(SHOP.contexts, SHOP.taken, { epochs: 1, resume: true });
      expect(loaded.recommend(context).map(({ score }) => score)).not.toEqual(recommender.recommend(context).map(({ score }) => score));
    }
  });

  it("follows the model, whoever trains it, with whatever vocabulary", async () => {
    for (const hiddenUnits of [[], [4]]) {
      const recommender = await fitted({ ...SMALL, hiddenUnits, loss: "log", initStd: 0.3 });
      const expectCurrent = (): void => {
        const list = literalList(recommender, rowsOf());
        const got = recommender.recommend(context, { top: 13 });
        expect(got.map(({ id }) => id)).toEqual(list.map(({ id }) => id));
        got.forEach(({ score }, i) => expect(Math.abs(score - list[i].score)).toBeLessThan(1e-5));
      };
      expectCurrent();
      recommender.model.partialFit(rowsOf(), SHOP.items.map((_, i) => i % 2));
      expectCurrent();
      const clicks = SHOP.contexts.map((_, e) => e % 2);
      await recommender.model.fit(SHOP.contexts.map((map, e) => ({ zebra: e / 70, ...SHOP.items[e % 13], ...map })), clicks, { epochs: 1, onEpoch: expectCurrent });
      expectCurrent();
      await recommender.fit(SHOP.contexts, SHOP.taken, { epochs: 2, onEpoch: expectCurrent });
      expectCurrent();
      await expect(recommender.fit([...SHOP.contexts.slice(0, 3).map((map) => ({ first: 1, ...map })), { hour: NaN }], ["i1", "i1", "i1", "i1"])).rejects.toThrow("contexts[3].hour must be finite");
      expectCurrent();
    }
  });
});

describe("features that contexts and items share", () => {
  it("have the sum of their values, as in predict: hashed names that collide", async () => {
    for (const hiddenUnits of [[], [4]]) {
      const recommender = await fitted({ ...SMALL, hiddenUnits, loss: "bpr", initStd: 0.3, encoder: new FeatureEncoder({ hashBits: 4 }) });
      const { encoder } = recommender.model;
      for (const context of SHOP.contexts.slice(20, 30)) {
        const own = new Set(encoder!.encode(context).indices as Uint32Array);
        expect(SHOP.items.some((item) => Array.from(encoder!.encode(item).indices).some((index) => own.has(index)))).toBe(true);
        const list = literalList(recommender, SHOP.items.map((item) => ({ ...context, ...item })));
        const got = recommender.recommend(context, { top: 13 });
        expect(got.map(({ id }) => id)).toEqual(list.map(({ id }) => id));
        got.forEach(({ score }, i) => expect(Math.abs(score - list[i].score)).toBeLessThan(hiddenUnits.length > 0 ? 1e-30 : 1e-5)); // bit for bit with layers
      }
    }
  });

  it("and so do sparse rows with an index in both", async () => {
    for (const hiddenUnits of [[], [4]]) {
      const model = new NFM({ ...SMALL, hiddenUnits, loss: "squared", numFeatures: 6, initStd: 0.5 });
      model.partialFit([{ indices: [0, 2, 4] }, { indices: [1, 3, 5] }], [1, -1]);
      const recommender = new Recommender(model, [{ indices: [1, 2], values: [0.5, 1] }, { indices: [2, 3] }, { indices: [1], values: [-2] }, { indices: [4, 5] }]);
      const summed: SparseVector[] = [
        { indices: [0, 1, 2], values: [1, 2.5, 1] }, { indices: [0, 1, 2, 3], values: [1, 2, 1, 1] }, { indices: [0], values: [1] }, { indices: [0, 1, 4, 5], values: [1, 2, 1, 1] },
      ];
      const scores = model.predict(summed);
      for (const { id, score } of recommender.recommend({ indices: [0, 1], values: [1, 2] })) expect(score).toBeCloseTo(scores[id as number], 5);
      for (const { id, score } of recommender.recommend({ 0: 1, 1: 2 })) expect(score).toBeCloseTo(scores[id as number], 5);
    }
  });

  it("no field of a context, though: it would show the model in training what it is to find out", async () => {
    const recommender = await fitted();
    const before = bytes(recommender);
    const contexts = [{ user: "u1" }, { user: "u2", item: "i1" }];
    const refused = (place: string): string => `${place} has the field "item", which is one of the items'; a context holds what all items share: leave it out, or give it another name`;
    await expect(recommender.fit(contexts, ["i0", "i1"])).rejects.toThrow(new RangeError(refused("Recommender.fit: contexts[1]")));
    await expect(recommender.fit([{ user: "u1" }], ["i0"], { validation: { contexts, items: ["i0", "i1"] } })).rejects.toThrow(refused("Recommender.fit: validation.contexts[1]"));
    expect(() => recommender.evaluate(contexts, ["i0", "i1"])).toThrow(refused("Recommender.evaluate: contexts[1]"));
    expect(() => recommender.recommend(contexts[1])).toThrow(refused("Recommender.recommend: context"));
    expect(() => recommender.explain(new Map([["item", "i3"]]), "i1")).toThrow(refused("Recommender.explain: context"));
    expect(recommender.recommend({ user: "u1", item: undefined })).toEqual(recommender.recommend({ user: "u1" }));
    expect(bytes(recommender)).toEqual(before);
  });
});

describe("explain", () => {
  it("gives the reasons for the row of context and item together", async () => {
    for (const encoder of [undefined, new FeatureEncoder({ hashBits: 4 })]) {
      const recommender = await fitted({ ...SMALL, loss: "bpr", encoder });
      for (const [context, id] of [[{ user: "u2", hour: 0.25 }, "i7"], [{ user: "nobody" }, "i0"], [{}, "i12"]] as const) {
        const row = { ...context, ...SHOP.items[Number(id.slice(1))] };
        expect(recommender.explain(context, id)).toEqual(recommender.model.explain(row));
      }
    }
    const items = [{ indices: [2, 3], values: [1, 0.5] }, { indices: [1, 4] }];
    const model = new NFM({ ...SMALL, numFeatures: 6, initStd: 0.5 });
    model.partialFit([{ indices: [0, 1, 2] }, { indices: [3, 4, 5] }], [1, -1]);
    const given = new Recommender(model, items).explain({ indices: [0, 1] }, 1); // feature 1 is in both
    expect(given).toEqual(model.explain({ indices: [0, 1, 4], values: [1, 2, 1] }));
  });

  it("names what it cannot read", async () => {
    const recommender = await fitted();
    const before = bytes(recommender);
    expect(() => recommender.explain({ user: "u1" }, "tea")).toThrow(new RangeError('Recommender.explain: id must be the id of an item of the catalog (13 items, such as "i0"), got "tea"'));
    expect(() => recommender.explain({ user: "u1" }, 1)).toThrow(RangeError);
    expect(() => recommender.explain({ hour: NaN }, "i1")).toThrow(new RangeError("Recommender.explain: context.hour must be finite (in 32 bits), got NaN"));
    expect(() => new Recommender(new NFM(), SHOP.items).explain({}, "i1")).toThrow("explain: the model has no parameters yet");
    expect(bytes(recommender)).toEqual(before);
  });
});

const EVERY: readonly RankingMetric[] = ["hr@1", "hr@3", "hr@10", "ndcg@3", "ndcg", "mrr", "mrr@2", "map", "precision@3", "recall@3", "group-auc"];

/** Leave-one-out metrics from predictions row by row, the place of an item by counting. */
function literalEvaluation(recommender: Recommender, contexts: readonly Fields[], taken: readonly Id[], items: readonly Fields[], exclude?: readonly Iterable<Id>[]): Record<string, number> {
  const sums: Record<string, number> = Object.fromEntries(EVERY.map((metric) => [metric, 0]));
  contexts.forEach((context, event) => {
    const scores = recommender.model.predict(items.map((item) => ({ ...context, ...item })));
    const own = recommender.ids.indexOf(taken[event]);
    const left = new Set(exclude?.[event] ?? []);
    const others = recommender.ids.map((_, i) => i).filter((i) => i !== own && !left.has(recommender.ids[i]));
    const rank = 1 + others.filter((i) => scores[i] >= scores[own]).length;
    const values: Record<string, number> = {
      "hr@1": rank <= 1 ? 1 : 0, "hr@3": rank <= 3 ? 1 : 0, "hr@10": rank <= 10 ? 1 : 0, "ndcg@3": rank <= 3 ? 1 / Math.log2(rank + 1) : 0, ndcg: 1 / Math.log2(rank + 1),
      mrr: 1 / rank, "mrr@2": rank <= 2 ? 1 / rank : 0, map: 1 / rank, "precision@3": rank <= 3 ? 1 / 3 : 0, "recall@3": rank <= 3 ? 1 : 0,
      "group-auc": others.length === 0 ? 1 : (others.length + 1 - rank) / others.length,
    };
    for (const metric of EVERY) sums[metric] += values[metric] / contexts.length;
  });
  return sums;
}

function expectMetrics(got: Readonly<Record<string, number>>, expected: Readonly<Record<string, number>>): void {
  expect(Object.keys(got)).toEqual(Object.keys(expected));
  for (const [metric, value] of Object.entries(expected)) expect(got[metric], metric).toBeCloseTo(value, 12);
}

describe("evaluate", () => {
  const held = shop(60, 13, 2);
  const [contexts, taken] = [held.contexts.slice(10), held.taken.slice(10)];
  const known = contexts.map(({ user }) => SHOP.taken.filter((_, e) => SHOP.users[e] === user));

  it("is the place of each event's item among all, by the predictions", async () => {
    for (const options of [SMALL, { ...SMALL, hiddenUnits: [], initStd: 0.3 }, { ...SMALL, encoder: new FeatureEncoder({ hashBits: 4 }) }]) {
      const recommender = await fitted({ ...options, loss: "bpr" }, { epochs: 4 });
      const expected = literalEvaluation(recommender, contexts, taken, SHOP.items);
      expectMetrics(recommender.evaluate(contexts, taken, { metrics: EVERY }), expected);
      expect(new Set(Object.values(expected)).size).toBeGreaterThan(6);
      expectMetrics(recommender.evaluate(contexts, taken), Object.fromEntries(["hr@10", "ndcg@10", "mrr"].map((metric) => [metric, metric === "ndcg@10" ? ndcgAt10(recommender) : expected[metric]])));
    }
    function ndcgAt10(recommender: Recommender): number {
      const places = contexts.map((context, e) => recommender.recommend(context).findIndex(({ id }) => id === taken[e]) + 1);
      return places.reduce((sum, place) => sum + (place > 0 ? 1 / Math.log2(place + 1) : 0), 0) / places.length;
    }
  });

  it("leaves out what is excluded for an event, but never the event's own item", async () => {
    const recommender = await fitted({ ...SMALL, loss: "bpr" }, { epochs: 4 });
    expect(known.some((ids, e) => ids.includes(taken[e]))).toBe(true);
    for (const exclude of [known, known.map((ids) => new Set(ids)), contexts.map((_, e) => recommender.ids.filter((__, i) => (i + e) % 3 === 0)), contexts.map(() => recommender.ids)]) {
      const expected = literalEvaluation(recommender, contexts, taken, SHOP.items, exclude);
      expectMetrics(recommender.evaluate(contexts, taken, { metrics: EVERY, exclude }), expected);
    }
    expect(recommender.evaluate(contexts, taken, { metrics: ["mrr", "group-auc"], exclude: contexts.map(() => recommender.ids) })).toEqual({ mrr: 1, "group-auc": 1 });
  });

  it("counts ties against us: where all items score the same the rank is the last", () => {
    const flat = new NFM({ embeddingDim: 2, hiddenUnits: [], initStd: 0, encoder: new FeatureEncoder().fit([...contexts, ...SHOP.items]) });
    const recommender = new Recommender(flat, SHOP.items);
    expect(new Set(recommender.recommend(contexts[0], { top: 13 }).map(({ score }) => score)).size).toBe(1);
    expect(recommender.recommend(contexts[0], { top: 3 }).map(({ id }) => id)).toEqual(["i0", "i1", "i2"]);
    expectMetrics(recommender.evaluate(contexts, taken, { metrics: ["mrr", "hr@10", "group-auc"] }), { mrr: 1 / 13, "hr@10": 0, "group-auc": 0 });
    const exclude = contexts.map((_, e) => recommender.ids.filter((id) => id !== taken[e]).slice(0, 8).concat(taken[e]));
    expectMetrics(recommender.evaluate(contexts, taken, { metrics: ["mrr", "hr@10"], exclude }), { mrr: 1 / 5, "hr@10": 1 });
    const deep = new NFM({ ...SMALL, encoder: flat.encoder! });
    const twins = new Recommender(deep, [...SHOP.items, ...SHOP.items.map((item) => ({ ...item, twin: "yes" }))], { ids: Array.from({ length: 26 }, (_, i) => i) }); // "twin=yes" is not in the vocabulary
    const ids = taken.map((id) => Number(id.slice(1)));
    for (const shift of [0, 13]) {
      const expected = literalEvaluation(twins, contexts, ids.map((id) => id + shift), [...SHOP.items, ...SHOP.items]);
      expectMetrics(twins.evaluate(contexts, ids.map((id) => id + shift), { metrics: EVERY }), expected);
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
    const history = await recommender.fit(SHOP.contexts, SHOP.taken, { epochs: 3, validation, metrics: asked, monitor: "mrr", onEpoch: () => {
      measured.push(recommender.evaluate(held.contexts, held.taken, { metrics: [...asked, "mrr"], exclude }));
    } });
    expect(history.epochs.map((epoch) => epoch.validation)).toEqual(measured);
    expect(new Set(measured.map((record) => record.mrr)).size).toBe(3);
    const byDefault = await recommender.fit(SHOP.contexts, SHOP.taken, { epochs: 1, validation: { contexts: held.contexts, items: held.taken } });
    expect(byDefault.epochs[0].validation).toEqual(recommender.evaluate(held.contexts, held.taken));
    expect(Object.keys(byDefault.epochs[0].validation!)).toEqual(["hr@10", "ndcg@10", "mrr"]);
  });

  it.each([
    [{}, "ndcg@10"], [{ monitor: "mrr" }, "mrr"], [{ metrics: ["hr@3", "mrr"] }, "hr@3"], [{ metrics: ["mrr"], monitor: "group-auc" }, "group-auc"],
  ] as [RecommenderFitOptions, RankingMetric][])("with %j stops when %s has not risen for a while, and returns to the best epoch", async (options, watched) => {
    for (const restoreBest of [true, false]) {
      const recommender = new Recommender(new NFM({ ...SMALL, loss: "bpr", optimizer: new Adagrad({ learningRate: 0.2 }) }), SHOP.items);
      const files: Uint8Array[] = [];
      const best: boolean[] = [];
      const history = await recommender.fit(SHOP.contexts, SHOP.taken, { epochs: 60, batchSize: 16, users: "user", validation, patience: 3, restoreBest, ...options, onEpoch: (event) => {
        files.push(bytes(recommender));
        best.push(event.best);
      } });
      const course = history.epochs.map((epoch) => epoch.validation![watched]);
      expect(history.bestEpoch).toBe(course.indexOf(Math.max(...course)) + 1);
      expect(history.bestEpoch).toBeGreaterThan(1);
      expect([history.stopped, history.epochs.length]).toEqual(["patience", history.bestEpoch! + 3]);
      expect(best.lastIndexOf(true) + 1).toBe(history.bestEpoch);
      expect(bytes(recommender)).toEqual(files[restoreBest ? history.bestEpoch! - 1 : files.length - 1]);
    }
  });

  it("does not change the training", async () => {
    const [with_, without] = [await fitted(undefined, { epochs: 3, validation, restoreBest: false }), await fitted(undefined, { epochs: 3 })];
    expect(bytes(with_)).toEqual(bytes(without));
  });
});

describe("the same seed gives the same bytes", () => {
  it.each(["bpr", "log"] as const)("from fit to fit, on either backend, and in 2 epochs after 3 as in 5: %s", async (loss) => {
    const whole = await fitted({ ...SMALL, loss }, { epochs: 5 });
    expect(bytes(await fitted({ ...SMALL, loss, backend: "js" }, { epochs: 5 }))).toEqual(bytes(whole));
    const first = await fitted({ ...SMALL, loss }, { epochs: 3 });
    const run = { epochs: 2, batchSize: 16, users: "user", resume: true };
    const second = new Recommender(NFM.load(bytes(first)), SHOP.items);
    for (const recommender of [second, first]) {
      const history = await recommender.fit(SHOP.contexts, SHOP.taken, run);
      expect(history.epochs.map(({ epoch }) => epoch)).toEqual([4, 5]);
      expect(bytes(recommender)).toEqual(bytes(whole));
    }
    await first.fit(SHOP.contexts, SHOP.taken, { ...run, epochs: 5, resume: false });
    expect(bytes(first)).toEqual(bytes(whole));
    const other = await fitted({ ...SMALL, loss, seed: 8 }, { epochs: 5 });
    expect(other.model.tensor("linear.weight")).not.toEqual(whole.model.tensor("linear.weight")); // these start at 0 under every seed
  });

  it("and lists and ranks are the same on either backend", async () => {
    const [plain, simd] = [await fitted({ ...SMALL, loss: "bpr", backend: "js" }), await fitted({ ...SMALL, loss: "bpr", backend: "wasm" })];
    expect([plain.model.backend, simd.model.backend]).toEqual(["js", "wasm"]);
    for (const context of SHOP.contexts) expect(plain.recommend(context)).toEqual(simd.recommend(context));
    expect(plain.evaluate(SHOP.contexts, SHOP.taken)).toEqual(simd.evaluate(SHOP.contexts, SHOP.taken));
  });
});

describe("a planted taste", () => {
  const [USERS, ITEMS, PER_USER] = [80, 60, 14];
  const next = numbers(4);
  const below = (n: number): number => Math.floor(next(0, n));
  const items = Array.from({ length: ITEMS }, (_, i) => ({ item: `i${i}`, hot: i % 2 === 0 }));
  const tastes = Array.from({ length: USERS }, () => below(4));
  // Of the 15 items of the user's taste the 7 or 8 that are hot in the evening, the others at noon; one event in ten is anything.
  const events = tastes.flatMap((taste, user) => Array.from({ length: PER_USER }, () => {
    const evening = next() < 0.5;
    const fitting = items.map((_, i) => i).filter((i) => Math.floor(i / 2) % 4 === taste && items[i].hot === evening);
    return { user: `u${user}`, evening, item: next() < 0.1 ? below(ITEMS) : fitting[Math.floor(fitting.length * next() ** 1.5)] };
  }));
  const isHeldOut = (e: number): boolean => e % PER_USER === PER_USER - 1;
  const train = events.filter((_, e) => !isHeldOut(e));
  const held = events.filter((_, e) => isHeldOut(e));
  const contextOf = ({ user, evening }: typeof events[number]): Fields => ({ user, evening });
  const idOf = ({ item }: typeof events[number]): string => `i${item}`;

  it.each(["bpr", "log"] as const)("is found: far more held-out events among the first ten than by popularity, %s loss", async (loss) => {
    const counts = items.map((_, item) => train.filter((event) => event.item === item).length);
    const hits = held.filter(({ item }) => counts.filter((count, other) => other !== item && count >= counts[item]).length < 10).length;
    const byPopularity = hits / held.length;
    const recommender = new Recommender(new NFM({ embeddingDim: 8, hiddenUnits: [8], loss, dropout: { biInteraction: 0.2, hidden: 0 }, seed: 2 }), items);
    await recommender.fit(train.map(contextOf), train.map(idOf), { users: "user", epochs: 25, batchSize: 32 });
    const { "hr@10": reached } = recommender.evaluate(held.map(contextOf), held.map(idOf), { metrics: ["hr@10"] });
    expect(byPopularity).toBeLessThan(0.4);
    expect(reached).toBeGreaterThan(byPopularity + 0.3);
    // The side feature decides for a user never seen.
    for (const evening of [true, false]) {
      const list = recommender.recommend({ user: "nobody", evening });
      expect(list.filter(({ id }) => items[Number(String(id).slice(1))].hot === evening).length).toBeGreaterThan(7);
    }
  });
});

describe("errors", () => {
  const contexts = SHOP.contexts.slice(0, 3);
  const taken = ["i1", "i2", "i3"];
  const held: HeldOutEvents = { contexts: contexts.slice(0, 1), items: ["i4"] };
  const forms = '"group-auc", "ndcg", "mrr", "map", or "precision@k"';

  type Case = [what: string, contexts: unknown, items: unknown, options: object, error: Error];
  const ofFit: Case[] = [
    ["no contexts", [], [], {}, new RangeError("Recommender.fit: needs at least one row, got 0")],
    ["contexts that are no rows", { user: "u1" }, taken, {}, new TypeError("Recommender.fit: contexts must be a CSRMatrix, an array of sparse vectors or an array of feature maps, got object with keys user")],
    ["NaN in a context", [{ hour: 1 }, { hour: NaN }], ["i1", "i1"], {}, new RangeError("Recommender.fit: contexts[1].hour must be finite (in 32 bits), got NaN")],
    ["an item of no catalog", contexts, ["i1", "i2", "coffee"], {}, new RangeError('Recommender.fit: items[2] must be the id of an item of the catalog (13 items, such as "i0"), got "coffee"')],
    ["a number for an id", contexts, ["i1", 2, "i3"], {}, new RangeError('Recommender.fit: items[1] must be the id of an item of the catalog (13 items, such as "i0"), got 2')],
    ["an id that is none", contexts, ["i1", "i2", { item: "i3" }], {}, new TypeError("Recommender.fit: items[2] must be an id: a string or a number, got object with keys item")],
    ["too few items", contexts, ["i1"], {}, new RangeError("Recommender.fit: items.length must be the number of rows of contexts (3), got 1")],
    ["items in no array", contexts, "i1", {}, new TypeError('Recommender.fit: items must be an array of item ids, got "i1"')],
    ["no negatives", contexts, taken, { negatives: 0 }, new RangeError("Recommender.fit: negatives must be an integer from 1 to 65536, got 0")],
    ["half a negative", contexts, taken, { negatives: 1.5 }, new RangeError("Recommender.fit: negatives must be an integer from 1 to 65536, got 1.5")],
    ["a popularity below 0", contexts, taken, { popularity: -1 }, new RangeError("Recommender.fit: popularity must be a number of at least 0, got -1")],
    ["a popularity of NaN", contexts, taken, { popularity: NaN }, new RangeError("Recommender.fit: popularity must be a number of at least 0, got NaN")],
    ["a context without the user's field", [...contexts.slice(0, 2), { hour: 1 }], taken, { users: "user" }, new TypeError("Recommender.fit: contexts[2].user must be an id, a string (the option users names another field, or lists ids), got undefined")],
    ["a user's number in a field", [{ user: 3 }], ["i1"], { users: "user" }, new TypeError("Recommender.fit: contexts[0].user must be a string: write String(id), for a number is a value and names no feature of its own, got 3")],
    ["a field of users in sparse rows", CSRMatrix.fromRows([{ indices: [0] }]), ["i1"], { users: "user" }, new TypeError('Recommender.fit: contexts must be feature maps with a field "user", got CSRMatrix')],
    ["too few users", contexts, taken, { users: ["a"] }, new RangeError("Recommender.fit: users.length must be the number of rows of contexts (3), got 1")],
    ["users that are neither", contexts, taken, { users: 7 }, new TypeError("Recommender.fit: users must be the name of a field, or an array of ids, got 7")],
    ["a user of NaN", contexts, taken, { users: [1, 2, NaN] }, new RangeError("Recommender.fit: users[2] must be an id: a string or a finite number, got NaN")],
    ["a misspelt option", contexts, taken, { negative: 3 }, new TypeError('Recommender.fit has no option "negative"; it has epochs')],
    ["groups", contexts, taken, { groups: [1, 2, 3] }, new TypeError('Recommender.fit has no option "groups"')],
    ["sample weights", contexts, taken, { sampleWeight: [1, 2, 3] }, new TypeError('Recommender.fit has no option "sampleWeight"')],
    ["epochs of 0", contexts, taken, { epochs: 0 }, new RangeError("Recommender.fit: epochs must be an integer of at least 1, got 0")],
    ["metrics without validation", contexts, taken, { metrics: ["mrr"] }, new TypeError("Recommender.fit: metrics needs validation data; pass validation as well")],
    ["patience without validation", contexts, taken, { patience: 2 }, new TypeError("Recommender.fit: patience needs validation data; pass validation as well")],
    ["a metric of rows", contexts, taken, { validation: held, metrics: ["mrr", "auc"] }, new RangeError(`Recommender.fit: metrics[1] must be a ranking metric, ${forms}`)],
    ["a cut at 0", contexts, taken, { validation: held, metrics: ["hr@0"] }, new RangeError("Recommender.fit: metrics[0] must be ")],
    ["metrics in no array", contexts, taken, { validation: held, metrics: "mrr" }, new TypeError('Recommender.fit: metrics must be an array of ranking metrics, got "mrr"')],
    ["the loss as monitor", contexts, taken, { validation: held, monitor: "loss" }, new RangeError(`Recommender.fit: monitor must be a ranking metric, ${forms}`)],
    ["a monitor that is none", contexts, taken, { validation: held, monitor: "best" }, new RangeError("Recommender.fit: monitor must be ")],
    ["validation by share", contexts, taken, { validation: 0.2 }, new TypeError("Recommender.fit: validation must be { contexts, items, exclude? }, got 0.2")],
    ["validation without events", contexts, taken, { validation: { contexts: [], items: [] } }, new RangeError("Recommender.fit: validation.contexts must hold at least one row, got none")],
    ["validation of labeled rows", contexts, taken, { validation: { x: contexts, y: [1, 1, 1] } }, new TypeError('Recommender.fit: validation has no option "x"; it has contexts, items, exclude')],
    ["an unknown item in validation", contexts, taken, { validation: { ...held, items: ["i99"] } }, new RangeError('Recommender.fit: validation.items[0] must be the id of an item of the catalog (13 items, such as "i0"), got "i99"')],
    ["NaN in validation", contexts, taken, { validation: { ...held, contexts: [{ hour: NaN }] } }, new RangeError("Recommender.fit: validation.contexts[0].hour must be finite (in 32 bits), got NaN")],
    ["too few lists to exclude", contexts, taken, { validation: { ...held, exclude: [] } }, new RangeError("Recommender.fit: validation.exclude.length must be the number of rows of contexts (1), got 0")],
    ["an id for a list to exclude", contexts, taken, { validation: { ...held, exclude: ["i1"] } }, new TypeError('Recommender.fit: validation.exclude[0] must be an array or set of item ids, got "i1"')],
    ["an unknown id to exclude", contexts, taken, { validation: { ...held, exclude: [["i1", "i99"]] } }, new RangeError("Recommender.fit: validation.exclude[0][1] must be the id of an item of the catalog")],
  ];

  it.each(ofFit.map(([what, theirContexts, items, options, error]) => ({ what, theirContexts, items, options, error })))("of fit: $what", async ({ theirContexts, items, options, error }) => {
    const recommender = await fitted();
    const [before, { history }, list] = [bytes(recommender), recommender.model, recommender.recommend(contexts[0])];
    const thrown: unknown = await recommender.fit(theirContexts as Rows, items as Id[], options).then(() => expect.fail("it did not reject"), (reason: unknown) => reason);
    expect(thrown).toBeInstanceOf(error.constructor);
    expect((thrown as Error).message).toContain(error.message);
    expect(bytes(recommender)).toEqual(before);
    expect(recommender.model.history).toBe(history);
    expect(recommender.recommend(contexts[0])).toEqual(list);
    const unbothered = new Recommender(NFM.load(before), SHOP.items);
    for (const one of [recommender, unbothered]) await one.fit(SHOP.contexts, SHOP.taken, { epochs: 1, resume: true });
    expect(bytes(recommender)).toEqual(bytes(unbothered));
  });

  it("of a first fit leave the model without parameters, and it can be fitted", async () => {
    const recommender = new Recommender(new NFM({ ...SMALL, loss: "bpr" }), [...SHOP.items.slice(0, 12), { item: "i12", price: NaN }]);
    await expect(recommender.fit(SHOP.contexts, SHOP.taken)).rejects.toThrow(new RangeError("Recommender: items[12].price must be finite (in 32 bits), got NaN"));
    expect(() => recommender.model.save()).toThrow("the model has no parameters yet");
    const sparse = new Recommender(new NFM({ ...SMALL, loss: "bpr" }), [{ indices: [0] }, { indices: [1] }]);
    await expect(sparse.fit([{ user: "a" }], [0])).rejects.toThrow(new TypeError("Recommender: items[0] must be a feature map with field names, as the first row, got object with keys indices"));
    await expect(sparse.fit([{ indices: [2], values: [NaN] }], [0])).rejects.toThrow("Recommender.fit: contexts[0].values[0] must be finite");
    expect(() => sparse.model.save()).toThrow("the model has no parameters yet");
    await sparse.fit([{ indices: [2] }], [0], { epochs: 1 });
    expect(sparse.model.numFeatures).toBe(3);
    const narrow = new Recommender(new NFM({ ...SMALL, loss: "bpr", numFeatures: 3 }), [{ indices: [0] }, { indices: [5] }]);
    await expect(narrow.fit([{ indices: [2] }], [0])).rejects.toThrow(new RangeError("Recommender: items[1].indices[0] must be below numFeatures (3), got 5"));
    expect(narrow.model.save()).toEqual(new NFM({ ...SMALL, loss: "bpr", numFeatures: 3 }).save());
  });

  it("of recommend and evaluate name the place, and change nothing", async () => {
    const recommender = await fitted();
    const before = bytes(recommender);
    const recommend = (options: object, context: unknown = contexts[0]) => (): unknown => recommender.recommend(context as FeatureMap, options);
    const evaluate = (theirContexts: unknown, items: unknown, options: object = {}) => (): unknown => recommender.evaluate(theirContexts as Rows, items as Id[], options);
    const cases: [() => unknown, Error][] = [
      [recommend({ top: 0 }), new RangeError("recommend: top must be an integer of at least 1, got 0")],
      [recommend({ top: -1 }), new RangeError("recommend: top must be an integer of at least 1, got -1")],
      [recommend({ top: "10" }), new TypeError('recommend: top must be an integer, got "10"')],
      [recommend({ exclude: "i1" }), new TypeError('recommend: exclude must be an array or set of item ids, got "i1"')],
      [recommend({ exclude: 5 }), new TypeError("recommend: exclude must be an array or set of item ids, got 5")],
      [recommend({ exclude: null }), new TypeError("recommend: exclude must be an array or set of item ids, got null")],
      [recommend({ exclude: ["i1", "tea"] }), new RangeError('recommend: exclude[1] must be the id of an item of the catalog (13 items, such as "i0"), got "tea"')],
      [recommend({ exclude: new Set([1]) }), new RangeError('recommend: exclude[0] must be the id of an item of the catalog (13 items, such as "i0"), got 1')],
      [recommend({ exclude: [undefined] }), new TypeError("recommend: exclude[0] must be an id: a string or a number, got undefined")],
      [recommend({ limit: 3 }), new TypeError('recommend has no option "limit"; it has top, exclude')],
      [recommend({}, "u1"), new TypeError('recommend: context must be an object or a Map from field names to values, got "u1"')],
      [recommend({}, { hour: NaN }), new RangeError("recommend: context.hour must be finite (in 32 bits), got NaN")],
      [recommend({}, { indices: [999] }), new RangeError(`recommend: context.indices[0] must be below numFeatures (${recommender.model.numFeatures}), got 999`)],
      [evaluate([], []), new RangeError("Recommender.evaluate: contexts must hold at least one row, got none")],
      [evaluate(contexts, ["i1"]), new RangeError("Recommender.evaluate: items.length must be the number of rows of contexts (3), got 1")],
      [evaluate(contexts, ["i1", "i2", "tea"]), new RangeError('Recommender.evaluate: items[2] must be the id of an item of the catalog (13 items, such as "i0"), got "tea"')],
      [evaluate(contexts, taken, { exclude: [[], [], ["i1", 4]] }), new RangeError("Recommender.evaluate: exclude[2][1] must be the id of an item of the catalog")],
      [evaluate(contexts, taken, { exclude: [[]] }), new RangeError("Recommender.evaluate: exclude.length must be the number of rows of contexts (3), got 1")],
      [evaluate(contexts, taken, { metrics: ["rmse"] }), new RangeError(`Recommender.evaluate: metrics[0] must be a ranking metric, ${forms}`)],
      [evaluate(contexts, taken, { metrics: ["hr@0"] }), new RangeError(`Recommender.evaluate: metrics[0] must be a ranking metric, ${forms}`)],
      [evaluate(contexts, taken, { metrics: [3] }), new TypeError(`Recommender.evaluate: metrics[0] must be a ranking metric, ${forms}`)],
      [evaluate(contexts, taken, { metrics: "mrr" }), new TypeError('Recommender.evaluate: metrics must be an array of ranking metrics, got "mrr"')],
      [evaluate(contexts, taken, ["mrr"]), new TypeError("Recommender.evaluate: options must be an object, got array of 1")],
      [evaluate([{ hour: Infinity }], ["i1"]), new RangeError("Recommender.evaluate: contexts[0].hour must be finite (in 32 bits), got Infinity")],
    ];
    for (const [call, error] of cases) {
      let thrown: unknown;
      try {
        call();
      } catch (reason) {
        thrown = reason;
      }
      expect(thrown, error.message).toBeInstanceOf(error.constructor);
      expect((thrown as Error).message).toContain(error.message);
    }
    expect(bytes(recommender)).toEqual(before);
    const untrained = new Recommender(new NFM(), SHOP.items);
    expect(() => untrained.recommend({})).toThrow("recommend: the model has no parameters yet; fit it, load one, or construct it with numFeatures");
    expect(() => untrained.evaluate(contexts, taken)).toThrow("Recommender.evaluate: the model has no parameters yet");
  });

  it("of a fit that is aborted or fails half way leave the last complete epoch, lists included", async () => {
    const files: Uint8Array[] = [];
    const stop = new AbortController();
    const recommender = new Recommender(new NFM({ ...SMALL, loss: "bpr" }), SHOP.items);
    const validation = { contexts: SHOP.contexts, items: SHOP.taken };
    await expect(recommender.fit(SHOP.contexts, SHOP.taken, {
      epochs: 9, batchSize: 16, validation, signal: stop.signal, onEpoch: () => void files.push(bytes(recommender)),
      onBatch: ({ epoch, batch }) => { if (epoch === 3 && batch === 2) stop.abort("enough"); },
    })).rejects.toBe("enough");
    expect(files).toHaveLength(2);
    expect(bytes(recommender)).toEqual(files[1]);
    expect(recommender.recommend(contexts[0])).toEqual(new Recommender(NFM.load(files[1]), SHOP.items).recommend(contexts[0]));
    const first = recommender.fit(SHOP.contexts, SHOP.taken, { epochs: 1 });
    await expect(recommender.fit(SHOP.contexts, SHOP.taken)).rejects.toThrow("Recommender.fit: this model is being fitted; await that first");
    await first;
  });
});

describe("bugs that were", () => {
  it("a feature whose values cancel in a joined row is absent from it, for L2 too", async () => {
    const options: NFMOptions = { embeddingDim: 2, hiddenUnits: [], dropout: { biInteraction: 0 }, loss: "log", initStd: 1, numFeatures: 6, optimizer: new SGD({ learningRate: 0.1 }), l2: { embedding: 0.5 } };
    const literal = new NFM(options);
    literal.partialFit([{ indices: [0, 4] }], [1]);
    const items = [{ indices: [0, 2], values: [-1, 1] }, { indices: [0, 3], values: [-1, 1] }];
    const recommender = new Recommender(NFM.load(literal.save({ optimizer: true })), items);
    await recommender.fit([{ indices: [0, 4] }], [0], { epochs: 1, negatives: 1, shuffle: false, resume: true });
    literal.partialFit([{ indices: [0, 4, 0, 2], values: [1, 1, -1, 1] }, { indices: [0, 4, 0, 3], values: [1, 1, -1, 1] }], [1, 0]);
    expect(recommender.model.tensor("embedding.weight")).toEqual(literal.tensor("embedding.weight"));
  });

  it("minCount prunes features of contexts, never those of the catalog", async () => {
    const recommender = new Recommender(new NFM({ ...SMALL, loss: "bpr", encoder: new FeatureEncoder({ minCount: 2 }) }), [{ item: "a", hot: true }, { item: "b" }, { item: "c" }]);
    await recommender.fit([{ u: "x" }, { u: "x" }, { u: "y" }], ["a", "a", "b"], { epochs: 1 });
    const { encoder } = recommender.model;
    expect(Array.from({ length: encoder!.numFeatures }, (_, i) => encoder!.name(i))).toEqual(["u=x", "item=a", "hot", "item=b", "item=c"]);
  });

  it("an infinite sum of shared values, and a loss without labels 1 and 0, are refused", async () => {
    const huge = { indices: [0], values: [3e38] };
    const recommender = new Recommender(new NFM({ numFeatures: 3 }), [huge, { indices: [1] }]);
    expect(() => recommender.recommend(huge)).toThrow("Recommender: items: the sum of a value and that of the same feature in the context must be finite");
    const loss: PointwiseLoss = { kind: "pointwise", name: "stars", value: () => 0, gradient: () => 0, target: (label) => (label >= 1 ? label : NaN) };
    await expect(new Recommender(new NFM({ loss }), SHOP.items).fit(SHOP.contexts, SHOP.taken)).rejects.toThrow("Recommender.fit: the stars loss must accept the labels 1 (taken) and 0 (not taken)");
  });
});

it("fit without options that are an object says so", async () => {
  await expect(new Recommender(new NFM(), SHOP.items).fit(SHOP.contexts, SHOP.taken, null as never)).rejects.toThrow("Recommender.fit: options must be an object, got null");
});

describe("what a review found", () => {
  it("holes, items without a known feature and too many negatives are named", async () => {
    const holes = new Array<{ item: string }>(2);
    holes[1] = { item: "a" };
    expect(() => new Recommender(new NFM(), holes)).toThrow("Recommender: items[0].item must be an id, a string (the option ids names another field, or lists ids), got undefined");
    const recommender = await fitted();
    expect(() => recommender.evaluate([{ user: "u1" }], ["i1"], { metrics: new Array<"mrr">(1) })).toThrow(/metrics\[0\] must be a ranking metric, .* got undefined/);
    const encoder = new FeatureEncoder().fit([{ user: "u1" }]);
    await expect(new Recommender(new NFM({ encoder, loss: "bpr" }), SHOP.items).fit([{ user: "u1" }], ["i1"])).rejects.toThrow("Recommender.fit: items have no feature that the model's encoder knows");
    const many = Array.from({ length: 65600 }, () => ({ indices: [5] }));
    const wide = new Recommender(new NFM({ numFeatures: 9, loss: "bpr" }), [{ indices: [0] }, { indices: [1] }]);
    await expect(wide.fit(many, many.map(() => 0), { negatives: 65536 })).rejects.toThrow("Recommender.fit: negatives must leave fewer than 2^32 examples per epoch, got 65536 for 65600 events");
  });
});
