// Writes the output files of the commands. A file is either written completely or left as it was, also if a
// signal or an error ends the command half way.

import {
  accessSync,
  closeSync,
  constants,
  openSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { constants as systemConstants } from "node:os";
import { dirname } from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";
import { UsageError } from "./arguments.ts";
import { named } from "./files.ts";

/** The signals that ask a program to end: the closed terminal, Ctrl-C, and `kill`. */
const SIGNALS = ["SIGHUP", "SIGINT", "SIGTERM"] as const;

/**
 * Checks an output path before the long work whose result is written there.
 *
 * @param path The path.
 * @throws UsageError for an empty path; Error if no file can be written there.
 */
export function checkWritable(path: string): void {
  if (path === "") throw new UsageError("--out needs a path");
  const folder = dirname(path);
  named(folder, () => accessSync(folder, constants.W_OK));
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) throw new Error(`${path}: is a folder`);
}

/**
 * Writes a file under a temporary name in the same folder, then renames it. If a signal, an error or
 * `process.exit` comes first, the temporary file is removed, and a file that was there before stays as it
 * was.
 *
 * @param path Path of the file. A device or a pipe is written directly.
 * @param chunks The content, piece by piece.
 * @throws Error that names the file; what `chunks` throws.
 */
export async function writeWhole(
  path: string,
  chunks: Iterable<string | Uint8Array> | AsyncIterable<string | Uint8Array>,
): Promise<void> {
  const target = plainFile(path);
  if (target === null) return writeChunks(path, path, chunks);
  const temporary = `${target}.${process.pid}.tmp`;
  const keep = removeOnExit(temporary);
  try {
    await writeChunks(path, temporary, chunks);
    await nextTurn(); // lets a signal through that came while the event loop was blocked
    named(path, () => renameSync(temporary, target));
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  } finally {
    keep();
  }
}

/** Writes a file. `path` stands in errors, `written` is opened. */
async function writeChunks(
  path: string,
  written: string,
  chunks: Iterable<string | Uint8Array> | AsyncIterable<string | Uint8Array>,
): Promise<void> {
  // Synchronous calls, so that no call is under way in another thread when a signal removes the file.
  const file = named(path, () => openSync(written, "w"));
  try {
    for await (const chunk of chunks) named(path, () => writeFileSync(file, chunk));
  } finally {
    closeSync(file);
  }
}

/**
 * Finds the regular file of a path, following links. It need not exist. Null for a device or a pipe, which
 * cannot be renamed.
 */
function plainFile(path: string): string | null {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat === undefined) return path;
  return stat.isFile() ? realpathSync(path) : null;
}

/** Removes a file when the process ends, by a signal or otherwise. Returns a function that calls this off. */
function removeOnExit(path: string): () => void {
  const remove = (): void => rmSync(path, { force: true });
  const handlers = SIGNALS.map((signal) => {
    return [
      signal,
      () => {
        remove();
        keep();
        // The shell then knows that a signal ended the program, and shows 128 + its number as the exit code.
        process.kill(process.pid, signal);
        // Reached where a signal does not end the process: on Windows, and as the first process of a
        // container.
        process.exit(128 + systemConstants.signals[signal]);
      },
    ] as const;
  });
  const keep = (): void => {
    process.off("exit", remove);
    for (const [signal, handler] of handlers) process.off(signal, handler);
  };
  process.on("exit", remove);
  for (const [signal, handler] of handlers) process.on(signal, handler);
  return keep;
}
