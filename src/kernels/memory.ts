// The memory of a model. It allocates tensors, lets them grow, and has the kernels that work on them. In
// WebAssembly all tensors share one memory: first the lasting tensors in the order of allocation, then the
// buffers. So buffers can grow without moving a table. A table that grows moves the tensors behind it up. In
// plain JavaScript every tensor has its own ArrayBuffer.

import { strideOf, type Tensor } from "../core/tensor.ts";
import { forwardKernels } from "./forward.ts";
import type { KernelSet } from "./kernel-set.ts";
import type { ForwardKernels, Kernels, TrainingKernels } from "./kernels.ts";
import {
  type Block,
  cannotAllocate,
  capacitiesOf,
  type Layout,
  layOut,
  moveTo,
  moveWithin,
  tryRoomy,
} from "./layout.ts";
import type { Recorder } from "./threads/recorder.ts";
import { canShareMemory } from "./threads/start-worker.ts";
import { type ThreadSettings, type Threads, threadsOf } from "./threads/threads.ts";
import { compile, findObstacle, rowAddress, scratchOf, WasmSpace } from "./wasm/space.ts";

export type { KernelSet } from "./kernel-set.ts";

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
  readonly #threadSettings: ThreadSettings;
  /** The threads that compute; null: only the calling one. */
  #threads: Threads | null = null;

  /**
   * Chooses the backend.
   *
   * @param requested "auto" takes WebAssembly SIMD if the engine can run it, and plain JavaScript otherwise.
   * @param threads How many threads compute. Where threads cannot share memory, and in plain JavaScript, it
   *   is one. Default: one.
   * @param origin Internal: the memory whose compiled kernels are shared.
   * @throws Error that says why, for "wasm" in an engine that cannot run it.
   */
  constructor(
    requested: "auto" | "wasm" | "js",
    threads: ThreadSettings = ONE_THREAD,
    origin: Memory | null = null,
  ) {
    this.#requested = requested;
    this.#modules = origin === null ? new Map() : origin.#modules;
    this.#threadSettings = threads;
    if (requested === "js") return;
    const obstacle = origin === null ? findObstacle() : null;
    if (obstacle === null) {
      const isShared = origin === null ? threads.threads > 1 && canShareMemory() : origin.#threads !== null;
      if (isShared) this.#threads = threadsOf(this, threads);
      this.#space = new WasmSpace(isShared);
    } else if (requested === "wasm") {
      throw new Error(`backend: "wasm" cannot run here (${obstacle}); use "auto" or "js"`);
    }
  }

  /** Number of threads that compute long work. */
  get threads(): number {
    return this.#threads?.count ?? 1;
  }

  /**
   * Runs code whose kernel calls may be computed by several threads, if there is enough work. Inside it,
   * `kernels` is another object, whose calls need not have run when they return.
   *
   * @param work Number of multiplications and additions of the kernels.
   * @param run Calls kernels of layers and passes of the library. It calls `settle` before it reads what they
   *   write, and before it writes what they read.
   * @throws Error if a worker thread has died. What the kernels should have written is then undefined.
   */
  together(work: number, run: () => void): void {
    const space = this.#space;
    if (this.#threads === null || space === null) {
      run();
      return;
    }
    const { kernels } = this; // links the functions, if this has not happened yet
    const { memory, modules, functions } = space;
    this.#threads.together(work, run, {
      program: { memory: memory!, modules, functions, scratchOf },
      split: (recorder) => this.#split(kernels, recorder),
    });
  }

  /** Makes the kernels that write their calls down. */
  #split(plain: Partial<Kernels>, recorder: Recorder): Partial<Kernels> {
    const atOnce = afterAll(plain, recorder);
    const sets: readonly KernelSet<never>[] = [forwardKernels, ...this.#sets] as never;
    return sets.reduce(
      (kernels, set) => {
        const recorded = set.bind(recorder.functions, rowAddress);
        return extend(kernels, set.split?.(recorded, recorder, atOnce as never) ?? {});
      },
      extend<Partial<Kernels>>({}, atOnce),
    );
  }

  /** Inside `together`: waits until all kernels called so far have run. */
  settle(): void {
    this.#threads?.settle();
  }

  /** Ends the worker threads. The next long work starts others. */
  close(): void {
    this.#threads?.close();
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
    const together = this.#threads?.kernels;
    if (together) return together as Kernels;
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
      this.close(); // workers have the functions that were known when they started
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
      throw cannotAllocate(layOut(blocks, capacitiesOf(blocks, 1), 0).end, error);
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
    const fork = new Memory(this.#space === null ? "js" : this.#requested, this.#threadSettings, this);
    fork.#sets.push(...this.#sets);
    return fork;
  }

  #link<K extends object>(set: KernelSet<K>): K {
    if (this.#space === null) return set.create();
    const module = this.#modules.get(set) ?? compile(set, this.#threads !== null);
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
        const attempt = layOut(blocks, capacities, scratchOf(this.#threadSettings.threads));
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
    this.close();
    this.#threads = null;
    this.#space = null;
    this.#kernels = null;
  }
}

const ONE_THREAD: ThreadSettings = { threads: 1, workerUrl: undefined };

/** Makes kernels that run at once, when all calls that a recorder has written down have run. */
function afterAll<K extends object>(kernels: K, recorder: Recorder): K {
  const entries = Object.entries(kernels).map(([name, run]): [string, unknown] => {
    if (typeof run !== "function") return [name, run];
    const after = (...args: unknown[]): void => {
      recorder.settle();
      run(...args);
    };
    return [name, after];
  });
  return Object.fromEntries(entries) as K;
}

/**
 * Adds properties. After `Object.assign`, V8 would store the object as a dictionary, whose calls are slower.
 */
function extend<K extends object>(kernels: K, added: object): K {
  return Object.defineProperties(kernels, Object.getOwnPropertyDescriptors(added));
}
