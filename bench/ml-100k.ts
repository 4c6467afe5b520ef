// Reading MovieLens 100k as RecBole writes it: ml-100k.inter, .user and .item.

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** Whether the folder holds the data. */
export function isML100k(folder: string): boolean {
  return existsSync(join(folder, "ml-100k.inter"));
}

/** Rows of a tab-separated file with a header "name:type ...", by column name. */
export function readTable(folder: string, name: string): Record<string, string>[] {
  const [header, ...lines] = readFileSync(join(folder, name), "utf8")
    .split(/\r?\n/)
    .filter((line) => line !== "");
  const columns = header.split("\t").map((column) => column.split(":")[0]);
  return lines.map((line) => Object.fromEntries(line.split("\t").map((cell, i) => [columns[i], cell])));
}

/** Ages and years are classes of a few years each: taste does not go straight up or down with either. */
export function band(value: string, width: number): string | null {
  return Number.isFinite(Number(value)) && value !== ""
    ? `${Math.floor(Number(value) / width) * width}`
    : null;
}
