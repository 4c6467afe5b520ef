// Rankings where fields have no value. A context and its candidates are two parts of a row. Each part says which of
// its own fields are missing: in the place of an explicit null, else behind its other features.

import { describe, expect, it } from "vitest";
import { FeatureEncoder, type FeatureMap, NFM, type Ranked, Recommender } from "../../src/index.ts";
import { numbers } from "../reference.ts";

const next = numbers(5);
const maybe = <T>(value: T): T | null => (next() < 0.3 ? null : value);
const training: FeatureMap[] = Array.from({ length: 200 }, (_, i) => ({
  user: maybe(`u${i % 7}`),
  age: maybe(20 + Math.floor(next(0, 40))),
  item: `i${i % 9}`,
  price: maybe(next(1, 9)),
  tags: maybe([`t${i % 3}`, `t${3 + (i % 2)}`]),
}));
const labels = training.map((_, i) => (i * 7) % 5);

/** Candidates: with everything, with an explicit null, without a key; some have prices and tags. */
const candidates: FeatureMap[] = [
  { item: "i1", price: 3.3, tags: ["t0", "t4"] },
  { item: "i2", price: null, tags: null },
  { item: "i3" },
  { item: "i4", tags: ["t1"] },
  { item: "i5", price: 7 },
];
const whole = candidates.slice(0, 2);
const CONTEXTS: Record<string, FeatureMap> = {
  "with all its fields": { user: "u3", age: 33 },
  "with an explicit null": { user: null, age: 33 },
  "with two": { user: null, age: null },
  "with an absent field": { user: "u3" },
  "without a field": {},
};
const isWhole = (context: FeatureMap): boolean => Object.keys(context).length === 2;

async function trained(hiddenUnits: number[]): Promise<NFM> {
  const model = new NFM({ embeddingDim: 6, hiddenUnits, initStd: 0.3, labels: "raw" });
  await model.fit(training, labels, { epochs: 3, batchSize: 32 });
  return model;
}

/** The features of a joined row, by name and in the documented order. */
function namesOf(encoder: FeatureEncoder, context: FeatureMap, candidate: FeatureMap): [string, number][] {
  const part = (map: FeatureMap, own: readonly string[]): [string, number][] => {
    const given = Object.entries(map).flatMap(([field, value]): [string, number][] => {
      if (value === null) return [[`${field} is missing`, 1]];
      const { indices, values } = new FeatureEncoder().fit(training).encode({ [field]: value });
      const named = Array.from(indices, (index, p) => [encoder.name(index), values?.[p] ?? 1] as const);
      return named.filter(([name]) => !name.endsWith(" is missing")).map(([name, x]) => [name, x]);
    });
    const absent = own.filter((field) => !(field in map));
    return [...given, ...absent.map((field): [string, number] => [`${field} is missing`, 1])];
  };
  return [...part(context, ["user", "age"]), ...part(candidate, ["price", "tags"])];
}

const scoresOf = (ranked: readonly Ranked[]): number[] =>
  [...ranked].sort((a, b) => a.index - b.index).map(({ score }) => score);

describe.each([[[5]], [[]]])("a ranking where values are missing, hidden units %j", (hiddenUnits) => {
  it.each(Object.entries(CONTEXTS))("in a context %s", async (_, context) => {
    const model = await trained(hiddenUnits);
    const encoder = model.encoder!;
    const got = scoresOf(model.rank(context, candidates));
    const rows = candidates.map((candidate) => {
      const features = namesOf(encoder, context, candidate);
      expect(features.length).toBeGreaterThan(4);
      return {
        indices: features.map(([name]) => encoder.index(name)!),
        values: features.map(([, value]) => value),
      };
    });
    expect(got).toEqual(Array.from(model.predict(rows)));

    const joined = model.predict(candidates.map((candidate): FeatureMap => ({ ...context, ...candidate })));
    candidates.forEach((candidate, i) => {
      if (isWhole(context) && whole.includes(candidate)) expect(got[i]).toBe(joined[i]);
      // Sums of a dozen numbers below 10 in another order: 1e-6 of the largest.
      expect(Math.abs(got[i] - joined[i])).toBeLessThan(1e-5);
    });
    const prepared = scoresOf(model.rank(context, model.prepare(candidates)));
    got.forEach((score, i) => expect(Math.abs(prepared[i] - score)).toBeLessThan(1e-5));
    if (hiddenUnits.length > 0) expect(prepared).toEqual(got);
  });

  it("a missing value counts: it moves the score", async () => {
    const model = await trained(hiddenUnits);
    const base = model.encoder!.encode({ user: "u3", age: 33, item: "i3", price: null, tags: null });
    const { encoder } = model;
    const kept = Array.from(base.indices, (index, p) => [index, base.values?.[p] ?? 1] as const).filter(
      ([index]) => !encoder!.name(index).endsWith(" is missing"),
    );
    const without = model.predict({ indices: kept.map(([i]) => i), values: kept.map(([, x]) => x) });
    const ranked = scoresOf(model.rank({ user: "u3", age: 33 }, candidates));
    expect(Math.abs(ranked[2] - without)).toBeGreaterThan(1e-3);
  });

  it("a field that no candidate has a value of belongs to the context, and counts once", async () => {
    const model = await trained(hiddenUnits);
    const bare: FeatureMap[] = [{ item: "i1", price: null, tags: null }, { item: "i2" }];
    const got = scoresOf(model.rank({ user: "u3", age: 33 }, bare));
    const joined = model.predict(
      bare.map((candidate): FeatureMap => ({ user: "u3", age: 33, ...candidate })),
    );
    got.forEach((score, i) => expect(Math.abs(score - joined[i])).toBeLessThan(1e-5));
    const columns = { item: ["i1", "i2"], price: [null, null], tags: [null, null] };
    expect(scoresOf(model.rank({ user: "u3", age: 33 }, columns))).toEqual(got);
  });

  it("an explicit null in a context says nothing about a field of the candidates", async () => {
    const model = await trained(hiddenUnits);
    const plain = model.rank({ user: "u3", age: 33 }, candidates);
    expect(model.rank({ user: "u3", price: null, age: 33, tags: undefined }, candidates)).toEqual(plain);
  });
});

it("a recommender ranks as predict does, where contexts and items have missing values", async () => {
  const items = candidates as (FeatureMap & { readonly item: string })[];
  const contexts = training.map((map) => {
    const { user, age } = map as { user: string | null; age: number | null };
    return age === null ? { user } : { user, age };
  });
  const taken = contexts.map((_, i) => `i${1 + (i % 5)}`);
  const recommender = new Recommender(new NFM({ embeddingDim: 6, hiddenUnits: [5], loss: "log" }), items);
  await recommender.fit(contexts, taken, { epochs: 2 });
  const { encoder } = recommender.model;
  const missing = recommender.model.fields.filter(({ missing: share }) => share > 0);
  expect(missing.map(({ name }) => name)).toEqual(["user", "age", "price", "tags"]);
  expect(encoder!.index("age is missing")).toBeDefined();
  const joined = recommender.model.predict(items.map((item): FeatureMap => ({ user: "u2", ...item })));
  for (const { id, score } of recommender.recommend({ user: "u2" })) {
    const i = items.findIndex(({ item }) => item === id);
    expect(Math.abs(score - joined[i])).toBeLessThan(1e-6);
  }
});
