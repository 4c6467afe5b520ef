// Data that `fit` reads anew in every epoch: what users pass, and how it is opened.

import { isArrayLike, wrongType } from "../../../core/errors.ts";
import { type CheckedRows, countRows } from "../../../data/checked-rows.ts";
import type { Labels } from "../../../data/labels.ts";
import { checkRows, type RowsOf } from "../../../data/rows.ts";

/** Some labeled rows. */
export interface LabeledBlock {
  /** Rows in any form, (rows). */
  readonly x: RowsOf<object>;
  /** Their labels, (rows). */
  readonly y: Labels;
}

/**
 * Labeled rows that do not have to fit into memory. They are read from the start in every epoch, and must be
 * the same rows in the same order every time. The readers of this library are such sources if they can read
 * several times, and if `readCSV` and `readJSONL` have the option `label`. Any object is one whose method
 * `[Symbol.asyncIterator]` opens the data each time it is called, and gives blocks.
 *
 * @example
 * const source = readCSV(() => createReadStream("clicks.csv"), { label: "clicked" });
 * await model.fit(source, { epochs: 3 });
 */
export type LabeledStream =
  | AsyncIterable<LabeledBlock>
  | {
      /** Opens the data. */
      blocks(): AsyncIterable<LabeledBlock>;
      /** Whether the data can be read more than once. */
      readonly repeatable: boolean;
    };

/** A block whose rows are checked. */
export interface CheckedBlock {
  readonly x: CheckedRows;
  readonly y: unknown;
  /** Number of rows. */
  readonly rows: number;
  /** What errors call the block, such as "fit: block 3 (from row 2,001 on): ". */
  readonly place: string;
}

/** Opens data block by block. */
export type OpenBlocks = () => AsyncGenerator<CheckedBlock, void, undefined>;

/**
 * Says whether a value is data that can be opened.
 *
 * @param x Any value.
 * @returns True for a reader, and for an object that can be iterated with `for await`.
 */
export function isStream(x: unknown): x is LabeledStream {
  if (typeof x !== "object" || x === null) return false;
  return typeof (x as { blocks?: unknown }).blocks === "function" || Symbol.asyncIterator in x;
}

/**
 * Says whether `fit` gets a stream, whose labels are in its blocks, and not rows and their labels.
 *
 * @param x The first argument.
 * @param y The second argument.
 * @returns True if x can be opened and y cannot be labels.
 */
export function isStreamAlone(x: unknown, y: unknown): x is LabeledStream {
  const mayBeLabels = isArrayLike(y) || (typeof y === "object" && y !== null && Symbol.iterator in y);
  return isStream(x) && !mayBeLabels;
}

/**
 * Checks data that can be opened.
 *
 * @param place What errors start with, such as "fit: ".
 * @param stream The data.
 * @returns Opens them.
 * @throws TypeError if they can be read only once.
 */
export function readStream(place: string, stream: LabeledStream): OpenBlocks {
  const isReader = "blocks" in stream;
  const repeatable = (stream as { repeatable?: boolean }).repeatable ?? !isGenerator(stream);
  if (!repeatable) {
    throw new TypeError(
      `${place}the source can be read only once, and training reads it in every epoch; pass a function ` +
        "that opens it to the reader, such as readCSV(() => createReadStream(path), { label })",
    );
  }
  return async function* () {
    let rows = 0;
    let number = 0;
    for await (const block of isReader ? stream.blocks() : stream) {
      const at = `${place}block ${++number} (from row ${rows + 1} on): `;
      const checked = checkBlock(at, block, isReader);
      rows += checked.rows;
      if (checked.rows > 0) yield checked;
    }
  };
}

/** Says whether a value is a generator that has been started: a second loop over it would find nothing. */
function isGenerator(stream: object): boolean {
  return (stream as AsyncIterable<unknown>)[Symbol.asyncIterator]?.() === (stream as unknown);
}

function checkBlock(place: string, block: LabeledBlock, isReader: boolean): CheckedBlock {
  if (typeof block !== "object" || block === null || !("x" in block) || !("y" in block)) {
    throw wrongType(`${place}a block of the source`, "an object { x, y } with rows and labels", block);
  }
  if (isReader && block.y === null) {
    const remedy = 'such as readCSV(open, { label: "rating" })';
    throw new TypeError(
      `${place}the reader gives no labels; name their column with the option label, ${remedy}`,
    );
  }
  const x = checkRows(block.x, `${place}x`);
  return { x, y: block.y, rows: countRows(x), place };
}

/** Says that a source has given other rows than before. */
export function otherRows(place: string, found: string, before: number): Error {
  const remedy = "it must give the same rows every time";
  return new Error(`${place}the source has ${found} rows in this epoch, and had ${before} before; ${remedy}`);
}
