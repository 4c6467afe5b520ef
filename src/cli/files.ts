// Reads and writes the files of the commands. A file is either written completely or left as it was. Errors
// name the file.

import {
  accessSync,
  constants,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname } from "node:path";
import { type LibSVMData, parseLibSVM } from "../index.ts";
import { UsageError } from "./arguments.ts";

/**
 * Reads a libSVM / libFM file.
 *
 * @param path Path of the file.
 * @param zeroBased Whether indices count from 0.
 * @returns The rows.
 * @throws Error that names the file if it cannot be read or has no rows.
 */
export function readData(path: string, zeroBased: boolean): LibSVMData {
  const data = named(path, () => parseLibSVM(readFileSync(path), { zeroBased }));
  if (data.x.rows === 0) throw new Error(`${path}: holds no rows`);
  return data;
}

/**
 * Runs a function and puts the name of a file in front of its errors.
 *
 * @param path Path of the file.
 * @param work The function.
 * @returns The result of the function.
 * @throws Error that names the file.
 */
export function named<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw new Error(inFile(path, error));
  }
}

/**
 * Makes the message of an error that concerns a file.
 *
 * @param path Path of the file.
 * @param error The error.
 * @returns The path and the message.
 */
export function inFile(path: string, error: unknown): string {
  return `${path}: ${messageOf(error).replace(/^(parseLibSVM|readLibSVM): /, "")}`;
}

const SYSTEM_ERRORS: Readonly<Record<string, string>> = {
  ENOENT: "no such file or folder",
  EACCES: "permission denied",
  EISDIR: "is a folder",
  ENOTDIR: "not a folder",
  ENOSPC: "no space left",
};

/**
 * Returns the message of an error. Frequent system errors get a message in plain words.
 *
 * @param error The error.
 * @returns The message.
 */
export function messageOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  return (code !== undefined && SYSTEM_ERRORS[code]) || (message ?? String(error));
}

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
 * Names the temporary file that is written first and then renamed.
 *
 * @param path Path of the final file.
 * @returns A path in the same folder.
 */
export function temporaryName(path: string): string {
  return `${path}.${process.pid}.tmp`;
}

/**
 * Finds the regular file of a path, following links.
 *
 * @param path The path.
 * @returns Path of the file, which need not exist; null for a device or a pipe, which cannot be renamed.
 */
export function plainFile(path: string): string | null {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat === undefined) return path;
  return stat.isFile() ? realpathSync(path) : null;
}

/**
 * Writes a file under a temporary name in the same folder, then renames it.
 *
 * @param path Path of the file.
 * @param bytes The content.
 * @throws Error that names the file.
 */
export function writeWhole(path: string, bytes: Uint8Array): void {
  const target = plainFile(path);
  if (target === null) {
    named(path, () => writeFileSync(path, bytes));
    return;
  }
  const temporary = temporaryName(target);
  try {
    writeFileSync(temporary, bytes);
    renameSync(temporary, target);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw new Error(inFile(path, error));
  }
}
