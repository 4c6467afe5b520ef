// Model files as streams, so that a large file is never in memory beside the model. Reading fills the tensors
// of the model chunk by chunk. Writing copies them chunk by chunk.

import { chunksOf } from "../core/chunks.ts";
import { tagOf, wrongType } from "../core/errors.ts";
import { packedChunks, placeRows, type Tensor } from "../core/tensor.ts";
import { checkModelFile, checkVariances, type ModelFile } from "./model-file.ts";
import type { Parameters } from "./parameters.ts";
import {
  checkFinite,
  type Entry,
  headerLength,
  parseHeader,
  type TensorShape,
  writeHeader,
} from "./safetensors.ts";

/** A file that is read piece by piece: a web stream, a Node stream, a Blob, or any iterable of bytes. */
export type ModelStream =
  | ReadableStream<Uint8Array>
  | AsyncIterable<Uint8Array>
  | Iterable<Uint8Array>
  | Blob;

/** Where a tensor of a file goes. */
export interface Target {
  readonly tensor: Tensor;
  /** Whether the tensor is the transpose of the matrix in the file. */
  readonly transposed: boolean;
}

/** Checks numbers of a tensor, the first of which is its element `first`. Throws an error that names one. */
export type CheckNumbers = (name: string, data: Float32Array, first: number) => void;

/** A file whose header has been read. */
export interface OpenModelFile {
  /** The file; its tensors have shapes and no numbers. */
  readonly file: ModelFile;
  /**
   * Reads the rest of the file.
   *
   * @param targets Where the tensors go, by name. Others are checked and let go.
   * @param check Checks the numbers.
   * @returns The bytes of the file by name.
   * @throws Error that names the tensor. What has been filled so far is of no use.
   */
  fill(targets: ReadonlyMap<string, Target>, check: CheckNumbers): Promise<Map<string, Uint8Array>>;
}

/** Floats of a piece of a tensor. */
const PIECE = 2 ** 16;

/** Checks that numbers are finite, and that variances are at least 0. */
export const checkNumbers: CheckNumbers = (name, data, first) => {
  checkFinite(name, data, first);
  if (name.endsWith(".running_var")) checkVariances(name, data, first);
};

/**
 * Lists where the parameters of a model file go.
 *
 * @param parameters The parameters.
 * @returns The targets by name.
 */
export function targetsOf(parameters: Parameters): Map<string, Target> {
  return new Map(parameters.all.map(({ name, value, transposed }) => [name, { tensor: value, transposed }]));
}

/**
 * Reads the header of a file and checks its form.
 *
 * @param source What the user passed.
 * @returns The file, whose numbers have not been read.
 * @throws Error, TypeError or RangeError that says what is wrong with the file.
 */
export async function openModelStream(source: unknown): Promise<OpenModelFile> {
  const input = new Input(piecesOf(source));
  try {
    const length = headerLength(await input.take(8), null);
    const { metadata, entries } = parseHeader(await input.take(length));
    const tensors = new Map(
      entries
        .filter(({ kind }) => kind === "tensor")
        .map(({ name, shape }) => [name, { shape, data: new Float32Array(0) }]),
    );
    const counters = new Set(entries.filter(({ kind }) => kind === "counter").map(({ name }) => name));
    const file = checkModelFile({ metadata, tensors, counters });
    return { file, fill: (targets, check) => fill(input, entries, targets, check) };
  } catch (error) {
    await input.close();
    throw error;
  }
}

async function fill(
  input: Input,
  entries: readonly Entry[],
  targets: ReadonlyMap<string, Target>,
  check: CheckNumbers,
): Promise<Map<string, Uint8Array>> {
  const blobs = new Map<string, Uint8Array>();
  try {
    for (const { name, kind, shape, start, end } of entries) {
      if (kind !== "tensor") {
        const bytes = await input.take(end - start);
        if (kind === "blob") blobs.set(name, bytes);
        continue;
      }
      const sink = sinkOf(name, shape, targets.get(name) ?? null, check);
      for (let left = end - start; left > 0; ) {
        const piece = await input.next(left);
        sink(piece);
        left -= piece.length;
      }
    }
    await input.requireEnd();
  } finally {
    await input.close();
  }
  return blobs;
}

/** Makes the function that takes the bytes of a tensor, piece by piece. */
function sinkOf(
  name: string,
  shape: readonly number[],
  target: Target | null,
  check: CheckNumbers,
): (bytes: Uint8Array) => void {
  const size = shape.reduce((product, n) => product * n, 1);
  const cols = target?.tensor.cols ?? 1;
  // Pieces end with a row. A transposed matrix is small, and comes whole.
  const length = target?.transposed ? size : Math.min(size, Math.max(1, Math.floor(PIECE / cols)) * cols);
  const piece = new Float32Array(length);
  const bytes = new Uint8Array(piece.buffer);
  let filled = 0;
  let first = 0;
  return (more) => {
    for (let at = 0; at < more.length; ) {
      const end = Math.min(bytes.length, 4 * (size - first));
      const count = Math.min(more.length - at, end - filled);
      bytes.set(more.subarray(at, at + count), filled);
      at += count;
      filled += count;
      if (filled < end) continue;
      const numbers = piece.subarray(0, end / 4);
      check(name, numbers, first);
      if (target !== null) placeRows(target.tensor, numbers, first / cols, target.transposed);
      first += numbers.length;
      filled = 0;
    }
  };
}

/** Takes bytes from pieces of any length. */
class Input {
  readonly #pieces: AsyncIterator<Uint8Array>;
  #piece: Uint8Array = new Uint8Array(0);
  #taken = 0;

  constructor(pieces: AsyncIterable<Uint8Array>) {
    this.#pieces = pieces[Symbol.asyncIterator]();
  }

  /** The next bytes: at least one, and at most `most`. */
  async next(most: number): Promise<Uint8Array> {
    while (this.#piece.length === 0) {
      const { done, value } = await this.#pieces.next();
      if (done) throw new Error(`load: the file ends after ${this.#taken} bytes; it is cut off`);
      this.#piece = value;
    }
    const bytes = this.#piece.subarray(0, most);
    this.#piece = this.#piece.subarray(bytes.length);
    this.#taken += bytes.length;
    return bytes;
  }

  /** The next `count` bytes, as a copy. */
  async take(count: number): Promise<Uint8Array> {
    const bytes = new Uint8Array(count);
    for (let at = 0; at < count; ) {
      const piece = await this.next(count - at);
      bytes.set(piece, at);
      at += piece.length;
    }
    return bytes;
  }

  async requireEnd(): Promise<void> {
    let piece = this.#piece;
    while (piece.length === 0) {
      const { done, value } = await this.#pieces.next();
      if (done) return;
      piece = value;
    }
    throw new Error(`load: the tensors end after ${this.#taken} bytes, but the file has more`);
  }

  /** Stops reading. */
  async close(): Promise<void> {
    await this.#pieces.return?.();
  }
}

async function* piecesOf(source: unknown): AsyncGenerator<Uint8Array, void> {
  const given = (source ?? {}) as Partial<Blob & AsyncIterable<unknown> & Iterable<unknown>>;
  const stream = typeof given.stream === "function" ? given.stream() : given;
  const isIterable =
    typeof stream === "object" && (Symbol.asyncIterator in stream || Symbol.iterator in stream);
  const isStream = typeof (stream as ReadableStream).getReader === "function";
  if (tagOf(source) === "Uint8Array" || !(isIterable || isStream)) {
    const isResponse = typeof given.arrayBuffer === "function" && "body" in given;
    const remedy = isResponse ? " (pass response.body)" : " (for bytes, use load)";
    throw wrongType("loadStream: stream", `a stream, a Blob or an iterable of bytes${remedy}`, source);
  }
  const chunks = isIterable ? stream : chunksOf(stream as ReadableStream<unknown>);
  for await (const chunk of chunks as AsyncIterable<unknown>) {
    if (tagOf(chunk) === "Uint8Array") yield chunk as Uint8Array;
    else throw wrongType("loadStream: a chunk of the stream", "a Uint8Array", chunk);
  }
}

/** A tensor of a model, and how it stands in the file. */
export interface SavedTensor extends TensorShape {
  readonly tensor: Tensor;
  readonly transposed: boolean;
}

/** The contents of a model file. */
export interface ModelContents {
  readonly metadata: ReadonlyMap<string, string>;
  readonly tensors: ReadonlyMap<string, SavedTensor>;
  readonly blobs: ReadonlyMap<string, Uint8Array>;
}

/**
 * Writes a model file as a stream.
 *
 * @param contents What the file holds.
 * @param parameters The parameters of the model. If they change meanwhile, the stream ends with an error.
 * @returns The bytes of the file.
 */
export function modelToStream(contents: ModelContents, parameters: Parameters): ReadableStream<Uint8Array> {
  const { version } = parameters;
  const chunks = chunksOfFile(contents);
  return new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        if (parameters.version !== version) {
          const remedy = "wait until the stream has ended before you train on, or use save";
          throw new Error(`saveStream: the model has changed while it was written; ${remedy}`);
        }
        const { done, value } = chunks.next();
        if (done) controller.close();
        else controller.enqueue(value);
      },
    },
    { highWaterMark: 1 },
  );
}

function* chunksOfFile({ metadata, tensors, blobs }: ModelContents): Generator<Uint8Array, void> {
  yield writeHeader(metadata, tensors, blobs);
  for (const { tensor, transposed } of tensors.values()) {
    for (const { buffer, byteOffset, byteLength } of packedChunks(tensor, transposed, PIECE))
      yield new Uint8Array(buffer, byteOffset, byteLength);
  }
  yield* blobs.values();
}
