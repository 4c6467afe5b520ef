// What the command line writes into a model file besides the model: which column of the table was the label,
// and which were ignored. The library does not read this note.

import type { TableColumns } from "./table.ts";

const KEY = "table";

/**
 * Adds the note to a model file. Only the header of the file changes.
 *
 * @param bytes The model file (safetensors).
 * @param columns The note.
 * @returns The head of the new file, and the rest of it.
 */
export function withNote(bytes: Uint8Array, columns: TableColumns): [head: Uint8Array, rest: Uint8Array] {
  const { header, end } = headerOf(bytes);
  header.__metadata__ = { ...header.__metadata__, [KEY]: JSON.stringify(columns) };
  const json = new TextEncoder().encode(JSON.stringify(header));
  const head = new Uint8Array(8 + Math.ceil(json.length / 8) * 8).fill(0x20);
  new DataView(head.buffer).setBigUint64(0, BigInt(head.length - 8), true);
  head.set(json, 8);
  return [head, bytes.subarray(end)];
}

/**
 * Reads the note of a model file.
 *
 * @param bytes A model file that can be loaded.
 * @returns The note; null if the file has none.
 */
export function readNote(bytes: Uint8Array): TableColumns | null {
  const text = headerOf(bytes).header.__metadata__?.[KEY];
  if (text === undefined) return null;
  try {
    const { label, ignored } = JSON.parse(text) as Partial<TableColumns>;
    return typeof label === "string" && Array.isArray(ignored)
      ? { label, ignored: ignored.map(String) }
      : null;
  } catch {
    return null;
  }
}

function headerOf(bytes: Uint8Array): {
  header: { __metadata__?: Record<string, string> };
  end: number;
} {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const end = 8 + Number(view.getBigUint64(0, true));
  return { header: JSON.parse(new TextDecoder().decode(bytes.subarray(8, end))), end };
}
