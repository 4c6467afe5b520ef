// Files that are either complete or absent, also after a crash or a power failure.

import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { open, rename } from "node:fs/promises";
import { dirname } from "node:path";
import { pipeline } from "node:stream/promises";

/**
 * Writes a file and waits until the disk has it.
 *
 * @param {string} path
 * @param {Uint8Array | string} content
 */
export async function writeDurably(path, content) {
  const file = await open(path, "w");
  try {
    await file.writeFile(content);
    await file.sync();
  } finally {
    await file.close();
  }
}

/**
 * Gives a file that is on the disk its final name. The rename replaces an older file in one step, so a reader
 * sees the old file or the new one, and never a part of one.
 *
 * @param {string} from
 * @param {string} to
 */
export async function publish(from, to) {
  await rename(from, to);
  if (process.platform === "win32") return; // Windows cannot open a folder
  const folder = await open(dirname(to), "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/**
 * Writes a file under another name and publishes it.
 *
 * @param {string} path
 * @param {Uint8Array | string} content
 */
export async function writeAtomically(path, content) {
  await writeDurably(`${path}.tmp`, content);
  await publish(`${path}.tmp`, path);
}

/**
 * Computes the SHA-256 of a file, without blocking the event loop for long.
 *
 * @param {string} path
 * @returns {Promise<string>} The hash in hexadecimal digits.
 */
export async function hashOf(path) {
  const hash = createHash("sha256");
  await pipeline(createReadStream(path), hash);
  return hash.digest("hex");
}
