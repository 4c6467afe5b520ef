// The items of a recommender: their rows and ids, which of them are in the catalog today, and their
// features as candidates and in histories. Numbers of items never change, so that what was
// remembered of users stays valid. Changes make a new object.

import { describe } from "../core/errors.ts";
import { type CheckedRows, copyRows, fieldsOf } from "../data/checked-rows.ts";
import { Columns } from "../data/columns.ts";
import type { Id, IdsOption } from "../data/ids.ts";
import { checkRows } from "../data/rows.ts";
import { rowOf, type SparseRows } from "../data/sparse-row.ts";
import { Catalog } from "../ranking/catalog.ts";
import { HistoryItems, type HistorySettings } from "../ranking/history.ts";
import { ItemIds } from "../ranking/item-ids.ts";

/** What items are made from. */
interface ItemParts {
  /** Every row, those that have left the catalog included, (n). */
  readonly rows: CheckedRows;
  readonly ids: IdsOption | undefined;
  readonly history: HistorySettings | null;
  /** 1 for an item that is in the catalog, 0 for one that has left it, (n). */
  readonly isListed: Uint8Array;
}

/** The items of a recommender. */
export class Items {
  readonly rows: CheckedRows;
  readonly ids: ItemIds;
  /** The items as candidates. */
  readonly catalog: Catalog;
  /** The items as they appear in histories; null: contexts have no histories. */
  readonly history: HistoryItems | null;
  /** The field names of the items; none for sparse rows. */
  readonly fields: ReadonlySet<string>;
  readonly isListed: Uint8Array;
  /** The option `ids`: the name of a field, or the ids; undefined: the default. */
  readonly idsOption: IdsOption | undefined;
  /** The ids of the items in the catalog, in their order. */
  readonly listed: readonly (Id | bigint)[];

  /**
   * Makes items from rows that have been checked, see `read`.
   *
   * @param parts What they are made from.
   * @throws TypeError or RangeError that names an item without an id, or with the id of another item.
   */
  constructor(parts: ItemParts) {
    const { rows, ids, history, isListed } = parts;
    this.rows = rows;
    this.ids = new ItemIds(rows, ids);
    this.catalog = new Catalog(rows, "Recommender: items");
    this.history = history && new HistoryItems(rows, this.ids.ids, history);
    this.fields = new Set(fieldsOf(rows));
    for (const field of this.history?.fields ?? []) {
      if (!this.fields.has(field)) continue;
      const reason = "which is the name of a history; give it another name";
      throw new RangeError(`Recommender: items have the field ${describe(field)}, ${reason}`);
    }
    this.isListed = isListed;
    this.idsOption = ids;
    this.listed = Object.freeze(this.ids.ids.filter((_, i) => isListed[i] === 1));
  }

  /**
   * Reads a catalog.
   *
   * @param items The rows of the items, at least one.
   * @param ids The option `ids`.
   * @param history How histories become features; null: not at all.
   * @param isListed 1 for an item that is in the catalog, 0 for one that has left it, (items); null: all are
   *   in it. Default: null.
   * @returns The items.
   * @throws TypeError or RangeError that names an item without an id, or with the id of another item.
   */
  static read(
    items: unknown,
    ids: IdsOption | undefined,
    history: HistorySettings | null,
    isListed: Uint8Array | null = null,
  ): Items {
    const rows = copyRows(checkRows(items, "Recommender: items"));
    const count = new Catalog(rows, "Recommender: items").size;
    return new Items({ rows, ids, history, isListed: isListed ?? new Uint8Array(count).fill(1) });
  }

  /** Number of items, those that have left the catalog included. */
  get size(): number {
    return this.isListed.length;
  }

  /**
   * Refuses a context with a field of the items, because the model would learn to recognize the taken item by
   * it, or with a field of histories.
   *
   * @param context Rows or one row, of any form. Sparse rows have no field names, and are not checked.
   * @param place What errors call it.
   * @throws RangeError that names the field.
   */
  checkContext(context: unknown, place: string): void {
    for (const field of fieldsOf(context)) {
      const got = `${place} has the field ${describe(field)}`;
      if (this.fields.has(field)) {
        const remedy = "a context holds what all items share: leave it out, or give it another name";
        throw new RangeError(`${got}, which is one of the items'; ${remedy}`);
      }
      if (this.history?.fields.has(field)) {
        throw new RangeError(`${got}, which the recommender makes itself; pass the option history instead`);
      }
    }
  }

  /** Returns the row of an item as the catalog has it. */
  rowOf(item: number): unknown {
    const { rows } = this;
    if (Array.isArray(rows)) return rows[item];
    if (rows instanceof Columns) return Object.fromEntries(rows.reader()(item));
    return rowOf(rows as SparseRows, item);
  }
}
