// Generated tables with numbers: the surface of Friedman (1991, "Multivariate Adaptive Regression Splines",
// section 4.3), a few hundred rows, prices with a heavy tail, and something like prices of diamonds.

import { exp, log } from "../../src/core/math.ts";
import { Draws, divide, effects, makeRows, type Row, type Table } from "./table.ts";

/** Friedman's surface of ten numbers, five of which do nothing, and two categories, one of which bends it. */
export function friedman(seed: number): Table {
  const draws = new Draws(seed, 6);
  const region = effects(seed, 41, 12, 2);
  const slope = effects(seed, 42, 4, 4);
  const all = makeRows(16_000, () => {
    const x = Array.from({ length: 10 }, () => draws.uniform());
    const [r, k] = [draws.below(12), draws.below(4)];
    const row: Row = Object.fromEntries(x.map((value, i) => [`x${i + 1}`, value]));
    row.region = `r${r}`;
    row.kind = `k${k}`;
    const surface = 10 * Math.sin(Math.PI * x[0] * x[1]) + 20 * (x[2] - 0.5) ** 2 + 10 * x[3] + 5 * x[4];
    return [row, surface + region[r] + slope[k] * x[3] + draws.normal()];
  });
  return { name: "Friedman's surface", loss: "squared", ...divide(all, 4000, seed) };
}

/** 500 training rows of numbers, categories and a list, with missing values. */
export function small(seed: number, loss: "log" | "squared"): Table {
  const draws = new Draws(seed, 7);
  const plan = effects(seed, 51, 5, 0.8);
  const city = effects(seed, 52, 40, 0.4);
  const topic = effects(seed, 53, 12, 0.4);
  const all = makeRows(3500, () => {
    const [p, c, age, spent] = [draws.below(5), draws.skewed(40), draws.normal(), exp(draws.normal())];
    const topics = Array.from({ length: 1 + draws.below(3) }, () => draws.below(12));
    const unique = Array.from(new Set(topics));
    const row: Row = {
      plan: `p${p}`,
      city: `c${c}`,
      spent: 20 * spent,
      topics: unique.map((t) => `t${t}`),
    };
    if (draws.uniform() > 0.1) row.age = 40 + 12 * age;
    const sum = unique.reduce((total, t) => total + topic[t], 0);
    const score = plan[p] + city[c] + sum + 0.7 * age - 0.5 * log(spent) + (p === 0 ? 0.6 * age : 0);
    return [row, loss === "log" ? draws.happens(score - 0.3) : 100 + 15 * (score + draws.normal())];
  });
  return { name: `500 rows, ${loss} loss`, loss, ...divide(all, 3000, seed) };
}

/** Prices from about 1,000 to 100,000: effects multiply, and so does the noise. */
export function prices(seed: number): Table {
  const draws = new Draws(seed, 8);
  const brand = effects(seed, 61, 60, 0.4);
  const model = effects(seed, 62, 600, 0.25);
  const region = effects(seed, 63, 20, 0.1);
  const all = makeRows(30_000, () => {
    const [m, r, age, size] = [
      draws.skewed(600),
      draws.below(20),
      15 * draws.uniform(),
      exp(0.3 * draws.normal()),
    ];
    const row: Row = {
      brand: `b${m % 60}`,
      model: `m${m}`,
      region: `r${r}`,
      age,
      power: Math.round(110 * size),
    };
    if (draws.uniform() > 0.05) row.distance = Math.round(15_000 * age * exp(0.4 * draws.normal()));
    const level = 9.6 + brand[m % 60] + model[m] + region[r] - 0.12 * age + 1.2 * log(size);
    return [row, exp(level + 0.25 * draws.normal())];
  });
  return { name: "prices with a heavy tail", loss: "squared", ...divide(all, 10_000, seed) };
}

/** Something like diamonds: numbers that nearly repeat each other, and prices that grow with their powers. */
export function stones(seed: number): Table {
  const draws = new Draws(seed, 9);
  const grades = (n: number, step: number): number[] => Array.from({ length: n }, (_, i) => step * i);
  const [cut, color, clarity] = [grades(5, 0.035), grades(7, 0.085), grades(8, 0.14)];
  const all = makeRows(50_000, () => {
    const carat = Math.round(100 * Math.min(4, Math.max(0.2, exp(-0.4 + 0.58 * draws.normal())))) / 100;
    const [q, c, l] = [4 - draws.skewed(5), draws.below(7), draws.skewed(8)];
    const depth = Math.round(617 + 14 * draws.normal()) / 10;
    const round = (value: number): number => Math.round(100 * value) / 100;
    const side = 6.45 * exp(log(carat) / 3) * (1 + 0.004 * draws.normal());
    const row: Row = {
      cut: `cut${q}`,
      color: `color${c}`,
      clarity: `clarity${l}`,
      carat,
      depth,
      table: Math.round(57.5 + 2.2 * draws.normal()),
      x: round(side * (1 + 0.005 * draws.normal())),
      y: round(side * (1 + 0.005 * draws.normal())),
      z: round((side * depth) / 100),
    };
    const steps = Math.floor(2 * carat) * 0.06; // prices jump at half and whole carats
    const power = 1.75 + 0.04 * l - 0.02 * c;
    const level = 7.75 + power * log(carat) + steps + cut[q] - color[c] + clarity[l] + 0.09 * draws.normal();
    return [row, Math.min(18_900, exp(level))];
  });
  return { name: "prices of stones (generated)", loss: "squared", ...divide(all, 10_000, seed) };
}
