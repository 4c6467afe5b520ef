// The memory of a model. It allocates tensors, lets them grow, and has the kernels that work on them. In
// WebAssembly all tensors share one memory: first the lasting tensors in the order of allocation, then the
// buffers. So buffers can grow without moving a table. A table that grows moves the tensors behind it up. In
// plain JavaScript every tensor has its own ArrayBuffer.

import { strideOf, type Tensor } from "../core/tensor.ts";
import { forwardKernels } from "./forward.ts";
import type { KernelSet } from "./kernel-set.ts";
import type { ForwardKernels, TrainingKernels } from "./kernels.ts";
import { compile, findObstacle, WasmSpace } from "./wasm/space.ts";

export type { KernelSet } from "./kernel-set.ts";

/** Bytes kept free at the start of a WebAssembly memory, so that address 0 can stand for "none". */
const RESERVED = 16;

/** The layout of a tensor. */
export interface TensorOptions {
  /**
   * Distance between the starts of two rows, in floats. Default: cols rounded up to a multiple of 4.
   * 1 for a column that is never padded.
   */
  readonly stride?: number | undefined;
  /** Whether the tensor keeps its content when the layout changes. Default: false, a buffer. */
  readonly lasting?: boolean | undefined;
}

/** Unsigned integers in a model's memory. */
export interface Integers {
  /** The integers. This may be another array after each commit. */
  readonly data: Uint32Array;
}

type Words = Float32Array<ArrayBuffer> | Uint32Array<ArrayBuffer>;

/** A tensor, or integers as rows of one word each, and its place in memory. */
interface Block {
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

/** Allocates the tensors of one model and provides the kernels for them. */
export class Memory {
  readonly #requested: "auto" | "wasm" | "js";
  /** Compiled sets of kernels, which all forks share. */
  readonly #modules: Map<KernelSet, WebAssembly.Module>;
  /** The sets that were added to the kernels of prediction. */
  readonly #sets: KernelSet[] = [];
  /** The WebAssembly memory; null if plain JavaScript runs. */
  #space: WasmSpace | null = null;
  #kernels: (ForwardKernels & Partial<TrainingKernels>) | null = null;
  /** The blocks of the last commit, lasting blocks first. */
  #blocks: readonly Block[] = [];
  /** The blocks that the next commit will add. */
  #added: Block[] = [];

  /**
   * Chooses the backend.
   *
   * @param requested "auto" takes WebAssembly SIMD if the engine can run it, and plain JavaScript otherwise.
   * @param origin Internal: the memory whose compiled kernels are shared.
   * @throws Error that says why, for "wasm" in an engine that cannot run it.
   */
  constructor(requested: "auto" | "wasm" | "js", origin: Memory | null = null) {
    this.#requested = requested;
    this.#modules = origin === null ? new Map() : origin.#modules;
    if (requested === "js") return;
    const obstacle = origin === null ? findObstacle() : null;
    if (obstacle === null) this.#space = new WasmSpace();
    else if (requested === "wasm") {
      throw new Error(`backend: "wasm" cannot run here (${obstacle}); use "auto" or "js"`);
    }
  }

  /**
   * The kernels that run. With "auto" a commit can change "wasm" to "js", if it gets no WebAssembly memory.
   */
  get backend(): "js" | "wasm" {
    return this.#space === null ? "js" : "wasm";
  }

  /**
   * The kernels for the tensors of this memory: those of prediction, and those that `addKernels` added. They
   * can run after the first commit. After a commit that changes the backend this is another object.
   */
  get kernels(): ForwardKernels & Partial<TrainingKernels> {
    this.#kernels ??= this.#sets.reduce(
      (kernels, set) => extend(kernels, this.#link(set)),
      this.#link(forwardKernels),
    );
    return this.#kernels;
  }

  /**
   * Adds a set of kernels to the object `kernels`, unless it is there already.
   *
   * @param set The set.
   * @returns The object `kernels`.
   */
  addKernels<K extends object>(set: KernelSet<K>): ForwardKernels & K {
    const { kernels } = this;
    if (!this.#sets.includes(set)) {
      extend(kernels, this.#link(set));
      this.#sets.push(set);
    }
    return kernels as ForwardKernels & K;
  }

  /**
   * Requests a tensor of zeros. It has its shape at once. Its `data` are empty until the next commit.
   *
   * @param rows Number of rows.
   * @param cols Number of columns.
   * @param options Its layout.
   * @returns The tensor, (rows, cols).
   */
  allocate(rows: number, cols: number, options: TensorOptions = {}): Tensor {
    const { stride = strideOf(cols), lasting = false } = options;
    const view = { data: new Float32Array(0), rows, cols, stride };
    this.#added.push({ view, stride, lasting, rows: 0, wanted: rows, capacity: -1, start: 0 });
    return view;
  }

  /**
   * Requests unsigned integers, all 0. Their `data` are empty until the next commit.
   *
   * @param length Number of integers.
   * @param lasting Whether they keep their content when the layout changes. Default: false, a buffer.
   * @returns The integers.
   */
  allocateIntegers(length: number, lasting: boolean = false): Integers {
    const view = { data: new Uint32Array(0) };
    this.#added.push({ view, stride: 1, lasting, rows: 0, wanted: length, capacity: -1, start: 0 });
    return view;
  }

  /**
   * Requests another size. The next commit applies it.
   *
   * @param x A tensor or integers of this memory.
   * @param rows Number of rows; for integers, their number.
   * @throws Error if x does not belong to this memory.
   */
  resize(x: Tensor | Integers, rows: number): void {
    const block = [...this.#blocks, ...this.#added].find(({ view }) => view === x);
    if (block === undefined) throw new Error("resize: the tensor does not belong to this memory");
    block.wanted = rows;
  }

  /**
   * Carries out all requests since the last commit. If it throws, none of them is carried out.
   *
   * A lasting tensor keeps the rows that both sizes have, and its new rows are zero. If it no longer fits
   * into its place, it gets capacity for at least twice the rows, unless there is too little memory for that.
   * A buffer that is moved or resized is filled with zeros. Other buffers keep their content. `data` of every
   * tensor may be another array after the commit.
   *
   * @throws RangeError that says how much memory was needed, if it cannot be allocated. Nothing has changed
   *   then.
   */
  commit(): void {
    const all = [...this.#blocks, ...this.#added];
    const blocks = [...all.filter(({ lasting }) => lasting), ...all.filter(({ lasting }) => !lasting)];
    try {
      if (!this.#layOutInSpace(blocks)) this.#layOutApart(blocks);
      this.#blocks = blocks;
    } catch (error) {
      throw cannotAllocate(layOut(blocks, capacitiesOf(blocks, 1)).end, error);
    } finally {
      this.#added = [];
      for (const block of blocks) block.wanted = block.rows;
    }
  }

  /**
   * Makes an empty memory with the same kernels. Both share the compiled modules.
   *
   * @returns The new memory.
   */
  fork(): Memory {
    const fork = new Memory(this.#space === null ? "js" : this.#requested, this);
    fork.#sets.push(...this.#sets);
    return fork;
  }

  #link<K extends object>(set: KernelSet<K>): K {
    if (this.#space === null) return set.create();
    const module = this.#modules.get(set) ?? compile(set);
    this.#modules.set(set, module);
    return this.#space.link(set, module);
  }

  /** Places the blocks in the WebAssembly memory. Returns false if they must be placed by `#layOutApart`. */
  #layOutInSpace(blocks: readonly Block[]): boolean {
    const space = this.#space;
    if (space === null) return false;
    const used = space.buffer === null ? 0 : space.buffer.byteLength;
    let layout: Layout;
    try {
      layout = tryRoomy(blocks, (capacities) => {
        const attempt = layOut(blocks, capacities);
        space.grow(attempt.end);
        return attempt;
      });
    } catch (error) {
      if (this.#requested === "wasm") throw error;
      return false;
    }
    moveWithin(space.buffer!, used, blocks, layout);
    return true;
  }

  /** Gives each block its own ArrayBuffer, or leaves it in the one that it has. */
  #layOutApart(blocks: readonly Block[]): void {
    const leavesSpace = this.#space !== null;
    const places = tryRoomy(blocks, (capacities) =>
      blocks.map(({ view, stride, capacity }, i) => {
        const stays = capacities[i] === capacity && !leavesSpace;
        const buffer = stays ? view.data.buffer : new Float32Array(capacities[i] * stride).buffer;
        return { buffer, capacity: capacities[i] };
      }),
    );
    blocks.forEach((block, i) => moveTo(places[i].buffer, places[i].capacity, block));
    if (!leavesSpace) return;
    this.#space = null;
    this.#kernels = null;
  }
}

/**
 * Adds properties. After `Object.assign`, V8 would store the object as a dictionary, whose calls are slower.
 */
function extend<K extends object>(kernels: K, added: object): K {
  return Object.defineProperties(kernels, Object.getOwnPropertyDescriptors(added));
}

/** The places of blocks in a WebAssembly memory. */
interface Layout {
  /** Number of rows that fit into the place of each block. */
  readonly capacities: readonly number[];
  /** Byte address of each block, a multiple of 16. */
  readonly starts: readonly number[];
  /** Byte address behind the last block. */
  readonly end: number;
}

function layOut(blocks: readonly Block[], capacities: readonly number[]): Layout {
  let end = RESERVED;
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
function tryRoomy<T>(blocks: readonly Block[], attempt: (capacities: readonly number[]) => T): T {
  try {
    return attempt(capacitiesOf(blocks, 2));
  } catch {
    return attempt(capacitiesOf(blocks, 1));
  }
}

/**
 * Computes the capacity of each block. That of a lasting block never shrinks. A buffer has exactly its rows.
 */
function capacitiesOf(blocks: readonly Block[], growth: 1 | 2): number[] {
  return blocks.map(({ lasting, wanted, capacity }) => {
    if (!lasting) return wanted;
    return wanted <= capacity ? capacity : Math.max(wanted, growth * capacity);
  });
}

/** Moves blocks to their places in a memory whose bytes from `used` on are zero. */
function moveWithin(buffer: ArrayBuffer, used: number, blocks: readonly Block[], layout: Layout): void {
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
function moveTo(buffer: ArrayBuffer, capacity: number, block: Block): void {
  const { rows, wanted, stride, lasting } = block;
  const old = block.view.data;
  if (buffer === old.buffer && rows === wanted) return;
  place(block, buffer, 0, capacity);
  const kept = lasting || rows === wanted ? Math.min(rows, wanted) * stride : 0;
  if (buffer === old.buffer) block.view.data.fill(0, kept);
  else block.view.data.set(old.subarray(0, kept));
}

/** Makes the view of a block at its new place. */
function place(block: Block, buffer: ArrayBuffer, start: number, capacity: number): void {
  const { view, stride, wanted } = block;
  const length = wanted * stride;
  const isTensor = view.rows !== undefined;
  view.data = isTensor ? new Float32Array(buffer, start, length) : new Uint32Array(buffer, start, length);
  if (isTensor) view.rows = wanted;
  block.start = start;
  block.capacity = capacity;
  block.rows = wanted;
}

function cannotAllocate(bytes: number, error: unknown): RangeError {
  const reason = error instanceof Error ? error.message : String(error);
  return new RangeError(
    `cannot allocate ${(bytes / 2 ** 20).toFixed(0)} MiB for the model (${reason}); ` +
      "use fewer features, a smaller embeddingDim or a smaller batchSize",
  );
}
