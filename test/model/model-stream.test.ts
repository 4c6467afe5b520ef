// Model files as streams: they have the bytes of `save`, and give the models of `load`.

import { mkdtempSync, rmSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { describe, expect, it } from "vitest";
import { type ModelStream, NFM, type NFMOptions, Recommender, SGD } from "../../src/index.ts";
import { Predictor, RecommenderPredictor } from "../../src/predict.ts";
import { labels, maps, trained } from "../helpers/model-files.ts";

async function collect(stream: ReadableStream<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream as unknown as AsyncIterable<Uint8Array>) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** Bytes in pieces of a size. */
function* pieces(bytes: Uint8Array, size: number): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

const STACKS: NFMOptions[] = [
  { embeddingDim: 13, hiddenUnits: [7, 5], batchNorm: true },
  { embeddingDim: 64, hiddenUnits: [], optimizer: new SGD({ momentum: 0.9 }) },
  { embeddingDim: 1, hiddenUnits: [3], loss: "log", backend: "js" },
  { embeddingDim: 4, hiddenUnits: [4], threads: 2 },
];

async function fitted(options: NFMOptions): Promise<NFM> {
  const model = new NFM({ ...options, notices: false, seed: 2 });
  await model.fit(
    Array.from({ length: 40_000 }, (_, i) => ({ indices: [i % 6000, 6000 + (i % 5)] })),
    Array.from({ length: 40_000 }, (_, i) => i % 2),
    { epochs: 1, batchSize: 512, validation: false },
  );
  return model;
}

describe.each(STACKS)("a model with %o", (options) => {
  it("is written and read piece by piece, with the optimizer's state or without it", async () => {
    const model = await fitted(options);
    const { optimizer, backend } = options;
    const overrides = { ...(backend && { backend }), ...(typeof optimizer === "object" && { optimizer }) };
    for (const withState of [false, true]) {
      const file = model.save({ optimizer: withState });
      expect((await collect(model.saveStream({ optimizer: withState }))).equals(file)).toBe(true);
      const read = await NFM.loadStream(model.saveStream({ optimizer: withState }), overrides);
      expect(Buffer.from(read.save({ optimizer: withState })).equals(file)).toBe(true);
      for (const size of [1021, 100_000]) {
        const predictor = await Predictor.loadStream(pieces(file, size), { ...(backend && { backend }) });
        const rows = [{ indices: [5, 6001] }, { indices: [5999, 6004] }];
        expect(predictor.predict(rows)).toEqual(model.predict(rows));
      }
    }
  });
});

describe("loadStream", () => {
  it("reads every kind of stream", async () => {
    const file = trained.save({ optimizer: true });
    async function* later(): AsyncGenerator<Uint8Array> {
      yield* pieces(file, 7);
    }
    const folder = mkdtempSync(join(tmpdir(), "neural-fm-stream-"));
    const path = join(folder, "model");
    await writeFile(path, trained.saveStream({ optimizer: true }) as unknown as AsyncIterable<Uint8Array>);
    expect((await readFile(path)).equals(file)).toBe(true);
    rmSync(folder, { recursive: true });
    const noIterator = new Blob([file as never]).stream();
    Object.defineProperty(noIterator, Symbol.asyncIterator, { value: undefined });
    const sources: ModelStream[] = [
      ...[1, 3, 4096].map((size) => pieces(file, size)),
      later(),
      [file],
      Readable.from(pieces(file, 100)),
      new Blob([file as never]),
      new Response(file as never).body!,
    ];
    for (const source of sources) {
      const model = await NFM.loadStream(source);
      expect(Buffer.from(model.save({ optimizer: true })).equals(file)).toBe(true);
      model.partialFit(maps, labels); // it can be trained on
    }
  });

  it("refuses what is no stream, and chunks that are no bytes; it closes the stream after an error", async () => {
    const refused = async (source: unknown, message: string): Promise<void> => {
      await expect(NFM.loadStream(source as never)).rejects.toThrow(message);
      await expect(Predictor.loadStream(source as never)).rejects.toThrow(message);
    };
    await refused(
      trained.save(),
      "loadStream: stream must be a stream, a Blob or an iterable of bytes (for bytes, use load)",
    );
    await refused(5, "loadStream: stream must be");
    await refused(undefined, "loadStream: stream must be");
    await refused(new Response("a"), "(pass response.body)");
    await refused(["text"], "loadStream: a chunk of the stream must be a Uint8Array");
    let closed = 0;
    async function* bad(): AsyncGenerator<Uint8Array> {
      try {
        for (;;) yield new Uint8Array(64).fill(1);
      } finally {
        closed++;
      }
    }
    await expect(NFM.loadStream(bad())).rejects.toThrow("load: the header should have");
    expect(closed).toBe(1);
    await expect(NFM.loadStream([], { backend: "gpu" as never })).rejects.toThrow(/load/);
    await expect(Predictor.loadStream([], { wrong: 1 } as never)).rejects.toThrow(
      'loadStream has no option "wrong"',
    );
  });
});

describe("saveStream", () => {
  it("ends with an error if the model changes before the stream has been read", async () => {
    const model = await fitted({ embeddingDim: 64, hiddenUnits: [] });
    const reader = model.saveStream().getReader();
    await reader.read();
    model.partialFit([{ indices: [1, 2] }], [1]);
    const rest = async (): Promise<void> => {
      while (!(await reader.read()).done);
    };
    await expect(rest()).rejects.toThrow("saveStream: the model has changed while it was written");
    expect(() => new NFM().saveStream()).toThrow("saveStream: the model has no parameters yet");
    expect(() => model.saveStream({ optimizer: 1 as never })).toThrow("saveStream: optimizer must be");
  });
});

describe("a recommender", () => {
  it("is written and read piece by piece", async () => {
    const contexts = Array.from({ length: 60 }, (_, i) => ({ user: `u${i % 9}`, hour: i % 4 }));
    const items = Array.from({ length: 12 }, (_, i) => ({ item: `i${i}`, kind: `k${i % 3}` }));
    const model = new NFM({ loss: "softmax", embeddingDim: 3, hiddenUnits: [], notices: false });
    const recommender = new Recommender(model, items, { users: "user" });
    await recommender.fit(
      contexts,
      contexts.map((_, i) => `i${(i * 5) % 12}`),
      { epochs: 2 },
    );
    const file = recommender.save();
    expect((await collect(recommender.saveStream())).equals(file)).toBe(true);
    const without = recommender.save({ optimizer: false });
    expect((await collect(recommender.saveStream({ optimizer: false }))).equals(without)).toBe(true);
    const expected = recommender.recommend({ user: "u3", hour: 1 });
    const read = await Recommender.loadStream(recommender.saveStream());
    expect(read.recommend({ user: "u3", hour: 1 })).toEqual(expected);
    expect(Buffer.from(read.save()).equals(file)).toBe(true);
    const served = await RecommenderPredictor.loadStream(pieces(file, 99));
    expect(served.recommend({ user: "u3", hour: 1 })).toEqual(expected);
    const plain = NFM.learnerOf(model).save(false);
    await expect(Recommender.loadStream([plain])).rejects.toThrow("a model without a recommender");
  });
});
