// Writes what a recommender knows into the file of its model. knowledge.ts reads it.

import type { UserMemory } from "../ranking/user-memory.ts";
import { ITEMS, type Knowledge, type SavedItems, type SavedOptions, USERS } from "./knowledge.ts";
import { rowToJSON, valueToJSON } from "./row-json.ts";

/**
 * Lists what a recommender adds to the file of its model.
 *
 * @param knowledge What it knows.
 * @returns Strings for the metadata, and bytes, by name.
 */
export function knowledgeToFile({ items, userField, memory, cap, counts }: Knowledge<UserMemory>): {
  metadata: ReadonlyMap<string, string>;
  blobs: ReadonlyMap<string, Uint8Array>;
} {
  const options: SavedOptions = {
    version: 1,
    ...(userField === null ? {} : { users: userField }),
    ...(items.history === null ? {} : { history: items.history.settings }),
    ...(cap === Infinity ? {} : { remember: cap }),
  };
  const { idsOption } = items;
  const saved: SavedItems = {
    rows: Array.from({ length: items.size }, (_, item) => rowToJSON(items.rowOf(item))),
    ...(idsOption === undefined
      ? {}
      : { ids: typeof idsOption === "string" ? idsOption : Array.from(idsOption, valueToJSON) }),
    listed: Array.from(items.isListed),
    counts: Array.from(counts),
  };
  return {
    metadata: new Map([["recommender", JSON.stringify(options)]]),
    blobs: new Map([
      [ITEMS, new TextEncoder().encode(JSON.stringify(saved))],
      ...(userField === null ? [] : [[USERS, memory?.toBytes() ?? new Uint8Array()] as const]),
    ]),
  };
}
