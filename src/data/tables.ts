// Turns the tables of other libraries into columns. A table is known by its methods, so no library is
// imported: Apache Arrow and flechette (DuckDB-Wasm, Polars and Parquet readers return such tables), Arquero,
// and the results of @duckdb/node-api. To know one more kind of table, add a function to `DETECTORS`.

import { describe, isArrayLike, isRecord, wrongType, wrongValue } from "../core/errors.ts";
import { type Column, type ColumnReader, Columns, type NumberArray, VALUES_PER_PAUSE } from "./columns.ts";
import { fieldPlace } from "./feature-map.ts";

/** A table of Apache Arrow or of flechette, as far as it is used. */
export interface ArrowTable {
  /** Names of the columns. */
  readonly schema: { readonly fields: readonly { readonly name: string | number }[] };
  /** Number of rows. */
  readonly numRows: number;
  /** Returns a column by its position. */
  getChildAt(index: number): unknown;
}

/** A table of Arquero, as far as it is used. */
export interface ArqueroTable {
  /** Names of the columns. */
  columnNames(): readonly string[];
  /** Number of rows that filters have left. */
  numRows(): number;
  /** Returns a column by its name, with all rows. */
  column(name: string): unknown;
  /** Number of rows before filters. */
  totalRows(): number;
  /** Whether a filter has left out rows. */
  isFiltered(): boolean;
  /** Whether the rows have an order of their own. */
  isOrdered(): boolean;
  /** Numbers of the rows that filters have left, in the order of the table. */
  indices(): ArrayLike<number>;
}

/** What `runAndReadAll` of `@duckdb/node-api` returns, as far as it is used. */
export interface DuckDBTable {
  /** Number of rows that have been read. */
  readonly currentRowCount: number;
  /** Whether all rows have been read. */
  readonly done: boolean;
  /** Returns the columns by their names, with values of JavaScript. */
  getColumnsObjectJS(): Readonly<Record<string, readonly unknown[]>>;
}

/** A table of another library, which is known by its shape. */
export type Table = ArrowTable | ArqueroTable | DuckDBTable;

/** Any object, whose properties are looked at. */
type Shape = Readonly<Record<string, unknown>>;

/** The kinds of tables. Each function returns the columns of its kind, and null for any other object. */
const DETECTORS: readonly ((table: Shape, place: string) => Columns | null)[] = [
  fromArrow,
  fromArquero,
  fromDuckDB,
];

/**
 * Reads a table of another library.
 *
 * @param x Any value.
 * @param place What errors call x.
 * @returns The columns; null if x is no table.
 * @throws TypeError or Error for a table that cannot be read, such as a result whose rows are not there yet.
 */
export function fromTable(x: unknown, place: string): Columns | null {
  if (typeof x !== "object" || x === null) return null;
  for (const detect of DETECTORS) {
    const columns = detect(x as Shape, place);
    if (columns !== null) return columns;
  }
  return null;
}

/**
 * Reads an object of columns, such as `{ user: ["ana", "bo"], price: Float64Array.of(1, 2) }`.
 *
 * @param x An object with fields.
 * @param place What errors call x.
 * @returns The columns.
 * @throws TypeError if a value is no array; RangeError that names two columns of different lengths.
 */
export function fromColumnsObject(x: Shape, place: string): Columns {
  const names = Object.keys(x);
  const first = names.find((name) => isArrayLike(x[name]));
  for (const name of names) {
    const column = x[name];
    if (first === undefined || !isArrayLike(column)) {
      const reason = "the columns of a table have one value per row; put a single row into an array";
      throw wrongType(fieldPlace(place, name), `an array or a typed array (${reason})`, column);
    }
    const { length } = x[first] as Column;
    if (column.length !== length) {
      const expected = `as long as the column ${describe(first)} (${length})`;
      throw wrongValue(`${fieldPlace(place, name)}: the column`, expected, column.length);
    }
  }
  const columns = names.map((name) => x[name] as Column);
  return new Columns(names, columns, columns[0]?.length ?? 0);
}

/** A column of Apache Arrow or flechette. */
interface Vector {
  readonly type: VectorType;
  readonly nullCount?: number;
  get(row: number): unknown;
  toArray(): unknown;
}

/** The type of a column. The numbers are those of Arrow's format (`Type` in Schema.fbs). */
interface VectorType {
  readonly typeId: number;
  /** Of floats: 0 for the 16 bits of half floats. */
  readonly precision?: number;
  /** Digits behind the point of a decimal. */
  readonly scale?: number;
  /** Type of the values of a dictionary. */
  readonly dictionary?: VectorType;
}

const DICTIONARY = -1;
const INT = 2;
const FLOAT = 3;
const DECIMAL = 7;
const DATE = 8;
const TIMESTAMP = 10;

function fromArrow(table: Shape, place: string): Columns | null {
  const { schema, numRows, getChildAt } = table as Partial<ArrowTable>;
  if (typeof getChildAt !== "function" || typeof numRows !== "number" || !Array.isArray(schema?.fields)) {
    return null;
  }
  const names = checkNames(
    schema.fields.map(({ name }) => String(name)),
    place,
  );
  const readers = names.map((_, c) => () => readVector(getChildAt.call(table, c) as Vector, numRows));
  return new Columns(names, readers, numRows);
}

/** Decodes a column of Arrow. Numbers without nulls are not copied. Yields now and then. */
function* readVector(vector: Vector, rows: number): Generator<void, Column> {
  const type = vector.type.typeId === DICTIONARY ? vector.type.dictionary! : vector.type;
  if (vector.nullCount === 0 && (type.typeId === INT || (type.typeId === FLOAT && type.precision !== 0))) {
    const numbers = vector.toArray();
    if (ArrayBuffer.isView(numbers) && (numbers as NumberArray).length === rows)
      return numbers as NumberArray;
  }
  const values = new Array<unknown>(rows);
  for (let i = 0; i < rows; i++) {
    const value = vector.get(i);
    values[i] = typeof value === "string" || value == null ? value : fromArrowValue(value, type);
    if (i % VALUES_PER_PAUSE === 0) yield;
  }
  return values;
}

/** Converts a value of Arrow, by its type, to what a field of a feature map may hold. */
function fromArrowValue(value: unknown, { typeId, scale = 0 }: VectorType): unknown {
  if (typeId === DATE || typeId === TIMESTAMP) {
    return value instanceof Date ? value : new Date(Number(value)); // milliseconds, whatever the unit is
  }
  if (typeId === DECIMAL && ArrayBuffer.isView(value)) return decimal(value as Uint32Array, scale);
  if (typeof value !== "object" || isArrayLike(value)) return value;
  const { toJSON } = value as { toJSON?: () => unknown };
  // Lists are vectors, which can be iterated. Structs and maps are not arrays, and say what they hold.
  if (typeof (value as { get?: unknown }).get === "function" && "length" in (value as object)) {
    return Array.from(value as Iterable<unknown>);
  }
  return typeof toJSON === "function" ? toJSON.call(value) : value;
}

/** Converts a decimal: an integer in two's complement, the lowest 32 bits first, over 10^scale. */
function decimal(words: Uint32Array, scale: number): number {
  let integer = 0n;
  for (let i = words.length - 1; i >= 0; i--) integer = (integer << 32n) | BigInt(words[i]);
  let power = 1;
  for (let i = 0; i < scale; i++) power *= 10;
  return Number(BigInt.asIntN(32 * words.length, integer)) / power;
}

function fromArquero(table: Shape, place: string): Columns | null {
  const { columnNames, numRows, column, indices } = table as Partial<ArqueroTable>;
  for (const method of [columnNames, numRows, column, indices]) if (typeof method !== "function") return null;
  const arquero = table as unknown as ArqueroTable;
  const names = checkNames(arquero.columnNames(), place);
  const total = arquero.totalRows();
  const columns = names.map((name) => readArquero(arquero.column(name), total));
  const all = new Columns(names, columns, total);
  return arquero.isFiltered() || arquero.isOrdered() ? all.take(arquero.indices()) : all;
}

/** Reads a column of Arquero: an array, or an object with a method that returns the value of a row. */
function readArquero(column: unknown, rows: number): Column | ColumnReader {
  if (Array.isArray(column)) return column.slice();
  if (isArrayLike(column)) return column as Column;
  const { at, get } = column as Readonly<Record<"at" | "get", (row: number) => unknown>>;
  const valueAt = typeof at === "function" ? at : get;
  return function* () {
    const values = new Array<unknown>(rows);
    for (let i = 0; i < rows; i++) {
      values[i] = valueAt.call(column, i);
      if (i % VALUES_PER_PAUSE === 0) yield;
    }
    return values;
  };
}

function fromDuckDB(table: Shape, place: string): Columns | null {
  const { getColumnsObjectJS, currentRowCount, done } = table as Partial<DuckDBTable>;
  if (typeof getColumnsObjectJS !== "function") return null;
  if (typeof currentRowCount !== "number") {
    const remedy = "await result.getColumnsObjectJS(), or use connection.runAndReadAll";
    throw new Error(`${place}: the rows of this DuckDB result have not been read; ${remedy}`);
  }
  if (done === false) {
    const remedy = "await reader.readAll() first";
    throw new Error(`${place}: only ${currentRowCount} rows of this DuckDB result have been read; ${remedy}`);
  }
  const columns = getColumnsObjectJS.call(table);
  if (!isRecord(columns)) throw wrongType(`${place}.getColumnsObjectJS()`, "an object of columns", columns);
  return fromColumnsObject(columns, place);
}

/** Refuses names that occur twice: a field has one value per row. */
function checkNames(names: readonly string[], place: string): readonly string[] {
  if (new Set(names).size === names.length) return names;
  const twice = names.find((name, c) => names.indexOf(name) !== c);
  throw wrongValue(`${place}: names of columns`, "different from each other", twice);
}
