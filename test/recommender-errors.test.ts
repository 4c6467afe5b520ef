// Everything that Recommender refuses, on its text; nothing has changed then.

import { describe, expect, it } from "vitest";
import {
  CSRMatrix,
  type FeatureMap,
  type HeldOutEvents,
  type Id,
  NFM,
  Recommender,
  type Rows,
} from "../src/index.ts";
import { bytes, fitted, SHOP, SMALL } from "./helpers/shop.ts";

describe("errors", () => {
  const contexts = SHOP.contexts.slice(0, 3);
  const taken = ["i1", "i2", "i3"];
  const held: HeldOutEvents = { contexts: contexts.slice(0, 1), items: ["i4"] };
  const forms = '"group-auc", "ndcg", "mrr", "map", or "precision@k"';

  type Case = [what: string, contexts: unknown, items: unknown, options: object, error: Error];
  const ofFit: Case[] = [
    ["no contexts", [], [], {}, new RangeError("Recommender.fit: needs at least one row, got 0")],
    [
      "contexts that are no rows",
      { user: "u1" },
      taken,
      {},
      new TypeError(
        "Recommender.fit: contexts must be an array or iterable of feature maps or sparse vectors, columns such as { user: [...], price: [...] }, a table, or a CSRMatrix (for a single row, pass an array of it), got object with keys user",
      ),
    ],
    [
      "NaN in a context",
      [{ hour: 1 }, { hour: NaN }],
      ["i1", "i1"],
      {},
      new RangeError("Recommender.fit: contexts[1].hour must be finite (in 32 bits), got NaN"),
    ],
    [
      "an item of no catalog",
      contexts,
      ["i1", "i2", "coffee"],
      {},
      new RangeError(
        'Recommender.fit: items[2] must be the id of an item of the catalog (13 items, such as "i0"), got "coffee"',
      ),
    ],
    [
      "a number for an id",
      contexts,
      ["i1", 2, "i3"],
      {},
      new RangeError(
        'Recommender.fit: items[1] must be the id of an item of the catalog (13 items, such as "i0"), got 2',
      ),
    ],
    [
      "an id that is none",
      contexts,
      ["i1", "i2", { item: "i3" }],
      {},
      new TypeError(
        "Recommender.fit: items[2] must be an id: a string or a number, got object with keys item",
      ),
    ],
    [
      "too few items",
      contexts,
      ["i1"],
      {},
      new RangeError("Recommender.fit: items.length must be the number of rows of contexts (3), got 1"),
    ],
    [
      "items in no array",
      contexts,
      17,
      {},
      new TypeError("Recommender.fit: items must be an array of item ids, got 17"),
    ],
    [
      "items in a field that no context has",
      contexts,
      "film",
      {},
      new TypeError(
        "Recommender.fit: contexts[0].film must be an id, a string or a number " +
          "(the option items names another field, or lists ids), got undefined",
      ),
    ],
    [
      "no negatives",
      contexts,
      taken,
      { negatives: 0 },
      new RangeError("Recommender.fit: negatives must be an integer from 1 to 65536, got 0"),
    ],
    [
      "half a negative",
      contexts,
      taken,
      { negatives: 1.5 },
      new RangeError("Recommender.fit: negatives must be an integer from 1 to 65536, got 1.5"),
    ],
    [
      "a popularity below 0",
      contexts,
      taken,
      { popularity: -1 },
      new RangeError("Recommender.fit: popularity must be a number of at least 0, got -1"),
    ],
    [
      "a popularity of NaN",
      contexts,
      taken,
      { popularity: NaN },
      new RangeError("Recommender.fit: popularity must be a number of at least 0, got NaN"),
    ],
    [
      "a context without the user's field",
      [...contexts.slice(0, 2), { hour: 1 }],
      taken,
      { users: "user" },
      new TypeError(
        "Recommender.fit: contexts[2].user must be an id, a string or a number (the option users names another field, or lists ids), got undefined",
      ),
    ],
    [
      "a user that is a flag",
      [{ user: true }],
      ["i1"],
      { users: "user" },
      new TypeError(
        "Recommender.fit: contexts[0].user must be an id, a string or a number (the option users names another field, or lists ids), got true",
      ),
    ],
    [
      "a field of users in sparse rows",
      CSRMatrix.fromRows([{ indices: [0] }]),
      ["i1"],
      { users: "user" },
      new TypeError('Recommender.fit: contexts must be feature maps with a field "user", got CSRMatrix'),
    ],
    [
      "too few users",
      contexts,
      taken,
      { users: ["a"] },
      new RangeError("Recommender.fit: users.length must be the number of rows of contexts (3), got 1"),
    ],
    [
      "users that are neither",
      contexts,
      taken,
      { users: 7 },
      new TypeError("Recommender.fit: users must be the name of a field, or an array of ids, got 7"),
    ],
    [
      "a user of NaN",
      contexts,
      taken,
      { users: [1, 2, NaN] },
      new RangeError("Recommender.fit: users[2] must be an id: a string or a finite number, got NaN"),
    ],
    [
      "a misspelt option",
      contexts,
      taken,
      { negative: 3 },
      new TypeError('Recommender.fit has no option "negative"; it has epochs'),
    ],
    [
      "groups",
      contexts,
      taken,
      { groups: [1, 2, 3] },
      new TypeError('Recommender.fit has no option "groups"'),
    ],
    [
      "sample weights",
      contexts,
      taken,
      { sampleWeight: [1, 2, 3] },
      new TypeError('Recommender.fit has no option "sampleWeight"'),
    ],
    [
      "epochs of 0",
      contexts,
      taken,
      { epochs: 0 },
      new RangeError("Recommender.fit: epochs must be an integer of at least 1, got 0"),
    ],
    [
      "metrics without validation",
      contexts,
      taken,
      { metrics: ["mrr"] },
      new TypeError("Recommender.fit: metrics needs validation data; pass validation as well"),
    ],
    [
      "patience without validation",
      contexts,
      taken,
      { patience: 2 },
      new TypeError("Recommender.fit: patience needs validation data; pass validation as well"),
    ],
    [
      "a metric of rows",
      contexts,
      taken,
      { validation: held, metrics: ["mrr", "auc"] },
      new RangeError(`Recommender.fit: metrics[1] must be a ranking metric, ${forms}`),
    ],
    [
      "a cut at 0",
      contexts,
      taken,
      { validation: held, metrics: ["hr@0"] },
      new RangeError("Recommender.fit: metrics[0] must be "),
    ],
    [
      "metrics in no array",
      contexts,
      taken,
      { validation: held, metrics: "mrr" },
      new TypeError('Recommender.fit: metrics must be an array of ranking metrics, got "mrr"'),
    ],
    [
      "the loss as monitor",
      contexts,
      taken,
      { validation: held, monitor: "loss" },
      new RangeError(`Recommender.fit: monitor must be a ranking metric, ${forms}`),
    ],
    [
      "a monitor that is none",
      contexts,
      taken,
      { validation: held, monitor: "best" },
      new RangeError("Recommender.fit: monitor must be "),
    ],
    [
      "validation by share",
      contexts,
      taken,
      { validation: 0.2 },
      new TypeError("Recommender.fit: validation must be { contexts, items, exclude? }, got 0.2"),
    ],
    [
      "validation without events",
      contexts,
      taken,
      { validation: { contexts: [], items: [] } },
      new RangeError("Recommender.fit: validation.contexts must hold at least one row, got none"),
    ],
    [
      "validation of labeled rows",
      contexts,
      taken,
      { validation: { x: contexts, y: [1, 1, 1] } },
      new TypeError('Recommender.fit: validation has no option "x"; it has contexts, items, exclude'),
    ],
    [
      "an unknown item in validation",
      contexts,
      taken,
      { validation: { ...held, items: ["i99"] } },
      new RangeError(
        'Recommender.fit: validation.items[0] must be the id of an item of the catalog (13 items, such as "i0"), got "i99"',
      ),
    ],
    [
      "NaN in validation",
      contexts,
      taken,
      { validation: { ...held, contexts: [{ hour: NaN }] } },
      new RangeError("Recommender.fit: validation.contexts[0].hour must be finite (in 32 bits), got NaN"),
    ],
    [
      "too few lists to exclude",
      contexts,
      taken,
      { validation: { ...held, exclude: [] } },
      new RangeError(
        "Recommender.fit: validation.exclude.length must be the number of rows of contexts (1), got 0",
      ),
    ],
    [
      "an id for a list to exclude",
      contexts,
      taken,
      { validation: { ...held, exclude: ["i1"] } },
      new TypeError('Recommender.fit: validation.exclude[0] must be an array or set of item ids, got "i1"'),
    ],
    [
      "something to exclude that is no id",
      contexts,
      taken,
      { validation: { ...held, exclude: [["i1", null]] } },
      new TypeError(
        "Recommender.fit: validation.exclude[0][1] must be an id: a string or a number, got null",
      ),
    ],
  ];

  it.each(
    ofFit.map(([what, theirContexts, items, options, error]) => ({
      what,
      theirContexts,
      items,
      options,
      error,
    })),
  )("of fit: $what", async ({ theirContexts, items, options, error }) => {
    const recommender = await fitted();
    const [before, { history }, list] = [
      bytes(recommender),
      recommender.model,
      recommender.recommend(contexts[0]),
    ];
    const thrown: unknown = await recommender.fit(theirContexts as Rows, items as Id[], options).then(
      () => expect.fail("it did not reject"),
      (reason: unknown) => reason,
    );
    expect(thrown).toBeInstanceOf(error.constructor);
    expect((thrown as Error).message).toContain(error.message);
    expect(bytes(recommender)).toEqual(before);
    expect(recommender.model.history).toBe(history);
    expect(recommender.recommend(contexts[0])).toEqual(list);
    const unbothered = new Recommender(NFM.load(before), SHOP.items);
    for (const one of [recommender, unbothered])
      await one.fit(SHOP.contexts, SHOP.taken, { epochs: 1, resume: true });
    expect(bytes(recommender)).toEqual(bytes(unbothered));
  });

  it("of a first fit leave the model without parameters, and it can be fitted", async () => {
    const recommender = new Recommender(new NFM({ ...SMALL, loss: "bpr" }), [
      ...SHOP.items.slice(0, 12),
      { item: "i12", price: NaN },
    ]);
    await expect(recommender.fit(SHOP.contexts, SHOP.taken)).rejects.toThrow(
      new RangeError(
        "Recommender: items[12].price must be finite (in 32 bits), got NaN; write null for a missing value",
      ),
    );
    expect(() => recommender.model.save()).toThrow("the model has no parameters yet");
    const sparse = new Recommender(new NFM({ ...SMALL, loss: "bpr" }), [{ indices: [0] }, { indices: [1] }]);
    await expect(sparse.fit([{ user: "a" }], [0])).rejects.toThrow(
      new TypeError(
        "Recommender: items[0] must be a feature map with field names, as the first row, got object with keys indices",
      ),
    );
    await expect(sparse.fit([{ indices: [2], values: [NaN] }], [0])).rejects.toThrow(
      "Recommender.fit: contexts[0].values[0] must be finite",
    );
    expect(() => sparse.model.save()).toThrow("the model has no parameters yet");
    await sparse.fit([{ indices: [2] }], [0], { epochs: 1 });
    expect(sparse.model.numFeatures).toBe(3);
    const narrow = new Recommender(new NFM({ ...SMALL, loss: "bpr", numFeatures: 3 }), [
      { indices: [0] },
      { indices: [5] },
    ]);
    await expect(narrow.fit([{ indices: [2] }], [0])).rejects.toThrow(
      new RangeError("Recommender: items[1].indices[0] must be below numFeatures (3), got 5"),
    );
    expect(narrow.model.save()).toEqual(new NFM({ ...SMALL, loss: "bpr", numFeatures: 3 }).save());
  });

  it("of recommend and evaluate name the place, and change nothing", async () => {
    const recommender = await fitted();
    const before = bytes(recommender);
    const recommend =
      (options: object, context: unknown = contexts[0]) =>
      (): unknown =>
        recommender.recommend(context as FeatureMap, options);
    const evaluate =
      (theirContexts: unknown, items: unknown, options: object = {}) =>
      (): unknown =>
        recommender.evaluate(theirContexts as Rows, items as Id[], options);
    const cases: [() => unknown, Error][] = [
      [recommend({ top: 0 }), new RangeError("recommend: top must be an integer of at least 1, got 0")],
      [recommend({ top: -1 }), new RangeError("recommend: top must be an integer of at least 1, got -1")],
      [recommend({ top: "10" }), new TypeError('recommend: top must be an integer, got "10"')],
      [
        recommend({ exclude: "i1" }),
        new TypeError('recommend: exclude must be an array or set of item ids, got "i1"'),
      ],
      [
        recommend({ exclude: 5 }),
        new TypeError("recommend: exclude must be an array or set of item ids, got 5"),
      ],
      [
        recommend({ exclude: null }),
        new TypeError("recommend: exclude must be an array or set of item ids, got null"),
      ],
      [
        recommend({ exclude: ["i1", "tea"], unknownIds: "error" }),
        new RangeError(
          'recommend: exclude[1] must be the id of an item of the catalog (13 items, such as "i0"), got "tea"',
        ),
      ],
      [
        recommend({ exclude: new Set([1]), unknownIds: "error" }),
        new RangeError(
          'recommend: exclude[0] must be the id of an item of the catalog (13 items, such as "i0"), got 1',
        ),
      ],
      [
        recommend({ exclude: [undefined] }),
        new TypeError("recommend: exclude[0] must be an id: a string or a number, got undefined"),
      ],
      [
        recommend({ limit: 3 }),
        new TypeError('recommend has no option "limit"; it has top, exclude, unknownIds'),
      ],
      [
        recommend({ unknownIds: "skip" }),
        new RangeError('recommend: unknownIds must be one of "ignore", "error", got "skip"'),
      ],
      [
        recommend({}, "u1"),
        new TypeError('recommend: context must be an object or a Map from field names to values, got "u1"'),
      ],
      [
        recommend({}, { user: "u1", hour: NaN }),
        new RangeError("recommend: context.hour must be finite (in 32 bits), got NaN"),
      ],
      [
        recommend({}, { indices: [999] }),
        new RangeError(
          `recommend: context.indices[0] must be below numFeatures (${recommender.model.numFeatures}), got 999`,
        ),
      ],
      [
        evaluate([], []),
        new RangeError("Recommender.evaluate: contexts must hold at least one row, got none"),
      ],
      [
        evaluate(contexts, ["i1"]),
        new RangeError(
          "Recommender.evaluate: items.length must be the number of rows of contexts (3), got 1",
        ),
      ],
      [
        evaluate(contexts, ["i1", "i2", "tea"]),
        new RangeError(
          'Recommender.evaluate: items[2] must be the id of an item of the catalog (13 items, such as "i0"), got "tea"',
        ),
      ],
      [
        evaluate(contexts, taken, { exclude: [[], [], ["i1", NaN]] }),
        new RangeError(
          "Recommender.evaluate: exclude[2][1] must be an id: a string or a finite number, got NaN",
        ),
      ],
      [
        evaluate(contexts, taken, { exclude: [[]] }),
        new RangeError(
          "Recommender.evaluate: exclude.length must be the number of rows of contexts (3), got 1",
        ),
      ],
      [
        evaluate(contexts, taken, { metrics: ["rmse"] }),
        new RangeError(`Recommender.evaluate: metrics[0] must be a ranking metric, ${forms}`),
      ],
      [
        evaluate(contexts, taken, { metrics: ["hr@0"] }),
        new RangeError(`Recommender.evaluate: metrics[0] must be a ranking metric, ${forms}`),
      ],
      [
        evaluate(contexts, taken, { metrics: [3] }),
        new TypeError(`Recommender.evaluate: metrics[0] must be a ranking metric, ${forms}`),
      ],
      [
        evaluate(contexts, taken, { metrics: "mrr" }),
        new TypeError('Recommender.evaluate: metrics must be an array of ranking metrics, got "mrr"'),
      ],
      [
        evaluate(contexts, taken, ["mrr"]),
        new TypeError("Recommender.evaluate: options must be an object, got array of 1"),
      ],
      [
        evaluate([{ user: "u1", hour: Infinity }], ["i1"]),
        new RangeError("Recommender.evaluate: contexts[0].hour must be finite (in 32 bits), got Infinity"),
      ],
    ];
    for (const [call, error] of cases) {
      let thrown: unknown;
      try {
        call();
      } catch (reason) {
        thrown = reason;
      }
      expect(thrown, error.message).toBeInstanceOf(error.constructor);
      expect((thrown as Error).message).toContain(error.message);
    }
    expect(bytes(recommender)).toEqual(before);
    const untrained = new Recommender(new NFM(), SHOP.items);
    expect(() => untrained.recommend({})).toThrow(
      "recommend: the model has no parameters yet; fit it, load one, or construct it with numFeatures",
    );
    expect(() => untrained.evaluate(contexts, taken)).toThrow(
      "Recommender.evaluate: the model has no parameters yet",
    );
  });

  it("of a fit that is aborted or fails half way leave the last complete epoch, lists included", async () => {
    const files: Uint8Array[] = [];
    const stop = new AbortController();
    const recommender = new Recommender(new NFM({ ...SMALL, loss: "bpr" }), SHOP.items);
    const validation = { contexts: SHOP.contexts, items: SHOP.taken };
    await expect(
      recommender.fit(SHOP.contexts, SHOP.taken, {
        epochs: 9,
        batchSize: 16,
        validation,
        signal: stop.signal,
        onEpoch: () => void files.push(bytes(recommender)),
        onBatch: ({ epoch, batch }) => {
          if (epoch === 3 && batch === 2) stop.abort("enough");
        },
      }),
    ).rejects.toBe("enough");
    expect(files).toHaveLength(2);
    expect(bytes(recommender)).toEqual(files[1]);
    expect(recommender.recommend(contexts[0])).toEqual(
      new Recommender(NFM.load(files[1]), SHOP.items).recommend(contexts[0]),
    );
    const first = recommender.fit(SHOP.contexts, SHOP.taken, { epochs: 1 });
    await expect(recommender.fit(SHOP.contexts, SHOP.taken)).rejects.toThrow(
      "Recommender.fit: this model is being fitted; await that first",
    );
    await first;
  });
});

it("fit without options that are an object says so", async () => {
  await expect(
    new Recommender(new NFM(), SHOP.items).fit(SHOP.contexts, SHOP.taken, null as never),
  ).rejects.toThrow("Recommender.fit: options must be an object, got null");
});
