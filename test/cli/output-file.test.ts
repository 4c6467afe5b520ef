// Output files are whole or not there, also if a signal ends the program half way. Signals are sent to a child
// process, because they would end the tests.

import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import {
  closeSync,
  existsSync,
  lstatSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { constants, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { build } from "esbuild";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { writeWhole } from "../../src/cli/output-file.ts";
import { NFM } from "../../src/index.ts";
import { root } from "../docs/markdown.ts";

let folder = "";
const at = (name: string): string => join(folder, name);
/** The files beside the one that is written. */
const others = (path: string): string[] => {
  const [, name] = /([^/\\]+)$/.exec(path)!;
  return readdirSync(folder).filter((other) => other !== name && other.startsWith(name));
};

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "neural-fm-output-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

describe("an output file", () => {
  it("appears when it is whole, in the place of an older one, also behind a link", async () => {
    const path = at("whole");
    writeFileSync(path, "old");
    symlinkSync(path, at("link"));
    await writeWhole(
      at("link"),
      (async function* () {
        yield "first ";
        expect([readFileSync(path, "utf8"), others(path).length]).toEqual(["old", 1]);
        yield Buffer.from("second");
      })(),
    );
    expect([readFileSync(path, "utf8"), others(path)]).toEqual(["first second", []]);
    expect(lstatSync(at("link")).isSymbolicLink()).toBe(true);
  });

  it("stays as it was if the content breaks off, or if it cannot be written", async () => {
    const path = at("broken");
    writeFileSync(path, "old");
    const chunks = (function* () {
      yield "new";
      throw new Error("no more");
    })();
    await expect(writeWhole(path, chunks)).rejects.toThrow(new Error("no more"));
    await expect(writeWhole(path, ["new", 7 as never])).rejects.toThrow(/^.*broken: .*number/);
    expect([readFileSync(path, "utf8"), others(path)]).toEqual(["old", []]);
    await expect(writeWhole(at("none/there"), ["new"])).rejects.toThrow("there: no such file or folder");
  });

  it.skipIf(!existsSync("/dev/full"))("names a device that is full", async () => {
    await expect(writeWhole("/dev/full", ["new"])).rejects.toThrow(new Error("/dev/full: no space left"));
  });

  it("leaves no listener behind", async () => {
    const count = (): number[] => {
      return ["exit", "SIGINT", "SIGTERM", "SIGHUP"].map((event) => process.listenerCount(event));
    };
    const before = count();
    await writeWhole(at("quiet"), ["a"]);
    await writeWhole(at("none/there"), ["a"]).catch(() => undefined);
    expect(count()).toEqual(before);
  });
});

describe.skipIf(process.platform === "win32")("neural-fm predict --out, when it is interrupted,", () => {
  beforeAll(async () => {
    await build({
      entryPoints: [join(root, "src/cli/cli.ts")],
      bundle: true,
      platform: "node",
      format: "esm",
      outfile: at("neural-fm.mjs"),
      logLevel: "silent",
    });
    const model = new NFM({ numFeatures: 4, embeddingDim: 2 });
    writeFileSync(at("model"), model.save());
  });

  const exitCode = async (child: ChildProcess): Promise<number> => {
    const [code, signal] = (await once(child, "exit")) as [number | null, NodeJS.Signals | null];
    return code ?? 128 + constants.signals[signal!]; // what a shell shows
  };

  it.each([
    ["SIGHUP", 129],
    ["SIGINT", 130],
    ["SIGTERM", 143],
  ] as const)("by %s removes its temporary file and ends with code %i", async (signal, code) => {
    const [input, output] = [at(`${signal}.libsvm`), at(`${signal}.txt`)];
    writeFileSync(output, "old");
    execFileSync("mkfifo", [input]);
    const pipe = openSync(input, "r+"); // stays open, so that the input does not end
    const child = spawn(process.execPath, [
      at("neural-fm.mjs"),
      "predict",
      input,
      ...["--format", "libsvm", "--model", at("model")],
      "--out",
      output,
    ]);
    try {
      writeSync(pipe, "1 0:1 3:1\n".repeat(5000));
      const temporary = `${output}.${child.pid}.tmp`;
      while (!existsSync(temporary) || readFileSync(temporary).length === 0) {
        if (child.exitCode !== null) expect.fail("the command ended before it was interrupted");
        await pause(10);
      }
      const ended = exitCode(child);
      child.kill(signal);
      expect(await ended).toBe(code);
      expect(others(output)).toEqual([]);
      expect(readFileSync(output, "utf8")).toBe("old");
    } finally {
      child.kill("SIGKILL");
      closeSync(pipe);
    }
  });
});
