// The data of `train --stream`: the file is read once to learn its labels and its size, and then `fit` reads
// it in every epoch.

import { createHash } from "node:crypto";
import { type LabeledBlock, type LabeledStream, readLibSVM } from "../../index.ts";
import type { DataFile } from "../data-file.ts";
import { inFile } from "../files.ts";
import { heard, tableBlocks } from "../table.ts";
import { chooseLoss, LabelFacts, namesOf } from "./labels.ts";
import type { TrainPlan } from "./options.ts";

/** A file that is read in every epoch. */
export interface StreamedFile {
  /** Number of rows, at least 1. */
  readonly size: number;
  /** Identifies the content of the file. */
  readonly digest: string;
  /** Number of columns of a libSVM file. */
  readonly width: number;
  readonly loss: Exclude<TrainPlan["loss"], "auto">;
  /** Whether `fit` takes the labels as the names of two classes. */
  readonly areTexts: boolean;
  /** What `fit` takes. */
  readonly source: LabeledStream;
}

/** Rows, and their labels as the file has them. */
interface FileBlock {
  readonly x: LabeledBlock["x"] & { readonly cols?: number };
  readonly y: ArrayLike<number | string>;
}

/** The most columns that a libSVM file may have. */
const MOST_COLUMNS = 2 ** 32 - 1;

/**
 * Reads a file once.
 *
 * @param plan The options.
 * @returns The file, ready for `fit`.
 * @throws Error that names the file, and line and column where there are any.
 */
export async function openStream(plan: TrainPlan): Promise<StreamedFile> {
  const { file, label, ignored, numFeatures } = plan;
  const hash = createHash("sha256");
  let hear = (bytes: Uint8Array): void => void hash.update(bytes);
  const read = (bytes: Uint8Array): void => hear(bytes);
  const table = label === null ? null : tableBlocks(file, { label, ignored }, read);
  const open = (cols: number): AsyncIterable<FileBlock> => {
    if (table === null) return sparseBlocks(plan, cols, read);
    return table() as AsyncIterable<FileBlock>;
  };
  const facts = new LabelFacts();
  let width = 1;
  for await (const { x, y } of open(numFeatures ?? MOST_COLUMNS)) {
    facts.add(y);
    width = Math.max(width, "indices" in x ? widthOf(x.indices as Uint32Array) : 0);
  }
  hear = () => {};
  if (facts.size === 0) throw new Error(`${file.name}: holds no rows`);
  const { loss, areNames } = await chooseLoss(file, facts, plan.loss, label);
  const cols = numFeatures ?? width;
  const source: LabeledStream = {
    async *[Symbol.asyncIterator]() {
      for await (const { x, y } of open(cols)) yield { x, y: areNames ? namesOf(y) : y };
    },
  };
  return { size: facts.size, digest: hash.digest("hex"), width: cols, loss, areTexts: areNames, source };
}

/** The rows of a libSVM file. */
async function* sparseBlocks(
  { file, zeroBased }: { file: DataFile; zeroBased: boolean },
  cols: number,
  hear: (bytes: Uint8Array) => void,
): AsyncGenerator<FileBlock, void> {
  try {
    yield* readLibSVM(heard(file, hear), { cols, zeroBased });
  } catch (error) {
    throw new Error(inFile(file.name, error));
  }
}

/** One more than the largest index. */
function widthOf(indices: Uint32Array): number {
  let width = 0;
  for (let p = 0; p < indices.length; p++) if (indices[p] >= width) width = indices[p] + 1;
  return width;
}
