// Files that the commands read and write. Files are written whole or not at all, and errors name the file.

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

/** Reads a libSVM / libFM file with at least one row. */
export function readData(path: string, zeroBased: boolean): LibSVMData {
  const data = named(path, () => parseLibSVM(readFileSync(path), { zeroBased }));
  if (data.x.rows === 0) throw new Error(`${path}: holds no rows`);
  return data;
}

/** Runs `work` on a file; its errors then name the file. */
export function named<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw new Error(inFile(path, error));
  }
}

/** The message of an error in a file, with the name of the file in front. */
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

/** The message of an error in plain words. */
export function messageOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  return (code !== undefined && SYSTEM_ERRORS[code]) || (message ?? String(error));
}

/** Refuses an output path before hours are spent on what goes there. */
export function checkWritable(path: string): void {
  if (path === "") throw new UsageError("--out needs a path");
  const folder = dirname(path);
  named(folder, () => accessSync(folder, constants.W_OK));
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) throw new Error(`${path}: is a folder`);
}

/** Where a file is written before it is renamed. */
export function temporaryName(path: string): string {
  return `${path}.${process.pid}.tmp`;
}

/**
 * The file that a path stands for, links followed; null for a device or pipe, which can only be written to.
 */
export function plainFile(path: string): string | null {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat === undefined) return path;
  return stat.isFile() ? realpathSync(path) : null;
}

/** Writes a file under a temporary name beside it, then renames it. */
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
