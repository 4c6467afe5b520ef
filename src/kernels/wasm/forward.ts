// The SIMD kernels of prediction: the functions of their module, and the calls of these functions. Tensors
// are passed as byte addresses. tanh and sigmoid are not in the module: they run the plain loops on the same
// memory, unless `smoothKernels` are added.

import type { Tensor } from "../../core/tensor.ts";
import { activationForward } from "../js/activations.ts";
import type { Exports, RowAddress } from "../kernel-set.ts";
import type { ForwardKernels, SparseBatch } from "../kernels.ts";
import type { ModuleBuilder } from "./assembler.ts";
import { emitBiInteraction } from "./bi-interaction.ts";
import { emitColumns } from "./columns.ts";
import { emitMatmul } from "./matmul.ts";
import { emitRows } from "./rows.ts";

/**
 * Adds the functions of prediction to a module.
 *
 * @param m The module.
 */
export function emit(m: ModuleBuilder): void {
  emitBiInteraction(m);
  emitMatmul(m);
  emitColumns(m);
  emitRows(m);
}

/**
 * Returns the number of bytes from one row of a tensor to the next.
 *
 * @param x The tensor.
 * @returns Its stride in bytes.
 */
export function rowBytes(x: Tensor): number {
  return x.stride * 4;
}

/**
 * Returns the address of the values of a batch.
 *
 * @param batch The batch.
 * @returns The byte address; 0 if all values are 1.
 */
export function valuesOf({ values }: SparseBatch): number {
  return values === null ? 0 : values.byteOffset;
}

/**
 * Computes the number of bytes of a padded row.
 *
 * @param cols Number of columns.
 * @returns A multiple of 16.
 */
export function padded(cols: number): number {
  return Math.ceil(cols / 4) * 16;
}

/**
 * Makes the kernels of prediction from the functions that `emit` added.
 *
 * @param wasm The functions.
 * @param row Returns the address of a row.
 * @returns The kernels.
 */
export function bind(wasm: Exports, row: RowAddress): ForwardKernels {
  const address = (x: Tensor): number => row(x, 0);
  const addressOrNone = (x: Tensor | null): number => (x === null ? 0 : row(x, 0));
  return {
    name: "wasm",

    linearForward(batch, w, out, start, end) {
      const { indptr, indices, context } = batch;
      wasm.linearForward(
        indptr.byteOffset,
        indices.byteOffset,
        valuesOf(batch),
        context ? address(context.linear) : 0,
        address(w),
        address(out),
        start,
        end,
      );
    },

    biInteractionForward(batch, v, sums, pooled, squares, start, end) {
      const { indptr, indices, context } = batch;
      wasm.biInteractionForward(
        indptr.byteOffset,
        indices.byteOffset,
        valuesOf(batch),
        context ? address(context.sums) : 0,
        context ? address(context.squares) : 0,
        address(v),
        address(sums),
        address(pooled),
        addressOrNone(squares),
        rowBytes(v),
        start,
        end,
      );
    },

    matmul(c, a, b, bias, start, end) {
      const [from, to, width] = [row(a, start), row(c, start), rowBytes(b)];
      const count = end - start;
      const shift = addressOrNone(bias);
      wasm.matmul(to, rowBytes(c), from, rowBytes(a), 4, a.cols, address(b), width, shift, count, width);
    },

    activationForward(name, y, x, start, end) {
      if (name !== "relu") activationForward(name, y, x, start, end);
      else wasm.reluForward(row(y, start), row(x, start), (end - start) * rowBytes(x));
    },

    runningStatistics(norm, epsilon, start, end) {
      wasm.runningStatistics(
        address(norm.mean),
        address(norm.inverseStd),
        address(norm.runningMean),
        address(norm.runningVariance),
        start * 4,
        padded(end),
        epsilon,
      );
    },

    normalize(y, x, norm, start, end) {
      wasm.normalize(
        address(y),
        address(x),
        rowBytes(x),
        address(norm.mean),
        address(norm.inverseStd),
        address(norm.scale),
        address(norm.shift),
        start,
        end,
      );
    },

    scoreForward(scores, bias, linear, y, h, start, end) {
      wasm.scoreForward(
        address(scores),
        address(bias),
        address(linear),
        address(y),
        address(h),
        rowBytes(y),
        y.cols,
        start,
        end,
      );
    },
  };
}
