// The program of the training thread as text, for the build and for the tests.

import { fileURLToPath } from "node:url";
import { buildSync } from "esbuild";

/**
 * Bundles the program of the training thread (src/worker/main.ts) into one script.
 *
 * @returns The script.
 */
export function trainingProgram(): string {
  const { outputFiles } = buildSync({
    entryPoints: [fileURLToPath(new URL("src/worker/main.ts", import.meta.url))],
    bundle: true,
    minify: true,
    write: false,
    format: "iife",
    platform: "neutral",
    target: "es2022",
  });
  return outputFiles[0].text;
}

/**
 * Makes the definition that puts the program into src/worker/source.ts, for bundlers.
 *
 * @param program The script; null: src/worker/source.ts has none.
 * @returns What stands for the name there.
 */
export function definition(program: string | null): { NEURAL_FM_TRAINING_PROGRAM: string } {
  return { NEURAL_FM_TRAINING_PROGRAM: JSON.stringify(program) };
}
