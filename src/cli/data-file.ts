// A file of data as a command line names it: its format, and its bytes. "-" is standard input. A name that
// ends in ".gz" is compressed by gzip.

import { createReadStream } from "node:fs";
import type { Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import { checkName, UsageError } from "./arguments.ts";
import { messageOf } from "./files.ts";

/** How the rows of a file are written. */
export type Format = "csv" | "jsonl" | "libsvm";

const FORMATS = ["csv", "jsonl", "libsvm"] as const;

const ENDINGS: Readonly<Record<string, Format>> = {
  csv: "csv",
  tsv: "csv",
  jsonl: "jsonl",
  ndjson: "jsonl",
  libsvm: "libsvm",
  svm: "libsvm",
  txt: "libsvm",
};

/** A file of data. */
export interface DataFile {
  /** Its path; "-" for standard input. */
  readonly path: string;
  /** What messages call it. */
  readonly name: string;
  /** How its rows are written. */
  readonly format: Format;
  /** The character between cells; undefined: it is found out. */
  readonly delimiter: string | undefined;
}

/**
 * Finds the format of a file.
 *
 * @param path Path of the file, or "-".
 * @param given The option `--format`; undefined if it was not given.
 * @returns The file.
 * @throws UsageError if neither the ending nor the option says the format.
 */
export function dataFile(path: string, given: string | undefined): DataFile {
  const [, ending = ""] = /\.([a-z]+)(?:\.gz)?$/i.exec(path) ?? [];
  const known = Object.hasOwn(ENDINGS, ending.toLowerCase()) ? ENDINGS[ending.toLowerCase()] : undefined;
  const format = given === undefined ? known : checkName("format", given, FORMATS);
  const name = path === "-" ? "standard input" : path;
  if (format === undefined) {
    const why = path === "-" ? "its format is not known" : "the ending of its name says no format";
    throw new UsageError(`${name}: ${why}; say --format csv, --format jsonl or --format libsvm`);
  }
  const isTabbed = /\.tsv(\.gz)?$/i.test(path) && format === "csv";
  return { path, name, format, delimiter: isTabbed ? "\t" : undefined };
}

/**
 * Reads the bytes of a file.
 *
 * @param file The file.
 * @returns The bytes, decompressed, chunk by chunk.
 * @throws Error that names the file.
 */
export async function* bytesOf({ path, name }: DataFile): AsyncGenerator<Uint8Array, void> {
  const source: Readable = path === "-" ? process.stdin : createReadStream(path);
  let bytes = source;
  if (/\.gz$/i.test(path)) {
    const unzip = createGunzip();
    source.on("error", (error) => unzip.destroy(error));
    bytes = source.pipe(unzip);
  }
  try {
    yield* bytes as AsyncIterable<Uint8Array>;
  } catch (error) {
    throw new Error(`${name}: ${messageOf(error)}`);
  }
}
