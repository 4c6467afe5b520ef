// CSV files and what must come out of them, by hand.

import { describe, expect, it } from "vitest";
import { type CSVOptions, readCSV } from "../../src/readers.ts";
import { bytesOf, chunksOf, collect } from "./helpers.ts";

/**
 * The rows of a text as arrays, read in one piece; and checks that chunks, rows and columns give the same.
 */
async function cellsOf(text: string, options: CSVOptions = {}): Promise<(string | null)[][]> {
  const { x: columns } = await readCSV(text, options).columns();
  const { x: rows } = await readCSV(text, options).rows();
  for (const size of [1, 2, 3, 7]) {
    expect(
      (
        await readCSV(
          chunksOf(bytesOf(text), () => size),
          options,
        ).columns()
      ).x,
    ).toEqual(columns);
    expect(
      (
        await readCSV(
          chunksOf(text, () => size),
          options,
        ).rows()
      ).x,
    ).toEqual(rows);
  }
  const names = Object.keys(columns);
  expect(rows).toEqual(rows.map((_, i) => Object.fromEntries(names.map((name) => [name, columns[name][i]]))));
  if (options.label === undefined) expect(await collect(readCSV(text, options))).toEqual(rows);
  return [names, ...rows.map((row) => names.map((name) => row[name]))];
}

describe("RFC 4180, section 2, in readCSV", () => {
  const header = { header: ["a", "b", "c"] };
  const abc = ["a", "b", "c"];

  it("rule 1: each record is on a line of its own, ended by CRLF", async () => {
    expect(await cellsOf("aaa,bbb,ccc\r\nzzz,yyy,xxx\r\n", header)).toEqual([
      abc,
      ["aaa", "bbb", "ccc"],
      ["zzz", "yyy", "xxx"],
    ]);
  });

  it("rule 2: the last record may have no line break", async () => {
    expect(await cellsOf("aaa,bbb,ccc\r\nzzz,yyy,xxx", header)).toEqual([
      abc,
      ["aaa", "bbb", "ccc"],
      ["zzz", "yyy", "xxx"],
    ]);
  });

  it("rule 3: the first line may hold the names", async () => {
    expect(await cellsOf("field_name,other,third\r\naaa,bbb,ccc\r\nzzz,yyy,xxx\r\n")).toEqual([
      ["field_name", "other", "third"],
      ["aaa", "bbb", "ccc"],
      ["zzz", "yyy", "xxx"],
    ]);
  });

  it("rule 4: spaces are part of a cell", async () => {
    expect(await cellsOf("a,b\n x , y z \n")).toEqual([
      ["a", "b"],
      [" x ", " y z "],
    ]);
  });

  it("rule 5: cells may be quoted or not", async () => {
    expect(await cellsOf('"aaa","bbb","ccc"\r\nzzz,yyy,xxx', header)).toEqual([
      abc,
      ["aaa", "bbb", "ccc"],
      ["zzz", "yyy", "xxx"],
    ]);
  });

  it("rule 6: a quoted cell may hold line breaks and delimiters", async () => {
    expect(await cellsOf('"aaa","b\r\nbb","c,\ncc"\r\nzzz,yyy,xxx', header)).toEqual([
      abc,
      ["aaa", "b\r\nbb", "c,\ncc"],
      ["zzz", "yyy", "xxx"],
    ]);
  });

  it("rule 7: a doubled quote in a quoted cell is a quote", async () => {
    expect(await cellsOf('"aaa","b""bb","""c"""""\r\n', header)).toEqual([abc, ["aaa", 'b"bb', '"c""']]);
  });
});

describe("readCSV", () => {
  it("takes LF, CRLF and a lone CR for ends of lines, also mixed", async () => {
    for (const text of ["a,b\n1,2\n3,4\n", "a,b\r\n1,2\r\n3,4\r\n", "a,b\r1,2\r3,4\r", "a,b\r\n1,2\r3,4\n"])
      expect(await cellsOf(text)).toEqual([
        ["a", "b"],
        ["1", "2"],
        ["3", "4"],
      ]);
  });

  it("gives null for an empty cell, and an empty string for an empty cell in quotes", async () => {
    expect(await cellsOf('a,b,c\n,"",\n"",,x\n,,\n')).toEqual([
      ["a", "b", "c"],
      [null, "", null],
      ["", null, "x"],
      [null, null, null],
    ]);
  });

  it("skips blank lines, of which a table of one column cannot hold a missing value", async () => {
    expect(await cellsOf('\n\r\na\n\n1\n\r\n""\n2\n\n')).toEqual([["a"], ["1"], [""], ["2"]]);
  });

  it("drops a byte order mark, before a quoted name too", async () => {
    expect(await cellsOf("\ufeffa,b\n1,\ufeff2\n")).toEqual([
      ["a", "b"],
      ["1", "\ufeff2"],
    ]);
    expect(await cellsOf('\ufeff"a","b"\n1,2\n')).toEqual([
      ["a", "b"],
      ["1", "2"],
    ]);
  });

  it("keeps a quote within a cell that does not begin with one", async () => {
    expect(await cellsOf('size,note\n5" disk,say "hi"\n')).toEqual([
      ["size", "note"],
      ['5" disk', 'say "hi"'],
    ]);
  });

  it("gives characters of one to four bytes as they are, in short and in long cells, in names too", async () => {
    const wide = [
      "é",
      "größe",
      "界",
      "👍🏽",
      "naïve café with crème brûlée",
      "世界世界世界世界世界世界世界",
      "x👍".repeat(20),
    ];
    const text = `größe,界,plain\n${wide.map((cell) => `${cell},"${cell}, ""${cell}",plain text of 24 chars\n`).join("")}`;
    expect(await cellsOf(text)).toEqual([
      ["größe", "界", "plain"],
      ...wide.map((cell) => [cell, `${cell}, "${cell}`, "plain text of 24 chars"]),
    ]);
  });

  it("keeps NUL and other control characters", async () => {
    expect(await cellsOf("a,b\n\0,\0\0\n\x01\x7f,x\0\n")).toEqual([
      ["a", "b"],
      ["\0", "\0\0"],
      ["\x01\x7f", "x\0"],
    ]);
  });

  it("converts no value: numbers keep their zeros and signs", async () => {
    expect(await cellsOf("a,b\n007,1e5\n+1.50,true\n")).toEqual([
      ["a", "b"],
      ["007", "1e5"],
      ["+1.50", "true"],
    ]);
  });

  it("gives no rows for a header alone, and no columns for an empty text", async () => {
    expect(await readCSV("a,b\n").columns()).toEqual({ x: { a: [], b: [] }, y: null });
    expect(await readCSV("").columns()).toEqual({ x: {}, y: null });
    expect(await readCSV("\n\n").rows()).toEqual({ x: [], y: null });
    expect(await readCSV("", { header: ["a"] }).columns()).toEqual({ x: { a: [] }, y: null });
    expect((await readCSV("a,y\n", { label: "y" }).rows()).y).toEqual(new Float64Array(0));
  });

  it("takes __proto__ and constructor as names like any other", async () => {
    const { x } = await readCSV("__proto__,constructor\n1,2\n,3\n").rows();
    expect(x.map((row) => Object.entries(row))).toEqual([
      [
        ["__proto__", "1"],
        ["constructor", "2"],
      ],
      [
        ["__proto__", null],
        ["constructor", "3"],
      ],
    ]);
    const { x: columns } = await readCSV("__proto__,b\n1,2\n").columns();
    expect(Object.entries(columns)).toEqual([
      ["__proto__", ["1"]],
      ["b", ["2"]],
    ]);
    expect(({} as Record<string, unknown>)["1"]).toBeUndefined();
  });

  it("makes equal cells the same value in every part of a long table of many kinds of cells", async () => {
    const long = "a cell that is much longer than twelve bytes";
    const cellOf = (i: number, column: number): string =>
      [`${i}`, `${i % 7}`, `${long} ${i % 1000}`, `é${i % 300}`, `${long} ${i}`, `${i * 7919}.${i % 13}`][
        column
      ];
    const rows = Array.from({ length: 40_000 }, (_, i) =>
      Array.from({ length: 6 }, (_, column) => cellOf(i, column)),
    );
    const { x } = await readCSV(`a,b,c,d,e,f\n${rows.map((row) => row.join()).join("\n")}`).columns();
    for (const [column, name] of [..."abcdef"].entries())
      expect(x[name]).toEqual(rows.map((row) => row[column]));
  });

  it("takes cells and rows that are much longer than a chunk", async () => {
    const cell = 'long "cell",\n'.repeat(30_000);
    const text = `a,b\n"${cell.replaceAll('"', '""')}",1\n2,3\n`;
    for (const source of [text, chunksOf(bytesOf(text), () => 1000)])
      expect((await readCSV(source).rows()).x).toEqual([
        { a: cell, b: "1" },
        { a: "2", b: "3" },
      ]);
  });
});

describe("readCSV: delimiter", () => {
  it.each([
    ["a,b\n1,2\n", ["a", "b"]],
    ["a;b\n1,5;2,5\n3,5;4\n", ["a", "b"]],
    ["a\tb\n1,5\t2;5\n", ["a", "b"]],
    ["a|b|c\n1|2|3\n", ["a", "b", "c"]],
    ['a;b\n"1;2,3";x\n"4,5,6";y\n', ["a", "b"]],
    ['"a,a";b\n1;2\n', ["a,a", "b"]],
    ["a,b;c\n1,2;3\n4,5;6,7\n", ["a,b", "c"]],
    ["a;b;c,d\n1;2;3,4\n5;6;7,8\n", ["a", "b", "c,d"]],
    ["single\nvalue\n", ["single"]],
  ])("is found in %j", async (text, names) => expect((await cellsOf(text))[0]).toEqual(names));

  it("agrees with the number of names of the option header", async () => {
    expect(await cellsOf("1,5;2,5\n3,5;4,5\n", { header: ["a", "b"] })).toEqual([
      ["a", "b"],
      ["1,5", "2,5"],
      ["3,5", "4,5"],
    ]);
  });

  it("is found alike in a short and in a long file, however it is cut", async () => {
    const text = `a;b\n${"1,5;2,5,5\n".repeat(20_000)}`;
    for (const size of [1 << 20, 1000, 70_000])
      expect(Object.keys((await readCSV(chunksOf(text, () => size)).columns()).x)).toEqual(["a", "b"]);
  });

  it("may be any ASCII character that is given", async () => {
    expect(await cellsOf("a b\n1,2 3\n", { delimiter: " " })).toEqual([
      ["a", "b"],
      ["1,2", "3"],
    ]);
    expect(await cellsOf("a~b\n1~2\n", { delimiter: "~" })).toEqual([
      ["a", "b"],
      ["1", "2"],
    ]);
    expect(await cellsOf("a,b;c\n1,2;3\n", { delimiter: ";" })).toEqual([
      ["a,b", "c"],
      ["1,2", "3"],
    ]);
  });
});

describe("readCSV: select", () => {
  it("keeps these columns in this order, and cells of others are not made", async () => {
    expect(await cellsOf("a,b,c,d\n1,é,3,4\n5,6,界7,8\n", { select: ["d", "a"] })).toEqual([
      ["d", "a"],
      ["4", "1"],
      ["8", "5"],
    ]);
    expect(await cellsOf("a,b,c,d\n1,é,3,4\n5,6,界7,8\n", { select: ["c"] })).toEqual([
      ["c"],
      ["3"],
      ["界7"],
    ]);
  });

  it("is the way out when other columns have no name or the same name", async () => {
    expect(await cellsOf(",a,b,b\n0,1,2,3\n", { select: ["a"] })).toEqual([["a"], ["1"]]);
  });
});

describe("readCSV: label", () => {
  it("separates numbers as a Float64Array", async () => {
    const text = "user,rating\nana,4\nbo,2.5\ncy,-1e3\ndi, .5 \n";
    const y = Float64Array.of(4, 2.5, -1000, 0.5);
    expect(await readCSV(text, { label: "rating" }).columns()).toEqual({
      x: { user: ["ana", "bo", "cy", "di"] },
      y,
    });
    expect(await readCSV(text, { label: "rating" }).rows()).toEqual({
      x: [{ user: "ana" }, { user: "bo" }, { user: "cy" }, { user: "di" }],
      y,
    });
  });

  it("gives strings if one label is not a finite number in decimal", async () => {
    for (const last of ["x", "0x10", "1e999", "NaN", "Infinity", "1_000", "true"]) {
      const { y } = await readCSV(`y,a\n1,b\n2.0,c\n${last},d\n`, { label: "y" }).rows();
      expect(y).toEqual(["1", "2.0", last]);
    }
  });

  it("keeps every label when there are many", async () => {
    const labels = Array.from({ length: 5000 }, (_, i) => i / 8);
    const text = `y,a\n${labels.map((label) => `${label},1\n`).join("")}`;
    expect((await readCSV(text, { label: "y" }).columns()).y).toEqual(Float64Array.from(labels));
  });

  it("needs no place in select, and is no feature if it has one", async () => {
    const text = "a,b,y\n1,2,3\n";
    for (const select of [["b"], ["y", "b"]])
      expect(await readCSV(text, { select, label: "y" }).rows()).toEqual({
        x: [{ b: "2" }],
        y: Float64Array.of(3),
      });
  });

  it("stays in the rows when they are iterated", async () => {
    expect(await collect(readCSV("y,a,b\n1,2,3\n", { select: ["b"], label: "y" }))).toEqual([
      { b: "3", y: "1" },
    ]);
  });
});
