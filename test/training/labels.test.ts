// What labels may be: numbers, booleans, bigints and the two strings of a loss with two classes, in any form
// that has one label per row; and where the log loss starts.

import { describe, expect, it } from "vitest";
import {
  type FitOptions,
  type Labels,
  NFM,
  type NFMOptions,
  type Notice,
  type PointwiseLoss,
  Recommender,
  SGD,
} from "../../src/index.ts";
import { readSafetensors } from "../../src/model/safetensors.ts";
import { Predictor } from "../../src/predict.ts";

const QUIET = { notices: false } as const;
const SMALL: NFMOptions = { embeddingDim: 4, hiddenUnits: [3], seed: 3, ...QUIET };
const RUN: FitOptions = { epochs: 2, batchSize: 8 };
const MAPS: { user: string; item: string }[] = Array.from({ length: 30 }, (_, i) => ({
  user: `u${i % 7}`,
  item: `i${i % 4}`,
}));
const CLICKS = MAPS.map((_, i) => (i % 3 === 0 ? 1 : 0));
const NAMES = CLICKS.map((click) => (click ? "yes" : "no"));
const still = new SGD({ learningRate: 0 });

async function fitted(y: Labels, options: NFMOptions = {}, run: FitOptions = RUN): Promise<NFM> {
  const model = new NFM({ ...SMALL, ...options });
  await model.fit(MAPS, y, run);
  return model;
}

const parameters = (model: NFM): Record<string, number[]> =>
  Object.fromEntries(
    Array.from(readSafetensors(model.save({ optimizer: true })).tensors, ([name, { data }]) => [
      name,
      Array.from(data),
    ]),
  );

const own: PointwiseLoss = {
  kind: "pointwise",
  name: "own",
  value: (score, y) => (score - y) ** 2,
  gradient: (score, y) => 2 * (score - y),
};

describe("labels that stand for numbers", () => {
  it.each(["squared", "log", "hinge", own] as const)("train alike, loss %#", async (loss) => {
    const wanted = (await fitted(CLICKS, { loss })).save();
    const booleans = CLICKS.map((click) => click === 1);
    const forms: Labels[] = [
      booleans,
      CLICKS.map(BigInt),
      BigInt64Array.from(CLICKS, BigInt),
      Float32Array.from(CLICKS),
      Uint8Array.from(CLICKS),
      { ...CLICKS, length: 30 },
      CLICKS.values(),
      (function* () {
        yield* booleans;
      })(),
      CLICKS.map((click, i) => (i % 2 === 0 ? click === 1 : click)),
    ];
    for (const y of forms) expect((await fitted(y, { loss })).save()).toEqual(wanted);
  });

  it("may be booleans in evaluate, validation and partialFit, and as grades of a pairwise loss", async () => {
    const booleans = CLICKS.map((click) => click === 1);
    const model = await fitted(CLICKS, { loss: "log" }, { ...RUN, validation: { x: MAPS, y: booleans } });
    expect(model.evaluate(MAPS, booleans)).toEqual(model.evaluate(MAPS, CLICKS));
    const other = NFM.load(model.save({ optimizer: true }), QUIET);
    expect(model.partialFit(MAPS, booleans)).toBe(other.partialFit(MAPS, CLICKS));
    const groups = MAPS.map((_, i) => i % 5);
    const [a, b] = await Promise.all(
      [booleans, CLICKS].map((y) => fitted(y, { loss: "bpr" }, { ...RUN, groups })),
    );
    expect(a.save()).toEqual(b.save());
  });

  it("are copied before the first pause", async () => {
    const y = [...CLICKS];
    const model = new NFM({ ...SMALL, loss: "log" });
    const training = model.fit(MAPS, y, RUN);
    y.fill(1);
    await training;
    expect(model.save()).toEqual((await fitted(CLICKS, { loss: "log" })).save());
  });
});

describe("two strings as labels", () => {
  it.each([
    "log",
    "hinge",
  ] as const)("are the classes of the %s loss, the second one positive", async (loss) => {
    const [model, numbers] = [await fitted(NAMES, { loss }), await fitted(CLICKS, { loss })];
    expect(model.classes).toEqual(["no", "yes"]);
    expect(numbers.classes).toBeNull();
    expect(parameters(model)).toEqual(parameters(numbers));
    expect(model.predict(MAPS)).toEqual(numbers.predict(MAPS));
    expect(model.evaluate(MAPS, NAMES)).toEqual(numbers.evaluate(MAPS, CLICKS));
    expect(model.evaluate(MAPS.slice(1, 3), ["no", "no"], { metrics: ["accuracy"] })).toEqual(
      numbers.evaluate(MAPS.slice(1, 3), [0, 0], { metrics: ["accuracy"] }),
    );
  });

  it("are sorted by code units, whichever comes first", async () => {
    const model = await fitted(
      CLICKS.map((click) => (click ? "Zoo" : "ant")),
      { loss: "log" },
    );
    expect(model.classes).toEqual(["Zoo", "ant"]);
    expect((await fitted(CLICKS.map(String), { loss: "log" })).classes).toEqual(["0", "1"]);
    expect(new NFM({ ...SMALL, loss: "log", numFeatures: 3 }).classes).toBeNull();
  });

  it("are kept in the file, and known to every kind of training and measuring", async () => {
    const run = { ...RUN, validation: { x: MAPS, y: NAMES } };
    const [model, numbers] = [
      await fitted(NAMES, { loss: "log" }, run),
      await fitted(CLICKS, { loss: "log" }, { ...RUN, validation: { x: MAPS, y: CLICKS } }),
    ];
    expect(model.history!.epochs.map(({ validation }) => validation)).toEqual(
      numbers.history!.epochs.map(({ validation }) => validation),
    );
    const loaded = NFM.load(model.save({ optimizer: true }), QUIET);
    expect(loaded.classes).toEqual(["no", "yes"]);
    expect(Predictor.load(model.save()).classes).toEqual(["no", "yes"]);
    await loaded.fit(MAPS, NAMES, { ...run, resume: true });
    await numbers.fit(MAPS, CLICKS, { ...RUN, resume: true });
    expect(loaded.partialFit(MAPS.slice(1, 3), ["no", "no"])).toBe(
      numbers.partialFit(MAPS.slice(1, 3), [0, 0]),
    );
    expect(parameters(loaded)).toEqual(parameters(numbers));
    expect(loaded.classes).toEqual(["no", "yes"]);
    await loaded.fit(MAPS, CLICKS, RUN);
    expect(loaded.classes).toBeNull();
  });

  it("are learned by the first partialFit of a new model", () => {
    for (const options of [{ numFeatures: 40 }, {}]) {
      const rows = MAPS.map((_, i) => ({ indices: [i % 7, 7 + (i % 4)] }));
      const model = new NFM({ ...SMALL, ...options, loss: "log" });
      const numbers = new NFM({ ...SMALL, ...options, loss: "log" });
      expect(() => model.partialFit(rows.slice(0, 2), ["no", "no"])).toThrow('got only "no"');
      expect(model.partialFit(rows, NAMES)).toBe(numbers.partialFit(rows, CLICKS));
      expect(model.partialFit(rows.slice(1, 2), ["no"])).toBe(numbers.partialFit(rows.slice(1, 2), [0]));
      expect(model.classes).toEqual(["no", "yes"]);
      expect(parameters(model)).toEqual(parameters(numbers));
    }
  });

  it("are learned from all rows of a fit, of which some are held out", async () => {
    const y = MAPS.map((_, i) => (i === 4 ? "rare" : "common"));
    for (let seed = 0; seed < 6; seed++) {
      const model = await fitted(y, { loss: "log", seed }, { ...RUN, validation: 0.5 });
      expect(model.classes).toEqual(["common", "rare"]);
    }
  });
});

describe("labels that are refused", () => {
  const refusal = async (y: unknown, options: NFMOptions = {}, run: FitOptions = RUN): Promise<Error> => {
    const model = new NFM({ ...SMALL, ...options });
    const error = await model.fit(MAPS, y as Labels, run).catch((reason: Error) => reason);
    expect(model.numFeatures).toBe(0);
    return error as Error;
  };
  const at = (position: number, label: unknown, y: readonly unknown[] = CLICKS): unknown[] =>
    y.map((other, i) => (i === position ? label : other));

  it.each([
    [
      at(3, null),
      new TypeError("fit: y[3] must be a number, got null; leave out the rows that have no label"),
    ],
    [
      at(0, undefined),
      new TypeError("fit: y[0] must be a number, got undefined; leave out the rows that have no label"),
    ],
    [
      at(3, NaN),
      new RangeError("fit: y[3] must be finite (in 32 bits), got NaN; leave out the rows that have no label"),
    ],
    [at(0, ""), new TypeError('fit: y[0] must be a number, got ""; leave out the rows that have no label')],
    [at(3, Infinity), new RangeError("fit: y[3] must be finite (in 32 bits), got Infinity")],
    [at(3, 1e39), new RangeError("fit: y[3] must be finite (in 32 bits), got 1e+39")],
    [
      at(3, 2n ** 60n),
      new RangeError(
        "fit: y[3] must be an integer that a number can hold (up to 2^53 - 1), got 1152921504606846976n",
      ),
    ],
    [at(3, "1"), new TypeError('fit: y[3] must be a number, as the labels before it, got "1"')],
    [at(3, {}), new TypeError("fit: y[3] must be a number, got object with keys (none)")],
    [
      at(0, new Date(0)),
      new TypeError(
        "fit: y[0] must be a number, such as date.getTime(), got a Date (1970-01-01T00:00:00.000Z)",
      ),
    ],
    [CLICKS.slice(1), new RangeError("fit: y.length must be the number of rows of x (30), got 29")],
    [CLICKS.slice(1).values(), new RangeError("fit: y.length must be the number of rows of x (30), got 29")],
    ["010", new TypeError('fit: y must be an array of numbers, got "010"')],
    [7, new TypeError("fit: y must be an array of numbers, got 7")],
    [null, new TypeError("fit: y must be an array of numbers, got null")],
    [
      new Set(CLICKS),
      new TypeError(
        "fit: y must be an array of numbers, got a Set of 2: it keeps equal labels once, and every row needs a label of its own",
      ),
    ],
    [
      CLICKS.map(String),
      new TypeError(
        'fit: y[0] must be a number, got "1": all labels are texts of numbers; convert them with Array.from(y, Number)',
      ),
    ],
    [
      NAMES,
      new TypeError(
        'fit: y[0] must be a number, got "yes": the squared loss takes no strings; if they name two classes, use loss: "log"',
      ),
    ],
  ] as [unknown, Error][])("by the squared loss, case %#", async (y, error) => {
    expect(await refusal(y)).toEqual(error);
  });

  it.each([
    [at(2, 0.5), new RangeError("fit: y[2] must be 0 or 1, or -1 or 1, got 0.5")],
    [
      at(2, null, NAMES),
      new TypeError(
        "fit: y[2] must be a string, as the labels before it, got null; leave out the rows that have no label",
      ),
    ],
    [at(2, 1, NAMES), new TypeError("fit: y[2] must be a string, as the labels before it, got 1")],
    [
      at(2, "", NAMES),
      new TypeError('fit: y[2] must be a number, got ""; leave out the rows that have no label'),
    ],
    [
      NAMES.map(() => "yes"),
      new RangeError(
        'fit: y must have two different strings, the classes of the log loss, got only "yes"; if the other class is known, pass 1 and 0 in place of strings',
      ),
    ],
    [
      at(2, "maybe", NAMES),
      new RangeError(
        'fit: y must have two different strings, the classes of the log loss, got 3 ("maybe", "no", "yes"); learn one class against the rest, Array.from(y, (label) => label === "maybe"), with a model for each',
      ),
    ],
    [
      MAPS.map((_, i) => `c${i % 5}`),
      new RangeError(
        'fit: y must have two different strings, the classes of the log loss, got 5 ("c0", "c1", "c2", "c3", ...); learn one class against the rest, Array.from(y, (label) => label === "c0"), with a model for each',
      ),
    ],
  ] as [unknown, Error][])("by the log loss, case %#", async (y, error) => {
    expect(await refusal(y, { loss: "log" })).toEqual(error);
  });

  it("by losses of the user's own and pairwise losses, if they are strings", async () => {
    expect((await refusal(NAMES, { loss: own })).message).toContain("the own loss takes no strings");
    const groups = MAPS.map((_, i) => i % 5);
    expect((await refusal(NAMES, { loss: "bpr" }, { ...RUN, groups })).message).toContain(
      "the bpr loss takes no strings",
    );
  });

  it("by a model that knows two strings, with both of them in the error", async () => {
    const model = await fitted(NAMES, { loss: "log" });
    const before = model.save();
    const classes = '"no" or "yes", the classes of this model';
    expect(() => model.evaluate(MAPS, at(2, "maybe", NAMES) as string[])).toThrow(
      new RangeError(`evaluate: y[2] must be ${classes}, got "maybe"`),
    );
    expect(() => model.evaluate(MAPS, CLICKS)).toThrow(
      new TypeError(`evaluate: y[0] must be ${classes}, got 1`),
    );
    expect(() => model.partialFit(MAPS, at(0, "YES", NAMES) as string[])).toThrow(
      new RangeError(`partialFit: y[0] must be ${classes}, got "YES"`),
    );
    await expect(model.fit(MAPS, CLICKS, { resume: true })).rejects.toThrow(
      `fit: y[0] must be ${classes}, got 1`,
    );
    expect(model.save()).toEqual(before);
    const held = { x: MAPS, y: at(1, "n", NAMES) as string[] };
    await expect(new NFM({ ...SMALL, loss: "log" }).fit(MAPS, NAMES, { validation: held })).rejects.toThrow(
      `fit: validation.y[1] must be ${classes}, got "n"`,
    );
  });

  it("by a model that was trained with numbers, if they are strings", async () => {
    const model = await fitted(CLICKS, { loss: "log" });
    const reason =
      'y[0] must be a number, got "yes": this model was trained with numbers as labels, not with strings';
    expect(() => model.evaluate(MAPS, NAMES)).toThrow(new TypeError(`evaluate: ${reason}`));
    expect(() => model.partialFit(MAPS, NAMES)).toThrow(new TypeError(`partialFit: ${reason}`));
    await expect(model.fit(MAPS, NAMES, { resume: true })).rejects.toThrow(new TypeError(`fit: ${reason}`));
    await expect(
      new NFM({ ...SMALL, loss: "log" }).fit(MAPS, CLICKS, { validation: { x: MAPS, y: NAMES } }),
    ).rejects.toThrow(`fit: validation.${reason}`);
  });
});

describe("the start of the log loss", () => {
  const w0 = (model: NFM): number => model.tensor("bias").data[0];
  /** What a model says of a row of which it knows nothing: the random layers give it a score, too. */
  const ofNobody = (model: NFM): number => model.predict({ user: "nobody" }, { raw: true });
  const untrained = (y: Labels, run: FitOptions = RUN, options: NFMOptions = {}): Promise<NFM> =>
    fitted(y, { loss: "log", optimizer: still, ...options }, run);
  const start = (y: Labels, run?: FitOptions, options?: NFMOptions): Promise<number> =>
    untrained(y, run, options).then(ofNobody);

  it("is the log odds of the training labels, half a row more in each class", async () => {
    expect(await start(CLICKS)).toBeCloseTo(Math.log(10.5 / 20.5), 6);
    expect(await start(NAMES)).toBeCloseTo(Math.log(10.5 / 20.5), 6);
    expect(await start(CLICKS.map((click) => (click ? 1 : -1)))).toBeCloseTo(Math.log(10.5 / 20.5), 6);
    expect(await start(MAPS.map((_, i) => i % 2))).toBe(0);
  });

  it("is that of the whole network, so that w0 makes up for its random layers", async () => {
    for (const options of [
      { hiddenUnits: [] },
      { hiddenUnits: [16] },
      { hiddenUnits: [8, 8], activation: "tanh" },
    ] satisfies NFMOptions[]) {
      const model = await untrained(CLICKS, RUN, { ...options, initStd: 0 });
      const share = Math.fround(10.5 / 31);
      for (const prediction of model.predict(MAPS)) expect(prediction).toBeCloseTo(share, 7); // float32
      const isEmptyAtZero = options.hiddenUnits.length === 0;
      if (isEmptyAtZero) expect(w0(model)).toBeCloseTo(Math.log(10.5 / 20.5), 6);
      else expect(Math.abs(w0(model) - Math.log(10.5 / 20.5))).toBeGreaterThan(0.01);
    }
  });

  it("weighs rows by sampleWeight, whatever the sum of the weights", async () => {
    for (const unit of [1, 1e-6, 1000]) {
      const sampleWeight = CLICKS.map((click) => unit * (click ? 2 : 0.5)); // 20 of 30 by weight
      expect(await start(CLICKS, { ...RUN, sampleWeight })).toBeCloseTo(Math.log(20.5 / 10.5), 5);
    }
  });

  it("is 0 with raw labels, in partialFit of a new model, and for other losses", async () => {
    expect(w0(await untrained(CLICKS, RUN, { labels: "raw" }))).toBe(0);
    expect(w0(await untrained(CLICKS, RUN, { loss: "hinge" }))).toBe(0);
    const model = new NFM({ ...SMALL, loss: "log", optimizer: still });
    model.partialFit(MAPS, CLICKS);
    expect(w0(model)).toBe(0);
  });

  it("comes from the factorization machine, if there is one", async () => {
    const fm = await fitted(CLICKS, { loss: "log", hiddenUnits: [] }, { epochs: 5 });
    const model = new NFM({ ...SMALL, loss: "log", optimizer: still }).initFrom(fm);
    await model.fit(MAPS, CLICKS, RUN);
    expect(w0(model)).toBe(w0(fm));
  });

  it("is the share of taken items in a recommender", async () => {
    const model = new NFM({ ...SMALL, loss: "log", optimizer: still });
    const recommender = new Recommender(
      model,
      Array.from({ length: 9 }, (_, i) => ({ item: `i${i}` })),
    );
    const taken = MAPS.map(({ item }) => item);
    await recommender.fit(
      MAPS.map(({ user }) => ({ user })),
      taken,
      { epochs: 1, negatives: 5 },
    );
    expect(ofNobody(model)).toBeCloseTo(Math.log(30.5 / 150.5), 6);
  });

  it("is finite for a single class, which a notice names", async () => {
    for (const [y, loss, label] of [
      [MAPS.map(() => 1), "log", "1"],
      [MAPS.map(() => 0), "log", "0"],
      [MAPS.map(() => -1), "hinge", "-1"],
    ] as const) {
      const notices: Notice[] = [];
      const options = { loss, notices: true, onNotice: (notice: Notice) => notices.push(notice) };
      const model = await fitted(y, options, { epochs: 3 });
      expect(notices.filter(({ kind }) => kind !== "held-out")).toEqual([
        {
          kind: "single-class",
          message: `fit: all training rows are of one class (${label}); the model can only learn to predict this class.`,
        },
      ]);
      for (const prediction of model.predict(MAPS, { raw: true })) expect(prediction > 0).toBe(y[0] > 0);
    }
  });

  it("a notice names the class by its string", async () => {
    const notices: Notice[] = [];
    const model = new NFM({
      ...SMALL,
      loss: "log",
      notices: true,
      onNotice: (notice) => notices.push(notice),
    });
    const sampleWeight = CLICKS.map((click) => (click ? 0 : 1));
    await model.fit(MAPS, NAMES, { ...RUN, sampleWeight });
    expect(notices.find(({ kind }) => kind === "single-class")!.message).toContain('one class ("no")');
  });
});

it("the option labels is checked, and kept in the file", async () => {
  expect(() => new NFM({ labels: "scaled" as "raw" })).toThrow(
    new RangeError('NFM: labels must be one of "auto", "raw", got "scaled"'),
  );
  const prices = MAPS.map((_, i) => 1000 * i);
  for (const labels of ["auto", "raw"] as const) {
    const model = await fitted(prices, { labels });
    expect(readSafetensors(model.save()).metadata.has("labels")).toBe(labels === "auto");
    const loaded = NFM.load(model.save(), QUIET);
    await loaded.fit(MAPS, prices, RUN);
    expect(loaded.save()).toEqual(model.save());
  }
});
