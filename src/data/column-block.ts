// Encodes rows of columns, a block of rows at a time: first one column after the other into a table of slots,
// then the slots of each row into the builder. A loop over one column meets values of one type only, which is
// twice as fast as going through the rows.

import type { CSRBuilder } from "./csr-builder.ts";
import type { ColumnData, Field } from "./fields.ts";
import { pushNumber } from "./number-codes.ts";
import { pushField } from "./push-field.ts";
import { type EntrySink, isFloat32 } from "./sparse-row.ts";

/** Rows of a block. */
const ROWS = 128;

/** Marks a slot without an entry. It is no index, because indices end below it. */
const EMPTY = 0xffffffff;

/** Takes the entries of one value into its slots. */
class Slots implements EntrySink {
  readonly indices: Uint32Array;
  readonly values: Float32Array;
  /** The next slot. */
  at = 0;

  constructor(size: number) {
    this.indices = new Uint32Array(size);
    this.values = new Float32Array(size);
  }

  push(index: number, value: number): void {
    this.indices[this.at] = index;
    this.values[this.at++] = value;
  }
}

/**
 * Says how many entries a value of a field has at most.
 *
 * @param field The field.
 * @returns The number of entries; Infinity for lists, and where entries of two fields may have one column.
 */
function widthOf({ kind, hash, code, columns }: Field): number {
  if (hash !== null || kind === "list" || kind === "weighted list" || kind === "any") return Infinity;
  if (columns.length === 0 && (kind === "number" || kind === "flag")) return Infinity; // fewer rows than minCount had a value
  if (kind !== "number" || code.type !== "knots") return 1;
  return code.line === null ? 2 : 3;
}

/**
 * Encodes rows, if no field can have many entries.
 *
 * @param builder Receives the rows.
 * @param columns The columns.
 * @param fields The field of each column; null: it has no effect.
 * @param absent Columns that every row gets, because it lacks a field.
 * @param start First row.
 * @param end The row behind the last one.
 * @param place What errors call the columns.
 * @param hearUnknown Called with each row of which nothing is known.
 * @returns Whether the rows were encoded. If not, nothing has happened.
 * @throws TypeError or RangeError that names row and field.
 */
export function appendBlocks(
  builder: CSRBuilder,
  { data }: ColumnData,
  fields: readonly (Field | null)[],
  absent: readonly number[],
  start: number,
  end: number,
  place: string,
  hearUnknown: (row: number) => void,
): boolean {
  const widths = fields.map((field) => (field === null ? 0 : widthOf(field)));
  const width = widths.reduce((sum, next) => sum + next, 0);
  if (width === Infinity) return false;
  const slots = new Slots(Math.min(ROWS, end - start) * width);
  const known = new Uint8Array(ROWS);
  for (let from = start; from < end; from += ROWS) {
    const to = Math.min(from + ROWS, end);
    slots.indices.fill(EMPTY);
    known.fill(0);
    let first = 0;
    for (let c = 0; c < fields.length; c++) {
      const field = fields[c];
      if (field !== null) encodeColumn(slots, first, width, field, data[c], from, to, place, known);
      first += widths[c];
    }
    for (let row = from; row < to; row++) {
      const at = (row - from) * width;
      for (let p = at; p < at + width; p++) {
        if (slots.indices[p] !== EMPTY) builder.push(slots.indices[p], slots.values[p]);
      }
      for (let i = 0; i < absent.length; i++) builder.push(absent[i], 1);
      if (known[row - from] === 0 && fields.length > 0) hearUnknown(row);
      builder.endRow(place, true);
    }
  }
  return true;
}

/** Encodes the rows of one column into its slots, which begin at `first` in every row of `width` slots. */
function encodeColumn(
  slots: Slots,
  first: number,
  width: number,
  field: Field,
  values: ArrayLike<unknown>,
  from: number,
  to: number,
  place: string,
  known: Uint8Array,
): void {
  const { kind, levels, columns, code } = field;
  for (let row = from; row < to; row++) {
    const value = values[row];
    slots.at = (row - from) * width + first;
    if (value == null) {
      if (field.missing >= 0) slots.push(field.missing, 1);
    } else if (kind === "category" && typeof value === "string") {
      const column = levels.get(value);
      if (column === undefined) continue;
      slots.push(column, 1);
      known[row - from] = 1;
    } else if (kind === "number" && isFloat32(value) && pushNumber(slots, columns, code, value)) {
      known[row - from] = 1;
    } else if (kind === "flag" && typeof value === "boolean") {
      if (value) slots.push(columns[0], 1);
      known[row - from] = 1;
    } else if (pushField(slots, field, value, `${place}[${row}]`)) {
      known[row - from] = 1;
    }
  }
}
