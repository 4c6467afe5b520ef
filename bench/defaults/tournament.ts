// What NFM without options is measured against, on one table: the constant, a linear model, a factorization
// machine and the best of a small grid. Each is chosen on a fifth of the training rows and then trained on
// all of them; the constant has nothing to choose.

import { sigmoid } from "../../src/core/math.ts";
import { learnEncoding, type Numbers } from "./encoded.ts";
import { fitPath, linearScores } from "./linear.ts";
import { lossOf } from "./measure.ts";
import { divide, type Table } from "./table.ts";
import { type Encoded, type Settings, train } from "./tuned.ts";

/** The result of one kind of model. */
export interface Result {
  /** Test loss: log loss, or RMSE in the unit of the labels. */
  readonly loss: number;
  readonly seconds: number;
  /** What was chosen. */
  readonly note: string;
}

/** A table whose training rows are divided and encoded in one way. */
interface Prepared {
  readonly part: Encoded;
  readonly valid: Encoded;
  readonly all: Encoded;
  readonly test: Encoded;
}

/** A point of the grid: settings, and how numbers are encoded. */
interface Point {
  readonly name: string;
  readonly numbers: Numbers;
  readonly settings: Settings;
}

const KNOTS = 32;

const point = (
  name: string,
  numbers: Numbers,
  embeddingDim: number,
  hiddenUnits: readonly number[],
  dropout: readonly [biInteraction: number, hidden: number],
  learningRate: number,
  more: Partial<Settings> = {},
): Point => {
  const [biInteraction, hidden] = dropout;
  const settings = { embeddingDim, hiddenUnits, dropout: { biInteraction, hidden }, learningRate, ...more };
  return { name, numbers, settings };
};

/** The factorization machines that are tried. */
const MACHINES: readonly Point[] = [
  point("k 16, knots", "knots", 16, [], [0, 0], 0.05),
  point("k 16, standard", "standard", 16, [], [0, 0], 0.05),
  point("k 16, standard, dropout .5", "standard", 16, [], [0.5, 0], 0.02),
];

/** The NFMs that are tried. */
const GRID: readonly Point[] = [
  point("k 32, [64]", "knots", 32, [64], [0, 0], 0.05),
  point("k 32, [64], lr .02", "knots", 32, [64], [0, 0], 0.02),
  point("k 64, [64], dropout .2", "knots", 64, [64], [0.2, 0], 0.05),
  point("k 64, [64, 32], lr .02, dropout .2", "knots", 64, [64, 32], [0.2, 0], 0.02),
  point("k 16, [32], dropout .5, .2", "knots", 16, [32], [0.5, 0.2], 0.05),
  point("k 16, [32], standard", "standard", 16, [32], [0, 0], 0.02),
  point("k 16, [32], standard, dropout .5, .2", "standard", 16, [32], [0.5, 0.2], 0.02),
  point("k 32, [64], both, dropout .1, G 1e-5", "both", 32, [64], [0.1, 0], 0.05, {
    initialAccumulator: 1e-5,
  }),
  point("k 64, [64], both, dropout .1, G 1e-5, no norm", "both", 64, [64], [0.1, 0], 0.05, {
    ...{ initialAccumulator: 1e-5, batchNorm: false },
  }),
  point("k 64, [64], dropout .5, .2, batch norm", "knots", 64, [64], [0.5, 0.2], 0.05, { batchNorm: true }),
];

/** The mean label as the prediction of every row. */
export function constant({ loss, train, test }: Table): Result {
  const mean = train.labels.reduce((sum, value) => sum + value, 0) / train.labels.length;
  return {
    loss: lossOf(
      loss,
      test.labels.map(() => mean),
      test.labels,
    ),
    seconds: 0,
    note: "",
  };
}

/** Logistic or ridge regression on standardized numbers. */
export function linear(table: Table): Result {
  const start = performance.now();
  const { loss } = table;
  const { part, valid, all, test } = prepare(table, "standard");
  const measure = (rows: Encoded, model: Parameters<typeof linearScores>[1]): number => {
    const scores = linearScores(rows.x, model);
    return lossOf(loss, loss === "log" ? scores.map(sigmoid) : scores, rows.y);
  };
  let [best, bestPenalty] = [Infinity, 0];
  for (const { penalty, model } of fitPath(loss, part.x, part.y)) {
    const now = measure(valid, model);
    if (now > best * 1.002) break;
    if (now < best) [best, bestPenalty] = [now, penalty];
  }
  let result = Infinity;
  for (const { model } of fitPath(loss, all.x, all.y, bestPenalty)) result = measure(test, model);
  return { loss: result, seconds: (performance.now() - start) / 1000, note: `L2 ${bestPenalty}` };
}

/** The best of the factorization machines. */
export function factorizationMachine(table: Table): Promise<Result> {
  return bestOf(table, MACHINES);
}

/** The best of the grid, factorization machines included. */
export function grid(table: Table): Promise<Result> {
  return bestOf(table, GRID);
}

async function bestOf(table: Table, points: readonly Point[]): Promise<Result> {
  const start = performance.now();
  const prepared = new Map<Numbers, Prepared>();
  let best: { loss: number; steps: number; point: Point } | null = null;
  for (const point of points) {
    const data = prepared.get(point.numbers) ?? prepare(table, point.numbers);
    prepared.set(point.numbers, data);
    const { loss, steps } = await train(table.loss, data.part, data.valid, point.settings);
    if (best === null || loss < best.loss) best = { loss, steps, point };
  }
  const { steps, point } = best!;
  const { part, all, test } = prepared.get(point.numbers)!;
  const batchSize = point.settings.batchSize ?? 128;
  const epochs = steps / Math.ceil(part.x.rows / batchSize);
  // As many passes over all rows as the part had: the larger data get more steps.
  const trained = await train(
    table.loss,
    all,
    Math.round(epochs * Math.ceil(all.x.rows / batchSize)),
    point.settings,
  );
  const loss = lossOf(table.loss, trained.predict(test.x), test.y);
  const seconds = (performance.now() - start) / 1000;
  return { loss, seconds, note: `${point.name}, ${epochs.toFixed(1)} epochs` };
}

/** Holds out a fifth of the training rows. The encoding that is trained on all rows is of all rows. */
function prepare({ train, test }: Table, numbers: Numbers): Prepared {
  const { train: part, test: valid } = divide(train, Math.round(train.rows.length / 5), 2);
  const encodePart = learnEncoding(part.rows, numbers, KNOTS);
  const encodeAll = learnEncoding(train.rows, numbers, KNOTS);
  return {
    part: { x: encodePart(part.rows), y: part.labels },
    valid: { x: encodePart(valid.rows), y: valid.labels },
    all: { x: encodeAll(train.rows), y: train.labels },
    test: { x: encodeAll(test.rows), y: test.labels },
  };
}
