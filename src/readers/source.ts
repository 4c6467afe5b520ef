// Turns what users pass as a source into pieces of UTF-8 bytes: text, bytes, a Blob, a web stream, a Node
// stream, any iterable of text or bytes, or a function that opens one of them. Long pieces are cut, so that
// work on one piece stays short.

import { chunksOf } from "../core/chunks.ts";
import { wrongType } from "../core/errors.ts";

/**
 * What a table can be read from: its content, or a function that opens it each time the table is read. Text
 * and bytes are the content itself, never the path of a file.
 */
export type TableSource = TableContent | (() => TableContent | Promise<TableContent>);

/** The content of a table. */
export type TableContent =
  | string
  | Uint8Array
  | ArrayBuffer
  | Blob
  | ReadableStream<Uint8Array | string>
  | AsyncIterable<Uint8Array | string>
  | Iterable<Uint8Array | string>;

/** Most bytes of a piece, and most characters of a piece of text. */
const PIECE = 65536;

/** A checked source. */
export interface Source {
  /** Whether it can be read more than once. A stream cannot. */
  readonly repeatable: boolean;
  /** Opens it. The pieces may share memory with the source, and each is valid until the next is asked for. */
  open(): AsyncGenerator<Uint8Array, void, undefined>;
}

/**
 * Checks a source.
 *
 * @param place Name of the function that reads, for errors.
 * @param source What the user passed.
 * @returns The source, which is not opened yet.
 * @throws TypeError if it is no source; RangeError for text that is a path.
 */
export function readSource(place: string, source: unknown): Source {
  if (typeof source === "function")
    return { repeatable: true, open: () => opened(place, source as () => unknown) };
  if (typeof source === "string") {
    refusePath(place, source);
    return { repeatable: true, open: () => pieces(place, [source]) };
  }
  if (isBytes(source)) return { repeatable: true, open: () => pieces(place, [source]) };
  const blob = source as Blob | null | undefined;
  if (typeof blob?.stream === "function")
    return { repeatable: true, open: () => pieces(place, chunksOf(blob.stream())) };
  const stream = source as ReadableStream<unknown> & AsyncIterable<unknown> & Iterable<unknown>;
  if (typeof stream?.[Symbol.asyncIterator] === "function" || typeof stream?.[Symbol.iterator] === "function")
    return { repeatable: Array.isArray(source), open: () => pieces(place, stream) };
  if (typeof stream?.getReader === "function")
    return { repeatable: false, open: () => pieces(place, chunksOf(stream)) };
  const expected =
    "text, bytes, a Blob, a stream, an iterable of text or bytes, or a function that opens one";
  const isResponse =
    typeof (source as Response | null)?.arrayBuffer === "function" && "body" in (source as object);
  throw wrongType(`${place}: source`, isResponse ? `${expected} (pass response.body)` : expected, source);
}

/**
 * Refuses text that is the path or the address of a file. A table with rows has a line break or no such end.
 */
function refusePath(place: string, text: string): void {
  const isPath = /^[^\r\n,;|\t"{]*\.(csv|tsv|txt|jsonl?|ndjson)(\.gz)?$/i.test(text);
  const isAddress = /^(https?|file):\/\/[^\s"{]+$/i.test(text);
  if (!isPath && !isAddress) return;
  throw new RangeError(
    `${place}: source must be the text of a table, got the ${isPath ? "path" : "address"} ` +
      `${JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text)}; pass a stream: ` +
      (isAddress ? "(await fetch(address)).body" : "createReadStream(path)"),
  );
}

/** The pieces of what a function opens. */
async function* opened(place: string, open: () => unknown): AsyncGenerator<Uint8Array, void, undefined> {
  const content = await open();
  if (typeof content === "function")
    throw wrongType(`${place}: the result of source()`, "text or a stream", content);
  yield* readSource(place, content).open();
}

/** Says whether a value is bytes. Unlike `instanceof`, it knows objects of other frames. */
function isBytes(value: unknown): value is Uint8Array | ArrayBuffer {
  return /^\[object (Uint8Array|ArrayBuffer)\]$/.test(Object.prototype.toString.call(value));
}

/** The chunks of a source as pieces of bytes. */
async function* pieces(
  place: string,
  source: AsyncIterable<unknown> | Iterable<unknown>,
): AsyncGenerator<Uint8Array, void, undefined> {
  const encoder = new TextEncoder();
  let half = ""; // the first half of a character that two chunks of text share
  for await (const chunk of source) {
    if (typeof chunk === "string") {
      const text = half + chunk;
      half = "";
      for (let start = 0; start < text.length; ) {
        let end = Math.min(start + PIECE, text.length);
        if (isHighSurrogate(text.charCodeAt(end - 1))) end--;
        if (end === start) {
          half = text.slice(start);
          break;
        }
        yield encoder.encode(text.slice(start, end));
        start = end;
      }
      continue;
    }
    if (!isBytes(chunk)) throw wrongType(`${place}: a chunk of source`, "text or bytes", chunk);
    if (half !== "") yield encoder.encode(half);
    half = "";
    const bytes = ArrayBuffer.isView(chunk) ? chunk : new Uint8Array(chunk);
    for (let start = 0; start < bytes.length; start += PIECE) yield bytes.subarray(start, start + PIECE);
  }
  if (half !== "") yield encoder.encode(half);
}

function isHighSurrogate(code: number): boolean {
  return (code & 0xfc00) === 0xd800;
}
