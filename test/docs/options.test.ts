// Compares the tables of options in the documentation with the code: every option of a type stands in its
// table, no table names an option that does not exist, and a default is the same text as in the doc comment
// of the property ("Default: 64."). The types are looked up by name anywhere in src, so files may move.

import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "esbuild";
import ts from "typescript";
import { beforeAll, describe, expect, it } from "vitest";
import { NFM } from "../../src/index.ts";
import { type OptionTable, optionTablesOf, pages, root } from "./markdown.ts";

/** What must have a table. */
const REQUIRED = [
  "NFMOptions",
  "FitOptions",
  "StreamOptions",
  "WorkerOptions",
  "RecommenderOptions",
  "RecommenderFitOptions",
  "FeatureEncoderOptions",
  "LoadOverrides",
  "new Adagrad",
  "new SGD",
  "parseLibSVM",
  "readLibSVM",
  "CSVOptions",
  "ReaderOptions",
  "NFM.predict",
  "NFM.evaluate",
  "NFM.rank",
  "NFM.partialFit",
  "NFM.save",
  "Recommender.recommend",
  "Recommender.evaluate",
  "Recommender.report",
  "RecommenderUpdateOptions",
  "HistoryOptions",
  "Predictor.load",
  "Predictor.predict",
  "Predictor.rank",
  "neural-fm train",
  "neural-fm evaluate",
  "neural-fm predict",
  "neural-fm demo",
];

const tables = pages.flatMap(optionTablesOf);

const plain = (text: string): string => text.replaceAll("`", "").replace(/\s+/g, " ").trim();

/** The options of one type, by name, with the default that the doc comment states (null: none stated). */
type Options = Map<string, string | null>;

const sources = (readdirSync(join(root, "src"), { recursive: true }) as string[])
  .filter((name) => name.endsWith(".ts"))
  .map((name) => join(root, "src", name));
let program: ts.Program;

beforeAll(() => {
  const config = ts.readConfigFile(join(root, "tsconfig.json"), ts.sys.readFile).config as {
    compilerOptions: object;
  };
  const { options } = ts.parseJsonConfigFileContent(
    { compilerOptions: config.compilerOptions, files: [] },
    ts.sys,
    root,
  );
  program = ts.createProgram(sources, options);
}, 120_000);

/** The declarations of a name at the top of a file of src. */
function declarationsOf(name: string): ts.Statement[] {
  const own = program
    .getSourceFiles()
    .filter(({ fileName }) => sources.some((path) => path.replaceAll("\\", "/") === fileName));
  return own
    .flatMap(({ statements }) => [...statements])
    .filter((statement) => {
      const named =
        ts.isInterfaceDeclaration(statement) ||
        ts.isTypeAliasDeclaration(statement) ||
        ts.isClassDeclaration(statement) ||
        ts.isFunctionDeclaration(statement);
      return named && statement.name?.text === name;
    });
}

/** The functions that "new Adagrad", "NFM.predict" or "parseLibSVM" names; methods may be inherited. */
function signaturesOf(name: string): ts.SignatureDeclaration[] {
  const [, constructed] = /^new (\w+)$/.exec(name) ?? [];
  const [, owner, method] = /^(\w+)\.(\w+)$/.exec(name) ?? [];
  const classes = declarationsOf(constructed ?? owner ?? "").filter(ts.isClassDeclaration);
  if (constructed !== undefined)
    return classes.flatMap(({ members }) => [...members]).filter(ts.isConstructorDeclaration);
  if (owner === undefined) return declarationsOf(name).filter(ts.isFunctionDeclaration);
  const checker = program.getTypeChecker();
  return classes.flatMap((node) => {
    const symbol = checker.getSymbolAtLocation(node.name!)!;
    const types = [checker.getDeclaredTypeOfSymbol(symbol), checker.getTypeOfSymbol(symbol)]; // of instances, of the class
    return types
      .flatMap((type) => checker.getPropertyOfType(type, method)?.declarations ?? [])
      .filter(ts.isMethodDeclaration);
  });
}

function statedDefault(documentation: string): string | null {
  const match = /\bDefaults?:? ([\s\S]+?)\.(?=\s|$)/.exec(documentation);
  return match && plain(match[1]);
}

/** The properties of a type; `documentationOf` gives what else is written about one. */
function propertiesOf(type: ts.Type, documentationOf: (name: string) => string): Options {
  const checker = program.getTypeChecker();
  return new Map(
    checker.getPropertiesOfType(checker.getNonNullableType(type)).map((property) => {
      const own = ts.displayPartsToString(property.getDocumentationComment(checker));
      return [property.name, statedDefault(`${own} ${documentationOf(property.name)}`)];
    }),
  );
}

/** The options of the last parameter of a function, documented by `@param options.name`. */
function optionsOfSignature(signature: ts.SignatureDeclaration): Options {
  const parameter = signature.parameters[signature.parameters.length - 1];
  const tags = ts.getJSDocTags(signature).filter(ts.isJSDocParameterTag);
  return propertiesOf(program.getTypeChecker().getTypeAtLocation(parameter), (option) => {
    const tag = tags.find(({ name }) => name.getText() === `${parameter.name.getText()}.${option}`);
    return ts.getTextOfJSDocComment(tag?.comment) ?? "";
  });
}

function optionsInCode(name: string): Options {
  const [type] = declarationsOf(name).filter(
    (statement) => ts.isInterfaceDeclaration(statement) || ts.isTypeAliasDeclaration(statement),
  );
  if (type !== undefined) return propertiesOf(program.getTypeChecker().getTypeAtLocation(type), () => "");
  const signatures = signaturesOf(name);
  expect(signatures.length, `src declares no ${name}`).toBeGreaterThan(0);
  const options: Options = new Map();
  for (const signature of signatures) {
    for (const [option, value] of optionsOfSignature(signature))
      options.set(option, options.get(option) ?? value);
  }
  return options;
}

function optionsInTable({ rows }: OptionTable): Options {
  return new Map(rows.map(([option, value]) => [plain(option), plain(value)]));
}

const api = tables.filter(({ name }) => !name.startsWith("neural-fm "));

describe("tables of options", () => {
  it("are there for everything that has options, once", () => {
    const names = tables.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    expect(names).toEqual(expect.arrayContaining(REQUIRED));
  });

  it.each(
    tables.map((table) => [table.name, table] as const),
  )("%s: have a default and a sentence for each option", (_, { header, rows }) => {
    expect(header).toEqual(["option", "default", "meaning"]);
    for (const [option, value, meaning, ...rest] of rows) {
      expect(rest, option).toEqual([]);
      expect(value, option).not.toBe("");
      expect(meaning, option).toMatch(/^[A-Z`"].*\.$/);
    }
  });

  it.each(
    api.map((table) => [table.name, table] as const),
  )("%s: name exactly the options of the code", (name, table) => {
    expect([...optionsInTable(table).keys()].sort()).toEqual([...optionsInCode(name).keys()].sort());
  });

  it.each(
    api.map((table) => [table.name, table] as const),
  )("%s: give the defaults of the doc comments", (name, table) => {
    const documented = optionsInTable(table);
    for (const [option, value] of optionsInCode(name)) {
      if (value !== null) expect(documented.get(option), `${name}: ${option}`).toBe(value);
    }
  });

  it("give the defaults that a model without options has", () => {
    const bytes = new NFM({ numFeatures: 1 }).save();
    const length = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true));
    const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + length))) as {
      __metadata__: { config: string };
    };
    const config = JSON.parse(header.__metadata__.config) as Record<string, unknown>;
    const documented = optionsInTable(tables.find(({ name }) => name === "NFMOptions")!);
    for (const option of ["embeddingDim", "hiddenUnits", "activation", "batchNorm", "loss", "seed"]) {
      expect(documented.get(option)?.split(";")[0], option).toBe(JSON.stringify(config[option]));
    }
  });

  it("give the defaults that fit chooses by loss and rows", async () => {
    const fitted = async (loss: "log" | "squared", rows: number): Promise<Record<string, unknown>> => {
      const x = Array.from({ length: rows }, (_, i) => ({ indices: [i % 3] }));
      const model = new NFM({ loss, numFeatures: 3, embeddingDim: 1, hiddenUnits: [1], notices: false });
      const labels = x.map((_, i) => i % 2);
      await model.fit(x, labels, { epochs: 1, validation: false });
      return model.toJSON().options as unknown as Record<string, unknown>;
    };
    const documented = optionsInTable(tables.find(({ name }) => name === "NFMOptions")!);
    expect(documented.get("dropout")).toBe(
      "0.5 and 0.2, with the squared loss 0.1 and 0; below 1,000 rows 0.8 and 0.3",
    );
    expect(documented.get("initStd")).toBe("0.2; from 1,000 rows on 2 / sqrt(rows), at least 0.01");
    expect(documented.get("l2")).toBe("5 / rows for embeddings and linear weights, 0 for hidden layers");
    expect(documented.get("learningRate")).toBe('0.1 for "adagrad", 0.01 for "sgd"');
    expect(await fitted("log", 1000)).toMatchObject({
      dropout: { biInteraction: 0.5, hidden: 0.2 },
      initStd: 2 / Math.sqrt(1000),
      l2: { embedding: 0.005, linear: 0.005, hidden: 0 },
      optimizer: { name: "adagrad", learningRate: 0.1, initialAccumulator: 0.0005 },
    });
    expect((await fitted("squared", 999)).dropout).toEqual({ biInteraction: 0.8, hidden: 0.3 });
    expect((await fitted("squared", 999)).initStd).toBe(0.2);
    expect((await fitted("log", 90_000)).initStd).toBe(0.01);
    expect((await fitted("squared", 1000)).dropout).toEqual({ biInteraction: 0.1, hidden: 0 });
    expect((await fitted("squared", 10)).l2).toEqual({ embedding: 0.01, linear: 0.01, hidden: 0 });
  });
});

describe("tables of the command line", () => {
  const commands = tables.filter(({ name }) => name.startsWith("neural-fm "));
  let helpOf: (command: string) => string;
  beforeAll(async () => {
    const folder = mkdtempSync(join(tmpdir(), "neural-fm-help-"));
    const entry = sources.find((path) => readFileSync(path, "utf8").startsWith("#!"))!;
    const outfile = join(folder, "neural-fm.mjs");
    await build({
      entryPoints: [entry],
      bundle: true,
      platform: "node",
      format: "esm",
      outfile,
      logLevel: "silent",
    });
    helpOf = (command) => execFileSync(process.execPath, [outfile, command, "--help"], { encoding: "utf8" });
    return () => rmSync(folder, { recursive: true });
  });

  it.each(
    commands.map((table) => [table.name, table] as const),
  )("%s: name exactly the options of --help", (name, table) => {
    const help = helpOf(name.split(" ")[1]);
    const named = Array.from(help.matchAll(/^ {2}(--[a-z-]+)/gm), (match) => match[1]);
    expect([...optionsInTable(table).keys()].map((option) => option.split(" ")[0]).sort()).toEqual(
      named.sort(),
    );
  });
});
