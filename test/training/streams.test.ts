// `fit` on a stream, which is read anew in every epoch. The oracle is `fit` on the same rows in memory: the
// files of both models must have the same bytes.

import { describe, expect, it } from "vitest";
import {
  CSRMatrix,
  type FitStreamOptions,
  type LabeledBlock,
  type LabeledStream,
  NFM,
  type NFMOptions,
  type Notice,
  readLibSVM,
} from "../../src/index.ts";
import { readCSV, readJSONL } from "../../src/readers.ts";
import { numbers } from "../reference.ts";

const OPTIONS: NFMOptions = { embeddingDim: 4, hiddenUnits: [4], seed: 3, notices: false };
const next = numbers(4);

interface Row {
  user: string;
  price: number | null;
  hour: string;
  late?: string;
  rating: number;
}

const rows: Row[] = Array.from({ length: 700 }, (_, i) => {
  const user = Math.floor(next(0, 20));
  const price = i % 17 === 0 ? null : Math.round(next(1, 900)) / 10;
  const rating = 1 + (user % 3) + (price ?? 20) / 40 + next(-0.2, 0.2);
  const hour = ["noon", "night", "dawn"][Math.floor(next(0, 3))];
  // Only rows far down have this field, so that columns of other blocks are filled with nulls.
  return { user: `u${user}`, price, hour, ...(i > 400 && i % 3 === 0 ? { late: `l${i % 5}` } : {}), rating };
});
const y = rows.map(({ rating }) => rating);

const csv = `user,price,hour,rating\n${rows
  .map(({ user, price, hour, rating }) => `${user},${price ?? ""},${hour},${rating}\n`)
  .join("")}`;
const jsonl = rows.map((row) => `${JSON.stringify(row)}\n`).join("");

/** A source of text in pieces of a size. */
function inPieces(text: string, size: number): () => AsyncGenerator<string> {
  return async function* () {
    for (let at = 0; at < text.length; at += size) yield text.slice(at, at + size);
  };
}

/** Blocks of rows, made anew each time. */
function blocksOf<T>(x: readonly T[], labels: ArrayLike<number | string>, size: number): LabeledStream {
  return {
    async *[Symbol.asyncIterator]() {
      for (let at = 0; at < x.length; at += size) {
        const y = Array.from(labels).slice(at, at + size) as number[];
        yield { x: x.slice(at, at + size) as readonly object[], y };
      }
    },
  };
}

const sparse = CSRMatrix.fromRows(
  rows.map(({ user, price }, i) => ({
    indices: [Number(user.slice(1)), 20 + (i % 7)],
    values: [1, (price ?? 10) / 50],
  })),
  30,
);
const libsvm = rows
  .map((_, i) => {
    const { indices, values } = sparse.row(i);
    return `${y[i]} ${Array.from(indices, (index, p) => `${index}:${values![p]}`).join(" ")}\n`;
  })
  .join("");

async function bytesOfStream(
  stream: LabeledStream,
  options: FitStreamOptions,
  more: NFMOptions = {},
): Promise<Buffer> {
  const model = new NFM({ ...OPTIONS, ...more });
  await model.fit(stream, options);
  return Buffer.from(model.save());
}

describe("fit on a stream gives the bytes of fit on the same rows in memory:", () => {
  const options = { epochs: 3, batchSize: 32, validation: false as const };

  it("a CSV file, with knots, missing values and numeric texts", async () => {
    const model = new NFM(OPTIONS);
    const table = await readCSV(csv, { label: "rating" }).columns();
    const history = await model.fit(table.x, table.y, options);
    const own = new NFM(OPTIONS);
    const streamed = await own.fit(readCSV(inPieces(csv, 997), { label: "rating" }), options);
    expect(Buffer.from(own.save()).equals(model.save())).toBe(true);
    expect(streamed.epochs.map(({ loss }) => loss)).toEqual(history.epochs.map(({ loss }) => loss));
    expect(streamed.steps).toBe(history.steps);
  });

  it("JSON lines, whose fields come and go", async () => {
    const table = await readJSONL(jsonl, { label: "rating" }).columns();
    const model = new NFM(OPTIONS);
    await model.fit(table.x as Record<string, never[]>, table.y, options);
    expect(model.fields.map(({ name }) => name)).toContain("late");
    const reader = readJSONL(inPieces(jsonl, 3001), { label: "rating" });
    expect((await bytesOfStream(reader, options)).equals(model.save())).toBe(true);
  });

  it("a libSVM file", async () => {
    const model = new NFM(OPTIONS);
    await model.fit(sparse, Float32Array.from(y), options);
    const reader = readLibSVM(inPieces(libsvm, 501), { cols: 30, batchSize: 50 });
    expect((await bytesOfStream(reader, options)).equals(model.save())).toBe(true);
  });

  it("sparse vectors, whose width is found in the first reading", async () => {
    const vectors = rows.map((_, i) => sparse.row(i));
    const model = new NFM(OPTIONS);
    await model.fit(vectors, y, options);
    expect(model.numFeatures).toBe(27);
    expect((await bytesOfStream(blocksOf(vectors, y, 33), options)).equals(model.save())).toBe(true);
  });

  it("maps in blocks of any size, with validation data of the user and early stopping", async () => {
    const maps = rows.map(({ rating: _, ...map }) => map);
    const validation = { x: maps.slice(600), y: y.slice(600) };
    const all = { ...options, epochs: 8, patience: 2, validation };
    const model = new NFM(OPTIONS);
    await model.fit(maps.slice(0, 600), y.slice(0, 600), all);
    for (const size of [1, 7, 600]) {
      const stream = blocksOf(maps.slice(0, 600), y.slice(0, 600), size);
      expect((await bytesOfStream(stream, all)).equals(model.save())).toBe(true);
    }
  });

  it("in their own order, if windows are smaller", async () => {
    const ordered = { ...options, shuffle: false };
    const model = new NFM(OPTIONS);
    await model.fit(sparse, y, ordered);
    for (const window of [1, 100, 128]) {
      const stream = readLibSVM(inPieces(libsvm, 501), { cols: 30, batchSize: 50 });
      const bytes = await bytesOfStream(stream, { ...ordered, window });
      // readLibSVM rounds labels to float32, and these are not
      const rounded = new NFM(OPTIONS);
      await rounded.fit(sparse, Float32Array.from(y), ordered);
      expect(bytes.equals(rounded.save())).toBe(true);
    }
  });

  it("with several threads, and with the kernels of plain JavaScript", async () => {
    const reader = (): LabeledStream => readLibSVM(inPieces(libsvm, 501), { cols: 30 });
    const one = await bytesOfStream(reader(), options);
    expect((await bytesOfStream(reader(), options, { threads: 2 })).equals(one)).toBe(true);
    expect((await bytesOfStream(reader(), options, { backend: "js" })).equals(one)).toBe(true);
  });

  it("two classes by name, of which the second comes late", async () => {
    const names = y.map((_, i) => (i > 300 && i % 2 === 0 ? "a click" : "none"));
    const maps = rows.map(({ rating: _, ...map }) => map);
    const model = new NFM({ ...OPTIONS, loss: "log" });
    await model.fit(maps, names, options);
    const stream = blocksOf(maps, names, 50);
    expect((await bytesOfStream(stream, options, { loss: "log" })).equals(model.save())).toBe(true);
    expect(model.classes).toEqual(["a click", "none"]);
  });

  it("further training, which learns new levels", async () => {
    const maps = rows.map(({ rating: _, ...map }) => map);
    const resumed = { ...options, resume: true };
    const [model, own] = [new NFM(OPTIONS), new NFM(OPTIONS)];
    for (const each of [model, own]) await each.fit(maps.slice(0, 300), y.slice(0, 300), options);
    await model.fit(maps, y, resumed);
    await own.fit(blocksOf(maps, y, 90), resumed);
    expect(own.numFeatures).toBe(model.numFeatures);
    expect(Buffer.from(own.save({ optimizer: true })).equals(model.save({ optimizer: true }))).toBe(true);
  });
});

describe("the windows of a stream", () => {
  /** Trains with batches of one row and returns the labels in the order in which they were seen. */
  async function seen(window: number, count: number, epochs: number): Promise<number[][]> {
    const x = Array.from({ length: count }, (_, i) => ({ indices: [i] }));
    const labels = x.map((_, i) => i);
    const losses: number[][] = Array.from({ length: epochs }, () => []);
    // Nothing is learned, because the learning rate is tiny. So the loss of a row is the square of its label.
    const model = new NFM({
      ...{
        ...OPTIONS,
        hiddenUnits: [],
        initStd: 0,
        dropout: { biInteraction: 0, hidden: 0 },
        batchNorm: false,
        l2: {},
        labels: "raw",
      },
      learningRate: 1e-30,
    });
    await model.fit(blocksOf(x, labels, 13), {
      ...{ epochs, window, batchSize: 1, validation: false },
      onBatch: ({ epoch, loss }) => void losses[epoch - 1].push(Math.round(Math.sqrt(loss))),
    });
    return losses;
  }

  it("visit every row once in each epoch, in another order each time, and stay apart", async () => {
    const epochs = await seen(20, 90, 3);
    for (const order of epochs) {
      expect([...order].sort((a, b) => a - b)).toEqual(Array.from({ length: 90 }, (_, i) => i));
      order.forEach((row, at) => expect(Math.floor(row / 20)).toBe(Math.floor(at / 20)));
      expect(order.slice(0, 20)).not.toEqual(order.slice(20, 40).map((row) => row - 20));
    }
    expect(epochs[0]).not.toEqual(epochs[1]);
    expect(await seen(20, 90, 3)).toEqual(epochs);
  });

  it("are read ahead, and no further than one window", async () => {
    const events: string[] = [];
    const stream: LabeledStream = {
      async *[Symbol.asyncIterator]() {
        for (let block = 0; block < 8; block++) {
          events.push(`read ${block}`);
          yield { x: [{ indices: [0, 1] }, { indices: [block + 2] }], y: [block, 1] };
        }
        events.push("end");
      },
    };
    await new NFM(OPTIONS).fit(stream, {
      ...{ epochs: 1, window: 4, batchSize: 2, validation: false },
      onBatch: ({ batch }) => void events.push(`batch ${batch}`),
    });
    const epoch = events.slice(events.indexOf("end") + 1);
    // Two blocks are a window. The first batch follows when one window is whole.
    expect(epoch.indexOf("batch 1")).toBeGreaterThanOrEqual(epoch.indexOf("read 1"));
    for (let block = 4; block < 8; block++) {
      const window = Math.floor(block / 2);
      // A window is begun only when the one before the last has been trained on.
      expect(epoch.indexOf(`read ${block}`)).toBeGreaterThan(epoch.indexOf(`batch ${2 * (window - 2) + 2}`));
    }
  });
});

describe("validation on a stream", () => {
  const many = Array.from({ length: 3000 }, (_, i) => rows[i % rows.length]);
  const maps = many.map(({ rating: _, ...map }) => map);
  const labels = many.map(({ rating }, i) => rating + (i % 5) / 10);

  it("holds out a tenth at random, stops early, and says so", async () => {
    const notices: Notice[] = [];
    const model = new NFM({ ...OPTIONS, notices: true, onNotice: (notice) => void notices.push(notice) });
    const history = await model.fit(blocksOf(maps, labels, 250), { epochs: 4 });
    const held = notices.find(({ kind }) => kind === "held-out")!.message;
    const [, count] = /^fit: (\d+) of 3,000 rows were held out/.exec(held)!;
    expect(Number(count)).toBeGreaterThan(240);
    expect(Number(count)).toBeLessThan(360);
    expect(history.checks.length).toBeGreaterThan(1);
    expect(history.epochs[0].validation!.loss).toBe(history.checks[1].validation.loss);
    const trainedOn = 3000 - Number(count);
    expect(history.checks[1].rows).toBe(trainedOn);
  });

  it("trains on the rows that are not held out, and learns their levels only", async () => {
    const own = maps.map((map, i) => ({ ...map, row: `r${i}` }));
    const model = new NFM(OPTIONS);
    const batches: number[] = [];
    await model.fit(blocksOf(own, labels, 250), {
      ...{ epochs: 1, validation: 0.25, batchSize: 1 },
      onBatch: ({ batches: count }) => void batches.push(count),
    });
    const levels = model.fields.find(({ name }) => name === "row")!.levels!;
    expect(levels).toBe(batches.length);
    expect(levels).toBeGreaterThan(2100);
    expect(levels).toBeLessThan(2400);
  });

  it("holds out none of fewer than 1,000 rows", async () => {
    const model = new NFM(OPTIONS);
    const history = await model.fit(blocksOf(maps.slice(0, 900), labels, 100), { batchSize: 300 });
    expect(history.checks).toEqual([]);
    expect(history.epochs).toHaveLength(40);
    await expect(
      new NFM(OPTIONS).fit(blocksOf(maps.slice(0, 900), labels, 100), { patience: 3 }),
    ).rejects.toThrow(/patience needs validation data/);
  });

  it("holds out 100,000 of more than a million rows, from all parts of the stream", async () => {
    const BLOCK = 10_000;
    const x = CSRMatrix.fromRows(
      Array.from({ length: BLOCK }, (_, i) => ({ indices: [i % 50] })),
      50,
    );
    const y = Float32Array.from({ length: BLOCK }, (_, i) => i % 3);
    let readings = 0;
    const stream: LabeledStream = {
      async *[Symbol.asyncIterator]() {
        readings++;
        for (let block = 0; block < 120; block++) yield { x, y };
      },
    };
    const notices: string[] = [];
    const model = new NFM({
      ...{ ...OPTIONS, embeddingDim: 1, hiddenUnits: [], notices: true },
      onNotice: ({ message }) => void notices.push(message),
    });
    await model.fit(stream, { epochs: 1, batchSize: 4096 });
    expect(readings).toBe(3); // the second reading knows how many rows there are; the third trains
    const [, held] = /(\d+),\d+ of 1,200,000 rows were held out/.exec(notices.join("\n"))!;
    expect(Number(held)).toBeGreaterThanOrEqual(99);
    expect(Number(held)).toBeLessThanOrEqual(100);
  });

  it("trains again on all rows with refit", async () => {
    const model = new NFM(OPTIONS);
    const history = await model.fit(blocksOf(maps, labels, 250), { epochs: 2, refit: true });
    expect(history.refit!.steps).toBe(history.steps);
    const own = maps.map((map, i) => ({ ...map, row: `r${i}` }));
    await model.fit(blocksOf(own, labels, 250), { epochs: 1, validation: 0.5, refit: true });
    expect(model.fields.find(({ name }) => name === "row")!.levels).toBe(3000);
  });
});

describe("fit on a stream: labels", () => {
  it("that turn out to be texts are read again", async () => {
    const table = `a,y\n${"x,1\n".repeat(40)}${"z,no\n".repeat(40)}`;
    const reader = readCSV(inPieces(table, 50), { label: "y" });
    const model = new NFM({ ...OPTIONS, loss: "log" });
    await model.fit(reader, { epochs: 1, validation: false });
    expect(model.classes).toEqual(["1", "no"]);
  });

  it("give the same statistics as in memory, whatever the first class is", async () => {
    for (const names of [
      ["a", "b", "b", "b"],
      ["b", "a", "a", "b"],
    ]) {
      const x = names.map((_, i) => ({ indices: [i] }));
      const [model, own] = [0, 1].map(() => new NFM({ ...OPTIONS, loss: "log", numFeatures: 4 }));
      await model.fit(x, names, { epochs: 1 });
      await own.fit(blocksOf(x, names, 1), { epochs: 1 });
      expect(Buffer.from(own.save()).equals(model.save())).toBe(true);
    }
  });
});

describe("fit on a stream: when reading fails", () => {
  it("in the first epoch, the model is as before; later, as after the last good epoch", async () => {
    const x = rows.map((_, i) => sparse.row(i));
    for (const bad of [1, 2, 3]) {
      let reading = 0;
      let closed = 0;
      const stream: LabeledStream = {
        async *[Symbol.asyncIterator]() {
          reading++;
          try {
            for (let at = 0; at < 700; at += 100) {
              if (reading > bad && at === 400) throw new Error("the disk is gone");
              yield { x: x.slice(at, at + 100), y: y.slice(at, at + 100) } satisfies LabeledBlock;
            }
          } finally {
            closed++;
          }
        },
      };
      const model = new NFM({ ...OPTIONS, numFeatures: 30 });
      const fit = model.fit(stream, { epochs: 5, window: 100, batchSize: 10, validation: false });
      await expect(fit).rejects.toThrow("the disk is gone");
      expect(closed).toBe(reading);
      const finished = new NFM({ ...OPTIONS, numFeatures: 30 });
      const good = bad - 1;
      if (good === 0) {
        expect(NFM.learnerOf(model).steps).toBe(0);
        continue;
      }
      await finished.fit(blocksOf(x, y, 100), {
        ...{ epochs: good, window: 100, batchSize: 10, validation: false },
      });
      expect(Buffer.from(model.save()).equals(finished.save())).toBe(true);
    }
  });

  it("closes the source when training is aborted or stopped", async () => {
    let open = 0;
    const stream: LabeledStream = {
      async *[Symbol.asyncIterator]() {
        open++;
        try {
          for (let i = 0; i < 500; i++) yield { x: [{ indices: [i % 5] }, { indices: [5] }], y: [1, i] };
        } finally {
          open--;
        }
      },
    };
    const controller = new AbortController();
    const fit = new NFM(OPTIONS).fit(stream, {
      ...{ signal: controller.signal, window: 20, batchSize: 2, validation: false },
      onBatch: ({ batch }) => batch === 30 && controller.abort(),
    });
    await expect(fit).rejects.toThrow(/abort/i);
    expect(open).toBe(0);
  });
});

describe("fit on a stream that brings nothing more", () => {
  it.each([0, 1])("is aborted at once, in reading %i", async (last) => {
    let reading = 0;
    const stream: LabeledStream = {
      async *[Symbol.asyncIterator]() {
        const isLast = reading++ === last;
        yield { x: [{ indices: [1] }, { indices: [0, 2] }], y: [1, 2] };
        if (isLast) await new Promise(() => {});
      },
    };
    const controller = new AbortController();
    setTimeout(() => controller.abort(new Error("waited long enough")), 20);
    const model = new NFM(OPTIONS);
    const fit = model.fit(stream, { signal: controller.signal, validation: false });
    await expect(fit).rejects.toThrow("waited long enough");
    await model.fit([{ indices: [1] }], [1], { epochs: 1 }); // the model is free again
  });
});

describe("fit on a stream refuses", () => {
  const fit = (stream: unknown, ...more: unknown[]): Promise<unknown> =>
    (new NFM(OPTIONS).fit as (...all: unknown[]) => Promise<unknown>).call(new NFM(OPTIONS), stream, ...more);
  const one = { x: [{ a: "b" }], y: [1] };
  const always = (block: unknown): LabeledStream => ({
    async *[Symbol.asyncIterator]() {
      yield block as LabeledBlock;
    },
  });

  it.each<[string, unknown, unknown[], string | RegExp]>([
    [
      "what can be read once",
      readCSV(inPieces(csv, 100)(), { label: "rating" }),
      [],
      "the source can be read only once",
    ],
    ["a generator", blocksOf([{ a: 1 }], [1], 1)[Symbol.asyncIterator as never], [], /must|once/],
    [
      "a started generator",
      (blocksOf([{ a: 1 }], [1], 1) as AsyncIterable<LabeledBlock>)[Symbol.asyncIterator](),
      [],
      "only once",
    ],
    ["a reader without labels", readCSV(csv), [], "the reader gives no labels"],
    ["labels beside it", always(one), [[1]], "collect it first"],
    ["a third argument", always(one), [{}, [1]], "pass only the stream and the options"],
    ["options of rows in memory", always(one), [{ groups: "a" }], /groups/],
    ["a wrong window", always(one), [{ window: 0 }], "fit: window must be"],
    [
      "blocks of another form",
      always([1, 2]),
      [],
      "fit: block 1 (from row 1 on): a block of the source must be",
    ],
    ["rows of another form", always({ x: 5, y: [1] }), [], "fit: block 1 (from row 1 on): x must be"],
    ["too few labels", always({ x: [{ a: "b" }], y: [] }), [], "block 1 (from row 1 on): y.length must be"],
    ["a wrong label", always({ x: [{ a: "b" }], y: [NaN] }), [], "y[0] must be"],
    ["no rows", always({ x: [], y: [] }), [], "needs at least one row"],
    [
      "names that are numbers",
      always({ x: [{ a: "b" }], y: ["x"] }),
      [],
      "the squared loss takes no strings",
    ],
    [
      "a share that holds out nothing",
      always(one),
      [{ validation: 1e-9 }],
      "a share that holds out at least one row",
    ],
    [
      "a share that holds out everything",
      always(one),
      [{ validation: 1 - 1e-9 }],
      "a share that holds out at least one row and not all (of 1), got 0.999999999",
    ],
    [
      "empty validation data",
      always(one),
      [{ validation: { x: [], y: [] } }],
      "validation needs at least one row",
    ],
  ])("%s", async (_, stream, more, message) => {
    await expect(fit(stream, ...more)).rejects.toThrow(message);
  });

  it("losses that compare rows, three classes, a single class, and texts behind numbers", async () => {
    const x = [{ a: "b" }, { a: "c" }, { a: "d" }];
    await expect(new NFM({ ...OPTIONS, loss: "bpr" }).fit(always(one))).rejects.toThrow(/a stream cannot/);
    const log = (labels: (string | number)[]): Promise<unknown> =>
      new NFM({ ...OPTIONS, loss: "log" }).fit(blocksOf(x, labels as string[], 1));
    await expect(log(["a", "b", "c"])).rejects.toThrow(/"a" or "b", the classes of this model|two different/);
    await expect(log(["a", "a", "a"])).rejects.toThrow('got only "a"');
    await expect(log([0, 1, "b"])).rejects.toThrow(/must be a number/);
  });

  it("other rows in a later epoch", async () => {
    for (const change of [-3, 5]) {
      let reading = 0;
      const stream: LabeledStream = {
        async *[Symbol.asyncIterator]() {
          const count = reading++ > 1 ? 20 + change : 20;
          for (let i = 0; i < count; i++) yield one;
        },
      };
      const fit = new NFM(OPTIONS).fit(stream, { epochs: 3, validation: false });
      await expect(fit).rejects.toThrow("must give the same rows every time");
    }
  });
});
