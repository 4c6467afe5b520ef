// Reads the files of the commands. Errors name the file.

import { readFileSync } from "node:fs";
import { type Encoder, type LibSVMData, parseLibSVM } from "../index.ts";

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
 * Checks that a model can read a libSVM file. A model that learned from named features numbers them in its own
 * order, so the indices of a file would mean other features than those it learned.
 *
 * @param path Path of the model.
 * @param model The model.
 * @throws Error that names both ways out if the model has an encoder of names.
 */
export function checkReadsIndices(path: string, { encoder }: { readonly encoder: Encoder | null }): void {
  if (encoder === null) return;
  const names =
    encoder.numFeatures > 0 ? `names of features, such as ${encoder.name(0)}` : "names of features";
  throw new Error(
    `${path}: this model learned ${names}, and a libSVM file has only numbers, which mean nothing to it; ` +
      "predict rows with names in a program (Predictor.load), or take a model that was trained on libSVM files",
  );
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
