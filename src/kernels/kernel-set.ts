// A set of kernels for a memory: the version in plain JavaScript, and the parts from which the WebAssembly
// version is made.

import type { Tensor } from "../core/tensor.ts";
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
}
