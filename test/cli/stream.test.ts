// `train --stream`. The oracle is `train` without it: the model files have the same bytes.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { run } from "./runner.ts";

let folder = "";
const at = (name: string): string => join(folder, name);
const small = ["--k", "4", "--hidden", "none", "--epochs", "3"];

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "neural-fm-stream-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

const rows = Array.from({ length: 500 }, (_, i) => {
  const [user, item] = [(i * 7) % 23, (i * 13) % 17];
  return { user: `u${user}`, item: `i${item}`, note: i, rating: 1 + ((user + item) % 5) };
});
const csv = (label: (row: (typeof rows)[number]) => unknown): string =>
  `user,item,note,rating\n${rows.map((row) => `${row.user},${row.item},${row.note},${label(row)}\n`).join("")}`;
const libsvm = rows
  .map(({ user, item, rating }) => `${rating} ${user.slice(1)}:1 ${23 + Number(item.slice(1))}:0.5\n`)
  .join("");

/** Trains on a file in memory and as a stream. Returns what the stream said. */
async function both(name: string, content: string | Uint8Array, ...options: string[]): Promise<string> {
  writeFileSync(at(name), content);
  const train = (model: string, ...more: string[]): ReturnType<typeof run> =>
    run("train", at(name), "--model", at(model), ...small, ...options, ...more);
  const memory = await train("memory");
  const stream = await train("stream", "--stream");
  expect(memory.err).not.toContain("neural-fm: error");
  expect([memory.code, stream.code]).toEqual([0, 0]);
  expect(readFileSync(at("stream")).equals(readFileSync(at("memory")))).toBe(true);
  return stream.out;
}

describe("train --stream writes the model of train", () => {
  const none = ["--validation", "none"];

  it("from a CSV file, whole or compressed, with columns that are left out", async () => {
    const table = ["--label", "rating", "--ignore", "note", ...none];
    const text = csv(({ rating }) => rating);
    expect(await both("a.csv", text, ...table)).toMatch(
      /read .*a\.csv: 500 rows, 2 fields\n.*\nepoch 3: training/,
    );
    await both("b.csv.gz", gzipSync(text), ...table);
  });

  it("from JSON lines, with a field that comes late, which --ignore may name", async () => {
    const lines = rows.map((row, i) => JSON.stringify(i > 300 ? { ...row, late: "x" } : row)).join("\n");
    await both("a.jsonl", lines, "--label", "rating", ...none);
    await both("a.jsonl", lines, "--label", "rating", "--ignore", "late,note", ...none);
  });

  it("from a libSVM file, whose number of features is found or given", async () => {
    await both("a.libsvm", libsvm, ...none);
    await both("a.libsvm", libsvm, "--features", "60", ...none);
    await both("a.libsvm", libsvm.replace(/ 0:1/g, " 7:1"), "--one-based", ...none);
  });

  it("with the loss that the labels choose: two numbers or two names are classes", async () => {
    const table = ["--label", "rating", "--ignore", "note", ...none];
    for (const label of [
      (n: number) => n % 2,
      (n: number) => 3 + (n % 2),
      (n: number) => (n < 4 ? "no" : "yes"),
    ]) {
      const out = await both(
        "c.csv",
        csv(({ rating }) => label(rating)),
        ...table,
      );
      expect(out).toContain("training loss 0.");
    }
  });

  it("with a validation file", async () => {
    writeFileSync(
      at("valid.csv"),
      csv(({ rating }) => rating),
    );
    const out = await both(
      "d.csv",
      csv(({ rating }) => rating),
      ...["--label", "rating", "--validation", at("valid.csv")],
    );
    expect(out).toMatch(/held-out rows: loss [\d.]+, rmse/);
  });

  it("with a checkpoint, from which it goes on", async () => {
    const text = csv(({ rating }) => rating);
    const options = ["--label", "rating", "--checkpoint", at("check"), ...none];
    await both("e.csv", text, ...options);
    const resumed = await run(
      ...["train", at("e.csv"), "--model", at("resumed"), ...small, ...options, "--stream", "--resume"],
    );
    expect(resumed.err).toContain("resuming after epoch 3");
    expect(readFileSync(at("resumed")).equals(readFileSync(at("memory")))).toBe(true);
  });
});

describe("train --stream refuses", () => {
  it("what it cannot do, and names the file and the line of what is wrong", async () => {
    writeFileSync(
      at("f.csv"),
      csv(({ rating }) => rating),
    );
    const says = async (expected: string | RegExp, ...argv: string[]): Promise<void> => {
      const { code, err } = await run("train", ...argv, "--stream", "--model", at("none"));
      expect(code).not.toBe(0);
      expect(err).toMatch(expected);
      expect(err).not.toMatch(/fit: |readCSV: /);
    };
    await says(/standard input can be read once/, "-", "--format", "csv", "--label", "rating");
    for (const option of ["groups", "time", "report"])
      await says(
        new RegExp(`--${option} needs all rows in memory`),
        at("f.csv"),
        "--label",
        "rating",
        `--${option}`,
        "x",
      );
    await says(/--loss bpr needs all rows/, at("f.libsvm"), "--loss", "bpr");
    await says(
      /--ignore names the column "other", which is not there/,
      at("f.csv"),
      "--label",
      "rating",
      "--ignore",
      "other",
    );
    writeFileSync(
      at("g.csv"),
      csv(({ note, rating }) => (note === 77 ? "none" : rating + 0.5)),
    );
    await says(
      /g\.csv:79: the label in the column "rating" must be a finite number, got "none"/,
      at("g.csv"),
      "--label",
      "rating",
    );
    writeFileSync(at("h.csv"), `a,b\n${"1,2\n".repeat(9)}1,2,3\n`);
    await says(/h\.csv:11:/, at("h.csv"), "--label", "a");
    writeFileSync(at("i.csv"), "a,b\n");
    await says(/holds no rows/, at("i.csv"), "--label", "a");
    writeFileSync(at("j.libsvm"), `${libsvm}1 x:1\n`);
    await says(/j\.libsvm:501: expected "index:value"/, at("j.libsvm"));
  });
});
