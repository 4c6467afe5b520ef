// The rooms of src and which of them may know which: every import is read, and an arrow that runs back, a
// cycle, a long chain, a package, or state that modules share fails here.

import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { describe, expect, it } from "vitest";

const src = fileURLToPath(new URL("../src", import.meta.url));

/**
 * From the bottom up. A file imports from its own room and from rooms further down, never from a neighbor on
 * its level.
 */
const LEVELS: readonly (readonly string[])[] = [
  ["core/"],
  ["kernels/"],
  ["data/", "links.ts", "optimizers.ts"],
  ["losses.ts", "readers/"],
  ["layers/", "readers.ts"],
  ["model/"],
  ["ranking/", "explain/", "metrics/"],
  ["predictor.ts"],
  ["recommending/"],
  ["training/"],
  ["nfm.ts", "recommender-options.ts"],
  ["recommender.ts", "worker/"],
  ["index.ts", "predict.ts", "worker.ts"],
  ["cli/"],
];

/** Arrows of the longest chain of imports below `nfm.ts` and `recommender.ts`. */
const LONGEST_CHAIN = 11;

interface Import {
  readonly from: string;
  /** Erased by the compiler. */
  readonly isType: boolean;
}

interface Source {
  readonly file: string;
  readonly tree: ts.SourceFile;
  readonly imports: readonly Import[];
}

function read(file: string): Source {
  const tree = ts.createSourceFile(file, readFileSync(join(src, file), "utf8"), ts.ScriptTarget.ES2022, true);
  const imports: Import[] = [];
  const visit = (node: ts.Node): void => {
    if ((ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) && node.moduleSpecifier) {
      const from = (node.moduleSpecifier as ts.StringLiteral).text;
      // With verbatimModuleSyntax `import { type A }` stays an import of the module.
      imports.push({
        from,
        isType: ts.isImportDeclaration(node) ? node.importClause?.isTypeOnly === true : node.isTypeOnly,
      });
    }
    if (
      ts.isCallExpression(node) &&
      (node.expression.kind === ts.SyntaxKind.ImportKeyword || node.expression.getText() === "require")
    ) {
      imports.push({ from: (node.arguments[0] as ts.StringLiteral).text, isType: false });
    }
    if (ts.isImportTypeNode(node))
      imports.push({
        from: ((node.argument as ts.LiteralTypeNode).literal as ts.StringLiteral).text,
        isType: true,
      });
    ts.forEachChild(node, visit);
  };
  visit(tree);
  return { file, tree, imports };
}

const files = (readdirSync(src, { recursive: true }) as string[])
  .map((name) => name.replaceAll("\\", "/"))
  .filter((name) => name.endsWith(".ts"))
  .sort();
const sources = new Map(files.map((file) => [file, read(file)]));

/** The files that a file imports, without those of which it needs only types. */
const runtime = (file: string): string[] => targets(file, (one) => !one.isType);
/** The files that a file imports. */
const all = (file: string): string[] => targets(file, () => true);

function targets(file: string, which: (one: Import) => boolean): string[] {
  const relatives = sources.get(file)!.imports.filter((one) => one.from.startsWith(".") && which(one));
  return [
    ...new Set(
      relatives.map(({ from }) => relative(src, join(src, dirname(file), from)).replaceAll("\\", "/")),
    ),
  ];
}

/** The files that a file reaches, itself among them. */
function reach(file: string, importsOf: (file: string) => string[]): Set<string> {
  const found = new Set<string>();
  const visit = (one: string): void => {
    if (found.has(one)) return;
    found.add(one);
    importsOf(one).forEach(visit);
  };
  visit(file);
  return found;
}

const roomOf = (file: string): string => (file.includes("/") ? `${file.split("/")[0]}/` : file);
const levelOf = (file: string): number => LEVELS.findIndex((rooms) => rooms.includes(roomOf(file)));
const importersOf = (name: string): string[] => files.filter((file) => all(file).includes(name));

describe("the imports of src", () => {
  it.each(files)("%s stands in a known room and imports only from its own and from lower ones", (file) => {
    expect(levelOf(file), `${file} is in no room`).toBeGreaterThanOrEqual(0);
    for (const imported of all(file)) {
      expect(files, `${file} imports ${imported}`).toContain(imported);
      if (roomOf(imported) !== roomOf(file))
        expect(levelOf(imported), `${file} imports ${imported}`).toBeLessThan(levelOf(file));
    }
  });

  it("name no room that does not exist", () => {
    expect(LEVELS.flat().filter((room) => !files.some((file) => roomOf(file) === room))).toEqual([]);
  });

  it("have no cycle, types included", () => {
    const finished = new Set<string>();
    const visit = (file: string, path: readonly string[]): void => {
      expect(path, `cycle: ${[...path, file].join(" -> ")}`).not.toContain(file);
      if (finished.has(file)) return;
      for (const imported of all(file)) visit(imported, [...path, file]);
      finished.add(file);
    };
    for (const file of files) visit(file, []);
  });

  it(`make no chain of more than ${LONGEST_CHAIN} arrows below the public classes`, () => {
    const longest = new Map<string, readonly string[]>();
    const chainOf = (file: string): readonly string[] => {
      const known = longest.get(file);
      if (known !== undefined) return known;
      const below = runtime(file)
        .map(chainOf)
        .reduce<readonly string[]>((most, chain) => (chain.length > most.length ? chain : most), []);
      longest.set(file, [file, ...below]);
      return [file, ...below];
    };
    for (const file of ["nfm.ts", "recommender.ts", "predict.ts"]) {
      const chain = chainOf(file);
      expect(chain.length - 1, chain.join(" -> ")).toBeLessThanOrEqual(LONGEST_CHAIN);
    }
  });

  it("leave losses and optimizers as leaves, that know neither network nor data", () => {
    for (const imported of all("losses.ts")) expect(imported).toMatch(/^(core\/|links\.ts$)/);
    for (const imported of all("links.ts")) expect(imported).toMatch(/^core\//);
    for (const imported of all("optimizers.ts")) expect(imported).toMatch(/^(core\/|kernels\/kernels\.ts$)/);
    expect(runtime("optimizers.ts").filter((imported) => imported.startsWith("kernels/"))).toEqual([]);
  });

  it("let prediction know nothing of training, not even its types", () => {
    const reached = [...reach("predict.ts", all)];
    expect(reached).toContain("model/network.ts");
    for (const file of reached)
      expect(file).not.toMatch(
        /^(training\/|metrics\/|nfm|recommender|optimizers)|^data\/(feature-encoder|libsvm)/,
      );
  });

  it("load the readers of files with nothing else, and nothing else with them", () => {
    for (const file of ["index.ts", "predict.ts", "nfm.ts"])
      for (const reached of reach(file, all)) expect(reached, file).not.toMatch(/^readers/);
    for (const file of reach("readers.ts", all)) expect(file).toMatch(/^(readers[./]|core\/)/);
  });

  it("load with prediction neither losses nor the kernels of training", () => {
    for (const file of reach("predict.ts", runtime))
      expect(file).not.toMatch(/^losses|^kernels\/(js|wasm)?\/?(training|optimizers|.*-backward)/);
  });

  it("let training know the kinds of training data only where they are made", () => {
    const kinds = files.filter((file) =>
      /^training\/datasets\/(labeled-rows|groups|pairs|events)\.ts$/.test(file),
    );
    expect(kinds).toHaveLength(4);
    for (const kind of kinds) {
      for (const file of importersOf(kind))
        expect(file, `${file} imports ${kind}`).toMatch(/^(nfm|recommender|training\/datasets\/.*)\.ts$/);
    }
  });

  it("let one file alone choose the kernels", () => {
    const behind = files.filter((file) => /^kernels\/(js|wasm)\//.test(file));
    for (const file of files) {
      if (file.startsWith("kernels/")) continue;
      // `addToSums`, which explanations and catalogs share, is a function of numbers and no kernel.
      for (const imported of runtime(file))
        if (imported !== "kernels/js/bi-interaction.ts")
          expect(behind, `${file} imports ${imported}`).not.toContain(imported);
    }
    expect(importersOf("kernels/wasm/space.ts")).toEqual(["kernels/memory.ts"]);
    for (const set of ["forward", "training"]) {
      expect(importersOf(`kernels/js/${set}.ts`)).toEqual([`kernels/${set}.ts`]);
      expect(
        importersOf(`kernels/wasm/${set}.ts`).filter((file) => !file.startsWith("kernels/wasm/")),
      ).toEqual([`kernels/${set}.ts`]);
    }
  });

  it("need nothing but the library itself: no package, and of Node only in the command line", () => {
    for (const { file, imports } of sources.values()) {
      const packages = imports.map(({ from }) => from).filter((from) => !from.startsWith("."));
      if (roomOf(file) === "cli/") for (const name of packages) expect(name, file).toMatch(/^node:/);
      else expect(packages, file).toEqual([]);
    }
  });
});

describe("the modules of src share no state", () => {
  const WRITERS = new Set(["set", "add", "delete", "clear"]);
  const COLLECTIONS = new Set(["Map", "Set", "WeakMap", "WeakSet"]);

  /** Names of the collections that a file makes at its top level. */
  function collectionsOf(tree: ts.SourceFile): string[] {
    const declarations = tree.statements
      .filter(ts.isVariableStatement)
      .flatMap(({ declarationList }) => [...declarationList.declarations]);
    return declarations.flatMap(({ name, initializer }) => {
      let made: ts.Expression | undefined = initializer;
      while (
        made &&
        (ts.isAsExpression(made) || ts.isSatisfiesExpression(made) || ts.isParenthesizedExpression(made))
      )
        made = made.expression;
      return made && ts.isNewExpression(made) && COLLECTIONS.has(made.expression.getText())
        ? [name.getText()]
        : [];
    });
  }

  it.each(files)("%s", (file) => {
    const { tree } = sources.get(file)!;
    for (const statement of tree.statements) {
      if (!ts.isVariableStatement(statement)) continue;
      expect(
        statement.declarationList.flags & ts.NodeFlags.Const,
        `${file}: ${statement.getText().slice(0, 60)}`,
      ).not.toBe(0);
    }
    const collections = new Set(collectionsOf(tree));
    const visit = (node: ts.Node): void => {
      if (
        ts.isCallExpression(node) &&
        ts.isPropertyAccessExpression(node.expression) &&
        WRITERS.has(node.expression.name.text)
      ) {
        expect([...collections], `${file}: ${node.getText().slice(0, 60)}`).not.toContain(
          node.expression.expression.getText(),
        );
      }
      if (ts.isPropertyDeclaration(node)) {
        const flags = ts.getCombinedModifierFlags(node);
        const isSharedState =
          (flags & ts.ModifierFlags.Static) !== 0 && (flags & ts.ModifierFlags.Readonly) === 0;
        expect(isSharedState, `${file}: static ${node.name.getText()}`).toBe(false);
      }
      ts.forEachChild(node, visit);
    };
    visit(tree);
  });
});
