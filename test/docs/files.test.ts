// docs/files.md names every tensor and every key of a model file, and nothing that no file has.

import { describe, expect, it } from "vitest";
import {
  Activation,
  BatchNorm,
  Dense,
  FeatureEncoder,
  type Layer,
  NFM,
  type Optimizer,
  Recommender,
} from "../../src/index.ts";
import { maps, split } from "../helpers/model-files.ts";
import { readPage } from "./markdown.ts";

/** The code spans in the first cell of each row of the table below a heading or a line of text. */
function firstCells(below: string): string[] {
  const page = readPage("docs/files.md");
  const table = /(?:^\|.*\n)+/m.exec(page.slice(page.indexOf(below)))![0];
  const rows = table.trimEnd().split("\n").slice(2);
  return rows.flatMap((row) => Array.from(row.split("|")[1].matchAll(/`([^`]+)`/g), ([, code]) => code));
}

const scale: Layer = {
  type: "scale",
  shape: (inputDim) => ({ outputDim: inputDim, parameters: { factor: { shape: [inputDim], init: 1 } } }),
  forward: ({ kernels, x, y }) => void [kernels, x, y],
  backward: () => undefined,
};
const encoder = new FeatureEncoder().fit(maps);
const given = { embeddingDim: 3, encoder };
const own: Optimizer = { name: "own", initialState: null, update: () => undefined, toJSON: () => ({}) };
const models = [
  new NFM({ ...given, hiddenUnits: [5, 4], grow: false, maxFeatures: 100 }),
  new NFM({ ...given, hiddenUnits: [] }),
  new NFM({
    ...given,
    layers: [new BatchNorm(), new BatchNorm(), scale, new Dense(2), new Activation("tanh")],
  }),
  new NFM({ ...given, optimizer: own }),
  new NFM({ ...given, loss: { kind: "pointwise", name: "own", value: () => 0, gradient: () => 0 } }),
];
for (const model of models) model.partialFit(maps.slice(0, 2), [0, 1]);
const named = new NFM({ ...given, loss: "log" });
named.partialFit(maps.slice(0, 2), ["no", "yes"]);
models.push(named);
const recommender = new Recommender(new NFM({ hiddenUnits: [] }), [{ item: "a" }, { item: "b" }], {
  ...{ users: "user", history: {}, remember: 9 },
});
await recommender.fit([{ user: "ana" }, { user: "bo" }], ["a", "b"], { epochs: 1 });
const headers = [
  ...models.flatMap((model) => [split(model.save()).header, split(model.save({ optimizer: true })).header]),
  split(recommender.save()).header,
];

describe("docs/files.md", () => {
  it("has a row for every tensor that save writes", () => {
    const documented = [...firstCells("### Tensors"), ...firstCells("two more entries of type `U8`")];
    const patterns = documented.map((name) => {
      const pattern = name
        .replaceAll(".", "\\.")
        .replace(/\{i\+1\}|\{i\}|\{p\}/, "\\d+")
        .replace("{name}", "\\w+")
        .replace("{tensor}", ".+");
      return new RegExp(`^${pattern}$`);
    });
    const names = new Set(headers.flatMap((header) => Object.keys(header)));
    names.delete("__metadata__");
    for (const name of names) {
      expect(
        patterns.some((pattern) => pattern.test(name)),
        name,
      ).toBe(true);
    }
    const written = patterns.filter((pattern) => ![...names].some((name) => pattern.test(name)));
    expect(written.map(String)).toEqual(["/^norms\\.\\d+\\.num_batches_tracked$/"]); // PyTorch alone writes it
  });

  it("has a row for every key of the metadata and of the configuration", () => {
    const keys = new Set(headers.flatMap(({ __metadata__ }) => Object.keys(__metadata__)));
    expect(firstCells("### Metadata").sort()).toEqual([...keys].sort());
    const configs = headers.map(({ __metadata__ }) => JSON.parse(__metadata__.config) as object);
    const documented = firstCells("`config` holds the options").sort();
    expect([...new Set(configs.flatMap((config) => Object.keys(config)))].sort()).toEqual(documented);
  });
});
