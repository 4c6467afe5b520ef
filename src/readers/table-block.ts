// Some rows of a table. Parsers make blocks, and the reader (table-reader.ts) turns them into rows or
// columns.

import type { Lines } from "./byte-lines.ts";

/** Some rows of a table. */
export interface TableBlock<Value> {
  /** Number of rows. */
  readonly size: number;
  /** The label of each row; null without the option `label`. */
  readonly labels: readonly Value[] | null;
  /** Makes the rows, with or without the label among their fields. */
  rows(withLabel: boolean): Record<string, Value>[];
  /** The columns by name, without the label; each has `size` values. */
  columns(): ReadonlyMap<string, readonly (Value | null)[]>;
}

/** Parses the lines of one source. */
export interface TableParser<Value> {
  /** Whether a carriage return alone ends a line. */
  readonly loneCR: boolean;
  /** Number of the line at which parsing goes on, from 1. */
  readonly line: number;
  /**
   * Parses whole lines.
   *
   * @param lines The lines.
   * @param ended Whether no more lines follow.
   * @returns Where parsing must go on: the end of the lines, or the start of a row that does not end in them.
   * @throws RangeError that names line and column. The rows before are parsed.
   */
  parse(lines: Lines, ended: boolean): number;
  /** Returns the rows that were parsed since the last call. */
  take(): TableBlock<Value>;
  /** Checks, behind the last row, what cannot be checked earlier. */
  finish(): void;
}
