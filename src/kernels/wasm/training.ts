// The SIMD kernels of training: the functions of their module, and the calls of these functions. They are
// linked after those of prediction, because they use the same matrix product. tanh, sigmoid and SGD are not
// in the module: they run the plain loops on the same memory.

import type { Tensor } from "../../core/tensor.ts";
import { activationBackward } from "../js/activations-backward.ts";
import { columnSums } from "../js/batch-norm-backward.ts";
import { sgd } from "../js/optimizers.ts";
import type { Exports, RowAddress } from "../kernel-set.ts";
import type { TrainingKernels } from "../kernels.ts";
import type { ModuleBuilder } from "./assembler.ts";
import { emitBiInteractionBackward } from "./bi-interaction-backward.ts";
import { emitColumnsBackward } from "./columns-backward.ts";
import { padded, rowBytes, valuesOf } from "./forward.ts";
import { emitOptimizers } from "./optimizers.ts";
import { emitRowsBackward } from "./rows-backward.ts";
import { emitTranspose } from "./transpose.ts";

/** Number of rows of a and b that `matmulTransposed` processes at a time. */
const BLOCK = 128;

/**
 * Adds the functions of training to a module.
 *
 * @param m The module.
 */
export function emit(m: ModuleBuilder): void {
  emitBiInteractionBackward(m);
  emitTranspose(m);
  emitColumnsBackward(m);
  emitRowsBackward(m);
  emitOptimizers(m);
}

/**
 * Makes the kernels of training from the functions that `emit` added and from `matmul` of the prediction
 * module.
 *
 * @param wasm The functions.
 * @param row Returns the address of a row.
 * @returns The kernels.
 */
export function bind(wasm: Exports, row: RowAddress): TrainingKernels {
  const address = (x: Tensor): number => row(x, 0);
  /** Binds a function of `emitRowGradients`. Both take two tensors with a row per row of the batch. */
  const rowGradients =
    (name: "biInteractionBackward" | "partsBackward"): TrainingKernels[typeof name] =>
    (batch, v, first, second, dV, start, end) => {
      const { indptr, indices, slots, rows, touchedCount } = batch;
      wasm[name](
        indptr.byteOffset,
        indices.byteOffset,
        slots.byteOffset,
        valuesOf(batch),
        address(v),
        address(first),
        address(second),
        address(dV),
        rowBytes(v),
        rows,
        touchedCount,
        start * 4,
        padded(end),
      );
    };
  return {
    linearBackward(batch, dScores, dw) {
      const { indptr, slots, rows, touchedCount } = batch;
      const values = valuesOf(batch);
      const [from, to] = [address(dScores), address(dw)];
      wasm.linearBackward(indptr.byteOffset, slots.byteOffset, values, from, to, rows, touchedCount);
    },

    biInteractionBackward: rowGradients("biInteractionBackward"),
    partsBackward: rowGradients("partsBackward"),

    matmulTransposed(c, a, b, depth, start, end) {
      const count = end - start;
      // Blocks of rows stay in the cache. The sums of a block start from the results of the block before.
      for (let first = 0; first < depth || first === 0; first += BLOCK) {
        wasm.matmul(
          row(c, start),
          rowBytes(c),
          row(a, first) + start * 4,
          4,
          rowBytes(a),
          Math.min(BLOCK, depth - first),
          row(b, first),
          rowBytes(b),
          0,
          first,
          count,
          rowBytes(b),
        );
      }
    },

    transpose(out, x) {
      wasm.transpose(address(out), rowBytes(out), address(x), rowBytes(x), x.rows, x.cols);
    },

    columnSums(out, x, rows, start, end) {
      if (x.stride % 4 !== 0)
        columnSums(out, x, rows, start, end); // a single unpadded column
      else wasm.columnSums(address(out), address(x), rowBytes(x), rows, start * 4, padded(end));
    },

    activationBackward(name, dX, y, dY, start, end) {
      if (name !== "relu") activationBackward(name, dX, y, dY, start, end);
      else wasm.reluBackward(row(dX, start), row(y, start), row(dY, start), (end - start) * rowBytes(y));
    },

    batchStatistics(x, norm, rows, epsilon, momentum, start, end) {
      wasm.batchStatistics(
        address(x),
        rowBytes(x),
        rows,
        address(norm.mean),
        address(norm.inverseStd),
        address(norm.runningMean),
        address(norm.runningVariance),
        start * 4,
        padded(end),
        rows,
        epsilon,
        momentum,
      );
    },

    batchNormBackward(dX, dScale, dShift, x, dY, norm, rows, start, end) {
      wasm.batchNormBackward(
        address(dX),
        address(dScale),
        address(dShift),
        address(x),
        address(dY),
        rowBytes(x),
        rows,
        address(norm.mean),
        address(norm.inverseStd),
        address(norm.scale),
        start * 4,
        padded(end),
        rows,
      );
    },

    dropoutForward(y, mask, x, key, rate, start, end) {
      const [keep, threshold] = [1 / (1 - rate), Math.round(rate * 2147483647)];
      wasm.dropoutForward(
        address(y),
        address(mask),
        address(x),
        key.k0,
        key.k1,
        start,
        end,
        x.cols,
        rowBytes(x),
        keep,
        threshold,
      );
    },

    multiply(out, a, b, start, end) {
      wasm.multiply(row(out, start), row(a, start), row(b, start), (end - start) * rowBytes(a));
    },

    scoreBackward(dY, dScores, h, start, end) {
      wasm.scoreBackward(address(dY), address(dScores), address(h), rowBytes(dY), start, end);
    },

    adagrad({ theta, state, gradient, rows, count, l2 }, learningRate) {
      wasm.adagrad(
        address(theta),
        address(state!),
        address(gradient),
        rows === null ? 0 : rows.byteOffset,
        count,
        theta.cols,
        rowBytes(theta),
        rowBytes(gradient),
        learningRate,
        l2,
      );
    },

    sgd,
  };
}
