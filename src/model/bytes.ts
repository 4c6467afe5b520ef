// The bytes of a model file, in any of the forms in which JavaScript hands over a file that has been read.

import { describe, tagOf } from "../core/errors.ts";

/** The bytes of a model file. A `Buffer` of Node is a `Uint8Array`. */
export type ModelBytes = Uint8Array | DataView | ArrayBufferLike;

/**
 * Reads the bytes of a model file.
 *
 * @param source What the user passed.
 * @returns The bytes. They are a copy only if the memory is shared, so that no other thread can change them
 *   between check and use.
 * @throws TypeError for anything else. It says how to get the bytes of a path, a promise, a Blob or a
 *   Response.
 */
export function readBytes(source: unknown): Uint8Array {
  const tag = tagOf(source);
  const isView = tag === "Uint8Array" || tag === "DataView";
  const buffer = isView ? (source as DataView).buffer : (source as ArrayBufferLike);
  const isShared = tagOf(buffer) === "SharedArrayBuffer";
  if (!isShared && tagOf(buffer) !== "ArrayBuffer") throw wrongBytes(source);
  const { byteOffset, byteLength } = source as DataView;
  const bytes = isView ? new Uint8Array(buffer, byteOffset, byteLength) : new Uint8Array(buffer);
  return isShared ? new Uint8Array(bytes) : bytes;
}

function wrongBytes(source: unknown): TypeError {
  const given = (source ?? {}) as { then?: unknown; arrayBuffer?: unknown };
  let remedy = "";
  if (typeof source === "string")
    remedy = "; if this is a path, read the file first: load(await readFile(path))";
  else if (typeof given.then === "function") remedy = ", as in load(await readFile(path))";
  else if (typeof given.arrayBuffer === "function") remedy = "; pass await x.arrayBuffer() of it";
  const expected = "load: bytes must be a Uint8Array, an ArrayBuffer or a DataView";
  return new TypeError(`${expected}, got ${describe(source)}${remedy}`);
}
