// Rows that are held by column: one array of values for each field. Columns of tables are decoded when they
// are first needed, by generators that yield now and then, so that `fit` can give way to the event loop.

import { runAtOnce } from "../core/event-loop.ts";

/** A typed array of numbers or bigints. */
export type NumberArray =
  | Int8Array
  | Uint8Array
  | Uint8ClampedArray
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | Float32Array
  | Float64Array
  | BigInt64Array
  | BigUint64Array;

/** The values of one field, (rows). */
export type Column = readonly unknown[] | NumberArray;

/** Decodes a column. Yields now and then. */
export type ColumnReader = () => Generator<void, Column>;

/** Loops over the values of a column yield once per so many values. */
export const VALUES_PER_PAUSE = 1024;

/** Rows as columns of equal length. */
export class Columns {
  /** The names of the fields, each of them once. */
  readonly names: readonly string[];
  /** Number of rows. */
  readonly rows: number;
  /** The columns in the order of `names`; a reader stands for a column that is not decoded yet. */
  readonly #columns: (Column | ColumnReader)[];

  /**
   * Keeps the columns without a copy.
   *
   * @param names The names of the fields, no name twice.
   * @param columns The columns, or their readers, in the order of `names`; each (rows).
   * @param rows Number of rows.
   */
  constructor(names: readonly string[], columns: readonly (Column | ColumnReader)[], rows: number) {
    this.names = names;
    this.rows = rows;
    this.#columns = [...columns];
  }

  /**
   * The columns in the order of `names`, each (rows). Columns that are not decoded yet are decoded at once.
   */
  get data(): readonly Column[] {
    return this.names.map((_, c) => this.#decodeAtOnce(c));
  }

  /**
   * Decodes all columns. Yields now and then.
   *
   * @returns The columns in the order of `names`, each (rows).
   */
  *decode(): Generator<void, readonly Column[]> {
    const data: Column[] = [];
    for (let c = 0; c < this.names.length; c++) data.push(yield* this.#decodeOne(c));
    return data;
  }

  /**
   * Returns a column.
   *
   * @param name Name of the field.
   * @returns The values, (rows); null if there is no such field.
   */
  column(name: string): Column | null {
    const c = this.names.indexOf(name);
    return c < 0 ? null : this.#decodeAtOnce(c);
  }

  /**
   * Takes some rows. The values are read when they are first needed.
   *
   * @param numbers Numbers of the rows to take, (n).
   * @returns The rows in the order of `numbers`, (n).
   */
  take(numbers: ArrayLike<number>): Columns {
    const readers = this.names.map((_, c) => {
      const decode = (): Generator<void, Column> => this.#decodeOne(c);
      return function* () {
        return yield* gather(yield* decode(), numbers);
      };
    });
    return new Columns(this.names, readers, numbers.length);
  }

  /**
   * Leaves columns out.
   *
   * @param names The fields to leave out.
   * @returns The same rows without these fields.
   */
  without(names: ReadonlySet<string>): Columns {
    const kept = this.names.flatMap((name, c) => (names.has(name) ? [] : [c]));
    return new Columns(
      kept.map((c) => this.names[c]),
      kept.map((c) => this.#columns[c]),
      this.rows,
    );
  }

  /**
   * Copies the columns, so that later changes of their arrays have no effect. Typed arrays are not copied.
   *
   * @returns The copy.
   */
  copy(): Columns {
    const columns = this.#columns.map((column) => (Array.isArray(column) ? column.slice() : column));
    return new Columns(this.names, columns, this.rows);
  }

  /**
   * Makes one map, to read row after row through it.
   *
   * @returns A function that puts the values of a row into the map and returns it. The fields have the order
   *   of `names`.
   */
  reader(): (row: number) => ReadonlyMap<string, unknown> {
    const { names, data } = this;
    const map = new Map<string, unknown>();
    return (row) => {
      for (let c = 0; c < names.length; c++) map.set(names[c], data[c][row]);
      return map;
    };
  }

  #decodeAtOnce(c: number): Column {
    return runAtOnce(this.#decodeOne(c));
  }

  *#decodeOne(c: number): Generator<void, Column> {
    const column = this.#columns[c];
    if (typeof column !== "function") return column;
    const decoded = yield* column();
    this.#columns[c] = decoded;
    return decoded;
  }
}

/**
 * Lists the rows of columns as maps.
 *
 * @param columns The columns.
 * @returns A map for each row, (rows).
 */
export function columnRows(columns: Columns): ReadonlyMap<string, unknown>[] {
  const rowOf = columns.reader();
  return Array.from({ length: columns.rows }, (_, row) => new Map(rowOf(row)));
}

/** Copies the values of some rows. Yields now and then. */
function* gather(column: Column, numbers: ArrayLike<number>): Generator<void, Column> {
  const result = Array.isArray(column)
    ? new Array<unknown>(numbers.length)
    : new (column.constructor as new (length: number) => unknown[])(numbers.length);
  for (let i = 0; i < numbers.length; i++) {
    result[i] = column[numbers[i]];
    if (i % VALUES_PER_PAUSE === 0) yield;
  }
  return result;
}
