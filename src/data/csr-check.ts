// Checks arrays in compressed-sparse-row form that come from outside, so that nothing later checks them
// again.

import { checkInteger, isArrayLike, wrongType, wrongValue } from "../core/errors.ts";
import { CSRBuilder, SCANNED } from "./csr-builder.ts";
import { badValue, isFloat32, MAX_INDEX, type SparseRows } from "./sparse-row.ts";

/** Rows in compressed-sparse-row form as users write them. */
export interface CSRInit {
  /** Number of rows. Default: `indptr.length - 1`. */
  readonly rows?: number | undefined;
  /** Number of columns, at least 0. */
  readonly cols: number;
  /**
   * Where each row starts, and the end of the last; (rows + 1), from 0 to the number of entries, never
   * decreasing.
   */
  readonly indptr: ArrayLike<number>;
  /** Column of each entry, an integer from 0 to cols - 1, no index twice in a row; (nnz). */
  readonly indices: ArrayLike<number>;
  /** Value of each entry, finite in float32; (nnz). Default: all ones. */
  readonly values?: ArrayLike<number> | null | undefined;
}

/**
 * Checks everything. Typed arrays of the right kind are kept and not copied. Explicit zeros are dropped.
 *
 * @throws TypeError or RangeError that names the element.
 */
export function checkCSR(init: CSRInit): SparseRows {
  if (typeof init !== "object" || init === null) throw wrongType("CSRMatrix: init", "an object", init);
  const { cols, indptr, indices } = init;
  const values = init.values ?? null;
  checkInteger("CSRMatrix: cols", cols, 0, MAX_INDEX + 1);
  if (!isArrayLike(indptr)) throw wrongType("CSRMatrix: indptr", "an array", indptr);
  if (!isArrayLike(indices)) throw wrongType("CSRMatrix: indices", "an array", indices);
  if (values !== null && !isArrayLike(values)) throw wrongType("CSRMatrix: values", "an array", values);
  const rows = checkInteger("CSRMatrix: rows", init.rows ?? Math.max(indptr.length - 1, 0), 0);
  if (indptr.length !== rows + 1)
    throw wrongValue("CSRMatrix: indptr.length", `rows + 1 (${rows + 1})`, indptr.length);
  if (values !== null && values.length !== indices.length) {
    throw wrongValue("CSRMatrix: values.length", `indices.length (${indices.length})`, values.length);
  }
  checkIndptr(indptr, rows, indices.length);
  return { rows, cols, ...checkEntries(indptr, indices, values, rows, cols) };
}

function checkIndptr(indptr: ArrayLike<number>, rows: number, entries: number): void {
  if (indptr[0] !== 0) throw wrongValue("CSRMatrix: indptr[0]", "0", indptr[0]);
  for (let i = 0; i < rows; i++) {
    const end = indptr[i + 1];
    if (Number.isInteger(end) && end >= indptr[i]) continue;
    throw wrongValue(
      `CSRMatrix: indptr[${i + 1}]`,
      `an integer of at least indptr[${i}] (${indptr[i]})`,
      end,
    );
  }
  if (indptr[rows] !== entries) {
    throw wrongValue(`CSRMatrix: indptr[${rows}]`, `indices.length (${entries})`, indptr[rows]);
  }
}

/** Refuses bad entries, drops explicit zeros, and drops the values altogether when all of them are ones. */
function checkEntries(
  indptr: ArrayLike<number>,
  indices: ArrayLike<number>,
  values: ArrayLike<number> | null,
  rows: number,
  cols: number,
): Pick<SparseRows, "indptr" | "indices" | "values"> {
  const positions = new Map<number, number>();
  let zeros = 0;
  let isBinary = true;
  for (let i = 0; i < rows; i++) {
    const [start, end] = [indptr[i], indptr[i + 1]];
    const isLong = end - start > SCANNED;
    if (isLong) positions.clear();
    for (let p = start; p < end; p++) {
      const index = indices[p];
      if (!(index >= 0 && index < cols) || !Number.isInteger(index)) {
        throw wrongValue(`CSRMatrix: indices[${p}]`, `an integer from 0, below cols (${cols})`, index);
      }
      if (values !== null) {
        if (!isFloat32(values[p])) throw badValue(`CSRMatrix: values[${p}]`, values[p]);
        const value = Math.fround(values[p]);
        if (value === 0) zeros++;
        if (value !== 1) isBinary = false;
      }
      let seen = -1;
      if (isLong) {
        seen = positions.get(index) ?? -1;
        positions.set(index, p);
      } else {
        for (let q = start; q < p; q++) if (indices[q] === index) seen = q;
      }
      if (seen >= start) throw duplicate(p, seen, i, index);
    }
  }
  if (zeros > 0) return withoutZeros(indptr, indices, values!, rows, cols);
  return {
    indptr: indptr instanceof Uint32Array ? indptr : Uint32Array.from(indptr),
    indices: indices instanceof Uint32Array ? indices : Uint32Array.from(indices),
    values:
      values === null || isBinary
        ? null
        : values instanceof Float32Array
          ? values
          : Float32Array.from(values),
  };
}

function duplicate(p: number, seen: number, row: number, index: number): RangeError {
  const places = `CSRMatrix: indices[${p}] must differ from indices[${seen}] in the same row (${row})`;
  return new RangeError(`${places}, got ${index} twice; CSRMatrix.fromRows sums duplicates`);
}

function withoutZeros(
  indptr: ArrayLike<number>,
  indices: ArrayLike<number>,
  values: ArrayLike<number>,
  rows: number,
  cols: number,
): SparseRows {
  const builder = new CSRBuilder();
  for (let i = 0; i < rows; i++) {
    for (let p = indptr[i]; p < indptr[i + 1]; p++) builder.push(indices[p], Math.fround(values[p]));
    builder.endRow("CSRMatrix");
  }
  return builder.build(cols, "CSRMatrix");
}
