// Searches the bytes of files for what must not be in them.

import { readSafetensors } from "../../src/model/safetensors.ts";

/** How often some bytes are in a file. */
export function countIn(file: Uint8Array, bytes: Uint8Array): number {
  const [all, part] = [Buffer.from(file), Buffer.from(bytes)];
  let count = 0;
  for (let at = all.indexOf(part); at >= 0; at = all.indexOf(part, at + 1)) count++;
  return count;
}

/** The bytes of a number as a file holds it. */
export const float = (value: number): Uint8Array => new Uint8Array(Float32Array.of(value).buffer);

/** The bytes of a text as a file holds it. */
export const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);

/** The numbers of a column in a file, by tensor: w, V and the optimizer's state of both. */
export function rowIn(file: Uint8Array, column: number): Map<string, Float32Array> {
  const tables = [...readSafetensors(file).tensors].filter(([name]) =>
    /(linear|embedding)\.weight$/.test(name),
  );
  return new Map(
    tables.map(([name, { shape, data }]) => [
      name,
      data.subarray(column * shape[1], (column + 1) * shape[1]),
    ]),
  );
}
