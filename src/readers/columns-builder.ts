// Joins the blocks of a table: columns of equal length, and labels.

import type { TableBlock } from "./table-block.ts";

/** A column of labels: numbers if every label is a finite number, otherwise strings. */
export type LabelColumn = Float64Array | string[];

/**
 * A decimal number, with spaces around it allowed. Other texts that `Number` reads, such as "" and "0x1f",
 * are none.
 */
const DECIMAL = /^\s*[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?\s*$/i;

/** Collects columns. */
export class ColumnsBuilder<Value> {
  readonly #blocks = new Map<string, (readonly (Value | null)[])[]>();
  #size = 0;

  /** Adds the rows of a block. A column that is not in it gets nulls. */
  add(block: TableBlock<Value>): void {
    const columns = block.columns();
    for (const [name, values] of columns) {
      const blocks = this.#blocks.get(name);
      if (blocks === undefined) this.#blocks.set(name, [nulls(this.#size), values]);
      else blocks.push(values);
    }
    for (const [name, blocks] of this.#blocks) if (!columns.has(name)) blocks.push(nulls(block.size));
    this.#size += block.size;
  }

  /** Names of the columns so far. */
  get names(): string[] {
    return [...this.#blocks.keys()];
  }

  /**
   * Joins the blocks, which are let go.
   *
   * @param names The columns, in order.
   * @returns The columns by name; each has a value for every row.
   */
  build(names: readonly string[] = this.names): Record<string, (Value | null)[]> {
    const joined = names.map((name): [string, (Value | null)[]] => {
      const blocks = this.#blocks.get(name) ?? [nulls(this.#size)];
      this.#blocks.delete(name);
      return [name, ([] as (Value | null)[]).concat(...blocks)];
    });
    return Object.fromEntries(joined); // "__proto__" is a column like any other
  }
}

/** A column without values. */
export function nulls(size: number): null[] {
  return new Array<null>(size).fill(null);
}

/** Collects labels. */
export class LabelsBuilder {
  #numbers = new Float64Array(1024);
  #areNumbers: boolean;
  readonly #texts: string[] = [];

  /** @param mayBeNumbers Whether labels that are numbers become numbers. Default: true. */
  constructor(mayBeNumbers: boolean = true) {
    this.#areNumbers = mayBeNumbers;
  }

  /** Adds labels: strings, numbers or booleans. */
  add(labels: readonly unknown[]): void {
    for (const label of labels) {
      const size = this.#texts.length;
      this.#texts.push(String(label));
      if (!this.#areNumbers) continue;
      const number = numberOf(label);
      this.#areNumbers = Number.isFinite(number);
      if (size === this.#numbers.length) {
        const larger = new Float64Array(2 * size);
        larger.set(this.#numbers);
        this.#numbers = larger;
      }
      this.#numbers[size] = number;
    }
  }

  /** Returns all labels. */
  build(): LabelColumn {
    return this.#areNumbers ? this.#numbers.slice(0, this.#texts.length) : this.#texts;
  }
}

function numberOf(label: unknown): number {
  if (typeof label === "number") return label;
  return typeof label === "string" && DECIMAL.test(label) ? Number(label) : NaN;
}
