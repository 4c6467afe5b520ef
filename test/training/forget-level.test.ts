// A level that is forgotten: neither its name nor its numbers are in any file that is written afterwards.

import { describe, expect, it } from "vitest";
import { Adagrad, FeatureEncoder, NFM, type NFMOptions, SGD } from "../../src/index.ts";
import { Predictor } from "../../src/predict.ts";
import { countIn, float, rowIn, utf8 } from "../helpers/file-bytes.ts";
import { encoderOf, joined, KINDS, STREAM, stream } from "../helpers/streams.ts";

const BLOCKS = stream(3);
const SECRET = "zoë – 秘密";
const K = 5;

const forget = (model: NFM, field: string, level: string): boolean =>
  NFM.learnerOf(model).forgetLevel("forget", field, level);

/** A model that has learned the blocks and a user with a name of its own. */
function trained(options: NFMOptions = {}): NFM {
  const model = new NFM({ ...STREAM, fields: KINDS, ...options });
  for (const { x, y } of BLOCKS) {
    const rows = x.map((row, i) => (i % 5 === 0 ? { ...(row as object), user: SECRET } : row));
    for (let turn = 0; turn < 3; turn++) model.partialFit(rows, y);
  }
  return model;
}

/** The numbers of a column in the model's file. */
const rowOf = (model: NFM, column: number): Map<string, Float32Array> =>
  rowIn(model.save({ optimizer: true }), column);

const OPTIMIZERS: [name: string, options: NFMOptions, initial: number][] = [
  ["Adagrad", { optimizer: new Adagrad({ initialAccumulator: 0.25 }) }, 0.25],
  ["SGD with momentum", { optimizer: new SGD({ momentum: 0.9 }) }, 0],
];

describe.each(["js", "wasm"] as const)("a forgotten level: %s", (backend) => {
  it.each(OPTIMIZERS)("leaves no file with its name or its numbers: %s", (_, optimizer, initial) => {
    const model = trained({ ...optimizer, learningRate: undefined, backend });
    const column = model.encoder!.index(`user=${SECRET}`)!;
    const before = rowOf(model, column);
    const numbers = [...before.values()].flatMap((row) => [...row]);
    expect(numbers).toHaveLength(2 * (1 + K));
    const files = (): Uint8Array[] => [model.save(), model.save({ optimizer: true })];
    // All of them stand in the files exactly once before, so that the search can find them.
    for (const file of files()) expect(countIn(file, utf8(SECRET))).toBe(1);
    for (const number of numbers) expect(countIn(files()[1], float(number)), String(number)).toBe(1);
    const others = rowOf(model, column + 1);

    expect(forget(model, "user", SECRET)).toBe(true);
    for (const file of files()) {
      expect(countIn(file, utf8(SECRET))).toBe(0);
      for (const number of numbers) expect(countIn(file, float(number)), String(number)).toBe(0);
    }
    for (const [name, row] of rowOf(model, column)) {
      const expected = name.startsWith("optimizer.") ? initial : 0;
      expect(
        row.every((value) => value === expected),
        name,
      ).toBe(true);
    }
    expect(rowOf(model, column + 1)).toEqual(others);
    expect(forget(model, "user", SECRET)).toBe(false);
  });

  it("is unknown, and its column has no name, in a file too", () => {
    const model = trained({ backend });
    const column = model.encoder!.index(`user=${SECRET}`)!;
    const json = model.encoder!.toJSON();
    const { numFeatures } = model;
    const [{ levels }] = model.fields;
    const known = model.predict({ user: SECRET, item: 1 });
    forget(model, "user", SECRET);
    const loaded = NFM.load(model.save(), { notices: false, backend });
    const predictor = Predictor.load(model.save(), { notices: false, backend });
    for (const { encoder } of [model, loaded, predictor]) {
      expect(encoder!.toJSON()).toEqual({
        ...json,
        names: json.names!.map((name, i) => (i === column ? null : name)),
      });
      expect(encoder!.name(column)).toBe(`#${column}`);
      expect(encoder!.index(`user=${SECRET}`)).toBeUndefined();
      expect(encoder!.index(`#${column}`)).toBeUndefined();
      expect(encoder!.unseen({ user: SECRET })).toEqual([`user=${SECRET}`]);
      expect(encoder!.numFeatures).toBe(numFeatures);
      expect(encoder!.fields[0].levels).toBe(levels! - 1);
    }
    for (const each of [model, loaded, predictor]) {
      expect(each.predict({ user: SECRET, item: 1 })).toBe(model.predict({ user: "nobody", item: 1 }));
      expect(each.predict({ user: SECRET, item: 1 })).not.toBe(known);
    }
    const { linear } = model.explain({ indices: [column, column + 1] });
    expect(linear.map(({ feature }) => feature).sort()).toEqual(
      [`#${column}`, model.encoder!.name(column + 1)].sort(),
    );
  });

  it("gets another column when it comes again", () => {
    const model = trained({ backend });
    const { numFeatures } = model;
    forget(model, "user", SECRET);
    model.partialFit([{ user: SECRET }], [1]);
    expect(model.encoder!.index(`user=${SECRET}`)).toBe(numFeatures);
    expect(model.numFeatures).toBe(numFeatures + 1);
    expect(model.encoder!.toJSON().names!.filter((name) => name === null)).toHaveLength(1);
  });
});

describe("forgetting", () => {
  it("before training goes on is the same from a file with the optimizer's state", () => {
    const model = trained();
    const loaded = NFM.load(model.save({ optimizer: true }), { notices: false });
    for (const each of [model, loaded]) {
      forget(each, "user", SECRET);
      each.partialFit(BLOCKS[1].x, BLOCKS[1].y);
    }
    expect(loaded.save({ optimizer: true })).toEqual(model.save({ optimizer: true }));
  });

  it("reaches a model that has no optimizer's state, and what it starts afresh from", async () => {
    const fm = trained({ hiddenUnits: [], batchNorm: false });
    const bytes = fm.save();
    const column = fm.encoder!.index(`user=${SECRET}`)!;
    const old = [...rowOf(fm, column).get("embedding.weight")!];
    const [loaded, deep] = [NFM.load(bytes, { notices: false }), new NFM(STREAM).initFrom(fm)];
    for (const model of [loaded, deep]) {
      expect(forget(model, "user", SECRET)).toBe(true);
      for (let turn = 0; turn < 2; turn++) {
        expect(countIn(model.save(), utf8(SECRET))).toBe(0);
        for (const number of old) expect(countIn(model.save(), float(number))).toBe(0);
        await model.fit(BLOCKS[0].x, BLOCKS[0].y, { epochs: 1 }); // starts afresh
        expect(model.encoder!.unseen({ user: SECRET })).toEqual([`user=${SECRET}`]);
      }
    }
    // Others that shared the vocabulary still have it.
    expect(fm.encoder!.index(`user=${SECRET}`)).toBe(column);
    expect(fm.save()).toEqual(bytes);
  });

  it("an unknown level, a number, a field of an encoder that hashes, or without an encoder does nothing", () => {
    const model = trained();
    const before = model.save({ optimizer: true });
    for (const [field, level] of [
      ["user", "nobody"],
      ["nothing", SECRET],
      ["users", ""],
    ])
      expect(forget(model, field, level)).toBe(false);
    expect(model.save({ optimizer: true })).toEqual(before);
    const hashing = new NFM({ ...STREAM, encoder: new FeatureEncoder({ hashBits: 5 }) });
    hashing.partialFit([{ user: SECRET }], [1]);
    expect(forget(hashing, "user", SECRET)).toBe(false);
    expect(forget(new NFM({ ...STREAM, numFeatures: 3 }), "user", SECRET)).toBe(false);
    expect(forget(new NFM(STREAM), "user", SECRET)).toBe(false);
  });

  it("waits for a fit that is running", async () => {
    const model = trained();
    const fitting = model.fit(BLOCKS[0].x, BLOCKS[0].y, { epochs: 1, resume: true });
    expect(() => forget(model, "user", SECRET)).toThrow(
      "forget: this model is being fitted; await that first",
    );
    await fitting;
    expect(forget(model, "user", SECRET)).toBe(true);
  });

  it("a candidate's level: the catalog scores it as unknown", () => {
    const model = trained();
    const items = [{ item: 1 }, { item: 2 }];
    const catalog = model.prepare(items);
    model.rank({ user: "u1" }, catalog);
    forget(model, "item", "1");
    for (const { index, score } of model.rank({ user: "u1" }, catalog)) {
      expect(score).toBeCloseTo(model.predict({ user: "u1", ...items[index] }), 5);
    }
  });
});

describe("the JSON of an encoder", () => {
  it("may have several columns without a name", () => {
    const json = encoderOf(BLOCKS).toJSON();
    const names = json.names!.map((name, i) => (i % 3 === 0 ? null : name));
    const encoder = FeatureEncoder.fromJSON(JSON.parse(JSON.stringify({ ...json, names })));
    expect(encoder.toJSON()).toEqual({ ...json, names });
    const known = encoderOf(BLOCKS);
    for (const row of joined(BLOCKS).x) {
      const kept = [...(known.encode(row).indices as Uint32Array)].filter((column) => column % 3 !== 0);
      expect([...(encoder.encode(row).indices as Uint32Array)]).toEqual(kept);
    }
  });

  it("has null for a column without a name, and no other value that is no text", () => {
    const json = encoderOf(BLOCKS).toJSON();
    for (const name of [undefined, 0, false, {}]) {
      expect(() => FeatureEncoder.fromJSON({ ...json, names: [...json.names!, name] })).toThrow(
        `json.names[${json.names!.length}] must be a string, got`,
      );
    }
  });
});
