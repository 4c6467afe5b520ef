// Tables with the shapes of other libraries, as far as those are used: what their methods return is copied from
// runs of apache-arrow 21, @duckdb/duckdb-wasm 1.32, arquero 7.2 and @duckdb/node-api 1.5. test/tables runs the
// libraries themselves.

import type { ArqueroTable, ArrowTable, DuckDBTable } from "../../src/index.ts";

type Values = Readonly<Record<string, readonly unknown[]>>;

/** The number of a type in Arrow's format, and what else `Vector.type` tells of it. */
interface ArrowType {
  readonly typeId: number;
  readonly precision?: number;
  readonly scale?: number;
  readonly dictionary?: ArrowType;
}

export const UTF8: ArrowType = { typeId: 5 };
export const DICTIONARY: ArrowType = { typeId: -1, dictionary: UTF8 };
export const FLOAT64: ArrowType = { typeId: 3, precision: 2 };
export const FLOAT16: ArrowType = { typeId: 3, precision: 0 };
export const INT64: ArrowType = { typeId: 2 };
export const BOOL: ArrowType = { typeId: 6 };
export const DECIMAL: ArrowType = { typeId: 7, scale: 2 };
export const DATE: ArrowType = { typeId: 8 };
export const TIMESTAMP: ArrowType = { typeId: 10 };
export const LIST: ArrowType = { typeId: 12 };
export const STRUCT: ArrowType = { typeId: 13 };

/** A vector of Apache Arrow: nulls are null; numbers without nulls are one typed array. */
export class FakeVector {
  readonly type: ArrowType;
  readonly nullCount: number;
  readonly length: number;
  readonly #values: readonly unknown[];

  constructor(values: readonly unknown[], type: ArrowType) {
    this.#values = values;
    this.type = type;
    this.nullCount = values.filter((value) => value === null).length;
    this.length = values.length;
  }

  get(row: number): unknown {
    return this.#values[row];
  }

  toArray(): unknown {
    if (this.type.typeId === 2) return BigInt64Array.from(this.#values as bigint[], (value) => value ?? 0n);
    if (this.type.typeId === 3) return Float64Array.from(this.#values as number[]);
    return this.#values.slice();
  }

  [Symbol.iterator](): Iterator<unknown> {
    return this.#values[Symbol.iterator]();
  }
}

/** A table of Apache Arrow. It can be iterated, and has a method `get`, like the real one. */
export class FakeArrow implements ArrowTable {
  readonly schema: ArrowTable["schema"];
  readonly batches: readonly unknown[] = [];
  readonly #vectors: readonly FakeVector[];

  constructor(columns: Readonly<Record<string, FakeVector>>) {
    this.schema = { fields: Object.keys(columns).map((name) => ({ name })) };
    this.#vectors = Object.values(columns);
  }

  get numRows(): number {
    return this.#vectors[0]?.length ?? 0;
  }

  getChildAt(index: number): FakeVector | null {
    return this.#vectors[index] ?? null;
  }

  get(row: number): unknown {
    return this.#vectors.map((vector) => vector.get(row));
  }

  *[Symbol.iterator](): Iterator<unknown> {
    for (let row = 0; row < this.numRows; row++) yield this.get(row);
  }
}

/** A table of Arquero. Columns are arrays, or objects with `at` and `length`. */
export class FakeArquero implements ArqueroTable {
  readonly _data: Readonly<Record<string, unknown>>;
  readonly #total: number;
  readonly #order: Uint32Array | null;
  readonly #isFiltered: boolean;

  constructor(data: Readonly<Record<string, unknown>>, total: number, order?: number[]) {
    this._data = data;
    this.#total = total;
    this.#order = order === undefined ? null : Uint32Array.from(order);
    this.#isFiltered = order !== undefined && order.length < total;
  }

  columnNames(): string[] {
    return Object.keys(this._data);
  }

  column(name: string): unknown {
    return this._data[name];
  }

  numRows(): number {
    return this.#order?.length ?? this.#total;
  }

  totalRows(): number {
    return this.#total;
  }

  isFiltered(): boolean {
    return this.#isFiltered;
  }

  isOrdered(): boolean {
    return this.#order !== null;
  }

  indices(): Uint32Array {
    return this.#order ?? Uint32Array.from({ length: this.#total }, (_, row) => row);
  }

  *[Symbol.iterator](): Iterator<unknown> {
    yield* this.indices();
  }
}

/** The reader of a DuckDB result, as `runAndReadAll` returns it. */
export class FakeDuckDBReader implements DuckDBTable {
  readonly done: boolean;
  readonly currentRowCount: number;
  readonly #columns: Values;

  constructor(columns: Values, done: boolean = true) {
    this.#columns = columns;
    this.done = done;
    this.currentRowCount = Object.values(columns)[0].length;
  }

  columnNames(): string[] {
    return Object.keys(this.#columns);
  }

  getColumnsObjectJS(): Values {
    return this.#columns;
  }
}

/** A DuckDB result whose rows have not been read, as `run` and `stream` return it. */
export class FakeDuckDBResult {
  columnNames(): string[] {
    return ["user"];
  }

  async getColumnsObjectJS(): Promise<Values> {
    return { user: ["ana"] };
  }

  async *[Symbol.asyncIterator](): AsyncIterator<unknown> {
    yield [];
  }
}
