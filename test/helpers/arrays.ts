// How many typed arrays some work makes: deterministic, where bytes on the heap are not.

import { vi } from "vitest";

const KINDS = [
  "Float32Array",
  "Float64Array",
  "Uint32Array",
  "Int32Array",
  "Uint16Array",
  "Uint8Array",
] as const;

/**
 * Counts the typed arrays with memory of their own that `work` makes with `new`, and their elements; views
 * are not counted.
 */
export function countArrays(work: () => void): { arrays: number; elements: number } {
  const count = { arrays: 0, elements: 0 };
  for (const kind of KINDS) {
    vi.stubGlobal(
      kind,
      new Proxy(globalThis[kind], {
        construct(target, args: unknown[], newTarget) {
          const made = Reflect.construct(target, args, newTarget) as Float32Array;
          if (args[0] instanceof ArrayBuffer) return made;
          count.arrays++;
          count.elements += made.length;
          return made;
        },
      }),
    );
  }
  try {
    work();
  } finally {
    vi.unstubAllGlobals();
  }
  return count;
}
