import { runInNewContext } from "node:vm";
import { describe, expect, it } from "vitest";
import { CSRBuilder } from "../../src/data/csr-builder.ts";
import { type CSRMatrix, matrixOf } from "../../src/data/csr-matrix.ts";
import type { FeatureEncoderOptions } from "../../src/data/encoder-options.ts";
import { FeatureEncoder } from "../../src/data/feature-encoder.ts";
import type { FeatureMap } from "../../src/data/feature-map.ts";
import type { SparseVector } from "../../src/data/sparse-row.ts";

/** A row as { name: value }, through the encoder's own names. */
function named(encoder: FeatureEncoder, { indices, values }: SparseVector): Record<string, number> {
  return Object.fromEntries(
    Array.from(indices, (index, p) => [encoder.name(index), values === undefined ? 1 : values[p]]),
  );
}

const namedRows = (encoder: FeatureEncoder, x: CSRMatrix) =>
  Array.from({ length: x.rows }, (_, i) => named(encoder, x.row(i)));

const names = (encoder: FeatureEncoder) =>
  Array.from({ length: encoder.numFeatures }, (_, i) => encoder.name(i));

/** FNV-1a of ASCII text and MurmurHash3's finaliser, in exact integers. */
function referenceBucket(name: string, bits: number): number {
  const mask = 0xffffffffn;
  let h = 0x811c9dc5n;
  for (const byte of new TextEncoder().encode(name)) h = ((h ^ BigInt(byte)) * 0x01000193n) & mask;
  h = ((h ^ (h >> 16n)) * 0x85ebca6bn) & mask;
  h = ((h ^ (h >> 13n)) * 0xc2b2ae35n) & mask;
  return Number((h ^ (h >> 16n)) >> BigInt(32 - bits));
}

describe("FeatureEncoder: what fields stand for", () => {
  const map: FeatureMap = {
    user: "ana",
    hour: 18.5,
    member: true,
    guest: false,
    tags: ["cold", "white"],
    mix: { fat: 0.25, water: 3, salt: 0 },
    note: null,
    other: undefined,
    zero: 0,
    empty: "",
    none: [],
    nothing: {},
  };
  const expected = {
    "user=ana": 1,
    hour: 18.5,
    member: 1,
    "tags=cold": 1,
    "tags=white": 1,
    "mix=fat": 0.25,
    "mix=water": 3,
    "empty=": 1,
  };
  const raw = { numbers: "raw" } as const;

  it("strings are one-hot, numbers values, booleans 1 or 0, arrays multi-hot, records weighted as given; 0 is absent", () => {
    const encoder = new FeatureEncoder(raw);
    const x = encoder.fitTransform([map]);
    const all = ["user=ana", "hour", "member", "guest", "tags=cold", "tags=white", "mix=fat", "mix=water"];
    expect(names(encoder)).toEqual([...all, "zero", "empty="]);
    expect(namedRows(encoder, x)).toEqual([expected]);
    expect(named(encoder, encoder.encode(map))).toEqual(expected);
  });

  it("takes Maps, objects without prototype and objects of another realm alike", () => {
    const encoder = new FeatureEncoder(raw).fit([map]);
    const bare = Object.assign(Object.create(null) as Record<string, never>, map);
    const foreign = runInNewContext("({ user: 'ana', tags: ['cold'], mix: { fat: 2 } })") as FeatureMap;
    expect(named(encoder, encoder.encode(new Map(Object.entries(map)) as FeatureMap))).toEqual(expected);
    expect(named(encoder, encoder.encode(bare))).toEqual(expected);
    expect(named(encoder, encoder.encode(foreign))).toEqual({ "user=ana": 1, "tags=cold": 1, "mix=fat": 2 });
  });

  it("sums an item that comes twice, and keeps weights as given without normalizing them", () => {
    const encoder = new FeatureEncoder();
    const rows = namedRows(encoder, encoder.fitTransform([{ tags: ["a", "b", "a"], w: { x: 5, y: -2 } }]));
    expect(rows).toEqual([{ "tags=a": 2, "tags=b": 1, "w=x": 5, "w=y": -2 }]);
    expect(named(encoder, encoder.encode({ tags: ["a", "a", "a"] }))).toEqual({ "tags=a": 3 });
  });

  it("treats names of Object.prototype as any other, and own properties only", () => {
    const encoder = new FeatureEncoder(raw);
    const odd = JSON.parse(
      '{ "__proto__": "a", "constructor": "b", "toString": 2, "w": { "__proto__": 3, "valueOf": 4 } }',
    ) as FeatureMap;
    expect(new FeatureEncoder().fit([{ a: "b" }]).index("constructor")).toBe(undefined);
    encoder.fit([odd]);
    expect(names(encoder)).toEqual(["__proto__=a", "constructor=b", "toString", "w=__proto__", "w=valueOf"]);
    expect(Array.from(encoder.encode(odd).values!)).toEqual([1, 1, 2, 3, 4]);
    expect(encoder.encode({}).indices.length).toBe(0);
    expect(FeatureEncoder.fromJSON(JSON.parse(JSON.stringify(encoder))).encode(odd)).toEqual(
      encoder.encode(odd),
    );
  });

  it("a vector of ones carries no values and shares no memory with the next", () => {
    const encoder = new FeatureEncoder(raw).fit([{ a: "x", b: "y", n: 3 }]);
    const first = encoder.encode({ a: "x", b: "y" });
    encoder.encode({ n: 3 });
    expect(first).toEqual({ indices: Uint32Array.of(0, 1) });
    expect(encoder.encode({ b: "y" }).values).toBe(undefined);
  });

  it("encodes cleanly after a map that was refused halfway", () => {
    const encoder = new FeatureEncoder().fit([{ a: "x", b: "y" }]);
    expect(() => encoder.encode({ a: "x", b: NaN })).toThrow(RangeError);
    expect(encoder.encode({ b: "y" })).toEqual({ indices: Uint32Array.of(1) });
  });

  class Row {
    user = "ana";
    get at(): Date {
      return new Date(Number.NaN);
    }
  }
  const anything = "a number, string, boolean, array of strings, object of numbers or null";
  it.each([
    [{ hour: NaN }, "maps[1].hour must be finite (in 32 bits), got NaN", RangeError],
    [{ hour: -Infinity }, "maps[1].hour must be finite (in 32 bits), got -Infinity", RangeError],
    [{ hour: 1e39 }, "maps[1].hour must be finite (in 32 bits), got 1e+39", RangeError],
    [{ tags: ["a", NaN] }, "maps[1].tags[1] must be finite (in 32 bits), got NaN", RangeError],
    [{ tags: [["a"]] }, "maps[1].tags[0] must be a string, number, bigint, boolean or Date", TypeError],
    [{ tags: new Array(1) }, "boolean or Date (leave it out of the list), got undefined", TypeError],
    [{ mix: { fat: "1" } }, 'maps[1].mix.fat must be a number, got "1"', TypeError],
    [{ mix: { fat: NaN } }, "maps[1].mix.fat must be finite (in 32 bits), got NaN", RangeError],
    [{ mix: { "whole milk": true } }, 'maps[1].mix["whole milk"] must be a number, got true', TypeError],
    [{ mix: new Map([[{}, 1]]) }, "maps[1].mix: a key must be a string", TypeError],
    [{ f: () => 1 }, `maps[1].f must be ${anything}, got function f`, TypeError],
    [{ s: Symbol("x") }, "got Symbol(x)", TypeError],
    [{ v: new DataView(new ArrayBuffer(2)) }, "got DataView", TypeError],
    [{ "a=b": "c" }, 'maps[1]: a field name must not contain "=", got "a=b"', RangeError],
    [new Map([[17, 1]]), "maps[1]: keys must be field names, got 17", TypeError],
    [
      [["user", "ana"]],
      "maps[1] must be an object or a Map from field names to values, got array of 1",
      TypeError,
    ],
    [new Row(), "maps[1].at must be", Error],
    [new Date(0), "maps[1] must be an object or a Map from field names to values, got", TypeError],
    [new Set(["ana"]), "maps[1] must be an object or a Map from field names to values, got", TypeError],
    [/ana/, "maps[1] must be an object or a Map from field names to values, got a RegExp", TypeError],
    [() => "ana", "maps[1] must be an object or a Map from field names to values, got function", TypeError],
    ["ana", 'maps[1] must be an object or a Map from field names to values, got "ana"', TypeError],
    [null, "maps[1] must be an object or a Map from field names to values, got null", TypeError],
  ])("refuses %o", (map, message, kind) => {
    const encoder = new FeatureEncoder();
    const maps = [{ user: "ana" }, map] as FeatureMap[];
    expect(() => encoder.fit(maps)).toThrow(kind);
    expect(() => encoder.fit(maps)).toThrow(message);
    expect(() => new FeatureEncoder({ hashBits: 8 }).transform(maps)).toThrow(message);
    expect(encoder.fitted).toBe(false);
  });

  it("names the call and the place that the caller gives", () => {
    const encoder = new FeatureEncoder().fit([{ hour: 1 }]);
    expect(() => encoder.append(new CSRBuilder(), { hour: NaN }, "fit: x[3]")).toThrow(
      "fit: x[3].hour must be finite (in 32 bits), got NaN",
    );
    expect(() => encoder.beginFit().add({ hour: NaN }, "fit: x[3]")).toThrow(
      "fit: x[3].hour must be finite (in 32 bits), got NaN",
    );
    expect(() => encoder.encode({ hour: NaN })).toThrow("FeatureEncoder.encode: map.hour must be finite");
    expect(() => encoder.unseen({ hour: NaN })).toThrow("FeatureEncoder.unseen: map.hour must be finite");
    expect(() => encoder.transform({ hour: 1 } as never)).toThrow(
      "FeatureEncoder.transform: maps must be an array or iterable of feature maps or sparse vectors, columns such as { user: [...], price: [...] }, a table, or a CSRMatrix (for a single row, pass an array of it), got object with keys hour",
    );
    expect(() => encoder.fit("ana" as never)).toThrow(
      'FeatureEncoder.fit: maps must be an array or iterable of feature maps or sparse vectors, columns such as { user: [...], price: [...] }, a table, or a CSRMatrix, got "ana"',
    );
  });
});

describe("FeatureEncoder: the vocabulary", () => {
  it("is learned from the training maps alone, in first-seen order; other features are skipped", () => {
    const encoder = new FeatureEncoder({ numbers: "raw" }).fit([
      { user: "bo", item: "milk", hour: 1 },
      { user: "ana", item: "milk", hour: 3 },
    ]);
    expect(names(encoder)).toEqual(["user=bo", "item=milk", "hour", "user=ana"]);
    const test: FeatureMap = { user: "cy", item: "milk", place: 4, hour: 2, tags: ["x", "x"], zero: 0 };
    const x = encoder.transform([test, { user: "cy" }]);
    expect([x.rows, x.cols]).toEqual([2, 4]);
    expect(namedRows(encoder, x)).toEqual([{ "item=milk": 1, hour: 2 }, {}]);
    expect(encoder.unseen(test)).toEqual(["user=cy", "place", "tags", "zero"]);
    expect(encoder.numFeatures).toBe(4);
  });

  it("index and name are each other's inverse", () => {
    const encoder = new FeatureEncoder({ numbers: "raw" }).fit([{ user: "a=b", hour: 3, flag: true }]);
    expect(["user=a=b", "hour", "flag"].map((name) => encoder.index(name))).toEqual([0, 1, 2]);
    expect(encoder.index("user=zed")).toBe(undefined);
    expect(() => encoder.name(3)).toThrow(
      new RangeError("FeatureEncoder.name: index must be below numFeatures (3), got 3"),
    );
    expect(() => encoder.name(-1)).toThrow(RangeError);
    expect(() => encoder.name(0.5)).toThrow(RangeError);
    expect(() => encoder.index(3 as never)).toThrow("FeatureEncoder.index: name must be a string, got 3");
  });

  it("drops features that occur in fewer maps than minCount, an item given twice in a map counting once", () => {
    const maps = [
      { u: "a", t: ["x", "z", "x", "z"], n: 1 },
      { u: "b", t: ["y"], n: 2 },
      { u: "b", t: ["y", "x"], m: 4, n: 3 },
    ];
    const encoder = new FeatureEncoder({ minCount: 2, fields: { n: "ignore" } });
    expect(namedRows(encoder, encoder.fitTransform(maps))).toEqual([
      { "t=x": 2, "m is missing": 1 },
      { "u=b": 1, "t=y": 1, "m is missing": 1 },
      { "u=b": 1, "t=y": 1, "t=x": 1 },
    ]);
    expect(names(encoder)).toEqual(["t=x", "u=b", "t=y", "m is missing"]);
    expect(encoder.unseen(maps[2])).toEqual(["m"]);
  });

  it("is forgotten by the next fit, and kept by a fit that fails or is not finished", () => {
    const encoder = new FeatureEncoder().fit([{ a: "x" }]);
    expect(() => encoder.fit([{ b: "y" }, { b: NaN }])).toThrow("FeatureEncoder.fit: maps[1].b");
    encoder.beginFit().add({ c: "z" }, "x[0]");
    expect(names(encoder)).toEqual(["a=x"]);
    expect(names(encoder.fit([{ b: "y" }]))).toEqual(["b=y"]);
  });

  it("takes any iterable, one that can be walked only once included", () => {
    function* maps(): Generator<FeatureMap> {
      yield { a: "x" };
      yield { a: "y" };
    }
    const encoder = new FeatureEncoder();
    expect(Array.from(encoder.fitTransform(maps()).indices)).toEqual([0, 1]);
    expect(encoder.transform(new Set([{ a: "y" }])).rows).toBe(1);
  });

  it("may be learned map by map, encoding row by row", () => {
    const maps: FeatureMap[] = [
      { a: "x", n: 1 },
      { a: "y", n: 3 },
    ];
    const whole = new FeatureEncoder({ numbers: "standard" });
    const x = whole.fitTransform(maps);
    const piecewise = new FeatureEncoder(whole.options);
    const fit = piecewise.beginFit();
    maps.forEach((map, i) => fit.add(map, `x[${i}]`));
    expect(piecewise.fitted).toBe(false);
    expect(fit.finish(null)).toBe(true);
    const builder = new CSRBuilder();
    maps.forEach((map, i) => piecewise.append(builder, map, `x[${i}]`));
    expect(matrixOf(builder.build(piecewise.numFeatures, "test"))).toEqual(x);
  });

  it("is needed before anything is encoded", () => {
    const encoder = new FeatureEncoder();
    expect(encoder.fitted).toBe(false);
    const remedy = "the encoder has learned nothing yet; call fit first";
    for (const [call, use] of [
      ["transform", () => encoder.transform([])],
      ["unseen", () => encoder.unseen({})],
      ["numFeatures", () => encoder.numFeatures],
      ["index", () => encoder.index("a")],
      ["encode", () => encoder.encode({})],
      ["append", () => encoder.append(new CSRBuilder(), {}, "x[0]")],
    ] as const) {
      expect(use).toThrow(`FeatureEncoder.${call}: ${remedy}`);
    }
  });
});

describe("FeatureEncoder: standardized numbers", () => {
  const maps: FeatureMap[] = [{ n: 2, u: "a" }, { n: 4 }, { u: "b" }, { n: 9 }];
  const mean = 5;
  const std = Math.sqrt(((2 - 5) ** 2 + (4 - 5) ** 2 + (9 - 5) ** 2) / 3);
  const scaled = (n: number) => Math.fround((n - mean) / std);

  it("have the mean and the population deviation of the maps that have them", () => {
    const encoder = new FeatureEncoder({ numbers: "standard" });
    expect(namedRows(encoder, encoder.fitTransform(maps))).toEqual([
      { n: scaled(2), "u=a": 1 },
      { n: scaled(4), "u is missing": 1 },
      { "u=b": 1, "n is missing": 1 },
      { n: scaled(9), "u is missing": 1 },
    ]);
    expect(named(encoder, encoder.encode({ n: 0, u: "a" }))).toEqual({ n: scaled(0), "u=a": 1 });
    expect(encoder.encode({ n: 5, u: "c" }).indices.length).toBe(0);
  });

  it("count 0 as an observation, and a constant field contributes nothing", () => {
    const encoder = new FeatureEncoder({ numbers: "standard" }).fit([
      { n: 0, c: 0.1 },
      { n: 2, c: 0.1 },
    ]);
    expect(names(encoder)).toEqual(["n", "c"]);
    expect(named(encoder, encoder.encode({ n: 0, c: 7 }))).toEqual({ n: -1 });
  });

  it("do not lose the deviation of numbers far from 0", () => {
    const encoder = new FeatureEncoder({ numbers: "standard" });
    const far = Array.from({ length: 1000 }, (_, i) => ({ time: 1.7e12 + (i % 2) }));
    const x = encoder.fitTransform(far);
    expect(Array.from(x.values!.subarray(0, 4))).toEqual([-1, 1, -1, 1]);
  });

  it("are refused beyond 32 bits", () => {
    const encoder = new FeatureEncoder({ numbers: "standard" }).fit([{ n: 0 }, { n: 1e-30 }]);
    expect(() => encoder.encode({ n: 1e30 })).toThrow(
      "FeatureEncoder.encode: map.n, scaled, must be finite (in 32 bits), got 1e+30",
    );
  });

  it("go with hashing, and then need a fit", () => {
    const encoder = new FeatureEncoder({ numbers: "standard", hashBits: 10 });
    expect(encoder.fitted).toBe(false);
    expect(encoder.numFeatures).toBe(1024);
    expect(() => encoder.transform(maps)).toThrow("the encoder has learned nothing yet; call fit first");
    encoder.fit(maps);
    expect(encoder.encode({ n: 9, u: "a" })).toEqual({
      indices: Uint32Array.of(encoder.index("n")!, encoder.index("u=a")!),
      values: Float32Array.of(4 / std, 1),
    });
    expect(Array.from(encoder.encode({ n: 5 }).indices)).toEqual([encoder.index("u is missing")]);
    expect(encoder.unseen({ other: 5, u: "zed" })).toEqual(["other"]);
  });
});

describe("FeatureEncoder: hashing", () => {
  it("needs no fit, gives every name a bucket and cannot name buckets", () => {
    const encoder = new FeatureEncoder({ hashBits: 18 });
    expect([encoder.fitted, encoder.numFeatures, encoder.transform([{ user: "ana" }]).cols]).toEqual([
      true,
      2 ** 18,
      2 ** 18,
    ]);
    expect(encoder.encode({ user: "ana" }).indices[0]).toBe(encoder.index("user=ana"));
    expect(encoder.name(77)).toBe("#77");
    expect(() => encoder.name(2 ** 18)).toThrow(
      "FeatureEncoder.name: index must be below numFeatures (262144), got 262144",
    );
    expect(encoder.unseen({ user: "nobody", n: 4 })).toEqual([]);
    expect(encoder.fit([{ user: "ana" }]).toJSON()).toEqual({ version: 2, hashBits: 18 });
  });

  it("hashes by FNV-1a with a final mix", () => {
    for (const bits of [1, 8, 18, 30]) {
      const encoder = new FeatureEncoder({ hashBits: bits });
      for (const name of ["", "hour", "user=ana", "user=anb", "foobar"])
        expect(encoder.index(name)).toBe(referenceBucket(name, bits));
    }
    expect(new FeatureEncoder({ hashBits: 30 }).index("名=値")).toBe(
      new FeatureEncoder({ hashBits: 30 }).encode({ 名: "値" }).indices[0],
    );
  });

  it("spreads similar names evenly over the buckets", () => {
    const encoder = new FeatureEncoder({ hashBits: 8 });
    const counts = new Array<number>(256).fill(0);
    for (let i = 0; i < 50_000; i++) counts[encoder.index(`user=${i}`)!]++;
    const expected = 50_000 / 256;
    const chiSquare = counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
    expect(chiSquare).toBeLessThan(368); // 255 degrees of freedom: 5 standard deviations above the mean
  });

  it("sums features that share a bucket, and drops what cancels", () => {
    const encoder = new FeatureEncoder({ hashBits: 1 });
    const row = encoder.encode({ tags: Array.from({ length: 50 }, (_, i) => `t${i}`) });
    expect(row.indices.length).toBe(2);
    expect(Array.from(row.values!).reduce((a, b) => a + b)).toBe(50);
    const [a, b] = Array.from({ length: 9 }, (_, i) => `k${i}`).filter(
      (key) => encoder.index(`w=${key}`) === 0,
    );
    expect(encoder.encode({ w: { [a]: 1, [b]: -1 } }).indices.length).toBe(0);
  });
});

describe("FeatureEncoder: options and JSON", () => {
  it.each([
    [
      { hashbits: 3 },
      'FeatureEncoder: options has no option "hashbits"; it has hashBits, minCount, numbers, fields',
    ],
    [{ hashBits: 0 }, "FeatureEncoder: hashBits must be an integer from 1 to 30, got 0"],
    [{ hashBits: 31 }, "FeatureEncoder: hashBits must be an integer from 1 to 30, got 31"],
    [{ minCount: 0 }, "FeatureEncoder: minCount must be an integer of at least 1, got 0"],
    [{ minCount: "2" }, 'FeatureEncoder: minCount must be an integer, got "2"'],
    [{ numbers: "minmax" }, 'numbers must be one of "auto", "knots", "standard", "raw", got "minmax"'],
    [{ fields: "zip" }, 'FeatureEncoder: fields must be an object of field names and kinds, got "zip"'],
    [{ fields: { zip: "text" } }, 'fields.zip must be one of "category", "number", "flag", "list"'],
    [{ fields: { "a=b": "list" } }, 'FeatureEncoder: fields: a field name must not contain "=", got "a=b"'],
    [
      { minCount: 2, hashBits: 8 },
      "FeatureEncoder: minCount needs a vocabulary to prune, and with hashBits there is none; give one of the two",
    ],
    [null, "FeatureEncoder: options must be an object, got null"],
  ])("refuses the options %j", (options, message) =>
    expect(() => new FeatureEncoder(options as never)).toThrow(message));

  it.each<FeatureEncoderOptions>([
    {},
    { minCount: 2 },
    { numbers: "standard", fields: { u: "list" } },
    { numbers: "raw" },
    { hashBits: 6 },
    { hashBits: 6, numbers: "knots" },
  ])("an encoder with %j comes back from JSON the same, fitted or not", (options) => {
    const maps: FeatureMap[] = [
      { u: "a", n: 0.1, t: ["x", "\ud800"] },
      { u: "a", n: 1 / 3, w: { z: 2 } },
    ];
    const encoder = new FeatureEncoder(options);
    const copy = () => FeatureEncoder.fromJSON(JSON.parse(JSON.stringify(encoder)));
    expect(copy().fitted).toBe(encoder.fitted);
    expect(copy().toJSON()).toEqual(encoder.toJSON());
    const x = encoder.fitTransform(maps);
    expect(copy().transform(maps)).toEqual(x);
    expect(copy().options).toEqual(encoder.options);
    expect(names(copy())).toEqual(names(encoder));
  });

  it("writes plain data", () => {
    const encoder = new FeatureEncoder({ numbers: "standard" }).fit([{ n: 1, u: "a" }, { n: 3 }]);
    expect(encoder.toJSON()).toEqual({
      version: 2,
      minCount: 1,
      numbers: "standard",
      names: ["n", "u=a", "u is missing"],
      learned: [
        { name: "n", kind: "number", column: 0, range: [1, 3], code: { type: "standard", mean: 2, std: 1 } },
        { name: "u", kind: "category", missing: 0.5, missingColumn: 2 },
      ],
    });
  });

  const knots = { type: "knots", knots: [1, 2, 3] };
  const field = { name: "n", kind: "number", column: 1, missingColumn: 0, range: [1, 3], code: knots };
  const names2 = ["n is missing", "n@1", "n@2", "n@3"];
  const now = { version: 2, minCount: 1, names: names2, learned: [field] };
  const code = (changed: object) => ({ ...now, learned: [{ ...field, code: changed }] });
  const learned = "FeatureEncoder.fromJSON: json.learned";
  it.each([
    [{ ...now, version: 3 }, "json.version must be 1 or 2, got 3"],
    [{ ...now, extra: 3 }, 'has no option "extra"'],
    [{ ...now, names: 7 }, "json.names must be an array of feature names, got 7"],
    [{ ...now, names: ["a", "a"] }, 'json.names[1] must be different from names[0], got "a"'],
    [{ ...now, learned: {} }, `${learned} must be an array of fields`],
    [{ ...now, learned: [3] }, `${learned}[0] must be an object, got 3`],
    [{ ...now, learned: [{ ...field, name: 3 }] }, `${learned}[0].name must be a field name, got 3`],
    [{ ...now, learned: [field, field] }, `${learned}[1].name must be different from the fields before`],
    [{ ...now, learned: [{ ...field, kind: "text" }] }, `${learned}[0].kind must be one of`],
    [{ ...now, learned: [{ ...field, column: 2 }] }, `${learned}[0].column must be an integer from 0 to 1`],
    [{ ...now, learned: [{ ...field, missingColumn: 4 }] }, "missingColumn must be an integer from 0 to 3"],
    [{ ...now, learned: [{ ...field, missing: 2 }] }, "missing must be a share from 0 to 1, got 2"],
    [{ ...now, learned: [{ ...field, range: [1] }] }, "range must be [min, max], got array of 1"],
    [code([]), `${learned}[0].code must be an object`],
    [code({ type: "cubic" }), 'code.type must be one of "raw", "standard", "knots", got "cubic"'],
    [code({ type: "standard", mean: null, std: 1 }), "code.mean must be a finite number, got null"],
    [code({ type: "standard", mean: 0, std: -1 }), "code.std must be a finite number, got -1"],
    [code({ type: "knots", knots: [1] }), "code.knots must be at least two numbers, got array of 1"],
    [code({ type: "knots", knots: [1, 1, 2] }), "code.knots[1] must be above 1, got 1"],
    [code({ type: "knots", knots: [1, "2"] }), 'code.knots[1] must be a finite number, got "2"'],
  ])("refuses the JSON %j", (json, message) => {
    expect(FeatureEncoder.fromJSON(now).encode({ n: 1.5 }).indices).toEqual(Uint32Array.of(1, 2));
    expect(() => FeatureEncoder.fromJSON(json)).toThrow(message);
  });

  const good = { version: 1, minCount: 1, scale: "standard", names: ["n", "u=a"], scales: [["n", 2, 1]] };
  const at = "FeatureEncoder.fromJSON: json";
  it.each([
    [null, `${at} must be an object, got null`],
    [[good], `${at} must be an object, got array of 1`],
    [{ ...good, version: undefined }, `${at}.version must be 1 or 2, got undefined`],
    [{ ...good, minCount: 0 }, "minCount must be an integer of at least 1, got 0"],
    [{ ...good, scale: 3 }, `${at}.scale must be one of "none", "standard", got 3`],
    [{ ...good, extra: 3 }, 'has no option "extra"'],
    [{ ...good, names: "n" }, `${at}.names must be an array of feature names, got "n"`],
    [{ ...good, names: undefined }, `${at}.names must be an array of feature names, got undefined`],
    [{ ...good, names: ["n", 4] }, `${at}.names[1] must be a string, got 4`],
    [{ ...good, names: ["n", "a", "n"] }, `${at}.names[2] must be different from names[0], got "n"`],
    [{ ...good, scales: undefined }, `${at}.scales must be an array of [field, mean, std], got undefined`],
    [
      { ...good, scales: { n: [1, 2] } },
      `${at}.scales must be an array of [field, mean, std], got object with keys n`,
    ],
    [{ ...good, scales: [["n", 2]] }, `${at}.scales[0] must be [field, mean, std], got array of 2`],
    [{ ...good, scales: [[1, 2, 3]] }, `${at}.scales[0][0] must be a field name, got 1`],
    [{ ...good, scales: [["n", null, 1]] }, `${at}.scales[0][1] must be a finite number, got null`],
    [{ ...good, scales: [["n", Infinity, 1]] }, `${at}.scales[0][1] must be a finite number, got Infinity`],
    [{ ...good, scales: [["n", 2, -1]] }, `${at}.scales[0][2] must be a finite number of at least 0, got -1`],
    [
      {
        ...good,
        scales: [
          ["n", 2, 1],
          ["n", 2, 1],
        ],
      },
      `${at}.scales[1][0] must be a field not scaled before, got "n"`,
    ],
    [{ ...good, scale: "none" }, `${at}.scales must be absent with scale "none"`],
    [{ ...good, minCount: undefined, hashBits: 4 }, `${at}.names must be absent with hashBits`],
    [{ version: 1, hashBits: 4, minCount: 2 }, "minCount needs a vocabulary to prune"],
    [{ version: 1, hashBits: 40 }, "hashBits must be an integer from 1 to 30, got 40"],
  ])("refuses the JSON of version 1 %j", (json, message) =>
    expect(() => FeatureEncoder.fromJSON(json)).toThrow(message));
});
