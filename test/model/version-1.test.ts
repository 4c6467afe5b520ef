// Files that an earlier state of version 0.1.0 wrote, when encoders knew no kinds of fields (encoder JSON of version
// 1). What they predicted then stands beside them, and they must predict the same bits for ever.

import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { type FeatureMap, NFM, type Ranked } from "../../src/index.ts";
import { Predictor } from "../../src/predict.ts";

const folder = new URL("../fixtures/v1/", import.meta.url);
const files = readdirSync(folder).filter((name) => name.endsWith(".safetensors"));

interface Expected {
  readonly rows: readonly FeatureMap[];
  readonly predictions: readonly number[];
  readonly raw: readonly number[];
  /** Rows 1 to 5 in the context of row 0. */
  readonly ranking: readonly Ranked[];
  /** A part of the explanation of row 0. */
  readonly explained: { readonly bias: number; readonly linear: readonly unknown[] };
}

const bytesOf = (file: string): Uint8Array => readFileSync(new URL(file, folder));
const expectedOf = (file: string): Expected =>
  JSON.parse(readFileSync(new URL(file.replace(".safetensors", ".json"), folder), "utf8")) as Expected;

describe.each(files)("the file %s", (file) => {
  const { rows, predictions, raw, ranking, explained } = expectedOf(file);

  it.each([
    ["NFM", "js"],
    ["NFM", "wasm"],
    ["Predictor", "js"],
    ["Predictor", "wasm"],
  ] as const)("predicts, ranks and explains as it did, with %s on %s", (name, backend) => {
    const options = { backend, notices: false } as const;
    const model = name === "NFM" ? NFM.load(bytesOf(file), options) : Predictor.load(bytesOf(file), options);
    expect(Array.from(model.predict(rows))).toEqual(predictions);
    expect(Array.from(model.predict(rows, { raw: true }))).toEqual(raw);
    expect(rows.map((row) => model.predict(row))).toEqual(predictions);
    expect(model.rank(rows[0], rows.slice(1, 6))).toEqual(ranking);
    const { bias, linear } = model.explain(rows[0]);
    expect({ bias, linear }).toEqual(explained);
  });

  it("predicts the same after it was saved anew, and has no fields with kinds", () => {
    const model = NFM.load(bytesOf(file), { notices: false });
    const again = NFM.load(model.save(), { notices: false });
    expect(Array.from(again.predict(rows))).toEqual(predictions);
    expect(again.fields.map(({ name }) => name)).toEqual(model.fields.map(({ name }) => name));
    for (const { kind, missing } of again.fields) expect([kind, missing]).toEqual(["any", 0]);
  });

  it("can be trained on, with the vocabulary that it has", async () => {
    const model = NFM.load(bytesOf(file), { notices: false });
    const { numFeatures } = model;
    const y = rows.map((_, i) => i % 2);
    await model.fit(rows, y, { epochs: 2, resume: file.startsWith("sparse") });
    expect(model.numFeatures).toBe(numFeatures);
    expect(Array.from(model.predict(rows))).not.toEqual(predictions);
  });
});

it("there is a file of each form of features", () => {
  const names = ["hashed-scaled", "hashed", "maps", "scaled", "sparse"];
  expect(files).toEqual(names.map((name) => `${name}.safetensors`));
});
