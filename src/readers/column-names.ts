// Checks the names of a header, and the columns that options name.

import { describe } from "../core/errors.ts";

/**
 * Checks the names in the first line. A column that is not kept may have any name.
 *
 * @param place What errors start with.
 * @param names The names.
 * @param select Names of the columns that are kept; null: all.
 * @param label Name of the label column, which is kept too.
 * @throws RangeError that names the column.
 */
export function checkHeader(
  place: string,
  names: readonly string[],
  select: readonly string[] | null,
  label: string | null,
): void {
  const seen = new Map<string, number>();
  names.forEach((name, i) => {
    const isKept = select === null || select.includes(name) || name === label;
    const wayOut = "; name it in the file, or list the columns to keep in the option select";
    if (isKept && name === "")
      throw new RangeError(`${place}, column ${i + 1}: the column has no name${wayOut}`);
    const before = seen.get(name);
    seen.set(name, i);
    if (!isKept || before === undefined) return;
    throw new RangeError(
      `${place}, column ${i + 1}: the name ${describe(name)} is already the name of column ${before + 1}`,
    );
  });
}

/**
 * Makes the error for an option that names a column that is not there.
 *
 * @param place What errors start with.
 * @param option The option.
 * @param name The column.
 * @param names The columns that are there.
 */
export function missingColumn(
  place: string,
  option: string,
  name: string,
  names: Iterable<string>,
): RangeError {
  const known = [...names].map((one) => JSON.stringify(one));
  const listed =
    known.length > 50 ? `${known.slice(0, 50).join(", ")}, … (${known.length} in all)` : known.join(", ");
  return new RangeError(
    `${place}: ${option} must name a column, got ${describe(name)}; the columns are ${listed || "(none)"}`,
  );
}
