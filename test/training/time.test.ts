// The option `time`: the last rows are held out. The oracle tries every cut between two different times, and
// fits with the two parts passed by hand.

import { describe, expect, it } from "vitest";
import { CSRMatrix, type FitOptions, NFM, type NFMOptions } from "../../src/index.ts";
import { PATIENCE } from "../../src/training/auto.ts";
import { splitRows } from "../../src/training/datasets/split.ts";
import { split } from "../helpers/model-files.ts";
import { PAPER } from "../helpers/paper.ts";
import { numbers } from "../reference.ts";

const ROWS = 1200;
const OPTIONS: NFMOptions = {
  ...PAPER, // in full, because defaults count held-out rows too
  ...{ embeddingDim: 3, hiddenUnits: [3], numFeatures: 20, seed: 2, notices: false },
};
const next = numbers(6);
const lists = Array.from({ length: ROWS }, () => [Math.floor(next(0, 12)), 12 + Math.floor(next(0, 8))]);
const x = CSRMatrix.fromRows(
  lists.map((indices) => ({ indices })),
  20,
);
const y = lists.map(([a, b]) => (a % 4) - (b % 3) + next(-0.5, 0.5));
const maps = lists.map(([a, b]) => ({ a: `a${a}`, b: `b${b}` }));

/** The units that the best of all cuts holds out. */
function lastOf(times: readonly number[], share: number): Set<number> {
  const wanted = Math.max(1, Math.round(times.length * share));
  const parts = [...new Set(times)].map((first) => times.flatMap((time, i) => (time >= first ? i : [])));
  const possible = parts.filter((part) => part.length < times.length);
  possible.sort((a, b) => Math.abs(a.length - wanted) - Math.abs(b.length - wanted) || a.length - b.length);
  return new Set(possible[0]);
}

describe("the rows that are held out by time", () => {
  it("are the last ones, cut where the part is nearest to the share", () => {
    const random = numbers(1);
    for (let turn = 0; turn < 300; turn++) {
      const rows = 2 + Math.floor(random(0, 30));
      const spread = Math.floor(random(1, 12));
      const times = Array.from({ length: rows }, () => Math.floor(random(-spread, spread)) / 2);
      if (new Set(times).size === 1) continue;
      const share = random(0.05, 0.6);
      const [kept, held] = splitRows("fit: ", {
        rows,
        groups: null,
        times: Float64Array.from(times),
        share,
        seed: 0,
      });
      const expected = lastOf(times, share);
      expect([...held]).toEqual([...expected].sort((a, b) => a - b));
      expect([...kept]).toEqual(times.flatMap((_, i) => (expected.has(i) ? [] : i)));
    }
  });

  it("are those of the groups with the latest last rows, if there are groups", () => {
    const random = numbers(2);
    for (let turn = 0; turn < 100; turn++) {
      const groups = Array.from({ length: 60 }, (_, i) => (i < 12 ? i : Math.floor(random(0, 12))));
      const times = groups.map(() => Math.floor(random(0, 40)));
      const last = Array.from({ length: 12 }, (_, group) => {
        return Math.max(...times.filter((_, i) => groups[i] === group));
      });
      const expected = lastOf(last, 0.3);
      const [kept, held] = splitRows("fit: ", {
        rows: 60,
        groups: Uint32Array.from(groups),
        times: Float64Array.from(times),
        share: 0.3,
        seed: 0,
      });
      expect(new Set(Array.from(held, (row) => groups[row]))).toEqual(expected);
      expect(Array.from(kept).some((row) => expected.has(groups[row]))).toBe(false);
      expect(kept.length + held.length).toBe(60);
    }
  });
});

describe("fit with time", () => {
  const shuffled = numbers(7);
  const days = y.map(() => Math.floor(shuffled(0, 400)));
  const held = lastOf(days, 0.1);
  const take = <T>(list: readonly T[], isHeld: boolean): T[] => list.filter((_, i) => held.has(i) === isHeld);
  const ids = Uint32Array.from(y.keys());

  async function result(model: NFM, rows: unknown, options: FitOptions): Promise<unknown[]> {
    const history = await model.fit(rows as CSRMatrix, y, { epochs: 30, ...options });
    return [split(model.save({ optimizer: true })).data, history.checks];
  }

  it("trains on the first rows and measures the last ones, whatever the kind of their times", async () => {
    const byHand = new NFM(OPTIONS);
    const history = await byHand.fit(x.take(ids.filter((i) => !held.has(i))), take(y, false), {
      epochs: 30,
      patience: PATIENCE,
      validation: { x: x.take(ids.filter((i) => held.has(i))), y: take(y, true) },
    });
    const tensors = split(byHand.save({ optimizer: true })).data;
    const dates = days.map((day) => new Date(Date.UTC(2020, 0, 1 + day)));
    const kinds = [
      days,
      Int32Array.from(days),
      days.map(BigInt),
      dates,
      dates.map((date) => date.toISOString()),
    ];
    const start: unknown = expect.objectContaining({ epoch: 0, step: 0, rows: 0, loss: NaN });
    for (const time of kinds) {
      // "auto" measures the model before the first step too.
      expect(await result(new NFM(OPTIONS), x, { time })).toEqual([tensors, [start, ...history.checks]]);
    }
    const share = { time: days, validation: 0.1, patience: PATIENCE };
    expect(await result(new NFM(OPTIONS), x, share)).toEqual([tensors, history.checks]);
  });

  it("takes the name of a field, of objects, of Maps and of columns", async () => {
    const options: NFMOptions = { ...OPTIONS, numFeatures: undefined };
    const expected = await result(new NFM(options), maps, { time: days });
    const day = days.map((number) => `day ${String(1000 + number)}`);
    const named = maps.map((row, i) => ({ ...row, day: day[i] }));
    const columns = { a: named.map(({ a }) => a), b: named.map(({ b }) => b), day };
    for (const rows of [named, named.map((row) => new Map(Object.entries(row))), columns]) {
      const model = new NFM({ ...options, fields: { day: "ignore" } });
      expect(await result(model, rows, { time: "day" })).toEqual(expected);
    }
  });

  it("refuses times that it cannot put in order, and names them", async () => {
    const model = new NFM(OPTIONS);
    const withBad = (bad: unknown): number[] => days.map((day, i) => (i === 5 ? (bad as number) : day));
    const kind = "a time: a number, a Date, or a text that sorts by time; all rows of one kind";
    for (const [time, error] of [
      [days.slice(1), new RangeError("fit: time.length must be the number of rows of x (1200), got 1199")],
      [withBad(NaN), new RangeError("fit: time[5] must be a finite time, got NaN")],
      [withBad("5"), new TypeError(`fit: time[5] must be ${kind}, got "5"`)],
      [withBad(undefined), new TypeError(`fit: time[5] must be ${kind}, got undefined`)],
      [true, new TypeError("fit: time must be the name of a field, or an array of times, got true")],
      ["day", new TypeError('fit: x must be feature maps with a field "day", got CSRMatrix')],
      [
        days.map(() => 1),
        new RangeError("fit: time must hold two different times, so that some rows are the last ones"),
      ],
    ] as const) {
      await expect(model.fit(x, y, { time: time as string })).rejects.toThrow(error);
    }
    await expect(model.fit(maps, y, { time: "day" })).rejects.toThrow(
      new TypeError(`fit: x[0].day must be ${kind}, got undefined`),
    );
  });
});
