// What histories refuse, on its text; nothing has changed then.

import { describe, expect, it } from "vitest";
import { CSRMatrix, NFM, Recommender, type RecommenderOptions } from "../src/index.ts";
import { GOODS, TINY, visits } from "./helpers/shop-days.ts";

const EVENTS = visits(40, 4);
const contexts = EVENTS.map(({ user, evening }) => ({ user, evening }));
const taken = EVENTS.map(({ took }) => took);
const OPTIONS = { users: "user", history: { fields: ["genre"] } };

async function fitted(options: RecommenderOptions = OPTIONS): Promise<Recommender> {
  const recommender = new Recommender(new NFM({ ...TINY, loss: "softmax" }), GOODS, options);
  await recommender.fit(contexts, taken, { epochs: 2, users: "user" });
  return recommender;
}

/** Replaces one event. */
const change = <T>(list: readonly T[], at: number, value: unknown): T[] =>
  list.map((one, i) => (i === at ? (value as T) : one));

const TIMES = EVENTS.map(({ time }) => time);

type Change = [what: string, contexts: unknown[], taken: unknown, options: object, error: Error];
const changes: Change[] = [
  [
    "a time of NaN",
    contexts,
    taken,
    { time: change(TIMES, 3, NaN) },
    new RangeError("time[3] must be a finite time, got NaN"),
  ],
  [
    "a time of NaN in a field",
    change(EVENTS, 2, { ...EVENTS[2], time: NaN }),
    "took",
    { time: "time" },
    new RangeError("contexts[2].time must be a finite time, got NaN"),
  ],
  [
    "times of two kinds",
    contexts,
    taken,
    { time: change(TIMES, 1, "2024-05-01") },
    new TypeError("time[1] must be "),
  ],
  [
    "too few times",
    contexts,
    taken,
    { time: TIMES.slice(1) },
    new RangeError("time.length must be the number of rows of contexts (40), got 39"),
  ],
  [
    "a field of the name history",
    change(contexts, 4, { ...contexts[4], history: ["i1"] }),
    taken,
    {},
    new RangeError(
      'contexts[4] has the field "history", which the recommender makes itself; pass the option history instead',
    ),
  ],
  [
    "a field with the name of a field of histories",
    change(contexts, 0, { ...contexts[0], "history genre": "g1" }),
    taken,
    {},
    new RangeError('contexts[0] has the field "history genre", which the recommender makes itself'),
  ],
  [
    "a user that is missing",
    change(contexts, 7, { evening: true }),
    taken,
    {},
    new TypeError("contexts[7].user must be an id, a string or a number"),
  ],
];

describe("a recommender with histories refuses", () => {
  it.each(changes)("in fit and update %s", async (_, theirContexts, theirItems, options, error) => {
    for (const method of ["fit", "update"] as const) {
      const recommender = await fitted();
      const before = recommender.save();
      const training = recommender[method](theirContexts as never, theirItems as never, options);
      const thrown: unknown = await training.then(
        () => expect.fail("it did not reject"),
        (reason: unknown) => reason,
      );
      expect(thrown).toBeInstanceOf(error.constructor);
      expect((thrown as Error).message).toContain(`Recommender.${method}: ${error.message}`);
      expect(recommender.save()).toEqual(before);
    }
  });

  it("training without users", async () => {
    const recommender = await fitted({ history: {} });
    const before = recommender.save();
    await expect(recommender.fit(contexts, taken, { epochs: 1 })).rejects.toThrow(
      new TypeError(
        "Recommender.fit: history needs to know which events are of one user: pass users here or to the constructor; sessions can be users as well",
      ),
    );
    expect(recommender.save()).toEqual(before);
    const first = new Recommender(new NFM(TINY), GOODS, { history: {} });
    await expect(first.fit(contexts, taken)).rejects.toThrow(
      "history needs to know which events are of one user",
    );
    expect(() => first.save()).toThrow("the model has no parameters yet");
  });

  it.each([
    [{ last: 0 }, new RangeError("Recommender: history.last must be an integer from 1 to 1000, got 0")],
    [{ last: 1001 }, new RangeError("Recommender: history.last must be an integer from 1 to 1000, got 1001")],
    [{ last: 2.5 }, new RangeError("Recommender: history.last must be an integer from 1 to 1000, got 2.5")],
    [
      { decay: 0 },
      new RangeError("Recommender: history.decay must be a number above 0 and at most 1, got 0"),
    ],
    [
      { decay: 1.1 },
      new RangeError("Recommender: history.decay must be a number above 0 and at most 1, got 1.1"),
    ],
    [
      { decay: NaN },
      new RangeError("Recommender: history.decay must be a number above 0 and at most 1, got NaN"),
    ],
    [
      { fields: "genre" },
      new TypeError('Recommender: history.fields must be an array of field names, got "genre"'),
    ],
    [{ fields: ["genre", 3] }, new TypeError("Recommender: history.fields[1] must be a field name, got 3")],
    [{ fields: ["style"] }, new RangeError('Recommender: history.fields names "style", which no item has')],
    [{ length: 3 }, new TypeError('Recommender: history has no option "length"; it has last, decay, fields')],
  ])("the options %j", (history, error) => {
    const make = (): unknown => new Recommender(new NFM(TINY), GOODS, { history: history as never });
    expect(make).toThrow(error);
  });

  it("items without names", () => {
    const place = "Recommender: items must be feature maps (history needs the names of features";
    for (const rows of [[{ indices: [0] }, { indices: [1] }], CSRMatrix.fromRows([{ indices: [0] }])])
      expect(() => new Recommender(new NFM(TINY), rows, { history: {} })).toThrow(place);
  });

  it("items with a field of the name of a history", () => {
    const items = GOODS.map((item) => ({ ...item, history: "old" }));
    expect(() => new Recommender(new NFM(TINY), items, { history: {} })).toThrow(
      new RangeError(
        'Recommender: items have the field "history", which is the name of a history; give it another name',
      ),
    );
  });

  it("a model that has no encoder", async () => {
    const recommender = new Recommender(new NFM({ ...TINY, numFeatures: 50 }), GOODS, OPTIONS);
    const before = recommender.model.save();
    await expect(recommender.fit(contexts, taken, { epochs: 1 })).rejects.toThrow("encoder");
    expect(recommender.model.save()).toEqual(before);
  });

  it("a history in a list where it has not learned from histories", async () => {
    const recommender = await fitted({ users: "user" });
    const before = recommender.save();
    expect(() => recommender.recommend(contexts[0], { history: ["i1"] })).toThrow(
      new TypeError(
        "Recommender.recommend: history needs a recommender that was trained with histories: new Recommender(model, items, { history: {} })",
      ),
    );
    expect(recommender.save()).toEqual(before);
  });

  it("in a list what is no history, and contexts with a history of their own", async () => {
    const recommender = await fitted();
    const before = recommender.save();
    const list = (history: unknown, context: object = contexts[0]): unknown =>
      recommender.recommend(context as never, { history: history as never });
    const place = "Recommender.recommend: history";
    expect(() => list("i1")).toThrow(
      new TypeError(`${place} must be an array of item ids, the oldest first, got "i1"`),
    );
    expect(() => list(new Set(["i1"]))).toThrow(`${place} must be an array of item ids, the oldest first`);
    expect(() => list(["i1", null])).toThrow(
      new TypeError(`${place}[1] must be an id: a string or a number, got null`),
    );
    expect(() => list([NaN])).toThrow(
      new RangeError(`${place}[0] must be an id: a string or a finite number, got NaN`),
    );
    expect(() => list(["i1"], { ...contexts[0], history: ["i2"] })).toThrow(
      'Recommender.recommend: context has the field "history", which the recommender makes itself',
    );
    const held = { contexts: [{ ...contexts[0], history: ["i2"] }], items: ["i1"] };
    expect(() => recommender.evaluate(held.contexts, held.items)).toThrow(
      'Recommender.evaluate: contexts[0] has the field "history", which the recommender makes itself',
    );
    expect(recommender.save()).toEqual(before);
  });
});
