// Runs README.md and docs/*.md. Every js and ts block is a program of its own: each console.log must have its
// output in a comment behind it, further lines of output in comment lines below it, and the program must
// print exactly that. test/tables runs those that import a table library. ts blocks are type-checked as well. Every command of the sh blocks runs, except for
// those listed in ELSEWHERE. The blocks of a page run in order in one folder, so that a command finds the
// model file that a program above it wrote.

import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "esbuild";
import ts from "typescript";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Block, blocksOf, pages, root } from "./markdown.ts";
import { bundle, ENTRIES, needsTables, promisedOutput, run } from "./programs.ts";

const LANGUAGES = ["js", "ts", "sh", "html", "python", "text"];

/** Commands that other checks run: installing, the test suite itself, and what needs data or minutes. */
const ELSEWHERE = [
  /^npm (ci|install|test|run|start)\b/,
  /^npx neural-fm demo\b/,
  /^(bash|cd|node|pip) /,
  /^git clone /,
];

const folder = mkdtempSync(join(tmpdir(), "neural-fm-docs-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** The command line in src: the file that starts with "#!". */
async function buildCommand(): Promise<string> {
  const sources = (readdirSync(join(root, "src"), { recursive: true }) as string[]).filter((name) =>
    name.endsWith(".ts"),
  );
  const entry = sources.find((name) => readFileSync(join(root, "src", name), "utf8").startsWith("#!"));
  if (entry === undefined) throw new Error("src has no command line");
  const outfile = join(folder, "neural-fm.mjs");
  await build({
    entryPoints: [join(root, "src", entry)],
    bundle: true,
    platform: "node",
    format: "esm",
    outfile,
    logLevel: "silent",
  });
  return outfile;
}

/** The data files that commands read: labeled rows, rows in groups, and the table of examples/. */
function writeData(cwd: string): void {
  const line = (i: number, query: string): string =>
    `${i % 3 === 0 ? 1 : query === "" ? -1 : 0} ${query}${i % 7}:1 ${7 + (i % 5)}:0.5`;
  for (const name of ["train.libsvm", "valid.libsvm", "new.libsvm"])
    writeFileSync(join(cwd, name), Array.from({ length: 200 }, (_, i) => line(i, "")).join("\n"));
  mkdirSync(join(cwd, "examples"));
  copyFileSync(join(root, "examples", "ratings.csv"), join(cwd, "examples", "ratings.csv"));
  writeFileSync(
    join(cwd, "queries.libsvm"),
    Array.from({ length: 200 }, (_, i) => line(i, `qid:${Math.floor(i / 10)} `)).join("\n"),
  );
}

/** Type errors of each ts block, by page and line. */
function typeErrors(blocks: readonly Block[]): Map<Block, string[]> {
  const { options } = ts.parseJsonConfigFileContent(
    {
      compilerOptions: {
        target: "ES2022",
        lib: ["ES2022", "DOM", "DOM.Iterable"],
        module: "ESNext",
        moduleResolution: "Bundler",
        moduleDetection: "force",
        types: ["node"],
        strict: true,
        exactOptionalPropertyTypes: true,
        allowImportingTsExtensions: true,
        noEmit: true,
        skipLibCheck: true,
        paths: Object.fromEntries(Object.entries(ENTRIES).map(([name, path]) => [name, [`./${path}`]])),
      },
      files: [],
    },
    ts.sys,
    root,
  );
  const fileOf = (i: number): string => join(root, `docs-snippet-${i}.ts`).replaceAll("\\", "/");
  const codes = new Map(blocks.map(({ code }, i) => [fileOf(i), code]));
  const host = ts.createCompilerHost(options);
  const { readFile, fileExists, getSourceFile } = host;
  host.fileExists = (name) => codes.has(name) || fileExists(name);
  host.readFile = (name) => codes.get(name) ?? readFile(name);
  host.getSourceFile = (name, version, ...rest) => {
    const code = codes.get(name);
    return code === undefined
      ? getSourceFile(name, version, ...rest)
      : ts.createSourceFile(name, code, version);
  };
  const program = ts.createProgram([...codes.keys()], options, host);
  return new Map(
    blocks.map((block, i) => {
      const source = program.getSourceFile(fileOf(i))!;
      const found = [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)];
      return [
        block,
        found.map(({ start, messageText }) => {
          const line = block.line + source.getLineAndCharacterOfPosition(start ?? 0).line;
          return `${block.page}:${line}: ${ts.flattenDiagnosticMessageText(messageText, "\n")}`;
        }),
      ];
    }),
  );
}

const allBlocks = pages.flatMap(blocksOf);
const typed = allBlocks.filter((block) => block.language === "ts" && !needsTables(block));

describe("snippets", () => {
  it("are in languages that this test knows what to do with", () => {
    for (const { page, line, language } of allBlocks)
      expect(LANGUAGES, `${page}:${line}`).toContain(language);
  });

  it("are closed: every page has an even number of fences", () => {
    for (const page of pages)
      expect((readFileSync(join(root, page), "utf8").match(/^```/gm) ?? []).length % 2, page).toBe(0);
  });

  it("show the README's commands of a fresh clone", () => {
    const commands = blocksOf("README.md")
      .filter(({ language }) => language === "sh")
      .flatMap(({ code }) => code.trim().split("\n"));
    expect(commands).toEqual(expect.arrayContaining(["npm ci && npm start", "npm ci && npm test"]));
  });
});

describe("ts snippets", () => {
  let errors: Map<Block, string[]>;
  beforeAll(() => {
    errors = typeErrors(typed);
  }, 120_000);

  it.each(
    typed.map((block) => [`${block.page}:${block.line}`, block] as const),
  )("%s has no type error", (_, block) => {
    expect(errors.get(block)).toEqual([]);
  });
});

let command: string;
beforeAll(async () => {
  command = await buildCommand();
});

describe.each(pages.filter((page) => blocksOf(page).length > 0))("%s", (page) => {
  const cwd = mkdtempSync(join(folder, "page-"));
  writeData(cwd);
  for (const block of blocksOf(page)) {
    const { language, code, line } = block;
    if (needsTables(block)) continue;
    if (language === "js" || language === "ts") {
      it(`line ${line}: prints what its comments say`, async () => {
        const promised = promisedOutput(block);
        const { outputFiles } = await bundle(code, language, "node");
        const file = join(cwd, "snippet.mjs");
        writeFileSync(file, outputFiles![0].contents);
        const printed = run(cwd, file).trimEnd();
        expect(printed === "" ? [] : printed.split("\n").map((text) => text.trimEnd())).toEqual(promised);
      });
    } else if (language === "html") {
      it(`line ${line}: its scripts can be bundled for a browser`, async () => {
        for (const [, script] of code.matchAll(/<script type="module">\n([\s\S]*?)<\/script>/g)) {
          expect((await bundle(script, "js", "browser")).errors).toEqual([]);
        }
      });
    } else if (language === "sh") {
      it.each(
        code
          .trim()
          .split("\n")
          .filter((text) => !text.startsWith("#")),
      )(`line ${line}: %s`, (text) => {
        if (ELSEWHERE.some((pattern) => pattern.test(text))) return;
        expect(text).toMatch(/^npx neural-fm /);
        const [, redirected] = / > (\S+)$/.exec(text) ?? [];
        const [, source] = / < (\S+)/.exec(text) ?? [];
        const input = source === undefined ? "" : readFileSync(join(cwd, source), "utf8");
        const words = text.replace(/ [<>] \S+/g, "").split(" ");
        const output = run(cwd, command, words.slice(2), input);
        if (redirected !== undefined) writeFileSync(join(cwd, redirected), output);
        const out = /--out (\S+)/.exec(text)?.[1];
        if (out !== undefined) expect(existsSync(join(cwd, out))).toBe(true);
        else if (text.includes(" predict ")) {
          const rows = text.includes("ratings.csv") ? 721 : 200;
          expect(output.trim().split("\n")).toHaveLength(rows);
        }
      });
    }
  }
});
