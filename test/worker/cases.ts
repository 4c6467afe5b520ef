// Data and options for the tests of training on another thread.

import {
  Activation,
  Adagrad,
  CSRMatrix,
  Dense,
  Dropout,
  FeatureEncoder,
  type FitOptions,
  type NFMOptions,
  SGD,
} from "../../src/index.ts";

export const ROWS = 1500;
export const each = <T>(make: (i: number) => T): T[] => Array.from({ length: ROWS }, (_, i) => make(i));
export const maps: { user: string; item: string; price: number; tags: string[] }[] = each((i) => ({
  user: `u${(i * 7919) % 90}`,
  item: `i${(i * 104729) % 40}`,
  price: ((i * 31) % 1000) / 10,
  tags: i % 3 === 0 ? ["cold", "white"] : ["hot"],
}));
export const labels: number[] = each((i) => (((i * 7919) % 90) + ((i * 104729) % 40)) % 5);
export const ranks: number[] = each((i) => i % 7);
export const clicks: number[] = labels.map((label) => (label < 2 ? 1 : 0));
export const small = { embeddingDim: 8, hiddenUnits: [8], seed: 3, notices: false } as const;

/** A row of a matrix. */
export const sparse = (i: number): { indices: number[]; values: number[] } => ({
  indices: [i % 50, 50 + (i % 7)],
  values: [1, 0.5 + (i % 3)],
});

/** Models, data and options of `fit` of every kind. */
export const CASES: readonly [
  name: string,
  options: () => NFMOptions,
  data: () => object,
  fit: () => FitOptions,
][] = [
  ["feature maps", () => small, () => ({ x: maps, y: labels }), () => ({ epochs: 2 })],
  [
    "columns, two threads",
    () => ({ ...small, threads: 2 }),
    () => ({
      x: {
        user: maps.map(({ user }) => user),
        price: Float64Array.from(maps, ({ price }) => price),
        tags: maps.map(({ tags }) => tags),
      },
      y: Float32Array.from(labels),
    }),
    () => ({ epochs: 2, validation: 0.2 }),
  ],
  [
    "a CSRMatrix with values, layers, an optimizer, weights",
    () => ({
      embeddingDim: 8,
      layers: [new Dropout(0.1), new Dense(6), new Activation("tanh")],
      optimizer: new SGD({ learningRate: 0.02, momentum: 0.5 }),
      notices: false,
    }),
    () => ({ x: CSRMatrix.fromRows(each(sparse)), y: Uint8Array.from(labels) }),
    () => ({ epochs: 2, sampleWeight: Float32Array.from(labels, (label) => 1 + label) }),
  ],
  [
    "a CSRMatrix of ones",
    () => ({ ...small, optimizer: new Adagrad({ learningRate: 0.1 }) }),
    () => ({
      x: CSRMatrix.fromRows(each((i) => ({ indices: sparse(i).indices }))),
      y: labels,
    }),
    () => ({ epochs: 1, validation: false }),
  ],
  ["sparse vectors", () => small, () => ({ x: each(sparse), y: labels }), () => ({ epochs: 1 })],
  [
    "the names of classes, times, an encoder that has not learned",
    () => ({ ...small, loss: "log", encoder: new FeatureEncoder({ minCount: 2 }) }),
    () => ({ x: maps, y: clicks.map((click) => (click ? "yes" : "no")) }),
    () => ({ epochs: 2, validation: 0.2, time: each((i) => new Date(1e12 + ((i * 37) % 500) * 1e6)) }),
  ],
  [
    "an encoder that has learned, validation data",
    () => ({ ...small, encoder: new FeatureEncoder().fit(maps.slice(0, 200)) }),
    () => ({ x: maps, y: labels }),
    () => ({
      epochs: 2,
      validation: { x: maps.slice(0, 90), y: labels.slice(0, 90), groups: each((i) => i % 9).slice(0, 90) },
    }),
  ],
  [
    "groups by a field",
    () => ({ ...small, loss: "bpr" }),
    () => ({ x: maps, y: ranks }),
    () => ({
      epochs: 1,
      groups: "user",
      pairsPerRow: 2,
      validation: { x: maps.slice(0, 300), y: ranks.slice(0, 300), groups: "user" },
    }),
  ],
  [
    "groups by ids",
    () => ({ ...small, loss: "softmax" }),
    () => ({ x: maps, y: clicks }),
    () => ({ epochs: 1, groups: each((i) => `query ${i >> 3}`), validation: false }),
  ],
  [
    "a loss and an optimizer by name",
    () => ({ ...small, loss: "hinge", optimizer: "sgd", learningRate: 0.05 }),
    () => ({ x: maps, y: clicks }),
    () => ({ epochs: 1 }),
  ],
];
