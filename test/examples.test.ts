// The programs of examples/ run and print what they promise.

import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { expect, it } from "vitest";

const root = fileURLToPath(new URL("..", import.meta.url));

it("examples/shop.ts tells the whole life of a recommender", async () => {
  const folder = mkdtempSync(join(tmpdir(), "neural-fm-examples-"));
  try {
    const outfile = join(folder, "shop.mjs");
    const entryPoints = [join(root, "examples/shop.ts")];
    const alias = {
      "neural-fm": join(root, "src/index.ts"),
      "neural-fm/predict": join(root, "src/predict.ts"),
    };
    await build({
      entryPoints,
      alias,
      bundle: true,
      platform: "node",
      format: "esm",
      outfile,
      logLevel: "silent",
    });
    const printed = execFileSync(process.execPath, [outfile], { encoding: "utf8" });
    const [model, popular] = Array.from(printed.matchAll(/for (\d+) %/g), ([, share]) => Number(share));
    expect(model).toBeGreaterThan(5 * popular);
    expect(printed).toMatch(/^ {2}users with 20 to 99 events \(\d+\): \d+ %$/m);
    expect(printed).toMatch(/^For customer 7:\n( {2}\w+ \d+, because of .* and .*\n){3}/m);
    const cheap = /^Below 10 euros, one of each kind: (.*)$/m.exec(printed)![1].split(", ");
    expect(new Set(cheap.map((id) => id.split(" ")[0])).size).toBe(3);
    expect(printed).toContain("A visitor sees popular products.");
    expect(printed).toMatch(/^After a click on coffee 1: (cocoa|juice) \d+, (cocoa|juice) \d+$/m);
    expect(printed).toMatch(/^After the night, for customer 400: (coffee|cocoa) \d+, (coffee|cocoa) \d+$/m);
    expect(printed).toMatch(/^Like tea 120: tea \d+, tea \d+$/m);
    expect(printed).toContain("The server makes the same lists.");
    expect(printed).toContain("The new file holds the name: false");
  } finally {
    rmSync(folder, { recursive: true });
  }
});
