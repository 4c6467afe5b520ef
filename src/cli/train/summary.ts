// What `train` and `evaluate` say about rows, fields and metrics, in lines of text.

import type { NFM } from "../../index.ts";

/** What is known about a field of a model. */
export interface FieldSummary {
  readonly name: string;
  readonly kind: string;
  readonly levels: number | null;
  readonly range: readonly [min: number, max: number] | null;
  readonly missing: number;
}

/** Number of fields that a line names. */
const MOST_FIELDS = 40;

/**
 * Returns the fields of a model.
 *
 * @param model The model.
 * @returns The fields; empty for a model of sparse rows.
 */
export function fieldsOf(model: NFM): readonly FieldSummary[] {
  return model.fields;
}

/**
 * Describes fields in one line.
 *
 * @param fields The fields.
 * @returns Such as "user category (48), price number (1.99 to 4.99)".
 */
export function describeFields(fields: readonly FieldSummary[]): string {
  const shown = fields.slice(0, MOST_FIELDS).map(({ name, kind, levels, range, missing }) => {
    const size =
      levels !== null ? ` (${levels})` : range === null ? "" : ` (${short(range[0])} to ${short(range[1])})`;
    const gaps = missing > 0 ? `, ${(100 * missing).toPrecision(2)} % missing` : "";
    return `${name} ${kind}${size}${gaps}`;
  });
  const more = fields.length > MOST_FIELDS ? `, and ${fields.length - MOST_FIELDS} more` : "";
  return `${shown.join(", ")}${more}`;
}

/**
 * Lists names and values in one line.
 *
 * @param values Numbers by their names.
 * @returns Such as "rmse 0.52114, mae 0.42064".
 */
export function listValues(values: Readonly<Record<string, number>>): string {
  return Object.entries(values)
    .map(([name, value]) => `${name} ${value.toPrecision(5)}`)
    .join(", ");
}

/**
 * Writes the metrics of a model and of the best constant prediction.
 *
 * @param where Which rows, such as "held-out rows (72)".
 * @param metrics Metrics of the model.
 * @param constant Metrics of the constant; null: there are none.
 * @returns One or two lines, each with a line break.
 */
export function metricLines(
  where: string,
  metrics: Readonly<Record<string, number>>,
  constant: Readonly<Record<string, number>> | null,
): string {
  const same = Object.keys(metrics).filter((name) => constant?.[name] !== undefined);
  const beside = same.length === 0 ? "" : `a constant prediction: ${listValues(pick(constant!, same))}\n`;
  return `${where}: ${listValues(metrics)}\n${beside}`;
}

function pick(values: Readonly<Record<string, number>>, names: readonly string[]): Record<string, number> {
  return Object.fromEntries(names.map((name) => [name, values[name]]));
}

function short(value: number): string {
  return String(Number(value.toPrecision(6)));
}
