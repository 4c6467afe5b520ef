// The events of MovieLens 100k as implicit feedback: a rating of 4 or 5 is an event. Events of a user are
// sorted by time, equal times by the number of the film. The latest event of each user with more than one is
// held out. To choose settings, the three events before it are held out instead, and the latest is left out.

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { band, readTable } from "../ml-100k.ts";

/** What a user did, in the order of time. */
export interface UserEvents {
  readonly user: string;
  /** Features of the user, without the id. */
  readonly features: { readonly age: string | null; readonly gender: string; readonly occupation: string };
  /** Films of all events before the held-out ones. */
  readonly train: readonly TimedItem[];
  /** Films of the held-out events. */
  readonly heldOut: readonly TimedItem[];
}

/** A film, and when it was rated. */
export interface TimedItem {
  readonly item: string;
  readonly time: number;
}

/** Features of a film. */
export interface Film extends Record<string, string | null | readonly string[]> {
  readonly item: string;
  readonly year: string | null;
  readonly genres: readonly string[];
}

/** An event as the recommender reads it. */
export interface Event extends Record<string, string | number | null> {
  readonly user: string;
  readonly film: string;
  readonly time: number;
}

/**
 * Reads all films.
 *
 * @param folder Folder with RecBole's ml-100k.item.
 * @returns The films, in the order of the file.
 */
export function readFilms(folder: string): Film[] {
  return readTable(folder, "ml-100k.item").map((film) => ({
    item: film.item_id,
    year: band(film.release_year, 5),
    genres: film.class.split(" ").filter((genre) => genre !== ""),
  }));
}

/**
 * Reads the events of all users with something to train on and something held out.
 *
 * @param folder Folder with RecBole's ml-100k.inter and ml-100k.user.
 * @param tune Whether the three events before the latest are held out, and the latest is left out.
 * @returns The users, in the order of their first rating in the file.
 */
export function readUsers(folder: string, tune: boolean): UserEvents[] {
  const people = new Map(readTable(folder, "ml-100k.user").map((row) => [row.user_id, row]));
  const liked = new Map<string, TimedItem[]>();
  for (const { user_id, item_id, rating, timestamp } of readTable(folder, "ml-100k.inter")) {
    if (Number(rating) < 4) continue;
    const events = liked.get(user_id) ?? [];
    events.push({ item: item_id, time: Number(timestamp) });
    liked.set(user_id, events);
  }
  const users: UserEvents[] = [];
  for (const [user, events] of liked) {
    events.sort((a, b) => a.time - b.time || Number(a.item) - Number(b.item));
    const [start, end] = tune ? [events.length - 4, events.length - 1] : [events.length - 1, events.length];
    if (start < 1) continue;
    const { age, gender, occupation } = people.get(user)!;
    users.push({
      user,
      features: { age: band(age, 5), gender, occupation },
      train: events.slice(0, start),
      heldOut: events.slice(start, end),
    });
  }
  return users;
}

/**
 * Lists events with the features of their users.
 *
 * @param users The result of `readUsers`.
 * @param part Which events.
 * @returns The events, one user behind the other, each in the order of time.
 */
export function eventsOf(users: readonly UserEvents[], part: "train" | "heldOut"): Event[] {
  return users.flatMap(({ user, features, [part]: events }) =>
    events.map(({ item, time }) => ({ user, ...features, film: item, time })),
  );
}

/**
 * Writes events for programs in other languages: train.csv and heldout.csv (user,item,time; the events of a
 * user are in the order of time), items.csv (item,year,genres; genres are separated by "|") and users.csv
 * (user,age,gender,occupation). An unknown value is an empty cell.
 *
 * @param out Folder to write to. It is made if it does not exist.
 * @param users The result of `readUsers`.
 * @param films The result of `readFilms`.
 */
export function writeEvents(out: string, users: readonly UserEvents[], films: readonly Film[]): void {
  mkdirSync(out, { recursive: true });
  const write = (name: string, header: string, rows: readonly (readonly unknown[])[]): void => {
    const cells = rows.map((row) => row.map((cell) => quoted(`${cell ?? ""}`)).join(","));
    writeFileSync(join(out, name), `${[header, ...cells].join("\n")}\n`);
  };
  for (const [name, part] of [
    ["train.csv", "train"],
    ["heldout.csv", "heldOut"],
  ] as const) {
    const rows = users.flatMap((one) => one[part].map(({ item, time }) => [one.user, item, time]));
    write(name, "user,item,time", rows);
  }
  write(
    "items.csv",
    "item,year,genres",
    films.map(({ item, year, genres }) => [item, year, genres.join("|")]),
  );
  write(
    "users.csv",
    "user,age,gender,occupation",
    users.map(({ user, features: { age, gender, occupation } }) => [user, age, gender, occupation]),
  );
}

/** A cell by RFC 4180. */
function quoted(cell: string): string {
  return /[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell;
}
