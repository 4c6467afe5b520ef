// The owner of a model's memory: it lays tensors out, lets them grow, and knows the kernels that work on
// them. In WebAssembly all tensors share one memory: lasting ones first, in order of allocation, then the
// buffers. So buffers can grow without moving a table, and a table that grows pushes what lies behind it up.
// In plain JavaScript every tensor has an ArrayBuffer of its own.

import { strideOf, type Tensor } from "../core/tensor.ts";
import { forwardKernels } from "./forward.ts";
import type { KernelSet } from "./kernel-set.ts";
import type { ForwardKernels, TrainingKernels } from "./kernels.ts";
import { compile, findObstacle, WasmSpace } from "./wasm/space.ts";

export type { KernelSet } from "./kernel-set.ts";

/** Bytes kept free at the start of a WebAssembly memory, so that address 0 can stand for "none". */
const RESERVED = 16;

/** How a tensor is laid out. */
export interface TensorOptions {
  /**
   * Distance between the starts of two rows, in floats. Default: cols rounded up to a multiple of 4.
   * 1 for a column that is never padded.
   */
  readonly stride?: number | undefined;
  /** Whether the content survives later changes of the layout. Default: false, a buffer. */
  readonly lasting?: boolean | undefined;
}

/** Unsigned integers in a model's memory. `data` may be another array after each commit. */
export interface Integers {
  readonly data: Uint32Array;
}

type Words = Float32Array<ArrayBuffer> | Uint32Array<ArrayBuffer>;

/** A tensor, or integers as rows of one word, and where it lies. */
interface Block {
  readonly view: { data: Words; rows?: number };
  /** Words per row. */
  readonly stride: number;
  readonly lasting: boolean;
  /** Rows at present. */
  rows: number;
  /** Rows from the next commit on. */
  wanted: number;
  /** Rows that have room where it lies; -1 before it lies anywhere. */
  capacity: number;
  /** Byte address in a WebAssembly memory; 0 before it lies anywhere. */
  start: number;
}

/** Allocates the tensors of one model and carries the kernels for them. */
export class Memory {
  readonly #requested: "auto" | "wasm" | "js";
  /** Compiled sets, shared with forks. */
  readonly #modules: Map<KernelSet, WebAssembly.Module>;
  /** What was added to the kernels of prediction. */
  readonly #sets: KernelSet[] = [];
  /** Where everything lies; null where plain JavaScript runs. */
  #space: WasmSpace | null = null;
  #kernels: (ForwardKernels & Partial<TrainingKernels>) | null = null;
  /** What the last commit laid out, lasting blocks first. */
  #blocks: readonly Block[] = [];
  /** What waits for the next commit. */
  #added: Block[] = [];

  /**
   * @param requested "auto" takes WebAssembly SIMD where it runs and plain JavaScript elsewhere.
   * @param origin Internal: the memory to share compiled kernels with.
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

  /** Which kernels run. Under "auto" a commit can change it from "wasm" to "js". */
  get backend(): "js" | "wasm" {
    return this.#space === null ? "js" : "wasm";
  }

  /**
   * The kernels for the tensors of this memory: those of prediction, and those that `addKernels` added. They
   * run from the first commit on. After a commit that changes the backend it is another object.
   */
  get kernels(): ForwardKernels & Partial<TrainingKernels> {
    this.#kernels ??= this.#sets.reduce(
      (kernels, set) => extend(kernels, this.#link(set)),
      this.#link(forwardKernels),
    );
    return this.#kernels;
  }

  /** Adds a set of kernels to the object that `kernels` gives, unless they are there. Returns this object. */
  addKernels<K extends object>(set: KernelSet<K>): ForwardKernels & K {
    const { kernels } = this;
    if (!this.#sets.includes(set)) {
      extend(kernels, this.#link(set));
      this.#sets.push(set);
    }
    return kernels as ForwardKernels & K;
  }

  /**
   * Asks for a tensor of zeros. It has its shape at once and its `data` from the next commit on; until then
   * they are empty.
   */
  allocate(rows: number, cols: number, options: TensorOptions = {}): Tensor {
    const { stride = strideOf(cols), lasting = false } = options;
    const view = { data: new Float32Array(0), rows, cols, stride };
    this.#added.push({ view, stride, lasting, rows: 0, wanted: rows, capacity: -1, start: 0 });
    return view;
  }

  /** Asks for a buffer of unsigned integers, all 0. Its `data` are empty until the next commit. */
  allocateIntegers(length: number): Integers {
    const view = { data: new Uint32Array(0) };
    this.#added.push({ view, stride: 1, lasting: false, rows: 0, wanted: length, capacity: -1, start: 0 });
    return view;
  }

  /** Asks for another number of rows (of integers: another length), from the next commit on. */
  resize(x: Tensor | Integers, rows: number): void {
    const block = [...this.#blocks, ...this.#added].find(({ view }) => view === x);
    if (block === undefined) throw new Error("resize: the tensor does not belong to this memory");
    block.wanted = rows;
  }

  /**
   * Carries out everything that was asked for since the last commit, or nothing of it.
   *
   * Lasting tensors keep the rows that both sizes have, and new rows are zero. A lasting tensor that outgrows
   * its place gets at least twice the rows, if there is memory for them. A buffer that is moved or resized is
   * all zeros then; the others keep their content. `data` of every tensor may be another array.
   *
   * @throws RangeError that says how much memory was needed, if it cannot be had. Nothing has changed then.
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

  /** Makes an empty memory with the same kernels; compiled modules are shared. */
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

  /** Lays the blocks out in the WebAssembly memory. Returns false if plain JavaScript has to take them. */
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

  /** Gives each block an ArrayBuffer of its own, or leaves it in the one that it has. */
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

/** Adds properties. Unlike after `Object.assign`, V8 does not turn the object into a slower dictionary. */
function extend<K extends object>(kernels: K, added: object): K {
  return Object.defineProperties(kernels, Object.getOwnPropertyDescriptors(added));
}

/** Where blocks go in a WebAssembly memory. */
interface Layout {
  /** Rows that each block gets room for. */
  readonly capacities: readonly number[];
  /** Byte address of each block, a multiple of 16. */
  readonly starts: readonly number[];
  /** Where the last one ends. */
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

/** Bytes of some rows of a block, up to the next 16-byte boundary. */
function bytesOf({ stride }: Block, rows: number): number {
  return strideOf(rows * stride) * 4;
}

/**
 * Runs `attempt` with the rows that each block shall have room for: at least twice as many as before where a
 * lasting block outgrows its place. If it throws, runs it again with what is needed and no more.
 */
function tryRoomy<T>(blocks: readonly Block[], attempt: (capacities: readonly number[]) => T): T {
  try {
    return attempt(capacitiesOf(blocks, 2));
  } catch {
    return attempt(capacitiesOf(blocks, 1));
  }
}

/** A lasting block never gives up room, and a buffer has none to spare. */
function capacitiesOf(blocks: readonly Block[], growth: 1 | 2): number[] {
  return blocks.map(({ lasting, wanted, capacity }) => {
    if (!lasting) return wanted;
    return wanted <= capacity ? capacity : Math.max(wanted, growth * capacity);
  });
}

/** Moves blocks to their places in a memory whose bytes from `used` on are zero. */
function moveWithin(buffer: ArrayBuffer, used: number, blocks: readonly Block[], layout: Layout): void {
  const bytes = new Uint8Array(buffer);
  // Lasting blocks only ever move up, so the last one goes first.
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

/** Moves a block to an ArrayBuffer of zeros, or lets it have another size in its own. */
function moveTo(buffer: ArrayBuffer, capacity: number, block: Block): void {
  const { rows, wanted, stride, lasting } = block;
  const old = block.view.data;
  if (buffer === old.buffer && rows === wanted) return;
  place(block, buffer, 0, capacity);
  const kept = lasting || rows === wanted ? Math.min(rows, wanted) * stride : 0;
  if (buffer === old.buffer) block.view.data.fill(0, kept);
  else block.view.data.set(old.subarray(0, kept));
}

/** Makes the view of a block that lies in its place. */
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
