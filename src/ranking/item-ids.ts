// The ids of the items of a catalog, and the lists of such ids that users pass. Inside the library, items are
// numbered from 0 in the order of the catalog.

import { describe, isArrayLike, wrongType, wrongValue } from "../core/errors.ts";
import { type CheckedRows, countRows, needsEncoder } from "../data/checked-rows.ts";
import { checkId, type Id, type IdsOption, readField } from "../data/ids.ts";

/** The ids of a catalog. */
export class ItemIds {
  /** The id of each item, (items). */
  readonly ids: readonly (Id | bigint)[];
  /** Whether ids are compared as text, because they come from a field, where 7 and "7" are the same. */
  readonly isText: boolean;
  readonly #numbers: ReadonlyMap<Id | bigint, number>;

  /**
   * Reads the ids of a catalog.
   *
   * @param items The rows of the items.
   * @param option The option `ids`: the name of a field, or one id per item, (items). Undefined: the field
   *   "item"; for sparse rows their numbers.
   * @throws TypeError or RangeError that names an item without an id, or with the id of another item.
   */
  constructor(items: CheckedRows, option: IdsOption | undefined) {
    this.isText = typeof option === "string" || (option === undefined && needsEncoder(items));
    const ids = this.isText
      ? readField(items, typeof option === "string" ? option : "item", "Recommender: items", "ids")
      : readItemIds(items, option);
    const numbers = new Map<Id | bigint, number>();
    ids.forEach((id, i) => {
      const key = this.#keyOf(id);
      const other = numbers.get(key);
      if (other !== undefined) {
        const place = `Recommender: items[${i}] must have an id of its own`;
        throw new RangeError(`${place}, got ${describe(id)}, as items[${other}] has`);
      }
      numbers.set(key, i);
    });
    this.ids = Object.freeze(ids);
    this.#numbers = numbers;
  }

  /**
   * Finds the item with an id.
   *
   * @param id An id.
   * @returns The number of the item; undefined if no item has it.
   */
  find(id: Id | bigint): number | undefined {
    return this.#numbers.get(this.#keyOf(id));
  }

  /**
   * Finds the item with an id, and throws if there is none.
   *
   * @param id Any value.
   * @param place What errors call it.
   * @returns The number of the item.
   * @throws TypeError if it is no id; RangeError if no item has it.
   */
  numberOf(id: unknown, place: string): number {
    const number = this.#numbers.get(this.#keyOf(checkId(id, place)));
    if (number === undefined) throw this.#unknown(id, place);
    return number;
  }

  /**
   * Reads a list of ids, some of which may not be in the catalog.
   *
   * @param ids Ids, in any iterable. If the ids of the catalog come from an array, an id that the catalog has
   *   in the other kind is always an error, because 7 would not leave out "7".
   * @param place What errors call the ids.
   * @param unknownIds What happens with an id that is not in the catalog, such as that of an item that is no
   *   longer sold.
   * @returns The numbers of the items, in the order of the ids.
   * @throws TypeError or RangeError that names the id.
   */
  readSome(ids: unknown, place: string, unknownIds: "ignore" | "error"): number[] {
    const iterate = (ids as Iterable<unknown> | null | undefined)?.[Symbol.iterator] as unknown;
    if (typeof ids === "string" || typeof iterate !== "function") {
      throw wrongType(place, "an array or set of item ids", ids);
    }
    const numbers: number[] = [];
    let i = 0;
    for (const given of ids as Iterable<unknown>) {
      const at = `${place}[${i++}]`;
      const id = checkId(given, at);
      const number = this.#numbers.get(this.#keyOf(id));
      if (number !== undefined) numbers.push(number);
      else if (unknownIds === "error") throw this.#unknown(id, at);
      else this.#checkKind(id, at);
    }
    return numbers;
  }

  /** The form of an id in which ids are compared. */
  #keyOf(id: Id | bigint): Id | bigint {
    return this.isText ? String(id) : id;
  }

  /** Refuses an unknown id whose other form, a string, a number or a bigint, is in the catalog. */
  #checkKind(id: Id | bigint, place: string): void {
    const number = Number(id);
    const others = [String(id), number, ...(Number.isSafeInteger(number) ? [BigInt(number)] : [])];
    const other = others.find((form) => String(form) === String(id) && this.#numbers.has(form));
    if (other !== undefined) throw wrongType(place, `a ${typeof other}, as it is in the catalog`, id);
  }

  #unknown(id: unknown, place: string): RangeError {
    const items = `${this.ids.length} items, such as ${describe(this.ids[0])}`;
    return wrongValue(place, `the id of an item of the catalog (${items})`, id);
  }
}

/** Reads the id of each item from an array. Without an array it is the number of the item. */
function readItemIds(items: CheckedRows, ids: IdsOption | undefined): (Id | bigint)[] {
  const rows = countRows(items);
  if (ids === undefined) return Array.from({ length: rows }, (_, i) => i);
  if (!isArrayLike(ids)) throw wrongType("Recommender: ids", "the name of a field, or an array of ids", ids);
  if (ids.length !== rows)
    throw wrongValue("Recommender: ids.length", `the number of items (${rows})`, ids.length);
  return Array.from(ids, (id, i) => checkId(id, `Recommender: ids[${i}]`));
}
