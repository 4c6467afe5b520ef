// Which negatives events are trained with, as a loss of one's own sees them.

import { describe, expect, it } from "vitest";
import {
  NFM,
  type PairwiseLoss,
  type PointwiseLoss,
  Recommender,
  type RecommenderFitOptions,
  SGD,
  type SparseVector,
} from "../../../src/index.ts";

/**
 * A model whose score is 1 plus the values of features 0 and 1, exactly, and which no step moves: its loss
 * sees who meets what.
 */
function meter(loss: PairwiseLoss | PointwiseLoss, seed: number = 0): NFM {
  const make: PointwiseLoss = { kind: "pointwise", name: "make", value: () => 0, gradient: () => -1 };
  const made = new NFM({
    embeddingDim: 1,
    hiddenUnits: [],
    dropout: { biInteraction: 0 },
    initStd: 0,
    numFeatures: 2,
    loss: make,
    optimizer: new SGD({ learningRate: 1 }),
  });
  made.partialFit([{ indices: [0, 1] }], [0]);
  return new NFM({
    embeddingDim: 1,
    hiddenUnits: [],
    dropout: { biInteraction: 0 },
    l2: {},
    loss,
    seed,
    optimizer: new SGD(),
  }).initFrom(made);
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
  async function watch(
    options: RecommenderFitOptions,
    seed: number = 0,
    target?: (label: number) => number,
  ): Promise<Seen[][]> {
    const epochs: Seen[][] = [[]];
    const spy: PointwiseLoss = {
      kind: "pointwise",
      name: "spy",
      ...(target && { target }),
      gradient: () => 0,
      value: (score, label) => {
        const event = Math.floor((score - 1) / 2 ** ITEMS) - 1;
        epochs[epochs.length - 1].push({
          event,
          item: Math.log2(score - 1 - 2 ** ITEMS * (event + 1)),
          target: label,
        });
        return 0;
      },
    };
    await new Recommender(meter(spy, seed), items).fit(contexts, taken, {
      users,
      shuffle: false,
      epochs: 40,
      onEpoch: () => void epochs.push([]),
      ...options,
    });
    return epochs.slice(0, -1);
  }

  it("are items that the user never took, among them the event itself with label 1", async () => {
    const known = users.map((user) => new Set(taken.filter((_, e) => users[e] === user)));
    const met = users.map(() => new Set<number>());
    for (const rows of await watch({ negatives: 3 })) {
      expect(rows.map(({ event }) => event)).toEqual(
        Array.from({ length: 4 * events }, (_, row) => Math.floor(row / 4)),
      );
      expect(rows.map(({ target }) => target)).toEqual(
        Array.from({ length: 4 * events }, (_, row) => (row % 4 === 0 ? 1 : 0)),
      );
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
    met.forEach((drawn, event) =>
      expect([...drawn].sort((a, b) => a - b)).toEqual(
        Array.from({ length: ITEMS }, (_, item) => item).filter((item) => item !== taken[event]),
      ),
    );
  });

  it("are drawn anew in every epoch, and come back with the seed", async () => {
    const [once, again, other] = [await watch({}), await watch({}), await watch({}, 1)];
    expect(again).toEqual(once);
    expect(other).not.toEqual(once);
    expect(new Set(once.map((rows) => JSON.stringify(rows))).size).toBe(40);
    const shuffled = await watch({ shuffle: true });
    const sorted = (epochs: Seen[][]): string[][] =>
      epochs.map((rows) => rows.map((row) => JSON.stringify(row)).sort());
    expect(sorted(shuffled)).toEqual(sorted(once));
    expect(shuffled).not.toEqual(once);
  });

  it("have the labels of the loss", async () => {
    const [rows] = await watch({ negatives: 1, epochs: 1 }, 0, (label) => 10 * label - 3);
    expect(new Set(rows.map(({ target }) => target))).toEqual(new Set([7, -3]));
  });

  it("are the worse sides of pairs, each event in as many as there are negatives", async () => {
    const decode = new Map(
      Array.from(
        { length: ITEMS ** 2 },
        (_, p) =>
          [2 ** Math.floor(p / ITEMS) - 2 ** (p % ITEMS), [Math.floor(p / ITEMS), p % ITEMS]] as const,
      ),
    );
    const seen: (readonly number[])[] = [];
    const spy: PairwiseLoss = {
      kind: "pairwise",
      name: "spy",
      gradient: () => 0,
      value: (difference) => {
        seen.push(decode.get(difference)!);
        return 0;
      },
    };
    for (const negatives of [undefined, 3]) {
      seen.length = 0;
      await new Recommender(meter(spy), items).fit(contexts, taken, {
        users,
        shuffle: false,
        epochs: 20,
        ...(negatives && { negatives }),
      });
      const perEpoch = events * (negatives ?? 1);
      expect(seen).toHaveLength(20 * perEpoch);
      const pointwise = await watch({ negatives: 1 });
      expect(seen.slice(0, perEpoch).map(([, item]) => item)).not.toEqual(
        pointwise[0].map(({ item }) => item),
      );
      seen.forEach(([better, worse], p) => {
        const event = Math.floor((p % perEpoch) / (negatives ?? 1));
        expect(better).toBe(taken[event]);
        expect(taken.filter((_, e) => users[e] === users[event])).not.toContain(worse);
      });
      expect(
        new Set(Array.from({ length: 20 }, (_, e) => String(seen.slice(e * perEpoch, (e + 1) * perEpoch))))
          .size,
      ).toBe(20);
    }
  });

  it("come in proportion to (number of events)^popularity, uniformly at 0", async () => {
    const counts = items.map((_, item) => taken.filter((other) => other === item).length);
    expect(counts).toEqual([5, 1, 2, 2, 1, 1, 0, 0, 0, 0, 0, 0]);
    for (const popularity of [0, 0.5, 1, 2]) {
      const drawn = items.map(() => 0);
      const event = 3; // of user c, who took 2 and 3
      const epochs = await watch({ negatives: 50, popularity, epochs: 60 });
      for (const rows of epochs)
        for (const row of rows) if (row.event === event && row.target === 0) drawn[row.item]++;
      const weights = counts.map((count, item) =>
        item === 2 || item === 3 ? 0 : popularity === 0 ? 1 : count === 0 ? 0 : count ** popularity,
      );
      const total = weights.reduce((sum, weight) => sum + weight, 0);
      drawn.forEach((count, item) => {
        const p = weights[item] / total;
        expect(Math.abs(count - 3000 * p), `item ${item} at popularity ${popularity}`).toBeLessThanOrEqual(
          5 * Math.sqrt(3000 * p * (1 - p)),
        ); // 5 standard deviations
      });
    }
  });
});
