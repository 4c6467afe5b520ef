// The users of a file as serving reads them: they have taken what the memory that wrote the file remembers.

import { describe, expect, it } from "vitest";
import { SavedUsers } from "../../src/ranking/saved-users.ts";
import { UserMemory } from "../../src/ranking/user-memory.ts";

const LARGEST = 2 ** 31 - 1;

const seeded = (seed: number): ((n: number) => number) => {
  let state = seed;
  return (n) => Math.floor((n * (state = (Math.imul(state, 1664525) + 1013904223) >>> 0)) / 2 ** 32);
};

/** Bytes of numbers, 7 bits each, lowest first. */
function leb(...numbers: number[]): number[] {
  return numbers.flatMap((number) => {
    const bytes: number[] = [];
    for (; number >= 128; number = Math.floor(number / 128)) bytes.push((number % 128) + 128);
    return [...bytes, number];
  });
}

/** The bytes of a file with these records. */
const fileOf = (...records: number[][]): Uint8Array =>
  Uint8Array.from(records.flatMap((record) => [...leb(record.length), ...record]));

const utf8 = (text: string): number[] => [...new TextEncoder().encode(text)];

/** Checks that the file of a memory tells of each user what the user took, and of nobody else. */
function expectUsers(
  memory: UserMemory,
  users: ReadonlyMap<string, readonly number[]>,
  numItems: number,
): void {
  const saved = new SavedUsers(memory.toBytes(), numItems);
  const found = new Set<number>();
  for (const [id, items] of users) {
    const number = saved.numberOf(id);
    if (number < 0) throw new Error(`user ${JSON.stringify(id)} is not found`);
    found.add(number);
    expect([...saved.itemsOf(number)]).toEqual(items);
    expect(saved.itemsOf(number)).toEqual(memory.itemsOf(memory.numberOf(id)));
  }
  expect(found.size).toBe(users.size);
  for (const id of ["nobody", "", "u", "u-1", "\u0000", "__proto__"])
    if (!users.has(id)) expect(saved.numberOf(id)).toBe(-1);
}

describe("the users of a file", () => {
  it.each([
    [1, 50, 300],
    [2, 300, 2 ** 15],
    [3, 300, 2 ** 31],
    [4, 5, 9],
    [5, 1000, 2 ** 20],
  ])("have the items of the memory, whatever they did (seed %i, %i ids, %i items)", (seed, ids, numItems) => {
    const random = seeded(seed);
    const memory = new UserMemory({ cap: Infinity });
    const users = new Map<string, number[]>();
    for (let call = 0; call < 2000; call++) {
      const id = `${["u", "é", "日本", "😀", ""][random(5)]}${random(ids)}`;
      const items = Array.from({ length: random(5) === 0 ? random(40) : random(3) }, () => random(numItems));
      const all = [...(users.get(id) ?? []), ...items];
      users.set(
        id,
        all.filter((item, i) => all.lastIndexOf(item) === i),
      );
      memory.add(id, items);
      if (random(3) > 0) continue;
      const indices = Array.from({ length: random(6) }, (_, i) => i * 700_000_000 + random(700_000_000));
      const values = indices.map(() => Math.fround(random(1000) / 7 - 70.1));
      memory.setContext(memory.numberOf(id), random(2) === 0 ? { indices } : { indices, values });
    }
    expectUsers(memory, users, numItems);
  });

  it("are nobody in an empty file", () => {
    const saved = new SavedUsers(new Uint8Array(), 3);
    expect(saved.numberOf("ana")).toBe(-1);
    expect(saved.numberOf("")).toBe(-1);
    expectUsers(new UserMemory({ cap: Infinity }), new Map(), 1);
  });

  it("are found among thousands, by an id of any text", () => {
    const memory = new UserMemory({ cap: Infinity });
    const users = new Map<string, number[]>();
    const strange = ["", " ", "__proto__", "constructor", "\u0000", "\ufeffbom", "ÿ", "\u00ff\u0100", "a\nb"];
    const long = [
      "é".repeat(500),
      "😀".repeat(100),
      "x".repeat(40_000),
      "\u007f\u0080\u07ff\u0800\uffff\u{10ffff}",
    ];
    const many = Array.from({ length: 6000 }, (_, i) => `user-${i}@example.com`);
    [...strange, ...long, ...many].forEach((id, i) => {
      users.set(id, [i, i + 1]);
      memory.add(id, [i, i + 1]);
    });
    expectUsers(memory, users, 10_000);
  });

  it("are found by ids with half a pair of surrogates, which are ids of their own", () => {
    const memory = new UserMemory({ cap: Infinity });
    const users = new Map<string, number[]>();
    ["\ud800", "\udc00", "a\udfff", "\udbffb", "\udc00\ud800", "\ufffd", "\ufffd\ufffd\ufffd", "😀"].forEach(
      (id, i) => {
        users.set(id, [i]);
        memory.add(id, [i]);
      },
    );
    expectUsers(memory, users, 8);
  });

  it("keep the largest item numbers, behind contexts of every form", () => {
    const contexts = [
      null,
      { indices: [] },
      { indices: [], values: [] },
      { indices: [2 ** 32 - 1, 0, 127, 128] },
      { indices: [5, 2 ** 32 - 2], values: [-1e-38, 3e38] },
    ];
    const lists = [[], [LARGEST], [LARGEST, 0, LARGEST - 1], [0], [127, 128, 255, 256], [2 ** 30, 1]];
    const memory = new UserMemory({ cap: Infinity });
    const users = new Map<string, number[]>();
    contexts.forEach((context, c) => {
      lists.forEach((items, l) => {
        const id = `${c}/${l}`;
        memory.add(id, items);
        if (context !== null) memory.setContext(memory.numberOf(id), context);
        users.set(id, items);
      });
    });
    expectUsers(memory, users, 2 ** 31);
  });

  it("may have one item, or as many as do not fit into a small record", () => {
    for (const count of [1, 2, 7, 8, 9, 100, 127, 128, 129, 20_000]) {
      const items = Array.from({ length: count }, (_, i) => i * 3);
      const memory = new UserMemory({ cap: Infinity });
      memory.add("first", [0]);
      memory.add("ana", items);
      memory.add("last", []);
      expectUsers(
        memory,
        new Map([
          ["first", [0]],
          ["ana", items],
          ["last", []],
        ]),
        3 * count,
      );
    }
  });

  it("are no longer there after they were forgotten", () => {
    const memory = new UserMemory({ cap: Infinity });
    for (let i = 0; i < 200; i++) memory.add(`u${i}`, [i]);
    for (let i = 0; i < 200; i += 3) memory.forget(`u${i}`);
    const saved = new SavedUsers(memory.toBytes(), 200);
    for (let i = 0; i < 200; i++) {
      if (i % 3 === 0) expect(saved.numberOf(`u${i}`)).toBe(-1);
      else expect([...saved.itemsOf(saved.numberOf(`u${i}`))]).toEqual([i]);
    }
  });
});

describe("a damaged file of users", () => {
  const good = [...utf8("bo"), 255, 0, 8, 5];

  it.each([
    ["a length that is cut off", Uint8Array.of(200), 0],
    ["a length without end", new Uint8Array(100).fill(255), 0],
    ["an empty record", fileOf([]), 0],
    ["a record that is cut off", fileOf(good, good).slice(0, -1), 7],
    ["an item beyond the catalog", fileOf(good, [...utf8("cy"), 255, 0, 8, 6]), 7],
    ["an id without end", fileOf(utf8("bo")), 0],
    ["an id that ends in the next record", fileOf(utf8("bo"), good), 0],
    ["an id and nothing else", fileOf([...utf8("bo"), 255], good), 0],
    ["a context that is cut off", fileOf([...utf8("bo"), 255, ...leb(5, 1)], good), 0],
    ["a context of 2^31 entries", fileOf([...utf8("bo"), 255, ...leb(2 ** 32 - 1, 1)], good), 0],
  ])("with %s is refused, and the position is named", (_, bytes, at) => {
    expect(() => new SavedUsers(bytes, 6)).toThrow(
      new Error(`load: recommender.users is damaged at byte ${at}`),
    );
  });

  it.each([
    ["records without an end of the id", [1, 0]],
    ["contexts that claim more than there is", [7, 97, 255, 255, 255, 255, 255, 15]],
    ["records of one item", [5, 98, 255, 0, 8, 0]],
  ])("of a megabyte with %s takes no longer than its size", (_, record) => {
    const bytes = Uint8Array.from(
      { length: 2 ** 20 - (2 ** 20 % record.length) },
      (_, i) => record[i % record.length],
    );
    const start = performance.now();
    try {
      new SavedUsers(bytes, 100);
    } catch (error) {
      expect((error as Error).message).toMatch(/^load: recommender\.users is damaged at byte \d+$/);
    }
    expect(performance.now() - start).toBeLessThan(1500);
  });

  it("is refused or read to its end, whatever byte of it changes", () => {
    const memory = new UserMemory({ cap: Infinity });
    memory.add("é😀", [1000, 2, 3]);
    memory.setContext(0, { indices: [700, 3], values: [0.5, -2] });
    memory.add("bo", [7]);
    memory.add("cleo-with-a-long-name", []);
    memory.setContext(2, { indices: [1, 2] });
    const bytes = memory.toBytes();
    let [refused, read] = [0, 0];
    const expectWhole = (changed: Uint8Array): void => {
      try {
        const saved = new SavedUsers(changed, 2 ** 10);
        for (const id of ["é😀", "bo", "cleo-with-a-long-name"]) {
          const number = saved.numberOf(id);
          const items = number < 0 ? [] : [...saved.itemsOf(number)];
          expect(items.every((item) => item < 2 ** 10)).toBe(true);
          expect(items.length).toBeLessThan(bytes.length);
        }
        read++;
      } catch (error) {
        expect((error as Error).message).toMatch(/^load: recommender\.users is damaged at byte \d+$/);
        refused++;
      }
    };
    for (let at = 0; at < bytes.length; at++) {
      expectWhole(bytes.slice(0, at));
      expectWhole(Uint8Array.of(...bytes.slice(0, at), ...bytes.slice(at + 1)));
      for (let value = 0; value < 256; value += 3) {
        const changed = bytes.slice();
        changed[at] = value;
        expectWhole(changed);
      }
    }
    expect(Math.min(refused, read)).toBeGreaterThan(500);
  });
});
