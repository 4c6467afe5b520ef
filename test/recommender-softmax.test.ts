// A recommender with the softmax loss: what it learns where the taste is known, equal bits, and its options.

import { describe, expect, it } from "vitest";
import { NFM, type NFMOptions, Recommender, type RecommenderFitOptions } from "../src/index.ts";

const ITEMS = Array.from({ length: 30 }, (_, i) => ({ item: `i${i}`, kind: `k${i % 3}` }));

/** Each of 45 users takes 6 of the 10 items of one kind. */
const EVENTS = Array.from({ length: 270 }, (_, e) => {
  const user = e % 45;
  return { user: `u${user}`, item: `i${(user % 3) + 3 * ((Math.floor(e / 45) + user) % 10)}` };
});
const contexts = EVENTS.map(({ user }) => ({ user }));
const taken = EVENTS.map(({ item }) => item);

async function fitted(model: NFMOptions, options: RecommenderFitOptions): Promise<Recommender> {
  const own: NFMOptions = { loss: "softmax", embeddingDim: 8, hiddenUnits: [], seed: 1, notices: false };
  const recommender = new Recommender(new NFM({ ...own, ...model }), ITEMS);
  await recommender.fit(contexts, taken, { users: "user", epochs: 15, batchSize: 32, ...options });
  return recommender;
}

/** Of the lists of all users, the share of the items that have the kind of the user and are new to the user. */
function shareOfTaste(recommender: Recommender): number {
  let found = 0;
  for (let user = 0; user < 45; user++) {
    const exclude = EVENTS.filter((event) => event.user === `u${user}`).map(({ item }) => item);
    const list = recommender.recommend({ user: `u${user}` }, { top: 4, exclude });
    found += list.filter(({ id }) => Number(String(id).slice(1)) % 3 === user % 3).length;
  }
  return found / (45 * 4);
}

describe("a recommender with the softmax loss", () => {
  it.each([
    ["drawn items", {}, { negatives: 8 }],
    ["items drawn by popularity", {}, { negatives: 8, popularity: 0.5 }],
    ["the other items of the batch alone", {}, { negatives: 0 }],
    ["the whole catalog", {}, { negatives: "all" }],
    ["the whole catalog by default, where it has fewer items", {}, {}],
    ["a hidden layer", { hiddenUnits: [8] }, { negatives: 8, epochs: 25 }],
  ] as [
    string,
    NFMOptions,
    RecommenderFitOptions,
  ][])("finds a planted taste: %s", async (_, model, options) => {
    expect(shareOfTaste(await fitted(model, options))).toBeGreaterThan(0.9);
  });

  it.each([[[]], [[6]]])("gives the same bytes on either backend, hidden layers %j", async (hiddenUnits) => {
    const bytesOf = async (backend: "js" | "wasm"): Promise<Uint8Array> => {
      const { model } = await fitted({ hiddenUnits, backend, embeddingDim: 5 }, { negatives: 5, epochs: 2 });
      return model.save({ optimizer: true });
    };
    expect(await bytesOf("js")).toEqual(await bytesOf("wasm"));
  });

  it("goes on with resume as if training had never stopped", async () => {
    const whole = await fitted({}, { negatives: 5, epochs: 4 });
    const first = await fitted({}, { negatives: 5, epochs: 2 });
    // Defaults depend on the number of events, which is the same in both.
    await first.fit(contexts, taken, { users: "user", negatives: 5, epochs: 2, batchSize: 32, resume: true });
    expect(first.model.save({ optimizer: true })).toEqual(whole.model.save({ optimizer: true }));
  });

  it("leaves w0 at 0", async () => {
    const recommender = await fitted({}, { negatives: "all", epochs: 3 });
    expect(recommender.model.tensor("bias").data[0]).toBe(0);
  });

  it.each([
    ["softmax", -1, "Recommender.fit: negatives must be an integer from 0 to 65536, got -1"],
    ["bpr", 0, "Recommender.fit: negatives must be an integer from 1 to 65536, got 0"],
    ["bpr", "all", 'Recommender.fit: negatives must be an integer, got "all"'],
  ] as const)("with the loss %s negatives of %j are refused", async (loss, negatives, message) => {
    await expect(fitted({ loss }, { negatives })).rejects.toThrow(message);
  });
});
