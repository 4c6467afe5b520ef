// The file of `--checkpoint`: the state of a training after an epoch. It is written under another name,
// forced to the disk and renamed, so that a process that is killed leaves the old file or the new one. The
// file has the lengths of its parts (uint32: JSON; uint64: model), then JSON, a model file, and the numbers
// of the best state.

import { closeSync, existsSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from "node:fs";
import { dirname } from "node:path";
import type { FitState, Resumption } from "../../training/resumption.ts";
import { messageOf, named } from "../files.ts";

/** What a checkpoint belongs to: the options and the digests of the files, by their names. */
export type Fingerprint = Readonly<Record<string, string>>;

/** A checkpoint that was read. */
export interface Checkpoint {
  /** The model with the optimizer's state. */
  readonly model: Uint8Array;
  /** How far training had come. */
  readonly state: FitState;
}

const MAGIC = "neural-fm checkpoint 1\n";

/**
 * Reads a checkpoint.
 *
 * @param path Path of the file.
 * @param own The fingerprint of this training.
 * @returns The checkpoint; null if there is no file.
 * @throws Error that names the file if it is no checkpoint, and Error that says what differs if it belongs to
 *   another training.
 */
export function readCheckpoint(path: string, own: Fingerprint): Checkpoint | null {
  if (!existsSync(path)) return null;
  const bytes = named(path, () => readFileSync(path));
  if (bytes.subarray(0, MAGIC.length).toString("latin1") !== MAGIC) {
    throw new Error(`${path}: is no checkpoint; name another file with --checkpoint, or leave out --resume`);
  }
  try {
    const start = MAGIC.length + 12;
    const jsonEnd = start + bytes.readUInt32LE(MAGIC.length);
    const modelEnd = jsonEnd + Number(bytes.readBigUInt64LE(MAGIC.length + 4));
    if (modelEnd > bytes.length) throw new Error("it is cut off");
    const saved = JSON.parse(bytes.toString("utf8", start, jsonEnd), revive) as Saved;
    const difference = differenceOf(saved.fingerprint, own);
    if (difference !== null) throw new Difference(difference);
    const { best, ...rest } = saved.state;
    const state = { ...rest, best: best && { ...best, tensors: tensorsFrom(bytes, modelEnd, best.lengths) } };
    return { model: bytes.subarray(jsonEnd, modelEnd), state };
  } catch (error) {
    const wayOut = "train with what it belongs to, or leave out --resume to start again";
    if (error instanceof Difference) throw new Error(`${path}: ${error.message}; ${wayOut}`);
    throw new Error(`${path}: the checkpoint is damaged (${messageOf(error)}); leave out --resume`);
  }
}

/** Says that a checkpoint belongs to another training. */
class Difference extends Error {}

/** The JSON of a checkpoint. */
interface Saved {
  readonly fingerprint: Fingerprint;
  readonly state: Omit<FitState, "best"> & {
    readonly best: { steps: number; epochs: number; lengths: readonly number[] } | null;
  };
}

/**
 * Makes the part of `fit` that writes checkpoints.
 *
 * @param path Path of the file.
 * @param fingerprint What the checkpoints belong to.
 * @param from Where training goes on; null: at the beginning.
 * @param save Returns the model with the optimizer's state.
 * @returns What `fit` takes.
 */
export function checkpointing(
  path: string,
  fingerprint: Fingerprint,
  from: FitState | null,
  save: () => Uint8Array,
): Resumption {
  return { from, save: (state) => writeCheckpoint(path, fingerprint, state, save()) };
}

function writeCheckpoint(path: string, fingerprint: Fingerprint, state: FitState, model: Uint8Array): void {
  const { best, ...rest } = state;
  const tensors = best?.tensors ?? [];
  const counters = best && {
    steps: best.steps,
    epochs: best.epochs,
    lengths: tensors.map(({ length }) => length),
  };
  const saved: Saved = { fingerprint, state: { ...rest, best: counters } };
  const json = Buffer.from(JSON.stringify(saved, replace));
  const lengths = Buffer.alloc(12);
  lengths.writeUInt32LE(json.length, 0);
  lengths.writeBigUInt64LE(BigInt(model.length), 4);
  const numbers = tensors.map((tensor) => {
    return new Uint8Array(tensor.buffer, tensor.byteOffset, tensor.byteLength);
  });
  named(path, () => replaceFile(path, [Buffer.from(MAGIC), lengths, json, model, ...numbers]));
}

/** Replaces a file in such a way that a reader finds the old one or the new one, whatever happens. */
function replaceFile(path: string, parts: readonly Uint8Array[]): void {
  const temporary = `${path}.tmp`;
  const file = openSync(temporary, "w");
  try {
    for (const part of parts) {
      for (let at = 0; at < part.length; ) at += writeSync(file, part, at);
    }
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(temporary, path);
  syncFolder(dirname(path));
}

/** Forces the new name to the disk. Windows has no such call for folders. */
function syncFolder(path: string): void {
  if (process.platform === "win32") return;
  const folder = openSync(path, "r");
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}

function tensorsFrom(bytes: Buffer, start: number, lengths: readonly number[]): Float32Array[] {
  let at = start;
  return lengths.map((length) => {
    const data = bytes.subarray(at, at + 4 * length);
    if (data.length !== 4 * length) throw new Error("it is cut off");
    at += 4 * length;
    return new Float32Array(Uint8Array.from(data).buffer);
  });
}

/** Says in what two trainings differ; null if they do not. */
function differenceOf(saved: Fingerprint, own: Fingerprint): string | null {
  for (const name of new Set([...Object.keys(saved), ...Object.keys(own)])) {
    const [before, now] = [saved[name], own[name]];
    if (before === now) continue;
    if (!name.startsWith("--")) return `the checkpoint belongs to other data: ${name} has changed`;
    const show = (value: string | undefined): string => (value === undefined ? "not given" : value);
    return `the checkpoint belongs to other options: ${name} was ${show(before)}, and is ${show(now)}`;
  }
  return null;
}

/** JSON has no NaN and no infinite numbers. */
function replace(_: string, value: unknown): unknown {
  return typeof value === "number" && !Number.isFinite(value) ? { number: String(value) } : value;
}

function revive(_: string, value: unknown): unknown {
  const { number } = (value ?? {}) as { number?: unknown };
  return typeof number === "string" ? Number(number) : value;
}
