// What `console.log` shows of a model in Node, in place of all its numbers.

/** The name of the method that Node's `util.inspect` calls (https://nodejs.org/api/util.html#utilinspectcustom). */
export const INSPECT: unique symbol = Symbol.for("nodejs.util.inspect.custom") as never;

/** Node's `util.inspect`, which it passes to the method. */
export type Inspect = (value: unknown) => string;

/**
 * Writes a summary in one piece of text.
 *
 * @param name Name of the class.
 * @param summary What to show.
 * @param inspect Node's `util.inspect`. Default: JSON.
 */
export function showSummary(name: string, summary: object, inspect: Inspect = JSON.stringify): string {
  return `${name} ${inspect(summary)}`;
}
