// Dropout masks in training.

import { expect, it } from "vitest";
import { NFM, SGD } from "../../src/index.ts";
import { dataset, SMALL } from "../helpers/training.ts";

it("dropout masks change from step to step, and come back with the seed", () => {
  const { x, y } = dataset(20);
  const losses = [1, 2].map(() => {
    const model = new NFM({ ...SMALL, hiddenUnits: [], initStd: 1, optimizer: new SGD({ learningRate: 0 }) });
    return [1, 2, 3].map(() => model.partialFit(x, y));
  });
  expect(new Set(losses[0]).size).toBe(3);
  expect(losses[1]).toEqual(losses[0]);
});
