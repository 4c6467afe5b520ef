import { describe, expect, it } from "vitest";
import { type LibSVMData, parseLibSVM, readLibSVM } from "../../src/data/libsvm.ts";

function generator(seed: number): (n: number) => number {
  let state = Math.imul(seed, 0x9e3779b1);
  return (n) => Math.floor(((state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32) * n);
}

interface Row {
  label: number;
  qid?: number;
  entries: Map<number, number>;
}

/** The definition of the format, by split and Number. */
function naive(text: string): Row[] {
  const rows: Row[] = [];
  for (const line of text.replace(/^\ufeff/, "").split(/\r?\n/)) {
    const tokens = line
      .replace(/#.*/, "")
      .split(/[ \t]+/)
      .filter((token) => token !== "");
    if (tokens.length === 0) continue;
    const row: Row = { label: Math.fround(Number(tokens.shift())), entries: new Map() };
    if (tokens[0]?.startsWith("qid:")) row.qid = Number(tokens.shift()!.slice(4));
    for (const token of tokens) {
      const [index, value] = token.split(":").map(Number);
      row.entries.set(index, Math.fround((row.entries.get(index) ?? 0) + Math.fround(value)));
    }
    for (const [index, value] of row.entries) if (value === 0) row.entries.delete(index);
    rows.push(row);
  }
  return rows;
}

function rowsOf({ x, y, groups }: LibSVMData): Row[] {
  return Array.from(y, (label, i) => {
    const { indices, values } = x.row(i);
    const entries = new Map(Array.from(indices, (index, p) => [index, values === undefined ? 1 : values[p]]));
    return groups === undefined ? { label, entries } : { label, qid: groups[i], entries };
  });
}

async function* chunksOf<T extends Uint8Array | string>(text: T, size: () => number): AsyncGenerator<T> {
  for (let start = 0; start < text.length; ) {
    const end = start + size();
    yield text.slice(start, end) as T;
    start = end;
  }
}

async function collect(blocks: AsyncIterable<LibSVMData>): Promise<LibSVMData[]> {
  const all: LibSVMData[] = [];
  for await (const block of blocks) all.push(block);
  return all;
}

function randomNumber(below: (n: number) => number): string {
  const digits = (n: number) => Array.from({ length: n }, () => below(10)).join("");
  const sign = ["", "", "-", "+"][below(4)];
  const whole = digits(1 + below(below(3) === 0 ? 19 : 4));
  const fraction = ["", ".", `.${digits(1 + below(20))}`][below(3)];
  const exponent = below(4) > 0 ? "" : `${"eE"[below(2)]}${["", "+", "-"][below(3)]}${below(19)}`;
  return `${sign}${below(6) === 0 && fraction.length > 1 ? "" : whole}${fraction}${exponent}`;
}

function randomText(seed: number, qid: boolean): string {
  const below = generator(seed);
  const gap = () => [" ", "  ", "\t", " \t "][below(4)];
  let text = below(2) ? "\ufeff" : "";
  for (let line = 0; line < 40; line++) {
    const kind = below(8);
    if (kind === 0) text += gap();
    else if (kind === 1) text += `${gap()}# größe 界 5:1`;
    else {
      text += randomNumber(below) + (qid ? `${gap()}qid:${below(2 ** 32)}` : "");
      for (let n = below(12); n > 0; n--)
        text += `${gap()}${below(3) ? below(50) : below(2 ** 25)}:${below(3) ? "1" : randomNumber(below)}`;
      text += below(3) === 0 ? `${gap()}# naïve 3:4` : below(3) === 0 ? gap() : "";
    }
    text += below(2) ? "\n" : "\r\n";
  }
  return below(2) ? text : text.trimEnd();
}

describe("parseLibSVM", () => {
  it("reads labels, indices and values", () => {
    const { x, y, groups } = parseLibSVM("1 0:1 3:0.5\n-1 2:1\n");
    expect([x.rows, x.cols]).toEqual([2, 4]);
    expect(Array.from(y)).toEqual([1, -1]);
    expect(Array.from(x.indptr)).toEqual([0, 2, 3]);
    expect(Array.from(x.indices)).toEqual([0, 3, 2]);
    expect(Array.from(x.values!)).toEqual([1, 0.5, 1]);
    expect(groups).toBe(undefined);
  });

  it("agrees with split and Number on random text", () => {
    for (let seed = 1; seed <= 60; seed++) {
      const text = randomText(seed, seed % 3 === 0);
      const expected = naive(text);
      expect(rowsOf(parseLibSVM(text))).toEqual(expected);
      expect(rowsOf(parseLibSVM(new TextEncoder().encode(text), { cols: 2 ** 25 }))).toEqual(expected);
    }
  });

  it("rounds every number as Math.fround(Number(text)) does", () => {
    const hard = [
      "0.1",
      "0.30000000000000004",
      "123456789012345678901234567890",
      "9007199254740991",
      "9007199254740992",
      "9007199254740993",
      "9007199254740993e1",
      "1e22",
      "1e23",
      "1e-22",
      "1e-23",
      "4.35",
      "2.2250738585072011e-308",
      "1e-45",
      "0.7e-45",
      "1e-400",
      "0e999",
      "3.4028235e38",
      "340282346638528859811704183484516925440",
      "1.00000005960464477539062",
      "1.00000005960464477539063",
      "16777217",
      "16777219",
      "0.000000000000000000000000000000000000011754943",
      "5.",
      ".5",
      "+.5",
      "-0.0",
      "1E5",
      "1e+05",
      "000012.50",
    ];
    const below = generator(99);
    for (let i = 0; i < 20_000; i++) hard.push(randomNumber(below));
    const { y } = parseLibSVM(hard.join("\n"));
    const wrong = hard.filter((text, i) => !Object.is(y[i], Math.fround(Number(text))));
    expect(wrong).toEqual([]);
  });

  it("reads CRLF files without the carriage return becoming part of a value, a last line without newline too", () => {
    for (const text of [
      "1 1:2\r\n-1 2:3\r\n",
      "1 1:2\r\n-1 2:3",
      "1 1:2\r\n-1 2:3\r",
      "1 1:2 \r\n\r\n-1 2:3 # end\r\n",
    ]) {
      const { x, y } = parseLibSVM(text);
      expect(Array.from(y)).toEqual([1, -1]);
      expect(Array.from(x.values!)).toEqual([2, 3]);
    }
    expect(Array.from(parseLibSVM("1\r\n-1").y)).toEqual([1, -1]);
  });

  it("keeps ids above 2^24, where float32 would not", () => {
    const { x } = parseLibSVM("1 16777217:1 4294967294:1");
    expect(Array.from(x.indices)).toEqual([16777217, 4294967294]);
    expect(x.cols).toBe(4294967295);
  });

  it("skips a byte-order mark at the start of a text and nowhere else", () => {
    for (const text of ["\ufeff1 2:1\n", "\ufeff1 2:1", "\ufeff# c\n1 2:1", "\ufeff\r\n1 2:1"]) {
      expect(rowsOf(parseLibSVM(text))).toEqual([{ label: 1, entries: new Map([[2, 1]]) }]);
    }
    expect(() => parseLibSVM("1 2:1\n\ufeff1 2:1")).toThrow(
      "parseLibSVM: line 2: label must be a finite number",
    );
  });

  it("sums duplicates, drops zeros and carries no values when all are ones", () => {
    const { x } = parseLibSVM("1 4:1 4:0.5 2:0 3:1 3:-1");
    expect(Array.from(x.indices)).toEqual([4]);
    expect(Array.from(x.values!)).toEqual([1.5]);
    expect(parseLibSVM("1 1:1 2:1.0\n0 3:1e0").x.values).toBe(null);
  });

  it("takes indices as they stand, or subtracts 1 with zeroBased: false", () => {
    const text = "1 1:1 3:1";
    expect(Array.from(parseLibSVM(text).x.indices)).toEqual([1, 3]);
    expect(parseLibSVM(text).x.cols).toBe(4);
    expect(Array.from(parseLibSVM(text, { zeroBased: false }).x.indices)).toEqual([0, 2]);
    expect(parseLibSVM(text, { zeroBased: false, cols: 3 }).x.cols).toBe(3);
    expect(Array.from(parseLibSVM("1 4294967295:1", { zeroBased: false }).x.indices)).toEqual([4294967294]);
  });

  it("gives groups when every row has a qid", () => {
    const { groups, x } = parseLibSVM("1 qid:7 1:1\n0 qid:7\n1 qid:4294967295 2:1 # c\n");
    expect(Array.from(groups!)).toEqual([7, 7, 4294967295]);
    expect(Array.from(x.indptr)).toEqual([0, 1, 1, 2]);
  });

  it("reads empty texts and rows without features", () => {
    expect(parseLibSVM("").x.rows).toBe(0);
    expect(parseLibSVM("\n# nothing\n", { cols: 3 }).x.cols).toBe(3);
    const { x, y } = parseLibSVM("2.5\n");
    expect([x.rows, x.nnz, y[0]]).toEqual([1, 0, 2.5]);
  });

  it.each([
    ["1 1:1\n\n0 12:1", { cols: 10 }, "parseLibSVM: line 3: index must be below cols (10), got 12"],
    [
      "1 11:1",
      { cols: 10, zeroBased: false },
      "parseLibSVM: line 1: index must be at most cols (10), got 11",
    ],
    ["1 4294967295:1", {}, "parseLibSVM: line 1: index must be at most 4294967294, got 4294967295"],
    [
      "1 99999999999999999999:1",
      {},
      "parseLibSVM: line 1: index must be at most 4294967294, got 99999999999999999999",
    ],
    [
      "1 0:1",
      { zeroBased: false },
      "parseLibSVM: line 1: index must be at least 1 with zeroBased: false, got 0",
    ],
    ["#\n#\n#\n#\n#\n#\n1 5;1", {}, 'parseLibSVM: line 7: expected "index:value", got "5;1"'],
    ["1 5", {}, 'parseLibSVM: line 1: expected "index:value", got "5"'],
    ["1 :5", {}, 'parseLibSVM: line 1: expected "index:value", got ":5"'],
    ["1 5: 1", {}, 'parseLibSVM: line 1: expected "index:value", got "5:"'],
    ["1 5:#1", {}, 'parseLibSVM: line 1: expected "index:value", got "5:"'],
    ["1 -5:1", {}, 'parseLibSVM: line 1: expected "index:value", got "-5:1"'],
    ["1 1.5:1", {}, 'parseLibSVM: line 1: expected "index:value", got "1.5:1"'],
    ["1 größe:1", {}, 'parseLibSVM: line 1: expected "index:value", got "größe:1"'],
    ["1 1:1 qid:3", {}, 'parseLibSVM: line 1: expected "index:value", got "qid:3"'],
    [
      "1 5:nan",
      {},
      'parseLibSVM: line 1: the value of index 5 must be a finite number (in 32 bits), got "nan"',
    ],
    [
      "1 5:-inf",
      {},
      'parseLibSVM: line 1: the value of index 5 must be a finite number (in 32 bits), got "-inf"',
    ],
    ["1 5:Infinity", {}, 'the value of index 5 must be a finite number (in 32 bits), got "Infinity"'],
    [
      "1 5:1e39",
      {},
      'parseLibSVM: line 1: the value of index 5 must be a finite number (in 32 bits), got "1e39"',
    ],
    ["1 5:0x10", {}, 'the value of index 5 must be a finite number (in 32 bits), got "0x10"'],
    ["1 5:1e", {}, 'the value of index 5 must be a finite number (in 32 bits), got "1e"'],
    ["1 5:.", {}, 'the value of index 5 must be a finite number (in 32 bits), got "."'],
    ["1 5:.e1", {}, 'the value of index 5 must be a finite number (in 32 bits), got ".e1"'],
    ["1 5:1:2", {}, 'the value of index 5 must be a finite number (in 32 bits), got "1:2"'],
    ["1 5:--1", {}, 'the value of index 5 must be a finite number (in 32 bits), got "--1"'],
    ["1 5:-", {}, 'the value of index 5 must be a finite number (in 32 bits), got "-"'],
    [
      "1 5:3e38 5:3e38",
      {},
      "parseLibSVM: line 1: the sum of the values of index 5 must be finite (in 32 bits), got Infinity",
    ],
    ["NaN 5:1", {}, 'parseLibSVM: line 1: label must be a finite number (in 32 bits), got "NaN"'],
    ["-inf", {}, 'parseLibSVM: line 1: label must be a finite number (in 32 bits), got "-inf"'],
    ["5:1 6:1", {}, 'parseLibSVM: line 1: label must be a finite number (in 32 bits), got "5:1"'],
    ["1,0 6:1", {}, 'parseLibSVM: line 1: label must be a finite number (in 32 bits), got "1,0"'],
    ["1 qid:x 6:1", {}, 'parseLibSVM: line 1: qid must be an integer from 0 to 4294967295, got "x"'],
    [
      "1 qid:4294967296",
      {},
      'parseLibSVM: line 1: qid must be an integer from 0 to 4294967295, got "4294967296"',
    ],
    ["1 qid:", {}, 'parseLibSVM: line 1: qid must be an integer from 0 to 4294967295, got ""'],
    ["1 qid:1.5", {}, 'parseLibSVM: line 1: qid must be an integer from 0 to 4294967295, got "1.5"'],
    [
      "1 qid:1 2:1\n1 2:1",
      {},
      "parseLibSVM: line 2: either every row has a qid or none; this one has none, those before have one",
    ],
    [
      "1 2:1\n\n1 qid:1 2:1",
      {},
      "parseLibSVM: line 3: either every row has a qid or none; this one has one, those before have none",
    ],
  ])("refuses %j with %j", (text, options, message) => {
    expect(() => parseLibSVM(text, options)).toThrow(RangeError);
    expect(() => parseLibSVM(text, options)).toThrow(message);
  });

  it.each([
    [5, {}, "parseLibSVM: text must be a string or a Uint8Array, got 5"],
    ["1", { col: 4 }, 'parseLibSVM: options has no option "col"; it has cols, zeroBased'],
    ["1", { cols: 0 }, "parseLibSVM: cols must be an integer from 1 to 4294967295, got 0"],
    ["1", { zeroBased: 1 }, "parseLibSVM: zeroBased must be a boolean, got 1"],
  ])("refuses %j with %j", (text, options, message) =>
    expect(() => parseLibSVM(text as never, options as never)).toThrow(message));
});

describe("readLibSVM", () => {
  it("gives the rows of parseLibSVM however the stream is cut, bytes and text alike", async () => {
    const cols = 2 ** 25;
    for (let seed = 1; seed <= 20; seed++) {
      const text = randomText(seed, seed % 3 === 0);
      const expected = naive(text);
      const below = generator(seed + 1000);
      for (const size of [() => 1, () => 1 + below(9), () => 1 + below(300), () => 1e6]) {
        for (const source of [chunksOf(new TextEncoder().encode(text), size), chunksOf(text, size)]) {
          const blocks = await collect(readLibSVM(source, { cols, batchSize: 7 }));
          expect(blocks.flatMap(rowsOf)).toEqual(expected);
          expect(blocks.slice(0, -1).every((block) => block.x.rows === 7)).toBe(true);
        }
      }
    }
  });

  it("yields full blocks of batchSize rows and the last short one, each with cols columns", async () => {
    const text = Array.from({ length: 10_000 }, (_, i) => `${i} ${i % 50}:1\n`).join("");
    const blocks = await collect(
      readLibSVM(
        chunksOf(text, () => 1000),
        { cols: 60 },
      ),
    );
    expect(blocks.map((block) => block.x.rows)).toEqual([4096, 4096, 1808]);
    expect(blocks.every((block) => block.x.cols === 60 && block.y.length === block.x.rows)).toBe(true);
    expect(blocks[2].y[1807]).toBe(9999);
  });

  it("leaves earlier blocks alone, and a chunk's buffer may be used again by its source", async () => {
    async function* reusing(): AsyncGenerator<Uint8Array> {
      const buffer = new Uint8Array(8);
      for (const part of ["1 1:2\n2 ", "2:3\n3 3:", "4\n4 4:5\n"]) {
        const { written } = new TextEncoder().encodeInto(part, buffer);
        yield buffer.subarray(0, written);
        buffer.fill(0x39);
      }
    }
    const blocks = await collect(readLibSVM(reusing(), { cols: 9, batchSize: 1 }));
    expect(blocks.flatMap(rowsOf)).toEqual(naive("1 1:2\n2 2:3\n3 3:4\n4 4:5\n"));
  });

  it("subtracts 1 with zeroBased: false, and gives groups", async () => {
    const [block] = await collect(
      readLibSVM(
        chunksOf("1 qid:3 1:1 9:2", () => 4),
        { cols: 9, zeroBased: false },
      ),
    );
    expect(rowsOf(block)).toEqual([
      {
        label: 1,
        qid: 3,
        entries: new Map([
          [0, 1],
          [8, 2],
        ]),
      },
    ]);
  });

  it("yields nothing for an empty stream", async () => {
    expect(
      await collect(
        readLibSVM(
          chunksOf("", () => 1),
          { cols: 1 },
        ),
      ),
    ).toEqual([]);
    expect(
      await collect(
        readLibSVM(
          chunksOf("# only a comment", () => 3),
          { cols: 1 },
        ),
      ),
    ).toEqual([]);
  });

  it("counts lines from the start of the stream in errors, and demands a qid across blocks", async () => {
    const text = "1 1:1\r\n".repeat(20) + "\n# c\n1 2:x\n";
    await expect(
      collect(
        readLibSVM(
          chunksOf(text, () => 5),
          { cols: 9, batchSize: 3 },
        ),
      ),
    ).rejects.toThrow(
      'readLibSVM: line 23: the value of index 2 must be a finite number (in 32 bits), got "x"',
    );
    await expect(
      collect(
        readLibSVM(
          chunksOf("1 1:1\n1 qid:2 1:1", () => 5),
          { cols: 9, batchSize: 1 },
        ),
      ),
    ).rejects.toThrow("readLibSVM: line 2: either every row has a qid or none");
    await expect(
      collect(
        readLibSVM(
          chunksOf("1 9:1", () => 5),
          { cols: 9 },
        ),
      ),
    ).rejects.toThrow("readLibSVM: line 1: index must be below cols (9), got 9");
  });

  it("reads a function again and again, and a stream once", async () => {
    const reader = readLibSVM(async () => chunksOf("1 0:1\n2 1:3\n", () => 4), { cols: 2 });
    expect(reader.repeatable).toBe(true);
    for (let i = 0; i < 2; i++) {
      const [block] = await collect(reader);
      expect(Array.from(block.y)).toEqual([1, 2]);
    }
    const once = readLibSVM(
      chunksOf("1 0:1", () => 4),
      { cols: 2 },
    );
    expect(once.repeatable).toBe(false);
    await collect(once);
    await expect(collect(once)).rejects.toThrow("readLibSVM: the source is a stream and has been read");
    await expect(collect(readLibSVM((() => 5) as never, { cols: 2 }))).rejects.toThrow(
      "readLibSVM: the result of source() must be an async iterable",
    );
  });

  it("refuses bad arguments at once and bad chunks when they come", async () => {
    const source = chunksOf("1", () => 1);
    expect(() => readLibSVM(source, {} as never)).toThrow(
      "readLibSVM: cols must be an integer, got undefined",
    );
    expect(() => readLibSVM(source, undefined as never)).toThrow(
      "readLibSVM: options must be an object, got undefined",
    );
    expect(() => readLibSVM(source, { cols: 3, batchSize: 0 })).toThrow(
      "readLibSVM: batchSize must be an integer of at least 1, got 0",
    );
    expect(() => readLibSVM("1 1:1" as never, { cols: 3 })).toThrow(
      'readLibSVM: source must be an async iterable of text or bytes, such as a readable stream, or a function that opens one, got "1 1:1"',
    );
    async function* numbers(): AsyncGenerator<string> {
      yield 5 as unknown as string;
    }
    await expect(collect(readLibSVM(numbers(), { cols: 3 }))).rejects.toThrow(
      "readLibSVM: a chunk of source must be a string or a Uint8Array, got 5",
    );
  });
});
