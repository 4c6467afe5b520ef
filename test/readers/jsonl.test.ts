// Files of JSON lines, beside JSON.parse, and what readJSONL refuses.

import { describe, expect, it } from "vitest";
import { type ReaderOptions, readJSONL } from "../../src/readers.ts";
import { bytesOf, chunksOf, collect, generator } from "./helpers.ts";

async function errorOf(text: string, options: ReaderOptions = {}): Promise<string> {
  const readings = [
    readJSONL(text, options).rows(),
    readJSONL(
      chunksOf(bytesOf(text), () => 1),
      options,
    ).columns(),
  ];
  const errors = await Promise.all(
    readings.map((reading) =>
      reading.then(
        () => null,
        (error: unknown) => error,
      ),
    ),
  );
  expect(errors[0]).toBeInstanceOf(RangeError);
  expect(errors[1]).toEqual(errors[0]);
  return (errors[0] as RangeError).message;
}

function randomValue(below: (n: number) => number, depth: number): unknown {
  switch (below(depth > 1 ? 6 : 8)) {
    case 0:
      return null;
    case 1:
      return below(2) === 1;
    case 2:
      return below(2 ** 32) / [1, 7, 1e9, 1e-200][below(4)];
    case 3:
      return ['say "hi"', "a\\b\n\t", "界👍é", "\u2028", "1234567890123456789", ""][below(6)];
    case 4:
      return -1 - below(1000);
    case 5:
      return "word";
    case 6:
      return Array.from({ length: below(4) }, () => randomValue(below, depth + 1));
    default:
      return Object.fromEntries(
        Array.from({ length: below(4) }, (_, i) => [`k${i}`, randomValue(below, depth + 1)]),
      );
  }
}

describe("readJSONL", () => {
  it("gives what JSON.parse gives for each line, however the text is cut and lines end", async () => {
    for (let seed = 1; seed <= 60; seed++) {
      const below = generator(seed);
      const rows = Array.from({ length: below(20) }, () =>
        Object.fromEntries(
          Array.from({ length: 1 + below(5) }, () => [`f${below(6)}`, randomValue(below, 0)]),
        ),
      );
      const newline = ["\n", "\r\n", "\n\n", "\n \t\r\n"][below(4)];
      const text =
        (below(3) ? "" : "\ufeff") +
        rows.map((row) => JSON.stringify(row)).join(newline) +
        (below(2) ? newline : "");
      const names = [...new Set(rows.flatMap((row) => Object.keys(row)))];
      for (const size of [() => 1, () => 1 + below(9), () => 1e6]) {
        expect((await readJSONL(chunksOf(bytesOf(text), size)).rows()).x).toEqual(rows);
        expect(await collect(readJSONL(chunksOf(text, size)))).toEqual(rows);
        const { x, y } = await readJSONL(chunksOf(text, size)).columns();
        expect(Object.keys(x)).toEqual(names);
        for (const name of names) expect(x[name]).toEqual(rows.map((row) => row[name] ?? null));
        expect(y).toBe(null);
      }
    }
  });

  it("gives columns for every name, with null where a row has none, also in a long file", async () => {
    const rows = Array.from({ length: 20_000 }, (_, i) => ({
      id: i,
      ...(i >= 15_000 && i % 2 ? { late: `x${i}` } : {}),
    }));
    const { x } = await readJSONL(rows.map((row) => JSON.stringify(row)).join("\n")).columns();
    expect(x.id).toEqual(rows.map(({ id }) => id));
    expect(x.late).toEqual(rows.map(({ late }) => late ?? null));
  });

  it("gives an integer beyond 2^53 as a string with all its digits, and no other number", async () => {
    const text =
      '{"id":9007199254740993,"max":9007199254740991,"min":-9223372036854775808,"float":0.1250000000000000000,' +
      '"nested":{"ids":[12345678901234567890, 1]},"text":"a 12345678901234567890 \\" 1","power":1e300,"big":1234567890123456789.5}';
    expect((await readJSONL(text).rows()).x).toEqual([
      {
        id: "9007199254740993",
        max: 9007199254740991,
        min: "-9223372036854775808",
        float: 0.125,
        nested: { ids: ["12345678901234567890", 1] },
        text: 'a 12345678901234567890 " 1',
        power: 1e300,
        big: Number("1234567890123456789.5"),
      },
    ]);
  });

  it("takes __proto__ for a name like any other", async () => {
    const text = '{"__proto__":{"evil":1},"a":2,"y":3}\n{"__proto__":"x","y":4}\n';
    for (const options of [{}, { label: "y" }, { select: ["a", "__proto__"], label: "y" }]) {
      const { x } = await readJSONL(text, options).rows();
      expect(x.map((row) => Object.getOwnPropertyDescriptor(row, "__proto__")?.value)).toEqual([
        { evil: 1 },
        "x",
      ]);
      expect(x.every((row) => Object.getPrototypeOf(row) === Object.prototype)).toBe(true);
      const { x: columns } = await readJSONL(text, options).columns();
      expect(Object.entries(columns)).toContainEqual(["__proto__", [{ evil: 1 }, "x"]]);
      expect(Object.entries(columns)).toContainEqual(["a", [2, null]]);
    }
    expect(({} as Record<string, unknown>).evil).toBeUndefined();
  });

  it("keeps selected columns in their order; a row has those that its line has", async () => {
    const text = '{"a":1,"b":2,"c":3}\n{"c":4}\n';
    expect((await readJSONL(text, { select: ["c", "a"] }).rows()).x).toEqual([{ c: 3, a: 1 }, { c: 4 }]);
    const { x } = await readJSONL(text, { select: ["c", "a"] }).columns();
    expect(Object.entries(x)).toEqual([
      ["c", [3, 4]],
      ["a", [1, null]],
    ]);
    expect((await readJSONL("", { select: ["c"] }).columns()).x).toEqual({ c: [] });
  });

  it("separates labels: numbers, also in strings, or otherwise strings", async () => {
    const of = async (...labels: unknown[]): Promise<unknown> => {
      const text = labels.map((y, i) => JSON.stringify({ i, y })).join("\n");
      const { x, y } = await readJSONL(text, { label: "y" }).rows();
      expect(x).toEqual(labels.map((_, i) => ({ i })));
      expect(await readJSONL(text, { label: "y" }).columns()).toEqual({
        x: { i: labels.map((_, i) => i) },
        y,
      });
      expect(await collect(readJSONL(text, { label: "y" }))).toEqual(
        labels.map((label, i) => ({ i, y: label })),
      );
      return y;
    };
    expect(await of(1, 2.5, "3")).toEqual(Float64Array.of(1, 2.5, 3));
    expect(await of(true, false)).toEqual(["true", "false"]);
    expect(await of("yes", 0)).toEqual(["yes", "0"]);
  });

  it("reads nothing from an empty text", async () => {
    expect(await readJSONL("").rows()).toEqual({ x: [], y: null });
    expect(await readJSONL("\n \n", { label: "y" }).columns()).toEqual({ x: {}, y: new Float64Array(0) });
  });
});

describe("readJSONL refuses, with line and column,", () => {
  it.each([
    ['{"a":1}\n\n{"a":}\n', "line 3, column 6, row 2: expected a value"],
    ['{"a":1}\r\n  {"a" 1}\r\n', 'line 2, column 8, row 2: expected a ":"'],
    ['{"a":1,}', "line 1, column 9, row 1: expected a name in double quotes".replace("9", "8")],
    ["{a:1}", "line 1, column 2, row 1: expected a name in double quotes"],
    ["{'a':1}", "line 1, column 2, row 1: expected a name in double quotes"],
    ['{"a":1} {"a":2}', "line 1, column 9, row 1: expected the end of the line"],
    ['{"a":1', 'line 1, column 7, row 1: expected "," or "}"'],
    ["{", "line 1, column 2, row 1: expected a name in double quotes"],
    ['{"a":[1,2}', 'line 1, column 10, row 1: expected "," or "]"'],
    ['{"a":01}', 'line 1, column 7, row 1: expected "," or "}"'],
    ['{"a":NaN}', "line 1, column 6, row 1: expected a value"],
    [
      '{"a":"x}',
      "line 1, column 6, row 1: expected a closed string with valid escapes, without control characters",
    ],
    [
      '{"a":"\t"}',
      "line 1, column 6, row 1: expected a closed string with valid escapes, without control characters",
    ],
    ['{"a":1e400}', "line 1, column 6, row 1: expected a number below 1.8e308"],
    ["5", "line 1, column 1, row 1: expected an object on each line"],
    ['{"a":1}\n null\n', "line 2, column 2, row 2: expected an object on each line"],
    [
      "[1]",
      "line 1, column 1, row 1: expected an object on each line (a text that is one array of rows is for JSON.parse)",
    ],
    [
      '[\n{"a":1}]',
      "line 1, column 1, row 1: expected an object on each line (a text that is one array of rows is for JSON.parse)",
    ],
  ])("%j", async (text, message) => {
    expect(await errorOf(text)).toBe(`readJSONL: ${message}`);
  });

  it("exactly what JSON.parse refuses", async () => {
    const counts = [0, 0];
    for (let seed = 1; seed <= 1500; seed++) {
      const below = generator(seed);
      const valid = JSON.stringify({ a: randomValue(below, 0), b: randomValue(below, 0) }).replaceAll(
        "👍",
        "x",
      ); // a half of it would be no text
      const at = below(valid.length);
      const text =
        valid.slice(0, at) +
        ['"', ",", "}", "0", "\\", "", " ", "-", ".", "e"][below(10)] +
        valid.slice(at + 1);
      let parsed: unknown;
      try {
        parsed = JSON.parse(text);
      } catch {
        parsed = null;
      }
      if (parsed !== null && !/\d{16}|e\+?\d{3}/i.test(text)) {
        expect((await readJSONL(text).rows()).x).toEqual([parsed]);
        counts[0]++;
      } else if (parsed === null) {
        expect(await errorOf(text)).toMatch(/^readJSONL: line 1, column \d+, row 1: expected (?!JSON)/);
        counts[1]++;
      }
    }
    expect(Math.min(...counts)).toBeGreaterThan(100);
  });

  it("a missing label, and a label that is a list or an object", async () => {
    const label = { label: "y" };
    for (const row of ['{"a":1}', '{"y":null}', '{"y":""}'])
      expect(await errorOf(`{"y":1}\n${row}`, label)).toBe(
        'readJSONL: line 2, row 2: the label "y" is missing',
      );
    expect(await errorOf('{"y":[1,2]}', label)).toBe(
      'readJSONL: line 1, row 1: the label "y" must be a number, a string or a boolean, got array of 2',
    );
    expect(await errorOf('{"a":1}', { label: "constructor" })).toMatch('the label "constructor" is missing');
  });

  it("a selected column that no row has, behind the last row", async () => {
    expect(await errorOf('{"a":1}\n{"b":1}', { select: ["a", "c"] })).toBe(
      'readJSONL: select must name a column, got "c"; the columns are "a", "b"',
    );
  });

  it("bytes that are not UTF-8, and wrong options and paths", async () => {
    await expect(readJSONL(Uint8Array.of(0x7b, 0x7d, 10, 0xff, 10)).rows()).rejects.toThrow(
      "readJSONL: line 2: the bytes are not UTF-8",
    );
    expect(() => readJSONL("a", { delimiter: "," } as never)).toThrow(
      'readJSONL: options has no option "delimiter"; it has select, label',
    );
    expect(() => readJSONL("events.jsonl")).toThrow("pass a stream: createReadStream(path)");
  });
});
