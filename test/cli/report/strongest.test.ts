import { describe, expect, it } from "vitest";
import { type ExplainableModel, fieldOf, strongest } from "../../../src/cli/report/strongest.ts";
import { type Explanation, NFM } from "../../../src/index.ts";

/** A model whose explanations are given, and that has three features with vectors of length 2. */
function modelOf(explanations: readonly Partial<Explanation>[]): ExplainableModel {
  const names = ["a=1", "b=1", "b=2"];
  const tensors: Record<string, { shape: number[]; data: Float32Array }> = {
    "linear.weight": { shape: [3, 1], data: Float32Array.of(0.5, -1, 2) },
    "embedding.weight": { shape: [3, 2], data: Float32Array.of(3, 4, 0, 1, 5, 12) },
  };
  return {
    explain: (row) => ({ bias: 1, linear: [], pairs: [], ...explanations[(row as { row: number }).row] }),
    tensor: (name) => tensors[name],
    encoder: {
      index: (name) => (names.includes(name) ? names.indexOf(name) : undefined),
      name: (index) => names[index],
    },
  };
}

const part = (feature: string, contribution: number): { feature: string; contribution: number } => ({
  feature,
  contribution,
});
const pair = (a: string, b: string, contribution: number): Explanation["pairs"][number] => ({
  features: [a, b],
  contribution,
});

describe("strongest", () => {
  // Two rows: {a=1, b=1} and {a=1, b=2}. A feature's share is its linear part and half of its pair.
  const model = modelOf([
    { linear: [part("a=1", 1), part("b=1", -3)], pairs: [pair("a=1", "b=1", 4)] },
    { linear: [part("a=1", 1), part("b=2", 0.5)], pairs: [pair("b=2", "a=1", -6)] },
  ]);
  const found = strongest(model, [{ row: 0 }, { row: 1 }]);

  it("takes the mean magnitude of shares over all rows, and the mean over the rows with the feature", () => {
    // a=1: 1 + 4/2 = 3, 1 - 6/2 = -2. b=1: -3 + 2 = -1. b=2: 0.5 - 3 = -2.5.
    expect(found.rows).toBe(2);
    expect(found.features).toEqual([
      { name: "a=1", effect: 2.5, mean: 0.5, rows: 2, weight: 0.5, norm: 5 },
      { name: "b=2", effect: 1.25, mean: -2.5, rows: 1, weight: 2, norm: 13 },
      { name: "b=1", effect: 0.5, mean: -1, rows: 1, weight: -1, norm: 1 },
    ]);
  });

  it("counts a pair whatever the order of its features", () => {
    expect(found.pairs).toEqual([
      { names: ["a=1", "b=2"], effect: 3, mean: -6, rows: 1 },
      { names: ["a=1", "b=1"], effect: 2, mean: 4, rows: 1 },
    ]);
  });

  it("adds up the features of a field within a row before it takes magnitudes", () => {
    expect(found.fields).toEqual([
      { names: ["a"], effect: 2.5 },
      { names: ["b"], effect: 1.75 },
    ]);
    expect(found.fieldPairs).toEqual([{ names: ["a", "b"], effect: 5 }]);
    const list = modelOf([{ linear: [part("tags=x", 2), part("tags=y", -2)] }]);
    expect(strongest(list, [{ row: 0 }]).fields).toEqual([{ names: ["tags"], effect: 0 }]);
  });

  it("explains evenly spaced rows, and keeps the first of each list", () => {
    const rows = Array.from({ length: 100 }, (_, row) => ({ row }));
    const seen: number[] = [];
    const counting: ExplainableModel = {
      ...modelOf([]),
      explain(row) {
        const { row: number } = row as { row: number };
        seen.push(number);
        return { bias: 0, linear: [part(`f=${number}`, number)], pairs: [] };
      },
    };
    const { features } = strongest(counting, rows, { sample: 4, top: 2 });
    expect(seen).toEqual([0, 25, 50, 75]);
    expect(features.map(({ name, weight, norm }) => [name, weight, norm])).toEqual([
      ["f=75", null, null],
      ["f=50", null, null],
    ]);
  });

  it("is empty without rows", () => {
    const empty = { rows: 0, fields: [], fieldPairs: [], features: [], pairs: [] };
    expect(strongest(modelOf([]), [])).toEqual(empty);
  });

  it("knows the field of every kind of feature", () => {
    const known = new Set(["user@2", "price", "left"]);
    expect(fieldOf("user=a=b", known)).toBe("user");
    expect(fieldOf("price@-9.5e+3", known)).toBe("price");
    expect(fieldOf("price is missing", known)).toBe("price");
    expect(fieldOf("user@2", known)).toBe("user@2");
    expect(fieldOf("hour", known)).toBe("hour");
    expect(fieldOf("#17", known)).toBe("#17");
  });

  it("finds the planted pair in a trained model, and reads its tables", async () => {
    const rows = Array.from({ length: 1200 }, (_, n) => ({
      user: `u${n % 8}`,
      page: `p${(n * 3) % 5}`,
      night: n % 7 === 0 ? "yes" : "no",
    }));
    const clicks = rows.map(({ user, page }) => (Number(user[1]) % 2 === Number(page[1]) % 2 ? 1 : 0));
    const model = new NFM({ loss: "log", embeddingDim: 8, hiddenUnits: [8], seed: 1 });
    await model.fit(rows, clicks, { epochs: 10, validation: false });
    const { fieldPairs, features } = strongest(model, rows, { fields: ["user", "page", "night"] });
    expect(fieldPairs[0].names).toEqual(["page", "user"]);
    expect(fieldPairs[0].effect).toBeGreaterThan(3 * fieldPairs[1].effect);
    const { name, weight, norm } = features[0];
    const index = model.encoder!.index(name)!;
    expect(weight).toBe(model.tensor("linear.weight").data[index]);
    const vector = model.tensor("embedding.weight").data.slice(index * 8, index * 8 + 8);
    expect(norm).toBeCloseTo(Math.hypot(...vector), 12);
  });

  it("numbers the features of a model without an encoder", async () => {
    const model = new NFM({ embeddingDim: 2, hiddenUnits: [], numFeatures: 4, seed: 1 });
    const rows = [{ indices: [0, 3] }, { indices: [1, 3] }];
    await model.partialFit(rows, [1, 2]);
    const { features } = strongest(model, rows);
    const strong = features.find(({ name }) => name === "#3")!;
    expect(strong.rows).toBe(2);
    expect(strong.weight).toBe(model.tensor("linear.weight").data[3]);
  });
});
