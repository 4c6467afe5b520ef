// The notice that values are so large that training may fail.

import { describe, expect, it } from "vitest";
import {
  CSRMatrix,
  FeatureEncoder,
  type FeatureMap,
  NFM,
  type NFMOptions,
  type Notice,
  Recommender,
  type Rows,
} from "../../src/index.ts";

const SMALL: NFMOptions = { embeddingDim: 2, hiddenUnits: [] };
const RUN = { epochs: 1, validation: false } as const;
/** So small that no value of these tests makes training fail. */
const SLOW: NFMOptions = { ...SMALL, initStd: 0, learningRate: 1e-12, optimizer: "sgd" };

async function heard(options: NFMOptions, x: Rows): Promise<string[]> {
  const notices: Notice[] = [];
  const model = new NFM({ ...SLOW, ...options, onNotice: (notice) => notices.push(notice) });
  await model.fit(x, [1, 2, 3], RUN);
  return notices.filter(({ kind }) => kind === "large-numbers").map(({ message }) => message);
}

const prices = (...values: number[]): FeatureMap[] => values.map((price) => ({ price, size: 2 }));

describe("large numbers are told", () => {
  it.each([
    ["raw numbers", { numbers: "raw" }, prices(3, -45000, 12000), "-45000 in the feature price. "],
    [
      "weights",
      {},
      [{ mix: { fat: 1 } }, { mix: { fat: 5000, salt: 2 } }, {}],
      "5000 in the feature mix=fat. ",
    ],
    ["columns", { numbers: "raw" }, { price: [1, 2, 3e6] }, "3000000 in the feature price. "],
    [
      "a matrix",
      {},
      CSRMatrix.fromDense([
        [0, 1],
        [2000, 1],
        [0, 1],
      ]),
      "2000 in the feature index 0. ",
    ],
    ["sparse vectors", {}, [{ indices: [4], values: [1001] }, { indices: [2] }, { indices: [1] }], "1001 in"],
  ] as [string, NFMOptions, Rows, string][])("%s", async (_, options, x, message) => {
    const messages = await heard(options, x);
    expect(messages).toHaveLength(1);
    expect(messages[0]).toContain(`fit: x has the value ${message}`);
    expect(messages[0]).toContain("can make training fail: ");
  });

  it("hashed names are told as the columns they have", async () => {
    const encoder = new FeatureEncoder({ hashBits: 5 });
    const [message] = await heard({ encoder }, prices(1, 2, 9999));
    expect(message).toContain(`the value 9999 in the feature #${encoder.index("price")}. `);
    expect(message).toContain('use the option numbers: "knots" or "standard"');
  });

  it.each([
    [1900, 7000, "Recommender.fit: contexts has the value 1900 in the feature when. "],
    [1, 7000, "Recommender: items has the value 7000 in the feature price. "],
  ])("of contexts (%d) and items (%d), once for all of them", async (when, price, message) => {
    const notices: Notice[] = [];
    const options: NFMOptions = { ...SMALL, numbers: "raw", loss: "bpr" };
    const model = new NFM({ ...options, onNotice: (notice) => notices.push(notice) });
    const items = [
      { item: "a", price },
      { item: "b", price: 1 },
    ];
    await new Recommender(model, items).fit([{ when }, { when: 3 }], ["a", "b"], { epochs: 1 });
    const told = notices.filter(({ kind }) => kind === "large-numbers");
    expect(told).toHaveLength(1);
    expect(told[0].message).toContain(message);
  });

  it("of pairs", async () => {
    const notices: Notice[] = [];
    const model = new NFM({
      ...SLOW,
      numbers: "raw",
      loss: "bpr",
      onNotice: (notice) => notices.push(notice),
    });
    await model.fitPairs(prices(1, 2), prices(1, 1e6), RUN);
    expect(notices[0].message).toContain("fitPairs: negatives has the value 1000000 in the feature price. ");
  });

  it("find the largest of many", async () => {
    const values = Array.from({ length: 200_000 }, (_, i) => (i === 150_000 ? 5e5 : 1001 + (i % 3000)));
    const notices: Notice[] = [];
    const model = new NFM({ ...SLOW, numbers: "raw", onNotice: (notice) => notices.push(notice) });
    await model.fit(
      { price: values },
      values.map((_, i) => i % 2),
      { ...RUN, batchSize: 50_000 },
    );
    expect(notices.find(({ kind }) => kind === "large-numbers")?.message).toContain(
      "500000 in the feature price",
    );
  });
});

describe("nothing is told", () => {
  it.each([
    ["of values up to 1,000", { numbers: "raw" }, prices(1000, -1000, 0.5)],
    ["of knots", {}, prices(1e9, -1e9, 1)],
    ["of standardized numbers", { numbers: "standard" }, prices(1e9, -1e9, 1)],
    ["of large ids", {}, [{ userId: 1e9 }, { userId: 2 }, {}]],
    ["of rows without values", {}, [{ indices: [1] }, { indices: [2000] }, { indices: [] }]],
  ] as [string, NFMOptions, Rows][])("%s", async (_, options, x) => {
    expect(await heard(options, x)).toEqual([]);
  });

  it("by partialFit and by predict", () => {
    const notices: Notice[] = [];
    const model = new NFM({ ...SLOW, numbers: "raw", onNotice: (notice) => notices.push(notice) });
    model.partialFit(prices(1, 5000), [1, 2]);
    model.predict(prices(70_000));
    expect(notices).toEqual([]);
  });
});
