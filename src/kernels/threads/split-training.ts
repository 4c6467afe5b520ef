// How several threads share the kernels of training.

import type { TrainingKernels } from "../kernels.ts";
import type { Recorder } from "./recorder.ts";

/** Fewest rows of a transposed product that are split. */
const MIN_ROWS = 8;

/**
 * Makes the kernels that write their calls down. See `KernelSet.split`.
 *
 * @param k The same kernels, whose functions are those of the recorder.
 * @param recorder Writes the calls down.
 * @param atOnce The same kernels, which run on the calling thread.
 * @returns The kernels that can be split.
 */
export function split(
  k: TrainingKernels,
  recorder: Recorder,
  atOnce: TrainingKernels,
): Partial<TrainingKernels> {
  return {
    activationBackward(name, dX, y, dY, start, end) {
      recorder.add("rows", start, end, (from, to) => k.activationBackward(name, dX, y, dY, from, to));
    },
    dropoutForward(y, mask, x, key, rate, start, end) {
      recorder.add("rows", start, end, (from, to) => k.dropoutForward(y, mask, x, key, rate, from, to));
    },
    multiply(out, a, b, start, end) {
      recorder.add("rows", start, end, (from, to) => k.multiply(out, a, b, from, to));
    },
    scoreBackward(dY, dScores, h, start, end) {
      recorder.add("rows", start, end, (from, to) => k.scoreBackward(dY, dScores, h, from, to));
    },
    batchStatistics(x, norm, rows, epsilon, momentum, start, end) {
      recorder.add("columns", start, end, (from, to) =>
        k.batchStatistics(x, norm, rows, epsilon, momentum, from, to),
      );
    },
    batchNormBackward(dX, dScale, dShift, x, dY, norm, rows, start, end) {
      recorder.add("columns", start, end, (from, to) =>
        k.batchNormBackward(dX, dScale, dShift, x, dY, norm, rows, from, to),
      );
    },
    matmulTransposed(c, a, b, depth, start, end) {
      if (end - start < MIN_ROWS) return atOnce.matmulTransposed(c, a, b, depth, start, end);
      recorder.add("sums", start, end, (from, to) => k.matmulTransposed(c, a, b, depth, from, to));
    },
    columnSums(out, x, rows, start, end) {
      if (x.stride % 4 !== 0) return atOnce.columnSums(out, x, rows, start, end);
      recorder.add("sums", start, end, (from, to) => k.columnSums(out, x, rows, from, to));
    },
    transpose(out, x) {
      recorder.addWhole("sums", () => k.transpose(out, x));
    },
    linearBackward(batch, dScores, dw, start, end) {
      const call = (from: number, to: number): void => k.linearBackward(batch, dScores, dw, from, to);
      recorder.add("tables", start, end, call, batch);
    },
    biInteractionBackward(batch, v, sums, dPooled, dV, start, end) {
      const call = (from: number, to: number): void =>
        k.biInteractionBackward(batch, v, sums, dPooled, dV, from, to);
      recorder.add("tables", start, end, call, batch);
    },
    partsBackward(batch, v, a, d, dV, start, end) {
      const call = (from: number, to: number): void => k.partsBackward(batch, v, a, d, dV, from, to);
      recorder.add("tables", start, end, call, batch);
    },
    adagrad(update, rate, start = 0, end = update.count) {
      const call = (from: number, to: number): void => k.adagrad(update, rate, from, to);
      recorder.add("tables", start, end, call, update.rows === null ? undefined : null);
    },
    sgd(update, rate, momentum, start = 0, end = update.count) {
      const call = (from: number, to: number): void => k.sgd(update, rate, momentum, from, to);
      recorder.add("tables", start, end, call, update.rows === null ? undefined : null);
    },
  };
}
