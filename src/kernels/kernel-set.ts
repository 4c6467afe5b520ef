// A set of kernels for a memory: the version in plain JavaScript, and the parts from which the WebAssembly
// version is made.

import type { Tensor } from "../core/tensor.ts";
import type { Recorder } from "./threads/recorder.ts";
import type { ModuleBuilder } from "./wasm/assembler.ts";

/** The functions that instances of emitted modules export, by name. */
export type Exports = Readonly<Record<string, (...args: number[]) => void>>;

/**
 * Returns the byte address of row `i` of a tensor.
 *
 * @throws TypeError if the tensor does not lie in the memory of the kernels.
 */
export type RowAddress = (x: Tensor, i: number) => number;

/** Kernels of type K in both versions. */
export interface KernelSet<K extends object = object> {
  /** Makes the kernels in plain JavaScript, with their own workspace. */
  create(): K;
  /**
   * Adds the functions of the SIMD kernels to a module.
   *
   * @param m The module.
   */
  emit(m: ModuleBuilder): void;
  /**
   * Makes the SIMD kernels.
   *
   * @param exports The functions of this set and of the sets that were added before it.
   * @param row Returns the address of a row.
   * @returns The kernels.
   */
  bind(exports: Exports, row: RowAddress): K;
  /**
   * Makes the kernels that several threads can share. Absent: one thread runs all kernels of the set.
   *
   * @param recorded The kernels whose functions are those of the recorder.
   * @param recorder Writes calls down, split into ranges.
   * @param atOnce The kernels that run on the calling thread, after all calls before.
   * @returns Kernels that write their calls down, or call `atOnce` if a call cannot be split.
   */
  split?(recorded: K, recorder: Recorder, atOnce: K): Partial<K>;
}
