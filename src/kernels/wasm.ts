// The kernels in WebAssembly SIMD, as a backend: one module, emitted and compiled once, and for each network a memory of
// its own with an instance of the module bound to it. What has no emitter (tanh, sigmoid, SGD) runs the plain loops on
// the same memory. Tensors are passed as byte addresses.

import type { Tensor } from "../core/tensor.ts";
import { jsKernels } from "./js.ts";
import type { Backend, Kernels, SparseBatch } from "./kernels.ts";
import { ModuleBuilder } from "./wasm/assembler.ts";
import { emitColumns } from "./wasm/columns.ts";
import { emitMatmul, emitTranspose } from "./wasm/matmul.ts";
import { emitOptimizers } from "./wasm/optimizers.ts";
import { emitRows } from "./wasm/rows.ts";
import { emitSparse } from "./wasm/sparse.ts";

const PAGE = 65536;
/** Rows of a and b that `matmulTransposed` takes at a time. */
const BLOCK = 128;
/** Kept free at the start, so that address 0 can stand for "none". */
const RESERVED = 16;

/** The emitted module in binary form. */
export function emitModule(): Uint8Array<ArrayBuffer> {
  const m = new ModuleBuilder();
  emitSparse(m);
  emitMatmul(m);
  emitTranspose(m);
  emitColumns(m);
  emitRows(m);
  emitOptimizers(m);
  return m.toBytes();
}

let compiled: WebAssembly.Module | Error | null = null;

/** Compiles the module on first use; an Error says why this engine cannot (no WebAssembly, no SIMD, a content-security policy). */
function compile(): WebAssembly.Module | Error {
  if (compiled !== null) return compiled;
  try {
    compiled =
      typeof WebAssembly === "undefined"
        ? new Error("this engine has no WebAssembly")
        : new WebAssembly.Module(emitModule());
  } catch (error) {
    compiled = error as Error;
  }
  return compiled;
}

/** Why WebAssembly SIMD cannot run here; null if it can. */
export function whyNoWasm(): string | null {
  const result = compile();
  return result instanceof Error ? result.message : null;
}

/** The backend; only where `whyNoWasm` gives null. */
export const wasmBackend: Backend = {
  name: "wasm",
  create(bytes) {
    const pages = Math.ceil((bytes + RESERVED) / PAGE);
    if (pages > 65536)
      throw new RangeError(
        `WebAssembly can address 4096 MiB, and the model needs ${(bytes / 2 ** 20).toFixed(0)}`,
      );
    const memory = new WebAssembly.Memory({ initial: pages, maximum: pages });
    const { exports } = new WebAssembly.Instance(compile() as WebAssembly.Module, { env: { memory } });
    return { kernels: bind(exports as Exports, memory.buffer), memory: memory.buffer, offset: RESERVED };
  },
};

type Exports = Record<string, (...args: number[]) => void>;

const bytesOf = (x: Tensor): number => x.stride * 4;
/** Where the batch's values start; 0 for a batch of ones. */
const valuesOf = ({ values }: SparseBatch): number => values?.byteOffset ?? 0;
/** Bytes up to the end of the padded row that holds `cols` columns. */
const padded = (cols: number): number => Math.ceil(cols / 4) * 16;

function bind(wasm: Exports, memory: ArrayBuffer): Kernels {
  /** Where row `i` of a tensor starts. A tensor that lies elsewhere, as one of a user's own might, would be read from the wrong place. */
  const row = ({ data, stride }: Tensor, i: number): number => {
    if (data.buffer !== memory)
      throw new TypeError(
        "kernels take the tensors of the pass or update alone: another one does not lie in the model's WebAssembly memory",
      );
    return data.byteOffset + i * stride * 4;
  };
  const address = (x: Tensor): number => row(x, 0);
  return {
    ...jsKernels,
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
    linearBackward(batch, dScores, dw) {
      wasm.linearBackward(
        batch.indptr.byteOffset,
        batch.slots.byteOffset,
        valuesOf(batch),
        address(dScores),
        address(dw),
        batch.rows,
        batch.touchedCount,
      );
    },
    biInteractionForward(batch, v, sums, pooled, start, end) {
      const { indptr, indices, context } = batch;
      const [contextSums, contextSquares] = context
        ? [address(context.sums), address(context.squares)]
        : [0, 0];
      wasm.biInteractionForward(
        indptr.byteOffset,
        indices.byteOffset,
        valuesOf(batch),
        contextSums,
        contextSquares,
        address(v),
        address(sums),
        address(pooled),
        bytesOf(v),
        start,
        end,
      );
    },
    biInteractionBackward(batch, v, sums, dPooled, dV, start, end) {
      const { indptr, indices, slots, rows, touchedCount } = batch;
      wasm.biInteractionBackward(
        indptr.byteOffset,
        indices.byteOffset,
        slots.byteOffset,
        valuesOf(batch),
        address(v),
        address(sums),
        address(dPooled),
        address(dV),
        bytesOf(v),
        rows,
        touchedCount,
        start * 4,
        padded(end),
      );
    },

    matmul(c, a, b, bias, start, end) {
      wasm.matmul(
        row(c, start),
        bytesOf(c),
        row(a, start),
        bytesOf(a),
        4,
        a.cols,
        address(b),
        bytesOf(b),
        bias ? address(bias) : 0,
        0,
        end - start,
        bytesOf(b),
      );
    },
    matmulTransposed(c, a, b, depth, start, end) {
      // In blocks of rows that stay in the cache; each sum goes on from where the block before left it.
      for (let first = 0; first < depth || first === 0; first += BLOCK) {
        const rows = Math.min(BLOCK, depth - first);
        wasm.matmul(
          row(c, start),
          bytesOf(c),
          row(a, first) + start * 4,
          4,
          bytesOf(a),
          rows,
          row(b, first),
          bytesOf(b),
          0,
          first,
          end - start,
          bytesOf(b),
        );
      }
    },
    transpose(out, x) {
      wasm.transpose(address(out), bytesOf(out), address(x), bytesOf(x), x.rows, x.cols);
    },
    columnSums(out, x, rows, start, end) {
      if (x.stride % 4 !== 0)
        jsKernels.columnSums(out, x, rows, start, end); // a single unpadded column
      else wasm.columnSums(address(out), address(x), bytesOf(x), rows, start * 4, padded(end));
    },

    activationForward(name, y, x, start, end) {
      if (name !== "relu") jsKernels.activationForward(name, y, x, start, end);
      else wasm.reluForward(row(y, start), row(x, start), (end - start) * bytesOf(x));
    },
    activationBackward(name, dX, y, dY, start, end) {
      if (name !== "relu") jsKernels.activationBackward(name, dX, y, dY, start, end);
      else wasm.reluBackward(row(dX, start), row(y, start), row(dY, start), (end - start) * bytesOf(y));
    },

    batchNormForward(y, x, norm, rows, epsilon, momentum, training, start, end) {
      const [mean, inverseStd] = [address(norm.mean), address(norm.inverseStd)];
      const [runningMean, runningVariance] = [address(norm.runningMean), address(norm.runningVariance)];
      const [from, to] = [start * 4, padded(end)];
      if (training)
        wasm.batchStatistics(
          address(x),
          bytesOf(x),
          rows,
          mean,
          inverseStd,
          runningMean,
          runningVariance,
          from,
          to,
          rows,
          epsilon,
          momentum,
        );
      else wasm.runningStatistics(mean, inverseStd, runningMean, runningVariance, from, to, epsilon);
      wasm.normalize(
        address(y),
        address(x),
        bytesOf(x),
        rows,
        mean,
        inverseStd,
        address(norm.scale),
        address(norm.shift),
        from,
        to,
      );
    },
    batchNormBackward(dX, dScale, dShift, x, dY, norm, rows, start, end) {
      wasm.batchNormBackward(
        address(dX),
        address(dScale),
        address(dShift),
        address(x),
        address(dY),
        bytesOf(x),
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
      const threshold = Math.round(rate * 2147483647);
      wasm.dropoutForward(
        address(y),
        address(mask),
        address(x),
        key.k0,
        key.k1,
        start,
        end,
        x.cols,
        bytesOf(x),
        1 / (1 - rate),
        threshold,
      );
    },
    multiply(out, a, b, start, end) {
      wasm.multiply(row(out, start), row(a, start), row(b, start), (end - start) * bytesOf(a));
    },

    scoreForward(scores, bias, linear, y, h, start, end) {
      wasm.scoreForward(
        address(scores),
        address(bias),
        address(linear),
        address(y),
        address(h),
        bytesOf(y),
        y.cols,
        start,
        end,
      );
    },
    scoreBackward(dY, dScores, h, start, end) {
      wasm.scoreBackward(address(dY), address(dScores), address(h), bytesOf(dY), start, end);
    },

    adagrad({ theta, state, gradient, rows, count, l2 }, learningRate) {
      const which = rows === null ? 0 : rows.byteOffset;
      wasm.adagrad(
        address(theta),
        address(state!),
        address(gradient),
        which,
        count,
        theta.cols,
        bytesOf(theta),
        bytesOf(gradient),
        learningRate,
        l2,
      );
    },
  };
}
