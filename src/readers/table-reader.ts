// The object that `readCSV` and `readJSONL` return: it reads its source row by row, block by block, into
// rows, or into columns.

import { Pacer } from "../core/event-loop.ts";
import { ByteLines } from "./byte-lines.ts";
import { ColumnsBuilder, type LabelColumn, LabelsBuilder, nulls } from "./columns-builder.ts";
import type { Source } from "./source.ts";
import type { TableBlock, TableParser } from "./table-block.ts";

/** One row of a table: its values by the name of the column. */
export type TableRow<Value> = Record<string, Value>;

/** A table as rows. */
export interface TableRows<Value, Y> {
  /** The rows, without the label; (rows). */
  x: TableRow<Value>[];
  /**
   * The labels, (rows): numbers if every label is a finite number, otherwise strings. Null without `label`.
   */
  y: Y;
}

/** A table as columns. */
export interface TableColumns<Value, Y> {
  /** The columns by name, without the label; each is an array of (rows) values. A missing value is null. */
  x: Record<string, (Value | null)[]>;
  /**
   * The labels, (rows): numbers if every label is a finite number, otherwise strings. Null without `label`.
   */
  y: Y;
}

/**
 * Reads a table. Nothing is read before rows are asked for. A stream can be read once. Text, bytes, a Blob,
 * an array of chunks and a function that opens the table can be read again and again.
 */
export interface TableReader<Value, Y = LabelColumn | null> extends AsyncIterable<TableRow<Value>> {
  /** Whether the table can be read more than once. */
  readonly repeatable: boolean;
  /**
   * Reads row by row, in constant memory. With the option `label`, a row holds its label under the label's
   * name.
   */
  [Symbol.asyncIterator](): AsyncGenerator<TableRow<Value>, void, undefined>;
  /**
   * Reads all rows.
   *
   * @returns The rows and the labels.
   * @throws RangeError that names the line; Error if the source is a stream that was read before.
   */
  rows(): Promise<TableRows<Value, Y>>;
  /**
   * Reads all rows into columns, which takes less time and memory than rows.
   *
   * @returns The columns and the labels.
   * @throws As `rows`.
   */
  columns(): Promise<TableColumns<Value, Y>>;
  /**
   * Reads block by block, in constant memory: some hundred or thousand rows at a time, as columns. Each block
   * has all columns that came so far, in the order in which they came. Labels are numbers up to the first
   * block with a label that is no finite number. From this block on, and when the table is read again, they
   * are strings.
   */
  blocks(): AsyncGenerator<TableColumns<Value, Y>, void, undefined>;
}

/** Reads a source with a parser. */
export class ParsingReader<Value> implements TableReader<Value> {
  readonly #place: string;
  readonly #source: Source;
  readonly #makeParser: () => TableParser<Value>;
  /** Names of the columns that `blocks` has met. */
  readonly #names = new Set<string>();
  /** Whether all labels that `blocks` has met are numbers. */
  #labelsAreNumbers = true;
  #wasRead = false;

  /**
   * @param place What errors start with.
   * @param source The source.
   * @param makeParser Makes the parser of one reading.
   */
  constructor(place: string, source: Source, makeParser: () => TableParser<Value>) {
    this.#place = place;
    this.#source = source;
    this.#makeParser = makeParser;
  }

  get repeatable(): boolean {
    return this.#source.repeatable;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<TableRow<Value>, void, undefined> {
    for await (const block of this.#blocks()) for (const row of block.rows(true)) yield row;
  }

  async rows(): Promise<TableRows<Value, LabelColumn | null>> {
    const x: TableRow<Value>[] = [];
    let labels: LabelsBuilder | null = null;
    for await (const block of this.#blocks()) {
      for (const row of block.rows(false)) x.push(row);
      if (block.labels !== null) (labels ??= new LabelsBuilder()).add(block.labels);
    }
    return { x, y: labels && labels.build() };
  }

  async columns(): Promise<TableColumns<Value, LabelColumn | null>> {
    const columns = new ColumnsBuilder<Value>();
    let labels: LabelsBuilder | null = null;
    for await (const block of this.#blocks()) {
      columns.add(block);
      if (block.labels !== null) (labels ??= new LabelsBuilder()).add(block.labels);
    }
    return { x: columns.build(), y: labels && labels.build() };
  }

  async *blocks(): AsyncGenerator<TableColumns<Value, LabelColumn | null>, void, undefined> {
    for await (const block of this.#blocks()) {
      if (block.size > 0)
        yield { x: this.#columnsOf(block), y: block.labels && this.#labelsOf(block.labels) };
    }
  }

  /** The columns of a block, and columns without values for the names that only other blocks have. */
  #columnsOf(block: TableBlock<Value>): Record<string, (Value | null)[]> {
    const columns = block.columns();
    for (const name of columns.keys()) this.#names.add(name);
    return Object.fromEntries(
      Array.from(this.#names, (name): [string, (Value | null)[]] => {
        return [name, (columns.get(name) as (Value | null)[] | undefined) ?? nulls(block.size)];
      }),
    );
  }

  #labelsOf(labels: readonly unknown[]): LabelColumn {
    const builder = new LabelsBuilder(this.#labelsAreNumbers);
    builder.add(labels);
    const column = builder.build();
    this.#labelsAreNumbers = column instanceof Float64Array;
    return column;
  }

  /** Reads the source block by block. There is at least one block, which may be empty. */
  async *#blocks(): AsyncGenerator<TableBlock<Value>, void, undefined> {
    if (this.#wasRead && !this.#source.repeatable) {
      throw new Error(
        `${this.#place}: the source is a stream and has been read; pass a function that opens it, such as ` +
          "() => createReadStream(path)",
      );
    }
    this.#wasRead = true;
    const parser = this.#makeParser();
    const lines = new ByteLines(this.#place, parser.loneCR);
    const pacer = new Pacer();
    for await (const piece of this.#source.open()) {
      lines.append(piece);
      yield* parseLines(parser, lines, false);
      if (pacer.due) await pacer.rest();
    }
    yield* parseLines(parser, lines, true);
    parser.finish();
    yield parser.take();
  }
}

/** Parses the lines that are there. An error comes behind the rows before it. */
function* parseLines<Value>(
  parser: TableParser<Value>,
  lines: ByteLines,
  ended: boolean,
): Generator<TableBlock<Value>, void> {
  const whole = lines.take(ended, parser.line);
  if (whole === null) return;
  try {
    lines.release(parser.parse(whole, ended));
  } catch (error) {
    yield parser.take();
    throw error;
  }
  yield parser.take();
}
