// What fit with groups refuses, on its text; nothing has changed then.

import { describe, expect, it } from "vitest";
import { NFM, type PairwiseLoss } from "../../../src/index.ts";
import { bpr } from "../../../src/losses.ts";
import { bytes, DATA, SMALL } from "../../helpers/groups.ts";

describe("errors", () => {
  const { maps, y, groups } = DATA;
  const held = { x: maps.slice(0, 20), y: y.slice(0, 20), groups: groups.slice(0, 20) };
  const cases: [what: string, y: ArrayLike<number>, options: object, error: Error][] = [
    [
      "groups of another length",
      y,
      { groups: groups.slice(1) },
      new RangeError("fit: groups.length must be the number of rows of x (90), got 89"),
    ],
    [
      "NaN among groups",
      y,
      { groups: groups.map((_, i) => (i === 4 ? NaN : 1)) },
      new RangeError("fit: groups[4] must be an id: a string or a finite number, got NaN"),
    ],
    [
      "a field that rows do not have",
      y,
      { groups: "quarry" },
      new TypeError(
        "fit: x[0].quarry must be an id, a string or a number (the option groups names another field, or lists ids), got undefined",
      ),
    ],
    [
      "null for groups",
      y,
      { groups: null },
      new TypeError("fit: groups must be the name of a field, or an array of ids, got null"),
    ],
    [
      "no array of groups",
      y,
      { groups: 5 },
      new TypeError("fit: groups must be the name of a field, or an array of ids, got 5"),
    ],
    [
      "an object among groups",
      y,
      { groups: groups.map(() => ({})) },
      new TypeError("fit: groups[0] must be an id: a string or a number, got object with keys (none)"),
    ],
    [
      "no groups",
      y,
      {},
      new Error("fit: the bpr loss is pairwise; pass groups, or use fitPairs, or another loss"),
    ],
    [
      "a label of NaN",
      y.map((label, i) => (i === 7 ? NaN : label)),
      { groups },
      new RangeError("fit: y[7] must be finite (in 32 bits), got NaN"),
    ],
    [
      "an infinite label",
      y.map((label, i) => (i === 7 ? -Infinity : label)),
      { groups },
      new RangeError("fit: y[7] must be finite (in 32 bits), got -Infinity"),
    ],
    [
      "sample weights",
      y,
      { groups, sampleWeight: y.map(() => 1) },
      new TypeError("fit: sampleWeight weighs rows, and the bpr loss compares them; leave it out"),
    ],
    [
      "no pair for a row",
      y,
      { groups, pairsPerRow: 0 },
      new RangeError("fit: pairsPerRow must be an integer from 1 to 65536, got 0"),
    ],
    [
      "a pair and a half",
      y,
      { groups, pairsPerRow: 1.5 },
      new RangeError("fit: pairsPerRow must be an integer from 1 to 65536, got 1.5"),
    ],
    [
      "pairs in words",
      y,
      { groups, pairsPerRow: "4" },
      new TypeError('fit: pairsPerRow must be an integer, got "4"'),
    ],
    ["a misspelt option", y, { group: groups }, new TypeError('fit has no option "group"; it has epochs')],
    [
      "validation without groups",
      y,
      { groups, validation: { x: held.x, y: held.y } },
      new TypeError(
        "fit: validation.groups is needed: the bpr loss compares rows within a group; pass groups, or use fitPairs",
      ),
    ],
    [
      "the same with metrics",
      y,
      { groups, validation: { x: held.x, y: held.y }, metrics: ["mrr"] },
      new TypeError(
        'fit: "mrr" needs to know which rows are ranked together; pass validation.groups as well',
      ),
    ],
    [
      "validation groups of another length",
      y,
      { groups, validation: { ...held, groups: [1] } },
      new RangeError("fit: validation.groups.length must be the number of rows of x (20), got 1"),
    ],
    [
      "validation without a pair",
      y,
      { groups, validation: { ...held, y: held.y.map(() => 3) } },
      new RangeError(
        "fit: validation.groups must have two rows of different labels in some group, got none in",
      ),
    ],
    [
      "a misspelt option of validation",
      y,
      { groups, validation: { ...held, group: [1] } },
      new TypeError('fit: validation has no option "group"; it has x, y, groups'),
    ],
    [
      "a share that is every group",
      y,
      { groups: y.map(() => "one"), validation: 0.5 },
      new RangeError("fit: validation must be a share that leaves groups to train on (of 1), got 0.5"),
    ],
    [
      "no two labels that differ",
      y.map(() => 2),
      { groups },
      new RangeError(
        "fit: groups must have two rows of different labels in some group, got none in 11 groups",
      ),
    ],
    [
      "a metric that the labels cannot give",
      y,
      { groups, validation: 0.3, metrics: ["auc"] },
      new RangeError("fit: y["),
    ],
  ];

  it.each(cases.map(([what, labels, options, error]) => ({ what, labels, options, error })))("$what", async ({
    labels,
    options,
    error,
  }) => {
    const model = new NFM({ ...SMALL, loss: "bpr" });
    await model.fit(maps, y, { groups, epochs: 1 });
    const [before, history] = [bytes(model), model.history];
    const thrown: unknown = await model.fit(maps, labels, options).then(
      () => expect.fail("it did not reject"),
      (reason: unknown) => reason,
    );
    expect(thrown).toBeInstanceOf(error.constructor);
    expect((thrown as Error).message).toContain(error.message);
    expect(bytes(model)).toEqual(before);
    expect(model.history).toBe(history);
    await model.fit(maps, y, { groups, epochs: 1, resume: true });
    const unbothered = NFM.load(before);
    await unbothered.fit(maps, y, { groups, epochs: 1, resume: true });
    expect(bytes(model)).toEqual(bytes(unbothered));
  });

  it("of fitPairs, which has no groups, change nothing", async () => {
    const model = new NFM({ ...SMALL, loss: "bpr" });
    await model.fitPairs(maps.slice(0, 45), maps.slice(45), { epochs: 1 });
    const before = bytes(model);
    for (const [key, value] of Object.entries({ groups: groups.slice(45), pairsPerRow: 2 })) {
      await expect(model.fitPairs(maps.slice(0, 45), maps.slice(45), { [key]: value })).rejects.toThrow(
        new RegExp(`^fitPairs has no option "${key}"; it has epochs`),
      );
    }
    await expect(model.fitPairs(maps.slice(0, 45), maps.slice(45), { validation: held })).rejects.toThrow(
      'fitPairs: validation has no option "x"; it has positives, negatives',
    );
    expect(bytes(model)).toEqual(before);
    await model.fitPairs(maps.slice(0, 45), maps.slice(45), { epochs: 1, resume: true });
    expect(bytes(model)).not.toEqual(before);
  });

  it("in a step leave the model as after the last good epoch", async () => {
    let calls = 0;
    const bad: PairwiseLoss = {
      ...bpr,
      name: "bad",
      value: (difference) => (++calls > 400 ? NaN : bpr.value(difference)),
    };
    const model = new NFM({ ...SMALL, loss: bad });
    const files: Uint8Array[] = [];
    await expect(
      model.fit(maps, y, { groups, epochs: 9, batchSize: 16, onEpoch: () => void files.push(bytes(model)) }),
    ).rejects.toThrow(/^fit: the loss became NaN in epoch \d, batch/);
    expect(files.length).toBeGreaterThan(0);
    expect(bytes(model)).toEqual(files[files.length - 1]);
  });
});
