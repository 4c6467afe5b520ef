import { describe, expect, it } from "vitest";
import type { Notice } from "../../src/core/notices.ts";
import { Notices } from "../../src/core/notices.ts";
import { CSRBuilder } from "../../src/data/csr-builder.ts";
import { Encoder } from "../../src/data/encoder.ts";
import type { FeatureEncoderOptions } from "../../src/data/encoder-options.ts";
import { FeatureEncoder } from "../../src/data/feature-encoder.ts";
import type { FeatureMap } from "../../src/data/feature-map.ts";
import { isIdName } from "../../src/data/field-learner.ts";

/** The row of a map as { name: value }, through the encoder's own names. */
function named(encoder: Encoder, map: unknown): Record<string, number> {
  const { indices, values } = encoder.encode(map as FeatureMap);
  return Object.fromEntries(Array.from(indices, (index, p) => [encoder.name(index), values ? values[p] : 1]));
}

const column = (name: string, values: readonly unknown[]): FeatureMap[] =>
  values.map((value) => ({ [name]: value }) as FeatureMap);

/** What a field named x, or as given, turns out to be. */
function kindOf(values: readonly unknown[], name: string = "x"): string {
  return new FeatureEncoder().fit(column(name, values)).fields[0].kind;
}

const count = <T>(n: number, make: (i: number) => T): T[] => Array.from({ length: n }, (_, i) => make(i));

describe("the kind of a field", () => {
  it.each([
    ["strings are categories", ["ana", "bo"], "category"],
    ["strings with missing values too", [null, "ana", undefined], "category"],
    ["numbers are numbers", [1, 2.5, 2], "number"],
    ["dates are numbers", [new Date(0), new Date(5)], "number"],
    ["bigints are names of things", [5n, 2n ** 60n], "category"],
    ["booleans are flags", [true, false, null], "flag"],
    ["booleans among numbers are numbers", [true, 3, false], "number"],
    ["numbers behind booleans too", [3, true], "number"],
    ["booleans among strings are categories", [true, "maybe"], "category"],
    ["arrays are lists", [["a"], ["b", "c"], null], "list"],
    ["an array behind single strings makes a list", ["a", ["b", "c"]], "list"],
    ["an array behind numbers too", [1, [2, 3]], "list"],
    ["sets are lists", [new Set(["a"]), new Set([1, 2])], "list"],
    ["typed arrays of integers are lists of ids", [Uint32Array.of(3, 4)], "list"],
    ["objects of numbers are weighted lists", [{ fat: 0.5 }, { water: 1 }], "weighted list"],
    ["maps of numbers too", [new Map([["fat", 0.5]])], "weighted list"],
    ["vectors too: their positions are levels", [Float32Array.of(0.5, 0)], "weighted list"],
    ["an object behind an array makes a weighted list", [["a"], { b: 2 }], "weighted list"],
    ["numbers among words are categories", [7, "seven", 7.5], "category"],
    ["a field without any value is a category", [null, undefined], "category"],
    ["text with few levels is a category, numbers or not", count(500, (i) => String(i % 20)), "category"],
    ["text of many decimal numbers is a number", count(500, (i) => String((i % 25) / 4)), "number"],
    ["text of many integers that rarely repeat is a number", count(500, (i) => String(i % 100)), "number"],
    ["text of integers that repeat often is a category", count(500, (i) => String(i % 50)), "category"],
    [
      "text with leading zeros is a category",
      count(500, (i) => String(i % 100).padStart(5, "0")),
      "category",
    ],
    ["1 % of other text is a number field still", ["abc", ...count(99, (i) => String(i / 8))], "number"],
    ["2 % of other text is a category", ["abc", "abd", ...count(98, (i) => String(i / 8))], "category"],
    [
      "text for missing values does not count",
      [...count(50, () => "NA"), ...count(50, (i) => `${i}.5`)],
      "number",
    ],
    ["numbers and their text are numbers", [1, "2", 3.5], "number"],
  ])("%s", (_, values, kind) => {
    expect(kindOf(values)).toBe(kind);
  });

  it.each([
    "id",
    "userId",
    "item_id",
    "user",
    "zip",
    "postcode",
    "productCode",
    "ID",
    "movieID",
    "order id",
  ])("is a category for integers in a field named %s", (name) => {
    expect(isIdName(name)).toBe(true);
    expect(kindOf([1, 2, 3], name)).toBe("category");
    expect(kindOf(count(500, String), name)).toBe("category");
    expect(kindOf([1, 2, 3.5], name)).toBe("number");
  });

  it.each([
    "paid",
    "x",
    "age",
    "grid",
    "encoder",
    "users2",
    "valid",
    "monkey",
  ])("is a number for integers in a field named %s", (name) =>
    expect(kindOf([1, 2, 3], name)).toBe("number"));

  it("may be given, and then the values are read so", () => {
    const fields = { zip: "category", price: "number", note: "ignore", ok: "flag", tags: "list" } as const;
    const encoder = new FeatureEncoder({ fields, numbers: "raw" });
    const map = { zip: 8001, price: " 12.50 ", note: { any: "thing" }, ok: "TRUE", tags: "a" };
    encoder.fit([map] as never);
    expect(encoder.fields.map(({ name, kind }) => [name, kind])).toEqual(Object.entries(fields));
    expect(named(encoder, map)).toEqual({ "zip=8001": 1, price: 12.5, ok: 1, "tags=a": 1 });
    expect(named(encoder, { zip: "8001", price: 12.5, ok: 1, tags: new Set(["a"]) })).toEqual(
      named(encoder, map),
    );
    expect(encoder.encode({ ok: 0, note: "anything" }).indices.length).toBe(0);
  });

  it("is not given by what every object has", () => {
    const encoder = new FeatureEncoder({ fields: { zip: "ignore" } });
    const row = { constructor: "x", toString: "y", zip: 1 };
    expect(encoder.fit([row]).fields.map(({ kind }) => kind)).toEqual(["category", "category", "ignore"]);
  });

  it.each([
    [
      { zip: ["a"] },
      "zip",
      "category",
      "one string, number, bigint, boolean or Date or null, got array of 1",
    ],
    [{ zip: { a: 1 } }, "zip", "category", "one string, number, bigint, boolean or Date or null, got object"],
    [{ price: "12,50" }, "price", "number", 'a number, a numeric string or a Date or null, got "12,50"'],
    [{ price: ["1"] }, "price", "number", "a number, a numeric string or a Date or null, got array of 1"],
    [{ ok: "yes" }, "ok", "flag", 'true or false or null, got "yes"'],
    [{ ok: 2 }, "ok", "flag", "true or false or null, got 2"],
  ])("refuses %j in learning and in encoding, and names the way out", (map, name, kind, message) => {
    const options = { fields: { [name]: kind } } as FeatureEncoderOptions;
    const way = `(this is a ${kind} field; another kind is given by fields: { "${name}": … })`;
    expect(() => new FeatureEncoder(options).fit([map] as never)).toThrow(`${name} must be ${message}`);
    expect(() => new FeatureEncoder(options).fit([map] as never)).toThrow(way);
    const encoder = new FeatureEncoder(options).fit([{ zip: 1, price: 2, ok: true }]);
    expect(() => encoder.encode(map as never)).toThrow(
      `FeatureEncoder.encode: map.${name} must be ${message}`,
    );
  });

  it.each([
    "",
    "?",
    "-",
    "NA",
    "N/A",
    "n/a",
    "NaN",
    "nan",
    "null",
    "NULL",
    "None",
    " NA ",
  ])("takes the text %j for a missing number and a missing flag", (text) => {
    const fields = { price: "number", ok: "flag" } as const;
    const encoder = new FeatureEncoder({ fields, numbers: "raw" });
    encoder.fit([{ price: 1, ok: true }, { price: text, ok: text } as never]);
    expect(named(encoder, { price: text, ok: text })).toEqual({ "price is missing": 1, "ok is missing": 1 });
  });

  it("is applied to every value that comes later: 7 and '7' are the same category", () => {
    const encoder = new FeatureEncoder().fit(column("c", ["7", "8", "x"]));
    expect(encoder.encode({ c: 7 })).toEqual(encoder.encode({ c: "7" }));
    expect(encoder.encode({ c: 7n })).toEqual(encoder.encode({ c: "7" }));
    expect(encoder.encode({ c: 9 }).indices.length).toBe(0);
  });
});

describe("text read as numbers", () => {
  const values = ["", "oops", ...count(198, (i) => String(i / 8))];

  it("is told in a notice, with the way back", () => {
    const heard: Notice[] = [];
    const fit = new FeatureEncoder().beginFit();
    for (const map of column("price", values)) fit.add(map, "x");
    expect(fit.finish(new Notices((notice) => heard.push(notice)))).toBe(true);
    expect(heard.map(({ kind }) => kind)).toEqual(["numeric-text"]);
    expect(heard[0].message).toContain("price (200 different texts)");
    expect(heard[0].message).toContain('fields: { "price": "category" }');
  });

  it("counts numbers beyond float32 as other text", () => {
    const encoder = new FeatureEncoder().fit(column("price", ["1e999", ...values.slice(2)]));
    expect(encoder.fields[0]).toMatchObject({ kind: "number", range: [0, 197 / 8], missing: 1 / 199 });
    expect(named(encoder, { price: "-1e39" })).toEqual({ "price is missing": 1 });
  });

  it("numbers in equal texts count as often as they occur, also in a part that minCount counts as more", () => {
    const fit = (times: number): FeatureEncoder => {
      const encoder = new FeatureEncoder({ minCount: 2 });
      const learning = encoder.beginFit();
      for (const map of column("price", [...values, ...values, "0.5", "0.5", "0.5"])) {
        learning.add(map, "x", times);
      }
      expect(learning.finish(null)).toBe(true);
      return encoder;
    };
    expect(fit(Infinity).toJSON()).toEqual(fit(1).toJSON());
    expect(fit(1).fields[0].missing).toBe(4 / 403);
  });

  it("counts other text as missing where training had such text, and refuses it elsewhere", () => {
    const encoder = new FeatureEncoder().fit(column("price", values));
    expect(encoder.fields[0]).toMatchObject({ kind: "number", range: [0, 197 / 8], missing: 2 / 200 });
    for (const text of ["", "n/a", "anything"]) {
      expect(named(encoder, { price: text })).toEqual({ "price is missing": 1 });
    }
    const strict = new FeatureEncoder().fit(column("price", values.slice(2)));
    expect(() => strict.encode({ price: "anything" })).toThrow("price must be a number");
    expect(strict.encode({ price: "n/a" }).indices.length).toBe(0);
  });

  it.each([
    "1,000",
    "0x10",
    "Infinity",
    "1e999",
    "1 2",
    "+5",
    "1e",
    ".",
    "١",
  ])("does not take %s for a number", (text) => {
    const encoder = new FeatureEncoder({ fields: { n: "number" } }).fit([{ n: 1 }, { n: 2 }]);
    expect(() => encoder.encode({ n: text })).toThrow("n must be a number");
  });

  it.each([
    ["12.50", 12.5],
    [" -3 ", -3],
    [".5", 0.5],
    ["5.", 5],
    ["1e3", 1000],
    ["2E-1", 0.2],
  ])("takes %j for %d", (text, number) => {
    const encoder = new FeatureEncoder({ numbers: "raw", fields: { n: "number" } }).fit([{ n: 1 }, { n: 2 }]);
    expect(named(encoder, { n: text })).toEqual({ n: Math.fround(number) });
  });
});

describe("knots", () => {
  const withKnots = (): FeatureEncoder => new FeatureEncoder({ numbers: "knots" });

  it("are the distinct values if there are few, and a value is two neighbors that sum to 1", () => {
    const encoder = withKnots().fit(column("n", [4, 1, 2, 2, 1]));
    expect(encoder.toJSON().names).toEqual(["n@1", "n@2", "n@4"]);
    expect(named(encoder, { n: 2 })).toEqual({ "n@2": 1 });
    expect(named(encoder, { n: 2.5 })).toEqual({ "n@2": 0.75, "n@4": 0.25 });
    expect(named(encoder, { n: 3.75 })).toEqual({ "n@2": 0.125, "n@4": 0.875 });
  });

  it("saturate outside the training range", () => {
    const encoder = withKnots().fit(column("n", [4, 1, 2]));
    expect(named(encoder, { n: -1e30 })).toEqual({ "n@1": 1 });
    expect(named(encoder, { n: 1e30 })).toEqual({ "n@4": 1 });
  });

  it("are quantiles of many values", () => {
    const values = count(31001, (i) => (i / 31000) ** 3); // quantile q of x^3 is q^3
    const encoder = withKnots().fit(column("n", values));
    const { code } = encoder.toJSON().learned![0];
    const knots = code?.type === "knots" ? code.knots : [];
    expect(knots).toEqual(count(32, (i) => ((i * 1000) / 31000) ** 3));
    for (const n of [0, 0.001, 0.3, 0.77, 1]) {
      const entries = Object.values(named(encoder, { n }));
      expect(entries.reduce((sum, value) => sum + value, 0)).toBeCloseTo(1, 6);
    }
  });

  it("reproduce every number between them: the weighted mean of the knots is the value", () => {
    const encoder = withKnots().fit(
      column(
        "n",
        count(1000, (i) => Math.sqrt(i)),
      ),
    );
    const { code } = encoder.toJSON().learned![0];
    const knots = code?.type === "knots" ? code.knots : [];
    for (let n = 0; n < 31.6; n += 0.37) {
      const { indices, values } = encoder.encode({ n });
      const mean = Array.from(indices).reduce((sum, index, p) => sum + knots[index] * (values?.[p] ?? 1), 0);
      expect(mean).toBeCloseTo(n, 5);
    }
  });

  it("cover the range also when only a sample of the values is kept", () => {
    const values = count(300_000, (i) => (i === 200_001 ? 1e6 : i % 1000));
    const [first] = new FeatureEncoder().fit(column("n", values)).toJSON().learned!;
    const knots = first.code?.type === "knots" ? first.code.knots : [];
    expect(first.range).toEqual([0, 1e6]);
    expect([knots[0], knots.at(-1)]).toEqual([0, 1e6]);
    expect(Math.abs(knots[16] - 516)).toBeLessThan(8);
  });

  it("keep equal names apart", () => {
    const encoder = withKnots().fit(column("n", [1, 1.0000001, 1.0000002]));
    expect(encoder.toJSON().names).toEqual(["n@1", "n@1.0000001", "n@1.0000002"]);
  });

  it.each([
    [900, 8],
    [1023, 8],
    [4096, 16],
    [16384, 32],
    [40000, 32],
  ])("of %d different values are %d: a quarter of the root, from 8 to 32", (rows, knots) => {
    const encoder = withKnots().fit(
      column(
        "n",
        count(rows, (i) => i),
      ),
    );
    expect(encoder.numFeatures).toBe(knots);
  });
});

describe("numbers without an option", () => {
  const DEVIATION = Math.sqrt(14 / 9); // of 1, 2 and 4, whose mean is 7 / 3
  const scaled = (n: number): number => Math.fround((n - 7 / 3) / DEVIATION);

  it("are two knots and one standardized entry, whose column is behind the knots", () => {
    const encoder = new FeatureEncoder().fit(column("n", [4, 1, 2]));
    expect(encoder.toJSON().names).toEqual(["n@1", "n@2", "n@4", "n"]);
    expect(named(encoder, { n: 2 })).toEqual({ "n@2": 1, n: scaled(2) });
    expect(named(encoder, { n: 3 })).toEqual({ "n@2": 0.5, "n@4": 0.5, n: scaled(3) });
    expect(encoder.fields[0].numbers).toBe("auto");
    expect(new FeatureEncoder({ numbers: "auto" }).fit(column("n", [4, 1, 2])).toJSON().learned).toEqual(
      encoder.toJSON().learned,
    );
  });

  it("saturate outside the training range, and in the standardized entry at 4 deviations", () => {
    const encoder = new FeatureEncoder().fit(column("n", [4, 1, 2]));
    expect(named(encoder, { n: -1e30 })).toEqual({ "n@1": 1, n: scaled(1) });
    expect(named(encoder, { n: 3e38 })).toEqual({ "n@4": 1, n: scaled(4) });
    const tail = new FeatureEncoder().fit(column("n", [...count(99, (i) => i), 1e6]));
    expect(named(tail, { n: 1e6 })).toEqual({ "n@1000000": 1, n: 4 });
  });

  it("are the same from columns, maps and a file, and have one feature if they are constant", () => {
    const values = count(300, (i) => Math.sqrt(i));
    const encoder = new FeatureEncoder().fit(column("n", values));
    const restored = FeatureEncoder.fromJSON(JSON.parse(JSON.stringify(encoder)));
    const x = encoder.transform(column("n", [0.5, null, 7, 99]));
    expect(restored.transform(column("n", [0.5, null, 7, 99]))).toEqual(x);
    expect(new FeatureEncoder().fit({ n: values }).transform({ n: [0.5, null, 7, 99] })).toEqual(x);
    expect(new FeatureEncoder().fit(column("n", [3, 3])).toJSON().names).toEqual(["n"]);
  });

  it("hash the names of their entries", () => {
    const hashed = new FeatureEncoder({ hashBits: 16, numbers: "auto" }).fit(column("n", [4, 1, 2]));
    expect(Array.from(hashed.encode({ n: 3 }).values!).sort()).toEqual([0.5, 0.5, scaled(3)].sort());
  });

  it.each([
    [{ mean: 1 }, "learned[0].code.line.std"],
    [{ mean: "1", std: 1 }, "learned[0].code.line.mean"],
    [{ mean: 1, std: 0 }, "learned[0].code.line.std"],
    [3, "learned[0].code.line"],
  ])("refuse a file with the line %j", (line, place) => {
    const json = JSON.parse(JSON.stringify(new FeatureEncoder().fit(column("n", [4, 1, 2]))));
    json.learned[0].code.line = line;
    expect(() => FeatureEncoder.fromJSON(json)).toThrow(place);
  });
});

describe("missing values", () => {
  const rows: FeatureMap[] = [
    { user: "ana", age: 30, ok: true, tags: ["a"] },
    { user: "bo", age: null, tags: null },
    { user: "cy", age: 40, ok: false },
    { user: "di", age: 50, ok: null, tags: [] },
  ];

  it("have an indicator per field, if training had missing values there", () => {
    const encoder = new FeatureEncoder({ numbers: "raw" }).fit(rows);
    expect(encoder.fields.map(({ name, missing }) => [name, missing])).toEqual([
      ["user", 0],
      ["age", 0.25],
      ["ok", 0.5],
      ["tags", 0.5],
    ]);
    const missing = { "age is missing": 1, "ok is missing": 1, "tags is missing": 1 };
    expect(named(encoder, {})).toEqual(missing);
    expect(named(encoder, { user: null, age: undefined, ok: null, tags: null })).toEqual(missing);
    expect(named(encoder, { user: "ana", age: 1, ok: false, tags: [] })).toEqual({ "user=ana": 1, age: 1 });
  });

  it("are not looked for in parts of the rows that never have the field", () => {
    const fit = new FeatureEncoder().beginFit();
    for (const row of rows) fit.add(row, "contexts");
    fit.endPart();
    for (const item of ["x", "y"]) fit.add({ item }, "items");
    const encoder = new FeatureEncoder();
    expect(fit.finish(null)).toBe(true);
    const other = encoder.beginFit();
    for (const row of rows) other.add(row, "contexts");
    other.endPart();
    for (const item of ["x", "y"]) other.add({ item }, "items");
    expect(other.finish(null)).toBe(true);
    expect(encoder.fields.map(({ name, missing }) => [name, missing])).toEqual([
      ["user", 0],
      ["age", 0.25],
      ["ok", 0.5],
      ["tags", 0.5],
      ["item", 0],
    ]);
  });

  it("count only where a part of a row should have the field", () => {
    const encoder = new FeatureEncoder().fit(rows);
    const builder = new CSRBuilder();
    encoder.append(builder, { user: "ana" }, "x", { isExpected: (field) => field === "age" });
    const { indices } = builder.lastRow();
    expect(Array.from(indices, (index) => encoder.name(index))).toEqual(["user=ana", "age is missing"]);
  });
});

describe("columns", () => {
  const rows = count(200, (i) => ({
    user: `u${i % 7}`,
    price: i % 9 === 0 ? null : i / 3,
    ok: i % 2 === 0,
    tags: i % 5 === 0 ? null : [`t${i % 3}`, "all"],
  }));
  const names = ["user", "price", "ok", "tags"] as const;
  const columns = { names, data: names.map((name) => rows.map((row) => row[name])) };

  it("are learned and encoded like the maps of their rows", () => {
    const byRows = new FeatureEncoder().fit(rows);
    const byColumns = new FeatureEncoder();
    const fit = byColumns.beginFit();
    fit.addColumns(columns, 0, 120, "x");
    fit.addColumns(columns, 120, 200, "x");
    expect(fit.finish(null)).toBe(true);
    expect(byColumns.toJSON()).toEqual(byRows.toJSON());
    const [a, b] = [new CSRBuilder(), new CSRBuilder()];
    rows.forEach((row, i) => byRows.append(a, row, `x[${i}]`));
    byRows.appendColumns(b, columns, 0, 200, "x");
    expect(b.build(byRows.numFeatures, "x")).toEqual(a.build(byRows.numFeatures, "x"));
  });

  it("without lists go by blocks and give the same bits, also for values of other types", () => {
    const all = count(1000, (i) => ({
      user: i % 50 === 0 ? i : `u${i % 7}`,
      price: i % 9 === 0 ? null : i % 10 === 0 ? String(i / 3) : i / 3,
      ok: i % 11 === 0 ? null : i % 2 === 0,
      when: new Date(i * 1000),
      none: "x",
    }));
    const encoder = new FeatureEncoder({ minCount: 2, fields: { none: "ignore" } }).fit(all);
    const keys = ["user", "price", "ok", "when", "none", "other"] as const;
    const table = { names: keys, data: keys.map((key) => all.map((row) => (row as never)[key] ?? null)) };
    const [a, b] = [new CSRBuilder(), new CSRBuilder()];
    all.forEach((row, i) => encoder.append(a, row, `x[${i}]`));
    encoder.appendColumns(b, table, 0, 300, "x");
    encoder.appendColumns(b, table, 300, 1000, "x");
    expect(b.build(encoder.numFeatures, "x")).toEqual(a.build(encoder.numFeatures, "x"));
  });

  it("without a field have its indicator in every row", () => {
    const encoder = new FeatureEncoder().fit(rows);
    const builder = new CSRBuilder();
    encoder.appendColumns(builder, { names: ["user"], data: [["u1", "u2"]] }, 0, 2, "x");
    expect(Array.from(builder.lastRow().indices, (index) => encoder.name(index))).toEqual([
      "user=u2",
      "price is missing",
      "tags is missing",
    ]);
  });

  it("name row and field in errors", () => {
    const encoder = new FeatureEncoder().fit(rows);
    const bad = { names: ["price"], data: [[1, 2, "x"]] };
    expect(() => encoder.appendColumns(new CSRBuilder(), bad, 0, 3, "predict: x")).toThrow(
      "predict: x[2].price must be a number",
    );
  });
});

describe("what training did not have", () => {
  it("is told for columns too, with the number of the row", () => {
    const heard: Notice[] = [];
    const notices = new Notices((notice) => heard.push(notice));
    const encoder = new FeatureEncoder().fit([{ user: "ana" }, { user: "bo" }]);
    const table = {
      names: ["user", "usr"],
      data: [
        ["ana", "cy"],
        ["x", "y"],
      ],
    };
    encoder.appendColumns(new CSRBuilder(), table, 0, 2, "predict: x", { notices });
    expect(heard.map(({ kind }) => kind)).toEqual(["unknown-field", "unknown-row"]);
    expect(heard[1].message).toContain("predict: x[1]");
  });

  it("is told once: a field, and a row of which nothing is known", () => {
    const heard: Notice[] = [];
    const notices = new Notices((notice) => heard.push(notice));
    const encoder = new FeatureEncoder().fit([
      { user: "ana", hour: 3 },
      { user: "bo", hour: 4 },
    ]);
    const append = (map: FeatureMap): void =>
      encoder.append(new CSRBuilder(), map, "predict: x", { notices });
    append({ user: "ana", hour: 3 });
    append({ user: "cy", hour: 3 });
    append({});
    append({ user: null });
    append({ user: "ana", item: null } as never);
    expect(heard).toEqual([]);
    append({ usr: "ana", hour: 3 });
    append({ usr: "ana", hour: 3 });
    append({ user: "cy" });
    append({ user: "di" });
    expect(heard.map(({ kind }) => kind)).toEqual(["unknown-field", "unknown-row"]);
    expect(heard[0].message).toContain('has a field "usr" that training did not have');
    expect(heard[0].message).toContain("Training had user, hour");
  });
});

describe("an encoder of version 1", () => {
  it("encodes every value by its own type, as it did", () => {
    const json = { version: 1, minCount: 1, scale: "none", names: ["u=a", "n", "u=b", "ok", "t=x"] };
    const encoder = Encoder.fromJSON(json);
    expect(named(encoder, { u: "a", n: 2.5, ok: true, t: ["x", "y"], z: 5 })).toEqual({
      "u=a": 1,
      n: 2.5,
      ok: 1,
      "t=x": 1,
    });
    expect(named(encoder, { n: { deep: 1 }, u: { b: 3 } })).toEqual({ "u=b": 3 });
    expect(encoder.encode({ u: 7 }).indices.length).toBe(0);
    const copy = Encoder.fromJSON(JSON.parse(JSON.stringify(encoder)));
    expect(copy.toJSON()).toEqual(encoder.toJSON());
    expect(copy.encode({ u: "a", n: 3 })).toEqual(encoder.encode({ u: "a", n: 3 }));
  });

  it("keeps its scales, also with hashing, where unknown numbers contribute nothing", () => {
    const plain = Encoder.fromJSON({
      version: 1,
      minCount: 1,
      scale: "standard",
      names: ["n", "u=a"],
      scales: [["n", 2, 4]],
    });
    expect(named(plain, { n: 10, u: "a" })).toEqual({ n: 2, "u=a": 1 });
    const hashed = Encoder.fromJSON({ version: 1, hashBits: 10, scale: "standard", scales: [["n", 2, 4]] });
    const { indices, values } = hashed.encode({ n: 10, m: 7, u: "zed" });
    expect(Array.from(indices)).toEqual([hashed.index("n"), hashed.index("u=zed")]);
    expect(Array.from(values!)).toEqual([2, 1]);
    const again = Encoder.fromJSON(JSON.parse(JSON.stringify(hashed)));
    expect(again.encode({ n: 10, m: 7, u: "zed" })).toEqual({ indices, values });
  });
});
