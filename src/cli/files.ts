// Reads the files of the commands. Errors name the file.

import type { Encoder } from "../index.ts";

/**
 * Checks that a model can read a libSVM file. A model that learned from named features numbers them in its
 * own order, so the indices of a file would mean other features than those it learned.
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
      "pass a CSV file or JSON lines, or take a model that was trained on libSVM files",
  );
}

/**
 * Checks that a model can read rows with named fields.
 *
 * @param path Path of the model.
 * @param model The model.
 * @throws Error that names the way out if the model knows no names.
 */
export function checkReadsNames(path: string, { encoder }: { readonly encoder: Encoder | null }): void {
  if (encoder !== null) return;
  throw new Error(
    `${path}: this model was trained on a libSVM file and knows no names of columns; pass a libSVM file, or ` +
      "train a model on a CSV file or on JSON lines",
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
 * @returns The path, the line if the message starts with one, and the message.
 */
export function inFile(path: string, error: unknown): string {
  const message = messageOf(error).replace(/^(parseLibSVM|readLibSVM): /, "");
  const [, line, rest] = /^line (\d+): (.*)$/s.exec(message) ?? [];
  return line === undefined ? `${path}: ${message}` : `${path}:${line}: ${rest}`;
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
