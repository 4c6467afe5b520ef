// The class as users meet it: inputs of every kind, predictions, vocabulary and evaluation.

import { describe, expect, it } from "vitest";
import { Adagrad, type CSRMatrix, FeatureEncoder, NFM, type Rows } from "../src/index.ts";
import { fitted, labels, maps, small } from "./helpers/maps.ts";

describe("inputs", () => {
  it("are the same model as feature maps, as the encoder's matrix, as sparse vectors and as maps of indices", async () => {
    const byMaps = await fitted();
    const x = byMaps.encoder!.transform(maps);
    const vectors = maps.map((map) => byMaps.encoder!.encode(map));
    const records = vectors.map(({ indices, values }) =>
      Object.fromEntries(Array.from(indices, (index, p) => [index, values ? values[p] : 1])),
    );
    const mapsOfIndices = vectors.map(
      ({ indices, values }) =>
        new Map(Array.from(indices, (index, p) => [index, values ? values[p] : 1] as const)),
    );
    for (const rows of [x, vectors, mapsOfIndices] as Rows[]) {
      const model = new NFM({ ...small });
      await model.fit(rows, labels, { epochs: 2, batchSize: 16 });
      expect(model.numFeatures).toBe(byMaps.numFeatures);
      expect(model.predict(rows)).toEqual(byMaps.predict(maps));
      expect(model.predict(records[5])).toBeCloseTo(byMaps.predict(maps[5]), 5);
    }
    // The keys of a record come in ascending order, so its sums may round differently.
    const byNumber = new NFM({ ...small, numFeatures: x.cols });
    await byNumber.fit(records, labels, { epochs: 2, batchSize: 16 });
    const scores = byMaps.predict(maps);
    byNumber.predict(records).forEach((score, i) => expect(score).toBeCloseTo(scores[i], 3));
  });

  it("may be a matrix of another copy of the library", async () => {
    const x = (await fitted()).encoder!.transform(maps);
    const foreign = {
      rows: x.rows,
      cols: x.cols,
      nnz: x.nnz,
      indptr: x.indptr,
      indices: x.indices,
      values: x.values,
    } as unknown as CSRMatrix;
    const [ours, theirs] = [new NFM(small), new NFM(small)];
    await ours.fit(x, labels, { epochs: 1, validation: 0.25 });
    await theirs.fit(foreign, labels, { epochs: 1, validation: 0.25 });
    expect(theirs.save()).toEqual(ours.save());
  });

  it("keep features apart that a field name like 'indices' could confuse", async () => {
    const model = new NFM(small);
    await model.fit([{ indices: ["a", "b"] }, { indices: ["b"] }], [1, 0], { epochs: 1 });
    expect(model.encoder!.numFeatures).toBe(2);
  });

  it("do not pass ids through float32", async () => {
    const model = new NFM({ embeddingDim: 1, hiddenUnits: [], numFeatures: 16777219 });
    model.partialFit([{ indices: [16777217] }], [3]);
    const { data } = model.tensor("linear.weight");
    expect([data[16777216], data[16777217] !== 0, data[16777218]]).toEqual([0, true, 0]);
  });
});

describe("predict", () => {
  it("gives the same number for a row alone and among others, whatever the batch", async () => {
    const model = await fitted({ ...small, loss: "squared" });
    const all = model.predict(maps);
    maps.forEach((map, i) => expect(model.predict(map)).toBe(all[i]));
    expect(model.predict([])).toEqual(new Float32Array(0));
    const many = Array.from({ length: 500 }, (_, i) => maps[i % 60]);
    expect(model.predict(many)).toEqual(Float32Array.from(many, (_, i) => all[i % 60]));
  });

  it("is never behind the parameters: after every change it equals that of a fresh copy", async () => {
    const model = new NFM({ ...small, hiddenUnits: [3, 5], loss: "log", numbers: "raw" });
    const clicks = labels.map((label) => (label > 0 ? 1 : 0));
    const expectFresh = (): void => {
      const scores = model.predict(maps, { raw: true });
      expect(NFM.load(model.save()).predict(maps, { raw: true })).toEqual(scores);
      expect(model.predict(maps[7], { raw: true })).toBe(scores[7]);
    };
    await model.fit(maps, clicks, { epochs: 2, onEpoch: expectFresh });
    expectFresh();
    model.partialFit(maps, clicks);
    expectFresh();
    expect(() => model.partialFit([{ hour: 3e38, user: "u1" }], [1])).toThrow("nothing has changed");
    expectFresh();
    await model.fit(maps, clicks, { epochs: 2, resume: true, validation: 0.2 });
    expectFresh();
    model.partialFit([...maps, ...maps, ...maps], [...clicks, ...clicks, ...clicks]);
    expectFresh();
  });

  it("copes with a row longer than any before", async () => {
    const model = new NFM({ embeddingDim: 2, hiddenUnits: [], numFeatures: 20000 });
    model.partialFit([{ indices: [1, 2] }], [1]);
    const long = { indices: Uint32Array.from({ length: 10000 }, (_, i) => i * 2) };
    const score = model.predict(long);
    expect(Number.isFinite(score)).toBe(true);
    expect(model.predict([{ indices: [1] }, long, { indices: [2] }])[1]).toBe(score);
  });

  it("gives probabilities for the log loss, and scores when asked or for other losses", async () => {
    const model = new NFM({ ...small, loss: "log" });
    await model.fit(
      maps,
      labels.map((label) => (label > 0 ? 1 : -1)),
      { epochs: 3, batchSize: 8 },
    );
    const [scores, probabilities] = [model.predict(maps, { raw: true }), model.predict(maps)];
    scores.forEach((score, i) => expect(probabilities[i]).toBeCloseTo(1 / (1 + Math.exp(-score)), 6));
    expect(model.predict(maps[0])).toBe(probabilities[0]);
    expect(model.predict(maps[0], { raw: true })).toBe(scores[0]);
    const hinge = new NFM({ ...small, loss: "hinge" });
    await hinge.fit(
      maps,
      labels.map((label) => (label > 0 ? 1 : 0)),
      { epochs: 1 },
    );
    expect(hinge.predict(maps)).toEqual(hinge.predict(maps, { raw: true }));
  });

  it("lets features never seen in training contribute nothing, and the encoder can count them", async () => {
    const model = await fitted();
    expect(model.predict({ ...maps[0], colour: "red", user2: 3, tags: ["t0", "never"] })).toBe(
      model.predict(maps[0]),
    );
    expect(model.encoder!.unseen({ ...maps[0], colour: "red", tags: ["t0", "never"] })).toEqual([
      "tags=never",
      "colour",
    ]);
    expect(model.predict({ nothing: "known" })).toBe(model.predict({}));
  });

  it("treats zeros as absent", async () => {
    const model = new NFM({ ...small, numFeatures: 9 });
    model.partialFit([{ indices: [1, 2] }, { indices: [3, 4] }], [1, 0]);
    expect(model.predict({ 1: 1, 2: 1, 5: 0 })).toBe(model.predict({ 1: 1, 2: 1 }));
    expect(model.predict({ indices: [1, 2, 2], values: [1, 0.25, 0.75] })).toBe(
      model.predict({ 1: 1, 2: 1 }),
    );
  });

  it("works during a fit, from its callbacks", async () => {
    const model = new NFM(small);
    const seen: number[] = [];
    await model.fit(maps, labels, { epochs: 3, onEpoch: () => void seen.push(model.predict(maps[0])) });
    expect(new Set(seen).size).toBe(3);
    expect(seen[2]).toBe(model.predict(maps[0]));
  });
});

describe("vocabulary and validation", () => {
  it("learns the vocabulary from training rows alone, also when a share is held out", async () => {
    const rows = maps.map((map, i) => ({ ...map, row: `r${i}` }));
    const model = new NFM(small);
    await model.fit(rows, labels, { epochs: 1, validation: 0.5 });
    const known = rows.filter((_, i) => model.encoder!.index(`row=r${i}`) !== undefined);
    expect(known).toHaveLength(30);
    const other = new NFM(small);
    await other.fit(maps, labels, { epochs: 1, validation: { x: [{ user: "new" }], y: [0] } });
    expect(other.encoder!.index("user=new")).toBeUndefined();
  });

  it("uses a fitted encoder as it is, and an unfitted one as a template that stays unfitted", async () => {
    const given = new FeatureEncoder().fit([{ user: "u0" }, { user: "u1" }]);
    const model = await fitted({ ...small, encoder: given });
    expect(model.encoder!.toJSON()).toEqual(given.toJSON());
    expect(model.numFeatures).toBe(2);
    const before = model.predict({ user: "u1" });
    given.fit(Array.from({ length: 500 }, (_, i) => ({ user: `u${500 - i}` })));
    expect(model.predict({ user: "u1" })).toBe(before);
    expect(() => model.encoder!.fit([{ user: "x" }])).toThrow(
      "FeatureEncoder.fit: this encoder belongs to a model and cannot learn again; make a new one",
    );
    const late = new FeatureEncoder();
    const constructedBefore = new NFM({ ...small, encoder: late });
    late.fit([{ user: "u0" }]);
    for (const whose of [constructedBefore, NFM.load(model.save())]) {
      whose.predict({ user: "u0" });
      expect(() => whose.encoder!.fit([{ user: "x" }])).toThrow(
        "this encoder belongs to a model and cannot learn again",
      );
    }
    const template = new FeatureEncoder({ numbers: "standard" });
    const scaled = await fitted({ ...small, encoder: template });
    expect(template.fitted).toBe(false);
    expect(scaled.encoder!.options.numbers).toBe("standard");
  });

  it("measures the paper's clamped rmse against the training labels' range, the plain one without", async () => {
    const model = new NFM({ embeddingDim: 1, hiddenUnits: [], optimizer: new Adagrad({ learningRate: 3 }) });
    await model.fit([{ a: 1 }, { a: -1 }], [1, -1], { epochs: 1, batchSize: 1 });
    const score = model.predict({ a: 50 });
    expect(score).toBeGreaterThan(2);
    expect(model.evaluate([{ a: 50 }], [5], { metrics: ["rmse-clamped", "rmse"] })).toEqual({
      "rmse-clamped": 4,
      rmse: Math.abs(score - 5),
    });
  });

  it("leaves out of the default metrics what the labels cannot give, and refuses it only when asked for", async () => {
    const model = new NFM({ ...small, loss: "log" });
    await model.fit(
      maps,
      maps.map((_, i) => (i === 0 ? 1 : 0)),
      { epochs: 1, validation: { x: maps.slice(1, 9), y: Array(8).fill(0) as number[] } },
    );
    expect(Object.keys(model.history!.epochs[0].validation!)).toEqual(["loss", "logloss", "accuracy"]);
    expect(Object.keys(model.evaluate(maps.slice(1, 3), [0, 0]))).toEqual(["logloss", "accuracy"]);
    expect(() => model.evaluate(maps.slice(1, 3), [0, 0], { metrics: ["auc"] })).toThrow(
      'evaluate: "auc" needs both classes in y',
    );
  });

  it("says what is measured by default", async () => {
    const model = await fitted();
    expect(Object.keys(model.evaluate(maps, labels))).toEqual(["rmse", "mae"]);
    const log = new NFM({ ...small, loss: "log" });
    const history = await log.fit(
      maps,
      labels.map((label) => (label > 0 ? 1 : 0)),
      { epochs: 2, validation: 0.3 },
    );
    expect(Object.keys(history.epochs[1].validation!)).toEqual(["loss", "logloss", "auc", "accuracy"]);
    expect(log.history).toBe(history);
    const bpr = new NFM({ ...small, loss: "bpr" });
    const pairs = await bpr.fitPairs(maps.slice(0, 30), maps.slice(30), { epochs: 2, validation: 0.3 });
    expect(Object.keys(pairs.epochs[0].validation!)).toEqual(["loss", "auc"]);
    await bpr.fitPairs(maps.slice(0, 30), maps.slice(30), {
      epochs: 1,
      validation: { positives: maps.slice(0, 5), negatives: maps.slice(5, 10) },
    });
    expect(bpr.partialFitPairs([maps[0]], [maps[1]])).toBeGreaterThan(0);
  });
});
