// The memory of users does what a Map of arrays would do, in fewer bytes: random programs of calls, ids of
// every kind, memory that runs out, forgotten users, and files that were damaged.

import { afterEach, describe, expect, it, vi } from "vitest";
import { UserMemory } from "../../src/ranking/user-memory.ts";
import { countArrays } from "../helpers/arrays.ts";

const LIMITS = { cap: Infinity, numItems: 2 ** 10, numFeatures: 2 ** 10 };

interface Context {
  readonly indices: readonly number[];
  readonly values?: readonly number[] | undefined;
}

/** What the memory must hold, as plain JavaScript. */
class Oracle {
  readonly users = new Map<string, { items: number[]; context: Context | null }>();
  readonly cap: number;

  constructor(cap: number) {
    this.cap = cap;
  }

  add(id: string, items: readonly number[]): void {
    const user = this.users.get(id) ?? { items: [], context: null };
    const all = [...user.items, ...items];
    const distinct = all.filter((item, i) => all.lastIndexOf(item) === i);
    user.items = this.cap === Infinity ? distinct : distinct.slice(Math.max(0, distinct.length - this.cap));
    this.users.set(id, user);
  }
}

const seeded = (seed: number): ((n: number) => number) => {
  let state = seed;
  return (n) => Math.floor((n * (state = (Math.imul(state, 1664525) + 1013904223) >>> 0)) / 2 ** 32);
};

const bytesOf = (memory: UserMemory): Uint8Array => memory.toBytes();

/** Reads a memory user by user. */
function contents(memory: UserMemory): Map<string, { items: number[]; context: Context | null }> {
  const users = new Map<string, { items: number[]; context: Context | null }>();
  for (let number = 0; number < memory.users; number++) {
    const context = memory.contextOf(number);
    const id = memory.idOf(number);
    expect(memory.numberOf(id)).toBe(number);
    users.set(id, { items: [...memory.itemsOf(number)], context: context && plain(context) });
  }
  expect(users.size).toBe(memory.users);
  return users;
}

function plain({
  indices,
  values,
}: {
  indices: ArrayLike<number>;
  values?: ArrayLike<number> | undefined;
}): Context {
  return values === undefined
    ? { indices: [...Array.from(indices)] }
    : { indices: Array.from(indices), values: Array.from(values) };
}

/** Bytes of numbers, 7 bits each, lowest first. */
function leb(...numbers: number[]): number[] {
  return numbers.flatMap((number) => {
    const bytes: number[] = [];
    for (; number >= 128; number = Math.floor(number / 128)) bytes.push((number % 128) + 128);
    return [...bytes, number];
  });
}

const utf8 = (text: string): number[] => [...new TextEncoder().encode(text)];

/** Item numbers as bits, the lowest first, behind a byte with the number of bits of each of them. */
function packed(...items: number[]): number[] {
  if (items.length === 0) return [];
  const width = Math.max(8, ...items.map((item) => item.toString(2).length));
  const bits = items.map((item) => [...item.toString(2).padStart(width, "0")].reverse().join("")).join("");
  return [
    width,
    ...(bits.match(/.{1,8}/g) ?? []).map((byte) => Number.parseInt([...byte].reverse().join(""), 2)),
  ];
}

/** The bits of a float32 as an integer. */
const floatBits = (value: number): number => {
  const view = new DataView(new ArrayBuffer(4));
  view.setFloat32(0, value);
  return view.getUint32(0);
};

/** The bytes of a record. `context` is its head and what follows. */
const recordOf = (id: string, context: readonly number[], ...items: number[]): number[] => [
  ...utf8(id),
  255,
  ...leb(...context),
  ...packed(...items),
];

/** The bytes of a file with these records. */
const fileOf = (...records: number[][]): Uint8Array =>
  Uint8Array.from(records.flatMap((record) => [...leb(record.length), ...record]));

const load = (bytes: Uint8Array, limits = LIMITS): UserMemory => UserMemory.fromBytes(bytes, limits);

afterEach(() => {
  vi.unstubAllGlobals();
});

describe("a memory of users", () => {
  it.each([
    [1, Infinity, 7, 12],
    [2, 5, 7, 12],
    [3, 1, 300, 400],
    [4, 0, 20, 30],
    [5, Infinity, 300, 1000],
    [6, 40, 70, 200],
  ])("holds what a Map of arrays would hold after random calls (seed %i, cap %d)", (seed, cap, ids, numItems) => {
    const random = seeded(seed);
    const limits = { cap, numItems, numFeatures: 500 };
    let memory = new UserMemory({ cap });
    const oracle = new Oracle(cap);
    for (let call = 0; call < 4000; call++) {
      const id = `${"user-é".slice(0, random(7))}${random(ids)}`;
      switch (random(12)) {
        case 0: {
          expect(memory.forget(id)).toBe(oracle.users.delete(id));
          expect(memory.numberOf(id)).toBe(-1);
          break;
        }
        case 1:
        case 2: {
          const user = oracle.users.get(id);
          if (user === undefined) break;
          const indices = Array.from({ length: random(6) }, (_, i) => i * 80 + random(80)).reverse();
          const values =
            random(2) === 0 ? undefined : indices.map(() => Math.fround(random(1000) / 7 - 70.1));
          user.context = values === undefined ? { indices } : { indices, values };
          memory.setContext(memory.numberOf(id), user.context);
          break;
        }
        case 3: {
          if (random(100) > 0) break;
          const order = Int32Array.from({ length: numItems }, (_, i) => i);
          for (let i = numItems - 1; i > 0; i--) {
            const other = random(i + 1);
            [order[i], order[other]] = [order[other], order[i]];
          }
          const map = order.map((item) => (random(10) === 0 ? -1 : item));
          memory.renumber(map);
          for (const user of oracle.users.values())
            user.items = user.items.map((item) => map[item]).filter((item) => item >= 0);
          break;
        }
        case 4: {
          if (random(100) === 0) memory = UserMemory.fromBytes(memory.toBytes(), limits);
          break;
        }
        default: {
          const items = Array.from({ length: random(4) === 0 ? random(30) : 1 }, () => random(numItems));
          memory.add(id, random(2) === 0 ? items : Uint32Array.from(items));
          oracle.add(id, items);
        }
      }
    }
    expect(contents(memory)).toEqual(oracle.users);
    const bytes = bytesOf(memory);
    const loaded = load(bytes, limits);
    expect(contents(loaded)).toEqual(oracle.users);
    expect(bytesOf(loaded)).toEqual(bytes);
  });

  it("knows nobody at first", () => {
    const memory = new UserMemory({ cap: 3 });
    expect(memory.users).toBe(0);
    expect(memory.numberOf("ana")).toBe(-1);
    expect(memory.forget("ana")).toBe(false);
    expect([...bytesOf(memory)]).toEqual([]);
    expect(load(bytesOf(memory)).users).toBe(0);
  });

  it("remembers a user without items and without context", () => {
    const memory = new UserMemory({ cap: Infinity });
    memory.add("ana", []);
    expect(contents(memory)).toEqual(new Map([["ana", { items: [], context: null }]]));
  });

  it("tells a context without entries from no context", () => {
    const memory = new UserMemory({ cap: Infinity });
    memory.add("ana", [3]);
    memory.setContext(0, { indices: [] });
    expect(plain(memory.contextOf(0)!)).toEqual({ indices: [] });
    expect([...memory.itemsOf(0)]).toEqual([3]);
  });

  it("keeps the largest item numbers, feature indices and float32 values", () => {
    const memory = new UserMemory({ cap: Infinity });
    const items = [2 ** 31 - 1, 0, 127, 128, 16383, 16384, 2 ** 21, 2 ** 28, 2 ** 31 - 2];
    memory.add("ana", items);
    const indices = [2 ** 32 - 2, 2 ** 31, 0, 2 ** 28];
    const values = [Math.fround(3.4e38), Math.fround(1e-45), -1, Math.fround(0.1)];
    memory.setContext(0, { indices, values });
    expect(contents(memory).get("ana")).toEqual({ items, context: { indices, values } });
    memory.setContext(0, { indices });
    expect(contents(memory).get("ana")).toEqual({ items, context: { indices } });
  });

  it("leaves the items of neighbors alone when a list becomes very long", () => {
    const memory = new UserMemory({ cap: Infinity });
    for (let user = 0; user < 200; user++) memory.add(`${user}`, [user, 1000 + user]);
    const long = Array.from({ length: 50_000 }, (_, i) => (i * 7919) % 50_021);
    memory.add("70", long);
    for (let user = 0; user < 200; user++) {
      const expected =
        user === 70 ? [...[70, 1070].filter((item) => !long.includes(item)), ...long] : [user, 1000 + user];
      expect([...memory.itemsOf(memory.numberOf(`${user}`))]).toEqual(expected);
    }
  });

  it("lets the oldest items leave when a user has more than the cap", () => {
    const memory = new UserMemory({ cap: 3 });
    memory.add("ana", [1, 2, 3]);
    memory.add("ana", [1]); // moves to the end
    memory.add("ana", [4]);
    expect([...memory.itemsOf(0)]).toEqual([3, 1, 4]);
    memory.add("ana", [5, 6, 7, 8, 5]);
    expect([...memory.itemsOf(0)]).toEqual([7, 8, 5]);
  });

  it("gives the number of a forgotten user to the last one", () => {
    const memory = new UserMemory({ cap: 3 });
    for (const id of ["ana", "bo", "cy"]) memory.add(id, [1]);
    memory.forget("ana");
    expect([memory.idOf(0), memory.idOf(1), memory.users]).toEqual(["cy", "bo", 2]);
    memory.forget("bo");
    expect([memory.idOf(0), memory.users]).toEqual(["cy", 1]);
  });

  it("takes items beyond the map as gone when it gives new numbers", () => {
    const memory = new UserMemory({ cap: 9 });
    memory.add("ana", [7, 1, 0, 2]);
    memory.renumber(Int32Array.of(500, -1, 0));
    expect([...memory.itemsOf(0)]).toEqual([500, 0]);
  });
});

describe("ids in the memory of users", () => {
  const strange = [
    "",
    "\0",
    "a\0",
    "é",
    "e\u0301",
    "日本",
    "😀",
    "\ud83d",
    "\ude00",
    "\ud83d\ud83d\ude00",
    "\ude00\ud83d",
    "\ufffd",
    "\uffff",
    "\u{10ffff}",
    "ÿ",
    "\x7f",
    "\x80",
    "\u07ff",
    "\u0800",
    " ana",
    "__proto__",
    "x".repeat(100_000),
    `${"x".repeat(99_999)}é`,
  ];

  it("may be any strings, and come back as they were", () => {
    const memory = new UserMemory({ cap: Infinity });
    strange.forEach((id, i) => {
      expect(memory.numberOf(id)).toBe(-1);
      memory.add(id, [i]);
    });
    strange.forEach((id, i) => {
      expect(memory.idOf(i)).toBe(id);
      expect(memory.numberOf(id)).toBe(i);
      expect([...memory.itemsOf(i)]).toEqual([i]);
    });
    expect(contents(load(bytesOf(memory)))).toEqual(contents(memory));
    for (const id of strange) expect(memory.forget(id)).toBe(true);
    expect(memory.users).toBe(0);
  });

  it("stand in the file as UTF-8, where the text is valid", () => {
    const memory = new UserMemory({ cap: Infinity });
    memory.add("é日😀z", [300, 5]);
    memory.setContext(0, { indices: [200, 3], values: [0.5, 1] });
    memory.add("bo", []);
    expect(bytesOf(memory)).toEqual(
      fileOf(recordOf("é日😀z", [6, 200, 3, floatBits(0.5), floatBits(1)], 300, 5), recordOf("bo", [0])),
    );
  });

  /** FNV-1a over UTF-16 code units, then MurmurHash3's finalizer, in exact integers. */
  function hash(id: string): number {
    const low = 2n ** 32n - 1n;
    let h = 0x811c9dc5n;
    for (const unit of id.split("")) h = ((h ^ BigInt(unit.charCodeAt(0))) * 0x01000193n) & low;
    h = ((h ^ (h >> 16n)) * 0x85ebca6bn) & low;
    h = ((h ^ (h >> 13n)) * 0xc2b2ae35n) & low;
    return Number(h ^ (h >> 16n));
  }

  it("that collide are told apart, and found after each of them was forgotten", () => {
    // All belong into the last two of 64 slots, so they fill slots behind the end of the table, too.
    const ids: string[] = [];
    for (let i = 0; ids.length < 40; i++) if (hash(`u${i}`) % 64 >= 62) ids.push(`u${i}`);
    for (let gone = 0; gone < ids.length; gone++) {
      const memory = new UserMemory({ cap: Infinity });
      ids.forEach((id, i) => {
        memory.add(id, [i]);
      });
      memory.forget(ids[gone]);
      memory.forget(ids[(gone * 7 + 3) % ids.length]);
      const left = ids.filter((_, i) => i !== gone && i !== (gone * 7 + 3) % ids.length);
      for (const id of left) expect([...memory.itemsOf(memory.numberOf(id))]).toEqual([ids.indexOf(id)]);
      expect(memory.users).toBe(left.length);
      expect(memory.numberOf(ids[gone])).toBe(-1);
    }
  });

  it("of equal 32-bit hashes are told apart", () => {
    const [a, b] = ["user-129599", "user-732382"];
    expect(hash(a)).toBe(hash(b));
    const memory = new UserMemory({ cap: Infinity });
    memory.add(a, [1]);
    expect(memory.numberOf(b)).toBe(-1);
    memory.add(b, [2]);
    memory.forget(a);
    expect(memory.numberOf(a)).toBe(-1);
    expect([...memory.itemsOf(memory.numberOf(b))]).toEqual([2]);
  });
});

describe("memory and time", () => {
  /** Users with 50 items of 100,000 each, and a context of five features. */
  function build(users: number): UserMemory {
    const random = seeded(1);
    const memory = new UserMemory({ cap: Infinity });
    for (let user = 0; user < users; user++) {
      memory.add(
        `user-${100_000 + user}`,
        Array.from({ length: 50 }, () => random(100_000)),
      );
      memory.setContext(user, { indices: [user, 1_000_001, 1_000_101, 1_000_201, 1_000_301] });
    }
    return memory;
  }

  it("stay below 215 bytes per user with 50 items, an id and a context", () => {
    // 250 MB for a million users, less what the JavaScript heap and an allocator need.
    for (const users of [20_000, 44_000]) expect(build(users).bytes / users).toBeLessThan(215);
  });

  it("grow in proportion to the number of users", () => {
    const [few, many] = [4000, 16_000].map((users) => countArrays(() => build(users)).elements);
    expect(many / few).toBeLessThan(4.5);
  });

  it("do not grow when events repeat", () => {
    const memory = build(500);
    const items = memory.itemsOf(70);
    const before = memory.bytes;
    for (let round = 0; round < 3; round++) for (const item of items) memory.add(memory.idOf(70), [item]);
    expect(memory.bytes).toBe(before);
  });
});

describe("forget", () => {
  /** The arrays that `work` makes. They stay known when nothing else refers to them. */
  function arraysOf(work: () => void): Uint8Array[] {
    const arrays: ArrayBuffer[] = [];
    for (const kind of ["Uint8Array", "Uint32Array"] as const)
      vi.stubGlobal(
        kind,
        new Proxy(globalThis[kind], {
          construct(target, args: unknown[], newTarget) {
            const made = Reflect.construct(target, args, newTarget) as Uint8Array<ArrayBuffer>;
            arrays.push(made.buffer);
            return made;
          },
        }),
      );
    work();
    vi.unstubAllGlobals();
    return arrays.map((buffer) => new Uint8Array(buffer));
  }

  const SECRET = "secret-user@example.com";
  const items = Array.from({ length: 200 }, (_, i) => 90_000 + ((i * 7919) % 9973));
  const context = { indices: [12_345, 23_456, 34_567], values: [0.123, 4.567, 8.9] };
  const head = [8, ...context.indices, ...context.values.map(floatBits)];
  const record = recordOf(SECRET, head, ...items);
  /** All pieces of 6 bytes, which a record has in one place wherever its segments end. */
  const pieces = record.slice(5).map((_, i) => record.slice(i, i + 6));
  const found = (arrays: readonly Uint8Array[]): number =>
    pieces.filter((piece) => arrays.some((bytes) => Buffer.from(bytes.buffer).includes(Buffer.from(piece))))
      .length;

  function fill(memory: UserMemory): void {
    for (let user = 0; user < 100; user++) memory.add(`u${user}`, [user]);
    memory.add(SECRET, items.slice(0, 120));
    memory.setContext(memory.numberOf(SECRET), context);
    memory.add(SECRET, items.slice(120));
    for (let user = 0; user < 100; user++) memory.add(`v${user}`, [user]);
  }

  it("overwrites id, items and context in all arrays", () => {
    const memory = new UserMemory({ cap: Infinity });
    expect(found(arraysOf(() => fill(new UserMemory({ cap: Infinity }))))).toBeGreaterThan(pieces.length / 2);
    const arrays = arraysOf(() => {
      const other = new UserMemory({ cap: Infinity });
      fill(other);
      other.forget(SECRET);
    });
    expect(found(arrays)).toBe(0);
    fill(memory);
    expect(found([bytesOf(memory)])).toBe(pieces.length);
    expect(memory.forget(SECRET)).toBe(true);
    expect(found([bytesOf(memory)])).toBe(0);
    expect(memory.users).toBe(200);
  });

  it("gives back the room of the user", () => {
    const memory = new UserMemory({ cap: Infinity });
    fill(memory);
    const { bytes } = memory;
    for (let round = 0; round < 2000; round++) {
      memory.forget(SECRET);
      memory.add(SECRET, items);
    }
    expect(memory.bytes).toBe(bytes);
  });
});

describe("when memory runs out", () => {
  /** Lets the array number `failing` that is made from now on fail. */
  function failAt(failing: number): void {
    let count = 0;
    for (const kind of ["Uint8Array", "Uint32Array", "Float32Array"] as const)
      vi.stubGlobal(
        kind,
        new Proxy(globalThis[kind], {
          construct(target, args: unknown[], newTarget) {
            if (++count === failing) throw new RangeError("Array buffer allocation failed");
            return Reflect.construct(target, args, newTarget) as Uint8Array;
          },
        }),
      );
  }

  const long = Array.from({ length: 30_000 }, (_, i) => 1_000_000 + i);
  const few = Array.from({ length: 50 }, (_, i) => i);
  const calls: [name: string, users: number, call: (memory: UserMemory) => void][] = [
    ["add, events of a user", 10, (memory) => memory.add("3", long)],
    ["add, a new user with many events", 10, (memory) => memory.add("new", long)],
    ["add, a new user when the table is full", 42, (memory) => memory.add("new", [1])],
    ["add, a new user when the index is full", 8192, (memory) => memory.add("new", [1])],
    ["add, a new user with a long id", 10, (memory) => memory.add("new".repeat(1000), [1])],
    ["setContext", 10, (memory) => memory.setContext(3, { indices: long })],
    ["renumber", 600, (memory) => memory.renumber(Int32Array.from(few, (item) => 2 ** 30 + item))],
  ];
  it.each(calls)("%s leaves the memory as it was", (_, users, call) => {
    const build = (): UserMemory => {
      const memory = new UserMemory({ cap: Infinity });
      for (let user = 0; user < users; user++) memory.add(`${user}`, users > 1000 ? [1] : few);
      return memory;
    };
    const expected = build();
    const before = bytesOf(expected);
    call(expected);
    let failures = 0;
    for (; ; failures++) {
      const memory = build();
      failAt(failures + 1);
      let error: unknown = null;
      try {
        call(memory);
      } catch (thrown) {
        error = thrown;
      }
      vi.unstubAllGlobals();
      if (error === null) break;
      expect(error).toEqual(new RangeError("Array buffer allocation failed"));
      expect(bytesOf(memory)).toEqual(before);
      call(memory);
      expect(bytesOf(memory)).toEqual(bytesOf(expected));
      expect(memory.numberOf("new")).toBe(expected.numberOf("new"));
    }
    expect(failures).toBeGreaterThan(0);
  });
});

describe("a file of users", () => {
  const good = recordOf("bo", [0], 5);
  const infinity = floatBits(Infinity);

  const broken: [what: string, bytes: Uint8Array, problem: string | RegExp][] = [
    ["a length that is cut off", Uint8Array.of(200), "user 0 has a record of 72 bytes, and 0 bytes follow"],
    [
      "a length without end",
      new Uint8Array(100).fill(255),
      /user 0 has a record of .* bytes, and 0 bytes follow/,
    ],
    [
      "a record that is cut off",
      fileOf(good, good).slice(0, -1),
      "user 1 has a record of 6 bytes, and 5 bytes follow",
    ],
    ["an empty record", fileOf([]), "user 0 has a record of 0 bytes, and 0 bytes follow"],
    [
      "a length with too many bytes",
      Uint8Array.of(134, 0, ...good),
      /user 0 is damaged: the bytes from 0 to 8 /,
    ],
    ["an id without end", fileOf(utf8("bo")), "user 0 is damaged"],
    ["an id and no context", fileOf([...utf8("bo"), 255]), "user 0 is damaged"],
    ["an id with half a character", fileOf([0xc3, 255, 0]), "user 0 is damaged"],
    ["an id with a wrong second byte", fileOf([0xc3, 0x41, 255, 0]), "user 0 is damaged"],
    ["an id with a second byte alone", fileOf([0x80, 255, 0]), "user 0 is damaged"],
    ["an id with a character in too many bytes", fileOf([0xc0, 0x80, 255, 0]), "user 0 is damaged"],
    ["an id with a character beyond Unicode", fileOf([0xf5, 0x80, 0x80, 0x80, 255, 0]), "user 0 is damaged"],
    ["an id with a byte that UTF-8 does not have", fileOf([0xfe, 255, 0]), "user 0 is damaged"],
    [
      "an id with a pair of surrogates as two characters",
      fileOf([0xed, 0xa0, 0xbd, 0xed, 0xb8, 0x80, 255, 0]),
      "user 0 is damaged",
    ],
    ["a context that is cut off", fileOf(recordOf("bo", [5, 1])), "user 0 is damaged"],
    ["a context of 2^31 entries", fileOf(recordOf("bo", [2 ** 32 - 1, 1])), "user 0 is damaged"],
    ["a number that is cut off", fileOf([...utf8("bo"), 255, 3, 200]), /user 0 (is damaged|has feature)/],
    ["a number with too many bytes", fileOf([...utf8("bo"), 255, 128, 0]), "user 0 is damaged"],
    ["a number above 32 bits", fileOf([...utf8("bo"), 255, 3, 129, 128, 128, 128, 16]), "user 0 is damaged"],
    [
      "a feature beyond the model",
      fileOf(recordOf("bo", [3, 1024])),
      "user 0 has feature 1024, which must be below 1024",
    ],
    ["a feature twice", fileOf(recordOf("bo", [7, 9, 8, 9])), "user 0 has feature 9 twice"],
    [
      "an infinite value",
      fileOf(recordOf("bo", [4, 1, infinity])),
      "user 0 has the value Infinity, which must be finite",
    ],
    [
      "the value NaN",
      fileOf(recordOf("bo", [4, 1, infinity + 1])),
      "user 0 has the value NaN, which must be finite",
    ],
    [
      "the value 0",
      fileOf(recordOf("bo", [4, 1, 0])),
      "user 0 has the value 0, which must be finite and not 0",
    ],
    [
      "an item beyond the catalog",
      fileOf(good, recordOf("cy", [0], 7, 1024)),
      "user 1 has item 1024, which must be below 1024",
    ],
    ["an item twice", fileOf(recordOf("bo", [0], 3, 4, 3)), "user 0 has item 3 twice"],
    [
      "items of 32 bits",
      fileOf([...utf8("bo"), 255, 0, 32, 0, 0, 0, 128]),
      "user 0 has item 2147483648, which",
    ],
    ["items of 7 bits", fileOf([...utf8("bo"), 255, 0, 7, 1]), "user 0 is damaged"],
    [
      "items of 255 bits",
      fileOf([...utf8("bo"), 255, 0, 255, ...new Array<number>(64).fill(0)]),
      /user 0 (is dam|has)/,
    ],
    ["items of more bits than they need", fileOf([...utf8("bo"), 255, 0, 9, 1, 0]), "user 0 is damaged"],
    ["bits behind the last item", fileOf([...utf8("bo"), 255, 0, 9, 0, 3]), "user 0 is damaged"],
    ["no item behind the number of bits", fileOf([...utf8("bo"), 255, 0, 8]), "user 0 is damaged"],
    ["an id twice", fileOf(good, recordOf("cy", [0]), good), "user 2 has the id of user 0"],
  ];
  it.each(broken)("with %s is refused", (_, bytes, problem) => {
    expect(() => load(bytes)).toThrow(Error);
    expect(() => load(bytes)).toThrow(/^load: recommender\.users: user /);
    expect(() => load(bytes)).toThrow(problem);
  });

  it("is refused with more items of a user than the cap", () => {
    const bytes = fileOf(recordOf("bo", [0], 1, 2, 3));
    expect(load(bytes, { ...LIMITS, cap: 3 }).users).toBe(1);
    expect(() => load(bytes, { ...LIMITS, cap: 2 })).toThrow(
      new Error("load: recommender.users: user 0 has 3 items, which must be at most 2"),
    );
  });

  it("is either refused or means exactly its bytes, whatever byte of it changes", () => {
    const memory = new UserMemory({ cap: Infinity });
    memory.add("é", [1000, 2, 3]);
    memory.setContext(0, { indices: [700, 3], values: [0.5, -2] });
    memory.add("bo", [7]);
    memory.add("long-id-of-a-user-that-needs-two-segments", [1, 2, 3, 4, 5]);
    memory.setContext(2, { indices: [1, 2] });
    const bytes = bytesOf(memory);
    expect(bytesOf(load(bytes))).toEqual(bytes);
    let [refused, read] = [0, 0];
    const expectExact = (changed: Uint8Array): void => {
      try {
        expect(bytesOf(load(changed))).toEqual(changed);
        read++;
      } catch (error) {
        expect((error as Error).message).toMatch(/^load: recommender\.users: user \d/);
        refused++;
      }
    };
    for (let at = 0; at < bytes.length; at++) {
      expectExact(bytes.slice(0, at));
      expectExact(Uint8Array.of(...bytes.slice(0, at), ...bytes.slice(at + 1)));
      for (let value = 0; value < 256; value += 3) {
        const changed = bytes.slice();
        changed[at] = value;
        expectExact(changed);
      }
    }
    expect(Math.min(refused, read)).toBeGreaterThan(1000);
  });

  it("is not changed by loading, and does not change with what is loaded from it", () => {
    const bytes = fileOf(recordOf("bo", [3, 17], 5, 6), recordOf("cy", [0]));
    const copy = bytes.slice();
    const memory = load(bytes);
    memory.add("bo", [9]);
    memory.forget("cy");
    expect(bytes).toEqual(copy);
    expect(contents(memory)).toEqual(new Map([["bo", { items: [5, 6, 9], context: { indices: [17] } }]]));
  });
});
