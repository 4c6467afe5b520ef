// Collects what `Sender` sends, on the training thread.

import { CSRMatrix } from "../data/csr-matrix.ts";
import type { Rows } from "../data/rows.ts";
import type { SentList, SentRows } from "./messages.ts";

/** The lists that have come. */
export class Receiver {
  readonly #lists = new Map<number, unknown[]>();

  /**
   * Adds a piece to a list.
   *
   * @param list Number of the list.
   * @param values The piece.
   */
  add(list: number, values: readonly unknown[]): void {
    const known = this.#lists.get(list);
    if (known === undefined) this.#lists.set(list, values as unknown[]);
    else for (const value of values) known.push(value);
  }

  /**
   * Takes a list out.
   *
   * @param sent What it is found by.
   * @returns The list.
   */
  list(sent: SentList): ArrayLike<unknown> {
    if ("value" in sent) return sent.value as ArrayLike<unknown>;
    const list = this.#lists.get(sent.list)!;
    this.#lists.delete(sent.list);
    return list;
  }

  /**
   * Takes rows out.
   *
   * @param sent What they are found by.
   * @returns The rows.
   */
  rows(sent: SentRows): Rows {
    if ("names" in sent) {
      return Object.fromEntries(sent.names.map((name, c) => [name, this.list(sent.columns[c])])) as Rows;
    }
    if (!("cols" in sent)) return this.list(sent) as Rows;
    const { cols, indptr, indices, values } = sent;
    const numbers = (list: SentList): never => this.list(list) as never;
    return new CSRMatrix({
      cols,
      indptr: numbers(indptr),
      indices: numbers(indices),
      ...(values === null ? {} : { values: numbers(values) }),
    });
  }
}
