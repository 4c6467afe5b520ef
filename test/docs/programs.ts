// Runs the programs of Markdown pages: js and ts blocks.

import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { type BuildOptions, build } from "esbuild";
import { TRAINING_SOURCE } from "../../src/worker/source.ts";
import { definition } from "../../training-program.ts";
import { type Block, root } from "./markdown.ts";

/** What users import, and the source of it. */
export const ENTRIES: Readonly<Record<string, string>> = {
  "neural-fm": "src/index.ts",
  "neural-fm/predict": "src/predict.ts",
  "neural-fm/readers": "src/readers.ts",
  "neural-fm/worker": "src/worker.ts",
};
const alias = Object.fromEntries(Object.entries(ENTRIES).map(([name, path]) => [name, join(root, path)]));

const define = definition(TRAINING_SOURCE);

/** Says whether a program imports a table library, which only test/tables installs. */
export function needsTables({ code }: Block): boolean {
  return /from "(apache-arrow|arquero|@uwdata\/flechette)"/.test(code);
}

/**
 * What the comments of a program say it prints, line by line. @throws Error for a console.log without such a
 * comment.
 */
export function promisedOutput({ code, page, line }: Block): string[] {
  const promised: string[] = [];
  const lines = code.split("\n");
  let printing = false; // whether a comment line belongs to the output of the console.log above
  lines.forEach((text, i) => {
    const call = /console\.log\(.*\);(?: \/\/ (.*))?$/.exec(text);
    const below = /^\/\/ ?(.*)$/.exec(text);
    const fault = (message: string): Error => new Error(`${page}:${line + i}: ${message}`);
    if (call === null && text.includes("console.log(")) throw fault("console.log must end its line");
    if (call !== null && call[1] === undefined && !/^\/\//.test(lines[i + 1]))
      throw fault("console.log has no comment with its output");
    if (call?.[1] !== undefined) promised.push(call[1]);
    else if (printing && below) promised.push(below[1]);
    printing = call !== null || (printing && below !== null);
  });
  return promised.map((text) => text.trimEnd());
}

/**
 * Bundles a program with the sources, as users' bundlers do. Its relative imports start from `resolveDir`,
 * which is the root by default. `more` holds further options of esbuild, such as `nodePaths`: where it looks
 * for packages that are not in the root's `node_modules`.
 */
export function bundle(
  code: string,
  loader: "js" | "ts",
  platform: "node" | "browser" | "neutral",
  { resolveDir = root, ...more }: BuildOptions & { resolveDir?: string } = {},
): ReturnType<typeof build> {
  return build({
    stdin: { contents: code, resolveDir, loader },
    alias,
    define,
    bundle: true,
    platform,
    format: "esm",
    target: "es2022",
    write: false,
    logLevel: "silent",
    ...more,
  });
}

/** Runs a file of JavaScript. `input` is its standard input. Returns what it prints. */
export function run(cwd: string, file: string, args: readonly string[] = [], input = ""): string {
  return execFileSync(process.execPath, [file, ...args], { cwd, encoding: "utf8", stdio: "pipe", input });
}
