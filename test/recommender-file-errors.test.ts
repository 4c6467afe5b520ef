// Damaged files of recommenders are refused by name, and whatever byte of one changes, both readers agree.

import { describe, expect, it } from "vitest";
import { NFM, Recommender } from "../src/index.ts";
import { RecommenderPredictor } from "../src/predict.ts";
import { type Header, split } from "./helpers/model-files.ts";

const MAPS = Array.from({ length: 3 }, (_, i) => ({ item: `i${i}`, kind: `k${i % 2}` }));

const SMALL = new Recommender(
  new NFM({ loss: "softmax", hiddenUnits: [], embeddingDim: 3, seed: 5, notices: false }),
  MAPS,
  { users: "user", history: {} },
);
await SMALL.fit(
  Array.from({ length: 8 }, (_, e) => ({ user: `u${e % 6}`, new: e % 2 === 0 })),
  Array.from({ length: 8 }, (_, e) => `i${e % 3}`),
  { epochs: 2 },
);

type Lists = Pick<RecommenderPredictor, "recommend">;

/** The lists of known users, of an unknown one and of nobody as text, with all digits of the scores. */
function listsOf(recommender: Lists): string {
  const contexts = ["u0", "u5", "nobody", null].map((user) => ({ user, new: true }));
  return JSON.stringify([
    recommender.recommend(contexts),
    recommender.recommend([...contexts, { user: null }], { repeat: true }),
  ]);
}

/** Writes a file, the offsets as its entries say. */
function join(header: object, data: Uint8Array): Uint8Array {
  const json = new TextEncoder().encode(JSON.stringify(header));
  const bytes = new Uint8Array(8 + json.length + data.length);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(json.length), true);
  bytes.set(json, 8);
  bytes.set(data, 8 + json.length);
  return bytes;
}

const FILE = SMALL.save({ optimizer: false });
const PARTS = split(FILE);

/** The file with other bytes in the place of some; null: without them. */
function withBytes(name: string, bytes: Uint8Array | null): Uint8Array {
  const { __metadata__, ...entries } = PARTS.header;
  const header = { __metadata__ } as Header;
  const data: number[] = [];
  for (const [own, entry] of Object.entries(entries)) {
    const part = own === name ? bytes : PARTS.data.slice(...(entry.data_offsets as [number, number]));
    if (part === null) continue;
    const shape = own === name ? [part.length] : entry.shape;
    header[own] = { ...entry, shape, data_offsets: [data.length, data.length + part.length] };
    data.push(...part);
  }
  return join(header, Uint8Array.from(data));
}

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);

const GOOD = { rows: MAPS, listed: [1, 1, 1], counts: [1, 2, 3] };

const withItems = (changes: object): Uint8Array =>
  withBytes("recommender.items", utf8(JSON.stringify({ ...GOOD, ...changes })));

const withOptions = (text: string | null): Uint8Array => {
  const { recommender: _, ...metadata } = PARTS.header.__metadata__;
  return join(
    { ...PARTS.header, __metadata__: text === null ? metadata : { ...metadata, recommender: text } },
    PARTS.data,
  );
};

const BROKEN: [what: string, file: Uint8Array, message: string | RegExp][] = [
  ["no recommender", withOptions(null), "the file holds a model without a recommender"],
  ["options that are no JSON", withOptions("{"), "__metadata__.recommender is not JSON"],
  [
    "options that are a list",
    withOptions("[]"),
    "__metadata__.recommender must be an object, got array of 0",
  ],
  ["options that are null", withOptions("null"), "__metadata__.recommender must be an object, got null"],
  ["an option too many", withOptions('{"version":1,"x":2}'), '__metadata__.recommender has no option "x"'],
  [
    "no version",
    withOptions("{}"),
    "__metadata__.recommender.version must be 1; a newer release may read it",
  ],
  ["another version", withOptions('{"version":2}'), "__metadata__.recommender.version must be 1"],
  [
    "a number as users",
    withOptions('{"version":1,"users":3}'),
    "__metadata__.recommender.users must be the name of",
  ],
  [
    "remember 0",
    withOptions('{"version":1,"remember":0}'),
    "__metadata__.recommender.remember must be an integer",
  ],
  [
    "remember null",
    withOptions('{"version":1,"remember":null}'),
    "__metadata__.recommender.remember must be an",
  ],
  [
    "history null",
    withOptions('{"version":1,"history":null}'),
    "__metadata__.recommender.history must be an object",
  ],
  [
    "a decay of 2",
    withOptions('{"version":1,"history":{"decay":2}}'),
    "__metadata__.recommender.history.decay must",
  ],
  [
    "a field of no item",
    withOptions('{"version":1,"history":{"fields":["x"]}}'),
    'recommender.items: Recommender: history.fields names "x"',
  ],
  ["no items", withBytes("recommender.items", null), 'the bytes "recommender.items" are missing'],
  ["no users", withBytes("recommender.users", null), 'the bytes "recommender.users" are missing'],
  ["empty items", withBytes("recommender.items", new Uint8Array()), "recommender.items is not JSON"],
  [
    "items that are no UTF-8",
    withBytes("recommender.items", Uint8Array.of(123, 255, 125)),
    "recommender.items is not JSON",
  ],
  [
    "items that are a text",
    withBytes("recommender.items", utf8('"rows"')),
    'recommender.items must be an object, got "rows"',
  ],
  ["an item key too many", withItems({ more: 1 }), 'recommender.items has no option "more"'],
  [
    "no rows",
    withItems({ rows: [], listed: [], counts: [] }),
    "recommender.items: Recommender: items must hold at least one",
  ],
  ["rows that are no list", withItems({ rows: {} }), "recommender.items.rows must be an array of items"],
  [
    "a row that is null",
    withItems({ rows: [MAPS[0], null, MAPS[2]] }),
    "recommender.items.rows[1] must be an object, got null",
  ],
  [
    "an id twice",
    withItems({ rows: [MAPS[0], MAPS[1], MAPS[0]] }),
    "recommender.items: Recommender: items[2] must have an id of its own",
  ],
  [
    "a row without an id",
    withItems({ rows: [MAPS[0], {}, MAPS[2]] }),
    "recommender.items: Recommender: items[1].item must be an id",
  ],
  [
    "too few ids",
    withItems({ ids: ["a"] }),
    "recommender.items: Recommender: ids.length must be the number of items (3), got 1",
  ],
  [
    "an id that is a list",
    withItems({ ids: ["a", ["b"], "c"] }),
    "recommender.items: Recommender: ids[1] must be an id",
  ],
  [
    "ids that are a number",
    withItems({ ids: 3 }),
    "recommender.items: Recommender: ids must be the name of a field",
  ],
  [
    "ids that are null",
    withItems({ ids: null }),
    "recommender.items: Recommender: ids must be the name of a field",
  ],
  [
    "too few of listed",
    withItems({ listed: [1, 1] }),
    "recommender.items.listed must be an array with a number per item (3)",
  ],
  ["no listed", withItems({ listed: undefined }), "recommender.items.listed must be an array"],
  [
    "a 2 in listed",
    withItems({ listed: [1, 2, 1] }),
    "recommender.items.listed[1] must be a number as written, got 2",
  ],
  ["too many counts", withItems({ counts: [1, 2, 3, 4] }), "recommender.items.counts must be an array"],
  ["a count of -1", withItems({ counts: [1, -1, 1] }), "recommender.items.counts[1] must be"],
  ["half a count", withItems({ counts: [1, 0.5, 1] }), "recommender.items.counts[1] must be"],
  ["a count that is text", withItems({ counts: [1, "1", 1] }), "recommender.items.counts[1] must be"],
  ["a user cut off", withBytes("recommender.users", Uint8Array.of(9, 98, 255)), /recommender\.users/],
  [
    "a user's item beyond the catalog",
    withBytes("recommender.users", Uint8Array.of(5, 98, 255, 0, 8, 3)),
    /recommender\.users/,
  ],
  [
    "a huge record of a user",
    withBytes("recommender.users", new Uint8Array(64).fill(255)),
    /recommender\.users/,
  ],
  [
    "users of another type",
    join(
      { ...PARTS.header, "recommender.users": { ...PARTS.header["recommender.users"], dtype: "I8" } },
      PARTS.data,
    ),
    'tensor "recommender.users" must have dtype',
  ],
  [
    "a length that overflows",
    join(
      { ...PARTS.header, "recommender.users": { dtype: "U8", shape: [2 ** 53], data_offsets: [0, 2 ** 53] } },
      PARTS.data,
    ),
    /must be an array of sizes|must start at/,
  ],
];

/** What loading and the lists do: the lists, or the message of the error, which must be one of the library's. */
function outcome(load: () => Lists): string {
  let stage = "load: ";
  try {
    const recommender = load();
    stage = "Recommender";
    return listsOf(recommender);
  } catch (error) {
    const { message } = error as Error;
    if (!message.startsWith(stage))
      throw new Error(`a message of another kind: ${message}`, { cause: error });
    return message;
  }
}

const loadBoth = (file: Uint8Array): [whole: string, served: string] => [
  outcome(() => Recommender.load(file, { backend: "js", notices: false })),
  outcome(() => RecommenderPredictor.load(file, { backend: "js", notices: false })),
];

describe("a file with", () => {
  it.each(BROKEN)("%s is refused by both readers", (_, file, message) => {
    for (const read of [Recommender, RecommenderPredictor]) {
      expect(() => read.load(file)).toThrow(message);
      expect(() => read.load(file)).toThrow(/^load: /);
    }
  });

  it("the same parts written by another writer is the same recommender", () => {
    expect(loadBoth(join(PARTS.header, PARTS.data))).toEqual([listsOf(SMALL), listsOf(SMALL)]);
    const ids = { ids: ["x", 7, { bigint: "7" }] };
    expect(Recommender.load<unknown>(withItems(ids)).ids).toEqual(["x", 7, 7n]);
  });

  it("lists in lists ever deeper is refused when it is used, and not by a full stack", () => {
    const deep = `${"[".repeat(50_000)}${"]".repeat(50_000)}`;
    const rows = JSON.stringify(GOOD).replace('"k1"', deep);
    for (const text of loadBoth(withBytes("recommender.items", utf8(rows))))
      expect(text).toMatch(/^(load|Recommender): /);
  });

  it("any byte of its parts changed or lost is refused, or makes whole lists that both readers agree on", () => {
    const start = FILE.length - PARTS.data.length;
    const header = new TextDecoder().decode(FILE.subarray(8, start));
    const options = 8 + header.indexOf('"recommender"');
    const spans = [
      [options, options + JSON.stringify(PARTS.header.__metadata__["recommender"]).length + 16],
      [8 + header.indexOf('"recommender.items"'), start],
      [start + PARTS.header["recommender.items"].data_offsets[0], FILE.length],
    ];
    let [refused, read] = [0, 0];
    for (const [from, to] of spans) {
      for (let at = from; at < to; at++) {
        const value = [FILE[at] ^ 1, FILE[at] ^ 16, 0x22, 0x7d, 0xff, -1][at % 6];
        const changed = value < 0 ? Uint8Array.of(...FILE.slice(0, at), ...FILE.slice(at + 1)) : FILE.slice();
        if (value >= 0) changed[at] = value;
        const [whole, served] = loadBoth(changed);
        if (whole.startsWith("load: ")) refused++;
        else expect(served).toBe(whole);
        if (!served.startsWith("load: ")) read++;
      }
    }
    expect(refused).toBeGreaterThan(100);
    expect(read).toBeGreaterThan(20);
  });
});
