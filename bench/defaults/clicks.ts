// Generated tables of events: clicks with planted interactions, rare positives, many levels, noise, and
// something like delays of flights. Labels are 0 or 1, except for noise with the squared loss.

import { Draws, divide, effects, makeRows, type Row, type Table } from "./table.ts";

/**
 * Clicks on ads, which depend on pairs: the taste of a user's group for a kind of ad, the hour on a device.
 */
export function clicks(seed: number): Table {
  const draws = new Draws(seed, 1);
  const [users, ads, sites] = [2000, 500, 200];
  const user = effects(seed, 1, users, 0.5);
  const ad = effects(seed, 2, ads, 0.5);
  const site = effects(seed, 3, sites, 0.3);
  const taste = effects(seed, 4, 8 * 10, 0.9);
  const rhythm = effects(seed, 5, 24 * 4, 0.5);
  const all = makeRows(80_000, () => {
    const [u, a, s, h, d] = [
      draws.skewed(users),
      draws.skewed(ads),
      draws.skewed(sites),
      draws.below(24),
      draws.below(4),
    ];
    const row: Row = { user: `u${u}`, ad: `a${a}`, site: `s${s}`, hour: `h${h}`, device: `d${d}` };
    const logit = -1.5 + user[u] + ad[a] + site[s] + taste[(u % 8) * 10 + (a % 10)] + rhythm[h * 4 + d];
    return [row, draws.happens(logit)];
  });
  return { name: "clicks, planted pairs", loss: "log", ...divide(all, 20_000, seed) };
}

/** One row of a hundred is positive. */
export function rarePositives(seed: number): Table {
  const draws = new Draws(seed, 2);
  const [pages, places] = [1000, 50];
  const page = effects(seed, 11, pages, 0.7);
  const place = effects(seed, 12, places, 0.5);
  const pair = effects(seed, 13, 10 * places, 0.5);
  const all = makeRows(150_000, () => {
    const [p, q, age] = [draws.skewed(pages), draws.below(places), draws.uniform()];
    const row: Row = {
      page: `p${p}`,
      place: `q${q}`,
      age: Math.round(18 + 60 * age),
      new: draws.below(2) === 1,
    };
    const logit = -5.3 + page[p] + place[q] + pair[(p % 10) * places + q] + 2 * age * age;
    return [row, draws.happens(logit)];
  });
  return { name: "1 % positives", loss: "log", ...divide(all, 50_000, seed) };
}

/** A field with 200,000 levels of two rows each, one of them sometimes a test row, beside small fields. */
export function manyLevels(seed: number): Table {
  const draws = new Draws(seed, 3);
  const levels = 200_000;
  const level = effects(seed, 21, levels, 0.6);
  const kind = effects(seed, 22, 40, 0.6);
  const pair = effects(seed, 23, 40 * 6, 0.4);
  let next = 0;
  const all = makeRows(2 * levels, () => {
    const [id, k, c] = [next++ >> 1, draws.skewed(40), draws.below(6)];
    const size = draws.normal();
    const row: Row = { id: `id${id}`, kind: `k${k}`, channel: `c${c}`, size };
    return [row, draws.happens(-0.8 + level[id] + kind[k] + pair[k * 6 + c] + 0.4 * size)];
  });
  return { name: "200,000 levels, two rows each", loss: "log", ...divide(all, 80_000, seed) };
}

/** Labels that nothing can predict. */
export function noise(seed: number, loss: "log" | "squared"): Table {
  const draws = new Draws(seed, 4);
  const all = makeRows(30_000, () => {
    const row: Row = {
      a: `a${draws.skewed(3000)}`,
      b: `b${draws.below(30)}`,
      c: draws.normal(),
      d: draws.uniform(),
    };
    return [row, loss === "log" ? draws.happens(-0.85) : 50 + 10 * draws.normal()];
  });
  return { name: `noise, ${loss} loss`, loss, ...divide(all, 10_000, seed) };
}

/** Something like late flights: many levels, effects of single days, and routes that fix other fields. */
export function delays(seed: number): Table {
  const draws = new Draws(seed, 5);
  const [carriers, airports, planes, numbers] = [16, 105, 3900, 3700];
  const carrier = effects(seed, 31, carriers, 0.3);
  const airport = effects(seed, 32, airports, 0.25);
  const plane = effects(seed, 33, planes, 0.2);
  const number = effects(seed, 34, numbers, 0.35);
  const date = effects(seed, 35, 12 * 31, 0.75);
  const month = effects(seed, 36, 12, 0.3);
  const way = effects(seed, 37, 3 * 24, 0.2);
  const all = makeRows(100_000, () => {
    const n = draws.skewed(numbers); // the number of a flight fixes its carrier, its way and nearly its hour
    const c = Math.floor((carriers * ((n * 7919) % numbers)) / numbers);
    const [from, to] = [(n * 31) % 3, Math.floor(airports * (((n * 104_729) % numbers) / numbers) ** 1.5)];
    const hour = 5 + (((n * 13) % 17) + draws.below(2));
    const p = Math.floor(((c + draws.uniform()) * planes) / carriers);
    const [m, d] = [draws.below(12), draws.below(31)];
    const distance = 150 + 22 * ((to * 37) % airports) + 12 * from;
    const row: Row = {
      month: `m${m}`,
      day: `d${d}`,
      hour: `h${hour}`,
      carrier: `c${c}`,
      flight: `f${n}`,
      plane: `p${p}`,
      origin: `o${from}`,
      destination: `t${to}`,
      distance,
    };
    const when = month[m] + date[m * 31 + d] + 0.09 * (hour - 14) + way[from * 24 + hour];
    return [
      row,
      draws.happens(-1.45 + when + carrier[c] + airport[to] + plane[p] + number[n] - distance / 8000),
    ];
  });
  return { name: "delays of flights (generated)", loss: "log", ...divide(all, 20_000, seed) };
}
