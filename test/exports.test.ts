// Every type that a public signature mentions can be imported: the declarations of src are emitted as the
// package has them, without what is @internal, and each name in an exported declaration must be exported as
// well.

import { fileURLToPath } from "node:url";
import ts from "typescript";
import { describe, expect, it } from "vitest";

const root = fileURLToPath(new URL("../", import.meta.url));

function parseConfig(): ts.CompilerOptions {
  const host = { ...ts.sys, onUnRecoverableConfigFileDiagnostic: () => undefined };
  return ts.getParsedCommandLineOfConfigFile(`${root}tsconfig.json`, {}, host)!.options;
}

/** The declaration files of the package by path. */
function emitDeclarations(options: ts.CompilerOptions): Map<string, string> {
  const entries = ["index", "predict", "readers", "worker"].map((entry) => `${root}src/${entry}.ts`);
  const program = ts.createProgram(entries, {
    ...options,
    noEmit: false,
    emitDeclarationOnly: true,
    declaration: true,
    stripInternal: true,
  });
  const files = new Map<string, string>();
  program.emit(undefined, (path, text) => files.set(path, text.replaceAll('.ts"', '"')), undefined, true);
  return files;
}

const options = parseConfig();
const files = emitDeclarations(options);
const host = ts.createCompilerHost(options);
const program = ts.createProgram(
  [...files.keys()],
  { ...options, noEmit: true },
  {
    ...host,
    fileExists: (path) => files.has(path) || (!path.includes("/src/") && host.fileExists(path)),
    readFile: (path) => files.get(path) ?? host.readFile(path),
    getSourceFile: (path, target) => {
      const text = files.get(path);
      return text === undefined
        ? host.getSourceFile(path, target)
        : ts.createSourceFile(path, text, target, true);
    },
  },
);
const checker = program.getTypeChecker();

function resolved(symbol: ts.Symbol): ts.Symbol {
  return symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
}

/** What an entry exports, by name. */
function exportsOf(entry: string): Map<string, ts.Symbol> {
  const file = program.getSourceFile(`${root}src/${entry}.d.ts`)!;
  const symbols = checker.getExportsOfModule(checker.getSymbolAtLocation(file)!);
  return new Map(symbols.map((symbol) => [symbol.name, resolved(symbol)]));
}

/**
 * The names in a declaration that stand for declarations of the package, and not for its own type parameters.
 */
function namesIn(declaration: ts.Declaration): Map<string, ts.Symbol> {
  const names = new Map<string, ts.Symbol>();
  const visit = (node: ts.Node): void => {
    const name = ts.isTypeReferenceNode(node)
      ? node.typeName
      : ts.isExpressionWithTypeArguments(node)
        ? node.expression
        : ts.isTypeQueryNode(node)
          ? node.exprName
          : null;
    if (name !== null) {
      const symbol = checker.getSymbolAtLocation(name);
      if (symbol !== undefined) {
        const target = resolved(symbol);
        const isOurs = (target.declarations ?? []).some((one) => files.has(one.getSourceFile().fileName));
        if (isOurs && !(target.flags & ts.SymbolFlags.TypeParameter)) names.set(name.getText(), target);
      }
    }
    ts.forEachChild(node, visit);
  };
  visit(declaration);
  return names;
}

describe.each(["index", "predict", "readers", "worker"])("the types of src/%s.ts", (entry) => {
  const exported = exportsOf(entry);
  // Who imports a class from "neural-fm/predict" finds the types that it leaves out in "neural-fm".
  const known = new Set([...exported.values(), ...exportsOf("index").values()]);

  it.each([...exported.keys()])("%s mentions only what is exported", (name) => {
    const missing: string[] = [];
    for (const declaration of exported.get(name)!.declarations ?? []) {
      for (const [mentioned, symbol] of namesIn(declaration)) if (!known.has(symbol)) missing.push(mentioned);
    }
    expect(missing).toEqual([]);
  });

  it("are what was meant: the emitted declarations are sound", () => {
    expect(exported.size).toBeGreaterThan(3);
    const diagnostics = [...files.keys()].flatMap((path) =>
      program.getSemanticDiagnostics(program.getSourceFile(path)),
    );
    expect(diagnostics.map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, "\n"))).toEqual(
      [],
    );
  });
});
