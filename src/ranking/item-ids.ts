// The ids of the items of a catalog, and the lists of such ids that users pass. Inside the library, items are
// numbered from 0 in the order of the catalog.

import { describe, isArrayLike, wrongType, wrongValue } from "../core/errors.ts";
import { checkId, type Id, type IdsOption, readField } from "../data/ids.ts";
import { type CheckedRows, countRows, needsEncoder } from "../data/rows.ts";

/** The ids of a catalog. */
export class ItemIds {
  /** The id of each item, (items). */
  readonly ids: readonly Id[];
  readonly #numbers: ReadonlyMap<Id, number>;

  /**
   * Reads the ids of a catalog.
   *
   * @param items The rows of the items.
   * @param option The option `ids`: the name of a field, or one id per item, (items). Undefined: the field
   *   "item"; for sparse rows their numbers.
   * @throws TypeError or RangeError that names an item without an id, or with the id of another item.
   */
  constructor(items: CheckedRows, option: IdsOption | undefined) {
    const ids = readItemIds(items, option);
    const numbers = new Map<Id, number>();
    ids.forEach((id, i) => {
      const other = numbers.get(id);
      if (other !== undefined) {
        const place = `Recommender: items[${i}] must have an id of its own`;
        throw new RangeError(`${place}, got ${describe(id)}, as items[${other}] has`);
      }
      numbers.set(id, i);
    });
    this.ids = Object.freeze(ids);
    this.#numbers = numbers;
  }

  /**
   * Finds the item with an id.
   *
   * @param id Any value.
   * @param place What errors call it.
   * @returns The number of the item.
   * @throws TypeError if it is no id; RangeError if no item has it.
   */
  numberOf(id: unknown, place: string): number {
    const number = this.#numbers.get(checkId(id, place));
    if (number === undefined) throw this.#unknown(id, place);
    return number;
  }

  /**
   * Reads the item of each event.
   *
   * @param items Ids, (events).
   * @param events Number of events.
   * @param place What errors call the ids.
   * @returns The number of each event's item, (events).
   * @throws TypeError or RangeError that names the event.
   */
  readAll(items: unknown, events: number, place: string): Uint32Array {
    if (!isArrayLike(items)) throw wrongType(place, "an array of item ids", items);
    if (items.length !== events) {
      throw wrongValue(`${place}.length`, `the number of rows of contexts (${events})`, items.length);
    }
    return Uint32Array.from({ length: events }, (_, i) => this.numberOf(items[i], `${place}[${i}]`));
  }

  /**
   * Reads items to leave out of a list.
   *
   * @param ids Ids, in any iterable. An id that the catalog has in the other kind is always an error, because
   *   7 would not leave out "7".
   * @param place What errors call the ids.
   * @param unknownIds What happens with an id that is not in the catalog, such as that of an item that is no
   *   longer sold.
   * @returns The numbers of the items.
   * @throws TypeError or RangeError that names the id.
   */
  readExcluded(ids: unknown, place: string, unknownIds: "ignore" | "error"): ReadonlySet<number> {
    const iterate = (ids as Iterable<unknown> | null | undefined)?.[Symbol.iterator] as unknown;
    if (typeof ids === "string" || typeof iterate !== "function") {
      throw wrongType(place, "an array or set of item ids", ids);
    }
    const numbers = new Set<number>();
    let i = 0;
    for (const given of ids as Iterable<unknown>) {
      const at = `${place}[${i++}]`;
      const id = checkId(given, at);
      const number = this.#numbers.get(id);
      if (number !== undefined) numbers.add(number);
      else if (unknownIds === "error") throw this.#unknown(id, at);
      else this.#checkKind(id, at);
    }
    return numbers;
  }

  /** Refuses an unknown id whose other form, a string or a number, is in the catalog. */
  #checkKind(id: Id, place: string): void {
    const other = typeof id === "number" ? String(id) : Number(id);
    if (String(other) !== String(id) || !this.#numbers.has(other)) return;
    throw wrongType(place, `a ${typeof other}, as it is in the catalog`, id);
  }

  #unknown(id: unknown, place: string): RangeError {
    const items = `${this.ids.length} items, such as ${describe(this.ids[0])}`;
    return wrongValue(place, `the id of an item of the catalog (${items})`, id);
  }
}

/** Reads the id of each item: from a field, from an array, or its number. */
function readItemIds(items: CheckedRows, ids: IdsOption | undefined): Id[] {
  if (typeof ids === "string" || (ids === undefined && needsEncoder(items))) {
    return readField(items, ids ?? "item", "Recommender: items", "ids");
  }
  const rows = countRows(items);
  if (ids === undefined) return Array.from({ length: rows }, (_, i) => i);
  if (!isArrayLike(ids)) throw wrongType("Recommender: ids", "the name of a field, or an array of ids", ids);
  if (ids.length !== rows)
    throw wrongValue("Recommender: ids.length", `the number of items (${rows})`, ids.length);
  return Array.from(ids, (id, i) => checkId(id, `Recommender: ids[${i}]`));
}
