// Turns the numbers of a field into entries of a sparse row: as they are ("raw"), standardized, or by a
// piecewise-linear basis on knots (Gorishniy et al. 2022, "On Embeddings for Numerical Features in Tabular
// Deep Learning", section 3.2), where a value is two neighboring entries whose values sum to 1. Knots can
// bend a line anywhere, but each learns from its own rows alone. A standardized entry beside them learns from
// all.

import { checkChoice, checkNumber, isRecord, wrongType, wrongValue } from "../core/errors.ts";
import type { EntrySink } from "./sparse-row.ts";

/** How the numbers of a field become entries. */
export type NumberCode =
  | { readonly type: "raw" }
  | {
      readonly type: "standard";
      /** Mean of the training values. */
      readonly mean: number;
      /** Standard deviation of the training values. 0: the field was constant, and contributes nothing. */
      readonly std: number;
    }
  | {
      readonly type: "knots";
      /** Knots in ascending order, at least two. Each has a column. Values outside saturate. */
      readonly knots: readonly number[];
      /**
       * Mean and standard deviation, above 0, of the training values, for a standardized entry behind the
       * knots. Its value is kept within -4 and 4. null: there is none.
       */
      readonly line: { readonly mean: number; readonly std: number } | null;
    };

/** Largest magnitude of the standardized entry behind knots. */
const LONGEST_LINE = 4;

/** The code of numbers that become entries as they are. */
export const RAW: NumberCode = { type: "raw" };

/**
 * Pushes the entries of a number.
 *
 * @param sink Receives the entries.
 * @param columns Columns of the code: one, or one per knot and then the one of the line.
 * @param code How the number becomes entries.
 * @param value The number, finite.
 * @returns Whether the value fits into float32. If it does not, nothing has been pushed.
 */
export function pushNumber(
  sink: EntrySink,
  columns: readonly number[],
  code: NumberCode,
  value: number,
): boolean {
  if (code.type !== "knots") {
    const scaled = Math.fround(code.type === "raw" ? value : standardized(value, code.mean, code.std));
    if (scaled - scaled !== 0) return false;
    sink.push(columns[0], scaled);
    return true;
  }
  const { knots, line } = code;
  const last = knots.length - 1;
  if (value <= knots[0]) {
    sink.push(columns[0], 1);
  } else if (value >= knots[last]) {
    sink.push(columns[last], 1);
  } else {
    let low = 0;
    let high = last; // knots[low] <= value < knots[high]
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (knots[middle] <= value) low = middle;
      else high = middle;
    }
    const share = (value - knots[low]) / (knots[high] - knots[low]);
    sink.push(columns[low], Math.fround(1 - share));
    if (share > 0) sink.push(columns[high], Math.fround(share));
  }
  if (line !== null) {
    const inside = Math.min(Math.max(value, knots[0]), knots[last]);
    const scaled = standardized(inside, line.mean, line.std);
    sink.push(columns[last + 1], Math.fround(Math.min(Math.max(scaled, -LONGEST_LINE), LONGEST_LINE)));
  }
  return true;
}

function standardized(value: number, mean: number, std: number): number {
  return std === 0 ? 0 : (value - mean) / std;
}

/**
 * Checks a number code from JSON data.
 *
 * @param place What errors call it.
 * @param json Any value.
 * @returns The code.
 * @throws TypeError or RangeError that names the part.
 */
export function readNumberCode(place: string, json: unknown): NumberCode {
  if (!isRecord(json)) throw wrongType(place, "an object", json);
  const type = checkChoice(`${place}.type`, json.type, ["raw", "standard", "knots"]);
  const finite = (name: string, value: unknown, test: (value: number) => boolean): number => {
    if (typeof value === "number" && Number.isFinite(value) && test(value)) return value;
    return checkNumber(`${place}.${name}`, value, "a finite number", test);
  };
  if (type === "raw") return { type };
  if (type === "standard") {
    return {
      type,
      mean: finite("mean", json.mean, () => true),
      std: finite("std", json.std, (std) => std >= 0),
    };
  }
  const { knots } = json;
  if (!Array.isArray(knots) || knots.length < 2)
    throw wrongType(`${place}.knots`, "at least two numbers", knots);
  knots.forEach((knot, i) => {
    finite(`knots[${i}]`, knot, () => true);
    if (i > 0 && !(knot > knots[i - 1]))
      throw wrongValue(`${place}.knots[${i}]`, `above ${knots[i - 1]}`, knot);
  });
  const { line = null } = json;
  if (line !== null && !isRecord(line)) throw wrongType(`${place}.line`, "an object", line);
  return {
    type,
    knots: [...(knots as number[])],
    line: line && {
      mean: finite("line.mean", line.mean, () => true),
      std: finite("line.std", line.std, (std) => std > 0),
    },
  };
}
