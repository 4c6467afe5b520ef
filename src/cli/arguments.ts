// What the commands share: what a command is, how its arguments are read, and how it writes.

import { once } from "node:events";
import type { ParseArgsConfig } from "node:util";

/** A text stream to write to. */
export interface Output extends NodeJS.EventEmitter {
  write(text: string): boolean;
  readonly isTTY?: boolean;
}

/** Where a command writes. */
export interface Streams {
  readonly stdout: Output;
  readonly stderr: Output;
}

/** The command line is wrong. */
export class UsageError extends Error {}

/** Options by name, as they stand on the command line. */
export type Values = Readonly<Record<string, string | boolean | undefined>>;

/** One command, `neural-fm NAME`. */
export interface Command {
  readonly help: string;
  /** Names of the arguments that are no options. */
  readonly positionals: readonly string[];
  readonly options: NonNullable<ParseArgsConfig["options"]>;
  run(positionals: readonly string[], values: Values, streams: Streams): Promise<void>;
}

/** An option with a value, and one without. */
export const text = { type: "string" } as const;
export const flag = { type: "boolean" } as const;

/** Writes a text and waits until the stream takes more. */
export async function write(output: Output, text: string): Promise<void> {
  if (!output.write(text)) await once(output, "drain");
}

/** The text of an option; undefined if it was not given. */
export function readText(values: Values, name: string): string | undefined {
  return values[name] as string | undefined;
}

/** The value of an option that is an integer of at least `least`. @throws UsageError for anything else. */
export function readInteger(values: Values, name: string, least: number): number | undefined {
  const given = readText(values, name);
  return given === undefined ? undefined : checkNumber(name, given, least, true);
}

/** Reads a number of at least `least`. @throws UsageError for anything else. */
export function checkNumber(name: string, given: string, least: number, integer: boolean): number {
  const value = given.trim() === "" ? NaN : Number(given);
  if (value >= least && (integer ? Number.isSafeInteger(value) : Number.isFinite(value))) return value;
  throw new UsageError(
    `--${name} must be ${integer ? "an integer" : "a number"} of at least ${least}, got ${JSON.stringify(given)}`,
  );
}

/** Reads one of the allowed names. @throws UsageError for anything else. */
export function checkName<const T extends string>(name: string, given: string, allowed: readonly T[]): T {
  const found = allowed.find((one) => one === given);
  if (found === undefined)
    throw new UsageError(`--${name} must be one of ${allowed.join(", ")}, got ${JSON.stringify(given)}`);
  return found;
}
