// Real tables from folders on the command line: MovieLens 100k (RecBole's files), Frappe (train.libfm,
// valid.libfm), diamonds (diamonds.csv of ggplot2) and flights (flights.csv of nycflights13).

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { randomKey, randomPermutation } from "../../src/core/random.ts";
import { band, isML100k, readTable } from "../ml-100k.ts";
import { divide, type LabeledTable, makeRows, type Row, STREAM, type Table } from "./table.ts";

/** The tables of a folder. @throws Error if the folder has none that is known. */
export function tablesOf(folder: string, seed: number): Table[] {
  if (isML100k(folder)) return [ratings(folder, seed)];
  if (existsSync(join(folder, "train.libfm"))) return [frappe(folder, seed)];
  if (existsSync(join(folder, "diamonds.csv"))) return [diamonds(folder, seed)];
  if (existsSync(join(folder, "flights.csv"))) return [flights(folder, seed)];
  const known = "ml-100k.inter, train.libfm, diamonds.csv or flights.csv";
  throw new Error(`${folder} must hold one of ${known}`);
}

function ratings(folder: string, seed: number): Table {
  const users = new Map(readTable(folder, "ml-100k.user").map((row) => [row.user_id, row]));
  const items = new Map(readTable(folder, "ml-100k.item").map((row) => [row.item_id, row]));
  const lines = readTable(folder, "ml-100k.inter");
  let next = 0;
  const all = makeRows(lines.length, () => {
    const { user_id, item_id, rating } = lines[next++];
    const [person, film] = [users.get(user_id), items.get(item_id)];
    const row: Row = {
      user: `u${user_id}`,
      item: `i${item_id}`,
      age: Number(person?.age),
      gender: person?.gender,
      occupation: person?.occupation,
      year: band(film?.release_year ?? "", 5),
      genres: (film?.class ?? "").split(" ").filter((genre) => genre !== ""),
    };
    return [row, Number(rating)];
  });
  return { name: "MovieLens 100k ratings", loss: "squared", ...divide(all, 20_000, seed) };
}

/** A random part of Frappe: all of it takes minutes. */
function frappe(folder: string, seed: number): Table {
  const read = (name: string): LabeledTable => {
    const lines = readFileSync(join(folder, name), "utf8").trim().split("\n");
    let next = 0;
    return makeRows(lines.length, () => {
      const [label, ...entries] = lines[next++].trim().split(" ");
      const row: Row = {};
      entries.forEach((entry, field) => (row[`field${field}`] = `f${entry.split(":")[0]}`));
      return [row, Number(label) > 0 ? 1 : 0];
    });
  };
  const train = divide(read("train.libfm"), 0, seed, 60_000).train;
  const test = divide(read("valid.libfm"), 20_000, seed).test;
  return { name: "Frappe, 60,000 rows", loss: "log", train, test };
}

/**
 * The cells of a simple CSV file by column name: no quoted cell has a delimiter or a line end in it.
 *
 * @param most The largest number of lines; of a longer file a random part is read.
 */
function readSimpleCSV(path: string, seed: number, most: number): Record<string, string>[] {
  const [header, ...lines] = readFileSync(path, "utf8").trim().split(/\r?\n/);
  const cells = (line: string): string[] => line.split(",").map((cell) => cell.replace(/^"|"$/g, ""));
  const names = cells(header);
  const order = randomPermutation(randomKey(seed, STREAM.rows), lines.length).subarray(0, most);
  return Array.from(order, (i) => {
    const values = cells(lines[i]);
    return Object.fromEntries(names.map((name, column) => [name, values[column]]));
  });
}

function diamonds(folder: string, seed: number): Table {
  const lines = readSimpleCSV(join(folder, "diamonds.csv"), seed, Infinity);
  let next = 0;
  const all = makeRows(lines.length, () => {
    const { cut, color, clarity, carat, depth, table, x, y, z, price } = lines[next++];
    const numbers = Object.entries({ carat, depth, table, x, y, z }).map(([name, cell]) => [
      name,
      Number(cell),
    ]);
    return [{ cut, color, clarity, ...Object.fromEntries(numbers) }, Number(price)];
  });
  return { name: "diamonds", loss: "squared", ...divide(all, all.rows.length - 40_000, seed) };
}

function flights(folder: string, seed: number): Table {
  const lines = readSimpleCSV(join(folder, "flights.csv"), seed, 125_000).filter(
    ({ arr_delay }) => Number.isFinite(Number.parseFloat(arr_delay)), // "NA": cancelled
  );
  let next = 0;
  const all = makeRows(lines.length, () => {
    const { month, day, hour, carrier, flight, tailnum, origin, dest, distance, arr_delay } = lines[next++];
    const when: Row = { month: `m${month}`, day: `d${day}`, hour: `h${hour}` };
    const row: Row = {
      ...when,
      carrier,
      flight: `f${flight}`,
      tailnum,
      origin,
      dest,
      distance: Number(distance),
    };
    return [row, Number(arr_delay) > 15 ? 1 : 0];
  });
  return { name: "flights", loss: "log", ...divide(all, 40_000, seed, 80_000) };
}
