// The places of tensors in memory. In a WebAssembly memory all blocks lie one after the other; in plain
// JavaScript each block has an ArrayBuffer of its own.

import { strideOf } from "../core/tensor.ts";

type Words = Float32Array | Uint32Array;

/** A tensor, or integers as rows of one word each, and its place in memory. */
export interface Block {
  readonly view: { data: Words; rows?: number };
  /** Words per row. A word has 4 bytes. */
  readonly stride: number;
  readonly lasting: boolean;
  /** Number of rows at present. */
  rows: number;
  /** Number of rows after the next commit. */
  wanted: number;
  /** Number of rows that fit into its place; -1 before the first commit. */
  capacity: number;
  /** Byte address in a WebAssembly memory; 0 before the first commit. */
  start: number;
}

/** The places of blocks in a WebAssembly memory. */
export interface Layout {
  /** Number of rows that fit into the place of each block. */
  readonly capacities: readonly number[];
  /** Byte address of each block, a multiple of 16. */
  readonly starts: readonly number[];
  /** Byte address behind the last block. */
  readonly end: number;
}

export function layOut(blocks: readonly Block[], capacities: readonly number[], start: number): Layout {
  let end = start;
  const starts = blocks.map((block, i) => {
    const start = end;
    end += bytesOf(block, capacities[i]);
    return start;
  });
  return { capacities, starts, end };
}

/** Number of bytes of some rows of a block, rounded up to a multiple of 16. */
function bytesOf({ stride }: Block, rows: number): number {
  return strideOf(rows * stride) * 4;
}

/**
 * Runs `attempt` with a capacity for each block: at least twice the old one if a lasting block no longer
 * fits. If that throws, runs it again with the smallest possible capacities.
 */
export function tryRoomy<T>(blocks: readonly Block[], attempt: (capacities: readonly number[]) => T): T {
  try {
    return attempt(capacitiesOf(blocks, 2));
  } catch {
    return attempt(capacitiesOf(blocks, 1));
  }
}

/**
 * Computes the capacity of each block. That of a lasting block never shrinks. A buffer has exactly its rows.
 */
export function capacitiesOf(blocks: readonly Block[], growth: 1 | 2): number[] {
  return blocks.map(({ lasting, wanted, capacity }) => {
    if (!lasting) return wanted;
    return wanted <= capacity ? capacity : Math.max(wanted, growth * capacity);
  });
}

/** Moves blocks to their places in a memory whose bytes from `used` on are zero. */
export function moveWithin(
  buffer: ArrayBufferLike,
  used: number,
  blocks: readonly Block[],
  layout: Layout,
): void {
  const bytes = new Uint8Array(buffer);
  // Lasting blocks move only to higher addresses, so the last one is moved first.
  for (let i = blocks.length - 1; i >= 0; i--) {
    const [block, to] = [blocks[i], layout.starts[i]];
    if (!block.lasting || block.start === to) continue;
    bytes.copyWithin(to, block.start, block.start + bytesOf(block, Math.min(block.rows, block.wanted)));
  }
  blocks.forEach((block, i) => {
    const start = layout.starts[i];
    const stays = start === block.start && block.wanted === block.rows;
    const kept = block.lasting || stays ? Math.min(block.rows, block.wanted) * block.stride * 4 : 0;
    const end = Math.min(used, start + bytesOf(block, block.wanted));
    if (start + kept < end) bytes.fill(0, start + kept, end);
    if (!stays || block.view.data.buffer !== buffer) place(block, buffer, start, layout.capacities[i]);
  });
}

/** Moves a block to an ArrayBuffer of zeros, or changes its size within its own ArrayBuffer. */
export function moveTo(buffer: ArrayBufferLike, capacity: number, block: Block): void {
  const { rows, wanted, stride, lasting } = block;
  const old = block.view.data;
  if (buffer === old.buffer && rows === wanted) return;
  place(block, buffer, 0, capacity);
  const kept = lasting || rows === wanted ? Math.min(rows, wanted) * stride : 0;
  if (buffer === old.buffer) block.view.data.fill(0, kept);
  else block.view.data.set(old.subarray(0, kept));
}

/** Makes the view of a block at its new place. */
function place(block: Block, buffer: ArrayBufferLike, start: number, capacity: number): void {
  const { view, stride, wanted } = block;
  const length = wanted * stride;
  const isTensor = view.rows !== undefined;
  view.data = isTensor ? new Float32Array(buffer, start, length) : new Uint32Array(buffer, start, length);
  if (isTensor) view.rows = wanted;
  block.start = start;
  block.capacity = capacity;
  block.rows = wanted;
}

export function cannotAllocate(bytes: number, error: unknown): RangeError {
  const reason = error instanceof Error ? error.message : String(error);
  return new RangeError(
    `cannot allocate ${(bytes / 2 ** 20).toFixed(0)} MiB for the model (${reason}); ` +
      "use fewer features (minCount, maxFeatures, hashBits), a smaller embeddingDim or batchSize, " +
      "or an optimizer without state, such as SGD without momentum",
  );
}
