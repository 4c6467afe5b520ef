// Writes kernel calls down as commands for a team of threads, split into parts by ranges of rows or columns
// of what they write. Calls that can follow one another without waiting for the other parts form a group. The
// team runs a group when the next call needs its results, or when the caller asks for them (`settle`).

import type { SparseBatch } from "../kernels.ts";
import type { Team } from "./team.ts";

/**
 * What the calls of a group have in common.
 *
 * - "rows": part p writes the same rows of every output, and reads only these rows of other outputs.
 * - "columns": the same with columns.
 * - "sums": sums over rows. No call of the group reads what another one writes.
 * - "tables": the gradients of the tables and the steps of the optimizer. Part p writes the same rows of the
 *   gradient of every table. The gradients of other parameters were computed by groups before.
 */
type Group = "rows" | "columns" | "sums" | "tables";

/** How a call is split: the first row or column of each part, and behind them the end. */
type Bounds = readonly number[];

/** Writes kernel calls down for a team. */
export class Recorder {
  readonly #team: Team;
  /** Functions with the names of the real ones, which write a command. */
  readonly functions: Readonly<Record<string, (...args: number[]) => void>>;
  #group: Group | null = null;
  /** The range of rows or columns that all calls of the group have; 0 to 0: they may differ. */
  #start = 0;
  #end = 0;
  /** Even parts of ranges that were needed lately. */
  readonly #known: { readonly start: number; readonly end: number; readonly bounds: Bounds }[] = [];
  /** How the touched features of batches are split: shares of them, found for one batch in `SAME_SHARES`. */
  #shares: readonly number[] = [];
  #sharesLeft = 0;
  /** How the touched features are split in the present group. */
  #touchedBounds: Bounds | null = null;
  /** The part for which calls are being written. */
  #part = 0;

  /**
   * Makes the functions.
   *
   * @param team The team.
   * @param names The names of the functions.
   */
  constructor(team: Team, names: readonly string[]) {
    this.#team = team;
    const functions = names.map((name, i) => {
      const id = i + 1;
      // Parameters with defaults, because an array of arguments would take longer than the rest.
      const write = (
        a = 0,
        b = 0,
        c = 0,
        d = 0,
        e = 0,
        f = 0,
        g = 0,
        h = 0,
        i = 0,
        j = 0,
        k = 0,
        l = 0,
        m = 0,
      ): void => team.write(this.#part, id, a, b, c, d, e, f, g, h, i, j, k, l, m);
      return [name, write] as const;
    });
    this.functions = Object.fromEntries(functions);
  }

  /** Runs all calls so far. */
  settle(): void {
    this.#group = null;
    if (this.#team.isEmpty) return;
    this.#team.run();
  }

  /** Forgets all calls that have not run. */
  reset(): void {
    this.#group = null;
    this.#team.count = 0;
  }

  /**
   * Writes a call of one function down, in one piece per part.
   *
   * @param group The group that the call belongs to.
   * @param start First row or column to split.
   * @param end The one behind the last.
   * @param call Makes the call for a range of rows or columns.
   * @param touched For calls with one row per touched feature, from the first one on: the batch, or null if
   *   the call has none.
   */
  add(
    group: Group,
    start: number,
    end: number,
    call: (from: number, to: number) => void,
    touched?: SparseBatch | null,
  ): void {
    const alike = group === "rows" || group === "columns";
    this.#enter(group, alike ? start : 0, alike ? end : 0);
    let bounds: Bounds;
    if (touched === undefined) bounds = this.#evenBounds(start, end);
    else
      bounds = this.#touchedBounds ??= touched
        ? this.#boundsOfTouched(touched)
        : this.#evenBounds(start, end);
    for (let part = 0; part < this.#team.size; part++) {
      const [from, to] = [bounds[part], bounds[part + 1]];
      this.#part = part;
      if (from < to) call(from, to);
      else this.#team.writeNothing(part);
    }
    this.#team.count++;
  }

  /** Writes a call down that the last part runs. */
  addWhole(group: Group, call: () => void): void {
    this.#enter(group, 0, 0);
    const last = this.#team.size - 1;
    for (let part = 0; part < last; part++) this.#team.writeNothing(part);
    this.#part = last;
    call();
    this.#team.count++;
  }

  /** Continues the present group if `start` and `end` are the same. Else runs it and begins another one. */
  #enter(group: Group, start: number, end: number): void {
    const continues = group === this.#group && start === this.#start && end === this.#end;
    if (continues && this.#team.hasRoom) return;
    this.settle();
    this.#group = group;
    this.#start = start;
    this.#end = end;
    this.#touchedBounds = null;
  }

  /** Parts of the touched features with about the same work. Batches of the same data are alike. */
  #boundsOfTouched(batch: SparseBatch): Bounds {
    if (this.#sharesLeft === 0) {
      this.#shares = sharesOf(batch, this.#team.size);
      this.#sharesLeft = SAME_SHARES;
    }
    this.#sharesLeft--;
    return this.#shares.map((share) => Math.floor(share * batch.touchedCount));
  }

  /** Parts of equal size. They begin at multiples of 4: vectors have four floats, products four rows. */
  #evenBounds(start: number, end: number): Bounds {
    for (let i = 0; i < this.#known.length; i++) {
      const known = this.#known[i];
      if (known.start === start && known.end === end) return known.bounds;
    }
    const parts = this.#team.size;
    const size = (end - start) / (4 * parts);
    const bounds = Array.from({ length: parts }, (_, part) => start + Math.floor(size * part) * 4);
    bounds.push(end);
    if (this.#known.length === 16) this.#known.length = 0;
    this.#known.push({ start, end, bounds });
    return bounds;
  }
}

/** Work of the optimizer for a touched feature, in the work of one entry in the gradient. */
const ROW_WORK = 10;

/** Number of batches that are split by the same shares. */
const SAME_SHARES = 32;

/**
 * Finds parts of the touched features with equal work. The first features of a batch often have most entries.
 *
 * @returns Where each part begins, and the end, as shares of the touched features from 0 to 1.
 */
function sharesOf({ rows, indptr, slots, touchedCount }: SparseBatch, parts: number): number[] {
  const entries = new Uint32Array(touchedCount);
  for (let p = 0; p < indptr[rows]; p++) entries[slots[p]]++;
  const total = indptr[rows] + ROW_WORK * touchedCount;
  const shares = [0];
  let done = 0;
  for (let t = 0; t < touchedCount; t++) {
    if (done >= (total * shares.length) / parts) shares.push(t / touchedCount);
    done += ROW_WORK + entries[t];
  }
  while (shares.length <= parts) shares.push(1);
  return shares;
}
