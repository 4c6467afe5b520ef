import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { FeatureEncoder, NFM, parseLibSVM } from "../../src/index.ts";
import { run } from "./runner.ts";

let folder = "";
const at = (name: string): string => join(folder, name);

/** Rows of two fields of 4 and 5 values; the label says whether their parities agree. */
const lines = Array.from({ length: 400 }, (_, i) => {
  const [a, b] = [i % 4, (i * 7) % 5];
  return `${(a + b) % 2 === 0 ? 1 : -1} ${a}:1 ${4 + b}:1`;
});
const small = ["--k", "4", "--hidden", "4", "--epochs", "3", "--loss", "log"];

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "neural-fm-cli-"));
  writeFileSync(at("train.libsvm"), `${lines.join("\n")}\n`);
  writeFileSync(at("crlf.libsvm"), `${lines.join("\r\n")}\r\n`);
  writeFileSync(at("wide.libsvm"), "1 0:1 4:1\n-1 1:1 11:1\n");
  writeFileSync(
    at("one-based.libsvm"),
    lines.map((line) => line.replace(/(\d+):/g, (_, index) => `${Number(index) + 1}:`)).join("\n"),
  );
  writeFileSync(at("broken.libsvm"), "1 0:1\n0 1:x\n");
});
afterAll(() => rmSync(folder, { recursive: true }));

describe("neural-fm train and predict", () => {
  it("train a ranking loss on the queries of a file, and say which file has none", async () => {
    const ranked = lines.map((line, i) => line.replace(" ", ` qid:${Math.floor(i / 10)} `));
    writeFileSync(at("ranked.libsvm"), ranked.join("\n"));
    const trained = await run(
      "train",
      at("ranked.libsvm"),
      "--model",
      at("ranker"),
      "--validation",
      at("ranked.libsvm"),
      "--metrics",
      "ndcg@3,group-auc",
      ...small,
      "--loss",
      "bpr",
    );
    expect(trained.err).toMatch(/^epoch 1\/3: loss 0\.\d+, validation loss .*ndcg@3 .*group-auc /);
    expect(trained.code).toBe(0);
    const plain = await run(
      "train",
      at("ranked.libsvm"),
      "--validation",
      at("train.libsvm"),
      ...small,
      "--loss",
      "max-margin",
    );
    expect(plain.err).toMatch(
      /^neural-fm: .*train\.libsvm: --loss max-margin compares the lines of a query, and there is no qid: .*\n$/,
    );
    expect(plain.code).toBe(1);
    const metric = await run(
      "train",
      at("train.libsvm"),
      "--validation",
      at("train.libsvm"),
      "--metrics",
      "ndcg@10",
      ...small,
    );
    expect(metric.err).toMatch(
      /^neural-fm: .*train\.libsvm: --metrics ndcg@10 ranks the lines of a query, and there is no qid: .*\n$/,
    );
  });

  it("train a model whose predictions are those of the library, and say where it went", async () => {
    const out = at("model.safetensors");
    const data = at("train.libsvm");
    const trained = await run(
      "train",
      data,
      "--model",
      out,
      "--validation",
      data,
      "--metrics",
      "auc,logloss",
      ...small,
    );
    expect(trained.code).toBe(0);
    expect(trained.err.trim().split("\n")).toHaveLength(3);
    expect(trained.err).toMatch(/^epoch 1\/3: loss 0\.\d+, validation loss .*auc /);
    expect(trained.out).toMatch(
      /^read .*train\.libsvm: 400 rows, 9 features\nbest epoch \d of 3\n.*train\.libsvm: auc .*\na constant .*\nwrote .*model\.safetensors \(\d+ parameters, \d+ KiB\)\n$/,
    );

    const model = NFM.load(readFileSync(out));
    const { x } = parseLibSVM(readFileSync(data));
    for (const flags of [[], ["--raw"]]) {
      const predicted = await run("predict", data, "--model", out, ...flags);
      const expected = model.predict(x, { raw: flags.length > 0 });
      expect(Float32Array.from(predicted.out.trim().split("\n"), Number)).toEqual(expected);
    }
  });

  it("learn what two fields say together", async () => {
    const out = at("parity.safetensors");
    const options = ["--loss", "log", "--k", "8", "--hidden", "8", "--epochs", "30", "--dropout", "0,0"];
    const { code } = await run("train", at("train.libsvm"), "--model", out, ...options);
    expect(code).toBe(0);
    const { x, y } = parseLibSVM(readFileSync(at("train.libsvm")));
    expect(NFM.load(readFileSync(out)).evaluate(x, y, { metrics: ["accuracy"] }).accuracy).toBe(1);
  });

  it("write the same model from LF and CRLF, from indices counted from 0 and from 1", async () => {
    const files = ["train.libsvm", "crlf.libsvm", "one-based.libsvm"].map(at);
    for (const [i, file] of files.entries()) {
      await run("train", file, "--model", at(`same-${i}`), ...(i === 2 ? ["--one-based"] : []), ...small);
    }
    const [first, second, third] = files.map((_, i) => readFileSync(at(`same-${i}`)));
    expect(second.equals(first)).toBe(true);
    expect(third.equals(first)).toBe(true);
    const [a, b] = [
      await run("predict", files[1], "--model", at("same-0")),
      await run("predict", files[2], "--model", at("same-0"), "--one-based"),
    ];
    expect(a.out).toBe(b.out);
  });

  it("have as many features as the larger of the two files, or as many as asked for", async () => {
    await run(
      "train",
      at("train.libsvm"),
      "--validation",
      at("wide.libsvm"),
      "--model",
      at("wide"),
      ...small,
    );
    expect(NFM.load(readFileSync(at("wide"))).numFeatures).toBe(12);
    await run("train", at("train.libsvm"), "--features", "20", "--model", at("wider"), ...small);
    expect(NFM.load(readFileSync(at("wider"))).numFeatures).toBe(20);
  });

  it("hand every option on", async () => {
    const options = [
      "--loss",
      "hinge",
      "--k",
      "3",
      "--hidden",
      "5,2",
      "--activation",
      "tanh",
      "--epochs",
      "9",
      "--batch",
      "50",
    ];
    const more = [
      "--seed",
      "4",
      "--learning-rate",
      "0",
      "--dropout",
      "0.1,0.3",
      "--no-batch-norm",
      "--patience",
      "1",
    ];
    const data = at("train.libsvm");
    const { code, out } = await run(
      "train",
      data,
      "--validation",
      data,
      "--model",
      at("all"),
      ...options,
      ...more,
    );
    expect(code).toBe(0);
    expect(out).toContain("best epoch 1 of 2\n"); // at this rate nothing moves, so patience ran out
    const file = readFileSync(at("all"));
    const header: unknown = JSON.parse(file.subarray(8, 8 + Number(file.readBigUInt64LE(0))).toString());
    expect(JSON.parse((header as { __metadata__: { config: string } }).__metadata__.config)).toMatchObject({
      loss: "hinge",
      embeddingDim: 3,
      hiddenUnits: [5, 2],
      activation: "tanh",
      batchNorm: false,
      seed: 4,
      dropout: { biInteraction: 0.1, hidden: 0.3 },
      optimizer: { learningRate: 0 },
    });
    await run("train", at("train.libsvm"), "--hidden", "none", "--model", at("fm"), "--epochs", "1");
    expect(() => NFM.load(readFileSync(at("fm"))).tensor("output.weight")).toThrow(RangeError);
  });

  it("write predictions into a file, whole or not at all", async () => {
    await run("train", at("train.libsvm"), "--model", at("m"), ...small);
    const printed = await run("predict", at("train.libsvm"), "--model", at("m"));
    expect(await run("predict", at("train.libsvm"), "--model", at("m"), "--out", at("scores.txt"))).toEqual({
      code: 0,
      out: "",
      err: "",
    });
    expect(readFileSync(at("scores.txt"), "utf8")).toBe(printed.out);
    const failed = await run("predict", at("broken.libsvm"), "--model", at("m"), "--out", at("none.txt"));
    expect(failed.code).toBe(1);
    expect(
      readdirSync(folder).filter((name) => name.startsWith("none.txt") || name.endsWith(".tmp")),
    ).toEqual([]);
  });
});

describe("neural-fm, when something is wrong,", () => {
  it.each([
    [["train", "missing.libsvm"], "missing.libsvm: no such file or folder"],
    [["train", "broken.libsvm"], "broken.libsvm:2: the value of index 1 must be a finite number"],
    [["train", "train.libsvm", "--model", "no/such/m"], "no/such: no such file or folder"],
    [["train", "train.libsvm", "--model", "."], ": is a folder"],
    [["train", "train.libsvm", "--features", "3"], "numFeatures (3)"],
    [["predict", "train.libsvm", "--model", "train.libsvm"], "train.libsvm: "],
    [["predict", "missing.libsvm", "--model", "m"], "missing.libsvm: no such file or folder"],
    [["predict", "wide.libsvm", "--model", "m"], "wide.libsvm:2: index must be below cols (9), got 11"],
  ])("%j ends with code 1 and one line", async (argv, message) => {
    await run("train", at("train.libsvm"), "--model", at("m"), ...small);
    const paths = argv.map((arg, i) =>
      i > 0 && !arg.startsWith("--") && !/^\d+$/.test(arg) ? at(arg) : arg,
    );
    const { code, out, err } = await run(...paths);
    expect(err).toContain(message);
    expect(err).toMatch(/^neural-fm: [^\n]*\n$/);
    expect({ code, out }).toEqual({ code: 1, out: "" });
  });

  it.each([
    [["train", "t.csv"], "--label is missing: it names the column of t.csv to learn"],
    [
      ["train", "t.data"],
      "t.data: the ending of its name says no format; say --format csv, --format jsonl or",
    ],
    [["train", "-"], "standard input: its format is not known; say --format"],
    [
      ["train", "t.csv", "--label", "y", "--features", "3"],
      "--features is for libSVM files, and t.csv is none",
    ],
    [
      ["train", "t.txt", "--label", "y"],
      "--label is for files whose columns have names, such as CSV, and t.txt",
    ],
    [
      ["train", "t.csv", "--label", "y", "--fields", "zip"],
      "--fields must be like zip:category,price:number",
    ],
    [["train", "t.csv", "--label", "y", "--fields", "zip:text"], "--fields must be one of category, number,"],
    [["train", "t.csv", "--label", "y", "--validation", "1.5"], "--validation must be auto, none, a share"],
    [
      ["train", "t.csv", "--label", "y", "--validation", "v.txt"],
      "--validation must be a file of the same form",
    ],
    [
      ["train", "t.csv", "--label", "y", "--validation", "v.csv", "--refit"],
      "--refit needs rows that are held",
    ],
    [["train", "t.csv", "--label", "y", "--resume"], "--resume needs --checkpoint FILE"],
    [["train", "t.csv", "--lable", "y"], "Unknown option '--lable'; did you mean --label?"],
    [["evaluate", "t.csv"], "--model is missing: it names a model file"],
    [[], "no command"],
    [["fit"], 'no command "fit"'],
    [["train"], "train needs DATA, got nothing"],
    [["tarin"], 'no command "tarin"; did you mean train?'],
    [["predict", "m.txt"], "--model is missing: it names a model file"],
    [["predict", "m", "t.txt"], "predict needs DATA, got m t.txt"],
    [["demo", "x"], "demo needs no file, got x"],
    [["train", "t.txt", "--kk", "3"], "Unknown option '--kk'; did you mean --k?"],
    [["train", "t.txt", "--k"], "--k"],
    [["train", "t.txt", "--k", "0"], '--k must be an integer of at least 1, got "0"'],
    [["train", "t.txt", "--hidden", "8,x"], '--hidden must be an integer of at least 1, got "x"'],
    [["train", "t.txt", "--learning-rate", ""], '--learning-rate must be a number of at least 0, got ""'],
    [
      ["train", "t.txt", "--dropout", "0.5,1"],
      "--dropout must be one or two rates of at least 0 and below 1, got 0.5,1",
    ],
    [
      ["train", "t.txt", "--loss", "bprr"],
      '--loss must be one of auto, squared, log, hinge, bpr, max-margin, got "bprr"',
    ],
    [["train", "t.txt", "--patience", "2", "--validation", "none"], "--patience needs --validation"],
    [["train", "t.txt", "--metrics", "auk"], '--metrics must be one of "rmse",'],
  ])("%j is wrong usage: code 2 and one line", async (argv, message) => {
    const { code, out, err } = await run(...argv);
    expect(err).toContain(message);
    expect(err).toMatch(/^neural-fm: [^\n]* \(see neural-fm --help\)\n$/);
    expect({ code, out }).toEqual({ code: 2, out: "" });
  });
});

it("neural-fm predict refuses a libSVM file for a model that learned names, and says what to do", async () => {
  const maps = [{ user: "ana", item: "tea" }, { user: "bo" }];
  const named = new NFM({ embeddingDim: 2 });
  named.partialFit(maps, [1, 0]);
  const hashed = new NFM({ embeddingDim: 2, encoder: new FeatureEncoder({ hashBits: 4 }) });
  hashed.partialFit(maps, [1, 0]);
  writeFileSync(at("two.libsvm"), "1 0:1 1:1\n");
  for (const [model, such] of [
    [named, "such as user=ana"],
    [hashed, "such as #0"],
  ] as const) {
    writeFileSync(at("named"), model.save());
    const { code, out, err } = await run(
      "predict",
      at("two.libsvm"),
      "--model",
      at("named"),
      "--out",
      at("named.txt"),
    );
    expect(err).toContain(`named: this model learned names of features, ${such}, and a libSVM file has only`);
    expect(err).toContain("; pass a CSV file or JSON lines, or take a model that");
    expect({ code, out, files: readdirSync(folder).filter((name) => name.startsWith("named.")) }).toEqual({
      code: 1,
      out: "",
      files: [],
    });
  }
  const indexed = new NFM({ embeddingDim: 2, numFeatures: 2 });
  writeFileSync(at("indexed"), indexed.save());
  expect((await run("predict", at("two.libsvm"), "--model", at("indexed"))).code).toBe(0);
});

describe("neural-fm --help and --version", () => {
  it("print help for the tool and for each command, naming every option", async () => {
    expect(await run("--help")).toMatchObject({ code: 0, err: "" });
    expect((await run("-h")).out).toMatch(
      /neural-fm train .*\n.*neural-fm evaluate .*\n.*neural-fm predict .*\n.*neural-fm inspect .*\n.*neural-fm demo/,
    );
    expect((await run("train", "--help")).out).toContain("--learning-rate");
    expect((await run("predict", "--help")).out).toContain("--raw");
    expect((await run("evaluate", "-h")).out).toContain("--metrics");
    expect((await run("inspect", "-h")).out).toContain("MODEL");
    expect((await run("demo", "-h")).out).toContain("--rows");
  });

  it("print the version of the package", async () => {
    const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as {
      version: string;
    };
    expect(await run("--version")).toEqual({ code: 0, out: `${version}\n`, err: "" });
  });
});
