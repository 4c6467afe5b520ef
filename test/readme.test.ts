// Runs the README: every js block as a program of its own, whose console.log lines must print what the comments behind
// them say; every command of the sh blocks, but for those that install, start or test the repository itself (CI does).

import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { afterAll, describe, expect, it } from "vitest";

const root = fileURLToPath(new URL("..", import.meta.url));
const readme = readFileSync(join(root, "README.md"), "utf8");
const blocks = [...readme.matchAll(/```(\w+)\n([\s\S]*?)```/g)].map(([, language, code]) => ({ language, code }));
const folder = mkdtempSync(join(tmpdir(), "neural-fm-readme-"));
afterAll(() => rmSync(folder, { recursive: true }));

const run = (file: string, args: readonly string[] = []): string =>
  execFileSync(process.execPath, [file, ...args], { cwd: folder, encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });

describe("the README", () => {
  it("has snippets in js and sh alone, so that all of them can be run", () => {
    expect(new Set(blocks.map(({ language }) => language))).toEqual(new Set(["js", "sh"]));
  });

  it.each(blocks.filter(({ language }) => language === "js").map(({ code }) => code))("runs %#: %s", async (code) => {
    const outfile = join(folder, "snippet.mjs");
    await build({
      stdin: { contents: code, resolveDir: root, loader: "ts" }, alias: { "neural-fm": join(root, "src/index.ts") },
      bundle: true, platform: "node", format: "esm", outfile, logLevel: "error",
    });
    const promised = [...code.matchAll(/console\.log\(.*\); \/\/ (.*)/g)].map((match) => match[1].trim());
    const printed = run(outfile).trim();
    expect(printed === "" ? [] : printed.split("\n")).toEqual(promised);
  });

  it("shows commands that work", async () => {
    const cli = join(folder, "cli.mjs");
    await build({ entryPoints: [join(root, "src/cli.ts")], bundle: true, platform: "node", format: "esm", outfile: cli, logLevel: "error" });
    const rows = Array.from({ length: 200 }, (_, i) => `${i % 3 === 0 ? 1 : -1} ${i % 7}:1 ${7 + (i % 5)}:0.5`).join("\n");
    for (const name of ["train.libsvm", "valid.libsvm"]) writeFileSync(join(folder, name), rows);
    const commands = blocks.filter(({ language }) => language === "sh").flatMap(({ code }) => code.trim().split("\n"));
    const elsewhere = ["npm ci && npm start", "npm ci && npm test", "npx neural-fm demo"];
    for (const command of commands) {
      if (elsewhere.includes(command) || command.startsWith("npm run bench")) continue;
      expect(command).toMatch(/^npx neural-fm /);
      const output = run(cli, command.split(" ").slice(2));
      if (command.includes(" predict ")) expect(output.trim().split("\n")).toHaveLength(200);
    }
    expect(commands).toEqual(expect.arrayContaining(elsewhere));
  });
});
