// What readCSV refuses, and what it says.

import { describe, expect, it } from "vitest";
import { type CSVOptions, readCSV, type TableSource } from "../../src/readers.ts";
import { bytesOf, chunksOf } from "./helpers.ts";

/** The error of reading, which must be the same in one piece and in single bytes, by rows and by columns. */
async function errorOf(text: string | Uint8Array, options: CSVOptions = {}): Promise<RangeError> {
  const bytes = typeof text === "string" ? bytesOf(text) : text;
  const errors = await Promise.all(
    [
      readCSV(bytes, options).rows(),
      readCSV(bytes, options).columns(),
      readCSV(
        chunksOf(bytes, () => 1),
        options,
      ).rows(),
      readCSV(
        chunksOf(bytes, () => 5),
        options,
      ).columns(),
    ].map((reading) =>
      reading.then(
        () => null,
        (error: unknown) => error,
      ),
    ),
  );
  for (const error of errors) {
    expect(error).toBeInstanceOf(RangeError);
    expect(error).toEqual(errors[0]);
  }
  return errors[0] as RangeError;
}

describe("readCSV refuses, with line and column,", () => {
  it.each([
    ["a,b\n1,2\n1\n", 'line 3, column 2 ("b"), row 2: expected 2 cells, got 1 (the delimiter is ",")'],
    ["a,b\n\n\n1,2,3\n", 'line 4, column 3, row 1: expected 2 cells, got 3 (the delimiter is ",")'],
    ['a,b\n"x\ny\r\nz\rw",1,2\n', 'line 5, column 3, row 1: expected 2 cells, got 3 (the delimiter is ",")'],
    ["a\n1,2\n", 'line 2, column 2, row 1: expected 1 cell, got 2 (the delimiter is ",")'],
    [
      "a;b\r\n1;2\r\n   \r\n",
      'line 3, column 2 ("b"), row 2: expected 2 cells, got 1 (the delimiter is ";")',
    ],
    [
      'a,b\n1,"2\n3,4\n',
      'line 2, column 2 ("b"), row 1: the quoted cell that starts here has no closing quote',
    ],
    ['a,b\n1,"', 'line 2, column 2 ("b"), row 1: the quoted cell that starts here has no closing quote'],
    [
      'a,b\n"x\ny",2\n1,"2\n\n',
      'line 4, column 2 ("b"), row 2: the quoted cell that starts here has no closing quote',
    ],
    [
      'a,b\n1,2\n"x\ny"z,2\n',
      'line 4, column 1 ("a"), row 2: expected a delimiter or the end of the line behind the closing quote; ' +
        "write a quote within a quoted cell twice",
    ],
    [
      'a,b\r"5" disk",2\r',
      'line 2, column 1 ("a"), row 1: expected a delimiter or the end of the line behind the closing quote; ' +
        "write a quote within a quoted cell twice",
    ],
    [
      'a,b\n1, "x, y"\n',
      'line 2, column 2 ("b"), row 1: an opening quote must follow the delimiter directly, without spaces',
    ],
    ['a,"b\n1,2\n', "line 1: a quoted name has no closing quote"],
    [
      '\n"a"x,b\n1,2\n',
      "line 2, column 1: expected a delimiter or the end of the line behind the closing quote; " +
        "write a quote within a quoted cell twice",
    ],
    [
      "a,,c\n1,2,3\n",
      "line 1, column 2: the column has no name; name it in the file, or list the columns to keep in the option select",
    ],
    ["a,b,a\n1,2,3\n", 'line 1, column 3: the name "a" is already the name of column 1'],
  ])("%j", async (text, message) => {
    expect((await errorOf(text)).message).toBe(`readCSV: ${message}`);
  });

  it("a missing label, also an empty text in quotes, but no other missing cell", async () => {
    for (const cell of ["", '""']) {
      const error = await errorOf(`a,y\n,1\n"x\ny",${cell}\n`, { label: "y" });
      expect(error.message).toBe('readCSV: line 4, column 2 ("y"), row 2: the label is missing');
    }
  });

  it("bytes that are not UTF-8", async () => {
    const bad = (head: string, ...bytes: number[]): Uint8Array =>
      Uint8Array.of(...bytesOf(head), ...bytes, ...bytesOf("x,2\n3,4\n"));
    for (const [bytes, line] of [
      [bad("a,b\n1,2\n", 0xe9), 3],
      [bad("a,b\r1,2\r5,", 0xc3, 0x2c), 3],
      [bad('a,b\r\n"\n\n', 0xed, 0xa0, 0x80), 4],
      [bad("", 0xff), 1],
      [Uint8Array.of(...bytesOf("a,b\n1,é"), 0xe7, 0x95), 2],
    ] as const)
      expect((await errorOf(bytes)).message).toMatch(
        new RegExp(
          `^readCSV: line ${line}: the bytes are not UTF-8; save the file as UTF-8, or pass text: .*latin1`,
        ),
      );
  });

  it("UTF-16 and gzip, and says what to do", async () => {
    const utf16 = Uint8Array.of(
      0xff,
      0xfe,
      ...new Uint8Array(Uint16Array.from("a,b\n1,2\n", (c) => c.charCodeAt(0)).buffer),
    );
    expect((await errorOf(utf16)).message).toMatch(/^readCSV: the text must be UTF-8, got UTF-16; .*utf16le/);
    expect((await errorOf(Uint8Array.of(0xfe, 0xff, 0, 0x61))).message).toMatch(/got UTF-16/);
    expect((await errorOf(Uint8Array.of(0x1f, 0x8b, 8, 0))).message).toMatch(
      /^readCSV: source must be text, got bytes compressed with gzip; pass .*createGunzip/,
    );
  });

  it("a selected column or a label that is not there, and lists the columns", async () => {
    expect((await errorOf("a,b c\n1,2\n", { select: ["a", "b"] })).message).toBe(
      'readCSV: select must name a column, got "b"; the columns are "a", "b c"',
    );
    expect((await errorOf("a,b c\n1,2\n", { label: "rating" })).message).toBe(
      'readCSV: label must name a column, got "rating"; the columns are "a", "b c"',
    );
    expect((await errorOf("", { label: "rating" })).message).toBe(
      'readCSV: label must name a column, got "rating"; the columns are (none)',
    );
    const names = Array.from({ length: 80 }, (_, i) => `n${i}`).join();
    expect((await errorOf(`${names}\n`, { label: "y" })).message).toMatch(/"n49", … \(80 in all\)$/);
    const error = await errorOf("1,2\n", { header: ["a", "b"], label: "c" });
    expect(error.message).toBe('readCSV: label must name a column, got "c"; the columns are "a", "b"');
  });

  it("a row of more than 64 MiB, because a quote is missing somewhere, before memory runs out", async () => {
    let chunks = 0;
    function* source(): Generator<string> {
      yield 'a,b\n1,2\n3,"4\n';
      for (; chunks < 1000; chunks++) yield "1,2\n".repeat(250_000);
    }
    await expect(readCSV(source()).rows()).rejects.toThrow(
      "readCSV: line 3: the row that starts here is longer than 67108864 bytes; " +
        "is a closing quote or a line break missing?",
    );
    expect(chunks).toBeLessThan(140);
  });

  it("wrong rows only after it gave the rows before them", async () => {
    const seen: unknown[] = [];
    const reading = (async () => {
      for await (const row of readCSV("a,b\n1,2\n3,4\n5\n7,8\n")) seen.push(row);
    })();
    await expect(reading).rejects.toThrow("readCSV: line 4, column 2");
    expect(seen).toEqual([
      { a: "1", b: "2" },
      { a: "3", b: "4" },
    ]);
  });

  it("a wrong row far down, by its line in the file and its number", async () => {
    const text = `a,b\n${'1,"2\n"\n'.repeat(60_000)}3\n`;
    await expect(readCSV(text).columns()).rejects.toThrow('readCSV: line 120002, column 2 ("b"), row 60001:');
  });
});

describe("readCSV refuses at once", () => {
  it.each([
    [
      { delimiters: ";" },
      'readCSV: options has no option "delimiters"; it has delimiter, header, select, label',
    ],
    [null, "readCSV: options must be an object, got null"],
    [
      { delimiter: 5 },
      "readCSV: delimiter must be one ASCII character, neither a quote nor a line break, got 5",
    ],
    [{ delimiter: ",," }, 'must be one ASCII character, neither a quote nor a line break, got ",,"'],
    [{ delimiter: "§" }, 'must be one ASCII character, neither a quote nor a line break, got "§"'],
    [{ delimiter: '"' }, "must be one ASCII character"],
    [{ delimiter: "\n" }, "must be one ASCII character"],
    [{ header: false }, "readCSV: header must be true, or an array with the names of the columns, got false"],
    [{ header: [] }, "readCSV: header must name at least one column"],
    [{ header: ["a", ""] }, "readCSV: header[1] must not be empty"],
    [{ header: ["a", "b", "a"] }, 'readCSV: header names the column "a" twice'],
    [{ header: [1] }, "readCSV: header[0] must be a column name, got 1"],
    [{ select: "a" }, 'readCSV: select must be an array of column names, got "a"'],
    [{ select: [] }, "readCSV: select must name at least one column"],
    [{ select: ["a", "a"] }, 'readCSV: select names the column "a" twice'],
    [{ label: 3 }, "readCSV: label must be the name of a column, got 3"],
    [{ label: "" }, 'readCSV: label must be the name of a column, got ""'],
  ])("the options %j", (options, message) => {
    expect(() => readCSV("a\n", options as never)).toThrow(message);
  });

  it.each([
    [
      5,
      "readCSV: source must be text, bytes, a Blob, a stream, an iterable of text or bytes, or a function that opens one, got 5",
    ],
    [null, "got null"],
    [{ path: "x.csv" }, "got object with keys path"],
    [Promise.resolve("a"), "got a Promise (await it)"],
    [new Response("a\n"), "or a function that opens one (pass response.body), got Response"],
  ])("the source %s", (source, message) => {
    expect(() => readCSV(source as never)).toThrow(message);
    expect(() => readCSV(source as never)).toThrow(TypeError);
  });

  it.each([
    "ratings.csv",
    "./data/my ratings.tsv",
    "C:\\data\\ratings.CSV",
    "/data/x.jsonl.gz",
  ])("the path %s", (path) => {
    expect(() => readCSV(path)).toThrow(RangeError);
    expect(() => readCSV(path)).toThrow(
      `readCSV: source must be the text of a table, got the path ${JSON.stringify(path)}; pass a stream: createReadStream(path)`,
    );
  });

  it("an address", () => {
    expect(() => readCSV("https://example.org/ratings?format=csv")).toThrow(
      'got the address "https://example.org/ratings?format=csv"; pass a stream: (await fetch(address)).body',
    );
  });

  it.each(["a,b.csv", "a", "name\nx.csv", '"x.csv"', ""])("but not the text %j", (text) => {
    expect(() => readCSV(text)).not.toThrow();
  });
});

describe("readCSV refuses when they come", () => {
  it.each([
    [[5], "readCSV: a chunk of source must be text or bytes, got 5"],
    [
      new Set([new Float32Array(2)]),
      "readCSV: a chunk of source must be text or bytes, got Float32Array of 2",
    ],
    [["a\n", null], "readCSV: a chunk of source must be text or bytes, got null"],
  ])("chunks of %s", async (source, message) => {
    await expect(readCSV(source as unknown as TableSource).rows()).rejects.toThrow(message);
  });
});
