// What JSON.parse does not tell: where a text stops being JSON, in words that are the same in every engine,
// and which numbers lose digits. It runs only on lines that may have such a problem.

/** A number as JSON writes it. */
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;

/** A string as JSON writes it. */
const STRING = /"(?:[ !#-[\]-\uffff]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;

/** A number or a string, within valid JSON. */
const TOKEN = /"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*/g;

/**
 * Whether a line may hold a number that a float64 cannot hold: at least 16 digits, or a power of at least
 * 100.
 */
export const MAY_LOSE_DIGITS: RegExp = /\d{16}|[eE]\+?\d{3}/;

/** Something wrong in a line. */
export interface JSONFault {
  /** Position in the text, from 0. */
  readonly position: number;
  /** What was expected there. */
  readonly expected: string;
}

/**
 * Writes integers that a float64 cannot hold as strings, so that ids keep all their digits.
 *
 * @param text Valid JSON.
 * @returns The text with such integers in quotes; or the fault of a number that is infinite as a float64.
 */
export function quoteLargeIntegers(text: string): string | JSONFault {
  let fault: JSONFault | null = null;
  const quoted = text.replace(TOKEN, (token, position: number) => {
    if (token.startsWith('"')) return token;
    const value = Number(token);
    if (!Number.isFinite(value)) fault ??= { position, expected: "a number below 1.8e308" };
    return /^-?\d+$/.test(token) && !Number.isSafeInteger(value) ? `"${token}"` : token;
  });
  return fault ?? quoted;
}

/**
 * Finds where a text stops being one JSON value.
 *
 * @param text A text that JSON.parse refuses.
 * @returns The fault.
 */
export function findFault(text: string): JSONFault {
  const position = { at: 0 };
  const expected = readValue(text, position) ?? readEnd(text, position);
  return { position: position.at, expected: expected ?? "JSON" };
}

interface Position {
  at: number;
}

function skipSpaces(text: string, position: Position): string {
  while (/[ \t\r\n]/.test(text[position.at] ?? "")) position.at++;
  return text[position.at] ?? "";
}

function readEnd(text: string, position: Position): string | null {
  return skipSpaces(text, position) === "" ? null : "the end of the line";
}

/** Reads what the pattern matches; returns null, or what was expected. */
function readPattern(text: string, position: Position, pattern: RegExp, expected: string): string | null {
  const sticky = new RegExp(pattern);
  sticky.lastIndex = position.at;
  if (!sticky.test(text)) return expected;
  position.at = sticky.lastIndex;
  return null;
}

/** Reads a value; returns null, or what was expected at the position. */
function readValue(text: string, position: Position): string | null {
  const first = skipSpaces(text, position);
  if (first === "{") return readList(text, position, "}", readMember);
  if (first === "[") return readList(text, position, "]", readValue);
  if (first === '"')
    return readPattern(
      text,
      position,
      STRING,
      "a closed string with valid escapes, without control characters",
    );
  for (const word of ["true", "false", "null"]) {
    if (!text.startsWith(word, position.at)) continue;
    position.at += word.length;
    return null;
  }
  return readPattern(text, position, NUMBER, "a value");
}

function readMember(text: string, position: Position): string | null {
  const expected = "a name in double quotes";
  if (skipSpaces(text, position) !== '"') return expected;
  const wrong = readPattern(text, position, STRING, expected);
  if (wrong !== null) return wrong;
  if (skipSpaces(text, position) !== ":") return 'a ":"';
  position.at++;
  return readValue(text, position);
}

/** Reads an object or an array, whose items `readItem` reads. */
function readList(
  text: string,
  position: Position,
  close: string,
  readItem: (text: string, position: Position) => string | null,
): string | null {
  position.at++;
  if (skipSpaces(text, position) === close) {
    position.at++;
    return null;
  }
  for (;;) {
    const wrong = readItem(text, position);
    if (wrong !== null) return wrong;
    const next = skipSpaces(text, position);
    if (next !== "," && next !== close) return `"," or "${close}"`;
    position.at++;
    if (next === close) return null;
  }
}
