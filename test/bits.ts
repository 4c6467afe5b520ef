// Short programs whose results must never change by a bit: every kind of training, prediction, ranking and
// explanation. test/bits.test.ts compares the SHA-256 of what they return with test/bits.json, on every
// backend.

import { createHash } from "node:crypto";
import {
  Activation,
  Adagrad,
  BatchNorm,
  CSRMatrix,
  Dense,
  Dropout,
  FeatureEncoder,
  type FeatureMap,
  type Layer,
  maxMargin,
  NFM,
  type NFMOptions,
  type PointwiseLoss,
  Recommender,
  SGD,
} from "../src/index.ts";
import { splitRows } from "../src/training/datasets/split.ts";
import { byValue } from "./helpers/by-value.ts";
import { PAPER, PAPER_FM } from "./helpers/paper.ts";

/** What a program returns: bytes of a model file, float arrays, or JSON data, by name. */
export type Results = Record<string, Uint8Array | Float32Array | readonly number[] | string>;

/** One program; `backend` goes into every model it makes. */
export type Program = (backend: "js" | "wasm") => Promise<Results> | Results;

/** A small generator of its own, so that the data do not depend on the library. */
function generator(seed: number): (n: number) => number {
  let state = seed;
  return (n) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 4294967296) * n);
  };
}

const WIDTHS = [13, 29, 5, 8];
const OFFSETS = [0, 13, 42, 47];
const FEATURES = 55;

/** Sparse rows of four fields; `real`: with values, some of them missing. */
function matrix(rows: number, seed: number, real = false): CSRMatrix {
  const next = generator(seed);
  return CSRMatrix.fromRows(
    Array.from({ length: rows }, () => {
      const indices = WIDTHS.map((width, f) => OFFSETS[f] + next(width)).filter(() => !real || next(9) > 0);
      return real ? { indices, values: indices.map(() => (1 + next(31)) / 16) } : { indices };
    }),
    FEATURES,
  );
}

function numbers(rows: number, seed: number, of: (next: (n: number) => number) => number): number[] {
  const next = generator(seed);
  return Array.from({ length: rows }, () => of(next));
}

/** Feature maps with every kind of field. */
function maps(rows: number, seed: number): FeatureMap[] {
  const next = generator(seed);
  return Array.from({ length: rows }, () => ({
    user: `u${next(17)}`,
    item: `i${next(23)}`,
    hour: next(24),
    price: next(1000) / 8,
    member: next(2) === 1,
    tags: ["cold", "sweet", "new"].filter(() => next(2) === 1),
    mix: { fat: (1 + next(7)) / 8, salt: (1 + next(15)) / 16 },
  }));
}

/** Feature maps with fields of every kind, texts that are numbers, and missing values. */
function visits(rows: number, seed: number): FeatureMap[] {
  const next = generator(seed);
  return Array.from({ length: rows }, () => ({
    user: next(9) === 0 ? null : `u${next(17)}`,
    itemId: next(23),
    hour: next(11) === 0 ? null : next(2400) / 100,
    price: next(12) === 0 ? "n/a" : String(next(4000) / 16),
    member: next(5) === 0 ? null : next(2) === 1,
    ...(next(4) === 0 ? {} : { tags: ["cold", "sweet", "new"].filter(() => next(2) === 1) }),
    mix: { fat: (1 + next(7)) / 8, salt: (1 + next(15)) / 16 },
    day: new Date(86_400_000 * next(400)),
  }));
}

const PROBE = matrix(37, 99, true);
const binary = (next: (n: number) => number): number => next(2);
const rating = (next: (n: number) => number): number => 1 + next(5);
const small = {
  ...PAPER,
  ...{ embeddingDim: 10, hiddenUnits: [9, 6], seed: 3, labels: "raw" },
} satisfies NFMOptions;
const trained = (model: NFM, extra: Results = {}): Results => ({
  file: model.save({ optimizer: true }),
  predictions: model.predict(PROBE),
  one: [model.predict(PROBE.row(5))],
  ...extra,
});

async function pointwise(
  options: NFMOptions,
  label: (next: (n: number) => number) => number,
): Promise<Results> {
  const model = new NFM({ ...small, ...options });
  const history = await model.fit(matrix(300, 1, true), numbers(300, 2, label), {
    epochs: 3,
    batchSize: 64,
    validation: 0.2,
  });
  return trained(model, {
    losses: history.epochs.flatMap(({ loss, validation }) => [loss, ...Object.values(validation!)]),
  });
}

async function pairwise(options: NFMOptions): Promise<Results> {
  const model = new NFM({ ...small, ...options });
  await model.fitPairs(matrix(200, 3), matrix(200, 4), { epochs: 3, batchSize: 48, validation: 0.1 });
  return trained(model);
}

async function grouped(loss: NFMOptions["loss"], backend: "js" | "wasm"): Promise<Results> {
  const model = new NFM({ ...small, loss: loss!, backend });
  const groups = numbers(240, 6, (next) => next(21));
  const options = {
    groups,
    pairsPerRow: 2,
    epochs: 3,
    batchSize: 50,
    validation: 0.2,
    metrics: ["ndcg@3", "group-auc"],
  } as const;
  const history = await model.fit(
    matrix(240, 5),
    numbers(240, 7, (next) => next(4)),
    options,
  );
  return trained(model, {
    losses: history.epochs.flatMap(({ loss, validation }) => [loss, ...Object.values(validation!)]),
  });
}

/** Scales by a learned factor per column: a layer written by a user, in plain loops. */
const scale: Layer = {
  type: "scale",
  shape: (inputDim) => ({ outputDim: inputDim, parameters: { factor: { shape: [inputDim], init: 1.5 } } }),
  forward: ({ x, y, rows, parameters: { factor } }) => {
    for (let i = 0; i < rows; i++) {
      for (let j = 0; j < x.cols; j++) y.data[i * y.stride + j] = x.data[i * x.stride + j] * factor.data[j];
    }
  },
  backward: ({ x, dX, dY, rows, parameters: { factor }, gradients }) => {
    gradients.factor.data.fill(0);
    for (let i = 0; i < rows; i++) {
      for (let j = 0; j < x.cols; j++) {
        const at = i * x.stride + j;
        dX.data[at] = dY.data[at] * factor.data[j];
        gradients.factor.data[j] += dY.data[at] * x.data[at];
      }
    }
  },
};

const huber: PointwiseLoss = {
  kind: "pointwise",
  name: "huber",
  value: (score, y) => (Math.abs(score - y) < 1 ? 0.5 * (score - y) ** 2 : Math.abs(score - y) - 0.5),
  gradient: (score, y) => Math.max(-1, Math.min(1, score - y)),
};

async function recommended(
  options: NFMOptions,
  fit: { negatives?: number; popularity?: number },
): Promise<Results> {
  const next = generator(11);
  const items = Array.from({ length: 40 }, (_, i) => ({
    item: `film ${i}`,
    genre: `g${i % 5}`,
    year: `y${next(7)}`,
  }));
  const events = Array.from({ length: 300 }, () => ({
    user: `u${next(25)}`,
    time: next(2) ? "day" : "evening",
  }));
  const taken = events.map(() => items[next(40)].item);
  const recommender = new Recommender(new NFM({ ...small, ...options }), items);
  const held = { contexts: events.slice(0, 20), items: taken.slice(5, 25), repeat: true };
  const settings = { users: "user", epochs: 3, batchSize: 64, validation: held, ...fit };
  const history = await recommender.fit(events, taken, settings);
  const list = recommender.recommend(
    { user: "u3", time: "day" },
    { top: 12, exclude: ["film 3"], repeat: true },
  );
  const explanation = recommender.explain({ user: "u3", time: "day" }, "film 9");
  return {
    file: recommender.model.save({ optimizer: true }),
    ids: list.map(({ id }) => id).join(),
    scores: list.map(({ score }) => score),
    measured: history.epochs.flatMap(({ validation }) => Object.values(validation!)),
    metrics: Object.values(
      recommender.evaluate(events.slice(0, 9), taken.slice(0, 9), { metrics: ["hr@5", "mrr"], repeat: true }),
    ),
    explanation: Float32Array.from([
      explanation.bias,
      ...explanation.linear.map((part) => part.contribution),
    ]),
  };
}

interface Visit extends Record<string, string | number> {
  readonly film: string;
}

/** A recommender that lives: a softmax with histories, an update with new users and items, and its file. */
async function recommendedForLong(options: NFMOptions): Promise<Results> {
  const next = generator(83);
  const items = Array.from({ length: 50 }, (_, i) => ({
    item: `film ${i}`,
    genres: [`g${i % 4}`, `g${next(9)}`],
  }));
  const events = (count: number, users: number, of: number): Visit[] =>
    Array.from({ length: count }, (_, i) => ({
      ...{ user: `u${next(users)}`, time: next(2) ? "day" : "evening", film: `film ${next(of)}` },
      at: Math.floor(i / 3),
    }));
  const model = new NFM({ ...small, loss: "softmax", ...options });
  const recommender = new Recommender(model, items.slice(0, 40), {
    ...{ users: "user", history: { last: 4, fields: ["genres"] }, remember: 12 },
  });
  await recommender.fit(events(300, 25, 40), "film", { epochs: 2, batchSize: 64, negatives: 20, time: "at" });
  recommender.putItems(items.slice(40));
  recommender.removeItems(["film 7"]);
  const taken = events(60, 30, 50).filter(({ film }) => film !== "film 7");
  await recommender.update(taken, "film", { negatives: 10, time: "at" });
  recommender.forget("u4");
  const loaded = Recommender.load(recommender.save(), { backend: options.backend });
  const list = loaded.recommend({ user: "u3", time: "day" }, { top: 12, diversity: 0.3, because: 2 });
  const asked = events(40, 30, 50).filter(({ film }) => film !== "film 7");
  const report = loaded.report(asked, "film", { time: "at" });
  return {
    file: recommender.save(),
    saved: loaded.save(),
    ids: list.map(({ id, because }) => `${id}: ${because!.map(({ feature }) => feature).join()}`).join(),
    scores: list.map(({ score }) => score),
    similar: loaded.similar("film 3").map(({ similarity }) => similarity),
    users: loaded.recommendUsers("film 3").map(({ score }) => score),
    report: JSON.stringify(report),
  };
}

/** A recommender whose contexts and items have knots, lists and missing values. */
async function recommendedByKinds(backend: "js" | "wasm"): Promise<Results> {
  const next = generator(71);
  const items = Array.from({ length: 30 }, (_, i) => ({
    item: i,
    price: next(6) === 0 ? null : next(500) / 4,
    tags: ["old", "long", "funny"].filter(() => next(3) === 0),
    ...(next(3) === 0 ? {} : { minutes: 60 + next(90) }),
  }));
  const contexts = visits(200, 72).map((visit, i): FeatureMap => {
    const { user, hour, member } = visit as { user: string; hour: number; member: boolean };
    return i % 5 === 0 ? { user, member } : { user, hour, member };
  });
  const taken = contexts.map(() => next(30));
  const recommender = new Recommender(new NFM({ ...small, loss: "bpr", backend }), items);
  const history = await recommender.fit(contexts, taken, {
    epochs: 3,
    batchSize: 64,
    validation: { contexts: contexts.slice(0, 30), items: taken.slice(0, 30) },
  });
  const lists = [{ user: "u3" }, { user: null, hour: 30, member: true }].map((context) => {
    return recommender.recommend(context, { top: 30 });
  });
  return {
    file: recommender.model.save({ optimizer: true }),
    ids: lists
      .flat()
      .map(({ id }) => id)
      .join(),
    scores: lists.flat().map(({ score }) => score),
    measured: history.epochs.flatMap(({ validation }) => Object.values(validation!)),
  };
}

async function clicks(options: NFMOptions): Promise<NFM> {
  const model = new NFM({ ...small, loss: "log", ...options });
  await model.fit(matrix(200, 21, true), numbers(200, 22, binary), {
    epochs: 2,
    batchSize: 32,
    validation: false,
  });
  return model;
}

function ranked(model: NFM): Results {
  const [context, candidates] = [{ indices: [3, 45], values: [1, 0.5] }, matrix(60, 23, true)];
  const shared = { indices: [14, 3], values: [1, 0.25] };
  const lists = {
    raw: model.rank(context, candidates),
    prepared: model.rank(context, model.prepare(candidates)),
    shared: model.rank(shared, candidates),
  };
  return Object.fromEntries(
    Object.entries(lists).flatMap(([name, list]) => [
      [`${name} order`, list.map(({ index }) => index).join()],
      [`${name} scores`, list.map(({ score }) => score)],
    ]),
  );
}

function explained(model: NFM): Results {
  const { bias, linear, pairs } = model.explain({ indices: [3, 14, 44, 50], values: [1, 0.5, 2, 1] });
  return {
    parts: Float32Array.from([
      bias,
      ...linear.map((part) => part.contribution),
      ...pairs.map((part) => part.contribution),
    ]),
    names: [...linear.map((part) => part.feature), ...pairs.map((part) => part.features.join("*"))].join(),
  };
}

/** All programs by name. */
export const PROGRAMS: Readonly<Record<string, Program>> = {
  "squared loss": (backend) => pointwise({ loss: "squared", backend }, rating),
  "log loss": (backend) => pointwise({ loss: "log", backend, activation: "tanh" }, binary),
  "hinge loss": (backend) => pointwise({ loss: "hinge", backend, activation: "sigmoid" }, binary),
  "bpr on pairs": (backend) => pairwise({ loss: "bpr", backend }),
  "max-margin on pairs": (backend) => pairwise({ loss: maxMargin(0.5), backend, batchNorm: false }),
  "bpr within groups": (backend) => grouped("bpr", backend),
  "max-margin within groups": (backend) => grouped("max-margin", backend),
  "log loss with groups": async (backend) => {
    const model = new NFM({ ...small, loss: "log", backend });
    const options = {
      groups: numbers(200, 8, (next) => next(9)),
      epochs: 2,
      validation: 0.3,
      metrics: ["hr@2", "auc"],
    } as const;
    const history = await model.fit(matrix(200, 9), numbers(200, 10, binary), options);
    return trained(model, { losses: history.epochs.flatMap(({ validation }) => Object.values(validation!)) });
  },
  "factorization machine": (backend) =>
    pointwise({ ...PAPER_FM, embeddingDim: 13, l2: { embedding: 0.01, linear: 0.02 }, backend }, rating),
  "SGD with momentum, L2, sample weights": async (backend) => {
    const model = new NFM({
      ...small,
      optimizer: new SGD({ learningRate: 0.02, momentum: 0.9 }),
      l2: { hidden: 0.01, embedding: 0.001 },
      backend,
    });
    const sampleWeight = numbers(200, 13, (next) => next(4) / 2);
    await model.fit(matrix(200, 12, true), numbers(200, 14, rating), {
      epochs: 3,
      batchSize: 33,
      shuffle: false,
      sampleWeight,
    });
    return trained(model);
  },
  "recommender, pairwise": (backend) =>
    recommended({ loss: "bpr", backend }, { negatives: 2, popularity: 0.75 }),
  "recommender, pointwise": (backend) => recommended({ loss: "log", backend }, { negatives: 3 }),
  "recommender, factorization machine": (backend) => recommended({ ...PAPER_FM, loss: "bpr", backend }, {}),
  "recommender, softmax and an update": (backend) =>
    recommendedForLong({ hiddenUnits: [], batchNorm: false, dropout: { biInteraction: 0.4 }, backend }),
  "recommender, softmax through layers": (backend) => recommendedForLong({ backend }),
  "own layer, explicit stack": (backend) => {
    const layers = [
      new BatchNorm(),
      scale,
      new Dropout(0.3),
      new Dense(7),
      new Activation("relu"),
      new BatchNorm(),
      new Dense(5),
      new BatchNorm(),
    ];
    const stack = { hiddenUnits: undefined, batchNorm: undefined, dropout: undefined, layers };
    return pointwise({ ...stack, loss: "log", backend }, binary);
  },
  "automatic stopping": async (backend) => {
    const options: NFMOptions = {
      ...small,
      loss: "hinge",
      optimizer: new Adagrad({ learningRate: 0.3 }),
      backend,
    };
    const [stopped, again] = [
      new NFM({ ...options, notices: false }),
      new NFM({ ...options, notices: false }),
    ];
    const [x, y] = [matrix(50_000, 70), numbers(50_000, 71, binary)];
    const history = await stopped.fit(x, y, { epochs: 3, batchSize: 512, patience: 3 });
    await again.fit(x, y, { epochs: 1, batchSize: 512, refit: true });
    const checks = history.checks.flatMap(({ step, loss, validation }) => [
      step,
      loss,
      ...Object.values(validation),
    ]);
    return trained(stopped, { checks, refit: again.save({ optimizer: true }) });
  },
  "own loss": (backend) => pointwise({ loss: huber, backend }, rating),
  "resume from a file": async (backend) => {
    const [x, y] = [matrix(200, 15, true), numbers(200, 16, rating)];
    const model = new NFM({ ...small, backend });
    await model.fit(x, y, { epochs: 2, batchSize: 64 });
    const loaded = NFM.load(model.save({ optimizer: true }), { backend });
    await loaded.fit(x, y, { epochs: 2, batchSize: 80, resume: true });
    return trained(loaded);
  },
  "resume without the optimizer's state": async (backend) => {
    const [x, y] = [matrix(200, 15, true), numbers(200, 16, rating)];
    const model = new NFM({ ...small, backend });
    await model.fit(x, y, { epochs: 2, batchSize: 64 });
    const loaded = NFM.load(model.save(), { backend, optimizer: new SGD({ learningRate: 0.01 }) });
    await loaded.fit(x, y, { epochs: 2, batchSize: 64, resume: true });
    return trained(loaded);
  },
  "early stopping": async (backend) => {
    const model = new NFM({ ...small, loss: "log", optimizer: new Adagrad({ learningRate: 0.3 }), backend });
    const validation = { x: matrix(60, 18), y: numbers(60, 19, binary) };
    const options = {
      epochs: 12,
      batchSize: 32,
      validation,
      metrics: ["logloss", "auc", "accuracy"],
      patience: 2,
    } as const;
    const history = await model.fit(matrix(150, 17), numbers(150, 20, binary), options);
    return trained(model, { best: [history.bestEpoch!, history.epochs.length] });
  },
  initFrom: async (backend) => {
    const [x, y] = [matrix(200, 15, true), numbers(200, 16, rating)];
    const fm = new NFM({ ...PAPER_FM, embeddingDim: 10, seed: 1, labels: "raw", backend });
    await fm.fit(x, y, { epochs: 2 });
    const model = new NFM({ ...small, backend }).initFrom(fm);
    const before = model.predict(PROBE);
    await model.fit(x, y, { epochs: 2 });
    return trained(model, { before });
  },
  "hashing encoder": async (backend) => {
    const model = new NFM({
      ...small,
      encoder: new FeatureEncoder({ hashBits: 7, numbers: "standard" }),
      loss: "log",
      backend,
    });
    await model.fit(maps(200, 24), numbers(200, 25, binary), { epochs: 2 });
    return {
      file: model.save(),
      predictions: model.predict(maps(20, 26)),
      one: [model.predict(maps(3, 27)[2])],
    };
  },
  "scaling encoder": async (backend) => {
    const rows = maps(200, 24);
    const division = { rows: 200, groups: null, times: null, share: 0.1, seed: small.seed };
    const [kept] = splitRows("", division);
    const training = Array.from(kept, (row) => rows[row]);
    const encoder = byValue(training, { minCount: 3, scaled: true });
    const model = new NFM({ ...small, encoder, backend });
    await model.fit(rows, numbers(200, 28, rating), { epochs: 2, validation: 0.1 });
    return {
      file: model.save({ optimizer: true }),
      predictions: model.predict(maps(20, 26)),
      one: [model.predict(maps(3, 27)[2])],
    };
  },
  "feature maps": async (backend) => {
    const model = new NFM({ ...small, loss: "log", encoder: byValue(maps(150, 24)), backend });
    await model.fit(maps(150, 24), numbers(150, 25, binary), { epochs: 2 });
    const measured = Object.values(model.evaluate(maps(50, 29), numbers(50, 30, binary)));
    return {
      file: model.save(),
      predictions: model.predict(maps(20, 26)),
      raw: model.predict(maps(20, 26), { raw: true }),
      measured,
    };
  },
  "kinds of fields": async (backend) => {
    const model = new NFM({ ...small, loss: "log", backend });
    const history = await model.fit(visits(300, 73), numbers(300, 74, binary), {
      epochs: 3,
      batchSize: 64,
      validation: 0.2,
    });
    const { linear } = model.explain(visits(3, 76)[1]);
    return {
      file: model.save({ optimizer: true }),
      predictions: model.predict(visits(40, 75)),
      one: [model.predict(visits(3, 76)[2]), model.predict({}), model.predict({ hour: -5, price: 1e9 })],
      losses: history.epochs.flatMap(({ loss, validation }) => [loss, ...Object.values(validation!)]),
      names: linear.map(({ feature }) => feature).join(),
      fields: JSON.stringify(model.fields),
    };
  },
  "recommender with kinds": (backend) => recommendedByKinds(backend),
  partialFit: (backend) => {
    const model = new NFM({ ...small, numFeatures: FEATURES, loss: "log", backend });
    const losses = [1, 2, 3].map((turn) =>
      model.partialFit(matrix(20 * turn, 30 + turn, true), numbers(20 * turn, 40 + turn, binary)),
    );
    return trained(model, { losses });
  },
  partialFitPairs: (backend) => {
    const model = new NFM({ ...small, numFeatures: FEATURES, loss: "bpr", backend });
    const losses = [1, 2, 3].map((turn) =>
      model.partialFitPairs(matrix(9 * turn, 50 + turn), matrix(9 * turn, 60 + turn)),
    );
    return trained(model, { losses });
  },
  "explain, two hidden layers": async (backend) => explained(await clicks({ backend, activation: "tanh" })),
  "explain, factorization machine": async (backend) =>
    explained(await clicks({ backend, hiddenUnits: [], batchNorm: true })),
  "rank, hidden layers": async (backend) => ranked(await clicks({ backend })),
  "rank, factorization machine": async (backend) => ranked(await clicks({ ...PAPER_FM, backend })),
  "standardized labels": async (backend) => {
    const model = new NFM({ ...small, labels: "auto", notices: false, backend });
    const [x, y] = [matrix(200, 15, true), numbers(200, 16, (next) => 1000 + 10 * next(97))];
    const sampleWeight = numbers(200, 13, (next) => next(4) / 2);
    await model.fit(x, y, { epochs: 2, batchSize: 64, sampleWeight, validation: 0.2 });
    const history = await model.fit(x, y, { epochs: 2, batchSize: 64, resume: true });
    return trained(model, {
      losses: history.epochs.map(({ loss }) => loss),
      measured: Object.values(model.evaluate(x, y, { metrics: ["rmse", "mae", "rmse-clamped"] })),
      ...explained(model),
      ...ranked(model),
    });
  },
  "standardized labels, factorization machine, initFrom": async (backend) => {
    const options = { ...small, labels: "auto", notices: false, backend } as const;
    const fm = new NFM({ ...options, ...PAPER_FM });
    await fm.fit(matrix(200, 15, true), numbers(200, 16, rating), { epochs: 2 });
    const model = new NFM(options).initFrom(fm);
    await model.fit(
      matrix(150, 17),
      numbers(150, 18, (next) => 50 * next(9)),
      { epochs: 2 },
    );
    return trained(model, { ...ranked(fm), start: fm.predict(PROBE) });
  },
  "log loss from its base rate, two strings": async (backend) => {
    const model = new NFM({ ...small, loss: "log", labels: "auto", backend });
    const y = numbers(200, 10, (next) => next(3)).map((label) => (label === 0 ? "yes" : "no"));
    await model.fit(matrix(200, 9), y, { epochs: 2, validation: 0.1 });
    return trained(model, { measured: Object.values(model.evaluate(matrix(200, 9), y)) });
  },
  "without options, squared loss": async (backend) => {
    const model = new NFM({ notices: false, backend });
    const y = numbers(1200, 77, (next) => 500 + next(1000));
    const history = await model.fit(visits(1200, 73), y, { refit: true });
    return {
      file: model.save({ optimizer: true }),
      predictions: model.predict(visits(40, 75)),
      losses: history.checks.flatMap(({ validation }) => Object.values(validation)),
    };
  },
  "without options, log loss, few rows": async (backend) => {
    const model = new NFM({ loss: "log", notices: false, backend });
    await model.fit(visits(200, 73), numbers(200, 74, binary));
    return { file: model.save({ optimizer: true }), predictions: model.predict(visits(40, 75)) };
  },
  "recommender from its base rate": (backend) =>
    recommended({ loss: "log", labels: "auto", backend }, { negatives: 3 }),
};

/** The SHA-256 of one result. Numbers are hashed as float64. */
export function hash(result: Results[string]): string {
  const hashed = createHash("sha256");
  if (typeof result === "string") hashed.update(result);
  else if (result instanceof Uint8Array) hashed.update(result);
  else hashed.update(new Uint8Array(Float64Array.from(result).buffer));
  return hashed.digest("hex").slice(0, 32);
}

/** The hashes of everything that a program returns. */
export async function hashes(program: Program, backend: "js" | "wasm"): Promise<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(await program(backend)).map(([name, result]) => [name, hash(result)]),
  );
}
