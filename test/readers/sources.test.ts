// Every kind of source gives the same rows, and is closed when reading stops.

import { createReadStream, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { afterAll, describe, expect, it } from "vitest";
import { readCSV, readJSONL, type TableSource } from "../../src/readers.ts";
import { bytesOf, chunksOf, collect } from "./helpers.ts";

const ROWS = Array.from({ length: 500 }, (_, i) => ({ id: `${i}`, name: i % 3 ? `größe 界 👍 ${i}` : "x" }));
const CSV = `id,name\n${ROWS.map(({ id, name }) => `${id},"${name}"\n`).join("")}`;
const JSONL = ROWS.map((row) => `${JSON.stringify(row)}\n`).join("");

const folder = mkdtempSync(join(tmpdir(), "neural-fm-readers-"));
afterAll(() => rmSync(folder, { recursive: true }));

function streamOf<T>(chunks: readonly T[]): ReadableStream<T> {
  return new ReadableStream({
    start(controller) {
      for (const chunk of chunks) controller.enqueue(chunk);
      controller.close();
    },
  });
}

/** A web stream as in a browser over which one cannot iterate. */
function withoutIteration<T>(stream: ReadableStream<T>): ReadableStream<T> {
  Object.defineProperty(stream, Symbol.asyncIterator, { value: undefined });
  return stream;
}

function cut(text: string, size: number): string[] {
  return text.match(new RegExp(`[^]{1,${size}}`, "g"))!;
}

/** The bytes of a text in chunks, which end within characters. */
function cutBytes(text: string, size: number): Uint8Array[] {
  const bytes = bytesOf(text);
  return Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) =>
    bytes.slice(i * size, (i + 1) * size),
  );
}

/** Makes each kind of source of a text. */
const KINDS: Record<string, (text: string) => TableSource | Promise<TableSource>> = {
  text: (text) => text,
  "a Uint8Array": bytesOf,
  "a part of a larger array": (text) => bytesOf(`xx${text}xx`).subarray(2, 2 + bytesOf(text).length),
  "an ArrayBuffer": (text) => bytesOf(text).buffer as ArrayBuffer,
  "a Buffer": (text) => Buffer.from(text),
  "a Blob": (text) => new Blob([text]),
  "a File": (text) => new (globalThis.File ?? Blob)([text], "table.csv"),
  "a Node stream of bytes": (text) => Readable.from(cutBytes(text, 999).map((chunk) => Buffer.from(chunk))),
  "a Node stream of text": (text) => Readable.from(cut(text, 1001)),
  "a file stream": (text) => {
    const path = join(folder, "table.txt");
    writeFileSync(path, text);
    return createReadStream(path, { highWaterMark: 1021 });
  },
  "a file stream with an encoding": (text) => {
    const path = join(folder, "table.utf16");
    writeFileSync(path, text, "utf16le");
    return createReadStream(path, { encoding: "utf16le", highWaterMark: 999 });
  },
  "the stream of a file handle": async (text) => {
    const path = join(folder, "table.handle");
    writeFileSync(path, text);
    return (await open(path)).createReadStream();
  },
  "a web stream of bytes": (text) => streamOf(cutBytes(text, 998)),
  "a web stream of text": (text) => streamOf(cut(text, 997)),
  "a web stream without iteration": (text) => withoutIteration(streamOf(cutBytes(text, 996))),
  "the body of a Response": (text) => new Response(text).body!,
  "a decompressed stream": (text) =>
    new Response(text)
      .body!.pipeThrough(new CompressionStream("gzip"))
      .pipeThrough(new DecompressionStream("gzip")) as ReadableStream<Uint8Array>,
  "an array of text": (text) => cut(text, 100),
  "an array of bytes and text": (text) =>
    text.split(/(?<=[27]\d.*\n)/).map((chunk, i) => (i % 2 ? chunk : bytesOf(chunk))),
  "a generator of text": (text) => cut(text, 1003).values(),
  "an async generator of single bytes": (text) => chunksOf(bytesOf(text), () => 1),
  "an async generator of single UTF-16 units": (text) => chunksOf(text, () => 1),
};

describe.each(Object.entries(KINDS))("%s", (_, make) => {
  it("is read by readCSV and by readJSONL, as rows and row by row", async () => {
    expect((await readCSV(await make(CSV)).rows()).x).toEqual(ROWS);
    expect((await readJSONL(await make(JSONL)).rows()).x).toEqual(ROWS);
    expect(await collect(readCSV(await make(CSV)))).toEqual(ROWS);
    expect(await collect(readJSONL(await make(JSONL)))).toEqual(ROWS);
  });
});

describe("a reader", () => {
  it("of text, bytes, a Blob or an array can be read again and again", async () => {
    for (const source of ["a\n1\n", bytesOf("a\n1\n"), new Blob(["a\n1\n"]), ["a\n", "1\n"]]) {
      const reader = readCSV(source);
      for (let i = 0; i < 2; i++) {
        expect((await reader.rows()).x).toEqual([{ a: "1" }]);
        expect((await reader.columns()).x).toEqual({ a: ["1"] });
        expect(await collect(reader)).toEqual([{ a: "1" }]);
      }
    }
  });

  it("of a stream can be read once", async () => {
    for (const source of [Readable.from(["a\n1\n"]), streamOf(["a\n1\n"]), ["a\n1\n"].values()]) {
      const reader = readCSV(source);
      expect((await reader.rows()).x).toEqual([{ a: "1" }]);
      for (const again of [reader.rows(), reader.columns(), collect(reader)])
        await expect(again).rejects.toThrow(
          "readCSV: the source is a stream and has been read; pass a function that opens it, such as () => createReadStream(path)",
        );
    }
  });

  it("of a function can be read again and again, and opens what the function returns", async () => {
    let opened = 0;
    const contents = [
      () => "a\n1\n",
      () => streamOf(["a\n1\n"]),
      async () => new Blob(["a\n1\n"]),
      () => Readable.from(["a\n1\n"]),
    ];
    for (const content of contents) {
      const reader = readCSV(() => {
        opened++;
        return content();
      });
      expect(reader.repeatable).toBe(true);
      for (let i = 0; i < 2; i++) expect((await reader.rows()).x).toEqual([{ a: "1" }]);
    }
    expect(opened).toBe(8);
    expect(readCSV(streamOf(["a\n1\n"])).repeatable).toBe(false);
    const wrong = readCSV((() => () => "a") as never).rows();
    await expect(wrong).rejects.toThrow("readCSV: the result of source() must be text or a stream");
    const number = readCSV((() => 5) as never).rows();
    await expect(number).rejects.toThrow("readCSV: source must be text");
  });

  it("gives blocks whose columns are those so far, and labels that become texts for good", async () => {
    const line = (row: object): string => `${JSON.stringify(row)}\n`;
    const source = [line({ a: 1, y: 1 }), line({ b: 2, y: "3" }), line({ a: 5, y: "x" }), line({ y: 4 })];
    const reader = readJSONL(source, { label: "y" });
    const read = async (): Promise<[object, unknown][]> => {
      const blocks: [object, unknown][] = [];
      for await (const { x, y } of reader.blocks()) blocks.push([x, y]);
      return blocks;
    };
    expect(await read()).toEqual([
      [{ a: [1] }, Float64Array.of(1)],
      [{ a: [null], b: [2] }, Float64Array.of(3)],
      [{ a: [5], b: [null] }, ["x"]],
      [{ a: [null], b: [null] }, ["4"]],
    ]);
    expect((await read())[0]).toEqual([{ a: [1], b: [null] }, ["1"]]);
    const bare: unknown[] = [];
    for await (const block of readCSV("a\n1\n").blocks()) bare.push(block);
    expect(bare).toEqual([{ x: { a: ["1"] }, y: null }]);
  });

  it("asks its source for nothing before rows are asked for", async () => {
    let asked = 0;
    async function* source(): AsyncGenerator<string> {
      asked++;
      yield "a\n1\n";
    }
    const reader = readCSV(source());
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(asked).toBe(0);
    await reader.rows();
    expect(asked).toBe(1);
  });

  it("closes its source when the loop over it stops early, and after an error", async () => {
    for (const [text, expected] of [
      ["a,b\n1,2\n", null],
      ["a,b\n1,2,3\n", "line 2"],
    ] as const) {
      const node = Readable.from(cut(text.repeat(50_000), 4000));
      let cancelled = false;
      const web = withoutIteration(
        new ReadableStream<string>({
          pull: (controller) => controller.enqueue(text),
          cancel: () => {
            cancelled = true;
          },
        }),
      );
      for (const source of [node, web]) {
        const reading = (async () => {
          for await (const _ of readCSV(source, { delimiter: "," })) break;
        })();
        if (expected === null) await reading;
        else await expect(reading).rejects.toThrow(expected);
      }
      expect(node.destroyed).toBe(true);
      expect(cancelled).toBe(true);
    }
  });

  it("hands on the error of its source", async () => {
    async function* source(): AsyncGenerator<string> {
      yield "a\n1\n";
      throw new Error("the line is dead");
    }
    await expect(readCSV(source()).rows()).rejects.toThrow("the line is dead");
    await expect(readCSV(createReadStream(join(folder, "none"))).rows()).rejects.toThrow("ENOENT");
  });

  it("gives a row as soon as its line has come", async () => {
    const waiting: string[] = ["a,b\n", "1,2\n3"];
    async function* source(): AsyncGenerator<string> {
      while (waiting.length > 0) yield waiting.shift()!;
      await new Promise(() => {});
    }
    const rows = readCSV(source(), { delimiter: "," })[Symbol.asyncIterator]();
    expect((await rows.next()).value).toEqual({ a: "1", b: "2" });
  });

  it("gives way to the event loop while it reads a long text", async () => {
    const text = `a,b\n${"some words,1\n".repeat(400_000)}`;
    let turns = 0;
    const timer = setInterval(() => turns++, 1);
    await readCSV(text).columns();
    clearInterval(timer);
    expect(turns).toBeGreaterThan(3);
  });

  it("replaces half a character at the end of text, as TextEncoder does", async () => {
    expect((await readCSV(["a\n1\ud83d", "\udc4d\n2\ud83d"]).columns()).x).toEqual({ a: ["1👍", "2\ufffd"] });
  });
});
