// A user who is forgotten: no file that is saved afterwards holds the id or the user's numbers.

import { describe, expect, it } from "vitest";
import {
  Adagrad,
  FeatureEncoder,
  NFM,
  type NFMOptions,
  Recommender,
  type RecommenderOptions,
  RecommenderPredictor,
  SGD,
} from "../src/index.ts";
import { countIn, float, rowIn, utf8 } from "./helpers/file-bytes.ts";
import { type Fields, GOODS, TINY, visits } from "./helpers/shop-days.ts";

const SECRET = "zoë – 秘密";
const K = 4;
const EVENTS = visits(70, 6).map((event, i) => (i % 6 === 0 ? { ...event, user: SECRET } : event));
const contexts: Fields[] = EVENTS.map(({ user, evening }) => ({ user, evening }));
const taken = EVENTS.map(({ took }) => took);
const context = { user: SECRET, evening: true };

const OPTIMIZERS: [name: string, model: NFMOptions][] = [
  ["Adagrad", { optimizer: new Adagrad({ initialAccumulator: 0.25 }) }],
  ["SGD with momentum", { optimizer: new SGD({ learningRate: 0.05, momentum: 0.9 }) }],
];

async function fitted(
  model: NFMOptions = OPTIMIZERS[0][1],
  options: RecommenderOptions = { users: "user", history: {} },
): Promise<Recommender> {
  // With this loss the weight of a user moves as well.
  const all: NFMOptions = { ...TINY, loss: "log", ...model };
  const recommender = new Recommender(new NFM(all), GOODS, options);
  await recommender.fit(contexts, taken, { epochs: 3, batchSize: 16 });
  return recommender;
}

/** The numbers of a user in the recommender's file, by tensor. */
const numbersOf = (recommender: Recommender, column: number): Map<string, number[]> =>
  new Map(Array.from(rowIn(recommender.save(), column), ([name, row]) => [name, Array.from(row)]));

const columnOf = ({ model }: Recommender, user: string): number => model.encoder!.index(`user=${user}`)!;

describe.each(OPTIMIZERS)("forget, with %s,", (_, model) => {
  it("leaves no file with the id or a number of the user, and before it each is there", async () => {
    const recommender = await fitted(model);
    const column = columnOf(recommender, SECRET);
    const tables = numbersOf(recommender, column);
    const numbers = [...tables.values()].flat();
    expect(numbers).toHaveLength(2 * (1 + K));
    const files = (): Uint8Array[] => [
      recommender.save(),
      recommender.save({ optimizer: false }),
      recommender.model.save({ optimizer: true }),
    ];
    const [whole, small, alone] = files();
    // In the vocabulary and in the memory of users.
    expect([whole, small, alone].map((file) => countIn(file, utf8(SECRET)))).toEqual([2, 2, 1]);
    for (const number of numbers) expect(countIn(whole, float(number)), String(number)).toBe(1);

    expect(recommender.forget(SECRET)).toBe(true);
    for (const file of files()) {
      expect(countIn(file, utf8(SECRET))).toBe(0);
      expect(countIn(file, utf8("秘密"))).toBe(0);
      for (const number of numbers) expect(countIn(file, float(number)), String(number)).toBe(0);
    }
    const initial = model.optimizer instanceof Adagrad ? 0.25 : 0;
    for (const [name, row] of numbersOf(recommender, column)) {
      const expected = name.startsWith("optimizer.") ? initial : 0;
      expect(row, name).toEqual(row.map(() => expected));
    }
    // The file can be read, and is written again as it was.
    expect(Recommender.load(recommender.save()).save()).toEqual(recommender.save());
  });

  it("changes nothing of other users, of items and of the popularity", async () => {
    const recommender = await fitted(model);
    const others = ["u0", "u1", "u2", "u3", "u4", "u5"];
    const lists = (): unknown[] => [
      ...others.map((user) => recommender.recommend({ user, evening: true }, { because: 2 })),
      recommender.recommend({ user: null }, { top: 100 }),
      recommender.similar("i1"),
    ];
    const before = lists();
    const columns = others.map((user) => columnOf(recommender, user));
    const rows = columns.map((column) => numbersOf(recommender, column));
    recommender.forget(SECRET);
    expect(lists()).toEqual(before);
    expect(others.map((user) => columnOf(recommender, user))).toEqual(columns);
    expect(columns.map((column) => numbersOf(recommender, column))).toEqual(rows);
  });

  it("makes the user one whom nobody knows", async () => {
    const recommender = await fitted(model);
    expect(recommender.recommend(context, { top: 100 }).length).toBeLessThan(GOODS.length);
    const somebody = recommender.recommend({ user: "nobody knows", evening: true }, { top: 100 });
    recommender.forget(SECRET);
    const server = RecommenderPredictor.load(recommender.save());
    for (const one of [recommender, Recommender.load(recommender.save()), server])
      expect(one.recommend(context, { top: 100 })).toEqual(somebody);
    const users = recommender.recommendUsers("i7", { top: 100 }).map(({ user }) => user);
    expect(users).not.toContain(SECRET);
    expect(users.length).toBeGreaterThan(0);
  });

  it("lets the user come again by update, with a past that begins there", async () => {
    const recommender = await fitted(model);
    recommender.forget(SECRET);
    const loaded = Recommender.load(recommender.save());
    for (const one of [recommender, loaded]) await one.update([context, context], ["i3", "i6"]);
    expect(loaded.save()).toEqual(recommender.save());
    expect(columnOf(recommender, SECRET)).toBeDefined();
    const list = recommender.recommend(context, { top: 100 }).map(({ id }) => id as string);
    expect(list.sort()).toEqual(["i0", "i1", "i2", "i4", "i5", "i7", "i8"]);
    const history = recommender.recommend(context, { repeat: true, top: 100 });
    expect(history).toEqual(
      recommender.recommend(context, { repeat: true, top: 100, history: ["i3", "i6"] }),
    );
    expect(recommender.forget(SECRET)).toBe(true);
    expect(countIn(recommender.save(), utf8(SECRET))).toBe(0);
  });
});

describe("forget", () => {
  it("says whether anything was known", async () => {
    const recommender = await fitted();
    const before = recommender.save();
    expect(recommender.forget("nobody knows")).toBe(false);
    expect(recommender.forget("")).toBe(false);
    expect(recommender.save()).toEqual(before);
    expect(recommender.forget(SECRET)).toBe(true);
    const after = recommender.save();
    expect(recommender.forget(SECRET)).toBe(false);
    expect(recommender.save()).toEqual(after);
  });

  it("takes the number of a user as its text", async () => {
    const numbered = contexts.map(({ evening }, i) => ({ user: 700 + (i % 5), evening }) as Fields);
    for (const fields of [{ user: "category" }, {}] as const) {
      const model: NFMOptions = { ...TINY, loss: "softmax", fields };
      const recommender = new Recommender(new NFM(model), GOODS, { users: "user" });
      await recommender.fit(numbered, taken, { epochs: 1 });
      expect(countIn(recommender.save(), utf8("703"))).toBeGreaterThan(0);
      expect(recommender.forget(703)).toBe(true);
      expect(countIn(recommender.save(), utf8("703"))).toBe(0);
      expect(recommender.forget("703")).toBe(false);
      expect(recommender.forget("704")).toBe(true);
      expect(recommender.forget(705n)).toBe(false);
    }
  });

  it("every user leaves a recommender that knows nobody", async () => {
    const recommender = await fitted();
    const users = [...new Set(EVENTS.map(({ user }) => user))];
    for (const user of users) expect(recommender.forget(user)).toBe(true);
    const file = recommender.save();
    for (const user of users) expect(countIn(file, utf8(user)), user).toBe(0);
    expect(recommender.recommendUsers("i1")).toEqual([]);
    // Nothing is left to replay.
    await Recommender.load(file).update([context], ["i3"], { replay: 5 });
    await recommender.update([context], ["i3"], { replay: 0 });
  });

  it("of a user with a row that many share takes the memory alone: names that are hashed", async () => {
    const encoder = new FeatureEncoder({ hashBits: 8 });
    const recommender = await fitted({ encoder }, { users: "user" });
    const before = recommender.model.save({ optimizer: true });
    expect(countIn(recommender.save(), utf8(SECRET))).toBe(1);
    expect(recommender.forget(SECRET)).toBe(true);
    expect(countIn(recommender.save(), utf8(SECRET))).toBe(0);
    expect(recommender.model.save({ optimizer: true })).toEqual(before);
  });

  it("is an error without a field of users, and of what is no id", async () => {
    const recommender = await fitted({}, {});
    const before = recommender.save();
    expect(() => recommender.forget(SECRET)).toThrow(
      new TypeError(
        "Recommender.forget: the recommender has no field of users; new Recommender(model, items, { users: FIELD }), then fit",
      ),
    );
    expect(recommender.save()).toEqual(before);
    const known = await fitted();
    const bytes = known.save();
    for (const [user, error] of [
      [null, new TypeError("Recommender.forget: user must be an id: a string or a number, got null")],
      [{ user: SECRET }, new TypeError("Recommender.forget: user must be an id: a string or a number")],
      [NaN, new RangeError("Recommender.forget: user must be an id: a string or a finite number, got NaN")],
    ] as [unknown, Error][]) {
      expect(() => known.forget(user as string)).toThrow(error.message);
      expect(known.save()).toEqual(bytes);
    }
  });

  it("is an error while the model is being fitted, and the training goes on as if nobody had asked", async () => {
    const [asked, alone] = [await fitted(), await fitted()];
    const running = asked.update(contexts, taken, { epochs: 2 });
    expect(() => asked.forget(SECRET)).toThrow(
      new Error("Recommender.forget: this model is being fitted; await that first"),
    );
    await running;
    await alone.update(contexts, taken, { epochs: 2 });
    expect(asked.save()).toEqual(alone.save());
    expect(asked.forget(SECRET)).toBe(true);
  });

  it("of a user whom a first training has not reached leaves nothing to forget", async () => {
    const recommender = new Recommender(new NFM({ ...TINY, loss: "softmax" }), GOODS, { users: "user" });
    expect(recommender.forget(SECRET)).toBe(false);
  });
});
