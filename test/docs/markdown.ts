// Reads the Markdown pages that tests check: code blocks, tables and links.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** Root of the repository, without a slash at the end. */
export const root: string = fileURLToPath(new URL("../..", import.meta.url)).replace(/[\\/]$/, "");

/** The pages that teach how to use the library: README.md and docs/*.md, as paths from the root. */
export const pages: readonly string[] = [
  "README.md",
  ...readdirSync(join(root, "docs"))
    .filter((name) => name.endsWith(".md"))
    .sort()
    .map((name) => `docs/${name}`),
];

/** A fenced code block. */
export interface Block {
  readonly page: string;
  /** Line of the page on which the code starts, from 1. */
  readonly line: number;
  readonly language: string;
  readonly code: string;
}

/** The text of a page, with LF at line ends. */
export function readPage(page: string): string {
  return readFileSync(join(root, page), "utf8").replaceAll("\r\n", "\n");
}

/** The fenced code blocks of a page, in order. */
export function blocksOf(page: string): Block[] {
  const text = readPage(page);
  return Array.from(text.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm), (match) => ({
    page,
    language: match[1],
    code: match[2],
    line: text.slice(0, match.index).split("\n").length + 1,
  }));
}

/** The text of a page without its code blocks and without HTML comments; lines keep their numbers. */
export function proseOf(page: string): string {
  return readPage(page).replace(/^```[\s\S]*?^```$|<!--[\s\S]*?-->/gm, (block) =>
    block.replace(/[^\n]/g, ""),
  );
}

/** A table behind a line `<!-- options: NAME -->`; its cells as they are written. */
export interface OptionTable {
  readonly page: string;
  /** What the options belong to, such as "NFMOptions" or "NFM.predict". */
  readonly name: string;
  readonly header: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** The tables of options of a page. */
export function optionTablesOf(page: string): OptionTable[] {
  return Array.from(
    readPage(page).matchAll(/^<!-- options: (.+) -->\n((?:\|.*\n?)+)/gm),
    ([, name, table]) => {
      const [header, , ...rows] = table.trimEnd().split("\n").map(cellsOf);
      return { page, name, header, rows };
    },
  );
}

/** The cells of a line of a table; `\|` is a bar inside a cell. */
function cellsOf(line: string): string[] {
  return line
    .replace(/^\||\|$/g, "")
    .split(/(?<!\\)\|/)
    .map((cell) => cell.trim().replaceAll("\\|", "|"));
}

/** The anchors that GitHub gives the headings of a page. */
export function anchorsOf(page: string): string[] {
  const seen = new Map<string, number>();
  return Array.from(proseOf(page).matchAll(/^#{1,6} (.+)$/gm), ([, heading]) => {
    const text = heading
      .replace(/\[([^\]]*)\]\([^)]*\)/g, "$1")
      .toLowerCase()
      .replace(/[^\p{L}\p{N}_ -]/gu, "")
      .replaceAll(" ", "-");
    const times = seen.get(text) ?? 0;
    seen.set(text, times + 1);
    return times === 0 ? text : `${text}-${times}`;
  });
}
