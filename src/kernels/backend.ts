// The one place that chooses which kernels run.

import { jsBackend } from "./js.ts";
import type { Backend } from "./kernels.ts";
import { wasmBackend, whyNoWasm } from "./wasm.ts";

/** WebAssembly, and plain JavaScript for a model that WebAssembly has no memory for. */
const wasmOrJs: Backend = {
  name: "wasm",
  create(bytes) {
    try {
      return wasmBackend.create(bytes);
    } catch {
      return jsBackend.create(bytes);
    }
  },
};

/**
 * The backend for a request: "auto" takes WebAssembly SIMD where it runs, and plain JavaScript elsewhere.
 *
 * @throws Error that says why, for "wasm" on an engine that cannot run it.
 */
export function chooseBackend(requested: "auto" | "wasm" | "js"): Backend {
  if (requested === "js") return jsBackend;
  const obstacle = whyNoWasm();
  if (requested === "auto") return obstacle === null ? wasmOrJs : jsBackend;
  if (obstacle !== null) throw new Error(`backend: "wasm" cannot run here (${obstacle}); use "auto" or "js"`);
  return wasmBackend;
}
