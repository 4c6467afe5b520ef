// One WebAssembly memory and the functions that work on it. Emitted modules are linked to it one after the
// other.

import type { Tensor } from "../../core/tensor.ts";
import type { KernelSet, RowAddress } from "../kernel-set.ts";
import { ModuleBuilder } from "./assembler.ts";
import { SCRATCH_BYTES } from "./matmul.ts";
import { splat } from "./vectors.ts";

/** Number of bytes of a WebAssembly page, by the specification. */
const PAGE = 65536;
/** Number of pages that 32-bit addresses can reach. */
const MAX_PAGES = 65536;
/**
 * Pages beyond what is needed, 4 MiB, so that buffers of usual size can be added without another growth. The
 * operating system gives a page only when it is written to, so pages that stay unused cost addresses alone.
 */
const SPARE_PAGES = 64;

/**
 * Finds out whether WebAssembly SIMD can run in this engine, by compiling a module with one SIMD instruction.
 *
 * @returns Null if it can run. Otherwise the reason: the engine has no WebAssembly or no SIMD, or a
 *   content-security policy forbids it.
 */
export function findObstacle(): string | null {
  if (typeof WebAssembly === "undefined") return "this engine has no WebAssembly";
  const probe = new ModuleBuilder();
  probe.function("probe", [], (f) => f.local("v128", splat(0)));
  try {
    new WebAssembly.Module(probe.toBytes());
    return null;
  } catch (error) {
    return (error as Error).message;
  }
}

/**
 * Emits and compiles the module of a set of kernels. This takes a few milliseconds.
 *
 * @param set The set.
 * @param shared Whether threads will share the memory of its instances.
 * @returns The compiled module.
 */
export function compile(set: KernelSet, shared: boolean): WebAssembly.Module {
  const m = new ModuleBuilder();
  set.emit(m);
  return new WebAssembly.Module(m.toBytes(shared ? MAX_PAGES : null));
}

/** A memory of `wanted` pages, or of `needed` pages if that many cannot be had. */
function newMemory(wanted: number, needed: number, shared: boolean): WebAssembly.Memory {
  try {
    return new WebAssembly.Memory({ initial: wanted, maximum: MAX_PAGES, shared });
  } catch {
    return new WebAssembly.Memory({ initial: needed, maximum: MAX_PAGES, shared });
  }
}

/** Grows a memory by `wanted` pages, or by `needed` pages if that many cannot be had. */
function growMemory(memory: WebAssembly.Memory, wanted: number, needed: number): void {
  try {
    memory.grow(wanted);
  } catch {
    memory.grow(needed);
  }
}

/**
 * Returns where the workspace of a thread is. The workspaces lie at the start of the memory.
 *
 * @param thread Number of the thread, from 0; with the number of threads, the end of all workspaces.
 * @returns The byte address. It is above 0, so that 0 can stand for "none".
 */
export function scratchOf(thread: number): number {
  return 16 + thread * SCRATCH_BYTES;
}

/** Returns the byte address of row `i` of a tensor, without a check that the tensor lies in the memory. */
export function rowAddress({ data, stride }: Tensor, i: number): number {
  return data.byteOffset + i * stride * 4;
}

/** A growing memory with the kernels linked to it. Both exist from the first `grow` on. */
export class WasmSpace {
  /** The linked modules, in order. */
  readonly modules: WebAssembly.Module[] = [];
  /** The functions of all linked modules, by name. */
  readonly functions: Record<string, (...args: number[]) => void> = {};
  /** The memory; null before the first `grow`. */
  memory: WebAssembly.Memory | null = null;
  /**
   * The bytes of the memory; null before the first `grow`. Growth makes another buffer, and detaches this one
   * unless threads share it.
   */
  buffer: ArrayBufferLike | null = null;
  readonly #isShared: boolean;

  /**
   * Makes a space without memory.
   *
   * @param shared Whether threads will share the memory.
   */
  constructor(shared: boolean) {
    this.#isShared = shared;
  }

  /**
   * Links a set of kernels to this memory, after the sets that it depends on.
   *
   * @param set The set.
   * @param module Its compiled module.
   * @returns The kernels. They can run after the first `grow`.
   */
  link<K extends object>(set: KernelSet<K>, module: WebAssembly.Module): K {
    this.modules.push(module);
    if (this.memory !== null) this.#instantiate(module, this.memory);
    return set.bind(this.functions, this.#row);
  }

  /**
   * Grows the memory to at least `bytes` bytes; the new ones are zero. It grows rarely and by more than is
   * needed, because growth detaches an ArrayBuffer, and from the first time that this happens V8 runs all
   * loops over typed arrays 20 to 38 % slower.
   *
   * @param bytes Number of bytes needed.
   * @returns The bytes of the memory, at least so many.
   * @throws RangeError if so much memory cannot be allocated. Nothing has changed then.
   */
  grow(bytes: number): ArrayBufferLike {
    const pages = Math.ceil(bytes / PAGE);
    if (pages > MAX_PAGES) {
      const needed = (bytes / 2 ** 20).toFixed(0);
      throw new RangeError(`WebAssembly can address 4096 MiB, and the model needs ${needed}`);
    }
    const roomy = Math.min(pages + SPARE_PAGES, MAX_PAGES);
    if (this.memory === null) {
      const memory = newMemory(roomy, pages, this.#isShared);
      for (const module of this.modules) this.#instantiate(module, memory);
      this.memory = memory;
    } else {
      const present = this.memory.buffer.byteLength / PAGE;
      if (pages > present) growMemory(this.memory, roomy - present, pages - present);
    }
    this.buffer = this.memory.buffer;
    return this.buffer;
  }

  #instantiate(module: WebAssembly.Module, memory: WebAssembly.Memory): void {
    Object.assign(
      this.functions,
      new WebAssembly.Instance(module, { env: { memory, scratch: scratchOf(0) } }).exports,
    );
  }

  /** Refuses a tensor in another buffer, such as one of the user's own: its address would be wrong here. */
  readonly #row: RowAddress = (x: Tensor, i: number) => {
    if (x.data.buffer !== this.buffer) {
      throw new TypeError(
        "kernels take the tensors of the pass or update alone: " +
          "another one does not lie in the model's WebAssembly memory",
      );
    }
    return rowAddress(x, i);
  };
}
