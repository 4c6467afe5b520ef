// Runs the programs of README.md and docs/*.md that import a table library, as test/docs runs the others.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { blocksOf, pages, root } from "../docs/markdown.ts";
import { bundle, needsTables, promisedOutput, run } from "../docs/programs.ts";

const folder = mkdtempSync(join(tmpdir(), "neural-fm-tables-"));
afterAll(() => rmSync(folder, { recursive: true }));

const blocks = pages.flatMap(blocksOf).filter(needsTables);

describe("snippets with tables", () => {
  it("are found", () => {
    expect(blocks.length).toBeGreaterThan(0);
  });

  it.each(
    blocks.map((block) => [`${block.page}:${block.line}`, block] as const),
  )("%s prints what its comments say", async (_, block) => {
    const packages = join(root, "test/tables/node_modules");
    const { outputFiles } = await bundle(block.code, block.language as "js" | "ts", "node", {
      nodePaths: [packages],
    });
    const file = join(folder, "snippet.mjs");
    writeFileSync(file, outputFiles![0].contents);
    const printed = run(folder, file).trimEnd();
    expect(printed.split("\n").map((text) => text.trimEnd())).toEqual(promisedOutput(block));
  });
});
