// The programs of examples/ run and print what they promise.

import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { type Context, createContext, runInContext } from "node:vm";
import type { BuildOptions } from "esbuild";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { NFM } from "../src/index.ts";
import { Predictor } from "../src/predict.ts";
import { readCSV } from "../src/readers.ts";
import { root } from "./docs/markdown.ts";
import { bundle, run } from "./docs/programs.ts";

/** Where the examples run. It holds what they read, and they write their files there. */
const folder = mkdtempSync(join(tmpdir(), "neural-fm-examples-"));
const modelFile = join(folder, "examples/edge/model.safetensors");
mkdirSync(dirname(modelFile), { recursive: true });
copyFileSync(join(root, "examples/ratings.csv"), join(folder, "examples/ratings.csv"));
afterAll(() => rmSync(folder, { recursive: true }));

/** Bundles an example. The model file that it imports is the one in `folder`. */
async function bundled(name: string, platform: "node" | "neutral", more: BuildOptions = {}): Promise<string> {
  const file = join(root, `examples/${name}.ts`);
  const { outputFiles } = await bundle(readFileSync(file, "utf8"), "ts", platform, {
    resolveDir: dirname(file),
    loader: { ".safetensors": "binary" },
    plugins: [
      {
        name: "model",
        setup: ({ onResolve }) =>
          onResolve({ filter: /^\.\/model\.safetensors$/ }, () => ({ path: modelFile })),
      },
    ],
    ...more,
  });
  return outputFiles![0].text;
}

/** Runs an example twice and returns what it prints, which must be the same. */
async function printed(name: string): Promise<string> {
  const file = join(folder, `${basename(name)}.mjs`);
  writeFileSync(file, await bundled(name, "node"));
  const text = run(folder, file);
  expect(run(folder, file)).toBe(text);
  return text;
}

/** The numbers in the groups of a pattern, which must match. */
function numbers(text: string, pattern: RegExp): number[] {
  const match = pattern.exec(text);
  expect(match, `${pattern} in\n${text}`).not.toBeNull();
  return match!.slice(1).map(Number);
}

it("examples/shop.ts tells the whole life of a recommender", async () => {
  const text = await printed("shop");
  const [model, popular] = Array.from(text.matchAll(/for (\d+) %/g), ([, share]) => Number(share));
  expect(model).toBeGreaterThan(5 * popular);
  expect(text).toMatch(/^ {2}users with 20 to 99 events \(\d+\): \d+ %$/m);
  expect(text).toMatch(/^For customer 7:\n( {2}\w+ \d+, because of .* and .*\n){3}/m);
  const cheap = /^Below 10 euros, one of each kind: (.*)$/m.exec(text)![1].split(", ");
  expect(new Set(cheap.map((id) => id.split(" ")[0])).size).toBe(3);
  expect(text).toContain("A visitor sees popular products.");
  expect(text).toMatch(/^After a click on coffee 1: (cocoa|juice) \d+, (cocoa|juice) \d+$/m);
  expect(text).toMatch(/^After the night, for customer 400: (coffee|cocoa) \d+, (coffee|cocoa) \d+$/m);
  expect(text).toMatch(/^Like tea 120: tea \d+, tea \d+$/m);
  expect(text).toContain("The server makes the same lists.");
  expect(text).toContain("The new file holds the name: false");
});

it("examples/ratings.ts has little more than half the error of the constant prediction", async () => {
  const text = await printed("ratings");
  expect(text).toMatch(/^720 ratings\. .*"user":"u39".* gets 5 stars\.$/m);
  expect(text.match(/^ {2}\w+: category with \d+ levels$/gm)).toHaveLength(6);
  const [rmse] = numbers(text, /^RMSE on 120 new ratings: (.*)$/m);
  const [mean, constant] = numbers(text, /^RMSE of the constant (.*): (.*)$/m);
  expect(mean).toBeCloseTo(2.73, 1);
  expect(rmse).toBeLessThan(0.6 * constant);
  const [stars] = numbers(text, /"Snow Fox" (\S+) stars/);
  expect(stars).toBeGreaterThan(mean + 1);
  expect(text).toContain("The loaded model predicts the same number.");
  expect(Predictor.load(readFileSync(join(folder, "ratings.safetensors"))).fields).toHaveLength(6);
});

it("examples/clicks.ts finds the planted pair, and its probabilities are true", async () => {
  const text = await printed("clicks");
  const [epochs] = numbers(text, /^Training stopped after (\d+) epochs\.$/m);
  const [best] = numbers(text, /^Epoch (\d+) was the best one\.$/m);
  expect(epochs).toBe(best + 5);
  const [constant] = numbers(text, /^constant: log loss (\S+), AUC 0\.500$/m);
  const [linear, linearAUC] = numbers(text, /^linear: log loss (\S+), AUC (\S+)$/m);
  const [logloss, auc] = numbers(text, /^NFM: log loss (\S+), AUC (\S+)$/m);
  const [possible] = numbers(text, /^best possible: log loss (\S+)$/m);
  // The linear model gains little over the constant, and the NFM gains most of what can be gained.
  expect(constant - linear).toBeGreaterThan(0);
  expect(constant - linear).toBeLessThan(0.2 * (constant - possible));
  expect(constant - logloss).toBeGreaterThan(0.85 * (constant - possible));
  expect(auc).toBeGreaterThan(linearAUC + 0.15);

  const table = Array.from(text.matchAll(/^ +(\d+) +(\S+) % +(\S+) %$/gm), (cells) =>
    cells.slice(1).map(Number),
  );
  expect(table.map(([part]) => part)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  for (const [i, [, predicted, observed]] of table.entries()) {
    if (i > 0) expect(predicted).toBeGreaterThan(table[i - 1][1]);
    // Three standard errors of a share of 300 views, in percent, and one for the model.
    const error = 100 * Math.sqrt(((predicted / 100) * (1 - predicted / 100)) / 300);
    expect(Math.abs(predicted - observed)).toBeLessThan(3 * error + 1);
  }
  const [, first, second] = /^ {2}device=phone and format=video: (\S+)\n.*: (\S+)$/m.exec(text)!.map(Number);
  expect(first).toBeGreaterThan(2 * Math.abs(second));
});

it("examples/search.ts learns synonyms, and orders results better than words in common do", async () => {
  const text = await printed("search");
  const [common] = numbers(text, /^NDCG@5 of words in common: (.*)$/m);
  const [model] = numbers(text, /^NDCG@5 of the model: (.*)$/m);
  expect(common).toBeGreaterThan(0.5);
  expect(model).toBeGreaterThan(common + 0.2);
  const lines = Array.from(text.matchAll(/^ +(-?\d+\.\d+) {2}(\w+ \w+)$/gm), ([, score, title]) => ({
    score,
    title,
  }));
  expect(lines).toHaveLength(4);
  expect(lines.slice(0, 2).map(({ title }) => title)).toEqual(
    expect.arrayContaining(["settee scarlet", "couch red"]),
  );
  expect(lines[2].title).toBe("couch azure"); // the right thing in another color
  expect(Number(lines[1].score)).toBeGreaterThan(Number(lines[2].score) + 0.5);
});

it("examples/custom-layer.ts has the right gradient, and learns as well as the built-in layer", async () => {
  const text = await printed("custom-layer");
  const [gradient, difference] = numbers(text, /^gradient (\S+), finite difference (\S+)$/m);
  expect(Math.abs(gradient)).toBeGreaterThan(0.1);
  expect(Math.abs(gradient - difference)).toBeLessThan(1e-3 * Math.abs(gradient));
  // The noise of the ratings alone has a standard deviation of 0.29, and the ratings one of 1.1.
  const [own] = numbers(text, /^RMSE with PReLU: (.*)$/m);
  const [builtIn] = numbers(text, /^RMSE with ReLU: (.*)$/m);
  for (const rmse of [own, builtIn]) expect(rmse).toBeLessThan(0.33);
  expect(text).toContain("Loaded with its layers, it predicts the same number.");
  expect(text).toMatch(/^Loaded without them: .*"prelu".*load\(bytes, { layers }\)$/m);
});

it("examples/custom-loss.ts predicts a bound that about 90 % of the labels keep", async () => {
  const text = await printed("custom-loss");
  const shares = (name: string): number[] =>
    numbers(
      text,
      new RegExp(
        `^${name}: labels below it (\\S+) %, busy (\\S+) %, quiet (\\S+) %\\n.* (\\S+) minutes$`,
        "m",
      ),
    );
  const [all, busy, quiet, loss] = shares("model");
  expect(Math.abs(all - 90)).toBeLessThan(2);
  for (const share of [busy, quiet]) expect(Math.abs(share - 90)).toBeLessThan(4);
  const [constantAll, constantBusy, constantQuiet, constantLoss] = shares("constant");
  expect(Math.abs(constantAll - 90)).toBeLessThan(2);
  expect(constantBusy).toBeLessThan(75);
  expect(constantQuiet).toBeGreaterThan(98);
  expect(loss).toBeLessThan(0.7 * constantLoss);
  const [morning, noon] = numbers(
    text,
    /in the morning: at most (\d+) minutes\.\nAt noon: at most (\d+) minutes\./,
  );
  expect(morning).toBeGreaterThan(noon + 30); // the district is busy in the morning
});

describe("examples/edge", () => {
  const address = "https://example.com/";
  const json = { "content-type": "application/json" };
  const post = (body: BodyInit, headers: Record<string, string> = json): Request =>
    new Request(address, { method: "POST", body, headers, duplex: "half" } as RequestInit);
  interface Worker {
    fetch(request: Request): Promise<Response>;
  }
  let code: string;
  beforeAll(async () => {
    expect(await printed("edge/train")).toMatch(/^Wrote a model of \d+ features: \d+ KiB\.$/m);
    code = await bundled("edge/worker", "neutral", { format: "iife", globalName: "bundled" });
  });

  /** Runs the worker with the language, with these parts of the web platform, and with nothing else. */
  function start(wasm: boolean): { worker: Worker; context: Context } {
    const given = { Request, Response, Headers, ReadableStream, TextDecoder, TextEncoder, URL, console };
    const context = createContext({ ...given }, { codeGeneration: { strings: false, wasm } });
    runInContext(code, context);
    return { worker: context.bundled.default as Worker, context };
  }
  async function answer(worker: Worker, request: Request): Promise<[number, Record<string, unknown>]> {
    const response = await worker.fetch(request);
    return [response.status, (await response.json()) as Record<string, unknown>];
  }

  it.each([
    [false, "js"],
    [true, "wasm"],
  ] as const)("with wasm allowed: %s, it runs %s and gives the same bits as NFM", async (wasm, backend) => {
    const { worker, context } = start(wasm);
    for (const name of ["process", "require", "Buffer", "module"])
      expect(runInContext(`typeof ${name}`, context)).toBe("undefined");
    for (const text of ['eval("1")', 'new Function("return 1")'])
      expect(() => runInContext(text, context)).toThrow("Code generation from strings disallowed");
    const compile = (): unknown =>
      runInContext("new WebAssembly.Module(new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0]))", context);
    if (wasm) compile();
    else expect(compile).toThrow("Wasm code generation disallowed");

    const fields = ["user", "film", "genre", "year", "hour", "price"];
    expect(await answer(worker, new Request(address))).toEqual([200, { fields, backend }]);
    const { x } = await readCSV(readFileSync(join(folder, "examples/ratings.csv"))).rows();
    const table = x.map(({ rating, ...row }) => row);
    const rows = [...table, { user: "nobody", hour: 20.5 }, { film: "Snow Fox", price: null }, {}];
    const model = NFM.load(readFileSync(modelFile), { notices: false });
    const [status, { predictions }] = await answer(worker, post(JSON.stringify(rows)));
    expect(status).toBe(200);
    expect(predictions).toEqual(Array.from(model.predict(rows)));
    expect(new Set(predictions as number[]).size).toBeGreaterThan(600);
    const [, { predictions: one }] = await answer(worker, post(JSON.stringify([rows[5]])));
    expect(one).toEqual([model.predict(rows[5])]);
  });

  it.each<[string, () => Request, number, string]>([
    [
      "another method",
      () => new Request(address, { method: "DELETE" }),
      405,
      "the method must be GET or POST",
    ],
    [
      "another type",
      () => post("[{}]", { "content-type": "text/plain" }),
      415,
      "content-type must be application/json",
    ],
    ["a similar type", () => post("[{}]", { "content-type": "application/jsonx" }), 415, "application/json"],
    ["no body", () => new Request(address, { method: "POST", headers: json }), 400, "must be JSON"],
    ["no JSON", () => post("user=u1"), 400, "must be JSON"],
    ["bytes that are not UTF-8", () => post(new Uint8Array([0x5b, 0x22, 0xff, 0x22, 0x5d])), 400, "UTF-8"],
    ["an object", () => post('{ "user": "u1" }'), 400, "an array of 1 to 1000 rows"],
    ["no rows", () => post("[]"), 400, "an array of 1 to 1000 rows"],
    ["too many rows", () => post(JSON.stringify(Array(1001).fill({}))), 400, "an array of 1 to 1000 rows"],
    ["a row that is null", () => post("[{}, null]"), 400, "row 1 must be an object"],
    ["a row that is an array", () => post('[["u1"]]'), 400, "row 0 must be an object"],
    [
      "an unknown field",
      () => post('[{ "usr": "u1" }]'),
      400,
      'row 0 has the unknown field "usr"; known are user',
    ],
    ["a prototype", () => post('[{ "__proto__": {} }]'), 400, 'unknown field "__proto__"'],
    ["an infinite number", () => post('[{}, { "hour": 1e999 }]'), 400, "hour"],
    ["a number that is an object", () => post('[{ "hour": { "a": {} } }]'), 400, "hour"],
    ["one byte too many", () => post(`[{}]${" ".repeat(99_997)}`), 413, "at most 100000 bytes"],
  ])("answers %s with a clear error", async (_, request, expected, message) => {
    const { worker } = start(false);
    const [status, { error }] = await answer(worker, request());
    expect(status).toBe(expected);
    expect(error).toContain(message);
    const good = post('[{ "user": "u39" }]', { "content-type": "Application/JSON; charset=utf-8" });
    expect((await answer(worker, good))[0]).toBe(200); // it works as before
  });

  it("takes a body of exactly the largest size, and stops reading a body without an end", async () => {
    const { worker } = start(false);
    expect((await answer(worker, post(`[{}]${" ".repeat(99_996)}`)))[0]).toBe(200);
    let pulls = 0;
    let cancelled = false;
    const endless = new ReadableStream<Uint8Array>({
      pull: (controller) => {
        pulls++;
        controller.enqueue(new Uint8Array(1000).fill(0x20));
      },
      cancel: () => {
        cancelled = true;
      },
    });
    expect((await answer(worker, post(endless)))[0]).toBe(413);
    expect(cancelled).toBe(true);
    expect(pulls).toBeLessThan(110);
  });

  it("says which methods are allowed", async () => {
    const { worker } = start(false);
    const response = await worker.fetch(new Request(address, { method: "PUT", body: "[]" }));
    expect([response.status, response.headers.get("allow")]).toEqual([405, "GET, POST"]);
  });

  it("answers the requests of try.ts", async () => {
    const lines = (await printed("edge/try")).trimEnd().split("\n");
    expect(lines.map((line) => line.split(" ").slice(0, 2).join(" "))).toEqual([
      "GET: 200",
      "POST: 200",
      "POST: 400",
      "POST: 400",
      "DELETE: 405",
    ]);
    const [, first, second] = /"predictions":\[(\S+),(\S+)\]/.exec(lines[1])!.map(Number);
    expect(first).toBeGreaterThan(second + 0.5); // u39 likes films for families, and u1 does not
  });
});
