// Errors for bad input. A value of the wrong kind gives a TypeError, a value out of range a RangeError, and a
// call that the state of the model does not allow an Error. Every message names the place, what was expected
// there and what was found.

/**
 * Describes a value in an error message.
 *
 * @param value Any value.
 * @returns A short text, which is never empty.
 */
export function describe(value: unknown): string {
  if (typeof value === "string") {
    const shown = value.length > 40 ? `${value.slice(0, 40)}…` : value;
    return JSON.stringify(shown);
  }
  if (typeof value === "bigint") return `${value}n`;
  if (typeof value === "function") return describeFunction(value);
  if (value === null || typeof value !== "object") return String(value);
  if (Array.isArray(value)) return `array of ${value.length}`;
  const name: unknown = value.constructor?.name;
  if (ArrayBuffer.isView(value)) {
    const length = (value as unknown as ArrayLike<number>).length ?? value.byteLength;
    return `${name as string} of ${length}`;
  }
  const builtIn = describeBuiltIn(value);
  if (builtIn !== null) return builtIn;
  if (typeof name === "string" && name !== "" && name !== "Object") return name;
  return `object with keys ${Object.keys(value).slice(0, 5).join(", ") || "(none)"}`;
}

function describeFunction(value: { readonly name: string }): string {
  const name = value.name || "(anonymous)";
  if (/^class\b/.test(Function.prototype.toString.call(value))) return `class ${name}`;
  return `${tagOf(value).endsWith("GeneratorFunction") ? "generator " : ""}function ${name}`;
}

/**
 * Describes an object of JavaScript's own kinds; null for any other. Objects of other frames are known too.
 */
function describeBuiltIn(value: object): string | null {
  if (typeof (value as { then?: unknown }).then === "function") return "a Promise (await it)";
  const tag = tagOf(value);
  switch (tag) {
    case "Map":
    case "Set":
      return `a ${tag} of ${(value as Set<unknown>).size}`;
    case "Generator":
      return "a generator";
    case "AsyncGenerator":
      return "an async generator";
    case "Date":
      return Number.isNaN(Number(value)) ? "an invalid Date" : `a Date (${(value as Date).toISOString()})`;
    case "RegExp":
      return `a RegExp (${value as RegExp})`;
    case "Error":
      return `an error (${value as Error})`;
    case "ArrayBuffer":
    case "SharedArrayBuffer":
      return `${tag === "ArrayBuffer" ? "an" : "a"} ${tag} of ${(value as ArrayBuffer).byteLength} bytes`;
    case "Number":
    case "String":
    case "Boolean":
      return `a ${tag} object (${describe(value.valueOf())})`;
    default:
      return tag.endsWith("Iterator") || tag === "Iterator Helper" ? "an iterator" : null;
  }
}

/**
 * Names the kind of a value. Unlike `instanceof`, this also knows objects of another frame or test runner.
 *
 * @param value Any value.
 * @returns The name, such as "Map" or "Uint8Array"; "Object" for plain objects and most class instances.
 */
export function tagOf(value: unknown): string {
  return Object.prototype.toString.call(value).slice(8, -1);
}

/**
 * Makes the error for a value of the wrong kind.
 *
 * @param place What the message calls the value, such as "fit: x".
 * @param expected What it must be, such as "an array".
 * @param got The value.
 * @returns A TypeError "PLACE must be EXPECTED, got GOT".
 */
export function wrongType(place: string, expected: string, got: unknown): TypeError {
  return new TypeError(`${place} must be ${expected}, got ${describe(got)}`);
}

/**
 * Makes the error for a value out of range.
 *
 * @param place What the message calls the value, such as "fit: epochs".
 * @param expected What it must be, such as "at least 1".
 * @param got The value.
 * @returns A RangeError "PLACE must be EXPECTED, got GOT".
 */
export function wrongValue(place: string, expected: string, got: unknown): RangeError {
  return new RangeError(`${place} must be ${expected}, got ${describe(got)}`);
}

/**
 * Checks an integer.
 *
 * @param place What errors call the value.
 * @param value Any value.
 * @param min Smallest allowed integer.
 * @param max Largest allowed integer. Default: 2^53 - 1.
 * @returns `value`.
 * @throws TypeError if it is not a number; RangeError if it is not an integer from min to max.
 */
export function checkInteger(
  place: string,
  value: unknown,
  min: number,
  max: number = Number.MAX_SAFE_INTEGER,
): number {
  if (typeof value !== "number") throw wrongType(place, "an integer", value);
  if (!Number.isInteger(value) || value < min || value > max) {
    const range =
      max === Number.MAX_SAFE_INTEGER ? `an integer of at least ${min}` : `an integer from ${min} to ${max}`;
    throw wrongValue(place, range, value);
  }
  return value;
}

/**
 * Checks a number.
 *
 * @param place What errors call the value.
 * @param value Any value.
 * @param expected What it must be, in words.
 * @param test Returns true for allowed numbers.
 * @returns `value`.
 * @throws TypeError if it is not a number; RangeError if it is not finite as a float32 or not allowed.
 */
export function checkNumber(
  place: string,
  value: unknown,
  expected: string,
  test: (value: number) => boolean,
): number {
  if (typeof value !== "number") throw wrongType(place, expected, value);
  if (!Number.isFinite(Math.fround(value)) || !test(value)) throw wrongValue(place, expected, value);
  return value;
}

/**
 * Checks a boolean.
 *
 * @param place What errors call the value.
 * @param value Any value.
 * @returns `value`.
 * @throws TypeError if it is not a boolean.
 */
export function checkBoolean(place: string, value: unknown): boolean {
  if (typeof value !== "boolean") throw wrongType(place, "a boolean", value);
  return value;
}

/**
 * Checks an option that aborts long work.
 *
 * @param place What errors call the option.
 * @param signal Any value; undefined: nothing aborts the work.
 * @throws TypeError if it is no AbortSignal.
 */
export function checkSignal(place: string, signal: unknown): void {
  const isSignal = typeof (signal as AbortSignal | null | undefined)?.throwIfAborted === "function";
  if (signal !== undefined && !isSignal) throw wrongType(place, "an AbortSignal", signal);
}

/**
 * Checks a choice.
 *
 * @param place What errors call the value.
 * @param value Any value.
 * @param choices The allowed strings.
 * @returns `value`.
 * @throws TypeError if it is not a string; RangeError if it is not one of the choices.
 */
export function checkChoice<T extends string>(place: string, value: unknown, choices: readonly T[]): T {
  const found = choices.find((choice) => choice === value);
  if (found === undefined) {
    const expected = `one of ${choices.map((choice) => `"${choice}"`).join(", ")}`;
    throw typeof value === "string" ? wrongValue(place, expected, value) : wrongType(place, expected, value);
  }
  return found;
}

/**
 * Checks the keys of an options object, so that a misspelled option is an error.
 *
 * @param place What errors call the options.
 * @param options Any value.
 * @param known The allowed keys.
 * @param remedyOf Returns the way out for a key that is not allowed; null: the error lists the allowed keys.
 * @throws TypeError if it is not an object or has another key.
 */
export function checkKeys(
  place: string,
  options: unknown,
  known: readonly string[],
  remedyOf?: (key: string) => string | null,
): void {
  if (typeof options !== "object" || options === null || Array.isArray(options)) {
    const at = place.includes(":") ? place : `${place}: options`;
    // An option that is itself an object, such as "NFM: dropout", has few keys.
    throw wrongType(
      at,
      at.endsWith(": options") ? "an object" : `an object { ${known.join(", ")} }`,
      options,
    );
  }
  for (const key of Object.keys(options)) {
    if (known.includes(key)) continue;
    const remedy = remedyOf?.(key) ?? `it has ${known.join(", ")}`;
    throw new TypeError(`${place} has no option "${key}"; ${remedy}`);
  }
}

/**
 * Says whether a value can be read by index and has a length.
 *
 * @param value Any value.
 * @returns True for arrays and typed arrays.
 */
export function isArrayLike(value: unknown): value is ArrayLike<unknown> {
  return Array.isArray(value) || (ArrayBuffer.isView(value) && !(value instanceof DataView));
}

/**
 * Says whether a value is an object with fields.
 *
 * @param value Any value.
 * @returns True for object literals and instances of the user's classes; false for arrays, Maps, Dates and
 *   other built-in objects.
 */
export function isRecord(value: unknown): value is Record<string, unknown> {
  if (typeof value !== "object" || value === null) return false;
  // Object literals, which most rows are, take the short way.
  if (Object.getPrototypeOf(value) === Object.prototype) return true;
  return Object.prototype.toString.call(value) === "[object Object]";
}
