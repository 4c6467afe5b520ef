// Trainings that are killed and resumed. The processes are real, because a kill would end the tests.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "esbuild";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { root } from "../docs/markdown.ts";
import { run } from "./runner.ts";

const ratings = join(root, "examples", "ratings.csv");
let folder = "";
const at = (name: string): string => join(folder, name);

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "neural-fm-checkpoint-"));
  await build({
    entryPoints: [join(root, "src", "cli", "cli.ts")],
    ...{ bundle: true, splitting: true, platform: "node", format: "esm", logLevel: "silent" },
    outdir: at("dist"),
  });
  writeFileSync(at("package.json"), '{"type":"module"}');
}, 60_000);
afterAll(() => rmSync(folder, { recursive: true }));

const options = (name: string): string[] => [
  ...["train", ratings, "--label", "rating", "--validation", "0.2", "--patience", "40", "--epochs", "60"],
  ...["--k", "16", "--hidden", "16", "--model", at(`${name}.model`)],
];

/** Runs the program, and kills it without warning at the start of some epoch. Returns what it said. */
async function runAndKill(argv: string[], killAt: number): Promise<string> {
  const child = spawn(process.execPath, [at("dist/cli.js"), ...argv], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    said += text;
    if (said.includes(`epoch ${killAt}/`)) child.kill("SIGKILL");
  });
  await once(child, "close");
  return said;
}

describe("neural-fm train --checkpoint", () => {
  it("loses nothing when it is killed twice: the model has the bits of a training without a break", async () => {
    expect((await run(...options("whole"))).code).toBe(0);
    const resumed = [...options("killed"), "--checkpoint", at("state"), "--resume"];
    expect(await runAndKill(resumed, 5)).toContain("state: there is no checkpoint yet");
    expect(existsSync(at("killed.model"))).toBe(false);
    expect(await runAndKill(resumed, 25)).toMatch(/resuming after epoch \d+ from /);
    expect(existsSync(at("killed.model"))).toBe(false);
    const last = await run(...resumed);
    expect(last.err).toMatch(/^resuming after epoch \d+ from /);
    expect(last.code).toBe(0);
    expect(readFileSync(at("killed.model")).equals(readFileSync(at("whole.model")))).toBe(true);
    expect(readdirSync(folder).filter((name) => name.endsWith(".tmp"))).toEqual([]);
  }, 120_000);

  it("refuses to go on with other data or other options, and says what differs", async () => {
    const short = (...more: string[]): string[] => [
      ...["train", at("data.csv"), "--label", "y", "--model", at("m"), "--k", "2", "--hidden", "none"],
      ...["--checkpoint", at("short"), ...more],
    ];
    writeFileSync(at("data.csv"), "a,y\n1,1\n2,2\n3,3\n");
    expect((await run(...short("--epochs", "2"))).code).toBe(0);
    const options = await run(...short("--epochs", "3", "--resume"));
    expect(options.err).toContain("the checkpoint belongs to other options: --epochs was 2, and is 3;");
    expect((await run(...short("--resume"))).err).toContain("--epochs was 2, and is not given;");
    writeFileSync(at("data.csv"), "a,y\n1,1\n2,2\n3,4\n");
    const data = await run(...short("--epochs", "2", "--resume"));
    expect(data.err).toMatch(/^neural-fm: .*other data: the training file has changed; [^\n]*\n$/);
    expect(data.code).toBe(1);
    const [whole] = [readFileSync(at("short"))];
    writeFileSync(at("short"), whole.subarray(0, whole.length - 3));
    writeFileSync(at("data.csv"), "a,y\n1,1\n2,2\n3,3\n");
    expect((await run(...short("--epochs", "2", "--resume"))).err).toContain(
      "short: the checkpoint is damaged",
    );
    writeFileSync(at("short"), "something else");
    expect((await run(...short("--epochs", "2", "--resume"))).err).toContain("short: is no checkpoint");
  });
});
