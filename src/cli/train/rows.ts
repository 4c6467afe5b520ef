// The rows that `train` and `evaluate` read: a table of named columns, or the sparse rows of a libSVM file.

import { createHash, type Hash } from "node:crypto";
import {
  type CSRMatrix,
  type FeatureMap,
  type IdsOption,
  parseLibSVM,
  type RowsOf,
  type SparseVector,
} from "../../index.ts";
import { bytesOf, type DataFile } from "../data-file.ts";
import { inFile } from "../files.ts";
import { noColumn, readTable, type TableColumns } from "../table.ts";

/** Columns by their names. */
export type NamedColumns = Readonly<Record<string, readonly unknown[]>>;

/** Labeled rows of one file. */
export interface FileRows {
  readonly file: DataFile;
  /** Number of rows, at least 1. */
  readonly size: number;
  /** The rows: columns of a table, or a matrix. */
  readonly x: NamedColumns | CSRMatrix;
  /** The labels, (rows): numbers if all are numbers, else texts. */
  readonly y: ArrayLike<number> | readonly string[];
  /** Group of each row, or the name of the column with it; undefined: no groups. */
  readonly groups: IdsOption | undefined;
  /** Identifies the content of the file. */
  readonly digest: string;
}

/** How to read a file. */
export interface ReadingOptions {
  /** For tables: which columns are no features. Null for libSVM files. */
  readonly columns: TableColumns | null;
  /** For tables: the column with the groups. */
  readonly groups: string | undefined;
  /** For libSVM files: whether indices count from 0. */
  readonly zeroBased: boolean;
}

/**
 * Reads a file.
 *
 * @param file The file.
 * @param options How to read it.
 * @returns The rows.
 * @throws Error that names the file, and line and column where there are any.
 */
export async function readFileRows(file: DataFile, options: ReadingOptions): Promise<FileRows> {
  const { columns, groups, zeroBased } = options;
  const hash = createHash("sha256");
  const rows =
    columns === null ? await readSparse(file, zeroBased, hash) : await readNamed(file, columns, groups, hash);
  return { ...rows, digest: hash.digest("hex") };
}

async function readSparse(file: DataFile, zeroBased: boolean, hash: Hash): Promise<Omit<FileRows, "digest">> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of bytesOf(file)) {
    hash.update(chunk);
    chunks.push(chunk);
  }
  try {
    const { x, y, groups } = parseLibSVM(Buffer.concat(chunks), { zeroBased });
    if (x.rows === 0) throw new Error("holds no rows");
    return { file, size: x.rows, x, y, groups };
  } catch (error) {
    throw new Error(inFile(file.name, error));
  }
}

async function readNamed(
  file: DataFile,
  columns: TableColumns,
  groups: string | undefined,
  hash: Hash,
): Promise<Omit<FileRows, "digest">> {
  const { x, y } = await readTable(file, columns, (bytes) => void hash.update(bytes));
  if (groups !== undefined && !Object.hasOwn(x, groups))
    throw new Error(noColumn(file, "--groups", groups, x));
  return { file, size: y.length, x, y, groups };
}

/** Rows as the methods of a model take them. */
export function asRows(x: FileRows["x"]): RowsOf<FeatureMap> {
  return x as RowsOf<FeatureMap>;
}

/** Says whether rows are columns with names. */
export function areNamed(x: FileRows["x"]): x is NamedColumns {
  return !("indptr" in x && x.indptr instanceof Uint32Array);
}

/**
 * Takes some rows.
 *
 * @param x The rows.
 * @param numbers Numbers of the rows to take.
 * @returns The rows in the order of `numbers`.
 */
export function takeRows(x: FileRows["x"], numbers: Uint32Array): FileRows["x"] {
  if (!areNamed(x)) return x.take(numbers);
  const taken = Object.entries(x).map(([name, column]): [string, unknown[]] => {
    return [name, Array.from(numbers, (row) => column[row])];
  });
  return Object.fromEntries(taken);
}

/**
 * Takes some rows one by one, as `explain` reads them.
 *
 * @param x The rows.
 * @param numbers Numbers of the rows to take.
 * @returns Feature maps without missing values, or sparse vectors.
 */
export function singleRows(x: FileRows["x"], numbers: readonly number[]): (FeatureMap | SparseVector)[] {
  return numbers.map((row) => {
    if (areNamed(x)) {
      const present = Object.entries(x).filter(([, column]) => column[row] !== null);
      return Object.fromEntries(present.map(([name, column]) => [name, column[row]])) as FeatureMap;
    }
    const [start, end] = [x.indptr[row], x.indptr[row + 1]];
    const indices = x.indices.subarray(start, end);
    return x.values === null ? { indices } : { indices, values: x.values.subarray(start, end) };
  });
}
