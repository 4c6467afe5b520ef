// What lists of recommenders refuse: each wrong option by its name, with what was expected and what came. Lists
// that were refused change nothing.

import { describe, expect, it } from "vitest";
import { NFM, Recommender, type RecommendOptions } from "../src/index.ts";
import { RecommenderPredictor } from "../src/predict.ts";
import { FILMS, fitted, SHOP } from "./helpers/films.ts";

const CONTEXT = { user: "u3", evening: true };

const SERVED = RecommenderPredictor.load(SHOP.save({ optimizer: false }), { notices: false });

/** Options that both kinds of recommenders have. */
const COMMON: [options: object, error: Error][] = [
  [{ top: 0 }, new RangeError("Recommender.recommend: top must be an integer of at least 1, got 0")],
  [{ top: 2.5 }, new RangeError("Recommender.recommend: top must be an integer of at least 1, got 2.5")],
  [{ top: NaN }, new RangeError("Recommender.recommend: top must be an integer of at least 1, got NaN")],
  [{ top: "5" }, new TypeError('Recommender.recommend: top must be an integer, got "5"')],
  [
    { filter: "f1" },
    new TypeError('Recommender.recommend: filter must be a function of an id and an item, got "f1"'),
  ],
  [
    { filter: ["f1"] },
    new TypeError("Recommender.recommend: filter must be a function of an id and an item, got array of 1"),
  ],
  [
    { filter: null },
    new TypeError("Recommender.recommend: filter must be a function of an id and an item, got null"),
  ],
  [{ repeat: "yes" }, new TypeError('Recommender.recommend: repeat must be a boolean, got "yes"')],
  [{ repeat: 1 }, new TypeError("Recommender.recommend: repeat must be a boolean, got 1")],
  [
    { unknownIds: "warn" },
    new RangeError('Recommender.recommend: unknownIds must be one of "ignore", "error", got "warn"'),
  ],
  [
    { history: "f1" },
    new TypeError('Recommender.recommend: history must be an array of item ids, the oldest first, got "f1"'),
  ],
  [
    { history: 3 },
    new TypeError("Recommender.recommend: history must be an array of item ids, the oldest first, got 3"),
  ],
  [
    { history: null },
    new TypeError("Recommender.recommend: history must be an array of item ids, the oldest first, got null"),
  ],
  [
    { history: new Set(["f1"]) },
    new TypeError(
      "Recommender.recommend: history must be an array of item ids, the oldest first, got a Set of 1",
    ),
  ],
  [
    { history: ["f1", null] },
    new TypeError("Recommender.recommend: history[1] must be an id: a string or a number, got null"),
  ],
  [
    { history: ["f1", "gone"], unknownIds: "error" },
    new RangeError(
      'Recommender.recommend: history[1] must be the id of an item of the catalog (40 items, such as "f0"), got "gone"',
    ),
  ],
  [
    { exclude: "f1" },
    new TypeError('Recommender.recommend: exclude must be an array or set of item ids, got "f1"'),
  ],
  [
    { exclude: 7 },
    new TypeError("Recommender.recommend: exclude must be an array or set of item ids, got 7"),
  ],
  [
    { exclude: ["f1", {}] },
    new TypeError(
      "Recommender.recommend: exclude[1] must be an id: a string or a number, got object with keys (none)",
    ),
  ],
  [
    { exclude: [NaN] },
    new RangeError("Recommender.recommend: exclude[0] must be an id: a string or a finite number, got NaN"),
  ],
  [
    { exclude: ["gone"], unknownIds: "error" },
    new RangeError(
      'Recommender.recommend: exclude[0] must be the id of an item of the catalog (40 items, such as "f0"), got "gone"',
    ),
  ],
];

/** Options that only `Recommender` has. */
const MORE: [options: object, error: Error][] = [
  [
    { diversity: NaN },
    new RangeError("Recommender.recommend: diversity must be a number from 0 to 1, got NaN"),
  ],
  [
    { diversity: -0.1 },
    new RangeError("Recommender.recommend: diversity must be a number from 0 to 1, got -0.1"),
  ],
  [
    { diversity: 1.01 },
    new RangeError("Recommender.recommend: diversity must be a number from 0 to 1, got 1.01"),
  ],
  [
    { diversity: "0.5" },
    new TypeError('Recommender.recommend: diversity must be a number from 0 to 1, got "0.5"'),
  ],
  [
    { because: -1 },
    new RangeError("Recommender.recommend: because must be an integer of at least 0, got -1"),
  ],
  [
    { because: 1.5 },
    new RangeError("Recommender.recommend: because must be an integer of at least 0, got 1.5"),
  ],
  [{ because: true }, new TypeError("Recommender.recommend: because must be an integer, got true")],
  [
    { atMost: 2 },
    new TypeError("Recommender.recommend: atMost must be an object of fields and limits, got 2"),
  ],
  [
    { atMost: null },
    new TypeError("Recommender.recommend: atMost must be an object of fields and limits, got null"),
  ],
  [
    { atMost: ["genre"] },
    new TypeError("Recommender.recommend: atMost must be an object of fields and limits, got array of 1"),
  ],
  [
    { atMost: new Map([["genre", 1]]) },
    new TypeError("Recommender.recommend: atMost must be an object of fields and limits, got a Map of 1"),
  ],
  [
    { atMost: { genre: 0 } },
    new RangeError("Recommender.recommend: atMost.genre must be an integer of at least 1, got 0"),
  ],
  [
    { atMost: { genre: NaN } },
    new RangeError("Recommender.recommend: atMost.genre must be an integer of at least 1, got NaN"),
  ],
  [
    { atMost: { genre: "2" } },
    new TypeError('Recommender.recommend: atMost.genre must be an integer, got "2"'),
  ],
  [
    { atMost: { color: 1 } },
    new RangeError(
      'Recommender.recommend: atMost must be an object with fields of the items (item, genre, year, studio), got "color"',
    ),
  ],
  [
    { limit: 3 },
    new TypeError(
      'Recommender.recommend has no option "limit"; it has top, exclude, unknownIds, history, repeat, filter, diversity, atMost, because',
    ),
  ],
];

const name = (options: object): string =>
  JSON.stringify(options, (_, value: unknown) =>
    typeof value === "object" || value === value ? value : "NaN",
  );

describe("a list with a wrong option", () => {
  it.each(COMMON.map(([options, error]) => ({ what: name(options), options, error })))("$what is refused", ({
    options,
    error,
  }) => {
    for (const recommender of [SHOP, SERVED])
      expect(() => recommender.recommend(CONTEXT, options)).toThrow(error);
  });

  it.each(MORE.map(([options, error]) => ({ what: name(options), options, error })))("$what is refused", ({
    options,
    error,
  }) => {
    expect(() => SHOP.recommend(CONTEXT, options)).toThrow(error);
    expect(() => SHOP.recommend({ user: null }, options)).toThrow(error);
    const [option] = Object.keys(options);
    expect(() => SERVED.recommend(CONTEXT, options)).toThrow(
      new TypeError(
        `Recommender.recommend has no option "${option}"; it has top, exclude, unknownIds, history, repeat, filter`,
      ),
    );
  });

  it("is refused as options that are no object", () => {
    for (const options of [null, 5, "top"]) {
      expect(() => SHOP.recommend(CONTEXT, options as RecommendOptions<string>)).toThrow(TypeError);
      expect(() => SERVED.recommend(CONTEXT, options as RecommendOptions)).toThrow(
        "options must be an object",
      );
    }
  });
});

describe("lists of several contexts", () => {
  it.each([
    [{ exclude: ["f1"] }, "exclude must be an array with one list of ids per context (2), got array of 1"],
    [
      { exclude: new Set(["f1", "f2"]) },
      "exclude must be an array with one list of ids per context (2), got a Set of 2",
    ],
    [
      { exclude: [[], [], []] },
      "exclude must be an array with one list of ids per context (2), got array of 3",
    ],
    [{ history: [["f1"]] }, "history must be an array with one list of ids per context (2), got array of 1"],
    [{ history: "f1" }, 'history must be an array with one list of ids per context (2), got "f1"'],
    [{ exclude: ["f1", "f2"] }, 'exclude[0] must be an array or set of item ids, got "f1"'],
    [{ history: [[], "f2"] }, 'history[1] must be an array of item ids, the oldest first, got "f2"'],
    [{ exclude: [[], [null]] }, "exclude[1][0] must be an id: a string or a number, got null"],
    [{ history: [[], ["f1", true]] }, "history[1][1] must be an id: a string or a number, got true"],
  ])("with %j are refused", (options, message) => {
    for (const recommender of [SHOP, SERVED])
      expect(() => recommender.recommend([CONTEXT, CONTEXT], options as never)).toThrow(
        new TypeError(`Recommender.recommend: ${message}`),
      );
  });

  it("name the context that is wrong", () => {
    for (const [bad, message] of [
      [undefined, "context[1] must be an object or a Map from field names to values, got undefined"],
      [
        { evening: true },
        'context[1] must have the field "user", which fit got as the option users (null: an anonymous user)',
      ],
      [{ user: "u1", genre: "crime" }, `context[1] has the field "genre", which is one of the items'`],
      [
        { user: "u1", history: "f1" },
        'context[1] has the field "history", which the recommender makes itself; pass the option history',
      ],
      [
        { user: "u1", "history genre": "x" },
        'context[1] has the field "history genre", which the recommender makes itself',
      ],
    ] as const) {
      for (const recommender of [SHOP, SERVED])
        expect(() => recommender.recommend([CONTEXT, bad as never])).toThrow(
          `Recommender.recommend: ${message}`,
        );
    }
  });
});

describe("a recommender without histories or without parameters", () => {
  it("refuses a history by name", async () => {
    const recommender = await fitted(false);
    expect(() => recommender.recommend(CONTEXT, { history: ["f1"] })).toThrow(
      new TypeError(
        "Recommender.recommend: history needs a recommender that was trained with histories: new Recommender(model, items, { history: {} })",
      ),
    );
  });

  it("says that it must be fitted", () => {
    const recommender = new Recommender(new NFM({ loss: "softmax" }), FILMS, { users: "user", history: {} });
    const calls = [
      () => recommender.recommend(CONTEXT, { diversity: 0.5 }),
      () => recommender.similar("f1"),
      () => recommender.recommendUsers("f1"),
      () => recommender.explain(CONTEXT, "f1"),
      () => recommender.save(),
    ];
    for (const call of calls)
      expect(call).toThrow("the model has no parameters yet; fit it, load one, or construct it");
  });
});

describe("similar and recommendUsers", () => {
  it.each([
    ["tea", {}, 'id must be the id of an item of the catalog (40 items, such as "f0"), got "tea"'],
    [undefined, {}, "id must be an id: a string or a number, got undefined"],
    ["f1", { top: 0 }, "top must be an integer of at least 1, got 0"],
    ["f1", { top: "3" }, 'top must be an integer, got "3"'],
    ["f1", null, "options must be an object, got null"],
  ])("refuse %j with %j", (id, options, message) => {
    expect(() => SHOP.similar(id as string, options as object)).toThrow(`Recommender.similar: ${message}`);
    expect(() => SHOP.recommendUsers(id as string, options as object)).toThrow(
      `Recommender.recommendUsers: ${message}`,
    );
  });

  it("have no other options than top", () => {
    expect(() => SHOP.similar("f1", { n: 3 } as object)).toThrow(
      'Recommender.similar has no option "n"; it has top',
    );
    expect(() => SHOP.recommendUsers("f1", { n: 3 } as object)).toThrow(
      'Recommender.recommendUsers has no option "n"; it has top',
    );
  });
});

describe("a filter that is async", () => {
  it("is refused, because its promise would keep everything", () => {
    const filter = (async () => false) as never;
    for (const recommender of [SHOP, SERVED])
      expect(() => recommender.recommend(CONTEXT, { filter })).toThrow(
        new TypeError(
          "Recommender.recommend: filter must be a function that returns true or false, got a Promise (await it)",
        ),
      );
  });
});

describe("a filter that throws", () => {
  it("leaves the recommender as it was", () => {
    const before = SHOP.recommend(CONTEXT);
    const filter = (): boolean => {
      throw new Error("mine");
    };
    for (const options of [{ filter }, { filter, diversity: 0.5 }, { filter, because: 1 }])
      expect(() => SHOP.recommend(CONTEXT, options)).toThrow(new Error("mine"));
    expect(SHOP.recommend(CONTEXT)).toEqual(before);
  });
});
