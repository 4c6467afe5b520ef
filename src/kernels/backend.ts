// The one place that chooses which kernels run.

import { jsKernels } from "./js.ts";
import type { Kernels } from "./kernels.ts";

/** The kernels for a requested backend. */
export function chooseKernels(backend: "auto" | "wasm" | "js"): Kernels {
  if (backend === "wasm") throw new Error('backend: "wasm" is not available in this version; use "auto" or "js"');
  return jsKernels;
}
