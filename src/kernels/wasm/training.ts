// The SIMD kernels of training: the functions of their module, and the calls of these functions. They are
// linked after those of prediction, because they use the same matrix product.

import type { Tensor } from "../../core/tensor.ts";
import { columnSums } from "../js/batch-norm-backward.ts";
import type { Exports, RowAddress } from "../kernel-set.ts";
import type { TrainingKernels, Update } from "../kernels.ts";
import type { ModuleBuilder } from "./assembler.ts";
import { emitBiInteractionBackward } from "./bi-interaction-backward.ts";
import { emitColumnsBackward } from "./columns-backward.ts";
import { padded, rowBytes, valuesOf } from "./forward.ts";
import { emitOptimizers } from "./optimizers.ts";
import { emitRowsBackward } from "./rows-backward.ts";
import { emitTranspose } from "./transpose.ts";

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
        start,
        end,
      );
    };
  /** Calls a function of `emitOptimizers`. All but "momentum" ignore the last argument. */
  const optimize = (
    name: "adagrad" | "sgd" | "momentum",
    { theta, state, gradient, rows, l2 }: Update,
    start: number,
    end: number,
    learningRate: number,
    momentum: number,
  ): void => {
    const first = rows === null ? start : 0; // the row of theta that `rows` counts from
    wasm[name](
      row(theta, first),
      state === null ? 0 : row(state, first),
      row(gradient, start),
      rows === null ? 0 : rows.byteOffset + start * 4,
      end - start,
      theta.cols,
      rowBytes(theta),
      rowBytes(gradient),
      l2,
      learningRate,
      momentum,
    );
  };
  return {
    linearBackward(batch, dScores, dw, start, end) {
      const { indptr, slots, rows } = batch;
      wasm.linearBackward(
        indptr.byteOffset,
        slots.byteOffset,
        valuesOf(batch),
        address(dScores),
        address(dw),
        rows,
        start,
        end,
      );
    },

    biInteractionBackward: rowGradients("biInteractionBackward"),
    partsBackward: rowGradients("partsBackward"),

    matmulTransposed(c, a, b, depth, start, end) {
      const [from, to, width] = [address(a) + start * 4, row(c, start), rowBytes(b)];
      wasm.matmul(to, rowBytes(c), from, 4, rowBytes(a), depth, address(b), width, 0, end - start, width);
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
      const size = (end - start) * rowBytes(y);
      wasm[`${name}Backward`](row(dX, start), row(y, start), row(dY, start), size);
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

    adagrad(update, learningRate, start = 0, end = update.count) {
      optimize("adagrad", update, start, end, learningRate, 0);
    },

    sgd(update, learningRate, momentum, start = 0, end = update.count) {
      if (update.state === null) optimize("sgd", update, start, end, learningRate, 0);
      else optimize("momentum", update, start, end, learningRate, momentum);
    },
  };
}
