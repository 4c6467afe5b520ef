// How the library refuses bad input: TypeError for the kind of a value, RangeError for its size, Error for
// the state of the model. Every message names the place, what was expected there and what came.

/** Renders any value shortly enough for an error message. */
export function describe(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}…` : value);
  if (typeof value === "bigint") return `${value}n`;
  if (typeof value === "function") return `function ${value.name || "(anonymous)"}`;
  if (value === null || typeof value !== "object") return String(value);
  if (Array.isArray(value)) return `array of ${value.length}`;
  if (ArrayBuffer.isView(value))
    return `${value.constructor.name} of ${(value as unknown as ArrayLike<number>).length ?? value.byteLength}`;
  const name = value.constructor?.name ?? "Object";
  return name === "Object"
    ? `object with keys ${Object.keys(value).slice(0, 5).join(", ") || "(none)"}`
    : name;
}

/** A TypeError: "place must be expected, got what came". */
export function wrongType(place: string, expected: string, got: unknown): TypeError {
  return new TypeError(`${place} must be ${expected}, got ${describe(got)}`);
}

/** A RangeError: "place must be expected, got what came". */
export function wrongValue(place: string, expected: string, got: unknown): RangeError {
  return new RangeError(`${place} must be ${expected}, got ${describe(got)}`);
}

/** Returns `value` if it is an integer in [min, max]; throws otherwise. */
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

/** Returns `value` if it is a number, finite in 32 bits, for which `test` holds; throws otherwise. */
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

/** Returns `value` if it is a boolean; throws otherwise. */
export function checkBoolean(place: string, value: unknown): boolean {
  if (typeof value !== "boolean") throw wrongType(place, "a boolean", value);
  return value;
}

/** Returns `value` if it is one of `choices`; throws otherwise. */
export function checkChoice<T extends string>(place: string, value: unknown, choices: readonly T[]): T {
  const found = choices.find((choice) => choice === value);
  if (found === undefined) {
    const expected = `one of ${choices.map((choice) => `"${choice}"`).join(", ")}`;
    throw typeof value === "string" ? wrongValue(place, expected, value) : wrongType(place, expected, value);
  }
  return found;
}

/**
 * Throws unless `options` is a plain object whose keys are all known: a misspelt option must not pass in
 * silence.
 */
export function checkKeys(place: string, options: unknown, known: readonly string[]): void {
  if (typeof options !== "object" || options === null || Array.isArray(options)) {
    throw wrongType(place.includes(":") ? place : `${place}: options`, "an object", options);
  }
  for (const key of Object.keys(options)) {
    if (!known.includes(key))
      throw new TypeError(`${place} has no option "${key}"; it has ${known.join(", ")}`);
  }
}

/** True for arrays and typed arrays: what can be read by index and has a length. */
export function isArrayLike(value: unknown): value is ArrayLike<unknown> {
  return Array.isArray(value) || (ArrayBuffer.isView(value) && !(value instanceof DataView));
}
