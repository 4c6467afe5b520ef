// What reading holds in memory: the heap is measured behind a garbage collection.

import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { describe, expect, it } from "vitest";
import { readCSV, readJSONL } from "../../src/readers.ts";
import { bytesOf, generator } from "./helpers.ts";

setFlagsFromString("--expose_gc");
const gc = runInNewContext("gc") as () => void;

/** Bytes in use. */
function held(): number {
  gc();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

const ROWS = 200_000;

/** A long table whose cells hardly repeat, in chunks of about 64 kB: 20 MB of CSV. */
function* table(write: (id: string, text: string) => string, header: string): Generator<string> {
  const below = generator(1);
  yield header;
  for (let row = 0; row < ROWS; ) {
    let chunk = "";
    for (const end = row + 640; row < end && row < ROWS; row++)
      chunk += write(
        `${row}-${below(2 ** 30)}`,
        `a text of about eighty characters, which holds the number ${below(2 ** 30)} é`,
      );
    yield chunk;
  }
}

const csv = (): Generator<string> => table((id, text) => `${id},"${text}",same\n`, "id,text,kind\n");
const jsonl = (): Generator<string> => table((id, text) => `${JSON.stringify({ id, text })}\n`, "");

describe("iterating over a reader", () => {
  it.each([
    ["readCSV", () => readCSV(csv(), { delimiter: "," })],
    ["readJSONL", () => readJSONL(jsonl())],
  ])("takes constant memory: %s", async (_, open) => {
    let count = 0;
    let early = 0;
    for await (const row of open()) {
      if (count === ROWS / 10) early = held();
      if (typeof row.id === "string") count++;
      if (count === ROWS - 1) expect(held() - early).toBeLessThan(2e6);
    }
    expect(count).toBe(ROWS);
  });

  it("does not keep the text of a chunk alive through a cell that is kept", async () => {
    const before = held();
    const kept: unknown[] = [];
    let count = 0;
    for await (const { id, text } of readCSV(csv(), { delimiter: "," }))
      if (count++ % 500 === 0) kept.push(id, text);
    expect(kept).toHaveLength(2 * (ROWS / 500));
    expect(held() - before).toBeLessThan(3e6);
  });
});

describe("columns", () => {
  it("hold a string once that repeats often, and no text of the file", async () => {
    const below = generator(2);
    const rows = Array.from(
      { length: 150_000 },
      () => `category ${below(2000)},a longer name of a category ${below(300)}\n`,
    );
    const bytes = bytesOf(`a,b\n${rows.join("")}`);
    rows.length = 0;
    const before = held();
    const { x } = await readCSV(bytes).columns();
    // 8 bytes per cell, and few strings.
    expect(held() - before).toBeLessThan(8 * 2 * 150_000 + 1e6);
    expect(x.a).toHaveLength(150_000);
    expect(bytes.length).toBeGreaterThan(5e6);
  });
});
