// How good is NFM without options? Usage: npm run bench -- defaults [FOLDER...] [--only TEXT] [--seed 1]
// [--no-grid]. On generated tables, and on the real tables in the folders (ml-100k.inter, train.libfm,
// diamonds.csv of ggplot2, flights.csv of nycflights13), prints the test loss and the seconds of the
// constant, a linear model, a factorization machine, an NFM without options and the best of a small grid.
// Exits with 1 if NFM is worse than the constant, over 1 % worse than linear, or over 3 % worse than the best
// of the grid.

import { parseArgs } from "node:util";
import { NFM } from "../src/index.ts";
import { clicks, delays, manyLevels, noise, rarePositives } from "./defaults/clicks.ts";
import { tablesOf } from "./defaults/folders.ts";
import { lossOf } from "./defaults/measure.ts";
import { friedman, prices, small, stones } from "./defaults/surfaces.ts";
import type { Table } from "./defaults/table.ts";
import { constant, factorizationMachine, grid, linear, type Result } from "./defaults/tournament.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    only: { type: "string", default: "" },
    seed: { type: "string", default: "1" },
    grid: { type: "boolean", default: true },
  },
  allowNegative: true,
});
const seed = Number(values.seed);

/** On noise everything but luck is worse than the constant; this share of its loss is still a pass. */
const LUCK = 0.002;

const GENERATED: readonly (() => Table)[] = [
  () => clicks(seed),
  () => friedman(seed),
  () => small(seed, "log"),
  () => small(seed, "squared"),
  () => rarePositives(seed),
  () => manyLevels(seed),
  () => noise(seed, "log"),
  () => noise(seed, "squared"),
  () => prices(seed),
  () => stones(seed),
  () => delays(seed),
];

async function withoutOptions({ loss, train, test }: Table): Promise<Result> {
  const start = performance.now();
  const model = new NFM({ loss, seed });
  let note = "";
  try {
    const history = await model.fit(train.rows, train.labels);
    note = `${history.epochs.length} epochs`;
  } catch (error) {
    return { loss: Infinity, seconds: (performance.now() - start) / 1000, note: String(error) };
  }
  const seconds = (performance.now() - start) / 1000;
  return { loss: lossOf(loss, model.predict(test.rows), test.labels), seconds, note };
}

/** Prints the results of one table. Returns whether NFM without options is good enough. */
async function run(table: Table): Promise<boolean> {
  const { name, loss, train, test } = table;
  console.log(
    `\n${name}: ${train.rows.length} + ${test.rows.length} rows, ${loss === "log" ? "log loss" : "RMSE"}`,
  );
  const show = (kind: string, { loss, seconds, note }: Result): void => {
    console.log(
      `  ${kind.padEnd(20)} ${loss.toPrecision(5).padStart(9)} ${seconds.toFixed(1).padStart(7)} s  ${note}`,
    );
  };
  const print = async (kind: string, result: Result | Promise<Result>): Promise<number> => {
    const awaited = await result;
    show(kind, awaited);
    return awaited.loss;
  };
  const ofConstant = await print("constant", constant(table));
  const ofLinear = await print("linear", linear(table));
  const ofMachine = await print("FM", factorizationMachine(table));
  const ofGrid = values.grid ? await print("best of the grid", grid(table)) : Infinity;
  const ours = await print("NFM without options", withoutOptions(table));
  const limits: [string, number, number][] = [
    ["the constant", ofConstant, LUCK],
    ["linear", ofLinear, 0.01],
    ["the best of the grid", Math.min(ofGrid, ofMachine), 0.03],
  ];
  let isGood = true;
  const verdicts = limits.map(([other, theirs, limit]) => {
    const share = ours / theirs - 1;
    const isWithin = share <= limit;
    isGood &&= isWithin;
    return `${isWithin ? "PASS" : "MISS"} ${share < 0 ? "" : "+"}${(100 * share).toFixed(2)} % of ${other}`;
  });
  console.log(`  ${verdicts.join("; ")}`);
  return isGood;
}

let misses = 0;
let tables = 0;
const makers = [
  ...GENERATED,
  ...positionals.flatMap((folder) => tablesOf(folder, seed).map((table) => () => table)),
];
for (const make of makers) {
  const table = make();
  if (!table.name.includes(values.only)) continue;
  tables++;
  if (!(await run(table))) misses++;
}
console.log(`\n${tables - misses} of ${tables} tables pass`);
process.exit(misses === 0 ? 0 : 1);
