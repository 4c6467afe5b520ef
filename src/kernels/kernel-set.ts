// A set of kernels for a memory: the plain version, and what WebAssembly needs for the other one.

import type { Tensor } from "../core/tensor.ts";
import type { ModuleBuilder } from "./wasm/assembler.ts";

/** The functions of an instance of an emitted module, by name. */
export type Exports = Readonly<Record<string, (...args: number[]) => void>>;

/**
 * Gives the byte address of row `i` of a tensor.
 *
 * @throws TypeError if the tensor does not lie in the memory of the kernels.
 */
export type RowAddress = (x: Tensor, i: number) => number;

/** Kernels of type K in both versions. */
export interface KernelSet<K extends object = object> {
  /** Makes the plain kernels, with a workspace of their own. */
  create(): K;
  /** Adds the functions behind the SIMD kernels to a module. */
  emit(m: ModuleBuilder): void;
  /** Makes the SIMD kernels. `exports` holds the functions of this set and of the sets added before it. */
  bind(exports: Exports, row: RowAddress): K;
}
