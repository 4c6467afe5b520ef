// Shared by all commands: the interface of a command, functions that read its arguments, and the output.

import { once } from "node:events";
import type { ParseArgsConfig } from "node:util";
import { checkMetric, type Metric } from "../metrics/metrics.ts";

/** A text stream to write to. */
export interface Output extends NodeJS.EventEmitter {
  /** Writes a text. Returns false if the stream wants the caller to wait for "drain". */
  write(text: string): boolean;
  /** Whether the stream is a terminal. */
  readonly isTTY?: boolean;
}

/** The streams that a command writes to. */
export interface Streams {
  /** Receives results. */
  readonly stdout: Output;
  /** Receives progress and errors. */
  readonly stderr: Output;
}

/** An error in the command line. The exit code is then 2. */
export class UsageError extends Error {}

/** Options by name, as they are on the command line. */
export type Values = Readonly<Record<string, string | boolean | undefined>>;

/** One command, `neural-fm NAME`. */
export interface Command {
  /** The text of `neural-fm NAME --help`. */
  readonly help: string;
  /** Names of the arguments that are not options. */
  readonly positionals: readonly string[];
  /** The options, in the form of Node's `parseArgs`. */
  readonly options: NonNullable<ParseArgsConfig["options"]>;
  /**
   * Runs the command.
   *
   * @param positionals The arguments that are not options.
   * @param values The options.
   * @param streams The output.
   * @throws UsageError for bad options; Error for anything else that fails.
   */
  run(positionals: readonly string[], values: Values, streams: Streams): Promise<void>;
}

/** An option with a value. */
export const text = { type: "string" } as const;
/** An option without a value. */
export const flag = { type: "boolean" } as const;

/**
 * Writes a text and waits until the stream accepts more.
 *
 * @param output The stream.
 * @param text The text.
 */
export async function write(output: Output, text: string): Promise<void> {
  if (!output.write(text)) await once(output, "drain");
}

/**
 * Reads an option with a value.
 *
 * @param values The options.
 * @param name Name of the option.
 * @returns The text; undefined if the option was not given.
 */
export function readText(values: Values, name: string): string | undefined {
  return values[name] as string | undefined;
}

/**
 * Reads an option that must be given.
 *
 * @param values The options.
 * @param name Name of the option.
 * @param what What the option names, such as "a model file".
 * @returns The text.
 * @throws UsageError if it was not given or is empty.
 */
export function requireText(values: Values, name: string, what: string): string {
  const given = readText(values, name);
  if (given) return given;
  throw new UsageError(`--${name} is missing: it names ${what}`);
}

/**
 * Reads an option whose value is a list of names with commas between.
 *
 * @param values The options.
 * @param name Name of the option.
 * @returns The names; empty if the option was not given.
 * @throws UsageError for an empty name.
 */
export function readList(values: Values, name: string): string[] {
  const given = readText(values, name);
  if (given === undefined) return [];
  const names = given.split(",").map((one) => one.trim());
  if (names.includes(""))
    throw new UsageError(`--${name} must be names with commas between, got ${JSON.stringify(given)}`);
  return names;
}

/**
 * Reads the option `--metrics`.
 *
 * @param values The options.
 * @returns The names; undefined if the option was not given.
 * @throws UsageError for a name that is no metric.
 */
export function readMetrics(values: Values): Metric[] | undefined {
  const names = readList(values, "metrics");
  if (names.length === 0) return undefined;
  try {
    return names.map((name) => checkMetric("--metrics", name));
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

/**
 * Reads an option whose value is an integer.
 *
 * @param values The options.
 * @param name Name of the option.
 * @param least Smallest allowed integer.
 * @returns The integer; undefined if the option was not given.
 * @throws UsageError for any other text.
 */
export function readInteger(values: Values, name: string, least: number): number | undefined {
  const given = readText(values, name);
  return given === undefined ? undefined : checkNumber(name, given, least, true);
}

/**
 * Reads the option about threads.
 *
 * @param values The options.
 * @returns The number of threads; "auto" if the option was not given.
 * @throws UsageError for any other text.
 */
export function readThreadCount(values: Values): number | "auto" {
  return readText(values, "threads") === "auto" ? "auto" : (readInteger(values, "threads", 1) ?? "auto");
}

/**
 * Reads a number.
 *
 * @param name Name of the option.
 * @param given The text.
 * @param least Smallest allowed number.
 * @param integer Whether it must be an integer.
 * @returns The number.
 * @throws UsageError for any other text.
 */
export function checkNumber(name: string, given: string, least: number, integer: boolean): number {
  const value = given.trim() === "" ? NaN : Number(given);
  if (value >= least && (integer ? Number.isSafeInteger(value) : Number.isFinite(value))) return value;
  throw new UsageError(
    `--${name} must be ${integer ? "an integer" : "a number"} of at least ${least}, ` +
      `got ${JSON.stringify(given)}`,
  );
}

/**
 * Reads a name.
 *
 * @param name Name of the option.
 * @param given The text.
 * @param allowed The allowed names.
 * @returns The name.
 * @throws UsageError for any other text.
 */
export function checkName<const T extends string>(name: string, given: string, allowed: readonly T[]): T {
  const found = allowed.find((one) => one === given);
  if (found === undefined)
    throw new UsageError(`--${name} must be one of ${allowed.join(", ")}, got ${JSON.stringify(given)}`);
  return found;
}
