// Engines that cannot run the SIMD kernels: what they lack, their WebAssembly, and what they say.

export const ENGINES: [what: string, webAssembly: unknown, message: string][] = [
  ["without WebAssembly", undefined, "this engine has no WebAssembly"],
  [
    "without SIMD",
    {
      Module: class {
        constructor() {
          throw new Error("invalid value type 'simd128'");
        }
      },
    },
    "invalid value type 'simd128'",
  ],
  [
    "under a policy that forbids it",
    {
      Module: class {
        constructor() {
          throw new EvalError("violates the Content Security Policy");
        }
      },
    },
    "violates the Content Security Policy",
  ],
];
