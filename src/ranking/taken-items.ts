// What a recommender needs to know of users to make a list.

/** The items that users took. */
export interface TakenItems {
  /**
   * Finds a user.
   *
   * @param id Any string.
   * @returns The number of the user; -1 if the id is not known.
   */
  numberOf(id: string): number;

  /**
   * Returns the items of a user.
   *
   * @param number The user.
   * @returns Distinct item numbers in the order of their latest events, oldest first, (items).
   */
  itemsOf(number: number): Uint32Array;
}
