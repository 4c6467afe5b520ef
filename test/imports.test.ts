// Imports run one way: index -> nfm -> training -> network -> layers -> kernels -> core. Losses and optimizers are
// leaves. This reads every import in src and fails on an arrow that runs back, or on a cycle.

import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const src = fileURLToPath(new URL("../src", import.meta.url));

/** From the bottom up: a file may import from its own level and from those before it. */
const LEVELS: readonly (readonly string[])[] = [
  ["core/"],
  ["kernels/"],
  ["safetensors.ts", "losses.ts", "optimizers.ts", "data/"],
  ["layers/"],
  ["inference.ts"],
  ["layout.ts"],
  ["network.ts"],
  ["training/"],
  ["options.ts"],
  ["model-file.ts"],
  ["explain.ts", "learner.ts", "ranking/"],
  ["nfm.ts"],
  ["recommender.ts"],
  ["index.ts"],
  ["demo/", "cli-main.ts", "cli.ts"],
];

const files = (readdirSync(src, { recursive: true }) as string[]).filter((name) => name.endsWith(".ts")).map((name) => name.replaceAll("\\", "/"));

function importsOf(file: string): string[] {
  const text = readFileSync(join(src, file), "utf8");
  const specifiers = [...text.matchAll(/(?:from|import)\s*\(?\s*"(\.[^"]+)"/g)].map((match) => match[1]);
  return specifiers.map((specifier) => relative(src, join(src, dirname(file), specifier)).replaceAll("\\", "/"));
}

function levelOf(file: string): number {
  return LEVELS.findIndex((names) => names.some((name) => (name.endsWith("/") ? file.startsWith(name) : file === name)));
}

describe("the imports of src", () => {
  it.each(files)("%s stands on a known level and imports only from its own or lower ones", (file) => {
    expect(levelOf(file), `${file} is on no level`).toBeGreaterThanOrEqual(0);
    for (const imported of importsOf(file)) {
      expect(files, `${file} imports ${imported}`).toContain(imported);
      expect(levelOf(imported), `${file} imports ${imported}`).toBeLessThanOrEqual(levelOf(file));
    }
  });

  it("have no cycle", () => {
    const finished = new Set<string>();
    const visit = (file: string, path: readonly string[]): void => {
      expect(path, `cycle: ${[...path, file].join(" -> ")}`).not.toContain(file);
      if (finished.has(file)) return;
      for (const imported of importsOf(file)) visit(imported, [...path, file]);
      finished.add(file);
    };
    for (const file of files) visit(file, []);
  });

  it("leave losses and optimizers as leaves, that know neither network nor data", () => {
    for (const leaf of ["losses.ts", "optimizers.ts"]) {
      for (const imported of importsOf(leaf)) expect(imported).toMatch(/^(core|kernels\/kernels)/);
    }
  });

  it("let one file alone choose the kernels", () => {
    const importersOf = (name: string): string[] => files.filter((file) => importsOf(file).includes(name));
    expect(importersOf("kernels/wasm.ts")).toEqual(["kernels/backend.ts"]);
    expect(importersOf("kernels/js.ts").sort()).toEqual(["kernels/backend.ts", "kernels/wasm.ts"]); // the latter for what it does not emit
  });

  it("need nothing but the library itself: no package, and of Node only in the command line and the demo", () => {
    for (const file of files) {
      const text = readFileSync(join(src, file), "utf8");
      const packages = [...text.matchAll(/from\s+"([^."][^"]*)"/g)].map((match) => match[1]);
      if (levelOf(file) === LEVELS.length - 1) for (const name of packages) expect(name).toMatch(/^node:/);
      else expect(packages, file).toEqual([]);
    }
  });
});
