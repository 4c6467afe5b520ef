// The rows that the benchmarks of training use: Frappe, or generated rows of the same shape.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { CSRMatrix, parseLibSVM } from "../src/index.ts";

/**
 * Reads or makes rows.
 *
 * @param folder Folder with train.libfm; undefined: rows are generated.
 * @returns The rows and their labels.
 */
export function frappeRows(folder: string | undefined): { x: CSRMatrix; y: Float32Array } {
  if (folder) return parseLibSVM(readFileSync(join(folder, "train.libfm")));
  let state = 1;
  const next = (n: number): number => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) % n;
  const widths = [957, 4082, 7, 7, 2, 3, 9, 4, 80, 233]; // the fields of Frappe
  const offsets = widths.map((_, i) => widths.slice(0, i).reduce((sum, w) => sum + w, 0));
  const rows = Array.from({ length: 202027 }, () => ({
    indices: widths.map((width, i) => offsets[i] + next(width)),
  }));
  return { x: CSRMatrix.fromRows(rows, 5384), y: Float32Array.from(rows, () => (next(3) === 0 ? 1 : -1)) };
}
