// Reads the rows of a CSV file or of JSON lines as columns, with the labels apart.

import { readCSV, readJSONL, type TableReader } from "../readers.ts";
import { bytesOf, type DataFile } from "./data-file.ts";
import { messageOf } from "./files.ts";

/** The column that holds labels, and those that are not used. A model file remembers them. */
export interface TableColumns {
  /** Name of the column with the labels. */
  readonly label: string;
  /** Names of the columns that are no features. */
  readonly ignored: readonly string[];
}

/** Rows with labels. */
export interface LabeledTable {
  /** The columns by name, without the label; a missing value is null. */
  readonly x: Record<string, unknown[]>;
  /** The labels, (rows): numbers if all of them are finite numbers, else texts. */
  readonly y: Float64Array | string[];
}

/**
 * Reads a whole table.
 *
 * @param file The file.
 * @param columns Which column is the label, and which are left out.
 * @param hear Receives the bytes as they are read. Default: nobody does.
 * @returns The rows.
 * @throws Error that names file, line and column.
 */
export async function readTable(
  file: DataFile,
  { label, ignored }: TableColumns,
  hear?: (bytes: Uint8Array) => void,
): Promise<LabeledTable> {
  try {
    const { x, y } = await readerOf(file, () => heard(file, hear), label).columns();
    for (const name of ignored) {
      if (!Object.hasOwn(x, name)) throw new Error(noColumn(file, "--ignore", name, x));
      delete x[name];
    }
    if (y!.length === 0) throw new Error(`${file.name}: holds no rows`);
    if (Object.keys(x).length === 0) throw new Error(`${file.name}: has no column besides the label`);
    return { x, y: y! };
  } catch (error) {
    throw inTable(file, error);
  }
}

/**
 * Makes a function that reads a whole table, block by block, each time it is called.
 *
 * @param file The file.
 * @param columns Which column is the label, and which are left out.
 * @param hear Receives the bytes as they are read.
 * @returns Opens the table.
 * @throws Error that names file, line and column.
 */
export function tableBlocks(
  file: DataFile,
  { label, ignored }: TableColumns,
  hear: (bytes: Uint8Array) => void,
): () => AsyncGenerator<LabeledTable, void> {
  // One reader for all readings remembers the columns, and whether labels are texts.
  const reader = readerOf(file, () => heard(file, hear), label);
  const names: Record<string, true> = {};
  return async function* () {
    try {
      for await (const { x, y } of reader.blocks()) {
        for (const name of Object.keys(x)) names[name] = true;
        for (const name of ignored) delete x[name];
        yield { x, y: y! };
      }
      const missing = ignored.find((name) => !Object.hasOwn(names, name));
      if (missing !== undefined) throw new Error(noColumn(file, "--ignore", missing, names));
    } catch (error) {
      throw inTable(file, error);
    }
  };
}

/** Says that a file has no column of a name, and which it has. */
export function noColumn(file: DataFile, option: string, name: string, x: object): string {
  const names = Object.keys(x).slice(0, 30).join(", ");
  return `${file.name}: ${option} names the column ${JSON.stringify(name)}, which is not there; there are ${names}`;
}

/**
 * Makes the error of a reader one of a file: "readCSV: line 3, column 2 ("age"), row 2: ..." becomes
 * "ratings.csv:3: column 2 ("age"), row 2: ...".
 *
 * @param file The file.
 * @param error What was thrown.
 * @param lineOf Turns the number of a line of the reader into one of the file. Default: the same.
 * @returns The error to throw.
 */
export function inTable(
  { name }: DataFile,
  error: unknown,
  lineOf: (line: number) => number = (line) => line,
): Error {
  const message = messageOf(error);
  if (message.startsWith(name)) return error as Error;
  const plain = message
    .replace(/^read(CSV|JSONL): /, "")
    .replace(/option select/, "option --ignore")
    .replace(/^label must name a column/, "--label must name a column");
  const [, line, rest] = /^line (\d+)[,:]? ?(.*)$/s.exec(plain) ?? [];
  if (line === undefined) return new Error(`${name}: ${plain}`);
  const [, column, behind] = /^column (\d+)(.*)$/s.exec(rest) ?? [];
  const at = `${name}:${lineOf(Number(line))}`;
  return new Error(column === undefined ? `${at}: ${rest}` : `${at}:${column}: column ${column}${behind}`);
}

function readerOf(
  file: DataFile,
  open: () => AsyncIterable<Uint8Array>,
  label: string,
): TableReader<unknown> {
  if (file.format === "jsonl") return readJSONL(open, { label });
  return readCSV(open, { label, delimiter: file.delimiter });
}

/** The bytes of a file. `hear` receives each chunk first. */
export async function* heard(
  file: DataFile,
  hear?: (bytes: Uint8Array) => void,
): AsyncGenerator<Uint8Array, void> {
  for await (const chunk of bytesOf(file)) {
    hear?.(chunk);
    yield chunk;
  }
}
