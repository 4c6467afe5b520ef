// Generated CSV files, valid and broken, beside papaparse. The two differ on purpose in these points:
// - papaparse gives "" for an empty cell; the reader gives null if it has no quotes.
// - papaparse skips spaces behind a closing quote; the reader refuses them, as RFC 4180 does.
// - papaparse takes a quote behind spaces (`a, "b"`) for text; the reader refuses it, because the cell would be
//   cut at the delimiters within the quotes.
// - papaparse collects errors and goes on; the reader throws the first.

import Papa from "papaparse";
import { describe, expect, it } from "vitest";
import { readCSV } from "../../src/readers.ts";
import { bytesOf, chunksOf, collect, generator } from "./helpers.ts";

const BREAKS = ["\n", "\r\n", "\r"] as const;
const PARTS = [
  "a",
  "bc",
  "7",
  "1.5",
  "\n",
  "\r\n",
  "\r",
  '"',
  ",",
  ";",
  "\t",
  "|",
  "é",
  "界",
  "👍",
  "twelve bytes and more",
  "'",
];

interface Table {
  readonly text: string;
  readonly delimiter: string;
  readonly newline: (typeof BREAKS)[number];
  /** The cells of all records but the first, which holds the names. */
  readonly cells: readonly (readonly (string | null)[])[];
  readonly names: readonly string[];
}

function randomCell(below: (n: number) => number): string | null {
  const count = below(5);
  return count === 0
    ? below(2)
      ? ""
      : null
    : Array.from({ length: count }, () => PARTS[below(PARTS.length)]).join("");
}

function randomTable(seed: number): Table {
  const below = generator(seed);
  const delimiter = [",", ";", "\t", "|"][below(4)];
  const newline = BREAKS[below(3)];
  const width = 2 + below(4);
  const write = (cell: string | null): string => {
    if (cell === null) return "";
    const needsQuotes = cell === "" || /["\r\n]/.test(cell) || cell.includes(delimiter);
    return needsQuotes || below(4) === 0 ? `"${cell.replaceAll('"', '""')}"` : cell;
  };
  const names = Array.from({ length: width }, (_, i) => `${i}${(randomCell(below) ?? "").trim()}`);
  const cells = Array.from({ length: below(12) }, () => names.map(() => randomCell(below)));
  const lines = [names, ...cells].map((record) => record.map(write).join(delimiter));
  const blank = (): string => (below(8) === 0 ? newline : "");
  const text = (below(4) ? "" : "\ufeff") + lines.map((line) => line + newline + blank()).join("");
  return { text: below(3) ? text : text.replace(/[\r\n]+$/, ""), delimiter, newline, cells, names };
}

/** The records of a table in which every missing cell is an empty string, as papaparse gives them. */
const withoutNulls = (records: readonly (readonly (string | null)[])[]): string[][] =>
  records.map((record) => record.map((cell) => cell ?? ""));

describe("readCSV and papaparse", () => {
  it("read the same cells of valid files, however the bytes are cut", async () => {
    for (let seed = 1; seed <= 250; seed++) {
      const { text, delimiter, newline, cells, names } = randomTable(seed);
      const parsed = Papa.parse<string[]>(text.replace(/^\ufeff/, ""), {
        delimiter,
        newline,
        skipEmptyLines: true,
      });
      const [header, ...records] = parsed.data;
      const bytes = bytesOf(text);
      const below = generator(seed + 1000);
      for (const size of [() => 1, () => 2, () => 1 + below(9), () => bytes.length]) {
        const { x } = await readCSV(chunksOf(bytes, size), { delimiter }).columns();
        const read = cells.map((_, row) => names.map((name) => x[name][row]));
        expect(read, JSON.stringify(text)).toEqual(cells);
        expect(Object.values(x).every((column) => column.length === cells.length)).toBe(true);
        expect(parsed.errors).toEqual([]);
        expect([header, ...withoutNulls(read)]).toEqual([names, ...records]);
      }
    }
  });

  it("read the same cells at every size of chunks", async () => {
    const { text, delimiter, cells, names } = randomTable(77);
    const bytes = bytesOf(text);
    expect(cells.length).toBeGreaterThan(3);
    for (let size = 1; size <= bytes.length; size++) {
      const rows = await collect(
        readCSV(
          chunksOf(bytes, () => size),
          { delimiter },
        ),
      );
      expect(rows.map((row) => names.map((name) => row[name]))).toEqual(cells);
    }
  });

  it("agree on the delimiter of tables of words and numbers", async () => {
    for (let seed = 1; seed <= 60; seed++) {
      const below = generator(seed);
      const delimiter = [",", ";", "\t", "|"][below(4)];
      const width = 2 + below(4);
      const record = (): string =>
        Array.from({ length: width }, () => ["word", "3.5", '"x, y"', ""][below(4)]).join(delimiter);
      const names = Array.from({ length: width }, (_, i) => `name${i}`);
      const text = [names.join(delimiter), ...Array.from({ length: 12 }, record)].join("\n");
      expect(Papa.parse(text).meta.delimiter).toBe(delimiter);
      expect(Object.keys((await readCSV(text).columns()).x)).toEqual(names);
    }
  });
});

/** What papaparse finds: the line on which the first bad record ends, from 1; null if it reports no error. */
function firstBadLine(text: string, delimiter: string): number | null {
  let line: number | null = null;
  Papa.parse(text, {
    delimiter,
    newline: "\n",
    header: true,
    skipEmptyLines: true,
    step: ({ errors, meta }) => {
      if (errors.length === 0 || line !== null) return;
      line = text.slice(0, meta.cursor).replace(/\n$/, "").split("\n").length;
    },
  });
  return line;
}

describe("readCSV, on broken files", () => {
  it("throws where papaparse reports an error, with its line, and otherwise reads the same", async () => {
    const seen = { count: 0, quotes: 0, spaces: 0, none: 0 };
    for (let seed = 1; seed <= 1500; seed++) {
      const below = generator(seed);
      const record = (): string =>
        Array.from({ length: 3 }, () => ["a", "", '"b"', '"c\nd"', '"e,""f"', "g h", "7"][below(7)]).join(
          ",",
        );
      const body = Array.from({ length: 1 + below(6) }, record).join("\n") + "\n";
      const at = below(body.length);
      const inserted = ['"', ",", "\n", " ", "x", ""][below(6)];
      const text = `p,q,r\n${body.slice(0, at)}${inserted}${body.slice(at + (inserted === "" ? 1 : 0))}`;
      const line = firstBadLine(text, ",");
      const reading = readCSV(
        chunksOf(text, () => 1 + below(20)),
        { delimiter: "," },
      ).rows();
      const [x, error] = await reading.then(
        (table) => [table.x, null] as const,
        (reason: unknown) => [null, reason as RangeError] as const,
      );
      if (error === null) {
        expect(line, JSON.stringify(text)).toBe(null);
        const { data } = Papa.parse<Record<string, string>>(text, {
          delimiter: ",",
          header: true,
          skipEmptyLines: true,
        });
        expect(withoutNulls(x!.map((row) => Object.values(row)))).toEqual(
          data.map((row) => Object.values(row)),
        );
        seen.none++;
        continue;
      }
      expect(error).toBeInstanceOf(RangeError);
      const [, named] = /^readCSV: line (\d+), column \d+/.exec(error.message)!;
      if (line === null) {
        expect(text, error.message).toMatch(/" +[,\n]|(^|[,\n]) +"/);
        seen.spaces++;
      } else if (/expected \d+ cells/.test(error.message)) {
        expect(Number(named), JSON.stringify(text)).toBe(line);
        seen.count++;
      } else {
        // papaparse reads on to find the end of a malformed cell; the reader names the line of the bad quote.
        expect(Number(named), JSON.stringify(text)).toBeLessThanOrEqual(line);
        seen.quotes++;
      }
    }
    expect(Math.min(...Object.values(seen)), JSON.stringify(seen)).toBeGreaterThan(10);
  });
});
