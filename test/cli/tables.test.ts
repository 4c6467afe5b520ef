// Commands on CSV files and JSON lines.

import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import papaparse from "papaparse";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { NFM } from "../../src/index.ts";
import { root } from "../docs/markdown.ts";
import { run } from "./runner.ts";

let folder = "";
const at = (name: string): string => join(folder, name);
const ratings = join(root, "examples", "ratings.csv");
const small = ["--k", "4", "--hidden", "none", "--epochs", "3"];

/** The cells of a CSV text as another parser reads them. */
function cellsOf(text: string): string[][] {
  return papaparse.parse<string[]>(text, { skipEmptyLines: true }).data;
}

/** Writes a file, trains on it, and returns what the command said. */
async function trainOn(name: string, content: string, ...options: string[]): ReturnType<typeof run> {
  writeFileSync(at(name), content);
  return run("train", at(name), "--model", at("model"), ...small, ...options);
}

/** Rows of two fields; the label says whether their parities agree. */
const pairs = Array.from({ length: 60 }, (_, i) => {
  const [a, b] = [i % 4, (i * 7) % 5];
  return { a: `a${a}`, b, y: (a + b) % 2 };
});
const csv = (y: (row: (typeof pairs)[number]) => unknown): string =>
  `a,b,y\n${pairs.map((row) => `${row.a},${row.b},${y(row)}\n`).join("")}`;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "neural-fm-tables-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

describe("examples/ratings.csv", () => {
  it("is what its script writes", () => {
    // Into another file, because other tests read the table at the same time.
    execFileSync(process.execPath, [join(root, "examples", "make-ratings.mjs"), at("made.csv")]);
    expect(readFileSync(at("made.csv")).equals(readFileSync(ratings))).toBe(true);
  });

  it("is learned without options: held-out rows are predicted far better than by a constant", async () => {
    const { code, out } = await run(
      "train",
      ratings,
      "--label",
      "rating",
      "--model",
      at("r"),
      "--validation",
      "0.15",
    );
    expect(code).toBe(0);
    const [, model, constant] =
      /held-out rows \(108\): rmse (\S+),.*\na constant prediction: rmse (\S+),/.exec(out)!;
    expect(Number(model)).toBeLessThan(0.65 * Number(constant));
  });
});

describe("neural-fm train on a table", () => {
  it("gives the model of the library, whose file remembers the label", async () => {
    const { code, out, err } = await trainOn(
      "n.csv",
      csv(({ y }) => 10 + 3 * y + 0.5),
      "--label",
      "y",
      "--loss",
      "squared",
    );
    expect([code, err.match(/^epoch/gm)]).toEqual([0, ["epoch", "epoch", "epoch"]]);
    expect(out).toMatch(
      /^read .*n\.csv: 60 rows, \d.*\n(?:.*\n)*training rows \(60; none were held out\): rmse /,
    );
    const model = new NFM({ embeddingDim: 4, hiddenUnits: [], notices: false });
    const texts = { a: pairs.map(({ a }) => a), b: pairs.map(({ b }) => String(b)) };
    await model.fit(
      texts,
      Float64Array.from(pairs, ({ y }) => 10.5 + 3 * y),
      { epochs: 3 },
    );
    const loaded = NFM.load(readFileSync(at("model")), { notices: false });
    expect(loaded.predict(texts)).toEqual(model.predict(texts));
    const measured = await run("evaluate", at("n.csv"), "--model", at("model"), "--metrics", "mae");
    const own = model.evaluate(
      texts,
      pairs.map(({ y }) => 10.5 + 3 * y),
      { metrics: ["mae"] },
    ).mae;
    expect(measured.out).toContain(`n.csv (60 rows): mae ${own.toPrecision(5)}\n`);
  });

  it("takes the log loss for two different labels, be they numbers or texts, and squared for more", async () => {
    const lossOf = (): unknown => NFM.load(readFileSync(at("model"))).toJSON().options.loss;
    const classesOf = (): unknown => NFM.load(readFileSync(at("model"))).classes;
    for (const [y, loss, classes] of [
      [({ y }: { y: number }) => y, "log", null],
      [({ y }: { y: number }) => 2 * y - 1, "log", null],
      [({ y }: { y: number }) => y + 1, "log", ["1", "2"]],
      [({ y }: { y: number }) => (y === 1 ? "yes" : "no"), "log", ["no", "yes"]],
      [({ b }: { b: number }) => b, "squared", null],
    ] as const) {
      expect((await trainOn("l.csv", csv(y), "--label", "y")).code).toBe(0);
      expect([lossOf(), classesOf()]).toEqual([loss, classes]);
    }
  });

  it("gives the same model from CSV, compressed CSV, tabs and the columns of JSON lines", async () => {
    const text = csv(({ y }) => y);
    writeFileSync(at("s.csv"), text);
    writeFileSync(at("s.csv.gz"), gzipSync(text));
    writeFileSync(at("s.tsv"), text.replaceAll(",", "\t"));
    writeFileSync(
      at("s.jsonl"),
      pairs.map((row) => `${JSON.stringify({ ...row, b: String(row.b) })}\n`).join(""),
    );
    const files = ["s.csv", "s.csv.gz", "s.tsv", "s.jsonl"];
    for (const file of files)
      await run("train", at(file), "--label", "y", "--model", at(`${file}.model`), ...small);
    const [first, ...others] = files.map((file) => readFileSync(at(`${file}.model`)));
    for (const other of others) expect(other.equals(first)).toBe(true);
  });

  it("gives the columns the kinds of --fields", async () => {
    await trainOn(
      "f.csv",
      csv(({ y }) => y),
      "--label",
      "y",
      "--fields",
      "b:number,a:category",
    );
    const { fields } = NFM.load(readFileSync(at("model")));
    expect(fields.map(({ name, kind, range }) => [name, kind, range])).toEqual([
      ["a", "category", null],
      ["b", "number", [0, 4]],
    ]);
    expect((await run("inspect", at("model"))).out).toContain("  b: number, 0 to 4\n");
  });

  it("says what was held out in the words of its options", async () => {
    const rows = Array.from({ length: 1000 }, (_, i) => `u${i % 7},${i % 3}\n`).join("");
    const { err } = await trainOn("held.csv", `a,y\n${rows}`, "--label", "y");
    expect(err).toMatch(/^note: 100 of 1,000 rows were held out .* --refit .* --validation none .*\n/);
  });

  it("leaves ignored columns out, in training and in prediction", async () => {
    const text = csv(({ y }) => y);
    await trainOn("i.csv", text, "--label", "y", "--ignore", "b");
    expect(NFM.load(readFileSync(at("model"))).numFeatures).toBe(4);
    const { code, err, out } = await run("predict", at("i.csv"), "--model", at("model"));
    expect([code, err, out.split("\n").length]).toEqual([0, "", 62]);
    const unknown = await trainOn("i.csv", text, "--label", "y", "--ignore", "c");
    expect(unknown.err).toContain('i.csv: --ignore names the column "c", which is not there; there are a, b');
  });

  it.each([
    [
      "bad.csv",
      'a,y\nx,1\n"x\ny",2\nz,three\nz,4\n',
      'bad.csv:5: the label in the column "y" must be a finite number, got "three"',
    ],
    [
      "bad.jsonl",
      '{"a":"x","y":1}\n\n{"a":"z","y":"?"}\n{"a":"z","y":3}\n',
      'bad.jsonl:3: the label in the column "y" must',
    ],
    [
      "bad.csv",
      "a,y\nx,red\ny,green\nz,blue\n",
      'bad.csv: the labels in the column "y" are texts ("red", "green", "blue"); a model',
    ],
    ["bad.csv", 'a,y\nx,1\n"b"c,2\n', "bad.csv:3:1: "],
    ["bad.csv", "a,y\nx,1\nx,1,2\n", "bad.csv:3"],
    ["bad.csv", "a,b\nx,1\n", 'bad.csv: --label must name a column, got "y"; the columns are "a", "b"'],
    ["bad.jsonl", '{"a":"x","y":1}\n{"a":]\n', "bad.jsonl:2:6: column 6, row 2: expected"],
    ["bad.csv", "a,y\n", "bad.csv: holds no rows"],
    ["bad.csv", "y\n1\n2\n", "bad.csv: has no column besides the label"],
  ])("says in %s what is wrong, where, and how to go on", async (name, content, message) => {
    const { code, out, err } = await trainOn(name, content, "--label", "y");
    expect(err).toContain(message);
    expect(err).toMatch(/^neural-fm: [^\n]*\n$/);
    expect([code, out]).toEqual([1, ""]);
  });

  it("writes a page about the training with the metrics of the held-out rows", async () => {
    const { out } = await run(
      ...["train", ratings, "--label", "rating", "--model", at("r"), "--report", at("r.html")],
      ...["--validation", "0.2", "--epochs", "3"],
    );
    const [, rmse] = /held-out rows \(144\): rmse (\d\.\d\d)/.exec(out)!;
    const page = readFileSync(at("r.html"), "utf8");
    expect(page).toMatch(/^<!doctype html>/);
    expect(page).toContain("144 of 720 rows were held out");
    expect(page).toContain(rmse);
    expect(page).toContain("--epochs");
  });
});

describe("neural-fm predict on a table", () => {
  const text = csv(({ y }) => y);
  beforeAll(async () => void (await trainOn("p.csv", text, "--label", "y")));

  it("adds a column to a CSV file and leaves the cells as they are", async () => {
    const odd = 'b,"a\n1",a,y\r\n3,"x, ""y""",a1,\r\n\r\n4,,a2,1\r\n';
    writeFileSync(at("odd.csv"), odd);
    const { code, out } = await run("predict", at("odd.csv"), "--model", at("model"));
    const [first, second] = NFM.load(readFileSync(at("model")), { notices: false }).predict([
      { a: "a1", b: "3" },
      { a: "a2", b: "4" },
    ]);
    expect(code).toBe(0);
    expect(cellsOf(out)).toEqual([
      ["b", "a\n1", "a", "y", "prediction"],
      ["3", 'x, "y"', "a1", "", String(Number(first.toPrecision(9)))],
      ["4", "", "a2", "1", String(Number(second.toPrecision(9)))],
    ]);
    expect(out.replace(/,prediction|,0\.\d+(?=\r\n)/g, "")).toBe(odd.replace("\r\n\r\n", "\r\n"));
  });

  it("adds a key to JSON lines and leaves all other digits as they are", async () => {
    writeFileSync(at("p.jsonl"), '{"a":"a1", "id": 12345678901234567890 }\n\n{}\n');
    const { out } = await run("predict", at("p.jsonl"), "--model", at("model"), "--column", "score");
    expect(out).toMatch(/^\{"a":"a1", "id": 12345678901234567890,"score":0\.\d+\}\n\{"score":0\.\d+\}\n$/);
  });

  it("gives a long file the predictions of its rows, whatever the blocks", async () => {
    const rows = Array.from({ length: 5000 }, (_, i) => ({ a: `a${i % 5}`, b: String(i % 6) }));
    writeFileSync(at("long.csv"), `a,b\n${rows.map(({ a, b }) => `${a},${b}\n`).join("")}`);
    await run("predict", at("long.csv"), "--model", at("model"), "--out", at("long.out.csv"));
    const expected = NFM.load(readFileSync(at("model")), { notices: false }).predict(rows);
    const cells = cellsOf(readFileSync(at("long.out.csv"), "utf8")).slice(1);
    expect(Float32Array.from(cells, ([, , prediction]) => Number(prediction))).toEqual(expected);
  });

  it("names the line of a row that it cannot read, and the column that is there already", async () => {
    writeFileSync(at("late.csv"), `a,b\n${"a1,2\n".repeat(3000)}a1\n`);
    expect((await run("predict", at("late.csv"), "--model", at("model"))).err).toContain("late.csv:3002");
    writeFileSync(at("taken.csv"), "a,prediction\na1,2\n");
    const taken = await run("predict", at("taken.csv"), "--model", at("model"));
    expect(taken.err).toContain(
      'taken.csv:1: there is "prediction" already; name the predictions with --column',
    );
    expect([taken.code, taken.out]).toEqual([1, ""]);
  });
});

describe("neural-fm inspect", () => {
  it("shows options, label, sizes and health", async () => {
    await trainOn(
      "m.csv",
      csv(({ y }) => (y === 1 ? "yes" : "no")),
      "--label",
      "y",
    );
    const { code, out } = await run("inspect", at("model"));
    expect(code).toBe(0);
    for (const line of [
      "embeddingDim: 4",
      "column: y",
      'classes: "no" and "yes"; predictions are of the second',
      "linear.weight: ",
      "all numbers are finite",
      "largest linear weights: ",
    ])
      expect(out).toContain(`  ${line}`);
  });

  it("counts embeddings that were never trained, in a model without a note", async () => {
    const model = new NFM({ embeddingDim: 2, hiddenUnits: [], batchNorm: false, numFeatures: 10 });
    for (let step = 0; step < 50; step++) model.partialFit([{ indices: [1, 2] }], [1]);
    writeFileSync(at("m"), model.save());
    expect((await run("inspect", at("m"))).out).toContain(
      "hardly moved from their initial values: 8 of 10 (80 %)",
    );
  });

  it("shows a file that does not load, and says why", async () => {
    const bytes = new NFM({ embeddingDim: 2, numFeatures: 3 }).save();
    new DataView(bytes.buffer, bytes.byteOffset).setFloat32(bytes.length - 4, Number.NaN, true);
    writeFileSync(at("m"), bytes);
    const { code, out, err } = await run("inspect", at("m"));
    expect(out).toContain("1 of ");
    expect(out).toContain("numbers are not finite");
    expect(err).toMatch(/^neural-fm: .*m: the model does not load: [^\n]*\n$/);
    expect(code).toBe(1);
    writeFileSync(at("m"), "no model at all");
    expect((await run("inspect", at("m"))).err).toContain("is no model file");
  });
});
