// Reads and writes the safetensors format (https://github.com/huggingface/safetensors#format): 8 bytes with
// the little-endian length of the header, a JSON header padded with spaces, then the raw little-endian data
// of the tensors. The reader checks every part of a file, because files may come from anywhere.

import { describe } from "../core/errors.ts";
import { allFinite } from "../core/tensor.ts";

/** A float32 tensor of a file. */
export interface FileTensor {
  /** Size of each dimension. */
  readonly shape: readonly number[];
  /** The elements, row by row without padding. */
  readonly data: Float32Array;
}

/** The contents of a file. */
export interface SafetensorsFile {
  /** The strings of __metadata__ by name. */
  readonly metadata: ReadonlyMap<string, string>;
  /** The tensors by name. */
  readonly tensors: ReadonlyMap<string, FileTensor>;
  /** Bytes by name, as tensors of the type U8 behind the others. Default: none. */
  readonly blobs?: ReadonlyMap<string, Uint8Array>;
}

/** What `readSafetensors` finds. */
export interface ReadSafetensors extends SafetensorsFile {
  /** The names of PyTorch's counters. Their values are not read. */
  readonly counters: ReadonlySet<string>;
}

/**
 * The last part of the name of a counter: PyTorch's batch norm counts its training steps in an I64 scalar.
 */
export const COUNTER = ".num_batches_tracked";

/** The start of the names of bytes. They belong to a recommender, and a model does not read them. */
export const BLOB = "recommender.";

/** Largest size of the header in bytes. It is the limit of the reference implementation. */
const MAX_HEADER = 100_000_000;

/**
 * Writes a file. The header is padded so that the data start on an 8-byte boundary.
 *
 * @param file The contents.
 * @returns The bytes of the file.
 * @throws RangeError if the header is larger than the format allows.
 */
export function writeSafetensors({ metadata, tensors, blobs = new Map() }: SafetensorsFile): Uint8Array {
  const header = writeHeader(metadata, tensors, blobs);
  const parts = [
    header,
    ...Array.from(tensors.values(), ({ data }) => {
      return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    }),
    ...blobs.values(),
  ];
  const bytes = new Uint8Array(parts.reduce((size, { length }) => size + length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** The shape of a tensor of a file. */
export interface TensorShape {
  /** Size of each dimension. */
  readonly shape: readonly number[];
}

/**
 * Writes the start of a file, up to the numbers of its tensors.
 *
 * @param metadata The strings of __metadata__ by name.
 * @param tensors The tensors by name.
 * @param blobs The bytes behind them, by name.
 * @returns The length of the header and the header, padded so that the data start on an 8-byte boundary.
 * @throws RangeError if the header is larger than the format allows.
 */
export function writeHeader(
  metadata: ReadonlyMap<string, string>,
  tensors: ReadonlyMap<string, TensorShape>,
  blobs: ReadonlyMap<string, Uint8Array>,
): Uint8Array {
  const header: Record<string, unknown> = { __metadata__: Object.fromEntries(metadata) };
  let end = 0;
  for (const [name, { shape }] of tensors) {
    const start = end;
    end += shape.reduce((product, n) => product * n, 4);
    header[name] = { dtype: "F32", shape, data_offsets: [start, end] };
  }
  for (const [name, { length }] of blobs) {
    header[name] = { dtype: "U8", shape: [length], data_offsets: [end, end + length] };
    end += length;
  }
  const json = new TextEncoder().encode(JSON.stringify(header));
  const start = 8 + Math.ceil(json.length / 8) * 8;
  if (start > MAX_HEADER)
    throw new RangeError(
      `save: the header with the vocabulary would have ${start} bytes, ` +
        `and the format allows ${MAX_HEADER}; use a hashing encoder`,
    );
  const bytes = new Uint8Array(start);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(start - 8), true);
  bytes.fill(0x20, 8);
  bytes.set(json, 8);
  return bytes;
}

/**
 * Reads a file of float32 tensors. The file may also have PyTorch's counters, which are not float32.
 *
 * @param bytes The file.
 * @param check Whether the numbers are checked to be finite. Default: true.
 * @returns The contents. The tensors may be views of the file.
 * @throws Error that says what is wrong with the file and where.
 */
export function readSafetensors(bytes: Uint8Array, check: boolean = true): ReadSafetensors {
  const { metadata, entries, dataStart } = readHeader(bytes);
  const tensors = new Map<string, FileTensor>();
  const counters = new Set<string>();
  for (const { name, kind, shape, start, end } of entries) {
    if (kind === "counter") counters.add(name);
    if (kind !== "tensor") continue;
    const data = floatsOf(bytes.subarray(dataStart + start, dataStart + end));
    if (check) checkFinite(name, data, 0);
    tensors.set(name, { shape, data });
  }
  return { metadata, tensors, counters };
}

/**
 * Checks that numbers of a tensor are finite.
 *
 * @param name The tensor.
 * @param data The numbers.
 * @param first Position of the first one in the tensor.
 * @throws Error that names tensor and position.
 */
export function checkFinite(name: string, data: Float32Array, first: number): void {
  if (allFinite(data)) return;
  const i = data.findIndex((value) => !Number.isFinite(value));
  throw new Error(`load: tensor "${name}"[${first + i}] must be finite, got ${data[i]}`);
}

/** Views bytes as floats. They are copied only if no float may start at their address. */
function floatsOf(bytes: Uint8Array): Float32Array {
  const { buffer, byteOffset, byteLength } = bytes.byteOffset % 4 > 0 ? bytes.slice() : bytes;
  return new Float32Array(buffer, byteOffset, byteLength / 4);
}

/**
 * Reads the strings and the bytes of a file, and not its tensors.
 *
 * @param bytes The file.
 * @returns The metadata, and views of the bytes by name.
 * @throws Error that says what is wrong with the file and where.
 */
export function readBlobs(bytes: Uint8Array): Required<Pick<SafetensorsFile, "metadata" | "blobs">> {
  const { metadata, entries, dataStart } = readHeader(bytes);
  const blobs = entries
    .filter(({ kind }) => kind === "blob")
    .map(({ name, start, end }) => [name, bytes.subarray(dataStart + start, dataStart + end)] as const);
  return { metadata, blobs: new Map(blobs) };
}

/** An entry of the header. */
export interface Entry {
  readonly name: string;
  readonly kind: "tensor" | "counter" | "blob";
  readonly shape: readonly number[];
  /** Position in the data, and the position behind it. */
  readonly start: number;
  readonly end: number;
}

/** The header of a file. */
interface Header {
  readonly metadata: Map<string, string>;
  /** The entries in the order of their data, which follow each other without gaps. */
  readonly entries: readonly Entry[];
}

/** Reads and checks the header. */
function readHeader(bytes: Uint8Array): Header & { dataStart: number } {
  if (bytes.length < 8) throw new Error(`load: a safetensors file has at least 8 bytes, got ${bytes.length}`);
  const length = headerLength(bytes, bytes.length);
  const dataStart = 8 + length;
  const header = parseHeader(bytes.subarray(8, dataStart));
  const size = bytes.length - dataStart;
  for (const { name, end } of header.entries) {
    if (end > size)
      throw new Error(
        `load: tensor "${name}" ends at offset ${end}, but the file has only ${size} bytes of data; it is cut off`,
      );
  }
  const end = header.entries[header.entries.length - 1]?.end ?? 0;
  if (end !== size)
    throw new Error(`load: the tensors end at offset ${end}, but the file has ${size} bytes of data`);
  return { ...header, dataStart };
}

/**
 * Reads the length of the header.
 *
 * @param bytes The first 8 bytes of a file, or more.
 * @param size Size of the file; null: it is not known.
 * @returns The length in bytes.
 * @throws Error if no file has such a header.
 */
export function headerLength(bytes: Uint8Array, size: number | null): number {
  const length = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true));
  const most = size === null ? MAX_HEADER : Math.min(MAX_HEADER, size - 8);
  if (length <= most) return length;
  const has = size === null ? `the format allows ${MAX_HEADER}` : `the file has ${size - 8} after its length`;
  throw new Error(
    `load: the header should have ${length} bytes, but ${has}; it is cut off or no safetensors file`,
  );
}

/**
 * Reads and checks the header.
 *
 * @param bytes The header without its length.
 * @returns Its parts.
 * @throws Error that says what is wrong with it.
 */
export function parseHeader(bytes: Uint8Array): Header {
  const { __metadata__: metadata, ...entries } = parseObject(bytes);
  const checked = Object.entries(entries).map(([name, entry]) => checkEntry(name, entry));
  checked.sort((a, b) => a.start - b.start || a.end - b.end);
  let at = 0;
  for (const { name, start, end } of checked) {
    if (start !== at)
      throw new Error(
        `load: tensor "${name}" must start at offset ${at}, where the one before it ends, got ${start}`,
      );
    at = end;
  }
  return { metadata: checkMetadata(metadata), entries: checked };
}

function parseObject(bytes: Uint8Array): Record<string, unknown> {
  let header: unknown;
  try {
    header = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (error) {
    throw new Error(
      `load: the header is not JSON in UTF-8 (${(error as Error).message}); it is no safetensors file`,
    );
  }
  if (typeof header !== "object" || header === null || Array.isArray(header))
    throw new Error(`load: the header must be a JSON object, got ${describe(header)}`);
  return header as Record<string, unknown>;
}

/** Checks the description of one tensor in the header. */
function checkEntry(name: string, entry: unknown): Entry {
  const {
    dtype,
    shape,
    data_offsets: offsets,
  } = (entry ?? {}) as { dtype?: unknown; shape?: unknown; data_offsets?: unknown };
  const isCounter = dtype === "I64" && name.endsWith(COUNTER) && Array.isArray(shape) && shape.length === 0;
  const isBlob = dtype === "U8" && name.startsWith(BLOB);
  if (dtype !== "F32" && !isCounter && !isBlob)
    throw new Error(`load: tensor "${name}" must have dtype "F32", got ${describe(dtype)}`);
  if (!isSizes(shape))
    throw new Error(
      `load: the shape of tensor "${name}" must be an array of sizes, got ${JSON.stringify(shape)}`,
    );
  if (!isSizes(offsets) || offsets.length !== 2)
    throw new Error(
      `load: data_offsets of tensor "${name}" must be [start, end], got ${JSON.stringify(offsets)}`,
    );
  const [start, end] = offsets;
  const size = shape.reduce((product, n) => product * n, isCounter ? 8 : isBlob ? 1 : 4);
  if (end - start !== size)
    throw new Error(
      `load: tensor "${name}" of shape [${shape.join(", ")}] must have ${size} bytes, ` +
        `got offsets ${start} to ${end}`,
    );
  return { name, kind: isCounter ? "counter" : isBlob ? "blob" : "tensor", shape, start, end };
}

function isSizes(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((n) => Number.isSafeInteger(n) && n >= 0);
}

function checkMetadata(metadata: unknown): Map<string, string> {
  if (metadata === undefined) return new Map();
  if (typeof metadata !== "object" || metadata === null)
    throw new Error(`load: __metadata__ must be an object, got ${describe(metadata)}`);
  for (const [key, value] of Object.entries(metadata)) {
    if (typeof value !== "string")
      throw new Error(`load: __metadata__.${key} must be a string, got ${describe(value)}`);
  }
  return new Map(Object.entries(metadata as Record<string, string>));
}
