// What a program waits for before its first prediction with SIMD kernels: emitting the WebAssembly modules,
// compiling them, making a model, and the first call of predict and of partialFit. Usage: npm run bench --
// startup

import { NFM } from "../src/index.ts";
import { forwardKernels } from "../src/kernels/forward.ts";
import { trainingKernels } from "../src/kernels/training.ts";
import { ModuleBuilder } from "../src/kernels/wasm/assembler.ts";

const ROUNDS = 21;

/** Milliseconds of one call. */
function time<T>(call: () => T): [ms: number, result: T] {
  const start = performance.now();
  const result = call();
  return [performance.now() - start, result];
}

function show(name: string, times: readonly number[], note: string = ""): void {
  const sorted = [...times].sort((a, b) => a - b);
  console.log(
    `${name.padEnd(34)}${[times[0], sorted[0], sorted[times.length >> 1]].map((ms) => ms.toFixed(2).padStart(9)).join("")}  ${note}`,
  );
}

console.log(`milliseconds, ${ROUNDS} rounds, Node ${process.version}\n`);
console.log("                                      first      min   median");
for (const [name, set] of Object.entries({ forward: forwardKernels, training: trainingKernels })) {
  const [emitting, compiling]: [number[], number[]] = [[], []];
  let size = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const [emitted, bytes] = time(() => {
      const m = new ModuleBuilder();
      set.emit(m);
      return m.toBytes();
    });
    emitting.push(emitted);
    compiling.push(time(() => new WebAssembly.Module(bytes as BufferSource))[0]);
    size = bytes.length;
  }
  show(`emit the ${name} kernels`, emitting, `${size} bytes`);
  show(`compile the ${name} kernels`, compiling);
}
const steps: [name: string, times: number[]][] = [
  ["make a model", []],
  ["first predict", []],
  ["first partialFit", []],
];
for (let round = 0; round < ROUNDS; round++) {
  const [made, model] = time(() => new NFM({ numFeatures: 5000, backend: "wasm" }));
  steps[0][1].push(made);
  steps[1][1].push(time(() => model.predict({ indices: [1, 2, 3] }))[0]);
  steps[2][1].push(time(() => model.partialFit([{ indices: [1, 2, 3] }], [1]))[0]);
}
for (const [name, times] of steps) show(name, times);
