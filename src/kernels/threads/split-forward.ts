// How several threads share the kernels of prediction.

import type { ForwardKernels } from "../kernels.ts";
import type { Recorder } from "./recorder.ts";

/**
 * Makes the kernels that write their calls down. See `KernelSet.split`.
 *
 * @param k The same kernels, whose functions are those of the recorder.
 * @param recorder Writes the calls down.
 * @param atOnce The same kernels, which run on the calling thread.
 * @returns The kernels that can be split.
 */
export function split(
  k: ForwardKernels,
  recorder: Recorder,
  atOnce: ForwardKernels,
): Partial<ForwardKernels> {
  return {
    linearForward(batch, w, out, start, end) {
      recorder.add("rows", start, end, (from, to) => k.linearForward(batch, w, out, from, to));
    },
    biInteractionForward(batch, v, sums, pooled, squares, start, end) {
      recorder.add("rows", start, end, (from, to) =>
        k.biInteractionForward(batch, v, sums, pooled, squares, from, to),
      );
    },
    matmul(c, a, b, bias, start, end) {
      recorder.add("rows", start, end, (from, to) => k.matmul(c, a, b, bias, from, to));
    },
    activationForward(name, y, x, start, end) {
      if (name === "relu")
        recorder.add("rows", start, end, (from, to) => k.activationForward(name, y, x, from, to));
      else atOnce.activationForward(name, y, x, start, end);
    },
    scoreForward(scores, bias, linear, y, h, start, end) {
      recorder.add("rows", start, end, (from, to) => k.scoreForward(scores, bias, linear, y, h, from, to));
    },
    normalize(y, x, norm, start, end) {
      recorder.add("rows", start, end, (from, to) => k.normalize(y, x, norm, from, to));
    },
  };
}
