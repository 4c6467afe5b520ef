import { runInNewContext } from "node:vm";
import { describe, expect, it } from "vitest";
import {
  checkBoolean,
  checkChoice,
  checkInteger,
  checkKeys,
  checkNumber,
  isArrayLike,
  describe as show,
  wrongType,
  wrongValue,
} from "../../src/core/errors.ts";

describe("describe", () => {
  class Point {
    x = 1;
  }
  it.each([
    [3, "3"],
    [NaN, "NaN"],
    ['a\n"b"', '"a\\n\\"b\\""'],
    ["x".repeat(50), `"${"x".repeat(40)}…"`],
    [5n, "5n"],
    [undefined, "undefined"],
    [null, "null"],
    [true, "true"],
    [Symbol("s"), "Symbol(s)"],
    [[1, 2], "array of 2"],
    [new Float32Array(3), "Float32Array of 3"],
    [new DataView(new ArrayBuffer(8)), "DataView of 8"],
    [{}, "object with keys (none)"],
    [{ a: 1, b: 2 }, "object with keys a, b"],
    [Object.create(null), "object with keys (none)"],
    [new Point(), "Point"],
    [new (class {})(), "object with keys (none)"],
    [{ constructor: "a field", a: 1 }, "object with keys constructor, a"],
    [{ constructor: { name: 7 } }, "object with keys constructor"],
    [new Map([[1, 2]]), "a Map of 1"],
    [new Set("abc"), "a Set of 3"],
    [(function* () {})(), "a generator"],
    [(async function* () {})(), "an async generator"],
    [[1].values(), "an iterator"],
    [new Map().keys(), "an iterator"],
    [Promise.resolve(1), "a Promise (await it)"],
    // biome-ignore lint/suspicious/noThenProperty: a query builder that is awaited has such a method
    [{ then: () => 1 }, "a Promise (await it)"],
    [new Date(0), "a Date (1970-01-01T00:00:00.000Z)"],
    [new Date(NaN), "an invalid Date"],
    [/an+a/g, "a RegExp (/an+a/g)"],
    [new RangeError("too far"), "an error (RangeError: too far)"],
    [new ArrayBuffer(8), "an ArrayBuffer of 8 bytes"],
    [new SharedArrayBuffer(4), "a SharedArrayBuffer of 4 bytes"],
    [Object(3), "a Number object (3)"],
    [Object("ana"), 'a String object ("ana")'],
    [Object(false), "a Boolean object (false)"],
    [new WeakMap(), "WeakMap"],
    [new URL("file:///a"), "URL"],
    [function named() {}, "function named"],
    [() => 1, "function (anonymous)"],
    [async () => 1, "function (anonymous)"],
    [Point, "class Point"],
    [function* rows() {}, "generator function rows"],
    [async function* rows() {}, "generator function rows"],
  ])("shows %o shortly", (value, text) => expect(show(value)).toBe(text));

  it("knows JavaScript's own objects of another frame", () => {
    const [map, date, bytes] = runInNewContext(
      "[new Map([[1, 2]]), new Date(0), new Uint8Array(3)]",
    ) as unknown[];
    expect([map, date, bytes].map(show)).toEqual([
      "a Map of 1",
      "a Date (1970-01-01T00:00:00.000Z)",
      "Uint8Array of 3",
    ]);
  });
});

describe("checks", () => {
  it("return what they accept", () => {
    expect(checkInteger("n", 3, 1, 3)).toBe(3);
    expect(checkNumber("rate", 0.5, "in [0, 1)", (rate) => rate >= 0 && rate < 1)).toBe(0.5);
    expect(checkBoolean("flag", false)).toBe(false);
    expect(checkChoice("mode", "a", ["a", "b"])).toBe("a");
    checkKeys("options", { a: 1 }, ["a", "b"]);
  });

  it("throw a TypeError for the kind and a RangeError for the value, with place, expectation and what came", () => {
    const refusals: [() => unknown, Error][] = [
      [() => checkInteger("n", "3", 1), new TypeError('n must be an integer, got "3"')],
      [() => checkInteger("n", 0, 1), new RangeError("n must be an integer of at least 1, got 0")],
      [() => checkInteger("n", 1.5, 1, 9), new RangeError("n must be an integer from 1 to 9, got 1.5")],
      [() => checkInteger("n", NaN, 1), new RangeError("n must be an integer of at least 1, got NaN")],
      [
        () => checkInteger("n", 2 ** 53, 1),
        new RangeError("n must be an integer of at least 1, got 9007199254740992"),
      ],
      [
        () => checkNumber("rate", null, "in [0, 1)", () => true),
        new TypeError("rate must be in [0, 1), got null"),
      ],
      [
        () => checkNumber("rate", 1, "in [0, 1)", (rate) => rate < 1),
        new RangeError("rate must be in [0, 1), got 1"),
      ],
      [
        () => checkNumber("rate", Infinity, "positive", () => true),
        new RangeError("rate must be positive, got Infinity"),
      ],
      [() => checkBoolean("flag", 1), new TypeError("flag must be a boolean, got 1")],
      [() => checkChoice("mode", "c", ["a", "b"]), new RangeError('mode must be one of "a", "b", got "c"')],
      [() => checkChoice("mode", 3, ["a", "b"]), new TypeError('mode must be one of "a", "b", got 3')],
      [
        () => checkKeys("options", { c: 1 }, ["a", "b"]),
        new TypeError('options has no option "c"; it has a, b'),
      ],
      [
        () => checkKeys("fit: l2", 0.1, ["a", "b"]),
        new TypeError("fit: l2 must be an object { a, b }, got 0.1"),
      ],
      [
        () => checkKeys("fit", { c: 1 }, ["a"], (key) => (key === "c" ? "write d" : null)),
        new TypeError('fit has no option "c"; write d'),
      ],
      [
        () => checkKeys("fit", { e: 1 }, ["a"], (key) => (key === "c" ? "write d" : null)),
        new TypeError('fit has no option "e"; it has a'),
      ],
      [
        () => checkKeys("options", [1], ["a"]),
        new TypeError("options: options must be an object, got array of 1"),
      ],
      [
        () => checkKeys("options", undefined, ["a"]),
        new TypeError("options: options must be an object, got undefined"),
      ],
    ];
    for (const [refused, error] of refusals) {
      expect(refused).toThrow(error);
      expect(refused).toThrow(error.constructor as ErrorConstructor);
    }
    expect(wrongType("x", "y", 1)).toBeInstanceOf(TypeError);
    expect(wrongValue("x", "y", 1)).toBeInstanceOf(RangeError);
  });

  it("arrays and typed arrays are array-like; strings, views and objects with a length are not", () => {
    expect([[], new Uint8Array(1), new Float64Array(0)].every(isArrayLike)).toBe(true);
    expect(
      ["ab", new DataView(new ArrayBuffer(1)), { length: 1 }, null, undefined, () => 1].some(isArrayLike),
    ).toBe(false);
  });
});
